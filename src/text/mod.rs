//! Every word that a person reads at run time.
//!
//! In: a [`Message`] with typed arguments. Out: its text in one [`Language`]. One exhaustive `match` per language, so a
//! missing text does not compile. Logs, metrics and JSON keys are English and do not come from here.

mod alert;
mod argument;
mod channel;
mod contract;
mod desk;
mod duty;
mod en;
mod figures;
mod grafana;
mod import;
mod journal;
mod language;
mod ledger;
mod module;
mod page;
mod rule;
mod service;
mod simulate;
mod warning;
mod web;
mod window;
mod zh_cn;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use self::argument::mark;
pub(crate) use self::argument::some;
pub use self::{
    alert::AlertText,
    argument::{AddressFault, Clocks, Expected, HostFault, Mark},
    channel::{ChannelText, NoticeLine},
    contract::{AssessedText, Beside, ContractText, RunSaid},
    desk::{DeskLine, DeskMessage},
    duty::DutyText,
    figures::{seconds, share},
    grafana::GrafanaText,
    import::{ImportText, Touch},
    journal::JournalMessage,
    language::Language,
    ledger::{HistoryLine, LedgerMessage, LedgerRow},
    module::ModuleText,
    page::{Bulletin, DoorText, NoticesText, PageText, PhoneText, SheetText, TimelineText},
    rule::RuleMessage,
    service::{ServiceText, SiteText, StepText, reason_zh},
    simulate::SimulateMessage,
    warning::WarningText,
    web::{RefusedText, WebText},
    window::{NoteLine, WindowLine, WindowMessage},
};
use crate::{
    diagnostic::Place,
    units::{BitRate, Rtt},
};

/// One thing to say. Grouped by the module that says it; add to your group, and the compiler asks for both languages.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    // ---- check
    CheckedInventory {
        name: String,
        synthetic: bool,
    },
    Reconciliation {
        clause: String,
    },
    Inferred {
        inferred: u32,
    },
    Coverage {
        links: usize,
        measurable: usize,
    },
    ExpectedLoad {
        points: usize,
        per_second: f64,
    },
    ExpectedScrape {
        series: usize,
        bytes: usize,
    },
    CheckedCounts {
        errors: usize,
        warnings: usize,
    },
    // ---- config
    ListenNotLoopback {
        address: SocketAddr,
    },
    ListenNotLoopbackHelp,
    DuplicateNameHelp,
    BadUrl {
        url: String,
    },
    BadUrlHelp,
    OutOfRange {
        key: String,
    },
    OutOfRangeHelp {
        least: String,
        most: String,
    },
    // ---- contract
    FigureIsZero,
    FigureIsZeroHelp,
    FiguresOutOfOrder {
        smaller: &'static str,
        larger: &'static str,
    },
    FiguresOutOfOrderHelp {
        smaller: &'static str,
        larger: &'static str,
    },
    /// In a file of its own: contract files have much to say.
    Contract(ContractText),
    // ---- demo
    /// Stands before everything that a demo says.
    Simulated,
    DemoNoSuchPlace {
        scope: &'static str,
        id: String,
    },
    DemoNoSuchPlaceHelp {
        known: Vec<String>,
    },
    DemoNotSynthetic,
    DemoNotSyntheticHelp,
    DemoStarts {
        story: String,
        links: usize,
        seed: u64,
    },
    DemoLook {
        url: String,
    },
    DemoInside {
        namespace: String,
        device: String,
    },
    DemoFiles {
        folder: String,
    },
    DemoWithoutRight {
        cause: String,
    },
    DemoRightWanted {
        cause: String,
    },
    DemoMeasured {
        measured: u32,
    },
    /// `fault` and `scope` as a story writes them.
    DemoTurn {
        begins: bool,
        fault: &'static str,
        scope: &'static str,
        id: String,
        links: usize,
    },
    DemoNoticed {
        links: usize,
        delay: Duration,
    },
    DemoGrouped {
        links: usize,
    },
    DemoIsolation,
    DemoBack {
        links: usize,
    },
    DemoStates {
        up: usize,
        down: usize,
        unknown: usize,
        incidents: usize,
    },
    DemoOver,
    DemoScore {
        cuts: usize,
        missed: usize,
        false_alarms: usize,
        /// Median and largest.
        detection: Option<(Duration, Duration)>,
    },
    // ---- diagnostic
    Help,
    Error,
    Warning,
    Unreadable {
        cause: String,
    },
    UnreadableHelp,
    TooLarge {
        bytes: u64,
    },
    TooLargeHelp {
        most: u64,
    },
    TooDeep {
        most: usize,
    },
    TooDeepHelp,
    NotUtf8,
    NotUtf8Help,
    Syntax {
        cause: String,
    },
    SyntaxHelp,
    SecondDocument,
    SecondDocumentHelp,
    KeyNotText,
    KeyNotTextHelp,
    AliasUnknown,
    TooManyValues {
        most: usize,
    },
    AliasHelp,
    DuplicateKey {
        key: String,
        first: u32,
    },
    DuplicateKeyHelp,
    UnknownKey {
        key: String,
    },
    MissingKey {
        key: String,
    },
    MissingKeyHelp {
        key: String,
    },
    UnknownWord {
        word: String,
    },
    /// What could have been written instead.
    Known {
        closest: Option<String>,
        known: Vec<String>,
    },
    WrongValue {
        found: Box<Message>,
        expected: Expected,
    },
    FoundText(String),
    FoundNothing,
    FoundList,
    FoundMap,
    Write(Expected),
    MoreFindings(u32),
    MoreFindingsHelp,
    // ---- duty
    /// In a file of its own.
    Duty(DutyText),
    // ---- services
    /// In a file of its own.
    Service(ServiceText),
    /// In a file of its own.
    Module(ModuleText),
    // ---- the wall and the desk
    Page(PageText),
    // ---- grafana
    Grafana(GrafanaText),
    // ---- explain
    NoSuchLink {
        link: String,
        closest: Option<String>,
    },
    ExplainLink {
        link: String,
    },
    ExplainPoint {
        role: &'static str,
        target: String,
        deciding: bool,
    },
    ExplainContract,
    ByDefault,
    // ---- incident
    ClockRuns,
    ClockStopped {
        at: String,
    },
    /// A clock of an incident: as the contract calls it, and whose.
    ClockName {
        clock: String,
        party: String,
    },
    CommandRefused {
        code: String,
        /// In English, from the daemon: for codes without words of their own.
        title: String,
    },
    /// This entry of a timeline puts that one right.
    Corrects {
        entry: u64,
    },
    DaemonNotReached {
        url: String,
        reason: String,
    },
    Done,
    // ---- inventory
    NoInventory,
    NoInventoryHelp,
    NoLinks,
    NoLinksHelp,
    BadId {
        id: String,
    },
    BadIdHelp,
    DuplicateId {
        id: String,
        first: Place,
    },
    DuplicateIdHelp,
    NotUtf8OrGb,
    NotUtf8OrGbHelp,
    NoHeadings,
    HeadingsHelp(Vec<&'static str>),
    UnknownColumn {
        heading: String,
    },
    KnownColumns {
        closest: Option<String>,
        known: Vec<String>,
    },
    DuplicateColumn {
        heading: String,
        column: &'static str,
    },
    DuplicateColumnHelp,
    UnusedColumns(Vec<String>),
    UnusedColumnsHelp,
    MissingColumn {
        column: &'static str,
    },
    RowLength {
        wanted: usize,
        found: usize,
    },
    RowLengthHelp,
    MissingField {
        column: &'static str,
    },
    MissingFieldHelp,
    WrongField {
        column: &'static str,
        found: Box<Message>,
        expected: Expected,
    },
    UnknownReference {
        column: &'static str,
        name: String,
    },
    DuplicateCircuit {
        cid: String,
        first: Place,
    },
    DuplicateCircuitHelp,
    BandwidthsDiffer {
        bandwidth: BitRate,
        commit: BitRate,
    },
    BandwidthsDifferHelp,
    BadAddress {
        address: String,
        reason: AddressFault,
    },
    BadAddressHelp(AddressFault),
    SharedAddress {
        address: String,
        first: Place,
    },
    SharedAddressHelp,
    NotSynthetic {
        address: String,
    },
    NotSyntheticHelp,
    LoneGroup {
        group: String,
    },
    LoneGroupHelp,
    DependsOnHelp {
        closest: Option<String>,
    },
    DependsOnItself {
        links: Vec<String>,
    },
    DependsOnItselfHelp,
    // ---- journal
    Journal(JournalMessage),
    // ---- ledger
    Ledger(LedgerMessage),
    // ---- load
    CountsContradict {
        total: u32,
        sum: u32,
        clause: String,
    },
    CountsContradictHelp,
    CountDiffers {
        what: &'static str,
        found: u32,
        wanted: u32,
        clause: String,
    },
    CountDiffersHelp,
    NotMeasurable {
        links: Vec<String>,
    },
    NotMeasurableHelp,
    OverLimit {
        what: String,
        rate: u64,
        limit: u32,
    },
    OverLimitHelp,
    // ---- notify
    OutageSummary {
        simulated: bool,
        /// The whole network, as the contract counts it.
        network: bool,
        scope: Box<Message>,
        inferred: bool,
        links: usize,
    },
    ReportedSummary {
        mark: Option<Mark>,
        scope: Box<Message>,
    },
    IsolationSummary {
        simulated: bool,
    },
    OwnSummary {
        simulated: bool,
        fault: String,
    },
    IncidentDescription {
        began: String,
        response: Option<String>,
        restore: Option<String>,
        links: Vec<String>,
        /// Address of the service that it is about.
        service: Option<String>,
    },
    /// What an incident is about: kind as label `scope` has it, and its name.
    Scope {
        kind: String,
        name: String,
    },
    // ---- once
    OnceSynthetic {
        inventory: String,
    },
    OnceNoPoints {
        link: String,
    },
    OnceResolved {
        name: String,
        took: Rtt,
    },
    OnceUnresolved {
        name: String,
        cause: String,
    },
    OncePoint {
        role: Option<&'static str>,
        address: IpAddr,
        source: Option<IpAddr>,
        interface: Option<String>,
        size: u16,
        dscp: u8,
        hop_limit: u8,
        dont_fragment: bool,
    },
    OnceAnswered {
        rtt: Rtt,
        hop_limit: u8,
        clocks: Clocks,
    },
    OnceLost {
        after: Rtt,
        /// What an ICMP error said about it.
        explanation: Option<String>,
    },
    OnceUnmeasured(HostFault),
    /// `rtt`: least, mean, most.
    OnceSummary {
        role: Option<&'static str>,
        answered: usize,
        lost: usize,
        unmeasured: usize,
        rtt: Option<([Rtt; 3], Option<Rtt>)>,
    },
    OnceAnswers,
    OnceSilent,
    OnceNotMeasured,
    // ---- page
    AcknowledgedBy,
    AllLinks,
    Answered,
    AskUnit,
    AvailabilityBounds,
    AvailabilityMonth,
    Bandwidth,
    Began,
    BudgetLeft,
    CannotBeMeasured,
    CarrierName,
    CircuitId,
    ConsecutiveLosses,
    Decides,
    Duplicates,
    Ends,
    ExporterOnlyBanner,
    GroupName,
    Incidents,
    IsInferred,
    IsRestored,
    JitterName,
    KindDarkFibre,
    KindInternet,
    KindName,
    KindPrivate,
    Lasts,
    LateReplies,
    Left,
    Lifeline,
    LinkName,
    Links,
    LinksDown,
    LossMinute,
    LossName,
    Lost,
    MeasuringPoint,
    NeverVerified,
    NextPage,
    NoIncidents,
    NotMeasured,
    NotReadyBanner,
    OverdueBy,
    PreviousPage,
    ProductName,
    Respond,
    Restore,
    RttName,
    ScopeName,
    Search,
    SearchHint,
    SharedRoutes,
    SimulatedBanner,
    Since,
    StateDegraded,
    StateDown,
    StateMaintenance,
    StateName,
    StateSuspended,
    StateAbsent,
    StateUnknown,
    StateUp,
    TierName,
    UnitName,
    WindowName,
    CoverageLine {
        measured: u32,
        never_verified: u32,
        not_measurable: u32,
    },
    /// Links that pass a search.
    Found(usize),
    /// Seconds since the figures were put together.
    StaleBanner(u64),
    Tier(u8),
    // ---- profile
    NoProfiles,
    NoProfilesHelp,
    DuplicateProfile {
        name: String,
        first: Place,
    },
    DuplicateProfileHelp,
    ServedTwice {
        kind: &'static str,
        role: &'static str,
        first: Place,
    },
    ServedTwiceHelp,
    NotServed {
        kind: &'static str,
        role: &'static str,
    },
    NotServedHelp {
        kind: &'static str,
        role: &'static str,
    },
    UnknownProfile {
        name: String,
    },
    UnusedProfile {
        name: String,
    },
    UnusedProfileHelp,
    IntervalTooShort {
        interval: Duration,
    },
    IntervalTooShortHelp {
        least: Duration,
    },
    IntervalNeedsReason {
        least: Duration,
    },
    TimeoutZero,
    TimeoutTooLong {
        timeout: Duration,
        interval: Duration,
    },
    TimeoutHelp {
        interval: Duration,
    },
    PayloadSize {
        size: u16,
    },
    PayloadSizeHelp {
        least: u16,
        most: u16,
    },
    HopLimitZero,
    HopLimitZeroHelp,
    NoConfirmProbes,
    NoConfirmProbesHelp,
    ConfirmAfterTimeout {
        floor: Duration,
        timeout: Duration,
    },
    ConfirmAfterTimeoutHelp,
    ConfirmTrain {
        train: Duration,
        interval: Duration,
    },
    ConfirmTrainHelp,
    NoRestoreAnswers,
    NoRestoreAnswersHelp,
    SourceFamily {
        source: IpAddr,
        target: String,
    },
    SourceFamilyHelp,
    // ---- rule
    Rule(RuleMessage),
    // ---- serve
    SyntheticRefused {
        folder: String,
    },
    // ---- simulate
    Simulate(SimulateMessage),
    // ---- warning
    Warned(Box<WarningText>),
    // ---- window
    /// In a file of its own: users and TLS.
    Web(WebText),
    Channel(ChannelText),
    Window(WindowMessage),
    Desk(DeskMessage),
    Import(ImportText),
}

impl Message {
    pub fn say(&self, language: Language) -> Said<'_> {
        Said { message: self, language }
    }
}

/// A message in a language, ready to print.
pub struct Said<'a> {
    message: &'a Message,
    language: Language,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.language {
            Language::ZhCn => zh_cn::write(self.message, out),
            Language::En => en::write(self.message, out),
        }
    }
}

/// `0.123 ms`: three significant places are enough for people, and the unit never changes under them.
pub(crate) fn milliseconds(rtt: Rtt) -> String {
    format!("{:.3} ms", rtt.0.as_secs_f64() * 1_000.0)
}
