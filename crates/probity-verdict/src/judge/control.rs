//! Which denials count: a denial shows something only beside its positive control, what shows that it could have been
//! otherwise (design.md, rule 4). Must not know how many denials are enough.

use std::collections::BTreeMap;

use probity_plan::{Act, Denied, Observation, model::Cell};

use super::Facts;
use super::denial::{ALL, Grants};
use super::subject::Subject;
use super::tally::{Answer, Tally};
use crate::judgement::{Note, Outcome, Step};

/// Which denials count, for each group of trials that is decided for itself.
pub(super) struct Controls {
    groups: Vec<Grants>,
}

impl Controls {
    /// The claim's own control, if it names one, stands for all. Else each row has its own in the same matrix: a row whose
    /// act differs only in who asks, in which each success was a grant, and of which `holds` says that it satisfies the
    /// claim with no denial counted.
    pub(super) fn of(
        subject: &Subject,
        facts: &Facts,
        tallies: &[Tally],
        holds: impl Fn(usize, &Tally) -> bool,
    ) -> Self {
        let named = subject.claim.control.is_some();
        // Rows that are counted together cannot stand for each other.
        if named || tallies.len() != subject.width() || tallies.iter().all(|tally| tally.denials() == 0) {
            return Self::named(facts, tallies);
        }
        let cells = &subject.probe.cells;
        // Where each trial is looked at by itself, the rows of one say nothing of another.
        let groups = tallies.chunks(cells.len()).enumerate().flat_map(|(trial, tallies)| {
            let same = ALL.map(|what| {
                let rows = cells.iter().zip(tallies).enumerate();
                let granted = |(row, (_, tally)): &(usize, (&Cell, &Tally))| {
                    tally.granted().includes(what) && holds(trial * cells.len() + row, tally)
                };
                SameForOthers::of(rows.filter(granted).map(|(_, (cell, _))| cell), what)
            });
            let shown = |cell| Grants::of(|what| same[what as usize].includes(cell));
            cells.iter().map(shown).collect::<Vec<_>>()
        });
        Self { groups: groups.collect() }
    }

    /// The claim's own control, and nothing else.
    pub(super) fn named(facts: &Facts, tallies: &[Tally]) -> Self {
        Self { groups: vec![facts.control; tallies.len()] }
    }

    /// Which denials count in this group.
    pub(super) fn of_group(&self, group: usize) -> Grants {
        self.groups.get(group).copied().unwrap_or_default()
    }

    /// Whether a denial does not count.
    pub(super) fn lacking(&self, tallies: &[Tally]) -> bool {
        self.groups.iter().zip(tallies).any(|(counts, tally)| tally.uncontrolled(*counts) > 0)
    }

    /// What the denials that count rest on.
    pub(super) fn note(&self, subject: &Subject, tallies: &[Tally]) -> Option<Note> {
        let counted = self
            .groups
            .iter()
            .zip(tallies)
            .map(|(counts, tally)| tally.denials() - tally.uncontrolled(*counts));
        let denials = counted.sum::<u64>();
        (denials > 0).then(|| Note::DenialsCount { denials, control: subject.claim.control.clone() })
    }

    /// Nothing holds in a group of which a denial does not count.
    pub(super) fn hold_back(&self, outcome: Outcome, group: usize, tally: &Tally) -> Outcome {
        match outcome {
            Outcome::Holds if tally.uncontrolled(self.of_group(group)) > 0 => Outcome::Undetermined,
            outcome => outcome,
        }
    }

    /// As [`Controls::note`], where the claim names no control: of one that it names it is said beside it.
    pub(super) fn note_unnamed(&self, subject: &Subject, tallies: &[Tally]) -> Option<Note> {
        self.note(subject, tallies).filter(|_| subject.claim.control.is_none())
    }

    /// What would let a denial count.
    pub(super) fn step(&self, subject: &Subject, tallies: &[Tally]) -> Option<Step> {
        let in_matrix = tallies.len() > 1
            && subject.probe.cells.len() > 1
            && subject.probe.cells.iter().any(|cell| cell.act.anonymous().is_some());
        self.lacking(tallies).then(|| match &subject.claim.control {
            Some(control) => Step::ControlHolds { control: control.clone() },
            None if in_matrix => Step::ControlInMatrix,
            None => Step::NameControl,
        })
    }
}

/// Counts a look that is asked for these facts and for no condition: a denial, if one of them says anything about it. Whether it was one.
pub(super) fn count(tally: &mut Tally, subject: &Subject, observation: &Observation, facts: &[&str]) -> bool {
    let denied = subject.denied(observation, facts.iter().copied());
    match denied {
        Some(what) => tally.add(Answer::Denial(what), None),
        None => {
            tally.add(Answer::Success, None);
            tally.grant(subject.granted(observation));
        }
    }
    denied.is_some()
}

/// What was asked, by whom: at most two different acts for each that differs in more than who asks.
pub(crate) struct SameForOthers<'c> {
    denied: Denied,
    acts: BTreeMap<String, Vec<&'c Act>>,
}

impl<'c> SameForOthers<'c> {
    /// As controls of what is `denied`.
    pub(crate) fn of(cells: impl Iterator<Item = &'c Cell>, denied: Denied) -> Self {
        let mut acts: BTreeMap<String, Vec<&Act>> = BTreeMap::new();
        for cell in cells {
            let Some(asked) = asked(&cell.act, denied) else { continue };
            let same = acts.entry(asked).or_default();
            if same.len() < 2 && !same.contains(&&cell.act) {
                same.push(&cell.act);
            }
        }
        Self { denied, acts }
    }

    /// Whether somebody else among them asked the same.
    pub(crate) fn includes(&self, cell: &Cell) -> bool {
        asked(&cell.act, self.denied)
            .and_then(|asked| self.acts.get(&asked))
            .is_some_and(|same| same.iter().any(|act| **act != cell.act))
    }
}

/// What is asked, whoever asks, before it can be `denied`: a connection is, before anybody said more of who they are than by a certificate.
fn asked(act: &Act, denied: Denied) -> Option<String> {
    let anonymous = act.anonymous()?;
    if denied != Denied::Connection {
        return serde_json::to_string(&anonymous).ok();
    }
    let mut parameters = serde_json::to_value(act).ok()?;
    for of_certificate in ["client_certificate", "client_key"] {
        parameters.as_object_mut()?.remove(of_certificate);
    }
    Some(parameters.to_string())
}
