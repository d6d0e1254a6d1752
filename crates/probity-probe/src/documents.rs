//! What a file or an answer holds, read by its format: YAML, JSON, TOML, INI.

use std::path::Path;

use probity_plan::kinds::file::{File, Format};
use probity_plan::{Barrier, Blocked, Value};

/// The content as a value, by the format that the plan says or the file's name does.
///
/// # Errors
/// `protocol` if it is not of that format; `unsupported` if that is not known.
pub fn parse(file: &File, text: &str) -> Result<Value, Blocked> {
    let ending = Path::new(&file.file).extension().and_then(|ending| ending.to_str());
    let format = file.format.or(match ending {
        Some("yaml" | "yml") => Some(Format::Yaml),
        Some("json") => Some(Format::Json),
        Some("toml") => Some(Format::Toml),
        Some("ini" | "conf" | "cfg" | "service" | "socket" | "timer") => Some(Format::Ini),
        _ => None,
    });
    let wrong = |what: &str, error: String| {
        Blocked::new(Barrier::Protocol, format!("{} is not {what}: {error}", file.file))
    };
    let json: serde_json::Value = match format {
        Some(Format::Yaml) => serde_yaml_ng::from_str(text).map_err(|e| wrong("YAML", e.to_string()))?,
        Some(Format::Json) => serde_json::from_str(text).map_err(|e| wrong("JSON", e.to_string()))?,
        Some(Format::Toml) => toml::from_str(text).map_err(|e| wrong("TOML", e.to_string()))?,
        Some(Format::Ini) => return ini(text).map_err(|e| wrong("INI", e)),
        None => {
            let why = format!(
                "what {} holds is not known from its name; say `format: yaml, json, toml or ini`",
                file.file
            );
            return Err(Blocked::new(Barrier::Unsupported, why));
        }
    };
    Ok(Value::from_json(&json))
}

fn ini(text: &str) -> Result<Value, String> {
    // systemd and many others use backslashes and quotes as plain text.
    let options =
        ini::ParseOption { enabled_escape: false, enabled_quote: false, ..ini::ParseOption::default() };
    let ini = ini::Ini::load_from_str_opt(text, options).map_err(|e| e.to_string())?;
    let mut sections = std::collections::BTreeMap::new();
    // The part before the first section is always there, mostly without a line.
    for (section, properties) in
        ini.iter().filter(|(section, properties)| section.is_some() || !properties.is_empty())
    {
        let mut map = std::collections::BTreeMap::new();
        for (key, value) in properties {
            map.insert(key.to_owned(), Value::from(value));
        }
        sections.insert(section.unwrap_or_default().to_owned(), Value::Map(map));
    }
    Ok(Value::Map(sections))
}
