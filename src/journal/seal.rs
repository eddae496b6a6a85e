//! Signed statements about the chain: anchors, which leave the house, and checkpoints, which stand for what was pruned.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};

use super::{
    Head, Pseudonyms,
    chain::{digest_of, hex, unhex},
};
use crate::units::Timestamp;

/// The house's key. Its public half is what others need to know.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    document: Vec<u8>,
}

impl SigningKey {
    /// A new one; `None`: the machine has no randomness.
    pub fn generate() -> Option<Self> {
        let document = Ed25519KeyPair::generate().ok()?.to_pkcs8v1().ok()?.as_ref().to_vec();
        Self::from_pkcs8(&document)
    }

    /// From what [`Self::to_pkcs8`] gave; `None`: it is not that.
    pub fn from_pkcs8(document: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(document).ok()?;
        Some(Self { pair, document: document.to_vec() })
    }

    /// PKCS #8, DER: secret.
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.document
    }

    /// SubjectPublicKeyInfo, DER: `openssl` reads it.
    pub fn public_der(&self) -> Vec<u8> {
        self.pair
            .public_key()
            .as_der()
            .map(|der: aws_lc_rs::encoding::PublicKeyX509Der<'_>| der.as_ref().to_vec())
            .unwrap_or_default()
    }

    /// 32 bytes in hexadecimal digits.
    pub fn public(&self) -> String {
        hex(self.pair.public_key().as_ref())
    }

    /// Ids of people under this key.
    pub fn pseudonyms(&self) -> Pseudonyms {
        Pseudonyms::new(&digest_of(&[b"linkpatrol people\n", self.document.as_slice()].concat()).0)
    }

    pub fn seal(&self, purpose: Purpose, head: Head, at: Timestamp) -> Seal {
        let mut seal = Seal { purpose, head, at, public_key: self.public(), signature: String::new() };
        seal.signature = hex(self.pair.sign(seal.text().as_bytes()).as_ref());
        seal
    }
}

/// What a seal is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Where the chain stood at the beginning of this civil day.
    Anchor { day: String },
    /// Entries up to here were pruned.
    Checkpoint,
}

impl fmt::Display for Purpose {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anchor { day } => write!(out, "anchor {day}"),
            Self::Checkpoint => out.write_str("checkpoint"),
        }
    }
}

/// "The chain's entry of this number has this hash", signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    pub purpose: Purpose,
    #[serde(flatten)]
    pub head: Head,
    pub at: Timestamp,
    /// Ed25519, 32 bytes in hexadecimal digits.
    pub public_key: String,
    /// Over the text of [`Seal::text`], 64 bytes in hexadecimal digits.
    pub signature: String,
}

impl Seal {
    /// What is signed: five lines.
    pub fn text(&self) -> String {
        let Self { purpose, head: Head { number, hash }, at: Timestamp(at), .. } = self;
        format!("linkpatrol seal 1\n{purpose}\n{number}\n{hash}\n{at}\n")
    }

    /// Whether the signature is that of the key that the seal names.
    pub fn holds(&self) -> bool {
        let (Some(key), Some(signature)) = (unhex(&self.public_key), unhex(&self.signature)) else { return false };
        UnparsedPublicKey::new(&ED25519, key).verify(self.text().as_bytes(), &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Digest;

    #[test]
    fn a_seal_holds_until_a_word_of_it_is_changed() {
        let key = SigningKey::from_pkcs8(SigningKey::generate().unwrap().to_pkcs8()).unwrap();
        let head = Head { number: 7, hash: digest_of(b"x") };
        let seal = key.seal(Purpose::Anchor { day: "2026-11-22".into() }, head, Timestamp(5));
        let read: Seal = serde_json::from_str(&serde_json::to_string(&seal).unwrap()).unwrap();
        assert!(read == seal && read.holds());
        assert!(!Seal { at: Timestamp(6), ..seal.clone() }.holds());
        assert!(!Seal { head: Head { hash: Digest::default(), ..head }, ..seal.clone() }.holds());
        assert!(!Seal { purpose: Purpose::Checkpoint, ..seal.clone() }.holds());
        assert!(!Seal { public_key: SigningKey::generate().unwrap().public(), ..seal.clone() }.holds());
        assert!(!Seal { signature: "beef".into(), ..seal }.holds());
        assert_eq!(key.public_der().len(), 44);
    }
}
