//! `sites.yaml`: what is asked of every website besides being up, as data.
//!
//! In: the file beside `contract.yaml`. Out: [`SiteRules`], or findings. What the file leaves out is not judged: no figure
//! of a standard stands in Rust.

use std::{collections::BTreeMap, num::NonZeroU32, path::Path, time::Duration};

use serde::{Deserialize, Deserializer};

use crate::{
    diagnostic::{
        Code, Findings,
        yaml::{self, Document, duration, percent},
    },
    text::{Message, ServiceText, SiteText},
    units::Ppm,
};

/// Everything that is asked. `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteRules {
    pub reachability: Option<Reachability>,
    pub home_page: Option<HomePage>,
    pub days_left: Option<DaysLeft>,
    pub certificate_group: Option<Group>,
    pub tls_posture: Option<Posture>,
    pub crawl: Option<Crawl>,
    pub warnings: Option<Warn>,
}

/// When a site counts as one that cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reachability {
    /// Civil days that are looked at together.
    pub days: u32,
    /// So many visits a day, `spacing` apart, make a day count.
    pub visits_a_day: u32,
    #[serde(deserialize_with = "duration")]
    pub spacing: Duration,
    /// A visit that has not opened after so long is failed.
    #[serde(deserialize_with = "duration")]
    pub not_open_after: Duration,
    /// This share of failed visits, or more, is a veto.
    #[serde(deserialize_with = "percent")]
    pub veto: Ppm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomePage {
    /// A home page that was the same for so long is a veto.
    #[serde(deserialize_with = "duration")]
    pub unchanged_most: Duration,
}

/// Days before an end at which somebody is warned, most first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaysLeft {
    pub certificate: Vec<u32>,
    /// Of a domain's registration.
    pub domain: Vec<u32>,
    /// Of what `expiry.csv` has.
    pub register: Vec<u32>,
}

/// Hosts that share one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// All of them show a new certificate so soon after the first does.
    #[serde(deserialize_with = "duration")]
    pub renewed_within: Duration,
}

/// What a site's way of speaking TLS is worth.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posture {
    /// Scored anew so often; the worst of the time before stands.
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    /// Points off a hundred.
    pub deductions: BTreeMap<Weakness, u32>,
}

/// Names of [`Weakness::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weakness {
    /// The chain is not good, for whatever reason.
    ChainBad,
    /// Nothing newer than TLS 1.1 is spoken.
    OnlyOutdatedVersions,
    /// TLS 1.1 or older is spoken too.
    OutdatedVersions,
    /// What is agreed on has no forward secrecy, or is of before AEAD.
    WeakCipher,
    /// TLS 1.3 is not spoken.
    #[serde(rename = "no_tls13")]
    NoTls13,
    /// SHA-1 or MD5 signs the certificate.
    WeakSignature,
    WeakKey,
    /// The certificate names no organisation: not OV.
    NoOrganisation,
    /// No timestamps of transparency logs.
    NoTransparency,
    /// The certificate lives longer than browsers accept.
    LivesLong,
    /// The server staples no answer of its authority.
    NoStaple,
    /// The authority says that it is revoked, or says nothing usable.
    RevocationUnsure,
}

impl Weakness {
    pub const ALL: [Self; 12] = [
        Self::ChainBad,
        Self::OnlyOutdatedVersions,
        Self::OutdatedVersions,
        Self::WeakCipher,
        Self::NoTls13,
        Self::WeakSignature,
        Self::WeakKey,
        Self::NoOrganisation,
        Self::NoTransparency,
        Self::LivesLong,
        Self::NoStaple,
        Self::RevocationUnsure,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChainBad => "chain_bad",
            Self::OnlyOutdatedVersions => "only_outdated_versions",
            Self::OutdatedVersions => "outdated_versions",
            Self::WeakCipher => "weak_cipher",
            Self::NoTls13 => "no_tls13",
            Self::WeakSignature => "weak_signature",
            Self::WeakKey => "weak_key",
            Self::NoOrganisation => "no_organisation",
            Self::NoTransparency => "no_transparency",
            Self::LivesLong => "lives_long",
            Self::NoStaple => "no_staple",
            Self::RevocationUnsure => "revocation_unsure",
        }
    }
}

/// How much, how often and when home pages are read and their links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crawl {
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    /// Minutes of the civil day of the contract's zone; an end beyond 1440 is on the next day.
    #[serde(deserialize_with = "hours")]
    pub hours: (u32, u32),
    /// Links and images of one home page.
    pub links: u32,
    /// Requests to one site.
    pub a_second: NonZeroU32,
    /// Of one request.
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
}

/// How people are told of ends and findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warn {
    /// A finding that holds is told again so long after it was told last.
    #[serde(deserialize_with = "duration")]
    pub again: Duration,
    /// What is new waits so long for others, so that one notice tells of all.
    #[serde(deserialize_with = "duration")]
    pub gather: Duration,
}

fn hours<'de, D: Deserializer<'de>>(from: D) -> Result<(u32, u32), D::Error> {
    yaml::parsed(from, "hours such as `01:00-05:00`", super::window)
}

/// Ten years: beyond it nobody warns.
const MOST_DAYS: u32 = 3_650;
/// Days that are kept of a site's visits; a day has no more visits than minutes.
const MOST_WINDOW: u32 = 62;
const MOST_VISITS: u32 = 1_440;
/// Politeness.
const MOST_LINKS: u32 = 2_000;
const MOST_A_SECOND: u32 = 10;
/// More often nags, and more seldom forgets.
const AGAIN: [Duration; 2] = [Duration::from_hours(1), Duration::from_hours(24 * 365)];
const MOST_GATHER: Duration = Duration::from_hours(24);

impl SiteRules {
    /// Reads the rules of a folder; none without the file.
    pub fn load(folder: &Path, findings: &mut Findings) -> Self {
        let file = folder.join("sites.yaml");
        let document = file.is_file().then(|| yaml::read::<Self>(&file, findings)).flatten();
        let Some(document) = document else { return Self::default() };
        let rules = &document.value;
        if let Some(days) = &rules.days_left {
            ladder(&document, "days_left.certificate", &days.certificate, findings);
            ladder(&document, "days_left.domain", &days.domain, findings);
            ladder(&document, "days_left.register", &days.register, findings);
        }
        let mut refuse = |path: &str, least: String, most: String| {
            let key = path.rsplit('.').next().unwrap_or(path).to_owned();
            let help = Message::OutOfRangeHelp { least, most };
            findings.error(document.place(path), Code::OUT_OF_RANGE, Message::OutOfRange { key }, help);
        };
        let mut within = |path: &str, value: u32, least: u32, most: u32| {
            if !(least..=most).contains(&value) {
                refuse(path, least.to_string(), most.to_string());
            }
        };
        if let Some(rule) = &rules.reachability {
            within("reachability.days", rule.days, 1, MOST_WINDOW);
            within("reachability.visits_a_day", rule.visits_a_day, 1, MOST_VISITS);
        }
        if let Some(rule) = &rules.crawl {
            within("crawl.links", rule.links, 1, MOST_LINKS);
            within("crawl.a_second", rule.a_second.get(), 1, MOST_A_SECOND);
        }
        if let Some(rule) = &rules.warnings {
            let mut within = |path: &str, value: Duration, [least, most]: [Duration; 2]| {
                if !(least..=most).contains(&value) {
                    let hours = |bound: Duration| format!("{}h", bound.as_secs() / 3_600);
                    refuse(path, hours(least), hours(most));
                }
            };
            within("warnings.again", rule.again, AGAIN);
            within("warnings.gather", rule.gather, [Duration::ZERO, MOST_GATHER]);
        }
        document.value
    }
}

/// Rungs fall, each once.
fn ladder(document: &Document<SiteRules>, path: &str, rungs: &[u32], findings: &mut Findings) {
    let falls = rungs.windows(2).all(|pair| pair[0] > pair[1]) && rungs.iter().all(|rung| *rung <= MOST_DAYS);
    if !falls {
        let say = |text| Message::Service(ServiceText::Site(text));
        let key = path.rsplit('.').next().unwrap_or(path).to_owned();
        let help = say(SiteText::LadderHelp { most: MOST_DAYS });
        findings.error(document.place(path), Code::OUT_OF_RANGE, say(SiteText::Ladder { key }), help);
    }
}
