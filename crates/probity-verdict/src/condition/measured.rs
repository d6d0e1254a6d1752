//! Comparisons in which measured intervals stand: which may, and what beside them.

use super::compile::Compiler;
use super::mistake::{ConditionError, Mistake};
use super::syntax::{self, Operator};
use super::tree::{Node, Term, Typed};
use super::types::Type;

type Compiled<T> = Result<T, ConditionError>;

impl Compiler<'_> {
    /// Whether a measured interval stands in it, other than in a comparison of its own.
    pub(super) fn is_measured(&self, expr: &syntax::Expr) -> bool {
        if let Some(name) = self.fact_name(expr) {
            return self.scope.get(&name) == Some(&Type::Interval);
        }
        match &expr.node {
            syntax::Node::Negative(inner) => self.is_measured(inner),
            syntax::Node::Binary(
                Operator::Add
                | Operator::Subtract
                | Operator::Multiply
                | Operator::Divide
                | Operator::Remainder,
                left,
                right,
            ) => self.is_measured(left) || self.is_measured(right),
            _ => false,
        }
    }

    pub(super) fn measured(
        &mut self,
        expr: &syntax::Expr,
        operator: Operator,
        left: &syntax::Expr,
        right: &syntax::Expr,
    ) -> Compiled<Typed> {
        if matches!(operator, Operator::Equal | Operator::NotEqual | Operator::In) {
            return Err(self.error(expr.at, Mistake::MeasuredHere));
        }
        let mut intervals = Vec::new();
        let (left, right) = (self.term(left, &mut intervals)?, self.term(right, &mut intervals)?);
        // One of both sides is measured, so there is one.
        let first = intervals.first().copied().unwrap_or_default();
        let node = Node::Measured(operator, Box::new((left, right)), first);
        Ok(Typed { node, ty: Type::Bool, span: expr.span })
    }

    /// `intervals`: those that stand in the comparison so far.
    fn term(&mut self, expr: &syntax::Expr, intervals: &mut Vec<usize>) -> Compiled<Term> {
        if let Some(name) = self.fact_name(expr)
            && self.scope.get(&name) == Some(&Type::Interval)
        {
            let fact = self.place_of(name);
            if intervals.contains(&fact) {
                return Err(self.error(expr.at, Mistake::MeasuredTwice));
            }
            intervals.push(fact);
            return Ok(Term::Value(Typed { node: Node::Fact(fact), ty: Type::Interval, span: expr.span }));
        }
        if !self.is_measured(expr) {
            let typed = self.expr(expr)?;
            return if typed.ty.is_number() {
                Ok(Term::Value(typed))
            } else {
                Err(self.error(expr.at, Mistake::BesideMeasured))
            };
        }
        match &expr.node {
            syntax::Node::Negative(inner) => Ok(Term::Negative(Box::new(self.term(inner, intervals)?))),
            syntax::Node::Binary(operator, left, right) => {
                let sides = Box::new((self.term(left, intervals)?, self.term(right, intervals)?));
                match operator {
                    Operator::Add => Ok(Term::Sum(sides)),
                    Operator::Subtract => Ok(Term::Difference(sides)),
                    Operator::Multiply => Ok(Term::Product(sides)),
                    _ => Err(self.error(expr.at, Mistake::BesideMeasured)),
                }
            }
            _ => Err(self.error(expr.at, Mistake::BesideMeasured)),
        }
    }
}
