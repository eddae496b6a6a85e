//! Pages of a service that are asked for one after the other, as `services.yaml` says them.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use hyper::{
    Method, Uri,
    header::{HeaderName, HeaderValue},
};
use serde::Deserialize;

use super::{Reader, WrittenService};
use crate::{
    diagnostic::{Code, Place, yaml::shortened},
    profile::{
        module::{Pattern, bytes, read_text},
        service::{Cel, Charset, Check, Content, HeaderRule, Http, Kind, PageStep, Steps, names, usable_url},
    },
    text::{Message, StepText},
};

/// Values that a step keeps.
const MOST_KEPT: usize = 8;
/// Letters of a name: it is a label of metrics.
const MOST_NAME: usize = 32;

#[derive(Debug, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenStep {
    name: String,
    /// A path, or a whole address.
    url: String,
    method: Option<WrittenMethod>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    form: BTreeMap<String, String>,
    /// Fields whose values stand in files.
    #[serde(default)]
    form_files: BTreeMap<String, PathBuf>,
    body: Option<String>,
    body_file: Option<PathBuf>,
    /// Of the form or body.
    charset: Option<WrittenCharset>,
    #[serde(default)]
    login: bool,
    follow_redirects: Option<bool>,
    #[serde(default)]
    status: Vec<u16>,
    #[serde(default)]
    body_must: Vec<Pattern>,
    #[serde(default)]
    body_must_not: Vec<Pattern>,
    #[serde(default)]
    header_must: BTreeMap<String, Pattern>,
    #[serde(default)]
    json_must: Vec<String>,
    #[serde(default)]
    keep: BTreeMap<String, Pattern>,
}

#[derive(Clone, Copy, Debug, Hash, Deserialize)]
enum WrittenCharset {
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "gb18030")]
    Gb18030,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum WrittenMethod {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl WrittenMethod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Head => Method::HEAD,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }
}

/// What is known while steps are read.
struct Reading<'a> {
    /// Of the service.
    base: &'a Http,
    /// Relative paths of files begin here.
    folder: &'a Path,
    /// What an earlier step keeps, by name.
    kept: Vec<String>,
    /// Of everything that was written, and of what stands in the files.
    hasher: DefaultHasher,
}

impl Reader<'_> {
    /// The check that goes through `written`; findings say what cannot be asked.
    pub(super) fn steps(&mut self, of: &str, check: Check, written: &WrittenService) -> Check {
        let (path, transaction) = (&format!("{of}.steps"), &written.transaction);
        let Some(written) = &written.steps else {
            if !transaction.is_empty() {
                let (text, help) = (StepText::NoSteps, StepText::NoStepsHelp);
                self.step_error(&format!("{of}.transaction"), Code::WRONG_VALUE, text, help);
            }
            return check;
        };
        let Kind::Http(base) = &check.kind else {
            self.step_error(
                path,
                Code::WRONG_VALUE,
                StepText::NotPages { kind: check.kind.as_str() },
                StepText::NotPagesHelp,
            );
            return check;
        };
        if written.is_empty() || written.len() > Steps::MOST {
            self.out_of_range(path, "1", &Steps::MOST.to_string());
            return check;
        }
        let file = self.document.place(path).file;
        let mut reading = Reading {
            base,
            folder: file.parent().unwrap_or(Path::new("")),
            kept: vec![],
            hasher: DefaultHasher::new(),
        };
        let (mut seen, mut list): (HashMap<&str, Place>, _) = (HashMap::new(), vec![]);
        for (nth, one) in written.iter().enumerate() {
            let path = format!("{path}.{nth}");
            let place = self.name(&format!("{path}.name"), &one.name);
            if let Some(first) = seen.insert(&one.name, place.clone()) {
                let message = Message::DuplicateId { id: one.name.clone(), first };
                self.findings.error(place, Code::DUPLICATE_ID, message, Message::DuplicateIdHelp);
            }
            one.hash(&mut reading.hasher);
            list.extend(self.step(&path, one, &mut reading));
        }
        for (nth, name) in transaction.iter().enumerate().filter(|(_, name)| !seen.contains_key(name.as_str())) {
            let known = written.iter().map(|one| one.name.as_str()).collect();
            self.unknown(&format!("{of}.transaction.{nth}"), name, known);
        }
        transaction.hash(&mut reading.hasher);
        let transaction = transaction.clone();
        let (base, fingerprint) = (base.url.clone(), reading.hasher.finish());
        if list.len() < written.len() {
            return check;
        }
        Check { kind: Kind::Steps(Box::new(Steps { base, list, transaction, fingerprint })), ..check }
    }

    /// `None`: it cannot be asked for; findings say why.
    fn step(&mut self, path: &str, written: &WrittenStep, reading: &mut Reading<'_>) -> Option<PageStep> {
        let at = |key: &str| format!("{path}.{key}");
        let url = self.page(&at("url"), &written.url, reading);
        let content = self.content(path, written, reading);
        let has_body = !matches!(content, Content::Nothing);
        let method = written.method.unwrap_or(if has_body { WrittenMethod::Post } else { WrittenMethod::Get });
        if has_body && matches!(method, WrittenMethod::Get | WrittenMethod::Head) {
            let text = StepText::NoBody { method: method.as_str() };
            self.step_error(&at("method"), Code::WRONG_VALUE, text, StepText::NoBodyHelp);
        }
        if written.charset.is_some() && !has_body {
            let (text, help) = (StepText::CharsetOfNothing, StepText::CharsetOfNothingHelp);
            self.step_error(&at("charset"), Code::WRONG_VALUE, text, help);
        }
        if written.status.iter().any(|status| !(100..600).contains(status)) {
            self.out_of_range(&at("status"), "100", "599");
        }
        let mut headers = vec![];
        for (name, value) in &written.headers {
            let path = at(&format!("headers.{name}"));
            self.known(&path, value, reading);
            if !is_header(name, value) {
                let text = StepText::BadHeader { name: shortened(name) };
                self.step_error(&path, Code::WRONG_VALUE, text, StepText::BadHeaderHelp);
            }
            headers.push((name.clone(), value.clone()));
        }
        if matches!(content, Content::Form(_))
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
        let mut json_must = vec![];
        for (nth, source) in written.json_must.iter().enumerate() {
            match Cel::parse(source) {
                Ok(expression) => json_must.push(expression),
                Err(error) => {
                    let text =
                        StepText::BadExpression { text: shortened(source), error: Cel::short(&error).to_owned() };
                    self.step_error(
                        &at(&format!("json_must.{nth}")),
                        Code::WRONG_VALUE,
                        text,
                        StepText::BadExpressionHelp,
                    );
                }
            }
        }
        let keep = self.keep(path, written, reading);
        let header_must = written.header_must.iter().filter_map(|(name, pattern)| {
            Some(HeaderRule { header: name.clone(), pattern: pattern.of_bytes()?, allow_missing: false })
        });
        let (url, is_at_home) = url?;
        let rules = Http {
            method: method.method(),
            follow_redirects: written.follow_redirects.unwrap_or(true),
            statuses: written.status.clone(),
            body_must: bytes(&written.body_must),
            body_must_not: bytes(&written.body_must_not),
            header_must: header_must.collect(),
            json_must,
            ..reading.base.clone()
        };
        Some(PageStep {
            name: written.name.clone(),
            login: written.login,
            url,
            is_at_home,
            headers,
            content,
            charset: match written.charset {
                Some(WrittenCharset::Gb18030) => Charset::Gb18030,
                Some(WrittenCharset::Utf8) | None => Charset::Utf8,
            },
            keep,
            rules,
        })
    }

    /// Its place; a finding when it cannot be a label.
    fn name(&mut self, path: &str, name: &str) -> Place {
        let plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if name.is_empty() || name.len() > MOST_NAME || !plain {
            let text = StepText::BadName { name: shortened(name) };
            self.step_error(path, Code::BAD_ID, text, StepText::BadNameHelp);
        }
        self.document.place(path)
    }

    /// The whole address of a page, and whether it is on the host of the service.
    fn page(&mut self, path: &str, written: &str, reading: &Reading<'_>) -> Option<(String, bool)> {
        self.known(path, written, reading);
        let base = &reading.base.url;
        let whole = match (written.starts_with('/'), base.scheme_str(), base.authority()) {
            (true, Some(scheme), Some(authority)) => format!("{scheme}://{authority}{written}"),
            _ => written.to_owned(),
        };
        // What is kept must not choose the host that it is handed to.
        let [tried, other] = ["1", "2"].map(|kept| {
            let filled = names(&whole).fold(whole.clone(), |text, name| text.replace(&format!("${{{name}}}"), kept));
            usable_url(&filled)
        });
        let same = |tried: &Uri| other.as_ref().is_some_and(|other| other.authority() == tried.authority());
        let Some(url) = tried.filter(same) else {
            let text = StepText::BadUrl { url: shortened(written) };
            self.step_error(path, Code::BAD_URL, text, StepText::BadUrlHelp);
            return None;
        };
        Some((whole, url.authority() == base.authority()))
    }

    /// What is handed in.
    fn content(&mut self, path: &str, written: &WrittenStep, reading: &mut Reading<'_>) -> Content {
        let has_form = !(written.form.is_empty() && written.form_files.is_empty());
        let body_key = if written.body_file.is_some() { "body_file" } else { "body" };
        let has_body = written.body.is_some() || written.body_file.is_some();
        if written.body.is_some() && written.body_file.is_some() {
            self.together(path, "body_file", "body");
        }
        if has_form && has_body {
            self.together(path, body_key, if written.form.is_empty() { "form_files" } else { "form" });
        }
        if let Some(file) = &written.body_file {
            let text = self.secret(&format!("{path}.body_file"), file, reading);
            return Content::Text(text);
        }
        if let Some(text) = &written.body {
            self.known(&format!("{path}.body"), text, reading);
            return Content::Text(text.clone());
        }
        if !has_form {
            return Content::Nothing;
        }
        let mut pairs = vec![];
        for (name, value) in &written.form {
            self.known(&format!("{path}.form.{name}"), value, reading);
            pairs.push((name.clone(), value.clone(), false));
        }
        for (name, file) in &written.form_files {
            if written.form.contains_key(name) {
                self.together(path, "form_files", "form");
            }
            let text = self.secret(&format!("{path}.form_files.{name}"), file, reading);
            pairs.push((name.clone(), text.trim().to_owned(), true));
        }
        Content::Form(pairs)
    }

    fn secret(&mut self, path: &str, file: &Path, reading: &mut Reading<'_>) -> String {
        let read = read_text(&reading.folder.join(file));
        let text = read.unwrap_or_else(|cause| {
            let place = self.document.place(path);
            self.findings.error(place, Code::UNREADABLE, Message::Unreadable { cause }, Message::UnreadableHelp);
            String::new()
        });
        text.hash(&mut reading.hasher);
        text
    }

    /// What later steps may name.
    fn keep(
        &mut self,
        path: &str,
        written: &WrittenStep,
        reading: &mut Reading<'_>,
    ) -> Vec<(String, regex::bytes::Regex)> {
        if written.keep.len() > MOST_KEPT {
            self.out_of_range(&format!("{path}.keep"), "0", &MOST_KEPT.to_string());
        }
        let mut keep = vec![];
        for (name, pattern) in &written.keep {
            self.name(&format!("{path}.keep.{name}"), name);
            keep.extend(pattern.of_bytes().map(|pattern| (name.clone(), pattern)));
        }
        reading.kept.extend(written.keep.keys().cloned());
        keep
    }

    /// Every `${name}` must have been kept by an earlier step.
    fn known(&mut self, path: &str, text: &str, reading: &Reading<'_>) {
        for name in names(text).filter(|name| !reading.kept.iter().any(|kept| kept == name)) {
            self.unknown(path, name, reading.kept.iter().map(String::as_str).collect());
        }
    }

    fn together(&mut self, path: &str, key: &'static str, other: &'static str) {
        let (text, help) = (StepText::Together { key, other }, StepText::TogetherHelp { key, other });
        self.step_error(&format!("{path}.{key}"), Code::WRONG_VALUE, text, help);
    }

    pub(super) fn step_error(&mut self, path: &str, code: Code, text: StepText, help: StepText) {
        self.findings.error(self.document.place(path), code, text.into(), help.into());
    }
}

/// Whether it can be sent as it is: cookies and the host are not for people to write here.
fn is_header(name: &str, value: &str) -> bool {
    let own = ["host", "cookie", "content-length", "transfer-encoding", "connection"];
    let is_free = !own.contains(&name.to_ascii_lowercase().as_str());
    is_free && HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok()
}
