//! `trials`: probes that run together on a fresh machine, again and again.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::Loader;
use super::part::{Of, Part};
use crate::error::Flaw;
use crate::machine::{MACHINE, TrialGroup};
use crate::source::TrialSource;
use crate::yaml::{Key, Kind, Node};

/// The most trials that run side by side.
const MAX_AT_ONCE: u32 = 64;

/// Where a probe stands that is part of trials.
pub(super) struct InTrial {
    pub group: Arc<TrialGroup>,
    /// The name of the trials, and of their machine, as the part has them.
    name: String,
    machine: String,
}

impl InTrial {
    /// The name that a probe of these trials has in the part.
    pub fn local(&self, probe: &str) -> String {
        format!("{}.{probe}", self.name)
    }

    /// The full name of an observer of the machine.
    pub fn observer(&self, part: &Part, name: &str) -> Option<String> {
        if name == MACHINE {
            return Some(name.to_owned());
        }
        let observers = part.machines.get(&self.machine)?;
        observers.contains(name).then(|| format!("{MACHINE}.{name}"))
    }
}

impl Loader<'_> {
    pub(super) fn trials(&mut self, part: &mut Part, section: Option<&Node>) {
        for (key, node) in self.named(section, "a trial") {
            let trial = self.trial(part, key, node);
            let named = self.named(node.get("probes"), "a probe");
            let mut earlier = BTreeSet::new();
            part.probes.extend(named.iter().map(|(probe, _)| trial.local(&probe.text)));
            for (key, node) in named {
                let name = trial.local(&key.text);
                let of = format!("probe `{name}`");
                if let Some(probe) = self.probe(part, Some(&trial), (key, node), &earlier, &of) {
                    self.add_probe(probe);
                }
                earlier.insert(name);
            }
            self.plan.trials.push(trial.group);
        }
    }

    /// What it says of itself; where that is wrong, something to go on with.
    fn trial(&mut self, part: &mut Part, key: &Key, node: &Node) -> InTrial {
        let of = format!("trial `{}`", key.text);
        let mut wrong: Vec<(&Node, String)> = Vec::new();
        if node.get("probes").is_none() && !node.is_broken() {
            wrong.push((node, "key `probes` is missing: what to look at in each".to_owned()));
        }
        let own = node.entries().iter().filter(|(key, _)| key.text != "probes");
        let own = Kind::Map(Rc::new(own.cloned().collect()));
        let own =
            Node { kind: if node.entries().is_empty() { node.kind.clone() } else { own }, ..node.clone() };
        let filled = part.scope.fill(&own, &mut self.errors);
        let source: Option<TrialSource> = filled.as_ref().and_then(|filled| self.decode(filled, &of));
        let filled = filled.as_ref().unwrap_or(&own);
        let at = |key: &str| filled.get(key).unwrap_or(filled);
        let (machine, repeat, at_once) = match source {
            Some(TrialSource { machine, repeat, at_once, .. }) => {
                self.refer(part, Of::Machines, &machine, &at("machine").at, &of);
                let at_once = at_once.unwrap_or(1);
                if repeat == 0 {
                    wrong.push((at("repeat"), "`repeat` is at least 1".to_owned()));
                } else if at_once == 0 || at_once > repeat || at_once > MAX_AT_ONCE {
                    let most = repeat.min(MAX_AT_ONCE);
                    wrong.push((
                        at("at_once"),
                        format!("`at_once` is from 1 to {most} of the {repeat} trials"),
                    ));
                }
                (machine, repeat, at_once)
            }
            None => match &at("machine").kind {
                Kind::Plain(machine) | Kind::Text(machine) => (machine.clone(), 1, 1),
                _ => (String::new(), 1, 1),
            },
        };
        for (node, wrong) in wrong {
            self.errors.push(Flaw::Trial, &node.at, format!("in {of}: {wrong}"));
        }
        let group = TrialGroup {
            name: part.full(&key.text),
            machine: part.full(&machine),
            repeat: repeat.max(1),
            at_once: at_once.max(1),
            at: key.at.clone(),
        };
        InTrial { group: Arc::new(group), name: key.text.clone(), machine }
    }
}
