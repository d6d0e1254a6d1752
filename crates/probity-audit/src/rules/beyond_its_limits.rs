//! A conclusion beyond the limits that the report lists.

use crate::assertions::{Assertions, Said};
use crate::document::{Place, Statement};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::rules::words_of;
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "beyond-its-limits",
    level: Level::Warning,
    title: "A conclusion is stronger than the limits that the report itself lists.",
    explanation: "Words of certainty about the report's own result (definitive or conclusive evidence, \"all issues were found\") in a report \
        that lists as a limitation that something could not be verified or looked at. Sentences that deny certainty, ask for it or put a \
        condition are not meant. What would have to be shown: the things listed as not verifiable.",
    example: "Limitation: the logs cannot be verified.\n\nThis is definitive proof that the job runs.",
};

pattern!(
    CERTAIN,
    r"\b(definitive(ly)? (evidence|proof|prove[sdn]?)|conclusive (evidence|proof)|all (real|actual|legitimate) (issues|failures|problems|defects|bugs|vulnerabilities) (were |are |have been )?(identified|found|detected|caught)|(all|100 ?% of) (the )?(issues|failures|problems|defects|bugs|vulnerabilities) (were|have been) (identified|found|detected|caught))\b"
);
pattern!(
    WEAKENED,
    r"\b(not|no|nor|cannot|can't|neither|never|far from|would|needs?|needed|required?|requires|before|until|for definitive|only|instead of|rather than|if|unless|too little|nobody|however|asks?|question|lacks?|remain|should|must|will|ensure|provide)\b"
);

/// Places of each side in one finding.
const MAX_PLACES: usize = 4;

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let limits: Vec<_> = all.done().filter(|one| one.said == Said::Limit).take(MAX_PLACES).collect();
    let Some(limit) = limits.first() else { return };
    let certain = |s: &&Statement| {
        CERTAIN.is_in(&s.lower) && !WEAKENED.is_in(&s.lower) && !s.lower.ends_with('?') && s.place != Place::Code && !all.section(s.heading).limits
    };
    let certain: Vec<(usize, &Statement)> =
        all.document.statements.iter().enumerate().filter(|(_, s)| certain(s)).take(MAX_PLACES).collect();
    let Some((at, first)) = certain.first() else { return };
    let message =
        format!("line {} says {}, although line {} says {}", first.line, words_of(all, *at), limit.line, words_of(all, limit.at));
    found.push(Finding::new(message, certain.iter().map(|(_, s)| s.line).chain(limits.iter().map(|one| one.line))));
}
