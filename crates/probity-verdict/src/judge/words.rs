//! The sentences of findings.

use std::collections::BTreeMap;

use probity_plan::{Observation, Probe, Shows, Value};

pub(super) use probity_plan::units::counted as number;

use super::subject::Subject;
use crate::condition::{Check, Evaluated, Witness};
use crate::cure::cure;
use crate::judgement::{Bounds, Counts};

/// The longest value that is quoted, in characters.
const LONGEST: usize = 60;

/// A row of a matrix: `column=value` joined by spaces, in the matrix's column order.
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
                Value::Text(plain) => text.push_str(plain),
                other => text.push_str(&json(other)),
            }
        }
    }
    text
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
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Why an observation does not satisfy a check: the reason, or the facts read as they were.
pub(super) fn why(evaluated: &Evaluated, check: &Check, observation: &Observation) -> String {
    let element = |it: &Witness| format!("{}[{}] = {}", it.list, it.index, value(&it.value));
    let mut seen: Vec<String> = evaluated.witness.iter().map(element).collect();
    // The element that decided says more than the whole list, cut short.
    let told = |name: &str| evaluated.witness.iter().any(|it| it.list == name);
    let facts = check.reads().filter(|name| !told(name));
    let facts =
        facts.filter_map(|name| observation.facts.get(name).map(|seen| format!("{name} = {}", value(seen))));
    seen.extend(facts.take(3));
    let reasons = evaluated.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match (seen.is_empty(), reasons.is_empty()) {
        (false, true) => seen.join(", "),
        (true, _) => reasons,
        (false, false) => format!("{reasons} ({})", seen.join(", ")),
    }
}

/// Microseconds as seconds, to the millisecond: "61.5 s".
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(super) fn seconds(micros: i64) -> String {
    let text = format!("{:.3}", micros as f64 / 1e6);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// "(presence)", or that nothing was seen.
pub(super) fn shows(shows: Option<Shows>) -> String {
    shows.map_or("(nothing seen)".to_owned(), |shows| format!("({shows})"))
}

/// " where CONDITION", or nothing.
pub(super) fn filter(subject: &Subject) -> String {
    subject.filter.map_or(String::new(), |filter| format!(" where {}", filter.text()))
}

/// "at least 0.783893, at most 0.997439 (each at 95%)".
pub(super) fn bounds(bounds: Bounds) -> String {
    let confidence = probity_plan::units::Percent(bounds.confidence);
    format!("at least {:.6}, at most {:.6} (each at {confidence})", bounds.lower, bounds.upper)
}

/// "37 of 40 succeeded, 2 failed, 1 could not be decided".
pub(super) fn counted(counts: Counts, what: &str) -> String {
    let mut text = format!("{} of {} {what}succeeded", counts.successes, counts.planned);
    if counts.failures > 0 {
        text.push_str(&format!(", {} failed", counts.failures));
    }
    if counts.blocked > 0 {
        text.push_str(&format!(", {} could not be decided", counts.blocked));
    }
    text
}

/// What stood in the way, in a few words: "`status` timed-out 3 times".
pub(super) fn in_the_way(subject: &Subject) -> String {
    let mut parts: Vec<String> = subject
        .barriers()
        .iter()
        .take(3)
        .map(|met| {
            let times = number(met.times, "time", "times");
            if met.fact == "*" {
                format!("{} {times}", met.barrier)
            } else {
                format!("`{}` {} {times}", met.fact, met.barrier)
            }
        })
        .collect();
    parts.extend(subject.reasons().iter().cloned());
    parts.join("; ")
}

/// What would let us see what was behind barriers: sentences, most often met first.
pub(super) fn hints(subject: &Subject) -> Vec<String> {
    let mut barriers = subject.barriers();
    barriers.sort_by_key(|met| std::cmp::Reverse(met.times));
    let mut hints: Vec<String> = Vec::new();
    for met in &barriers {
        let hint = cure(subject.probe, met);
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints
}

/// What is said where a claim is about nothing and accepts that.
pub(super) const NOTHING_ACCEPTED: &str = "there was nothing that it is about, which the claim accepts";

/// What is said where nothing was seen that a claim is about.
pub(super) fn nothing_seen(subject: &Subject) -> String {
    match subject.selected() {
        Some((left_out, _)) => format!(
            "`where` left out {} by what was seen, and nothing is left",
            number(left_out, "observation", "observations")
        ),
        None => "nothing was observed that it is about".to_owned(),
    }
}

/// What would let a claim be about something.
pub(super) fn look_at_something(subject: &Subject) -> String {
    if subject.selects_by_sight() {
        "look at something that the claim is about: what `where` leaves out by what was seen is no reason to be content"
            .to_owned()
    } else {
        "look at something that the claim is about, or say `empty: ok` if nothing is fine".to_owned()
    }
}

/// Why denials decide nothing.
pub(super) const DENIED: &str = "a denial counts only beside its positive control";

/// What was left out of a rate by what was seen, to stand beside it: " (20 of 60 left out by what was seen)".
pub(super) fn left_out(subject: &Subject) -> String {
    subject
        .selected()
        .map_or(String::new(), |(left_out, of)| format!(" ({left_out} of {of} left out by what was seen)"))
}
