//! A port: it accepts a connection and, when there are steps, says what it must.

use regex::bytes::Regex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{
    Checker, Progress, Stopped,
    stream::{Duplex, connect, io_ending},
    tls,
};
use crate::{
    profile::service::{Family, Step, Tcp},
    sample::service::{Phase, Reason},
};

/// Bytes that one step may read before it gives up.
const MOST: u64 = 64 * 1024;

pub async fn talk(checker: &Checker, family: Family, tcp: &Tcp, progress: &mut Progress) -> Stopped<()> {
    let connected = connect(checker, &tcp.endpoint, family, progress).await?;
    let stream: Box<dyn Duplex> = match &tcp.tls {
        None => Box::new(connected),
        Some(settings) => {
            Box::new(tls::handshake(checker, settings, &tcp.endpoint.host, connected, &[], progress).await?)
        }
    };
    if tcp.steps.is_empty() {
        return Ok(());
    }
    progress.enter(Phase::Processing);
    let mut stream = BufReader::new(stream);
    for step in &tcp.steps {
        take(step, &mut stream, progress).await?;
    }
    Ok(())
}

async fn take(step: &Step, stream: &mut BufReader<Box<dyn Duplex>>, progress: &Progress) -> Stopped<()> {
    let line = match &step.expect {
        Some(pattern) => expect(pattern, stream, progress).await?,
        None => vec![],
    };
    if let Some(send) = &step.send {
        let mut words = send.clone().into_bytes();
        // What the far end said may be part of the answer, as `${1}`.
        if let Some(found) = step.expect.as_ref().and_then(|pattern| pattern.captures(&line)) {
            words.clear();
            found.expand(send.as_bytes(), &mut words);
        }
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
