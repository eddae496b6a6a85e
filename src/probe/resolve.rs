//! Names of measuring points: looked up again whenever their time to live ends, and never in anybody's way.
//!
//! In: names. Out: [`Resolved`] through a callback, at every change. One small task per name; a start waits for none.
//!
//! What an answer means: an address stays as long as it is still among the answers. "No such name" takes the address
//! away, and the point's turns are unmeasured. A name server that fails or is silent takes nothing away: its fault says
//! nothing about the link, so the last address stays in use, and the failure is counted and logged until it ends.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{LookupIpStrategy, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RecordType,
};
use tokio::{sync::Semaphore, task::JoinSet, time};

/// Whom to ask.
#[derive(Clone)]
pub struct Resolver(TokioResolver);

impl Resolver {
    /// As `/etc/resolv.conf` and `/etc/hosts` say.
    pub fn system() -> Result<Self, NetError> {
        Self::system_preferring(false)
    }

    /// The same; `six`: addresses of IPv6 first, and the others only without them.
    pub fn system_preferring(six: bool) -> Result<Self, NetError> {
        let mut builder = TokioResolver::builder_tokio()?;
        // Answers are kept here, by their own time to live.
        builder.options_mut().cache_size = 0;
        builder.options_mut().ip_strategy = strategy(six);
        builder.build().map(Self)
    }

    /// One name server.
    pub fn asking(server: SocketAddr) -> Result<Self, NetError> {
        Self::asking_preferring(server, false)
    }

    /// The same; `six`: addresses of IPv6 first, and the others only without them.
    pub fn asking_preferring(server: SocketAddr, six: bool) -> Result<Self, NetError> {
        let mut one = NameServerConfig::udp_and_tcp(server.ip());
        one.connections.iter_mut().for_each(|connection| connection.port = server.port());
        let config = ResolverConfig::from_parts(None, vec![], vec![one]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        (options.cache_size, options.attempts, options.timeout) = (0, 1, Duration::from_secs(1));
        options.ip_strategy = strategy(six);
        builder.build().map(Self)
    }

    /// One lookup, now.
    pub async fn lookup(&self, name: &str) -> Answer {
        match self.0.lookup_ip(name).await {
            Ok(found) => {
                let records = found.as_lookup().answers();
                let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
                Answer::Addresses(found.iter().collect(), Duration::from_secs(u64::from(ttl)))
            }
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => Answer::NoSuchName,
            Err(error) => Answer::Failed(error.to_string()),
        }
    }

    /// Names that the records of this type of `name` hold, such as its name servers; none: it has no such record.
    pub async fn names(&self, name: &str, record: RecordType) -> Result<Vec<String>, String> {
        match self.0.lookup(name, record).await {
            Ok(found) => {
                let names = found.answers().iter().filter(|answer| answer.record_type() == record);
                Ok(names.map(|answer| answer.data.to_string()).take(NAMES).collect())
            }
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => Ok(vec![]),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Names of one answer that are looked at.
const NAMES: usize = 13;

fn strategy(six: bool) -> LookupIpStrategy {
    if six { LookupIpStrategy::Ipv6thenIpv4 } else { LookupIpStrategy::Ipv4thenIpv6 }
}

/// What a name server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Addresses(Vec<IpAddr>, Duration),
    NoSuchName,
    /// No usable answer: a fault of the name server or of the way to it.
    Failed(String),
}

/// The address of a name has changed; `None`: it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub name: Arc<str>,
    pub address: Option<IpAddr>,
}

/// How often a name may be looked up, whatever its time to live says.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Also the wait after a failure.
    pub least: Duration,
    pub most: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { least: Duration::from_secs(5), most: Duration::from_secs(3_600) }
    }
}

/// Names being kept up to date; dropping it ends that.
pub struct Names {
    failing: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

/// Lookups at one time: a thousand names must not become a burst.
const AT_ONCE: usize = 16;

impl Names {
    /// Starts looking up. Must be called within a tokio runtime.
    pub fn watch(
        resolver: &Resolver,
        names: impl IntoIterator<Item = Arc<str>>,
        bounds: Bounds,
        tell: impl Fn(Resolved) + Send + Sync + 'static,
    ) -> Self {
        let (failing, tell) = (Arc::new(AtomicUsize::new(0)), Arc::new(tell));
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        for name in names {
            let (resolver, turns, tell, failing) = (resolver.clone(), turns.clone(), tell.clone(), failing.clone());
            tasks.spawn(async move {
                let mut known = Known::default();
                loop {
                    let answer = match turns.acquire().await {
                        Ok(_turn) => resolver.lookup(&name).await,
                        Err(_) => return,
                    };
                    report_failure(&name, &answer, known.failing, &failing);
                    let (next, changed) = known.take(&answer);
                    known = next;
                    if changed {
                        tell(Resolved { name: name.clone(), address: known.address });
                    }
                    time::sleep(wait(&answer, bounds)).await;
                }
            });
        }
        Self { failing, _tasks: tasks }
    }

    /// Names whose last lookup failed.
    pub fn failing(&self) -> usize {
        self.failing.load(Relaxed)
    }
}

/// Said once when it begins and once when it ends.
fn report_failure(name: &str, answer: &Answer, was_failing: bool, failing: &AtomicUsize) {
    match (answer, was_failing) {
        (Answer::Failed(error), false) => {
            failing.fetch_add(1, Relaxed);
            tracing::warn!(name, error, "cannot look up a name; its last address stays in use");
        }
        (Answer::Addresses(..) | Answer::NoSuchName, true) => {
            failing.fetch_sub(1, Relaxed);
            tracing::info!(name, "the name can be looked up again");
        }
        _ => {}
    }
}

/// What is known of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    address: Option<IpAddr>,
    failing: bool,
}

impl Known {
    /// What is known after `answer`, and whether the address has changed.
    fn take(self, answer: &Answer) -> (Self, bool) {
        let (address, failing) = match answer {
            Answer::Addresses(found, _) => {
                let stays = self.address.filter(|address| found.contains(address));
                // The smallest, so that a name server that shuffles its answers moves nothing.
                (stays.or_else(|| found.iter().min().copied()), false)
            }
            Answer::NoSuchName => (None, false),
            Answer::Failed(_) => (self.address, true),
        };
        (Self { address, failing }, address != self.address)
    }
}

/// How long to wait after `answer`.
fn wait(answer: &Answer, bounds: Bounds) -> Duration {
    match answer {
        Answer::Addresses(_, ttl) => (*ttl).clamp(bounds.least, bounds.most),
        Answer::NoSuchName | Answer::Failed(_) => bounds.least,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(last: &[u8]) -> Answer {
        let found = last.iter().map(|&last| IpAddr::from([198, 18, 0, last])).collect();
        Answer::Addresses(found, Duration::from_secs(60))
    }

    /// The address after each answer, where it changed.
    fn told(answers: &[Answer]) -> Vec<Option<IpAddr>> {
        let mut known = Known::default();
        let mut told = vec![];
        for answer in answers {
            let (next, changed) = known.take(answer);
            known = next;
            told.extend(changed.then_some(known.address));
        }
        told
    }

    #[test]
    fn an_address_stays_while_it_is_among_the_answers() {
        let [two, three] = [2, 3].map(|last| Some(IpAddr::from([198, 18, 0, last])));
        assert_eq!(told(&[addresses(&[3, 2]), addresses(&[1, 2, 3]), addresses(&[3, 4])]), [two, three]);
    }

    #[test]
    fn a_failing_server_takes_nothing_away_and_no_such_name_does() {
        let failed = Answer::Failed("timed out".into());
        let two = Some(IpAddr::from([198, 18, 0, 2]));
        assert_eq!(
            told(&[failed.clone(), addresses(&[2]), failed, Answer::NoSuchName, addresses(&[2])]),
            [two, None, two]
        );
    }

    #[test]
    fn the_time_to_live_is_kept_within_bounds() {
        let live = |seconds| Answer::Addresses(vec![], Duration::from_secs(seconds));
        let waits =
            [live(0), live(60), live(1_000_000), Answer::NoSuchName].map(|answer| wait(&answer, Bounds::default()));
        assert_eq!(waits, [5, 60, 3_600, 5].map(Duration::from_secs));
    }
}
