//! What is told of groups of devices: how many are online.
//!
//! A feed: `{"at": "2026-11-27T08:00:00+08:00", "groups": [{"group": "G-1", "online": 95, "total": 100, "absent": 2}]}`; `at`
//! may stand in a group as well, and is then its own; `absent` may be left out. A low rate is no fault here: it is the
//! mean of the day that is judged.

use std::collections::HashMap;

use serde::Deserialize;

use super::{
    Checker, Progress, Stopped,
    feed::{Counted, heard, moment, recent},
};
use crate::{
    clock::{Clock, SystemClock},
    inventory::Online,
    profile::{
        service::{Check, OnlineRate},
        services::MOST_SERVICES,
    },
    sample::service::{Ending, Phase},
    units::Timestamp,
};

/// Looks at what is told of a group now.
pub(super) async fn ask(checker: &Checker, check: &Check, rate: &OnlineRate, progress: &mut Progress) -> Stopped<()> {
    let source = (&*rate.group, &rate.feed, rate.shared_for);
    let (told, error) = heard(checker, &checker.online, check, source, progress).await;
    progress.enter(Phase::Content);
    progress.report.online = told;
    recent(&rate.group, told, rate.silent_after, &error, SystemClock::start().now())
        .map(drop)
        .map_err(Ending::Unmeasured)
}

#[derive(Deserialize)]
struct Document {
    at: Option<String>,
    groups: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    group: String,
    at: Option<String>,
    online: u32,
    total: u32,
    #[serde(default)]
    absent: u32,
}

impl Counted for Online {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn understood(bytes: &[u8]) -> Result<HashMap<String, Self>, String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if document.groups.len() > MOST_SERVICES {
            return Err(format!("more than {MOST_SERVICES} groups"));
        }
        let mut groups = HashMap::new();
        for row in document.groups {
            let wrong = |what: &str| format!("group {}: {what}", row.group.chars().take(64).collect::<String>());
            let at = row.at.as_ref().or(document.at.as_ref());
            let at = at.ok_or_else(|| wrong("nothing says when it was counted"))?;
            let at = moment(at).ok_or_else(|| wrong("at is no time such as 2026-11-20T03:00:00+08:00"))?;
            let told = Self { at, online: row.online, total: row.total, absent: row.absent };
            if told.expected().is_none() {
                return Err(wrong("more are online or absent than there are"));
            }
            if groups.insert(row.group.clone(), told).is_some() {
                return Err(wrong("it is there twice"));
            }
        }
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_document_is_taken_whole_or_not_at_all() {
        let of = |rows: &str| {
            Online::understood(format!(r#"{{"at":"2026-11-27T08:00:00+08:00","groups":[{rows}]}}"#).as_bytes())
        };
        let good = r#"{"group":"A","online":95,"total":100,"absent":2,"more":1}"#;
        let told = of(good).unwrap();
        assert_eq!((told["A"].online, told["A"].expected()), (95, Some(98)));
        assert_eq!(of(r#"{"group":"A","online":0,"total":0}"#).unwrap()["A"].expected(), Some(0));
        for wrong in [
            format!("{good},{good}"),
            r#"{"group":"B","online":101,"total":100}"#.to_owned(),
            r#"{"group":"B","online":99,"total":100,"absent":2}"#.to_owned(),
            r#"{"group":"B","online":1,"total":1,"absent":2}"#.to_owned(),
            r#"{"group":"B","online":-1,"total":1}"#.to_owned(),
            r#"{"group":"B","online":1,"total":1,"at":"gestern"}"#.to_owned(),
            r#"{"group":"B","online":1}"#.to_owned(),
        ] {
            assert!(of(&wrong).is_err(), "{wrong}");
        }
        assert!(Online::understood(format!(r#"{{"groups":[{good}]}}"#).as_bytes()).is_err(), "nothing says when");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = Online::understood(&bytes);
        }
    }
}
