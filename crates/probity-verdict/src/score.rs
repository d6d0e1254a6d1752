//! Scores: weighted means of findings, as intervals inside [0, 1].
//!
//! Must not know: rules, waivers. A waived claim that fails is worth nothing here.

use probity_plan::Score;

use crate::judgement::{Outcome, ScoreResult};

/// The score from its claims' outcomes. `outcome` is asked once for each claim, by name; a claim it does not know is
/// undetermined.
///
/// A claim that holds is worth 1, one that fails 0, one that is undetermined anything in [0, 1]. Claims that do not
/// apply leave the mean. If none applies, nothing is known: [0, 1].
pub fn score(score: &Score, outcome: impl Fn(&str) -> Option<Outcome>) -> ScoreResult {
    let parts = parts(score, outcome);
    let (lower, upper) = interval_of(&parts);
    let mut open: Vec<&(&str, f64, Outcome)> =
        parts.iter().filter(|(_, _, outcome)| *outcome == Outcome::Undetermined).collect();
    // Stable: claims of one weight stay in the plan's order.
    open.sort_by(|a, b| b.1.total_cmp(&a.1));
    ScoreResult {
        name: score.name.clone(),
        lower,
        upper,
        weight: weight_of(&parts, |outcome| outcome != Outcome::NotApplicable),
        of_weight: weight_of(&parts, |_| true),
        open: open.into_iter().map(|(claim, ..)| (*claim).to_owned()).collect(),
        parts: parts
            .iter()
            .map(|(claim, weight, outcome)| ((*claim).to_owned(), *weight, *outcome))
            .collect(),
    }
}

/// The same, the interval alone; `outcome` is asked for each of the score's weights by its place, from 0.
pub(crate) fn interval(score: &Score, outcome: impl Fn(usize) -> Outcome) -> (f64, f64) {
    let parts = score.weights.iter().enumerate();
    let parts: Vec<_> =
        parts.map(|(place, (claim, weight))| (claim.as_str(), *weight, outcome(place))).collect();
    interval_of(&parts)
}

fn parts(score: &Score, outcome: impl Fn(&str) -> Option<Outcome>) -> Vec<(&str, f64, Outcome)> {
    let known = |claim: &str| outcome(claim).unwrap_or(Outcome::Undetermined);
    score.weights.iter().map(|(claim, weight)| (claim.as_str(), *weight, known(claim))).collect()
}

fn weight_of(parts: &[(&str, f64, Outcome)], counted: fn(Outcome) -> bool) -> f64 {
    // Not `sum()`: without summands that is -0.
    parts.iter().filter(|(_, _, outcome)| counted(*outcome)).fold(0.0, |sum, (_, weight, _)| sum + weight)
}

fn interval_of(parts: &[(&str, f64, Outcome)]) -> (f64, f64) {
    let holds = weight_of(parts, |outcome| outcome == Outcome::Holds);
    let fails = weight_of(parts, |outcome| outcome == Outcome::Fails);
    let applies = weight_of(parts, |outcome| outcome != Outcome::NotApplicable);
    // 1 and 0 are said only where all that applies holds or fails, however little the rest weighs.
    let all = |is: Outcome| parts.iter().all(|(.., outcome)| [is, Outcome::NotApplicable].contains(outcome));
    let share = |weight: f64, of: Outcome| down(weight / applies).min(if all(of) { 1.0 } else { BELOW_ONE });
    if applies > 0.0 {
        (share(holds, Outcome::Holds), up(1.0 - share(fails, Outcome::Fails)))
    } else {
        (0.0, up(1.0))
    }
}

const SCALE: f64 = 1e6;

/// The greatest six-decimal number below 1.
const BELOW_ONE: f64 = 0.999_999;

/// Rounded down to six decimals, inside [0, 1]. A mean of decimal weights that is a six-decimal number itself (9 of
/// 10) comes out of the division an ulp beside it: within 1e-12 of such a number it is taken for that number.
fn down(share: f64) -> f64 {
    let scaled = share * SCALE;
    let near = scaled.round();
    let whole = if (scaled - near).abs() < 1e-6 { near } else { scaled.floor() };
    (whole / SCALE).clamp(0.0, 1.0)
}

/// Back to the nearest six-decimal number after `1 - x`, of which `x` was one.
fn up(share: f64) -> f64 {
    ((share * SCALE).round() / SCALE).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scored(parts: &[(f64, Outcome)]) -> ScoreResult {
        let weights = parts.iter().enumerate().map(|(i, (weight, _))| (format!("c{i}"), *weight)).collect();
        let plan = Score { name: "s".to_owned(), weights, at: probity_plan::Position::default() };
        score(&plan, |name| name[1..].parse::<usize>().ok().map(|i| parts[i].1))
    }

    use Outcome::{Fails, Holds, NotApplicable, Undetermined};

    #[test]
    fn the_design_s_example() {
        let result = scored(&[(5.0, Holds), (2.0, Undetermined), (3.0, NotApplicable)]);
        assert_eq!((result.lower, result.upper), (0.714285, 1.0));
        assert_eq!((result.weight, result.of_weight), (7.0, 10.0));
        assert_eq!(result.open, ["c1"]);
    }

    #[test]
    fn both_ends_are_rounded_outward() {
        let result = scored(&[(1.0, Holds), (1.0, Undetermined), (1.0, Fails)]);
        assert_eq!((result.lower, result.upper), (0.333333, 0.666667));
    }

    #[test]
    fn nine_of_ten_is_nine_tenths() {
        for scale in [1.0, 0.1, 0.3, 7.7] {
            let result = scored(&[(9.0 * scale, Holds), (scale, Fails)]);
            assert_eq!((result.lower, result.upper), (0.9, 0.9), "{scale}");
        }
    }

    #[test]
    fn one_is_said_only_where_all_that_applies_holds() {
        for light in [1e-7, 1e-300] {
            for other in [Fails, Undetermined] {
                let result = scored(&[(light, other), (1e6, Holds), (1e6, NotApplicable)]);
                assert_eq!((result.lower, result.upper), (0.999_999, 1.0), "{light} {other:?}");
            }
            for other in [Holds, Undetermined] {
                let result = scored(&[(light, other), (1e6, Fails)]);
                assert_eq!((result.lower, result.upper), (0.0, 0.000_001), "{light} {other:?}");
            }
            let result = scored(&[(light, Holds), (1e6, Holds), (1.0, NotApplicable)]);
            assert_eq!((result.lower, result.upper), (1.0, 1.0), "{light}");
        }
    }

    #[test]
    fn nothing_that_applies_is_wide_open() {
        let result = scored(&[(5.0, NotApplicable)]);
        assert_eq!((result.lower, result.upper, result.weight), (0.0, 1.0, 0.0));
        let result = scored(&[]);
        assert_eq!((result.lower, result.upper), (0.0, 1.0));
    }

    #[test]
    fn the_widest_open_claim_comes_first_and_ties_keep_their_order() {
        let result = scored(&[(1.0, Undetermined), (3.0, Undetermined), (3.0, Undetermined), (9.0, Holds)]);
        assert_eq!(result.open, ["c1", "c2", "c0"]);
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![Just(Holds), Just(Fails), Just(Undetermined), Just(NotApplicable)]
    }

    proptest! {
        #[test]
        fn a_score_stays_inside_0_and_1(parts in prop::collection::vec((1e-3..1e6f64, outcome()), 0..30)) {
            let result = scored(&parts);
            prop_assert!(0.0 <= result.lower && result.lower <= result.upper && result.upper <= 1.0, "{result:?}");
            let all = parts.iter().all(|part| part.1 == Holds) && !parts.is_empty();
            prop_assert_eq!(result.lower == 1.0, all || parts.iter().all(|p| matches!(p.1, Holds | NotApplicable)) && parts.iter().any(|p| p.1 == Holds));
        }

        /// Whatever an undetermined claim turns out to be, the score then lies inside the interval it had before.
        #[test]
        fn finding_out_more_never_leaves_the_interval(
            mut parts in prop::collection::vec((1e-3..1e3f64, outcome()), 1..12), at in any::<prop::sample::Index>(), holds: bool,
        ) {
            let at = at.index(parts.len());
            parts[at].1 = Undetermined;
            let before = scored(&parts);
            parts[at].1 = if holds { Holds } else { Fails };
            let after = scored(&parts);
            prop_assert!(before.lower <= after.lower && after.upper <= before.upper, "{before:?} {after:?}");
        }
    }
}
