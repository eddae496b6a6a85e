//! China Mobile's cloud MAS (云MAS): HTTP, `tmpsubmit`.
//!
//! The request is base64 of a JSON document whose `mac` is the MD5 of its values and the secret, strung together in a
//! fixed order. The answer is always `200 OK`; its `rspcod` is the verdict.

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{Request, Uri, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{credential, sign};
use crate::{
    config,
    notify::{
        channels::{
            ChannelError,
            client::{self, Answer, Client},
        },
        message::{Message, Template},
    },
};

/// What the gateway says of a request that no repetition makes better.
const NEVER: [&str; 8] = [
    "IllegalMac",
    "IllegalSignId",
    "InvalidMessage",
    "InvalidUsrOrPwd",
    "NoSignId",
    "TooManyMobiles",
    "IllegalTemplate",
    "InvalidMobile",
];

pub struct CloudMas {
    keys: config::CloudMas,
    url: Uri,
    client: Client,
}

impl CloudMas {
    pub fn new(channel: &str, keys: &config::CloudMas, client: &Client) -> Result<Self, ChannelError> {
        Ok(Self { keys: keys.clone(), url: client::url(channel, &keys.url)?, client: client.clone() })
    }

    pub async fn send(&self, message: &Message) -> Answer {
        let secret = match credential(&self.keys.secret) {
            Ok(secret) => secret,
            Err(answer) => return answer,
        };
        let body = STANDARD.encode(self.document(message, &secret).to_string());
        let request = Request::post(&self.url).header(CONTENT_TYPE, "text/plain");
        match self.client.text(request, body).await {
            Ok(answer) => answer.judge(verdict),
            Err(reason) => Answer::later(&reason),
        }
    }

    fn document(&self, message: &Message, secret: &str) -> Value {
        let config::CloudMas { ec_name, ap_id, sign, add_serial, template, .. } = &self.keys;
        let whole = || Template { id: template.clone(), variables: vec![message.marked_short()] };
        let Template { id, variables } =
            message.short.as_ref().and_then(|short| short.template.clone()).unwrap_or_else(whole);
        let (mobiles, params) = (message.to.reveal(), Value::from(variables).to_string());
        let signed = [ec_name, ap_id, secret, &id, mobiles, &params, sign, add_serial].concat();
        json!({
            "ecName": ec_name, "apId": ap_id, "templateId": id, "mobiles": mobiles, "params": params, "sign": sign,
            "addSerial": add_serial, "mac": sign::md5_hex(&signed),
        })
    }
}

/// `{"msgGroup":"…","rspcod":"success","success":true}`.
fn verdict(body: &str) -> Answer {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    match answer["rspcod"].as_str() {
        Some("success") if answer["success"] != false => {
            Answer::Accepted(answer["msgGroup"].as_str().unwrap_or_default().to_owned())
        }
        Some(code) if NEVER.contains(&code) => Answer::Refused(code.to_owned()),
        Some(code) => Answer::later(code),
        None => Answer::later("an answer without rspcod"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_says_in_the_body_what_became_of_a_message() {
        let taken = r#"{"msgGroup":"0919171005001000125473","rspcod":"success","success":true}"#;
        assert_eq!(verdict(taken), Answer::Accepted("0919171005001000125473".into()));
        let refused = r#"{"msgGroup":"","rspcod":"IllegalMac","success":false}"#;
        assert_eq!(verdict(refused), Answer::Refused("IllegalMac".into()));
        assert_eq!(verdict("<html>busy</html>"), Answer::later("an answer without rspcod"));
        assert_eq!(verdict(r#"{"rspcod":"InternalError"}"#), Answer::later("InternalError"));
    }
}
