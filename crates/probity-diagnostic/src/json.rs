//! For programs: a contract, of which docs/command-line.md has a copy.
//!
//! ```json
//! {
//!   "file": "plan.yaml", "line": 13, "column": 24,  // both from 1; 0 where it is about the whole file, or the whole line
//!   "text": "...",                                   // the line; null without one
//!   "level": "error",                                // or warning, note, unsupported
//!   "rule": "condition",                             // what was looked for: a name that stays
//!   "title": "",                                     // what that rule says wherever it speaks, if it says the same
//!   "message": "...", "remedy": "...",               // what is wrong, and what would be right; empty if the message says it
//!   "notes": [ "..." ],
//!   "related": [ { "file": "...", "line": 2, "column": 0, "text": "..." } ],
//!   "accepted": null                                 // or why it does not count
//! }
//! ```

use serde_json::{Value, json as value};

use crate::{Acceptance, Diagnostic, Lines, Place};

/// An object for each diagnostic.
pub fn json(diagnostics: &[Diagnostic], lines: &dyn Lines) -> Value {
    diagnostics.iter().map(|diagnostic| one(diagnostic, lines)).collect()
}

fn one(diagnostic: &Diagnostic, lines: &dyn Lines) -> Value {
    let mut object = place(&diagnostic.place, lines);
    let rest = [
        ("accepted", value!(diagnostic.accepted.as_ref().map(Acceptance::words))),
        ("level", value!(diagnostic.level.word())),
        ("message", value!(diagnostic.message)),
        ("notes", value!(diagnostic.notes)),
        ("related", diagnostic.related.iter().map(|related| place(related, lines)).collect()),
        ("remedy", value!(diagnostic.remedy)),
        ("rule", value!(diagnostic.rule)),
        ("title", value!(diagnostic.title)),
    ];
    for (name, value) in rest {
        object[name] = value;
    }
    object
}

fn place(place: &Place, lines: &dyn Lines) -> Value {
    let at = &place.at;
    value!({ "file": &*at.file, "line": at.line, "column": at.column, "text": lines.line(&at.file, at.line) })
}
