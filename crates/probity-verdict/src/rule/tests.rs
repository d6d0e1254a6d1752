//! What a rule may say, and what is said when it says something else.

use probity_diagnostic::Position;

use super::*;

const CLAIMS: &[&str] = &["roles", "starts", "prompt"];
const SCORES: &[&str] = &["deployment"];

fn read(source: &str) -> Result<Node, RuleError> {
    let at = Position { file: "plan.yaml".into(), line: 30, column: 30 };
    parse(&Condition { source: source.to_owned(), at, filled: false }, CLAIMS, SCORES)
}

fn truth(source: &str, outcomes: [Outcome; 3], score: (f64, f64)) -> Truth {
    let truth = |leaf: &Node, _| match leaf {
        Node::Claim(asks, claim) => asks.of(outcomes[*claim]),
        Node::Score(_, order, number) => order.of(score, *number),
        _ => Truth::Unknown,
    };
    read(source).unwrap().truth_of(&truth, true)
}

use Outcome::{Fails, Holds, NotApplicable, Undetermined};

#[test]
fn predicates_over_the_four_outcomes() {
    use Truth::{False as F, True as T, Unknown as U};
    let table = [
        ("holds(roles)", [T, F, U, F]),
        ("fails(roles)", [F, T, U, F]),
        ("undetermined(roles)", [F, F, T, F]),
        ("not_applicable(roles)", [F, F, F, T]),
    ];
    for (source, expected) in table {
        for (outcome, expected) in [Holds, Fails, Undetermined, NotApplicable].into_iter().zip(expected) {
            assert_eq!(truth(source, [outcome, Holds, Holds], (0.0, 1.0)), expected, "{source} {outcome:?}");
        }
    }
}

#[test]
fn a_score_is_compared_as_an_interval() {
    use Truth::{False, True, Unknown};
    let table = [
        ((0.9, 0.9), [True, False, True, False]),
        ((0.9, 1.0), [True, Unknown, Unknown, False]),
        ((0.5, 0.9), [Unknown, False, True, Unknown]),
        ((0.5, 0.8), [False, False, True, True]),
        ((0.95, 1.0), [True, True, False, False]),
    ];
    for (score, expected) in table {
        for (order, expected) in [">=", ">", "<=", "<"].into_iter().zip(expected) {
            let source = format!("score.deployment {order} 0.9");
            assert_eq!(truth(&source, [Holds; 3], score), expected, "{source} {score:?}");
        }
    }
    assert_eq!(read("0.9 <= score.deployment"), read("score.deployment >= 0.9"));
    assert_eq!(truth("score.deployment >= 1", [Holds; 3], (1.0, 1.0)), True);
}

#[test]
fn unknown_gives_way_to_what_decides() {
    let found = [Undetermined, Holds, Fails];
    assert_eq!(truth("holds(roles) && fails(starts)", found, (0.0, 1.0)), Truth::False);
    assert_eq!(truth("holds(starts) || holds(roles)", found, (0.0, 1.0)), Truth::True);
    assert_eq!(truth("!(holds(roles) && holds(starts))", found, (0.0, 1.0)), Truth::Unknown);
}

#[test]
fn what_a_rule_may_not_say_is_told_with_its_column() {
    let table = [
        ("", "plan.yaml:30:30: this rule's condition is empty"),
        ("holds(roles) &&", "plan.yaml:30:45: this rule ends too early"),
        ("holds(roles) and holds(starts)", "plan.yaml:30:43: `and` is written `&&` in a rule"),
        ("holds(roles) or holds(starts)", "plan.yaml:30:43: `or` is written `||` in a rule"),
        (
            "score.deployment = 1",
            "plan.yaml:30:47: a single `=` is no comparison; a score is compared with >=, >, <= or <",
        ),
        (
            "holds(roles) & holds(starts)",
            "plan.yaml:30:43: conditions are joined with `&&` and `||`, each written twice",
        ),
        ("holds(roles) )", "plan.yaml:30:43: this rule cannot be read from `)` on"),
        ("holds(role)", "plan.yaml:30:36: there is no claim `role`; did you mean `roles`?"),
        ("holds(everything)", "plan.yaml:30:36: there is no claim `everything`"),
        ("hold(roles)", "plan.yaml:30:30: `hold` is not known in a verdict rule; did you mean `holds`?"),
        (
            "holds(roles) && score.deploymnt >= 0.9",
            "plan.yaml:30:52: there is no score `deploymnt`; did you mean `deployment`?",
        ),
        (
            "score.deployment == 1",
            "plan.yaml:30:47: a score is an interval and cannot be compared with == or !=",
        ),
        ("holds(roles) == true", "plan.yaml:30:43: what a claim is asked is true or false by itself"),
        ("score.deployment >= holds(roles)", "plan.yaml:30:47: a score is compared with a number here"),
        ("roles >= 0.9", "plan.yaml:30:30: only a score is compared with a number"),
        ("holds(roles, starts)", "plan.yaml:30:30: `holds` takes the name of one claim, not 2 arguments"),
        ("holds(\"roles\")", "plan.yaml:30:36: the name of a claim is expected here"),
        ("roles && holds(starts)", "plan.yaml:30:30: `roles` alone says nothing about the claim"),
        ("true", "plan.yaml:30:30: this is not allowed in a verdict rule"),
        ("holds(roles) ? true : false", "plan.yaml:30:43: this is not allowed in a verdict rule"),
        ("holds(roles) &&\n  fails(x)", "plan.yaml:31:9: there is no claim `x`"),
    ];
    for (source, expected) in table {
        assert_eq!(read(source).unwrap_err().to_string(), expected, "{source}");
    }
}

#[test]
fn a_condition_too_long_is_refused_before_it_is_parsed() {
    let error = read(&format!("{}holds(roles)", "!".repeat(1100))).unwrap_err();
    assert_eq!(error.to_string(), "plan.yaml:30:30: this rule has 1112 bytes; a condition has at most 1024");
    // The longest that is parsed, as nested and as chained as it can be, does not overflow a test's stack.
    for source in [
        "(".repeat(MAX_SOURCE),
        "!".repeat(MAX_SOURCE),
        "holds(roles)&&".repeat(MAX_SOURCE / 14),
        "[".repeat(MAX_SOURCE),
    ] {
        assert!(read(&source).is_err());
    }
    let long = "holds(roles)||".repeat(70) + "holds(roles)";
    assert_eq!(truth(&long, [Holds; 3], (0.0, 1.0)), Truth::True);
}
