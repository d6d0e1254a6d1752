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
        (Some(label), mark) => {
            let unknown = || Blocked::new(Barrier::Unsupported, format!("there is no encoding `{label}`"));
            let said = encoding_rs::Encoding::for_label(label.as_bytes()).ok_or_else(unknown)?;
            // `utf-16` says no byte order; the mark does, and is right where it says the other one (RFC 2781, 4.3).
            let is_utf_16 = |it: &'static encoding_rs::Encoding| it.name().starts_with("UTF-16");
            mark.filter(|(marked, _)| is_utf_16(said) && is_utf_16(marked)).unwrap_or((said, 0))
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
        Some(Format::Ini) => {
            let is_unit = matches!(ending, Some("service" | "socket" | "timer"));
            ini(text, is_unit).map_err(|error| wrong("INI", error))
        }
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

/// Stands for the value of a key that has none, and for a `:` that is none of the parser's; in a text it can only be written
/// as an escape.
const NO_VALUE: &str = "\u{0}";

/// Sections of keys. What is there several times is a list of all of them, in their order. A key without `=` has no value
/// (`null`), as in the files of MySQL and Git. In a unit of systemd's a line goes on behind a backslash (systemd.syntax(7)).
fn ini(text: &str, is_unit: bool) -> Result<Value, String> {
    let text = lines_with_values(text, is_unit)?;
    // systemd and many others use backslashes and quotes as plain text.
    let options =
        ini::ParseOption { enabled_escape: false, enabled_quote: false, ..ini::ParseOption::default() };
    let ini = ini::Ini::load_from_str_opt(&text, options).map_err(|e| e.to_string())?;
    // The part before the first section is always there, mostly without a line.
    let sections = ini.iter().filter(|(section, properties)| section.is_some() || !properties.is_empty());
    let sections = sections.map(|(section, properties)| {
        let value = |value: &str| if value == NO_VALUE { Value::Null } else { Value::from(value) };
        let properties = properties.iter().map(|(key, text)| (key.replace(NO_VALUE, ":"), value(text)));
        (section.unwrap_or_default().to_owned(), gathered(properties))
    });
    Ok(gathered(sections))
}

/// The text as the parser takes it, for which every line has a value: it would take the next line for a part of the key. It
/// knows no indented comments either, and would take a `:` for a `=` in a unit, too.
fn lines_with_values(text: &str, is_unit: bool) -> Result<String, String> {
    if text.contains(NO_VALUE) {
        return Err("it holds a zero byte".to_owned());
    }
    let mut out = String::with_capacity(text.len());
    // How far the last key was indented, and whether its line goes on.
    let (mut indented, mut goes_on) = (usize::MAX, false);
    for (number, line) in text.lines().enumerate() {
        let rest = line.trim_start();
        let depth = line.len() - rest.len();
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            // A comment is none of the value within which it stands; an empty line ends one that goes on.
            goes_on &= !rest.is_empty();
            if !goes_on {
                out.push('\n');
            }
            continue;
        }
        let is_section = rest.starts_with('[');
        if goes_on {
            out.push_str(rest);
        } else if depth > indented && !is_unit {
            return Err(format!(
                "line {} may go on from the one before it; indent it no further",
                number + 1
            ));
        } else if is_section {
            indented = usize::MAX;
            out.push_str(rest);
        } else {
            indented = depth;
            match rest.split_once('=') {
                Some((key, value)) if is_unit => out.extend([&key.replace(':', NO_VALUE), "=", value]),
                None if is_unit => out.extend([&rest.trim_end().replace(':', NO_VALUE), "=", NO_VALUE]),
                _ if rest.contains(['=', ':']) => out.push_str(rest),
                _ => out.extend([rest.trim_end(), "=", NO_VALUE]),
            }
        }
        goes_on = is_unit && !is_section && out.ends_with('\\');
        if goes_on {
            out.pop();
            out.push(' ');
        } else {
            out.push('\n');
        }
    }
    Ok(out)
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
    fn a_key_of_an_ini_file_without_a_value_has_none_and_keeps_to_its_line() {
        let text = "[mysqld]\nskip-networking\nport = 3306\n# a comment\nempty =\n";
        assert_eq!(
            parsed(Format::Ini, text),
            r#"{"mysqld":{"empty":"","port":"3306","skip-networking":null}}"#
        );
        assert_eq!(
            parsed(Format::Ini, "[core]\n\tbare\n\tignorecase\n"),
            r#"{"core":{"bare":null,"ignorecase":null}}"#
        );
        let said = parsed(Format::Ini, "[a]\nkey = 1\n  2\nother = 3\n");
        assert!(said.contains("line 3 may go on from the one before it"), "{said}");
        // With a `=` in it no less, and where it looks like a section; a new section may be indented as it likes.
        for rest in ["DEBUG=1,\n    TOKEN=abc", "url: b", "[b]"] {
            let said = parsed(Format::Ini, &format!("[program:x]\nenvironment =\n    {rest}\n"));
            assert!(said.contains("line 3 may go on from the one before it"), "{rest}: {said}");
        }
        assert_eq!(
            parsed(Format::Ini, "[a]\nk = v\n[b]\n  l = w\n  m = x\n"),
            r#"{"a":{"k":"v"},"b":{"l":"w","m":"x"}}"#
        );
        assert_eq!(
            parsed(Format::Ini, "[a]\n  # x = 1\n  ; y = 2\nk = v\n  # z = 3\n"),
            r#"{"a":{"k":"v"}}"#
        );
        let unit = File { file: "/a.service".to_owned(), follow: false, format: None, encoding: None };
        let text = "[Service]\nExecStart=/bin/a \\\n  --b \\\n# not this\n  c=d\nType=simple\n";
        assert_eq!(
            json(&parse(&unit, text).unwrap()),
            r#"{"Service":{"ExecStart":"/bin/a  --b  c=d","Type":"simple"}}"#
        );
        // systemd takes `=` alone, and lines indented as they like (systemd.syntax(7)).
        let text = "[Service]\nType=simple\n  Environment:A=1:2\n  Restart: no\n";
        assert_eq!(
            json(&parse(&unit, text).unwrap()),
            r#"{"Service":{"Environment:A":"1:2","Restart: no":null,"Type":"simple"}}"#
        );
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
        for label in ["utf-16", "utf-16le", "utf-16be"] {
            assert_eq!(text(b"\xff\xfea\0", Some(label)).unwrap(), "a", "{label}");
            assert_eq!(text(b"\xfe\xff\0a", Some(label)).unwrap(), "a", "{label}");
        }
        assert_eq!(text(b"\0a", Some("utf-16be")).unwrap(), "a");
        assert_eq!(text(b"\xff\xfe", Some("latin1")).unwrap(), "ÿþ");
        assert_eq!(text(b"\xe4", None).unwrap_err().barrier, Barrier::Protocol);
        assert_eq!(text(b"\xe4", Some("utf-8")).unwrap_err().barrier, Barrier::Protocol);
        assert_eq!(text(b"a", Some("klingon")).unwrap_err().barrier, Barrier::Unsupported);
    }
}
