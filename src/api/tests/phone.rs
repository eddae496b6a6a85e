//! The page of a party, over a real server: what it shows by itself, and what a form asks of the loop.

use super::{doors::web, *};
use crate::{
    incident::Incident,
    notify::pass::{KEY_BYTES, PassKey, Passes},
};

const INCIDENT: &str = "01KDVDNK00000000000000TEST";

/// A server with users, whose incident holds these links of `carrier-a`; and the path of its page.
async fn with_links(down: usize) -> (Server, String) {
    let passes = Passes::new(PassKey::new(&[7; KEY_BYTES]), "https://noc.example");
    let server = Server::start_with(down + 5, Some(web()), false, Some(passes.clone())).await;
    let mut snapshot = fixture::snapshot(down + 5);
    let incident = snapshot.incidents[0].clone();
    let links = snapshot.inventory.links.iter().take(down).map(|link| (link.id.clone(), true)).collect();
    snapshot.incidents = [Arc::new(Incident { links, ..(*incident).clone() })].into();
    server.feed.publish(snapshot);
    let (url, _) = passes.link("carrier/carrier-a", INCIDENT, AT.utc, 1);
    (server, url.strip_prefix("https://noc.example").unwrap().to_owned())
}

#[tokio::test]
async fn thirty_seven_circuits_are_answered_for_in_one_press_without_a_password() {
    let (mut server, path) = with_links(37).await;
    let (status, page) = server.get(&path).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.len() < 30_000, "{} bytes", page.len());
    assert_eq!(page.matches("<input type=\"checkbox\"").count(), 37);
    assert!(page.contains("lang=\"zh-CN\"") && page.contains("不勾选电路即对全部 37 条生效"));
    assert!(!page.contains("<script") && !page.contains("src="));

    let form = page.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields =
        [("form", form.as_str()), ("do", "acknowledge"), ("person", " 赵工 "), ("work_order", "GD-1"), ("eta", "60")];
    let request = Request::post(format!("http://{}{path}", server.address))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "null")
        .header("host", "noc.example")
        .body(Full::from(serde_urlencoded::to_string(fields).unwrap()))
        .unwrap();
    let answered = async {
        let Asked { command, reply } = server.asked.recv().await.unwrap();
        _ = reply.send(Reply::Done { at: AT.utc });
        command
    };
    let (command, response) = tokio::join!(answered, server.client.request(request));
    assert_eq!(response.unwrap().status(), StatusCode::SEE_OTHER);
    assert_eq!((command.actor.as_str(), command.way.as_str()), ("赵工", "page"));
    assert_eq!(
        command.action,
        Action::Acknowledge {
            incident: INCIDENT.into(),
            party: "carrier/carrier-a".into(),
            note: String::new(),
            work_order: "GD-1".into(),
            eta: Some(AT.utc.plus(Duration::from_secs(3_600))),
        }
    );
}

#[tokio::test]
async fn a_carrier_of_a_thousand_circuits_still_gets_a_small_page() {
    let (server, path) = with_links(1_000).await;
    let (_, page) = server.get(&path).await;
    assert!(page.len() < 30_000 && page.contains("另有贵方电路 940 条未列出"), "{} bytes", page.len());
}

#[tokio::test]
async fn an_old_link_says_so_and_another_opens_nothing() {
    let (server, path) = with_links(3).await;
    server.clock.set(Now { mono: AT.mono, utc: AT.utc.plus(Duration::from_secs(72 * 3_600 + 1)) });
    let (status, page) = server.get(&path).await;
    assert!(status == StatusCode::GONE && page.contains("此链接已过期"), "{page}");
    let (status, page) = server.get("/a/guess").await;
    assert!(status == StatusCode::NOT_FOUND && page.contains("此链接无效"), "{page}");
}
