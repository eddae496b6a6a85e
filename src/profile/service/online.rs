//! A group of devices, and where what is told of it comes from.

use std::time::Duration;

use super::Feed;

/// How many devices of a group are online.
#[derive(Clone, Debug)]
pub struct OnlineRate {
    /// As the feed calls it: the id of the group.
    pub group: String,
    /// Devices in the group, as they are registered.
    pub devices: u32,
    pub feed: Feed,
    /// How old what is told may be.
    pub silent_after: Duration,
    /// What another group read of the same feed is read again after this long.
    pub shared_for: Duration,
}
