//! The words that make a port go over to TLS: smtp, imap, ftp (RFC 3207, 9051, 4217), postgres and mysql.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Progress, Stopped,
    stream::{Duplex, io_ending},
};
use crate::{
    profile::service::StartTls,
    sample::service::{Phase, Reason},
};

/// Bytes of one answer, of all its lines together.
const ANSWER: usize = 8 * 1024;
/// `SSLRequest` of the frontend protocol: its length, and a number that is no version.
const POSTGRES: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// Capabilities of MySQL's first packet.
const MYSQL_SSL: u32 = 0x0800;
const MYSQL_41: u32 = 0x0200;
/// Longest packet that we send, as MySQL clients say it; and the number of its usual character set.
const MYSQL_MOST: u32 = 1 << 24;
const MYSQL_UTF8: u8 = 33;

/// Asks for TLS; afterwards the handshake begins with the next byte.
pub async fn ask(with: StartTls, stream: &mut dyn Duplex, progress: &mut Progress) -> Stopped<()> {
    progress.enter(Phase::Tls);
    match with {
        StartTls::Smtp => {
            lines(stream, "220", Reason::StartTls, progress).await?;
            say(stream, b"EHLO linkpatrol\r\n", progress).await?;
            lines(stream, "250", Reason::StartTls, progress).await?;
            say(stream, b"STARTTLS\r\n", progress).await?;
            lines(stream, "220", Reason::StartTls, progress).await
        }
        StartTls::Ftp => {
            lines(stream, "220", Reason::StartTls, progress).await?;
            say(stream, b"AUTH TLS\r\n", progress).await?;
            lines(stream, "234", Reason::StartTls, progress).await
        }
        StartTls::Imap => {
            let line = line(stream, progress).await?;
            fine(line.starts_with("* OK"), &line, progress)?;
            say(stream, b"a STARTTLS\r\n", progress).await?;
            tagged(stream, progress).await
        }
        StartTls::Postgres => {
            say(stream, &POSTGRES, progress).await?;
            let answer = stream.read_u8().await.map_err(|error| io_ending(&error, progress))?;
            fine(answer == b'S', &char::from(answer).to_string(), progress)
        }
        StartTls::Mysql => mysql(stream, progress).await,
    }
}

pub async fn say(stream: &mut dyn Duplex, words: &[u8], progress: &Progress) -> Stopped<()> {
    stream.write_all(words).await.map_err(|error| io_ending(&error, progress))
}

fn fine(fine: bool, said: &str, progress: &Progress) -> Stopped<()> {
    if fine { Ok(()) } else { Err(progress.failed(Reason::StartTls, said)) }
}

/// One line, byte by byte: what follows it may be the handshake.
async fn line(stream: &mut dyn Duplex, progress: &Progress) -> Stopped<String> {
    let mut line = vec![];
    while line.len() < ANSWER {
        match stream.read_u8().await.map_err(|error| io_ending(&error, progress))? {
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// An answer of SMTP or FTP that must have this code, else `reason`.
pub async fn lines(stream: &mut dyn Duplex, code: &str, reason: Reason, progress: &Progress) -> Stopped<()> {
    let line = answer(stream, progress).await?;
    if line.starts_with(code) { Ok(()) } else { Err(progress.failed(reason, line)) }
}

/// The last line of such an answer: `250-…` goes on, `250 …` ends.
pub async fn answer(stream: &mut dyn Duplex, progress: &Progress) -> Stopped<String> {
    let mut left = ANSWER;
    loop {
        let line = line(stream, progress).await?;
        let more = line.as_bytes().get(3) == Some(&b'-') || !line.as_bytes().first().is_some_and(u8::is_ascii_digit);
        if !more || line.len() >= left {
            return Ok(line);
        }
        left -= line.len() + 1;
    }
}

/// The answer to our tag, after whatever the server says of its own.
async fn tagged(stream: &mut dyn Duplex, progress: &Progress) -> Stopped<()> {
    let mut left = ANSWER;
    loop {
        let line = line(stream, progress).await?;
        if line.starts_with("a ") || line.len() >= left {
            return fine(line.starts_with("a OK"), &line, progress);
        }
        left -= line.len() + 1;
    }
}

/// The server greets first; the answer is a shortened log-in that asks for TLS.
async fn mysql(stream: &mut dyn Duplex, progress: &Progress) -> Stopped<()> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.map_err(|error| io_ending(&error, progress))?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
    let mut greeting = vec![0; length.min(ANSWER)];
    stream.read_exact(&mut greeting).await.map_err(|error| io_ending(&error, progress))?;
    let offered = mysql_offers_tls(&greeting);
    fine(offered, &String::from_utf8_lossy(greeting.get(1..).unwrap_or_default()), progress)?;
    let mut request = vec![32, 0, 0, head[3].wrapping_add(1)];
    request.extend((MYSQL_SSL | MYSQL_41).to_le_bytes());
    request.extend(MYSQL_MOST.to_le_bytes());
    request.push(MYSQL_UTF8);
    request.extend([0; 23]);
    say(stream, &request, progress).await
}

/// Version 10: a name that ends with zero, 4 bytes of thread, 8 of challenge, a zero, then the lower capabilities.
fn mysql_offers_tls(greeting: &[u8]) -> bool {
    let Some((10, rest)) = greeting.split_first() else { return false };
    let Some(end) = rest.iter().position(|byte| *byte == 0) else { return false };
    let capabilities = rest.get(end + 14..).and_then(|rest| rest.first_chunk::<2>());
    capabilities.is_some_and(|low| u32::from(u16::from_le_bytes(*low)) & MYSQL_SSL != 0)
}
