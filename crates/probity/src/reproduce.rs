//! `reproduce`: the same plan observed anew, into a bundle that cites the old one.

use probity_evidence::Outcome;
use probity_verdict::Judgement;

use crate::cli::ReproduceArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::run::Order;
use crate::{bundle, dry_run, terminal};

/// `reproduce`.
pub fn run(args: &ReproduceArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let (read, _) = bundle::read(&args.bundle, &signers, |_| Ok(None))?;
    match read.verification.outcome {
        Outcome::Intact => {}
        Outcome::UnknownSigner => {
            return Err(Failure::wrong(format!(
                "the plan in {} is code by a signer unknown to you; look at it, then name the signer with --signers FILE",
                read.name
            )));
        }
        _ => {
            return Err(Failure::wrong(format!(
                "{} is not intact and complete; see `probity verify {}`",
                read.name, read.name
            )));
        }
    }
    let plan = &read.loaded.plan;
    terminal::complain(&dry_run::describe(plan, args.how.allow.into(), &args.how.only));
    let order = Order {
        loaded: &read.loaded,
        inputs: bundle::inputs_of(read.bundle.start()),
        output: &args.output,
        how: &args.how,
        reproduces: read.verification.root.clone(),
    };
    let done = order.carry_out(environment)?;
    done.print(&args.how)?;
    if done.interrupted.is_some() {
        return Ok(Exit::Failed);
    }
    let differences = differences(&read.derived.judgement, &done.derived.judgement);
    if differences.is_empty() {
        terminal::complain("The same findings as before.");
        return Ok(Exit::Fine);
    }
    terminal::complain(&format!("Not the same findings:\n{}", differences.join("\n")));
    Ok(Exit::Against)
}

/// A line for each claim whose outcome is another one.
fn differences(before: &Judgement, after: &Judgement) -> Vec<String> {
    before
        .findings
        .iter()
        .zip(&after.findings)
        .filter(|(before, after)| before.outcome != after.outcome)
        .map(|(before, after)| {
            format!(
                "  {}: {} before, {} now ({})",
                before.claim,
                before.outcome.name(),
                after.outcome.name(),
                after.reason
            )
        })
        .collect()
}
