//! A real server on loopback, a real client, a loop that answers as told.

mod doors;
mod hostile;
mod pages;
mod phone;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use axum::{body::Bytes, http::StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::Duration,
};

use super::*;
use crate::{
    clock::ManualClock,
    command::{Action, Refusal, Step},
    config::Web,
    export::fixture,
    incident::fixture::AT,
    inventory::Role,
    judge::Tally,
    ledger::{
        PointDay,
        rollup::{Evidence, HEADER, Record, Rollup},
    },
    units::{Counts, Mono, Now, Timestamp},
};

/// A server over the fixture world. It stops when this value goes.
struct Server {
    address: SocketAddr,
    clock: Arc<ManualClock>,
    feed: Feed,
    commands: Commands,
    asked: mpsc::Receiver<Asked>,
    client: Client<HttpConnector, Full<Bytes>>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    async fn start(links: usize) -> Self {
        Self::start_for(links, None, false).await
    }

    /// With these users in force.
    async fn start_for(links: usize, web: Option<Web>, anonymous_read: bool) -> Self {
        Self::start_with(links, web, anonymous_read, None).await
    }

    /// With signed links, too.
    async fn start_with(links: usize, web: Option<Web>, anonymous_read: bool, passes: Option<Passes>) -> Self {
        let doors = (Guarded::new(web.map(Arc::new)).unwrap(), anonymous_read);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Arc::new(ManualClock::default());
        clock.set(AT);
        let feed = Feed::new(fixture::snapshot(links));
        let (commands, asked) = Commands::channel();
        let api =
            Api::new(feed.clone(), commands.clone(), clock.clone(), Registry::new(), Language::ZhCn, doors).unwrap();
        let mut api = api.with_archive(Arc::new(archive));
        if let Some(passes) = passes {
            api = api.with_passes(passes);
        }
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(serve(vec![listener], Arc::new(api), async { _ = stopped.await }));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, clock, feed, commands, asked, client, _stop: stop }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = Request::get(format!("http://{}{path}", self.address)).body(Full::default()).unwrap();
        self.send(request).await
    }

    async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn post(&self, path: &str, body: Value, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut request =
            Request::post(format!("http://{}{path}", self.address)).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (status, body) = self.send(request.body(Full::from(body.to_string())).unwrap()).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> (StatusCode, String) {
        let response = self.client.request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// One slice of the last day that is asked for.
fn archive(link: &str, [_, last]: [&str; 2]) -> Result<Vec<PointDay>, String> {
    if link != "LL-0002" {
        return Ok(vec![]);
    }
    let mut cells = HEADER.to_vec();
    let up = Counts { answered: 298, lost: 2, unmeasured: 0 };
    let mut evidence = Evidence { tally: Tally { up, ..Tally::default() }, covered: 300_000, ..Evidence::default() };
    evidence.rtts.add(4_000_000, 298);
    Record::Evidence(evidence).put(0, &mut cells);
    Record::Time([300_000, 0, 0, 0]).put(0, &mut cells);
    Record::Profile(7).put(0, &mut cells);
    let cells = Rollup::read(&cells).map_err(|error| error.to_string())?;
    Ok(vec![PointDay { role: Role::Far, vantage: "local".into(), date: last.into(), cells }])
}

#[tokio::test]
async fn the_past_of_a_link_comes_in_steps() {
    let server = Server::start(3).await;
    let past = server.json("/api/v1/links/LL-0002/history?step=1h").await;
    let row = &past["rows"][0];
    assert_eq!(row["probes"]["up"], json!({"answered": 298, "lost": 2, "unmeasured": 0}));
    assert_eq!((&row["millis"]["up"], &row["profile"]), (&json!(300_000), &json!("0000000000000007")));
    assert_eq!(server.json("/api/v1/links/LL-0001/history").await["rows"], json!([]));
    for (path, code) in [
        ("LL-9999/history", "no_such_link"),
        ("LL-0002/history?step=2h", "bad_query"),
        ("LL-0002/history?from=yesterday", "bad_query"),
        ("LL-0002/history?from=2020-01-01T00:00:00Z", "bad_query"),
    ] {
        let (_, body) = server.get(&format!("/api/v1/links/{path}")).await;
        assert!(body.contains(code), "{path}: {body}");
    }
}

#[test]
fn openapi_lists_exactly_the_routes() {
    let document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        documented.extend(methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    // Everything else is a page for people.
    let api = |path: &str| ["/api/", "/-/", "/metrics", "/probe", "/sd"].iter().any(|begin| path.starts_with(begin));
    let routed = routes().into_iter().filter(|(_, path, _)| api(path));
    let routed: BTreeSet<_> = routed.map(|(method, path, _)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(documented, routed);
}

#[tokio::test]
async fn the_wall_shows_every_link_once_and_visitors_no_unit() {
    let server = Server::start(9).await;
    let (status, page) = server.get("/wall?lang=en").await;
    assert_eq!((status, page.matches("<i id=\"c").count()), (StatusCode::OK, 9));
    let unit = server.feed.load().inventory.units[0].name.clone();
    assert!(page.contains(&unit));
    assert!(!page.contains("<script>") && !page.contains("style="), "the policy allows neither");
    let (_, page) = server.get("/wall?visitor=1").await;
    assert!(!page.contains(&unit) && page.matches("<i id=\"c").count() == 9);
    for file in ["/wall.js", "/wall.css"] {
        assert_eq!(server.get(file).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn events_begin_with_everything_and_counters_sum_to_the_total() {
    let server = Server::start(9).await;
    for (query, shows) in [("lang=en", true), ("lang=en&visitor=1", false)] {
        let address = format!("http://{}/api/v1/events?{query}", server.address);
        let response = server.client.request(Request::get(address).body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let first = String::from_utf8(first.to_vec()).unwrap();
        let data = first.strip_prefix("retry: 2000\n\ndata: ").unwrap();
        let event: Value = serde_json::from_str(data).unwrap();
        let counts = event["counts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap());
        assert_eq!((counts.sum::<u64>(), &event["total"]), (9, &json!(9)));
        assert_eq!(event["cells"].as_str().unwrap().len(), 9);
        assert_eq!(event["incidents"][0]["id"], server.feed.load().incidents[0].id.as_str());
        let unit = &server.feed.load().inventory.units[0].name;
        assert_eq!(data.contains(unit.as_str()), shows, "{data}");
        let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(second.len() < 100, "a quiet second is short: {second:?}");
    }
}

#[tokio::test]
async fn answers_have_exactly_the_documented_keys() {
    let server = Server::start(3).await;
    let document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
    let keys = |value: &Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };
    let schema = |name: &str| keys(&document["components"]["schemas"][name]["properties"]);
    let links = server.json("/api/v1/links").await;
    assert_eq!(keys(&links), schema("Links"));
    let link = server.json("/api/v1/links/LL-0002").await;
    assert_eq!(keys(&link["points"][0]), schema("Point"));
    assert_eq!(keys(&link["points"][0]["windows"][0]), schema("Window"));
    assert_eq!(keys(&link["month"]), schema("Month"));
    // Counters of interfaces stand where somebody told of them.
    let told: BTreeSet<_> = schema("Objective").into_iter().filter(|key| key != "interfaces").collect();
    assert_eq!(keys(&link["objectives"][0]), told);
    let incidents = server.json("/api/v1/incidents").await;
    assert_eq!(keys(&incidents), schema("Incidents"));
    assert_eq!(keys(&incidents["incidents"][0]), schema("Incident"));
    let alarms = server.json("/api/v1/alarms?phase=firing&rule=loss").await;
    assert_eq!(keys(&alarms), schema("Alarms"));
    assert_eq!(keys(&alarms["alarms"][0]), schema("Alarm"));
    let past = server.json("/api/v1/links/LL-0002/history").await;
    assert_eq!(keys(&past), schema("History"));
    assert_eq!(keys(&past["rows"][0]), schema("HistoryRow"));
    assert_eq!(keys(&server.json("/api/v1/status").await), schema("Status"));
    let graph = server.json("/api/v1/topology").await;
    assert_eq!(keys(&graph), schema("Topology"));
    for list in ["nodes", "edges"] {
        let shape = &document["components"]["schemas"]["Topology"]["properties"][list]["items"]["properties"];
        assert_eq!(keys(&graph[list][0]), keys(shape), "{list}");
    }
    let mut row = keys(&links["links"][0]);
    row.insert("reason".into());
    assert_eq!(row, schema("Link"));
}

#[tokio::test]
async fn pages_of_links_hold_every_link_once() {
    let server = Server::start(250).await;
    let (mut seen, mut path) = (vec![], "/api/v1/links?limit=100".to_owned());
    loop {
        let page = server.json(&path).await;
        assert_eq!(page["total"], 250);
        seen.extend(page["links"].as_array().unwrap().iter().map(|link| link["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/links?limit=100&cursor={next}");
    }
    assert_eq!(seen.len(), 250);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 250);
    let (status, body) = server.get("/api/v1/links?cursor=LL-9999").await;
    assert_eq!(status, StatusCode::GONE, "{body}");
}

#[tokio::test]
async fn links_are_found_by_state_kind_and_part_of_a_name() {
    let server = Server::start(9).await;
    let ids = async |query: &str| -> Vec<String> {
        let page = server.json(&format!("/api/v1/links?{query}")).await;
        page["links"].as_array().unwrap().iter().map(|link| link["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("state=down").await, ["LL-0002"]);
    assert_eq!(ids("kind=internet&state=up").await, ["LL-0007"]);
    assert_eq!(ids("q=ll-0008").await, ["LL-0008"]);
    assert_eq!(ids("carrier=carrier-a").await.len(), 9);
    assert_eq!(ids("unit=U99").await.len(), 0);
    for wrong in ["state=broken", "kind=wifi", "colour=red", "limit=many"] {
        let (status, body) = server.get(&format!("/api/v1/links?{wrong}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["code"], "bad_query");
    }
}

#[tokio::test]
async fn a_link_and_an_incident_read_like_this() {
    let server = Server::start(3).await;
    insta::assert_snapshot!("link", format!("{:#}", server.json("/api/v1/links/LL-0002").await));
    insta::assert_snapshot!("incidents", format!("{:#}", server.json("/api/v1/incidents").await));
    insta::assert_snapshot!("status", format!("{:#}", server.json("/api/v1/status").await));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_with_a_code() {
    let server = Server::start(1).await;
    for (path, code) in
        [("/nothing", "not_found"), ("/api/v1/links/x", "no_such_link"), ("/api/v1/incidents/x", "no_such_incident")]
    {
        let (status, body) = server.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["code"], code);
    }
    assert_eq!(server.get("/-/reload").await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn commands_reach_the_loop_and_its_answer_the_caller() {
    let mut server = Server::start(3).await;
    let path = "/api/v1/incidents/01KDVDNK00000000000000TEST/acknowledge";
    let mut asked = std::mem::replace(&mut server.asked, mpsc::channel(1).1);
    let answering = tokio::spawn(async move {
        let mut commands = vec![];
        for reply in [
            Reply::Done { at: Timestamp(0) },
            Reply::Refused(Refusal::AlreadyAcknowledged { by: "王工".into() }),
            Reply::Refused(Refusal::Findings { findings: vec!["links.csv:3:1: error LP1203".into()] }),
        ] {
            let Asked { command, reply: answer } = asked.recv().await.unwrap();
            commands.push(command);
            _ = answer.send(reply);
        }
        commands
    });
    let body = json!({"actor": " 李工 ", "note": "已联系运营商"});
    let (status, answer) = server.post(path, body.clone(), &[("idempotency-key", "k1")]).await;
    assert_eq!((status, &answer["at"]), (StatusCode::OK, &json!("1970-01-01T08:00:00.000+08:00")));
    let (status, answer) = server.post(path, body, &[]).await;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("already_acknowledged")));
    let (status, answer) = server.post("/-/reload", json!(null), &[]).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("findings")));
    let commands = answering.await.unwrap();
    assert_eq!((commands[0].actor.as_str(), commands[0].key.as_str()), ("李工", "k1"));
    assert_ne!(commands[1].key, commands[2].key);
    assert_eq!(commands[2].action, Action::Reload);
}

#[tokio::test]
async fn a_command_must_be_signed_and_come_from_here() {
    let server = Server::start(3).await;
    let path = "/api/v1/incidents/x/close";
    let signed = json!({"actor": "李工"});
    for (body, headers, status, code) in [
        (json!({"note": "?"}), vec![], 400, "bad_body"),
        (json!({"actor": "  "}), vec![], 400, "no_actor"),
        (json!({"actor": "x".repeat(65)}), vec![], 400, "no_actor"),
        (json!({"actor": "李工", "note": "x".repeat(1001)}), vec![], 400, "bad_body"),
        (json!({"actor": "李工", "note": "x".repeat(100_000)}), vec![], 400, "bad_body"),
        (signed.clone(), vec![("origin", "http://evil.example")], 403, "foreign_origin"),
        (signed, vec![("host", "evil.example")], 403, "bad_host"),
    ] {
        let (got, answer) = server.post(path, body, &headers).await;
        assert_eq!((got.as_u16(), &answer["code"]), (status, &json!(code)));
    }
}

/// Times are read as they are written everywhere in this API; what an action does not have is refused.
#[tokio::test]
async fn every_action_has_its_own_fields() {
    let mut server = Server::start(1).await;
    let mut asked = std::mem::replace(&mut server.asked, mpsc::channel(1).1);
    let answering = tokio::spawn(async move {
        let Asked { command, reply } = asked.recv().await.unwrap();
        _ = reply.send(Reply::Refused(Refusal::Unconfirmed { missing: vec!["users_working".into()] }));
        command
    });
    let on_site = json!({"actor": "李工", "way": "phone", "step": "on_site", "at": "2026-11-20T03:00:00+08:00"});
    let (status, answer) = server.post("/api/v1/incidents/x/record", on_site, &[]).await;
    assert_eq!((status, &answer["detail"]), (StatusCode::CONFLICT, &json!("missing are users_working")));
    let command = answering.await.unwrap();
    assert_eq!(command.way, "phone");
    let Action::Record { incident, step: Step::OnSite, at, eta: None, .. } = command.action else {
        panic!("{command:?}")
    };
    assert_eq!((incident.as_str(), at), ("x", Some(Timestamp(1_795_114_800_000))));
    for (path, body, detail) in [
        ("record", json!({"actor": "a"}), "missing field `step`"),
        ("record", json!({"actor": "a", "step": "sleeping"}), "unknown variant `sleeping`"),
        ("record", json!({"actor": "a", "step": "remote", "at": "now"}), "at is a time such as"),
        ("close", json!({"actor": "a", "step": "remote"}), "unknown field `step`"),
        ("close", json!({"actor": 7}), "actor is not a string"),
        ("annul", json!({"actor": "a", "second": "b"}), "missing field `reason`"),
    ] {
        let (status, answer) = server.post(&format!("/api/v1/incidents/x/{path}"), body, &[]).await;
        assert_eq!((status.as_u16(), &answer["code"]), (400, &json!("bad_body")));
        assert!(answer["detail"].as_str().unwrap().contains(detail), "{answer}");
    }
    let (status, _) = server.post("/api/v1/incidents/x/reload", json!({"actor": "a"}), &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn commands_beyond_the_bound_are_refused_at_once() {
    let server = Server::start(1).await;
    for _ in 0..COMMANDS {
        // Nobody reads: the queue fills.
        let command = Command { actor: "x".into(), key: "k".into(), way: String::new(), action: Action::Reload };
        server.commands.0.try_send(Asked { command, reply: oneshot::channel().0 }).unwrap();
    }
    let (status, answer) = server.post("/-/reload", json!(null), &[]).await;
    assert_eq!((status, &answer["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("queue_full")));
}

#[tokio::test]
async fn a_standing_loop_or_scheduler_is_unhealthy_and_every_reason_is_said() {
    let server = Server::start(1).await;
    assert_eq!(server.get("/-/healthy").await, (StatusCode::OK, "healthy\n".into()));
    assert_eq!(server.get("/-/ready").await, (StatusCode::OK, "ready\n".into()));
    let mut snapshot = fixture::snapshot(1);
    snapshot.ready.reasons = vec!["store_unusable"];
    snapshot.engine.last_tick = Some(Mono(AT.mono.0 - 5_001));
    server.feed.publish(snapshot);
    let (status, body) = server.get("/-/ready").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\nscheduler_stalled\nstore_unusable\n")
    );
    server.feed.publish(fixture::snapshot(1));
    // An hour's step of the wall clock is no stall.
    server.clock.set(Now { mono: AT.mono, utc: Timestamp(AT.utc.0 + 3_600_000) });
    assert_eq!(server.get("/-/healthy").await.0, StatusCode::OK);
    server.clock.set(Now { mono: Mono(AT.mono.0 + 5_001), utc: AT.utc });
    let (status, body) = server.get("/-/healthy").await;
    assert_eq!((status, body.contains("loop_stalled")), (StatusCode::SERVICE_UNAVAILABLE, true));
}

#[tokio::test]
async fn no_family_is_in_both_halves_of_a_scrape() {
    let server = Server::start(2).await;
    server.get("/api/v1/links").await;
    let (_, text) = server.get("/metrics").await;
    let families: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let distinct: BTreeSet<_> = families.iter().map(|line| line.split(' ').next()).collect();
    assert_eq!(families.len(), distinct.len());
    assert!(text.contains("linkpatrol_http_request_duration_seconds_count{code=\"200\",route=\"/api/v1/links\"} 1\n"));
}

/// Whoever opens connections and sends nothing makes room for who asks.
#[tokio::test]
async fn who_has_sat_longest_without_asking_makes_room() {
    let server = Server::start(1).await;
    let mut open = vec![];
    for _ in 0..server::CONNECTIONS {
        open.push(TcpStream::connect(server.address).await.unwrap());
    }
    for _ in 0..3 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.contains("linkpatrol_http_connections_refused_total 0\n"), "{text}");
    }
    assert_eq!(open[0].read(&mut [0]).await.unwrap_or(0), 0, "the first to come was the first to go");
    let mut last = open.pop().unwrap();
    last.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    last.read_to_string(&mut text).await.unwrap();
    let sent_away = text.lines().find_map(|line| line.strip_prefix("linkpatrol_http_connections_sent_away_total "));
    assert!(sent_away.is_some_and(|count| (1..=3).contains(&count.parse().unwrap())), "{text}");
}

#[tokio::test]
async fn a_stopping_server_finishes_the_request_in_flight() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (commands, mut asked) = Commands::channel();
    let doors = (Guarded::new(None).unwrap(), false);
    let api = Api::new(
        Feed::new(fixture::snapshot(1)),
        commands,
        Arc::new(ManualClock::default()),
        Registry::new(),
        Language::ZhCn,
        doors,
    );
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(vec![listener], Arc::new(api.unwrap()), async { _ = stopped.await }));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST /-/reload HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let Asked { reply, .. } = asked.recv().await.unwrap();
    stop.send(()).unwrap();
    _ = reply.send(Reply::Done { at: Timestamp(0) });
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    tokio::time::timeout(Duration::from_secs(2), serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_start_page_counts_every_link_once_and_shows_trouble_first() {
    let server = Server::start(120).await;
    let (status, page) = server.get("/").await;
    assert_eq!(status, StatusCode::OK);
    let counts: Vec<usize> =
        page.split("<b>").skip(1).map(|rest| rest.split('<').next().unwrap().parse().unwrap()).collect();
    let (total, states) = counts.split_last().unwrap();
    assert_eq!((states.iter().sum::<usize>(), *total), (120, 120));
    let first = page.split("href=\"/links/").nth(1).unwrap();
    assert!(first.starts_with("LL-0002"), "the one that is down");
    for words in ["lang=\"zh-CN\"", "推断", "共路由 示例管道", "剩 0:29:30", "剩 3:59:30", "1 / 3"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("【模拟】") && !page.contains("banner alarm"));
    assert!(page.contains("示例单位一") && !page.contains("<script>"));
}

#[tokio::test]
async fn pages_speak_the_language_that_was_asked_for() {
    let server = Server::start(3).await;
    assert!(server.get("/?lang=en").await.1.contains("lang=\"en\""));
    let request = Request::get(format!("http://{}/", server.address)).header("accept-language", "fr, en-GB;q=0.8");
    assert!(server.send(request.body(Full::default()).unwrap()).await.1.contains("lang=\"en\""));
    let (_, page) = server.get("/links/LL-0002?lang=en").await;
    assert!(page.contains("measuring point far"), "{page}");
    assert_eq!(server.get("/links/LL-9999").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_search_is_escaped_and_paged() {
    let server = Server::start(120).await;
    let (_, page) = server.get("/?q=%22%3E%3Cscript%3E").await;
    assert!(!page.contains("<script>"));
    let (_, page) = server.get("/?state=up&page=3").await;
    assert!(page.contains("3 / 3") && page.contains("LL-0119") && !page.contains("LL-0002"));
    assert_eq!(server.get("/?page=many&colour=red").await.0, StatusCode::OK);
}

#[tokio::test]
async fn old_figures_and_a_simulated_city_are_said_loudly() {
    let server = Server::start(3).await;
    let mut snapshot = fixture::snapshot(3);
    snapshot.simulated = true;
    server.feed.publish(snapshot);
    server.clock.set(Now { mono: Mono(AT.mono.0 + 12_000), utc: AT.utc });
    let (_, page) = server.get("/").await;
    assert!(page.contains("【模拟】") && page.contains("数据已停滞 12 秒"), "{page}");
}
