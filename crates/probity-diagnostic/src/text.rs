//! For people: the place, the gravity and what is wrong on one line, as compilers print it, and below it the source with the
//! place marked, and what would be right.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use crate::{Diagnostic, Level, Lines, Place};

/// The longest piece of a source line that is shown, in characters.
const MAX_SHOWN: usize = 120;

/// What stands before the piece around a column that is far to the right, in characters.
const BEFORE_COLUMN: usize = 60;

/// The diagnostics one after the other, each ending its line.
///
/// No text of a source, a message or a name moves the cursor or turns the direction of writing.
pub fn text(diagnostics: &[Diagnostic], lines: &dyn Lines, colour: bool) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        one(diagnostic, lines, colour, &mut out);
    }
    out
}

fn one(diagnostic: &Diagnostic, lines: &dyn Lines, colour: bool, out: &mut String) {
    let paint = |text: &str| {
        let code = match (&diagnostic.accepted, diagnostic.level) {
            (Some(_), _) => "2",
            (None, Level::Error) => "1;31",
            (None, Level::Warning) => "1;33",
            (None, Level::Note | Level::Unsupported) => "1;36",
        };
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let says = if diagnostic.title.is_empty() { &diagnostic.message } else { diagnostic.title };
    _ = writeln!(
        out,
        "{}: {}: {} [{}]",
        diagnostic.place.at,
        paint(diagnostic.word()),
        harmless(says),
        diagnostic.rule
    );
    excerpt(diagnostic, lines, &paint, out);
    for sentence in diagnostic.below() {
        _ = writeln!(out, "  {}", harmless(&sentence));
    }
    let elsewhere = diagnostic.related.iter().filter(|place| place.at.file != diagnostic.place.at.file);
    for place in elsewhere {
        _ = writeln!(out, "  see also {}", place.at);
    }
}

/// The lines that it rests on in its own file, the one it is about marked.
fn excerpt(diagnostic: &Diagnostic, lines: &dyn Lines, paint: &dyn Fn(&str) -> String, out: &mut String) {
    let about = &diagnostic.place.at;
    let own = |place: &&Place| place.at.file == about.file && place.at.line > 0;
    let places = std::iter::once(&diagnostic.place).chain(&diagnostic.related).filter(own);
    let mut shown: Vec<u32> = places.flat_map(|place| place.at.line..=place.last_line).collect();
    shown.sort_unstable();
    shown.dedup();
    let width = shown.last().map_or(0, |last| last.to_string().len());
    let mut before = None;
    for number in shown {
        let Some(line) = lines.line(&about.file, number) else { continue };
        if before.is_some_and(|before: u32| before + 1 < number) {
            _ = writeln!(out, "  {:width$} ...", "");
        }
        before = Some(number);
        let is_about = number == about.line;
        let mark = match (about.column, is_about) {
            (0, true) => format!("{} ", paint(">")),
            (0, false) => "  ".to_owned(),
            _ => " ".to_owned(),
        };
        let column = if is_about { about.column as usize } else { 0 };
        let (piece, at) = piece(line, column);
        _ = writeln!(out, "  {}", format!("{number:>width$} |{mark}{piece}").trim_end());
        if column > 0 {
            let carets = "^".repeat((diagnostic.place.length as usize).clamp(1, MAX_SHOWN));
            _ = writeln!(out, "  {:width$} | {:at$}{}", "", "", paint(&carets));
        }
    }
}

/// The piece of a line around a column (from 1; 0 without one), and how many columns of a terminal stand before that in it.
fn piece(line: &str, column: usize) -> (String, usize) {
    let skip = if column > MAX_SHOWN - 20 { column - BEFORE_COLUMN } else { 0 };
    let within = column.saturating_sub(skip + 1);
    let before: String = line.chars().skip(skip).take(within).collect();
    let mut piece: String = line.chars().skip(skip).take(MAX_SHOWN).collect();
    if line.chars().nth(skip + MAX_SHOWN).is_some() {
        piece.push('…');
    }
    (harmless(piece.trim_end()), harmless(&before).width())
}

/// What would move the cursor is shown. The emoji form of a sign, harmless and common in what people write, is not.
fn harmless(text: &str) -> String {
    probity_text::visible(&text.replace('\u{fe0f}', "")).into_owned()
}
