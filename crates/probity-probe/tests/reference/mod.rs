//! The text of `docs/probes.md`, from the kinds' declarations, their parameters' JSON Schema and the table of states.

use std::fmt::Write as _;

use probity_plan::kinds::{FactSpec, KINDS, schemas};
use probity_plan::{FactType, KindSpec};
use serde_json::Value as Json;

use crate::{Cell, Row};

/// The whole page.
pub fn page(rows: &[Row], elsewhere: &[(&str, &[&str])]) -> String {
    let mut out = String::from(
        "<!-- Generated from the kinds' declarations and crates/probity-probe/tests/states.rs.\n     \
         Do not edit: UPDATE_DOCS=1 cargo test -p probity-probe --test states -->\n\n\
         # Probe kinds\n\n\
         A probe is one line under `probes:`: the kind's own key first, then its parameters; `every`, `for`, `repeat`,\n\
         `timeout`, `until`, `within`, `matrix`, `on`, `with`, `needs`, `keep`, `impact` and `undo` can stand beside any of them.\n\
         Every fact is a value or a named barrier: what could not be looked at is unknown, never false. Absence is a fact,\n\
         unless a shell takes the name for a pattern (`*`, `?`): a look does not, and that nothing is called so is behind the barrier\n\
         `unsupported`. So is all of what cannot be a name (`plan check` warns of it).\n\n\
         *Impact* is what a probe of the kind may do to its target unless the plan says otherwise. *Shows* is the most that\n\
         a finding resting on it can claim. A fact *on demand* is looked up only when a claim reads it, with `keep: all`, or\n\
         in `probity try`.\n\n",
    );
    let mut generator = schemars::SchemaGenerator::default();
    let schemas = schemas(&mut generator);
    let definitions = Json::from(generator.take_definitions(true));
    let link = |spec: &&KindSpec| format!("[`{0}`](#{0})", spec.name);
    _ = writeln!(out, "{}\n", KINDS.iter().map(link).collect::<Vec<_>>().join(" · "));
    for spec in KINDS {
        let schema = schemas.iter().find(|(name, _)| *name == spec.name).unwrap();
        let row = rows.iter().find(|row| row.kind == spec.name);
        section(&mut out, spec, schema.1.as_value(), &definitions, row);
    }
    matrix(&mut out, rows);
    from_elsewhere(&mut out, elsewhere);
    out
}

fn section(out: &mut String, spec: &KindSpec, schema: &Json, definitions: &Json, row: Option<&Row>) {
    _ = writeln!(out, "## {}\n\n{}\n", spec.name, spec.doc);
    let privilege = if spec.privilege.is_empty() {
        String::new()
    } else {
        format!(" More to see with privileges: {}.", spec.privilege)
    };
    _ = writeln!(out, "Impact: {}. Shows: {}.{privilege}\n", spec.floor, spec.shows);
    if let Some(row) = row {
        _ = writeln!(out, "```yaml\n{}\n```\n", row.plan.trim());
    }
    _ = writeln!(out, "| parameter | type | |\n|---|---|---|");
    let required: Vec<&str> = schema["required"]
        .as_array()
        .map(|list| list.iter().filter_map(Json::as_str).collect())
        .unwrap_or_default();
    let mut names: Vec<&String> =
        schema["properties"].as_object().map(|properties| properties.keys().collect()).unwrap_or_default();
    // The kind's own key first, then as the type declares them.
    names.sort_by_key(|name| *name != spec.name);
    for name in names {
        let property = &schema["properties"][name];
        let must = if required.contains(&name.as_str()) { "required; " } else { "" };
        let doc = property["description"].as_str().unwrap_or_default();
        _ = writeln!(out, "| `{name}` | {} | {must}{} |", cell(&type_of(property, definitions)), cell(doc));
    }
    _ = writeln!(out, "\n| fact | type | |\n|---|---|---|");
    for fact in spec.facts {
        _ = writeln!(out, "| `{}` | {} | {} |", fact.name, fact.ty.name(), cell(&about(spec, fact)));
    }
    out.push('\n');
}

/// A fact's documentation with what is particular about it.
fn about(spec: &KindSpec, fact: &FactSpec) -> String {
    let mut about = fact.doc.to_owned();
    if fact.on_demand {
        about += " (on demand)";
    }
    if let Some(shows) = fact.shows.filter(|shows| *shows != spec.shows) {
        _ = write!(about, " (shows {shows})");
    }
    if let Some(shows) = fact.change_shows {
        _ = write!(about, " (a change shows {shows})");
    }
    if fact.denial.is_some() {
        about += " (a denial needs a positive control)";
    }
    if fact.ty == FactType::Interval {
        about += " (only `<`, `<=`, `>`, `>=`)";
    }
    about
}

/// A JSON Schema's type in a word or two.
fn type_of(schema: &Json, definitions: &Json) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return type_of(&definitions[name], definitions);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(list) = schema[key].as_array() {
            let mut types: Vec<String> = Vec::new();
            for one in list {
                let one = type_of(one, definitions);
                if one != "null" && !types.contains(&one) {
                    types.push(one);
                }
            }
            return types.join(" or ");
        }
    }
    if let Some(list) = schema["enum"].as_array() {
        return list
            .iter()
            .filter_map(Json::as_str)
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    let of = |part: &str| match &schema[part] {
        Json::Object(inner) if !inner.is_empty() => format!(" of {}", type_of(&schema[part], definitions)),
        _ => String::new(),
    };
    let name = |name: &str| match name {
        "string" => "text".to_owned(),
        "array" => format!("list{}", of("items")),
        "object" if schema["properties"].is_object() => {
            let keys = schema["properties"].as_object().into_iter().flatten();
            let keys: Vec<String> =
                keys.map(|(key, value)| format!("{key}: {}", type_of(value, definitions))).collect();
            format!("{{ {} }}", keys.join(", "))
        }
        "object" => format!("map{}", of("additionalProperties")),
        "boolean" => "`true` or `false`".to_owned(),
        "integer" => "whole number".to_owned(),
        other => other.to_owned(),
    };
    match &schema["type"] {
        Json::String(one) => name(one),
        Json::Array(list) => {
            let list = list.iter().filter_map(Json::as_str).filter(|word| *word != "null").map(name);
            list.collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

fn matrix(out: &mut String, rows: &[Row]) {
    out.push_str(
        "## What is tested\n\n\
         Each kind against the real thing in each state. A cell names the test (in `crates/probity-probe`) or says\n\
         why there is none. What is looked at in a machine is of this system's Debian; `make test-release` boots trixie, which has\n\
         systemd 257.\n\n\
         | kind | present | absent | forbidden | hanging | nonsense | hostile text |\n|---|---|---|---|---|---|---|\n",
    );
    for spec in KINDS {
        let Some(row) = rows.iter().find(|row| row.kind == spec.name) else { continue };
        _ = write!(out, "| `{}` |", row.kind);
        for (_, cells) in row.cells() {
            let text = |one: &Cell| match one {
                Cell::Test(file, name) => {
                    format!("`{}::{name}`", file.trim_start_matches("../src/").trim_end_matches(".rs"))
                }
                Cell::Empty(reason) => format!("*{}*", cell(reason)),
            };
            _ = write!(out, " {} |", cells.iter().map(text).collect::<Vec<_>>().join(", "));
        }
        out.push('\n');
    }
}

fn from_elsewhere(out: &mut String, ways: &[(&str, &[&str])]) {
    out.push_str(
        "\n## From elsewhere\n\n\
         With `on` the same program makes the look elsewhere ([observers](plan-language.md#observers)): every kind works through each\n\
         of them, and what cannot be had there is behind a barrier. What is tested (`crates/probity/tests/observers.rs`, `observers_engines.rs`, `observers_ssh.rs`):\n\n\
         | observer | tests |\n|---|---|\n",
    );
    for (way, tests) in ways {
        let tests: Vec<String> = tests.iter().map(|name| format!("`{name}`")).collect();
        _ = writeln!(out, "| {way} | {} |", tests.join(", "));
    }
}

/// Text fit for a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}
