//! `linkpatrol sd`: what the daemon serves at `/sd`, from the files alone.

use std::process::ExitCode;

use super::{Global, print_findings};
use crate::{
    patrol::load::from_file,
    profile::discovery,
    text::{Message, ServiceText},
};

/// Prints the services that `/probe` can check, as target groups of Prometheus (for `file_sd_configs`; the daemon serves
/// the same at `/sd` for `http_sd_configs`).
#[derive(Debug, clap::Args)]
pub struct Sd {}

impl Sd {
    pub fn run(self, global: &Global) -> ExitCode {
        let (loaded, findings) = from_file(global.config_file.as_deref());
        let language = global.language(loaded.as_ref().map(|loaded| &*loaded.config));
        let Some(loaded) = loaded else {
            print_findings(&findings, language);
            return ExitCode::from(1);
        };
        let Some(modules) = &loaded.modules else {
            anstream::eprintln!("{}", Message::Service(ServiceText::NoModules).say(language));
            return ExitCode::from(2);
        };
        let services = loaded.services.list.iter().map(|service| &**service);
        // Cannot fail: it is plain data.
        let groups = serde_json::to_string_pretty(&discovery::groups(services, modules)).unwrap_or_default();
        anstream::println!("{groups}");
        ExitCode::SUCCESS
    }
}
