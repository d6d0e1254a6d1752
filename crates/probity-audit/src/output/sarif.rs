//! SARIF 2.1.0 (OASIS), so that code hosts show the findings beside the lines: one run for all reports.

use serde_json::{Value, json};

use super::{Report, title};
use crate::finding::{Acceptance, Finding, Severity};
use crate::rules;

/// One run with the findings of every report.
///
/// A report's name is its path, as it was given; it becomes a URI reference. An unsupported number is of the kind `open`: what
/// there is to see does not tell whether it is right.
pub fn sarif(reports: &[Report]) -> String {
    let rules: Vec<Value> = rules::all()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.explanation },
                "defaultConfiguration": { "level": level(rule.severity) },
            })
        })
        .collect();
    let results: Vec<Value> = reports.iter().flat_map(results).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "probity audit", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    })
    .to_string()
}

fn results(report: &Report) -> Vec<Value> {
    let uri = reference(&report.name);
    let place = |line: &usize| {
        let region = json!({ "startLine": line, "endLine": report.audit.document.until(*line) });
        json!({ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": region } })
    };
    let ids: Vec<&str> = rules::all().map(|rule| rule.id).collect();
    let result = |finding: &Finding| {
        let mut result = json!({
            "ruleId": finding.rule,
            "ruleIndex": ids.iter().position(|id| *id == finding.rule),
            "kind": if finding.severity == Severity::Unsupported { "open" } else { "fail" },
            "level": level(finding.severity),
            "message": { "text": format!("{} {}", title(finding.rule), finding.message) },
            "locations": finding.lines.iter().take(1).map(place).collect::<Vec<_>>(),
            "relatedLocations": finding.lines.iter().skip(1).map(place).collect::<Vec<_>>(),
        });
        if let (Some(accepted), Some(result)) = (&finding.accepted, result.as_object_mut()) {
            let kind = if *accepted == Acceptance::Baseline { "external" } else { "inSource" };
            let suppressed =
                json!([{ "kind": kind, "status": "accepted", "justification": accepted.words() }]);
            result.insert("suppressions".to_owned(), suppressed);
        }
        result
    };
    report.audit.findings.iter().map(result).collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Unsupported => "none",
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
