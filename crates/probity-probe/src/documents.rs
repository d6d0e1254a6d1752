//! What a file holds, read by its format: YAML, JSON, TOML, INI; and bytes as text.

mod yaml;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use probity_plan::kinds::file::{File, Format};
use probity_plan::{Barrier, Blocked, Number, Value};

/// The bytes as text: in the encoding that the plan says; else as their byte order mark says; else as UTF-8.
///
/// # Errors
/// `protocol` where they are no text in it, `unsupported` where nobody knows the encoding.
pub fn decode(what: &str, bytes: Vec<u8>, encoding: Option<&str>) -> Result<String, Blocked> {
    let (encoding, marked) = match (encoding, encoding_rs::Encoding::for_bom(&bytes)) {
        (Some(label), _) => {
            let unknown = || Blocked::new(Barrier::Unsupported, format!("there is no encoding `{label}`"));
            (encoding_rs::Encoding::for_label(label.as_bytes()).ok_or_else(unknown)?, 0)
        }
        // The mark of UTF-8 says nothing that is not so without it, and stays.
        (None, Some((encoding, length))) if encoding != encoding_rs::UTF_8 => (encoding, length),
        _ => {
            let wrong = |_| {
                let why = format!("{what} is not UTF-8; say its `encoding`, such as latin1");
                Blocked::new(Barrier::Protocol, why)
            };
            return String::from_utf8(bytes).map_err(wrong);
        }
    };
    let text =
        encoding.decode_without_bom_handling_and_without_replacement(bytes.get(marked..).unwrap_or_default());
    let wrong = || Blocked::new(Barrier::Protocol, format!("{what} is no text in {}", encoding.name()));
    text.map(Cow::into_owned).ok_or_else(wrong)
}

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
    // A mark of the encoding, which is none of the content (RFC 8259, section 8.1).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let wrong = |what: &str, error: String| {
        Blocked::new(Barrier::Protocol, format!("{} is not {what}: {error}", file.file))
    };
    match format {
        Some(Format::Yaml) => yaml::parse(text).map_err(|error| wrong("YAML", error)),
        Some(Format::Json) => Value::from_json(text).map_err(|error| wrong("JSON", error.to_string())),
        Some(Format::Toml) => toml::from_str::<toml::Table>(text)
            .map(of_table)
            .map_err(|error| wrong("TOML", error.to_string())),
        Some(Format::Ini) => ini(text).map_err(|error| wrong("INI", error)),
        None => {
            let why = format!(
                "what {} holds is not known from its name; say `format: yaml, json, toml or ini`",
                file.file
            );
            Err(Blocked::new(Barrier::Unsupported, why))
        }
    }
}

fn of_table(table: toml::Table) -> Value {
    Value::Map(table.into_iter().map(|(key, value)| (key, of_toml(value))).collect())
}

/// Dates, times and what is no finite number are text, as TOML writes them.
fn of_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => Number::from_f64(number)
            .map_or_else(|| number.to_string().to_ascii_lowercase().into(), Value::Number),
        toml::Value::Boolean(bool) => bool.into(),
        toml::Value::Datetime(at) => at.to_string().into(),
        toml::Value::Array(list) => Value::List(list.into_iter().map(of_toml).collect()),
        toml::Value::Table(table) => of_table(table),
    }
}

/// Sections of keys. What is there several times is a list of all of them, in their order.
fn ini(text: &str) -> Result<Value, String> {
    // systemd and many others use backslashes and quotes as plain text.
    let options =
        ini::ParseOption { enabled_escape: false, enabled_quote: false, ..ini::ParseOption::default() };
    let ini = ini::Ini::load_from_str_opt(text, options).map_err(|e| e.to_string())?;
    // The part before the first section is always there, mostly without a line.
    let sections = ini.iter().filter(|(section, properties)| section.is_some() || !properties.is_empty());
    let sections = sections.map(|(section, properties)| {
        let properties = properties.iter().map(|(key, value)| (key.to_owned(), Value::from(value)));
        (section.unwrap_or_default().to_owned(), gathered(properties))
    });
    Ok(gathered(sections))
}

fn gathered(entries: impl Iterator<Item = (String, Value)>) -> Value {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (key, value) in entries {
        all.entry(key).or_default().push(value);
    }
    let one = |mut values: Vec<Value>| match values.len() {
        1 => values.remove(0),
        _ => Value::List(values),
    };
    Value::Map(all.into_iter().map(|(key, values)| (key, one(values))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &Value) -> String {
        serde_json::to_string(value).unwrap()
    }

    fn parsed(format: Format, text: &str) -> String {
        let file = File { file: "/a".to_owned(), follow: false, format: Some(format), encoding: None };
        parse(&file, text).map_or_else(|blocked| blocked.detail, |value| json(&value))
    }

    #[test]
    fn what_an_ini_file_says_twice_is_said_twice() {
        let text = "[Peer]\nKey = A\n[Peer]\nKey = B\nKey = C\n[Other]\nx=\n";
        assert_eq!(parsed(Format::Ini, text), r#"{"Other":{"x":""},"Peer":[{"Key":"A"},{"Key":["B","C"]}]}"#);
        assert_eq!(parsed(Format::Ini, "\u{feff}[a]\nk = v\n"), r#"{"a":{"k":"v"}}"#);
    }

    #[test]
    fn times_and_infinity_of_toml_are_text() {
        let text = "at = 2026-01-02T03:04:05Z\nday = 2026-01-02\nmost = inf\nleast = -inf\nno = nan\nbig = 9223372036854775807\nf = 1.5\n";
        assert_eq!(
            parsed(Format::Toml, text),
            r#"{"at":"2026-01-02T03:04:05Z","big":9223372036854775807,"day":"2026-01-02","f":1.5,"least":"-inf","most":"inf","no":"nan"}"#
        );
    }

    #[test]
    fn text_is_read_in_the_encoding_that_is_said_or_marked() {
        let text = |bytes: &[u8], encoding: Option<&str>| decode("it", bytes.to_vec(), encoding);
        assert_eq!(text(b"\xff\xfea\0\xe4\0", None).unwrap(), "aä");
        assert_eq!(text(b"\xfe\xff\0a", None).unwrap(), "a");
        assert_eq!(text(b"\xef\xbb\xbfa", None).unwrap(), "\u{feff}a");
        assert_eq!(text(b"\xe4", Some("latin1")).unwrap(), "ä");
        assert_eq!(text(b"\xe4", None).unwrap_err().barrier, Barrier::Protocol);
        assert_eq!(text(b"\xe4", Some("utf-8")).unwrap_err().barrier, Barrier::Protocol);
        assert_eq!(text(b"a", Some("klingon")).unwrap_err().barrier, Barrier::Unsupported);
    }
}
