//! Replies that nobody could take for an answer: they wait for the duty officer.

use serde::{Deserialize, Serialize};

use super::Register;
use crate::{
    command::{Refusal, Unclear},
    units::Timestamp,
};

/// Replies that are kept: those that wait, and the newest of those that were dealt with.
const MOST: usize = 200;
/// Longest note, in characters.
const NOTE: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnclearReply {
    /// Key of the command that brought it.
    pub id: String,
    pub at: Timestamp,
    /// In part.
    pub number: String,
    /// Whose number it is; empty: nobody's that we know.
    pub party: String,
    pub person: String,
    pub text: String,
    pub why: Unclear,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
}

/// Who has dealt with a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub by: String,
    pub at: Timestamp,
    pub note: String,
}

impl Register {
    /// Replies, the newest first.
    pub fn replies(&self) -> impl Iterator<Item = &UnclearReply> {
        self.replies.iter().rev()
    }

    /// How many wait for a person.
    pub fn replies_waiting(&self) -> usize {
        self.replies.iter().filter(|reply| reply.settled.is_none()).count()
    }

    /// Leaves a reply for a person. `false`: it is there.
    pub fn list_reply(&mut self, unclear: UnclearReply) -> bool {
        if self.replies.iter().any(|known| known.id == unclear.id) {
            return false;
        }
        if self.replies.len() >= MOST {
            // Who floods us pushes out what was dealt with first.
            let oldest = self.replies.iter().position(|reply| reply.settled.is_some()).unwrap_or(0);
            self.replies.remove(oldest);
            self.replies_dropped += 1;
        }
        self.replies.push(unclear);
        true
    }

    /// A person has dealt with it.
    ///
    /// # Errors
    /// No reply has this id, or somebody has dealt with it before.
    pub fn settle_reply(&mut self, id: &str, by: &str, note: &str, now: Timestamp) -> Result<(), Refusal> {
        let reply = self.replies.iter_mut().find(|reply| reply.id == id).ok_or(Refusal::NoSuchReply)?;
        if let Some(settled) = &reply.settled {
            return Err(Refusal::AlreadyDone { by: settled.by.clone() });
        }
        let note = note.trim().chars().take(NOTE).collect();
        reply.settled = Some(Settled { by: by.to_owned(), at: now, note });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unclear(id: usize) -> UnclearReply {
        UnclearReply {
            id: format!("r{id}"),
            at: Timestamp(0),
            number: "138****0001".into(),
            party: String::new(),
            person: String::new(),
            text: "收到".into(),
            why: Unclear::NoCode,
            settled: None,
        }
    }

    #[test]
    fn a_flood_pushes_out_what_was_dealt_with_and_a_repeat_is_one() {
        let mut register = Register::default();
        assert!((0..MOST).all(|id| register.list_reply(unclear(id))) && !register.list_reply(unclear(7)));
        assert_eq!(register.settle_reply("r9", "李工", "电话确认", Timestamp(5)), Ok(()));
        assert!(matches!(register.settle_reply("r9", "王工", "", Timestamp(6)), Err(Refusal::AlreadyDone { .. })));
        assert_eq!(register.settle_reply("r999", "王工", "", Timestamp(6)), Err(Refusal::NoSuchReply));
        assert_eq!(register.replies_waiting(), MOST - 1);
        register.list_reply(unclear(MOST));
        assert_eq!((register.replies_waiting(), register.replies().count(), register.replies_dropped), (MOST, MOST, 1));
        assert!(register.replies().all(|reply| reply.id != "r9"));
    }
}
