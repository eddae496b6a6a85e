//! Checks of services: pages, handshakes, ports, name servers, registries and short talks, each as one future that ends by its deadline.
//!
//! In: a [`Check`]. Out: a [`Report`], whatever the far end does. The far end is not trusted: headers, bodies, lines,
//! redirects and unpacked bytes have bounds, and the deadline of the check lies over all of them.
//!
//! Every check opens its own connection: keep-alive and session tickets would hide connect and handshake times.

mod certificate;
mod crawl;
mod der;
mod dns;
mod domain;
mod exchange;
mod feed;
mod fresh;
mod ftp;
mod gates;
mod grpc;
mod hello;
mod http;
mod icmp;
mod known;
mod online;
mod page;
mod patrol;
mod registration;
mod revocation;
mod robots;
mod starttls;
mod steps;
mod stream;
mod survey;
mod talk;
mod tcp;
mod tlcp;
mod tls;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio::time::timeout;

pub use self::{
    crawl::{Crawlers, Looked},
    gates::Waits,
    grpc::STATES,
    patrol::{Patrol, Skipped, Visit},
};
use self::{feed::Feeds, tls::Trust};
use super::resolve::Resolver;
use crate::{
    clock::monotonic_nanos,
    inventory::{Online, Told},
    profile::service::{Check, Feed, Kind, TlsSettings},
    sample::service::{Ending, Fault, Phase, Reason, Report},
    units::Allowed,
};

/// Files of authorities that are kept read.
const MOST_TRUSTED: usize = 64;

/// What all checks share: whom to ask for addresses, and whom to trust. Cheap to share behind an `Arc`.
pub struct Checker {
    /// Preferring the fourth and the sixth version of IP; `Err`: why there are none.
    resolvers: Result<[Resolver; 2], String>,
    provider: Arc<CryptoProvider>,
    /// Read when first needed: a check of a port needs none.
    system: OnceLock<Arc<Trust>>,
    /// By the file that says so, as it was: reading one for every visit costs more than its handshake.
    trusted: Mutex<HashMap<Vec<u8>, Arc<Trust>>>,
    /// `None`: any address.
    allowed: Option<Allowed>,
    /// What is told of data exchanges, and of devices.
    exchanges: Feeds<Told>,
    online: Feeds<Online>,
}

impl Checker {
    /// Asks `name_server` for addresses, else whom the system asks.
    pub fn new(name_server: Option<SocketAddr>) -> Self {
        let resolver = |six| match name_server {
            Some(server) => Resolver::asking_preferring(server, six),
            None => Resolver::system_preferring(six),
        };
        let resolvers = resolver(false).and_then(|four| Ok([four, resolver(true)?]));
        Self {
            resolvers: resolvers.map_err(|error| error.to_string()),
            provider: Arc::new(aws_lc_rs::default_provider()),
            system: OnceLock::new(),
            trusted: Mutex::default(),
            allowed: None,
            exchanges: Feeds::default(),
            online: Feeds::default(),
        }
    }

    /// Visits these addresses only, whatever a name or a redirect says.
    pub fn limited_to(self, allowed: Allowed) -> Self {
        Self { allowed: Some(allowed), ..self }
    }

    /// Trusts these authorities instead of the system's.
    pub fn trusting(self, pem: &[u8]) -> Self {
        let trust = Arc::new(Trust::pem(pem, &self.provider));
        Self { system: OnceLock::from(trust), ..self }
    }

    /// Carries out one check. Must be called within a tokio runtime.
    pub async fn run(&self, check: &Check) -> Report {
        self.prepare(check);
        let begun = monotonic_nanos();
        let mut progress = Progress { source: check.source, ..Progress::start(begun) };
        let ended = timeout(check.deadline, self.carry_out(check, &mut progress)).await;
        let now = monotonic_nanos();
        progress.leave(now);
        progress.report.ending = match ended {
            Ok(Ok(())) => Ending::Passed,
            Ok(Err(ending)) => ending,
            Err(_) => progress.standing.take().unwrap_or_else(|| {
                let text = format!("no end after {:?}", check.deadline);
                Ending::Failed(Fault::new(progress.phase, Reason::Timeout, text))
            }),
        };
        progress.end_of_step(now);
        progress.report.took = Duration::from_nanos(now - begun);
        progress.report
    }

    /// What this host must do once, before its first handshake: it takes a quarter of a second, and is no fault of the
    /// service.
    fn prepare(&self, check: &Check) {
        let shakes_hands = match &check.kind {
            Kind::Http(_) | Kind::Steps(_) | Kind::Tls(_) | Kind::Tlcp(_) => true,
            Kind::Exchange(exchange) => matches!(exchange.feed, Feed::Http(_)),
            Kind::Online(rate) => matches!(rate.feed, Feed::Http(_)),
            Kind::Tcp(tcp) => tcp.tls.is_some() || tcp.steps.iter().any(|step| step.starttls),
            Kind::Unix(unix) => unix.tls.is_some() || unix.steps.iter().any(|step| step.starttls),
            Kind::Dns(dns) => dns.tls.is_some(),
            Kind::Grpc(grpc) => grpc.tls.is_some(),
            Kind::Domain(_)
            | Kind::Udp(_)
            | Kind::Smtp(_)
            | Kind::Sip(_)
            | Kind::Rtsp(_)
            | Kind::Icmp(_)
            | Kind::Ftp(_) => false,
        };
        if shakes_hands {
            self.system.get_or_init(|| Arc::new(Trust::system(&self.provider)));
            // Randomness that cannot be had fails the handshake, which says so.
            let _ = self.provider.secure_random.fill(&mut [0; 32]);
        }
    }

    async fn carry_out(&self, check: &Check, progress: &mut Progress) -> Stopped<()> {
        match &check.kind {
            Kind::Http(http) => http::visit(self, check.family, http, progress).await,
            Kind::Steps(steps) => steps::walk(self, check.family, steps, progress).await,
            Kind::Tls(tls) => {
                let connected = stream::connect(self, &tls.endpoint, check.family, progress).await?;
                tls::handshake(self, &tls.settings, &tls.endpoint, connected, &[], progress).await.map(drop)
            }
            Kind::Tlcp(tls) => tlcp::check(self, check.family, tls, progress).await,
            Kind::Tcp(tcp) => tcp::talk(self, check.family, tcp, progress).await,
            Kind::Dns(dns) => dns::ask(self, check.family, dns, progress).await,
            Kind::Domain(domain) => domain::ask(self, check.family, domain, progress).await,
            Kind::Udp(endpoint) => talk::echo(self, check.family, endpoint, progress).await,
            Kind::Smtp(endpoint) => talk::smtp(self, check.family, endpoint, progress).await,
            Kind::Sip(sip) => talk::sip(self, check.family, sip, progress).await,
            Kind::Rtsp(rtsp) => talk::rtsp(self, check.family, rtsp, progress).await,
            Kind::Icmp(icmp) => icmp::ping(self, check.family, icmp, progress).await,
            Kind::Grpc(grpc) => grpc::ask(self, check.family, grpc, progress).await,
            Kind::Unix(unix) => tcp::talk_here(self, unix, progress).await,
            Kind::Ftp(ftp) => ftp::ask(self, check.family, ftp, progress).await,
            Kind::Exchange(exchange) => exchange::ask(self, check, exchange, progress).await,
            Kind::Online(rate) => online::ask(self, check, rate, progress).await,
        }
    }

    /// Whom `settings` trust.
    fn trust(&self, settings: &TlsSettings) -> Arc<Trust> {
        match &settings.roots {
            Some(pem) => {
                let mut trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(known) = trusted.get(pem) {
                    return Arc::clone(known);
                }
                if trusted.len() >= MOST_TRUSTED {
                    // Files that have changed leave theirs behind.
                    trusted.clear();
                }
                let read = Arc::new(Trust::pem(pem, &self.provider));
                trusted.insert(pem.clone(), Arc::clone(&read));
                read
            }
            None => self.system.get_or_init(|| Arc::new(Trust::system(&self.provider))).clone(),
        }
    }
}

/// A step of a check: done, or how the whole check ends.
type Stopped<T> = Result<T, Ending>;

/// What is known so far. Kept outside the future of the check, so that it survives the deadline.
struct Progress {
    report: Report,
    phase: Phase,
    since: u64,
    /// How the visit ended; what is looked into afterwards takes none of its time.
    standing: Option<Ending>,
    /// The address of ours that connections leave from.
    source: Option<IpAddr>,
    /// Where it goes was written by whoever configured us: it is not held to the list of targets.
    trusted: bool,
    /// The step under way, of several.
    step: Option<steps::Under>,
}

impl Progress {
    fn start(now: u64) -> Self {
        Self {
            report: Report::default(),
            phase: Phase::Resolve,
            since: now,
            standing: None,
            source: None,
            trusted: false,
            step: None,
        }
    }

    /// What happens from now on belongs to `phase`.
    fn enter(&mut self, phase: Phase) {
        self.enter_at(phase, monotonic_nanos());
    }

    fn enter_at(&mut self, phase: Phase, at: u64) {
        self.leave(at);
        (self.phase, self.since) = (phase, at);
    }

    /// The visit has ended like this, in the phase that it is in.
    fn stand(&mut self, ending: Ending) {
        self.leave(monotonic_nanos());
        self.standing = Some(ending);
    }

    /// What happened since `at` is no part of the visit.
    fn skip_from(&mut self, at: u64) {
        self.leave(at);
        self.since = monotonic_nanos();
    }

    fn leave(&mut self, at: u64) {
        if self.standing.is_some() {
            return;
        }
        let durations = &mut self.report.durations;
        let place = match self.phase {
            Phase::Resolve => &mut durations.resolve,
            Phase::Connect => &mut durations.connect,
            Phase::Tls => &mut durations.tls,
            Phase::Processing => &mut durations.processing,
            Phase::Transfer => &mut durations.transfer,
            Phase::Content => return,
        };
        *place += Duration::from_nanos(at.saturating_sub(self.since));
        self.since = at.max(self.since);
    }

    /// The check fails in the phase that it is in.
    fn failed(&self, reason: Reason, text: impl ToString) -> Ending {
        Ending::Failed(Fault::new(self.phase, reason, text))
    }
}

#[cfg(test)]
mod tests;
