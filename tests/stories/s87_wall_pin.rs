//! An officer takes on an incident at the wall: a viewer's session shows it, and a PIN is good for that one command.

use std::{fs, net::SocketAddr};

use serde_json::Value;

use crate::{
    browser::Browser,
    harness::{Answer, request, root},
    s64_browser::city_of,
};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// The first incident.
fn incident(address: SocketAddr) -> Value {
    let answer = request(address, "GET", "/api/v1/incidents", &[], "").expect("incidents");
    answer.json()["incidents"][0].clone()
}

fn show(address: SocketAddr, headers: &[(&str, &str)], name: &str, pin: &str) -> Answer {
    let id = incident(address)["id"].as_str().expect("an id").to_owned();
    let body = serde_urlencoded::to_string([("name", name), ("pin", pin), ("incident", &id)]).expect("a form");
    request(address, "POST", "/wall/acknowledge?lang=en", &[&[FORM], headers].concat(), &body).expect("an answer")
}

#[test]
fn an_officer_takes_on_an_incident_at_a_wall_that_is_read_only_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(wall) = Browser::open(folder.path(), 1920, 1080) else { return };
    let hash = |text: &str| bcrypt::hash(text, 4).expect("a hash");
    let users = format!(
        "basic_auth_users: {{示例甲: {}, view: {}}}\nroles: {{示例甲: operator}}\npins: {{示例甲: {}}}\n",
        hash("a long password"),
        hash("viewview"),
        hash("246810")
    );
    let config = folder.path().join("linkpatrol.yaml");
    let root = root();
    let text = format!(
        "inventory: {0}/inventories/xuchang\nprobes: {0}/probes\nweb: {{config_file: web.yaml, allow_anonymous_read: true}}\n",
        root.display()
    );
    fs::write(folder.path().join("web.yaml"), users).expect("users");
    fs::write(&config, text).expect("a configuration");
    let (_demo, address) = city_of(folder.path(), &["--config.file", config.to_str().expect("a path")]);
    let page = |path: &str| format!("http://{address}{path}");

    // The session of the wall is a viewer's.
    wall.go(&page("/login?next=/wall"));
    wall.write("[name=name]", "view");
    wall.write("[name=password]", "viewview");
    wall.click("form button");
    wall.go(&page("/wall?lang=zh-CN"));
    let card = "#incidents .incident.waiting";
    wall.wait("an incident that waits", |wall| (wall.count(&format!("{card} button.take")) == 1).then_some(()));

    // A wrong PIN does nothing; the right one takes it on.
    wall.click("button.take");
    wall.write("#pin [name=name]", "示例甲");
    wall.write("#pin [name=pin]", "135790");
    wall.click("#pin-send");
    wall.wait("it is wrong", |wall| (wall.words("#pin-said") == "用户名或 PIN 不对").then_some(()));
    assert!(incident(address)["acknowledged"].is_null());
    wall.write("#pin [name=pin]", "246810");
    wall.click("#pin-send");
    wall.wait("it is taken on", |wall| {
        let shown = wall.words("#incidents .incident:not(.waiting)");
        (shown.contains("示例甲") && wall.count("button.take") == 0 && wall.count("#pin[open]") == 0).then_some(())
    });
    let taken = incident(address);
    assert_eq!(taken["acknowledged"]["actor"], "示例甲", "{taken}");
    let entry = taken["timeline"].as_array().expect("a timeline").iter().find(|entry| entry["event"] == "acknowledged");
    assert_eq!(entry.expect("an entry")["way"], "wall", "{taken}");

    // Nothing else is done by it, and from no other page.
    let viewer = ("Authorization", "Basic dmlldzp2aWV3dmlldw==");
    let id = taken["id"].as_str().expect("an id");
    let close = request(
        address,
        "POST",
        &format!("/incidents/{id}"),
        &[FORM, viewer],
        "do=close&name=%E7%A4%BA%E4%BE%8B%E7%94%B2&pin=246810",
    );
    assert_eq!(close.expect("an answer").status, 403);
    assert_eq!(show(address, &[("Origin", "http://elsewhere.example")], "示例甲", "246810").status, 403);
    assert_eq!(show(address, &[], "view", "viewview").status, 403, "a password is no PIN");
    assert!(!request(address, "GET", "/wall?visitor=1", &[], "").expect("a wall").body.contains("id=\"pin\""));

    // Whoever guesses is held back, by name; the one who knows it is not.
    let guesses: Vec<u16> = (0..6).map(|guess| show(address, &[], "示例甲", &format!("11111{guess}")).status).collect();
    // Two of the five went at the browser.
    assert_eq!(guesses, [403, 403, 403, 429, 429, 429]);
    let again = show(address, &[], "示例甲", "246810");
    assert!(![403, 429].contains(&again.status), "{}: {}", again.status, again.body);
}
