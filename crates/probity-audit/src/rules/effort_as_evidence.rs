//! Effort that is counted as evidence.

use crate::document::{Document, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "effort-as-evidence",
    severity: Severity::Warning,
    title: "Effort is counted as evidence.",
    explanation: "Points, a rating or a claim of quality given for how much was done (commands executed, scripts written, days spent, screenshots \
        taken) or that it was done (\"monitoring completed: +30 points\") rather than for what was seen.",
    example: "- 57 commands executed: +20 points",
};

pattern!(
    EFFORT,
    r"\b\d[\d,]* (?:[a-z-]+ ){0,2}(commands?|scripts?|log lines?|screenshots?|hours|days|pages|man-days|person-days|lines of (code|log)|executions|verification points|data points|evidence points|evidence items|tool calls|documents|meetings|files collected|artifacts|artefacts)\b|\b(commands?|scripts?|screenshots?|log lines?) (executed|written|created|collected|run|taken)\b|\b(extended monitoring completed|sufficient evidence collected|monitoring completed)\b"
);
pattern!(SCORED, r"\+ ?\d+|\bpoints?\b");
pattern!(
    QUALITY,
    r"\b((high|highest|excellent|strong|superior|outstanding) (evidence )?(quality|confidence|credibility)|(quality|strength|confidence|credibility|weight) (of (the )?(evidence|findings|report))?[^.]{0,20}\b(high|strong|excellent)|evidence quality: ?\W*(high|strong|excellent))\b"
);
pattern!(
    DENIED,
    r"\b(not|no|nothing|say little|never|do not|does not|per|deducted|within|after|every|lasted|took|because nobody|awarded for what)\b"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for statement in &document.statements {
        if !EFFORT.is_in(&statement.lower) || DENIED.is_in(&statement.lower) {
            continue;
        }
        let points = scored(document, statement);
        if points || QUALITY.is_in(&statement.lower) {
            let what = if points { "points are given for" } else { "quality is claimed because of" };
            found.push(Finding::new(
                format!("{what} how much was done, not for what was seen"),
                [statement.line],
            ));
        }
    }
}

fn scored(document: &Document, statement: &Statement) -> bool {
    if let Some((table, row)) = document.cells(statement) {
        let column =
            table.column(|head| matches!(head, "points" | "score" | "awarded" | "rating" | "points awarded"));
        return column.and_then(|c| row.cells.get(c)?.number()).is_some_and(|q| q.value > 0.0)
            && row.cells.first().is_some_and(|cell| EFFORT.is_in(&cell.lower));
    }
    SCORED.find(&statement.lower).is_some_and(|scored| {
        !scored.as_str().starts_with('p') || statement.lower.contains('+') || statement.lower.contains(": ")
    }) && !statement.lower.contains("+0")
        && (statement.lower.contains('+') || statement.quantities.len() >= 2)
        && !statement.lower.contains("evidence points:")
}
