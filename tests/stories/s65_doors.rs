//! Users, roles and TLS from outside: a real curl at a real daemon that listens beyond loopback.

use std::{process::Output, time::Duration};

use crate::{
    harness::{peer, wait_for, words},
    site::{Site, name},
};

/// A daemon's folder with a certificate for 127.0.0.1 of an authority of its own, and users.
struct House {
    site: Site,
}

impl House {
    fn make() -> Option<Self> {
        let site = Site::make(4)?;
        peer("curl")?;
        let authority = rcgen::CertifiedIssuer::self_signed(
            {
                let mut wanted = rcgen::CertificateParams::new(vec![]).expect("parameters");
                wanted.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
                wanted.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
                wanted
            },
            rcgen::KeyPair::generate().expect("a key"),
        )
        .expect("an authority");
        site.write("roots.pem", &authority.pem());
        for (name, host) in [("server", "127.0.0.1"), ("client", "prometheus.example")] {
            let key = rcgen::KeyPair::generate().expect("a key");
            let mut wanted = rcgen::CertificateParams::new(vec![host.to_owned()]).expect("parameters");
            wanted.distinguished_name.push(rcgen::DnType::CommonName, host);
            let certificate = wanted.signed_by(&key, &authority).expect("a certificate");
            site.write(&format!("{name}.pem"), &certificate.pem());
            site.write(&format!("{name}.key"), &key.serialize_pem());
        }
        let house = Self { site };
        house.write_users(&["duty", "view", "noc-one"], "");
        Some(house)
    }

    /// `web.yaml` with these users; each has its own name, twice, as a password.
    fn write_users(&self, users: &[&str], tls: &str) {
        let users: String = users
            .iter()
            .map(|user| format!("  {user}: {}\n", bcrypt::hash(format!("{user}{user}"), 4).expect("a hash")))
            .collect();
        self.site.write(
            "web.yaml",
            &format!(
                "tls_server_config: {{cert_file: server.pem, key_file: server.key{tls}}}\nbasic_auth_users:\n{users}\
                 roles: {{duty: operator, noc-one: carrier/one}}\n"
            ),
        );
    }

    /// What curl says of `https://127.0.0.1:9815<path>`, with these arguments besides.
    fn curl(&self, path: &str, arguments: &[&str]) -> Output {
        let roots = self.site.path("roots.pem");
        let mut command = self.site.namespace.command(&["curl", "--silent", "--show-error", "--max-time", "10"]);
        command.arg("--cacert").arg(roots).args(["--write-out", "\n%{http_code}"]).args(arguments);
        command.arg(format!("https://127.0.0.1:9815{path}")).output().expect("curl")
    }

    /// Status and body for a user under its password.
    fn ask(&self, user: &str, path: &str, arguments: &[&str]) -> (u16, String) {
        let user = format!("{user}:{user}{user}");
        let output = self.curl(path, &[&["--user", &user], arguments].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{}", words(&output)));
        (status.parse().expect("a status"), body.to_owned())
    }

    /// Starts the daemon beyond loopback and waits until it knows its users.
    fn start(&mut self) {
        let web = self.site.path("web.yaml");
        let arguments =
            ["--web.listen-address", "0.0.0.0:9815", "--web.config.file", web.to_str().expect("a path in UTF-8")];
        self.site.start_unseen(&arguments);
        wait_for("the daemon answers over TLS", Duration::from_secs(20), || {
            (self.curl("/-/healthy", &["--user", "view:viewview"]).stdout.ends_with(b"200")).then_some(())
        });
    }
}

#[test]
fn beyond_loopback_only_with_users() {
    let Some(house) = House::make() else { return };
    let refused = house.site.serve(&["--web.listen-address", "0.0.0.0:9815"]).output().expect("linkpatrol");
    assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("0.0.0.0:9815 is not a loopback address") && said.contains("web.config.file"), "{said}");

    house.site.write("web.yaml", "basic_auth_users: {duty: secret}\n");
    let web = house.site.path("web.yaml");
    let refused = house.site.serve(&["--web.config.file", &web.display().to_string()]).output().expect("linkpatrol");
    assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("web.yaml:1:26: error LP1105"), "{}", words(&refused));
}

#[test]
fn each_user_does_what_the_role_allows_and_signs_with_the_own_name() {
    let Some(mut house) = House::make() else { return };
    house.start();
    wait_for("link 2 is up", Duration::from_secs(20), || {
        let series = format!("linkpatrol_link_up{{link=\"{}\"}} 1", name(2));
        house.ask("view", "/metrics", &[]).1.contains(&series).then_some(())
    });
    house.site.cut(2);
    let incident = wait_for("an incident is announced", Duration::from_secs(30), || {
        let (_, body) = house.ask("view", "/api/v1/incidents", &[]);
        let answer: serde_json::Value = serde_json::from_str(&body).ok()?;
        let first = answer["incidents"].get(0)?;
        (!first["announced"].is_null()).then(|| first["id"].as_str().map(str::to_owned))?
    });
    let path = format!("/api/v1/incidents/{incident}/acknowledge");
    let json = |actor: &str| format!("{{\"actor\": \"{actor}\"}}");
    let act = |house: &House, user: &str, actor: &str| {
        house.ask(user, &path, &["--header", "content-type: application/json", "--data", &json(actor)])
    };
    assert_eq!(act(&house, "view", "view").0, 403);
    let (status, body) = act(&house, "duty", "somebody else");
    assert!(status == 403 && body.contains("\"not_you\""), "{status} {body}");
    assert_eq!(act(&house, "duty", "duty").0, 200);
    let (_, body) = house.ask("view", &format!("/api/v1/incidents/{incident}"), &[]);
    let shown: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(shown["acknowledged"]["actor"], "duty");

    // Odd links are carrier one's.
    let own = |number| house.ask("noc-one", &format!("/api/v1/links/{}", name(number)), &[]).0;
    assert_eq!((own(1), own(2)), (200, 403));
    let (status, body) = house.ask("noc-one", "/api/v1/links?carrier=one", &[]);
    assert_eq!(status, 200);
    assert!(body.contains(&name(3)) && !body.contains(&name(2)), "{body}");
    assert_eq!(house.ask("noc-one", "/metrics", &[]).0, 403);

    let plain =
        house.site.namespace.command(&["curl", "--silent", "--max-time", "5", "http://127.0.0.1:9815/"]).output();
    assert!(!plain.expect("curl").status.success(), "plain HTTP is not answered");
    let cli = house
        .site
        .namespace
        .command(&[env!("CARGO_BIN_EXE_linkpatrol"), "incident", "list", "--url", "https://127.0.0.1:9815"])
        .env("SSL_CERT_FILE", house.site.path("roots.pem"))
        .env("LINKPATROL_USER", "view")
        .env("LINKPATROL_PASSWORD_FILE", {
            house.site.write("password", "viewview\n");
            house.site.path("password")
        })
        .output()
        .expect("linkpatrol");
    assert!(cli.status.success() && String::from_utf8_lossy(&cli.stdout).contains(&incident), "{}", words(&cli));
}

#[test]
fn what_was_typed_into_a_form_is_kept_when_the_session_has_ended() {
    let Some(mut house) = House::make() else { return };
    house.start();
    let status = |output: &Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{}", words(output)));
        (status.parse::<u16>().expect("a status"), body.to_owned())
    };
    let jar = house.site.path("cookies").display().to_string();
    let with_jar = ["--cookie", &jar, "--cookie-jar", &jar, "--header", "accept: text/html"];
    let curl = |path: &str, arguments: &[&str]| status(&house.curl(path, &[&with_jar, arguments].concat()));
    let log_in = ["--data", "name=duty&password=dutyduty"];
    assert_eq!(curl("/login", &log_in).0, 303);
    let (_, page) = curl("/report?lang=en", &[]);
    let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    // A second log-in is another session, with another token; then none at all.
    let report = format!("csrf={token}&note=<b>the+fan+is+loud</b>&actor=duty");
    for again in [true, false] {
        std::fs::remove_file(&jar).expect("the old session");
        if again {
            assert_eq!(curl("/login", &log_in).0, 303);
        }
        let (status, page) = curl("/report?lang=en", &["--data", &report]);
        assert_eq!(status, 401, "{page}");
        assert!(page.contains("your session has ended and nothing was done"), "{page}");
        assert!(page.contains("&#60;b&#62;the fan is loud&#60;/b&#62;"), "kept, and harmless: {page}");
        assert!(page.contains("name=\"next\" value=\"/report\""), "{page}");
        assert!(!page.contains(token), "no token goes back");
    }
    let (_, incidents) = house.ask("view", "/api/v1/incidents", &[]);
    assert!(incidents.contains("\"total\":0"), "{incidents}");
    // A program hears what it always heard.
    let output = house.curl("/report", &["--data", &report]);
    assert_eq!(status(&output).0, 401);
    assert!(status(&output).1.contains("\"code\""), "{}", words(&output));
}

#[test]
fn a_withdrawn_password_and_a_new_demand_hold_without_a_restart() {
    let Some(mut house) = House::make() else { return };
    house.start();
    assert_eq!(house.ask("view", "/-/healthy", &[]).0, 200);
    let most = Duration::from_secs(10);
    // Who listens to events when its password goes hears no more: curl ends by itself, and not by its time.
    std::thread::scope(|scope| {
        let listening = scope.spawn(|| house.curl("/api/v1/events", &["--user", "view:viewview", "--max-time", "30"]));
        std::thread::sleep(Duration::from_secs(2));
        assert!(!listening.is_finished());
        house.write_users(&["duty", "noc-one"], "");
        wait_for("the password is refused", most, || (house.ask("view", "/-/healthy", &[]).0 == 401).then_some(()));
        let heard = listening.join().expect("curl");
        assert!(heard.status.success() && heard.stdout.starts_with(b"retry: 2000"), "{}", words(&heard));
    });

    house.site.write("web.yaml", "basic_auth_users: {duty: plain}\n");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(house.ask("duty", "/-/healthy", &[]).0, 200, "a broken file leaves the old in force");

    house
        .write_users(&["duty", "noc-one"], ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: roots.pem");
    wait_for("nobody without a certificate comes in", most, || {
        (!house.curl("/-/healthy", &["--user", "duty:dutyduty"]).status.success()).then_some(())
    });
    let (certificate, key) = (house.site.path("client.pem"), house.site.path("client.key"));
    let with = ["--cert", &certificate.display().to_string(), "--key", &key.display().to_string()];
    assert_eq!(house.ask("duty", "/-/healthy", &with).0, 200);
}
