//! The reference of the configuration as Markdown, from the same types and doc comments that read it.

use crate::{CHANGEABLE, Config, TakesEffect};
use schemars::generate::SchemaSettings;
use serde_json::Value;

const PREFACE: &str = "# Configuration reference

The file is YAML. Every key has a default, so an empty file is a configuration. An unknown or repeated key is an error with its line;
`camera-service config check` shows what is in effect.

* A size has a unit: `0.5 GB`, `1 GiB`; one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB. A span of time too: `30 d`, `1.5 s`; one of ms, s, min, h,
  d. A share of the disk is `80 %`. Nothing is rounded.
* `${NAME}` in a value is the environment's variable or that of the file `.env`; `${NAME:-default}` is the default where it is not set
  or empty, otherwise an unset variable is an error. What a variable holds is always one value, never YAML. `$$` is a dollar sign.
* Secrets are never in this file: `CAMERA_SERVICE_JWT_SECRET` (at least 32 bytes) and, if MediaMTX asks for it,
  `CAMERA_SERVICE_MEDIAMTX_PASSWORD` come from the environment or from `.env`, mode 600.
* *running*: `modify_config` changes the key while the service runs; *restart*: it does, felt after the next start.
";

/// The page `docs/camera-service/configuration.md`.
pub fn reference() -> String {
    let generator =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    let schema = generator.into_root_schema_for::<Config>().to_value();
    let mut page = PREFACE.to_owned();
    section(&schema, "", &mut page);
    page
}

/// A table of the keys that hold values, then a section for each that holds keys.
fn section(schema: &Value, prefix: &str, page: &mut String) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let mut rows = String::new();
    let mut sections = String::new();
    for (name, property) in properties {
        let key = format!("{prefix}{name}");
        let description = one_line(property["description"].as_str().unwrap_or_default());
        if let Some(inner) = keys_within(property) {
            let each = if property["items"].is_object() { "[].".to_owned() } else { ".".to_owned() };
            sections.push_str(&format!("\n## `{key}`\n\n{description}\n"));
            if property["default"].is_null() && !property["items"].is_object() {
                sections.push_str("Not set by default.\n");
            }
            section(inner, &format!("{key}{each}"), &mut sections);
            continue;
        }
        let required =
            schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name));
        let default = match &property["default"] {
            _ if required => "required".to_owned(),
            Value::Null => "not set".to_owned(),
            Value::String(text) => format!("`{text}`"),
            Value::Array(items) if items.is_empty() => "none".to_owned(),
            other => format!("`{other}`"),
        };
        let changeable = match CHANGEABLE.iter().find(|changeable| changeable.key == key) {
            Some(changeable) if changeable.takes_effect == TakesEffect::Now => " *running*",
            Some(_) => " *restart*",
            None => "",
        };
        rows.push_str(&format!(
            "| `{key}` | {default} | {description}{}{changeable} |\n",
            variants(property)
        ));
    }
    if !rows.is_empty() {
        page.push_str("\n| key | default | meaning |\n|---|---|---|\n");
        page.push_str(&rows);
    }
    page.push_str(&sections);
}

/// The schema of the keys that a property holds: of itself, or of each in its list.
fn keys_within(property: &Value) -> Option<&Value> {
    [Some(property), property.get("items")]
        .into_iter()
        .flatten()
        .find(|schema| schema["properties"].is_object())
}

/// The words that a property may be, each with its meaning.
fn variants(property: &Value) -> String {
    let optional = property["anyOf"].as_array().and_then(|schemas| schemas.first());
    let words = property["oneOf"].as_array().or_else(|| optional?["oneOf"].as_array());
    words
        .into_iter()
        .flatten()
        .filter_map(|word| Some((word["const"].as_str()?, word["description"].as_str()?)))
        .map(|(word, meaning)| format!(" `{word}`: {}", one_line(meaning)))
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
