//! Somebody on call asks about a website that speaks the national protocol, with GmSSL's own server behind.

#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Running, free_port, linkpatrol, skip, wait_for, words};

/// `None`, said aloud, where it was not built.
fn gmssl() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tlcp/gmssl");
    if program.is_file() {
        return Some(program);
    }
    skip("GmSSL is not built (tests/tlcp_peer.sh builds it; tests/run calls that)");
    None
}

/// A folder with an authority, and servers that show certificates of it.
struct Desk {
    gmssl: PathBuf,
    folder: TempDir,
}

impl Desk {
    fn run(&self, arguments: &str) {
        let output = Command::new(&self.gmssl)
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "gmssl {arguments}: {}", words(&output));
    }

    fn authority(&self, name: &str) {
        self.run(&format!("sm2keygen -pass p -out {name}.key"));
        let uses = "-key_usage keyCertSign -key_usage cRLSign -ca";
        self.run(&format!("certgen -C CN -O Desk -CN {name} -days 30 -key {name}.key -pass p -out {name}.pem {uses}"));
    }

    /// Both certificates of a server for `name`, signed by `authority`, good for `days`.
    fn server(&self, authority: &str, name: &str, days: u32) -> (u16, Running) {
        for (which, usage) in [("sign", "digitalSignature"), ("enc", "keyEncipherment")] {
            self.run(&format!("sm2keygen -pass p -out {which}.key"));
            self.run(&format!("reqgen -C CN -CN {which} -key {which}.key -pass p -out {which}.req"));
            let by = format!("-cacert {authority}.pem -key {authority}.key -pass p");
            let uses = format!("-key_usage {usage} -subject_dns_name {name}");
            self.run(&format!("reqsign -in {which}.req -days {days} {uses} {by} -out {which}.pem"));
        }
        let file = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap();
        fs::write(
            self.folder.path().join("chain.pem"),
            file("sign.pem") + &file("enc.pem") + &file(&format!("{authority}.pem")),
        )
        .unwrap();
        let port = free_port();
        let mut command = Command::new(&self.gmssl);
        command.args(["tlcp_server", "-port", &port.to_string(), "-cert", "chain.pem", "-key", "sign.key"]);
        command.args(["-pass", "p", "-ex_key", "enc.key", "-ex_pass", "p"]).current_dir(self.folder.path());
        let running = Running::start("gmssl", self.folder.path(), &mut command);
        let listens =
            || fs::read_to_string("/proc/net/tcp").unwrap().contains(&format!(":{port:04X} 00000000:0000 0A"));
        wait_for("gmssl", Duration::from_secs(10), || listens().then_some(()));
        (port, running)
    }

    fn report(&self, target: &str, trusted: &str) -> (i32, Value) {
        let mut command = linkpatrol();
        command.args(["once", target, "--output", "json", "--timeout", "5s"]);
        let output = command.env("SSL_CERT_FILE", self.folder.path().join(trusted)).output().unwrap();
        let report =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(&output)));
        (output.status.code().unwrap_or(-1), report)
    }
}

#[test]
fn a_website_of_the_national_protocol_shows_both_its_certificates() {
    let Some(gmssl) = gmssl() else { return };
    let desk = Desk { gmssl, folder: TempDir::new().unwrap() };
    desk.authority("root");
    desk.authority("other");

    // GmSSL serves one client at a time and ends when one breaks off: each visit has a server of its own.
    let (port, _server) = desk.server("root", "localhost", 20);
    let (code, report) = desk.report(&format!("tlcp://localhost:{port}"), "root.pem");
    assert_eq!((code, &report["verdict"]), (0, &"good".into()), "{report:#}");
    assert_eq!(report["tls"]["version"], "TLCP 1.1");
    assert_eq!(report["tls"]["cipher"], "ECC_SM4_CBC_SM3");
    let shown = report["certificates"].as_array().unwrap();
    let said: Vec<_> =
        shown.iter().map(|one| (one["subject"].as_str().unwrap(), one["algorithm"].as_str().unwrap())).collect();
    let sm2 = "SM2, SM2-with-SM3";
    assert_eq!(said, [("C=CN, CN=sign", sm2), ("C=CN, CN=enc", sm2), ("C=CN, O=Desk, CN=root", sm2)]);

    for (name, trusted, reason) in [
        ("localhost", "other.pem", "certificate_unknown_issuer"),
        ("www.city.test", "root.pem", "certificate_wrong_name"),
    ] {
        let (port, _server) = desk.server("root", name, 20);
        let (code, report) = desk.report(&format!("tlcp://localhost:{port}"), trusted);
        assert_eq!((code, &report["phase"], &report["reason"]), (1, &"tls".into(), &reason.into()), "{report:#}");
        assert_eq!(report["certificates"].as_array().unwrap().len(), 3, "they are known all the same");
    }
}
