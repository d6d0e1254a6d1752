//! `verify`: each check made and not made.

use std::fmt::Write;

use probity_evidence::verify::Status;
use probity_evidence::{Outcome, Verification};

use crate::cli::{Output, VerifyArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::{bundle, terminal};

/// `verify`.
pub fn run(args: &VerifyArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let mut recomputed = true;
    let (verification, verdict, exit) = match bundle::read(&args.bundle, &signers, |_| Ok(None)) {
        Ok((read, _)) => {
            let verdict = read.derived.judgement.verdict.clone();
            recomputed = read.recomputed;
            let exit = match (read.exit(), args.accepted) {
                (Exit::Fine, true) => Exit::of(verdict.accepted),
                (exit, _) => exit,
            };
            (read.verification, Some(verdict), exit)
        }
        // Not even its plan can be read: the bytes alone then say what is wrong with it.
        Err(failure) => {
            let verification = probity_evidence::verify(&args.bundle, &signers, &mut |_, _| {});
            let exit = match verification.outcome {
                Outcome::Altered => Exit::Against,
                Outcome::Incomplete | Outcome::UnknownSigner | Outcome::Intact => Exit::Open,
                Outcome::Newer | Outcome::NotABundle => Exit::Wrong,
            };
            terminal::complain(&failure.message);
            (verification, None, exit)
        }
    };
    match args.format {
        Output::Json => terminal::print(&json(&verification, verdict.as_ref()).to_string())?,
        Output::Text => {
            let mut text = describe(&verification);
            // A verdict recomputed from altered bytes would be nobody's.
            if let Some(verdict) = verdict.filter(|_| verification.outcome != Outcome::Altered) {
                // The plan's author chose the label: it must not look like lines of ours.
                _ = writeln!(text, "Verdict, recomputed: {}", probity_report::visible(&verdict.label));
                if !recomputed && verification.close.is_some() {
                    text.push_str(PARTLY);
                }
            }
            terminal::print(&text)?;
        }
    }
    Ok(exit)
}

/// Said where plan, findings or report could not be compared with what follows from the log.
const PARTLY: &str = "Not all in it could be made again and compared (\"not made\" above): read `probity report`, not its files\n";

fn conclusion(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Intact => "intact, complete, and by a key you accept",
        Outcome::Altered => "ALTERED: something is not as it was signed, or does not follow from the log",
        Outcome::Incomplete => "incomplete: what is signed is unaltered, but the run did not come to its end",
        Outcome::UnknownSigner => {
            "unaltered and complete, but by a key unknown to you: name it with --signers FILE"
        }
        Outcome::Newer => "made by a newer version than this one",
        Outcome::NotABundle => "not a bundle",
    }
}

fn describe(verification: &Verification) -> String {
    let mut out = String::new();
    for check in &verification.checks {
        let word = match check.status {
            Status::Passed => "passed  ",
            Status::Failed => "FAILED  ",
            Status::NotMade => "not made",
        };
        let colon = if check.detail.is_empty() { "" } else { ": " };
        _ = writeln!(out, "{word}  {}{colon}{}", check.name, check.detail);
    }
    if let Some(key) = &verification.fingerprint {
        _ = writeln!(out, "\nSigned by {key}");
    }
    _ = writeln!(out, "{}", conclusion(verification.outcome));
    out
}

fn json(verification: &Verification, verdict: Option<&probity_verdict::Verdict>) -> serde_json::Value {
    let status = |status| match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::NotMade => "not-made",
    };
    let outcome = match verification.outcome {
        Outcome::Intact => "intact",
        Outcome::Altered => "altered",
        Outcome::Incomplete => "incomplete",
        Outcome::UnknownSigner => "unknown-signer",
        Outcome::Newer => "newer-format",
        Outcome::NotABundle => "not-a-bundle",
    };
    let checks: Vec<_> = verification
        .checks
        .iter()
        .map(|check| serde_json::json!({ "check": check.name, "status": status(check.status), "detail": check.detail }))
        .collect();
    serde_json::json!({
        "outcome": outcome,
        "checks": checks,
        "run": verification.start.as_ref().map(|start| &start.run),
        "entries": verification.entries,
        "signed": verification.signed,
        "root": verification.root,
        "signer": verification.fingerprint,
        "verdict": verdict.filter(|_| verification.outcome != Outcome::Altered),
    })
}
