//! Why a verdict is what it is, and what would settle it, as data.

use probity_plan::Plan;

use super::{Case, World, label, waived_by};
use crate::judgement::{ClaimRead, FindOut, Outcome, ScoreRead, Waited, Why};
use crate::rule::Node;
use crate::statistics;
use crate::truth::Truth;

/// The most claims of which it is told what they would lead to.
const MAX_WAITED: usize = 100;

impl Case<'_> {
    fn plan(&self) -> &Plan {
        self.rules.plan
    }

    /// Each rule considered, then each waiver that was over.
    pub(super) fn why(&self, considered: &[(usize, Truth)]) -> Vec<Why> {
        let mut why: Vec<Why> = considered.iter().map(|(rule, truth)| self.why_rule(*rule, *truth)).collect();
        if considered.last().is_none_or(|(_, truth)| *truth != Truth::True) {
            why.push(Why::NoRule);
        }
        why.extend(self.rules.expired.iter().map(|waiver| Why::WaiverOver {
            claim: waiver.claim.clone(),
            owner: waiver.owner.clone(),
            until: waiver.until.clone(),
        }));
        why
    }

    fn why_rule(&self, number: usize, truth: Truth) -> Why {
        let (rule, label) = (number + 1, self.plan().rules[number].label.clone());
        let Some(node) = self.rules.condition(number) else {
            let unreadable = self.rules.errors.iter().any(|(at, _)| *at == number);
            return if unreadable {
                Why::Unreadable { rule, label }
            } else {
                Why::Unconditional { rule, label }
            };
        };
        let (claims, scores) = self.readings(number, node);
        let divisor = self.rules.divisor(number);
        let stricter = divisor > 1 && self.world().truth_at(number, 1) != truth;
        Why::Rule { rule, label, truth, claims, scores, stricter: stricter.then_some(divisor) }
    }

    /// What a rule reads that made it what it is.
    fn readings(&self, number: usize, node: &Node) -> (Vec<ClaimRead>, Vec<ScoreRead>) {
        let plan = self.plan();
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
            let outcome = world.outcome(claim, 1);
            ClaimRead {
                claim: plan.claims[claim].name.clone(),
                outcome,
                not_among: (outcome != world.outcome(claim, divisor)).then_some(divisor),
                waived: world.waiver(claim, divisor).map(waived_by),
            }
        });
        let scores = scores.into_iter().map(|score| {
            let (plain, strict) = (world.score(score, 1, false), world.score(score, divisor, false));
            ScoreRead {
                score: plan.scores[score].name.clone(),
                interval: plain,
                among: (plain != strict).then_some((divisor, strict.0, strict.1)),
            }
        });
        (claims.collect(), scores.collect())
    }

    /// For each claim that an open rule waits for: what it would lead to, and how to find out.
    pub(super) fn settle(&self, considered: &[(usize, Truth)]) -> Vec<Waited> {
        let mut told: Vec<usize> = Vec::new();
        let mut waited = Vec::new();
        for (number, _) in considered.iter().filter(|(_, truth)| *truth == Truth::Unknown) {
            for claim in self.waits_for(*number) {
                if told.len() < MAX_WAITED && !told.contains(&claim) {
                    told.push(claim);
                    waited.push(self.settle_claim(claim, *number));
                }
            }
        }
        waited
    }

    /// The claims that are undetermined under this rule: those it names, then those of its scores, widest first.
    fn waits_for(&self, number: usize) -> Vec<usize> {
        let Some(node) = self.rules.condition(number) else { return Vec::new() };
        let world = self.world();
        let divisor = self.rules.divisor(number);
        let mut claims: Vec<usize> = node.claims();
        claims.retain(|claim| world.read(*claim, divisor) == Outcome::Undetermined);
        for score in node.scores() {
            let outcome =
                |name: &str| self.rules.plan.place_of_claim(name).map(|claim| world.outcome(claim, divisor));
            let open = crate::score::score(&self.rules.plan.scores[score], outcome).open;
            for claim in open.iter().filter_map(|name| self.rules.plan.place_of_claim(name)) {
                if !claims.contains(&claim) {
                    claims.push(claim);
                }
            }
        }
        claims
    }

    fn settle_claim(&self, claim: usize, rule: usize) -> Waited {
        let plan = self.plan();
        let world = self.world();
        let leads_to = |outcome| label(&World { instead: Some((claim, outcome)), ..world }.possible());
        let how = match (plan.claims[claim].form.objective(), self.findings[claim]) {
            (Some(share), Some(found)) if found.outcome != Outcome::Undetermined => {
                let among = self.rules.divisor(rule);
                let alpha = statistics::alpha(plan.confidence) / f64::from(among);
                let least = statistics::least_if_all_succeed(share, alpha);
                FindOut::MoreTrials { among, planned: found.counts.planned, least }
            }
            (_, Some(_)) => FindOut::AsFound,
            (_, None) => FindOut::NoFinding,
        };
        Waited {
            claim: plan.claims[claim].name.clone(),
            if_holds: leads_to(Outcome::Holds),
            if_fails: leads_to(Outcome::Fails),
            how,
        }
    }
}
