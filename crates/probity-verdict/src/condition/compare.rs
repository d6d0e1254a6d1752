//! Equality and order of values, and what functions and operators make of them. Values of different classes do not
//! compare, `null` excepted; inside lists and maps too, element by element.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use probity_plan::{Moment, Number, Value};

use super::Evaluated;
use super::arithmetic::{self, calculate, truncate};
use super::declared::Side;
use super::evaluate::{Around, Got, Run, pair};
use super::masked;
use super::pattern::{Draft, Pattern};
use super::reason::{Class, Reason};
use super::syntax::Operator;
use super::tree::{Function, Matched};
use super::types::{MODES, any_mode, have_no_order};
use super::version::Scheme;
use crate::truth::Truth4;

/// Whether two values are the same.
pub(super) enum Equality {
    Same,
    /// Of two lists: from which place on.
    Differs(Option<usize>),
}

/// The steps that it takes to look at so many bytes.
fn text_steps(length: usize) -> u64 {
    1 + length as u64 / 64
}

/// The steps that it takes to copy a value: one for each 8 bytes or so, so that the steps bound the memory too.
pub(super) fn copying(value: &Value) -> u64 {
    let text = |length: usize| 8 + length as u64 / 8;
    match value {
        Value::Text(value) => text(value.len()),
        Value::Number(number) => text(number.weight()),
        Value::List(items) => 8 + items.iter().map(copying).sum::<u64>(),
        Value::Map(map) => 8 + map.iter().map(|(key, value)| text(key.len()) + copying(value)).sum::<u64>(),
        Value::Null | Value::Bool(_) | Value::Interval(_) | Value::Moment(_) => 8,
    }
}

type EvaluationResult<T> = Result<T, Box<Evaluated>>;

fn not_made_for(what: &str, value: &Value) -> Box<Evaluated> {
    if is_masked(value) {
        return Reason::Masked.into();
    }
    Reason::NotMadeFor { what: what.to_owned(), class: Class::of(value) }.into()
}

/// Text of which nobody can tell what it was: perhaps a number.
fn is_masked(value: &Value) -> bool {
    value.as_text().is_some_and(masked::is_masked)
}

impl Run<'_> {
    /// Whether two values are the same. A pair that surely differs decides, also beside one that does not compare.
    pub(super) fn equal(
        &self,
        operator: &str,
        left: Side<'_>,
        right: Side<'_>,
    ) -> EvaluationResult<Equality> {
        let known = |same: bool| Ok(if same { Equality::Same } else { Equality::Differs(None) });
        match (left.value, right.value) {
            (Value::Null, Value::Null) => known(true),
            (Value::Null, _) | (_, Value::Null) => known(false),
            (Value::Bool(a), Value::Bool(b)) => known(a == b),
            (Value::Number(a), Value::Number(b)) => {
                self.spend(text_steps(a.weight().max(b.weight())))?;
                known(a == b)
            }
            (Value::Text(a), Value::Text(b)) => {
                self.spend(text_steps(a.len().min(b.len())))?;
                let same = masked::same(a, b).ok_or(Reason::Masked)?;
                if left.declared.is_mode_beside(b) || right.declared.is_mode_beside(a) {
                    return Err(Reason::NotAMode.into());
                }
                known(same)
            }
            (Value::Moment(a), Value::Moment(b)) => known(a == b),
            (Value::List(a), Value::List(b)) => {
                let pairs = a.iter().zip(b).enumerate().map(|(at, (a, b))| {
                    (Side::new(a, left.declared.element(at)), Side::new(b, right.declared.element(at)))
                });
                self.equal_lists(operator, (a.len(), b.len()), pairs)
            }
            (Value::Map(a), Value::Map(b)) => {
                self.spend(a.len().min(b.len()) as u64)?;
                if a.len() != b.len() {
                    return known(false);
                }
                let keys = self.all_keys(a, b)?;
                if keys == Some(false) {
                    return known(false);
                }
                let pairs = a.iter().filter_map(|(key, value)| {
                    let left = Side::new(value, left.declared.field(key));
                    Some((left, Side::new(b.get(key)?, right.declared.field(key))))
                });
                Ok(match self.equal_pairs(operator, pairs)? {
                    Equality::Same if keys.is_none() => return Err(Reason::Masked.into()),
                    Equality::Same => Equality::Same,
                    Equality::Differs(_) => Equality::Differs(None),
                })
            }
            (a, b) if is_masked(a) || is_masked(b) => Err(Reason::Masked.into()),
            (a, b) => Err(Reason::NotComparable {
                operator: operator.to_owned(),
                left: Class::of(a),
                right: Class::of(b),
            }
            .into()),
        }
    }

    /// Whether a map has every key of another one, as far as masked ones tell.
    fn all_keys(
        &self,
        keys: &BTreeMap<String, Value>,
        map: &BTreeMap<String, Value>,
    ) -> EvaluationResult<Option<bool>> {
        let mut all = Some(true);
        for key in keys.keys() {
            match self.has_key(map, key)? {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => all = None,
            }
        }
        Ok(all)
    }

    /// Whether a map has this key; `None` if that depends on what was masked.
    pub(super) fn has_key(&self, map: &BTreeMap<String, Value>, key: &str) -> EvaluationResult<Option<bool>> {
        if map.contains_key(key) {
            return Ok(Some(true));
        }
        self.spend(map.len() as u64 / 8)?;
        Ok(if masked::may_have(map, key) { None } else { Some(false) })
    }

    /// Why a key that is not there cannot be had.
    fn lacks(&self, map: &BTreeMap<String, Value>, key: &str) -> Box<Evaluated> {
        match self.has_key(map, key) {
            Ok(None) => Reason::Masked.into(),
            Ok(Some(_)) => Reason::no_key(key).into(),
            Err(limit) => limit,
        }
    }

    fn equal_lists<'v>(
        &self,
        operator: &str,
        (a, b): (usize, usize),
        pairs: impl Iterator<Item = (Side<'v>, Side<'v>)>,
    ) -> EvaluationResult<Equality> {
        match self.equal_pairs(operator, pairs) {
            Ok(Equality::Same) if a == b => Ok(Equality::Same),
            Ok(Equality::Same) => Ok(Equality::Differs(Some(a.min(b)))),
            Err(_) if a != b && !self.is_exhausted() => Ok(Equality::Differs(None)),
            other => other,
        }
    }

    fn equal_pairs<'v>(
        &self,
        operator: &str,
        pairs: impl Iterator<Item = (Side<'v>, Side<'v>)>,
    ) -> EvaluationResult<Equality> {
        let (mut unknown, mut error) = (None, None);
        for (at, (a, b)) in pairs.enumerate() {
            self.spend(1)?;
            match self.equal(operator, a, b) {
                Ok(Equality::Same) => {}
                Ok(Equality::Differs(_)) => return Ok(Equality::Differs(Some(at))),
                Err(told) if self.is_exhausted() => return Err(told),
                Err(told) if told.truth == Truth4::Unknown => unknown = Some(unknown.unwrap_or(told)),
                Err(told) => error = Some(error.unwrap_or(told)),
            }
        }
        unknown.or(error).map_or(Ok(Equality::Same), Err)
    }

    pub(super) fn order(&self, operator: Operator, a: &Value, b: &Value) -> EvaluationResult<bool> {
        let order = match (a, b) {
            _ if is_masked(a) || is_masked(b) => return Err(Reason::Masked.into()),
            (Value::Number(a), Value::Number(b)) => {
                self.spend(text_steps(a.weight().max(b.weight())))?;
                a.cmp(b)
            }
            (Value::Text(a), Value::Text(b)) => {
                self.spend(text_steps(a.len()) + text_steps(b.len()))?;
                if have_no_order(a, b) {
                    return Err(Reason::OrderOfText { operator: operator.symbol().to_owned() }.into());
                }
                a.cmp(b)
            }
            (Value::Moment(a), Value::Moment(b)) => a.cmp(b),
            _ => {
                let (left, right) = (Class::of(a), Class::of(b));
                let operator = operator.symbol().to_owned();
                return Err(Reason::NotComparable { operator, left, right }.into());
            }
        };
        Ok(satisfies(operator, order))
    }

    pub(super) fn versions(
        &self,
        operator: Operator,
        scheme: Scheme,
        a: &Value,
        b: &Value,
    ) -> EvaluationResult<bool> {
        let (Value::Text(a), Value::Text(b)) = (a, b) else {
            return Err(not_made_for("version", if a.as_text().is_some() { b } else { a }));
        };
        self.spend((a.len() + b.len()) as u64)?;
        if masked::is_masked(a) || masked::is_masked(b) {
            return Err(Reason::Masked.into());
        }
        let order = scheme.order(a, b).ok_or(Reason::NotAVersion { scheme })?;
        Ok(satisfies(operator, order))
    }

    pub(super) fn field<'e>(&self, operand: Cow<'e, Value>, field: &str) -> Got<'e> {
        match operand {
            Cow::Borrowed(Value::Map(map)) => {
                map.get(field).map(Cow::Borrowed).ok_or_else(|| self.lacks(map, field))
            }
            Cow::Owned(Value::Map(mut map)) => {
                map.remove(field).map(Cow::Owned).ok_or_else(|| self.lacks(&map, field))
            }
            other => Err(not_made_for(".", &other)),
        }
    }

    pub(super) fn index<'e>(&self, operand: Cow<'e, Value>, index: &Value) -> Got<'e> {
        match (&*operand, index) {
            (Value::Map(_), Value::Text(key)) => self.field(operand, key),
            (Value::List(_), Value::Number(number)) => {
                let whole = number.as_i64().ok_or_else(|| Reason::NotWhole { what: "[]".to_owned() })?;
                let at = usize::try_from(whole).unwrap_or(usize::MAX);
                let found = match operand {
                    Cow::Borrowed(Value::List(items)) => items.get(at).map(Cow::Borrowed),
                    Cow::Owned(Value::List(items)) => items.into_iter().nth(at).map(Cow::Owned),
                    _ => None,
                };
                found.ok_or_else(|| Reason::OutOfRange.into())
            }
            (Value::Map(_) | Value::List(_), index) => Err(not_made_for("[]", index)),
            (operand, _) => Err(not_made_for("[]", operand)),
        }
    }

    pub(super) fn negative<'e>(&self, value: &Value) -> Got<'e> {
        match value {
            Value::Number(number) => {
                self.spend(text_steps(number.weight()))?;
                Ok(Cow::Owned(arithmetic::negative(number)?.into()))
            }
            other => Err(not_made_for("-", other)),
        }
    }

    pub(super) fn calculate<'e>(&self, operator: Operator, a: Cow<'_, Value>, b: &Value) -> Got<'e> {
        match (&*a, b) {
            (Value::Number(x), Value::Number(y)) => {
                self.spend(text_steps(x.weight() + y.weight()))?;
                Ok(Cow::Owned(calculate(operator, x, y)?.into()))
            }
            (Value::Text(_), Value::Text(_)) | (Value::List(_), Value::List(_))
                if operator == Operator::Add =>
            {
                self.spend(copying(&a) + copying(b))?;
                Ok(Cow::Owned(match (a.into_owned(), b) {
                    (Value::Text(a), Value::Text(b)) => Value::Text(a + b),
                    (Value::List(mut a), Value::List(b)) => {
                        a.extend_from_slice(b);
                        Value::List(a)
                    }
                    (a, _) => a,
                }))
            }
            (Value::Number(_), other) | (other, _) => Err(not_made_for(operator.symbol(), other)),
        }
    }

    pub(super) fn call<'e>(&self, function: Function, mut arguments: Vec<Cow<'e, Value>>) -> Got<'e> {
        let name = function.name();
        let second = if arguments.len() > 1 { arguments.pop() } else { None };
        let Some(first) = arguments.pop() else { return Err(not_made_for(name, &Value::Null)) };
        let known = |value: Value| Ok(Cow::Owned(value));
        match (function, &*first, second.as_deref()) {
            (
                Function::Size | Function::Int | Function::Double | Function::Moment,
                Value::Text(text),
                None,
            ) if masked::is_masked(text) => Err(Reason::Masked.into()),
            (Function::Size, Value::Text(text), None) => {
                self.spend(text_steps(text.len()))?;
                known(text.chars().count().into())
            }
            (Function::Size, Value::List(items), None) => known(items.len().into()),
            (Function::Size, Value::Map(map), None) => known(map.len().into()),
            (Function::Int | Function::Double, Value::Number(number), None) => {
                self.spend(text_steps(number.weight()))?;
                known(if function == Function::Int {
                    truncate(number)?.into()
                } else {
                    number.clone().into()
                })
            }
            (Function::Int | Function::Double, Value::Text(text), None) => {
                self.spend(text_steps(text.len()))?;
                let number = Number::parse(text).ok_or(Reason::NotANumber)?;
                if function == Function::Int && !super::compile::is_whole(&number) {
                    return Err(Reason::NotWhole { what: name.to_owned() }.into());
                }
                known(number.into())
            }
            (Function::String, Value::Text(_), None) | (Function::Moment, Value::Moment(_), None) => {
                Ok(first)
            }
            (Function::String, Value::Bool(bool), None) => known(bool.to_string().into()),
            (Function::String, Value::Number(number), None) => {
                self.spend(text_steps(number.weight()))?;
                known(number.without_exponent().into())
            }
            (Function::String, Value::Moment(moment), None) => known(moment.to_string().into()),
            (Function::Moment, Value::Text(text), None) => {
                self.spend(10 + text_steps(text.len()))?;
                known(Value::Moment(Moment::parse(text).ok_or(Reason::NotAMoment)?))
            }
            (
                Function::Contains | Function::StartsWith | Function::EndsWith,
                Value::Text(text),
                Some(Value::Text(part)),
            ) => {
                let looked_at =
                    if function == Function::Contains { text.len() + part.len() } else { part.len() };
                self.spend(text_steps(looked_at))?;
                let told = match function {
                    Function::Contains => masked::contains(text, part),
                    Function::StartsWith => masked::starts_with(text, part),
                    _ => masked::ends_with(text, part),
                };
                known(Value::Bool(told.ok_or(Reason::Masked)?))
            }
            (_, Value::Text(_), Some(other)) | (_, other, _) => Err(not_made_for(name, other)),
        }
    }

    /// Whether a mode lacks what no mode has.
    pub(super) fn mode_lacks(&self, function: Function, part: &Value) -> EvaluationResult<()> {
        let Value::Text(part) = part else { return Ok(()) };
        if masked::is_masked(part) {
            return Ok(());
        }
        self.spend(MODES / 8)?;
        let has = |mode: &str| match function {
            Function::StartsWith => mode.starts_with(part.as_str()),
            Function::EndsWith => mode.ends_with(part.as_str()),
            _ => mode.contains(part.as_str()),
        };
        if any_mode(has) { Ok(()) } else { Err(Reason::NotAMode.into()) }
    }

    pub(super) fn matches<'e>(
        &'e self,
        text: Got<'e>,
        matched: &'e Matched,
        is_mode: bool,
        around: Option<&'e Around<'e>>,
    ) -> Got<'e> {
        let search = |text: &Value, pattern: &Pattern| {
            let Value::Text(text) = text else { return Err(not_made_for("matches", text)) };
            self.spend(pattern.cost(text.len()))?;
            let told = masked::matches(text, pattern.text(), |text| pattern.is_in(text));
            let told = told.ok_or(Reason::Masked)?;
            if is_mode && !told {
                self.spend(pattern.cost(4).saturating_mul(MODES))?;
                if !any_mode(|mode| pattern.is_in(mode)) {
                    return Err(Reason::NotAMode.into());
                }
            }
            Ok(Cow::Owned(told.into()))
        };
        match matched {
            Matched::Pattern(pattern) => search(&*text?, pattern),
            Matched::Told(told) => {
                let (text, told) = pair(text, self.value(told, around))?;
                let Value::Text(source) = &*told else { return Err(not_made_for("matches", &told)) };
                self.spend(Draft::cost(source))?;
                let draft = Draft::new(source)?;
                self.spend(draft.cost_of_making())?;
                search(&text, &draft.make()?)
            }
        }
    }
}

fn satisfies(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Less => order.is_lt(),
        Operator::AtMost => order.is_le(),
        Operator::More => order.is_gt(),
        Operator::AtLeast => order.is_ge(),
        Operator::NotEqual => order.is_ne(),
        _ => order.is_eq(),
    }
}
