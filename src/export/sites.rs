//! The families of what is asked of websites besides being up.

use super::{
    families::{
        SITE_DAYS_LEFT, SITE_DEDUCTION, SITE_FAILURES_LEFT, SITE_FINDING, SITE_HOME_PAGE, SITE_LINKS, SITE_LOOKED,
        SITE_REACHABILITY, SITE_SCORE, SITE_SIX, SITE_SIX_LINKS, SITE_WINDOW, SITE_WINDOW_DAYS,
    },
    family,
    text::{Value, escape, sample},
};
use crate::{
    judge::site::{Finding, visits::Verdict},
    snapshot::{ServicesView, SiteView},
    units::Timestamp,
};

/// Writes the families of all sites.
pub(super) fn write(services: &ServicesView, out: &mut String) {
    let sites = &services.sites;
    if sites.is_empty() {
        return;
    }
    let labels: Vec<String> = sites.keys().map(|id| format!("service=\"{}\"", escape(id))).collect();
    let all = || labels.iter().map(String::as_str).zip(sites.values().map(AsRef::as_ref));
    family(out, &SITE_FINDING);
    for (label, site) in all() {
        for finding in Finding::ALL {
            let pieces = [",finding=\"", finding.as_str(), "\""];
            sample(out, &SITE_FINDING, "", label, &pieces, site.findings.contains(&finding).into());
        }
    }
    family(out, &SITE_DAYS_LEFT);
    for (label, site) in all() {
        for (of, days) in [("certificate", site.certificate), ("domain", site.domain)] {
            if let Some((days, _)) = days {
                sample(out, &SITE_DAYS_LEFT, "", label, &[",of=\"", of, "\""], Value::Float(days as f64));
            }
        }
    }
    reachability(out, &all);
    family(out, &SITE_SCORE);
    for (label, posture) in all().filter_map(|(label, site)| Some((label, site.posture.as_ref()?))) {
        sample(out, &SITE_SCORE, "", label, &[], Value::Whole(posture.score.into()));
    }
    family(out, &SITE_DEDUCTION);
    for (label, posture) in all().filter_map(|(label, site)| Some((label, site.posture.as_ref()?))) {
        for (weakness, points) in &posture.reasons {
            let pieces = [",reason=\"", weakness.as_str(), "\""];
            sample(out, &SITE_DEDUCTION, "", label, &pieces, Value::Whole((*points).into()));
        }
    }
    looks(out, &all);
}

fn reachability<'a, I: Iterator<Item = (&'a str, &'a SiteView)>>(out: &mut String, all: &impl Fn() -> I) {
    let standing = || all().filter_map(|(label, site)| Some((label, site.reachability?)));
    family(out, &SITE_REACHABILITY);
    for (label, standing) in standing() {
        for verdict in Verdict::ALL {
            let pieces = [",verdict=\"", verdict.as_str(), "\""];
            sample(out, &SITE_REACHABILITY, "", label, &pieces, (standing.verdict == verdict).into());
        }
    }
    family(out, &SITE_WINDOW);
    for (label, standing) in standing() {
        let opened = standing.visits.saturating_sub(standing.failed);
        for (outcome, count) in [("opened", opened), ("failed", standing.failed)] {
            sample(out, &SITE_WINDOW, "", label, &[",outcome=\"", outcome, "\""], Value::Whole(count.into()));
        }
    }
    family(out, &SITE_WINDOW_DAYS);
    for (label, standing) in standing() {
        for (state, days) in [("watched", standing.days_watched), ("missing", standing.days_missing)] {
            sample(out, &SITE_WINDOW_DAYS, "", label, &[",state=\"", state, "\""], Value::Whole(days.into()));
        }
    }
    family(out, &SITE_FAILURES_LEFT);
    for (label, standing) in standing() {
        sample(out, &SITE_FAILURES_LEFT, "", label, &[], Value::Whole(standing.failures_left.into()));
    }
}

fn looks<'a, I: Iterator<Item = (&'a str, &'a SiteView)>>(out: &mut String, all: &impl Fn() -> I) {
    family(out, &SITE_HOME_PAGE);
    for (label, (page, _)) in all().filter_map(|(label, site)| Some((label, site.page?))) {
        sample(out, &SITE_HOME_PAGE, "", label, &[], Value::Millis(page.since.0));
    }
    let looks = || all().filter_map(|(label, site)| Some((label, site.look.as_ref()?)));
    family(out, &SITE_LOOKED);
    for (label, (Timestamp(at), _)) in looks() {
        sample(out, &SITE_LOOKED, "", label, &[], Value::Millis(*at));
    }
    family(out, &SITE_LINKS);
    for (label, (_, look)) in looks() {
        let outcomes = [
            ("checked", look.checked),
            ("dead_link", look.dead_links),
            ("missing_image", look.missing_images),
            ("disallowed", look.disallowed),
            ("elsewhere", look.elsewhere),
            ("left_out", look.left_out),
            ("unmeasured", look.unmeasured),
        ];
        for (outcome, count) in outcomes {
            sample(out, &SITE_LINKS, "", label, &[",outcome=\"", outcome, "\""], Value::Whole(count.into()));
        }
    }
    family(out, &SITE_SIX);
    for (label, (_, look)) in looks() {
        for (item, holds) in look.six.items() {
            if let Some(holds) = holds {
                sample(out, &SITE_SIX, "", label, &[",item=\"", item, "\""], holds.into());
            }
        }
    }
    family(out, &SITE_SIX_LINKS);
    for (label, (reached, tried)) in looks().filter_map(|(label, (_, look))| Some((label, look.six.links?))) {
        sample(out, &SITE_SIX_LINKS, "", label, &[], Value::Ratio(reached.into(), tried.into()));
    }
}
