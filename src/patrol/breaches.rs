//! Drafts of notices when a period closes: under each carrier's own agreement, from the books on the disk.
//!
//! In: months that are over. Out: a [`Paper`] a carrier and period in which a link is breached. The disk is read on a
//! thread of its own; what stands in a draft is what `ledger show` says under that agreement, to the millisecond.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
    sync::Arc,
};

use chrono_tz::Tz;
use tokio::sync::oneshot;

use super::{Control, letters::Eyes, load::Loaded, turn::Loop};
use crate::{
    command::{Action, Command, Paper, PaperCourse, PaperEyes, PaperLine, Refusal, Reply, SealedAt},
    contract::Contract,
    feed::Feed,
    inventory::LinkId,
    ledger::{Booked, Month, PeriodCourse, Span, Standard, Statement, Step, Stretch, Verdict},
    notify::letter::{Drawn, Ourselves, Sight},
    store::{self, StoreError},
    units::{Now, Timestamp},
    window::Piece,
};

/// Periods that just ended are looked for so often.
const EVERY_SECONDS: usize = 60;
/// Most links that one notice lists; it counts the others.
const MOST_LINES: usize = 500;
/// Most characters of a picture of a period: each day of a quarter has its own.
const MOST_CHARACTERS: usize = 92;
/// Who drafts when a period closes.
const OURSELVES: &str = "linkpatrol";

/// Which periods were looked at.
#[derive(Debug, Default)]
pub(super) struct Drafting {
    /// (carrier, period): nothing to draft, or drafted.
    seen: BTreeSet<(String, String)>,
    /// A thread reads.
    reading: bool,
}

/// A person's wish for a draft: the command, and who waits.
pub(super) type Wish = (Command, oneshot::Sender<Reply>);

/// What was read of one carrier.
pub(super) struct Drafted {
    carrier: String,
    /// Why there is no paper, where it is none.
    paper: Result<Paper, Refusal>,
    period: String,
    wish: Option<Wish>,
}

/// By what a carrier is judged in the period that a month belongs to.
pub(super) struct Promise {
    pub standard: Standard,
    pub agreement: Option<String>,
    pub clause: String,
}

impl Promise {
    /// The agreement that holds from the first day of its period to the last; the customer's contract where there is none.
    pub fn of(contract: &Contract, carrier: &str, month: Month) -> Self {
        let zone = contract.time_zone;
        let day = |moment: Timestamp| {
            chrono::DateTime::from_timestamp_millis(moment.0).unwrap_or_default().with_timezone(&zone).date_naive()
        };
        let agreed = contract.terms.agreement(carrier, day(month.begins)).and_then(|agreement| {
            let (objective, standard) =
                agreement.objectives.iter().find_map(|one| Some((one, Standard::agreed(one, zone)?)))?;
            let stretch = standard.stretch(month);
            let holds =
                agreement.holds_on(day(stretch.begins)) && agreement.holds_on(day(Timestamp(stretch.ends.0 - 1)));
            holds.then(|| Self {
                standard,
                agreement: Some(agreement.number.clone()),
                clause: objective.clause.clone(),
            })
        });
        agreed.unwrap_or_else(|| Self {
            standard: Standard::of(contract),
            agreement: None,
            clause: contract.objectives.clause.clone(),
        })
    }
}

impl Loop {
    /// Once a minute: drafts what closed.
    pub(super) fn look_for_breaches(&mut self, now: Now) {
        if self.seconds % EVERY_SECONDS != 1 || self.drafting.reading {
            return;
        }
        let loaded = Arc::clone(&self.field.loaded);
        let Some(first) = self.accounts.iter().map(|account| account.month()).min_by_key(|month| month.begins) else {
            return;
        };
        // Every account is past the month before.
        let before = Standard::of(&loaded.contract).month_at(Timestamp(first.begins.0 - 1));
        let due: Vec<(String, Month)> = loaded
            .inventory
            .carriers
            .iter()
            .filter(|carrier| {
                let stretch = Promise::of(&loaded.contract, &carrier.id, before).standard.stretch(before);
                let known = self
                    .keeping
                    .as_ref()
                    .is_none_or(|keeping| keeping.incidents.knows_breach(&carrier.id, &stretch.name));
                stretch.ends == before.ends
                    && !known
                    && !self.drafting.seen.contains(&(carrier.id.clone(), stretch.name))
            })
            .map(|carrier| (carrier.id.clone(), before))
            .collect();
        if !due.is_empty() {
            self.drafting.reading = true;
            self.read_papers(due, None, now);
        }
    }

    /// A person asks for the draft of a carrier and month.
    pub(super) fn draft_breach(&mut self, command: Command, reply: oneshot::Sender<Reply>, feed: &Feed, now: Now) {
        let Action::DraftBreach { carrier, month } = &command.action else { return };
        if self.folder.is_none() {
            return self.answer(reply, Reply::Refused(Refusal::NotKept), feed, now);
        }
        let loaded = &self.field.loaded;
        let month = Month::parse(month, loaded.contract.time_zone);
        let known = loaded.inventory.carriers.iter().any(|one| one.id == *carrier);
        let (Some(month), true) = (month, known) else {
            let reason = "carrier, month: a carrier of the inventory, and a month such as 2026-10".to_owned();
            return self.answer(reply, Reply::Refused(Refusal::NothingToDraft { reason }), feed, now);
        };
        let due = vec![(carrier.clone(), month)];
        self.read_papers(due, Some((command, reply)), now);
    }

    fn read_papers(&mut self, due: Vec<(String, Month)>, mut wish: Option<Wish>, now: Now) {
        let Some(folder) = self.folder.clone() else { return };
        let (loaded, itself) = (Arc::clone(&self.field.loaded), self.itself.clone());
        let ourselves = self.believed();
        let read = move || {
            let read = |(carrier, month): (String, Month)| {
                let promise = Promise::of(&loaded.contract, &carrier, month);
                let period = promise.standard.stretch(month).name;
                let paper = paper(&folder, &loaded, &carrier, month, &promise, now.utc)
                    .map(|paper| paper.map(|paper| Paper { ourselves: Some(ourselves.clone()), ..paper }))
                    .unwrap_or_else(|error| Err(Refusal::NothingToDraft { reason: error.to_string() }));
                Drafted { carrier, paper, period, wish: wish.take() }
            };
            let drafted = due.into_iter().map(read).collect();
            // The loop may have ended meanwhile.
            let _ = itself.send(Control::Drafted(drafted));
        };
        if let Err(error) = std::thread::Builder::new().name("drafts".into()).spawn(read) {
            tracing::error!(%error, "cannot start the thread that reads periods");
        }
    }

    /// What speaks for our own eyes as of now.
    fn believed(&self) -> PaperEyes {
        let Ourselves { witnesses, witnesses_up, clock } =
            Eyes { field: &self.field, accounts: &self.accounts }.ourselves();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        PaperEyes {
            witnesses: count(witnesses),
            witnesses_up: count(witnesses_up),
            clock_is_synchronised: clock.is_synchronised,
            clock_error_millis: u64::try_from(clock.most_error.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Takes drafts in, in the name of who asked, or in our own.
    pub(super) fn drafted(&mut self, drafted: Vec<Drafted>, feed: &Feed, now: Now) {
        for Drafted { carrier, paper, period, wish } in drafted {
            let is_settled = !matches!(&paper, Err(Refusal::NothingToDraft { .. }));
            let key = format!("notice-{carrier}-{period}");
            let own = || Command { actor: OURSELVES.into(), key, way: String::new(), action: Action::Reload };
            let (command, reply) = wish.map_or_else(|| (own(), None), |(command, reply)| (command, Some(reply)));
            if reply.is_none() {
                self.drafting.reading = false;
                if is_settled {
                    self.drafting.seen.insert((carrier.clone(), period));
                }
            }
            let answer = match paper {
                Ok(paper) => {
                    tracing::info!(carrier, period = paper.period, breached = paper.breached, "a notice is drafted");
                    self.obey_incidents(&Command { action: Action::KeepBreach { paper }, ..command }, now)
                }
                Err(refusal) => Reply::Refused(refusal),
            };
            if let Some(reply) = reply {
                self.answer(reply, answer, feed, now);
            }
        }
    }

    /// Carries out what people do about a notice. Nobody hands a draft in: the loop makes it.
    pub(super) fn obey_breach(&mut self, mut command: Command, now: Now) -> Reply {
        match &mut command.action {
            Action::JudgeBreach { journal, .. } => *journal = self.sealed_at(),
            _ => return Reply::Refused(Refusal::NotBreached),
        }
        self.obey_incidents(&command, now)
    }

    /// Where the journal stands on the disk.
    fn sealed_at(&self) -> Option<SealedAt> {
        let head = self.keeping.as_ref()?.store.status().journal.head;
        Some(SealedAt { entry: head.number, head: head.hash.to_string() })
    }
}

/// What a carrier's links came to.
fn paper(
    folder: &Path,
    loaded: &Loaded,
    carrier: &str,
    month: Month,
    promise: &Promise,
    now: Timestamp,
) -> Result<Result<Paper, Refusal>, StoreError> {
    let Promise { standard, agreement, clause } = promise;
    let (stretch, gap) = (standard.stretch(month), loaded.contract.terms.flaps.gap.value);
    let nothing = |reason: &str| Ok(Err(Refusal::NothingToDraft { reason: reason.to_owned() }));
    if now < stretch.ends {
        return nothing("the period runs");
    }
    let inventory = &loaded.inventory;
    let ours = inventory.links.iter().filter(|link| inventory.carriers[link.carrier.at()].id == carrier);
    let links: HashSet<&LinkId> = ours.clone().map(|link| &link.id).collect();
    let mut months: BTreeMap<LinkId, Vec<Booked>> = BTreeMap::new();
    let wanted = [stretch.begins, stretch.ends].map(|moment| standard.month_at(moment).to_string());
    store::each_account(folder, wanted, |row| {
        if links.contains(&row.link) {
            months.entry(row.link).or_default().extend(Booked::read(&row.account, standard));
        }
    })?;
    let mut paper = Paper {
        carrier: carrier.to_owned(),
        period: stretch.name.clone(),
        begins: stretch.begins,
        ends: stretch.ends,
        agreement: agreement.clone(),
        clause: clause.clone(),
        promised: standard.promised,
        judged: 0,
        met: 0,
        not_provable: 0,
        breached: 0,
        ourselves: None,
        lines: vec![],
    };
    for link in ours {
        let Some(booked) = months.get(&link.id) else { continue };
        let statement = Statement::of(standard, &stretch, booked, gap);
        if !statement.is_final {
            return nothing("the period is not final yet");
        }
        paper.judged += 1;
        match statement.availability {
            Verdict::Met => paper.met += 1,
            Verdict::Breached => {
                paper.breached += 1;
                if paper.lines.len() < MOST_LINES {
                    let course = course(folder, &link.id, &stretch, loaded.contract.time_zone)?;
                    paper.lines.push(PaperLine { course, ..line(link, &statement) });
                }
            }
            _ => paper.not_provable += 1,
        }
    }
    if paper.judged == 0 {
        return nothing("no link of the carrier has books of the period");
    }
    Ok(if paper.breached == 0 { Err(Refusal::NotBreached) } else { Ok(paper) })
}

fn line(link: &crate::inventory::Link, statement: &Statement) -> PaperLine {
    let (sums, probes) = (statement.sums, statement.probes);
    PaperLine {
        link: link.id.clone(),
        cid: link.cid.clone(),
        a_end: link.a_end.clone(),
        z_end: link.z_end.clone(),
        up: sums.up,
        degraded: sums.degraded,
        down: sums.down,
        unknown: sums.unknown,
        excluded: sums.excluded,
        period: sums.period,
        unknown_as_down: statement.unknown_as_down,
        unknown_as_up: statement.unknown_as_up,
        error_budget_remaining: statement.error_budget_remaining,
        failures: statement.failures,
        sent: probes.up.answered + probes.up.lost,
        lost: probes.up.lost,
        sent_down: probes.down.answered + probes.down.lost,
        lost_down: probes.down.lost,
        unmeasured: probes.up.unmeasured + probes.down.unmeasured,
        course: None,
    }
}

/// `None`: no history of the period is kept.
fn course(folder: &Path, link: &LinkId, stretch: &Stretch, zone: Tz) -> Result<Option<PaperCourse>, StoreError> {
    let Some(span) = Span::new(stretch.begins, stretch.ends, Step::Day, zone) else { return Ok(None) };
    let [first, last] = span.days();
    let (stored, _) = store::rollups(folder, link.as_str(), [&first, &last])?;
    let PeriodCourse { rtt_nanos, days } = span.course(stored);
    if days.iter().all(|day| day.answered + day.lost == 0) {
        return Ok(None);
    }
    let each = days.len().div_ceil(MOST_CHARACTERS).max(1);
    let pieces: Vec<Piece> = days.chunks(each).map(together).collect();
    let Drawn { rtt, loss, least, most } = Drawn::of(&pieces);
    let (p50, p95, p99) = rtt_nanos.map_or((0, 0, 0), |rtt| (rtt.p50, rtt.p95, rtt.p99));
    let days = u32::try_from(each).unwrap_or(u32::MAX);
    Ok(Some(PaperCourse { p50, p95, p99, days, least, most, rtt, loss }))
}

/// Several days as one: the mean of their medians by how much was answered.
fn together(days: &[Piece]) -> Piece {
    let sum = |figure: fn(&Piece) -> u64| days.iter().map(figure).sum::<u64>();
    let answered = sum(|day| day.answered);
    let weighed: u128 = days.iter().map(|day| u128::from(day.rtt_mean) * u128::from(day.answered)).sum();
    Piece {
        // All characters are of one length but the last, and that is not worth a line in the picture.
        seconds: 0,
        answered,
        lost: sum(|day| day.lost),
        unmeasured: sum(|day| day.unmeasured),
        rtt_mean: u64::try_from(weighed / u128::from(answered.max(1))).unwrap_or(u64::MAX),
    }
}
