//! Names against a real name server on loopback.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

use linkpatrol::probe::resolve::{Answer, Bounds, Names, Resolved, Resolver};

/// An unbound of our own; it ends with this value.
struct Unbound(Child);

impl Unbound {
    /// Serves `records` on `port`; `None`, said aloud, where it is not installed.
    fn serve(folder: &Path, port: u16, records: &[&str]) -> Option<Self> {
        let data: String = records.iter().map(|record| format!("  local-data: \"{record}\"\n")).collect();
        let configuration = format!(
            "server:\n  directory: \"{0}\"\n  pidfile: \"\"\n  username: \"\"\n  chroot: \"\"\n  use-syslog: no\n  \
             do-daemonize: no\n  interface: 127.0.0.1\n  port: {port}\n  num-threads: 1\n  \
             local-zone: \"test.\" static\n{data}remote-control:\n  control-enable: no\n",
            folder.display()
        );
        let file = folder.join("unbound.conf");
        std::fs::write(&file, configuration).expect("the folder is ours");
        let program =
            ["/usr/sbin/unbound", "/usr/local/sbin/unbound"].into_iter().find(|path| Path::new(path).exists());
        let Some(program) = program else {
            println!("SKIPPED: unbound is not installed (Debian package unbound)");
            return None;
        };
        let child = Command::new(program).arg("-d").arg("-c").arg(&file).stderr(Stdio::null()).spawn();
        Some(Self(child.expect("it is installed")))
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback has ports").port()
}

/// Short waits, so that a test sees several lookups.
const BOUNDS: Bounds = Bounds { least: Duration::from_millis(200), most: Duration::from_secs(3_600) };

fn next(told: &mpsc::Receiver<Resolved>) -> Option<IpAddr> {
    told.recv_timeout(Duration::from_secs(30)).expect("a change is told").address
}

#[test]
fn names_follow_their_server_and_outlive_its_death() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let Some(server) =
        Unbound::serve(folder.path(), port, &["far.test. 0 IN A 127.9.0.1", "far.test. 0 IN A 127.9.0.2"])
    else {
        return;
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (tell, told) = mpsc::channel();
    let names = runtime.block_on(async {
        let resolver = Resolver::asking(SocketAddr::from(([127, 0, 0, 1], port))).expect("a resolver");
        Names::watch(&resolver, [Arc::from("far.test."), Arc::from("none.test.")], BOUNDS, move |resolved| {
            let _ = tell.send(resolved);
        })
    });
    assert_eq!(next(&told), Some([127, 9, 0, 1].into()));
    // The server dies: the address stays, and the failure shows.
    drop(server);
    wait_for(|| names.failing() == 2);
    assert!(told.try_recv().is_err());
    // It comes back with another address, then without one.
    let server = Unbound::serve(folder.path(), port, &["far.test. 0 IN A 127.9.0.7"]);
    assert_eq!(next(&told), Some([127, 9, 0, 7].into()));
    wait_for(|| names.failing() == 0);
    drop(server);
    let _server = Unbound::serve(folder.path(), port, &[]);
    assert_eq!(next(&told), None);
}

#[test]
fn one_lookup_tells_a_missing_name_from_a_missing_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let Some(server) = Unbound::serve(folder.path(), port, &["far.test. 60 IN AAAA ::1"]) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ask = |name: &str| {
        runtime.block_on(async {
            let resolver = Resolver::asking(SocketAddr::from(([127, 0, 0, 1], port))).expect("a resolver");
            resolver.lookup(name).await
        })
    };
    wait_for(|| !matches!(ask("far.test."), Answer::Failed(_)));
    assert_eq!(ask("far.test."), Answer::Addresses(vec!["::1".parse().expect("an address")], Duration::from_secs(60)));
    assert_eq!(ask("none.test."), Answer::NoSuchName);
    drop(server);
    assert!(matches!(ask("far.test."), Answer::Failed(_)));
}

fn wait_for(condition: impl Fn() -> bool) {
    for _ in 0..100 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it never came true");
}
