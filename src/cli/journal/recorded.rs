//! What entries refer to, laid out in a folder of its own so that it is read as it was read then.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Component, Path, PathBuf},
    rc::Rc,
};

use crate::{
    contract::Contract,
    diagnostic::Findings,
    inventory::Inventory,
    journal::{Contents, Digest, World},
    patrol::load,
    store::Reader,
    text::Language,
};

/// Gone when dropped.
pub(super) struct Recorded {
    reader: Rc<Reader>,
    folder: PathBuf,
    /// Worlds laid out so far.
    worlds: u32,
}

impl Recorded {
    /// # Errors
    /// When no folder can be made for it.
    pub fn new(reader: Reader) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("linkpatrol-replay-{:016x}", rand::random::<u64>()));
        // For us alone: inventories are nobody else's business.
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self { reader: Rc::new(reader), folder, worlds: 0 })
    }

    pub fn reader(&self) -> Rc<Reader> {
        Rc::clone(&self.reader)
    }

    fn lay_out(&mut self, files: &World) -> Result<PathBuf, String> {
        self.worlds += 1;
        let folder = self.folder.join(self.worlds.to_string());
        for file in &files.files {
            let path = inside(&folder, &file.path);
            let bytes = self.bytes(file.hash).ok_or_else(|| format!("content {} is missing", file.hash))?;
            let write = || {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(&path, &bytes)
            };
            write().map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(inside(&folder, &files.folder))
    }
}

/// The path under `folder`, wherever it points: nothing is written elsewhere.
fn inside(folder: &Path, path: &str) -> PathBuf {
    let mut inside = vec![];
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::ParentDir => _ = inside.pop(),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    inside.into_iter().fold(folder.to_owned(), |path, name| path.join(name))
}

impl Contents for Recorded {
    fn bytes(&mut self, hash: Digest) -> Option<Vec<u8>> {
        // What cannot be read is as good as missing, and is reported as that.
        self.reader.content(hash).ok().flatten()
    }

    fn read(&mut self, files: &World) -> Result<(Inventory, Contract), String> {
        let folder = self.lay_out(files)?;
        let mut findings = Findings::default();
        let inventory = load::inventory(&folder, &mut findings);
        let contract = inventory.as_ref().and_then(|inventory| Contract::load(&inventory.folder, &mut findings));
        let read = inventory.zip(contract).filter(|_| !findings.has_errors());
        read.ok_or_else(|| {
            let findings = findings.into_sorted();
            findings.first().map(|finding| finding.print(Language::En)).unwrap_or_default()
        })
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        // A folder that stays holds copies of files and nothing else.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_path_never_leads_out_of_the_folder() {
        let of = |path| inside(Path::new("/tmp/x"), path);
        assert_eq!(of("/srv/site/../common/a.yaml"), Path::new("/tmp/x/srv/common/a.yaml"));
        assert_eq!(of("/../../etc/passwd"), Path::new("/tmp/x/etc/passwd"));
    }
}
