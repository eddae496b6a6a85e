//! `/probe`: one check on demand, in the words of blackbox_exporter 0.23, so that what scrapes it need not change.
//!
//! In: `target`, `module`, `hostname`, `debug`, and the scrape's time-out header. Out: the same families with the same
//! labels. Whoever reaches us could make us visit anything, so targets are held to a list, which is loopback alone until
//! somebody writes another; how many checks run at once and how many begin in a second is bounded, and what is refused
//! is counted.

mod families;

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use governor::{DefaultDirectRateLimiter, Quota};
use prometheus::{IntCounterVec, Opts};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::Api;
use crate::{
    probe::service::{Allowed, Checker},
    profile::{module::Modules, service::Check},
    sample::service::{Ending, Report},
};

/// Checks at one time.
const AT_ONCE: usize = 64;
/// Checks that may begin in one second.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(200).expect("not zero");
/// Taken off the scrape's time-out, so that our answer is there before it ends.
const OFFSET: f64 = 0.5;
/// Without a header and a time-out of the module, as blackbox_exporter.
const LONGEST: f64 = 120.0;
/// A request of ours may not take longer (`REQUEST` of this module's parent), whatever a header says.
const OURS: f64 = 28.0;

/// What `/probe` works with.
pub struct Probing {
    modules: Modules,
    /// Of each module that has a CA file, what stands in it.
    roots: Vec<(String, Vec<u8>)>,
    checker: Checker,
    turns: Semaphore,
    rate: DefaultDirectRateLimiter,
    outcomes: IntCounterVec,
}

impl Probing {
    /// `allowed`: addresses that may be visited.
    pub fn new(modules: Modules, allowed: Allowed, name_server: Option<SocketAddr>) -> io::Result<Self> {
        let read = |(name, module): (&String, &crate::profile::module::Module)| {
            let file = module.ca_file()?;
            let whole = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
            Some(fs::read(file).map_err(whole).map(|pem| (name.clone(), pem)))
        };
        let roots = modules.modules.iter().filter_map(read).collect::<io::Result<_>>()?;
        let options = Opts::new("linkpatrol_probe_requests_total", "Requests of /probe, by what became of them.");
        let outcomes = IntCounterVec::new(options, &["outcome"]).map_err(io::Error::other)?;
        Ok(Self {
            modules,
            roots,
            checker: Checker::new(name_server).limited_to(allowed),
            turns: Semaphore::new(AT_ONCE),
            rate: DefaultDirectRateLimiter::direct(Quota::per_second(PER_SECOND)),
            outcomes,
        })
    }

    pub(super) fn counter(&self) -> IntCounterVec {
        self.outcomes.clone()
    }

    fn refuse(&self, outcome: &str, status: StatusCode, text: String) -> Response {
        self.outcomes.with_label_values(&[outcome]).inc();
        (status, text + "\n").into_response()
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    target: Option<String>,
    module: Option<String>,
    hostname: Option<String>,
    debug: Option<String>,
}

pub(super) async fn probe(State(api): State<Arc<Api>>, Query(wanted): Query<Wanted>, headers: HeaderMap) -> Response {
    let Some(probing) = &api.probing else {
        return (StatusCode::NOT_FOUND, "no modules: start with --probe.config.file\n").into_response();
    };
    let name = wanted.module.as_deref().filter(|name| !name.is_empty()).unwrap_or("http_2xx");
    let Some(module) = probing.modules.modules.get(name) else {
        return probing.refuse("unknown_module", StatusCode::BAD_REQUEST, format!("Unknown module {name:?}"));
    };
    let Some(seconds) = time_out(&headers, module.timeout) else {
        let text = "Failed to parse timeout from Prometheus header".to_owned();
        return probing.refuse("bad_request", StatusCode::INTERNAL_SERVER_ERROR, text);
    };
    let Some(target) = wanted.target.as_deref().filter(|target| !target.is_empty()) else {
        return probing.refuse("bad_request", StatusCode::BAD_REQUEST, "Target parameter is missing".to_owned());
    };
    let hostname = wanted.hostname.as_deref().filter(|hostname| !hostname.is_empty());
    let roots = probing.roots.iter().find(|(own, _)| own == name).map(|(_, pem)| pem.clone());
    let Some(check) = module.check(target, hostname, roots) else {
        return probing.refuse("bad_request", StatusCode::BAD_REQUEST, format!("Target {target:?} cannot be read"));
    };
    let check = Check { deadline: Duration::from_secs_f64(seconds), ..check };
    if probing.rate.check().is_err() {
        let text = format!("more than {PER_SECOND} probes a second");
        return probing.refuse("rate_limited", StatusCode::TOO_MANY_REQUESTS, text);
    }
    let Ok(_turn) = probing.turns.try_acquire() else {
        return probing.refuse("too_many", StatusCode::SERVICE_UNAVAILABLE, format!("{AT_ONCE} probes are running"));
    };
    let report = probing.checker.run(&check).await;
    if report.forbidden {
        let text = format!("Target {target:?} is not among those that may be probed (--probe.target)");
        return probing.refuse("forbidden", StatusCode::FORBIDDEN, text);
    }
    probing.outcomes.with_label_values(&[if report.ending == Ending::Passed { "passed" } else { "failed" }]).inc();
    let metrics = families::written(module, &report);
    if wanted.debug.as_deref() == Some("true") {
        return ([(CONTENT_TYPE, "text/plain")], debug(name, target, seconds, &report, &metrics)).into_response();
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics).into_response()
}

/// The lesser of what the scrape leaves us and what the module says. `None`: the header is no number.
fn time_out(headers: &HeaderMap, module: Duration) -> Option<f64> {
    let scrape = match headers.get("x-prometheus-scrape-timeout-seconds") {
        Some(text) => text.to_str().ok()?.parse::<f64>().ok().filter(|seconds| seconds.is_finite())?,
        None => LONGEST,
    };
    let scrape = if scrape <= 0.0 { LONGEST } else { scrape };
    // An offset that would leave nothing is not taken off.
    let left = if scrape > OFFSET { scrape - OFFSET } else { scrape };
    let module = module.as_secs_f64();
    Some(if module > 0.0 { left.min(module) } else { left }.min(OURS))
}

fn debug(module: &str, target: &str, seconds: f64, report: &Report, metrics: &str) -> String {
    let ending = match &report.ending {
        Ending::Passed => "passed".to_owned(),
        Ending::Failed(fault) => {
            format!("failed in {}: {} ({})", fault.phase.as_str(), fault.reason.as_str(), fault.text)
        }
        Ending::Unmeasured(text) => format!("not measured: {text}"),
    };
    let addresses: Vec<String> = report.addresses.iter().map(IpAddr::to_string).collect();
    format!(
        "Probe of {target} by module {module}, at most {seconds} s\naddresses: {}\n{ending}\n\n\nMetrics that would have \
         been returned:\n{metrics}",
        addresses.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scrape_ends_after_us() {
        let asked = |text: Option<&str>, module| {
            let mut headers = HeaderMap::new();
            text.map(|text| headers.insert("x-prometheus-scrape-timeout-seconds", text.parse().unwrap()));
            time_out(&headers, Duration::from_secs(module))
        };
        assert_eq!(asked(Some("10"), 0), Some(9.5));
        assert_eq!(asked(Some("10"), 5), Some(5.0));
        assert_eq!(asked(Some("0.2"), 0), Some(0.2));
        assert_eq!(asked(None, 0), Some(OURS));
        assert_eq!((asked(Some("x"), 0), asked(Some("NaN"), 0)), (None, None));
    }
}
