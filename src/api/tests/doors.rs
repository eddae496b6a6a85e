//! Users and roles at the doors of a real server.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::*;
use crate::config::web::Role;

/// Cheapest cost: these tests are not about the hash.
fn hashed(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

fn web() -> Web {
    let users = ["view", "李工", "audit", "noc-a", "noc-b"];
    let roles = [
        ("李工", Role::Operator),
        ("audit", Role::Auditor),
        ("noc-a", Role::Carrier("carrier-a".into())),
        ("noc-b", Role::Carrier("carrier-b".into())),
    ];
    Web {
        basic_auth_users: users.iter().map(|user| ((*user).to_owned(), hashed("open sesame"))).collect(),
        roles: roles.into_iter().map(|(user, role)| (user.to_owned(), role)).collect::<BTreeMap<_, _>>(),
        ..Web::default()
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

impl Server {
    /// Status of a request by this user.
    async fn status(&self, user: Option<&str>, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if let Some(user) = user {
            request = request.header("authorization", basic(user, "open sesame"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Full::default()).unwrap()).await.0.as_u16()
    }
}

#[tokio::test]
async fn each_role_reaches_what_is_its_own() {
    let server = Server::start_for(10, Some(web()), false).await;
    let users = [None, Some("view"), Some("李工"), Some("audit"), Some("noc-a"), Some("noc-b")];
    // 422: let in, and then told that the command says nothing.
    let table: [(&str, &str, [u16; 6]); 13] = [
        ("GET", "/", [401, 200, 200, 200, 403, 403]),
        ("GET", "/metrics", [401, 200, 200, 200, 403, 403]),
        ("GET", "/api/v1/status", [401, 200, 200, 200, 403, 403]),
        ("GET", "/api/v1/incidents", [401, 200, 200, 200, 403, 403]),
        ("GET", "/api/v1/links", [401, 200, 200, 200, 403, 403]),
        ("GET", "/api/v1/links?carrier=carrier-a", [401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/links?carrier=carrier-b&carrier=carrier-a", [401, 400, 400, 400, 403, 403]),
        ("GET", "/api/v1/links?carrier=carrier-b&%63arrier=carrier-a", [401, 400, 400, 400, 403, 400]),
        ("GET", "/api/v1/links/LL-0001", [401, 200, 200, 200, 200, 403]),
        ("GET", "/links/LL-0001", [401, 200, 200, 200, 200, 403]),
        ("GET", "/-/healthy", [401, 200, 200, 200, 200, 200]),
        ("GET", "/api/v1/links/../incidents", [401, 404, 404, 404, 403, 403]),
        ("POST", "/api/v1/incidents/x/acknowledge", [401, 403, 400, 403, 403, 403]),
    ];
    for (method, path, wanted) in table {
        let mut seen = [0; 6];
        for (seen, user) in seen.iter_mut().zip(users) {
            *seen = server.status(user, method, path, &[]).await;
        }
        assert_eq!(seen, wanted, "{method} {path} for {users:?}");
    }
}

#[tokio::test]
async fn whoever_may_look_without_a_password_may_do_nothing_else() {
    let server = Server::start_for(3, Some(web()), true).await;
    assert_eq!(server.status(None, "GET", "/api/v1/links", &[]).await, 200);
    assert_eq!(server.status(None, "POST", "/-/reload", &[]).await, 401);
}

#[tokio::test]
async fn nobody_signs_with_the_name_of_another() {
    let mut server = Server::start_for(3, Some(web()), false).await;
    let own = basic("李工", "open sesame");
    let headers = [("authorization", own.as_str()), ("x-linkpatrol-user", "王工"), ("host", "noc.example")];
    let acknowledge = "/api/v1/incidents/x/acknowledge";
    let (status, problem) = server.post(acknowledge, json!({"actor": "王工"}), &headers).await;
    assert_eq!((status.as_u16(), &problem["code"]), (403, &json!("not_you")));
    let answered = async {
        let Asked { command, reply } = server.asked.recv().await.unwrap();
        _ = reply.send(Reply::Done { at: Timestamp(0) });
        command.actor
    };
    let client = server.client.clone();
    let request = Request::post(format!("http://{}{acknowledge}", server.address))
        .header("authorization", own.as_str())
        .header("content-type", "application/json")
        .body(Full::from(json!({"actor": "李工"}).to_string()))
        .unwrap();
    let (actor, response) = tokio::join!(answered, client.request(request));
    assert_eq!((actor.as_str(), response.unwrap().status()), ("李工", StatusCode::OK));
}

#[tokio::test]
async fn a_page_of_another_site_does_nothing_with_a_known_password() {
    let server = Server::start_for(3, Some(web()), false).await;
    let act = "/api/v1/incidents/x/acknowledge";
    for (origin, host, wanted) in [
        ("https://evil.example", "noc.example", 403),
        ("null", "noc.example", 403),
        ("https://noc.example.evil.example", "noc.example", 403),
        ("https://noc.example", "noc.example", 400),
        ("http://noc.example:9815", "noc.example:9815", 400),
    ] {
        let status = server.status(Some("李工"), "POST", act, &[("origin", origin), ("host", host)]).await;
        assert_eq!(status, wanted, "{origin} to {host}");
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_whoever_is_known_goes_on() {
    let server = Server::start_for(3, Some(web()), false).await;
    assert_eq!(server.status(Some("view"), "GET", "/-/healthy", &[]).await, 200);
    let mut seen = BTreeSet::new();
    for nth in 0..40 {
        // A name that nobody has costs a hash of full price.
        let user = if nth == 0 { "nobody" } else { "view" };
        let guess = basic(user, &format!("guess {nth}"));
        seen.insert(server.status(None, "GET", "/", &[("authorization", &guess)]).await);
    }
    assert_eq!(seen, BTreeSet::from([401, 429]));
    assert_eq!(server.status(Some("view"), "GET", "/-/healthy", &[]).await, 200, "checked before the guesses");
    let (_, metrics) = server
        .send(
            Request::get(format!("http://{}/metrics", server.address))
                .header("authorization", basic("view", "open sesame"))
                .body(Full::default())
                .unwrap(),
        )
        .await;
    assert!(metrics.contains("linkpatrol_http_logins_total{outcome=\"accepted\"} 1\n"), "{metrics}");
    for (outcome, least) in [("refused", 19), ("limited", 10)] {
        let name = format!("linkpatrol_http_logins_total{{outcome=\"{outcome}\"}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap();
        assert!(value.parse::<u32>().unwrap() >= least, "{outcome}: {value}");
    }
}

#[tokio::test]
async fn heads_that_say_nothing_are_no_passwords() {
    let server = Server::start_for(3, Some(web()), false).await;
    for said in ["", "Basic", "Basic !!!", "Basic dmlldw==", "Bearer dmlldzpvcGVuIHNlc2FtZQ==", "Basic /////w=="] {
        assert_eq!(server.status(None, "GET", "/", &[("authorization", said)]).await, 401, "{said}");
    }
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let server = Server::start(3).await;
    for path in ["/", "/metrics", "/nothing/here"] {
        let uri = format!("http://{}{path}", server.address).parse().unwrap();
        let headers = server.client.get(uri).await.unwrap().headers().clone();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(
            (&headers["x-frame-options"], &headers["referrer-policy"]),
            (&"DENY".parse().unwrap(), &"no-referrer".parse().unwrap())
        );
    }
}
