//! What the product said, as it said it: `verdicts.jsonl`, one line per fact.
//!
//! ```json
//! {"event":"link","at":1790000006400,"link":"LL-0001","state":"down","since":1790000005100}
//! {"event":"incident","at":1790000006400,"id":"01K…","kind":"outage","began":1790000005100,"links":["LL-0001"]}
//! {"event":"service","at":1790000008400,"service":"portal","state":"down","reason":"connection_refused","since":1790000006200}
//! ```
//!
//! A line of an incident names the links that it holds as down and no incident held before.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Write},
    path::Path,
};

use serde_json::json;

use super::truth::VANTAGE;
use crate::{incident::IncidentKind, inventory::LinkId, judge::LinkState, patrol::Fact};

pub struct Verdicts {
    file: File,
    /// Links that an incident holds as down. One that a storm hands to another incident was told of before.
    held: BTreeSet<LinkId>,
}

impl Verdicts {
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, held: BTreeSet::new() })
    }

    /// Returns the links that an incident holds anew.
    pub fn write(&mut self, fact: &Fact) -> io::Result<Vec<LinkId>> {
        let (line, fresh) = match fact {
            Fact::LinkChanged { link, state, since, noticed } => {
                if *state != LinkState::Down {
                    self.held.remove(link);
                }
                (json!({ "event": "link", "at": noticed, "link": link, "state": state.name(), "since": since }), vec![])
            }
            Fact::IncidentOpened { id, kind: kind @ IncidentKind::Isolation, began, at, .. } => {
                let line = json!({ "event": "incident", "at": at, "id": id, "kind": kind, "began": began, "links": [VANTAGE] });
                (line, vec![])
            }
            Fact::IncidentOpened { id, kind, began, at, links } => {
                let fresh = self.fresh(links);
                (
                    json!({ "event": "incident", "at": at, "id": id, "kind": kind, "began": began, "links": fresh }),
                    fresh,
                )
            }
            Fact::IncidentChanged { id, at, links } => {
                let fresh = self.fresh(links);
                if fresh.is_empty() {
                    return Ok(fresh);
                }
                (json!({ "event": "incident", "at": at, "id": id, "links": fresh }), fresh)
            }
            Fact::ServiceSaid { service, state, reason, since, at } => (
                json!({ "event": "service", "at": at, "service": service, "state": state, "reason": reason,
                    "since": since }),
                vec![],
            ),
        };
        writeln!(self.file, "{line}")?;
        Ok(fresh)
    }

    fn fresh(&mut self, links: &[LinkId]) -> Vec<LinkId> {
        links.iter().filter(|link| self.held.insert((*link).clone())).cloned().collect()
    }
}
