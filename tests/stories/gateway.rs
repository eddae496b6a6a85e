//! Receivers of notices that fail on command and keep a transcript: what they were sent, under which key, and what they
//! said to it. Started inside the site's namespace.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;

use crate::site::Site;

/// What a gateway does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Takes,
    /// Takes it, and says so as robots in group chats do.
    Says,
    /// Takes it after a while.
    Slow,
    /// 503.
    Busy,
    /// 400.
    Refuses,
    /// Reads half of it and hangs up.
    HangsUp,
    /// Takes it, and hangs up before it says so.
    Forgets,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Sent {
    pub key: String,
    pub body: Value,
    pub mood: Mood,
}

/// A webhook.
#[derive(Clone)]
pub struct Gateway {
    transcript: Arc<Mutex<Vec<Sent>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Gateway {
    pub fn open(site: &Site, address: SocketAddr) -> Self {
        let listener = site.within(|| TcpListener::bind(address).expect("the gateway's port"));
        let gateway = Self { transcript: Arc::default(), mood: Arc::new(Mutex::new(Mood::Takes)) };
        let serving = gateway.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let gateway = serving.clone();
                std::thread::spawn(move || gateway.serve(stream));
            }
        });
        gateway
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().expect("the mood") = mood;
    }

    pub fn transcript(&self) -> Vec<Sent> {
        self.transcript.lock().expect("the transcript").clone()
    }

    /// `None`: the connection is gone.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let mut output = stream.try_clone().ok()?;
        let mut input = BufReader::new(stream);
        loop {
            let (mut key, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if input.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                let Some((name, value)) = line.trim_end().split_once(": ") else {
                    if line.trim_end().is_empty() {
                        break;
                    }
                    continue;
                };
                match name.to_lowercase().as_str() {
                    "idempotency-key" => key = value.to_owned(),
                    "content-length" => length = value.parse().ok()?,
                    _ => {}
                }
            }
            let mood = *self.mood.lock().expect("the mood");
            if mood == Mood::HangsUp {
                input.read_exact(&mut vec![0; length / 2]).ok()?;
                return None;
            }
            let mut body = vec![0; length];
            input.read_exact(&mut body).ok()?;
            let body = serde_json::from_slice(&body).ok()?;
            self.transcript.lock().expect("the transcript").push(Sent { key, body, mood });
            let answer = match mood {
                Mood::Says => "200 OK",
                Mood::Takes => "204 No Content",
                Mood::Slow => {
                    std::thread::sleep(Duration::from_secs(2));
                    "204 No Content"
                }
                Mood::Busy => "503 Service Unavailable",
                Mood::Refuses => "400 Bad Request",
                Mood::HangsUp | Mood::Forgets => return None,
            };
            let body = if mood == Mood::Says { r#"{"errcode":0,"code":0,"errmsg":"ok"}"# } else { "" };
            write!(output, "HTTP/1.1 {answer}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
        }
    }
}
