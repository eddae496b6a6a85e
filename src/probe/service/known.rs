//! Chains that were found good: what a server shows at every visit is judged in full once, and not each minute.
//!
//! In: a chain, a name and the time. Out: what was seen then. A verdict rests on the chain, the name, the authorities and
//! the time. The first two are the key, the authorities own this memory, and from the verdict on until the first
//! certificate ends, time changes nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::sample::service::TlsSeen;

/// Chains that are remembered, at some KB each; when there are more, all are judged anew.
const MOST: usize = 4096;

#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<Key, Good>>);

/// SHA-256 of a name and a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

#[derive(Debug)]
struct Good {
    /// Seconds since 1970.
    from: u64,
    until: u64,
    seen: TlsSeen,
}

impl Key {
    pub fn of(chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Self {
        let name = name.to_str();
        let mut hash = Context::new(&SHA256);
        for part in std::iter::once(name.as_bytes()).chain(chain.iter().map(AsRef::as_ref)) {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(hash.finish().as_ref());
        Self(key)
    }
}

impl Known {
    /// What was seen of a chain that is still as good as it was found.
    pub fn find(&self, key: Key, now: UnixTime) -> Option<TlsSeen> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let good = known.get(&key)?;
        (good.from..=good.until).contains(&now.as_secs()).then(|| good.seen.clone())
    }

    /// Remembers a chain whose verdict is good now.
    pub fn keep(&self, key: Key, now: UnixTime, seen: &TlsSeen) {
        let end = seen.certificates.iter().map(|certificate| certificate.not_after.0).min().unwrap_or(0);
        let good = Good { from: now.as_secs(), until: u64::try_from(end / 1_000).unwrap_or(0), seen: seen.clone() };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, good);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{sample::service::Certificate, units::Timestamp};

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_good_chain_is_good_until_its_first_certificate_ends_and_never_before_it_was_found_so() {
        let (chain, name) = ([CertificateDer::from_slice(b"leaf")], ServerName::try_from("a.test").unwrap());
        let ends = |seconds: i64| Certificate { not_after: Timestamp(seconds * 1_000), ..Certificate::default() };
        let seen = TlsSeen { certificates: vec![ends(300), ends(200)], ..TlsSeen::default() };
        let (known, key) = (Known::default(), Key::of(&chain, &name));
        known.keep(key, at(100), &seen);
        let is_known = |key, seconds| known.find(key, at(seconds)).is_some();
        assert_eq!([99, 100, 200, 201].map(|seconds| is_known(key, seconds)), [false, true, true, false]);
        let other = ServerName::try_from("b.test").unwrap();
        assert!(!is_known(Key::of(&chain, &other), 150));
        assert!(!is_known(
            Key::of(&[CertificateDer::from_slice(b"lea"), CertificateDer::from_slice(b"f")], &name),
            150
        ));
    }

    #[test]
    fn no_more_chains_are_remembered_than_have_room() {
        let known = Known::default();
        let name = ServerName::try_from("a.test").unwrap();
        for number in 0..=MOST {
            known.keep(
                Key::of(&[CertificateDer::from(number.to_be_bytes().to_vec())], &name),
                at(1),
                &TlsSeen::default(),
            );
        }
        assert_eq!(known.0.lock().unwrap().len(), 1);
    }
}
