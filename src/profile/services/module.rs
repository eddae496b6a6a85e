//! Services that are visited as a module of blackbox_exporter says.
//!
//! In: the file that `modules` of services.yaml names, and the entries that name one of its modules. Out: their checks, the
//! same that `/probe` would make of target and module.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use super::{Reader, Written, WrittenService};
use crate::{
    diagnostic::{Code, Findings, yaml::Document},
    profile::{
        module::{Environment, Modules},
        service::Check,
    },
    text::{Message, ModuleText, StepText},
};

/// A check, and the name and fingerprint of its module.
type ByModule = (Option<Check>, Option<(String, u64)>);

/// The modules that a file names. `None`: it names none, or findings say what is wrong with them.
pub(super) fn read(document: &Document<Written>, findings: &mut Findings) -> Option<Modules> {
    let written = document.value.modules.as_ref()?;
    let file = document.place("modules").file;
    Modules::load(&file.parent().unwrap_or(Path::new("")).join(written), findings)
}

impl Reader<'_> {
    /// `None`: there is no such module, or what it does cannot be asked for together with something else of the entry;
    /// findings say so. The check's deadline is that of the module; zero: it says none.
    pub(super) fn by_module(&mut self, of: &str, name: &str, written: &WrittenService) -> Option<ByModule> {
        let path = format!("{of}.module");
        let other = [("steps", written.steps.is_some()), ("freshness", written.freshness.is_some())];
        if let Some((other, _)) = other.into_iter().find(|(_, is_there)| *is_there) {
            let (text, help) =
                (StepText::Together { key: "module", other }, StepText::TogetherHelp { key: "module", other });
            self.step_error(&path, Code::WRONG_VALUE, text, help);
            return None;
        }
        let Some(modules) = &self.modules else {
            // What is wrong with a file that is named was said already.
            if self.document.value.modules.is_none() {
                let text = ModuleText::NoFile;
                let help = Message::Module(text.help());
                self.findings.error(self.document.place(&path), Code::UNKNOWN_NAME, Message::Module(text), help);
            }
            return None;
        };
        let Some(module) = modules.modules.get(name) else {
            let known: Vec<String> = modules.modules.keys().cloned().collect();
            self.unknown(&path, name, known.iter().map(String::as_str).collect());
            return None;
        };
        let mut hasher = DefaultHasher::new();
        format!("{module:?}").hash(&mut hasher);
        // The environment of a daemon is nothing that its files say: proxies stand in the module.
        let check = module.check(&written.url, None, &Environment::default());
        let check = check.map(|check| Check { deadline: module.timeout, ..check });
        Some((check, Some((name.to_owned(), hasher.finish()))))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use crate::{
        contract::fixture,
        diagnostic::Findings,
        profile::{service::Kind, services::Services},
        text::Language,
    };

    const MODULES: &str = "modules:
  page: {prober: http, timeout: 3s, http: {method: POST, headers: {User-Agent: ours}, fail_if_body_not_matches_regexp: [ok]}}
  port: {prober: tcp, tcp: {query_response: [{expect: '^220'}]}}
";

    fn read(services: &str) -> (Services, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("modules.yml"), MODULES).unwrap();
        fs::write(folder.path().join("services.yaml"), services).unwrap();
        let mut findings = Findings::default();
        let services = Services::load(folder.path(), &fixture::terms("xuchang"), None, &mut findings);
        let home = format!("{}/", folder.path().display());
        let told = findings.into_sorted().into_iter().map(|finding| finding.print(Language::En).replace(&home, ""));
        (services, told.collect())
    }

    #[test]
    fn a_service_is_visited_as_its_module_says() {
        let (services, found) = read(
            "contact: 'mailto:noc@city.test'
modules: modules.yml
services:
  - {id: a, url: 'http://a.city.test/x', module: page}
  - {id: b, url: 'b.city.test:25', module: port, timeout: 2s}
  - {id: c, url: 'http://a.city.test/x'}
",
        );
        assert_eq!(found, [""; 0]);
        let [a, b, c] = &services.list[..] else { panic!() };
        let Kind::Http(http) = &a.check.kind else { panic!() };
        assert_eq!((http.method.as_str(), http.body_must.len(), a.check.deadline), ("POST", 1, Duration::from_secs(3)));
        assert_eq!(http.headers, [("User-Agent".to_owned(), "ours".to_owned())], "who the module says we are");
        let Kind::Tcp(tcp) = &b.check.kind else { panic!() };
        assert_eq!((tcp.endpoint.port, tcp.steps.len(), b.check.deadline), (25, 1, Duration::from_secs(2)));
        assert_eq!((a.host(), a.module.as_ref().map(|(name, _)| name.as_str())), ("a.city.test", Some("page")));
        assert!(
            !a.is_visited_like(&crate::profile::services::Service { module: c.module.clone(), ..a.as_ref().clone() })
        );
    }

    #[test]
    fn a_module_that_is_not_there_is_said_with_those_that_are() {
        for (services, wanted) in [
            ("services: [{id: a, url: 'http://a.test/', module: page}]", "names no file of modules"),
            ("modules: modules.yml\nservices: [{id: a, url: 'http://a.test/', module: pge}]", "did you mean `page`"),
            ("modules: modules.yml\nservices: [{id: a, url: '', module: page}]", "LP1103"),
            ("modules: none.yml\nservices: [{id: a, url: 'http://a.test/', module: page}]", "none.yml: error LP1001"),
            (
                "modules: modules.yml\nservices: [{id: a, url: 'http://a.test/', module: page, steps: [{name: a, url: /}]}]",
                "`module` and `steps`",
            ),
        ] {
            let (_, found) = read(services);
            assert!(found.len() == 1 && found[0].contains(wanted), "{services}: {found:?}");
        }
    }
}
