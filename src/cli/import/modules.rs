//! A modules file of blackbox_exporter takes the place of ours, when nothing is lost by it.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_yaml::Value;

use crate::{
    config::Config,
    diagnostic::{
        Code, Findings, Place, Source,
        yaml::{self, Document},
    },
    inventory::merge::{Plan, Touched, Written},
    profile::module::Modules,
    text::ImportText,
};

/// A modules file as plain values.
#[derive(Debug, Default, Deserialize)]
struct Plain {
    #[serde(default)]
    modules: BTreeMap<String, Value>,
}

/// Works out what the modules file would be. `None`, with findings, when it cannot be used as a whole.
pub(super) fn plan(config: &Config, incoming: &Source, findings: &mut Findings) -> Option<Plan> {
    let Some(file) = &config.probe.modules else {
        let (message, help) = (ImportText::NoModulesFile, ImportText::NoModulesFileHelp);
        findings.error(Place::whole(incoming.file.clone()), Code::NO_MODULES_FILE, message.into(), help.into());
        return None;
    };
    let document: Document<Plain> = yaml::decode(incoming, findings)?;
    // Files that it names are looked for where it will lie.
    Modules::of(incoming, file.parent().unwrap_or(Path::new("")), findings)?;
    let source = match file.symlink_metadata() {
        Ok(_) => Source::read(file, findings)?,
        Err(_) => Source { file: file.as_path().into(), bytes: vec![] },
    };
    let present = yaml::decode::<Plain>(&source, &mut Findings::default()).map(|own| own.value).unwrap_or_default();
    for name in present.modules.keys().filter(|name| !document.value.modules.contains_key(*name)) {
        let (message, help) = (ImportText::ModuleLost { module: name.clone() }, ImportText::ModuleLostHelp);
        findings.error(document.place("modules"), Code::MODULE_LOST, message.into(), help.into());
    }
    let (mut touched, mut unchanged) = (vec![], 0);
    for (name, module) in &document.value.modules {
        let before = present.modules.get(name);
        if before == Some(module) {
            unchanged += 1;
            continue;
        }
        // What is in it is not shown: there may be secrets.
        let place = document.place(&format!("modules.{name}"));
        touched.push(Touched { id: name.clone(), is_new: before.is_none(), place, changes: vec![] });
    }
    touched.sort_by_key(|touched| touched.is_new);
    let written = (!touched.is_empty()).then(|| Written {
        file: source.file.clone(),
        before: source.bytes.clone(),
        after: incoming.bytes.clone(),
    });
    Some(Plan { touched, unchanged, refused: 0, absent: 0, written, inventory: None })
}
