//! `letters/` beside a contract: `<language>/<name>.txt`, and `<carrier>/<language>/<name>.txt` for one carrier alone.

use std::path::Path;

use super::{Letters, templates::languages};
use crate::{
    diagnostic::{Code, Findings, Place, Source, closest},
    inventory::Inventory,
    text::{DutyText, Message},
};

/// Largest template, in bytes.
const MOST: usize = 64 * 1024;

impl Letters {
    /// The shipped templates, with those of the folder in their place.
    pub fn load(contract: &Path, inventory: &Inventory, findings: &mut Findings) -> Self {
        let mut letters = Self::default();
        let root = contract.join("letters");
        let carriers = inventory.carriers.iter().map(|carrier| carrier.id.as_str());
        for carrier in [""].into_iter().chain(carriers) {
            for language in languages() {
                let place = root.join(carrier).join(language.as_str());
                let mut files: Vec<_> =
                    std::fs::read_dir(&place).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
                // Parts first: what includes them is rendered when it is read.
                files.sort_by_key(|file| !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('_')));
                for file in files {
                    letters.take(carrier, language, &file, findings);
                }
            }
        }
        letters
    }

    fn take(&mut self, carrier: &str, language: crate::text::Language, file: &Path, findings: &mut Findings) {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let is_known = file.extension().is_some_and(|end| end == "txt") && Self::names().any(|known| known == name);
        if !is_known || (name.starts_with('_') && !carrier.is_empty()) {
            let known = Self::names().map(|name| format!("{name}.txt")).collect();
            let shown = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let closest = closest(&name, Self::names()).map(|name| format!("{name}.txt"));
            let message = Message::Duty(DutyText::NoSuchLetter { name: shown });
            findings.error(Place::whole(file), Code::NO_SUCH_LETTER, message, Message::Known { closest, known });
            return;
        }
        let Some(source) = Source::read(file, findings) else { return };
        let text = source.utf8().unwrap_or_default();
        let replaced = match text.len() {
            0 => Err((1, "not UTF-8, or empty".to_owned())),
            1..=MOST => self.replace(carrier, language, &name, text),
            _ => Err((1, format!("more than {MOST} bytes"))),
        };
        if let Err((line, cause)) = replaced {
            let line = u32::try_from(line).unwrap_or(1);
            let place = Place { file: file.into(), line, column: 1 };
            let (message, help) = (DutyText::BadLetter { cause }, DutyText::BadLetterHelp);
            findings.error(place, Code::BAD_LETTER, Message::Duty(message), Message::Duty(help));
        }
    }
}
