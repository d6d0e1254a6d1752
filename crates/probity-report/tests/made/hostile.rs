//! A made-up run in which every text tries to be something else than text.

use std::sync::Arc;

use probity_evidence::verify::Objection;
use probity_plan::{Cause, Happening, Observation, Position, TrialGroup};
use probity_report::Series;
use probity_verdict::judgement::{
    Against, Decided, ErrorBound, Example, FindOut, FindingReason, Measured, Note, Seen, Step, Uncovered,
    Waited, Why, Within,
};

use probity_verdict::{Outcome, Truth};

use super::Made;

/// Every attack at once, on one line and over several.
pub const HOSTILE: &str = "</td></p><script>alert(1)</script><img src=x onerror=alert(2)>\"'`| \u{1b}[2J\u{1b}]0;owned\u{7} \
    \u{202e}txt.exe\u{2066} ]]> --> &lt; **bold** [link](https://evil.example) https://evil.example `` \\ \u{0}\u{fffe} \
    \r\n# heading\n\n- item\n| a | b |\n|---|---|\n```\n<b>x</b> ${x} \u{200b}";

/// A whole run in which every text is hostile.
pub fn hostile() -> Made {
    let mut it = super::camera::camera();
    let text = || HOSTILE.to_owned();
    it.plan.title = text();
    it.judgement.plan = text();
    for probe in &mut it.plan.probes {
        probe.name = format!("{} {HOSTILE}", probe.name);
        probe.cells.truncate(1);
        probe.cells[0].act = super::stat(HOSTILE);
        probe.declared_harmless = true;
        probe.needs = Some(text());
    }
    for waiver in &mut it.plan.waivers {
        (waiver.claim, waiver.reason, waiver.owner, waiver.until) = (text(), text(), text(), text());
    }
    for finding in &mut it.judgement.findings {
        finding.claim = format!("{} {HOSTILE}", finding.claim);
        finding.of = format!("{} {HOSTILE}", finding.of);
        finding.says = Some(text());
        finding.remedy = Some(text());
        finding.section = Some(text());
        let example = Example {
            entry: 3,
            against: Against::Seen { seen: vec![Seen { what: text(), value: text() }], reasons: Vec::new() },
        };
        finding.decided = Decided::Stable {
            facts: vec![text()],
            within: Within::AtMost { most: 1.5 },
            observations: 3,
            filter: Some(text()),
        };
        finding.reason = FindingReason::SomeDoNot { failures: 1, observations: 3, first: Some(example) };
        finding.measured = Some(Measured::Count { cell: Some(text()), successes: 2, of: 3 });
        finding.notes = vec![Note::DenialsCount { denials: 1, control: Some(text()) }];
        for met in &mut finding.barriers {
            (met.fact, met.detail) = (text(), text());
        }
        for cell in &mut finding.cells {
            cell.cell = text();
        }
        if let Some(settle) = &mut finding.settle {
            settle.steps = vec![Step::ControlHolds { control: text() }];
        }
        if let Some(waived) = &mut finding.waived {
            (waived.reason, waived.owner, waived.until) = (text(), text(), text());
        }
    }
    for score in &mut it.judgement.scores {
        score.name = text();
        score.open = vec![text()];
        score.parts[0].0 = text();
    }
    let failed = it.judgement.findings.iter().find(|finding| finding.outcome == Outcome::Fails);
    let rule = Why::Rule {
        rule: 1,
        label: text(),
        truth: Truth::True,
        claims: failed.map(|finding| super::read(&finding.claim, Outcome::Fails)).into_iter().collect(),
        scores: Vec::new(),
        stricter: None,
    };
    let group = TrialGroup { name: text(), machine: text(), repeat: 3, at_once: 1, at: Position::default() };
    it.plan.trials = vec![Arc::new(group)];
    let verdict = &mut it.judgement.verdict;
    verdict.label = text();
    verdict.why = vec![rule, Why::WaiverOver { claim: text(), owner: text(), until: text() }];
    let how = FindOut::NoFinding;
    verdict.settle = vec![Waited { claim: text(), if_holds: text(), if_fails: String::new(), how }];
    let uncovered = Uncovered { label: text(), claim: text(), outcome: None };
    verdict.error_bound = Some(ErrorBound::NotGiven { accepted: vec![uncovered] });
    let start = &mut it.start;
    (start.plan, start.challenge, start.run_key, start.operator_key) = (text(), Some(text()), text(), text());
    (start.run, start.resolved_sha256, start.ledger.head) = (text(), text(), Some(text()));
    (start.reproduces, start.only) = (Some(text()), Some(vec![text()]));
    start.inputs = [(text(), HOSTILE.into())].into();
    start.files = [(text(), text())].into();
    let observer = &mut start.observer;
    (observer.host, observer.user, observer.system, observer.version) = (text(), text(), text(), text());
    for (_, event) in &mut it.events {
        event.what = Happening::Undo { probe: text(), command: text(), exit_code: None, detail: text() };
    }
    for (_, observer) in &mut it.observers {
        observer.facts.insert(text(), HOSTILE.into());
    }
    for (_, observation) in &mut it.telling {
        *observation = hostile_observation(observation);
    }
    for check in it.verification.iter_mut().flatten() {
        check.found = Objection::NotOpened { error: text() }.into();
    }
    it.series = {
        let names: Vec<String> = it.judgement.findings.iter().map(|finding| finding.claim.clone()).collect();
        let mut series = std::mem::take(&mut it.series);
        for one in &mut series {
            match one {
                Series::Plot(plot) => {
                    plot.claim = names[1].clone();
                    plot.probe = text();
                    plot.fact = text();
                }
                Series::Strip(strip) => strip.probe = text(),
            }
        }
        series
    };
    it.interrupted = Some(Cause::Failed { detail: text() });
    it
}

fn hostile_observation(observation: &Observation) -> Observation {
    let mut hostile = observation.clone();
    hostile.probe = HOSTILE.to_owned();
    hostile.cell = [(HOSTILE.to_owned(), HOSTILE.into())].into();
    hostile.facts = [(HOSTILE.to_owned(), HOSTILE.into())].into();
    hostile
}
