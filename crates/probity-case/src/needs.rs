//! What the probes of a trial need to go on: whether a claim about them holds in this very trial, so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_evidence::entry::Body;
use probity_plan::{Form, Happening, Plan, Trial, TrialGroup};
use probity_verdict::{Conditions, Finding, Judge, Outcome};

/// The plan as one trial of each group has it: a rate over trials is then what each of them has to satisfy. Nothing where no
/// probe of a trial needs anything.
pub(crate) fn of_one_trial(plan: &Plan) -> Option<Plan> {
    plan.probes.iter().find(|probe| probe.trial.is_some() && probe.needs.is_some())?;
    let mut one = plan.clone();
    let only = |group: &Arc<TrialGroup>| Arc::new(TrialGroup { repeat: 1, at_once: 1, ..(**group).clone() });
    one.trials.iter_mut().for_each(|group| *group = only(group));
    for probe in &mut one.probes {
        probe.trial = probe.trial.as_ref().map(only);
    }
    for claim in &mut one.claims {
        let in_trials = plan.probe(&claim.of).is_some_and(|probe| probe.trial.is_some());
        if let Form::Rate { check, .. } = &claim.form
            && in_trials
        {
            claim.form = Form::Each { check: check.clone() };
        }
    }
    Some(one)
}

/// The trials under way, each judged by itself.
pub(crate) struct Needs<'p> {
    plan: &'p Plan,
    /// What was seen outside of trials.
    before: Judge<'p>,
    trials: BTreeMap<Trial, Judge<'p>>,
}

impl<'p> Needs<'p> {
    /// `plan` is one of [`of_one_trial`].
    pub(crate) fn new(plan: &'p Plan, conditions: &'p Conditions, started: jiff::Timestamp) -> Self {
        Self { plan, before: Judge::new(plan, conditions, started), trials: BTreeMap::new() }
    }

    /// The next entry.
    pub(crate) fn take(&mut self, entry: u64, body: &Body) {
        match body {
            Body::Observer(observer) => {
                if let Some(who) = &observer.introduction {
                    match &who.trial {
                        None => {
                            self.before.introduce(observer.id, who);
                            self.trials.values_mut().for_each(|judge| judge.introduce(observer.id, who));
                        }
                        Some(trial) => {
                            let mut who = who.clone();
                            let judge = self.of_trial(trial);
                            who.trial = Some(only_one(trial));
                            judge.introduce(observer.id, &who);
                        }
                    }
                }
            }
            Body::Observation(observation) => match &observation.trial {
                None => self.before.observe(entry, observation),
                Some(trial) => {
                    let mut alone = observation.clone();
                    alone.trial = Some(only_one(trial));
                    self.of_trial(trial).observe(entry, &alone);
                }
            },
            Body::Event(event) => match &event.what {
                Happening::Up(up) => {
                    let mut alone = up.clone();
                    alone.trial = only_one(&up.trial);
                    self.of_trial(&up.trial).happened(entry, &Happening::Up(alone));
                }
                Happening::Down(down) => drop(self.trials.remove(&down.trial)),
                Happening::Undo { .. } => {}
            },
            Body::Start(_) | Body::Endorsement(_) | Body::Close(_) => {}
        }
    }

    fn of_trial(&mut self, trial: &Trial) -> &mut Judge<'p> {
        self.trials.entry(trial.clone()).or_insert_with(|| self.before.clone())
    }

    /// Whether this claim holds in this trial; nothing if it is not about that.
    pub(crate) fn holds(&self, claim: &str, trial: &Trial) -> Option<bool> {
        let of = self.plan.probe(&self.plan.claim(claim)?.of)?;
        of.trial.as_ref().filter(|group| group.name == trial.name)?;
        let findings = self.trials.get(trial)?.clone().findings(false);
        let holds = |finding: &Finding| finding.claim == claim && finding.outcome == Outcome::Holds;
        Some(findings.iter().any(holds))
    }
}

/// The trial as the first of one.
fn only_one(trial: &Trial) -> Trial {
    Trial { number: 0, ..trial.clone() }
}
