//! An approval while preconditions are open.

use crate::document::{Document, Place, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "open-preconditions",
    severity: Severity::Warning,
    title: "Something is approved while its own preconditions are open.",
    explanation: "An approval that sets no condition, in a report that lists preconditions as open: boxes not ticked under \"before the \
        release\", rows of preconditions whose state is open, actions required immediately, or a requirement of which the text says that it has \
        not been met. An approval that takes effect when the conditions are met is fine.",
    example: "Must be complete before the release:\n\n- [ ] rollback tested\n\nDecision: approved.",
};

pattern!(
    APPROVED,
    r"\b(approved?s?|approves|go-live (is )?granted|released to|cleared for|production ready|ready for production|decision: go\b|unconditionally|signed off)\b"
);
pattern!(
    CONDITION,
    r"\b(not|no|once|when|as soon as|after|if|provided|subject to|under the condition|conditional(ly)? |unless|until|only|pending|withheld|refused|rejected|will be|can be|may be|should be|to be approved|before|who|by whom|open|asks|deferred|postponed|condition(s)? that|on condition)\b"
);
pattern!(
    BEFORE,
    r"\b(pre-?conditions?|prerequisites?|before (the |any |we )?(go-live|release|launch|deployment|switch|production|rollout|approval|going live|cut-?over|start)|must be (complete|done|closed|fulfilled)|required for (the )?(go-live|release|approval)|entry criteria|blockers?|conditions for (the )?(go-live|release|approval)|release criteria|immediate actions required|immediate actions|go-live checklist|release checklist)\b"
);
pattern!(
    OPEN,
    r"^(open|pending|not (yet )?(done|started|signed|complete|finished|tested|available|given|approved)|outstanding|missing|to do|todo|in progress|incomplete|overdue|no|❌.*|⬜.*|☐.*|not started|being prepared)\b"
);
pattern!(
    STILL,
    r"\b(has|have|had|is|are|was|were) (still )?not (yet )?(been )?(yet )?(signed|completed|finished|carried out|given|fulfilled|done|met|closed|available|tested|obtained|granted|performed)\b|\bstill (open|missing|outstanding|pending)\b|\bnot yet (been )?\w+ed\b"
);
pattern!(
    AFTERWARDS,
    r"\b(later|after the|afterwards|nice to have|optional|next release|follow-?up|not a condition|no condition|not required)\b"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let approval = document.statements.iter().filter(|s| {
        APPROVED.is_in(&s.lower)
            && !(CONDITION.is_in(&without_unconditional(&s.lower)))
            && !matches!(s.place, Place::Row { .. })
            && (!matches!(s.place, Place::Heading(_)) || !s.lower.ends_with("approval"))
    });
    let approval: Vec<&Statement> = approval
        .filter(|s| !BEFORE.is_in(&s.lower) || s.lower.contains("go-live on") || s.lower.contains("decision"))
        .collect();
    let Some(approved) = approval.first() else { return };
    let mut open: Vec<usize> = Vec::new();
    for table in &document.tables {
        let about = BEFORE.is_in(document.heading(table.heading))
            || table.header.iter().any(|cell| BEFORE.is_in(&cell.lower));
        let state = table.column(|head| {
            matches!(
                head,
                "state" | "status" | "done" | "fulfilled" | "met" | "result" | "complete" | "closed"
            )
        });
        if let (true, Some(state)) = (about, state) {
            open.extend(
                table
                    .rows
                    .iter()
                    .filter(|row| {
                        OPEN.is_in(row.cells[state].words()) || OPEN.is_in(row.cells[state].lower.trim())
                    })
                    .map(|row| row.line),
            );
        }
    }
    let mut introduced = None;
    let mut demanded: Option<usize> = None;
    for (number, statement) in document.statements.iter().enumerate() {
        let calm = AFTERWARDS.is_in(&statement.lower);
        match statement.place {
            Place::Item { depth, done } => {
                let under = introduced == Some(statement.heading)
                    || BEFORE.is_in(document.heading(statement.heading));
                let marked = statement.lower.ends_with(": open")
                    || statement.lower.ends_with("(open)")
                    || statement.lower.ends_with("still open")
                    || statement.lower.starts_with("open:");
                let listed = (done == Some(false) || marked) && under && !calm;
                let actions = statement.lower.contains("immediate actions required");
                if actions {
                    // The actions themselves, where they are listed below.
                    let below = document.statements[number + 1..].iter().take_while(|s| {
                        s.block == statement.block
                            && matches!(s.place, Place::Item { depth: d, .. } if d > depth)
                    });
                    let named =
                        below.filter(|s| matches!(s.place, Place::Item { depth: d, .. } if d == depth + 1));
                    let from = open.len();
                    open.extend(named.map(|s| s.line));
                    if open.len() > from {
                        continue;
                    }
                }
                if listed || actions {
                    open.push(statement.line);
                }
            }
            Place::Heading(_) => introduced = None,
            Place::Prose => {
                introduced = (BEFORE.is_in(&statement.lower) && !calm)
                    .then_some(statement.heading)
                    .or(introduced.filter(|_| statement.lower.len() < 60));
                let requires = ["require", "must", "demand", "need", "condition", "ask"]
                    .iter()
                    .any(|word| statement.lower.contains(word));
                if BEFORE.is_in(&statement.lower) && requires {
                    demanded = Some(statement.block);
                }
                if demanded == Some(statement.block) && STILL.is_in(&statement.lower) && !calm {
                    open.push(statement.line);
                }
            }
            Place::Row { .. } => {}
        }
    }
    if !open.is_empty() {
        let message = format!(
            "approved, while {} precondition{} open",
            open.len(),
            if open.len() == 1 { " is" } else { "s are" }
        );
        found.push(Finding::new(message, [approved.line].into_iter().chain(open)));
    }
}

fn without_unconditional(lower: &str) -> String {
    lower.replace("unconditionally", "").replace("decision:", "")
}
