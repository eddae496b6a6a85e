//! `cargo bench --bench services`: 2000 services every 15 s, of which 500 hang: how late the others are, and what a visit costs.
//!
//! Everything runs on loopback in one process: pages without TLS, one machine that answers and one that takes connections
//! and says nothing. The goal: no other visit begins more than 100 ms after its turn (99th percentile). Processor time is that
//! of both sides. `--seconds N` (default 45): how long they are visited; the first interval is left out.

use std::{
    error::Error,
    fmt::Write as _,
    path::Path,
    process::ExitCode,
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use linkpatrol::{
    clock::process_cpu,
    contract::Terms,
    diagnostic::Findings,
    probe::service::{Checker, Patrol, Skipped, Visit},
    profile::services::Services,
    sample::service::Ending,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const SERVICES: usize = 2_000;
const INTERVAL: u64 = 15;
const GOAL: Duration = Duration::from_millis(100);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let seconds = std::env::args().skip_while(|word| word != "--seconds").nth(1);
    let seconds: u64 = seconds.and_then(|word| word.parse().ok()).unwrap_or(45);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let good = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let hangs = runtime.block_on(TcpListener::bind("127.0.0.2:0"))?;
    let mut written = format!(
        "defaults: {{interval: {INTERVAL}s, timeout: 15s}}\n\
         limits: {{per_host: 100000, per_address: 100000, at_once: 2000, at_once_per_address: 600}}\nservices:\n"
    );
    for number in 0..SERVICES {
        let address = if number % 4 == 0 { hangs.local_addr()? } else { good.local_addr()? };
        writeln!(written, "  - {{id: s-{number}, url: \"http://{address}/\"}}")?;
    }
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("services.yaml"), written)?;
    let mut findings = Findings::default();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
    let terms = Terms::load(&shipped, &mut findings).ok_or("no contract")?;
    let services = Services::load(folder.path(), &terms, None, &mut findings);
    runtime.spawn(answers(good));
    runtime.spawn(says_nothing(hangs));

    let (sender, visits) = sync_channel(100_000);
    let skipped = Arc::<Skipped>::default();
    let mut patrol = Patrol::new(runtime.handle(), Arc::new(Checker::new(None)), sender, Arc::clone(&skipped));
    patrol.adopt(&services, |_| true);
    std::thread::sleep(Duration::from_secs(INTERVAL));
    visits.try_iter().for_each(drop);
    let before = process_cpu();
    std::thread::sleep(Duration::from_secs(seconds.saturating_sub(INTERVAL)));
    let cpu = process_cpu() - before;

    let visits: Vec<Visit> = visits.try_iter().collect();
    let passed = |visit: &&Visit| visit.report.ending == Ending::Passed;
    let mut late: Vec<Duration> = visits.iter().filter(passed).map(|visit| visit.late).collect();
    late.sort_unstable();
    let at = |share: usize| late.get((late.len() * share / 1000).min(late.len().saturating_sub(1))).copied();
    let (Some(median), Some(p99), Some(most)) = (at(500), at(990), at(1000)) else {
        return Err("no visit passed".into());
    };
    println!(
        "{SERVICES} services every {INTERVAL} s, {} of them hang: {} visits passed, {} did not",
        SERVICES / 4,
        late.len(),
        visits.len() - late.len()
    );
    println!("began after their turn: median {median:.1?}, p99 {p99:.1?}, most {most:.1?} (goal: p99 within {GOAL:?})");
    println!("processor time of both sides: {:.2} ms a visit that passed", cpu.as_secs_f64() * 1e3 / late.len() as f64);
    println!("held back: {:?}", skipped.waits.counts());
    Ok(if p99 <= GOAL { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn answers(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            // What a client does wrong is its own matter.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        });
    }
}

async fn says_nothing(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move { stream.read_to_end(&mut vec![]).await });
    }
}
