//! The page `docs/audit-rules.md`, made from the rules' own declarations.

use std::fmt::Write;

use crate::rules::ALL;

/// The page.
pub fn page() -> String {
    let mut out = String::from(
        "# Rules of `probity audit`\n\nMade from the rules' declarations; `UPDATE_DOCS=1 cargo test -p probity-audit` writes this page anew.\n\n\
         A rule says nothing rather than something wrong. What it finds is in the text alone: that a report contradicts itself, or claims\n\
         more than it shows. It does not show that the conclusion is false.\n\n\
         A comment on the line before accepts a finding, which is then listed as accepted and no longer counts:\n\n\
         ```markdown\n<!-- probity: accept too-precise: the tool prints it so -->\n```\n",
    );
    for rule in ALL {
        let fence = "```";
        _ = write!(
            out,
            "\n## {}\n\n{} ({})\n\n{}\n\n{fence}markdown\n{}\n{fence}\n",
            rule.id,
            rule.title,
            rule.severity.word(),
            rule.explanation,
            rule.example
        );
    }
    out
}
