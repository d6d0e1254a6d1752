//! How well the rules do on reports that they had not seen, as `tests/corpus.tsv` has it. A test holds these figures to it.

/// Of the findings at the first run over the last reports that no rule had seen: how many are right to both of who judged
/// them, of how many.
pub const RIGHT: (u32, u32) = (7, 10);

/// Of the defects that readers saw in public reports who did not know the rules: how many are found, of how many.
pub const FOUND: (u32, u32) = (7, 225);

/// What silence is worth.
pub(crate) fn silence() -> String {
    let ((right, all), (found, there)) = (RIGHT, FOUND);
    format!(
        "That is not a word for the report: of the defects that readers saw in other people's reports, {found} of {there} were found; of the findings in \
         reports new to the rules, {right} of {all} were right."
    )
}
