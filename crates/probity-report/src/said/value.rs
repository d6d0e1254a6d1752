//! Values, numbers and times as people read them.

use jiff::Timestamp;

use probity_plan::Value;
use probity_verdict::ScoreResult;

/// A value on one line, as JSON but for plain text.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Interval(measured) => interval(measured.ends().0, measured.ends().1),
        Value::Moment(moment) => moment.to_string(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// "5 to 9", "5000 or more".
pub(crate) fn interval(least: f64, most: f64) -> String {
    if most.is_infinite() {
        format!("{} or more", number(least))
    } else if (most - least).abs() < f64::EPSILON {
        number(least)
    } else {
        format!("{} to {}", number(least), number(most))
    }
}

/// A number with at most six decimals and no trailing zeros.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// "0.55 to 0.8", or one number: the lower end, where rounding outward to six decimals is all that parts the two.
pub(crate) fn score(score: &ScoreResult) -> String {
    let upper = if score.upper - score.lower < 1.5e-6 { score.lower } else { score.upper };
    interval(score.lower, upper)
}

/// "7 of 10".
pub(crate) fn weight(score: &ScoreResult) -> String {
    format!("{} of {}", number(score.weight), number(score.of_weight))
}

/// "2026-11-21 20:00:03 UTC".
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// "8 min 3 s", "3.2 s".
pub(crate) fn lasted(from: Timestamp, until: Timestamp) -> String {
    let us = until.as_microsecond() - from.as_microsecond();
    let seconds = us / 1_000_000;
    match seconds {
        ..10 => format!("{}.{} s", us / 1_000_000, (us % 1_000_000).abs() / 100_000),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A sentence in pieces, each with whether it stood between backticks; whole if their number is odd.
pub(crate) fn pieces(sentence: &str) -> Vec<(bool, &str)> {
    if sentence.matches('`').count() % 2 == 1 {
        return vec![(false, sentence)];
    }
    let pieces = sentence.split('`').enumerate().map(|(at, piece)| (at % 2 == 1, piece));
    pieces.filter(|(_, piece)| !piece.is_empty()).collect()
}

/// The facts of an observation on one line, as `name=value`, barriers named.
pub(crate) fn facts_line(observation: &probity_plan::Observation) -> String {
    let facts = observation.facts.iter().map(|(name, value)| format!("{name} = {}", shown(value)));
    let unknown = observation.unknown.iter().map(|(name, blocked)| {
        let name = if name == "*" { "every fact" } else { name };
        let why = blocked.why();
        let colon = if why.is_empty() { "" } else { ": " };
        format!("{name} unknown, {}{colon}{why}", blocked.barrier)
    });
    facts.chain(unknown).collect::<Vec<_>>().join("; ")
}

/// The row of a matrix on one line.
pub(crate) fn cell_line(observation: &probity_plan::Observation) -> String {
    let columns = observation.cell.iter().map(|(name, value)| format!("{name}={}", shown(value)));
    columns.collect::<Vec<_>>().join(" ")
}
