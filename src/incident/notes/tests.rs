use super::*;
use crate::{
    command::{Action, Command, Standing},
    contract::{Contract, fixture::contract},
    incident::{DeskRecord, Scopes, maintnote},
    inventory::{Inventory, fixture::inventory},
    units::{Mono, Timestamp},
};

/// 2026-03-02 09:00 in Shanghai; the note of the fixture plans work from the 5th, 02:00 on.
const MONDAY: i64 = 1_772_413_200_000;
const HOUR: i64 = 3_600_000;

struct Town {
    inventory: Inventory,
    contract: Contract,
    scopes: Scopes,
    incidents: Incidents,
    told: u32,
}

impl Town {
    fn new() -> Self {
        let mut inventory = inventory(3);
        inventory.links.iter_mut().zip(1..).for_each(|(link, number)| link.cid = format!("C-{number}"));
        let scopes = Scopes::of(&inventory);
        let incidents = Incidents::new(7, std::time::Duration::from_secs(60));
        Self { inventory, contract: contract(), scopes, incidents, told: 0 }
    }

    fn ask(&mut self, at: i64, action: Action) -> Reply {
        self.told += 1;
        let Self { inventory, contract, scopes, incidents, told } = self;
        let world = World { inventory, contract, scopes, states: &[] };
        let command = Command { actor: "值班".into(), key: told.to_string(), way: "mail".into(), action };
        let now = Now { mono: Mono(at), utc: Timestamp(MONDAY + at) };
        incidents.obey(&command, now, &world).0
    }

    fn take(&mut self, at: i64, text: &str) -> NoteTaken {
        let notes = maintnote::read(text.as_bytes());
        match self.ask(at, Action::TakeMaintnotes { carrier: String::new(), notes }) {
            Reply::Maintnotes(taken) => taken.notes[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    fn settle(&mut self, maintnote: &str, on: &[&str], note: &str) -> Reply {
        let on = on.iter().map(|scope| (*scope).to_owned()).collect();
        self.ask(HOUR, Action::SettleMaintnote { maintnote: maintnote.into(), on, note: note.into() })
    }

    fn standing(&self, window: &str) -> Standing {
        let window = self.incidents.windows().get(window).unwrap();
        window.standing(window.from, &self.contract)
    }
}

/// The fixture's calendar with this sequence and status, and other lines of it changed.
fn note(sequence: u32, status: &str, more: &str) -> String {
    let changes = format!("SEQUENCE:{sequence}\nX-MAINTNOTE-STATUS:{status}\n{more}");
    maintnote::tests::calendar(changes.trim_end())
}

#[test]
fn a_confirmed_note_is_planned_work_and_no_approval() {
    let mut town = Town::new();
    assert_eq!(town.take(0, &note(0, "TENTATIVE", "")).outcome, NoteOutcome::Recorded);
    let taken = town.take(HOUR, &note(1, "CONFIRMED", ""));
    assert_eq!((taken.outcome, taken.windows.len()), (NoteOutcome::Planned, 1));
    let window = town.incidents.windows().get(&taken.windows[0]).unwrap();
    assert_eq!(window.scopes, [ScopeKind::Link.scope(town.inventory.links[0].id.as_str())], "C-2 sees nothing of it");
    assert_eq!(
        (window.requester.as_str(), window.reason.as_str()),
        ("example.com", "WorkOrder-31415 Maint Note Example, with a comma")
    );
    assert_eq!(window.announced, Timestamp(MONDAY + HOUR), "what was tentative was no notice");
    assert_eq!(town.standing(&taken.windows[0]), Standing::Unapproved);
    // The carrier cannot agree to its own work.
    let own = Command {
        actor: "example.com".into(),
        key: "own".into(),
        way: String::new(),
        action: Action::ApproveWindow { window: taken.windows[0].clone(), note: String::new() },
    };
    let world = World { inventory: &town.inventory, contract: &town.contract, scopes: &town.scopes, states: &[] };
    let now = Now { mono: Mono(HOUR), utc: Timestamp(MONDAY + HOUR) };
    assert!(matches!(town.incidents.obey(&own, now, &world).0, Reply::Refused(Refusal::WrongWindow { .. })));
}

#[test]
fn later_notes_take_the_place_of_earlier_ones_and_older_ones_change_nothing() {
    let mut town = Town::new();
    let first = town.take(0, &note(1, "CONFIRMED", ""));
    let window = first.windows[0].clone();
    town.ask(1, Action::ApproveWindow { window: window.clone(), note: String::new() });
    assert_eq!(town.standing(&window), Standing::Valid);
    // The same again, and an older one that was late on its way.
    assert_eq!(town.take(2, &note(1, "CONFIRMED", "")).outcome, NoteOutcome::Known);
    assert_eq!(town.take(3, &note(0, "CANCELLED", "")).outcome, NoteOutcome::Known);
    // A reminder, and one that says no more than that it goes on: what was approved stays so.
    assert_eq!(town.take(4, &note(2, "NO-CHANGE", "")).windows, std::slice::from_ref(&window));
    assert_eq!(town.take(5, &note(3, "CONFIRMED", "")).windows, std::slice::from_ref(&window));
    assert_eq!(town.standing(&window), Standing::Valid);
    // Another time is other work: it needs notice and approval of its own.
    let moved = town.take(6, &note(4, "RE-SCHEDULED", "DTEND:20260305T000000Z"));
    assert_eq!((moved.outcome, &moved.maintnote), (NoteOutcome::Planned, &first.maintnote));
    assert_ne!(moved.windows[0], window);
    assert_eq!(town.standing(&window), Standing::Cancelled);
    assert_eq!(town.standing(&moved.windows[0]), Standing::Unapproved);
    let gone = town.take(7, &note(5, "CANCELLED", "DTEND:20260305T000000Z"));
    assert_eq!((gone.outcome, gone.windows.len()), (NoteOutcome::Withdrawn, 0));
    assert_eq!(town.standing(&moved.windows[0]), Standing::Cancelled);
    assert_eq!(town.incidents.desk().notes().count(), 1);
}

#[test]
fn work_that_nobody_should_feel_excuses_no_outage() {
    let mut town = Town::new();
    for (sequence, impact) in ["NO-IMPACT", "REDUCED-REDUNDANCY"].into_iter().enumerate() {
        let text = note(sequence as u32, "CONFIRMED", &format!("X-MAINTNOTE-IMPACT:{impact}"));
        let taken = town.take(0, &text);
        assert_eq!((taken.outcome, taken.windows.len()), (NoteOutcome::Recorded, 0), "{impact}");
    }
    assert_eq!(town.take(0, &note(3, "CONFIRMED", "X-MAINTNOTE-IMPACT:DEGRADED")).outcome, NoteOutcome::Planned);
}

#[test]
fn what_cannot_be_matched_waits_for_a_person_and_is_settled_by_hand() {
    let mut town = Town::new();
    let unknown = town.take(0, &note(1, "CONFIRMED", "X-MAINTNOTE-PROVIDER:other.example"));
    assert_eq!(unknown.waits, Some(Waits::UnknownProvider { provider: "other.example".into() }));
    let lost = town.take(0, &note(1, "CONFIRMED", "X-MAINTNOTE-OBJECT-ID:C-9\nUID:43"));
    assert_eq!(lost.waits, Some(Waits::UnknownCircuits { circuits: vec!["C-9".into()] }));
    let over = town.take(0, &note(1, "CONFIRMED", "DTSTART:20260101T000000Z\nDTEND:20260102T000000Z\nUID:44"));
    assert!(matches!(over.waits, Some(Waits::NotPlanned { .. })), "{over:?}");
    let torn = town.take(0, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:45\n");
    assert!(matches!(torn.waits, Some(Waits::Unreadable { .. })), "{torn:?}");
    assert_eq!(town.take(1, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:45\n").outcome, NoteOutcome::Known);
    assert_eq!(town.incidents.desk().inbox(), 4);

    let link = format!("link/{}", town.inventory.links[2].id);
    let Reply::Maintnotes(settled) = town.settle(&lost.maintnote, &[&link], "C-9 是旧编号") else { panic!() };
    assert_eq!((settled.notes[0].outcome, settled.notes[0].windows.len()), (NoteOutcome::Settled, 1));
    assert_eq!(town.standing(&settled.notes[0].windows[0]), Standing::Unapproved);
    assert_eq!(town.settle(&torn.maintnote, &[&link], ""), Reply::Refused(Refusal::NoteUnreadable));
    assert_eq!(town.settle(&torn.maintnote, &[], ""), Reply::Refused(Refusal::NothingToSettle));
    assert!(matches!(town.settle(&torn.maintnote, &[], "已电话核实"), Reply::Maintnotes(_)));
    assert_eq!(town.settle(&torn.maintnote, &[], "再来"), Reply::Refused(Refusal::NothingToSettle));
    assert_eq!(town.incidents.desk().inbox(), 2);
}

#[test]
fn the_inbox_is_bounded_and_a_restart_finds_it_again() {
    let mut town = Town::new();
    for number in 0..MOST_WAITING {
        assert_eq!(town.take(0, &format!("no calendar {number}")).outcome, NoteOutcome::Inbox);
    }
    let notes = maintnote::read(b"one more");
    let refused = town.ask(0, Action::TakeMaintnotes { carrier: String::new(), notes });
    assert_eq!(refused, Reply::Refused(Refusal::InboxFull));
    let stored = town.incidents.take_changed().desk;
    let text = serde_json::to_string(&stored).unwrap();
    let read: Vec<DeskRecord> = serde_json::from_str(&text).unwrap();
    assert_eq!((read.len(), &read), (MOST_WAITING, &stored));
    let again = Incidents::new(8, std::time::Duration::from_secs(60)).with_desk(read);
    assert_eq!(again.desk().inbox(), MOST_WAITING);
}
