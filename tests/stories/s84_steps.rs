//! Pages one after the other behind a real nginx: open, log in, a page, log out. Cookies are carried, each step has a time of
//! its own, the one that fails is named, and nobody logs in twice in a row where he was refused.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::sleep,
    time::Duration,
};

use linkpatrol::clock::monotonic_nanos;
use serde_json::{Value, json};

use crate::{
    harness::{Running, linkpatrol, peer, root, words},
    site::Site,
};

const SERVICES: &str = r##"contact: "mailto:noc@city.test"
services:
  - id: seal
    name: 示例签章系统
    url: "http://127.0.0.1:8080/"
    interval: 1s
    timeout: 900ms
    confirm: 2
    spacing: 100ms
    steps:
      - {name: open, url: /, body_must: [示例], keep: {csrf: 'name="csrf" value="([^"]+)"'}}
      - {name: login, login: true, url: /login, form: {user: probe, csrf: "${csrf}"}, form_files: {password: password}, body_must: [欢迎]}
      - {name: data, url: "/data?t=${csrf}", headers: {X-Token: "${csrf}"}, json_must: ["body.code == 0"], header_must: {Content-Type: json}}
      - {name: logout, method: POST, url: /logout}
      - {name: after, url: /home, status: [401]}
"##;
/// As two contracts of ours have it: a mean, and each by itself.
const OBJECTIVES: &str = "  - {id: seal-time, name: {zh: 签章平均耗时, en: mean time of a seal}, for: {requirements: ['1']}, measure: response_time, limit: {at_most: 300ms}, statistic: mean, period: day, source: measured, clause: 004 L276}
  - {id: query-time, name: {zh: 查询耗时, en: time of a query}, for: {requirements: ['2']}, measure: response_time, limit: {at_most: 300ms}, statistic: max, period: day, source: measured, clause: 002 L91}
";
const PASSWORD: &str = "p&ss ${csrf}";

/// What the application was asked.
#[derive(Default)]
struct Asked {
    mode: &'static str,
    opened: u32,
    /// When somebody handed in a password, in nanoseconds.
    logins: Vec<u64>,
    /// Requests of other steps that were not as they should be.
    wrong: Vec<String>,
    data: Vec<u64>,
}

type App = Arc<Mutex<Asked>>;

/// The application behind nginx.
fn app(site: &Site) -> App {
    let listener = site.within(|| TcpListener::bind("127.0.0.1:8090").unwrap());
    let app = App::default();
    let shared = Arc::clone(&app);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let app = Arc::clone(&shared);
            std::thread::spawn(move || serve(stream, &app));
        }
    });
    app
}

fn serve(mut stream: TcpStream, app: &App) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut line) = (vec![], String::new());
    while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
        head.push(line.trim_end().to_owned());
        line.clear();
    }
    let header = |name: &str| {
        let found =
            head.iter().filter_map(|line| line.split_once(": ")).find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value).to_owned()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let request: Vec<&str> = head.first().map_or("", String::as_str).split(' ').collect();
    let [method, path, _] = request[..] else { return };
    let answer = answer(app, method, path, &header, &String::from_utf8(body).unwrap());
    let _ = stream.write_all(answer.as_bytes());
}

fn answer(app: &App, method: &str, path: &str, header: &impl Fn(&str) -> String, body: &str) -> String {
    let cookie = header("cookie");
    let say = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    };
    let (mode, nth) = {
        let mut asked = app.lock().unwrap();
        if !header("user-agent").contains("mailto:noc@city.test") {
            asked.wrong.push(format!("{path} by {}", header("user-agent")));
        }
        match (method, path) {
            ("GET", "/") => {
                asked.opened += 1;
                if !cookie.is_empty() {
                    asked.wrong.push(format!("opened with {cookie}"));
                }
            }
            ("POST", "/login" | "/elsewhere") => asked.logins.push(monotonic_nanos()),
            ("GET", data) if data.starts_with("/data") => asked.data.push(monotonic_nanos()),
            _ => {}
        }
        // Of several visitors, each is known by his cookie.
        let own = cookie.split("; ").find_map(|pair| pair.strip_prefix("visit=")?.parse().ok());
        (asked.mode, own.unwrap_or(asked.opened))
    };
    let is_inside = cookie.contains(&format!("visit={nth}")) && cookie.contains(&format!("session=s{nth}"));
    match (method, path) {
        ("GET", "/") => say(
            "200 OK",
            &format!("Set-Cookie: visit={nth}; Path=/\r\nSet-Cookie: elsewhere=1; Domain=other.test\r\n"),
            &format!("<title>示例</title><input name=\"csrf\" value=\"tok/{nth}+\">"),
        ),
        ("POST", "/login") => {
            let wanted = format!("csrf=tok%2F{nth}%2B&user=probe&password=p%26ss+%24%7Bcsrf%7D");
            if body != wanted || cookie != format!("visit={nth}") {
                app.lock().unwrap().wrong.push(format!("login with {cookie}: {body}"));
                return say("403 Forbidden", "", "wrong");
            }
            match mode {
                "refused" => say("403 Forbidden", "", "wrong password"),
                "hangs" => {
                    sleep(Duration::from_secs(3));
                    String::new()
                }
                "sends on" => say("307 Temporary Redirect", "Location: /elsewhere\r\n", ""),
                _ => {
                    let session = format!("Location: /home\r\nSet-Cookie: session=s{nth}; Path=/; HttpOnly\r\n");
                    say("302 Found", &session, "")
                }
            }
        }
        ("GET", "/pace") => {
            if mode == "slow" {
                sleep(Duration::from_millis(400));
            }
            say("200 OK", "", "")
        }
        ("GET", "/home") if is_inside => say("200 OK", "", "欢迎"),
        ("GET", "/home") => say("401 Unauthorized", "", ""),
        ("GET", data) if is_inside && data == format!("/data?t=tok%2F{nth}%2B") => {
            if header("x-token") != format!("tok/{nth}+") {
                app.lock().unwrap().wrong.push(format!("token {}", header("x-token")));
            }
            if mode == "slow" {
                sleep(Duration::from_millis(400));
            }
            let code = if mode == "broken" { 5 } else { 0 };
            say("200 OK", "Content-Type: application/json\r\n", &json!({ "code": code }).to_string())
        }
        ("POST", "/logout") if is_inside => say("200 OK", "Set-Cookie: session=x; Path=/; Max-Age=0\r\n", "bye"),
        _ => {
            app.lock().unwrap().wrong.push(format!("{method} {path} with {cookie}"));
            say("404 Not Found", "", "")
        }
    }
}

/// A site with the application, nginx before it and the daemon; `None`, said aloud, where they are not to be had.
fn begun(services: &str) -> Option<(Site, App, Running)> {
    let mut site = Site::make(1)?;
    peer("nginx")?;
    let contract = site.read("site/contract.yaml");
    site.write("site/contract.yaml", &contract.replacen("\nobjectives:\n", &format!("\nobjectives:\n{OBJECTIVES}"), 1));
    fs::copy(root().join("inventories/xuchang/requirements.csv"), site.path("site/requirements.csv")).unwrap();
    site.write("site/services.yaml", services);
    site.write("site/password", &format!("{PASSWORD}\n"));
    let app = app(&site);
    let nginx = site.nginx("server { listen 127.0.0.1:8080; location / { proxy_pass http://127.0.0.1:8090; } }");
    site.start(&[]);
    site.wait("the service is up", |site| Some(()).filter(|()| service(site)["state"] == "up"));
    Some((site, app, nginx))
}

fn service(site: &Site) -> Value {
    site.get("/api/v1/services/seal").json()
}

fn mode(app: &App, mode: &'static str) {
    app.lock().unwrap().mode = mode;
}

fn step(site: &Site, family: &str, step: &str) -> Option<f64> {
    site.metric(&format!("linkpatrol_step_{family}{{service=\"seal\",step=\"{step}\"}}"))
}

fn failing(site: &Site, state: &str, reason: &str) -> Value {
    site.wait(&format!("it is {state} for {reason}"), |site| {
        Some(service(site)).filter(|one| one["state"] == state && one["reason"] == reason)
    })
}

#[test]
fn cookies_and_tokens_are_carried_and_each_step_has_its_time() {
    let Some((site, app, _nginx)) = begun(SERVICES) else { return };
    mode(&app, "slow");
    let shown = site.wait("a visit with a slow step", |site| {
        Some(service(site)).filter(|one| one["steps"][2]["duration_seconds"].as_f64().is_some_and(|took| took >= 0.4))
    });
    let steps = shown["steps"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["open", "login", "data", "logout", "after"]);
    for step in steps {
        let took = step["duration_seconds"].as_f64().unwrap();
        assert!(step["success"] == true && (step["name"] == "data" || took < 0.4), "{shown}");
    }
    let last = &shown["last"]["steps"];
    // The log-in ends with the page that it leads to; what was logged out of is closed.
    let statuses: Vec<&Value> = last.as_array().unwrap().iter().map(|step| &step["status"]).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 401]);
    assert!(last[2]["durations"]["processing"].as_f64().unwrap() >= 0.4, "{last}");
    assert!(last[0]["durations"]["connect"].as_f64().unwrap() > 0.0, "{last}");
    let whole = shown["last"]["duration_seconds"].as_f64().unwrap();
    let sum: f64 = steps.iter().map(|step| step["duration_seconds"].as_f64().unwrap()).sum();
    assert!(sum <= whole && whole - sum < 0.05, "{sum} of {whole}");
    // Six connections: the log-in has a redirect.
    assert_eq!(shown["last"]["addresses"].as_array().unwrap().len(), 6, "{shown}");
    for name in names {
        assert_eq!(step(&site, "success", name), Some(1.0));
        assert_eq!(step(&site, "duration_seconds", name).unwrap() >= 0.4, name == "data");
    }
    assert_eq!(app.lock().unwrap().wrong, [""; 0]);

    // By hand the same, by its name; and what is known of it beforehand.
    let run = |words: &[&str]| {
        let program = linkpatrol();
        let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
        command.env("LANG", "en_US.UTF-8").arg("--config.file").arg(site.path("linkpatrol.yaml")).args(words);
        command.output().unwrap()
    };
    let output = run(&["--output", "json", "once", "seal"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", words(&output)));
    assert_eq!(
        (output.status.code(), &told["success"], &told["step"]),
        (Some(0), &json!(true), &Value::Null),
        "{told}"
    );
    assert_eq!(told["steps"].as_array().unwrap().len(), 5, "{told}");
    let output = words(&run(&["once", "seal"]));
    assert!(output.contains("step login: passed, status 200"), "{output}");
    assert!(!output.contains("p&ss"), "{output}");
    let output = words(&run(&["explain", "seal"]));
    assert!(output.contains("open → login → data → logout → after"), "{output}");
    // Five requests a visit and second.
    let output = run(&["--output", "json", "check"]);
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(checked["facts"]["visits_per_second"], 5.0, "{checked}");
    let page = site.get("/services/seal?lang=en").body;
    assert!(page.contains("logout") && page.contains("id=\"steps\""), "{page}");
}

#[test]
fn who_was_refused_logs_in_again_at_his_next_turn_alone() {
    let Some((site, app, _nginx)) = begun(SERVICES) else { return };
    mode(&app, "refused");
    let refused = failing(&site, "down", "http_status");
    assert_eq!(
        [&refused["phase"], &refused["text"], &refused["step"]],
        ["content", "login: 403", "login"],
        "{refused}"
    );
    assert_eq!([&refused["steps"][0]["success"], &refused["steps"][1]["success"]], [true, false], "{refused}");
    assert_eq!(refused["steps"][2], json!({"name": "data", "success": null, "duration_seconds": null}));
    assert_eq!([step(&site, "success", "open"), step(&site, "success", "login")], [Some(1.0), Some(0.0)]);
    assert_eq!([step(&site, "success", "data"), step(&site, "duration_seconds", "data")], [None, None]);
    let incident =
        site.wait("it has an incident", |site| site.incidents().into_iter().find(|one| one["scope_id"] == "seal"));
    assert_eq!(incident["service"]["text"], "login: 403", "{incident}");

    // Silence at the log-in is no leave to try again either.
    mode(&app, "hangs");
    let silent = failing(&site, "down", "timeout");
    assert_eq!([&silent["phase"], &silent["step"]], ["processing", "login"], "{silent}");
    assert_eq!(silent["text"], "login: no end after 900ms", "{silent}");
    // Nobody is told the password who was not asked for.
    mode(&app, "sends on");
    let sent_on = failing(&site, "down", "bad_redirect");
    assert_eq!(sent_on["text"], "login: 307 asks for the body again", "{sent_on}");
    {
        let asked = app.lock().unwrap();
        assert_eq!(asked.wrong, [""; 0]);
        // The first visits are good, two of them close together: a recovery is confirmed.
        let apart: Vec<u64> = asked.logins.windows(2).map(|two| (two[1] - two[0]) / 1_000_000).skip(2).collect();
        assert!(apart.len() >= 4 && apart.iter().all(|apart| *apart > 700), "milliseconds between log-ins: {apart:?}");
    }

    // A later step is tried again at once, and is named.
    mode(&app, "");
    site.wait("it is up again", |site| Some(()).filter(|()| service(site)["state"] == "up"));
    app.lock().unwrap().data.clear();
    mode(&app, "broken");
    let broken = failing(&site, "degraded", "body_mismatch");
    assert_eq!([&broken["step"], &broken["text"]], ["data", "data: body.code == 0 is false"], "{broken}");
    let data = app.lock().unwrap().data.clone();
    assert!(data.windows(2).filter(|two| two[1] - two[0] < 600_000_000).count() >= 2, "{data:?}");
    mode(&app, "");
    site.wait("it is up again", |site| Some(()).filter(|()| service(site)["state"] == "up"));

    // Another password in its file is another visit.
    site.write("site/password", "other\n");
    assert!(site.post("/-/reload", &json!({})).is_ok());
    site.wait("the new password is handed in", |_| {
        let wrong = &app.lock().unwrap().wrong;
        wrong.iter().any(|wrong| wrong.ends_with("password=other")).then_some(())
    });
    fs::remove_file(site.path("site/password")).unwrap();
    let output = linkpatrol().arg("--config.file").arg(site.path("linkpatrol.yaml")).arg("check").output().unwrap();
    assert!(words(&output).contains("password: No such file"), "{}", words(&output));
    assert_eq!(output.status.code(), Some(2));
}

/// The service as a transaction of one requirement, and a query of another.
fn transactions() -> String {
    let (head, entry) = SERVICES.split_once("  - id: seal\n").unwrap();
    let entry = entry.replace("timeout: 900ms", "timeout: 900ms\n    transaction: [data, logout]");
    // The application knows one visitor at a time: the other asks for something else.
    let other = "  - {id: query, requirement: '2', url: 'http://127.0.0.1:8090/', interval: 1s, spacing: 100ms, steps: [{name: ask, url: /pace}], transaction: [ask]}\n";
    format!("{head}  - id: seal\n    requirement: \"1\"\n{entry}{other}")
}

fn transaction(site: &Site, id: &str) -> Value {
    site.get(&format!("/api/v1/services/{id}")).json()["transaction"].clone()
}

fn figure(site: &Site, family: &str, service: &str, more: &str) -> Option<f64> {
    site.metric(&format!("linkpatrol_transaction_{family}{{service=\"{service}\",period=\"day\"{more}}}"))
}

#[test]
fn the_mean_of_a_transaction_is_judged_by_the_contract_when_its_day_is_over() {
    let Some((mut site, app, _nginx)) = begun(&transactions()) else { return };
    let quick = site.wait("three quick runs", |site| {
        Some(transaction(site, "seal")).filter(|one| one["running"]["whole"].as_u64() >= Some(3))
    });
    let shown = ["steps", "statistic", "period", "limit_seconds", "clause"].map(|key| quick[key].clone());
    assert_eq!(shown, [json!(["data", "logout"]), json!("mean"), json!("day"), json!(0.3), json!("004 L276")]);
    assert!(quick["running"]["mean_seconds"].as_f64().unwrap() < 0.3, "{quick}");
    assert_eq!([&quick["running"]["verdict"], &quick["running"]["slow"]], [&json!("pending"), &json!(0)], "{quick}");
    assert_eq!([&quick["last"]["verdict"], &quick["last"]["mean_seconds"]], [&json!("not_provable"), &Value::Null]);
    assert_eq!(transaction(&site, "query")["running"]["verdict"], "pending");

    // Slow ones raise the mean; the longest of all is judged at once.
    mode(&app, "slow");
    let slow = site.wait("the mean is above the limit", |site| {
        Some(transaction(site, "seal")).filter(|one| one["running"]["mean_seconds"].as_f64() > Some(0.3))
    });
    let running = &slow["running"];
    assert!(running["longest_seconds"].as_f64() >= Some(0.4) && running["verdict"] == "pending", "{slow}");
    assert!(running["slow"].as_u64().unwrap() * 2 > running["whole"].as_u64().unwrap(), "{slow}");
    let query = site.wait("a query is too slow", |site| {
        Some(transaction(site, "query")).filter(|one| one["running"]["verdict"] == "breached")
    });
    assert_eq!([&query["statistic"], &query["clause"]], ["max", "002 L91"], "{query}");
    // What fails in the transaction has no length; what fails before it is no run.
    mode(&app, "broken");
    let broken =
        site.wait("a failed run", |site| Some(transaction(site, "seal")).filter(|one| one["running"]["failed"] == 1));
    mode(&app, "refused");
    failing(&site, "down", "http_status");
    let refused = transaction(&site, "seal");
    assert!(
        refused["running"]["failed"].as_u64().unwrap() <= 3
            && refused["running"]["whole"] == broken["running"]["whole"]
    );
    let running = &refused["running"];
    site.wait("the metrics say the same", |site| {
        (figure(site, "mean_seconds", "seal", "") == running["mean_seconds"].as_f64()
            && figure(site, "longest_seconds", "seal", "") == running["longest_seconds"].as_f64()
            && figure(site, "runs", "seal", ",outcome=\"whole\"") == running["whole"].as_f64()
            && figure(site, "runs", "seal", ",outcome=\"failed\"") == running["failed"].as_f64()
            && figure(site, "slow_runs", "seal", "") == running["slow"].as_f64())
        .then_some(())
    });
    assert_eq!(figure(&site, "limit_seconds", "seal", ",statistic=\"mean\""), Some(0.3));
    assert_eq!(figure(&site, "limit_seconds", "query", ",statistic=\"max\""), Some(0.3));
    let page = site.get("/services/seal?lang=en").body;
    assert!(page.contains("id=\"transaction\"") && page.contains("mean ≤ 300.000 ms (004 L276)"), "{page}");
    let explained =
        linkpatrol().arg("--config.file").arg(site.path("linkpatrol.yaml")).args(["explain", "seal"]).output().unwrap();
    assert!(
        words(&explained).contains("data + logout") && words(&explained).contains("004 L276"),
        "{}",
        words(&explained)
    );

    // The day is over: the same runs, found again at the next start, are those of yesterday.
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0);
    let file = rusqlite::Connection::open(site.path("state/journal.db")).unwrap();
    let kept: String = file.query_row("SELECT json FROM service WHERE id = 'seal'", [], |row| row.get(0)).unwrap();
    let mut kept: Value = serde_json::from_str(&kept).unwrap();
    let days = kept["transactions"]["days"].as_object_mut().unwrap();
    let (day, runs) = days.iter().next_back().map(|(day, runs)| (day.clone(), runs.clone())).unwrap();
    let before = day.parse::<chrono::NaiveDate>().unwrap().pred_opt().unwrap().to_string();
    *days = [(before.clone(), runs)].into_iter().collect();
    file.execute("UPDATE service SET json = ?1 WHERE id = 'seal'", [kept.to_string()]).unwrap();
    drop(file);
    site.start(&[]);
    let over = transaction(&site, "seal");
    assert_eq!([&over["last"]["period"], &over["last"]["verdict"]], [before.as_str(), "breached"], "{over}");
    assert_eq!([&over["last"]["whole"], &over["last"]["mean_seconds"]], [&running["whole"], &running["mean_seconds"]]);
    assert_eq!(over["running"]["period"], day.as_str(), "{over}");

    // The journal has the verdict, and not again after another start.
    let told = |site: &Site| journal_of(site, "seal", "objective");
    let verdicts = site.wait("the journal has the verdict", |site| Some(told(site)).filter(|told| !told.is_empty()));
    let [verdict] = &verdicts[..] else { panic!("{verdicts:?}") };
    let wanted = json!(["response_time", before, "breached", "004 L276", 0.3]);
    assert_eq!(json!(["objective", "period", "verdict", "clause", "limit_seconds"].map(|key| &verdict[key])), wanted);
    assert_eq!([&verdict["whole"], &verdict["mean_seconds"]], [&running["whole"], &running["mean_seconds"]]);
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0);
    site.start(&[]);

    // The application works again, and the incident goes on until ten runs of today have kept the limit.
    mode(&app, "");
    let incident = |site: &Site| {
        let listed = site.get("/api/v1/incidents").json()["incidents"].as_array().unwrap().clone();
        listed.into_iter().find(|one| one["service"]["id"] == "seal")
    };
    let slow = site.wait("the slow day is an incident", |site| {
        incident(site).filter(|one| one["service"]["reason"] == "transaction_slow")
    });
    assert_eq!(slow["phase"], "open", "{slow}");
    let said = slow["service"]["text"].as_str().unwrap();
    assert!(said.starts_with(&format!("{before}: mean ")) && said.ends_with("limit 300.000ms (004 L276)"), "{said}");
    let runs = |site: &Site| transaction(site, "seal")["running"]["whole"].as_u64();
    site.wait("it is kept again", |site| incident(site).filter(|one| one["phase"] != "open"));
    assert!(runs(&site) >= Some(10), "{:?}", runs(&site));
    assert_eq!(told(&site), verdicts);
}

/// What the journal says of `subject` under `event`.
fn journal_of(site: &Site, subject: &str, event: &str) -> Vec<Value> {
    let shown = linkpatrol()
        .arg("--config.file")
        .arg(site.path("linkpatrol.yaml"))
        .args(["journal", "show", "--output", "json"])
        .output()
        .unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let entries = shown["entries"].as_array().unwrap().iter().map(|entry| &entry["payload"]);
    let wanted = entries.filter(|entry| entry["subject"] == subject && entry["event"] == event);
    wanted.map(|entry| entry["detail"].clone()).collect()
}

/// Echo requests that arrived as the profile `large` sends them.
fn counted(site: &Site) -> u64 {
    let listed = words(&site.namespace.run(&["nft", "list chain inet cut input"]));
    let rest = listed.split("packets ").nth(1).unwrap_or_else(|| panic!("{listed}"));
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn once_measures_with_the_profile_that_is_named() {
    let Some(site) = Site::make(1) else { return };
    fs::create_dir(site.path("probes")).unwrap();
    for shipped in fs::read_dir(root().join("probes")).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&shipped, site.path("probes").join(shipped.file_name().unwrap())).unwrap();
    }
    site.write("probes/large.yaml", "kind: icmp\nserves: []\nsize: 600\nhop_limit: 9\ndscp: 46\ntimeout: 400ms\n");
    site.write("linkpatrol.yaml", "data_dir: state\ninventory: site\nprobes: probes\nlanguage: en\n");
    // On its way the request alone has so few hops left; 628 bytes with the headers of IP and ICMP.
    site.namespace
        .run(&["nft", "add rule inet cut input icmp type echo-request ip dscp ef ip ttl 9 ip length 628 counter"]);
    let once = |more: &[&str]| {
        let program = linkpatrol();
        let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
        command.arg("--config.file").arg(site.path("linkpatrol.yaml")).arg("once").args(more).output().unwrap()
    };
    for (arguments, code, packets) in [
        (&["LL-0001", "--count", "3", "--profile", "large"][..], 0, 3),
        (&["127.10.0.1", "--count", "2", "--profile", "large"][..], 0, 5),
        (&["LL-0001", "--count", "2"][..], 0, 5),
    ] {
        let output = once(arguments);
        assert_eq!((output.status.code(), counted(&site)), (Some(code), packets), "{arguments:?}: {}", words(&output));
    }
    let output = once(&["LL-0001", "--profile", "larg"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        words(&output).contains("no file defines the profile `larg`")
            && words(&output).contains("did you mean `large`")
    );
    let output = once(&["tcp://127.10.0.1:9", "--profile", "large"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("`--profile` is for links and addresses"), "{}", words(&output));
    assert_eq!(counted(&site), 5);
}

/// Counts of a group, of now.
fn count(group: &str, [online, total, absent]: [u32; 3]) -> Value {
    let now = linkpatrol::clock::Clock::now(&linkpatrol::clock::SystemClock::start()).utc;
    json!({"kind": "online", "group": group, "at": now.rfc3339(chrono_tz::Asia::Shanghai), "online": online, "total": total, "absent": absent})
}

fn observed(site: &Site, observations: &[Value]) -> Value {
    let body = json!({"actor": "示例设备平台", "source": "platform", "observations": observations});
    let answer = site.post("/api/v1/observations", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn put(site: &Site, group: &Value) {
    site.write("new", &json!({ "groups": [group] }).to_string());
    fs::rename(site.path("new"), site.path("devices.json")).unwrap();
}

#[test]
fn the_daily_mean_of_devices_online_is_judged_when_the_day_is_over() {
    let Some(mut site) = Site::make(1) else { return };
    fs::copy(root().join("inventories/xuchang/requirements.csv"), site.path("site/requirements.csv")).unwrap();
    let ledger = format!(
        "编号,名称,设备数,需求编号,责任单位,数据来源,查看间隔,静默时限,备注\n\
         P-1,示例摄像机组,100,72,U1,posted,1s,1h,\nF-1,示例终端组,50,72,,file://{},1s,4s,\n",
        site.path("devices.json").display()
    );
    site.write("site/online.csv", &ledger);
    site.start(&[]);
    let group = |site: &Site, id: &str| site.get(&format!("/api/v1/services/{id}")).json();
    let in_state = |site: &Site, id: &str, state: &str| {
        site.wait(&format!("{id} is {state}"), |site| Some(group(site, id)).filter(|one| one["state"] == state))
    };

    // Nobody has told anything.
    let unknown = in_state(&site, "F-1", "unknown");
    assert_eq!([&unknown["online"]["devices"], &unknown["online"]["told"]], [&json!(50), &Value::Null], "{unknown}");
    assert_eq!([&unknown["online"]["limit_ratio"], &unknown["online"]["limit_is_strict"]], [&json!(0.9), &json!(true)]);
    assert_eq!(unknown["online"]["clause"], "001 L3885");

    // By both ways; those in repair are left out.
    assert_eq!(observed(&site, &[count("P-1", [95, 100, 2])])["taken"], 1);
    put(&site, &count("F-1", [20, 50, 0]));
    let posted = in_state(&site, "P-1", "up");
    assert_eq!([&posted["online"]["told"]["online"], &posted["online"]["told"]["absent"]], [&json!(95), &json!(2)]);
    in_state(&site, "F-1", "up");
    let rate = |site: &Site, id: &str, day: &str| {
        site.metric(&format!("linkpatrol_online_rate_ratio{{service=\"{id}\",day=\"{day}\"}}"))
    };
    let near = |found: Option<f64>, wanted: f64| found.is_some_and(|found| (found - wanted).abs() < 2e-9);
    site.wait("the mean is known", |site| near(rate(site, "P-1", "today"), 95.0 / 98.0).then_some(()));
    assert!(near(rate(&site, "F-1", "today"), 0.4), "{:?}", rate(&site, "F-1", "today"));
    for (kind, wanted) in [("online", 95.0), ("absent", 2.0), ("missing", 3.0), ("total", 100.0)] {
        let series = format!("linkpatrol_online_devices{{service=\"P-1\",kind=\"{kind}\"}}");
        assert_eq!(site.metric(&series), Some(wanted), "{kind}");
    }
    assert_eq!(group(&site, "P-1")["online"]["today"]["verdict"], "pending");

    // What is no count is refused, each by itself; what is not newer changes nothing.
    let mut early = count("P-1", [1, 1, 0]);
    early["at"] = json!("2099-01-01T00:00:00+08:00");
    let mut late = count("P-1", [0, 100, 0]);
    late["at"] = json!("2026-01-01T00:00:00+08:00");
    let refused =
        observed(&site, &[count("X-9", [1, 1, 0]), count("F-1", [1, 1, 0]), early, count("P-1", [99, 100, 2]), late]);
    let codes: Vec<_> = refused["refused"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, ["no_such_group", "no_such_group", "wrong_span", "wrong_counts"], "{refused}");
    assert_eq!(refused["repeated"], 1, "{refused}");

    // Nothing new of the file for its time: unknown, with no incident, however few were online.
    let silent = in_state(&site, "F-1", "unknown");
    assert!(silent["text"].as_str().unwrap().starts_with("nothing new is told since "), "{silent}");
    assert_eq!(site.metric("linkpatrol_online_devices{service=\"F-1\",kind=\"online\"}"), None);
    assert_eq!(site.incidents(), [Value::Null; 0]);
    put(&site, &count("F-1", [60, 50, 0]));
    site.wait("what cannot be is named", |site| {
        group(site, "F-1")["text"].as_str().filter(|text| text.contains("more are online or absent")).map(drop)
    });
    let page = site.get("/services/P-1?lang=en").body;
    assert!(page.contains("id=\"online\"") && page.contains("001 L3885"), "{page}");

    // Yesterday was told of as a whole: above 90 %, and at it.
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0);
    let file = rusqlite::Connection::open(site.path("state/journal.db")).unwrap();
    let today = group_day(&file, "P-1");
    let before = today.parse::<chrono::NaiveDate>().unwrap().pred_opt().unwrap().to_string();
    let day: u64 = 86_400_000;
    for (id, online) in [("P-1", 91), ("F-1", 90)] {
        let mut kept = kept(&file, id);
        kept["online"]["days"][&before] = json!({"known": day, "online": online * day, "expected": 100 * day});
        file.execute("UPDATE service SET json = ?1 WHERE id = ?2", [kept.to_string(), id.to_owned()]).unwrap();
    }
    drop(file);
    site.start(&[]);
    for (id, mean, verdict) in [("P-1", 0.91, "met"), ("F-1", 0.9, "breached")] {
        let yesterday = site.wait("yesterday is known", |site| {
            Some(group(site, id)["online"]["yesterday"].clone()).filter(|one| one["rate_ratio"].is_number())
        });
        assert_eq!([&yesterday["verdict"], &yesterday["day"]], [verdict, before.as_str()], "{yesterday}");
        assert!(near(yesterday["rate_ratio"].as_f64(), mean) && yesterday["known_ratio"] == 1.0, "{yesterday}");
        assert!(near(rate(&site, id, "yesterday"), mean));
    }
    // The journal has both verdicts, with the sums that they come from.
    let told = |site: &Site, id: &str| journal_of(site, id, "objective").pop();
    for (id, verdict, online) in [("P-1", "met", 91), ("F-1", "breached", 90)] {
        let said = site.wait("the journal has the verdict", |site| told(site, id));
        let wanted = json!([before, verdict, "001 L3885", online * day, 100 * day, day]);
        let keys = [
            "period",
            "verdict",
            "clause",
            "online_device_milliseconds",
            "expected_device_milliseconds",
            "known_milliseconds",
        ];
        assert_eq!(json!(keys.map(|key| &said[key])), wanted, "{said}");
    }
    // A breached day is an incident, whatever comes today.
    put(&site, &count("F-1", [50, 50, 0]));
    let incident = site.wait("the day is an incident", |site| {
        let listed = site.get("/api/v1/incidents").json()["incidents"].as_array().unwrap().clone();
        listed.into_iter().find(|one| one["service"]["id"] == "F-1")
    });
    assert_eq!([&incident["service"]["reason"], &incident["phase"]], ["online_rate_low", "open"], "{incident}");
    // What was posted before the restart stands.
    site.wait("it is told of again", |site| (group(site, "P-1")["online"]["told"]["online"] == 95).then_some(()));
    in_state(&site, "P-1", "up");
}

fn kept(file: &rusqlite::Connection, id: &str) -> Value {
    let json: String = file.query_row("SELECT json FROM service WHERE id = ?1", [id], |row| row.get(0)).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// The last day in the books of a group.
fn group_day(file: &rusqlite::Connection, id: &str) -> String {
    kept(file, id)["online"]["days"].as_object().unwrap().keys().next_back().unwrap().clone()
}
