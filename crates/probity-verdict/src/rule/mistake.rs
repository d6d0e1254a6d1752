//! What can be wrong with the condition of a rule, as data; and in one place what is said of it.

use std::fmt;

use probity_diagnostic::Diagnostic;
use probity_plan::Condition;
use probity_text::did_you_mean;

use crate::condition::MAX_SOURCE;
use crate::condition::lex::{self, Fault};
use crate::condition::mistake::characters;
use crate::place;

/// Why a rule's condition cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleError {
    condition: Box<Condition>,
    /// Where in the condition, in characters from 0, and how many.
    span: (usize, usize),
    mistake: Mistake,
}

impl RuleError {
    /// At a byte of the condition.
    pub(super) fn new(condition: &Condition, at: usize, mistake: Mistake) -> Self {
        let source = &condition.source;
        let length = characters(&source[at..], lex::length(&source[at..])).max(1);
        Self { condition: Box::new(condition.clone()), span: (characters(source, at), length), mistake }
    }

    /// The error at its place in the plan.
    pub fn diagnostic(&self) -> Diagnostic {
        place::diagnose(&self.condition, self.span, self.mistake.to_string(), self.mistake.remedy())
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.diagnostic().place.at, self.mistake)?;
        match place::note(&self.condition, self.span.0) {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RuleError {}

/// What a rule may ask of a claim, as it is written.
pub(super) const PREDICATES: [&str; 4] = ["holds", "fails", "undetermined", "not_applicable"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    TooLong {
        bytes: usize,
    },
    Unreadable(Fault),
    NotAllowed,
    UnknownPredicate(String),
    /// `holds` with none or several.
    NotOneClaim {
        predicate: String,
        given: usize,
    },
    NoClaimName,
    /// A claim's name without what is asked of it.
    ClaimAlone(String),
    ScoreEquals,
    /// `holds(x) == true`
    PredicateEquals,
    ScoreWithoutNumber,
    NumberWithoutScore,
    UnknownClaim {
        name: String,
        known: Vec<String>,
    },
    UnknownScore {
        name: String,
        known: Vec<String>,
    },
}

impl Mistake {
    fn remedy(&self) -> String {
        let said = match self {
            Self::TooLong { .. } => "put the claims that belong together into a score, or split the rule",
            Self::Unreadable(_) | Self::NotAllowed | Self::UnknownPredicate(_) => {
                "a rule may use holds(CLAIM), fails(CLAIM), undetermined(CLAIM), not_applicable(CLAIM), \
                 score.NAME >= NUMBER (also >, <=, <), and join them with &&, ||, ! and brackets"
            }
            Self::NotOneClaim { predicate, .. } => {
                return format!("write {predicate}(CLAIM); join several with && or ||");
            }
            Self::NoClaimName => "write it without quotes, as in holds(CLAIM)",
            Self::ClaimAlone(claim) => return format!("write holds({claim})"),
            Self::PredicateEquals => "write holds(CLAIM) or !holds(CLAIM) alone",
            Self::ScoreEquals => "compare it with >=, >, <= or <",
            Self::ScoreWithoutNumber | Self::NumberWithoutScore => "write it as in score.NAME >= 0.9",
            Self::UnknownClaim { known, .. } => return names("claim", known),
            Self::UnknownScore { known, .. } => return names("score", known),
        };
        said.to_owned()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let near = |name: &str, known: &[String]| did_you_mean(name, known.iter().map(String::as_str));
        match self {
            Self::TooLong { bytes } => {
                write!(f, "this rule has {bytes} bytes; a condition has at most {MAX_SOURCE}")
            }
            Self::Unreadable(fault) => f.write_str(&unreadable(fault)),
            Self::NotAllowed => f.write_str("this is not allowed in a verdict rule"),
            Self::UnknownPredicate(name) => {
                write!(f, "`{name}` is not known in a verdict rule{}", did_you_mean(name, PREDICATES))
            }
            Self::NotOneClaim { predicate, given } => {
                write!(f, "`{predicate}` takes the name of one claim, not {given} arguments")
            }
            Self::NoClaimName => f.write_str("the name of a claim is expected here"),
            Self::ClaimAlone(claim) => write!(f, "`{claim}` alone says nothing about the claim"),
            Self::PredicateEquals => f.write_str("what a claim is asked is true or false by itself"),
            Self::ScoreEquals => f.write_str("a score is an interval and cannot be compared with == or !="),
            Self::ScoreWithoutNumber => f.write_str("a score is compared with a number here"),
            Self::NumberWithoutScore => f.write_str("only a score is compared with a number"),
            Self::UnknownClaim { name, known } => {
                write!(f, "there is no claim `{name}`{}", near(name, known))
            }
            Self::UnknownScore { name, known } => {
                write!(f, "there is no score `{name}`{}", near(name, known))
            }
        }
    }
}

fn names(what: &str, known: &[String]) -> String {
    if known.is_empty() {
        format!("the plan has no {what}s")
    } else {
        format!("the plan's {what}s: {}", known.join(", "))
    }
}

fn unreadable(fault: &Fault) -> String {
    match fault {
        Fault::Empty => "this rule's condition is empty".to_owned(),
        Fault::EndsTooEarly => "this rule ends too early".to_owned(),
        Fault::Word(word, symbol) => format!("`{word}` is written `{symbol}` in a rule"),
        Fault::SingleEquals => {
            "a single `=` is no comparison; a score is compared with >=, >, <= or <".to_owned()
        }
        Fault::Halved => "conditions are joined with `&&` and `||`, each written twice".to_owned(),
        Fault::TooDeep => "this rule is nested too deeply".to_owned(),
        Fault::TextNotClosed | Fault::Escape | Fault::TextNotExpected => {
            "there is no text in a rule".to_owned()
        }
        Fault::LeadingZero | Fault::NumberEnd => "this number cannot be read".to_owned(),
        Fault::NotReadable(what) => format!("this rule cannot be read from `{what}` on"),
    }
}
