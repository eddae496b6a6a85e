//! Why the state files cannot be opened, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot use the state folder {}: {source}; set `data_dir` to a folder that this user can write", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "the state folder {} is in use by another process{}; stop it first, or set another `data_dir`",
        path.display(),
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Locked { path: PathBuf, pid: Option<u32> },
    #[error(
        "the state folder {} is read-only ({source}); mount it for writing and give this user the right to write there",
        path.display()
    )]
    ReadOnly { path: PathBuf, source: io::Error },
    #[error(
        "{} is of format {found}, written by a newer linkpatrol{}; this one knows up to format {known}: run the newer \
         version, or set another `data_dir`. The file was not changed",
        path.display(),
        written_by.as_ref().map(|version| format!(" ({version})")).unwrap_or_default()
    )]
    Newer { path: PathBuf, found: i64, known: i64, written_by: Option<String> },
    #[error("{} is not a state file of linkpatrol; set another `data_dir`. The file was not changed", path.display())]
    Foreign { path: PathBuf },
    #[error(
        "{} is damaged ({source}); move it away to start without what it holds, or restore a backup. The file was not \
         changed",
        path.display()
    )]
    Corrupt { path: PathBuf, source: rusqlite::Error },
    #[error("cannot read or write {}: {source}; look at the disk's space and health", path.display())]
    Database { path: PathBuf, source: rusqlite::Error },
    #[error(
        "cannot use the key of the journal {}: {source}; restore it from a backup, or move it away to sign with a new one",
        path.display()
    )]
    Key { path: PathBuf, source: io::Error },
    #[error("cannot start the thread that writes the state files: {source}")]
    Thread { source: io::Error },
}

impl StoreError {
    pub(super) fn folder(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { path: path.into(), source }
            }
            _ => Self::Folder { path: path.into(), source },
        }
    }

    pub(super) fn database(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, PermissionDenied, ReadOnly};
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(NotADatabase | DatabaseCorrupt) => Self::Corrupt { path, source },
            Some(ReadOnly | PermissionDenied) => Self::ReadOnly { path, source: io::Error::other(source) },
            _ => Self::Database { path, source },
        }
    }
}
