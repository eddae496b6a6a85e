//! One HTTP client for all receivers: http and https, JSON out, a verdict back.

use std::{path::Path, sync::Arc};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode, Uri,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER, USER_AGENT},
    http::request::Builder,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pooled, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::Value;
use tokio::time::{Duration, timeout};

use super::ChannelError;

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Most of an answer that is read: a list of alerts, or words for the log.
const BODY: usize = 4 * 1024 * 1024;
/// Longest wait that a receiver can ask for, in seconds.
const MOST_WAIT: u64 = 3_600;
/// Most letters of an answer that are told on.
const MOST_WORDS: usize = 200;
const AGENT: &str = concat!("linkpatrol/", env!("CARGO_PKG_VERSION"));

/// A client that keeps its connections.
#[derive(Clone)]
pub struct Client(Pooled<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// What a receiver made of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has taken it; its words, which may be a receipt.
    Accepted(String),
    /// It understood, and will not take it however often we ask.
    Refused(String),
    /// Try again: no connection, no answer in time, or an answer that says so.
    Later {
        reason: String,
        /// How long it asked us to wait.
        wait: Option<Duration>,
    },
}

/// An answer to an HTTP request, with what it asks us to wait.
pub(super) struct Reply {
    status: StatusCode,
    wait: Option<Duration>,
    body: Bytes,
}

impl Client {
    /// Trusts the authorities in `roots`, or else those of the system, or else none: http still works.
    ///
    /// # Errors
    /// The file of authorities cannot be used.
    pub fn new(roots: Option<&Path>) -> Result<Self, ChannelError> {
        // The provider is named: with two of them compiled in, rustls would have no default.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = HttpsConnectorBuilder::new();
        let schemes = match roots {
            Some(path) => builder.with_tls_config(trusting(provider, read_roots(path)?)?),
            None => match builder.with_provider_and_native_roots(provider.clone()) {
                Ok(schemes) => schemes,
                Err(error) => {
                    tracing::warn!(%error, "no system roots: https receivers need trusted_roots");
                    HttpsConnectorBuilder::new().with_tls_config(trusting(provider, RootCertStore::empty())?)
                }
            },
        };
        Ok(Self(Pooled::builder(TokioExecutor::new()).build(schemes.https_or_http().enable_http1().build())))
    }

    /// Posts JSON; `key` lets the receiver tell a repeat, `signature` that it is ours.
    pub(super) async fn post(&self, url: &Uri, body: String, key: Option<&str>, signature: Option<&str>) -> Answer {
        match self.text(json_to(url, key, signature), body).await {
            Ok(reply) => reply.judge(|_| Answer::Accepted(String::new())),
            Err(reason) => Answer::later(&reason),
        }
    }

    /// Posts JSON once, for somebody who waits. `Ok`: it was taken; both are the receiver's status and first words.
    pub(super) async fn try_post(
        &self,
        url: &Uri,
        body: String,
        key: &str,
        signature: Option<&str>,
    ) -> Result<String, String> {
        let reply = self.text(json_to(url, Some(key), signature), body).await?;
        let said: String = String::from_utf8_lossy(&reply.body).chars().take(MOST_WORDS).collect();
        let words = format!("{} {}", reply.status, said.trim()).trim_end().to_owned();
        match reply.judge(|_| Answer::Accepted(String::new())) {
            Answer::Accepted(_) => Ok(words),
            Answer::Refused(_) | Answer::Later { .. } => Err(words),
        }
    }

    /// Sends bytes, whose form `request` names.
    pub async fn put(&self, request: Builder, body: Vec<u8>) -> Answer {
        match self.send(request.header(USER_AGENT, AGENT).body(Full::from(body))).await {
            Ok(reply) => {
                let words: String = String::from_utf8_lossy(&reply.body).chars().take(MOST_WORDS).collect();
                match reply.judge(|_| Answer::Accepted(String::new())) {
                    Answer::Refused(status) => Answer::Refused(format!("{status}: {}", words.trim())),
                    other => other,
                }
            }
            Err(reason) => Answer::later(&reason),
        }
    }

    /// Sends `request` with `body`. `Err`: why there is no answer.
    pub(super) async fn text(&self, request: Builder, body: String) -> Result<Reply, String> {
        self.send(request.header(USER_AGENT, AGENT).body(Full::from(body))).await
    }

    /// `None` when there is no usable answer.
    pub(super) async fn get(&self, url: &Uri) -> Option<Value> {
        let request = Request::get(url).header(USER_AGENT, AGENT).body(Full::default());
        let reply = self.send(request).await.ok()?;
        reply.status.is_success().then(|| serde_json::from_slice(&reply.body).ok())?
    }

    async fn send(&self, request: hyper::http::Result<Request<Full<Bytes>>>) -> Result<Reply, String> {
        let exchange = async {
            let response = self.0.request(request.map_err(|error| error.to_string())?).await;
            let response = response.map_err(|error| chain(&error))?;
            let (status, wait) = (response.status(), asked_to_wait(response.headers()));
            let body = Limited::new(response.into_body(), BODY).collect().await.map_err(|error| error.to_string())?;
            Ok(Reply { status, wait, body: body.to_bytes() })
        };
        timeout(ANSWER, exchange).await.unwrap_or_else(|_| Err("no answer in time".into()))
    }
}

impl Answer {
    pub(super) fn later(reason: &str) -> Self {
        Self::Later { reason: reason.to_owned(), wait: None }
    }
}

impl Reply {
    /// By its status; `body` judges what a 2xx says inside.
    pub(super) fn judge(self, body: impl FnOnce(&str) -> Answer) -> Answer {
        match self.status {
            status if status.is_success() => body(&String::from_utf8_lossy(&self.body)),
            status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => {
                Answer::Later { reason: status.to_string(), wait: self.wait }
            }
            // A redirect is a wrong address in our configuration: following it could hand the notice to a stranger.
            status if status.is_client_error() || status.is_redirection() => Answer::Refused(status.to_string()),
            status => Answer::Later { reason: status.to_string(), wait: self.wait },
        }
    }
}

fn json_to(url: &Uri, key: Option<&str>, signature: Option<&str>) -> Builder {
    let request = Request::post(url).header(CONTENT_TYPE, "application/json");
    let headers = [("idempotency-key", key), ("x-linkpatrol-signature", signature)];
    headers.into_iter().fold(request, |request, (name, value)| match value {
        Some(value) => request.header(name, value),
        None => request,
    })
}

/// `Retry-After` in seconds (RFC 9110); an hour at most, for the receiver may be wrong. Its other form, a date, would
/// need clocks that agree.
fn asked_to_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(MOST_WAIT)))
}

pub(super) fn url(channel: &str, url: &str) -> Result<Uri, ChannelError> {
    url.parse().map_err(|source| ChannelError::Url { channel: channel.to_owned(), url: url.to_owned(), source })
}

fn read_roots(path: &Path) -> Result<RootCertStore, ChannelError> {
    let unreadable = |source| ChannelError::Roots { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let added = roots.add(certificate.map_err(unreadable)?);
        added.map_err(|source| ChannelError::Root { path: path.to_owned(), source })?;
    }
    Ok(roots)
}

fn trusting(provider: Arc<rustls::crypto::CryptoProvider>, roots: RootCertStore) -> Result<ClientConfig, ChannelError> {
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// An error with its causes: the outermost one of a connection says only that there is none.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_change_is_tried_again_and_not_before_the_receiver_wants_it() {
        let later = |reason: &str| Answer::Later { reason: reason.into(), wait: Some(Duration::from_secs(7)) };
        for (status, answer) in [
            (200, Answer::Accepted("said".into())),
            (204, Answer::Accepted("said".into())),
            (302, Answer::Refused("302 Found".into())),
            (400, Answer::Refused("400 Bad Request".into())),
            (408, later("408 Request Timeout")),
            (429, later("429 Too Many Requests")),
            (503, later("503 Service Unavailable")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, "7".parse().unwrap());
            let status = StatusCode::from_u16(status).unwrap();
            let reply = Reply { status, wait: asked_to_wait(&headers), body: Bytes::from_static(b"said") };
            assert_eq!(reply.judge(|body| Answer::Accepted(body.to_owned())), answer);
        }
    }
}
