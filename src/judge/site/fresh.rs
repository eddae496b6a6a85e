//! How long a home page has been the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// Since when a home page has been the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    fingerprint: u64,
    /// When it was first seen like this.
    pub since: Timestamp,
    /// When it was last looked at.
    pub looked: Timestamp,
}

impl Freshness {
    /// What is known after a look at `at`.
    pub fn after(before: Option<Self>, fingerprint: u64, at: Timestamp) -> Self {
        let since = before.filter(|before| before.fingerprint == fingerprint).map_or(at, |before| before.since);
        Self { fingerprint, since, looked: at }
    }

    /// How long it is known to have been the same: what nobody has looked at since is not counted.
    pub fn unchanged(self) -> Duration {
        self.looked.since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_as_old_as_it_was_seen_to_be() {
        let day = |day: i64| Timestamp(day * 86_400_000);
        let first = Freshness::after(None, 7, day(1));
        assert_eq!(first.unchanged(), Duration::ZERO);
        let same = Freshness::after(Some(first), 7, day(15));
        assert_eq!((same.since, same.unchanged().as_secs()), (day(1), 14 * 86_400));
        assert_eq!(Freshness::after(Some(same), 8, day(16)).since, day(16));
    }
}
