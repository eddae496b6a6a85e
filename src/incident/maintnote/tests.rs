use proptest::prelude::*;

use super::*;

/// As the standard's own example looks, folded lines included.
pub(in crate::incident) fn calendar(more: &str) -> String {
    let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Maint Note//https://github.com/maint-notification//\r\n\
        BEGIN:VEVENT\r\nSUMMARY:Maint Note Ex\r\n ample\\, with a comma\r\nDTSTART;VALUE=DATE-TIME:20260304T180000Z\r\n\
        DTEND;TZID=Asia/Shanghai:20260305T060000\r\nDTSTAMP;VALUE=DATE-TIME:20260301T000000Z\r\nUID:42\r\n\
        SEQUENCE:1\r\nORGANIZER;CN=\"Example NOC; shift: 2\":mailto:noone@example.com\r\n\
        X-MAINTNOTE-PROVIDER:example.com\r\nX-MAINTNOTE-ACCOUNT:137.035999173\r\n\
        X-MAINTNOTE-MAINTENANCE-ID:External-ID-910938356\r\n\
        X-MAINTNOTE-MAINTENANCE-ID;X-MAINTNOTE-PRECEDENCE=PRIMARY:WorkOrder-31415\r\n\
        X-MAINTNOTE-IMPACT:OUTAGE\r\nX-MAINTNOTE-STATUS:TENTATIVE\r\n\
        X-MAINTNOTE-OBJECT-ID;ALTREP=\"https://example.org/maintenance?id=acme\":C-1\r\n\
        X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=NO-IMPACT:C-2\r\n\
        BEGIN:VALARM\r\nTRIGGER:-PT30M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    more.lines().fold(text.to_owned(), |text, change| {
        let (name, _) = change.split_once([':', ';']).expect("a line of a calendar");
        let line = text.lines().find(|line| line.starts_with(name)).expect("a line to replace").to_owned();
        text.replacen(
            &format!("{line}\r\n"),
            &if change.ends_with(':') { String::new() } else { format!("{change}\r\n") },
            1,
        )
    })
}

fn only(text: &str) -> Result<MaintNote, String> {
    match &read(text.as_bytes())[..] {
        [ReadNote::Note(note)] => Ok((**note).clone()),
        [ReadNote::Unreadable { reason, .. }] => Err(reason.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_of_the_standard_is_read_whole() {
    let note = only(&calendar("")).unwrap();
    assert_eq!(
        (note.provider.as_str(), note.account.as_str(), note.maintenance.as_str(), note.uid.as_str()),
        ("example.com", "137.035999173", "WorkOrder-31415", "42")
    );
    assert_eq!((note.summary.as_str(), note.sequence), ("Maint Note Example, with a comma", 1));
    // 18:00 UTC to 06:00 in Shanghai: four hours.
    assert_eq!((note.from, note.to.since(note.from).as_secs()), (Timestamp(1_772_647_200_000), 4 * 3_600));
    let object = |id: &str, impact| NoteObject { id: id.into(), impact };
    assert_eq!(note.objects, [object("C-1", Impact::Outage), object("C-2", Impact::NoImpact)]);
    assert_eq!(note.status, NoteStatus::Tentative);
}

#[test]
fn every_word_of_the_standard_is_known_and_an_unknown_impact_is_an_outage() {
    for (word, status) in [
        ("CONFIRMED", NoteStatus::Confirmed),
        ("cancelled", NoteStatus::Cancelled),
        ("IN-PROCESS", NoteStatus::InProcess),
        ("COMPLETED", NoteStatus::Completed),
        ("RE-SCHEDULED", NoteStatus::ReScheduled),
        ("NO-CHANGE", NoteStatus::NoChange),
    ] {
        assert_eq!(only(&calendar(&format!("X-MAINTNOTE-STATUS:{word}"))).unwrap().status, status);
    }
    for (word, impact) in [
        ("NO-IMPACT", Impact::NoImpact),
        ("REDUCED-REDUNDANCY", Impact::ReducedRedundancy),
        ("DEGRADED", Impact::Degraded),
        ("X-SOMETHING", Impact::Outage),
    ] {
        assert_eq!(only(&calendar(&format!("X-MAINTNOTE-IMPACT:{word}"))).unwrap().objects[0].impact, impact);
    }
    let cancelled = calendar("").replace("VERSION:2.0", "VERSION:2.0\r\nMETHOD:CANCEL");
    assert_eq!(only(&cancelled).unwrap().status, NoteStatus::Cancelled);
}

#[test]
fn what_is_not_plain_is_told_and_not_guessed() {
    for (change, reason) in [
        ("DTSTART:20260304T180000", "DTSTART is no time of a known zone"),
        ("DTSTART;VALUE=DATE:20260304", "DTSTART is no time of a known zone"),
        ("DTEND;TZID=W. Europe Standard Time:20260305T060000", "DTEND is no time of a known zone"),
        ("DTEND:20260304T180000Z", "DTEND is not after DTSTART"),
        ("UID:", "UID is missing"),
        ("X-MAINTNOTE-OBJECT-ID:", "X-MAINTNOTE-OBJECT-ID"),
        ("X-MAINTNOTE-IMPACT:", "X-MAINTNOTE-IMPACT is missing"),
        ("X-MAINTNOTE-STATUS:MAYBE", "a status that the standard does not know: MAYBE"),
        ("X-MAINTNOTE-STATUS:", "X-MAINTNOTE-STATUS is missing"),
        ("SEQUENCE:-1", "SEQUENCE is no number"),
        ("SEQUENCE:1\nUID:42\r\nUID:43", "UID stands in it twice"),
        ("UID:42\r\nRRULE:FREQ=DAILY", "it comes again"),
        ("UID:42\r\nthis is no line", "not a line of a calendar"),
    ] {
        let change = change.replace("\r\n", "\u{1}");
        let text = calendar(&change).replace('\u{1}', "\r\n");
        let found = only(&if change.starts_with("X-MAINTNOTE-OBJECT-ID") {
            text.replace("X-MAINTNOTE-OBJECT-ID;", "X-OTHER;")
        } else {
            text
        });
        assert!(found.as_ref().is_err_and(|found| found.contains(reason)), "{change}: {found:?}");
    }
}

#[test]
fn what_is_no_calendar_is_kept_for_a_person_without_the_names_in_it() {
    for text in
        ["", "hello", "BEGIN:VEVENT\nEND:VEVENT", "BEGIN:VCALENDAR\nEND:VCALENDAR", "BEGIN:VCALENDAR\nEND:VEVENT"]
    {
        assert!(only(text).is_err(), "{text}");
    }
    let torn = calendar("").split("END:VEVENT").next().unwrap().to_owned();
    let [ReadNote::Unreadable { reason, text }] = &read(torn.as_bytes())[..] else { panic!() };
    assert_eq!(reason, "it ends in the middle");
    assert!(text.contains("WorkOrder-31415") && !text.contains("noone@example.com"), "{text}");
    let [ReadNote::Unreadable { reason, .. }] = &read(b"BEGIN:VCALENDAR\n\xff\xfe")[..] else { panic!() };
    assert_eq!(reason, "it is not UTF-8");
}

#[test]
fn a_calendar_with_a_good_and_a_bad_event_gives_both() {
    let bad = "BEGIN:VEVENT\r\nUID:7\r\nEND:VEVENT\r\nEND:VCALENDAR";
    let notes = read(calendar("").replace("END:VCALENDAR", bad).as_bytes());
    assert!(matches!(&notes[..], [ReadNote::Note(_), ReadNote::Unreadable { .. }]), "{notes:?}");
}

#[test]
fn hostile_calendars_are_told_from_notes_in_linear_time_and_bounded_space() {
    let deep = "BEGIN:VCALENDAR\n".repeat(60_000);
    let wide = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", "BEGIN:VEVENT\nEND:VEVENT\n".repeat(20_000));
    let objects = "X-MAINTNOTE-OBJECT-ID:x\n".repeat(40_000);
    let many = calendar("").replace("UID:42", &format!("UID:42\n{objects}"));
    let folded = format!("BEGIN:VCALENDAR\nX:{}", "\n \t".repeat(300_000));
    let quoted = format!("BEGIN:VCALENDAR\nX{}:y\nEND:VCALENDAR", ";A=\"b\"".repeat(100_000));
    for text in [deep, wide, many, folded, quoted] {
        let notes = read(text.as_bytes());
        assert!((1..=MOST_EVENTS + 1).contains(&notes.len()));
        let kept: usize = notes.iter().map(|note| format!("{note:?}").len()).sum();
        assert!(kept < 1 << 20, "{kept}");
    }
}

proptest! {
    /// Whatever bytes come: something is said of them, and nothing breaks.
    #[test]
    fn any_bytes_give_at_least_one_note(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!read(&bytes).is_empty());
    }

    /// Somebody's cat walks over a good note.
    #[test]
    fn a_damaged_note_is_read_or_told(at in 0usize..900, by in "[\r\n:;=\"\\\\A-Z\u{e9}-]{0,4}", gone in 0usize..6) {
        let mut bytes = calendar("").into_bytes();
        let at = at.min(bytes.len() - gone);
        bytes.splice(at..at + gone, by.into_bytes());
        prop_assert!(!read(&bytes).is_empty());
    }
}
