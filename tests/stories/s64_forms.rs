//! Forms of the desk in a real browser: what is refused stays typed, says what is wrong with it, and is done once.

use serde_json::Value;

use crate::{browser::Browser, harness::request, s64_browser::city};

/// What the browser was answered with, the value of a field, and what is said beside it.
fn status(browser: &Browser) -> u64 {
    let script = "return performance.getEntriesByType('navigation')[0].responseStatus;";
    browser.run(script).as_u64().expect("a status")
}

fn value(browser: &Browser, css: &str) -> String {
    let value = browser.run(&format!("return document.querySelector('{css}').value;"));
    value.as_str().unwrap_or_default().to_owned()
}

fn set(browser: &Browser, css: &str, to: &str) {
    browser.run(&format!("document.querySelector('{css}').value = '{to}';"));
}

#[test]
fn what_a_person_typed_stays_when_a_form_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(browser) = Browser::open(folder.path(), 1280, 900) else { return };
    let (_demo, address) = city(folder.path());
    let page = |path: &str| format!("http://{address}{path}");
    let list = |path: &str, key: &str| -> Vec<Value> {
        let answer = request(address, "GET", path, &[], "").expect("an answer").json();
        answer[key].as_array().expect("a list").clone()
    };
    let reported = || {
        let all = list("/api/v1/incidents", "incidents");
        all.into_iter().filter(|one| one["kind"] == "reported").collect::<Vec<_>>()
    };

    // A fault on a link that nobody has: the page again, with everything that was typed.
    browser.go(&page("/report?lang=en"));
    browser.write("#report [name=actor]", "示例甲");
    browser.write("#report [name=links]", "LL-9999");
    browser.write("#report [name=what]", "\"挖断\" <两处> & 一处");
    browser.click("#report [name=drill]");
    browser.run("document.querySelector('#report [name=party]').value = 'customer';");
    browser.click("#report button");
    browser.wait("it is refused", |desk| (desk.count("#report-links-wrong") == 1).then_some(()));
    assert!((400..500).contains(&status(&browser)), "{}", status(&browser));
    assert!(browser.words("#report-links-wrong").contains("LL-9999"), "{}", browser.words("main"));
    assert_eq!(browser.count(".wrong"), 1);
    for (field, typed) in
        [("actor", "示例甲"), ("links", "LL-9999"), ("what", "\"挖断\" <两处> & 一处"), ("party", "customer")]
    {
        assert_eq!(value(&browser, &format!("#report [name={field}]")), typed, "{field}");
    }
    assert_eq!(browser.run("return document.querySelector('#report [name=drill]').checked;"), true);
    assert!(reported().is_empty(), "{:?}", reported());
    // Only the wrong field is written again; pressed twice it is one report.
    set(&browser, "#report [name=links]", "LL-0300");
    browser.run("const form = document.querySelector('#report'); fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))});");
    browser.click("#report button");
    browser.wait("it is reported", |desk| (desk.words("#said") == "recorded").then_some(()));
    let found = reported();
    assert_eq!(found.len(), 1, "{found:?}");
    let incident = browser.run("return location.pathname;").as_str().expect("a path").to_owned();

    // A promise in the past.
    browser.write("#acknowledge [name=actor]", "示例乙");
    browser.write("#acknowledge [name=work_order]", "W-7");
    browser.write("#acknowledge [name=note]", "已派人");
    set(&browser, "#acknowledge [name=eta]", "2020-01-01T00:00");
    browser.click("#acknowledge button");
    browser.wait("it is refused", |desk| (desk.count("#acknowledge-eta-wrong") == 1).then_some(()));
    assert_eq!((status(&browser), browser.count(".wrong")), (422, 1));
    for (field, typed) in [("actor", "示例乙"), ("work_order", "W-7"), ("note", "已派人"), ("eta", "2020-01-01T00:00")]
    {
        assert_eq!(value(&browser, &format!("#acknowledge [name={field}]")), typed, "{field}");
    }
    assert_eq!(value(&browser, "#record [name=note]"), "", "another form of the page has nothing of it");
    assert!(reported()[0]["acknowledged"].is_null());
    set(&browser, "#acknowledge [name=eta]", "");
    browser.click("#acknowledge button");
    browser.wait("it is taken on", |desk| (desk.words("#said") == "recorded").then_some(()));
    assert_eq!(reported()[0]["acknowledged"]["actor"], "示例乙");
    assert!(browser.words("#timeline").contains("已派人"));
    assert_eq!(browser.run("return location.pathname;"), incident.as_str());

    // Work that ends before it begins; the form stays open. And a watch that one person hands to himself.
    browser.go(&page("/maintenance?lang=zh-CN"));
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; });");
    for (field, text) in [("actor", "示例甲"), ("scopes", "link/LL-0300"), ("requester", "李工"), ("reason", "割接")]
    {
        browser.write(&format!("#announce [name={field}]"), text);
    }
    set(&browser, "#announce [name=from]", "2033-01-02T02:00");
    set(&browser, "#announce [name=to]", "2033-01-02T01:00");
    browser.click("#announce button");
    browser.wait("it is refused", |desk| (desk.count("#announce-to-wrong") == 1).then_some(()));
    assert_eq!(status(&browser), 422);
    assert_eq!(browser.run("return document.querySelector('#announce').parentElement.open;"), true);
    for (field, typed) in
        [("scopes", "link/LL-0300"), ("requester", "李工"), ("reason", "割接"), ("from", "2033-01-02T02:00")]
    {
        assert_eq!(value(&browser, &format!("#announce [name={field}]")), typed, "{field}");
    }
    assert!(list("/api/v1/windows?all=true", "windows").is_empty());
    set(&browser, "#announce [name=to]", "2033-01-02T03:00");
    browser.click("#announce button");
    browser.wait("it is planned", |desk| (desk.words("#said") == "已记录").then_some(()));
    assert_eq!(list("/api/v1/windows?all=true", "windows").len(), 1);

    browser.go(&page("/handover?lang=zh-CN"));
    for (field, text) in [("actor", "示例甲"), ("second", "示例甲"), ("note", "两处在修")] {
        browser.write(&format!("#sign [name={field}]"), text);
    }
    browser.click("#sign button");
    browser.wait("it is refused", |desk| (desk.count("#sign-second-wrong") == 1).then_some(()));
    assert_eq!(status(&browser), 422);
    assert_eq!(value(&browser, "#sign [name=note]"), "两处在修");
}
