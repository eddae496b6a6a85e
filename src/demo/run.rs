//! One demo from its first thread to its summary.
//!
//! ```text
//!   city or simulated prober ─▶ patrol ─▶ facts ─▶ verdicts.jsonl ─┐
//!        └─▶ truth.jsonl ────────────────────────────────────────┴─▶ score
//! ```

use std::{
    collections::VecDeque,
    fs, io,
    net::SocketAddr,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use super::{
    cast::Happening,
    city::City,
    namespace::{Namespace, NoRight},
    narrator::{Narrator, Out},
    score::score,
    service_score,
    simulated::SimulatedProber,
    sites::{
        Sites,
        plan::{Plan, SiteFault},
    },
    stage,
    summary::{Cpu, Probes, RttError, Summary, rss_bytes},
    tap::{self, Tap},
    truth::{self, Truth, Turn, turns},
    tun,
    verdicts::Verdicts,
    world::World,
};
use crate::{
    clock::{Clock, SystemClock, monotonic_nanos},
    config::Config,
    diagnostic::Diagnostic,
    inventory::Inventory,
    patrol::{self, Fact, Running, Setup, StartError, StartProber, load::Loaded},
    probe::{
        Prober,
        icmp::{Engine, Options as EngineOptions},
    },
    text::{Language, Message, ServiceText, SiteText},
};

/// What was asked for.
#[derive(Debug)]
pub struct Options {
    pub config: Config,
    pub listen: SocketAddr,
    pub story: Option<PathBuf>,
    pub seed: u64,
    pub links: Option<usize>,
    pub time_limit: Option<Duration>,
    /// Whether a story without packets will do where a right is missing.
    pub simulated_will_do: bool,
    /// Exists. Truth, verdicts and the daemon's state go there.
    pub data_dir: PathBuf,
    pub language: Language,
    pub out: Out,
    /// What became of [`super::namespace::own_user_namespace`].
    pub right: Result<(), NoRight>,
}

/// Why there was no demo.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("the files have findings")]
    Findings(Vec<Diagnostic>),
    #[error(transparent)]
    NoRight(NoRight),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot {step}: {source}")]
    Io { step: &'static str, source: io::Error },
}

impl Failed {
    fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }
}

/// Facts that may wait for us: every link of a large city changes twice within one look.
const FACTS: usize = 65_536;

/// Plays the story until it is told to end, and says how it went.
pub fn run(options: Options) -> Result<Summary, Failed> {
    let mut loaded = stage::load(&options.config, options.links, None).map_err(Failed::Findings)?;
    let (name, world, plan) =
        stage::world(options.story.as_deref(), &loaded, options.seed).map_err(Failed::Findings)?;
    let files = Files::in_folder(&options.data_dir);
    let inventory = Arc::clone(&loaded.inventory);
    let truth = Truth::create(&files.truth, world.happenings(), &inventory).map_err(Failed::at("write the truth"))?;
    let (happenings, turns) = (world.happenings().to_vec(), turns(world.happenings()));

    let narrator = Narrator::new(options.language, format!("http://{}", options.listen), options.out);
    narrator.say(&Message::DemoStarts { story: name, links: inventory.links.len(), seed: options.seed });
    watch_for_end().map_err(Failed::at("watch for Ctrl-C"))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let started = monotonic_nanos();
    let sites = sites(&options, plan, &files.truth, &clock, started)?;
    if let Some(sites) = &sites {
        stage::settle(&mut loaded, &sites.folder).map_err(Failed::Findings)?;
        narrator.say(&Message::Service(ServiceText::Site(SiteText::Stand { sites: sites.count })));
    }
    let network = Network::make(&options, &narrator, world, truth, &clock, started)?;
    let (facts, heard) = sync_channel(FACTS);
    let running = patrol::start(setup(&options, loaded, network.prober, Arc::clone(&clock), facts, sites.as_ref()))?;
    narrator.look();
    narrator.say(&Message::DemoFiles { folder: options.data_dir.display().to_string() });

    let verdicts = Verdicts::create(&files.verdicts).map_err(Failed::at("write the verdicts"))?;
    let of_sites = sites.as_ref().map(|sites| of_sites(&sites.faults)).unwrap_or_default();
    let mut watch = Watch { started, happenings, turns: turns.into(), of_sites, inventory, verdicts, narrator, heard };
    watch.until_over(&running, options.time_limit).map_err(Failed::at("watch the demo"))?;
    truth::end(&files.truth, clock.now()).map_err(Failed::at("write the truth"))?;
    let (snapshot, cpu_seconds, rss_bytes) = (running.feed.load(), Cpu::now(), rss_bytes());
    running.stop();
    if let Some(sites) = sites {
        sites.stop();
    }
    watch.last_facts().map_err(Failed::at("write the verdicts"))?;
    if let Some(city) = network.city {
        let figures = city.stop();
        tracing::info!(figures.asked, figures.answered, figures.refused, "the city has ended");
    }
    Ok(Summary {
        notice: "【模拟】",
        mode: snapshot.engine.mode.clone(),
        seed: options.seed,
        links: snapshot.inventory.links.len(),
        measured: snapshot.coverage.measured,
        score: files.score(score).map_err(Failed::at("score truth and verdicts"))?,
        service_score: files.score(service_score::score).map_err(Failed::at("score truth and verdicts"))?,
        rtt_error_seconds: network.tap.map(|tap| RttError::of(tap.stop())).unwrap_or_default(),
        probes: Probes::of(&snapshot),
        cpu_seconds,
        rss_bytes,
        data_dir: options.data_dir.display().to_string(),
    })
}

struct Files {
    truth: PathBuf,
    verdicts: PathBuf,
}

impl Files {
    fn in_folder(folder: &Path) -> Self {
        Self { truth: folder.join("truth.jsonl"), verdicts: folder.join("verdicts.jsonl") }
    }

    fn score<T>(&self, score: fn(&str, &str) -> Result<T, serde_json::Error>) -> io::Result<T> {
        Ok(score(&fs::read_to_string(&self.truth)?, &fs::read_to_string(&self.verdicts)?)?)
    }
}

/// The sites of the story, standing.
fn sites(
    options: &Options,
    plan: Plan,
    truth: &Path,
    clock: &Arc<dyn Clock>,
    started: u64,
) -> Result<Option<Sites>, Failed> {
    let folder = options.data_dir.join("sites");
    Sites::start(plan, options.listen.port(), &folder, truth.into(), Arc::clone(clock), started)
        .map_err(Failed::at("start the sites"))
}

/// When each fault of a site is told of: moment, whether it begins, the fault.
fn of_sites(faults: &[SiteFault]) -> VecDeque<(Duration, bool, SiteFault)> {
    let begins = faults.iter().map(|fault| (fault.from, true, fault.clone()));
    let ends = faults.iter().filter_map(|fault| Some((fault.until?, false, fault.clone())));
    let mut turns: Vec<_> = begins.chain(ends).collect();
    turns.sort_by_key(|(at, begins, _)| (*at, *begins));
    turns.into()
}

/// What there is to probe, and how.
struct Network {
    prober: StartProber,
    city: Option<City>,
    tap: Option<Tap>,
}

impl Network {
    /// A city in a namespace of its own; where a right is missing and that will do, the story without packets.
    fn make(
        options: &Options,
        narrator: &Narrator,
        world: World,
        truth: Truth,
        clock: &Arc<dyn Clock>,
        started: u64,
    ) -> Result<Self, Failed> {
        let made = match &options.right {
            Ok(()) => Namespace::create(),
            Err(missing) => Err(NoRight { step: missing.step, source: missing.source.kind().into() }),
        };
        match made {
            Ok((namespace, device)) => {
                let (path, name) = (namespace.path().display().to_string(), tun::NAME.to_string_lossy().into_owned());
                narrator.say(&Message::DemoInside { namespace: path, device: name });
                Self::real(namespace, device, world, truth, clock, started).map_err(Failed::at("start the city"))
            }
            Err(missing) if options.simulated_will_do => {
                narrator.say(&Message::DemoWithoutRight { cause: missing.to_string() });
                Ok(Self::simulated(world, truth, Arc::clone(clock), started))
            }
            Err(missing) => Err(Failed::NoRight(missing)),
        }
    }

    fn real(
        namespace: Namespace,
        device: OwnedFd,
        world: World,
        truth: Truth,
        clock: &Arc<dyn Clock>,
        started: u64,
    ) -> io::Result<Self> {
        let (trace, traces) = sync_channel(FACTS);
        let tap = Tap::start(namespace.run(tap::open)??, traces)?;
        let city = City::start(device, world, truth, Arc::clone(clock), started)?;
        let (clock, options) = (Arc::clone(clock), EngineOptions { trace: Some(trace), ..EngineOptions::default() });
        let prober: StartProber = Box::new(move |plan, blocks| {
            let engine = Engine::start(plan, options, clock, Box::new(namespace), blocks);
            Ok(Box::new(engine) as Box<dyn Prober>)
        });
        Ok(Self { prober, city: Some(city), tap: Some(tap) })
    }

    fn simulated(world: World, truth: Truth, clock: Arc<dyn Clock>, started: u64) -> Self {
        let prober: StartProber = Box::new(move |plan, blocks| {
            let prober = SimulatedProber::start(plan, world, truth, clock, started, blocks)?;
            Ok(Box::new(prober) as Box<dyn Prober>)
        });
        Self { prober, city: None, tap: None }
    }
}

fn setup(
    options: &Options,
    loaded: Loaded,
    prober: StartProber,
    clock: Arc<dyn Clock>,
    facts: SyncSender<Fact>,
    sites: Option<&Sites>,
) -> Setup {
    let (config, links, folder) = (options.config.clone(), options.links, sites.map(|sites| sites.folder.clone()));
    Setup {
        loaded,
        clock,
        prober,
        listen: vec![options.listen],
        data_dir: options.data_dir.join("state"),
        keeps_incidents: true,
        simulated: true,
        loader: Arc::new(move || stage::load(&config, links, folder.as_deref())),
        watched: (vec![], vec![]),
        facts: Some(facts),
        visiting: sites.map(Sites::visiting),
    }
}

/// Looks on: tells what happens, and writes down what the product says.
struct Watch {
    started: u64,
    happenings: Vec<Happening>,
    turns: VecDeque<Turn>,
    of_sites: VecDeque<(Duration, bool, SiteFault)>,
    inventory: Arc<Inventory>,
    verdicts: Verdicts,
    narrator: Narrator,
    heard: Receiver<Fact>,
}

/// How often the terminal is served, at least.
const LOOK: Duration = Duration::from_millis(100);

impl Watch {
    fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_nanos().saturating_sub(self.started))
    }

    /// Until the limit or Ctrl-C.
    fn until_over(&mut self, running: &Running, limit: Option<Duration>) -> io::Result<()> {
        while !ENDED.load(Relaxed) && limit.is_none_or(|limit| self.now() < limit) {
            match self.heard.recv_timeout(LOOK) {
                Ok(fact) => self.fact(&fact)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("the daemon has ended by itself")),
            }
            self.tell_turns(limit);
            running.feed.ask();
            self.narrator.state(self.now(), &running.feed.load());
        }
        Ok(())
    }

    fn tell_turns(&mut self, limit: Option<Duration>) {
        let now = self.now();
        while let Some((at, begins, fault)) = self.of_sites.front().filter(|(at, ..)| *at <= now) {
            self.narrator.site(*at, *begins, fault);
            self.of_sites.pop_front();
        }
        while let Some(turn) = self.turns.front().filter(|turn| turn.at <= now) {
            self.narrator.turn(turn, &self.happenings[turn.happening], &self.inventory);
            self.turns.pop_front();
            if self.turns.is_empty() && limit.is_none() {
                self.narrator.say(&Message::DemoOver);
            }
        }
    }

    fn fact(&mut self, fact: &Fact) -> io::Result<()> {
        let fresh = self.verdicts.write(fact)?;
        self.narrator.fact(self.now(), fact, &fresh);
        Ok(())
    }

    /// What was said until the daemon ended.
    fn last_facts(mut self) -> io::Result<()> {
        while let Ok(fact) = self.heard.try_recv() {
            self.fact(&fact)?;
        }
        self.narrator.end();
        Ok(())
    }
}

/// Set by Ctrl-C and SIGTERM.
static ENDED: AtomicBool = AtomicBool::new(false);

extern "C" fn end(_signal: libc::c_int) {
    ENDED.store(true, Relaxed);
}

fn watch_for_end() -> io::Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: all zeroes is a valid sigaction; the handler only stores to an atomic.
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = end as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut())
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
