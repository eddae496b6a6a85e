//! What a duty officer does with a browser: sees cells turn, opens the incident, takes it on, and closes it once it is over.

use std::{net::SocketAddr, path::Path, time::Duration};

use crate::{
    browser::Browser,
    harness::{Running, free_port, linkpatrol, root},
};

/// The demo with one duct that is cut for nine seconds.
pub fn city(folder: &Path) -> (Running, SocketAddr) {
    city_of(folder, &[])
}

/// The same with arguments of one's own before it.
pub fn city_of(folder: &Path, arguments: &[&str]) -> (Running, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command = linkpatrol();
    command.args(arguments).args([
        "demo",
        "--allow-simulated",
        "--links",
        "300",
        "--listen",
        &address.to_string(),
        "--story",
    ]);
    command.arg(root().join("tests/cities/duct.yaml")).args(["--time-limit", "60s", "--data-dir"]).arg(folder);
    let mut demo = Running::start("demo", folder, &mut command);
    demo.wait_until_serving(address, "/-/healthy", Duration::from_secs(20));
    (demo, address)
}

/// Every page that has no id in its address.
const PAGES: [&str; 15] = [
    "/",
    "/links",
    "/incidents",
    "/down",
    "/topology",
    "/services",
    "/certificates",
    "/maintenance",
    "/notices",
    "/breaches",
    "/handover",
    "/report",
    "/contract",
    "/settings",
    "/wall",
];

#[test]
fn an_officer_takes_on_a_cut_sees_its_clock_stop_and_closes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(browser) = Browser::open(folder.path(), 1280, 900) else { return };
    let (_demo, address) = city(folder.path());
    let page = |path: &str| format!("http://{address}{path}");

    // The wall: cells turn, and the counters always sum to all.
    browser.go(&page("/wall?lang=zh-CN"));
    let sum = "return [...document.querySelectorAll('#counters b')].slice(0, 6).reduce((a, b) => a + Number(b.textContent), 0);";
    browser.wait("the wall is live", |wall| (wall.words("#n-total") == "300" && wall.run(sum) == 300).then_some(()));
    browser.wait("cells turn", |wall| (wall.count("#matrix i.down") > 2).then_some(()));
    assert_eq!(browser.run(sum), 300);
    let card = "#incidents .incident.waiting";
    browser.wait("an incident with a running clock", |wall| (wall.count(card) == 1).then_some(()));
    assert!(browser.words(card).contains("未响应"), "{}", browser.words(card));
    let clock = "#incidents .clock[data-until] b";
    let first = browser.words(clock);
    browser.wait("its clock runs", |wall| (wall.words(clock) != first).then_some(()));

    // The desk: acknowledged by a name, in Chinese.
    browser.go(&page("/incidents?lang=zh-CN"));
    browser.click("tbody a");
    assert!(browser.words("#clocks [data-until]").starts_with('剩'));
    let running = browser.count("#clocks [data-until]");
    assert!(running >= 2 && browser.words("#phase") == "未恢复", "{running}");
    browser.write("#acknowledge [name=actor]", "示例甲");
    browser.write("#acknowledge [name=note]", "已派人");
    browser.click("#acknowledge button");
    browser.wait("it is recorded", |desk| (desk.words("#said") == "已记录").then_some(()));
    assert!(browser.words("#timeline").contains("示例甲") && browser.words("#timeline").contains("已派人"));
    let incident = browser.run("return location.pathname;").as_str().expect("a path").to_owned();
    browser.wait("its response clock stands", |desk| {
        desk.go(&page(&format!("{incident}?lang=zh-CN")));
        // The one of restoration may stand by then, too.
        (desk.count("#clocks [data-until]") < running && desk.count("#acknowledge") == 0).then_some(())
    });

    // Nothing is wider than 1280 pixels, and the tabulator begins with a way past the menu.
    for path in PAGES.into_iter().chain([incident.as_str(), "/links/LL-0001"]) {
        browser.go(&page(&format!("{path}?lang=en")));
        let width = browser.run("return document.documentElement.scrollWidth;").as_u64().expect("a width");
        assert!(width <= 1280, "{path} is {width} pixels wide");
    }
    browser.write("body", "\u{e004}");
    assert_eq!(browser.run("return document.activeElement.className;"), "skip");

    // The same in English, until it is over; then it is closed by the same name.
    browser.wait("it is restored", |desk| {
        desk.go(&page(&format!("{incident}?lang=en")));
        (desk.words("#phase") == "restored, not closed").then_some(())
    });
    assert!(browser.words("main").contains("acknowledged by") && browser.count("#clocks [data-until]") == 0);
    browser.write("#close [name=actor]", "示例甲");
    browser.click("#close button");
    browser.wait("it is closed", |desk| (desk.words("#phase") == "closed").then_some(()));
}
