//! What is asked of a website besides being up, as `/api/v1/services/{id}` tells it under `site`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    judge::site::visits::Standing,
    sample::site::SiteReport,
    snapshot::SiteView,
    units::{At, Timestamp},
};

/// `interval`: seconds between two visits.
pub(super) fn as_json(site: &SiteView, interval: f64, zone: chrono_tz::Tz) -> Value {
    let at = |at: Timestamp| At(at, zone);
    let left = |(days, rung): (i64, Option<u32>)| json!({ "days": days, "rung": rung });
    let posture = site.posture.as_ref().map(|posture| {
        let reasons =
            posture.reasons.iter().map(|(weakness, points)| Deduction { reason: weakness.as_str(), points: *points });
        json!({ "score": posture.score, "at": at(posture.at), "reasons": reasons.collect::<Vec<_>>() })
    });
    let page = site.page.map(|(page, until)| {
        json!({
            "unchanged_since": at(page.since), "looked_at": at(page.looked),
            "unchanged_seconds": page.unchanged().as_secs(), "must_change_by": until.map(at),
        })
    });
    json!({
        "findings": site.findings.iter().map(|finding| finding.as_str()).collect::<Vec<_>>(),
        "reachability": site.reachability.map(|standing| reachability(standing, interval)),
        "certificate_left": site.certificate.map(left),
        "domain_left": site.domain.map(left),
        "tls_posture": posture,
        "home_page": page,
        "looked_at": site.look.as_ref().map(|(looked, _)| at(*looked)),
        "look": site.look.as_ref().map(|(_, look)| of_look(look)),
    })
}

#[derive(Serialize)]
struct Deduction {
    reason: &'static str,
    points: u32,
}

/// The share is written as counts: who prints it decides on its digits.
fn reachability(standing: Standing, interval: f64) -> Value {
    json!({
        "verdict": standing.verdict.as_str(),
        "visits": standing.visits,
        "failed": standing.failed,
        "days_watched": standing.days_watched,
        "days_missing": standing.days_missing,
        "failures_left": standing.failures_left,
        // When every visit failed from now on.
        "days_left": f64::from(standing.failures_left) * interval / 86_400.0,
    })
}

fn of_look(look: &SiteReport) -> Value {
    let broken = look.broken.iter().map(|broken| {
        json!({ "url": broken.url, "image": broken.is_image, "reason": broken.reason.as_str(), "status": broken.status })
    });
    let six: serde_json::Map<String, Value> =
        look.six.items().into_iter().map(|(item, holds)| (item.to_owned(), json!(holds))).collect();
    json!({
        "links": look.page.map(|page| page.links), "images": look.page.map(|page| page.images),
        "robots": look.robots.as_str(), "checked": look.checked, "dead_links": look.dead_links,
        "missing_images": look.missing_images, "disallowed": look.disallowed, "elsewhere": look.elsewhere,
        "left_out": look.left_out, "unmeasured": look.unmeasured, "broken": broken.collect::<Vec<_>>(),
        "old_tls": look.old_tls, "ipv6": six,
        "ipv6_links": look.six.links.map(|(reached, tried)| json!({ "reached": reached, "tried": tried })),
    })
}
