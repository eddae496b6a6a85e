//! One page of a list: from a cursor on, as many as were asked for.

use super::problem::Problem;

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
