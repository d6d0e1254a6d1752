//! What a count of trials shows about a rate: exact one-sided bounds (Clopper and Pearson, The use of confidence or
//! fiducial limits illustrated in the case of the binomial, Biometrika 26, 1934), how many trials would settle it, and
//! whether misses come in clusters (Wald and Wolfowitz, On a test whether two samples are from the same population,
//! Annals of Mathematical Statistics 11, 1940). Must not know claims or observations.

mod beta;

use probity_plan::units::Share;

use crate::judgement::{Bounds, Counts, Outcome};
use beta::{beta, beta_inverse, ln_gamma};

/// Searches for a number of trials end here.
pub const MAX_TRIALS: u64 = 10_000_000;

/// The chance with which the size named in a finding settles it.
const POWER: f64 = 0.8;

/// The error probability of one bound at this confidence: 0.05 for 0.95.
pub fn alpha(confidence: f64) -> f64 {
    // 1 - 0.95 is a little more than 0.05.
    ((1.0 - confidence) * 1e12).round() / 1e12
}

/// The largest rate p such that `successes` or more of `trials` happen with probability at most `alpha` at any rate
/// below p. Not rounded. 0 without successes or trials.
pub fn lower(successes: u64, trials: u64, alpha: f64) -> f64 {
    let (k, n) = (real(successes.min(trials)), real(trials));
    if k == 0.0 {
        0.0
    } else if k == n {
        (alpha.ln() / n).exp()
    } else {
        beta_inverse(alpha, k, n - k + 1.0)
    }
}

/// Both bounds, each at error probability `alpha`, rounded outward to six decimals. Blocked trials are failures for
/// the lower one and successes for the upper one.
pub fn bounds(counts: &Counts, alpha: f64) -> Bounds {
    let best_case_misses = counts.planned - (counts.successes + counts.blocked).min(counts.planned);
    Bounds {
        lower: round_down(lower(counts.successes, counts.planned, alpha)),
        // By symmetry: the upper bound of the successes is 1 less the lower bound of the misses.
        upper: 1.0 - round_down(lower(best_case_misses, counts.planned, alpha)),
        confidence: 1.0 - alpha,
    }
    .decimal()
}

/// Decides a rate at error probability `alpha` by the bounds that are printed: it holds if the lower one reaches the
/// objective, fails if the upper one is below it.
pub fn decide_rate(counts: &Counts, share: Share, alpha: f64) -> (Outcome, Bounds) {
    let bounds = bounds(counts, alpha);
    let outcome = if counts.planned == 0 {
        Outcome::Undetermined
    } else if bounds.lower >= share.0 {
        Outcome::Holds
    } else if bounds.upper < share.0 {
        Outcome::Fails
    } else {
        Outcome::Undetermined
    };
    (outcome, bounds)
}

/// The least number of trials that shows the objective if all succeed; 59 for 95 % at `alpha` 0.05.
pub fn least_if_all_succeed(share: Share, alpha: f64) -> u64 {
    let objective = round_up(share.0);
    let estimate = (alpha.ln() / objective.ln()).ceil().max(1.0);
    let mut trials = whole(estimate).saturating_sub(2).max(1);
    // The logarithms may be off by a rounding; what is printed decides.
    while trials < MAX_TRIALS && round_down(lower(trials, trials, alpha)) < share.0 {
        trials += 1;
    }
    trials
}

/// The chance that `trials` trials settle the claim, either way, if the true rate is `rate`. Exact.
pub fn chance_settled(trials: u64, share: Share, alpha: f64, rate: f64) -> f64 {
    // What the rounded bounds decide, without inverting: the lower bound reaches the objective if as many successes
    // have probability at most alpha at the objective; the upper one is below it if it is below its last decimal.
    let objective = round_up(share.0);
    let enough = first_unlikely(trials, objective, alpha);
    let holds = at_least(enough, trials, rate);
    // Misses so many that the rate is surely lower.
    let too_many = first_unlikely(trials, 1.0 - (objective - 1e-6).max(0.0), alpha);
    holds + at_least(too_many, trials, 1.0 - rate)
}

/// A number of trials that settles the claim in 8 of 10 runs if the true rate is `rate`; the least such number up to
/// 1,000, near the least beyond. `None` if there is none up to [`MAX_TRIALS`].
pub fn likely_to_settle(share: Share, alpha: f64, rate: f64) -> Option<u64> {
    let settles = |trials| chance_settled(trials, share, alpha, rate) >= POWER;
    if let Some(trials) = (1..=1000).find(|trials| settles(*trials)) {
        return Some(trials);
    }
    let (mut too_few, mut enough) = (1000, 2000);
    while !settles(enough) {
        if enough >= MAX_TRIALS {
            return None;
        }
        too_few = enough;
        enough = (enough * 2).min(MAX_TRIALS);
    }
    while enough - too_few > enough / 1000 {
        let middle = u64::midpoint(too_few, enough);
        if settles(middle) { enough = middle } else { too_few = middle }
    }
    Some(enough)
}

/// Whether successes and misses come in fewer runs than chance would make them, at 1 % one-sided: exact for up to
/// 2,000 runs, by the normal approximation beyond.
pub fn clustered(successes: u64, misses: u64, runs: u64) -> bool {
    let (s, m) = (real(successes), real(misses));
    let n = s + m;
    if s < 1.0 || m < 1.0 {
        return false;
    }
    if runs > 2000 {
        let mean = 1.0 + 2.0 * s * m / n;
        let variance = (mean - 1.0) * (mean - 2.0) / (n - 1.0);
        // The 1 % quantile of the normal distribution; half a run for its steps.
        return (real(runs) + 0.5 - mean) / variance.sqrt() <= -2.326_347_874;
    }
    let ln_choose = |n: f64, k: f64| {
        if k > n { f64::NEG_INFINITY } else { ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0) }
    };
    let all = ln_choose(n, m);
    let ways = |of_successes: f64, of_misses: f64| {
        (ln_choose(s - 1.0, of_successes - 1.0) + ln_choose(m - 1.0, of_misses - 1.0) - all).exp()
    };
    let mut probability = 0.0;
    for count in 2..=runs {
        let half = real(count / 2);
        probability += if count % 2 == 0 {
            2.0 * ways(half, half)
        } else {
            ways(half + 1.0, half) + ways(half, half + 1.0)
        };
        if probability > 0.01 {
            return false;
        }
    }
    probability <= 0.01
}

/// The least count of `trials` that has probability at most `alpha` to be reached at this rate; `trials + 1` if none.
fn first_unlikely(trials: u64, rate: f64, alpha: f64) -> u64 {
    let unlikely = |count| at_least(count, trials, rate) <= alpha;
    // Near mean and spread of the binomial distribution, then outward until it brackets.
    let (mean, spread) = (real(trials) * rate, (real(trials) * rate * (1.0 - rate)).sqrt().max(1.0));
    let (mut below, mut step) = (whole(mean).min(trials), whole(spread).max(1));
    while below > 0 && unlikely(below) {
        below = below.saturating_sub(step);
    }
    let mut above = below;
    loop {
        above = (above + step).min(trials + 1);
        if above > trials || unlikely(above) {
            break;
        }
        below = above;
        step = step.saturating_mul(2);
    }
    while above - below > 1 {
        let middle = u64::midpoint(below, above);
        if unlikely(middle) { above = middle } else { below = middle }
    }
    above
}

/// The probability of `count` or more successes in `trials` at this rate.
fn at_least(count: u64, trials: u64, rate: f64) -> f64 {
    if count == 0 {
        1.0
    } else if count > trials {
        0.0
    } else {
        beta(rate, real(count), real(trials - count) + 1.0)
    }
}

impl Bounds {
    /// Each value as the double nearest to its six (confidence: twelve) decimals.
    fn decimal(self) -> Self {
        let nearest = |value: f64, scale: f64| (value * scale).round() / scale;
        Self {
            lower: nearest(self.lower, 1e6),
            upper: nearest(self.upper, 1e6),
            confidence: nearest(self.confidence, 1e12),
        }
    }
}

/// Down to six decimals.
pub fn round_down(value: f64) -> f64 {
    let nearest = (value * 1e6).round() / 1e6;
    if nearest <= value { nearest } else { ((value * 1e6).round() - 1.0) / 1e6 }
}

/// Up to six decimals.
pub fn round_up(value: f64) -> f64 {
    -round_down(-value)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and far below 2^53"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests;
