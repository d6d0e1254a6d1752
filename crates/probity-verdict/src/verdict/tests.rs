//! Rules, waivers and strictness on small plans made by hand.

use probity_plan::units::{Percent, Share};
use probity_plan::{Act, Condition, Position, Probe, Rule, Schedule, Score, Severity};
use proptest::prelude::*;

use super::*;
use crate::judgement::{CellFinding, Counts, Decided, ErrorBound, FindingReason, ScoreResult};
use crate::wording;
use Outcome::{Fails, Holds, NotApplicable, Undetermined};

fn condition(source: &str) -> Condition {
    Condition {
        source: source.to_owned(),
        at: Position { file: "plan.yaml".into(), line: 7, column: 20 },
        filled: false,
    }
}

fn claim(name: &str, form: Form) -> Claim {
    Claim {
        name: name.to_owned(),
        of: "p".to_owned(),
        filter: None,
        form,
        says: None,
        severity: Severity::default(),
        remedy: None,
        selected: false,
        section: None,
        control: None,
        empty_ok: false,
        at: Position::default(),
    }
}

fn each() -> Form {
    Form::Each { check: condition("exit_code == 0") }
}

fn rate(share: f64) -> Form {
    Form::Rate {
        check: condition("exit_code == 0"),
        share: Share(share),
        block: None,
        pooled: false,
        expect: None,
    }
}

/// A plan with one probe `p` (of `cells` cells), claims, one score `s` and rules `LABEL: condition`, in which a label
/// with a `+` is an acceptance.
fn plan(cells: usize, claims: Vec<Claim>, weights: &[(&str, f64)], rules: &[(&str, &str)]) -> Plan {
    let act = Act::deserialize("file", serde_json::json!({ "file": "/etc/hostname" })).unwrap().unwrap();
    let cell = probity_plan::model::Cell { row: Default::default(), act };
    let probe = Probe {
        name: "p".to_owned(),
        cells: vec![cell; cells],
        columns: Vec::new(),
        schedule: Schedule {
            every: None,
            lasting: None,
            repeat: None,
            timeout: "5s".parse().unwrap(),
            until: None,
            within: None,
        },
        trial: None,
        with: None,
        on: None,
        needs: None,
        impact: probity_plan::Impact::Observe,
        declared_harmless: true,
        keep_all: false,
        undo: None,
        at: Position::default(),
    };
    Plan {
        title: "A plan".to_owned(),
        confidence: 0.95,
        inputs: Default::default(),
        observers: Vec::new(),
        machines: Vec::new(),
        trials: Vec::new(),
        probes: vec![probe],
        claims,
        scores: vec![Score {
            name: "s".to_owned(),
            weights: weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect(),
            at: Position::default(),
        }],
        rules: rules
            .iter()
            .map(|(label, when)| Rule {
                label: label.trim_end_matches('+').to_owned(),
                when: (!when.is_empty()).then(|| condition(when)),
                accepted: label.ends_with('+'),
                at: Position::default(),
            })
            .collect(),
        waivers: Vec::new(),
    }
}

fn waiver(claim: &str, until: &str, covers_undetermined: bool) -> Waiver {
    Waiver {
        claim: claim.to_owned(),
        reason: "slow disk".to_owned(),
        owner: "ops".to_owned(),
        until: until.to_owned(),
        covers_fails: true,
        covers_undetermined,
        at: Position::default(),
    }
}

fn finding(claim: &str, outcome: Outcome, counts: Counts) -> Finding {
    Finding {
        claim: claim.to_owned(),
        of: "p".to_owned(),
        says: None,
        decided: Decided::Nothing,
        section: None,
        severity: Severity::default(),
        remedy: None,
        by_error: false,
        by_denial: false,
        selected: None,
        control: None,
        outcome,
        reason: FindingReason::IntervalsOpen,
        measured: None,
        rests_on: None,
        bounds: None,
        counts,
        cells: Vec::new(),
        notes: Vec::new(),
        barriers: Vec::new(),
        unclear: Vec::new(),
        settle: None,
        entries: Vec::new(),
        telling: Vec::new(),
        waived: None,
    }
}

fn of(successes: u64, planned: u64) -> Counts {
    Counts { planned, successes, failures: planned - successes, blocked: 0, ..Counts::default() }
}

/// Findings for claims a, b, c, ...
fn outcomes(outcomes: &[Outcome]) -> Vec<Finding> {
    let names = ["a", "b", "c", "d"];
    names.iter().zip(outcomes).map(|(name, outcome)| finding(name, *outcome, Counts::default())).collect()
}

fn started() -> jiff::Timestamp {
    "2026-11-21T22:00:00Z".parse().unwrap()
}

/// A verdict, with its sentences in the place of what they are made of.
#[derive(Debug)]
struct Worded {
    verdict: Verdict,
    why: Vec<String>,
    settle: Vec<String>,
    error_bound: Option<String>,
}

impl std::ops::Deref for Worded {
    type Target = Verdict;

    fn deref(&self) -> &Verdict {
        &self.verdict
    }
}

struct Judged {
    findings: Vec<Finding>,
    scores: Vec<ScoreResult>,
    verdict: Worded,
}

fn decide(plan: &Plan, started: jiff::Timestamp, findings: Vec<Finding>) -> Judged {
    let judgement = super::decide(plan, started, findings);
    let verdict = Worded {
        why: wording::verdict::why(plan, &judgement),
        settle: wording::verdict::settle(plan, &judgement),
        error_bound: wording::verdict::error_bound(plan, &judgement),
        verdict: judgement.verdict,
    };
    Judged { findings: judgement.findings, scores: judgement.scores, verdict }
}

fn verdict(plan: &Plan, found: &[Outcome]) -> Worded {
    decide(plan, started(), outcomes(found)).verdict
}

/// The rules of the design, over roles (a), starts (b), prompt (c).
fn camera() -> Plan {
    plan(
        1,
        vec![claim("a", each()), claim("b", each()), claim("c", each())],
        &[("b", 5.0), ("c", 5.0)],
        &[
            ("NOT READY", "fails(a) || fails(b)"),
            ("READY+", "holds(a) && score.s >= 0.9"),
            ("READY WITH CONDITIONS+", "holds(a) && holds(b)"),
            ("NOT READY", ""),
        ],
    )
}

#[test]
fn the_first_rule_that_is_surely_true_wins() {
    let ready = verdict(&camera(), &[Holds, Holds, Holds]);
    assert_eq!((ready.label.as_str(), ready.accepted), ("READY", Some(true)));
    assert_eq!(
        ready.why,
        [
            "rule 1, NOT READY, does not apply: a holds; b holds",
            "rule 2, READY, applies: a holds; score.s is 1"
        ]
    );
    let conditions = verdict(&camera(), &[Holds, Holds, Fails]);
    assert_eq!((conditions.label.as_str(), conditions.accepted), ("READY WITH CONDITIONS", Some(true)));
    let not = verdict(&camera(), &[Undetermined, Fails, Holds]);
    assert_eq!((not.label.as_str(), not.accepted), ("NOT READY", Some(false)));
    assert_eq!(not.why, ["rule 1, NOT READY, applies: b fails"]);
    assert!(not.settle.is_empty());
}

#[test]
fn an_open_rule_leaves_its_label_possible() {
    let open = verdict(&camera(), &[Holds, Holds, Undetermined]);
    assert_eq!(open.label, "READY or READY WITH CONDITIONS");
    assert_eq!(open.accepted, Some(true), "every label still possible is an acceptance");
    assert_eq!(
        open.settle,
        ["c: READY if it holds, READY WITH CONDITIONS if it fails; the measured intervals leave it open"]
    );

    let open = verdict(&camera(), &[Undetermined, Holds, Holds]);
    assert_eq!(open.label, "NOT READY, READY or READY WITH CONDITIONS");
    assert_eq!(open.accepted, None);
    assert_eq!(
        open.settle,
        ["a: READY if it holds, NOT READY if it fails; the measured intervals leave it open"]
    );
    assert_eq!(
        open.possible,
        [
            ("NOT READY".to_owned(), false),
            ("READY".to_owned(), true),
            ("READY WITH CONDITIONS".to_owned(), true)
        ]
    );
}

#[test]
fn nothing_found_at_all_is_inconclusive() {
    let verdict = decide(&camera(), started(), Vec::new()).verdict;
    assert_eq!(verdict.accepted, None);
    assert!(
        verdict.settle.iter().any(|settle| settle.ends_with("there is no finding")),
        "{:?}",
        verdict.settle
    );
}

#[test]
fn what_does_not_apply_neither_holds_nor_fails() {
    let plan = plan(1, vec![claim("a", each())], &[("a", 1.0)], &[("GO+", "holds(a)"), ("NO", "")]);
    assert_eq!(verdict(&plan, &[NotApplicable]).label, "NO");
    let mut plan = plan;
    plan.rules[0].when = Some(condition("holds(a) || not_applicable(a)"));
    assert_eq!(verdict(&plan, &[NotApplicable]).label, "GO");
}

#[test]
fn undetermined_is_always_known() {
    let plan = plan(
        1,
        vec![claim("a", each())],
        &[],
        &[("LOOK AGAIN", "undetermined(a)"), ("GO+", "holds(a)"), ("NO", "")],
    );
    assert_eq!(verdict(&plan, &[Undetermined]).label, "LOOK AGAIN");
    assert_eq!(verdict(&plan, &[Holds]).label, "GO");
}

#[test]
fn a_last_rule_with_a_condition_leaves_a_label_of_its_own() {
    let plan = plan(1, vec![claim("a", each())], &[], &[("GO+", "holds(a)")]);
    let verdict = verdict(&plan, &[Fails]);
    assert_eq!((verdict.label.as_str(), verdict.accepted), (NO_RULE, Some(false)));
    let mut none = plan;
    none.rules.clear();
    assert_eq!(decide(&none, started(), Vec::new()).verdict.accepted, Some(false));
}

#[test]
fn a_rule_that_cannot_be_read_is_open() {
    let plan = plan(1, vec![claim("a", each())], &[], &[("GO+", "holds(a) && holds(x)"), ("NO", "")]);
    let verdict = verdict(&plan, &[Holds]);
    assert_eq!((verdict.label.as_str(), verdict.accepted), ("GO or NO", None));
    assert_eq!(
        verdict.why[0],
        "rule 1, GO, is open: its condition cannot be read: plan.yaml:7:38: there is no claim `x`"
    );
}

#[test]
fn a_waived_claim_reads_as_holding_in_rules_and_not_in_scores() {
    let mut plan = camera();
    plan.waivers = vec![waiver("b", "2027-01-31", false)];
    let judgement = decide(&plan, started(), outcomes(&[Holds, Fails, Holds]));
    let verdict = &judgement.verdict;
    assert_eq!(
        (verdict.label.as_str(), verdict.accepted),
        ("READY WITH CONDITIONS with waivers", Some(true))
    );
    assert_eq!((judgement.scores[0].lower, judgement.scores[0].upper), (0.5, 0.5));
    assert_eq!(verdict.waivers.iter().map(|(claim, _)| claim.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(judgement.findings[1].waived.as_ref().unwrap().owner, "ops");
    assert_eq!(
        verdict.why[2],
        "rule 3, READY WITH CONDITIONS, applies: a holds; b fails but is waived until 2027-01-31 by ops (slow disk)"
    );
}

#[test]
fn a_waiver_that_is_not_needed_does_not_mark_the_label() {
    let mut plan = camera();
    plan.waivers = vec![waiver("b", "2027-01-31", true), waiver("c", "2027-01-31", false)];
    let judgement = decide(&plan, started(), outcomes(&[Holds, Holds, Fails]));
    assert_eq!(judgement.verdict.label, "READY WITH CONDITIONS", "no rule reads c by name");
    assert!(judgement.verdict.waivers.is_empty());
    assert!(judgement.findings[0].waived.is_none() && judgement.findings[1].waived.is_none());
    assert!(judgement.findings[2].waived.is_some());
}

#[test]
fn undetermined_is_covered_only_if_the_waiver_says_so() {
    let mut plan = camera();
    plan.waivers = vec![waiver("b", "2027-01-31", false)];
    assert_eq!(verdict(&plan, &[Holds, Undetermined, Fails]).accepted, None);
    plan.waivers = vec![waiver("b", "2027-01-31", true)];
    assert_eq!(verdict(&plan, &[Holds, Undetermined, Fails]).label, "READY WITH CONDITIONS with waivers");
}

#[test]
fn a_waiver_counts_to_the_end_of_its_last_day_and_no_longer() {
    let mut plan = camera();
    plan.waivers = vec![waiver("b", "2026-11-21", false)];
    let late: jiff::Timestamp = "2026-11-21T23:59:59.999999Z".parse().unwrap();
    let found = outcomes(&[Holds, Fails, Fails]);
    assert_eq!(decide(&plan, late, found.clone()).verdict.label, "READY WITH CONDITIONS with waivers");
    let over: jiff::Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let judgement = decide(&plan, over, found);
    assert_eq!(
        (judgement.verdict.label.as_str(), judgement.findings[1].waived.is_some()),
        ("NOT READY", false)
    );
    assert_eq!(
        judgement.verdict.why.last().unwrap(),
        "the waiver for b by ops counted until 2026-11-21, before the run began, and does nothing"
    );
}

/// Two rates under a score: 59 of 59 shows 95 % at 95 %, not at 97.5 %; 72 of 72 does.
#[test]
fn rates_under_a_score_are_decided_more_strictly() {
    let claims = vec![claim("a", rate(0.95)), claim("b", rate(0.95))];
    let plan = plan(1, claims, &[("a", 1.0), ("b", 1.0)], &[("GO+", "score.s >= 0.9"), ("NO", "")]);
    let decide_on =
        |n| decide(&plan, started(), vec![finding("a", Holds, of(n, n)), finding("b", Holds, of(n, n))]);
    let judgement = decide_on(59);
    assert_eq!(
        (judgement.scores[0].lower, judgement.scores[0].upper),
        (1.0, 1.0),
        "printed at the plan's confidence"
    );
    let verdict = judgement.verdict;
    assert_eq!((verdict.label.as_str(), verdict.accepted), ("GO or NO", None));
    assert_eq!(
        verdict.why[0],
        "rule 1, GO, is open: score.s is 1 (0 to 1 with rates decided at 97.5%); it rests on 2 rates of which any could \
         be mistaken, so each is decided at 97.5% instead of 95%"
    );
    assert_eq!(
        verdict.settle,
        [
            "a: GO or NO if it holds, NO if it fails; this rule decides it at 97.5%; plan more than 59 trials (at least 72)",
            "b: GO or NO if it holds, NO if it fails; this rule decides it at 97.5%; plan more than 59 trials (at least 72)"
        ]
    );
    assert_eq!(
        verdict.error_bound.unwrap(),
        "the probability of an acceptance although a rate claim it needs is false is at most 5%, if trials do not \
         influence each other; rule 1 (GO) rests on a score, so its 2 rates are decided at 97.5% each"
    );
    assert_eq!(decide_on(72).verdict.label, "GO");
}

#[test]
fn no_acceptance_rests_on_a_rate_that_was_selected_by_what_was_seen_whatever_came_of_it() {
    let claims = || vec![claim("a", rate(0.95)), claim("f", each())];
    let selected = |meant| Some(crate::judgement::Selected { left_out: 30, of: 60, meant });
    let judged = |rules: &[(&str, &str)], outcome, meant| {
        let plan = plan(1, claims(), &[("a", 1.0), ("f", 1.0)], rules);
        let counts = match outcome {
            Holds => of(30, 30),
            Fails => of(0, 30),
            _ => of(28, 30),
        };
        let rate = Finding { selected: selected(meant), ..finding("a", outcome, counts) };
        decide(&plan, started(), vec![rate, finding("f", Holds, of(1, 1))]).verdict.accepted
    };
    for (outcome, when) in [
        (Fails, "holds(f) && fails(a)"),
        (Fails, "holds(f) && !holds(a)"),
        (Fails, "holds(f) && !undetermined(a)"),
        (Fails, "holds(f) && score.s <= 0.5"),
        (Undetermined, "holds(f) && undetermined(a)"),
        (Holds, "holds(f) && holds(a)"),
    ] {
        assert_eq!(judged(&[("GO+", when), ("NO", "")], outcome, false), None, "{when}");
        assert_eq!(judged(&[("GO+", when), ("NO", "")], outcome, true), Some(true), "{when}");
    }
    for (outcome, when) in [
        (Fails, "holds(a)"),
        (Fails, "score.s > 0.9"),
        (Undetermined, "!undetermined(a)"),
        (Holds, "undetermined(a)"),
        (Holds, "fails(a)"),
    ] {
        let rules = [("BAD", when), ("GO+", "holds(f)"), ("NO", "")];
        assert_eq!(judged(&rules, outcome, false), None, "{when}");
        assert_eq!(judged(&rules, outcome, true), Some(true), "{when}");
    }
    // To reject is no acceptance.
    assert_eq!(judged(&[("BAD", "fails(a)"), ("GO+", "holds(f)"), ("NO", "")], Fails, false), Some(false));
}

#[test]
fn no_acceptance_rests_on_a_claim_that_fails_of_denials_without_a_control() {
    let claims = || vec![claim("a", each()), claim("f", each())];
    let judged = |rules: &[(&str, &str)], by_denial| {
        let plan = plan(1, claims(), &[("a", 1.0), ("f", 1.0)], rules);
        let denied = Finding { by_denial, ..finding("a", Fails, of(0, 1)) };
        decide(&plan, started(), vec![denied, finding("f", Holds, of(1, 1))]).verdict
    };
    for rules in [
        &[("BAD", "holds(a)"), ("GO+", "holds(f)"), ("NO", "")][..],
        &[("GO+", "holds(f) && fails(a)"), ("NO", "")],
        &[("GO+", "holds(f) && !holds(a)"), ("NO", "")],
        &[("GO+", "holds(f) && score.s <= 0.5"), ("NO", "")],
    ] {
        let verdict = judged(rules, true);
        assert_eq!(verdict.accepted, None, "{rules:?}");
        let told = verdict.why.iter().any(|why| why.contains("no positive control"));
        assert_eq!(told, !rules[0].1.contains("score"), "{:?}", verdict.why);
        assert_eq!(judged(rules, false).accepted, Some(true), "{rules:?}");
    }
    // To reject, a refusal is enough, and which label it is stays known.
    for (label, rules) in [
        ("BAD", &[("BAD", "fails(a)"), ("GO+", "holds(f)"), ("NO", "")][..]),
        ("NO", &[("GO+", "holds(a) && holds(f)"), ("NO", "")]),
        ("BAD", &[("OPEN", "undetermined(a)"), ("BAD", "fails(a)"), ("GO+", "holds(a)"), ("NO", "")]),
        (
            "GONE",
            &[("SPLIT", "holds(a) && !holds(f)"), ("GONE", "fails(a)"), ("GO+", "holds(a)"), ("NO", "")],
        ),
    ] {
        let verdict = judged(rules, true);
        assert_eq!((verdict.accepted, verdict.label.as_str()), (Some(false), label), "{rules:?}");
        assert!(!verdict.why.iter().any(|why| why.contains("control")), "{:?}", verdict.why);
    }
}

#[test]
fn what_a_probe_saw_that_needs_a_selected_rate_carries_no_acceptance() {
    let mut plan =
        plan(1, vec![claim("a", rate(0.95)), claim("f", each())], &[], &[("GO+", "holds(f)"), ("NO", "")]);
    let q = Probe { name: "q".to_owned(), needs: Some("a".to_owned()), ..plan.probes[0].clone() };
    plan.probes.push(q);
    plan.claims[1].of = "q".to_owned();
    let judged = |meant| {
        let selected = Some(crate::judgement::Selected { left_out: 30, of: 60, meant });
        let rate = Finding { selected, ..finding("a", Holds, of(60, 60)) };
        decide(&plan, started(), vec![rate, finding("f", Holds, of(1, 1))]).verdict.accepted
    };
    assert_eq!(judged(false), None);
    assert_eq!(judged(true), Some(true));
}

#[test]
fn rates_under_a_conjunction_are_not_corrected() {
    let claims = vec![claim("a", rate(0.95)), claim("b", rate(0.95))];
    let plan = plan(1, claims, &[], &[("GO+", "holds(a) && holds(b)"), ("NO", "")]);
    let found = vec![finding("a", Holds, of(59, 59)), finding("b", Holds, of(59, 59))];
    let verdict = decide(&plan, started(), found).verdict;
    assert_eq!(verdict.label, "GO");
    assert_eq!(
        verdict.error_bound.unwrap(),
        "the probability of an acceptance although a rate claim it needs is false is at most 5%, if trials do not \
         influence each other"
    );
}

/// Passing a rule that rejects means that its negation is true: `!(fails(a) && fails(b))` is an `||`.
#[test]
fn passing_a_rejection_is_part_of_the_acceptance() {
    let claims = vec![claim("a", rate(0.95)), claim("b", rate(0.95))];
    let plan = plan(1, claims, &[], &[("NO", "fails(a) && fails(b)"), ("GO+", "")]);
    let decide_on = |a: Outcome, n| {
        decide(&plan, started(), vec![finding("a", a, of(n, n)), finding("b", Undetermined, of(30, 30))])
            .verdict
    };
    assert_eq!(decide_on(Holds, 59).accepted, None);
    assert_eq!(decide_on(Holds, 72).label, "GO");
    // Rejecting needs no strictness.
    let found = vec![finding("a", Fails, of(52, 59)), finding("b", Fails, of(52, 59))];
    assert_eq!(decide(&plan, started(), found).verdict.accepted, Some(false));
}

#[test]
fn a_matrix_is_decided_more_strictly_cell_by_cell() {
    let claims = vec![claim("a", rate(0.95)), claim("b", rate(0.95))];
    let plan = plan(2, claims, &[], &[("GO+", "holds(a) || holds(b)"), ("NO", "")]);
    let matrix = |n: u64| {
        let cell = |n| CellFinding { cell: "x=1".to_owned(), outcome: Holds, counts: of(n, n), bounds: None };
        let mut finding = finding("a", Holds, of(72 + n, 72 + n));
        finding.cells = vec![cell(72), cell(n)];
        vec![finding]
    };
    assert_eq!(decide(&plan, started(), matrix(59)).verdict.accepted, None);
    assert_eq!(decide(&plan, started(), matrix(72)).verdict.label, "GO");
}

/// 52 of 59 fails 95 % at 95 %, not at 97.5 %; 51 of 59 does. Accepted because something fails, a matrix of two cells
/// counts as two: either may be mistaken.
#[test]
fn an_acceptance_because_a_matrix_fails_counts_its_cells() {
    let accepted = |cells, successes| {
        let plan = plan(cells, vec![claim("a", rate(0.95))], &[], &[("IDLE+", "fails(a)"), ("NO", "")]);
        decide(&plan, started(), vec![finding("a", Fails, of(successes, 59))]).verdict.accepted
    };
    assert_eq!((accepted(1, 52), accepted(2, 52), accepted(2, 51)), (Some(true), None, Some(true)));
}

/// Under an `||` the rates are decided at 97.5 %: whatever the waiver covers there or at 95 % reads as holding.
#[test]
fn a_waiver_is_not_lost_where_rates_are_decided_more_strictly() {
    let claims = vec![claim("a", rate(0.95)), claim("b", rate(0.95))];
    let mut plan = plan(1, claims, &[], &[("GO+", "holds(a) || holds(b)"), ("NO", "")]);
    let judged =
        |plan: &Plan, a: Finding| decide(plan, started(), vec![a, finding("b", Fails, of(0, 59))]).verdict;
    plan.waivers = vec![waiver("a", "2027-01-31", false)];
    assert_eq!(judged(&plan, finding("a", Fails, of(52, 59))).label, "GO with waivers");
    assert_eq!(judged(&plan, finding("a", Holds, of(59, 59))).accepted, None);
    plan.waivers = vec![waiver("a", "2027-01-31", true)];
    assert_eq!(judged(&plan, finding("a", Holds, of(59, 59))).label, "GO with waivers");
    assert_eq!(judged(&plan, finding("a", Holds, of(72, 72))).label, "GO");
}

#[test]
fn the_bound_counts_acceptances_that_rest_on_different_rates() {
    let bound = |rules: &[(&str, &str)]| {
        let claims =
            ["a", "b", "c", "d"].map(|name| claim(name, if name == "d" { each() } else { rate(0.9) }));
        let plan = plan(3, claims.to_vec(), &[("a", 1.0), ("b", 1.0), ("c", 1.0)], rules);
        let rules = Rules::new(&plan, started());
        assert!(rules.errors.is_empty(), "{:?}", rules.errors);
        Some(match multiplicity::error_bound(&plan, &rules.demands, &|_| false)? {
            ErrorBound::AtMost { probability, .. } => Percent(probability).to_string(),
            not_given => wording::verdict::bound(&plan, &not_given),
        })
    };
    let is = |percent: &str| Some(percent.to_owned());
    // No rate under an acceptance.
    assert_eq!(bound(&[("GO+", "holds(d)"), ("NO", "fails(a)")]), None);
    // One acceptance includes the other.
    assert_eq!(bound(&[("A+", "holds(a) && holds(b)"), ("B+", "holds(a)"), ("NO", "")]), is("5%"));
    // Two acceptances that rest on different rates; three, of which two rates are all there is.
    assert_eq!(bound(&[("A+", "holds(a)"), ("B+", "holds(b)"), ("NO", "")]), is("10%"));
    assert_eq!(
        bound(&[("A+", "holds(a)"), ("B+", "holds(b)"), ("C+", "holds(a) && !fails(b)"), ("NO", "")]),
        is("10%")
    );
    // A score, and beside it the design's conjunction: both only behind the same rejection.
    let design = [
        ("NO", "fails(d) || fails(a)"),
        ("A+", "score.s >= 0.9"),
        ("B+", "holds(d) && holds(a)"),
        ("NO", ""),
    ];
    assert_eq!(bound(&design), is("5%"));
    assert_eq!(bound(&[("A+", "score.s >= 0.9"), ("B+", "holds(a)"), ("NO", "")]), is("10%"));
    // Where what is accepted includes that a rate is not shown to hold, no bound is given, and this is named.
    let none = |what: &str| {
        is(&format!(
            "no bound is given on the probability of an acceptance although a rate claim is false: the rules accept A also \
             where `a` {what}"
        ))
    };
    assert_eq!(bound(&[("A+", "holds(d) && fails(a)"), ("NO", "")]), none("fails"));
    assert_eq!(bound(&[("A+", "holds(d) && !holds(a)"), ("NO", "")]), none("fails"));
    assert_eq!(bound(&[("A+", "holds(a) || undetermined(a)"), ("NO", "")]), none("is undetermined"));
    // Also where it does not fail but is only not called undetermined, and by a rule before it that rejects.
    assert_eq!(bound(&[("A+", "holds(b) && !undetermined(a)"), ("NO", "")]), none("fails"));
    assert_eq!(bound(&[("A+", "holds(b) && !not_applicable(a)"), ("NO", "")]), none("fails"));
    for rejecting in ["holds(a)", "undetermined(a)", "!fails(a)", "holds(d) || holds(a)"] {
        assert_eq!(bound(&[("NO", rejecting), ("A+", "holds(b)"), ("NO", "")]), none("fails"), "{rejecting}");
        assert_eq!(bound(&[("NO", rejecting), ("A+", "")]), none("fails"), "{rejecting}");
    }
    for rules in [
        [("A+", "holds(b) && score.s <= 0.5"), ("NO", "")],
        [("A+", "!(score.s > 0.5)"), ("NO", "")],
        [("NO", "score.s >= 0.9"), ("A+", "")],
    ] {
        let named = bound(&rules).unwrap();
        assert!(named.starts_with("no bound is given") && named.contains("`c` fails"), "{rules:?} {named}");
    }
    // Not where something on the way to the acceptance asks that it holds.
    assert_eq!(bound(&[("LOOK", "undetermined(a)"), ("A+", "holds(a)"), ("NO", "")]), is("5%"));
    assert_eq!(bound(&[("NO", "fails(a) || undetermined(a)"), ("A+", "holds(d)"), ("NO", "")]), is("5%"));
    assert_eq!(bound(&[("A+", "holds(a) && !not_applicable(a)"), ("NO", "")]), is("5%"));
}

/// The bound that is printed of a plan with the rates `a`, `b` and the census `t`, which weighs as much as both.
fn bound_of(rules: &[(&str, &str)]) -> String {
    let claims = ["a", "b", "t"].map(|name| claim(name, if name == "t" { each() } else { rate(0.9) }));
    let plan = plan(1, claims.to_vec(), &[("a", 1.0), ("b", 1.0), ("t", 2.0)], rules);
    let rules = Rules::new(&plan, started());
    assert!(rules.errors.is_empty(), "{:?}", rules.errors);
    let bound = multiplicity::error_bound(&plan, &rules.demands, &|_| false);
    bound.map(|bound| wording::verdict::bound(&plan, &bound)).unwrap_or_default()
}

#[test]
fn a_rate_that_an_acceptance_is_reached_without_has_no_bound_and_is_named() {
    let not_given = |rules: &[(&str, &str)]| {
        let bound = bound_of(rules);
        let accepted = bound.strip_prefix(
            "no bound is given on the probability of an acceptance although a rate claim is false: the rules accept ",
        );
        accepted.unwrap_or_else(|| panic!("{rules:?}: {bound}")).to_owned()
    };
    let a = "A also where `a` fails";
    let both = "A also where `a` fails, and A also where `b` fails";
    for (when, named) in [
        ("holds(t) || holds(a)", a),
        ("!fails(t) || holds(a)", a),
        ("!(fails(a) && fails(t))", a),
        ("holds(b) && (holds(t) || holds(a))", a),
        ("holds(b) || holds(b) && holds(a)", a),
        ("holds(t) && score.s >= 0", both),
        ("holds(t) && score.s >= 0.5", both),
        ("holds(t) && score.s > -1", both),
        ("score.s >= 0.5", both),
        ("holds(t) && (holds(t) || holds(a) && holds(b))", both),
    ] {
        assert_eq!(not_given(&[("A+", when), ("NO", "")]), named, "{when}");
    }
    // Also by a rule before it that something else than the rate keeps from rejecting.
    assert_eq!(not_given(&[("NO", "fails(a) && fails(t)"), ("A+", "holds(b)"), ("NO", "")]), a);
    assert_eq!(not_given(&[("NO", "score.s < 0.5"), ("A+", "holds(b)"), ("NO", "")]), a);
}

#[test]
fn a_bound_says_which_rates_make_up_for_each_other() {
    let given = |rules: &[(&str, &str)]| {
        let bound = bound_of(rules);
        let end = bound.rsplit("; ").next().filter(|end| end.contains("is also reached")).map(str::to_owned);
        let although = bound.strip_prefix("the probability of an acceptance although ");
        let although =
            although.and_then(|rest| rest.split_once(" is at most 5%")).map(|(although, _)| although);
        (although.unwrap_or_else(|| panic!("{rules:?}: {bound}")).to_owned(), end)
    };
    let needed = ("a rate claim it needs is false".to_owned(), None);
    let too_few = (
        "too few of the rate claims it rests on are true".to_owned(),
        Some("A is also reached where some of `a`, `b` fail, if others of them make up for it".to_owned()),
    );
    for when in ["holds(a) || holds(b)", "score.s >= 0.7", "holds(t) && (holds(a) || holds(b))"] {
        assert_eq!(given(&[("A+", when), ("NO", "")]), too_few, "{when}");
    }
    assert_eq!(given(&[("NO", "fails(a) && fails(b)"), ("A+", "")]), too_few);
    for when in ["score.s >= 0.8", "holds(a) && score.s >= 0.8", "holds(a) && (holds(a) || holds(t))"] {
        assert_eq!(given(&[("A+", when), ("NO", "")]), needed, "{when}");
    }
    // What a rule before it rejects is needed, whatever the score says.
    let rules = [("NO", "fails(a) || fails(b)"), ("A+", "holds(t) && score.s >= 0.5"), ("NO", "")];
    assert_eq!(given(&rules), needed);
}

/// A rule that rejects where a rate fails is passed where that is waived.
#[test]
fn a_waiver_before_an_acceptance_leaves_no_bound_either() {
    let claims = vec![claim("a", rate(0.95)), claim("b", rate(0.95))];
    let mut plan = plan(1, claims, &[], &[("NO", "fails(a)"), ("GO+", "holds(b)"), ("NO", "")]);
    let judged = |plan: &Plan| {
        let found = vec![finding("a", Fails, of(0, 59)), finding("b", Holds, of(59, 59))];
        decide(plan, started(), found).verdict
    };
    plan.waivers = vec![waiver("a", "2027-01-31", false)];
    let verdict = judged(&plan);
    assert_eq!(verdict.label, "GO with waivers");
    let bound = verdict.error_bound.unwrap();
    assert!(bound.starts_with("no bound is given") && bound.ends_with("GO with `a` waived"), "{bound}");
}

/// A random condition without `!`, `fails` and the like: more that holds never makes it less true.
fn monotone() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")].prop_map(|name| format!("holds({name})")),
        (0..=10u32).prop_map(|tenths| format!("score.s >= {}", f64::from(tenths) / 10.0)),
        (0..=10u32).prop_map(|tenths| format!("{} < score.s", f64::from(tenths) / 10.0)),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), inner, any::<bool>())
            .prop_map(|(a, b, and)| format!("({a} {} {b})", if and { "&&" } else { "||" }))
    })
}

fn any_condition() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")];
    let asks = prop_oneof![Just("holds"), Just("fails"), Just("undetermined"), Just("not_applicable")];
    let order = prop_oneof![Just(">="), Just(">"), Just("<="), Just("<")];
    let leaf = prop_oneof![
        (asks, name).prop_map(|(asks, name)| format!("{asks}({name})")),
        (order, 0..=10u32)
            .prop_map(|(order, tenths)| format!("score.s {order} {}", f64::from(tenths) / 10.0)),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        (inner.clone(), inner, 0..3u8).prop_map(|(a, b, join)| match join {
            0 => format!("({a} && {b})"),
            1 => format!("({a} || {b})"),
            _ => format!("!({a})"),
        })
    })
}

/// How good a verdict is: accepted, inconclusive, rejected.
fn rank(accepted: Option<bool>) -> u8 {
    match accepted {
        Some(true) => 2,
        None => 1,
        Some(false) => 0,
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Holds), Just(Fails), Just(Undetermined)]
}

/// A finding with counts that lead to its outcome, about a rate of 80 %.
fn counted_finding(name: &str, outcome: Outcome, weak: bool) -> Finding {
    let counts = match (outcome, weak) {
        (Holds, true) => of(14, 14),
        (Holds, false) => of(60, 60),
        (Fails, true) => of(8, 14),
        (Fails, false) => of(0, 60),
        _ => of(4, 5),
    };
    let decided = statistics::decide_rate(&counts, Share(0.8), 0.05).0;
    assert_eq!(decided, outcome);
    finding(name, outcome, counts)
}

fn four_claims(rates: [bool; 4]) -> Vec<Claim> {
    ["a", "b", "c", "d"]
        .iter()
        .zip(rates)
        .map(|(name, is)| claim(name, if is { rate(0.8) } else { each() }))
        .collect()
}

const WEIGHTS: &[(&str, f64)] = &[("a", 1.0), ("b", 2.0), ("c", 0.5), ("d", 3.5)];

fn rules_of(conditions: &[String], accepted: &[bool]) -> Vec<(&'static str, String)> {
    let labels = [("A+", "A"), ("B+", "B"), ("C+", "C")];
    let rules = conditions.iter().zip(accepted).zip(labels);
    rules.map(|((when, accepted), (yes, no))| (if *accepted { yes } else { no }, when.clone())).collect()
}

proptest! {
    /// Accepting rules that only ask for what holds, and a last one that rejects: less that holds is never better.
    #[test]
    fn no_verdict_improves_when_a_finding_gets_worse(
        conditions in prop::collection::vec(monotone(), 1..4), rates: [bool; 4], weak: [bool; 4],
        found in prop::collection::vec(outcome(), 4), at in 0..4usize, waived: bool,
    ) {
        let mut rules = rules_of(&conditions, &[true; 3]);
        rules.push(("NO", String::new()));
        let rules: Vec<(&str, &str)> = rules.iter().map(|(label, when)| (*label, when.as_str())).collect();
        let mut plan = plan(1, four_claims(rates), WEIGHTS, &rules);
        if waived {
            plan.waivers = vec![waiver("b", "2027-01-31", true)];
        }
        let judged = |outcome: Outcome| {
            let mut found = found.clone();
            found[at] = outcome;
            let findings = ["a", "b", "c", "d"].iter().zip(found).zip(weak)
                .map(|((name, outcome), weak)| counted_finding(name, outcome, weak)).collect();
            decide(&plan, started(), findings).verdict
        };
        let (holds, open, fails) = (judged(Holds), judged(Undetermined), judged(Fails));
        prop_assert!(rank(holds.accepted) >= rank(open.accepted), "{holds:?} {open:?}");
        prop_assert!(rank(open.accepted) >= rank(fails.accepted), "{open:?} {fails:?}");
    }

    /// Whatever the rules say: when what is undetermined is found out, a label that was possible comes of it.
    #[test]
    fn finding_out_more_leads_to_a_label_that_was_possible(
        conditions in prop::collection::vec(any_condition(), 1..4), accepted: [bool; 3], rates: [bool; 4],
        weak: [bool; 4], mut found in prop::collection::vec(outcome(), 4), truth in prop::collection::vec(any::<bool>(), 4),
    ) {
        // `undetermined(x)` and `not_applicable(x)` are about the evidence itself and change when it does.
        prop_assume!(!conditions.iter().any(|when| when.contains("undetermined") || when.contains("not_applicable")));
        let mut rules = rules_of(&conditions, &accepted);
        rules.push(("NO", String::new()));
        let rules: Vec<(&str, &str)> = rules.iter().map(|(label, when)| (*label, when.as_str())).collect();
        let plan = plan(1, four_claims(rates), WEIGHTS, &rules);
        let judged = |found: &[Outcome], weak: [bool; 4]| {
            let findings = ["a", "b", "c", "d"].iter().zip(found).zip(weak)
                .map(|((name, outcome), weak)| counted_finding(name, *outcome, weak)).collect();
            decide(&plan, started(), findings).verdict
        };
        let before = judged(&found, weak);
        for (outcome, truth) in found.iter_mut().zip(truth) {
            if *outcome == Undetermined {
                *outcome = if truth { Holds } else { Fails };
            }
        }
        let after = judged(&found, [false; 4]);
        prop_assert_eq!(after.possible.len(), 1);
        prop_assert!(before.possible.contains(&after.possible[0]), "{:?} {:?}", before, after);
    }

    /// Any rules at all, read or not, with any findings: no panic, and the parts of the verdict agree.
    #[test]
    fn random_rules_never_panic(
        conditions in prop::collection::vec(prop_oneof![any_condition(), "[a-z()&|!.<>= 0-9]{0,40}", "\\PC{0,30}"], 1..4),
        accepted: [bool; 3], rates: [bool; 4], found in prop::collection::vec(prop_oneof![outcome(), Just(NotApplicable)], 0..4),
    ) {
        let rules = rules_of(&conditions, &accepted);
        let rules: Vec<(&str, &str)> = rules.iter().map(|(label, when)| (*label, when.as_str())).collect();
        let plan = plan(2, four_claims(rates), WEIGHTS, &rules);
        let verdict = verdict(&plan, &found);
        prop_assert!(!verdict.possible.is_empty());
        prop_assert_eq!(verdict.accepted == Some(true), verdict.possible.iter().all(|(_, accepted)| *accepted));
        prop_assert_eq!(verdict.accepted == Some(false), verdict.possible.iter().all(|(_, accepted)| !accepted));
    }
}

#[test]
fn a_rate_that_is_decided_more_strictly_fails_of_sure_misses_only() {
    // Two rates under a rejecting rule before the acceptance: each is decided at 97.5 %.
    let judged = |failures: u64, unsure: u64| {
        let claims = vec![claim("a", rate(0.95)), claim("b", rate(0.95)), claim("f", each())];
        let rules = [("BAD", "holds(a) && holds(b)"), ("GO+", "holds(f)"), ("NO", "")];
        let counts = Counts { unsure, ..of(100 - failures, 100) };
        let found =
            vec![finding("a", Fails, counts), finding("b", Fails, counts), finding("f", Holds, of(1, 1))];
        decide(&plan(1, claims, &[], &rules), started(), found).verdict.accepted
    };
    assert_eq!(judged(16, 0), Some(true));
    // Ten are too few at 97.5 %, and six that could not be evaluated make them no more.
    assert_eq!(judged(10, 0), None);
    assert_eq!(judged(16, 6), None);
}

#[test]
fn what_a_claim_rests_on_is_its_control_and_what_its_probes_and_those_beside_them_need() {
    let selected = Some(crate::judgement::Selected { left_out: 30, of: 60, meant: false });
    let judged = |set: &dyn Fn(&mut Plan)| {
        let claims = vec![claim("a", rate(0.95)), claim("c", each()), claim("d", each())];
        let mut plan = plan(1, claims, &[], &[("GO+", "holds(d)"), ("NO", "")]);
        for name in ["q", "w"] {
            plan.probes.push(Probe { name: name.to_owned(), ..plan.probes[0].clone() });
        }
        plan.claims[2].of = "q".to_owned();
        set(&mut plan);
        let rate = Finding { selected, ..finding("a", Holds, of(60, 60)) };
        let found = vec![rate, finding("c", Holds, of(1, 1)), finding("d", Holds, of(1, 1))];
        decide(&plan, started(), found).verdict.accepted
    };
    let needs = |plan: &mut Plan, probe: usize| plan.probes[probe].needs = Some("a".to_owned());
    assert_eq!(judged(&|_| ()), Some(true));
    assert_eq!(judged(&|plan| needs(plan, 1)), None);
    assert_eq!(judged(&|plan| plan.claims[2].control = Some("a".to_owned())), None);
    // The control's probe, and the one that runs beside its own.
    assert_eq!(
        judged(&|plan| {
            plan.claims[2].control = Some("c".to_owned());
            needs(plan, 0);
        }),
        None
    );
    assert_eq!(
        judged(&|plan| {
            plan.probes[1].with = Some("w".to_owned());
            needs(plan, 2);
        }),
        None
    );
}
