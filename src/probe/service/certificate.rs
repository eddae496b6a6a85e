//! Certificates as served: what they say, and why a chain is bad.

use aws_lc_rs::digest::{SHA256, digest};
use rustls::{CertificateError, pki_types::CertificateDer};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, Oid},
    parse_x509_certificate,
    public_key::PublicKey,
};

use crate::{
    sample::service::{Certificate, Reason},
    units::Timestamp,
};

/// Names that are kept of one certificate: a shared one may have hundreds, all of them chosen by the far end.
const NAMES: usize = 200;

/// `None` when it is no certificate.
pub fn read(der: &[u8]) -> Option<Certificate> {
    let (_, parsed) = parse_x509_certificate(der).ok()?;
    let validity = parsed.validity();
    let millis = |seconds: i64| Timestamp(seconds.saturating_mul(1_000));
    Some(Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        not_before: millis(validity.not_before.timestamp()),
        not_after: millis(validity.not_after.timestamp()),
        sha256: fingerprint(der),
        algorithm: format!("{}, {}", key(&parsed), signature(&parsed.signature_algorithm.algorithm)),
        san: names(&parsed),
    })
}

fn fingerprint(der: &[u8]) -> String {
    digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(certificate: &X509Certificate<'_>) -> String {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC {}", point.key_size()),
        _ => certificate.public_key().algorithm.algorithm.to_id_string(),
    }
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
