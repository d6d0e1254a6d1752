//! Messages of JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>): text in, requests out; results in, text out. Pure.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::contract::{AtMost, Code, MAX_BATCH, RpcError};

/// A request; without an `id` it is a notification, which is not answered.
#[derive(Debug)]
pub struct Request<'a> {
    /// The call.
    pub method: Cow<'a, str>,
    /// Its parameters, unread.
    pub params: Option<&'a RawValue>,
    /// By which the answer is known; as it was sent.
    pub id: Option<&'a RawValue>,
}

/// A part of a message that is no request, and the answer it gets.
#[derive(Debug)]
pub struct Refused<'a> {
    /// The `id`, if one could be read; otherwise the answer has `null`.
    pub id: Option<&'a RawValue>,
    /// Why.
    pub error: RpcError,
}

/// What a message holds.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// One request.
    One(Result<Request<'a>, Refused<'a>>),
    /// Several, answered together.
    Batch(Vec<Result<Request<'a>, Refused<'a>>>),
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// An `id` of `null` is there, other than none at all.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads a message.
#[must_use]
pub fn read(text: &str) -> Incoming<'_> {
    if !text.trim_start().starts_with('[') {
        return Incoming::One(read_one(text));
    }
    let refused = |error| Incoming::One(Err(Refused { id: None, error }));
    match serde_json::from_str::<AtMost<MAX_BATCH, &RawValue>>(text) {
        Err(error) if error.is_data() => refused(invalid(format!("a batch holds at most {MAX_BATCH} calls"))),
        Err(error) => refused(not_json(&error)),
        Ok(parts) if parts.is_empty() => refused(invalid("an empty batch asks for nothing")),
        Ok(parts) => Incoming::Batch(parts.iter().map(|part| read_one(part.get())).collect()),
    }
}

fn read_one(text: &str) -> Result<Request<'_>, Refused<'_>> {
    let wire = match serde_json::from_str::<Wire<'_>>(text) {
        Ok(wire) => wire,
        Err(error) => {
            // Not JSON at all, or JSON that is no request?
            if let Err(error) = serde_json::from_str::<&RawValue>(text) {
                return Err(Refused { id: None, error: not_json(&error) });
            }
            if !text.trim_start().starts_with('{') {
                return Err(Refused { id: None, error: invalid("a request is an object") });
            }
            let id =
                serde_json::from_str::<OnlyId<'_>>(text).ok().and_then(|only| only.id).filter(|id| is_id(id));
            let said = error.to_string();
            let said = said.split(" at line ").next().unwrap_or_default();
            return Err(Refused { id, error: invalid(format!("no JSON-RPC request: {said}")) });
        }
    };
    if let Some(id) = wire.id.filter(|id| !is_id(id)) {
        let error = invalid(format!("an id is a string, a number or null, not {}", kind(id)));
        return Err(Refused { id: None, error });
    }
    if wire.jsonrpc.as_deref() != Some("2.0") {
        return Err(Refused { id: wire.id, error: invalid("\"jsonrpc\": \"2.0\" is missing") });
    }
    if let Some(params) = wire.params.filter(|params| !matches!(kind(params), "an object" | "an array")) {
        let error = invalid(format!("params are an object, not {}", kind(params)));
        return Err(Refused { id: wire.id, error });
    }
    Ok(Request { method: wire.method, params: wire.params, id: wire.id })
}

fn is_id(id: &RawValue) -> bool {
    matches!(kind(id), "a string" | "a number" | "null")
}

fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

fn not_json(error: &serde_json::Error) -> RpcError {
    RpcError::new(Code::Parse, format!("not JSON: {error}"))
}

fn invalid(message: impl Into<String>) -> RpcError {
    RpcError::new(Code::InvalidRequest, message)
}

/// Appends the answer to one request; a result is JSON already, as is the `id` that was sent.
pub fn write(into: &mut String, id: Option<&RawValue>, outcome: &Result<String, RpcError>) {
    let id = id.map_or("null", RawValue::get);
    let error;
    let (name, value) = match outcome {
        Ok(result) => ("result", result),
        Err(refusal) => {
            // Strings and numbers: this cannot fail.
            error = serde_json::to_string(refusal).unwrap_or_default();
            ("error", &error)
        }
    };
    into.reserve(value.len() + id.len() + 48);
    for part in ["{\"jsonrpc\":\"2.0\",\"", name, "\":", value, ",\"id\":", id, "}"] {
        into.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (Option<String>, i32, String) {
        match read(text) {
            Incoming::One(Err(refused)) => {
                (refused.id.map(|id| id.get().to_owned()), refused.error.code.number(), refused.error.message)
            }
            other => panic!("{text} was read as {other:?}"),
        }
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_id_where_there_is_one() {
        assert_eq!(refusal("{").1, -32700);
        assert_eq!(refusal("[1,").1, -32700);
        assert_eq!(refusal("").1, -32700);
        assert_eq!(refusal("[]"), (None, -32600, "an empty batch asks for nothing".into()));
        assert_eq!(refusal("7").1, -32600);
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","id":5}"#).0.as_deref(), Some("5"));
        assert_eq!(refusal(r#"{"method":"ping","id":"a"}"#).2, "\"jsonrpc\": \"2.0\" is missing");
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","method":"ping","id":[1]}"#).0, None);
        assert_eq!(
            refusal(r#"{"jsonrpc":"2.0","method":"ping","params":"x","id":1}"#).2,
            "params are an object, not a string"
        );
        assert_eq!(refusal(r#"{"jsonrpc":"2.0","method":"ping","method":"ping","id":1}"#).1, -32600);
    }

    #[test]
    fn an_id_of_null_is_answered_and_no_id_is_not() {
        let Incoming::One(Ok(with)) = read(r#"{"jsonrpc":"2.0","method":"ping","id":null}"#) else {
            panic!()
        };
        assert_eq!(with.id.unwrap().get(), "null");
        let Incoming::One(Ok(without)) = read(r#"{"jsonrpc":"2.0","method":"ping"}"#) else { panic!() };
        assert!(without.id.is_none());
    }

    #[test]
    fn a_batch_keeps_its_order_and_its_bad_parts() {
        let Incoming::Batch(parts) = read(r#" [{"jsonrpc":"2.0","method":"ping","id":1}, 7]"#) else {
            panic!()
        };
        assert!(parts[0].is_ok() && parts[1].is_err());
        let many = format!("[{}]", vec!["1"; MAX_BATCH + 1].join(","));
        assert_eq!(refusal(&many).1, -32600);
    }
}
