//! The ledger of links: one CSV row is one link with its points.
//!
//! UTF-8 with or without byte order mark, or GB18030, as office programs write it. A wrong cell is reported at its own
//! line and column, and the rest of the row is still checked; a row with an error gives no link.

use std::{collections::HashMap, net::IpAddr, path::Path, sync::Arc};

use super::{
    CarrierIndex, Inventory, Link, LinkId, Overrides, Point, PointIndex, Priority, Responder, Role, SegmentIndex, Set,
    Status, Target, UnitIndex,
    columns::{Column, Headed, Word},
    depends,
    sheet::{Cell, Row, Sheet, decoded},
};
use crate::{
    diagnostic::{Code, Findings, Place, Source, closest},
    text::{AddressFault, Expected, Message},
    units::{BitRate, parse_duration},
};

/// Reads all ledgers of a folder, in order, into `inventory.links`.
///
/// `names_whole`: carriers, units and segments were read without an error, so that a name which is not among them is a
/// finding of its own.
pub(super) fn read(ledgers: &[Source], inventory: &mut Inventory, names_whole: bool, findings: &mut Findings) {
    let mut links = vec![];
    {
        let mut ledger = Ledger::new(inventory, names_whole, findings);
        for source in ledgers {
            let Some(text) = decoded(source, ledger.findings) else { continue };
            if let Some(mut sheet) = Sheet::open(source, &text, ledger.findings) {
                while let Some(row) = sheet.next_row(ledger.findings) {
                    links.extend(ledger.link(&row));
                }
            }
        }
        ledger.report_lone_groups();
    }
    keep(links, inventory);
}

/// Reads rows that are cells already into `inventory.links`: first those of `kept`, which are known to be good and of
/// which nothing is reported, then those of `touched`, which come from `file`. Returns which of these gave a link.
pub(super) fn read_rows<'r>(
    kept: impl Iterator<Item = Row<'r, Column>>,
    touched: impl Iterator<Item = Row<'r, Column>>,
    file: &Path,
    inventory: &mut Inventory,
    findings: &mut Findings,
) -> Vec<bool> {
    let (mut links, mut good) = (vec![], vec![]);
    {
        let so_far = std::mem::take(findings);
        let mut ledger = Ledger::new(inventory, true, findings);
        links.extend(kept.filter_map(|row| ledger.link(&row)));
        *ledger.findings = so_far;
        for row in touched {
            let link = ledger.link(&row);
            good.push(link.is_some());
            links.extend(link);
        }
        ledger.groups.retain(|_, (place, _)| *place.file == *file);
        ledger.report_lone_groups();
    }
    keep(links, inventory);
    good
}

/// Numbers the points of all links.
fn keep(mut links: Vec<Link>, inventory: &mut Inventory) {
    let mut next = 0;
    for link in &mut links {
        link.first_point = PointIndex(next);
        next += crate::diagnostic::count(link.points.len());
    }
    // A hundred thousand links grow to twice the room they need.
    links.shrink_to_fit();
    inventory.links = links;
}

/// What all rows share: the names that cells refer to, and what is taken already.
struct Ledger<'a> {
    carriers: HashMap<&'a str, CarrierIndex>,
    units: HashMap<&'a str, UnitIndex>,
    segments: HashMap<&'a str, SegmentIndex>,
    names_whole: bool,
    synthetic: bool,
    ids: HashMap<LinkId, Place>,
    circuits: HashMap<(CarrierIndex, String), Place>,
    far_targets: HashMap<Target, Place>,
    /// Redundancy groups: place of the first member, and how many there are.
    groups: HashMap<Arc<str>, (Place, u32)>,
    /// Shared by all rows that set nothing.
    no_overrides: Arc<Overrides>,
    findings: &'a mut Findings,
}

impl<'a> Ledger<'a> {
    fn new(inventory: &'a Inventory, names_whole: bool, findings: &'a mut Findings) -> Self {
        let carriers = inventory
            .carriers
            .iter()
            .zip(0..)
            .flat_map(|(carrier, at)| [&carrier.name, &carrier.id].map(|name| (name.as_str(), CarrierIndex(at))));
        let units = inventory.units.iter().zip(0..);
        let units = units.flat_map(|(unit, at)| [&unit.name, &unit.id].map(|name| (name.as_str(), UnitIndex(at))));
        let segments = inventory.segments.iter().zip(0..);
        Self {
            carriers: carriers.collect(),
            units: units.collect(),
            segments: segments.map(|(segment, at)| (segment.id.as_str(), SegmentIndex(at))).collect(),
            names_whole,
            synthetic: inventory.synthetic,
            ids: HashMap::new(),
            circuits: HashMap::new(),
            far_targets: HashMap::new(),
            groups: HashMap::new(),
            no_overrides: Arc::default(),
            findings,
        }
    }

    /// `None` when something in the row is wrong; all that is wrong has been reported.
    fn link(&mut self, row: &Row<'_, Column>) -> Option<Link> {
        let id = self.id(row);
        let carrier = self.carrier(row);
        let cid = self.circuit(row, carrier);
        let kind = row.required(&[Column::Kind], self.findings).and_then(|cell| cell.word(self.findings));
        let unit = self.unit(row);
        let bandwidth = self.bandwidth(row);
        let priority = self.optional_word::<Priority>(row, Column::Priority);
        let status = self.optional_word::<Status>(row, Column::Status);
        let installed = self.parsed(row, Column::Installed, Expected::Date, |text| text.parse().ok());
        let group = self.group(row);
        let segments = self.segments(row);
        let points = self.points(row);
        let overrides = self.overrides(row);
        let absence = self.parsed(row, Column::Absence, Expected::Text, |text| Some(text.to_owned()));
        let depends_on = depends::of_cell(row.cell(Column::DependsOn), self.findings);
        let text = |column| row.cell(column).map_or_else(String::new, |cell| cell.text.to_owned());
        let (id, place) = id?;
        let link = Link {
            id,
            cid: cid?,
            kind: kind?,
            carrier: carrier?,
            unit: unit?,
            a_end: text(Column::AEnd),
            z_end: text(Column::ZEnd),
            bandwidth: bandwidth?,
            priority: priority?,
            status: status?,
            installed: installed?.map(|set| set.value),
            group,
            segments: segments?,
            points: points?,
            first_point: PointIndex(0),
            overrides: overrides?,
            absence: absence?,
            depends_on: depends_on?,
            place,
        };
        Some(link)
    }

    fn id(&mut self, row: &Row<'_, Column>) -> Option<(LinkId, Place)> {
        let cell = row.required(&[Column::Id], self.findings)?;
        let Some(id) = LinkId::parse(cell.text) else {
            let message = Message::BadId { id: cell.shortened() };
            self.findings.error(cell.place, Code::BAD_LINK_ID, message, Message::BadIdHelp);
            return None;
        };
        match self.ids.get(&id) {
            None => {
                self.ids.insert(id.clone(), cell.place.clone());
                Some((id, cell.place))
            }
            Some(first) => {
                let message = Message::DuplicateId { id: id.to_string(), first: first.clone() };
                self.findings.error(cell.place, Code::DUPLICATE_LINK_ID, message, Message::DuplicateIdHelp);
                None
            }
        }
    }

    fn carrier(&mut self, row: &Row<'_, Column>) -> Option<CarrierIndex> {
        let cell = row.required(&[Column::Carrier], self.findings)?;
        let found = self.carriers.get(cell.text).copied();
        if found.is_none() {
            self.unknown(&cell, Column::Carrier, self.carriers.keys().copied().collect());
        }
        found
    }

    /// By its code; by its name where the ledger has no code.
    fn unit(&mut self, row: &Row<'_, Column>) -> Option<UnitIndex> {
        let cell = row.required(&[Column::Unit, Column::UnitName], self.findings)?;
        let found = self.units.get(cell.text).copied();
        if found.is_none() {
            self.unknown(&cell, Column::Unit, self.units.keys().copied().collect());
        }
        found
    }

    /// The circuit id, which no other link of the same carrier has.
    fn circuit(&mut self, row: &Row<'_, Column>, carrier: Option<CarrierIndex>) -> Option<String> {
        let cell = row.required(&[Column::Cid], self.findings)?;
        let key = (carrier?, cell.text.to_owned());
        if let Some(first) = self.circuits.get(&key) {
            let message = Message::DuplicateCircuit { cid: cell.shortened(), first: first.clone() };
            self.findings.error(cell.place, Code::DUPLICATE_CIRCUIT, message, Message::DuplicateCircuitHelp);
            return None;
        }
        self.circuits.insert(key, cell.place.clone());
        Some(cell.text.to_owned())
    }

    /// From `bandwidth`, else from NetBox's `commit_rate` in Kbit/s.
    fn bandwidth(&mut self, row: &Row<'_, Column>) -> Option<BitRate> {
        // Below 1000 bit/s somebody left the unit out: `100` for 100 Mbit/s.
        let with_unit = |text: &str| BitRate::parse(text).filter(|rate| rate.0 >= 1_000);
        let kilobits = |text: &str| text.parse::<u64>().ok()?.checked_mul(1_000).filter(|rate| *rate > 0).map(BitRate);
        let bandwidth = self.parsed(row, Column::Bandwidth, Expected::BitRate, with_unit)?;
        let rate = Expected::WholeNumber { most: u64::from(u32::MAX) };
        let commit = self.parsed(row, Column::CommitRate, rate, kilobits)?;
        match (bandwidth, commit) {
            (Some(bandwidth), Some(commit)) if bandwidth.value != commit.value => {
                let message = Message::BandwidthsDiffer { bandwidth: bandwidth.value, commit: commit.value };
                self.findings.error(commit.place, Code::CONFLICTING_FIELDS, message, Message::BandwidthsDifferHelp);
                None
            }
            (Some(set), _) | (None, Some(set)) => Some(set.value),
            (None, None) => row.required(&[Column::Bandwidth, Column::CommitRate], self.findings).and(None),
        }
    }

    fn segments(&mut self, row: &Row<'_, Column>) -> Option<Vec<SegmentIndex>> {
        let Some(cell) = row.cell(Column::Segments) else { return Some(vec![]) };
        let names = cell.text.split([' ', ';', '；', '、']).filter(|name| !name.is_empty()).collect::<Vec<_>>();
        let found: Vec<SegmentIndex> = names.iter().filter_map(|name| self.segments.get(name).copied()).collect();
        for name in names.iter().filter(|name| !self.segments.contains_key(*name)).collect::<Vec<_>>() {
            let cell = Cell { text: name, place: cell.place.clone() };
            self.unknown(&cell, Column::Segments, self.segments.keys().copied().collect());
        }
        (found.len() == names.len()).then_some(found)
    }

    /// In role order; `Some` of none when the row has no address at all.
    fn points(&mut self, row: &Row<'_, Column>) -> Option<Vec<Point>> {
        let responder = self.optional_word::<Responder>(row, Column::Responder)?;
        let mut points = vec![];
        let mut all_good = true;
        for role in Role::ALL {
            let Some(cell) = row.cell(Column::Address(role)) else { continue };
            match Target::parse(cell.text) {
                Ok(target) => {
                    self.warn_of_target(&target, role, &cell);
                    let responder = match role {
                        Role::Near | Role::Far | Role::Beyond => responder,
                        Role::CarrierGateway => Responder::RouterControlPlane,
                        Role::Public => Responder::Host,
                    };
                    points.push(Point { role, target, responder, place: cell.place });
                }
                Err(reason) => {
                    self.bad_address(&cell, reason);
                    all_good = false;
                }
            }
        }
        points.shrink_to_fit();
        all_good.then_some(points)
    }

    fn bad_address(&mut self, cell: &Cell<'_>, reason: AddressFault) {
        let message = Message::BadAddress { address: cell.shortened(), reason };
        self.findings.error(cell.place.clone(), Code::BAD_ADDRESS, message, Message::BadAddressHelp(reason));
    }

    fn warn_of_target(&mut self, target: &Target, role: Role, cell: &Cell<'_>) {
        if self.synthetic && !target.is_synthetic() {
            let message = Message::NotSynthetic { address: cell.shortened() };
            self.findings.warning(cell.place.clone(), Code::NOT_SYNTHETIC, message, Message::NotSyntheticHelp);
        }
        if role == Role::Far {
            let first = self.far_targets.entry(target.clone()).or_insert_with(|| cell.place.clone());
            if *first != cell.place {
                let message = Message::SharedAddress { address: cell.shortened(), first: first.clone() };
                self.findings.warning(cell.place.clone(), Code::SHARED_ADDRESS, message, Message::SharedAddressHelp);
            }
        }
    }

    fn overrides(&mut self, row: &Row<'_, Column>) -> Option<Arc<Overrides>> {
        let text = |text: &str| Some(text.to_owned());
        let address = |text: &str| text.parse::<IpAddr>().ok();
        let six_bits = |text: &str| text.parse::<u8>().ok().filter(|dscp| *dscp < 64);
        let profile = self.parsed(row, Column::Profile, Expected::Text, text);
        let interval = self.parsed(row, Column::Interval, Expected::Duration, parse_duration);
        let timeout = self.parsed(row, Column::Timeout, Expected::Duration, parse_duration);
        let source = self.parsed(row, Column::Source, Expected::Address, address);
        let interface = self.parsed(row, Column::Interface, Expected::Text, text);
        let dscp = self.parsed(row, Column::Dscp, Expected::WholeNumber { most: 63 }, six_bits);
        let overrides = Overrides {
            profile: profile?,
            interval: interval?,
            timeout: timeout?,
            source: source?,
            interface: interface?,
            dscp: dscp?,
        };
        Some(if overrides == *self.no_overrides { Arc::clone(&self.no_overrides) } else { Arc::new(overrides) })
    }

    fn group(&mut self, row: &Row<'_, Column>) -> Option<Arc<str>> {
        let cell = row.cell(Column::Group)?;
        let name = match self.groups.get_key_value(cell.text) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(cell.text),
        };
        self.groups.entry(Arc::clone(&name)).or_insert((cell.place, 0)).1 += 1;
        Some(name)
    }

    /// A redundancy group of one protects nothing: a slip of the name, most often.
    fn report_lone_groups(&mut self) {
        for (name, (place, members)) in std::mem::take(&mut self.groups) {
            if members == 1 {
                let message = Message::LoneGroup { group: name.to_string() };
                self.findings.warning(place, Code::LONE_GROUP, message, Message::LoneGroupHelp);
            }
        }
    }

    /// The default when the cell is empty; `None` when it is wrong.
    fn optional_word<W: Word + Default>(&mut self, row: &Row<'_, Column>, column: Column) -> Option<W> {
        row.cell(column).map_or_else(|| Some(W::default()), |cell| cell.word(self.findings))
    }

    /// `Some(None)` when the cell is empty; `None` when it is wrong.
    fn parsed<T>(
        &mut self,
        row: &Row<'_, Column>,
        column: Column,
        expected: Expected,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Option<Set<T>>> {
        let Some(cell) = row.cell(column) else { return Some(None) };
        let value = row.value(&cell, column, expected, parse, self.findings);
        value.map(|value| Some(Set { value, place: cell.place }))
    }

    fn unknown(&mut self, cell: &Cell<'_>, column: Column, mut known: Vec<&str>) {
        if !self.names_whole {
            return;
        }
        known.sort_unstable();
        let closest = closest(cell.text, known.iter().copied()).map(str::to_owned);
        let known = known.into_iter().map(str::to_owned).collect();
        let message = Message::UnknownReference { column: column.heading(), name: cell.shortened() };
        self.findings.error(cell.place.clone(), Code::UNKNOWN_REFERENCE, message, Message::Known { closest, known });
    }
}
