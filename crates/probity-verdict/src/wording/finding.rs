//! The sentences of findings.

use probity_plan::units::{Percent, Span, counted as number};
use probity_plan::{Plan, Shows};

use super::barrier;
use crate::judgement::{
    Against, Bounds, Change, Counts, Decided, Example, Finding, FindingReason, Measured, MeasuredFact, Note,
    Outcome, Seen, Settle, Step, Unclear, Unreadable, Within,
};

/// What was decided: "in each of 16 observations (presence): process.count > 0". `rests_on` is the weakest thing that it
/// rests on.
pub fn decided(decided: &Decided, rests_on: Option<Shows>) -> String {
    let shows = rests_on.map_or("(nothing seen)".to_owned(), |shows| format!("({shows})"));
    let over = |filter: &Option<String>| {
        let filter = filter.as_ref().map_or(String::new(), |filter| format!(" where {filter}"));
        format!("{shows}{filter}")
    };
    match decided {
        Decided::Nothing => "nothing: the claim cannot be read".to_owned(),
        Decided::Census { observations: 1, check, filter } => {
            format!("in the one observation {}: {check}", over(filter))
        }
        Decided::Census { observations, check, filter } => {
            format!("in each of {observations} observations {}: {check}", over(filter))
        }
        Decided::Rate { objective, trials, block, left_out, cells, check, filter } => {
            let what = match block {
                Some(block) => format!("stretches of {block}"),
                // Who leaves out by what was seen counts fewer than were planned.
                None if *left_out => "looks".to_owned(),
                None => "planned looks".to_owned(),
            };
            let each = if *cells > 1 { format!(" in each of {cells} cells") } else { String::new() };
            let whole = if block.is_some() { " throughout" } else { "" };
            format!(
                "in at least {} of {trials} {what}{each} {}{whole}: {check}",
                Percent(objective.0),
                over(filter)
            )
        }
        Decided::FirstAndLast { probe, check, filter } => {
            format!("between the first and the last look of `{probe}` {}: {check}", over(filter))
        }
        Decided::Beside { probe, observations: 1, check, filter } => {
            format!("in the one observation beside `{probe}` {}: {check}", over(filter))
        }
        Decided::Beside { probe, observations, check, filter } => {
            format!("in each of {observations} observations beside `{probe}` {}: {check}", over(filter))
        }
        Decided::Stable { facts, within, observations, filter } => format!(
            "{} in each of {} {}: {}",
            self::within(within),
            number(*observations, "observation", "observations"),
            over(filter),
            facts.join(", ")
        ),
        Decided::Periodic { every, tolerance, periods, fact, changes, filter } => {
            let how = if *changes {
                format!("between looks at which `{fact}` differs")
            } else {
                format!("by the times in `{fact}`")
            };
            format!(
                "a start every {every} within {tolerance}, at least {} in a row, {how} {}",
                number((*periods).into(), "gap", "gaps"),
                over(filter)
            )
        }
    }
}

fn within(within: &Within) -> String {
    match within {
        Within::Equal => "equal".to_owned(),
        Within::NotSurelyDifferent => "not surely different".to_owned(),
        Within::AtMost { most } => format!("at most {most} between least and greatest"),
    }
}

/// What it was held against: ">= 95%", "every 5m within 30s"; empty for a plain check.
pub fn objective(finding: &Finding) -> String {
    match &finding.decided {
        Decided::Rate { objective, .. } => objective.to_string(),
        Decided::Periodic { every, tolerance, .. } => format!("every {every} within {tolerance}"),
        Decided::Stable { within: Within::Equal, .. } => String::new(),
        Decided::Stable { within, .. } => self::within(within),
        Decided::Nothing | Decided::Census { .. } | Decided::FirstAndLast { .. } | Decided::Beside { .. } => {
            String::new()
        }
    }
}

/// What was measured, for a table: "19 of 20", "5 to 9 ms"; empty if nothing was.
pub fn measured(finding: &Finding) -> String {
    match &finding.measured {
        None => String::new(),
        Some(Measured::Count { cell, successes, of }) => {
            let left_out = finding.selected.map_or(String::new(), |selected| {
                format!(" ({} of {} left out by what was seen)", selected.left_out, selected.of)
            });
            format!("{}{successes} of {of}{left_out}", in_cell(cell.as_deref()))
        }
        Some(Measured::Facts { facts }) => facts.iter().map(measured_fact).collect::<Vec<_>>().join("; "),
        Some(Measured::Gaps { gaps, extent_us }) => {
            let all = number(*gaps, "gap", "gaps");
            extent_us.map_or(all.clone(), |(least, greatest)| {
                format!("{all}, {} to {}", seconds(least), seconds(greatest))
            })
        }
    }
}

fn measured_fact(measured: &MeasuredFact) -> String {
    let MeasuredFact { fact, samples, changes, range } = measured;
    match (range, changes) {
        (Some((least, most)), _) => {
            format!("{fact} {} to {}", least.unwrap_or(f64::NEG_INFINITY), most.unwrap_or(f64::INFINITY))
        }
        (None, 0) => format!("{fact} the same in {samples}"),
        (None, changes) => format!("{fact} changed {}", number(*changes, "time", "times")),
    }
}

fn in_cell(cell: Option<&str>) -> String {
    cell.map_or(String::new(), |cell| format!("{cell}: "))
}

/// Why a finding is what it is, in one sentence, with the numbers.
pub fn reason(finding: &Finding) -> String {
    let behind = |sign: &str| match in_the_way(finding) {
        way if way.is_empty() => way,
        way => format!("{sign} {way}"),
    };
    match &finding.reason {
        FindingReason::Unreadable { why } => unreadable(why),
        FindingReason::NotOfThePlan { entry } => {
            format!("no run of the plan yields entry {entry}, so nothing is taken to hold on this log")
        }
        FindingReason::NothingBesideIt { act, entry } => {
            let entry = entry.map_or(String::new(), |entry| format!(" (entry {entry})"));
            format!(
                "`{act}`, which it runs with, was not done{entry}: what was seen meanwhile is not about it"
            )
        }
        FindingReason::DependsOnMembership => {
            "of some observations it cannot be told whether they are meant, and it depends on them".to_owned()
        }
        FindingReason::NothingAccepted => {
            "there was nothing that it is about, which the claim accepts".to_owned()
        }
        FindingReason::NothingSeen { left_out: None } => "nothing was observed that it is about".to_owned(),
        FindingReason::NothingSeen { left_out: Some(left_out) } => format!(
            "`where` left out {} by what was seen, and nothing is left",
            number(*left_out, "observation", "observations")
        ),
        FindingReason::DenialsAlone => DENIALS_ALONE.to_owned(),
        FindingReason::AllSatisfy { observations: 1 } => "the one observation satisfies it".to_owned(),
        FindingReason::AllSatisfy { observations } => {
            format!("all {} satisfy it", number(*observations, "observation", "observations"))
        }
        FindingReason::SomeDoNot { failures, observations, first } => format!(
            "{failures} of {} {} not satisfy it; first in {}",
            number(*observations, "observation", "observations"),
            if *failures == 1 { "does" } else { "do" },
            example(first.as_ref(), "an entry")
        ),
        FindingReason::SomeUndecided { undecided, observations, empty_rows, rows, denials_alone } => {
            let mut parts = Vec::new();
            if *undecided > 0 {
                let all = number(*observations, "observation", "observations");
                parts.push(format!("{undecided} of {all} could not be decided"));
            }
            if *empty_rows > 0 {
                let rows = number(*rows, "row", "rows");
                parts.push(format!("`where` leaves nothing of {empty_rows} of {rows}"));
            }
            parts.extend(Some(in_the_way(finding)).filter(|way| !way.is_empty()));
            if *denials_alone {
                parts.push(DENIALS_ALONE.to_owned());
            }
            parts.join(": ")
        }
        FindingReason::Rate { cell, block, counts, bounds: limits, objective, clustered } => {
            let stretches = block.map_or(String::new(), |block| format!("stretches of {block} "));
            let mut text = format!(
                "{}{}{}; the objective is {objective}",
                in_cell(cell.as_deref()),
                counted(*counts, &stretches),
                limits.map_or(String::new(), |limits| format!(": {}", bounds(limits))),
            );
            if finding.outcome == Outcome::Undetermined {
                if *clustered {
                    text.push_str(
                        "; misses come in clusters (runs test, 1 %), so the trials do not count as independent",
                    );
                }
                text.push_str(&behind(";"));
            }
            text
        }
        FindingReason::Stable { samples } => {
            format!("it was so in all {}", number(*samples, "sample", "samples"))
        }
        FindingReason::Changed { first } => {
            format!("it was not; first in {}", example(first.as_ref(), "an entry"))
        }
        FindingReason::NoSample => format!("nothing was seen{}", behind(":")),
        FindingReason::OneSample => format!("one sample shows no change{}", behind(":")),
        FindingReason::Gap { samples, observations } => format!(
            "{samples} of {} were seen, with a gap longer than two slots{}",
            number(*observations, "observation", "observations"),
            behind(":")
        ),
        FindingReason::IntervalsOpen => "the measured intervals leave it open".to_owned(),
        FindingReason::GapsWithin { gaps } => {
            format!("{}, each within tolerance", number(*gaps, "complete gap", "complete gaps"))
        }
        FindingReason::Silent { first } => example(first.as_ref(), "a look speaks against it"),
        FindingReason::GapsOutside { outside, gaps, least_us, greatest_us } => format!(
            "{outside} of {} surely outside of {} to {}",
            number(*gaps, "gap", "gaps"),
            seconds(*least_us),
            seconds(*greatest_us)
        ),
        FindingReason::RecordUnclear => format!("it cannot be told what was recorded{}", behind(";")),
        FindingReason::LastLookUnseen => {
            format!("the last look did not see it, so nothing is known of the time until then{}", behind(";"))
        }
        FindingReason::TooManyStarts => "more starts than can be kept".to_owned(),
        FindingReason::GapsUnsure { within, unsure } => format!(
            "{} within tolerance, {unsure} not sure{}",
            number(*within, "complete gap", "complete gaps"),
            behind(";")
        ),
        FindingReason::TooFewGaps { within, periods } => format!(
            "{within} of at least {} seen{}",
            number(*periods, "complete gap", "complete gaps"),
            behind(";")
        ),
    }
}

/// Why denials decide nothing.
const DENIALS_ALONE: &str = "a denial counts only beside its positive control";

fn unreadable(why: &Unreadable) -> String {
    match why {
        Unreadable::NoProbe { probe } => format!("there is no probe `{probe}`"),
        Unreadable::Where { offset } => format!("its `where` cannot be read, from character {offset} on"),
        Unreadable::Check { offset } => format!("its `check` cannot be read, from character {offset} on"),
        Unreadable::ReadsNothing { probe } => format!("its `check` reads nothing that `{probe}` sees"),
        Unreadable::NoCheck => "it has no `check`".to_owned(),
        Unreadable::NoFact { kind, fact } => format!("`{kind}` has no fact `{fact}`"),
        Unreadable::NoFacts => "it names no fact".to_owned(),
        Unreadable::ShortBlock { block, every } => short_block(*block, *every),
        Unreadable::NotPaired { probe, looks, other, other_looks } => format!(
            "`{probe}` looks {} and `{other}` {other_looks}: which to compare with which is not known; plan as many looks of \
             both, or one of `{other}`",
            number((*looks).into(), "time", "times"),
        ),
    }
}

/// Why a block is none.
pub(crate) fn short_block(block: Span, every: Span) -> String {
    format!(
        "a `block` of {block} is shorter than two looks (`every: {every}`), so misses in a row would count as trials that do \
         not influence each other"
    )
}

/// "entry 5: status = 404", or what is said without one.
fn example(example: Option<&Example>, without: &str) -> String {
    let Some(Example { entry, against }) = example else { return without.to_owned() };
    let facts = |seen: &[Seen]| {
        seen.iter().map(|it| format!("{} = {}", it.what, it.value)).collect::<Vec<_>>().join(", ")
    };
    let text = match against {
        Against::Seen { seen, reasons } => {
            let reasons = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            match (seen.is_empty(), reasons.is_empty()) {
                (false, true) => facts(seen),
                (true, _) => reasons,
                (false, false) => format!("{reasons} ({})", facts(seen)),
            }
        }
        Against::Compared { seen, reasons } => {
            let reasons = reasons.iter().map(ToString::to_string);
            reasons.chain(Some(facts(seen)).filter(|seen| !seen.is_empty())).collect::<Vec<_>>().join(", ")
        }
        Against::Changed { facts } => facts.iter().map(change).collect::<Vec<_>>().join(", "),
        Against::NothingChanged { watch_us } => {
            format!("nothing changed in a watch of {}", seconds(*watch_us))
        }
        Against::NothingRecorded { watch_us } => {
            format!("no start was recorded in a watch of {}", seconds(*watch_us))
        }
    };
    format!("entry {entry}: {text}")
}

fn change(change: &Change) -> String {
    let Change { fact, value, before, not_a_number } = change;
    match before {
        _ if *not_a_number => format!("{fact} = {value}, which is not a number"),
        Some(before) => format!("{fact} = {value}, before {before}"),
        None => format!("{fact} = {value}"),
    }
}

/// What stood in the way, in a few words: "`status` timed-out 3 times".
fn in_the_way(finding: &Finding) -> String {
    let barriers = finding.barriers.iter().take(3).map(|met| {
        let times = number(met.times, "time", "times");
        if met.fact == "*" {
            format!("{} {times}", met.barrier)
        } else {
            format!("`{}` {} {times}", met.fact, met.barrier)
        }
    });
    barriers.chain(finding.unclear.iter().map(unclear)).collect::<Vec<_>>().join("; ")
}

fn unclear(unclear: &Unclear) -> String {
    match unclear {
        Unclear::Condition { reason } => reason.to_string(),
        Unclear::NotATime { value } => format!("{value} is not a time, nor a list of times"),
        Unclear::LaterThanLook { times } => {
            number(*times, "time is later than its look", "times are later than their look")
        }
        Unclear::NoFirstAndLast => {
            "there is no first and last look as planned, of which one comes before the other".to_owned()
        }
    }
}

/// "37 of 40 succeeded, 2 failed, 1 could not be decided".
fn counted(counts: Counts, what: &str) -> String {
    let mut text = format!("{} of {} {what}succeeded", counts.successes, counts.planned);
    if counts.failures > 0 {
        text.push_str(&format!(", {} failed", counts.failures));
    }
    if counts.blocked > 0 {
        text.push_str(&format!(", {} could not be decided", counts.blocked));
    }
    text
}

/// "at least 0.783893, at most 0.997439 (each at 95%)".
fn bounds(bounds: Bounds) -> String {
    let confidence = Percent(bounds.confidence);
    format!("at least {:.6}, at most {:.6} (each at {confidence})", bounds.lower, bounds.upper)
}

/// Microseconds as seconds, to the millisecond: "61.5 s".
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(super) fn seconds(micros: i64) -> String {
    let text = format!("{:.3}", micros as f64 / 1e6);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// What is said beside a finding, one sentence each.
pub fn notes(finding: &Finding) -> Vec<String> {
    finding.notes.iter().map(note).collect()
}

fn note(note: &Note) -> String {
    match note {
        Note::LeftOut { left_out, of, by_what_was_seen } => format!(
            "`where` left out {left_out} of {}{}: they count neither for nor against it",
            number(*of, "observation", "observations"),
            if *by_what_was_seen { " by what was seen" } else { "" }
        ),
        Note::PerhapsMeant { observations, of } => format!(
            "of {observations} of {} `where` does not tell whether {}; the check is satisfied all the same",
            number(*of, "observation", "observations"),
            if *observations == 1 { "it is meant" } else { "they are meant" }
        ),
        Note::Retried { retried, of } => format!("{retried} of {of} needed more than one attempt"),
        Note::DeclaredHarmless { probe, impact, floor } => format!(
            "`{probe}` is declared harmless by the author, with the impact {impact}; by what it may do, that would be {floor}"
        ),
        Note::NotOfThePlan { observations, first } => format!(
            "{} that no run of the plan yields, the first in entry {first}, left out",
            number(*observations, "observation", "observations")
        ),
        Note::DenialsCount { denials, control } => {
            let what = match denials {
                1 => "1 of these is a denial; that it".to_owned(),
                denials => format!("{denials} of these are denials; that they"),
            };
            match control {
                Some(control) => format!("{what} could have been otherwise is shown by `{control}`"),
                None => format!(
                    "{what} could have been otherwise is shown by rows that ask the same as somebody else and were granted it"
                ),
            }
        }
        Note::IndependentTrials => "the bounds assume trials that do not influence each other".to_owned(),
        Note::IndependentStretches { block, trials, stretches } => format!(
            "a stretch of {block} with one miss is one missed trial ({} in {}); the bounds assume stretches that do not \
             influence each other",
            number(*trials, "trial", "trials"),
            number(*stretches, "stretch", "stretches")
        ),
        Note::Pooled { cells } => {
            format!("the {cells} cells of the matrix are pooled: one of them may be worse than the whole")
        }
        Note::BetweenSamplesUnseen => "what happened between two samples is not seen".to_owned(),
        Note::BetweenLooksUnseen => "a start that left no trace between two looks is not seen".to_owned(),
        Note::RecordBeginsWithin => {
            "the record does not reach back to where its window begins, and nothing tells where it does begin: for how long nothing began \
             before its first start is not known, and counts neither for nor against it"
                .to_owned()
        }
        Note::LooksUnseen { looks, of } => format!(
            "{looks} of {} saw nothing: it holds for the rest of the watch",
            number(*of, "look", "looks")
        ),
        Note::ClockMoved { moved_us } => format!(
            "the observer's clock moved by up to {} meanwhile, and with it perhaps the target's: each gap between recorded \
             times is taken as that much shorter or longer",
            seconds(*moved_us)
        ),
    }
}

/// What would settle an undetermined finding; `None` if it says nothing of it. `plan` is the one that it was decided by.
pub fn settle(plan: &Plan, finding: &Finding) -> Option<String> {
    let settle = finding.settle.as_ref()?;
    let mut parts: Vec<String> = Vec::new();
    for step in &settle.steps {
        match step {
            Step::SeePastBarriers => parts.extend(see_past_barriers(plan, finding)),
            step => parts.push(self::step(step, settle)),
        }
    }
    Some(parts.join("; "))
}

/// What would settle it, but for what lets one see past barriers: each step with whether it names numbers of trials.
pub fn steps(settle: &Settle) -> impl Iterator<Item = (String, bool)> {
    let steps = settle.steps.iter().filter(|step| !matches!(step, Step::SeePastBarriers));
    steps.map(|step| (self::step(step, settle), matches!(step, Step::PlanTrials { .. })))
}

/// What would let us see what was behind barriers, most often met first.
fn see_past_barriers(plan: &Plan, finding: &Finding) -> Vec<String> {
    let Some(probe) = plan.probe(&finding.of) else { return Vec::new() };
    let mut barriers: Vec<_> = finding.barriers.iter().collect();
    barriers.sort_by_key(|met| std::cmp::Reverse(met.times));
    let mut remedies: Vec<String> = Vec::new();
    for met in barriers {
        let remedy = barrier::remedy(probe, met);
        if !remedies.contains(&remedy) {
            remedies.push(remedy);
        }
    }
    remedies
}

fn step(step: &Step, settle: &Settle) -> String {
    match step {
        Step::SeePastBarriers => "see what could not be seen",
        Step::CorrectPlan => "correct the plan",
        Step::ObserveAnew => "observe anew, with this plan and an unaltered Probity",
        Step::SelectByWhatIsKnown => "let `where` read what every observation has",
        Step::ControlHolds { control } => {
            return format!("see to it that its positive control `{control}` holds");
        }
        Step::ControlInMatrix => {
            "see to it that for each row that is denied another one asks the same as somebody who may, and is granted it; or \
             name a positive control with `control: CLAIM`"
        }
        Step::NameControl => {
            "name its positive control with `control: CLAIM`: a claim that shows the same thing allowed or reached where it \
             should be"
        }
        Step::LookAtSomething { left_out_by_what_was_seen: true } => {
            "look at something that the claim is about: what `where` leaves out by what was seen is no reason to be content"
        }
        Step::LookAtSomething { left_out_by_what_was_seen: false } => {
            "look at something that the claim is about, or say `empty: ok` if nothing is fine"
        }
        Step::LookAgain => {
            "look again when there is something to look at, or say `empty: ok` if nothing is fine"
        }
        Step::ShowNoSecret => "see to it that what is compared shows no secret, or claim something else of it",
        Step::CompareWhatItIs => "compare what is of the kind that the condition takes it for",
        Step::Shorten => "let the condition look at less, or the claims be fewer",
        Step::CountBlocks => "count stretches of time with `block`, as in `block: 1m`",
        Step::PlanTrials { stretches, near } => {
            let (one, many) = if *stretches { ("stretch", "stretches") } else { ("trial", "trials") };
            let least = settle.least.unwrap_or_default();
            let mut size = format!("plan {}: enough if all succeed", number(least, one, many));
            match settle.likely {
                Some(likely) if likely != least => {
                    size.push_str(&format!("; {likely} settle it in 8 of 10 runs at the rate seen"));
                }
                None if *near => size.push_str(
                    "; at the rate seen, which is near the objective, no number below 10 million settles it",
                ),
                _ => {}
            }
            return size;
        }
        Step::LookEvery { every } => return format!("look more often: at least every {every}"),
        Step::Watch { lasting } => return format!("watch for at least {lasting}"),
        Step::PlanTwoLooks => "plan at least two looks, as with `every: 5s, for: 1m`",
        Step::LookWithoutGaps => "look without gaps longer than two slots",
        Step::MeasureBetter => "measure more exactly, or allow more",
    }
    .to_owned()
}
