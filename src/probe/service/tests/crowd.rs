//! Many services at once: those that hang hold up nobody else, and a reload disturbs only what it changed.

use std::sync::{Arc, mpsc::sync_channel};

use super::*;
use crate::{
    diagnostic::Place,
    probe::service::{Patrol, Skipped, Visit},
    profile::services::{Pace, Service, Services},
};

fn service(id: usize, address: SocketAddr) -> Arc<Service> {
    let url = format!("http://{address}/");
    let check = Check { deadline: Duration::from_millis(900), ..Check::parse(&url).unwrap() };
    let pace = Pace { interval: Duration::from_secs(1), confirm: 2, spacing: Duration::from_millis(100) };
    Arc::new(Service {
        check,
        pace,
        ..Service::visiting(&format!("s-{id}"), &url, Place::whole(std::path::Path::new("services.yaml")))
    })
}

fn visits_of(seconds: f64, receiver: &std::sync::mpsc::Receiver<Visit>) -> Vec<Visit> {
    std::thread::sleep(Duration::from_secs_f64(seconds));
    receiver.try_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_of_two_hundred_that_hang_make_no_other_late() {
    let good = server("HTTP/1.1 204 No Content\r\n\r\n", Then::Close).await;
    let hangs = server("", Then::Hang).await;
    let mut services = Services::default();
    // All of the good ones stand on one machine here: what is polite to it is not what is asked.
    let most = std::num::NonZeroU32::new(10_000).unwrap();
    services.limits.per_host = most;
    services.limits.per_address = most;
    services.limits.at_once_per_address = 300;
    services.list = (0..200).map(|id| service(id, if id % 4 == 0 { hangs } else { good })).collect();
    let (sender, receiver) = sync_channel(10_000);
    let skipped = Arc::<Skipped>::default();
    let mut patrol =
        Patrol::new(&tokio::runtime::Handle::current(), Arc::new(Checker::new(None)), sender, Arc::clone(&skipped));
    patrol.adopt(&services, |_| false);
    let visits = tokio::task::block_in_place(|| visits_of(4.5, &receiver));
    let is_good = |visit: &&Visit| visit.report.ending == Ending::Passed && !visit.is_confirm;
    let mut late: Vec<Duration> = visits.iter().filter(is_good).map(|visit| visit.late).collect();
    late.sort_unstable();
    assert!(late.len() >= 150 * 3, "{} of 150 visits a second in 4.5 s", late.len());
    let p99 = late[late.len() * 99 / 100];
    // Whoever waited for one that hangs would be late by its 900 ms; `benches/https` measures how late they are.
    assert!(p99 < Duration::from_millis(450), "p99 of lateness: {p99:?}");
    let hung = visits.iter().filter(|visit| matches!(&visit.report.ending, Ending::Failed(_))).count();
    assert!(hung >= 50 * 2, "those that hang are visited too, one at a time: {hung}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_and_an_address_are_spared_and_waits_are_counted() {
    let good = server("HTTP/1.1 204 No Content\r\n\r\n", Then::Close).await;
    let mut services = Services::default();
    services.limits.per_host = std::num::NonZeroU32::new(5).unwrap();
    services.list = (0..40).map(|id| service(id, good)).collect();
    let (sender, receiver) = sync_channel(10_000);
    let skipped = Arc::<Skipped>::default();
    let mut patrol =
        Patrol::new(&tokio::runtime::Handle::current(), Arc::new(Checker::new(None)), sender, Arc::clone(&skipped));
    patrol.adopt(&services, |_| true);
    let visits = tokio::task::block_in_place(|| visits_of(2.0, &receiver));
    assert!((8..=20).contains(&visits.len()), "a burst of 5, and 5 a second: {}", visits.len());
    let waits = skipped.waits.counts().into_iter().find(|(limit, _)| *limit == "host").unwrap();
    assert!(waits.1 >= 10, "{waits:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_begins_only_what_it_changed() {
    let good = server("HTTP/1.1 204 No Content\r\n\r\n", Then::Close).await;
    // The second would be visited half a second after the start, over and over.
    let services = Services { list: (0..2).map(|id| service(id, good)).collect(), ..Services::default() };
    let (sender, receiver) = sync_channel(100);
    let handle = tokio::runtime::Handle::current();
    let mut patrol = Patrol::new(&handle, Arc::new(Checker::new(None)), sender, Arc::default());
    patrol.adopt(&services, |_| true);
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut next = Services { list: services.list.clone(), ..Services::default() };
        next.list.truncate(2);
        next.list.push(service(2, good));
        patrol.adopt(&next, |_| true);
    }
    let visits: Vec<String> = receiver.try_iter().map(|visit| visit.service.id.clone()).collect();
    let count = |id: &str| visits.iter().filter(|one| *one == id).count();
    assert!(count("s-1") >= 1, "it goes on over reloads: {visits:?}");
}
