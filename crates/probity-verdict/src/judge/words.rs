//! Rows, values and what was seen, in the few words that findings quote.

use std::collections::BTreeMap;

use probity_plan::{Observation, Probe, Value};

use crate::condition::{Check, Evaluated, Witness};
use crate::judgement::{Against, Seen};

/// The longest value that is quoted, in characters.
const MAX_LENGTH: usize = 60;

/// A row of a matrix: `column=value` joined by spaces, in the matrix's column order. Text is in quotes where it would be read as
/// another value, or as two columns.
pub(crate) fn row(probe: &Probe, row: &BTreeMap<String, Value>) -> String {
    let mut text = String::new();
    for column in &probe.columns {
        if let Some(value) = row.get(column) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(column);
            text.push('=');
            match value {
                Value::Text(plain) if !is_taken_for_more(plain) => text.push_str(plain),
                other => text.push_str(&json(other)),
            }
        }
    }
    text
}

fn is_taken_for_more(text: &str) -> bool {
    let columns = text.contains('=') && text.contains(char::is_whitespace);
    // What begins otherwise is no JSON.
    let begins = |c: char| matches!(c, '{' | '[' | '"' | '-' | '0'..='9' | 't' | 'f' | 'n');
    let json = || serde_json::from_str::<serde_json::Value>(text).is_ok();
    columns || (text.trim_start().starts_with(begins) && json())
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A value, shortened; text as JSON, so that nothing in it is taken for the sentence.
pub(super) fn value(value: &Value) -> String {
    let text = match (value, value.ends()) {
        (Value::Interval(_), Some((least, most))) => {
            if most.is_finite() {
                format!("{least} to {most}")
            } else {
                format!("{least} or more")
            }
        }
        _ => json(value),
    };
    let mut short: String = text.chars().take(MAX_LENGTH).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Why an observation does not satisfy a check: the reasons, and the facts read as they were.
pub(super) fn seen(evaluated: &Evaluated, check: &Check, observation: &Observation) -> Against {
    let element = |it: &Witness| Seen { what: format!("{}[{}]", it.list, it.index), value: value(&it.value) };
    let mut seen: Vec<Seen> = evaluated.witness.iter().map(element).collect();
    // The element that decided says more than the whole list, cut short.
    let told = |name: &str| evaluated.witness.iter().any(|it| it.list == name);
    let facts = check.reads().filter(|name| !told(name));
    let facts = facts
        .filter_map(|name| Some(Seen { what: name.to_owned(), value: value(observation.facts.get(name)?) }));
    seen.extend(facts.take(3));
    Against::Seen { seen, reasons: evaluated.reasons.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_never_printed_as_another_one_is() {
        for (text, quoted) in [
            ("1", true),
            ("true", true),
            ("null", true),
            ("[1]", true),
            ("1 b=2", true),
            ("two words", false),
            ("a=b", false),
            ("plain", false),
            ("", false),
            ("\"x\"", true),
        ] {
            assert_eq!(is_taken_for_more(text), quoted, "{text}");
        }
    }
}
