//! Where in a plan a piece of a condition stands.

use probity_diagnostic::{Diagnostic, Level, Place, Position};
use probity_plan::Condition;

/// What is wrong with a plan's condition from a character on (from 0), so many characters long. Where it is not written as it is read the
/// place is that where the condition begins, and a note names the character of what is then read.
pub(crate) fn diagnose(
    condition: &Condition,
    (offset, length): (usize, usize),
    message: String,
    remedy: String,
) -> Diagnostic {
    let place = if condition.filled { (&condition.at).into() } else { place(condition, offset, length) };
    let mut diagnostic = Diagnostic::new(Level::Error, "condition", place, message).with_remedy(remedy);
    diagnostic.notes.extend(note(condition, offset));
    diagnostic
}

/// Which character of what is read is meant, where the plan does not show it.
pub(crate) fn note(condition: &Condition, offset: usize) -> Option<String> {
    let (character, source) = (offset + 1, condition.source.trim_end().replace('\n', " "));
    condition.filled.then(|| format!("character {character} of `{source}`, as it is read"))
}

fn place(condition: &Condition, offset: usize, length: usize) -> Place {
    let before: String = condition.source.chars().take(offset).collect();
    let lines = before.matches('\n').count();
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    let on_line = condition.source.chars().skip(offset).take(length).take_while(|c| *c != '\n').count();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let Position { file, line, column: first } = condition.at.clone();
    let column = if lines == 0 { first.saturating_add(number(column)) } else { number(column + 1) };
    let at = Position { file, line: line.saturating_add(number(lines)), column };
    Place { length: number(on_line), ..at.into() }
}
