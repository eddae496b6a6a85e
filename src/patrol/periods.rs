//! The periods of the objectives where the contract's are quarters or years.
//!
//! The loop keeps the running month of each link and the last one that is over, which may both still change. What came
//! before them in the period is added up here, once: from the disk at the start, and again when the contract counts
//! otherwise. Nothing is kept where the contract judges by month.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{Control, load::Loaded, turn::Loop};
use crate::{
    contract::words::Period,
    inventory::{LinkId, LinkIndex},
    ledger::{
        Account, Booked, ClosedMonth, Earlier, Elapsed, Ended, Month, Quality, Share, Spans, Standard, Stretch, Whole,
    },
    store::{self, StoreError, StoredAccount},
    units::{Now, Timestamp},
};

/// What came before, by link. A link that is missing had nothing before.
pub(super) type Months = HashMap<LinkId, Before>;

/// Months of a link in the running periods: of availability, and of loss and RTT.
#[derive(Clone, Debug)]
pub(super) struct Before {
    whole: Earlier,
    quality: Elapsed,
}

impl Before {
    fn none(stretch: &Stretch) -> Self {
        Self { whole: Earlier::none(stretch), quality: Elapsed::default() }
    }

    fn add(&mut self, month: &ClosedMonth, terms: &Terms) {
        let Terms { standard, gap, spans } = terms;
        let stretch = standard.stretch(month.month);
        if !self.whole.is_of(&stretch) {
            self.whole = Earlier::none(&stretch);
        }
        self.whole.add_booked(&Booked::closed(month, standard), standard, *gap);
        self.quality.add(month, spans);
    }
}

#[derive(Debug)]
pub(super) struct Periods {
    terms: Terms,
    earlier: Months,
    /// Counts readings: one that was asked for before the contract changed again is not taken.
    reading: u64,
    /// A month ended while they are read: what is read lacks it.
    missed: bool,
    /// They are read now, and nothing is said of the period.
    unread: bool,
}

/// By what periods are made.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Terms {
    standard: Standard,
    gap: std::time::Duration,
    spans: Spans,
}

impl Terms {
    fn of(loaded: &Loaded) -> Self {
        let contract = &loaded.contract;
        Self { standard: Standard::of(contract), gap: contract.terms.flaps.gap.value, spans: Spans::of(contract) }
    }

    /// Every objective is judged by month: nothing is kept.
    fn are_months(&self) -> bool {
        self.is_month() && self.spans.are_months()
    }

    fn is_month(&self) -> bool {
        !matches!(self.standard.period, Period::Quarter | Period::Year)
    }

    fn stretch(&self, now: Timestamp) -> Stretch {
        self.standard.stretch_at(now)
    }
}

impl Periods {
    /// With what the disk says; `folder`: of the store, if there is one.
    pub fn start(
        loaded: &Loaded,
        folder: Option<&Path>,
        bounds: &HashMap<LinkId, Timestamp>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let terms = Terms::of(loaded);
        let earlier = match folder.filter(|_| !terms.are_months()) {
            Some(folder) => read(folder, terms, bounds, now)?,
            None => Months::new(),
        };
        Ok(Self { terms, earlier, reading: 0, missed: false, unread: false })
    }

    /// Takes in a month that is not the last one any more.
    fn fold(&mut self, link: &LinkId, month: &ClosedMonth) {
        if self.terms.are_months() {
            return;
        }
        self.missed |= self.unread;
        let stretch = self.terms.standard.stretch(month.month);
        self.earlier.entry(link.clone()).or_insert_with(|| Before::none(&stretch)).add(month, &self.terms);
    }

    /// Loss or RTT of the period that a month which is over ends. `closed`: the last month of the link that is kept, which
    /// may be this one. `None`: the period goes on, or is being read.
    pub fn ended(
        &self,
        share: Share,
        link: &LinkId,
        closed: Option<&ClosedMonth>,
        month: &ClosedMonth,
    ) -> Option<(Stretch, Quality)> {
        let spans = &self.terms.spans;
        if !spans.are_months() && self.unread {
            return None;
        }
        let mut quality = self.earlier.get(link).map(|before| before.quality.clone()).unwrap_or_default();
        if let Some(closed) = closed.filter(|closed| closed.month.begins < month.month.begins) {
            quality.add(closed, spans);
        }
        quality.ended(share, month, spans)
    }

    /// Whether loss and RTT are judged by month.
    pub fn quality_by_month(&self) -> bool {
        self.terms.spans.are_months()
    }

    /// The period of `now`; `None` where it is the month, or is being read.
    pub fn running(&self, now: Timestamp) -> Option<Stretch> {
        (!self.terms.is_month() && !self.unread).then(|| self.terms.stretch(now))
    }

    /// Whether the period of links is being read.
    pub fn are_unread(&self) -> bool {
        self.unread
    }

    /// One link's period up to `now`. `closed`: the last month that is over.
    pub fn whole(
        &self,
        stretch: &Stretch,
        link: &LinkId,
        closed: Option<&ClosedMonth>,
        account: &Account,
        now: Timestamp,
    ) -> Whole {
        let Terms { standard, gap, .. } = self.terms;
        let known = self.earlier.get(link).map(|before| before.whole).filter(|earlier| earlier.is_of(stretch));
        let mut whole = known.unwrap_or_else(|| Earlier::none(stretch));
        if let Some(closed) = closed.filter(|closed| stretch.holds(closed.month)) {
            whole.add_booked(&Booked::closed(closed, &standard), &standard, gap);
        }
        for month in account.booked(&standard, now) {
            whole.add_booked(&month, &standard, gap);
        }
        whole.whole()
    }
}

/// Adds up the months before `bounds`, by link, of the period of `now`.
fn read(
    folder: &Path,
    terms: Terms,
    bounds: &HashMap<LinkId, Timestamp>,
    now: Timestamp,
) -> Result<Months, StoreError> {
    let (standard, stretch) = (terms.standard, terms.stretch(now));
    let this = standard.month_at(now);
    let begins = Share::ALL.map(|share| terms.spans.stretch(share, this).begins);
    let first = standard.month_at(begins.into_iter().fold(stretch.begins, Timestamp::min));
    let after = bounds.values().max().map_or(first, |bound| standard.month_at(*bound));
    let mut months = Months::new();
    let wanted = [first, after].map(|month: Month| month.to_string());
    store::each_account(folder, wanted, |row| take(&mut months, &row, terms, bounds, &stretch))?;
    Ok(months)
}

/// Takes in one stored month.
fn take(
    months: &mut Months,
    row: &StoredAccount,
    terms: Terms,
    bounds: &HashMap<LinkId, Timestamp>,
    stretch: &Stretch,
) {
    let Some(bound) = bounds.get(&row.link) else { return };
    // What runs is at hand.
    let closed = serde_json::from_str::<ClosedMonth>(&row.account).ok().filter(|month| month.month.begins < *bound);
    if let Some(month) = closed {
        months.entry(row.link.clone()).or_insert_with(|| Before::none(stretch)).add(&month, &terms);
    }
}

/// Where what is kept at hand begins, by link.
pub(super) fn bounds<'a>(
    accounts: impl Iterator<Item = (&'a LinkId, &'a Account)>,
    closed: &HashMap<LinkId, ClosedMonth>,
) -> HashMap<LinkId, Timestamp> {
    let begins = |link: &LinkId, account: &Account| {
        closed.get(link).map_or(account.month().begins, |closed| closed.month.begins.min(account.month().begins))
    };
    accounts.map(|(link, account)| (link.clone(), begins(link, account))).collect()
}

impl Loop {
    /// What a link's period comes to; `None` where it is the month, or is being read.
    pub(super) fn whole(&self, number: usize, stretch: Option<&Stretch>, now: Now) -> Option<Whole> {
        let link = &self.field.loaded.inventory.links[number].id;
        Some(self.periods.whole(stretch?, link, self.closed.get(link), &self.accounts[number], now.utc))
    }

    /// What is judged of the periods that the last month of a link ended; `None`: they are judged by month.
    pub(super) fn ended(&self, number: usize) -> Option<Arc<Ended>> {
        let link = &self.field.loaded.inventory.links[number].id;
        let month = self.closed.get(link).filter(|_| !self.periods.quality_by_month())?;
        Some(Arc::new(Share::ALL.map(|share| self.periods.ended(share, link, Some(month), month))))
    }

    /// Keeps the last month that is over; the one before it is added up.
    pub(super) fn keep_closed(&mut self, link: LinkId, closed: ClosedMonth) {
        let month = closed.month;
        if let Some(before) = self.closed.insert(link.clone(), closed)
            && before.month != month
        {
            self.periods.fold(&link, &before);
        }
    }

    /// New files: what counts otherwise now is added up again.
    pub(super) fn adopt_periods(&mut self, now: Now) {
        let terms = Terms::of(&self.field.loaded);
        if terms == self.periods.terms {
            return;
        }
        self.periods.terms = terms;
        self.periods.earlier.clear();
        self.read_periods(now);
    }

    /// On a thread of its own: the loop never waits for a disk. An exporter has none.
    fn read_periods(&mut self, now: Now) {
        let terms = self.periods.terms;
        let Some(folder) = self.folder.clone().filter(|_| !terms.are_months()) else {
            self.periods.unread = false;
            return;
        };
        self.periods.reading += 1;
        (self.periods.unread, self.periods.missed) = (true, false);
        let reading = self.periods.reading;
        let loaded = Arc::clone(&self.field.loaded);
        let links = loaded.inventory.links.iter().map(|link| &link.id);
        let bounds = bounds(links.zip(&self.accounts), &self.closed);
        let itself = self.itself.clone();
        let read = move || {
            let months = read(&folder, terms, &bounds, now.utc).unwrap_or_else(|error| {
                tracing::error!(%error, "earlier months cannot be read: they count as not in service");
                Months::new()
            });
            // The loop may have ended meanwhile.
            let _ = itself.send(Control::Months { reading, months });
        };
        if let Err(error) = std::thread::Builder::new().name("months".into()).spawn(read) {
            tracing::error!(%error, "cannot start the thread that reads earlier months");
        }
    }

    /// Takes what was read, unless it is out of date.
    pub(super) fn months_read(&mut self, reading: u64, months: Months, now: Now) {
        if reading != self.periods.reading {
            return;
        }
        if self.periods.missed {
            return self.read_periods(now);
        }
        (self.periods.earlier, self.periods.unread) = (months, false);
        (0..self.accounts.len()).for_each(|number| self.field.mark(LinkIndex(number as u32)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        contract::{fixture::contract, words},
        judge::{LinkState, Unknown},
        ledger::Statement,
    };

    const ZONE: chrono_tz::Tz = chrono_tz::Asia::Shanghai;
    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    #[derive(Clone, Debug)]
    enum Event {
        State(LinkState, i64),
        /// The process is killed, and the next begins so much later.
        Restart(i64),
        Forward(i64),
        Back(i64),
        /// The contract is another one from now on.
        Reload(words::Period, bool),
    }

    fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
        let states = [LinkState::Up, LinkState::Down, LinkState::Unknown(Unknown::NotMeasured), LinkState::Maintenance];
        let state = prop::sample::select(states.to_vec());
        let period = prop::sample::select(vec![words::Period::Month, words::Period::Quarter, words::Period::Year]);
        let event = prop_oneof![
            6 => (state, 0..30_000_i64).prop_map(|(state, late)| Event::State(state, late)),
            1 => (1_000..9 * DAY).prop_map(Event::Restart),
            1 => (1_000..3 * HOUR).prop_map(Event::Forward),
            1 => (1_000..HOUR).prop_map(Event::Back),
            2 => (period, any::<bool>()).prop_map(|(period, counting)| Event::Reload(period, counting)),
        ];
        prop::collection::vec((HOUR..12 * DAY, event), 5..40)
    }

    fn terms(period: words::Period, counting: bool) -> Terms {
        let mut contract = contract();
        contract.objectives.period = period;
        contract.objectives.counting = if counting { vec![words::Exclusion::PlannedWork] } else { vec![] };
        Terms { standard: Standard::of(&contract), gap: Duration::from_mins(5), spans: Spans::of(&contract) }
    }

    /// What the loop keeps of one link, and what is on the disk.
    struct Book {
        link: LinkId,
        account: Account,
        closed: HashMap<LinkId, ClosedMonth>,
        periods: Periods,
        stored: Vec<ClosedMonth>,
        now: i64,
    }

    impl Book {
        fn open(now: i64) -> Self {
            let periods = Periods {
                terms: terms(words::Period::Month, false),
                earlier: Months::new(),
                reading: 0,
                missed: false,
                unread: false,
            };
            let account = Account::open(Timestamp(now), ZONE);
            Self { link: LinkId::parse("LL-1").unwrap(), account, closed: HashMap::new(), periods, stored: vec![], now }
        }

        fn pass(&mut self) {
            for month in self.account.advance(Timestamp(self.now), ZONE) {
                self.stored.push(month.clone());
                if let Some(before) = self.closed.insert(self.link.clone(), month) {
                    self.periods.fold(&self.link, &before);
                }
            }
        }

        /// Reads the earlier months again, as a start and a reload do.
        fn read(&mut self, terms: Terms) {
            let row = |month: &ClosedMonth| StoredAccount {
                link: self.link.clone(),
                month: month.month.to_string(),
                account: serde_json::to_string(month).unwrap(),
            };
            let bounds = bounds([(&self.link, &self.account)].into_iter(), &self.closed);
            let stretch = terms.stretch(Timestamp(self.now));
            let mut months = Months::new();
            for month in self.stored.iter().filter(|_| !terms.is_month()) {
                take(&mut months, &row(month), terms, &bounds, &stretch);
            }
            (self.periods.terms, self.periods.earlier) = (terms, months);
        }

        fn play(&mut self, wait: i64, event: &Event) {
            let until = self.now + wait;
            while self.now < until {
                self.now = (self.now + HOUR).min(until);
                self.pass();
            }
            let now = Timestamp(self.now);
            match *event {
                Event::State(state, late) => self.account.book(state, Timestamp(self.now - late), now),
                Event::Restart(dead) => {
                    let stored = serde_json::to_string(&self.account).unwrap();
                    self.account = serde_json::from_str(&stored).unwrap();
                    self.now += dead;
                    self.account.skip(now, Timestamp(self.now));
                    let newest = self.stored.last().cloned();
                    self.closed = newest.map(|month| (self.link.clone(), month)).into_iter().collect();
                    self.read(self.periods.terms);
                }
                Event::Forward(by) => {
                    self.now += by;
                    self.account.skip(now, Timestamp(self.now));
                }
                Event::Back(by) => self.now -= by,
                Event::Reload(period, counting) => self.read(terms(period, counting)),
            }
            self.pass();
        }

        /// What `ledger show` says, from all that is on the disk.
        fn shown(&self, stretch: &Stretch) -> Whole {
            let Terms { standard, gap, .. } = self.periods.terms;
            let months = self.stored.iter().map(|month| Booked::closed(month, &standard));
            let months: Vec<_> =
                months.chain(Booked::read(&serde_json::to_string(&self.account).unwrap(), &standard)).collect();
            let statement = Statement::of(&standard, stretch, &months, gap);
            Whole { accounted: statement.sums, failures: statement.failures }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever happens to clocks, processes and contracts, over leap days and the ends of months, quarters and
        /// years: what the loop says of a period is what the disk says, to the millisecond, and every millisecond of
        /// the period up to now has one place.
        #[test]
        fn the_loop_and_the_disk_tell_of_the_same_period(
            opened in prop::sample::select(vec!["2027-12-20", "2028-02-10", "2026-11-25", "2100-02-20"]),
            events in events(),
        ) {
            let opened = format!("{opened}T00:00:00+08:00");
            let opened = chrono::DateTime::parse_from_rfc3339(&opened).unwrap().timestamp_millis();
            let mut book = Book::open(opened);
            for (wait, event) in &events {
                book.play(*wait, event);
                let now = book.account.seen();
                let Some(stretch) = book.periods.running(now) else { continue };
                let closed = book.closed.get(&book.link);
                let whole = book.periods.whole(&stretch, &book.link, closed, &book.account, now);
                prop_assert_eq!(whole, book.shown(&stretch));
                prop_assert_eq!(whole.accounted.elapsed() as i64, now.0 - stretch.begins.0, "{}", stretch.name);
            }
        }
    }

    #[test]
    fn nothing_is_kept_where_the_contract_judges_by_month() {
        let mut book = Book::open(1_795_300_000_000);
        (0..10).for_each(|_| book.play(20 * DAY, &Event::State(LinkState::Up, 0)));
        assert!(book.stored.len() > 4 && book.periods.earlier.is_empty());
        assert_eq!(book.periods.running(Timestamp(book.now)), None);
    }
}
