//! A real browser, told what to do over WebDriver (W3C): Debian's chromium by its chromedriver.

use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::harness::{Running, free_port, peer, request, wait_for};

/// Key under which the standard hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One window. It closes when the value goes.
pub struct Browser {
    address: SocketAddr,
    /// `/session/<id>`.
    session: String,
    _driver: Running,
}

impl Browser {
    /// `None`, said aloud, where there is no chromium.
    pub fn open(folder: &Path, width: u32, height: u32) -> Option<Self> {
        let (driver, chromium) = (peer("chromedriver")?, peer("chromium")?);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new(driver);
        command.arg(format!("--port={}", address.port()));
        let mut driver = Running::start("chromedriver", folder, &mut command);
        driver.wait_until_serving(address, "/status", Duration::from_secs(15));
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", folder.join("chromium").display()),
        ];
        let options = json!({"binary": chromium, "args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let opened = ask(address, "POST", "/session", &wanted);
        let session = format!("/session/{}", opened["sessionId"].as_str().expect("a session"));
        Some(Self { address, session, _driver: driver })
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        ask(self.address, "POST", &format!("{}{path}", self.session), body)
    }

    /// Shows a page and waits until it is there.
    pub fn go(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// What a script returns. `arguments` stand in the script under that name.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    fn find(&self, css: &str) -> String {
        let found = self.post("/element", &json!({"using": "css selector", "value": css}));
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("nothing is {css}: {found}")).to_owned()
    }

    /// As a person would: what is hidden or covered cannot be clicked.
    pub fn click(&self, css: &str) {
        self.post(&format!("/element/{}/click", self.find(css)), &json!({}));
    }

    pub fn write(&self, css: &str, text: &str) {
        self.post(&format!("/element/{}/value", self.find(css)), &json!({"text": text}));
    }

    /// Words of the first that matches; empty without one.
    pub fn words(&self, css: &str) -> String {
        let script = format!("const one = document.querySelector({}); return one ? one.textContent : '';", json!(css));
        self.run(&script).as_str().unwrap_or_default().trim().to_owned()
    }

    pub fn count(&self, css: &str) -> u64 {
        self.run(&format!("return document.querySelectorAll({}).length;", json!(css))).as_u64().unwrap_or(0)
    }

    /// Asks until it holds, up to 20 s.
    pub fn wait<T>(&self, what: &str, mut check: impl FnMut(&Self) -> Option<T>) -> T {
        wait_for(what, Duration::from_secs(20), || check(self))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends with its value; this lets chromium end before it.
        _ = request(self.address, "DELETE", &self.session, &[], "");
    }
}

fn ask(address: SocketAddr, method: &str, path: &str, body: &Value) -> Value {
    let headers = [("Content-Type", "application/json")];
    let answer = request(address, method, path, &headers, &body.to_string());
    let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    assert!(answer.is_ok(), "{method} {path} {body}: {answer:?}");
    answer.json()["value"].clone()
}
