//! One panel of a dashboard and the dashboard around it, as Grafana's JSON has them.

use serde_json::{Value, json};

use crate::text::{GrafanaText, Language, Message};

/// Width of a dashboard in Grafana's own units.
const COLUMNS: u32 = 24;
/// Written by Grafana 11; later ones migrate it when they load it.
const SCHEMA: u32 = 39;

/// What a panel shows, and how large.
pub(super) struct Panel {
    kind: &'static str,
    title: GrafanaText,
    unit: &'static str,
    size: (u32, u32),
    /// PromQL and legend.
    queries: Vec<(String, &'static str)>,
    /// Colours from the value on; the first has none.
    steps: Vec<(&'static str, Option<f64>)>,
    /// Rows of labels at this moment, not a course.
    is_instant: bool,
}

impl Panel {
    pub(super) fn stat(title: GrafanaText, unit: &'static str, query: impl Into<String>, legend: &'static str) -> Self {
        Self { is_instant: true, ..Self::new("stat", title, unit, (6, 4)).query(query, legend) }
    }

    pub(super) fn course(
        title: GrafanaText,
        unit: &'static str,
        query: impl Into<String>,
        legend: &'static str,
    ) -> Self {
        Self::new("timeseries", title, unit, (12, 8)).query(query, legend)
    }

    pub(super) fn table(title: GrafanaText, unit: &'static str, query: impl Into<String>) -> Self {
        Self { is_instant: true, ..Self::new("table", title, unit, (12, 8)).query(query, "") }
    }

    pub(super) fn heatmap(title: GrafanaText, query: impl Into<String>) -> Self {
        Self::new("heatmap", title, "s", (24, 9)).query(query, "{{le}}")
    }

    pub(super) fn timeline(title: GrafanaText, query: impl Into<String>, legend: &'static str) -> Self {
        Self::new("state-timeline", title, "short", (24, 6)).query(query, legend)
    }

    fn new(kind: &'static str, title: GrafanaText, unit: &'static str, size: (u32, u32)) -> Self {
        Self { kind, title, unit, size, queries: vec![], steps: vec![("green", None)], is_instant: false }
    }

    pub(super) fn query(mut self, query: impl Into<String>, legend: &'static str) -> Self {
        self.queries.push((query.into(), legend));
        self
    }

    pub(super) fn wide(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// Red from this value on.
    pub(super) fn bad_from(mut self, value: f64) -> Self {
        self.steps = vec![("green", None), ("red", Some(value))];
        self
    }

    /// Red below this value.
    pub(super) fn good_from(mut self, value: f64) -> Self {
        self.steps = vec![("red", None), ("green", Some(value))];
        self
    }

    fn json(&self, id: usize, (x, y): (u32, u32), language: Language) -> Value {
        let source = json!({"type": "prometheus", "uid": "${datasource}"});
        let targets: Vec<_> = self
            .queries
            .iter()
            .enumerate()
            .map(|(nth, (query, legend))| {
                let name = char::from(b'A' + u8::try_from(nth).unwrap_or_default()).to_string();
                let format = match self.kind {
                    "table" => "table",
                    "heatmap" => "heatmap",
                    _ => "time_series",
                };
                json!({"refId": name, "datasource": source, "editorMode": "code", "expr": query, "legendFormat": legend,
                   "format": format, "instant": self.is_instant, "range": !self.is_instant})
            })
            .collect();
        let steps: Vec<_> = self.steps.iter().map(|(color, value)| json!({"color": color, "value": value})).collect();
        let shows_limit = self.kind == "timeseries" && self.steps.len() > 1;
        let custom = if shows_limit { json!({"thresholdsStyle": {"mode": "line"}}) } else { json!({}) };
        json!({
            "id": id,
            "type": self.kind,
            "title": say(self.title, language),
            "datasource": source,
            "gridPos": {"x": x, "y": y, "w": self.size.0, "h": self.size.1},
            "targets": targets,
            "fieldConfig": {
                "defaults": {
                    "unit": self.unit,
                    "thresholds": {"mode": "absolute", "steps": steps},
                    "custom": custom,
                    "links": [{"title": say(GrafanaText::OpenLink, language), "targetBlank": true,
                               "url": format!("/d/lp-link{}?var-link=${{__field.labels.link}}", suffix(language))}],
                },
                "overrides": [],
            },
            "options": self.options(),
        })
    }

    fn options(&self) -> Value {
        match self.kind {
            "stat" => {
                json!({"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background", "textMode": "value_and_name"})
            }
            "timeseries" => {
                json!({"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}})
            }
            "heatmap" => {
                json!({"calculate": false, "yAxis": {"unit": "s"}, "color": {"mode": "scheme", "scheme": "Turbo"}})
            }
            "state-timeline" => json!({"mergeValues": true, "showValue": "never"}),
            _ => json!({}),
        }
    }
}

/// A page of panels. Its uid never changes: people keep addresses.
pub(super) struct Board {
    pub(super) uid: &'static str,
    pub(super) title: GrafanaText,
    /// Name of the variable and the query for its values.
    pub(super) variables: Vec<(&'static str, String)>,
    pub(super) panels: Vec<Panel>,
}

impl Board {
    pub(super) fn json(&self, language: Language) -> Value {
        let (mut panels, mut x, mut y, mut height) = (vec![], 0, 0, 0);
        for (nth, panel) in self.panels.iter().enumerate() {
            if x + panel.size.0 > COLUMNS {
                (x, y, height) = (0, y + height, 0);
            }
            panels.push(panel.json(nth + 1, (x, y), language));
            (x, height) = (x + panel.size.0, height.max(panel.size.1));
        }
        let source = json!({"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"});
        let variables = self.variables.iter().map(|(name, query)| variable(name, query, language));
        json!({
            "uid": format!("{}{}", self.uid, suffix(language)),
            "title": say(self.title, language),
            "tags": ["linkpatrol"],
            "timezone": "browser",
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": false,
            "refresh": "10s",
            "time": {"from": "now-3h", "to": "now"},
            "templating": {"list": std::iter::once(source).chain(variables).collect::<Vec<_>>()},
            "annotations": {"list": annotations(language)},
            "links": [{"type": "dashboards", "tags": ["linkpatrol"], "title": "linkpatrol", "asDropdown": true,
                       "keepTime": true, "includeVars": true}],
            "panels": panels,
        })
    }
}

/// Both languages can live in one Grafana.
pub(super) fn suffix(language: Language) -> &'static str {
    match language {
        Language::ZhCn => "",
        Language::En => "-en",
    }
}

/// One link is chosen alone; of everything else, any number.
fn variable(name: &str, query: &str, language: Language) -> Value {
    let is_many = name != "link";
    let mut variable = json!({
        "type": "query", "name": name, "label": say(GrafanaText::Variable(label(name)), language),
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": query, "refId": name},
        "refresh": 2, "sort": 1, "multi": is_many, "includeAll": is_many,
    });
    if is_many {
        variable["allValue"] = ".+".into();
        variable["current"] = json!({"text": "All", "value": "$__all"});
    }
    variable
}

fn label(name: &str) -> &'static str {
    match name {
        "carrier" => "carrier",
        "unit" => "unit",
        "kind" => "kind",
        _ => "link",
    }
}

/// Where the number of open incidents rose, and while planned work runs.
fn annotations(language: Language) -> [Value; 2] {
    let rose = "delta(sum by (tier, scope) (linkpatrol_incidents{phase=\"open\"})[1m:15s]) > 0";
    let works = "sum by (scope, standing) (linkpatrol_maintenance_windows) > 0";
    [(GrafanaText::Incidents, "red", rose, "tier {{tier}}"), (GrafanaText::PlannedWork, "blue", works, "{{standing}}")]
        .map(|(name, colour, expr, text)| {
            json!({
                "name": say(name, language), "enable": true, "iconColor": colour,
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "expr": expr, "titleFormat": "{{scope}}", "textFormat": text,
            })
        })
}

pub(super) fn say(text: GrafanaText, language: Language) -> String {
    Message::Grafana(text).say(language).to_string()
}
