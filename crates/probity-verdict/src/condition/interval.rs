//! Comparisons of measured quantities, which are known as intervals (design.md, rule 8): surely true, surely false, or
//! the interval straddles the limit. Each interval stands once in a comparison, so that interval arithmetic is exact.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use probity_plan::{FactType, Value};

use super::parse::fact_name;
use super::{ConditionError, Failure, Scope};

#[derive(Debug)]
pub(super) struct Comparison {
    order: Order,
    left: Term,
    right: Term,
    /// The first interval that stands in it, for the barrier.
    interval: String,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Debug)]
enum Term {
    Number(f64),
    Fact(String),
    Negative(Box<Term>),
    Sum(Box<Term>, Box<Term>),
    Difference(Box<Term>, Box<Term>),
    Product(Box<Term>, Box<Term>),
}

const HINT: &str = "a measured time is known as an interval; compare it with <, <=, > or >=, \
                    where +, - and * may stand beside it, each interval once";

impl Comparison {
    /// Reads an atom in which at least one interval stands. `place` gives a node's place in the source.
    pub(super) fn compile(
        atom: &IdedExpr,
        scope: &Scope,
        place: &dyn Fn(u64) -> usize,
    ) -> Result<Self, ConditionError> {
        let refuse = |id, message: &str| ConditionError {
            offset: place(id),
            message: message.to_owned(),
            hint: HINT.to_owned(),
        };
        let Expr::Call(call) = &atom.expr else {
            let alone = fact_name(&atom.expr).is_some();
            let message = if alone {
                "a measured time is not true or false"
            } else {
                "a measured time may not stand here"
            };
            return Err(refuse(atom.id, message));
        };
        let (order, [left, right]) = match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LESS, [left, right]) => (Order::Less, [left, right]),
            (operators::LESS_EQUALS, [left, right]) => (Order::AtMost, [left, right]),
            (operators::GREATER, [left, right]) => (Order::More, [left, right]),
            (operators::GREATER_EQUALS, [left, right]) => (Order::AtLeast, [left, right]),
            _ => return Err(refuse(atom.id, "a measured time may not stand here")),
        };
        let mut intervals = Vec::new();
        let mut term = |side: &IdedExpr| Term::compile(side, scope, &mut intervals, &refuse);
        let (left, right) = (term(left)?, term(right)?);
        let interval = intervals.first().cloned().unwrap_or_default();
        Ok(Self { order, left, right, interval })
    }

    pub(super) fn evaluate(&self, known: &[(&str, Value)]) -> Result<bool, Failure> {
        let (left, right) = (self.left.range(known)?, self.right.range(known)?);
        // (surely, possibly)
        let (surely, possibly) = match self.order {
            Order::Less => (left.1 < right.0, left.0 < right.1),
            Order::AtMost => (left.1 <= right.0, left.0 <= right.1),
            Order::More => (left.0 > right.1, left.1 > right.0),
            Order::AtLeast => (left.0 >= right.1, left.1 >= right.0),
        };
        match (surely, possibly) {
            (true, _) => Ok(true),
            (false, false) => Ok(false),
            (false, true) => Err(Failure::Straddles(self.interval.clone())),
        }
    }
}

impl Term {
    fn compile(
        node: &IdedExpr,
        scope: &Scope,
        intervals: &mut Vec<String>,
        refuse: &dyn Fn(u64, &str) -> ConditionError,
    ) -> Result<Self, ConditionError> {
        if let Some(name) = fact_name(&node.expr) {
            match scope.get(&name) {
                Some(FactType::Interval) => {
                    if intervals.contains(&name) {
                        return Err(refuse(node.id, "a measured time may stand only once in a comparison"));
                    }
                    intervals.push(name.clone());
                }
                Some(FactType::Int | FactType::Float | FactType::Any) => {}
                _ => return Err(refuse(node.id, &format!("`{name}` is not a number"))),
            }
            return Ok(Self::Fact(name));
        }
        let mut both = |a: &IdedExpr, b: &IdedExpr| -> Result<_, ConditionError> {
            Ok((
                Box::new(Self::compile(a, scope, intervals, refuse)?),
                Box::new(Self::compile(b, scope, intervals, refuse)?),
            ))
        };
        match &node.expr {
            #[expect(clippy::cast_precision_loss, reason = "a literal beside a measured time")]
            Expr::Literal(LiteralValue::Int(int)) => Ok(Self::Number(*int.inner() as f64)),
            Expr::Literal(LiteralValue::Double(double)) => Ok(Self::Number(*double.inner())),
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::NEGATE, [a]) => {
                    Ok(Self::Negative(Box::new(Self::compile(a, scope, intervals, refuse)?)))
                }
                (operators::ADD, [a, b]) => both(a, b).map(|(a, b)| Self::Sum(a, b)),
                (operators::SUBSTRACT, [a, b]) => both(a, b).map(|(a, b)| Self::Difference(a, b)),
                (operators::MULTIPLY, [a, b]) => both(a, b).map(|(a, b)| Self::Product(a, b)),
                _ => Err(refuse(node.id, "this may not stand beside a measured time")),
            },
            _ => Err(refuse(node.id, "this may not stand beside a measured time")),
        }
    }

    fn range(&self, known: &[(&str, Value)]) -> Result<(f64, f64), Failure> {
        let range = match self {
            Self::Number(number) => (*number, *number),
            Self::Fact(name) => {
                let value = known.iter().find(|(known, _)| known == name).map(|(_, value)| value);
                value
                    .and_then(Value::ends)
                    .filter(|(low, high)| low <= high)
                    .ok_or_else(|| Failure::Error(format!("`{name}` is not a number")))?
            }
            Self::Negative(a) => {
                let (low, high) = a.range(known)?;
                (-high, -low)
            }
            Self::Sum(a, b) => {
                let (a, b) = (a.range(known)?, b.range(known)?);
                (a.0 + b.0, a.1 + b.1)
            }
            Self::Difference(a, b) => {
                let (a, b) = (a.range(known)?, b.range(known)?);
                (a.0 - b.1, a.1 - b.0)
            }
            Self::Product(a, b) => {
                let (a, b) = (a.range(known)?, b.range(known)?);
                // Nothing times anything is nothing, also where the end is open.
                let times = |x: f64, y: f64| if x == 0.0 || y == 0.0 { 0.0 } else { x * y };
                let corners = [times(a.0, b.0), times(a.0, b.1), times(a.1, b.0), times(a.1, b.1)];
                (
                    corners.iter().copied().fold(f64::INFINITY, f64::min),
                    corners.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                )
            }
        };
        // Open ends that cancel leave nothing known.
        Ok(if range.0.is_nan() || range.1.is_nan() { (f64::NEG_INFINITY, f64::INFINITY) } else { range })
    }
}
