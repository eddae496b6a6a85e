//! When the registration of a domain ends, from the answer of a registry: WHOIS (RFC 3912, with the forms of `.cn`) or RDAP (RFC 9083).
//!
//! In: bytes of the far end. Out: a [`Registration`]. Pure; whatever the bytes are, reading them does no harm.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use encoding_rs::GB18030;
use serde::Deserialize;

use crate::units::Timestamp;

/// What a registry knows of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    pub expires: Option<Timestamp>,
    pub registrar: String,
    /// Such as `clientTransferProhibited`.
    pub statuses: Vec<String>,
    /// The registry says that it knows no such domain.
    pub unknown: bool,
}

/// Statuses that are kept.
const STATUSES: usize = 16;

/// Keys of the day of expiry, without blanks and in small letters; `.cn` registries also answer in Chinese.
const EXPIRES: [&str; 13] = [
    "registryexpirydate",
    "expirationtime",
    "expirationdate",
    "expirydate",
    "registrarregistrationexpirationdate",
    "expireson",
    "expiredate",
    "expires",
    "paid-till",
    "validuntil",
    "renewaldate",
    "过期时间",
    "到期时间",
];
const REGISTRAR: [&str; 4] = ["registrar", "sponsoringregistrar", "注册服务机构", "注册商"];
const STATUS: [&str; 3] = ["domainstatus", "status", "域名状态"];

/// How registries say that there is no such domain: at the start of a line.
const UNKNOWN: [&str; 8] = [
    "no matching record",
    "no match for",
    "no match",
    "not found",
    "domain not found",
    "no data found",
    "no object found",
    "object does not exist",
];

/// Reads an answer of port 43, in UTF-8 or GB18030.
pub fn whois(bytes: &[u8]) -> Registration {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => GB18030.decode_without_bom_handling(bytes).0.into_owned(),
    };
    let mut found = Registration::default();
    for line in text.lines().map(str::trim) {
        let lower = line.to_lowercase();
        if UNKNOWN.iter().any(|words| lower.starts_with(words)) {
            found.unknown = true;
        }
        let Some((key, value)) = line.split_once([':', '：']) else { continue };
        let key: String = key.to_lowercase().chars().filter(|character| !character.is_whitespace()).collect();
        let value = value.trim();
        if EXPIRES.contains(&key.as_str()) {
            found.expires = found.expires.or_else(|| moment(value));
        } else if REGISTRAR.contains(&key.as_str()) && found.registrar.is_empty() {
            value.clone_into(&mut found.registrar);
        } else if STATUS.contains(&key.as_str()) && found.statuses.len() < STATUSES {
            found.statuses.extend(value.split_whitespace().next().map(str::to_owned));
        }
    }
    found.unknown &= found.expires.is_none();
    found
}

/// A time as registries write it. Without a zone it is that of Beijing, as CNNIC means it; a day ends with its last second.
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(Timestamp(moment.timestamp_millis()));
    }
    let beijing = FixedOffset::east_opt(8 * 3600)?;
    let local = |moment: NaiveDateTime| beijing.from_local_datetime(&moment).single();
    let whole = ["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"];
    if let Some(moment) = whole.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()) {
        return local(moment).map(|moment| Timestamp(moment.timestamp_millis()));
    }
    let day = text.split([' ', 'T']).next()?;
    let forms = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d-%b-%Y", "%Y%m%d", "%Y年%m月%d日"];
    let day = forms.iter().find_map(|form| NaiveDate::parse_from_str(day, form).ok())?;
    let end = day.and_time(NaiveTime::from_hms_opt(23, 59, 59)?);
    Some(Timestamp(Utc.from_utc_datetime(&end).timestamp_millis()))
}

#[derive(Deserialize)]
struct Rdap {
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    status: Vec<String>,
    #[serde(rename = "objectClassName")]
    class: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_action: String,
    event_date: String,
}

/// Reads an answer of RDAP. `None`: it is none about a domain.
pub fn rdap(bytes: &[u8]) -> Option<Registration> {
    let read: Rdap = serde_json::from_slice(bytes).ok()?;
    let ends = |event: &&Event| event.event_action.eq_ignore_ascii_case("expiration");
    (read.class == "domain").then(|| Registration {
        expires: read.events.iter().find(ends).and_then(|event| moment(&event.event_date)),
        statuses: read.status.into_iter().take(STATUSES).collect(),
        ..Registration::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(text: &str) -> Option<String> {
        whois(text.as_bytes()).expires.map(|moment| moment.rfc3339(chrono_tz::UTC))
    }

    const CNNIC: &str = "Domain Name: city.cn\r\nROID: 20030317s10001s00000000-cn\r\nDomain Status: clientTransferProhibited\r\n\
        Domain Status: serverDeleteProhibited\r\nSponsoring Registrar: Example Registrar\r\nName Server: ns1.city.cn\r\n\
        Registration Time: 2003-03-17 12:20:05\r\nExpiration Time: 2027-03-17 12:48:36\r\nDNSSEC: unsigned\r\n";

    #[test]
    fn every_form_of_a_registry_gives_the_same_moment() {
        for (text, moment) in [
            (CNNIC, "2027-03-17T04:48:36.000+00:00"),
            ("域名: 城市.中国\n过期时间：2027-03-17 12:48:36\n", "2027-03-17T04:48:36.000+00:00"),
            ("   Registry Expiry Date: 2027-03-17T04:48:36Z\n   Registrar: X", "2027-03-17T04:48:36.000+00:00"),
            ("paid-till:  2027-03-17T04:48:36Z", "2027-03-17T04:48:36.000+00:00"),
            ("Expiry date:  17-Mar-2027", "2027-03-17T23:59:59.000+00:00"),
            ("expires: 2027.03.17", "2027-03-17T23:59:59.000+00:00"),
            ("到期时间: 2027年03月17日", "2027-03-17T23:59:59.000+00:00"),
        ] {
            assert_eq!(ends(text).as_deref(), Some(moment), "{text}");
        }
        let read = whois(CNNIC.as_bytes());
        assert_eq!(read.statuses, ["clientTransferProhibited", "serverDeleteProhibited"]);
        assert_eq!((read.registrar.as_str(), read.unknown), ("Example Registrar", false));
        let (gb, ..) = GB18030.encode("过期时间: 2027-03-17 12:48:36");
        assert!(whois(&gb).expires.is_some());
    }

    #[test]
    fn a_domain_that_nobody_has_is_told_from_an_answer_without_a_day() {
        for (text, unknown) in [
            ("No matching record.", true),
            ("No match for \"CITY.TEST\".\r\n", true),
            ("Domain not found.", true),
            ("% limit exceeded, try again later", false),
            ("Expiration Time: soon", false),
            ("", false),
        ] {
            assert_eq!((whois(text.as_bytes()).unknown, ends(text)), (unknown, None), "{text}");
        }
    }

    #[test]
    fn rdap_tells_its_events() {
        let text = r#"{"objectClassName": "domain", "ldhName": "city.test", "status": ["active"],
            "events": [{"eventAction": "registration", "eventDate": "2003-03-17T00:00:00Z"},
                       {"eventAction": "expiration", "eventDate": "2027-03-17T04:48:36Z"}]}"#;
        let read = rdap(text.as_bytes()).unwrap();
        assert_eq!((read.expires, read.statuses), (Some(Timestamp(1_805_258_916_000)), vec!["active".to_owned()]));
        assert_eq!((rdap(b"{}"), rdap(b"[]"), rdap(br#"{"objectClassName": "entity"}"#)), (None, None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,80}") {
            whois(&bytes);
            whois(format!("Expiration Time: {text}").as_bytes());
            rdap(&bytes);
            rdap(format!(r#"{{"objectClassName": "domain", "events": [{{"eventAction": "expiration", "eventDate": {text:?}}}]}}"#).as_bytes());
        }
    }
}
