//! The languages of people.

/// A language that the product speaks to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
pub enum Language {
    /// Simplified Chinese: the default.
    #[default]
    #[serde(rename = "zh-CN")]
    #[value(name = "zh-CN")]
    ZhCn,
    #[serde(rename = "en")]
    #[value(name = "en")]
    En,
}
