//! `linkpatrol serve`: the daemon.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, mpsc::SyncSender},
};

use clap::ValueEnum;

use super::{Global, print_findings};
use crate::{
    clock::{Clock, SystemClock},
    config::{Config, IcmpMode, Web},
    diagnostic::Findings,
    patrol::{self, Setup, load, load::Loaded},
    probe::{
        Prober,
        icmp::{Engine, HostOpener, Mode, Options},
    },
    sample::Block,
    schedule::Plan,
    text::Message,
    units::Network,
};

/// Runs the daemon: measures, judges, keeps incidents, tells, and serves metrics, API and pages.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Keeps no incidents, stores nothing and sends nothing: an exporter beside what you have.
    #[arg(long)]
    exporter_only: bool,
    /// Where to serve, instead of `listen` of the configuration. Beyond loopback only with users. May be given several
    /// times.
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    listen: Vec<SocketAddr>,
    /// Users and TLS, instead of `web.config_file` of the configuration; in the form of Prometheus' exporter toolkit.
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config: Option<PathBuf>,
    /// Whoever reaches us may look, without a password.
    #[arg(long = "web.allow-anonymous-read")]
    anonymous_read: bool,
    /// A module file of blackbox_exporter, instead of `probe.modules` of the configuration: turns `/probe` on
    /// (docs/services.md).
    #[arg(long = "probe.config.file", value_name = "FILE")]
    probe_config: Option<PathBuf>,
    /// Address, network or folder of sockets that `/probe` may visit, instead of `probe.targets` of the configuration. May be
    /// given several times.
    #[arg(long = "probe.target", value_name = "NETWORK")]
    probe_targets: Vec<Network>,
    /// What is logged: a level, or directives such as `info,linkpatrol::probe=debug`.
    #[arg(long = "log.level", default_value = "info")]
    log_level: String,
    /// Form of the log on standard error.
    #[arg(long = "log.format", default_value = "logfmt")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Logfmt,
    Json,
}

impl Serve {
    pub fn run(self, global: &Global) -> ExitCode {
        if let Err(error) = start_logging(&self.log_level, self.log_format) {
            anstream::eprintln!("--log.level: {error}");
            return ExitCode::from(2);
        }
        let said = Said { modules: self.probe_config, targets: self.probe_targets };
        let (loaded, findings) = load::from_file_but(global.config_file.as_deref(), |config| said.over(config));
        let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
        print_findings(&findings, language);
        let Some(mut loaded) = loaded else {
            return ExitCode::from(1);
        };
        let config = Arc::make_mut(&mut loaded.config);
        config.web.allow_anonymous_read |= self.anonymous_read;
        if let Some(file) = &self.web_config {
            let mut findings = Findings::default();
            config.users = Web::load(file, &mut findings).map(Arc::new);
            print_findings(&findings.into_sorted(), language);
            if config.users.is_none() {
                return ExitCode::from(1);
            }
        }
        if loaded.inventory.synthetic {
            let folder = loaded.inventory.folder.display().to_string();
            anstream::eprintln!("{}", Message::SyntheticRefused { folder }.say(language));
            return ExitCode::from(1);
        }
        let listen = if self.listen.is_empty() { loaded.config.listen.clone() } else { self.listen };
        let is_open = |address: &&SocketAddr| !loaded.config.is_guarded() && !address.ip().is_loopback();
        if let Some(open) = listen.iter().find(is_open) {
            anstream::eprintln!("{}", Message::ListenNotLoopback { address: *open }.say(language));
            anstream::eprintln!("{}: {}", Message::Help.say(language), Message::ListenNotLoopbackHelp.say(language));
            return ExitCode::from(1);
        }
        match patrol::start(setup(loaded, listen, !self.exporter_only, global.config_file.clone(), said)) {
            Ok(running) => {
                tracing::info!(addresses = ?running.listening, "serving");
                running.until_told();
                running.stop();
                ExitCode::SUCCESS
            }
            Err(error) => {
                anstream::eprintln!("{error}");
                ExitCode::from(2)
            }
        }
    }
}

/// What the command line says of `/probe`; holds at each reload too.
struct Said {
    modules: Option<PathBuf>,
    targets: Vec<Network>,
}

impl Said {
    fn over(&self, config: &mut Config) {
        if let Some(file) = &self.modules {
            config.probe.modules = Some(file.clone());
        }
        if !self.targets.is_empty() {
            config.probe.targets = self.targets.clone();
        }
    }
}

fn setup(loaded: Loaded, listen: Vec<SocketAddr>, keeps_incidents: bool, file: Option<PathBuf>, said: Said) -> Setup {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let config = Arc::clone(&loaded.config);
    let files = config.file.iter().chain(&config.probe.modules).cloned().collect();
    let watched = (vec![config.inventory.clone(), config.probes.clone()], files);
    let engine_clock = Arc::clone(&clock);
    let options = engine_options(&config);
    Setup {
        data_dir: config.data_dir.clone(),
        clock,
        prober: Box::new(move |plan: Arc<Plan>, blocks: SyncSender<Block>| {
            Ok(Box::new(Engine::start(plan, options, engine_clock, Box::new(HostOpener), blocks)) as Box<dyn Prober>)
        }),
        listen,
        keeps_incidents,
        simulated: false,
        loader: Arc::new(move || match load::from_file_but(file.as_deref(), |config| said.over(config)) {
            (Some(loaded), _) => Ok(loaded),
            (None, findings) => Err(findings),
        }),
        watched,
        facts: None,
        visiting: None,
        loaded,
    }
}

/// The engine's settings in linkpatrol.yaml.
pub(super) fn engine_options(config: &Config) -> Options {
    let mode = match config.icmp.mode {
        IcmpMode::Auto => Mode::Auto,
        IcmpMode::Raw => Mode::Raw,
        IcmpMode::Ping => Mode::Ping,
    };
    Options { tick: config.icmp.tick, receive_buffer: config.icmp.receive_buffer as usize, mode, ..Options::default() }
}

fn start_logging(level: &str, format: LogFormat) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = tracing_subscriber::EnvFilter::builder().parse(level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match format {
        LogFormat::Logfmt => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
