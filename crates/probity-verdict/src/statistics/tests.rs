//! The bounds held against published values, and their laws.

use proptest::prelude::*;

use super::*;

const OBJECTIVE: Share = Share(0.95);

fn counts(successes: u64, failures: u64, blocked: u64) -> Counts {
    Counts { planned: successes + failures + blocked, successes, failures, blocked, ..Counts::default() }
}

fn share(percent: f64) -> Share {
    format!(">= {percent}%").parse().unwrap()
}

fn near(left: f64, right: f64, within: f64) -> bool {
    (left - right).abs() <= within
}

/// R. G. Newcombe, Two-sided confidence intervals for the single proportion: comparison of seven methods, Statistics
/// in Medicine 17 (1998), table I, method 5 (Clopper-Pearson): two-sided 95 %, so each side at 2.5 %, four decimals.
#[test]
fn bounds_are_those_of_the_published_table() {
    for (successes, trials, low, high) in
        [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)]
    {
        assert!(near(lower(successes, trials, 0.025), low, 5.1e-5), "{successes} of {trials}");
        assert!(
            near(1.0 - lower(trials - successes, trials, 0.025), high, 5.1e-5),
            "{successes} of {trials}"
        );
    }
}

/// Checked against scipy.stats.beta.ppf; and 0.0001051275 for 5 of 100,000 from the R package GenBinomApps' manual.
#[test]
fn bounds_agree_with_other_programs() {
    for (successes, trials, bound) in
        [(37, 40, 0.817_413), (19, 20, 0.783_894), (59, 59, 0.950_492), (58, 58, 0.949_661)]
    {
        assert!(near(lower(successes, trials, 0.05), bound, 5.1e-7), "{successes} of {trials}");
    }
    // Outward: 0.7838938... down, 0.9974386... up.
    let printed = bounds(&counts(19, 1, 0), 0.05);
    assert_eq!((printed.lower, printed.upper), (0.783_893, 0.997_439));
    assert!(near(1.0 - lower(100_000 - 5, 100_000, 0.05), 0.000_105_127_5, 5e-11));
}

/// I_x(a, b) is a sum of binomial probabilities for whole a and b.
#[test]
fn incomplete_beta_is_the_sum_of_the_binomial_tail() {
    for n in [1_u64, 2, 7, 40, 300] {
        for rate in [0.001, 0.2, 0.5, 0.77, 0.95, 0.9999] {
            for k in 1..=n {
                let sum: f64 = (k..=n).map(|j| probability(j, n, rate)).sum();
                assert!(near(at_least(k, n, rate), sum, 1e-12), "{k} of {n} at {rate}");
            }
        }
    }
    // Symmetric at one half, however many.
    assert!(near(beta(0.5, 5e5, 5e5), 0.5, 1e-12));
    assert!(near(beta(0.5, 5e6, 5e6), 0.5, 1e-12));
}

/// The product of the ratios, so that no large factorial is needed; for the tests only.
fn probability(k: u64, n: u64, rate: f64) -> f64 {
    let mut ln = real(k) * rate.ln() + real(n - k) * (1.0 - rate).ln();
    for i in 1..=k {
        ln += (real(n - k + i) / real(i)).ln();
    }
    ln.exp()
}

#[test]
fn no_successes_and_only_successes_have_exact_bounds() {
    let none = bounds(&counts(0, 10, 0), 0.05);
    assert_eq!(none.lower, 0.0);
    let all = bounds(&counts(10, 0, 0), 0.05);
    assert_eq!((all.lower, all.upper), (0.741_134, 1.0)); // 0.05^(1/10) = 0.74113444...
    assert_eq!(none.upper, 0.258_866);
    assert_eq!(bounds(&Counts::default(), 0.05), Bounds { lower: 0.0, upper: 1.0, confidence: 0.95 });
}

#[test]
fn nineteen_of_twenty_is_not_95_percent_and_37_of_40_is_80() {
    let decide = |successes, failures, blocked, percent| {
        decide_rate(&counts(successes, failures, blocked), share(percent), 0.05).0
    };
    assert_eq!(decide(19, 1, 0, 80.0), Outcome::Undetermined);
    assert_eq!(decide(19, 1, 0, 95.0), Outcome::Undetermined);
    assert_eq!(decide(37, 3, 0, 80.0), Outcome::Holds);
    assert_eq!(decide(37, 2, 1, 80.0), Outcome::Holds);
    assert_eq!(decide(5, 0, 0, 95.0), Outcome::Undetermined);
    assert_eq!(decide(58, 0, 0, 95.0), Outcome::Undetermined);
    assert_eq!(decide(59, 0, 0, 95.0), Outcome::Holds);
    assert_eq!(decide(59, 0, 1, 95.0), Outcome::Undetermined);
    assert_eq!(decide(2, 18, 0, 80.0), Outcome::Fails);
    assert_eq!(decide(2, 0, 18, 80.0), Outcome::Undetermined);
    assert_eq!(decide(0, 0, 0, 80.0), Outcome::Undetermined);
}

#[test]
fn the_least_number_that_can_show_a_rate() {
    for (percent, least) in [(80.0, 14), (95.0, 59), (99.0, 299), (50.0, 5), (99.9, 2995)] {
        assert_eq!(least_if_all_succeed(share(percent), 0.05), least, "{percent}");
    }
}

#[test]
fn the_size_named_settles_it_in_8_of_10_runs() {
    for (percent, rate) in [(95.0, 0.99), (95.0, 1.0), (80.0, 0.925), (95.0, 0.80), (99.0, 0.0), (95.0, 0.96)]
    {
        let objective = share(percent);
        let trials = likely_to_settle(objective, 0.05, rate).unwrap();
        // The chance by plain counting: each number of successes, decided as a finding is.
        let settled = |trials: u64| -> f64 {
            (0..=trials)
                .filter(|k| {
                    decide_rate(&counts(*k, trials - k, 0), objective, 0.05).0 != Outcome::Undetermined
                })
                .map(|k| {
                    if rate == 0.0 || rate == 1.0 {
                        f64::from(u8::from(real(k) == rate * real(trials)))
                    } else {
                        probability(k, trials, rate)
                    }
                })
                .sum()
        };
        assert!(
            near(settled(trials), chance_settled(trials, objective, 0.05, rate), 1e-9),
            "{percent} {rate}"
        );
        assert!(settled(trials) >= 0.8, "{percent} {rate}: {trials}");
        if trials <= 1000 {
            assert!(
                (1..trials).all(|fewer| settled(fewer) < 0.8),
                "{percent} {rate}: {trials} is not the least"
            );
        }
    }
    assert_eq!(likely_to_settle(OBJECTIVE, 0.05, 0.95), None);
}

#[test]
fn seventeen_samples_cannot_settle_95_percent() {
    assert!(chance_settled(17, OBJECTIVE, 0.05, 1.0) < 1e-12);
    assert!(near(chance_settled(59, OBJECTIVE, 0.05, 1.0), 1.0, 1e-12));
    assert!(near(chance_settled(59, OBJECTIVE, 0.05, 0.99), 0.99_f64.powi(59), 1e-3));
}

/// The probability that a false rate claim is called `holds`, at its worst: the true rate just below the objective.
#[test]
fn a_false_claim_is_shown_with_probability_at_most_5_percent() {
    for percent in [50.0, 80.0, 95.0, 99.0] {
        let objective = share(percent);
        for trials in 1..=120 {
            let called: f64 = (0..=trials)
                .filter(|k| decide_rate(&counts(*k, trials - k, 0), objective, 0.05).0 == Outcome::Holds)
                .map(|k| probability(k, trials, objective.0 - 1e-9))
                .sum();
            assert!(called <= 0.05, "{trials} trials at {percent} %: {called}");
            let refused: f64 = (0..=trials)
                .filter(|k| decide_rate(&counts(*k, trials - k, 0), objective, 0.05).0 == Outcome::Fails)
                .map(|k| probability(k, trials, objective.0))
                .sum();
            assert!(refused <= 0.05, "{trials} trials at {percent} %: {refused}");
        }
    }
}

/// By hand: 5 and 5 can be arranged in C(10, 5) = 252 ways, 2 of them with 2 runs (0.79 %), 8 with 3 runs.
#[test]
fn misses_in_one_stretch_are_clustered() {
    assert!(clustered(5, 5, 2));
    assert!(!clustered(5, 5, 3));
    // 4 and 4: 2 of 70 arrangements (2.9 %) have 2 runs.
    assert!(!clustered(4, 4, 2));
    // One miss is in a run of its own wherever it is.
    assert!(!clustered(95, 1, 2));
    // 50 successes with 3 misses in a row inside: 51 of C(53, 3) = 23,426 have at most 3 runs.
    assert!(clustered(50, 3, 3));
    assert!(!clustered(50, 3, 7));
    assert!(!clustered(0, 10, 1));
    // Many: 10,000 alternating in blocks of 4, and in pairs of two by two as chance would.
    assert!(clustered(5000, 5000, 2500));
    assert!(!clustered(5000, 5000, 5000));
}

/// The exact sum over all numbers of runs is 1, and matches counting every arrangement of few.
#[test]
fn the_runs_test_is_exact() {
    for (successes, misses) in [(9_u32, 3_u32), (6, 6), (11, 2)] {
        let n = successes + misses;
        let mut by_runs = [0_u32; 20];
        let mut all = 0;
        for arrangement in 0_u32..1 << n {
            if arrangement.count_ones() == misses {
                let changes =
                    (1..n).filter(|i| (arrangement >> i & 1) != (arrangement >> (i - 1) & 1)).count();
                by_runs[changes + 1] += 1;
                all += 1;
            }
        }
        for runs in 1..20 {
            let as_few: u32 = by_runs[..=runs].iter().sum();
            let expected = as_few > 0 && f64::from(as_few) <= 0.01 * f64::from(all);
            let possible = by_runs[runs] > 0;
            if possible {
                assert_eq!(
                    clustered(successes.into(), misses.into(), runs as u64),
                    expected,
                    "{successes} {misses} {runs}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn one_more_success_lowers_no_bound_and_one_more_failure_raises_none(
        successes in 0_u64..300, failures in 0_u64..300, blocked in 0_u64..50, alpha in 1e-6_f64..0.5,
    ) {
        let before = bounds(&counts(successes, failures, blocked), alpha);
        let success = bounds(&counts(successes + 1, failures, blocked), alpha);
        let failure = bounds(&counts(successes, failures + 1, blocked), alpha);
        prop_assert!(success.lower >= before.lower && success.upper >= before.upper);
        prop_assert!(failure.lower <= before.lower && failure.upper <= before.upper);
        prop_assert!(0.0 <= before.lower && before.lower <= before.upper && before.upper <= 1.0);
    }

    #[test]
    fn turning_a_blocked_trial_into_an_outcome_never_widens(
        successes in 0_u64..300, failures in 0_u64..300, blocked in 1_u64..50, alpha in 1e-6_f64..0.5,
    ) {
        let before = bounds(&counts(successes, failures, blocked), alpha);
        for after in [counts(successes + 1, failures, blocked - 1), counts(successes, failures + 1, blocked - 1)] {
            let after = bounds(&after, alpha);
            prop_assert!(after.lower >= before.lower && after.upper <= before.upper);
        }
    }

    #[test]
    fn rounding_is_outward_and_by_less_than_a_millionth(value in 0.0_f64..1.0) {
        prop_assert!(round_down(value) <= value && value - round_down(value) < 1.000_001e-6);
        prop_assert!(round_up(value) >= value && round_up(value) - value < 1.000_001e-6);
        prop_assert_eq!(round_down(round_up(value)), round_up(value));
    }

    #[test]
    fn the_inverse_inverts(successes in 1_u64..100_000, misses in 0_u64..100_000, alpha in 1e-9_f64..0.5) {
        let trials = successes + misses;
        let bound = lower(successes, trials, alpha);
        prop_assert!(near(at_least(successes, trials, bound) / alpha, 1.0, 1e-8));
    }
}
