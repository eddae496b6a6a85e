//! `linkpatrol once`.

use std::process::ExitCode;

use super::Global;

/// Measures one link or address now and prints what happened.
#[derive(Debug, clap::Args)]
pub struct Once {}

impl Once {
    pub fn run(self, _global: &Global) -> ExitCode {
        ExitCode::from(2)
    }
}
