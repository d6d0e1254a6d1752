//! `report` and `evaluate`: a bundle's evidence rendered, by its own plan or by the reader's.

use std::path::Path;

use probity_case::{Compare, Recomputed, Unread};
use probity_report::Unacceptable;
use probity_verdict::Conditions;

use crate::bundle;
use crate::cli::{EvaluateArgs, ReportArgs, ReportFormat};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::{plan, terminal};

/// `report`.
pub fn report(args: &ReportArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let read = bundle::read(&args.bundle, &signers, Compare::All, |_| Ok(None));
    let read = told(read, &args.bundle, args.format)?;
    terminal::print(&render(&read, &args.bundle, args.format, environment))?;
    Ok(bundle::exit(&read, Exit::Fine))
}

/// `evaluate`.
pub fn evaluate(args: &EvaluateArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let folder = probity_evidence::PlanFolder::of(&args.plan);
    let overrides = plan::values(&args.inputs)?;
    let read = bundle::read(&args.bundle, &signers, Compare::All, |theirs| {
        let loaded =
            probity_plan::load_claims(folder.name(), &folder, &overrides, theirs).map_err(Failure::wrong)?;
        let conditions = Conditions::new(&loaded.plan);
        plan::warn(&plan::refuse_unworkable(&loaded, &conditions)?);
        Ok(Some((loaded.plan, conditions)))
    });
    let read = told(read, &args.bundle, args.format)?;
    terminal::print(&render(&read, &args.bundle, args.format, environment))?;
    let accepted = read.other.as_ref().and_then(|(_, derived)| derived.judgement.verdict.accepted);
    Ok(bundle::exit(&read, Exit::of(accepted)))
}

/// What was read, unless nothing may be rendered from it; a build server that waits for JUnit is told in JUnit.
fn told(
    read: Result<Recomputed, Unread<Failure>>,
    path: &Path,
    format: ReportFormat,
) -> Result<Recomputed, Failure> {
    let read = read.map_err(|unread| bundle::failure(unread, path));
    let read = read.and_then(|read| bundle::refuse_altered(&read, path).map(|()| read));
    if let Err(failure) = &read
        && failure.exit == Exit::Against
        && format == ReportFormat::Junit
    {
        terminal::print(&probity_report::junit_unacceptable(&bundle::name(path), Unacceptable::Altered))?;
    }
    read
}

/// The report of what was read, in a format.
pub fn render(read: &Recomputed, path: &Path, format: ReportFormat, environment: &Environment) -> String {
    let name = bundle::name(path);
    let contents = read.contents(&name);
    match format {
        ReportFormat::Text => {
            probity_report::terminal(&contents, terminal::colour(environment), terminal::width(environment))
        }
        ReportFormat::Markdown => probity_report::markdown(&contents),
        ReportFormat::Html => probity_report::html(&contents),
        ReportFormat::Json => probity_report::json(&contents),
        ReportFormat::Junit => probity_report::junit(&contents),
    }
}
