//! Existence given as function.

use std::collections::{HashMap, HashSet};

use crate::document::{Document, Place};
use crate::finding::{Finding, Rule, Severity};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "existence-as-function",
    severity: Severity::Warning,
    title: "That something exists is given as proof that it works.",
    explanation: "A row, an item, or a sentence and the next, where the only ground for \"works\" or \"is operational\" is that a \
        process runs, a port is open or listens, a file lies there, or something is installed. What would have to be shown: an answer \
        to a request, or an effect.",
    example: "- Backup: process `bkpd` is running, therefore backups work ✅",
};

pattern!(
    EXISTS,
    r"\b(process(es)?( `[^`]*`| \w+)? (is |are )?(running|active|present|detected|exists?|confirmed|up)|process(es)? (detected|confirmed|active)|(worker|daemon|container|service|pod|unit|job)s?( process(es)?)?( `[^`]*`)? (is |are )?(running|active|listed|present|installed|enabled|exists?|detected|up|loaded)|ports? (`?\d+`? )?(of \w+ )?(is |are )?(open|listening)|listens on port|file (is |are )?(present|exists?|there)|(is|are) installed|infrastructure (detected|exists)|components (are )?(installed|present)|lies in `[^`]*`|is executable|can be found in|entry exists|process list|crontab contains|is listed)\b"
);
pattern!(
    WORKS,
    r"\b(works?|working|operational|functional|functions|functioning|is effective|are sent|does its job|operates)\b"
);
pattern!(
    SO,
    r"\b(therefore|thus|hence|so|confirms?|proves?|this (shows|confirms|means|proves)|which (shows|confirms|proves|means)|consequently|demonstrates?|because|since|as|evidenced|✅)\b|✅|✔| - |\("
);
pattern!(
    SEEN,
    r"\b(answer(s|ed)?|arrived|replied|repl(y|ies)|request|restored|returned|opened|received|delivered|found|searched|read back|wrote|written|response|loaded|query|quer(y|ied)|log(ged)? in|measured|not|no|nothing|never|cannot|whether|unknown|only|does not|alone|if|until|says|tested|test|showed|sent|came|compared)\b"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let mut told = HashSet::new();
    let mut seen_items = items(document);
    let mut tell = |lines: &[usize], found: &mut Vec<Finding>| {
        if lines.iter().any(|line| told.contains(line)) {
            return;
        }
        told.extend(lines.iter().copied());
        found.push(Finding::new(
            "the ground given for working is that something exists or runs",
            lines.iter().copied(),
        ));
    };
    for (at, statement) in document.statements.iter().enumerate() {
        if matches!(statement.place, Place::Heading(_)) {
            continue;
        }
        let lower = statement.lower.as_str();
        if let Some((_, row)) = document.cells(statement) {
            let exists = row.cells.iter().any(|cell| EXISTS.is_in(&cell.lower));
            let works =
                row.cells.iter().skip(1).any(|cell| WORKS.is_in(&cell.lower) && !EXISTS.is_in(&cell.lower));
            if exists && works && !SEEN.is_in(lower) {
                tell(&[statement.line], found);
            }
            continue;
        }
        if let Some(lines) = seen_items.remove(&at) {
            tell(&lines, found);
        } else if WORKS.is_in(lower) && EXISTS.is_in(lower) && SO.is_in(lower) && !SEEN.is_in(lower) {
            tell(&[statement.line], found);
        } else if WORKS.is_in(lower)
            && SO.is_in(lower)
            && (lower.starts_with("this ")
                || lower.starts_with("that ")
                || lower.starts_with("therefore")
                || lower.starts_with("hence")
                || lower.starts_with("so ")
                || lower.starts_with("thus"))
            && !SEEN.is_in(lower)
        {
            let before = at.checked_sub(1).and_then(|at| document.statements.get(at));
            if let Some(before) = before
                .filter(|s| s.block == statement.block && EXISTS.is_in(&s.lower) && !SEEN.is_in(&s.lower))
            {
                tell(&[statement.line, before.line], found);
            }
        }
    }
}

pattern!(
    FUNCTION,
    r"✅ \W*(operational|working|functional)\W*$|: \W*(operational|working|functional|works)\W*$"
);

/// Items that are called operational, with sub-items that all say that something exists; by the statement's number.
fn items(document: &Document) -> HashMap<usize, Vec<usize>> {
    let mut out = HashMap::new();
    for (at, statement) in document.statements.iter().enumerate() {
        let Place::Item { depth, .. } = statement.place else { continue };
        if !FUNCTION.is_in(&statement.lower) {
            continue;
        }
        let below = document.statements[at + 1..].iter().take(100).take_while(|s| {
            s.block == statement.block
                && matches!(s.place, Place::Item { depth: deeper, .. } if deeper > depth)
        });
        let below: Vec<_> = below.collect();
        if !below.is_empty() && below.iter().all(|s| EXISTS.is_in(&s.lower) && !SEEN.is_in(&s.lower)) {
            out.insert(at, [statement.line].into_iter().chain(below.iter().map(|s| s.line)).collect());
        }
    }
    out
}
