//! The shipped contracts against the tables of their documents: `figures.csv` has what the tables say rule by rule,
//! `rows.csv` the tightest clock of each requirement. And against the code, in which no figure of a contract may stand.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use linkpatrol::{
    contract::{
        Bound, Class, Clock, Objective, Quantity, Target, Terms,
        words::{ClockKind, Measure, Source, TargetKind},
    },
    diagnostic::Findings,
    units::Ppm,
};

const SHIPPED: [&str; 4] = ["xuchang", "beijing-civil-affairs", "sichuan-courts", "xinjiang-credentials"];

fn terms(name: &str) -> Terms {
    let mut findings = Findings::default();
    let terms = Terms::load(&root().join("inventories").join(name), &mut findings);
    let findings = findings.into_sorted();
    assert!(findings.is_empty(), "{findings:?}");
    terms.expect("without a finding there are terms")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table(name: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_path(root().join("tests/contracts").join(name)).expect("a table");
    reader.records().map(|row| row.expect("a row")).collect()
}

fn classes(terms: &Terms) -> impl Iterator<Item = &Class> {
    terms.classes.iter().chain(&terms.overrides)
}

/// Every rule of a contract with a figure: its name, the figure and the clause.
fn rules(terms: &Terms) -> Vec<[String; 3]> {
    let clock = |class: &Class, tier: &str, clock: &Clock| {
        let figure = if clock.strict { format!("< {}", clock.written) } else { clock.written.clone() };
        [format!("{}.{tier}.{}", class.id, clock.kind.as_str()), figure, clock.clause.clone()]
    };
    let clocks = classes(terms).flat_map(|class| {
        class.tiers.iter().flat_map(move |tier| tier.clocks.iter().map(move |one| clock(class, &tier.id, one)))
    });
    let objective = |one: &Objective| [one.id.clone(), one.bound.to_string(), one.clause.clone()];
    clocks.chain(terms.objectives.iter().map(objective)).collect()
}

#[test]
fn each_figure_of_the_tables_stands_in_the_data_with_its_clause() {
    let table = table("figures.csv");
    let mut missing = vec![];
    for name in SHIPPED {
        let mut rules = rules(&terms(name));
        for row in table.iter().filter(|row| &row[0] == name) {
            let wanted = [row[1].to_owned(), row[2].to_owned(), row[3].to_owned()];
            match rules.iter().position(|rule| *rule == wanted) {
                // Once each: two clauses with the same figure are two clocks.
                Some(at) => drop(rules.swap_remove(at)),
                None => missing.push(format!("{name}: {wanted:?}")),
            }
        }
    }
    assert!(missing.is_empty(), "not in the data:\n{}", missing.join("\n"));
    assert!(table.len() > 170, "only {} figures", table.len());
}

#[test]
fn each_requirement_has_the_tightest_clocks_of_its_row() {
    let table = table("rows.csv");
    let mut missing = vec![];
    for name in SHIPPED {
        let terms = terms(name);
        for row in table.iter().filter(|row| &row[0] == name) {
            let service = terms.services.iter().find(|service| service.id == row[1]);
            let target = service.unwrap_or_else(|| panic!("{name} has no {}", &row[1])).target();
            let clocks: Vec<&Clock> = terms
                .classes_of(&target)
                .into_iter()
                .flat_map(|class| class.tiers.iter().flat_map(|tier| &tier.clocks))
                .collect();
            let within = |kinds: &[ClockKind], minutes: &str| {
                let limit = minutes.parse().map(|minutes: u64| Duration::from_secs(minutes * 60));
                minutes.is_empty()
                    || clocks.iter().any(|one| kinds.contains(&one.kind) && one.length() == limit.clone().ok())
            };
            let holds = within(&[ClockKind::Response, ClockKind::Diagnosis], &row[2])
                && within(&[ClockKind::Restore, ClockKind::DataRestore, ClockKind::DeviceSwap], &row[3])
                && within(&[ClockKind::Report], &row[4])
                && promises(&terms, &target, Measure::Availability, &row[5])
                && (promises(&terms, &target, Measure::Rtt, &row[6])
                    || promises(&terms, &target, Measure::ResponseTime, &row[6]));
            if !holds {
                missing.push(format!("{name} {row:?}"));
            }
        }
    }
    assert!(missing.is_empty(), "not in the data:\n{}", missing.join("\n"));
    assert!(table.len() > 200, "only {} rows", table.len());
}

fn promises(terms: &Terms, target: &Target<'_>, measure: Measure, figure: &str) -> bool {
    let objectives = terms.objectives_of(target);
    figure.is_empty()
        || objectives.iter().filter(|one| one.measure == measure).any(|one| match one.bound {
            Bound::AtLeast(Quantity::Share(share)) => Some(share) == Ppm::parse_percent(figure),
            Bound::AtMost(Quantity::Time(time)) => figure.parse().is_ok_and(|wanted: u128| time.as_millis() == wanted),
            _ => false,
        })
}

#[test]
fn no_clause_of_one_requirement_is_used_for_another() {
    for name in SHIPPED {
        let terms = terms(name);
        for service in &terms.services {
            let target = service.target();
            let kinds = [target.kind, TargetKind::Device, TargetKind::Security, TargetKind::Request];
            for kind in kinds {
                let target = Target { kind, ..target };
                for class in &terms.overrides {
                    let named = &class.applies.requirements;
                    let own = named.contains(&service.id) || named.contains(&service.requirement);
                    let general = named.is_empty() && !class.applies.targets.is_empty();
                    assert!(!class.applies.covers(&target) || own || general, "{name}: {} on {}", class.id, service.id);
                }
            }
        }
    }
}

#[test]
fn what_no_probe_can_know_is_never_a_measurement() {
    let blind = [Measure::SpareCoverage, Measure::LogRetention, Measure::Capacity, Measure::Closed];
    for name in SHIPPED {
        let terms = terms(name);
        for objective in terms.objectives.iter().filter(|objective| blind.contains(&objective.measure)) {
            assert_eq!(objective.source, Source::ByHand, "{name}: {}", objective.id);
        }
        assert!(terms.by_hand.len() >= 6, "{name}");
    }
    let xuchang = terms("xuchang");
    for wanted in ["spares", "firmware", "network-logs"] {
        assert!(xuchang.by_hand.iter().any(|evidence| evidence.id == wanted), "{wanted}");
    }
}

#[test]
fn each_switch_says_what_it_asks_and_what_holds_until_it_is_answered() {
    for name in SHIPPED {
        for switch in &terms(name).switches {
            assert!(!switch.question.zh.is_empty() && !switch.question.en.is_empty(), "{name}: {}", switch.id);
            assert_eq!(switch.value(), switch.default, "{name}: {} is answered, and no clause says so", switch.id);
        }
    }
}

/// Lengths of time and shares in the product's code that are no figure of a contract: file, line, and why.
const OURS: [(&str, &str, &str); 8] = [
    ("src/contract/terms.rs", "*at < Ppm(1_000_000)", "before the end of a clock"),
    ("src/ledger/quality.rs", "None, Ppm(0)", "nobody bets on another point: no alarm"),
    ("src/contract/links.rs", "Ppm(1_000_000)", "all of the links, where a tier has no share"),
    ("src/contract/links.rs", "availability: Ppm(0)", "a folder without links promises nothing of them"),
    ("src/contract/mod.rs", "confidence: Ppm(", "how sure statistics must be, where the contract does not say"),
    ("src/contract/assessment/score.rs", "Ppm(0)", "nothing withheld, where no band holds"),
    ("src/incident/answers.rs", "const RETEST", "how long links are tested again after a claim that they work"),
    (
        "src/contract/links.rs",
        ": Duration = Duration::",
        "grouping, where a contract was written before it could be said",
    ),
];

#[test]
fn no_figure_of_a_contract_stands_in_the_code() {
    let mut findings = vec![];
    for module in ["contract", "incident", "ledger"] {
        for file in rust_files(&root().join("src").join(module)) {
            let name = file.strip_prefix(root()).expect("below the root").display().to_string();
            let text = fs::read_to_string(&file).expect("a source file");
            let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let tests = name.ends_with("tests.rs") || name.ends_with("fixture.rs");
            if tests {
                continue;
            }
            for (number, line) in product.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
                let literal = |after: &str| {
                    let rest = line.split(after).skip(1);
                    rest.filter_map(|rest| rest.chars().next()).any(|first| first.is_ascii_digit())
                };
                let words = ["Duration::from_secs(", "Duration::from_millis(", "Duration::from_mins(", "Ppm("];
                let ours = OURS.iter().any(|(file, part, _)| *file == name && line.contains(part));
                if !ours && words.iter().any(|word| literal(word)) {
                    findings.push(format!("{name}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(
        findings.is_empty(),
        "a figure belongs into contract.yaml, or into OURS with its reason:\n{}",
        findings.join("\n")
    );
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false => files.extend(Some(path).filter(|path| path.extension().is_some_and(|end| end == "rs"))),
        }
    }
    files.sort();
    files
}
