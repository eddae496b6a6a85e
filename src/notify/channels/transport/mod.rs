//! How a message reaches one person: one file per transport, one verdict for all.
//!
//! In: a [`Message`], and the time for signatures. Out: an [`Answer`]. What a receiver says in the body of a `200 OK`
//! counts, not the `200`. Nothing here waits between attempts: that is the worker's matter.

mod cloud_mas;
mod hook;
mod http;
mod modem;
mod robot;
pub(super) mod sign;
mod smtp;

use tokio::time::{Duration, timeout};

use super::{
    ChannelError,
    client::{Answer, Client},
};
use crate::{
    config,
    notify::{message::Message, segments::segments},
    units::Timestamp,
};

pub(super) enum Transport {
    Smtp(smtp::Smtp),
    CloudMas(cloud_mas::CloudMas),
    Http(http::Http),
    Modem(modem::Modem),
    Hook(hook::Hook),
    Robot(robot::Robot),
}

impl Transport {
    /// Checks what linkpatrol.yaml says of a channel. Credentials are looked at here and read anew for each message.
    pub(super) fn new(
        channel: &config::Channel,
        client: &Client,
        roots: Option<&std::path::Path>,
    ) -> Result<Self, ChannelError> {
        let config::Channel { name, smtp, cloud_mas, http, modem, command, robot, .. } = channel;
        Ok(if let Some(keys) = smtp {
            Self::Smtp(smtp::Smtp::new(name, keys, roots)?)
        } else if let Some(keys) = cloud_mas {
            Self::CloudMas(cloud_mas::CloudMas::new(name, keys, client)?)
        } else if let Some(keys) = http {
            Self::Http(http::Http::new(name, keys, client)?)
        } else if let Some(keys) = modem {
            Self::Modem(modem::Modem::new(keys))
        } else if let Some(keys) = command {
            Self::Hook(hook::Hook::new(keys))
        } else if let Some(keys) = robot {
            Self::Robot(robot::Robot::new(keys, client))
        } else {
            return Err(ChannelError::NoTransport { channel: name.clone() });
        })
    }

    /// SMS that an accepted message took; `None`: it sends none, or the gateway's own count is what is paid for.
    pub(super) fn segments(&self, message: &Message) -> Option<usize> {
        let is_sms = matches!(self, Self::CloudMas(_) | Self::Modem(_));
        is_sms.then(|| segments(&message.marked_short()).1)
    }

    /// One attempt, within its time.
    pub(super) async fn attempt(&self, message: &Message, now: Timestamp) -> Answer {
        if !message.may_leave() {
            return Answer::Refused("a message of an installation that is not opened never leaves".to_owned());
        }
        timeout(self.most(), self.send(message, now)).await.unwrap_or_else(|_| Answer::later("no end in time"))
    }

    async fn send(&self, message: &Message, now: Timestamp) -> Answer {
        match self {
            Self::Smtp(smtp) => smtp.send(message).await,
            Self::CloudMas(mas) => mas.send(message).await,
            Self::Http(http) => http.send(message).await,
            Self::Modem(modem) => modem.send(message).await,
            Self::Hook(hook) => hook.send(message).await,
            Self::Robot(robot) => robot.send(message, now).await,
        }
    }

    /// Longest that one attempt may take: a receiver that stalls must not hold the channel.
    fn most(&self) -> Duration {
        match self {
            // A server may hold back its greeting on purpose, for ten seconds and more.
            Self::Smtp(_) => Duration::from_secs(30),
            // Ten segments of up to 20 s each on a slow network.
            Self::Modem(_) => Duration::from_secs(200),
            Self::Hook(hook) => hook.timeout + Duration::from_secs(5),
            Self::CloudMas(_) | Self::Http(_) | Self::Robot(_) => Duration::from_secs(30),
        }
    }
}

/// A credential that must be there.
fn credential(secret: &config::Secret) -> Result<String, Answer> {
    match secret.read() {
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => Err(Answer::Refused("no credential is configured".to_owned())),
        // A file that is being replaced is there again soon.
        Err(error) => Err(Answer::later(&format!("its credential cannot be read: {error}"))),
    }
}
