//! Who has logged in with a browser: a cookie in place of a password with every request, and a token that no page of
//! another site can know.
//!
//! Kept in memory, so many and no more: a restart asks for the password again. A session ends with its time, with a log-out,
//! or as soon as its user's password is another.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{config::Web, units::Mono};

/// A shift, and the handover after it.
pub(super) const LIFETIME: Duration = Duration::from_hours(12);
/// Most sessions at a time: every user on a few browsers. The oldest leaves.
const MOST: usize = 256;
const COOKIE: &str = "linkpatrol_session";

/// Everybody who has logged in.
#[derive(Default)]
pub(super) struct Sessions {
    /// By digest of the cookie: a core dump of this table logs nobody in.
    open: Mutex<HashMap<Digest, Session>>,
}

/// Of a cookie.
pub(super) type Digest = [u8; 32];

#[derive(Clone)]
pub(super) struct Session {
    pub(super) name: String,
    /// Of the password, as it was.
    hash: String,
    /// What a form or a script must send along to change something.
    pub(super) token: String,
    ends: Mono,
}

impl Sessions {
    /// Logs a user in; the value of the cookie.
    pub(super) fn open(&self, name: &str, hash: &str, now: Mono) -> String {
        let secret = || BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let (cookie, token) = (secret(), secret());
        let mut open = self.lock();
        open.retain(|_, session| now < session.ends);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, session)| session.ends).map(|(digest, _)| *digest)
        {
            open.remove(&oldest);
        }
        let (name, hash, ends) = (name.to_owned(), hash.to_owned(), now.plus(LIFETIME));
        open.insert(digest_of(&cookie), Session { name, hash, token, ends });
        cookie
    }

    /// The session of a request, while its user has the same password.
    pub(super) fn of(&self, headers: &HeaderMap, web: &Web, now: Mono) -> Option<(Digest, Session)> {
        let digest = digest_of(cookie(headers)?);
        Some((digest, self.find(&digest, web, now)?))
    }

    /// Whether it lasts.
    pub(super) fn find(&self, digest: &Digest, web: &Web, now: Mono) -> Option<Session> {
        let mut open = self.lock();
        let session = open.get(digest)?;
        if now >= session.ends || web.basic_auth_users.get(&session.name) != Some(&session.hash) {
            open.remove(digest);
            return None;
        }
        Some(session.clone())
    }

    pub(super) fn close(&self, headers: &HeaderMap) {
        if let Some(cookie) = cookie(headers) {
            self.lock().remove(&digest_of(cookie));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    pub(super) fn is_token(&self, said: &str) -> bool {
        verify_slices_are_equal(self.token.as_bytes(), said.as_bytes()).is_ok()
    }
}

/// What the browser is told to keep; empty: to forget. `secure`: only over TLS.
pub(super) fn set_cookie(value: &str, secure: bool) -> String {
    let age = if value.is_empty() { 0 } else { LIFETIME.as_secs() };
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn digest_of(cookie: &str) -> Digest {
    let mut digested = [0; 32];
    digested.copy_from_slice(digest(&SHA256, cookie.as_bytes()).as_ref());
    digested
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("a=b; {COOKIE}={cookie}; c=d").parse().unwrap());
        headers
    }

    fn web(hash: &str) -> Web {
        Web { basic_auth_users: [("李工".to_owned(), hash.to_owned())].into(), ..Web::default() }
    }

    #[test]
    fn a_session_ends_with_its_time_its_log_out_and_its_password() {
        let (sessions, start) = (Sessions::default(), Mono(0));
        let end = start.plus(LIFETIME);
        let last = Mono(end.0 - 1);
        let open = || asking(&sessions.open("李工", "hash", start));
        let headers = open();
        assert_eq!(sessions.of(&headers, &web("hash"), last).unwrap().1.name, "李工");
        assert!(sessions.of(&asking("guess"), &web("hash"), last).is_none());
        assert!(sessions.of(&headers, &web("hash"), end).is_none());
        let headers = open();
        assert!(sessions.of(&headers, &web("another"), last).is_none());
        assert!(sessions.of(&headers, &web("hash"), last).is_none(), "it does not come back");
        let headers = open();
        sessions.close(&headers);
        assert!(sessions.of(&headers, &web("hash"), start).is_none());
    }

    #[test]
    fn so_many_sessions_and_the_oldest_leaves() {
        let sessions = Sessions::default();
        let cookies: Vec<_> = (0..=MOST as i64).map(|at| sessions.open("李工", "hash", Mono(at))).collect();
        let lasts = |cookie: &String| sessions.of(&asking(cookie), &web("hash"), Mono(MOST as i64)).is_some();
        assert_eq!((lasts(&cookies[0]), lasts(&cookies[1]), sessions.lock().len()), (false, true, MOST));
    }

    #[test]
    fn only_its_own_token_is_taken() {
        let sessions = Sessions::default();
        let headers = asking(&sessions.open("李工", "hash", Mono(0)));
        let (_, session) = sessions.of(&headers, &web("hash"), Mono(0)).unwrap();
        let token = session.token.clone();
        assert!(session.is_token(&token) && !session.is_token("") && !session.is_token(&token[1..]));
    }
}
