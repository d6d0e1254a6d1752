//! Denials that pass although nothing shows that the same could have been allowed.

use crate::document::{Document, Place, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::rules::outcome_column;
use crate::words::{passes, pattern};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "denial-without-control",
    severity: Severity::Warning,
    title: "Denials pass without a control that shows that the same could have been allowed.",
    explanation: "A call that is refused, or a port that cannot be reached, shows protection only beside the same call or another \
        port that works from the same place; everything is refused by a dead service. Speaks only where every check of access in the \
        report is a denial and nothing in it is allowed, accepted or reached.",
    example: "| Role | Call | Reply | Result |\n|---|---|---|---|\n| guest | delete | 403 | ✅ PASS |\n| clerk | delete | 403 | ✅ PASS |",
};

pattern!(
    DENIED,
    r"\b(403|401|denied|refused|rejected|cannot be reached|not reachable|unreachable|blocked|permission denied|forbidden|no access|not accessible|refuses|rejects|closed|timed out|filtered|could not be reached|locked out)\b"
);
pattern!(
    ALLOWED,
    r"\b(20[014]|allowed|accepted|permitted|granted|succeed(s|ed)?|successful(ly)?|reachable|can be reached|could be reached|was reached|is reached|open|works? (for|from|with)|worked|control|may (delete|read|write|change)|can (delete|read|write|change|release|log in)|administrator|admin|logged in and|valid (token|credentials|key|user|password|certificate)|positive|connects|connected|went through|answers|answered|responds|reply 200|delivered|arrived)\b"
);
pattern!(
    NOT_ALLOWED,
    r"\b(not|cannot|could not|never|nor|no) (be )?(reachable|reached|accepted|allowed|permitted|granted|open|logged in)"
);
pattern!(
    SUBJECT,
    r"\b(access|role|port|firewall|token|login|permission|authori[sz]ation|authentication|password|network|rights|users?|call|guest|account|isolation|segment|vlan)\b"
);
pattern!(
    CONCLUDED,
    r"\b(access control|authori[sz]ation|protection|firewall|isolation|segmentation|permissions?|rights)\b[^.]*\b(works?|effective|correct(ly)?|enforced|protected|sound|in order|proven|confirmed)\b"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let mut denied: Vec<usize> = Vec::new();
    for (at, statement) in document.statements.iter().enumerate() {
        match statement.place {
            Place::Row { .. } => {
                let Some((table, row)) = document.cells(statement) else { continue };
                let outcome = outcome_column(table).and_then(|c| row.cells.get(c));
                let access = SUBJECT.is_in(document.heading(table.heading))
                    || table.header.iter().any(|head| SUBJECT.is_in(&head.lower));
                if access && DENIED.is_in(&statement.lower) && outcome.is_some_and(|cell| passes(&cell.lower))
                {
                    denied.push(statement.line);
                }
            }
            Place::Item { .. } => {
                let access =
                    SUBJECT.is_in(&statement.lower) || SUBJECT.is_in(document.heading(statement.heading));
                let ticked = statement.lower.contains('✅') || statement.lower.contains('✔');
                if access && ticked && DENIED.is_in(&statement.lower) {
                    denied.push(statement.line);
                }
            }
            Place::Prose if CONCLUDED.is_in(&statement.lower) => {
                let before = document.statements[at.saturating_sub(20)..=at].iter().find(|s| {
                    s.block == statement.block
                        && s.line <= statement.line
                        && DENIED.is_in(&s.lower)
                        && SUBJECT.is_in(&s.lower) | s.lower.contains("tried")
                });
                if let Some(before) = before {
                    denied.extend([statement.line, before.line]);
                }
            }
            _ => {}
        }
    }
    let allowed = |s: &Statement| {
        // What the tests were about is no outcome.
        let text = NOT_ALLOWED
            .0
            .as_ref()
            .map_or_else(|| s.lower.clone().into(), |pattern| pattern.replace_all(&s.lower, ""));
        !matches!(s.place, Place::Heading(_))
            && ALLOWED.is_in(&text)
            && !text.contains("access control")
            && !text.contains("not tried")
            && !text.contains("wanted to know")
    };
    if denied.len() >= 2 && !document.statements.iter().any(allowed) {
        let message = "every check of access is a denial; that the same call, or another from the same place, is allowed is not shown";
        found.push(Finding::new(message, denied));
    }
}
