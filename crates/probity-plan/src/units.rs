//! Quantities as people write them in a plan: `5s`, `8m`, `1 GiB`, `>= 95%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use probity_text::counted;

/// A span of time: a number and `ms`, `s`, `m`, `h` or `d`. At least 1 ms, at most 366 days; to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String", extend("pattern" = r"^[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)$", "examples" = ["500ms", "5s", "8m"]))]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a duration; write a number and ms, s, m, h or d, such as `500ms` or `8m`"
            )
        };
        let text_trimmed = text.trim();
        let split = text_trimmed.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
        let (number, unit) = text_trimmed.split_at(split);
        let number = decimal(number.trim()).ok_or_else(wrong)?;
        let unit = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return Err(wrong()),
        };
        let seconds = number * unit;
        if !(0.001..=366.0 * 86400.0).contains(&seconds) {
            return Err(format!(
                "`{text}` is out of range; a duration is at least 1 ms and at most 366 days"
            ));
        }
        let microseconds = Duration::from_secs_f64(seconds).as_nanos().div_ceil(1000);
        Ok(Self(Duration::from_micros(u64::try_from(microseconds).map_err(|_| wrong())?)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
            if ms >= unit && ms.is_multiple_of(unit) {
                return write!(f, "{}{name}", ms / unit);
            }
        }
        match self.0.as_micros() % 1000 {
            0 => write!(f, "{ms}ms"),
            rest => write!(f, "{}ms", format!("{ms}.{rest:03}").trim_end_matches('0')),
        }
    }
}

/// An objective for a rate: `>= 95%`. Strictly between 0 and 100 %: no sample shows 100 %.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, JsonSchema)]
#[schemars(with = "String", extend("pattern" = r"^\s*>=\s*[0-9]+(\.[0-9]+)?\s*%$", "examples" = [">= 95%"]))]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an objective; write it as \">= 95%\"");
        let rest = text.trim().strip_prefix(">=").ok_or_else(wrong)?;
        let share = percent(rest).ok_or_else(wrong)?;
        if share >= 1.0 {
            return Err(
                "a share of 100% is refused: no sample can show it; leave `share` out to require every \
                        observation (a census of what was seen), or name a rate below 100%"
                    .to_owned(),
            );
        }
        if share > MAX_SHARE {
            return Err(format!(
                "`{text}` is beyond what any sample shows: bounds are told to six decimals; name a rate of at most 99.9999%"
            ));
        }
        if share <= SMALLEST_MISS {
            return Err("a share of 0% says nothing; name a rate of at least 0.000001%".to_owned());
        }
        Ok(Self(share))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ">= {}", Percent(self.0))
    }
}

/// A fraction written as `99%`, strictly between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, JsonSchema)]
#[schemars(with = "String", extend("pattern" = r"^[0-9]+(\.[0-9]+)?\s*%$", "examples" = ["99%"]))]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match percent(text) {
            Some(share) if share > SMALLEST_MISS && share < 1.0 - SMALLEST_MISS => Ok(Self(share)),
            _ => Err(format!("`{text}` is not a percentage between 0% and 100%; write it as `99%`")),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // At most six decimals, no trailing zeros: 0.95 is "95%", not "95.00000000000001%".
        let text = format!("{:.6}", self.0 * 100.0);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// The greatest rate that a bound can reach, which is rounded down to six decimals.
const MAX_SHARE: f64 = 0.999_999;
/// How near to everything or nothing a rate may come: half of what six decimals of a percentage show.
const SMALLEST_MISS: f64 = 0.5e-8;

/// A number as people write it, digits with or without a fraction: never `nan`, `inf` or `1e400`.
fn decimal(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction))
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number: &f64| number.is_finite())
}

fn percent(text: &str) -> Option<f64> {
    let number = decimal(text.trim().strip_suffix('%')?.trim())?;
    // Written as a decimal and read back, so that 95% is the double nearest to 0.95.
    format!("{:.12}", number / 100.0).parse().ok()
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
as_text!(Span, Share, Percent);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print() {
        for (text, ms) in
            [("500ms", 500), ("1ms", 1), ("5s", 5000), ("1.5 s", 1500), ("8m", 480_000), ("1d", 86_400_000)]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0.as_millis(), ms, "{text}");
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span, "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "0s",
            "5 fortnights",
            "1e400s",
            "NaNs",
            "367d",
            "infs",
            "0.0001ms",
            "+5s",
            ".5s",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_of_everything_is_refused() {
        assert!(">= 100%".parse::<Share>().unwrap_err().contains("no sample can show it"));
        assert_eq!(">= 95%".parse::<Share>().unwrap().0, 0.95);
        assert_eq!(">=99.9 %".parse::<Share>().unwrap().to_string(), ">= 99.9%");
        assert_eq!(">= 99.9999%".parse::<Share>().unwrap().to_string(), ">= 99.9999%");
        for text in [
            "95%",
            "> 95%",
            ">= 95",
            ">= 0%",
            ">= x%",
            ">= nan%",
            ">= inf%",
            ">= 99.9999999%",
            ">= 99.99999%",
            ">= 0.0000001%",
            ">= 1e1%",
        ] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
