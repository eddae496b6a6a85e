//! The record that others can hold us to: whole after real outages and a kill, faulty after a touch, and enough to live
//! the night again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    harness::{linkpatrol, root, skip, words},
    site::Site,
};

/// `linkpatrol journal` over a state folder.
fn journal(state: &Path, arguments: &[&str]) -> Output {
    let mut command = linkpatrol();
    command.arg("journal").args(arguments).args(["--lang", "en", "--data-dir"]).arg(state);
    command.output().expect("the program")
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(output)))
}

/// A copy of a state folder that no daemon has open, for a hand that should not touch it.
fn copy(state: &Path, to: PathBuf) -> PathBuf {
    fs::create_dir(&to).expect("a folder for the copy");
    for name in ["journal.db", "journal.db-wal", "journal.pub", "journal.key"] {
        if state.join(name).exists() {
            fs::copy(state.join(name), to.join(name)).expect("a copy of the state");
        }
    }
    to
}

fn touch(state: &Path, sql: &str) {
    let file = Connection::open(state.join("journal.db")).expect("the journal");
    file.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// What verify says of a state after this was done to it.
fn faults(site: &Site, name: &str, sql: &str, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let state = copy(&site.path("state"), site.path(name));
    touch(&state, sql);
    let told = journal(&state, &[&["verify", "--output", "json"], arguments].concat());
    let faults = json_of(&told)["journal"]["faults"].as_array().expect("a list of faults").clone();
    (told.status.code(), faults)
}

#[test]
fn a_night_of_cuts_and_kills_is_whole_in_the_journal_and_can_be_lived_again() {
    let Some(mut site) = Site::make(10) else { return };
    let state = site.path("state");
    let channel = "channels: [{name: sms, to: {duty: '1'}, command: {run: [sh, -c, 'cat > /dev/null']}}]\n";
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + channel));
    site.start(&[]);
    site.all_up(10);
    site.cut(7);
    let open = |site: &Site| {
        let open = site.incidents().into_iter().find(|incident| incident["phase"] == "open")?;
        (!open["announced"].is_null()).then_some(open)
    };
    let incident = site.wait("an incident is announced", open);
    let id = incident["id"].as_str().expect("an id");
    // Names stand where people sign, and in what they write.
    for (path, body) in [
        (format!("incidents/{id}/acknowledge"), json!({"actor": "张三", "note": "张三已派单"})),
        (format!("incidents/{id}/record"), json!({"actor": "张三", "step": "diagnosed", "note": "张三"})),
        ("incidents".to_owned(), json!({"actor": "李四", "links": ["LL-0003"], "what": "张三来电：业务不通"})),
        ("handover/sign".to_owned(), json!({"actor": "李四", "second": "王五", "note": "张三在现场"})),
        (
            "windows".to_owned(),
            json!({"actor": "李四", "scopes": ["link/LL-0003"], "requester": "张三", "reason": "割接，张三在场",
                "from": "2027-03-01T02:00:00+08:00", "to": "2027-03-01T04:00:00+08:00"}),
        ),
        ("changes".to_owned(), json!({"actor": "李四", "requester": "张三", "what": "换光模块", "reason": "张三要求"})),
    ] {
        let done = site.post(&format!("/api/v1/{path}"), &body);
        assert!(done.is_ok(), "{path}: {}", done.body);
    }
    site.wait("the journal has its first anchor", |site| site.metric("linkpatrol_journal_anchor_timestamp_seconds"));
    assert!(site.metric("linkpatrol_journal_oldest_timestamp_seconds") > Some(1.7e9));

    // Killed in the middle of an outage, and started again with another ledger.
    site.daemon().signal(libc::SIGKILL);
    site.daemon().wait(Duration::from_secs(10));
    let verified = journal(&state, &["verify"]);
    assert!(verified.status.success(), "{}", words(&verified));
    site.write_links(&(2..=9).collect::<Vec<_>>());
    site.start(&[]);
    site.wait("the link is down again", |site| (site.state(7) == "down").then_some(()));
    site.heal(7);
    site.wait("it is restored", |site| {
        site.incidents().into_iter().find(|incident| incident["id"] == id && incident["phase"] == "restored")
    });
    (2..=9).for_each(|number| site.cut(number));
    site.wait("the whole network is an incident", |site| {
        site.incidents().into_iter().find(|incident| incident["tier"] == 1 && !incident["announced"].is_null())
    });
    site.write_links(&(2..=10).collect::<Vec<_>>());
    site.wait("the new link is in force", |site| (site.state(10) != "absent").then_some(()));
    let verified = journal(&state, &["verify"]);
    assert!(verified.status.success(), "also beside a daemon that writes: {}", words(&verified));
    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());

    let verified = journal(&state, &["verify", "--output", "json"]);
    assert!(verified.status.success(), "{}", words(&verified));
    let audit = &json_of(&verified)["journal"];
    assert!(audit["incidents"].as_u64() >= Some(2) && audit["contents"].as_u64() >= Some(8), "{audit}");
    let replayed = journal(&state, &["replay", "--output", "json"]);
    assert!(replayed.status.success(), "{}", words(&replayed));
    let replayed = &json_of(&replayed)["replayed"];
    assert!(replayed["starts"] == 2 && replayed["passed_over"] == 0, "{replayed}");
    assert!(replayed["incidents"].as_u64() >= Some(2) && replayed["steps"].as_u64() > Some(10), "{replayed}");

    whoever_touches_it_is_found(&site, audit["head"]["number"].as_u64().expect("a number"));
    names_can_be_erased(&site);
    a_third_party_agrees(&site);
}

fn whoever_touches_it_is_found(site: &Site, last: u64) {
    let flip = "UPDATE entry SET payload = replace(payload, 'LL-0007', 'LL-0008') WHERE number = \
                (SELECT min(number) FROM entry WHERE kind = 'verdicts' AND payload LIKE '%\"down\"%')";
    let (code, found) = faults(site, "flipped", flip, &[]);
    assert!(code == Some(1) && found.len() == 1 && found[0]["fault"] == "changed", "{found:?}");
    let (code, found) = faults(site, "removed", "DELETE FROM entry WHERE number = 5", &[]);
    assert_eq!((code, &found[0]), (Some(1), &json!({"fault": "missing", "from": 5, "to": 5})));
    let swap = "UPDATE entry SET number = -5 WHERE number = 5; UPDATE entry SET number = 5 WHERE number = 6; \
                UPDATE entry SET number = 6 WHERE number = -5";
    let (code, found) = faults(site, "reordered", swap, &[]);
    assert_eq!((code, &found[0]), (Some(1), &json!({"fault": "changed", "entry": 5})));
    let erased = "UPDATE incident SET json = replace(json, '\"tier\":1', '\"tier\":2')";
    let (code, found) = faults(site, "softened", erased, &[]);
    assert!(code == Some(1) && found[0]["fault"] == "incident_differs", "{found:?}");
    let reworded = "UPDATE incident SET json = replace(json, '已派单', '未派单')";
    let (code, found) = faults(site, "reworded", reworded, &[]);
    assert!(code == Some(1) && found.len() == 1 && found[0]["fault"] == "text_differs", "{found:?}");
    for (name, change) in [
        ("longer", "replace(json, '\"drill\":false', '\"drill\":true')"),
        ("reasoned", "replace(json, '割接', '巡检')"),
        ("requested", "replace(json, '\"requester\":\"张三\"', '\"requester\":\"李四\"')"),
    ] {
        let (code, found) = faults(site, name, &format!("UPDATE maintenance SET json = {change}"), &[]);
        assert!(code == Some(1) && found.len() == 1 && found[0]["fault"] == "record_differs", "{name}: {found:?}");
    }
    let state = copy(&site.path("state"), site.path("keyless"));
    fs::remove_file(state.join("journal.key")).expect("a key");
    let told = json_of(&journal(&state, &["verify", "--output", "json"]));
    assert!(told["whole"] == true && told["journal"]["texts_unchecked"].as_u64() >= Some(1), "{told}");
    let file = "UPDATE content SET bytes = CAST(replace(CAST(bytes AS TEXT), '127.10.0.7', '127.10.0.6') AS BLOB)";
    let (code, found) = faults(site, "edited", file, &[]);
    assert!(code == Some(1) && found.iter().all(|fault| fault["fault"] == "content_changed"), "{found:?}");

    // What the house alone cannot tell, whoever holds its anchor can.
    let anchor =
        fs::read_dir(site.path("state/anchors")).expect("anchors").next().expect("one").expect("a file").path();
    let number =
        serde_json::from_slice::<Value>(&fs::read(&anchor).expect("an anchor")).expect("JSON")["number"].clone();
    let number = number.as_u64().expect("a number");
    assert!(number > 1 && number < last);
    let cut = format!("DELETE FROM seal; DELETE FROM incident; DELETE FROM entry WHERE number >= {number}");
    let (code, found) = faults(site, "cut", &cut, &[]);
    assert!(code == Some(1) || found.is_empty(), "{found:?}");
    let against = anchor.display().to_string();
    let (code, found) = faults(site, "against", &cut, &["--against", &against]);
    let missed = found.iter().find(|fault| fault["fault"] == "tail_missing").expect("a missing tail");
    assert_eq!((code, &missed["entry"], &missed["ends"]), (Some(1), &json!(number), &json!(number - 1)));
    let told = journal(&site.path("state"), &["verify", "--against", &against]);
    assert!(told.status.success(), "{}", words(&told));
    let told =
        journal(&site.path("state"), &["verify", "--against", &site.path("linkpatrol.yaml").display().to_string()]);
    assert_eq!(told.status.code(), Some(2), "{}", words(&told));
}

/// Files of a folder, however deep, that hold a text.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => holding(&path, text),
            false => {
                let bytes = fs::read(&path).expect("a file");
                let holds = bytes.windows(text.len()).any(|window| window == text.as_bytes());
                holds.then_some(path).into_iter().collect()
            }
        })
        .collect()
}

/// No name stands in the chain, nor what people wrote; the table beside it can be emptied, and everything still agrees.
fn names_can_be_erased(site: &Site) {
    let exported = journal(&site.path("state"), &["export"]);
    let exported = String::from_utf8(exported.stdout).expect("UTF-8");
    assert!(exported.contains("person-") && exported.contains("text-"));
    for apart in ["张三", "已派单", "业务不通", "在现场", "换光模块"] {
        assert!(!exported.contains(apart), "{apart} stands in the chain");
    }
    let shown = journal(&site.path("state"), &["show", "--kind", "command"]);
    assert!(words(&shown).contains("张三来电：业务不通"), "{}", words(&shown));
    assert!(!holding(&site.path("state"), "张三").is_empty());
    let forgotten = journal(&site.path("state"), &["forget", "张三"]);
    assert!(forgotten.status.success(), "{}", words(&forgotten));
    let verified = journal(&site.path("state"), &["verify"]);
    assert!(verified.status.success(), "{}", words(&verified));
    let reworded = "UPDATE incident SET json = replace(json, '业务不通', '业务正常')";
    let (code, found) = faults(site, "reworded-later", reworded, &[]);
    assert!(code == Some(1) && found[0]["fault"] == "text_differs", "{found:?}");
    assert!(journal(&site.path("state"), &["replay"]).status.success());
    let shown = words(&journal(&site.path("state"), &["show", "--kind", "command"]));
    assert!(shown.contains("person-") && !shown.contains("张三"), "{shown}");
    assert_eq!(holding(&site.path("state"), "张三"), [] as [PathBuf; 0], "in no file of the state");
    assert!(!holding(&site.path("state"), "已派单").is_empty(), "the rest of what was written stays");
}

/// The form is public: a program of forty lines that knows only docs/journal.md comes to the same.
fn a_third_party_agrees(site: &Site) {
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|python| python.status.success()) {
        return skip("python3 is not installed");
    }
    let export = |name: &str, state: &Path| {
        let exported = journal(state, &["export"]);
        assert!(exported.status.success(), "{}", words(&exported));
        let file = site.path(name);
        fs::write(&file, exported.stdout).expect("a file");
        file
    };
    let check = |file: &Path| {
        let mut command = Command::new("python3");
        command.arg(root().join("tests/verify_journal.py")).arg(file);
        for anchor in fs::read_dir(site.path("state/anchors")).expect("anchors") {
            command.arg(anchor.expect("a file").path());
        }
        command.output().expect("python3")
    };
    let whole = check(&export("whole.jsonl", &site.path("state")));
    assert!(whole.status.success() && words(&whole).contains("whole"), "{}", words(&whole));
    let state = copy(&site.path("state"), site.path("third"));
    touch(&state, "UPDATE entry SET at = at + 1 WHERE number = 4");
    let faulty = check(&export("faulty.jsonl", &state));
    assert_eq!(faulty.status.code(), Some(1), "{}", words(&faulty));
    assert!(words(&faulty).contains("entry 4 "), "{}", words(&faulty));
}

/// A journal as an older version wrote it, with people's names and notes of its time, gives the same incidents to the byte;
/// and what cannot be played is said by its entry.
#[test]
fn a_journal_of_an_older_version_is_played_again_with_the_same_effects() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorded = fs::read_to_string(root().join("tests/store/recorded-0.1.sql")).expect("a fixture");
    touch(folder.path(), &recorded);
    let verified = journal(folder.path(), &["verify"]);
    assert!(verified.status.success(), "{}", words(&verified));
    let replayed = journal(folder.path(), &["replay", "--output", "json"]);
    assert!(replayed.status.success(), "{}", words(&replayed));
    let said = &json_of(&replayed)["replayed"];
    let played = [&said["steps"], &said["starts"], &said["incidents"], &said["passed_over"]];
    assert_eq!(played, [&json!(21), &json!(2), &json!(2), &json!(0)]);

    // An effect that did not follow, and files that are gone.
    let other = "UPDATE entry SET payload = replace(payload, '\"announced\"', '\"noted\"') WHERE kind = 'step'";
    touch(folder.path(), other);
    let file = Connection::open(folder.path().join("journal.db")).expect("the journal");
    let wrong = "SELECT min(number) FROM entry WHERE payload LIKE '%\"noted\"%'";
    let wrong: i64 = file.query_row(wrong, [], |row| row.get(0)).expect("an entry");
    let replayed = journal(folder.path(), &["replay", "--output", "json"]);
    let difference = json_of(&replayed)["difference"].clone();
    assert_eq!((replayed.status.code(), &difference["entry"]), (Some(1), &json!(wrong)));
    assert!(difference["rebuilt"].as_str().is_some_and(|said| said.contains("announced")), "{difference}");
    touch(folder.path(), "DELETE FROM content");
    let replayed = journal(folder.path(), &["replay", "--output", "json"]);
    let difference = json_of(&replayed)["difference"].clone();
    assert_eq!((replayed.status.code(), &difference["entry"]), (Some(1), &json!(1)));
    assert!(difference["recorded"].as_str().is_some_and(|said| said.contains("is missing")), "{difference}");
}
