//! Hosts that share one certificate, of which one may have been forgotten.

use std::{sync::Arc, time::Duration};

use crate::units::Timestamp;

/// What one host of a group shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// SHA-256 of the certificate.
    pub sha256: Arc<str>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// When this host first showed it, and when last.
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Member {
    fn age(&self) -> (Timestamp, Timestamp) {
        (self.not_before, self.not_after)
    }
}

/// Places of the hosts that still show another certificate than the newest, `within` after a host first showed that one.
pub fn forgotten(members: &[Member], within: Duration) -> Vec<usize> {
    let Some(newest) = members.iter().max_by_key(|member| member.age()) else { return vec![] };
    let shown = members.iter().filter(|member| member.sha256 == newest.sha256).map(|member| member.first).min();
    let Some(shown) = shown else { return vec![] };
    let late = |member: &Member| {
        let since = u128::try_from(member.last.0 - shown.0).unwrap_or_default();
        member.sha256 != newest.sha256 && member.age() < newest.age() && since >= within.as_millis()
    };
    members.iter().enumerate().filter(|(_, member)| late(member)).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(sha256: &str, born: i64, [first, last]: [i64; 2]) -> Member {
        let (not_before, not_after) = (Timestamp(born), Timestamp(born + 1_000_000));
        Member { sha256: sha256.into(), not_before, not_after, first: Timestamp(first), last: Timestamp(last) }
    }

    const WITHIN: Duration = Duration::from_millis(100);

    #[test]
    fn whoever_shows_the_old_one_long_after_the_first_new_one_was_forgotten() {
        let members =
            |last| [member("new", 50, [1_000, last]), member("old", 1, [10, last]), member("new", 50, [1_040, last])];
        assert_eq!(forgotten(&members(1_099), WITHIN), Vec::<usize>::new());
        assert_eq!(forgotten(&members(1_100), WITHIN), [1]);
    }

    #[test]
    fn what_was_not_looked_at_since_is_not_accused_and_equals_are_not_compared() {
        let unseen = [member("new", 50, [1_000, 9_000]), member("old", 1, [10, 990])];
        assert_eq!(forgotten(&unseen, WITHIN), Vec::<usize>::new());
        let twins = [member("a", 50, [1_000, 9_000]), member("b", 50, [1_000, 9_000])];
        assert_eq!(forgotten(&twins, WITHIN), Vec::<usize>::new());
        assert_eq!(forgotten(&[], WITHIN), Vec::<usize>::new());
    }
}
