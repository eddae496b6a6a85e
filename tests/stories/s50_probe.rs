//! Somebody on call asks about a website, a port and a name server, with real servers behind: nginx, openssl, unbound.

#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Running, free_port, linkpatrol, peer, wait_for, words};

/// What stands around the servers: a folder, an authority that is trusted, and a site's certificates.
struct Desk {
    folder: TempDir,
}

impl Desk {
    /// `None`, said aloud, where openssl is missing.
    fn make() -> Option<Self> {
        peer("openssl")?;
        let desk = Self { folder: TempDir::new().unwrap() };
        desk.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 9 -subj /CN=Desk");
        fs::write(desk.path("san"), "subjectAltName=IP:127.0.0.1").unwrap();
        desk.openssl("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout site.key -out site.csr -subj /C=CN/CN=site");
        let sign = "x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san";
        desk.openssl(&format!("{sign} -days 5 -out good.pem"));
        desk.openssl(&format!("{sign} -days -1 -out expired.pem"));
        Some(desk)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", words(&output));
    }

    fn once(&self, target: &str, more: &[&str]) -> Output {
        let mut command = linkpatrol();
        command.args(["once", target]).args(more).env("SSL_CERT_FILE", self.path("ca.pem"));
        command.output().expect("the program starts")
    }

    /// The report of one check, and its exit code.
    fn report(&self, target: &str) -> (i32, Value) {
        let output = self.once(target, &["--output", "json", "--timeout", "3s"]);
        let report =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(&output)));
        (output.status.code().unwrap_or(-1), report)
    }

    fn start(&self, name: &str, command: &mut Command, port: u16) -> Running {
        let running = Running::start(name, self.folder.path(), command.current_dir(self.folder.path()));
        wait_for(name, Duration::from_secs(10), || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        running
    }
}

/// A web server with a door without TLS that leads to the one with it, and one that speaks only what is too old.
fn nginx(desk: &Desk, [plain, secure, old]: [u16; 3]) -> Option<Running> {
    let program = peer("nginx")?;
    let folder = desk.folder.path().display();
    let shown = "ssl_certificate good.pem; ssl_certificate_key site.key;";
    let page = "location / { default_type text/html; return 200 'welcome'; } location /gone { return 410; }";
    let configuration = format!(
        "daemon off; master_process off; error_log stderr; pid nginx.pid; events {{}}
         http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
         uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
         server {{ listen 127.0.0.1:{plain}; return 301 https://127.0.0.1:{secure}$request_uri; }}
         server {{ listen 127.0.0.1:{secure} ssl http2; ssl_protocols TLSv1.2 TLSv1.3; {shown} {page} }}
         server {{ listen 127.0.0.1:{old} ssl; ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0; {shown} }} }}"
    );
    fs::write(desk.path("nginx.conf"), configuration).unwrap();
    let mut command = Command::new(program);
    command.arg("-p").arg(desk.folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
    Some(desk.start("nginx", &mut command, secure))
}

#[test]
fn a_website_with_its_redirect_its_handshake_and_its_certificate() {
    let Some(desk) = Desk::make() else { return };
    let ports @ [plain, secure, old] = [free_port(), free_port(), free_port()];
    let Some(_nginx) = nginx(&desk, ports) else { return };

    let (code, report) = desk.report(&format!("http://127.0.0.1:{plain}/"));
    assert_eq!((code, &report["success"], &report["verdict"]), (0, &true.into(), &"good".into()), "{report:#}");
    let http = &report["http"];
    assert_eq!((&http["status"], &http["version"], &http["redirects"]), (&200.into(), &"2".into(), &1.into()));
    assert_eq!(http["body_bytes"], "welcome".len());
    assert_eq!(report["addresses"], serde_json::json!(["127.0.0.1", "127.0.0.1"]), "one for each hop");
    assert_eq!((&report["tls"]["version"], &report["tls"]["stapled"]), (&"TLS 1.3".into(), &false.into()));
    let [certificate] = &report["certificates"].as_array().unwrap()[..] else { panic!("{report:#}") };
    assert_eq!(certificate["sha256"], fingerprint(&desk), "as openssl computes it");
    assert_eq!(certificate["san"], serde_json::json!(["127.0.0.1"]));
    let sum: f64 = report["durations"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
    let whole = report["duration_seconds"].as_f64().unwrap();
    assert!(sum <= whole && sum > whole * 0.5, "phases {sum} of {whole}");

    for (target, phase, reason) in [
        (format!("https://127.0.0.1:{secure}/gone"), "content", "http_status"),
        (format!("https://localhost:{secure}/"), "tls", "certificate_wrong_name"),
        (format!("https://127.0.0.1:{old}/"), "tls", "tls_version_outdated"),
        (format!("https://127.0.0.1:{plain}/"), "tls", "not_tls"),
        (format!("http://127.0.0.1:{secure}/"), "content", "http_status"),
    ] {
        let (code, report) = desk.report(&target);
        assert_eq!(
            (code, &report["phase"], &report["reason"]),
            (1, &phase.into(), &reason.into()),
            "{target}: {report:#}"
        );
    }

    let output = desk.once(&format!("https://localhost:{secure}/"), &["--lang", "zh-CN"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("证书 C=CN, CN=site，签发者 CN=Desk，有效至"), "{said}");
    assert!(said.contains("结论：失败，环节：TLS 握手，原因：证书与域名不符"), "{said}");
}

/// Of the good certificate, by another program.
fn fingerprint(desk: &Desk) -> String {
    let arguments = ["x509", "-in", "good.pem", "-noout", "-fingerprint", "-sha256"];
    let output = Command::new("openssl").args(arguments).current_dir(desk.folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_once('=').unwrap().1.trim().replace(':', "").to_lowercase()
}

#[test]
fn a_certificate_that_has_ended_is_known_all_the_same() {
    let Some(desk) = Desk::make() else { return };
    let port = free_port();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-cert", "expired.pem", "-key", "site.key"]);
    command.args(["-tls1_2", "-www", "-quiet"]);
    let _server = desk.start("openssl", &mut command, port);
    let (code, report) = desk.report(&format!("tls://127.0.0.1:{port}"));
    assert_eq!((code, &report["reason"]), (1, &"certificate_expired".into()), "{report:#}");
    assert_eq!((&report["verdict"], &report["tls"]["version"]), (&"certificate_expired".into(), &"TLS 1.2".into()));
    assert_eq!(
        (&report["certificates"][0]["issuer"], &report["certificates"][0]["algorithm"]),
        (&"CN=Desk".into(), &"EC 256, ecdsa-with-SHA256".into())
    );
}

#[test]
fn servers_of_other_times_show_their_certificates_all_the_same() {
    let Some(desk) = Desk::make() else { return };
    desk.openssl("req -newkey rsa:1024 -nodes -keyout short.key -out short.csr -subj /CN=short");
    desk.openssl(
        "x509 -req -in short.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -days 5 -out short.pem",
    );
    desk.openssl("req -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.csr -subj /CN=rsa");
    desk.openssl("x509 -req -in rsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -days 5 -out rsa.pem");
    let old = "TLS 1.0, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA";
    for (key, speaks, reason, verdict, text) in [
        ("rsa", ["-tls1", "ALL:@SECLEVEL=0"], "tls_version_outdated", "good", old),
        (
            "rsa",
            ["-tls1_2", "AES128-GCM-SHA256"],
            "tls_cipher_outdated",
            "good",
            "TLS 1.2, TLS_RSA_WITH_AES_128_GCM_SHA256",
        ),
        ("short", ["-tls1_2", "ALL:@SECLEVEL=0"], "certificate_weak_key", "certificate_weak_key", "RSA 1024"),
    ] {
        let port = free_port();
        let mut command = Command::new("openssl");
        command.args([
            "s_server",
            "-accept",
            &format!("127.0.0.1:{port}"),
            "-www",
            "-quiet",
            speaks[0],
            "-cipher",
            speaks[1],
        ]);
        command.args(["-cert", &format!("{key}.pem"), "-key", &format!("{key}.key")]);
        let _server = desk.start("openssl", &mut command, port);
        let (code, report) = desk.report(&format!("tls://127.0.0.1:{port}"));
        assert_eq!((code, &report["reason"], &report["verdict"]), (1, &reason.into(), &verdict.into()), "{report:#}");
        assert_eq!(
            (&report["text"], &report["certificates"][0]["subject"]),
            (&text.into(), &format!("CN={key}").into())
        );
    }
}

#[test]
fn a_name_server_is_asked_and_its_code_is_told() {
    let (Some(desk), Some(program)) = (Desk::make(), peer("unbound")) else { return };
    let port = free_port();
    let folder = desk.folder.path().display();
    let configuration = format!(
        "server:\n interface: 127.0.0.1@{port}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \"{folder}\"\n \
         pidfile: \"{folder}/unbound.pid\"\n use-syslog: no\n local-zone: \"city.test.\" static\n \
         local-data: \"city.test. 60 IN SOA ns.city.test. duty.city.test. 2026 1 1 1 1\"\n \
         local-data: \"www.city.test. 60 IN A 198.18.0.7\"\nremote-control:\n control-enable: no\n"
    );
    fs::write(desk.path("unbound.conf"), configuration).unwrap();
    let mut command = Command::new(program);
    command.arg("-c").arg(desk.path("unbound.conf"));
    let _unbound = desk.start("unbound", &mut command, port);

    let (code, report) = desk.report(&format!("dns://127.0.0.1:{port}/www.city.test"));
    assert_eq!((code, &report["dns"]["rcode"]), (0, &"NOERROR".into()), "{report:#}");
    assert!(report["dns"]["answers"][0].as_str().is_some_and(|answer| answer.ends_with("198.18.0.7")), "{report:#}");
    let (_, report) = desk.report(&format!("dns://127.0.0.1:{port}/city.test?type=SOA"));
    assert_eq!(report["dns"]["serial"], 2026, "{report:#}");
    let (code, report) = desk.report(&format!("dns://127.0.0.1:{port}/no.city.test"));
    assert_eq!((code, &report["reason"], &report["text"]), (1, &"dns_rcode".into(), &"NXDOMAIN".into()));

    let (code, report) = desk.report(&format!("127.0.0.1:{port}"));
    assert_eq!((code, &report["success"]), (0, &true.into()), "{report:#}");
    let (code, report) = desk.report(&format!("127.0.0.1:{}", free_port()));
    assert_eq!((code, &report["phase"], &report["reason"]), (1, &"connect".into(), &"connection_refused".into()));
}

#[test]
fn the_end_of_a_registration_is_told_in_both_forms() {
    use std::io::{Read, Write};
    let Some(desk) = Desk::make() else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("whois://{}/许昌.中国", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut question = [0; 128];
            let count = stream.read(&mut question).unwrap();
            assert_eq!(&question[..count], b"xn--0hvn25f.xn--fiqs8s\r\n");
            stream.write_all("注册商: 某公司\n过期时间: 2099-03-17 12:48:36\n".as_bytes()).unwrap();
        }
    });
    let (code, report) = desk.report(&target);
    assert_eq!((code, &report["domain"]["expires"]), (0, &"2099-03-17T04:48:36.000+00:00".into()), "{report:#}");
    assert_eq!(report["domain"]["registrar"], "某公司");
    let output = desk.once(&target, &["--lang", "zh-CN"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("注册有效至 2099-03-17") && said.contains("注册商 某公司"), "{said}");
}
