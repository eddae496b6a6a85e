//! A port or a socket of this host: it accepts a connection and, when there are steps, says what it must.

use regex::bytes::Regex;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use super::{
    Checker, Progress, Stopped,
    stream::{Duplex, connect, forbidden, io_ending},
    tls,
};
use crate::{
    profile::service::{Endpoint, Family, Step, Tcp, TlsSettings, Unix},
    sample::service::{Phase, Reason},
};

/// Bytes that one step may read before it gives up.
const MOST: u64 = 64 * 1024;
/// Names and values that one talk may keep.
const KEPT: usize = 64;

pub async fn talk(checker: &Checker, family: Family, tcp: &Tcp, progress: &mut Progress) -> Stopped<()> {
    let connected = connect(checker, &tcp.endpoint, family, progress).await?;
    let stream: Box<dyn Duplex> = match &tcp.tls {
        None => Box::new(connected),
        Some(settings) => Box::new(tls::handshake(checker, settings, &tcp.endpoint, connected, &[], progress).await?),
    };
    go(checker, stream, &tcp.steps, (&tcp.upgrade, &tcp.endpoint), progress).await
}

/// The same over a socket of this host.
pub async fn talk_here(checker: &Checker, unix: &Unix, progress: &mut Progress) -> Stopped<()> {
    if checker.allowed.as_ref().is_some_and(|allowed| !allowed.has_socket(&unix.path)) {
        return Err(forbidden(unix.path.display(), progress));
    }
    progress.enter(Phase::Connect);
    let connected = UnixStream::connect(&unix.path).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => progress.failed(Reason::Refused, error),
        _ => io_ending(&error, progress),
    })?;
    let here = Endpoint { host: "localhost".to_owned(), port: 0, pinned: None };
    let stream: Box<dyn Duplex> = match &unix.tls {
        None => Box::new(connected),
        Some(settings) => Box::new(tls::handshake(checker, settings, &here, connected, &[], progress).await?),
    };
    go(checker, stream, &unix.steps, (&unix.upgrade, &here), progress).await
}

async fn go(
    checker: &Checker,
    stream: Box<dyn Duplex>,
    steps: &[Step],
    (upgrade, endpoint): (&TlsSettings, &Endpoint),
    progress: &mut Progress,
) -> Stopped<()> {
    if steps.is_empty() {
        return Ok(());
    }
    progress.enter(Phase::Processing);
    let mut stream = BufReader::new(stream);
    for step in steps {
        take(step, &mut stream, progress).await?;
        if step.starttls {
            // What was sent before the handshake must not count as said after it.
            let inner = stream.into_inner();
            let shaken = tls::handshake(checker, upgrade, endpoint, inner, &[], progress).await?;
            progress.enter(Phase::Processing);
            stream = BufReader::new(Box::new(shaken));
        }
    }
    Ok(())
}

async fn take(step: &Step, stream: &mut BufReader<Box<dyn Duplex>>, progress: &mut Progress) -> Stopped<()> {
    let line = match &step.expect {
        Some(pattern) => expect(pattern, stream, progress).await?,
        None => vec![],
    };
    if !step.expect_bytes.is_empty() {
        let mut bytes = vec![0; step.expect_bytes.len()];
        stream.read_exact(&mut bytes).await.map_err(|error| io_ending(&error, progress))?;
        if bytes != step.expect_bytes {
            let text = format!("{} instead of {}", bytes.escape_ascii(), step.expect_bytes.escape_ascii());
            return Err(progress.failed(Reason::BytesMismatch, text));
        }
    }
    let found = step.expect.as_ref().and_then(|pattern| pattern.captures(&line));
    // What the far end said may be part of the answer, as `${1}`.
    let filled = |text: &str| {
        let mut words = vec![];
        match &found {
            Some(found) => found.expand(text.as_bytes(), &mut words),
            None => words.extend_from_slice(text.as_bytes()),
        }
        words
    };
    if found.is_some() {
        let room = KEPT.saturating_sub(progress.report.kept.len());
        let kept = step.labels.iter().take(room);
        let kept = kept.map(|(name, value)| (name.clone(), String::from_utf8_lossy(&filled(value)).into_owned()));
        progress.report.kept.extend(kept);
    }
    if let Some(send) = &step.send {
        let mut words = filled(send);
        words.push(b'\n');
        stream.write_all(&words).await.map_err(|error| io_ending(&error, progress))?;
        stream.flush().await.map_err(|error| io_ending(&error, progress))?;
    }
    Ok(())
}

/// Reads lines until one matches.
async fn expect(pattern: &Regex, stream: &mut BufReader<Box<dyn Duplex>>, progress: &Progress) -> Stopped<Vec<u8>> {
    let mut left = stream.take(MOST);
    loop {
        let mut line = vec![];
        let read = left.read_until(b'\n', &mut line).await.map_err(|error| io_ending(&error, progress))?;
        if read == 0 {
            let text = format!("nothing that matches {pattern} before the end or {MOST} bytes");
            return Err(progress.failed(Reason::ExpectMismatch, text));
        }
        while line.last().is_some_and(|end| matches!(end, b'\n' | b'\r')) {
            line.pop();
        }
        if pattern.is_match(&line) {
            return Ok(line);
        }
    }
}
