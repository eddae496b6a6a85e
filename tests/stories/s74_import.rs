//! Ledgers that go out and come in: the shipped city makes the round trip to the byte in every encoding, changes are
//! planned, checked with all other files and taken whole or not at all, and hostile files only cause findings.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};

use crate::harness::{linkpatrol, root, words};

/// The shipped city in a folder of its own.
pub struct City {
    folder: tempfile::TempDir,
}

impl City {
    pub fn copy() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the city");
        for part in ["xuchang", "xuchang/rules", "calendars"] {
            let (from, to) = (root().join("inventories").join(part), folder.path().join(part));
            fs::create_dir_all(&to).expect("a folder");
            for entry in fs::read_dir(from).expect("a shipped folder").flatten().filter(|entry| entry.path().is_file())
            {
                fs::copy(entry.path(), to.join(entry.file_name())).expect("a shipped file");
            }
        }
        let config = format!("inventory: xuchang\nprobes: {}\nlanguage: en\n", root().join("probes").display());
        fs::write(folder.path().join("linkpatrol.yaml"), config).expect("the configuration");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ledger(&self) -> Vec<u8> {
        fs::read(self.path("xuchang/links.csv")).expect("the ledger")
    }

    /// The rows of the ledger with these ids, in order of the file, under its headings.
    fn rows(&self, ids: &[&str]) -> String {
        let text = String::from_utf8(self.ledger()).expect("UTF-8");
        let rows = text
            .lines()
            .enumerate()
            .filter(|(nth, line)| *nth == 0 || ids.contains(&line.split(',').next().unwrap_or_default()));
        rows.map(|(_, line)| format!("{line}\n")).collect()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file of the story");
        path
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = linkpatrol();
        command.args(arguments).arg("--config.file").arg(self.path("linkpatrol.yaml"));
        command.current_dir(self.folder.path()).output().expect("linkpatrol runs")
    }

    /// Exit code and what was printed as JSON.
    pub fn import(&self, file: &str, more: &[&str]) -> (i32, Value) {
        let output = self.run(&[&["import", file, "--output", "json"], more].concat());
        let shown = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", words(&output)));
        (output.status.code().unwrap_or(-1), shown)
    }

    fn backups(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("xuchang")).expect("the folder").flatten().map(|entry| entry.path());
        entries.filter(|path| path.to_string_lossy().contains("links.csv.")).collect()
    }
}

/// New, changed, unchanged, refused.
pub fn counts(shown: &Value) -> [u64; 4] {
    let length = |key: &str| shown[key].as_array().map_or(0, |all| all.len() as u64);
    [length("new"), length("changed"), shown["unchanged"].as_u64().unwrap_or(0), shown["refused"].as_u64().unwrap_or(0)]
}

/// Line, column and code of each finding in `file`.
pub fn found(shown: &Value, file: &str) -> Vec<(u64, u64, String)> {
    let all = shown["findings"].as_array().into_iter().flatten();
    let ours = all.filter(|finding| finding["file"].as_str().is_some_and(|name| name.ends_with(file)));
    let place = |finding: &Value| {
        let number = |key: &str| finding[key].as_u64().unwrap_or(0);
        (number("line"), number("column"), finding["code"].as_str().unwrap_or_default().to_owned())
    };
    ours.map(place).collect()
}

#[test]
fn the_shipped_city_makes_the_round_trip_to_the_byte() {
    let city = City::copy();
    let before = city.ledger();
    for (file, more) in [
        ("plain.csv", &["--lang", "zh-CN"][..]),
        ("chinese.csv", &["--headings", "zh-CN", "--encoding", "gb18030"]),
        ("office.csv", &["--headings", "zh-CN", "--encoding", "utf-8-bom"]),
        ("netbox.csv", &["--as", "netbox"]),
    ] {
        let output = city.run(&[&["export", file], more].concat());
        assert!(
            output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1631"),
            "{}",
            words(&output)
        );
        let form = if file == "netbox.csv" { "netbox" } else { "ledger" };
        let (code, shown) = city.import(file, &["--as", form]);
        assert_eq!((code, counts(&shown)), (0, [0, 0, 1631, 0]), "{file}: {shown}");
        assert_eq!((&shown["written"], &shown["absent"]), (&Value::Null, &json!(0)), "{file}");
        assert!(city.ledger() == before, "{file} changed the ledger");
        let again = city.run(&["export", file]);
        assert_eq!(again.status.code(), Some(2), "a file that exists is not written over: {}", words(&again));
    }
    assert!(city.backups().is_empty());
    assert!(fs::read(city.path("plain.csv")).expect("the export") == before, "the export of the city is its ledger");

    // Another reader than ours finds the words of the field in it.
    let bytes = fs::read(city.path("chinese.csv")).expect("the export");
    let (chinese, wrong) = encoding_rs::GB18030.decode_without_bom_handling(&bytes);
    let begins = "链路编号,电路编号,类型,运营商,单位编码,";
    assert!(!wrong && chinese.starts_with(begins), "{:?}", chinese.lines().next());
    assert!(std::str::from_utf8(&bytes).is_err());

    let output = city.run(&["export", "targets.json"]);
    assert!(output.status.success(), "{}", words(&output));
    let groups: Value =
        serde_json::from_slice(&fs::read(city.path("targets.json")).expect("the export")).expect("JSON");
    let far = groups
        .as_array()
        .into_iter()
        .flatten()
        .find(|group| group["labels"]["link"] == "LL-0001" && group["labels"]["role"] == "far");
    let labels = json!({"carrier": "carrier-a", "cid": "A-SL-00001", "kind": "dark_fibre", "link": "LL-0001", "role": "far", "unit": "U32"});
    assert_eq!(far, Some(&json!({"targets": ["198.18.0.2"], "labels": labels})));
}

#[test]
fn what_changes_is_planned_then_written_and_the_rest_keeps_its_bytes() {
    let city = City::copy();
    let before = city.ledger();
    fs::set_permissions(city.path("xuchang/links.csv"), fs::Permissions::from_mode(0o640)).expect("a mode");
    // By id with words of the field, by circuit without an id, and a circuit that nobody has yet.
    city.write(
        "change.csv",
        "链路编号,运营商,电路编号,带宽,类型,单位编码,#备注\n\
         LL-0003,carrier-c,C-SL-00001,10000M,裸光纤,U11,\n\
         ,carrier-b,B-SL-00001,40G,裸光纤,U27,\n\
         ,carrier-a,A-NEW-1,100M,专线,U01,\"第一条, 新\"\n",
    );
    let (code, plan) = city.import("change.csv", &["--dry-run"]);
    assert_eq!((code, counts(&plan)), (0, [1, 1, 1, 0]), "{plan}");
    assert!(city.ledger() == before && city.backups().is_empty(), "--dry-run changed something");
    assert_eq!(
        plan["changed"],
        json!([{"id": "LL-0002", "line": 3, "changes": [{"column": "bandwidth", "from": "10G", "to": "40G"}]}])
    );
    assert_eq!((&plan["new"][0]["id"], &plan["absent"]), (&json!("LL-1632"), &json!(1629)));

    let (code, done) = city.import("change.csv", &[]);
    assert_eq!((code, counts(&done)), (0, [1, 1, 1, 0]), "{done}");
    let backups = city.backups();
    assert_eq!(backups.len(), 1, "{backups:?}");
    assert!(fs::read(&backups[0]).expect("the backup") == before);
    assert_eq!(done["backup"].as_str().map(Path::new).and_then(Path::file_name), backups[0].file_name());
    let mode = fs::metadata(city.path("xuchang/links.csv")).expect("the ledger").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let (old, new) = (String::from_utf8(before).expect("UTF-8"), String::from_utf8(city.ledger()).expect("UTF-8"));
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    assert_eq!(new.len(), old.len() + 1);
    assert_eq!(new[0], format!("{},#备注", old[0]));
    assert_eq!(new[2], format!("{},", old[2].replace(",10G,", ",40G,")));
    for nth in (1..old.len()).filter(|nth| *nth != 2) {
        assert_eq!(new[nth], format!("{},", old[nth]));
    }
    assert!(new[old.len()].starts_with("LL-1632,A-NEW-1,private,carrier-a,U01,,,100M,"), "{}", new[old.len()]);
    assert!(new[old.len()].ends_with(",\"第一条, 新\""), "{}", new[old.len()]);

    // The same file again says nothing new: the row without an id is known by its circuit.
    let (code, again) = city.import("change.csv", &[]);
    assert_eq!((code, counts(&again), city.backups().len()), (0, [0, 0, 3, 0], 1), "{again}");

    // A link that is gone leaves its id behind.
    let without: String = new[..old.len()].iter().map(|line| format!("{line}\n")).collect();
    city.write("xuchang/links.csv", &without);
    city.write("xuchang/links.csv.20260101T000000Z", new.join("\n"));
    city.write("reuse.csv", "id,cid,kind,carrier,unit,bandwidth\nLL-1632,A-NEW-2,private,carrier-a,U01,10M\n");
    let (code, refused) = city.import("reuse.csv", &[]);
    assert_eq!((code, found(&refused, "reuse.csv")), (1, vec![(2, 1, "LP2501".to_owned())]), "{refused}");
    city.write("free.csv", "cid,kind,carrier,unit,bandwidth\nA-NEW-2,private,carrier-a,U01,10M\n");
    let (code, free) = city.import("free.csv", &[]);
    assert_eq!((code, &free["new"][0]["id"]), (0, &json!("LL-1633")), "{free}");
}

#[test]
fn a_file_with_one_wrong_row_changes_nothing_and_says_where() {
    let city = City::copy();
    let before = city.ledger();
    let headings = "id,cid,kind,carrier,unit,bandwidth,far_address,profile\n";
    let cases: [(&str, String, (u64, u64, &str)); 8] = [
        (
            "twice.csv",
            city.rows(&["LL-0001"]) + &city.rows(&["LL-0001"]).lines().skip(1).collect::<String>() + "\n",
            (3, 1, "LP1309"),
        ),
        (
            "circuit.csv",
            format!("{headings}LL-9001,A-SL-00001,private,carrier-a,U01,10M,198.18.250.1,\n"),
            (2, 9, "LP1310"),
        ),
        ("carrier.csv", format!("{headings}LL-9001,X-1,private,carrier-z,U01,10M,198.18.250.1,\n"), (2, 21, "LP1311")),
        ("address.csv", format!("{headings}LL-9001,X-1,private,carrier-a,U01,10M,224.0.0.1,\n"), (2, 39, "LP1312")),
        (
            "short.csv",
            format!("{headings}LL-9001,X-1\nLL-9002,X-2,private,carrier-a,U01,10M,198.18.250.1,\n"),
            (2, 9, "LP1305"),
        ),
        // The profile is a matter of other files: all of them are asked.
        (
            "profile.csv",
            format!("{headings}LL-9001,X-1,private,carrier-a,U01,10M,198.18.250.1,icmp-gold\n"),
            (2, 52, "LP1505"),
        ),
        (
            "control.csv",
            format!("{headings}LL-9001,X\u{1b}[31m,private,carrier-a,U01,10M,198.18.250.1,\n"),
            (2, 9, "LP2502"),
        ),
        (
            "long.csv",
            format!("{headings}LL-9001,{},private,carrier-a,U01,10M,198.18.250.1,\n", "x".repeat(9_000_000)),
            (2, 9, "LP2502"),
        ),
    ];
    for (file, text, expected) in cases {
        city.write(file, &text);
        let (code, shown) = city.import(file, &[]);
        let (line, column, finding) = expected;
        let expected = vec![(line, column, finding.to_owned())];
        assert_eq!((code, found(&shown, file)), (1, expected), "{file}: {shown}");
        assert!(city.ledger() == before && city.backups().is_empty(), "{file} changed something");
    }
}

#[test]
fn hostile_files_cause_findings_and_nothing_else() {
    let city = City::copy();
    let before = city.ledger();
    let headings = "id,cid,kind,carrier,unit,bandwidth,far_address,priority,install_date,interval,dscp\n";
    let row = |nth: usize| match nth % 8 {
        0 => format!("LL 9{nth},H-{nth},private,carrier-a,U01,10M,,,,,\n"),
        1 => format!("LL-9{nth},H-{nth},fast,carrier-a,U01,10M,,,,,\n"),
        2 => format!("LL-9{nth},H-{nth},private,carrier-a,U99,10M,,,,,\n"),
        3 => format!("LL-9{nth},H-{nth},private,carrier-a,U01,100,,,,,\n"),
        4 => format!("LL-9{nth},H-{nth},private,carrier-a,U01,10M,10.0.0.0/8,,,,\n"),
        5 => format!("LL-9{nth},H-{nth},private,carrier-a,U01,10M,,urgent,2025-02-30,5,64\n"),
        6 => format!("LL-9{nth}\n"),
        _ => "LL-9007,H-7,private,carrier-a,U01,10M,,,,,\n".to_owned(),
    };
    city.write("errors.csv", headings.to_owned() + &(0..20_000).map(row).collect::<String>());
    let (code, shown) = city.import("errors.csv", &[]);
    let findings = shown["findings"].as_array().map_or(0, Vec::len);
    assert_eq!((code, findings, &shown["findings"][findings - 1]["code"]), (1, 1_001, &json!("LP1011")));
    // One good row: the first of those that are eight times the same.
    assert_eq!(counts(&shown), [1, 0, 0, 19_999], "{}", shown["refused"]);

    let commas = ",".repeat(2_000_000);
    let binary: Vec<u8> = (0..100_000_u32).map(|nth| (nth.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain("id,cid\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (file, bytes, code) in [
        ("binary.csv", binary, "LP1002"),
        ("utf16.csv", utf16, "LP1002"),
        ("empty.csv", vec![], "LP1302"),
        ("zeros.csv", vec![0; 3_000_000], "LP1301"),
        ("commas.csv", commas.into_bytes(), "LP1301"),
        ("headings.csv", b"id,carier,cid\n".to_vec(), "LP1301"),
    ] {
        city.write(file, bytes);
        let (exit, shown) = city.import(file, &[]);
        let codes: Vec<String> = found(&shown, file).into_iter().map(|(_, _, code)| code).collect();
        assert!(
            exit == 1 && codes.iter().any(|own| own == code),
            "{file}: exit {exit}, {:?}",
            &codes[..codes.len().min(5)]
        );
    }
    for (file, code) in [("gone.csv", "LP1001"), ("xuchang", "LP1001"), ("/dev/zero", "LP1010")] {
        let (exit, shown) = city.import(file, &["--as", "ledger"]);
        assert!(exit > 0 && shown["findings"][0]["code"] == code, "{file}: {shown}");
    }
    let output = city.run(&["import", "linkpatrol.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(city.ledger() == before && city.backups().is_empty());

    // A ledger that stands elsewhere is not replaced behind somebody's back.
    fs::rename(city.path("xuchang/links.csv"), city.path("kept.csv")).expect("moved");
    symlink("../kept.csv", city.path("xuchang/links.csv")).expect("a link");
    city.write("change.csv", "id,cid,bandwidth\nLL-0001,A-SL-00001,2G\n");
    let (code, shown) = city.import("change.csv", &[]);
    assert_eq!((code, found(&shown, "xuchang/links.csv")), (1, vec![(0, 0, "LP2504".to_owned())]), "{shown}");
    assert!(
        city.ledger() == before
            && fs::symlink_metadata(city.path("xuchang/links.csv")).is_ok_and(|data| data.is_symlink())
    );
}

/// Two files cannot be replaced as one: a plan over both is refused, and over one of them alone it is carried out.
#[test]
fn a_file_that_changes_rows_of_two_ledgers_changes_neither() {
    let city = City::copy();
    let whole = String::from_utf8(city.ledger()).expect("UTF-8");
    let (headings, rows) = whole.split_once('\n').expect("headings");
    let half = rows.match_indices('\n').nth(800).expect("rows").0 + 1;
    city.write("xuchang/links.csv", format!("{headings}\n{}", &rows[..half]));
    city.write("xuchang/more.csv", format!("{headings}\n{}", &rows[half..]));
    let inventory = fs::read_to_string(city.path("xuchang/inventory.yaml")).expect("a shipped file");
    city.write("xuchang/inventory.yaml", inventory.replace("links: [links.csv]", "links: [links.csv, more.csv]"));
    let both = ["links.csv", "more.csv"].map(|name| fs::read(city.path(&format!("xuchang/{name}"))).expect("a ledger"));
    let row = |id: &str| {
        let row = whole.lines().find(|line| line.starts_with(id)).expect("a row");
        row.replacen("示例枢纽机房", "示例枢纽乙机房", 1)
    };
    city.write("both.csv", format!("{headings}\n{}\n{}\n", row("LL-0001"), row("LL-1600")));
    let (code, refused) = city.import("both.csv", &[]);
    assert_eq!(code, 1, "{refused}");
    assert_eq!(found(&refused, "both.csv"), [(3, 1, "LP2503".to_owned())], "{refused}");
    let after =
        ["links.csv", "more.csv"].map(|name| fs::read(city.path(&format!("xuchang/{name}"))).expect("a ledger"));
    assert!(after == both && city.backups().is_empty());
    city.write("one.csv", format!("{headings}\n{}\n", row("LL-1600")));
    let (code, done) = city.import("one.csv", &[]);
    assert_eq!((code, counts(&done)), (0, [0, 1, 0, 0]), "{done}");
    assert!(fs::read(city.path("xuchang/links.csv")).expect("a ledger") == both[0], "the other one stays as it was");
}
