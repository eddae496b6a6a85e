//! From the written assessment to the one that holds.

use super::{
    Chosen, Class,
    assessment::{
        Assessment, Grades, Late, Penalty, Score, Veto, WrittenAssessment, WrittenGrades, WrittenPenalty, WrittenScore,
        WrittenVeto,
    },
    read::{Count, clause},
    resolve::Resolver,
    words::{ClockKind, Period},
};
use crate::{diagnostic::Code, text::ContractText};

impl<T> Resolver<'_, T> {
    /// `classes`: general ones and overrides, whose clocks it may name.
    pub(super) fn assessment(&mut self, written: &WrittenAssessment, classes: &[&Class]) -> Assessment {
        self.unique("assessment.items", written.items.iter().map(|item| item.id.as_str()));
        self.unique("assessment.penalties", written.penalties.iter().map(|penalty| penalty.id.as_str()));
        let penalties = written.penalties.iter().enumerate();
        Assessment {
            total: written.total.clone(),
            items: written.items.clone(),
            penalties: penalties
                .map(|(nth, penalty)| self.penalty(format!("assessment.penalties.{nth}"), penalty, classes))
                .collect(),
            score: written.score.as_ref().and_then(|score| self.score(score, classes)),
        }
    }

    fn penalty(&mut self, path: String, written: &WrittenPenalty, classes: &[&Class]) -> Penalty {
        self.late(&format!("{path}.late"), written.late.as_ref(), classes);
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
            late: written.late.clone(),
            by: written.by.clone(),
            worst_if: written.worst_if.clone(),
            amounts,
            repeats: written.repeats.clone(),
            clause: clause(written.clause.as_deref()),
            path,
        }
    }

    fn score(&mut self, written: &WrittenScore, classes: &[&Class]) -> Option<Score> {
        let path = "assessment.score";
        let at = |key: &str| format!("{path}.{key}");
        for (item, own) in written.items.iter().enumerate() {
            for (rule, own) in own.rules.iter().enumerate() {
                self.late(&at(&format!("items.{item}.rules.{rule}.late")), own.late.as_ref(), classes);
            }
        }
        let vetoes = written.vetoes.iter().enumerate();
        let vetoes = vetoes.filter_map(|(nth, veto)| self.veto(&at(&format!("vetoes.{nth}")), veto, classes)).collect();
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

    /// `None`, with a finding, unless all that it names is there.
    fn veto(&mut self, path: &str, written: &WrittenVeto, classes: &[&Class]) -> Option<Veto> {
        let at_least = self.count(&format!("{path}.at_least"), &written.at_least);
        let at = format!("{path}.period");
        let period = self.chosen_or(&at, written.period.as_ref(), Period::Quarter)?;
        if !matches!(period.value, Period::Quarter | Period::Year) {
            let message = ContractText::PeriodNotCounted { period: period.value.as_str() }.into();
            self.findings.error(
                self.file.place(&at),
                Code::WRONG_VALUE,
                message,
                ContractText::PeriodNotCountedHelp.into(),
            );
        }
        let grades = |this: &mut Self, WrittenGrades { class, level }: &WrittenGrades| {
            this.class_named(&format!("{path}.faults.class"), class, classes)?;
            let level = this.count(&format!("{path}.faults.level"), level)?;
            Some(Grades { class: class.clone(), level })
        };
        let faults = written.faults.as_ref().map_or(Some(None), |written| grades(self, written).map(Some));
        Some(Veto {
            id: written.id.clone(),
            name: written.name.clone(),
            counts: written.counts.clone(),
            at_least: at_least?,
            period,
            faults: faults?,
        })
    }

    fn count(&mut self, path: &str, written: &super::switch::Setting) -> Option<Chosen<u32>> {
        let Chosen { value: Count(value), switch } = self.chosen(path, written)?;
        Some(Chosen { value, switch })
    }

    /// The class of this id; `None`, with a finding, when there is none.
    fn class_named<'c>(&mut self, path: &str, id: &str, classes: &[&'c Class]) -> Option<&'c Class> {
        let found = classes.iter().find(|class| class.id == id).copied();
        if found.is_none() {
            self.unknown(self.file.place(path), id, classes.iter().map(|class| class.id.as_str()));
        }
        found
    }

    /// Reports a class, tier or clock that is not there.
    fn late(&mut self, path: &str, late: Option<&Late>, classes: &[&Class]) {
        let Some(late) = late else { return };
        let own = late.class.as_ref().map(|id| self.class_named(&format!("{path}.class"), id, classes));
        let classes: Vec<&Class> = match own {
            Some(Some(class)) => vec![class],
            // That it is not there has been said.
            Some(None) => return,
            None => classes.to_vec(),
        };
        let tiers = || classes.iter().flat_map(|class| class.tiers.iter().map(move |tier| (&class.id, tier)));
        if let Some(id) = &late.tier
            && !tiers().any(|(_, tier)| tier.id == *id)
        {
            self.unknown(self.file.place(&format!("{path}.tier")), id, tiers().map(|(_, tier)| tier.id.as_str()));
            return;
        }
        let clocks = tiers().filter(|(class, tier)| late.is_of(class, &tier.id)).flat_map(|(_, tier)| &tier.clocks);
        let kinds: std::collections::BTreeSet<ClockKind> = clocks.map(|clock| clock.kind).collect();
        if !kinds.contains(&late.clock) {
            let place = self.file.place(&format!("{path}.clock"));
            self.unknown(place, late.clock.as_str(), kinds.iter().map(|kind| kind.as_str()));
        }
    }
}
