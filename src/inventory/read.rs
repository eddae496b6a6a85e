//! The YAML files of an inventory folder, and which ledgers belong to it.

use std::{collections::BTreeMap, collections::HashMap, hash::Hasher, net::IpAddr, path::Path};

use serde::{Deserialize, de::DeserializeOwned};
use siphasher::sip::SipHasher13;

use super::{Carrier, Declared, Inventory, Kind, Overrides, Segment, SegmentKind, Set, Unit, depends, ledger};
use crate::{
    diagnostic::{
        Code, Findings, Place, Source,
        yaml::{self, Document, Lasting},
    },
    text::{Expected, Message},
};

/// `inventory.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Head {
    /// Names and addresses are invented.
    synthetic: bool,
    declared: DeclaredCounts,
    files: Files,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DeclaredCounts {
    total: Option<u32>,
    by_kind: BTreeMap<Kind, u32>,
    inferred: BTreeMap<Kind, u32>,
    clause: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Files {
    carriers: String,
    units: String,
    segments: String,
    links: Vec<String>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            carriers: "carriers.yaml".into(),
            units: "units.yaml".into(),
            segments: "segments.yaml".into(),
            links: vec!["links.csv".into()],
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CarriersFile {
    carriers: Vec<CarrierEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitsFile {
    units: Vec<UnitEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentsFile {
    segments: Vec<SegmentEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CarrierEntry {
    id: String,
    name: String,
    #[serde(default)]
    maintnote: Vec<String>,
    #[serde(default)]
    measuring: Measuring,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitEntry {
    id: String,
    name: String,
    #[serde(default)]
    measuring: Measuring,
    /// A calendar of the contract.
    absence: Option<String>,
    #[serde(default)]
    depends_on: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentEntry {
    id: String,
    kind: SegmentKind,
    name: String,
}

/// [`Overrides`] as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Measuring {
    profile: Option<String>,
    interval: Option<Lasting>,
    timeout: Option<Lasting>,
    source: Option<IpAddr>,
    interface: Option<String>,
    dscp: Option<u8>,
}

impl Inventory {
    /// Reads a folder. `None`, with findings, when it is no inventory at all.
    pub fn load(folder: &Path, findings: &mut Findings) -> Option<Self> {
        Self::load_with_ledgers(folder, findings).map(|(inventory, _)| inventory)
    }

    /// The same with the ledgers of its links as they were read.
    pub(super) fn load_with_ledgers(folder: &Path, findings: &mut Findings) -> Option<(Self, Vec<Source>)> {
        let head_file = folder.join("inventory.yaml");
        if !head_file.is_file() {
            findings.error(Place::whole(folder), Code::NO_INVENTORY, Message::NoInventory, Message::NoInventoryHelp);
            return None;
        }
        let mut reader = Reader { folder, hasher: SipHasher13::new(), findings };
        let head: Document<Head> = reader.yaml("inventory.yaml")?;
        let files = &head.value.files;
        let carriers = reader.yaml::<CarriersFile>(&files.carriers);
        let units = reader.yaml::<UnitsFile>(&files.units);
        let segments = reader.yaml::<SegmentsFile>(&files.segments);
        let names_whole = !reader.findings.has_errors();
        let ledgers: Vec<Source> = files.links.iter().filter_map(|name| reader.source(name)).collect();
        let fingerprint = reader.hasher.finish();

        let declared = &head.value.declared;
        let mut inventory = Self {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            folder: folder.into(),
            synthetic: head.value.synthetic,
            declared: Declared {
                total: declared.total,
                by_kind: declared.by_kind.iter().map(|(kind, count)| (*kind, *count)).collect(),
                inferred: declared.inferred.iter().map(|(kind, count)| (*kind, *count)).collect(),
                clause: declared.clause.clone(),
                place: Some(head.place("declared")),
            },
            carriers: carriers.map(|file| self::carriers(&file, findings)).unwrap_or_default(),
            units: units.map(|file| self::units(&file, findings)).unwrap_or_default(),
            segments: segments.map(|file| self::segments(&file, findings)).unwrap_or_default(),
            links: vec![],
            fingerprint,
        };
        let before = findings.errors();
        ledger::read(&ledgers, &mut inventory, names_whole, findings);
        // A row with an error gives no link, and what depends on it is not wrong.
        if findings.errors() == before {
            depends::check(&inventory, findings);
        }
        if inventory.links.is_empty() && !findings.has_errors() {
            findings.error(head.place("files.links"), Code::NO_LINKS, Message::NoLinks, Message::NoLinksHelp);
        }
        Some((inventory, ledgers))
    }
}

impl Inventory {
    /// Of a folder whose contract is about services alone: its units, where `units.yaml` names any.
    pub fn without_links(folder: &Path, findings: &mut Findings) -> Self {
        let mut reader = Reader { folder, hasher: SipHasher13::new(), findings };
        let units = folder.join("units.yaml").is_file().then(|| reader.yaml::<UnitsFile>("units.yaml")).flatten();
        let fingerprint = reader.hasher.finish();
        let inventory = Self {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            folder: folder.into(),
            synthetic: false,
            declared: Declared::default(),
            carriers: vec![],
            units: units.map(|file| self::units(&file, findings)).unwrap_or_default(),
            segments: vec![],
            links: vec![],
            fingerprint,
        };
        depends::check(&inventory, findings);
        inventory
    }
}

/// Reads the files of one folder and hashes all that it reads.
struct Reader<'a> {
    folder: &'a Path,
    hasher: SipHasher13,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn source(&mut self, name: &str) -> Option<Source> {
        let source = Source::read(&self.folder.join(name), self.findings)?;
        self.hasher.write(name.as_bytes());
        self.hasher.write_usize(source.bytes.len());
        self.hasher.write(&source.bytes);
        Some(source)
    }

    fn yaml<T: DeserializeOwned>(&mut self, name: &str) -> Option<Document<T>> {
        let source = self.source(name)?;
        yaml::decode(&source, self.findings)
    }
}

fn carriers(file: &Document<CarriersFile>, findings: &mut Findings) -> Vec<Carrier> {
    let kept = distinct(file, "carriers", file.value.carriers.iter().map(|carrier| carrier.id.as_str()), findings);
    let carrier = |(at, place): (usize, Place)| {
        let CarrierEntry { id, name, maintnote, measuring } = &file.value.carriers[at];
        let overrides = measuring.placed(file, &format!("carriers.{at}.measuring"), findings);
        Carrier { id: id.clone(), name: name.clone(), maintnote: maintnote.clone(), overrides, place }
    };
    kept.into_iter().map(carrier).collect()
}

fn units(file: &Document<UnitsFile>, findings: &mut Findings) -> Vec<Unit> {
    let kept = distinct(file, "units", file.value.units.iter().map(|unit| unit.id.as_str()), findings);
    let unit = |(at, place): (usize, Place)| {
        let UnitEntry { id, name, measuring, absence, depends_on } = &file.value.units[at];
        let overrides = measuring.placed(file, &format!("units.{at}.measuring"), findings);
        let absence = absence.clone().map(|value| Set { value, place: file.place(&format!("units.{at}.absence")) });
        let placed = |(nth, name)| (file.place(&format!("units.{at}.depends_on.{nth}")), name);
        let names = depends_on.iter().map(String::as_str).enumerate().map(placed);
        let depends_on = depends::parsed(names, findings).unwrap_or_default();
        Unit { id: id.clone(), name: name.clone(), overrides, absence, depends_on, place }
    };
    kept.into_iter().map(unit).collect()
}

fn segments(file: &Document<SegmentsFile>, findings: &mut Findings) -> Vec<Segment> {
    let kept = distinct(file, "segments", file.value.segments.iter().map(|segment| segment.id.as_str()), findings);
    let segment = |(at, place): (usize, Place)| {
        let SegmentEntry { id, kind, name } = &file.value.segments[at];
        Segment { id: id.clone(), kind: *kind, name: name.clone(), place }
    };
    kept.into_iter().map(segment).collect()
}

/// Numbers and places of the entries of `list` whose id is usable and not taken by an earlier one.
fn distinct<'a, T>(
    file: &Document<T>,
    list: &str,
    ids: impl Iterator<Item = &'a str>,
    findings: &mut Findings,
) -> Vec<(usize, Place)> {
    let mut seen: HashMap<&str, Place> = HashMap::new();
    let mut kept = vec![];
    for (at, id) in ids.enumerate() {
        let place = file.place(&format!("{list}.{at}.id"));
        if !usable_id(id, &place, findings) {
            continue;
        }
        if let Some(first) = seen.get(id) {
            let message = Message::DuplicateId { id: id.to_owned(), first: first.clone() };
            findings.error(place, Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
        } else {
            seen.insert(id, place.clone());
            kept.push((at, place));
        }
    }
    kept
}

impl Measuring {
    /// With the place of each value; `path` leads to this map.
    fn placed<T>(&self, file: &Document<T>, path: &str, findings: &mut Findings) -> Overrides {
        let at = |key: &str| file.place(&format!("{path}.{key}"));
        Overrides {
            profile: self.profile.clone().map(|value| Set { value, place: at("profile") }),
            interval: self.interval.map(|Lasting(value)| Set { value, place: at("interval") }),
            timeout: self.timeout.map(|Lasting(value)| Set { value, place: at("timeout") }),
            source: self.source.map(|value| Set { value, place: at("source") }),
            interface: self.interface.clone().map(|value| Set { value, place: at("interface") }),
            dscp: self.dscp.map(|value| Set { value, place: at("dscp") }).filter(|dscp| usable_dscp(dscp, findings)),
        }
    }
}

/// An id that can stand in labels, addresses of pages and file names.
pub fn usable_id(id: &str, place: &Place, findings: &mut Findings) -> bool {
    let is_usable = super::LinkId::parse(id).is_some();
    if !is_usable {
        let message = Message::BadId { id: yaml::shortened(id) };
        findings.error(place.clone(), Code::BAD_ID, message, Message::BadIdHelp);
    }
    is_usable
}

/// A DSCP has six bits (RFC 2474).
pub fn usable_dscp(dscp: &Set<u8>, findings: &mut Findings) -> bool {
    let expected = Expected::WholeNumber { most: 63 };
    if dscp.value > 63 {
        let found = Box::new(Message::FoundText(dscp.value.to_string()));
        let message = Message::WrongValue { found, expected: expected.clone() };
        findings.error(dscp.place.clone(), Code::WRONG_VALUE, message, Message::Write(expected));
    }
    dscp.value <= 63
}
