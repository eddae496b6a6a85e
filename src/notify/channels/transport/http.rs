//! Any gateway with HTTP: SMS of a platform, or a voice call that reads a text aloud.

use hyper::{Request, header::CONTENT_TYPE};
use regex::Regex;

use super::sign;
use crate::{
    config::{self, Form},
    notify::{
        channels::{
            ChannelError,
            client::{self, Answer, Client},
        },
        message::Message,
    },
};

pub struct Http {
    keys: config::Http,
    accepted: Option<Regex>,
    refused: Option<Regex>,
    client: Client,
}

impl Http {
    pub fn new(channel: &str, keys: &config::Http, client: &Client) -> Result<Self, ChannelError> {
        let regex = |text: &Option<String>| text.as_deref().map(Regex::new).transpose();
        let wrong =
            |error: regex::Error| ChannelError::Unusable { channel: channel.to_owned(), reason: error.to_string() };
        let (accepted, refused) = (regex(&keys.accepted).map_err(wrong)?, regex(&keys.refused).map_err(wrong)?);
        client::url(channel, &fill(&keys.url, |_| Some("0".to_owned())))?;
        Ok(Self { keys: keys.clone(), accepted, refused, client: client.clone() })
    }

    pub async fn send(&self, message: &Message) -> Answer {
        let secret = match self.keys.secret.read() {
            Ok(secret) => secret.unwrap_or_default(),
            Err(error) => return Answer::later(&format!("its credential cannot be read: {error}")),
        };
        let value = |name: &str| {
            Some(match name {
                "to" => message.to.reveal().to_owned(),
                "subject" => message.marked_subject(),
                "text" => message.marked_text(),
                "short" => message.marked_short(),
                "key" => message.key.clone(),
                "secret" => secret.clone(),
                _ => return None,
            })
        };
        let url = fill(&self.keys.url, |name| Some(sign::percent(&value(name)?)));
        let (kind, body) = match self.keys.form {
            Form::Json => ("application/json", fill(&self.keys.body, |name| Some(in_json(&value(name)?)))),
            Form::Urlencoded => {
                ("application/x-www-form-urlencoded", fill(&self.keys.body, |name| Some(sign::percent(&value(name)?))))
            }
        };
        let request = Request::post(url).header(CONTENT_TYPE, kind).header("idempotency-key", &message.key);
        match self.client.text(request, body).await {
            Ok(answer) => answer.judge(|body| self.verdict(body)),
            Err(reason) => Answer::later(&reason),
        }
    }

    fn verdict(&self, body: &str) -> Answer {
        let matches = |regex: &Option<Regex>| regex.as_ref().map(|regex| regex.is_match(body));
        let shown: String = body.chars().take(200).collect();
        match (matches(&self.refused), matches(&self.accepted)) {
            (Some(true), _) => Answer::Refused(shown),
            (_, None | Some(true)) => Answer::Accepted(shown),
            (_, Some(false)) => Answer::later(&shown),
        }
    }
}

/// Replaces `{name}` by its value; what has none stands as it is, so that JSON needs no escapes.
fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        filled.push_str(before);
        let named = from[1..].find('}').and_then(|close| Some((close, value(&from[1..=close])?)));
        rest = match named {
            Some((close, value)) => {
                filled.push_str(&value);
                &from[close + 2..]
            }
            None => {
                filled.push('{');
                &from[1..]
            }
        };
    }
    filled + rest
}

/// Inside the quotes of a JSON string.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_and_no_value_breaks_out_of_it() {
        let value = |name: &str| (name == "text").then(|| in_json("a\"}\n{to}"));
        assert_eq!(fill(r#"{"n":1,"t":"{text}"}"#, value), r#"{"n":1,"t":"a\"}\n{to}"}"#);
        assert_eq!(fill("{", value), "{");
        assert_eq!(fill("{other}", value), "{other}");
    }
}
