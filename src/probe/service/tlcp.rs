//! TLCP (GB/T 38636): both certificates of a server, and whether their SM2 signatures hold.
//!
//! A server shows one certificate that signs and one that encrypts, and signs the latter over both random numbers. All of
//! it is clear text, so it can be judged without a key of ours. The cipher itself is never begun.

use rustls::{
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use sm2::dsa::{Signature, VerifyingKey, signature::Verifier};
use tokio::net::TcpStream;
use x509_parser::{certificate::X509Certificate, parse_x509_certificate};

use super::{
    Checker, Progress, Stopped, der,
    hello::{self, Flight, Heard, Offer, TLCP},
    stream::{connect, io_ending},
    survey,
};
use crate::{
    profile::service::{Family, Tls},
    sample::service::{Ending, Fault, Phase, Reason},
};

/// Whose signature it is, where nothing else was agreed on (GB/T 35276).
const USER: &str = "1234567812345678";
/// Authorities above a certificate that are followed.
const STEPS: usize = 8;
/// Suites whose ServerKeyExchange signs the certificate that encrypts.
const ECC: [u16; 2] = [0xe013, 0xe053];

/// Asks for both certificates over a connection of its own.
pub async fn check(checker: &Checker, family: Family, tls: &Tls, progress: &mut Progress) -> Stopped<()> {
    let mut stream: TcpStream = connect(checker, &tls.endpoint, family, progress).await?;
    let trust = checker.trust(&tls.settings);
    progress.enter(Phase::Tls);
    let name = tls.settings.server_name.as_deref().unwrap_or(&tls.endpoint.host).to_owned();
    let name = ServerName::try_from(name).map_err(|error| progress.failed(Reason::WrongName, error))?;
    let random = survey::random(checker).ok_or_else(|| Ending::Unmeasured("no randomness".to_owned()))?;
    let hello = hello::client(Offer::Tlcp, &random, None);
    let flight = match survey::exchange(&mut stream, &hello).await.map_err(|error| io_ending(&error, progress))? {
        Heard::Whole(flight) if flight.version == TLCP => flight,
        Heard::Whole(_) | Heard::Nonsense => return Err(progress.failed(Reason::NotTls, "it speaks no TLCP")),
        Heard::More(_) => return Err(progress.failed(Reason::Closed, "closed within its first flight")),
        Heard::Alert(number) => return Err(progress.failed(Reason::TlsAlert, format!("alert {number}"))),
    };
    let verdict = judge(&flight, &random, &trust.roots, &name, UnixTime::now());
    progress.report.tls = Some(survey::seen(&flight, verdict.clone()));
    match verdict.filter(|_| tls.settings.verify) {
        Some((reason, text)) => Err(Ending::Failed(Fault::new(Phase::Tls, reason, text))),
        None => Ok(()),
    }
}

type Verdict = Option<(Reason, String)>;

/// `None`: both certificates hold, and the server has the key of the one that signs.
pub fn judge(
    flight: &Flight,
    ours: &[u8; 32],
    roots: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    now: UnixTime,
) -> Verdict {
    let [signs, encrypts, above @ ..] = &flight.certificates[..] else {
        return Some((Reason::Malformed, format!("{} certificates, and TLCP has two", flight.certificates.len())));
    };
    let above: Vec<&[u8]> = above.iter().map(Vec::as_slice).collect();
    let roots: Vec<&[u8]> = roots.iter().map(AsRef::as_ref).collect();
    let named = ParsedCertificate::try_from(&CertificateDer::from(signs.as_slice()))
        .and_then(|own| verify_server_name(&own, name))
        .err();
    let named = named.map(|error| (Reason::WrongName, error.to_string()));
    let each = || [signs, encrypts].into_iter().find_map(|own| chain(own, &above, &roots, now));
    each().or(named).or_else(|| possession(flight, ours, signs, encrypts))
}

/// Follows the issuers of `own` up to one of `roots`.
fn chain(own: &[u8], above: &[&[u8]], roots: &[&[u8]], now: UnixTime) -> Verdict {
    let (first, mut own) = (own, own);
    let stranger = |own: &[u8]| if own == first { Reason::SelfSigned } else { Reason::UnknownIssuer };
    for _ in 0..STEPS {
        let Ok((_, one)) = parse_x509_certificate(own) else {
            return Some((Reason::Malformed, "no certificate".to_owned()));
        };
        let (subject, seconds) = (one.subject().to_string(), now.as_secs().cast_signed());
        if seconds < one.validity().not_before.timestamp() {
            return Some((Reason::NotYetValid, subject));
        }
        if seconds > one.validity().not_after.timestamp() {
            return Some((Reason::Expired, subject));
        }
        if roots.contains(&own) {
            return None;
        }
        let issuer = one.issuer().as_raw();
        let is_issuer = |der: &&&[u8]| {
            parse_x509_certificate(der).is_ok_and(|(_, it)| it.subject().as_raw() == issuer && is_authority(&it))
        };
        let Some(next) = roots.iter().find(is_issuer).or_else(|| above.iter().find(is_issuer)) else {
            let reason = if one.subject().as_raw() == issuer { stranger(own) } else { Reason::UnknownIssuer };
            return Some((reason, subject));
        };
        if !parse_x509_certificate(next).is_ok_and(|(_, next)| is_signed(&one, &next)) {
            return Some((Reason::BadSignature, subject));
        }
        if *next == own {
            return Some((stranger(own), subject));
        }
        own = next;
    }
    Some((Reason::UnknownIssuer, format!("no authority that we trust in {STEPS} steps")))
}

fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    certificate.basic_constraints().ok().flatten().is_some_and(|found| found.value.ca)
}

fn is_signed(one: &X509Certificate<'_>, by: &X509Certificate<'_>) -> bool {
    holds(by, one.tbs_certificate.as_ref(), &one.signature_value.data)
}

/// Whether `signature` (DER) of `message` is that of the SM2 key in `by`.
fn holds(by: &X509Certificate<'_>, message: &[u8], signature: &[u8]) -> bool {
    let key = VerifyingKey::from_sec1_bytes(USER, &by.public_key().subject_public_key.data);
    let signature = der::signature(signature).and_then(|both| Signature::from_bytes((&both).into()).ok());
    matches!((key, signature), (Ok(key), Some(signature)) if key.verify(message, &signature).is_ok())
}

/// The server has signed both random numbers and its second certificate: it has the key of the first.
fn possession(flight: &Flight, ours: &[u8; 32], signs: &[u8], encrypts: &[u8]) -> Verdict {
    if !ECC.contains(&flight.suite) {
        return None;
    }
    let bad = |text: &str| Some((Reason::BadSignature, text.to_owned()));
    let Some((length, rest)) = flight.key_exchange.split_first_chunk::<2>() else { return bad("no key exchange") };
    let Some(signature) = rest.get(..usize::from(u16::from_be_bytes(*length))) else {
        return bad("a short key exchange");
    };
    let Ok((_, by)) = parse_x509_certificate(signs) else { return bad("no certificate") };
    let length = u32::try_from(encrypts.len()).unwrap_or_default().to_be_bytes();
    let message = [&ours[..], &flight.random, &length[1..], encrypts].concat();
    if holds(&by, &message, signature) { None } else { bad("of the key exchange: not its own key") }
}
