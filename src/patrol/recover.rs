//! What the last run left behind, put back: outages keep their start, and the time nobody looked is unknown.

use std::collections::HashMap;

use crate::{
    inventory::{Inventory, LinkId, Role},
    judge::{PointJudge, StoredPoint},
    ledger::Account,
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

/// One account a link, in ledger order: the stored one, with the gap booked as unknown, or a new one.
pub fn accounts(
    inventory: &Inventory,
    zone: chrono_tz::Tz,
    recovered: Option<&Recovered>,
    now: Timestamp,
) -> Vec<Account> {
    let mut stored: HashMap<&LinkId, Account> = recovered
        .iter()
        .flat_map(|recovered| &recovered.accounts)
        .filter_map(|account| Some((&account.link, serde_json::from_str(&account.account).ok()?)))
        .collect();
    let heartbeat = recovered.and_then(|recovered| recovered.heartbeat.as_ref()).map_or(now, |beat| beat.utc);
    let mut account = |id| {
        let mut account: Account = stored.remove(id)?;
        // Its state went on until the last sign of life; nobody saw what came after.
        let _ = account.advance(heartbeat, zone);
        account.skip(heartbeat, now);
        Some(account)
    };
    inventory.links.iter().map(|link| account(&link.id).unwrap_or_else(|| Account::open(now, zone))).collect()
}
