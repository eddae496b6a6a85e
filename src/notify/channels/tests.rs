//! Channels against real receivers on loopback: a webhook that misbehaves as told, and Debian's Alertmanager.

mod day;
mod people;

use std::{
    collections::VecDeque,
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use hyper::{StatusCode, Uri};
use serde_json::Value;
use tokio::{net::TcpListener, time::sleep};

use super::{client::Answer, *};
use crate::{
    clock::{ManualClock, SystemClock},
    incident::{IncidentKind, IncidentPhase, TimelineEntry, fixture},
    inventory,
    judge::rule::{self, Alarm},
    notify::{
        NoticeKind,
        doors::fixture::opened,
        letter::{self, Facts, rendered},
        route,
    },
    units::{At, Now},
};

/// A receiver that answers with the next of these statuses, then 200, and keeps what it was sent.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<u16>>>,
    taken: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    async fn start(answers: &[u16]) -> (Self, SocketAddr) {
        let receiver = Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let take = async |State(receiver): State<Self>, headers: HeaderMap, Json(body): Json<Value>| {
            let key = headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
            receiver.taken.lock().unwrap().push((key.unwrap_or_default(), body));
            let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
            StatusCode::from_u16(status).unwrap()
        };
        let router = Router::new().route("/{*path}", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, address)
    }

    fn taken(&self) -> Vec<(String, Value)> {
        self.taken.lock().unwrap().clone()
    }
}

const DOORS: [&str; 6] =
    ["channel/desk", "channel/am", "channel/mail", "channel/sms", "channel/group", "channel/voice"];

fn world(incidents: &[Incident]) -> World {
    World {
        incidents: incidents.iter().cloned().map(Arc::new).collect(),
        alarms: Arc::from([]),
        inventory: Arc::new(inventory::fixture::inventory(3)),
        zone: chrono_tz::Asia::Shanghai,
        simulated: false,
        doors: Arc::new(opened(&DOORS)),
    }
}

/// Channels under test, and the loop's side of them.
struct Loop {
    outbox: Outbox,
    outcomes: mpsc::Receiver<Outcome>,
    channels: Vec<Channel>,
    registry: Registry,
    language: Language,
}

impl Loop {
    fn start(setup: &Setup, first: World, clock: Arc<dyn Clock>) -> Self {
        let (report, outcomes) = mpsc::channel(64);
        let registry = Registry::new();
        let outbox = start(setup, first, clock, &registry, report).unwrap();
        Self { outbox, outcomes, channels: setup.channels(), registry, language: setup.language }
    }

    fn tell(&self, incident: &Incident, kind: NoticeKind) {
        self.outbox.publish(world(std::slice::from_ref(incident)), incident.opened);
        let world = world(&[]);
        let (contacts, roster, letters) = Default::default();
        let facts =
            Facts { language: self.language, ..letter::fixture::facts(&world.inventory, &contacts, &roster, &letters) };
        for notice in route(incident, kind, &self.channels, |_| false, incident.opened) {
            self.outbox.give(rendered(notice, &self.channels, facts)).unwrap();
        }
    }

    /// How the next notice ended.
    async fn outcome(&mut self) -> Delivery {
        self.end().await.result
    }

    /// The same, with attempts and words.
    async fn end(&mut self) -> Outcome {
        loop {
            let outcome = tokio::time::timeout(Duration::from_secs(50), self.outcomes.recv()).await;
            let outcome = outcome.expect("an outcome in time").unwrap();
            if outcome.result != Delivery::Failed {
                return outcome;
            }
        }
    }
}

fn at_rest() -> Arc<dyn Clock> {
    let clock = ManualClock::default();
    clock.set(fixture::AT);
    Arc::new(clock)
}

fn webhook(address: SocketAddr) -> Setup {
    let url = format!("http://{address}/desk");
    Setup {
        webhooks: vec![config::Webhook { name: "desk".into(), url, secret: config::Secret::default() }],
        ..Setup::default()
    }
}

fn alertmanager(url: String) -> Setup {
    let (resend, lifetime) = (Duration::from_secs(60), Duration::from_secs(86_400));
    let alertmanagers = vec![Alertmanager { name: "am".into(), url, resend, lifetime }];
    Setup { alertmanagers, own_url: "http://127.0.0.1:9815".into(), ..Setup::default() }
}

/// The incident one step later.
fn later(incident: &Incident, change: impl FnOnce(&mut Incident)) -> Incident {
    let mut next = incident.clone();
    let entry = TimelineEntry { at: next.opened, event: "grouped".into(), ..TimelineEntry::default() };
    next.timeline.push(entry);
    change(&mut next);
    next
}

fn restored(incident: &Incident) -> Incident {
    later(incident, |next| {
        next.phase = IncidentPhase::Restored;
        next.restored = Some(next.began.plus(Duration::from_secs(20)));
    })
}

#[tokio::test]
async fn a_webhook_is_tried_again_under_the_same_key_until_it_takes_the_notice() {
    let (receiver, address) = Receiver::start(&[503]).await;
    let mut patrol = Loop::start(&webhook(address), world(&[]), at_rest());
    let incident = fixture::incident();
    patrol.tell(&incident, NoticeKind::Opened);
    patrol.tell(&restored(&incident), NoticeKind::Restored);
    assert_eq!((patrol.outcome().await, patrol.outcome().await), (Delivery::Delivered, Delivery::Delivered));
    let taken = receiver.taken();
    let keys: Vec<_> = taken.iter().map(|(key, _)| key.split('/').nth(2).unwrap()).collect();
    assert_eq!(keys, ["opened", "opened", "restored"], "in order");
    assert_eq!(taken[0], taken[1]);
    insta::assert_snapshot!("webhook", format!("{:#}", taken[0].1));
    let metrics = prometheus::TextEncoder::new().encode_to_string(&patrol.registry.gather()).unwrap();
    for (kind, outcome, count) in [("opened", "delivered", 1), ("opened", "failed", 1), ("restored", "delivered", 1)] {
        let sample =
            format!("linkpatrol_notices_total{{channel=\"desk\",kind=\"{kind}\",outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&sample), "{sample}{metrics}");
    }
}

#[tokio::test]
async fn a_webhook_that_says_no_is_not_asked_again() {
    let (receiver, address) = Receiver::start(&[400]).await;
    let mut patrol = Loop::start(&webhook(address), world(&[]), at_rest());
    patrol.tell(&fixture::incident(), NoticeKind::Opened);
    assert_eq!(patrol.outcome().await, Delivery::Refused);
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test]
async fn a_notice_that_nobody_takes_for_a_day_and_a_half_expires() {
    let (_, address) = Receiver::start(&[500]).await;
    let clock = ManualClock::default();
    clock.set(Now { utc: fixture::AT.utc.plus(Duration::from_secs(37 * 3_600)), ..fixture::AT });
    let mut patrol = Loop::start(&webhook(address), world(&[]), Arc::new(clock));
    patrol.tell(&fixture::incident(), NoticeKind::Opened);
    assert_eq!(patrol.outcome().await, Delivery::Expired);
}

#[tokio::test]
async fn a_full_queue_gives_notices_back() {
    let (_, address) = Receiver::start(&[]).await;
    let patrol = Loop::start(&webhook(address), world(&[]), at_rest());
    let notice =
        route(&fixture::incident(), NoticeKind::Opened, &patrol.channels, |_| false, fixture::AT.utc).remove(0);
    // The worker has no turn until this test waits.
    let given = (0..QUEUE + 5).filter(|_| patrol.outbox.give(notice.clone()).is_ok()).count();
    assert_eq!(given, QUEUE);
}

#[tokio::test]
async fn a_higher_tier_resolves_the_old_alert_in_the_request_that_fires_the_new_one() {
    let (receiver, address) = Receiver::start(&[]).await;
    let mut patrol = Loop::start(&alertmanager(format!("http://{address}")), world(&[]), at_rest());
    let incident = fixture::incident();
    patrol.tell(&incident, NoticeKind::Opened);
    assert_eq!(patrol.outcome().await, Delivery::Delivered);
    let raised = later(&incident, |next| {
        next.tier = 1;
        next.scope = crate::incident::Scope { kind: "network".into(), id: String::new() };
    });
    patrol.tell(&raised, NoticeKind::Changed);
    assert_eq!(patrol.outcome().await, Delivery::Delivered);
    patrol.tell(&restored(&raised), NoticeKind::Restored);
    assert_eq!(patrol.outcome().await, Delivery::Delivered);
    let requests: Vec<Value> = receiver.taken().into_iter().map(|(_, body)| body).collect();
    insta::assert_snapshot!("alerts", format!("{:#}", Value::Array(requests)));
}

#[tokio::test]
async fn an_alertmanager_that_is_away_hears_the_end_when_it_is_back() {
    let (receiver, address) = Receiver::start(&[503]).await;
    let mut patrol = Loop::start(&alertmanager(format!("http://{address}")), world(&[]), at_rest());
    patrol.tell(&fixture::incident(), NoticeKind::Opened);
    patrol.tell(&restored(&fixture::incident()), NoticeKind::Restored);
    assert_eq!((patrol.outcome().await, patrol.outcome().await), (Delivery::Delivered, Delivery::Delivered));
    let (_, last) = receiver.taken().pop().unwrap();
    assert_eq!(last.as_array().unwrap().len(), 1);
    assert_eq!(last[0]["endsAt"], "2026-01-01T07:59:50.000+08:00");
}

#[tokio::test]
async fn a_notice_is_newer_than_the_picture_of_a_second_ago() {
    let (receiver, address) = Receiver::start(&[]).await;
    let grouping = Incident { announced: None, ..fixture::incident() };
    let mut patrol =
        Loop::start(&alertmanager(format!("http://{address}")), world(std::slice::from_ref(&grouping)), at_rest());
    for notice in route(&fixture::incident(), NoticeKind::Opened, &patrol.channels, |_| false, grouping.opened) {
        patrol.outbox.give(notice).unwrap();
    }
    assert_eq!(patrol.outcome().await, Delivery::Delivered);
    let (_, alerts) = receiver.taken().pop().unwrap();
    assert_eq!(alerts[0]["endsAt"], "2026-01-02T08:00:00.000+08:00", "it fires");
}

/// Ends its process and removes its folder when it goes.
struct RealAlertmanager {
    process: Child,
    _folder: tempfile::TempDir,
    url: String,
}

impl RealAlertmanager {
    /// `None`, said aloud, when it is not installed.
    async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("alertmanager.yml");
        fs::write(&config, "route: {receiver: none}\nreceivers: [{name: none}]\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let process = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = process else {
            eprintln!("SKIPPED: prometheus-alertmanager is not installed");
            return None;
        };
        let running = Self { process, _folder: folder, url: format!("http://127.0.0.1:{port}") };
        while running.alerts().await.is_none() {
            sleep(Duration::from_millis(50)).await;
        }
        Some(running)
    }

    /// Alert name, tier and state of every alert that it believes to fire.
    async fn alerts(&self) -> Option<Vec<(String, String)>> {
        let url: Uri = format!("{}/api/v2/alerts", self.url).parse().unwrap();
        let alerts = Client::new(None).unwrap().get(&url).await?;
        let label = |alert: &Value, name: &str| alert["labels"][name].as_str().unwrap().to_owned();
        Some(alerts.as_array()?.iter().map(|alert| (label(alert, "alertname"), label(alert, "tier"))).collect())
    }

    async fn shows(&self, wanted: &[(&str, &str)]) {
        let mut seen = vec![];
        for _ in 0..100 {
            seen = self.alerts().await.unwrap();
            if seen.iter().map(|(name, tier)| (name.as_str(), tier.as_str())).eq(wanted.iter().copied()) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("Alertmanager shows {seen:?}, not {wanted:?}");
    }
}

impl Drop for RealAlertmanager {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[tokio::test]
async fn in_trial_alertmanager_hears_of_ourselves_alone_and_a_door_closed_meanwhile_keeps_notices_in() {
    let (receiver, address) = Receiver::start(&[]).await;
    let trial = World { doors: Arc::default(), ..world(&[fixture::incident()]) };
    let setup = Setup { webhooks: webhook(address).webhooks, ..alertmanager(format!("http://{address}")) };
    let mut patrol = Loop::start(&setup, trial.clone(), at_rest());
    let tell = |incident: &Incident| {
        patrol
            .outbox
            .publish(World { incidents: Arc::from([Arc::new(incident.clone())]), ..trial.clone() }, incident.opened);
        for notice in route(incident, NoticeKind::Opened, &patrol.channels, |_| false, incident.opened) {
            patrol.outbox.give(notice).unwrap();
        }
    };
    tell(&fixture::incident());
    let own = Incident { id: "01KDVDNK00000000000000OWN0".into(), kind: IncidentKind::Own, ..fixture::incident() };
    tell(&own);
    let mut ends = vec![];
    for _ in 0..4 {
        let Outcome { notice, result, .. } = patrol.end().await;
        ends.push((notice.incident().unwrap().id == own.id, result));
    }
    ends.sort_by_key(|(is_own, _)| *is_own);
    let (held, told) = ((false, Delivery::Held), (true, Delivery::Delivered));
    assert_eq!(ends, [held, held, told, told]);
    let taken = receiver.taken.lock().unwrap();
    assert!(taken.iter().all(|(_, body)| !body.to_string().contains(&fixture::incident().id)), "{taken:?}");
}

/// An incident that began half a minute ago: Alertmanager has a clock of its own.
fn fresh(clock: &dyn Clock) -> Incident {
    let mut incident = fixture::incident();
    incident.began = Timestamp(clock.now().utc.0 - 30_000);
    incident.opened = incident.began.plus(Duration::from_secs(1));
    incident
}

#[tokio::test]
async fn a_real_alertmanager_follows_an_incident_through_a_kill_and_a_restart() {
    let Some(alertmanager_) = RealAlertmanager::start().await else { return };
    let (setup, clock) = (alertmanager(alertmanager_.url.clone()), Arc::new(SystemClock::start()));
    let incident = fresh(&*clock);
    let mut patrol = Loop::start(&setup, world(&[]), clock.clone());
    patrol.tell(&incident, NoticeKind::Opened);
    assert_eq!(patrol.outcome().await, Delivery::Delivered);
    alertmanager_.shows(&[("LinkOutage", "2")]).await;
    // Killed: nobody sends any more, and it fires on.
    drop(patrol);
    // While nobody looked the incident rose: the new process never fired the old labels, and resolves them all the same.
    let raised = later(&incident, |next| {
        next.tier = 1;
        next.scope.kind = "network".into();
    });
    let mut patrol = Loop::start(&setup, world(std::slice::from_ref(&raised)), clock);
    alertmanager_.shows(&[("NetworkOutage", "1")]).await;
    patrol.tell(&restored(&raised), NoticeKind::Restored);
    assert_eq!(patrol.outcome().await, Delivery::Delivered);
    alertmanager_.shows(&[]).await;
}

/// An https receiver, told by Python: it takes one request and says what it was.
const HTTPS_RECEIVER: &str = "
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        self.send_response(204); self.end_headers()
    def log_message(self, *rest): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + '/own.pem', sys.argv[1] + '/own.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
";

#[tokio::test]
async fn https_receivers_are_checked_against_the_trusted_roots() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"])
        .args([
            "-subj",
            "/CN=receiver",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=CA:FALSE",
        ])
        .arg("-keyout")
        .arg(file("own.key"))
        .arg("-out")
        .arg(file("own.pem"))
        .stderr(Stdio::null())
        .status();
    let python = Command::new("python3").args(["-c", HTTPS_RECEIVER]).arg(folder.path()).stdout(Stdio::piped()).spawn();
    let (Ok(_), Ok(mut python)) = (made, python) else {
        eprintln!("SKIPPED: openssl or python3 is not installed");
        return;
    };
    let mut port = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(python.stdout.take().unwrap()), &mut port).unwrap();
    let url: Uri = format!("https://127.0.0.1:{}/", port.trim()).parse().unwrap();
    let trusting = Client::new(Some(&file("own.pem"))).unwrap().post(&url, "null".to_owned(), None, None).await;
    let doubting = Client::new(None).unwrap().post(&url, "null".to_owned(), None, None).await;
    python.kill().unwrap();
    python.wait().unwrap();
    assert_eq!(trusting, Answer::Accepted(String::new()));
    assert!(matches!(&doubting, Answer::Later { reason, .. } if reason.contains("UnknownIssuer")), "{doubting:?}");
}

#[tokio::test]
async fn an_operators_alarm_fires_at_alertmanager_and_its_end_is_told() {
    let (receiver, address) = Receiver::start(&[]).await;
    let mut setup = alertmanager(format!("http://{address}"));
    setup.alertmanagers[0].resend = Duration::from_millis(50);
    let mut picture = world(&[]);
    let firing = Alarm {
        rule: Arc::clone(&rule::fixture("when: loss_1m > 0.05, level: critical").list[0]),
        link: picture.inventory.links[1].id.clone(),
        phase: rule::PhaseName::Firing,
        since: fixture::AT.utc,
        fired: Some(fixture::AT.utc),
        cleared: None,
        zh_cn: "链路丢包".into(),
        en: "the link loses packets".into(),
    };
    let cleared = Alarm { phase: rule::PhaseName::Cleared, cleared: Some(fixture::AT.utc), ..firing.clone() };
    picture.alarms = [Arc::new(firing)].into();
    let looping = Loop::start(&setup, picture.clone(), at_rest());
    let last = async |ends: &str| {
        for _ in 0..200 {
            sleep(Duration::from_millis(50)).await;
            let taken = receiver.taken();
            if let Some((_, alerts)) = taken.last()
                && alerts[0]["endsAt"].as_str().is_some_and(|at| at.contains(ends))
            {
                return alerts[0].clone();
            }
        }
        panic!("{:?}", receiver.taken().last());
    };
    let now = At(fixture::AT.utc, chrono_tz::Asia::Shanghai);
    let later = At(fixture::AT.utc.plus(Duration::from_secs(300)), chrono_tz::Asia::Shanghai);
    let text = |at: At| serde_json::to_value(at).unwrap().as_str().unwrap().to_owned();
    let alert = last(&text(later)).await;
    assert_eq!((&alert["labels"]["rule"], &alert["labels"]["severity"]), (&"loss".into(), &"critical".into()));
    assert_eq!(alert["annotations"]["summary"], "链路丢包");
    picture.alarms = [Arc::new(cleared)].into();
    looping.outbox.publish(picture, fixture::AT.utc);
    assert_eq!(last(&text(now)).await["labels"], alert["labels"], "the same alert ends");
}
