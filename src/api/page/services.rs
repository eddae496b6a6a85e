//! `/services` and `/certificates`: what is visited and how it is, and what ends when.

use std::collections::BTreeMap;

use axum::response::Response;

use super::{
    Frame, Opened, service,
    sheet::{Asked, Cell, Sheet, answer},
};
use crate::{
    inventory::RegisteredKind,
    judge::{service::ServiceState, site::days},
    sample::service::{Ending, Reason, TlsSeen},
    snapshot::{ServiceView, Snapshot},
    text::{Language, Message, SheetText, reason_zh},
    units::Timestamp,
};

/// Days before the end at which somebody has to act, and at which it is late for that.
const SOON: i64 = 30;
const LATE: i64 = 7;

pub(in crate::api) async fn services(Opened { snapshot, frame, asked, .. }: Opened<Asked>) -> Response {
    let frame = frame.at("/services");
    let mut list: Vec<&ServiceView> = snapshot.services.list.iter().collect();
    list.sort_by_key(|view| match view.state {
        ServiceState::Down => 0,
        ServiceState::Degraded => 1,
        ServiceState::Unknown => 2,
        ServiceState::NeverVerified => 3,
        ServiceState::Up => 4,
    });
    let sheet = sheet(&frame, "services", frame.sheet(SheetText::Services), list.into_iter());
    answer(frame, &asked, sheet.title.clone(), vec![], vec![sheet])
}

/// These services as a table.
pub(super) fn sheet<'a>(
    frame: &Frame,
    key: &'static str,
    title: String,
    services: impl Iterator<Item = &'a ServiceView>,
) -> Sheet {
    let labels = [
        frame.say(Message::StateName),
        frame.sheet(SheetText::Service),
        frame.sheet(SheetText::ServiceName),
        frame.sheet(SheetText::Address),
        frame.sheet(SheetText::Requirement),
        frame.say(Message::UnitName),
        frame.say(Message::Since),
        format!("#{}", frame.sheet(SheetText::Passed)),
        format!("#{}", frame.sheet(SheetText::Failed)),
        format!("#{}", frame.say(Message::NotMeasured)),
        frame.sheet(SheetText::LastVisit),
        frame.sheet(SheetText::Reason),
    ];
    let mut sheet = Sheet::new(key, title).columns(labels);
    for view in services {
        let service = &view.service;
        let why = view.last.as_ref().and_then(|(_, report)| match &report.ending {
            Ending::Failed(fault) => Some(format!("{} ({})", reason(frame, fault.reason), fault.text)),
            Ending::Passed | Ending::Unmeasured(_) => None,
        });
        let visits = view.visits;
        sheet.row([
            state(frame, view.state),
            Cell::to(service.id.as_str(), service::address(frame, &service.id)),
            service.name.as_str().into(),
            service.url.as_str().into(),
            service.requirement.as_str().into(),
            service.owner.as_str().into(),
            frame.maybe((view.since > Timestamp(0)).then_some(view.since)).into(),
            count(visits.passed),
            count(visits.failed),
            count(visits.unmeasured),
            frame.maybe(view.last.as_ref().map(|(began, _)| *began)).into(),
            Cell { class: "text", ..Cell::from(why.unwrap_or_default()) },
        ]);
    }
    sheet
}

fn count(number: u64) -> Cell {
    number.to_string().into()
}

pub(super) fn state(frame: &Frame, state: ServiceState) -> Cell {
    match state {
        ServiceState::Up => Cell::state(frame.say(Message::StateUp), "up"),
        ServiceState::Degraded => Cell::state(frame.say(Message::StateDegraded), "degraded"),
        ServiceState::Down => Cell::state(frame.say(Message::StateDown), "down"),
        ServiceState::Unknown => Cell::state(frame.say(Message::StateUnknown), "unknown"),
        ServiceState::NeverVerified => Cell::state(frame.say(Message::NeverVerified), "unknown"),
    }
}

pub(super) fn reason(frame: &Frame, reason: Reason) -> String {
    match frame.language {
        Language::ZhCn => reason_zh(reason.as_str()).to_owned(),
        Language::En => reason.as_str().replace('_', " "),
    }
}

/// Something that ends on a day.
pub(super) struct Expiry<'a> {
    pub name: &'a str,
    pub kind: SheetText,
    pub ends: Timestamp,
    /// Whole days left; less than nothing once it has ended.
    pub days: i64,
}

impl Expiry<'_> {
    pub fn class(&self) -> &'static str {
        match self.days {
            ..LATE => "down",
            LATE..SOON => "degraded",
            SOON.. => "up",
        }
    }
}

/// What ends first, first: each certificate once, each domain, and what the register has.
pub(super) fn expiries(snapshot: &Snapshot, now: Timestamp) -> Vec<Expiry<'_>> {
    let mut found: Vec<Expiry<'_>> = vec![];
    let mut seen = BTreeMap::new();
    for (view, tls) in handshakes(snapshot) {
        if let Some(leaf) = tls.certificates.first()
            && seen.insert(&leaf.sha256, ()).is_none()
        {
            let ends = tls.chain_expiry.map_or(leaf.not_after, |chain| chain.min(leaf.not_after));
            found.push(Expiry {
                name: &view.service.name,
                kind: SheetText::Certificate,
                ends,
                days: days::left(ends, now),
            });
        }
    }
    for view in &snapshot.services.list {
        if let Some(domain) = view.last.as_ref().and_then(|(_, report)| report.domain.as_ref()) {
            let ends = domain.expires;
            found.push(Expiry { name: &view.service.name, kind: SheetText::Domain, ends, days: days::left(ends, now) });
        }
    }
    found.extend(snapshot.registered().map(|(one, days, _)| {
        let kind = registered_kind(one.kind);
        Expiry { name: &one.name, kind, ends: one.ends, days }
    }));
    found.sort_by_key(|expiry| expiry.ends);
    found
}

fn handshakes(snapshot: &Snapshot) -> impl Iterator<Item = (&ServiceView, &TlsSeen)> {
    snapshot.services.list.iter().filter_map(|view| {
        let (_, report) = view.last.as_ref()?;
        Some((view, report.tls.as_ref()?))
    })
}

pub(in crate::api) async fn certificates(Opened { snapshot, frame, asked, .. }: Opened<Asked>) -> Response {
    let frame = frame.at("/certificates");
    let title = frame.sheet(SheetText::Certificates);
    let sheets =
        vec![certificate_sheet(&frame, &snapshot), domain_sheet(&frame, &snapshot), register_sheet(&frame, &snapshot)];
    answer(frame, &asked, title, vec![], sheets)
}

fn certificate_sheet(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let labels = [
        format!("#{}", frame.sheet(SheetText::DaysLeft)),
        frame.sheet(SheetText::Ends),
        frame.sheet(SheetText::Subject),
        frame.sheet(SheetText::Issuer),
        frame.sheet(SheetText::Algorithm),
        frame.sheet(SheetText::Chain),
        frame.sheet(SheetText::Revocation),
        "TLS".to_owned(),
        frame.sheet(SheetText::Services),
        "SHA-256".to_owned(),
    ];
    let mut sheet = Sheet::new("certificates", frame.sheet(SheetText::Certificates)).columns(labels);
    let mut hosts: BTreeMap<&str, Vec<(&ServiceView, &TlsSeen)>> = BTreeMap::new();
    for (view, tls) in handshakes(snapshot) {
        if let Some(leaf) = tls.certificates.first() {
            hosts.entry(&leaf.sha256).or_default().push((view, tls));
        }
    }
    let mut rows: Vec<_> = hosts.into_values().collect();
    rows.sort_by_key(|hosts| hosts[0].1.certificates[0].not_after);
    for hosts in rows {
        let tls = hosts[0].1;
        let leaf = &tls.certificates[0];
        let names = hosts.iter().map(|(view, _)| view.service.name.as_str()).collect::<Vec<_>>().join("、");
        let chain = match tls.verdict {
            None => Cell::state(frame.sheet(SheetText::Good), "up"),
            Some(verdict) => Cell::state(reason(frame, verdict), "down"),
        };
        let revocation = tls.revocation.as_ref().map_or("–", |seen| seen.status.as_str());
        let left = expiry(frame, leaf.not_after);
        sheet.row([
            left,
            frame.day(leaf.not_after).into(),
            Cell { class: "text", ..Cell::from(leaf.subject.as_str()) },
            Cell { class: "text", ..Cell::from(leaf.issuer.as_str()) },
            leaf.algorithm.as_str().into(),
            chain,
            revocation.into(),
            tls.version.as_str().into(),
            Cell::to(names, service::address(frame, &hosts[0].0.service.id)),
            leaf.sha256.chars().take(16).collect::<String>().into(),
        ]);
    }
    sheet
}

fn domain_sheet(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let labels = [
        format!("#{}", frame.sheet(SheetText::DaysLeft)),
        frame.sheet(SheetText::Ends),
        frame.sheet(SheetText::ServiceName),
        frame.sheet(SheetText::Registrar),
        frame.say(Message::StateName),
    ];
    let mut sheet = Sheet::new("domains", frame.sheet(SheetText::Domains)).columns(labels);
    let told = snapshot.services.list.iter().filter_map(|view| {
        let (_, report) = view.last.as_ref()?;
        Some((view, report.domain.as_ref()?))
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(_, domain)| domain.expires);
    for (view, domain) in told {
        sheet.row([
            expiry(frame, domain.expires),
            frame.day(domain.expires).into(),
            Cell::to(view.service.name.as_str(), service::address(frame, &view.service.id)),
            domain.registrar.as_str().into(),
            domain.statuses.join(" ").into(),
        ]);
    }
    sheet
}

fn register_sheet(frame: &Frame, snapshot: &Snapshot) -> Sheet {
    let labels = [
        format!("#{}", frame.sheet(SheetText::DaysLeft)),
        frame.sheet(SheetText::Ends),
        frame.sheet(SheetText::Service),
        frame.sheet(SheetText::NodeKind),
        frame.sheet(SheetText::ServiceName),
        frame.sheet(SheetText::Owner),
        frame.sheet(SheetText::Note),
    ];
    let mut sheet = Sheet::new("register", frame.sheet(SheetText::Register)).columns(labels);
    for (one, ..) in snapshot.registered() {
        sheet.row([
            expiry(frame, one.ends),
            frame.day(one.ends).into(),
            one.id.as_str().into(),
            frame.sheet(registered_kind(one.kind)).into(),
            Cell { class: "text", ..Cell::from(one.name.as_str()) },
            one.owner.as_str().into(),
            Cell { class: "text", ..Cell::from(one.note.as_str()) },
        ]);
    }
    sheet
}

fn registered_kind(kind: RegisteredKind) -> SheetText {
    match kind {
        RegisteredKind::Licence => SheetText::Licence,
        RegisteredKind::ApiGrant => SheetText::ApiGrant,
        RegisteredKind::Contract => SheetText::Agreed,
        RegisteredKind::Support => SheetText::Support,
        RegisteredKind::Domain => SheetText::Domain,
        RegisteredKind::Certificate => SheetText::Certificate,
    }
}

pub(super) fn expiry(frame: &Frame, ends: Timestamp) -> Cell {
    let days = days::left(ends, frame.now.utc);
    let expiry = Expiry { name: "", kind: SheetText::Certificate, ends, days };
    Cell::state(days.to_string(), expiry.class())
}
