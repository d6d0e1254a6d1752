//! Between our values and CEL's: the environment, conversions, and CEL's errors in our words.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::types::DYN_TYPE;
use cel::common::value::CowVal;
use cel::objects::{Key, Map};
use cel::{Env, ExecutionError};
use probity_plan::Value;

/// The function that compiled conditions put round every list that is looked through. Nobody can write it.
pub(super) const NOT_EMPTY: &str = "@not_empty";

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib().with_optional_support(false);
    // The name is ours alone, so this cannot be taken already.
    let added = environment.add_overload(NOT_EMPTY, NOT_EMPTY, vec![DYN_TYPE], not_empty);
    debug_assert!(added.is_ok());
    Arc::new(environment)
});

/// The one environment; making one is slow.
pub(super) fn environment() -> Arc<Env> {
    Arc::clone(&ENVIRONMENT)
}

fn not_empty<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let empty = || ExecutionError::function_error(NOT_EMPTY, "");
    let list = arguments.pop().ok_or_else(empty)?;
    let size = list.as_sizer().map(|sizer| sizer.size().into_inner());
    if size == Some(0) { Err(empty()) } else { Ok(list) }
}

pub(super) fn to_cel(value: Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(bool) => cel::Value::Bool(bool),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| cel::Value::Float(number.to_f64()), cel::Value::Int)
        }
        Value::Text(text) => cel::Value::String(Arc::new(text)),
        Value::Moment(moment) => cel::Value::String(Arc::new(moment.to_string())),
        Value::Interval(_) => cel::Value::Null,
        Value::List(list) => cel::Value::List(Arc::new(list.into_iter().map(to_cel).collect())),
        Value::Map(map) => {
            let map: HashMap<Key, cel::Value> =
                map.into_iter().map(|(key, value)| (Key::String(Arc::new(key)), to_cel(value))).collect();
            cel::Value::Map(Map { map: Arc::new(map) })
        }
    }
}

/// An error in evaluating, without the values: they are the target's, and may be long.
pub(super) fn explain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no `{}`", shorten(key)),
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types().join(" and ");
            format!("`{}` is not made for {types}", overload.function().replace('_', ""))
        }
        ExecutionError::ValuesNotComparable(left, right)
        | ExecutionError::UnsupportedBinaryOperator(_, left, right) => {
            format!("{} and {} do not go together", left.type_of(), right.type_of())
        }
        ExecutionError::UnexpectedType { got, want } => format!("{want} was expected, not {got}"),
        ExecutionError::UnsupportedTargetType { target } => {
            format!("{} does not have that", target.type_of())
        }
        ExecutionError::NotSupportedAsMethod { method, target } => {
            format!("{} has no `{method}`", target.type_of())
        }
        ExecutionError::IndexOutOfBounds(_) => "the list is shorter than that".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "a division by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number beyond 64 bits".to_owned(),
        ExecutionError::FunctionError { function, message } => format!("`{function}`: {}", shorten(message)),
        _ => "it cannot be evaluated on what was observed".to_owned(),
    }
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
