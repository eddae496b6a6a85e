//! `linkpatrol grafana`: dashboards for Grafana, made from the contract, so that no limit on them can drift.

mod boards;
mod panel;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Global, print_findings};
use crate::{
    patrol::load::{Loaded, from_file},
    text::Language,
};

const DATA_SOURCES: &str = "# Where Grafana finds what Prometheus scraped of linkpatrol. Change the address to yours.
apiVersion: 1
datasources:
  - name: Prometheus
    uid: linkpatrol-prometheus
    type: prometheus
    access: proxy
    url: http://127.0.0.1:9090
    isDefault: true
    jsonData:
      timeInterval: 15s
";
const PROVIDERS: &str =
    "# Grafana reads the dashboards from here, again every minute. Change the paths to where the folders lie.
apiVersion: 1
providers:
  - name: linkpatrol
    folder: 链路巡检
    type: file
    updateIntervalSeconds: 60
    options:
      path: /etc/linkpatrol/grafana/dashboards
  - name: linkpatrol-en
    folder: linkpatrol (en)
    type: file
    updateIntervalSeconds: 60
    options:
      path: /etc/linkpatrol/grafana/dashboards-en
";

/// Dashboards for Grafana.
#[derive(Debug, clap::Args)]
pub struct GrafanaCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Writes the dashboards in both languages and the files that provision them, with the limits of the contract.
    Export {
        /// Made when it is not there; files of the same name are replaced.
        folder: PathBuf,
    },
}

impl GrafanaCommand {
    pub fn run(self, global: &Global) -> ExitCode {
        let Action::Export { folder } = self.action;
        let (loaded, findings) = from_file(global.config_file.as_deref());
        let Some(loaded) = loaded else {
            print_findings(&findings, global.language(None));
            return ExitCode::from(2);
        };
        for (name, text) in files(&loaded) {
            let file = folder.join(name);
            if let Err(error) = write(&file, &text) {
                anstream::eprintln!("{}: {error}", file.display());
                return ExitCode::from(2);
            }
            anstream::println!("{}", file.display());
        }
        ExitCode::SUCCESS
    }
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    fs::write(file, text)
}

/// Every file by its name below the folder.
fn files(loaded: &Loaded) -> Vec<(String, String)> {
    let mut files = vec![
        ("provisioning/datasources/linkpatrol.yaml".to_owned(), DATA_SOURCES.to_owned()),
        ("provisioning/dashboards/linkpatrol.yaml".to_owned(), PROVIDERS.to_owned()),
    ];
    for language in [Language::ZhCn, Language::En] {
        for board in boards::all(&loaded.contract, &loaded.site_rules) {
            let name = format!("dashboards{}/{}.json", panel::suffix(language), board.uid);
            files.push((name, format!("{:#}\n", board.json(language))));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;
    use crate::export;

    /// Those of the shipped contract.
    fn shipped() -> Vec<(String, String)> {
        let (loaded, _) = from_file(None);
        files(&loaded.unwrap())
    }

    fn boards() -> Vec<Value> {
        let files = shipped().into_iter().filter(|(name, _)| name.ends_with(".json"));
        files.map(|(_, text)| serde_json::from_str(&text).unwrap()).collect()
    }

    fn panels(board: &Value) -> &[Value] {
        board["panels"].as_array().unwrap()
    }

    fn expressions(board: &Value) -> Vec<&str> {
        let targets = panels(board).iter().flat_map(|panel| panel["targets"].as_array().unwrap());
        let variables =
            board["templating"]["list"].as_array().unwrap().iter().filter_map(|one| one["query"]["query"].as_str());
        targets.map(|target| target["expr"].as_str().unwrap()).chain(variables).collect()
    }

    /// Names of metrics in a query, without what a histogram adds.
    fn metrics(expression: &str) -> BTreeSet<&str> {
        let words = expression.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
        words
            .filter(|word| word.starts_with("linkpatrol_") || word.starts_with("probe_"))
            .map(|word| word.trim_end_matches("_bucket"))
            .collect()
    }

    #[test]
    fn the_shipped_files_are_what_export_writes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana");
        for (name, text) in shipped() {
            let there = fs::read_to_string(root.join(&name)).unwrap_or_default();
            assert_eq!(there, text, "run `linkpatrol grafana export grafana` for {name}");
        }
    }

    #[test]
    fn panels_ask_only_for_metrics_that_are_exported() {
        let (exported, mut asked): (BTreeSet<_>, BTreeSet<_>) = (export::names().collect(), BTreeSet::new());
        let boards = boards();
        for board in &boards {
            asked.extend(expressions(board).into_iter().flat_map(metrics));
        }
        let unknown: Vec<_> = asked.difference(&exported).collect();
        assert!(unknown.is_empty(), "nobody exports {unknown:?}");
        let unseen: Vec<_> = exported.difference(&asked).copied().collect();
        assert_eq!(unseen, UNSEEN, "give a new metric a panel, or say here why it has none");
    }

    /// The ladder's step that a panel shows by the days themselves.
    const UNSEEN: [&str; 1] = ["linkpatrol_register_rung_days"];

    #[test]
    fn every_panel_asks_for_a_metric() {
        for board in &boards() {
            for panel in panels(board) {
                let targets = panel["targets"].as_array().unwrap();
                let silent = |target: &&Value| metrics(target["expr"].as_str().unwrap()).is_empty();
                assert!(
                    !targets.is_empty() && targets.iter().find(silent).is_none(),
                    "{}: {}",
                    board["uid"],
                    panel["title"]
                );
            }
        }
    }

    #[test]
    fn uids_are_unique_and_panels_neither_overlap_nor_stick_out() {
        let boards = boards();
        let uids: BTreeSet<_> = boards.iter().map(|board| board["uid"].as_str().unwrap()).collect();
        assert_eq!((boards.len(), uids.len()), (20, 20));
        for board in &boards {
            let mut taken = BTreeMap::new();
            for panel in panels(board) {
                let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
                assert!(w > 0 && h > 0 && x + w <= 24, "{}", panel["title"]);
                for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                    let other = taken.insert(cell, &panel["title"]);
                    assert!(other.is_none(), "{} lies on {}", panel["title"], other.unwrap());
                }
            }
        }
    }

    #[test]
    fn what_a_panel_leads_to_is_a_board_of_its_own_language() {
        let boards = boards();
        let uids: BTreeSet<_> = boards.iter().map(|board| board["uid"].as_str().unwrap()).collect();
        for board in &boards {
            let is_english = board["uid"].as_str().unwrap().ends_with("-en");
            for panel in panels(board) {
                let url = panel["fieldConfig"]["defaults"]["links"][0]["url"].as_str().unwrap();
                let uid = url.strip_prefix("/d/").and_then(|rest| rest.split('?').next()).unwrap();
                assert!(uids.contains(uid) && uid.ends_with("-en") == is_english, "{url}");
            }
        }
    }

    #[test]
    fn every_panel_has_a_title_a_unit_and_the_chosen_data_source() {
        for board in &boards() {
            let ids: BTreeSet<_> = panels(board).iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
            assert_eq!(ids.len(), panels(board).len());
            for panel in panels(board) {
                assert!(!panel["title"].as_str().unwrap().is_empty());
                assert!(!panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap().is_empty(), "{}", panel["title"]);
                assert_eq!(panel["datasource"]["uid"], "${datasource}");
                for target in panel["targets"].as_array().unwrap() {
                    let query = target["expr"].as_str().unwrap();
                    // A rate over a fixed window shows gaps as soon as scrapes are further apart.
                    assert!(!query.contains("rate(") || query.contains("[$__rate_interval]"), "{query}");
                }
            }
        }
    }
}
