//! Who may change anything, until users exist: only this machine, and no page of another site in its browser.
//!
//! A browser on this machine can be made to send requests by any page it shows. It cannot hide where the page came
//! from (`Origin`), and a name that was rebound to 127.0.0.1 still stands in `Host`.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::Request,
    http::{HeaderMap, Uri, header},
    middleware::Next,
    response::Response,
};

use super::problem::Problem;

/// The far end of the connection that a request came on.
#[derive(Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

pub(super) async fn changes_only_from_here(request: Request, next: Next) -> Result<Response, Problem> {
    if !request.method().is_safe() {
        judge(request.extensions().get(), request.headers())?;
    }
    Ok(next.run(request).await)
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
