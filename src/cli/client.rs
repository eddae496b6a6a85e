//! Asking the running daemon, and saying what it answered.

use std::process::ExitCode;

use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, Uri, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use tokio::time::{Duration, timeout};
use ulid::Ulid;

use super::{Global, Output};
use crate::{
    clock::{Clock, SystemClock},
    text::{Language, Message},
};

/// A command waits for the loop ten seconds at most; the daemon answers before this.
const ANSWER: Duration = Duration::from_secs(15);

/// Why nothing was done.
pub(super) enum Failure {
    /// The daemon said no.
    Problem(Value),
    /// It was not reached, or spoke nonsense.
    NotReached(String),
    /// What should have been sent cannot be read.
    Unreadable(String),
}

/// Waits for the daemon's answer and prints it, as JSON or as `text` puts it. Exit code 1: it refused; 2: not reached.
pub(super) fn answer(
    global: &Global,
    url: &str,
    asking: impl Future<Output = Result<Value, Failure>>,
    text: impl FnOnce(&Value, Language) -> String,
) -> ExitCode {
    let language = global.language(None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = match runtime {
        Ok(runtime) => runtime.block_on(asking),
        Err(error) => Err(Failure::NotReached(error.to_string())),
    };
    match answer {
        Ok(answer) => {
            match global.output {
                Output::Json => anstream::println!("{answer:#}"),
                Output::Text => anstream::print!("{}", text(&answer, language)),
            }
            ExitCode::SUCCESS
        }
        Err(Failure::Problem(problem)) => {
            anstream::eprintln!("{}", refusal(&problem, language));
            ExitCode::from(1)
        }
        Err(Failure::Unreadable(reason)) => {
            anstream::eprintln!("{reason}");
            ExitCode::from(2)
        }
        Err(Failure::NotReached(reason)) => {
            anstream::eprintln!("{}", Message::DaemonNotReached { url: url.to_owned(), reason }.say(language));
            ExitCode::from(2)
        }
    }
}

/// What is said of a command that was carried out.
pub(super) fn done(answer: &Value, language: Language) -> String {
    format!("{} {}\n", Message::Done.say(language), word(&answer["at"]))
}

/// Asks the daemon at `url` for `path`.
pub(super) async fn call(url: &str, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    ask(url, method, path, ("application/json", body.into())).await
}

/// Posts a document that is no JSON.
pub(super) async fn send(url: &str, path: &str, kind: &str, body: Vec<u8>) -> Result<Value, Failure> {
    ask(url, Method::POST, path, (kind, body.into())).await
}

async fn ask(url: &str, method: Method, path: &str, (kind, body): (&str, Bytes)) -> Result<Value, Failure> {
    let url = format!("{}{path}", url.trim_end_matches('/'));
    let url: Uri = url.parse().map_err(|error| Failure::NotReached(format!("{error}")))?;
    // A lost answer can be asked for again without doing the thing twice.
    let key = Ulid::from_parts(SystemClock::start().now().utc.0.unsigned_abs(), rand::random());
    let mut request = Request::builder().method(method).uri(url);
    if let Some(signed) = signed().map_err(Failure::NotReached)? {
        request = request.header("authorization", signed);
    }
    let request = request
        .header("content-type", kind)
        .header("idempotency-key", key.to_string())
        .body(Full::from(body))
        .map_err(|error| Failure::NotReached(error.to_string()))?;
    match timeout(ANSWER, exchange(request)).await {
        Err(_) => Err(Failure::NotReached("no answer in time".into())),
        Ok(Err(reason)) => Err(Failure::NotReached(reason)),
        Ok(Ok((status, body))) => match serde_json::from_slice(&body) {
            Ok(answer) if status.is_success() => Ok(answer),
            Ok(problem) => Err(Failure::Problem(problem)),
            Err(_) => Err(Failure::NotReached(format!("{status}, and no JSON"))),
        },
    }
}

/// Name and password of a user, where the environment names one: never on the command line, which all can read.
fn signed() -> Result<Option<String>, String> {
    let Some(user) = std::env::var_os("LINKPATROL_USER") else { return Ok(None) };
    let file = std::env::var_os("LINKPATROL_PASSWORD_FILE").ok_or("LINKPATROL_PASSWORD_FILE is not set")?;
    let password = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let said = format!("{}:{}", user.to_string_lossy(), password.trim_end_matches(['\r', '\n']));
    Ok(Some(format!("Basic {}", BASE64_STANDARD.encode(said))))
}

/// Over https with the roots of the system, or those of `SSL_CERT_FILE`.
async fn exchange(request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
    let connector = connector.map_err(|error| error.to_string())?.https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let response = client.request(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok((status, body.to_bytes()))
}

/// The daemon's refusal in the reader's language; what has no words of its own keeps the daemon's title.
fn refusal(problem: &Value, language: Language) -> String {
    let refused =
        Message::CommandRefused { code: word(&problem["code"]).into(), title: word(&problem["title"]).into() };
    match problem["detail"].as_str() {
        Some(detail) => format!("{} ({detail})", refused.say(language)),
        None => refused.say(language).to_string(),
    }
}

/// The text of a JSON string; empty for anything else.
pub(super) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
