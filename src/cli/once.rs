//! `linkpatrol once`: measures one link, address or service now, and says what happened for people.
//!
//! Uses the same engine as the daemon, with the same sockets, stamps and checks, but sends no confirm probes and keeps
//! nothing. Packets go to the points of the named link, or to the named address, and nowhere else.

mod print;
mod service;

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    process::ExitCode,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use super::{Global, Output, find_link, print_findings};
use crate::{
    clock::{SystemClock, monotonic_nanos},
    diagnostic::closest,
    inventory::{PointIndex, Target},
    patrol::load::{Loaded, from_file},
    probe::{
        Prober,
        icmp::{Engine, HostOpener, Options},
        resolve::{Answer, Resolver},
    },
    profile::{
        Confirm, Measure, Profile, of_point_by, of_target_by,
        service::{Check, Freshness, Record},
    },
    sample::{Block, Event, Outcome},
    schedule::{Limits, Plan, PlannedPoint, Wheel, nanos},
    text::{Language, Message, ServiceText},
};

/// Measures one link, address or service now and prints what happened.
///
/// Exit code: 0 answered, 1 not answered, 2 could not measure.
#[derive(Debug, clap::Args)]
pub struct Once {
    /// Id of a link in the ledger, such as LL-0412, or its circuit id; id of a service, which is checked as it is written;
    /// or any address or name. Of a service:
    /// https://host/path, http://…, tls://host:port[?starttls=smtp], tlcp://…, host:port, udp://host:port,
    /// dns://server/name?type=SOA, whois://server/name, rdap://…, icmp://host, smtp://host, ftp://host/file, sip://host or
    /// rtsp://host/stream.
    target: String,
    /// Probes to each measuring point; a service is checked once.
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// Longest time that the check of a service may take.
    #[arg(long, default_value = "10s", value_name = "DURATION", value_parser = service::deadline)]
    timeout: Duration,
    /// Also asks the responder (OCSP) and the list (CRL) that a certificate names whether it is revoked.
    #[arg(long)]
    revocation: bool,
    /// Fails when the file or page is older, by its date (Last-Modified, MDTM of ftp) or by --record.
    #[arg(long, value_name = "DURATION", value_parser = service::within)]
    within: Option<Duration>,
    /// Where in a page of JSON the time of the newest record stands: a JSON pointer such as /data/0/time, or an expression
    /// of CEL such as 'body.data.map(row, row.time)'.
    #[arg(long, requires = "within", value_name = "POINTER|CEL", value_parser = Record::parse)]
    record: Option<Record>,
    /// Measures with this profile of probes/ instead of the one that is named or serves the points; what the ledger says of
    /// the link itself still holds. Not for services.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

/// Time between two probes.
const SPACING: Duration = Duration::from_millis(200);

/// One measuring point and what became of its probes.
struct Subject {
    /// `None`: a bare address or name.
    role: Option<&'static str>,
    target: Target,
    /// Its answer is the verdict.
    deciding: bool,
    measure: Arc<Measure>,
    address: Option<IpAddr>,
    /// How long its name took to resolve, or why it did not.
    resolved: Option<Result<Duration, String>>,
    source: Option<IpAddr>,
    outcomes: Vec<Outcome>,
}

/// What a point's probes amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Answered,
    NotAnswered,
    NotMeasured,
}

impl Once {
    pub fn run(self, global: &Global) -> ExitCode {
        if let Some(check) = Check::parse(&self.target) {
            if self.profile.is_some() {
                return service::no_profile(global);
            }
            let check = Check { deadline: self.timeout, ..check };
            let check = if self.revocation { check.asking_for_revocation() } else { check };
            let check = match self.within {
                Some(within) => match service::fresh(check, Freshness { within, record: self.record }, global) {
                    Ok(check) => check,
                    Err(code) => return code,
                },
                None => check,
            };
            return service::once(&self.target, check, global);
        }
        let (loaded, findings) = from_file(global.config_file.as_deref());
        let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
        if loaded.is_none() && (!is_host(&self.target) || self.profile.is_some()) {
            print_findings(&findings, language);
            return ExitCode::from(2);
        }
        let mut services = loaded.iter().flat_map(|loaded| &loaded.services.list);
        if let Some(service) = services.find(|service| service.id == self.target) {
            if self.profile.is_some() {
                return service::no_profile(global);
            }
            if service.is_placeholder() {
                anstream::eprintln!(
                    "{}",
                    Message::Service(ServiceText::Placeholder { url: service.url.clone() }).say(language)
                );
                return ExitCode::from(2);
            }
            return service::once(&service.url, service.check.clone(), global);
        }
        let profile = match self.profile.as_deref().map(|name| named(name, loaded.as_ref())).transpose() {
            Ok(profile) => profile,
            Err(messages) => {
                messages.iter().for_each(|message| anstream::eprintln!("{}", message.say(language)));
                return ExitCode::from(2);
            }
        };
        let mut subjects = match subjects(&self.target, loaded.as_ref(), profile) {
            Ok(subjects) => subjects,
            Err(message) => {
                anstream::eprintln!("{}", message.say(language));
                return ExitCode::from(2);
            }
        };
        let (text, several) = (global.output == Output::Text, subjects.len() > 1);
        for subject in &mut subjects {
            subject.resolve();
            if text {
                print::headline(subject, language);
            }
        }
        measure(&mut subjects, self.count, |subject| {
            if text {
                print::line(subject, several, language);
            }
        });
        let verdict = verdict(&subjects);
        report(&self.target, &subjects, verdict, global.output, language);
        ExitCode::from(match verdict {
            Verdict::Answered => 0,
            Verdict::NotAnswered => 1,
            Verdict::NotMeasured => 2,
        })
    }
}

fn report(target: &str, subjects: &[Subject], verdict: Verdict, output: Output, language: Language) {
    match output {
        Output::Text => print::summary(subjects, verdict, language),
        Output::Json => anstream::println!("{:#}", print::as_json(target, subjects, verdict)),
    }
}

/// The deciding point's; without one (a link may lack it) the best.
fn verdict(subjects: &[Subject]) -> Verdict {
    let deciding = subjects.iter().find(|subject| subject.deciding).map(Subject::verdict);
    let verdicts = || subjects.iter().map(Subject::verdict);
    deciding.unwrap_or_else(|| match () {
        () if verdicts().any(|verdict| verdict == Verdict::Answered) => Verdict::Answered,
        () if verdicts().any(|verdict| verdict == Verdict::NotAnswered) => Verdict::NotAnswered,
        () => Verdict::NotMeasured,
    })
}

/// The profile of this name. `Err`: there is none, and which there are.
fn named<'a>(name: &str, loaded: Option<&'a Loaded>) -> Result<&'a Profile, Vec<Message>> {
    let list = loaded.map_or(&[][..], |loaded| &loaded.profiles.list);
    list.iter().find(|profile| profile.name == name).ok_or_else(|| {
        let known: Vec<String> = list.iter().map(|profile| profile.name.clone()).collect();
        let closest = closest(name, known.iter().map(String::as_str)).map(str::to_owned);
        vec![Message::UnknownProfile { name: name.to_owned() }, Message::Known { closest, known }]
    })
}

/// Whom to measure. An address needs no files at all.
fn subjects(target: &str, loaded: Option<&Loaded>, profile: Option<&Profile>) -> Result<Vec<Subject>, Message> {
    if let Ok(address) = target.parse() {
        return Ok(vec![Subject::bare(Target::Address(address), loaded, profile)]);
    }
    match loaded.map(|loaded| (loaded, find_link(&loaded.inventory.links, target))) {
        Some((loaded, Ok(_))) if loaded.inventory.synthetic => {
            Err(Message::OnceSynthetic { inventory: loaded.inventory.name.clone() })
        }
        Some((loaded, Ok(link))) if !link.points.is_empty() => {
            let deciding = loaded.contract.measuring_point(link.kind);
            let subject = |(number, point): (PointIndex, &crate::inventory::Point)| Subject {
                role: Some(point.role.as_str()),
                deciding: point.role == deciding,
                ..match profile {
                    Some(profile) => {
                        let measure = of_point_by(&loaded.inventory, profile, &loaded.machine, link, point);
                        Subject::new(point.target.clone(), &measure)
                    }
                    None => Subject::new(point.target.clone(), &loaded.measures[number.at()]),
                }
            };
            Ok(link.numbered_points().map(subject).collect())
        }
        Some((_, Ok(link))) => Err(Message::OnceNoPoints { link: link.id.to_string() }),
        Some((_, Err(unknown))) if !is_host(target) => Err(unknown),
        _ => Ok(vec![Subject::bare(Target::Name(target.to_owned()), loaded, profile)]),
    }
}

/// Whether `target` can only be an address or a name of the network: those have dots or colons, or are of this host.
fn is_host(target: &str) -> bool {
    target.contains(['.', ':']) || target == "localhost"
}

impl Subject {
    fn new(target: Target, measure: &Measure) -> Self {
        let confirm = Confirm { probes: 0, ..measure.confirm };
        Self {
            role: None,
            target,
            deciding: true,
            measure: Arc::new(Measure { interval: SPACING, confirm, ..measure.clone() }),
            address: None,
            resolved: None,
            source: None,
            outcomes: vec![],
        }
    }

    fn bare(target: Target, loaded: Option<&Loaded>, profile: Option<&Profile>) -> Self {
        let machine = loaded.map(|loaded| Measure::clone(&loaded.machine)).unwrap_or_default();
        let mut measure = match profile {
            Some(profile) => of_target_by(profile, &machine, &target),
            None => machine,
        };
        if let Target::Address(address) = target {
            measure.source = measure.source.filter(|source| source.is_ipv4() == address.is_ipv4());
        }
        Self::new(target, &measure)
    }

    /// Finds its address, and the address of ours that the route would choose.
    fn resolve(&mut self) {
        self.address = match &self.target {
            Target::Address(address) => Some(*address),
            Target::Name(name) => {
                let begun = monotonic_nanos();
                let found = look_up(name);
                let took = Duration::from_nanos(monotonic_nanos() - begun);
                self.resolved = Some(found.as_ref().map(|_| took).map_err(Clone::clone));
                found.ok()
            }
        };
        self.source = self.measure.source.or_else(|| self.address.and_then(route_source));
    }

    fn verdict(&self) -> Verdict {
        let mut ended = self.outcomes.iter();
        match () {
            () if ended.clone().any(|outcome| matches!(outcome, Outcome::Answered(_))) => Verdict::Answered,
            () if ended.any(|outcome| matches!(outcome, Outcome::Failed(_))) => Verdict::NotAnswered,
            () => Verdict::NotMeasured,
        }
    }
}

fn look_up(name: &str) -> Result<IpAddr, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let answer = runtime.block_on(async {
        let resolver = Resolver::system().map_err(|error| error.to_string())?;
        Ok::<_, String>(resolver.lookup(name).await)
    })?;
    match answer {
        Answer::Addresses(found, _) => found.into_iter().next().ok_or_else(|| "no address".to_owned()),
        Answer::NoSuchName => Err("no such name".to_owned()),
        Answer::Failed(error) => Err(error),
    }
}

/// Connecting a UDP socket asks the routing table and sends nothing.
fn route_source(to: IpAddr) -> Option<IpAddr> {
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect((to, 9)).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

/// Sends `count` probes to each subject that has an address; `told` hears of each as it ends.
fn measure(subjects: &mut [Subject], count: u32, told: impl Fn(&Subject)) {
    let plan = plan(subjects);
    let wanted = plan.points.iter().filter(|point| point.address.is_some()).count() * count as usize;
    let begun = monotonic_nanos();
    // All points have the same seed and interval, and so the same turns.
    let first = first_turn(&plan, begun).unwrap_or(begun);
    let last_turn = first + nanos(SPACING) * u64::from(count) - nanos(SPACING) / 2;
    let longest = subjects.iter().map(|subject| nanos(subject.measure.timeout)).max().unwrap_or(0);
    let (sender, blocks) = sync_channel(256);
    let points = plan.points.len() as u32;
    let clock = Arc::new(SystemClock::start());
    let mut engine = Box::new(Engine::start(Arc::new(plan), Options::default(), clock, Box::new(HostOpener), sender));
    let mut ended = listen(subjects, &blocks, last_turn, &told);
    // No further turns; what is in flight goes on.
    (0..points).for_each(|point| engine.resolved(0, PointIndex(point), None));
    let deadline = last_turn + longest + nanos(SPACING);
    while ended < wanted && monotonic_nanos() < deadline {
        ended += listen(subjects, &blocks, monotonic_nanos() + nanos(SPACING) / 10, &told);
    }
    engine.stop();
}

/// Points with the same phase, chosen so that the first turn comes soon but not before the engine is there.
fn plan(subjects: &[Subject]) -> Plan {
    let with_seed = |seed: u64| {
        let point = |subject: &Subject| PlannedPoint {
            address: subject.address,
            expected: false,
            measure: subject.measure.clone(),
            carrier: 0,
            phase_seed: seed,
            kept: None,
        };
        let limits = Limits { per_target: 100, ..Limits::default() };
        Plan { points: subjects.iter().map(point).collect(), limits, ..Plan::default() }
    };
    let now = monotonic_nanos();
    let comes_soon =
        |plan: &Plan| first_turn(plan, now).is_some_and(|due| (50_000_000..100_000_000).contains(&(due - now)));
    (0..1_000).map(with_seed).find(comes_soon).unwrap_or_else(|| with_seed(0))
}

/// When the first turn of `plan` after `now` is due.
fn first_turn(plan: &Plan, now: u64) -> Option<u64> {
    let mut wheel = Wheel::new(plan, now, &Wheel::default());
    wheel.open(now, nanos(SPACING));
    wheel.peek(now + nanos(SPACING) - 1).map(|turn| turn.due)
}

/// Hears how probes end until `deadline`; returns how many did.
fn listen(subjects: &mut [Subject], blocks: &Receiver<Block>, deadline: u64, told: &impl Fn(&Subject)) -> usize {
    let mut ended = 0;
    while let Some(left) = deadline.checked_sub(monotonic_nanos()).filter(|left| *left > 0) {
        let Ok(block) = blocks.recv_timeout(Duration::from_nanos(left)) else { break };
        for sample in block.samples {
            if let Event::Ended(outcome) = sample.event {
                let subject = &mut subjects[sample.point.at()];
                subject.outcomes.push(outcome);
                told(subject);
                ended += 1;
            }
        }
    }
    ended
}
