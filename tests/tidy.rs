//! Holds the code to its architecture, which the compiler does not check: who may name whom, which stages are pure,
//! and how files look (docs/architecture.md, "Module direction").
//!
//! The tables below are the architecture. Change them when the design changes, in the same commit.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Open to every module.
const OPEN_TO_ALL: [&str; 4] = ["clock", "diagnostic", "text", "units"];

/// What each module may name besides those: nothing points back along the pipeline. `*`: all of them.
const MAY_NAME: [(&str, &str); 29] = [
    ("units", ""),
    ("clock", ""),
    ("diagnostic", ""),
    ("text", ""),
    ("config", ""),
    ("inventory", ""),
    ("contract", "inventory"),
    ("profile", "inventory contract"),
    ("schedule", "profile inventory config"),
    ("sample", "profile inventory"),
    ("probe", "schedule sample profile inventory"),
    ("window", "sample"),
    ("judge", "window sample contract profile inventory"),
    ("command", "inventory contract"),
    ("incident", "command judge contract inventory"),
    ("ledger", "incident command judge window contract inventory"),
    ("duty", "ledger incident command contract inventory"),
    ("journal", "incident command judge contract inventory"),
    ("notify", "duty ledger incident command judge window contract inventory config"),
    ("snapshot", "notify ledger incident judge window sample profile contract inventory duty"),
    ("feed", "snapshot"),
    ("export", "snapshot ledger incident judge window sample contract inventory duty"),
    ("store", "journal notify ledger incident window sample command inventory duty"),
    (
        "api",
        "probe profile sample export feed snapshot notify ledger incident judge window contract inventory command config duty",
    ),
    (
        "patrol",
        "config inventory contract profile schedule sample probe window judge command incident ledger duty journal \
         notify snapshot feed export store api push",
    ),
    ("push", "export feed snapshot notify config"),
    ("demo", "*"),
    (
        "simulate",
        "config inventory contract profile schedule sample probe window judge command incident ledger notify store patrol",
    ),
    ("cli", "*"),
];

/// Stages that are plain functions of their arguments: no clock, socket, disk, process or randomness.
const PURE: [&str; 16] = [
    "units",
    "diagnostic",
    "text",
    "inventory",
    "contract",
    "profile",
    "schedule",
    "sample",
    "window",
    "judge",
    "command",
    "incident",
    "ledger",
    "duty",
    "journal",
    "snapshot",
];

/// Files of otherwise pure stages that read what people wrote, and nothing else of the outside.
const READERS: [&str; 5] = [
    "src/diagnostic/source.rs",
    "src/judge/rule/read.rs",
    "src/profile/read.rs",
    "src/profile/module/files.rs",
    "src/notify/letter/read.rs",
];

/// Words that mean the outside world, and what to do instead.
const OUTSIDE: [(&str, &str); 17] = [
    ("Instant::now", "time is handed in as `units::Now`; `patrol` reads the clock"),
    ("time::Instant", "time is handed in as `units::Now`; `patrol` reads the clock"),
    ("SystemTime", "time is handed in as `units::Now`; `patrol` reads the clock"),
    ("crate::clock", "time is handed in as `units::Now`; `patrol` reads the clock"),
    ("tokio", "asynchronous work belongs to `api` and `notify::channels`"),
    ("socket2", "sockets belong to `probe`"),
    ("unsafe", "system calls belong to `probe`, `clock` and `store`"),
    ("UdpSocket", "sockets belong to `probe`"),
    ("TcpStream", "sockets belong to `probe`, `api` and `notify::channels`"),
    ("TcpListener", "sockets belong to `api`"),
    ("std::fs", "files are read by the stage's reader (READERS in tests/tidy.rs) and written by `store`"),
    ("fs::", "files are read by the stage's reader (READERS in tests/tidy.rs) and written by `store`"),
    ("std::process", "processes belong to `cli`"),
    ("std::env", "the environment is read by `cli` and `config`"),
    ("std::thread", "threads belong to `patrol`, `probe` and `store`"),
    ("thread_rng", "randomness is handed in as a seed"),
    ("rand::rng", "randomness is handed in as a seed"),
];

/// Longest file: beyond it a split along the domain reads better.
const MOST_LINES: usize = 700;

#[test]
fn modules_name_only_what_stands_before_them() {
    let mut findings = vec![];
    for file in rust_files("src") {
        let Some(module) = file.module() else { continue };
        let Some(allowed) = may_name(&module) else {
            findings.push(format!(
                "{}: module `{module}` is not in MAY_NAME of tests/tidy.rs: say there what it may name",
                file.name
            ));
            continue;
        };
        for (line, code) in numbered(&file.code) {
            if code.contains("super::super") {
                findings
                    .push(format!("{}:{line}: `super::super` hides the module's name: write `crate::…`", file.name));
            }
        }
        for (line, named) in file.named_modules() {
            let fine = named == module || OPEN_TO_ALL.contains(&named.as_str()) || allowed.contains(named.as_str());
            if !fine && may_name(&named).is_some() {
                findings.push(format!("{}:{line}: {}", file.name, advice(&module, &named)));
            }
        }
    }
    report(findings);
}

#[test]
fn pure_stages_touch_nothing_outside() {
    let mut findings = vec![];
    for file in rust_files("src") {
        let pure_notify = file.name.starts_with("src/notify/") && !file.name.starts_with("src/notify/channels");
        let pure = file.module().is_some_and(|module| PURE.contains(&module.as_str())) || pure_notify;
        if !pure {
            continue;
        }
        let reader = READERS.contains(&file.name.as_str());
        for (line, code) in numbered(file.product()) {
            for (word, instead) in OUTSIDE.iter().filter(|(word, _)| !(reader && word.contains("fs"))) {
                if has_word(code, word) {
                    findings.push(format!("{}:{line}: `{word}` in a pure stage: {instead}", file.name));
                }
            }
        }
    }
    report(findings);
}

#[test]
fn files_open_with_what_they_are_for_and_stay_readable() {
    let mut findings = vec![];
    for file in ["src", "tests", "benches"].into_iter().flat_map(rust_files) {
        if !file.text.starts_with("//!") && !file.is_tests() {
            findings.push(format!("{}:1: starts without a `//!` header: say what it is for", file.name));
        }
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            findings.push(format!("{}: {lines} lines, more than {MOST_LINES}: split it along the domain", file.name));
        }
    }
    report(findings);
}

#[test]
fn nothing_unfinished_or_silenced_lands() {
    // Put together here, so that this file does not find itself.
    let unfinished = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let mut findings = vec![];
    for file in ["src", "tests", "benches"].into_iter().flat_map(rust_files) {
        for (line, code) in numbered(&file.code) {
            for word in unfinished.iter().filter(|word| code.contains(word.as_str())) {
                findings.push(format!("{}:{line}: `{word}…)` must not land", file.name));
            }
            if code.contains("#[allow(") || code.contains("#![allow(") {
                findings.push(format!("{}:{line}: silence a lint with `#[expect(…, reason = \"…\")]`", file.name));
            }
            if code.contains("#[ignore]") {
                findings.push(format!("{}:{line}: an ignored test says why: `#[ignore = \"…\"]`", file.name));
            }
        }
    }
    report(findings);
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut findings = vec![];
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document that was just listed");
        let folder = document.parent().unwrap_or(Path::new("")).to_path_buf();
        for (number, line) in text.lines().enumerate() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let path = target.split('#').next().unwrap_or_default();
                let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
                if !elsewhere && !folder.join(path).exists() {
                    findings.push(format!("{}:{}: no file {path}", shown(&document), number + 1));
                }
            }
        }
    }
    report(findings);
}

#[test]
fn metrics_named_in_the_documents_exist() {
    let sources: String = rust_files("src").into_iter().map(|file| file.text).collect();
    let mut findings = vec![];
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document that was just listed");
        for (start, prefix) in text.match_indices("linkpatrol_") {
            let name = identifier(&text[start..]);
            let family =
                ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            if name != prefix && !sources.contains(&format!("\"{family}")) && !sources.contains(&format!("\"{name}")) {
                findings.push(format!("{}: no metric {name}", shown(&document)));
            }
        }
    }
    report(findings);
}

/// Pages that operators read in Chinese, and the English ones that they say again.
const BOTH_LANGUAGES: [(&str, &str); 3] = [
    ("README.md", "README.zh-CN.md"),
    ("docs/install.md", "docs/zh-CN/install.md"),
    ("docs/operations.md", "docs/zh-CN/operations.md"),
];

#[test]
fn both_languages_have_the_same_headings_and_commands() {
    let mut findings = vec![];
    for (english, chinese) in BOTH_LANGUAGES {
        let read = |name: &str| fs::read_to_string(root().join(name)).expect("a page of both languages");
        let (one, other) = (skeleton(&read(english)), skeleton(&read(chinese)));
        let differ = one.iter().zip(&other).position(|(one, other)| one != other);
        if let Some(place) = differ.or((one.len() != other.len()).then_some(one.len().min(other.len()))) {
            let said = |lines: &[String]| lines.get(place).cloned().unwrap_or_else(|| "(the end)".to_owned());
            findings.push(format!("{english} goes on with `{}`, {chinese} with `{}`", said(&one), said(&other)));
        }
    }
    report(findings);
}

/// What two languages of a page share: the levels of its headings, names of alerts, and every command, in order. Recorded
/// sessions are not commands.
fn skeleton(page: &str) -> Vec<String> {
    let (mut lines, mut fenced, mut recorded) = (vec![], false, false);
    for line in page.lines() {
        if line.starts_with("<!-- capture") {
            recorded = !recorded;
        } else if line.starts_with("```") {
            fenced = !fenced;
        } else if recorded {
        } else if fenced {
            let command = line.split("  #").next().unwrap_or_default().trim();
            lines.extend((!command.is_empty()).then(|| command.to_owned()));
        } else if let Some(heading) = line.strip_prefix('#') {
            let level = heading.trim_start_matches('#');
            let alert = if level.trim().starts_with("Linkpatrol") { level } else { "" };
            lines.push(format!("#{}{alert}", "#".repeat(heading.len() - level.len())));
        } else {
            lines.extend(commands(line));
        }
    }
    lines
}

/// Code in a line of prose that begins with a program's name.
fn commands(line: &str) -> Vec<String> {
    let code = line.split('`').skip(1).step_by(2);
    let is_command =
        |code: &&str| code.split(' ').count() > 1 && PROGRAMS.contains(&code.split(' ').next().unwrap_or_default());
    code.filter(is_command).map(str::to_owned).collect()
}

const PROGRAMS: [&str; 8] =
    ["linkpatrol", "systemctl", "cargo", "curl", "dpkg", "promtool", "journalctl", "systemd-analyze"];

/// One source file, with its name from the root of the repository.
struct Source {
    name: String,
    text: String,
    /// `text` with comments and the inside of literals blanked; lines stay where they are.
    code: String,
}

impl Source {
    /// Top-level module that the file belongs to; `None` for lib.rs and main.rs, which name everything.
    fn module(&self) -> Option<String> {
        let path = self.name.strip_prefix("src/")?;
        let first = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
        (!["lib", "main"].contains(&first)).then(|| first.to_owned())
    }

    /// Code without the unit tests, which stand last or in a `tests.rs`, and may use any stage, files and threads.
    fn product(&self) -> &str {
        if self.is_tests() {
            return "";
        }
        self.code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
    }

    fn is_tests(&self) -> bool {
        self.name.starts_with("src/") && self.name.ends_with("/tests.rs")
    }

    /// Every top-level module that a `crate::` path names, in `use` or inline, with its line.
    fn named_modules(&self) -> Vec<(usize, String)> {
        let (code, mut named) = (self.product(), vec![]);
        for (start, path) in code.match_indices("crate::") {
            let line = code[..start].matches('\n').count() + 1;
            let rest = &code[start + path.len()..];
            match rest.strip_prefix('{') {
                Some(group) => named.extend(group_heads(group).into_iter().map(|(down, head)| (line + down, head))),
                None => named.push((line, identifier(rest).to_owned())),
            }
        }
        named
    }
}

/// Lines as editors count them.
fn numbered(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// First names inside `use crate::{…}`, with how many lines below the brace each stands.
fn group_heads(group: &str) -> Vec<(usize, String)> {
    let (mut depth, mut expects, mut heads) = (0_usize, true, vec![]);
    for (place, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expects = true,
            _ if expects && !character.is_whitespace() => {
                heads.push((group[..place].matches('\n').count(), identifier(&group[place..]).to_owned()));
                expects = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> &str {
    let end = text.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(text.len());
    &text[..end]
}

/// Whether `word` stands in `code` and does not just end a longer name.
fn has_word(code: &str, word: &str) -> bool {
    let part = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back().is_some_and(part);
        let after = !word.ends_with(':') && code[start + word.len()..].chars().next().is_some_and(part);
        !before && !after
    })
}

fn may_name(module: &str) -> Option<BTreeSet<&'static str>> {
    let (_, allowed) = MAY_NAME.iter().find(|(name, _)| *name == module)?;
    Some(match *allowed {
        "*" => MAY_NAME.iter().map(|(name, _)| *name).collect(),
        names => names.split_whitespace().collect(),
    })
}

/// Where code that needs both modules belongs.
fn advice(module: &str, named: &str) -> String {
    let both = |name: &str| may_name(name).is_some_and(|set| set.contains(module) && set.contains(named));
    let homes: Vec<&str> = MAY_NAME.iter().map(|(name, _)| *name).filter(|name| both(name)).collect();
    let allowed = may_name(module).unwrap_or_default().into_iter().collect::<Vec<_>>().join(", ");
    let allowed = if allowed.is_empty() { "no other stage".to_owned() } else { allowed };
    format!(
        "`{module}` may not name `{named}` (it may name {allowed}); hand the value in as an argument, or move this code \
         to a module that may name both: {}",
        homes.join(", ")
    )
}

/// Blanks comments and the inside of literals, so that words in prose are not taken for code.
fn blanked(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), text.as_bytes().to_vec(), 0);
    while at < bytes.len() {
        let end = match &bytes[at..] {
            [b'/', b'/', ..] => find(bytes, at, b"\n").unwrap_or(bytes.len()),
            [b'/', b'*', ..] => find(bytes, at, b"*/").map_or(bytes.len(), |end| end + 2),
            [b'r', b'"' | b'#', ..]
                if !at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric()) =>
            {
                raw_string_end(bytes, at)
            }
            [b'"', ..] => quoted_end(bytes, at),
            // A character literal, not a lifetime.
            [b'\'', b'\\', ..] => find(bytes, at + 3, b"'").map_or(bytes.len(), |end| end + 1),
            [b'\'', _, b'\'', ..] => at + 3,
            _ => at,
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    bytes.get(from..)?.windows(what.len()).position(|window| window == what).map(|place| from + place)
}

/// End of the raw string at `at`; `at` itself when it is a raw identifier instead.
fn raw_string_end(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return at;
    }
    let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    find(bytes, at + 2 + hashes, &close).map_or(bytes.len(), |end| end + close.len())
}

fn quoted_end(bytes: &[u8], at: usize) -> usize {
    let mut place = at + 1;
    while place < bytes.len() && bytes[place] != b'"' {
        place += if bytes[place] == b'\\' { 2 } else { 1 };
    }
    (place + 1).min(bytes.len())
}

fn rust_files(folder: &str) -> Vec<Source> {
    let mut sources: Vec<Source> = files_below(&root().join(folder))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file that was just listed");
            Source { name: shown(&path), code: blanked(&text), text }
        })
        .collect();
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    sources
}

fn documents() -> Vec<PathBuf> {
    let markdown = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let top = fs::read_dir(root()).expect("the root of the repository").flatten().map(|entry| entry.path());
    top.chain(files_below(&root().join("docs"))).filter(markdown).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    entries
        .flatten()
        .map(|entry| entry.path())
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn report(findings: Vec<String>) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn the_scanner_sees_code_and_not_prose() {
    let text = "//! crate::api\nuse crate::{\n    judge::{A, b},\n    store,\n};\nlet x = \"crate::cli\"; crate::demo::run::<'a>();";
    let source = Source { name: "src/judge/x.rs".into(), text: text.into(), code: blanked(text) };
    let named = source.named_modules();
    assert_eq!(named, [(3, "judge".to_owned()), (4, "store".to_owned()), (6, "demo".to_owned())]);
    assert!(!has_word("let instant = Instantly", "Instant") && has_word("std::time::Instant;", "Instant"));
    assert!(!has_word("offs::x", "fs::") && has_word("fs::read(path)", "fs::"));
    assert!(advice("judge", "store").ends_with("both: patrol, demo, simulate, cli"));
}
