//! Targets of other probers become services of `services.yaml`.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use super::Form;
use crate::{
    config::Config,
    diagnostic::{Findings, Severity, Source},
    inventory::merge::{Change, Plan, Touched, Written},
    patrol::load,
    profile::{
        adopt::{Adopted, adopt},
        foreign::{self, Wanted},
        services::Services,
    },
    units::duration_text,
};

/// Works out what `services.yaml` would be. `None`, with findings, when the file or what is in place cannot be used.
pub(super) fn plan(config: &Config, form: Form, incoming: &Source, findings: &mut Findings) -> Option<Plan> {
    let wanted = match form {
        Form::FileSd => foreign::file_sd(incoming, findings),
        _ if is_yaml(incoming) => foreign::smokeping_prober(incoming, findings),
        _ => foreign::smokeping_targets(incoming, findings),
    }?;
    let (loaded, found) = load::load(config.clone(), Findings::default());
    let Some(loaded) = loaded else {
        let errors = found.into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.for_each(|finding| findings.error(finding.place, finding.code, finding.message, finding.help));
        return None;
    };
    let file = config.inventory.join("services.yaml");
    let source = match file.symlink_metadata() {
        Ok(_) => Source::read(&file, findings)?,
        Err(_) => Source { file: file.as_path().into(), bytes: vec![] },
    };
    let mut adopted = adopt(&source, &loaded.services, wanted, findings)?;
    check(&source.file, &mut adopted, &loaded, findings);
    let written = adopted.text.take().map(|text| {
        let mark: &[u8] = if source.bytes.starts_with(b"\xEF\xBB\xBF") { b"\xEF\xBB\xBF" } else { b"" };
        Written {
            file: Arc::clone(&source.file),
            before: source.bytes.clone(),
            after: [mark, text.as_bytes()].concat(),
        }
    });
    let touched = adopted.new.iter().map(|(id, entry)| touch(id, entry)).collect();
    Some(Plan { touched, unchanged: adopted.unchanged, refused: adopted.refused, absent: 0, written, inventory: None })
}

/// smokeping_prober's is YAML and begins with `targets:`; SmokePing's has sections.
fn is_yaml(source: &Source) -> bool {
    let named = source.file.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
    named || source.utf8().is_ok_and(|text| text.lines().any(|line| line.starts_with("targets:")))
}

/// Reads the new text as `check` will; what is wrong with a new entry is said at its place in the file that it comes from.
fn check(file: &Arc<Path>, adopted: &mut Adopted, loaded: &load::Loaded, findings: &mut Findings) {
    let Some(text) = &adopted.text else { return };
    let source = Source { file: Arc::clone(file), bytes: text.as_bytes().to_vec() };
    let mut found = Findings::default();
    Services::of(&source, &loaded.contract.terms, Some(&loaded.inventory), &mut found);
    let mut wrong = BTreeSet::new();
    for finding in found.into_sorted().into_iter().filter(|finding| finding.severity == Severity::Error) {
        let nth = adopted.lines.iter().position(|line| *line == finding.place.line);
        let place = match nth {
            Some(nth) => adopted.new[nth].1.place.clone(),
            None => finding.place,
        };
        wrong.extend(nth);
        findings.error(place, finding.code, finding.message, finding.help);
    }
    adopted.refused += wrong.len();
    let (new, lines) = (std::mem::take(&mut adopted.new), std::mem::take(&mut adopted.lines));
    let good = new.into_iter().zip(lines).enumerate().filter(|(nth, _)| !wrong.contains(nth));
    (adopted.new, adopted.lines) = good.map(|(_, entry)| entry).unzip();
}

fn touch(id: &str, entry: &Wanted) -> Touched {
    let change = |column: &str, to: &str| Change { column: column.to_owned(), from: String::new(), to: to.to_owned() };
    let interval = entry.interval.map(duration_text).unwrap_or_default();
    let fixed = [("name", &entry.name), ("url", &entry.url), ("interval", &interval)];
    let all = fixed.into_iter().chain(entry.keys.iter().map(|(key, value)| (*key, value)));
    let changes = all.filter(|(_, value)| !value.is_empty()).map(|(key, value)| change(key, value)).collect();
    Touched { id: id.to_owned(), is_new: true, place: entry.place.clone(), changes }
}
