//! `/probe`: one check on demand, in the words of blackbox_exporter 0.23, so that what scrapes it need not change.
//!
//! In: `target`, `module`, `hostname`, `debug`, and the scrape's time-out header. Out: the same families with the same
//! labels. Whoever reaches us could make us visit anything, so targets are held to a list, which is loopback alone until
//! somebody writes another; how many checks run at once and how many begin in a second is bounded, and what is refused
//! is counted.

mod families;
#[cfg(test)]
mod golden;

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use axum::{
    Json,
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
    probe::service::Checker,
    profile::{
        discovery,
        module::{Environment, Modules},
        service::Check,
    },
    sample::service::{Ending, Report},
    units::Allowed,
};

/// Taken off the scrape's time-out, so that our answer is there before it ends.
const OFFSET: f64 = 0.5;
/// Without a header and a time-out of the module, as blackbox_exporter.
const LONGEST: f64 = 120.0;
/// A request of ours may not take longer (`REQUEST` of this module's parent), whatever a header says.
const OURS: f64 = 28.0;

/// What `/probe` works with; another whole takes its place when the files are read again.
pub struct Probing {
    current: ArcSwapOption<Current>,
    outcomes: IntCounterVec,
}

/// One reading of the files.
struct Current {
    modules: Arc<Modules>,
    environment: Environment,
    checker: Checker,
    /// Checks that may run at one time, and how many there are when none does.
    turns: (Semaphore, u32),
    /// Checks that may begin in a second, by its number.
    rate: (DefaultDirectRateLimiter, u32),
}

impl Probing {
    /// Nobody may ask for a check yet.
    pub fn new() -> prometheus::Result<Self> {
        let options = Opts::new("linkpatrol_probe_requests_total", "Requests of /probe, by what became of them.");
        Ok(Self { current: ArcSwapOption::empty(), outcomes: IntCounterVec::new(options, &["outcome"])? })
    }

    /// Takes modules into force. `None`: nobody may ask. `allowed`: what may be visited; `limits`: checks at one time and in
    /// a second. What runs goes on as it began.
    pub fn adopt(
        &self,
        modules: Option<Arc<Modules>>,
        allowed: Allowed,
        (at_once, per_second): (u32, u32),
        name_server: Option<SocketAddr>,
    ) {
        let current = |modules| Current {
            modules,
            environment: environment(),
            checker: Checker::new(name_server).limited_to(allowed),
            turns: (Semaphore::new(at_once as usize), at_once),
            rate: (
                DefaultDirectRateLimiter::direct(Quota::per_second(
                    NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN),
                )),
                per_second,
            ),
        };
        self.current.store(modules.map(|modules| Arc::new(current(modules))));
    }

    pub(super) fn counter(&self) -> IntCounterVec {
        self.outcomes.clone()
    }

    fn refuse(&self, outcome: &str, status: StatusCode, text: String) -> Response {
        self.outcomes.with_label_values(&[outcome]).inc();
        (status, text + "\n").into_response()
    }
}

/// What `proxy_from_environment` of a module means.
fn environment() -> Environment {
    let word =
        |names: [&str; 2]| names.into_iter().find_map(|name| std::env::var(name).ok()).filter(|word| !word.is_empty());
    Environment {
        http: word(["HTTP_PROXY", "http_proxy"]),
        https: word(["HTTPS_PROXY", "https_proxy"]),
        without: word(["NO_PROXY", "no_proxy"]).unwrap_or_default(),
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
        return no_modules();
    };
    let Some(current) = probing.current.load_full() else {
        return no_modules();
    };
    let name = wanted.module.as_deref().filter(|name| !name.is_empty()).unwrap_or("http_2xx");
    let Some(module) = current.modules.modules.get(name) else {
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
    let Some(check) = module.check(target, hostname, &current.environment) else {
        return probing.refuse("bad_request", StatusCode::BAD_REQUEST, format!("Target {target:?} cannot be read"));
    };
    let check = Check { deadline: Duration::from_secs_f64(seconds), ..check };
    let (rate, per_second) = &current.rate;
    if rate.check().is_err() {
        let text = format!("more than {per_second} probes a second");
        return probing.refuse("rate_limited", StatusCode::TOO_MANY_REQUESTS, text);
    }
    let (turns, at_once) = &current.turns;
    let Ok(_turn) = turns.try_acquire() else {
        return probing.refuse("too_many", StatusCode::SERVICE_UNAVAILABLE, format!("{at_once} probes are running"));
    };
    let report = current.checker.run(&check).await;
    if report.forbidden {
        let text = format!(
            "Target {target:?} is not among those that may be probed (`probe.targets` of linkpatrol.yaml, --probe.target)"
        );
        return probing.refuse("forbidden", StatusCode::FORBIDDEN, text);
    }
    probing.outcomes.with_label_values(&[if report.ending == Ending::Passed { "passed" } else { "failed" }]).inc();
    let metrics = families::written(module, &report);
    if wanted.debug.as_deref() == Some("true") {
        return ([(CONTENT_TYPE, "text/plain")], debug(name, target, seconds, &report, &metrics)).into_response();
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics).into_response()
}

/// Services that `/probe` can check, as Prometheus asks for targets over HTTP.
pub(super) async fn targets(State(api): State<Arc<Api>>) -> Response {
    let current = api.probing.as_ref().and_then(|probing| probing.current.load_full());
    let Some(current) = current else {
        return no_modules();
    };
    let snapshot = api.feed.load();
    let services = snapshot.services.list.iter().map(|view| &*view.service);
    Json(discovery::groups(services, &current.modules)).into_response()
}

fn no_modules() -> Response {
    let text = "no modules: name a file under `probe.modules` of linkpatrol.yaml, or with --probe.config.file\n";
    (StatusCode::NOT_FOUND, text).into_response()
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
