//! Somebody on call asks whether a certificate is revoked, with openssl's responder, list and stapled answer behind.

#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Running, free_port, linkpatrol, peer, wait_for, words};

/// An authority that revokes: its folder, and the port of its responder.
struct Authority {
    folder: TempDir,
    responder: u16,
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

impl Authority {
    /// With one certificate that is good, one that is revoked, and one that names only a list and is on it.
    fn make() -> Option<Self> {
        peer("openssl")?;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let list = listener.local_addr().unwrap().port();
        let authority = Self { folder: TempDir::new().unwrap(), responder: free_port() };
        let write = |name: &str, text: &str| fs::write(authority.folder.path().join(name), text).unwrap();
        authority.openssl(&format!("req -x509 {NEW_KEY} -keyout ca.key -out ca.pem -days 9 -subj /CN=Desk"));
        let responder = format!("authorityInfoAccess=OCSP;URI:http://127.0.0.1:{}/\n", authority.responder);
        let names_list = format!("crlDistributionPoints=URI:http://127.0.0.1:{list}/list.crl\n");
        let entry = |kind: char, serial: u32| {
            let since = if kind == 'R' { "260101000000Z" } else { "" };
            format!("{kind}\t991231235959Z\t{since}\t{serial}\tunknown\t/CN=site\n")
        };
        write("index.txt", &(entry('V', 1001) + &entry('R', 1002) + &entry('R', 1003)));
        write("index.txt.attr", "unique_subject = no\n");
        write("ca.conf", "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=3\n");
        for (name, serial, ways) in [
            ("good", 0x1001, format!("{responder}{names_list}")),
            ("revoked", 0x1002, format!("{responder}{names_list}")),
            ("listed", 0x1003, names_list.clone()),
            ("silent", 0x1004, String::new()),
        ] {
            write("ways", &format!("subjectAltName=IP:127.0.0.1\n{ways}"));
            authority.openssl(&format!("req {NEW_KEY} -keyout {name}.key -out {name}.csr -subj /CN=site"));
            let sign = "-CA ca.pem -CAkey ca.key -extfile ways -days 5";
            authority.openssl(&format!("x509 -req -in {name}.csr {sign} -set_serial {serial} -out {name}.pem"));
        }
        authority.openssl("ca -config ca.conf -gencrl -keyfile ca.key -cert ca.pem -out list.pem");
        authority.openssl("crl -in list.pem -outform DER -out list.crl");
        let bytes = fs::read(authority.folder.path().join("list.crl")).unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 1024]);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
                let _ = stream.write_all(&[head.as_bytes(), &bytes].concat());
            }
        });
        Some(authority)
    }

    fn openssl(&self, arguments: &str) {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", words(&output));
    }

    fn start(&self, arguments: &str, port: u16) -> Running {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(self.folder.path());
        let running = Running::start("openssl", self.folder.path(), &mut command);
        // Not by a connection: the responder serves one at a time, and a bare one keeps it.
        let listens = |file: &str| {
            let sockets = fs::read_to_string(file).unwrap_or_default();
            sockets.lines().any(|line| line.contains(&format!(":{port:04X} ")) && line.contains(":0000 0A "))
        };
        wait_for("openssl", Duration::from_secs(10), || {
            (listens("/proc/net/tcp") || listens("/proc/net/tcp6")).then_some(())
        });
        running
    }

    fn serve(&self, name: &str, more: &str) -> (u16, Running) {
        let port = free_port();
        let shown = format!("s_server -accept 127.0.0.1:{port} -cert {name}.pem -key {name}.key -www -quiet{more}");
        (port, self.start(&shown, port))
    }

    /// Exit code, verdict, and what was said of revocation.
    fn told(&self, port: u16, more: &[&str]) -> (i32, Value, Value) {
        let mut command = linkpatrol();
        command.args(["once", &format!("tls://127.0.0.1:{port}"), "--output", "json", "--timeout", "8s"]).args(more);
        let output = command.env("SSL_CERT_FILE", self.folder.path().join("ca.pem")).output().unwrap();
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(&output)));
        (output.status.code().unwrap_or(-1), report["verdict"].clone(), report["tls"]["revocation"].clone())
    }
}

#[test]
fn a_revoked_certificate_is_found_by_staple_responder_and_list() {
    let Some(authority) = Authority::make() else { return };
    let signer = "-rsigner ca.pem -rkey ca.key -CA ca.pem -index index.txt";
    let ask = |name: &str| format!("-issuer ca.pem -cert {name}.pem -respout {name}.ocsp -noverify");
    let responder =
        authority.start(&format!("ocsp -port {} {signer} -ndays 1", authority.responder), authority.responder);
    let good: Value = "good".into();
    let revoked: Value = "certificate_revoked".into();

    for (name, by, verdict, status) in [
        ("good", "ocsp", &good, "good"),
        ("revoked", "ocsp", &revoked, "revoked"),
        ("listed", "crl", &revoked, "revoked"),
    ] {
        let (port, _server) = authority.serve(name, "");
        let (code, told, said) = authority.told(port, &["--revocation"]);
        assert_eq!((code, &told), (i32::from(verdict == &revoked), verdict), "{name}: {said:#}");
        assert_eq!((&said["by"], &said["status"]), (&by.into(), &status.into()), "{name}: {said:#}");
        let (code, told, said) = authority.told(port, &[]);
        assert_eq!(
            (code, told, said),
            (0, good.clone(), Value::Null),
            "{name}: nobody was asked, and nobody said good"
        );
    }
    let (port, _server) = authority.serve("silent", "");
    assert_eq!(authority.told(port, &["--revocation"]), (0, good.clone(), Value::Null), "it names nobody to ask");

    let url = format!("-url http://127.0.0.1:{}/", authority.responder);
    authority.openssl(&format!("ocsp {} {url}", ask("revoked")));
    authority.openssl(&format!("ocsp {} {url}", ask("good")));
    drop(responder);
    for (name, answer, verdict, status) in [
        ("revoked", "revoked", &revoked, "revoked"),
        ("good", "good", &good, "good"),
        // The answer about another certificate proves nothing.
        ("revoked", "good", &good, "unusable"),
    ] {
        let (port, _server) = authority.serve(name, &format!(" -status_file {answer}.ocsp"));
        let (_, told, said) = authority.told(port, &[]);
        assert_eq!(
            (&told, &said["by"], &said["status"]),
            (verdict, &"staple".into(), &status.into()),
            "{name}: {said:#}"
        );
    }
    // The responder is gone: the list tells.
    let (port, _server) = authority.serve("revoked", "");
    let (code, told, said) = authority.told(port, &["--revocation"]);
    assert_eq!((code, told, &said["by"]), (1, revoked, &"crl".into()), "{said:#}");
}
