//! What exists: links with their measuring points, units, carriers, shared-risk segments.
//!
//! In: the files of one `inventories/<contract>/` folder. Out: an [`Inventory`] and every finding. Never: how to
//! measure (`profile`), what was promised (`contract`), or what was seen.
//!
//! Field names follow NetBox circuits (`cid`, provider = carrier, terminations A and Z, `status`) and the bureau's
//! own register of lines (用户登记表).

mod address;
mod columns;
mod depends;
mod exchanges;
mod expiries;
#[cfg(test)]
pub(crate) mod fixture;
pub mod handed_on;
mod ledger;
pub mod merge;
mod online;
mod read;
mod reconcile;
mod sheet;

pub use exchanges::{ExchangeGroup, ExchangeKind, Told};
pub use expiries::{Expiries, Registered, RegisteredKind};
pub use online::{Online, OnlineGroup};
pub use read::{usable_dscp, usable_id};
pub use reconcile::Reconciled;

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{diagnostic::Place, units::BitRate};

/// Our own name of one leased line, such as `LL-0412`.
///
/// Never empty, never reused, never changed: address, carrier and circuit id (`cid`) may change under it.
/// From column `id` of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkId(Arc<str>);

impl LinkId {
    /// `None` when `text` is blank, longer than 64 bytes, or has a character outside `A-Z a-z 0-9 . _ -`:
    /// the id stands in labels, URLs and file names.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for LinkId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

macro_rules! dense_index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            pub fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}

dense_index!(
    /// Place of a link in [`Inventory::links`]. Lives only in memory; a reload makes new ones.
    LinkIndex
);
dense_index!(
    /// Place of a measuring point when the points of all links are counted in ledger order. Lives only in memory.
    PointIndex
);
dense_index!(
    /// Place in [`Inventory::carriers`].
    CarrierIndex
);
dense_index!(
    /// Place in [`Inventory::units`].
    UnitIndex
);
dense_index!(
    /// Place in [`Inventory::segments`].
    SegmentIndex
);

/// Everything that one inventory folder says.
#[derive(Debug)]
pub struct Inventory {
    /// Name of the folder, such as `xuchang`.
    pub name: String,
    pub folder: Arc<Path>,
    /// Names and addresses are invented: only `demo` may measure it.
    pub synthetic: bool,
    pub declared: Declared,
    pub carriers: Vec<Carrier>,
    pub units: Vec<Unit>,
    /// Shared-risk segments: ducts, POPs, provider edges.
    pub segments: Vec<Segment>,
    /// In ledger order; `LinkIndex` counts here.
    pub links: Vec<Link>,
    /// Of the contents of these files (not the contract's): changes when any byte of them does.
    pub fingerprint: u64,
}

impl Inventory {
    /// Calendar in whose hours the link may be silent: its own, else that of its unit.
    pub fn absence_of<'a>(&'a self, link: &'a Link) -> Option<&'a Set<String>> {
        link.absence.as_ref().or(self.units[link.unit.at()].absence.as_ref())
    }

    /// What the link does not work without: by its own row, then by its unit.
    pub fn dependencies_of<'a>(&'a self, link: &'a Link) -> impl Iterator<Item = &'a Dependency> {
        let of_unit = &self.units[link.unit.at()].depends_on;
        link.depends_on.iter().chain(of_unit).filter(|dependency| dependency.on != link.id)
    }
}

/// What the contract's text claims, so that the ledger can be held against it. Never used to change anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    pub total: Option<u32>,
    /// Claimed count per kind, as printed.
    pub by_kind: Vec<(Kind, u32)>,
    /// What a kind's count must then be, where the printed counts contradict each other. An inference, shown as one.
    pub inferred: Vec<(Kind, u32)>,
    /// Where the text says so, such as `001 L100`.
    pub clause: String,
    pub place: Option<Place>,
}

/// Kind of line; decides the profiles of its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 裸光纤: no address of its own; measured at the devices on both ends.
    DarkFibre,
    /// 互联网专线.
    Internet,
    /// 专线.
    Private,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::DarkFibre, Self::Internet, Self::Private];

    /// As files, labels and JSON write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DarkFibre => "dark_fibre",
            Self::Internet => "internet",
            Self::Private => "private",
        }
    }
}

/// Where on a link a point sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Our end.
    Near,
    /// The carrier's first device.
    CarrierGateway,
    /// The unit's end: the contract's measuring point unless it says otherwise.
    Far,
    /// Behind the far end.
    Beyond,
    /// An independent public target, to part a carrier's fault from a target's.
    Public,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Near, Self::CarrierGateway, Self::Far, Self::Beyond, Self::Public];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::CarrierGateway => "carrier_gateway",
            Self::Far => "far",
            Self::Beyond => "beyond",
            Self::Public => "public",
        }
    }
}

/// What answers at a point: a router's control plane may drop or delay answers on a healthy link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Responder {
    #[default]
    Host,
    RouterControlPlane,
    Firewall,
    Reflector,
}

/// NetBox circuit status. Only `active` is in service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Planned,
    Provisioning,
    #[default]
    Active,
    Offline,
    Deprovisioning,
    Decommissioned,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Offline => "offline",
            Self::Deprovisioning => "deprovisioning",
            Self::Decommissioned => "decommissioned",
        }
    }
}

/// Order in which people want to see trouble; lower is more urgent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// 生命线: 120, 119, 110 and the like.
    Lifeline,
    Important,
    #[default]
    Normal,
}

impl Priority {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lifeline => "lifeline",
            Self::Important => "important",
            Self::Normal => "normal",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Carrier {
    /// Stable key, such as `carrier-a`.
    pub id: String,
    /// For people, such as 运营商甲.
    pub name: String,
    /// How it calls itself in its maintenance notes (`X-MAINTNOTE-PROVIDER`), such as `example.com`.
    pub maintnote: Vec<String>,
    /// What measuring its links asks for over their profiles.
    pub overrides: Overrides,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Stable key (单位编码), such as `U01`.
    pub id: String,
    pub name: String,
    pub overrides: Overrides,
    /// Calendar of the contract in whose hours its links may be silent, where their own rows name none.
    pub absence: Option<Set<String>>,
    /// Links without which none of its links works; those among them do not depend on themselves.
    pub depends_on: Vec<Dependency>,
    pub place: Place,
}

/// Something that does not work while a link is down.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    pub on: LinkId,
    pub place: Place,
}

/// A shared risk: what fails together.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Such as `duct-017`.
    pub id: String,
    pub kind: SegmentKind,
    pub name: String,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    Duct,
    Pop,
    ProviderEdge,
}

/// One leased line.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    pub id: LinkId,
    /// Circuit id, unique per carrier.
    pub cid: String,
    pub kind: Kind,
    pub carrier: CarrierIndex,
    pub unit: UnitIndex,
    pub a_end: String,
    pub z_end: String,
    pub bandwidth: BitRate,
    pub priority: Priority,
    pub status: Status,
    /// First day in service, where the ledger knows it.
    pub installed: Option<chrono::NaiveDate>,
    /// Redundancy group: links of one group stand in for each other.
    pub group: Option<Arc<str>>,
    /// Shared-risk segments that the line runs through.
    pub segments: Vec<SegmentIndex>,
    /// At most one per role, in role order. Empty: accepted, counted as not measurable, never up.
    pub points: Vec<Point>,
    /// Dense number of the first point; the others follow.
    pub first_point: PointIndex,
    /// What its own ledger row says over the profiles of its points.
    pub overrides: Arc<Overrides>,
    /// Calendar of the contract in whose hours it may be silent: a mobile station, a planned switch-off.
    pub absence: Option<Set<String>>,
    /// Links without which it does not work, besides those of its unit.
    pub depends_on: Vec<Dependency>,
    pub place: Place,
}

impl Link {
    /// Its points with their dense numbers.
    pub fn numbered_points(&self) -> impl Iterator<Item = (PointIndex, &Point)> {
        (self.first_point.0..).map(PointIndex).zip(&self.points)
    }
}

/// One place where a link is measured. Identified by link and role.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub role: Role,
    pub target: Target,
    pub responder: Responder,
    pub place: Place,
}

/// Whom to probe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    Address(IpAddr),
    /// Resolved while running, again when its TTL ends; never blocks a start.
    Name(String),
}

/// Measuring fields that a ledger row, a unit or a carrier may set; each stands above the profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// Name of a profile in `probes/`.
    pub profile: Option<Set<String>>,
    pub interval: Option<Set<Duration>>,
    pub timeout: Option<Set<Duration>>,
    pub source: Option<Set<IpAddr>>,
    pub interface: Option<Set<String>>,
    pub dscp: Option<Set<u8>>,
}

/// A value that somebody wrote, and where: `explain` shows both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<T> {
    pub value: T,
    pub place: Place,
}
