//! The registration of a domain: the registry is asked when it ends, by WHOIS or RDAP.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Checker, Progress, Stopped, http,
    registration::{self, Registration},
    stream::{connect, io_ending},
};
use crate::{
    clock::{Clock, SystemClock},
    profile::service::{Domain, Family, Registry},
    sample::service::{DomainSeen, Phase, Reason},
};

/// Bytes of an answer of port 43.
const ANSWER: u64 = 64 * 1024;

pub async fn ask(checker: &Checker, family: Family, domain: &Domain, progress: &mut Progress) -> Stopped<()> {
    let found = match &domain.registry {
        Registry::Whois(endpoint) => {
            let mut stream = connect(checker, endpoint, family, progress).await?;
            progress.enter(Phase::Processing);
            let question = format!("{}\r\n", domain.name);
            stream.write_all(question.as_bytes()).await.map_err(|error| io_ending(&error, progress))?;
            let mut answer = vec![];
            // What a registry says after that much is no answer about one domain.
            stream.take(ANSWER).read_to_end(&mut answer).await.map_err(|error| io_ending(&error, progress))?;
            registration::whois(&answer)
        }
        Registry::Rdap(page) => {
            let body = http::body(checker, family, page, progress).await?;
            let status = progress.report.http.as_ref().map(|http| http.status);
            match registration::rdap(&body) {
                Some(found) => found,
                None if status == Some(404) => Registration { unknown: true, ..Registration::default() },
                None => return Err(progress.failed(Reason::BadAnswer, "no answer of RDAP about a domain")),
            }
        }
    };
    progress.enter(Phase::Content);
    judge(found, progress)
}

fn judge(found: Registration, progress: &mut Progress) -> Stopped<()> {
    if found.unknown {
        return Err(progress.failed(Reason::NotRegistered, "the registry knows no such domain"));
    }
    let Some(expires) = found.expires else {
        return Err(progress.failed(Reason::BadAnswer, "the registry does not say when it ends"));
    };
    let Registration { registrar, statuses, .. } = found;
    progress.report.domain = Some(DomainSeen { expires, registrar, statuses });
    if SystemClock::start().now().utc > expires {
        return Err(progress.failed(Reason::DomainExpired, expires.rfc3339(chrono_tz::UTC)));
    }
    Ok(())
}
