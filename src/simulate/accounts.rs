//! Accounts held against the truth: they sum to their periods, and what they say lies around what was.

use super::station::Station;
use crate::{
    ledger::{Account, Accounted, ClosedMonth, Month},
    units::Timestamp,
};

/// What an account has booked in all its months, and what does not sum in it. `what`: whose it is.
pub fn booked(
    what: &str,
    (account, closed): (&Account, &[ClosedMonth]),
    station: &Station,
    now: Timestamp,
) -> (Accounted, Vec<String>) {
    let zone = station.loaded.contract.time_zone;
    let running = account.accounted(now, zone);
    let month = Month::containing(station.latest, zone);
    let mut wrong = vec![];
    if running.elapsed().cast_signed() != station.latest.0 - month.begins.0 {
        wrong.push(format!("the account of {what} does not sum to now: {running:?}"));
    }
    let mut booked = running;
    for closed in closed {
        let Accounted { up, degraded, down, unknown, .. } = closed.accounted;
        let cells: u64 = closed.cells.iter().map(|cell| cell.millis).sum();
        if closed.accounted.elapsed() != closed.accounted.period || cells != closed.month.length() {
            wrong.push(format!("{what}: {} does not sum", closed.month));
        }
        booked.up += up;
        booked.degraded += degraded;
        booked.down += down;
        booked.unknown += unknown;
    }
    (booked, wrong)
}

/// Why bounds do not hold the truth, milliseconds down, which lies between `least` and `most`; `None`: they do.
pub fn outside(what: &str, (least, most): (i64, i64), (down, unknown): (i64, i64)) -> Option<String> {
    let is_outside = down > most || down + unknown < least;
    is_outside.then(|| format!("{what}: down {least} to {most} ms in truth; booked {down}, and {unknown} unknown"))
}
