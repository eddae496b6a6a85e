//! `linkpatrol ledger history`: what was counted of a link's points, step by step.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{Global, Output, print_findings};
use crate::{
    clock::{Clock, SystemClock},
    ledger::{HistoryRow, Millis, Span, Step},
    patrol::load::from_file,
    store,
    text::{HistoryLine, Language, LedgerMessage, Message},
    units::Timestamp,
};

const DAY_MILLIS: i64 = 86_400_000;

#[derive(Debug, clap::Args)]
pub(super) struct History {
    /// Id of a link.
    link: String,
    /// Such as 2026-11-20T03:00:00+08:00; without it a day before `--to`.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Without it now.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// `5m`, `1h` or `1d`.
    #[arg(long, default_value = "1h", value_name = "STEP")]
    step: String,
    /// The state folder, instead of `data_dir` of the configuration.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl History {
    /// Exit code 2 when nothing could be shown.
    pub(super) fn run(self, global: &Global) -> ExitCode {
        let (loaded, findings) = from_file(global.config_file.as_deref());
        let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
        let Some(loaded) = loaded else {
            print_findings(&findings, language);
            return ExitCode::from(2);
        };
        let refuse = |message| {
            anstream::eprintln!("{}", Message::Ledger(message).say(language));
            ExitCode::from(2)
        };
        let Some(step) = Step::parse(&self.step) else { return refuse(LedgerMessage::NoSuchStep) };
        let now = SystemClock::start().now().utc;
        let span = time(self.to.as_deref(), now)
            .and_then(|to| Some((time(self.from.as_deref(), Timestamp(to.0 - DAY_MILLIS))?, to)))
            .and_then(|(from, to)| Span::new(from, to, step, loaded.contract.time_zone));
        let Some(span) = span else { return refuse(LedgerMessage::BadSpan { days: step.most_days() }) };
        let folder = self.data_dir.unwrap_or_else(|| loaded.config.data_dir.clone());
        let [first, last] = span.days();
        let rows = match store::rollups(&folder, &self.link, [&first, &last]) {
            Ok((days, unreadable)) => {
                unreadable.into_iter().for_each(|row| _ = refuse(LedgerMessage::Unreadable { row }));
                span.rows(days)
            }
            Err(error) => {
                anstream::eprintln!("{error}");
                return ExitCode::from(2);
            }
        };
        match global.output {
            Output::Json => anstream::println!("{:#}", json!({ "link": self.link, "rows": rows })),
            Output::Text => rows.iter().for_each(|row| print(row, language)),
        }
        if rows.is_empty() { refuse(LedgerMessage::NoAccounts) } else { ExitCode::SUCCESS }
    }
}

/// `None`: what was given is no time.
fn time(given: Option<&str>, otherwise: Timestamp) -> Option<Timestamp> {
    let read = |text| chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| Timestamp(time.timestamp_millis()));
    given.map_or(Some(otherwise), read)
}

fn print(row: &HistoryRow, language: Language) {
    let seconds = |millis: u64| format!("{}.{:03}s", millis / 1_000, millis % 1_000);
    let Millis { up, degraded, down, unknown } = row.millis;
    let (probes, millis) = (row.probes, [up, degraded, down, unknown]);
    let line = HistoryLine {
        from: row.from.0.rfc3339(row.from.1),
        role: row.role.as_str(),
        answered: probes.up.answered + probes.down.answered,
        lost: probes.up.lost,
        lost_down: probes.down.lost + probes.unverified,
        unmeasured: probes.up.unmeasured + probes.down.unmeasured,
        states: millis.map(seconds),
        rtt: row.rtt_nanos.as_ref().map(|rtt| format!("{}.{:03}ms", rtt.p50 / 1_000_000, rtt.p50 / 1_000 % 1_000)),
    };
    anstream::println!("{}", Message::Ledger(LedgerMessage::History(Box::new(line))).say(language));
}
