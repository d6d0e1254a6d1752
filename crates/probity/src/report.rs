//! `report` and `evaluate`: a bundle's evidence rendered, by its own plan or by the reader's.

use probity_evidence::Outcome;
use probity_report::Contents;

use crate::cli::{EvaluateArgs, ReportArgs, ReportFormat};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::{bundle, terminal};

/// `report`.
pub fn report(args: &ReportArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let (read, _) = bundle::read(&args.bundle, &signers, |_| Ok(None))?;
    refuse_altered(&read)?;
    terminal::print(&read.render(None, args.format, environment))?;
    Ok(Exit::Fine)
}

/// `evaluate`.
pub fn evaluate(args: &EvaluateArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let folder = probity_evidence::PlanFolder::of(&args.plan);
    let overrides = args.inputs.iter().cloned().collect();
    let (read, mine) = bundle::read(&args.bundle, &signers, |theirs| {
        let loaded =
            probity_plan::load_claims(folder.name(), &folder, &overrides, theirs).map_err(Failure::wrong)?;
        crate::plan::refuse_unworkable(&loaded.plan)?;
        Ok(Some(loaded.plan))
    })?;
    refuse_altered(&read)?;
    terminal::print(&read.render(mine.as_ref(), args.format, environment))?;
    Ok(Exit::of(read.other.as_ref().and_then(|derived| derived.judgement.verdict.accepted)))
}

/// Nothing is rendered from bytes that are not those that were signed.
fn refuse_altered(read: &bundle::Read) -> Result<(), Failure> {
    match read.verification.outcome {
        Outcome::Altered => {
            let message = format!("the bundle is altered; see `probity verify {}`", read.name);
            Err(Failure { message, exit: Exit::Wrong })
        }
        _ => Ok(()),
    }
}

/// The contents in a format.
pub fn render(contents: &Contents<'_>, format: ReportFormat, environment: &Environment) -> String {
    match format {
        ReportFormat::Text => {
            probity_report::terminal(contents, terminal::colour(environment), terminal::width(environment))
        }
        ReportFormat::Markdown => probity_report::markdown(contents),
        ReportFormat::Html => probity_report::html(contents),
        ReportFormat::Json => probity_report::json(contents),
        ReportFormat::Junit => probity_report::junit(contents),
    }
}
