//! The keys that sign the journal and links to pages, and the folder of anchors: all lie beside the state files.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::{
    journal::{Pseudonyms, Purpose, Seal, SigningKey},
    notify::pass::{KEY_BYTES, PassKey},
    store::StoreError,
};

/// PKCS #8, DER; readable by the owner only.
pub(super) const KEY: &str = "journal.key";
/// SubjectPublicKeyInfo, DER; for everybody.
pub(super) const PUBLIC: &str = "journal.pub";
/// Where in it the key itself begins.
const PUBLIC_HEADER: usize = 12;
/// What links to pages of parties are signed with; readable by the owner only.
pub(super) const PASSES: &str = "links.key";
pub(super) const ANCHORS: &str = "anchors";

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

/// How the house of this folder turns names into ids; `None`: its key is not here, or not for us.
pub(super) fn pseudonyms(folder: &Path) -> Option<Pseudonyms> {
    Some(SigningKey::from_pkcs8(&fs::read(folder.join(KEY)).ok()?)?.pseudonyms())
}

/// The public half of the key of this folder, as seals name it: small hexadecimal digits.
pub fn public_hex(folder: &Path) -> Option<String> {
    let der = fs::read(folder.join(PUBLIC)).ok()?;
    Some(der.get(PUBLIC_HEADER..)?.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn make(folder: &Path, path: &Path) -> io::Result<SigningKey> {
    let key = SigningKey::generate().ok_or(io::ErrorKind::Other)?;
    write(path, key.to_pkcs8(), 0o600)?;
    write(&folder.join(PUBLIC), &key.public_der(), 0o644)?;
    Ok(key)
}

/// Reads the key that links are signed with, or makes one.
///
/// # Errors
/// The file cannot be read or made, or is no key.
pub fn pass_key(folder: &Path) -> Result<PassKey, StoreError> {
    let path = folder.join(PASSES);
    match fs::read(&path) {
        Ok(bytes) => match <&[u8; KEY_BYTES]>::try_from(bytes.as_slice()) {
            Ok(bytes) => Ok(PassKey::new(bytes)),
            Err(_) => Err(StoreError::Key { path, source: io::ErrorKind::InvalidData.into() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => new_pass_key(folder),
        Err(source) => Err(StoreError::Key { path, source }),
    }
}

/// Makes a new key for signed links in the place of the old one.
///
/// # Errors
/// The file cannot be written; the old one stays.
pub fn new_pass_key(folder: &Path) -> Result<PassKey, StoreError> {
    let (path, bytes) = (folder.join(PASSES), rand::random::<[u8; KEY_BYTES]>());
    write(&path, &bytes, 0o600).map_err(|source| StoreError::Key { path, source })?;
    Ok(PassKey::new(&bytes))
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
