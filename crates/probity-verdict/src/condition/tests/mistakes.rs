//! What cannot be is found before the run, at its column, with what would be right.

use std::collections::BTreeMap;

use super::{Check, ConditionError, Scope, compile, scope};

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
        ("['0640'] != [mode]", 1, "no file's mode is written so"),
        ("[mode, 1] == ['0640', 1]", 14, "no file's mode is written so"),
        ("{'a': mode} != {'a': '0640'}", 21, "no file's mode is written so"),
        ("{'a': [mode]} in [{'a': ['0640']}]", 25, "no file's mode is written so"),
        ("!(['0640'].exists(m, m == mode))", 21, "no file's mode is written so"),
        ("['0640'].all(m, mode != m)", 24, "no file's mode is written so"),
        ("['0640'].all(m, !(mode in ['600', m]))", 34, "no file's mode is written so"),
        ("'0640' in [mode, body]", 0, "no file's mode is written so"),
        ("!(mode in {'0640': true})", 10, "no file's mode is written so"),
        ("!mode.startsWith('06')", 17, "no file's mode is written so"),
        ("!mode.contains('rw')", 15, "no file's mode is written so"),
        ("!mode.endsWith('0640')", 15, "no file's mode is written so"),
        ("!mode.matches('^0[0-7]')", 14, "no file's mode is written so"),
        ("{'a': modified} == {'a': '2026-01-29'}", 25, "this is no moment"),
        ("{'a': modified} == {'a': 5}", 25, "`modified` is a moment and is compared with a whole number"),
        ("[modified, 1] == ['2026-01-29', 1]", 18, "this is no moment"),
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
        assert_eq!((error.offset, error.message()), (offset, message.to_owned()), "{source}: {error:?}");
    }
    let hints = |source| compile(source, &scope(), false).unwrap_err().remedy();
    assert_eq!(hints("status == \"200\""), "write 200");
    assert_eq!(hints("body == 200"), "write \"200\"");
    assert!(hints("statsu == 1").contains("elapsed_ms"));
    assert_eq!(hints("mode != '0777'"), "write \"777\"");
    assert_eq!(hints("mode == 'rw-r-----'"), "write \"640\"");
    assert_eq!(hints("mode == 640"), "write \"640\"");
    assert_eq!(hints("mode.startsWith('06')"), "write \"6\"");
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
        let span = (error.offset, error.length);
        let diagnostic = crate::place::diagnose(condition, span, "wrong".to_owned(), String::new());
        (diagnostic.place.at.to_string(), diagnostic.place.length, diagnostic.notes)
    };
    assert_eq!(located(&condition), ("plan.yaml:7:32".to_owned(), 6, Vec::new()));
    condition.filled = true;
    let note = "character 13 of `answered && statsu == 2`, as it is read";
    assert_eq!(located(&condition), ("plan.yaml:7:20".to_owned(), 0, vec![note.to_owned()]));
}

struct One(&'static str);

impl probity_plan::Sources for One {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.as_bytes().to_vec())
    }
}

/// A condition over a file's facts and the columns of this matrix.
fn beside(matrix: &'static str, source: &str) -> Result<Check, ConditionError> {
    let plan = format!(
        "plan: P\nprobes: {{ p: {{ file: / , matrix: {matrix} }} }}\nclaims: {{ c: {{ of: p, check: exists }} }}\nverdict: [ label: A ]\n"
    );
    let plan = probity_plan::load("plan.yaml", &One(plan.leak()), &BTreeMap::new()).unwrap().plan;
    compile(source, &Scope::of(&plan.probes[0]), false)
}

#[test]
fn the_rows_of_a_matrix_are_known_before_the_run() {
    let rows = "[ { there: true, m: 640, t: '2026-01-31', v: 1.2.10, n: 1 }, { there: false, m: '', t: '', v: '', n: 2.5 } ]";
    for (source, offset, message) in [
        ("mode == m", 5, "`mode` is a file's mode and is compared with a whole number"),
        ("modified > t", 9, "`modified` is a moment and is compared with text"),
        ("content > v", 10, "this is no text whose letters are in order"),
        ("exists == n", 7, "`exists` is true or false and is compared with a number"),
    ] {
        let first = rows.replace("m: ''", "m: 600");
        let error = beside(first.leak(), source).unwrap_err();
        assert_eq!((error.offset, error.message()), (offset, message.to_owned()), "{source}");
    }
    // YAML reads 0640 as text, and no mode is written so; what is no mode at all may be a row that asks for none.
    let octal = "[ { there: true, m: 0640 }, { there: false, m: '' } ]";
    for source in ["!there || mode == m", "!there || mode in ['600', m]", "m != mode"] {
        let error = beside(octal, source).unwrap_err();
        assert_eq!(error.message(), "`m` is `0640` in a row, and no file's mode is written so", "{source}");
        assert_eq!(error.remedy(), "write 640 there");
    }
    assert!(beside("[ { there: true, m: '640' }, { there: false, m: '' } ]", "!there || mode == m").is_ok());
    // How a fact is always written is held against what is written out as a list, too.
    for source in ["['AB'].exists(d, d == sha256)", "['AB'].all(d, sha256 != d)", "'AB' in [sha256, content]"]
    {
        assert_eq!(beside(rows, source).unwrap_err().message(), "`sha256` is never written `AB`", "{source}");
    }
    assert!(beside(rows, "!there || modified > moment(t) && size_bytes >= n").is_ok());
    assert!(beside(rows, "version(content, 'dpkg') >= v").is_ok());
}
