//! A condition as it is evaluated: every name looked up, every literal what it stands for, every place checked.

use probity_plan::Value;

use super::pattern::Pattern;
use super::syntax::Operator;
use super::types::Type;
use super::version::Scheme;

/// An expression with its type.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) ty: Type,
    /// Where it stands in the source, in bytes, as a whole.
    pub(super) span: (usize, usize),
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Literal(Value),
    /// A fact, by its place in [`super::Check`]'s list.
    Fact(usize),
    /// An element that is being looked at: 0 is that of the innermost look.
    Element(usize),
    Field(Box<Typed>, String),
    Index(Box<Typed>, Box<Typed>),
    /// Whether a map has this key.
    Has(Box<Typed>, String),
    List(Vec<Typed>),
    Map(Vec<(String, Typed)>),
    Not(Box<Typed>),
    Negative(Box<Typed>),
    And(Vec<Typed>),
    Or(Vec<Typed>),
    Equal(Sides),
    Order(Operator, Box<(Typed, Typed)>),
    Versions(Operator, Scheme, Box<(Typed, Typed)>),
    /// A comparison in which measured intervals stand; the first of them, by its place in the list.
    Measured(Operator, Box<(Term, Term)>, usize),
    In(Sides),
    Calculate(Operator, Box<(Typed, Typed)>),
    Call(Function, Vec<Typed>),
    Matches(Box<Typed>, Matched),
    Look(Box<Look>),
}

/// Both sides of a comparison that may tell which element decided.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    /// Of `==`: whether it is `!=`.
    pub(super) negated: bool,
    pub(super) sides: Box<(Typed, Typed)>,
    /// The list that is looked through, as it is written.
    pub(super) list: Box<str>,
    /// Of `in`: whether an empty list is no obstacle.
    pub(super) empty_ok: bool,
}

/// What a text is held against.
#[derive(Clone, Debug)]
pub(super) enum Matched {
    Pattern(Pattern),
    /// A pattern that only the run tells.
    Told(Box<Typed>),
}

/// A quantity in a comparison of measured intervals.
#[derive(Clone, Debug)]
pub(super) enum Term {
    Value(Typed),
    Negative(Box<Term>),
    Sum(Box<(Term, Term)>),
    Difference(Box<(Term, Term)>),
    Product(Box<(Term, Term)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Int,
    Double,
    String,
    Moment,
    Contains,
    StartsWith,
    EndsWith,
}

impl Function {
    const ALL: [Self; 8] = [
        Self::Size,
        Self::Int,
        Self::Double,
        Self::String,
        Self::Moment,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Int => "int",
            Self::Double => "double",
            Self::String => "string",
            Self::Moment => "moment",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }
}

/// A look through a list, or through the keys of a map.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) kind: LookKind,
    pub(super) list: Typed,
    /// The list, as it is written.
    pub(super) text: Box<str>,
    /// Of `map` with three arguments.
    pub(super) filter: Option<Typed>,
    pub(super) body: Typed,
    /// Whether an empty list is no obstacle.
    pub(super) empty_ok: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

impl LookKind {
    const ALL: [Self; 5] = [Self::All, Self::Exists, Self::ExistsOne, Self::Filter, Self::Map];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Exists => "exists",
            Self::ExistsOne => "exists_one",
            Self::Filter => "filter",
            Self::Map => "map",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Everything that is called by name.
pub(super) fn functions() -> Vec<&'static str> {
    let mut names: Vec<&str> = Function::ALL.map(Function::name).to_vec();
    names.extend(["matches", "has", "version"]);
    names.extend(LookKind::ALL.map(LookKind::name));
    names
}
