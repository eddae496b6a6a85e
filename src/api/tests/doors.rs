//! Users and roles at the doors of a real server.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::*;
use crate::{
    config::web::Role,
    incident::{Clock, TimelineEntry},
};

/// Cheapest cost: these tests are not about the hash.
fn hashed(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

pub(super) fn web() -> Web {
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
    let table: [(&str, &str, [u16; 6]); 33] = [
        ("GET", "/", [401, 200, 200, 200, 403, 403]),
        ("GET", "/metrics", [401, 200, 200, 200, 403, 403]),
        ("GET", "/api/v1/status", [401, 200, 200, 200, 403, 403]),
        // Each carrier its own part, and nothing of another's.
        ("GET", "/api/v1/incidents", [401, 200, 200, 200, 200, 200]),
        ("GET", "/api/v1/incidents/01KDVDNK00000000000000TEST", [401, 200, 200, 200, 200, 404]),
        ("GET", "/api/v1/incidents/x/link", [401, 405, 405, 405, 403, 403]),
        ("GET", "/incidents/01KDVDNK00000000000000TEST", [401, 200, 200, 200, 403, 403]),
        ("GET", "/api/v1/links", [401, 200, 200, 200, 403, 403]),
        ("GET", "/services/none", [401, 404, 404, 404, 403, 403]),
        ("GET", "/api/v1/links?carrier=carrier-a", [401, 200, 200, 200, 200, 403]),
        ("GET", "/api/v1/links?carrier=carrier-b&carrier=carrier-a", [401, 400, 400, 400, 403, 403]),
        ("GET", "/api/v1/links?carrier=carrier-b&%63arrier=carrier-a", [401, 400, 400, 400, 403, 400]),
        ("GET", "/api/v1/links/LL-0001", [401, 200, 200, 200, 200, 403]),
        ("GET", "/links/LL-0001", [401, 200, 200, 200, 200, 403]),
        ("GET", "/links", [401, 200, 200, 200, 403, 403]),
        ("GET", "/incidents", [401, 200, 200, 200, 403, 403]),
        ("GET", "/down", [401, 200, 200, 200, 403, 403]),
        ("GET", "/desk.css", [401, 200, 200, 200, 200, 200]),
        ("POST", "/incidents/x", [401, 403, 404, 403, 403, 403]),
        ("GET", "/-/healthy", [401, 200, 200, 200, 200, 200]),
        ("GET", "/api/v1/links/../incidents", [401, 404, 404, 404, 403, 403]),
        ("POST", "/api/v1/incidents/x/acknowledge", [401, 403, 400, 403, 403, 403]),
        ("POST", "/api/v1/incidents/x/link", [401, 403, 409, 403, 403, 403]),
        ("POST", "/api/v1/answer-links/rotate", [401, 403, 400, 403, 403, 403]),
        ("POST", "/api/v1/windows", [401, 403, 400, 403, 403, 403]),
        ("GET", "/api/v1/replies", [401, 200, 200, 200, 403, 403]),
        ("POST", "/api/v1/replies", [401, 403, 400, 403, 403, 403]),
        ("POST", "/api/v1/replies/x/settle", [401, 403, 400, 403, 403, 403]),
        ("GET", "/login", [200; 6]),
        ("POST", "/logout", [401, 303, 303, 303, 303, 303]),
        // Signed links ask for no user, and open nothing without a signature.
        ("GET", "/a/x", [404; 6]),
        ("POST", "/a/x", [404; 6]),
        ("GET", "/a/../metrics", [404; 6]),
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
async fn a_carrier_sees_its_own_part_of_an_incident_and_no_other() {
    let server = Server::start_for(10, Some(web()), false).await;
    let mut snapshot = (*server.feed.load()).clone();
    let mut incident = (*snapshot.incidents[0]).clone();
    let (own, other) = (incident.clocks[0].clone(), incident.timeline[0].clone());
    incident.clocks.push(Clock { party: "carrier/carrier-a".into(), ..own });
    incident.timeline.push(TimelineEntry {
        party: "carrier/carrier-a".into(),
        note: "a splice".into(),
        ..other.clone()
    });
    incident.timeline.push(TimelineEntry { party: "carrier/carrier-b".into(), note: "a secret".into(), ..other });
    snapshot.incidents = [Arc::new(incident)].into();
    server.feed.publish(snapshot);
    let mut seen = vec![];
    for user in ["李工", "noc-a", "noc-b"] {
        let request = Request::get(format!("http://{}/api/v1/incidents", server.address));
        let request = request.header("authorization", basic(user, "open sesame"));
        let (_, body) = server.send(request.body(Full::default()).unwrap()).await;
        let listed: Value = serde_json::from_str(&body).unwrap();
        let count = |key: &str| listed["incidents"][0][key].as_array().map_or(0, Vec::len);
        seen.push((listed["total"].as_u64().unwrap(), ["links", "clocks", "timeline"].map(count)));
        assert_eq!((body.contains("a splice"), body.contains("a secret")), (user != "noc-b", user == "李工"), "{body}");
    }
    assert_eq!(seen, [(1, [1, 3, 3]), (1, [1, 1, 1]), (0, [0, 0, 0])]);
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
        let referrer = if path == "/" { "same-origin" } else { "no-referrer" };
        assert_eq!(
            (&headers["x-frame-options"], &headers["referrer-policy"]),
            (&"DENY".parse().unwrap(), &referrer.parse().unwrap())
        );
    }
}

/// A browser's exchange: status, headers and body.
async fn browse(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, axum::http::HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(format!("http://{}{path}", server.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = server.client.request(request.body(Full::from(body.to_owned())).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).unwrap())
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Logs in; the cookie, and the token of its forms.
async fn log_in(server: &Server, user: &str) -> (String, String) {
    let fields = serde_urlencoded::to_string([("name", user), ("password", "open sesame"), ("next", "/wall")]).unwrap();
    let (status, headers, _) = browse(server, "POST", "/login", &[FORM], &fields).await;
    assert_eq!((status, &headers["location"]), (303, &"/wall".parse().unwrap()));
    let cookie = headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let (_, _, page) = browse(server, "GET", "/", &[("cookie", &cookie)], "").await;
    let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (cookie, token)
}

#[tokio::test]
async fn a_browser_logs_in_once_and_changes_nothing_without_the_token() {
    let server = Server::start_for(3, Some(web()), false).await;
    let (status, headers, _) = browse(&server, "GET", "/wall?visitor=1", &[("accept", "text/html,*/*")], "").await;
    assert_eq!((status, &headers["location"]), (303, &"/login?next=%2Fwall%3Fvisitor%3D1".parse().unwrap()));
    let wrong = "name=%E6%9D%8E%E5%B7%A5&password=guess";
    let (status, headers, page) = browse(&server, "POST", "/login", &[FORM], wrong).await;
    assert!(status == 401 && page.contains("口令不对") && !headers.contains_key("set-cookie"), "{status} {page}");
    assert_eq!(browse(&server, "POST", "/login", &[FORM, ("origin", "https://evil.example")], wrong).await.0, 403);

    let (cookie, token) = log_in(&server, "李工").await;
    let cookie = ("cookie", cookie.as_str());
    let act = "/api/v1/incidents/x/acknowledge";
    let json = ("content-type", "application/json");
    let other = log_in(&server, "李工").await.1;
    for (headers, body, wanted) in [
        (vec![cookie, json], "{}", 403),
        (vec![cookie, json, ("x-csrf-token", "guess")], "{}", 403),
        (vec![cookie, json, ("x-csrf-token", other.as_str())], "{}", 403),
        (vec![cookie, json, ("x-csrf-token", token.as_str()), ("origin", "https://evil.example")], "{}", 403),
        (vec![cookie, FORM], "csrf=guess", 403),
        // Let in, and then told that it says nothing.
        (vec![cookie, json, ("x-csrf-token", token.as_str())], "{}", 400),
    ] {
        assert_eq!(browse(&server, "POST", act, &headers, body).await.0, wanted, "{headers:?}");
    }
    // Nobody brings a token or a name of his own along.
    let (_, _, page) =
        browse(&server, "GET", "/", &[cookie, ("x-linkpatrol-token", "mine"), ("x-linkpatrol-user", "王工")], "").await;
    assert!(!page.contains("mine") && page.contains("李工") && !page.contains("王工"));
    let (viewer, viewer_token) = log_in(&server, "view").await;
    let viewer = [("cookie", viewer.as_str()), json, ("x-csrf-token", viewer_token.as_str())];
    assert_eq!(browse(&server, "POST", act, &viewer, "{}").await.0, 403, "a session has its user's role");

    let (status, headers, _) = browse(&server, "POST", "/logout", &[cookie, FORM], &format!("csrf={token}")).await;
    assert!(status == 303 && headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(browse(&server, "GET", "/", &[cookie], "").await.0, 401);
}

#[tokio::test]
async fn an_event_stream_ends_with_the_session_that_it_was_opened_with() {
    let server = Server::start_for(3, Some(web()), false).await;
    let (cookie, token) = log_in(&server, "view").await;
    let stream = Request::get(format!("http://{}/api/v1/events", server.address)).header("cookie", &cookie);
    let mut stream = server.client.request(stream.body(Full::default()).unwrap()).await.unwrap().into_body();
    assert!(stream.frame().await.unwrap().is_ok());
    let leave = format!("csrf={token}");
    assert_eq!(browse(&server, "POST", "/logout", &[("cookie", &cookie), FORM], &leave).await.0, 303);
    let rest = tokio::time::timeout(Duration::from_secs(5), stream.collect()).await;
    assert!(rest.expect("the stream ends").is_ok());
}
