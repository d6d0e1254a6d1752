//! Values. What a target sent is text, a number, a list, a map, `true`, `false` or `null`; what an observer measured is an
//! interval or a moment. Nothing becomes one of the latter by how it looks: only the declared type of a fact makes it so
//! ([`crate::FactType::adopt`]), or the plan's own word (`moment(x)`).
//!
//! Must not know: which fact a value belongs to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::number::{MAX_NUMBER, Number};

/// The deepest nesting of lists and maps that is taken from a target.
pub const MAX_DEPTH: usize = 100;
/// And the deepest that is read again: the parser's own limit.
const MAX_DEPTH_READ: usize = 127;

/// A value that was seen. Written as the JSON value it looks like; which fact is an interval or a moment is declared beside
/// it ([`crate::FactType`]).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// JSON `null`, for instance an empty column of a query.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number of any size.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map, for instance HTTP headers.
    Map(BTreeMap<String, Value>),
    /// A measured quantity.
    Interval(Interval),
    /// A moment.
    Moment(Moment),
}

/// A measured quantity known to lie between two ends. Written as `{"at_least": 1.5, "at_most": 2.0}`; without `at_most`
/// there is no upper end (a time-out: at least this long).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The lower end.
    pub at_least: f64,
    /// The upper end; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

impl Interval {
    /// Both ends; `f64::INFINITY` stands for a missing upper end.
    pub fn ends(self) -> (f64, f64) {
        (self.at_least, self.at_most.unwrap_or(f64::INFINITY))
    }
}

/// A moment, to the microsecond. Written as RFC 3339 in UTC: `2026-01-31T23:59:59.000000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(jiff::Timestamp);

impl Moment {
    /// Cut to the microsecond.
    pub fn new(at: jiff::Timestamp) -> Self {
        Self(jiff::Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
    }

    /// The moment that this RFC 3339 text names, with its offset from UTC. `None` if it names none, or one that cannot be told:
    /// a leap second, or after 9999-12-30T22:00:00Z.
    pub fn parse(text: &str) -> Option<Self> {
        // RFC 3339, section 5.6. The parser takes more than that, and of a second no more than nine digits.
        static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(
                r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-5][0-9])(?:(\.[0-9]{1,9})[0-9]*)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
            )
            .ok()
        });
        let parts = SHAPE.as_ref()?.captures(text)?;
        let part = |at| parts.get(at).map_or("", |part| part.as_str());
        format!("{}{}{}", part(1), part(2), part(3)).parse().ok().map(Self::new)
    }

    /// As a time stamp.
    pub const fn timestamp(self) -> jiff::Timestamp {
        self.0
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Value {
    /// A quantity known to lie in `[at_least, at_most]`; without `at_most` there is no upper end.
    pub const fn interval(at_least: f64, at_most: Option<f64>) -> Self {
        Self::Interval(Interval { at_least, at_most })
    }

    /// A decimal number; `null` if it is infinite or no number, which no target sends.
    pub fn decimal(number: f64) -> Self {
        Number::from_f64(number).map_or(Self::Null, Self::Number)
    }

    /// The ends of an interval, `f64::INFINITY` for a missing upper one. A number is its own interval, as near as doubles
    /// tell. `None` if this is neither.
    pub fn ends(&self) -> Option<(f64, f64)> {
        match self {
            Self::Interval(interval) => Some(interval.ends()),
            Self::Number(number) => Some((number.to_f64(), number.to_f64())),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The nearest double, if it is a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.to_f64()),
            _ => None,
        }
    }

    /// The whole number of 64 bits, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// Reads JSON as it was written down. Numbers are exact, whatever their size.
    ///
    /// # Errors
    /// [`JsonError`].
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        Self::read(text, MAX_DEPTH_READ)
    }

    /// Reads JSON as a target sends it, which is to be written down.
    ///
    /// # Errors
    /// [`JsonError`].
    pub fn sent(text: &str) -> Result<Self, JsonError> {
        Self::read(text, MAX_DEPTH)
    }

    fn read(text: &str, deepest: usize) -> Result<Self, JsonError> {
        let scan = Scan::of(text.as_bytes());
        if scan.depth > deepest {
            return Err(JsonError::TooDeep { deepest });
        }
        if scan.long_number { exact(text) } else { Ok(serde_json::from_str(text)?) }
    }
}

/// Why JSON is not read.
#[derive(Debug)]
pub enum JsonError {
    /// It is none, or has a key twice in one object: then two readers see different things.
    Not(serde_json::Error),
    /// It is nested more than so deep.
    TooDeep {
        /// [`MAX_DEPTH`] of what a target sends.
        deepest: usize,
    },
    /// A number in it is longer than [`MAX_NUMBER`].
    LongNumber,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self::Not(error)
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Not(error) => write!(f, "not JSON: {error}"),
            Self::TooDeep { deepest } => write!(f, "JSON that is nested more than {deepest} levels deep"),
            Self::LongNumber => write!(f, "JSON with a number of more than {MAX_NUMBER} characters"),
        }
    }
}

/// What shows before JSON is parsed.
struct Scan {
    /// Whether there may be a number that 64 bits or a double do not hold exactly: one of 16 digits or more, or with an exponent.
    long_number: bool,
    /// How deep its lists and maps are nested.
    depth: usize,
}

impl Scan {
    fn of(text: &[u8]) -> Self {
        let (mut digits, mut quoted, mut escaped, mut open) = (0, false, false, 0_usize);
        let mut scan = Self { long_number: false, depth: 0 };
        for byte in text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = quoted,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'0'..=b'9' => {
                    digits += 1;
                    scan.long_number |= digits == 16;
                }
                b'e' | b'E' if digits > 0 => scan.long_number = true,
                b'.' => {}
                b'[' | b'{' => {
                    open += 1;
                    scan.depth = scan.depth.max(open);
                }
                b']' | b'}' => (open, digits) = (open.saturating_sub(1), 0),
                _ => digits = 0,
            }
        }
        scan
    }
}

/// Each number from its text. Looks at what is inside a list or a map once for each level around it.
fn exact(text: &str) -> Result<Value, JsonError> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    match text.as_bytes().first() {
        Some(b'{') => {
            let Entries::<&RawValue>(entries) = serde_json::from_str(text)?;
            entries
                .into_iter()
                .map(|(key, value)| Ok((key, exact(value.get())?)))
                .collect::<Result<_, _>>()
                .map(Value::Map)
        }
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_str(text)?;
            list.into_iter().map(|value| exact(value.get())).collect::<Result<_, _>>().map(Value::List)
        }
        Some(b'-' | b'0'..=b'9') => match Number::parse(text) {
            Some(number) => Ok(Value::Number(number)),
            None if text.len() > MAX_NUMBER => Err(JsonError::LongNumber),
            None => Ok(serde_json::from_str(text)?),
        },
        _ => Ok(serde_json::from_str(text)?),
    }
}

/// A JSON object's entries, each key once.
pub(crate) struct Entries<T>(pub(crate) BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = Entries<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Entries<T>, A::Error> {
                entries(map).map(Entries)
            }
        }
        deserializer.deserialize_map(Visitor(std::marker::PhantomData))
    }
}

/// A map of which each key is there once, for `deserialize_with`.
///
/// # Errors
/// If it is no map, or has a key twice: then two readers see different things.
pub fn unique<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    Entries::deserialize(deserializer).map(|entries| entries.0)
}

fn entries<'de, A: serde::de::MapAccess<'de>, T: Deserialize<'de>>(
    mut map: A,
) -> Result<BTreeMap<String, T>, A::Error> {
    let mut entries = BTreeMap::new();
    while let Some((key, value)) = map.next_entry::<String, T>()? {
        match entries.entry(key) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(value);
            }
            std::collections::btree_map::Entry::Occupied(place) => {
                let key = probity_text::whole(place.key(), 80);
                return Err(serde::de::Error::custom(format!("the key {key} is there twice")));
            }
        }
    }
    Ok(entries)
}

/// By hand, since serde's `untagged` copies each value before it tries the variants, and a log holds millions. Reads what a
/// target can send, never an interval or a moment. Whole numbers beyond 64 bits come as the nearest double: whoever has
/// the text takes [`Value::from_json`].
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value: null, true, false, a number, text, a list or a map")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
                Ok(Value::Bool(bool))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(number.into())
            }
            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(number.into())
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
                Number::from_f64(number)
                    .map(Value::Number)
                    .ok_or_else(|| E::custom("a number that is not finite"))
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
            fn visit_string<E>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(text))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    list.push(item);
                }
                Ok(Value::List(list))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
                entries(map).map(Value::Map)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}
impl From<Interval> for Value {
    fn from(value: Interval) -> Self {
        Self::Interval(value)
    }
}
impl From<jiff::Timestamp> for Value {
    fn from(at: jiff::Timestamp) -> Self {
        Self::Moment(Moment::new(at))
    }
}
macro_rules! from_whole {
    ($($type:ty),*) => {$(
        impl From<$type> for Value {
            fn from(number: $type) -> Self {
                Self::Number(number.into())
            }
        }
    )*};
}
from_whole!(i32, u16, u32, i64, u64, usize);
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(value: Vec<T>) -> Self {
        Self::List(value.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::from_json(text).unwrap()
    }

    #[test]
    fn numbers_of_any_size_are_exact() {
        let text = r#"{"u":18446744073709551615,"w":[18446744073709551617, 0.10000000000000000001],"t":"18446744073709551617","big":1e400}"#;
        let Value::Map(map) = json(text) else { panic!() };
        assert_eq!(map["u"], Value::from(u64::MAX));
        assert_eq!(map["t"], Value::from("18446744073709551617"));
        assert_ne!(map["w"], json("[18446744073709551616, 0.1]"));
        assert_eq!(map["big"].to_owned(), json("1e400"));
        assert_eq!(json(&serde_json::to_string(&map).unwrap()), Value::Map(map));
    }

    #[test]
    fn a_number_that_is_too_long_is_not_rounded_and_nesting_has_one_limit() {
        let nines = |count| format!("[0.{}]", "9".repeat(count));
        assert!(json(&nines(4000)) != json("[1]"));
        assert!(matches!(Value::from_json(&nines(5000)), Err(JsonError::LongNumber)));
        for inside in ["", "1", "1e5", "{}", "\"[[\""] {
            let nested = |depth: usize| format!("{}{inside}{}", "[".repeat(depth), "]".repeat(depth));
            assert!(Value::sent(&nested(99)).is_ok(), "{inside}");
            assert!(matches!(Value::sent(&nested(101)), Err(JsonError::TooDeep { .. })), "{inside}");
            assert!(Value::from_json(&nested(126)).is_ok(), "{inside}");
        }
    }

    #[test]
    fn what_a_target_sends_is_never_an_interval_or_a_moment() {
        for text in [
            r#"{"at_least":1,"at_most":1}"#,
            r#""2026-01-31T23:59:59.000000Z""#,
            r#"{"at_least":1000000000000000000000}"#,
        ] {
            assert!(matches!(json(text), Value::Map(_) | Value::Text(_)), "{text}");
        }
    }

    #[test]
    fn a_moment_is_what_rfc_3339_calls_one_and_no_other_text() {
        let micros = |text: &str| Moment::parse(text).map(|moment| moment.timestamp().as_microsecond());
        let known = micros("2026-06-10T12:30:00Z").unwrap();
        for same in [
            "2026-06-10t12:30:00z",
            "2026-06-10T12:30:00.000Z",
            "2026-06-10T12:30:00.00000000000000Z",
            "2026-06-10T18:00:00+05:30",
            "2026-06-09T12:31:00-23:59",
        ] {
            assert_eq!(micros(same), Some(known), "{same}");
        }
        assert_eq!(micros("2026-06-10T12:30:00.1234567899Z"), Some(known + 123_456));
        for none in [
            "2026-06-10 12:30:00Z",
            "2026-06-10T12:30Z",
            "2026-06-10T12:30:00",
            "2026-06-10T12:30:00,5Z",
            "2026-06-10T12:30:00+05",
            "2026-06-10T12:30:00+0530",
            "2026-06-10T12:30:00+05:30:15",
            "2026-06-10T12:30:00+24:00",
            "2026-06-10T12:30:60Z",
            "2016-12-31T23:59:60Z",
            "2026-06-10T12:30:0012Z",
            "2026-02-30T12:30:00Z",
            "2026-06-10T12:30:00Z[UTC]",
            "9999-12-31T23:59:59Z",
            " 2026-06-10T12:30:00Z",
        ] {
            assert_eq!(micros(none), None, "{none}");
        }
    }

    #[test]
    fn a_key_twice_and_nesting_without_end_are_refused() {
        for text in [
            r#"{"a":1,"a":2}"#.to_owned(),
            r#"[{"a":1111111111111111111111,"a":2}]"#.to_owned(),
            "[".repeat(200) + &"]".repeat(200),
            format!("{}1111111111111111111111{}", "[".repeat(130), "]".repeat(130)),
            "1111111111111111111111 2".to_owned(),
            "01111111111111111111111".to_owned(),
        ] {
            assert!(Value::from_json(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_is_rfc_3339() {
        let at = Moment::parse("2026-01-31T23:59:59.0000005Z").unwrap();
        assert_eq!(at.to_string(), "2026-01-31T23:59:59.000000Z");
        assert!(Moment::parse("2026-02-01T01:59:59+02:00") == Some(at));
        for text in [
            "",
            "tomorrow",
            "2026-01-31",
            "2026-01-31 23:59:59Z",
            "2026-01-31T23:59:59",
            "2026-01-31T23Z",
            "2026-02-30T00:00:00Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
