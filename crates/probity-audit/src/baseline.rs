//! What was found before: a pipeline that begins with old reports fails only on what is new.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::finding::{Acceptance, Finding};
use crate::output::Report;

/// The version of the file; a newer one is refused.
const VERSION: u32 = 1;

/// Findings that are known. A finding is known again by its rule, its report and the text of its first line, so that lines may move.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u32,
    findings: Vec<Known>,
}

#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
struct Known {
    report: String,
    rule: String,
    text: String,
}

/// What of a baseline file cannot be read.
#[derive(Debug)]
pub enum BaselineError {
    /// It is no baseline.
    Malformed(serde_json::Error),
    /// A newer program wrote it.
    Newer(u32),
}

impl std::fmt::Display for BaselineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(_) => {
                f.write_str("not a baseline; `probity audit --format baseline REPORT...` writes one")
            }
            Self::Newer(version) => {
                write!(f, "a baseline of version {version}; this program reads {VERSION}")
            }
        }
    }
}

impl std::error::Error for BaselineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            Self::Newer(_) => None,
        }
    }
}

fn known(report: &Report, finding: &Finding) -> Known {
    let line = finding.lines.first().copied().unwrap_or(1);
    let text = report.audit.document.lines.get(line - 1).map_or("", |text| text.trim());
    Known { report: report.name.clone(), rule: finding.rule.to_owned(), text: text.to_owned() }
}

impl Baseline {
    /// Everything found in these reports that no comment accepts.
    pub fn of(reports: &[Report]) -> Self {
        let all = reports.iter().flat_map(|report| report.audit.open().map(|finding| known(report, finding)));
        let mut findings: Vec<Known> = all.collect();
        findings.sort();
        Self { version: VERSION, findings }
    }

    /// The file, one finding a line, so that a change can be reviewed.
    pub fn text(&self) -> String {
        let line = |known: &Known| serde_json::to_string(known).unwrap_or_default();
        let lines: Vec<String> = self.findings.iter().map(line).collect();
        format!("{{\"version\": {VERSION}, \"findings\": [\n{}\n]}}", lines.join(",\n"))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it is none, or newer.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        let baseline: Self = serde_json::from_str(text).map_err(BaselineError::Malformed)?;
        if baseline.version > VERSION { Err(BaselineError::Newer(baseline.version)) } else { Ok(baseline) }
    }

    /// Accepts what is known, each entry once.
    pub fn accept(self, reports: &mut [Report]) {
        let mut left: HashMap<Known, usize> = HashMap::new();
        for entry in self.findings {
            *left.entry(entry).or_default() += 1;
        }
        for report in reports {
            let keys: Vec<Known> =
                report.audit.findings.iter().map(|finding| known(report, finding)).collect();
            for (finding, key) in
                report.audit.findings.iter_mut().zip(keys).filter(|(finding, _)| finding.accepted.is_none())
            {
                if let Some(times) = left.get_mut(&key).filter(|times| **times > 0) {
                    *times -= 1;
                    finding.accepted = Some(Acceptance::Baseline);
                }
            }
        }
    }
}
