//! Comparisons: what may stand beside what, and what a literal means beside it.

use probity_plan::{Moment, Value};

use super::compile::{Compiler, is_whole};
use super::syntax::{self, Operator};
use super::tree::{Node, Typed};
use super::types::{Type, is_mode, misordered, mode_meant};
use super::version::Scheme;
use super::{ConditionError, measured};

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
                    Node::In(super::tree::Sides {
                        negated: false,
                        list: text,
                        sides: Box::new((left, right)),
                    })
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
        self.adapt(&left.ty, right)?;
        self.adapt(&right.ty, left)?;
        self.agree(left, right)?;
        self.compares(at, left, right)
    }

    fn membership(&mut self, at: usize, element: &mut Typed, list: &mut Typed) -> Compiled<()> {
        if let Type::List(of) = &list.ty {
            let of = (**of).clone();
            self.adapt(&of, element)?;
            self.adapt(&Type::List(Box::new(element.ty.clone())), list)?;
        }
        if let Node::List(items) = &mut list.node {
            for item in items {
                self.agree(element, item)?;
                self.compares(item.span.0, element, item)?;
            }
            return Ok(());
        }
        let hint = match &list.ty {
            Type::Any => return Ok(()),
            Type::List(of) if element.ty.compares_with(of) => return Ok(()),
            Type::List(of) => {
                let message = format!(
                    "{} is {} and is looked for among {}",
                    self.called(element),
                    element.ty.name(),
                    of.name()
                );
                return Err(self.error(at, message, ""));
            }
            Type::Map if element.ty.is_text() || element.ty == Type::Null => return Ok(()),
            Type::Map => {
                let message = format!(
                    "{} is {}, and the keys of a map are text",
                    self.called(element),
                    element.ty.name()
                );
                return Err(self.error(at, message, ""));
            }
            ty if ty.is_text() => "write it as in `body.contains(\"ok\")`",
            _ => "",
        };
        let message = format!("{} is {}; `in` looks into lists and maps", self.called(list), list.ty.name());
        Err(self.error(at, message, hint))
    }

    fn order(&mut self, at: usize, operator: Operator, left: &mut Typed, right: &mut Typed) -> Compiled<()> {
        for (side, other) in [(&*left, &*right), (&*right, &*left)] {
            let refuse = |message: String, hint: String| Err(self.error(at, message, hint));
            match &side.ty {
                Type::Version => {
                    let other = self.written(other.span);
                    return refuse(
                        format!("{} is a version, whose order is not that of text", self.called(side)),
                        format!(
                            "write `version({}, \"dpkg\") {} {other}`, or \"rpm\" or \"apk\" for \"dpkg\"",
                            self.written(side.span),
                            turned_if(operator, std::ptr::eq(side, right)).symbol(),
                        ),
                    );
                }
                Type::Mode => {
                    let hint = "write it as in `mode in [\"600\", \"640\"]`".to_owned();
                    return refuse(
                        format!("{} is a file's mode, which has no order", self.called(side)),
                        hint,
                    );
                }
                Type::Null | Type::Bool | Type::List(_) | Type::Map => {
                    let message = format!("{} is {}, which has no order", self.called(side), side.ty.name());
                    return refuse(message, "compare it with == or !=".to_owned());
                }
                _ => {}
            }
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
            if let Some(hint) = written.iter().find_map(|text| misordered(text)) {
                return Err(self.error(side.span.0, "this is no text whose letters are in order", hint));
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
        let message =
            format!("{} is {} and is compared with {}", self.called(fact), fact.ty.name(), other.ty.name());
        let moment = || {
            let text = self.written(other.span);
            (fact.ty == Type::Moment && other.ty.is_text()).then(|| format!("write moment({text})"))
        };
        let hint = match &other.node {
            Node::Literal(literal) => fact.ty.rewritten(literal).map(|literal| format!("write {literal}")),
            _ => moment(),
        };
        Err(self.error(at, message, hint.unwrap_or_default()))
    }

    /// Refuses what a fact of this type surely never is.
    fn agree(&self, left: &Typed, right: &Typed) -> Compiled<()> {
        for (fact, other) in [(left, right), (right, left)] {
            match (&fact.ty, &other.node) {
                (Type::Whole, Node::Literal(Value::Number(number)))
                    if !matches!(fact.node, Node::Literal(_)) && !is_whole(number) =>
                {
                    let message = format!("{} is a whole number, and never {number}", self.called(fact));
                    return Err(self.error(other.span.0, message, ""));
                }
                (Type::Mode, Node::Fact(_)) => {
                    let column = self.written(other.span);
                    let wrong = self.scope.texts(column).iter().find_map(|text| {
                        let meant = mode_meant(text).filter(|meant| meant != text)?;
                        Some((text, meant))
                    });
                    if let Some((text, meant)) = wrong {
                        let message =
                            format!("`{column}` is `{text}` in a row, and no file's mode is written so");
                        return Err(self.error(other.span.0, message, format!("write {meant} there")));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes a literal what it means beside something of this type.
    fn adapt(&self, beside: &Type, typed: &mut Typed) -> Compiled<()> {
        match (beside, &mut typed.node) {
            (Type::Moment, Node::Literal(literal @ Value::Text(_))) => {
                *literal = self.moment_meant(typed.span.0, literal)?;
                typed.ty = Type::Moment;
            }
            (Type::Mode, Node::Literal(Value::Text(text))) if !is_mode(text) => {
                let hint = mode_meant(text).map_or_else(
                    || {
                        "a mode is up to four octal digits without a zero before them, as in \"644\""
                            .to_owned()
                    },
                    |meant| format!("write \"{meant}\""),
                );
                return Err(self.error(typed.span.0, "no file's mode is written so", hint));
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
        literal.as_text().and_then(Moment::parse).map(Value::Moment).ok_or_else(|| {
            let hint = "write it as RFC 3339 has it, with its offset: \"2026-01-31T23:59:59Z\"";
            self.error(at, "this is no moment", hint)
        })
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
            let hint = "write it as in `version(version, \"dpkg\") == \"1.2\"`, joined with ||";
            return Err(self.error(at, "a version may only be compared", hint));
        }
        let (left, left_scheme) = self.version(left)?;
        let (right, right_scheme) = self.version(right)?;
        let scheme = match (left_scheme, right_scheme) {
            (Some(a), Some(b)) if a != b => {
                return Err(self.error(at, format!("versions of {a} and of {b} do not compare"), ""));
            }
            (a, b) => a.or(b).unwrap_or(Scheme::Dpkg),
        };
        for side in [&left, &right] {
            if !side.ty.is_text() {
                let message = format!("{} is {}, and a version is text", self.called(side), side.ty.name());
                return Err(self.error(side.span.0, message, "write it in quotes, as in \"1.2\""));
            }
            if let Node::Literal(Value::Text(text)) = &side.node
                && !scheme.accepts(text)
            {
                let message = format!("this is no version as {scheme} has them");
                return Err(self.error(side.span.0, message, ""));
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
        let names = || Scheme::ALL.map(|scheme| format!("\"{scheme}\"")).join(", ");
        let [text, scheme] = arguments.as_slice() else {
            let hint = format!("write it as in `version(x, \"dpkg\")`; it may be {}", names());
            return Err(self.error(side.at, "`version` is used otherwise", hint));
        };
        let scheme = match &scheme.node {
            syntax::Node::Literal(Value::Text(name)) => Scheme::of_name(name),
            _ => None,
        }
        .ok_or_else(|| {
            self.error(scheme.at, "this is no scheme of versions", format!("it may be {}", names()))
        })?;
        Ok((self.expr(text)?, Some(scheme)))
    }

    /// Refuses what may not stand beside a measured time.
    pub(super) fn refuse_beside(&self, at: usize) -> ConditionError {
        self.error(at, "this may not stand beside a measured time", measured::HINT)
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
