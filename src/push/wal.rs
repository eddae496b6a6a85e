//! What was not sent yet, on the disk: one file a scrape, the oldest given up when there is too much.
//!
//! A file is `<number>-<samples>.push`: requests one after the other, each with its samples and length before it. It gets
//! its name when it is whole.

use std::{
    collections::VecDeque,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::write::Body;

pub(super) struct Wal {
    folder: PathBuf,
    /// Most bytes that may wait.
    most: u64,
    next: u64,
    /// Oldest first.
    files: VecDeque<Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub number: u64,
    pub samples: u64,
    bytes: u64,
}

/// Samples and length of a request.
const HEADER: usize = 8;

impl Wal {
    /// Finds what an earlier process left.
    pub(super) fn open(folder: &Path, most: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut files = vec![];
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match parse(&name) {
                Some((number, samples)) => files.push(Waiting { number, samples, bytes: entry.metadata()?.len() }),
                None if name.ends_with(".part") => fs::remove_file(entry.path())?,
                None => {}
            }
        }
        files.sort_by_key(|file| file.number);
        let next = files.last().map_or(0, |file| file.number + 1);
        Ok(Self { folder: folder.into(), most, next, files: files.into() })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Keeps the requests of one scrape. Returns how many samples had to be given up for it, the oldest first.
    ///
    /// # Errors
    /// When the disk refuses; the scrape is lost then.
    pub(super) fn append(&mut self, bodies: &[Body]) -> io::Result<u64> {
        let mut text = Vec::with_capacity(bodies.iter().map(|body| body.bytes.len() + HEADER).sum());
        for body in bodies {
            let length = u32::try_from(body.bytes.len()).map_err(io::Error::other)?;
            text.extend(body.samples.to_le_bytes());
            text.extend(length.to_le_bytes());
            text.extend(&body.bytes);
        }
        let samples = bodies.iter().map(|body| u64::from(body.samples)).sum();
        let bytes = text.len() as u64;
        let mut lost = 0;
        while self.bytes() + bytes > self.most {
            let Some(oldest) = self.oldest() else { return Ok(lost + samples) };
            lost += oldest.samples;
            self.remove(oldest.number);
        }
        let new = Waiting { number: self.next, samples, bytes };
        let part = self.folder.join("new.part");
        fs::write(&part, text)?;
        fs::rename(&part, self.path(new))?;
        self.next += 1;
        self.files.push_back(new);
        Ok(lost)
    }

    pub(super) fn oldest(&self) -> Option<Waiting> {
        self.files.front().copied()
    }

    /// Whether it still waits.
    pub(super) fn holds(&self, number: u64) -> bool {
        self.files.iter().any(|file| file.number == number)
    }

    /// # Errors
    /// It cannot be read, or is not whole: a power cut took a part of it.
    pub(super) fn read(&self, file: Waiting) -> io::Result<Vec<Body>> {
        let text = fs::read(self.path(file))?;
        let (mut rest, mut bodies) = (text.as_slice(), vec![]);
        while !rest.is_empty() {
            let number = |at: usize| Some(u32::from_le_bytes(rest.get(at..at + 4)?.try_into().ok()?));
            let cut = || io::Error::from(ErrorKind::UnexpectedEof);
            let (samples, length) = number(0).zip(number(4)).ok_or_else(cut)?;
            let end = HEADER + length as usize;
            bodies.push(Body { samples, bytes: rest.get(HEADER..end).ok_or_else(cut)?.to_vec() });
            rest = rest.get(end..).unwrap_or_default();
        }
        Ok(bodies)
    }

    pub(super) fn remove(&mut self, number: u64) {
        let Some(at) = self.files.iter().position(|file| file.number == number) else { return };
        if let Some(file) = self.files.remove(at) {
            // Left behind it is sent again after a restart, which the receiver takes for what it has.
            let _ = fs::remove_file(self.path(file));
        }
    }

    fn path(&self, file: Waiting) -> PathBuf {
        self.folder.join(format!("{:020}-{}.push", file.number, file.samples))
    }
}

fn parse(name: &str) -> Option<(u64, u64)> {
    let (number, samples) = name.strip_suffix(".push")?.split_once('-')?;
    Some((number.parse().ok()?, samples.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(samples: u32, length: usize) -> Body {
        Body { samples, bytes: vec![samples as u8; length] }
    }

    #[test]
    fn what_waits_survives_a_restart_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut wal = Wal::open(folder.path(), 1_000).unwrap();
        assert_eq!(wal.append(&[body(3, 10), body(1, 0)]).unwrap(), 0);
        wal.append(&[body(2, 10)]).unwrap();
        fs::write(folder.path().join("new.part"), "half").unwrap();
        let mut wal = Wal::open(folder.path(), 1_000).unwrap();
        let oldest = wal.oldest().unwrap();
        assert_eq!((oldest.number, oldest.samples, wal.bytes()), (0, 4, 26 + 18));
        assert_eq!(wal.read(oldest).unwrap(), [body(3, 10), body(1, 0)]);
        wal.remove(0);
        assert_eq!(wal.oldest().map(|file| file.samples), Some(2));
        wal.append(&[body(5, 1)]).unwrap();
        assert!(wal.holds(2) && !wal.holds(0));
    }

    #[test]
    fn the_oldest_are_given_up_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut wal = Wal::open(folder.path(), 250).unwrap();
        wal.append(&[body(10, 92)]).unwrap();
        wal.append(&[body(20, 92)]).unwrap();
        assert_eq!(wal.append(&[body(30, 92)]).unwrap(), 10);
        assert_eq!(wal.append(&[body(40, 900)]).unwrap(), 20 + 30 + 40, "what never fits is lost too");
        assert_eq!((wal.bytes(), fs::read_dir(folder.path()).unwrap().count()), (0, 0));
    }

    #[test]
    fn half_a_file_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut wal = Wal::open(folder.path(), 1_000).unwrap();
        wal.append(&[body(1, 50)]).unwrap();
        let oldest = wal.oldest().unwrap();
        fs::OpenOptions::new().write(true).open(wal.path(oldest)).unwrap().set_len(20).unwrap();
        assert_eq!(wal.read(oldest).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
