//! A handshake that learns the server's certificates whatever their verdict.
//!
//! The verifier judges the chain, notes the verdict, and lets the handshake go on: so the version, the cipher and every
//! certificate are known of a bad server too. Only afterwards does a bad verdict end the check.

use std::{
    io,
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
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Checker, Progress, Stopped, certificate, stream::io_ending};
use crate::{
    profile::service::TlsSettings,
    sample::service::{Ending, Fault, Phase, Reason, TlsSeen},
};

/// Certificates that are kept of one chain.
const CHAIN: usize = 16;

/// Whom we trust.
#[derive(Debug)]
pub struct Trust {
    /// `None`: nobody, as in a container without a store.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    /// The authorities themselves: a server's own certificate may be one of them.
    roots: Vec<CertificateDer<'static>>,
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
        Self { verifier, roots }
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
        let chain: Vec<_> = std::iter::once(own).chain(rest).take(CHAIN).cloned().collect();
        let verdict = self.trust.judge(&chain, name, now).err();
        let verified = verdict.is_none() && self.verifies;
        let seen = TlsSeen {
            certificates: chain.iter().filter_map(|der| certificate::read(der)).collect(),
            verdict: verdict.as_ref().map(|error| certificate::reason(error, &chain)),
            detail: verdict.map(|error| error.to_string()).unwrap_or_default(),
            chain_expiry: verified.then(|| certificate::chain_expiry(&chain, &self.trust.roots)).flatten(),
            stapled: !stapled.is_empty(),
            ..TlsSeen::default()
        };
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

/// Shakes hands over `connected`. What was seen stands in the report, also when it ends the check.
pub async fn handshake(
    checker: &Checker,
    settings: &TlsSettings,
    host: &str,
    connected: TcpStream,
    protocols: &[&[u8]],
    progress: &mut Progress,
) -> Stopped<TlsStream<TcpStream>> {
    let trust = checker.trust(settings);
    progress.enter(Phase::Tls);
    let name = settings.server_name.as_deref().unwrap_or(host).to_owned();
    let name = ServerName::try_from(name).map_err(|error| progress.failed(Reason::WrongName, error))?;
    let algorithms = checker.provider.signature_verification_algorithms;
    let witness = Arc::new(Witness { trust, algorithms, verifies: settings.verify, seen: Mutex::default() });
    let mut config = ClientConfig::builder_with_provider(checker.provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Ending::Unmeasured(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone())
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    // Every check pays for a full handshake: a resumed one would not see the certificate.
    config.resumption = Resumption::disabled();
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, connected).await;
    let mut seen = witness.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Ok(stream), Some(seen)) = (&shaken, &mut seen) {
        let (_, session) = stream.get_ref();
        seen.version = session.protocol_version().map(version).unwrap_or_default();
        seen.cipher = session.negotiated_cipher_suite().map(|suite| cipher(suite.suite())).unwrap_or_default();
    }
    let bad = seen.as_ref().and_then(|seen| Some((seen.verdict?, seen.detail.clone())));
    progress.report.tls = seen;
    let stream = shaken.map_err(|error| handshake_ending(&error, progress))?;
    match bad.filter(|_| settings.verify) {
        Some((reason, detail)) => Err(Ending::Failed(Fault::new(Phase::Tls, reason, detail))),
        None => Ok(stream),
    }
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
