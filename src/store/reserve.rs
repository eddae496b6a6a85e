//! A file of nothing, whose space is given to the journal when the disk is full.

use std::{
    ffi::CString,
    fs::{self, OpenOptions},
    io,
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

/// Of the reserve: so much must be free beside it before it is taken back. On a disk that has just room for it the next
/// write would need it again, and the store would be broken and well in turns.
const BESIDE: u64 = 4;

pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
}

impl Reserve {
    /// Not held yet: see [`Self::hold`].
    pub(super) fn new(folder: &Path, bytes: u64) -> Self {
        Self { path: folder.join("reserve"), bytes, held: false }
    }

    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Takes the space, if it is not taken yet and leaves enough.
    pub(super) fn hold(&mut self) -> io::Result<()> {
        if !self.held {
            let taken = allocate(&self.path, self.bytes).and_then(|()| self.leaves_enough());
            taken.inspect_err(|_| {
                // A half-taken reserve would itself fill the disk.
                let _ = fs::remove_file(&self.path);
            })?;
            self.held = true;
        }
        Ok(())
    }

    fn leaves_enough(&self) -> io::Result<()> {
        let is_enough = room(&self.path)? >= self.bytes / BESIDE;
        if is_enough { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    /// Gives the space back to the disk.
    pub(super) fn release(&mut self) {
        // A file that cannot be removed gives nothing; the next writes will say so.
        let _ = fs::remove_file(&self.path);
        self.held = false;
    }
}

/// Bytes that are free on the disk of `path`, which exists, for whoever is not root.
pub fn room(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `path` ends with a zero, and the kernel fills in the rest.
    unsafe {
        let mut stat: libc::statvfs = std::mem::zeroed();
        match libc::statvfs(path.as_ptr(), &raw mut stat) {
            0 => Ok(stat.f_bavail.saturating_mul(stat.f_frsize)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Real blocks, not a sparse file.
fn allocate(path: &Path, bytes: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    let length = libc::off_t::try_from(bytes).unwrap_or(libc::off_t::MAX);
    // SAFETY: the descriptor is open for the length of the call, which touches no memory of ours.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
