//! The government sites of a simulated city: real servers on loopback, visited by the product's own patrol.
//!
//! ```text
//!   story.yaml ─▶ plan (pure) ─▶ servers: pages, proxy, old TLS, name servers ◀── visits ── Patrol
//!                     └─▶ truth.jsonl: each fault, with the reason that a visitor must give
//! ```
//!
//! In: a [`Plan`]. Out: a folder with the `services.yaml` that the product reads, and a [`Checker`] that trusts the city's
//! authority and asks its name server. Each demo has addresses of its own in 127.0.0.0/8, by the port it listens on.
//! The servers run on a thread `sites`, the visits on a thread `visits`: the daemon's own threads are not disturbed.

mod certificates;
mod names;
pub mod plan;
mod servers;

use std::{
    collections::HashMap,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::{ServerConfig, crypto::aws_lc_rs};
use serde_json::json;
use tokio::{
    net::UdpSocket,
    runtime::{Builder, Handle, Runtime},
    time::sleep,
};

use self::{
    certificates::{Authority, Renewal},
    names::ZONE,
    plan::{Kind, Plan, Shows, Site, SiteFault, SitePlace},
    servers::{Scene, Wardrobe, listen},
};
use super::truth;
use crate::{
    clock::Clock,
    patrol::Visiting,
    probe::service::Checker,
    units::{Now, Timestamp},
};

const TLS_PORT: u16 = 8443;
const PLAIN_PORT: u16 = 8080;
const NAMES_PORT: u16 = 8053;
/// Last bytes of addresses: the name server that everybody asks, the first site, the first proxy.
const NAMES: u8 = 2;
const FIRST_SITE: u8 = 10;
const FIRST_PROXY: u8 = 230;
/// Each site has an address below the first proxy's.
pub const MOST_SITES: usize = (FIRST_PROXY - FIRST_SITE) as usize;

/// Sites that stand until this is dropped.
pub struct Sites {
    /// The `services.yaml` that was written.
    pub folder: PathBuf,
    pub count: usize,
    pub faults: Vec<SiteFault>,
    checker: Arc<Checker>,
    visits: Runtime,
    servers: Runtime,
}

impl Sites {
    /// Builds the sites of `plan`; `None` without any. `port` makes their addresses; `started` is the story's first
    /// moment on the monotonic clock.
    pub fn start(
        plan: Plan,
        port: u16,
        folder: &Path,
        truth: PathBuf,
        clock: Arc<dyn Clock>,
        started: u64,
    ) -> io::Result<Option<Self>> {
        if plan.sites.is_empty() {
            return Ok(None);
        }
        let runtime = |name| Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build();
        let (servers, visits) = (runtime("sites")?, runtime("visits")?);
        let scene = Arc::new(Scene { plan, started });
        let began = Timestamp(clock.now().utc.0 - i64::try_from(scene.now().as_millis()).unwrap_or_default());
        let ground = Ground { scene: Arc::clone(&scene), port, began };
        let (authority, name_server) = servers.block_on(ground.build())?;
        fs::create_dir_all(folder)?;
        fs::write(folder.join("services.yaml"), ground.services())?;
        let faults = scene.plan.faults();
        let ids: Vec<_> = scene.plan.sites.iter().map(|site| &site.id).collect();
        truth::add(&truth, &json!({ "event": "services", "at": began, "services": ids }))?;
        servers.spawn(tell(faults.clone(), scene, truth, clock));
        let checker = Arc::new(Checker::new(Some(name_server)).trusting(authority.pem.as_bytes()));
        let count = ground.scene.plan.sites.len();
        Ok(Some(Self { folder: folder.into(), count, faults, checker, visits, servers }))
    }

    /// Who visits them: the product's own patrol.
    pub fn visiting(&self) -> Visiting {
        let runtime: Handle = self.visits.handle().clone();
        Visiting { runtime, checker: Arc::clone(&self.checker) }
    }

    pub fn stop(self) {
        self.visits.shutdown_background();
        self.servers.shutdown_background();
    }
}

/// Writes each fault into the truth when it begins and when it ends.
async fn tell(faults: Vec<SiteFault>, scene: Arc<Scene>, truth: PathBuf, clock: Arc<dyn Clock>) {
    let mut turns: Vec<(Duration, bool, usize)> = vec![];
    for (number, fault) in faults.iter().enumerate() {
        turns.push((fault.from, true, number));
        turns.extend(fault.until.map(|until| (until, false, number)));
    }
    turns.sort_unstable();
    for (at, begins, number) in turns {
        sleep(at.saturating_sub(scene.now())).await;
        let Now { utc, mono } = clock.now();
        let ago = i64::try_from(scene.now().saturating_sub(at).as_millis()).unwrap_or_default();
        let (at, boot_ms, fault) = (utc.0 - ago, mono.0 - ago, &faults[number]);
        let line = if begins {
            json!({ "event": "service_fault", "at": at, "boot_ms": boot_ms, "number": number, "what": fault.what,
                "id": fault.place, "reason": fault.reason, "services": fault.sites })
        } else {
            json!({ "event": "service_mend", "at": at, "boot_ms": boot_ms, "number": number })
        };
        if let Err(error) = truth::add(&truth, &line) {
            tracing::error!(%error, "cannot write the truth");
        }
    }
}

/// Where everything stands.
struct Ground {
    scene: Arc<Scene>,
    port: u16,
    began: Timestamp,
}

impl Ground {
    fn address(&self, last: u8) -> Ipv4Addr {
        let [high, low] = self.port.to_be_bytes();
        Ipv4Addr::new(127, high, low, last)
    }

    fn site_address(&self, nth: usize) -> Ipv4Addr {
        self.address(FIRST_SITE + u8::try_from(nth % MOST_SITES).unwrap_or_default())
    }

    fn proxy_address(&self, name: &str) -> Ipv4Addr {
        let nth = self.scene.plan.proxies().iter().position(|proxy| *proxy == name).unwrap_or_default();
        self.address(FIRST_PROXY.saturating_add(u8::try_from(nth).unwrap_or(u8::MAX)))
    }

    /// Opens every server; returns the authority and the name server.
    async fn build(&self) -> io::Result<(Authority, SocketAddr)> {
        let authority = Authority::create(self.began).map_err(io::Error::other)?;
        let (config, directory) = (self.tls(&authority)?, Arc::new(self.directory()));
        let name_server = SocketAddr::from((self.address(NAMES), NAMES_PORT));
        let socket = UdpSocket::bind(name_server).await?;
        tokio::spawn(servers::name_server(socket, Arc::clone(&self.scene), None, Arc::clone(&directory)));
        let mut behind: HashMap<&str, HashMap<String, SocketAddr>> = HashMap::new();
        for (nth, site) in self.scene.plan.sites.iter().enumerate() {
            let (address, place) = (self.site_address(nth), SitePlace::Site(site.id.clone()));
            let (scene, title): (_, Arc<str>) = (Arc::clone(&self.scene), title(site).into());
            let with = (Arc::clone(&scene), place.clone(), title);
            match (site.kind, &site.proxy) {
                (Kind::Dns, _) => {
                    let socket = UdpSocket::bind((address, NAMES_PORT)).await?;
                    tokio::spawn(servers::name_server(socket, scene, Some(place), Arc::clone(&directory)));
                }
                (Kind::LegacyTls, _) => {
                    let flight: Arc<[u8]> =
                        servers::old_flight(&authority.old(&host(site)).map_err(io::Error::other)?).into();
                    let listener = listen(address.into(), TLS_PORT).await?;
                    let serve = move |stream| servers::old_tls(stream, Arc::clone(&flight));
                    tokio::spawn(servers::stand(listener, scene, place, serve));
                }
                (_, Some(proxy)) => {
                    behind.entry(proxy).or_default().insert(host(site), (address, PLAIN_PORT).into());
                    self.plain(address, with).await?;
                }
                (Kind::Http, None) => self.plain(address, with).await?,
                (Kind::Https, None) => {
                    let (listener, config) = (listen(address.into(), TLS_PORT).await?, Arc::clone(&config));
                    let serve = move |stream| {
                        let (scene, place, title) = with.clone();
                        servers::over_tls(stream, Arc::clone(&config), |stream| {
                            servers::page(stream, scene, place, title)
                        })
                    };
                    tokio::spawn(servers::stand(listener, scene, place, serve));
                }
            }
        }
        for (name, sites) in behind {
            let (listener, sites) = (listen(self.proxy_address(name).into(), TLS_PORT).await?, Arc::new(sites));
            let (scene, place, config) =
                (Arc::clone(&self.scene), SitePlace::Proxy(name.to_owned()), Arc::clone(&config));
            let with = (Arc::clone(&scene), place.clone(), sites);
            let serve = move |stream| {
                let (scene, place, sites) = with.clone();
                servers::over_tls(stream, Arc::clone(&config), |stream| servers::proxy(stream, scene, place, sites))
            };
            tokio::spawn(servers::stand(listener, scene, place, serve));
        }
        Ok((authority, name_server))
    }

    async fn plain(&self, address: Ipv4Addr, with: (Arc<Scene>, SitePlace, Arc<str>)) -> io::Result<()> {
        let listener = listen(address.into(), PLAIN_PORT).await?;
        let (scene, place) = (Arc::clone(&with.0), with.1.clone());
        let serve = move |stream| {
            let (scene, place, title) = with.clone();
            servers::page(stream, scene, place, title)
        };
        tokio::spawn(servers::stand(listener, scene, place, serve));
        Ok(())
    }

    /// One configuration for all: which certificate is shown depends on the name that is asked for.
    fn tls(&self, authority: &Authority) -> io::Result<Arc<ServerConfig>> {
        let mut by_name = HashMap::new();
        for site in self.scene.plan.sites.iter().filter(|site| site.kind == Kind::Https) {
            let shared = self.scene.plan.shared.as_ref().map(|shared| Renewal {
                renewed: (shared.forgotten != site.id).then_some(shared.renewed),
                expires: shared.expires,
            });
            let shown = authority.shown(&host(site), site.certificate, shared).map_err(io::Error::other)?;
            by_name.insert(host(site), shown.into_iter().map(|(from, key)| (from, Arc::new(key))).collect());
        }
        let wardrobe = Wardrobe { scene: Arc::clone(&self.scene), by_name };
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(wardrobe));
        Ok(Arc::new(config))
    }

    fn directory(&self) -> HashMap<String, Ipv4Addr> {
        let address = |(nth, site): (usize, &Site)| match &site.proxy {
            Some(proxy) => (host(site), self.proxy_address(proxy)),
            None => (host(site), self.site_address(nth)),
        };
        self.scene.plan.sites.iter().enumerate().map(address).collect()
    }

    /// What the product reads: the form of docs/services.md. Names come from a story, whose ids are checked.
    fn services(&self) -> String {
        let service = |(nth, site): (usize, &Site)| {
            let url = match site.kind {
                Kind::Dns => format!("dns://{}:{NAMES_PORT}/{ZONE}?type=SOA", IpAddr::from(self.site_address(nth))),
                Kind::Http => format!("http://{}:{PLAIN_PORT}/", host(site)),
                Kind::Https | Kind::LegacyTls => format!("https://{}:{TLS_PORT}/", host(site)),
            };
            let group = if site.certificate == Shows::Shared { "wildcard" } else { "" };
            json!({ "id": site.id, "name": title(site), "url": url, "zone": "internet", "certificate_group": group })
        };
        let services: Vec<_> = self.scene.plan.sites.iter().enumerate().map(service).collect();
        let timeout = format!("{}ms", plan::TIMEOUT.as_millis());
        let defaults = json!({ "interval": "2s", "timeout": timeout, "confirm": 1, "spacing": "200ms" });
        // JSON is YAML.
        format!("{:#}\n", json!({ "defaults": defaults, "services": services }))
    }
}

fn title(site: &Site) -> &str {
    if site.name.is_empty() { &site.id } else { &site.name }
}

/// The name of a site below the city's zone.
fn host(site: &Site) -> String {
    format!("{}.{ZONE}", site.id.to_ascii_lowercase().replace(['.', '_'], "-"))
}
