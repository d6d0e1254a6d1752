//! Annotations as GitHub's runners read them from standard output, which other code hosts understand too:
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.

use std::fmt::Write;

use probity_diagnostic::Level;

use super::{Report, listed, obstacles, title};
use crate::visible::visible;

/// A line `::error file=...,line=...,endLine=...,title=...::...` for each finding that nothing accepts; before them one without a place
/// for each reason why a bundle is no acceptable evidence.
pub fn github(reports: &[Report]) -> String {
    let mut out = String::new();
    for obstacle in obstacles(reports) {
        _ = writeln!(out, "::error title=probity audit::{}", data(&obstacle));
    }
    for report in reports {
        for finding in report.audit.open().filter(|finding| !listed(finding)) {
            let kind = if finding.level == Level::Error { "error" } else { "warning" };
            let line = finding.lines.first().copied().unwrap_or(1);
            _ = writeln!(
                out,
                "::{kind} file={},line={line},endLine={},title={}::{}",
                property(&report.name),
                report.audit.document.until(line),
                property(finding.rule),
                data(&format!("{} {}", title(finding.rule), finding.message))
            );
        }
    }
    out
}

/// A message: what would end it or begin another command is escaped.
fn data(text: &str) -> String {
    visible(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property: its separators are escaped as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
