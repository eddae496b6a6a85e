//! The log of notices: the outbox as it is looked up, on a connection of its own.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use crate::{
    notify::log::{Logged, Wanted},
    store::{StoreError, journal},
    units::Timestamp,
};

/// Newest first. A row that this version cannot read is left out.
const FIND: &str = "SELECT id, json, state, attempts, done, outcome FROM outbox \
     WHERE (?1 = '' OR id = ?1) AND (?2 = '' OR incident = ?2) AND (?3 = '' OR recipient = ?3) \
       AND (?4 = '' OR channel = ?4) AND (?5 = '' OR state = ?5) AND (created, id) < (?6, ?7) \
     ORDER BY created DESC, id DESC LIMIT ?8";

/// Notices that are stored in `folder`, those that nobody has yet among them.
///
/// # Errors
/// When there is no journal, or it cannot be opened for reading.
pub fn notices(folder: &Path, wanted: &Wanted) -> Result<Vec<Logged>, StoreError> {
    let path = journal::path(folder);
    Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|connection| read(&connection, wanted))
        .map_err(|source| StoreError::database(&path, source))
}

fn read(connection: &Connection, wanted: &Wanted) -> rusqlite::Result<Vec<Logged>> {
    let state = wanted.state.map_or("", |state| state.as_str());
    let (created, id) = wanted.after.as_ref().map_or((i64::MAX, ""), |place| (place.created, place.id.as_str()));
    let most = i64::try_from(wanted.most).unwrap_or(i64::MAX);
    let mut statement = connection.prepare(FIND)?;
    let Wanted { id: only, incident, recipient, channel, .. } = wanted;
    let rows = statement.query_map(params![only, incident, recipient, channel, state, created, id, most], |row| {
        let json: String = row.get(1)?;
        Ok(serde_json::from_str(&json).ok().map(|notice| {
            Ok::<_, rusqlite::Error>(Logged {
                id: row.get(0)?,
                notice,
                state: row.get(2)?,
                attempts: row.get(3)?,
                done: row.get::<_, Option<i64>>(4)?.map(Timestamp),
                words: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
            })
        }))
    })?;
    rows.filter_map(Result::transpose).map(|row| row.and_then(|logged| logged)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        duty::Unsent,
        incident::fixture,
        notify::{
            Channel, ChannelKind, NoticeKind,
            budget::Daily,
            log::{NoticeState, Place},
            route,
        },
        store::{Attempt, Batch, Delivery, Options, Store, Whole},
    };

    #[test]
    fn a_day_goes_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (store, fresh) = Store::open(folder.path(), &Options::default()).unwrap();
        assert_eq!((fresh.daily, fresh.given_up), (Daily::default(), vec![]));
        let sms = Channel { a_day: Some(1), ..Channel::to_machine("sms", ChannelKind::Webhook) };
        let changed =
            route(&fixture::incident(), NoticeKind::Changed, std::slice::from_ref(&sms), |_| false, Timestamp(7))
                .remove(0);
        let mut daily = Daily::default();
        daily.digested = Some("2026-01-01".into());
        assert!(daily.takes(&sms, &changed, "2026-01-01"));
        let given_up = Attempt::GivenUp { reason: "550 no such user".into() };
        let delivery = Delivery { key: changed.key.clone(), at: Timestamp(9), attempts: 8, result: given_up };
        let whole = [(Whole::Daily, serde_json::to_string(&daily).unwrap())].into();
        let (notices, deliveries) = (vec![changed.clone()], vec![delivery]);
        let ticket = store.commit(Batch { notices, deliveries, whole, ..Batch::default() });
        assert!(store.wait(ticket, std::time::Duration::from_secs(10)));
        drop(store);
        let (_, mut again) = Store::open(folder.path(), &Options::default()).unwrap();
        assert_eq!(again.daily, daily);
        assert!(!again.daily.takes(&sms, &changed, "2026-01-01"), "no second budget");
        let key = changed.key;
        assert_eq!(again.given_up, [Unsent { notice: key, channel: "sms".into(), at: Timestamp(9), given_up: true }]);
    }

    #[test]
    fn notices_are_found_by_what_became_of_them_page_by_page() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), &Options::default()).unwrap();
        let channels = ["mail", "sms", "desk"].map(|name| Channel::to_machine(name, ChannelKind::Webhook));
        let notices = route(&fixture::incident(), NoticeKind::Opened, &channels, |_| false, Timestamp(7));
        let delivery =
            |at: usize, result| Delivery { key: notices[at].key.clone(), at: Timestamp(9), attempts: 1, result };
        let deliveries = vec![
            delivery(0, Attempt::Delivered { receipt: "250 ok".into() }),
            delivery(1, Attempt::Held { door: "channel/sms".into() }),
        ];
        let ticket = store.commit(Batch { notices: notices.clone(), deliveries, ..Batch::default() });
        assert!(store.wait(ticket, std::time::Duration::from_secs(10)));
        let find = |wanted: Wanted| notices_of(&super::notices(folder.path(), &wanted).unwrap());
        let all = Wanted { most: 10, ..Wanted::default() };
        assert_eq!(find(all.clone()).len(), 3);
        let held = Wanted { state: Some(NoticeState::Held), ..all.clone() };
        assert_eq!(find(held), [("sms".to_owned(), "held".to_owned(), "channel/sms".to_owned())]);
        let mail = Wanted { channel: "mail".into(), ..all.clone() };
        assert_eq!(find(mail), [("mail".to_owned(), "delivered".to_owned(), "delivered 250 ok".to_owned())]);
        assert_eq!(find(Wanted { incident: "01J".into(), ..all.clone() }), []);
        let first = super::notices(folder.path(), &Wanted { most: 2, ..all.clone() }).unwrap();
        let after = first.last().map(|last| Place { created: 7, id: last.id.clone() });
        let rest = super::notices(folder.path(), &Wanted { after, ..all.clone() }).unwrap();
        assert_eq!((first.len(), rest.len()), (2, 1), "a page goes on where the last one ended");
        let one = Wanted { id: rest[0].id.clone(), ..all };
        assert_eq!(super::notices(folder.path(), &one).unwrap(), rest);
        assert!(!rest[0].id.contains('/'), "{}", rest[0].id);
    }

    fn notices_of(logged: &[Logged]) -> Vec<(String, String, String)> {
        let row = |one: &Logged| (one.notice.channel.clone(), one.state.clone(), one.words.clone());
        logged.iter().map(row).collect()
    }
}
