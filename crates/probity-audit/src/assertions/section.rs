//! What the headings over an assertion say of it: whether it is about the whole, planned, of the past, a precondition.

use std::collections::HashMap;

use super::subject;
use crate::document::{Document, Place};
use crate::words::pattern;

pattern!(
    PLANNED,
    r"\b(next|future|roadmap|plan(ned|s)?|todo|to-?do|recommend\w*|remaining|action items?|follow-?ups?|upcoming|later|proposed|proposal|expected|projected|estimate\w*|post-|optional|nice to have|ideas?|should)\b"
);
pattern!(
    WISHED,
    r"\b(targets?|goals?|objectives?|criteria|indicators|how to|usage|example|guide|instructions?|commands?|steps|requirements?|milestones?|timeline|schedule|metrics to track)\b"
);
pattern!(
    WAS,
    r"\b(before|previous(ly)?|initial(ly)?|baseline|original(ly)?|old|earlier|history|changelog|problems?|root causes?|issues? (found|fixed|resolved|identified)|fixed|fixes|resolved|bugs?|symptoms?|incident|was|comparison|vs\.?|versus|after|improvements?)\b"
);
pattern!(
    REQUIRED,
    r"\b(pre-?conditions?|before (the |any |we )?(go-?live|release|launch|deploy\w*|switch|production|rollout|approval|going live|cut-?over)|must be (complete|done|closed|fulfilled|fixed)|(required|conditions) (for|before) (the )?(go-?live|release|approval|production|launch|deploy\w*)|entry criteria|(release|production|go-?live|launch) (blockers?|criteria|readiness|checklist|requirements)|readiness checklist|blockers?|must[- ](fix|have|do)( before \w+)?|critical blockers)\b"
);
pattern!(
    NOT_REQUIRED,
    r"\b(post-|before (the )?(implementation|fix(es)?|changes?)|\d+ (minutes?|hours?|days?|weeks?) before|after|afterwards|later|optional|recommended|once|future|resolved|fixed|no (blockers?|critical)|none|nice to have|template|non-?block\w*|rollback|triggers?|incidents?|escalation|on-?call|support|runbook|contacts?|alert\w*|monitoring|potential|identified|overcome|addressed|closed|during|not (a )?(condition|required|block\w*))\b|^\W*(\d\.? )?(deployment|deploy|launch|launch day|go-?live|release)\W*$|✅|: ?0\b|\(0\b"
);
pattern!(
    CHECKLIST,
    r"\bpre-?(deploy\w*|launch|release|production|flight)\b|\b(deployment|production|security|testing|test|quality|verification|validation|acceptance|launch|completion|readiness|compliance|qa|final|success|deliverables?|functional|feature|implementation) (checklist|criteria)\b|\bdefinition of done\b|^\W*checklist\W*$"
);
pattern!(BEFORE, r"\b(pre-|before)");
pattern!(DEPLOYS, r"\b(deployment|deploy) (checklist|steps|instructions|guide)\b");
pattern!(
    PHASE,
    r"\b(phase|week|month|day|sprint|stage|next|todo|enhancements?|manual|user|your|steps|short[- ]term|long[- ]term|medium)\b"
);
pattern!(
    LIMITS,
    r"\b(limitations?|limits|restrictions?|constraints?|could not|cannot|can't|not (verified|checked|tested|covered)|blocked|out of scope)\b"
);
pattern!(
    SUMMARY,
    r"\b(summary|overview|conclusions?|executive|glance|highlights|tl;?dr|final|overall|key (findings|metrics|results)|verdict|abstract)\b"
);

/// What the headings over an assertion, from the nearest to the title, say of it.
#[derive(Clone, Debug)]
pub struct Section {
    /// The heading over this one.
    pub parent: Option<usize>,
    pub(super) level: u8,
    /// It is about the report as a whole: no heading but the title names a thing.
    pub whole: bool,
    /// It sums up: a summary, a conclusion.
    pub summary: bool,
    /// What is to come, or wished for.
    pub planned: bool,
    /// What is demanded or described; what is marked there is as it is.
    pub wished: bool,
    /// What was, or is compared with what was.
    pub was: bool,
    /// What has to be there before something is released or done.
    pub required: bool,
    /// A checklist: what is not ticked in it is open, if something else is.
    pub checklist: bool,
    /// What one does when one deploys.
    pub deploys: bool,
    /// What could not be looked at.
    pub limits: bool,
    /// What has to be there later, or is there already.
    pub excluded: bool,
}

/// What stands before any heading: about the whole.
pub(super) const OPENING: Section = Section {
    parent: None,
    level: 0,
    whole: true,
    summary: true,
    planned: false,
    wished: false,
    was: false,
    required: false,
    checklist: false,
    deploys: false,
    limits: false,
    excluded: false,
};

/// The sections of a report by the number of their heading's statement; `None` is what stands before any.
pub(super) fn all(document: &Document) -> HashMap<Option<usize>, Section> {
    let mut out = HashMap::from([(None, OPENING)]);
    let mut stack: Vec<usize> = Vec::new();
    let mut first = true;
    // Of several headings of the first level none is the title.
    let titles = document.statements.iter().filter(|s| s.place == Place::Heading(1)).count();
    for (at, statement) in document.statements.iter().enumerate() {
        let Place::Heading(level) = statement.place else { continue };
        let deeper = |other: &usize| out.get(&Some(*other)).is_some_and(|section| section.level < level);
        while stack.last().is_some_and(|last| !deeper(last)) {
            stack.pop();
        }
        let title = first && level == 1 && titles == 1;
        let over = stack.last().and_then(|parent| out.get(&Some(*parent))).unwrap_or(&OPENING);
        let text = statement.lower.as_str();
        let required = REQUIRED.is_in(text);
        let section = Section {
            parent: stack.last().copied(),
            level,
            whole: title || (over.whole && !subject::words(super::without_marks(text)).any(subject::names)),
            summary: title || SUMMARY.is_in(text) || (over.summary && over.level > 1),
            planned: !title && ((over.planned && over.level > 1) || PLANNED.is_in(text)),
            wished: !title && ((over.wished && over.level > 1) || WISHED.is_in(text)),
            was: (over.was && over.level > 1) || (!title && !required && WAS.is_in(text)),
            required: (required && !title || over.required)
                && !NOT_REQUIRED.is_in(&text.replace('✅', ""))
                && !over.excluded,
            checklist: !title
                && (CHECKLIST.is_in(text) || over.checklist && over.level > 1)
                && !NOT_REQUIRED.is_in(&text.replace('✅', ""))
                && !PHASE.is_in(text),
            deploys: !title && (DEPLOYS.is_in(text) || over.deploys) && !BEFORE.is_in(text),
            excluded: !title && (NOT_REQUIRED.is_in(text) || over.excluded),
            limits: !title && (over.limits || LIMITS.is_in(text)),
        };
        out.insert(Some(at), section);
        stack.push(at);
        first = false;
    }
    out
}

pattern!(OPEN_LIST, r"\b(blockers?|immediate actions? required|must[- ]fix)\b");

pattern!(PLAN, r"\b(plan|proposal|roadmap|template|guide|instructions|runbook|playbook)\b");

/// Whether a title is that of a plan, or of instructions.
pub(super) fn is_plan(title: &str) -> bool {
    PLAN.is_in(title)
}

pattern!(
    SAYS_OPEN,
    r"\b(pending|to[- ]?do|remaining|outstanding|needs?|requires?|incomplete|blockers?|not (yet )?(done|tested|verified|completed?|ready))\b|⏳|🔲"
);

// What can be seen in production only waits for it.
pattern!(LIVE, r"\b(in production|live|next steps?)\b");

/// Whether a heading or a line before a list says that what is not ticked there is open.
pub(super) fn says_open(lower: &str) -> bool {
    SAYS_OPEN.is_in(lower) && !LIVE.is_in(lower)
}

/// Whether a line before a list says that what is listed comes later, or is there.
pub(super) fn is_excluded(lower: &str) -> bool {
    NOT_REQUIRED.is_in(lower)
}

/// Whether a heading is that of a phase, or of what somebody does next.
pub(super) fn is_phase(lower: &str) -> bool {
    PHASE.is_in(lower)
}

/// Whether a heading or a line before a list demands what is listed.
pub(crate) fn requires(lower: &str) -> bool {
    REQUIRED.is_in(lower) && !NOT_REQUIRED.is_in(lower)
}

/// Whether a heading or a line before a list says that what is listed is open: blockers.
pub(super) fn lists_what_is_open(lower: &str) -> bool {
    OPEN_LIST.is_in(lower) && !NOT_REQUIRED.is_in(lower) && !PHASE.is_in(lower)
}
