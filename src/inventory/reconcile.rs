//! The ledger held against what the contract's text claims. Contradictions are shown, never repaired.

use super::{Inventory, Kind};
use crate::{
    diagnostic::{Code, Findings, Place},
    text::Message,
};

/// One line of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Reconciled {
    pub kind: Kind,
    pub in_ledger: u32,
    /// As printed in the contract.
    pub declared: Option<u32>,
    /// What it must be where the printed counts contradict each other.
    pub inferred: Option<u32>,
}

impl Inventory {
    /// All kinds, in their order.
    pub fn reconciliation(&self) -> Vec<Reconciled> {
        let of = |counts: &[(Kind, u32)], kind| counts.iter().find(|(own, _)| *own == kind).map(|(_, count)| *count);
        let line = |kind| Reconciled {
            kind,
            in_ledger: crate::diagnostic::count(self.links.iter().filter(|link| link.kind == kind).count()),
            declared: of(&self.declared.by_kind, kind),
            inferred: of(&self.declared.inferred, kind),
        };
        Kind::ALL.map(line).to_vec()
    }

    /// Warns of printed counts that contradict each other, and of a ledger that has other counts.
    pub fn reconcile(&self, findings: &mut Findings) {
        let place = self.declared.place.clone().unwrap_or_else(|| Place::whole(self.folder.join("inventory.yaml")));
        let clause = self.declared.clause.clone();
        let sum: u32 = self.declared.by_kind.iter().map(|(_, count)| count).sum();
        if let Some(total) = self.declared.total.filter(|total| !self.declared.by_kind.is_empty() && *total != sum) {
            let message = Message::CountsContradict { total, sum, clause: clause.clone() };
            findings.warning(place.clone(), Code::COUNTS_CONTRADICT, message, Message::CountsContradictHelp);
        }
        for line in self.reconciliation() {
            let Some(wanted) = line.inferred.or(line.declared).filter(|wanted| *wanted != line.in_ledger) else {
                continue;
            };
            let (kind, found) = (line.kind.as_str(), line.in_ledger);
            let message = Message::CountDiffers { what: kind, found, wanted, clause: clause.clone() };
            findings.warning(place.clone(), Code::COUNT_DIFFERS, message, Message::CountDiffersHelp);
        }
        let found = crate::diagnostic::count(self.links.len());
        if let Some(wanted) = self.declared.total.filter(|total| *total != found) {
            let message = Message::CountDiffers { what: "total", found, wanted, clause };
            findings.warning(place, Code::COUNT_DIFFERS, message, Message::CountDiffersHelp);
        }
    }
}
