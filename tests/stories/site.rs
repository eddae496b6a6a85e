//! A small site of its own: links on loopback addresses inside a network namespace, and a daemon that measures them.
//!
//! A link is cut by dropping what arrives at its address, so that the daemon sees silence and not a refusal.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::fd::AsRawFd,
    path::PathBuf,
    process::Command,
    time::Duration,
};

use linkpatrol::{inventory::LinkId, ledger::Month, store::StoredAccount};
use serde::Serialize;

use crate::harness::{Answer, Namespace, Running, linkpatrol, peer, request, wait_for};

/// Two units and two carriers in turn; link `n` answers at 127.10.0.n.
pub struct Site {
    pub namespace: Namespace,
    pub folder: tempfile::TempDir,
    pub address: SocketAddr,
    /// Its channels stay closed, as those of a new installation.
    pub trial: bool,
    daemon: Option<Running>,
}

impl Site {
    /// `None`, said aloud, where namespaces or nft are not to be had.
    pub fn make(links: u8) -> Option<Self> {
        let namespace = Namespace::make()?;
        peer("nft")?;
        let folder = tempfile::tempdir().expect("a folder for the site");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9815));
        let site = Self { namespace, folder, address, trial: false, daemon: None };
        fs::create_dir(site.path("site")).expect("the inventory's folder");
        site.write("site/inventory.yaml", "synthetic: false\nfiles: {carriers: carriers.yaml, units: units.yaml, segments: segments.yaml, links: [links.csv]}\n");
        site.write("site/carriers.yaml", "carriers: [{id: one, name: 甲}, {id: two, name: 乙}]\n");
        site.write("site/units.yaml", "units: [{id: U1, name: 甲单位}, {id: U2, name: 乙单位}]\n");
        site.write("site/segments.yaml", "segments: []\n");
        fs::create_dir(site.path("calendars")).expect("the calendars' folder");
        for (shipped, own) in [
            ("xuchang/contract.yaml", "site/contract.yaml"),
            ("calendars/cn-2025.yaml", "calendars/cn-2025.yaml"),
            ("calendars/cn-2026.yaml", "calendars/cn-2026.yaml"),
        ] {
            let shipped = crate::harness::root().join("inventories").join(shipped);
            fs::copy(shipped, site.path(own)).expect("a shipped file");
        }
        site.write_links(&(1..=links).collect::<Vec<_>>());
        let probes = crate::harness::root().join("probes");
        site.write(
            "linkpatrol.yaml",
            &format!("data_dir: state\ninventory: site\nprobes: {}\nlanguage: en\n", probes.display()),
        );
        site.namespace.run(&["nft", "add table inet cut"]);
        site.namespace.run(&["nft", "add set inet cut down { type ipv4_addr; }"]);
        site.namespace.run(&["nft", "add chain inet cut input { type filter hook input priority 0; }"]);
        site.namespace.run(&["nft", "add rule inet cut input ip daddr @down drop"]);
        Some(site)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file of the site");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file of the site")
    }

    /// The ledger with these links only.
    pub fn write_links(&self, numbers: &[u8]) {
        let row = |n: &u8| {
            let (carrier, unit) = if n.is_multiple_of(2) { ("two", "U2") } else { ("one", "U1") };
            format!("{},C-{n},private,{carrier},{unit},枢纽,远端,100M,127.10.0.{n}\n", name(*n))
        };
        let rows: String = numbers.iter().map(row).collect();
        self.write("site/links.csv", &format!("id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address\n{rows}"));
    }

    /// `linkpatrol serve` with these arguments, not yet started.
    pub fn serve(&self, arguments: &[&str]) -> Command {
        let program = linkpatrol();
        let mut command = self.namespace.command(&[&program.get_program().to_string_lossy()]);
        command.arg("serve").arg("--config.file").arg(self.path("linkpatrol.yaml")).args(arguments);
        command
    }

    /// Starts the daemon and waits until it answers.
    pub fn start(&mut self, arguments: &[&str]) {
        self.start_as(self.serve(arguments));
        if !self.trial {
            self.open_doors();
        }
    }

    /// Ends the trial of an installation that has channels.
    pub fn open_doors(&self) {
        let listed = self.get("/api/v1/notices/doors").json();
        let doors: Vec<_> = listed["doors"].as_array().into_iter().flatten().collect();
        if doors.iter().any(|door| door["door"].as_str().is_some_and(|door| door.starts_with("channel/"))) {
            for door in doors.iter().filter(|door| door["open"] == false) {
                let body = serde_json::json!({"actor": "示例开", "door": door["door"]});
                let answer = self.post("/api/v1/notices/open", &body);
                assert!(answer.is_ok(), "{}", answer.body);
            }
        }
    }

    /// Starts a daemon that answers only whom it knows.
    pub fn start_unseen(&mut self, arguments: &[&str]) {
        let mut command = self.serve(arguments);
        self.daemon = Some(Running::start("serve", self.folder.path(), &mut command));
    }

    /// Starts what [`Self::serve`] made, with an environment of its own.
    pub fn start_as(&mut self, mut command: Command) {
        self.daemon = Some(Running::start("serve", self.folder.path(), &mut command));
        self.wait("the daemon answers", |site| site.try_get("/-/healthy").filter(Answer::is_ok));
    }

    pub fn daemon(&mut self) -> &mut Running {
        self.daemon.as_mut().expect("a daemon that was started")
    }

    /// What it printed, for messages.
    pub fn printed(&self) -> String {
        self.daemon.as_ref().map(Running::printed).unwrap_or_default()
    }

    /// A wire to another namespace: 10.77.0.1 at `near` here, 10.77.0.2 at `far` there.
    pub fn join(&self, far: &Namespace) {
        let make = format!("ip link add near type veth peer name far netns {}", far.name);
        self.namespace.run(&make.split(' ').collect::<Vec<_>>());
        for (namespace, end, address) in [(&self.namespace, "near", "10.77.0.1/24"), (far, "far", "10.77.0.2/24")] {
            namespace.run(&["ip", "addr", "add", address, "dev", end]);
            namespace.run(&["ip", "link", "set", end, "up"]);
        }
    }

    /// An nginx in the namespace, with these `server` blocks.
    pub fn nginx(&self, servers: &str) -> Running {
        let folder = self.folder.path().display();
        let configuration = format!(
            "daemon off; master_process off; error_log stderr; pid nginx.pid; events {{}}
             http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
             uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; {servers} }}"
        );
        self.write("nginx.conf", &configuration);
        let prefix = format!("{folder}/");
        let mut command = self.namespace.command(&["nginx", "-p", &prefix, "-c", "nginx.conf", "-e", "stderr"]);
        Running::start("nginx", self.folder.path(), &mut command)
    }

    pub fn cut(&self, number: u8) {
        self.namespace.run(&["nft", &format!("add element inet cut down {{ 127.10.0.{number} }}")]);
    }

    pub fn heal(&self, number: u8) {
        self.namespace.run(&["nft", &format!("delete element inet cut down {{ 127.10.0.{number} }}")]);
    }

    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|| panic!("no answer at {path}; the daemon printed:\n{}", self.printed()))
    }

    pub fn try_get(&self, path: &str) -> Option<Answer> {
        self.within(|| request(self.address, "GET", path, &[], "")).ok()
    }

    pub fn post(&self, path: &str, body: &serde_json::Value) -> Answer {
        let headers = [("Content-Type", "application/json")];
        self.within(|| request(self.address, "POST", path, &headers, &body.to_string())).expect("an answer to a POST")
    }

    /// Sends what a form of a page would.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).expect("fields");
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        self.within(|| request(self.address, "POST", path, &headers, &body)).expect("an answer to a form")
    }

    /// Value of one series, named as in the exposition.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let text = self.get("/metrics").body;
        let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// State of a link as the API says it.
    pub fn state(&self, number: u8) -> String {
        let link = self.get(&format!("/api/v1/links/{}", name(number))).json();
        link["state"].as_str().unwrap_or("absent").to_owned()
    }

    /// The incidents that the API lists.
    pub fn incidents(&self) -> Vec<serde_json::Value> {
        let listed = self.get("/api/v1/incidents").json();
        listed["incidents"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until links 1 to `links` are up: a link that never answered has no outage.
    pub fn all_up(&self, links: u8) {
        self.wait("all links are up", |site| {
            (site.metric("linkpatrol_coverage_links{status=\"measured\"}") == Some(f64::from(links))
                && (1..=links).all(|number| site.state(number) == "up"))
            .then_some(())
        });
    }

    /// Waits up to 30 s: ten times what the product promises, for a machine that compiles beside it.
    pub fn wait<T>(&self, what: &str, mut check: impl FnMut(&Self) -> Option<T>) -> T {
        wait_for(what, Duration::from_secs(30), || check(self))
    }

    /// Runs `work` on a thread inside the namespace.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(format!("/run/netns/{}", self.namespace.name)).expect("the namespace");
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                // SAFETY: moves this thread only, which ends with the scope.
                let moved = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(moved, 0, "{}", std::io::Error::last_os_error());
                work()
            });
            inside.join().expect("work inside the namespace")
        })
    }
}

/// `LL-0007`.
pub fn name(number: u8) -> String {
    format!("LL-{number:04}")
}

/// The books of a link's month as the daemon keeps them.
pub fn stored_account(link: &LinkId, month: &Month, account: &impl Serialize) -> StoredAccount {
    let account = serde_json::to_string(account).expect("plain data");
    StoredAccount { link: link.clone(), month: month.to_string(), account }
}
