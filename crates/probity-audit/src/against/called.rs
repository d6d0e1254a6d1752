//! What the words around a number call it: something seen, demanded, a bound, which count of trials.
//!
//! Must not know: what a bundle shows.

use super::said::NOT_SAID;
use crate::document::{Document, Statement};
use crate::quantity::{Kind, Quantity};
use crate::words::{pattern, tail};

/// What a number is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Something seen.
    Found,
    /// A bound, of what was found or of what is demanded: "at least 0.95".
    Bound,
    /// What was demanded.
    Demanded,
    /// The confidence of a bound, the probability of an error.
    Confidence,
    /// The number of an entry of the log.
    Reference,
}

/// Which of a claim's counts of trials a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Planned,
    Successes,
    Failures,
    Blocked,
}

/// The cell of a table in which a number stands: the words of its header, and whether the cell is nothing but the number.
pub(super) struct InCell<'d> {
    pub(super) head: &'d str,
    pub(super) alone: bool,
}

/// The cell of a table that holds a number of a row.
pub(super) fn place<'d>(document: &'d Document, statement: &Statement, q: &Quantity) -> Option<InCell<'d>> {
    let (table, row) = document.cells(statement)?;
    let mut start = 0;
    for (column, cell) in row.cells.iter().enumerate() {
        let end = start + cell.lower.len();
        if (start..end).contains(&q.start) {
            let head = table.header.get(column).map_or("", |head| head.words());
            return Some(InCell { head, alone: cell.number().is_some() });
        }
        start = end + " | ".len();
    }
    None
}

pattern!(
    DEMANDED,
    r"\b(target|goal|objective|required?|requirement|requires|threshold|demand(s|ed)?|criterion|sla|slo|promised|agreed|asked|asks|wanted|expected|limit|planned|needs?)\b[^.;|,]{0,25}$"
);
pattern!(
    DEMANDS,
    r"^(target|goal|objective|required|requirement|threshold|demanded|criterion|slo|sla|expected|limit|minimum|maximum|wanted)\b"
);
pattern!(LOWER, r"\blower\b[^.;|,0-9]{0,25}$");
pattern!(UPPER, r"\bupper\b[^.;|,0-9]{0,25}$");
pattern!(RANGE, r"^\W*(to|and)?\W*$");
// The words of a size that would settle a claim, before and after it.
pattern!(
    WOULD,
    r"\b(would|needs?|further|additional|settles?|(is|are) needed)\b|\bplan( to| for| on| about| at least| another)*\W*$"
);
pattern!(
    SETTLES,
    r"\b(would|needs?|further|additional|settles?|enough|suffices?|sufficient|(is|are) needed)\b|^ ?more\b"
);
pattern!(REACHED, r"\b(succeeded|achieved|measured|reached|passed|observed|met|available|reliable|worked)\b");
pattern!(CONFIDENCE, r"\b(confidence|confident|each at|probability|error bound)\b");
// "(each at 95 %)"; "the probability of an acceptance although a claim is false is at most 5%".
pattern!(EACH_AT, r"\beach at\W*$");
pattern!(OF_AN_ERROR, r"\bprobability\b[^.,;:|0-9]*$");
pattern!(EVERY, r"\bevery\W*$");
// How often it was looked is no period of what was looked at.
pattern!(
    LOOKED,
    r"\b(look\w*|watch\w*|sampl\w*|poll\w*|prob(e|es|ed|ing)|observ\w*|check\w*|measur\w*|read|queried)\b[^.;|]*\bevery\W*$"
);
pattern!(
    HAPPENED,
    r"\b(ran|started|happened|changed|fired|began|executed|took place|occurred|was (run|started))\b[^.;|]*$"
);
pattern!(ENTRIES, r"\b(entry|entries)\W{0,3}((\d+ to \d+|\d+)(, | and )?)*$");
pattern!(
    MEASURED,
    r"\b(succeed\w*|success\w*|achiev\w*|measur\w*|reach\w*|pass\w*|observed|actual\w*|result\w*|share|rate|counted|found|held|met|got|availab\w*|reliab\w*|took|came)\b"
);

/// What a number of a statement is said to be.
pub(super) fn role(lower: &str, q: &Quantity, cell: Option<&InCell<'_>>) -> Role {
    let (before, after) = beside(lower, q);
    if cell.is_some_and(|cell| cell.head.starts_with("entr")) || of_entries(before) {
        Role::Reference
    } else if EACH_AT.is_in(before)
        || (matches!(q.kind, Kind::Percent | Kind::Seconds(_))
            && (CONFIDENCE.is_in(after) || CONFIDENCE.is_in(before) || of_an_error(lower, q)))
    {
        Role::Confidence
    } else if DEMANDED.is_in(before)
        || cell.is_some_and(|cell| DEMANDS.is_in(cell.head))
        || after.starts_with(" target")
    {
        Role::Demanded
    } else if q.bound.is_some() {
        Role::Bound
    } else {
        Role::Found
    }
}

/// Whether a number names an entry: "entries 3 and 7"; not the second one of "77 entries, 72 observations".
fn of_entries(before: &str) -> bool {
    let counted = |at: usize| before[..at].trim_end().ends_with(|c: char| c.is_ascii_digit());
    ENTRIES.find(before).is_some_and(|found| !counted(found.start()))
}

/// Whether a number is the probability of an error.
pub(super) fn of_an_error(lower: &str, q: &Quantity) -> bool {
    q.kind == Kind::Percent && OF_AN_ERROR.is_in(&lower[..q.start])
}

/// `1m` as a plan and its report write a minute; in other texts the letter may stand for metres or millions.
pub(super) fn minutes(q: &Quantity, lower: &str) -> Option<Quantity> {
    let glued = q.kind == Kind::Plain && q.unit == "m" && lower[q.end..].starts_with('m');
    glued.then(|| Quantity { end: q.end + 1, kind: Kind::Seconds(60.0 * q.value), ..q.clone() })
}

/// Whether the words around a number say that it was measured.
pub(super) fn measured(lower: &str, q: &Quantity) -> bool {
    let (before, after) = beside(lower, q);
    MEASURED.is_in(before) || MEASURED.is_in(after)
}

/// The words right before and right after a number. A cell of a row is read for itself.
fn beside<'l>(lower: &'l str, q: &Quantity) -> (&'l str, &'l str) {
    let before = tail(&lower[..q.start]).rsplit('|').next().unwrap_or("");
    (before, clip(&lower[q.end..]).split('|').next().unwrap_or(""))
}

/// Whether the words around a bound say that it was reached: "succeeded in at least 95 %".
pub(super) fn says_reached(lower: &str, q: &Quantity) -> bool {
    let ends = ['.', ',', ';', ':', '|', '('];
    let before = lower[..q.start].rsplit(ends).next().unwrap_or("");
    let after = lower[q.end..].split(ends).next().unwrap_or("");
    (REACHED.is_in(before) || REACHED.is_in(after)) && !NOT_SAID.is_in(lower)
}

/// The words right after something.
pub(super) fn clip(text: &str) -> &str {
    let mut to = text.len().min(30);
    while !text.is_char_boundary(to) {
        to += 1;
    }
    &text[..to]
}

pattern!(
    TRIALS,
    r"^(trial|attempt|sample|success|successe|succeeded|failure|failed|observation|look|passed|run|time|slot|start|request|call|blocked)$"
);

/// Which count a number is called, by the header of its column.
pub(super) fn counted(cell: Option<&InCell<'_>>) -> Option<Count> {
    let cell = cell.filter(|cell| cell.alone)?;
    Some(match cell.head {
        "attempts" | "samples" | "n" | "trials" | "planned" | "total" | "runs" | "observations"
        | "sample" | "count" => Count::Planned,
        "successes" | "successful" | "succeeded" | "passed" | "ok" | "good" | "pass" => Count::Successes,
        "failures" | "failed" | "fail" | "errors" | "bad" => Count::Failures,
        "blocked" | "not seen" | "unknown" | "undecided" => Count::Blocked,
        _ => return None,
    })
}

/// Which count a number is called, by its column or the words beside it.
pub(super) fn wanted_count(q: &Quantity, cell: Option<&InCell<'_>>, lower: &str) -> Option<Count> {
    if q.kind != Kind::Plain {
        return None;
    }
    if let Some(count) = counted(cell) {
        return Some(count);
    }
    let after = lower[q.end..].split(['.', ',', ';', '|', ':']).next().unwrap_or("");
    let word = after.split_whitespace().take(2).find_map(|word| match word {
        "succeeded" | "successes" | "passed" => Some(Count::Successes),
        "failed" | "failures" => Some(Count::Failures),
        "blocked" => Some(Count::Blocked),
        "planned" => Some(Count::Planned),
        _ => None,
    });
    word.or(match q.unit.as_str() {
        "succeeded" | "successes" | "passed" => Some(Count::Successes),
        "failed" | "failures" => Some(Count::Failures),
        "blocked" => Some(Count::Blocked),
        "planned" => Some(Count::Planned),
        _ => None,
    })
}

/// Whether the words of its clause call a number a size that would settle something.
pub(super) fn would_settle(lower: &str, q: &Quantity) -> bool {
    let ends = ['.', ',', ';', '|', '('];
    let before = lower[..q.start].rsplit(ends).next().unwrap_or("");
    let after = lower[q.end..].split(ends).next().unwrap_or("");
    WOULD.is_in(before) || SETTLES.is_in(after)
}
