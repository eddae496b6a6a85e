//! Files that a module names: what stands in them takes the place of what could have been written in the module file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Module, Modules,
    options::{HttpOptions, TlsOptions},
};
use crate::{
    diagnostic::{Code, Findings, Source, yaml::Document},
    text::Message,
};

/// Reads the files of one module.
pub struct Files<'a> {
    /// Relative paths begin here.
    pub folder: &'a Path,
    pub module: &'a str,
    pub document: &'a Document<Modules>,
    pub findings: &'a mut Findings,
}

impl Files<'_> {
    pub fn take(&mut self, module: &mut Module) {
        self.http(&mut module.http);
        self.tls("http.tls_config", &mut module.http.tls_config);
        self.tls("tcp.tls_config", &mut module.tcp.tls_config);
        self.tls("dns.tls_config", &mut module.dns.tls_config);
        self.tls("grpc.tls_config", &mut module.grpc.tls_config);
        self.tls("unix.tls_config", &mut module.unix.tls_config);
    }

    fn http(&mut self, http: &mut HttpOptions) {
        if let Some(text) = self.text("http.body_file", http.body_file.as_ref()) {
            http.body = text;
        }
        if let Some(text) = self.word("http.bearer_token_file", http.bearer_token_file.as_ref()) {
            http.bearer_token = Some(text);
        }
        if let Some(basic) = &mut http.basic_auth {
            if let Some(text) = self.word("http.basic_auth.username_file", basic.username_file.as_ref()) {
                basic.username = text;
            }
            if let Some(text) = self.word("http.basic_auth.password_file", basic.password_file.as_ref()) {
                basic.password = text;
            }
        }
        if let Some(own) = &mut http.authorization
            && let Some(text) = self.word("http.authorization.credentials_file", own.credentials_file.as_ref())
        {
            own.credentials = text;
        }
        if let Some(oauth) = &mut http.oauth2 {
            if let Some(text) = self.word("http.oauth2.client_secret_file", oauth.client_secret_file.as_ref()) {
                oauth.client_secret = text;
            }
            self.tls("http.oauth2.tls_config", &mut oauth.tls_config);
        }
        for (name, header) in &mut http.http_headers {
            let path = format!("http.http_headers.{name}.files");
            let read: Vec<_> = header.files.iter().filter_map(|file| self.word(&path, Some(file))).collect();
            header.secrets.extend(read);
        }
    }

    fn tls(&mut self, path: &str, tls: &mut TlsOptions) {
        for (key, file, text) in [
            ("ca_file", &tls.ca_file, &mut tls.ca),
            ("cert_file", &tls.cert_file, &mut tls.cert),
            ("key_file", &tls.key_file, &mut tls.key),
        ] {
            if let Some(read) = self.text(&format!("{path}.{key}"), file.as_ref()) {
                *text = read;
            }
        }
    }

    /// Without the line's end, as secrets are.
    fn word(&mut self, path: &str, file: Option<&PathBuf>) -> Option<String> {
        self.text(path, file).map(|text| text.trim().to_owned())
    }

    fn text(&mut self, path: &str, file: Option<&PathBuf>) -> Option<String> {
        let file = self.folder.join(file?);
        read_text(&file)
            .map_err(|cause| {
                let place = self.document.place(&format!("modules.{}.{path}", self.module));
                self.findings.error(place, Code::UNREADABLE, Message::Unreadable { cause }, Message::UnreadableHelp);
            })
            .ok()
    }
}

/// The text of a file that another one names, of at most [`Source::MOST_BYTES`]. `Err`: the file, and why it cannot be read.
pub fn read_text(file: &Path) -> Result<String, String> {
    let size = fs::metadata(file).map_or(0, |metadata| metadata.len());
    let read = if size > Source::MOST_BYTES {
        Err(format!("{size} bytes"))
    } else {
        fs::read_to_string(file).map_err(|error| error.to_string())
    };
    read.map_err(|error| format!("{}: {error}", file.display()))
}
