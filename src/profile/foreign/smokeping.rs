//! SmokePing's `Targets`: sections by their number of `+`, values that hold for what stands below them.

use std::{collections::BTreeMap, sync::Arc};

use super::{Wanted, icmp, not_carried};
use crate::{
    diagnostic::{Code, Findings, Place, Source, count, yaml::shortened},
    profile::service::Check,
    text::{ImportText, Message},
};

/// More than anybody nests.
const MOST_DEPTH: usize = 32;

/// Values that are read, here or by inheritance.
const KNOWN: [&str; 12] =
    ["probe", "menu", "title", "remark", "host", "port", "url", "urlformat", "lookup", "server", "recordtype", "hide"];

/// One section with what it says itself.
struct Section {
    name: String,
    values: BTreeMap<String, String>,
    /// Of its `host`, else of its heading.
    place: Place,
}

/// Every section with a `host`, under the path of its sections. `None`, with a finding, when this is no such file.
pub fn targets(source: &Source, findings: &mut Findings) -> Option<Vec<Wanted>> {
    let text = match source.utf8() {
        Ok(text) => text,
        Err(readable) => {
            findings.error(source.place_after(readable), Code::ENCODING, Message::NotUtf8, Message::NotUtf8Help);
            return None;
        }
    };
    let top = Section { name: String::new(), values: BTreeMap::new(), place: Place::whole(Arc::clone(&source.file)) };
    let (mut path, mut wanted, mut before) = (vec![top], vec![], findings.errors());
    let mut reported = BTreeMap::new();
    for (line, number) in lines(text) {
        let place = Place { file: Arc::clone(&source.file), line: number, column: 1 };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("***") {
            continue;
        }
        let depth = line.bytes().take_while(|byte| *byte == b'+').count();
        if line.starts_with('@') {
            not_carried(place, &format!("`{}`", shortened(line)), findings);
        } else if depth > 0 {
            let name = line[depth..].trim().to_owned();
            if depth > path.len() || depth > MOST_DEPTH || name.is_empty() {
                bad_line(place, line, findings);
                continue;
            }
            close(&mut path, depth, &mut wanted, findings);
            path.push(Section { name, values: BTreeMap::new(), place });
        } else if let (Some((key, value)), Some(section)) = (line.split_once('='), path.last_mut()) {
            let (key, value) = (key.trim(), value.trim());
            if key == "host" {
                section.place = place.clone();
            }
            if !KNOWN.contains(&key) && reported.insert(key.to_owned(), ()).is_none() {
                not_carried(place, &format!("`{}`", shortened(key)), findings);
            }
            section.values.insert(key.to_owned(), value.to_owned());
        } else {
            bad_line(place, line, findings);
        }
        if findings.is_full() {
            break;
        }
    }
    close(&mut path, 1, &mut wanted, findings);
    before = findings.errors() - before;
    (before == 0).then_some(wanted)
}

/// Ends the sections from `depth` on: each with a host is one target.
fn close(path: &mut Vec<Section>, depth: usize, wanted: &mut Vec<Wanted>, findings: &mut Findings) {
    while path.len() > depth {
        if path.last().is_some_and(|section| section.values.contains_key("host")) {
            wanted.extend(target(path, findings));
        }
        path.pop();
    }
}

/// `None`, with a warning, when its probe has no counterpart here.
fn target(path: &[Section], findings: &mut Findings) -> Option<Wanted> {
    let value = |key: &str| path.iter().rev().find_map(|section| section.values.get(key)).map(String::as_str);
    let section = path.last()?;
    let own = |key: &str| section.values.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let (host, probe) = (own("host").unwrap_or_default(), value("probe").unwrap_or("FPing"));
    let with_port = |default: &str| format!("{host}:{}", value("port").unwrap_or(default));
    let page = |scheme: &str| {
        format!(
            "{scheme}://{}{}",
            value("port").map_or(host.to_owned(), |port| format!("{host}:{port}")),
            slashed(value("url"))
        )
    };
    let url = match probe {
        "FPing" | "FPing6" => icmp(host),
        "EchoPingHttp" => page("http"),
        "EchoPingHttps" => page("https"),
        "Curl" => value("urlformat").unwrap_or("http://%host%/").replace("%host%", host),
        "TCPPing" => with_port("80"),
        "EchoPingSmtp" => format!("smtp://{}", with_port("25")),
        "DNS" | "AnotherDNS" => {
            let server = value("server").filter(|_| probe == "DNS").unwrap_or(host);
            format!("dns://{server}/{}?type={}", value("lookup").unwrap_or(host), value("recordtype").unwrap_or("A"))
        }
        _ => String::new(),
    };
    let names: Vec<&str> = path.iter().map(|section| section.name.as_str()).filter(|name| !name.is_empty()).collect();
    if Check::parse(&url).is_none() {
        let what = format!("`{}` (host `{}`, probe `{}`)", names.join("/"), shortened(host), shortened(probe));
        not_carried(section.place.clone(), &what, findings);
        return None;
    }
    let name = own("title").or(own("menu")).unwrap_or_default().to_owned();
    Some(Wanted { place: section.place.clone(), url, id: names.join("."), name, interval: None, keys: vec![] })
}

fn slashed(path: Option<&str>) -> String {
    path.map_or("/".to_owned(), |path| format!("/{}", path.trim_start_matches('/')))
}

/// Lines with their numbers; one that ends in `\` goes on in the next.
fn lines(text: &str) -> Vec<(String, u32)> {
    let (mut whole, mut open): (Vec<(String, u32)>, bool) = (vec![], false);
    for (line, number) in text.lines().zip(1_usize..) {
        let goes_on = line.ends_with('\\');
        let part = line.strip_suffix('\\').unwrap_or(line);
        match whole.last_mut().filter(|_| open) {
            Some((before, _)) => {
                before.push(' ');
                before.push_str(part.trim());
            }
            None => whole.push((part.to_owned(), count(number))),
        }
        open = goes_on;
    }
    whole
}

fn bad_line(place: Place, line: &str, findings: &mut Findings) {
    let message = ImportText::BadTargetsLine { line: shortened(line) };
    findings.error(place, Code::TARGETS_LINE, message.into(), ImportText::BadTargetsLineHelp.into());
}
