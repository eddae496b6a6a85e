//! `web.yaml`: who may use the API and the pages, and over which TLS. As the exporter toolkit of Prometheus has it
//! (`tls_server_config`, `basic_auth_users`), with `roles` beside them.
//!
//! In: a file. Out: a [`Web`] whose paths can be opened as they are, and every finding. Keys that are not served are
//! findings, never ignored.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::Error};

use crate::{
    diagnostic::{
        Code, Findings, closest,
        yaml::{self, Document},
    },
    text::{Message, WebText},
};

/// Dearest bcrypt cost that is taken: beyond it one log-in keeps a core busy for more than a second.
const COST: u32 = 14;

/// The file as it was read.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// The file it was read from.
    #[serde(skip)]
    pub file: PathBuf,
    pub tls_server_config: Option<Tls>,
    /// Name and bcrypt hash of the password.
    pub basic_auth_users: BTreeMap<String, String>,
    /// What a user may do; `viewer` for whoever is not named here.
    pub roles: BTreeMap<String, Role>,
    /// Name and bcrypt hash of the PIN by which an operator takes on an incident at the wall.
    pub pins: BTreeMap<String, String>,
}

/// Where certificate and key are, and what is asked of clients.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    #[serde(default)]
    pub client_auth_type: ClientAuth,
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
    #[serde(default)]
    pub min_version: TlsVersion,
}

/// Names as in the exporter toolkit, which has them from Go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum ClientAuth {
    #[default]
    NoClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum TlsVersion {
    #[default]
    #[serde(rename = "TLS12")]
    Tls12,
    #[serde(rename = "TLS13")]
    Tls13,
}

/// What a user may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Looks at everything, changes nothing.
    Viewer,
    /// Looks at everything and acts.
    Operator,
    /// As a viewer; named apart, because its reading is an audit.
    Auditor,
    /// Looks at the links of this carrier, and at nothing else.
    Carrier(String),
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match (text.as_str(), text.strip_prefix("carrier/")) {
            ("viewer", _) => Ok(Self::Viewer),
            ("operator", _) => Ok(Self::Operator),
            ("auditor", _) => Ok(Self::Auditor),
            (_, Some(carrier)) if !carrier.is_empty() => Ok(Self::Carrier(carrier.to_owned())),
            _ => Err(D::Error::custom(format!(
                "`{}` is no role: write viewer, operator, auditor or carrier/ID",
                yaml::shortened(&text)
            ))),
        }
    }
}

impl Web {
    /// `None`, with findings, when it cannot be used: half of a log-in is none.
    pub fn load(file: &Path, findings: &mut Findings) -> Option<Self> {
        let before = findings.errors();
        let document: Document<Self> = yaml::read(file, findings)?;
        check(&document, findings);
        (findings.errors() == before).then(|| document.value.beside(file))
    }

    /// Anybody is told apart.
    pub fn has_users(&self) -> bool {
        !self.basic_auth_users.is_empty()
    }

    /// Its own file and those it names: what must be read again when it changes.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let named = self.tls_server_config.iter().flat_map(|tls| {
            [Some(&tls.cert_file), Some(&tls.key_file), tls.client_ca_file.as_ref()].into_iter().flatten()
        });
        std::iter::once(&self.file).chain(named).map(PathBuf::as_path)
    }

    /// Relative paths are relative to the file's folder.
    fn beside(mut self, file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        if let Some(tls) = &mut self.tls_server_config {
            for path in [&mut tls.cert_file, &mut tls.key_file].into_iter().chain(&mut tls.client_ca_file) {
                *path = folder.join(&path);
            }
        }
        self.file = file.to_owned();
        self
    }
}

/// What the types cannot say.
fn check(document: &Document<Web>, findings: &mut Findings) {
    let web = &document.value;
    let hashes = |key| move |(user, hash)| (key, user, hash);
    let passwords = web.basic_auth_users.iter().map(hashes("basic_auth_users"));
    for (key, user, hash) in passwords.chain(web.pins.iter().map(hashes("pins"))) {
        let cost = hash.parse::<bcrypt::HashParts>().ok().map(|parts| parts.get_cost());
        if cost.is_none_or(|cost| cost > COST) || user.contains(':') || user.is_empty() {
            let place = document.place(&format!("{key}.{user}"));
            let (text, help) = (WebText::BadHash { user: user.clone() }, WebText::BadHashHelp { cost: COST });
            findings.error(place, Code::BAD_PASSWORD_HASH, Message::Web(text), Message::Web(help));
        }
    }
    for user in web.roles.keys().filter(|user| !web.basic_auth_users.contains_key(*user)) {
        let place = document.place(&format!("roles.{user}"));
        let known = web.basic_auth_users.keys().map(String::as_str);
        let help = WebText::NoSuchUserHelp { closest: closest(user, known).map(str::to_owned) };
        let message = Message::Web(WebText::NoSuchUser { user: user.clone() });
        findings.error(place, Code::NO_SUCH_USER, message, Message::Web(help));
    }
    for user in web.pins.keys().filter(|user| web.roles.get(*user) != Some(&Role::Operator)) {
        let (text, help) = (WebText::PinOfNoOperator { user: user.clone() }, WebText::PinOfNoOperatorHelp);
        findings.error(
            document.place(&format!("pins.{user}")),
            Code::NOT_AN_OPERATOR,
            Message::Web(text),
            Message::Web(help),
        );
    }
    if let Some(tls) = &web.tls_server_config
        && (tls.client_auth_type == ClientAuth::NoClientCert) != tls.client_ca_file.is_none()
    {
        let place = document.place("tls_server_config");
        let help = Message::Web(WebText::ClientCertificatesHelp);
        findings.error(place, Code::CLIENT_CERTIFICATES, Message::Web(WebText::ClientCertificates), help);
    }
}
