//! What was decided, as data: `findings.json` and the source of every report. Deterministic, and without any bound or score
//! that was not rounded outward to six decimals. No sentence stands here: those are made of it by [`crate::wording`].

mod decisions;
mod reasons;

use serde::{Deserialize, Serialize};

use probity_plan::{Severity, Shows};

pub use decisions::Decisions;
pub use reasons::{
    Against, Change, ClaimRead, Corrected, Decided, ErrorBound, Example, FindOut, FindingReason, Limit,
    Measured, MeasuredFact, Note, Replaceable, ScoreRead, Seen, Step, Unclear, Uncovered, Unreadable, Waited,
    Why, Within,
};

/// Everything derived from a plan and its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The version of the rules it was made by ([`crate::RULES`]).
    pub rules: u32,
    /// The plan's title.
    pub plan: String,
    /// What limits all that follows, such as that the observer's clock was set meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// One finding a claim, in the plan's order.
    pub findings: Vec<Finding>,
    /// One result a score, in the plan's order.
    pub scores: Vec<ScoreResult>,
    /// The verdict.
    pub verdict: Verdict,
}

/// A claim's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Shown to be true of what was observed.
    Holds,
    /// Shown to be false.
    Fails,
    /// Neither is shown.
    Undetermined,
    /// There was nothing the claim is about, and it says that this is fine.
    NotApplicable,
}

impl Outcome {
    /// The word used everywhere: `holds`, `fails`, `undetermined`, `not applicable`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Undetermined => "undetermined",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// One-sided exact bounds of a rate, each at the given confidence, rounded outward to six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// At least this, in [0, 1].
    pub lower: f64,
    /// At most this, in [0, 1].
    pub upper: f64,
    /// The confidence of each, for instance 0.95.
    pub confidence: f64,
}

/// Counts of a rate's trials. `successes + failures + blocked == planned`; slots never looked at are blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Trials the plan asks for: the denominator.
    pub planned: u64,
    /// Trials that satisfied the check.
    pub successes: u64,
    /// Trials that did not.
    pub failures: u64,
    /// Those among them that could not be evaluated, or are denials without a control: they help no acceptance.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsure: u64,
    /// Trials that could not be decided, or were never made.
    pub blocked: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The decision about one claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The claim's name.
    pub claim: String,
    /// The probe it is about.
    pub of: String,
    /// The author's wording, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// What was decided, made from the claim itself.
    pub decided: Decided,
    /// The heading it stands under, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// How much it matters if it fails.
    pub severity: Severity,
    /// What to do if it fails, by the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
    /// Whether it fails only because its check could not be evaluated on what was seen (a missing key, classes that do not
    /// compare): then nothing that would help an acceptance follows from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_error: bool,
    /// Whether it fails only because of denials (refused, forbidden, no such name) of which no positive control shows that they
    /// could have been otherwise: then nothing that would help an acceptance follows from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_denial: bool,
    /// Why, with the numbers.
    pub reason: FindingReason,
    /// What was measured, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// The weakest thing it rests on; absent if there was no observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_on: Option<Shows>,
    /// Bounds, for a rate. For a matrix that is not pooled, those of the cell that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// Counts, for a rate or a census.
    pub counts: Counts,
    /// For a rate whose trials were selected by what was observed: how many were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<Selected>,
    /// The positive control that it names, with how strong that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlFinding>,
    /// For a matrix: each cell by its row ("role=viewer method=ping") with its outcome and counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<CellFinding>,
    /// What the count assumes, what was pooled, what is declared harmless, which attempts were needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What stands between the claim and a decision: barriers met, with how often and an example of the detail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barriers: Vec<BarrierMet>,
    /// Why else something is not known: at most three different reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<Unclear>,
    /// What would settle it, if undetermined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Settle>,
    /// Entries it rests on, as inclusive ranges, ascending; beyond 1,000 ranges the last one spans all that are left,
    /// with entries of others between them.
    pub entries: Vec<(u64, u64)>,
    /// Entries that decided against it, or that were blocked: at most 20, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub telling: Vec<u64>,
    /// The waiver that covers it, if one was in force and is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<WaivedBy>,
}

/// How a rate's trials were selected by what was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selected {
    /// Observations that were left out.
    pub left_out: u64,
    /// Observations that there were.
    pub of: u64,
    /// Whether the plan says that this is meant (`selected: true`): otherwise no acceptance rests on the rate.
    pub meant: bool,
}

/// A positive control as it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlFinding {
    /// The claim.
    pub claim: String,
    /// Its outcome.
    pub outcome: Outcome,
    /// What was decided about it.
    pub decided: Decided,
    /// The weakest thing it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_on: Option<Shows>,
}

/// One cell of a matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellFinding {
    /// Its row, `column=value` joined by spaces, in the matrix's column order.
    pub cell: String,
    /// Its outcome.
    pub outcome: Outcome,
    /// Its counts.
    pub counts: Counts,
    /// Its bounds, for a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
}

/// A barrier that kept a claim from being decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BarrierMet {
    /// The fact.
    pub fact: String,
    /// The barrier's name.
    pub barrier: probity_plan::Barrier,
    /// How many observations met it.
    pub times: u64,
    /// Why, where Probity itself or the operator put it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<probity_plan::Cause>,
    /// One detail, as recorded; empty where there is a cause.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl BarrierMet {
    /// What was in the way, for a person; empty if nobody said.
    pub fn why(&self) -> std::borrow::Cow<'_, str> {
        probity_plan::why(self.cause.as_ref(), &self.detail)
    }
}

/// What would settle an undetermined finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settle {
    /// What to do: all of it.
    pub steps: Vec<Step>,
    /// The least number of trials that can settle it, if all succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<u64>,
    /// The number that settles it in 8 of 10 runs at the rate seen, if there is one below 10 million.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely: Option<u64>,
}

impl Settle {
    /// These steps, without numbers of trials.
    pub(crate) const fn by(steps: Vec<Step>) -> Self {
        Self { steps, least: None, likely: None }
    }
}

/// The waiver in force for a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaivedBy {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day it counts.
    pub until: String,
}

/// A score as an interval inside [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreResult {
    /// Its name.
    pub name: String,
    /// At least this.
    pub lower: f64,
    /// At most this.
    pub upper: f64,
    /// The weight of the claims that apply.
    pub weight: f64,
    /// The weight of all its claims.
    pub of_weight: f64,
    /// The undetermined claims in it, heaviest first: what to find out next.
    pub open: Vec<String>,
    /// Each claim with its weight and outcome, in the plan's order.
    pub parts: Vec<(String, f64, Outcome)>,
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The label, or "READY or NOT READY" where several are possible; with " with waivers" where one was needed.
    pub label: String,
    /// The labels still possible, in rule order, each with whether it is an acceptance.
    pub possible: Vec<(String, bool)>,
    /// True if every label still possible is an acceptance; false if none is; absent if inconclusive.
    pub accepted: Option<bool>,
    /// Why: which rule won or is open.
    pub why: Vec<Why>,
    /// What would settle it, if several labels are possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settle: Vec<Waited>,
    /// The bound on the probability that an accepting rule is reached although a rate claim under it is false, with
    /// how it was reached; absent if no rate claim is under an accepting rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_bound: Option<ErrorBound>,
    /// Waivers that count in the verdict, by claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<(String, WaivedBy)>,
}

impl Verdict {
    /// An acceptance is none, and says so; everything else stays.
    pub(crate) fn withhold(&mut self) {
        if self.accepted == Some(true) {
            self.accepted = None;
            self.label += crate::verdict::WITHHELD;
        }
    }
}
