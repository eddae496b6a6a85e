use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    breach,
    route::{Ways, climbed, letters},
    *,
};
use crate::{
    command::{Paper, PaperCourse, PaperEyes, PaperLine},
    contract::{Ladder, Step, words::Party},
    diagnostic::Place,
    duty::Contact,
    incident::{Breach, BreachPhase, EffectKind, Incident, ServicePart, fixture as incidents},
    inventory::{self, Carrier, CarrierIndex, LinkId, Target, Unit, UnitIndex},
    notify::{
        NoticeKind, Subject,
        log::Told,
        warning::{Look, Proof, Warned},
    },
    units::{Ppm, Timestamp},
};

/// Links in turn of two carriers and three units; nothing of one carries a word of the other.
fn inventory(links: usize) -> Inventory {
    let mut whole = inventory::fixture::inventory(links);
    let carrier =
        |nth: usize| Carrier {
            id: format!("car{nth}"), name: format!("运营商{nth}号"), ..whole.carriers[0].clone()
        };
    let unit =
        |nth: usize| Unit { id: format!("UNIT{nth}"), name: format!("示例单位{nth}号"), ..whole.units[0].clone() };
    let (carriers, units) = ((0..2).map(carrier).collect(), (0..3).map(unit).collect());
    (whole.carriers, whole.units) = (carriers, units);
    for (nth, link) in whole.links.iter_mut().enumerate() {
        (link.carrier, link.unit) = (CarrierIndex((nth % 2) as u32), UnitIndex((nth % 3) as u32));
        link.cid = format!("CID-{}-{nth:04}", nth % 2);
        link.z_end = format!("示例远端-{nth:04}");
        for point in &mut link.points {
            point.target = Target::Address([198, 18, 7, nth as u8].into());
        }
    }
    whole
}

fn contact(id: &str, party: &str, steps: &[&str]) -> Contact {
    Contact {
        id: id.into(),
        party: party.into(),
        name: format!("{id}值班台"),
        language: None,
        to: [("mail".to_owned(), format!("{id}@example.org")), ("sms".to_owned(), "13800000001".to_owned())].into(),
        calendar: None,
        duty: None,
        steps: steps.iter().map(|step| (*step).to_owned()).collect(),
        on_site: party.starts_with("unit/").then(|| format!("机房{}", party.replace('/', ""))),
        verified: chrono::NaiveDate::default(),
        place: Place::whole(std::path::Path::new("contacts.yaml")),
    }
}

fn contacts() -> Contacts {
    let list = [("noc", "operator"), ("ct", "carrier/car0"), ("cm", "carrier/car1"), ("u2", "unit/UNIT2")];
    let mut list: Vec<Contact> = list.into_iter().map(|(id, party)| contact(id, party, &[])).collect();
    list.push(contact("lead", "operator", &["project-lead"]));
    Contacts { list }
}

fn channels() -> [Channel; 2] {
    ["mail", "sms"].map(|name| Channel::to_machine(name, ChannelKind::People))
}

fn incident(links: &[(usize, bool)]) -> Incident {
    let links = links.iter().map(|(nth, down)| (inventory::fixture::id(*nth), *down)).collect();
    Incident { links, ..incidents::incident() }
}

/// Letters about an effect.
fn told(incident: &Incident, effect: &EffectKind, language: Language) -> Vec<Notice> {
    let (inventory, contacts, roster, letters_) = (inventory(12), contacts(), Roster::default(), Letters::default());
    let facts = Facts { language, ..fixture::facts(&inventory, &contacts, &roster, &letters_) };
    letters(incident, effect, Ways { channels: &channels(), is_down: &|_| false, facts, now: incidents::AT.utc })
}

/// All that leaves of a notice.
fn bytes(notice: &Notice) -> String {
    let message = notice.message.as_ref().unwrap();
    [message.marked_subject(), message.marked_text(), message.marked_short(), message.key.clone()].join("\n")
}

fn of<'a>(notices: &'a [Notice], recipient: &str) -> Vec<&'a Notice> {
    notices.iter().filter(|notice| notice.thread().1 == recipient).collect()
}

#[test]
fn every_shipped_template_can_be_written_with_all_and_with_nothing() {
    let shipped = Letters::default();
    for language in [Language::ZhCn, Language::En] {
        for letter in Letter::ALL {
            for sample in context::samples(letter) {
                assert!(shipped.write(letter, language, "", &sample).is_some(), "{letter:?} {language:?}");
            }
        }
    }
}

#[test]
fn a_carrier_reads_of_its_own_circuits_what_was_excluded_and_how_to_answer() {
    let incident = incident(&[(0, true), (1, true), (2, true), (4, true)]);
    let notices = told(&incident, &EffectKind::Announced, Language::ZhCn);
    let mail = of(&notices, "ct").into_iter().find(|notice| notice.channel == "mail").unwrap();
    assert_eq!(mail.party, "carrier/car0");
    let (subject, text) = (&mail.message.as_ref().unwrap().subject, &mail.message.as_ref().unwrap().text);
    assert!(subject.starts_with("报障：运营商0号 3 条电路中断"), "{subject}");
    let code = crate::notify::reply::code(&incident.id);
    for part in [
        "CID-0-0000",
        "CID-0-0004",
        "示例远端-0002",
        "另有其他 1 条电路",
        "近端有应答",
        "另有",
        "1000 次",
        "4711 ba78",
        &code,
        "机房unitUNIT2",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let short = mail.message.as_ref().unwrap().marked_short();
    assert!(short.contains("CID-0-0000等 3 条") && short.contains(&code) && short.chars().count() <= 67, "{short}");
    assert_eq!(of(&notices, "ct").len(), 2, "one on each of its channels");
    assert_eq!(of(&notices, "lead").len(), 0, "only ladders call it");
    assert_eq!((of(&notices, "noc").len(), of(&notices, "u2").len()), (2, 2));
}

#[test]
fn a_carrier_hears_of_a_fault_again_only_when_its_own_circuits_changed() {
    let keys = |links: &[(usize, bool)], effect: &EffectKind| -> Vec<String> {
        of(&told(&incident(links), effect, Language::En), "ct").iter().map(|notice| notice.key.clone()).collect()
    };
    let opened = keys(&[(0, true), (1, true)], &EffectKind::Announced);
    assert_eq!(keys(&[(0, true), (1, true), (3, true)], &EffectKind::Changed), opened, "another carrier's joined");
    assert_ne!(keys(&[(0, true), (1, true), (2, true)], &EffectKind::Changed), opened);
    assert_eq!(keys(&[(1, true)], &EffectKind::Announced), [""; 0], "none of its own");
    let overdue = |party: &str| EffectKind::Overdue { clock: "restore".into(), tier: 2, party: party.into() };
    assert_eq!(keys(&[(0, true)], &overdue("carrier/car1")), [""; 0], "another's clock");
    assert_eq!(keys(&[(0, true)], &EffectKind::Closed), [""; 0]);
}

#[test]
fn when_power_is_suspected_the_unit_is_asked_and_the_carrier_is_not_blamed() {
    let suspected = Incident { unit_power_suspected: true, ..incident(&[(2, true), (5, true)]) };
    let notices = told(&suspected, &EffectKind::Announced, Language::ZhCn);
    assert!(bytes(of(&notices, "u2")[0]).contains("请核实供电"), "{}", bytes(of(&notices, "u2")[0]));
    let carrier = bytes(of(&notices, "ct")[0]);
    assert!(carrier.contains("请协助测试") && !carrier.contains("报障"), "{carrier}");
    let isolated = Incident { kind: crate::incident::IncidentKind::Isolation, ..suspected };
    let notices = told(&isolated, &EffectKind::Announced, Language::ZhCn);
    assert!(notices.iter().all(|notice| notice.party.is_empty()), "nobody outside is accused of what we cannot see");
}

#[test]
fn a_unit_is_told_that_its_own_service_fails_and_that_it_works_again() {
    let service = ServicePart {
        id: "portal".into(),
        name: "门户网站".into(),
        url: "https://portal.example/".into(),
        owner: "UNIT2".into(),
        phase: "http".into(),
        reason: "http_status".into(),
        ..ServicePart::default()
    };
    let failed = Incident {
        kind: crate::incident::IncidentKind::Service,
        scope: crate::incident::Scope { kind: "service".into(), id: "portal".into() },
        service: Some(Box::new(service)),
        ..incident(&[])
    };
    let outside = |incident: &Incident, effect: &EffectKind| -> Vec<Notice> {
        told(incident, effect, Language::ZhCn).into_iter().filter(|notice| !notice.party.is_empty()).collect()
    };
    let opened = outside(&failed, &EffectKind::Announced);
    assert!(opened.iter().all(|notice| notice.party == "unit/UNIT2") && opened.len() == 2, "on both of its channels");
    let text = bytes(&opened[0]);
    for part in ["服务异常告知：门户网站", "https://portal.example/", "u2值班台", &failed.id] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(outside(&failed, &EffectKind::Changed).len(), 0, "not of each reason in between");
    assert_eq!(outside(&failed, &EffectKind::Closed).len(), 0);
    let restored = Incident { restored: Some(Timestamp(failed.began.0 + 600_000)), ..failed.clone() };
    let over = outside(&restored, &EffectKind::Restored);
    assert!(bytes(&over[0]).contains("恢复：门户网站") && over.len() == 2, "{}", bytes(&over[0]));
    let nobodys = Incident {
        service: Some(Box::new(ServicePart { owner: String::new(), ..*failed.service.clone().unwrap() })),
        ..failed
    };
    assert_eq!(outside(&nobodys, &EffectKind::Announced).len(), 0);
}

#[test]
fn nobody_hears_of_an_end_who_did_not_hear_of_the_beginning() {
    let (incident, mut known) = (incident(&[(0, true), (1, true)]), Told::default());
    let opened = told(&incident, &EffectKind::Announced, Language::En);
    assert!(opened.iter().all(|notice| known.make(notice)));
    assert!(!known.make(&opened[0]), "the same news twice");
    of(&opened, "cm").iter().for_each(|notice| known.left(&notice.key, false));
    let restored = Incident { restored: Some(Timestamp(incident.began.0 + 600_000)), ..incident };
    let ends: Vec<String> = told(&restored, &EffectKind::Restored, Language::En)
        .into_iter()
        .filter(|notice| known.knows(notice))
        .map(|notice| format!("{} {} {}", notice.thread().1, notice.channel, notice.kind.as_str()))
        .collect();
    assert_eq!(ends, ["ct mail restored", "ct sms restored", "noc mail restored", "noc sms restored"]);
}

#[test]
fn ladders_call_by_the_share_of_a_clock_that_is_over() {
    let (inventory, contacts, roster, shipped) = (inventory(12), contacts(), Roster::default(), Letters::default());
    let step = Step { at: Ppm(500_000), to: vec!["project-lead".into()], level: Some(2) };
    let late = Step { at: Ppm(800_000), ..step.clone() };
    let ladder =
        Ladder { id: "l".into(), party: Party::Operator, classes: vec![], steps: vec![step, late], clause: None };
    let ladders = [ladder];
    let facts = Facts { ladders: &ladders, ..fixture::facts(&inventory, &contacts, &roster, &shipped) };
    let incident = incident(&[(0, true)]);
    let clock = incident.clocks[0].clone();
    let at = |minutes: i64, incident: &Incident| {
        let now = Timestamp(clock.started.0 + minutes * 60_000);
        let channels = channels();
        climbed(incident, &clock, Ways { channels: &channels, is_down: &|_| false, facts, now })
    };
    assert_eq!(at(14, &incident).len(), 0);
    let half = at(15, &incident);
    assert_eq!(half.len(), 2);
    assert_eq!(half[0].key, format!("{}/mail/climbed/operator-response-2-50/lead", incident.id));
    assert!(bytes(&half[0]).contains("50 % of response are over"), "{}", bytes(&half[0]));
    assert_eq!((half[0].kind, at(25, &incident).len()), (NoticeKind::Climbed, 4));
    assert_eq!(at(25, &Incident { tier: 3, ..incident }).len(), 0, "only from this level on");
}

#[test]
fn a_ladder_of_one_class_calls_at_once_and_for_that_class_alone() {
    let (inventory, contacts, roster, shipped) = (inventory(12), contacts(), Roster::default(), Letters::default());
    let of_class = |class: &str| {
        let step = Step { at: Ppm(0), to: vec!["project-lead".into()], level: Some(1) };
        let classes = vec![class.to_owned()];
        [Ladder { id: "major".into(), party: Party::Operator, classes, steps: vec![step], clause: None }]
    };
    let called = |class: &str, tier: u8| {
        let ladders = of_class(class);
        let facts = Facts { ladders: &ladders, ..fixture::facts(&inventory, &contacts, &roster, &shipped) };
        let incident = Incident { tier, ..incident(&[(0, true)]) };
        let channels = channels();
        let ways = Ways { channels: &channels, is_down: &|_| false, facts, now: incident.clocks[0].started };
        let of_clock = |clock| climbed(&incident, clock, ways);
        // However many clocks start then, it is one call on each channel: the same key.
        let keys: BTreeSet<_> = incident.clocks.iter().flat_map(of_clock).map(|notice| notice.key).collect();
        keys.into_iter().map(|key| key.replace(&incident.id.to_string(), "ID")).collect::<Vec<_>>()
    };
    assert_eq!(called("link", 1), ["ID/mail/climbed/operator-major/lead", "ID/sms/climbed/operator-major/lead"]);
    assert_eq!(called("link", 2), [""; 0], "not so severe");
    assert_eq!(called("security-event", 1), [""; 0], "another class");
}

#[test]
fn a_contracts_own_template_stands_in_and_a_wrong_one_says_where() {
    let mut own = Letters::default();
    let text = "{{ party }} {{ count }}\n---\n{{ code }}\n---\nown words\n{% include '_circuits' %}";
    own.replace("car0", Language::En, "fault", text).unwrap();
    let [sample, _] = context::samples(Letter::Fault);
    assert!(own.write(Letter::Fault, Language::En, "car0", &sample).unwrap().text.starts_with("own words"));
    assert!(!own.write(Letter::Fault, Language::En, "car1", &sample).unwrap().text.contains("own words"));
    for (text, line) in [("a\n---\nb {{ ", 3), ("a\n---\n\n---\n{{ nothing_of_this_name }}", 5), ("a\n---\nb", 1)] {
        assert_eq!(own.replace("", Language::En, "urge", text).unwrap_err().0, line, "{text}");
    }
}

#[test]
fn a_template_that_could_not_be_written_one_day_is_found_when_it_is_read() {
    let mut own = Letters::default();
    let mut found = |name: &str, text: &str| own.replace("", Language::En, name, text).map_err(|(line, _)| line);
    let (bare, asked) =
        ("a\n---\nb\n---\n{{ step.name }}", "a\n---\nb\n---\nc{% if step %}\n{{ step.name }}{% endif %}");
    for (name, always) in [
        ("fault", false),
        ("test", false),
        ("recovery", false),
        ("correction", false),
        ("urge", false),
        ("information", false),
        ("overdue", true),
        ("escalation", true),
    ] {
        assert_eq!(found(name, bare), if always { Ok(()) } else { Err(5) }, "{name}");
        assert_eq!(found(name, asked), Ok(()), "{name}");
    }
    // In a branch that is taken once a year.
    let rare = "a\n---\nb\n---\nc\n{% if others > 5000 %}\n{{ ohters }}{% endif %}{{ range(3)|length }}";
    assert_eq!(found("fault", rare), Err(7));
    // A part is in letters that know of no step, and the place is in the part.
    assert_eq!(found("_foot", "x\n\n{{ step.name }}"), Err(3));
    assert_eq!(found("_foot", "x\n{{ code }}"), Ok(()));
}

fn breached(agreement: Option<&str>) -> Breach {
    let line = PaperLine {
        link: inventory::fixture::id(0),
        cid: "CID-0-0000".into(),
        a_end: "甲".into(),
        z_end: "乙".into(),
        up: 2_671_199_999,
        degraded: 0,
        down: 7_200_001,
        unknown: 0,
        excluded: 0,
        period: 2_678_400_000,
        unknown_as_down: (2_671_199_999, 2_678_400_000),
        unknown_as_up: (2_671_199_999, 2_678_400_000),
        error_budget_remaining: -4_521_601,
        failures: Some(1),
        sent: 100,
        lost: 1,
        sent_down: 9,
        lost_down: 9,
        unmeasured: 3,
        course: Some(PaperCourse {
            p50: 2_000_000,
            p95: 3_500_000,
            p99: 9_000_000,
            days: 1,
            least: 1_900_000,
            most: 4_000_000,
            rtt: "▁█?".into(),
            loss: ".▂?".into(),
        }),
    };
    let eyes = PaperEyes { witnesses: 2, witnesses_up: 1, clock_is_synchronised: true, clock_error_millis: 12 };
    let paper = Paper {
        carrier: "car0".into(),
        period: "2026-10".into(),
        begins: Timestamp(0),
        ends: Timestamp(1),
        agreement: agreement.map(str::to_owned),
        clause: "第 3 条".into(),
        promised: Ppm(999_000),
        judged: 40,
        met: 38,
        not_provable: 0,
        breached: 2,
        ourselves: Some(eyes),
        lines: vec![line],
    };
    let (id, number) = ("01BREACH".to_owned(), Some("0001号".to_owned()));
    Breach { id, paper, phase: BreachPhase::Sent, number, sealed: None, entries: vec![] }
}

#[test]
fn a_notice_of_a_period_has_its_evidence_and_accuses_nobody_who_promised_nothing() {
    let (inventory, mut own) = (inventory(4), Letters::default());
    let say = |letters: &Letters, agreement, language| {
        breach::written(&breached(agreement), "", language, &inventory, letters).unwrap().text
    };
    for (agreement, accuses) in [(Some("协议 1"), true), (None, false)] {
        let (zh, en) = (say(&own, agreement, Language::ZhCn), say(&own, agreement, Language::En));
        assert_eq!((zh.contains("违约"), en.contains("breach")), (accuses, accuses), "{zh}{en}");
        for part in [
            "7200.001 s",
            "4521.601 s",
            "= 99.7311 %",
            "另有 1 条",
            "▁█?",
            ".▂?",
            "99 % 不超过 9.00 ms",
            "2 个，1 个有应答",
            "误差不超过 12 ms",
            "未测 3",
        ] {
            assert!(zh.contains(part), "{part} in {zh}");
        }
        for part in ["availability", "99.9 %", "1 of 2 witnesses answer", "half within 2.00 ms", "运营商0号"] {
            assert!(en.contains(part), "{part} in {en}");
        }
    }
    let house = "a {{ number }}\n---\nb\n---\n{{ party }}{% if quality and judged > 5 %} in BREACH{% endif %}";
    assert_eq!(own.replace("car0", Language::En, "breach", house), Ok(()), "no sample is so");
    assert_eq!(say(&own, Some("协议 1"), Language::En), "运营商0号\n");
    assert!(say(&own, None, Language::En).starts_with("Quality notice 0001号"), "{}", say(&own, None, Language::En));
    let always = "a\n---\nb\n---\n{{ party }}\nin breach";
    assert_eq!(own.replace("", Language::En, "breach", always).map_err(|(line, _)| line), Err(6));
}

#[test]
fn a_storm_of_all_1631_links_is_one_notice_for_each_recipient_and_channel() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
    let mut findings = crate::diagnostic::Findings::default();
    let whole = Inventory::load(&folder, &mut findings).unwrap();
    let terms = crate::contract::fixture::terms("xuchang");
    let roster = Roster::load(&folder, &terms, &mut findings);
    let contacts = Contacts::load(&folder, &terms, &roster, &whole, &mut findings);
    let mut links: Vec<_> = whole.links.iter().map(|link| (link.id.clone(), true)).collect();
    links.sort();
    assert_eq!(links.len(), 1_631);
    let storm = Incident { links, ..incidents::incident() };
    let shipped = Letters::default();
    let facts = fixture::facts(&whole, &contacts, &roster, &shipped);
    let ways = Ways { channels: &channels(), is_down: &|_| false, facts, now: incidents::AT.utc };
    let notices = letters(&storm, &EffectKind::Announced, ways);
    let mut ways: Vec<_> = notices.iter().map(|notice| (notice.thread().1, notice.channel.as_str())).collect();
    ways.sort_unstable();
    let all = ways.len();
    ways.dedup();
    assert_eq!(ways.len(), all, "nobody is told twice over one channel");
    let of_carrier = |id: &str| of(&notices, id).len();
    assert_eq!((of_carrier("carrier-a-desk"), of_carrier("duty-desk"), of_carrier("U04-desk")), (2, 2, 1));
    let text = bytes(of(&notices, "carrier-a-desk")[0]);
    let (said, evidence) = text.split_once("Evidence:").unwrap();
    assert!(said.lines().count() < 50 && said.contains("more circuits of yours"), "{said}");
    assert_eq!(evidence.matches("availability this month").count(), 20, "{evidence}");
}

#[test]
fn what_nobody_took_is_told_once_a_day_to_the_house() {
    let (inventory, contacts, roster, shipped) = (inventory(2), contacts(), Roster::default(), Letters::default());
    let facts = fixture::facts(&inventory, &contacts, &roster, &shipped);
    let ways = Ways { channels: &channels(), is_down: &|_| false, facts, now: incidents::AT.utc };
    assert_eq!(route::digest("2026-01-01", &[], ways), []);
    let told = route::digest("2026-01-01", &["01J/mail/opened/1/ct".to_owned()], ways);
    let keys: Vec<&str> = told.iter().map(|notice| notice.key.as_str()).collect();
    assert_eq!(keys, ["digest-2026-01-01/mail/dead_letters/1/noc", "digest-2026-01-01/sms/dead_letters/1/noc"]);
    assert!(bytes(&told[0]).contains("nobody took 1 notices: 01J/mail/opened/1/ct"), "{}", bytes(&told[0]));
    let mut known = Told::default();
    assert_eq!([known.make(&told[0]), known.make(&told[0])], [true, false]);
}

fn any_effect() -> impl Strategy<Value = EffectKind> {
    let party = prop_oneof![Just("carrier/car0"), Just("carrier/car1"), Just("operator")].prop_map(str::to_owned);
    party.prop_flat_map(|party| {
        prop_oneof![
            Just(EffectKind::Announced),
            Just(EffectKind::Changed),
            Just(EffectKind::Restored),
            Just(EffectKind::Relapsed),
            Just(EffectKind::Annulled),
            Just(EffectKind::PromiseDue { party: party.clone() }),
            Just(EffectKind::Unanswered { party: party.clone() }),
            Just(EffectKind::Overdue { clock: "restore".into(), tier: 2, party }),
        ]
    })
}

proptest! {
    /// Carrier A never reads carrier B: no circuit, end, unit, address or name of another stands in any outgoing byte.
    #[test]
    fn nothing_foreign_stands_in_what_leaves_the_house(
        down in proptest::collection::btree_map(0_usize..12, any::<bool>(), 1..12),
        effect in any_effect(),
        power in any::<bool>(),
        zh in any::<bool>(),
    ) {
        let links: Vec<_> = down.into_iter().collect();
        let mut incident = Incident { unit_power_suspected: power, ..incident(&links) };
        for carrier in ["carrier/car0", "carrier/car1"] {
            let clock = crate::incident::Clock { party: carrier.into(), ..incident.clocks[1].clone() };
            incident.clocks.push(clock);
        }
        let whole = inventory(12);
        let language = if zh { Language::ZhCn } else { Language::En };
        for notice in told(&incident, &effect, language).iter().filter(|notice| !notice.party.is_empty()) {
            let said = bytes(notice);
            let is_own = |link: &&inventory::Link| match notice.party.split_once('/').unwrap() {
                ("carrier", id) => whole.carriers[link.carrier.at()].id == id,
                (_, id) => whole.units[link.unit.at()].id == id,
            };
            for link in whole.links.iter().filter(|link| !is_own(link)) {
                let id: &LinkId = &link.id;
                for foreign in [id.as_str(), &link.cid, &link.z_end] {
                    prop_assert!(!said.contains(foreign), "{foreign} in what {} reads:\n{said}", notice.party);
                }
            }
            let other = if notice.party == "carrier/car0" { "运营商1号" } else { "运营商0号" };
            prop_assert!(!said.contains(other), "{said}");
            let units = whole.units.iter().enumerate();
            let own: Vec<usize> = whole.links.iter().filter(is_own).map(|link| link.unit.at()).collect();
            for (_, unit) in units.filter(|(nth, _)| !own.contains(nth)) {
                prop_assert!(!said.contains(&unit.id) && !said.contains(&unit.name), "{said}");
            }
            prop_assert!(!said.contains("198.18."), "addresses stay inside: {said}");
            prop_assert!(!said.contains("示例管道") && !said.contains("duct-017"), "{said}");
        }
    }
}

#[test]
fn a_warning_is_read_by_the_operator_whole_and_by_a_unit_as_far_as_it_is_its_own() {
    let (inventory, contacts, roster, letters_) = (inventory(12), contacts(), Roster::default(), Letters::default());
    let facts = fixture::facts(&inventory, &contacts, &roster, &letters_);
    let [mail, mut sms] = channels();
    sms.to = [("duty".to_owned(), "13800000009".to_owned())].into();
    let stood_in = Channel { next: Some("sms".to_owned()), ..mail };
    let channels = [stood_in, sms, Channel::to_machine("desk", ChannelKind::Webhook)];
    let warned = |id: &str, owner: &str, over| Warned {
        what: "register_expiring".into(),
        id: id.into(),
        name: format!("示例{id}"),
        url: String::new(),
        owner: owner.into(),
        over,
        ends: Some(Timestamp(incidents::AT.utc.0 + 86_400_000 * 7)),
        rung: Some(7),
        proof: Proof::default(),
    };
    let over = (warned("X-9", "UNIT1", true), [("sms/u2".to_owned(), 1)].into());
    let look = Look { due: vec![warned("X-1", "UNIT1", false), warned("X-2", "UNIT2", false)], over: vec![over] };
    let ways = Ways { channels: &channels, is_down: &|_| false, facts, now: incidents::AT.utc };
    let mut told = warning::warnings(&look, ways);
    let said = |notice: &Notice| {
        let text = notice.message.as_ref().map(|message| message.text.clone()).unwrap_or_default();
        let ids: Vec<&str> = ["X-1", "X-2", "X-9"].into_iter().filter(|id| text.contains(*id)).collect();
        format!("{}/{} {} {}", notice.channel, notice.thread().1, notice.party, ids.join(" "))
    };
    let all: Vec<String> = told.iter().map(said).collect();
    // SMS only stands in for mail, but who heard over it hears the end over it.
    assert_eq!(all, ["desk/  ", "mail/noc  X-1 X-2", "mail/u2 unit/UNIT2 X-2", "sms/u2 unit/UNIT2 X-9"]);
    let Subject::Warnings(machine) = &told[0].subject else { panic!("no warnings") };
    assert_eq!(machine.len(), 2);
    let mail = told.remove(1).message.unwrap();
    assert!(mail.text.contains("示例X-1: ends ") && mail.text.contains("7 days are left"), "{}", mail.text);
    assert!(mail.subject.contains("示例X-1") && mail.subject.contains("and 1 more"), "{}", mail.subject);
}
