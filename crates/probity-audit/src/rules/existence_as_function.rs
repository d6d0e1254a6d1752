//! Existence given as proof of function.

use crate::assertions::{Assertions, labelled, without_marks};
use crate::document::{Place, Statement};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "existence-as-function",
    level: Level::Warning,
    title: "That something exists is given as proof that it works.",
    explanation: "An item or a sentence where the only ground for \"works\" or \"is operational\" is that a process runs, a port listens, a file lies \
        there or something is installed; and a list of nothing but place, version or process number whose state is \"operational\". What \
        would have to be shown: an answer to a request, or an effect.",
    example: "- Backup: process `bkpd` is running, therefore backups work ✅",
};

pattern!(
    EXISTS,
    r"\b(process(es)?( `[^`]*`| \w+)? (is |are )?(running|active|present|detected|exists?|confirmed|up)|(multiple |worker )?processes? (detected|confirmed|active)|ports? (`?\d+`? )?(of \w+ )?(is |are )?(open|listening)|file (is |are )?(present|exists?|there)|infrastructure (detected|exists))\b"
);
pattern!(WORKS, r"\b(works?|working|operational|functional|functioning|does its job)\b");
pattern!(ASSERTED, r"^\W*✅ [a-z ]*\b(works?|working|operational|functional)\W*$");
pattern!(TICKED, r"✅ \W*(operational|working|functional)\W*$");
pattern!(SO, r"\b(therefore|thus|hence|so|confirms?|proves?|consequently|because|since|and is)\b|✅| - ");
pattern!(
    SEEN,
    r"\b(answer\w*|arrived|repl\w+|request\w*|restored|returned|received|delivered|read back|response\w*|quer\w+|log(ged)? in|measured|not|no|nothing|never|cannot|whether|unknown|only|if|until|tests?|tested|passed|would|should|will|may|when|user|attacker|function|contract|vault)\b"
);
pattern!(STATE, r"^(status|state)$");
pattern!(FUNCTIONAL, r"^\W*((available|running|active|installed|present|up) and )?(fully )?(functional|operational|working)\W*$");
pattern!(WHERE, r"^(location|path|process id|pid|port|version|binary|file|installed|executable|process)$");

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let mut lines = Vec::new();
    let text = |s: &&Statement| matches!(s.place, Place::Prose | Place::Item { .. });
    for statement in all.document.statements.iter().filter(text) {
        let lower = statement.lower.as_str();
        if lower.len() < 160 && WORKS.is_in(lower) && EXISTS.is_in(lower) && SO.is_in(lower) && !SEEN.is_in(lower) {
            lines.push(statement.line);
        }
    }
    for statement in &all.document.statements {
        let Some((_, row)) = all.document.cells(statement).filter(|_| statement.lower.contains('✅')) else { continue };
        let ground = row.cells.iter().any(|cell| EXISTS.is_in(&cell.lower));
        let works = row.cells.iter().skip(1).any(|cell| ASSERTED.is_in(&cell.lower) && !EXISTS.is_in(&cell.lower));
        if ground && works && !SEEN.is_in(&statement.lower) {
            lines.push(statement.line);
        }
    }
    for (at, statement) in all.document.statements.iter().enumerate() {
        let Place::Item { depth, .. } = statement.place else { continue };
        let below = all.document.statements.iter().skip(at + 1).take(30).take_while(|s| {
            s.block == statement.block && matches!(s.place, Place::Item { depth: deeper, .. } if deeper > depth)
        });
        if TICKED.is_in(&statement.lower) && below.clone().count() > 0 && below.clone().all(|s| EXISTS.is_in(&s.lower) && !SEEN.is_in(&s.lower)) {
            lines.push(statement.line);
        }
    }
    let blocks = all.document.statements.chunk_by(|one, other| one.block == other.block);
    for block in blocks {
        let items: Vec<(&str, &str, usize)> = block
            .iter()
            .filter(|s| matches!(s.place, Place::Item { .. }))
            .filter_map(|s| {
                let text = without_marks(&s.lower);
                labelled(text).map(|(label, value)| (label, text.get(value..).unwrap_or(""), s.line))
            })
            .collect();
        let state = items.iter().find(|(label, value, _)| STATE.is_in(label) && FUNCTIONAL.is_in(value));
        let rest = || items.iter().filter(|(label, ..)| !STATE.is_in(label));
        if let Some((_, _, line)) = state
            && items.len() == block.len()
            && rest().count() > 0
            && rest().all(|(label, ..)| WHERE.is_in(label))
        {
            lines.push(*line);
        }
    }
    lines.sort_unstable();
    if !lines.is_empty() {
        found.push(Finding::new("the ground given for working is that something exists or runs", lines));
    }
}
