//! What was promised: objectives, outage tiers and their clocks. Contracts are data; no figure of one stands in Rust.
//!
//! In: `contract.yaml` of one inventory folder. Out: a [`Contract`] and every finding. Each figure keeps the clause
//! it comes from, or says "default, not from contract".

mod read;

use std::time::Duration;

use crate::{
    diagnostic::Place,
    inventory::{Kind, Link, Role},
    units::{Limit, Ppm, Rtt},
};

/// One contract, read and checked.
#[derive(Debug, Clone)]
pub struct Contract {
    pub name: String,
    pub time_zone: chrono_tz::Tz,
    pub objectives: Objectives,
    pub tiers: LinkTiers,
    pub measuring_points: MeasuringPoints,
    pub degraded: Degraded,
    pub grouping: Grouping,
    /// A restored incident closes itself after this long without a relapse, unless a person closes it first.
    pub close_after: Duration,
    /// Every figure above as it was written, in file order, for people.
    pub figures: Vec<Figure>,
}

impl Contract {
    /// The point that decides the state of a link of this kind; the others localise.
    pub fn measuring_point(&self, kind: Kind) -> Role {
        let own = self.measuring_points.by_kind.iter().find(|(own, _)| *own == kind);
        own.map_or(self.measuring_points.default, |(_, role)| *role)
    }

    /// Whether the link has the point that decides its state.
    pub fn measures(&self, link: &Link) -> bool {
        link.points.iter().any(|point| point.role == self.measuring_point(link.kind))
    }
}

/// Which point decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuringPoints {
    pub default: Role,
    pub by_kind: Vec<(Kind, Role)>,
}

/// One figure of the contract and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Its key in the file, such as `objectives.availability`.
    pub key: String,
    /// As written, such as `99.9 %`.
    pub value: String,
    /// Such as `001 L101`, or "default, not from contract".
    pub clause: String,
    pub place: Place,
}

/// Link objectives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objectives {
    /// At least this share of service time up.
    pub availability: Ppm,
    /// RTT at most this.
    pub rtt: Rtt,
    pub loss: Limit,
    pub clause: String,
}

/// The two link tiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTiers {
    /// Share of measured links in service that must be down for "whole network": a printed switch.
    pub network_share: Ppm,
    /// Whole-network outage (level 1).
    pub network: Tier,
    /// Partial outage (level 2).
    pub partial: Tier,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// 1 is the most severe.
    pub level: u8,
    pub response: Duration,
    pub restore: Duration,
    /// Where the figures stand, such as `001 L131`.
    pub clause: String,
}

/// When an answering link is called degraded. Alarms operators; never a breach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Degraded {
    /// Loss over the last minute that makes it so, and below which it ends.
    pub loss: Limit,
    pub loss_clear: Limit,
    /// 95th percentile of RTT over the last five minutes above which it is so; it ends below nine tenths of it.
    pub rtt: Rtt,
}

/// Regrouping of failures into one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// Wait after the first failure before notices leave.
    pub grace: Duration,
    /// Longest wait while failures keep arriving.
    pub grace_most: Duration,
    /// Share of a scope's measured members that must fail for the scope to explain them.
    pub scope_share: Ppm,
}
