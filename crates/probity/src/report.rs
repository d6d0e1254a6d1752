//! `report` and `evaluate`: a bundle's evidence rendered, by its own plan or by the reader's.

use std::path::Path;

use probity_plan::Plan;
use probity_report::{Contents, Unacceptable};

use crate::bundle::{self, Compare, Recomputed, Unread};

use crate::cli::{EvaluateArgs, ReportArgs, ReportFormat};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::run::bundle_name;
use crate::terminal;

/// `report`.
pub fn report(args: &ReportArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let read = bundle::read(&args.bundle, &signers, Compare::All, |_| Ok(None));
    let (read, _) = told(read, &args.bundle, args.format)?;
    terminal::print(&read.render(None, args.format, environment))?;
    Ok(read.exit(Exit::Fine))
}

/// `evaluate`.
pub fn evaluate(args: &EvaluateArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let folder = probity_evidence::PlanFolder::of(&args.plan);
    let overrides = args.inputs.iter().cloned().collect();
    let read = bundle::read(&args.bundle, &signers, Compare::All, |theirs| {
        let loaded =
            probity_plan::load_claims(folder.name(), &folder, &overrides, theirs).map_err(Failure::wrong)?;
        crate::plan::refuse_unworkable(&loaded, &probity_verdict::Conditions::new(&loaded.plan))?;
        Ok(Some(loaded.plan))
    });
    let (read, mine) = told(read, &args.bundle, args.format)?;
    terminal::print(&read.render(mine.as_ref(), args.format, environment))?;
    let accepted = read.other.as_ref().and_then(|derived| derived.judgement.verdict.accepted);
    Ok(read.exit(Exit::of(accepted)))
}

/// What was read, unless nothing may be rendered from it; a build server that waits for JUnit is told in JUnit.
fn told(
    read: Result<(Recomputed, Option<Plan>), Unread>,
    path: &Path,
    format: ReportFormat,
) -> Result<(Recomputed, Option<Plan>), Failure> {
    let read = read.map_err(|unread| unread.failure(path));
    let read = read.and_then(|read| read.0.refuse_altered(path).map(|()| read));
    if let Err(failure) = &read
        && failure.exit == Exit::Against
        && format == ReportFormat::Junit
    {
        terminal::print(&probity_report::junit_unacceptable(&bundle_name(path), Unacceptable::Altered))?;
    }
    read
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
