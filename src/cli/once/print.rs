//! What `linkpatrol once` prints.

use serde_json::{Value, json};

use super::{Subject, Verdict};
use crate::{
    sample::{Explanation, Failure, LocalFault, Outcome, Reply, Stamps},
    text::{Clocks, HostFault, Language, Message},
    units::Rtt,
};

/// Whom a subject is measured at, and how.
pub fn headline(subject: &Subject, language: Language) {
    let name = subject.target.to_string();
    let resolution = match &subject.resolved {
        None => None,
        Some(Ok(took)) => Some(Message::OnceResolved { name, took: Rtt(*took) }),
        Some(Err(cause)) => Some(Message::OnceUnresolved { name, cause: cause.clone() }),
    };
    if let Some(message) = resolution {
        anstream::println!("{}", message.say(language));
    }
    if let Some(address) = subject.address {
        let measure = &subject.measure;
        let message = Message::OncePoint {
            role: subject.role,
            address,
            source: subject.source,
            interface: measure.interface.clone(),
            size: measure.size,
            dscp: measure.dscp,
            hop_limit: measure.hop_limit,
            dont_fragment: measure.dont_fragment,
        };
        anstream::println!("{}", message.say(language));
    }
}

/// The newest probe of a subject. `several`: name its role, because others are measured at the same time.
pub fn line(subject: &Subject, several: bool, language: Language) {
    let message = match subject.outcomes.last() {
        None => return,
        Some(Outcome::Answered(Reply { rtt, hop_limit, stamps })) => {
            Message::OnceAnswered { rtt: *rtt, hop_limit: *hop_limit, clocks: clocks(*stamps) }
        }
        Some(Outcome::Failed(Failure::Timeout(explanation))) => {
            Message::OnceLost { after: Rtt(subject.measure.timeout), explanation: explanation.map(explain) }
        }
        Some(Outcome::Unmeasured(fault)) => Message::OnceUnmeasured(host_fault(*fault)),
    };
    let role = subject.role.filter(|_| several).map(|role| format!("{role:<16}")).unwrap_or_default();
    anstream::println!("  {role}{:>3}  {}", subject.outcomes.len(), message.say(language));
}

/// Counts and RTT of each subject, then the verdict.
pub fn summary(subjects: &[Subject], verdict: Verdict, language: Language) {
    for subject in subjects.iter().filter(|subject| !subject.outcomes.is_empty()) {
        let tally = Tally::of(subject);
        let message = Message::OnceSummary {
            role: subject.role,
            answered: tally.rtts.len(),
            lost: tally.lost,
            unmeasured: tally.unmeasured,
            rtt: tally.least_mean_most().map(|rtts| (rtts, tally.ipdv())),
        };
        anstream::println!("{}", message.say(language));
    }
    let message = match verdict {
        Verdict::Answered => Message::OnceAnswers,
        Verdict::NotAnswered => Message::OnceSilent,
        Verdict::NotMeasured => Message::OnceNotMeasured,
    };
    anstream::println!("{}", message.say(language));
}

pub fn as_json(target: &str, subjects: &[Subject], verdict: Verdict) -> Value {
    json!({
        "target": target,
        "verdict": name(verdict),
        "points": subjects.iter().map(point_json).collect::<Vec<_>>(),
    })
}

fn point_json(subject: &Subject) -> Value {
    let (tally, measure) = (Tally::of(subject), &subject.measure);
    json!({
        "role": subject.role,
        "target": subject.target.to_string(),
        "address": subject.address,
        "source": subject.source,
        "interface": measure.interface,
        "size": measure.size,
        "dscp": measure.dscp,
        "hop_limit": measure.hop_limit,
        "dont_fragment": measure.dont_fragment,
        "resolve_seconds": subject.resolved.as_ref().and_then(|took| took.as_ref().ok()).map(|took| took.as_secs_f64()),
        "resolve_error": subject.resolved.as_ref().and_then(|took| took.as_ref().err()),
        "probes": subject.outcomes.iter().map(probe_json).collect::<Vec<_>>(),
        "answered": tally.rtts.len(),
        "lost": tally.lost,
        "unmeasured": tally.unmeasured,
        "verdict": name(subject.verdict()),
    })
}

fn probe_json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Answered(Reply { rtt, hop_limit, stamps }) => json!({
            "outcome": "answered",
            "rtt_seconds": rtt.0.as_secs_f64(),
            "hop_limit": hop_limit,
            "stamps": match stamps {
                Stamps::Kernel => "kernel",
                Stamps::KernelReceive => "kernel_receive",
                Stamps::User => "user",
            },
        }),
        Outcome::Failed(Failure::Timeout(explanation)) => {
            json!({ "outcome": "lost", "explanation": explanation.map(explain) })
        }
        Outcome::Unmeasured(fault) => json!({ "outcome": "unmeasured", "reason": fault.reason() }),
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Answered => "answered",
        Verdict::NotAnswered => "not_answered",
        Verdict::NotMeasured => "not_measured",
    }
}

/// How a subject's probes ended.
struct Tally {
    rtts: Vec<Rtt>,
    /// Differences of answers with no probe between them that was not answered.
    differences: Vec<std::time::Duration>,
    lost: usize,
    unmeasured: usize,
}

impl Tally {
    fn of(subject: &Subject) -> Self {
        let mut tally = Self { rtts: vec![], differences: vec![], lost: 0, unmeasured: 0 };
        let pairs = subject.outcomes.iter().zip(subject.outcomes.iter().skip(1));
        tally.differences.extend(pairs.filter_map(|pair| match pair {
            (Outcome::Answered(one), Outcome::Answered(next)) => Some(next.rtt.0.abs_diff(one.rtt.0)),
            _ => None,
        }));
        for outcome in &subject.outcomes {
            match outcome {
                Outcome::Answered(reply) => tally.rtts.push(reply.rtt),
                Outcome::Failed(_) => tally.lost += 1,
                Outcome::Unmeasured(_) => tally.unmeasured += 1,
            }
        }
        tally
    }

    /// Mean; `None` without a pair.
    fn ipdv(&self) -> Option<Rtt> {
        let pairs = u32::try_from(self.differences.len()).ok().filter(|pairs| *pairs > 0)?;
        Some(Rtt(self.differences.iter().sum::<std::time::Duration>() / pairs))
    }

    fn least_mean_most(&self) -> Option<[Rtt; 3]> {
        let (least, most) = (self.rtts.iter().min()?, self.rtts.iter().max()?);
        let mean = self.rtts.iter().map(|rtt| rtt.0).sum::<std::time::Duration>() / self.rtts.len() as u32;
        Some([*least, Rtt(mean), *most])
    }
}

fn clocks(stamps: Stamps) -> Clocks {
    match stamps {
        Stamps::Kernel => Clocks::Kernel,
        Stamps::KernelReceive => Clocks::KernelReceive,
        Stamps::User => Clocks::User,
    }
}

/// In the words of RFC 792 and RFC 4443, which field staff know in English.
fn explain(explanation: Explanation) -> String {
    match explanation {
        Explanation::Unreachable(code) => format!("destination unreachable, code {code}"),
        Explanation::TimeExceeded => "time exceeded".to_owned(),
        Explanation::PacketTooBig => "packet too big".to_owned(),
        Explanation::Other => "parameter problem".to_owned(),
    }
}

fn host_fault(fault: LocalFault) -> HostFault {
    match fault {
        LocalFault::NoRawSocketRight => HostFault::NoRawSocketRight,
        LocalFault::NoAddress => HostFault::NoAddress,
        LocalFault::SendRefused(code) => HostFault::SendRefused(std::io::Error::from_raw_os_error(code).to_string()),
        LocalFault::InterfaceGone => HostFault::InterfaceGone,
        LocalFault::ReceiveOverflow => HostFault::ReceiveOverflow,
        LocalFault::NextHopSilent => HostFault::NextHopSilent,
        LocalFault::Isolated => HostFault::Isolated,
        LocalFault::RateLimited | LocalFault::Overrun => HostFault::NoTime,
    }
}
