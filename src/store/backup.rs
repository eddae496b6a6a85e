//! A copy of the state folder that was held against itself, and the way back.
//!
//! A backup is a folder: both databases as one moment saw them, the keys, the anchors, and `backup.json`, which has the
//! hash of each file. It is made beside a running daemon, which is not disturbed.
//!
//! ```text
//!  restore:  backup ──copied, verified──▶ restore.part ──renamed──▶ restore.ready ──moved──▶ the state folder
//!                                                          │                                    │
//!                              until here nothing changed ─┘     what stood there: before-restore-N
//! ```
//!
//! The rename is the one moment that counts: before it a restore has not happened, after it [`finish`] carries it to its
//! end, also after a crash and at the next start of the daemon.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use super::{Reader, StoreError, database, journal, key, lock::Lock, series};
use crate::{
    journal::{Audit, Digest, Head, Seal},
    units::Timestamp,
};

/// First word of `backup.json`.
const FORM: &str = "linkpatrol backup 1";
const MANIFEST: &str = "backup.json";
const PART: &str = "restore.part";
const READY: &str = "restore.ready";
/// In [`READY`]: what stood in the state folder is out of the way.
const CLEARED: &str = "cleared";
const DATABASES: [&str; 2] = [series::FILE, journal::FILE];
/// Everything else that a backup may hold.
const BESIDE: [&str; 4] = [key::KEY, key::PUBLIC, key::PASSES, key::ANCHORS];
/// What SQLite keeps beside a database: it belongs to the one that is replaced.
const LOGS: [&str; 4] = ["series.db-wal", "series.db-shm", "journal.db-wal", "journal.db-shm"];

/// What a backup says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    form: String,
    /// Of the program that made it.
    pub version: String,
    pub made: Timestamp,
    /// Where the journal ended.
    pub head: Head,
    /// By name in the folder.
    pub files: BTreeMap<String, Digest>,
}

/// Why a backup or restore was not done.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} exists already: a backup never overwrites anything", path.display())]
    Exists { path: PathBuf },
    #[error("{} is not a backup of linkpatrol: {cause}", path.display())]
    NotBackup { path: PathBuf, cause: String },
    #[error("{} of the backup is not as it was written: it cannot be used", path.display())]
    Changed { path: PathBuf },
    #[error("{} is damaged: {cause}", path.display())]
    Damaged { path: PathBuf, cause: String },
    /// With every fault that was found.
    #[error("the journal of the backup is not as it was written")]
    Faulty(Box<Audit>),
    #[error(
        "the state folder has {} entries of the journal that the backup lacks (it ends with {backup}, the folder with \
         {folder}); --replace puts the backup in their place and moves what is there into a folder of its own",
        folder.saturating_sub(*backup)
    )]
    Ahead { backup: u64, folder: u64 },
    #[error(
        "the state folder has a journal that the backup does not continue from ({cause}); --replace puts the backup in \
         its place and moves what is there into a folder of its own"
    )]
    Other { cause: String },
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> BackupError + '_ {
    move |source| BackupError::Io { path: path.into(), source }
}

/// Copies the state in `folder` to `target`, which must not exist. The journal of the copy is held against itself: faults
/// that it has are in the audit, and are those of the original.
///
/// # Errors
/// Then `target` does not exist.
pub fn backup(folder: &Path, target: &Path, made: Timestamp) -> Result<(Manifest, Audit), BackupError> {
    let part = with_ending(target, ".part");
    for path in [target, &part] {
        if path.exists() {
            return Err(BackupError::Exists { path: path.into() });
        }
    }
    let fill = || {
        private_folder(&part)?;
        // The journal last, as after a crash: it may be ahead of the accounts, never behind them.
        for name in DATABASES {
            copy_database(&folder.join(name), &part.join(name))?;
        }
        for name in BESIDE {
            copy(&folder.join(name), &part.join(name))?;
        }
        let audit = audit(&part, vec![])?;
        let files = hashes(&part)?;
        let manifest =
            Manifest { form: FORM.into(), version: env!("CARGO_PKG_VERSION").into(), made, head: audit.head, files };
        let text = serde_json::to_string_pretty(&manifest).map_err(|error| io_at(&part)(error.into()))?;
        let path = part.join(MANIFEST);
        fs::write(&path, text + "\n").and_then(|()| sync_all(&part)).map_err(io_at(&path))?;
        fs::rename(&part, target).and_then(|()| sync_parent(target)).map_err(io_at(target))?;
        Ok((manifest, audit))
    };
    fill().inspect_err(|_| {
        // Half a backup would look like one.
        let _ = fs::remove_dir_all(&part);
    })
}

/// How a restore is done.
#[derive(Debug, Default)]
pub struct Restoring {
    /// Anchors that left the house.
    pub against: Vec<Seal>,
    /// Also over a state that the backup does not contain.
    pub replace: bool,
    /// Also a journal with faults: they stay in it, and `journal verify` goes on naming them.
    pub faulty: bool,
}

/// Puts the backup in `source` in the place of the state in `folder`, which is moved aside. Returns where to.
///
/// # Errors
/// While a daemon runs on the folder, when the folder is of a newer version or ahead of the backup, and when the backup
/// is not as it was written. Nothing is changed then.
pub fn restore(
    source: &Path,
    folder: &Path,
    restoring: Restoring,
    now: Timestamp,
) -> Result<(Manifest, Audit, Option<PathBuf>), BackupError> {
    fs::create_dir_all(folder).map_err(|source| StoreError::folder(folder, source))?;
    let _lock = Lock::take(folder)?;
    // One that was interrupted has happened already.
    finish(folder)?;
    let (manifest, audit, aside) = stage(source, folder, restoring, now)?;
    finish(folder)?;
    Ok((manifest, audit, aside.exists().then_some(aside)))
}

/// Lays the backup beside the state, verified, up to the moment that counts. Returns where the state will be moved.
fn stage(
    source: &Path,
    folder: &Path,
    restoring: Restoring,
    now: Timestamp,
) -> Result<(Manifest, Audit, PathBuf), BackupError> {
    let manifest = read_manifest(source)?;
    let part = folder.join(PART);
    if part.exists() {
        fs::remove_dir_all(&part).map_err(io_at(&part))?;
    }
    let fill = || {
        private_folder(&part)?;
        for name in manifest.files.keys() {
            let (from, to) = (source.join(name), part.join(name));
            to.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| copy_file(&from, &to))
                .map_err(io_at(&from))?;
        }
        // What is verified is the copy that will stand there.
        if let Some((name, _)) =
            manifest.files.iter().find(|(name, hash)| hash_of(&part.join(name)).ok() != Some(**hash))
        {
            return Err(BackupError::Changed { path: source.join(name) });
        }
        for (name, format) in [(journal::FILE, &journal::FORMAT), (series::FILE, &series::FORMAT)] {
            database::known(&part.join(name), format)?;
            check_integrity(&part.join(name))?;
        }
        let audit = audit(&part, restoring.against)?;
        if audit.head != manifest.head {
            return Err(BackupError::Changed { path: source.join(journal::FILE) });
        }
        if !audit.faults.is_empty() && !restoring.faulty {
            return Err(BackupError::Faulty(Box::new(audit)));
        }
        compare(folder, &part, audit.head, restoring.replace)?;
        let aside = aside(folder, now);
        fs::write(part.join(ASIDE), &aside).map_err(io_at(&part))?;
        give_to_owner(folder, &part);
        sync_all(&part).map_err(io_at(&part))?;
        Ok((audit, aside))
    };
    let (audit, aside) = fill().inspect_err(|_| {
        let _ = fs::remove_dir_all(&part);
    })?;
    let ready = folder.join(READY);
    fs::rename(&part, &ready).and_then(|()| sync_folder(folder)).map_err(io_at(&ready))?;
    Ok((manifest, audit, folder.join(aside)))
}

/// In [`READY`]: name of the folder that takes what stood in the state folder.
const ASIDE: &str = "aside";

/// A name that nothing in `folder` has.
fn aside(folder: &Path, now: Timestamp) -> String {
    let second = now.0 / 1_000;
    (second..)
        .map(|number| format!("before-restore-{number}"))
        .find(|name| !folder.join(name).exists())
        .unwrap_or_default()
}

/// Carries a restore to its end that passed the moment that counts. Nothing to do when there is none.
///
/// # Errors
/// When files cannot be moved; the next call goes on.
pub(super) fn finish(folder: &Path) -> Result<(), StoreError> {
    finish_in_steps(folder, &mut || Ok(())).map_err(|source| StoreError::folder(folder, source))
}

/// `step` is asked before every change, so that a test can end the process there.
fn finish_in_steps(folder: &Path, step: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
    let ready = folder.join(READY);
    if !ready.exists() {
        return Ok(());
    }
    let names = || LOGS.iter().chain(&DATABASES).chain(&BESIDE);
    let mut take = |from: &Path, to: &Path| -> io::Result<()> {
        step()?;
        fs::rename(from, to)
    };
    if !ready.join(CLEARED).exists() {
        let aside = folder.join(fs::read_to_string(ready.join(ASIDE))?);
        for name in names().filter(|name| folder.join(name).exists()) {
            fs::create_dir_all(&aside)?;
            take(&folder.join(name), &aside.join(name))?;
        }
        File::create(ready.join(CLEARED))?.sync_all()?;
        sync_folder(folder)?;
        sync_folder(&ready)?;
    }
    for name in names().filter(|name| ready.join(name).exists()) {
        take(&ready.join(name), &folder.join(name))?;
    }
    sync_folder(folder)?;
    step()?;
    fs::remove_dir_all(&ready)
}

/// Whether the backup may take the place of what stands in `folder`.
fn compare(folder: &Path, part: &Path, head: Head, replace: bool) -> Result<(), BackupError> {
    let present = folder.join(journal::FILE);
    if !present.exists() {
        return Ok(());
    }
    for (name, format) in [(journal::FILE, &journal::FORMAT), (series::FILE, &series::FORMAT)] {
        match database::known(&folder.join(name), format) {
            // Damage is what backups are for.
            Ok(()) | Err(StoreError::Corrupt { .. } | StoreError::Database { .. }) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    if replace {
        return Ok(());
    }
    let last = |folder: &Path| Reader::open(folder)?.head();
    match last(folder) {
        Err(error) => Err(BackupError::Other { cause: error.to_string() }),
        Ok(there) if there.number > head.number => {
            Err(BackupError::Ahead { backup: head.number, folder: there.number })
        }
        Ok(there) if there.number == 0 => Ok(()),
        Ok(there) => {
            let same =
                Reader::open(part)?.entries(there.number - 1, 1)?.first().map(|link| link.hash) == Some(there.hash);
            let cause = || format!("entry {} is another one there", there.number);
            if same { Ok(()) } else { Err(BackupError::Other { cause: cause() }) }
        }
    }
}

fn read_manifest(source: &Path) -> Result<Manifest, BackupError> {
    let path = source.join(MANIFEST);
    let not_backup = |cause: String| BackupError::NotBackup { path: source.into(), cause };
    let text = fs::read_to_string(&path).map_err(|error| not_backup(format!("{MANIFEST}: {error}")))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| not_backup(format!("{MANIFEST}: {error}")))?;
    if manifest.form != FORM {
        return Err(not_backup(format!("it is of the form `{}`; this version knows `{FORM}`", manifest.form)));
    }
    if let Some(lacking) = DATABASES.into_iter().find(|name| !manifest.files.contains_key(*name)) {
        return Err(not_backup(format!("it has no {lacking}")));
    }
    // A name in the manifest is a place that is written to.
    let usual = |name: &str| {
        let mut parts = name.split('/');
        let (first, second, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let inside =
            second.is_none_or(|second| first == key::ANCHORS && !second.is_empty() && !second.starts_with('.'));
        (DATABASES.contains(&first) || BESIDE.contains(&first)) && inside && more.is_none()
    };
    match manifest.files.keys().find(|name| !usual(name)) {
        Some(strange) => Err(not_backup(format!("it lists `{strange}`, which no backup has"))),
        None => Ok(manifest),
    }
}

fn audit(folder: &Path, against: Vec<Seal>) -> Result<Audit, StoreError> {
    Reader::open(folder)?.audit(against, key::public_hex(folder).as_deref())
}

/// What the database holds at one moment, whoever writes to it, as a file without a log.
fn copy_database(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source| StoreError::database(from, source);
    let connection = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::from_secs(30)).map_err(failed)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map_err(failed)?;
    check_integrity(to)
}

fn check_integrity(path: &Path) -> Result<(), BackupError> {
    let failed = |source| StoreError::database(path, source);
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let told: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if told == "ok" { Ok(()) } else { Err(BackupError::Damaged { path: path.into(), cause: told }) }
}

/// A file, or a folder of files; what does not exist is not copied.
fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    if from.is_dir() {
        fs::create_dir(to).map_err(io_at(to))?;
        for entry in fs::read_dir(from).map_err(io_at(from))? {
            let entry = entry.map_err(io_at(from))?;
            // An anchor that is being laid has another ending.
            if entry.path().extension().is_some_and(|ending| ending == "json") {
                copy_file(&entry.path(), &to.join(entry.file_name())).map_err(io_at(from))?;
            }
        }
    } else if from.exists() {
        copy_file(from, to).map_err(io_at(from))?;
    }
    Ok(())
}

/// With its permissions: keys stay readable by their owner only.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(|_| ())
}

/// Readable by its owner only: it holds the private keys.
fn private_folder(path: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path).map_err(io_at(path))
}

/// What root restores still belongs to the daemon's user. Best effort: without the right to, it is our own anyway.
fn give_to_owner(folder: &Path, part: &Path) {
    use std::os::unix::fs::{MetadataExt, chown};
    let Ok(owner) = fs::metadata(folder) else { return };
    for path in below(part).into_iter().chain([part.into()]) {
        let _ = chown(path, Some(owner.uid()), Some(owner.gid()));
    }
}

/// Hash by name, of all files below `folder`.
fn hashes(folder: &Path) -> Result<BTreeMap<String, Digest>, BackupError> {
    let name = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
    let files = below(folder).into_iter().filter(|path| path.is_file());
    files.map(|path| Ok((name(&path), hash_of(&path).map_err(io_at(&path))?))).collect()
}

fn hash_of(path: &Path) -> io::Result<Digest> {
    let (mut file, mut context, mut part) = (File::open(path)?, Context::new(&SHA256), vec![0; 1 << 16]);
    loop {
        match file.read(&mut part)? {
            0 => break,
            read => context.update(part.get(..read).unwrap_or_default()),
        }
    }
    Digest::from_bytes(context.finish().as_ref()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Files and folders below `folder`, two levels deep.
fn below(folder: &Path) -> Vec<PathBuf> {
    let listed = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let first = listed(folder);
    let second = first.iter().filter(|path| path.is_dir()).flat_map(|path| listed(path)).collect();
    [first, second].concat()
}

fn sync_all(folder: &Path) -> io::Result<()> {
    below(folder).iter().map(PathBuf::as_path).chain([folder]).try_for_each(sync_folder)
}

/// Of a file as well.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_folder(parent),
        None => sync_folder(Path::new(".")),
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::Entry,
        store::{Batch, Options, Store},
    };

    fn numbered(number: i64) -> Batch {
        let entries = vec![Entry { at: Timestamp(number), kind: "test".into(), payload: number.to_string() }];
        Batch { entries, heartbeat: Some(Timestamp(number)), ..Batch::default() }
    }

    /// Opens the state, adds entries of these numbers, and says which it has then.
    fn added(folder: &Path, numbers: std::ops::Range<i64>) -> Vec<String> {
        let (store, _) = Store::open(folder, &Options { reserve_bytes: 1 << 12, ..Options::default() }).unwrap();
        numbers.for_each(|number| _ = store.commit(numbered(number)));
        drop(store);
        let links = Reader::open(folder).unwrap().entries(0, 100).unwrap();
        links.into_iter().map(|link| link.entry.payload).collect()
    }

    /// However far a restore came after the moment that counts, the next start has the backup's state and nothing else.
    #[test]
    fn a_restore_that_is_interrupted_at_any_step_is_carried_to_its_end() {
        let house = tempfile::tempdir().unwrap();
        let (state, copy) = (house.path().join("state"), house.path().join("copy"));
        added(&state, 1..4);
        let (manifest, audit) = backup(&state, &copy, Timestamp(9)).unwrap();
        assert_eq!((manifest.head.number, audit.faults), (3, vec![]));
        let mut ends = 0;
        for most in 0.. {
            let state = house.path().join(format!("state-{most}"));
            added(&state, 10..20);
            // A log of the old database, which would undo the new one.
            fs::write(state.join("journal.db-wal"), "of the old one").unwrap();
            let restoring = Restoring { replace: true, ..Restoring::default() };
            stage(&copy, &state, restoring, Timestamp(9)).unwrap();
            let mut left = most;
            let interrupted = finish_in_steps(&state, &mut || {
                left -= 1;
                if left < 0 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
            });
            assert_eq!(added(&state, 0..0), ["1", "2", "3"], "interrupted after {most} steps");
            assert!(!state.join(READY).exists() && state.join("before-restore-0/journal.db").exists());
            assert_eq!(fs::read(state.join(key::KEY)).unwrap(), fs::read(copy.join(key::KEY)).unwrap());
            if interrupted.is_ok() {
                ends = most;
                break;
            }
        }
        assert!(ends > 8, "each file in and out is a step: {ends}");
    }

    #[test]
    fn what_a_backup_cannot_be_is_refused_and_nothing_changes() {
        let house = tempfile::tempdir().unwrap();
        let (state, copy) = (house.path().join("state"), house.path().join("copy"));
        added(&state, 1..4);
        backup(&state, &copy, Timestamp(9)).unwrap();
        assert!(matches!(backup(&state, &copy, Timestamp(9)), Err(BackupError::Exists { .. })));
        let manifest = fs::read_to_string(copy.join(MANIFEST)).unwrap();
        let refused = |folder: &Path| {
            let error = restore(&copy, folder, Restoring::default(), Timestamp(9)).unwrap_err();
            assert!(!folder.join(PART).exists() && !folder.join(READY).exists(), "{error}");
            error.to_string()
        };
        let fresh = house.path().join("fresh");
        for (from, to, expected) in [
            ("\"journal.db\"", "\"../journal.db\"", "has no journal.db"),
            ("\"journal.pub\"", "\"../journal.pub\"", "lists `../journal.pub`"),
            ("linkpatrol backup 1", "linkpatrol backup 7", "knows `linkpatrol backup 1`"),
            ("{", "[", "is not a backup of linkpatrol"),
        ] {
            fs::write(copy.join(MANIFEST), manifest.replacen(from, to, 1)).unwrap();
            let told = refused(&fresh);
            assert!(told.contains(expected), "{told}");
        }
        fs::write(copy.join(MANIFEST), &manifest).unwrap();

        // A state that went on, one of another house, and one that somebody uses.
        added(&state, 4..6);
        assert!(refused(&state).contains("2 entries of the journal that the backup lacks"), "{}", refused(&state));
        let other = house.path().join("other");
        added(&other, 30..31);
        assert!(refused(&other).contains("does not continue from"));
        let (_running, _) = Store::open(&other, &Options::default()).unwrap();
        assert!(refused(&other).contains("in use by another process"));
        let newer = house.path().join("newer");
        added(&newer, 1..2);
        Connection::open(newer.join(journal::FILE)).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        let restoring = Restoring { replace: true, ..Restoring::default() };
        let told = restore(&copy, &newer, restoring, Timestamp(9)).unwrap_err().to_string();
        assert!(told.contains("format 99, written by a newer linkpatrol"), "{told}");

        // A hand in the copy: first seen by the file's hash, then, with that mended, by the chain.
        Connection::open(copy.join(journal::FILE))
            .unwrap()
            .execute_batch("UPDATE entry SET at = 7 WHERE number = 2")
            .unwrap();
        assert!(refused(&fresh).contains("journal.db of the backup is not as it was written"));
        let hash = |path: &Path| hash_of(path).unwrap().to_string();
        let listed: Manifest = serde_json::from_str(&manifest).unwrap();
        let mended = manifest.replace(&listed.files["journal.db"].to_string(), &hash(&copy.join(journal::FILE)));
        fs::write(copy.join(MANIFEST), mended).unwrap();
        let told = restore(&copy, &fresh, Restoring::default(), Timestamp(9)).unwrap_err();
        assert!(matches!(&told, BackupError::Faulty(audit) if !audit.faults.is_empty()), "{told}");
        let restoring = Restoring { faulty: true, ..Restoring::default() };
        let (_, audit, aside) = restore(&copy, &fresh, restoring, Timestamp(9)).unwrap();
        assert!(!audit.faults.is_empty() && aside.is_none());
    }
}
