//! `verify`: each check made and not made.

use std::collections::BTreeSet;
use std::fmt::Write;

use probity_case::{Compare, Unread};
use probity_evidence::verify::Status;
use probity_evidence::{Gap, Outcome, Verification};

use crate::bundle;
use crate::cli::{Output, VerifyArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// `verify`.
pub fn run(args: &VerifyArgs, environment: &Environment) -> Result<Exit, Failure> {
    let signers = bundle::signers(args.signers.as_deref(), environment)?;
    let compare = if args.without_report { Compare::Decisions } else { Compare::All };
    let (verification, verdict, compared) = match bundle::read(&args.bundle, &signers, compare, |_| Ok(None))
    {
        Ok(read) => {
            let compared = read.is_compared(compare);
            let elsewhere: BTreeSet<String> =
                read.derived.introductions().map(|who| format!("{} ({})", who.name, who.reach)).collect();
            (read.verification, Some((read.derived.judgement.verdict, elsewhere)), compared)
        }
        // Not even its plan can be read: the bytes alone then say what is wrong with it.
        Err(Unread::Bundle { verification, plan }) => {
            plan.into_iter().for_each(|why| terminal::complain(&why));
            (*verification, None, false)
        }
        Err(unread) => return Err(bundle::failure(unread, &args.bundle)),
    };
    // A verdict recomputed from altered bytes would be nobody's.
    let verdict = verdict.filter(|_| verification.outcome != Outcome::Altered);
    let (verdict, elsewhere) = verdict.unzip();
    let elsewhere = elsewhere.unwrap_or_default();
    let exit = match (Exit::of_verification(verification.outcome, compared), &verdict) {
        (Exit::Fine, Some(verdict)) if args.accepted => Exit::of(verdict.accepted),
        (exit, _) => exit,
    };
    match args.format {
        Output::Json => {
            terminal::print(&json(&verification, compared, verdict.as_ref(), &elsewhere).to_string())?;
        }
        Output::Text => {
            let mut text = describe(&verification, compared);
            if let Some(verdict) = verdict {
                // The plan's author chose the label: it must not look like lines of ours.
                _ = writeln!(text, "Verdict, recomputed: {}", probity_report::visible(&verdict.label));
            }
            for who in &elsewhere {
                let who = probity_report::visible(who);
                _ = writeln!(text, "Seen from elsewhere, by the word of the machine there: {who}");
            }
            text.push_str(remark(&verification, args.without_report, compared));
            terminal::print(&text)?;
        }
    }
    Ok(exit)
}

/// What to do about what was not compared.
fn remark(verification: &Verification, without_report: bool, compared: bool) -> &'static str {
    match (verification.outcome, compared, without_report) {
        (Outcome::Intact, true, true) => {
            "report.html was not checked: read the one that `probity report` makes, not the one in it\n"
        }
        (Outcome::Intact, false, false) => {
            "Not all in it could be made again and compared (\"not made\" above): read `probity report`, not its files. \
             `--without-report` compares the decisions alone, as for a bundle of another version\n"
        }
        (Outcome::Intact, false, true) => {
            "Not all in it could be made again and compared (\"not made\" above): read `probity report`, not its files\n"
        }
        _ => "",
    }
}

fn conclusion(outcome: Outcome, compared: bool) -> &'static str {
    match outcome {
        Outcome::Intact if compared => "intact, complete, and by a key you accept",
        Outcome::Intact => {
            "unaltered, complete, and by a key you accept, but NOT ALL OF IT COULD BE COMPARED"
        }
        Outcome::Altered => "ALTERED: something is not as it was signed, or does not follow from the log",
        Outcome::Incomplete(Gap::NotClosed) => {
            "incomplete: what is signed is unaltered, but the run did not come to its end"
        }
        Outcome::Incomplete(Gap::Interrupted) => {
            "incomplete: what is signed is unaltered, but the run ended before its plan did"
        }
        Outcome::Incomplete(Gap::NotSigned) => {
            "incomplete: nothing is altered, but the operator's key did not sign the end of the run"
        }
        Outcome::Incomplete(Gap::BeforeItsPredecessor) => {
            "incomplete: nothing is altered, but it says that it began before the run before it: its clock cannot be relied on"
        }
        Outcome::UnknownSigner => {
            "unaltered and complete, but by a key unknown to you: name it with --signers FILE"
        }
        Outcome::Newer => "made by a newer version than this one",
        Outcome::NotABundle => "not a bundle",
    }
}

fn describe(verification: &Verification, compared: bool) -> String {
    let mut out = String::new();
    for check in &verification.checks {
        let word = match check.status() {
            Status::Failed => "FAILED",
            status => status.name(),
        };
        _ = writeln!(out, "{word:8}  {}: {}", check.id.title(), check.detail());
    }
    if let Some(key) = &verification.fingerprint {
        _ = writeln!(out, "\nSigned by {key}");
    }
    _ = writeln!(out, "{}", conclusion(verification.outcome, compared));
    out
}

fn json(
    verification: &Verification,
    compared: bool,
    verdict: Option<&probity_verdict::Verdict>,
    elsewhere: &BTreeSet<String>,
) -> serde_json::Value {
    let outcome = match verification.outcome {
        Outcome::Intact if compared => "intact",
        Outcome::Intact => "not-compared",
        Outcome::Altered => "altered",
        Outcome::Incomplete(_) => "incomplete",
        Outcome::UnknownSigner => "unknown-signer",
        Outcome::Newer => "newer-format",
        Outcome::NotABundle => "not-a-bundle",
    };
    let gap = match verification.outcome {
        Outcome::Incomplete(gap) => Some(gap),
        _ => None,
    };
    serde_json::json!({
        "outcome": outcome,
        "gap": gap,
        "checks": verification.checks,
        "run": verification.start.as_ref().map(|start| &start.run),
        "entries": verification.entries,
        "signed": verification.signed,
        "root": verification.root,
        "signer": verification.fingerprint,
        "verdict": verdict,
        "seen_from_elsewhere": elsewhere,
    })
}
