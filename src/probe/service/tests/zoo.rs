//! The whole zoo in one list: which test plays a server that is just so, for every reason there is; and those servers that no
//! other test plays.

use std::{fs, path::Path, process::Command};

use hickory_resolver::proto::rr::RecordType;
use rustls::pki_types::CertificateDer;

use super::{
    dns::{good, name_server},
    shown::{NAME, Shown, authority, handshake, site, trusting},
    *,
};
use crate::{
    diagnostic::{Findings, Source},
    profile::{
        module::{Environment, Modules},
        service::Validation,
    },
};

/// The test whose server gives this reason. A new reason does not compile without one.
fn played(reason: Reason) -> &'static str {
    use Reason::*;
    match reason {
        Timeout | Reset | Closed | BadAnswer | HeadersTooLarge | BodyTooLarge | BodyIncomplete | BadCompression
        | CompressionBomb | Redirects | BadRedirect | Status | Version | HeaderMismatch | BodyMismatch | TlsMissing
        | Stale | BadTime | FutureTime => "every_faulty_page_gives_its_own_reason",
        NameNotFound | ResolverFailed => "a_name_that_does_not_exist_is_told_from_a_dead_resolver",
        Refused | ExpectMismatch => "a_port_says_what_it_must_or_why_not",
        NotTls | TlsAlert => "a_port_without_proper_tls_says_what_it_is",
        TlsTooOld => "an_old_server_shows_its_certificates",
        CipherTooOld | WeakKey => "servers_of_other_times_show_their_certificates_all_the_same",
        OnlyTlcp | Malformed => "a_server_of_the_national_protocol_alone_is_told_from_a_dead_one",
        StartTls => "a_port_that_does_not_go_over_says_why",
        Expired | NotYetValid | WrongName | SelfSigned | Incomplete | UnknownIssuer | WrongPurpose => {
            "every_bad_chain_gives_its_own_verdict_and_is_known"
        }
        Revoked => "a_revoked_certificate_is_found_by_staple_responder_and_list",
        DnsRcode => "every_faulty_name_server_gives_its_own_reason",
        DnsMismatch => "answers_are_held_to_what_they_must_be",
        DomainExpired | NotRegistered => "a_registry_says_when_a_domain_ends",
        TalkStatus => "mail_servers_and_streams_say_whether_they_are_well",
        ExchangeLost | ExchangeRejected | ExchangeStale | ExchangeMismatched => {
            "any_loss_is_a_breach_and_the_worst_is_the_reason"
        }
        SlowMean => "the_mean_of_a_transaction_is_judged_by_the_contract_when_its_day_is_over",
        FewOnline => "the_daily_mean_of_devices_online_is_judged_when_the_day_is_over",
        Unreachable => "a_service_is_visited_by_the_module_it_names_and_by_another_after_a_reload",
        BadSignature | WeakSignature | WrongValidation => "chains_that_few_authorities_would_make",
        NotServing => "grpc_by_the_documentation_of_0_28",
        NoAddress | TlsFailed | TlsUnwanted | BytesMismatch | Proxy | Token => "what_no_other_server_of_the_zoo_does",
    }
}

/// All sources that have tests, by file.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|end| end == "rs") => found.push(fs::read_to_string(path).unwrap()),
            false => {}
        }
    }
}

#[test]
fn every_reason_is_given_by_a_server_of_some_test_and_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![];
    ["src", "tests/stories"].iter().for_each(|folder| sources(&root.join(folder), &mut found));
    let explained = fs::read_to_string(root.join("docs/services.md")).unwrap();
    for reason in Reason::ALL {
        let (name, word) = (format!("fn {}(", played(*reason)), reason.as_str());
        let body = found.iter().find_map(|text| text.split_once(&name).map(|(_, body)| body));
        let body = body.unwrap_or_else(|| panic!("{word}: there is no test {name}"));
        let variant = format!("{reason:?}");
        let speaks = body.contains(&variant) || body.to_lowercase().contains(word);
        assert!(speaks, "{word}: {name} speaks of it nowhere");
        assert!(explained.contains(&format!("`{word}`")), "{word} is not in docs/services.md");
    }
}

/// The check of a module that is written so.
fn module(text: &str, target: &str) -> Check {
    let source = Source { file: Path::new("m.yml").into(), bytes: format!("modules:\n  a: {text}").into_bytes() };
    let mut findings = Findings::default();
    let modules = Modules::of(&source, Path::new(""), &mut findings);
    let modules = modules.unwrap_or_else(|| panic!("{:?}", findings.into_sorted()));
    modules.modules["a"].check(target, None, &Environment::default()).unwrap()
}

#[tokio::test]
async fn what_no_other_server_of_the_zoo_does() {
    let ours = authority("Ours", None);
    let secure = site(NAME, Some(&ours), |_| {}).serve().await;
    let refusing = server(page("403 Forbidden", "no"), Then::Close).await;
    let speaking = server("220 ready\r\n", Then::Hang).await;
    let nothing = server(page("200 OK", "{}"), Then::Close).await;
    // A hello that chooses ciphers which nobody offered.
    let hello = [&[0x16, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3][..], &[7; 32], &[0, 0, 5, 0]].concat();
    let broken = server(hello, Then::Close).await;
    let over_tls = format!("https://{secure}/");
    let zoo = [
        (
            module("{prober: http, http: {fail_if_ssl: true, tls_config: {insecure_skip_verify: true}}}", &over_tls),
            (Phase::Content, Reason::TlsUnwanted),
        ),
        (
            module(
                "{prober: tcp, tcp: {query_response: [{send: ehlo}, {expect_bytes: '221'}]}}",
                &speaking.to_string(),
            ),
            (Phase::Processing, Reason::BytesMismatch),
        ),
        (
            module(&format!("{{prober: http, http: {{proxy_url: 'http://{refusing}'}}}}"), &over_tls),
            (Phase::Connect, Reason::Proxy),
        ),
        (
            module(
                &format!(
                    "{{prober: http, http: {{oauth2: {{client_id: a, client_secret: b, token_url: 'http://{nothing}/'}}}}}}"
                ),
                &format!("http://{nothing}/"),
            ),
            (Phase::Resolve, Reason::Token),
        ),
        (Check::new(handshake(broken, nobody())), (Phase::Tls, Reason::TlsFailed)),
    ];
    let mut other = vec![];
    for (asked, wanted) in zoo {
        let report = Checker::new(None).run(&Check { deadline: DEADLINE, ..asked }).await;
        if fault(&report) != Some(wanted) {
            other.push(format!("{wanted:?}: {:?}", report.ending));
        }
    }
    assert_eq!(other, [""; 0]);

    // A name with an address of the other version alone.
    let server = name_server(|question, _| {
        let is_four = question.queries[0].query_type() == RecordType::A;
        match is_four {
            true => good(question, false),
            false => question.into_response().to_vec().ok(),
        }
    });
    let server = server.await;
    let six = "{prober: tcp, tcp: {preferred_ip_protocol: ip6, ip_protocol_fallback: false}}";
    let visit = Check { deadline: DEADLINE * 4, ..module(six, "four.city.test:1") };
    let report = Checker::new(Some(server)).run(&visit).await;
    assert_eq!(fault(&report), Some((Phase::Resolve, Reason::NoAddress)), "{:?}", report.ending);
}

/// Only to the first flight of GB/T 38636 does it show anything: one certificate, where the protocol has two.
#[tokio::test]
async fn a_server_of_the_national_protocol_alone_is_told_from_a_dead_one() {
    let shown = site(NAME, None, |_| {});
    let long = |content: &[u8]| [&(content.len() as u32).to_be_bytes()[1..], content].concat();
    let hello = [&[2][..], &long(&[&[1, 1][..], &[7; 32], &[0, 0xe0, 0x13, 0]].concat())].concat();
    let chain = [&[11][..], &long(&long(&long(&shown.chain[0])))].concat();
    let whole = [hello, chain, vec![14, 0, 0, 0]].concat();
    let flight = [&[22, 1, 1][..], &(whole.len() as u16).to_be_bytes(), &whole].concat();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (flight, mut head) = (flight.clone(), [0; 512]);
            tokio::spawn(async move {
                let count = stream.read(&mut head).await.unwrap_or(0);
                let is_national = count > 3 && head[1..3] == [1, 1];
                let words = if is_national { &flight[..] } else { &[21, 3, 1, 0, 2, 2, 70] };
                let _ = stream.write_all(words).await;
            });
        }
    });
    let report = check(handshake(address, TlsSettings { survey: true, ..nobody() })).await;
    assert_eq!(fault(&report), Some((Phase::Tls, Reason::OnlyTlcp)), "{:?}", report.ending);
    let tls = report.tls.unwrap();
    assert_eq!((tls.version.as_str(), tls.verdict), ("TLCP 1.1", Some(Reason::Malformed)));
}

#[tokio::test]
async fn chains_that_few_authorities_would_make() {
    let ours = authority("Ours", None);
    let trusted = || trusting(&ours, NAME);
    let told = async |shown: Shown, settings: TlsSettings| {
        let report = check(handshake(shown.serve().await, settings)).await;
        (fault(&report), report)
    };

    // Somebody changed it after it was signed.
    let mut forged = site(NAME, Some(&ours), |_| {});
    let mut bytes = forged.chain[0].to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    forged.chain = vec![CertificateDer::from(bytes)];
    let (wanted, report) = told(forged, trusted()).await;
    assert_eq!(wanted, Some((Phase::Tls, Reason::BadSignature)), "{:?}", report.ending);

    // Nobody looked at who asked for it, and more was ordered.
    let ordered = TlsSettings { validation: Some(Validation::Ov), ..trusted() };
    let (wanted, report) = told(site(NAME, Some(&ours), |_| {}), ordered).await;
    assert_eq!(wanted, Some((Phase::Tls, Reason::WrongValidation)), "{:?}", report.ending);
    assert_eq!(told(site(NAME, Some(&ours), |_| {}), trusted()).await.0, None);

    // Signed with SHA-1, by an authority that is trusted all the same.
    let Some((old, root)) = signed_with_sha1() else { return };
    let (wanted, report) = told(old, TlsSettings { roots: Some(root), ..trusted() }).await;
    assert_eq!(wanted, Some((Phase::Tls, Reason::WeakSignature)), "{:?}", report.ending);
}

/// And its authority. `None`, said aloud, without openssl.
fn signed_with_sha1() -> Option<(Shown, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        let ran = Command::new("openssl").args(arguments.split(' ')).current_dir(folder.path()).output();
        ran.is_ok_and(|output| output.status.success())
    };
    fs::write(folder.path().join("san"), format!("subjectAltName=DNS:{NAME}")).unwrap();
    let made = openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 9 -subj /CN=Old")
        && openssl("req -newkey rsa:2048 -nodes -keyout site.key -out site.csr -subj /CN=site")
        && openssl(
            "x509 -req -sha1 -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -days 5 -outform DER -out site.der",
        )
        && openssl("pkcs8 -topk8 -nocrypt -in site.key -outform DER -out key.der");
    if !made {
        eprintln!("skipped: openssl is not here, or signs nothing with SHA-1");
        return None;
    }
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    Some((Shown { chain: vec![CertificateDer::from(read("site.der"))], key: read("key.der") }, read("ca.pem")))
}
