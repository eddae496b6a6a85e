//! A month with a breach becomes a notice: drafted by itself, approved by another person, numbered, sealed, sent.

use std::{fs, process::Output, time::Duration};

use chrono_tz::Asia::Shanghai;
use linkpatrol::{
    clock::{Clock, SystemClock},
    inventory::{LinkId, Role},
    judge::Tally,
    ledger::{
        Account, Measured, Month,
        rollup::{Day, Evidence, Record},
    },
    store::{Batch, Options, Store, StoredRollup},
    units::{Counts, Timestamp},
};
use serde_json::Value;

use crate::{
    harness::{linkpatrol, wait_for, words},
    site::{Site, stored_account},
};

const HOUR: i64 = 3_600_000;

fn run(site: &Site, arguments: &[&str]) -> Output {
    let program = linkpatrol();
    let mut command = site.namespace.command(&[&program.get_program().to_string_lossy()]);
    command.args(arguments).args(["--config.file"]).arg(site.path("linkpatrol.yaml"));
    command.output().expect("the program")
}

fn json(site: &Site, arguments: &[&str]) -> Value {
    let output = run(site, &[arguments, &["--output", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", words(&output)))
}

/// The civil month before this one: every link was down for two hours of it, and up otherwise.
fn month_before(site: &Site) -> Month {
    let now = SystemClock::start().now().utc;
    let this = Month::containing(now, Shanghai);
    let month = Month::containing(Timestamp(this.begins.0 - 1), Shanghai);
    let (store, _) = Store::open(&site.path("state"), &Options::default()).expect("a store");
    let mut batch = Batch::default();
    for link in ["LL-0001", "LL-0002"] {
        let link = LinkId::parse(link).expect("an id");
        let mut account = Account::open(month.begins, Shanghai);
        let mut closed = vec![];
        for (measured, hour) in [(Measured::Up, 0), (Measured::Down, 100), (Measured::Up, 102)] {
            let at = Timestamp(month.begins.0 + hour * HOUR);
            account.measure(measured, at, at);
        }
        closed.extend(account.advance(Timestamp(this.begins.0 + HOUR), Shanghai));
        batch.accounts.push(stored_account(&link, &month, &closed[0]));
        batch.accounts.push(stored_account(&link, &this, &account));
    }
    // Of the first link history is kept: half of the probes of its second day were lost, and nothing is known of its third.
    let mut day = Day::containing(month.begins, Shanghai);
    for nth in 1.. {
        if day.begins >= this.begins {
            break;
        }
        let up = Counts { answered: 150, lost: if nth == 2 { 150 } else { 0 }, unmeasured: 0 };
        let mut evidence = Evidence { tally: Tally { up, ..Tally::default() }, ..Evidence::default() };
        evidence.rtts.add(if nth == 2 { 40_000_000 } else { 2_000_000 }, 150);
        let mut records = vec![];
        Record::Evidence(evidence).put(0, &mut records);
        Record::Time([300_000, 0, 0, 0]).put(0, &mut records);
        let link = LinkId::parse("LL-0001").expect("an id");
        if nth != 3 {
            batch.rollups.push(StoredRollup { link, role: Role::Far, day: day.to_string(), records });
        }
        day = day.next(Shanghai);
    }
    batch.heartbeat = Some(Timestamp(this.begins.0 + HOUR));
    store.commit(batch);
    month
}

#[test]
fn a_broken_month_is_a_draft_until_two_people_agree_and_a_sealed_one_cannot_be_changed() {
    let Some(mut site) = Site::make(2) else { return };
    site.write(
        "site/agreements.yaml",
        "agreements:\n  - id: 协议-甲-001\n    carrier: one\n    from: 2020-01-01\n    to: 2199-12-31\n    objectives:\n      \
         - {id: availability, name: 可用率, measure: availability, limit: {at_least: 99.9 %}, source: measured, clause: 第 3 条}\n",
    );
    site.write(
        "site/contacts.yaml",
        "contacts:\n  - {id: desk-one, party: carrier/one, name: 甲报障台, to: {sms: '1'}, verified: 2026-10-01}\n  - \
         {id: desk-two, party: carrier/two, name: 乙报障台, to: {sms: '2'}, verified: 2026-10-01}\n",
    );
    std::fs::create_dir_all(site.path("site/letters/one/en")).expect("a folder");
    let house = "no. {{ number }}\n---\nno. {{ number }}\n---\nHOUSE STYLE for {{ party }}\n{% for c in lines %}{{ c.cid }} {% if c.course %}{{ c.course.loss }}{% endif %}\n{% endfor %}{% if ourselves %}{{ ourselves.witnesses_up }} of {{ ourselves.witnesses }}{% endif %} {{ seal }}\n";
    site.write("site/letters/one/en/breach.txt", house);
    let program = format!("{{ cat; echo; }} >> {}", site.path("sms.txt").display());
    let channel = format!("channels: [{{name: sms, command: {{run: [sh, -c, \"{program}\"]}}}}]\n");
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + &channel));
    let month = month_before(&site).to_string();
    site.start(&[]);

    // Both carriers have their draft by themselves: one under its agreement, one without.
    let drafts = wait_for("two drafts", Duration::from_secs(20), || {
        Some(json(&site, &["breach", "list"])).filter(|drafts| drafts["total"] == 2)
    });
    let of = |carrier: &str| {
        let rows = drafts["breaches"].as_array().expect("rows");
        rows.iter().find(|row| row["paper"]["carrier"] == carrier).expect("a draft").clone()
    };
    let (breach, quality) = (of("one"), of("two"));
    assert_eq!((&breach["title"], &quality["title"]), (&"违约通知书".into(), &"质量通报".into()));
    let id = breach["id"].as_str().expect("an id");
    let said = |id: &str| words(&run(&site, &["--lang", "zh-CN", "breach", "show", id]));
    assert!(said(id).contains("违约") && said(id).contains("协议-甲-001 第 3 条"), "{}", said(id));
    let without = said(quality["id"].as_str().expect("an id"));
    assert!(without.contains("质量通报") && !without.contains("违约"), "{without}");

    // Its figures are those of the ledger.
    let ledger = json(&site, &["ledger", "show", "LL-0001", "--month", &month]);
    let (row, line) = (&ledger["links"][0], &breach["paper"]["lines"][0]);
    assert_eq!((&breach["paper"]["period"], &row["month"]), (&month.as_str().into(), &month.as_str().into()));
    assert_eq!((&line["down"], &row["states"]["down"]), (&(2 * HOUR).into(), &(2 * HOUR).into()));
    for same in ["period", "unknown_as_down", "unknown_as_up", "error_budget_remaining", "failures"] {
        assert_eq!(line[same], row[same], "{same}");
    }

    // The desk lists both, and shows one as its carrier will read it.
    let list = site.get("/breaches?lang=zh-CN").body;
    assert!(list.contains("违约通知书") && list.contains("质量通报") && list.contains("协议-甲-001"), "{list}");
    let page = |site: &Site| site.get(&format!("/breaches/{id}?lang=zh-CN")).body;
    let sum = format!(
        "{} ms",
        row["unknown_as_down"].as_array().map_or(String::new(), |both| format!("{}/{}", both[0], both[1]))
    );
    for part in ["致：甲", &sum, "复核无误", "撤回"] {
        assert!(page(&site).contains(part), "{part} in {}", page(&site));
    }
    assert!(!page(&site).contains("批准、编号并用印"), "nothing is approved before it is reviewed");

    // With its evidence: RTT and loss of each day, and whether we could be believed.
    let shown = page(&site);
    for part in ["一半不超过", "每格 1 天：时延 ▁█?▁", "丢包 .▄?.", "未设见证点；时钟"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!without.contains("每格"), "of its link nothing is kept: {without}");

    // Nobody agrees to what they looked at themselves, and nothing is sent before.
    let step = |step: &str, actor: &str| run(&site, &["--lang", "en", "breach", step, id, "--actor", actor]);
    let refused = |output: &Output, code: &str| output.status.code() == Some(1) && words(output).contains(code);
    assert!(refused(&step("approve", "李四"), "wrong_phase"));
    let sent = |step: &str, actor: &str| site.submit(&format!("/breaches/{id}"), &[("do", step), ("actor", actor)]);
    assert_eq!(sent("review", "张三").status, 303);
    let own = sent("approve", "张三");
    assert!(own.status == 409 && own.body.contains("own_breach"), "{} {}", own.status, own.body);
    assert!(refused(&step("send", "李四"), "wrong_phase"));
    for own in ["张三", "张　三", "张\u{200b}三"] {
        assert!(refused(&step("approve", own), "own_breach"), "{own:?}");
    }
    let ours = step("approve", "ＬｉｎｋＰａｔｒｏｌ");
    assert!(refused(&ours, "no_actor"), "{}", words(&ours));
    let approved = step("approve", "李四");
    assert!(approved.status.success() && words(&approved).contains("0001号"), "{}", words(&approved));
    assert!(step("send", "王五").status.success());
    let again = run(&site, &["breach", "draft", "one", "--month", &month, "--actor", "张三"]);
    assert!(refused(&again, "already_drafted"), "{}", words(&again));

    let done = page(&site);
    assert!(done.contains("0001号") && done.contains("/document") && done.contains("已发出"), "{done}");
    assert!(done.contains("李四") && !done.contains("name=\"do\""), "{done}");

    // Its carrier reads it, and nobody else.
    let letter = wait_for("the letter", Duration::from_secs(10), || {
        fs::read_to_string(site.path("sms.txt")).ok().filter(|text| text.contains("0001号"))
    });
    assert!(
        letter.contains("/breach/")
            && letter.contains("HOUSE STYLE for 甲")
            && letter.contains("C-1 .▄?.")
            && letter.contains("0 of 0 ")
            && letter.contains("desk-one")
            && letter.contains("C-1"),
        "{letter}"
    );
    assert!(!letter.contains("desk-two") && !letter.contains("C-2"), "{letter}");

    // The sealed document holds to the last bit.
    let document = run(&site, &["breach", "show", id, "--document"]).stdout;
    let held = |bytes: &[u8]| {
        fs::write(site.path("notice.json"), bytes).expect("a file");
        let file = site.path("notice.json");
        run(&site, &["--lang", "en", "breach", "verify", &file.to_string_lossy()])
    };
    let sealed: Value = serde_json::from_slice(&document).expect("JSON");
    assert!(sealed["number"].as_str().is_some_and(|number| number.starts_with("违约〔")), "{sealed}");
    assert_eq!((&sealed["lines"][0]["course"]["days"], &sealed["ourselves"]["witnesses"]), (&1.into(), &0.into()));
    assert!(held(&document).status.success(), "{}", words(&held(&document)));
    let mut flipped = document.clone();
    flipped[document.len() / 2] ^= 1;
    let broken = held(&flipped);
    assert!(broken.status.code() == Some(1) && words(&broken).contains("NOT what was sealed"), "{}", words(&broken));

    site.daemon().signal(libc::SIGTERM);
    assert_eq!(site.daemon().wait(Duration::from_secs(10)), 0, "{}", site.printed());
    for what in ["verify", "replay"] {
        let proved = run(&site, &["journal", what]);
        assert!(proved.status.success(), "{}", words(&proved));
    }
}
