//! The findings of two runs of one plan, held against each other.

use probity_plan::units::counted;
use probity_verdict::{Bounds, Finding, Judgement, Outcome};

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reproduction {
    /// Each finding that was decided is decided so again.
    Again,
    /// One is decided otherwise.
    Contradicted,
    /// Nothing was shown, or not all of it again.
    NotAll,
}

impl Reproduction {
    /// The word for programs.
    const fn name(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Contradicted => "contradicted",
            Self::NotAll => "not-all",
        }
    }
}

/// The findings of two runs of one plan beside each other.
#[derive(Debug, Default)]
pub struct Comparison<'j> {
    /// Decided in both, and the same, with bounds that meet where there are any.
    again: Vec<(&'j Finding, &'j Finding)>,
    /// Decided in both, and not the same.
    contradicted: Vec<(&'j Finding, &'j Finding)>,
    /// Decided before, and not now.
    lost: Vec<(&'j Finding, &'j Finding)>,
    /// Decided now for the first time: that shows nothing of before, and takes nothing from it.
    gained: Vec<(&'j Finding, &'j Finding)>,
}

impl<'j> Comparison<'j> {
    /// Of the judgements of two runs of one plan.
    pub fn of(before: &'j Judgement, after: &'j Judgement) -> Self {
        let mut comparison = Self::default();
        for (before, after) in before.findings.iter().zip(&after.findings) {
            let undecided = |finding: &Finding| finding.outcome == Outcome::Undetermined;
            let list = match (undecided(before), undecided(after)) {
                // What was never known is not known again: that shows nothing.
                (true, true) => continue,
                // It fails now of what says nothing of why it failed before: a host that is gone refuses everything.
                (false, false) if before.outcome == after.outcome && told_apart(before, after) => {
                    &mut comparison.lost
                }
                (false, false) if before.outcome == after.outcome && meet(before.bounds, after.bounds) => {
                    &mut comparison.again
                }
                (false, false) => &mut comparison.contradicted,
                (false, true) => &mut comparison.lost,
                (true, false) => &mut comparison.gained,
            };
            list.push((before, after));
        }
        comparison
    }

    /// For programs: what it comes to, and the claims whose findings were shown again, contradicted, lost, or decided for the first
    /// time.
    pub fn json(&self) -> serde_json::Value {
        let claims = |pairs: &[(&Finding, &Finding)]| -> Vec<String> {
            pairs.iter().map(|(before, _)| before.claim.clone()).collect()
        };
        serde_json::json!({
            "result": self.result().name(),
            "again": claims(&self.again),
            "contradicted": claims(&self.contradicted),
            "lost": claims(&self.lost),
            "gained": claims(&self.gained),
        })
    }

    /// What it comes to.
    pub fn result(&self) -> Reproduction {
        match (self.contradicted.is_empty(), self.lost.is_empty() && !self.again.is_empty()) {
            (false, _) => Reproduction::Contradicted,
            (true, true) => Reproduction::Again,
            (true, false) => Reproduction::NotAll,
        }
    }
}

/// Whether only one of them fails of denials alone, or of what could not be evaluated.
fn told_apart(before: &Finding, after: &Finding) -> bool {
    before.by_error != after.by_error || before.by_denial != after.by_denial
}

/// Whether one rate can be within both.
fn meet(a: Option<Bounds>, b: Option<Bounds>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.lower <= b.upper && b.lower <= a.upper,
        _ => true,
    }
}

impl std::fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let heading = match self.result() {
            Reproduction::Again => "The same findings as before",
            Reproduction::Contradicted => "NOT the same findings",
            _ if self.again.is_empty() && self.lost.is_empty() && self.gained.is_empty() => {
                "Nothing was shown: no finding is decided, neither before nor now"
            }
            _ => "Not all of it was shown again",
        };
        write!(f, "{heading}: {} shown again", counted(self.again.len() as u64, "finding", "findings"))?;
        match self.gained.len() {
            0 => writeln!(f, ".")?,
            gained => writeln!(f, ", {gained} decided for the first time.")?,
        }
        for (before, after) in &self.again {
            if before.bounds.is_some() || after.bounds.is_some() {
                writeln!(f, "  {}: {} before, {} now", before.claim, told(before), told(after))?;
            }
        }
        for (before, after) in self.contradicted.iter().chain(&self.lost).chain(&self.gained) {
            let reason = probity_verdict::wording::finding::reason(after);
            writeln!(f, "  {}: {} before, {} now ({reason})", before.claim, told(before), told(after))?;
        }
        Ok(())
    }
}

/// "holds, between 0.930 and 1".
fn told(finding: &Finding) -> String {
    match finding.bounds {
        Some(bounds) => format!("{}, between {} and {}", finding.outcome.name(), bounds.lower, bounds.upper),
        None => finding.outcome.name().to_owned(),
    }
}
