//! The second line: recording and alerting rules over our own metrics, for a Prometheus that speaks when we cannot.
//!
//! `JOB` in an expression stands for the scrape job's selector. Gauges are read over [`BRIDGED`]: one scrape that fails
//! takes all series away, and an alert that waits would begin to wait anew. What is bridged is less than what it takes
//! `LinkpatrolUnreachable` to speak, so nothing is ever covered up.

use std::fmt::Write;

use crate::text::{
    AlertText::{self, *},
    Language,
};

const HEAD: &str = "\
# Written by `linkpatrol rule export --second-line`: the second, independent line of alarms. It works from what Prometheus scraped,
# also when linkpatrol can tell nobody. docs/operations.md says of each alert what it means and what to do.
# Summaries: Chinese in `summary`, English in `summary_en`.
";

/// How far back a gauge is looked for: three scrapes of 15 s.
const BRIDGED: &str = "[45s]";

struct Alert {
    name: &'static str,
    /// `JOB` and `BRIDGED` are replaced.
    expression: &'static str,
    /// How long it holds before it speaks; empty: at once.
    hold: &'static str,
    severity: &'static str,
    says: AlertText,
}

/// Level, metric and operation, as the mixins name them. Nothing of availability is averaged: the worst link stands for all.
const RECORDED: [(&str, &str); 7] = [
    ("instance:linkpatrol_links:count", "count by (job, instance) (linkpatrol_link_info{JOB})"),
    ("instance_state:linkpatrol_links:count", "sum by (job, instance, state) (linkpatrol_link_state{JOB})"),
    (
        "carrier_state:linkpatrol_links:count",
        "sum by (job, instance, carrier, state) (linkpatrol_link_state{JOB} * on (job, instance, link) group_left (carrier) \
         linkpatrol_link_info{JOB})",
    ),
    (
        "unit_state:linkpatrol_links:count",
        "sum by (job, instance, unit, state) (linkpatrol_link_state{JOB} * on (job, instance, link) group_left (unit) \
         linkpatrol_link_info{JOB})",
    ),
    (
        "carrier:linkpatrol_link_availability_ratio:min",
        "min by (job, instance, carrier, period) (linkpatrol_link_availability_ratio{JOB} * on (job, instance, link) \
         group_left (carrier) linkpatrol_link_info{JOB})",
    ),
    (
        "carrier:linkpatrol_link_error_budget_remaining_seconds:min",
        "min by (job, instance, carrier, period) (linkpatrol_link_error_budget_remaining_seconds{JOB} * on (job, instance, \
         link) group_left (carrier) linkpatrol_link_info{JOB})",
    ),
    (
        "reason:linkpatrol_local_drops:rate5m",
        "sum by (job, instance, reason) (rate(linkpatrol_local_drops_total{JOB}[5m]))",
    ),
];

/// Declares the alerts in the order of the runbook.
macro_rules! alerts {
    ($($says:ident $severity:literal $hold:literal $expression:expr;)*) => {
        const ALERTS: &[Alert] = &[$(Alert {
            name: concat!("Linkpatrol", stringify!($says)),
            expression: $expression,
            hold: $hold,
            severity: $severity,
            says: $says,
        }),*];
    };
}

alerts! {
    Watchdog "none" "" "vector(1)";
    Unreachable "critical" "1m" "up{JOB} == 0 or absent(up{JOB})";
    ScrapeGaps "warning" "5m" "avg_over_time(up{JOB}[10m]) < 0.9";
    Stale "critical" "30s" "time() - last_over_time(linkpatrol_snapshot_timestamp_seconds{JOB}BRIDGED) > 10";
    Isolated "critical" "30s" "last_over_time(linkpatrol_vantage_up{JOB}BRIDGED) == 0";
    TierOneOpen "critical" ""
        "sum by (job, instance) (last_over_time(linkpatrol_incidents{JOB,tier=\"1\",phase=\"open\"}BRIDGED)) > 0";
    ClockRunsOut "warning" ""
        "0 <= last_over_time(linkpatrol_incident_clock_deadline_timestamp_seconds{JOB}BRIDGED) - time() < 600";
    ClockOverdue "critical" ""
        "time() - last_over_time(linkpatrol_incident_clock_deadline_timestamp_seconds{JOB}BRIDGED) > 0";
    // With the incident that the daemon has for it, so that Alertmanager can tell the two lines' alerts of one fault apart.
    LinkDown "warning" "1m"
        "0 * last_over_time(linkpatrol_incident_link{JOB}BRIDGED) + on (job, instance, link) group_left () \
         last_over_time(linkpatrol_link_up{JOB}BRIDGED) == 0 or last_over_time(linkpatrol_link_up{JOB}BRIDGED) == 0 unless on \
         (job, instance, link) last_over_time(linkpatrol_incident_link{JOB}BRIDGED)";
    BudgetSpent "warning" "1m" "last_over_time(linkpatrol_link_error_budget_remaining_seconds{JOB}BRIDGED) < 0";
    ManyUnknown "warning" "5m"
        "sum by (job, instance) (last_over_time(linkpatrol_link_state{JOB,state=\"unknown\"}BRIDGED)) / count by (job, \
         instance) (last_over_time(linkpatrol_link_info{JOB}BRIDGED)) > 0.1";
    ServiceDown "warning" "5m" "last_over_time(linkpatrol_service_state{JOB,state=\"down\"}BRIDGED) == 1";
    CertificateEnds "warning" "1h"
        "min by (job, instance, service) (last_over_time(linkpatrol_certificate_expiry_timestamp_seconds{JOB}BRIDGED)) - \
         time() < 1209600";
    RegisterEnds "warning" "1h"
        "last_over_time(linkpatrol_register_expiry_timestamp_seconds{JOB}BRIDGED) - time() < 2592000";
    NoticesWait "critical" "1m" "last_over_time(linkpatrol_outbox_oldest_seconds{JOB}BRIDGED) > 300";
    ProbesLate "warning" "1m" "last_over_time(linkpatrol_scheduler_lag_seconds{JOB}BRIDGED) > 0.5";
    LocalDrops "warning" "5m" "reason:linkpatrol_local_drops:rate5m{JOB} > 1";
    ReloadRefused "warning" "5m" "last_over_time(linkpatrol_config_last_reload_successful{JOB}BRIDGED) == 0";
    AnchorMissed "warning" "" "increase(linkpatrol_journal_anchors_missed_total{JOB}[1d]) > 0";
    Simulated "warning" "5m" "last_over_time(linkpatrol_simulated{JOB}BRIDGED) == 1";
}

/// A rule file over what the scrape job `job` brings.
pub(super) fn rules(job: &str) -> String {
    let selector = format!("job=\"{job}\"");
    let expression = |text: &str| quoted(&text.replace("JOB", &selector).replace("BRIDGED", BRIDGED));
    let mut yaml = String::from(HEAD);
    yaml.push_str("groups:\n  - name: linkpatrol.recording\n    rules:\n");
    for (name, text) in RECORDED {
        // Cannot fail: writing into text.
        _ = writeln!(yaml, "      - record: {name}\n        expr: {}", expression(text));
    }
    yaml.push_str("  - name: linkpatrol\n    rules:\n");
    for Alert { name, expression: text, hold, severity, says } in ALERTS {
        _ = writeln!(yaml, "      - alert: {name}\n        expr: {}", expression(text));
        if !hold.is_empty() {
            _ = writeln!(yaml, "        for: {hold}");
        }
        _ = writeln!(
            yaml,
            "        labels: {{severity: {severity}, line: second}}\n        annotations:\n          summary: {}\n          \
             summary_en: {}\n          runbook: docs/operations.md#{}",
            quoted(says.say(Language::ZhCn)),
            quoted(says.say(Language::En)),
            name.to_lowercase()
        );
    }
    yaml
}

/// A YAML text in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_shipped_rules_are_what_export_writes() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/linkpatrol.rules.yml");
        let there = fs::read_to_string(shipped).unwrap_or_default();
        assert_eq!(
            there,
            rules("linkpatrol"),
            "run `linkpatrol rule export --second-line > deploy/prometheus/linkpatrol.rules.yml`"
        );
    }

    #[test]
    fn every_series_is_of_the_job_that_was_asked_for() {
        let yaml = rules("city");
        assert!(!yaml.contains("JOB") && !yaml.contains("BRIDGED") && !yaml.contains("job=\"linkpatrol\""));
        for line in yaml.lines().filter(|line| line.contains("expr:")) {
            let (selectors, named) = (line.matches("{job=\"city\"").count(), line.matches("linkpatrol_").count());
            assert!(selectors >= named, "{line}");
        }
    }
}
