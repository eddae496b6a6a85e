//! The city's name servers: they know the zone `city.test` and nothing else.

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc};

use hickory_resolver::proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, NS, SOA},
    },
};

/// The zone of all sites.
pub const ZONE: &str = "city.test";
/// Nobody keeps an answer: what the city says now is what counts now.
const TTL: u32 = 0;

/// Who is where.
pub type Directory = Arc<HashMap<String, Ipv4Addr>>;

/// The answer to the datagram `asked`; `fails`: the server has trouble of its own. `None`: no question of anybody.
pub fn answer(asked: &[u8], directory: &Directory, fails: bool) -> Option<Vec<u8>> {
    let asked = Message::from_vec(asked).ok()?;
    let question = asked.queries.first()?;
    let mut answer = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.authoritative = true;
    answer.metadata.recursion_desired = asked.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.add_query(question.clone());
    let name = question.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    answer.metadata.response_code = match () {
        () if fails => ResponseCode::ServFail,
        () if name == ZONE => {
            answer.add_answers(of_zone(question.query_type()));
            ResponseCode::NoError
        }
        () => match directory.get(&name) {
            Some(address) => {
                if question.query_type() == RecordType::A {
                    answer.add_answer(Record::from_rdata(question.name().clone(), TTL, RData::A(A(*address))));
                }
                ResponseCode::NoError
            }
            None => ResponseCode::NXDomain,
        },
    };
    answer.to_vec().ok()
}

fn of_zone(asked: RecordType) -> Option<Record> {
    let name = |text: &str| Name::from_ascii(text).ok();
    let data = match asked {
        RecordType::SOA => {
            let (server, person) = (name("ns.city.test.")?, name("hostmaster.city.test.")?);
            RData::SOA(SOA::new(server, person, 2_026_112_701, 3_600, 600, 86_400, 60))
        }
        RecordType::NS => RData::NS(NS(name("ns.city.test.")?)),
        _ => return None,
    };
    Some(Record::from_rdata(name("city.test.")?, TTL, data))
}
