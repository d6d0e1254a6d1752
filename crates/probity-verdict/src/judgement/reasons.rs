//! Why findings and the verdict are what they are, as data: each a name with what belongs to it. The sentences are made of
//! it in [`crate::wording`], so that findings compare across versions of the wording.

use probity_plan::Impact;
use probity_plan::units::{Share, Span};
use serde::{Deserialize, Serialize};

use super::{Bounds, Counts, Outcome, WaivedBy};
use crate::condition::Reason;
use crate::truth::Truth;

/// What was decided, made from the claim itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Decided {
    /// Nothing: the claim cannot be read.
    Nothing,
    /// That each observation satisfies a condition.
    Census {
        /// How many.
        observations: u64,
        /// The condition.
        check: String,
        /// The claim's `where`.
        #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    /// That a share of trials satisfies it.
    Rate {
        /// The objective.
        objective: Share,
        /// The trials of the cell that decided.
        trials: u64,
        /// The stretch of time that is one trial.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<Span>,
        /// Whether `where` left any out.
        left_out: bool,
        /// How many cells were decided each for itself.
        cells: u64,
        /// The condition.
        check: String,
        /// The claim's `where`.
        #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    /// That the last look beside the first satisfies it.
    FirstAndLast {
        /// The probe.
        probe: String,
        /// The condition.
        check: String,
        /// The claim's `where`.
        #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    /// That each observation beside one of another probe satisfies it.
    Beside {
        /// The other probe.
        probe: String,
        /// How many.
        observations: u64,
        /// The condition.
        check: String,
        /// The claim's `where`.
        #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    /// That facts do not change.
    Stable {
        /// The facts.
        facts: Vec<String>,
        /// By how much they may differ.
        within: Within,
        /// In how many observations.
        observations: u64,
        /// The claim's `where`.
        #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    /// That something begins again and again.
    Periodic {
        /// The period.
        every: Span,
        /// How much longer or shorter a gap may be.
        tolerance: Span,
        /// How many complete gaps are asked for.
        periods: u32,
        /// The fact that tells of starts.
        fact: String,
        /// Whether a start lies between looks at which it differs, rather than being recorded in it.
        changes: bool,
        /// The claim's `where`.
        #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
}

/// By how much facts may differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Within {
    /// Not at all.
    Equal,
    /// Measured intervals that overlap.
    NotSurelyDifferent,
    /// By so much between the least and the greatest.
    AtMost {
        /// So much.
        most: f64,
    },
}

/// Why a finding is what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the counts bear their names")]
pub enum FindingReason {
    /// The claim cannot be read.
    Unreadable { why: Unreadable },
    /// The log holds an entry that no run of the plan yields: nothing is taken to hold.
    NotOfThePlan { entry: u64 },
    /// It is about what is so during an act, and each time or once that act was not done; `entry`: the first that says so.
    NothingBesideIt {
        act: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<u64>,
    },
    /// It depends on observations of which it cannot be told whether they are meant.
    DependsOnMembership,
    /// There was nothing that it is about, which the claim accepts.
    NothingAccepted,
    /// Nothing was observed that it is about; `left_out`: so many were left out by what was seen.
    NothingSeen {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left_out: Option<u64>,
    },
    /// A denial counts only beside its positive control.
    DenialsAlone,
    /// Every observation satisfies the check.
    AllSatisfy { observations: u64 },
    /// Some do not.
    SomeDoNot {
        failures: u64,
        observations: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<Example>,
    },
    /// Some could not be decided, or rows of the matrix have nothing left.
    SomeUndecided { undecided: u64, observations: u64, empty_rows: u64, rows: u64, denials_alone: bool },
    /// The counts of the cell that decided, held against the objective.
    Rate {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cell: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<Span>,
        counts: Counts,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bounds: Option<Bounds>,
        objective: Share,
        /// Misses come in clusters.
        clustered: bool,
    },
    /// It was so in all samples.
    Stable { samples: u64 },
    /// It changed.
    Changed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<Example>,
    },
    /// No sample at all.
    NoSample,
    /// One sample shows no change.
    OneSample,
    /// Samples are farther apart than two slots.
    Gap { samples: u64, observations: u64 },
    /// The measured intervals leave it open.
    IntervalsOpen,
    /// Every gap is within tolerance.
    GapsWithin { gaps: u64 },
    /// Nothing began for longer than a gap may last.
    Silent {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<Example>,
    },
    /// Some gaps are surely out of tolerance. Limits in microseconds.
    GapsOutside { outside: u64, gaps: u64, least_us: i64, greatest_us: i64 },
    /// It cannot be told what was recorded.
    RecordUnclear,
    /// The last look did not see it.
    LastLookUnseen,
    /// More starts than can be kept.
    TooManyStarts,
    /// Some gaps may be out of tolerance.
    GapsUnsure { within: u64, unsure: u64 },
    /// Fewer complete gaps than asked for.
    TooFewGaps { within: u64, periods: u64 },
}

/// Why a claim cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unreadable {
    NoProbe {
        probe: String,
    },
    /// Its `where`; where in it, in characters from 0.
    Where {
        offset: usize,
    },
    /// Its `check`; where in it, in characters from 0.
    Check {
        offset: usize,
    },
    /// Its `check` reads nothing that the probe sees.
    ReadsNothing {
        probe: String,
    },
    NoCheck,
    NoFact {
        kind: String,
        fact: String,
    },
    NoFacts,
    /// A block of time shorter than two looks.
    ShortBlock {
        block: Span,
        every: Span,
    },
    /// Which look to compare with which is not known.
    NotPaired {
        probe: String,
        looks: u32,
        other: String,
        other_looks: u32,
    },
}

/// The first observation that spoke against a claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Its entry.
    pub entry: u64,
    /// What it said.
    pub against: Against,
}

/// What an observation says against a claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Against {
    /// What the check read, and why it could not be evaluated.
    Seen { seen: Vec<Seen>, reasons: Vec<Reason> },
    /// The same of two observations.
    Compared { seen: Vec<Seen>, reasons: Vec<Reason> },
    /// Facts that are not what they were.
    Changed { facts: Vec<Change> },
    /// Nothing changed for so long, in microseconds.
    NothingChanged { watch_us: i64 },
    /// No start was recorded for so long, in microseconds.
    NothingRecorded { watch_us: i64 },
}

/// A fact or an element as it was seen; the value as JSON, cut to 60 characters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Seen {
    pub what: String,
    pub value: String,
}

/// A fact that is not what it was; values as JSON, cut to 60 characters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Change {
    pub fact: String,
    pub value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Whether it should be a number and is none.
    pub not_a_number: bool,
}

/// Why something that was seen is not known for what it is, where it is no barrier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unclear {
    /// A condition is unknown.
    Condition { reason: Reason },
    /// What should be a time, or a list of times, is none; as JSON, cut to 60 characters.
    NotATime { value: String },
    /// So many times are later than their look.
    LaterThanLook { times: u64 },
    /// There is no first and last look as planned.
    NoFirstAndLast,
}

/// What was measured, for a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Measured {
    /// Of a census, or of the cell of a rate that decided.
    Count {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cell: Option<String>,
        successes: u64,
        of: u64,
    },
    /// Of facts that should not change.
    Facts { facts: Vec<MeasuredFact> },
    /// Gaps between starts; the least and the greatest in microseconds.
    Gaps {
        gaps: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extent_us: Option<(i64, i64)>,
    },
}

/// What a fact was over all samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredFact {
    /// The fact.
    pub fact: String,
    /// How many samples.
    pub samples: u64,
    /// How often it differed from the sample before.
    pub changes: u64,
    /// The least and the greatest it can have been, for a number; `null` without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(Option<f64>, Option<f64>)>,
}

/// What is said beside a finding: what the count assumes, what was pooled, what is declared harmless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Note {
    /// `where` left out so many.
    LeftOut {
        left_out: u64,
        of: u64,
        by_what_was_seen: bool,
    },
    /// So many needed more than one attempt.
    /// Observations of which it cannot be told whether they are meant, and which change nothing.
    PerhapsMeant {
        observations: u64,
        of: u64,
    },
    Retried {
        retried: u64,
        of: u64,
    },
    DeclaredHarmless {
        probe: String,
        impact: Impact,
        floor: Impact,
    },
    /// Observations that no run of the plan yields.
    NotOfThePlan {
        observations: u64,
        first: u64,
    },
    /// Denials that count, and the claim that shows that they could have been otherwise; rows of the matrix without one.
    DenialsCount {
        denials: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        control: Option<String>,
    },
    /// Trials are taken for independent.
    IndependentTrials,
    /// Stretches of time are.
    IndependentStretches {
        block: Span,
        trials: u64,
        stretches: u64,
    },
    Pooled {
        cells: u64,
    },
    /// Gaps of a stable claim, none too long.
    BetweenSamplesUnseen,
    BetweenLooksUnseen,
    /// Of a periodic claim: the record does not reach back to where its window begins.
    RecordBeginsWithin,
    /// Looks of a periodic claim that saw nothing.
    LooksUnseen {
        looks: u64,
        of: u64,
    },
    /// The observer's clock moved by so many microseconds, and perhaps the target's.
    ClockMoved {
        moved_us: i64,
    },
}

/// What would settle an undetermined finding, one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Step {
    /// See what was behind the barriers met.
    SeePastBarriers,
    CorrectPlan,
    /// With this plan and an unaltered Probity.
    ObserveAnew,
    /// Let `where` read what every observation has.
    SelectByWhatIsKnown,
    ControlHolds {
        control: String,
    },
    /// By a control, or by another row.
    ControlInMatrix,
    NameControl,
    LookAtSomething {
        left_out_by_what_was_seen: bool,
    },
    LookAgain,
    /// What is compared may not hold a secret.
    ShowNoSecret,
    /// What is compared has to be a moment, a version or whatever else it is taken for.
    CompareWhatItIs,
    /// It takes fewer steps.
    Shorten,
    CountBlocks,
    /// So many trials as [`super::Settle`] says; `near`: at the rate seen no number settles it.
    PlanTrials {
        stretches: bool,
        near: bool,
    },
    LookEvery {
        every: Span,
    },
    Watch {
        lasting: Span,
    },
    PlanTwoLooks,
    LookWithoutGaps,
    MeasureBetter,
}

/// What limits all that is said of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Limit {
    /// The observer's clock was set while the run went on.
    ClockSet {
        /// By so many microseconds.
        moved_us: i64,
    },
    /// What a probe did was not taken back: nothing is accepted.
    NotUndone {
        /// The probe.
        probe: String,
        /// The command of its `undo`.
        command: String,
        /// The entry that says so.
        entry: u64,
    },
    /// The run says that it began before the run before it in the operator's ledger: nothing is accepted.
    BeganBefore {
        /// When that one began, by its own word.
        predecessor: jiff::Timestamp,
    },
    /// A machine was not removed after its trial.
    NotRemoved {
        /// Its name.
        machine: String,
        /// The entry that says so.
        entry: u64,
    },
    /// Times were measured in trials that ran side by side.
    TimedBeside {
        /// The trials.
        trials: String,
        /// So many at once.
        at_once: u32,
        /// The probes whose times are read.
        probes: Vec<String>,
    },
}

/// Why a verdict is what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Why {
    /// A rule, counted from 1, with what made it what it is, the gravest first.
    Rule {
        rule: usize,
        label: String,
        truth: Truth,
        claims: Vec<ClaimRead>,
        scores: Vec<ScoreRead>,
        /// So many rates are decided more strictly, and that made the difference.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stricter: Option<u32>,
    },
    /// A rule whose condition cannot be read.
    Unreadable { rule: usize, label: String },
    /// A rule without a condition.
    Unconditional { rule: usize, label: String },
    /// No rule surely applies, and the last one has a condition.
    NoRule,
    /// A waiver that was over before the run began.
    WaiverOver { claim: String, owner: String, until: String },
}

/// A claim as a rule read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimRead {
    /// The claim.
    pub claim: String,
    /// Its outcome at the plan's confidence.
    pub outcome: Outcome,
    /// It is another one where so many rates share the error probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_among: Option<u32>,
    /// The waiver that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<WaivedBy>,
}

/// A score as a rule read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreRead {
    /// The score.
    pub score: String,
    /// At least, at most.
    pub interval: (f64, f64),
    /// Another one where so many rates share the error probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub among: Option<(u32, f64, f64)>,
}

/// What a claim would lead to, once it is settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waited {
    /// The claim.
    pub claim: String,
    /// The verdict if it holds.
    pub if_holds: String,
    /// The verdict if it fails.
    pub if_fails: String,
    /// How to find out.
    pub how: FindOut,
}

/// How to find out about a claim that a verdict waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum FindOut {
    /// As its finding says.
    AsFound,
    NoFinding,
    /// The rule decides it among so many rates.
    MoreTrials {
        among: u32,
        planned: u64,
        least: u64,
    },
}

/// The bound on the probability of an acceptance although a rate claim that it needs is false, or too few of those that make
/// up for each other are true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ErrorBound {
    /// There is none: the rules also accept where these are so.
    NotGiven { accepted: Vec<Uncovered> },
    /// So often the error probability of one claim.
    AtMost {
        probability: f64,
        times: u32,
        corrected: Vec<Corrected>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        replaceable: Vec<Replaceable>,
    },
}

/// What no bound covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uncovered {
    /// The acceptance.
    pub label: String,
    /// The rate claim.
    pub claim: String,
    /// What it may be; absent where it is waived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// An acceptance that is also reached where some of its rates fail, if others make up for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replaceable {
    /// The acceptance.
    pub label: String,
    /// The rate claims that make up for each other.
    pub rates: Vec<String>,
}

/// A rule that decides its rates more strictly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Corrected {
    /// The rule, from 1.
    pub rule: usize,
    /// Its label.
    pub label: String,
    /// Whether it rests on a score, rather than on an `||`.
    pub score: bool,
    /// Among how many rates.
    pub rates: u32,
}
