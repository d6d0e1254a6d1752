//! SARIF 2.1.0 (OASIS), so that code hosts show what was found beside the lines.

use serde_json::{Value, json};

use crate::{Acceptance, Diagnostic, Level, Place};

/// A rule, as the tool describes it.
#[derive(Clone, Copy, Debug)]
pub struct RuleInfo {
    /// Its name.
    pub id: &'static str,
    /// One sentence: what is wrong where it finds something.
    pub title: &'static str,
    /// When it speaks and when it keeps silent.
    pub explanation: &'static str,
    /// How grave what it finds is.
    pub level: Level,
}

/// One run of a tool ("probity audit") of this version.
///
/// A file's name becomes a URI reference. What is unsupported is of the kind `open`: what there is to see does not tell whether it
/// is right. Rules that the tool does not describe are named by what they found. Each obstacle, a sentence, is an error that the tool
/// notifies of: the run was then no success, whatever was found or not.
pub fn sarif(
    tool: &str,
    version: &str,
    rules: &[RuleInfo],
    diagnostics: &[Diagnostic],
    obstacles: &[String],
) -> String {
    let described = rules.iter().map(|rule| {
        json!({
            "id": rule.id,
            "shortDescription": { "text": rule.title },
            "fullDescription": { "text": rule.explanation },
            "defaultConfiguration": { "level": level(rule.level) },
        })
    });
    let mut ids: Vec<&str> = rules.iter().map(|rule| rule.id).collect();
    for diagnostic in diagnostics {
        if !ids.contains(&diagnostic.rule) {
            ids.push(diagnostic.rule);
        }
    }
    let named = ids[rules.len()..].iter().map(|id| json!({ "id": id }));
    let described: Vec<Value> = described.chain(named).collect();
    let results: Vec<Value> = diagnostics.iter().map(|diagnostic| result(diagnostic, &ids)).collect();
    let mut run = json!({
        "tool": { "driver": { "name": tool, "version": version, "rules": described } },
        "columnKind": "unicodeCodePoints",
        "results": results,
    });
    if !obstacles.is_empty() {
        let error = |text: &String| json!({ "level": "error", "message": { "text": text } });
        run["invocations"] = json!([{
            "executionSuccessful": false,
            "toolExecutionNotifications": obstacles.iter().map(error).collect::<Vec<_>>(),
        }]);
    }
    let schema = "https://json.schemastore.org/sarif-2.1.0.json";
    json!({ "$schema": schema, "version": "2.1.0", "runs": [run] }).to_string()
}

fn result(diagnostic: &Diagnostic, ids: &[&str]) -> Value {
    let title = Some(diagnostic.title).filter(|title| !title.is_empty()).map(str::to_owned);
    let remedy = Some(diagnostic.remedy.clone()).filter(|remedy| !remedy.is_empty());
    let message = title.into_iter().chain([diagnostic.message.clone()]).collect::<Vec<_>>().join(" ");
    let message = std::iter::once(message).chain(diagnostic.notes.iter().cloned()).chain(remedy);
    let mut result = json!({
        "ruleId": diagnostic.rule,
        "ruleIndex": ids.iter().position(|id| *id == diagnostic.rule),
        "kind": if diagnostic.level == Level::Unsupported { "open" } else { "fail" },
        "level": level(diagnostic.level),
        "message": { "text": message.collect::<Vec<_>>().join("\n") },
        "locations": [location(&diagnostic.place)],
        "relatedLocations": diagnostic.related.iter().map(location).collect::<Vec<_>>(),
    });
    if let Some(accepted) = &diagnostic.accepted {
        let kind = if *accepted == Acceptance::Baseline { "external" } else { "inSource" };
        result["suppressions"] =
            json!([{ "kind": kind, "status": "accepted", "justification": accepted.words() }]);
    }
    result
}

fn location(place: &Place) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": reference(&place.at.file) } });
    if place.at.line > 0 {
        physical["region"] =
            json!({ "startLine": place.at.line, "endLine": place.last_line.max(place.at.line) });
        if place.at.column > 0 {
            physical["region"]["startColumn"] = json!(place.at.column);
            if place.length > 0 {
                physical["region"]["endColumn"] = json!(place.at.column.saturating_add(place.length));
            }
        }
    }
    json!({ "physicalLocation": physical })
}

fn level(severity: Level) -> &'static str {
    match severity {
        Level::Unsupported => "none",
        other => other.word(),
    }
}

/// A path as a URI reference (RFC 3986): relative as it was named, absolute as a `file:` URI.
fn reference(path: &str) -> String {
    const OUTSIDE: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let encoded = percent_encoding::utf8_percent_encode(path, &OUTSIDE);
    if path.starts_with('/') { format!("file://{encoded}") } else { encoded.to_string() }
}
