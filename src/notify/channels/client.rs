//! One HTTP client for all receivers: http and https, JSON out, a verdict back.

use std::{path::Path, sync::Arc};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode, Uri,
    body::Bytes,
    header::{CONTENT_TYPE, USER_AGENT},
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
const AGENT: &str = concat!("linkpatrol/", env!("CARGO_PKG_VERSION"));

#[derive(Clone)]
pub(super) struct Client(Pooled<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// What a receiver made of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 2xx.
    Accepted,
    /// It understood, and will not take it however often we ask.
    Refused(StatusCode),
    /// Try again: no connection, no answer in time, or an answer that says so.
    Later(String),
}

impl Client {
    /// Trusts the authorities in `roots`, or else those of the system, or else none: http still works.
    pub(super) fn new(roots: Option<&Path>) -> Result<Self, ChannelError> {
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

    /// Posts `body`; `key` lets the receiver tell a repeat.
    pub(super) async fn post(&self, url: &Uri, body: &Value, key: Option<&str>) -> Answer {
        let mut request = Request::post(url).header(CONTENT_TYPE, "application/json").header(USER_AGENT, AGENT);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        match self.send(request.body(Full::from(body.to_string()))).await {
            Ok((status, _)) => Answer::of(status),
            Err(reason) => Answer::Later(reason),
        }
    }

    /// `None` when there is no usable answer.
    pub(super) async fn get(&self, url: &Uri) -> Option<Value> {
        let request = Request::get(url).header(USER_AGENT, AGENT).body(Full::default());
        let (status, body) = self.send(request).await.ok()?;
        status.is_success().then(|| serde_json::from_slice(&body).ok())?
    }

    async fn send(&self, request: hyper::http::Result<Request<Full<Bytes>>>) -> Result<(StatusCode, Bytes), String> {
        let exchange = async {
            let response = self.0.request(request.map_err(|error| error.to_string())?).await;
            let response = response.map_err(|error| chain(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), BODY).collect().await.map_err(|error| error.to_string())?;
            Ok((status, body.to_bytes()))
        };
        timeout(ANSWER, exchange).await.unwrap_or_else(|_| Err("no answer in time".into()))
    }
}

impl Answer {
    fn of(status: StatusCode) -> Self {
        match status {
            status if status.is_success() => Self::Accepted,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Self::Later(status.to_string()),
            // A redirect is a wrong address in our configuration: following it could hand the notice to a stranger.
            status if status.is_client_error() || status.is_redirection() => Self::Refused(status),
            status => Self::Later(status.to_string()),
        }
    }
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
fn chain(error: &dyn std::error::Error) -> String {
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
    fn only_what_can_change_is_tried_again() {
        for (status, answer) in [
            (200, Answer::Accepted),
            (204, Answer::Accepted),
            (302, Answer::Refused(StatusCode::FOUND)),
            (400, Answer::Refused(StatusCode::BAD_REQUEST)),
            (408, Answer::Later("408 Request Timeout".into())),
            (429, Answer::Later("429 Too Many Requests".into())),
            (503, Answer::Later("503 Service Unavailable".into())),
        ] {
            assert_eq!(Answer::of(StatusCode::from_u16(status).unwrap()), answer);
        }
    }
}
