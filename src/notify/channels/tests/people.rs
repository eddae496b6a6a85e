//! Channels to people against gateways that fail as gateways do; each keeps a transcript of what it was sent.

use std::{io::BufRead, path::Path};

use axum::{body::Bytes, http::Uri};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{super::transport::sign, *};
use crate::config::{Form, Robot, RobotKind, Secret, Security};

const PHONE: &str = "13800000001";
const MAIL: &str = "duty@example.org";

/// What a mail server does with one connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Fine,
    /// Says nothing at all.
    Silent,
    /// Greets after two seconds.
    Slow,
    /// 421 instead of a greeting.
    Closing,
    /// 451 to the recipient, as greylisting does.
    Greylisting,
    /// 550 to the recipient.
    Unknown,
    /// Hangs up in the middle of the data.
    HangsUp,
    /// Takes the whole mail, and hangs up before it says so.
    Forgets,
}

/// A mail server with moods, one a connection and fine after them; `Message-ID` lines that it was sent.
async fn mail_server(moods: &[Mood]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mut moods, transcript) = (VecDeque::from(moods.to_vec()), Arc::<Mutex<Vec<String>>>::default());
    let kept = transcript.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mood = moods.pop_front().unwrap_or(Mood::Fine);
            tokio::spawn(serve_mail(stream, mood, kept.clone()));
        }
    });
    (port, transcript)
}

/// `None`: hung up.
async fn serve_mail(stream: TcpStream, mood: Mood, transcript: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let (input, mut output) = stream.into_split();
    let mut lines = BufReader::new(input).lines();
    match mood {
        Mood::Silent => sleep(Duration::from_secs(60)).await,
        Mood::Slow => sleep(Duration::from_secs(2)).await,
        Mood::Closing => {
            output.write_all(b"421 4.3.2 closing\r\n").await.ok()?;
            return None;
        }
        _ => {}
    }
    output.write_all(b"220 mail.example.org\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-mail.example.org\r\n250 8BITMIME\r\n",
            "RCPT" if mood == Mood::Greylisting => "451 4.7.1 come back later\r\n",
            "RCPT" if mood == Mood::Unknown => "550 5.1.1 no such user\r\n",
            "DATA" => {
                output.write_all(b"354 go on\r\n").await.ok()?;
                if mood == Mood::HangsUp {
                    return None;
                }
                while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                    if let Some(id) = line.strip_prefix("Message-ID: ") {
                        transcript.lock().unwrap().push(id.to_owned());
                    }
                }
                if mood == Mood::Forgets {
                    return None;
                }
                "250 2.0.0 queued as A1\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        output.write_all(answer.as_bytes()).await.ok()?;
    }
    None
}

fn channel(name: &str, address: &str) -> config::Channel {
    let to = [("duty".to_owned(), address.to_owned())].into();
    config::Channel { name: name.to_owned(), to, ..config::Channel::default() }
}

fn smtp(port: u16) -> config::Channel {
    let keys = config::Smtp {
        host: "127.0.0.1".into(),
        port: Some(port),
        security: Security::Plain,
        from: "链路巡检 <noc@example.org>".into(),
        user: None,
        password: Secret::default(),
    };
    config::Channel { smtp: Some(keys), ..channel("mail", MAIL) }
}

fn setup(channel: config::Channel) -> Setup {
    Setup { people: vec![channel], ..Setup::default() }
}

fn secret(folder: &Path, name: &str, text: &str) -> Secret {
    fs::write(folder.join(name), format!("{text}\n")).unwrap();
    Secret { file: Some(folder.join(name)), env: None }
}

/// What becomes of the first notice of an incident.
async fn told(setup: &Setup) -> Outcome {
    let mut patrol = Loop::start(setup, world(&[]), at_rest());
    patrol.tell(&fixture::incident(), NoticeKind::Opened);
    patrol.end().await
}

#[tokio::test]
async fn mail_outlives_every_mood_of_a_server_and_a_repeat_has_the_same_message_id() {
    use Mood::*;
    let tried = [(Fine, 1), (Slow, 1), (Silent, 2), (Closing, 2), (Greylisting, 2), (HangsUp, 2), (Forgets, 2)];
    let all = tried.map(|(mood, attempts)| {
        tokio::spawn(async move {
            let (port, transcript) = mail_server(&[mood]).await;
            let outcome = told(&setup(smtp(port))).await;
            assert_eq!(
                (outcome.result, outcome.attempts),
                (Delivery::Delivered, attempts),
                "{mood:?} {}",
                outcome.words
            );
            assert_eq!(outcome.words, "250 2.0.0 queued as A1", "the receipt");
            let ids = transcript.lock().unwrap().clone();
            let id = format!("<{}@example.org>", sign::name_of(&outcome.notice.key));
            // Taken twice only where the server did not say that it had taken it.
            assert_eq!(ids, vec![id; if mood == Forgets { 2 } else { 1 }], "{mood:?}");
        })
    });
    for one in all {
        one.await.unwrap();
    }
    let (port, transcript) = mail_server(&[Unknown]).await;
    let outcome = told(&setup(smtp(port))).await;
    assert_eq!((outcome.result, outcome.attempts), (Delivery::Refused, 1));
    assert!(outcome.words.contains("5.1.1 no such user") && transcript.lock().unwrap().is_empty(), "{}", outcome.words);
}

#[tokio::test]
async fn one_message_that_a_server_chokes_on_does_not_hold_up_the_others() {
    let (port, transcript) = mail_server(&[Mood::HangsUp]).await;
    let mut patrol = Loop::start(&setup(smtp(port)), world(&[]), at_rest());
    let (first, mut second) = (fixture::incident(), fixture::incident());
    second.id = "01SECOND".into();
    patrol.tell(&first, NoticeKind::Opened);
    patrol.tell(&first, NoticeKind::Changed);
    patrol.tell(&second, NoticeKind::Opened);
    let keys = [patrol.end().await, patrol.end().await, patrol.end().await].map(|outcome| outcome.notice.key);
    assert!(keys[0].starts_with("01SECOND/"), "{keys:?}");
    assert!(keys[1].contains("/opened/") && keys[2].contains("/changed/"), "of one incident in order: {keys:?}");
    assert_eq!(transcript.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn an_end_that_overtakes_its_beginning_is_one_late_message() {
    let (port, transcript) = mail_server(&[Mood::Closing]).await;
    let mut patrol = Loop::start(&setup(smtp(port)), world(&[]), at_rest());
    let first = fixture::incident();
    patrol.tell(&first, NoticeKind::Opened);
    // The first attempt is in vain, and the end is there before the second.
    sleep(Duration::from_millis(200)).await;
    patrol.tell(&restored(&first), NoticeKind::Restored);
    let (old, late) = (patrol.end().await, patrol.end().await);
    assert_eq!((old.result, old.words), (Delivery::Replaced, late.notice.id()));
    assert_eq!((late.result, late.notice.kind), (Delivery::Delivered, NoticeKind::Restored));
    assert!(late.notice.message.unwrap().subject.starts_with("【迟到】"));
    assert_eq!(transcript.lock().unwrap().len(), 1, "one message");
}

/// A real server with log-in, by STARTTLS or with TLS from the first byte, told by Python; it prints its port, then every mail.
const MAIL_SERVER: &str = "
import asyncio, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + '/own.pem', sys.argv[1] + '/own.key')
class Handler:
    async def handle_DATA(self, server, session, envelope):
        print(envelope.content.decode(), flush=True); print('<end>', flush=True)
        return '250 2.0.0 queued as real'
def check(server, session, envelope, mechanism, data):
    # Not handled: the server itself says 535.
    return AuthResult(success=(data.login, data.password) == (b'noc', b'a secret'), handled=False)
async def main():
    wrapped = sys.argv[2] == 'tls'
    how = dict(auth_require_tls=False) if wrapped else dict(tls_context=context, require_starttls=True)
    make = lambda: SMTP(Handler(), authenticator=check, auth_required=True, **how)
    server = await asyncio.get_running_loop().create_server(make, '127.0.0.1', 0, ssl=context if wrapped else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
";

/// A mail server of its own, stopped when dropped.
struct MailServer {
    folder: tempfile::TempDir,
    python: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
    mail: config::Channel,
}

impl MailServer {
    /// `None`, said aloud, without Python or its mail server.
    fn start(security: Security) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
        fs::write(folder.path().join("own.pem"), made.cert.pem()).unwrap();
        fs::write(folder.path().join("own.key"), made.signing_key.serialize_pem()).unwrap();
        let how = if matches!(security, Security::Tls) { "tls" } else { "starttls" };
        let mut command = Command::new("/usr/bin/python3");
        let python = command.args(["-c", MAIL_SERVER]).arg(folder.path()).arg(how).stdout(Stdio::piped()).spawn();
        let Ok(mut python) = python else {
            eprintln!("SKIPPED: python3 is not installed");
            return None;
        };
        let mut lines = std::io::BufReader::new(python.stdout.take().unwrap()).lines();
        let Some(Ok(port)) = lines.next() else {
            eprintln!("SKIPPED: python3-aiosmtpd is not installed");
            return None;
        };
        let mut mail = smtp(port.parse().unwrap());
        let keys = mail.smtp.as_mut().unwrap();
        (keys.security, keys.user) = (security, Some("noc".into()));
        keys.password = secret(folder.path(), "password", "a secret");
        Some(Self { folder, python, lines, mail })
    }

    fn setup(&self) -> Setup {
        Setup { trusted_roots: Some(self.folder.path().join("own.pem")), ..setup(self.mail.clone()) }
    }

    fn next_mail(&mut self) -> String {
        let lines = self.lines.by_ref().map(Result::unwrap);
        lines.take_while(|line| line != "<end>").collect::<Vec<_>>().join("\n")
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}

#[tokio::test]
async fn a_mail_server_that_begins_with_tls_is_met_with_tls() {
    let Some(mut server) = MailServer::start(Security::Tls) else { return };
    let outcome = told(&server.setup()).await;
    assert_eq!((outcome.result, &*outcome.words), (Delivery::Delivered, "250 2.0.0 queued as real"));
    assert!(server.next_mail().contains("Auto-Submitted: auto-generated"));
    // Whoever cannot be known is told nothing, and no password.
    let stranger = Setup { trusted_roots: None, ..server.setup() };
    let mut patrol = Loop::start(&stranger, world(&[]), at_rest());
    patrol.tell(&fixture::incident(), NoticeKind::Opened);
    let first = patrol.outcomes.recv().await.unwrap();
    assert_eq!(first.result, Delivery::Failed);
}

#[tokio::test]
async fn a_real_mail_server_is_met_with_tls_and_a_password_and_keeps_an_incident_in_one_thread() {
    let Some(mut server) = MailServer::start(Security::Starttls) else { return };
    let setup = server.setup();
    let mut patrol = Loop::start(&setup, world(&[]), at_rest());
    let incident = fixture::incident();
    patrol.tell(&incident, NoticeKind::Opened);
    assert_eq!(patrol.end().await.words, "250 2.0.0 queued as real");
    patrol.tell(&restored(&incident), NoticeKind::Restored);
    assert_eq!(patrol.outcome().await, Delivery::Delivered);
    let heads = [server.next_mail(), server.next_mail()];
    let header = |mail: &str, name: &str| mail.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    assert_eq!(header(&heads[0], "References: "), header(&heads[1], "References: "), "one thread");
    assert!(
        header(&heads[0], "References: ").is_some() && header(&heads[0], "In-Reply-To: ").is_some(),
        "{}",
        heads[0]
    );
    assert_ne!(header(&heads[0], "Message-ID: "), header(&heads[1], "Message-ID: "));
    assert_eq!(header(&heads[0], "Auto-Submitted: ").as_deref(), Some("auto-generated"));
    // A wrong password is no reason to try for a day.
    let mut mail = server.mail.clone();
    mail.smtp.as_mut().unwrap().password = secret(server.folder.path(), "wrong", "another");
    let outcome = told(&Setup { people: vec![mail], ..setup }).await;
    assert_eq!(outcome.result, Delivery::Refused, "{}", outcome.words);
    assert!(!outcome.words.contains("another"), "{}", outcome.words);
}

/// From the body of a request, its query and how many came before it: status and body of the answer.
type Answering = dyn Fn(&str, &str, usize) -> (u16, String) + Send + Sync;

/// A gateway over HTTP: how it answers the body and query of each request; what it was sent.
#[derive(Clone)]
struct Gateway {
    answer: Arc<Answering>,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    async fn start(answer: impl Fn(&str, &str, usize) -> (u16, String) + Send + Sync + 'static) -> (Self, SocketAddr) {
        let gateway = Self { answer: Arc::new(answer), taken: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let take = async |State(gateway): State<Self>, uri: Uri, body: Bytes| {
            let body = String::from_utf8(body.to_vec()).unwrap();
            let before = gateway.taken.lock().unwrap().len();
            let (status, answer) = (gateway.answer)(&body, uri.query().unwrap_or_default(), before);
            gateway.taken.lock().unwrap().push(body);
            (StatusCode::from_u16(status).unwrap(), [("retry-after", "1")], answer)
        };
        let router = Router::new().route("/{*path}", post(take)).with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (gateway, address)
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn cloud_mas_checks_our_mac_and_refuses_one_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, address) = Gateway::start(|body, _, before| {
        let document: Value = serde_json::from_slice(&STANDARD.decode(body).unwrap()).unwrap();
        let part = |name: &str| document[name].as_str().unwrap().to_owned();
        let signed = ["ecName", "apId", "", "templateId", "mobiles", "params", "sign", "addSerial"]
            .map(|name| if name.is_empty() { "key of the gateway".to_owned() } else { part(name) });
        let verdict = match (before, sign::md5_hex(&signed.concat()) == part("mac")) {
            (0, _) => return (503, String::new()),
            (_, true) => "success",
            (_, false) => "IllegalMac",
        };
        (200, json!({"rspcod": verdict, "success": verdict == "success", "msgGroup": "0919"}).to_string())
    })
    .await;
    let keys = |name: &str, text: &str| config::CloudMas {
        url: format!("http://{address}/sms/tmpsubmit"),
        ec_name: "某某运维中心".into(),
        ap_id: "ap".into(),
        secret: secret(folder.path(), name, text),
        sign: "S1".into(),
        add_serial: String::new(),
        template: "T1".into(),
    };
    let sms = |keys| config::Channel { cloud_mas: Some(keys), ..channel("sms", PHONE) };
    let mut patrol = Loop::start(&setup(sms(keys("key", "key of the gateway"))), world(&[]), at_rest());
    patrol.tell(&fixture::incident(), NoticeKind::Opened);
    let outcome = patrol.end().await;
    assert_eq!((outcome.result, outcome.attempts, &*outcome.words), (Delivery::Delivered, 2, "0919"));
    let first: Value = serde_json::from_slice(&STANDARD.decode(&gateway.taken()[0]).unwrap()).unwrap();
    assert_eq!((&first["mobiles"], &first["templateId"]), (&json!(PHONE), &json!("T1")));
    let metrics = prometheus::TextEncoder::new().encode_to_string(&patrol.registry.gather()).unwrap();
    assert!(metrics.contains("linkpatrol_sms_segments_total{channel=\"sms\"} 1\n"), "{metrics}");
    let outcome = told(&setup(sms(keys("wrong", "old key")))).await;
    assert_eq!((outcome.result, &*outcome.words), (Delivery::Refused, "IllegalMac"));
    let missing =
        config::CloudMas { secret: Secret { file: Some("/no/such/file".into()), env: None }, ..keys("a", "b") };
    let mut patrol = Loop::start(&setup(sms(missing)), world(&[]), at_rest());
    patrol.tell(&fixture::incident(), NoticeKind::Opened);
    let first = patrol.outcomes.recv().await.unwrap();
    assert_eq!(first.result, Delivery::Failed, "a credential may be in the middle of being replaced");
}

#[tokio::test]
async fn robots_say_no_with_a_200_and_are_signed_as_they_want_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = fixture::AT.utc.0;
    let robot = |kind, address: SocketAddr| {
        let url = secret(folder.path(), &format!("{kind:?}"), &format!("http://{address}/robot?token=t"));
        let keys = Robot { kind, url, secret: secret(folder.path(), "robot", "SEC") };
        config::Channel { robot: Some(keys), ..channel("group", "值班群") }
    };
    let (_, dingtalk) = Gateway::start(move |_, query, before| {
        let sign = sign::percent(&sign::hmac_base64("SEC", &format!("{at}\nSEC")));
        match query == format!("token=t&timestamp={at}&sign={sign}") {
            _ if before == 0 => (200, r#"{"errcode":130101,"errmsg":"send too fast"}"#.into()),
            true => (200, r#"{"errcode":0,"errmsg":"ok"}"#.into()),
            false => (200, r#"{"errcode":310000,"errmsg":"sign not match"}"#.into()),
        }
    })
    .await;
    let outcome = told(&setup(robot(RobotKind::Dingtalk, dingtalk))).await;
    assert_eq!((outcome.result, outcome.attempts), (Delivery::Delivered, 2), "{}", outcome.words);
    let (_, feishu) = Gateway::start(|_, _, _| (200, r#"{"code":19021,"msg":"sign match fail"}"#.into())).await;
    let outcome = told(&setup(robot(RobotKind::Feishu, feishu))).await;
    assert_eq!((outcome.result, &*outcome.words), (Delivery::Refused, "19021 \"sign match fail\""));
    let (group, wecom) = Gateway::start(|_, _, _| (200, r#"{"errcode":0,"errmsg":"ok"}"#.into())).await;
    assert_eq!(told(&setup(robot(RobotKind::Wecom, wecom))).await.result, Delivery::Delivered);
    let said: Value = serde_json::from_str(&group.taken()[0]).unwrap();
    assert!(said["text"]["content"].as_str().unwrap().contains(&fixture::incident().id), "{said}");
}

#[tokio::test]
async fn any_gateway_with_http_takes_a_template_and_says_when_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, address) = Gateway::start(|_, query, before| match before {
        0 => (429, String::new()),
        _ if query == "key=a%26b" => (200, "<status>0</status>".into()),
        _ => (200, "<status>9</status>".into()),
    })
    .await;
    let keys = config::Http {
        url: format!("http://{address}/send?key={{secret}}"),
        body: "mobile={to}&content={short}".into(),
        form: Form::Urlencoded,
        secret: secret(folder.path(), "key", "a&b"),
        accepted: Some("<status>0<".into()),
        refused: Some("<status>9<".into()),
    };
    let voice = config::Channel { http: Some(keys), ..channel("voice", PHONE) };
    let outcome = told(&setup(voice)).await;
    assert_eq!((outcome.result, outcome.attempts, &*outcome.words), (Delivery::Delivered, 2, "<status>0</status>"));
    assert!(gateway.taken()[1].starts_with("mobile=13800000001&content=%"), "{:?}", gateway.taken());
}
