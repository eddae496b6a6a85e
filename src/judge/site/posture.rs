//! How well a site speaks TLS: a score of 100, less what is wrong, each with its reason.
//!
//! In: what the handshakes of a visit and of the survey showed, and the deductions of `sites.yaml`. Out: a [`Posture`].

use std::collections::BTreeMap;

use crate::{
    contract::sites::Weakness,
    sample::service::{Reason, RevocationStatus, TlsSeen},
    units::Timestamp,
};

const WHOLE: u32 = 100;

/// A score with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    pub score: u32,
    /// What was taken off, and for what.
    pub reasons: BTreeMap<Weakness, u32>,
    pub at: Timestamp,
}

/// `old_spoken`: whether TLS 1.1 or older is spoken; `None`: nobody asked.
pub fn judge(seen: &TlsSeen, old_spoken: Option<bool>, deductions: &BTreeMap<Weakness, u32>, at: Timestamp) -> Posture {
    let own = seen.certificates.first();
    let is_old = ["TLS 1.0", "TLS 1.1", "SSL 3.0"].contains(&seen.version.as_str());
    let has = |weakness: Weakness| match weakness {
        Weakness::ChainBad => seen.verdict.is_some(),
        Weakness::OnlyOutdatedVersions => is_old,
        Weakness::OutdatedVersions => !is_old && old_spoken == Some(true),
        Weakness::WeakCipher => is_weak(&seen.cipher),
        Weakness::NoTls13 => seen.version != "TLS 1.3",
        Weakness::WeakSignature => {
            seen.verdict == Some(Reason::WeakSignature)
                || own.is_some_and(|own| ["sha1", "md5"].iter().any(|old| own.algorithm.to_lowercase().contains(old)))
        }
        Weakness::WeakKey => seen.verdict == Some(Reason::WeakKey),
        Weakness::NoOrganisation => own.is_some_and(|own| !has_organisation(&own.subject)),
        Weakness::NoTransparency => own.is_some_and(|own| own.timestamps == 0),
        Weakness::LivesLong => own.is_some_and(|own| own.not_after.0 - own.not_before.0 > LONG),
        Weakness::NoStaple => !seen.stapled,
        Weakness::RevocationUnsure => seen
            .revocation
            .as_ref()
            .is_some_and(|said| matches!(said.status, RevocationStatus::Revoked(_) | RevocationStatus::Unusable(_))),
    };
    let reasons: BTreeMap<Weakness, u32> = deductions
        .iter()
        .filter(|(weakness, _)| has(**weakness))
        .map(|(weakness, points)| (*weakness, *points))
        .collect();
    let lost = reasons.values().fold(0_u32, |sum, points| sum.saturating_add(*points));
    Posture { score: WHOLE.saturating_sub(lost), reasons, at }
}

/// 398 days, in milliseconds: what browsers accept at most (CA/Browser Forum, ballot SC-31).
const LONG: i64 = 398 * 86_400_000;

/// Without forward secrecy, or with ciphers of before AEAD.
fn is_weak(cipher: &str) -> bool {
    let modern = cipher.starts_with("TLS13_") || ((cipher.contains("DHE")) && !cipher.contains("_CBC_"));
    let old = ["RC4", "3DES", "MD5", "NULL", "EXPORT"].iter().any(|old| cipher.contains(old));
    !cipher.is_empty() && (!modern || old)
}

/// `O=` among the parts of a subject.
fn has_organisation(subject: &str) -> bool {
    subject.split([',', '/', '+']).any(|part| part.trim().strip_prefix("O=").is_some_and(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::service::Certificate;

    fn certificate(subject: &str, days: i64) -> Certificate {
        Certificate {
            subject: subject.into(),
            issuer: "CN=CA".into(),
            subject_rfc2253: String::new(),
            issuer_rfc2253: String::new(),
            not_before: Timestamp(0),
            not_after: Timestamp(days * 86_400_000),
            sha256: String::new(),
            algorithm: "EC 256, ecdsa-with-SHA256".into(),
            san: vec![],
            timestamps: 2,
            validation: None,
        }
    }

    fn all_ten() -> BTreeMap<Weakness, u32> {
        Weakness::ALL.into_iter().map(|weakness| (weakness, 10)).collect()
    }

    #[test]
    fn a_good_site_keeps_its_hundred_and_each_weakness_has_its_name() {
        let good = TlsSeen {
            version: "TLS 1.3".into(),
            cipher: "TLS13_AES_256_GCM_SHA384".into(),
            certificates: vec![certificate("C=CN, O=示例市人民政府, CN=www.city.test", 365)],
            stapled: true,
            ..TlsSeen::default()
        };
        let posture = judge(&good, Some(false), &all_ten(), Timestamp(7));
        assert_eq!((posture.score, posture.reasons.len(), posture.at), (100, 0, Timestamp(7)));

        let names = |seen: &TlsSeen, old| -> Vec<_> {
            judge(seen, old, &all_ten(), Timestamp(0)).reasons.keys().map(|weakness| weakness.as_str()).collect()
        };
        assert_eq!(names(&good, Some(true)), ["outdated_versions"]);
        assert_eq!(names(&good, None), Vec::<&str>::new(), "nobody asked: nobody is accused");
        let old = TlsSeen {
            version: "TLS 1.0".into(),
            cipher: "TLS_RSA_WITH_AES_128_CBC_SHA".into(),
            certificates: vec![certificate("CN=www.city.test", 800)],
            verdict: Some(Reason::Expired),
            ..TlsSeen::default()
        };
        let wanted = [
            "chain_bad",
            "only_outdated_versions",
            "weak_cipher",
            "no_tls13",
            "no_organisation",
            "lives_long",
            "no_staple",
        ];
        assert_eq!(names(&old, Some(true)), wanted);
        assert_eq!(judge(&old, None, &[(Weakness::ChainBad, 400)].into(), Timestamp(0)).score, 0);
    }
}
