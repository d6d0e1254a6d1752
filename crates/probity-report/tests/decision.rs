//! What stands in the way of an acceptance, and what became of the machines of trials.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod made;

use std::sync::Arc;

use made::{Made, at, condition, small};
use probity_evidence::entry::{Event, Observer};
use probity_plan::{Agent, Happening, Introduction, OfMachine, Position, Reach, Rule, Trial, TrialGroup};
use probity_report::{html, markdown};
use probity_verdict::judgement::{ScoreRead, Why};
use probity_verdict::{Outcome, Truth};

/// The rows of the table below a heading of the Markdown report, without its head.
fn rows(made: &Made, heading: &str) -> Vec<String> {
    let text = markdown(&made.contents());
    let section = text.split("\n## ").find(|section| section.starts_with(heading));
    let rows = section.into_iter().flat_map(str::lines).filter(|line| line.starts_with('|'));
    rows.skip(2).map(str::to_owned).collect()
}

/// A run that a rule rejected, by the claims and scores that it read.
fn rejected(claims: &[(&str, Outcome)], scores: &[&str]) -> Made {
    let mut made = small();
    made.plan.rules = vec![
        Rule {
            label: "NOT READY".to_owned(),
            when: Some(condition("holds(sync) || score.sync < 1")),
            accepted: false,
            at: Position::default(),
        },
        Rule { label: "READY".to_owned(), when: None, accepted: true, at: Position::default() },
    ];
    let score = |score: &&str| ScoreRead { score: (*score).to_owned(), interval: (0.25, 0.25), among: None };
    made.judgement.verdict.accepted = Some(false);
    made.judgement.verdict.why = vec![Why::Rule {
        rule: 1,
        label: "NOT READY".to_owned(),
        truth: Truth::True,
        claims: claims.iter().map(|(claim, outcome)| made::read(claim, *outcome)).collect(),
        scores: scores.iter().map(score).collect(),
        stricter: None,
    }];
    made
}

#[test]
fn what_an_open_rule_waits_for_stands_in_the_way_with_what_would_settle_it() {
    let rows = rows(&small(), "Blockers");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].starts_with("| `api` | **undetermined** | rule 1, READY | 20 of 20"), "{rows:?}");
    assert!(rows[1].starts_with("| `quick` |") && rows[1].contains("plan 59 trials"), "{rows:?}");
    let page = html(&small().contents());
    assert!(page.contains("<h2 id=\"blockers\">") && page.contains("href=\"#blockers\""));
}

#[test]
fn nothing_stands_in_the_way_of_an_acceptance() {
    let mut made = small();
    made.judgement.verdict.accepted = Some(true);
    assert_eq!(rows(&made, "Blockers"), [""; 0]);
    assert!(!html(&made.contents()).contains("blockers"));
}

#[test]
fn a_claim_that_holds_stands_in_the_way_where_a_rule_rejects_what_holds() {
    let rows = rows(&rejected(&[("sync", Outcome::Holds)], &[]), "Blockers");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].starts_with("| `sync` | **holds** | rule 1, NOT READY |"), "{rows:?}");
}

#[test]
fn of_a_score_what_does_not_hold_stands_in_the_way_failures_first_each_with_its_remedy() {
    let mut made = rejected(&[("api", Outcome::Undetermined)], &["sync"]);
    let quick = &mut made.judgement.findings[2];
    quick.outcome = Outcome::Fails;
    quick.remedy = Some("give it a second processor".to_owned());
    made.judgement.scores[0].parts[1].2 = Outcome::Fails;
    let rows = rows(&made, "Blockers");
    assert_eq!(rows.len(), 2, "the part that holds is none: {rows:?}");
    assert!(rows[0].starts_with("| `quick` | **fails** | score.sync of rule 1, NOT READY |"), "{rows:?}");
    assert!(rows[0].ends_with("| give it a second processor |"), "{rows:?}");
    assert!(rows[1].starts_with("| `api` | **undetermined** | rule 1, NOT READY |"), "{rows:?}");
}

#[test]
fn a_rule_that_rejects_and_does_not_apply_stands_in_nobodys_way() {
    let mut made = rejected(&[("api", Outcome::Undetermined)], &[]);
    let Why::Rule { truth, .. } = &mut made.judgement.verdict.why[0] else { panic!() };
    *truth = Truth::False;
    assert_eq!(rows(&made, "Blockers"), [""; 0]);
}

fn trial(number: u32) -> Trial {
    Trial { name: "install".to_owned(), number, machine: format!("fresh-{number}") }
}

fn of_machine(number: u32, exit_code: i64) -> OfMachine {
    OfMachine {
        trial: trial(number),
        command: "lab up".to_owned(),
        exit_code: Some(exit_code),
        detail: String::new(),
    }
}

/// A run whose claim `api` is over three trials: one machine could not be made, one was not reached, one not removed.
fn with_trials() -> Made {
    let mut made = small();
    let group = Arc::new(TrialGroup {
        name: "install".to_owned(),
        machine: "fresh".to_owned(),
        repeat: 3,
        at_once: 2,
        at: Position::default(),
    });
    made.plan.probes[1].trial = Some(Arc::clone(&group));
    made.plan.trials = vec![group];
    let happened = [
        Happening::Up(of_machine(0, 0)),
        Happening::Up(of_machine(1, 0)),
        Happening::Up(of_machine(2, 1)),
        Happening::Down(of_machine(0, 0)),
        Happening::Down(of_machine(1, 1)),
    ];
    let events = happened.into_iter().map(|what| Event { at: at(9), what });
    made.events = (100..).zip(events).collect();
    let agent = Agent {
        version: "0.1.0".to_owned(),
        sha256: "9c".repeat(32),
        kinds: Vec::new(),
        host: "fresh".to_owned(),
        user: "root (0)".to_owned(),
        system: "Debian GNU/Linux 12, Linux 6.1.0".to_owned(),
        capabilities: String::new(),
        namespaces: std::collections::BTreeMap::new(),
    };
    // Reached twice, as after a restart: one machine.
    for entry in [110, 111] {
        let introduction = Introduction {
            name: "machine".to_owned(),
            trial: Some(trial(0)),
            reach: Reach::Pid(7),
            passage: probity_plan::Passage::default(),
            agent: agent.clone(),
            clock_ahead_us: (0, 1),
        };
        let observer = Observer { id: 1, introduction: Some(introduction), ..made::observer(9, 0.2) };
        made.observers.push((entry, observer));
    }
    made
}

#[test]
fn of_trials_it_is_told_what_became_of_their_machines_and_what_is_claimed_over_them() {
    let made = with_trials();
    assert_eq!(
        rows(&made, "Trials"),
        ["| `install` | `fresh` | 3 | 2 | 2 | 1 | 1 | `api` undetermined, `quick` undetermined 0 of 20 |"]
    );
    let page = html(&made.contents());
    assert!(page.contains("<h2 id=\"trials\">") && page.contains("href=\"#trials\""));
    assert_eq!(rows(&small(), "Trials"), [""; 0], "a run without trials has no table of them");
}
