//! SARIF 2.1.0: one run for all reports. A report's name is its path, as it was given.

use probity_diagnostic::RuleInfo;

use super::{Report, obstacles};
use crate::rules;

/// One run with the findings of every report. That a bundle is no acceptable evidence is an error of the run.
pub fn sarif(reports: &[Report]) -> String {
    let rules: Vec<RuleInfo> = rules::all()
        .map(|rule| RuleInfo {
            id: rule.id,
            title: rule.title,
            explanation: rule.explanation,
            level: rule.level,
        })
        .collect();
    let all: Vec<_> = reports.iter().flat_map(Report::diagnostics).collect();
    probity_diagnostic::sarif("probity audit", env!("CARGO_PKG_VERSION"), &rules, &all, &obstacles(reports))
}
