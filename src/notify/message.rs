//! What any transport carries to one recipient: rendered, addressed and marked.
//!
//! In: what letters render. Out: a [`Message`], as it waits in the outbox and as a transport takes it. Nothing in here
//! asks the world again: a message that leaves late says what it said when it was made.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::duty::roster::HIDDEN;
pub use crate::text::Mark;

/// Begins the path of a party's page, before its pass; no pass is shorter.
const PAGE_OF_PARTY: &str = "/a/";
const LEAST_PASS: usize = 32;

/// One message for one recipient over one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// (incident, channel, kind, step, recipient) with `/` between: the same key is never sent twice on purpose, and a
    /// repeat after a crash has the same one. Names people and numbers by id, never by address: it stands in logs.
    pub key: String,
    /// Name of a channel in linkpatrol.yaml.
    pub channel: String,
    pub to: Address,
    /// `None`: the plain truth of today. A transport writes it before subject and text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// One line; line breaks become spaces.
    pub subject: String,
    /// Plain text, lines ended by `\n`.
    pub text: String,
    /// What it belongs to; `None`: it stands alone, as a digest does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Thread>,
    /// For transports with little room (SMS, voice); `None`: they say the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<Short>,
    /// Names and numbers of contacts that stand in its texts: for its recipient, and for whoever asks for them by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<String>,
}

/// Where a transport delivers: a mail address, a telephone number, or what a robot's group is called.
///
/// Personal data: printed only in part, whole only by [`Address::reveal`]. From contacts or linkpatrol.yaml.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

/// All messages about one incident to one recipient read as one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    pub incident: String,
    /// Key of the first message of this thread; of the first message itself, its own key.
    pub first: String,
}

/// The same in one or two segments of an SMS, and as gateways with approved templates want it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Short {
    pub text: String,
    /// `None`: free text. A gateway that takes only templates then refuses the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
}

/// A text that the gateway's operator approved before, and what fills its blanks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// As the gateway names it.
    pub id: String,
    /// In the order of the blanks.
    #[serde(default)]
    pub variables: Vec<String>,
}

impl Message {
    /// The subject as it is sent: one line, its mark first.
    pub fn marked_subject(&self) -> String {
        self.marked(&self.subject.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The text as it is sent, its mark first.
    pub fn marked_text(&self) -> String {
        self.marked(&self.text)
    }

    /// What transports with little room say, its mark first.
    pub fn marked_short(&self) -> String {
        match &self.short {
            Some(short) => self.marked(&short.text),
            None => self.marked_subject(),
        }
    }

    /// One of its texts as everybody may read it: without names and numbers of contacts, and without the signed addresses
    /// with which a party answers.
    pub fn without_contacts(&self, text: &str) -> String {
        self.private.iter().fold(without_passes(text), |text, private| text.replace(private, HIDDEN))
    }

    /// Whether a transport may carry it: what an unopened installation renders never leaves.
    pub fn may_leave(&self) -> bool {
        self.mark != Some(Mark::Trial)
    }

    /// A text that starts with its mark already, as summaries of a simulated city do, gets no second one.
    fn marked(&self, text: &str) -> String {
        let mark = self.mark.map(Mark::as_str).unwrap_or_default();
        if text.starts_with(mark) { text.to_owned() } else { format!("{mark}{text}") }
    }
}

/// Whoever has the address of a party's page answers in its name.
fn without_passes(text: &str) -> String {
    let mut parts = text.split(PAGE_OF_PARTY);
    let mut open = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_sign = |letter: char| letter.is_ascii_alphanumeric() || "-_.~=%".contains(letter);
        let rest = part.trim_start_matches(is_sign);
        let is_signed = part.len() - rest.len() >= LEAST_PASS;
        open.push_str(PAGE_OF_PARTY);
        open.push_str(if is_signed { HIDDEN } else { &part[..part.len() - rest.len()] });
        open.push_str(rest);
    }
    open
}

impl Address {
    /// `None` when `text` is blank or has a line break, with which it could write headers or commands of its own.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && !text.contains(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// All of it, for a transport.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// `138****0001`, `d***@example.org`: enough to tell two apart, too little to write to.
impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters: Vec<char> = self.0.chars().collect();
        match self.0.split_once('@') {
            Some((name, host)) => write!(out, "{}***@{host}", name.chars().next().unwrap_or('*')),
            None if characters.len() >= 8 => {
                let (head, tail) = (&characters[..3], &characters[characters.len() - 4..]);
                write!(out, "{}****{}", String::from_iter(head), String::from_iter(tail))
            }
            None => write!(out, "****"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(mark: Option<Mark>) -> Message {
        Message {
            key: "01J/sms/opened/1/li".into(),
            channel: "sms".into(),
            to: Address::parse("13800000001").unwrap(),
            mark,
            subject: "LL-0007\r\nBcc: all@example.org".into(),
            text: "LL-0007 is down".into(),
            thread: None,
            short: None,
            private: vec![],
        }
    }

    #[test]
    fn what_is_of_a_contact_is_for_its_recipient() {
        let private = vec!["guard 0374-0000001".to_owned(), "guard".to_owned()];
        let told = Message { private, text: "for guard: ask guard 0374-0000001".into(), ..message(None) };
        assert_eq!(told.without_contacts(&told.marked_text()), "for ▒▒▒: ask ▒▒▒");
        assert_eq!(told.marked_text(), told.text);
        assert_eq!(message(None).without_contacts("guard"), "guard");
    }

    #[test]
    fn a_mark_comes_first_and_once() {
        let mut drill = message(Some(Mark::Drill));
        assert_eq!(drill.marked_subject(), "【演练】LL-0007 Bcc: all@example.org", "one line");
        assert_eq!(drill.marked_short(), drill.marked_subject());
        drill.text = "【演练】LL-0007".into();
        assert_eq!(drill.marked_text(), "【演练】LL-0007");
        assert!(drill.may_leave() && !message(Some(Mark::Trial)).may_leave());
        assert_eq!(message(None).marked_text(), "LL-0007 is down");
    }

    #[test]
    fn an_address_is_printed_only_in_part() {
        for (whole, part) in [
            ("13800000001", "138****0001"),
            ("duty@example.org", "d***@example.org"),
            ("10086", "****"),
            ("值班室@示例.cn", "值***@示例.cn"),
        ] {
            let address = Address::parse(whole).unwrap();
            assert_eq!((address.to_string(), format!("{address:?}")), (part.to_owned(), part.to_owned()));
            assert_eq!(serde_json::to_string(&address).unwrap(), format!("{whole:?}"));
        }
        assert_eq!(Address::parse("a@example.org\r\nRCPT TO:<b@example.org>"), None);
        assert_eq!(Address::parse("  "), None);
    }

    #[test]
    fn whoever_reads_a_letter_of_another_cannot_answer_in_their_name() {
        let one = message(None);
        let pass = "AQBz-_".repeat(8);
        let text = format!("reply: https://noc.example/a/{pass}, or /a/b; path /a/{pass}\n");
        let open = one.without_contacts(&text);
        assert_eq!(open, format!("reply: https://noc.example/a/{HIDDEN}, or /a/b; path /a/{HIDDEN}\n"));
        assert_eq!(one.without_contacts("/a/"), "/a/");
    }

    #[test]
    fn a_message_of_the_outbox_reads_back_as_it_was() {
        let template = Some(Template { id: "T1".into(), variables: vec!["LL-0007".into()] });
        let short = Some(Short { text: "LL-0007".into(), template });
        let thread = Some(Thread { incident: "01J".into(), first: "01J/sms/opened/1/li".into() });
        let whole = Message { short, thread, ..message(Some(Mark::Simulated)) };
        let stored = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&stored).unwrap(), whole);
    }
}
