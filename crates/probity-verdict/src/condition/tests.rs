//! Conditions held against tables of sentences, and mistakes at their columns.

use std::collections::BTreeMap;

use super::*;
use probity_plan::FactType;

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

/// What is no mode is neither a mode nor another one, wherever it comes from.
#[test]
fn a_mode_beside_text_that_no_mode_is_written_as_is_an_error_in_either_polarity() {
    let mut facts = facts();
    facts.insert("body", Fact::Known(json("\"0640\"")));
    facts.insert(
        "json",
        Fact::Known(json(r#"{"m": "0640", "all": ["0640"], "both": ["0640", "640"], "by": {"0640": 1}}"#)),
    );
    for source in [
        "mode == body",
        "mode in [body]",
        "mode in json.all",
        "json.m in [mode, 'x']",
        "mode in json.by",
        "{'a': mode} == {'a': body}",
        "{'a': mode} == {'a': json.m}",
        "[[mode]] == [json.all]",
        "lines.map(l, mode) == [body, '640']",
        "json.all.exists(m, m == mode)",
        "mode.startsWith(body)",
        "mode.contains(body)",
        "mode.endsWith(json.m)",
        "mode.matches('^' + body)",
    ] {
        for source in [source.to_owned(), format!("!({source})")] {
            let evaluated = evaluate_with(&source, &facts, false);
            let said = "a file's mode is held against text that no mode is written as, like `0640`";
            assert_eq!(
                (evaluated.truth, sentences(&evaluated)),
                (Truth4::Error, vec![said.to_owned()]),
                "{source}"
            );
        }
    }
    for source in [
        "mode in json.both",
        "json.both.exists(m, m == mode)",
        "mode != null && mode == '640' && mode in ['640', '600']",
        "mode.startsWith('6') && !mode.endsWith('4') && mode.matches('^0?640$') && !mode.contains('00')",
        "['600', '640'].exists(m, m == mode)",
        "{'a': mode, 'at': modified} == {'a': '640', 'at': '2026-01-31T23:59:59Z'}",
        "body == '0640' && ('0' + mode) == body",
    ] {
        assert_eq!(evaluate_with(source, &facts, false).truth, Truth4::True, "{source}");
    }
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
        ("json.items[0.0].up && json.items[0e3].up && !json.items[1.0].up && lines[1e0] == 'b'", true),
        ("lines[-0.0] == 'a' && status % 2.0 == 0.0 && 0.0 % status == 0", true),
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
        ("answered == (string(5e2) == '500' && string(1.25E-1) == '0.125')", true),
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
        ("lines[-1] == 'a'", "the list has no such place"),
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
        ("lines[7] == 'a'", "the list has no such place"),
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
    // By their letters "9" comes after "10", and 01:00+02:00 after 00:30Z.
    for source in ["json.nine > json.ten", "!(json.nine > json.ten)", "json.early < json.late"] {
        let text = r#"{"nine": "9", "ten": "10", "early": "2026-01-01T00:30:00Z", "late": "2026-01-01T01:00:00+02:00"}"#;
        let facts = BTreeMap::from([("json", Fact::Known(json(text)))]);
        let evaluated = evaluate_with(source, &facts, false);
        assert_eq!(evaluated.truth, Truth4::Error, "{source}");
        assert!(
            matches!(evaluated.reasons.as_slice(), [Reason::OrderOfText { .. }]),
            "{source}: {evaluated:?}"
        );
    }
    for (a, b) in [
        ("100%", "80%"),
        ("-1", "-10"),
        ("+10", "+9"),
        (".5", ".10"),
        ("10,5", "9,5"),
        ("100 ms", "20 ms"),
        ("2026-01-31 23:30:00+02", "2026-01-31 22:00:00+00"),
        ("2026-01-31T23:30:00+0200", "2026-01-31T22:00:00+0000"),
        ("2026-01-10.10", "2026-01-10.9"),
        ("2026-01-10-10", "2026-01-10-9"),
        ("2026-01-31 09:59:59 PST", "2026-01-31 10:00:00 UTC"),
        ("2026-01-31 09:00 PM", "2026-01-31 12:30 PM"),
        ("2026-01-31 9:30:00", "2026-01-31 10:30:00"),
        ("V10", "V9"),
    ] {
        let facts = BTreeMap::from([("json", Fact::Known(json(&format!(r#"{{"a": "{a}", "b": "{b}"}}"#))))]);
        let evaluated = evaluate_with("json.a < json.b", &facts, false);
        assert_eq!(evaluated.truth, Truth4::Error, "{a} {b}");
    }
    for (a, b) in [
        ("2026-01-31", "2026-02-01"),
        ("2026-01-31 09:30:00", "2026-01-31 22:00:00"),
        ("2026-01-31T09:30:00.5", "2026-01-31T09:30:00.75"),
        ("2026-01-31 09:30", "2026-01-31 22:00"),
        ("2026-01-31-full.tar", "2026-02-01-full.tar"),
        ("a9", "b10"),
    ] {
        let facts = BTreeMap::from([("json", Fact::Known(json(&format!(r#"{{"a": "{a}", "b": "{b}"}}"#))))]);
        assert_eq!(evaluate_with("json.a < json.b", &facts, false).truth, Truth4::True, "{a} {b}");
    }
    assert_eq!(evaluate_with("lines[0] < lines[1]", &facts(), false).truth, Truth4::True);
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
        ("'a' in json.none", false),
        ("!('a' in json.none)", true),
        ("('a' in json.none) == false", true),
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
    assert_eq!(straddles.met[0].1, Blocked::by(Cause::Straddled));
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
fn the_deepest_condition_over_the_deepest_value_does_not_overflow_the_stack() {
    let mut facts = facts();
    facts.insert("json", Fact::Known(json(&("[".repeat(90) + &"]".repeat(90)))));
    let all =
        |times: usize| "json.all(x,".to_owned() + &"x.all(x,".repeat(times) + "x==0" + &")".repeat(times + 1);
    let negated = |times: usize| "!(json==1||".repeat(times) + "answered" + &")".repeat(times);
    for written in [&all as &dyn Fn(usize) -> String, &negated] {
        let deepest = (1..70).rev().find(|times| compile(&written(*times), &scope(), true).is_ok()).unwrap();
        assert!(deepest > 25, "{deepest}");
        assert_eq!(evaluate_with(&written(deepest), &facts, true).truth, Truth4::Error);
    }
    assert_eq!(evaluate_with("json == json && [json] == [json]", &facts, true).truth, Truth4::True);
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
fn what_a_target_sends_is_paid_for_before_it_is_made_or_copied() {
    let too_many = |source: &str, sent: &str| {
        let mut facts = facts();
        facts.insert("json", Fact::Known(json(sent)));
        let evaluated = evaluate_with(source, &facts, false);
        assert!(
            evaluated.truth != Truth4::Unknown || evaluated.reasons == [Reason::TooManySteps],
            "{:?}",
            evaluated.reasons
        );
        evaluated.truth == Truth4::Unknown
    };
    // Short to write, long to make.
    let patterns = |pattern: &str, count: usize| serde_json::to_string(&vec![pattern; count]).unwrap();
    let search = "json.exists(p, 'x'.matches(p))";
    assert!(too_many(search, &patterns("\\w{25}N", 860)));
    assert!(too_many(search, &patterns("(\\w{5}){5}", 20)));
    assert!(!too_many(search, &patterns("^[a-w]{2,40}$", 500)));
    assert!(!too_many(search, &patterns("^\\w+\\d?$", 60)));
    // The element that decides is large, and decides for each around it.
    let large: BTreeMap<String, u32> = (0..2500).map(|key| (format!("key {key}"), key)).collect();
    let sent = |outer: usize| json_text(&vec![1; outer], &large);
    assert!(too_many("json.ids.all(i, json.big.exists(b, i > 0))", &sent(6000)));
    assert!(!too_many("json.ids.all(i, json.big.exists(b, i > 0))", &sent(20)));
}

/// Numbers, and a list of one map.
fn json_text(ids: &[u32], big: &BTreeMap<String, u32>) -> String {
    serde_json::json!({ "ids": ids, "big": [big] }).to_string()
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

mod mistakes;
mod tables;

#[test]
fn what_depends_on_what_was_masked_is_unknown() {
    let facts = BTreeMap::from([(
        "json",
        Fact::Known(json(
            r#"{"log": "login by [secret pw] ok", "cookie": "sid=[masked]; Path=/; HttpOnly", "number": "[secret pin]",
                "plain": "no secret here", "like": "[secret Not a name]", "tags": ["[secret s]", "b"],
                "keys": {"[secret pw]": 1, "x": 2}, "ends": {"a[secret pw]z": 1, "x": 2}, "open": {"x": 2}}"#,
        )),
    )]);
    for (truth, conditions) in [
        (
            Truth4::Unknown,
            &[
                "!json.log.contains('admin')",
                "json.tags == ['a', 'b']",
                "json.tags != ['a', 'b']",
                "json.log.contains('secret')",
                "json.log.contains('by hunter2')",
                "size(json.log) == 22",
                "json.log == 'login by hunter2 ok'",
                "json.log != 'login by hunter2 ok'",
                "json.log in ['a', 'login by hunter2 ok']",
                "json.log < 'n'",
                "json.log.matches('by [a-z0-9]+ ok$')",
                r"json.log.matches(r'\<ok')",
                r"json.log.matches(r'by \b{end}')",
                r"json.log.matches(r'by\>')",
                // A class of characters is no mask.
                "json.log.matches('[secretabcd]{6}')",
                "!json.cookie.matches('[masked0-9]{9}')",
                "json.log.startsWith('login by hunter')",
                "json.log.endsWith('2 ok')",
                "json.number > 5",
                "int(json.number) > 5",
                "json.number == 49291234",
                "json.cookie == json.cookie",
                "!json.cookie.contains('Domain=')",
                // A key may have been any that the mask stands for.
                "'hunter2' in json.keys",
                "!('hunter2' in json.keys)",
                "!has(json.keys.hunter2)",
                "json.keys.hunter2 == 1",
                "json.keys['hunter2'] == 1",
                "json.keys != {'hunter2': 1, 'x': 2}",
                "{'hunter2': 1, 'x': 2} == json.keys",
                "'a1z' in json.ends",
            ][..],
        ),
        (
            Truth4::True,
            &[
                "json.log.contains('login') && json.log.contains(' ok')",
                "json.log.contains('[secret')",
                "json.log.contains('[secret pw]') && json.log == json.log",
                "json.log.startsWith('login by ') && json.log.endsWith(' ok')",
                "!json.log.startsWith('logout') && !json.log.endsWith(' failed')",
                "json.log != 'login by' && json.log != 'logout by hunter2 ok'",
                "json.log.matches('log[a-z]+ by')",
                r"json.log.matches(r'\[secret pw\]') && json.cookie.matches(r'=\[masked\]')",
                "json.cookie.contains('HttpOnly') && json.cookie.contains('sid=')",
                "json.plain == 'no secret here' && !json.plain.contains('admin') && size(json.plain) == 14",
                "!json.like.contains('admin')",
                "json.keys.x == 2 && has(json.keys.x) && 'x' in json.keys && '[secret pw]' in json.keys",
                "json.keys != {'hunter2': 1, 'x': 3} && json.keys != {'x': 2} && json.keys == json.keys",
                "!('b1z' in json.ends) && !has(json.ends.y) && json.ends != {'b1z': 1, 'x': 2} && !('y' in json.open)",
                // What is visible decides: another length, another element.
                "json.tags != ['a'] && json.tags != ['a', 'c'] && !(['a', 'b', 'c'] == json.tags)",
            ][..],
        ),
    ] {
        for source in conditions {
            let evaluated = evaluate_with(source, &facts, false);
            assert_eq!(evaluated.truth, truth, "{source}: {:?}", sentences(&evaluated));
        }
    }
}
