//! Trials: how many there were, and what became of the machines that were made for them.

use std::collections::BTreeSet;

use probity_plan::Happening;
use probity_verdict::Finding;

use crate::contents::Contents;

/// The trials of one name.
pub(crate) struct Trials<'a> {
    pub name: &'a str,
    /// The machine that each began with.
    pub machine: &'a str,
    pub planned: u32,
    pub at_once: u32,
    /// Machines that were made, reached, and removed.
    pub made: usize,
    pub reached: usize,
    pub removed: usize,
    /// The claims over them, with their place among the findings.
    pub claims: Vec<(usize, &'a Finding)>,
}

/// The trials of the plan, in its order.
pub(crate) fn trials<'a>(contents: &Contents<'a>) -> Vec<Trials<'a>> {
    let of = |group: &'a probity_plan::TrialGroup| {
        let is_over = |finding: &Finding| {
            let probe = contents.plan.probe(&finding.of);
            probe.and_then(|probe| probe.trial.as_ref()).is_some_and(|trial| trial.name == group.name)
        };
        let (mut made, mut reached, mut removed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (_, event) in contents.events {
            let (machines, it) = match &event.what {
                Happening::Up(it) => (&mut made, it),
                Happening::Down(it) => (&mut removed, it),
                Happening::Undo { .. } => continue,
            };
            if it.trial.name == group.name && it.is_done() {
                machines.insert(it.trial.machine.as_str());
            }
        }
        let introduced = contents.observers.iter().filter_map(|(_, observer)| observer.introduction.as_ref());
        let met = introduced.filter_map(|who| who.trial.as_ref()).filter(|trial| trial.name == group.name);
        reached.extend(met.map(|trial| trial.machine.as_str()));
        let findings = contents.judgement.findings.iter().enumerate();
        Trials {
            name: &group.name,
            machine: &group.machine,
            planned: group.repeat,
            at_once: group.at_once,
            made: made.len(),
            reached: reached.len(),
            removed: removed.len(),
            claims: findings.filter(|(_, finding)| is_over(finding)).collect(),
        }
    };
    contents.plan.trials.iter().map(|group| of(group)).collect()
}
