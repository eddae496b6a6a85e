//! What is known of a website besides its state.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    judge::site::{Finding, fresh::Freshness, posture::Posture, visits::Standing},
    sample::site::SiteReport,
    units::Timestamp,
};

/// One website now.
#[derive(Clone, Debug, Default)]
pub struct SiteView {
    pub findings: BTreeSet<Finding>,
    /// `None`: not a page, or nothing is asked of it.
    pub reachability: Option<Standing>,
    /// Whole days until the certificate and the registration end, and the rung of the ladder that is reached.
    pub certificate: Option<(i64, Option<u32>)>,
    pub domain: Option<(i64, Option<u32>)>,
    /// The worst of the running week.
    pub posture: Option<Posture>,
    /// Since when the home page is the same, and until when it may be.
    pub page: Option<(Freshness, Option<Timestamp>)>,
    /// The last slow look, and when it was taken.
    pub look: Option<(Timestamp, Arc<SiteReport>)>,
}
