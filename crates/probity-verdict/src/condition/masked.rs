//! Text in which something was masked: what can be told of it without knowing what stood there. A target may send such text
//! itself; what depends on it is then unknown too, which claims nothing.

use std::collections::BTreeMap;

use probity_plan::Value;

/// What begins the mask of a secret input, `[secret NAME]`.
const SECRET: &str = "[secret ";
/// What stands for that by which somebody authenticates, whatever it was.
const ANY: &str = "[masked]";

/// Whether something was masked in it.
pub(super) fn is_masked(text: &str) -> bool {
    next(text).is_some()
}

/// Whether different values look alike in it.
pub(crate) fn hides(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.contains(ANY),
        Value::List(items) => items.iter().any(hides),
        Value::Map(map) => map.values().any(hides),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Interval(_) | Value::Moment(_) => false,
    }
}

/// Whether a key that a map does not have may be one of those that were masked.
pub(super) fn may_have(map: &BTreeMap<String, Value>, key: &str) -> bool {
    // Of two that bear no mask it is known that they differ.
    let masked = is_masked(key);
    let mut open = map.keys().filter(|other| masked || other.contains('['));
    open.any(|other| same(other, key) != Some(false))
}

/// Whether two texts are the same; `None` if that depends on what was masked.
pub(super) fn same(a: &str, b: &str) -> Option<bool> {
    match (is_masked(a), is_masked(b)) {
        (false, false) => Some(a == b),
        (true, false) => (!may_be(a, b)).then_some(false),
        (false, true) => same(b, a),
        (true, true) if a == b && !a.contains(ANY) => Some(true),
        (true, true) => None,
    }
}

/// Whether the text has this part in it.
pub(super) fn contains(text: &str, part: &str) -> Option<bool> {
    if !is_masked(text) || means_masks(part) {
        return Some(text.contains(part));
    }
    visible(text).any(|piece| piece.contains(part)).then_some(true)
}

/// Whether the text begins with this.
pub(super) fn starts_with(text: &str, beginning: &str) -> Option<bool> {
    let first = visible(text).next().unwrap_or_default();
    if !is_masked(text) || means_masks(beginning) || beginning.len() <= first.len() {
        return Some(text.starts_with(beginning));
    }
    (!beginning.starts_with(first)).then_some(false)
}

/// Whether the text ends with this.
pub(super) fn ends_with(text: &str, end: &str) -> Option<bool> {
    let last = visible(text).last().unwrap_or_default();
    if !is_masked(text) || means_masks(end) || end.len() <= last.len() {
        return Some(text.ends_with(end));
    }
    (!end.ends_with(last)).then_some(false)
}

/// Whether a search finds something in the text: surely in what is visible, if the pattern does not ask what stands beside it.
pub(super) fn matches(text: &str, pattern: &str, is_in: impl Fn(&str) -> bool) -> Option<bool> {
    // Behind `[` alone stands a class of characters.
    if !is_masked(text) || pattern.contains(r"\[secret ") || pattern.contains(r"\[masked\]") {
        return Some(is_in(text));
    }
    let beside = pattern.contains(['^', '$'])
        || [r"\b", r"\B", r"\A", r"\z", r"\<", r"\>"].iter().any(|word| pattern.contains(word));
    (!beside && visible(text).any(is_in)).then_some(true)
}

/// Whether a plan asks for the mask itself.
fn means_masks(text: &str) -> bool {
    text.contains("[secret") || text.contains("[masked")
}

/// Where the first mask begins and ends.
fn next(text: &str) -> Option<(usize, usize)> {
    let secret = text.match_indices(SECRET).find_map(|(at, _)| {
        let name = &text[at + SECRET.len()..];
        let end = name.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))?;
        (end > 0 && name[end..].starts_with(']')).then_some((at, at + SECRET.len() + end + 1))
    });
    let any = text.find(ANY).map(|at| (at, at + ANY.len()));
    [secret, any].into_iter().flatten().min()
}

/// What stands before, between and behind the masks.
fn visible(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        Some(match next(all) {
            Some((from, to)) => {
                rest = Some(&all[to..]);
                &all[..from]
            }
            None => {
                rest = None;
                all
            }
        })
    })
}

/// Whether the masked text may have been this one.
fn may_be(masked: &str, text: &str) -> bool {
    let pieces: Vec<&str> = visible(masked).collect();
    let [first, middle @ .., last] = pieces.as_slice() else { return masked == text };
    let Some(mut rest) = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else {
        return false;
    };
    middle.iter().all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}
