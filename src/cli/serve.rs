//! `linkpatrol serve`.

use std::process::ExitCode;

use super::Global;

/// Runs the daemon.
#[derive(Debug, clap::Args)]
pub struct Serve {}

impl Serve {
    pub fn run(self, _global: &Global) -> ExitCode {
        ExitCode::from(2)
    }
}
