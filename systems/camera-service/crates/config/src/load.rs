//! From a file's text to a checked [`Config`]: variables, YAML, types, rules. Every error has its place.

use crate::{Config, ConfigError, secret, validate};
use granit_parser::{Event, Parser};
use serde_saphyr::{Error, SnippetMode, UserMessageFormatter, options::PropertySyntax};
use std::{collections::HashMap, io::Read, path::Path};

/// Variables by name, for `${NAME}` and for the secrets.
pub type Environment = HashMap<String, String>;

/// The largest configuration file that is read, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// Reads the configuration file at `path`. `environment` is what `${NAME}` may stand for.
pub fn load(path: &Path, environment: &Environment) -> Result<Config, ConfigError> {
    let unreadable = |why: String| ConfigError::Unreadable { path: path.into(), why };
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unreadable(format!(
            "there is no such file: make it with `camera-service install`, or `touch {}` for the defaults",
            path.display()
        )),
        _ => unreadable(error.to_string()),
    })?;
    let mut bytes = Vec::new();
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("this is not UTF-8 text".into()))?;
    parse(&text, &path.display().to_string(), environment)
}

/// Reads a configuration from its text. `name` is what errors call it.
///
/// `${NAME}` and `${NAME:-default}` in a value become the variable's text, whatever characters are in it, and `$$` a dollar sign; a
/// variable that is not set is an error. Keys that are unknown or repeated are errors.
pub fn parse(text: &str, name: &str, environment: &Environment) -> Result<Config, ConfigError> {
    let invalid = |(line, column): (u64, u64), why: String| ConfigError::Invalid {
        name: name.into(),
        line,
        column,
        why,
    };
    if text.len() as u64 > MAX_SIZE {
        return Err(invalid((1, 1), "a configuration has at most 1 MiB".into()));
    }
    let document = match scan(text, environment) {
        Ok(document) => document,
        Err((place, why)) => return Err(invalid(place, why)),
    };
    let Some(document) = document else { return Ok(Config::default()) };
    let options =
        serde_saphyr::options! { property_syntax: PropertySyntax::DockerCompose, strict_booleans: true }
            .with_properties(environment.clone());
    let config: Config = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place =
            error.location().map_or((1, 1), |location| (location.line().max(1), location.column().max(1)));
        invalid(place, describe(error, key_at(text, place)))
    })?;
    validate::validate(&config)
        .map_err(|(key, why)| invalid(document.place(&key), format!("`{key}`: {why}")))?;
    Ok(config)
}

/// The key that is written at this line and column.
fn key_at(text: &str, (line, column): (u64, u64)) -> Option<&str> {
    let index = |number: u64| usize::try_from(number).ok()?.checked_sub(1);
    let line = text.lines().nth(index(line)?)?;
    let (start, _) = line.char_indices().nth(index(column)?)?;
    let key = line.get(start..)?.split(':').next()?.trim();
    Some(key.trim_matches(['"', '\'']))
}

/// What the YAML reader found, in an operator's words. `written` is the key there: with a variable anywhere, the reader itself names
/// none, so that it shows no value.
fn describe(error: &Error, written: Option<&str>) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            unknown_key(written.unwrap_or(field), expected.iter().copied())
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("`{variant}` is not one of {}", expected.join(", "))
        }
        Error::SerdeMissingField { field, .. } => {
            format!("the key `{field}` is missing here, and is required")
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_ref().map(|key| format!(" `{key}`")).unwrap_or_default();
            format!("the key{key} is repeated: write it once")
        }
        Error::InvalidScalar { ty, .. } if ty.starts_with(['u', 'i']) => {
            "a whole number is expected here".into()
        }
        Error::SerdeInvalidValue { expected, .. } if expected.starts_with("a nonzero") => {
            "a whole number from 1 on is expected here".into()
        }
        Error::InvalidBooleanStrict { .. } => "write true or false".into(),
        Error::Unexpected { expected: "mapping start", .. } => {
            "keys are expected here, each as `key: value`; leave the section out if it has none".into()
        }
        Error::Unexpected { expected: "sequence start", .. } => {
            "a list is expected here: `[a, b]`, or lines that begin with `- `".into()
        }
        Error::Unexpected { expected: "string scalar", .. } | Error::NullIntoString { .. } => {
            "a text is expected here".into()
        }
        other => {
            let text = other.render_with_options(serde_saphyr::render_options! {
                formatter: &UserMessageFormatter,
                snippets: SnippetMode::Off,
            });
            // The place stands in front already.
            let text = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
            // The reader says no more where a variable is involved, so that no secret is repeated.
            text.replace(
                "invalid interpolated scalar value",
                "what the variable puts here is not valid for this key",
            )
        }
    }
}

/// Unknown key, and which known one was probably meant.
pub(crate) fn unknown_key<'a>(key: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let closest = known.clone().map(|known| (strsim::damerau_levenshtein(key, known), known)).min();
    match closest {
        Some((distance, known)) if distance <= 1 + key.len() / 4 => {
            format!("unknown key `{key}`; did you mean `{known}`?")
        }
        _ => format!("unknown key `{key}`; known here: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// Where things stand in the text; nothing else of it.
pub(crate) struct Node {
    place: (u64, u64),
    children: Vec<(String, Node)>,
}

impl Node {
    /// Line and column of the key (such as `cameras.1.name`), or of the innermost one around it that is written.
    fn place(&self, key: &str) -> (u64, u64) {
        let mut node = self;
        for step in key.split('.') {
            match node.children.iter().find(|(name, _)| name == step) {
                Some((_, child)) => node = child,
                None => break,
            }
        }
        node.place
    }
}

/// A map or list whose end has not come yet.
struct Open {
    node: Node,
    is_map: bool,
    key: Option<String>,
}

type Misplaced = ((u64, u64), String);

/// Checks every reference to a variable, and notes where each key stands. `None` if the text says nothing.
fn scan(text: &str, environment: &Environment) -> Result<Option<Node>, Misplaced> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        // What is not YAML is said by the reader itself, which says it better.
        let Ok((event, span)) = event else { return Ok(Some(Node { place: (1, 1), children: Vec::new() })) };
        let place = (span.start.line() as u64, span.start.col() as u64 + 1);
        let node = Node { place, children: Vec::new() };
        let finished = match event {
            Event::Scalar(value, ..) => {
                check_references(&value, environment).map_err(|why| (place, why))?;
                if let Some(Open { is_map: true, key: key @ None, .. }) = open.last_mut() {
                    *key = Some(value.into_owned());
                    continue;
                }
                if open.is_empty() && (value.is_empty() || value == "~" || value == "null") {
                    continue;
                }
                node
            }
            Event::Alias(..) => node,
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                open.push(Open { node, is_map: matches!(event, Event::MappingStart(..)), key: None });
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => match open.pop() {
                Some(ended) => ended.node,
                None => continue,
            },
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => {
                let key = parent.key.take().unwrap_or_else(|| parent.node.children.len().to_string());
                parent.node.children.push((key, finished));
            }
            None => root = Some(finished),
        }
    }
    Ok(root)
}

/// Whether each `$` in a value is one of `${NAME}`, `${NAME:-default}` and `$$`, and each variable is there.
fn check_references(value: &str, environment: &Environment) -> Result<(), String> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(after) = after.strip_prefix('$') {
            rest = after;
            continue;
        }
        let Some((reference, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) else {
            return Err(
                "a `$` alone: write `${NAME}` or `${NAME:-default}` for a variable, `$$` for a dollar sign"
                    .into(),
            );
        };
        rest = after;
        let (name, default) =
            reference.split_once(":-").map_or((reference, None), |(name, default)| (name, Some(default)));
        let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_name =
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(named);
        if !is_name || default.is_some_and(|default| default.contains(['$', '{', '\n'])) {
            return Err(format!(
                "`${{{reference}}}` is not a reference: write `${{NAME}}` or `${{NAME:-default}}`, `$$` for a dollar sign"
            ));
        }
        if secret::NAMES.contains(&name) {
            return Err(format!(
                "`{name}` is a secret that the service reads itself: it does not belong into the configuration"
            ));
        }
        if default.is_none() && !environment.contains_key(name) {
            return Err(format!("the variable {name} is not set: set it, or write `${{{name}:-default}}`"));
        }
    }
    Ok(())
}
