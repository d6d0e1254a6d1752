//! Conditions held against tables of sentences, and mistakes at their columns.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn scope() -> Scope {
    [
        ("answered", FactType::Bool),
        ("status", FactType::Int),
        ("age_s", FactType::Float),
        ("body", FactType::Text),
        ("modified", FactType::Moment),
        ("elapsed_ms", FactType::Interval),
        ("connect_ms", FactType::Interval),
        ("lines", FactType::List),
        ("headers", FactType::Map),
        ("json", FactType::Any),
        ("against.status", FactType::Int),
        ("against.elapsed_ms", FactType::Interval),
    ]
    .into_iter()
    .collect()
}

fn json(text: &str) -> Value {
    Value::from_json(text).unwrap()
}

/// An answer with status 200; what is not named was not looked at.
fn facts() -> BTreeMap<&'static str, Fact> {
    let known = [
        ("answered", json("true")),
        ("status", json("200")),
        ("age_s", json("1.5")),
        ("body", json("\"all ok\"")),
        ("modified", json("\"2026-01-31T23:59:59.000000Z\"")),
        ("elapsed_ms", Value::interval(90.0, Some(110.0))),
        ("connect_ms", Value::interval(5.0, None)),
        ("lines", json(r#"["a", "b"]"#)),
        ("headers", json(r#"{"server": "nginx"}"#)),
        (
            "json",
            json(
                r#"{"ok": true, "n": 3, "items": [{"up": true}, {"up": false}], "none": [], "nested": [[]]}"#,
            ),
        ),
        ("against.status", json("200")),
        ("against.elapsed_ms", Value::interval(500.0, Some(501.0))),
    ];
    known.into_iter().map(|(name, value)| (name, Fact::Known(value))).collect()
}

fn evaluate_with(source: &str, facts: &BTreeMap<&str, Fact>, empty_ok: bool) -> Evaluated {
    let check = compile(source, &scope(), empty_ok).unwrap_or_else(|error| panic!("{source}: {error:?}"));
    check.evaluate(&|name| facts[name].clone())
}

fn blocked(names: &[&'static str]) -> BTreeMap<&'static str, Fact> {
    let mut facts = facts();
    for name in names {
        facts.insert(name, Fact::Unknown(Blocked::new(Barrier::TimedOut, "after 5 s")));
    }
    facts
}

#[test]
fn what_was_seen_is_true_or_false() {
    for (source, truth) in [
        ("status == 200", true),
        ("status != 200", false),
        ("status >= 200 && status < 300", true),
        ("!(status == 200)", false),
        ("answered", true),
        ("!answered || status == 404", false),
        ("status - 100 == 100", true),
        ("status in [200, 204]", true),
        ("age_s < 2", true),
        ("age_s * 2.0 == 3.0", true),
        ("body.contains('ok')", true),
        ("body.matches('^all.*k$')", true),
        ("body.size() == 6 && size(lines) == 2", true),
        ("modified > \"2026-01-01\"", true),
        ("'a' in lines && 'server' in headers", true),
        ("headers.server == 'nginx' && headers['server'] == 'nginx'", true),
        ("has(json.ok) && !has(json.absent)", true),
        ("json.ok && json.n > 2", true),
        ("json.items.exists(i, i.up)", true),
        ("json.items.all(i, i.up)", false),
        ("json.items.filter(i, i.up).size() == 1", true),
        ("json.items.exists_one(i, i.up)", true),
        ("json.items.map(i, i.up) == [true, false]", true),
        ("json.items.all(i, i.up || status == 200)", true),
        ("status == against.status", true),
    ] {
        assert_eq!(evaluate_with(source, &facts(), false), Evaluated::known(truth), "{source}");
    }
}

#[test]
fn what_is_behind_a_barrier_is_unknown_unless_the_rest_decides() {
    let facts = blocked(&["status", "json"]);
    for (source, truth) in [
        ("status == 200", Truth::Unknown),
        ("!(status == 200)", Truth::Unknown),
        ("status == 200 && answered", Truth::Unknown),
        ("status == 200 && !answered", Truth::False),
        ("!answered && status == 200", Truth::False),
        ("status == 200 || answered", Truth::True),
        ("answered || status == 200", Truth::True),
        ("!(status == 200 && !answered)", Truth::True),
        ("status == status", Truth::Unknown),
        ("json.typo == 1 || status == 200", Truth::Unknown),
        ("lines.all(line, line.size() == status)", Truth::Unknown),
    ] {
        assert_eq!(evaluate_with(source, &facts, false).truth, truth, "{source}");
    }
    let evaluated = evaluate_with("answered && status == 200 && json.ok", &facts, false);
    let met: Vec<_> = evaluated.met.iter().map(|(fact, blocked)| (fact.as_str(), blocked.barrier)).collect();
    assert_eq!(met, [("status", Barrier::TimedOut), ("json", Barrier::TimedOut)]);
    assert!(evaluate_with("status == 200 || answered", &facts, false).met.is_empty());
}

#[test]
fn what_does_not_fit_what_was_observed_fails_with_the_reason() {
    for (source, reason) in [
        ("json.absent == 1", "there is no `absent`"),
        ("!(json.absent == 1)", "there is no `absent`"),
        ("!!!(json.absent == 1)", "there is no `absent`"),
        ("answered && !(json.absent == 1 || !answered)", "there is no `absent`"),
        ("json.ok > 1", "`>` is not made for bool and int"),
        ("json.ok + 1 == 2", "bool and int do not go together"),
        ("json.n", "it gives a value of type int, not true or false"),
        ("lines[7] == 'a'", "the list is shorter than that"),
        ("status / 0 == 1", "a division by zero"),
        ("status * 9223372036854775807 > 1", "a number beyond 64 bits"),
        ("json.items.all(i, i.down)", "there is no `down`"),
        ("headers.absent == 'x'", "there is no `absent`"),
    ] {
        let evaluated = evaluate_with(source, &facts(), false);
        assert_eq!((evaluated.truth, evaluated.reasons), (Truth::Error, vec![reason.to_owned()]), "{source}");
    }
    // The rest may still decide.
    assert_eq!(evaluate_with("json.absent == 1 || answered", &facts(), false).truth, Truth::True);
}

#[test]
fn nothing_passes_on_an_empty_list() {
    for (source, if_ok) in [
        ("json.none.all(x, x.up)", true),
        ("json.none.exists(x, x.up)", false),
        ("!json.none.exists(x, x.up)", true),
        ("json.none.exists_one(x, x.up)", false),
        ("json.none.filter(x, x.up).size() == 0", true),
        ("json.none.map(x, x.up) == []", true),
        ("json.nested.all(x, x.all(y, y == 1))", true),
        ("{}.all(k, k == status)", true),
    ] {
        let strict = evaluate_with(source, &facts(), false);
        assert_eq!(strict.truth, Truth::Unknown, "{source}");
        assert_eq!(strict.reasons.len(), 1, "{source}");
        assert_eq!(evaluate_with(source, &facts(), true).truth, if_ok.into(), "{source}");
    }
    assert_eq!(
        evaluate_with("json.items.all(i, i.n == 7) || json.none.all(x, x)", &facts(), false).truth,
        Truth::Unknown
    );
    assert_eq!(evaluate_with("size(json.none) == 0", &facts(), false).truth, Truth::True);
    assert_eq!(evaluate_with("answered || json.none.all(x, x.up)", &facts(), false).truth, Truth::True);
}

#[test]
fn a_measured_interval_decides_only_what_it_does_not_straddle() {
    for (source, truth) in [
        ("elapsed_ms < 111", Truth::True),
        ("elapsed_ms < 110", Truth::Unknown),
        ("elapsed_ms <= 110", Truth::True),
        ("elapsed_ms < 90", Truth::False),
        ("elapsed_ms <= 90", Truth::Unknown),
        ("elapsed_ms > 89.5", Truth::True),
        ("elapsed_ms > 90", Truth::Unknown),
        ("elapsed_ms >= 90", Truth::True),
        ("!(elapsed_ms < 100)", Truth::Unknown),
        ("100 > elapsed_ms", Truth::Unknown),
        ("elapsed_ms * 2 - 20 < 201", Truth::True),
        ("-elapsed_ms < -89", Truth::True),
        ("elapsed_ms < status", Truth::True),
        ("connect_ms < 5", Truth::False),
        ("connect_ms < 1000000", Truth::Unknown),
        ("connect_ms > 4", Truth::True),
        ("connect_ms * 0 <= 0", Truth::True),
        ("elapsed_ms < against.elapsed_ms", Truth::True),
        ("elapsed_ms < 200 && elapsed_ms > 10", Truth::True),
    ] {
        assert_eq!(evaluate_with(source, &facts(), false).truth, truth, "{source}");
    }
    let straddles = evaluate_with("elapsed_ms < 100", &facts(), false);
    assert_eq!(straddles.met[0].0, "elapsed_ms");
    assert_eq!(straddles.met[0].1.barrier, Barrier::Overloaded);
}

#[test]
fn mistakes_are_found_before_the_run_at_their_column() {
    for (source, offset, message) in [
        ("statsu == 200", 0, "there is no fact `statsu` here; did you mean `status`?"),
        ("answered && statsu == 200", 12, "there is no fact `statsu` here; did you mean `status`?"),
        ("'äöü' == body || statsu == 2", 17, "there is no fact `statsu` here; did you mean `status`?"),
        ("'äöü' == body # 1", 14, "this condition cannot be read from `#` on"),
        ("status == against.statsu", 18, "there is no fact `statsu` here; did you mean `against.status`?"),
        ("against == 1", 0, "`against` stands before the name of a fact, as in `against.size_bytes`"),
        ("status == \"200\"", 7, "`status` is an int and is compared with text"),
        ("\"200\" == status", 6, "`status` is an int and is compared with text"),
        ("body == 200", 5, "`body` is text and is compared with an int"),
        ("answered == 1", 9, "`answered` is a bool and is compared with an int"),
        ("lines.size() == 'a'", 13, "this is text and is compared with an int"),
        ("status", 0, "`status` is an int, not true or false"),
        ("status + 1", 7, "this is an int, not true or false"),
        ("age_s * 2 > 1", 6, "a whole number and a number with a fraction do not mix here"),
        ("'ok' in body", 5, "`body` is text; `in` looks into lists and maps"),
        ("status.contains('2')", 15, "`status` is an int; `contains` is for text"),
        ("status.code == 1", 6, "`status` is an int has no field `code`"),
        ("body.matches('(')", 13, "this regular expression cannot be read"),
        ("elapsed_ms == 100", 11, "a measured time may not stand here"),
        ("elapsed_ms", 0, "a measured time is not true or false"),
        ("elapsed_ms - elapsed_ms < 1", 13, "a measured time may stand only once in a comparison"),
        ("elapsed_ms / 2 < 1", 11, "this may not stand beside a measured time"),
        ("elapsed_ms < json.n", 17, "this may not stand beside a measured time"),
        ("lines.all(x, elapsed_ms < 3)", 9, "a measured time may not stand here"),
        ("answered ? answered : answered", 9, "`? :` is not allowed in a condition"),
        ("lines.all(x, x.exists(y, y.exists(z, z == 1)))", 33, "a condition looks through at most two lists"),
        ("startWith(body, 'x')", 9, "there is no function `startWith`; did you mean `startsWith`?"),
        ("body.contains('a', 'b')", 13, "`contains` is used otherwise"),
        ("lines.all(x)", 9, "`all` is used otherwise"),
        ("now() > 1", 3, "there is no function `now`"),
        ("1 == 1", 0, "this condition reads no fact, so it says nothing about the target"),
        ("true", 0, "this condition reads no fact, so it says nothing about the target"),
        ("", 0, "this condition is empty"),
        ("status ==", 9, "this condition ends too early"),
        ("(status == 1", 12, "this condition ends too early"),
        ("status = 200", 7, "a comparison is written `==`"),
        ("answered and answered", 9, "`and` is written `&&`"),
        ("answered & answered", 9, "conditions are joined with `&&` and `||`, each written twice"),
        ("body == 'ok", 8, "this text is not closed, or stands where none is expected"),
        ("status == 1 #", 12, "this condition cannot be read from `#` on"),
        ("has(status)", 4, "`has` asks for a field"),
        ("Thing{a: 1} == json", 5, "this is not allowed in a condition"),
        ("body == 1.?x", 9, "this condition cannot be read from `.` on"),
    ] {
        let error = compile(source, &scope(), false).err().unwrap_or_else(|| panic!("{source} is accepted"));
        assert_eq!((error.offset, error.message.as_str()), (offset, message), "{source}: {error:?}");
    }
    let hints = |source| compile(source, &scope(), false).unwrap_err().hint;
    assert_eq!(hints("status == \"200\""), "write 200");
    assert_eq!(hints("body == 200"), "write \"200\"");
    assert!(hints("statsu == 1").contains("elapsed_ms"));
}

#[test]
fn a_place_in_a_condition_is_a_place_in_the_plan() {
    let at = probity_plan::Position { file: "plan.yaml".into(), line: 7, column: 20 };
    let mut condition =
        probity_plan::Condition { source: "answered && statsu == 2".to_owned(), at, filled: false };
    let error = compile(&condition.source, &scope(), false).unwrap_err();
    let located = |condition: &probity_plan::Condition| {
        let (at, message) = crate::rule::located(condition, error.offset, "wrong".to_owned());
        format!("{at}: {message}")
    };
    assert_eq!(located(&condition), "plan.yaml:7:32: wrong");
    condition.filled = true;
    assert_eq!(
        located(&condition),
        "plan.yaml:7:20: wrong (character 13 of `answered && statsu == 2`, into which inputs were filled)"
    );
}

#[test]
fn what_a_condition_reads() {
    let check = compile("status ==  200 &&\n answered\t|| body == 'a  b' && lines.all(x, x == body) && status == against.status", &scope(), false).unwrap();
    assert_eq!(check.reads().collect::<Vec<_>>(), ["answered", "body", "lines", "status"]);
    assert_eq!(check.reads_against().collect::<Vec<_>>(), ["status"]);
    assert_eq!(
        check.text(),
        "status == 200 && answered || body == 'a  b' && lines.all(x, x == body) && status == against.status"
    );
}

/// Each of these kills or stalls the parser or the evaluation of the library where nothing stands before it.
#[test]
fn hostile_sources_are_refused_and_nothing_panics() {
    for source in [
        "(".repeat(1024),
        "1+".repeat(511) + "1",
        "[".repeat(500),
        "status".to_owned() + &".a".repeat(500),
        "lines".to_owned() + &".map(x,[x,x])".repeat(24),
        "x".repeat(70_000),
        "\0\u{202e}\u{1b}[31m".to_owned(),
        "'\\".to_owned(),
    ] {
        assert!(compile(&source, &scope(), false).is_err(), "{}", &source[..source.len().min(30)]);
    }
    let long = vec!["answered"; 93].join("||");
    assert_eq!(evaluate_with(&long, &facts(), false).truth, Truth::True);
    let deep = format!("{}answered{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(evaluate_with(&deep, &facts(), false).truth, Truth::True);
}

#[test]
fn a_long_list_from_the_target_does_not_stall_a_condition() {
    let mut facts = facts();
    facts.insert("lines", Fact::Known(Value::List((0..50_000).map(Value::from).collect())));
    for source in [
        "lines.all(a, lines.exists(b, a == b))",
        "lines.all(a, a in lines)",
        "lines.map(a, a in lines) == []",
    ] {
        let evaluated = evaluate_with(source, &facts, false);
        assert_eq!(evaluated.met[0].1.barrier, Barrier::TooLarge, "{source}");
    }
    assert_eq!(evaluate_with("lines.all(a, a >= 0)", &facts, false).truth, Truth::True);
    assert_eq!(evaluate_with("lines.filter(a, a < 3).exists(b, b == 2)", &facts, false).truth, Truth::True);
    facts.insert("lines", Fact::Known(Value::List((0..50).map(Value::from).collect())));
    assert_eq!(
        evaluate_with("lines.all(a, lines.exists(b, a == b) && a in lines)", &facts, false).truth,
        Truth::True
    );
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
    fn conditions_follow_kleene_logic(a in formula(), b in formula(), c in formula(), facts in some_blocked()) {
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

    /// More barriers never turn a false into a true, or the other way round.
    #[test]
    fn a_barrier_never_changes_a_decided_condition_into_the_opposite(a in formula(), fewer in some_blocked()) {
        let seen = evaluate_with(&a, &facts(), false).truth;
        let less = evaluate_with(&a, &fewer, false).truth;
        let decided = |truth| matches!(truth, Truth::True | Truth::False);
        prop_assert!(less == seen || !decided(less) || !decided(seen), "{a}: {seen:?} {less:?}");
        if seen == Truth::Unknown && !fewer.iter().any(|(name, fact)| *name == "elapsed_ms" && matches!(fact, Fact::Unknown(_))) {
            prop_assert!(!decided(less));
        }
    }

    #[test]
    fn no_source_panics(source in "[a-z0-9_().&|!=<>+*/%?:'\"\\[\\]{}, -]{0,60}") {
        if let Ok(check) = compile(&source, &scope(), false) {
            check.evaluate(&|name| facts()[name].clone());
        }
    }
}
