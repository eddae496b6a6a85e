//! The running daemon: alone in knowing all the others.
//!
//! In: what was loaded, something that probes, and a clock. Out: a loop that owns all state, the API, the channels and
//! the store around it. Rules of the field live elsewhere; this module carries facts between them.
//!
//! ```text
//!  prober ──blocks──▶ loop thread (field ▶ accounts ▶ incidents ▶ snapshot) ──batches──▶ store thread
//!                        ▲ controls, commands        │ notices
//!                        └────────── tokio: API, channels, resolver, signals ◀┘
//! ```

mod absences;
mod alarms;
mod breaches;
pub mod civil;
mod contacts;
mod duty;
mod exclude;
pub mod field;
mod keeping;
mod letters;
mod links;
pub mod load;
mod memory;
mod naming;
mod observations;
mod periods;
mod promised;
mod publish;
mod quality;
mod recorder;
pub mod recover;
mod replies;
mod rollups;
pub mod services;
mod sites;
mod transactions;
mod turn;
mod warnings;
mod watch;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    api::{self, Api, Commands, Guarded},
    clock::Clock,
    command::Reply,
    config::{self, Config},
    diagnostic::Diagnostic,
    export,
    feed::Feed,
    incident::{IncidentKind, Scopes},
    inventory::LinkId,
    judge::{LinkState, rule::Alarms},
    notify::{
        channels::{self, ChannelError},
        log,
        pass::Passes,
    },
    patrol::{
        civil::CivilClock,
        field::Field,
        keeping::Keeping,
        letters::{Eyes, Letterhead},
        load::Loaded,
        naming::Naming,
        periods::Periods,
        quality::Counted,
        rollups::Rollups,
        services::Watched,
        turn::Loop,
    },
    probe::{Prober, resolve::Resolver, service::Checker},
    push,
    sample::Block,
    schedule::Plan,
    snapshot::ReloadView,
    store::{self, Recovered, Store, StoreError},
    units::{Now, Timestamp},
};

/// Blocks that may wait for the loop: five seconds of ticks.
const BLOCKS: usize = 256;
/// Controls that may wait: a burst of resolved names after a start.
const CONTROLS: usize = 4096;
/// Outcomes of notices that may wait; a channel waits for room.
const OUTCOMES: usize = 1024;

/// Starts whatever probes, once the first plan is known.
pub type StartProber = Box<dyn FnOnce(Arc<Plan>, SyncSender<Block>) -> std::io::Result<Box<dyn Prober>> + Send>;
/// Reads all files again.
pub type Loader = Arc<dyn Fn() -> Result<Loaded, Vec<Diagnostic>> + Send + Sync>;

/// What a daemon is made of.
pub struct Setup {
    pub loaded: Loaded,
    pub clock: Arc<dyn Clock>,
    pub prober: StartProber,
    pub listen: Vec<SocketAddr>,
    pub data_dir: PathBuf,
    /// `false`: an exporter only; no incidents, no store, nothing is sent.
    pub keeps_incidents: bool,
    pub simulated: bool,
    pub loader: Loader,
    /// Folders and files whose changes start a reload.
    pub watched: (Vec<PathBuf>, Vec<PathBuf>),
    /// Told of every link change and incident, for the score of a demo. What does not fit is dropped and counted.
    pub facts: Option<SyncSender<Fact>>,
    /// Who visits the services of a simulated city; `None`: nobody there, and we ourselves elsewhere.
    pub visiting: Option<Visiting>,
}

/// Whoever visits services, and where its work runs.
pub struct Visiting {
    pub runtime: tokio::runtime::Handle,
    pub checker: Arc<Checker>,
}

/// Something that the product said, for those who hold it against the truth.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    LinkChanged {
        link: LinkId,
        state: LinkState,
        since: Timestamp,
        noticed: Timestamp,
    },
    /// `links`: those that it holds as down.
    IncidentOpened {
        id: String,
        kind: IncidentKind,
        began: Timestamp,
        at: Timestamp,
        links: Vec<LinkId>,
    },
    /// Its links, tier or scope are others now.
    IncidentChanged {
        id: String,
        at: Timestamp,
        links: Vec<LinkId>,
    },
    /// A service is up, down or has never passed, or something else is wrong with it.
    ServiceSaid {
        service: String,
        /// Of [`crate::judge::service::ServiceState`], or `finding`.
        state: &'static str,
        /// Why; empty when it is well.
        reason: String,
        since: Timestamp,
        at: Timestamp,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}; is another linkpatrol running? choose another with `listen:`")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot start the prober: {0}")]
    Prober(std::io::Error),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("cannot register the metrics about ourselves: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    Push(#[from] push::PushError),
    #[error(transparent)]
    Tls(#[from] api::TlsError),
}

/// What the loop is told by the others, besides blocks and commands.
enum Control {
    /// New files, read and found good; or what was found wrong with them.
    Reloaded {
        result: Result<Box<Loaded>, Vec<Diagnostic>>,
        reply: Option<oneshot::Sender<Reply>>,
    },
    Resolved {
        name: Arc<str>,
        address: Option<IpAddr>,
    },
    /// Earlier months of the contract's period, added up.
    Months {
        reading: u64,
        months: periods::Months,
    },
    /// Notices of periods that closed.
    Drafted(Vec<breaches::Drafted>),
    Stop,
}

/// A daemon that runs. Stop it with [`Running::stop`].
pub struct Running {
    pub feed: Feed,
    /// Where the API really listens.
    pub listening: Vec<SocketAddr>,
    controls: SyncSender<Control>,
    loader: Loader,
    loop_thread: std::thread::JoinHandle<()>,
    runtime: tokio::runtime::Runtime,
    shutdown: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Running {
    /// Reads all files again; the outcome is logged and shows in the metrics.
    pub fn reload(&self) {
        reload(Arc::clone(&self.loader), self.controls.clone(), None);
    }

    /// Waits until somebody says to stop (SIGTERM, SIGINT); reads all files again at SIGHUP.
    pub fn until_told(&self) {
        use tokio::signal::unix::{SignalKind, signal};
        let told = async {
            let mut hangup = signal(SignalKind::hangup())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            loop {
                tokio::select! {
                    _ = hangup.recv() => self.reload(),
                    _ = terminate.recv() => return Ok(()),
                    _ = interrupt.recv() => return Ok::<_, std::io::Error>(()),
                }
            }
        };
        if let Err(error) = self.runtime.block_on(told) {
            tracing::error!(%error, "signals cannot be watched; stopping");
        }
    }

    /// Ends everything in order: probing, the last facts into the store, requests in flight.
    pub fn stop(self) {
        // The loop may have ended already; then there is nothing to stop.
        let _ = self.controls.send(Control::Stop);
        let _ = self.shutdown.send(());
        if self.loop_thread.join().is_err() {
            tracing::error!("the loop ended by a panic");
        }
        let _ = self.runtime.block_on(self.server);
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

/// Starts a daemon.
///
/// # Errors
/// An address is taken, the state folder cannot be used, or the prober or a thread does not start.
pub fn start(setup: Setup) -> Result<Running, StartError> {
    memory::bound();
    let Setup { loaded, clock, prober, listen, data_dir, keeps_incidents, simulated, loader, watched, facts, visiting } =
        setup;
    let state_folder = data_dir.clone();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("io").enable_all().build()?;
    let listeners = bind(&listen, &runtime)?;
    let listening: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let mut civil = CivilClock::default();
    let (now, _) = civil.read(clock.now());

    let leave_after = loaded.config.closed_incidents_leave_after;
    let store = keeps_incidents.then(|| open_store(&data_dir, leave_after, now)).transpose()?;
    let plan = Arc::new(loaded.plan(None));
    let loaded = Arc::new(loaded);
    let (block_sender, blocks) = sync_channel(BLOCKS);
    let turning = block_sender.clone();
    let prober = prober(Arc::clone(&plan), block_sender).map_err(StartError::Prober)?;
    let mut field = Field::new(Arc::clone(&loaded), plan, now);
    if let Some((_, recovered)) = &store {
        recover::points(&mut field, recovered, now);
    }
    let recovered = store.as_ref().map(|(_, recovered)| recovered);
    let watched_services = (Arc::clone(&loaded.services), Arc::clone(&loaded.site_rules));
    let services = Watched::new(watched_services, recovered, now.utc, loaded.contract.time_zone);
    let recover::Books { accounts, closed, ended } =
        recover::books(&loaded.inventory, loaded.contract.time_zone, recovered, now.utc);
    let folder = keeps_incidents.then(|| data_dir.clone());
    let links = loaded.inventory.links.iter().map(|link| &link.id);
    let bounds = periods::bounds(links.zip(&accounts), &closed);
    let periods = Periods::start(&loaded, folder.as_deref(), &bounds, now.utc)?;
    let (itself, controls) = sync_channel(CONTROLS);
    let counted = Counted::from(&field, now);
    let rollups = Rollups::from(&field, now.utc);
    let mut state = Loop {
        clock: Arc::clone(&clock),
        civil,
        scopes: Scopes::of(&loaded.inventory),
        labels: export::labels(&loaded.inventory),
        reload: ReloadView { successful: true, last_success: now.utc },
        field,
        accounts,
        closed,
        periods,
        drafting: breaches::Drafting::default(),
        folder,
        keeping: None,
        prober,
        loader: Arc::clone(&loader),
        itself: itself.clone(),
        facts,
        facts_dropped: 0,
        next_second: now.mono,
        seconds: 0,
        was_isolated: false,
        counted,
        rollups,
        alarms: Alarms::new(Arc::clone(&loaded.rules), loaded.inventory.links.len()),
        naming: None,
        letterhead: Letterhead { links: None, head: String::new(), simulated },
        services,
        probing: Arc::new(api::Probing::new()?),
    };
    state.adopt_modules(&loaded);
    let language = loaded.config.language;
    let own_url = own_url(&loaded.config, listening.first());
    let key = keeps_incidents.then(|| store::pass_key(&data_dir)).transpose()?;
    let passes = key.map(|key| Passes::new(key, &own_url));
    state.letterhead.links = passes.clone().map(|passes| (passes, data_dir.clone()));
    let doors = (Guarded::new(loaded.config.users.clone())?, loaded.config.web.allow_anonymous_read);

    let registry = prometheus::Registry::new();
    let (outcomes, delivered) = mpsc::channel(OUTCOMES);
    if let Some((store, mut recovered)) = store {
        if let Some(kept) = recovered.sites.take() {
            state.services.recall(kept);
        }
        let alarms = recovered.alarms.take();
        let setup = channel_setup(&loaded.config, own_url.clone());
        let _entered = runtime.enter();
        let outbox = channels::start(&setup, state.world(), Arc::clone(&clock), &registry, outcomes)?;
        let eyes = Eyes { field: &state.field, accounts: &state.accounts };
        let facts = state.letterhead.facts(&eyes);
        state.keeping = Some(Keeping::new(store, recovered, outbox, setup.channels(), &loaded, facts, now));
        ended.into_iter().for_each(|(link, month)| state.close_month(link, month));
        state.resume_alarms(alarms, now);
    }
    let feed = Feed::made_by(state.picture(&[], now), move || {
        // A full queue: it turns anyway.
        let _ = turning.try_send(Block::default());
    });
    state.naming = naming(&loaded, runtime.handle(), &itself);
    match visiting {
        Some(Visiting { runtime, checker }) => state.services.start(&runtime, checker),
        // The addresses of a simulated city are nobody's.
        None if simulated => {}
        None => state.services.start(runtime.handle(), Arc::new(Checker::new(loaded.config.name_server))),
    }
    let (pushed, pushing) = (registry.clone(), Arc::clone(&clock));
    let (commands, asked) = Commands::channel();
    let mut api = Api::new(feed.clone(), commands, clock, registry, language, doors)?;
    api = api.with_probing(Arc::clone(&state.probing))?.with_grafana(loaded.config.web.grafana.clone());
    if let Some(passes) = passes {
        api = api.with_passes(passes);
    }
    if keeps_incidents {
        let folder = data_dir.clone();
        let log = move |wanted: &log::Wanted| store::notices(&folder, wanted).map_err(|error| error.to_string());
        api = api.with_notices(Arc::new(log));
        api = api.with_archive(Arc::new(move |link, [first, last]| {
            let (days, unreadable) =
                store::rollups(&data_dir, link, [first, last]).map_err(|error| error.to_string())?;
            unreadable.iter().for_each(|row| tracing::warn!(row, "cannot be read by this version"));
            Ok(days)
        }));
    }
    // What a simulated city shows must not stand among real figures.
    if !simulated {
        let here = listening.first().map(ToString::to_string).unwrap_or_default();
        push::start(&loaded.config, &state_folder, &here, &feed, &pushed, &pushing, runtime.handle())?;
    }
    let api = Arc::new(api);
    let (shutdown, told) = oneshot::channel();
    let server = runtime.spawn(api::serve(listeners, api, async {
        // A dropped sender means the same.
        let _ = told.await;
    }));
    let published = feed.clone();
    let loop_thread = std::thread::Builder::new()
        .name("loop".into())
        .spawn(move || state.run(published, &blocks, &controls, asked, delivered))?;
    let watcher = watch_files(watched, &loader, &itself);
    Ok(Running { feed, listening, controls: itself, loader, loop_thread, runtime, shutdown, server, _watcher: watcher })
}

/// Without a usable resolver configuration the daemon starts all the same: named points have no address then.
fn naming(loaded: &Loaded, runtime: &tokio::runtime::Handle, itself: &SyncSender<Control>) -> Option<Naming> {
    let _entered = runtime.enter();
    let resolver = match loaded.config.name_server {
        Some(server) => Resolver::asking(server),
        None => Resolver::system(),
    };
    resolver
        .inspect_err(|error| tracing::error!(%error, "names cannot be looked up: their points have no address"))
        .ok()
        .map(|resolver| Naming::start(runtime.clone(), resolver, itself.clone(), loaded))
}

/// The channels of linkpatrol.yaml. They are set up once: a change of them needs a restart.
pub fn channel_setup(config: &Config, own_url: String) -> channels::Setup {
    let alertmanager = |one: &config::Alertmanager| channels::Alertmanager {
        name: one.name.clone(),
        url: one.url.clone(),
        resend: one.resend,
        lifetime: one.lifetime,
    };
    channels::Setup {
        alertmanagers: config.alertmanagers.iter().map(alertmanager).collect(),
        webhooks: config.webhooks.clone(),
        people: config.channels.clone(),
        trusted_roots: config.trusted_roots.clone(),
        own_url,
        language: config.language,
    }
}

/// How others reach us.
fn own_url(config: &Config, listening: Option<&SocketAddr>) -> String {
    let has_tls = config.users.as_ref().is_some_and(|web| web.tls_server_config.is_some());
    let scheme = if has_tls { "https" } else { "http" };
    let here = || listening.map(|address| format!("{scheme}://{address}")).unwrap_or_default();
    config.web.public_url.clone().unwrap_or_else(here)
}

/// A machine that refuses to watch files still reloads on command.
fn watch_files(
    (folders, files): (Vec<PathBuf>, Vec<PathBuf>),
    loader: &Loader,
    controls: &SyncSender<Control>,
) -> Option<notify::RecommendedWatcher> {
    let (loader, controls) = (Arc::clone(loader), controls.clone());
    watch::watch(folders, files, move || reload(Arc::clone(&loader), controls.clone(), None))
        .inspect_err(|error| tracing::warn!(%error, "files are not watched; reload with SIGHUP or POST /-/reload"))
        .ok()
}

/// Reads all files on a thread of their own: the loop never waits for a disk.
fn reload(loader: Loader, controls: SyncSender<Control>, reply: Option<oneshot::Sender<Reply>>) {
    let read = move || {
        let result = loader().map(Box::new);
        // The loop may have ended meanwhile.
        let _ = controls.send(Control::Reloaded { result, reply });
    };
    if let Err(error) = std::thread::Builder::new().name("reload".into()).spawn(read) {
        tracing::error!(%error, "cannot start the thread that reads the files");
    }
}

fn bind(
    addresses: &[SocketAddr],
    runtime: &tokio::runtime::Runtime,
) -> Result<Vec<tokio::net::TcpListener>, StartError> {
    let bind = |address: &SocketAddr| {
        runtime
            .block_on(tokio::net::TcpListener::bind(address))
            .map_err(|source| StartError::Listen { address: *address, source })
    };
    addresses.iter().map(bind).collect()
}

fn open_store(folder: &std::path::Path, leave_after: Duration, now: Now) -> Result<(Store, Recovered), StoreError> {
    let closed_since = Timestamp(now.utc.0 - i64::try_from(leave_after.as_millis()).unwrap_or(i64::MAX));
    let (store, recovered) = Store::open(folder, &store::Options { closed_since, ..store::Options::default() })?;
    for row in &recovered.unreadable {
        tracing::warn!(row, "a stored row cannot be read by this version; it stays in the file");
    }
    Ok((store, recovered))
}
