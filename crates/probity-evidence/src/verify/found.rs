//! What a check found, as data; the sentences that tell it to a person stand beside it, and nowhere else.
//!
//! Must not know: how a check is made.

use std::fmt;

use jiff::Timestamp;
use probity_plan::Cause;
use probity_plan::units::counted;
use serde::Serialize;

use super::Status;
use crate::quoted::quoted;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Found {
    /// It was made and found nothing wrong.
    Passed(Shown),
    /// It was made and found something wrong.
    Failed(Objection),
    /// It could not be made, or not to its end.
    NotMade(Obstacle),
}

impl Found {
    /// How the check went.
    pub const fn status(&self) -> Status {
        match self {
            Self::Passed(_) => Status::Passed,
            Self::Failed(_) => Status::Failed,
            Self::NotMade(_) => Status::NotMade,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(shown) => shown.fmt(f),
            Self::Failed(objection) => objection.fmt(f),
            Self::NotMade(obstacle) => obstacle.fmt(f),
        }
    }
}

impl From<Shown> for Found {
    fn from(shown: Shown) -> Self {
        Self::Passed(shown)
    }
}

impl From<Objection> for Found {
    fn from(objection: Objection) -> Self {
        Self::Failed(objection)
    }
}

impl From<Obstacle> for Found {
    fn from(obstacle: Obstacle) -> Self {
        Self::NotMade(obstacle)
    }
}

/// What a check that passed shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the sentence on each says what it is; fields are named after what they count"
)]
pub enum Shown {
    #[error("format {format}; {}, all of them a bundle's", files_of(*files))]
    OnlyItsFiles { format: u32, files: u64 },
    #[error(
        "format {format}; {}, of them {} that a killed run left",
        files_of(*files),
        counted(*half_written, "half-written one", "half-written ones")
    )]
    AlsoHalfWritten { format: u32, files: u64, half_written: u64 },
    #[error("{}, numbered without a gap", counted(*signed, "signed entry", "signed entries"))]
    EntriesWhole { signed: u64 },
    #[error("the first entry, which names the run's key, is signed by the operator's key")]
    Endorsed,
    #[error("signed by the run's key, over {}", entries(*covered))]
    CheckpointSigned { covered: u64 },
    #[error("the lines lead to the root that the checkpoint signs")]
    RootReached,
    #[error("{}", match files { 1 => "plan.yaml is the one that ran".to_owned(), n => format!("{n} files are those that ran") })]
    PlanAsRun { files: usize },
    #[error("{}{}", artifacts(*referenced), more(*unreferenced))]
    ArtifactsAsRecorded { referenced: usize, unreferenced: usize },
    #[error("the run came to its end")]
    Ended,
    #[error("it says that it ended after it began, and began after the run before it in its ledger")]
    TimesInOrder,
    #[error("as the closing entry names it")]
    AsNamed,
    #[error("the operator's key signed the checkpoint")]
    OperatorSigned,
    #[error("{key} is your own key")]
    OwnKey { key: String },
    #[error("{key} is listed for {principals}")]
    ListedKey { key: String, principals: String },
    #[error("SHA-256 {sha256}")]
    PlanResolves { sha256: String },
    #[error("`plan check` finds no error in it")]
    PlanRuns,
    #[error("each observation is one that a run of the plan yields")]
    ObservationsPlanned,
    #[error("findings.json, recomputed, has the same bytes")]
    FindingsSame,
    #[error("{made}: the decisions are the same, why they are so is not compared")]
    DecisionsSame { made: MadeBy },
    #[error("report.html, made again, has the same bytes")]
    ReportSame,
}

/// What a check objects to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the sentence on each says what it is; fields are named after what they count"
)]
pub enum Objection {
    #[error("{error}")]
    NotOpened { error: String },
    #[error("{}", listed(files, *more))]
    Files { files: Vec<FileProblem>, more: usize },
    #[error("the log cannot be read: {error}")]
    LogUnreadable { error: String },
    #[error("entry {entry}: {problem}")]
    Entry { entry: u64, problem: EntryProblem },
    #[error("the second entry is not the operator's signature")]
    NotEndorsed,
    #[error("{error}")]
    WrongSignature { error: String },
    #[error("{error}")]
    WrongCheckpoint { error: String },
    #[error("the checkpoint covers no entries")]
    NothingCovered,
    #[error(
        "the checkpoint covers {}; the log holds {}: some were taken away",
        entries(*covered),
        counted(*held, "whole one", "whole ones")
    )]
    EntriesMissing { covered: u64, held: u64 },
    #[error(
        "the lines do not lead to the root that the checkpoint signs: one was changed, moved or replaced"
    )]
    OtherRoot,
    #[error("the first entry names no plan.yaml")]
    NoPlan,
    #[error("entry {entry} follows the closing entry: it was added")]
    EntryAfterEnd { entry: u64 },
    #[error("bytes follow the closing entry: they were added")]
    BytesAfterEnd,
    #[error("it says that it began at {began} and ended before, at {ended}")]
    EndedBeforeItBegan { began: Timestamp, ended: Timestamp },
    #[error(
        "it says that it ended {lasted_us} µs after it began, and that a look was over only after {look_us} µs"
    )]
    LookAfterEnd { lasted_us: u64, look_us: u64 },
    #[error("no closing entry names it, and only a run that ends writes it: it was added")]
    NamedByNothing,
    #[error("{key}: {why}")]
    KeyNotForThis { key: String, why: String },
    #[error("{key} is not among the signers you named")]
    KeyNotListed { key: String },
    #[error("the first entry calls it `{recorded}`, it calls itself `{own}`")]
    OtherTitle { recorded: String, own: String },
    #[error("it does not use {file}, which the first entry names as its file")]
    UnusedFile { file: String },
    #[error("the first entry declares other kinds of probes, or other facts of theirs, than it has")]
    OtherDeclarations,
    #[error("recorded as {recorded}, resolves to {resolved}")]
    ResolvesOtherwise { recorded: String, resolved: String },
    #[error("Probity refuses it: {problem}")]
    PlanRefused { problem: String },
    #[error("it was restricted to {probe}, which is no probe of the plan")]
    RestrictedToNoProbe { probe: String },
    #[error("entry {entry}: {why}")]
    NotPermitted { entry: u64, why: String },
    #[error("no run of the plan yields {}", match count {
        1 => format!("entry {first}"),
        n => format!("{n} of the observations, the first in entry {first}"),
    })]
    NotPlanned { count: u64, first: u64 },
    #[error("the first entry says that rules {recorded} decided; version {version} has rules {own}")]
    OtherRules { recorded: u32, version: String, own: u32 },
    #[error("{error}")]
    FileUnreadable { error: String },
    #[error("findings.json is not what the log gives")]
    OtherFindings,
    #[error("findings.json cannot be read")]
    NoFindings,
    #[error("findings.json decides otherwise than the log: {recorded}")]
    OtherDecisions { recorded: String },
    #[error("report.html is not what the log gives")]
    OtherReport,
}

/// Why a check was not made, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the sentence on each says what it is; fields are named after what they count"
)]
pub enum Obstacle {
    #[error("without a checkpoint there is nothing to hold the log against")]
    NoRoot,
    #[error("no checkpoint covers any")]
    NothingCovered,
    #[error("there is no closing entry: the run did not come to its end{}", behind(*unsigned, *cut_line))]
    NoClosingEntry { unsigned: u64, cut_line: bool },
    #[error("the closing entry is there, but no checkpoint covers it: {} after the last one decide nothing", entries(*unsigned))]
    ClosingEntryNotCovered { unsigned: u64 },
    #[error("the run was closed in order, but before its plan came to its end: {cause}")]
    Interrupted { cause: Cause },
    #[error(
        "it says that it began at {began}, but the run before it in its ledger at {before}: the observer's clock was \
         wrong in one of them, and no time in here can be relied on"
    )]
    BeganBeforeItsPredecessor { began: Timestamp, before: Timestamp },
    #[error("no signed closing entry names its digest")]
    DigestNotNamed,
    #[error("it is as the closing entry names it, which nobody signed")]
    DigestNotSigned,
    #[error("there is no checkpoint to sign")]
    NoCheckpoint,
    #[error("it is missing: the run was closed, but the operator's key did not sign its last checkpoint")]
    EndNotSigned,
    #[error("it is missing: the run did not come to its end")]
    NotEnded,
    #[error("this version knows none: when the run ended is the observer's word")]
    NoCountersignatures,
    #[error("{key}: you named no signers (--signers FILE), and it is not your own key")]
    NoSigners { key: String },
    #[error(
        "another version of Probity made it ({version}): recorded as {recorded}, by this one it resolves to {resolved}"
    )]
    ResolvesOtherwise { version: String, recorded: String, resolved: String },
    #[error("another version ({version}) ran it; this one refuses: {problem}")]
    PlanRefused { version: String, problem: String },
    #[error("no checkpoint covers a closing entry")]
    NotClosed,
    #[error("{error}")]
    FindingsNotMade { error: String },
    #[error("{made}: the decisions are the same, why they are so is not compared")]
    ReasonsNotCompared { made: MadeBy },
    #[error("recomputed differently: {made}; it says {recorded}, recomputed it is {recomputed}")]
    OtherRulesDecide { made: MadeBy, recorded: String, recomputed: String },
    #[error("report.html was not checked (--without-report)")]
    ReportNotAsked,
    #[error("reports of another version look different ({version})")]
    ReportOfAnotherVersion { version: String },
}

/// Which rules and version decided, and which would now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "named after what they are")]
pub struct MadeBy {
    pub rules: u32,
    pub version: String,
    pub own_rules: u32,
}

impl fmt::Display for MadeBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rules, version, own_rules } = self;
        write!(f, "made by rules {rules} in version {version}, these are rules {own_rules}")
    }
}

/// What is wrong with a file of a bundle, or with what lies beside them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the sentence on each says what it is; fields are named after what they count"
)]
pub enum FileProblem {
    #[error("{} is not what was signed", quoted(file))]
    Altered { file: String },
    #[error("{}: it is missing", quoted(file))]
    Missing { file: String },
    #[error("{}: {error}", quoted(file))]
    Unreadable { file: String, error: String },
    #[error("{} does not belong there", quoted(file))]
    Foreign { file: String },
    #[error("{} is no place for a file of a plan", quoted(file))]
    NoPlaceForPlans { file: String },
    #[error("{file} has {bytes} bytes, entry {entry} says {recorded}")]
    OtherSize { file: String, bytes: u64, entry: u64, recorded: u64 },
    #[error("{file} is missing (entry {entry})")]
    ArtifactMissing { file: String, entry: u64 },
    #[error("{count} that no entry refers to, such as {}", quoted(first))]
    Unreferenced { count: usize, first: String },
    #[error("the odd name {}", quoted(file))]
    OddName { file: String },
    #[error("the bundle's folder has the odd name {}", quoted(folder))]
    OddTop { folder: String },
    #[error("a name in {} that is not UTF-8", quoted(folder))]
    NotUtf8 { folder: String },
    #[error("{} and {} are one name to some file systems", quoted(file), quoted(other))]
    SameName { file: String, other: String },
    #[error("{} is there twice", quoted(file))]
    Twice { file: String },
    #[error("the folder {} is there twice", quoted(folder))]
    FolderTwice { folder: String },
    #[error("the folder {} does not belong there", quoted(folder))]
    ForeignFolder { folder: String },
    #[error("{} is a link", quoted(file))]
    Link { file: String },
    #[error("{} is neither a file nor a folder", quoted(file))]
    Neither { file: String },
    #[error("{} is nested too deep", quoted(file))]
    TooDeep { file: String },
    #[error("{} lies outside the bundle", quoted(file))]
    Outside { file: String },
}

/// What is wrong with a signed entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the sentence on each says what it is; fields are named after what they count"
)]
pub enum EntryProblem {
    #[error("{error}")]
    NoEntry { error: String },
    #[error("it says it is entry {says}")]
    OutOfPlace { says: u64 },
    #[error("its `run` is not 16 bytes in lower-case hexadecimal")]
    Run,
    #[error("its `ledger` is none: run 1 has no run before it, and all others have one")]
    Ledger,
    #[error("a digest in it is not 32 bytes in lower-case hexadecimal")]
    Digest,
    #[error("it belongs at the beginning of a log")]
    NotAtTheBeginning,
    #[error("no entry before tells of the observer {observer}")]
    UnknownObserver { observer: u32 },
}

fn files_of(files: u64) -> String {
    counted(files, "file", "files")
}

fn entries(count: u64) -> String {
    counted(count, "entry", "entries")
}

fn artifacts(count: usize) -> String {
    match count {
        0 => "the log refers to none".to_owned(),
        1 => "one is there as recorded".to_owned(),
        n => format!("{n} are there as recorded"),
    }
}

fn more(unreferenced: usize) -> String {
    match unreferenced {
        0 => String::new(),
        n => format!("; {n} that no signed entry refers to"),
    }
}

fn listed(files: &[FileProblem], more: usize) -> String {
    let more = (more > 0).then(|| format!("and {more} more"));
    files.iter().map(FileProblem::to_string).chain(more).collect::<Vec<_>>().join("; ")
}

fn behind(unsigned: u64, cut_line: bool) -> String {
    match (unsigned, cut_line) {
        (0, false) => String::new(),
        (n, cut) => format!(
            "; {}{} after the last checkpoint, unsigned, decide nothing",
            entries(n),
            if cut { " and a cut line" } else { "" }
        ),
    }
}
