//! Closed lists of words that contract files use.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$note])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As files, labels and JSON write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    )*};
}

/// What is due after a fault, or whether it is over or not.
const FOLLOW_UPS: [ClockKind; 4] = [ClockKind::Register, ClockKind::Report, ClockKind::Feedback, ClockKind::Analysis];

impl ClockKind {
    /// Whether the end of the fault leaves it running.
    pub fn is_follow_up(self) -> bool {
        FOLLOW_UPS.contains(&self)
    }
}

words! {
    /// Who has to keep a promise. Each carrier is a party of its own, with its own agreement.
    Party {
        Operator = "operator",
        Carrier = "carrier",
        Unit = "unit",
        Customer = "customer",
    }

    /// What has to have happened when a clock runs out.
    ClockKind {
        /// Somebody took it on.
        Response = "response",
        Register = "register",
        Diagnosis = "diagnosis",
        /// A plan of how and until when.
        Plan = "plan",
        Remote = "remote",
        OnSite = "on_site",
        /// Recovery has begun.
        Begin = "begin",
        Workaround = "workaround",
        Restore = "restore",
        DataRestore = "data_restore",
        DeviceSwap = "device_swap",
        /// First report to the customer, or of the state of the work.
        Report = "report",
        /// What came of it.
        Feedback = "feedback",
        /// Analysis of causes.
        Analysis = "analysis",
    }

    /// What a clock starts at.
    Start {
        /// The earliest of the five below that is known: where a text names none.
        Earliest = "earliest",
        /// First failed sample.
        Occurred = "occurred",
        Detected = "detected",
        Alarmed = "alarmed",
        NoticeDelivered = "notice_delivered",
        CustomerReported = "customer_reported",
        /// Follow-ups: after the end of the outage.
        Restored = "restored",
        /// When the restore clock of the same tier ran out.
        RestoreOverdue = "restore_overdue",
    }

    /// What kind of thing a class or objective is about.
    TargetKind {
        Link = "link",
        Service = "service",
        Device = "device",
        Security = "security",
        /// A question or request of a person.
        Request = "request",
    }

    /// How large the failing set is.
    Scope {
        /// At least the tier's share of all measured links in service.
        Network = "network",
        Carrier = "carrier",
        Unit = "unit",
        Segment = "segment",
        Group = "group",
        Link = "link",
        Service = "service",
        Device = "device",
    }

    FaultKind {
        Outage = "outage",
        /// It answers, and breaks an objective.
        Quality = "quality",
        Device = "device",
        Security = "security",
        /// Lost, wrong or leaked data.
        Data = "data",
        Consultation = "consultation",
    }

    /// How much still works, in four steps that all four contracts can be told in.
    Impact {
        Stopped = "stopped",
        /// Partly unusable, or can be worked around.
        Degraded = "degraded",
        Limited = "limited",
        /// None, or a question.
        Minor = "minor",
    }

    /// What an objective is about.
    Measure {
        Availability = "availability",
        Rtt = "rtt",
        Loss = "loss",
        Jitter = "jitter",
        ResponseTime = "response_time",
        Mtbf = "mtbf",
        OnlineRate = "online_rate",
        FailureRate = "failure_rate",
        FailedVisits = "failed_visits",
        Visits = "visits",
        ContentAge = "content_age",
        ExchangeLoss = "exchange_loss",
        ExchangeErrors = "exchange_errors",
        SpareCoverage = "spare_coverage",
        LogRetention = "log_retention",
        Capacity = "capacity",
        Bandwidth = "bandwidth",
        Closed = "closed",
        Utilisation = "utilisation",
        /// A count that stands in the text, such as team members or SMS a year.
        Count = "count",
    }

    Period {
        Run = "run",
        Day = "day",
        Week = "week",
        TwoWeeks = "two_weeks",
        Month = "month",
        Quarter = "quarter",
        Year = "year",
        Contract = "contract",
    }

    Statistic {
        Ratio = "ratio",
        Mean = "mean",
        P95 = "p95",
        P99 = "p99",
        Max = "max",
        Each = "each",
    }

    Rounding {
        Truncate = "truncate",
        HalfUp = "half_up",
    }

    /// What an objective of links is judged for.
    Reach {
        /// Each link by itself.
        Link = "link",
        /// All of them together.
        Fleet = "fleet",
    }

    /// Reasons for which time does not count.
    Exclusion {
        NotInService = "not_in_service",
        Suspended = "suspended",
        PlannedWork = "planned_work",
        Drill = "drill",
        ForceMajeure = "force_majeure",
        CustomerFault = "customer_fault",
        Ordered = "ordered",
    }

    /// Where the truth about a promise can come from.
    Source {
        /// Our own probes.
        Measured = "measured",
        /// Files or hooks of other systems.
        Imported = "imported",
        /// A person has to supply it: never shown as met without.
        ByHand = "by_hand",
    }

    /// Conditions that a person or a probe confirms before an incident closes.
    ClosingCondition {
        LinkUp = "link_up",
        DatabaseUsable = "database_usable",
        UsersWorking = "users_working",
        /// The test after the repair.
        Tested = "tested",
    }

    DutyKind {
        Inspection = "inspection",
        Report = "report",
        Drill = "drill",
        Backup = "backup",
        Check = "check",
        Patching = "patching",
        Guard = "guard",
        Monitoring = "monitoring",
        Retention = "retention",
        Staffing = "staffing",
        Count = "count",
    }
}
