//! What one check of a service told us: how it ended, where the time went, and which certificates were shown.
//!
//! In: nothing; `probe` fills it. Out: a [`Report`] as a value. A failure names the [`Phase`] it happened in and a
//! [`Reason`] of a closed list (docs/services.md), so that metrics, pages and reports speak of the same thing.
//!
//! ```text
//!   resolve ──▶ connect ──▶ tls ──▶ processing ──▶ transfer ──▶ content
//!                                   request to first byte       what the answer must say
//! ```

mod json;

use std::{net::IpAddr, time::Duration};

use crate::{
    inventory::{Online, Told},
    profile::service::Validation,
    units::Timestamp,
};

/// One check of one service, ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub ending: Ending,
    pub durations: Durations,
    /// The whole check, from the first look-up to the last byte.
    pub took: Duration,
    /// What was connected to, in order; several after redirects.
    pub addresses: Vec<IpAddr>,
    pub tls: Option<TlsSeen>,
    pub http: Option<HttpSeen>,
    pub dns: Option<DnsSeen>,
    pub domain: Option<DomainSeen>,
    pub talk: Option<TalkSeen>,
    pub icmp: Option<IcmpSeen>,
    pub grpc: Option<GrpcSeen>,
    /// The newest that is known of a group of data-exchange tasks, however old.
    pub exchange: Option<Told>,
    /// The same of a group of devices.
    pub online: Option<Online>,
    /// Of a file or of records whose age matters.
    pub dated: Option<Dated>,
    /// Pages that were asked for one after the other, up to the one that failed.
    pub steps: Vec<StepSeen>,
    /// Cookies beyond what a visit carries.
    pub cookies_refused: u32,
    /// What a talk kept of what it expected: names and values.
    pub kept: Vec<(String, String)>,
    /// How long the first look-up took.
    pub first_lookup: Duration,
    /// Its address is not among those that may be visited; nothing was sent.
    pub forbidden: bool,
}

/// How a check ended: three truths, as for links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    #[default]
    Passed,
    /// The far end was silent or wrong.
    Failed(Fault),
    /// This host could not check. Says nothing about the service.
    Unmeasured(String),
}

/// Where and why a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub phase: Phase,
    pub reason: Reason,
    /// What the library, the kernel or the far end said, in English, bounded.
    pub text: String,
    /// Of several, the step that failed.
    pub step: Option<String>,
}

/// Longest text that a fault keeps: the far end chooses part of it.
const TEXT: usize = 300;

impl Fault {
    pub fn new(phase: Phase, reason: Reason, text: impl ToString) -> Self {
        let text = text.to_string().chars().filter(|character| !character.is_control()).take(TEXT).collect();
        Self { phase, reason, text, step: None }
    }

    /// The same, of a step; its name comes first in the text.
    pub fn of_step(self, step: &str) -> Self {
        let text = format!("{step}: {}", self.text);
        Self { step: Some(step.to_owned()), ..Self::new(self.phase, self.reason, text) }
    }
}

/// Part of a check, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Resolve,
    Connect,
    Tls,
    Processing,
    Transfer,
    /// All bytes came; they do not say what they must.
    Content,
}

impl Phase {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Processing => "processing",
            Self::Transfer => "transfer",
            Self::Content => "content",
        }
    }
}

/// Makes the closed list and its names in one place.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why a check failed. Closed: metrics, alerts and reports use these names (docs/services.md).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As metrics and JSON write it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

reasons! {
    /// The deadline of the whole check; the phase says where it was spent.
    Timeout = "timeout",
    NameNotFound = "name_not_found",
    /// The name exists, without an address of the family asked for.
    NoAddress = "no_address",
    ResolverFailed = "resolver_failed",
    Refused = "connection_refused",
    Unreachable = "unreachable",
    Reset = "connection_reset",
    /// The far end closed before it had said what it had to.
    Closed = "connection_closed",
    /// Bytes came that are no TLS.
    NotTls = "not_tls",
    TlsAlert = "tls_alert",
    TlsFailed = "tls_failed",
    /// Only TLS 1.1 or older is spoken there.
    TlsTooOld = "tls_version_outdated",
    /// TLS 1.2 is spoken there, with ciphers alone that no client takes any more.
    CipherTooOld = "tls_cipher_outdated",
    /// Only the national protocol of GB/T 38636 is spoken there.
    OnlyTlcp = "tls_only_tlcp",
    /// The port does not go over to TLS when asked.
    StartTls = "starttls_refused",
    Expired = "certificate_expired",
    NotYetValid = "certificate_not_yet_valid",
    WrongName = "certificate_wrong_name",
    SelfSigned = "certificate_self_signed",
    /// The served chain ends below an authority, and says where the missing certificate is.
    Incomplete = "certificate_chain_incomplete",
    UnknownIssuer = "certificate_unknown_issuer",
    Revoked = "certificate_revoked",
    BadSignature = "certificate_bad_signature",
    /// A signature algorithm that is no longer accepted.
    WeakSignature = "certificate_weak_signature",
    /// Its key can be found out: RSA below 2048 bits, curves below 224.
    WeakKey = "certificate_weak_key",
    /// Not for servers, or an authority's own.
    WrongPurpose = "certificate_wrong_purpose",
    /// Its authority has looked less thoroughly at who asked for it than was ordered.
    WrongValidation = "certificate_wrong_validation",
    Malformed = "certificate_malformed",
    TlsUnwanted = "tls_not_wanted",
    TlsMissing = "tls_missing",
    BadAnswer = "malformed_answer",
    HeadersTooLarge = "headers_too_large",
    BodyTooLarge = "body_too_large",
    BodyIncomplete = "body_incomplete",
    BadCompression = "bad_compression",
    /// More than the body limit once unpacked.
    CompressionBomb = "compression_bomb",
    Redirects = "too_many_redirects",
    BadRedirect = "bad_redirect",
    Status = "http_status",
    Version = "http_version",
    HeaderMismatch = "header_mismatch",
    BodyMismatch = "body_mismatch",
    /// What was to be read from a port did not come.
    ExpectMismatch = "expect_mismatch",
    /// Other bytes came than were to be read.
    BytesMismatch = "bytes_mismatch",
    DnsRcode = "dns_rcode",
    DnsMismatch = "dns_answer_mismatch",
    DomainExpired = "domain_expired",
    NotRegistered = "domain_not_registered",
    /// SIP, RTSP or FTP said something else than yes.
    TalkStatus = "answer_status",
    /// The proxy does not carry us on.
    Proxy = "proxy_refused",
    /// No token was handed out.
    Token = "token_refused",
    /// The service is not serving, or the call ended with another code than 0.
    NotServing = "not_serving",
    /// More records of an exchange were sent than arrived.
    ExchangeLost = "exchange_lost",
    ExchangeRejected = "exchange_rejected",
    /// Records arrived otherwise than they were sent, or more of them did.
    ExchangeMismatched = "exchange_mismatched",
    /// No run of an exchange has succeeded for longer than it may take.
    ExchangeStale = "exchange_stale",
    /// A file, or the newest record of a page, is older than it may be.
    Stale = "stale",
    /// Nothing says when it was made, or not so that it can be read.
    BadTime = "time_unreadable",
    /// It was made in more than a minute.
    FutureTime = "time_in_future",
    /// A transaction took longer over a period than is promised.
    SlowMean = "transaction_slow",
    /// Fewer devices were online over a day than is promised.
    FewOnline = "online_rate_low",
}

impl Reason {
    /// The service is there, and not as it should be: whoever insists gets through. Everything else stops it.
    pub const fn is_partial(self) -> bool {
        use Reason::{
            BadSignature, BadTime, BodyMismatch, CipherTooOld, DomainExpired, ExchangeLost, ExchangeMismatched,
            ExchangeRejected, Expired, FewOnline, FutureTime, HeaderMismatch, Incomplete, Malformed, NotYetValid,
            OnlyTlcp, Revoked, SelfSigned, SlowMean, Stale, TlsMissing, TlsTooOld, TlsUnwanted, UnknownIssuer, Version,
            WeakKey, WeakSignature, WrongName, WrongPurpose, WrongValidation,
        };
        matches!(
            self,
            Expired
                | SlowMean
                | FewOnline
                | NotYetValid
                | WrongName
                | SelfSigned
                | Incomplete
                | UnknownIssuer
                | Revoked
                | BadSignature
                | WeakSignature
                | WeakKey
                | WrongPurpose
                | WrongValidation
                | Malformed
                | TlsTooOld
                | CipherTooOld
                | OnlyTlcp
                | TlsUnwanted
                | TlsMissing
                | Version
                | HeaderMismatch
                | BodyMismatch
                | DomainExpired
                | ExchangeLost
                | ExchangeRejected
                | ExchangeMismatched
                | Stale
                | BadTime
                | FutureTime
        )
    }
}

/// Where the time went; of an HTTP check, summed over its redirects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    pub resolve: Duration,
    pub connect: Duration,
    pub tls: Duration,
    /// From a usable connection to the first byte of the answer.
    pub processing: Duration,
    /// From the first byte to the last.
    pub transfer: Duration,
}

impl Durations {
    /// What was added since `before`.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            resolve: self.resolve.saturating_sub(before.resolve),
            connect: self.connect.saturating_sub(before.connect),
            tls: self.tls.saturating_sub(before.tls),
            processing: self.processing.saturating_sub(before.processing),
            transfer: self.transfer.saturating_sub(before.transfer),
        }
    }

    /// In the order of time.
    pub fn by_phase(&self) -> [(Phase, Duration); 5] {
        [
            (Phase::Resolve, self.resolve),
            (Phase::Connect, self.connect),
            (Phase::Tls, self.tls),
            (Phase::Processing, self.processing),
            (Phase::Transfer, self.transfer),
        ]
    }
}

/// What a handshake showed, whatever its verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSeen {
    /// Such as `TLS 1.3`; empty when the handshake did not end.
    pub version: String,
    pub cipher: String,
    /// As served, the server's own first.
    pub certificates: Vec<Certificate>,
    /// `None`: the chain is good.
    pub verdict: Option<Reason>,
    /// What the verifier said about a bad chain.
    pub detail: String,
    /// When the verified chain ends, its authority included; `None`: no chain was verified.
    pub chain_expiry: Option<Timestamp>,
    /// The server stapled an OCSP answer. Says nothing about what the answer is.
    pub stapled: bool,
    /// `None`: nobody said anything, which is not good.
    pub revocation: Option<RevocationSeen>,
}

/// What was said of the server's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationSeen {
    /// `staple`, `ocsp` or `crl`.
    pub by: &'static str,
    pub status: RevocationStatus,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationStatus {
    Good,
    Revoked(Timestamp),
    /// The responder does not know the certificate.
    Unknown,
    /// No answer, or one that proves nothing; and why.
    Unusable(String),
}

impl RevocationStatus {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked(_) => "revoked",
            Self::Unknown => "unknown",
            Self::Unusable(_) => "unusable",
        }
    }
}

impl TlsSeen {
    /// Soonest end of what was served.
    pub fn earliest_expiry(&self) -> Option<Timestamp> {
        self.certificates.iter().map(|certificate| certificate.not_after).min()
    }
}

/// One certificate as served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// The same as RFC 2253 writes them: the last part first.
    pub subject_rfc2253: String,
    pub issuer_rfc2253: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// Lower-case hex of the SHA-256 of its DER form.
    pub sha256: String,
    /// Public key and signature, such as `EC 256, ecdsa-with-SHA256`.
    pub algorithm: String,
    /// DNS names and addresses that it is for.
    pub san: Vec<String>,
    /// Timestamps of certificate transparency logs inside it (RFC 6962).
    pub timestamps: usize,
    /// How thoroughly its authority says to have looked; `None`: it does not say.
    pub validation: Option<Validation>,
}

/// What the last answer of an HTTP check was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpSeen {
    pub status: u16,
    /// Such as `1.1` or `2`.
    pub version: &'static str,
    /// As the header says; `None` without one.
    pub content_length: Option<u64>,
    /// Bytes of the body after unpacking.
    pub body_bytes: usize,
    pub redirects: u32,
    pub tls: bool,
    pub last_modified: Option<Timestamp>,
    /// A regular expression was not satisfied.
    pub failed_regex: bool,
    /// An expression about its JSON was not satisfied.
    pub failed_cel: bool,
}

/// What a name server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsSeen {
    pub rcode: String,
    pub authoritative: bool,
    pub recursion_available: bool,
    pub authentic: bool,
    /// Answers as zone files write them, in the order served; at most 64.
    pub answers: Vec<String>,
    pub answer_count: usize,
    pub authority_count: usize,
    pub additional_count: usize,
    /// Of an SOA answer.
    pub serial: Option<u32>,
}

/// What a registry knows of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainSeen {
    pub expires: Timestamp,
    /// Empty: not told.
    pub registrar: String,
    /// Such as `clientTransferProhibited`; at most 16.
    pub statuses: Vec<String>,
}

/// An echo reply, and what it took to get ready for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IcmpSeen {
    pub setup: Duration,
    /// Zero: no reply came.
    pub rtt: Duration,
    pub hop_limit: Option<u8>,
}

/// What a server said of a service of gRPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcSeen {
    /// Code of the call; `14`: nobody answered.
    pub status: u16,
    /// Such as `SERVING`; `None`: it said nothing.
    pub serving: Option<&'static str>,
    pub tls: bool,
    /// From the connection to the answer.
    pub took: Duration,
}

/// When a file, or the newest record of a page, was made, and when we looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// Between the years 1970 and 9999.
    pub at: Timestamp,
    pub seen: Timestamp,
}

impl Dated {
    /// Seconds; less than nothing when it is yet to come.
    pub fn age_seconds(self) -> f64 {
        self.seen.0.saturating_sub(self.at.0) as f64 / 1e3
    }
}

/// One page of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSeen {
    pub name: String,
    /// `None`: this host could not look.
    pub passed: Option<bool>,
    /// Of the last answer; 0 without one.
    pub status: u16,
    /// From its first look-up to its last byte, over a connection of its own, redirects included.
    pub took: Duration,
    pub durations: Durations,
}

/// What the last answer of SIP or RTSP said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TalkSeen {
    pub status: u16,
    pub phrase: String,
}
