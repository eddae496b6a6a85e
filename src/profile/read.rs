//! The files of `probes/`: one profile each, named after its file.

use std::{
    collections::HashMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{Profile, Profiles, Serves, Settings};
use crate::{
    diagnostic::{
        Code, Findings, Place,
        yaml::{self, Document, Lasting},
    },
    inventory::{Kind, Role, Set, usable_dscp},
    text::Message,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: Method,
    #[serde(default)]
    serves: Vec<WrittenServes>,
    /// Why the interval is as short as it is, where it is shorter than usual.
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    interval: Option<Lasting>,
    #[serde(default)]
    timeout: Option<Lasting>,
    #[serde(default)]
    size: Option<u16>,
    #[serde(default)]
    dscp: Option<u8>,
    #[serde(default)]
    hop_limit: Option<u8>,
    #[serde(default)]
    dont_fragment: Option<bool>,
    #[serde(default)]
    source: Option<IpAddr>,
    #[serde(default)]
    interface: Option<String>,
    #[serde(default)]
    confirm: WrittenConfirm,
    #[serde(default)]
    restore: WrittenRestore,
}

/// Kinds of probes that exist.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    Icmp,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenServes {
    link_kind: Kind,
    role: Role,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenConfirm {
    probes: Option<u8>,
    spacing: Option<Lasting>,
    factor: Option<u8>,
    floor: Option<Lasting>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenRestore {
    answers: Option<u8>,
    span: Option<Lasting>,
}

impl Profiles {
    /// Reads every `.yaml` file of a folder, in order of name.
    pub fn load(folder: &Path, findings: &mut Findings) -> Self {
        let before = findings.errors();
        let mut profiles = Self { folder: folder.into(), list: vec![], whole: false };
        for file in yaml_files(folder, findings) {
            let Some(document) = yaml::read::<Written>(&file, findings) else { continue };
            let profile = profile(&file, &document, findings);
            match profiles.named(&profile.name) {
                None => profiles.list.push(profile),
                Some(first) => {
                    let message = Message::DuplicateProfile { name: profile.name, first: first.place.clone() };
                    let place = document.place("kind");
                    findings.error(place, Code::DUPLICATE_PROFILE, message, Message::DuplicateProfileHelp);
                }
            }
        }
        profiles.refuse_rivals(findings);
        profiles.whole = findings.errors() == before;
        profiles
    }

    /// Two profiles for the same points: which one holds would depend on the order of files.
    fn refuse_rivals(&self, findings: &mut Findings) {
        let mut first: HashMap<(Kind, Role), &Serves> = HashMap::new();
        for serves in self.list.iter().flat_map(|profile| &profile.serves) {
            match first.get(&(serves.kind, serves.role)) {
                None => _ = first.insert((serves.kind, serves.role), serves),
                Some(first) => {
                    let (kind, role) = (serves.kind.as_str(), serves.role.as_str());
                    let message = Message::ServedTwice { kind, role, first: first.place.clone() };
                    findings.error(serves.place.clone(), Code::SERVED_TWICE, message, Message::ServedTwiceHelp);
                }
            }
        }
    }
}

fn yaml_files(folder: &Path, findings: &mut Findings) -> Vec<PathBuf> {
    let is_yaml = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let mut files: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_yaml).collect(),
        Err(error) => {
            let message = Message::Unreadable { cause: error.to_string() };
            findings.error(Place::whole(folder), Code::NO_PROFILES, message, Message::NoProfilesHelp);
            return vec![];
        }
    };
    if files.is_empty() {
        findings.error(Place::whole(folder), Code::NO_PROFILES, Message::NoProfiles, Message::NoProfilesHelp);
    }
    files.sort();
    files
}

fn profile(file: &Path, document: &Document<Written>, findings: &mut Findings) -> Profile {
    let Written { kind: Method::Icmp, serves, reason, confirm, restore, .. } = &document.value;
    let serves = serves.iter().enumerate().map(|(at, serves)| Serves {
        kind: serves.link_kind,
        role: serves.role,
        place: document.place(&format!("serves.{at}")),
    });
    let written = &document.value;
    let settings = Settings {
        interval: set(document, "interval", written.interval.map(|Lasting(interval)| interval)),
        timeout: set(document, "timeout", written.timeout.map(|Lasting(timeout)| timeout)),
        size: set(document, "size", written.size),
        dscp: set(document, "dscp", written.dscp).filter(|dscp| usable_dscp(dscp, findings)),
        hop_limit: set(document, "hop_limit", written.hop_limit),
        dont_fragment: set(document, "dont_fragment", written.dont_fragment),
        source: set(document, "source", written.source),
        interface: set(document, "interface", written.interface.clone()),
        confirm_probes: set(document, "confirm.probes", confirm.probes),
        confirm_spacing: set(document, "confirm.spacing", confirm.spacing.map(|Lasting(spacing)| spacing)),
        confirm_factor: set(document, "confirm.factor", confirm.factor),
        confirm_floor: set(document, "confirm.floor", confirm.floor.map(|Lasting(floor)| floor)),
        restore_answers: set(document, "restore.answers", restore.answers),
        restore_span: set(document, "restore.span", restore.span.map(|Lasting(span)| span)),
    };
    Profile {
        name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        serves: serves.collect(),
        reason: reason.clone().filter(|reason| !reason.trim().is_empty()),
        settings,
        place: Place { line: 1, column: 1, ..Place::whole(Arc::from(file)) },
    }
}

fn set<T>(document: &Document<Written>, key: &str, value: Option<T>) -> Option<Set<T>> {
    value.map(|value| Set { value, place: document.place(key) })
}
