//! Whether a journal is whole: every entry follows from the one before, and every seal agrees.
//!
//! In: the checkpoint that stands for what was pruned, the entries in order, the seals that are held against them, and
//! what lies beside the chain. Out: every [`Fault`] with the entry that it is about. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Digest, Head, Link, Purpose, Record, Seal, World, digest_of};
use crate::units::Timestamp;

/// More than anybody reads at once.
const MOST_FAULTS: usize = 100;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The entry, or its hash, is not as it was written; or the entry before it was exchanged.
    Changed { entry: u64 },
    /// Entries are gone.
    Missing { from: u64, to: u64 },
    /// The entry cannot be read, although its hash is right.
    Unreadable { entry: u64, cause: String },
    /// The signature is not that of the key it names.
    BadSignature { seal: String },
    /// Signed by another key than the house's.
    ForeignKey { seal: String, key: String },
    /// The seal was made over another entry than the one that stands here.
    Disagrees { seal: String, entry: u64 },
    /// The seal was made when the journal was longer: entries after `ends` are gone.
    TailMissing { seal: String, entry: u64, ends: u64 },
    /// What the entry refers to is not there.
    ContentMissing { entry: u64, hash: Digest },
    /// What entries refer to is not as it was written.
    ContentChanged { hash: Digest },
    /// The stored incident is not what the journal says of it.
    IncidentDiffers { incident: String, entry: u64 },
    /// What people wrote in the stored incident is not what they wrote.
    TextDiffers { incident: String, entry: u64 },
    /// The stored record of the desk or of planned work, or what people wrote in it, is not what the journal says of it.
    RecordDiffers { record: String, entry: u64 },
    /// The journal speaks of an incident that is not stored.
    IncidentMissing { incident: String, entry: u64 },
}

/// An audit at work, and its result.
#[derive(Debug, Default, Serialize)]
pub struct Audit {
    pub entries: u64,
    /// Number of the first entry that is kept.
    pub first: Option<u64>,
    pub oldest: Option<Timestamp>,
    pub newest: Option<Timestamp>,
    pub head: Head,
    /// Seals that were compared with an entry that is kept.
    pub seals: u64,
    /// Seals over entries that were pruned since.
    pub seals_pruned: u64,
    pub contents: u64,
    pub incidents: u64,
    /// Of the desk, and of planned work.
    pub records: u64,
    /// Of incidents and records, such in which people wrote something that was held against the journal.
    pub texts: u64,
    /// And such of which nothing can be said without the key of the house.
    pub texts_unchecked: u64,
    pub faults: Vec<Fault>,
    /// Faults beyond those listed.
    pub more: u64,
    /// Seals by the number of their entry.
    #[serde(skip)]
    wanted: BTreeMap<u64, Vec<Seal>>,
    /// Whose hash the checkpoint vouches for.
    #[serde(skip)]
    pruned: Option<Head>,
    /// By hash: the first entry that refers to it.
    #[serde(skip)]
    referred: BTreeMap<Digest, u64>,
    #[serde(skip)]
    worlds: BTreeSet<Digest>,
    /// By incident: what the journal said of it last, and where.
    #[serde(skip)]
    said: BTreeMap<String, (Digest, u64)>,
    /// The same of records of the desk and of planned work.
    #[serde(skip)]
    records_said: BTreeMap<String, (Digest, u64)>,
    /// The same of what people wrote in either.
    #[serde(skip)]
    written: BTreeMap<String, (Digest, u64)>,
}

impl Audit {
    /// `key`: the house's public key, as far as it is known. `seals`: anchors, whoever held them.
    pub fn begin(checkpoint: Option<Seal>, seals: Vec<Seal>, key: Option<&str>) -> Self {
        let mut audit = Self::default();
        for seal in checkpoint.iter().chain(&seals) {
            if !seal.holds() {
                audit.fault(Fault::BadSignature { seal: seal.purpose.to_string() });
            } else if key.is_some_and(|key| key != seal.public_key) {
                audit.fault(Fault::ForeignKey { seal: seal.purpose.to_string(), key: seal.public_key.clone() });
            }
        }
        if let Some(seal) = checkpoint.filter(|seal| seal.purpose == Purpose::Checkpoint) {
            (audit.head, audit.pruned) = (seal.head, Some(seal.head));
        }
        for seal in seals {
            audit.wanted.entry(seal.head.number).or_default().push(seal);
        }
        if let Some(pruned) = audit.pruned {
            let newer = audit.wanted.split_off(&pruned.number);
            let older = std::mem::replace(&mut audit.wanted, newer);
            audit.seals_pruned = older.values().map(|seals| seals.len() as u64).sum();
            audit.compare(pruned);
        }
        audit
    }

    /// Takes the next entry.
    pub fn take(&mut self, link: &Link) {
        let expected = self.head.number + 1;
        if link.number == expected {
            if link.hash_after(self.head.hash) != link.hash {
                self.fault(Fault::Changed { entry: link.number });
            }
        } else {
            self.fault(Fault::Missing { from: expected, to: link.number.saturating_sub(1) });
        }
        self.head = link.head();
        self.entries += 1;
        self.first.get_or_insert(link.number);
        self.oldest.get_or_insert(link.entry.at);
        self.newest = Some(link.entry.at);
        self.compare(self.head);
        match Record::read(&link.entry) {
            Ok(record) => self.note(record, link.number),
            Err(error) => self.fault(Fault::Unreadable { entry: link.number, cause: error.to_string() }),
        }
    }

    /// Takes something that entries may refer to.
    pub fn content(&mut self, hash: Digest, bytes: &[u8]) {
        self.contents += 1;
        if digest_of(bytes) != hash {
            self.fault(Fault::ContentChanged { hash });
        }
        let Some(entry) = self.referred.remove(&hash) else { return };
        // A list of files refers to files.
        if self.worlds.contains(&hash)
            && let Ok(world) = serde_json::from_slice::<World>(bytes)
        {
            world.files.iter().for_each(|file| _ = self.referred.entry(file.hash).or_insert(entry));
        }
    }

    /// Hashes of the lists of files, whose [`Audit::content`] must come before that of the files.
    pub fn worlds(&self) -> Vec<Digest> {
        self.worlds.iter().copied().collect()
    }

    /// Takes a stored incident, names in it being opaque ids: without its free texts, and with them, as older versions
    /// hashed it. `texts`: hash of what people wrote in it, by the key of the house; `None`: that is not here.
    pub fn incident(&mut self, id: &str, forms: [&str; 2], texts: Option<Option<Digest>>) {
        self.incidents += 1;
        let written = self.written.remove(id);
        if let Some((said, entry)) = self.said.remove(id)
            && !forms.iter().any(|form| said == digest_of(form.as_bytes()))
        {
            self.fault(Fault::IncidentDiffers { incident: id.to_owned(), entry });
            return;
        }
        match (written, texts) {
            (Some((written, entry)), Some(texts)) => {
                self.texts += 1;
                if texts != Some(written) {
                    self.fault(Fault::TextDiffers { incident: id.to_owned(), entry });
                }
            }
            (Some(_), None) => self.texts_unchecked += 1,
            (None, _) => {}
        }
    }

    /// Takes a stored record of the desk or of planned work, in the same forms.
    pub fn record(&mut self, id: &str, forms: [&str; 2], texts: Option<Option<Digest>>) {
        self.records += 1;
        let (said, written) = (self.records_said.remove(id), self.written.remove(id));
        self.texts += u64::from(written.is_some() && texts.is_some());
        self.texts_unchecked += u64::from(written.is_some() && texts.is_none());
        let other = said.filter(|(said, _)| !forms.iter().any(|form| *said == digest_of(form.as_bytes())));
        let reworded = written.filter(|(written, _)| texts.is_some_and(|texts| texts != Some(*written)));
        if let Some((_, entry)) = other.or(reworded) {
            self.fault(Fault::RecordDiffers { record: id.to_owned(), entry });
        }
    }

    /// Everything was taken.
    pub fn end(mut self) -> Self {
        let ends = self.head.number;
        for seal in std::mem::take(&mut self.wanted).into_values().flatten() {
            let (seal, entry) = (seal.purpose.to_string(), seal.head.number);
            self.fault(match entry > ends {
                true => Fault::TailMissing { seal, entry, ends },
                false => Fault::Disagrees { seal, entry },
            });
        }
        for (hash, entry) in std::mem::take(&mut self.referred) {
            self.fault(Fault::ContentMissing { entry, hash });
        }
        for (incident, (_, entry)) in std::mem::take(&mut self.said) {
            self.fault(Fault::IncidentMissing { incident, entry });
        }
        self
    }

    fn compare(&mut self, head: Head) {
        for seal in self.wanted.remove(&head.number).unwrap_or_default() {
            self.seals += 1;
            if seal.head.hash != head.hash {
                self.fault(Fault::Disagrees { seal: seal.purpose.to_string(), entry: head.number });
            }
        }
    }

    fn note(&mut self, record: Record, entry: u64) {
        let outcome = match record {
            Record::Start(start) => {
                self.worlds.insert(start.world);
                self.referred.entry(start.world).or_insert(entry);
                self.referred.entry(start.incidents).or_insert(entry);
                return;
            }
            Record::Reload { world, .. } => {
                self.worlds.insert(world);
                self.referred.entry(world).or_insert(entry);
                return;
            }
            Record::Forgotten { texts, .. } => {
                self.written.extend(texts.into_iter().map(|(id, hash)| (id, (hash, entry))));
                return;
            }
            Record::Step(step) => step.outcome,
            Record::Command(command) => command.outcome,
            _ => return,
        };
        let records = outcome.desk.keys().chain(outcome.windows.keys());
        for id in outcome.incidents.keys().chain(records) {
            // Nothing is said of it by versions that said nothing of texts, and where there are none.
            match outcome.texts.get(id) {
                Some(hash) => self.written.insert(id.clone(), (*hash, entry)),
                None => self.written.remove(id),
            };
        }
        let records = outcome.desk.into_iter().chain(outcome.windows);
        self.records_said.extend(records.map(|(id, hash)| (id, (hash, entry))));
        self.said.extend(outcome.incidents.into_iter().map(|(id, hash)| (id, (hash, entry))));
    }

    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::{Entry, SigningKey};

    fn chain(length: u64) -> Vec<Link> {
        let mut head = Head::default();
        let mut append = |number: u64| {
            let entry = Entry {
                at: Timestamp(number as i64 * 1_000),
                kind: "gap".into(),
                payload: format!("{{\"lost\":{number}}}"),
            };
            let link = head.append(entry);
            head = link.head();
            link
        };
        (1..=length).map(&mut append).collect()
    }

    fn faults(checkpoint: Option<Seal>, links: &[Link], seals: Vec<Seal>) -> Vec<Fault> {
        let mut audit = Audit::begin(checkpoint, seals, None);
        links.iter().for_each(|link| audit.take(link));
        audit.end().faults
    }

    #[test]
    fn a_whole_journal_has_no_fault_and_a_pruned_one_goes_on_from_its_checkpoint() {
        let (key, links) = (SigningKey::generate().unwrap(), chain(20));
        let anchor = |at: usize| key.seal(Purpose::Anchor { day: "d".into() }, links[at - 1].head(), Timestamp(0));
        assert_eq!(faults(None, &links, vec![anchor(1), anchor(20)]), []);
        let checkpoint = key.seal(Purpose::Checkpoint, links[9].head(), Timestamp(0));
        assert_eq!(faults(Some(checkpoint.clone()), &links[10..], vec![anchor(3), anchor(10), anchor(11)]), []);
        assert_eq!(faults(None, &links[10..], vec![]), [Fault::Missing { from: 1, to: 10 }]);
        let forged = Seal { head: links[10].head(), ..checkpoint };
        assert_eq!(faults(Some(forged), &links[11..], vec![])[0], Fault::BadSignature { seal: "checkpoint".into() });
    }

    #[test]
    fn a_tail_that_was_cut_off_is_missed_by_whoever_holds_an_anchor() {
        let (key, links) = (SigningKey::generate().unwrap(), chain(20));
        let anchor = key.seal(Purpose::Anchor { day: "2026-11-22".into() }, links[19].head(), Timestamp(0));
        assert_eq!(faults(None, &links[..15], vec![]), [], "nothing in the house tells");
        let missed = Fault::TailMissing { seal: "anchor 2026-11-22".into(), entry: 20, ends: 15 };
        assert_eq!(faults(None, &links[..15], vec![anchor.clone()]), [missed]);
        // Written anew from the start, by somebody who can do that.
        let mut anew = Head::default();
        let rewritten: Vec<Link> = links
            .iter()
            .map(|link| {
                let link = anew.append(Entry { at: Timestamp(1), ..link.entry.clone() });
                anew = link.head();
                link
            })
            .collect();
        assert_eq!(faults(None, &rewritten, vec![]), []);
        let disagrees = Fault::Disagrees { seal: "anchor 2026-11-22".into(), entry: 20 };
        assert_eq!(faults(None, &rewritten, vec![anchor]), [disagrees]);
    }

    proptest! {
        /// Whatever is done to one entry, that entry or the next is named.
        #[test]
        fn any_single_change_is_found_at_its_place(at in 1_usize..19, what in 0_u8..6, bit in 0_usize..64) {
            let mut links = chain(20);
            let link = &mut links[at];
            match what {
                0 => {
                    let mut payload = std::mem::take(&mut link.entry.payload).into_bytes();
                    let byte = bit % payload.len();
                    payload[byte] ^= 1;
                    link.entry.payload = String::from_utf8(payload).unwrap();
                }
                1 => link.entry.at.0 ^= 1 << (bit % 40),
                2 => link.hash.0[bit % 32] ^= 1,
                3 => link.entry.kind.push('x'),
                4 => _ = links.remove(at),
                _ => {
                    let (one, other) = (links[at].number, links[at - 1].number);
                    links.swap(at, at - 1);
                    (links[at - 1].number, links[at].number) = (other, one);
                }
            }
            let found = faults(None, &links, vec![]);
            let place = (at as u64 + 1).saturating_sub(1)..=at as u64 + 2;
            let named = |fault: &Fault| match fault {
                Fault::Changed { entry } | Fault::Unreadable { entry, .. } => place.contains(entry),
                Fault::Missing { from, to } => *from == at as u64 + 1 && to == from,
                _ => false,
            };
            prop_assert!(!found.is_empty() && found.iter().all(named), "{found:?}");
        }
    }
}
