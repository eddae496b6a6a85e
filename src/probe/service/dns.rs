//! One question to one name server: its code, its flags, and whether its answers are what they must be.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_resolver::proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{DNSClass, Name, RData, Record, RecordType},
};
use rand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

use super::{
    Checker, Progress, Stopped,
    stream::{connect, find, io_ending},
};
use crate::{
    profile::service::{Dns, Family},
    sample::service::{DnsSeen, Ending, Phase, Reason},
};

/// Answers that are kept for people.
const KEPT: usize = 64;
/// Largest datagram.
const DATAGRAM: usize = 65_535;

pub async fn ask(checker: &Checker, family: Family, dns: &Dns, progress: &mut Progress) -> Stopped<()> {
    let question = question(dns).map_err(Ending::Unmeasured)?;
    let bytes = question.to_vec().map_err(|error| Ending::Unmeasured(error.to_string()))?;
    let answer = if dns.tcp {
        let stream = connect(checker, &dns.server, family, progress).await?;
        over_tcp(stream, &bytes, &question, progress).await?
    } else {
        let server = find(checker, &dns.server, family, progress).await?;
        let answer = over_udp(server, &bytes, &question, progress).await?;
        if answer.metadata.truncation {
            // As every resolver does: the whole answer is asked for again.
            progress.enter(Phase::Connect);
            let stream = TcpStream::connect(server).await.map_err(|error| io_ending(&error, progress))?;
            over_tcp(stream, &bytes, &question, progress).await?
        } else {
            answer
        }
    };
    progress.enter(Phase::Content);
    let seen = progress.report.dns.insert(seen(&answer)).clone();
    judge(dns, &seen, progress)
}

/// `Err`: it cannot be asked, whatever the server.
fn question(dns: &Dns) -> Result<Message, String> {
    let mut name: Name = dns.name.parse().map_err(|error| format!("{}: {error}", dns.name))?;
    name.set_fqdn(true);
    let record: RecordType = dns.record.parse().map_err(|error| format!("{}: {error}", dns.record))?;
    let mut query = Query::query(name, record);
    query.set_query_class(DNSClass::IN);
    let mut message = Message::new(rand::rng().random(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = dns.recursion;
    message.add_query(query);
    Ok(message)
}

async fn over_udp(server: SocketAddr, bytes: &[u8], question: &Message, progress: &mut Progress) -> Stopped<Message> {
    progress.enter(Phase::Connect);
    let any = if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let any: SocketAddr = any;
    let socket = UdpSocket::bind(any).await.map_err(|error| Ending::Unmeasured(error.to_string()))?;
    socket.connect(server).await.map_err(|error| io_ending(&error, progress))?;
    progress.enter(Phase::Processing);
    socket.send(bytes).await.map_err(|error| io_ending(&error, progress))?;
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(|error| io_ending(&error, progress))?;
        let datagram = &buffer[..length];
        // A datagram with another number is nobody's answer to us: perhaps a forged or a late one.
        if datagram.get(..2) == bytes.get(..2) {
            return answer(datagram, question, progress);
        }
    }
}

async fn over_tcp(
    mut stream: TcpStream,
    bytes: &[u8],
    question: &Message,
    progress: &mut Progress,
) -> Stopped<Message> {
    progress.enter(Phase::Processing);
    let length = u16::try_from(bytes.len()).map_err(|error| Ending::Unmeasured(error.to_string()))?;
    let framed = [&length.to_be_bytes(), bytes].concat();
    stream.write_all(&framed).await.map_err(|error| io_ending(&error, progress))?;
    let length = stream.read_u16().await.map_err(|error| io_ending(&error, progress))?;
    let mut buffer = vec![0; usize::from(length)];
    progress.enter(Phase::Transfer);
    stream.read_exact(&mut buffer).await.map_err(|error| io_ending(&error, progress))?;
    answer(&buffer, question, progress)
}

fn answer(bytes: &[u8], question: &Message, progress: &Progress) -> Stopped<Message> {
    let message = Message::from_vec(bytes).map_err(|error| progress.failed(Reason::BadAnswer, error))?;
    let ours = message.metadata.message_type == MessageType::Response
        && message.metadata.id == question.metadata.id
        && (message.queries == question.queries || message.queries.is_empty());
    if ours { Ok(message) } else { Err(progress.failed(Reason::BadAnswer, "it answers another question")) }
}

fn seen(answer: &Message) -> DnsSeen {
    let metadata = &answer.metadata;
    let serial = answer.answers.iter().chain(&answer.authorities).find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    });
    DnsSeen {
        rcode: rcode(u16::from(metadata.response_code)),
        authoritative: metadata.authoritative,
        recursion_available: metadata.recursion_available,
        authentic: metadata.authentic_data,
        answers: answer.answers.iter().take(KEPT).map(written).collect(),
        answer_count: answer.answers.len(),
        authority_count: answer.authorities.len(),
        additional_count: answer.additionals.len(),
        serial,
    }
}

/// As zone files write them, with tabs, which is what patterns of others look for.
fn written(record: &Record) -> String {
    format!("{}\t{}\t{}\t{}\t{}", record.name, record.ttl, record.dns_class, record.record_type(), record.data)
}

/// As IANA writes them, which is how people and other probers know them.
fn rcode(code: u16) -> String {
    const NAMES: [&str; 11] = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
        "NOTZONE",
    ];
    NAMES.get(usize::from(code)).map_or_else(|| format!("RCODE{code}"), |name| (*name).to_owned())
}

fn judge(dns: &Dns, seen: &DnsSeen, progress: &Progress) -> Stopped<()> {
    let fine = if dns.rcodes.is_empty() { seen.rcode == "NOERROR" } else { dns.rcodes.contains(&seen.rcode) };
    if !fine {
        return Err(progress.failed(Reason::DnsRcode, &seen.rcode));
    }
    for pattern in &dns.answers_must {
        let wrong = seen.answers.iter().find(|answer| !pattern.is_match(answer));
        if let Some(answer) = wrong {
            return Err(progress.failed(Reason::DnsMismatch, format!("{answer} does not match {pattern}")));
        }
        if seen.answers.is_empty() {
            return Err(progress.failed(Reason::DnsMismatch, format!("no answer matches {pattern}")));
        }
    }
    let refused = |answer: &&String| dns.answers_must_not.iter().any(|pattern| pattern.is_match(answer));
    match seen.answers.iter().find(refused) {
        Some(answer) => Err(progress.failed(Reason::DnsMismatch, format!("{answer} must not be there"))),
        None => Ok(()),
    }
}
