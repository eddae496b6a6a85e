//! Channels looked at, and tried when asked to, outside the outbox: for `doctor`.

use hyper::Uri;
use serde_json::{Value, json};
use tokio::time::Duration;

use super::{
    Setup,
    client::{Answer, Client, url},
    transport::{Transport, sign},
};
use crate::{
    config,
    notify::message::{Address, Mark, Message},
    text::{self, ChannelText, Language},
    units::Timestamp,
};

/// So long a test alert fires.
const FIRES: Duration = Duration::from_secs(60);

/// What a trial of a channel showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub channel: String,
    /// Name in `to`; empty when only the set-up was looked at; the kind of a machine.
    pub recipient: String,
    /// The receiver's words, or what is wrong.
    pub result: Result<String, String>,
}

/// Looks at the set-up of every channel. Those in `send` carry a message marked 【测试】, once: to people to each in their
/// `to`, to an Alertmanager as an alert that ends after a minute, to a webhook as a document of its own. A name in `send`
/// that no channel has is a failure of its own.
pub async fn try_out(setup: &Setup, send: &[String], now: Timestamp) -> Vec<Trial> {
    let mut trials = vec![];
    let client = Client::new(setup.trusted_roots.as_deref()).map_err(|error| error.to_string());
    for one in &setup.alertmanagers {
        let ready = client.as_ref().map_err(String::clone);
        let ready = ready.and_then(|client| Ok((client, one.alerts().map_err(|error| error.to_string())?)));
        let test = async |(client, url): (&Client, Uri)| fire(client, &url, &one.name, setup.language, now).await;
        trials.push(machine("alertmanager", &one.name, send, ready, test).await);
    }
    for one in &setup.webhooks {
        let ready = client.as_ref().map_err(String::clone);
        let ready = ready.and_then(|client| {
            let address = url(&one.name, &one.url).map_err(|error| error.to_string())?;
            let secret = one.secret.read().map_err(|error| format!("{:?}: {error}", one.secret))?;
            Ok((client, address, secret))
        });
        let test = async |(client, address, secret): (&Client, Uri, Option<String>)| {
            tell(client, &address, secret.as_deref(), one, setup.language, now).await
        };
        trials.push(machine("webhook", &one.name, send, ready, test).await);
    }
    for keys in &setup.people {
        let channel = keys.name.clone();
        let transport = client.as_ref().map_err(String::clone).and_then(|client| {
            Transport::new(keys, client, setup.trusted_roots.as_deref()).map_err(|error| error.to_string())
        });
        let transport = transport.and_then(|transport| keys.unreadable().map_or(Ok(transport), Err));
        match transport {
            Err(wrong) => trials.push(Trial { channel, recipient: String::new(), result: Err(wrong) }),
            Ok(_) if !send.contains(&channel) => {
                trials.push(Trial { channel, recipient: String::new(), result: Ok(String::new()) });
            }
            Ok(transport) => {
                for (recipient, address) in &keys.to {
                    let result = test(&transport, &channel, recipient, address, setup.language, now).await;
                    trials.push(Trial { channel: channel.clone(), recipient: recipient.clone(), result });
                }
            }
        }
    }
    let known = setup.channels();
    let unknown = send.iter().filter(|name| !known.iter().any(|channel| channel.name == **name));
    trials.extend(unknown.map(|name| Trial {
        channel: name.clone(),
        recipient: String::new(),
        result: Err("no such channel".to_owned()),
    }));
    trials
}

/// A machine is tested when its name is in `send`; else only whether it is `ready`.
async fn machine<T>(
    kind: &str,
    name: &str,
    send: &[String],
    ready: Result<T, String>,
    test: impl AsyncFnOnce(T) -> Result<String, String>,
) -> Trial {
    let is_sent = send.iter().any(|sent| sent == name);
    let result = match ready {
        Ok(ready) if is_sent => test(ready).await,
        other => other.map(|_| String::new()),
    };
    let recipient = if is_sent { kind.to_owned() } else { String::new() };
    Trial { channel: name.to_owned(), recipient, result }
}

/// An alert that ends by itself, and whether it is shown there.
async fn fire(client: &Client, alerts: &Uri, name: &str, language: Language, now: Timestamp) -> Result<String, String> {
    let key = key(name, now, "");
    let alert = json!([{
        "labels": {"alertname": "Test", "severity": "none", "test": key},
        "annotations": {"summary": words(name, language)},
        "startsAt": now.rfc3339(chrono_tz::UTC),
        "endsAt": now.plus(FIRES).rfc3339(chrono_tz::UTC),
    }]);
    let words = client.try_post(alerts, alert.to_string(), &key, None).await?;
    // What was taken may still be dropped: by a clock that is wrong, or a proxy that is no Alertmanager.
    let shown = client.get(alerts).await;
    let is_shown = |alert: &Value| alert["labels"]["test"] == key.as_str();
    match shown.as_ref().and_then(Value::as_array) {
        Some(list) if list.iter().any(is_shown) => Ok(format!("{words}; it fires there")),
        _ => Err(format!("{words}; but it does not fire there")),
    }
}

/// A document like those of notices, signed like them.
async fn tell(
    client: &Client,
    address: &Uri,
    secret: Option<&str>,
    webhook: &config::Webhook,
    language: Language,
    now: Timestamp,
) -> Result<String, String> {
    let key = key(&webhook.name, now, "");
    let body = json!({
        "version": 1,
        "key": key,
        "event": "test",
        "created": now.rfc3339(chrono_tz::UTC),
        "simulated": false,
        "summary": words(&webhook.name, language),
    });
    let body = body.to_string();
    let signature = secret.map(|secret| format!("sha256={}", sign::hmac_hex(secret, body.as_bytes())));
    client.try_post(address, body, &key, signature.as_deref()).await
}

/// One attempt, without the outbox: somebody waits for the answer.
async fn test(
    transport: &Transport,
    channel: &str,
    recipient: &str,
    address: &str,
    language: Language,
    now: Timestamp,
) -> Result<String, String> {
    let said = said(channel, language);
    let message = Message {
        key: key(channel, now, recipient),
        channel: channel.to_owned(),
        to: Address::parse(address).ok_or("its address is empty")?,
        mark: Some(Mark::Test),
        text: said.clone(),
        subject: said,
        thread: None,
        short: None,
        private: vec![],
    };
    match transport.attempt(&message, now).await {
        Answer::Accepted(words) => Ok(words),
        Answer::Refused(reason) | Answer::Later { reason, .. } => Err(reason),
    }
}

fn key(channel: &str, now: Timestamp, recipient: &str) -> String {
    format!("test/{channel}/test/{}/{recipient}", now.0).trim_end_matches('/').to_owned()
}

fn said(channel: &str, language: Language) -> String {
    text::Message::Channel(ChannelText::TestMessage { channel: channel.to_owned() }).say(language).to_string()
}

/// The same with its mark, for machines.
fn words(channel: &str, language: Language) -> String {
    format!("{}{}", Mark::Test.as_str(), said(channel, language))
}
