//! A handshake that learns the server's certificates whatever their verdict.
//!
//! The verifier judges the chain, notes the verdict, and lets the handshake go on: so the version, the cipher and every
//! certificate are known of a bad server too. Only afterwards does a bad verdict end the check.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Checker, Progress, Stopped, certificate,
    known::{Key, Known},
    revocation::Subject,
    starttls,
    stream::{Duplex, io_ending},
    survey,
};
use crate::{
    clock::{Clock, SystemClock, monotonic_nanos},
    profile::service::{Endpoint, Family, TlsSettings, Validation, Versions},
    sample::service::{Ending, Fault, Phase, Reason, RevocationSeen, RevocationStatus, TlsSeen},
};

/// Certificates that are kept of one chain.
pub const CHAIN: usize = 16;

/// Whom we trust.
#[derive(Debug)]
pub struct Trust {
    /// `None`: nobody, as in a container without a store.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    /// The authorities themselves: a server's own certificate may be one of them.
    pub roots: Vec<CertificateDer<'static>>,
    /// Places in `roots` by subject (DER): reading all of them for every visit costs more than its handshake.
    by_subject: HashMap<Vec<u8>, Vec<usize>>,
    known: Known,
}

impl Trust {
    /// The authorities of the system.
    pub fn system(provider: &Arc<CryptoProvider>) -> Self {
        Self::of(rustls_native_certs::load_native_certs().certs, provider)
    }

    pub fn pem(pem: &[u8], provider: &Arc<CryptoProvider>) -> Self {
        Self::of(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect(), provider)
    }

    fn of(roots: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let verifier = WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone()).build().ok();
        let mut by_subject = HashMap::<_, Vec<usize>>::new();
        for (place, root) in roots.iter().enumerate() {
            if let Ok((_, read)) = x509_parser::parse_x509_certificate(root) {
                by_subject.entry(read.subject().as_raw().to_vec()).or_default().push(place);
            }
        }
        Self { verifier, roots, by_subject, known: Known::default() }
    }

    /// Authorities that are called so; `name` is DER.
    pub fn called(&self, name: &[u8]) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.by_subject.get(name).into_iter().flatten().filter_map(|place| self.roots.get(*place))
    }

    /// What is to be seen of a chain, and its verdict.
    fn look(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>, now: UnixTime) -> TlsSeen {
        let key = Key::of(chain, name);
        if let Some(seen) = self.known.find(key, now) {
            return seen;
        }
        let (verdict, detail) = self.verdict(chain, name, now).unzip();
        let good = verdict.is_none();
        let seen = TlsSeen {
            certificates: chain.iter().filter_map(|der| certificate::read(der)).collect(),
            verdict,
            detail: detail.unwrap_or_default(),
            chain_expiry: good.then(|| certificate::chain_expiry(chain, self)).flatten(),
            ..TlsSeen::default()
        };
        // Of a certificate that we cannot read nobody knows when it ends.
        if good && seen.certificates.len() == chain.len() {
            self.known.keep(key, now, &seen);
        }
        seen
    }

    /// Why `chain` is bad, and in the words of what found it; `None`: it is good.
    pub fn verdict(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<(Reason, String)> {
        match self.judge(chain, name, now) {
            Err(error) => Some((certificate::reason(&error, chain), error.to_string())),
            Ok(()) => chain.first().and_then(|own| certificate::weakness(own)),
        }
    }

    fn judge(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
        let unknown = || Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let (own, rest) = chain.split_first().ok_or_else(unknown)?;
        if self.roots.iter().any(|root| root == own) {
            return trusted_itself(own, name, now);
        }
        self.verifier.as_ref().ok_or_else(unknown)?.verify_server_cert(own, rest, name, &[], now).map(drop)
    }
}

/// A server's own certificate that we were told to trust: only its name and its days are looked at.
fn trusted_itself(own: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    use rustls::CertificateError::{BadEncoding, Expired, NotValidYet};
    let (_, parsed) = x509_parser::parse_x509_certificate(own).map_err(|_| Error::InvalidCertificate(BadEncoding))?;
    let (now, validity) = (now.as_secs().cast_signed(), parsed.validity());
    match () {
        () if now < validity.not_before.timestamp() => Err(Error::InvalidCertificate(NotValidYet)),
        () if now > validity.not_after.timestamp() => Err(Error::InvalidCertificate(Expired)),
        () => verify_server_name(&ParsedCertificate::try_from(own)?, name),
    }
}

/// Judges, notes, and lets pass.
#[derive(Debug)]
struct Witness {
    trust: Arc<Trust>,
    algorithms: WebPkiSupportedAlgorithms,
    /// A bad chain ends the check.
    verifies: bool,
    seen: Mutex<Option<TlsSeen>>,
    /// What was served: the chain, and the answer of OCSP stapled to it.
    served: Mutex<(Vec<CertificateDer<'static>>, Vec<u8>)>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain: Vec<_> = std::iter::once(own).chain(rest).take(CHAIN).map(|der| der.clone().into_owned()).collect();
        let mut seen = self.trust.look(&chain, name, now);
        seen.stapled = !stapled.is_empty();
        seen.chain_expiry.take_if(|_| !self.verifies);
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = (chain, stapled.to_vec());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, own, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, own, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Shakes hands over `connected`, after the words that a port may want first. What was seen stands in the report, also
/// when it ends the check.
pub async fn handshake<S: Duplex>(
    checker: &Checker,
    settings: &TlsSettings,
    endpoint: &Endpoint,
    mut connected: S,
    protocols: &[&[u8]],
    progress: &mut Progress,
) -> Stopped<TlsStream<S>> {
    let (trust, host) = (checker.trust(settings), &endpoint.host);
    if let Some(with) = settings.starttls {
        starttls::ask(with, &mut connected, progress).await?;
    }
    progress.enter(Phase::Tls);
    let name = settings.server_name.as_deref().unwrap_or(host).to_owned();
    let name = ServerName::try_from(name).map_err(|error| progress.failed(Reason::WrongName, error))?;
    let algorithms = checker.provider.signature_verification_algorithms;
    let witness = Arc::new(Witness {
        trust: trust.clone(),
        algorithms,
        verifies: settings.verify,
        seen: Mutex::default(),
        served: Mutex::default(),
    });
    let versions: &[&rustls::SupportedProtocolVersion] = match settings.versions {
        Versions::Any => rustls::ALL_VERSIONS,
        Versions::Twelve => &[&rustls::version::TLS12],
        Versions::Thirteen => &[&rustls::version::TLS13],
    };
    let builder = ClientConfig::builder_with_provider(checker.provider.clone())
        .with_protocol_versions(versions)
        .map_err(|error| Ending::Unmeasured(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone());
    let mut config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let unusable = |error: String| Ending::Unmeasured(format!("our own certificate cannot be used: {error}"));
            let chain = CertificateDer::pem_slice_iter(&identity.certificates).collect::<Result<Vec<_>, _>>();
            let chain = chain.map_err(|error| unusable(error.to_string()))?;
            let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(|error| unusable(error.to_string()))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| unusable(error.to_string()))?
        }
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    // Every check pays for a full handshake: a resumed one would not see the certificate.
    config.resumption = Resumption::disabled();
    let shaken = TlsConnector::from(Arc::new(config)).connect(name.clone(), connected).await;
    let mut seen = witness.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Ok(stream), Some(seen)) = (&shaken, &mut seen) {
        let (_, session) = stream.get_ref();
        seen.version = session.protocol_version().map(version).unwrap_or_default();
        seen.cipher = session.negotiated_cipher_suite().map(|suite| cipher(suite.suite())).unwrap_or_default();
    }
    if let Some(seen) = seen.as_mut().filter(|seen| seen.verdict.is_none()) {
        let (chain, stapled) = std::mem::take(&mut *witness.served.lock().unwrap_or_else(PoisonError::into_inner));
        let begun = monotonic_nanos();
        seen.revocation = revoked(checker, settings, &chain, &trust, &stapled).await;
        progress.skip_from(begun);
        if let Some(RevocationSeen { status: RevocationStatus::Revoked(at), by }) = &seen.revocation {
            (seen.verdict, seen.detail) =
                (Some(Reason::Revoked), format!("since {}, {by}", at.rfc3339(chrono_tz::UTC)));
        }
    }
    if let (Some(seen), Some(wanted)) = (seen.as_mut().filter(|seen| seen.verdict.is_none()), settings.validation) {
        let shown = seen.certificates.first().and_then(|leaf| leaf.validation);
        if shown.is_none_or(|shown| shown < wanted) {
            let shown = shown.map_or("nothing", Validation::as_str);
            let detail = format!("it claims {shown}, and {} is wanted", wanted.as_str());
            (seen.verdict, seen.detail) = (Some(Reason::WrongValidation), detail);
        }
    }
    let bad = seen.as_ref().and_then(|seen| Some((seen.verdict?, seen.detail.clone())));
    progress.report.tls = seen;
    match (shaken, bad.filter(|_| settings.verify)) {
        (_, Some((reason, detail))) => Err(Ending::Failed(Fault::new(Phase::Tls, reason, detail))),
        (Ok(stream), None) => Ok(stream),
        (Err(error), None) => {
            let ending = handshake_ending(&error, progress);
            match progress.report.addresses.last().copied() {
                Some(address) if settings.survey && may_be_old(&ending) => {
                    // Should the deadline end what follows, this is how the visit ended; and its times are as they are.
                    progress.stand(ending.clone());
                    let address = SocketAddr::new(address, endpoint.port);
                    Err(survey::look(checker, settings, &trust, &name, address, progress).await.unwrap_or(ending))
                }
                _ => Err(ending),
            }
        }
    }
}

/// What is said of a chain that is good so far. `None`: nothing.
async fn revoked(
    checker: &Checker,
    settings: &TlsSettings,
    chain: &[CertificateDer<'static>],
    trust: &Trust,
    stapled: &[u8],
) -> Option<RevocationSeen> {
    if stapled.is_empty() && !settings.revocation {
        return None;
    }
    let algorithms = checker.provider.signature_verification_algorithms;
    let subject = Subject::of(chain, trust, algorithms, SystemClock::start().now().utc)?;
    let staple = (!stapled.is_empty()).then(|| subject.stapled(stapled));
    let settles = |seen: &RevocationSeen| matches!(seen.status, RevocationStatus::Good | RevocationStatus::Revoked(_));
    if !settings.revocation || staple.as_ref().is_some_and(settles) {
        return staple;
    }
    subject.asked(checker, Family::default()).await.or(staple)
}

/// Endings of a handshake that servers of other times give.
fn may_be_old(ending: &Ending) -> bool {
    use Reason::{Closed, Reset, TlsAlert, TlsFailed};
    matches!(ending, Ending::Failed(Fault { reason: Closed | Reset | TlsAlert | TlsFailed, .. }))
}

fn handshake_ending(error: &io::Error, progress: &Progress) -> Ending {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return io_ending(error, progress);
    };
    let reason = match tls {
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => Reason::NotTls,
        Error::AlertReceived(_) => Reason::TlsAlert,
        _ => Reason::TlsFailed,
    };
    progress.failed(reason, tls)
}

/// As Go and OpenSSL write it: `TLS 1.3`.
fn version(version: rustls::ProtocolVersion) -> String {
    match version {
        rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

/// As IANA writes it: rustls marks the suites of 1.3 by a prefix of its own.
fn cipher(suite: rustls::CipherSuite) -> String {
    format!("{suite:?}").replace("TLS13_", "TLS_")
}
