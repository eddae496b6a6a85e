//! Who may ask for what: users by their role or, where none are configured, only this machine; and no page of another
//! site in a browser.
//!
//! A browser can be made to send requests by any page it shows, with the passwords it knows. It cannot hide where the
//! page came from (`Origin`), and a name that was rebound to 127.0.0.1 still stands in `Host`.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    Api, BODY, page,
    problem::Problem,
    sessions::Session,
    users::{Admitted, PINNED, Who},
};

/// Name of the user who sent a request. Set here and nowhere else: what a client sends under it is thrown away.
pub(super) const USER: HeaderName = HeaderName::from_static("x-linkpatrol-user");

/// Token of the session that a request came with, for the forms of its page. Set here and nowhere else, as above.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-linkpatrol-token");

const LOGIN: &str = "/login";
pub(super) const LOGOUT: &str = "/logout";
/// Pages that are opened by a signed link.
const PASSES: &str = "/a/";

/// What no page of ours says otherwise: nothing from elsewhere, no script, in nobody's frame.
const STRICT: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// The far end of the connection that a request came on.
#[derive(Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Peer {
    /// Of connections that do not say, one address for all of them.
    pub(super) fn address(peer: Option<&Self>) -> IpAddr {
        peer.map_or(IpAddr::from([0, 0, 0, 0]), |Self(address)| address.ip().to_canonical())
    }
}

/// Says what browsers may do with an answer.
pub(super) async fn strictly(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in STRICT {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

pub(super) async fn allowed(
    State(api): State<Arc<Api>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    request.headers_mut().remove(USER);
    request.headers_mut().remove(TOKEN);
    if !is_form(&request) {
        return admit(&api, request, next).await;
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY).await.map_err(|error| Problem::BadBody(error.to_string()))?;
    let again = Request::from_parts(head.clone(), Body::from(body.clone()));
    match admit(&api, again, next).await {
        Err(Problem::NoPassword | Problem::NoToken) => match page::session_ended(&api, head, &body).await {
            Ok(shown) => Ok(shown),
        },
        answer => answer,
    }
}

async fn admit(api: &Arc<Api>, mut request: Request, next: Next) -> Result<Response, Problem> {
    // Whoever holds a signed link needs no other word: the page asks for it, and a browser sends none of ours along.
    if request.uri().path().starts_with(PASSES) {
        return Ok(next.run(request).await);
    }
    let peer: Option<Peer> = request.extensions().get().copied();
    let web = api.web.load().web();
    let address = Peer::address(peer.as_ref());
    if request.uri().path() == LOGIN {
        if !request.method().is_safe() {
            own_pages_only(request.headers())?;
        }
        return Ok(next.run(request).await);
    }
    let now = api.clock.now().mono;
    let users = web.as_ref().filter(|web| web.has_users() && !request.headers().contains_key(header::AUTHORIZATION));
    let session = users.and_then(|web| Some((web, api.users.sessions.of(request.headers(), web, now)?)));
    let who = match &session {
        Some((web, (_, session))) => Who::user(web, &session.name),
        None => match api.users.identify(web.as_ref(), address, is_open(&request), request.headers()).await {
            Err(Problem::NoPassword) if is_browser(&request) => return Ok(to_login(request.uri())),
            who => who?,
        },
    };
    // Whoever came in may leave.
    let leaves = request.uri().path() == LOGOUT && matches!(who, Who::User { .. });
    if !leaves {
        who.may(request.method(), request.uri(), &api.feed.load())?;
    }
    match &who {
        Who::Anybody if !request.method().is_safe() => judge(peer.as_ref(), request.headers())?,
        _ if !request.method().is_safe() => own_pages_only(request.headers())?,
        _ => {}
    }
    if let Some((_, (_, session))) = &session {
        if !request.method().is_safe() {
            request = with_token(request, session).await?;
        }
        let token = HeaderValue::from_str(&session.token).map_err(|_| Problem::NoToken)?;
        request.headers_mut().insert(TOKEN, token);
    }
    let digest = session.as_ref().map(|(_, (digest, _))| *digest);
    let admitted = Admitted::new(who.clone(), web.as_ref(), digest);
    request.extensions_mut().insert(admitted);
    if let Who::User { name, .. } = &who {
        // Names with control characters are not to be had in a header, and nobody types one.
        let name = HeaderValue::from_bytes(name.as_bytes()).map_err(|_| Problem::NoPassword)?;
        request.headers_mut().insert(USER, name);
    }
    Ok(next.run(request).await)
}

/// Where reading is open to all, this is as well: it changes nothing, or asks for a PIN.
fn is_open(request: &Request) -> bool {
    request.method().is_safe() || request.uri().path() == PINNED
}

/// Somebody who looks at a page, and may be asked for a password by one of ours.
fn is_browser(request: &Request) -> bool {
    request.method() == Method::GET && shows_pages(request)
}

/// Somebody who filled in a form of a page.
fn is_form(request: &Request) -> bool {
    request.method() == Method::POST && shows_pages(request) && is_urlencoded(request)
}

fn shows_pages(request: &Request) -> bool {
    !request.headers().contains_key(header::AUTHORIZATION) && said(request, header::ACCEPT).contains("text/html")
}

fn is_urlencoded(request: &Request) -> bool {
    said(request, header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded")
}

fn said(request: &Request, name: header::HeaderName) -> &str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn to_login(uri: &Uri) -> Response {
    let next = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let place = serde_urlencoded::to_string([("next", next)]).map(|query| format!("{LOGIN}?{query}"));
    let place = place.unwrap_or_else(|_| LOGIN.to_owned());
    (StatusCode::SEE_OTHER, [(header::LOCATION, place), (header::CACHE_CONTROL, "no-store".to_owned())]).into_response()
}

/// What changes something under a cookie carries the session's token: in a header, or in a field `csrf` of its form.
async fn with_token(request: Request, session: &Session) -> Result<Request, Problem> {
    if let Some(said) = request.headers().get("x-csrf-token") {
        let is_it = said.to_str().is_ok_and(|said| session.is_token(said));
        return if is_it { Ok(request) } else { Err(Problem::NoToken) };
    }
    if !is_urlencoded(&request) {
        return Err(Problem::NoToken);
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY).await.map_err(|error| Problem::BadBody(error.to_string()))?;
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&body).unwrap_or_default();
    if !fields.iter().any(|(name, value)| name == "csrf" && session.is_token(value)) {
        return Err(Problem::NoToken);
    }
    Ok(Request::from_parts(head, Body::from(body)))
}

/// A browser sends a known user's password with what any page asks for: a page of ours names the host it came from,
/// behind a proxy too.
fn own_pages_only(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = text(headers, header::ORIGIN) else { return Ok(()) };
    let from = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    if from.is_some() && from == text(headers, header::HOST).as_deref() { Ok(()) } else { Err(Problem::ForeignOrigin) }
}

fn judge(peer: Option<&Peer>, headers: &HeaderMap) -> Result<(), Problem> {
    if !peer.is_some_and(|Peer(address)| address.ip().to_canonical().is_loopback()) {
        return Err(Problem::NotLoopback);
    }
    if !text(headers, header::HOST).is_some_and(|host| is_here(&host)) {
        return Err(Problem::BadHost);
    }
    match headers.get(header::ORIGIN) {
        None => Ok(()),
        // Its own pages carry the origin under which they were asked for.
        Some(_)
            if text(headers, header::ORIGIN) == text(headers, header::HOST).map(|host| format!("http://{host}")) =>
        {
            Ok(())
        }
        Some(_) => Err(Problem::ForeignOrigin),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_ascii_lowercase)
}

/// Whether `Host` names this machine: `localhost` or a loopback address, with or without a port.
fn is_here(host: &str) -> bool {
    let Some(name) = format!("http://{host}/").parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else {
        return false;
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(peer: &str, headers: &[(header::HeaderName, &str)]) -> Result<(), Problem> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        judge(Some(&Peer(peer.parse().unwrap())), &headers)
    }

    #[test]
    fn the_own_machine_may() {
        for host in ["127.0.0.1:9815", "localhost:9815", "LOCALHOST", "[::1]:9815", "127.9.9.9"] {
            assert!(judged("127.0.0.1:5000", &[(header::HOST, host)]).is_ok(), "{host}");
        }
        assert!(judged("[::ffff:127.0.0.1]:5000", &[(header::HOST, "localhost")]).is_ok());
        let own_page = [(header::HOST, "localhost:9815"), (header::ORIGIN, "http://localhost:9815")];
        assert!(judged("[::1]:5000", &own_page).is_ok());
    }

    #[test]
    fn nobody_else_may() {
        let here = (header::HOST, "127.0.0.1:9815");
        assert!(matches!(judged("192.0.2.1:5000", std::slice::from_ref(&here)), Err(Problem::NotLoopback)));
        assert!(matches!(judge(None, &HeaderMap::new()), Err(Problem::NotLoopback)));
        for rebound in
            ["evil.example:9815", "127.0.0.1.evil.example", "localhost.evil.example", "", "127.0.0.1@evil.example"]
        {
            assert!(matches!(judged("127.0.0.1:5000", &[(header::HOST, rebound)]), Err(Problem::BadHost)), "{rebound}");
        }
        for origin in ["http://evil.example", "null", "https://127.0.0.1:9815", "http://127.0.0.1:80"] {
            let asked = judged("127.0.0.1:5000", &[here.clone(), (header::ORIGIN, origin)]);
            assert!(matches!(asked, Err(Problem::ForeignOrigin)), "{origin}");
        }
    }
}
