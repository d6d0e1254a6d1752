//! Verifies a bundle's bytes: every check that can be made offline, in an order a person can follow. What the findings say
//! is recomputed by the caller from the same pass.
//!
//! Must not know: what a claim means.

mod files;
mod found;
mod log;

use std::path::Path;

use serde::{Serialize, Serializer};
use ssh_key::{HashAlg, PublicKey};

use crate::bundle::{Bundle, ReadError};
use crate::checkpoint::{self, CheckpointError};
use crate::entry::{Body, Close, Start};
use crate::hex::hex;
use crate::projection::Reading;
use crate::signers::{Signers, Standing};
use crate::store::Store;

use log::Log;

pub use found::{EntryProblem, FileProblem, Found, MadeBy, Objection, Obstacle, Shown};

/// The longest checkpoint that is read, in bytes.
const MAX_CHECKPOINT: u64 = 1 << 16;

/// What a verification comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Complete, unaltered, by a key the reader accepts.
    Intact,
    /// Something is not as it was signed.
    Altered,
    /// What is signed is unaltered, but not all is there that a complete run leaves.
    Incomplete(Gap),
    /// Complete and unaltered, by a key the reader did not name.
    UnknownSigner,
    /// A newer format than this program reads.
    Newer,
    /// Not a bundle.
    NotABundle,
}

/// What an incomplete bundle lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// A closing entry under a checkpoint: the run was killed, or goes on.
    NotClosed,
    /// The end of its plan: the run was closed before.
    Interrupted,
    /// The operator's signature on the last checkpoint.
    NotSigned,
    /// Times that can be relied on: the run says that it began before the run before it in the ledger.
    BeforeItsPredecessor,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It was made and found nothing.
    Passed,
    /// It was made and found something.
    Failed,
    /// It could not be made.
    NotMade,
}

impl Status {
    /// The word in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotMade => "not made",
        }
    }
}

/// Which check. Those from [`CheckId::Resolves`] on recompute what the plan says, and are made by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckId {
    /// Whether it is one at all, and which files are in it.
    Bundle,
    /// The first entry can be read.
    FirstEntry,
    /// Each signed line is an entry, in its place.
    Entries,
    /// The operator's signature on the first entry.
    Endorsement,
    /// The run's signature on the head of the log.
    Checkpoint,
    /// The lines lead to that head.
    Tree,
    /// The plan's files.
    Plan,
    /// The artifacts.
    Artifacts,
    /// The last entry.
    Closing,
    /// The times of the run among themselves, and after the run before it in the ledger.
    Times,
    /// `findings.json` has the digest that was signed.
    Findings,
    /// `report.html` has.
    Report,
    /// The operator's signature on the last checkpoint.
    CheckpointSignature,
    /// Signatures of others.
    Countersignatures,
    /// Whether the reader accepts the key.
    Signer,
    /// The plan resolves to the digest in the first entry.
    Resolves,
    /// The plan is one that `run` accepts.
    Runs,
    /// Each observation is one that a run of the plan yields.
    Asked,
    /// `findings.json` follows from the log.
    FindingsFollow,
    /// `report.html` follows from the log.
    ReportFollows,
}

impl CheckId {
    /// What was looked at, for a person.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::FirstEntry => "first entry",
            Self::Entries => "entries",
            Self::Endorsement => "operator's signature on the first entry",
            Self::Checkpoint => "checkpoint",
            Self::Tree => "tree",
            Self::Plan => "plan",
            Self::Artifacts => "artifacts",
            Self::Closing => "closing entry",
            Self::Times => "times",
            Self::Findings => "findings.json",
            Self::Report => "report.html",
            Self::CheckpointSignature => "operator's signature on the last checkpoint",
            Self::Countersignatures => "countersignatures",
            Self::Signer => "signer",
            Self::Resolves => "the plan resolves as recorded",
            Self::Runs => "the plan is one that runs",
            Self::Asked => "the log holds what the plan asks for",
            Self::FindingsFollow => "the findings follow from the log",
            Self::ReportFollows => "the report follows from the log",
        }
    }
}

/// One check. In JSON `{"check", "status", "reason", ..., "detail"}`: what was found by its name and with its data, and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub id: CheckId,
    /// What it found.
    pub found: Found,
}

impl Check {
    /// What the check of that name found.
    pub fn of(id: CheckId, found: impl Into<Found>) -> Self {
        Self { id, found: found.into() }
    }

    /// How it went.
    pub const fn status(&self) -> Status {
        self.found.status()
    }

    /// What was found, for a person. Somebody else chose some of the words: what hides in them is shown.
    pub fn detail(&self) -> String {
        probity_text::visible(&self.found.to_string()).into_owned()
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            check: CheckId,
            status: Status,
            #[serde(flatten)]
            found: &'a Found,
            detail: String,
        }
        Line { check: self.id, status: self.status(), found: &self.found, detail: self.detail() }
            .serialize(serializer)
    }
}

/// The result of verifying a bundle.
#[derive(Clone, Debug)]
pub struct Verification {
    /// What it comes to.
    pub outcome: Outcome,
    /// Every check, made or not, in order.
    pub checks: Vec<Check>,
    /// The first entry, if it could be read.
    pub start: Option<Start>,
    /// The closing entry, if there is one and it is signed.
    pub close: Option<Close>,
    /// How many whole entries the log holds.
    pub entries: u64,
    /// How many of them the checkpoint covers, if it and the tree are right; else 0.
    pub signed: u64,
    /// The root hash that the checkpoint signs, in hexadecimal, if it is right.
    pub root: Option<String>,
    /// The operator's key as `SHA256:...`, if the first entry names one.
    pub fingerprint: Option<String>,
    /// What the reader's list says about that key.
    pub standing: Option<Standing>,
}

impl Verification {
    fn ended(outcome: Outcome, check: Check) -> Self {
        Self {
            outcome,
            checks: vec![check],
            start: None,
            close: None,
            entries: 0,
            signed: 0,
            root: None,
            fingerprint: None,
            standing: None,
        }
    }

    /// Of something that could not even be opened as a bundle.
    pub fn unopened(error: &ReadError) -> Self {
        let (outcome, id) = match error {
            ReadError::Store(_) => (Outcome::NotABundle, CheckId::Bundle),
            ReadError::Newer { .. } => (Outcome::Newer, CheckId::FirstEntry),
            _ => (Outcome::Altered, CheckId::FirstEntry),
        };
        Self::ended(outcome, Check::of(id, Objection::NotOpened { error: error.to_string() }))
    }

    /// The check of this kind, if it was listed.
    pub fn check(&self, id: CheckId) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }
}

/// Opens and verifies the bundle at `path`. `each` gets what every entry that the checkpoint covers says, with its number,
/// in order, while the log is read: count on what was made of it only if the outcome is not [`Outcome::Altered`].
pub fn verify(path: &Path, signers: &Signers, each: &mut dyn FnMut(u64, Body)) -> Verification {
    match Bundle::open(path) {
        Ok(bundle) => verify_bundle(&bundle, signers, &Reading::All, &|_| (), each),
        Err(error) => Verification::unopened(&error),
    }
}

/// As [`verify`], over files that are already listed.
pub fn verify_store(store: Store, signers: &Signers, each: &mut dyn FnMut(u64, Body)) -> Verification {
    match Bundle::over(store) {
        Ok(bundle) => verify_bundle(&bundle, signers, &Reading::All, &|_| (), each),
        Err(error) => Verification::unopened(&error),
    }
}

/// As [`verify`], of a bundle that was opened. Its log is read once. Of observations, `each` gets only the facts that are
/// read; `read` is told of bytes as they are read, from several threads.
pub fn verify_bundle(
    bundle: &Bundle,
    signers: &Signers,
    reading: &Reading,
    read: &(dyn Fn(u64) + Sync),
    each: &mut dyn FnMut(u64, Body),
) -> Verification {
    let store = bundle.store();
    let start = bundle.start();
    let bytes = store.read_all("checkpoint", MAX_CHECKPOINT).map_err(|error| files::missing(&error));
    let head = bytes.and_then(|bytes| {
        let head = checkpoint::verify(&bytes, &start.run, &start.run_key).map_err(|error| match &error {
            CheckpointError::Signature(cause) => format!("{error}: {cause}"),
            _ => error.to_string(),
        })?;
        Ok((head, bytes))
    });
    let log = Log::read(bundle, head.as_ref().ok().map(|(head, _)| head), reading, read, each);
    let tree = match &head {
        Ok((head, _)) => log.tree(head),
        Err(_) => Obstacle::NoRoot.into(),
    };
    let tree_stands = tree.status() == Status::Passed;
    let close = log.close.as_ref().filter(|_| tree_stands);
    let mut closing = log.closing(close.is_some());
    let closed = close.is_some() && closing.status() == Status::Passed;
    let note = head.as_ref().ok().map(|(_, bytes)| &bytes[..]);
    let signature = files::checkpoint_signature(store, note, start, closed);
    let signed = closed && signature.status() == Status::Passed;
    let interrupted = close.and_then(|close| close.interrupted.as_ref());
    if let Some(cause) = interrupted.filter(|_| signed) {
        closing = Obstacle::Interrupted { cause: cause.clone() }.into();
    }

    let standing = signers.standing(&start.operator_key, start.started);
    let derived =
        |name, digest_of| files::derived(store, name, close, log.unsigned_close.as_ref(), digest_of, read);
    let checks = vec![
        Check::of(CheckId::Bundle, files::belonging(store, start, signed)),
        Check::of(CheckId::Entries, log.entries()),
        Check::of(CheckId::Endorsement, log.endorsement(bundle)),
        Check::of(
            CheckId::Checkpoint,
            match &head {
                Ok((head, _)) => Found::Passed(Shown::CheckpointSigned { covered: head.size }),
                Err(error) => Objection::WrongCheckpoint { error: error.clone() }.into(),
            },
        ),
        Check::of(CheckId::Tree, tree),
        Check::of(CheckId::Plan, files::plan(store, start, read)),
        Check::of(CheckId::Artifacts, files::artifacts(store, &log, signed, read)),
        Check::of(CheckId::Closing, closing),
        Check::of(CheckId::Times, times(start, close, log.last_look_us)),
        Check::of(CheckId::Findings, derived("findings.json", |close| &close.findings_sha256)),
        Check::of(CheckId::Report, derived("report.html", |close| &close.report_sha256)),
        Check::of(CheckId::CheckpointSignature, signature),
        Check::of(CheckId::Countersignatures, Obstacle::NoCountersignatures),
        Check::of(CheckId::Signer, signer(&standing, start)),
    ];
    let altered = checks.iter().any(|check| check.status() == Status::Failed && check.id != CheckId::Signer);
    let accepted = matches!(standing, Standing::Own | Standing::Listed(_));
    let gap = match (closed, signed, interrupted) {
        (false, ..) => Some(Gap::NotClosed),
        (true, false, _) => Some(Gap::NotSigned),
        (true, true, Some(_)) => Some(Gap::Interrupted),
        (true, true, None) => start.later_predecessor().map(|_| Gap::BeforeItsPredecessor),
    };
    let outcome = match (altered, gap, accepted) {
        (true, ..) => Outcome::Altered,
        (_, Some(gap), _) => Outcome::Incomplete(gap),
        (_, _, false) => Outcome::UnknownSigner,
        _ => Outcome::Intact,
    };
    Verification {
        outcome,
        close: close.cloned(),
        checks,
        entries: log.frontier.size(),
        signed: if tree_stands { log.limit } else { 0 },
        root: head.ok().filter(|_| tree_stands).map(|(head, _)| hex(&head.root)),
        fingerprint: fingerprint(start),
        standing: Some(standing),
        start: Some(start.clone()),
    }
}

/// By so much, in microseconds, times may differ that were rounded.
const ROUNDED: i128 = 1000;

/// What the bundle itself says of its times: an end after the beginning and all looks, and a beginning after that of the run before it in
/// the operator's ledger.
fn times(start: &Start, close: Option<&Close>, last_look_us: u64) -> Found {
    if let Some(close) = close.filter(|close| close.ended < start.started) {
        return Objection::EndedBeforeItBegan { began: start.started, ended: close.ended }.into();
    }
    // Of what is not closed nobody knows the end.
    let lasted = close.map(|close| close.ended.duration_since(start.started).as_micros());
    if let Some(lasted) = lasted.filter(|lasted| i128::from(last_look_us) > lasted + ROUNDED) {
        let lasted_us = u64::try_from(lasted).unwrap_or(u64::MAX);
        return Objection::LookAfterEnd { lasted_us, look_us: last_look_us }.into();
    }
    match start.later_predecessor() {
        Some(before) => Obstacle::BeganBeforeItsPredecessor { began: start.started, before }.into(),
        None => Shown::TimesInOrder.into(),
    }
}

fn fingerprint(start: &Start) -> Option<String> {
    let key = PublicKey::from_openssh(&start.operator_key).ok()?;
    Some(key.fingerprint(HashAlg::Sha256).to_string())
}

fn signer(standing: &Standing, start: &Start) -> Found {
    let key = fingerprint(start).unwrap_or_else(|| "no readable key".to_owned());
    match standing {
        Standing::Own => Shown::OwnKey { key }.into(),
        Standing::Listed(principals) => Shown::ListedKey { key, principals: principals.clone() }.into(),
        Standing::NotFor(reason) => Objection::KeyNotForThis { key, why: reason.clone() }.into(),
        Standing::Unlisted => Objection::KeyNotListed { key }.into(),
        Standing::NoList => Obstacle::NoSigners { key }.into(),
    }
}
