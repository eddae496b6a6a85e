//! The government sites of a story, and what goes wrong with them and when. Pure.
//!
//! In: the `sites`, `site_events` and `shared_certificate` of a story. Out: how each site behaves at a moment, and the
//! faults that a watcher must find, each with its reason of docs/services.md.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;
use serde_yaml::with::singleton_map;

use super::MOST_SITES;
use crate::{
    demo::story::Story,
    diagnostic::{
        Code, Findings,
        yaml::{Document, duration},
    },
    inventory::usable_id,
    text::{Message, ServiceText, SiteText},
};

/// One site, as the story writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub kind: Kind,
    #[serde(default)]
    pub certificate: Shows,
    /// It stands behind this reverse proxy, which all its sites share.
    pub proxy: Option<String>,
}

/// What a site speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Https,
    Http,
    /// A name server of the city's zone.
    Dns,
    /// TLS 1.0 and nothing newer.
    LegacyTls,
}

/// Which certificate a site shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    #[default]
    Good,
    /// Five days are left.
    Expiring,
    Expired,
    WrongName,
    /// Without the certificate between it and the authority.
    Incomplete,
    /// The one for all names of the city ([`Shared`]).
    Shared,
}

/// The wildcard certificate on many hosts: renewed on all of them but one, before it ends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    #[serde(deserialize_with = "duration")]
    pub renewed: Duration,
    #[serde(deserialize_with = "duration")]
    pub expires: Duration,
    /// The site that nobody thinks of.
    pub forgotten: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteEvent {
    #[serde(deserialize_with = "duration")]
    pub at: Duration,
    #[serde(rename = "for", deserialize_with = "duration")]
    pub lasts: Duration,
    #[serde(rename = "where", with = "singleton_map")]
    pub place: SitePlace,
    #[serde(with = "singleton_map")]
    pub what: Trouble,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SitePlace {
    Site(String),
    Proxy(String),
}

/// How a site or a proxy behaves while an event lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Nobody listens.
    Refuse,
    /// Takes the connection and never answers.
    Hang,
    /// Answers later.
    Slow(#[serde(deserialize_with = "duration")] Duration),
    /// Answers with this code; a name server: with SERVFAIL.
    Status(u16),
}

impl Trouble {
    /// As the story writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Hang => "hang",
            Self::Slow(_) => "slow",
            Self::Status(_) => "status",
        }
    }
}

/// A visit of the city's sites ends after so long.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// Everything that is known of the sites before the first second.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub sites: Vec<Site>,
    pub events: Vec<SiteEvent>,
    pub shared: Option<Shared>,
}

/// Something that a watcher must find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFault {
    pub from: Duration,
    /// `None`: it never ends.
    pub until: Option<Duration>,
    /// As docs/services.md has it.
    pub reason: &'static str,
    /// What the story calls it, and where.
    pub what: &'static str,
    pub place: String,
    pub sites: Vec<String>,
}

impl Plan {
    /// Checks what a story says of its sites.
    pub fn of(story: &Document<Story>, findings: &mut Findings) -> Self {
        let Story { sites, site_events, shared_certificate, .. } = &story.value;
        if sites.len() > MOST_SITES {
            let say = |text| Message::Service(ServiceText::Site(text));
            let message = say(SiteText::TooMany { most: MOST_SITES });
            findings.error(story.place("sites"), Code::OUT_OF_RANGE, message, say(SiteText::TooManyHelp));
        }
        let mut ids = BTreeSet::new();
        for (nth, site) in sites.iter().enumerate() {
            let place = story.place(&format!("sites.{nth}.id"));
            usable_id(&site.id, &place, findings);
            if !ids.insert(&site.id) {
                let first = sites.iter().position(|other| other.id == site.id).unwrap_or_default();
                let first = story.place(&format!("sites.{first}.id"));
                let message = Message::DuplicateId { id: site.id.clone(), first };
                findings.error(place, Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
            }
        }
        let known = |holds: &dyn Fn(&Site) -> Option<&String>| sites.iter().filter_map(holds).collect::<BTreeSet<_>>();
        let any = known(&|site| Some(&site.id));
        let proxies = known(&|site| site.proxy.as_ref());
        let shared = known(&|site| (site.certificate == Shows::Shared).then_some(&site.id));
        let mut look = |at: &str, scope: &'static str, id: &String, known: &BTreeSet<&String>| {
            if !known.contains(id) {
                let message = Message::DemoNoSuchPlace { scope, id: id.clone() };
                let known = known.iter().take(KNOWN).map(ToString::to_string).collect();
                findings.error(story.place(at), Code::NO_SUCH_PLACE, message, no_such(known));
            }
        };
        for (nth, event) in site_events.iter().enumerate() {
            match &event.place {
                SitePlace::Site(id) => look(&format!("site_events.{nth}.where.site"), "site", id, &any),
                SitePlace::Proxy(id) => look(&format!("site_events.{nth}.where.proxy"), "proxy", id, &proxies),
            }
        }
        if let Some(certificate) = shared_certificate {
            look("shared_certificate.forgotten", "site", &certificate.forgotten, &shared);
        }
        Self { sites: sites.clone(), events: site_events.clone(), shared: shared_certificate.clone() }
    }

    /// What is wrong at `place` now.
    pub fn trouble(&self, place: &SitePlace, now: Duration) -> Option<Trouble> {
        let lasts = |event: &&SiteEvent| event.place == *place && (event.at..event.at + event.lasts).contains(&now);
        self.events.iter().rfind(lasts).map(|event| event.what)
    }

    /// When something next changes at `place`.
    pub fn next_turn(&self, place: &SitePlace, now: Duration) -> Option<Duration> {
        let events = self.events.iter().filter(|event| event.place == *place);
        events.flat_map(|event| [event.at, event.at + event.lasts]).filter(|at| *at > now).min()
    }

    /// Names of the proxies, each once.
    pub fn proxies(&self) -> BTreeSet<&str> {
        self.sites.iter().filter_map(|site| site.proxy.as_deref()).collect()
    }

    /// Everything that a watcher must find, in order of time.
    pub fn faults(&self) -> Vec<SiteFault> {
        let mut faults: Vec<SiteFault> = self.sites.iter().filter_map(standing).collect();
        faults.extend(self.events.iter().flat_map(|event| self.of_event(event)));
        faults.extend(self.of_shared());
        faults.sort_by(|one, other| (one.from, &one.place).cmp(&(other.from, &other.place)));
        faults
    }

    fn of_event(&self, event: &SiteEvent) -> Vec<SiteFault> {
        let sites: Vec<&Site> = match &event.place {
            SitePlace::Site(id) => self.sites.iter().filter(|site| site.id == *id).collect(),
            SitePlace::Proxy(name) => self.sites.iter().filter(|site| site.proxy.as_ref() == Some(name)).collect(),
        };
        let (SitePlace::Site(place) | SitePlace::Proxy(place)) = &event.place;
        let is_own = matches!(event.place, SitePlace::Site(_));
        let Some(reason) = sites.first().and_then(|site| reason(event.what, site, is_own)) else { return vec![] };
        vec![SiteFault {
            from: event.at,
            until: Some(event.at + event.lasts),
            reason,
            what: event.what.name(),
            place: place.clone(),
            sites: sites.iter().map(|site| site.id.clone()).collect(),
        }]
    }

    fn of_shared(&self) -> Vec<SiteFault> {
        let Some(Shared { renewed, expires, forgotten }) = &self.shared else { return vec![] };
        let holders = self.sites.iter().filter(|site| site.certificate == Shows::Shared).map(|site| site.id.clone());
        let (left, renews): (Vec<_>, Vec<_>) = holders.partition(|id| id == forgotten);
        let fault = |from, until, reason, sites: &[String]| SiteFault {
            from,
            until,
            reason,
            what: "shared_certificate",
            place: forgotten.clone(),
            sites: sites.to_vec(),
        };
        vec![
            fault(Duration::ZERO, Some(*renewed), "certificate_expiring", &renews),
            fault(Duration::ZERO, None, "certificate_expiring", &left),
            fault(*renewed, None, "certificate_not_renewed", &left),
            fault(*expires, None, "certificate_expired", &left),
        ]
    }
}

fn no_such(known: Vec<String>) -> Message {
    Message::Service(ServiceText::Site(SiteText::NoSuchSite { known }))
}

/// Enough to see what ids look like.
const KNOWN: usize = 5;

/// What is wrong with a site from the first second on.
fn standing(site: &Site) -> Option<SiteFault> {
    let reason = match (site.kind, site.certificate) {
        (Kind::LegacyTls, _) => "tls_version_outdated",
        (Kind::Http | Kind::Dns, _) | (_, Shows::Good | Shows::Shared) => return None,
        (_, Shows::Expiring) => "certificate_expiring",
        (_, Shows::Expired) => "certificate_expired",
        (_, Shows::WrongName) => "certificate_wrong_name",
        (_, Shows::Incomplete) => "certificate_chain_incomplete",
    };
    let (place, sites) = (site.id.clone(), vec![site.id.clone()]);
    Some(SiteFault { from: Duration::ZERO, until: None, reason, what: "standing", place, sites })
}

/// What a visitor of `site` sees of `trouble`; `is_own`: the site's, not its proxy's. `None`: nothing that fails.
fn reason(trouble: Trouble, site: &Site, is_own: bool) -> Option<&'static str> {
    let behind = is_own && site.proxy.is_some();
    Some(match trouble {
        Trouble::Refuse | Trouble::Status(_) if site.kind == Kind::Dns => "dns_rcode",
        // The proxy lives, and says so.
        Trouble::Refuse if behind => "http_status",
        Trouble::Refuse => "connection_refused",
        Trouble::Hang => "timeout",
        Trouble::Slow(by) if by >= TIMEOUT => "timeout",
        Trouble::Status(status) if status >= 400 => "http_status",
        Trouble::Slow(_) | Trouble::Status(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        diagnostic::{Source, yaml},
        text::Language,
    };

    fn plan(text: &str) -> (Plan, Vec<String>) {
        let source = Source { file: Path::new("story.yaml").into(), bytes: text.into() };
        let mut findings = Findings::default();
        let story = yaml::decode::<Story>(&source, &mut findings).unwrap();
        let plan = Plan::of(&story, &mut findings);
        (plan, findings.into_sorted().iter().map(|finding| finding.print(Language::En)).collect())
    }

    const STORY: &str = "name: sites
sites:
  - { id: a }
  - { id: b, proxy: gate }
  - { id: c, proxy: gate, certificate: shared }
  - { id: d, certificate: shared }
  - { id: e, certificate: expired }
  - { id: ns, kind: dns }
shared_certificate: { renewed: 10s, expires: 20s, forgotten: d }
site_events:
  - { at: 3s, for: 5s, where: { proxy: gate }, what: { status: 502 } }
  - { at: 4s, for: 5s, where: { site: b }, what: refuse }
  - { at: 5s, for: 5s, where: { site: a }, what: { slow: 200ms } }
  - { at: 6s, for: 5s, where: { site: ns }, what: { status: 500 } }
";

    #[test]
    fn a_story_says_what_a_watcher_must_find_and_when() {
        let (plan, findings) = plan(STORY);
        assert_eq!(findings, Vec::<String>::new());
        let told: Vec<_> = plan
            .faults()
            .iter()
            .map(|fault| {
                (fault.from.as_secs(), fault.until.map(|until| until.as_secs()), fault.reason, fault.sites.join(" "))
            })
            .collect();
        let wanted = [
            (0, Some(10), "certificate_expiring", "c"),
            (0, None, "certificate_expiring", "d"),
            (0, None, "certificate_expired", "e"),
            (3, Some(8), "http_status", "b c"),
            (4, Some(9), "http_status", "b"),
            (6, Some(11), "dns_rcode", "ns"),
            (10, None, "certificate_not_renewed", "d"),
            (20, None, "certificate_expired", "d"),
        ];
        assert_eq!(told, wanted.map(|(from, until, reason, sites)| (from, until, reason, sites.to_owned())));
        let gate = SitePlace::Proxy("gate".into());
        let second = Duration::from_secs;
        assert_eq!([2, 3, 8].map(|at| plan.trouble(&gate, second(at))), [None, Some(Trouble::Status(502)), None]);
        assert_eq!([0, 3, 8].map(|at| plan.next_turn(&gate, second(at))), [Some(second(3)), Some(second(8)), None]);
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        let (_, findings) = plan(
            "name: wrong
sites: [{ id: a }, { id: a }]
shared_certificate: { renewed: 1s, expires: 2s, forgotten: a }
site_events: [{ at: 1s, for: 1s, where: { proxy: gate }, what: hang }]
",
        );
        assert_eq!(findings.len(), 3, "{findings:#?}");
        assert!(findings.iter().any(|finding| finding.contains("no proxy `gate`")), "{findings:#?}");
    }
}
