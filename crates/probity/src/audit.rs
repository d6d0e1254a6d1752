//! `audit`: what a written report contradicts in itself.

use crate::cli::{AuditArgs, AuditFormat};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// A report is text for people; nobody reads more.
const LARGEST: u64 = 64 << 20;

/// `audit`.
pub fn run(args: &AuditArgs, environment: &Environment) -> Result<Exit, Failure> {
    let name = args.report.to_string_lossy();
    let text = probity_evidence::read_to_string_capped(&args.report, LARGEST).map_err(|error| {
        Failure::wrong(format!("{name}: cannot be read: {error}; a report is Markdown in UTF-8"))
    })?;
    let audit = probity_audit::audit(&text, &args.rules);
    terminal::print(&match args.format {
        AuditFormat::Text => probity_audit::output::terminal(&audit, &name, terminal::colour(environment)),
        AuditFormat::Markdown => probity_audit::output::markdown(&audit, &name),
        AuditFormat::Json => probity_audit::output::json(&audit, &name),
        AuditFormat::Sarif => probity_audit::output::sarif(&audit, &name),
    });
    Ok(if audit.open().next().is_some() { Exit::Against } else { Exit::Fine })
}
