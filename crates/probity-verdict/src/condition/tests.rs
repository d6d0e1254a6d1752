//! Conditions held against tables of sentences, and mistakes at their columns.

use std::collections::BTreeMap;

use probity_plan::FactType;
use proptest::prelude::*;

use super::*;

fn scope() -> Scope {
    [
        ("answered", FactType::Bool),
        ("status", FactType::Int),
        ("size_bytes", FactType::Int),
        ("age_s", FactType::Float),
        ("body", FactType::Text),
        ("modified", FactType::Moment),
        ("times", FactType::Moments),
        ("mode", FactType::Mode),
        ("release", FactType::Version),
        ("elapsed_ms", FactType::Interval),
        ("connect_ms", FactType::Interval),
        ("lines", FactType::List),
        ("headers", FactType::Map),
        ("json", FactType::Any),
        ("against.status", FactType::Int),
        ("against.size_bytes", FactType::Int),
        ("against.elapsed_ms", FactType::Interval),
    ]
    .into_iter()
    .collect()
}

fn json(text: &str) -> Value {
    Value::from_json(text).unwrap()
}

fn moment(text: &str) -> Value {
    Value::Moment(probity_plan::Moment::parse(text).unwrap())
}

/// An answer with status 200; what is not named was not looked at.
fn facts() -> BTreeMap<&'static str, Fact> {
    let known = [
        ("answered", json("true")),
        ("status", json("200")),
        ("age_s", json("1.5")),
        ("body", json("\"all ok\"")),
        ("modified", moment("2026-01-31T23:59:59Z")),
        ("times", Value::List(vec![moment("2026-01-01T00:00:00Z"), moment("2026-01-02T00:00:00Z")])),
        ("mode", json("\"640\"")),
        ("release", json("\"9.0-1\"")),
        ("elapsed_ms", Value::interval(90.0, Some(110.0))),
        ("connect_ms", Value::interval(5.0, None)),
        ("lines", json(r#"["a", "b"]"#)),
        ("headers", json(r#"{"server": "nginx"}"#)),
        (
            "json",
            json(
                r#"{"ok": true, "n": 3, "items": [{"up": true}, {"up": false}], "none": [], "nested": [[]], "nothing": null}"#,
            ),
        ),
        ("against.status", json("200")),
        ("against.elapsed_ms", Value::interval(500.0, Some(501.0))),
    ];
    known.into_iter().map(|(name, value)| (name, Fact::Known(value))).collect()
}

fn evaluate_with(source: &str, facts: &BTreeMap<&str, Fact>, empty_ok: bool) -> Evaluated {
    let check = compile(source, &scope(), empty_ok).unwrap_or_else(|error| panic!("{source}: {error:?}"));
    check.evaluate(&|name| facts[name].clone(), &mut Budget::default())
}

fn sentences(evaluated: &Evaluated) -> Vec<String> {
    evaluated.reasons.iter().map(ToString::to_string).collect()
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
        ("modified > \"2026-01-01T00:00:00Z\"", true),
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
        ("-status < -100 && --status == 200 && !!answered", true),
        ("status / 3 * 3 != status && status % 7 == 4", true),
        ("1 + 2 * 3 == status - 193", true),
        ("(answered == true) == (status == 200)", true),
        ("body + '!' == 'all ok!' && lines + ['c'] == ['a', 'b', 'c']", true),
        ("int('7') + int(2.9) == 9 && double('0.5') == 0.5 && string(json.n) == '3'", true),
        ("json.n in [1, 3.0]", true),
        ("lines.map(l, l == 'b', l + '!') == ['b!']", true),
        ("headers == {'server': 'nginx'} && {'a': [json.n]}.a == [3]", true),
        ("headers.all(name, name.startsWith('s')) && headers.map(n, headers[n]) == ['nginx']", true),
        ("body.matches(r'^all\\sok$') && body == \"all\\x20ok\"", true),
        ("json.none == [] && json.nothing == null && json != null && !(null in lines)", true),
    ] {
        let evaluated = evaluate_with(source, &facts(), false);
        assert_eq!(Evaluated { witness: vec![], ..evaluated }, Evaluated::known(truth), "{source}");
    }
}

#[test]
fn what_is_behind_a_barrier_is_unknown_unless_the_rest_decides() {
    let facts = blocked(&["status", "json"]);
    for (source, truth) in [
        ("status == 200", Truth4::Unknown),
        ("!(status == 200)", Truth4::Unknown),
        ("status == 200 && answered", Truth4::Unknown),
        ("status == 200 && !answered", Truth4::False),
        ("!answered && status == 200", Truth4::False),
        ("status == 200 || answered", Truth4::True),
        ("answered || status == 200", Truth4::True),
        ("!(status == 200 && !answered)", Truth4::True),
        ("status == status", Truth4::Unknown),
        ("json.typo == 1 || status == 200", Truth4::Unknown),
        ("lines.all(line, line.size() == status)", Truth4::Unknown),
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
        ("json.ok > 1", "`>` does not compare true or false with a number"),
        ("json.ok + 1 == 2", "`+` is not made for true or false"),
        ("json.n", "it is a number, not true or false"),
        ("json.n == '3'", "`==` does not compare a number with text"),
        ("json.n != '3'", "`!=` does not compare a number with text"),
        ("!(json.n in ['3', 4])", "`in` does not compare a number with text"),
        ("json.items == [1, 2]", "`==` does not compare a map with a number"),
        ("lines[0.5] == 'a'", "`[]` takes whole numbers"),
        ("lines[-1] == 'a'", "the list is shorter than that"),
        ("json.n.deep == 1", "`.` is not made for a number"),
        ("has(json.n.deep)", "`has` is not made for a number"),
        ("json.n.all(x, x)", "`all` is not made for a number"),
        ("json.n.contains('3')", "`contains` is not made for a number"),
        ("moment(json.n) < modified", "`moment` is not made for a number"),
        ("modified == json.n", "`==` does not compare a moment with a number"),
        ("version(json.n, 'dpkg') > '1'", "`version` is not made for a number"),
        ("int(body) == 1", "the text is no number"),
        ("body.matches(lines[0] + '(')", "the regular expression cannot be read"),
        ("elapsed_ms < json.ok", "`<` is not made for true or false"),
        ("lines[7] == 'a'", "the list is shorter than that"),
        ("status / 0 == 1", "a division by zero"),
        ("1e300 + status > 1", "a number of more digits than are calculated with"),
        ("json.items.all(i, i.down)", "there is no `down`"),
        ("headers.absent == 'x'", "there is no `absent`"),
    ] {
        let evaluated = evaluate_with(source, &facts(), false);
        assert_eq!(
            (evaluated.truth, sentences(&evaluated)),
            (Truth4::Error, vec![reason.to_owned()]),
            "{source}"
        );
    }
    // What the plan takes for a moment or a version, and is none, is not known.
    for (source, reason) in [
        ("moment(body) < modified", "the text is no moment (RFC 3339)"),
        ("!(moment(body) < modified)", "the text is no moment (RFC 3339)"),
        ("version(body, 'semver') > '1.0.0'", "the text is no version as semver has them"),
    ] {
        let evaluated = evaluate_with(source, &facts(), false);
        assert_eq!(
            (evaluated.truth, sentences(&evaluated)),
            (Truth4::Unknown, vec![reason.to_owned()]),
            "{source}"
        );
    }
    // The rest may still decide.
    assert_eq!(evaluate_with("json.absent == 1 || answered", &facts(), false).truth, Truth4::True);
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
        ("{}.all(k, k == body)", true),
    ] {
        let strict = evaluate_with(source, &facts(), false);
        assert_eq!(strict.truth, Truth4::Unknown, "{source}");
        assert_eq!(strict.reasons.len(), 1, "{source}");
        assert_eq!(evaluate_with(source, &facts(), true).truth, if_ok.into(), "{source}");
    }
    assert_eq!(
        evaluate_with("json.items.all(i, i.n == 7) || json.none.all(x, x)", &facts(), false).truth,
        Truth4::Unknown
    );
    assert_eq!(evaluate_with("size(json.none) == 0", &facts(), false).truth, Truth4::True);
    assert_eq!(evaluate_with("answered || json.none.all(x, x.up)", &facts(), false).truth, Truth4::True);
}

#[test]
fn a_measured_interval_decides_only_what_it_does_not_straddle() {
    for (source, truth) in [
        ("elapsed_ms < 111", Truth4::True),
        ("elapsed_ms < 110", Truth4::Unknown),
        ("elapsed_ms <= 110", Truth4::True),
        ("elapsed_ms < 90", Truth4::False),
        ("elapsed_ms <= 90", Truth4::Unknown),
        ("elapsed_ms > 89.5", Truth4::True),
        ("elapsed_ms > 90", Truth4::Unknown),
        ("elapsed_ms >= 90", Truth4::True),
        ("!(elapsed_ms < 100)", Truth4::Unknown),
        ("100 > elapsed_ms", Truth4::Unknown),
        ("elapsed_ms * 2 - 20 < 201", Truth4::True),
        ("-elapsed_ms < -89", Truth4::True),
        ("elapsed_ms < status", Truth4::True),
        ("connect_ms < 5", Truth4::False),
        ("connect_ms < 1000000", Truth4::Unknown),
        ("connect_ms > 4", Truth4::True),
        ("connect_ms * 0 <= 0", Truth4::True),
        ("elapsed_ms < against.elapsed_ms", Truth4::True),
        ("elapsed_ms < 200 && elapsed_ms > 10", Truth4::True),
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
        ("status == \"200\"", 7, "`status` is a whole number and is compared with text"),
        ("\"200\" == status", 6, "`status` is a whole number and is compared with text"),
        ("body == 200", 5, "`body` is text and is compared with a whole number"),
        ("answered == 1", 9, "`answered` is true or false and is compared with a whole number"),
        ("lines.size() == 'a'", 13, "this is a whole number and is compared with text"),
        ("status in [200, '204']", 16, "`status` is a whole number and is compared with text"),
        ("status == 200.5", 10, "`status` is a whole number, and never 200.5"),
        ("status in headers", 7, "`status` is a whole number, and the keys of a map are text"),
        ("status", 0, "`status` is a whole number, not true or false"),
        ("status + 1", 7, "this is a whole number, not true or false"),
        ("status + body == 1", 7, "`body` is text; `+` is for numbers"),
        ("-body == 'a'", 0, "`body` is text; `-` is for numbers"),
        ("'ok' in body", 5, "`body` is text; `in` looks into lists and maps"),
        ("status.contains('2')", 7, "`status` is a whole number; `contains` is for text"),
        ("status.code == 1", 7, "`status` is a whole number, which has no field `code`"),
        ("status[0] == 1", 6, "`status` is a whole number, of which nothing is taken out"),
        ("lines['a'] == 1", 6, "this is text"),
        ("lines < 1", 6, "`lines` is a list, which has no order"),
        ("answered > false", 9, "`answered` is true or false, which has no order"),
        ("modified < \"2026-01-29 23:59:59\"", 11, "this is no moment"),
        ("modified == body", 9, "`modified` is a moment and is compared with text"),
        ("modified < 5", 9, "`modified` is a moment and is compared with a whole number"),
        ("modified in ['tomorrow']", 13, "this is no moment"),
        ("times.all(t, t > 'now')", 17, "this is no moment"),
        ("moment('now') < modified", 7, "this is no moment"),
        ("mode != '0777'", 8, "no file's mode is written so"),
        ("mode in ['640', 'u+x']", 16, "no file's mode is written so"),
        ("mode < '700'", 5, "`mode` is a file's mode, which has no order"),
        ("mode == 640", 5, "`mode` is a file's mode and is compared with a whole number"),
        ("mode == 0640", 8, "a number has no zeros before it"),
        ("release >= '10.0'", 8, "`release` is a version, whose order is not that of text"),
        ("json.release >= '10.0'", 16, "this is no text whose letters are in order"),
        ("body > '5'", 7, "this is no text whose letters are in order"),
        ("json.at > '2026-01-31T00:00:00Z'", 10, "this is no text whose letters are in order"),
        ("version(release, 'dpkg') >= 10", 28, "this is a whole number, and a version is text"),
        ("version(release, 'dpkg') >= '1_0'", 28, "this is no version as dpkg has them"),
        ("version(release, 'deb') >= '1'", 17, "this is no scheme of versions"),
        ("version(release) >= '1'", 0, "`version` is used otherwise"),
        ("version(release, 'dpkg') > version(body, 'rpm')", 25, "versions of dpkg and of rpm do not compare"),
        ("version(release, 'dpkg')", 0, "a version may only be compared"),
        ("json == {'a': 1, 'a': 2}", 17, "this key is there twice"),
        ("body.matches('(')", 13, "this regular expression cannot be read"),
        ("elapsed_ms == 100", 11, "a measured time may not stand here"),
        ("elapsed_ms", 0, "a measured time is not true or false"),
        ("elapsed_ms - elapsed_ms < 1", 13, "a measured time may stand only once in a comparison"),
        ("elapsed_ms / 2 < 1", 11, "this may not stand beside a measured time"),
        ("elapsed_ms < body", 13, "this may not stand beside a measured time"),
        ("lines.all(x, elapsed_ms == 3)", 24, "a measured time may not stand here"),
        ("answered ? answered : answered", 9, "`? :` is not allowed in a condition"),
        ("startWith(body, 'x')", 0, "there is no function `startWith`; did you mean `startsWith`?"),
        ("body.contains('a', 'b')", 5, "`contains` is used otherwise"),
        ("lines.all(x)", 6, "`all` is used otherwise"),
        ("now() > 1", 0, "there is no function `now`"),
        ("1 == 1", 0, "this condition reads no fact, so it says nothing about the target"),
        ("true", 0, "this condition reads no fact, so it says nothing about the target"),
        ("", 0, "this condition is empty"),
        ("status ==", 9, "this condition ends too early"),
        ("(status == 1", 12, "this condition ends too early"),
        ("status = 200", 7, "a comparison is written `==`"),
        ("answered and answered", 9, "`and` is written `&&`"),
        ("answered & answered", 9, "conditions are joined with `&&` and `||`, each written twice"),
        ("body == 'ok", 8, "this text is not closed"),
        ("answered 'ok'", 9, "this text stands where none is expected"),
        ("body == 'a\\q'", 8, "this text has a backslash before something that needs none"),
        ("status == 5u", 10, "this number cannot be read"),
        ("status == 1 #", 12, "this condition cannot be read from `#` on"),
        ("has(status)", 4, "`has` asks for a field"),
        ("Thing{a: 1} == json", 5, "this condition cannot be read from `{` on"),
        ("body == 1.?x", 10, "this condition cannot be read from `?` on"),
    ] {
        let error = compile(source, &scope(), false).err().unwrap_or_else(|| panic!("{source} is accepted"));
        assert_eq!((error.offset, error.message.as_str()), (offset, message), "{source}: {error:?}");
    }
    let hints = |source| compile(source, &scope(), false).unwrap_err().hint;
    assert_eq!(hints("status == \"200\""), "write 200");
    assert_eq!(hints("body == 200"), "write \"200\"");
    assert!(hints("statsu == 1").contains("elapsed_ms"));
    assert_eq!(hints("mode != '0777'"), "write \"777\"");
    assert_eq!(hints("mode == 'rw-r-----'"), "write \"640\"");
    assert_eq!(hints("mode == 640"), "write \"640\"");
    assert!(hints("'10.0' <= release").starts_with("write `version(release, \"dpkg\") >= '10.0'`"));
    assert_eq!(hints("modified > body"), "write moment(body)");
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
    assert_eq!(check.reads().collect::<Vec<_>>(), ["status", "answered", "body", "lines"]);
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
    assert_eq!(evaluate_with(&long, &facts(), false).truth, Truth4::True);
    let deep = format!("{}answered{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(evaluate_with(&deep, &facts(), false).truth, Truth4::True);
}

#[test]
fn a_long_list_from_the_target_does_not_stall_a_condition() {
    let mut facts = facts();
    facts.insert("lines", Fact::Known(Value::List((0..9_990).map(Value::from).collect())));
    for source in [
        "lines.all(a, lines.exists(b, b == a && b >= 0 && a >= 0))",
        "!lines.all(a, lines.exists(b, b == a && b >= 0 && a >= 0))",
        "lines.all(a, lines.exists(b, a == b))",
        "lines.all(a, a in lines)",
        "lines.map(a, a in lines) == []",
        "lines.map(a, lines) == lines",
        "json.absent == 1 && lines.all(a, a in lines)",
    ] {
        let evaluated = evaluate_with(source, &facts, false);
        assert_eq!(
            (evaluated.truth, evaluated.reasons),
            (Truth4::Unknown, vec![Reason::TooManySteps]),
            "{source}"
        );
    }
    assert_eq!(evaluate_with("lines.all(a, a >= 0)", &facts, false).truth, Truth4::True);
    assert_eq!(evaluate_with("lines.filter(a, a < 3).exists(b, b == 2)", &facts, false).truth, Truth4::True);
    assert_eq!(evaluate_with("lines.all(a, a in lines) || answered", &facts, false).truth, Truth4::Unknown);
    assert_eq!(evaluate_with("answered || lines.all(a, a in lines)", &facts, false).truth, Truth4::True);
    facts.insert("lines", Fact::Known(Value::List((0..100).map(Value::from).collect())));
    assert_eq!(
        evaluate_with(
            "lines.all(a, lines.exists(b, b == a && b >= 0 && a >= 0) && a in lines)",
            &facts,
            false
        )
        .truth,
        Truth4::True
    );
}

#[test]
fn a_judgement_has_a_budget_of_its_own() {
    let check = compile("lines.all(a, a in lines)", &scope(), false).unwrap();
    let facts = facts();
    let fact = |name: &str| facts[name].clone();
    let mut budget = Budget::of(1000);
    assert_eq!(check.evaluate(&fact, &mut budget).truth, Truth4::True);
    let spent = 1000 - budget.left();
    assert!((10..100).contains(&spent), "{spent}");
    let mut budget = Budget::of(spent + 3);
    check.evaluate(&fact, &mut budget);
    let evaluated = check.evaluate(&fact, &mut budget);
    assert_eq!((evaluated.truth, evaluated.reasons), (Truth4::Unknown, vec![Reason::JudgementTooLong]));
    assert_eq!(budget.left(), 0);
}

#[test]
fn the_element_that_decides_is_named() {
    let mut facts = facts();
    facts.insert(
        "json",
        Fact::Known(json(
            r#"{"sockets": [{"port": 22, "owners": ["root"]}, {"port": 80, "owners": ["root", "www"]}], "codes": [200, "x"]}"#,
        )),
    );
    let witness = |source: &str| {
        let evaluated = evaluate_with(source, &facts, false);
        let named = evaluated.witness.into_iter().map(|witness| (witness.list, witness.index, witness.value));
        (evaluated.truth, named.collect::<Vec<_>>())
    };
    let second = json(r#"{"port": 80, "owners": ["root", "www"]}"#);
    assert_eq!(
        witness("json.sockets.all(s, s.port == 22)"),
        (Truth4::False, vec![("json.sockets".to_owned(), 1, second.clone())])
    );
    assert_eq!(
        witness("answered && json.sockets.all(s, s.owners.all(o, o == 'root'))"),
        (
            Truth4::False,
            vec![("json.sockets".to_owned(), 1, second.clone()), ("s.owners".to_owned(), 1, json("\"www\""))]
        )
    );
    assert_eq!(
        witness("!json.sockets.exists(s, s.port == 80)"),
        (Truth4::False, vec![("json.sockets".to_owned(), 1, second)])
    );
    assert_eq!(
        witness("json.codes.all(c, c >= 200)"),
        (Truth4::Error, vec![("json.codes".to_owned(), 1, json("\"x\""))])
    );
    assert_eq!(witness("!('b' in lines)"), (Truth4::False, vec![("lines".to_owned(), 1, json("\"b\""))]));
    assert_eq!(witness("lines == ['a', 'c']"), (Truth4::False, vec![("lines".to_owned(), 1, json("\"b\""))]));
    assert_eq!(witness("['a'] == lines"), (Truth4::False, vec![("lines".to_owned(), 1, json("\"b\""))]));
    assert_eq!(witness("json.sockets.all(s, s.port < 100)"), (Truth4::True, vec![]));
}

/// The lines of the first block of docs/plan-language.md with this fence.
fn documented(fence: &str) -> Vec<&'static str> {
    let page = include_str!("../../../../docs/plan-language.md");
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
    let page = include_str!("../../../../docs/plan-language.md");
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
