//! One link's month, digit for digit: page, CSV, API, `/metrics`, a panel's query on a real Prometheus, and `ledger show`.

#![expect(clippy::unwrap_used, reason = "a story may stop at what should not happen")]

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    s34_ledger, s62_grafana,
    site::{Site, name},
};

const LINK: &str = "LL-0003";

/// What stands behind `label` on the page of the link.
fn on_page(page: &str, label: &str) -> String {
    let rest = page.split_once(&format!("<dt>{label}</dt><dd class=\"figure\">"));
    rest.and_then(|(_, rest)| Some(rest.split_once("</dd>")?.0)).unwrap_or_else(|| panic!("no {label}: {page}")).into()
}

/// A number of JSON as Prometheus writes it.
fn digits(value: &Value) -> String {
    let text = value.as_number().unwrap_or_else(|| panic!("no number: {value}")).to_string();
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// A share as a scrape has it: nine places, truncated.
fn share(part: u64, whole: u64) -> String {
    let billionths = u128::from(part) * 1_000_000_000 / u128::from(whole);
    let text = format!("{}.{:09}", billionths / 1_000_000_000, billionths % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The same digits as percent with four places, as pages have them.
fn percent(share: &str) -> String {
    let (whole, places) = share.split_once('.').unwrap_or((share, ""));
    let places: String = places.chars().chain("000000".chars()).take(6).collect();
    let ppm: u64 = format!("{whole}{places}").parse().unwrap();
    format!("{}.{:04} %", ppm / 10_000, ppm % 10_000)
}

/// What is known of an objective of the month that runs.
fn objective_of<'a>(link: &'a Value, objective: &str) -> &'a Value {
    let listed = link["objectives"].as_array().unwrap();
    listed.iter().find(|one| one["objective"] == objective && one["month"].is_null()).unwrap()
}

#[test]
fn one_links_month_has_the_same_digits_wherever_it_is_read() {
    let Some(mut site) = Site::make(3) else { return };
    site.start(&[]);
    site.all_up(3);
    site.cut(3);
    site.wait("the link is down", |site| (site.state(3) == "down").then_some(()));
    site.heal(3);
    site.wait("the link is up", |site| (site.state(3) == "up").then_some(()));
    // While nobody looks nothing is known: it lies between the two bounds.
    site.daemon().signal(libc::SIGTERM);
    site.daemon().wait(Duration::from_secs(20));
    std::thread::sleep(Duration::from_secs(2));
    site.start(&[]);
    site.all_up(3);
    let api_now = |site: &Site| site.get(&format!("/api/v1/links/{}", name(3))).json();
    site.wait("answers are counted", |site| {
        (objective_of(&api_now(site), "rtt")["all"].as_u64() > Some(3)).then_some(())
    });
    // Taken out of service its figures stand still, so that all can be read one after the other.
    let links = site.read("site/links.csv");
    let lines = links.lines().map(|line| match line {
        head if head.starts_with("id,") => format!("{head},status\n"),
        row if row.starts_with(LINK) => format!("{row},offline\n"),
        row => format!("{row},active\n"),
    });
    site.write("site/links.csv", &lines.collect::<String>());
    assert!(site.post("/-/reload", &json!({})).is_ok(), "{}", site.printed());
    site.wait("the link is suspended", |site| (site.state(3) == "suspended").then_some(()));

    // What the last probe came to is booked a moment later, and the books reach the disk after that.
    let (api, row) = site.wait("the books on the disk have all of it", |site| {
        let (api, row) = (api_now(site), s34_ledger::row(site, LINK));
        let sums = ["up", "down", "unknown"].map(|state| api["period"][state] == row["states"][state]);
        (sums == [true; 3] && row["states"]["suspended"].as_u64() > Some(0)).then_some((api, row))
    });
    let Some(_prometheus) = s62_grafana::beside(&site) else { return };
    let page = site.get(&format!("/links/{LINK}?lang=en")).body;
    let csv = site.get(&format!("/links?lang=en&format=csv&q={LINK}")).body;
    let scrape = site.get("/metrics").body;

    let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    let heads = reader.headers().unwrap().clone();
    let record = reader.records().next().unwrap().unwrap();
    let in_csv = |label: &str| record[heads.iter().position(|head| head == label).unwrap()].to_owned();
    let in_scrape = |series: &str| {
        let line = scrape.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series}")).to_owned()
    };
    let on_panel = |metric: &str, digits: &str| {
        site.wait(&format!("the panel of {metric} shows {digits}"), |site| {
            let rows = s62_grafana::shown(site, metric, LINK);
            (rows.len() == 1 && rows[0]["value"][1] == *digits).then_some(())
        });
    };
    let millis = |key: &str| row["states"][key].as_u64().unwrap();
    let pair = |key: &str| share(row[key][0].as_u64().unwrap(), row[key][1].as_u64().unwrap());
    let up = millis("up") + millis("degraded");
    let figures = [
        ("availability_ratio", "availability", share(up, up + millis("down"))),
        ("availability_lower_ratio", "availability, lower bound", pair("unknown_as_down")),
        ("availability_upper_ratio", "availability, upper bound", pair("unknown_as_up")),
    ];
    assert!(figures[0].2 != figures[1].2 && figures[1].2 != figures[2].2, "figures worth comparing: {figures:?}");
    for (key, label, digits_of_ledger) in &figures {
        let metric = format!("linkpatrol_link_{key}");
        assert_eq!(digits(&api["period"][key]), *digits_of_ledger, "{key}");
        assert_eq!(in_scrape(&format!("{metric}{{link=\"{LINK}\",period=\"month\"}}")), *digits_of_ledger);
        assert_eq!(on_page(&page, label), percent(digits_of_ledger), "{label}");
        assert_eq!(in_csv(label), percent(digits_of_ledger), "{label}");
        on_panel(&metric, digits_of_ledger);
    }
    // What is left of the allowance shrinks with every second that does not count: read between two equal answers.
    let metric = "linkpatrol_link_error_budget_remaining_seconds";
    site.wait("the budget is the same in API, scrape and panel", |site| {
        let told = |site: &Site| api_now(site)["period"]["error_budget_remaining_milliseconds"].as_i64();
        let before = told(site)?;
        let scraped = site.metric(&format!("{metric}{{link=\"{LINK}\",period=\"month\"}}"))?;
        let rows = s62_grafana::shown(site, metric, LINK);
        let seconds = digits(&json!(before as f64 / 1e3));
        (told(site)? == before && scraped.to_string() == seconds && rows[0]["value"][1] == *seconds).then_some(())
    });

    // Loss and RTT: what was counted, and the verdict.
    let counted = &row["probes"]["up"];
    let [answered, lost] = ["answered", "lost"].map(|key| counted[key].as_u64().unwrap());
    for (objective, label, most) in [
        ("loss", "loss objective (lost / probes)", answered + lost),
        ("rtt", "RTT objective (too slow / answered)", answered),
    ] {
        let judged = objective_of(&api, objective);
        let all = judged["all"].as_u64().unwrap();
        // Answers near an outage are no evidence of how slow the line is while it is up.
        assert!(if objective == "loss" { all == most } else { 0 < all && all <= most }, "{judged} {row}");
        assert_eq!(judged["verdict"], "pending", "{judged}");
        let bad = if objective == "loss" { lost } else { judged["bad"].as_u64().unwrap() };
        assert_eq!(judged["bad"], bad, "{judged} {row}");
        let told = format!("{bad} / {all} pending");
        assert_eq!((on_page(&page, label), in_csv(label)), (told.clone(), told));
        let labels = format!("link=\"{LINK}\",objective=\"{objective}\",verdict=\"pending\"");
        assert_eq!(in_scrape(&format!("linkpatrol_link_objective{{{labels}}}")), "1");
        let rows = s62_grafana::shown(&site, "linkpatrol_link_objective", LINK);
        let of = |row: &&Value| row["metric"]["objective"] == objective;
        assert_eq!(rows.iter().find(of).unwrap()["metric"]["verdict"], "pending");
    }
    let window = |rows: &[Value], key: &str| rows.iter().find(|row| row[key] == "1h").cloned();
    site.wait("the loss of the hour is the same in API, page and panel", |site| {
        let told = window(api_now(site)["points"][0]["windows"].as_array()?, "window")?;
        let loss = digits(&told["loss_ratio"]);
        let rows = s62_grafana::shown(site, "linkpatrol_link_loss_ratio", LINK);
        let row = rows.iter().find(|row| row["metric"]["window"] == "1h")?;
        let page = site.get(&format!("/links/{LINK}?lang=en")).body;
        let hour = page.split_once("<tr><td>1h</td>")?.1.split_once("</tr>")?.0;
        let is_same = row["value"][1] == loss && hour.contains(&format!(">{}<", percent(&loss)));
        is_same.then_some(())
    });
}
