//! What is asked of a website besides being up ([`SiteRules`](crate::contract::sites::SiteRules)): plain functions of
//! what its visits showed.

pub mod days;
pub mod fresh;
pub mod group;
pub mod posture;
pub mod visits;

/// Something that is wrong with a site that may well be up. Closed: metrics, the API and reports use these names
/// (docs/services.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// The certificate that is shown ends within the ladder.
    CertificateExpiring,
    /// Another host of its group shows a newer certificate, and has for a while.
    CertificateNotRenewed,
    /// The registration of the domain ends within the ladder.
    DomainExpiring,
    /// Failed visits have reached the share of the veto.
    SiteUnreachable,
    /// The home page was the same for too long.
    HomePageStale,
    /// Links of the home page are dead.
    DeadLinks,
    MissingImages,
}

impl Finding {
    pub const ALL: [Self; 7] = [
        Self::CertificateExpiring,
        Self::CertificateNotRenewed,
        Self::DomainExpiring,
        Self::SiteUnreachable,
        Self::HomePageStale,
        Self::DeadLinks,
        Self::MissingImages,
    ];

    /// As metrics and JSON write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CertificateExpiring => "certificate_expiring",
            Self::CertificateNotRenewed => "certificate_not_renewed",
            Self::DomainExpiring => "domain_expiring",
            Self::SiteUnreachable => "site_unreachable",
            Self::HomePageStale => "home_page_stale",
            Self::DeadLinks => "dead_links",
            Self::MissingImages => "missing_images",
        }
    }
}
