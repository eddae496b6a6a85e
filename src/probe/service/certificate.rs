//! Certificates as served: what they say, and why a chain is bad.

use aws_lc_rs::digest::{SHA256, digest};
use rustls::{CertificateError, pki_types::CertificateDer};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension, X509Extension},
    oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, Oid},
    parse_x509_certificate,
    public_key::PublicKey,
    x509::{AttributeTypeAndValue, X509Name},
};

use super::tls::Trust;
use crate::{
    profile::service::Validation,
    sample::service::{Certificate, Reason},
    units::Timestamp,
};

/// Names that are kept of one certificate: a shared one may have hundreds, all of them chosen by the far end.
const NAMES: usize = 200;

/// Shortest keys that hold until 2030 (NIST SP 800-57, table 2), in bits.
const LEAST_RSA: usize = 2048;
const LEAST_CURVE: usize = 224;

/// `None` when it is no certificate.
pub fn read(der: &[u8]) -> Option<Certificate> {
    let (_, parsed) = parse_x509_certificate(der).ok()?;
    let validity = parsed.validity();
    let millis = |seconds: i64| Timestamp(seconds.saturating_mul(1_000));
    Some(Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        subject_rfc2253: reversed(parsed.subject()),
        issuer_rfc2253: reversed(parsed.issuer()),
        not_before: millis(validity.not_before.timestamp()),
        not_after: millis(validity.not_after.timestamp()),
        sha256: fingerprint(der),
        algorithm: format!("{}, {}", key(&parsed), signature(&parsed.signature_algorithm.algorithm)),
        san: names(&parsed),
        timestamps: timestamps(&parsed),
        validation: validation(&parsed),
    })
}

/// The most that its policies claim.
fn validation(certificate: &X509Certificate<'_>) -> Option<Validation> {
    let claimed = |oid: &Oid<'_>| match oid.to_id_string().as_str() {
        "2.23.140.1.1" => Some(Validation::Ev),
        "2.23.140.1.2.1" => Some(Validation::Dv),
        "2.23.140.1.2.2" => Some(Validation::Ov),
        _ => None,
    };
    let of = |extension: &X509Extension<'_>| match extension.parsed_extension() {
        ParsedExtension::CertificatePolicies(policies) => {
            policies.iter().filter_map(|policy| claimed(&policy.policy_id)).max()
        }
        _ => None,
    };
    certificate.extensions().iter().filter_map(of).max()
}

fn timestamps(certificate: &X509Certificate<'_>) -> usize {
    let count = |extension: &X509Extension<'_>| match extension.parsed_extension() {
        ParsedExtension::SCT(list) => list.len(),
        _ => 0,
    };
    certificate.extensions().iter().map(count).sum()
}

/// What `webpki` lets pass and nobody should: a server's own key that can be found out.
pub fn weakness(der: &[u8]) -> Option<(Reason, String)> {
    let (_, parsed) = parse_x509_certificate(der).ok()?;
    let weak = match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => key.key_size() < LEAST_RSA,
        Ok(PublicKey::EC(point)) => point.key_size() < LEAST_CURVE,
        Ok(PublicKey::DSA(_)) => true,
        _ => false,
    };
    weak.then(|| (Reason::WeakKey, key(&parsed)))
}

/// The last part first, without blanks, with the short names of RFC 4519; other parts by their number.
fn reversed(name: &X509Name<'_>) -> String {
    let part = |attribute: &AttributeTypeAndValue<'_>| {
        let kind = match attribute.attr_type().to_id_string().as_str() {
            "2.5.4.3" => "CN".to_owned(),
            "2.5.4.5" => "SERIALNUMBER".to_owned(),
            "2.5.4.6" => "C".to_owned(),
            "2.5.4.7" => "L".to_owned(),
            "2.5.4.8" => "ST".to_owned(),
            "2.5.4.9" => "STREET".to_owned(),
            "2.5.4.10" => "O".to_owned(),
            "2.5.4.11" => "OU".to_owned(),
            "2.5.4.17" => "POSTALCODE".to_owned(),
            number => number.to_owned(),
        };
        format!("{kind}={}", escaped(attribute.as_str().unwrap_or_default()))
    };
    let parts: Vec<_> = name.iter_rdn().map(|one| one.iter().map(part).collect::<Vec<_>>().join("+")).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let special = |at: usize, character: char| {
        matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || at == 0 && matches!(character, '#' | ' ')
            || at == last && character == ' '
    };
    let parts = value.chars().enumerate().map(|(at, character)| match special(at, character) {
        true => format!("\\{character}"),
        false => character.to_string(),
    });
    parts.collect()
}

/// When the chain that `own` verified ends: the soonest of what was served and of the authority above it.
pub fn chain_expiry(chain: &[CertificateDer<'_>], trust: &Trust) -> Option<Timestamp> {
    let end = |der: &CertificateDer<'_>| {
        let (_, parsed) = parse_x509_certificate(der).ok()?;
        Some(parsed.validity().not_after.timestamp())
    };
    let (_, top) = parse_x509_certificate(chain.last()?).ok()?;
    let served = chain.iter().filter_map(end).min()?;
    let end = trust.called(top.issuer().as_raw()).filter_map(end).max().map_or(served, |root| served.min(root));
    Some(Timestamp(end.saturating_mul(1_000)))
}

fn fingerprint(der: &[u8]) -> String {
    digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(certificate: &X509Certificate<'_>) -> String {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(_)) if is_sm2(certificate) => "SM2".to_owned(),
        Ok(PublicKey::EC(point)) => format!("EC {}", point.key_size()),
        _ => certificate.public_key().algorithm.algorithm.to_id_string(),
    }
}

fn is_sm2(certificate: &X509Certificate<'_>) -> bool {
    let curve = certificate.public_key().algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
    curve.is_some_and(|curve| curve.to_id_string() == "1.2.156.10197.1.301")
}

/// The usual names of signature algorithms; others by their number.
fn signature(oid: &Oid<'_>) -> String {
    let number = oid.to_id_string();
    let name = match number.as_str() {
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "Ed25519",
        "1.2.156.10197.1.501" => "SM2-with-SM3",
        _ => return number,
    };
    name.to_owned()
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return vec![] };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::from([a, b, c, d]).to_string()),
            ref bytes => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).take(NAMES).collect()
}

/// Why the chain is bad, in the words of the closed list. `chain` is as served, the server's own first.
pub fn reason(error: &rustls::Error, chain: &[CertificateDer<'_>]) -> Reason {
    use CertificateError::*;
    let rustls::Error::InvalidCertificate(error) = error else { return Reason::Malformed };
    match error {
        Expired | ExpiredContext { .. } => Reason::Expired,
        NotValidYet | NotValidYetContext { .. } => Reason::NotYetValid,
        NotValidForName | NotValidForNameContext { .. } => Reason::WrongName,
        Revoked => Reason::Revoked,
        BadSignature => Reason::BadSignature,
        UnsupportedSignatureAlgorithmContext { .. } | UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            Reason::WeakSignature
        }
        InvalidPurpose | InvalidPurposeContext { .. } => Reason::WrongPurpose,
        UnknownIssuer => no_issuer(chain),
        // What webpki calls "an authority used as a server" is nearly always somebody's own certificate.
        Other(_) if is_self_signed(chain) => Reason::SelfSigned,
        Other(other) if other.to_string().contains("CaUsedAsEndEntity") => Reason::WrongPurpose,
        _ => Reason::Malformed,
    }
}

/// Nobody we trust stands above the chain: is that the server's own doing, or has it forgotten a certificate?
fn no_issuer(chain: &[CertificateDer<'_>]) -> Reason {
    if is_self_signed(chain) {
        return Reason::SelfSigned;
    }
    let Some(Ok((_, top))) = chain.last().map(|top| parse_x509_certificate(top)) else { return Reason::Malformed };
    let fetchable = top.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => {
            access.accessdescs.iter().any(|way| way.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS)
        }
        _ => false,
    });
    let self_signed = top.subject().as_raw() == top.issuer().as_raw();
    if fetchable && !self_signed { Reason::Incomplete } else { Reason::UnknownIssuer }
}

fn is_self_signed(chain: &[CertificateDer<'_>]) -> bool {
    let first = chain.first().and_then(|first| parse_x509_certificate(first).ok());
    first.is_some_and(|(_, first)| first.subject().as_raw() == first.issuer().as_raw())
}
