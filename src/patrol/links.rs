//! Signed links: a new key by command. The disk is waited for on a thread of its own.

use serde_json::json;
use tokio::sync::oneshot;

use super::turn::Loop;
use crate::{
    command::{Command, Refusal, Reply},
    journal::Record,
    store,
    units::Now,
};

impl Loop {
    /// Links that were given out before open nothing once it is done.
    pub(super) fn rotate_links(&mut self, command: &Command, reply: oneshot::Sender<Reply>, now: Now) {
        let (Some((passes, folder)), Some(keeping)) = (self.letterhead.links.clone(), &mut self.keeping) else {
            // Whoever asked may have gone.
            let _ = reply.send(Reply::Refused(Refusal::NotKept));
            return;
        };
        let mut detail = json!({ "command": command });
        keeping.hide_people(&mut detail);
        let (event, subject) = ("links_rotated".to_owned(), String::new());
        keeping.record(Record::Note { now, event, subject, detail }, now);
        let renew = move || {
            let answer = match store::new_pass_key(&folder) {
                Ok(key) => {
                    passes.replace(key);
                    Reply::Done { at: now.utc }
                }
                Err(error) => {
                    tracing::error!(%error, "links keep their key");
                    Reply::Refused(Refusal::NotStored { reason: error.to_string() })
                }
            };
            let _ = reply.send(answer);
        };
        if let Err(error) = std::thread::Builder::new().name("links".into()).spawn(renew) {
            tracing::error!(%error, "cannot start the thread that makes a new key");
        }
    }
}
