//! Opaque ids for people: what is chained can never be erased, so no name may stand in it.

use aws_lc_rs::hmac;
use serde_json::Value;

/// Keys under which a person's name stands, in commands and incidents.
const KEYS: [&str; 6] = ["actor", "approver", "by", "reporter", "requester", "second"];
/// Not a person.
const OURSELVES: &str = "linkpatrol";
const PREFIX: &str = "person-";
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
}

/// Puts `id` of every name in the place of the name.
pub fn anonymous(value: &mut Value, id: &mut impl FnMut(&str) -> String) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(name) if KEYS.contains(&key.as_str()) => *name = id(name),
                    other => anonymous(other, id),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| anonymous(value, id)),
        _ => {}
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
        anonymous(&mut value, &mut |name| names.of(name));
        assert_eq!(value, json!({ "timeline": [{ "actor": id, "note": "张三" }, { "actor": "linkpatrol" }] }));
        let once = value.clone();
        anonymous(&mut value, &mut |name| names.of(name));
        assert_eq!(value, once);
    }
}
