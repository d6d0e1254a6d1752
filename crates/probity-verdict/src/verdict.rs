//! From findings to scores and the verdict: ordered rules, three-valued, with waivers, and with the rates under an
//! acceptance decided as strictly as `multiplicity` asks.
//!
//! Must not know: observations. The only time it knows is the start of the run, which is in the log.

mod why;

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::{Claim, Form, Plan, Waiver};

use crate::judgement::{Counts, Finding, Judgement, Outcome, Verdict, WaivedBy};
use crate::multiplicity::{self, Demand};
use crate::rule::{self, Asks, Node, RuleError};
use crate::statistics;
use crate::truth::Truth;

pub(crate) use crate::wording::verdict::label;

/// The label where no rule applies: a plan whose last rule has a condition. Never an acceptance.
pub const NO_RULE: &str = "NO RULE APPLIES";

/// What is added to a label for which a waiver was needed.
pub(crate) const WITH_WAIVERS: &str = " with waivers";

/// What is added to the label of an acceptance that something forbids which befell the run ([`crate::judgement::Limit`]).
pub(crate) const WITHHELD: &str = " withheld";

/// Scores and the verdict from the findings; marks findings that a waiver in force covers.
///
/// `findings` are found by their claim's name; a claim without one is undetermined. `started` is the start of the run
/// as logged; a waiver counts up to the end of its last day (UTC). A rule whose condition cannot be read is unknown.
pub fn decide(plan: &Plan, started: jiff::Timestamp, mut findings: Vec<Finding>) -> Judgement {
    let rules = Rules::new(plan, started);
    for (claim, waivers) in plan.claims.iter().zip(&rules.waivers) {
        if let Some(finding) = findings.iter_mut().find(|finding| finding.claim == claim.name) {
            finding.waived = covering(waivers, finding.outcome).map(waived_by);
        }
    }
    let case = Case::new(&rules, &findings);
    let scores = plan
        .scores
        .iter()
        .map(|score| {
            crate::score::score(score, |name| plan.place_of_claim(name).map(|claim| case.outcome(claim, 1)))
        })
        .collect();
    let verdict = case.verdict();
    Judgement { rules: crate::RULES, plan: plan.title.clone(), limits: Vec::new(), findings, scores, verdict }
}

/// A plan's rules, read, with what they ask for and the waivers in force.
pub(crate) struct Rules<'a> {
    pub(crate) plan: &'a Plan,
    conditions: Vec<Option<Node>>,
    /// Conditions that cannot be read, by rule.
    pub(crate) errors: Vec<(usize, RuleError)>,
    demands: Vec<Option<Demand>>,
    /// The claims that a claim's probes need, directly or because of what those rest on.
    needed: Vec<BTreeSet<usize>>,
    /// The claims of each score, in the order of its weights.
    weighted: Vec<Vec<Option<usize>>>,
    /// Waivers in force, for each claim.
    waivers: Vec<Vec<&'a Waiver>>,
    /// Waivers that were over, or whose day cannot be read.
    pub(crate) expired: Vec<&'a Waiver>,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(plan: &'a Plan, started: jiff::Timestamp) -> Self {
        let claims: Vec<&str> = plan.claims.iter().map(|claim| claim.name.as_str()).collect();
        let scores: Vec<&str> = plan.scores.iter().map(|score| score.name.as_str()).collect();
        let mut errors = Vec::new();
        let mut conditions = Vec::new();
        for (number, rule) in plan.rules.iter().enumerate() {
            let read = rule.when.as_ref().map(|when| rule::parse(when, &claims, &scores));
            conditions.push(read.and_then(|read| read.map_err(|error| errors.push((number, error))).ok()));
        }
        let (force, expired): (Vec<_>, Vec<_>) = plan
            .waivers
            .iter()
            .partition(|waiver| last_day(waiver).is_some_and(|day| day_of(started) <= day));
        let waivers = plan
            .claims
            .iter()
            .map(|claim| force.iter().copied().filter(|waiver| waiver.claim == claim.name).collect())
            .collect();
        let places: BTreeMap<&str, usize> = claims.iter().copied().zip(0..).collect();
        let weighted = plan.scores.iter().map(|score| {
            score.weights.iter().map(|(claim, _)| places.get(claim.as_str()).copied()).collect()
        });
        let weighted: Vec<Vec<Option<usize>>> = weighted.collect();
        let demands = multiplicity::demands(plan, &conditions, &weighted);
        Self { plan, conditions, errors, demands, needed: needed(plan, &places), weighted, waivers, expired }
    }

    /// How many outcomes it takes to decide all of them once.
    pub(crate) fn length(&self) -> usize {
        let mut length = 0;
        for node in self.conditions.iter().flatten() {
            node.leaves(&mut |leaf| {
                length += if let Node::Score(score, ..) = leaf { self.weighted[*score].len() } else { 1 };
            });
        }
        length
    }

    /// The claims in the scores that a condition reads.
    pub(crate) fn in_scores(&self, node: &Node) -> Vec<usize> {
        node.scores().into_iter().flat_map(|score| self.weighted[score].iter().flatten().copied()).collect()
    }

    /// The condition of this rule, if it has one that can be read.
    pub(crate) fn condition(&self, rule: usize) -> Option<&Node> {
        self.conditions[rule].as_ref()
    }

    /// Whether this rule decides the rate of this name, by itself or in a score.
    pub(crate) fn decides(&self, rule: usize, claim: &str) -> bool {
        let Some(demand) = &self.demands[rule] else { return false };
        self.plan.place_of_claim(claim).is_some_and(|claim| demand.rates.contains_key(&claim))
    }

    /// By how much this rule divides the error probability of its rates.
    pub(crate) fn divisor(&self, rule: usize) -> u32 {
        self.demands[rule].as_ref().map_or(1, Demand::divisor)
    }
}

/// For each claim, those that it rests on: its control, and those without which its probes, or what these run with, would not have looked.
fn needed(plan: &Plan, places: &BTreeMap<&str, usize>) -> Vec<BTreeSet<usize>> {
    let of_probe: BTreeMap<&str, usize> = (plan.probes.iter())
        .filter_map(|probe| Some((probe.name.as_str(), *places.get(probe.needs.as_deref()?)?)))
        .collect();
    let direct = |claim: usize| {
        let claim = &plan.claims[claim];
        let own = std::iter::once(claim.of.as_str()).chain(claim.form.against());
        let probes = own.flat_map(|probe| {
            std::iter::once(probe).chain(plan.probe(probe).and_then(|probe| probe.with.as_deref()))
        });
        let control = claim.control.as_deref().and_then(|control| places.get(control));
        probes.filter_map(|probe| of_probe.get(probe)).chain(control).copied().collect::<Vec<_>>()
    };
    let all = |claim| {
        let (mut all, mut open) = (BTreeSet::new(), direct(claim));
        while let Some(next) = open.pop() {
            if all.insert(next) {
                open.extend(direct(next));
            }
        }
        all
    };
    (0..plan.claims.len()).map(all).collect()
}

/// The last day a waiver counts.
fn last_day(waiver: &Waiver) -> Option<jiff::civil::Date> {
    waiver.until.parse().ok()
}

fn day_of(moment: jiff::Timestamp) -> jiff::civil::Date {
    jiff::tz::Offset::UTC.to_datetime(moment).date()
}

/// The first waiver that covers this outcome.
fn covering<'a>(waivers: &[&'a Waiver], outcome: Outcome) -> Option<&'a Waiver> {
    waivers.iter().copied().find(|waiver| match outcome {
        Outcome::Fails => waiver.covers_fails,
        Outcome::Undetermined => waiver.covers_undetermined,
        Outcome::Holds | Outcome::NotApplicable => false,
    })
}

fn waived_by(waiver: &Waiver) -> WaivedBy {
    WaivedBy { reason: waiver.reason.clone(), owner: waiver.owner.clone(), until: waiver.until.clone() }
}

/// Where the findings come from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// What was found.
    Findings(&'a [Option<&'a Finding>]),
    /// Outcomes that `plan check` imagines, one a claim.
    Imagined(&'a [Outcome]),
}

/// Rules applied to outcomes: those found, or others, to see what they would lead to.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) rules: &'a Rules<'a>,
    pub(crate) source: Source<'a>,
    /// Whether waivers count.
    pub(crate) waive: bool,
    /// One claim taken for something else.
    pub(crate) instead: Option<(usize, Outcome)>,
    /// Whether what fails of denials alone is doubtful: where an acceptance is at stake.
    pub(crate) doubts_denials: bool,
}

impl<'a> World<'a> {
    /// Outcomes that nobody found, without waivers.
    pub(crate) const fn imagined(rules: &'a Rules<'a>, outcomes: &'a [Outcome]) -> Self {
        Self { rules, source: Source::Imagined(outcomes), waive: false, instead: None, doubts_denials: false }
    }

    /// A claim's outcome with its rate decided at `alpha / divisor`, before any waiver.
    fn outcome(&self, claim: usize, divisor: u32) -> Outcome {
        if let Some((other, outcome)) = self.instead
            && other == claim
        {
            return outcome;
        }
        match self.source {
            Source::Imagined(outcomes) => outcomes[claim],
            Source::Findings(findings) => findings[claim].map_or(Outcome::Undetermined, |finding| {
                let plan = self.rules.plan;
                let alpha = statistics::alpha(plan.confidence) / f64::from(divisor);
                if divisor > 1 { stricter(&plan.claims[claim], finding, alpha) } else { finding.outcome }
            }),
        }
    }

    /// A claim's outcome as rules read it: a waived one holds. Also one that is waived as found, or would be as
    /// decided here, so that no waiver is lost by evidence that says more.
    fn read(&self, claim: usize, divisor: u32) -> Outcome {
        let outcome = self.outcome(claim, divisor);
        if self.waiver(claim, divisor).is_some() { Outcome::Holds } else { outcome }
    }

    /// The waiver that makes a claim read as holding.
    fn waiver(&self, claim: usize, divisor: u32) -> Option<&Waiver> {
        let waivers = self.rules.waivers[claim].as_slice();
        let covers = |divisor| covering(waivers, self.outcome(claim, divisor));
        if self.waive { covers(1).or_else(|| covers(divisor)) } else { None }
    }

    /// A score; with `doubting`, what is doubtful in it taken for undetermined.
    fn score(&self, score: usize, divisor: u32, doubting: bool) -> (f64, f64) {
        let outcome = |place: usize| match self.rules.weighted[score][place] {
            Some(claim) if !(doubting && self.doubtful(claim, divisor)) => self.outcome(claim, divisor),
            _ => Outcome::Undetermined,
        };
        crate::score::interval(&self.rules.plan.scores[score], outcome)
    }

    /// A rule's truth with its rates decided at `alpha / divisor`.
    fn truth_at(&self, rule: usize, divisor: u32) -> Truth {
        let Some(node) = self.rules.condition(rule) else {
            return if self.rules.plan.rules[rule].when.is_none() { Truth::True } else { Truth::Unknown };
        };
        node.truth_of(&|leaf, plain| self.leaf(rule, leaf, plain, divisor), true)
    }

    /// A leaf's truth under this rule. What is doubtful of a claim helps no acceptance: a value that would lead towards one
    /// (an accepting rule being true, another one being false) is then unknown.
    pub(crate) fn leaf(&self, rule: usize, leaf: &Node, plain: bool, divisor: u32) -> Truth {
        let towards = Truth::from(plain == self.rules.plan.rules[rule].accepted);
        match leaf {
            Node::Claim(asks, claim) => {
                let truth = asks.of(self.read(*claim, divisor));
                let doubtful = self.doubtful(*claim, divisor);
                let by_error = |finding: &Finding| *asks == Asks::Fails && finding.by_error;
                let failing = truth == Truth::True && self.found(*claim).is_some_and(by_error);
                if doubtful && (truth == towards || failing) { Truth::Unknown } else { truth }
            }
            Node::Score(score, order, number) => {
                let truth = order.of(self.score(*score, divisor, false), *number);
                let doubted = || order.of(self.score(*score, divisor, true), *number);
                if truth == towards { doubted() } else { truth }
            }
            Node::Both(..) | Node::Either(..) | Node::Not(_) => Truth::Unknown,
        }
    }

    /// Whether a claim fails only because it could not be evaluated, or only of denials without a control, or rests on a rate
    /// of trials that were selected by what was seen, without the plan's word that this is meant: the rate itself, whatever
    /// came of it, or one that its probe needs.
    fn doubtful(&self, claim: usize, divisor: u32) -> bool {
        let Some(finding) = self.found(claim) else { return false };
        let selected = |claim: &usize| {
            let selected = self.found(*claim).and_then(|finding| finding.selected);
            selected.is_some_and(|selected| !selected.meant)
        };
        let doubtful = finding.by_error
            || (finding.by_denial && self.doubts_denials)
            || selected(&claim)
            || self.rules.needed[claim].iter().any(selected);
        doubtful && self.waiver(claim, divisor).is_none()
    }

    /// What was found of a claim, unless it is taken for something else.
    fn found(&self, claim: usize) -> Option<&'a Finding> {
        let Source::Findings(findings) = self.source else { return None };
        findings[claim].filter(|_| self.instead.is_none_or(|(other, _)| other != claim))
    }

    /// A rule's truth. What leads towards an acceptance (an accepting rule being true, another one before it being
    /// false) has to be so with the rates decided as strictly as the rule demands.
    pub(crate) fn truth(&self, rule: usize) -> Truth {
        let plain = self.truth_at(rule, 1);
        let divisor = self.rules.divisor(rule);
        let towards = Truth::from(self.rules.plan.rules[rule].accepted);
        if divisor > 1 && plain == towards { self.truth_at(rule, divisor) } else { plain }
    }

    /// Rules up to and including the first that is surely true, with their truth.
    pub(crate) fn considered(&self) -> Vec<(usize, Truth)> {
        let mut considered = Vec::new();
        for rule in 0..self.rules.plan.rules.len() {
            let truth = self.truth(rule);
            considered.push((rule, truth));
            if truth == Truth::True {
                break;
            }
        }
        considered
    }

    /// The labels still possible, in rule order, each once, with whether it is an acceptance.
    pub(crate) fn possible(&self) -> Vec<(String, bool)> {
        let considered = self.considered();
        let mut possible: Vec<(String, bool)> = Vec::new();
        let rules = &self.rules.plan.rules;
        for (rule, _) in considered.iter().filter(|(_, truth)| *truth != Truth::False) {
            let label = (rules[*rule].label.clone(), rules[*rule].accepted);
            if !possible.contains(&label) {
                possible.push(label);
            }
        }
        if considered.last().is_none_or(|(_, truth)| *truth != Truth::True) {
            possible.push((NO_RULE.to_owned(), false));
        }
        possible
    }
}

/// A rate's outcome at a smaller `alpha`: never more than was found. It is asked for what leads towards an acceptance, so that only what is
/// surely a miss lets it fail.
fn stricter(claim: &Claim, finding: &Finding, alpha: f64) -> Outcome {
    let Form::Rate { share, pooled, .. } = claim.form else { return finding.outcome };
    let decided = |counts: &Counts| {
        let unsure = if finding.outcome == Outcome::Fails { counts.unsure } else { 0 };
        let sure = Counts {
            failures: counts.failures - unsure,
            blocked: counts.blocked + unsure,
            unsure: 0,
            ..*counts
        };
        statistics::decide_rate(&sure, share, alpha).0
    };
    let cells: Vec<Outcome> = if pooled || finding.cells.is_empty() {
        vec![decided(&finding.counts)]
    } else {
        finding
            .cells
            .iter()
            .filter(|cell| cell.outcome != Outcome::NotApplicable)
            .map(|cell| decided(&cell.counts))
            .collect()
    };
    let still = match finding.outcome {
        Outcome::Holds => cells.iter().all(|outcome| *outcome == Outcome::Holds),
        Outcome::Fails => cells.contains(&Outcome::Fails),
        Outcome::Undetermined | Outcome::NotApplicable => true,
    };
    if still { finding.outcome } else { Outcome::Undetermined }
}

/// What was found, under the rules.
struct Case<'a> {
    rules: &'a Rules<'a>,
    findings: Vec<Option<&'a Finding>>,
    doubts_denials: bool,
}

impl<'a> Case<'a> {
    fn new(rules: &'a Rules<'a>, findings: &'a [Finding]) -> Self {
        let find = |claim: &Claim| findings.iter().find(|finding| finding.claim == claim.name);
        let findings = rules.plan.claims.iter().map(find).collect();
        let mut case = Self { rules, findings, doubts_denials: false };
        case.doubts_denials = case.world().possible().iter().any(|(_, accepted)| *accepted);
        case
    }

    fn world(&self) -> World<'_> {
        let Self { rules, ref findings, doubts_denials } = *self;
        World { rules, source: Source::Findings(findings), waive: true, instead: None, doubts_denials }
    }

    fn outcome(&self, claim: usize, divisor: u32) -> Outcome {
        self.world().outcome(claim, divisor)
    }

    fn verdict(&self) -> Verdict {
        let world = self.world();
        let possible = world.possible();
        let considered = world.considered();
        let waived = possible != (World { waive: false, ..world }).possible();
        let accepted = match () {
            () if possible.iter().all(|(_, accepted)| *accepted) => Some(true),
            () if possible.iter().any(|(_, accepted)| *accepted) => None,
            () => Some(false),
        };
        Verdict {
            label: label(&possible) + if waived { WITH_WAIVERS } else { "" },
            accepted,
            why: self.why(&considered),
            settle: if possible.len() > 1 { self.settle(&considered) } else { Vec::new() },
            error_bound: multiplicity::error_bound(self.rules.plan, &self.rules.demands, &|claim| {
                !self.rules.waivers[claim].is_empty()
            }),
            waivers: if waived { self.waivers(&considered) } else { Vec::new() },
            possible,
        }
    }

    /// The waivers of claims that the rules considered read.
    fn waivers(&self, considered: &[(usize, Truth)]) -> Vec<(String, WaivedBy)> {
        let world = self.world();
        let mut waivers: Vec<(String, WaivedBy)> = Vec::new();
        for (rule, _) in considered {
            for claim in self.rules.condition(*rule).map(Node::claims).unwrap_or_default() {
                let name = &self.rules.plan.claims[claim].name;
                if let Some(waiver) = world.waiver(claim, self.rules.divisor(*rule))
                    && waivers.iter().all(|(known, _)| known != name)
                {
                    waivers.push((name.clone(), waived_by(waiver)));
                }
            }
        }
        waivers
    }
}

#[cfg(test)]
mod tests;
