//! First flights by hand, for servers that rustls cannot speak with: old versions and ciphers of TLS, and TLCP (GB/T 38636).
//!
//! In: an [`Offer`], and later the bytes that came back. Out: the bytes of a ClientHello, and what the server showed of
//! itself before any secret was agreed on, certificates among it. Pure; nothing is ever encrypted, so no handshake of
//! these ends. Whatever the far end sends, reading it neither panics nor takes more memory than the bytes themselves.

/// What a first flight offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// TLS 1.2 and older, with everything that was ever widely spoken.
    Legacy,
    /// The same, and TLS 1.1 at most.
    Old,
    /// TLCP with its SM2 suites.
    Tlcp,
}

const TLS10: u16 = 0x0301;
const TLS11: u16 = 0x0302;
const TLS12: u16 = 0x0303;
pub const TLCP: u16 = 0x0101;

/// Numbers and names of IANA: what servers of the last twenty years may choose.
const LEGACY: [(u16, &str); 31] = [
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    (0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
];

/// Of GB/T 38636, section 6.4.5.2.1.
const NATIONAL: [(u16, &str); 4] = [
    (0xe013, "ECC_SM4_CBC_SM3"),
    (0xe053, "ECC_SM4_GCM_SM3"),
    (0xe011, "ECDHE_SM4_CBC_SM3"),
    (0xe051, "ECDHE_SM4_GCM_SM3"),
];

/// "I do not renegotiate in the unsafe way" (RFC 5746): some servers close without it.
const NO_RENEGOTIATION: u16 = 0x00ff;
/// x25519 and the three curves of NIST.
const GROUPS: [u16; 4] = [0x001d, 0x0017, 0x0018, 0x0019];
/// RSA (PKCS #1, PSS) and ECDSA, down to SHA-1.
const SCHEMES: [u16; 11] = [0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0201, 0x0203];

/// A ClientHello in its record. `name`: asked for, where it is a name and no address.
pub fn client(offer: Offer, random: &[u8; 32], name: Option<&str>) -> Vec<u8> {
    let (record, version, suites) = match offer {
        Offer::Legacy => (TLS10, TLS12, &LEGACY[..]),
        Offer::Old => (TLS10, TLS11, &LEGACY[..]),
        Offer::Tlcp => (TLCP, TLCP, &NATIONAL[..]),
    };
    let renegotiation = (offer != Offer::Tlcp).then_some(NO_RENEGOTIATION);
    let suites = pairs(suites.iter().map(|(number, _)| *number).chain(renegotiation));
    let mut body = version.to_be_bytes().to_vec();
    body.extend(random);
    // No session to take up again, and no compression.
    body.push(0);
    body.extend(sized(&suites));
    body.extend([1, 0]);
    if offer != Offer::Tlcp {
        body.extend(sized(&extensions(name)));
    }
    let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    let message = [&[CLIENT_HELLO], &length[1..], &body].concat();
    [&[HANDSHAKE][..], &record.to_be_bytes(), &sized(&message)].concat()
}

fn extensions(name: Option<&str>) -> Vec<u8> {
    let mut all = vec![];
    let mut add = |number: u16, content: Vec<u8>| {
        all.extend(number.to_be_bytes());
        all.extend(sized(&content));
    };
    if let Some(name) = name {
        add(0x0000, sized(&[&[0], &sized(name.as_bytes())[..]].concat()));
    }
    add(0x000a, sized(&pairs(GROUPS)));
    add(0x000b, vec![1, 0]);
    add(0x000d, sized(&pairs(SCHEMES)));
    all
}

fn pairs(numbers: impl IntoIterator<Item = u16>) -> Vec<u8> {
    numbers.into_iter().flat_map(u16::to_be_bytes).collect()
}

/// `content` after its length in two bytes.
fn sized(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or_default();
    [&length.to_be_bytes()[..], content].concat()
}

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;
/// Longest record, with what old ciphers may add.
const RECORD: usize = (1 << 14) + 2048;

/// What came back so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The server has said all that it says before it must hear more.
    Whole(Flight),
    /// It is not at its end.
    More(Flight),
    /// The number of the alert.
    Alert(u8),
    /// Not this protocol.
    Nonsense,
}

/// What a server showed of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// Zero: no ServerHello has come.
    pub version: u16,
    pub suite: u16,
    pub random: Vec<u8>,
    /// DER, as served; of TLCP first the one that signs, then the one that encrypts.
    pub certificates: Vec<Vec<u8>>,
    pub key_exchange: Vec<u8>,
}

impl Flight {
    /// As OpenSSL writes it; unknown ones by their number.
    pub fn version_name(&self) -> String {
        match self.version {
            TLCP => "TLCP 1.1".to_owned(),
            0x0300 => "SSL 3.0".to_owned(),
            TLS10 => "TLS 1.0".to_owned(),
            TLS11 => "TLS 1.1".to_owned(),
            TLS12 => "TLS 1.2".to_owned(),
            other => format!("0x{other:04x}"),
        }
    }

    pub fn suite_name(&self) -> String {
        let known = LEGACY.iter().chain(&NATIONAL).find(|(number, _)| *number == self.suite);
        known.map_or_else(|| format!("0x{:04x}", self.suite), |(_, name)| (*name).to_owned())
    }

    /// Older than TLS 1.2, which is the oldest that clients of today speak.
    pub fn is_old(&self) -> bool {
        self.version < TLS12
    }
}

/// Reads what a server has sent so far.
pub fn read(bytes: &[u8]) -> Heard {
    let (mut left, mut messages) = (bytes, vec![]);
    while let [kind, _, _, high, low, rest @ ..] = left {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        match (*kind, rest) {
            _ if length > RECORD => return Heard::Nonsense,
            (ALERT, [_, number, ..]) if length == 2 => return Heard::Alert(*number),
            (HANDSHAKE, _) => {}
            (ALERT, []) => break,
            _ => return Heard::Nonsense,
        }
        let Some((content, after)) = rest.split_at_checked(length) else {
            messages.extend_from_slice(rest);
            break;
        };
        messages.extend_from_slice(content);
        left = after;
    }
    if bytes.first().is_some_and(|first| !matches!(*first, HANDSHAKE | ALERT)) {
        return Heard::Nonsense;
    }
    flight(&messages)
}

fn flight(messages: &[u8]) -> Heard {
    let (mut flight, mut left) = (Flight::default(), messages);
    while let Some((kind, content, rest)) = message(left) {
        match kind {
            SERVER_HELLO => match server_hello(content) {
                Some((version, random, suite)) => {
                    (flight.version, flight.random, flight.suite) = (version, random.to_vec(), suite);
                }
                None => return Heard::Nonsense,
            },
            CERTIFICATE => match certificates(content) {
                Some(found) => flight.certificates = found,
                None => return Heard::Nonsense,
            },
            SERVER_KEY_EXCHANGE => flight.key_exchange = content.to_vec(),
            SERVER_HELLO_DONE => return if flight.version > 0 { Heard::Whole(flight) } else { Heard::Nonsense },
            _ if flight.version == 0 => return Heard::Nonsense,
            _ => {}
        }
        left = rest;
    }
    Heard::More(flight)
}

/// The first whole message, and what follows it.
fn message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (content, rest) = long(rest)?;
    Some((*kind, content, rest))
}

/// What stands after a length of three bytes, and the rest.
fn long(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [high, middle, low, rest @ ..] = bytes else { return None };
    rest.split_at_checked(u32::from_be_bytes([0, *high, *middle, *low]) as usize)
}

fn server_hello(content: &[u8]) -> Option<(u16, &[u8], u16)> {
    let (version, rest) = content.split_first_chunk::<2>()?;
    let (random, rest) = rest.split_at_checked(32)?;
    let (session, rest) = rest.split_first()?;
    let (_, rest) = rest.split_at_checked(usize::from(*session))?;
    let (suite, _) = rest.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*version), random, u16::from_be_bytes(*suite)))
}

fn certificates(content: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut left, _) = long(content)?;
    let mut found = vec![];
    while !left.is_empty() {
        let (one, rest) = long(left)?;
        found.push(one.to_vec());
        left = rest;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(messages: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let message = |(kind, content): &(u8, Vec<u8>)| {
            let length = (content.len() as u32).to_be_bytes();
            [&[*kind], &length[1..], content].concat()
        };
        messages.iter().flat_map(message).collect()
    }

    /// In records of `size` bytes.
    fn recorded(messages: &[u8], size: usize) -> Vec<u8> {
        messages.chunks(size).flat_map(|part| [&[HANDSHAKE, 3, 1][..], &sized(part)].concat()).collect()
    }

    fn good() -> Vec<u8> {
        let hello = [&[3, 1][..], &[7; 32], &[0], &[0xc0, 0x0a, 0]].concat();
        let one = [&[0, 0, 2][..], b"ab"].concat();
        let list = [&[0, 0, 10][..], &one, &one].concat();
        said(&[(SERVER_HELLO, hello), (CERTIFICATE, list), (SERVER_HELLO_DONE, vec![])])
    }

    #[test]
    fn a_flight_is_read_however_it_is_cut() {
        for size in [1, 7, 4096] {
            let bytes = recorded(&good(), size);
            let Heard::Whole(flight) = read(&bytes) else { panic!("{size}: {:?}", read(&bytes)) };
            assert_eq!((flight.version_name().as_str(), flight.is_old()), ("TLS 1.0", true));
            assert_eq!(flight.suite_name(), "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA");
            assert_eq!(flight.certificates, [b"ab", b"ab"]);
            for end in 0..bytes.len() {
                assert!(matches!(read(&bytes[..end]), Heard::More(_)), "{size}: {end}");
            }
        }
    }

    #[test]
    fn what_is_no_flight_is_told_apart() {
        for (bytes, heard) in [
            (vec![ALERT, 3, 1, 0, 2, 2, 70], Heard::Alert(70)),
            (b"HTTP/1.1 400 Bad Request\r\n".to_vec(), Heard::Nonsense),
            (b"S".to_vec(), Heard::Nonsense),
            (recorded(&said(&[(SERVER_HELLO_DONE, vec![])]), 99), Heard::Nonsense),
            (recorded(&said(&[(SERVER_HELLO, vec![3])]), 99), Heard::Nonsense),
            (vec![HANDSHAKE, 3, 3, 0xff, 0xff], Heard::Nonsense),
        ] {
            assert_eq!(read(&bytes), heard, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            read(&bytes);
            read(&[&[HANDSHAKE, 3, 3][..], &sized(&bytes)].concat());
        }

        #[test]
        fn a_changed_flight_is_read_without_harm(at in 0_usize..60, to in any::<u8>()) {
            let mut bytes = recorded(&good(), 4096);
            let at = at % bytes.len();
            bytes[at] = to;
            if let Heard::Whole(flight) | Heard::More(flight) = read(&bytes) {
                prop_assert!(flight.certificates.concat().len() <= bytes.len());
            }
        }
    }
}
