//! Opaque ids for people and for what they write: what is chained can never be erased, so no name may stand in it, and
//! no text in which one may stand.
//!
//! Incidents are hashed without their free texts: a text can be erased, and its incident still is what the chain says.

use aws_lc_rs::hmac;
use serde_json::Value;

use super::{Digest, digest_of};

/// Keys under which a person's name stands, in commands and incidents.
const KEYS: [&str; 6] = ["actor", "approver", "by", "reporter", "requester", "second"];
/// Keys under which people write what they like.
const TEXTS: [&str; 4] = ["note", "notes", "reason", "what"];
/// By which way other systems report: the same words have to be known again.
const SYSTEMS: &str = "alertmanager";
/// Stands for a text where it is only said that there is one.
const UNSAID: &str = "…";
/// Not a person.
const OURSELVES: &str = "linkpatrol";
const PREFIX: &str = "person-";
const TEXT: &str = "text-";
/// A longer name is refused wherever one is asked for; so is its id, which is longer too.
const LONGEST: usize = 64;
const TAG_BYTES: usize = 10;

/// Turns names into ids: the same name has the same id, and who lacks the key cannot test a guess.
#[derive(Clone)]
pub struct Pseudonyms(hmac::Key);

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Pseudonyms(…)")
    }
}

impl Pseudonyms {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Such as `person-3f2a9c…`; what is an id already stays.
    pub fn of(&self, name: &str) -> String {
        let name = name.trim();
        if name.is_empty() || name == OURSELVES || name.starts_with(PREFIX) {
            return name.to_owned();
        }
        let tag = hmac::sign(&self.0, name.as_bytes());
        let bytes = if name.chars().count() > LONGEST { LONGEST / 2 } else { TAG_BYTES };
        format!("{PREFIX}{}", super::chain::hex(&tag.as_ref()[..bytes]))
    }

    /// The id of a text, such as `text-3f2a9c…`; what is an id already stays.
    pub fn of_text(&self, text: &str) -> String {
        if text.starts_with(TEXT) {
            return text.to_owned();
        }
        format!("{TEXT}{}", super::chain::hex(&hmac::sign(&self.0, text.as_bytes()).as_ref()[..TAG_BYTES]))
    }

    pub fn hide(&self, private: Private, said: &str) -> String {
        match private {
            Private::Name => self.of(said),
            Private::Text => self.of_text(said),
        }
    }
}

/// Whether an opaque id stands for a person, and not for a text.
pub fn is_person(id: &str) -> bool {
    id.starts_with(PREFIX)
}

/// What stays out of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Private {
    Name,
    /// Written by a person; never blank.
    Text,
}

/// Puts what `hide` makes of it in the place of every name and of every free text of a person.
pub fn anonymous(value: &mut Value, hide: &mut impl FnMut(Private, &str) -> String) {
    walk(value, true, hide);
}

/// Puts `id` of every name in the place of the name.
pub fn without_names(value: &mut Value, id: &mut impl FnMut(&str) -> String) {
    walk(value, false, &mut |_, name| id(name));
}

/// Puts ids in the place of names and of what people wrote; returns the hash of it when they wrote something.
pub fn said_in(value: &mut Value, names: &Pseudonyms) -> Option<Digest> {
    let mut texts = false;
    anonymous(value, &mut |private, said| {
        texts |= private == Private::Text;
        names.hide(private, said)
    });
    texts.then(|| digest_of(value.to_string().as_bytes()))
}

/// Leaves of every free text only that there was one.
pub fn without_texts(value: &mut Value) {
    walk(value, true, &mut |private, said| match private {
        Private::Name => said.to_owned(),
        Private::Text => UNSAID.to_owned(),
    });
}

fn walk(value: &mut Value, texts: bool, hide: &mut impl FnMut(Private, &str) -> String) {
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Array(values) => return values.iter_mut().for_each(|value| walk(value, texts, hide)),
        _ => return,
    };
    let is = |key: &str, word: &str| fields.get(key).is_some_and(|value| value == word);
    let texts = texts && !is("actor", OURSELVES) && !is("way", SYSTEMS);
    // A system has asked for planned work, which no command calls a person.
    let is_provided = fields.get("provided").is_some_and(|value| *value == true);
    // The reason of an exclusion is one of a few words.
    let is_exclusion = is("action", "exclude");
    for (key, value) in fields {
        let is_text = texts && TEXTS.contains(&key.as_str()) && !(is_exclusion && key == "reason");
        match value {
            Value::String(_) if is_provided && key == "requester" => {}
            Value::String(name) if KEYS.contains(&key.as_str()) => *name = hide(Private::Name, name),
            Value::String(text) if is_text && !text.trim().is_empty() => *text = hide(Private::Text, text),
            // A form that was filled in.
            Value::Object(filled) if texts && key == "fields" => {
                for value in filled.values_mut() {
                    if let Value::String(text) = value
                        && !text.trim().is_empty()
                    {
                        *text = hide(Private::Text, text);
                    }
                }
            }
            // What a carrier's system wrote of its maintenance, under the same keys.
            Value::Object(_) | Value::Array(_) => walk(value, texts && !TEXTS.contains(&key.as_str()), hide),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_become_ids_wherever_people_stand_and_nowhere_else() {
        let names = Pseudonyms::new(b"a key");
        let id = names.of("张三");
        assert!(id.starts_with(PREFIX) && id.len() == PREFIX.len() + 20);
        assert_eq!(names.of(" 张三 "), id);
        assert!(names.of(&"张".repeat(LONGEST + 1)).len() > LONGEST);
        assert_ne!(id, Pseudonyms::new(b"another").of("张三"));
        let mut value = json!({ "timeline": [{ "actor": "张三", "note": "张三" }, { "actor": "linkpatrol" }] });
        without_names(&mut value, &mut |name| names.of(name));
        assert_eq!(value, json!({ "timeline": [{ "actor": id, "note": "张三" }, { "actor": "linkpatrol" }] }));
        let once = value.clone();
        without_names(&mut value, &mut |name| names.of(name));
        assert_eq!(value, once);
    }

    #[test]
    fn what_people_write_is_hidden_and_what_programs_write_is_not() {
        let names = Pseudonyms::new(b"a key");
        let text = |text: &str| names.of_text(text);
        let mut value = json!({
            "command": { "actor": "张三", "action": { "action": "annul", "reason": "李四看错了", "note": " " } },
            "exclude": { "action": "exclude", "reason": "drill", "note": "王五同意" },
            "round": { "notes": "赵六值班", "fields": { "温度": "正常 赵六" } },
            "timeline": [
                { "actor": "linkpatrol", "note": "1 of 2 up" },
                { "actor": "alertmanager", "way": "alertmanager", "note": "DiskFull" },
            ],
            "noted": { "note": { "summary": "割接", "reason": "no time" }, "notes": [{ "reason": "no time" }] },
        });
        let said = value.clone();
        anonymous(&mut value, &mut |private, said| names.hide(private, said));
        assert_eq!(value["command"]["actor"], names.of("张三"));
        assert_eq!(value["command"]["action"], json!({ "action": "annul", "reason": text("李四看错了"), "note": " " }));
        assert_eq!(value["exclude"], json!({ "action": "exclude", "reason": "drill", "note": text("王五同意") }));
        assert_eq!(value["round"], json!({ "notes": text("赵六值班"), "fields": { "温度": text("正常 赵六") } }));
        assert_eq!((&value["timeline"][0], &value["noted"]), (&said["timeline"][0], &said["noted"]));
        assert_eq!(value["timeline"][1]["note"], "DiskFull");
        let once = value.clone();
        anonymous(&mut value, &mut |private, said| names.hide(private, said));
        assert_eq!(value, once);
        // Whatever became of the texts, only that there were some is hashed.
        let (mut one, mut other) = (said, value);
        one["command"]["actor"] = other["command"]["actor"].clone();
        one["timeline"][1]["actor"] = other["timeline"][1]["actor"].clone();
        without_texts(&mut one);
        without_texts(&mut other);
        assert_eq!(one, other);
        assert_eq!(one["exclude"]["note"], UNSAID);
    }
}
