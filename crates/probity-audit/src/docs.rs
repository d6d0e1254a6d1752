//! The page `docs/audit-rules.md`, made from the rules' own declarations.

use std::fmt::Write;

use crate::rules;

/// The page.
pub fn page() -> String {
    let mut out = String::from(
        "# Rules of `probity audit`\n\nMade from the rules' declarations; `UPDATE_DOCS=1 cargo test -p probity-audit` writes this page anew.\n\n\
         A rule says nothing rather than something wrong. What it finds is in the text alone: that a report contradicts itself, or claims\n\
         more than it shows. It does not show that the conclusion is false.\n\n\
         With `--against BUNDLE` four more rules hold the text against what the bundle shows; their examples are read against a bundle\n\
         whose one claim is `starts`, \"a start serves within 10 s\", undetermined on 19 of 20 against \">= 95%\".\n\n\
         A comment on the line before (of a paragraph: before the paragraph) accepts a finding, which is then listed as accepted and no longer counts:\n\n\
         ```markdown\n<!-- probity: accept too-precise: the tool prints it so -->\n```\n",
    );
    for rule in rules::all() {
        let fence = "```";
        _ = write!(
            out,
            "\n## {}\n\n{} ({})\n\n{}\n\n{fence}markdown\n{}\n{fence}\n",
            rule.id,
            rule.title,
            rule.level.word(),
            rule.explanation,
            rule.example
        );
    }
    out
}
