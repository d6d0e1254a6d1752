//! The sentences of verdicts, and of what limits them.

use probity_plan::Plan;
use probity_plan::units::{Percent, counted};

use super::finding;
use crate::judgement::{
    ClaimRead, Corrected, ErrorBound, FindOut, Finding, Judgement, Limit, Outcome, Replaceable, ScoreRead,
    Uncovered, Waited, Why,
};
use crate::multiplicity::confidence;
use crate::truth::Truth;

/// `READY`, `READY or NOT READY`, `A, B or C`.
pub fn label(possible: &[(String, bool)]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (label, _) in possible {
        if !names.contains(&label.as_str()) {
            names.push(label);
        }
    }
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// What limits all that is said of the run, one sentence each.
pub fn limits(judgement: &Judgement) -> Vec<String> {
    let limit = |limit: &Limit| match limit {
        Limit::ClockSet { moved_us } => format!(
            "The observer's clock was set while the run went on: it moved by up to {} against one that nobody sets. \
             Times of day in the evidence are off by as much; how far apart looks were is taken from the other.",
            finding::seconds(*moved_us)
        ),
        Limit::NotUndone { probe, command, entry } => format!(
            "What the probe `{probe}` did was not taken back (entry {entry}): its `undo` did not succeed, which is `{command}`. Nothing is \
             accepted until that was looked after, and the run made again."
        ),
        Limit::BeganBefore { predecessor } => format!(
            "The run before this one in the ledger began at {predecessor}, which is later than this one says that it began: the clock was wrong in \
             one of them, and no time in here can be relied on. Nothing is accepted until the clock is right, and the run made again."
        ),
        Limit::NotRemoved { machine, entry } => format!(
            "The machine `{machine}` may still be there (entry {entry}): it could not be removed after its trial. `probity clean` tries again."
        ),
        Limit::TimedBeside { trials, at_once, probes } => format!(
            "Up to {at_once} trials of `{trials}` ran side by side on the machine of the observer, so that the times that {} measured are those of \
             a machine that does other things too.",
            probes.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    judgement.limits.iter().map(limit).collect()
}

fn found<'a>(judgement: &'a Judgement, claim: &str) -> Option<&'a Finding> {
    judgement.findings.iter().find(|finding| finding.claim == claim)
}

/// Why the verdict is what it is: one sentence for each rule considered, then one for each waiver that was over. `plan` is
/// the one that it was decided by.
pub fn why(plan: &Plan, judgement: &Judgement) -> Vec<String> {
    judgement.verdict.why.iter().map(|why| reason(plan, judgement, why)).collect()
}

fn reason(plan: &Plan, judgement: &Judgement, why: &Why) -> String {
    match why {
        Why::Rule { rule, label, truth, claims, scores, stricter } => {
            let verb = match truth {
                Truth::True => "applies",
                Truth::False => "does not apply",
                Truth::Unknown => "is open",
            };
            let claims = claims.iter().map(|read| claim(plan, judgement, read));
            let scores = scores.iter().map(|read| score(plan, read));
            let readings: Vec<String> = claims.chain(scores).collect();
            let mut sentence = format!("rule {rule}, {label}, {verb}: {}", readings.join("; "));
            if let Some(rates) = stricter {
                sentence += &format!(
                    "; it rests on {} of which any could be mistaken, so each is decided at {} instead of {}",
                    counted((*rates).into(), "rate", "rates"),
                    confidence(plan, *rates),
                    confidence(plan, 1),
                );
            }
            sentence
        }
        Why::Unreadable { rule, label } => {
            let error = crate::rule::error_of(plan, rule.saturating_sub(1));
            let error = error.map_or(String::new(), |error| format!(": {error}"));
            format!("rule {rule}, {label}, is open: its condition cannot be read{error}")
        }
        Why::Unconditional { rule: 1, label } => format!("rule 1, {label}, applies: it has no condition"),
        Why::Unconditional { rule, label } => {
            format!("rule {rule}, {label}, is the last and has no condition")
        }
        Why::NoRule => "no rule surely applies, and the last one has a condition".to_owned(),
        Why::WaiverOver { claim, owner, until } => format!(
            "the waiver for {claim} by {owner} counted until {until}, before the run began, and does nothing"
        ),
    }
}

/// "roles holds", "prompt fails but is waived until 2027-01-31 by ops".
fn claim(plan: &Plan, judgement: &Judgement, read: &ClaimRead) -> String {
    let ClaimRead { claim, outcome, not_among, waived } = read;
    let finding = found(judgement, claim);
    let mut text = format!("{claim} {}", verb(*outcome));
    if let Some(finding) = finding.filter(|finding| finding.by_error) {
        let reason = finding::reason(finding);
        text += &format!(", because its check cannot be evaluated on what was seen ({reason})");
    }
    if judgement.verdict.accepted.is_none() && finding.is_some_and(|finding| finding.by_denial) {
        text += ", by denials of which no positive control shows that they could have been otherwise: no acceptance rests on it";
    }
    if let Some(selected) = finding.and_then(|finding| finding.selected).filter(|it| !it.meant) {
        text += &format!(
            ", of observations of which `where` left out {} of {} by what was seen: no acceptance rests on it",
            selected.left_out, selected.of
        );
    }
    if let Some(says) = plan.claim(claim).and_then(|claim| claim.says.as_ref()) {
        text += &format!(" (\"{says}\")");
    }
    if let Some(rates) = not_among {
        text += &format!(" at {} but not at {}", confidence(plan, 1), confidence(plan, *rates));
    }
    if let Some(waiver) = waived {
        text += &format!(" but is waived until {} by {} ({})", waiver.until, waiver.owner, waiver.reason);
    }
    text
}

/// "score.s is 0.7 to 1".
fn score(plan: &Plan, read: &ScoreRead) -> String {
    let mut text = format!("score.{} is {}", read.score, interval(read.interval));
    if let Some((rates, lower, upper)) = read.among {
        let strict = interval((lower, upper));
        text += &format!(" ({strict} with rates decided at {})", confidence(plan, rates));
    }
    text
}

fn verb(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Fails => "fails",
        Outcome::Undetermined => "is undetermined",
        Outcome::NotApplicable => "is not applicable",
    }
}

/// `0.9`, or `0.714285 to 1`.
fn interval((lower, upper): (f64, f64)) -> String {
    if lower == upper { format!("{lower}") } else { format!("{lower} to {upper}") }
}

/// What would settle the verdict, if several labels are possible: for each claim that an open rule waits for, what it would
/// lead to, and how to find out.
pub fn settle(plan: &Plan, judgement: &Judgement) -> Vec<String> {
    judgement.verdict.settle.iter().map(|waited| settle_claim(plan, judgement, waited)).collect()
}

fn settle_claim(plan: &Plan, judgement: &Judgement, waited: &Waited) -> String {
    let Waited { claim, if_holds, if_fails, how } = waited;
    let mut sentence = claim.clone();
    sentence += &match (if_holds == if_fails, *if_holds == label(&judgement.verdict.possible)) {
        (true, true) => ": does not settle it alone".to_owned(),
        (true, false) => format!(": {if_holds}, whether it holds or fails"),
        (false, _) => format!(": {if_holds} if it holds, {if_fails} if it fails"),
    };
    let how = match (how, found(judgement, claim)) {
        (FindOut::MoreTrials { among, planned, least }, _) => format!(
            "this rule decides it at {}; plan more than {planned} trials (at least {least})",
            confidence(plan, *among)
        ),
        (FindOut::AsFound, Some(found)) => {
            finding::settle(plan, found).unwrap_or_else(|| finding::reason(found))
        }
        (FindOut::AsFound | FindOut::NoFinding, _) => "there is no finding".to_owned(),
    };
    if !how.is_empty() {
        sentence += "; ";
        sentence += &how;
    }
    sentence
}

/// The bound on the probability of an acceptance although a rate claim that it needs is false, or what it does not cover;
/// `None` if no rate is under an acceptance.
pub fn error_bound(plan: &Plan, judgement: &Judgement) -> Option<String> {
    judgement.verdict.error_bound.as_ref().map(|it| bound(plan, it))
}

pub(crate) fn bound(plan: &Plan, bound: &ErrorBound) -> String {
    match bound {
        ErrorBound::NotGiven { accepted } => {
            let accepted: Vec<String> = accepted.iter().map(uncovered).collect();
            format!(
                "no bound is given on the probability of an acceptance although a rate claim is false: the rules accept {}",
                accepted.join(", and ")
            )
        }
        ErrorBound::AtMost { probability, times, corrected, replaceable } => {
            let although = match replaceable.is_empty() {
                true => "a rate claim it needs is false",
                false => "too few of the rate claims it rests on are true",
            };
            let mut sentence = format!(
                "the probability of an acceptance although {although} is at most {}",
                Percent(*probability)
            );
            if *times > 1 {
                let alpha = Percent(1.0 - plan.confidence);
                sentence +=
                    &format!(" ({times} times {alpha}, for acceptances that rest on different rates)");
            }
            sentence += ", if trials do not influence each other";
            for Corrected { rule, label, score, rates } in corrected {
                sentence += &format!(
                    "; rule {rule} ({label}) rests on {}, so its {} are decided at {} each",
                    if *score { "a score" } else { "alternatives" },
                    counted((*rates).into(), "rate", "rates"),
                    confidence(plan, *rates),
                );
            }
            for Replaceable { label, rates } in replaceable {
                let rates: Vec<String> = rates.iter().map(|name| format!("`{name}`")).collect();
                sentence += &format!(
                    "; {label} is also reached where some of {} fail, if others of them make up for it",
                    rates.join(", ")
                );
            }
            sentence
        }
    }
}

fn uncovered(uncovered: &Uncovered) -> String {
    let Uncovered { label, claim, outcome } = uncovered;
    match outcome {
        Some(Outcome::Fails) => format!("{label} also where `{claim}` fails"),
        Some(Outcome::NotApplicable) => format!("{label} also where `{claim}` is not applicable"),
        Some(_) => format!("{label} also where `{claim}` is undetermined"),
        None => format!("{label} with `{claim}` waived"),
    }
}
