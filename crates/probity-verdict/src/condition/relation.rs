//! Comparisons: what may stand beside what, and what a literal means beside it.

use probity_plan::{Moment, Value};

use super::compile::{Compiler, is_whole};
use super::mistake::{ConditionError, MadeFor, Mistake};
use super::syntax::{self, Operator};
use super::tree::{Node, Sides, Typed};
use super::types::{Type, is_mode, misordered, mode_meant};
use super::version::Scheme;

type Compiled<T> = Result<T, ConditionError>;

impl Compiler<'_> {
    pub(super) fn relation(
        &mut self,
        expr: &syntax::Expr,
        operator: Operator,
        left: &syntax::Expr,
        right: &syntax::Expr,
    ) -> Compiled<Typed> {
        if self.is_measured(left) || self.is_measured(right) {
            return self.measured(expr, operator, left, right);
        }
        let node = if is_version(left) || is_version(right) {
            self.versions(expr.at, operator, left, right)?
        } else {
            let (mut left, mut right) = (self.expr(left)?, self.expr(right)?);
            match operator {
                Operator::In => self.membership(expr.at, &mut left, &mut right)?,
                Operator::Equal | Operator::NotEqual => self.equality(expr.at, &mut left, &mut right)?,
                _ => self.order(expr.at, operator, &mut left, &mut right)?,
            }
            match operator {
                Operator::In => {
                    let text = self.written(right.span).into();
                    let sides = Box::new((left, right));
                    Node::In(Sides { negated: false, list: text, sides, empty_ok: self.empty_ok })
                }
                Operator::Equal | Operator::NotEqual => {
                    Node::Equal(self.sides(operator == Operator::NotEqual, left, right))
                }
                _ => Node::Order(operator, Box::new((left, right))),
            }
        };
        Ok(Typed { node, ty: Type::Bool, span: expr.span })
    }

    fn equality(&mut self, at: usize, left: &mut Typed, right: &mut Typed) -> Compiled<()> {
        self.beside(left, right)?;
        self.compares(at, left, right)
    }

    /// Makes of both sides what they mean beside each other, pair by pair where both are written out, and refuses what the one
    /// surely never is.
    fn beside(&self, left: &mut Typed, right: &mut Typed) -> Compiled<()> {
        self.adapt(&left.ty, right)?;
        self.adapt(&right.ty, left)?;
        match (&mut left.node, &mut right.node) {
            (Node::List(a), Node::List(b)) => {
                for (a, b) in a.iter_mut().zip(b) {
                    self.beside(a, b)?;
                }
            }
            (Node::Map(a), Node::Map(b)) => {
                for (key, a) in a {
                    if let Some((_, b)) = b.iter_mut().find(|(name, _)| name == key) {
                        self.beside(a, b)?;
                        self.compares(b.span.0, a, b)?;
                    }
                }
            }
            _ => {}
        }
        for side in [&mut *left, &mut *right] {
            if let Node::List(items) = &side.node {
                side.ty = Type::List(Box::new(Type::common(items.iter().map(|item| item.ty.clone()))));
            }
        }
        self.agree(left, right)
    }

    fn membership(&mut self, at: usize, element: &mut Typed, list: &mut Typed) -> Compiled<()> {
        if let Type::List(of) = &list.ty {
            let of = (**of).clone();
            self.adapt(&of, element)?;
            self.adapt(&Type::List(Box::new(element.ty.clone())), list)?;
        }
        if let Node::List(items) = &mut list.node {
            for item in items {
                self.beside(element, item)?;
                self.compares(item.span.0, element, item)?;
            }
            return Ok(());
        }
        match &list.ty {
            Type::Any => Ok(()),
            Type::List(of) if element.ty.compares_with(of) => Ok(()),
            Type::List(of) => {
                let of = (**of).clone();
                Err(self.error(at, Mistake::NeverAmong { element: self.operand(element), of }))
            }
            Type::Map if element.ty.is_text() || element.ty == Type::Null => {
                if let (Type::Mode, Node::Map(entries)) = (&element.ty, &list.node)
                    && let Some((key, _)) = entries.iter().find(|(key, _)| !is_mode(key))
                {
                    return Err(self.error(list.span.0, Mistake::NoMode { meant: mode_meant(key) }));
                }
                self.spelled(list, &element.node, element.span.0)
            }
            Type::Map => Err(self.error(at, Mistake::NeverAKey(self.operand(element)))),
            _ => Err(self.not_made_for(at, list, "in", MadeFor::LookingInto)),
        }
    }

    fn order(&mut self, at: usize, operator: Operator, left: &mut Typed, right: &mut Typed) -> Compiled<()> {
        for (side, other) in [(&*left, &*right), (&*right, &*left)] {
            let mistake = match &side.ty {
                Type::Version => Mistake::VersionInOrder {
                    version: self.operand(side),
                    written: self.written(side.span).to_owned(),
                    operator: turned_if(operator, std::ptr::eq(side, right)),
                    other: self.written(other.span).to_owned(),
                },
                Type::Mode => Mistake::ModeInOrder(self.operand(side)),
                Type::Null | Type::Bool | Type::List(_) | Type::Map => {
                    Mistake::HasNoOrder(self.operand(side))
                }
                _ => continue,
            };
            return Err(self.error(at, mistake));
        }
        self.adapt(&left.ty, right)?;
        self.adapt(&right.ty, left)?;
        self.compares(at, left, right)?;
        for side in [&*left, &*right] {
            let written = match &side.node {
                Node::Literal(Value::Text(text)) => std::slice::from_ref(text),
                Node::Fact(_) => self.scope.texts(self.written(side.span)),
                _ => &[],
            };
            if let Some(because) = written.iter().find_map(|text| misordered(text)) {
                return Err(self.error(side.span.0, Mistake::OrderOfText { because }));
            }
        }
        Ok(())
    }

    /// Refuses a comparison of what surely does not compare.
    fn compares(&self, at: usize, left: &Typed, right: &Typed) -> Compiled<()> {
        if left.ty.compares_with(&right.ty) {
            return Ok(());
        }
        let is_fact = |typed: &Typed| matches!(typed.node, Node::Fact(_) | Node::Element(_));
        let (fact, other) = if is_fact(left) || !is_fact(right) { (left, right) } else { (right, left) };
        let moment = || {
            let text = self.written(other.span);
            (fact.ty == Type::Moment && other.ty.is_text()).then(|| format!("moment({text})"))
        };
        let instead = match &other.node {
            Node::Literal(literal) => fact.ty.rewritten(literal),
            _ => moment(),
        };
        let (fact, other) = (self.operand(fact), other.ty.clone());
        Err(self.error(at, Mistake::NeverCompares { fact, other, instead }))
    }

    /// Refuses what a fact of this type surely never is.
    fn agree(&self, left: &Typed, right: &Typed) -> Compiled<()> {
        for (fact, other) in [(left, right), (right, left)] {
            self.spelled(fact, &other.node, other.span.0)?;
            match (&fact.ty, &other.node) {
                (Type::Whole, Node::Literal(Value::Number(number)))
                    if !matches!(fact.node, Node::Literal(_)) && !is_whole(number) =>
                {
                    let mistake = Mistake::NeverThis { fact: self.operand(fact), number: number.clone() };
                    return Err(self.error(other.span.0, mistake));
                }
                (Type::Mode, Node::Element(_)) => {
                    if let Some(text) = self.texts_of(&other.node).iter().find(|text| !is_mode(text)) {
                        return Err(self.error(other.span.0, Mistake::NoMode { meant: mode_meant(text) }));
                    }
                }
                (Type::Mode, Node::Fact(_)) => {
                    let column = self.written(other.span);
                    let wrong = self.scope.texts(column).iter().find_map(|text| {
                        let meant = mode_meant(text).filter(|meant| meant != text)?;
                        Some((text.clone(), meant))
                    });
                    if let Some((text, meant)) = wrong {
                        let mistake = Mistake::NoModeInRow { column: column.to_owned(), text, meant };
                        return Err(self.error(other.span.0, mistake));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses text that a fact is never written as, and keys that its map never has.
    pub(super) fn spelled(&self, fact: &Typed, other: &Node, at: usize) -> Compiled<()> {
        let texts = match other {
            Node::Literal(Value::Text(text)) => std::slice::from_ref(text),
            other => self.texts_of(other),
        };
        let name = self.written(fact.span);
        let spelling = self.scope.spelling(name);
        let wrong = texts.iter().find(|text| !spelling.allows(text));
        let (Node::Fact(_), Some(text)) = (&fact.node, wrong) else { return Ok(()) };
        let mistake = Mistake::NeverWritten {
            fact: name.to_owned(),
            text: text.clone(),
            spelling,
            key: fact.ty == Type::Map,
        };
        Err(self.error(at, mistake))
    }

    /// The texts that an element is, where its list is written out.
    fn texts_of(&self, node: &Node) -> &[String] {
        let Node::Element(outwards) = node else { return &[] };
        self.elements.iter().rev().nth(*outwards).map_or(&[], |element| &element.texts)
    }

    /// Makes a literal what it means beside something of this type.
    fn adapt(&self, beside: &Type, typed: &mut Typed) -> Compiled<()> {
        match (beside, &mut typed.node) {
            (Type::Moment, Node::Literal(literal @ Value::Text(_))) => {
                *literal = self.moment_meant(typed.span.0, literal)?;
                typed.ty = Type::Moment;
            }
            (Type::Mode, Node::Literal(Value::Text(text))) if !is_mode(text) => {
                return Err(self.error(typed.span.0, Mistake::NoMode { meant: mode_meant(text) }));
            }
            (Type::List(of), Node::List(items)) => {
                for item in items.iter_mut() {
                    self.adapt(of, item)?;
                }
                typed.ty = Type::List(Box::new(Type::common(items.iter().map(|item| item.ty.clone()))));
            }
            _ => {}
        }
        Ok(())
    }

    /// The moment that a literal is.
    pub(super) fn moment_meant(&self, at: usize, literal: &Value) -> Compiled<Value> {
        let moment = literal.as_text().and_then(Moment::parse).map(Value::Moment);
        moment.ok_or_else(|| self.error(at, Mistake::NoMoment))
    }

    /// A comparison in which `version(x, "dpkg")` stands on one side or on both.
    fn versions(
        &mut self,
        at: usize,
        operator: Operator,
        left: &syntax::Expr,
        right: &syntax::Expr,
    ) -> Compiled<Node> {
        if operator == Operator::In {
            return Err(self.error(at, Mistake::VersionAlone { in_list: true }));
        }
        let (left, left_scheme) = self.version(left)?;
        let (right, right_scheme) = self.version(right)?;
        let scheme = match (left_scheme, right_scheme) {
            (Some(a), Some(b)) if a != b => {
                return Err(self.error(at, Mistake::SchemesDiffer(a, b)));
            }
            (a, b) => a.or(b).unwrap_or(Scheme::Dpkg),
        };
        for side in [&left, &right] {
            if !side.ty.is_text() {
                return Err(self.error(side.span.0, Mistake::VersionIsNoText(self.operand(side))));
            }
            if let Node::Literal(Value::Text(text)) = &side.node
                && !scheme.accepts(text)
            {
                return Err(self.error(side.span.0, Mistake::NoVersion(scheme)));
            }
        }
        Ok(Node::Versions(operator, scheme, Box::new((left, right))))
    }

    /// A side of such a comparison, with the scheme if it names one.
    fn version(&mut self, side: &syntax::Expr) -> Compiled<(Typed, Option<Scheme>)> {
        let syntax::Node::Call(None, name, arguments) = &side.node else {
            return Ok((self.expr(side)?, None));
        };
        if name != "version" {
            return Ok((self.expr(side)?, None));
        }
        let [text, scheme] = arguments.as_slice() else {
            let written = "version(x, \"dpkg\")".to_owned();
            return Err(self.error(side.at, Mistake::Misused { function: name.clone(), written }));
        };
        let scheme = match &scheme.node {
            syntax::Node::Literal(Value::Text(name)) => Scheme::of_name(name),
            _ => None,
        }
        .ok_or_else(|| self.error(scheme.at, Mistake::NoScheme))?;
        Ok((self.expr(text)?, Some(scheme)))
    }
}

fn is_version(expr: &syntax::Expr) -> bool {
    matches!(&expr.node, syntax::Node::Call(None, name, _) if name == "version")
}

/// The operator as it is read from the other side.
const fn turned_if(operator: Operator, turned: bool) -> Operator {
    match operator {
        Operator::Less if turned => Operator::More,
        Operator::AtMost if turned => Operator::AtLeast,
        Operator::More if turned => Operator::Less,
        Operator::AtLeast if turned => Operator::AtMost,
        other => other,
    }
}
