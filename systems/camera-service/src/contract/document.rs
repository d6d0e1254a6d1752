//! The contract as documents: OpenRPC (<https://spec.open-rpc.org>) for programs, Markdown for people. Generated, and compared with
//! what is committed.

use std::fmt::Write as _;

use camera_access::Role;
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Code, METHODS, Method, Notification, Topic};

/// Errors that every call may answer; those that need a role may answer two more.
const COMMON: &[Code] = &[Code::InvalidParams, Code::RateLimited, Code::Internal];
const GUARDED: &[Code] = &[Code::NotAuthenticated, Code::NotPermitted];

fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    SchemaGenerator::new(settings)
}

/// All codes that a call may answer, in the order of the contract.
fn errors(method: &Method) -> impl Iterator<Item = (Code, &'static str)> + '_ {
    Code::ALL.iter().copied().filter(move |(code, _)| {
        COMMON.contains(code)
            || method.errors.contains(code)
            || (method.role.is_some() && GUARDED.contains(code))
    })
}

/// A schema, with what it refers to put in its place.
fn resolved<'a>(schema: &'a Value, definitions: &'a Map<String, Value>) -> &'a Value {
    match schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        Some(name) => definitions.get(name).unwrap_or(schema),
        None => schema,
    }
}

/// The OpenRPC document.
#[must_use]
pub fn openrpc() -> Value {
    let mut generator = generator();
    let drafts: Vec<(&Method, Schema, Schema)> = METHODS
        .iter()
        .map(|method| (method, (method.params)(&mut generator), (method.result)(&mut generator)))
        .collect();
    let notification = generator.subschema_for::<Notification>();
    let definitions = generator.take_definitions(true);
    let methods: Vec<Value> = drafts
        .iter()
        .map(|(method, params, result)| {
            let params = params.as_value();
            let params = resolved(params, &definitions);
            let required: Vec<&str> = params["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let list: Vec<Value> = params["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, schema)| json!({ "name": name, "required": required.contains(&name.as_str()), "schema": schema }))
                .collect();
            json!({
                "name": method.name,
                "summary": method.about.trim(),
                "paramStructure": "by-name",
                "params": list,
                "result": { "name": "result", "schema": result },
                "errors": errors(method)
                    .map(|(code, meaning)| json!({ "code": code.number(), "message": meaning }))
                    .collect::<Vec<_>>(),
                "x-role": method.role.map(|role| role.to_string()),
                "x-audit": method.audit,
            })
        })
        .collect();
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Camera service",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 over a WebSocket at /ws. Calls of one connection are made one after the other.",
        },
        "methods": methods,
        "x-notifications": Topic::ALL
            .iter()
            .map(|topic| json!({ "name": topic, "params": notification }))
            .collect::<Vec<_>>(),
        "components": { "schemas": definitions },
    })
}

/// The reference for people.
#[must_use]
pub fn markdown() -> String {
    let document = openrpc();
    let no_definitions = Map::new();
    let definitions = document["components"]["schemas"].as_object().unwrap_or(&no_definitions);
    let mut text = String::from(OPENING);
    matrix(&mut text);
    text.push_str("\n## Calls\n");
    for (method, entry) in METHODS.iter().zip(document["methods"].as_array().into_iter().flatten()) {
        let role = method.role.map_or_else(|| "nobody".to_owned(), |role| format!("{role} or above"));
        let _ = write!(text, "\n### `{}`\n\n{} Needs: {role}.\n", method.name, method.about.trim());
        let params: Vec<&Value> = entry["params"].as_array().into_iter().flatten().collect();
        if !params.is_empty() {
            text.push_str("\n| parameter | type | |\n|---|---|---|\n");
            for param in params {
                let must = if param["required"] == true { "required. " } else { "" };
                row(&mut text, &param["name"], &param["schema"], must);
            }
        }
        let result = resolved(&entry["result"]["schema"], definitions);
        match result["properties"].as_object() {
            Some(fields) => {
                text.push_str("\n| result | type | |\n|---|---|---|\n");
                for (name, schema) in fields {
                    row(&mut text, &json!(name), schema, "");
                }
            }
            None => {
                let _ = writeln!(text, "\nResult: {}.", type_of(result));
            }
        }
        let own: Vec<String> = errors(method).map(|(code, _)| format!("`{}`", code.number())).collect();
        let _ = writeln!(text, "\nErrors: {}.", own.join(", "));
        if let Some(event) = method.audit.and_then(|event| json!(event).as_str().map(str::to_owned)) {
            let _ = writeln!(text, "\nOn record as `{event}`.");
        }
    }
    text.push_str("\n## Types\n");
    for (name, schema) in definitions {
        types(&mut text, name, schema);
    }
    text
}

const OPENING: &str = "# The calls of the camera service

Generated from the code by `UPDATE_DOCS=1 cargo test -p camera-service --test documents`. The same for programs:
[openrpc.json](openrpc.json).

JSON-RPC 2.0 over a WebSocket at `/ws`, one text message a request, a batch or an answer. Calls of one connection are made one
after the other and answered in that order; open a second connection to do two things at once. Parameters are given by
name. A call without `id` is made and not answered. Times are RFC 3339 in UTC, sizes bytes. A field that may be null may be left out
instead; read both alike.

Who you are is said once, by `authenticate`; it holds for the connection until the token ends. Notifications come to connections that
subscribed; the method of a notification is its topic, its parameters are a `Notification`. Who reads too slowly loses the
oldest of 256 waiting notifications and is told `events_lost` with a `count`.

## Errors

";

fn matrix(text: &mut String) {
    text.push_str("| code | meaning |\n|---|---|\n");
    for (code, meaning) in Code::ALL {
        let _ = writeln!(text, "| `{}` | {meaning} |", code.number());
    }
    text.push_str(
        "\n## Who may call what\n\n| call | nobody | viewer | operator | admin |\n|---|---|---|---|---|\n",
    );
    for method in METHODS {
        let allowed = |role: Option<Role>| if method.role <= role { "yes" } else { "no" };
        let roles = [None, Some(Role::Viewer), Some(Role::Operator), Some(Role::Admin)].map(allowed);
        let _ = writeln!(text, "| `{}` | {} |", method.name, roles.join(" | "));
    }
}

fn row(text: &mut String, name: &Value, schema: &Value, must: &str) {
    let about = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    let name = name.as_str().unwrap_or_default();
    let _ = writeln!(text, "| `{name}` | {} | {must}{about} |", type_of(schema));
}

fn types(text: &mut String, name: &str, schema: &Value) {
    let about = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    let _ = write!(text, "\n### {name}\n\n{about}\n");
    if let Some(fields) = schema["properties"].as_object() {
        text.push_str("\n| field | type | |\n|---|---|---|\n");
        for (name, schema) in fields {
            row(text, &json!(name), schema, "");
        }
    }
    let values = schema["oneOf"].as_array().into_iter().flatten();
    let values: Vec<(&Value, &str)> =
        values.map(|one| (&one["const"], one["description"].as_str().unwrap_or_default())).collect();
    if !values.is_empty() {
        text.push_str("\n| value | |\n|---|---|\n");
        for (value, about) in values {
            let _ = writeln!(text, "| `{value}` | {} |", about.replace('\n', " "));
        }
    }
}

/// A type in a word or two.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(any) = schema["anyOf"].as_array().or_else(|| schema["allOf"].as_array()) {
        let parts: Vec<String> = any.iter().map(type_of).collect();
        return parts.join(" or ");
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", type_of(&schema["items"])),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}
