//! How well the rules do on reports that they had not seen, as `tests/corpus.tsv` has it. A test holds these figures to it.

/// Defects decidable beyond doubt that a reader saw in reports not used for the rules, and how many of them are found.
pub const FOUND: (u32, u32) = (0, 0);

/// Findings in those reports, and how many of them are right.
pub const RIGHT: (u32, u32) = (0, 0);

/// What silence is worth.
pub(crate) fn silence() -> String {
    let ((found, there), (right, all)) = (FOUND, RIGHT);
    format!(
        "That is not a word for the report: of the defects that a reader saw in reports new to the rules, {found} of {there} were found \
         ({right} of {all} findings were right)."
    )
}
