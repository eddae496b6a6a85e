//! What blackbox_exporter can do since 0.24, held to tables made from the documentation of 0.28 (CONFIGURATION.md and the help of its
//! metrics): no such exporter is packaged here to be compared with. The older part is compared with a running 0.23 by a story.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::http::HeaderMap as Trailers;
use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Frame, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixListener},
};

use super::{families, *};
use crate::{
    diagnostic::Findings,
    profile::module::{Environment, Modules},
    units::Allowed,
};

/// What `/probe` answers for a module of these options, without help lines and lengths of time.
async fn told(options: &str, target: &str, allowed: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.yml"), format!("modules:\n  m: {options}\n")).unwrap();
    let mut findings = Findings::default();
    let modules = Modules::load(&folder.path().join("m.yml"), &mut findings).expect("modules that can be used");
    let module = &modules.modules["m"];
    let check = module.check(target, None, &Environment::default()).expect("a target that can be read");
    let allowed = Allowed::these(allowed.iter().map(|text| text.parse().unwrap()).collect());
    let checker = Checker::new(None).limited_to(allowed);
    let report = checker.run(&Check { deadline: Duration::from_secs(3), ..check }).await;
    let text = families::written(module, &report);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let plain = |line: &str| {
        if line.contains("seconds") { line.split(' ').next().unwrap_or_default().to_owned() } else { line.to_owned() }
    };
    lines.map(plain).filter(|line| !line.starts_with("probe_ip_addr_hash")).collect()
}

/// A server of gRPC health that says `message` and ends with `code`.
async fn health(message: &'static [u8], code: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = move |request: hyper::Request<hyper::body::Incoming>| async move {
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                assert_eq!(
                    (&request.headers()["te"], &request.headers()["x-desk"]),
                    (&"trailers".parse().unwrap(), &"7".parse().unwrap())
                );
                let asked = request.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(&*asked, b"\0\0\0\0\x06\x0a\x04desk");
                let mut trailers = Trailers::new();
                trailers.insert("grpc-status", code.parse().unwrap());
                let frames = [Frame::data(hyper::body::Bytes::from_static(message)), Frame::trailers(trailers)];
                let body = StreamBody::new(futures_util::stream::iter(frames).map(Ok::<_, std::convert::Infallible>));
                hyper::Response::builder().header("content-type", "application/grpc").body(body)
            };
            tokio::spawn(
                http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service_fn(answer)),
            );
        }
    });
    address
}

const GRPC: &str = "{prober: grpc, grpc: {service: desk, metadata: {X-Desk: ['7']}}}";

fn grpc(serving: &str, code: u16, success: u8) -> Vec<String> {
    let states = ["NOT_SERVING", "SERVICE_UNKNOWN", "SERVING", "UNKNOWN"];
    let state =
        |state| format!("probe_grpc_healthcheck_response{{serving_status=\"{state}\"}} {}", u8::from(state == serving));
    let head = ["probe_dns_lookup_time_seconds", "probe_duration_seconds"].map(str::to_owned).into_iter();
    let phases = ["check", "resolve"].map(|phase| format!("probe_grpc_duration_seconds{{phase=\"{phase}\"}}"));
    let tail =
        ["probe_grpc_ssl 0".to_owned(), format!("probe_grpc_status_code {code}"), "probe_ip_protocol 4".to_owned()];
    let lines = head.chain(phases).chain(states.map(state)).chain(tail);
    lines.chain([format!("probe_success {success}")]).collect()
}

#[tokio::test]
async fn grpc_by_the_documentation_of_0_28() {
    for (message, code, serving, success) in [
        (&b"\0\0\0\0\x02\x08\x01"[..], "0", "SERVING", 1),
        (b"\0\0\0\0\x02\x08\x02", "0", "NOT_SERVING", 0),
        (b"", "5", "", 0),
    ] {
        let target = health(message, code).await.to_string();
        assert_eq!(told(GRPC, &target, &[]).await, grpc(serving, code.parse().unwrap(), success), "{serving} {code}");
    }
    assert_eq!(told(GRPC, "127.0.0.1:1", &[]).await, grpc("", 14, 0), "nobody listens: UNAVAILABLE");
}

/// A server that says `words` to every request, after the head of it.
async fn saying(words: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = [0; 2048];
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(words.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn expressions_about_json_by_the_documentation_of_0_27() {
    let json = "HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n{\"state\":\"ok\",\"rows\":[1,2,3,40]}";
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome";
    for (words, key, expression, [failed, success]) in [
        (json, "fail_if_body_json_not_matches_cel", "body.state == 'ok' && body.rows.size() == 4", [0, 1]),
        (json, "fail_if_body_json_not_matches_cel", "body.rows.all(row, row < 40)", [1, 0]),
        (json, "fail_if_body_json_matches_cel", "body.rows.exists(row, row > 39)", [1, 0]),
        (json, "fail_if_body_json_matches_cel", "body.state == 'down'", [0, 1]),
        (json, "fail_if_body_json_matches_cel", "body.none == 'down'", [1, 0]),
        (json, "fail_if_body_json_matches_cel", "body.state", [1, 0]),
        (text, "fail_if_body_json_matches_cel", "false", [1, 0]),
    ] {
        let target = format!("http://{}/", saying(words).await);
        let told = told(&format!("{{prober: http, http: {{{key}: \"{expression}\"}}}}"), &target, &[]).await;
        let has = |line: String| assert!(told.contains(&line), "{key} {expression}: {line} in {told:?}");
        has(format!("probe_failed_due_to_cel {failed}"));
        has("probe_failed_due_to_regex 0".to_owned());
        has(format!("probe_success {success}"));
    }
}

#[tokio::test]
async fn sockets_of_this_host_and_kept_labels_by_the_documentation_of_0_28() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"desk 7 ready\n").await;
            let mut heard = [0; 5];
            let _ = stream.read_exact(&mut heard).await;
            let _ = stream.write_all(if &heard == b"ask 7" { b"OK" } else { b"NO" }).await;
            let _ = stream.read(&mut heard).await;
        }
    });
    let talk = |bytes: &str| {
        format!(
            "{{prober: unix, unix: {{query_response: [{{expect: '^desk ([0-9]+)', send: 'ask ${{1}}', labels: [{{name: desk, value: '${{1}}'}}]}}, \
             {{expect_bytes: {bytes}}}]}}}}"
        )
    };
    let (target, allowed) = (path.display().to_string(), folder.path().display().to_string());
    let expected = |failed: u8| {
        let lines = [
            "probe_dns_lookup_time_seconds".to_owned(),
            "probe_duration_seconds".to_owned(),
            format!("probe_failed_due_to_bytes {failed}"),
            "probe_expect_info{desk=\"7\"} 1".to_owned(),
            "probe_failed_due_to_regex 0".to_owned(),
            format!("probe_success {}", 1 - failed),
        ];
        lines.to_vec()
    };
    assert_eq!(told(&talk("OK"), &target, &[&allowed]).await, expected(0));
    assert_eq!(told(&talk("KO"), &target, &[&allowed]).await, expected(1));
    let refused = told("{prober: unix}", &target, &["127.0.0.0/8"]).await;
    assert!(refused.contains(&"probe_success 0".to_owned()), "a folder that is not listed: {refused:?}");
    let climbing = format!("{allowed}/../{}", Path::new(&target).strip_prefix("/").unwrap().display());
    assert!(!Allowed::these(vec![allowed.parse().unwrap()]).has_socket(Path::new(&climbing)));
}

/// A proxy that leads wherever it is told, and counts.
async fn proxy() -> (SocketAddr, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = vec![];
            while !heard.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                heard.push(byte);
            }
            let head = String::from_utf8(heard).unwrap();
            assert!(head.contains("\r\nProxy-Authorization: Basic ZGVzazp3b3Jk\r\nX-Way: north\r\n"), "{head}");
            let to = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match tokio::net::TcpStream::connect(to).await {
                Ok(mut far) => {
                    let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut far).await;
                }
                Err(_) => _ = stream.write_all(b"HTTP/1.1 502 Bad gateway\r\n\r\n").await,
            }
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_page_with_tls_is_reached_through_the_tunnel_of_a_proxy() {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 2048]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let (proxy, count) = proxy().await;
    let options = format!(
        "{{prober: http, http: {{proxy_url: 'http://desk:word@{proxy}', proxy_connect_header: {{X-Way: [north]}}, \
         tls_config: {{insecure_skip_verify: true}}}}}}"
    );
    let good = told(&options, &format!("https://{site}/"), &[]).await;
    assert!(good.contains(&"probe_success 1".to_owned()) && good.contains(&"probe_http_ssl 1".to_owned()), "{good:?}");
    let bad = told(&options, "https://127.0.0.1:1/", &[]).await;
    assert!(bad.contains(&"probe_success 0".to_owned()), "{bad:?}");
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 2);
    let aside = told(&options, "https://198.18.0.1/", &[]).await;
    assert!(aside.contains(&"probe_success 0".to_owned()), "a proxy leads nowhere that is not listed");
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 2);
}
