//! `channels:` of linkpatrol.yaml: how people are reached, and with which credentials.
//!
//! A channel has one transport, whom it tells by itself, which links it rides on, and who speaks when it cannot.
//! Credentials stand in files or in the environment, and are read when they are used: nothing here holds one.

use std::{collections::BTreeMap, env, fmt, fs, io, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::diagnostic::yaml;

/// One way to reach people.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Unique over all channels, Alertmanagers and webhooks.
    pub name: String,
    /// Who is told of every incident: a name for keys and logs, and the address. Empty: only who is routed here.
    #[serde(default)]
    pub to: BTreeMap<String, String>,
    /// Links that carry its traffic: while one of them is down, `next` speaks at once.
    #[serde(default)]
    pub rides_on: Vec<String>,
    /// Who speaks when this channel cannot: one that stands further down, which is silent otherwise.
    #[serde(default)]
    pub next: Option<String>,
    /// Most messages in a day besides first notices, steps of ladders and what is critical.
    #[serde(default)]
    pub a_day: Option<u32>,
    #[serde(default)]
    pub smtp: Option<Smtp>,
    #[serde(default)]
    pub cloud_mas: Option<CloudMas>,
    #[serde(default)]
    pub http: Option<Http>,
    #[serde(default)]
    pub modem: Option<Modem>,
    #[serde(default)]
    pub command: Option<Hook>,
    #[serde(default)]
    pub robot: Option<Robot>,
}

/// A mail server that takes our messages.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    pub host: String,
    /// Without it 587, 465 or 25, as `security` says.
    #[serde(default)]
    pub port: Option<u16>,
    #[serde(default)]
    pub security: Security,
    /// `链路巡检 <noc@example.org>`, or the address alone.
    pub from: String,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub password: Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS after a plain greeting; a server that does not offer it is given nothing.
    #[default]
    Starttls,
    Tls,
    /// Only to this machine.
    Plain,
}

/// China Mobile's cloud MAS (云MAS), HTTP with templates.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudMas {
    /// Such as `https://…/sms/tmpsubmit`.
    pub url: String,
    pub ec_name: String,
    pub ap_id: String,
    pub secret: Secret,
    /// Code of the signature (签名编码).
    pub sign: String,
    #[serde(default)]
    pub add_serial: String,
    /// Template with one blank for messages that name none.
    pub template: String,
}

/// Any gateway that takes an HTTP request: SMS, or a voice call that reads a text.
///
/// `url` and `body` may have `{to}`, `{subject}`, `{text}`, `{short}`, `{key}` and `{secret}`; each is escaped for where
/// it stands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub url: String,
    pub body: String,
    #[serde(default)]
    pub form: Form,
    #[serde(default)]
    pub secret: Secret,
    /// Regular expression that the answer must match. Without it every 2xx is an acceptance.
    #[serde(default)]
    pub accepted: Option<String>,
    /// One that says: never. Every other answer is tried again.
    #[serde(default)]
    pub refused: Option<String>,
}

/// What the body of a request is, which decides how values are escaped in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    #[default]
    Json,
    Urlencoded,
}

/// A GSM modem that obeys AT commands (3GPP TS 27.005, PDU mode).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modem {
    pub device: PathBuf,
}

/// A program that gets the message as JSON on its standard input.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// The program and its arguments; no shell.
    pub run: Vec<String>,
    /// It is killed after this long.
    #[serde(default = "default_timeout", deserialize_with = "yaml::duration")]
    pub timeout: Duration,
}

/// A robot in a group chat.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Robot {
    pub kind: RobotKind,
    /// The address with its token, which is a credential.
    pub url: Secret,
    /// Key of its signature (加签); without it the robot must know us by address or word. WeCom has none.
    #[serde(default)]
    pub secret: Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RobotKind {
    Wecom,
    Dingtalk,
    Feishu,
}

/// Where a credential stands: `{file: smtp.password}` or `{env: SMTP_PASSWORD}`. Empty: there is none.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secret {
    pub file: Option<PathBuf>,
    pub env: Option<String>,
}

impl Secret {
    /// The credential, without the line break that editors add. `None`: none is configured.
    pub fn read(&self) -> io::Result<Option<String>> {
        match (&self.file, &self.env) {
            (Some(file), _) => {
                fs::read_to_string(file).map(|text| Some(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (None, Some(name)) => env::var(name).map(Some).map_err(|_| io::Error::other(format!("${name} is not set"))),
            (None, None) => Ok(None),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, &self.env) {
            (Some(file), _) => write!(out, "{}", file.display()),
            (None, Some(name)) => write!(out, "${name}"),
            (None, None) => write!(out, "none"),
        }
    }
}

impl Channel {
    /// Most messages in a day. Of what is paid for by message none until somebody says how many; `None`: no limit.
    pub fn budget(&self) -> Option<u32> {
        let is_paid = self.cloud_mas.is_some() || self.modem.is_some();
        self.a_day.or(is_paid.then_some(0))
    }

    /// How many transports it has: one, or it cannot be used.
    pub fn transports(&self) -> usize {
        [
            self.smtp.is_some(),
            self.cloud_mas.is_some(),
            self.http.is_some(),
            self.modem.is_some(),
            self.command.is_some(),
            self.robot.is_some(),
        ]
        .into_iter()
        .filter(|is_there| *is_there)
        .count()
    }

    /// URLs that are written in the file itself: key and value.
    pub fn urls(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let mas = self.cloud_mas.as_ref().map(|mas| ("cloud_mas.url", mas.url.as_str()));
        mas.into_iter().chain(self.http.as_ref().map(|http| ("http.url", http.url.as_str())))
    }

    /// Why a credential cannot be read; `None`: all of them can.
    pub fn unreadable(&self) -> Option<String> {
        let robot = self.robot.iter().flat_map(|robot| [&robot.url, &robot.secret]);
        let secrets = self.smtp.iter().map(|smtp| &smtp.password).chain(robot);
        let mut secrets = secrets
            .chain(self.cloud_mas.iter().map(|mas| &mas.secret))
            .chain(self.http.iter().map(|http| &http.secret));
        secrets.find_map(|secret| secret.read().err().map(|error| format!("{secret:?}: {error}")))
    }

    /// Files of credentials, to be looked for beside linkpatrol.yaml.
    pub fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let robot = self.robot.iter_mut().flat_map(|robot| [&mut robot.url, &mut robot.secret]);
        let secrets = self.smtp.iter_mut().map(|smtp| &mut smtp.password).chain(robot);
        let secrets = secrets.chain(self.cloud_mas.iter_mut().map(|mas| &mut mas.secret));
        secrets.chain(self.http.iter_mut().map(|http| &mut http.secret)).filter_map(|secret| secret.file.as_mut())
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}
