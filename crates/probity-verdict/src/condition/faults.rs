//! What is said of a condition that cannot be read, and where.

use super::ConditionError;
use super::lex::Fault;

/// How many characters stand before this byte.
pub(crate) fn characters(source: &str, at: usize) -> usize {
    source.char_indices().take_while(|(byte, _)| *byte < at).count()
}

pub(super) fn in_condition(source: &str, at: usize, fault: &Fault) -> ConditionError {
    let (message, hint) = match fault {
        Fault::Empty => ("this condition is empty".to_owned(), ""),
        Fault::EndsTooEarly => (
            "this condition ends too early".to_owned(),
            "something is missing at its end: a value, or a closing bracket",
        ),
        Fault::Word(word, symbol) => (format!("`{word}` is written `{symbol}`"), ""),
        Fault::SingleEquals => ("a comparison is written `==`".to_owned(), ""),
        Fault::Halved => ("conditions are joined with `&&` and `||`, each written twice".to_owned(), ""),
        Fault::TextNotClosed => ("this text is not closed".to_owned(), "text stands between \" or between '"),
        Fault::Escape => (
            "this text has a backslash before something that needs none".to_owned(),
            "write `\\\\` for a backslash, or r\"...\" for a text in which each stands for itself",
        ),
        Fault::LeadingZero => (
            "a number has no zeros before it".to_owned(),
            "a file's mode is text, without a zero either: `mode == \"640\"`",
        ),
        Fault::NumberEnd => {
            ("this number cannot be read".to_owned(), "numbers are decimal, as in 200, 1.5 or 1e6")
        }
        Fault::TextNotExpected => ("this text stands where none is expected".to_owned(), ""),
        Fault::TooDeep => ("this condition is nested too deeply".to_owned(), "split it into several claims"),
        Fault::NotReadable(what) => (format!("this condition cannot be read from `{what}` on"), ""),
    };
    ConditionError { offset: characters(source, at), message, hint: hint.to_owned() }
}
