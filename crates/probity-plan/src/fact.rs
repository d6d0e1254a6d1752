//! Facts: what a probe saw, or the named barrier behind which it could not look (design.md, rule 2).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value that was seen. Written as the JSON value it looks like; its [`crate::FactType`] says how to read it.
///
/// Integers beyond `i64` and floats that are not finite do not exist here: a probe that meets one records text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// JSON `null`, for instance an empty column of a query.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// Text. Times are text too: RFC 3339, UTC, microseconds (`2026-01-31T23:59:59.000000Z`), so that they compare.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map, for instance HTTP headers. An interval ([`Value::interval`]) is the map `at_least`, `at_most`.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// A quantity known to lie in `[at_least, at_most]`; without `at_most` there is no upper end (a time-out: at
    /// least this long).
    pub fn interval(at_least: f64, at_most: Option<f64>) -> Self {
        let mut map = BTreeMap::from([("at_least".to_owned(), Self::Float(at_least))]);
        if let Some(most) = at_most {
            map.insert("at_most".to_owned(), Self::Float(most));
        }
        Self::Map(map)
    }

    /// The ends of an interval; `f64::INFINITY` stands for a missing upper end. A plain number is its own interval.
    /// `None` if this is neither.
    pub fn as_interval(&self) -> Option<(f64, f64)> {
        match self {
            Self::Map(map) => {
                let least = map.get("at_least")?.as_number()?;
                let most = match map.get("at_most") {
                    Some(most) => most.as_number()?,
                    None => f64::INFINITY,
                };
                Some((least, most))
            }
            other => other.as_number().map(|number| (number, number)),
        }
    }

    /// The number, if it is one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "facts above 2^53 lose digits only in arithmetic with floats"
    )]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Float(float) => Some(*float),
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

    /// From a JSON value; integers beyond `i64` become text, so that nothing is rounded in silence.
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(bool) => Self::Bool(*bool),
            serde_json::Value::Number(number) => match (number.as_i64(), number.is_u64(), number.as_f64()) {
                (Some(int), ..) => Self::Int(int),
                (None, false, Some(float)) => Self::Float(float),
                _ => Self::Text(number.to_string()),
            },
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(list) => Self::List(list.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(map) => {
                Self::Map(map.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect())
            }
        }
    }
}

/// By hand, since serde's `untagged` copies each value before it tries the variants, and a log holds millions.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Value;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value: null, true, false, a number, text, a list or a map")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
                Ok(Value::Bool(bool))
            }
            fn visit_i64<E>(self, int: i64) -> Result<Value, E> {
                Ok(Value::Int(int))
            }
            fn visit_u64<E>(self, int: u64) -> Result<Value, E> {
                Ok(i64::try_from(int).map_or_else(|_| Value::Text(int.to_string()), Value::Int))
            }
            fn visit_f64<E>(self, float: f64) -> Result<Value, E> {
                Ok(Value::Float(float))
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
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((key, value)) = entries.next_entry()? {
                    map.insert(key, value);
                }
                Ok(Value::Map(map))
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
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
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

/// Why a fact is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Barrier {
    /// The other side refused the connection.
    ConnectionRefused,
    /// No answer within the probe's time-out.
    TimedOut,
    /// No route, no such name, no such socket.
    Unreachable,
    /// The observer's user may not look.
    PermissionDenied,
    /// A tool that the kind needs is not on the target.
    ToolMissing,
    /// The operator did not allow the probe's impact.
    NotPermitted,
    /// A claim that the probe `needs` did not hold.
    Prerequisite,
    /// The run was interrupted or reached its limit.
    Aborted,
    /// Nobody looked: the slot was missed, or the fact was not asked for.
    NotMade,
    /// The observer was too busy for the measurement to mean anything.
    Overloaded,
    /// More than may be kept or read.
    TooLarge,
    /// The target, or this build, has no such thing.
    Unsupported,
    /// What came back is not what the protocol or format says.
    Protocol,
    /// It became another one while it was looked at.
    Changed,
}

impl Barrier {
    /// The name as written in logs and reports, for instance `connection-refused`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection-refused",
            Self::TimedOut => "timed-out",
            Self::Unreachable => "unreachable",
            Self::PermissionDenied => "permission-denied",
            Self::ToolMissing => "tool-missing",
            Self::NotPermitted => "not-permitted",
            Self::Prerequisite => "prerequisite",
            Self::Aborted => "aborted",
            Self::NotMade => "not-made",
            Self::Overloaded => "overloaded",
            Self::TooLarge => "too-large",
            Self::Unsupported => "unsupported",
            Self::Protocol => "protocol",
            Self::Changed => "changed",
        }
    }
}

impl std::fmt::Display for Barrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A fact that is unknown, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The barrier.
    pub barrier: Barrier,
    /// What exactly was in the way, for a person: `open /etc/shadow: Permission denied`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Blocked {
    /// A barrier with its detail.
    pub fn new(barrier: Barrier, detail: impl Into<String>) -> Self {
        Self { barrier, detail: detail.into() }
    }
}

/// One fact of an observation.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// It was seen.
    Known(Value),
    /// It was not, and this is why.
    Unknown(Blocked),
}
