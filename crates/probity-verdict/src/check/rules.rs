//! Whether the verdict's rules can do what rules are for.

use std::collections::{BTreeMap, BTreeSet};

use probity_diagnostic::{Level, Position};
use probity_plan::Plan;

use super::{Problems, printed};
use crate::judgement::Outcome;
use crate::rule::{Asks, Node};
use crate::truth::Truth;
use crate::verdict::{NO_RULE, Rules, WITH_WAIVERS, WITHHELD, World, label};

/// The most combinations of outcomes that are tried to find rules that never apply.
const MAX_WORLDS: usize = 1 << 14;

/// Claims that are imagined to fail alone.
const MAX_SINGLE: usize = 200;

/// Worlds that are made to see on what conditions turn.
const MAX_TOLD: usize = 2000;

/// The most outcomes that are read, world by world and rule by rule, to find claims that had better fail, or rules that never apply.
const MAX_READ: usize = 20_000_000;

pub(super) fn check(plan: &Plan, rules: &Rules<'_>, found: &mut Problems) {
    waivers(plan, rules, found);
    labels(plan, found);
    unused(plan, rules, found);
    // A rule that cannot be read makes every statement about all of them void.
    if plan.rules.is_empty() || !rules.errors.is_empty() {
        return;
    }
    if let (false, Some(first)) = (plan.rules.iter().any(|rule| rule.accepted), plan.rules.first()) {
        found.push(
            Level::Warning,
            "no-acceptance",
            &first.at,
            "no rule is an acceptance: the verdict can only reject".to_owned(),
            "say `accepted: true` at the labels that are",
        );
    }
    // What accepts whatever happens also does so where a claim fails.
    if !easy_acceptance(plan, rules, found) {
        worse_is_better(plan, rules, found);
    }
    unreachable(plan, rules, found);
}

/// Worlds in which nothing may be accepted; whether something is in one of them.
fn easy_acceptance(plan: &Plan, rules: &Rules<'_>, found: &mut Problems) -> bool {
    let mut easy = false;
    let all = |outcome| vec![outcome; plan.claims.len()];
    let nothing = |claim: &probity_plan::Claim| {
        if claim.empty_ok { Outcome::NotApplicable } else { Outcome::Undetermined }
    };
    let mut worlds = vec![
        ("accepts-failure", "every claim failing", all(Outcome::Fails)),
        ("accepts-unseen", "every claim undetermined", all(Outcome::Undetermined)),
    ];
    if plan.claims.iter().any(|claim| claim.empty_ok) {
        worlds.push((
            "accepts-nothing",
            "nothing to look at (`empty: ok` claims not applicable, all others undetermined)",
            plan.claims.iter().map(nothing).collect(),
        ));
    }
    for (rule, words, outcomes) in worlds {
        let world = World::imagined(rules, &outcomes);
        let waived = World { waive: true, ..world };
        if let Some((at, label)) = accepted(&world, plan) {
            easy = true;
            found.push(
                Level::Error,
                rule,
                &at,
                format!("with {words}, the verdict is {label}, which is an acceptance"),
                "let what accepts ask for holds(CLAIM), or put a rule before it that rejects",
            );
        } else if let Some((at, label)) = accepted(&waived, plan) {
            found.push(
                Level::Warning,
                rule,
                &at,
                format!("with {words}, the verdict is {label} with waivers, which is an acceptance"),
                "the waivers excuse every claim that an acceptance asks for",
            );
        }
    }
    easy
}

/// Claims whose failure, or whose not being known, leads nearer to an acceptance than their holding does.
fn worse_is_better(plan: &Plan, rules: &Rules<'_>, found: &mut Problems) {
    let rank = |outcomes: &[Outcome]| {
        let possible = World::imagined(rules, outcomes).possible();
        let accepted = possible.iter().filter(|(_, accepted)| *accepted).count();
        u8::from(accepted > 0) + u8::from(accepted == possible.len())
    };
    let telling = telling(plan, rules);
    // As many worlds for each claim, of which each is decided with every outcome of it.
    let each = MAX_READ / (3 * rules.length().max(plan.claims.len()).max(1) * plan.claims.len().max(1));
    let mut untried = false;
    for (number, claim) in plan.claims.iter().enumerate() {
        let others =
            [Outcome::Holds, Outcome::Fails, Outcome::Undetermined].map(|all| vec![all; plan.claims.len()]);
        // Each other claim failing alone, with all the rest holding.
        let single = (0..plan.claims.len().min(MAX_SINGLE)).map(|other| {
            let mut world = vec![Outcome::Holds; plan.claims.len()];
            world[other] = Outcome::Fails;
            world
        });
        let told = telling.iter().filter(|(claim, _)| *claim == number).map(|(_, world)| world.clone());
        for (tried, mut world) in others.into_iter().chain(told).chain(single).enumerate() {
            if tried >= each {
                untried = true;
                break;
            }
            world[number] = Outcome::Holds;
            let holding = rank(&world);
            let worse = [(Outcome::Fails, "fails"), (Outcome::Undetermined, "is undetermined")];
            let better = worse.into_iter().find(|(outcome, _)| {
                world[number] = *outcome;
                rank(&world) > holding
            });
            if let Some((_, what)) = better {
                found.push(
                    Level::Warning,
                    "worse-is-better",
                    &claim.at,
                    format!("the verdict is nearer to an acceptance where `{}` {what} than where it holds", claim.name),
                    "claim the opposite, so that what is good holds, and let what accepts ask for holds(CLAIM)",
                );
                break;
            }
        }
    }
    if let (true, Some(first)) = (untried, plan.rules.first()) {
        let message =
            "claims and rules are so many that whether a failure helps an acceptance was tried in part only";
        found.push(Level::Note, "tried-in-part", &first.at, message.to_owned(), "");
    }
}

/// For each time a claim is read, by a condition or by a score in one, worlds in which that condition turns on it.
fn telling(plan: &Plan, rules: &Rules<'_>) -> Vec<(usize, Vec<Outcome>)> {
    let mut told = Vec::new();
    for node in (0..plan.rules.len()).filter_map(|rule| rules.condition(rule)) {
        for rest in [Outcome::Holds, Outcome::Fails] {
            turn(rules, node, vec![rest; plan.claims.len()], &mut told);
        }
    }
    told
}

/// Goes to each leaf with the other side of every `&&` on the way true, and of every `||` false.
fn turn(rules: &Rules<'_>, node: &Node, world: Vec<Outcome>, told: &mut Vec<(usize, Vec<Outcome>)>) {
    match node {
        _ if told.len() >= MAX_TOLD => {}
        Node::Not(a) => turn(rules, a, world, told),
        Node::Both(a, b) | Node::Either(a, b) => {
            for (way, other) in [(a, b), (b, a)] {
                let mut world = world.clone();
                make(rules, other, matches!(node, Node::Both(..)), &mut world);
                turn(rules, way, world, told);
            }
        }
        Node::Claim(_, claim) => told.push((*claim, world)),
        Node::Score(..) => {
            // One claim after the other fails: at one of them the score crosses the number.
            let claims = rules.in_scores(node);
            let mut world = world;
            claims.iter().for_each(|claim| world[*claim] = Outcome::Holds);
            for claim in claims.into_iter().take(MAX_TOLD - told.len()) {
                told.push((claim, world.clone()));
                world[claim] = Outcome::Fails;
            }
        }
    }
}

/// Makes a condition so, as far as its claims can all do their part.
fn make(rules: &Rules<'_>, node: &Node, wanted: bool, world: &mut [Outcome]) {
    match node {
        Node::Not(a) => make(rules, a, !wanted, world),
        Node::Both(a, b) | Node::Either(a, b) => {
            make(rules, a, wanted, world);
            make(rules, b, wanted, world);
        }
        Node::Claim(asks, claim) => {
            world[*claim] = match (asks, wanted) {
                (Asks::Fails, true) | (Asks::Holds, false) => Outcome::Fails,
                (Asks::Undetermined, true) => Outcome::Undetermined,
                (Asks::NotApplicable, true) => Outcome::NotApplicable,
                (Asks::Holds, true) | (_, false) => Outcome::Holds,
            };
        }
        Node::Score(_, order, _) => {
            for claim in rules.in_scores(node) {
                world[claim] = if order.rises() == wanted { Outcome::Holds } else { Outcome::Fails };
            }
        }
    }
}

/// Labels that say what only Probity may add, or that mean two things.
fn labels(plan: &Plan, found: &mut Problems) {
    // Nobody sees how it is spaced or put into brackets.
    let letters = |text: &str| -> String {
        printed(text).to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
    };
    // Signs are kept: `A+` and `A-` differ in nothing else.
    let words = |label: &str| printed(label).to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    for rule in &plan.rules {
        if letters(&rule.label).ends_with(&letters(WITH_WAIVERS)) {
            let message =
                format!("the label `{}` says what is added to a label where a waiver was needed", rule.label);
            found.push(Level::Error, "label", &rule.at, message, "choose another label");
        }
        if letters(&rule.label).ends_with(&letters(WITHHELD)) {
            let message =
                format!("the label `{}` says what is added to an acceptance that is withheld", rule.label);
            found.push(Level::Error, "label", &rule.at, message, "choose another label");
        }
    }
    let behind = |label: &str| {
        let (_, inside) = label.strip_suffix(')')?.rsplit_once('(')?;
        ["accepted", "rejected", "inconclusive"].contains(&inside.trim()).then_some(())
    };
    for rule in plan.rules.iter().filter(|rule| behind(&words(&rule.label)).is_some()) {
        let message = format!("the label `{}` says what is printed behind a label", rule.label);
        found.push(
            Level::Error,
            "label",
            &rule.at,
            message,
            "leave the brackets out: `accepted: true` says it",
        );
    }
    let mut meanings = BTreeMap::from([(words(NO_RULE), false)]);
    let all: Vec<String> = plan.rules.iter().map(|rule| words(&rule.label)).chain([words(NO_RULE)]).collect();
    for rule in &plan.rules {
        let label = words(&rule.label);
        let parts: Vec<&str> = label.split(" or ").collect();
        if parts.len() > 1 && parts.iter().all(|part| all.iter().any(|other| other == part)) {
            let message = format!(
                "the label `{}` says what is said where several labels are possible still",
                rule.label
            );
            found.push(Level::Error, "label", &rule.at, message, "choose another label");
        }
        let meaning = *meanings.entry(words(&rule.label)).or_insert(rule.accepted);
        if meaning != rule.accepted {
            let message = format!(
                "the label `{}` is an acceptance in one rule and none in another: nobody could tell which was meant",
                rule.label
            );
            found.push(Level::Error, "label", &rule.at, message, "choose another label for one of them");
        }
    }
}

/// The place of the deciding rule and the label, if every label still possible is an acceptance.
fn accepted(world: &World<'_>, plan: &Plan) -> Option<(Position, String)> {
    let possible = world.possible();
    let (last, _) = *world.considered().last()?;
    possible.iter().all(|(_, accepted)| *accepted).then(|| (plan.rules[last].at.clone(), label(&possible)))
}

/// Rules that apply in no combination of outcomes. The last one has no condition and is left out: it is what remains.
fn unreachable(plan: &Plan, rules: &Rules<'_>, found: &mut Problems) {
    let Some(domains) = domains(plan, rules) else { return };
    let mut true_once = vec![false; plan.rules.len()];
    let mut first_once = vec![false; plan.rules.len()];
    let mut choice = vec![0_usize; domains.len()];
    loop {
        let outcomes: Vec<Outcome> = domains.iter().zip(&choice).map(|(domain, at)| domain[*at]).collect();
        let world = World::imagined(rules, &outcomes);
        if let Some((rule, Truth::True)) = world.considered().last() {
            first_once[*rule] = true;
        }
        for (rule, seen) in true_once.iter_mut().enumerate() {
            *seen = *seen || world.truth(rule) == Truth::True;
        }
        // The next combination, like the wheels of a counter.
        let Some(wheel) = (0..choice.len()).find(|wheel| choice[*wheel] + 1 < domains[*wheel].len()) else {
            break;
        };
        choice[wheel] += 1;
        choice[..wheel].fill(0);
    }
    for (number, rule) in plan.rules.iter().enumerate() {
        if first_once[number] || rule.when.is_none() {
            continue;
        }
        let why = if true_once[number] {
            "wherever it is true, a rule before it is too"
        } else {
            "its condition is never true"
        };
        let message = format!("rule {} ({}) never applies: {why}", number + 1, rule.label);
        found.push(Level::Warning, "unreachable", &rule.at, message, "");
    }
}

/// The outcomes to try for each claim. What a rule says of undetermined claims it also says of some way in which they
/// turn out, so that only claims somebody calls `undetermined(x)` are tried so. `None`: too many combinations.
fn domains(plan: &Plan, rules: &Rules<'_>) -> Option<Vec<Vec<Outcome>>> {
    let mut domains = vec![vec![Outcome::Holds]; plan.claims.len()];
    let mut widen = |claim: usize, outcome| {
        let domain: &mut Vec<Outcome> = &mut domains[claim];
        if !domain.contains(&outcome) {
            domain.push(outcome);
        }
    };
    for node in (0..plan.rules.len()).filter_map(|rule| rules.condition(rule)) {
        for claim in node.claims().into_iter().chain(rules.in_scores(node)) {
            widen(claim, Outcome::Fails);
            if plan.claims[claim].empty_ok {
                widen(claim, Outcome::NotApplicable);
            }
        }
        node.leaves(&mut |leaf| {
            if let Node::Claim(Asks::Undetermined, claim) = leaf {
                widen(*claim, Outcome::Undetermined);
            }
        });
    }
    let worlds = domains.iter().try_fold(1_usize, |worlds, domain| worlds.checked_mul(domain.len()))?;
    let read = worlds.saturating_mul(rules.length().max(1));
    (worlds <= MAX_WORLDS && read <= MAX_READ).then_some(domains)
}

/// Claims and scores that decide nothing.
fn unused(plan: &Plan, rules: &Rules<'_>, found: &mut Problems) {
    let nodes: Vec<&Node> = (0..plan.rules.len()).filter_map(|rule| rules.condition(rule)).collect();
    let in_rules = nodes.iter().flat_map(|node| node.claims()).map(|claim| &plan.claims[claim].name);
    let in_scores = plan.scores.iter().flat_map(|score| score.weights.iter().map(|(name, _)| name));
    let used: BTreeSet<&String> = (in_rules.chain(in_scores))
        .chain(plan.claims.iter().filter_map(|claim| claim.control.as_ref()))
        .chain(plan.probes.iter().filter_map(|probe| probe.needs.as_ref()))
        .collect();
    for claim in &plan.claims {
        if !used.contains(&claim.name) && rules.errors.is_empty() {
            let message = format!(
                "`{}` is in no rule and no score: whatever comes of it, the verdict stays the same",
                claim.name
            );
            found.push(Level::Warning, "unused-claim", &claim.at, message, "");
        }
    }
    for (number, score) in plan.scores.iter().enumerate() {
        if rules.errors.is_empty() && !nodes.iter().any(|node| node.scores().contains(&number)) {
            let message = format!("score `{}` is in no rule: it is printed and decides nothing", score.name);
            found.push(Level::Note, "unused-score", &score.at, message, "");
        }
    }
}

/// Waivers that do nothing.
fn waivers(plan: &Plan, rules: &Rules<'_>, found: &mut Problems) {
    for waiver in &plan.waivers {
        let named = |rule: usize| {
            let node = rules.condition(rule);
            node.is_some_and(|node| {
                node.claims().iter().any(|claim| plan.claims[*claim].name == waiver.claim)
            })
        };
        let message = if rules.expired.iter().any(|expired| std::ptr::eq(*expired, waiver)) {
            format!(
                "the waiver for `{}` counted until {} and does nothing any more",
                waiver.claim, waiver.until
            )
        } else if rules.errors.is_empty() && !(0..plan.rules.len()).any(named) {
            format!(
                "the waiver for `{}` does nothing: no rule names the claim, and scores take no waivers",
                waiver.claim
            )
        } else {
            continue;
        };
        found.push(Level::Warning, "waiver", &waiver.at, message, "");
    }
}
