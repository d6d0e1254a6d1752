//! A pass for what was not checked, is disabled or is missing.

use std::collections::HashMap;

use crate::document::{Document, Place, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::rules::outcome_column;
use crate::words::{FAIL, passes, pattern};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "passed-unchecked",
    severity: Severity::Error,
    title: "Something passes that was not checked, is disabled or is missing.",
    explanation: "A row whose outcome is a pass while another cell says that the thing is disabled, missing or was not tested; \
        an item that passes and says so itself; a subject of which a sentence says that it was not tested and another that it passed. \
        \"Disabled accounts are refused\" passes rightly.",
    example: "| Control | State | Result |\n|---|---|---|\n| Disk encryption | disabled | ✅ PASS |",
};

pattern!(
    UNCHECKED_CELL,
    r"^\W*((is |was |were |currently |still )?(not (yet )?(tested|checked|run|executed|verified|measured|performed|enabled|active|installed|implemented|available|configured|possible|looked at|done|carried out|reachable)|disabled|missing|skipped|untested|unverified|absent|n/?a\b.*not|off\b|could not be \w+|turned off|switched off))\b"
);
pattern!(
    UNCHECKED,
    r"\b(not (yet )?(tested|checked|run|executed|verified|measured|performed|looked at|carried out)|untested|unchecked|unverified|(was|were|test) skipped|could not be (tested|checked|verified|measured|run)|skipped)\b"
);
pattern!(
    RIGHTLY,
    r"\b(as (required|demanded|intended|specified|planned|expected|wanted|policy)|by design|by policy|must be|should be|required|expected|on purpose|intentionally|shall be|hardening|disallowed|forbidden|none missing|refused|rejected|denied|not applicable|no longer|since then|later|meanwhile|retested|repeated|not \w+ (in|during) the (first|last))\b"
);
pattern!(
    WANTED_OFF,
    r"\b(telnet|ftp|guest|anonymous|root|debug|default|legacy|password login|old|unused|smbv1|tls 1\.[01]|sslv?\d?|usb|autorun|test accounts?|demo|swap|directory listing|telemetry|bluetooth|wifi|weak|unsigned|macro|remote|x-powered-by|deprecated|insecure|ssh|plain|http\b|upnp|wps|rsh|snmp|ipv6|core dumps?|sample|unneeded)"
);
pattern!(
    NOT_TESTED,
    r"\b(?:was|were|is|are|has|have) (?:therefore |again )?not (?:yet )?(?:been )?(?:tested|checked|run|verified|measured|executed|carried out)\b"
);

// A pass whose own brackets take it back: "PASS (not tested)".
pattern!(
    PASS_TAKEN_BACK,
    r"^\W*(pass(ed)?|ok|met|achieved|success) *[(,;-] *(was |still )?(not (yet )?(tested|checked|run|executed|verified|measured|performed)|untested|unchecked|unverified|skipped)\W*$"
);
// Things that nobody wants off, ticked beside the word that they are.
pattern!(
    TICKED_OFF,
    r"^\W*[✅✔☑]\W*((automatic|nightly|daily|regular|disk|transport|data) )?(backups?|monitoring|encryption|tls|https|authentication|firewall|replication|alerting|alerts|failover|health checks?|certificate (validation|verification)|two-factor authentication|mfa|audit log(ging)?)\W*[:-] *(is |are |currently |still )*(disabled|not (yet )?(enabled|configured|implemented|installed|set up|tested|checked)|missing|switched off|turned off)\W*$"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for table in &document.tables {
        let Some(outcome) = outcome_column(table).or_else(|| table.header.len().checked_sub(1)) else {
            continue;
        };
        for row in &table.rows {
            let Some(result) = row.cells.get(outcome) else { continue };
            if PASS_TAKEN_BACK.is_in(&result.lower) {
                let message = "marked as passed, and said not to have been checked";
                found.push(Finding::new(message, [row.line]));
                continue;
            }
            if !passes(&result.lower) {
                continue;
            }
            let subject = row.cells.first().map_or("", |cell| cell.lower.as_str());
            let wanted = table.header.iter().any(|head| {
                ["expected", "required", "target", "wanted", "should"]
                    .iter()
                    .any(|word| head.lower.contains(word))
            });
            let own = UNCHECKED.is_in(&result.lower);
            let other = row.cells.iter().enumerate().any(|(c, cell)| {
                c != outcome
                    && c != 0
                    && UNCHECKED_CELL.is_in(&cell.lower)
                    && !RIGHTLY.is_in(&cell.lower)
                    && (UNCHECKED.is_in(&cell.lower) || !WANTED_OFF.is_in(subject))
            });
            if own || (other && !wanted && !RIGHTLY.is_in(subject)) {
                found.push(Finding::new(
                    "marked as passed, while the same row says it was not checked, is disabled or missing",
                    [row.line],
                ));
            }
        }
    }
    for statement in &document.statements {
        if let Place::Item { .. } | Place::Prose = statement.place {
            let ticked = statement.lower.contains('✅')
                || statement.lower.contains('✔')
                || statement.lower.contains(": pass");
            let own = statement
                .lower
                .rfind(['✅', '✔'])
                .or_else(|| statement.lower.rfind("pass"))
                .and_then(|at| statement.lower.get(at..));
            let off = TICKED_OFF.is_in(&statement.lower);
            if ticked
                && own.is_some_and(|rest| {
                    off || UNCHECKED.is_in(rest) || (rest.len() < 60 && rest.contains("(disabled"))
                })
                && !FAIL.is_in(&statement.lower)
                && !RIGHTLY.is_in(&statement.lower)
            {
                found.push(Finding::new(
                    "marked as passed, and said not to have been checked",
                    [statement.line],
                ));
            }
        }
    }
    subjects(document, found);
}

pattern!(SUBJECT, r"^(?:the )?([a-z][a-z -]+?)(?: of the [a-z ]+)? (?:was|were|has|have) not");
pattern!(PASSED, r"^\W*([a-z][a-z -]+?)(?::| is| has| have) *\W*(?:passed|pass|ok|✅)");

/// "The emergency power was not tested. Emergency power: passed."
fn subjects(document: &Document, found: &mut Vec<Finding>) {
    let prose = |s: &&Statement| matches!(s.place, Place::Prose | Place::Item { .. });
    let passed: HashMap<&str, usize> = document
        .statements
        .iter()
        .filter(prose)
        .filter_map(|s| {
            let parts = PASSED.captures(&s.lower)?;
            Some((parts.get(1)?.as_str(), s.line))
        })
        .collect();
    if passed.is_empty() {
        return;
    }
    for statement in document.statements.iter().filter(prose).filter(|s| NOT_TESTED.is_in(&s.lower)) {
        let Some(subject) = SUBJECT.captures(&statement.lower).and_then(|parts| parts.get(1)) else {
            continue;
        };
        // "emergency power supply" is passed as "emergency power".
        let subject = subject.as_str();
        let ends = subject.match_indices(' ').map(|(at, _)| at).chain([subject.len()]).take(8);
        let mut names = ends.filter(|end| *end > 4).filter_map(|end| passed.get(subject.get(..end)?));
        if let Some(line) = names.next() {
            found.push(Finding::new("passed, and said not to have been tested", [*line, statement.line]));
        }
    }
}
