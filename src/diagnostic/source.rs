//! A file that a person wrote, as bytes and as text.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use super::{Code, Findings, Place};
use crate::text::Message;

/// One file's contents, whatever they are.
#[derive(Debug, Clone)]
pub struct Source {
    pub file: Arc<Path>,
    pub bytes: Vec<u8>,
}

impl Source {
    /// 64 MiB: a ledger of 200 000 lines; more is the wrong file, and would only fill the memory.
    pub const MOST_BYTES: u64 = 64 << 20;

    /// `None`, with a finding, when the file cannot be read or is too large.
    pub fn read(file: &Path, findings: &mut Findings) -> Option<Self> {
        match bounded(file) {
            Ok(bytes) if bytes.len() as u64 > Self::MOST_BYTES => {
                let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
                let message = Message::TooLarge { bytes: size.max(bytes.len() as u64) };
                let help = Message::TooLargeHelp { most: Self::MOST_BYTES };
                findings.error(Place::whole(file), Code::TOO_LARGE, message, help);
                None
            }
            Ok(bytes) => {
                let source = Self { file: file.into(), bytes };
                findings.keep_source(&source);
                Some(source)
            }
            Err(error) => {
                let message = Message::Unreadable { cause: error.to_string() };
                findings.error(Place::whole(file), Code::UNREADABLE, message, Message::UnreadableHelp);
                None
            }
        }
    }

    /// The bytes as UTF-8 without a byte order mark. `Err`: what is readable before the first wrong byte.
    pub fn utf8(&self) -> Result<&str, &str> {
        let bytes = self.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.bytes);
        std::str::from_utf8(bytes).map_err(|error| {
            // Cannot fail: this is what `valid_up_to` says.
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        })
    }

    /// The place right behind `text`, which is how the file begins.
    pub fn place_after(&self, text: &str) -> Place {
        let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place { file: Arc::clone(&self.file), line: count(line), column: count(column) }
    }
}

/// One byte more than a file may have at most: a device has no size, and no end.
fn bounded(file: &Path) -> io::Result<Vec<u8>> {
    let (file, mut bytes) = (File::open(file)?, vec![]);
    file.take(Source::MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Lines and columns beyond four thousand million are not counted further.
pub fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
