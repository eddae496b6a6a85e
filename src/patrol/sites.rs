//! What is asked of websites besides being up: visits and slow looks in, findings and pictures out.

pub(super) mod found;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::Fact;
use crate::{
    contract::sites::SiteRules,
    judge::{
        service::ServiceState,
        site::{Finding, days, fresh::Freshness, group, posture, posture::Posture, visits},
    },
    probe::service::{Checker, Crawlers, Looked},
    profile::{
        crawl::Crawl,
        service::Kind,
        services::{Service, Services},
    },
    sample::{
        service::{Ending, Report},
        site::SiteReport,
    },
    snapshot::SiteView,
    units::{Now, Timestamp},
};

/// Looks that may wait for the loop.
const LOOKS: usize = 64;

/// Everything that is known of websites besides their states, by id of the service.
pub(super) struct Sites {
    rules: Arc<SiteRules>,
    looks: (SyncSender<Looked>, Receiver<Looked>),
    /// Whose looks these are. Kept alive for its tasks.
    crawlers: Option<(Handle, Arc<Checker>, Option<Crawlers>)>,
    /// By place, as the running crawlers have them.
    services: Vec<Arc<Service>>,
    generation: u32,
    zone: chrono_tz::Tz,
    known: BTreeMap<String, Known>,
    /// What the next look hands over.
    said: Vec<Fact>,
}

#[derive(Default)]
struct Known {
    findings: BTreeSet<Finding>,
    /// Why it never passed, as was last said.
    never: String,
    /// What it shows, and the group that shares it.
    shows: Option<(String, group::Member)>,
    /// `None`: not a page.
    visits: Option<visits::Record>,
    domain: Option<Timestamp>,
    posture: Option<Posture>,
    /// When the week of the posture began.
    week: Timestamp,
    page: Option<Freshness>,
    look: Option<(Timestamp, Arc<SiteReport>)>,
}

/// What is stored of one site.
#[derive(Serialize, Deserialize)]
struct Kept {
    visits: Option<visits::Record>,
    page: Option<Freshness>,
}

impl Sites {
    pub fn new(rules: Arc<SiteRules>, zone: chrono_tz::Tz) -> Self {
        Self {
            rules,
            looks: sync_channel(LOOKS),
            crawlers: None,
            services: vec![],
            generation: 0,
            zone,
            known: BTreeMap::new(),
            said: vec![],
        }
    }

    /// New files: what is gone is forgotten.
    pub fn adopt(&mut self, rules: &Arc<SiteRules>, services: &Services) {
        let mut alike = self.services.iter().zip(&services.list);
        let is_other = *rules != self.rules
            || self.services.len() != services.list.len()
            || !alike.all(|(one, other)| one.is_visited_like(other));
        self.rules = Arc::clone(rules);
        let ids: BTreeSet<&str> = services.list.iter().map(|service| service.id.as_str()).collect();
        self.known.retain(|id, _| ids.contains(id.as_str()));
        if let Some((runtime, checker, _)) = self.crawlers.take_if(|_| is_other) {
            self.start(&runtime, &checker, services);
        }
    }

    /// Begins the slow looks at `services`; those of before end.
    pub fn start(&mut self, runtime: &Handle, checker: &Arc<Checker>, services: &Services) {
        self.generation += 1;
        self.services.clone_from(&services.list);
        let hosts = services.list.iter().map(|service| service.host().to_owned()).collect();
        let crawlers = self.rules.crawl.map(|rule| {
            let crawl = Crawl {
                every: rule.every,
                hours: rule.hours,
                zone: self.zone,
                links: rule.links,
                a_second: rule.a_second,
                timeout: rule.timeout,
                hosts,
            };
            Crawlers::start(runtime, checker, services, self.generation, &Arc::new(crawl), &self.looks.0)
        });
        self.crawlers = Some((runtime.clone(), Arc::clone(checker), crawlers));
    }

    /// Takes the looks that have ended; says whether there were any.
    pub fn take(&mut self, now: Now) -> bool {
        let looked: Vec<Looked> = self.looks.1.try_iter().take(LOOKS).collect();
        let any = !looked.is_empty();
        for Looked { service, generation, report } in looked {
            let service = self.services.get(service as usize).filter(|_| generation == self.generation).cloned();
            if let Some(service) = service {
                self.look(&service.id, report, now);
            }
        }
        any
    }

    /// Whether each visit counts by itself.
    pub fn counts_visits(&self) -> bool {
        self.rules.reachability.is_some()
    }

    /// Takes a visit that began at `began`; `state`: of its service now.
    pub fn see(
        &mut self,
        service: &Service,
        report: &Report,
        is_confirm: bool,
        state: ServiceState,
        began: Timestamp,
        now: Now,
    ) {
        let day = self.day(began);
        let known = self.known.entry(service.id.clone()).or_default();
        if let (ServiceState::NeverVerified, Ending::Failed(fault)) = (state, &report.ending)
            && known.never != fault.reason.as_str()
        {
            known.never = fault.reason.as_str().into();
            let reason = known.never.clone();
            let (service, state) = (service.id.clone(), state.as_str());
            self.said.push(Fact::ServiceSaid { service, state, reason, since: began, at: now.utc });
        }
        if let (Some(rule), Kind::Http(_), false) = (&self.rules.reachability, &service.check.kind, is_confirm)
            && let Some(opened) = visits::opened(report, rule)
        {
            known.visits.get_or_insert_default().book(day, began.0, opened, rule);
        }
        if let Some(tls) = &report.tls
            && let Some(leaf) = tls.certificates.first()
        {
            let first = match &known.shows {
                Some((_, member)) if *member.sha256 == *leaf.sha256 => member.first,
                _ => began,
            };
            let member = group::Member {
                sha256: leaf.sha256.as_str().into(),
                not_before: leaf.not_before,
                not_after: leaf.not_after,
                first,
                last: began,
            };
            known.shows = Some((service.certificate_group.clone(), member));
            if let Some(rule) = &self.rules.tls_posture {
                let old = known.look.as_ref().and_then(|(_, look)| look.old_tls);
                let fresh = posture::judge(tls, old, &rule.deductions, began);
                let is_over = now.utc.since(known.week) >= rule.every;
                // The worst of a week stands until the week is over.
                if is_over || known.posture.as_ref().is_none_or(|worst| fresh.score <= worst.score) {
                    known.week = if is_over { now.utc } else { known.week };
                    known.posture = Some(fresh);
                }
            }
        }
        if let Some(domain) = &report.domain {
            known.domain = Some(domain.expires);
        }
        self.judge(&service.id, began, now);
        if report.tls.is_some() && !service.certificate_group.is_empty() {
            self.compare(&service.certificate_group, now);
        }
    }

    /// Takes a slow look that ended now.
    fn look(&mut self, id: &str, report: SiteReport, now: Now) {
        let known = self.known.entry(id.to_owned()).or_default();
        if let Some(page) = &report.page {
            known.page = Some(Freshness::after(known.page, page.fingerprint, now.utc));
        }
        known.look = Some((now.utc, Arc::new(report)));
        self.judge(id, now.utc, now);
    }

    /// Finds what is wrong with one site now; what is new is said.
    fn judge(&mut self, id: &str, since: Timestamp, now: Now) {
        let day = self.day(now.utc);
        let Some(known) = self.known.get_mut(id) else { return };
        let rules = &self.rules;
        let ladder = rules.days_left.as_ref();
        let ends_soon = |ladder: Option<&Vec<u32>>, end: Option<Timestamp>| {
            let rung = ladder.zip(end).and_then(|(ladder, end)| days::rung(ladder, end, now.utc));
            // What has ended is a reason of the visit itself.
            rung.is_some() && end.is_some_and(|end| end > now.utc)
        };
        let certificate = known.shows.as_ref().map(|(_, member)| member.not_after);
        let standing = known.visits.as_ref().zip(rules.reachability.as_ref());
        let standing = standing.map(|(record, rule)| record.standing(day, rule));
        let stale = known.page.zip(rules.home_page).is_some_and(|(page, rule)| page.unchanged() >= rule.unchanged_most);
        let look = known.look.as_ref().map(|(_, look)| look);
        let wrong = [
            (Finding::CertificateExpiring, ends_soon(ladder.map(|days| &days.certificate), certificate)),
            (Finding::DomainExpiring, ends_soon(ladder.map(|days| &days.domain), known.domain)),
            (Finding::SiteUnreachable, standing.is_some_and(|standing| standing.verdict == visits::Verdict::Veto)),
            (Finding::HomePageStale, stale),
            (Finding::DeadLinks, look.is_some_and(|look| look.dead_links > 0)),
            (Finding::MissingImages, look.is_some_and(|look| look.missing_images > 0)),
        ];
        for (finding, holds) in wrong {
            if !holds {
                known.findings.remove(&finding);
            } else if known.findings.insert(finding) {
                self.said.push(said(id, finding, since, now));
            }
        }
    }

    fn day(&self, at: Timestamp) -> chrono::NaiveDate {
        let utc = chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default();
        utc.with_timezone(&self.zone).date_naive()
    }

    /// Looks for hosts of a group that still show an older certificate.
    fn compare(&mut self, name: &str, now: Now) {
        let Some(rule) = self.rules.certificate_group else { return };
        let mut shown: Vec<(&String, &mut Known)> = self.known.iter_mut().collect();
        shown.retain(|(_, known)| known.shows.as_ref().is_some_and(|(group, _)| group == name));
        let members: Vec<group::Member> =
            shown.iter().filter_map(|(_, known)| known.shows.as_ref().map(|(_, member)| member.clone())).collect();
        let forgotten = group::forgotten(&members, rule.renewed_within);
        for (place, (id, known)) in shown.iter_mut().enumerate() {
            if !forgotten.contains(&place) {
                known.findings.remove(&Finding::CertificateNotRenewed);
            } else if known.findings.insert(Finding::CertificateNotRenewed) {
                self.said.push(said(id, Finding::CertificateNotRenewed, members[place].last, now));
            }
        }
    }

    /// What a restart must not forget, as JSON text; `None`: nothing.
    pub fn kept(&self) -> Option<String> {
        let kept = |(id, known): (&String, &Known)| {
            let kept = Kept { visits: known.visits.clone(), page: known.page };
            (kept.visits.is_some() || kept.page.is_some()).then(|| (id.clone(), kept))
        };
        let all: BTreeMap<String, Kept> = self.known.iter().filter_map(kept).collect();
        // Cannot fail: these are plain data.
        (!all.is_empty()).then(|| serde_json::to_string(&all).ok()).flatten()
    }

    /// Takes what the process before kept; of those that are visited no more it is forgotten.
    pub fn recall(&mut self, kept: serde_json::Value, services: &Services) {
        let mut all: BTreeMap<String, Kept> = serde_json::from_value(kept).unwrap_or_else(|error| {
            tracing::warn!(%error, "what was counted of websites cannot be read by this version; it begins anew");
            BTreeMap::new()
        });
        for service in &services.list {
            if let Some(Kept { visits, page }) = all.remove(&service.id) {
                self.known.insert(service.id.clone(), Known { visits, page, ..Known::default() });
            }
        }
    }

    /// What was said since the last look.
    pub fn said(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.said)
    }

    /// All of them, for outsiders.
    pub fn shown(&self, now: Now) -> BTreeMap<String, Arc<SiteView>> {
        let day = self.day(now.utc);
        let left = |end: Timestamp, ladder: Option<&Vec<u32>>| {
            (days::left(end, now.utc), ladder.and_then(|ladder| days::rung(ladder, end, now.utc)))
        };
        let ladder = self.rules.days_left.as_ref();
        let view = |(id, known): (&String, &Known)| {
            let until = |page: Freshness| {
                let most = self.rules.home_page?.unchanged_most.as_millis();
                Some(Timestamp(page.since.0.saturating_add(i64::try_from(most).unwrap_or(i64::MAX))))
            };
            let record = known.visits.as_ref().zip(self.rules.reachability.as_ref());
            let certificate = known.shows.as_ref().map(|(_, member)| member.not_after);
            let view = SiteView {
                findings: known.findings.clone(),
                reachability: record.map(|(record, rule)| record.standing(day, rule)),
                certificate: certificate.map(|end| left(end, ladder.map(|days| &days.certificate))),
                domain: known.domain.map(|end| left(end, ladder.map(|days| &days.domain))),
                posture: known.posture.clone(),
                page: known.page.map(|page| (page, until(page))),
                look: known.look.clone(),
            };
            (id.clone(), Arc::new(view))
        };
        self.known.iter().map(view).collect()
    }
}

fn said(id: &str, finding: Finding, since: Timestamp, now: Now) -> Fact {
    let (service, reason) = (id.to_owned(), finding.as_str().to_owned());
    Fact::ServiceSaid { service, state: FINDING, reason, since, at: now.utc }
}

/// Instead of a state: the service may well be up.
const FINDING: &str = "finding";
