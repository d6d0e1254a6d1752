//! What is wrong with a plan, and what is said of it: each case whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::load_with;

/// The errors of a plan, one a line, without the source lines.
fn errors(yaml: &str, files: &[(&str, &str)], inputs: &[(&str, &str)]) -> String {
    let errors = load_with(yaml, files, inputs).err().unwrap_or_else(|| panic!("this loads:\n{yaml}")).list;
    let line = |error: &probity_diagnostic::Diagnostic| {
        let at = &error.place.at;
        if at.line == 0 {
            format!("{}: {}\n", at.file, error.message)
        } else {
            format!("{}:{}: {}\n", at.line, at.column, error.message)
        }
    };
    errors.iter().map(line).collect()
}

/// A plan with these probes and claims, each entry beginning in line 3.
fn probes(entries: &str) -> String {
    format!("plan: P\nprobes:\n  {entries}\nclaims: {{ a: {{ of: r, check: x }} }}\nverdict: [ label: L ]\n")
}

/// A plan with a probe `r` and these claims, the first in line 4.
fn claims(entries: &str) -> String {
    format!(
        "plan: P\nprobes: {{ r: {{ http: http://x }}, m: {{ http: http://x, matrix: [ col: 1 ] }} }}\nclaims:\n  {entries}\nverdict: [ label: L ]\n"
    )
}

/// A plan with a claim `a` and these sections from line 4.
fn rest(sections: &str) -> String {
    format!(
        "plan: P\nprobes: {{ r: {{ http: http://x }} }}\nclaims: {{ a: {{ of: r, check: x }} }}\n{sections}\n"
    )
}

/// A plan with these inputs in line 2, and a probe that uses `$a`.
fn inputs(inputs: &str) -> String {
    format!(
        "plan: P\ninputs: {{ {inputs} }}\nprobes: {{ r: {{ http: $a }} }}\nclaims: {{ c: {{ of: r, check: x }} }}\nverdict: [ label: L ]\n"
    )
}

#[test]
fn all_errors_are_listed_with_their_lines() {
    let plan = "plan: P\nprobes:\n  r: { htp: http://x }\n  s: { http: http://x, timeout: 5 }\nclaims:\n  a: { of: s, check: x }\nverdict: []\n";
    let errors = load_with(plan, &[], &[]).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "\
plan.yaml:3:8: error: in probe `r`: unknown key `htp`; did you mean `http`? [shape]
  3 |   r: { htp: http://x }
    |        ^
plan.yaml:4:33: error: in probe `s`: `5` is not a duration; write a number and ms, s, m, h or d, such as `500ms` or `8m` [shape]
  4 |   s: { http: http://x, timeout: 5 }
    |                                 ^
plan.yaml:7:10: error: the list is empty; fill it or leave it out [shape]
  7 | verdict: []
    |          ^"
    );
}

#[test]
fn hostile_text_cannot_move_the_cursor() {
    let errors = load_with("plan: P\n\u{202e}x\u{1}: \u{7}\n", &[], &[]).unwrap_err().to_string();
    assert!(!errors.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{errors:?}");
}

#[test]
fn probes_that_are_wrong() {
    for (entry, expected) in [
        ("r: 5", "3:6: in probe `r`: expected a map such as { http: URL }, found `5`\n"),
        ("r: { http: http://x, http: http://y }", "3:24: key `http` repeated; first at 3:8\n"),
        (
            "r: { file: /etc/hosts, folow: true }",
            "3:26: in probe `r`: unknown key `folow`; did you mean `follow`?\n",
        ),
        (
            "r: { file: /etc/hosts, zzzzz: true }",
            "3:26: in probe `r`: unknown key `zzzzz`; `file` has `file`, `follow`, `format` and `encoding`\n",
        ),
        (
            "r: { file: /etc/hosts, http: http://x }",
            "3:26: in probe `r`: a probe is of one kind; `file` and `http` are two\n",
        ),
        (
            "r: { http: http://x, redirects: 300 }",
            "3:35: in probe `r`: `300` is out of range; a whole number from 0 to 255\n",
        ),
        (
            "r: { http: http://x, redirects: many }",
            "3:35: in probe `r`: expected a whole number, found `many`\n",
        ),
        ("r: { http: [a, b] }", "3:14: in probe `r`: expected text, found a list\n"),
        ("r: { http: ~ }", "3:14: in probe `r`: expected text, found nothing\n"),
        ("r: { command: [] }", "3:17: in probe `r`: the list of program and arguments is empty\n"),
        (
            "r: { command: { shell: x, shel: y } }",
            "3:29: in probe `r`: unknown key `shel`; did you mean `shell`?\n",
        ),
        (
            "r: { command: x }",
            "3:17: in probe `r`: expected a list of the program and its arguments, such as [df, -h], or { shell: \"df -h | tail -1\" }, found `x`\n",
        ),
        (
            "r: { file: /x, format: yml }",
            "3:26: in probe `r`: `yml` is not one of `yaml`, `json`, `toml` or `ini`; did you mean `yaml`?\n",
        ),
        ("r: { http: x, every: 5s }", "3:24: in probe `r`: `every` needs `for`: how long to go on\n"),
        ("r: { http: x, for: 5s }", "3:22: in probe `r`: `for` needs `every`: how often to look\n"),
        (
            "r: { http: x, every: 5s, for: 1s }",
            "3:33: in probe `r`: `for` is shorter than `every`: there is not one slot\n",
        ),
        (
            "r: { http: x, every: 5s, for: 10s, repeat: 3 }",
            "3:46: in probe `r`: `repeat` stands alone, or `every` with `for`\n",
        ),
        ("r: { http: x, repeat: 0 }", "3:25: in probe `r`: `repeat` is at least 1\n"),
        ("r: { http: x, until: y }", "3:24: in probe `r`: `until` needs `within`: how long to go on\n"),
        ("r: { http: x, within: 5s }", "3:25: in probe `r`: `within` needs `until`: what to wait for\n"),
        (
            "r: { http: x, every: 5s, for: 10s, until: y, within: 6s }",
            "3:56: in probe `r`: `within` is longer than `every`: slots would be missed\n",
        ),
        (
            "r: { http: x, impact: harmless }",
            "3:25: in probe `r`: `harmless` is not one of `observe`, `write`, `load` or `disrupt`\n",
        ),
        ("r: { http: x, keep: some }", "3:23: in probe `r`: `some` is not one of `all`\n"),
        ("r: { http: x, with: r }", "3:23: in probe `r`: a probe cannot run with itself\n"),
        ("r: { http: x, with: q }", "3:23: in probe `r`: there is no probe `q`\n"),
        (
            "r: { http: x, with: later }\n  later: { http: x }",
            "3:23: in probe `r`: `with` names a probe that comes before this one; `later` comes after it\n",
        ),
        (
            "q: { http: x }\n  r: { http: x, with: q }\n  s: { http: x, with: r }",
            "5:23: in probe `s`: `r` itself runs with another probe; name that one\n",
        ),
        ("r: { http: x, needs: b }", "3:24: in probe `r`: there is no claim `b`\n"),
        (
            "r: { http: x, needs: a }",
            "3:24: in probe `r`: `needs` names a claim about probes that come before this one; `a` is not\n",
        ),
        (
            "r: { http: x, undo: { http: y } }",
            "3:25: in probe `r`: unknown key `http`; known are `command`, `stdin` and `env`\n",
        ),
        (
            "r: { http: x }\n  in: { http: x }",
            "4:3: `in` cannot be the name of a probe: it is a reserved word in conditions\n",
        ),
        (
            "r: { http: x }\n  Big-Name: { http: x }",
            "4:3: `Big-Name` cannot be the name of a probe: a name is a lower-case letter, then lower-case letters, digits or _, at most 64 in all\n",
        ),
        (
            "r: { http: x, repeat: 1000001 }",
            "3:3: in probe `r`: with this probe the plan asks for more than 1000000 looks (slots times rows)\n",
        ),
        (
            "r: { http: x, repeat: 600000 }\n  s: { http: x, repeat: 100000, matrix: [ c: 1, c: 2, c: 3, c: 4, c: 5 ] }",
            "4:3: in probe `s`: with this probe the plan asks for more than 1000000 looks (slots times rows)\n",
        ),
        ("r: { http: $helth }", "3:14: unknown input `helth`; write $$helth for a literal dollar\n"),
        (
            "r: { http: \"${x\" }",
            "3:15: `${` begins the name of an input, as in ${name}; write $${ for a literal dollar\n",
        ),
        (
            "r: { http: ${x} }",
            "3:15: not YAML: while parsing a flow mapping, did not find expected ',' or '}'; between braces or brackets, a text with ${name} must be quoted\n",
        ),
    ] {
        assert_eq!(errors(&probes(entry), &[], &[]), expected, "{entry}");
    }
}

#[test]
fn a_probe_of_no_kind_is_told_the_kinds() {
    let errors = errors(&probes("r: { every: 5s, for: 1m }"), &[], &[]);
    assert!(errors.starts_with("3:6: in probe `r`: a probe is of one kind: `command`, "), "{errors}");
}

#[test]
fn conditions_that_yaml_reads_otherwise_are_told_to_be_quoted() {
    for (entry, expected) in [
        (
            "a: { of: r, check: !fails(x) }",
            "4:22: a `!` at the start is a tag in YAML, and a plan has none; if it belongs to a condition, quote it: \"!...\"\n",
        ),
        (
            "a: { of: r, check: f(a, b) }",
            "4:27: `b)` has no value; if it belongs to the text before it, quote that text: a comma ends a value between braces\n",
        ),
        ("a: { of: r, check: {{x}} }", "4:23: `{{` starts two maps in YAML; if this is text, quote it\n"),
        (
            "a: { of: r, check: x, <<: y }",
            "4:25: merge keys (`<<`) are not part of a plan; write the keys out\n",
        ),
        (
            "a: { of: r, check: \"x\" == y }",
            "4:26: not YAML: invalid trailing content after double-quoted scalar; if this is text, such as a condition, quote it as a whole\n",
        ),
        (
            "a:\n    of: r\n    check: body == \"a: b\"",
            "6:22: not YAML: mapping values are not allowed in this context; if this is text, such as a condition, quote it as a whole\n",
        ),
        (
            "a:\n    of: r\n    check: \"a\" == body",
            "6:16: not YAML: invalid trailing content after double-quoted scalar; if this is text, such as a condition, quote it as a whole\n",
        ),
        (
            "a: { of: r, check: [1].all(x) }",
            "4:25: not YAML: while parsing a flow mapping, did not find expected ',' or '}'; if this is text, such as a condition, quote it as a whole\n",
        ),
    ] {
        assert_eq!(errors(&claims(entry), &[], &[]), expected, "{entry}");
    }
}

#[test]
fn claims_that_are_wrong() {
    let long = "x".repeat(1025);
    let long_claim = format!("a: {{ of: r, check: {long} }}");
    for (entry, expected) in [
        ("a: { of: q, check: x }", "4:12: in claim `a`: there is no probe `q`\n"),
        ("a: { check: x }", "4:6: in claim `a`: key `of` is missing\n"),
        ("a: { of: r, cheek: x }", "4:15: in claim `a`: unknown key `cheek`; did you mean `check`?\n"),
        ("a: { of: r, says: x }", "4:6: in claim `a`: a claim has one of `check`, `stable` and `periodic`\n"),
        (
            "a: { of: r, check: x, stable: [status] }",
            "4:33: in claim `a`: a claim has one of `check`, `stable` and `periodic`; here are `check` and `stable`\n",
        ),
        (
            "a: { of: r, check: \"\" }",
            "4:23: in claim `a`: `check` is empty; leave it out or write a condition\n",
        ),
        (&long_claim, "4:22: in claim `a`: a condition has at most 1024 bytes; this one has 1025\n"),
        (
            "a: { of: r, check: x, tolerance: 1s }",
            "4:36: in claim `a`: `tolerance` goes with `periodic`, not with `check`\n",
        ),
        (
            "a: { of: r, check: x, at_most: 5 }",
            "4:34: in claim `a`: `at_most` goes with `stable`, not with `check`\n",
        ),
        ("a: { of: r, check: x, block: 5s }", "4:32: in claim `a`: `block` needs `share`\n"),
        (
            "a: { of: r, check: x, share: \">= 60%\", block: 5s }",
            "4:49: in claim `a`: `block` needs a probe with `every`: of others nobody knows how long they did not look\n",
        ),
        ("a: { of: r, check: x, pooled: true }", "4:33: in claim `a`: `pooled` needs `share`\n"),
        ("a: { of: r, check: x, expect: 99% }", "4:33: in claim `a`: `expect` needs `share`\n"),
        (
            "a: { of: r, check: x, share: 95% }",
            "4:32: in claim `a`: `95%` is not an objective; write it as \">= 95%\"\n",
        ),
        (
            "a: { of: r, check: x, share: \">= 100%\" }",
            "4:33: in claim `a`: a share of 100% is refused: no sample can show it; leave `share` out to require every observation (a census of what was seen), or name a rate below 100%\n",
        ),
        (
            "a: { of: r, check: x, share: \">= 95%\", pooled: true }",
            "4:50: in claim `a`: `pooled` needs a probe with a matrix\n",
        ),
        (
            "a: { of: r, check: x, share: \">= 95%\", against: r }",
            "4:33: in claim `a`: a comparison (`against`) has no `share`\n",
        ),
        ("a: { of: r, check: x, against: q }", "4:34: in claim `a`: there is no probe `q`\n"),
        ("a: { of: r, stable: [] }", "4:23: in claim `a`: the list is empty\n"),
        ("a: { of: r, stable: status }", "4:23: in claim `a`: expected a list, found `status`\n"),
        (
            "a: { of: r, stable: [statuss] }",
            "4:24: in claim `a`: `http` has no fact `statuss`; did you mean `status`?\n",
        ),
        (
            "a: { of: m, stable: [colu] }",
            "4:24: in claim `a`: `http` has no fact `colu`; did you mean `col`?\n",
        ),
        ("a: { of: r, stable: [status, status] }", "4:32: in claim `a`: `status` repeated\n"),
        (
            "a: { of: r, stable: [version], at_most: 1 }",
            "4:24: in claim `a`: `at_most` is for numbers; `version` is of type text\n",
        ),
        (
            "a: { of: r, stable: [status], at_most: -1 }",
            "4:42: in claim `a`: `at_most` is a difference, 0 or more, not -1\n",
        ),
        (
            "a: { of: r, stable: [status], at_most: few }",
            "4:42: in claim `a`: expected a number, found `few`\n",
        ),
        (
            "a: { of: r, periodic: 5m, tolerance: 6m, changes: status }",
            "4:40: in claim `a`: `tolerance` is shorter than the period\n",
        ),
        (
            "a: { of: r, periodic: 5m, changes: status }",
            "4:25: in claim `a`: `periodic` needs `tolerance`: how much longer or shorter a gap may be\n",
        ),
        (
            "a: { of: r, periodic: 5m, tolerance: 30s }",
            "4:25: in claim `a`: `periodic` needs `starts: FACT` (times that the target records) or `changes: FACT` (a fact that differs after each start)\n",
        ),
        (
            "a: { of: r, periodic: 5m, tolerance: 30s, starts: headers, changes: status }",
            "4:71: in claim `a`: `periodic` has one of `starts` and `changes`\n",
        ),
        (
            "a: { of: r, periodic: 5m, tolerance: 30s, starts: status }",
            "4:53: in claim `a`: `starts` is a fact that is a time or a list of times; `status` is of type int\n",
        ),
        (
            "a: { of: r, periodic: 5m, tolerance: 30s, changes: stat }",
            "4:54: in claim `a`: `http` has no fact `stat`; did you mean `status`?\n",
        ),
        (
            "a: { of: r, periodic: 5m, tolerance: 30s, changes: status, periods: 0 }",
            "4:71: in claim `a`: `periods` is at least 1\n",
        ),
        ("a: { of: r, check: x, control: a }", "4:34: in claim `a`: a claim is no control of itself\n"),
        ("a: { of: r, check: x, control: b }", "4:34: in claim `a`: there is no claim `b`\n"),
        ("a: { of: r, check: x, empty: yes }", "4:32: in claim `a`: `yes` is not one of `ok`\n"),
        (
            "a: { of: r, check: x, severity: hihg }",
            "4:35: in claim `a`: `hihg` is not one of `info`, `low`, `medium`, `high` or `critical`; did you mean `high`?\n",
        ),
        (
            "a: { of: r, check: x, says: \"\" }",
            "4:32: in claim `a`: `says` is empty; leave it out or write it\n",
        ),
        (
            "a: { of: r, check: x, says: }",
            "4:25: `says` has no value; if it belongs to the text before it, quote that text: a comma ends a value between braces\n",
        ),
        ("a: { of: r, check: $role }", "4:22: unknown input `role`; write $$role for a literal dollar\n"),
    ] {
        assert_eq!(errors(&claims(entry), &[], &[]), expected, "{entry}");
    }
}

#[test]
fn what_a_claim_asks_of_its_probe_s_schedule() {
    let waiting = "plan: P\nprobes:\n  r: { http: http://x, repeat: 5, until: status == 200, within: 1s }\nclaims:\n  a: { of: r, stable: [status] }\n\
                   verdict: [ label: A ]\n";
    assert_eq!(
        errors(waiting, &[], &[]),
        "5:23: in claim `a`: `stable` does not go with `until`, which looks past what was otherwise before\n"
    );
    // What is needed is known only with its control, and with that one's.
    let needing = |controls: &str| {
        format!(
            "plan: P\nprobes:\n  q: {{ http: http://x }}\n  p: {{ http: http://x, needs: d }}\n  g: {{ http: http://x }}\nclaims:\n{controls}  \
             z: {{ of: g, check: answered }}\nverdict: [ label: A ]\n"
        )
    };
    for (controls, expected) in [
        (
            "  d: { of: q, check: status == 403, control: z }\n",
            "4:31: in probe `p`: `needs` names a claim about probes that come before this one; the control of `d` is not\n",
        ),
        (
            "  d: { of: q, check: status == 403, control: e }\n  e: { of: q, check: status == 403, control: z }\n",
            "4:31: in probe `p`: `needs` names a claim about probes that come before this one; the control of `d` is not\n",
        ),
        (
            "  d: { of: q, check: status == 403, control: e }\n  e: { of: q, check: status == 403, control: d }\n",
            "",
        ),
        ("  d: { of: q, check: status == 403, control: e }\n  e: { of: q, check: answered }\n", ""),
    ] {
        let text = needing(controls);
        if expected.is_empty() {
            let loaded = load_with(&text, &[], &[]);
            assert!(loaded.is_ok(), "{controls}: {:?}", loaded.err());
        } else {
            assert_eq!(errors(&text, &[], &[]), expected, "{controls}");
        }
    }
}

#[test]
fn files_that_a_bundle_could_not_keep_are_told_before_the_run() {
    let inner = "plan: I\nprobes:\n  r: { http: http://x }\nclaims:\n  c: { of: r, check: answered }\n";
    let including = |one: &str, other: &str| {
        format!(
            "plan: P\ninclude: {{ a: {{ plan: {one} }}, b: {{ plan: {other} }} }}\nverdict: [ label: A ]\n"
        )
    };
    for (one, other) in [("a.yaml", "A.yaml"), ("\u{e9}.yaml", "e\u{301}.yaml"), ("x/a.yaml", "X/b.yaml")] {
        let told = errors(&including(one, other), &[(one, inner), (other, inner)], &[]);
        assert!(
            told.contains("are one name to some file systems: a bundle cannot hold both"),
            "{one} {other}: {told}"
        );
    }
    let deep = format!("{}x.yaml", "d/".repeat(20));
    let told = errors(&including("a.yaml", &deep), &[("a.yaml", inner), (&deep, inner)], &[]);
    assert!(told.contains("lies too deep"), "{told}");
    let fine = load_with(&including("a.yaml", "b.yaml"), &[("a.yaml", inner), ("b.yaml", inner)], &[]);
    assert!(fine.is_ok(), "{:?}", fine.err());
    // The plan lies beside the files that it includes, not among them.
    let fine = load_with(&including("Plan.yaml", "b.yaml"), &[("Plan.yaml", inner), ("b.yaml", inner)], &[]);
    assert!(fine.is_ok(), "{:?}", fine.err());
}

#[test]
fn sections_that_are_wrong() {
    for (sections, expected) in [
        ("", "1:1: the plan lacks `verdict` (which label it leads to)\n"),
        ("verdict: []", "4:10: the list is empty; fill it or leave it out\n"),
        ("verdict: 5", "4:10: expected a list of rules, each with a label, found `5`\n"),
        ("verdict: [ label: \"\" ]", "4:12: in rule 1: the label is empty\n"),
        (
            "verdict: [ { label: A, when: x } ]",
            "4:30: in rule 1: the last rule has no `when`: it is what remains if none before it is true\n",
        ),
        (
            "verdict: [ { label: A }, { label: B } ]",
            "4:12: in rule 1: a rule has a `when`; only the last one has none\n",
        ),
        (
            "verdict: [ { label: A, accepted: yes } ]",
            "4:34: in rule 1: expected true or false, found `yes`\n",
        ),
        ("verdict: [ label: A ]\nscores: {}", "5:9: the section is empty; fill it or leave it out\n"),
        ("verdict: [ label: A ]\nscores:", "5:1: `scores` is empty; fill it or leave it out\n"),
        ("verdict: [ label: A ]\nscores: { s: {} }", "5:14: in score `s`: a score has at least one claim\n"),
        ("verdict: [ label: A ]\nscores: { s: { b: 1 } }", "5:16: in score `s`: there is no claim `b`\n"),
        (
            "verdict: [ label: A ]\nscores: { s: { a: -1 } }",
            "5:19: in score `s`: a weight is a number above 0, at most 1000000, found `-1`\n",
        ),
        (
            "verdict: [ label: A ]\nscores: { s: [ a ] }",
            "5:14: in score `s`: expected a map from claim to weight, such as { starts: 5 }, found a list\n",
        ),
        (
            "verdict: [ label: A ]\nwaivers: [ { claim: a, reason: x, owner: o } ]",
            "5:12: in waiver 1: key `until` is missing\n",
        ),
        (
            "verdict: [ label: A ]\nwaivers: [ { claim: b, reason: \"\", owner: o, until: 2027-02-30 } ]",
            "5:21: in waiver 1: there is no claim `b`\n5:33: in waiver 1: `reason` is empty\n5:53: in waiver 1: `2027-02-30` is not a date; write it as 2027-01-31\n",
        ),
        (
            "verdict: [ label: A ]\nwaivers: [ { claim: a, reason: x, owner: o, until: 2027-1-1, covers: all } ]",
            "5:70: in waiver 1: `all` is not one of `fails`, `undetermined` or `both`\n",
        ),
        ("verdict: [ label: A ]\nconfidence: 40%", "5:13: a confidence is at least 50% and less than 100%\n"),
        (
            "verdict: [ label: A ]\nconfidence: 95",
            "5:13: in `confidence`: `95` is not a percentage between 0% and 100%; write it as `99%`\n",
        ),
        ("verdict: [ label: A ]\nclames: {}", "5:1: unknown key `clames`; did you mean `claims`?\n"),
        (
            "verdict: [ label: A ]\nhooks: {}",
            "5:1: unknown key `hooks`; a plan has `plan`, `confidence`, `inputs`, `include`, `observers`, `machines`, `probes`, `trials`, `claims`, `scores`, `verdict` and `waivers`\n",
        ),
        ("verdict: [ label: A ]\n---\nplan: Q", "5:1: a plan is one document; `---` starts another one\n"),
    ] {
        assert_eq!(errors(&rest(sections), &[], &[]), expected, "{sections}");
    }
    for (plan, expected) in [
        ("", "1:1: the file is empty; a plan starts with `plan: TITLE`\n"),
        ("- a", "1:1: a plan is a map that starts with `plan: TITLE`; this is a list\n"),
        (
            "plan: \"\"\nverdict: [ label: A ]\ninclude: {}",
            "1:8: the title is empty\n3:10: the section is empty; fill it or leave it out\n",
        ),
        (
            "inputs: { a: 1 }",
            "1:1: the plan lacks `plan` (its title), `probes` (what to look at), `claims` (what must be true of it), `verdict` (which label it leads to)\n1:11: input `a` is not used; use it as $a, or take it out\n",
        ),
        ("plan: &a [*a]", "1:11: this alias stands inside what it names\n"),
        (
            "plan: P\nprobes:\n\tr: {}",
            "3:2: not YAML: tabs disallowed within this context (block indentation); indent with spaces\n",
        ),
    ] {
        assert_eq!(errors(plan, &[], &[]), expected, "{plan}");
    }
}

#[test]
fn inputs_that_are_wrong() {
    for (declared, given, expected) in [
        ("a: 1, b: 2", "", "2:17: input `b` is not used; use it as $b, or take it out\n"),
        ("a: ~", "", "2:11: input `a` has no value; write one, or { required: true } if it must be given\n"),
        ("a: [x]", "", "2:14: input `a` is a list; an input is text, a number, true or false\n"),
        (
            "a: \"$b x\", b: 1",
            "",
            "2:15: an input is taken as it is; `$b` is not filled in here\n2:22: input `b` is not used; use it as $b, or take it out\n",
        ),
        ("a: {}", "", "2:14: in input `a`: the map is empty; write a value, or { required: true }\n"),
        ("a: { required: true }", "", "2:14: input `a` is required; give it with `--input a=VALUE`\n"),
        ("a: { requird: true }", "", "2:16: in input `a`: unknown key `requird`; did you mean `required`?\n"),
        ("a: { value: 5 }", "", "2:23: in input `a`: write the value itself: `a: VALUE`\n"),
        (
            "a: { value: 5, secret: true }",
            "",
            "2:23: in input `a`: a secret is never written in a plan; say where it comes from: `env`, `file`, `descriptor` or `token`\n",
        ),
        (
            "a: { secret: true }",
            "",
            "2:14: in input `a`: a secret needs a source: `env`, `file`, `descriptor` or `token`\n",
        ),
        (
            "a: { env: A }",
            "",
            "2:14: in input `a`: what comes from the environment, a file or a descriptor, or is a token, is a secret; add `secret: true`\n",
        ),
        (
            "a: { env: A, file: b, secret: true }",
            "",
            "2:14: in input `a`: a secret has one source: `env`, `file`, `descriptor` or `token`\n",
        ),
        (
            "a: { env: \"A B\", secret: true }",
            "",
            "2:14: in input `a`: `A B` is not the name of an environment variable\n",
        ),
        (
            "a: { descriptor: 1, secret: true }",
            "",
            "2:14: in input `a`: descriptors 0, 1 and 2 are taken; use 3 or higher\n",
        ),
        (
            "a: { token: { key: b }, secret: true }, b: { env: B, secret: true }",
            "",
            "2:14: in input `a`: the token's key `b` is no secret input that is declared before it\n2:51: input `b` is not used; use it as $b, or take it out\n",
        ),
        (
            "b: { env: B, secret: true }, a: { token: { key: b, defect: expired, claims: { exp: 4102444800 } }, secret: true }",
            "",
            "2:43: in input `a`: the claim `exp` is the token's defect; leave it out of `claims`\n",
        ),
        (
            "b: { env: B, secret: true }, a: { token: { key: b, defect: expird }, secret: true }",
            "",
            "2:11: input `b` is not used; use it as $b, or take it out\n2:70: in input `a`: `expird` is not one of `expired`, `not-yet-valid`, `other-key`, `none`, `other-algorithm`, `altered` or `cut`; did you mean `expired`?\n",
        ),
        ("a: { env: A, secret: false }", "", "2:14: in input `a`: `secret` is `true` or left out\n"),
        (
            "a: { env: A, secret: true }",
            "a=x",
            "--input: input `a` is a secret; a secret is not given on the command line, where others can read it\n",
        ),
        (
            "alpha: 1, a: 2",
            "alhpa=x",
            "2:11: input `alpha` is not used; use it as $alpha, or take it out\n--input: the plan has no input `alhpa`; did you mean `alpha`?\n",
        ),
        (
            "in: 1, a: 2",
            "",
            "2:11: `in` cannot be the name of an input: it is a reserved word in conditions\n",
        ),
    ] {
        let given: Vec<_> = given.split_once('=').into_iter().collect();
        assert_eq!(errors(&inputs(declared), &[], &given), expected, "{declared}");
    }
}

#[test]
fn a_secret_may_stand_only_in_text() {
    let secret = |probe: &str, more: &str| {
        format!(
            "plan: P\ninputs: {{ s: {{ env: S, secret: true }} }}\nprobes: {{ r: {{ http: $s, {probe} }} }}\nclaims: {{ c: {{ of: r, {more} }} }}\nverdict: [ label: L ]\n"
        )
    };
    for (probe, claim, expected) in [
        ("method: $s", "check: x", "3:34: in probe `r`: a secret may not stand here\n"),
        ("redirects: $s", "check: x", "3:37: in probe `r`: a secret may not stand here\n"),
        ("method: \"a$s\"", "check: x", "3:35: in probe `r`: a secret may not stand here\n"),
        ("timeout: $s", "check: x", "3:35: in probe `r`: a secret may not stand here\n"),
        (
            "matrix: [ c: $s ]",
            "check: x",
            "3:39: in the matrix of probe `r`: a secret may not stand here: cells are facts\n",
        ),
        ("body: x", "check: body == $s", "4:30: in claim `c`: a secret may not stand here\n"),
        ("body: x", "check: x, says: $s", "4:39: in claim `c`: a secret may not stand here\n"),
    ] {
        assert_eq!(errors(&secret(probe, claim), &[], &[]), expected, "{probe} {claim}");
    }
}

#[test]
fn matrices_that_are_wrong() {
    let table = probes("r: { http: x, matrix: t.csv }");
    for (csv, expected) in [
        ("", "t.csv:1: in the matrix of probe `r`: there is no row; nothing would be looked at\n"),
        ("a,b\n", "t.csv:1: in the matrix of probe `r`: there is no row; nothing would be looked at\n"),
        (
            "a,b\n1,2\n3\n4,5,6\n",
            "t.csv:3: in the matrix of probe `r`: this row has 1 fields, the first line names 2\nt.csv:4: in the matrix of probe `r`: this row has 3 fields, the first line names 2\n",
        ),
        ("a,a\n1,2\n", "t.csv:1: in the matrix of probe `r`: column `a` repeated\n"),
        (
            "status\n1\n",
            "t.csv:1: in the matrix of probe `r`: column `status` has the name of a fact of `http`; call it otherwise\n",
        ),
        (
            "a b\n1\n",
            "t.csv:1: in the matrix of probe `r`: `a b` cannot be the name of a column: a name is a lower-case letter, then lower-case letters, digits or _, at most 64 in all\n",
        ),
        ("a,b\n1,2\n3,4\n1,2\n", "t.csv:4: in the matrix of probe `r`: this row repeats the one in line 2\n"),
        (
            "a\nx\n \ny\n",
            "t.csv:3: in the matrix of probe `r`: a line of nothing but blanks is neither a row nor none; take it out\n",
        ),
    ] {
        let errors = load_with(&table, &[("t.csv", csv)], &[]).unwrap_err().list;
        let said: String = errors
            .iter()
            .map(|e| format!("{}:{}: {}\n", e.place.at.file, e.place.at.line, e.message))
            .collect();
        assert_eq!(said, expected, "{csv}");
    }
    // Read leniently, the first of these has one row.
    for (csv, line) in [
        ("a,b\n1,2\n3,\"open\n4,5\n6,7\n", 3),
        ("a,b\n\"x\"z,2\n", 2),
        ("a,b\r\n\"a\nb\",1\r\n5\" disk,2\r\n", 4),
        ("\u{feff}a,b\n1, \"2, 3\"\n", 2),
    ] {
        let errors = load_with(&table, &[("t.csv", csv)], &[]).unwrap_err().list;
        let places: Vec<u32> = errors.iter().map(|error| error.place.at.line).collect();
        assert_eq!(places, [line], "{csv}: {errors:?}");
        assert!(errors[0].message.contains("each quote within it doubled"), "{csv}: {errors:?}");
    }
    let rows = "a,b\n\"5\"\" disk, large\" ,1.10\n\"x\ny\",1.1\n";
    let plan = load_with(&table, &[("t.csv", rows)], &[]).unwrap().plan;
    let cells: Vec<String> =
        plan.probes[0].cells.iter().map(|cell| serde_json::to_string(&cell.row).unwrap()).collect();
    assert_eq!(cells, [r#"{"a":"5\" disk, large","b":1.10}"#, r#"{"a":"x\ny","b":1.1}"#]);
    for (entry, expected) in [
        (
            "r: { http: x, matrix: [] }",
            "3:25: in probe `r`: the matrix is empty; nothing would be looked at\n",
        ),
        (
            "r: { http: x, matrix: [ a, b ] }",
            "3:27: in the matrix of probe `r`: a row is a map from column to value, such as { role: viewer }, found `a`\n3:30: in the matrix of probe `r`: a row is a map from column to value, such as { role: viewer }, found `b`\n",
        ),
        (
            "r: { http: x, matrix: [ { c: 1 }, { d: 1 } ] }",
            "3:37: in the matrix of probe `r`: every row has the columns of the first: `c`\n",
        ),
        (
            "r: { http: x, matrix: [ { c: [1] } ] }",
            "3:32: in the matrix of probe `r`: a cell is text, a number, true or false, found a list\n",
        ),
        (
            "r: { http: x, matrix: { c: 1 } }",
            "3:25: in probe `r`: a matrix is a CSV file or a list of maps, found a map\n",
        ),
        ("r: { http: x, matrix: no.csv }", "3:25: cannot read `no.csv`: No such file or directory\n"),
        (
            "r: { http: x, matrix: ../x.csv }",
            "3:25: the path `../x.csv` may not contain `..`: a plan reads only files below its own folder\n",
        ),
        (
            "r: { http: x, matrix: /x.csv }",
            "3:25: the path `/x.csv` must be relative, below the plan's folder\n",
        ),
        (
            "r: { http: x, matrix: ./x.csv }",
            "3:25: the path `./x.csv` must be written without needless parts, such as `rows/roles.csv`\n",
        ),
        (
            "r: { http: x, matrix: evidence.jsonl }",
            "3:25: the path `evidence.jsonl` is the name of something else in a bundle; call the file otherwise\n",
        ),
        (
            "r: { http: x, timeout: $c, matrix: [ c: 1 ] }",
            "3:26: `$c` is a column of the matrix; columns are filled in only among the parameters of the kind\n",
        ),
        (
            "r: { http: $clo, matrix: [ col: 1 ] }",
            "3:14: unknown input `clo`; did you mean `col`? Write $$clo for a literal dollar\n",
        ),
        (
            "r: { http: x, redirects: $c, matrix: [ c: 1, c: a ] }",
            "3:28: in probe `r` (c=a): expected a whole number, found the text `a`\n",
        ),
    ] {
        assert_eq!(errors(&probes(entry), &[], &[]), expected, "{entry}");
    }
    let clash = inputs("a: http://x").replace("http: $a", "http: $a, matrix: [ a: 1 ]");
    assert_eq!(
        errors(&clash, &[], &[]),
        "3:36: in the matrix of probe `r`: column `a` has the name of an input; call one of them otherwise\n"
    );
}

#[test]
fn a_matrix_of_a_million_rows_is_refused() {
    let mut csv = String::from("n\n");
    for n in 0..1_000_000 {
        csv.push_str(&format!("{n}\n"));
    }
    let errors =
        load_with(&probes("r: { http: x, matrix: t.csv }"), &[("t.csv", &csv)], &[]).unwrap_err().list;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].message, "in the matrix of probe `r`: more than 10000 rows");
    assert_eq!((&*errors[0].place.at.file, errors[0].place.at.line), ("t.csv", 10_002));
}
