//! How well the rules do on reports that they had not seen, as `tests/corpus.tsv` has it. A test holds these figures to it.

/// Of the findings at the first run over reports that no rule had seen: how many are right to both of who judged them, of how
/// many.
pub const RIGHT: (u32, u32) = (39, 134);

/// Of the defects that a reader saw in such reports before the audit was run on them: how many are found, of how many.
/// `None` until that has been read.
pub const FOUND: Option<(u32, u32)> = None;

/// What silence is worth.
pub(crate) fn silence() -> String {
    let (right, all) = RIGHT;
    let found = match FOUND {
        Some((found, there)) => format!("{found} of {there} were found"),
        None => "nobody has yet counted how many are found".to_owned(),
    };
    format!(
        "That is not a word for the report: of the defects that a reader saw in reports new to the rules, {found}; of the findings in such reports, \
         {right} of {all} were right."
    )
}
