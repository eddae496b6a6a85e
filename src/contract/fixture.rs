//! A contract for tests of other modules.

use std::path::Path;

use super::{Contract, Terms};
use crate::diagnostic::Findings;

/// The shipped one.
pub(crate) fn contract() -> Contract {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/xuchang");
    let mut findings = Findings::default();
    let contract = Contract::load(&folder, &mut findings);
    let findings = findings.into_sorted();
    assert!(findings.is_empty(), "{findings:?}");
    contract.expect("without a finding there is a contract")
}

/// What a shipped contract says, with or without links.
pub(crate) fn terms(name: &str) -> Terms {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories").join(name);
    let mut findings = Findings::default();
    let terms = Terms::load(&folder, &mut findings);
    let findings = findings.into_sorted();
    assert!(findings.is_empty(), "{findings:?}");
    terms.expect("without a finding there are terms")
}

/// Folders of the shipped contracts.
pub(crate) const SHIPPED: [&str; 4] = ["xuchang", "beijing-civil-affairs", "sichuan-courts", "xinjiang-credentials"];
