//! Figures against a truth that knows nothing of us: nft drops every tenth request of a line and counts what it drops.

use std::{fmt::Write as _, fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    harness::{linkpatrol, root, wait_for, words},
    site::{Site, name},
};

/// Packets that the rule has dropped.
fn dropped(site: &Site) -> u64 {
    let listed = site.namespace.run(&["nft", "list chain inet cut input"]);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let (_, rest) = text.split_once("counter packets ").unwrap_or_else(|| panic!("no counter in {text}"));
    rest.split(' ').next().and_then(|packets| packets.parse().ok()).expect("a number")
}

/// The windows of a link's only point, by name.
fn window(link: &Value, name: &str) -> Value {
    let windows = link["points"][0]["windows"].as_array().expect("windows");
    windows.iter().find(|window| window["window"] == name).expect("a window").clone()
}

#[test]
fn every_window_tells_exactly_what_was_dropped_and_the_line_is_degraded_while_it_is() {
    let Some(mut site) = Site::make(4) else { return };
    site.start(&[]);
    site.all_up(4);
    let link = |site: &Site| site.get(&format!("/api/v1/links/{}", name(1))).json();
    // Three requests follow each loss at once, to confirm it, and pass: what is dropped is always one of the schedule.
    let rule = "ip daddr 127.10.0.1 icmp type echo-request numgen inc mod 10 == 0 counter drop";
    site.namespace.run(&["nft", &format!("add rule inet cut input {rule}")]);
    let ailing = wait_for("the line is degraded", Duration::from_secs(60), || {
        Some(link(&site)).filter(|link| link["state"] == "degraded")
    });
    assert!(window(&ailing, "1m")["loss_ratio"].as_f64() >= Some(0.1), "{ailing:#}");
    while dropped(&site) < 4 {
        std::thread::sleep(Duration::from_millis(200));
    }
    // From here on nothing reaches the rule, and the truth stands still.
    site.namespace.run(&["nft", "insert rule inet cut input ip daddr 127.10.0.1 accept"]);
    let truth = dropped(&site);
    let lost = |link: &Value, name: &str| window(link, name)["lost"].as_u64();
    let quiet = wait_for("the last ten seconds lost nothing", Duration::from_secs(40), || {
        Some(link(&site)).filter(|link| lost(link, "10s") == Some(0))
    });
    let total = site.metric(&format!("linkpatrol_link_probes_total{{link=\"{}\",outcome=\"lost\"}}", name(1)));
    let total = total.expect("a counter") as u64;
    assert_eq!((lost(&quiet, "5m"), lost(&quiet, "1h")), (Some(total), Some(total)), "{quiet:#}");
    // Where this machine was too slow for an answer, further requests went out to confirm, and one of them may be the tenth.
    let confirms = site.metric(&format!("linkpatrol_link_confirm_total{{link=\"{}\"}}", name(1)));
    let is_even = confirms == Some(3.0 * truth as f64);
    assert!(
        if is_even { total == truth } else { total <= truth },
        "{total} lost, {truth} dropped, {confirms:?} confirms"
    );
    assert_eq!(quiet["month"]["down"], 0, "single losses are no down-time: {quiet:#}");
    // What was answered stands in every window too, and its figures are in order.
    for name in ["10s", "1m", "5m", "1h"] {
        let window = window(&quiet, name);
        let figures = ["min", "p50", "p95", "p99", "max"].map(|figure| {
            window["rtt_seconds"][figure].as_f64().unwrap_or_else(|| panic!("{name} {figure}: {quiet:#}"))
        });
        assert!(figures.is_sorted() && figures[0] > 0.0 && figures[4] < 1.0, "{window:#}");
    }
    let newest = window(&quiet, "10s")["answered"].as_u64().expect("a count");
    assert!((9..=11).contains(&newest), "{quiet:#}");
    for n in 2..=4 {
        let other = site.get(&format!("/api/v1/links/{}", name(n))).json();
        assert_eq!((lost(&other, "1h"), &other["state"]), (Some(0), &json!("up")), "{other:#}");
    }
    wait_for("the line is well again", Duration::from_secs(90), || (site.state(1) == "up").then_some(()));
    // The list of links draws the last hour as of its last full minute.
    let page = site.get("/links?lang=en&sort=id").body;
    let drawn: Vec<&str> =
        page.split("<svg class=\"spark\"").skip(1).map(|rest| &rest[..rest.find("</svg>").unwrap()]).collect();
    assert_eq!(drawn.len(), 4, "{page}");
    assert!(drawn.iter().all(|svg| svg.contains("<title>RTT 0") && svg.contains("<path d=\"M")), "{drawn:?}");
    assert!(
        drawn[0].contains("<rect") && drawn[1..].iter().all(|svg| !svg.contains("<rect") && svg.contains("loss ≤ 0 %")),
        "{drawn:?}"
    );
}

#[test]
fn a_limit_of_one_carrier_holds_back_its_own_probes_and_they_are_no_loss() {
    let Some(mut site) = Site::make(12) else { return };
    // Six lines of each carrier, one probe a second each; the seventh of one has no address.
    let rows: String = (1..=13).fold(String::new(), |mut rows, n: u8| {
        let (carrier, address) = match n {
            13 => ("two", String::new()),
            n if n <= 8 => ("one", format!("127.10.0.{n}")),
            n => ("two", format!("127.10.0.{n}")),
        };
        writeln!(rows, "{},C-{n},private,{carrier},U1,枢纽,远端,100M,{address}", name(n)).unwrap();
        rows
    });
    site.write("site/links.csv", &format!("id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address\n{rows}"));
    site.write("linkpatrol.yaml", &(site.read("linkpatrol.yaml") + "limits: {per_carrier: 5}\n"));
    site.start(&[]);
    let held = "linkpatrol_local_drops_total{reason=\"rate_limited\"}";
    site.wait("probes are held back", |site| site.metric(held).filter(|held| *held >= 10.0));
    let outcome = |site: &Site, n: u8, outcome: &str| {
        let series = format!("linkpatrol_link_probes_total{{link=\"{}\",outcome=\"{outcome}\"}}", name(n));
        site.metric(&series).unwrap_or_else(|| panic!("no {series}"))
    };
    let sum = |site: &Site, links: std::ops::RangeInclusive<u8>, what: &str| {
        links.map(|n| outcome(site, n, what)).sum::<f64>()
    };
    assert!(sum(&site, 1..=8, "unmeasured") >= 9.0, "eight lines share five probes a second");
    site.wait("each of them has its share", |site| (1..=8).all(|n| outcome(site, n, "answered") >= 2.0).then_some(()));
    assert_eq!(
        (sum(&site, 1..=8, "lost"), sum(&site, 9..=12, "unmeasured"), sum(&site, 9..=12, "lost")),
        (0.0, 0.0, 0.0)
    );
    assert!(site.incidents().is_empty(), "{:?}", site.incidents());
    // A line that nothing can be sent to is counted, and never up.
    let covered = |status: &str| site.metric(&format!("linkpatrol_coverage_links{{status=\"{status}\"}}"));
    assert_eq!((covered("measured"), covered("not_measurable")), (Some(12.0), Some(1.0)));
    assert_eq!(site.metric(&format!("linkpatrol_link_up{{link=\"{}\"}}", name(13))), None);
}

#[test]
fn a_ledger_of_twenty_thousand_wrong_lines_is_told_line_by_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["inventories", "probes"] {
        let (from, to) = (root().join(part), folder.path().join(part));
        assert!(std::process::Command::new("cp").arg("-r").args([from, to]).status().expect("cp").success());
    }
    fs::write(folder.path().join("linkpatrol.yaml"), "data_dir: data\n").expect("a configuration");
    let ledger = folder.path().join("inventories/xuchang/links.csv");
    let wrong = [
        ("kind", "LL-{n},W-{n},fibre,carrier-a,U01,A,Z,100M,normal,active,198.18.0.1"),
        ("carrier", "LL-{n},W-{n},private,carrier-x,U01,A,Z,100M,normal,active,198.18.0.1"),
        ("bandwidth", "LL-{n},W-{n},private,carrier-a,U01,A,Z,much,normal,active,198.18.0.1"),
        ("address", "LL-{n},W-{n},private,carrier-a,U01,A,Z,100M,normal,active,198.18.0.999"),
        ("id", "L L-{n},W-{n},private,carrier-a,U01,A,Z,100M,normal,active,198.18.0.1"),
    ];
    let mut text = String::from("id,cid,kind,carrier,unit,a_end,z_end,bandwidth,priority,status,far_address\n");
    for n in 0..20_000 {
        writeln!(text, "{}", wrong[n % 5].1.replace("{n}", &format!("{:05}", n + 20_000))).unwrap();
    }
    fs::write(&ledger, text).expect("a ledger");
    let output = linkpatrol()
        .args(["check", "--output", "json", "--lang", "en"])
        .current_dir(folder.path())
        .output()
        .expect("check");
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut lines: Vec<u64> = said["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["file"].as_str().is_some_and(|file| file.ends_with("links.csv")))
        .filter(|finding| finding["severity"] == "error")
        .filter_map(|finding| finding["line"].as_u64())
        .collect();
    lines.sort_unstable();
    lines.dedup();
    // A thousand findings in the order of the lines, and how many there are beyond them.
    assert!(lines.iter().copied().eq(2..2 + lines.len() as u64) && lines.len() > 400, "{lines:?}");
    let count = regex::Regex::new(r"\d{5,}").expect("a pattern");
    let beyond = said["findings"].as_array().into_iter().flatten().filter_map(|finding| {
        let text = finding["message"].as_str()?;
        count.find(text)?.as_str().parse::<u64>().ok()
    });
    assert!(beyond.clone().any(|more| more >= 19_000), "{:?}", said["findings"].as_array().and_then(|all| all.last()));
}
