//! What a merge would do.

use std::{path::Path, sync::Arc};

use crate::{diagnostic::Place, inventory::Inventory};

/// What becomes of the ledgers of an inventory. In force only without errors among the findings.
#[derive(Debug)]
pub struct Plan {
    /// Links that change, in order of the file, then new ones.
    pub touched: Vec<Touched>,
    /// Rows of the file that say what the ledger says.
    pub unchanged: usize,
    /// Rows of the file with an error.
    pub refused: usize,
    /// Links of the ledgers that the file does not speak of: they stay as they are.
    pub absent: usize,
    /// `None`: nothing changes.
    pub written: Option<Written>,
    /// As it would be. `None` once somebody took it.
    pub inventory: Option<Inventory>,
}

/// One link that changes or comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    pub id: String,
    pub is_new: bool,
    /// Its row in the file.
    pub place: Place,
    /// In order of the file; of a new link all its values.
    pub changes: Vec<Change>,
}

/// One value, as the ledger writes it. Empty: none.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// Our own heading.
    pub column: String,
    pub from: String,
    pub to: String,
}

/// The ledger that changes.
#[derive(Debug)]
pub struct Written {
    pub file: Arc<Path>,
    /// As it was read.
    pub before: Vec<u8>,
    /// In the same encoding, with the same ends of lines.
    pub after: Vec<u8>,
}
