//! Robots in group chats: WeCom, DingTalk, Feishu. They answer `200 OK` whatever happened; the code in the body counts.

use hyper::{Request, Uri, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{credential, sign};
use crate::{
    config::{self, RobotKind},
    notify::{
        channels::client::{Answer, Client},
        message::Message,
    },
    units::Timestamp,
};

/// WeCom takes 2048 bytes of text; the others more.
const MOST_BYTES: usize = 2_048;

pub struct Robot {
    keys: config::Robot,
    client: Client,
}

impl Robot {
    pub fn new(keys: &config::Robot, client: &Client) -> Self {
        Self { keys: keys.clone(), client: client.clone() }
    }

    pub async fn send(&self, message: &Message, now: Timestamp) -> Answer {
        let (url, secret) = match (credential(&self.keys.url), self.keys.secret.read()) {
            (Ok(url), Ok(secret)) => (url, secret),
            (Err(answer), _) => return answer,
            (_, Err(error)) => return Answer::later(&format!("its key cannot be read: {error}")),
        };
        let (url, body) = request(self.keys.kind, &url, secret.as_deref(), &text(message), now);
        let Ok(url) = url.parse::<Uri>() else {
            return Answer::Refused("the address of the robot is not a URL".to_owned());
        };
        let request = Request::post(url).header(CONTENT_TYPE, "application/json");
        match self.client.text(request, body.to_string()).await {
            Ok(answer) => answer.judge(|body| verdict(self.keys.kind, body)),
            Err(reason) => Answer::later(&reason),
        }
    }
}

/// Subject and text, cut at a character when they are too long.
fn text(message: &Message) -> String {
    let mut text = format!("{}\n{}", message.marked_subject(), message.text);
    if text.len() > MOST_BYTES {
        let most = (0..=MOST_BYTES - '…'.len_utf8()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(most);
        text.push('…');
    }
    text
}

/// Address and body, signed as each of them documents it.
fn request(kind: RobotKind, url: &str, secret: Option<&str>, text: &str, now: Timestamp) -> (String, Value) {
    let url = url.to_owned();
    match (kind, secret) {
        (RobotKind::Wecom, _) => (url, json!({"msgtype": "text", "text": {"content": text}})),
        (RobotKind::Dingtalk, secret) => {
            let signed = secret.map(|secret| {
                let sign = sign::hmac_base64(secret, &format!("{}\n{secret}", now.0));
                format!("{url}&timestamp={}&sign={}", now.0, sign::percent(&sign))
            });
            (signed.unwrap_or(url), json!({"msgtype": "text", "text": {"content": text}}))
        }
        (RobotKind::Feishu, None) => (url, json!({"msg_type": "text", "content": {"text": text}})),
        (RobotKind::Feishu, Some(secret)) => {
            // Unlike DingTalk: seconds, and what is signed is the key of an empty text.
            let seconds = now.0 / 1_000;
            let sign = sign::hmac_base64(&format!("{seconds}\n{secret}"), "");
            let content = json!({"text": text});
            (url, json!({"timestamp": seconds.to_string(), "sign": sign, "msg_type": "text", "content": content}))
        }
    }
}

fn verdict(kind: RobotKind, body: &str) -> Answer {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let (code, words, busy): (_, _, &[i64]) = match kind {
        // -1: busy; 45009: more than 20 a minute.
        RobotKind::Wecom => (&answer["errcode"], &answer["errmsg"], &[-1, 45_009, 45_033]),
        // 410100 and 130101: more than 20 a minute.
        RobotKind::Dingtalk => (&answer["errcode"], &answer["errmsg"], &[-1, 410_100, 130_101]),
        // 11232 and 11233: more than 5 a second or 100 a minute.
        RobotKind::Feishu => (&answer["code"], &answer["msg"], &[11_232, 11_233]),
    };
    match code.as_i64() {
        Some(0) => Answer::Accepted(String::new()),
        Some(code) if busy.contains(&code) => Answer::later(&format!("{code} {words}")),
        Some(code) => Answer::Refused(format!("{code} {words}")),
        None => Answer::later("an answer without a code"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_robot_is_signed_in_its_own_way() {
        let at = Timestamp(1_700_000_000_000);
        let (url, body) = request(RobotKind::Dingtalk, "https://d/send?access_token=t", Some("SECx"), "hi", at);
        let sign = sign::percent(&sign::hmac_base64("SECx", "1700000000000\nSECx"));
        assert_eq!(url, format!("https://d/send?access_token=t&timestamp=1700000000000&sign={sign}"));
        assert_eq!(body, json!({"msgtype": "text", "text": {"content": "hi"}}));
        let (url, body) =
            request(RobotKind::Feishu, "https://f/hook/t", Some("demo"), "hi", Timestamp(1_599_360_473_000));
        assert_eq!(url, "https://f/hook/t");
        assert_eq!(body["timestamp"], "1599360473");
        assert_eq!(body["sign"], sign::hmac_base64("1599360473\ndemo", "").as_str());
        let (url, _) = request(RobotKind::Wecom, "https://w/send?key=k", None, "hi", at);
        assert_eq!(url, "https://w/send?key=k");
    }

    #[test]
    fn the_code_in_the_body_is_the_verdict() {
        for (kind, body, expected) in [
            (RobotKind::Wecom, r#"{"errcode":0,"errmsg":"ok"}"#, Answer::Accepted(String::new())),
            (RobotKind::Wecom, r#"{"errcode":45009,"errmsg":"limit"}"#, Answer::later("45009 \"limit\"")),
            (RobotKind::Wecom, r#"{"errcode":93000,"errmsg":"invalid"}"#, Answer::Refused("93000 \"invalid\"".into())),
            (RobotKind::Dingtalk, r#"{"errcode":310000,"errmsg":"sign"}"#, Answer::Refused("310000 \"sign\"".into())),
            (RobotKind::Feishu, r#"{"code":19021,"msg":"sign"}"#, Answer::Refused("19021 \"sign\"".into())),
            (RobotKind::Feishu, r#"{"code":0,"msg":"success"}"#, Answer::Accepted(String::new())),
            (RobotKind::Feishu, "", Answer::later("an answer without a code")),
        ] {
            assert_eq!(verdict(kind, body), expected, "{body}");
        }
    }
}
