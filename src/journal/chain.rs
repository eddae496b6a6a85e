//! The chain: each entry's hash covers the hash before it.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Entry;
use crate::units::Timestamp;

/// First line of what is hashed: another form of entry gets another word here.
const FORM: &str = "linkpatrol journal 1";

/// A SHA-256 hash. Written in 64 small hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// Hash of these bytes.
pub fn digest_of(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Digest(out)
}

impl Digest {
    /// `None`: not 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        unhex(text).and_then(|bytes| Self::from_bytes(&bytes)).ok_or("not 64 hexadecimal digits")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Small hexadecimal digits, two a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `None`: an odd number of characters, or one that is no hexadecimal digit.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let all_digits = digits.iter().all(u8::is_ascii_hexdigit);
    (all_digits && digits.len().is_multiple_of(2)).then(|| digits.chunks(2).filter_map(pair).collect())
}

/// Where the chain ends: its last entry. The default stands before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Entries are numbered from 1, without gaps.
    pub number: u64,
    pub hash: Digest,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub number: u64,
    pub entry: Entry,
    pub hash: Digest,
}

impl Head {
    /// The next entry of the chain.
    pub fn append(self, entry: Entry) -> Link {
        let number = self.number + 1;
        Link { number, hash: hash(number, self.hash, &entry), entry }
    }
}

impl Link {
    pub fn head(&self) -> Head {
        Head { number: self.number, hash: self.hash }
    }

    /// The hash that it would have after an entry of hash `previous`.
    pub fn hash_after(&self, previous: Digest) -> Digest {
        hash(self.number, previous, &self.entry)
    }
}

/// Over six lines that end in a line feed each, the payload being the last and any length: form, number, hash before,
/// milliseconds since 1970 in UTC, kind, payload. No kind contains a line feed.
fn hash(number: u64, previous: Digest, entry: &Entry) -> Digest {
    let Entry { at: Timestamp(at), kind, payload } = entry;
    digest_of(format!("{FORM}\n{number}\n{previous}\n{at}\n{kind}\n{payload}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_sha256_and_reads_back() {
        let abc = digest_of(b"abc");
        assert_eq!(abc.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(abc.to_string().parse(), Ok(abc));
        for wrong in ["", "ba", "zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_part_of_an_entry_is_under_its_hash() {
        let entry = Entry { at: Timestamp(5), kind: "tick".into(), payload: "{}".into() };
        let link = Head::default().append(entry.clone());
        let other = |entry: Entry| Head::default().append(entry).hash;
        assert_eq!(link.hash_after(Digest::default()), link.hash);
        assert_ne!(link.hash_after(link.hash), link.hash);
        assert_ne!(other(Entry { at: Timestamp(6), ..entry.clone() }), link.hash);
        assert_ne!(other(Entry { kind: "tock".into(), ..entry.clone() }), link.hash);
        assert_ne!(other(Entry { payload: "[]".into(), ..entry.clone() }), link.hash);
        assert_ne!(link.head().append(entry).hash, link.hash);
    }
}
