//! One file takes the place of another, whole or not at all; the other stays beside under a name with the time.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::units::Timestamp;

pub(super) enum Outcome {
    Replaced {
        /// `None`: there was no file yet.
        backup: Option<PathBuf>,
    },
    /// The file is no longer what was read; nothing was done.
    ChangedMeanwhile,
}

/// Writes `after` in the place of `file`, which must still hold `before`, with its rights. The old bytes stay as
/// `<file>.<time>`.
///
/// # Errors
/// Of the disk; the file is then as it was.
pub(super) fn replace(file: &Path, before: &[u8], after: &[u8], now: Timestamp) -> io::Result<Outcome> {
    let is_new = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && before.is_empty() => true,
        now => {
            if now? != before {
                return Ok(Outcome::ChangedMeanwhile);
            }
            false
        }
    };
    let part = with_ending(file, "part");
    let put = || {
        let mut out = OpenOptions::new().write(true).create_new(true).open(&part)?;
        if !is_new {
            out.set_permissions(fs::metadata(file)?.permissions())?;
        }
        out.write_all(after)?;
        out.sync_all()?;
        let backup = if is_new { None } else { Some(keep(file, now)?) };
        fs::rename(&part, file)?;
        File::open(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
            .sync_all()?;
        Ok(Outcome::Replaced { backup })
    };
    let done: io::Result<Outcome> = put();
    // Another import's file is not ours to take away.
    done.inspect_err(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            let _ = fs::remove_file(&part);
        }
    })
}

/// A second name for the file: `links.csv.20261127T101500Z`.
fn keep(file: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let time = now.rfc3339(chrono_tz::UTC);
    let stamp: String = time.chars().take(19).filter(|letter| letter.is_ascii_alphanumeric()).collect();
    for nth in 0..100_u32 {
        let ending = if nth == 0 { format!("{stamp}Z") } else { format!("{stamp}Z-{nth}") };
        let backup = with_ending(file, &ending);
        match fs::hard_link(file, &backup) {
            Ok(()) => return Ok(backup),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // A file system without second names.
            Err(_) => return fs::copy(file, &backup).map(|_| backup),
        }
    }
    Err(io::Error::other("a hundred imports in one second"))
}

/// Whether [`replace`] gave the file its name.
pub(super) fn is_backup(path: &Path) -> bool {
    let stamp = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let stamp = stamp.split('-').next().unwrap_or_default().as_bytes();
    stamp.len() == 16 && stamp[8] == b'T' && stamp[15] == b'Z' && stamp[..8].iter().all(u8::is_ascii_digit)
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LP2505: somebody saved the ledger between the reading and the writing.
    #[test]
    fn a_file_that_somebody_saved_meanwhile_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("links.csv");
        fs::write(&file, "saved meanwhile").unwrap();
        let outcome = replace(&file, b"as it was read", b"planned", Timestamp(0)).unwrap();
        assert!(matches!(outcome, Outcome::ChangedMeanwhile));
        // It was made meanwhile, where there was none to read.
        assert!(matches!(replace(&file, b"", b"planned", Timestamp(0)).unwrap(), Outcome::ChangedMeanwhile));
        assert_eq!(fs::read(&file).unwrap(), b"saved meanwhile");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        fs::remove_file(&file).unwrap();
        assert!(replace(&file, b"as it was read", b"planned", Timestamp(0)).is_err(), "it is gone: no new one is made");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
