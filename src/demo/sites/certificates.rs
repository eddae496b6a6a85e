//! The certificates of a city: one authority, one below it, and what each site shows, good and bad.

use std::time::{Duration, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::CertifiedKey,
};

use super::plan::Shows;
use crate::units::Timestamp;

const DAY: i64 = 86_400_000;
/// Where the certificate that a site forgets to show could be fetched.
const ISSUER_AT: &[u8] = b"http://ca.city.test/i.crt";
const WILDCARD: &str = "*.city.test";

/// Whoever signs in this city, and the one key that all its sites share.
pub struct Authority {
    root: Issuer<'static, KeyPair>,
    between: Issuer<'static, KeyPair>,
    between_der: CertificateDer<'static>,
    key: KeyPair,
    /// What a watcher must trust.
    pub pem: String,
    /// The city's first moment.
    began: Timestamp,
}

impl Authority {
    pub fn create(began: Timestamp) -> Result<Self, rcgen::Error> {
        let days = [-400, 3_650];
        let (root, made) = authority("City Root CA", None, began, days)?;
        let (between, between_made) = authority("City Issuing CA", Some(&root), began, days)?;
        let (pem, between_der) = (made.pem(), between_made.der().clone());
        Ok(Self { root, between, between_der, key: KeyPair::generate()?, pem, began })
    }

    /// What a site called `name` shows, and from when of the city's time on, in order.
    pub fn shown(
        &self,
        name: &str,
        shows: Shows,
        shared: Option<Renewal>,
    ) -> Result<Vec<(Duration, CertifiedKey)>, Bad> {
        let days = |from, until| [from, until].map(|days: i64| self.began.0 + days * DAY);
        let own = |name, days| Ok::<_, Bad>(vec![(Duration::ZERO, self.signed(name, days, &self.between, true)?)]);
        match (shows, shared) {
            (Shows::Good, _) | (Shows::Shared, None) => own(name, days(-1, 365)),
            (Shows::Expiring, _) => own(name, days(-360, 5)),
            (Shows::Expired, _) => own(name, days(-366, -1)),
            (Shows::WrongName, _) => own("another.city.test", days(-1, 365)),
            (Shows::Incomplete, _) => {
                Ok(vec![(Duration::ZERO, self.signed(name, days(-1, 365), &self.between, false)?)])
            }
            (Shows::Shared, Some(Renewal { renewed, expires })) => {
                let old = [self.began.0 - 300 * DAY, self.began.0 + millis(expires)];
                let mut shown = own(WILDCARD, old)?;
                if let Some(renewed) = renewed {
                    let fresh = [self.began.0 - DAY, self.began.0 + 365 * DAY];
                    shown.push((renewed, self.signed(WILDCARD, fresh, &self.between, true)?));
                }
                Ok(shown)
            }
        }
    }

    /// A certificate that only old servers show: signed by the authority itself.
    pub fn old(&self, name: &str) -> Result<CertificateDer<'static>, rcgen::Error> {
        let days = [self.began.0 - 30 * DAY, self.began.0 + 300 * DAY];
        Ok(self.certificate(name, days, &self.root)?.der().clone())
    }

    fn signed(&self, name: &str, days: [i64; 2], by: &Issuer<'_, KeyPair>, whole: bool) -> Result<CertifiedKey, Bad> {
        let own = self.certificate(name, days, by)?.der().clone();
        let chain = if whole { vec![own, self.between_der.clone()] } else { vec![own] };
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).map_err(|text| Bad::Key(text.to_owned()))?;
        Ok(CertifiedKey::new(chain, aws_lc_rs::sign::any_supported_type(&key)?))
    }

    fn certificate(
        &self,
        name: &str,
        [from, until]: [i64; 2],
        by: &Issuer<'_, KeyPair>,
    ) -> Result<rcgen::Certificate, rcgen::Error> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, "示例市人民政府");
        (params.not_before, params.not_after) = (moment(from), moment(until));
        params.custom_extensions.push(issuer_at());
        params.signed_by(&self.key, by)
    }
}

/// When the certificate for all names is another, and when the one before ends.
#[derive(Debug, Clone, Copy)]
pub struct Renewal {
    /// `None`: nobody thinks of it.
    pub renewed: Option<Duration>,
    pub expires: Duration,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Bad {
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error("{0}")]
    Key(String),
}

fn authority(
    name: &str,
    above: Option<&Issuer<'_, KeyPair>>,
    began: Timestamp,
    days: [i64; 2],
) -> Result<(Issuer<'static, KeyPair>, rcgen::Certificate), rcgen::Error> {
    let mut params = CertificateParams::new(vec![])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let [from, until] = days.map(|days| moment(began.0 + days * DAY));
    (params.not_before, params.not_after) = (from, until);
    let key = KeyPair::generate()?;
    let made = match above {
        None => params.self_signed(&key)?,
        Some(above) => params.signed_by(&key, above)?,
    };
    Ok((Issuer::new(params, key), made))
}

/// Where the issuer's certificate is, as authorities write it (RFC 5280, 4.2.2.1).
fn issuer_at() -> CustomExtension {
    let mut way = vec![0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02, 0x86, ISSUER_AT.len() as u8];
    way.extend_from_slice(ISSUER_AT);
    let content = [vec![0x30, way.len() as u8 + 2, 0x30, way.len() as u8], way].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// As certificates write it.
fn moment<T: From<std::time::SystemTime>>(millis: i64) -> T {
    (UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())).into()
}
