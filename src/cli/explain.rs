//! `linkpatrol explain`.

use std::process::ExitCode;

use super::Global;

/// Shows every effective value of one link with the place it came from.
#[derive(Debug, clap::Args)]
pub struct Explain {}

impl Explain {
    pub fn run(self, _global: &Global) -> ExitCode {
        ExitCode::from(2)
    }
}
