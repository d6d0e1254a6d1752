//! Types of expressions as far as they are known before the run. CEL calls a comparison of different types false, or an
//! error while the run is on; a plan's author should hear of it before.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use probity_plan::FactType;

use super::parse::fact_name;
use super::{ConditionError, Scope};

/// The type of an expression, `None` if only the run will tell. The first thing that cannot work is the error.
pub(super) fn check(
    node: &IdedExpr,
    scope: &Scope,
    place: &dyn Fn(u64) -> usize,
) -> Result<Option<FactType>, ConditionError> {
    if let Some(name) = fact_name(&node.expr) {
        // A name that a comprehension introduces may be anything.
        return Ok(scope.get(&name).filter(|ty| *ty != FactType::Any));
    }
    match &node.expr {
        Expr::Literal(literal) => Ok(match literal {
            LiteralValue::Boolean(_) => Some(FactType::Bool),
            LiteralValue::Double(_) => Some(FactType::Float),
            LiteralValue::Int(_) | LiteralValue::UInt(_) => Some(FactType::Int),
            LiteralValue::String(_) => Some(FactType::Text),
            LiteralValue::Bytes(_) | LiteralValue::Null => None,
        }),
        Expr::List(list) => {
            for element in &list.elements {
                check(element, scope, place)?;
            }
            Ok(Some(FactType::List))
        }
        Expr::Select(select) => {
            let operand = check(&select.operand, scope, place)?;
            if let Some(ty) = operand.filter(|ty| *ty != FactType::Map) {
                let message = format!("{} has no field `{}`", said(&select.operand, ty), select.field);
                return Err(ConditionError { offset: place(node.id), message, hint: String::new() });
            }
            Ok(select.test.then_some(FactType::Bool))
        }
        Expr::Comprehension(comprehension) => {
            check(&comprehension.iter_range, scope, place)?;
            // Its body is left to the run: the type of an element is not known.
            Ok(None)
        }
        Expr::Call(call) => self::call(node.id, call, scope, place),
        _ => Ok(None),
    }
}

fn call(
    id: u64,
    call: &CallExpr,
    scope: &Scope,
    place: &dyn Fn(u64) -> usize,
) -> Result<Option<FactType>, ConditionError> {
    let target = call.target.as_deref();
    let mut types = Vec::new();
    for argument in target.into_iter().chain(&call.args) {
        types.push(check(argument, scope, place)?);
    }
    let error = |message: String, hint: String| Err(ConditionError { offset: place(id), message, hint });
    match (call.func_name.as_str(), types.as_slice()) {
        (
            operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            [left, right],
        ) => {
            if let (Some(left), Some(right)) = (left, right)
                && class(*left) != class(*right)
            {
                let (fact, ty, other, its) = match fact_name(&call.args[0].expr) {
                    Some(_) => (&call.args[0], *left, &call.args[1], *right),
                    None => (&call.args[1], *right, &call.args[0], *left),
                };
                return error(
                    format!("{} and is compared with {}", said(fact, ty), article(its)),
                    rewritten(other, ty).map_or(String::new(), |literal| format!("write {literal}")),
                );
            }
            Ok(Some(FactType::Bool))
        }
        (operators::IN, [_, container]) => match container {
            Some(FactType::Text | FactType::Moment) => error(
                format!("{}; `in` looks into lists and maps", said(&call.args[1], FactType::Text)),
                "write it as in `body.contains(\"ok\")`".to_owned(),
            ),
            Some(ty @ (FactType::Int | FactType::Float | FactType::Bool)) => {
                error(format!("{}; `in` looks into lists and maps", said(&call.args[1], *ty)), String::new())
            }
            _ => Ok(Some(FactType::Bool)),
        },
        ("contains" | "startsWith" | "endsWith" | "matches", [text, _]) => match text {
            Some(FactType::List) => error(
                "this is a list".to_owned(),
                "ask whether something is in it as in `\"ok\" in lines`".to_owned(),
            ),
            Some(ty) if class(*ty) != FactType::Text => {
                let target = target.unwrap_or(&call.args[0]);
                error(format!("{}; `{}` is for text", said(target, *ty), call.func_name), String::new())
            }
            _ => Ok(Some(FactType::Bool)),
        },
        (
            operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE,
            [Some(left), Some(right)],
        ) => match (class_of_number(*left), class_of_number(*right)) {
            (Some(a), Some(b)) if a != b => error(
                "a whole number and a number with a fraction do not mix here".to_owned(),
                "write 2.0 for 2, or double(x) for x".to_owned(),
            ),
            (a, _) => Ok(a.or(Some(*left)).filter(|_| left == right)),
        },
        (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, _) => {
            Ok(Some(FactType::Bool))
        }
        ("size" | "int", _) => Ok(Some(FactType::Int)),
        ("double", _) => Ok(Some(FactType::Float)),
        ("string", _) => Ok(Some(FactType::Text)),
        _ => Ok(None),
    }
}

/// Types that compare with each other.
fn class(ty: FactType) -> FactType {
    match ty {
        FactType::Float | FactType::Interval => FactType::Int,
        FactType::Moment | FactType::Version | FactType::Mode => FactType::Text,
        FactType::Moments => FactType::List,
        other => other,
    }
}

fn class_of_number(ty: FactType) -> Option<FactType> {
    matches!(ty, FactType::Int | FactType::Float).then_some(ty)
}

/// "`status` is an int", or "this is an int".
fn said(node: &IdedExpr, ty: FactType) -> String {
    let what = fact_name(&node.expr).map_or("this".to_owned(), |name| format!("`{name}`"));
    format!("{what} is {}", article(ty))
}

/// The type's name with its article: "an int", "text".
pub(super) fn article(ty: FactType) -> String {
    match ty {
        FactType::Text | FactType::Any => ty.name().to_owned(),
        FactType::Int | FactType::Interval => format!("an {}", ty.name()),
        _ => format!("a {}", ty.name()),
    }
}

/// A literal as one of another type, if it can be: `"200"` as 200.
fn rewritten(node: &IdedExpr, ty: FactType) -> Option<String> {
    let Expr::Literal(literal) = &node.expr else { return None };
    match (class(ty), literal) {
        (FactType::Int, LiteralValue::String(text)) => text
            .inner()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(|_| text.inner().to_owned()),
        (FactType::Bool, LiteralValue::String(text)) => {
            matches!(text.inner(), "true" | "false").then(|| text.inner().to_owned())
        }
        (FactType::Text, LiteralValue::Int(int)) => Some(format!("\"{}\"", int.inner())),
        (FactType::Text, LiteralValue::Boolean(bool)) => Some(format!("\"{}\"", bool.inner())),
        _ => None,
    }
}
