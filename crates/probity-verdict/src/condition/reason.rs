//! Why a condition is neither true nor false, as data; the sentences are made here and nowhere else. No value of the target
//! stands in them: it may be long, or a secret.

use std::fmt;

use probity_plan::Value;
use serde::{Deserialize, Serialize};

use super::version::Scheme;

/// A class of values. Values of different classes do not compare, but for `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Class {
    Null,
    Bool,
    Number,
    Text,
    Moment,
    Interval,
    List,
    Map,
}

impl Class {
    /// The class of a value.
    pub const fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::Text(_) => Self::Text,
            Value::Moment(_) => Self::Moment,
            Value::Interval(_) => Self::Interval,
            Value::List(_) => Self::List,
            Value::Map(_) => Self::Map,
        }
    }
}

impl fmt::Display for Class {
    /// With its article: "a number".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Moment => "a moment",
            Self::Interval => "an interval",
            Self::List => "a list",
            Self::Map => "a map",
        })
    }
}

/// Why a condition is unknown for want of anything to look at, or cannot be evaluated on what was observed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reason {
    /// Unknown: the list to look through is empty.
    EmptyList,
    /// Unknown: it takes more steps than one evaluation may.
    TooManySteps,
    /// Unknown: the judgement as a whole has taken as many steps as it may.
    JudgementTooLong,
    /// The fact is never known.
    NeverKnown,
    /// The map has no such key.
    NoKey {
        /// The key, cut to 80 characters.
        key: String,
    },
    /// The list ends before this place.
    OutOfRange,
    /// The values do not compare.
    NotComparable {
        /// The operator, such as `<`.
        operator: String,
        /// What stands left of it.
        left: Class,
        /// What stands right of it.
        right: Class,
    },
    /// Both texts are numbers, versions or moments, whose order is not that of their letters.
    OrderOfText {
        /// The operator, such as `<`.
        operator: String,
    },
    /// Something is no value of the class that an operator or function takes.
    NotMadeFor {
        /// The operator or function, such as `contains` or `+`.
        what: String,
        /// What it was given.
        class: Class,
    },
    /// A division by zero.
    DivisionByZero,
    /// A number with more digits than are calculated with.
    TooManyDigits,
    /// What should be a whole number is none.
    NotWhole {
        /// The operator or function.
        what: String,
    },
    /// The text is no number.
    NotANumber,
    /// Unknown: it depends on what was masked.
    Masked,
    /// Unknown: the text is no moment (RFC 3339).
    NotAMoment,
    /// Unknown: the text is no version of this scheme.
    NotAVersion {
        /// The scheme.
        scheme: Scheme,
    },
    /// The text is no file's mode, and stands beside one.
    NotAMode,
    /// The text is no regular expression, or too large a one.
    NotAPattern,
    /// Where true or false was expected, there is something else.
    NotATruth {
        /// What there is.
        class: Class,
    },
}

impl Reason {
    /// Whether it leaves the condition unknown, rather than making it an error.
    pub const fn leaves_unknown(&self) -> bool {
        matches!(
            self,
            Self::EmptyList
                | Self::TooManySteps
                | Self::JudgementTooLong
                | Self::Masked
                | Self::NotAMoment
                | Self::NotAVersion { .. }
        )
    }

    pub(super) fn no_key(key: &str) -> Self {
        let mut short: String = key.chars().take(80).collect();
        if short.len() < key.len() {
            short.push('…');
        }
        Self::NoKey { key: short }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyList => {
                f.write_str("the list is empty, and nothing passes on nothing (`empty: ok` accepts that)")
            }
            Self::TooManySteps => {
                f.write_str("it takes more steps than a condition may: there is too much to look through")
            }
            Self::JudgementTooLong => f.write_str("the judgement has taken as many steps as it may"),
            Self::NeverKnown => f.write_str("it is never known"),
            Self::NoKey { key } => write!(f, "there is no `{}`", key.escape_debug()),
            Self::OutOfRange => f.write_str("the list has no such place"),
            Self::NotComparable { operator, left, right } => {
                write!(f, "`{operator}` does not compare {left} with {right}")?;
                match (left, right) {
                    (Class::Text, Class::Moment) | (Class::Moment, Class::Text) => {
                        f.write_str("; `moment(x)` makes a moment of text")
                    }
                    _ => Ok(()),
                }
            }
            Self::OrderOfText { operator } => write!(
                f,
                "`{operator}` would order numbers, versions or moments by their letters; write `double(x)`, `version(x, \"dpkg\")` or \
                 `moment(x)`"
            ),
            Self::NotMadeFor { what, class } => write!(f, "`{what}` is not made for {class}"),
            Self::DivisionByZero => f.write_str("a division by zero"),
            Self::TooManyDigits => f.write_str("a number of more digits than are calculated with"),
            Self::NotWhole { what } => write!(f, "`{what}` takes whole numbers"),
            Self::NotANumber => f.write_str("the text is no number"),
            Self::Masked => f.write_str("it depends on what was masked in the text"),
            Self::NotAMoment => f.write_str("the text is no moment (RFC 3339)"),
            Self::NotAVersion { scheme } => write!(f, "the text is no version as {scheme} has them"),
            Self::NotAMode => {
                f.write_str("a file's mode is held against text that no mode is written as, like `0640`")
            }
            Self::NotAPattern => f.write_str("the regular expression cannot be read"),
            Self::NotATruth { class } => write!(f, "it is {class}, not true or false"),
        }
    }
}
