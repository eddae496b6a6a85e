//! One question to one name server: its code, its flags, and whether its answers are what they must be.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_resolver::proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{DNSClass, Name, RData, Record, RecordType},
};
use rand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
};

use super::{
    Checker, Progress, Stopped,
    stream::{Duplex, connect, find, io_ending, open},
    tls,
};
use crate::{
    profile::service::{Dns, Family, RecordRules},
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
        let stream: Box<dyn Duplex> = match &dns.tls {
            None => Box::new(stream),
            Some(settings) => Box::new(tls::handshake(checker, settings, &dns.server, stream, &[], progress).await?),
        };
        over_tcp(stream, &bytes, &question, progress).await?
    } else {
        let server = find(checker, &dns.server, family, progress).await?;
        let answer = over_udp(server, &bytes, &question, progress).await?;
        if answer.metadata.truncation {
            // As every resolver does: the whole answer is asked for again.
            over_tcp(open(server, progress).await?, &bytes, &question, progress).await?
        } else {
            answer
        }
    };
    progress.enter(Phase::Content);
    progress.report.dns = Some(seen(&answer));
    judge(dns, &answer, progress)
}

/// `Err`: it cannot be asked, whatever the server.
fn question(dns: &Dns) -> Result<Message, String> {
    let mut name: Name = dns.name.parse().map_err(|error| format!("{}: {error}", dns.name))?;
    name.set_fqdn(true);
    let record: RecordType = dns.record.parse().map_err(|error| format!("{}: {error}", dns.record))?;
    let mut query = Query::query(name, record);
    query.set_query_class(dns.class.parse::<DNSClass>().map_err(|error| format!("{}: {error}", dns.class))?);
    let mut message = Message::new(rand::rng().random(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = dns.recursion;
    message.add_query(query);
    Ok(message)
}

async fn over_udp(server: SocketAddr, bytes: &[u8], question: &Message, progress: &mut Progress) -> Stopped<Message> {
    progress.enter(Phase::Connect);
    let any = if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let any: SocketAddr = progress.source.map_or(any, |source| (source, 0).into());
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
    mut stream: impl Duplex,
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

fn judge(dns: &Dns, answer: &Message, progress: &Progress) -> Stopped<()> {
    let code = rcode(u16::from(answer.metadata.response_code));
    let fine = if dns.rcodes.is_empty() { code == "NOERROR" } else { dns.rcodes.contains(&code) };
    if !fine {
        return Err(progress.failed(Reason::DnsRcode, code));
    }
    let sections = [
        (&answer.answers, &dns.answers, "answer"),
        (&answer.authorities, &dns.authorities, "authority"),
        (&answer.additionals, &dns.additionals, "additional"),
    ];
    let fault = sections.into_iter().find_map(|(records, rules, section)| fault(records, rules, section));
    fault.map_or(Ok(()), |text| Err(progress.failed(Reason::DnsMismatch, text)))
}

/// What a section lacks or has too much, judged as blackbox_exporter does.
fn fault(records: &[Record], rules: &RecordRules, section: &str) -> Option<String> {
    let RecordRules { must, must_not, all_must, some_must } = rules;
    if [must, must_not, all_must, some_must].iter().all(|patterns| patterns.is_empty()) {
        return None;
    }
    if records.is_empty() {
        return must.iter().chain(some_must).next().map(|pattern| format!("no {section} record matches {pattern}"));
    }
    let records: Vec<String> = records.iter().map(written).collect();
    let mut pairs = must.iter().chain(all_must).flat_map(|pattern| records.iter().map(move |record| (pattern, record)));
    if let Some((pattern, record)) = pairs.find(|(pattern, record)| !pattern.is_match(record)) {
        return Some(format!("{section} record {record} does not match {pattern}"));
    }
    let unwanted = |record: &&String| must_not.iter().any(|pattern| pattern.is_match(record));
    if let Some(record) = records.iter().find(unwanted) {
        return Some(format!("{section} record {record} must not be there"));
    }
    let any = records.iter().any(|record| some_must.iter().any(|pattern| pattern.is_match(record)));
    some_must.first().filter(|_| !any).map(|pattern| format!("no {section} record matches {pattern}"))
}
