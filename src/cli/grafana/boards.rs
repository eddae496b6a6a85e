//! The dashboards. Limits are those of the contract, figures of availability those of the ledger: no panel has its own.

use super::panel::{Board, Panel};
use crate::{
    contract::{Contract, sites::SiteRules},
    text::GrafanaText::*,
    units::{Limit, Ppm},
};

/// Keeps the links that the variables choose; brings no label of its own.
const CHOSEN: &str =
    "* on (link) group_left () linkpatrol_link_info{carrier=~\"$carrier\", unit=~\"$unit\", kind=~\"$kind\"}";
const BY_CARRIER: &str = "* on (link) group_left (carrier_name) linkpatrol_link_info{carrier=~\"$carrier\"}";
const BY_UNIT: &str =
    "* on (link) group_left (unit_name) linkpatrol_link_info{carrier=~\"$carrier\", unit=~\"$unit\", kind=~\"$kind\"}";
const ONE: &str = "link=~\"$link\"";
const RATE: &str = "[$__rate_interval]";

pub(super) fn all(contract: &Contract, rules: &SiteRules) -> [Board; 10] {
    let limits = Limits::of(contract);
    [
        wall(&limits),
        carriers(&limits),
        units(&limits),
        link(&limits),
        incidents(),
        services(),
        sites(rules),
        certificates(),
        scorecard(&limits),
        ourselves(),
    ]
}

/// What the contract promises, as Prometheus has it.
struct Limits {
    availability: f64,
    loss: f64,
    rtt: f64,
}

impl Limits {
    fn of(contract: &Contract) -> Self {
        let (Limit::AtMost(Ppm(loss)) | Limit::Below(Ppm(loss))) = contract.objectives.loss;
        Self {
            availability: f64::from(contract.objectives.availability.0) / 1e6,
            loss: f64::from(loss) / 1e6,
            rtt: contract.objectives.rtt.0.as_secs_f64(),
        }
    }
}

fn variables(names: &[&'static str]) -> Vec<(&'static str, String)> {
    let query = |name: &&'static str| {
        let before = match *name {
            "carrier" => "",
            "unit" => "{carrier=~\"$carrier\"}",
            "kind" => "{carrier=~\"$carrier\", unit=~\"$unit\"}",
            _ => "{carrier=~\"$carrier\", unit=~\"$unit\", kind=~\"$kind\"}",
        };
        (*name, format!("label_values(linkpatrol_link_info{before}, {name})"))
    };
    names.iter().map(query).collect()
}

/// Lost of all that was settled, in the interval.
fn loss(by: &str, join: &str) -> String {
    let lost = format!("sum by ({by}) (rate(linkpatrol_link_probes_total{{outcome=\"lost\"}}{RATE}) {join})");
    let all = format!("sum by ({by}) (rate(linkpatrol_link_probes_total{{outcome=~\"answered|lost\"}}{RATE}) {join})");
    format!("{lost} / {all}")
}

fn rtt(quantile: &str, by: &str, join: &str) -> String {
    format!("histogram_quantile({quantile}, sum by (le, {by}) (rate(linkpatrol_link_rtt_seconds_bucket{RATE}) {join}))")
}

fn wall(limits: &Limits) -> Board {
    let down = "linkpatrol_link_info and on (link) (linkpatrol_link_state{state=\"down\"} == 1)";
    Board {
        uid: "lp-wall",
        title: Wall,
        variables: vec![],
        panels: vec![
            Panel::stat(LinksByState, "short", "sum by (state) (linkpatrol_link_state)", "{{state}}").wide(14, 4),
            Panel::stat(AllLinks, "short", "count(linkpatrol_link_info)", "").wide(4, 4),
            Panel::stat(OpenIncidents, "short", "sum by (tier) (linkpatrol_incidents{phase=\"open\"})", "{{tier}}")
                .bad_from(1.0)
                .wide(6, 4),
            Panel::stat(
                NextDeadline,
                "s",
                "min by (clock) (linkpatrol_incident_clock_deadline_timestamp_seconds) - time()",
                "{{clock}}",
            )
            .good_from(0.0),
            Panel::stat(Coverage, "short", "linkpatrol_coverage_links", "{{status}}"),
            Panel::stat(Vantage, "short", "linkpatrol_vantage_up", "{{vantage}}").good_from(1.0),
            Panel::stat(DataAge, "s", "time() - linkpatrol_snapshot_timestamp_seconds", "").bad_from(60.0),
            Panel::course(LinksByState, "short", "sum by (state) (linkpatrol_link_state)", "{{state}}"),
            Panel::course(NotUp, "short", "sum by (state) (linkpatrol_link_state{state!=\"up\"})", "{{state}}"),
            Panel::table(LinksDown, "short", down),
            Panel::table(LeastBudget, "s", "bottomk(10, linkpatrol_link_error_budget_remaining_seconds)")
                .good_from(0.0),
            Panel::course(SlowestLinks, "s", "topk(10, linkpatrol_link_rtt_last_seconds)", "{{link}}")
                .bad_from(limits.rtt),
            Panel::course(WorstLoss, "percentunit", "topk(10, linkpatrol_link_loss_ratio{window=\"5m\"})", "{{link}}")
                .bad_from(limits.loss),
        ],
    }
}

fn carriers(limits: &Limits) -> Board {
    let states = format!("sum by (carrier_name, state) (linkpatrol_link_state{{state!=\"up\"}} {BY_CARRIER})");
    Board {
        uid: "lp-carriers",
        title: Carriers,
        variables: variables(&["carrier"]),
        panels: vec![
            Panel::stat(
                AllLinks,
                "short",
                "count by (carrier_name) (linkpatrol_link_info{carrier=~\"$carrier\"})",
                "{{carrier_name}}",
            )
            .wide(24, 4),
            Panel::course(NotUp, "short", states, "{{carrier_name}} {{state}}"),
            Panel::course(Loss, "percentunit", loss("carrier_name", BY_CARRIER), "{{carrier_name}}")
                .bad_from(limits.loss),
            Panel::course(RttP95, "s", rtt("0.95", "carrier_name", BY_CARRIER), "{{carrier_name}}")
                .bad_from(limits.rtt),
            Panel::course(
                Probes,
                "cps",
                format!("sum by (carrier_name, outcome) (rate(linkpatrol_link_probes_total{RATE}) {BY_CARRIER})"),
                "{{carrier_name}} {{outcome}}",
            ),
        ],
    }
}

fn units(limits: &Limits) -> Board {
    Board {
        uid: "lp-units",
        title: Units,
        variables: variables(&["carrier", "unit", "kind"]),
        panels: vec![
            Panel::table(
                StatesOfUnits,
                "short",
                format!("sum by (unit_name, state) (linkpatrol_link_state {BY_UNIT})"),
            ),
            Panel::course(
                NotUp,
                "short",
                format!("sum by (unit_name) (linkpatrol_link_state{{state!=\"up\"}} {BY_UNIT})"),
                "{{unit_name}}",
            ),
            Panel::course(Loss, "percentunit", loss("unit_name", BY_UNIT), "{{unit_name}}").bad_from(limits.loss),
            Panel::course(RttP95, "s", rtt("0.95", "unit_name", BY_UNIT), "{{unit_name}}").bad_from(limits.rtt),
            Panel::timeline(UpOrDown, format!("linkpatrol_link_up {CHOSEN}"), "{{link}}").wide(24, 14).good_from(1.0),
        ],
    }
}

fn link(limits: &Limits) -> Board {
    let of = |metric: &str| format!("{metric}{{{ONE}}}");
    let rate = |metric: &str| format!("rate({metric}{{{ONE}}}{RATE})");
    Board {
        uid: "lp-link",
        title: OneLink,
        variables: variables(&["carrier", "unit", "kind", "link"]),
        panels: vec![
            Panel::table(Facts, "short", of("linkpatrol_link_info")).wide(24, 4),
            Panel::timeline(States, of("linkpatrol_link_state"), "{{state}}").good_from(1.0),
            Panel::heatmap(Smoke, format!("sum by (le) (increase(linkpatrol_link_rtt_seconds_bucket{{{ONE}}}{RATE}))")),
            Panel::course(Rtt, "s", of("linkpatrol_link_rtt_last_seconds"), "RTT")
                .query(of("linkpatrol_link_jitter_seconds"), "jitter")
                .bad_from(limits.rtt),
            Panel::course(Loss, "percentunit", of("linkpatrol_link_loss_ratio"), "{{window}}").bad_from(limits.loss),
            Panel::stat(AvailabilityMonth, "percentunit", of("linkpatrol_link_availability_ratio"), "")
                .good_from(limits.availability),
            Panel::stat(BoundsMonth, "percentunit", of("linkpatrol_link_availability_lower_ratio"), "≥")
                .query(of("linkpatrol_link_availability_upper_ratio"), "≤")
                .good_from(limits.availability),
            Panel::stat(BudgetMonth, "s", of("linkpatrol_link_error_budget_remaining_seconds"), "").good_from(0.0),
            Panel::stat(Verdicts, "short", of("linkpatrol_link_objective"), "{{objective}}: {{verdict}}"),
            Panel::course(Probes, "cps", rate("linkpatrol_link_probes_total"), "{{outcome}}")
                .query(rate("linkpatrol_link_confirm_total"), "confirm")
                .query(rate("linkpatrol_link_late_total"), "late")
                .query(rate("linkpatrol_link_duplicate_total"), "duplicate"),
            Panel::course(OtherPoints, "short", of("linkpatrol_point_up"), "{{role}}").good_from(1.0).wide(6, 8),
            Panel::stat(LastProbe, "s", format!("time() - {}", of("linkpatrol_link_last_probe_timestamp_seconds")), "")
                .wide(6, 8),
        ],
    }
}

fn incidents() -> Board {
    let left = "linkpatrol_incident_clock_deadline_timestamp_seconds - time()";
    Board {
        uid: "lp-incidents",
        title: IncidentsAndClocks,
        variables: vec![],
        panels: vec![
            Panel::stat(OpenIncidents, "short", "sum by (tier) (linkpatrol_incidents{phase=\"open\"})", "{{tier}}")
                .bad_from(1.0),
            Panel::stat(Overdue, "short", format!("count({left} < 0) or vector(0)"), "").bad_from(1.0),
            Panel::stat(AlarmsFiring, "short", "count(linkpatrol_rule_firing) or vector(0)", "").bad_from(1.0),
            Panel::stat(Rounds, "short", "linkpatrol_rounds", "{{status}}"),
            Panel::table(Countdowns, "s", format!("sort({left})")).good_from(0.0).wide(24, 10),
            Panel::course(Incidents, "short", "sum by (scope, phase) (linkpatrol_incidents)", "{{scope}} {{phase}}"),
            Panel::timeline(
                PlannedWork,
                "sum by (scope, standing) (linkpatrol_maintenance_windows)",
                "{{scope}} {{standing}}",
            ),
            Panel::course(RoundsEnded, "short", "linkpatrol_rounds_ended_total", "{{outcome}}"),
            Panel::stat(DeskWaits, "short", "linkpatrol_desk_waiting", "{{kind}}").wide(8, 4),
            Panel::stat(Devices, "short", "linkpatrol_devices", "{{status}}").wide(8, 4),
            Panel::stat(SpareCoverage, "percentunit", "linkpatrol_spare_coverage_ratio", "").good_from(1.0).wide(8, 4),
            Panel::table(SwapsDue, "s", "sort(linkpatrol_device_swap_deadline_timestamp_seconds - time())")
                .good_from(0.0),
            Panel::course(SwapsDone, "short", "linkpatrol_device_swaps_total", "{{outcome}}"),
        ],
    }
}

fn services() -> Board {
    let down = "linkpatrol_service_info and on (service) (linkpatrol_service_state{state=\"down\"} == 1)";
    Board {
        uid: "lp-services",
        title: Services,
        variables: vec![],
        panels: vec![
            Panel::stat(ServicesByState, "short", "sum by (state) (linkpatrol_service_state)", "{{state}}").wide(18, 4),
            Panel::stat(AllServices, "short", "count(linkpatrol_service_info)", "").wide(6, 4),
            Panel::table(ServicesDown, "short", down),
            Panel::table(WhyFailed, "short", "linkpatrol_probe_failure_reason == 1"),
            Panel::timeline(LastVisit, "probe_success", "{{service}}").wide(24, 12).good_from(1.0),
            Panel::course(SlowestServices, "s", "topk(10, probe_duration_seconds)", "{{service}}"),
            Panel::course(Phases, "s", "max by (phase) (linkpatrol_probe_phase_seconds)", "{{phase}}"),
            Panel::course(
                Visits,
                "cps",
                format!("sum by (outcome) (rate(linkpatrol_service_visits_total{RATE}))"),
                "{{outcome}}",
            ),
            Panel::course(
                VisitsSkipped,
                "cps",
                format!("sum by (reason) (rate(linkpatrol_service_visits_skipped_total{RATE}))"),
                "{{reason}}",
            ),
            Panel::table(
                ExchangesAtFault,
                "short",
                "linkpatrol_exchange_records{outcome=~\"lost|rejected|mismatched\"} > 0",
            ),
            Panel::stat(ExchangeTasks, "short", "sum by (kind) (linkpatrol_exchange_tasks)", "{{kind}}"),
            Panel::table(
                ExchangesLastSucceeded,
                "s",
                "topk(20, time() - linkpatrol_exchange_last_success_timestamp_seconds)",
            ),
            Panel::table(ExchangesTold, "s", "topk(20, time() - linkpatrol_exchange_told_timestamp_seconds)"),
            Panel::course(StepDurations, "s", "linkpatrol_step_duration_seconds", "{{service}} {{step}}"),
            Panel::table(StepsFailed, "short", "linkpatrol_step_success == 0"),
            Panel::course(TransactionMeans, "s", "linkpatrol_transaction_mean_seconds", "{{service}}"),
            Panel::table(TransactionLimits, "s", "linkpatrol_transaction_limit_seconds"),
            Panel::table(TransactionLongest, "s", "linkpatrol_transaction_longest_seconds"),
            Panel::table(TransactionRuns, "short", "linkpatrol_transaction_runs"),
            Panel::table(TransactionSlow, "short", "linkpatrol_transaction_slow_runs"),
            Panel::course(OnlineRates, "percentunit", "linkpatrol_online_rate_ratio", "{{service}} {{day}}"),
            Panel::table(OnlineDevices, "short", "linkpatrol_online_devices"),
            Panel::table(OnlineTold, "s", "topk(20, time() - linkpatrol_online_told_timestamp_seconds)"),
            Panel::table(FreshnessAge, "s", "sort_desc(time() - linkpatrol_freshness_timestamp_seconds)").wide(24, 8),
            Panel::stat(StatusCodes, "short", "count_values(\"code\", probe_http_status_code)", "{{code}}").wide(24, 4),
            Panel::table(ServiceAvailability, "percentunit", "sort(linkpatrol_service_availability_ratio)").wide(24, 8),
            Panel::course(
                VisitsHeldBack,
                "cps",
                format!("sum by (limit) (rate(linkpatrol_service_visit_waits_total{RATE}))"),
                "{{limit}}",
            ),
            Panel::course(
                VisitsLate,
                "percentunit",
                format!("rate(linkpatrol_service_visits_late_seconds_total{RATE})"),
                "",
            ),
        ],
    }
}

/// What is asked of websites besides being up. Limits are those of `sites.yaml`.
fn sites(rules: &SiteRules) -> Board {
    let failed = "sum by (service) (linkpatrol_site_window_visits{outcome=\"failed\"})";
    let share = format!("sort_desc({failed} / (sum by (service) (linkpatrol_site_window_visits) > 0))");
    let since = |metric: &str| format!("sort_desc(time() - {metric})");
    let bad_from = |panel: Panel, limit: Option<f64>| match limit {
        Some(limit) => panel.bad_from(limit),
        None => panel,
    };
    let veto = rules.reachability.map(|rule| f64::from(rule.veto.0) / 1e6);
    let stale = rules.home_page.map(|rule| rule.unchanged_most.as_secs_f64());
    Board {
        uid: "lp-sites",
        title: Sites,
        variables: vec![],
        panels: vec![
            Panel::stat(SitesByVerdict, "short", "sum by (verdict) (linkpatrol_site_reachability)", "{{verdict}}")
                .wide(12, 4),
            Panel::stat(DaysOfRule, "short", "sum by (state) (linkpatrol_site_window_days)", "{{state}}").wide(12, 4),
            Panel::stat(FindingsCount, "short", "sum by (finding) (linkpatrol_site_finding)", "{{finding}}")
                .bad_from(1.0)
                .wide(24, 5),
            bad_from(Panel::table(VetoShare, "percentunit", share), veto),
            Panel::table(FailuresLeft, "short", "sort(linkpatrol_site_failures_left)").good_from(1.0),
            Panel::table(FindingsOfSites, "short", "linkpatrol_site_finding == 1"),
            Panel::table(SiteDaysLeft, "d", "sort(linkpatrol_site_days_left)").good_from(1.0),
            Panel::course(WindowVisits, "short", "sum by (outcome) (linkpatrol_site_window_visits)", "{{outcome}}"),
            Panel::course(HomePageLinks, "short", "sum by (outcome) (linkpatrol_site_links)", "{{outcome}}"),
            Panel::table(TlsScore, "short", "sort(linkpatrol_site_tls_score)"),
            Panel::table(TlsDeductions, "short", "sort_desc(linkpatrol_site_tls_deduction)"),
            Panel::table(Ipv6Items, "short", "linkpatrol_site_ipv6").good_from(1.0),
            Panel::table(Ipv6Links, "percentunit", "sort(linkpatrol_site_ipv6_links_ratio)").good_from(1.0),
            bad_from(
                Panel::table(HomePageSame, "s", since("linkpatrol_site_home_page_since_timestamp_seconds")),
                stale,
            ),
            Panel::table(Looked, "s", since("linkpatrol_site_looked_timestamp_seconds")),
        ],
    }
}

/// Days left: what a certificate ends after, whatever the contract says of the service.
fn certificates() -> Board {
    let left = "min by (service) (linkpatrol_certificate_expiry_timestamp_seconds) - time()";
    let soon = |days: u32| format!("count({left} < {}) or vector(0)", days * 86_400);
    let names = "linkpatrol_names_failing";
    Board {
        uid: "lp-certificates",
        title: CertificatesAndDomains,
        variables: vec![],
        panels: vec![
            Panel::stat(CertificatesEnded, "short", soon(0), "").bad_from(1.0),
            Panel::stat(CertificatesFortnight, "short", soon(14), "").bad_from(1.0),
            Panel::stat(CertificatesMonth, "short", soon(30), "").bad_from(1.0),
            Panel::stat(NamesFailing, "short", names, "").bad_from(1.0),
            Panel::table(
                CertificatesLeft,
                "s",
                format!("sort({left}) * on (service) group_left (name, certificate_group) linkpatrol_service_info"),
            )
            .good_from(1_209_600.0)
            .wide(24, 12),
            Panel::table(
                CertificatesByChain,
                "s",
                "sort(min by (service, chain) (linkpatrol_certificate_expiry_timestamp_seconds) - time())",
            )
            .good_from(1_209_600.0),
            Panel::course(NamesFailing, "short", names, "").bad_from(1.0),
            Panel::table(RegisterLeft, "s", "sort(linkpatrol_register_expiry_timestamp_seconds - time())")
                .good_from(2_592_000.0)
                .wide(24, 8),
        ],
    }
}

/// The worst link stands for its carrier: percentages are never averaged.
fn scorecard(limits: &Limits) -> Board {
    let worst = |metric: &str| format!("min by (carrier_name, period) ({metric} {BY_CARRIER})");
    // A carrier without any is shown at zero.
    let none = "0 * count by (carrier_name) (linkpatrol_link_info{carrier=~\"$carrier\"})";
    let links = |metric: &str| format!("count by (carrier_name) ({metric} {BY_CARRIER}) or {none}");
    let clocks = "linkpatrol_incident_clock_deadline_timestamp_seconds{party=~\"operator|carrier/($carrier)\"}";
    let spent =
        format!("sum by (carrier_name) ((linkpatrol_link_error_budget_remaining_seconds < bool 0) {BY_CARRIER})");
    Board {
        uid: "lp-scorecard",
        title: Scorecard,
        variables: variables(&["carrier"]),
        panels: vec![
            Panel::stat(
                WorstAvailability,
                "percentunit",
                worst("linkpatrol_link_availability_lower_ratio"),
                "{{carrier_name}} {{period}}",
            )
            .good_from(limits.availability)
            .wide(12, 5),
            Panel::stat(BudgetSpent, "short", spent, "{{carrier_name}}").bad_from(1.0).wide(12, 5),
            Panel::stat(
                Breached,
                "short",
                links("linkpatrol_link_objective{verdict=\"breached\"}"),
                "{{carrier_name}}",
            )
            .bad_from(1.0)
            .wide(8, 5),
            Panel::stat(
                AtRisk,
                "short",
                links("linkpatrol_link_objective{verdict=~\"at_risk|suspected\"}"),
                "{{carrier_name}}",
            )
            .bad_from(1.0)
            .wide(8, 5),
            Panel::stat(HeldDown, "short", links("linkpatrol_incident_link"), "{{carrier_name}}")
                .bad_from(1.0)
                .wide(4, 5),
            Panel::stat(BreachNotices, "short", "linkpatrol_desk_waiting{kind=\"breach\"}", "")
                .bad_from(1.0)
                .wide(4, 5),
            Panel::table(
                Verdicts,
                "short",
                format!("count by (carrier_name, objective, verdict) (linkpatrol_link_objective {BY_CARRIER})"),
            )
            .wide(24, 9),
            Panel::course(
                WorstAvailability,
                "percentunit",
                worst("linkpatrol_link_availability_ratio"),
                "{{carrier_name}} {{period}}",
            )
            .good_from(limits.availability),
            Panel::course(
                LeastBudget,
                "s",
                worst("linkpatrol_link_error_budget_remaining_seconds"),
                "{{carrier_name}} {{period}}",
            )
            .good_from(0.0),
            Panel::table(NextDeadline, "s", format!("sort(min by (party, clock) ({clocks}) - time())"))
                .good_from(0.0)
                .wide(24, 6),
        ],
    }
}

fn ourselves() -> Board {
    let rate = |metric: &str| format!("rate({metric}{RATE})");
    let since = |metric: &str| format!("time() - {metric}");
    Board {
        uid: "lp-self",
        title: Ourselves,
        variables: vec![],
        panels: vec![
            Panel::stat(Version, "short", "linkpatrol_build_info", "{{version}}"),
            Panel::stat(Sending, "short", "linkpatrol_prober_info", "{{mode}}"),
            Panel::stat(Simulated, "short", "linkpatrol_simulated", "").bad_from(1.0),
            Panel::stat(Vantage, "short", "linkpatrol_vantage_up", "{{vantage}}")
                .query("linkpatrol_witness_up", "{{witness}}")
                .good_from(1.0),
            Panel::stat(ReloadOk, "short", "linkpatrol_config_last_reload_successful", "").good_from(1.0),
            Panel::stat(ReloadAge, "s", since("linkpatrol_config_last_reload_success_timestamp_seconds"), ""),
            Panel::stat(DataAge, "s", since("linkpatrol_snapshot_timestamp_seconds"), "").bad_from(60.0),
            Panel::stat(NamesFailing, "short", "linkpatrol_names_failing", "").bad_from(1.0),
            Panel::stat(SocketBuffer, "bytes", "linkpatrol_socket_buffer_bytes", ""),
            Panel::stat(JournalEntries, "short", "linkpatrol_journal_entries", ""),
            Panel::stat(JournalAge, "s", since("linkpatrol_journal_oldest_timestamp_seconds"), "")
                .query(since("linkpatrol_journal_anchor_timestamp_seconds"), "anchor"),
            Panel::stat(AnchorsMissed, "short", "linkpatrol_journal_anchors_missed_total", "").bad_from(1.0),
            Panel::course(Lag, "s", "linkpatrol_scheduler_lag_seconds", ""),
            Panel::course(Stamps, "cps", rate("linkpatrol_timestamps_total"), "{{source}}"),
            Panel::course(LocalDrops, "cps", rate("linkpatrol_local_drops_total"), "{{reason}}"),
            Panel::course(Rejected, "cps", rate("linkpatrol_rejected_packets_total"), "{{reason}}"),
            Panel::course(Cpu, "percentunit", rate("linkpatrol_cpu_seconds_total"), "{{stage}}"),
            Panel::course(RuleEvaluations, "cps", rate("linkpatrol_rule_evaluations_total"), ""),
        ],
    }
}
