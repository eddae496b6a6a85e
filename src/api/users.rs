//! Who is asking: users by password (RFC 7617), and what each may do.
//!
//! In: the head of a request. Out: a [`Who`], or the problem to answer with. Hashes are dear on purpose, so what has
//! been checked once is remembered by its digest, one hash is checked at a time, and each address has only so many
//! tries a minute. Without users in force everybody is [`Who::Anybody`], and `guard` asks for this machine instead.

use std::{
    collections::HashSet,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, Method, Uri, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use prometheus::{IntCounterVec, Opts, Registry};
use tokio::sync::Semaphore;

use super::{
    problem::Problem,
    sessions::{Digest, Sessions},
};
use crate::{
    config::web::{Role, Web},
    snapshot::Snapshot,
    units::Mono,
};

/// Checked pairs of name and password that are remembered: every user on a few machines.
const REMEMBERED: usize = 256;
/// Passwords that an address may have checked at once, and then each minute.
const TRIES: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
/// PINs of one officer that are checked at once, and then one in two minutes: they are short.
const PINS: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
const PIN_AGAIN: Duration = Duration::from_secs(120);
/// Addresses whose tries are counted before those that rest are forgotten.
const ADDRESSES: usize = 4_096;
/// Whoever sees the wall may show a PIN there.
pub(super) const PINNED: &str = "/wall/acknowledge";
/// Of nobody's password: an unknown name takes as long as a known one.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuu0VnZ5WwLBpVBq7cxE5GYqv0nC5DqYq";

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// Nobody is told apart: no users are configured.
    Anybody,
    /// May look, because reading is open to all.
    Anonymous,
    User {
        name: String,
        role: Role,
    },
}

/// On whose word a request was let in: looked at again while its answer lasts.
#[derive(Clone)]
pub(super) struct Admitted {
    pub(super) who: Who,
    /// Of the user's password.
    hash: Option<String>,
    session: Option<Digest>,
}

impl Admitted {
    pub(super) fn new(who: Who, web: Option<&Arc<Web>>, session: Option<Digest>) -> Self {
        let hash = match &who {
            Who::User { name, .. } => web.and_then(|web| web.basic_auth_users.get(name)).cloned(),
            Who::Anybody | Who::Anonymous => None,
        };
        Self { who, hash, session }
    }

    /// Nobody knows who asks, because reading is open to all.
    pub(super) fn is_anonymous(&self) -> bool {
        self.who == Who::Anonymous
    }

    /// The carrier that asks; `None`: whoever it is sees all of them.
    pub(super) fn carrier(&self) -> Option<&str> {
        match &self.who {
            Who::User { role: Role::Carrier(carrier), .. } => Some(carrier.as_str()),
            _ => None,
        }
    }
}

/// The users in force, and what was seen of them.
pub(super) struct Users {
    /// Reading is open to all.
    anonymous_read: bool,
    pub(super) sessions: Sessions,
    /// Digests of hash, name and password that were found right.
    remembered: Mutex<HashSet<[u8; 32]>>,
    tries: DefaultKeyedRateLimiter<IpAddr>,
    /// By name; names that have none count together.
    pins: DefaultKeyedRateLimiter<String>,
    one_at_a_time: Semaphore,
    logins: IntCounterVec,
}

impl Users {
    pub fn new(anonymous_read: bool, registry: &Registry) -> prometheus::Result<Self> {
        let help = "Passwords that were looked at, by what became of them.";
        let logins = IntCounterVec::new(Opts::new("linkpatrol_http_logins_total", help), &["outcome"])?;
        for outcome in ["accepted", "refused", "limited"] {
            logins.with_label_values(&[outcome]);
        }
        registry.register(Box::new(logins.clone()))?;
        Ok(Self {
            anonymous_read,
            sessions: Sessions::default(),
            remembered: Mutex::default(),
            tries: RateLimiter::keyed(Quota::per_minute(TRIES)),
            pins: RateLimiter::keyed(
                Quota::with_period(PIN_AGAIN).unwrap_or(Quota::per_minute(NonZeroU32::MIN)).allow_burst(PINS),
            ),
            one_at_a_time: Semaphore::new(1),
            logins,
        })
    }

    /// Who sent this. `web`: the users in force; `is_open`: whoever may read may ask for it.
    pub async fn identify(
        &self,
        web: Option<&Arc<Web>>,
        peer: IpAddr,
        is_open: bool,
        headers: &HeaderMap,
    ) -> Result<Who, Problem> {
        let Some(web) = web.filter(|web| web.has_users()) else { return Ok(Who::Anybody) };
        let Some(said) = headers.get(header::AUTHORIZATION) else {
            return if self.anonymous_read && is_open { Ok(Who::Anonymous) } else { Err(Problem::NoPassword) };
        };
        let said = said.to_str().ok().and_then(|said| said.strip_prefix("Basic "));
        let said = said.and_then(|said| BASE64_STANDARD.decode(said.trim()).ok());
        let said = said.and_then(|said| String::from_utf8(said).ok()).ok_or(Problem::NoPassword)?;
        let (name, password) = said.split_once(':').ok_or(Problem::NoPassword)?;
        self.known(web, name, password, peer).await?;
        Ok(Who::user(web, name))
    }

    /// Opens a session; the value of its cookie.
    pub async fn log_in(
        &self,
        web: Option<&Arc<Web>>,
        name: &str,
        password: &str,
        peer: IpAddr,
        now: Mono,
    ) -> Result<String, Problem> {
        let web = web.filter(|web| web.has_users()).ok_or(Problem::NoPassword)?;
        let hash = self.known(web, name, password, peer).await?;
        Ok(self.sessions.open(name, hash, now))
    }

    /// Whether an operator of this name shows the right PIN.
    pub async fn officer(&self, web: Option<&Arc<Web>>, name: &str, pin: &str, peer: IpAddr) -> Result<(), Problem> {
        let known = web.and_then(|web| web.pins.get_key_value(name));
        let (limited, hash) = known.map_or(("", NOBODY), |(name, hash)| (name, hash));
        let is_new = !self.remembered().contains(&fingerprint(hash, name, pin));
        if is_new && self.pins.check_key(&limited.to_owned()).is_err() {
            self.logins.with_label_values(&["limited"]).inc();
            return Err(Problem::TooManyTries);
        }
        let is_right = self.is_right(hash, name, pin, peer).await?;
        known.filter(|_| is_right).map(drop).ok_or_else(|| self.refused())
    }

    fn refused(&self) -> Problem {
        self.logins.with_label_values(&["refused"]).inc();
        Problem::NoPassword
    }

    /// Whether whoever was let in would be let in again.
    pub fn still(&self, web: Option<&Arc<Web>>, admitted: &Admitted, now: Mono) -> bool {
        let Some(web) = web.filter(|web| web.has_users()) else { return admitted.who == Who::Anybody };
        match &admitted.who {
            Who::Anybody => false,
            Who::Anonymous => self.anonymous_read,
            Who::User { name, .. } => {
                web.basic_auth_users.get(name) == admitted.hash.as_ref()
                    && Who::user(web, name) == admitted.who
                    && admitted.session.is_none_or(|session| self.sessions.find(&session, web, now).is_some())
            }
        }
    }

    /// The hash of the password, when it is right.
    async fn known<'w>(&self, web: &'w Web, name: &str, password: &str, peer: IpAddr) -> Result<&'w str, Problem> {
        let known = web.basic_auth_users.get(name).map(String::as_str);
        let is_right = self.is_right(known.unwrap_or(NOBODY), name, password, peer).await?;
        known.filter(|_| is_right).ok_or_else(|| self.refused())
    }

    async fn is_right(&self, hash: &str, name: &str, password: &str, peer: IpAddr) -> Result<bool, Problem> {
        let seen = fingerprint(hash, name, password);
        if self.remembered().contains(&seen) {
            return Ok(true);
        }
        if self.tries.check_key(&peer).is_err() {
            self.logins.with_label_values(&["limited"]).inc();
            return Err(Problem::TooManyTries);
        }
        if self.tries.len() > ADDRESSES {
            self.tries.retain_recent();
        }
        let _turn = self.one_at_a_time.acquire().await.map_err(|_| Problem::NoAnswer)?;
        let (hash, password) = (hash.to_owned(), password.to_owned());
        let checked = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        let is_right = matches!(checked, Ok(Ok(true)));
        if is_right {
            self.logins.with_label_values(&["accepted"]).inc();
            let mut remembered = self.remembered();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(seen);
        }
        Ok(is_right)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a hash, a name and a password. Each is ended by a byte that none of them holds.
fn fingerprint(hash: &str, name: &str, password: &str) -> [u8; 32] {
    let all = digest(&SHA256, [hash, name, password].join("\0").as_bytes());
    let mut seen = [0; 32];
    seen.copy_from_slice(all.as_ref());
    seen
}

impl Who {
    pub fn user(web: &Web, name: &str) -> Self {
        Self::User { name: name.to_owned(), role: web.roles.get(name).cloned().unwrap_or(Role::Viewer) }
    }

    /// Whether this request is theirs to make.
    pub fn may(&self, method: &Method, uri: &Uri, snapshot: &Snapshot) -> Result<(), Problem> {
        let is_fine = match self {
            Self::Anybody | Self::User { role: Role::Operator, .. } => true,
            // At the wall a PIN is asked for.
            Self::Anonymous | Self::User { role: Role::Viewer | Role::Auditor, .. } => {
                method.is_safe() || uri.path() == PINNED
            }
            Self::User { role: Role::Carrier(carrier), .. } => method.is_safe() && is_of(carrier, uri, snapshot),
        };
        if is_fine { Ok(()) } else { Err(Problem::NotYours) }
    }
}

/// Whether what stands there is this carrier's own: its links, one or all of them, and its part of incidents, which the
/// handler cuts out ([`Admitted::carrier`]).
fn is_of(carrier: &str, uri: &Uri, snapshot: &Snapshot) -> bool {
    let path = uri.path();
    if matches!(path, "/-/healthy" | "/-/ready" | "/desk.css" | "/desk.js") {
        return true;
    }
    if path == "/api/v1/incidents" || path.strip_prefix("/api/v1/incidents/").is_some_and(|id| !id.contains('/')) {
        return true;
    }
    if path == "/api/v1/links" {
        let parts: Vec<_> =
            uri.query().unwrap_or_default().split('&').filter(|part| part.starts_with("carrier")).collect();
        return parts == [format!("carrier={carrier}")];
    }
    let rest = path.strip_prefix("/api/v1/links/").or_else(|| path.strip_prefix("/links/"));
    let Some(id) = rest.map(|rest| rest.strip_suffix("/history").unwrap_or(rest)) else { return false };
    let inventory = &snapshot.inventory;
    let is_own = |number: usize| inventory.carriers.get(number).is_some_and(|one| one.id == carrier);
    inventory.links.iter().any(|link| link.id.as_str() == id && is_own(link.carrier.at()))
}
