//! From the tree and what was seen to a truth value. `!` is moved inwards as it goes, so that only `and` and `or` join
//! truth values (docs/plan-language.md has the tables); every step is counted.

use std::borrow::Cow;
use std::cell::Cell;

use probity_plan::kinds::Values;
use probity_plan::{Barrier, Blocked, Cause, Value};

use super::budget::MAX_STEPS;
use super::compare::Equality;
use super::declared::{Declared, Side};
use super::interval::Range;
use super::reason::{Class, Reason};
use super::tree::{Function, Look, LookKind, Matched, Node, Sides, Term, Typed};
use super::types::Type;
use super::{Check, Evaluated, Witness};
use crate::truth::Truth4;

/// A fact that a condition reads, as it was seen.
pub(super) enum Seen<'f> {
    Known(Cow<'f, Value>),
    Unknown(Cow<'f, Blocked>),
    /// Any text but these: only `==`, `!=`, `in` and its length may tell anything of it.
    Other(Values),
    /// Nobody ever sees it: what reads it cannot be true, nor its negation.
    Never,
}

/// One evaluation.
pub(super) struct Run<'f> {
    check: &'f Check,
    seen: &'f [Seen<'f>],
    /// Steps that are left.
    left: Cell<u64>,
    /// Whether more were asked for.
    exhausted: Cell<bool>,
    /// Why there are no more.
    limit: Reason,
    /// What is said where there is nothing to look through.
    pub(super) nothing: Reason,
}

/// The truth of a part: mostly there is nothing more to say of it.
pub(super) enum Part {
    Known(bool),
    Told(Box<Evaluated>),
}

/// A value, or why there is none: unknown or an error.
pub(super) type Got<'e> = Result<Cow<'e, Value>, Box<Evaluated>>;

/// The element that is being looked at, and those around it.
#[derive(Clone, Copy)]
pub(super) struct Around<'e> {
    element: &'e Value,
    outer: Option<&'e Around<'e>>,
}

type Elements<'e> = Option<&'e Around<'e>>;

impl Part {
    fn truth(&self) -> Truth4 {
        match self {
            Self::Known(truth) => (*truth).into(),
            Self::Told(told) => told.truth,
        }
    }
}

impl From<Reason> for Box<Evaluated> {
    fn from(reason: Reason) -> Self {
        let truth = if reason.leaves_unknown() { Truth4::Unknown } else { Truth4::Error };
        Self::new(Evaluated { truth, met: Vec::new(), reasons: vec![reason], witness: Vec::new() })
    }
}

/// What keeps two operands from being compared, if both do.
fn merge(mut a: Box<Evaluated>, b: Box<Evaluated>) -> Box<Evaluated> {
    match (a.truth, b.truth) {
        (Truth4::Error, Truth4::Unknown) => a,
        (Truth4::Unknown, Truth4::Error) => b,
        _ => {
            a.absorb(*b);
            a
        }
    }
}

/// Both of two operands, or what keeps them from being compared.
pub(super) fn pair<A, B>(
    a: Result<A, Box<Evaluated>>,
    b: Result<B, Box<Evaluated>>,
) -> Result<(A, B), Box<Evaluated>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(a), Err(b)) => Err(merge(a, b)),
        (Err(told), Ok(_)) | (Ok(_), Err(told)) => Err(told),
    }
}

impl<'f> Run<'f> {
    pub(super) fn new(check: &'f Check, seen: &'f [Seen<'f>], allowance: u64) -> Self {
        let limit = if allowance < MAX_STEPS { Reason::JudgementTooLong } else { Reason::TooManySteps };
        Self {
            check,
            seen,
            left: Cell::new(allowance),
            exhausted: Cell::new(false),
            limit,
            nothing: Reason::EmptyList,
        }
    }

    /// The truth of the whole, and how many steps are left.
    pub(super) fn whole(&self) -> (Evaluated, u64) {
        let mut evaluated = match self.truth(&self.check.root, false, None) {
            Part::Known(truth) => Evaluated::known(truth),
            Part::Told(told) => *told,
        };
        if self.exhausted.get() && evaluated.truth == Truth4::Error {
            evaluated = *Box::<Evaluated>::from(self.limit.clone());
        }
        (evaluated, self.left.get())
    }

    /// Counts steps; an error where there are none left.
    pub(super) fn spend(&self, steps: u64) -> Result<(), Box<Evaluated>> {
        match self.left.get().checked_sub(steps) {
            Some(left) if !self.exhausted.get() => {
                self.left.set(left);
                Ok(())
            }
            _ => {
                self.exhausted.set(true);
                self.left.set(0);
                Err(self.limit.clone().into())
            }
        }
    }

    /// Whether no steps are left.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted.get()
    }

    fn truth<'e>(&'e self, typed: &'e Typed, negated: bool, around: Elements<'e>) -> Part {
        if let Err(limit) = self.spend(1) {
            return Part::Told(limit);
        }
        match &typed.node {
            Node::Not(inner) => self.truth(inner, !negated, around),
            Node::And(parts) => {
                self.join(!negated, parts.iter().map(|part| self.truth(part, negated, around)))
            }
            Node::Or(parts) => self.join(negated, parts.iter().map(|part| self.truth(part, negated, around))),
            Node::Look(look) if matches!(look.kind, LookKind::All | LookKind::Exists) => {
                self.quantified(look, negated, around)
            }
            Node::Equal(sides) => self.equality(sides, negated != sides.negated, around),
            Node::In(sides) => self.membership(sides, negated, around),
            _ => match self.atom(typed, around) {
                Ok(truth) => Part::Known(truth != negated),
                Err(told) => Part::Told(told),
            },
        }
    }

    /// What has no parts with truth values of their own.
    fn atom<'e>(&'e self, typed: &'e Typed, around: Elements<'e>) -> Result<bool, Box<Evaluated>> {
        match &typed.node {
            Node::Order(operator, sides) => {
                let (left, right) = self.both(sides, around)?;
                self.order(*operator, &left, &right)
            }
            Node::Versions(operator, scheme, sides) => {
                let (left, right) = self.both(sides, around)?;
                self.versions(*operator, *scheme, &left, &right)
            }
            Node::Measured(operator, sides, first) => {
                let (left, right) = pair(self.range(&sides.0, around), self.range(&sides.1, around))?;
                left.compare(*operator, right).ok_or_else(|| {
                    let blocked = Blocked::by(Cause::Straddled);
                    Box::new(Evaluated::blocked(vec![(self.check.facts[*first].clone(), blocked)]))
                })
            }
            _ => match &*self.value(typed, around)? {
                Value::Bool(truth) => Ok(*truth),
                other => Err(Reason::NotATruth { class: Class::of(other) }.into()),
            },
        }
    }

    /// `all`: an and, in which false decides; else an or, in which true does.
    fn join(&self, all: bool, parts: impl Iterator<Item = Part>) -> Part {
        let mut open: Option<Box<Evaluated>> = None;
        for part in parts {
            match (part.truth(), part) {
                (Truth4::False, part) if all => return part,
                (Truth4::True, part) if !all => return part,
                (Truth4::Unknown | Truth4::Error, Part::Told(told)) => {
                    let weightier = if all { Truth4::Error } else { Truth4::Unknown };
                    match &mut open {
                        Some(open) if open.truth == told.truth => open.absorb(*told),
                        Some(open) if told.truth == weightier => *open = told,
                        Some(_) => {}
                        None => open = Some(told),
                    }
                }
                _ => {}
            }
            if self.exhausted.get() {
                break;
            }
        }
        open.map_or(Part::Known(all), Part::Told)
    }

    /// `all` and `exists`.
    fn quantified<'e>(&'e self, look: &'e Look, negated: bool, around: Elements<'e>) -> Part {
        let list = match self.looked_through(look, around) {
            Ok(list) => list,
            Err(told) => return Part::Told(told),
        };
        let all = (look.kind == LookKind::All) != negated;
        let parts = elements(&list).iter().enumerate().map(|(index, element)| {
            let part = self.truth(&look.body, negated, Some(&Around { element, outer: around }));
            let decides = if all { [Truth4::False, Truth4::Error] } else { [Truth4::True; 2] };
            if decides.contains(&part.truth()) {
                let mut told = match part {
                    Part::Known(truth) => Box::new(Evaluated::known(truth)),
                    Part::Told(told) => told,
                };
                // It is kept for those who ask why, once for every element around it.
                if let Err(limit) = self.spend(super::compare::copying(element)) {
                    return Part::Told(limit);
                }
                told.witness.insert(0, Witness::new(&look.text, index, element));
                return Part::Told(told);
            }
            part
        });
        self.join(all, parts)
    }

    /// The list of a look, not empty unless that is no obstacle; of a map its keys.
    fn looked_through<'e>(&'e self, look: &'e Look, around: Elements<'e>) -> Got<'e> {
        let mut list = self.value(&look.list, around)?;
        if let Value::Map(map) = &*list {
            self.spend(super::compare::copying(&list))?;
            list = Cow::Owned(Value::List(map.keys().map(|key| Value::Text(key.clone())).collect()));
        }
        match &*list {
            Value::List(items) if items.is_empty() && !look.empty_ok => Err(self.nothing.clone().into()),
            Value::List(_) => Ok(list),
            other => {
                Err(Reason::NotMadeFor { what: look.kind.name().to_owned(), class: Class::of(other) }.into())
            }
        }
    }

    fn equality<'e>(&'e self, sides: &'e Sides, negated: bool, around: Elements<'e>) -> Part {
        let (left, right) = &*sides.sides;
        if self.is_other(left, right, around) || self.is_other(right, left, around) {
            return Part::Known(negated);
        }
        let (left, right) = match self.both(&sides.sides, around) {
            Ok(both) => both,
            Err(told) => return Part::Told(told),
        };
        let operator = if sides.negated { "!=" } else { "==" };
        let (of_left, of_right) = (Declared::Expr(&sides.sides.0), Declared::Expr(&sides.sides.1));
        match self.equal(operator, Side::new(&left, of_left), Side::new(&right, of_right)) {
            Err(told) => Part::Told(told),
            Ok(Equality::Same) => Part::Known(!negated),
            Ok(Equality::Differs(at)) => {
                let side = if matches!(sides.sides.0.node, Node::List(_)) { &right } else { &left };
                let element = at.and_then(|at| Some((at, elements(side).get(at)?)));
                let Some((at, element)) = element else { return Part::Known(negated) };
                if let Err(limit) = self.spend(super::compare::copying(element)) {
                    return Part::Told(limit);
                }
                let mut told = Evaluated::known(negated);
                told.witness.push(Witness::new(&sides.list, at, element));
                Part::Told(Box::new(told))
            }
        }
    }

    fn membership<'e>(&'e self, sides: &'e Sides, negated: bool, around: Elements<'e>) -> Part {
        let (element, list) = &*sides.sides;
        if let Node::List(items) = &list.node
            && !items.is_empty()
            && items.iter().all(|item| self.is_other(element, item, around))
        {
            return Part::Known(negated);
        }
        let (of_element, of_list) = (Declared::Expr(element), Declared::Expr(list));
        let element = self.value(element, around);
        // A list that is written out need not be made.
        let found = match (&list.node, element) {
            (Node::List(items), Ok(element)) => {
                let items = items.iter().map(|item| (self.value(item, around), Declared::Expr(item)));
                self.found(Side::new(&element, of_element), items)
            }
            (_, element) => pair(element, self.value(list, around)).and_then(|(element, list)| {
                match (&*list, &*element) {
                    (Value::List(items), _) if items.is_empty() && !sides.empty_ok => {
                        Err(self.nothing.clone().into())
                    }
                    (Value::Map(map), _) if map.is_empty() && !sides.empty_ok => {
                        Err(self.nothing.clone().into())
                    }
                    (Value::List(items), element) => {
                        let items = items.iter().enumerate();
                        let items = items.map(|(at, item)| (Ok(Cow::Borrowed(item)), of_list.element(at)));
                        self.found(Side::new(element, of_element), items)
                    }
                    (Value::Map(map), Value::Text(key))
                        if !map.contains_key(key) && map.keys().any(|key| of_element.is_mode_beside(key)) =>
                    {
                        Err(Reason::NotAMode.into())
                    }
                    (Value::Map(map), Value::Text(key)) => match self.has_key(map, key)? {
                        Some(there) => Ok(there.then_some(None)),
                        None => Err(Reason::Masked.into()),
                    },
                    (Value::Map(_), Value::Null) => Ok(None),
                    (other, element) => {
                        let class = Class::of(if matches!(other, Value::Map(_)) { element } else { other });
                        Err(Reason::NotMadeFor { what: "in".to_owned(), class }.into())
                    }
                }
            }),
        };
        match found {
            Err(told) => Part::Told(told),
            Ok(None) => Part::Known(negated),
            Ok(Some(Some((at, value)))) if negated => {
                let mut told = Evaluated::known(false);
                told.witness.push(Witness::new(&sides.list, at, &value));
                Part::Told(Box::new(told))
            }
            Ok(Some(_)) => Part::Known(!negated),
        }
    }

    /// Whether the one surely differs from the other: it may be any text but this one, or is the length of a text that is
    /// not empty beside 0.
    fn is_other<'e>(&'e self, one: &'e Typed, other: &'e Typed, around: Elements<'e>) -> bool {
        let not_among = |fact: &Typed| match &fact.node {
            Node::Fact(place) => match &self.seen[*place] {
                Seen::Other(values) => Some(*values),
                _ => None,
            },
            _ => None,
        };
        let (values, length) = match &one.node {
            Node::Call(Function::Size, arguments) => (arguments.first().and_then(not_among), true),
            _ => (not_among(one), false),
        };
        let Some(values) = values else { return false };
        self.value(other, around).is_ok_and(|other| match &*other {
            Value::Number(number) if length => {
                values.include(&Value::Text(String::new())) && number.as_i64() == Some(0)
            }
            other => !length && values.include(other),
        })
    }

    /// Where among these the element is: an or over `==`.
    fn found<'e>(
        &self,
        element: Side<'e>,
        items: impl Iterator<Item = (Got<'e>, Declared<'e>)>,
    ) -> Result<Option<Option<(usize, Value)>>, Box<Evaluated>> {
        let mut open: Option<Box<Evaluated>> = None;
        for (at, (item, declared)) in items.enumerate() {
            let told = match item {
                Err(told) => told,
                Ok(item) => match self.equal("in", element, Side::new(&item, declared)) {
                    Ok(Equality::Same) => return Ok(Some(Some((at, item.into_owned())))),
                    Ok(Equality::Differs(_)) => continue,
                    Err(told) => told,
                },
            };
            if self.exhausted.get() {
                return Err(told);
            }
            open = Some(match open {
                None => told,
                // What is unknown may yet be it.
                Some(open) if open.truth == Truth4::Unknown && told.truth == Truth4::Error => open,
                Some(open) if open.truth == Truth4::Error && told.truth == Truth4::Unknown => {
                    drop(open);
                    told
                }
                Some(mut open) => {
                    open.absorb(*told);
                    open
                }
            });
        }
        open.map_or(Ok(None), Err)
    }

    /// Both sides of an operator, or what keeps it from being applied.
    fn both<'e>(
        &'e self,
        sides: &'e (Typed, Typed),
        around: Elements<'e>,
    ) -> Result<(Cow<'e, Value>, Cow<'e, Value>), Box<Evaluated>> {
        pair(self.value(&sides.0, around), self.value(&sides.1, around))
    }

    pub(super) fn value<'e>(&'e self, typed: &'e Typed, around: Elements<'e>) -> Got<'e> {
        self.spend(1)?;
        match &typed.node {
            Node::Literal(value) => Ok(Cow::Borrowed(value)),
            Node::Fact(fact) => match &self.seen[*fact] {
                Seen::Known(value) => Ok(Cow::Borrowed(value)),
                Seen::Never => Err(Reason::NeverKnown.into()),
                Seen::Other(_) => {
                    let blocked = Blocked::new(Barrier::NotMade, "");
                    Err(Box::new(Evaluated::blocked(vec![(self.check.facts[*fact].clone(), blocked)])))
                }
                Seen::Unknown(blocked) => {
                    let met = (self.check.facts[*fact].clone(), blocked.clone().into_owned());
                    Err(Box::new(Evaluated::blocked(vec![met])))
                }
            },
            Node::Element(outwards) => {
                let mut element = around;
                for _ in 0..*outwards {
                    element = element.and_then(|around| around.outer);
                }
                // The compiler counted them.
                Ok(element.map_or(Cow::Owned(Value::Null), |around| Cow::Borrowed(around.element)))
            }
            Node::Field(operand, field) => self.field(self.value(operand, around)?, field),
            Node::Index(operand, index) => {
                let (operand, index) = pair(self.value(operand, around), self.value(index, around))?;
                self.index(operand, &index)
            }
            Node::Has(operand, field) => match &*self.value(operand, around)? {
                Value::Map(map) => Ok(Cow::Owned(self.has_key(map, field)?.ok_or(Reason::Masked)?.into())),
                other => Err(Reason::NotMadeFor { what: "has".to_owned(), class: Class::of(other) }.into()),
            },
            Node::List(items) => {
                let items = items.iter().map(|item| self.owned(self.value(item, around)));
                Ok(Cow::Owned(Value::List(self.every(items)?)))
            }
            Node::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.owned(self.value(value, around))?)));
                Ok(Cow::Owned(Value::Map(self.every(entries)?)))
            }
            Node::Negative(inner) => self.negative(&*self.value(inner, around)?),
            Node::Calculate(operator, sides) => {
                let (left, right) = self.both(sides, around)?;
                self.calculate(*operator, left, &right)
            }
            Node::Call(function, of) => {
                let arguments: Vec<Cow<'_, Value>> =
                    self.every(of.iter().map(|argument| self.value(argument, around)))?;
                if let ([Typed { ty: Type::Mode, .. }, other], [_, part]) = (&**of, &*arguments)
                    && !matches!(other.node, Node::Literal(_))
                {
                    self.mode_lacks(*function, part)?;
                }
                self.call(*function, arguments)
            }
            Node::Matches(text, matched) => {
                // One that is written out was held against all modes before the run.
                let of_mode = text.ty == Type::Mode && matches!(matched, Matched::Told(_));
                let text = self.value(text, around);
                self.matches(text, matched, of_mode, around)
            }
            Node::Look(look) if !matches!(look.kind, LookKind::All | LookKind::Exists) => {
                self.look(look, around)
            }
            Node::Order(..) | Node::Versions(..) | Node::Measured(..) => {
                self.atom(typed, around).map(|truth| Cow::Owned(truth.into()))
            }
            Node::Not(_) | Node::And(_) | Node::Or(_) | Node::Equal(_) | Node::In(_) | Node::Look(_) => {
                match self.truth(typed, false, around) {
                    Part::Known(truth) => Ok(Cow::Owned(truth.into())),
                    Part::Told(told) => match told.truth {
                        Truth4::True => Ok(Cow::Owned(true.into())),
                        Truth4::False => Ok(Cow::Owned(false.into())),
                        Truth4::Unknown | Truth4::Error => Err(told),
                    },
                }
            }
        }
    }

    /// All of them, or what keeps them from being known: an error before what is unknown.
    fn every<T, C: FromIterator<T>>(
        &self,
        items: impl Iterator<Item = Result<T, Box<Evaluated>>>,
    ) -> Result<C, Box<Evaluated>> {
        let mut open: Option<Box<Evaluated>> = None;
        let mut known = Vec::new();
        for item in items {
            match item {
                Ok(item) => known.push(item),
                Err(told) => {
                    open = Some(match open {
                        None => told,
                        Some(open) => merge(open, told),
                    });
                    if self.exhausted.get() {
                        break;
                    }
                }
            }
        }
        match open {
            None => Ok(known.into_iter().collect()),
            Some(told) => Err(told),
        }
    }

    /// A value of one's own, what it takes to copy it counted.
    fn owned(&self, got: Got<'_>) -> Result<Value, Box<Evaluated>> {
        match got? {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => {
                self.spend(super::compare::copying(value))?;
                Ok(value.clone())
            }
        }
    }

    /// `filter`, `map` and `exists_one`: of whatever cannot be told of one element, nothing can be told.
    fn look<'e>(&'e self, look: &'e Look, around: Elements<'e>) -> Got<'e> {
        let list = self.looked_through(look, around)?;
        let chosen = elements(&list).iter().map(|element| {
            let inner = Around { element, outer: around };
            let asked = if look.kind == LookKind::Map { look.filter.as_ref() } else { Some(&look.body) };
            if let Some(asked) = asked {
                match self.truth(asked, false, Some(&inner)) {
                    Part::Known(true) => {}
                    Part::Known(false) => return Ok(None),
                    Part::Told(told) => match told.truth {
                        Truth4::True => {}
                        Truth4::False => return Ok(None),
                        Truth4::Unknown | Truth4::Error => return Err(told),
                    },
                }
            }
            match look.kind {
                LookKind::Map => self.owned(self.value(&look.body, Some(&inner))).map(Some),
                LookKind::ExistsOne => Ok(Some(Value::Null)),
                _ => self.owned(Ok(Cow::Borrowed(element))).map(Some),
            }
        });
        let chosen: Vec<Option<Value>> = self.every(chosen)?;
        let chosen: Vec<Value> = chosen.into_iter().flatten().collect();
        Ok(Cow::Owned(match look.kind {
            LookKind::ExistsOne => Value::Bool(chosen.len() == 1),
            _ => Value::List(chosen),
        }))
    }

    fn range<'e>(&'e self, term: &'e Term, around: Elements<'e>) -> Result<Range, Box<Evaluated>> {
        let both = |sides: &'e (Term, Term)| pair(self.range(&sides.0, around), self.range(&sides.1, around));
        match term {
            Term::Value(typed) => {
                let value = self.value(typed, around)?;
                Range::of(&value).ok_or_else(|| {
                    Reason::NotMadeFor { what: "<".to_owned(), class: Class::of(&value) }.into()
                })
            }
            Term::Negative(inner) => Ok(self.range(inner, around)?.negative()),
            Term::Sum(sides) => both(sides).map(|(a, b)| a.plus(b)),
            Term::Difference(sides) => both(sides).map(|(a, b)| a.plus(b.negative())),
            Term::Product(sides) => both(sides).map(|(a, b)| a.times(b)),
        }
    }
}

/// The elements of a list; none of anything else.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        _ => &[],
    }
}
