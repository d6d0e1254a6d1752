//! What a `findings.json` decides, whichever version made it: later ones may know other reasons.

use probity_plan::Shows;
use serde::Deserialize;

use super::{Bounds, Counts, Outcome};

/// Findings, scores and verdict without why they are what they are. Equal where the same was decided.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Decisions {
    findings: Vec<DecidedFinding>,
    scores: Vec<DecidedScore>,
    verdict: DecidedVerdict,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct DecidedFinding {
    claim: String,
    outcome: Outcome,
    counts: Counts,
    bounds: Option<Bounds>,
    rests_on: Option<Shows>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct DecidedScore {
    name: String,
    lower: f64,
    upper: f64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct DecidedVerdict {
    label: String,
    possible: Vec<(String, bool)>,
    accepted: Option<bool>,
}

impl Decisions {
    /// Reads them from `findings.json`; `None` if it is none.
    pub fn read(findings_json: &[u8]) -> Option<Self> {
        serde_json::from_slice(findings_json).ok()
    }

    /// The verdict's label.
    pub fn label(&self) -> &str {
        &self.verdict.label
    }
}
