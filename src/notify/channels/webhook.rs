//! A generic webhook: one JSON document per notice, in order, until it is accepted, refused or a day old.

use hyper::Uri;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::{Delivery, Post, World, back_off, client::Answer};
use crate::{
    incident::IncidentView,
    notify::{Notice, summary},
    text::Language,
    units::At,
};

/// Older news than this helps nobody at a receiver that has been away.
const EXPIRES: Duration = Duration::from_secs(24 * 3_600);

/// Ends when the loop drops its end.
pub(super) async fn run(mut post: Post, url: Uri, language: Language) {
    while let Some(notice) = post.notices.recv().await {
        let result = deliver(&post, &url, &notice, language).await;
        post.report.ended(&notice, result).await;
    }
}

/// One notice at a time: a receiver must not hear of the end before the beginning.
async fn deliver(post: &Post, url: &Uri, notice: &Notice, language: Language) -> Delivery {
    let mut failures = 0;
    loop {
        let body = document(notice, &post.world.borrow(), language);
        match post.client.post(url, &body, Some(&notice.key)).await {
            Answer::Accepted => return Delivery::Delivered,
            Answer::Refused(status) => {
                tracing::error!(channel = notice.channel, key = notice.key, %status, "webhook refused a notice");
                return Delivery::Refused;
            }
            Answer::Later(reason) => {
                tracing::warn!(channel = notice.channel, key = notice.key, reason, "webhook not reached");
                post.report.failed(notice);
            }
        }
        if post.clock.now().utc.since(notice.created) > EXPIRES {
            return Delivery::Expired;
        }
        sleep(back_off(failures)).await;
        failures += 1;
    }
}

fn document(notice: &Notice, world: &World, language: Language) -> Value {
    json!({
        "version": 1,
        "key": notice.key,
        "event": notice.kind,
        "created": At(notice.created, world.zone),
        "simulated": world.simulated,
        "summary": summary(&notice.incident, &world.inventory, world.simulated).say(language).to_string(),
        "incident": IncidentView::new(&notice.incident, world.zone),
    })
}
