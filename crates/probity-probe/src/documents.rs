//! What a file holds, read by its format: YAML, JSON, TOML, INI; and bytes as text.

mod yaml;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use probity_plan::kinds::file::{File, Format};
use probity_plan::{Barrier, Blocked, Number, Value};

use crate::json;

/// The mark of UTF-32 in the byte order of most machines. It begins as that of UTF-16 does, which would be followed by a zero.
pub const UTF_32_MARK: &[u8] = b"\xff\xfe\0\0";

/// The bytes as text: in the encoding that the plan says; else as their byte order mark says; else as UTF-8.
///
/// # Errors
/// `protocol` where they are no text in it, `unsupported` where nobody knows the encoding, or it is UTF-32.
pub fn decode(what: &str, bytes: Vec<u8>, encoding: Option<&str>) -> Result<String, Blocked> {
    if encoding.is_none() && bytes.starts_with(UTF_32_MARK) {
        let why = format!("{what} begins with the mark of UTF-32, which is not read");
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    let (encoding, marked) = match (encoding, Encoding::for_bom(&bytes)) {
        (Some(label), _) => encoding_of(label, &bytes)?,
        // The mark of UTF-8 says nothing that is not so without it, and stays.
        (None, Some((encoding, length))) if encoding != UTF_8 => (encoding, length),
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

/// The encoding that a label names (WHATWG Encoding, 4.2), and the length of the byte order mark that these bytes begin with,
/// which is none of the text.
///
/// # Errors
/// `unsupported` where nobody knows the label, or nothing says the byte order of UTF-16: RFC 2781, 4.3 and the WHATWG guess
/// different ones.
pub fn encoding_of(label: &str, bytes: &[u8]) -> Result<(&'static Encoding, usize), Blocked> {
    let unsupported = |why: String| Blocked::new(Barrier::Unsupported, why);
    let said = Encoding::for_label_no_replacement(label.as_bytes())
        .ok_or_else(|| unsupported(format!("there is no encoding `{label}`")))?;
    let is_utf_16 = |it: &'static Encoding| it == UTF_16LE || it == UTF_16BE;
    match Encoding::for_bom(bytes) {
        // The mark is right where the label says the other byte order (RFC 2781, 4.3).
        Some((marked, length)) if is_utf_16(said) && is_utf_16(marked) => Ok((marked, length)),
        None if said == UTF_16LE && !bytes.is_empty() && !label.trim().eq_ignore_ascii_case("utf-16le") => {
            Err(unsupported(format!(
                "`{label}` says no byte order, and no mark does: it may be utf-16le or utf-16be"
            )))
        }
        _ => Ok((said, 0)),
    }
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
        Some("ini" | "conf" | "cfg") => Some(Format::Ini),
        Some(ending) if UNITS.contains(&ending) => Some(Format::Ini),
        _ => None,
    });
    // A mark of the encoding, which is none of the content (RFC 8259, section 8.1).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let wrong = |what: &str, error: String| {
        Blocked::new(Barrier::Protocol, format!("{} is not {what}: {error}", file.file))
    };
    match format {
        Some(Format::Yaml) => yaml::parse(text).map_err(|error| wrong("YAML", error)),
        Some(Format::Json) => json::parse_of(&file.file, text),
        Some(Format::Toml) => toml::from_str::<toml::Table>(text)
            .map(of_table)
            .map_err(|error| wrong("TOML", error.to_string())),
        Some(Format::Ini) => ini(text, is_of_systemd(&file.file)).map_err(|error| wrong("INI", error)),
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

/// The endings of systemd's units (systemd.unit(5)).
const UNITS: [&str; 11] = [
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "service",
    "slice",
    "socket",
    "swap",
    "target",
    "timer",
];

/// Where systemd's own settings stand (systemd-system.conf(5)).
const SETTINGS: [&str; 5] =
    ["/etc/systemd/", "/run/systemd/", "/usr/local/lib/systemd/", "/usr/lib/systemd/", "/lib/systemd/"];

/// Whether a file is written as systemd reads it: a unit, what adds to one (`ssh.service.d/override.conf`), or a setting of
/// systemd's own.
fn is_of_systemd(path: &str) -> bool {
    let is_unit = |name: &str| UNITS.contains(&name.rsplit('.').next().unwrap_or_default());
    let mut parts = path.rsplit('/');
    parts.next().is_some_and(|file| file.contains('.') && is_unit(file))
        || parts.any(|folder| folder.strip_suffix(".d").is_some_and(is_unit))
        || SETTINGS.iter().any(|folder| path.starts_with(folder))
}

/// Sections of keys. What is there several times is a list of all of them, in their order. A key without `=` has no value
/// (`null`), as in the files of MySQL and Git. Backslashes and quotes are plain text, as for many programs; in a unit of
/// systemd's a line goes on behind a backslash, and `=` alone ends a key (systemd.syntax(7)).
fn ini(text: &str, is_unit: bool) -> Result<Value, String> {
    let mut sections: Vec<(String, Vec<(String, Value)>)> = vec![Default::default()];
    // How far the last key was indented.
    let mut indented = usize::MAX;
    for (number, line) in lines_of_ini(text, is_unit) {
        let rest = line.trim();
        let depth = line.len() - line.trim_start().len();
        if rest.is_empty() {
            continue;
        }
        if rest.contains(['\r', '\0']) {
            return Err(format!("line {number} holds a carriage return or a zero byte"));
        }
        if !is_unit && depth > indented {
            return Err(format!("line {number} may go on from the one before it; indent it no further"));
        }
        if !is_unit && rest.ends_with('\\') {
            return Err(format!("line {number} may go on in the next: it ends with a backslash"));
        }
        if rest.starts_with('[') {
            let section = section(rest).ok_or_else(|| format!("line {number} is no section: `{rest}`"))?;
            sections.push((section.to_owned(), Vec::new()));
            indented = usize::MAX;
            continue;
        }
        indented = depth;
        let ends_key = |c: char| c == '=' || (c == ':' && !is_unit);
        if !is_unit && is_directive(rest) {
            return Err(format!("line {number} is no `key = value`: `{rest}`"));
        }
        if !is_unit
            && rest.split_once(':').is_some_and(|(key, value)| !key.contains('=') && value.contains('='))
        {
            let why = "holds `:` before `=`: some programs end the key at the one, some at the other";
            return Err(format!("line {number} {why}: `{rest}`"));
        }
        if !is_unit && may_end_with_a_comment(rest) {
            let why = "may end with a comment, which some programs take for a part of the value";
            return Err(format!("line {number} {why}: `{rest}`"));
        }
        let (key, value) = match rest.split_once(ends_key) {
            Some((key, value)) => (key.trim_end(), Value::from(value.trim_start())),
            None => (rest, Value::Null),
        };
        if key.is_empty() {
            return Err(format!("line {number} has no key"));
        }
        if let Some((_, keys)) = sections.last_mut() {
            keys.push((key.to_owned(), value));
        }
    }
    // The part before the first section is mostly without a line.
    let sections = sections.into_iter().enumerate().filter(|(at, (_, keys))| *at > 0 || !keys.is_empty());
    Ok(gathered(sections.map(|(_, (section, keys))| (section, gathered(keys.into_iter())))))
}

/// Whether a line is one of another format: of Apache's, of nginx's, of one whose values stand behind a blank, be it that a sign
/// of ours is in them (`Listen 127.0.0.1:80`, `ListenAddress ::1`, `options kvm nested=1`), of one with other operators (`+=`).
fn is_directive(line: &str) -> bool {
    if let Some(at) = line.find(['=', ':']) {
        let (key, value) = (&line[..at], &line[at + 1..]);
        let glued = !value.is_empty() && !value.starts_with(char::is_whitespace);
        let spaced = key.ends_with(char::is_whitespace);
        let is_word = !key.trim_end().contains(char::is_whitespace);
        let of_address = line[at..].starts_with(':') && glued && (spaced || value.starts_with(':'));
        if glued && !spaced && !is_word
            || of_address
            || value.starts_with('=')
            || key.trim_end().ends_with(['+', '?', '!', '<', '>', '|'])
        {
            return true;
        }
    }
    let words = line.split(" #").next().unwrap_or_default().trim_end();
    let is_sentence =
        !line.contains(['=', ':']) && (words.ends_with(';') || words.contains(char::is_whitespace));
    line.starts_with(['<', '}']) || words.ends_with('{') || is_sentence
}

/// Whether behind a key or a value something stands that one program takes for a comment and another for a part of it: a `#` or
/// `;` behind a blank, outside of quotes that hold all of the value.
fn may_end_with_a_comment(line: &str) -> bool {
    let value = line.split_once(['=', ':']).map_or(line, |(_, value)| value);
    let is_whole = |inner: &str, quote| inner.strip_suffix(quote).is_some_and(|inner| !inner.contains(quote));
    let is_quoted = ['"', '\'']
        .into_iter()
        .any(|quote| value.trim_start().strip_prefix(quote).is_some_and(|inner| is_whole(inner, quote)));
    let mut before_signs = value.split(['#', ';']).rev().skip(1);
    !is_quoted && before_signs.any(|before| before.ends_with(char::is_whitespace))
}

/// Its lines without comments, by number, those of a unit that go on as one.
fn lines_of_ini(text: &str, is_unit: bool) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in text.lines().enumerate() {
        let rest = line.trim_start();
        // A comment is none of the value within which it stands.
        if rest.starts_with(['#', ';']) {
            continue;
        }
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, last)) => last.push_str(rest),
            None => lines.push((number + 1, line.to_owned())),
        }
        let Some((_, last)) = lines.last_mut() else { continue };
        // Of two backslashes the first takes the second its meaning.
        let backslashes = last.len() - last.trim_end_matches('\\').len();
        goes_on = is_unit && backslashes % 2 == 1;
        if goes_on {
            last.pop();
            last.push(' ');
        }
    }
    lines
}

/// The name between the brackets of this line, which may hold brackets itself: in pairs, or in quotes as Git has them. `None`
/// where something stands behind them.
fn section(line: &str) -> Option<&str> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (at + 1 == line.len()).then(|| line[1..at].trim());
        }
    }
    None
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
        let unit = |name: &str, text: &str| {
            let format = Some(Format::Ini);
            let file = File { file: name.to_owned(), follow: false, format, encoding: None };
            json(&parse(&file, text).unwrap())
        };
        let text = "[Service]\nExecStart=/bin/a \\\n  --b \\\n# not this\n  c=d\nType=simple\n";
        assert_eq!(
            unit("/a.service", text),
            r#"{"Service":{"ExecStart":"/bin/a  --b  c=d","Type":"simple"}}"#
        );
        let text = "[Service]\nExecStart=/bin/a \\\n--three\nflag\\\n\nPath=C:\\\\\nlast=\\";
        for name in [
            "/etc/systemd/system/a.service.d/override.conf",
            "/usr/lib/systemd/system/service.d/10-all.conf",
            "/x/a.socket.d/b.conf",
            "/etc/systemd/journald.conf",
            "/x/a.mount",
        ] {
            assert_eq!(
                unit(name, text),
                r#"{"Service":{"ExecStart":"/bin/a  --three","Path":"C:\\\\","flag":null,"last":""}}"#,
                "{name}"
            );
        }
        // systemd takes `=` alone, and lines indented as they like (systemd.syntax(7)).
        let text = "[Service]\nType=simple\n  Environment:A=1:2\n  Restart: no\n";
        assert_eq!(
            unit("/a.service", text),
            r#"{"Service":{"Environment:A":"1:2","Restart: no":null,"Type":"simple"}}"#
        );
    }

    #[test]
    fn a_line_of_an_ini_file_that_ends_with_a_backslash_takes_no_other_in() {
        for next in ["user = bob", "[b]", "# no", "", "k"] {
            for line in ["dir = C:\\temp\\", "flag\\"] {
                let said = parsed(Format::Ini, &format!("[a]\n{line}\n{next}\nx = y\n"));
                assert!(said.contains("line 2 may go on in the next"), "{line}, {next}: {said}");
            }
        }
        assert_eq!(parsed(Format::Ini, "k = a\\b\r\nl = \"c\"\r\n"), r#"{"":{"k":"a\\b","l":"\"c\""}}"#);
        for text in ["k = a\rl = b\n", "k = a\0\n", "= a\n"] {
            assert!(parsed(Format::Ini, text).contains("is not INI: line 1"), "{text:?}");
        }
    }

    #[test]
    fn what_may_be_a_comment_behind_a_value_is_neither_value_nor_comment() {
        for line in [
            "bind-address = 0.0.0.0  # everything",
            "port = 3306\t; the usual one",
            "empty = # nothing",
            "skip-networking # safe",
            "k = \"a\" # b",
            "k = \"a # b",
        ] {
            let said = parsed(Format::Ini, &format!("[mysqld]\n{line}\n"));
            assert!(said.contains("line 2 may end with a comment"), "{line}: {said}");
        }
        assert_eq!(
            parsed(Format::Ini, "colour = red#1;2\nquoted = \"a # b\"\nsingle = 'a ; b'\nplain=#f00\n"),
            r##"{"":{"colour":"red#1;2","plain":"#f00","quoted":"\"a # b\"","single":"'a ; b'"}}"##
        );
        // A unit has comments on lines of their own only (systemd.syntax(7)), and `;` between two commands.
        let file = File { file: "/a.service".to_owned(), follow: false, format: None, encoding: None };
        assert_eq!(
            json(&parse(&file, "[Service]\nExecStart=/bin/a ; /bin/b # c\n").unwrap()),
            r#"{"Service":{"ExecStart":"/bin/a ; /bin/b # c"}}"#
        );
    }

    #[test]
    fn what_is_written_otherwise_is_no_ini() {
        for line in [
            "<VirtualHost *:80>",
            "</VirtualHost>",
            "worker_processes 4;",
            "events {",
            "Listen 80",
            "}",
            "server = {",
            "Listen 127.0.0.1:80",
            "ListenAddress ::1",
            "nameserver 2001:4860:4860::8888",
            "proxy_pass http://127.0.0.1:8080;",
            "options kvm_intel nested=1",
            "host all all ::1/128 trust",
            "*.* @loghost:514",
            "server.modules += ( \"mod_accesslog\" )",
            "a == b",
            "CC := gcc",
        ] {
            let said = parsed(Format::Ini, &format!("# a comment\n{line}\n"));
            assert!(said.contains("is not INI: line 2 is no `key = value`"), "{line}: {said}");
        }
    }

    #[test]
    fn a_key_that_two_signs_may_end_is_not_told() {
        for line in ["fruit:metadata = stream", "idmap config * : backend = tdb", "url: http://x/?a=b"] {
            let said = parsed(Format::Ini, &format!("[global]\n{line}\n"));
            assert!(said.contains("line 2 holds `:` before `=`"), "{line}: {said}");
        }
        assert_eq!(
            parsed(Format::Ini, "url = http://x:80/\nserver string = a b\nkey: value\nbare:\nk:v\n"),
            r#"{"":{"bare":"","k":"v","key":"value","server string":"a b","url":"http://x:80/"}}"#
        );
    }

    #[test]
    fn utf_16_without_a_mark_is_read_where_its_byte_order_is_said() {
        for label in ["utf-16", "UTF-16", " unicode "] {
            let blocked = decode("it", b"\0a\0b".to_vec(), Some(label)).unwrap_err();
            assert_eq!(blocked.barrier, Barrier::Unsupported, "{label}");
            assert!(blocked.detail.contains("utf-16le or utf-16be"), "{}", blocked.detail);
        }
        assert_eq!(decode("it", b"\0a\0b".to_vec(), Some("utf-16be")).unwrap(), "ab");
        assert_eq!(decode("it", b"a\0b\0".to_vec(), Some("utf-16le")).unwrap(), "ab");
        assert_eq!(decode("it", Vec::new(), Some("utf-16")).unwrap(), "");
        // What labels mean is what browsers take them to mean (WHATWG Encoding, 4.2).
        assert_eq!(decode("it", b"\x80".to_vec(), Some("ascii")).unwrap(), "\u{20ac}");
    }

    #[test]
    fn a_section_of_an_ini_file_ends_with_its_last_bracket() {
        for section in ["x[0]", "a b", "remote \"or]igin\"", "url \"ssh://git@[::1]:22/\"", "x \"a\\\"]b\""] {
            let expected = json(&Value::Map(
                [(section.to_owned(), gathered([("k".to_owned(), "v".into())].into_iter()))].into(),
            ));
            assert_eq!(parsed(Format::Ini, &format!("[{section}]\nk = v\n")), expected);
        }
        for line in ["[a]junk", "[a] k = v", "[a", "[a] # not [b]", "[a]]", "[a \"b]"] {
            let said = parsed(Format::Ini, &format!("{line}\nk = v\n"));
            assert!(said.contains("line 1 is no section"), "{line}: {said}");
        }
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
        let utf_32 = b"\xff\xfe\0\0a\0\0\0";
        assert_eq!(text(utf_32, None).unwrap_err().barrier, Barrier::Unsupported);
        assert_eq!(text(b"\0\0\xfe\xff\0\0\0a", None).unwrap_err().barrier, Barrier::Protocol);
        // Where the plan says that it is UTF-16, there are zeros in it.
        assert_eq!(text(utf_32, Some("utf-16")).unwrap(), "\0a\0");
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
