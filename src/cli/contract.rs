//! `linkpatrol contract explain`: which rule applies to what, where each figure stands, and what people must supply.

mod assessed;
mod made_up;
mod points;
mod simulate;
mod stored;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Global, Output, find_link, print_findings};
use crate::{
    config::Config,
    contract::{Contract, Explained, Terms},
    diagnostic::{Findings, closest},
    inventory::Inventory,
    text::{ContractText, Language, Message},
};

/// Contracts as data: what was promised, from which clause.
#[derive(Debug, clap::Args)]
pub struct ContractCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Explain(Explain),
    Simulate(simulate::Simulate),
}

/// Prints which rules apply to a target, every figure with its clause and place, and what must be supplied by hand.
#[derive(Debug, clap::Args)]
struct Explain {
    /// Name of a folder beside the inventory, such as sichuan-courts, or its path.
    name: PathBuf,
    /// Only what applies to this link of the ledger, such as LL-0412.
    #[arg(long, conflicts_with = "service")]
    link: Option<String>,
    /// Only what applies to this row of requirements.csv, such as 89 or 94.35.
    #[arg(long)]
    service: Option<String>,
}

impl ContractCommand {
    pub fn run(self, global: &Global) -> ExitCode {
        let explain = match self.action {
            Action::Explain(explain) => explain,
            Action::Simulate(simulate) => return simulate.run(global),
        };
        let mut findings = Findings::default();
        let config = Config::load(global.config_file.as_deref(), &mut findings);
        let language = global.language(config.as_ref());
        let refused = |message: Message| {
            anstream::eprintln!("{}", message.say(language));
            ExitCode::from(2)
        };
        let beside = config.as_ref().and_then(|config| config.inventory.parent()).unwrap_or(Path::new("."));
        let Some(folder) = folder(beside, &explain.name) else {
            return refused(no_such_contract(beside, &explain.name));
        };
        match explain.explained(&folder, &mut findings) {
            Err(message) => refused(message),
            Ok(explained) => {
                let failed = findings.has_errors();
                print_findings(&findings.into_sorted(), language);
                if let (Some(explained), false) = (explained, failed) {
                    print(&explained, global.output, language);
                    return ExitCode::SUCCESS;
                }
                ExitCode::from(1)
            }
        }
    }
}

fn print(explained: &Explained, output: Output, language: Language) {
    match output {
        Output::Text => anstream::print!("{}", explained.text(language)),
        Output::Json => anstream::println!("{:#}", explained.json(language)),
    }
}

impl Explain {
    /// `Err`: no such target. `None`: findings say why.
    fn explained(&self, folder: &Path, findings: &mut Findings) -> Result<Option<Explained>, Message> {
        let Some(name) = &self.link else {
            let Some(terms) = Terms::load(folder, findings) else { return Ok(None) };
            let Some(id) = &self.service else { return Ok(Some(Explained::whole(folder, &terms))) };
            let Some(service) = terms.services.iter().find(|service| service.id == *id) else {
                let closest = closest(id, terms.services.iter().map(|service| service.id.as_str())).map(str::to_owned);
                return Err(ContractText::NoSuchService { service: id.clone(), closest }.into());
            };
            return Ok(Some(Explained::of_service(folder, &terms, service)));
        };
        let Some(inventory) = Inventory::load(folder, findings) else { return Ok(None) };
        let Some(contract) = Contract::load(folder, findings) else { return Ok(None) };
        let link = find_link(&inventory.links, name)?;
        let carrier = &inventory.carriers[link.carrier.at()];
        Ok(Some(Explained::of_link(folder, &contract, link, carrier)))
    }
}

/// The folder with this contract.
fn folder(beside: &Path, name: &Path) -> Option<PathBuf> {
    [beside.join(name), name.to_owned()].into_iter().find(|folder| folder.join("contract.yaml").is_file())
}

fn no_such_contract(beside: &Path, name: &Path) -> Message {
    let folders = std::fs::read_dir(beside).into_iter().flatten().flatten().map(|entry| entry.path());
    let contracts = folders.filter(|folder| folder.join("contract.yaml").is_file());
    let mut known: Vec<String> =
        contracts.filter_map(|folder| folder.file_name().map(|name| name.to_string_lossy().into_owned())).collect();
    known.sort();
    ContractText::NoSuchContract { name: name.display().to_string(), known }.into()
}
