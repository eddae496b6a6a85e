//! `linkpatrol.yaml`: this machine. Where the data is, whom to listen to, how hard to probe, whom to tell.
//!
//! In: a file, or nothing. Out: a [`Config`] whose paths can be opened as they are, and every finding. What is measured
//! and promised stands elsewhere; a machine can be replaced without touching either.

mod channels;
pub mod web;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;

pub use self::{
    channels::{Channel, CloudMas, Form, Hook, Http, Modem, Robot, RobotKind, Secret, Security, Smtp},
    web::Web,
};

use crate::{
    diagnostic::{
        Code, Findings, closest,
        yaml::{self, Document},
    },
    text::{AddressFault, ChannelText, Language, Message},
    units::{Network, duration_text},
};

/// Everything that `linkpatrol.yaml` says. [`Default`] is what holds without a file; deploy/linkpatrol.yaml spells it out.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The file it was read from; `None`: defaults.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    pub language: Language,
    /// Where `/metrics`, the API and the pages are served: beyond loopback only with users, or for reading alone.
    pub listen: Vec<SocketAddr>,
    pub web: WebKeys,
    /// What `web.config_file` says.
    #[serde(skip)]
    pub users: Option<Arc<Web>>,
    pub data_dir: PathBuf,
    /// One folder of `inventories/`.
    pub inventory: PathBuf,
    pub probes: PathBuf,
    pub icmp: Icmp,
    pub limits: Limits,
    pub witnesses: Vec<Witness>,
    pub alertmanagers: Vec<Alertmanager>,
    pub webhooks: Vec<Webhook>,
    /// Stores that our metrics are pushed to.
    pub remote_write: Vec<RemoteWrite>,
    pub replies: Replies,
    /// How people are reached.
    pub channels: Vec<Channel>,
    /// A closed incident stays in `/metrics` this long.
    #[serde(deserialize_with = "yaml::duration")]
    pub closed_incidents_leave_after: Duration,
    /// Certificate authorities of https receivers, PEM; without it those of the system.
    pub trusted_roots: Option<PathBuf>,
    /// Who is asked for the addresses of named targets; without it as `/etc/resolv.conf` says.
    pub name_server: Option<SocketAddr>,
    pub probe: ProbeKeys,
}

/// Checks on demand, at `/probe`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeKeys {
    /// A module file of blackbox_exporter; without it nobody may ask for a check.
    pub modules: Option<PathBuf>,
    /// What may be visited; without it only loopback.
    pub targets: Vec<Network>,
    /// Checks at one time.
    pub at_once: u32,
    /// Checks that may begin in one second.
    pub per_second: u32,
}

impl Default for ProbeKeys {
    /// 64 checks of 10 s answer a scrape of 200 targets in time; 200 a second is three times what 2000 targets need at 30 s.
    fn default() -> Self {
        Self { modules: None, targets: vec![], at_once: 64, per_second: 200 }
    }
}

/// Who may use what is served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebKeys {
    /// Users and TLS, in the form of the exporter toolkit.
    pub config_file: Option<PathBuf>,
    /// Whoever reaches us may look, without a password.
    pub allow_anonymous_read: bool,
    /// How others reach us, such as `https://noc.example`: stands in links that leave the house. Without it where we listen.
    pub public_url: Option<String>,
    /// Where Grafana shows our dashboards, such as `https://grafana.example`: pages of links lead there.
    pub grafana: Option<String>,
}

/// Who may answer from a telephone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replies {
    pub numbers: Vec<Number>,
}

/// A registered telephone number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    pub number: String,
    /// Whom its owner speaks for: `operator`, `carrier/<id>` or `unit/<id>`.
    pub party: String,
    pub person: String,
}

/// How the ICMP engine runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Icmp {
    /// The engine wakes this often, and at least every 50 ms while an answer is overdue: shorter costs more processor time, longer
    /// bundles more probes.
    #[serde(deserialize_with = "yaml::duration")]
    pub tick: Duration,
    /// Bytes asked for each socket's receive buffer.
    pub receive_buffer: u32,
    pub mode: IcmpMode,
    /// Source address where no link, unit, carrier or profile names one.
    pub source: Option<IpAddr>,
}

/// Which kind of socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IcmpMode {
    /// Raw where the right is there, else ping.
    #[default]
    Auto,
    /// Needs CAP_NET_RAW.
    Raw,
    /// Unprivileged ICMP sockets (`net.ipv4.ping_group_range`).
    Ping,
}

/// Most probes a second, confirm probes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub total: u32,
    pub per_carrier: u32,
    pub per_target: u32,
}

/// An address near us. When all witnesses are silent, the fault is ours.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    pub name: String,
    pub address: IpAddr,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    pub name: String,
    pub url: String,
    /// Firing alerts are sent again this often.
    #[serde(default = "default_resend", deserialize_with = "yaml::duration")]
    pub resend: Duration,
    /// `endsAt` of a firing alert lies this far ahead: a daemon killed during an outage does not look like a recovery.
    #[serde(default = "default_lifetime", deserialize_with = "yaml::duration")]
    pub lifetime: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub name: String,
    pub url: String,
    /// Key of `X-Linkpatrol-Signature`, an HMAC of what is sent.
    #[serde(default)]
    pub secret: Secret,
}

/// A store that takes Prometheus' remote write, protocol 1.0.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteWrite {
    pub name: String,
    pub url: String,
    /// Our metrics are sent this often.
    #[serde(default = "default_interval", deserialize_with = "yaml::duration")]
    pub interval: Duration,
    /// Sent as `Authorization: Bearer`.
    #[serde(default)]
    pub token: Secret,
    /// Label `job` of every series: the shipped rules look for this one.
    #[serde(default = "default_job")]
    pub job: String,
    /// Label `instance`; without it where we listen.
    #[serde(default)]
    pub instance: Option<String>,
    /// Bytes that wait on the disk at most while the store is away; the oldest samples are given up for newer ones.
    #[serde(default = "default_most_waiting")]
    pub most_waiting: u64,
}

fn default_interval() -> Duration {
    Duration::from_secs(15)
}

fn default_job() -> String {
    "linkpatrol".to_owned()
}

/// 256 MiB: some three hours of 1631 links.
fn default_most_waiting() -> u64 {
    256 << 20
}

fn default_resend() -> Duration {
    Duration::from_secs(60)
}

fn default_lifetime() -> Duration {
    Duration::from_secs(24 * 3600)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: None,
            language: Language::ZhCn,
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 9815))],
            web: WebKeys::default(),
            users: None,
            data_dir: "/var/lib/linkpatrol".into(),
            inventory: "inventories/xuchang".into(),
            probes: "probes".into(),
            icmp: Icmp::default(),
            limits: Limits::default(),
            witnesses: vec![],
            alertmanagers: vec![],
            webhooks: vec![],
            remote_write: vec![],
            replies: Replies::default(),
            channels: vec![],
            closed_incidents_leave_after: Duration::from_secs(24 * 3600),
            trusted_roots: None,
            name_server: None,
            probe: ProbeKeys::default(),
        }
    }
}

impl Default for Icmp {
    /// 100 ms: a wake costs more than a probe, and kernel stamps make RTTs independent of it. 8 MiB: a second of answers at full speed with both stamps.
    fn default() -> Self {
        Self { tick: Duration::from_millis(100), receive_buffer: 8 << 20, mode: IcmpMode::Auto, source: None }
    }
}

impl Default for Limits {
    /// 20 000: twelve times 1631 links at one probe a second. 10: one scheduled probe, three confirms, and slack for
    /// points that share an address.
    fn default() -> Self {
        Self { total: 20_000, per_carrier: 20_000, per_target: 10 }
    }
}

impl Config {
    /// Reads `file`; without it ./linkpatrol.yaml, else /etc/linkpatrol/linkpatrol.yaml, else the data beside
    /// Cargo.toml. `None`, with findings, when nothing of it can be used.
    pub fn load(file: Option<&Path>, findings: &mut Findings) -> Option<Self> {
        let usual = ["linkpatrol.yaml", "/etc/linkpatrol/linkpatrol.yaml"].map(Path::new);
        match file.or_else(|| usual.into_iter().find(|file| file.is_file())) {
            Some(file) => Self::read(file, findings),
            None => Some(Self::shipped()),
        }
    }

    /// Listening beyond loopback lets nobody change anything who is not known.
    pub fn is_guarded(&self) -> bool {
        self.web.allow_anonymous_read || self.users.as_ref().is_some_and(|web| web.has_users())
    }

    /// The data beside Cargo.toml, whatever lies in the folder we are in.
    pub fn shipped() -> Self {
        Self::default().beside(&source_folder())
    }

    fn read(file: &Path, findings: &mut Findings) -> Option<Self> {
        let mut document: Document<Self> = yaml::read(file, findings)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let web = document.value.web.config_file.as_ref();
        document.value.users = web.and_then(|web| Web::load(&folder.join(web), findings)).map(Arc::new);
        Checks { document: &document, findings }.all();
        let mut config = document.value.beside(folder);
        config.file = Some(file.to_owned());
        Some(config)
    }

    /// Relative paths are relative to the file's folder.
    fn beside(mut self, folder: &Path) -> Self {
        let secrets = self.channels.iter_mut().flat_map(Channel::files);
        let secrets = secrets.chain(self.webhooks.iter_mut().filter_map(|webhook| webhook.secret.file.as_mut()));
        let named = self.trusted_roots.iter_mut().chain(&mut self.web.config_file).chain(secrets);
        let named = named.chain(&mut self.probe.modules);
        for path in [&mut self.data_dir, &mut self.inventory, &mut self.probes].into_iter().chain(named) {
            *path = folder.join(&path);
        }
        self
    }
}

/// Where this program was built: relative to where we are, when we are there, so that places in findings stay short.
fn source_folder() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR"));
    let here = std::env::current_dir().ok();
    match here.as_deref().and_then(|here| built.strip_prefix(here).ok()) {
        Some(relative) => relative.to_owned(),
        None => built.to_owned(),
    }
}

/// What the types cannot say.
struct Checks<'a> {
    document: &'a Document<Config>,
    findings: &'a mut Findings,
}

impl Checks<'_> {
    fn all(mut self) {
        let config = &self.document.value;
        self.listen();
        self.names(config.witnesses.iter().map(|witness| ("witnesses", witness.name.as_str())));
        // One of them tells by its name which is meant.
        let receivers = config.alertmanagers.iter().map(|one| ("alertmanagers", one.name.as_str()));
        let receivers = receivers.chain(config.webhooks.iter().map(|one| ("webhooks", one.name.as_str())));
        let receivers = receivers.chain(config.remote_write.iter().map(|one| ("remote_write", one.name.as_str())));
        let receivers = receivers.chain(config.channels.iter().map(|one| ("channels", one.name.as_str())));
        self.names(receivers);
        for (at, channel) in config.channels.iter().enumerate() {
            let later = config.channels[at + 1..].iter().map(|later| later.name.clone()).collect();
            self.channel(&format!("channels.{at}"), channel, later);
        }
        for (at, witness) in config.witnesses.iter().enumerate() {
            self.witness(&format!("witnesses.{at}.address"), witness.address);
        }
        for (at, alertmanager) in config.alertmanagers.iter().enumerate() {
            self.url(&format!("alertmanagers.{at}.url"), &alertmanager.url);
            let Alertmanager { resend, lifetime, .. } = alertmanager;
            // Three repeats may be lost before a firing alert runs out.
            let least = resend.saturating_mul(4);
            let (least, most) = (duration_text(least), "30d".to_owned());
            self.range(
                &format!("alertmanagers.{at}.resend"),
                *resend >= Duration::from_secs(1),
                "1s".into(),
                "1h".into(),
            );
            self.range(&format!("alertmanagers.{at}.lifetime"), *lifetime >= resend.saturating_mul(4), least, most);
        }
        for (at, webhook) in config.webhooks.iter().enumerate() {
            self.url(&format!("webhooks.{at}.url"), &webhook.url);
        }
        for (at, target) in config.remote_write.iter().enumerate() {
            let key = |name: &str| format!("remote_write.{at}.{name}");
            self.url(&key("url"), &target.url);
            let pace = Duration::from_secs(1)..=Duration::from_secs(3_600);
            self.range(&key("interval"), pace.contains(&target.interval), "1s".into(), "1h".into());
            let waiting = (1 << 20)..=1 << 40;
            let (least, most) = ("1048576".into(), "1099511627776".into());
            self.range(&key("most_waiting"), waiting.contains(&target.most_waiting), least, most);
        }
        if let Some(url) = &config.web.public_url {
            self.url("web.public_url", url);
        }
        if let Some(url) = &config.web.grafana {
            self.url("web.grafana", url);
        }
        self.numbers();
        let (tick, buffer) = (config.icmp.tick.as_millis(), config.icmp.receive_buffer);
        self.range("icmp.tick", (1..=100).contains(&tick), "1ms".into(), "100ms".into());
        self.range("icmp.receive_buffer", (65_536..=1 << 30).contains(&buffer), "65536".into(), "1073741824".into());
        let (at_once, per_second) = (config.probe.at_once, config.probe.per_second);
        self.range("probe.at_once", (1..=1_000).contains(&at_once), "1".into(), "1000".into());
        self.range("probe.per_second", (1..=10_000).contains(&per_second), "1".into(), "10000".into());
        let Limits { total, per_carrier, per_target } = config.limits;
        for (key, limit) in [("total", total), ("per_carrier", per_carrier), ("per_target", per_target)] {
            self.range(&format!("limits.{key}"), (1..=1_000_000).contains(&limit), "1".into(), "1000000".into());
        }
    }

    /// Without users, whoever can reach us could close incidents.
    fn listen(&mut self) {
        let Config { listen, web, users, .. } = &self.document.value;
        // A file of users that cannot be read has findings of its own.
        let is_unread = web.config_file.is_some() && users.is_none();
        let is_guarded = is_unread || self.document.value.is_guarded();
        for (at, address) in listen.iter().enumerate().filter(|(_, address)| !is_guarded && !address.ip().is_loopback())
        {
            let place = self.document.place(&format!("listen.{at}"));
            let message = Message::ListenNotLoopback { address: *address };
            self.findings.error(place, Code::LISTEN_NOT_LOOPBACK, message, Message::ListenNotLoopbackHelp);
        }
        self.range("listen", (1..=8).contains(&listen.len()), "1".into(), "8".into());
    }

    /// Names stand in notices and metrics, so each of them, with the list it stands in, is used once.
    fn names<'n>(&mut self, names: impl Iterator<Item = (&'static str, &'n str)>) {
        let (mut seen, mut counts) = (HashMap::new(), HashMap::<_, usize>::new());
        for (list, name) in names {
            let count = counts.entry(list).or_default();
            let at = *count;
            *count += 1;
            let place = self.document.place(&format!("{list}.{at}.name"));
            match seen.get(name) {
                None => _ = seen.insert(name, place),
                Some(first) => {
                    let message = Message::DuplicateId { id: name.to_owned(), first: first.clone() };
                    self.findings.error(place, Code::DUPLICATE_NAME, message, Message::DuplicateNameHelp);
                }
            }
        }
    }

    /// Whoever answers from a telephone is one person of one party.
    fn numbers(&mut self) {
        let mut seen = HashMap::new();
        for (at, known) in self.document.value.replies.numbers.iter().enumerate() {
            let digits: String = known.number.chars().filter(char::is_ascii_digit).collect();
            let place = self.document.place(&format!("replies.numbers.{at}.number"));
            if let Some(first) = seen.insert(digits, place.clone()) {
                let message = Message::DuplicateId { id: known.number.clone(), first };
                self.findings.error(place, Code::DUPLICATE_NAME, message, Message::DuplicateNameHelp);
            }
        }
    }

    fn witness(&mut self, path: &str, address: IpAddr) {
        let reason = match address {
            _ if address.is_unspecified() => AddressFault::Unspecified,
            _ if address.is_multicast() => AddressFault::Multicast,
            IpAddr::V4(v4) if v4.is_broadcast() => AddressFault::Broadcast,
            _ => return,
        };
        let message = Message::BadAddress { address: address.to_string(), reason };
        let place = self.document.place(path);
        self.findings.error(place, Code::BAD_ADDRESS, message, Message::BadAddressHelp(reason));
    }

    /// One transport, and a `later` channel to go on when it fails: nobody waits for each other.
    fn channel(&mut self, path: &str, channel: &Channel, later: Vec<String>) {
        let transports = channel.transports();
        if transports != 1 {
            let message = Message::Channel(ChannelText::Transports { channel: channel.name.clone(), transports });
            let place = self.document.place(&format!("{path}.name"));
            self.findings.error(
                place,
                Code::CHANNEL_TRANSPORTS,
                message,
                Message::Channel(ChannelText::TransportsHelp),
            );
        }
        for (key, url) in channel.urls() {
            // What a template leaves open stands for something.
            self.url(&format!("{path}.{key}"), &url.replace(['{', '}'], ""));
        }
        if let Some(name) = channel.next.as_ref().filter(|name| !later.contains(name)) {
            let message = Message::UnknownReference { column: "next", name: name.clone() };
            let closest = closest(name, later.iter().map(String::as_str)).map(str::to_owned);
            let help = Message::Known { closest, known: later };
            self.findings.error(self.document.place(&format!("{path}.next")), Code::NO_SUCH_CHANNEL, message, help);
        }
    }

    fn url(&mut self, path: &str, url: &str) {
        let parsed = url.parse::<hyper::Uri>().ok();
        let scheme = parsed.as_ref().and_then(hyper::Uri::scheme_str);
        if !matches!(scheme, Some("http" | "https")) || parsed.is_none_or(|url| url.host().is_none()) {
            let message = Message::BadUrl { url: yaml::shortened(url) };
            self.findings.error(self.document.place(path), Code::BAD_URL, message, Message::BadUrlHelp);
        }
    }

    fn range(&mut self, path: &str, holds: bool, least: String, most: String) {
        if !holds {
            let key = path.to_owned();
            let help = Message::OutOfRangeHelp { least, most };
            self.findings.error(self.document.place(path), Code::OUT_OF_RANGE, Message::OutOfRange { key }, help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    #[test]
    fn the_shipped_example_says_just_the_defaults() {
        let mut findings = Findings::default();
        let example = source_folder().join("deploy/linkpatrol.yaml");
        let document: Document<Config> = yaml::read(&example, &mut findings).unwrap();
        assert_eq!(document.value, Config::default());
        assert_eq!(findings.into_sorted(), []);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = Config::default().beside(Path::new("/etc/linkpatrol"));
        assert_eq!(config.probes, Path::new("/etc/linkpatrol/probes"));
        assert_eq!(config.data_dir, Path::new("/var/lib/linkpatrol"));
    }

    proptest::proptest! {
        /// Somebody's cat walks over the example: what is found lies inside the file.
        #[test]
        fn a_damaged_example_gives_findings_inside_it(at in 0usize..2500, by in "[ \n:,{}\\[\\]\"a-]{0,3}", cut in 0usize..4) {
            let mut text: Vec<char> = include_str!("../deploy/linkpatrol.yaml").chars().collect();
            let at = at.min(text.len() - cut);
            text.splice(at..at + cut, by.chars());
            let text: String = text.into_iter().collect();
            let lines = u32::try_from(text.lines().count()).unwrap() + 1;
            let mut findings = Findings::default();
            yaml::decode::<Config>(&Source { file: Path::new("f").into(), bytes: text.into_bytes() }, &mut findings);
            for finding in findings.into_sorted() {
                proptest::prop_assert!((1..=lines).contains(&finding.place.line), "{}", finding.print(Language::En));
            }
        }
    }
}
