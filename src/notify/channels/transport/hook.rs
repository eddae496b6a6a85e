//! A program of the operator's own: the message as JSON on its standard input, a verdict by its exit code.

use std::{
    io::{Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
};

use serde_json::json;
use tokio::time::Duration;

use crate::{
    config,
    notify::{channels::client::Answer, message::Message},
};

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Most of its words that are kept.
const WORDS: u64 = 400;
/// EX_TEMPFAIL of sysexits.h: try again.
const TRY_AGAIN: i32 = 75;

pub struct Hook {
    run: Vec<String>,
    pub timeout: Duration,
}

impl Hook {
    pub fn new(keys: &config::Hook) -> Self {
        Self { run: keys.run.clone(), timeout: keys.timeout }
    }

    pub async fn send(&self, message: &Message) -> Answer {
        let document = json!({
            "key": message.key, "to": message.to, "subject": message.marked_subject(), "text": message.marked_text(),
            "short": message.marked_short(), "incident": message.thread.as_ref().map(|thread| &thread.incident),
        });
        let (run, timeout) = (self.run.clone(), self.timeout);
        let exchange = tokio::task::spawn_blocking(move || execute(&run, &document.to_string(), timeout));
        exchange.await.unwrap_or_else(|error| Answer::later(&error.to_string()))
    }
}

fn execute(run: &[String], document: &str, timeout: Duration) -> Answer {
    let Some((program, arguments)) = run.split_first() else {
        return Answer::Refused("no program is configured".to_owned());
    };
    let mut command = Command::new(program);
    // A group of its own: what it started ends with it.
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Answer::later(&format!("{program}: {error}")),
    };
    // 64 KiB fit into a pipe, so this never waits for the program. One that reads nothing may have gone already.
    let _ = child.stdin.take().map(|mut input| input.write_all(document.as_bytes()));
    let status = wait(&mut child, timeout);
    // SAFETY: no memory is touched. What it left behind in its group would hold its output open.
    unsafe { libc::kill(-child.id().cast_signed(), libc::SIGKILL) };
    let mut words = String::new();
    let Some(status) = status else { return Answer::later(&format!("{program} did not end within {timeout:?}")) };
    let _ = child.stdout.take().map(|output| output.take(WORDS).read_to_string(&mut words));
    let words = words.trim().to_owned();
    match status.code() {
        Some(0) => Answer::Accepted(words),
        // sysexits.h: wrong input, unknown recipient, wrong set-up.
        Some(code @ 64..=78) if code != TRY_AGAIN => Answer::Refused(format!("exit code {code} {words}")),
        Some(code) => Answer::later(&format!("exit code {code} {words}")),
        None => Answer::later("ended by a signal"),
    }
}

/// `None`: it was killed.
fn wait(child: &mut Child, timeout: Duration) -> Option<ExitStatus> {
    let looks = timeout.as_millis() / LOOK.as_millis();
    for _ in 0..=looks {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => std::thread::sleep(LOOK),
            Err(_) => break,
        }
    }
    // Both fail only when it has ended meanwhile.
    let _ = child.kill();
    let _ = child.wait();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(script: &str) -> Answer {
        execute(&["sh".into(), "-c".into(), script.into()], "{\"to\":\"x\"}", Duration::from_millis(300))
    }

    #[test]
    fn the_exit_code_of_a_program_is_its_verdict_and_it_may_not_run_for_ever() {
        assert_eq!(ran("cat"), Answer::Accepted("{\"to\":\"x\"}".into()));
        assert_eq!(ran("exit 67"), Answer::Refused("exit code 67 ".into()));
        assert_eq!(ran("exit 75"), Answer::later("exit code 75 "));
        assert_eq!(ran("sleep 60 & sleep 60"), Answer::later("sh did not end within 300ms"));
        let missing = execute(&["/no/such/program".into()], "", Duration::from_millis(300));
        assert!(matches!(missing, Answer::Later { .. }), "{missing:?}");
    }
}
