//! The register of expiries: days left by the ladder in API, metrics and pages; a reload takes a new ledger whole or not at all.

use chrono::{Days, NaiveDate};
use chrono_tz::Asia::Shanghai;
use linkpatrol::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::site::Site;

/// So many days from now, by the calendar of the contract.
fn day(from_now: u64) -> NaiveDate {
    let now = SystemClock::start().now().utc.rfc3339(Shanghai);
    let today: NaiveDate = now[..10].parse().expect("a day");
    today + Days::new(from_now)
}

fn register(site: &Site) -> Value {
    site.get("/api/v1/register").json()
}

/// The value of a family for an entry of a kind.
fn metric(site: &Site, family: &str, entry: &str, kind: &str) -> Option<f64> {
    site.metric(&format!("linkpatrol_register_{family}{{entry=\"{entry}\",kind=\"{kind}\"}}"))
}

#[test]
fn what_ends_on_a_day_is_known_before_by_the_ladder() {
    let Some(mut site) = Site::make(1) else { return };
    site.write("site/sites.yaml", "days_left: {register: [60, 30, 14, 7, 3, 1]}\n");
    let ledger = |licence: NaiveDate| {
        format!(
            "编号,类别,名称,责任单位,到期日,备注\nX-1,软件许可,示例杀毒软件,甲单位,{licence},需求 67\n\
             X-2,合同,\"示例短信, 合同\",乙单位,{},\nX-3,api_grant,示例接口,,2020-02-29,\n",
            day(400)
        )
    };
    let ends = day(10);
    site.write("site/expiry.csv", &ledger(ends));
    site.start(&[]);

    let shown = register(&site);
    assert_eq!(shown["ladder"], json!([60, 30, 14, 7, 3, 1]));
    let facts = |shown: &Value| -> Vec<Value> {
        let entries = shown["entries"].as_array().into_iter().flatten();
        entries.map(|one| json!([one["id"], one["kind"], one["owner"], one["rung"], one["status"]])).collect()
    };
    let expired = json!(["X-3", "api_grant", "", 1, "expired"]);
    let contract = json!(["X-2", "contract", "乙单位", null, "valid"]);
    assert_eq!(facts(&shown), [expired.clone(), json!(["X-1", "licence", "甲单位", 14, "expiring"]), contract.clone()]);
    let licence = &shown["entries"][1];
    let last_second = format!("{ends}T23:59:59.000+08:00");
    assert_eq!(
        [&licence["name"], &licence["expires"], &licence["ends"], &licence["note"]],
        [&json!("示例杀毒软件"), &json!(ends.to_string()), &json!(last_second), &json!("需求 67")]
    );
    // Midnight may pass between the two readings of the clock.
    assert!(matches!(licence["days"].as_i64(), Some(9 | 10)), "{licence}");
    assert_eq!(shown["entries"][0]["ends"], "2020-02-29T23:59:59.000+08:00");
    assert_eq!(metric(&site, "expiry_timestamp_seconds", "X-3", "api_grant"), Some(1_582_991_999.0));
    assert_eq!(metric(&site, "rung_days", "X-1", "licence"), Some(14.0));
    assert_eq!(metric(&site, "rung_days", "X-2", "contract"), None, "more days are left than the ladder is long");

    let page = site.get("/certificates?format=csv&part=register&lang=en").body;
    let row = page.lines().find(|line| line.contains("X-2")).unwrap_or_default();
    assert!(
        row.contains("\"示例短信, 合同\"") && row.contains("contract") && row.contains(&day(400).to_string()),
        "{page}"
    );
    let page = site.get("/certificates?lang=zh-CN").body;
    for word in ["到期台账", "软件许可", "示例杀毒软件", "甲单位"] {
        assert!(page.contains(word), "no {word} in {page}");
    }

    // A ledger with a wrong row changes nothing; a good one is in force at once.
    site.write("site/expiry.csv", &ledger(day(500)).replace("2020-02-29", "2021-02-29"));
    let refused = site.post("/-/reload", &json!({}));
    assert!(!refused.is_ok() && refused.body.contains("LP1307"), "{}", refused.body);
    assert_eq!(facts(&register(&site)), facts(&shown));
    site.write("site/expiry.csv", &ledger(day(500)));
    assert!(site.post("/-/reload", &json!({})).is_ok());
    site.wait("the renewed licence is in force", |site| {
        (facts(&register(site))
            == [expired.clone(), contract.clone(), json!(["X-1", "licence", "甲单位", null, "valid"])])
        .then_some(())
    });
    assert_eq!(metric(&site, "rung_days", "X-1", "licence"), None);
}
