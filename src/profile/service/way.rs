//! What stands between us and a page: a proxy that carries the request on, and a server that hands out tokens.

use hyper::Uri;

use super::{Authorization, Endpoint, Http, usable_url};

/// An HTTP proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub endpoint: Endpoint,
    /// Spoken to over TLS.
    pub secure: bool,
    pub authorization: Option<Authorization>,
    /// Sent with CONNECT alone.
    pub headers: Vec<(String, String)>,
    /// The proxy looks the name up, and not we.
    pub by_name: bool,
}

impl Proxy {
    /// `http[s]://[user:password@]host[:port]`. `None`: no proxy that we speak to.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let rest = rest.split(['/', '?', '#']).next()?;
        let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
        let url = usable_url(&format!("{scheme}://{place}/"))?;
        let secure = scheme == "https";
        let endpoint = Endpoint {
            host: url.host()?.trim_matches(['[', ']']).to_owned(),
            port: url.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            pinned: None,
        };
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let authorization = user.map(|user| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            Authorization::Basic { user: decoded(user), password: decoded(password) }
        });
        Some(Self { endpoint, secure, authorization, headers: vec![], by_name: false })
    }
}

/// Hosts that are visited without the proxy, as `NO_PROXY` lists them.
#[derive(Clone, Debug, Default)]
pub struct Unproxied(Vec<String>);

impl Unproxied {
    pub fn parse(text: &str) -> Self {
        let parts = text.split(',').map(|part| part.trim().to_ascii_lowercase());
        Self(parts.filter(|part| !part.is_empty()).collect())
    }

    /// `*`, a name with everything below it, `.name` for what is below alone, an address or a network; each but `*` with a port or
    /// without.
    pub fn has(&self, url: &Uri) -> bool {
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 });
        let address = host.parse::<std::net::IpAddr>().ok();
        self.0.iter().any(|entry| {
            if entry == "*" {
                return true;
            }
            if let Some((first, bits)) = entry.split_once('/') {
                let network = first.parse().ok().zip(bits.parse().ok());
                return network.zip(address).is_some_and(|((first, bits), address)| shares(first, address, bits));
            }
            let (name, wanted) = match entry.rsplit_once(':') {
                Some((name, digits)) if digits.parse::<u16>().is_ok() && !name.contains(':') => {
                    (name, digits.parse().ok())
                }
                _ => (entry.as_str(), None),
            };
            let named = match name.strip_prefix('.') {
                Some(_) => host.ends_with(name),
                None => {
                    host == name || address.is_none() && host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
                }
            };
            named && wanted.is_none_or(|wanted: u16| wanted == port)
        })
    }
}

/// Whether both begin with the same `bits`.
fn shares(first: std::net::IpAddr, address: std::net::IpAddr, bits: u32) -> bool {
    use std::net::IpAddr::{V4, V6};
    match (first, address) {
        (V4(first), V4(address)) => (first.to_bits() ^ address.to_bits()).leading_zeros() >= bits,
        (V6(first), V6(address)) => (first.to_bits() ^ address.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

/// The client credentials grant of RFC 6749, section 4.4.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// The request for a token, whole.
    pub ask: Http,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_address_with_or_without_a_name_for_us() {
        let proxy = Proxy::parse("http://us%3Aer:p%40ss@proxy.test:3128/").unwrap();
        assert_eq!((proxy.endpoint.host.as_str(), proxy.endpoint.port, proxy.secure), ("proxy.test", 3128, false));
        let said = |own: Option<Authorization>| match own {
            Some(Authorization::Basic { user, password }) => format!("{user} {password}"),
            _ => String::new(),
        };
        assert_eq!(said(proxy.authorization), "us:er p@ss");
        assert!(Proxy::parse("https://[::1]").is_some_and(|proxy| proxy.secure && proxy.endpoint.port == 443));
        assert!(Proxy::parse("socks5://proxy.test").is_none() && Proxy::parse("proxy.test:3128").is_none());
    }

    #[test]
    fn what_is_visited_without_the_proxy() {
        let list = Unproxied::parse("city.test, .gov.test:8443,10.0.0.0/8,::1, 198.18.0.1:80");
        for (url, without) in [
            ("http://city.test/", true),
            ("http://www.city.test/", true),
            ("http://acity.test/", false),
            ("https://www.gov.test:8443/", true),
            ("https://www.gov.test/", false),
            ("https://gov.test:8443/", false),
            ("http://10.1.2.3/", true),
            ("http://11.1.2.3/", false),
            ("http://[::1]/", true),
            ("http://198.18.0.1/", true),
            ("https://198.18.0.1/", false),
        ] {
            assert_eq!(list.has(&url.parse().unwrap()), without, "{url}");
        }
        assert!(Unproxied::parse("*").has(&"http://x/".parse().unwrap()));
        assert!(!Unproxied::parse("").has(&"http://x/".parse().unwrap()));
    }
}
