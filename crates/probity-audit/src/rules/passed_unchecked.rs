//! A pass for what was not checked, is pending or is switched off.

use std::collections::HashMap;

use crate::assertions::{labelled, without_marks, Assertion, Assertions, Form, Modality, Outcome, Said};
use crate::document::{Place, Statement};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::rules::{EXPLAINED, contradiction, failures, words_of};
use crate::words::{TICKS, pattern};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "passed-unchecked",
    level: Level::Warning,
    title: "Something passes that elsewhere was not checked, is pending or is switched off.",
    explanation: "A subject that passes (a tick, PASS, \"is validated\") in one place, and of which another says that it was not tested, is \
        not running, pending or a next step; a cell that is ticked, \
        or an item that is said in words to pass, and takes it back itself; a heading that says that all below it passed or is complete, over a row or an item that failed or is pending, or a box that is not ticked beside ticked ones. What was missing before it was mended is not meant.",
    example: "| Aspect | Status |\n|---|---|\n| Concurrent access | ✅ PASS |\n\n## Risks\n\nConcurrent access was not tested.",
};

// Things that nobody wants off.
pattern!(
    WANTED,
    r"\b(encryption|backups?|monitoring|tls|https|authentication|firewall|replication|alerting|alerts|failover|health checks?|certificate validation|two-factor|mfa|audit log(ging)?)\b"
);
pattern!(
    OFF,
    r"^\W*(is |are |currently |still )*(disabled|switched off|turned off|not (enabled|configured|implemented|installed|set up))\b"
);
pattern!(PHASES, r"^\W*(phase|week|wave|day|sprint|stage|step|part|tier|milestone)s? \d+\W*$");
pattern!(WORDED, r"\b(pass(ed|es)?|ok|verified|tested|validated|works|working|operational|functional|complete[d]?|done)\b");
pattern!(DENIES, r"\bnot (yet )?(been )?(tested|checked|run|running|executed|verified|measured|performed|validated|implemented|started|working|operational|enabled|configured)\b|\b(untested|unverified)\b|\bno [a-z ]+ (performed|done|conducted|carried out|executed)\b|\b(pending|failed|fail|not done|in progress)\W*$");
pattern!(
    OWN,
    r"\((currently |still |temporarily )?(not (yet )?(tested|verified|validated|implemented|run)|untested|temporarily disabled)[,)]|[-:] (not (yet )?(tested|verified|checked))\W*$"
);
pattern!(COVERAGE, r"\b0(\.0+)? ?% coverage\W+((partially|fully|well) )?tested\b");

pattern!(EXAMINATION, r"\b(tests?|testing|audit|validation|verification|scan|review)\W*$");
pattern!(UNKNOWN, r"\b(ready|recommended|planned|pending|count|unknown|intentional\w*|by design|optional)\b");
pattern!(DISABLED, r"\bdisabled\)");
pattern!(TOLD, r"\b(passed|pass) ?(-|\(|:)");

/// Bytes of an item or a row that is about one thing.
const MAX_OWN: usize = 160;

/// Places at which one thing is said not to be checked; more say nothing more.
const MAX_PLACES: usize = 50;

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let mut open: HashMap<&str, Vec<&Assertion>> = HashMap::new();
    for one in &all.all {
        let current = matches!(one.modality, Modality::Done | Modality::Planned);
        let denied = match one.said {
            // A next step of the name of a feature may extend it; an examination that is to come was not made.
            Said::Outcome(Outcome::NotDone) => one.subject.specific() > 0 && (one.modality == Modality::Done || EXAMINATION.is_in(&one.name)),
            // Another run of a test may fail.
            Said::Outcome(Outcome::Failed) => one.subject.specific() > 1,
            _ => false,
        };
        if denied && current {
            let others = open.entry(one.subject.key()).or_default();
            if others.len() < MAX_PLACES {
                others.push(one);
            }
        }
    }
    let passes = |one: &&Assertion| one.said == Said::Outcome(Outcome::Passed) && one.modality == Modality::Done;
    for claim in all.all.iter().filter(passes) {
        let others = open.get(claim.subject.key()).map_or(&[][..], Vec::as_slice);
        let long = |other: &Assertion| claim.subject.words().nth(1).is_some() || other.form == Form::Phrase || claim.form == other.form;
        let denies = |other: &&&Assertion| other.at != claim.at && is_told(all, claim, other) && all.comparable(claim, other) && long(other);
        if let Some(other) = others.iter().find(denies) {
            found.push(contradiction(all, claim, other));
        }
    }
    own(all, found);
    headings(all, found);
}

/// Whether both sides are told in words, of one thing each: a box is a wish until it is ticked, and rows of one name are many.
fn is_told(all: &Assertions<'_>, claim: &Assertion, other: &Assertion) -> bool {
    let is_box = |one: &Assertion| all.document.statements.get(one.at).is_some_and(|s| matches!(s.place, Place::Item { done: Some(_), .. }));
    let text = |one: &Assertion| all.document.statements.get(one.at).map_or("", |s| s.lower.as_str());
    let rows = claim.block == other.block && matches!(claim.form, Form::Cell(..));
    // A sign alone may adorn, and "90 %" is not all of it.
    let worded = other.form == Form::Phrase || WORDED.is_in(text(claim));
    let said = other.modality == Modality::Planned || DENIES.is_in(text(other));
    let part = all.document.statements.get(claim.at).is_some_and(|s| s.quantities.iter().any(|q| q.percent().is_some_and(|share| share < 100.0)));
    let denied = claim.block != other.block || text(other).contains("not ");
    // What is to be completed is not complete.
    let waits = text(claim).contains(['⏳', '🔄', '📋', '⚠', '❌']);
    !waits && !is_box(claim) && !is_box(other) && !rows && !all.is_plan() && denied && said && !part && worded && !PHASES.is_in(&claim.name)
}

pattern!(DONE, r"✅|✔|☑|\b(completed?|done|finished|passed|all (checks |tests )?pass\w*)\W*$");
pattern!(
    NOT_DONE,
    r"❌|⚠|⏳|🔄|\b(not|in progress|part(ial|iel|ziell?|cial|iell)\w*|parzial\w*|teilweise|almost|mostly|next|remaining|pending|todo|how|guide|steps|test plan|checklist|criteria|requirements|indicators|sign-?off|approval|must|should|will|if|when|goals?|targets?|ready|readiness|tasks?|\d+ ?%|\d+/\d+)\b|%|^\W*(final |overall )?(validation|verification|testing|status|summary|overview|deliverables|results?)\W*$"
);
// What is examined is complete whatever came out.
pattern!(
    EXAMINED,
    r"\b(verification|validation|audit|review|analysis|assessment|investigation|test(s|ing)?|inspection|check)\W+(is |are |now )?complete"
);
pattern!(OTHER, r"^\W*(phase|step|week|day|stage|sprint|milestone) \d");
pattern!(WHOLLY, r"^\W*completed |\b(completed?|fully [a-z]+|pass(ed|ing)|100 ?%)\W*$|\ball [a-z ]+ (passed|passing|completed?|done|working)\b");

/// A heading that is ticked, over a list or table of which something is and something is not.
fn headings(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let statements = &all.document.statements;
    let mut failed: HashMap<usize, &Assertion> = HashMap::new();
    for one in failures(all) {
        if let Some(section) = one.section {
            failed.entry(section).or_insert(one);
        }
    }
    for (at, heading) in statements.iter().enumerate() {
        if !matches!(heading.place, Place::Heading(2..)) {
            continue;
        }
        // Of any other share something is open.
        let told = heading.lower.replace("100%", "").replace("100 %", "");
        // A tick alone may adorn a list of whatever became of things.
        // "Phases completed" names a list.
        // "API & types complete" is of a part.
        let parts = heading.lower.contains(" & ") || heading.lower.contains(" and ");
        if parts || !heading.lower.contains(TICKS) || !DONE.is_in(&told) || NOT_DONE.is_in(&told) || !WHOLLY.is_in(&heading.lower) || heading.lower.contains('"') {
            continue;
        }
        let section = all.section(Some(at));
        // A tick may adorn each part of a checklist.
        if section.planned || section.was || section.wished || section.checklist {
            continue;
        }
        // What stands in brackets may explain it.
        let explained = |other: &Assertion| all.document.statements.get(other.at).is_some_and(|s| s.lower.contains('('));
        if let Some(open) = unticked(statements, at) {
            let message = format!("line {} says {}, line {} below it is not ticked: {}", heading.line, words_of(all, at), statements[open].line, words_of(all, open));
            found.push(Finding::new(message, [heading.line, statements[open].line]));
        } else if let Some(other) = failed.get(&at).filter(|other| !explained(other) && !EXAMINED.is_in(&heading.lower) && !OTHER.is_in(&other.name)) {
            let message = format!("line {} says {}, line {} below it says {}", heading.line, words_of(all, at), other.line, words_of(all, other.at));
            found.push(Finding::new(message, [heading.line, other.line]));
        }
    }
}

/// The first box that is not ticked in a list of ticked ones right in a section.
fn unticked(statements: &[Statement], heading: usize) -> Option<usize> {
    let inside = statements.iter().enumerate().skip(heading + 1).take_while(|(_, s)| s.heading == Some(heading));
    let boxes: Vec<(usize, &Statement, bool)> = inside
        .filter_map(|(at, s)| match s.place {
            Place::Item { depth: 1, done: Some(done) } => Some((at, s, done)),
            _ => None,
        })
        .collect();
    let beside = |open: &Statement| boxes.iter().any(|(_, s, done)| *done && s.block == open.block);
    let open = boxes.iter().find(|(_, s, done)| !done && beside(s) && !EXPLAINED.is_in(&s.lower));
    open.map(|(at, ..)| *at)
}

/// A tick that is taken back by the item itself, or by one that is switched off right below a ticked heading.
fn own(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    for (at, statement) in all.document.statements.iter().enumerate() {
        if !matches!(statement.place, Place::Item { .. } | Place::Row { .. }) {
            continue;
        }
        let text = without_marks(&statement.lower);
        let off = labelled(text)
            .is_some_and(|(label, value)| WANTED.is_in(label) && !label.contains('(') && OFF.is_in(text.get(value..).unwrap_or("")));
        // A long row tells of more than one thing.
        let coverage = COVERAGE.is_in(&statement.lower);
        if !((OWN.is_in(&statement.lower) || coverage) && statement.lower.len() <= MAX_OWN || off) {
            continue;
        }
        if statement.lower.contains(['⚠', '❌', '⏳']) || UNKNOWN.is_in(&statement.lower) {
            continue;
        }
        let ticked = |text: &str| (text.contains(TICKS) || TOLD.is_in(text)) && !text.contains(['❌', '⚠']);
        // A tick alone, before an item, says that something is there; that it passed is told in words, or by a column.
        let told = OWN.find(&statement.lower).and_then(|denied| statement.lower.get(..denied.start())).unwrap_or("");
        let passes = ticked(&statement.lower) && (off || matches!(statement.place, Place::Row { .. }) || WORDED.is_in(told));
        let heading = all.document.heading(statement.heading);
        // What a ticked heading lists may be there and be switched off.
        let below = !ticked(&statement.lower) && ticked(heading) && DISABLED.is_in(&statement.lower);
        if passes || coverage || below {
            let over = statement.heading.filter(|_| below && !coverage);
            let line = over.and_then(|over| all.document.statements.get(over)).map_or(statement.line, |over| over.line);
            let message = format!("marked as passed, and {} says that it was not", words_of(all, at));
            found.push(Finding::new(message, [line, statement.line]));
        }
    }
}
