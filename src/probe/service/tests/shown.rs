//! Certificates, good and bad: the verdict of each, and that all of them are known whatever it is.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::profile::service::{Endpoint, Tls};

/// An authority, and what clients trust when they trust it.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: Vec<u8>,
}

pub(super) fn authority(name: &str, above: Option<&Authority>) -> Authority {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let made = match above {
        None => params.self_signed(&key),
        Some(above) => params.signed_by(&key, &above.issuer),
    };
    let made = made.unwrap();
    Authority { der: made.der().clone(), pem: made.pem().into_bytes(), issuer: Issuer::new(params, key) }
}

/// A site's certificate, changed by `change`, signed by `by` or by itself.
pub(super) fn site(name: &str, by: Option<&Authority>, change: impl Fn(&mut CertificateParams)) -> Shown {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let made = match by {
        None => params.self_signed(&key),
        Some(by) => params.signed_by(&key, &by.issuer),
    };
    Shown { chain: vec![made.unwrap().der().clone()], key: key.serialize_der() }
}

/// What a server shows.
pub(super) struct Shown {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: Vec<u8>,
}

impl Shown {
    fn with(mut self, authority: &Authority) -> Self {
        self.chain.push(authority.der.clone());
        self
    }

    /// Serves it, with a page behind it.
    pub(super) async fn serve(self) -> SocketAddr {
        let key = PrivateKeyDer::try_from(self.key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    hear(&mut stream).await;
                    say(&mut stream, &page("200 OK", "secure"), Then::Close).await;
                });
            }
        });
        address
    }
}

pub(super) fn handshake(address: SocketAddr, settings: TlsSettings) -> Kind {
    let endpoint = Endpoint { host: address.ip().to_string(), port: address.port(), pinned: None };
    Kind::Tls(Tls { endpoint, settings })
}

pub(super) fn trusting(authority: &Authority, name: &str) -> TlsSettings {
    TlsSettings { server_name: Some(name.into()), roots: Some(authority.pem.clone()), ..TlsSettings::default() }
}

/// Where a missing certificate can be fetched, as authorities write it.
fn fetchable(params: &mut CertificateParams) {
    let url = b"http://ca.test/i.crt";
    let mut way = vec![0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02, 0x86, url.len() as u8];
    way.extend_from_slice(url);
    let content = [vec![0x30, way.len() as u8 + 2, 0x30, way.len() as u8], way].concat();
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content));
}

pub(super) const NAME: &str = "www.city.test";

#[tokio::test]
async fn every_bad_chain_gives_its_own_verdict_and_is_known() {
    let (ours, other) = (authority("Ours", None), authority("Other", None));
    let between = authority("Between", Some(&ours));
    let plain = |_: &mut CertificateParams| {};
    let zoo = [
        ("good", site(NAME, Some(&ours), plain), NAME, None),
        ("good by one between", site(NAME, Some(&between), plain).with(&between), NAME, None),
        (
            "expired",
            site(NAME, Some(&ours), |it| {
                (it.not_before, it.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1))
            }),
            NAME,
            Some(Reason::Expired),
        ),
        (
            "not yet",
            site(NAME, Some(&ours), |it| it.not_before = date_time_ymd(2090, 1, 1)),
            NAME,
            Some(Reason::NotYetValid),
        ),
        ("wrong name", site("other.test", Some(&ours), plain), NAME, Some(Reason::WrongName)),
        ("one label too deep", site("*.city.test", Some(&ours), plain), "a.www.city.test", Some(Reason::WrongName)),
        ("own", site(NAME, None, plain), NAME, Some(Reason::SelfSigned)),
        ("stranger", site(NAME, Some(&other), plain), NAME, Some(Reason::UnknownIssuer)),
        ("stranger with all above", site(NAME, Some(&other), plain).with(&other), NAME, Some(Reason::UnknownIssuer)),
        ("forgot one", site(NAME, Some(&between), fetchable), NAME, Some(Reason::Incomplete)),
        (
            "for clients",
            site(NAME, Some(&ours), |it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            NAME,
            Some(Reason::WrongPurpose),
        ),
    ];
    for (case, shown, name, reason) in zoo {
        let address = shown.serve().await;
        let report = check(handshake(address, trusting(&ours, name))).await;
        assert_eq!(fault(&report), reason.map(|reason| (Phase::Tls, reason)), "{case}: {:?}", report.ending);
        let tls = report.tls.unwrap();
        assert_eq!((tls.version.as_str(), tls.verdict), ("TLS 1.3", reason), "{case}");
        let own = &tls.certificates[0];
        assert!(
            own.sha256.len() == 64 && own.algorithm == "EC 256, ecdsa-with-SHA256" && own.san.len() == 1,
            "{own:?}"
        );

        let lenient = TlsSettings { verify: false, ..trusting(&ours, name) };
        let report = check(handshake(address, lenient)).await;
        assert_eq!((fault(&report), report.tls.unwrap().verdict), (None, reason), "{case}: told of, and passed");
    }
}

#[tokio::test]
async fn a_certificate_that_we_were_told_to_trust_is_trusted() {
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec![NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
    let shown = Shown { chain: vec![made.der().clone()], key: key.serialize_der() };
    let address = shown.serve().await;
    let roots = || Some(made.pem().into_bytes());
    let settings =
        |name: &str| TlsSettings { server_name: Some(name.into()), roots: roots(), ..TlsSettings::default() };
    assert_eq!(fault(&check(handshake(address, settings(NAME))).await), None);
    let report = check(handshake(address, settings("other.test"))).await;
    assert_eq!(fault(&report), Some((Phase::Tls, Reason::WrongName)));
}

#[tokio::test]
async fn a_port_without_proper_tls_says_what_it_is() {
    let alert = vec![0x15, 3, 3, 0, 2, 2, 70];
    for (words, then, reason) in [
        (b"220 ready\r\n".to_vec(), Then::Close, Reason::NotTls),
        (vec![], Then::Close, Reason::Closed),
        (vec![], Then::Reset, Reason::Reset),
        (vec![], Then::Hang, Reason::Timeout),
        (alert, Then::Close, Reason::TlsAlert),
    ] {
        let report = check(handshake(server(words, then).await, nobody())).await;
        assert_eq!(fault(&report), Some((Phase::Tls, reason)), "{:?}", report.ending);
    }
}

#[tokio::test]
async fn a_page_over_tls_has_a_handshake_and_a_certificate_for_its_host() {
    let ours = authority("Ours", None);
    let address = site(NAME, Some(&ours), |_| {}).serve().await;
    let url = format!("https://{NAME}:{}/", address.port());
    let tls = TlsSettings { roots: Some(ours.pem.clone()), ..TlsSettings::default() };
    let http = Http { pinned: Some(address.ip()), tls, ..Http::get(url.parse().unwrap()) };
    let report = visit(http).await;
    assert_eq!(report.ending, Ending::Passed);
    assert!(report.durations.tls > Duration::ZERO && report.http.is_some_and(|http| http.tls && http.status == 200));
}
