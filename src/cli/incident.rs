//! `linkpatrol incident`.

use std::process::ExitCode;

use super::Global;

/// Lists, shows, acknowledges and closes incidents of the running daemon.
#[derive(Debug, clap::Args)]
pub struct Incident {}

impl Incident {
    pub fn run(self, _global: &Global) -> ExitCode {
        ExitCode::from(2)
    }
}
