//! `audit`: what a written report contradicts in itself, and what it says otherwise than a bundle.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use probity_audit::{Baseline, BundleView, output};
use probity_case::Compare;

use crate::bundle;
use crate::cli::{AuditArgs, AuditFormat, ReportFormat};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::{report, terminal};

/// A report is text for people; nobody reads more.
const MAX_SIZE: u64 = 64 << 20;

/// `audit`.
pub fn run(args: &AuditArgs, environment: &Environment) -> Result<Exit, Failure> {
    let needs_bundle = |id: &&String| probity_audit::against::RULES.iter().any(|rule| rule.id == id.as_str());
    if let (None, Some(rule)) = (&args.against, args.rules.iter().find(needs_bundle)) {
        return Err(Failure::wrong(format!("the rule {rule} needs a bundle: name it with --against BUNDLE")));
    }
    let mut bundle_exit = Exit::Fine;
    let Texts { texts, unread } = texts(&args.reports)?;
    let unread = if unread.is_empty() { Ok(()) } else { Err(Failure::wrong(unread.join("\n"))) };
    if texts.is_empty() {
        return unread.map(|()| Exit::Fine);
    }
    let baseline = match &args.baseline {
        None => None,
        Some(path) => {
            let refused =
                |error: &dyn std::fmt::Display| Failure::wrong(format!("{}: {error}", path.display()));
            let text =
                probity_evidence::read_to_string_capped(path, MAX_SIZE).map_err(|error| refused(&error))?;
            Some(Baseline::read(&text).map_err(|error| refused(&error))?)
        }
    };
    let mut reports = match &args.against {
        None => probity_audit::audit_all(&texts, &args.rules, None),
        Some(path) => {
            let signers = bundle::signers(args.signers.as_deref(), environment)?;
            let read = bundle::read(path, &signers, Compare::All, |_| Ok(None))
                .map_err(|unread| bundle::failure(unread, path))?;
            bundle::refuse_altered(&read, path)?;
            let remarks: Vec<String> =
                read.unacceptable().into_iter().map(probity_report::unacceptable).collect();
            bundle_exit = bundle::exit(&read, Exit::Fine);
            let labels: Vec<_> =
                read.loaded.plan.rules.iter().map(|rule| (rule.label.clone(), rule.accepted)).collect();
            let (name, report) =
                (bundle::name(path), report::render(&read, path, ReportFormat::Markdown, environment));
            let shown = BundleView {
                bundle: &name,
                judgement: &read.derived.judgement,
                labels: &labels,
                report: &report,
                remarks: &remarks,
            };
            probity_audit::audit_all(&texts, &args.rules, Some(&shown))
        }
    };
    if let Some(baseline) = baseline {
        baseline.accept(&mut reports);
    }
    let many = args.reports.len() > 1 || args.reports.iter().any(|path| path.is_dir());
    if args.format == AuditFormat::Baseline {
        // The file has no place for it.
        output::obstacles(&reports).iter().for_each(|obstacle| terminal::complain(obstacle));
    }
    terminal::print(&match args.format {
        AuditFormat::Text => output::terminal(&reports, terminal::colour(environment)),
        AuditFormat::Markdown => output::markdown(&reports),
        AuditFormat::Json => output::json(&reports, many),
        AuditFormat::Sarif => output::sarif(&reports),
        AuditFormat::Github => output::github(&reports),
        AuditFormat::Baseline => Baseline::of(&reports).text(),
    })?;
    // What could be read was audited; that not all could comes before what was found.
    unread?;
    let open = reports.iter().any(|report| report.audit.open().next().is_some());
    Ok(match bundle_exit {
        // What it was held against comes before what was found.
        Exit::Fine if open && args.format != AuditFormat::Baseline => Exit::Against,
        exit => exit,
    })
}

/// The reports named.
#[derive(Default)]
struct Texts {
    /// What each is called, and its text.
    texts: Vec<(String, String)>,
    /// Of files that are none, why.
    unread: Vec<String>,
}

fn texts(paths: &[PathBuf]) -> Result<Texts, Failure> {
    let refused = |path: &Path, error: &std::io::Error| {
        format!("{}: cannot be read: {error}; a report is Markdown in UTF-8", path.display())
    };
    let mut out = Texts::default();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin()
                .take(MAX_SIZE + 1)
                .read_to_string(&mut text)
                .map_err(|error| Failure::wrong(refused(path, &error)))?;
            if text.len() as u64 > MAX_SIZE {
                return Err(Failure::wrong(format!("-: it is longer than {MAX_SIZE} bytes")));
            }
            out.texts.push(("-".to_owned(), text));
            continue;
        }
        let files = probity_evidence::files_below(path, "md")
            .map_err(|error| Failure::wrong(refused(path, &error)))?;
        if files.is_empty() {
            return Err(Failure::wrong(format!("{}: no Markdown file below this folder", path.display())));
        }
        for file in files {
            match probity_evidence::read_to_string_capped(&file, MAX_SIZE) {
                Ok(text) => out.texts.push((file.to_string_lossy().into_owned(), text)),
                Err(error) => out.unread.push(refused(&file, &error)),
            }
        }
    }
    Ok(out)
}
