//! `reproduce`: the same plan observed anew, into a bundle that cites the old one.

use probity_plan::units::counted;
use probity_verdict::{Bounds, Finding, Judgement, Outcome};

use crate::bundle::{self, Compare};
use crate::cli::ReproduceArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::run::{Order, known_probes};
use crate::{dry_run, terminal};

/// `reproduce`.
pub fn run(args: &ReproduceArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let (read, _) = bundle::read(&args.bundle, &signers, Compare::All, |_| Ok(None))
        .map_err(|unread| unread.failure(&args.bundle))?;
    // A plan is code: before anything acts, it is known whose it is and that it is what was signed.
    if let Some(why) = read.unacceptable() {
        let message = format!(
            "{} Nothing of it was run. See `probity verify {}`",
            probity_report::unacceptable(why),
            args.bundle.display()
        );
        return Err(Failure { message, exit: read.exit(Exit::Open) });
    }
    let plan = &read.loaded.plan;
    known_probes(plan, &args.how.only)?;
    terminal::complain(&dry_run::announce(plan, &read.conditions, args.how.allow.into(), &args.how.only));
    let order = Order {
        loaded: &read.loaded,
        conditions: &read.conditions,
        inputs: read.bundle.start().inputs.clone(),
        output: &args.output,
        how: &args.how,
        reproduces: read.verification.root.clone(),
    };
    let done = order.carry_out(environment)?;
    done.print(&args.how)?;
    if done.interrupted.is_some() {
        return Ok(Exit::Failed);
    }
    let comparison = Comparison::of(&read.derived.judgement, &done.derived.judgement);
    terminal::complain(&comparison.to_string());
    Ok(comparison.exit())
}

/// The findings of two runs of one plan beside each other.
#[derive(Debug, Default)]
struct Comparison<'j> {
    /// Decided in both, and the same, with bounds that meet where there are any.
    again: Vec<(&'j Finding, &'j Finding)>,
    /// Decided in both, and not the same.
    contradicted: Vec<(&'j Finding, &'j Finding)>,
    /// Decided in one of them only.
    open: Vec<(&'j Finding, &'j Finding)>,
}

impl<'j> Comparison<'j> {
    fn of(before: &'j Judgement, after: &'j Judgement) -> Self {
        let mut comparison = Self::default();
        for (before, after) in before.findings.iter().zip(&after.findings) {
            let undecided = |finding: &Finding| finding.outcome == Outcome::Undetermined;
            let list = match (undecided(before), undecided(after)) {
                // What was never known is not known again: that shows nothing.
                (true, true) => continue,
                (false, false) if before.outcome == after.outcome && meet(before.bounds, after.bounds) => {
                    &mut comparison.again
                }
                (false, false) => &mut comparison.contradicted,
                _ => &mut comparison.open,
            };
            list.push((before, after));
        }
        comparison
    }

    fn exit(&self) -> Exit {
        match (self.contradicted.is_empty(), self.open.is_empty() && !self.again.is_empty()) {
            (false, _) => Exit::Against,
            (true, true) => Exit::Fine,
            (true, false) => Exit::Open,
        }
    }
}

/// Whether one rate can be within both.
fn meet(a: Option<Bounds>, b: Option<Bounds>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.lower <= b.upper && b.lower <= a.upper,
        _ => true,
    }
}

impl std::fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let heading = match self.exit() {
            Exit::Fine => "The same findings as before",
            Exit::Against => "NOT the same findings",
            _ if self.again.is_empty() && self.open.is_empty() => {
                "Nothing was shown: no finding is decided, neither before nor now"
            }
            _ => "Not all of it was shown again",
        };
        writeln!(f, "{heading}: {} shown again.", counted(self.again.len() as u64, "finding", "findings"))?;
        for (before, after) in &self.again {
            if before.bounds.is_some() || after.bounds.is_some() {
                writeln!(f, "  {}: {} before, {} now", before.claim, told(before), told(after))?;
            }
        }
        for (before, after) in self.contradicted.iter().chain(&self.open) {
            let reason = &after.reason;
            writeln!(f, "  {}: {} before, {} now ({reason})", before.claim, told(before), told(after))?;
        }
        Ok(())
    }
}

/// "holds, between 0.930 and 1".
fn told(finding: &Finding) -> String {
    match finding.bounds {
        Some(bounds) => format!("{}, between {} and {}", finding.outcome.name(), bounds.lower, bounds.upper),
        None => finding.outcome.name().to_owned(),
    }
}
