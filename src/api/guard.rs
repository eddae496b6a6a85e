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
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header},
    middleware::Next,
    response::Response,
};

use super::{Api, problem::Problem, users::Who};

/// Name of the user who sent a request. Set here and nowhere else: what a client sends under it is thrown away.
pub(super) const USER: HeaderName = HeaderName::from_static("x-linkpatrol-user");

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
    let peer: Option<Peer> = request.extensions().get().copied();
    let web = api.web.load().web();
    let address = peer.map_or(IpAddr::from([0, 0, 0, 0]), |Peer(address)| address.ip().to_canonical());
    let who = api.users.identify(web.as_ref(), address, request.method(), request.headers()).await?;
    who.may(request.method(), request.uri(), &api.feed.load())?;
    request.headers_mut().remove(USER);
    match &who {
        Who::Anybody if !request.method().is_safe() => judge(peer.as_ref(), request.headers())?,
        _ if !request.method().is_safe() => own_pages_only(request.headers())?,
        _ => {}
    }
    if let Who::User { name, .. } = &who {
        // Names with control characters are not to be had in a header, and nobody types one.
        let name = HeaderValue::from_bytes(name.as_bytes()).map_err(|_| Problem::NoPassword)?;
        request.headers_mut().insert(USER, name);
    }
    Ok(next.run(request).await)
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
