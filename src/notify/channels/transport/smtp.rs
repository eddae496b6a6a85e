//! Mail: one connection per message, threads per incident, and a `Message-ID` that a repeat has again (RFC 5322).

use std::{net::IpAddr, path::Path};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, header},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use tokio::time::Duration;

use super::{credential, sign};
use crate::{
    config::{self, Security},
    notify::{
        channels::{
            ChannelError,
            client::{Answer, chain},
        },
        message::Message,
    },
};

/// Longest wait for a connection. The library has no time-out for what follows; the worker has.
const CONNECT: Duration = Duration::from_secs(10);

pub struct Smtp {
    keys: config::Smtp,
    from: Mailbox,
    tls: Tls,
}

impl Smtp {
    pub fn new(channel: &str, keys: &config::Smtp, roots: Option<&Path>) -> Result<Self, ChannelError> {
        let wrong = |reason: String| ChannelError::Unusable { channel: channel.to_owned(), reason };
        let from = keys.from.parse().map_err(|error| wrong(format!("from `{}`: {error}", keys.from)))?;
        let tls = match keys.security {
            Security::Plain if !is_loopback(&keys.host) => {
                return Err(wrong("security: plain reaches only this machine; use starttls or tls".to_owned()));
            }
            Security::Plain => Tls::None,
            Security::Starttls => Tls::Required(parameters(&keys.host, roots).map_err(wrong)?),
            Security::Tls => Tls::Wrapper(parameters(&keys.host, roots).map_err(wrong)?),
        };
        Ok(Self { keys: keys.clone(), from, tls })
    }

    pub async fn send(&self, message: &Message) -> Answer {
        let mail = match self.mail(message) {
            Ok(mail) => mail,
            Err(reason) => return Answer::Refused(reason),
        };
        let port = self.keys.port.unwrap_or(match self.keys.security {
            Security::Starttls => 587,
            Security::Tls => 465,
            Security::Plain => 25,
        });
        let server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&*self.keys.host).port(port);
        let mut server = server.timeout(Some(CONNECT)).tls(self.tls.clone());
        if let Some(user) = &self.keys.user {
            match credential(&self.keys.password) {
                Ok(password) => server = server.credentials(Credentials::new(user.clone(), password)),
                Err(answer) => return answer,
            }
        }
        match server.build().send(mail).await {
            Ok(reply) => {
                let words: Vec<_> = reply.message().collect();
                Answer::Accepted(format!("{} {}", reply.code(), words.join(" ")))
            }
            // 5xx: the server will never take it. Everything else, a lost connection too, may be better next time.
            Err(error) if error.is_permanent() => Answer::Refused(chain(&error)),
            Err(error) => Answer::later(&chain(&error)),
        }
    }

    /// `Err`: an address that is none.
    fn mail(&self, message: &Message) -> Result<lettre::Message, String> {
        let to = message.to.reveal().parse::<lettre::Address>();
        let to = to.map_err(|_| format!("`{}` is not a mail address", message.to))?;
        let own = self.from.email.domain();
        let id = |key: &str| format!("<{}@{own}>", sign::name_of(key));
        let mut mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.marked_subject())
            .message_id(Some(id(&message.key)))
            // RFC 3834: nobody's absence notice answers a machine.
            .raw_header(raw("Auto-Submitted", "auto-generated"))
            .raw_header(raw("X-Linkpatrol-Key", &message.key));
        if let Some(thread) = message.thread.as_ref().filter(|thread| thread.first != message.key) {
            mail = mail.in_reply_to(id(&thread.first)).references(id(&thread.first));
        }
        let mail = mail.header(header::ContentType::TEXT_PLAIN).body(message.marked_text());
        mail.map_err(|error| error.to_string())
    }
}

fn raw(name: &'static str, value: &str) -> header::HeaderValue {
    header::HeaderValue::new(header::HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Trusts the authorities in `roots`, or else those of the system.
fn parameters(host: &str, roots: Option<&Path>) -> Result<TlsParameters, String> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(path) = roots {
        let pem = std::fs::read(path).map_err(|error| format!("trusted_roots {}: {error}", path.display()))?;
        let roots =
            Certificate::from_pem(&pem).map_err(|error| format!("trusted_roots {}: {error}", path.display()))?;
        parameters = parameters.certificate_store(CertificateStore::None).add_root_certificate(roots);
    }
    parameters.build().map_err(|error| error.to_string())
}
