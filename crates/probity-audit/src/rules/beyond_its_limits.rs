//! A conclusion that is stronger than the limits the report lists.

use crate::document::{Document, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "beyond-its-limits",
    severity: Severity::Warning,
    title: "A conclusion is stronger than the limits that the report itself lists.",
    explanation: "Words of certainty (definitive, with certainty, high confidence, proof) in a report that says of something that it \
        could not be verified or looked at. Sentences that deny certainty, ask for it or put a condition are not meant. \
        What would have to be shown: the things listed as not verifiable.",
    example: "The logs cannot be verified.\n\nThis is definitive proof that the job runs.",
};

pattern!(
    CERTAIN,
    r"\b(definitive(ly)?|conclusive(ly)?|high[- ]confidence|with (full |absolute |complete )?certainty|proof that|proves? (that|beyond)|beyond (any |all |reasonable )?doubt|guaranteed?|without (any |a )?doubt|undoubtedly|irrefutabl[ey]|unequivocal(ly)?|100 ?% certain|certain that)\b"
);
pattern!(
    LIMITED,
    r"\b(cannot (be )?(directly )?(verif|check|confirm|inspect|quer|see|test|access|read)\w*|could not (be )?(verif|check|confirm|inspect|see|test|look|access|read|shown|observ)\w*|unable to (verif|check|confirm|inspect|access|test|see)\w*|no access to|not accessible|not verifiable|inaccessible|no permission to|no credentials|verification blocked|was not possible to (verify|check|see|test))\b"
);
pattern!(
    WEAKENED,
    r"\b(not|no|nor|cannot|can't|neither|never|without definitive|far from|would|needs?|needed|required?|requires|before|until|for definitive|only (then|with|after)|instead of|rather than|if|unless|prevents?|too little|nobody|however|asks?|question|guaranteed? (by|in|of) (the )?(contract|vendor|maker|sla|supplier)|lacks?|remain)\b"
);
pattern!(
    LIMITS_HEAD,
    r"\b(could not|cannot|can not|limitations?|limits|not (verified|checked|seen|looked at|tested)|blocked)\b"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let limits =
        |s: &&Statement| LIMITED.is_in(&s.lower) && !s.lower.contains("unauthor") && !s.lower.contains("✅");
    let Some(limit) = document.statements.iter().find(limits) else { return };
    let certain = document.statements.iter().filter(|s| {
        CERTAIN.is_in(&s.lower)
            && !WEAKENED.is_in(&s.lower)
            && !LIMITED.is_in(&s.lower)
            && !LIMITS_HEAD.is_in(document.heading(s.heading))
            && !s.lower.starts_with("for ")
            && !s.lower.ends_with('?')
    });
    let certain: Vec<usize> = certain.map(|s| s.line).collect();
    if !certain.is_empty() {
        let limits = document.statements.iter().filter(limits).map(|s| s.line).take(4);
        let word = "claimed as certain, while the report says that something could not be verified";
        found.push(Finding::new(word, certain.into_iter().chain([limit.line]).chain(limits)));
    }
}
