//! Signed links: who holds one may answer for one party about one incident, without a log-in, until it expires.
//!
//! In: a [`Pass`] and a key. Out: text for an address, and back. An HMAC-SHA-256 covers all of it, purpose included: a
//! pass that shows a page submits nothing, and one that submits shows nothing. Pure: time and nonce are handed in. A
//! new key makes every pass that was signed before worthless.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::units::Timestamp;

/// A link in a message opens its page for so long: longer than any clock of an agreement runs.
pub const LIFETIME: Duration = Duration::from_hours(72);
/// A form that was opened may be sent for so long.
pub const FORM_LIFETIME: Duration = Duration::from_hours(12);
/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// 128 bits: nobody guesses them, and the address stays short enough for a text message.
const TAG: usize = 16;
/// Longest text that is looked at.
const MOST: usize = 512;
/// Version of the layout: purpose, expiry, nonce, length of the party, party, incident.
const VERSION: u8 = 1;
const HEAD: usize = 1 + 1 + 8 + 8 + 1;

/// What a pass is good for, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Opens the page of a party. Changes nothing: mail scanners open links too.
    Show,
    /// Sends one form of that page, once: its nonce is the key of the command.
    Submit,
}

impl Purpose {
    fn byte(self) -> u8 {
        match self {
            Self::Show => 1,
            Self::Submit => 2,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    pub purpose: Purpose,
    /// As the record names it: `carrier/<id>`, …
    pub party: String,
    pub incident: String,
    pub expires: Timestamp,
    pub nonce: u64,
}

/// Why a text opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not signed by this key, or for another purpose.
    Forged,
    Expired,
}

/// What passes are signed with.
#[derive(Clone)]
pub struct PassKey(hmac::Key);

impl PassKey {
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    pub fn sign(&self, pass: &Pass) -> String {
        let mut bytes = Vec::with_capacity(HEAD + pass.party.len() + pass.incident.len() + TAG);
        bytes.extend([VERSION, pass.purpose.byte()]);
        bytes.extend(pass.expires.0.to_be_bytes());
        bytes.extend(pass.nonce.to_be_bytes());
        // A longer name is no party of ours: such a pass opens nothing.
        bytes.push(u8::try_from(pass.party.len()).unwrap_or(u8::MAX));
        bytes.extend(pass.party.as_bytes());
        bytes.extend(pass.incident.as_bytes());
        let tag = hmac::sign(&self.0, &bytes);
        bytes.extend(&tag.as_ref()[..TAG]);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Compares in constant time, before anything else is looked at.
    pub fn read(&self, text: &str, purpose: Purpose, now: Timestamp) -> Result<Pass, Refused> {
        let bytes =
            Some(text).filter(|text| text.len() <= MOST).and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
        let bytes = bytes.ok_or(Refused::Forged)?;
        let (said, tag) = bytes.split_last_chunk::<TAG>().ok_or(Refused::Forged)?;
        let right = hmac::sign(&self.0, said);
        verify_slices_are_equal(&right.as_ref()[..TAG], tag).map_err(|_| Refused::Forged)?;
        let pass = unpacked(said, purpose).ok_or(Refused::Forged)?;
        if now > pass.expires { Err(Refused::Expired) } else { Ok(pass) }
    }
}

impl std::fmt::Debug for PassKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("PassKey(…)")
    }
}

fn unpacked(said: &[u8], purpose: Purpose) -> Option<Pass> {
    let (head, rest) = said.split_first_chunk::<HEAD>()?;
    if head[..2] != [VERSION, purpose.byte()] {
        return None;
    }
    let number = |from: usize| u64::from_be_bytes(std::array::from_fn(|place| head[from + place]));
    let (party, incident) = rest.split_at_checked(usize::from(head[HEAD - 1]))?;
    Some(Pass {
        purpose,
        party: String::from_utf8(party.to_vec()).ok()?,
        incident: String::from_utf8(incident.to_vec()).ok()?,
        expires: Timestamp(number(2).cast_signed()),
        nonce: number(10),
    })
}

/// The key in force, for everybody who signs or reads.
#[derive(Debug, Clone)]
pub struct Passes {
    key: Arc<ArcSwap<PassKey>>,
    /// How others reach us, without a slash at the end.
    own_url: Arc<str>,
}

impl Passes {
    pub fn new(key: PassKey, own_url: &str) -> Self {
        Self { key: Arc::new(ArcSwap::from_pointee(key)), own_url: own_url.trim_end_matches('/').into() }
    }

    /// Others reach us over TLS.
    pub fn is_https(&self) -> bool {
        self.own_url.starts_with("https:")
    }

    pub fn replace(&self, key: PassKey) {
        self.key.store(Arc::new(key));
    }

    pub fn sign(&self, pass: &Pass) -> String {
        self.key.load().sign(pass)
    }

    pub fn read(&self, text: &str, purpose: Purpose, now: Timestamp) -> Result<Pass, Refused> {
        self.key.load().read(text, purpose, now)
    }

    /// Address of the page of a party about an incident, and until when it opens.
    pub fn link(&self, party: &str, incident: &str, now: Timestamp, nonce: u64) -> (String, Timestamp) {
        let expires = now.plus(LIFETIME);
        let (party, incident) = (party.to_owned(), incident.to_owned());
        let text = self.sign(&Pass { purpose: Purpose::Show, party, incident, expires, nonce });
        (format!("{}/a/{text}", self.own_url), expires)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn key(seed: u8) -> PassKey {
        PassKey::new(&[seed; KEY_BYTES])
    }

    fn pass(purpose: Purpose, party: &str, incident: &str, nonce: u64) -> Pass {
        let (party, incident) = (party.to_owned(), incident.to_owned());
        Pass { purpose, party, incident, expires: NOW.plus(LIFETIME), nonce }
    }

    proptest! {
        #[test]
        fn what_was_signed_is_read_back(party in "carrier/[a-z0-9-]{1,40}", incident in "[0-9A-Z]{26}", nonce: u64) {
            let pass = pass(Purpose::Show, &party, &incident, nonce);
            prop_assert_eq!(key(1).read(&key(1).sign(&pass), Purpose::Show, NOW), Ok(pass));
        }

        #[test]
        fn one_flipped_bit_opens_nothing(bit in 0usize..8 * 80, nonce: u64) {
            let signed = key(1).sign(&pass(Purpose::Show, "carrier/one", "01KDVDNK00000000000000TEST", nonce));
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(signed).unwrap();
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let forged = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(key(1).read(&forged, Purpose::Show, NOW), Err(Refused::Forged));
        }

        #[test]
        fn anything_else_opens_nothing(text in ".{0,200}") {
            prop_assert_eq!(key(1).read(&text, Purpose::Show, NOW), Err(Refused::Forged));
        }
    }

    #[test]
    fn each_purpose_key_and_time_is_its_own() {
        let show = key(1).sign(&pass(Purpose::Show, "carrier/one", "X", 7));
        let submit = key(1).sign(&pass(Purpose::Submit, "carrier/one", "X", 7));
        assert_eq!(key(1).read(&show, Purpose::Submit, NOW), Err(Refused::Forged));
        assert_eq!(key(1).read(&submit, Purpose::Show, NOW), Err(Refused::Forged));
        assert_eq!(key(2).read(&show, Purpose::Show, NOW), Err(Refused::Forged));
        let last = NOW.plus(LIFETIME);
        assert!(key(1).read(&show, Purpose::Show, last).is_ok());
        assert_eq!(key(1).read(&show, Purpose::Show, Timestamp(last.0 + 1)), Err(Refused::Expired));
    }

    #[test]
    fn a_party_and_an_incident_do_not_run_into_each_other() {
        let (one, two) = (pass(Purpose::Show, "carrier/a", "bX", 7), pass(Purpose::Show, "carrier/ab", "X", 7));
        assert_ne!(key(1).sign(&one), key(1).sign(&two));
        assert_eq!(key(1).read(&key(1).sign(&one), Purpose::Show, NOW), Ok(one));
    }

    #[test]
    fn a_new_key_ends_what_was_given_out() {
        let passes = Passes::new(key(1), "https://noc.example/");
        let (url, expires) = passes.link("carrier/one", "X", NOW, 7);
        assert_eq!(expires, NOW.plus(LIFETIME));
        let text = url.strip_prefix("https://noc.example/a/").unwrap().to_owned();
        assert!(passes.read(&text, Purpose::Show, NOW).is_ok());
        passes.replace(key(2));
        assert_eq!(passes.read(&text, Purpose::Show, NOW), Err(Refused::Forged));
    }
}
