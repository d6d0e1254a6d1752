//! From a condition's source to a [`Check`]: every name and type is checked, so that a mistake is found before the run and
//! at its column.

use probity_plan::{Number, Value};

use super::Check;
use super::mistake::{ConditionError, MadeFor, Mistake, Operand};
use super::pattern::Pattern;
use super::scope::{AGAINST, Scope};
use super::syntax::{self, MAX_SOURCE, Operator};
use super::tree::{Function, Look, LookKind, Matched, Node, Sides, Typed};
use super::types::{Type, any_mode, mode_meant};

/// Reads a condition. With `empty_ok`, looking through an empty list is no obstacle: `all` of nothing is true.
///
/// # Errors
/// The first thing that is wrong with it, at its place.
pub fn compile(source: &str, scope: &Scope, empty_ok: bool) -> Result<Check, ConditionError> {
    if source.len() > MAX_SOURCE {
        return Err(ConditionError::new(source, 0, Mistake::TooLong { bytes: source.len() }));
    }
    let unreadable = |(at, fault)| ConditionError::new(source, at, Mistake::Unreadable(fault));
    let tree = syntax::parse(source).map_err(unreadable)?;
    let mut compiler =
        Compiler { source, scope, empty_ok, facts: Vec::new(), makes_moments: false, elements: Vec::new() };
    let root = compiler.truth(&tree)?;
    if compiler.facts.is_empty() {
        return Err(compiler.error(0, Mistake::ReadsNoFact { readable: compiler.readable() }));
    }
    Ok(Check { text: collapsed(source), root, facts: compiler.facts, makes_moments: compiler.makes_moments })
}

pub(super) struct Compiler<'a> {
    source: &'a str,
    pub(super) scope: &'a Scope,
    pub(super) empty_ok: bool,
    /// The facts that were read, in the order of their first mention.
    facts: Vec<String>,
    /// Whether something that was seen is made a moment.
    makes_moments: bool,
    /// The names of elements that are being looked at, outermost first.
    pub(super) elements: Vec<Element>,
}

/// An element that is being looked at.
pub(super) struct Element {
    name: String,
    ty: Type,
    /// The texts that it is, one after the other, where the list is written out.
    pub(super) texts: Vec<String>,
}

type Compiled<T> = Result<T, ConditionError>;

impl Compiler<'_> {
    /// An error at a byte of the source.
    pub(super) fn error(&self, at: usize, mistake: Mistake) -> ConditionError {
        ConditionError::new(self.source, at, mistake)
    }

    pub(super) fn written(&self, span: (usize, usize)) -> &str {
        &self.source[span.0..span.1]
    }

    /// The name of the fact that this is, `against.NAME` included.
    pub(super) fn fact_name(&self, expr: &syntax::Expr) -> Option<String> {
        let name = match &expr.node {
            syntax::Node::Name(name) => name.clone(),
            syntax::Node::Field(operand, field) if self.is_against(operand) => format!("{AGAINST}{field}"),
            _ => return None,
        };
        (!self.elements.iter().any(|element| element.name == name)).then_some(name)
    }

    fn is_against(&self, expr: &syntax::Expr) -> bool {
        matches!(&expr.node, syntax::Node::Name(name)
            if AGAINST.strip_suffix('.') == Some(name) && !self.elements.iter().any(|element| element.name == *name))
    }

    pub(super) fn operand(&self, typed: &Typed) -> Operand {
        let named = matches!(typed.node, Node::Fact(_) | Node::Element(_));
        Operand { written: named.then(|| self.written(typed.span).to_owned()), ty: typed.ty.clone() }
    }

    /// Something that is true or false.
    fn truth(&mut self, expr: &syntax::Expr) -> Compiled<Typed> {
        if let Some(Type::Interval) = self.fact_name(expr).and_then(|name| self.scope.get(&name)) {
            return Err(self.error(expr.at, Mistake::MeasuredAsTruth));
        }
        let typed = self.expr(expr)?;
        if matches!(typed.ty, Type::Bool | Type::Any) {
            return Ok(typed);
        }
        Err(self.error(expr.at, Mistake::NotTrueOrFalse(self.operand(&typed))))
    }

    pub(super) fn expr(&mut self, expr: &syntax::Expr) -> Compiled<Typed> {
        let typed = |node, ty| Ok(Typed { node, ty, span: expr.span });
        if let Some(name) = self.fact_name(expr) {
            let ty = self.fact(expr, &name)?;
            if ty == Type::Interval {
                return Err(self.error(expr.at, Mistake::MeasuredHere));
            }
            return typed(Node::Fact(self.place_of(name)), ty);
        }
        match &expr.node {
            syntax::Node::Literal(value) => typed(Node::Literal(value.clone()), Type::of_value(value)),
            syntax::Node::Name(name) => {
                let mut elements = self.elements.iter().rev().enumerate();
                match elements.find(|(_, element)| element.name == *name) {
                    Some((outwards, element)) => typed(Node::Element(outwards), element.ty.clone()),
                    None => Err(self.unknown_fact(expr.at, name)),
                }
            }
            syntax::Node::Field(operand, field) => {
                let operand = self.operand_of_field(expr.at, operand, field)?;
                typed(Node::Field(Box::new(operand), field.clone()), Type::Any)
            }
            syntax::Node::Index(operand, index) => self.index(expr, operand, index),
            syntax::Node::Call(target, name, arguments) => {
                self.call(expr, target.as_deref(), name, arguments)
            }
            syntax::Node::List(elements) => {
                let elements =
                    elements.iter().map(|element| self.expr(element)).collect::<Compiled<Vec<_>>>()?;
                let of = Type::common(elements.iter().map(|element| element.ty.clone()));
                typed(Node::List(elements), Type::List(Box::new(of)))
            }
            syntax::Node::Map(entries) => self.map(entries).and_then(|node| typed(node, Type::Map)),
            syntax::Node::Not(inner) => {
                let inner = self.truth(inner)?;
                typed(Node::Not(Box::new(inner)), Type::Bool)
            }
            syntax::Node::And(parts) => {
                let parts = parts.iter().map(|part| self.truth(part)).collect::<Compiled<_>>()?;
                typed(Node::And(parts), Type::Bool)
            }
            syntax::Node::Or(parts) => {
                let parts = parts.iter().map(|part| self.truth(part)).collect::<Compiled<_>>()?;
                typed(Node::Or(parts), Type::Bool)
            }
            syntax::Node::Negative(inner) => {
                let inner = self.expr(inner)?;
                self.number(expr.at, "-", &inner)?;
                let ty = inner.ty.clone();
                typed(Node::Negative(Box::new(inner)), ty)
            }
            syntax::Node::Binary(operator, left, right) => match operator {
                Operator::Add
                | Operator::Subtract
                | Operator::Multiply
                | Operator::Divide
                | Operator::Remainder => self.calculation(expr, *operator, left, right),
                _ => self.relation(expr, *operator, left, right),
            },
            syntax::Node::Choice => Err(self.error(expr.at, Mistake::Choice)),
        }
    }

    /// The type of a fact; an error if there is none of this name.
    pub(super) fn fact(&self, expr: &syntax::Expr, name: &str) -> Compiled<Type> {
        self.scope.get(name).cloned().ok_or_else(|| self.unknown_fact(expr.at, name))
    }

    /// A fact's place in the list of those that are read.
    pub(super) fn place_of(&mut self, name: String) -> usize {
        self.facts.iter().position(|fact| *fact == name).unwrap_or_else(|| {
            self.facts.push(name);
            self.facts.len() - 1
        })
    }

    fn operand_of_field(&mut self, at: usize, operand: &syntax::Expr, field: &str) -> Compiled<Typed> {
        let operand = self.expr(operand)?;
        if matches!(operand.ty, Type::Map | Type::Any) {
            self.spelled(&operand, &Node::Literal(Value::Text(field.to_owned())), at)?;
            return Ok(operand);
        }
        let mistake = Mistake::NoSuchField { operand: self.operand(&operand), field: field.to_owned() };
        Err(self.error(at, mistake))
    }

    fn index(
        &mut self,
        expr: &syntax::Expr,
        operand: &syntax::Expr,
        index: &syntax::Expr,
    ) -> Compiled<Typed> {
        let (operand, index_) = (self.expr(operand)?, self.expr(index)?);
        let (ty, fits) = match &operand.ty {
            Type::List(of) => ((**of).clone(), index_.ty.is_number()),
            Type::Map => (Type::Any, index_.ty.is_text()),
            Type::Any => (Type::Any, index_.ty.is_number() || index_.ty.is_text()),
            _ => return Err(self.error(expr.at, Mistake::NothingTakenOut(self.operand(&operand)))),
        };
        if !fits {
            return Err(self.error(index.at, Mistake::NoIndex(index_.ty)));
        }
        if operand.ty == Type::Map {
            self.spelled(&operand, &index_.node, index.at)?;
        }
        Ok(Typed { node: Node::Index(Box::new(operand), Box::new(index_)), ty, span: expr.span })
    }

    fn map(&mut self, entries: &[(syntax::Expr, syntax::Expr)]) -> Compiled<Node> {
        let mut map: Vec<(String, Typed)> = Vec::new();
        for (key, value) in entries {
            let syntax::Node::Literal(Value::Text(name)) = &key.node else {
                return Err(self.error(key.at, Mistake::KeyIsNoText));
            };
            if map.iter().any(|(known, _)| known == name) {
                return Err(self.error(key.at, Mistake::KeyTwice));
            }
            map.push((name.clone(), self.expr(value)?));
        }
        Ok(Node::Map(map))
    }

    /// Refuses what is surely no number.
    fn number(&self, at: usize, what: &'static str, typed: &Typed) -> Compiled<()> {
        if typed.ty.is_number() {
            return Ok(());
        }
        Err(self.not_made_for(at, typed, what, MadeFor::Numbers))
    }

    pub(super) fn not_made_for(
        &self,
        at: usize,
        typed: &Typed,
        what: &'static str,
        made_for: MadeFor,
    ) -> ConditionError {
        self.error(at, Mistake::NotMadeFor { operand: self.operand(typed), what, made_for })
    }

    fn calculation(
        &mut self,
        expr: &syntax::Expr,
        operator: Operator,
        left: &syntax::Expr,
        right: &syntax::Expr,
    ) -> Compiled<Typed> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let joins = |a: &Type, b: &Type| {
            (a.is_text() && b.is_text())
                || (matches!(a, Type::List(_) | Type::Any) && matches!(b, Type::List(_) | Type::Any))
        };
        let ty = if operator == Operator::Add && joins(&left.ty, &right.ty) {
            if left.ty == Type::Any { right.ty.clone() } else { left.ty.clone() }
        } else {
            for side in [&left, &right] {
                self.number(expr.at, operator.symbol(), side)?;
            }
            match (&left.ty, &right.ty, operator) {
                (_, _, Operator::Divide) => Type::Number,
                (Type::Whole, Type::Whole, _) => Type::Whole,
                _ => Type::Number,
            }
        };
        Ok(Typed { node: Node::Calculate(operator, Box::new((left, right))), ty, span: expr.span })
    }

    fn call(
        &mut self,
        expr: &syntax::Expr,
        target: Option<&syntax::Expr>,
        name: &str,
        arguments: &[syntax::Expr],
    ) -> Compiled<Typed> {
        let otherwise = |compiler: &Self, written: String| {
            Err(compiler.error(expr.at, Mistake::Misused { function: name.to_owned(), written }))
        };
        if let Some(kind) = LookKind::of_name(name) {
            return match (target, arguments) {
                (Some(list), [element, body]) => self.look(expr, kind, list, element, &[body]),
                (Some(list), [element, filter, body]) if kind == LookKind::Map => {
                    self.look(expr, kind, list, element, &[filter, body])
                }
                _ => otherwise(self, format!("lines.{name}(line, line.contains(\"ok\"))")),
            };
        }
        let given: Vec<&syntax::Expr> = target.into_iter().chain(arguments).collect();
        match (name, given.as_slice()) {
            ("has", [field]) if target.is_none() => self.has(expr, field),
            ("version", _) => Err(self.error(expr.at, Mistake::VersionAlone { in_list: false })),
            ("matches", [text, pattern]) if target.is_some() => {
                let text = self.expr(text)?;
                self.text(expr.at, "matches", &text)?;
                let at = pattern.at;
                let matched = self.pattern(pattern)?;
                if let (Type::Mode, Matched::Pattern(pattern)) = (&text.ty, &matched)
                    && !any_mode(|mode| pattern.is_in(mode))
                {
                    return Err(self.error(at, Mistake::NoMode { meant: None }));
                }
                let node = Node::Matches(Box::new(text), matched);
                Ok(Typed { node, ty: Type::Bool, span: expr.span })
            }
            ("contains" | "startsWith" | "endsWith" | "matches", _)
                if given.len() != 2 || target.is_none() =>
            {
                otherwise(self, format!("body.{name}(\"ok\")"))
            }
            _ => match Function::of_name(name) {
                Some(function) if given.len() == 1 || function_of_two(function) => {
                    self.function(expr, function, &given)
                }
                None if name != "has" => Err(self.error(expr.at, Mistake::UnknownFunction(name.to_owned()))),
                _ => otherwise(self, format!("{name}(x)")),
            },
        }
    }

    fn has(&mut self, expr: &syntax::Expr, field: &syntax::Expr) -> Compiled<Typed> {
        let syntax::Node::Field(operand, name) = &field.node else {
            return Err(self.error(field.at, Mistake::NoFieldAsked));
        };
        if self.is_against(operand) {
            return Err(self.error(field.at, Mistake::AlwaysThere));
        }
        let operand = self.operand_of_field(field.at, operand, name)?;
        Ok(Typed { node: Node::Has(Box::new(operand), name.clone()), ty: Type::Bool, span: expr.span })
    }

    /// Refuses what is surely no text.
    fn text(&self, at: usize, what: &'static str, typed: &Typed) -> Compiled<()> {
        if typed.ty.is_text() {
            return Ok(());
        }
        Err(self.not_made_for(at, typed, what, MadeFor::Text))
    }

    fn function(
        &mut self,
        expr: &syntax::Expr,
        function: Function,
        given: &[&syntax::Expr],
    ) -> Compiled<Typed> {
        let arguments = given.iter().map(|argument| self.expr(argument)).collect::<Compiled<Vec<_>>>()?;
        let first = &arguments[0];
        let (ty, fits, made_for) = match function {
            Function::Size => {
                let sized = matches!(first.ty, Type::List(_) | Type::Map) || first.ty.is_text();
                (Type::Whole, sized, MadeFor::Sized)
            }
            Function::Int => {
                (Type::Whole, first.ty.is_number() || first.ty.is_text(), MadeFor::NumbersAndText)
            }
            Function::Double => {
                (Type::Number, first.ty.is_number() || first.ty.is_text(), MadeFor::NumbersAndText)
            }
            Function::String => {
                let written = !matches!(first.ty, Type::List(_) | Type::Map | Type::Null);
                (Type::Text, written, MadeFor::Written)
            }
            Function::Moment => {
                (Type::Moment, first.ty == Type::Moment || first.ty.is_text(), MadeFor::Moments)
            }
            Function::Contains | Function::StartsWith | Function::EndsWith => {
                for argument in &arguments {
                    self.text(expr.at, function.name(), argument)?;
                }
                if let [
                    Typed { ty: Type::Mode, .. },
                    Typed { node: Node::Literal(Value::Text(part)), span, .. },
                ] = arguments.as_slice()
                    && !any_mode(|mode| match function {
                        Function::StartsWith => mode.starts_with(part),
                        Function::EndsWith => mode.ends_with(part),
                        _ => mode.contains(part),
                    })
                {
                    return Err(self.error(span.0, Mistake::NoMode { meant: mode_meant(part) }));
                }
                (Type::Bool, true, MadeFor::Text)
            }
        };
        if !fits {
            return Err(self.not_made_for(expr.at, first, function.name(), made_for));
        }
        if let (Function::Moment, Node::Literal(literal)) = (function, &first.node) {
            let moment = self.moment_meant(first.span.0, literal)?;
            return Ok(Typed { node: Node::Literal(moment), ty, span: expr.span });
        }
        self.makes_moments |= function == Function::Moment;
        Ok(Typed { node: Node::Call(function, arguments), ty, span: expr.span })
    }

    /// One that is written out is made at once, so that a wrong one is found before the run.
    fn pattern(&mut self, expr: &syntax::Expr) -> Compiled<Matched> {
        let pattern = self.expr(expr)?;
        match &pattern.node {
            Node::Literal(Value::Text(text)) => {
                Pattern::new(text).map(Matched::Pattern).map_err(|_| self.error(expr.at, Mistake::NoPattern))
            }
            _ => {
                self.text(expr.at, "matches", &pattern)?;
                Ok(Matched::Told(Box::new(pattern)))
            }
        }
    }

    fn look(
        &mut self,
        expr: &syntax::Expr,
        kind: LookKind,
        list: &syntax::Expr,
        element: &syntax::Expr,
        bodies: &[&syntax::Expr],
    ) -> Compiled<Typed> {
        let syntax::Node::Name(name) = &element.node else {
            return Err(self.error(element.at, Mistake::NoNameOfElement(kind)));
        };
        let list = self.expr(list)?;
        let of = match &list.ty {
            Type::List(of) => (**of).clone(),
            Type::Map => Type::Text,
            Type::Any => Type::Any,
            _ => return Err(self.not_made_for(expr.at, &list, kind.name(), MadeFor::LookingThrough)),
        };
        let texts = match &list.node {
            Node::List(items) => items.iter().filter_map(|item| literal_text(&item.node)).collect(),
            Node::Map(entries) => entries.iter().map(|(key, _)| key.clone()).collect(),
            _ => Vec::new(),
        };
        self.elements.push(Element { name: name.clone(), ty: of.clone(), texts });
        let compiled = self.bodies(kind, bodies);
        self.elements.pop();
        let (filter, body) = compiled?;
        let ty = match kind {
            LookKind::All | LookKind::Exists | LookKind::ExistsOne => Type::Bool,
            LookKind::Filter if list.ty == Type::Map => Type::List(Box::new(Type::Text)),
            LookKind::Filter => Type::List(Box::new(of)),
            LookKind::Map => Type::List(Box::new(body.ty.clone())),
        };
        let text = self.written(list.span).into();
        let look = Look { kind, list, text, filter, body, empty_ok: self.empty_ok };
        Ok(Typed { node: Node::Look(Box::new(look)), ty, span: expr.span })
    }

    fn bodies(&mut self, kind: LookKind, bodies: &[&syntax::Expr]) -> Compiled<(Option<Typed>, Typed)> {
        match bodies {
            [filter, body] => Ok((Some(self.truth(filter)?), self.expr(body)?)),
            [body] if kind == LookKind::Map => Ok((None, self.expr(body)?)),
            // There is always one.
            _ => Ok((None, self.truth(bodies[0])?)),
        }
    }

    pub(super) fn sides(&self, negated: bool, left: Typed, right: Typed) -> Sides {
        let list = match (&left.ty, &left.node) {
            (Type::List(_) | Type::Any, node) if !matches!(node, Node::List(_) | Node::Literal(_)) => {
                left.span
            }
            _ => right.span,
        };
        Sides {
            negated,
            list: self.written(list).into(),
            sides: Box::new((left, right)),
            empty_ok: self.empty_ok,
        }
    }

    fn unknown_fact(&self, at: usize, name: &str) -> ConditionError {
        let readable = self.readable();
        let mistake = if format!("{name}.") == AGAINST {
            Mistake::AgainstAlone { readable }
        } else {
            Mistake::UnknownFact { name: name.to_owned(), readable }
        };
        self.error(at, mistake)
    }

    /// The names of all facts that may be read.
    fn readable(&self) -> Vec<String> {
        self.scope.names().map(str::to_owned).collect()
    }
}

/// A text that is written out.
fn literal_text(node: &Node) -> Option<String> {
    match node {
        Node::Literal(Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

const fn function_of_two(function: Function) -> bool {
    matches!(function, Function::Contains | Function::StartsWith | Function::EndsWith)
}

/// Whether this is a number without a fraction.
pub(super) fn is_whole(number: &Number) -> bool {
    super::arithmetic::truncate(number).is_ok_and(|whole| whole == *number)
}

/// White space outside of quotes made one space.
fn collapsed(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut quote = None;
    let mut escaped = false;
    for c in source.trim().chars() {
        match quote {
            Some(open) => {
                if c == open && !escaped {
                    quote = None;
                }
                escaped = c == '\\' && !escaped;
                text.push(c);
            }
            None if c.is_whitespace() => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            None => {
                if c == '"' || c == '\'' {
                    quote = Some(c);
                }
                text.push(c);
            }
        }
    }
    text
}
