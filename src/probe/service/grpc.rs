//! The health of a service by `grpc.health.v1`: one call of `Check`, whose messages are two fields long and are written and
//! read here.

use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http2, header::HeaderMap};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{
    Checker, Progress, Stopped,
    http::Moving,
    stream::{Duplex, connect},
    tls,
};
use crate::{
    clock::monotonic_nanos,
    profile::service::{Family, Grpc},
    sample::service::{GrpcSeen, Phase, Reason},
};

/// What a call ends with when nobody answers (UNAVAILABLE).
const UNAVAILABLE: u16 = 14;
/// The largest answer: one number, with room for fields of later times.
const MOST: usize = 4096;
/// `ServingStatus`, by its number.
pub const STATES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

pub async fn ask(checker: &Checker, family: Family, grpc: &Grpc, progress: &mut Progress) -> Stopped<()> {
    progress.report.grpc = Some(GrpcSeen { status: UNAVAILABLE, ..GrpcSeen::default() });
    let stream = connect(checker, &grpc.endpoint, family, progress).await?;
    let stream: Box<dyn Duplex> = match &grpc.tls {
        None => Box::new(stream),
        Some(settings) => {
            Box::new(tls::handshake(checker, settings, &grpc.endpoint, stream, &[b"h2"], progress).await?)
        }
    };
    progress.enter(Phase::Processing);
    let begun = monotonic_nanos();
    let called = call(stream, grpc, progress).await;
    let seen = progress.report.grpc.get_or_insert_default();
    seen.took = std::time::Duration::from_nanos(monotonic_nanos() - begun);
    seen.tls = grpc.tls.is_some();
    let (status, serving) = called?;
    (seen.status, seen.serving) = (status, serving);
    match (status, serving) {
        (0, Some("SERVING")) => Ok(()),
        (0, other) => Err(progress.failed(Reason::NotServing, other.unwrap_or("no answer"))),
        (code, _) => Err(progress.failed(Reason::NotServing, format!("the call ended with code {code}"))),
    }
}

/// The code of the call, and what the service says of itself.
async fn call(stream: Box<dyn Duplex>, grpc: &Grpc, progress: &mut Progress) -> Stopped<(u16, Option<&'static str>)> {
    let shaken = http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| super::http::ending(&error, progress))?;
    let mut moving = Moving::new(connection);
    let scheme = if grpc.tls.is_some() { "https" } else { "http" };
    let host =
        if grpc.endpoint.host.contains(':') { format!("[{}]", grpc.endpoint.host) } else { grpc.endpoint.host.clone() };
    let mut request = Request::post(format!("{scheme}://{host}:{}/grpc.health.v1.Health/Check", grpc.endpoint.port))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", super::http::AGENT);
    for (name, value) in &grpc.metadata {
        request = request.header(name.to_ascii_lowercase(), value);
    }
    let body = Full::<Bytes>::from(question(&grpc.service));
    let request = request.body(body).map_err(|error| progress.failed(Reason::BadAnswer, error))?;
    let answer =
        moving.during(sender.send_request(request)).await.map_err(|error| super::http::ending(&error, progress))?;
    progress.enter(Phase::Transfer);
    let (head, mut body) = answer.into_parts();
    let mut bytes = vec![];
    let mut status = code(&head.headers);
    while let Some(frame) = moving.during(body.frame()).await {
        let frame = frame.map_err(|error| super::http::ending(&error, progress))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > MOST {
                return Err(progress.failed(Reason::BodyTooLarge, format!("more than {MOST} bytes")));
            }
            bytes.extend_from_slice(data);
        }
        status = frame.trailers_ref().and_then(code).or(status);
    }
    match status {
        Some(0) => Ok((0, serving(&bytes))),
        Some(code) => Ok((code, None)),
        None => Err(progress.failed(Reason::BadAnswer, format!("no grpc-status, HTTP status {}", head.status))),
    }
}

fn code(headers: &HeaderMap) -> Option<u16> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// One message that is not packed: its length, then field 1 of text.
fn question(service: &str) -> Vec<u8> {
    let mut message = vec![];
    if !service.is_empty() {
        message.push(0x0a);
        let mut length = service.len();
        while length > 0x7f {
            message.push(length as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend(message);
    framed
}

/// Field 1 as a number of the answer; one that is not there is zero.
fn serving(bytes: &[u8]) -> Option<&'static str> {
    let (head, message) = bytes.split_at_checked(5)?;
    if head[0] != 0 {
        return None;
    }
    match message {
        [0x08, state, ..] => STATES.get(usize::from(*state)).copied(),
        _ => STATES.first().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_the_protocol_writes_them() {
        assert_eq!(question(""), [0, 0, 0, 0, 0]);
        assert_eq!(question("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(question(&"x".repeat(200))[5..8], [0x0a, 0xc8, 0x01]);
        assert_eq!(serving(&[0, 0, 0, 0, 2, 8, 1]), Some("SERVING"));
        assert_eq!(serving(&[0, 0, 0, 0, 0]), Some("UNKNOWN"));
        assert_eq!((serving(&[0, 0, 0, 0, 2, 8, 9]), serving(&[1, 0, 0, 0, 0]), serving(&[])), (None, None, None));
    }
}
