//! How to measure: `probes/*.yaml`, one profile per link kind and point role. No thresholds live here.
//!
//! In: the profile files, and an inventory whose points they serve. Out: [`Measure`] for every point, each value with
//! the place it came from. Precedence: link > unit > carrier > profile > default.

pub mod adopt;
pub mod crawl;
pub mod discovery;
mod effective;
pub mod foreign;
pub mod module;
mod read;
pub mod service;
pub mod services;
mod sound;

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

pub use self::effective::{Effective, Origin, effective, of_point, of_point_by, of_target_by};
use crate::{
    diagnostic::Place,
    inventory::{Kind, Role, Set},
};

/// All profiles of one folder, in order of name.
#[derive(Debug, Clone)]
pub struct Profiles {
    pub folder: Arc<Path>,
    pub list: Vec<Profile>,
    /// All files were read without an error: a profile that is not here is nowhere.
    pub whole: bool,
}

impl Profiles {
    pub fn named(&self, name: &str) -> Option<&Profile> {
        self.list.iter().find(|profile| profile.name == name)
    }

    /// The profile for points of this role on links of this kind.
    pub fn serving(&self, kind: Kind, role: Role) -> Option<&Profile> {
        let serves = |profile: &&Profile| profile.serves.iter().any(|own| own.kind == kind && own.role == role);
        self.list.iter().find(serves)
    }
}

/// One file of `probes/`: what it says, and for whom.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Name of its file without the extension.
    pub name: String,
    pub serves: Vec<Serves>,
    /// Why its interval is shorter than usual.
    pub reason: Option<String>,
    pub settings: Settings,
    pub place: Place,
}

/// Points that a profile is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Serves {
    pub kind: Kind,
    pub role: Role,
    pub place: Place,
}

/// A [`Measure`] as far as it was written, with the place of each value.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub interval: Option<Set<Duration>>,
    pub timeout: Option<Set<Duration>>,
    pub size: Option<Set<u16>>,
    pub dscp: Option<Set<u8>>,
    pub hop_limit: Option<Set<u8>>,
    pub dont_fragment: Option<Set<bool>>,
    pub source: Option<Set<IpAddr>>,
    pub interface: Option<Set<String>>,
    pub confirm_probes: Option<Set<u8>>,
    pub confirm_spacing: Option<Set<Duration>>,
    pub confirm_factor: Option<Set<u8>>,
    pub confirm_floor: Option<Set<Duration>>,
    pub restore_answers: Option<Set<u8>>,
    pub restore_span: Option<Set<Duration>>,
}

/// Every effective measuring value of one point.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Measure {
    pub interval: Duration,
    pub timeout: Duration,
    /// ICMP payload, bytes: at least 24.
    pub size: u16,
    pub dscp: u8,
    pub hop_limit: u8,
    pub dont_fragment: bool,
    pub source: Option<IpAddr>,
    pub interface: Option<String>,
    pub confirm: Confirm,
    pub restore: Restore,
}

/// Confirm probes: they decide state only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Confirm {
    pub probes: u8,
    pub spacing: Duration,
    /// A reply is overdue after the larger of `factor` x p99 of RTT and `floor`.
    pub factor: u8,
    pub floor: Duration,
}

/// Proof of recovery: this many answers in a row over at least this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Restore {
    pub answers: u8,
    pub span: Duration,
}

impl Default for Measure {
    /// Defaults at one probe a second (docs/architecture.md, "Down").
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            size: 56,
            dscp: 0,
            hop_limit: 64,
            dont_fragment: false,
            source: None,
            interface: None,
            confirm: Confirm {
                probes: 3,
                spacing: Duration::from_millis(100),
                factor: 3,
                floor: Duration::from_millis(100),
            },
            restore: Restore { answers: 5, span: Duration::from_secs(5) },
        }
    }
}
