//! One person who writes, tests and approves.

use crate::document::{Document, Place};
use crate::finding::{Finding, Rule, Severity};
use crate::rules::labelled;
use crate::words::{Words, pattern};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "self-approval",
    severity: Severity::Warning,
    title: "Author, tester and approver are the same.",
    explanation: "The same name as author (or tester) and as approver, in labelled lines, in a table of roles or in sentences. Other \
        people with the same family name, and an author who only tests, are fine. What would have to be shown: that somebody \
        else looked.",
    example: "- Written by: T. Wilk\n- Tested by: T. Wilk\n- Approved by: T. Wilk",
};

pattern!(
    MADE,
    r"\b(author|written|wrote|prepared|created|developer|implemented|requested and written|compiled|drafted)\b"
);
pattern!(
    TESTED,
    r"\b(tester|tested|executed|test engineer|validated|verified|carried out|performed|checked)\b"
);
pattern!(APPROVED, r"\b(approver|approved|approval|released|signed off|sign-off|authori[sz]ed|accepted)\b");
pattern!(BY, r"\bby ((?:(?:dr|prof|mr|ms|mrs|ing)\.? )?[A-Z]\S*(?: [A-Z][\p{L}'.-]*){0,3})");

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let mut roles: [Vec<(String, usize)>; 3] = Default::default();
    let patterns: [&Words; 3] = [&MADE, &TESTED, &APPROVED];
    let mut note = |label: &str, name: &str, line: usize| {
        let name: String = name.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect();
        let name = name.trim().to_lowercase();
        let group = [
            "team",
            "department",
            "committee",
            "board",
            "group",
            "everyone",
            "all",
            "pending",
            "open",
            "tbd",
            "n a",
            "",
        ];
        if name.len() > 40 || group.iter().any(|word| name == *word || name.ends_with(&format!(" {word}"))) {
            return;
        }
        for (role, pattern) in roles.iter_mut().zip(patterns) {
            if pattern.is_in(label) {
                role.push((name.clone(), line));
            }
        }
    };
    for statement in &document.statements {
        if let Some((table, row)) = document.cells(statement) {
            let name = table.column(|head| matches!(head, "name" | "person" | "who" | "by" | "signed by"));
            if let (Some(name), Some(label)) = (name, row.cells.first()) {
                note(label.words(), &row.cells[name].text, statement.line);
                continue;
            }
        }
        if let Some((label, value)) =
            labelled(document, statement).filter(|(label, _)| label.split(' ').count() <= 5)
        {
            let name = value.split([',', ';', '(']).next().unwrap_or("");
            note(label, name, statement.line);
        } else if let (Place::Prose | Place::Item { .. }, Some(pattern)) = (statement.place, BY.0.as_ref()) {
            let mut from = 0;
            for parts in pattern.captures_iter(&statement.text) {
                let (Some(whole), Some(name)) = (parts.get(0), parts.get(1)) else { continue };
                let label = statement.text[from..whole.start()].to_lowercase();
                from = whole.end();
                note(&label, name.as_str(), statement.line);
            }
        }
    }
    let [made, tested, approved] = &roles;
    // One more approver of another name is enough.
    let Some((name, line)) =
        approved.first().filter(|(name, _)| approved.iter().all(|(other, _)| other == name))
    else {
        return;
    };
    let same = |role: &[(String, usize)]| role.iter().find(|(other, _)| other == name).map(|(_, line)| *line);
    if let (Some(author), Some(tester)) = (same(made), same(tested)) {
        found.push(Finding::new("one person wrote, tested and approved this", [*line, author, tester]));
    }
}
