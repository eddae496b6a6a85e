//! `devices.yaml` of a contract.

use std::path::Path;

use chrono::NaiveDate;
use serde::Deserialize;

use super::{Device, Devices, Spare, Swaps, clocks};
use crate::{
    contract::{Calendar, Terms},
    diagnostic::{
        Code, Findings, Place, closest,
        yaml::{self, Document},
    },
    inventory::{Inventory, usable_id},
    text::{ContractText, DutyText, Message},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    devices: Vec<WrittenDevice>,
    #[serde(default)]
    spares: Vec<WrittenSpare>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDevice {
    id: String,
    model: String,
    site: String,
    #[serde(default)]
    links: Vec<String>,
    /// That of the links unless written.
    #[serde(default)]
    requirement: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSpare {
    model: String,
    place: String,
    count: u32,
    #[serde(deserialize_with = "yaml::date")]
    counted: NaiveDate,
}

impl Devices {
    /// Reads the devices of a folder; none without the file. `requirement`: that of the links.
    pub fn load(
        folder: &Path,
        terms: &Terms,
        requirement: &str,
        inventory: Option<&Inventory>,
        findings: &mut Findings,
    ) -> Self {
        let file = folder.join("devices.yaml");
        let document = file.is_file().then(|| yaml::read::<Written>(&file, findings)).flatten();
        let Some(document) = document else { return Self::default() };
        let Written { devices, spares } = &document.value;
        let mut reader = Reader { document: &document, terms, inventory, findings };
        let list: Vec<Device> =
            devices.iter().enumerate().map(|(nth, device)| reader.device(nth, device, requirement)).collect();
        for (nth, device) in list.iter().enumerate() {
            if let Some(first) = list[..nth].iter().find(|other| other.id == device.id) {
                let message = Message::DuplicateId { id: device.id.clone(), first: first.place.clone() };
                reader.findings.error(device.place.clone(), Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
            }
        }
        let zone = Calendar::always(terms.time_zone, document.place("spares"));
        for (nth, spare) in spares.iter().enumerate() {
            reader.spare(nth, spare, spares);
        }
        let spares = spares.iter().map(|spare| spare.spare(&zone)).collect();
        let devices = Self { list, spares };
        reader.coverage(&devices);
        devices
    }
}

struct Reader<'a> {
    document: &'a Document<Written>,
    terms: &'a Terms,
    inventory: Option<&'a Inventory>,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn device(&mut self, nth: usize, written: &WrittenDevice, requirement: &str) -> Device {
        let at = |key: &str| format!("devices.{nth}.{key}");
        let place = self.document.place(&at("id"));
        usable_id(&written.id, &place, self.findings);
        if let Some(id) = &written.requirement
            && !self.terms.services.iter().any(|service| service.id == *id)
        {
            let known = self.terms.services.iter().map(|service| service.id.as_str()).collect();
            self.unknown(self.document.place(&at("requirement")), id, known);
        }
        if let Some(inventory) = self.inventory {
            for (number, id) in written.links.iter().enumerate() {
                if !inventory.links.iter().any(|link| link.id.as_str() == id) {
                    let known = inventory.links.iter().map(|link| link.id.as_str()).collect();
                    self.unknown(self.document.place(&at(&format!("links.{number}"))), id, known);
                }
            }
        }
        let requirement = written.requirement.as_deref().unwrap_or(requirement);
        Device {
            id: written.id.clone(),
            model: written.model.clone(),
            site: written.site.clone(),
            links: written.links.clone(),
            requirement: requirement.to_owned(),
            clocks: clocks(self.terms, &written.id, requirement),
            place,
        }
    }

    /// A model stands once at a place, or a spare would be taken from both.
    fn spare(&mut self, nth: usize, written: &WrittenSpare, all: &[WrittenSpare]) {
        let same = |other: &WrittenSpare| (&other.model, &other.place) == (&written.model, &written.place);
        if let Some(first) = all[..nth].iter().position(same) {
            let first = self.document.place(&format!("spares.{first}.model"));
            let message = Message::DuplicateId { id: written.model.clone(), first };
            let place = self.document.place(&format!("spares.{nth}.model"));
            self.findings.error(place, Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
        }
    }

    /// A model in use without any spare is told before it fails.
    fn coverage(&mut self, devices: &Devices) {
        let coverage = devices.coverage(&Swaps::default());
        let lacks = devices.list.iter().find(|device| coverage.without.contains(&device.model));
        if let Some(device) = lacks {
            let message = DutyText::NoSpare {
                models: coverage.without.clone(),
                with_spare: coverage.with_spare,
                all: coverage.models,
            };
            let help = Message::Duty(DutyText::NoSpareHelp);
            self.findings.warning(device.place.clone(), Code::NO_SPARE, Message::Duty(message), help);
        }
    }

    fn unknown(&mut self, place: Place, name: &str, known: Vec<&str>) {
        let closest = closest(name, known.iter().copied()).map(str::to_owned);
        let message = ContractText::UnknownName { name: yaml::shortened(name) }.into();
        // A city has more links than a finding can list.
        let known = known.into_iter().take(20).map(str::to_owned).collect();
        self.findings.error(place, Code::UNKNOWN_NAME, message, Message::Known { closest, known });
    }
}

impl WrittenSpare {
    fn spare(&self, zone: &Calendar) -> Spare {
        let Self { model, place, count, counted } = self;
        let since = zone.minute_of(*counted, 1_440);
        Spare { model: model.clone(), place: place.clone(), count: *count, counted: *counted, since }
    }
}
