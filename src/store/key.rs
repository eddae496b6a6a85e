//! The key that signs the journal, and the folder of anchors: both lie beside the state files.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::{
    journal::{Purpose, Seal, SigningKey},
    store::StoreError,
};

/// PKCS #8, DER; readable by the owner only.
const KEY: &str = "journal.key";
/// SubjectPublicKeyInfo, DER; for everybody.
const PUBLIC: &str = "journal.pub";
const ANCHORS: &str = "anchors";

/// Reads the key of this folder, or makes one.
pub(super) fn open(folder: &Path) -> Result<SigningKey, StoreError> {
    let path = folder.join(KEY);
    match fs::read(&path) {
        Ok(document) => SigningKey::from_pkcs8(&document)
            .ok_or_else(|| StoreError::Key { path, source: io::ErrorKind::InvalidData.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(folder, &path).map_err(|source| StoreError::Key { path, source })
        }
        Err(source) => Err(StoreError::Key { path, source }),
    }
}

fn make(folder: &Path, path: &Path) -> io::Result<SigningKey> {
    let key = SigningKey::generate().ok_or(io::ErrorKind::Other)?;
    write(path, key.to_pkcs8(), 0o600)?;
    write(&folder.join(PUBLIC), &key.public_der(), 0o644)?;
    Ok(key)
}

/// Lays the anchor of a day where others fetch it from.
pub(super) fn lay_anchor(folder: &Path, seal: &Seal) -> io::Result<()> {
    let Purpose::Anchor { day } = &seal.purpose else { return Ok(()) };
    let anchors = folder.join(ANCHORS);
    fs::create_dir_all(&anchors)?;
    let text = serde_json::to_string_pretty(seal).map_err(io::Error::other)?;
    write(&anchors.join(format!("{day}.json")), (text + "\n").as_bytes(), 0o644)
}

/// Whole or not at all: a file of another name takes its place once it is on the disk.
fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        // Half a file would only take space.
        let _ = fs::remove_file(&beside);
    })?;
    fs::rename(&beside, path)
}
