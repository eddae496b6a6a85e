//! Whether an answer that came whole is the answer that was wanted.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use hyper::header::CONTENT_ENCODING;
use regex::bytes::Regex;

use super::{Page, charset, seen};
use crate::{
    probe::service::{Progress, Stopped, fresh},
    profile::service::{Cel, Compression, HeaderRule, Http},
    sample::service::Reason,
};

/// In the order of blackbox_exporter: status, headers, body, version, TLS. Returns the body in UTF-8 where it is in another
/// encoding.
pub(super) fn judge(http: &Http, page: &Page, progress: &mut Progress) -> Stopped<Option<String>> {
    let status = page.status;
    let fine = if http.statuses.is_empty() { (200..300).contains(&status) } else { http.statuses.contains(&status) };
    if !fine {
        return Err(progress.failed(Reason::Status, status));
    }
    headers(http, page, progress)?;
    let read = body(http, page, progress)?;
    let version = format!("HTTP/{}", seen(progress).version);
    let same = |wanted: &String| *wanted == version || version == "HTTP/2" && wanted == "HTTP/2.0";
    if !http.versions.is_empty() && !http.versions.iter().any(same) {
        return Err(progress.failed(Reason::Version, version));
    }
    let secure = seen(progress).tls;
    match http.tls_wanted {
        Some(true) if !secure => Err(progress.failed(Reason::TlsMissing, "the last answer came without TLS")),
        Some(false) if secure => Err(progress.failed(Reason::TlsUnwanted, "the last answer came over TLS")),
        _ => Ok(read),
    }
}

fn headers(http: &Http, page: &Page, progress: &mut Progress) -> Stopped<()> {
    let matches = |rule: &HeaderRule| {
        let mut values = page.headers.get_all(&rule.header).iter().peekable();
        values.peek().is_some().then(|| values.any(|value| rule.pattern.is_match(value.as_bytes())))
    };
    let unwanted = http.header_must_not.iter().find(|rule| matches(rule).unwrap_or(!rule.allow_missing));
    let missing = http.header_must.iter().find(|rule| !matches(rule).unwrap_or(rule.allow_missing));
    match unwanted.or(missing) {
        None => Ok(()),
        Some(rule) => {
            seen(progress).failed_regex = true;
            Err(progress.failed(Reason::HeaderMismatch, format!("{}: {}", rule.header, rule.pattern)))
        }
    }
}

fn body(http: &Http, page: &Page, progress: &mut Progress) -> Stopped<Option<String>> {
    let coding = page.headers.get(CONTENT_ENCODING).map(hyper::header::HeaderValue::as_bytes);
    // What was asked for must come, whatever the header says of it: so blackbox_exporter judges too.
    let unpacked = match http.compression {
        None => None,
        Some(_)
            if coding
                .is_some_and(|coding| !matches!(coding, b"gzip" | b"x-gzip" | b"deflate" | b"br" | b"identity")) =>
        {
            let text = String::from_utf8_lossy(coding.unwrap_or_default()).into_owned();
            return Err(progress.failed(Reason::BadCompression, text));
        }
        Some(Compression::Gzip) => Some(unpack(MultiGzDecoder::new(&*page.body), http.body_limit)),
        Some(Compression::Brotli) => {
            Some(unpack(brotli_decompressor::Decompressor::new(&*page.body, PIECE), http.body_limit))
        }
        // Some servers leave out the two bytes that the standard asks for.
        Some(Compression::Deflate) if page.body.first().is_some_and(|byte| byte & 0x0f == 8) => {
            Some(unpack(ZlibDecoder::new(&*page.body), http.body_limit))
        }
        Some(Compression::Deflate) => Some(unpack(DeflateDecoder::new(&*page.body), http.body_limit)),
    };
    if matches!(unpacked, Some(Err(_))) {
        seen(progress).body_bytes = 0;
    }
    let unpacked = unpacked.transpose().map_err(|error| match error {
        Unpacking::Bomb => {
            progress.failed(Reason::CompressionBomb, format!("unpacks to more than {} bytes", http.body_limit))
        }
        Unpacking::Broken(error) => progress.failed(Reason::BadCompression, error),
    })?;
    let text = unpacked.as_deref().unwrap_or(&page.body);
    seen(progress).body_bytes = text.len();
    let read = charset::as_utf8(&page.headers, text);
    // As it came too: patterns of bytes were written for other tools.
    let matches =
        |pattern: &Regex| pattern.is_match(text) || read.as_ref().is_some_and(|read| pattern.is_match(read.as_bytes()));
    let unwanted = http.body_must_not.iter().find(|pattern| matches(pattern));
    let missing = || http.body_must.iter().find(|pattern| !matches(pattern));
    let said = match unwanted {
        Some(pattern) => Some(format!("it contains {pattern}")),
        None => missing().map(|pattern| format!("nothing in it matches {pattern}")),
    };
    if let Some(said) = said {
        seen(progress).failed_regex = true;
        return Err(progress.failed(Reason::BodyMismatch, said));
    }
    let text = read.as_ref().map_or(text, String::as_bytes);
    if !(http.json_must.is_empty() && http.json_must_not.is_empty()) {
        json(http, text).map_err(|said| {
            seen(progress).failed_cel = true;
            progress.failed(Reason::BodyMismatch, said)
        })?;
    }
    if let Some(freshness) = &http.freshness {
        fresh::page(freshness, seen(progress).last_modified, text, progress)?;
    }
    Ok(read)
}

/// Largest JSON that expressions are asked about: an expression may walk through it.
const MOST_JSON: usize = 1 << 20;
/// Read at a time by the one unpacker that wants to be told.
const PIECE: usize = 4096;

/// `Err`: which expression is not satisfied, or why none can be asked.
fn json(http: &Http, text: &[u8]) -> Result<(), String> {
    let context = context(parsed(text)?)?;
    let holds = |expression: &Cel| match evaluated(expression, &context)? {
        cel::Value::Bool(holds) => Ok(holds),
        _ => Err(format!("{} is neither true nor false", expression.source)),
    };
    for (expressions, wanted) in [(&http.json_must, true), (&http.json_must_not, false)] {
        for expression in expressions {
            if holds(expression)? != wanted {
                return Err(format!("{} is {}", expression.source, !wanted));
            }
        }
    }
    Ok(())
}

/// The JSON of a body; `Err`: why it is none.
pub fn parsed(text: &[u8]) -> Result<serde_json::Value, String> {
    if text.len() > MOST_JSON {
        return Err(format!("more than {MOST_JSON} bytes of JSON"));
    }
    serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))
}

/// What expressions are asked in: the JSON under the name `body`.
pub fn context(body: serde_json::Value) -> Result<cel::Context<'static, 'static>, String> {
    let mut context = cel::Context::default();
    context.add_variable_from_value("body", cel::to_value(body).map_err(|error| error.to_string())?);
    Ok(context)
}

/// `Err`: why the expression has no value.
pub fn evaluated(expression: &Cel, context: &cel::Context<'_, '_>) -> Result<cel::Value, String> {
    let program = cel::Program::compile(&expression.source).map_err(|error| error.to_string())?;
    program.execute(context).map_err(|error| format!("{}: {error}", expression.source))
}

enum Unpacking {
    Bomb,
    Broken(io::Error),
}

/// Stops one byte beyond `limit`, whatever the packed bytes promise.
fn unpack(packed: impl Read, limit: usize) -> Result<Vec<u8>, Unpacking> {
    let mut bytes = vec![];
    packed.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(Unpacking::Broken)?;
    if bytes.len() > limit { Err(Unpacking::Bomb) } else { Ok(bytes) }
}
