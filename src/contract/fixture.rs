//! A contract for tests of other modules.

use std::path::Path;

use super::Contract;
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
