//! `reproduce`: the same plan observed anew, into a bundle that cites the old one.

use probity_case::comparison::{Comparison, Reproduction};
use probity_case::{Compare, Order};
use probity_evidence::writer::WriteError;

use crate::bundle;
use crate::cli::ReproduceArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::run::{self, known_probes};
use crate::{dry_run, terminal};

/// `reproduce`.
pub fn run(args: &ReproduceArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let read = bundle::read(&args.bundle, &signers, Compare::All, |_| Ok(None))
        .map_err(|unread| bundle::failure(unread, &args.bundle))?;
    // A plan is code: before anything acts, it is known whose it is and that it is what was signed.
    if let Some(why) = read.unacceptable() {
        let message = format!(
            "{} Nothing of it was run. See `probity verify {}`",
            probity_report::unacceptable(why),
            args.bundle.display()
        );
        return Err(Failure { message, exit: bundle::exit(&read, Exit::Open) });
    }
    let plan = &read.loaded.plan;
    known_probes(plan, &args.how.only)?;
    if args.output.symlink_metadata().is_ok() {
        return Err(Failure::wrong(WriteError::Exists(args.output.clone())));
    }
    terminal::complain(&dry_run::announce(plan, &read.conditions, args.how.allow.into(), &args.how.only));
    let inputs = read.bundle.start().inputs.clone();
    let order = Order {
        reproduces: read.verification.root.clone(),
        ..run::order(&read.loaded, &read.conditions, inputs, &args.output, &args.how, environment)
    };
    let secrets = run::secrets(&order, environment)?;
    let done = run::carry_out(&order, &secrets, &args.how, environment)?;
    let comparison = Comparison::of(&read.derived.judgement, &done.derived.judgement);
    let of_whole = Some(&comparison).filter(|_| done.interrupted.is_none());
    run::print(&done, &order, of_whole, &args.how, environment)?;
    if done.interrupted.is_some() {
        return Ok(Exit::Failed);
    }
    terminal::complain(&comparison.to_string());
    Ok(match comparison.result() {
        Reproduction::Again => Exit::Fine,
        Reproduction::Contradicted => Exit::Against,
        Reproduction::NotAll => Exit::Open,
    })
}
