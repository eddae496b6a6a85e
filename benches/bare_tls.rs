//! `cargo bench --bench bare_tls -- 127.0.0.1:8443 ca.pem 500 133`: what a page over TLS costs with rustls and nothing else.
//!
//! As often as is said, and so many a second (0: one after the other): connect, a full handshake (no tickets, no resumption), one
//! GET, the answer read to its end. Prints microseconds of processor time (user and system) a visit. The floor for
//! `benches/https`, which starts it: without a pause caches and predictors are warm, which no monitor's are.

use std::{
    error::Error,
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    thread::sleep,
    time::Duration,
};

use linkpatrol::clock::process_cpu;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [address, roots, times, per_second] = &words[..] else {
        return Err("address, roots, how often and how many a second are missing".into());
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(roots)? {
        store.add(certificate?)?;
    }
    let mut config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    let (config, times, per_second) = (Arc::new(config), times.parse::<u32>()?, per_second.parse::<u32>()?);
    let pause = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
    let name = ServerName::try_from(address.split(':').next().unwrap_or_default().to_owned())?;
    let visit = || -> Result<(), Box<dyn Error>> {
        let client = ClientConnection::new(Arc::clone(&config), name.clone())?;
        let mut stream = StreamOwned::new(client, TcpStream::connect(address)?);
        write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut vec![])?;
        sleep(pause);
        Ok(())
    };
    (0..times / 10).try_for_each(|_| visit())?;
    let before = process_cpu();
    (0..times).try_for_each(|_| visit())?;
    println!("{:.1}", (process_cpu() - before).as_secs_f64() * 1e6 / f64::from(times.max(1)));
    Ok(())
}
