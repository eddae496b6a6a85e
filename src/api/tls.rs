//! TLS of the web side, and the file of users: read again when it or a certificate changes, so that a renewed
//! certificate or a withdrawn password needs no restart. What cannot be read leaves the old in force.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use crate::{
    clock::monotonic_nanos,
    config::web::{ClientAuth, Tls, TlsVersion, Web},
    diagnostic::Findings,
    text::Language,
};

/// Files are looked at this often at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {}: {source}", path.display())]
    Pem { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("{} holds no certificate", path.display())]
    Empty { path: PathBuf },
    #[error("certificate and key of {} cannot be used: {source}", path.display())]
    Unusable { path: PathBuf, source: rustls::Error },
    #[error("clients cannot be checked against {}: {source}", path.display())]
    Clients { path: PathBuf, source: rustls::server::VerifierBuilderError },
}

/// Users and TLS in force; nothing of both without a file.
pub struct Guarded {
    current: ArcSwap<Current>,
    /// Steady nanoseconds of the last look at the files.
    looked: AtomicU64,
}

/// What one reading of the files gave.
#[derive(Default)]
pub struct Current {
    web: Option<Arc<Web>>,
    tls: Option<Arc<ServerConfig>>,
    /// When each file was last written.
    written: Vec<Option<SystemTime>>,
}

impl Current {
    pub fn web(&self) -> Option<Arc<Web>> {
        self.web.clone()
    }

    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.clone()
    }

    fn of(web: Arc<Web>) -> Result<Self, TlsError> {
        let tls = web.tls_server_config.as_ref().map(served).transpose()?.map(Arc::new);
        Ok(Self { written: written(&web), tls, web: Some(web) })
    }
}

impl Guarded {
    /// # Errors
    /// A certificate or key cannot be read or used.
    pub fn new(web: Option<Arc<Web>>) -> Result<Self, TlsError> {
        let current = web.map_or_else(|| Ok(Current::default()), Current::of)?;
        Ok(Self { current: ArcSwap::from_pointee(current), looked: AtomicU64::new(monotonic_nanos()) })
    }

    /// What is in force, read anew when a file was written since.
    pub fn load(&self) -> Arc<Current> {
        let (now, looked) = (monotonic_nanos(), self.looked.load(Ordering::Relaxed));
        let is_due = u128::from(now.saturating_sub(looked)) >= LOOK_EVERY.as_nanos();
        let is_ours = || self.looked.compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_due && is_ours() {
            self.look();
        }
        self.current.load_full()
    }

    fn look(&self) {
        let current = self.current.load();
        let Some(web) = current.web.as_ref().filter(|web| written(web) != current.written) else { return };
        let mut findings = Findings::default();
        let read = Web::load(&web.file, &mut findings).map(|web| Current::of(Arc::new(web)));
        match read {
            Some(Ok(next)) => {
                tracing::info!(file = %web.file.display(), "users and TLS were read again");
                self.current.store(Arc::new(next));
            }
            Some(Err(error)) => tracing::error!(%error, "TLS stays as it was"),
            None => {
                let finding = findings.into_sorted().first().map(|finding| finding.print(Language::En));
                tracing::error!(finding, "users stay as they were");
            }
        }
    }
}

fn written(web: &Web) -> Vec<Option<SystemTime>> {
    web.files().map(|file| std::fs::metadata(file).and_then(|file| file.modified()).ok()).collect()
}

fn served(tls: &Tls) -> Result<ServerConfig, TlsError> {
    let unusable = |source| TlsError::Unusable { path: tls.cert_file.clone(), source };
    let key = PrivateKeyDer::from_pem_file(&tls.key_file)
        .map_err(|source| TlsError::Pem { path: tls.key_file.clone(), source })?;
    let versions: &[_] = match tls.min_version {
        TlsVersion::Tls12 => rustls::ALL_VERSIONS,
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(unusable)?;
    let builder = match &tls.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|source| TlsError::Unusable { path: path.clone(), source })?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match tls.client_auth_type {
                ClientAuth::VerifyClientCertIfGiven => verifier.allow_unauthenticated(),
                ClientAuth::NoClientCert | ClientAuth::RequireAndVerifyClientCert => verifier,
            };
            let verifier = verifier.build().map_err(|source| TlsError::Clients { path: path.clone(), source })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder.with_single_cert(certificates(&tls.cert_file)?, key).map_err(unusable)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    if read.is_empty() { Err(TlsError::Empty { path: path.to_owned() }) } else { Ok(read) }
}
