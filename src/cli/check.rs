//! `linkpatrol check`.

use std::process::ExitCode;

use super::Global;

/// Reads everything and prints every finding, then coverage and expected load.
#[derive(Debug, clap::Args)]
pub struct Check {}

impl Check {
    pub fn run(self, _global: &Global) -> ExitCode {
        ExitCode::from(2)
    }
}
