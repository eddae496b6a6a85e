//! A slow look at a website: its home page, where it leads, how it is reached over IPv6, and which old TLS it speaks.
//!
//! In: a page of the inventory and the bounds of a [`Crawl`]. Out: a [`SiteReport`]. Polite: what `robots.txt` asks is
//! obeyed, requests are paced, their number is bounded, others' sites are left alone, and nothing is sent outside the
//! hours. Every request is a check like any other, with its deadline and its bounds.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use chrono::Timelike;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hickory_resolver::proto::rr::RecordType;
use hyper::{Method, Uri, header::HeaderValue};
use tokio::{
    net::TcpStream,
    runtime::Handle,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Checker, Progress,
    hello::{self, Heard, Offer},
    http,
    page::Page,
    robots::{MOST_BYTES, Rules},
    survey,
};
use crate::{
    clock::{Clock, SystemClock, monotonic_nanos},
    profile::{
        crawl::Crawl,
        service::{Check, Dns, Endpoint, Family, Http, Kind},
        services::{Service, Services},
    },
    sample::{
        service::{Ending, Reason, Report},
        site::{Broken, PageSeen, Robots, SiteReport, SixSeen},
    },
};

/// Sites that are looked at at once.
const AT_ONCE: usize = 8;
/// Broken links that are kept by name.
const KEPT: usize = 50;
/// Labels of a name that are tried as its zone.
const LABELS: usize = 6;
const FOUR: Family = Family { six: false, fallback: true };
const SIX: Family = Family { six: true, fallback: false };
/// Where name servers listen.
const NAMES: u16 = 53;
const ROBOT: &str = "linkpatrol";

/// A look that has ended.
#[derive(Debug)]
pub struct Looked {
    /// Place in [`Services`] of this generation.
    pub service: u32,
    pub generation: u32,
    pub report: SiteReport,
}

/// Looks that go on until this is dropped.
pub struct Crawlers {
    _tasks: JoinSet<()>,
}

impl Crawlers {
    pub fn start(
        runtime: &Handle,
        checker: &Arc<Checker>,
        services: &Services,
        generation: u32,
        rule: &Arc<Crawl>,
        looks: &SyncSender<Looked>,
    ) -> Self {
        let (mut tasks, places) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
        for (number, service) in (0..).zip(&services.list).filter(|(_, service)| !service.is_placeholder()) {
            let Kind::Http(home) = &service.check.kind else { continue };
            let (checker, rule, looks, places) = (checker.clone(), rule.clone(), looks.clone(), places.clone());
            let (home, service) = ((**home).clone(), Arc::clone(service));
            let look = async move {
                loop {
                    while !is_open(&rule) {
                        sleep(WAIT).await;
                    }
                    let begun = Instant::now();
                    {
                        // Never closed.
                        let Ok(_place) = places.acquire().await else { return };
                        let report = look(&checker, &service, &home, &rule).await;
                        // Whoever takes no look has the next one.
                        let _ = looks.try_send(Looked { service: number, generation, report });
                    }
                    sleep_until(begun + rule.every).await;
                }
            };
            tasks.spawn_on(look, runtime);
        }
        Self { _tasks: tasks }
    }
}

/// How often the hour is looked at.
const WAIT: Duration = Duration::from_secs(20);

fn is_open(rule: &Crawl) -> bool {
    let now = chrono::DateTime::from_timestamp_millis(SystemClock::start().now().utc.0).unwrap_or_default();
    let civil = now.with_timezone(&rule.zone);
    rule.may(civil.hour() * 60 + civil.minute())
}

/// One look at one site.
async fn look(checker: &Checker, service: &Service, home: &Http, rule: &Crawl) -> SiteReport {
    let pace = RateLimiter::direct(Quota::per_second(rule.a_second));
    let visitor = Visitor { checker, home, rule, pace };
    let mut report = SiteReport::default();
    let (first, body) = visitor.get(&home.url, Method::GET, FOUR, home.body_limit).await;
    if let Some(address) = first.addresses.first().filter(|_| home.url.scheme_str() == Some("https")) {
        let port = home.url.port_u16().unwrap_or(443);
        report.old_tls = speaks_old(checker, (*address, port).into(), service.host()).await;
    }
    let page = body.as_deref().map(Page::read);
    if let Some(page) = &page {
        let count = |set: &BTreeSet<String>| u32::try_from(set.len()).unwrap_or(u32::MAX);
        let (links, images) = (count(&page.links), count(&page.images));
        report.page = Some(PageSeen { fingerprint: page.fingerprint, links, images });
        report.left_out = u32::try_from(page.left_out).unwrap_or(u32::MAX);
        let works = visitor.follow(page, &mut report).await;
        report.six = visitor.six(Some(page), &works).await;
    } else {
        report.six = visitor.six(None, &[]).await;
    }
    report
}

struct Visitor<'a> {
    checker: &'a Checker,
    home: &'a Http,
    rule: &'a Crawl,
    pace: DefaultDirectRateLimiter,
}

impl Visitor<'_> {
    /// One paced request: how it ended, and the body of a good answer.
    async fn get(&self, url: &Uri, method: Method, family: Family, limit: usize) -> (Report, Option<Vec<u8>>) {
        self.pace.until_ready().await;
        let mut progress = Progress::start(monotonic_nanos());
        let at_home = url.authority() == self.home.url.authority();
        // What the home page is visited with, secrets among it, goes nowhere else.
        let mut http =
            if at_home { self.home.clone() } else { Http { tls: self.home.tls.clone(), ..Http::get(url.clone()) } };
        (http.url, http.method, http.body_limit) = (url.clone(), method, limit);
        (http.tls.survey, http.tls.revocation, http.compression) = (false, false, None);
        let check = Check { deadline: self.rule.timeout, family, ..Check::new(Kind::Http(Box::new(http.clone()))) };
        self.checker.prepare(&check);
        let ended = timeout(self.rule.timeout, http::body(self.checker, family, &http, &mut progress)).await;
        let (ending, body) = match ended {
            Ok(Ok(body)) => (Ending::Passed, Some(body)),
            Ok(Err(ending)) => (ending, None),
            Err(_) => (progress.failed(Reason::Timeout, format!("no end after {:?}", self.rule.timeout)), None),
        };
        progress.report.ending = ending;
        (progress.report, body)
    }

    async fn rules(&self) -> (Robots, Rules) {
        let Some(url) = http::follow(&self.home.url, &HeaderValue::from_static("/robots.txt")) else {
            return (Robots::Unreachable, Rules::none());
        };
        let (report, body) = self.get(&url, Method::GET, FOUR, MOST_BYTES).await;
        match (body, report.http.map(|http| http.status)) {
            (Some(body), _) => (Robots::Obeyed, Rules::read(&String::from_utf8_lossy(&body), ROBOT)),
            // What is not there forbids nothing (RFC 9309, 2.3.1.3).
            (None, Some(400..=499)) => (Robots::Absent, Rules::default()),
            (None, _) => (Robots::Unreachable, Rules::none()),
        }
    }

    /// Looks at where the page leads; returns its own links that work.
    async fn follow(&self, page: &Page, report: &mut SiteReport) -> Vec<Uri> {
        let (robots, rules) = self.rules().await;
        report.robots = robots;
        let (mut works, mut seen) = (vec![], BTreeSet::new());
        let all = page.images.iter().map(|image| (image, true)).chain(page.links.iter().map(|link| (link, false)));
        for (text, is_image) in all {
            let url = HeaderValue::from_str(text).ok().and_then(|text| http::follow(&self.home.url, &text));
            let Some(url) = url else {
                // Nobody can follow it: letters outside ASCII that a browser would escape are not judged.
                report.unmeasured += 1;
                continue;
            };
            if url == self.home.url || !seen.insert(url.to_string()) {
                continue;
            }
            let is_own = url.authority() == self.home.url.authority();
            let is_ours = is_own || url.host().is_some_and(|host| self.rule.hosts.contains(host));
            if !is_ours {
                report.elsewhere += 1;
            } else if is_own && !rules.allow(url.path_and_query().map_or("/", |path| path.as_str())) {
                report.disallowed += 1;
            } else if report.checked >= self.rule.links || !is_open(self.rule) {
                report.left_out += 1;
            } else {
                report.checked += 1;
                match self.works(&url, FOUR).await {
                    Ok(()) => works.extend(Some(url).filter(|_| is_own && !is_image)),
                    Err(None) => report.unmeasured += 1,
                    Err(Some((reason, status))) => {
                        *(if is_image { &mut report.missing_images } else { &mut report.dead_links }) += 1;
                        if report.broken.len() < KEPT {
                            report.broken.push(Broken { url: url.to_string(), is_image, reason, status });
                        }
                    }
                }
            }
        }
        works
    }

    /// `Err(None)`: this host could not look. Asks for the head first, and for all of it only when that is refused.
    async fn works(&self, url: &Uri, family: Family) -> Result<(), Option<(Reason, u16)>> {
        let mut last = None;
        for method in [Method::HEAD, Method::GET] {
            let (report, _) = self.get(url, method, family, self.home.body_limit).await;
            match report.ending {
                Ending::Passed => return Ok(()),
                // It is there, and larger than we read.
                Ending::Failed(fault) if fault.reason == Reason::BodyTooLarge => return Ok(()),
                Ending::Failed(fault) => last = Some((fault.reason, report.http.map_or(0, |http| http.status))),
                Ending::Unmeasured(_) => return Err(None),
            }
        }
        Err(last)
    }

    /// How the site is reached over IPv6.
    async fn six(&self, page: Option<&Page>, works: &[Uri]) -> SixSeen {
        let host = self.home.url.host().unwrap_or_default().trim_matches(['[', ']']);
        // A place instead of a name says nothing of the name.
        if self.home.pinned.is_some() || host.parse::<std::net::IpAddr>().is_ok() {
            return SixSeen::default();
        }
        let mut seen = SixSeen { name_servers: self.six_servers(host).await, ..SixSeen::default() };
        let (report, body) = self.get(&self.home.url, Method::GET, SIX, self.home.body_limit).await;
        (seen.address, seen.opens) = match &report.ending {
            Ending::Passed => (Some(true), Some(true)),
            Ending::Failed(fault) => match fault.reason {
                Reason::NoAddress => (Some(false), Some(false)),
                Reason::NameNotFound | Reason::ResolverFailed => (None, None),
                _ => (Some(true), Some(false)),
            },
            Ending::Unmeasured(_) => (report.addresses.first().map(|_| true), None),
        };
        let other = body.as_deref().map(Page::read);
        seen.same_content = page.zip(other).map(|(four, six)| four.fingerprint == six.fingerprint);
        if seen.opens == Some(true) {
            let (mut reached, mut tried) = (0, 0);
            for url in works.iter().take_while(|_| is_open(self.rule)) {
                match self.works(url, SIX).await {
                    Ok(()) => (reached, tried) = (reached + 1, tried + 1),
                    Err(Some(_)) => tried += 1,
                    Err(None) => {}
                }
            }
            seen.links = Some((reached, tried));
        }
        seen
    }

    /// Whether a name server of the zone of `host` answers over IPv6.
    async fn six_servers(&self, host: &str) -> Option<bool> {
        let resolvers = self.checker.resolvers.as_ref().ok()?;
        let labels: Vec<&str> = host.split('.').collect();
        let zones =
            (0..labels.len().min(LABELS)).map(|from| labels[from..].join(".")).filter(|zone| zone.contains('.'));
        let (mut servers, mut zone) = (vec![], String::new());
        for candidate in zones {
            servers = resolvers[0].names(&candidate, RecordType::NS).await.ok()?;
            if !servers.is_empty() {
                zone = candidate;
                break;
            }
        }
        let mut unsure = servers.is_empty();
        for server in servers {
            let endpoint = Endpoint { host: server, port: NAMES, pinned: None };
            let check = Check {
                deadline: self.rule.timeout,
                family: SIX,
                ..Check::new(Kind::Dns(Box::new(Dns::asking(endpoint, &zone, "SOA"))))
            };
            match self.checker.run(&check).await.ending {
                Ending::Passed => return Some(true),
                Ending::Failed(fault) if fault.reason == Reason::ResolverFailed => unsure = true,
                Ending::Failed(_) => {}
                Ending::Unmeasured(_) => unsure = true,
            }
        }
        (!unsure).then_some(false)
    }
}

/// Whether the server at `address` goes down to TLS 1.1 when asked; `None`: it did not say.
async fn speaks_old(checker: &Checker, address: std::net::SocketAddr, host: &str) -> Option<bool> {
    let name = host.parse::<std::net::IpAddr>().is_err().then_some(host);
    let hello = hello::client(Offer::Old, &survey::random(checker)?, name);
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        survey::exchange(&mut stream, &hello).await.ok()
    };
    match timeout(survey::PATIENCE, asked).await.ok()?? {
        Heard::Whole(flight) | Heard::More(flight) => Some(!flight.certificates.is_empty() && flight.is_old()),
        Heard::Alert(_) => Some(false),
        Heard::Nonsense => None,
    }
}
