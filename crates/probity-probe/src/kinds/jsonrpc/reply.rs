//! What a server says in JSON-RPC 2.0 (section 5): replies to calls, and notifications. Must not know over what.

use probity_plan::{Barrier, Value};

use crate::connect::Fault;
use crate::json;

/// One message of a server.
pub(in crate::kinds) enum Said {
    /// The reply to the call of this number.
    Reply { id: usize, outcome: Outcome },
    /// An error to a call whose number it could not read: `id` is null then (section 5). Which call that was tells the transport, if
    /// anything.
    Unnumbered(Outcome),
    /// What it says of its own accord.
    Notification(Notification),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kinds) enum Outcome {
    Result(Value),
    Error { code: i64, message: String, data: Value },
}

/// A notification.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kinds) struct Notification {
    method: String,
    /// `null` where there are none.
    params: Value,
}

impl Outcome {
    /// As a fact holds it.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Result(result) => map([("result", result.clone())]),
            Self::Error { code, message, data } => {
                let error = map([
                    ("code", Value::from(*code)),
                    ("message", Value::from(message.as_str())),
                    ("data", data.clone()),
                ]);
                map([("error", error)])
            }
        }
    }
}

impl Notification {
    /// As a fact holds it.
    pub(super) fn value(&self) -> Value {
        map([("method", Value::from(self.method.as_str())), ("params", self.params.clone())])
    }
}

/// That an error came to which no call can be found.
pub(in crate::kinds) fn to_no_call(outcome: &Outcome) -> Fault {
    match outcome {
        Outcome::Error { code, message, .. } => {
            Fault::nonsense(format!("a reply to no call at all: {code} {message}"))
        }
        Outcome::Result(_) => Fault::nonsense("a reply to no call at all"),
    }
}

/// That a reply came which nobody waits for.
pub(in crate::kinds) fn not_waited_for(id: usize) -> Fault {
    Fault::nonsense(format!("a reply to the call {id}, which waits for none"))
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Reads a message.
///
/// # Errors
/// The target's fault if it is none.
pub(super) fn read(text: &str) -> Result<Said, Fault> {
    of_value(json::parse(text).map_err(|blocked| match blocked.barrier {
        Barrier::Protocol => Fault::Target(blocked),
        _ => Fault::Observer(blocked),
    })?)
}

/// Reads a message that was parsed.
///
/// # Errors
/// The target's fault if it is none.
pub(super) fn of_value(value: Value) -> Result<Said, Fault> {
    let Value::Map(mut message) = value else {
        return Err(Fault::nonsense("the message is no object of JSON-RPC"));
    };
    if message.get("jsonrpc").and_then(Value::as_text) != Some("2.0") {
        return Err(Fault::nonsense("the message says no `\"jsonrpc\": \"2.0\"`"));
    }
    if !message.contains_key("id")
        && let Some(Value::Text(method)) = message.remove("method")
    {
        let params = message.remove("params").unwrap_or(Value::Null);
        return Ok(Said::Notification(Notification { method, params }));
    }
    if message.contains_key("method") {
        return Err(Fault::nonsense(
            "the message has both a number and a method: it is a call, and no reply",
        ));
    }
    let unnumbered = message.get("id") == Some(&Value::Null);
    let id = message.get("id").and_then(Value::as_i64).and_then(|id| usize::try_from(id).ok());
    if id.is_none() && !unnumbered {
        return Err(Fault::nonsense("the message has neither the number of a call nor a method"));
    }
    let outcome = match (message.remove("result"), message.remove("error")) {
        // Many servers write `null` for what is not there, which no error is, and a result only beside none.
        (Some(result), None | Some(Value::Null)) => Outcome::Result(result),
        (None | Some(Value::Null), Some(error)) => {
            let (code, message, data) = error_of(error).ok_or_else(|| {
                Fault::nonsense("the reply's error has no whole number as code, or no text as message")
            })?;
            Outcome::Error { code, message, data }
        }
        _ => return Err(Fault::nonsense("the reply holds not either a result or an error")),
    };
    match (id, outcome) {
        (Some(id), outcome) => Ok(Said::Reply { id, outcome }),
        (None, error @ Outcome::Error { .. }) => Ok(Said::Unnumbered(error)),
        (None, result) => Err(to_no_call(&result)),
    }
}

fn error_of(error: Value) -> Option<(i64, String, Value)> {
    let Value::Map(mut error) = error else { return None };
    let code = error.get("code").and_then(Value::as_i64)?;
    let Some(Value::Text(message)) = error.remove("message") else { return None };
    Some((code, message, error.remove("data").unwrap_or(Value::Null)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_either_a_result_or_an_error_of_the_form_that_the_standard_says() {
        let Ok(Said::Reply { id, outcome }) = read(r#"{"jsonrpc":"2.0","id":2,"result":null}"#) else {
            panic!("none")
        };
        assert_eq!((id, outcome), (2, Outcome::Result(Value::Null)));
        let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}"#;
        let Ok(Said::Reply { outcome, .. }) = read(error) else { panic!("none") };
        let expected =
            Outcome::Error { code: -32601, message: "no such method".to_owned(), data: Value::Null };
        assert_eq!(outcome, expected);
        let event = r#"{"jsonrpc":"2.0","method":"tick","params":[1]}"#;
        let Ok(Said::Notification(notification)) = read(event) else { panic!("none") };
        assert_eq!(notification.value(), Value::from_json(r#"{"method":"tick","params":[1]}"#).unwrap());
        for nonsense in [
            "",
            "[]",
            r#"{"id":1,"result":1}"#,
            r#"{"jsonrpc":"1.0","id":1,"result":1}"#,
            r#"{"jsonrpc":"2.0","result":1}"#,
            r#"{"jsonrpc":"2.0","id":"1","result":1}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}"#,
            r#"{"jsonrpc":"2.0","id":null,"result":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":1,"result":1}"#,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}"#,
        ] {
            let Err(Fault::Target(_)) = read(nonsense) else { panic!("{nonsense} was taken") };
        }
    }
}
