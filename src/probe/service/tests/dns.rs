//! Name servers that are silent, lie, truncate or answer somebody else.

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record, rdata},
};
use tokio::net::UdpSocket;

use super::*;
use crate::profile::service::{Dns, Endpoint, RecordRules};

/// A name server over UDP, and over TCP on the same port, that answers as `answer` says; `None`: not at all.
pub(super) async fn name_server(answer: fn(Message, bool) -> Option<Vec<u8>>) -> SocketAddr {
    let (socket, listener, address) = loop {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        // Some other socket may have that number over TCP.
        if let Ok(listener) = TcpListener::bind(address).await {
            break (socket, listener, address);
        }
    };
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            if let Some(words) = answer(Message::from_vec(&buffer[..count]).unwrap(), false) {
                socket.send_to(&words, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut buffer = vec![0; usize::from(length)];
            stream.read_exact(&mut buffer).await.unwrap();
            if let Some(words) = answer(Message::from_vec(&buffer).unwrap(), true) {
                stream.write_u16(words.len() as u16).await.unwrap();
                stream.write_all(&words).await.unwrap();
            }
        }
    });
    address
}

/// The proper answer to `question`.
fn proper(question: &Message) -> Message {
    let mut answer = question.clone().into_response();
    let name = answer.queries[0].name.clone();
    answer.add_answer(Record::from_rdata(name, 60, RData::A(rdata::A::new(198, 18, 0, 1))));
    answer
}

pub(super) fn good(question: Message, _: bool) -> Option<Vec<u8>> {
    proper(&question).to_vec().ok()
}

fn question(server: SocketAddr) -> Dns {
    let endpoint = Endpoint { host: server.ip().to_string(), port: server.port(), pinned: None };
    Dns::asking(endpoint, "www.city.test", "A")
}

#[tokio::test]
async fn every_faulty_name_server_gives_its_own_reason() {
    type Answer = fn(Message, bool) -> Option<Vec<u8>>;
    let zoo: Vec<(&str, Answer, Phase, Reason)> = vec![
        ("is silent", |_, _| None, Phase::Processing, Reason::Timeout),
        (
            "knows no such name",
            |question, _| {
                let mut answer = question.into_response();
                answer.metadata.response_code = ResponseCode::NXDomain;
                answer.to_vec().ok()
            },
            Phase::Content,
            Reason::DnsRcode,
        ),
        (
            "answers somebody else",
            |question, _| {
                let mut answer = proper(&question);
                answer.metadata.id = answer.metadata.id.wrapping_add(1);
                answer.to_vec().ok()
            },
            Phase::Processing,
            Reason::Timeout,
        ),
        (
            "answers another question",
            |question, _| {
                let mut answer = proper(&question);
                answer.queries[0].name = "other.test.".parse().unwrap();
                answer.to_vec().ok()
            },
            Phase::Processing,
            Reason::BadAnswer,
        ),
        ("sends the question back", |question, _| question.to_vec().ok(), Phase::Processing, Reason::BadAnswer),
        (
            "speaks nonsense",
            |question, _| Some([&question.metadata.id.to_be_bytes()[..], &[0xff; 40]].concat()),
            Phase::Processing,
            Reason::BadAnswer,
        ),
    ];
    for (name, answer, phase, reason) in zoo {
        let report = check(Kind::Dns(Box::new(question(name_server(answer).await)))).await;
        assert_eq!(fault(&report), Some((phase, reason)), "{name}: {:?}", report.ending);
    }
}

#[tokio::test]
async fn answers_are_held_to_what_they_must_be() {
    let server = name_server(good).await;
    let must = |text: &str| Dns {
        answers: RecordRules { must: vec![regex::Regex::new(text).unwrap()], ..RecordRules::default() },
        ..question(server)
    };
    let report = check(Kind::Dns(Box::new(must(r"\b198\.18\.0\.1$")))).await;
    assert_eq!((fault(&report), report.dns.unwrap().answer_count), (None, 1));
    let report = check(Kind::Dns(Box::new(must(r"\b198\.18\.0\.2$")))).await;
    assert_eq!(fault(&report), Some((Phase::Content, Reason::DnsMismatch)));
    let hijacked = Dns {
        answers: RecordRules { must_not: vec![regex::Regex::new(r"198\.18").unwrap()], ..RecordRules::default() },
        ..question(server)
    };
    assert_eq!(fault(&check(Kind::Dns(Box::new(hijacked))).await), Some((Phase::Content, Reason::DnsMismatch)));
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let server = name_server(|question, tcp| {
        let mut answer = proper(&question);
        if !tcp {
            answer.answers.clear();
            answer.metadata.truncation = true;
        }
        answer.to_vec().ok()
    });
    let report = check(Kind::Dns(Box::new(question(server.await)))).await;
    assert_eq!((fault(&report), report.dns.unwrap().answer_count), (None, 1));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_from_a_dead_resolver() {
    let nowhere = name_server(|question, _| {
        let mut answer = question.into_response();
        answer.metadata.response_code = ResponseCode::NXDomain;
        answer.to_vec().ok()
    });
    for (server, reason) in
        [(nowhere.await, Reason::NameNotFound), ("127.0.0.1:1".parse().unwrap(), Reason::ResolverFailed)]
    {
        let visit = Check { deadline: DEADLINE * 4, ..Check::parse("http://no.city.test/").unwrap() };
        let report = Checker::new(Some(server)).run(&visit).await;
        assert_eq!(fault(&report), Some((Phase::Resolve, reason)), "{:?}", report.ending);
    }
    let report = Checker::new(Some(name_server(good).await)).run(&Check::parse("tcp://x.test:1").unwrap()).await;
    assert_eq!(report.addresses, ["198.18.0.1".parse::<std::net::IpAddr>().unwrap()]);
}
