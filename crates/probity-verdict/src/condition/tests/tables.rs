//! The evaluator against the documented tables, and against a model of them that looks at everything.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The lines of the first block of docs/plan-language.md with this fence.
fn documented(fence: &str) -> Vec<&'static str> {
    let page = include_str!("../../../../../docs/plan-language.md");
    let after = page.split_once(&format!("```{fence}\n")).unwrap().1;
    after.split_once("\n```").unwrap().0.lines().collect()
}

#[test]
fn every_condition_of_the_reference_can_be_read() {
    let lines = documented("conditions");
    assert!(lines.len() >= 7, "{lines:?}");
    for line in lines {
        let read = compile(line, &scope(), false);
        assert!(read.is_ok(), "{line}: {:?}", read.err());
    }
}

#[test]
fn truth_values_are_joined_as_the_reference_says() {
    let page = include_str!("../../../../../docs/plan-language.md");
    let truths = [
        ("true", Truth4::True, "answered"),
        ("false", Truth4::False, "status == 1"),
        ("unknown", Truth4::Unknown, "age_s > 1"),
        ("error", Truth4::Error, "json.absent"),
    ];
    let facts = blocked(&["age_s"]);
    for (header, operator) in [("| `a && b` |", "&&"), ("| `a \\|\\| b` |", "||")] {
        let rows: Vec<&str> =
            page.lines().skip_while(|line| !line.starts_with(header)).skip(2).take(4).collect();
        for (row, (name, a, written_a)) in rows.iter().zip(truths) {
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('*')).collect();
            assert_eq!(cells[1], name, "{row}");
            for (cell, (_, b, written_b)) in cells[2..].iter().zip(truths) {
                let expected = truths.iter().find(|(name, ..)| name == cell).unwrap().1;
                let joined = if operator == "&&" { a.and(b) } else { a.or(b) };
                assert_eq!(joined, expected, "{a:?} {operator} {b:?}");
                let source = format!("{written_a} {operator} {written_b}");
                assert_eq!(evaluate_with(&source, &facts, false).truth, expected, "{source}");
            }
        }
    }
}

/// A condition of the reference model: what is known of it without the evaluator.
#[derive(Clone, Debug)]
enum Model {
    /// An atom as it is written, with its truth and that of its negation.
    Atom(&'static str, Truth4),
    /// An atom about the element that is being looked at, with its truth for each of [`ELEMENTS`].
    OfElement(&'static str, [Truth4; 4]),
    Not(Box<Model>),
    And(Vec<Model>),
    Or(Vec<Model>),
    All(Box<Model>),
    Exists(Box<Model>),
}

/// `json` in the model.
const ELEMENTS: &str = r#"[1, "a", null, 2]"#;

impl Model {
    fn written(&self) -> String {
        let joined = |parts: &[Self], with: &str| {
            let parts = parts.iter().map(|part| format!("({})", part.written()));
            parts.collect::<Vec<_>>().join(with)
        };
        match self {
            Self::Atom(text, _) | Self::OfElement(text, _) => (*text).to_owned(),
            Self::Not(inner) => format!("!({})", inner.written()),
            Self::And(parts) => joined(parts, " && "),
            Self::Or(parts) => joined(parts, " || "),
            Self::All(body) => format!("json.all(x, {})", body.written()),
            Self::Exists(body) => format!("json.exists(x, {})", body.written()),
        }
    }

    /// By the tables, every part looked at.
    fn truth(&self, negated: bool, element: usize) -> Truth4 {
        let and = |parts: &mut dyn Iterator<Item = Truth4>| parts.fold(Truth4::True, Truth4::and);
        let or = |parts: &mut dyn Iterator<Item = Truth4>| parts.fold(Truth4::False, Truth4::or);
        let of_atom = |truth| match truth {
            Truth4::True if negated => Truth4::False,
            Truth4::False if negated => Truth4::True,
            truth => truth,
        };
        match self {
            Self::Atom(_, truth) => of_atom(*truth),
            Self::OfElement(_, truths) => of_atom(truths[element]),
            Self::Not(inner) => inner.truth(!negated, element),
            Self::And(parts) | Self::Or(parts) => {
                let mut truths = parts.iter().map(|part| part.truth(negated, element));
                if matches!(self, Self::And(_)) != negated { and(&mut truths) } else { or(&mut truths) }
            }
            Self::All(body) | Self::Exists(body) => {
                let mut truths = (0..4).map(|element| body.truth(negated, element));
                if matches!(self, Self::All(_)) != negated { and(&mut truths) } else { or(&mut truths) }
            }
        }
    }
}

fn model() -> impl Strategy<Value = Model> {
    use Truth4::{Error as E, False as F, True as T, Unknown as U};
    let atoms = prop::sample::select(vec![
        Model::Atom("answered", T),
        Model::Atom("status == 1", F),
        Model::Atom("status != 1", T),
        Model::Atom("status in [1, 200]", T),
        Model::Atom("'z' in lines", F),
        Model::Atom("age_s > 1", U),
        Model::Atom("elapsed_ms < 100", U),
        Model::Atom("age_s + headers.absent == 1", E),
        Model::Atom("lines[7] == age_s", E),
        Model::Atom("headers.absent", E),
        Model::Atom("status / 0 == 1", E),
        Model::Atom("[headers.server, status] == ['nginx', 1]", F),
        Model::Atom("[headers.server, body] == [1, 'other']", F),
        Model::Atom("[headers.server, status] == [1, 200]", E),
        Model::Atom("lines.filter(l, l > headers.server || l == 'a') == ['a']", T),
        Model::Atom("lines.exists_one(l, l == age_s)", U),
        Model::Atom("lines.map(l, headers[l]) == []", E),
    ]);
    let of_element = prop::sample::select(vec![
        Model::OfElement("x == 1", [T, E, F, F]),
        Model::OfElement("x != 1", [F, E, T, T]),
        Model::OfElement("x == null", [F, F, T, F]),
        Model::OfElement("x in [1, 'a']", [T, T, F, E]),
        Model::OfElement("x > 1", [F, E, E, T]),
        Model::OfElement("x == age_s", [U, U, U, U]),
        Model::OfElement("x < age_s", [U, U, U, U]),
    ]);
    let of_element = of_element.prop_recursive(2, 6, 2, {
        let atoms = atoms.clone();
        move |inner| {
            let part = prop_oneof![inner, atoms.clone()];
            prop_oneof![
                prop::collection::vec(part.clone(), 2..4).prop_map(Model::And),
                prop::collection::vec(part.clone(), 2..4).prop_map(Model::Or),
                part.prop_map(|inner| Model::Not(Box::new(inner))),
            ]
        }
    });
    let quantified = (of_element, any::<bool>())
        .prop_map(|(body, all)| if all { Model::All(Box::new(body)) } else { Model::Exists(Box::new(body)) });
    prop_oneof![atoms, quantified].prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Model::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Model::Or),
            inner.prop_map(|inner| Model::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn the_evaluator_agrees_with_the_tables(model in model()) {
        let mut facts = blocked(&["age_s"]);
        facts.insert("json", Fact::Known(json(ELEMENTS)));
        let source = model.written();
        // Some are too long, or too deep.
        if let Ok(check) = compile(&source, &scope(), false) {
            let evaluated = check.evaluate(&|name| facts[name].clone(), &mut Budget::default());
            prop_assert_eq!(evaluated.truth, model.truth(false, 0), "{}", source);
            if evaluated.truth == Truth4::Error {
                prop_assert!(!evaluated.reasons.is_empty(), "{}", source);
            }
            if evaluated.truth == Truth4::Unknown {
                prop_assert!(!evaluated.met.is_empty(), "{}", source);
            }
        }
    }

    /// `!` before anything is what the other operator says of its negations.
    #[test]
    fn negation_moves_inwards(a in model(), b in model()) {
        let mut facts = blocked(&["age_s"]);
        facts.insert("json", Fact::Known(json(ELEMENTS)));
        let truth = |source: &str| {
            let check = compile(source, &scope(), false).ok()?;
            Some(check.evaluate(&|name| facts[name].clone(), &mut Budget::default()).truth)
        };
        let (a, b) = (a.written(), b.written());
        for (whole, parts) in [
            (format!("!(({a}) && ({b}))"), format!("!({a}) || !({b})")),
            (format!("!(({a}) || ({b}))"), format!("!({a}) && !({b})")),
            (format!("!json.all(x, ({a}) || x == 1)"), format!("json.exists(x, !({a}) && x != 1)")),
            (format!("!json.exists(x, ({a}) && x in [1])"), format!("json.all(x, !({a}) || !(x in [1]))")),
            (format!("!!({a})"), a.clone()),
        ] {
            if let (Some(whole_truth), Some(parts_truth)) = (truth(&whole), truth(&parts)) {
                prop_assert_eq!(whole_truth, parts_truth, "{} | {}", whole, parts);
            }
        }
    }
}

/// Random conditions over three facts, of which each may be true, false or behind a barrier.
fn formula() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("answered".to_owned()),
        Just("json.ok".to_owned()),
        Just("json.absent".to_owned()),
        Just("status == 200".to_owned()),
        Just("elapsed_ms < 100".to_owned()),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

fn some_blocked() -> impl Strategy<Value = BTreeMap<&'static str, Fact>> {
    proptest::sample::subsequence(vec!["answered", "json", "status", "elapsed_ms"], 0..=4)
        .prop_map(|names| blocked(&names))
}

proptest! {
    #[test]
    fn and_and_or_are_commutative_associative_and_follow_de_morgan(a in formula(), b in formula(), c in formula(), facts in some_blocked()) {
        let truth = |source: &str| evaluate_with(source, &facts, false).truth;
        for op in ["&&", "||"] {
            prop_assert_eq!(truth(&format!("({a}) {op} ({b})")), truth(&format!("({b}) {op} ({a})")));
            prop_assert_eq!(truth(&format!("({a}) {op} ({a})")), truth(&a));
            prop_assert_eq!(
                truth(&format!("(({a}) {op} ({b})) {op} ({c})")),
                truth(&format!("({a}) {op} (({b}) {op} ({c}))"))
            );
        }
        prop_assert_eq!(truth(&format!("!(({a}) && ({b}))")), truth(&format!("!({a}) || !({b})")));
        prop_assert_eq!(truth(&format!("!(({a}) || ({b}))")), truth(&format!("!({a}) && !({b})")));
        prop_assert_eq!(truth(&format!("!!({a})")), truth(&a));
    }

    /// More barriers never turn what does not hold into what holds, or the other way round.
    #[test]
    fn a_barrier_never_changes_a_decided_condition_into_the_opposite(a in formula(), fewer in some_blocked()) {
        let seen = evaluate_with(&a, &facts(), false).truth;
        let less = evaluate_with(&a, &fewer, false).truth;
        let may = match less {
            Truth4::True | Truth4::False => less == seen || seen == Truth4::Unknown,
            Truth4::Error => seen != Truth4::True,
            Truth4::Unknown => true,
        };
        prop_assert!(may, "{a}: {seen:?} {less:?}");
        if seen == Truth4::Unknown && !fewer.iter().any(|(name, fact)| *name == "elapsed_ms" && matches!(fact, Fact::Unknown(_))) {
            prop_assert!(matches!(less, Truth4::Unknown));
        }
    }

    #[test]
    fn no_source_panics(source in "[a-z0-9_().&|!=<>+*/%?:'\"\\[\\]{}, -]{0,60}") {
        if let Ok(check) = compile(&source, &scope(), false) {
            check.evaluate(&|name| facts()[name].clone(), &mut Budget::default());
        }
    }
}
