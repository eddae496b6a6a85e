//! From the written assessment to the one that holds.

use super::{
    assessment::{Assessment, Penalty, Score, Veto, WrittenAssessment, WrittenPenalty, WrittenScore},
    read::clause,
    resolve::Resolver,
};
use crate::{diagnostic::Code, text::ContractText};

impl<T> Resolver<'_, T> {
    pub(super) fn assessment(&mut self, written: &WrittenAssessment) -> Assessment {
        self.unique("assessment.items", written.items.iter().map(|item| item.id.as_str()));
        self.unique("assessment.penalties", written.penalties.iter().map(|penalty| penalty.id.as_str()));
        let penalties = written.penalties.iter().enumerate();
        Assessment {
            total: written.total.clone(),
            items: written.items.clone(),
            penalties: penalties
                .map(|(nth, penalty)| self.penalty(format!("assessment.penalties.{nth}"), penalty))
                .collect(),
            score: written.score.as_ref().and_then(|score| self.score(score)),
        }
    }

    fn penalty(&mut self, path: String, written: &WrittenPenalty) -> Penalty {
        let mut amounts = vec![];
        for (nth, amount) in written.amounts.iter().enumerate() {
            let at = format!("{path}.amounts.{nth}");
            let days = self.optional(&format!("{at}.a_day"), amount.a_day.as_ref());
            match amount.amount(days) {
                Some(amount) => amounts.push(amount),
                None => {
                    let (message, help) = (ContractText::AmountUnclear.into(), ContractText::AmountUnclearHelp.into());
                    self.findings.error(self.file.place(&at), Code::AMOUNT, message, help);
                }
            }
        }
        let limits: Vec<_> = amounts.iter().map(|amount| amount.up_to).collect();
        let in_order = limits.split_last().is_none_or(|(last, before)| {
            last.is_none() && before.iter().all(Option::is_some) && before.is_sorted_by(|one, other| one < other)
        });
        if !in_order {
            let (message, help) = (ContractText::AmountsOutOfOrder.into(), ContractText::AmountsOutOfOrderHelp.into());
            self.findings.error(self.file.place(&format!("{path}.amounts")), Code::AMOUNT, message, help);
        }
        Penalty {
            id: written.id.clone(),
            name: written.name.clone(),
            needs: written.needs.clone(),
            unless: written.unless.clone(),
            by: written.by.clone(),
            worst_if: written.worst_if.clone(),
            amounts,
            repeats: written.repeats.clone(),
            clause: clause(written.clause.as_deref()),
            path,
        }
    }

    fn score(&mut self, written: &WrittenScore) -> Option<Score> {
        let path = "assessment.score";
        let at = |key: &str| format!("{path}.{key}");
        let vetoes = written.vetoes.iter().enumerate().filter_map(|(nth, veto)| {
            let at_least = self.chosen::<super::Quantity>(&at(&format!("vetoes.{nth}.at_least")), &veto.at_least)?;
            let super::Quantity::Number(number) = at_least.value else { return None };
            Some(Veto {
                id: veto.id.clone(),
                name: veto.name.clone(),
                counts: veto.counts.clone(),
                at_least: super::Chosen { value: u32::try_from(number).ok()?, switch: at_least.switch },
            })
        });
        let vetoes = vetoes.collect();
        let reading = self.chosen(&at("reading"), &written.reading);
        let zero = self.chosen(&at("zero"), &written.zero);
        let edge = self.chosen(&at("edge"), &written.edge);
        let below = self.chosen(&at("below"), &written.below);
        Some(Score {
            reading: reading?,
            zero: zero?,
            edge: edge?,
            below: below?,
            items: written.items.clone(),
            bands: written.bands.clone(),
            vetoes,
            clause: clause(written.clause.as_deref()),
            path: path.to_owned(),
        })
    }
}
