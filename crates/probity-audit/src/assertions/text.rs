//! What a sentence, an item, a heading or a line of output asserts.

use super::{Assertion, Assertions, Form, Modality, Outcome, Said, Subject, outcome};
use crate::document::{Place, Statement};
use crate::quantity::{self, Kind, Quantity};
use crate::words::{TICKS, pattern, tail};

pattern!(
    POSSIBLE,
    r"\b(if|may|might|could|would|for example|e\.g|should|unless|until|assum\w+|hypothetic\w*|ideally|potential(ly)?|can be|suppose|imagine)\b|\?$"
);
pattern!(
    PLANNED,
    r"\b(will|to be|todo|planned|plan to|expected|estimated?|projected|must|needs? to|upcoming|next (step|phase|week|sprint|release)|aims?|roadmap|tbd|wip)\b"
);
pattern!(
    WAS,
    r"\b(before|red commit|previous(ly)?|initial(ly)?|baseline|original(ly)?|formerly|earlier|last (week|time|run)|no longer|fixed|resolved|used to|improved from|up from|down from|increased?|decreased?|reduced|reduction)\b|->|→|⟶|=>"
);
pattern!(
    TARGET_BEFORE,
    r"\b(targets?|goal|required|requirement|threshold|minimum|needed|budget|slo|sla)\)?(:| is| of|=)? ?\W{0,3}(at least|at most|more than|less than|below|within|>=|<=|<|>)? ?\W{0,2}$|\b(exceeds?|exceeded|exceeding|above|over|meets?|met) (the )?(minimum |target |required )*(of )?(>=|>)? ?$|\bvs\.? ?(>=|>)? ?$"
);
// "Wave 0 of the migration" counts nothing.
pattern!(
    REFERENCE,
    r"\b(wave|phase|step|stage|task|section|plan|week|day|version|v|level|tier|part|chapter|issue|no\.|#) ?$"
);
pattern!(INLINE, r"(?:^|[,;.*(-] ?)((?:[a-z]+ )?[a-z]+): $");
pattern!(FOUND, r"[,;(] ?(found|reached|measured|achieved|actual|observed|got)( is| was|:)? ?$");
pattern!(
    TARGET_AFTER,
    r"^ ?(minimum|target|requirement|threshold|goal|required|slo|sla|acceptance|gate|limit)\b"
);
pattern!(
    NOT_TESTED,
    r"^(?:the )?(.{3,60}?) (?:is|are|was|were|has|have) (?:therefore |again |still |currently )?not (?:yet )?(?:been )?(tested|checked|run|running|verified|measured|executed|carried out|performed|implemented|validated|working|operational|enabled|configured)\b"
);
pattern!(
    NO_TEST,
    r"^no (.{3,40}?)(?: testing| tests?| checks?)? (?:was |were |has been |have been )?(?:performed|done|conducted|carried out|executed)\b"
);
pattern!(
    UNTESTED_LIST,
    r"^\W*(what )?(was |were |is |are |has |have |been )*not (yet |fully |been )*(tested|verified|validated)\b[^.]*:\W*$"
);
pattern!(
    DID,
    r"^(?:the )?(.{3,50}?) (?:is |are |was |were |has |have )?(?:now |all |fully |successfully )*(passed|works|working|operational|functional|validated|verified)(?: successfully)?\W*$"
);
pattern!(
    ALL,
    r"^[^a-z0-9]*(?:status: ?\W*)?(?:all (?:of )?(?:the |our |these )?(?:\d+ )?(.{3,50}?) (?:is |are |were |have |has |been )*(?:now |fully |all |successfully |properly |currently |100% )*(?:passing|passed|pass|met|working|work|operational|functional|verified|validated|compliant|achieved|successful|succeed|complete[d]?|green|fulfilled|identified|found)|([a-z][a-z0-9 -]{3,40}?):? (?:is |are )?(?:now )?\W*(?:fully|100 ?%|completely) (?:operational|functional|working|compliant|passing))\b"
);
pattern!(
    ALL_OF,
    r"\ball (?:of )?(?:the |our )?(?:\d+ )?((?:[a-z0-9-]+ ){0,2}(?:tests?|test suites?|test cases|checks|scenarios|validations|components|modules|endpoints|tools|services|criteria|requirements|targets))(?: have| has| are| were| is| been)* (?:now |fully |successfully )*(?:passed|passing|pass|green|met|successful|working|operational|functional|validated|verified|loaded|achieved|exceeded)\b|\b(?:loaded|validated|verified|passed|met) all ((?:[a-z0-9-]+ ){0,2}(?:tests?|test suites?|checks|components|modules|endpoints|tools|services|criteria|requirements|targets))\W*$"
);
// "All 11 models downloaded": of whatever they are, their number tells which.
pattern!(
    ALL_COUNTED,
    r"\ball (?:of )?(?:the |our )?\d+ ((?:[a-z0-9-]+ ){0,3}?[a-z0-9-]+) (?:are |were |have |been |is |now |fully |successfully )*(?:downloaded|completed?|passed|passing|pass|working|implemented|fixed|tested|verified|validated|operational|functional|deployed|migrated|integrated|running|healthy|covered|met|achieved|configured|resolved|done|finished|successful|reachable|found)\b"
);
pattern!(
    NOT_ALL,
    r"% of all\b|\b(not|no|never|except|but|however|although|while|once|when|ensure|verify that|make sure|until|after|before|if|should|must|need|check|only|almost|nearly|require)\b|❌|⚠|⏳|🔄|🚧"
);
pattern!(
    READY,
    r"\bproduction[- ]ready\b\W*($|with\b|and\b|for (mainnet |immediate |production )?(deployment|release|launch|use)\b|[-(.,!✅|])|\b(is |are )?ready for (production|release|operational use|go-?live|launch|deployment|production deployment|immediate (deployment|production)\w*)\b|\b(approved|cleared) for (production|release|deployment|launch|go-?live)\b|\b(decision|verdict|recommendation)\W+(approved|go)([^-a-z]|$)|^\W*(status|overall status|project status)\W+(successfully completed|complete and ready)|\bapproves (the )?(release|deployment|go-?live)|^\W*(production[- ]ready|ready for production|go-?live|release approved)\W+(yes|approved|go)\b"
);
pattern!(
    CONDITION,
    r"\b(not|no|non|zero|none|nothing|never|once|when|as soon as|after|if|provided|subject to|conditional(ly)?|unless|until|only|pending|withheld|refused|rejected|will|can be|may|should|to be|before|make|makes|making|become|becomes|towards?|path|conditions?|almost|nearly|mostly|largely|near|close to|checklist|criteria|steps|remaining|need(s|ed)?|require[sd]?|time to|timeline|(deployment|production) (approval|review|testing|validation)|addressed|awaiting|enhancement opportunit\w+|technically|mvp|estimated?|would|could|from|how|want|goal|target|partial(ly)?|\d+ ?% (production[- ])?(ready|complete)|tier \d|progress|blocked|insufficient|unverified|more production|mandatory|for (review|testing)|core|basic|code|with [a-z ]{0,30}(applied|addressed|resolved|fixed)|claim\w*|overstat\w*|questionable|with ((the|minor|known|documented|some|few|open|remaining|recommended) (\w+ )?)?(caveats?|improvements|changes|considerations|limitations|fixes|warnings?|recommendations|exceptions?))\b|\((with|for)\b|\(\d+ ?%|\(\d+(\.\d+)?/\d|❌|⚠|⏳|🟡|🔴|🚧|\?|:\W*$"
);
pattern!(
    READY_LABEL,
    r"^overall$|^(overall |final |current |project |deployment |production |release |system )*(status|decision|verdict|conclusion|result|assessment|recommendation|readiness|ready|state|approval)$"
);
pattern!(
    READY_ITSELF,
    r"^(production[- ]ready|ready for production|production readiness|go-?live|release approved)$"
);
pattern!(
    READY_SUBJECT,
    r"^\W*(therefore,? |overall,? |conclusion: |in conclusion,? |based on [^,]{3,60}, )?(the |this |our )?([a-z0-9-]+ ){0,3}(system|project|application|app|service|platform|implementation|codebase|release|solution|product|software|it|deployment|feature) (is|are|was) "
);
pattern!(
    LIMIT,
    r"^\W*((we|the (team|tester|validation|audit|auditor)s?) )?(could not (be )?(verif\w+|check\w*|confirm\w*|inspect\w*|test\w*|access\w*|look\w*)|(cannot|can't) (be )?(directly |fully )?(verif\w+|check\w*|confirm\w*|inspect\w*|quer\w+|test\w*)|(cannot|can't) be accessed|(were |was )?unable to (verify|check|confirm|inspect|access|test|see)|no access to|not verifiable|verification blocked|permissions? (prevents?|blocks?|denied)|it was not possible to (verify|check|see|test))\b"
);
pattern!(LIMIT_LABEL, r"^\W*(limitations?|restrictions?|caveats?|not verified): ");
pattern!(
    NEXT,
    r"^\W*(\d+\.? )?(next steps?|todo|to-do|remaining( work| tasks)?|pending|not (yet )?done)\W*$"
);
pattern!(
    AFTERWARDS,
    r"^\W*(\d+\. )?(deploy|deployment|push|commit|import|set|configure|apply migrations?|run (database )?migrations?|verify (the )?(production|deployment|live)|monitor|enable monitoring|create follow-?up|merge|release|tag|publish|launch|go live|announce|celebrate|set up monitoring|schedule)\b|\bdeployment\b.{0,60}\bverified\b|\bdeployed\b|\bcommitted\b|\bmigration (has been )?applied\b|^\W*[a-z]+(_[a-z]+)+(\b|_)|\b(in|on) (netlify|vercel|heroku|railway)\b|\bin production\b|\bannounce|\b(marketing|social media|community|demo video|newsletter|blog post)\b"
);
pattern!(FIRST, r"\b(before|must|blockers?|required|checklist|criteria|pre-?conditions?|prerequisites?)\b");
pattern!(
    NOT_DEMANDED,
    r"\b(optional(ly)?|only|recommended|enhancements?|non-?block\w*|not blocking|non-?critical|minor|expected|acceptable|nice to have|later|future)\b"
);
// "When you deploy:" leads what to do then.
pattern!(STEPS, r"^\W*(when|after|once) (you|we) ");
pattern!(
    NONE,
    r"^[^a-z0-9]*(none|no (critical|blockers?|immediate|issues?|known|open|remaining)|n/?a|nothing|all (complete|done|resolved|clear))\b"
);
pattern!(
    TIME_BEGUN,
    r"^(start(ed)?|begin|began|begun|session|start time|started at|test start|from)( time| date)?$"
);
pattern!(
    TIME_ENDED,
    r"^(end(ed)?|finish(ed)?|completed( at)?|end time|ended at|until|completion time)( time| date)?$"
);
pattern!(COMPLETED_AT, r"^(?:completed|finished|ended) at (.{8,40})$");
pattern!(
    TIME_LASTED,
    r"^(total |test |monitoring |elapsed |execution |validation |session )*(duration|elapsed|lasted|length|elapsed time)$"
);

/// Boxes that somebody who demands them has not left for others to copy.
const MAX_FEW: usize = 2;

/// Statements at the end of a report that are about the whole of it.
const CLOSING: usize = 8;

/// A statement without the signs, numbers and boxes before its words.
pub(crate) fn without_marks(lower: &str) -> &str {
    let text = lower
        .trim_start_matches(|c: char| !(c.is_alphanumeric() || matches!(c, '`' | '<' | '>' | '(' | '"')));
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.get(digits..).and_then(|rest| rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") "))) {
        Some(rest) if (1..=3).contains(&digits) => rest
            .trim_start_matches(|c: char| !(c.is_alphanumeric() || matches!(c, '`' | '<' | '>' | '(' | '"'))),
        _ => text,
    }
}

/// `Label: value` or `Label - value`: the label, and where the value begins.
pub(crate) fn labelled(text: &str) -> Option<(&str, usize)> {
    let window = text
        .get(..text.len().min(90))
        .or_else(|| text.get(..text.char_indices().nth(60).map_or(text.len(), |(at, _)| at)))?;
    let colon = window
        .find(": ")
        .map(|at| (at, at + 2))
        .or_else(|| text.ends_with(':').then(|| (text.len() - 1, text.len())));
    let dash = window.find(" - ").map(|at| (at, at + 3));
    let (end, value) = match (colon, dash) {
        (Some(colon), Some(dash)) => colon.min(dash),
        (one, other) => one.or(other)?,
    };
    let label = text.get(..end)?.trim_matches(|c: char| !(c.is_alphanumeric() || matches!(c, ')' | '`')));
    (!label.is_empty() && label.split(' ').count() <= 8).then_some((label, value))
}

/// Reads a statement that is no row.
pub(super) fn read(all: &Assertions<'_>, at: usize, found: &mut Vec<Assertion>) {
    let Some(statement) = all.document.statements.get(at) else { return };
    let lower = statement.lower.as_str();
    let section = all.section(statement.heading);
    let heading = matches!(statement.place, Place::Heading(_));
    let modality = match () {
        () if statement.place == Place::Code || statement.quoted => Modality::Quoted,
        () if section.was || WAS.is_in(lower) => Modality::Was,
        () if POSSIBLE.is_in(lower) => Modality::Possible,
        () if section.planned || PLANNED.is_in(lower) => Modality::Planned,
        () if section.wished && outcome::sign(lower).is_none() && !lower.contains(['✅', '❌']) => {
            Modality::Planned
        }
        () => Modality::Done,
    };
    let text = without_marks(lower);
    let marks = lower.len() - text.len();
    let label = labelled(text);
    let mut reader = Reader { all, at, statement, modality, found };
    reader.quantities(label.map(|(label, value)| (label, value + marks)));
    if statement.place == Place::Code {
        return;
    }
    let value = label.map_or("", |(_, value)| text.get(value..).unwrap_or(""));
    let name = label.map_or(text, |(label, _)| label);
    if !heading {
        reader.outcome(name, value, text);
        reader.open(name, value);
        reader.times(label.map(|(label, _)| label), value);
    }
    let unticked = matches!(statement.place, Place::Item { done: Some(false), .. });
    if !unticked
        && let Some(parts) =
            ALL.captures(lower).or_else(|| ALL_OF.captures(lower)).or_else(|| ALL_COUNTED.captures(lower))
        && !NOT_ALL.is_in(lower)
        && !reader.introduction().is_some_and(|line| line.contains("legend"))
        && let Some(of) = parts.get(1).or_else(|| parts.get(2))
    {
        let of = of.as_str();
        reader.say(Said::All, of, Form::Phrase, reader.modality);
    }
    reader.ready(label.map(|(label, _)| label));
    if LIMIT_LABEL.is_in(lower) || ((LIMIT.is_in(text) || LIMIT.is_in(value)) && !heading) {
        reader.say(Said::Limit, name, Form::Phrase, Modality::Done);
    }
}

struct Reader<'a, 'd> {
    all: &'a Assertions<'d>,
    at: usize,
    statement: &'a Statement,
    modality: Modality,
    found: &'a mut Vec<Assertion>,
}

impl Reader<'_, '_> {
    fn say(&mut self, said: Said, name: &str, form: Form, modality: Modality) {
        self.found.push(Assertion {
            subject: Subject::of(name),
            name: name.trim().to_owned(),
            said,
            modality,
            form,
            at: self.at,
            line: self.statement.line,
            section: match self.statement.place {
                Place::Heading(_) => Some(self.at),
                _ => self.statement.heading,
            },
            block: self.statement.block,
        });
    }

    /// Values and targets. Those of a sentence are said of the noun after them, of a label of the label.
    fn quantities(&mut self, label: Option<(&str, usize)>) {
        let lower = self.statement.lower.as_str();
        let mut first = true;
        for q in self.statement.quantities.iter().take(20) {
            let before = lower.get(..q.start).unwrap_or("");
            let after = lower.get(q.end..).unwrap_or("");
            if let Some(bound) = target(q, before, after, lower) {
                let name = label.map_or_else(|| noun_after(after), |(label, _)| label.to_owned());
                self.say(Said::Target(q.clone(), bound), &name, Form::Phrase, self.modality);
                continue;
            }
            if let Some(bound) = q.bound {
                // "At least 99 % of logins: 40 of 40".
                if let Some((label, _)) = label.filter(|(_, value)| q.start < *value) {
                    self.say(Said::Target(q.clone(), bound), label, Form::Label, self.modality);
                }
                continue;
            }
            if let Some((label, _)) = label.filter(|_| FOUND.is_in(tail(before))) {
                self.say(Said::Measured(q.clone()), label, Form::Label, self.modality);
                continue;
            }
            let noun = noun_after(after);
            if let Some(name) =
                INLINE.captures(tail(before)).and_then(|parts| parts.get(1)).filter(|_| q.is_count())
            {
                self.say(Said::Measured(q.clone()), name.as_str(), Form::Phrase, self.modality);
            }
            match label {
                Some((label, value)) if first && q.start >= value => {
                    let between = lower.get(value..q.start).unwrap_or("");
                    let blank = between.contains(['_', '/']);
                    let between = between.trim_matches(|c: char| !c.is_alphabetic());
                    if !blank
                        && matches!(
                            between,
                            "" | "pass" | "fail" | "passed" | "failed" | "tested" | "achieved" | "measured"
                        )
                    {
                        let counted = if q.is_count() && Subject::of(label).specific() == 0 {
                            noun.clone()
                        } else {
                            String::new()
                        };
                        let name = if counted.is_empty() { label.to_owned() } else { counted };
                        self.say(Said::Measured(q.clone()), &name, Form::Label, self.modality);
                    }
                }
                None if first => {
                    if let Some(name) = is_before(before) {
                        self.say(Said::Measured(q.clone()), name, Form::Label, self.modality);
                    }
                }
                _ => {}
            }
            if !noun.is_empty()
                && !REFERENCE.is_in(tail(before))
                && (q.is_count() || q.percent().is_some())
                && !matches!(self.statement.place, Place::Code)
            {
                self.say(Said::Measured(q.clone()), &noun, Form::Phrase, self.modality);
            }
            first = false;
        }
    }

    /// Passed, failed, not done.
    fn outcome(&mut self, name: &str, value: &str, text: &str) {
        let lower = self.statement.lower.as_str();
        let boxed = match self.statement.place {
            Place::Item { done, .. } => done,
            _ => None,
        };
        let last = lower.rsplit_once(" - ").map_or("", |(_, last)| last);
        let given = match (boxed, outcome::of(value)) {
            (_, Some(outcome)) => Some(outcome),
            (Some(true), None) => Some(Outcome::Passed),
            (Some(false), None) => Some(Outcome::NotDone),
            (None, None) => outcome::sign(lower).or_else(|| outcome::of(last)),
        };
        // "✅ Unverified claims - completed" was unverified.
        let given = given.filter(|one| {
            *one == Outcome::Passed
                || boxed.is_some()
                || outcome::sign(lower) != Some(Outcome::Passed)
                || outcome::of(last) != Some(Outcome::Passed)
        });
        let given = given.or_else(|| self.is_listed_as_untested(boxed).then_some(Outcome::NotDone));
        if let Some(outcome) = given {
            let name = name.split(['(', ',']).next().unwrap_or("");
            if name.len() <= 80 {
                // A box of what one does when one deploys waits for whoever does.
                let modality = match (boxed, outcome) {
                    (Some(false), Outcome::NotDone) if self.all.section(self.statement.heading).deploys => {
                        Modality::Possible
                    }
                    (Some(false), Outcome::NotDone) => Modality::Done,
                    _ => self.modality,
                };
                self.say(Said::Outcome(outcome), name, Form::Label, modality);
            }
            if given == Some(Outcome::Passed) {
                return;
            }
        } else if matches!(self.statement.place, Place::Item { .. })
            && NEXT.is_in(self.all.document.heading(self.statement.heading))
            && !value.is_empty()
            && name.contains(' ')
        {
            self.say(Said::Outcome(Outcome::NotDone), name, Form::Label, Modality::Planned);
        }
        let denied = NOT_TESTED
            .captures(text)
            .or_else(|| NOT_TESTED.captures(value))
            .or_else(|| NO_TEST.captures(text).or_else(|| NO_TEST.captures(value)));
        if let Some(name) = denied.and_then(|parts| parts.get(1)) {
            self.say(Said::Outcome(Outcome::NotDone), name.as_str(), Form::Phrase, self.modality);
        } else if given.is_none()
            && let Some(name) = DID.captures(text).and_then(|parts| parts.get(1))
            && !NOT_ALL.is_in(text)
        {
            self.say(Said::Outcome(Outcome::Passed), name.as_str(), Form::Phrase, self.modality);
        }
    }

    /// A precondition that is open: a box not ticked, an item under "blockers", where its section demands it.
    fn open(&mut self, name: &str, value: &str) {
        let lower = self.statement.lower.as_str();
        let Place::Item { done, depth } = self.statement.place else { return };
        if done.is_some() && self.all.is_form(self.statement.heading) {
            return;
        }
        // "Before: blocked" beside "After: ready".
        if matches!(name.trim_matches(|c: char| !c.is_alphabetic()), "before" | "previously" | "was") {
            return;
        }
        let section = self.all.section(self.statement.heading);
        let heading = self.all.document.heading(self.statement.heading);
        let introduction = self.introduction();
        // A list under the next task is of that task.
        let introduced = introduction.is_some_and(|line| super::section::requires(line) && FIRST.is_in(line))
            && !super::section::is_phase(heading);
        // Boxes of which none is ticked are a form for somebody else.
        let own = self.statement.heading;
        let record = own.is_some_and(|heading| self.all.is_record(heading));
        let demanded = super::section::requires(heading) || introduced;
        let over = own.and_then(|heading| self.all.over_heading(heading)).filter(|_| demanded);
        let beside = FIRST.is_in(heading) && over.is_some_and(|heading| self.all.is_record(heading));
        let kept = done.is_none() || record || beside || self.boxes() <= MAX_FEW;
        if section.excluded
            || section.was
            || !kept
            || introduction.is_some_and(|line| STEPS.is_in(line) || super::section::is_excluded(line))
            || own.is_some_and(|heading| self.all.is_before_and_after(heading))
            || depth > 1 && done.is_none()
            || !(section.required || introduced)
            || NONE.is_in(lower)
            || NONE.is_in(value)
        {
            return;
        }
        let sign = outcome::of(value).or_else(|| outcome::sign(lower));
        let to_do = (super::section::lists_what_is_open(heading) && !section.excluded)
            || introduction.is_some_and(super::section::lists_what_is_open);
        let open = match (done, sign) {
            (Some(done), _) => !done,
            (None, Some(outcome)) => outcome != Outcome::Passed,
            (None, None) => to_do && !lower.contains(TICKS),
        };
        if open && !NOT_DEMANDED.is_in(lower) && !AFTERWARDS.is_in(without_marks(lower)) {
            self.say(Said::Open, name, Form::Label, Modality::Done);
        }
    }

    /// How many items stand in the list of this one, as far as that is few.
    fn boxes(&self) -> usize {
        let of_list = |s: &&Statement| s.block == self.statement.block;
        let before = self.all.document.statements.get(..self.at).unwrap_or_default().iter().rev();
        let after = self.all.document.statements.get(self.at..).unwrap_or_default().iter();
        before.take_while(of_list).chain(after.take_while(of_list)).take(MAX_FEW + 1).count()
    }

    /// Whether an item without a sign of its own stands in a list of what was not tested.
    fn is_listed_as_untested(&self, boxed: Option<bool>) -> bool {
        let item = matches!(self.statement.place, Place::Item { depth: 1, .. }) && boxed.is_none();
        item && self.introduction().is_some_and(|line| UNTESTED_LIST.is_in(line))
    }

    /// The short line before the list of this item.
    fn introduction(&self) -> Option<&str> {
        let before = self.all.document.statements.get(..self.at)?.iter().rev().take(100);
        let before = before.into_iter().find(|s| s.block != self.statement.block);
        before
            .filter(|s| s.place == Place::Prose && s.heading == self.statement.heading && s.lower.len() <= 80)
            .map(|s| s.lower.as_str())
    }

    fn times(&mut self, label: Option<&str>, value: &str) {
        let Some(label) = label.filter(|_| !COMPLETED_AT.is_in(without_marks(&self.statement.lower))) else {
            let ended =
                COMPLETED_AT.captures(without_marks(&self.statement.lower)).and_then(|parts| parts.get(1));
            if let Some(ended) = ended {
                self.say(Said::Ended, ended.as_str(), Form::Label, self.modality);
            }
            return;
        };
        let said = match () {
            () if TIME_BEGUN.is_in(label) => Said::Begun,
            () if TIME_ENDED.is_in(label) => Said::Ended,
            () if TIME_LASTED.is_in(label) => match self.statement.quantities.as_slice() {
                [one] if matches!(one.kind, Kind::Seconds(_)) && !one.rough => Said::Lasted(one.clone()),
                _ => return,
            },
            () => return,
        };
        self.say(said, value, Form::Label, self.modality);
    }

    /// That the whole may be released: in a heading, as the value of a label, in a sentence about the whole.
    fn ready(&mut self, label: Option<&str>) {
        let lower = self.statement.lower.as_str();
        let Some(found) = READY.find(lower) else { return };
        let heading = matches!(self.statement.place, Place::Heading(_));
        let rest = lower.get(..found.start()).unwrap_or("");
        let about = without_marks(rest);
        let whole = match self.statement.place {
            Place::Heading(_) => {
                // "What is ready for production" stands over a list of parts.
                (label.is_some() || self.statement.text.contains("READY"))
                    && !rest.contains('(')
                    && (about.len() <= 12
                        || READY_LABEL.is_in(about.trim_end_matches(|c: char| !c.is_alphanumeric())))
            }
            Place::Row { .. } | Place::Code | Place::Item { done: Some(false), .. } => false,
            _ => {
                label.is_some_and(|label| READY_LABEL.is_in(label))
                    || READY_SUBJECT.is_in(lower)
                    || (label.is_none() && without_marks(about).len() <= 12)
            }
        };
        // "Ready" beside "needs fixes" stands over the part that is ready.
        if heading && self.all.is_part(self.at) {
            return;
        }
        let own = if heading { Some(self.at) } else { self.statement.heading };
        let section = self.all.section(own);
        let whole = whole
            && lower.matches('"').count().is_multiple_of(2)
            && !rest.trim_end_matches(['*', '_']).ends_with(['"', '\''])
            && !self.statement.quoted;
        // What ends a report, and what calls the whole ready by its label, is about the whole.
        let ends = self.at + CLOSING >= self.all.document.statements.len();
        let labels_itself = label.is_some_and(|label| READY_ITSELF.is_in(label));
        if whole
            && (section.whole || ends || labels_itself)
            && !section.planned
            && !section.wished
            && !section.was
            && !self.all.is_plan()
            && !CONDITION.is_in(lower)
            && self.modality != Modality::Was
        {
            self.say(Said::Ready, found.as_str(), Form::Phrase, Modality::Done);
        }
    }
}

/// What is demanded, if a number is a target.
fn target(q: &Quantity, before: &str, after: &str, lower: &str) -> Option<quantity::Bound> {
    // "78 % (above 90 % requirement)" does not tell what is above.
    if before.ends_with("above ") || before.ends_with("over ") {
        return None;
    }
    let called = TARGET_BEFORE.is_in(tail(before)) || TARGET_AFTER.is_in(after);
    called.then(|| quantity::direction(q, after, lower)).flatten()
}

pattern!(
    NOUN_END,
    r"[^a-z0-9 /-]| (for|in|on|of|with|at|to|from|by|and|or|that|which|were|was|are|is|have|has|had|per|across|after|before|than|as|into|under|over|between|within|but|where|when|while|using|via|remaining|successfully)\b| - "
);

/// The noun right after a number: "test cases", "statement coverage".
fn noun_after(after: &str) -> String {
    let after: &str =
        after.get(..after.char_indices().nth(60).map_or(after.len(), |(at, _)| at)).unwrap_or("");
    // "The 5-agent swarm" counts no swarms.
    let Some(after) = after.strip_prefix(' ') else { return String::new() };
    let end = NOUN_END.find(after).map_or(after.len(), |found| found.start());
    let noun = after.get(..end).unwrap_or("").trim();
    let words = noun.split(' ').count();
    if words <= 5 && noun.len() >= 3 { noun.to_owned() } else { String::new() }
}

pattern!(
    IS,
    r"^\W*(?:the |our )?(?:measured |current )?([a-z0-9][a-z0-9 /-]{2,50}?) (?:is|was|are|reached|stands at|stood at) (?:now |at )?$"
);

/// "The integration coverage is ": what the number after it measures.
fn is_before(before: &str) -> Option<&str> {
    if before.len() > 80 {
        return None;
    }
    IS.captures(before).and_then(|parts| parts.get(1)).map(|name| name.as_str())
}

/// Whether a text begins by saying that something could not be looked at.
pub(super) fn is_limit(lower: &str) -> bool {
    LIMIT.is_in(lower)
}
