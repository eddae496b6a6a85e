//! What a form of the desk sends, as the command that it stands for.
//!
//! A form carries the token of its session (the guard has looked at it) and a key of its own, so that a second press is
//! the same command. Whoever has logged in signs with that name; where nobody is known, the form asks for one.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::Frame;
use crate::{
    api::{
        Api,
        guard::USER,
        incidents::{obey, signed},
        problem::Problem,
    },
    command::{ContactSheet, Reachable, Reply},
    units::Timestamp,
};

/// By which way it was said.
const WAY: &str = "page";
/// Fields that hold several, with spaces or commas between.
const LISTS: [&str; 3] = ["links", "scopes", "on"];
/// Fields that hold a time of the contract's zone, as browsers write it.
pub(super) const TIMES: [&str; 7] = ["at", "due", "eta", "from", "to", "until", "announced"];

/// Fields that are not for the page that answers: what is secret, and what the page has of its own.
const FORGOTTEN: [&str; 5] = ["csrf", "key", "do", "password", "pin"];

/// What a browser sent, as it was typed.
pub(super) struct Sent {
    fields: Vec<(String, String)>,
    /// Of the form, so that a second press is the same command.
    pub key: String,
    /// Which button was pressed.
    pub wish: String,
    /// Which form of the page it was: the one that is called like its button, unless somebody says so. Empty: the only one.
    form: String,
}

impl Sent {
    pub fn read(body: &[u8]) -> Self {
        let mut fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
        let last = |wanted| fields.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let (key, wish) = (last("key").unwrap_or_default(), last("do").unwrap_or_default());
        fields.retain(|(name, _)| !FORGOTTEN.contains(&name.as_str()));
        // Ours have 16 digits; a form that was made by hand has one press.
        let is_ours = key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        Self { fields, key: if is_ours { key } else { nonce() }, form: wish.clone(), wish }
    }

    /// Of a form with several buttons.
    pub fn of(self, form: &str) -> Self {
        Self { form: form.to_owned(), ..self }
    }

    /// Whether it came from this form of the page.
    pub fn is_of(&self, form: &str) -> bool {
        self.form.is_empty() || self.form == form
    }

    /// Asks for the contacts of a sheet, of those that have several of this one: whoever gets them stands in the journal.
    pub async fn reveal(
        &self,
        api: &Api,
        headers: &HeaderMap,
        zone: Tz,
        (sheet, of): (ContactSheet, &str),
    ) -> Result<Vec<Reachable>, Problem> {
        let mut form = Form::read(self, headers, zone)?;
        form.set("sheet", sheet.as_str());
        form.set("of", of);
        match form.carry_out(api, headers, "reveal_contacts").await? {
            Reply::Revealed { contacts, .. } => Ok(contacts),
            _ => Ok(vec![]),
        }
    }

    /// Everything that was typed or chosen.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// What stood in a field; `None`: the form was sent without it.
    pub fn typed(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// The same as fields of a command, without those that are empty.
pub(super) struct Form {
    fields: Map<String, Value>,
    key: String,
}

impl Form {
    /// # Errors
    /// A field is not what belongs there.
    pub fn read(sent: &Sent, headers: &HeaderMap, zone: Tz) -> Result<Self, Problem> {
        let mut form = Self { fields: Map::new(), key: sent.key.clone() };
        for (name, value) in &sent.fields {
            let value = value.trim();
            match name.as_str() {
                _ if value.is_empty() => {}
                name if TIMES.contains(&name) => form.set(name, moment(name, value, zone)?),
                name if LISTS.contains(&name) => {
                    let parts = value.split([' ', ',', '，', '、', '\n', '\r', '\t']).filter(|part| !part.is_empty());
                    form.set(name, parts.collect::<Vec<_>>());
                }
                name => form.set(name, value),
            }
        }
        if let Some(user) = headers.get(USER) {
            form.set("actor", String::from_utf8_lossy(user.as_bytes()));
        }
        Ok(form)
    }

    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Browsers send a box only when it is ticked, and then as `on`.
    pub fn tick(&mut self, name: &str) {
        if self.has(name) {
            self.set(name, true);
        }
    }

    /// Carries out this action with what was sent.
    pub async fn carry_out(mut self, api: &Api, headers: &HeaderMap, action: &str) -> Result<Reply, Problem> {
        self.set("action", action);
        self.set("way", WAY);
        let key = format!("{WAY}-{}-{action}", self.key);
        obey(api, headers, signed(Ok(Json(self.fields)))?, key).await
    }
}

/// Of a form that is shown.
pub(super) fn nonce() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// Back to a page of ours, which says that it was done.
pub(super) fn done(frame: &Frame, place: &str) -> Response {
    let place = format!("{place}?lang={}&said=done", frame.lang());
    (StatusCode::SEE_OTHER, [(header::LOCATION, place), (header::CACHE_CONTROL, "no-store".to_owned())]).into_response()
}

/// `2026-11-27T10:30` in the contract's zone, as the API has it.
fn moment(name: &str, text: &str, zone: Tz) -> Result<String, Problem> {
    let wrong = || Problem::field(name, "is a time such as 2026-11-20T03:00");
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .ok_or_else(wrong)?;
    let time = zone.from_local_datetime(&local).earliest().ok_or_else(wrong)?;
    Ok(Timestamp(time.timestamp_millis()).rfc3339(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = chrono_tz::Asia::Shanghai;

    fn read(body: &str) -> Result<Form, Problem> {
        Form::read(&Sent::read(body.as_bytes()), &HeaderMap::new(), ZONE)
    }

    #[test]
    fn fields_become_what_the_api_takes() {
        let body = "csrf=x&do=acknowledge&key=0123456789abcdef&note=+&eta=2026-11-27T10%3A30&links=LL-1%2C+LL-2";
        let sent = Sent::read(body.as_bytes());
        assert_eq!((sent.wish.as_str(), sent.key.as_str()), ("acknowledge", "0123456789abcdef"));
        assert_eq!((sent.typed("links"), sent.typed("csrf")), (Some("LL-1, LL-2"), None));
        let form = read(body).unwrap();
        let fields = serde_json::json!({"eta": "2026-11-27T10:30:00.000+08:00", "links": ["LL-1", "LL-2"]});
        assert_eq!(Value::from(form.fields), fields);
        assert_eq!(read("key=../../x").unwrap().key.len(), 16);
        assert!(read("eta=tomorrow").is_err());
    }

    #[test]
    fn whoever_has_logged_in_signs_with_that_name() {
        let mut headers = HeaderMap::new();
        headers.insert(USER, "li".parse().unwrap());
        let form = Form::read(&Sent::read(b"actor=wang"), &headers, ZONE).unwrap();
        assert_eq!(form.fields["actor"], "li");
    }
}
