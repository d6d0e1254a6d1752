//! JSON, for programs: a contract (docs/command-line.md).

use serde_json::{Value, json};

use super::Report;

/// One report as an object; many as `{"open": N, "reports": [...]}`.
pub fn json(reports: &[Report], many: bool) -> String {
    let objects: Vec<Value> = reports.iter().map(object).collect();
    let open: usize = reports.iter().map(|report| report.audit.open().count()).sum();
    match objects.as_slice() {
        [one] if !many => one.to_string(),
        all => json!({ "open": open, "reports": all }).to_string(),
    }
}

/// `findings` as every diagnostic is given.
fn object(report: &Report) -> Value {
    let audit = &report.audit;
    let notes = audit.document.notes.iter().map(|(line, note)| json!({ "line": line, "note": note }));
    json!({
        "against": audit.against,
        "findings": probity_diagnostic::json(&report.diagnostics(), report),
        "notes": notes.collect::<Vec<_>>(),
        "open": audit.open().count(),
        "read": audit.read,
        "report": report.name,
    })
}
