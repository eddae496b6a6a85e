//! The one table of metric names: every family that this file's siblings write, with type and help.
//!
//! Names end in base units (`_seconds`, `_bytes`, `_ratio`, `_total`), as Prometheus asks.

/// One metric family.
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Declares the constants and, from the same lines, the list of all: a family cannot be missing from it.
macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal $help:literal;)*) => {
        $(pub(super) const $constant: Family = Family { name: $name, kind: Kind::$kind, help: $help };)*
        /// Every family, in the order in which a scrape lists them.
        pub(super) const ALL: &[Family] = &[$($constant),*];
    };
}

families! {
    // ---- one link
    LINK_INFO = Gauge "linkpatrol_link_info" "What the ledger says of the link. Always 1; join on label link.";
    LINK_UP = Gauge "linkpatrol_link_up" "1 up, 0 down. No sample while unknown, in maintenance or suspended.";
    LINK_STATE = Gauge "linkpatrol_link_state" "1 for the state that the link is in, 0 for the others.";
    POINT_UP = Gauge "linkpatrol_point_up" "1 answering, 0 silent, for measuring points that do not decide the link's state. No sample while unknown.";
    PROBES = Counter "linkpatrol_link_probes_total" "Scheduled probes of the deciding point that ended, by outcome. Unmeasured is never loss: this host could not look.";
    LATE = Counter "linkpatrol_link_late_total" "Answers that came after their time-out had been booked. The loss stands.";
    DUPLICATE = Counter "linkpatrol_link_duplicate_total" "Further answers to a probe already answered.";
    CONFIRM = Counter "linkpatrol_link_confirm_total" "Confirm probes, sent after an overdue answer, and probes out of turn near a failure. In no loss, RTT or availability figure.";
    RTT = Histogram "linkpatrol_link_rtt_seconds" "Round-trip time of answered scheduled probes of the deciding point, kernel timestamps where there are any.";
    RTT_LAST = Gauge "linkpatrol_link_rtt_last_seconds" "Round-trip time of the last answered probe.";
    JITTER = Gauge "linkpatrol_link_jitter_seconds" "Interarrival jitter of RTT, smoothed as in RFC 3550 section 6.4.1.";
    LOSS = Gauge "linkpatrol_link_loss_ratio" "Lost / (answered + lost) over the window. No sample without evidence.";
    LAST_PROBE = Gauge "linkpatrol_link_last_probe_timestamp_seconds" "When the last scheduled probe of the deciding point was sent.";
    AVAILABILITY = Gauge "linkpatrol_link_availability_ratio" "Up / (up + down) of the counted time known so far in the period, truncated.";
    AVAILABILITY_LOWER = Gauge "linkpatrol_link_availability_lower_ratio" "Availability of the counted time so far when every unknown moment was down, truncated.";
    AVAILABILITY_UPPER = Gauge "linkpatrol_link_availability_upper_ratio" "Availability of the counted time so far when every unknown moment was up, truncated.";
    BUDGET = Gauge "linkpatrol_link_error_budget_remaining_seconds" "Down-time that the availability objective still allows in the period; negative once it is spent.";
    OBJECTIVE = Gauge "linkpatrol_link_objective" "Verdict on the objective of the running period: met, breached, pending while both are possible, at_risk when loss or RTT is proved to be worse than the limit now, suspected when only a router's control plane says so. Always 1.";
    // ---- incidents
    INCIDENTS = Gauge "linkpatrol_incidents" "Incidents by tier, scope and phase. Closed ones leave after closed_incidents_leave_after.";
    INCIDENT_LINK = Gauge "linkpatrol_incident_link" "1 for each link that an open incident holds down; under the incident that explains it, where there is one. At most two samples for each link of the inventory.";
    DEADLINE = Gauge "linkpatrol_incident_clock_deadline_timestamp_seconds" "When a running clock of an incident runs out.";
    MAINTENANCE = Gauge "linkpatrol_maintenance_windows" "Turns of planned work that run now, by what they are on first; only valid ones stop clocks.";
    // ---- rules
    RULE_FIRING = Gauge "linkpatrol_rule_firing" "1 while the alarm of an operator's rule fires on the link; no sample otherwise.";
    RULE_EVALUATIONS = Counter "linkpatrol_rule_evaluations_total" "How often the condition of a rule was asked for a link: only when what it is about had changed.";
    // ---- rounds
    ROUNDS = Gauge "linkpatrol_rounds" "Turns of rounds that are planned, due or late (due, not made, and still to be made).";
    ROUNDS_ENDED = Counter "linkpatrol_rounds_ended_total" "Turns of rounds that came to an end: done in time, late (done late) or missed. Counted since the state folder was begun.";
    // ---- desk
    DESK = Gauge "linkpatrol_desk_waiting" "What waits for a person: maintnote (notes of carriers in the inbox), problem (open, or its cause known) and change (asked for or approved).";
    // ---- devices
    SPARES = Gauge "linkpatrol_spare_coverage_ratio" "Models of devices in use that have a spare / models in use, truncated. No sample without devices.";
    DEVICES = Gauge "linkpatrol_devices" "Devices by status: in_use, out (failed, its swap is in time) or overdue. Who says that one failed is a person.";
    SWAPS = Counter "linkpatrol_device_swaps_total" "Devices that were swapped, in time or late. Counted since the state folder was begun.";
    SWAP_DEADLINE = Gauge "linkpatrol_device_swap_deadline_timestamp_seconds" "By when a device that is out must be swapped.";
    // ---- services
    SERVICE_INFO = Gauge "linkpatrol_service_info" "What the inventory says of the service. Always 1; join on label service.";
    SERVICE_STATE = Gauge "linkpatrol_service_state" "1 for the state that the service is in, 0 for the others. never_verified: no visit has passed yet.";
    SERVICE_VISITS = Counter "linkpatrol_service_visits_total" "Planned visits that ended, by outcome. Unmeasured says nothing about the service: this host could not look. Confirming visits are beside the plan.";
    SERVICE_WAITS = Counter "linkpatrol_service_visit_waits_total" "Visits that a limit of politeness held back, by limit.";
    SERVICE_LATE = Counter "linkpatrol_service_visits_late_seconds_total" "How long visits began after their turn, summed.";
    SERVICE_AVAILABILITY = Gauge "linkpatrol_service_availability_ratio" "Counted up-time of the running civil month over what is known of it. No sample before anything is known.";
    SERVICE_SKIPPED = Counter "linkpatrol_service_visits_skipped_total" "Visits left out: the one before was still running (turn), or nobody took what it told (overflow).";
    PROBE_SUCCESS = Gauge "probe_success" "1 when the last visit passed, 0 when it failed. No sample while nothing was measured.";
    PROBE_DURATION = Gauge "probe_duration_seconds" "How long the last visit took.";
    PROBE_PHASE = Gauge "linkpatrol_probe_phase_seconds" "Where the time of the last visit went, by phase; of redirects the sum.";
    PROBE_REASON = Gauge "linkpatrol_probe_failure_reason" "1 for the phase and the reason (docs/services.md) that the last visit failed with. No sample when it passed.";
    PROBE_STATUS = Gauge "probe_http_status_code" "Status of the last answer of a web page; no sample without one.";
    CERTIFICATE = Gauge "linkpatrol_certificate_expiry_timestamp_seconds" "When a certificate that the service showed ends: the server's own (leaf), the soonest of what was served (served), and the verified chain (verified).";
    FRESHNESS = Gauge "linkpatrol_freshness_timestamp_seconds" "When the file, or the newest record of the page, was made that the last visit saw. No sample when none was seen.";
    STEP_DURATION = Gauge "linkpatrol_step_duration_seconds" "Seconds that a step of a service took in the last visit, from its first look-up to its last byte. No sample of a step that the last visit did not reach.";
    STEP_SUCCESS = Gauge "linkpatrol_step_success" "1 when a step of a service was passed in the last visit, 0 when it failed there. No sample of a step that the last visit did not reach.";
    TRANSACTION_MEAN = Gauge "linkpatrol_transaction_mean_seconds" "Mean of the runs of a business transaction in the running period of the contract, those included that the time-out cut. No sample before a run.";
    TRANSACTION_LONGEST = Gauge "linkpatrol_transaction_longest_seconds" "The longest of these runs. No sample before a run.";
    TRANSACTION_LIMIT = Gauge "linkpatrol_transaction_limit_seconds" "Most that the statistic of these runs may be by the contract. No sample when it promises nothing.";
    TRANSACTION_RUNS = Gauge "linkpatrol_transaction_runs" "Runs in the running period, by what became of them: whole, cut (by the time-out), failed.";
    TRANSACTION_SLOW = Gauge "linkpatrol_transaction_slow_runs" "Of the whole and cut runs in the running period, those above the limit.";
    ONLINE_DEVICES = Gauge "linkpatrol_online_devices" "Devices of a group by what was last told of them: online, absent (as expected), missing, total. No sample before anything is told, or when it is too old.";
    ONLINE_RATE = Gauge "linkpatrol_online_rate_ratio" "Mean of the devices that are online over those that are expected to be, of today so far and of yesterday. No sample when nothing is known of the day.";
    ONLINE_TOLD = Gauge "linkpatrol_online_told_timestamp_seconds" "When the devices that were last told of were counted.";
    // ---- sites
    EXCHANGE_TASKS = Gauge "linkpatrol_exchange_tasks" "Tasks that are registered in the group.";
    EXCHANGE_RECORDS = Gauge "linkpatrol_exchange_records" "Records that were last told of, by what became of them: sent, received, lost, rejected, mismatched. No sample before anything is told, or when it is too old.";
    EXCHANGE_TOLD = Gauge "linkpatrol_exchange_told_timestamp_seconds" "When the records that were last told of were counted.";
    EXCHANGE_SUCCESS = Gauge "linkpatrol_exchange_last_success_timestamp_seconds" "When a run of the group last succeeded, by what was last told.";
    SITE_FINDING = Gauge "linkpatrol_site_finding" "1 while this is wrong with the site, which may well be up; 0 otherwise (docs/services.md).";
    SITE_DAYS_LEFT = Gauge "linkpatrol_site_days_left" "Whole days until the certificate or the registration of the domain ends; negative once it has.";
    SITE_REACHABILITY = Gauge "linkpatrol_site_reachability" "1 for the verdict of the rule on sites that cannot be opened: kept, veto, or not_provable while days are missing.";
    SITE_WINDOW = Gauge "linkpatrol_site_window_visits" "Visits of the days that the rule looks at, by outcome. What proves nothing is in neither.";
    SITE_WINDOW_DAYS = Gauge "linkpatrol_site_window_days" "Days of the rule that were watched often enough, and days that are missing.";
    SITE_FAILURES_LEFT = Gauge "linkpatrol_site_failures_left" "Failed visits more until the share of the veto is reached, at the soonest; 0 once it is.";
    SITE_SCORE = Gauge "linkpatrol_site_tls_score" "How well the site speaks TLS, of 100: the worst of the running week.";
    SITE_DEDUCTION = Gauge "linkpatrol_site_tls_deduction" "Points that a weakness costs. No sample without it.";
    SITE_HOME_PAGE = Gauge "linkpatrol_site_home_page_since_timestamp_seconds" "Since when the home page has been seen to say the same.";
    SITE_LOOKED = Gauge "linkpatrol_site_looked_timestamp_seconds" "When home page, links and IPv6 were last looked at.";
    SITE_LINKS = Gauge "linkpatrol_site_links" "Links and images of the home page at the last look, by what became of them.";
    SITE_SIX = Gauge "linkpatrol_site_ipv6" "Items of IPv6 readiness: 1 holds, 0 does not. No sample where this host cannot tell.";
    SITE_SIX_LINKS = Gauge "linkpatrol_site_ipv6_links_ratio" "Links of the home page to its own site that work over IPv6 / those that work, truncated.";
    // ---- register of expiries
    REGISTER_EXPIRY = Gauge "linkpatrol_register_expiry_timestamp_seconds" "End of what the register of expiries has (licences, grants, contracts): the last second of its last day.";
    REGISTER_RUNG = Gauge "linkpatrol_register_rung_days" "Lowest rung of the ladder of days that an entry of the register has reached. No sample while more days are left.";
    // ---- coverage
    COVERAGE = Gauge "linkpatrol_coverage_links" "Links by how they are measured. Sums to all links.";
    VANTAGE_UP = Gauge "linkpatrol_vantage_up" "1 while this vantage sees its witnesses, 0 when it is isolated.";
    WITNESS_UP = Gauge "linkpatrol_witness_up" "1 when the witness near us answers.";
    // ---- ourselves
    PROBER = Gauge "linkpatrol_prober_info" "How probes are sent: raw, ping, simulated or no_right. Always 1.";
    SIMULATED = Gauge "linkpatrol_simulated" "1 when all of this is a simulated city.";
    LAG = Gauge "linkpatrol_scheduler_lag_seconds" "How late probes left, worst of the last ten seconds.";
    TIMESTAMPS = Counter "linkpatrol_timestamps_total" "Answers by the clock that timed them: kernel, kernel_receive (send stamp lost) or user.";
    DROPS = Counter "linkpatrol_local_drops_total" "What this host itself could not measure or keep, by reason.";
    REJECTED = Counter "linkpatrol_rejected_packets_total" "Packets that were answers in form only, by reason.";
    NAMES_FAILING = Gauge "linkpatrol_names_failing" "Names of targets whose last lookup failed.";
    BUFFER = Gauge "linkpatrol_socket_buffer_bytes" "Receive buffer that the kernel granted.";
    CPU = Counter "linkpatrol_cpu_seconds_total" "Processor time by stage.";
    JOURNAL_OLDEST = Gauge "linkpatrol_journal_oldest_timestamp_seconds" "Time of the oldest entry that our own journal keeps. Says nothing of records that others keep.";
    JOURNAL_ENTRIES = Gauge "linkpatrol_journal_entries" "Number of the newest entry of the journal that is on the disk.";
    ANCHOR_AT = Gauge "linkpatrol_journal_anchor_timestamp_seconds" "When the newest daily anchor of the journal was laid into its folder.";
    ANCHORS_MISSED = Counter "linkpatrol_journal_anchors_missed_total" "Civil days without an anchor that this process came upon.";
    SNAPSHOT_AT = Gauge "linkpatrol_snapshot_timestamp_seconds" "When the figures of this scrape were put together.";
    RELOAD_OK = Gauge "linkpatrol_config_last_reload_successful" "1 when the last reload of configuration and inventory was taken, 0 when it was refused.";
    RELOAD_AT = Gauge "linkpatrol_config_last_reload_success_timestamp_seconds" "When configuration and inventory were last taken.";
    BUILD = Gauge "linkpatrol_build_info" "Version of this program. Always 1.";
}
