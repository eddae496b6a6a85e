//! Places for connections: so many, and a new one takes the place of whoever has sat longest without asking for anything.
//!
//! A client that opens connections and sends its head a byte a minute holds places for nothing. Whoever waits for a head,
//! before the first request or between two, may be sent away; whoever is being answered, event streams included, stays.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

/// Places for all listeners together.
pub(super) struct Seats {
    most: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    taken: usize,
    /// How often somebody began to wait.
    turns: u64,
    /// Who waits for a head, the longest first.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// The place of one connection, until the value goes.
pub(super) struct Seat {
    seats: Arc<Seats>,
    /// Its place among those who wait; `None`: it is being answered.
    turn: Mutex<Option<u64>>,
    leave: Arc<Notify>,
}

/// What became of who came.
pub(super) enum Seated {
    Free(Arc<Seat>),
    /// Somebody who waited was sent away for it.
    InPlaceOfAnother(Arc<Seat>),
    /// All are being answered.
    Full,
}

impl Seats {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, inner: Mutex::default() })
    }

    pub(super) fn take(self: &Arc<Self>) -> Seated {
        let seat = |inner: &mut Inner| {
            inner.taken += 1;
            let leave = Arc::new(Notify::new());
            let turn = Mutex::new(Some(inner.wait(Arc::clone(&leave))));
            Arc::new(Seat { seats: Arc::clone(self), turn, leave })
        };
        let mut inner = self.inner();
        if inner.taken < self.most {
            return Seated::Free(seat(&mut inner));
        }
        // Who was sent away has not got up yet: as many again, and no more.
        if inner.taken >= 2 * self.most {
            return Seated::Full;
        }
        match inner.waiting.pop_first() {
            Some((_, longest)) => {
                longest.notify_one();
                Seated::InPlaceOfAnother(seat(&mut inner))
            }
            None => Seated::Full,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn wait(&mut self, leave: Arc<Notify>) -> u64 {
        self.turns += 1;
        self.waiting.insert(self.turns, leave);
        self.turns
    }
}

impl Seat {
    /// Until somebody else needs the place.
    pub(super) async fn sent_away(&self) {
        self.leave.notified().await;
    }

    /// A whole head came: it is answered until the value goes.
    pub(super) fn answered(self: &Arc<Self>) -> Answering {
        if let Some(turn) = self.turn().take() {
            self.seats.inner().waiting.remove(&turn);
        }
        Answering(Arc::clone(self))
    }

    fn turn(&self) -> MutexGuard<'_, Option<u64>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let turn = self.turn().take();
        let mut inner = self.seats.inner();
        inner.taken -= 1;
        if let Some(turn) = turn {
            inner.waiting.remove(&turn);
        }
    }
}

/// A request that is being answered.
pub(super) struct Answering(Arc<Seat>);

impl Drop for Answering {
    fn drop(&mut self) {
        let turn = self.0.seats.inner().wait(Arc::clone(&self.0.leave));
        *self.0.turn() = Some(turn);
    }
}

/// A body that holds its connection's place until it is written.
pub(super) struct Held {
    pub(super) body: Body,
    pub(super) _answering: Answering,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(seated: Seated) -> Option<(Arc<Seat>, bool)> {
        match seated {
            Seated::Free(seat) => Some((seat, false)),
            Seated::InPlaceOfAnother(seat) => Some((seat, true)),
            Seated::Full => None,
        }
    }

    #[tokio::test]
    async fn the_longest_waiter_leaves_and_whoever_is_answered_stays() {
        let seats = Seats::new(2);
        let (one, _) = seat(seats.take()).unwrap();
        let (two, _) = seat(seats.take()).unwrap();
        let answering = one.answered();
        let (_three, instead) = seat(seats.take()).unwrap();
        assert!(instead);
        two.sent_away().await;
        drop(two);
        // The first sits and is answered, the third waits: the next comes in its place, and the one after for that.
        drop(answering);
        let both = [one.answered(), _three.answered()];
        assert!(seat(seats.take()).is_none(), "all are being answered");
        drop(both);
        assert!(seat(seats.take()).unwrap().1);
        one.sent_away().await;
    }

    #[test]
    fn whoever_was_sent_away_and_has_not_got_up_counts() {
        let seats = Seats::new(3);
        let all: Vec<_> = (0..10).filter_map(|_| seat(seats.take())).collect();
        assert_eq!((all.len(), all.iter().filter(|(_, instead)| *instead).count()), (6, 3));
        drop(all);
        let inner = seats.inner();
        assert_eq!((inner.taken, inner.waiting.len()), (0, 0));
    }
}
