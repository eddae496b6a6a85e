//! The way through a proxy of HTTP: a tunnel to what speaks TLS, and the whole address in the request to what does not.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{HEAD, credentials};
use crate::{
    probe::service::{
        Checker, Progress, Stopped,
        stream::{Duplex, connect_aside, find, forbidden, io_ending},
        tls,
    },
    profile::service::{Authorization, Endpoint, Family, Proxy, TlsSettings},
    sample::service::{Ending, Phase, Reason},
};

/// What a request through a proxy says besides.
pub struct Carried {
    /// Host and port, as the proxy is to look for them.
    pub authority: String,
    pub authorization: Option<Authorization>,
}

/// A stream that leads to `endpoint`; with [`Carried`] when each request must say where it goes.
pub async fn through(
    checker: &Checker,
    family: Family,
    proxy: &Proxy,
    (endpoint, secure): (&Endpoint, bool),
    settings: &TlsSettings,
    progress: &mut Progress,
) -> Stopped<(Box<dyn Duplex>, Option<Carried>)> {
    let authority = if proxy.by_name {
        by_name(checker, endpoint, progress)?
    } else {
        find(checker, endpoint, family, progress).await?.to_string()
    };
    let stream = connect_aside(checker, &proxy.endpoint, family, progress).await?;
    let mut stream: Box<dyn Duplex> = if proxy.secure {
        let settings = TlsSettings { server_name: None, starttls: None, survey: false, ..settings.clone() };
        Box::new(tls::handshake(checker, &settings, &proxy.endpoint, stream, &[], progress).await?)
    } else {
        Box::new(stream)
    };
    if !secure {
        return Ok((stream, Some(Carried { authority, authorization: proxy.authorization.clone() })));
    }
    progress.enter(Phase::Connect);
    tunnel(&mut stream, proxy, &authority, progress).await?;
    Ok((stream, None))
}

/// Where the proxy leads to is not known to us: only who may visit anything may let it look names up.
fn by_name(checker: &Checker, endpoint: &Endpoint, progress: &mut Progress) -> Stopped<String> {
    let address = endpoint.pinned.or_else(|| endpoint.host.parse().ok());
    let fine = checker.allowed.as_ref().is_none_or(|allowed| match address {
        Some(address) => allowed.has(address),
        None => allowed.is_open(),
    });
    if !fine {
        return Err(forbidden(&endpoint.host, progress));
    }
    let brackets = endpoint.host.contains(':');
    Ok(if brackets {
        format!("[{}]:{}", endpoint.host, endpoint.port)
    } else {
        format!("{}:{}", endpoint.host, endpoint.port)
    })
}

async fn tunnel(stream: &mut Box<dyn Duplex>, proxy: &Proxy, authority: &str, progress: &Progress) -> Stopped<()> {
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(authorization) = &proxy.authorization {
        let value = credentials(authorization).map_err(|error| Ending::Unmeasured(error.to_string()))?;
        request += &format!("Proxy-Authorization: {}\r\n", value.to_str().unwrap_or_default());
    }
    for (name, value) in &proxy.headers {
        let clean = |text: &str| text.chars().filter(|letter| !letter.is_control()).collect::<String>();
        request += &format!("{}: {}\r\n", clean(name), clean(value));
    }
    request += "\r\n";
    stream.write_all(request.as_bytes()).await.map_err(|error| io_ending(&error, progress))?;
    stream.flush().await.map_err(|error| io_ending(&error, progress))?;
    // One byte at a time: what follows the head belongs to the handshake.
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD {
            return Err(progress.failed(Reason::HeadersTooLarge, "of the proxy"));
        }
        head.push(stream.read_u8().await.map_err(|error| io_ending(&error, progress))?);
    }
    let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    let status = line.split(' ').nth(1).and_then(|text| text.parse::<u16>().ok());
    match status {
        Some(200..300) => Ok(()),
        _ => Err(progress.failed(Reason::Proxy, line)),
    }
}
