//! Effort counted as evidence.

use crate::assertions::Assertions;
use crate::document::Place;
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "effort-as-evidence",
    level: Level::Warning,
    title: "Effort is counted as evidence.",
    explanation: "Points or a claim of quality given for how much was done (commands executed, lines of code written, days spent, screenshots taken) or \
        that it was done (\"monitoring completed: +30 points\") rather than for what was seen.",
    example: "- 57 commands executed: +20 points",
};

pattern!(
    EFFORT,
    r"\b\d[\d,]*\+? (?:[a-z-]+ ){0,2}(commands?|scripts?|log lines?|screenshots?|pages|man-days|person-days|lines of [a-z-]+ ?(code|log)?|executions|verification points|data points|evidence points|evidence items|tool calls|files collected)\b|\b(commands?|scripts?|screenshots?) (executed|written|created|collected|run|taken)\b|\b(monitoring completed|evidence collected)\b"
);
pattern!(POINTS, r": \+ ?\d+( points?)?\W*$");
pattern!(
    QUALITY,
    r"\b(high|excellent|strong|superior|outstanding) (evidence )?(quality|confidence|credibility)\b.*\b(because|since|based on|due to)\b|✅.*\b(component|module|service|feature|library|test) quality\W{1,4}\d[\d,]*\+? lines of [a-z -]*code\W*$"
);
pattern!(DENIED, r"\b(not|no|nothing|never|do not|does not|per|deducted|within|after|every|took)\b");

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let mut lines = Vec::new();
    for statement in all.document.statements.iter().filter(|s| s.place != Place::Code) {
        let column = all.document.cells(statement).is_some_and(|(table, row)| {
            let points = table.column(|head| matches!(head, "points" | "score" | "awarded" | "points awarded"));
            let given = points.and_then(|at| row.cells.get(at)?.number()).is_some_and(|q| q.value > 0.0);
            given && row.cells.first().is_some_and(|cell| EFFORT.is_in(&cell.lower))
        });
        let what = (column || POINTS.is_in(&statement.lower), QUALITY.is_in(&statement.lower));
        if (what.0 || what.1) && EFFORT.is_in(&statement.lower) && !DENIED.is_in(&statement.lower) {
            lines.push((statement.line, what.0));
        }
    }
    if let Some((_, points)) = lines.first() {
        let what = if *points { "points are given for" } else { "quality is claimed because of" };
        found.push(Finding::new(format!("{what} how much was done, not for what was seen"), lines.iter().map(|(line, _)| *line)));
    }
}
