//! An announced number of things against headings and items that are numbered, or names that are listed, one by one.

use crate::assertions::{Assertions, MAX_SENTENCE, singular, without_marks};
use crate::document::{Place, Statement};
use crate::finding::Finding;
use crate::rules::count_not_list::{MAX_APART, MAX_TOLD};
use crate::words::pattern;

// "Sections fixed (10 total)", "Model specs (8 files)", "Collections (6)".
pattern!(HEADED, r"\((\d+)(?: (?:new |total )?([a-z]+))?\)[^a-z0-9]*$");
// "Four audit scripts were created:", "All 4 core modules implemented:", "14 client functions:".
pattern!(
    LINE,
    r"^(?:(?:all|the|these|following|created|added) )*(two|three|four|five|six|seven|eight|nine|ten|\d+) (?:[a-z-]+ ){0,3}?([a-z]+s)(?: (?:(?:were|are|have been) )?(?:created|implemented|added|written|delivered|built|found|identified|discovered|generated|available|provided)(?: and [a-z ]+)?)?[:*]*:[:*]*$"
);
pattern!(
    THINGS,
    r"^(categories|files|fixes|issues|bugs|problems|features|components|modules|services|pages|sections|steps|layers|scripts|documents|guides|collections|functions|improvements|changes|tasks|findings|vulnerabilities|recommendations|blockers|gaps|scenarios|tools|commands|endpoints|reasons|options|methods|templates|workflows|packages|hooks|agents|deliverables|total)$"
);
pattern!(
    NUMBER,
    r"^[^a-z0-9]*(?:(?:step|issue|bug|fix|finding|problem|feature|task|gap|option|reason) ?)?#?(\d+)(?:[.:)]|[^a-z0-9]* - )[^0-9]"
);
// One of them is several, or stands for what is not named.
pattern!(
    SEVERAL,
    r" / | & | and |, | \+ |\b(others?|remaining|additional|more|misc\w*|optional|bonus|total|summary|next)\b|\.\.\.|…"
);
pattern!(
    SOME,
    r"\b(top|key|main|first|last|selected|examples?|including|such as|of|remaining|at least|over|up to|more than|about)\b|\d\+|~|≈"
);

/// A number that is announced, and its noun.
struct Announced<'d> {
    told: usize,
    noun: &'d str,
}

/// Finds.
pub(super) fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let statements = &all.document.statements;
    for (at, statement) in statements.iter().enumerate().filter(|(_, s)| s.lower.len() <= MAX_SENTENCE) {
        let listed = match statement.place {
            Place::Heading(_) => headed(&statement.lower)
                .and_then(|announced| Some((announced.told, headings(statements, at, &announced)?))),
            Place::Prose => announced(&LINE, without_marks(&statement.lower).trim_end())
                .and_then(|announced| Some((announced.told, items(all, at, &announced)?))),
            _ => None,
        };
        let Some((told, listed)) = listed.filter(|(told, _)| (2..=MAX_TOLD).contains(told)) else { continue };
        let lines: Vec<usize> = listed.iter().filter_map(|at| statements.get(*at)).map(|s| s.line).collect();
        if lines.len() != told && lines.len().abs_diff(told) <= MAX_APART && lines.len() >= 2 {
            let message = format!("{told} are announced, and {} are listed", lines.len());
            found.push(Finding::new(message, [statement.line].into_iter().chain(lines)));
        }
    }
}

fn headed(lower: &str) -> Option<Announced<'_>> {
    announced(&HEADED, lower)
}

/// What a text announces, if it is of things that are counted one by one, and of all of them.
fn announced<'d>(form: &crate::words::Words, lower: &'d str) -> Option<Announced<'d>> {
    let parts = form.captures(lower).filter(|_| !SOME.is_in(lower))?;
    let number = parts.get(1)?.as_str();
    let noun = parts.get(2).map_or("", |noun| noun.as_str());
    let told =
        WORDS.iter().position(|word| *word == number).map(|at| at + 2).or_else(|| number.parse().ok())?;
    (noun.is_empty() || THINGS.is_in(noun)).then_some(Announced { told, noun })
}

const WORDS: [&str; 9] = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/// The number that a text begins with.
fn number(lower: &str) -> Option<usize> {
    NUMBER.captures(lower)?.get(1)?.as_str().parse().ok()
}

/// Whether one thing holds several of those that are announced.
fn holds_more(statement: &Statement, announced: &Announced<'_>) -> bool {
    let total = matches!(announced.noun, "" | "total");
    let noun = singular(announced.noun);
    statement.quantities.iter().any(|q| q.is_count() && q.start > 6 && (total || singular(&q.unit) == noun))
}

/// The headings right below a heading, if they are numbered from one on.
fn headings(statements: &[Statement], at: usize, announced: &Announced<'_>) -> Option<Vec<usize>> {
    let Place::Heading(level) = statements.get(at)?.place else { return None };
    let deeper = statements.iter().enumerate().skip(at + 1).filter_map(|(at, s)| match s.place {
        Place::Heading(own) => Some((at, own, s)),
        _ => None,
    });
    let inside: Vec<(usize, u8, &Statement)> = deeper.take_while(|(_, own, _)| *own > level).collect();
    let next = inside.iter().map(|(_, own, _)| *own).min()?;
    let parts: Vec<(usize, &Statement)> =
        inside.into_iter().filter(|(_, own, _)| *own == next).map(|(at, _, s)| (at, s)).collect();
    let several = parts.len() < announced.told && parts.iter().any(|(_, s)| SEVERAL.is_in(&s.lower));
    let numbered = parts.iter().enumerate().all(|(at, (_, s))| number(&s.lower) == Some(at + 1));
    let single = !several && !parts.iter().any(|(_, s)| holds_more(s, announced));
    (numbered && single).then(|| parts.into_iter().map(|(at, _)| at).collect())
}

/// The items of the list right after a line, if they are numbered from one on, or names in code.
fn items(all: &Assertions<'_>, at: usize, announced: &Announced<'_>) -> Option<Vec<usize>> {
    let statements = &all.document.statements;
    let block = statements.get(at + 1)?.block;
    let list = statements.iter().enumerate().skip(at + 1).take_while(|(_, s)| s.block == block);
    let list: Vec<(usize, &Statement)> =
        list.filter(|(_, s)| matches!(s.place, Place::Item { depth: 1, .. })).collect();
    let source = |s: &Statement| all.document.lines.get(s.line - 1).map_or("", |line| line.trim_start());
    // Further sentences of an item stand on its line, or below it.
    let numbered: Vec<(usize, &Statement)> =
        list.iter().filter(|(_, s)| number(source(s)).is_some()).copied().collect();
    let first: Vec<(usize, &Statement)> = numbered
        .iter()
        .enumerate()
        .filter(|(at, (_, s))| {
            *at == 0 || numbered.get(at - 1).is_none_or(|(_, before)| before.line != s.line)
        })
        .map(|(_, one)| *one)
        .collect();
    let in_order = first.iter().enumerate().all(|(at, (_, s))| number(source(s)) == Some(at + 1));
    let plain = |(_, s): &&(usize, &Statement)| {
        !holds_more(s, announced) && s.place == Place::Item { depth: 1, done: None }
    };
    let several = first.len() < announced.told && first.iter().any(|(_, s)| SEVERAL.is_in(name(&s.lower)));
    if !first.is_empty() && in_order && !several && first.iter().filter(plain).count() == first.len() {
        return Some(first.into_iter().map(|(at, _)| at).collect());
    }
    let names = |(_, s): &(usize, &Statement)| s.lower.starts_with('`') && s.lower.matches('`').count() == 2;
    (!list.is_empty() && list.iter().all(names)).then(|| list.into_iter().map(|(at, _)| at).collect())
}

/// What stands before the explanation of an item.
fn name(lower: &str) -> &str {
    crate::assertions::labelled(without_marks(lower)).map_or(lower, |(label, _)| label)
}
