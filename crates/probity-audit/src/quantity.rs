//! Numbers in a text: counts, percentages, fractions, durations, with their units and the targets they state.

use std::sync::LazyLock;

use regex::Regex;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A number without a unit that is known here; the word after it is the unit.
    Plain,
    /// A percentage.
    Percent,
    /// `19/20`, `19 of 20`: the denominator.
    Of(f64),
    /// A duration in seconds; the value is the number as written.
    Seconds(f64),
}

/// What is demanded of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// At least.
    Least,
    /// More than.
    Above,
    /// At most.
    Most,
    /// Less than.
    Below,
}

impl Bound {
    /// Whether a value satisfies it.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Least => value >= limit,
            Self::Above => value > limit,
            Self::Most => value <= limit,
            Self::Below => value < limit,
        }
    }
}

/// A number in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// Where it begins in the simplified text, in bytes.
    pub start: usize,
    /// Where it ends, its unit included.
    pub end: usize,
    /// The number as written.
    pub value: f64,
    /// Digits after the point.
    pub decimals: usize,
    /// What it is.
    pub kind: Kind,
    /// Its unit, or the word after it, in lower case.
    pub unit: String,
    /// What is demanded, where the words before it say so.
    pub bound: Option<Bound>,
}

impl Quantity {
    /// Half a unit of its last digit.
    pub fn half_digit(&self) -> f64 {
        0.5 * 10_f64.powi(-i32::try_from(self.decimals).unwrap_or(0))
    }
    /// The percentage, of a percentage or a fraction.
    pub fn percent(&self) -> Option<f64> {
        match self.kind {
            Kind::Percent => Some(self.value),
            Kind::Of(of) if of > 0.0 => Some(100.0 * self.value / of),
            _ => None,
        }
    }
    /// The denominator of a fraction.
    pub fn of(&self) -> Option<f64> {
        match self.kind {
            Kind::Of(of) => Some(of),
            _ => None,
        }
    }
    /// The value in the unit's base: seconds of a duration, else as written.
    pub fn base(&self) -> f64 {
        match self.kind {
            Kind::Seconds(seconds) => seconds,
            _ => self.value,
        }
    }
    /// Whether two can be compared: both durations, both percentages (or fractions), or the same unit.
    pub fn comparable(&self, other: &Self) -> bool {
        match (self.kind, other.kind) {
            (Kind::Seconds(_), Kind::Seconds(_)) => true,
            (Kind::Percent | Kind::Of(_), Kind::Percent | Kind::Of(_)) => {
                self.kind == Kind::Percent || other.kind == Kind::Percent
            }
            (Kind::Plain, Kind::Plain) => self.unit == other.unit,
            _ => false,
        }
    }
    /// A count: a whole number without a unit, or with a word after it.
    pub fn is_count(&self) -> bool {
        self.kind == Kind::Plain && self.decimals == 0
    }
}

const NUMBER: &str = r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)";

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    crate::words::ascii(&format!(
        r"{NUMBER}(?:( ?%| ?percent\b| per cent\b)|(?: ?/ ?| of (?:the |all )?| out of (?:the )?){NUMBER}|[ -]?([a-zµ]+))?"
    ))
    .ok()
});

fn number(text: &str) -> Option<(f64, usize)> {
    let decimals = text.split_once('.').map_or(0, |(_, after)| after.len());
    text.replace(',', "").parse().ok().map(|value| (value, decimals))
}

/// Seconds of a unit of time.
pub fn seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86400.0,
        "week" | "weeks" => 604_800.0,
        "µs" | "us" => 1e-6,
        _ => return None,
    })
}

fn bound(before: &str) -> Option<Bound> {
    let before = before.trim_end().trim_end_matches(['(', '*']).trim_end();
    let ends = |words: &[&str]| {
        words.iter().any(|word| {
            before.strip_suffix(word).is_some_and(|rest| {
                !rest.ends_with(char::is_alphanumeric) || !word.starts_with(char::is_alphabetic)
            })
        })
    };
    if ends(&["not less than", "no less than", "not fewer than", "no fewer than"]) {
        return Some(Bound::Least);
    }
    if ends(&["not more than", "no more than", "not above", "not over"]) {
        return Some(Bound::Most);
    }
    if ends(&[">=", "=>", "at least", "minimum", "minimum of", "min.", "minimum:"]) {
        Some(Bound::Least)
    } else if ends(&[
        "<=",
        "=<",
        "at most",
        "up to",
        "within",
        "maximum",
        "maximum of",
        "max.",
        "max",
        "limit of",
    ]) {
        Some(Bound::Most)
    } else if ends(&[">", "more than", "above", "over", "exceeds", "exceed", "exceeding"]) {
        Some(Bound::Above)
    } else if ends(&["<", "less than", "below", "under", "fewer than", "faster than"]) {
        Some(Bound::Below)
    } else {
        None
    }
}

/// The numbers of a simplified text. Those in inline code, in identifiers, versions, dates, times and addresses are none.
pub fn scan(text: &str) -> Vec<Quantity> {
    let Some(pattern) = PATTERN.as_ref() else { return Vec::new() };
    let mut out: Vec<Quantity> = Vec::new();
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return out;
    }
    let code = code_spans(text);
    let mut at = 0;
    while let Some(found) = pattern.captures_at(text, at) {
        let Some(whole) = found.get(0) else { break };
        let first = found.get(1).map_or(whole.end(), |first| first.end());
        at = whole.end().max(first);
        let span = code.partition_point(|(from, _)| *from <= whole.start());
        if span.checked_sub(1).and_then(|span| code.get(span)).is_some_and(|(_, to)| whole.start() < *to) {
            continue;
        }
        let before = text[..whole.start()].chars().next_back();
        let after = text[whole.end()..].chars().next();
        let after_two = text[whole.end()..].chars().nth(1);
        let glued = before
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '#' | '-'))
            && !(before == Some('-') && text[..whole.start()].ends_with(" -"));
        let part = after.is_some_and(|c| matches!(c, '-' | ':' | '.' | '/' | '_'))
            && after_two.is_some_and(char::is_alphanumeric)
            && found.get(2).is_none()
            && found.get(4).is_none()
            && !(after == Some('-') && after_two.is_some_and(char::is_alphabetic));
        if glued || part {
            // The rest of a version, date or time is none either.
            let rest = &text[at..];
            if part {
                at += rest
                    .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | '/' | '_')))
                    .unwrap_or(rest.len());
            }
            continue;
        }
        let Some((value, decimals)) = found.get(1).and_then(|text| number(text.as_str())) else { continue };
        let (mut kind, mut unit, mut end) = (Kind::Plain, String::new(), whole.end());
        if found.get(2).is_some() {
            kind = Kind::Percent;
            unit.push('%');
        } else if let Some((of, _)) = found.get(3).and_then(|text| number(text.as_str())) {
            kind = Kind::Of(of);
            let rest = text[end..].trim_start();
            unit = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("").to_owned();
        } else if let Some(word) = found.get(4) {
            unit = word.as_str().to_owned();
            match seconds(&unit) {
                Some(seconds) => kind = Kind::Seconds(value * seconds),
                None => end = first,
            }
        }
        let bound = bound(&text[..whole.start()]);
        // "3 min 40 s" is one duration.
        if let (Kind::Seconds(more), Some(last)) = (kind, out.last_mut())
            && let Kind::Seconds(first) = last.kind
            && text[last.end..whole.start()].trim().is_empty()
            && more < first
        {
            last.kind = Kind::Seconds(first + more);
            last.end = end;
            continue;
        }
        out.push(Quantity { start: whole.start(), end, value, decimals, kind, unit, bound });
    }
    out
}

fn code_spans(text: &str) -> Vec<(usize, usize)> {
    let ticks: Vec<usize> = text.match_indices('`').map(|(at, _)| at).collect();
    ticks.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Quantity {
        let found = scan(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found[0].clone()
    }

    #[test]
    fn numbers_are_what_they_say() {
        assert_eq!(one("95%").kind, Kind::Percent);
        assert_eq!(one("92.5 %").decimals, 1);
        assert_eq!(one("19/20 starts").kind, Kind::Of(20.0));
        assert_eq!(one("4,890 of 5,000").kind, Kind::Of(5000.0));
        assert_eq!(one("170/120").value, 170.0);
        assert_eq!(one("45ms").kind, Kind::Seconds(0.045));
        assert_eq!(one("3 min 40 s").kind, Kind::Seconds(220.0));
        assert_eq!(one(">= 95 %").bound, Some(Bound::Least));
        assert_eq!(one("within 10 s").bound, Some(Bound::Most));
        assert_eq!(one("exceeds 80% minimum").bound, Some(Bound::Above));
        assert_eq!(one("10 attempts per service").unit, "attempts");
        assert_eq!(one("30-second timeout").kind, Kind::Seconds(30.0));
    }

    #[test]
    fn names_versions_dates_and_code_are_no_numbers() {
        for text in [
            "2025-08-08",
            "17:22:12",
            "release 4.18.2",
            "`port 8003`",
            "http2",
            "127.0.0.1",
            "nets-2214",
            "v1.2",
        ] {
            assert_eq!(scan(text), [], "{text}");
        }
    }
}
