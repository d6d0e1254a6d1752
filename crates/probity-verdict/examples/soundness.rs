//! How often a rate claim that is false is called `holds`: exactly by summation where the number of trials is fixed, by
//! simulation of whole runs (plan, observations, judge, verdict) for verdicts of ten and twenty claims, and where
//! failures come in bursts. Prints tables in Markdown, every figure as it comes out.
//!
//! `cargo run --release -p probity-verdict --example soundness [RUNS]`; 1000 runs a row unless said. The same figures
//! each time: the pseudo-random numbers have a fixed seed.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use probity_plan::units::Share;
use probity_plan::{Lane, Observation, Plan, Value};
use probity_verdict::judgement::{Counts, Judgement, Outcome};
use probity_verdict::{Judge, statistics};

fn main() -> Result<(), Box<dyn Error>> {
    let runs = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse())?;
    exact();
    whole_verdicts(runs)?;
    Ok(bursts(runs)?)
}

/// The claim is false as soon as its rate is below the objective; the chance of `holds` grows with the rate, so that the
/// objective itself is the worst case (its limit from below).
fn exact() {
    println!("A false rate claim is called `holds`, exact, at the worst rate (just below the objective):\n");
    println!("| objective | trials | successes needed | probability |\n|---|---:|---:|---:|");
    for share in [0.8, 0.95, 0.99] {
        for trials in [14, 40, 59, 93, 200, 299, 1000, 10_000] {
            let (needed, probability) = called_holds(trials, share, 0.05);
            let needed = needed.map_or("none is enough".to_owned(), |needed| needed.to_string());
            println!("| {share} | {trials} | {needed} | {probability:.6} |");
        }
        let worst = (1..=1000).map(|trials| (called_holds(trials, share, 0.05).1, trials));
        let (probability, trials) = worst.fold((0.0, 0), |a, b| if b.0 > a.0 { b } else { a });
        println!("| {share} | worst of 1 to 1000: {trials} | | {probability:.6} |");
    }
    println!();
}

/// The least number of successes that is called `holds`, and the probability of that many or more at the objective.
fn called_holds(trials: u64, share: f64, alpha: f64) -> (Option<u64>, f64) {
    let outcome = |successes| {
        let counts = Counts {
            planned: trials,
            successes,
            failures: trials - successes,
            blocked: 0,
            ..Counts::default()
        };
        statistics::decide_rate(&counts, Share(share), alpha).0
    };
    let Some(needed) =
        (0..=trials).rev().take_while(|successes| outcome(*successes) == Outcome::Holds).last()
    else {
        return (None, 0.0);
    };
    // Summed term by term from the top, without the incomplete beta function that decides.
    let mut ln_term = real(trials) * share.ln();
    let mut sum = ln_term.exp();
    for failures in 1..=trials - needed {
        ln_term += (real(trials - failures + 1) / real(failures) * (1.0 - share) / share).ln();
        sum += ln_term.exp();
    }
    (Some(needed), sum)
}

/// Verdicts over many rates, in the worst case that the form of the rule allows.
fn whole_verdicts(runs: u64) -> Result<(), String> {
    println!(
        "Whole verdicts, {runs} simulated runs a row, claims of at least 95 %, false ones exactly there:\n"
    );
    println!(
        "| claims | rule that accepts | false claims | trials each | wrongly accepted | at most (99 %) | \
         exactly, if claims are independent | if nothing were corrected |\n|---:|---|---:|---:|---:|---:|---:|---:|"
    );
    let mut cases = Vec::new();
    for (claims, trials) in [(10, 104), (20, 117)] {
        let all = |join: &str| (0..claims).map(|at| format!("holds(c{at})")).collect::<Vec<_>>().join(join);
        let mut case = |name, rule: String, wrong, enough, divisor| {
            let accept = format!("  - {{ label: GO, when: \"{rule}\", accepted: true }}\n");
            cases.push(Case { claims, name, accept, wrong, trials, enough, divisor });
        };
        case("all hold (an and)", all(" && "), 1, claims, 1);
        case("any holds (an or)", all(" || "), claims, 1, claims);
        case(
            "a score that one claim reaches",
            format!("score.s >= {}", 1.0 / f64::from(claims)),
            claims,
            1,
            claims,
        );
        case("a score of 0.9 or more", "score.s >= 0.9".to_owned(), claims / 10 + 1, claims * 9 / 10, claims);
    }
    let accept =
        "  - { label: A, when: holds(c0), accepted: true }\n  - { label: B, when: holds(c1), accepted: true }\n".to_owned();
    let name = "two rules that accept, one rate each";
    cases.push(Case { claims: 2, name, accept, wrong: 2, trials: 59, enough: 1, divisor: 1 });
    in_parallel(&cases, |case, seed| case.row(runs, seed))?;
    let plan = cases.last().ok_or("no case")?.plan()?;
    let judgement = run(&plan, &mut |_, _| true)?;
    let bound = probity_verdict::wording::verdict::error_bound(&plan, &judgement);
    println!("\nThe plan of the last row prints: {}.\n", bound.unwrap_or_default());
    Ok(())
}

/// A form of rule in its worst case.
struct Case {
    claims: u32,
    name: &'static str,
    accept: String,
    /// So many claims are false; the others never fail.
    wrong: u32,
    trials: u64,
    /// So many findings that hold would be enough without any correction.
    enough: u32,
    /// What `alpha` is divided by.
    divisor: u32,
}

impl Case {
    fn plan(&self) -> Result<Plan, String> {
        plan(self.claims, &format!("repeat: {}", self.trials), "share: \">= 95%\"", &self.accept)
    }

    fn row(&self, runs: u64, seed: u64) -> Result<String, String> {
        let plan = self.plan()?;
        let mut random = Random(seed);
        let (mut accepted, mut uncorrected) = (0, 0);
        for _ in 0..runs {
            let judged = run(&plan, &mut |claim, _| claim >= self.wrong || random.below(0.95))?;
            accepted += u64::from(judged.verdict.accepted == Some(true));
            let hold = judged.findings.iter().filter(|finding| finding.outcome == Outcome::Holds).count();
            uncorrected += u64::from(hold >= self.enough as usize);
        }
        Ok(format!(
            "| {} | {} | {} | {} | {} | {:.4} | {:.4} | {} |",
            self.claims,
            self.name,
            self.wrong,
            self.trials,
            share(accepted, runs),
            at_most(accepted, runs),
            any_of(self.wrong, self.trials, self.divisor),
            share(uncorrected, runs)
        ))
    }
}

/// Prints a row for each case, in their order, made on all processors. Each has a seed of its own.
fn in_parallel<C: Sync>(
    cases: &[C],
    row: impl Fn(&C, u64) -> Result<String, String> + Sync,
) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(at) else { break };
            let row = row(case, 1 + at as u64);
            rows.lock().unwrap_or_else(PoisonError::into_inner).insert(at, row);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    for row in rows.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
        println!("{}", row?);
    }
    Ok(())
}

/// The probability that any of so many independent false claims is called `holds` where `alpha` is divided so.
fn any_of(wrong: u32, trials: u64, divisor: u32) -> f64 {
    let one = called_holds(trials, 0.95, 0.05 / f64::from(divisor)).1;
    1.0 - (1.0 - one).powf(f64::from(wrong))
}

/// Failures that come in bursts break the assumption that trials do not influence each other.
fn bursts(runs: u64) -> Result<(), String> {
    println!(
        "Failures in bursts (geometric lengths), one claim of at least 95 %, one look a second, {runs} runs a row:\n"
    );
    println!(
        "| false in that | bursts of | `block` | called `holds` | at most (99 %) | by the bounds alone, without the runs \
         test |\n|---|---:|---|---:|---:|---:|"
    );
    let mut cases = Vec::new();
    for length in [5.0, 10.0] {
        let end = 1.0 / length;
        // The chance that a burst begins, so that 95 % of the looks succeed.
        let of_looks = 0.05 / 0.95 * end;
        // And so that 95 % of the minutes have no failure at all.
        let of_minutes = solve(|begin| clear(begin, end) * (1.0 - begin).powi(59), 0.95);
        cases.push(("95 % of looks succeed", of_looks, end, "every: 1s, for: 10m", ""));
        cases.push(("95 % of looks succeed", of_looks, end, "every: 1s, for: 1h", ", block: 1m"));
        cases.push(("95 % of minutes are clean", of_minutes, end, "every: 1s, for: 1h", ", block: 1m"));
    }
    in_parallel(&cases, |(name, begin, end, schedule, block), seed| {
        let go = "  - { label: GO, when: holds(c0), accepted: true }\n";
        let plan = plan(1, schedule, &format!("share: \">= 95%\"{block}"), go)?;
        let mut random = Random(seed);
        let (mut holds, mut by_bounds) = (0, 0);
        for _ in 0..runs {
            let mut good = random.below(clear(*begin, *end));
            let judged = run(&plan, &mut |_, slot| {
                if slot > 0 {
                    good = if good { !random.below(*begin) } else { random.below(*end) };
                }
                good
            })?;
            let finding = judged.findings.first().ok_or("no finding")?;
            holds += u64::from(finding.outcome == Outcome::Holds);
            let alone = statistics::decide_rate(&finding.counts, Share(0.95), 0.05).0;
            by_bounds += u64::from(alone == Outcome::Holds);
        }
        Ok(format!(
            "| {name} | {:.0} | {} | {} | {:.4} | {} |",
            1.0 / end,
            if block.is_empty() { "no" } else { "1m" },
            share(holds, runs),
            at_most(holds, runs),
            share(by_bounds, runs)
        ))
    })
}

/// The share of time without a burst, where one begins with this chance and ends with that.
fn clear(begin: f64, end: f64) -> f64 {
    end / (begin + end)
}

/// Where a falling function of a chance has this value, by bisection.
fn solve(falling: impl Fn(f64) -> f64, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if falling(middle) > value { low = middle } else { high = middle }
    }
    low
}

struct Text(String);

impl probity_plan::Sources for Text {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

/// A plan with so many probes and claims about them, equal in a score, and these rules that accept.
fn plan(claims: u32, schedule: &str, rate: &str, accept: &str) -> Result<Plan, String> {
    let each = |line: &dyn Fn(u32) -> String| (0..claims).map(line).collect::<Vec<_>>().concat();
    let text = format!(
        "plan: Soundness\nprobes:\n{}claims:\n{}scores:\n  s: {{ {} }}\nverdict:\n{accept}  - {{ label: NO }}\n",
        each(&|at| format!("  p{at}: {{ command: [\"true\"], impact: observe, {schedule} }}\n")),
        each(&|at| format!("  c{at}: {{ of: p{at}, check: exit_code == 0, {rate} }}\n")),
        each(&|at| format!("c{at}: 1, ")).trim_end_matches(", "),
    );
    Ok(probity_plan::load("plan.yaml", &Text(text), &BTreeMap::new())
        .map_err(|errors| errors.to_string())?
        .plan)
}

/// A run in which `succeeds` says what comes of each look, by claim and slot.
fn run(plan: &Plan, succeeds: &mut dyn FnMut(u32, u32) -> bool) -> Result<Judgement, String> {
    let started = jiff::Timestamp::UNIX_EPOCH;
    let conditions = probity_verdict::Conditions::new(plan);
    let mut judge = Judge::new(plan, &conditions, started);
    let mut entry = 0;
    for (claim, probe) in (0_u32..).zip(&plan.probes) {
        for slot in 0..probe.planned() {
            let exit = i64::from(!succeeds(claim, slot));
            let observation = Observation {
                trial: None,
                observer: 0,
                artifacts: BTreeMap::new(),
                excerpts: BTreeMap::new(),
                probe: probe.name.clone(),
                cell: BTreeMap::new(),
                slot,
                attempt: 1,
                superseded: false,
                lane: Lane::Quiet,
                started: started
                    .checked_add(std::time::Duration::from_secs(slot.into()))
                    .map_err(|error| error.to_string())?,
                offset_us: u64::from(slot) * 1_000_000,
                duration_us: 1000,
                scheduling_delay_us: None,
                facts: BTreeMap::from([("exit_code".to_owned(), Value::from(exit))]),
                unknown: BTreeMap::new(),
            };
            judge.observe(entry, &observation);
            entry += 1;
        }
    }
    Ok(judge.conclude(true))
}

/// Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (SplitMix64).
struct Random(u64);

impl Random {
    /// True with this probability.
    fn below(&mut self, probability: f64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        real((z ^ (z >> 31)) >> 11) / real(1 << 53) < probability
    }
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
fn real(number: u64) -> f64 {
    number as f64
}

fn share(count: u64, runs: u64) -> String {
    format!("{:.4}", real(count) / real(runs))
}

/// The upper bound of a rate from a count, at 99 %.
fn at_most(count: u64, runs: u64) -> f64 {
    1.0 - statistics::lower(runs - count, runs, 0.01)
}
