//! What the contract's text leaves open, decided in the open: named switches.
//!
//! A value anywhere in the file is written, or refers to a switch (`period: {switch: availability-period}`). A reader
//! sees which switch decided and whether the contract or a default chose.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// One question that the text does not answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    pub id: String,
    pub question: Words,
    /// The answers there are. Empty: any that fits the place where the switch is used.
    #[serde(default)]
    pub values: Vec<String>,
    pub default: String,
    /// What the parties agreed on, with `clause`.
    #[serde(default)]
    pub chosen: Option<String>,
    /// Where the text raises the question.
    #[serde(default)]
    pub about: Option<String>,
    /// Where the answer was agreed. Without one the answer is a default, not from the contract.
    #[serde(default)]
    pub clause: Option<String>,
}

impl Switch {
    /// The answer in force.
    pub fn value(&self) -> &str {
        self.chosen.as_deref().unwrap_or(&self.default)
    }
}

/// A text for people in both languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    pub zh: String,
    pub en: String,
}

impl Words {
    pub fn say(&self, language: crate::text::Language) -> &str {
        match language {
            crate::text::Language::ZhCn => &self.zh,
            crate::text::Language::En => &self.en,
        }
    }
}

/// One text for both, or `{zh: …, en: …}`.
impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Both {
            zh: String,
            en: String,
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Words;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words { zh: text.to_owned(), en: text.to_owned() })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Words, A::Error> {
                let Both { zh, en } = Both::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Words { zh, en })
            }
        }
        from.deserialize_any(Visitor)
    }
}

/// A value that holds, and the switch that decided it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chosen<T> {
    pub value: T,
    /// `None`: the text itself says so.
    pub switch: Option<String>,
}

impl<T> Chosen<T> {
    pub fn written(value: T) -> Self {
        Self { value, switch: None }
    }
}

/// A value as written: itself, or the name of a switch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Setting {
    Written(String),
    Switch(String),
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Reference {
            switch: String,
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Setting;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Setting, E> {
                Ok(Setting::Written(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Setting, E> {
                Ok(Setting::Written(value.to_string()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Setting, E> {
                Ok(Setting::Written(value.to_string()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Setting, A::Error> {
                let Reference { switch } = Reference::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Setting::Switch(switch))
            }
        }
        from.deserialize_any(Visitor)
    }
}
