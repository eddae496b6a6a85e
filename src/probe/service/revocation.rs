//! Whether a certificate is revoked: the OCSP answer that a server staples, the responder and the list that the certificate names.
//!
//! Nobody's word is taken without a signature of the issuer or of whom it appointed (RFC 6960, section 4.2.2.2), nor after its
//! time. What nobody said is absent, never good. Responders are asked only of chains that are good so far: a stranger's
//! certificate could send us anywhere.

use std::{pin::Pin, time::Duration};

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use chrono::NaiveDateTime;
use rustls::{crypto::WebPkiSupportedAlgorithms, pki_types::CertificateDer};
use tokio::time::timeout;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{DistributionPointName, GeneralName, ParsedExtension},
    oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP,
    parse_x509_certificate, parse_x509_crl,
};

use super::{
    Checker, Progress, Stopped,
    der::{self, SEQUENCE, tagged},
    http,
    tls::Trust,
};
use crate::{
    profile::service::{Family, Http, usable_url},
    sample::service::{Ending, RevocationSeen, RevocationStatus},
    units::Timestamp,
};

/// For one answer of a responder, or one list.
const PATIENCE: Duration = Duration::from_secs(3);
/// Clocks of responders may be ahead of ours, in milliseconds.
const AHEAD: i64 = 5 * 60 * 1000;
/// SHA-1 in an AlgorithmIdentifier: what every responder can look up.
const SHA1: [u8; 9] = [0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00];
const ENUMERATED: u8 = 0x0a;
const OCTETS: u8 = 0x04;
const BITS: u8 = 0x03;
const MOMENT: u8 = 0x18;

/// A certificate and its issuer, and how signatures are verified.
pub struct Subject<'a> {
    own: X509Certificate<'a>,
    issuer: X509Certificate<'a>,
    algorithms: WebPkiSupportedAlgorithms,
    now: Timestamp,
}

impl<'a> Subject<'a> {
    /// The server's own certificate of `chain`; `None`: its issuer is neither in the chain nor among whom we trust.
    pub fn of(
        chain: &'a [CertificateDer<'_>],
        trust: &'a Trust,
        algorithms: WebPkiSupportedAlgorithms,
        now: Timestamp,
    ) -> Option<Self> {
        let (own, above) = chain.split_first()?;
        let (_, own) = parse_x509_certificate(own).ok()?;
        let served = above.iter().filter_map(|der| parse_x509_certificate(der).ok());
        let roots = trust.called(own.issuer().as_raw()).filter_map(|der| parse_x509_certificate(der).ok());
        let issuer = served.chain(roots).map(|(_, it)| it).find(|it| it.subject().as_raw() == own.issuer().as_raw())?;
        Some(Self { own, issuer, algorithms, now })
    }

    /// What a stapled answer says.
    pub fn stapled(&self, answer: &[u8]) -> RevocationSeen {
        RevocationSeen { by: "staple", status: self.judged(self.answered(answer)) }
    }

    /// Asks the responder, and where it says nothing of use the list. `None`: the certificate names neither.
    pub async fn asked(&self, checker: &Checker, family: Family) -> Option<RevocationSeen> {
        let mut seen = None;
        if let Some(responder) = self.responder() {
            let body = Http {
                method: hyper::Method::POST,
                headers: vec![("Content-Type".to_owned(), "application/ocsp-request".to_owned())],
                body: self.question(),
                ..Http::get(responder)
            };
            let status = match fetch(checker, family, &body).await {
                Ok(answer) => self.judged(self.answered(&answer)),
                Err(text) => RevocationStatus::Unusable(text),
            };
            let settled = matches!(status, RevocationStatus::Good | RevocationStatus::Revoked(_));
            seen = Some(RevocationSeen { by: "ocsp", status });
            if settled {
                return seen;
            }
        }
        let Some(list) = self.list() else { return seen };
        let status = match fetch(checker, family, &Http::get(list)).await {
            Ok(list) => self.judged(self.listed(&list)),
            Err(text) => RevocationStatus::Unusable(text),
        };
        Some(RevocationSeen { by: "crl", status })
    }

    fn judged(&self, said: Result<RevocationStatus, &str>) -> RevocationStatus {
        said.unwrap_or_else(|text| RevocationStatus::Unusable(text.to_owned()))
    }

    /// Only over plain HTTP, as authorities offer it: its own certificate would have to be asked about.
    fn responder(&self) -> Option<hyper::Uri> {
        self.own.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityInfoAccess(access) => access.accessdescs.iter().find_map(|way| {
                plain(&way.access_location).filter(|_| way.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP)
            }),
            _ => None,
        })
    }

    fn list(&self) -> Option<hyper::Uri> {
        self.own.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::CRLDistributionPoints(points) => {
                points.points.iter().find_map(|point| match &point.distribution_point {
                    Some(DistributionPointName::FullName(names)) => names.iter().find_map(plain),
                    _ => None,
                })
            }
            _ => None,
        })
    }

    /// An unsigned OCSPRequest about the one certificate.
    fn question(&self) -> Vec<u8> {
        let algorithm = der::written(SEQUENCE, &SHA1);
        let [name, key] = self.hashes(&SHA1_FOR_LEGACY_USE_ONLY).map(|hash| der::written(OCTETS, &hash));
        let serial = der::written(der::INTEGER, self.own.raw_serial());
        let id = der::written(SEQUENCE, &[algorithm, name, key, serial].concat());
        // Request, list of requests, request without its signature, request.
        (0..4).fold(id, |inner, _| der::written(SEQUENCE, &inner))
    }

    /// Of the issuer's name and key.
    fn hashes(&self, algorithm: &'static Algorithm) -> [Vec<u8>; 2] {
        let parts = [self.issuer.subject().as_raw(), &self.issuer.public_key().subject_public_key.data];
        parts.map(|part| digest(algorithm, part).as_ref().to_vec())
    }

    /// `Err`: why the answer says nothing.
    fn answered(&self, answer: &[u8]) -> Result<RevocationStatus, &'static str> {
        let broken = "no answer of OCSP";
        let (whole, _) = tagged(answer, SEQUENCE).ok_or(broken)?;
        let (status, rest) = tagged(whole, ENUMERATED).ok_or(broken)?;
        if status != [0] {
            return Err("the responder could not answer");
        }
        let (rest, _) = tagged(rest, 0xa0).ok_or(broken)?;
        let (rest, _) = tagged(rest, SEQUENCE).ok_or(broken)?;
        let (_, _, rest) = der::element(rest).ok_or(broken)?;
        let (basic, _) = tagged(rest, OCTETS).ok_or(broken)?;
        let signed = Signed::read(basic).ok_or(broken)?;
        if !self.is_from_issuer(&signed) {
            return Err("not signed by the issuer nor by whom it appointed");
        }
        let (mut left, _) = tagged(signed.content, SEQUENCE).ok_or(broken)?;
        // Version and responder, if they are there, and when it was made.
        let mut answers = None;
        while let Some((tag, content, rest)) = der::element(left) {
            if tag == SEQUENCE {
                answers = Some(content);
                break;
            }
            left = rest;
        }
        let mut left = answers.ok_or(broken)?;
        while let Some((one, rest)) = tagged(left, SEQUENCE) {
            if let Some(status) = self.single(one) {
                return status;
            }
            left = rest;
        }
        Err("it is about other certificates")
    }

    /// `None`: about another certificate.
    fn single(&self, answer: &[u8]) -> Option<Result<RevocationStatus, &'static str>> {
        let (id, rest) = tagged(answer, SEQUENCE)?;
        let (_, _, hashes) = der::element(id)?;
        let (name, after) = tagged(hashes, OCTETS)?;
        let (key, after) = tagged(after, OCTETS)?;
        let (serial, _) = tagged(after, der::INTEGER)?;
        let ours = |algorithm| self.hashes(algorithm) == [name, key];
        if serial != self.own.raw_serial() || !(ours(&SHA1_FOR_LEGACY_USE_ONLY) || ours(&SHA256)) {
            return None;
        }
        let (status, content, rest) = der::element(rest)?;
        let (since, rest) = tagged(rest, MOMENT)?;
        let until = tagged(rest, 0xa0).and_then(|(inner, _)| tagged(inner, MOMENT)).map(|(until, _)| until);
        let since = moment(since)?;
        let until = until.map(moment);
        if until == Some(None) {
            return None;
        }
        if let Err(text) = self.is_fresh(since, until.flatten()) {
            return Some(Err(text));
        }
        Some(Ok(match status & 0x1f {
            0 => RevocationStatus::Good,
            1 => RevocationStatus::Revoked(tagged(content, MOMENT).and_then(|(at, _)| moment(at))?),
            _ => RevocationStatus::Unknown,
        }))
    }

    fn listed(&self, list: &[u8]) -> Result<RevocationStatus, &'static str> {
        let (_, read) = parse_x509_crl(list).map_err(|_| "no list of revoked certificates")?;
        if read.issuer().as_raw() != self.own.issuer().as_raw() {
            return Err("the list of another issuer");
        }
        let signed = Signed::read(list).ok_or("no list of revoked certificates")?;
        if !self.verifies(&self.issuer, &signed) {
            return Err("not signed by the issuer");
        }
        let millis = |seconds: i64| Timestamp(seconds.saturating_mul(1_000));
        let until = read.next_update().map(|until| millis(until.timestamp()));
        self.is_fresh(millis(read.last_update().timestamp()), until)?;
        let mut revoked = read.iter_revoked_certificates();
        Ok(match revoked.find(|one| one.raw_serial() == self.own.raw_serial()) {
            Some(one) => RevocationStatus::Revoked(millis(one.revocation_date.timestamp())),
            None => RevocationStatus::Good,
        })
    }

    fn is_fresh(&self, since: Timestamp, until: Option<Timestamp>) -> Result<(), &'static str> {
        match until {
            _ if since.0 > self.now.0 + AHEAD => Err("it begins later"),
            Some(until) if until < self.now => Err("its time is over"),
            _ => Ok(()),
        }
    }

    fn is_from_issuer(&self, answer: &Signed<'_>) -> bool {
        self.verifies(&self.issuer, answer) || self.appointed(answer.rest).is_some_and(|by| self.verifies(&by, answer))
    }

    /// The first certificate beside an answer, when the issuer has signed it for this.
    fn appointed<'b>(&self, beside: &'b [u8]) -> Option<X509Certificate<'b>> {
        let (list, _) = tagged(beside, 0xa0)?;
        let (list, _) = tagged(list, SEQUENCE)?;
        let (_, by) = parse_x509_certificate(list).ok()?;
        let purposes = by.extended_key_usage().ok().flatten().is_some_and(|found| found.value.ocsp_signing);
        let validity = by.validity();
        let seconds = self.now.0.div_euclid(1_000);
        let now = (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&seconds);
        (purposes && now && self.verifies(&self.issuer, &Signed::read(list)?)).then_some(by)
    }

    fn verifies(&self, by: &X509Certificate<'_>, signed: &Signed<'_>) -> bool {
        let key = by.public_key();
        let Some((algorithm, _)) = tagged(key.raw, SEQUENCE).and_then(|(inner, _)| tagged(inner, SEQUENCE)) else {
            return false;
        };
        self.algorithms.all.iter().any(|known| {
            known.public_key_alg_id().as_ref() == algorithm
                && known.signature_alg_id().as_ref() == signed.algorithm
                && known.verify_signature(&key.subject_public_key.data, signed.content, signed.signature).is_ok()
        })
    }
}

/// What certificates, lists and answers have in common: a content, an algorithm, a signature.
struct Signed<'a> {
    /// With its tag.
    content: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Signed<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (whole, _) = tagged(bytes, SEQUENCE)?;
        let (_, after) = tagged(whole, SEQUENCE)?;
        let content = whole.get(..whole.len() - after.len())?;
        let (algorithm, after) = tagged(after, SEQUENCE)?;
        let (signature, rest) = tagged(after, BITS)?;
        Some(Self { content, algorithm, signature: signature.strip_prefix(&[0])?, rest })
    }
}

fn plain(name: &GeneralName<'_>) -> Option<hyper::Uri> {
    match name {
        GeneralName::URI(text) if text.starts_with("http://") => usable_url(text),
        _ => None,
    }
}

/// As DER writes it: `20261127020000Z`.
fn moment(bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok()?;
    let moment = NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%SZ").ok()?;
    Some(Timestamp(moment.and_utc().timestamp_millis()))
}

/// A page with times of its own. Boxed: a page may itself be behind a handshake.
fn fetch<'a>(
    checker: &'a Checker,
    family: Family,
    http: &'a Http,
) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>> {
    Box::pin(async move {
        let mut aside = Progress::start(0);
        let body: Stopped<Vec<u8>> = match timeout(PATIENCE, http::body(checker, family, http, &mut aside)).await {
            Ok(body) => body,
            Err(_) => return Err(format!("{} is silent", http.url)),
        };
        body.map_err(|ending| match ending {
            Ending::Failed(fault) => format!("{}: {}", http.url, fault.text),
            Ending::Unmeasured(text) => format!("{}: {text}", http.url),
            Ending::Passed => String::new(),
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::crypto::aws_lc_rs;

    use super::*;

    /// A certificate and its issuer.
    fn pair() -> Vec<CertificateDer<'static>> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let above = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["city.test".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        vec![own.der().clone(), above.der().clone()]
    }

    /// Nobody is trusted: the issuer is in the chain.
    fn subject<'a>(chain: &'a [CertificateDer<'static>]) -> Subject<'a> {
        static NOBODY: std::sync::LazyLock<Trust> =
            std::sync::LazyLock::new(|| Trust::pem(b"", &std::sync::Arc::new(aws_lc_rs::default_provider())));
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        Subject::of(chain, &NOBODY, algorithms, Timestamp(1_800_000_000_000)).unwrap()
    }

    #[test]
    fn what_says_nothing_is_never_good() {
        let chain = pair();
        let subject = subject(&chain);
        for answer in [&[][..], b"<html>", &[0x30, 3, 0x0a, 1, 6], &[0x30, 3, 0x0a, 1, 0]] {
            assert!(matches!(subject.stapled(answer).status, RevocationStatus::Unusable(_)), "{answer:?}");
        }
        assert!(subject.listed(b"-----BEGIN X509 CRL-----").is_err());
        assert!(subject.responder().is_none() && subject.list().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let chain = pair();
            let subject = subject(&chain);
            prop_assert!(!matches!(subject.stapled(&bytes).status, RevocationStatus::Good));
            let wrapped = [&[0x30, 0x0a, 0x0a, 1, 0][..], &bytes].concat();
            prop_assert!(!matches!(subject.stapled(&wrapped).status, RevocationStatus::Good));
            prop_assert!(subject.listed(&bytes).is_err());
            subject.single(&bytes);
        }
    }
}
