//! `linkpatrol demo`.

use std::process::ExitCode;

use super::Global;

/// Runs a simulated city with real ICMP, and scores itself against the truth.
#[derive(Debug, clap::Args)]
pub struct Demo {}

impl Demo {
    pub fn run(self, _global: &Global) -> ExitCode {
        ExitCode::from(2)
    }
}
