//! `audit`: what a written report contradicts in itself, and what it says otherwise than a bundle.

use probity_audit::Shown;

use crate::bundle::{self, Compare};
use crate::cli::{AuditArgs, AuditFormat, ReportFormat};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// A report is text for people; nobody reads more.
const LARGEST: u64 = 64 << 20;

/// `audit`.
pub fn run(args: &AuditArgs, environment: &Environment) -> Result<Exit, Failure> {
    let needs_bundle = |id: &&String| probity_audit::against::RULES.iter().any(|rule| rule.id == id.as_str());
    if let (None, Some(rule)) = (&args.against, args.rules.iter().find(needs_bundle)) {
        return Err(Failure::wrong(format!("the rule {rule} needs a bundle: name it with --against BUNDLE")));
    }
    let name = args.report.to_string_lossy();
    let text = probity_evidence::read_to_string_capped(&args.report, LARGEST).map_err(|error| {
        Failure::wrong(format!("{name}: cannot be read: {error}; a report is Markdown in UTF-8"))
    })?;
    let mut bundle_exit = Exit::Fine;
    let audit = match &args.against {
        None => probity_audit::audit(&text, &args.rules, None),
        Some(path) => {
            let signers = bundle::signers(args.signers.as_deref(), environment)?;
            let (read, _) = bundle::read(path, &signers, Compare::All, |_| Ok(None))
                .map_err(|unread| unread.failure(path))?;
            read.refuse_altered(path)?;
            let remarks: Vec<String> =
                read.unacceptable().into_iter().map(probity_report::unacceptable).collect();
            bundle_exit = read.exit(Exit::Fine);
            let labels: Vec<_> =
                read.loaded.plan.rules.iter().map(|rule| (rule.label.clone(), rule.accepted)).collect();
            let report = read.render(None, ReportFormat::Markdown, environment);
            let shown = Shown {
                bundle: &read.name,
                judgement: &read.derived.judgement,
                labels: &labels,
                report: &report,
                remarks: &remarks,
            };
            probity_audit::audit(&text, &args.rules, Some(&shown))
        }
    };
    terminal::print(&match args.format {
        AuditFormat::Text => probity_audit::output::terminal(&audit, &name, terminal::colour(environment)),
        AuditFormat::Markdown => probity_audit::output::markdown(&audit, &name),
        AuditFormat::Json => probity_audit::output::json(&audit, &name),
        AuditFormat::Sarif => probity_audit::output::sarif(&audit, &name),
    })?;
    Ok(match (bundle_exit, audit.open().next()) {
        // What it was held against comes before what was found.
        (Exit::Fine, Some(_)) => Exit::Against,
        (exit, _) => exit,
    })
}
