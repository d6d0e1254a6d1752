//! Numbers in a text: counts, percentages, fractions, durations, with their units and the targets they state.

use crate::words::show;

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
    /// Written with a minus.
    pub negative: bool,
    /// Not meant to its last digit: `~15`, "about 15", `15+`.
    pub rough: bool,
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
    /// The number with its unit, for people.
    pub fn written(&self) -> String {
        let number = show(self.value);
        match self.kind {
            Kind::Percent => format!("{number} %"),
            Kind::Of(of) => format!("{number} of {}", show(of)),
            Kind::Seconds(_) => format!("{number} {}", self.unit),
            Kind::Plain => number,
        }
    }
    /// Whether two readings can be of one value, as far as each is rounded.
    pub fn agrees(&self, other: &Self) -> bool {
        let scale = |q: &Self| match q.kind {
            Kind::Seconds(seconds) if q.value != 0.0 => seconds / q.value,
            _ => 1.0,
        };
        let (one, two) = match (self.percent(), other.percent()) {
            (Some(one), Some(two)) => (one, two),
            _ => (self.base(), other.base()),
        };
        (one - two).abs()
            <= (self.half_digit() * scale(self)).max(other.half_digit() * scale(other)) * 2.0 + 1e-9
    }
    /// A count: a whole number without a unit, or with a word after it.
    pub fn is_count(&self) -> bool {
        self.kind == Kind::Plain && self.decimals == 0
    }
}

/// The length of the number that a text begins with: `12`, `1,234`, `0.5`.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = text.as_bytes().get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut length = digits(0);
    if (1..=3).contains(&length) {
        while text.get(length..).is_some_and(|rest| rest.starts_with(',')) && digits(length + 1) >= 3 {
            length += 4;
        }
    }
    let decimals =
        if text.get(length..).is_some_and(|rest| rest.starts_with('.')) { digits(length + 1) } else { 0 };
    if decimals > 0 { length + 1 + decimals } else { length }
}

/// What stands behind a number and belongs to it.
enum Suffix<'t> {
    Nothing,
    Percent,
    /// `/20`, ` of the 20`: the number.
    Of(&'t str),
    /// A unit, or any other word.
    Word(&'t str),
}

/// The suffix that a text begins with, and its length.
fn suffix(text: &str) -> (Suffix<'_>, usize) {
    let begins = |words: &[&'static str], with: fn(&str) -> bool| {
        words
            .iter()
            .find_map(|word| text.strip_prefix(word).filter(|rest| with(rest)).map(|rest| (word.len(), rest)))
    };
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let percent = begins(&["%", " %"], |_| true);
    if let Some((length, _)) = percent.or_else(|| begins(&["percent", " percent", " per cent"], ends)) {
        return (Suffix::Percent, length);
    }
    let of = ["/", " /", "/ ", " / ", " of ", " of the ", " of all ", " out of ", " out of the "];
    if let Some((length, rest)) = begins(&of, |rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        let number = number_length(rest);
        // "(212 / 65 %)" is two ways to say one thing.
        if !rest[number..].trim_start().starts_with('%') {
            return (Suffix::Of(&rest[..number]), length + number);
        }
        return (Suffix::Nothing, 0);
    }
    let word = text.strip_prefix([' ', '-']).unwrap_or(text);
    let length = word.find(|c: char| !(c.is_ascii_lowercase() || c == 'µ')).unwrap_or(word.len());
    if length == 0 {
        (Suffix::Nothing, 0)
    } else {
        (Suffix::Word(&word[..length]), text.len() - word.len() + length)
    }
}

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
    // An arrow is no bound.
    if before.ends_with("->") {
        return None;
    }
    let last = before.as_bytes().last();
    let ends = |words: &[&str]| {
        words.iter().filter(|word| word.as_bytes().last() == last).any(|word| {
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
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let mut out: Vec<Quantity> = Vec::with_capacity(1);
    let code = code_spans(text);
    let mut at = 0;
    while let Some(skipped) = text[at..].bytes().position(|byte| byte.is_ascii_digit()) {
        let start = at + skipped;
        let first = start + number_length(&text[start..]);
        let (suffix, length) = suffix(&text[first..]);
        at = first + length;
        let span = code.partition_point(|(from, _)| *from <= start);
        if span.checked_sub(1).and_then(|span| code.get(span)).is_some_and(|(_, to)| start < *to) {
            continue;
        }
        let before = text[..start].chars().next_back();
        let mut rest = text[at..].chars();
        let (after, after_two) = (rest.next(), rest.next());
        // "-$1,913".
        let sign = text[..start].trim_end_matches(['$', '€', '£']);
        let negative = sign.ends_with('-') && {
            let ahead = sign[..sign.len() - 1].chars().next_back();
            ahead.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '|' | '*'))
        };
        let glued = before
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '#' | '-'))
            && !negative;
        let part = after.is_some_and(|c| matches!(c, '-' | ':' | '.' | '/' | '_'))
            && after_two.is_some_and(char::is_alphanumeric)
            && matches!(suffix, Suffix::Nothing | Suffix::Of(_))
            && !(after == Some('-') && after_two.is_some_and(char::is_alphabetic));
        // "8.7e9".
        let power = matches!(suffix, Suffix::Word("e"))
            && at == first + 1
            && [after, after_two]
                .into_iter()
                .flatten()
                .find(|c| !matches!(c, '-' | '+'))
                .is_some_and(|c| c.is_ascii_digit());
        if glued || part || power {
            // The rest of a version, date or time is none either.
            let rest = &text[at..];
            if part {
                at += rest
                    .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | '/' | '_')))
                    .unwrap_or(rest.len());
            }
            continue;
        }
        let Some((value, decimals)) = number(&text[start..first]) else { continue };
        let (mut kind, mut unit, mut end) = (Kind::Plain, String::new(), at);
        match suffix {
            Suffix::Nothing => {}
            Suffix::Percent => {
                kind = Kind::Percent;
                unit.push('%');
            }
            Suffix::Of(of) => {
                kind = number(of).map_or(kind, |(of, _)| Kind::Of(of));
                let rest = text[end..].trim_start();
                unit = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("").to_owned();
            }
            // "The 1960s" are no seconds.
            Suffix::Word("s")
                if first == at - 1 && (1900.0..2100.0).contains(&value) && value % 10.0 == 0.0 =>
            {
                continue;
            }
            Suffix::Word(word) => {
                unit = word.to_owned();
                // "9h 16m".
                let minutes = word == "m"
                    && out.last().is_some_and(|last| {
                        last.unit == "h" && text.get(last.end..start).is_some_and(|gap| gap.trim().is_empty())
                    });
                match if minutes { Some(60.0) } else { seconds(word) } {
                    Some(seconds) => kind = Kind::Seconds(value * seconds),
                    None => end = first,
                }
            }
        }
        let bound = bound(&text[..start]);
        // "3 min 40 s" is one duration.
        if let (Kind::Seconds(more), Some(last)) = (kind, out.last_mut())
            && let Kind::Seconds(first) = last.kind
            && text[last.end..start].trim().is_empty()
            && more < first
        {
            last.kind = Kind::Seconds(first + more);
            last.end = end;
            continue;
        }
        let rough = is_rough(&text[..start], &text[end..]) || text[first..].starts_with('+');
        out.push(Quantity { start, end, value, decimals, kind, unit, bound, negative, rough });
    }
    out
}

/// Whether the words around a number take its last digits back.
fn is_rough(before: &str, after: &str) -> bool {
    let before = crate::words::tail(before).trim_end_matches(['(', ' ', '*']);
    after.starts_with('+')
        || [
            "~",
            "≈",
            "±",
            "about",
            "roughly",
            "around",
            "approximately",
            "approx.",
            "approx",
            "nearly",
            "almost",
            "some",
            "c.",
            "ca.",
        ]
        .iter()
        .any(|word| before.ends_with(word))
}

fn code_spans(text: &str) -> Vec<(usize, usize)> {
    let ticks: Vec<usize> = text.match_indices('`').map(|(at, _)| at).collect();
    ticks.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// The direction of a target, from its own sign, from the words beside it or from those of what is measured. "Limit" in the
/// name of what is measured gives none: of the most users that were served, more is better.
pub(crate) fn direction(target: &Quantity, beside: &str, words: &str) -> Option<Bound> {
    let has = |text: &str, all: &[&str]| all.iter().any(|word| text.contains(word));
    let says = |all: &[&str]| has(words, all);
    if let Some(bound) = target.bound {
        return Some(bound);
    }
    if has(beside, &["maximum", "limit", "at most", "max "]) {
        return Some(Bound::Most);
    }
    if says(&["minimum", "at least", "exceed"]) {
        return Some(Bound::Least);
    }
    let bad = says(&[
        "error", "loss", "fail", "false", "reject", "miss", "risk", "defect", "overhead", "usage", "utiliz",
        "drop", "bounce", "churn",
    ]);
    let rate = says(&[
        "success", "reliab", "availab", "uptime", "coverage", "pass", "correct", "accura", "complet",
        "deliver", "detect", "complian",
    ]);
    let slow = says(&["time", "latency", "duration", "p95", "p99", "p50", "load"])
        && !says(&["uptime", "lifetime", "timeout"]);
    match target.kind {
        Kind::Percent | Kind::Of(_) if rate && !bad => Some(Bound::Least),
        Kind::Seconds(_) if slow => Some(Bound::Most),
        _ => None,
    }
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
        assert_eq!(one("7 out of the 12 hosts").kind, Kind::Of(12.0));
        assert_eq!(one("30 per cent").kind, Kind::Percent);
        assert_eq!(one("30 percentiles").unit, "percentiles");
        assert_eq!(one("1,234.50").value, 1234.5);
        assert_eq!(one("12.").decimals, 0);
        assert_eq!(scan("1234,567").iter().map(|q| q.value).collect::<Vec<_>>(), [1234.0, 567.0]);
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
