//! Ports that go over to TLS when asked, or do not.

use std::sync::Arc;

use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio::{io::AsyncBufReadExt, net::TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::profile::service::{Endpoint, StartTls, Tls};

/// What one side says; `Hear`: and waits for this.
#[derive(Clone, Copy)]
pub enum Turn {
    Say(&'static [u8]),
    Hear(&'static [u8]),
}
use Turn::{Hear, Say};

/// A server that plays `turns`, then shakes hands.
async fn upgrading(turns: &'static [Turn]) -> (SocketAddr, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Some(stream) = play(stream, turns).await else { return };
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 1]).await;
            });
        }
    });
    (address, made.pem().into_bytes())
}

/// `None`: the other side did not say what it must.
pub async fn play(mut stream: TcpStream, turns: &[Turn]) -> Option<TcpStream> {
    for turn in turns {
        match turn {
            Say(words) => stream.write_all(words).await.ok()?,
            Hear(words) => {
                let mut heard = vec![0; words.len()];
                stream.read_exact(&mut heard).await.ok()?;
                (heard == *words).then_some(())?;
            }
        }
    }
    Some(stream)
}

fn shaking(address: SocketAddr, starttls: StartTls, roots: Vec<u8>) -> Kind {
    let endpoint = Endpoint { host: address.ip().to_string(), port: address.port(), pinned: None };
    let settings = TlsSettings { starttls: Some(starttls), roots: Some(roots), ..TlsSettings::default() };
    Kind::Tls(Tls { endpoint, settings })
}

/// MySQL 8 with (`0xff`) and without (`0xf7`) its capability for TLS in the second byte.
const MYSQL: &[u8] = b"\x1f\0\0\0\x0a8.0.36\0\x01\0\0\0challeng\0\xff\xff\x21\x02\0\xff\xc1\0\0\0";
const MYSQL_WITHOUT: &[u8] = b"\x1f\0\0\0\x0a8.0.36\0\x01\0\0\0challeng\0\xff\xf7\x21\x02\0\xff\xc1\0\0\0";
const MYSQL_ASKS: &[u8] = b"\x20\0\0\x01\0\x0a\0\0\0\0\0\x01\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[tokio::test]
async fn a_port_goes_over_to_tls_in_the_words_of_its_protocol() {
    use StartTls::{Ftp, Imap, Mysql, Postgres, Smtp};
    let zoo: [(StartTls, &'static [Turn]); 5] = [
        (
            Smtp,
            &[
                Say(b"220-mx.city.test\r\n220 ready\r\n"),
                Hear(b"EHLO linkpatrol\r\n"),
                Say(b"250-mx.city.test\r\n250-SIZE\r\n250 STARTTLS\r\n"),
                Hear(b"STARTTLS\r\n"),
                Say(b"220 go\r\n"),
            ],
        ),
        (Imap, &[Say(b"* OK ready\r\n"), Hear(b"a STARTTLS\r\n"), Say(b"* CAPABILITY IMAP4rev1\r\na OK go\r\n")]),
        (Ftp, &[Say(b"220-Welcome\r\n to us\r\n220 ready\r\n"), Hear(b"AUTH TLS\r\n"), Say(b"234 go\r\n")]),
        (Postgres, &[Hear(&[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]), Say(b"S")]),
        (Mysql, &[Say(MYSQL), Hear(MYSQL_ASKS)]),
    ];
    for (with, turns) in zoo {
        let (address, roots) = upgrading(turns).await;
        let report = check(shaking(address, with, roots)).await;
        assert_eq!(fault(&report), None, "{with:?}: {:?}", report.ending);
        assert_eq!(report.tls.unwrap().version, "TLS 1.3", "{with:?}");
    }
}

#[tokio::test]
async fn a_port_that_does_not_go_over_says_why() {
    use StartTls::{Ftp, Imap, Mysql, Postgres, Smtp};
    let zoo: [(StartTls, &'static [Turn], Reason); 8] = [
        (Smtp, &[Say(b"554 no service\r\n")], Reason::StartTls),
        (Smtp, &[Say(b"220 a\r\n"), Hear(b"EHLO"), Say(b"250 a\r\n502 unknown\r\n")], Reason::StartTls),
        (Imap, &[Say(b"* OK a\r\n"), Hear(b"a START"), Say(b"a BAD unknown\r\n")], Reason::StartTls),
        (Ftp, &[Say(b"220 a\r\n"), Hear(b"AUTH"), Say(b"530 log in\r\n")], Reason::StartTls),
        (Postgres, &[Say(b"N")], Reason::StartTls),
        (Mysql, &[Say(MYSQL_WITHOUT)], Reason::StartTls),
        (Smtp, &[], Reason::Timeout),
        (Imap, &[Say(b"* OK "), Say(&[b'x'; 9000])], Reason::Closed),
    ];
    for (with, turns, reason) in zoo {
        let (address, roots) = upgrading(turns).await;
        let report = check(shaking(address, with, roots)).await;
        assert_eq!(fault(&report), Some((Phase::Tls, reason)), "{with:?}: {:?}", report.ending);
    }
}

#[tokio::test]
async fn an_old_server_shows_its_certificates() {
    // The flight of a server that speaks TLS 1.0: its hello, one certificate, and its end.
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let long = |content: &[u8]| [&(content.len() as u32).to_be_bytes()[1..], content].concat();
    let hello = [&[2][..], &long(&[&[3, 1][..], &[7; 32], &[0, 0, 0x2f, 0]].concat())].concat();
    let chain = [&[11][..], &long(&long(&long(made.der())))].concat();
    let whole = [hello, chain, vec![14, 0, 0, 0]].concat();
    let flight = [&[22, 3, 1][..], &(whole.len() as u16).to_be_bytes(), &whole].concat();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut refused = false;
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::BufReader::new(&mut stream).fill_buf().await;
            // The first hello is too new for it.
            let words = if std::mem::replace(&mut refused, true) { &flight[..] } else { &[21, 3, 1, 0, 2, 2, 70] };
            let _ = stream.write_all(words).await;
        }
    });
    let endpoint = Endpoint { host: address.ip().to_string(), port: address.port(), pinned: None };
    let settings = TlsSettings { survey: true, roots: Some(made.pem().into_bytes()), ..TlsSettings::default() };
    let report = check(Kind::Tls(Tls { endpoint, settings })).await;
    assert_eq!(fault(&report), Some((Phase::Tls, Reason::TlsTooOld)), "{:?}", report.ending);
    let tls = report.tls.unwrap();
    assert_eq!((tls.version.as_str(), tls.cipher.as_str()), ("TLS 1.0", "TLS_RSA_WITH_AES_128_CBC_SHA"));
    assert_eq!((tls.verdict, tls.certificates.len()), (None, 1), "the certificate itself is good");
}
