//! SMS by a GSM modem: AT commands of 3GPP TS 27.005 in PDU mode, on a serial line or anything that looks like one.
//!
//! Every text goes as UCS-2, cut into parts that the telephone joins again. A message counts as taken when the network
//! has taken its last part; a repeat sends all parts again.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use tokio::time::Duration;

use crate::{
    config,
    notify::{channels::client::Answer, message::Message},
};

/// Longest wait for the modem itself.
const MODEM: Duration = Duration::from_secs(5);
/// Longest wait for the network: TS 27.005 names none, modems give up after 20 s to 60 s.
const NETWORK: Duration = Duration::from_secs(20);
/// UTF-16 units of a text alone, and of a part beside its header (TS 23.038).
const ALONE: usize = 70;
const PART: usize = 67;
/// An alarm of more parts is no SMS any more: it is cut.
const MOST_PARTS: usize = 9;
/// +CMS ERROR codes of TS 27.005 and TS 24.011 that no repetition mends: unassigned number, call barred, SIM missing or
/// locked, no such service.
const NEVER: [u16; 8] = [1, 8, 10, 28, 50, 310, 311, 316];

pub struct Modem {
    device: PathBuf,
}

impl Modem {
    pub fn new(keys: &config::Modem) -> Self {
        Self { device: keys.device.clone() }
    }

    pub async fn send(&self, message: &Message) -> Answer {
        let (device, to, text) = (self.device.clone(), message.to.reveal().to_owned(), message.marked_short());
        // The same for a repeat, so that a telephone with half of a message can join it.
        let reference = message.key.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let Some(pdus) = pdus(&to, &text, reference) else {
            return Answer::Refused(format!("`{}` is not a telephone number", message.to));
        };
        let exchange = tokio::task::spawn_blocking(move || talk(&device, &pdus));
        exchange.await.unwrap_or_else(|error| Answer::later(&error.to_string()))
    }
}

fn talk(device: &Path, pdus: &[String]) -> Answer {
    let whole = || -> io::Result<Result<String, String>> {
        let mut line = Line::open(device)?;
        for command in ["ATE0", "AT+CMGF=0"] {
            if let Err(error) = line.ask(&format!("{command}\r"), &["OK\r"], MODEM)? {
                return Ok(Err(error));
            }
        }
        let mut last = String::new();
        for pdu in pdus {
            // Without the leading address of the service centre: one octet that says "the usual one".
            if let Err(error) = line.ask(&format!("AT+CMGS={}\r", pdu.len() / 2 - 1), &["> "], MODEM)? {
                return Ok(Err(error));
            }
            match line.ask(&format!("{pdu}\x1a"), &["OK\r"], NETWORK)? {
                Ok(answer) => last = answer,
                error => return Ok(error),
            }
        }
        Ok(Ok(last))
    };
    match whole() {
        Ok(Ok(answer)) => Answer::Accepted(answer.split_whitespace().collect::<Vec<_>>().join(" ")),
        Ok(Err(error)) => match code(&error) {
            Some(code) if NEVER.contains(&code) => Answer::Refused(format!("+CMS ERROR: {code}")),
            _ => Answer::later(error.trim()),
        },
        Err(error) => Answer::later(&format!("{}: {error}", device.display())),
    }
}

fn code(error: &str) -> Option<u16> {
    error.split("+CMS ERROR:").nth(1)?.trim().parse().ok()
}

/// A serial line without echo and line editing.
struct Line(File);

impl Line {
    fn open(device: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK).open(device)?;
        // SAFETY: all zeros is a valid termios, and the descriptor is open.
        unsafe {
            let mut settings: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(file.as_raw_fd(), &raw mut settings) != 0 {
                return Err(io::Error::last_os_error());
            }
            libc::cfmakeraw(&raw mut settings);
            settings.c_cflag |= libc::CLOCAL | libc::CREAD;
            if libc::tcsetattr(file.as_raw_fd(), libc::TCSAFLUSH, &raw const settings) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(Self(file))
    }

    /// Says something and waits for one of `ends`; `Err` is what the modem calls an error.
    fn ask(&mut self, words: &str, ends: &[&str], most: Duration) -> io::Result<Result<String, String>> {
        self.0.write_all(words.as_bytes())?;
        let (mut heard, mut left) = (String::new(), most);
        loop {
            if heard.contains("ERROR") && heard.trim_end_matches(' ').ends_with(['\r', '\n']) {
                return Ok(Err(heard));
            }
            if ends.iter().any(|end| heard.contains(end)) {
                return Ok(Ok(heard.replace("OK\r", "")));
            }
            let slice = Duration::from_millis(50);
            let Some(rest) = left.checked_sub(slice) else {
                return Ok(Err("the modem says nothing".to_owned()));
            };
            if self.is_readable(slice)? {
                let mut part = [0; 512];
                let read = self.0.read(&mut part)?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                heard.push_str(&String::from_utf8_lossy(&part[..read]));
            } else {
                left = rest;
            }
        }
    }

    fn is_readable(&self, most: Duration) -> io::Result<bool> {
        let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let most = i32::try_from(most.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: one valid entry.
        match unsafe { libc::poll(&raw mut poll, 1, most) } {
            -1 => Err(io::Error::last_os_error()),
            ready => Ok(ready > 0),
        }
    }
}

/// SMS-SUBMIT of TS 23.040 for each part, in hexadecimal; `None`: not a telephone number.
fn pdus(to: &str, text: &str, reference: u8) -> Option<Vec<String>> {
    let (kind, digits) = match to.strip_prefix('+') {
        Some(digits) => ("91", digits),
        None => ("81", to),
    };
    if !(3..=20).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let padded: Vec<char> = digits.chars().chain((digits.len() % 2 == 1).then_some('F')).collect();
    let swapped: String = padded.chunks(2).flat_map(|pair| pair.iter().rev()).collect();
    let parts = parts(text);
    let of = parts.len();
    let pdu = |(at, part): (usize, &Vec<u16>)| {
        let header = if of > 1 { format!("050003{reference:02X}{of:02X}{:02X}", at + 1) } else { String::new() };
        let units: String = part.iter().map(|unit| format!("{unit:04X}")).collect();
        // 11: submit with a relative validity; 51: with a header as well. AA: four days. 08: UCS-2.
        let first = if of > 1 { "51" } else { "11" };
        let length = (header.len() + units.len()) / 2;
        format!("00{first}00{:02X}{kind}{swapped}0008AA{length:02X}{header}{units}", digits.len())
    };
    Some(parts.iter().enumerate().map(pdu).collect())
}

/// UTF-16 units of each part; no pair is cut in two.
fn parts(text: &str) -> Vec<Vec<u16>> {
    let whole: Vec<u16> = text.encode_utf16().collect();
    if whole.len() <= ALONE {
        return vec![whole];
    }
    let mut parts = vec![vec![]];
    for character in text.chars() {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units);
        if parts.last().is_some_and(|part: &Vec<u16>| part.len() + units.len() > PART) {
            parts.push(vec![]);
        }
        if let Some(part) = parts.last_mut() {
            part.extend_from_slice(units);
        }
    }
    parts.truncate(MOST_PARTS);
    parts
}

#[cfg(test)]
mod tests {
    use std::os::fd::FromRawFd;

    use super::*;

    /// A modem on a pseudo terminal that answers as told; returns its device and what it heard.
    fn modem(
        answer: impl Fn(&str) -> Option<&'static str> + Send + 'static,
    ) -> (PathBuf, std::sync::mpsc::Receiver<String>) {
        let (mut ours, mut theirs, mut name) = (0, 0, [0_i8; 64]);
        // SAFETY: `name` is long enough for /dev/pts/N, and the rest may be null.
        let made = unsafe {
            libc::openpty(
                &raw mut ours,
                &raw mut theirs,
                name.as_mut_ptr().cast(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        assert_eq!(made, 0);
        let device: String =
            name.iter().take_while(|byte| **byte != 0).map(|byte| char::from(byte.cast_unsigned())).collect();
        // SAFETY: both were just opened, for us alone. The second keeps the line open between two messages.
        let (mut modem, kept) = unsafe { (File::from_raw_fd(ours), File::from_raw_fd(theirs)) };
        let (hear, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let (_kept, mut line, mut byte) = (kept, String::new(), [0]);
            while modem.read_exact(&mut byte).is_ok() {
                match byte[0] {
                    b'\r' | 0x1a => {
                        if let Some(answer) = answer(&line) {
                            modem.write_all(answer.as_bytes()).unwrap();
                        }
                        hear.send(std::mem::take(&mut line)).unwrap();
                    }
                    byte => line.push(char::from(byte)),
                }
            }
        });
        (device.into(), heard)
    }

    fn willing(line: &str) -> Option<&'static str> {
        Some(match line {
            line if line.starts_with("AT+CMGS=") => "\r\n> ",
            line if line.starts_with("AT") => "\r\nOK\r\n",
            _ => "\r\n+CMGS: 12\r\n\r\nOK\r\n",
        })
    }

    #[test]
    fn a_modem_is_told_all_parts_and_says_its_own_number() {
        let (device, heard) = modem(willing);
        let text = "断".repeat(71);
        let pdus = pdus("13800000001", &text, 7).unwrap();
        assert_eq!(talk(&device, &pdus), Answer::Accepted("+CMGS: 12".into()));
        // The last line is heard a moment after its answer.
        let lines: Vec<_> = (0..6).map_while(|_| heard.recv_timeout(Duration::from_secs(5)).ok()).collect();
        assert!(lines.len() == 6 && heard.try_recv().is_err(), "{lines:?}");
        assert_eq!(lines[3], format!("0051000B813108000000F10008AA8C050003070201{}", "65AD".repeat(67)));
        assert_eq!(lines[5], format!("0051000B813108000000F10008AA0E050003070202{}", "65AD".repeat(4)));
        assert_eq!(lines[2], format!("AT+CMGS={}", lines[3].len() / 2 - 1));
    }

    #[test]
    fn an_error_of_the_network_says_whether_to_try_again() {
        let no_network = |line: &str| match line.starts_with("00") {
            true => Some("\r\n+CMS ERROR: 331\r\n"),
            false => willing(line),
        };
        let pdus = |to| pdus(to, "x", 0).unwrap();
        assert_eq!(talk(&modem(no_network).0, &pdus("+8613800000001")), Answer::later("+CMS ERROR: 331"));
        let barred = |line: &str| if line.starts_with("00") { Some("\r\n+CMS ERROR: 10\r\n") } else { willing(line) };
        assert_eq!(talk(&modem(barred).0, &pdus("10086")), Answer::Refused("+CMS ERROR: 10".into()));
        assert!(matches!(talk(Path::new("/dev/no-such-modem"), &pdus("10086")), Answer::Later { .. }));
        assert_eq!(super::pdus("duty", "x", 0), None);
    }

    #[test]
    fn no_character_is_cut_in_two() {
        let parts = parts(&"𠮷".repeat(40));
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [66, 14]);
    }
}
