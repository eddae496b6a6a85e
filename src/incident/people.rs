//! What people ask of incidents. Each command has an answer, and a repeat has the same one.

use std::sync::Arc;

use super::{
    ActedBy, Effect, EffectKind, IncidentPhase, Incidents, TimelineEntry, World,
    answers::named,
    case::{Case, OURSELVES},
    promises::Parties,
    record::OPERATOR,
};
use crate::{
    command::{Action, Command, Overlap, Planned, Refusal, Reply, Standing, Step, person},
    units::{Now, Timestamp},
};

/// Commands whose answer is remembered: a repeat of the same key is answered like the first.
const MOST_KEYS: usize = 1_024;
/// Longest names, ways and texts, in characters.
const NAME: usize = 64;
const WAY: usize = 32;
const TEXT: usize = 1_000;

impl Incidents {
    /// Carries out what a person asked for.
    pub fn obey(&mut self, command: &Command, now: Now, world: &World<'_>) -> (Reply, Vec<Effect>) {
        if let Some((_, reply)) = self.keys.iter().find(|(key, _)| *key == command.key) {
            return (reply.clone(), vec![]);
        }
        let reply = self.act(command, now, world).unwrap_or_else(Reply::Refused);
        self.look_for_problems(now, world);
        if self.keys.len() == MOST_KEYS {
            self.keys.pop_front();
        }
        self.keys.push_back((command.key.clone(), reply.clone()));
        // A command moves what happens next: the coming tick works it out.
        self.due = now.mono;
        (reply, std::mem::take(&mut self.effects))
    }

    fn act(&mut self, command: &Command, now: Now, world: &World<'_>) -> Result<Reply, Refusal> {
        let actor = name(&command.actor).ok_or(Refusal::NoActor)?;
        let way: String = command.way.chars().take(WAY).collect();
        let acted = |note: &str| ActedBy { actor: actor.clone(), at: now.utc, note: text(note), way: way.clone() };
        match &command.action {
            Action::Acknowledge { incident, party, note, work_order, eta } => {
                let (number, case) = self.spoken_of(incident)?;
                let party = party_of(case, party, world)?;
                if case.incident.phase == IncidentPhase::Closed {
                    return Err(Refusal::AlreadyClosed);
                }
                if let Some(by) = case.incident.acknowledged_by(&party).filter(|_| !case.wants_acknowledgement(&party))
                {
                    return Err(Refusal::AlreadyAcknowledged { by: by.actor.clone() });
                }
                if eta.is_some_and(|eta| eta <= now.utc) {
                    return Err(Refusal::WrongTime);
                }
                case.acknowledge(&party, acted(note), text(work_order), *eta);
                case.hear(&party, now);
                if let Some(eta) = eta {
                    case.promise(&party, *eta, now);
                }
                self.tell(number, EffectKind::Acknowledged { party });
            }
            Action::Withdraw { incident, party, note } => self.take_back(incident, party, acted(note), world)?,
            Action::IssueLink { incident, party, note } => self.link_issued(incident, party, acted(note), world)?,
            Action::Record { incident, step, party, at, eta, note, links } => {
                let (number, case) = self.spoken_of(incident)?;
                let said = acted(note);
                let party = party_of(case, party, world)?;
                let at = moment(case, *at, now)?;
                if (*step == Step::Promised) != eta.is_some() || eta.is_some_and(|eta| eta <= now.utc) {
                    return Err(Refusal::WrongTime);
                }
                if *step == Step::Disputed && said.note.is_empty() {
                    return Err(Refusal::NoReason);
                }
                let links = named(&case.incident, &party, links, world)?;
                case.write(TimelineEntry {
                    at,
                    event: step.as_str().to_owned(),
                    actor: said.actor,
                    note: said.note,
                    party: party.clone(),
                    way: said.way,
                    recorded: (at != now.utc).then_some(now.utc),
                    eta: *eta,
                    links: links.clone(),
                    ..TimelineEntry::default()
                });
                case.stop_by(*step, &party, at);
                case.hear(&party, now);
                if let Some(eta) = eta {
                    case.promise(&party, *eta, now);
                }
                match step {
                    Step::Disputed => self.tell(number, EffectKind::Disputed { party }),
                    Step::ClaimsRestored => self.test_again(number, &party, links, now, world),
                    _ => self.tell(number, EffectKind::Changed),
                }
            }
            Action::Correct { incident, entry, at, note } => {
                let (number, case) = self.spoken_of(incident)?;
                correct(case, *entry, *at, acted(note), now)?;
                self.tell(number, EffectKind::Noted);
            }
            Action::Confirm { incident, condition, note } => self.confirm(incident, condition, acted(note), world)?,
            Action::Close { incident, note } => self.close_by(incident, acted(note), now, world)?,
            Action::Annul { incident, second, reason } => self.annul(incident, second, acted(reason), now)?,
            Action::Resolve { incident, verdict, note } => self.resolve(incident, *verdict, acted(note), now, world)?,
            Action::Report(reported) => return self.report(reported, acted(&reported.what), now, world),
            Action::Restore { incident, at, note } => self.reported_over(incident, acted(note), *at, now)?,
            Action::Window(planned) => return self.plan(planned, acted(""), now, world),
            Action::ApproveWindow { window, note } => {
                Arc::make_mut(&mut self.windows).approve(window, &acted(note), now, world)?;
                self.changed.windows.insert(window.clone());
                return Ok(self.planned(window, now, world));
            }
            Action::CancelWindow { window, note } => {
                Arc::make_mut(&mut self.windows).cancel(window, acted(note), now, world)?;
                self.changed.windows.insert(window.clone());
                return Ok(self.planned(window, now, world));
            }
            Action::TakeMaintnotes { carrier, notes } => {
                return self.take_notes(carrier, notes, &acted(""), now, world);
            }
            Action::SettleMaintnote { maintnote, on, note } => {
                return self.settle_note(maintnote, on, acted(note), now, world);
            }
            Action::RequestChange(asked) => return self.request_change(asked, acted(""), now, world),
            Action::JudgeChange { change, verdict, note } => {
                return self.judge_change(change, *verdict, acted(note), now, world);
            }
            Action::KeepBreach { paper } => return self.keep_breach(paper, acted(""), now),
            Action::JudgeBreach { breach, step, note, journal } => {
                return self.judge_breach(breach, *step, journal.as_ref(), acted(note), now, world);
            }
            Action::RecordProblem { problem, step, note } => self.record_problem(problem, *step, acted(note))?,
            Action::Ticket { about, system, number } => self.ticket(about, system, number, acted(""), now)?,
            // Not about incidents: the shell's own work.
            Action::Exclude { .. }
            | Action::DraftBreach { .. }
            | Action::HandoverSigned { .. }
            | Action::RoundDone { .. }
            | Action::DeviceFault { .. }
            | Action::DeviceSwapped { .. }
            | Action::RevealContacts { .. }
            | Action::RotateLinks
            | Action::TurnDoor { .. }
            | Action::Heard(_)
            | Action::Observe { .. }
            | Action::SettleReply { .. }
            | Action::Reload => {
                return Err(Refusal::NoSuchIncident);
            }
        }
        Ok(Reply::Done { at: now.utc })
    }

    fn plan(&mut self, planned: &Planned, by: ActedBy, now: Now, world: &World<'_>) -> Result<Reply, Refusal> {
        let id = self.write_window(planned, by, now, world)?;
        Ok(self.planned(&id, now, world))
    }

    /// Writes planned work down. Returns its id.
    pub(super) fn write_window(
        &mut self,
        planned: &Planned,
        by: ActedBy,
        now: Now,
        world: &World<'_>,
    ) -> Result<String, Refusal> {
        let seed = self.seed;
        let id = Arc::make_mut(&mut self.windows).add(planned, by, seed, now, world)?;
        self.changed.windows.insert(id.clone());
        Ok(id)
    }

    /// What became of planned work, and what it leaves without a reserve.
    fn planned(&mut self, window: &str, now: Now, world: &World<'_>) -> Reply {
        let windows = Arc::make_mut(&mut self.windows);
        windows.compare(now.utc, world);
        let next = windows.get(window).and_then(|own| Some((own, own.turn(now.utc, world.contract.time_zone)?)));
        let standing = next.map_or(Standing::Cancelled, |(own, turn)| own.standing(turn.from, world.contract));
        let concerns = |overlap: &&Overlap| overlap.windows.iter().any(|id| id == window);
        let overlaps = windows.overlaps().iter().filter(concerns).cloned().collect();
        Reply::Planned { at: now.utc, window: window.to_owned(), standing, overlaps }
    }

    /// The incident with this id, or the one it was merged into, and room for what is said of it.
    pub(super) fn spoken_of(&mut self, id: &str) -> Result<(u64, &mut Case), Refusal> {
        let number = self.meant(id).ok_or(Refusal::NoSuchIncident)?;
        let case = self.cases.get_mut(&number).ok_or(Refusal::NoSuchIncident)?;
        if case.is_full() {
            return Err(Refusal::TimelineFull);
        }
        Ok((number, case))
    }

    fn meant(&self, id: &str) -> Option<u64> {
        let mut number = *self.ids.get(id)?;
        while let Some(into) = self.cases.get(&number)?.incident.merged_into.as_ref() {
            number = *self.ids.get(into)?;
        }
        Some(number)
    }
}

/// A name as it stands in the record.
pub(super) fn name(written: &str) -> Option<String> {
    let name = written.trim();
    (person::is_readable(name) && name.chars().count() <= NAME).then(|| name.to_owned())
}

fn text(written: &str) -> String {
    written.trim().chars().take(TEXT).collect()
}

/// When something happened: now unless told, never before the incident began and never later than now.
fn moment(case: &Case, at: Option<Timestamp>, now: Now) -> Result<Timestamp, Refusal> {
    let at = at.unwrap_or(now.utc);
    (case.incident.began..=now.utc).contains(&at).then_some(at).ok_or(Refusal::WrongTime)
}

/// Whom a person speaks for: us when nothing is said, else a party of this incident.
pub(super) fn party_of(case: &Case, party: &str, world: &World<'_>) -> Result<String, Refusal> {
    let party = match party.trim() {
        "" => OPERATOR,
        party => party,
    };
    let known = Parties::of(&case.incident, world).all(world);
    if known.iter().any(|known| known == party) {
        return Ok(party.to_owned());
    }
    Err(Refusal::NoSuchParty { known })
}

/// Appends what entry number `wrong` should have said. A clock that it stopped stops at the right time.
fn correct(case: &mut Case, wrong: u32, at: Option<Timestamp>, by: ActedBy, now: Now) -> Result<(), Refusal> {
    let is_it = |entry: &&TimelineEntry| entry.number == wrong && entry.actor != OURSELVES;
    let entry = case.incident.timeline.iter().find(is_it).cloned().ok_or(Refusal::NoSuchEntry)?;
    let right = moment(case, Some(at.unwrap_or(entry.at)), now)?;
    // Its newest correction says when the clock was stopped.
    let newest =
        case.incident.timeline.iter().rfind(|later| later.corrects == Some(wrong)).map_or(entry.at, |last| last.at);
    let step = serde_json::from_value::<Step>(entry.event.clone().into());
    if let Ok(step) = step {
        case.stop_again(step, &entry.party, newest, right);
    }
    case.write(TimelineEntry {
        at: right,
        actor: by.actor,
        note: by.note,
        way: by.way,
        recorded: Some(by.at),
        corrects: Some(wrong),
        ..entry
    });
    Ok(())
}
