//! A page: one visit with its redirects, each over a connection of its own.
//!
//! The boundaries of the phases are those of blackbox_exporter: `processing` begins when the connection can be used
//! and ends with the first byte of the answer; `transfer` ends with the last byte of the body.

mod charset;
pub(super) mod content;
mod cookies;
mod proxy;

use std::{
    borrow::Cow,
    future::poll_fn,
    pin::{Pin, pin},
};

use futures_util::FutureExt;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, Uri,
    body::{Body, Bytes, Incoming},
    client::conn::{http1, http2},
    header::{
        AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION,
        PROXY_AUTHORIZATION, USER_AGENT,
    },
};
use hyper_util::rt::{TokioExecutor, TokioIo};

pub use self::cookies::Cookies;
use super::{
    Checker, Progress, Stopped,
    stream::{Duplex, FirstByte, Watched, connect, find, io_ending},
    tls,
};
use crate::{
    clock::monotonic_nanos,
    profile::service::{Authorization, Endpoint, Family, Http, OAuth, TlsSettings, usable_url},
    sample::service::{Ending, HttpSeen, Phase, Reason},
    units::Timestamp,
};

/// Bytes and lines of headers that we read.
const HEAD: usize = 64 * 1024;
const LINES: usize = 200;
pub const AGENT: &str = concat!("linkpatrol/", env!("CARGO_PKG_VERSION"));

/// One answer, read to its end.
struct Page {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

pub async fn visit(checker: &Checker, family: Family, http: &Http, progress: &mut Progress) -> Stopped<()> {
    body(checker, family, http, progress).await.map(drop)
}

/// The body of a page that is good, as it came or in UTF-8 where it says in which other encoding it is: for those who read it
/// themselves.
pub async fn body(checker: &Checker, family: Family, http: &Http, progress: &mut Progress) -> Stopped<Vec<u8>> {
    judged(checker, family, http, None, progress).await
}

/// The same of one step of several, which carry their cookies from one to the next.
pub async fn walked(
    checker: &Checker,
    family: Family,
    http: &Http,
    cookies: &mut Cookies,
    progress: &mut Progress,
) -> Stopped<Vec<u8>> {
    let ended = judged(checker, family, http, Some(&mut *cookies), progress).await;
    progress.report.cookies_refused = cookies.refused;
    ended
}

async fn judged(
    checker: &Checker,
    family: Family,
    http: &Http,
    cookies: Option<&mut Cookies>,
    progress: &mut Progress,
) -> Stopped<Vec<u8>> {
    let page = last(checker, family, http, cookies, progress).await?;
    let read = content::judge(http, &page, progress)?;
    Ok(read.map_or(page.body, String::into_bytes))
}

/// The answer at the end of all redirects.
async fn last(
    checker: &Checker,
    family: Family,
    http: &Http,
    mut cookies: Option<&mut Cookies>,
    progress: &mut Progress,
) -> Stopped<Page> {
    let mut http = Cow::Borrowed(http);
    let (mut url, mut redirects) = (http.url.clone(), 0);
    let token = match &http.oauth {
        Some(oauth) => {
            // The page's address comes first: what may not be visited needs no token.
            find(checker, &endpoint(&http, &url), family, progress).await?;
            let begun = monotonic_nanos();
            let token = token(checker, family, oauth, progress).await;
            progress.skip_from(begun);
            let token = token?;
            progress.report.addresses.clear();
            Some(token)
        }
        None => None,
    };
    loop {
        let page = fetch(checker, family, &http, &url, (token.as_ref(), cookies.as_deref()), progress).await?;
        if let Some(cookies) = &mut cookies {
            cookies.take(&url, &page.headers);
        }
        let location = page.headers.get(LOCATION).filter(|_| http.follow_redirects && is_redirect(page.status));
        let Some(location) = location else {
            return Ok(page);
        };
        if redirects == http.redirects {
            return Err(progress.failed(Reason::Redirects, format!("{redirects} redirects, and one more")));
        }
        if asks_anew(page.status, &http.method) {
            http = Cow::Owned(only_asking(&http));
        } else if cookies.is_some() && !http.body.is_empty() {
            return Err(progress.failed(Reason::BadRedirect, format!("{} asks for the body again", page.status)));
        }
        redirects += 1;
        url = follow(&url, location).ok_or_else(|| {
            progress.failed(Reason::BadRedirect, String::from_utf8_lossy(location.as_bytes()).into_owned())
        })?;
        seen(progress).redirects = redirects;
    }
}

/// A token for the page, by a visit of its own whose times are no part of this one.
async fn token(checker: &Checker, family: Family, oauth: &OAuth, progress: &Progress) -> Stopped<Authorization> {
    let mut aside = Progress { trusted: true, ..Progress::start(monotonic_nanos()) };
    let refused = |text: &dyn std::fmt::Display| progress.failed(Reason::Token, text);
    let asked = fetch(checker, family, &oauth.ask, &oauth.ask.url, (None, None), &mut aside).await;
    let page = asked.map_err(|ending| match ending {
        Ending::Failed(fault) => refused(&format!("{}: {}", fault.reason.as_str(), fault.text)),
        other => other,
    })?;
    if page.status != 200 {
        return Err(refused(&format!("status {}", page.status)));
    }
    let answer: serde_json::Value = serde_json::from_slice(&page.body).map_err(|error| refused(&error))?;
    let word = |key: &str| answer[key].as_str().filter(|word| !word.is_empty());
    let token = word("access_token").ok_or_else(|| refused(&"no access_token in the answer"))?;
    let kind = word("token_type").filter(|kind| !kind.eq_ignore_ascii_case("bearer")).unwrap_or("Bearer");
    Ok(Authorization::Other(format!("{kind} {token}")))
}

fn seen(progress: &mut Progress) -> &mut HttpSeen {
    progress.report.http.get_or_insert_default()
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Whether what was handed in is done, and the answer lies elsewhere: as browsers and Go read RFC 9110, 15.4.
fn asks_anew(status: u16, method: &hyper::Method) -> bool {
    matches!(status, 301..=303) && ![hyper::Method::GET, hyper::Method::HEAD].contains(method)
}

/// The same without what was handed in.
fn only_asking(http: &Http) -> Http {
    let of_body = |name: &str| name.to_ascii_lowercase().starts_with("content-");
    let headers = http.headers.iter().filter(|(name, _)| !of_body(name)).cloned().collect();
    Http { method: hyper::Method::GET, body: vec![], headers, ..http.clone() }
}

/// Where `location`, seen at `from`, leads.
pub fn follow(from: &Uri, location: &HeaderValue) -> Option<Uri> {
    let location = location.to_str().ok()?.trim();
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let absolute = match location {
        "" => return None,
        whole if whole.contains("://") && !whole.starts_with(['/', '?']) => whole.to_owned(),
        host if host.starts_with("//") => format!("{scheme}:{host}"),
        path if path.starts_with('/') => format!("{scheme}://{authority}{path}"),
        query if query.starts_with('?') => format!("{scheme}://{authority}{}{query}", from.path()),
        relative => {
            let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{relative}")
        }
    };
    usable_url(&absolute)
}

/// One hop: its own address, connection, handshake, question and answer.
async fn fetch(
    checker: &Checker,
    family: Family,
    http: &Http,
    url: &Uri,
    (token, cookies): (Option<&Authorization>, Option<&Cookies>),
    progress: &mut Progress,
) -> Stopped<Page> {
    let secure = url.scheme_str() == Some("https");
    let at_home = url.authority() == http.url.authority();
    let endpoint = endpoint(http, url);
    // What the last hop said is not what this one says.
    progress.report.tls = None;
    let hops = seen(progress).redirects;
    *seen(progress) = HttpSeen { tls: secure, redirects: hops, ..HttpSeen::default() };
    let (stream, carried) = match &http.proxy {
        Some(proxy) => proxy::through(checker, family, proxy, (&endpoint, secure), &http.tls, progress).await?,
        None => (Box::new(connect(checker, &endpoint, family, progress).await?) as Box<dyn Duplex>, None),
    };
    let (stream, first, two) = if secure {
        let named = own_host(http).filter(|_| at_home).map(|host| host.split(':').next().unwrap_or(host).to_owned());
        let server_name = http.tls.server_name.clone().filter(|_| at_home).or(named);
        let settings = TlsSettings { server_name, ..http.tls.clone() };
        let protocols: &[&[u8]] = if http.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        let stream = tls::handshake(checker, &settings, &endpoint, stream, protocols, progress).await?;
        let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let (stream, first) = Watched::new(stream);
        (stream, first, two)
    } else {
        let (stream, first) = Watched::new(stream);
        (stream, first, false)
    };
    progress.enter(Phase::Processing);
    let request = request(http, url, at_home, (two, token, carried.as_ref()));
    let mut request = request.map_err(|error| Ending::Unmeasured(error.to_string()))?;
    if let Some(cookies) = cookies.and_then(|cookies| cookies.header(url)) {
        request.headers_mut().insert(COOKIE, cookies);
    }
    let page = exchange(stream, &first, request, two, http.body_limit, progress).await?;
    Ok(page)
}

/// Where `url` leads; what is pinned holds at home alone.
fn endpoint(http: &Http, url: &Uri) -> Endpoint {
    let at_home = url.authority() == http.url.authority();
    Endpoint {
        host: url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
        port: url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 }),
        pinned: http.pinned.filter(|_| at_home),
    }
}

fn own_host(http: &Http) -> Option<&str> {
    let own = http.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    own.map(|(_, value)| value.as_str())
}

/// `at_home`: at the address that the check names. Its secrets and its own `Host` go nowhere else.
fn request(
    http: &Http,
    url: &Uri,
    at_home: bool,
    (two, token, carried): (bool, Option<&Authorization>, Option<&proxy::Carried>),
) -> hyper::http::Result<Request<Full<Bytes>>> {
    let authority = url.authority().map(hyper::http::uri::Authority::as_str).unwrap_or_default();
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = own_host(http).filter(|_| at_home).unwrap_or(authority);
    let mut builder = Request::builder().method(http.method.clone());
    builder = if two {
        let scheme = url.scheme_str().unwrap_or("https");
        builder.version(hyper::Version::HTTP_2).uri(format!("{scheme}://{host}{path}"))
    } else {
        // A proxy must be told the whole address.
        let uri = carried.map_or_else(|| path.to_owned(), |carried| format!("http://{}{path}", carried.authority));
        builder.uri(uri).header(HOST, host)
    };
    let mut request = builder.body(Full::from(http.body.clone()))?;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if at_home {
        for (name, value) in http.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
            headers.insert(HeaderName::try_from(name.as_str())?, HeaderValue::try_from(value.as_str())?);
        }
        if let Some(authorization) = http.authorization.as_ref().or(token) {
            headers.insert(AUTHORIZATION, credentials(authorization)?);
        }
    }
    if let Some(authorization) = carried.and_then(|carried| carried.authorization.as_ref()) {
        headers.insert(PROXY_AUTHORIZATION, credentials(authorization)?);
    }
    Ok(request)
}

fn credentials(authorization: &Authorization) -> Result<HeaderValue, hyper::header::InvalidHeaderValue> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let text = match authorization {
        Authorization::Basic { user, password } => {
            format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
        }
        Authorization::Bearer(token) => format!("Bearer {token}"),
        Authorization::Other(text) => text.clone(),
    };
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Asks and reads the answer to its end.
async fn exchange(
    stream: Watched,
    first: &FirstByte,
    request: Request<Full<Bytes>>,
    two: bool,
    limit: usize,
    progress: &mut Progress,
) -> Stopped<Page> {
    let io = TokioIo::new(stream);
    let (answered, mut moving, _sender) = if two {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let shaken = builder.max_header_list_size(HEAD as u32).handshake(io).await;
        let (mut sender, connection) = shaken.map_err(|error| ending(&error, progress))?;
        let mut moving = Moving::new(connection);
        (moving.during(sender.send_request(request)).await, moving, None)
    } else {
        let shaken = http1::Builder::new().max_headers(LINES).max_buf_size(HEAD).handshake(io).await;
        let (mut sender, connection) = shaken.map_err(|error| ending(&error, progress))?;
        let mut moving = Moving::new(connection);
        (moving.during(sender.send_request(request)).await, moving, Some(sender))
    };
    let response = answered.map_err(|error| ending(&error, progress))?;
    progress.enter_at(Phase::Transfer, first.at().unwrap_or_else(monotonic_nanos));
    note(&response, progress);
    let (parts, body) = response.into_parts();
    let body = moving.during(read(body, limit, progress)).await;
    if matches!(&body, Err(Ending::Failed(fault)) if fault.reason == Reason::BodyTooLarge) {
        seen(progress).body_bytes = limit;
    }
    let body = body?;
    progress.enter(Phase::Content);
    seen(progress).body_bytes = body.len();
    Ok(Page { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// A connection that moves its bytes while something is waited for, in the same task: no other thread wakes for it, and
/// nothing of a check outlives it. `None`: it has ended.
pub struct Moving(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Moving {
    pub fn new<E: 'static>(connection: impl Future<Output = Result<(), E>> + Send + 'static) -> Self {
        // How it ends, the one who asked is told.
        Self(Some(Box::pin(connection.map(drop))))
    }

    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.0.take_if(|connection| connection.as_mut().poll(context).is_ready());
            work.as_mut().poll(context)
        })
        .await
    }
}

fn note(response: &Response<Incoming>, progress: &mut Progress) {
    let headers = response.headers();
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let modified = text(LAST_MODIFIED).and_then(|text| chrono::DateTime::parse_from_rfc2822(text).ok());
    let seen = seen(progress);
    seen.status = response.status().as_u16();
    seen.version = match response.version() {
        hyper::Version::HTTP_09 => "0.9",
        hyper::Version::HTTP_10 => "1.0",
        hyper::Version::HTTP_2 => "2",
        _ => "1.1",
    };
    seen.content_length = text(CONTENT_LENGTH).and_then(|length| length.parse().ok());
    seen.last_modified = modified.map(|time| Timestamp(time.timestamp_millis()));
}

async fn read(mut body: Incoming, limit: usize, progress: &Progress) -> Stopped<Vec<u8>> {
    let too_large = || progress.failed(Reason::BodyTooLarge, format!("more than {limit} bytes"));
    // Said beforehand, it need not be read.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = vec![];
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ending(&error, progress))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes)
}

/// What an error of an exchange says.
pub fn ending(error: &hyper::Error, progress: &Progress) -> Ending {
    let in_transfer = progress.phase == Phase::Transfer;
    if error.is_parse_too_large() {
        return progress.failed(Reason::HeadersTooLarge, error);
    }
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    let said = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    while let Some(inner) = cause {
        if let Some(socket) = inner.downcast_ref::<std::io::Error>() {
            return match socket.kind() {
                std::io::ErrorKind::UnexpectedEof if in_transfer => progress.failed(Reason::BodyIncomplete, said),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput | std::io::ErrorKind::Other => {
                    progress.failed(Reason::BadAnswer, said)
                }
                _ => io_ending(socket, progress),
            };
        }
        cause = inner.source();
    }
    let reason = match () {
        () if error.is_incomplete_message() && in_transfer => Reason::BodyIncomplete,
        () if error.is_incomplete_message() || error.is_closed() || error.is_canceled() => Reason::Closed,
        () => Reason::BadAnswer,
    };
    progress.failed(reason, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_browsers_would_go() {
        let from: Uri = "http://a.test:81/x/y?q".parse().unwrap();
        for (location, to) in [
            ("https://b.test/z", "https://b.test/z"),
            ("//b.test/z", "http://b.test/z"),
            ("/z", "http://a.test:81/z"),
            ("z", "http://a.test:81/x/z"),
            ("?p=://", "http://a.test:81/x/y?p=://"),
            ("/z?u=http://c.test", "http://a.test:81/z?u=http://c.test"),
        ] {
            let followed = follow(&from, &HeaderValue::from_str(location).unwrap());
            assert_eq!(followed.map(|url| url.to_string()).as_deref(), Some(to), "{location}");
        }
        for location in ["", "ftp://x/", "http://user@x/", "javascript://%0a"] {
            assert_eq!(follow(&from, &HeaderValue::from_str(location).unwrap()), None, "{location}");
        }
    }
}
