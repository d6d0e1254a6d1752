//! `machines`: the commands that make and remove one, and who looks there. Their name is chosen when a trial begins.

use std::time::Duration;

use super::Loader;
use super::part::Part;
use super::scope::Bound;
use crate::error::Flaw;
use crate::machine::{HOLE, MACHINE, Machine};
use crate::observer::Observer;
use crate::source::MachineSource;
use crate::units::Span;
use crate::yaml::{Key, Node};

/// How long a command may take, in seconds.
const WITHIN_S: u64 = 60;
/// A name such as a machine gets.
const SAMPLE: &str = "probity-12345678-1-0";

impl Loader<'_> {
    pub(super) fn machines(&mut self, part: &mut Part, section: Option<&Node>) {
        for (key, node) in self.named(section, "a machine") {
            let observers = node.get("observers").map(Node::entries).unwrap_or_default();
            let observers = observers.iter().map(|(key, _)| key.text.clone());
            part.machines.insert(key.text.clone(), observers.collect());
            if let Some(machine) = self.machine(part, key, node) {
                self.plan.machines.push(machine);
            }
        }
    }

    /// Of which no trial is made, one was meant to be.
    pub(super) fn unused_machines(&mut self, part: &Part, section: Option<&Node>) {
        for (key, node) in section.map(Node::entries).unwrap_or_default() {
            let name = part.full(&key.text);
            let groups: Vec<&str> = (self.plan.trials.iter())
                .filter(|group| group.machine == name)
                .map(|group| group.name.as_str())
                .collect();
            if groups.is_empty() {
                let message =
                    format!("no trial uses `{}`; name it with `machine`, or leave it out", key.text);
                self.errors.push(Flaw::Machine, &key.at, message);
                continue;
            }
            for (observer, _) in node.get("observers").map(Node::entries).unwrap_or_default() {
                let full = format!("{MACHINE}.{}", observer.text);
                let looks = self.plan.probes.iter().any(|probe| {
                    let here = probe.trial.as_ref().is_some_and(|group| group.machine == name);
                    here && probe.on.as_ref() == Some(&full)
                });
                if !looks {
                    let message = format!(
                        "nothing is looked at from `{}`; name it with `on`, or leave it out",
                        observer.text
                    );
                    self.errors.push(Flaw::Machine, &observer.at, message);
                }
            }
        }
    }

    fn machine(&mut self, part: &mut Part, key: &Key, node: &Node) -> Option<Machine> {
        let of = format!("machine `{}`", key.text);
        if part.scope.knows("name") {
            let message =
                format!("in {of}: `$name` is the machine's name here; call the input `name` otherwise");
            self.errors.push(Flaw::Machine, &node.at, message);
            return None;
        }
        part.scope.bind("name", Bound::Text(HOLE.to_owned()));
        let filled = part.scope.fill(node, &mut self.errors);
        part.scope.unbind("name");
        let filled = filled?;
        let before = self.errors.len();
        let source: Option<MachineSource> = self.decode(&filled, &of);
        let mut observers = Vec::new();
        for (key, node) in self.named(filled.get("observers"), "an observer") {
            let wrong = if key.text == MACHINE {
                Some("`machine` is reached as `up` prints it; call this observer otherwise".to_owned())
            } else if part.observers.contains(&key.text) {
                Some(format!("the plan has an observer `{}`, too; call one of them otherwise", key.text))
            } else {
                None
            };
            if let Some(wrong) = wrong {
                self.errors.push(Flaw::Machine, &key.at, format!("in {of}: {wrong}"));
            }
            let of = format!("observer `{}` of {of}", key.text);
            if let Some(reach) = self.reach(node, &of, |reach| reach.named(SAMPLE)) {
                observers.push(Observer {
                    name: format!("{MACHINE}.{}", key.text),
                    reach,
                    at: key.at.clone(),
                });
            }
        }
        let source = source?;
        for (command, name) in [(&source.up, "up"), (&source.down, "down")] {
            if !command.iter().any(|word| word.contains(HOLE)) {
                let at = &filled.get(name).unwrap_or(&filled).at;
                let message = format!("in {of}: `{name}` does not say which machine: give it `$name`");
                self.errors.push(Flaw::Machine, at, message);
            }
        }
        let MachineSource { up, down, within, .. } = source;
        (self.errors.len() == before).then(|| Machine {
            name: part.full(&key.text),
            up,
            down,
            within: within.unwrap_or(Span(Duration::from_secs(WITHIN_S))),
            observers,
            at: key.at.clone(),
        })
    }
}
