//! How old the file or the newest record of a service may be, as `services.yaml` says it.

use std::time::Duration;

use serde::Deserialize;

use super::{Reader, WrittenService};
use crate::{
    diagnostic::{
        Code,
        yaml::{self, Lasting},
    },
    profile::service::{Check, Freshness, Record},
    text::{Message, ServiceText},
};

/// `{within: 15m, record: /data/0/time}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenFreshness {
    within: Lasting,
    record: Option<String>,
}

/// Times are written in whole seconds.
const LEAST: Duration = Duration::from_secs(1);

impl Reader<'_> {
    /// The check with the freshness that `written` asks of it; findings say what cannot be asked.
    pub(super) fn fresh(&mut self, path: &str, check: Check, written: &WrittenService) -> Check {
        let Some(WrittenFreshness { within: Lasting(within), record }) = &written.freshness else { return check };
        if *within < LEAST {
            self.out_of_range(&format!("{path}.within"), "1s", "400d");
        }
        let read = record.as_deref().map(Record::parse).transpose();
        let record = match read {
            Ok(record) => record,
            Err(error) => {
                let text = record.as_deref().map(yaml::shortened).unwrap_or_default();
                let message = Message::Service(ServiceText::BadRecord { text, error });
                let help = Message::Service(ServiceText::RecordHelp);
                self.findings.error(self.document.place(&format!("{path}.record")), Code::WRONG_VALUE, message, help);
                return check;
            }
        };
        let kind = check.kind.as_str();
        let key = if record.is_some() { "record" } else { "within" };
        match check.clone().asking_for(Freshness { within: *within, record }) {
            Some(asking) => asking,
            None => {
                let message = Message::Service(ServiceText::NoFreshness { kind, key });
                let help = Message::Service(ServiceText::NoFreshnessHelp);
                self.findings.error(self.document.place(&format!("{path}.{key}")), Code::WRONG_VALUE, message, help);
                check
            }
        }
    }
}
