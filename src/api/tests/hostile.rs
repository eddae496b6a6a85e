//! What nobody means well: hostile values in every path, query and body of every route. Never 500, never a panic, never
//! an echo that a browser would run.

use std::mem;

use axum::http::HeaderMap;

use super::*;

/// Runs when a page gives it back as it is.
const MARK: &str = "<lp-x>";

fn values() -> Vec<String> {
    let mut values: Vec<String> = [
        "\"><lp-x>'`",
        "';<lp-x>--",
        "<lp-x>\r\nX-Mark: set",
        "../../../etc/passwd",
        "\0",
        "\u{202e}\u{feff}链路\u{10ffff}",
        "-1",
        "18446744073709551616",
        "1e999",
        "NaN",
        "{{7*7}}${7*7}%s%n",
        "0000-00-00T00:00:00Z",
        "9999-12-31T23:59:59+23:59",
        "292277026597-01-01T00:00:00Z",
        "2026-13-45",
        "=cmd|' /C calc'!A0",
        "true",
        "",
    ]
    .map(str::to_owned)
    .into();
    values.push("<lp-x>".repeat(40));
    values
}

/// Queries and bodies that no form would send.
const BROKEN: [&str; 7] = ["%", "%zz=%zz", "%ff%fe=%ff", "&&&===", "a[]=1&a[b]=2", "[[[[[[[[[[[[[[[[[[", "{\"actor\":"];
/// Fields of pages and of their forms; those of the API stand in `openapi.json`.
const FIELDS: [&str; 45] = [
    "lang",
    "q",
    "state",
    "carrier",
    "unit",
    "kind",
    "segment",
    "sort",
    "page",
    "format",
    "part",
    "range",
    "visitor",
    "rotate",
    "said",
    "all",
    "link",
    "requirement",
    "by",
    "next",
    "month",
    "day",
    "name",
    "password",
    "csrf",
    "key",
    "do",
    "actor",
    "second",
    "note",
    "eta",
    "links",
    "from",
    "to",
    "until",
    "announced",
    "at",
    "due",
    "scopes",
    "on",
    "party",
    "reason",
    "source",
    "tier",
    "summary",
];

fn escaped(value: &str) -> String {
    let encoded = serde_urlencoded::to_string([("", value)]).unwrap();
    encoded.trim_start_matches('=').replace('+', "%20")
}

/// Names that the document has for this route: of its query, and of the body of its command.
fn documented(document: &Value, method: &str, path: &str) -> Vec<String> {
    let operation = &document["paths"][path][method];
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let query = parameters.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str());
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let named = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next());
    let schema = named.map_or(schema, |name| &document["components"]["schemas"][name]);
    let body =
        schema["properties"].as_object().into_iter().flat_map(|properties| properties.keys().map(String::as_str));
    query.chain(body).map(str::to_owned).collect()
}

/// Sends it and looks at what comes back. The stream of events never ends: of it only the head is looked at.
async fn sent(server: &Server, method: &str, uri: &str, kind: &str, body: String) {
    let what = format!("{method} {uri} {body}");
    let request = Request::builder().method(method).uri(format!("http://{}{uri}", server.address));
    let request = request.header("content-type", kind).body(Full::from(body)).unwrap();
    let response = server.client.request(request).await.unwrap_or_else(|error| panic!("{error}: {what}"));
    let (head, body) = response.into_parts();
    assert_ne!(head.status, StatusCode::INTERNAL_SERVER_ERROR, "{what}");
    let said =
        |headers: &HeaderMap, name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default().to_owned());
    assert_eq!(said(&head.headers, "x-mark"), None, "{what}");
    assert_eq!(said(&head.headers, "x-content-type-options").as_deref(), Some("nosniff"), "{what}");
    let kind = said(&head.headers, "content-type").unwrap_or_default();
    if !kind.starts_with("text/event-stream") {
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(!kind.starts_with("text/html") || !body.contains(MARK), "{what} is echoed as it was sent:\n{body}");
    }
}

#[tokio::test]
async fn hostile_values_break_no_route_and_come_back_from_no_page() {
    let mut server = Server::start(3).await;
    // The loop takes whatever is asked of it.
    let (_, nobody) = mpsc::channel(1);
    let mut asked = mem::replace(&mut server.asked, nobody);
    tokio::spawn(async move {
        while let Some(Asked { reply, .. }) = asked.recv().await {
            _ = reply.send(Reply::Done { at: Timestamp(0) });
        }
    });
    let document: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let incident = server.feed.load().incidents[0].id.to_string();
    for (method, path, _) in routes() {
        let mut names = documented(&document, method, path);
        let is_page = !document["paths"].as_object().unwrap().contains_key(path);
        if is_page {
            names = FIELDS.map(str::to_owned).into();
        }
        let real =
            path.replace("/links/{id}", "/links/LL-0002").replace("/incidents/{id}", &format!("/incidents/{incident}"));
        let real = real.replace("{id}", "LL-0002").replace("{action}", "acknowledge");
        let real = real.replace("{step}", "approve").replace("{verdict}", "approve").replace("{pass}", "x");
        for (nth, value) in values().into_iter().enumerate() {
            let part = escaped(&value);
            let filled: Vec<_> =
                path.split('/').map(|piece| if piece.starts_with('{') { &part } else { piece }).collect();
            let query = |names: &[String]| {
                serde_urlencoded::to_string(names.iter().map(|name| (name, &value)).collect::<Vec<_>>()).unwrap()
            };
            let json = |names: &[String]| {
                Value::Object(names.iter().map(|name| (name.clone(), json!(value))).collect()).to_string()
            };
            let method = method.to_uppercase();
            if path.contains('{') && !part.is_empty() && !value.starts_with("..") {
                sent(&server, &method, &filled.join("/"), "application/json", json(&names)).await;
            }
            // Pages take what they can read of a query; two values in each field alone, and all values in all of them.
            let alone = if is_page && nth > 1 { &[][..] } else { &names[..] };
            let every = alone.chunks(1).chain([names.as_slice()]);
            match method.as_str() {
                "GET" => {
                    for names in every {
                        sent(&server, "GET", &format!("{real}?{}", query(names)), "text/plain", String::new()).await;
                    }
                }
                _ => {
                    for names in every {
                        sent(&server, &method, &real, "application/json", json(names)).await;
                        sent(&server, &method, &real, "application/x-www-form-urlencoded", query(names)).await;
                    }
                }
            }
        }
        for broken in BROKEN {
            match method {
                "get" if !broken.contains(['[', '{', '"']) => {
                    sent(&server, "GET", &format!("{real}?{broken}"), "text/plain", String::new()).await;
                }
                "get" => {}
                _ => {
                    for kind in ["application/json", "application/x-www-form-urlencoded", "text/calendar"] {
                        sent(&server, "POST", &real, kind, broken.to_owned()).await;
                    }
                }
            }
        }
    }
    assert_eq!(server.get("/-/healthy").await.0, StatusCode::OK);
}
