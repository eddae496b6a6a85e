//! The worker of a channel to people: one message at a time, until it is taken, refused or too old.
//!
//! A message that its receiver chokes on must not hold up the others: after a failure whatever was tried least goes
//! first. Of one recipient and incident the order stands, so that nobody reads the end before the beginning; when the end
//! is there before anything of it was taken, one late message with the true times says all.

use prometheus::IntCounterVec;
use tokio::time::sleep;

use super::{Delivery, EXPIRES, MOST_ATTEMPTS, Post, back_off, client::Answer, transport::Transport};
use crate::{
    notify::{Notice, NoticeKind},
    text::{ChannelText, Language, Message},
};

pub(super) struct Worker {
    pub post: Post,
    pub transport: Transport,
    pub segments: IntCounterVec,
    pub language: Language,
}

impl Worker {
    /// Ends when the loop drops its end.
    pub(super) async fn run(mut self) {
        let (mut pending, mut failures): (Vec<Notice>, u32) = (vec![], 0);
        loop {
            if pending.is_empty() {
                let Some(notice) = self.post.notices.recv().await else { return };
                pending.push(notice);
            }
            while let Ok(notice) = self.post.notices.try_recv() {
                pending.push(notice);
            }
            self.overtake(&mut pending).await;
            let at = next(&pending);
            if let Some(door) = self.post.holding(&pending[at]) {
                let notice = pending.remove(at);
                self.post.report.ended(&notice, Delivery::Held, door).await;
                continue;
            }
            pending[at].attempts += 1;
            let notice = &pending[at];
            let wait = match self.send(notice).await {
                Answer::Accepted(receipt) => {
                    self.post.report.ended(notice, Delivery::Delivered, receipt).await;
                    pending.remove(at);
                    failures = 0;
                    continue;
                }
                Answer::Refused(reason) => {
                    tracing::error!(channel = notice.channel, key = notice.key, reason, "a message is refused");
                    self.post.report.ended(notice, Delivery::Refused, reason).await;
                    pending.remove(at);
                    continue;
                }
                Answer::Later { reason, wait } => {
                    tracing::warn!(channel = notice.channel, key = notice.key, reason, "a message has to wait");
                    let is_old = self.post.clock.now().utc.since(notice.created) > EXPIRES;
                    if is_old || notice.attempts >= MOST_ATTEMPTS {
                        self.post.report.ended(notice, Delivery::Expired, reason).await;
                        pending.remove(at);
                    } else {
                        self.post.report.failed(notice, reason).await;
                    }
                    wait.unwrap_or_else(|| back_off(failures))
                }
            };
            failures += 1;
            // News do not shorten the pause: the receiver is the same.
            sleep(wait).await;
            if self.post.notices.is_closed() {
                return;
            }
        }
    }

    /// Drops what an end that waits behind it makes old news, and marks that end as late.
    async fn overtake(&self, pending: &mut Vec<Notice>) {
        while let Some((old, end)) = overtaken(pending) {
            let late = &mut pending[end];
            let mark = Message::Channel(ChannelText::Late).say(self.language).to_string();
            if let Some(message) = late.message.as_mut().filter(|message| !message.subject.starts_with(&mark)) {
                message.subject = format!("{mark}{}", message.subject);
                if let Some(short) = &mut message.short {
                    short.text = format!("{mark}{}", short.text);
                }
            }
            let by = late.id();
            let notice = pending.remove(old);
            self.post.report.ended(&notice, Delivery::Replaced, by).await;
        }
    }

    async fn send(&self, notice: &Notice) -> Answer {
        // Rendered by whoever made it.
        let Some(message) = &notice.message else { return Answer::Refused("it was never rendered".to_owned()) };
        let answer = self.transport.attempt(message, self.post.clock.now().utc).await;
        if let (Answer::Accepted(_), Some(segments)) = (&answer, self.transport.segments(message)) {
            self.segments.with_label_values(&[&message.channel]).inc_by(segments as u64);
        }
        answer
    }
}

/// A notice that waits, and the end of its thread that waits behind it.
fn overtaken(pending: &[Notice]) -> Option<(usize, usize)> {
    let is_end = |notice: &Notice| matches!(notice.kind, NoticeKind::Restored | NoticeKind::Annulled);
    let end_of = |old: usize| {
        let behind = (old + 1..pending.len()).rev();
        behind.into_iter().find(|end| is_end(&pending[*end]) && pending[*end].thread() == pending[old].thread())
    };
    (0..pending.len()).find_map(|old| Some((old, end_of(old)?)))
}

/// Which to try: of those with no older one of the same thread before them, the one that was tried least.
fn next(pending: &[Notice]) -> usize {
    let is_first = |at: usize| !pending[..at].iter().any(|older| older.thread() == pending[at].thread());
    (0..pending.len()).filter(|at| is_first(*at)).min_by_key(|at| pending[*at].attempts).unwrap_or(0)
}
