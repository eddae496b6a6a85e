//! Receivers that are away for a simulated day: each attempt takes as long as its pause would, and moves the clock by it.

use super::*;
use crate::notify::channels::{BACK_OFF_MOST, HURRY};

/// So much faster than the clock on the wall.
const FASTER: u32 = 60_000;
/// An incident each ten minutes.
const NEWS: Duration = Duration::from_secs(600);
/// Attempts at the longest pause.
const A_DAY: u32 = 24 * 60;
const DAY: Duration = Duration::from_hours(24);

fn people(address: SocketAddr) -> config::Channel {
    let keys = config::Http {
        url: format!("http://{address}/sms"),
        body: r#"{"key":"{key}","subject":"{subject}"}"#.into(),
        form: config::Form::Json,
        secret: config::Secret::default(),
        accepted: None,
        refused: None,
    };
    let to = [("duty".to_owned(), "13800000001".to_owned())].into();
    config::Channel { name: "sms".into(), to, http: Some(keys), ..config::Channel::default() }
}

/// What the day was like for one receiver.
fn check(receiver: &Receiver, name: &str, incidents: usize, outcomes: &[Outcome]) {
    let of = |result: Delivery| {
        outcomes.iter().filter(|one| one.notice.channel == name && one.result == result).collect::<Vec<_>>()
    };
    assert_eq!((of(Delivery::Expired).len(), of(Delivery::Refused).len()), (0, 0), "{name}: nothing is lost");
    let (delivered, replaced) = (of(Delivery::Delivered), of(Delivery::Replaced));
    // Every second incident has an end.
    assert_eq!(delivered.len() + replaced.len(), incidents + incidents / 2, "{name}");
    // A machine hears everything; a person of what began and ended meanwhile once, late.
    assert_eq!(replaced.len(), if name == "sms" { incidents / 2 } else { 0 }, "{name}");
    let taken = receiver.taken.lock().unwrap();
    let key = |(key, body): &(String, Value)| {
        if key.is_empty() { body["key"].as_str().unwrap().to_owned() } else { key.clone() }
    };
    let last: Vec<String> = taken.iter().rev().take(delivered.len()).map(key).rev().collect();
    let mut once = last.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), last.len(), "{name}: each once when it is back");
    for (at, key) in last.iter().enumerate().filter(|(_, key)| key.contains("/restored/")) {
        let incident = key.split('/').next().unwrap();
        let opened = last.iter().position(|one| one.starts_with(incident) && one.contains("/opened/"));
        assert!(opened.is_none_or(|opened| opened < at), "{name}: the beginning before the end");
        assert!(name == "sms" || opened.is_some(), "{name}");
    }
    // A person's gateway is offered another message each time, a machine's the oldest.
    let most = delivered.iter().map(|one| one.attempts).max().unwrap();
    assert!(name == "sms" || most > A_DAY, "{name}: the oldest waited for a whole day, not for {most} attempts");
    assert!(taken.len() > A_DAY as usize, "{name}: {}", taken.len());
}

#[tokio::test]
async fn receivers_that_are_away_for_a_day_lose_nothing_and_hear_it_in_order() {
    HURRY.set(FASTER);
    let clock = Arc::new(ManualClock::default());
    clock.set(fixture::AT);
    let away = vec![503; 100_000];
    let ((desk, at_desk), (sms, at_sms)) = (Receiver::start(&away).await, Receiver::start(&away).await);
    let setup = Setup { people: vec![people(at_sms)], ..webhook(at_desk) };
    let mut patrol = Loop::start(&setup, world(&[]), clock.clone());
    // The loop's side takes every outcome at once.
    let (_, nothing) = mpsc::channel(1);
    let mut reported = std::mem::replace(&mut patrol.outcomes, nothing);
    let outcomes = Arc::<Mutex<Vec<Outcome>>>::default();
    let kept = outcomes.clone();
    tokio::spawn(async move {
        while let Some(outcome) = reported.recv().await {
            if outcome.result != Delivery::Failed {
                kept.lock().unwrap().push(outcome);
            }
        }
    });

    let attempts = usize::try_from(NEWS.as_secs() / BACK_OFF_MOST.as_secs()).unwrap();
    let incidents = usize::try_from(DAY.as_secs() / NEWS.as_secs()).unwrap();
    let at = |nth: usize| fixture::AT.utc.plus(NEWS * u32::try_from(nth).unwrap());
    let begun = |nth: usize| Incident { id: format!("01DAY{nth:021}"), opened: at(nth), ..fixture::incident() };
    for nth in 0..incidents {
        clock.set(Now { utc: at(nth), ..fixture::AT });
        patrol.tell(&begun(nth), NoticeKind::Opened);
        if nth % 2 == 1 {
            patrol.tell(&Incident { opened: at(nth), ..restored(&begun(nth - 1)) }, NoticeKind::Restored);
        }
        // So many attempts are so much time.
        while [&desk, &sms].iter().any(|away| away.taken.lock().unwrap().len() <= attempts * (nth + 1)) {
            sleep(Duration::from_millis(1)).await;
        }
    }
    let waiting = patrol.outbox.waiting();
    assert!(waiting.len() <= 2 * QUEUE && waiting.len() >= incidents, "{} wait", waiting.len());
    assert!(outcomes.lock().unwrap().iter().all(|one| one.result == Delivery::Replaced), "nothing is given up");
    clock.set(Now { utc: fixture::AT.utc.plus(DAY), ..fixture::AT });
    for back in [&desk, &sms] {
        back.answers.lock().unwrap().clear();
    }
    for _ in 0..400 {
        if patrol.outbox.waiting().is_empty() {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(patrol.outbox.waiting(), [], "all of it left");
    sleep(Duration::from_millis(50)).await;
    let outcomes = outcomes.lock().unwrap().clone();
    check(&desk, "desk", incidents, &outcomes);
    check(&sms, "sms", incidents, &outcomes);
}
