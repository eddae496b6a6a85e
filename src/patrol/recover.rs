//! What the last run left behind, put back: outages keep their start, and the time nobody looked is unknown.

use std::collections::HashMap;

use crate::{
    inventory::{Inventory, LinkId, Role},
    judge::{PointJudge, StoredPoint},
    ledger::{Account, ClosedMonth},
    patrol::field::Field,
    store::Recovered,
    units::{Now, Timestamp},
};

/// Puts stored point states back. Points that are no longer in the inventory are left out.
pub fn points(field: &mut Field, recovered: &Recovered, now: Now) {
    let stored: HashMap<(&LinkId, Role), StoredPoint> = recovered
        .points
        .iter()
        .filter_map(|point| Some(((&point.link, point.role), serde_json::from_str(&point.state).ok()?)))
        .collect();
    let loaded = std::sync::Arc::clone(&field.loaded);
    for link in &loaded.inventory.links {
        for (number, point) in link.numbered_points() {
            if let Some(stored) = stored.get(&(&link.id, point.role)) {
                field.points[number.at()].judge = PointJudge::restore(*stored, now);
            }
        }
    }
}

/// Before a kill, cells of the last five minutes were not stored, and changes that reached back from then.
const TOLD_AGAIN: i64 = 3_600_000;

/// The books of all links.
pub struct Books {
    /// By link number: the stored account, with the gap booked as unknown, or a new one.
    pub accounts: Vec<Account>,
    /// The last month that is over, where it is stored.
    pub closed: HashMap<LinkId, ClosedMonth>,
    /// Months that ended before the last sign of life and were not stored as closed yet.
    pub ended: Vec<(LinkId, ClosedMonth)>,
}

pub fn books(inventory: &Inventory, zone: chrono_tz::Tz, recovered: Option<&Recovered>, now: Timestamp) -> Books {
    let (mut stored, mut closed): (HashMap<&LinkId, Account>, _) = (HashMap::new(), HashMap::new());
    // Older months first: the newest account goes on, and the newest closed month is the last.
    for row in recovered.iter().flat_map(|recovered| &recovered.accounts) {
        if let Ok(account) = serde_json::from_str(&row.account) {
            stored.insert(&row.link, account);
        } else if let Ok(month) = serde_json::from_str(&row.account) {
            closed.insert(row.link.clone(), month);
        }
    }
    let heartbeat = recovered.and_then(|recovered| recovered.heartbeat.as_ref()).map_or(now, |beat| beat.utc);
    let mut ended = vec![];
    let mut account = |id: &LinkId| {
        let mut account: Account = stored.remove(id)?;
        // Its state went on until the last sign of life; nobody saw what came after.
        ended.extend(account.advance(heartbeat, zone).into_iter().map(|month| (id.clone(), month)));
        account.skip(heartbeat, now);
        account.tell_again(Timestamp(heartbeat.0 - TOLD_AGAIN));
        Some(account)
    };
    let accounts =
        inventory.links.iter().map(|link| account(&link.id).unwrap_or_else(|| Account::open(now, zone))).collect();
    Books { accounts, closed, ended }
}
