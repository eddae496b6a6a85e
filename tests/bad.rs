//! One wrong file per rule beside the exact text that it prints: `tests/bad/<case>.<file>` takes the place of `<file>` in
//! the small good set of `tests/bad/good`, and `tests/bad/<case>.txt` says what `linkpatrol check` then finds.
//!
//! `BLESS=1 cargo test --test bad` writes the texts anew; read the difference before you commit it.

#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use linkpatrol::{
    diagnostic::{Code, Diagnostic},
    patrol::load,
    text::Language,
};

/// Codes that no small file that `check` reads can cause; unit tests hold them.
const WITHOUT_A_CASE: [Code; 3] = [Code::MORE_FINDINGS, Code::BAD_SERIES, Code::CONTACT_CHANNEL];

#[test]
fn each_wrong_file_prints_just_its_text() {
    let (mut differing, mut seen) = (vec![], BTreeSet::new());
    for (case, file) in cases() {
        let found = Found::in_case(&case, &file);
        assert!(!found.findings.is_empty(), "{case}: nothing was found");
        seen.extend(found.findings.iter().map(|finding| finding.code));
        let (text, expected) = (found.print(Language::En), folder().join(format!("{case}.txt")));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &text).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != text {
            differing.push(format!("{case}:\n{text}"));
        }
    }
    assert!(differing.is_empty(), "not as in tests/bad:\n{}", differing.join("\n"));
    // Stories of the simulated city (18) and what `import` is given (25) are not among these files: `demo` tests its own,
    // and tests/stories/s74_import.rs drives `import`.
    let ours = Code::ALL.iter().filter(|code| ![18, 25].contains(&(code.0 / 100)) && !WITHOUT_A_CASE.contains(code));
    let missing: Vec<_> = ours.filter(|code| !seen.contains(code)).collect();
    assert!(missing.is_empty(), "no case in tests/bad causes {missing:?}");
}

#[test]
fn the_good_set_has_no_findings() {
    assert_eq!(Found::in_case("good", "inventory.yaml").print(Language::En), "");
}

#[test]
fn people_read_chinese_by_default() {
    insta::assert_snapshot!(Found::in_case("wrong-values", "icmp.yaml").print(Language::default()));
}

#[test]
fn the_page_of_codes_explains_each_code_with_a_text_that_is_printed() {
    let page = fs::read_to_string(folder().join("../../docs/diagnostics.md")).unwrap();
    let explained: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### ")?.split_once(':')).map(|(code, _)| code).collect();
    let all: Vec<String> = Code::ALL.iter().map(Code::to_string).collect();
    assert_eq!(explained, all, "docs/diagnostics.md against src/diagnostic/code.rs");
    let texts = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let texts = texts.filter(|file| file.extension().is_some_and(|extension| extension == "txt"));
    // Stories of the simulated city are wrong in a test of their own.
    let story =
        folder().join("../../src/demo/snapshots/linkpatrol__demo__story__tests__a_wrong_story_names_every_place.snap");
    let printed: String = texts.chain([story]).map(|file| fs::read_to_string(file).unwrap()).collect();
    // The first example shows the form of a finding; the others are real.
    for example in page.split("```text\n").skip(2).filter_map(|rest| rest.split("```").next()) {
        assert!(printed.contains(example), "tests/bad prints no such text:\n{example}");
    }
}

/// Name of the case and of the file that it replaces.
fn cases() -> Vec<(String, String)> {
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let cases = names.filter_map(|name| name.split_once('.').map(|(case, file)| (case.to_owned(), file.to_owned())));
    let mut cases: Vec<_> = cases.filter(|(_, file)| file != "txt").collect();
    cases.sort();
    cases
}

/// Everything found in the good set with one file replaced.
struct Found {
    set: tempfile::TempDir,
    findings: Vec<Diagnostic>,
}

impl Found {
    fn in_case(case: &str, file: &str) -> Self {
        let set = tempfile::tempdir().unwrap();
        for part in [
            "linkpatrol",
            "web",
            "modules",
            "inventory",
            "carriers",
            "units",
            "segments",
            "contract",
            "holidays",
            "icmp",
        ] {
            let part = home(&format!("{part}.yaml"));
            place(&folder().join("good").join(&part), &set.path().join(part));
        }
        place(&folder().join("good/inventory/links.csv"), &set.path().join("inventory/links.csv"));
        let wrong = folder().join(format!("{case}.{file}"));
        if wrong.exists() {
            place(&wrong, &set.path().join(home(file)));
        }
        let findings = load::from_file(Some(&set.path().join("linkpatrol.yaml"))).1;
        Self { set, findings }
    }

    /// As `check` prints it, with paths relative to the set.
    fn print(&self, language: Language) -> String {
        let text: String = self.findings.iter().map(|finding| finding.print(language) + "\n").collect();
        text.replace(&format!("{}/", self.set.path().display()), "")
    }
}

/// Where a file of this name lives in the set.
fn home(file: &str) -> PathBuf {
    match file {
        "linkpatrol.yaml" | "web.yaml" | "modules.yaml" => file.into(),
        "inventory.yaml" | "carriers.yaml" | "units.yaml" | "segments.yaml" | "contract.yaml" | "holidays.yaml"
        | "agreements.yaml" | "rounds.yaml" | "roster.yaml" | "contacts.yaml" | "devices.yaml" | "services.yaml"
        | "sites.yaml" | "requirements.csv" | "links.csv" | "expiry.csv" | "exchange.csv" | "online.csv" => {
            Path::new("inventory").join(file)
        }
        "fault.txt" | "falt.txt" | "breach.txt" => Path::new("inventory/letters/en").join(file),
        "rules.yaml" => Path::new("inventory/rules").join(file),
        profile => Path::new("probes").join(profile),
    }
}

fn place(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}
