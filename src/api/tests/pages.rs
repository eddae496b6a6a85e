//! The pages of the desk over a real server: what stands on them, in both languages, and what their forms ask of the loop.

use super::{doors::web, *};

/// Every page without an id in its address.
const PAGES: [&str; 12] = [
    "/",
    "/links",
    "/incidents",
    "/down",
    "/topology",
    "/services",
    "/certificates",
    "/maintenance",
    "/handover",
    "/report",
    "/contract",
    "/settings",
];

#[tokio::test]
async fn every_page_speaks_both_languages_and_needs_no_script_of_its_own() {
    let server = Server::start(9).await;
    let incident = format!("/incidents/{}", server.feed.load().incidents[0].id);
    for page in PAGES.into_iter().chain(["/links/LL-0002", incident.as_str()]) {
        for (language, word) in [("zh-CN", "链路"), ("en", "links")] {
            let (status, body) = server.get(&format!("{page}?lang={language}")).await;
            assert_eq!(status, StatusCode::OK, "{page}: {body}");
            assert!(body.contains(&format!("<html lang=\"{language}\">")) && body.contains(word), "{page} {language}");
            assert!(!body.contains("<script>") && !body.contains(" style=") && !body.contains("<style"), "{page}");
            assert!(!body.contains("onclick"), "{page}");
        }
    }
}

#[tokio::test]
async fn links_are_searched_sorted_paged_and_exported() {
    let server = Server::start(250).await;
    let (_, page) = server.get("/links?lang=en").await;
    assert_eq!(page.matches("<a href=\"/links/LL-").count(), 100);
    let down = page.find("LL-0002").expect("the one that is down");
    assert!(down < page.find("LL-0001").expect("a degraded one"), "trouble stands first");
    let (_, page) = server.get("/links?lang=en&sort=-id&page=3").await;
    assert_eq!(page.matches("<a href=\"/links/LL-").count(), 50);
    assert!(page.contains("LL-0000") && page.contains(" ▼"));
    let (_, page) = server.get("/links?state=down&q=ll-0002&carrier=&unit=&kind=nonsense").await;
    assert_eq!(page.matches("<a href=\"/links/LL-").count(), 1);
    let (_, csv) = server.get("/links?lang=en&format=csv&state=unknown").await;
    let rows: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(rows.len(), 3, "{csv}");
    assert!(rows[0].starts_with("state,link,") && rows[1].contains("LL-0003"), "{csv}");
    // A link that is down has no loss: what it loses is down-time.
    let (_, csv) = server.get("/links?format=csv&q=LL-0002").await;
    let row = csv.lines().nth(1).expect("a row");
    assert!(row.contains(",–,–,") && row.contains("98.3333 %"), "{row}");
}

#[tokio::test]
async fn a_link_shows_its_past_as_a_plot_and_as_csv() {
    let server = Server::start(3).await;
    server.clock.set(AT);
    let (_, page) = server.get("/links/LL-0002?lang=en&range=1w").await;
    assert!(page.contains("<svg") && page.contains("class=\"median l2\"") && page.contains("p50 4.0"), "{page}");
    let (_, csv) = server.get("/links/LL-0002?format=csv&range=1w").await;
    assert!(csv.lines().nth(1).expect("a row").contains(",far,local,298,2,0,"), "{csv}");
    let (_, page) = server.get("/links/LL-0001?lang=en&range=1y").await;
    assert!(!page.contains("<svg") && page.contains("nothing is stored"));
    assert_eq!(server.get("/links/LL-9999").await.0, StatusCode::NOT_FOUND);
}

impl Server {
    async fn submit(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", format!("http://{}", self.address))
            .header("cookie", cookie)
            .body(Full::from(serde_urlencoded::to_string(fields).unwrap()))
            .unwrap();
        self.send(request).await
    }

    /// Answers the next command as told and says what it was.
    async fn obeyed(&mut self, reply: Reply) -> Command {
        let asked = self.asked.recv().await.expect("a command");
        asked.reply.send(reply).expect("somebody waits");
        asked.command
    }
}

#[tokio::test]
async fn a_form_is_a_command_with_a_name_and_pressed_twice_the_same() {
    let mut server = Server::start(9).await;
    let path = format!("/incidents/{}", server.feed.load().incidents[0].id);
    let (_, page) = server.get(&path).await;
    let key = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("do", "record"), ("key", &key), ("actor", "李工"), ("step", "diagnosed"), ("note", "光缆中断")];
    let mut keys = vec![];
    for _ in 0..2 {
        let address = server.address;
        let sent = tokio::spawn({
            let (path, body) = (path.clone(), serde_urlencoded::to_string(fields).unwrap());
            let client = server.client.clone();
            async move {
                let request = Request::post(format!("http://{address}{path}?lang=en"))
                    .header("content-type", "application/x-www-form-urlencoded")
                    .header("origin", format!("http://{address}"))
                    .body(Full::from(body))
                    .unwrap();
                client.request(request).await.unwrap()
            }
        });
        let command = server.obeyed(Reply::Done { at: AT.utc }).await;
        assert_eq!((command.actor.as_str(), command.way.as_str()), ("李工", "page"));
        assert!(matches!(&command.action, Action::Record { step: Step::Diagnosed, note, .. } if note == "光缆中断"));
        keys.push(command.key);
        let answer = sent.await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()["location"], format!("{path}?lang=en&said=done"));
    }
    assert_eq!(keys[0], keys[1]);
    // What makes no sense is answered on the page itself.
    let (status, page) = server.submit(&path, "", &[("do", "record"), ("actor", "李工"), ("step", "danced")]).await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("id=\"said\""), "{page}");
    let (status, _) = server.submit(&path, "", &[("do", "explode"), ("actor", "李工")]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn under_a_session_a_form_needs_its_token_and_is_signed_by_its_user() {
    let mut server = Server::start_for(9, Some(web()), false).await;
    let path = format!("/incidents/{}", server.feed.load().incidents[0].id);
    let login = Request::post(format!("http://{}/login", server.address))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", format!("http://{}", server.address))
        .body(Full::from(serde_urlencoded::to_string([("name", "李工"), ("password", "open sesame")]).unwrap()))
        .unwrap();
    let answer = server.client.request(login).await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = Request::get(format!("http://{}{path}", server.address)).header("cookie", &cookie);
    let (_, page) = server.send(page.body(Full::default()).unwrap()).await;
    assert!(!page.contains("name=\"actor\"") && page.contains("李工"));
    let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (status, _) = server.submit(&path, &cookie, &[("do", "acknowledge"), ("csrf", "wrong")]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let fields = [("do", "acknowledge"), ("csrf", token.as_str()), ("actor", "别人")];
    let (sent, command) = {
        let asked = &mut server.asked;
        let request = Request::post(format!("http://{}{path}", server.address))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", format!("http://{}", server.address))
            .header("cookie", &cookie)
            .body(Full::from(serde_urlencoded::to_string(fields).unwrap()))
            .unwrap();
        tokio::join!(server.client.request(request), async {
            let asked = asked.recv().await.expect("a command");
            asked.reply.send(Reply::Refused(Refusal::AlreadyClosed)).expect("somebody waits");
            asked.command
        })
    };
    assert_eq!(command.actor, "李工");
    assert_eq!(sent.unwrap().status(), StatusCode::CONFLICT, "a refusal is told on the page");
}

/// What a form asks of the loop, and where its answer leads.
async fn sent(server: &mut Server, path: &str, fields: &[(&str, &str)], reply: Reply) -> (Action, String) {
    let request = Request::post(format!("http://{}{path}", server.address))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", format!("http://{}", server.address))
        .body(Full::from(serde_urlencoded::to_string(fields).unwrap()))
        .unwrap();
    let asked = &mut server.asked;
    let (answer, action) = tokio::join!(server.client.request(request), async {
        let asked = asked.recv().await.expect("a command");
        asked.reply.send(reply).expect("somebody waits");
        asked.command.action
    });
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    (action, answer.headers()["location"].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_watch_is_handed_over_a_fault_reported_and_work_planned_from_pages() {
    let mut server = Server::start(9).await;
    let done = Reply::Done { at: AT.utc };
    let fields = [("actor", "李工"), ("second", "王工"), ("note", "交接")];
    let (action, place) = sent(&mut server, "/handover?lang=en", &fields, done.clone()).await;
    assert!(matches!(&action, Action::HandoverSigned { second, .. } if second == "王工"), "{action:?}");
    assert_eq!(place, "/handover?lang=en&said=done");

    let reported = Reply::Reported { at: AT.utc, incidents: vec!["01X".to_owned()], joined: false };
    let fields =
        [("actor", "李工"), ("links", "LL-0001 LL-0002"), ("what", "打不开"), ("party", "customer"), ("at", "")];
    let (action, place) = sent(&mut server, "/report", &fields, reported).await;
    let Action::Report(report) = action else { panic!("{action:?}") };
    assert_eq!((report.links, report.party.as_str()), (vec!["LL-0001".to_owned(), "LL-0002".to_owned()], "customer"));
    assert_eq!(place, "/incidents/01X?lang=zh-CN&said=done");

    let times = [("from", "2026-12-01T02:00"), ("to", "2026-12-01T04:00")];
    let fields = [
        ("do", "announce"),
        ("actor", "李工"),
        ("scopes", "link/LL-0001"),
        ("requester", "甲"),
        ("reason", "割接"),
        ("drill", "on"),
    ];
    let (action, _) = sent(&mut server, "/maintenance", &[&fields[..], &times].concat(), done.clone()).await;
    let Action::Window(planned) = action else { panic!("{action:?}") };
    assert_eq!(planned.to.0 - planned.from.0, 7_200_000);
    assert!(planned.drill && planned.scopes == ["link/LL-0001"]);
    let fields = [("do", "approve"), ("actor", "王处"), ("window", "01W")];
    let (action, _) = sent(&mut server, "/maintenance", &fields, done).await;
    assert!(matches!(&action, Action::ApproveWindow { window, .. } if window == "01W"));
    // A person does not report as another system.
    let fields = [("actor", "李工"), ("source", "itsm/1"), ("what", "x")];
    assert_eq!(server.submit("/report", "", &fields).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_contract_says_which_rule_applies_and_topology_what_failed() {
    let server = Server::start(9).await;
    let (_, page) = server.get("/contract?lang=en&about=LL-0002").await;
    assert!(page.contains("99.9 %") && page.contains("about=LL-0002"), "{page}");
    let (_, page) = server.get("/contract?lang=en&about=nonsense").await;
    assert!(page.contains("neither the ledger nor the requirements"));
    let (_, page) = server.get("/topology?lang=en").await;
    assert!(page.contains("<svg class=\"topology\"") && page.contains("class=\"edge down\""), "{page}");
    let (_, csv) = server.get("/topology?lang=en&format=csv").await;
    assert!(csv.contains("1 / "), "{csv}");
}

#[tokio::test]
async fn a_refused_form_keeps_what_was_typed_and_says_beside_the_field_what_is_wrong() {
    let mut server = Server::start(9).await;
    let incident = format!("/incidents/{}", server.feed.load().incidents[0].id);
    let note = ("note", "光缆<被>挖断");
    let key = ("key", "00112233445566aa");
    // The page refuses by itself: a time that is none, a name that is missing, a field that is missing.
    let recorded = [("do", "record"), ("actor", "李工"), ("step", "diagnosed"), ("eta", "soon"), note, key];
    let annulled = [("do", "annul"), ("second", "王处"), note, key];
    let reason = ("reason", note.1);
    let announced = [("do", "announce"), ("actor", "李工"), ("from", "2026-11-27T10:30"), reason, key];
    let reported = [("actor", "李工"), ("drill", "on"), ("links", "LL-1"), key];
    let cases = [
        (incident.as_str(), &recorded[..], "record-eta"),
        (&incident, &annulled, "annul-actor"),
        ("/maintenance", &announced, "announce-scopes"),
        ("/report", &reported, "report-what"),
    ];
    for (path, fields, wrong) in cases {
        let (answered, page) = server.submit(&format!("{path}?lang=en"), "", fields).await;
        assert_eq!(answered, StatusCode::BAD_REQUEST, "{wrong}: {page}");
        let (form, field) = wrong.split_once('-').unwrap();
        assert!(page.contains(&format!("<span class=\"wrong\" id=\"{wrong}-wrong\">")), "{wrong}: {page}");
        assert_eq!(page.matches("class=\"wrong\"").count(), 1, "{wrong}: {page}");
        assert!(page.contains(&format!("name=\"{field}\"")), "{wrong}");
        let shown = page.split(&format!("id=\"{form}\"")).nth(1).unwrap().split("</form>").next().unwrap();
        for (name, value) in fields.iter().filter(|(name, _)| !["do", "key", "drill", "note", "reason"].contains(name))
        {
            assert!(shown.contains(&format!("name=\"{name}\"")) && shown.contains(value), "{wrong}: {name} in {shown}");
        }
        assert!(!page.contains(key.1) && !page.contains("<被>"), "a new form has a new key: {wrong}");
    }
    assert!(server.asked.try_recv().is_err(), "nothing of it reached the loop");
    // Who loses the race keeps the note, although the form makes no sense any more.
    let fields = [("do", "acknowledge"), ("actor", "李工"), ("party", "operator"), ("work_order", "W-7"), note, key];
    let path = format!("{incident}?lang=en");
    for (reply, status) in [
        (Reply::Refused(Refusal::AlreadyAcknowledged { by: "王处".into() }), StatusCode::CONFLICT),
        (Reply::Refused(Refusal::NoSuchParty { known: vec![] }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let form = serde_urlencoded::to_string(fields).unwrap();
        let request = Request::post(format!("http://{}{path}", server.address))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", format!("http://{}", server.address))
            .body(Full::from(form))
            .unwrap();
        let client = server.client.clone();
        let sent = tokio::spawn(async move { client.request(request).await.unwrap() });
        server.obeyed(reply).await;
        let answer = sent.await.unwrap();
        assert_eq!(answer.status(), status);
        let page = answer.into_body().collect().await.unwrap().to_bytes();
        let page = String::from_utf8(page.to_vec()).unwrap();
        assert!(page.contains("value=\"光缆&#60;被&#62;挖断\"") && page.contains("value=\"W-7\""), "{page}");
        assert_eq!(page.contains("id=\"acknowledge-party-wrong\""), status == StatusCode::UNPROCESSABLE_ENTITY);
    }
}
