//! From observations to findings, one observation at a time: a few numbers a claim and cell, however long the run.
//!
//! Must not know: how observations were made or stored, or what scores and rules make of findings.

mod admissible;
mod census;
mod clock;
mod company;
mod compare;
pub(crate) mod control;
pub(crate) mod denial;
mod periodic;
mod ranges;
pub(crate) mod rate;
mod room;
mod stable;
mod subject;
mod tally;
pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_plan::{
    Claim, FactType, Form, Happening, Introduction, Observation, Plan, Probe, Shows, TrialGroup,
};

use crate::check::{Compiled, Problems};
use crate::condition::{Budget, ClaimConditions, Conditions};
use crate::judgement::{
    Bounds, CellFinding, ControlFinding, Counts, Decided, Finding, FindingReason, Judgement, Limit, Measured,
    Note, Outcome, Selected, Settle, Step, Unreadable,
};
use crate::verdict::Rules;
use admissible::AdmissibleLooks;
use census::Census;
use clock::Shift;
use company::{Absence, Company};
use compare::Compare;
use denial::{Grants, ShownByControls, ShownOfSides};
use periodic::Periodic;
use rate::Rate;
use room::{BothWays, Room};
use stable::Stable;
use subject::Subject;

/// Derives findings from the observations of a run.
#[derive(Clone)]
pub struct Judge<'p> {
    plan: &'p Plan,
    started: jiff::Timestamp,
    claims: Vec<State<'p>>,
    /// For each probe: the claims that want its observations, by their place, and whether as the other side.
    wanted: BTreeMap<&'p str, Vec<(usize, Side)>>,
    /// For each claim: what its control shows if it holds.
    shown: Vec<ShownOfSides>,
    asked: AdmissibleLooks<'p>,
    company: Company<'p>,
    /// How far clocks moved, by the number of the observer.
    shifts: BTreeMap<u32, Shift>,
    /// What withholds an acceptance, whatever was found.
    withholding: Vec<Limit>,
    /// The machines that may still be there.
    not_removed: Vec<Limit>,
    /// The trials of which times are read that were taken beside each other.
    beside: Vec<Limit>,
    /// What is left of what all conditions together may cost.
    budget: Budget,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Own,
    Against,
}

/// One claim's state.
#[derive(Clone)]
enum State<'p> {
    Open(Box<Subject<'p>>, Box<dyn Room + 'p>),
    /// The claim cannot be decided: why.
    Broken(Unreadable),
}

/// What is known when a claim is decided, besides its observations.
struct Facts {
    /// Which denials its positive control shows to be able to be otherwise: none unless it holds.
    control: Grants,
}

/// What was decided about a claim.
struct Decision {
    outcome: Outcome,
    /// Whether it fails only because the check could not be evaluated.
    by_error: bool,
    /// Whether it fails only because of denials that no control shows to be able to be otherwise.
    by_denial: bool,
    reason: FindingReason,
    measured: Option<Measured>,
    decided: Decided,
    bounds: Option<Bounds>,
    counts: Counts,
    cells: Vec<CellFinding>,
    notes: Vec<Note>,
    settle: Option<Settle>,
    shows: Option<Shows>,
}

impl Decision {
    /// Nothing holds on a log with an entry that no run of the plan yields; what fails without it fails.
    fn doubt(&mut self, entry: u64) {
        if matches!(self.outcome, Outcome::Holds | Outcome::NotApplicable) {
            self.outcome = Outcome::Undetermined;
            self.reason = FindingReason::NotOfThePlan { entry };
            self.settle = Some(Settle::by(vec![Step::ObserveAnew]));
        }
    }

    /// Whatever was seen is not about what was to be done meanwhile, and was not.
    fn set_aside(&mut self, absence: Absence) {
        let Absence { act, entry } = absence;
        self.outcome = Outcome::Undetermined;
        self.reason = FindingReason::NothingBesideIt { act, entry };
        self.settle = Some(Settle::by(vec![Step::ObserveAnew]));
    }
}

impl<'p> Judge<'p> {
    /// A judge of a run of this plan that began at `started`, by the observer's clock. A claim that cannot be read is undetermined; `plan check` says so before.
    pub fn new(plan: &'p Plan, conditions: &'p Conditions, started: jiff::Timestamp) -> Self {
        let mut wanted: BTreeMap<&str, Vec<(usize, Side)>> = BTreeMap::new();
        let mut controls = ShownByControls::default();
        let shown_by_control = |claim| shown_by_control(plan, conditions, claim, &mut controls);
        let shown: Vec<ShownOfSides> = plan.claims.iter().map(shown_by_control).collect();
        let mut budget = Budget::default();
        let claims = plan.claims.iter().enumerate().map(|(at, claim)| {
            wanted.entry(claim.of.as_str()).or_default().push((at, Side::Own));
            if let Some(against) = claim.form.against().filter(|against| *against != claim.of) {
                wanted.entry(against).or_default().push((at, Side::Against));
            }
            open(plan, claim, conditions.claim(at), shown[at], &mut budget)
                .map_or_else(State::Broken, |(subject, room)| State::Open(Box::new(subject), room))
        });
        let claims = claims.collect();
        let mut shift = Shift::default();
        shift.look(started, 0, 0);
        Self {
            plan,
            started,
            claims,
            wanted,
            shown,
            asked: AdmissibleLooks::of(plan),
            company: Company::of(plan),
            shifts: BTreeMap::from([(0, shift)]),
            withholding: Vec::new(),
            not_removed: Vec::new(),
            beside: timed_beside(plan, conditions),
            budget,
        }
    }

    /// Who looks from elsewhere, before the first observation by this number.
    pub fn introduce(&mut self, id: u32, who: &Introduction) {
        self.asked.introduce(id, who);
    }

    /// Takes something that befell the run into account. `entry` is its number in the log.
    pub fn happened(&mut self, entry: u64, what: &Happening) {
        self.asked.happened(entry, what);
        match what {
            Happening::Undo { probe, command, exit_code, .. } if *exit_code != Some(0) => {
                let (probe, command) = (probe.clone(), command.clone());
                self.withholding.push(Limit::NotUndone { probe, command, entry });
            }
            Happening::Down(down) if !down.is_done() => {
                self.not_removed.push(Limit::NotRemoved { machine: down.trial.machine.clone(), entry });
            }
            Happening::Undo { .. } | Happening::Up(_) | Happening::Down(_) => {}
        }
    }

    /// Takes one observation into account, in the log's order. `entry` is its number in the log.
    pub fn observe(&mut self, entry: u64, observation: &Observation) {
        let admitted = self.asked.admit(entry, observation);
        if admitted.is_some() || observation.observer == 0 {
            let shift = self.shifts.entry(observation.observer).or_default();
            shift.look(observation.started, clock::began(observation), clock::slack(observation));
        }
        if admitted.is_some() {
            self.company.observe(entry, observation);
        }
        let Some(wanted) = self.wanted.get(observation.probe.as_str()) else { return };
        for (claim, side) in wanted {
            let State::Open(subject, room) = &mut self.claims[*claim] else { continue };
            let Some(admitted) = admitted else {
                subject.note_unasked(entry);
                continue;
            };
            let look = subject.place(admitted, entry, observation);
            // One budget for all claims.
            subject.budget = std::mem::take(&mut self.budget);
            if *side == Side::Against {
                room.observe_against(&look, subject);
            } else if let Some(trial) = subject.admit(look) {
                room.observe(&trial, subject);
            }
            self.budget = std::mem::take(&mut subject.budget);
        }
    }

    /// How many observations so far no run of the plan yields, and the entry of the first: another probe, row or slot
    /// than planned, or a slot's last attempt twice.
    pub fn unasked(&self) -> Option<(u64, u64)> {
        self.asked.unasked()
    }

    /// That the run says that it began before the run before it in the operator's ledger, which began then: no time of it can be
    /// relied on.
    pub fn began_before(&mut self, predecessor: jiff::Timestamp) {
        self.withholding.push(Limit::BeganBefore { predecessor });
    }

    /// Findings, scores and verdict. `complete` says whether the run came to its plan's end: else nothing is accepted.
    pub fn conclude(self, complete: bool) -> Judgement {
        let (plan, started, limits) = (self.plan, self.started, self.limits());
        let withheld = !complete || !self.withholding.is_empty();
        let mut judgement =
            Judgement { limits, ..crate::verdict::decide(plan, started, self.findings(complete)) };
        if withheld {
            judgement.verdict.withhold();
        }
        judgement
    }

    /// What limits all that is said of the run.
    fn limits(&self) -> Vec<Limit> {
        let moved_us = self.shifts.values().map(|shift| shift.micros()).max().unwrap_or_default();
        let clock = (moved_us > 0).then_some(Limit::ClockSet { moved_us });
        let others = self.withholding.iter().chain(&self.not_removed).chain(&self.beside);
        clock.into_iter().chain(others.cloned()).collect()
    }

    /// The findings alone, in the plan's order; `complete` as for [`Judge::conclude`].
    pub fn findings(mut self, complete: bool) -> Vec<Finding> {
        for state in &mut self.claims {
            if let State::Open(subject, room) = state {
                subject.note_missing(complete);
                subject.budget = std::mem::take(&mut self.budget);
                room.finish(subject);
                self.budget = std::mem::take(&mut subject.budget);
            }
        }
        let mut found: Vec<Option<Finding>> = self.plan.claims.iter().map(|_| None).collect();
        for at in 0..self.plan.claims.len() {
            self.decide(at, &mut found, &mut BTreeSet::new());
        }
        found.into_iter().flatten().collect()
    }

    /// Decides a claim, and before it its control. A control that leads back to itself shows nothing.
    fn decide(&self, at: usize, found: &mut Vec<Option<Finding>>, under_way: &mut BTreeSet<usize>) {
        if found[at].is_some() || !under_way.insert(at) {
            return;
        }
        let claim = &self.plan.claims[at];
        let named = claim.control.as_ref();
        let control = named.and_then(|name| self.plan.place_of_claim(name));
        if let Some(control) = control {
            self.decide(control, found, under_way);
        }
        let control = control.and_then(|control| found[control].as_ref());
        found[at] = Some(self.finding(at, control));
        under_way.remove(&at);
    }

    fn finding(&self, at: usize, control: Option<&Finding>) -> Finding {
        let claim = &self.plan.claims[at];
        let holds = control.is_some_and(|control| control.outcome == Outcome::Holds);
        let facts = Facts { control: if holds { self.shown[at].either() } else { Grants::default() } };
        let (mut decision, subject) = match &self.claims[at] {
            State::Broken(why) => (broken(why.clone()), None),
            State::Open(subject, room) => (room.decide(subject, &facts), Some(subject)),
        };
        let sides = [Some(claim.of.as_str()), claim.form.against()];
        if let Some(absence) = sides.into_iter().flatten().find_map(|probe| self.company.lacks(probe)) {
            decision.set_aside(absence);
        }
        if let Some((_, first)) = subject.and_then(|subject| subject.unasked()) {
            decision.doubt(first);
        }
        let mut notes = decision.notes;
        notes.extend(subject.map(|subject| subject.notes()).unwrap_or_default());
        let selected =
            subject.filter(|_| claim.form.objective().is_some()).and_then(|subject| subject.selected());
        Finding {
            claim: claim.name.clone(),
            of: claim.of.clone(),
            says: claim.says.clone(),
            decided: decision.decided,
            section: claim.section.clone(),
            severity: claim.severity,
            remedy: claim.remedy.clone(),
            outcome: decision.outcome,
            by_error: decision.by_error && decision.outcome == Outcome::Fails,
            by_denial: decision.by_denial && decision.outcome == Outcome::Fails,
            reason: decision.reason,
            measured: decision.measured,
            rests_on: decision.shows,
            bounds: decision.bounds,
            counts: decision.counts,
            selected: selected.map(|(left_out, of)| Selected { left_out, of, meant: claim.selected }),
            control: control.map(|control| ControlFinding {
                claim: control.claim.clone(),
                outcome: control.outcome,
                decided: control.decided.clone(),
                rests_on: control.rests_on,
            }),
            cells: decision.cells,
            notes,
            barriers: subject.map(|subject| subject.barriers()).unwrap_or_default(),
            unclear: subject.map(|subject| subject.unclear().to_vec()).unwrap_or_default(),
            settle: decision.settle,
            entries: subject.map(|subject| subject.entries()).unwrap_or_default(),
            telling: subject.map(|subject| subject.telling()).unwrap_or_default(),
            waived: None,
        }
    }
}

/// The trials that run beside each other and of which a claim or `until` reads a measured time: the quiet lane is quiet within one trial alone.
fn timed_beside(plan: &Plan, conditions: &Conditions) -> Vec<Limit> {
    if plan.trials.iter().all(|group| group.at_once == 1) {
        return Vec::new();
    }
    let read = crate::reads::facts_read(plan, conditions);
    let timed = |probe: &&Probe| {
        let interval = |fact: &String| probe.spec().fact(fact).is_some_and(|it| it.ty == FactType::Interval);
        read.get(&probe.name).is_some_and(|facts| facts.iter().any(interval))
    };
    let limit = |group: &Arc<TrialGroup>| {
        let probes = plan.probes_of(Some(&group.name)).filter(timed);
        let probes: Vec<String> = probes.map(|probe| probe.name.clone()).collect();
        let (trials, at_once) = (group.name.clone(), group.at_once);
        (!probes.is_empty()).then_some(Limit::TimedBeside { trials, at_once, probes })
    };
    plan.trials.iter().filter(|group| group.at_once > 1).filter_map(limit).collect()
}

/// What the control that a claim names shows, if it holds; nothing without one.
fn shown_by_control(
    plan: &Plan,
    conditions: &Conditions,
    claim: &Claim,
    controls: &mut ShownByControls,
) -> ShownOfSides {
    let named = claim.control.as_ref();
    let control = named.and_then(|name| plan.place_of_claim(name));
    let Some(control) = control else { return ShownOfSides::default() };
    let conditions = conditions.claim(control);
    let mut to = |probe: &str| {
        let shown = |probe: &Probe| {
            let (check, filter) = (conditions.check(), conditions.filter());
            controls.of(plan, &plan.claims[control], check, filter, probe.spec())
        };
        plan.probe(probe).map(shown).unwrap_or_default()
    };
    ShownOfSides { own: to(&claim.of), against: claim.form.against().map(to).unwrap_or_default() }
}

fn open<'p>(
    plan: &'p Plan,
    claim: &'p Claim,
    conditions: &'p ClaimConditions,
    shown: ShownOfSides,
    budget: &mut Budget,
) -> Result<(Subject<'p>, Box<dyn Room + 'p>), Unreadable> {
    let probe = plan.probe(&claim.of).ok_or_else(|| Unreadable::NoProbe { probe: claim.of.clone() })?;
    let filter = match &conditions.filter {
        Some(Err(error)) => return Err(Unreadable::Where { offset: error.offset }),
        Some(Ok(filter)) => Some(filter),
        None => None,
    };
    let subject = Subject::new(plan, claim, probe, filter, budget);
    let check = || match &conditions.check {
        Some(Ok(check)) if check.sees(probe) => Ok(check),
        Some(Ok(_)) => Err(Unreadable::ReadsNothing { probe: probe.name.clone() }),
        Some(Err(error)) => Err(Unreadable::Check { offset: error.offset }),
        None => Err(Unreadable::NoCheck),
    };
    let room: Box<dyn Room + 'p> = match &claim.form {
        Form::Each { .. } => Box::new(Census::new(check()?, subject.width())),
        Form::Rate { share, block, pooled, .. } => {
            Box::new(Rate::new(check()?, *share, *block, *pooled, &subject)?)
        }
        Form::Compare { against, .. } => {
            let other = plan.probe(against).ok_or_else(|| Unreadable::NoProbe { probe: against.clone() })?;
            Box::new(BothWays::new(Compare::new(check()?, &subject, other, shown)?))
        }
        Form::Stable { facts, at_most } => Box::new(BothWays::new(Stable::new(facts, *at_most, &subject)?)),
        Form::Periodic { every, tolerance, periods, starts } => {
            Box::new(BothWays::new(Periodic::new(*every, *tolerance, *periods, starts, &subject)?))
        }
    };
    Ok((subject, room))
}

/// What no run of the plan could settle of a claim, or hardly: each form says what it needs.
pub(crate) fn check_planned(plan: &Plan, rules: &Rules<'_>, compiled: &Compiled<'_>, found: &mut Problems) {
    match &compiled.claim.form {
        // Any look is one of those that are asked.
        Form::Each { .. } => {}
        Form::Rate { .. } => rate::check_planned(plan, rules, compiled, found),
        Form::Compare { against, .. } => compare::check_planned(plan, compiled, against, found),
        Form::Stable { .. } => stable::check_planned(compiled, found),
        Form::Periodic { .. } => periodic::check_planned(compiled, found),
    }
}

fn broken(why: Unreadable) -> Decision {
    Decision {
        outcome: Outcome::Undetermined,
        by_error: false,
        by_denial: false,
        reason: FindingReason::Unreadable { why },
        measured: None,
        decided: Decided::Nothing,
        bounds: None,
        counts: Counts::default(),
        cells: Vec::new(),
        notes: Vec::new(),
        settle: Some(Settle::by(vec![Step::CorrectPlan])),
        shows: None,
    }
}
