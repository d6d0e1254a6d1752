//! The JSON Schema of the plan language, for editors: made from the types that read a plan, so that neither can say
//! what the other does not. It knows shapes and words; what refers to what is for [`crate::load`] to say.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::kinds::{self, KINDS};
use crate::load::{RESERVED, parameters};
use crate::source::{
    ClaimSource, IncludeSource, InputSource, MachineSource, ObserverSource, ProbeSource, RuleSource,
    SECTIONS, Scalar, TrialSource, WaiverSource,
};
use crate::units::Percent;

/// The JSON Schema (draft 2020-12) of a plan, of a plan that is included, and of claims for `probity evaluate`.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let inputs = inputs(&mut generator);
    let shared = [("Observer", observer(&mut generator)), ("Probe", probe(&mut generator))];
    let mut properties = Map::new();
    for (section, doc) in SECTIONS {
        let mut property = match *section {
            "plan" => json!({ "type": "string" }),
            "confidence" => of::<Percent>(&mut generator),
            "inputs" => inputs.clone(),
            "include" => named(&of::<IncludeSource>(&mut generator)),
            "observers" => named(&shared_as("Observer")),
            "machines" => named(&machine(&mut generator)),
            "probes" => named(&shared_as("Probe")),
            "trials" => named(&trial(&mut generator)),
            "claims" => named(&claim(&mut generator)),
            "scores" => named(&weights()),
            "verdict" => json!({ "type": "array", "items": of::<RuleSource>(&mut generator) }),
            "waivers" => json!({ "type": "array", "items": of::<WaiverSource>(&mut generator) }),
            _ => json!({}),
        };
        if *section != "inputs" {
            as_read(&mut property, true);
        }
        property["description"] = json!(doc);
        properties.insert((*section).to_owned(), property);
    }
    let mut definitions = Value::Object(generator.take_definitions(false));
    shared.into_iter().for_each(|(name, schema)| definitions[name] = schema);
    for definition in definitions.as_object_mut().into_iter().flat_map(Map::values_mut) {
        as_read(definition, true);
    }
    definitions["Filled"] = json!({
        "type": "string", "pattern": r"\$",
        "description": "An input or a column of the matrix, as in $name or ${name}.",
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A plan of Probity",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "$defs": definitions,
    })
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    T::json_schema(generator).to_value()
}

/// A map from names to entries.
fn named(entry: &Value) -> Value {
    json!({ "type": "object", "minProperties": 1, "propertyNames": name(), "additionalProperties": entry })
}

fn name() -> Value {
    json!({ "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 64, "not": { "enum": RESERVED } })
}

/// Inputs are read as they stand: nothing is filled in.
fn inputs(generator: &mut SchemaGenerator) -> Value {
    let mut declaration = of::<InputSource>(generator);
    as_read(&mut declaration, false);
    declaration["minProperties"] = json!(1);
    named(&json!({ "anyOf": [of::<Scalar>(generator), declaration] }))
}

/// An observer, which is reached in one way.
fn observer(generator: &mut SchemaGenerator) -> Value {
    let mut observer = of::<ObserverSource>(generator);
    let one = ["pid", "container", "netns", "ssh"].map(|key| json!({ "required": [key] }));
    observer["oneOf"] = json!(one);
    observer["dependentRequired"] = json!({ "become": ["ssh"], "host_key": ["ssh"] });
    observer
}

fn machine(generator: &mut SchemaGenerator) -> Value {
    let mut machine = of::<MachineSource>(generator);
    put(&mut machine["properties"]["observers"], named(&shared_as("Observer")));
    machine
}

fn trial(generator: &mut SchemaGenerator) -> Value {
    let mut trial = of::<TrialSource>(generator);
    put(&mut trial["properties"]["probes"], named(&shared_as("Probe")));
    trial["required"] = json!(["machine", "repeat", "probes"]);
    trial
}

/// What stands in several sections stands among the definitions.
fn shared_as(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// Puts a schema where another one stood, of which the description stays.
fn put(place: &mut Value, mut schema: Value) {
    schema["description"] = place["description"].take();
    *place = schema;
}

fn weights() -> Value {
    json!({
        "type": "object", "minProperties": 1, "propertyNames": name(),
        "additionalProperties": { "type": "number", "exclusiveMinimum": 0, "maximum": 1e6 },
    })
}

/// A claim, with which keys need which.
fn claim(generator: &mut SchemaGenerator) -> Value {
    let mut claim = of::<ClaimSource>(generator);
    claim["oneOf"] = json!([{ "required": ["check"] }, { "required": ["stable"] }, { "required": ["periodic", "tolerance"] }]);
    claim["dependentRequired"] = json!({
        "share": ["check"], "against": ["check"], "block": ["share"], "pooled": ["share"], "expect": ["share"],
        "at_most": ["stable"],
        "tolerance": ["periodic"], "periods": ["periodic"], "starts": ["periodic"], "changes": ["periodic"],
    });
    claim
}

/// A probe of any kind: the kind's parameters and the keys that all kinds share.
fn probe(generator: &mut SchemaGenerator) -> Value {
    let shared = of::<ProbeSource>(generator);
    let alternatives: Vec<Value> = kinds::schemas(generator)
        .into_iter()
        .zip(KINDS)
        .map(|((name, schema), spec)| {
            let mut kind = schema.to_value();
            kind["description"] = json!(spec.doc);
            kind["additionalProperties"] = json!(false);
            let own = parameters(name);
            for (key, schema) in shared["properties"].as_object().into_iter().flatten() {
                if !own.contains(&key.as_str()) {
                    kind["properties"][key] = schema.clone();
                }
            }
            kind["dependentRequired"] = json!({ "every": ["for"], "for": ["every"], "until": ["within"] });
            if !own.contains(&"within") {
                kind["dependentRequired"]["within"] = json!(["until"]);
            }
            kind
        })
        .collect();
    json!({ "anyOf": alternatives })
}

/// Makes the schema that a type declares into that of the YAML that is read as it: nothing may be `null` or empty,
/// text may be written as a number, maps take no unknown keys, and any scalar may be filled in from an input.
fn as_read(schema: &mut Value, filled: bool) {
    let Value::Object(map) = schema else { return };
    map.remove("default");
    map.remove("title");
    if let Some(Value::String(description)) = map.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|ty| ty != "null");
        if let [only] = types.as_slice() {
            map["type"] = only.clone();
        }
    }
    if let Some(Value::Array(any)) = map.get_mut("anyOf") {
        any.retain(|schema| schema["type"] != "null");
        if let [only] = any.as_slice() {
            let only = only.clone();
            map.remove("anyOf");
            map.extend(only.as_object().cloned().unwrap_or_default());
        }
    }
    let words = map
        .get("oneOf")
        .and_then(Value::as_array)
        .is_some_and(|any| any.iter().all(|one| one.get("const").is_some()));
    for (key, value) in map.iter_mut() {
        match (key.as_str(), value) {
            ("items" | "additionalProperties", schema) => as_read(schema, filled),
            ("properties" | "$defs", Value::Object(schemas)) => {
                schemas.values_mut().for_each(|schema| as_read(schema, filled));
            }
            ("anyOf", Value::Array(schemas)) => schemas.iter_mut().for_each(|schema| as_read(schema, filled)),
            ("oneOf", Value::Array(schemas)) if !words => {
                schemas.iter_mut().for_each(|schema| as_read(schema, filled));
            }
            _ => {}
        }
    }
    match map.get("type").and_then(Value::as_str) {
        Some("object") if map.contains_key("properties") => {
            map.entry("additionalProperties").or_insert(json!(false));
        }
        Some("object") => {
            map.entry("minProperties").or_insert(json!(1));
        }
        Some("array") => {
            map.entry("minItems").or_insert(json!(1));
        }
        Some("string")
            if !words
                && !map.contains_key("pattern")
                && !map.contains_key("enum")
                && !map.contains_key("const") =>
        {
            map.insert("type".to_owned(), json!(["string", "number", "boolean"]));
        }
        Some("string" | "integer" | "number" | "boolean") if filled => wrap(map),
        None if words && filled => wrap(map),
        _ => {}
    }
}

/// Or a `$name`.
fn wrap(map: &mut Map<String, Value>) {
    let mut inner = std::mem::take(map);
    if let Some(description) = inner.remove("description") {
        map.insert("description".to_owned(), description);
    }
    map.insert("anyOf".to_owned(), json!([inner, { "$ref": "#/$defs/Filled" }]));
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the plans that ship")]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::*;
    use crate::error::Errors;
    use crate::yaml::{De, parse};

    #[test]
    fn the_plans_that_ship_and_those_of_the_reference_fit_the_schema() {
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.add_resource("plan.json", schema()).unwrap();
        let schema = compiler.compile("plan.json", &mut schemas).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut plans = Vec::new();
        let folders = std::fs::read_dir(root.join("plans")).unwrap().map(|entry| entry.unwrap().path());
        for folder in folders.filter(|path| path.is_dir()).chain([root.join("plans")]) {
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "yaml") {
                    plans.push((path.display().to_string(), std::fs::read_to_string(path).unwrap()));
                }
            }
        }
        let reference = std::fs::read_to_string(root.join("docs/plan-language.md")).unwrap();
        let blocks = reference.split("```yaml").skip(1).filter_map(|block| block.split_once('\n'));
        plans.extend(blocks.map(|(_, text)| {
            ("plan-language.md".to_owned(), text.split("```").next().unwrap_or_default().to_owned())
        }));
        assert!(plans.len() > 15, "{}", plans.len());
        for (name, text) in plans {
            let node = parse(&name.as_str().into(), &text, &mut Errors::default()).unwrap();
            let document = Value::deserialize(De(&node)).unwrap();
            if let Err(error) = schemas.validate(&document, schema) {
                panic!("{name}:\n{text}\n{error:#}");
            }
        }
    }
}
