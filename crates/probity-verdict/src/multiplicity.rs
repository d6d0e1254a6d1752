//! How sure a verdict is when it rests on several rates: which confidence each rule asks of them, and the plan's bound.
//!
//! Let `alpha` be 1 less the plan's confidence. A rate claim is *mistaken* if it is false and called `holds`, or true
//! and called `fails`; either has probability at most `alpha` (its bounds are exact and one-sided), at most
//! `alpha / m` when decided at confidence `1 - alpha / m`. Undetermined is no mistake. If no rate under a condition is
//! mistaken, the truth is one way of filling in what is undetermined, and what Kleene's logic calls true is true
//! however that is filled in: so **a condition that is true of the findings and false of the truth needs a mistake**.
//!
//! * Under `&&` alone one particular claim has to be mistaken, the one that is false: at most `alpha`, whatever their
//!   number. Nothing is corrected.
//! * Under `||`, or a score, any of the m rates may be the mistaken one: at most the sum (no independence needed).
//!   Decided at `1 - alpha / m` each, the sum is at most `alpha` again.
//! * A negation turns `&&` into `||`. A rule that rejects and stands before one that accepts is passed when its
//!   condition is *false*, so that its negation is part of the acceptance, and is corrected likewise for that.
//! * A matrix claim that is true is mistaken if any of its cells is called `fails`: in that direction each cell counts.
//! * `undetermined(x)` and `not_applicable(x)` speak of the evidence, not of the truth: they cannot be mistaken.
//! * What an acceptance is reached without says nothing of it. A rate that may fail because something else than a rate
//!   makes up for it (`holds(t) || holds(a)`, a score that is reached without it) is not covered by any bound; of those
//!   that make up for each other (`holds(a) || holds(b)`) the bound is on there being too few.
//!
//! So an acceptance is a conjunction of parts, each of which is wrongly true with probability at most `alpha`. An
//! acceptance whose parts include those of another adds nothing where the other is wrong too; several acceptances are
//! therefore sorted into chains of inclusion, and the plan's bound is `alpha` times the number of chains, or times the
//! number of rates if that is less.
//!
//! Must not know: what the findings are.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use probity_plan::units::Percent;
use probity_plan::{Claim, Form, Plan};

use crate::judgement::{Corrected, ErrorBound, Outcome, Replaceable, Uncovered};
use crate::rule::{Asks, Node};
use crate::truth::Truth;

/// The claims of each score, in the order of its weights.
type Weighted<'a> = &'a [Vec<Option<usize>>];

/// The most outcomes that are read to find the rates that acceptances do not need.
const MAX_READ: usize = 20_000_000;

/// What a rule asks of the rates under it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Demand {
    /// Rate claims, with in how many ways each can be mistaken: 1, or its cells where it is asked to fail.
    pub(crate) rates: BTreeMap<usize, u32>,
    /// Whether it rests on a score, an `||`, or one claim with several ways of being mistaken.
    pub(crate) alternatives: bool,
    /// Whether it rests on a score, for the wording.
    pub(crate) score: bool,
    parts: BTreeSet<Part>,
    /// Of an accepting rule: rates that it is reached with although they are not shown to hold, which no bound covers.
    pub(crate) uncovered: BTreeSet<(usize, Outcome)>,
    /// Of an accepting rule: rates that it is also reached without, if others make up for them.
    replaceable: BTreeSet<usize>,
}

/// Something that is wrongly true with probability at most `alpha`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// This claim, called to hold (true) or to fail (false).
    Claim(usize, bool),
    /// This rule, whose rates are corrected.
    Rule(usize),
}

impl Demand {
    /// By how much `alpha` is divided for each rate.
    pub(crate) fn divisor(&self) -> u32 {
        if self.alternatives { self.rates.values().sum::<u32>().max(1) } else { 1 }
    }

    /// The demand of rule number `rule` being true, or with `wanted: false` of its being false.
    pub(crate) fn new(plan: &Plan, weighted: Weighted<'_>, rule: usize, node: &Node, wanted: bool) -> Self {
        let mut demand = Self::default();
        demand.add(plan, weighted, node, wanted);
        demand.alternatives |= demand.rates.values().any(|ways| *ways > 1);
        if demand.alternatives && !demand.rates.is_empty() {
            demand.parts = BTreeSet::from([Part::Rule(rule)]);
        }
        demand
    }

    fn add(&mut self, plan: &Plan, weighted: Weighted<'_>, node: &Node, wanted: bool) {
        match node {
            Node::Not(a) => self.add(plan, weighted, a, !wanted),
            Node::Both(a, b) | Node::Either(a, b) => {
                self.alternatives |= matches!(node, Node::Either(..)) == wanted;
                self.add(plan, weighted, a, wanted);
                self.add(plan, weighted, b, wanted);
            }
            Node::Claim(Asks::Holds, claim) => self.claim(plan, *claim, wanted),
            Node::Claim(Asks::Fails, claim) => self.claim(plan, *claim, !wanted),
            Node::Claim(Asks::Undetermined | Asks::NotApplicable, _) => {}
            Node::Score(score, order, _) => {
                self.alternatives = true;
                self.score = true;
                for claim in weighted[*score].iter().flatten() {
                    self.claim(plan, *claim, order.rises() == wanted);
                }
            }
        }
    }

    fn claim(&mut self, plan: &Plan, claim: usize, holds: bool) {
        let Some(cells) = cells(plan, &plan.claims[claim]) else { return };
        let ways = self.rates.entry(claim).or_default();
        *ways = (*ways).max(if holds { 1 } else { cells });
        self.parts.insert(Part::Claim(claim, holds));
    }
}

/// The conditions on the way to an acceptance: its own, which has to be true, and those of the rules before it that reject,
/// which have to be false.
struct Path<'a> {
    plan: &'a Plan,
    weighted: Weighted<'a>,
    parts: Vec<(&'a Node, bool)>,
    /// How many outcomes may still be read, of this acceptance and all others.
    budget: &'a Cell<usize>,
}

/// What a rate is that an acceptance does not need.
struct Spared {
    /// It is reached although it is not shown to hold, without any other rate that makes up for it.
    uncovered: BTreeSet<(usize, Outcome)>,
    /// It is reached although it fails, if other rates make up for it.
    replaceable: BTreeSet<usize>,
}

impl<'a> Path<'a> {
    fn new(
        plan: &'a Plan,
        conditions: &'a [Option<Node>],
        weighted: Weighted<'a>,
        acceptance: usize,
        budget: &'a Cell<usize>,
    ) -> Self {
        let parts = (0..=acceptance)
            .filter(|rule| *rule == acceptance || !plan.rules[*rule].accepted)
            .filter_map(|rule| Some((conditions[rule].as_ref()?, rule == acceptance)))
            .collect();
        Self { plan, weighted, parts, budget }
    }

    /// Whether the acceptance may be reached where these claims have these outcomes, whatever comes of all others.
    fn leads(&self, outcome: &impl Fn(usize) -> Option<Outcome>) -> bool {
        let score = |score: usize| {
            let of = |place: usize| {
                let claim: Option<usize> = self.weighted[score][place];
                claim.and_then(outcome).unwrap_or(Outcome::Undetermined)
            };
            crate::score::interval(&self.plan.scores[score], of)
        };
        let read = |outcomes: usize| self.budget.set(self.budget.get().saturating_sub(outcomes));
        let leaf = |leaf: &Node, _| match leaf {
            Node::Claim(asks, claim) => {
                read(1);
                outcome(*claim).map_or(Truth::Unknown, |outcome| asks.of(outcome))
            }
            Node::Score(of, order, number) => {
                read(self.weighted[*of].len());
                order.of(score(*of), *number)
            }
            Node::Both(..) | Node::Either(..) | Node::Not(_) => Truth::Unknown,
        };
        self.parts.iter().all(|(node, wanted)| node.truth_of(&leaf, true) != Truth::from(!*wanted))
    }

    /// The same where of all its rates these hold, and the others fail.
    fn leads_by(&self, rates: &BTreeSet<usize>, hold: &BTreeSet<usize>) -> bool {
        self.leads(&|claim| {
            let holds = || if hold.contains(&claim) { Outcome::Holds } else { Outcome::Fails };
            rates.contains(&claim).then(holds)
        })
    }

    /// The rates that its conditions read, by themselves or in a score.
    fn rates(&self) -> BTreeSet<usize> {
        let mut rates = BTreeSet::new();
        for (node, _) in &self.parts {
            node.leaves(&mut |leaf| match leaf {
                Node::Claim(_, claim) => _ = rates.insert(*claim),
                Node::Score(score, ..) => rates.extend(self.weighted[*score].iter().flatten()),
                _ => {}
            });
        }
        rates.retain(|claim| cells(self.plan, &self.plan.claims[*claim]).is_some());
        rates
    }

    /// Whether it may turn on this rate: whether some of the others lead to the acceptance with it and not without it.
    fn turns_on(&self, rate: usize, rates: &BTreeSet<usize>) -> bool {
        let with = |hold: &BTreeSet<usize>| {
            let mut hold = hold.clone();
            hold.insert(rate);
            self.leads_by(rates, &hold)
        };
        let others = || rates.iter().copied().filter(|other| *other != rate);
        // As many others as do not suffice, and as few as suffice with it.
        let mut most = BTreeSet::new();
        for other in others() {
            most.insert(other);
            if self.leads_by(rates, &most) {
                most.remove(&other);
            }
        }
        if !self.leads_by(rates, &most) && with(&most) {
            return true;
        }
        let mut fewest: BTreeSet<usize> = others().collect();
        for other in others() {
            fewest.remove(&other);
            if !with(&fewest) {
                fewest.insert(other);
            }
        }
        with(&fewest) && !self.leads_by(rates, &fewest)
    }

    /// The rates that the acceptance does not need.
    fn spared(&self) -> Spared {
        let mut uncovered = BTreeSet::new();
        for (node, wanted) in &self.parts {
            uncover(self.plan, self.weighted, node, *wanted, &mut uncovered);
        }
        let leads_where = |claim: usize, outcome| self.leads(&|of| (of == claim).then_some(outcome));
        // `undetermined(a)` may well be false where `a` fails, if something else on the way asks that it holds.
        uncovered.retain(|(claim, outcome)| leads_where(*claim, *outcome));
        let rates = self.rates();
        let mut replaceable = BTreeSet::new();
        for rate in &rates {
            // Where so much would have to be tried that it is not, nothing is claimed.
            let tried = || self.budget.get() > 0;
            if tried() && !leads_where(*rate, Outcome::Fails) {
                continue;
            }
            if tried() && self.turns_on(*rate, &rates) {
                replaceable.insert(*rate);
            } else {
                uncovered.insert((*rate, Outcome::Fails));
            }
        }
        replaceable.retain(|rate| !uncovered.contains(&(*rate, Outcome::Fails)));
        Spared { uncovered, replaceable }
    }
}

/// Takes note of what makes a condition so although a rate is not shown to hold.
fn uncover(
    plan: &Plan,
    weighted: Weighted<'_>,
    node: &Node,
    wanted: bool,
    found: &mut BTreeSet<(usize, Outcome)>,
) {
    match node {
        Node::Not(a) => uncover(plan, weighted, a, !wanted, found),
        Node::Both(a, b) | Node::Either(a, b) => {
            uncover(plan, weighted, a, wanted, found);
            uncover(plan, weighted, b, wanted, found);
        }
        Node::Claim(asks, claim) if cells(plan, &plan.claims[*claim]).is_some() => {
            let outcome = match (asks, wanted) {
                (Asks::Undetermined, true) => Outcome::Undetermined,
                (Asks::NotApplicable, true) => Outcome::NotApplicable,
                (Asks::Fails, true) | (Asks::Holds | Asks::Undetermined | Asks::NotApplicable, false) => {
                    Outcome::Fails
                }
                (Asks::Holds, true) | (Asks::Fails, false) => return,
            };
            found.insert((*claim, outcome));
        }
        // A score that must be low is so where its claims fail.
        Node::Score(score, order, _) if order.rises() != wanted => {
            let claims = weighted[*score].iter().flatten();
            let rates = claims.filter(|claim| cells(plan, &plan.claims[**claim]).is_some());
            found.extend(rates.map(|claim| (*claim, Outcome::Fails)));
        }
        Node::Claim(..) | Node::Score(..) => {}
    }
}

/// How many cells of a rate claim are decided each for itself; `None` for a claim that is no rate.
fn cells(plan: &Plan, claim: &Claim) -> Option<u32> {
    match claim.form {
        Form::Rate { pooled: true, .. } => Some(1),
        Form::Rate { .. } => Some(
            plan.probe(&claim.of)
                .map_or(1, |probe| u32::try_from(probe.cells.len()).unwrap_or(u32::MAX))
                .max(1),
        ),
        _ => None,
    }
}

/// The demands of each rule: of an accepting one that it is true, of any other before an accepting one that it is
/// false. `None` where nothing is at stake: no acceptance after it.
pub(crate) fn demands(
    plan: &Plan,
    conditions: &[Option<Node>],
    weighted: Weighted<'_>,
) -> Vec<Option<Demand>> {
    let last = plan.rules.iter().rposition(|rule| rule.accepted);
    let budget = Cell::new(MAX_READ);
    plan.rules
        .iter()
        .zip(conditions)
        .enumerate()
        .map(|(number, (rule, condition))| {
            let demand =
                condition.as_ref().map(|node| Demand::new(plan, weighted, number, node, rule.accepted));
            if rule.accepted {
                let Spared { uncovered, replaceable } =
                    Path::new(plan, conditions, weighted, number, &budget).spared();
                return Some(Demand { uncovered, replaceable, ..demand.unwrap_or_default() });
            }
            demand.filter(|_| Some(number) < last)
        })
        .collect()
}

/// The bound on reaching an acceptance that is false of the truth; `None` if no rate is under any.
///
/// Where an acceptance is also reached although a rate is not shown to hold, or is waived, no bound is given, and what
/// is not covered is named. `waived` says whether a waiver is in force for a claim.
pub(crate) fn error_bound(
    plan: &Plan,
    demands: &[Option<Demand>],
    waived: &dyn Fn(usize) -> bool,
) -> Option<ErrorBound> {
    let mut accepted: Vec<Uncovered> = Vec::new();
    let mut passed: BTreeSet<usize> = BTreeSet::new();
    for (rule, demand) in plan.rules.iter().zip(demands) {
        let Some(demand) = demand else { continue };
        let excused = demand.rates.keys().copied().filter(|claim| waived(*claim));
        if !rule.accepted {
            passed.extend(excused);
            continue;
        }
        let where_it = |claim: usize, outcome| Uncovered {
            label: rule.label.clone(),
            claim: plan.claims[claim].name.clone(),
            outcome,
        };
        accepted.extend(demand.uncovered.iter().map(|(claim, outcome)| where_it(*claim, Some(*outcome))));
        let excused: BTreeSet<usize> = passed.iter().copied().chain(excused).collect();
        accepted.extend(excused.into_iter().map(|claim| where_it(claim, None)));
    }
    if !accepted.is_empty() {
        return Some(ErrorBound::NotGiven { accepted });
    }
    let mut passed: BTreeSet<Part> = BTreeSet::new();
    let mut acceptances: Vec<BTreeSet<Part>> = Vec::new();
    let mut rates: BTreeMap<usize, u32> = BTreeMap::new();
    let (mut corrected, mut replaceable) = (Vec::new(), Vec::new());
    for (number, (rule, demand)) in plan.rules.iter().zip(demands).enumerate() {
        let parts = demand.as_ref().map(|demand| demand.parts.clone()).unwrap_or_default();
        if rule.accepted {
            acceptances.push(passed.union(&parts).copied().collect());
        } else {
            passed.extend(parts);
        }
        let Some(demand) = demand else { continue };
        if !demand.replaceable.is_empty() {
            let rates = demand.replaceable.iter().map(|claim| plan.claims[*claim].name.clone()).collect();
            replaceable.push(Replaceable { label: rule.label.clone(), rates });
        }
        for (claim, ways) in &demand.rates {
            let most = rates.entry(*claim).or_default();
            *most = (*most).max(*ways);
        }
        if demand.divisor() > 1 {
            corrected.push(Corrected {
                rule: number + 1,
                label: rule.label.clone(),
                score: demand.score,
                rates: demand.divisor(),
            });
        }
    }
    if rates.is_empty() {
        return None;
    }
    let chains = chains(acceptances);
    let times = chains.min(rates.values().sum());
    let probability = (f64::from(times) * (1.0 - plan.confidence)).min(1.0);
    // Without the digits that 1 - 0.95 has beside 0.05.
    let probability = (probability * 1e9).round() / 1e9;
    Some(ErrorBound::AtMost { probability, times, corrected, replaceable })
}

/// The confidence at which a rate is decided where `alpha` is divided, as `97.5%`.
pub(crate) fn confidence(plan: &Plan, divisor: u32) -> String {
    Percent(1.0 - (1.0 - plan.confidence) / f64::from(divisor)).to_string()
}

/// Into how few chains of inclusion the sets go, filled greedily from the smallest on. Empty sets need none.
fn chains(mut sets: Vec<BTreeSet<Part>>) -> u32 {
    sets.sort_by_key(BTreeSet::len);
    let mut tops: Vec<BTreeSet<Part>> = Vec::new();
    for set in sets.into_iter().filter(|set| !set.is_empty()) {
        match tops.iter_mut().find(|top| top.is_subset(&set)) {
            Some(top) => *top = set,
            None => tops.push(set),
        }
    }
    u32::try_from(tops.len()).unwrap_or(u32::MAX)
}
