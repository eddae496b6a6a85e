//! Where readers find the newest picture, and ask for one: the only thing that the loop and its readers share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{sync::Notify, time::timeout};

use crate::{snapshot::Snapshot, units::Mono};

/// A picture is made at most this often.
const FRESH: Duration = Duration::from_millis(500);
/// So long is waited for a fresh one. It is there within milliseconds, unless the loop stands still or is very busy.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where readers find the newest [`Snapshot`]. Reading never blocks, and never blocks the writer.
///
/// A picture costs the loop as much as the samples of a second do, so it is made for those who look: [`Feed::fresh`] has
/// one made now, [`Feed::ask`] as soon as the newest is no longer fresh.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    newest: ArcSwap<Snapshot>,
    asked: AtomicBool,
    published: Notify,
    /// When the loop last turned, on the steady clock.
    turned: AtomicI64,
    /// Lets the loop turn at once; `None`: nobody makes pictures.
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Feed {
    /// A picture that stays.
    pub fn new(first: Snapshot) -> Self {
        Self::with(first, None)
    }

    /// Of a loop that `wake` lets turn at once.
    pub fn made_by(first: Snapshot, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self::with(first, Some(Box::new(wake)))
    }

    fn with(first: Snapshot, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Self {
        let turned = AtomicI64::new(first.at.mono.0);
        let (newest, asked, published) = (ArcSwap::from_pointee(first), AtomicBool::new(false), Notify::new());
        Self(Arc::new(Shared { newest, asked, published, turned, wake }))
    }

    pub fn publish(&self, next: Snapshot) {
        self.0.asked.store(false, Relaxed);
        self.0.newest.store(Arc::new(next));
        self.0.published.notify_waiters();
    }

    /// The newest that was made, however old it is.
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.newest.load_full()
    }

    /// Waits for a new one where the newest is no longer fresh, but not for long.
    pub async fn fresh(&self, now: Mono) {
        let Some(wake) = &self.0.wake else { return };
        // Before the look: whatever is published after it is heard of.
        let published = self.0.published.notified();
        let is_old = self.is_old(now);
        self.ask();
        if is_old {
            wake();
            // Then the old one tells by its time that it is old.
            let _ = timeout(PATIENCE, published).await;
        }
    }

    /// Asks for a new one as soon as the newest is no longer fresh.
    pub fn ask(&self) {
        self.0.asked.store(true, Relaxed);
    }

    /// Notes a turn of the loop. `true`: a picture is due.
    pub fn turn(&self, now: Mono) -> bool {
        self.0.turned.store(now.0, Relaxed);
        self.0.asked.load(Relaxed) && self.is_old(now)
    }

    /// When the loop last turned.
    pub fn turned(&self) -> Mono {
        Mono(self.0.turned.load(Relaxed))
    }

    fn is_old(&self, now: Mono) -> bool {
        now.since(self.0.newest.load().at.mono) >= FRESH
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::export::fixture;

    /// The fixture's picture as of this second.
    fn picture(second: i64) -> Snapshot {
        let mut picture = fixture::snapshot(1);
        picture.at.mono = Mono(second * 1_000);
        picture
    }

    #[tokio::test]
    async fn a_picture_is_made_when_somebody_looks_and_at_most_twice_a_second() {
        let woken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&woken);
        let feed = Feed::made_by(picture(0), move || _ = counted.fetch_add(1, Relaxed));
        assert!(!feed.turn(Mono(60_000)), "nobody looks");
        assert_eq!(feed.turned(), Mono(60_000));

        let reader = feed.clone();
        let reading = tokio::spawn(async move { reader.fresh(Mono(60_010)).await });
        tokio::task::yield_now().await;
        assert!(feed.turn(Mono(60_011)), "somebody does");
        feed.publish(picture(60));
        reading.await.unwrap();
        assert_eq!((feed.load().at.mono, woken.load(Relaxed)), (Mono(60_000), 1));

        // The next one finds it fresh, and has it renewed when it no longer is.
        feed.fresh(Mono(60_400)).await;
        assert_eq!(woken.load(Relaxed), 1);
        assert!(!feed.turn(Mono(60_450)) && feed.turn(Mono(60_500)));
    }

    #[tokio::test]
    async fn a_loop_that_stands_still_keeps_nobody_waiting() {
        let feed = Feed::made_by(picture(0), || {});
        timeout(PATIENCE * 20, feed.fresh(Mono(9_000))).await.expect("the old one");
        assert_eq!(feed.load().at.mono, Mono(0));
    }
}
