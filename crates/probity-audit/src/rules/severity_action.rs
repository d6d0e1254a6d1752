//! A severity that contradicts the action demanded.

use crate::document::{Document, Place};
use crate::finding::{Finding, Rule, Severity};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "severity-action",
    severity: Severity::Warning,
    title: "A severity contradicts the action that is demanded.",
    explanation: "In one row, one item with its sub-items, or one sentence: a low or minor severity beside an action that blocks the \
        release or must happen immediately, or a critical one beside no action at all.",
    example: "| Finding | Severity | Action |\n|---|---|---|\n| Anyone may read invoices | Low | Blocks the release |",
};

pattern!(LOW, r"^(low|minor|informational|info|negligible|trivial|cosmetic|p4|p5|sev ?4|sev ?5|very low)$");
pattern!(CRITICAL, r"^(critical|blocker|severe|very high|p1|sev ?1|catastrophic)$");
pattern!(
    URGENT,
    r"\b(block(s|ing|er)? (the |this |any )?(release|go-live|launch|deployment|rollout)|release blocker|immediate(ly)?|at once|mandatory before|must be (fixed|closed|resolved|corrected|repaired) before|before (the )?(release|go-live|launch|deployment|rollout)\b.*\b(mandatory|must|required)|stop (the )?(release|rollout|production)|urgent(ly)?|within 24 hours|emergency|without delay|right away)\b"
);
pattern!(
    NOTHING,
    r"^(none|no action|nothing|no action (is )?(required|needed|necessary|planned)|not required|ignore|nothing to do|can be ignored|accept without action|none required|none needed)\b|\bno action is (required|needed|necessary)\b"
);
pattern!(
    CALM,
    r"\b(not|no|none|never|without blocking|does not block|nothing|already|done|fixed|was|were|has been|closed|resolved|workaround|in the next)\b"
);
pattern!(
    SETTLED,
    r"\b(fixed|closed|resolved|done|retested|accepted|already|duplicate|mitigated|obsolete|withdrawn|false positive|no longer|gone|was repaired|since)\b"
);
pattern!(
    RATED,
    r"\b(?:rated?|severity|classified|classed)(?: it| this| is| of| as|:)* \W?(low|minor|critical|blocker|severe|negligible|trivial|cosmetic)\b"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for table in &document.tables {
        let Some(severity) = table.column(|head| {
            matches!(
                head,
                "severity"
                    | "sev"
                    | "priority"
                    | "criticality"
                    | "severity level"
                    | "class"
                    | "risk"
                    | "impact"
            )
        }) else {
            continue;
        };
        let Some(action) = table.column(|head| {
            [
                "action",
                "required",
                "measure",
                "recommendation",
                "consequence",
                "response",
                "to do",
                "decision",
                "demand",
                "disposition",
                "what to do",
                "treatment",
                "next step",
            ]
            .iter()
            .any(|word| head.contains(word))
        }) else {
            continue;
        };
        for row in &table.rows {
            tell(row.cells[severity].words(), &row.cells[action].lower, &[row.line], found);
        }
    }
    // Items `Severity: x` and `Required: y` that stand together.
    let mut last: Option<(String, usize, usize)> = None;
    for statement in &document.statements {
        match statement.place {
            Place::Item { depth, .. } => {
                if depth == 1
                    && !statement.lower.contains("severity")
                    && last.as_ref().is_some_and(|(_, _, d)| *d > 1)
                {
                    last = None;
                }
                if let Some((label, value)) = statement.lower.split_once(':') {
                    let label = label.trim_matches(|c: char| !c.is_alphanumeric());
                    let value = value.trim_matches(|c: char| !c.is_alphanumeric());
                    if label == "severity" || label == "priority" {
                        last = Some((value.to_owned(), statement.line, depth));
                    } else if [
                        "action",
                        "required",
                        "recommendation",
                        "measure",
                        "required action",
                        "action required",
                        "fix",
                        "response",
                        "consequence",
                        "decision",
                    ]
                    .contains(&label)
                        && let Some((severity, line, _)) = &last
                    {
                        tell(severity, value, &[statement.line, *line], found);
                    }
                }
            }
            Place::Heading(_) => last = None,
            Place::Prose => {}
            Place::Row { .. } => continue,
        }
        if matches!(statement.place, Place::Prose | Place::Item { .. })
            && let Some(parts) = RATED.captures(&statement.lower)
            && let Some(severity) = parts.get(1)
        {
            // The action of this weakness: up to the next one that is rated.
            let rest = statement.lower.get(severity.end()..).unwrap_or("");
            let rest = RATED.find(rest).map_or(rest, |next| &rest[..next.start()]);
            tell(severity.as_str(), rest, &[statement.line], found);
        }
    }
}

fn tell(severity: &str, action: &str, lines: &[usize], found: &mut Vec<Finding>) {
    let trimmed = action.trim_matches(|c: char| !c.is_alphanumeric());
    let low = LOW.is_in(severity) && URGENT.is_in(trimmed) && !CALM.is_in(trimmed);
    let critical = CRITICAL.is_in(severity) && NOTHING.is_in(trimmed) && !SETTLED.is_in(trimmed);
    if low || critical {
        let message = if low {
            format!("rated {severity}, and yet the action demanded is urgent or blocks the release")
        } else {
            format!("rated {severity}, and yet no action is demanded")
        };
        found.push(Finding::new(message, lines.iter().copied()));
    }
}
