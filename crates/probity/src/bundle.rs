//! A bundle that a command reads: opened, recomputed with progress, and what its state means for the command's own status.

use std::path::Path;

use probity_case::{Compare, Recomputed, Unread, recompute};
use probity_evidence::verify::Status;
use probity_evidence::{Bundle, Key, Outcome, Signers};
use probity_plan::Plan;
use probity_report::Unacceptable;
use probity_verdict::Conditions;

use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::ReadProgress;

/// Whose signatures count: those in the file, and the reader's own.
pub fn signers(file: Option<&Path>, environment: &Environment) -> Result<Signers, Failure> {
    let listed = match file {
        Some(path) => Signers::load(path).map_err(Failure::wrong)?,
        None => Signers::none(),
    };
    // The reader's own key, if there is one; reading makes none.
    let own = environment.configuration().ok().and_then(|folder| Key::load(&folder.join("key.pub")).ok());
    Ok(match own {
        Some(key) => listed.with_own(&key.public()),
        None => listed,
    })
}

/// Opens, verifies and recomputes. `other` is a plan of the reader's with its conditions, made from the bundle's own.
pub fn read(
    path: &Path,
    signers: &Signers,
    compare: Compare,
    other: impl FnOnce(&Plan) -> Result<Option<(Plan, Conditions)>, Failure>,
) -> Result<Recomputed, Unread<Failure>> {
    let bundle = Bundle::open(path).map_err(|error| Unread::unopened(&error))?;
    let progress = ReadProgress::of(&bundle);
    recompute(bundle, signers, compare, &|bytes| progress.read(bytes), other)
}

/// The message and the status of a command that needs the bundle.
pub fn failure(unread: Unread<Failure>, path: &Path) -> Failure {
    let (verification, plan) = match unread {
        Unread::Plan(failure) => return failure,
        Unread::Read(error) => return Failure::failed(error),
        Unread::Bundle { verification, plan } => (verification, plan),
    };
    let exit = Exit::of_verification(verification.outcome, false);
    let found = verification.checks.iter().find(|check| check.status() == Status::Failed);
    let message = match (verification.outcome, plan, found) {
        (Outcome::NotABundle | Outcome::Newer, _, Some(check)) => check.detail(),
        (Outcome::Altered, ..) => altered(path),
        (_, Some(plan), _) => format!("Not acceptable evidence: {plan}"),
        _ => format!("{} cannot be read; see `probity verify {0}`", path.display()),
    };
    Failure { message, exit }
}

/// Refuses to render anything from bytes that are not those that were signed.
pub fn refuse_altered(read: &Recomputed, path: &Path) -> Result<(), Failure> {
    match read.unacceptable() {
        Some(Unacceptable::Altered) => Err(Failure { message: altered(path), exit: Exit::Against }),
        _ => Ok(()),
    }
}

/// The status of a command whose own would be `result`: that of the bundle comes before.
pub fn exit(read: &Recomputed, result: Exit) -> Exit {
    match read.unacceptable() {
        None => result,
        Some(Unacceptable::Altered) => Exit::Against,
        Some(_) => Exit::Open,
    }
}

/// What is said in place of anything derived from altered bytes.
fn altered(path: &Path) -> String {
    let why = probity_report::unacceptable(Unacceptable::Altered);
    format!("{why} See `probity verify {}`", path.display())
}

/// What a bundle is called in the commands that a report prints.
pub fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
