//! What the contract judges by quarter or by year, a running daemon shows so: from the months before, as they are stored.

use chrono_tz::Asia::Shanghai;
use linkpatrol::{
    clock::{Clock, SystemClock},
    inventory::LinkId,
    ledger::{Account, Measured, Month},
    store::{Batch, Options, Store},
    units::Timestamp,
};

use crate::{
    s34_ledger,
    site::{Site, stored_account},
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Eleven months before this one, oldest first; LL-0001 was down for ten minutes of each. The first hour of this one is
/// known too.
fn months_before(site: &Site) -> (Vec<Month>, Month) {
    let this = Month::containing(SystemClock::start().now().utc, Shanghai);
    let mut months = vec![this];
    for _ in 0..11 {
        months.push(Month::containing(Timestamp(months[months.len() - 1].begins.0 - 1), Shanghai));
    }
    months.reverse();
    let link = LinkId::parse("LL-0001").expect("an id");
    let (store, _) = Store::open(&site.path("state"), &Options::default()).expect("a store");
    let (mut account, mut batch) = (Account::open(months[0].begins, Shanghai), Batch::default());
    account.measure(Measured::Up, months[0].begins, months[0].begins);
    let mut closed = vec![];
    for month in &months[..11] {
        let at = |millis: i64| Timestamp(month.begins.0 + millis);
        closed.extend(account.advance(at(100 * HOUR), Shanghai));
        account.measure(Measured::Down, at(100 * HOUR), at(100 * HOUR));
        account.measure(Measured::Up, at(100 * HOUR + 10 * MINUTE), at(100 * HOUR + 10 * MINUTE));
    }
    let alive = Timestamp(this.begins.0 + HOUR);
    closed.extend(account.advance(alive, Shanghai));
    assert_eq!(closed.len(), 11);
    batch.accounts.extend(closed.iter().map(|closed| stored_account(&link, &closed.month, closed)));
    batch.accounts.push(stored_account(&link, &this, &account));
    batch.heartbeat = Some(alive);
    store.commit(batch);
    months.pop();
    (months, this)
}

/// Year and number of the quarter, or of the year alone.
fn period(month: &Month, kind: &str) -> String {
    let text = month.to_string();
    let (year, number) = text.split_once('-').expect("a month");
    let quarter = (number.parse::<u32>().expect("a number") - 1) / 3 + 1;
    if kind == "quarter" { format!("{year}-Q{quarter}") } else { year.to_owned() }
}

fn shows(kind: &str) {
    let Some(mut site) = Site::make(1) else { return };
    let contract = site.read("site/contract.yaml");
    let answered = |line: &str| match line.starts_with("  - {id: availability-period,") {
        true => line.replace("default: ", &format!("chosen: {kind}, default: ")),
        false => line.to_owned(),
    };
    let contract: String = contract.lines().map(|line| answered(line) + "\n").collect();
    site.write("site/contract.yaml", &contract);
    let (before, this) = months_before(&site);
    let name = period(&this, kind);
    let down = before.iter().filter(|month| period(month, kind) == name).count() as i64 * 10 * MINUTE;
    site.start(&[]);
    site.all_up(1);
    let shown = site.wait("the months before are read", |site| {
        let shown = site.get("/api/v1/links/LL-0001").json()["period"].clone();
        (shown["down"] == down).then_some(shown)
    });
    assert_eq!((&shown["name"], &shown["kind"]), (&name.as_str().into(), &kind.into()), "{shown}");
    // What nobody saw is unknown: both bounds hold it, and the verdict waits for the end of the period.
    let row = s34_ledger::row(&site, "LL-0001");
    assert_eq!((&row["states"]["down"], &row["month"]), (&shown["down"], &name.as_str().into()), "{row}");
    let scrape = site.get("/metrics").body;
    let ratio = |period: &str| {
        let series = format!("linkpatrol_link_availability_ratio{{link=\"LL-0001\",period=\"{period}\"}} ");
        scrape.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok())
    };
    assert_eq!(ratio(kind), shown["availability_ratio"].as_f64());
    assert_eq!(ratio("month"), None, "one period is judged, and one is shown");
    assert_eq!(ratio(kind).is_some_and(|ratio| ratio < 1.0), down > 0);
    let page = site.get("/links/LL-0001?lang=en").body;
    assert!(page.contains(&name), "{page}");
}

#[test]
fn a_quarter_is_shown_by_a_running_daemon_as_the_ledger_adds_it_up() {
    shows("quarter");
}

#[test]
fn a_year_is_shown_by_a_running_daemon_as_the_ledger_adds_it_up() {
    shows("year");
}
