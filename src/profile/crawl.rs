//! How websites are looked at slowly: how much, how often, and in which hours.

use std::{collections::BTreeSet, time::Duration};

/// A look at a home page and where it leads. Every bound is finite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crawl {
    /// From one look at a site to the next.
    pub every: Duration,
    /// Minutes of the civil day between which it may be looked at; an end beyond 1440 is on the next day.
    pub hours: (u32, u32),
    pub zone: chrono_tz::Tz,
    /// Links and images of one look.
    pub links: u32,
    /// Requests a second to one site.
    pub a_second: std::num::NonZeroU32,
    /// Of one request.
    pub timeout: Duration,
    /// Hosts of the inventory: links between them are looked at, all others are left alone.
    pub hosts: BTreeSet<String>,
}

impl Crawl {
    /// Whether `minute` of the day lies in the hours.
    pub fn may(&self, minute: u32) -> bool {
        let (from, until) = self.hours;
        (from..until).contains(&minute) || (from..until).contains(&(minute + 1_440))
    }
}
