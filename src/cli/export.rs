//! `linkpatrol export`: the links of the inventory in a file that somebody else reads.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Global, print_findings};
use crate::{
    config::Config,
    diagnostic::{Findings, Severity},
    inventory::{
        Inventory,
        handed_on::{self, Headings},
    },
    text::{ImportText, Language, Message},
};

/// Writes the links of the inventory to a new file: our own ledger, circuits for NetBox, or targets for Prometheus.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// A file that does not exist yet.
    file: PathBuf,
    /// Form of the file; by its name where this is not said: .csv is a ledger, .json is file_sd.
    #[arg(long = "as", value_name = "FORM")]
    form: Option<Form>,
    /// Language of the headings of a ledger.
    #[arg(long, default_value = "en")]
    headings: Language,
    /// Encoding of a CSV file.
    #[arg(long, default_value = "utf-8")]
    encoding: Encoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// CSV that `import` reads back.
    Ledger,
    /// CSV that NetBox takes in as circuits.
    Netbox,
    /// JSON for `file_sd_configs` of Prometheus: one group for each measuring point.
    #[value(name = "file_sd")]
    FileSd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Encoding {
    #[value(name = "utf-8")]
    Utf8,
    /// With a byte order mark, as office programs want it.
    #[value(name = "utf-8-bom")]
    Utf8Bom,
    #[value(name = "gb18030")]
    Gb18030,
}

impl Export {
    pub fn run(self, global: &Global) -> ExitCode {
        let mut findings = Findings::default();
        let config = Config::load(global.config_file.as_deref(), &mut findings);
        let language = global.language(config.as_ref());
        let file = self.file.display().to_string();
        let Some(form) = self.form.or_else(|| Form::by_name(&self.file)) else {
            anstream::eprintln!("{}", Message::from(ImportText::UnknownForm { file }).say(language));
            return ExitCode::from(2);
        };
        let text = config.and_then(|config| self.text(form, &config.inventory, &mut findings));
        let findings = findings.into_sorted();
        // Only errors: the warnings of an inventory are `check`'s.
        let errors: Vec<_> = findings.into_iter().filter(|finding| finding.severity == Severity::Error).collect();
        let Some((text, rows)) = text.filter(|_| errors.is_empty()) else {
            print_findings(&errors, language);
            return ExitCode::from(1);
        };
        let bytes = match self.encoding {
            Encoding::Gb18030 => encoding_rs::GB18030.encode(&text).0.into_owned(),
            Encoding::Utf8Bom => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            Encoding::Utf8 => text.into_bytes(),
        };
        let out = OpenOptions::new().write(true).create_new(true).open(&self.file);
        match out.and_then(|mut out| out.write_all(&bytes).and_then(|()| out.sync_all())) {
            Ok(()) => {
                anstream::println!("{}", Message::from(ImportText::Exported { file, rows }).say(language));
                ExitCode::SUCCESS
            }
            Err(error) => {
                let cause = error.to_string();
                anstream::eprintln!("{}", Message::from(ImportText::CannotWrite { file, cause }).say(language));
                ExitCode::from(2)
            }
        }
    }

    fn text(&self, form: Form, folder: &Path, findings: &mut Findings) -> Option<(String, usize)> {
        match form {
            Form::Ledger => {
                let headings = if self.headings == Language::ZhCn { Headings::Chinese } else { Headings::English };
                handed_on::ledger(folder, headings, findings)
            }
            Form::Netbox => {
                let inventory = Inventory::load(folder, findings)?;
                Some((handed_on::netbox(&inventory), inventory.links.len()))
            }
            Form::FileSd => {
                let groups = handed_on::target_groups(&Inventory::load(folder, findings)?);
                // Cannot fail: it is plain data.
                Some((serde_json::to_string_pretty(&groups).unwrap_or_default() + "\n", groups.len()))
            }
        }
    }
}

impl Form {
    fn by_name(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "csv" => Some(Self::Ledger),
            "json" => Some(Self::FileSd),
            _ => None,
        }
    }
}
