use super::*;
use crate::{
    command::{Action, Command, Standing},
    contract::{Contract, fixture::contract},
    incident::Scopes,
    inventory::{Inventory, fixture::inventory},
    units::Mono,
};

/// 2026-03-02 09:00 in Shanghai.
const MONDAY: i64 = 1_772_413_200_000;
const DAY: i64 = 86_400_000;

struct Desk {
    inventory: Inventory,
    contract: Contract,
    scopes: Scopes,
    incidents: Incidents,
    told: u32,
}

impl Desk {
    fn new() -> Self {
        let inventory = inventory(2);
        let scopes = Scopes::of(&inventory);
        let incidents = Incidents::new(7, std::time::Duration::from_secs(60));
        Self { inventory, contract: contract(), scopes, incidents, told: 0 }
    }

    fn ask(&mut self, actor: &str, action: Action) -> Reply {
        self.told += 1;
        let Self { inventory, contract, scopes, incidents, told } = self;
        let world = World { inventory, contract, scopes, states: &[] };
        let command = Command { actor: actor.into(), key: told.to_string(), way: "cli".into(), action };
        let now = Now { mono: Mono(0), utc: Timestamp(MONDAY + i64::from(*told)) };
        incidents.obey(&command, now, &world).0
    }

    /// On the first link, a week ahead.
    fn request(&mut self) -> (String, String) {
        let on = vec![format!("link/{}", self.inventory.links[0].id)];
        let (from, to) = (Timestamp(MONDAY + 7 * DAY), Timestamp(MONDAY + 7 * DAY + 3_600_000));
        let asked = RequestedChange { on, from: Some(from), to: Some(to), ..bare() };
        match self.ask("值班", Action::RequestChange(asked)) {
            Reply::Changed { change, window: Some(window), .. } => (change, window),
            other => panic!("{other:?}"),
        }
    }

    fn judge(&mut self, actor: &str, change: &str, verdict: Verdict, note: &str) -> Result<(), Refusal> {
        let action = Action::JudgeChange { change: change.into(), verdict, note: note.into() };
        match self.ask(actor, action) {
            Reply::Changed { .. } => Ok(()),
            Reply::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    fn standing(&self, window: &str) -> Standing {
        let window = self.incidents.windows().get(window).unwrap();
        window.standing(window.from, &self.contract)
    }

    fn phase(&self, id: &str) -> ChangePhase {
        self.incidents.desk().changes().find(|change| change.id == id).unwrap().phase
    }
}

fn bare() -> RequestedChange {
    RequestedChange {
        what: "更换接头盒".into(),
        reason: "接头进水；失败则恢复原纤芯".into(),
        requester: "李工".into(),
        on: vec![],
        from: None,
        to: None,
        problem: String::new(),
    }
}

#[test]
fn nobody_agrees_to_a_change_of_their_own() {
    let mut desk = Desk::new();
    let (change, window) = desk.request();
    for own in ["李工", "李工\u{3000}", "李\u{200b}工"] {
        assert_eq!(desk.judge(own, &change, Verdict::Approve, ""), Err(Refusal::OwnChange), "{own:?}");
    }
    assert_eq!((desk.phase(&change), desk.standing(&window)), (ChangePhase::Requested, Standing::Unapproved));
    assert_eq!(desk.judge("值班", &change, Verdict::Done, ""), Err(Refusal::WrongPhase), "nobody has agreed yet");
    assert_eq!(desk.judge("王处", &change, Verdict::Approve, ""), Ok(()));
    assert_eq!((desk.phase(&change), desk.standing(&window)), (ChangePhase::Approved, Standing::Valid));
    assert_eq!(desk.judge("王处", &change, Verdict::Approve, ""), Err(Refusal::WrongPhase));
}

#[test]
fn planned_work_goes_where_its_change_goes() {
    let mut desk = Desk::new();
    let (rejected, window) = desk.request();
    assert_eq!(desk.judge("王处", &rejected, Verdict::Reject, ""), Err(Refusal::NothingReported));
    assert_eq!(desk.judge("王处", &rejected, Verdict::Reject, "重保期间"), Ok(()));
    assert_eq!(desk.standing(&window), Standing::Cancelled);
    let (withdrawn, window) = desk.request();
    assert_eq!(desk.judge("王处", &withdrawn, Verdict::Approve, ""), Ok(()));
    assert_eq!(desk.judge("李工", &withdrawn, Verdict::Withdraw, "备件未到"), Ok(()));
    assert_eq!(desk.standing(&window), Standing::Cancelled);
    let (done, _) = desk.request();
    assert_eq!(desk.judge("王处", &done, Verdict::Approve, ""), Ok(()));
    assert_eq!(desk.judge("李工", &done, Verdict::Done, ""), Ok(()));
    assert_eq!(desk.judge("李工", &done, Verdict::Failed, "又坏了"), Err(Refusal::WrongPhase));
    assert_eq!(
        [&rejected, &withdrawn, &done].map(|id| desk.phase(id)),
        [ChangePhase::Rejected, ChangePhase::Withdrawn, ChangePhase::Done]
    );
}

#[test]
fn a_change_without_reason_times_or_a_known_problem_is_refused() {
    let mut desk = Desk::new();
    let on = vec![format!("link/{}", desk.inventory.links[0].id)];
    for (asked, refusal) in [
        (RequestedChange { reason: " ".into(), ..bare() }, "wrong_change"),
        (RequestedChange { requester: String::new(), ..bare() }, "wrong_change"),
        (RequestedChange { on, ..bare() }, "wrong_change"),
        (RequestedChange { problem: "01KDVDNK00000000000000TEST".into(), ..bare() }, "no_such_problem"),
    ] {
        let Reply::Refused(found) = desk.ask("值班", Action::RequestChange(asked)) else { panic!("{refusal}") };
        assert_eq!(serde_json::to_value(found).unwrap()["code"], refusal);
    }
    let Reply::Changed { change, window: None, .. } = desk.ask("值班", Action::RequestChange(bare())) else {
        panic!()
    };
    let ticket = |number: &str| Action::Ticket { about: change.clone(), system: "itsm".into(), number: number.into() };
    assert!(matches!(desk.ask("itsm", ticket("CHG-1")), Reply::Done { .. }));
    assert!(matches!(desk.ask("itsm", ticket("CHG-2")), Reply::Done { .. }));
    assert_eq!(desk.ask("itsm", ticket("")), Reply::Refused(Refusal::WrongTicket));
    let tickets = &desk.incidents.desk().changes().next().unwrap().tickets;
    assert_eq!(tickets.iter().map(|ticket| ticket.number.as_str()).collect::<Vec<_>>(), ["CHG-2"], "the newest stands");
}

#[test]
fn changes_are_bounded_and_those_that_are_over_leave_first() {
    let mut desk = Desk::new();
    let mut first = None;
    for _ in 0..MOST_CHANGES {
        let Reply::Changed { change, .. } = desk.ask("值班", Action::RequestChange(bare())) else { panic!() };
        first.get_or_insert(change);
    }
    assert_eq!(desk.ask("值班", Action::RequestChange(bare())), Reply::Refused(Refusal::TooManyChanges));
    assert_eq!(desk.judge("李工", &first.unwrap(), Verdict::Withdraw, "不做了"), Ok(()));
    assert!(matches!(desk.ask("值班", Action::RequestChange(bare())), Reply::Changed { .. }));
    assert_eq!(desk.incidents.desk().changes().count(), MOST_CHANGES);
}
