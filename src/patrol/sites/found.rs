//! What there is to warn of, as the last visits and looks showed it.

use super::Sites;
use crate::{
    judge::site::{Finding, days, visits::Verdict},
    notify::warning::{Found, Proof, Stands, Warned},
    profile::services::{Service, Services},
    units::{Now, Timestamp},
};

/// Name of a warning about an entry of expiry.csv.
pub const REGISTER: &str = "register_expiring";

/// How an end stands by a ladder, and the step that it has reached: zero when it has passed. Without a ladder nobody asks.
pub fn by_ladder(ladder: Option<&Vec<u32>>, end: Timestamp, now: Timestamp) -> (Stands, Option<u32>) {
    let Some(ladder) = ladder.filter(|ladder| !ladder.is_empty()) else { return (Stands::Unknown, None) };
    match days::rung(ladder, end, now) {
        _ if end <= now => (Stands::Bad, Some(0)),
        Some(rung) => (Stands::Bad, Some(rung)),
        None => (Stands::Fine, None),
    }
}

impl Sites {
    /// Every finding that a service can have.
    pub fn found(&self, services: &Services, now: Now) -> Vec<Found> {
        services.list.iter().flat_map(|service| self.of_service(service, now)).collect()
    }

    fn of_service(&self, service: &Service, now: Now) -> Vec<Found> {
        let known = self.known.get(&service.id);
        let ladder = self.rules.days_left.as_ref();
        let found = |finding: Finding| {
            let (mut stands, mut ends, mut rung, mut proof) = (Stands::Unknown, None, None, Proof::default());
            let Some(known) = known else { return (stands, ends, rung, proof) };
            let holds = if known.findings.contains(&finding) { Stands::Bad } else { Stands::Fine };
            match finding {
                Finding::CertificateExpiring => {
                    if let Some((_, shown)) = &known.shows {
                        ends = Some(shown.not_after);
                        (stands, rung) = by_ladder(ladder.map(|days| &days.certificate), shown.not_after, now.utc);
                        (proof.sha256, proof.seen) = (shown.sha256.to_string(), Some(shown.last));
                    }
                }
                Finding::DomainExpiring => {
                    if let Some(end) = known.domain {
                        ends = Some(end);
                        (stands, rung) = by_ladder(ladder.map(|days| &days.domain), end, now.utc);
                    }
                }
                Finding::CertificateNotRenewed => {
                    if let Some((_, shown)) = &known.shows {
                        stands = holds;
                        (proof.sha256, proof.seen) = (shown.sha256.to_string(), Some(shown.last));
                    }
                }
                Finding::SiteUnreachable => {
                    if let Some((record, rule)) = known.visits.as_ref().zip(self.rules.reachability.as_ref()) {
                        let standing = record.standing(self.day(now.utc), rule);
                        stands = match standing.verdict {
                            Verdict::Veto => Stands::Bad,
                            Verdict::Kept => Stands::Fine,
                            Verdict::NotProvable => Stands::Unknown,
                        };
                        (proof.looked, proof.bad) = (standing.visits, standing.failed);
                    }
                }
                Finding::HomePageStale => {
                    if let Some(page) = known.page {
                        (stands, proof.seen) = (holds, Some(page.looked));
                    }
                }
                Finding::DeadLinks | Finding::MissingImages => {
                    if let Some((at, look)) = &known.look {
                        (stands, proof.seen, proof.looked) = (holds, Some(*at), look.checked);
                        proof.bad = if finding == Finding::DeadLinks { look.dead_links } else { look.missing_images };
                    }
                }
            }
            (stands, ends, rung, proof)
        };
        let warned = |finding: Finding| {
            let (stands, ends, rung, proof) = found(finding);
            let about = Warned {
                what: finding.as_str().to_owned(),
                id: service.id.clone(),
                name: service.name.clone(),
                url: service.url.clone(),
                owner: service.owner.clone(),
                over: false,
                ends,
                rung,
                proof,
            };
            Found { stands, about }
        };
        Finding::ALL.into_iter().map(warned).collect()
    }
}
