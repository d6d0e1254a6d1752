//! `probes`: one kind with its parameters, and the keys that all kinds share.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::Loader;
use super::matrix::{Rows, bound};
use super::part::{Of, Part};
use super::trial::InTrial;
use crate::error::{Flaw, did_you_mean, enumerate};
use crate::kinds::{self, Act, KINDS, KindSpec};
use crate::model::{Cell, Probe, Schedule};
use crate::source::ProbeSource;
use crate::units::Span;
use crate::yaml::{De, Key, Kind, Node, fields_of};

/// The most looks that a plan may ask for: slots times cells, over all probes.
pub const MAX_LOOKS: u64 = 1_000_000;
/// The time-out of one look, in seconds.
const TIMEOUT_S: u64 = 10;

/// The keys that the parameters of this kind have.
pub(crate) fn parameters(kind: &str) -> &'static [&'static str] {
    fields_of(|fields| drop(Act::deserialize(kind, fields)))
}

/// The keys that every probe may have.
fn common() -> &'static [&'static str] {
    fields_of(|fields| drop(<ProbeSource as serde::Deserialize>::deserialize(fields)))
}

impl Loader<'_> {
    pub(super) fn probes(&mut self, part: &mut Part, section: Option<&Node>, claims: Option<&Node>) {
        let named = self.named(section, "a probe");
        let mut earlier = part.probes.clone();
        for (key, _) in &named {
            // A plan to evaluate by has none, which `sections` told.
            if !part.probes.insert(key.text.clone()) && self.probes_of.is_none() {
                let message = format!("an include already brings a probe called `{}`", key.text);
                self.errors.push(Flaw::Name, &key.at, message);
            }
        }
        // Claims are declared before they are read, so that `needs` can name them.
        part.claims
            .extend(claims.map(Node::entries).unwrap_or_default().iter().map(|(key, _)| key.text.clone()));
        for (key, node) in named {
            let of = format!("probe `{}`", key.text);
            if let Some(probe) = self.probe(part, None, (key, node), &earlier, &of) {
                self.add_probe(probe);
            }
            earlier.insert(key.text.clone());
        }
    }

    /// A probe of the plan, or of a trial. `earlier` are the names of those before it, as the part has them.
    pub(super) fn probe(
        &mut self,
        part: &mut Part,
        trial: Option<&InTrial>,
        (key, node): (&Key, &Node),
        earlier: &BTreeSet<String>,
        of: &str,
    ) -> Option<Probe> {
        let local = |name: &str| trial.map_or_else(|| name.to_owned(), |trial| trial.local(name));
        if node.is_broken() {
            return None;
        }
        let spec = self.kind(node, of)?;
        let (own, shared) = self.divided(node, spec, of)?;
        let matrix = match shared.get("matrix") {
            Some(matrix) => match part.scope.fill(matrix, &mut self.errors) {
                Some(matrix) => Some(self.matrix(part, &matrix, spec, of)?),
                None => return None,
            },
            None => None,
        };
        part.scope.elsewhere = matrix.as_ref().map(|rows| rows.columns.clone()).unwrap_or_default();
        let shared = part.scope.fill_entry(&shared, &["until"], &mut self.errors);
        part.scope.elsewhere = Vec::new();
        let before = self.errors.len();
        let cells = self.cells(part, &own, matrix.as_ref(), spec, of);
        let shared = shared?;
        let source: ProbeSource = self.decode(&shared, of)?;
        let (Some(cells), true) = (cells, self.errors.len() == before) else {
            self.schedule(&source, &shared, of);
            return None;
        };

        let on = source.on.as_ref().and_then(|name| {
            let at = &shared.get("on").unwrap_or(node).at;
            if let Some(of_machine) = trial.and_then(|trial| trial.observer(part, name)) {
                return Some(of_machine);
            }
            self.refer(part, Of::Observers, name, at, of).then(|| part.full(name))
        });
        let with = source.during.as_ref().map(|name| local(name)).and_then(|name| {
            let at = &shared.get("with").unwrap_or(node).at;
            let wrong = if !self.refer(part, Of::Probes, &name, at, of) {
                return None;
            } else if name == local(&key.text) {
                "a probe cannot run with itself".to_owned()
            } else if !earlier.contains(&name) && part.probes.contains(&name) {
                format!("`with` names a probe that comes before this one; `{name}` comes after it")
            } else if self.probe_called(&part.full(&name)).is_some_and(|other| other.with.is_some()) {
                format!("`{name}` itself runs with another probe; name that one")
            } else {
                return Some(part.full(&name));
            };
            self.errors.push(Flaw::Probe, at, format!("in {of}: {wrong}"));
            None
        });
        let floor = cells.iter().map(|cell| cell.act.impact()).max().unwrap_or(spec.floor);
        let schedule = self.schedule(&source, &shared, of);
        let looks_before = self.looks;
        let trials = u64::from(trial.map_or(1, |trial| trial.group.repeat));
        let looks = trials.saturating_mul(u64::from(schedule.slots())).saturating_mul(cells.len() as u64);
        self.looks = looks_before.saturating_add(looks);
        if self.looks > MAX_LOOKS && looks_before <= MAX_LOOKS {
            let each = if trial.is_some() { ", in each trial" } else { "" };
            self.errors.push(Flaw::Probe, &key.at,
                format!("in {of}: with this probe the plan asks for more than {MAX_LOOKS} looks (slots times rows{each})"),
            );
        }
        Some(Probe {
            name: part.full(&local(&key.text)),
            trial: trial.map(|trial| Arc::clone(&trial.group)),
            cells,
            columns: matrix.map(|rows| rows.columns).unwrap_or_default(),
            schedule,
            on,
            with,
            needs: source.needs.map(|claim| part.full(&claim)),
            impact: source.impact.unwrap_or(floor),
            declared_harmless: source.impact.is_some_and(|impact| impact < floor),
            keep_all: source.keep.is_some(),
            undo: source.undo.map(Act::Command),
            at: key.at.clone(),
        })
    }

    /// The one kind that a probe is of. A key can be a kind and a parameter of another kind.
    fn kind(&mut self, node: &Node, of: &str) -> Option<&'static KindSpec> {
        let Kind::Map(entries) = &node.kind else {
            let message = format!("in {of}: expected a map such as {{ http: URL }}, found {}", node.found());
            self.errors.push(Flaw::Shape, &node.at, message);
            return None;
        };
        let named: Vec<(&Key, &'static KindSpec)> =
            entries.iter().filter_map(|(key, _)| Some((key, kinds::kind(&key.text)?))).collect();
        let takes_all = |(_, spec): &&(&Key, &'static KindSpec)| {
            named.iter().all(|(key, _)| parameters(spec.name).contains(&key.text.as_str()))
        };
        if let Some((_, spec)) = named.iter().find(takes_all) {
            return Some(spec);
        }
        if let [(first, _), (second, _), ..] = named.as_slice() {
            let message =
                format!("in {of}: a probe is of one kind; `{}` and `{}` are two", first.text, second.text);
            self.errors.push(Flaw::Probe, &second.at, message);
            return None;
        }
        let names = || KINDS.iter().map(|spec| spec.name);
        let mut near = false;
        for (key, _) in entries.iter().filter(|(key, _)| !common().contains(&key.text.as_str())) {
            let hint = did_you_mean(&key.text, names());
            if !hint.is_empty() {
                near = true;
                self.errors.push(
                    Flaw::Shape,
                    &key.at,
                    format!("in {of}: unknown key `{}`{hint}", crate::yaml::shortened(&key.text)),
                );
            }
        }
        if !near {
            self.errors.push(
                Flaw::Probe,
                &node.at,
                format!("in {of}: a probe is of one kind: {}", enumerate(names(), "or")),
            );
        }
        None
    }

    /// The parameters of the kind, and the keys that all kinds share.
    fn divided(&mut self, node: &Node, spec: &KindSpec, of: &str) -> Option<(Node, Node)> {
        let (parameters, common) = (parameters(spec.name), common());
        let (mut own, mut shared) = (Vec::new(), Vec::new());
        let before = self.errors.len();
        for (key, value) in node.entries() {
            let name = key.text.as_str();
            if parameters.contains(&name) {
                own.push((key.clone(), value.clone()));
            } else if common.contains(&name) {
                shared.push((key.clone(), value.clone()));
            } else {
                let mut hint = did_you_mean(name, parameters.iter().chain(common).copied());
                if hint.is_empty() {
                    hint = format!("; `{}` has {}", spec.name, enumerate(parameters.iter().copied(), "and"));
                }
                let message = format!("in {of}: unknown key `{}`{hint}", crate::yaml::shortened(name));
                self.errors.push(Flaw::Shape, &key.at, message);
            }
        }
        let map = |entries| Node { at: node.at.clone(), kind: Kind::Map(Rc::new(entries)), filled: false };
        (self.errors.len() == before).then(|| (map(own), map(shared)))
    }

    /// One act for each row, or one alone. Stops at the first row that is wrong.
    fn cells(
        &mut self,
        part: &mut Part,
        own: &Node,
        matrix: Option<&Rows>,
        spec: &KindSpec,
        of: &str,
    ) -> Option<Vec<Cell>> {
        let Some(matrix) = matrix else {
            let filled = part.scope.fill(own, &mut self.errors)?;
            return Some(vec![Cell {
                row: Default::default(),
                act: self.act(spec, &filled, || of.to_owned())?,
            }]);
        };
        let mut cells = Vec::with_capacity(matrix.rows.len());
        for row in &matrix.rows {
            for (column, cell) in matrix.columns.iter().zip(row) {
                part.scope.bind(column, bound(cell));
            }
            let filled = part.scope.fill(own, &mut self.errors);
            let told = || format!("{of} ({})", matrix.told(row));
            let act = filled.and_then(|filled| self.act(spec, &filled, told));
            match act {
                Some(act) => cells.push(Cell { row: matrix.facts(row), act }),
                None => {
                    cells.clear();
                    break;
                }
            }
        }
        for column in &matrix.columns {
            part.scope.unbind(column);
        }
        (!cells.is_empty()).then_some(cells)
    }

    fn act(&mut self, spec: &KindSpec, node: &Node, of: impl FnOnce() -> String) -> Option<Act> {
        match Act::deserialize(spec.name, De(node))? {
            Ok(act) => Some(act),
            Err(error) => {
                self.refuse(&error, node, &of());
                None
            }
        }
    }

    fn schedule(&mut self, source: &ProbeSource, node: &Node, of: &str) -> Schedule {
        let at = |key: &str| &node.get(key).unwrap_or(node).at;
        let mut wrong = Vec::new();
        match (source.every, source.lasting, source.repeat) {
            (Some(_), None, None) => {
                wrong.push((at("every"), "`every` needs `for`: how long to go on".to_owned()));
            }
            (None, Some(_), None) => {
                wrong.push((at("for"), "`for` needs `every`: how often to look".to_owned()));
            }
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                wrong.push((at("repeat"), "`repeat` stands alone, or `every` with `for`".to_owned()));
            }
            (Some(every), Some(lasting), None) if lasting < every => {
                wrong.push((at("for"), "`for` is shorter than `every`: there is not one slot".to_owned()));
            }
            _ => {}
        }
        if source.repeat == Some(0) {
            wrong.push((at("repeat"), "`repeat` is at least 1".to_owned()));
        }
        match (&source.until, source.within) {
            (Some(_), None) => {
                wrong.push((at("until"), "`until` needs `within`: how long to go on".to_owned()));
            }
            (None, Some(_)) => {
                wrong.push((at("within"), "`within` needs `until`: what to wait for".to_owned()));
            }
            (Some(_), Some(within)) if source.every.is_some_and(|every| within > every) => {
                wrong.push((
                    at("within"),
                    "`within` is longer than `every`: slots would be missed".to_owned(),
                ));
            }
            _ => {}
        }
        for (at, message) in wrong {
            self.errors.push(Flaw::Probe, at, format!("in {of}: {message}"));
        }
        Schedule {
            every: source.every,
            lasting: source.lasting,
            repeat: source.repeat,
            timeout: source.timeout.unwrap_or(Span(std::time::Duration::from_secs(TIMEOUT_S))),
            until: self.condition(source.until.clone(), node, "until", of),
            within: source.within,
        }
    }

    /// A probe can wait only for a claim that is decided by then: about a probe that comes before it.
    /// `trial` stands before the names of these probes.
    pub(super) fn needs(&mut self, part: &Part, trial: &str, section: Option<&Node>) {
        for (key, node) in section.map(Node::entries).unwrap_or_default() {
            let Some(&place) = self.probe_at.get(&part.full(&format!("{trial}{}", key.text))) else {
                continue;
            };
            let Some(probe) = self.plan.probes.get(place) else { continue };
            let (in_trial, Some(needed)) = (probe.trial.is_some(), probe.needs.clone()) else { continue };
            let at = &node.get("needs").unwrap_or(node).at;
            let name = needed.strip_prefix(&part.prefix).unwrap_or(&needed);
            if !self.refer(part, Of::Claims, name, at, &format!("probe `{}`", key.text)) {
                continue;
            }
            let Some(claim) = self.claim_called(&needed) else { continue };
            // Trials run after all other probes.
            let later = |probe: &str| {
                let is_trial = self.probe_called(probe).is_some_and(|probe| probe.trial.is_some());
                let after = self.probe_at.get(probe).is_some_and(|later| *later >= place);
                if is_trial == in_trial { after } else { is_trial }
            };
            // A denial counts beside its control, and that one may be a denial, too.
            let mut asked = BTreeSet::new();
            let mut next = Some(claim);
            while let Some(claim) = next.filter(|claim| asked.insert(claim.name.as_str())) {
                if later(&claim.of) || claim.form.against().is_some_and(later) {
                    let which = if claim.name == needed { "" } else { "the control of " };
                    let message = format!(
                        "in probe `{}`: `needs` names a claim about probes that come before this one; {which}`{name}` is not",
                        key.text
                    );
                    self.errors.push(Flaw::Probe, at, message);
                    break;
                }
                next = claim.control.as_deref().and_then(|control| self.claim_called(control));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_tells_its_parameters() {
        for spec in KINDS {
            let parameters = parameters(spec.name);
            // A struct with `flatten` has none: the loader could not tell its keys from unknown ones.
            assert!(parameters.contains(&spec.name), "`{}` has the keys {parameters:?}", spec.name);
        }
    }

    #[test]
    fn a_key_can_be_a_kind_and_a_parameter_of_one_other_kind() {
        // `{ log: ..., service: ... }` is a log probe whichever is written first, unless both kinds take the other's key.
        for one in KINDS {
            for other in KINDS.iter().filter(|other| other.name != one.name) {
                let both =
                    parameters(one.name).contains(&other.name) && parameters(other.name).contains(&one.name);
                assert!(!both, "`{}` and `{}` take each other's keys", one.name, other.name);
            }
        }
    }

    #[test]
    fn no_kind_hides_a_shared_key_but_within() {
        for spec in KINDS {
            let hidden: Vec<_> = parameters(spec.name)
                .iter()
                .filter(|key| common().contains(key) && **key != "within")
                .collect();
            assert!(hidden.is_empty(), "`{}` hides {hidden:?}", spec.name);
        }
    }
}
