//! `linkpatrol doctor`: whether this machine can do what linkpatrol.yaml asks of it.
//!
//! Looks at rights, time, disk, fonts and channels. Nothing is sent, unless a channel is named: then everybody in its `to` gets
//! a message marked 【测试】.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, ExitCode},
};

use serde_json::{Value, json};

use super::{Global, Output, print_findings};
use crate::{
    clock::{Clock, Discipline, SystemClock, discipline},
    duty::{Contact, Contacts},
    notify::channels,
    patrol::{self, load},
    store::room,
    text::{ChannelText, Language, Message},
    units::Timestamp,
};

/// Least room on the disk of `data_dir`: a year of the shipped city needs about that much.
const LEAST_ROOM: u64 = 1 << 30;
/// Days for which a contact counts as verified.
const VERIFIED_WITHIN: i64 = 184;
/// Bit of CAP_NET_RAW in the masks of /proc/self/status.
const CAP_NET_RAW: u32 = 13;

/// Looks whether this machine can measure, keep time, store and tell; sends a test message when asked to.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Sends a message marked 【测试】 to everybody in the `to` of this channel. May be given several times.
    #[arg(long = "send", value_name = "CHANNEL")]
    send: Vec<String>,
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    is_fine: bool,
    said: ChannelText,
}

impl Doctor {
    pub fn run(self, global: &Global) -> ExitCode {
        let (loaded, findings) = load::from_file(global.config_file.as_deref());
        let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
        print_findings(&findings, language);
        let Some(loaded) = loaded else { return ExitCode::from(1) };
        let mut found = vec![rights(), time(), disk(&loaded.config.data_dir), fonts()];
        found.push(contacts(&loaded.contacts, SystemClock::start().now().utc, loaded.contract.time_zone));
        let setup = patrol::channel_setup(&loaded.config, String::new());
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                anstream::eprintln!("{error}");
                return ExitCode::from(2);
            }
        };
        let now = SystemClock::start().now().utc;
        for trial in runtime.block_on(channels::try_out(&setup, &self.send, now)) {
            let channels::Trial { channel, recipient, result } = trial;
            let (is_fine, words) = match result {
                Ok(words) => (true, words),
                Err(words) => (false, words),
            };
            found.push(Finding {
                what: "channel",
                is_fine,
                said: ChannelText::Channel { channel, recipient, is_fine, words },
            });
        }
        match global.output {
            Output::Text => found.iter().for_each(|finding| print_line(finding, language)),
            Output::Json => {
                let list: Vec<Value> = found
                    .iter()
                    .map(|one| {
                        let message = Message::Channel(one.said.clone()).say(language).to_string();
                        json!({"what": one.what, "fine": one.is_fine, "message": message})
                    })
                    .collect();
                anstream::println!("{:#}", json!({"findings": list}));
            }
        }
        ExitCode::from(u8::from(!found.iter().all(|finding| finding.is_fine)))
    }
}

fn print_line(finding: &Finding, language: Language) {
    let mark = if finding.is_fine { "✓" } else { "✗" };
    anstream::println!("{mark} {}", Message::Channel(finding.said.clone()).say(language));
}

/// Whom nobody has made sure of for half a year may be at another number by now.
fn contacts(contacts: &Contacts, now: Timestamp, zone: chrono_tz::Tz) -> Finding {
    let today = now.rfc3339(zone).get(..10).and_then(|day| day.parse::<chrono::NaiveDate>().ok()).unwrap_or_default();
    let is_old = |contact: &&Contact| (today - contact.verified).num_days() > VERIFIED_WITHIN;
    let old: Vec<String> = contacts.list.iter().filter(is_old).map(|contact| contact.id.clone()).collect();
    Finding { what: "contacts", is_fine: old.is_empty(), said: ChannelText::Contacts { all: contacts.list.len(), old } }
}

/// Without CAP_NET_RAW ping sockets are left, with one identifier that the kernel owns.
fn rights() -> Finding {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    let is_fine = mask.is_some_and(|mask| mask >> CAP_NET_RAW & 1 == 1);
    Finding { what: "rights", is_fine, said: ChannelText::Rights { is_fine } }
}

/// Deadlines and down-time are civil time: a clock that nobody corrects accuses carriers falsely.
fn time() -> Finding {
    let Discipline { is_synchronised: is_fine, most_error } = discipline();
    Finding { what: "time", is_fine, said: ChannelText::Time { is_fine, error_millis: most_error.as_millis() } }
}

fn disk(folder: &Path) -> Finding {
    // A new installation has no folder yet: its disk is that of the folder above.
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let room = room(existing).unwrap_or(0);
    let (is_fine, folder) = (room >= LEAST_ROOM, folder.display().to_string());
    Finding { what: "disk", is_fine, said: ChannelText::Disk { is_fine, folder, mebibytes: room >> 20 } }
}

/// Without a Chinese font a browser on this machine shows boxes. A server without a screen needs none.
fn fonts() -> Finding {
    let listed = Command::new("fc-list").args([":lang=zh", "family"]).output().ok();
    let listed = listed.filter(|output| output.status.success());
    let families = listed.map(|output| String::from_utf8_lossy(&output.stdout).lines().collect::<BTreeSet<_>>().len());
    Finding { what: "fonts", is_fine: families != Some(0), said: ChannelText::Fonts(families) }
}
