//! Types of expressions, as far as they are known before the run, and what may stand beside what. A plan's author should
//! hear of what cannot be before there is anything to look at.

use probity_plan::{FactType, Moment, Value};

use super::mistake::Misordered;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// Only the run will tell.
    Any,
    Null,
    Bool,
    Whole,
    Number,
    Text,
    Moment,
    /// A measured quantity.
    Interval,
    /// Text that is the version of something.
    Version,
    /// Text that is a file's mode.
    Mode,
    List(Box<Type>),
    Map,
}

impl Type {
    pub(super) fn of_fact(ty: FactType) -> Self {
        match ty {
            FactType::Bool => Self::Bool,
            FactType::Int => Self::Whole,
            FactType::Float => Self::Number,
            FactType::Text => Self::Text,
            FactType::Moment => Self::Moment,
            FactType::Moments => Self::List(Box::new(Self::Moment)),
            FactType::Interval => Self::Interval,
            FactType::Version => Self::Version,
            FactType::Mode => Self::Mode,
            FactType::List => Self::List(Box::new(Self::Any)),
            FactType::Map => Self::Map,
            FactType::Any => Self::Any,
        }
    }

    pub(super) fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.as_i64().is_some() => Self::Whole,
            Value::Number(_) => Self::Number,
            Value::Text(_) => Self::Text,
            Value::Moment(_) => Self::Moment,
            Value::Interval(_) => Self::Interval,
            Value::List(items) => Self::List(Box::new(Self::common(items.iter().map(Self::of_value)))),
            Value::Map(_) => Self::Map,
        }
    }

    /// The type that all of them have, or `Any`.
    pub(super) fn common(mut types: impl Iterator<Item = Self>) -> Self {
        let Some(first) = types.next() else { return Self::Any };
        types.try_fold(first, |all, next| (all == next).then_some(all)).unwrap_or(Self::Any)
    }

    pub(super) const fn is_number(&self) -> bool {
        matches!(self, Self::Any | Self::Whole | Self::Number)
    }

    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::Any | Self::Text | Self::Version | Self::Mode)
    }

    /// Whether a value of one may equal a value of the other.
    pub(super) fn compares_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any | Self::Null, _) | (_, Self::Any | Self::Null) => true,
            (Self::List(a), Self::List(b)) => a.compares_with(b),
            (a, b) if a.is_number() && b.is_number() => true,
            (a, b) if a.is_text() && b.is_text() => true,
            (a, b) => a == b,
        }
    }

    /// With its article: "a whole number".
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Whole => "a whole number",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Moment => "a moment",
            Self::Interval => "a measured time",
            Self::Version => "a version",
            Self::Mode => "a file's mode",
            Self::List(_) => "a list",
            Self::Map => "a map",
        }
    }

    /// A literal as one of this type, if it can be: `"200"` as 200.
    pub(super) fn rewritten(&self, literal: &Value) -> Option<String> {
        match (self, literal) {
            (Self::Whole | Self::Number, Value::Text(text)) => {
                probity_plan::Number::parse(text).map(|number| number.to_string())
            }
            (Self::Bool, Value::Text(text)) => {
                matches!(text.as_str(), "true" | "false").then(|| text.clone())
            }
            (Self::Text | Self::Version | Self::Mode, Value::Number(number)) => Some(format!("\"{number}\"")),
            (Self::Text, Value::Bool(bool)) => Some(format!("\"{bool}\"")),
            _ => None,
        }
    }
}

/// Whether a file can have this mode: octal digits without a zero before them, at most `7777`.
pub(super) fn is_mode(text: &str) -> bool {
    let octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    octal && (1..=4).contains(&text.len()) && (text == "0" || !text.starts_with('0'))
}

/// How many modes there are.
pub(super) const MODES: u64 = 0o10000;

/// Whether this is true of any mode.
pub(super) fn any_mode(is: impl Fn(&str) -> bool) -> bool {
    (0..MODES).any(|mode| is(&format!("{mode:o}")))
}

/// What a text that is meant as a mode should be: `0777`, `0o644` and `rw-r--r--` as octal digits. `None` if it may be meant
/// as anything.
pub(super) fn mode_meant(text: &str) -> Option<String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        let short = digits.trim_start_matches('0');
        return Some(if short.is_empty() { "0" } else { short }.to_owned()).filter(|short| is_mode(short));
    }
    let letters = text.strip_prefix(['-', 'd', 'l']).filter(|rest| rest.len() == 9).unwrap_or(text);
    if letters.len() != 9 {
        return None;
    }
    let mut mode = 0_u32;
    for (at, letter) in letters.chars().enumerate() {
        let right = "rwx".as_bytes()[at % 3];
        match letter {
            '-' => mode <<= 1,
            letter if letter == char::from(right) => mode = (mode << 1) | 1,
            _ => return None,
        }
    }
    Some(format!("{mode:o}"))
}

/// What a text is whose letters are in another order than what it says; `None` if their order is its own: it begins with no
/// number (`100%`, `-1`, `.5`, `10,5 s`, `V2` and `1.2` do), or with a day, and no other number behind it but the time of one clock.
pub(super) fn misordered(text: &str) -> Option<Misordered> {
    let text = text.trim_start();
    if Moment::parse(text).is_some() {
        return Some(Misordered::Moment);
    }
    if let Some((_, rest)) = split_day(text) {
        if !rest.contains(|c: char| c.is_ascii_digit()) || is_time_of_day(rest.trim_end()) {
            return None;
        }
        // Such as `2026-01-10.9`, of which a later one is `2026-01-10.10`.
        let is_number = rest.strip_prefix(['.', '-', '_', '+', '~']).is_some_and(begins_with_digit);
        return Some(if is_number { Misordered::Number } else { Misordered::Moment });
    }
    let number = text.strip_prefix(['v', 'V', '+', '-']).unwrap_or(text);
    begins_with_digit(number.strip_prefix('.').unwrap_or(number)).then_some(Misordered::Number)
}

/// Whether two texts are in another order than their letters.
pub(super) fn have_no_order(a: &str, b: &str) -> bool {
    match (misordered(a), misordered(b)) {
        (None, None) => false,
        (Some(_), Some(_)) => true,
        // A day with a zone or a number behind it, beside a day with something else.
        _ => [a, b].iter().all(|text| split_day(text.trim_start()).is_some()),
    }
}

/// The day that a text begins with (`2026-01-31`), and what follows it.
fn split_day(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(10)
        .filter(|(day, _)| day.as_bytes()[4] == b'-' && day.parse::<jiff::civil::Date>().is_ok())
}

/// Whether this follows a day as `T10:00` or ` 10:00:00.5` does, with all digits of hour, minute and second, and nothing else.
fn is_time_of_day(text: &str) -> bool {
    let Some(time) = text.strip_prefix(['T', 't', ' ']) else { return false };
    let (clock, fraction) =
        time.split_once(['.', ',']).map_or((time, None), |(clock, rest)| (clock, Some(rest)));
    let parts: Vec<&str> = clock.split(':').collect();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts.len(), 2 | 3)
        && parts.iter().all(|part| part.len() == 2 && digits(part))
        && fraction.is_none_or(|fraction| parts.len() == 3 && !fraction.is_empty() && digits(fraction))
}

fn begins_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}
