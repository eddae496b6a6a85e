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

impl Language {
    /// As `<html lang>`, `?lang=`, `--lang` and folders of letters have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ZhCn => "zh-CN",
            Self::En => "en",
        }
    }
}
