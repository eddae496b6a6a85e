//! Channels looked at, and tried when asked to, outside the outbox: for `doctor`.

use super::{
    Setup,
    client::{Answer, Client},
    transport::Transport,
};
use crate::{
    notify::message::{Address, Mark, Message},
    text::{self, ChannelText, Language},
    units::Timestamp,
};

/// What a trial of a channel showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub channel: String,
    /// Name in `to`; empty when only the set-up was looked at.
    pub recipient: String,
    /// The receiver's words, or what is wrong.
    pub result: Result<String, String>,
}

/// Looks at the set-up of every channel to people. Those in `send` carry a message marked 【测试】, once, to each in their
/// `to`. A name in `send` that no channel has is a failure of its own.
pub async fn try_out(setup: &Setup, send: &[String], now: Timestamp) -> Vec<Trial> {
    let mut trials = vec![];
    let client = Client::new(setup.trusted_roots.as_deref());
    for keys in &setup.people {
        let channel = keys.name.clone();
        let transport = client.as_ref().map_err(ToString::to_string).and_then(|client| {
            Transport::new(keys, client, setup.trusted_roots.as_deref()).map_err(|error| error.to_string())
        });
        let transport = transport.and_then(|transport| keys.unreadable().map_or(Ok(transport), Err));
        match transport {
            Err(wrong) => trials.push(Trial { channel, recipient: String::new(), result: Err(wrong) }),
            Ok(_) if !send.contains(&channel) => {
                trials.push(Trial { channel, recipient: String::new(), result: Ok(String::new()) });
            }
            Ok(transport) => {
                for (recipient, address) in &keys.to {
                    let result = test(&transport, &channel, recipient, address, setup.language, now).await;
                    trials.push(Trial { channel: channel.clone(), recipient: recipient.clone(), result });
                }
            }
        }
    }
    let unknown = send.iter().filter(|name| !setup.people.iter().any(|keys| keys.name == **name));
    trials.extend(unknown.map(|name| Trial {
        channel: name.clone(),
        recipient: String::new(),
        result: Err("no such channel to people".to_owned()),
    }));
    trials
}

/// One attempt, without the outbox: somebody waits for the answer.
async fn test(
    transport: &Transport,
    channel: &str,
    recipient: &str,
    address: &str,
    language: Language,
    now: Timestamp,
) -> Result<String, String> {
    let subject =
        text::Message::Channel(ChannelText::TestMessage { channel: channel.to_owned() }).say(language).to_string();
    let message = Message {
        key: format!("test/{channel}/test/{}/{recipient}", now.0),
        channel: channel.to_owned(),
        to: Address::parse(address).ok_or("its address is empty")?,
        mark: Some(Mark::Test),
        text: subject.clone(),
        subject,
        thread: None,
        short: None,
        private: vec![],
    };
    match transport.attempt(&message, now).await {
        Answer::Accepted(words) => Ok(words),
        Answer::Refused(reason) | Answer::Later { reason, .. } => Err(reason),
    }
}
