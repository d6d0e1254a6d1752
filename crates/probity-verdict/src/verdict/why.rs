//! A verdict in sentences: why it is what it is, and what would settle it.

use probity_plan::Form;

use super::{Case, World};
use crate::judgement::Outcome;
use crate::multiplicity::{confidence, counted};
use crate::rule::Node;
use crate::statistics;
use crate::truth::Truth;

/// `READY`, `READY or NOT READY`, `A, B or C`.
pub(crate) fn label(possible: &[(String, bool)]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (label, _) in possible {
        if !names.contains(&label.as_str()) {
            names.push(label);
        }
    }
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl Case<'_> {
    /// One sentence for each rule considered, then one for each waiver that was over.
    pub(super) fn why(&self, considered: &[(usize, Truth)]) -> Vec<String> {
        let mut why: Vec<String> =
            considered.iter().map(|(rule, truth)| self.why_rule(*rule, *truth)).collect();
        if considered.last().is_none_or(|(_, truth)| *truth != Truth::True) {
            why.push("no rule surely applies, and the last one has a condition".to_owned());
        }
        for waiver in &self.rules.expired {
            why.push(format!(
                "the waiver for {} by {} counted until {}, before the run began, and does nothing",
                waiver.claim, waiver.owner, waiver.until
            ));
        }
        why
    }

    fn why_rule(&self, number: usize, truth: Truth) -> String {
        let rule = &self.rules.plan.rules[number];
        let name = format!("rule {}, {}", number + 1, rule.label);
        let Some(node) = self.rules.condition(number) else {
            return match self.rules.errors.iter().find(|(at, _)| *at == number) {
                Some((_, error)) => format!("{name}, is open: its condition cannot be read: {error}"),
                None if number == 0 => format!("{name}, applies: it has no condition"),
                None => format!("{name}, is the last and has no condition"),
            };
        };
        let verb = match truth {
            Truth::True => "applies",
            Truth::False => "does not apply",
            Truth::Unknown => "is open",
        };
        let mut sentence = format!("{name}, {verb}: {}", self.readings(number, node).join(", "));
        let divisor = self.rules.divisor(number);
        if divisor > 1 && self.world().truth_at(number, 1) != truth {
            sentence += &format!(
                "; it rests on {} of which any could be mistaken, so each is decided at {} instead of {}",
                counted(divisor, "rate"),
                confidence(self.rules.plan, divisor),
                confidence(self.rules.plan, 1),
            );
        }
        sentence
    }

    /// What a rule reads: "roles holds", "prompt fails but is waived until 2027-01-31 by ops", "score.s is 0.7 to 1".
    fn readings(&self, number: usize, node: &Node) -> Vec<String> {
        let plan = self.rules.plan;
        let world = self.world();
        let divisor = self.rules.divisor(number);
        let (mut deciding, mut scores) = (Vec::new(), Vec::new());
        let truth = |leaf: &Node, plain| world.leaf(number, leaf, plain, divisor);
        node.deciding(&truth, true, &mut |leaf| match leaf {
            Node::Claim(_, claim) if !deciding.contains(claim) => deciding.push(*claim),
            Node::Score(score, ..) if !scores.contains(score) => scores.push(*score),
            _ => {}
        });
        // The gravest first; the sort keeps the order of those of one severity.
        deciding.sort_by_key(|claim| std::cmp::Reverse(plan.claims[*claim].severity));
        let claims = deciding.into_iter().map(|claim| {
            let name = &plan.claims[claim].name;
            let (found, strict) = (world.outcome(claim, 1), world.outcome(claim, divisor));
            let mut text = format!("{name} {}", verb(found));
            if let Some(finding) = self.findings[claim].filter(|finding| finding.by_error) {
                text += &format!(", because its check cannot be evaluated on what was seen ({})", finding.reason);
            }
            if let Some(selected) = self.findings[claim].and_then(|finding| finding.selected).filter(|it| !it.meant) {
                text += &format!(
                    ", of observations of which `where` left out {} of {} by what was seen: no acceptance rests on it",
                    selected.left_out, selected.of
                );
            }
            if let Some(says) = &plan.claims[claim].says {
                text += &format!(" (\"{says}\")");
            }
            if found != strict {
                text += &format!(" at {} but not at {}", confidence(plan, 1), confidence(plan, divisor));
            }
            if let Some(waiver) = world.waiver(claim, divisor) {
                text +=
                    &format!(" but is waived until {} by {} ({})", waiver.until, waiver.owner, waiver.reason);
            }
            text
        });
        let scores = scores.into_iter().map(|score| {
            let name = &plan.scores[score].name;
            let (plain, strict) = (world.score(score, 1, false), world.score(score, divisor, false));
            let mut text = format!("score.{name} is {}", interval(plain));
            if plain != strict {
                text +=
                    &format!(" ({} with rates decided at {})", interval(strict), confidence(plan, divisor));
            }
            text
        });
        claims.chain(scores).collect()
    }

    /// For each claim that an open rule waits for: what it would lead to, and how to find out.
    pub(super) fn settle(&self, considered: &[(usize, Truth)]) -> Vec<String> {
        let mut told: Vec<usize> = Vec::new();
        let mut sentences = Vec::new();
        for (number, _) in considered.iter().filter(|(_, truth)| *truth == Truth::Unknown) {
            for claim in self.waits_for(*number) {
                if !told.contains(&claim) {
                    told.push(claim);
                    sentences.push(self.settle_claim(claim, *number));
                }
            }
        }
        sentences
    }

    /// The claims that are undetermined under this rule: those it names, then those of its scores, widest first.
    fn waits_for(&self, number: usize) -> Vec<usize> {
        let Some(node) = self.rules.condition(number) else { return Vec::new() };
        let world = self.world();
        let divisor = self.rules.divisor(number);
        let mut claims: Vec<usize> = node.claims();
        claims.retain(|claim| world.read(*claim, divisor) == Outcome::Undetermined);
        for score in node.scores() {
            let outcome = |name: &str| self.rules.claim(name).map(|claim| world.outcome(claim, divisor));
            let open = crate::score::score(&self.rules.plan.scores[score], outcome).open;
            for claim in open.iter().filter_map(|name| self.rules.claim(name)) {
                if !claims.contains(&claim) {
                    claims.push(claim);
                }
            }
        }
        claims
    }

    fn settle_claim(&self, claim: usize, rule: usize) -> String {
        let plan = self.rules.plan;
        let world = self.world();
        let leads_to = |outcome| label(&World { instead: Some((claim, outcome)), ..world }.possible());
        let (holds, fails) = (leads_to(Outcome::Holds), leads_to(Outcome::Fails));
        let mut sentence = plan.claims[claim].name.clone();
        sentence += &match (holds == fails, holds == label(&world.possible())) {
            (true, true) => ": does not settle it alone".to_owned(),
            (true, false) => format!(": {holds}, whether it holds or fails"),
            (false, _) => format!(": {holds} if it holds, {fails} if it fails"),
        };
        let divisor = self.rules.divisor(rule);
        let finding = self.findings[claim];
        let how = match (&plan.claims[claim].form, finding) {
            (Form::Rate { share, .. }, Some(found)) if found.outcome != Outcome::Undetermined => {
                let alpha = statistics::alpha(plan.confidence) / f64::from(divisor);
                let least = statistics::least_if_all_succeed(*share, alpha);
                format!(
                    "this rule decides it at {}; plan more than {} trials (at least {least})",
                    confidence(plan, divisor),
                    found.counts.planned
                )
            }
            (_, Some(found)) => {
                found.settle.as_ref().map_or_else(|| found.reason.clone(), |settle| settle.how.clone())
            }
            (_, None) => "there is no finding".to_owned(),
        };
        if !how.is_empty() {
            sentence += "; ";
            sentence += &how;
        }
        sentence
    }
}

fn verb(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Fails => "fails",
        Outcome::Undetermined => "is undetermined",
        Outcome::NotApplicable => "is not applicable",
    }
}

/// `0.9`, or `0.714285 to 1`.
fn interval((lower, upper): (f64, f64)) -> String {
    if lower == upper { format!("{lower}") } else { format!("{lower} to {upper}") }
}
