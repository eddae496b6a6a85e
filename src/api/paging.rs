//! What a list is asked for, and one page of it: from a cursor on, as many as were asked for.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::{Deserialize, de::DeserializeOwned};

use super::problem::Problem;

/// A query that was read whole, or the problem with it.
pub(super) struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::from_request_parts(parts, state).await;
        read.map(|Query(asked)| Self(asked)).map_err(|rejection| Problem::BadQuery(rejection.body_text()))
    }
}

/// The query of a page for people: one that cannot be read asks for nothing in particular.
pub(super) struct Lenient<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequestParts<S> for Lenient<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let read = Query::from_request_parts(parts, state).await;
        Ok(Self(read.map(|Query(asked)| asked).unwrap_or_default()))
    }
}

/// The query of a list of what is open.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    /// Also what is over.
    #[serde(default)]
    pub all: bool,
    /// From `next` of the page before.
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

/// Rows of a page when nobody says how many, and at most.
pub(super) struct Size(pub usize, pub usize);

/// The rows that a page shows, and the key of the first one of the next page. `cursor` is such a key.
///
/// # Errors
/// What the cursor points at has left.
pub(super) fn cut<'a, T>(
    rows: &'a [T],
    cursor: Option<&str>,
    limit: Option<usize>,
    Size(usual, most): Size,
    key: impl Fn(&T) -> String,
) -> Result<(&'a [T], Option<String>), Problem> {
    let start = match cursor {
        None => 0,
        Some(cursor) => rows.iter().position(|row| key(row) == cursor).ok_or(Problem::CursorGone)?,
    };
    let end = rows.len().min(start + limit.unwrap_or(usual).clamp(1, most));
    Ok((&rows[start..end], rows.get(end).map(key)))
}
