//! A file of nothing, whose space is given to the journal when the disk is full.

use std::{
    fs::{self, OpenOptions},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

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

    /// Takes the space, if it is not taken yet.
    pub(super) fn hold(&mut self) -> io::Result<()> {
        if !self.held {
            allocate(&self.path, self.bytes).inspect_err(|_| {
                // A half-taken reserve would itself fill the disk.
                let _ = fs::remove_file(&self.path);
            })?;
            self.held = true;
        }
        Ok(())
    }

    /// Gives the space back to the disk.
    pub(super) fn release(&mut self) {
        // A file that cannot be removed gives nothing; the next writes will say so.
        let _ = fs::remove_file(&self.path);
        self.held = false;
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
