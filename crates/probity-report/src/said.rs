//! What every report says, whatever its format: gathered here once, so that no format can leave a thing out or word it
//! more kindly than another. Texts here are not escaped yet.

use std::collections::BTreeMap;

use jiff::Timestamp;

use probity_plan::units::counted;
use probity_plan::{Barrier, Plan, Value};
use probity_verdict::judgement::{CellFinding, WaivedBy};
use probity_verdict::{Finding, Judgement, Outcome, ScoreResult};

use crate::contents::Contents;

/// The line that names the program; also in the JSON report.
pub(crate) const GENERATOR: &str = concat!("probity ", env!("CARGO_PKG_VERSION"));

/// What the signature shows, once `probity verify` has said that the bundle is intact.
pub(crate) const SIGNATURE_SHOWS: &str = "The holder of the key stood by exactly the bytes of this bundle, and they \
    are unaltered since, if `probity verify` says so; this page cannot say it of itself.";

/// What it does not show.
pub(crate) const SIGNATURE_DOES_NOT_SHOW: &str = "It does not show that the observations are true, when they were \
    made (every time here is the observer's own), that the target is the one named, or that this was the only run. \
    Who holds key and machine can invent a log, probe a puppet, set the clock, patch the program, drop the ledger, \
    take a new key, rehearse elsewhere, or write a weak plan.";

/// What the three things that a finding can rest on mean.
pub(crate) const RESTS_ON: &str = "Presence: something is there (a process, a listening port, a file). Response: a \
    request was answered. Effect: something was done (a marker put in and found again, a file that grew). A finding \
    carries the weakest it rests on.";

/// How to read counts and bounds.
pub(crate) const BOUNDS: &str = "Bounds are exact (Clopper-Pearson), each one-sided at the confidence given. A rate \
    holds if its lower bound reaches the objective, fails if its upper bound is below it, and is undetermined \
    otherwise. The denominator is the planned number; what could not be looked at counts as failure for the lower \
    bound and as success for the upper.";

/// The word for a verdict: `accepted`, `rejected` or `inconclusive`.
pub(crate) fn acceptance(judgement: &Judgement) -> &'static str {
    match judgement.verdict.accepted {
        Some(true) => "accepted",
        Some(false) => "rejected",
        None => "inconclusive",
    }
}

/// "3 hold, 1 fails, 2 undetermined".
pub(crate) fn tally<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let outcomes: Vec<Outcome> = findings.map(|finding| finding.outcome).collect();
    let count = |outcome| outcomes.iter().filter(|it| **it == outcome).count();
    let words = [
        (count(Outcome::Holds), "holds", "hold"),
        (count(Outcome::Fails), "fails", "fail"),
        (count(Outcome::Undetermined), "undetermined", "undetermined"),
        (count(Outcome::NotApplicable), "not applicable", "not applicable"),
    ];
    let parts: Vec<String> = words
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    if parts.is_empty() { "no claims".to_owned() } else { parts.join(", ") }
}

/// Findings under their headings, in the order in which the headings first appear; `Claims` for those without one.
pub(crate) fn sections(judgement: &Judgement) -> Vec<(&str, Vec<(usize, &Finding)>)> {
    let mut sections: Vec<(&str, Vec<(usize, &Finding)>)> = Vec::new();
    for (number, finding) in judgement.findings.iter().enumerate() {
        let name = finding.section.as_deref().unwrap_or("Claims");
        match sections.iter_mut().find(|(section, _)| *section == name) {
            Some((_, findings)) => findings.push((number, finding)),
            None => sections.push((name, vec![(number, finding)])),
        }
    }
    sections
}

/// "at least 0.817413, at most 0.97; each with 95 % confidence".
pub(crate) fn bounds(finding: &Finding) -> String {
    finding.bounds.map_or_else(String::new, |bounds| {
        let (lower, upper) = (number(bounds.lower), number(bounds.upper));
        format!("{lower} to {upper} (each at {} %)", number(bounds.confidence * 100.0))
    })
}

/// The weakest thing a finding rests on, or that there was nothing.
pub(crate) fn rests_on(finding: &Finding) -> &'static str {
    finding.rests_on.map_or("nothing", |shows| shows.name())
}

/// What was decided; a finding that rests on something names it, also if the decision's own words do not.
pub(crate) fn decided(finding: &Finding) -> String {
    match finding.rests_on {
        Some(shows) if !finding.decided.contains(&format!("({shows})")) => {
            format!("{} ({shows})", finding.decided)
        }
        _ => finding.decided.clone(),
    }
}

/// One of the five things that narrow what a signature leaves open (design.md).
pub(crate) struct Narrowing {
    /// What it is.
    pub thing: &'static str,
    /// Whether the bundle holds it.
    pub present: bool,
    /// What the bundle holds, or what its absence leaves open.
    pub says: String,
}

/// The five things, each present or absent.
pub(crate) fn five_things(contents: &Contents) -> [Narrowing; 5] {
    let start = contents.start;
    let deposit = format!(
        "The bundle cannot show this. Whoever received a digest before the run compares it with that of the resolved \
         plan: {}",
        start.resolved_sha256
    );
    let challenge = match &start.challenge {
        Some(text) => format!("The run began after this text was known: \u{201c}{text}\u{201d}"),
        None => {
            "No text from a reader is in the first entry: when the run began rests on the observer's clock."
                .into()
        }
    };
    let ledger = match &start.ledger.head {
        Some(head) => format!(
            "Run {} of the operator's ledger, whose last line before it has the digest {head}. Two bundles of one \
             operator show a gap between them.",
            start.ledger.run
        ),
        None => format!(
            "Run {} of a ledger begun with this run: nothing is known of earlier ones.",
            start.ledger.run
        ),
    };
    let reproduces = match &start.reproduces {
        Some(root) => format!(
            "This run itself observed anew what the bundle with tree head {root} records; compare their findings, \
             and whose keys they are."
        ),
        None => "This bundle cites no other that it reproduces. The reader can observe anew: \
                 `probity reproduce`."
            .into(),
    };
    [
        Narrowing { thing: "Plan digest deposited before the run", present: false, says: deposit },
        Narrowing { thing: "Challenge from the reader", present: start.challenge.is_some(), says: challenge },
        Narrowing {
            thing: "Countersignature or time stamp",
            present: false,
            says: "Nobody else signed the last checkpoint: when the run ended rests on the observer's clock."
                .into(),
        },
        Narrowing {
            thing: "Head of the operator's run ledger",
            present: start.ledger.head.is_some(),
            says: ledger,
        },
        Narrowing {
            thing: "The reader's own reproduction",
            present: start.reproduces.is_some(),
            says: reproduces,
        },
    ]
}

/// Something that could not be seen.
pub(crate) struct Unseen {
    /// The probe.
    pub probe: String,
    /// The facts, by name.
    pub facts: Vec<String>,
    /// The barrier.
    pub barrier: Barrier,
    /// How many observations met it, at least: the most that any one claim met.
    pub times: u64,
    /// One detail, as recorded.
    pub detail: String,
    /// The claims that wanted to read it, with their place among the findings.
    pub claims: Vec<(usize, String)>,
    /// What would let us see it.
    pub cure: String,
}

/// What could not be seen, by probe and barrier, in the order of claims.
pub(crate) fn unseen(contents: &Contents) -> Vec<Unseen> {
    let mut all: Vec<Unseen> = Vec::new();
    for (number, finding) in contents.judgement.findings.iter().enumerate() {
        for met in &finding.barriers {
            let known = all.iter_mut().find(|unseen| {
                unseen.probe == finding.of && unseen.barrier == met.barrier && unseen.detail == met.detail
            });
            let claim = (number, finding.claim.clone());
            if let Some(unseen) = known {
                unseen.times = unseen.times.max(met.times);
                if !unseen.facts.contains(&met.fact) {
                    unseen.facts.push(met.fact.clone());
                }
                if !unseen.claims.contains(&claim) {
                    unseen.claims.push(claim);
                }
            } else {
                all.push(Unseen {
                    probe: finding.of.clone(),
                    facts: vec![met.fact.clone()],
                    barrier: met.barrier,
                    times: met.times,
                    detail: met.detail.clone(),
                    claims: vec![claim],
                    cure: cure(contents, &finding.of, met.barrier),
                });
            }
        }
    }
    all
}

/// What would let us see past a barrier.
fn cure(contents: &Contents, probe: &str, barrier: Barrier) -> String {
    let probe = contents.plan.probe(probe);
    let privilege = probe.map_or("", |probe| probe.spec().privilege);
    match barrier {
        Barrier::ConnectionRefused => {
            "Nothing accepted the connection where the observer stands: start what should \
             listen there, or look from a place that can reach it."
                .into()
        }
        Barrier::TimedOut => format!(
            "Find out what kept it from answering, or allow more time than {} (`timeout:` in the plan).",
            probe.map_or_else(|| "it had".to_owned(), |probe| probe.schedule.timeout.to_string())
        ),
        Barrier::Unreachable => {
            "Look from a place with a name and a route for it, or correct the address.".into()
        }
        Barrier::PermissionDenied if privilege.is_empty() => {
            "Run as a user who may look there; the bundle names the one who did.".into()
        }
        Barrier::PermissionDenied => {
            format!("Run as a user who may look there. What this kind of probe needs more for: {privilege}.")
        }
        Barrier::ToolMissing => "Install on the target the tool that the detail names.".into(),
        Barrier::NotPermitted => match probe {
            Some(probe) => format!(
                "Run again with `--allow {}`; this run allowed {}.",
                probe.impact, contents.start.allow
            ),
            None => "Run again with a higher `--allow`.".into(),
        },
        Barrier::Prerequisite => match probe.and_then(|probe| probe.needs.as_deref()) {
            Some(claim) => format!("Make the claim `{claim}` hold first: the probe needs it."),
            None => "Make the claim that the probe needs hold first.".into(),
        },
        Barrier::Aborted => "Let the run go to its end.".into(),
        Barrier::NotMade => {
            "Run again and let every planned look be made; see the observer's load below.".into()
        }
        Barrier::Overloaded => "Observe from a machine with less to do.".into(),
        Barrier::TooLarge => "Look at less at once, or raise `--max-size`.".into(),
        Barrier::Unsupported => "The target, or this build of Probity, has no such thing.".into(),
        Barrier::Protocol => {
            "What came back is not what the protocol or format says: see the entries.".into()
        }
    }
}

/// Undetermined findings, each with what would settle it.
pub(crate) fn to_settle(judgement: &Judgement) -> Vec<(usize, &Finding, String)> {
    let open = judgement.findings.iter().enumerate().filter(|(_, it)| it.outcome == Outcome::Undetermined);
    open.map(|(number, finding)| {
        let how = match &finding.settle {
            Some(settle) => settle.how.clone(),
            None if !finding.barriers.is_empty() => "Seeing what could not be seen.".to_owned(),
            None => finding.reason.clone(),
        };
        (number, finding, how)
    })
    .collect()
}

/// A waiver of the plan with what became of it.
pub(crate) struct Waived<'a> {
    pub claim: &'a str,
    pub reason: &'a str,
    pub owner: &'a str,
    pub until: &'a str,
    pub became: &'static str,
}

/// Every waiver of the plan.
pub(crate) fn waivers<'a>(contents: &Contents<'a>) -> Vec<Waived<'a>> {
    let judgement = contents.judgement;
    let same = |by: &WaivedBy, reason: &str, until: &str| by.reason == reason && by.until == until;
    contents
        .plan
        .waivers
        .iter()
        .map(|waiver| {
            let counts =
                |claim: &str, by: &WaivedBy| claim == waiver.claim && same(by, &waiver.reason, &waiver.until);
            let in_verdict = judgement.verdict.waivers.iter().any(|(claim, by)| counts(claim, by));
            let in_finding = judgement
                .findings
                .iter()
                .any(|it| it.waived.as_ref().is_some_and(|by| counts(&it.claim, by)));
            let became = match (in_verdict, in_finding) {
                (true, _) => "counts in the verdict",
                (false, true) => "in force; the verdict did not need it",
                (false, false) => "not used: expired, or nothing to cover",
            };
            Waived {
                claim: &waiver.claim,
                reason: &waiver.reason,
                owner: &waiver.owner,
                until: &waiver.until,
                became,
            }
        })
        .collect()
}

/// Probes whose author calls them less harmful than their kind: name, impact, the kind's floor, what they do.
pub(crate) fn declared_harmless(plan: &Plan) -> Vec<(&str, &'static str, &'static str, String)> {
    plan.probes
        .iter()
        .filter(|probe| probe.declared_harmless)
        .map(|probe| {
            let floor = probe.cells[0].act.impact().max(probe.spec().floor);
            (probe.name.as_str(), probe.impact.name(), floor.name(), what_it_does(probe))
        })
        .collect()
}

/// Why a probe was not run that `--only` does not name.
const LEFT_OUT: &str = "left out by `--only`";

/// Probes that the operator did not allow or left out: name, impact, what they would have done, why not.
pub(crate) fn not_made(contents: &Contents) -> Vec<(String, &'static str, String, &'static str)> {
    if contents.after_the_fact {
        return Vec::new(); // The reader's plan did not run.
    }
    contents
        .plan
        .probes
        .iter()
        .filter_map(|probe| {
            let left_out = contents.start.only.as_ref().is_some_and(|only| !only.contains(&probe.name));
            let why = match (probe.impact > contents.start.allow, left_out) {
                (true, _) => "not permitted",
                (false, true) => LEFT_OUT,
                (false, false) => return None,
            };
            Some((probe.name.clone(), probe.impact.name(), what_it_does(probe), why))
        })
        .collect()
}

/// The first act of a probe, as a person would type it, and how many more there are.
pub(crate) fn what_it_does(probe: &probity_plan::Probe) -> String {
    match probe.cells.as_slice() {
        [] => String::new(),
        [cell] => cell.act.describe(),
        [cell, more @ ..] => {
            format!("{} (and {})", cell.act.describe(), counted(more.len() as u64, "more row", "more rows"))
        }
    }
}

/// How the observer was doing: each fact with its range over the run.
pub(crate) fn observer(contents: &Contents) -> Vec<(String, String)> {
    let mut facts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut ranges: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let mut add = |name, text: String| {
        let texts: &mut Vec<String> = facts.entry(name).or_default();
        if !texts.contains(&text) && texts.len() < 5 {
            texts.push(text);
        }
    };
    for (_, observer) in contents.observers {
        for (name, value) in &observer.facts {
            match value.as_number() {
                Some(number) => {
                    let range = ranges.entry(name).or_insert((number, number));
                    *range = (range.0.min(number), range.1.max(number));
                }
                None => add(name, shown(value)),
            }
        }
        for (name, blocked) in &observer.unknown {
            add(name, format!("unknown: {} {}", blocked.barrier, blocked.detail).trim_end().to_owned());
        }
    }
    for (name, (least, greatest)) in ranges {
        let text = match least == greatest {
            true => number(least),
            false => format!("{} to {}", number(least), number(greatest)),
        };
        facts.entry(name).or_default().insert(0, text);
    }
    facts.into_iter().map(|(name, texts)| (name.to_owned(), texts.join("; "))).collect()
}

/// A value on one line, as JSON but for plain text.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => match other.as_interval() {
            Some((least, most)) if matches!(other, Value::Map(_)) => interval(least, most),
            _ => serde_json::to_string(other).unwrap_or_default(),
        },
    }
}

/// "5 to 9", "5000 or more".
pub(crate) fn interval(least: f64, most: f64) -> String {
    if most.is_infinite() {
        format!("{} or more", number(least))
    } else if (most - least).abs() < f64::EPSILON {
        number(least)
    } else {
        format!("{} to {}", number(least), number(most))
    }
}

/// A number with at most six decimals and no trailing zeros.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// "0.55 to 0.8", or one number: the lower end, where rounding outward to six decimals is all that parts the two.
pub(crate) fn score(score: &ScoreResult) -> String {
    let upper = if score.upper - score.lower < 1.5e-6 { score.lower } else { score.upper };
    interval(score.lower, upper)
}

/// "of 7 of 10 weight".
pub(crate) fn weight(score: &ScoreResult) -> String {
    format!("of {} of {} weight", number(score.weight), number(score.of_weight))
}

/// "2026-11-21 20:00:03 UTC".
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// When it ran: "2026-11-21 20:00:03 UTC, for 8 min 3 s", or that it did not end.
pub(crate) fn when(contents: &Contents) -> String {
    let started = moment(contents.start.started);
    match contents.ended {
        None => format!("{started}; the log has no closing entry"),
        Some(ended) => format!("{started}, for {}", lasted(contents.start.started, ended)),
    }
}

/// "8 min 3 s", "3.2 s".
pub(crate) fn lasted(from: Timestamp, until: Timestamp) -> String {
    let us = until.as_microsecond() - from.as_microsecond();
    let seconds = us / 1_000_000;
    match seconds {
        ..10 => format!("{}.{} s", us / 1_000_000, (us % 1_000_000).abs() / 100_000),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// How many ranges of entries are written out.
const MOST_RANGES: usize = 24;

/// "5 to 20, 31", at most 24 ranges; the count of entries is [`entry_count`].
pub(crate) fn ranges(entries: &[(u64, u64)]) -> String {
    if let (Some((rest, _)), Some((_, last))) = (entries.get(MOST_RANGES), entries.last()) {
        let more = entries.len() - MOST_RANGES;
        let more = counted(more as u64, "more range", "more ranges");
        return format!("{}, and {more} from {rest} to {last}", ranges(&entries[..MOST_RANGES]));
    }
    let one = |(first, last): &(u64, u64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    };
    entries.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Entry numbers, ascending, as [`ranges`].
pub(crate) fn numbers(entries: &[u64]) -> String {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for entry in entries {
        match joined.last_mut() {
            Some((_, last)) if *entry == *last + 1 => *last = *entry,
            _ => joined.push((*entry, *entry)),
        }
    }
    ranges(&joined)
}

/// "entry 5", "entries 5 to 7".
pub(crate) fn entries(entries: &[u64]) -> String {
    format!("{} {}", if entries.len() == 1 { "entry" } else { "entries" }, numbers(entries))
}

/// How many entries the ranges hold.
pub(crate) fn entry_count(entries: &[(u64, u64)]) -> u64 {
    entries.iter().map(|(first, last)| last - first + 1).sum()
}

/// "120 entries, 113 of them observations".
pub(crate) fn log(contents: &Contents) -> String {
    let of_them = if contents.observations == 1 { "an observation" } else { "observations" };
    format!("{}, {} of them {of_them}", counted(contents.entries, "entry", "entries"), contents.observations)
}

/// Which run this is, by whom and of what: names and values, for a table.
pub(crate) fn identity(contents: &Contents) -> Vec<(&'static str, String)> {
    let start = contents.start;
    let mut rows = vec![
        ("run", start.run.clone()),
        ("began", moment(start.started)),
        ("ended", contents.ended.map_or_else(|| "unknown: no closing entry".to_owned(), moment)),
        ("plan as resolved, SHA-256", start.resolved_sha256.clone()),
    ];
    rows.extend([
        ("operator's key", start.operator_key.clone()),
        ("run key", start.run_key.clone()),
        ("observer", format!("{} on {}", start.observer.user, start.observer.host)),
        ("observer's system", start.observer.system.clone()),
        ("observed with", format!("Probity {}", start.observer.version)),
        ("impact allowed", start.allow.to_string()),
        ("log", log(contents)),
    ]);
    if let Some(only) = &start.only {
        rows.push(("restricted to", only.join(", ")));
    }
    rows
}

/// How many cells of a matrix are listed one by one.
const MOST_CELLS: usize = 100;

/// The cells of a matrix, what fails first, then what is undetermined; and how many more there are.
pub(crate) fn cells(finding: &Finding) -> (Vec<&CellFinding>, usize) {
    let mut cells: Vec<_> = finding.cells.iter().collect();
    cells.sort_by_key(|cell| match cell.outcome {
        Outcome::Fails => 0,
        Outcome::Undetermined => 1,
        Outcome::Holds | Outcome::NotApplicable => 2,
    });
    let more = cells.len().saturating_sub(MOST_CELLS);
    cells.truncate(MOST_CELLS);
    (cells, more)
}

/// What came of a cell: "0 of 1", with what was not seen and the bounds of its rate.
pub(crate) fn cell_counts(cell: &CellFinding) -> String {
    let counts = cell.counts;
    let mut text = format!("{} of {}", counts.successes, counts.planned);
    if counts.blocked > 0 {
        text = format!("{text}, {} not seen", counts.blocked);
    }
    if let Some(bounds) = cell.bounds {
        text = format!("{text}, {} to {}", number(bounds.lower), number(bounds.upper));
    }
    text
}

/// What must be known before anything else is read: sentences, worst first.
pub(crate) fn warnings(contents: &Contents) -> Vec<String> {
    let mut warnings = Vec::new();
    let failed: Vec<&str> = contents
        .verification
        .unwrap_or_default()
        .iter()
        .filter(|check| check.outcome == crate::CheckOutcome::Failed)
        .map(|check| check.what.as_str())
        .collect();
    if !failed.is_empty() {
        warnings.push(format!("Verification failed: {}.", failed.join("; ")));
    }
    warnings.extend(contents.judgement.limits.iter().cloned());
    if contents.after_the_fact {
        warnings.push(
            "These claims were chosen after the fact: the plan judged here is not the one that ran.".into(),
        );
    }
    if contents.ended.is_none() {
        warnings.push("The run is incomplete: its log has no closing entry.".into());
    }
    if contents.unsigned > 0 {
        let follow = counted(
            contents.unsigned,
            "entry follows the last checkpoint, is unsigned,",
            "entries follow the last checkpoint, are unsigned,",
        );
        warnings.push(format!("{follow} and decided nothing."));
    }
    if let Some(only) = &contents.start.only {
        let left_out = not_made(contents).iter().filter(|(.., why)| *why == LEFT_OUT).count() as u64;
        warnings.push(format!(
            "The operator restricted the run to {} (`--only`); {} left out.",
            only.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            counted(left_out, "probe of the plan was", "probes of the plan were")
        ));
    }
    if let Some(why) = contents.interrupted {
        warnings.push(format!("The run ended before its plan did: {why}."));
    }
    warnings
}

/// Commands that verify and reproduce, each with what it does.
pub(crate) fn commands(contents: &Contents) -> [(String, &'static str); 5] {
    let bundle = quoted(contents.bundle);
    [
        (
            format!("probity verify {bundle} --signers SIGNERS"),
            "checks every byte, the signatures, and recomputes this \
          verdict; SIGNERS lists the keys you know (the format of ssh-keygen's allowed_signers)",
        ),
        (format!("probity show {bundle}"), "walks the evidence, entry by entry"),
        (
            format!("probity evaluate {bundle} --plan MINE.yaml"),
            "judges the same evidence by your own claims",
        ),
        (
            format!("probity reproduce {bundle}"),
            "makes the same observations again, now, from where you are; it runs \
          what the plan says, so read the plan first",
        ),
        (
            format!(
                "ssh-keygen -Y verify -f SIGNERS -I NAME -n probity -s {bundle}/checkpoint.sig < {bundle}/checkpoint"
            ),
            "checks the operator's signature without Probity",
        ),
    ]
}

/// As a person would type it in a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A sentence in pieces, each with whether it stood between backticks; whole if their number is odd.
pub(crate) fn pieces(sentence: &str) -> Vec<(bool, &str)> {
    if sentence.matches('`').count() % 2 == 1 {
        return vec![(false, sentence)];
    }
    let pieces = sentence.split('`').enumerate().map(|(at, piece)| (at % 2 == 1, piece));
    pieces.filter(|(_, piece)| !piece.is_empty()).collect()
}

/// The facts of an observation on one line, as `name=value`, barriers named.
pub(crate) fn facts_line(observation: &probity_plan::Observation) -> String {
    let facts = observation.facts.iter().map(|(name, value)| format!("{name} = {}", shown(value)));
    let unknown = observation.unknown.iter().map(|(name, blocked)| {
        let name = if name == "*" { "every fact" } else { name };
        let colon = if blocked.detail.is_empty() { "" } else { ": " };
        format!("{name} unknown, {}{colon}{}", blocked.barrier, blocked.detail)
    });
    facts.chain(unknown).collect::<Vec<_>>().join("; ")
}

/// The row of a matrix on one line.
pub(crate) fn cell_line(observation: &probity_plan::Observation) -> String {
    let columns = observation.cell.iter().map(|(name, value)| format!("{name}={}", shown(value)));
    columns.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_read_plainly() {
        assert_eq!(number(0.817_413), "0.817413");
        assert_eq!(number(1.0), "1");
        assert_eq!(number(100.0), "100");
        assert_eq!(number(-0.0), "0");
        assert_eq!(interval(5.0, f64::INFINITY), "5 or more");
        assert_eq!(ranges(&[(5, 20), (31, 31), (40, 41)]), "5 to 20, 31, 40, 41");
        assert_eq!(numbers(&[3, 4, 5, 9]), "3 to 5, 9");
        let many: Vec<(u64, u64)> = (0..30).map(|at| (at * 10, at * 10)).collect();
        assert!(ranges(&many).ends_with(", 230, and 6 more ranges from 240 to 290"), "{}", ranges(&many));
        assert_eq!(entry_count(&[(5, 20), (31, 31), (40, 41)]), 19);
    }

    #[test]
    fn a_score_that_only_rounding_made_an_interval_is_one_number() {
        let of = |lower, upper| {
            let (name, open, parts) = (String::new(), Vec::new(), Vec::new());
            score(&ScoreResult { name, lower, upper, weight: 1.0, of_weight: 1.0, open, parts })
        };
        assert_eq!(of(0.571_428, 0.571_429), "0.571428");
        assert_eq!(of(0.571_428, 0.571_430), "0.571428 to 0.57143");
        assert_eq!(of(1.0, 1.0), "1");
    }

    #[test]
    fn code_stands_between_backticks() {
        assert_eq!(pieces("run `a` now"), [(false, "run "), (true, "a"), (false, " now")]);
        assert_eq!(pieces("one ` alone"), [(false, "one ` alone")]);
    }

    #[test]
    fn spans_of_time_read_plainly() {
        let at = |us| Timestamp::from_microsecond(us).unwrap();
        assert_eq!(lasted(at(0), at(3_250_000)), "3.2 s");
        assert_eq!(lasted(at(0), at(483_000_000)), "8 min 3 s");
        assert_eq!(lasted(at(0), at(7_260_000_000)), "2 h 1 min");
    }
}
