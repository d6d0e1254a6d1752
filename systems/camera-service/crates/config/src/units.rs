//! Sizes, spans of time and percentages with their units. A number without its unit is an error, and nothing is ever rounded.

use crate::text::text_type;
use std::{fmt, str::FromStr, time::Duration};

/// A decimal number, exactly: `digits` divided by ten to the power of `places`.
struct Decimal {
    digits: u128,
    places: u32,
}

/// Splits `1.5 GB` into the number and the unit.
fn number_and_unit(text: &str) -> Option<(Decimal, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let misplaced_point = number.contains('.') && fraction.is_empty();
    if whole.is_empty() || misplaced_point || fraction.contains('.') || whole.len() + fraction.len() > 20 {
        return None;
    }
    let digits = format!("{whole}{fraction}").parse().ok()?;
    Some((Decimal { digits, places: u32::try_from(fraction.len()).ok()? }, unit.trim_start()))
}

/// `decimal` of `unit` in whole base units, and only if that is exact and more than zero.
fn exactly(decimal: &Decimal, unit: u64) -> Option<u64> {
    let product = decimal.digits.checked_mul(u128::from(unit))?;
    let divisor = 10_u128.checked_pow(decimal.places)?;
    (product % divisor == 0)
        .then_some(product / divisor)
        .and_then(|n| u64::try_from(n).ok())
        .filter(|n| *n > 0)
}

/// `count` base units in the unit that gives the shortest exact text of at least 1 (the first of equally short ones).
fn shortest(count: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .filter(|(_, unit)| count >= *unit)
        .filter_map(|(name, unit)| {
            let thousandths = u128::from(count) * 1000;
            (thousandths % u128::from(*unit) == 0).then(|| {
                let thousandths = thousandths / u128::from(*unit);
                let number = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
                format!("{} {name}", number.trim_end_matches('0').trim_end_matches('.'))
            })
        })
        .min_by_key(String::len)
        .unwrap_or_else(|| count.to_string())
}

const SIZES: &[(&str, u64)] = &[
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A number of bytes, at least 1: `0.5 GB` is 500,000,000 bytes, `1 GiB` 1,073,741,824.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// Whole bytes; `None` for zero.
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        if bytes == 0 { None } else { Some(Self(bytes)) }
    }

    /// Bytes, at least 1.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    pub(crate) const fn megabytes(count: u64) -> Self {
        Self(count * 1_000_000)
    }
}

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((number, unit)) = number_and_unit(text) else {
            return Err(format!(
                "`{text}` is not a size: write a number and its unit, such as \"0.5 GB\" or \"1 GiB\""
            ));
        };
        if unit.is_empty() {
            return Err(format!(
                "`{text}` has no unit: write \"{text} GB\", \"{text} MB\", \"{text} MiB\" or another of B to TiB"
            ));
        }
        let Some((_, bytes)) =
            SIZES.iter().find(|(name, _)| *name == unit || (*name == "kB" && unit == "KB"))
        else {
            return Err(format!(
                "`{unit}` is not a unit of size: write one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB"
            ));
        };
        exactly(&number, *bytes)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a whole number of bytes between 1 B and 18 million TB"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shortest(self.0, SIZES))
    }
}

text_type!(Size, "a size with its unit, such as \"0.5 GB\"");

const SPANS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// A span of time of whole milliseconds, at least 1 ms: `30 d`, `1 h`, `5 min`, `1.5 s`, `250 ms`. A day is 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

impl Span {
    /// The span, at least one millisecond.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    pub(crate) const fn seconds(count: u64) -> Self {
        Self(count * 1000)
    }

    pub(crate) const fn hours(count: u64) -> Self {
        Self::seconds(count * 3600)
    }
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((number, unit)) = number_and_unit(text) else {
            return Err(format!(
                "`{text}` is not a span of time: write a number and its unit, such as \"30 d\" or \"1.5 s\""
            ));
        };
        if unit.is_empty() {
            return Err(format!(
                "`{text}` has no unit: write \"{text} s\", \"{text} min\", \"{text} h\" or \"{text} d\""
            ));
        }
        let Some((_, milliseconds)) = SPANS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("`{unit}` is not a unit of time: write one of ms, s, min, h, d"));
        };
        exactly(&number, *milliseconds)
            .filter(|milliseconds| *milliseconds <= 36_500 * 86_400_000)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a whole number of milliseconds between 1 ms and 36500 d"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shortest(self.0, SPANS))
    }
}

text_type!(Span, "a span of time with its unit, such as \"30 d\"");

/// A whole percentage from 1 to 100, written `80 %`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// 1 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }

    pub(crate) const fn of(percent: u8) -> Self {
        Self(percent)
    }
}

impl FromStr for Percent {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((number, "%")) = number_and_unit(text) else {
            return Err(format!(
                "`{text}` is not a percentage: write a whole number from 1 to 100 and `%`, such as \"80 %\""
            ));
        };
        exactly(&number, 1)
            .and_then(|percent| u8::try_from(percent).ok())
            .filter(|percent| *percent <= 100)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a whole number from 1 to 100, such as \"80 %\""))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

text_type!(Percent, "a percentage such as \"80 %\"");
