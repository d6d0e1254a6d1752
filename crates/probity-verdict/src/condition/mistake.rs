//! What can be wrong with a condition, as data; and in one place what is said of it.

use std::fmt;

use probity_plan::Number;
use probity_plan::kinds::Spelling;
use probity_text::did_you_mean;

use super::lex::{self, Fault};
use super::scope::AGAINST;
use super::syntax::{MAX_SOURCE, Operator};
use super::tree::{LookKind, functions};
use super::types::Type;
use super::version::Scheme;

/// Why a condition cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionError {
    /// Where in the source, in characters from 0.
    pub offset: usize,
    /// How many characters it is about, at least 1.
    pub length: usize,
    mistake: Mistake,
}

impl ConditionError {
    /// At a byte of the source.
    pub(super) fn new(source: &str, at: usize, mistake: Mistake) -> Self {
        let bytes = if mistake.is_of_all() { source.len() } else { lex::length(&source[at..]) };
        let length = source[at..].chars().count().min(characters(&source[at..], bytes)).max(1);
        Self { offset: characters(source, at), length, mistake }
    }

    /// What is wrong.
    pub fn message(&self) -> String {
        self.mistake.to_string()
    }

    /// What would be right; empty if the message says it.
    pub fn remedy(&self) -> String {
        self.mistake.remedy()
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mistake.fmt(f)
    }
}

impl std::error::Error for ConditionError {}

/// How many characters stand before this byte.
pub(crate) fn characters(source: &str, at: usize) -> usize {
    source.char_indices().take_while(|(byte, _)| *byte < at).count()
}

/// A part of a condition, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operand {
    /// As it is written, of a fact and of an element that is looked at; nothing of anything else.
    pub(super) written: Option<String>,
    pub(super) ty: Type,
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => write!(f, "`{written}` is {}", self.ty.name()),
            None => write!(f, "this is {}", self.ty.name()),
        }
    }
}

/// What a function or an operator is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MadeFor {
    Numbers,
    Text,
    NumbersAndText,
    Moments,
    /// `size`
    Sized,
    /// `string`
    Written,
    /// `all` and its like.
    LookingThrough,
    /// `in`
    LookingInto,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mistake {
    TooLong {
        bytes: usize,
    },
    Unreadable(Fault),
    ReadsNoFact {
        readable: Vec<String>,
    },
    UnknownFact {
        name: String,
        readable: Vec<String>,
    },
    /// `against` without the name of a fact.
    AgainstAlone {
        readable: Vec<String>,
    },
    UnknownFunction(String),
    /// A function or macro with other arguments than it takes; with how it is written.
    Misused {
        function: String,
        written: String,
    },
    NoNameOfElement(LookKind),
    NoFieldAsked,
    /// `has` of a fact of the other observation.
    AlwaysThere,
    Choice,
    NotTrueOrFalse(Operand),
    NotMadeFor {
        operand: Operand,
        what: &'static str,
        made_for: MadeFor,
    },
    NoSuchField {
        operand: Operand,
        field: String,
    },
    NothingTakenOut(Operand),
    NoIndex(Type),
    KeyIsNoText,
    KeyTwice,
    NoPattern,
    /// A measured time is asked whether it is true.
    MeasuredAsTruth,
    MeasuredHere,
    MeasuredTwice,
    BesideMeasured,
    /// What is looked for in a list of something else.
    NeverAmong {
        element: Operand,
        of: Type,
    },
    NeverAKey(Operand),
    NeverCompares {
        fact: Operand,
        other: Type,
        instead: Option<String>,
    },
    NeverThis {
        fact: Operand,
        number: Number,
    },
    /// What a fact is never written as, or no key of it.
    NeverWritten {
        fact: String,
        text: String,
        spelling: Spelling,
        key: bool,
    },
    /// A version in order; how it stands beside the other side.
    VersionInOrder {
        version: Operand,
        written: String,
        operator: Operator,
        other: String,
    },
    ModeInOrder(Operand),
    HasNoOrder(Operand),
    /// Text that is ordered otherwise than by its letters.
    OrderOfText {
        because: Misordered,
    },
    NoMode {
        meant: Option<String>,
    },
    NoModeInRow {
        column: String,
        text: String,
        meant: String,
    },
    NoMoment,
    VersionAlone {
        in_list: bool,
    },
    SchemesDiffer(Scheme, Scheme),
    VersionIsNoText(Operand),
    NoVersion(Scheme),
    NoScheme,
}

/// Text whose letters are in another order than what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misordered {
    Moment,
    /// A number or a version.
    Number,
}

const MEASURED: &str = "a measured time is known as an interval; compare it with <, <=, > or >=, \
                        where +, - and * may stand beside it, each interval once";

impl Mistake {
    /// Whether it is about the whole condition.
    const fn is_of_all(&self) -> bool {
        matches!(self, Self::TooLong { .. } | Self::ReadsNoFact { .. })
    }

    fn remedy(&self) -> String {
        let said = match self {
            Self::TooLong { .. } => "split it into several claims",
            Self::Unreadable(fault) => remedy_of(fault),
            Self::ReadsNoFact { readable }
            | Self::UnknownFact { readable, .. }
            | Self::AgainstAlone { readable } => {
                return format!("facts that may be read: {}", readable.join(", "));
            }
            Self::UnknownFunction(_) => return format!("a condition knows {}", functions().join(", ")),
            Self::Misused { written, .. } => return format!("write it as in `{written}`"),
            Self::NoNameOfElement(kind) => {
                return format!("write it as in `lines.{}(line, line.contains(\"ok\"))`", kind.name());
            }
            Self::NoFieldAsked => "write it as in `has(json.name)`",
            Self::Choice => "say it with && and ||",
            Self::NotTrueOrFalse(_) => "compare it with something, as in `== 200`",
            Self::NotMadeFor { operand, made_for, .. } => match (made_for, &operand.ty) {
                (MadeFor::Text, Type::List(_)) => "ask whether something is in it as in `\"ok\" in lines`",
                (MadeFor::LookingInto, ty) if ty.is_text() => "write it as in `body.contains(\"ok\")`",
                _ => "",
            },
            Self::NothingTakenOut(_) => "`[...]` takes an element of a list or a map",
            Self::NoIndex(_) => "a list has its elements by number, from 0, and a map by text",
            Self::KeyIsNoText => "write it as in `{\"name\": 1}`",
            Self::NoPattern => {
                "see https://docs.rs/regex for its syntax; it may take at most 1 MiB once it is read"
            }
            Self::MeasuredAsTruth | Self::MeasuredHere | Self::MeasuredTwice | Self::BesideMeasured => {
                MEASURED
            }
            Self::NeverCompares { instead: Some(instead), .. } => return format!("write {instead}"),
            Self::VersionInOrder { written, operator, other, .. } => {
                let symbol = operator.symbol();
                return format!(
                    "write `version({written}, \"dpkg\") {symbol} {other}`, or \"rpm\" or \"apk\" for \"dpkg\""
                );
            }
            Self::ModeInOrder(_) => "write it as in `mode in [\"600\", \"640\"]`",
            Self::HasNoOrder(_) => "compare it with == or !=",
            Self::OrderOfText { because: Misordered::Moment } => {
                "text is ordered letter by letter, moments are not: write it as in `moment(x) > \"2026-01-31T00:00:00Z\"`"
            }
            Self::OrderOfText { because: Misordered::Number } => {
                "text is ordered letter by letter, numbers and versions are not: write a number without quotes (and `double(x)` for text that is one), or \
                 `version(x, \"dpkg\")` (or \"rpm\", \"apk\", \"semver\")"
            }
            Self::NoMode { meant: Some(meant) } => return format!("write \"{meant}\""),
            Self::NoMode { meant: None } => {
                "a mode is up to four octal digits without a zero before them, as in \"644\""
            }
            Self::NoModeInRow { meant, .. } => return format!("write {meant} there"),
            Self::NeverWritten { text, spelling: Spelling::LowerCase, .. } => {
                return format!("write \"{}\"", text.to_ascii_lowercase());
            }
            Self::NeverWritten { spelling: Spelling::OneOf(words), .. } => {
                return format!("it is one of {}", words.join(", "));
            }
            Self::NoMoment => "write it as RFC 3339 has it, with its offset: \"2026-01-31T23:59:59Z\"",
            Self::VersionAlone { in_list: false } => "write it as in `version(version, \"dpkg\") >= \"1.2\"`",
            Self::VersionAlone { in_list: true } => {
                "write it as in `version(version, \"dpkg\") == \"1.2\"`, joined with ||"
            }
            Self::VersionIsNoText(_) => "write it in quotes, as in \"1.2\"",
            Self::NoScheme => return format!("it may be {}", schemes()),
            Self::AlwaysThere
            | Self::NoSuchField { .. }
            | Self::KeyTwice
            | Self::NeverAmong { .. }
            | Self::NeverAKey(_)
            | Self::NeverCompares { instead: None, .. }
            | Self::NeverThis { .. }
            | Self::NeverWritten { spelling: Spelling::Any, .. }
            | Self::SchemesDiffer(..)
            | Self::NoVersion(_) => "",
        };
        said.to_owned()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "this condition has {bytes} bytes; a condition has at most {MAX_SOURCE}")
            }
            Self::Unreadable(fault) => f.write_str(&message_of(fault)),
            Self::ReadsNoFact { .. } => {
                f.write_str("this condition reads no fact, so it says nothing about the target")
            }
            Self::UnknownFact { name, readable } => {
                let short = name.strip_prefix(AGAINST).unwrap_or(name);
                let meant = did_you_mean(name, readable.iter().map(String::as_str));
                write!(f, "there is no fact `{short}` here{meant}")
            }
            Self::AgainstAlone { .. } => {
                f.write_str("`against` stands before the name of a fact, as in `against.size_bytes`")
            }
            Self::UnknownFunction(name) => {
                write!(f, "there is no function `{name}`{}", did_you_mean(name, functions().iter().copied()))
            }
            Self::Misused { function, .. } => write!(f, "`{function}` is used otherwise"),
            Self::NoNameOfElement(_) => f.write_str("a name for each element is expected here"),
            Self::NoFieldAsked => f.write_str("`has` asks for a field"),
            Self::AlwaysThere => {
                f.write_str("a fact of the other observation is always there, or behind a barrier")
            }
            Self::Choice => f.write_str("`? :` is not allowed in a condition"),
            Self::NotTrueOrFalse(operand) => write!(f, "{operand}, not true or false"),
            Self::NotMadeFor { operand, what, made_for } => {
                let verb = match made_for {
                    MadeFor::Numbers => "is for numbers",
                    MadeFor::Text => "is for text",
                    MadeFor::NumbersAndText => "is for numbers and text",
                    MadeFor::Moments => "is for text, as RFC 3339 has it",
                    MadeFor::Sized => "is for text, lists and maps",
                    MadeFor::Written => "is for text, numbers, moments, true and false",
                    MadeFor::LookingThrough => "looks through lists and maps",
                    MadeFor::LookingInto => "looks into lists and maps",
                };
                write!(f, "{operand}; `{what}` {verb}")
            }
            Self::NoSuchField { operand, field } => write!(f, "{operand}, which has no field `{field}`"),
            Self::NothingTakenOut(operand) => write!(f, "{operand}, of which nothing is taken out"),
            Self::NoIndex(ty) => write!(f, "this is {}", ty.name()),
            Self::KeyIsNoText => f.write_str("a key is text, written out"),
            Self::KeyTwice => f.write_str("this key is there twice"),
            Self::NoPattern => f.write_str("this regular expression cannot be read"),
            Self::MeasuredAsTruth => f.write_str("a measured time is not true or false"),
            Self::MeasuredHere => f.write_str("a measured time may not stand here"),
            Self::MeasuredTwice => f.write_str("a measured time may stand only once in a comparison"),
            Self::BesideMeasured => f.write_str("this may not stand beside a measured time"),
            Self::NeverAmong { element, of } => {
                write!(f, "{element} and is looked for among {}", of.name())
            }
            Self::NeverAKey(operand) => write!(f, "{operand}, and the keys of a map are text"),
            Self::NeverCompares { fact, other, .. } => {
                write!(f, "{fact} and is compared with {}", other.name())
            }
            Self::NeverThis { fact, number } => write!(f, "{fact}, and never {number}"),
            Self::NeverWritten { fact, text, key: true, .. } => {
                write!(f, "`{fact}` has no key `{text}`: its keys are in lower case")
            }
            Self::NeverWritten { fact, text, .. } => write!(f, "`{fact}` is never written `{text}`"),
            Self::VersionInOrder { version, .. } => {
                write!(f, "{version}, whose order is not that of text")
            }
            Self::ModeInOrder(operand) | Self::HasNoOrder(operand) => {
                write!(f, "{operand}, which has no order")
            }
            Self::OrderOfText { .. } => f.write_str("this is no text whose letters are in order"),
            Self::NoMode { .. } => f.write_str("no file's mode is written so"),
            Self::NoModeInRow { column, text, .. } => {
                write!(f, "`{column}` is `{text}` in a row, and no file's mode is written so")
            }
            Self::NoMoment => f.write_str("this is no moment"),
            Self::VersionAlone { .. } => f.write_str("a version may only be compared"),
            Self::SchemesDiffer(a, b) => write!(f, "versions of {a} and of {b} do not compare"),
            Self::VersionIsNoText(operand) => write!(f, "{operand}, and a version is text"),
            Self::NoVersion(scheme) => write!(f, "this is no version as {scheme} has them"),
            Self::NoScheme => f.write_str("this is no scheme of versions"),
        }
    }
}

/// The schemes of versions, as they are written.
fn schemes() -> String {
    Scheme::ALL.map(|scheme| format!("\"{scheme}\"")).join(", ")
}

fn message_of(fault: &Fault) -> String {
    match fault {
        Fault::Empty => "this condition is empty".to_owned(),
        Fault::EndsTooEarly => "this condition ends too early".to_owned(),
        Fault::Word(word, symbol) => format!("`{word}` is written `{symbol}`"),
        Fault::SingleEquals => "a comparison is written `==`".to_owned(),
        Fault::Halved => "conditions are joined with `&&` and `||`, each written twice".to_owned(),
        Fault::TextNotClosed => "this text is not closed".to_owned(),
        Fault::Escape => "this text has a backslash before something that needs none".to_owned(),
        Fault::LeadingZero => "a number has no zeros before it".to_owned(),
        Fault::NumberEnd => "this number cannot be read".to_owned(),
        Fault::TextNotExpected => "this text stands where none is expected".to_owned(),
        Fault::TooDeep => "this condition is nested too deeply".to_owned(),
        Fault::NotReadable(what) => format!("this condition cannot be read from `{what}` on"),
    }
}

const fn remedy_of(fault: &Fault) -> &'static str {
    match fault {
        Fault::EndsTooEarly => "something is missing at its end: a value, or a closing bracket",
        Fault::TextNotClosed => "text stands between \" or between '",
        Fault::Escape => {
            "write `\\\\` for a backslash, or r\"...\" for a text in which each stands for itself"
        }
        Fault::LeadingZero => "a file's mode is text, without a zero either: `mode == \"640\"`",
        Fault::NumberEnd => "numbers are decimal, as in 200, 1.5 or 1e6",
        Fault::TooDeep => "split it into several claims",
        Fault::Empty
        | Fault::Word(..)
        | Fault::SingleEquals
        | Fault::Halved
        | Fault::TextNotExpected
        | Fault::NotReadable(_) => "",
    }
}
