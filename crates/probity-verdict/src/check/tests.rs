//! Each thing that `plan check` finds, with its whole message, and the plan beside it that is right.

use std::collections::BTreeMap;

use super::*;

struct Text(String);

impl probity_plan::Sources for Text {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path == "plan.yaml" { Ok(self.0.clone().into_bytes()) } else { Err("no such file".to_owned()) }
    }
}

/// Problems of a plan with these sections, notes left out unless they are all there is, as printed without hints.
fn problems_of(text: &str) -> Vec<Diagnostic> {
    match probity_plan::load("plan.yaml", &Text(text.to_owned()), &BTreeMap::new()) {
        Ok(loaded) => check(&loaded.plan, &Conditions::new(&loaded.plan)),
        Err(errors) => panic!("the plan does not load:\n{errors}"),
    }
}

fn printed(text: &str) -> Vec<String> {
    problems_of(text).iter().map(ToString::to_string).collect()
}

/// A plan with one probe `p` and these claims (YAML), accepted if `good` holds.
fn plan(probe: &str, claims: &str) -> String {
    format!(
        "plan: A plan\nprobes:\n  p: {probe}\nclaims:\n{claims}\nverdict:\n  - {{ label: GO, when: holds(good), \
         accepted: true }}\n  - {{ label: NO }}\n"
    )
}

const COMMAND: &str = "{ command: [\"true\"], impact: observe }";
const REPEATED: &str = "{ command: [\"true\"], impact: observe, repeat: 59 }";
const GOOD: &str = "  good: { of: p, check: exit_code == 0 }\n";

#[test]
fn a_sound_plan_has_no_problems() {
    assert_eq!(printed(&plan(COMMAND, GOOD)), Vec::<String>::new());
}

#[test]
fn a_secret_that_others_can_read_is_told() {
    let warnings = |probe: &str| {
        let text = plan(probe, "  good: { of: p, check: elapsed_ms < 9 }\n");
        let text = text.replace("probes:", "inputs: { s: { env: S, secret: true } }\nprobes:");
        let problems = problems_of(&text).into_iter().filter(|problem| problem.rule == "exposed-secret");
        problems
            .map(|problem| format!("{}: {}; {}", problem.level.word(), problem.message, problem.remedy))
            .collect::<Vec<_>>()
    };
    let argument = "warning: in probe `p`: the secret `s` is an argument of a program: whoever lists the processes of the \
                    machine reads it; hand it over in `env` or `stdin`";
    let host = "warning: in probe `p`: the secret `s` is part of a host's name, for which name servers are asked; keep \
                secrets out of the names of hosts";
    for (probe, expected) in [
        ("{ command: [a, b, x$s, $s], impact: observe }", &[argument][..]),
        ("{ command: { shell: 'a ${s}' }, impact: observe }", &[argument]),
        (
            "{ command: [a, $c], matrix: [ { c: 1 }, { c: 2 } ], undo: { command: [b, $s] }, impact: observe }",
            &[argument],
        ),
        ("{ command: [a], stdin: $s, env: { S: $s }, impact: observe }", &[]),
        ("{ http: 'http://u:$s@h/$s?q=$s#$s', headers: { a: $s } }", &[]),
        ("{ http: 'http://${s}.example/' }", &[host]),
        ("{ http: 'http://u:p@$s' }", &[host]),
        ("{ http: $s/path }", &[]),
        ("{ postgres: 'postgresql://u@$s/d', query: SELECT 1 }", &[host]),
        ("{ postgres: 'host=h password=$s', query: SELECT 1 }", &[]),
    ] {
        assert_eq!(warnings(probe), expected, "{probe}");
    }
}

#[test]
fn a_condition_that_does_not_compile_is_an_error_at_its_column() {
    let text = plan(COMMAND, "  good: { of: p, check: exit_cod == 0 }\n");
    let problems = problems_of(&text);
    assert_eq!((problems[0].level, problems[0].rule), (Level::Error, "condition"));
    let column = text.lines().nth(4).unwrap().find("exit_cod").unwrap() + 1;
    assert!(
        problems[0].to_string().starts_with(&format!("plan.yaml:5:{column}: error: ")),
        "{}",
        problems[0]
    );
    assert!(problems[0].message.contains("did you mean `exit_code`?"), "{}", problems[0]);
}

#[test]
fn what_is_wrong_behind_an_input_that_was_filled_in_is_placed_in_what_was_read() {
    let text = plan("{ file: /p }", "  good: { of: p, check: size_bytes < $most && mod > 0 }\n");
    let text = text.replace("probes:", "inputs:\n  most: 1000000\nprobes:");
    let column = text.lines().nth(6).unwrap().find("size_bytes").unwrap() + 1;
    let said = &printed(&text)[0];
    assert!(said.starts_with(&format!("plan.yaml:7:{column}: error: ")), "{said}");
    assert!(
        said.contains("\n  character 25 of `size_bytes < 1000000 && mod > 0`, as it is read\n"),
        "{said}"
    );
}

#[test]
fn what_is_wrong_in_a_condition_that_is_not_written_as_it_is_read_is_placed_in_what_is_read() {
    for (written, character) in [
        ("|\n      exists &&\n        mdo == '1'\n", 13),
        (">\n      exists &&\n      mdo == '1'\n", 11),
        ("exists &&\n      mdo == '1'\n", 11),
        ("\"mode == \\\"1\\\" && mdo\"\n", 16),
        ("'mode == ''1'' && mdo'\n", 16),
    ] {
        let text = plan("{ file: /p }", &format!("  good:\n    of: p\n    check: {written}"));
        let said = &printed(&text)[0];
        assert!(said.contains(&format!("character {character} of `")), "{written}: {said}");
        assert!(said.contains("as it is read"), "{written}: {said}");
    }
    for written in ["exists && mdo", "\"exists && mdo\"", "'exists && mdo'", "|\n      exists && mdo"] {
        let text = plan("{ file: /p }", &format!("  good:\n    of: p\n    check: {written}\n"));
        let line = text.lines().position(|line| line.contains("mdo")).unwrap();
        let column = text.lines().nth(line).unwrap().find("mdo").unwrap() + 1;
        let said = &printed(&text)[0];
        assert!(said.starts_with(&format!("plan.yaml:{}:{column}: ", line + 1)), "{written}: {said}");
    }
}

#[test]
fn what_can_never_be_seen_is_told_before_any_look() {
    let told = |probe: &str, check: &str| {
        let text = plan(&format!("{{ {probe} }}"), &format!("  good: {{ of: p, check: {check} }}\n"));
        problems_of(&text).iter().any(|problem| problem.rule == "sees-nothing")
    };
    for (probe, check) in [
        ("http: zz", "answered"),
        ("http: \"http://[::1\"", "answered"),
        ("jsonrpc: \"ftp://x\", calls: [ { method: m } ], impact: observe", "answered"),
        ("websocket: \"http://x\"", "answered"),
        ("tls: x", "answered"),
        ("tls: \"x:y\"", "answered"),
        ("tls: \"https://x:443\"", "answered"),
        ("http: \"https://x\", client_key: k.pem", "answered"),
        ("redis: \"redis://x:6379/2\", command: [PING]", "answered"),
        ("postgres: \"host=x\", query: SELECT 1, client_key: k.pem", "answered"),
        ("smtp: \"mail.example\"", "answered"),
        ("icmp: \"127.0.0.1:80\"", "answered"),
        ("dns: a..b", "answered"),
        ("service: a b", "active_state == 'active'"),
        ("package: \"\"", "installed"),
        ("package: \"lib*\"", "installed"),
        ("http: \"http://x\", method: \"GE T\", impact: observe", "answered"),
        ("http: \"http://x\", headers: { a b: c }", "answered"),
        ("websocket: \"ws://x\", headers: { \"a:\": c }, impact: observe", "answered"),
        ("jsonrpc: \"ws://x\", calls: [ { method: m } ], headers: { a b: c }, impact: observe", "answered"),
        ("rate-limit: \"http://x\", method: \"GE T\"", "answered"),
        ("rate-limit: \"http://x\", other_identity: { headers: { a b: c } }", "answered"),
        ("container: ../x", "exists"),
        ("file: \"/a\\0b\"", "exists"),
        ("interface: ../x", "exists"),
        ("interface: \"eth0:1\"", "exists"),
        ("kernel-parameter: \"net.ipv4.conf.*.rp_filter\"", "exists"),
        ("process: /usr/sbin/", "running"),
        ("process: /usr/bin/tail -f", "running"),
        ("dns: 192.0.2.1, type: PTR", "answered"),
        ("dns: \"2001:db8::1\"", "answered"),
        ("dns: \"https://a.b\"", "answered"),
        ("dns: a.b, server: localhost", "answered"),
    ] {
        assert!(told(probe, check), "{probe}");
    }
    for (probe, check) in [
        ("http: \"http://x\"", "answered"),
        ("tls: \"x:443\"", "answered"),
        ("package: \"libstdc++6:amd64\"", "installed"),
        ("http: \"http://x\", method: M-SEARCH, headers: { x_y.z: c }, impact: observe", "answered"),
        ("redis: /run/redis.sock, command: [PING]", "answered"),
        ("smtp: \"smtps://mail.example:465/\"", "answered"),
        ("icmp: \"fe80::1%eth0\"", "answered"),
        ("dns: a.b.", "answered"),
        ("dns: '1.2.0.192.in-addr.arpa', server: \"[fe80::1%eth0]:53\"", "answered"),
        ("dns: 'a\\..b\\032c', server: \"fe80::1%eth0\"", "answered"),
        ("service: \"*\"", "\"failed == []\""),
        ("interface: eth0", "exists"),
    ] {
        assert!(!told(probe, check), "{probe}");
    }
}

#[test]
fn conditions_of_where_until_and_rules_are_read_too() {
    let text = "plan: A plan\nprobes:\n  p: { command: [\"true\"], impact: observe, until: exitcode == 0, within: 1s }\n\
        claims:\n  good: { of: p, where: founded, check: exit_code == 0 }\nverdict:\n  \
        - { label: GO, when: holds(god), accepted: true }\n  - { label: NO }\n";
    let problems = problems_of(text);
    let places: Vec<(u32, &str)> =
        problems.iter().map(|problem| (problem.place.at.line, problem.rule)).collect();
    assert_eq!(places, [(3, "condition"), (5, "condition"), (7, "condition")], "{problems:?}");
    assert_eq!(
        problems[2].to_string(),
        "plan.yaml:7:30: error: there is no claim `god`; did you mean `good`? [condition]\n  the plan's claims: good"
    );
}

#[test]
fn a_sample_too_small_is_an_error() {
    let claims = "  good: { of: p, check: exit_code == 0, share: \">= 95%\" }\n";
    assert_eq!(
        printed(&plan("{ command: [\"true\"], impact: observe, repeat: 17 }", claims)),
        ["plan.yaml:5:3: error: `good`: 17 samples cannot settle 95%, 59 can [sample]\n  \
          plan 59, or claim at most 83.8433%, which 17 samples show"]
    );
    assert_eq!(
        printed(&plan(COMMAND, claims)),
        ["plan.yaml:5:3: error: `good`: 1 sample cannot settle 95%, 59 can [sample]\n  \
          `p` looks once; give it `every` and `for`, or `repeat: 59`"]
    );
    assert_eq!(printed(&plan(REPEATED, claims)), Vec::<String>::new());
}

#[test]
fn a_rate_of_one_trial_that_could_be_shown_is_a_warning() {
    let claims = "  good: { of: p, check: exit_code == 0, share: \">= 5%\" }\n";
    assert_eq!(
        printed(&plan(COMMAND, claims)),
        ["plan.yaml:5:3: warning: `good` is a rate and plans one trial [sample]\n  \
          leave `share` out, or plan more trials"]
    );
}

#[test]
fn blocks_count_instead_of_looks_and_pooled_rows_together() {
    let probe = "{ command: [\"true\"], impact: observe, every: 1s, for: 10m }";
    let claims = "  good: { of: p, check: exit_code == 0, share: \">= 95%\", block: 1m }\n";
    assert_eq!(
        printed(&plan(probe, claims)),
        ["plan.yaml:5:3: error: `good`: 10 blocks cannot settle 95%, 59 can [sample]\n  \
          plan 59, or claim at most 74.1134%, which 10 blocks show"]
    );
    // A stretch that is not whole is none.
    for (block, whole) in [("9m", 1), ("7s", 85), ("11m", 0)] {
        let printed = printed(&plan(probe, &claims.replace("1m", block).replace("95%", "99.9%"))).join("\n");
        let counted = if whole == 1 { "1 block".to_owned() } else { format!("{whole} blocks") };
        assert!(printed.contains(&format!("{counted} cannot settle")), "{printed}");
    }
    let longer_than_a_look = claims.replace("block: 1m", "block: 100ms");
    assert_eq!(
        printed(&plan(&probe.replace("10m", "30s"), &longer_than_a_look)).len(),
        1,
        "30 looks are 30 trials at most"
    );
    let probe = "{ command: [\"true\"], impact: observe, repeat: 30, matrix: [{ a: 1 }, { a: 2 }] }";
    let claims =
        |pooled| format!("  good: {{ of: p, check: exit_code == a, share: \">= 95%\", pooled: {pooled} }}\n");
    assert_eq!(printed(&plan(probe, &claims(true))), Vec::<String>::new());
    assert_eq!(
        printed(&plan(probe, &claims(false))),
        ["plan.yaml:5:3: error: `good`: 30 samples cannot settle 95%, 59 can [sample]\n  \
          plan 59, or claim at most 90.4966%, which 30 samples show"]
    );
}

#[test]
fn what_a_fact_is_never_written_as_is_refused() {
    let said = |probe: &str, check: &str| {
        let claims = format!("  good: {{ of: p, check: '{check}' }}\n");
        printed(&plan(probe, &claims)).join("\n")
    };
    let http = "{ http: \"http://127.0.0.1/\" }";
    for check in [
        "answered && !(\"Server\" in headers)",
        "answered && !has(headers.Server)",
        "answered && headers[\"X-Powered-By\"] == \"x\"",
        "answered && headers.Server == \"x\"",
    ] {
        let said = said(http, check);
        assert!(
            said.contains("`headers` has no key `") && said.contains("its keys are in lower case"),
            "{said}"
        );
    }
    let file = "{ file: /etc/hostname }";
    for (check, told) in [
        ("sha256 != \"BA78\"", "`sha256` is never written `BA78`"),
        ("!(sha256 in [\"ab\", \"BA78\"])", "`sha256` is never written `BA78`"),
        (
            "kind != \"dir\"",
            "it is one of file, directory, symlink, socket, fifo, block-device, character-device",
        ),
    ] {
        let said = said(file, check);
        assert!(said.contains(told), "{check}: {said}");
    }
    for (probe, check) in [
        (http, "answered && !(\"server\" in headers) && headers.server == \"X\""),
        (file, "sha256 != \"ba78\" && kind == \"directory\" && !content.contains(\"BA78\")"),
    ] {
        let said = said(probe, check);
        assert!(!said.contains("error"), "{check}: {said}");
    }
}

/// 59 of 59 settle 95 %, and at a rate of 99 % all 59 succeed in 55.3 % of runs: 0.99^59 = 0.5527.
#[test]
fn an_expected_rate_says_how_likely_the_claim_is_settled() {
    let claims = "  good: { of: p, check: exit_code == 0, share: \">= 95%\", expect: 99% }\n";
    let problems = problems_of(&plan(REPEATED, claims));
    assert_eq!((problems.len(), problems[0].level), (1, Level::Warning));
    let start = "`good`: 59 samples settle 95% in 55% of runs if the rate is 99%, as expected; ";
    assert!(problems[0].message.starts_with(start), "{}", problems[0]);
    let many = "{ command: [\"true\"], impact: observe, repeat: 400 }";
    let problems = problems_of(&plan(many, claims));
    assert_eq!((problems.len(), problems[0].level, problems[0].rule), (1, Level::Note, "expect"));
}

#[test]
fn a_rule_that_is_stricter_than_the_sample_allows_is_a_warning() {
    let text = format!(
        "plan: A plan\nprobes:\n  p: {REPEATED}\nclaims:\n  a: {{ of: p, check: exit_code == 0, share: \">= 95%\" }}\n  \
         b: {{ of: p, check: found, share: \">= 90%\" }}\nscores:\n  s: {{ a: 1, b: 1 }}\nverdict:\n  \
         - {{ label: GO, when: score.s >= 0.9, accepted: true }}\n  - {{ label: NO }}\n"
    );
    assert_eq!(
        printed(&text),
        [
            "plan.yaml:5:3: warning: `a`: rule 1 (GO) rests on 2 rates of which any could be mistaken and decides each at \
          97.5%; 59 samples cannot settle 95% there, 72 can [sample]\n  plan 72"
        ]
    );
}

#[test]
fn watches_that_cannot_see_enough_periods_are_errors() {
    let claims = "  good: { of: p, periodic: 1m, tolerance: 5s, changes: stdout_bytes }\n";
    let probe = |every, lasting| {
        format!("{{ command: [\"true\"], impact: observe, every: {every}, for: {lasting} }}")
    };
    assert_eq!(
        printed(&plan(&probe("10s", "3m"), claims)),
        [
            "plan.yaml:5:3: error: `good`: `p` looks every 10s, too slowly to see a gap surely within a tolerance of 5s \
             [polling]\n  look at least every 5s",
            "plan.yaml:5:3: error: `good`: a watch of 3m cannot see 5 complete gaps of 1m [watch]\n  \
             watch for 365s, or ask for fewer `periods`",
        ]
    );
    assert_eq!(
        printed(&plan(COMMAND, claims)),
        [
            "plan.yaml:5:3: error: `good` watches for changes of `stdout_bytes`, and `p` does not look at intervals \
          [watch]\n  give `p` `every` and `for`"
        ]
    );
    assert_eq!(printed(&plan(&probe("5s", "365s"), claims)), Vec::<String>::new());
}

#[test]
fn one_look_has_nothing_to_compare_with() {
    assert_eq!(
        printed(&plan(COMMAND, "  good: { of: p, stable: [exit_code] }\n")),
        ["plan.yaml:5:3: error: `good` says that facts do not change, and `p` looks once [one-look]\n  \
          let `p` look several times: `every` and `for`, or `repeat`"]
    );
    assert_eq!(
        printed(&plan(COMMAND, "  good: { of: p, against: p, check: exit_code == against.exit_code }\n")),
        [
            "plan.yaml:5:3: error: `good` compares the first look of `p` with its last, and `p` looks once [one-look]\n  \
          let `p` look several times: `every` and `for`, or `repeat`"
        ]
    );
}

#[test]
fn looks_that_cannot_be_paired_are_an_error() {
    let text = |times: u32| {
        plan(REPEATED, "  good: { of: p, against: q, check: exit_code == against.exit_code }\n").replace(
            "claims:",
            &format!("  q: {{ command: [\"true\"], impact: observe, repeat: {times} }}\nclaims:"),
        )
    };
    assert_eq!(
        printed(&text(58)),
        [
            "plan.yaml:6:3: error: `good` compares 59 looks of `p` with 58 of `q`, and which with which is not known \
          [compare]\n  plan as many looks of both, or one of `q`"
        ]
    );
    assert_eq!((printed(&text(59)), printed(&text(1))), (Vec::new(), Vec::new()));
}

/// A plan with claims a and b about a command and these rules, and what else comes after them.
fn ruled(rules: &[&str], rest: &str) -> String {
    let rules: Vec<String> = rules.iter().map(|rule| format!("  - {{ {rule} }}\n")).collect();
    format!(
        "plan: A plan\nprobes:\n  p: {COMMAND}\nclaims:\n  a: {{ of: p, check: exit_code == 0 }}\n  \
         b: {{ of: p, check: found }}\nverdict:\n{}{rest}",
        rules.concat()
    )
}

const GO: &str = "label: GO, when: holds(a) && holds(b), accepted: true";
const NO: &str = "label: NO";

#[test]
fn a_label_says_one_thing_and_not_what_is_added_to_one() {
    let labels = |accepting: &str, other: &str| {
        let accepting = format!("label: '{accepting}', when: holds(a) && holds(b), accepted: true");
        let text = ruled(&[&accepting, &format!("label: '{other}'")], "");
        printed(&text)
            .iter()
            .filter(|problem| problem.contains("error") && problem.contains("[label]"))
            .count()
    };
    for label in [
        "GO with waivers",
        "GO with  waivers",
        "GO with\u{a0}waivers",
        "GO (with waivers)",
        "GO, With-Waivers.",
        "GO with wai\u{200b}vers",
    ] {
        assert_eq!(labels(label, "NO"), 1, "{label}");
    }
    for (accepting, other) in [
        ("GO", "GO"),
        ("GO", "go "),
        ("NOT  YET", "Not yet"),
        ("No rule applies", "NO"),
        // Not to be told apart where they are printed.
        ("GO", "G\u{200b}O"),
        ("GO", "\u{ff27}\u{ff2f}"),
        ("GO", "NO (accepted)"),
        ("GO ( inconclusive )", "NO"),
    ] {
        assert_eq!(labels(accepting, other), 1, "{accepting} {other}");
    }
    let three =
        ["label: GO, when: holds(a) && holds(b), accepted: true", "label: Go OR  no, when: fails(a)", NO];
    let said = printed(&ruled(&three, "")).join("\n");
    assert!(
        said.contains("the label `Go OR  no` says what is said where several labels are possible"),
        "{said}"
    );
    for (accepting, other) in
        [("A+", "A"), ("✓", "✗"), ("GO without waivers", "NO RULE APPLIES"), ("DO or DIE", "DO")]
    {
        assert_eq!(labels(accepting, other), 0, "{accepting} {other}");
    }
}

#[test]
fn rules_that_accept_whatever_happens_are_errors() {
    let hint = "let what accepts ask for holds(CLAIM), or put a rule before it that rejects";
    let text = ruled(&["label: NO, when: fails(a) && holds(b)", "label: GO, accepted: true"], "");
    assert_eq!(
        printed(&text),
        [format!(
            "plan.yaml:9:5: error: with every claim failing, the verdict is GO, which is an acceptance \
             [accepts-failure]\n  {hint}"
        )]
    );
    let text = ruled(&["label: GO, when: undetermined(a) || holds(a) && holds(b), accepted: true", NO], "");
    assert_eq!(
        printed(&text),
        [format!(
            "plan.yaml:8:5: error: with every claim undetermined, the verdict is GO, which is an acceptance \
             [accepts-unseen]\n  {hint}"
        )]
    );
    // Not at all: what is unknown stays unknown.
    let text = ruled(&["label: NO, when: fails(a) || fails(b)", "label: GO, accepted: true"], "");
    assert_eq!(printed(&text), Vec::<String>::new());
}

#[test]
fn nothing_to_look_at_is_no_acceptance() {
    let text = ruled(&["label: NO, when: fails(a) || fails(b)", "label: GO, accepted: true"], "")
        .replace("exit_code == 0 }", "exit_code == 0, empty: ok }")
        .replace("check: found }", "check: found, empty: ok }");
    assert_eq!(
        printed(&text),
        [
            "plan.yaml:9:5: error: with nothing to look at (`empty: ok` claims not applicable, all others undetermined), \
          the verdict is GO, which is an acceptance [accepts-nothing]\n  \
          let what accepts ask for holds(CLAIM), or put a rule before it that rejects"
        ]
    );
}

#[test]
fn waivers_that_excuse_everything_are_a_warning() {
    let waiver =
        |claim| format!("  - {{ claim: {claim}, reason: r, owner: o, until: 2027-01-31, covers: both }}\n");
    let text = ruled(&[GO, NO], &format!("waivers:\n{}{}", waiver("a"), waiver("b")));
    let hint = "the waivers excuse every claim that an acceptance asks for";
    assert_eq!(
        printed(&text),
        ["failing", "undetermined"].map(|all| {
            let rule = if all == "failing" { "accepts-failure" } else { "accepts-unseen" };
            format!(
                "plan.yaml:8:5: warning: with every claim {all}, the verdict is GO with waivers, which is an acceptance \
                 [{rule}]\n  {hint}"
            )
        })
    );
    let text = ruled(&[GO, NO], &format!("waivers:\n{}", waiver("a")));
    assert_eq!(printed(&text), Vec::<String>::new());
}

#[test]
fn a_claim_that_had_better_fail_is_a_warning_whatever_else_fails() {
    let warned = |rules: &[&str]| -> Vec<String> {
        let rules: Vec<String> = rules.iter().map(|rule| format!("  - {{ {rule} }}\n")).collect();
        let claims = ["t", "a", "b", "c", "d"].map(|name| format!("  {name}: {{ of: p, check: found }}\n"));
        let text = format!(
            "plan: A plan\nprobes:\n  p: {COMMAND}\nclaims:\n{}scores:\n  s: {{ a: 1, b: 1, c: 1, d: 1 }}\nverdict:\n{}",
            claims.concat(),
            rules.concat()
        );
        let better = |problem: &String| problem.contains("[worse-is-better]");
        let name = |problem: String| problem.split('`').nth(1).unwrap_or_default().to_owned();
        printed(&text).into_iter().filter(better).map(name).collect()
    };
    let accepts = |when: &str| warned(&[&format!("label: GO, when: {when}, accepted: true"), NO]);
    assert_eq!(accepts("holds(t) && (holds(b) || holds(c) || fails(a))"), ["a"]);
    assert_eq!(accepts("holds(t) && (holds(b) || holds(c) || holds(d) || undetermined(a))"), ["a"]);
    assert_eq!(accepts("holds(t) && !((fails(b) || fails(c)) && holds(a))"), ["a"]);
    assert!(!accepts("holds(t) && score.s <= 0.5").is_empty());
    let rejects = "label: LOOK, when: (fails(b) || fails(d)) && fails(c) && holds(a)";
    assert_eq!(warned(&[rejects, "label: GO, when: holds(t), accepted: true", NO]), ["a"]);
    // Not where it helps nothing.
    for when in [
        "holds(t) && (holds(b) || holds(c) || holds(a))",
        "holds(t) && score.s >= 0.5",
        "holds(a) && (holds(b) || !undetermined(a) && holds(c))",
    ] {
        assert_eq!(accepts(when), [""; 0], "{when}");
    }
}

#[test]
fn a_plan_with_very_many_claims_in_scores_is_checked_in_part_rather_than_for_ever() {
    let claims = |each: &dyn Fn(usize) -> String| (0..100).map(each).collect::<String>();
    let weights: Vec<String> = (0..100).map(|n| format!("c{n}: 1")).collect();
    let rules = |n: usize| format!("  - {{ label: R{n}, when: score.s < 0.{n} }}\n");
    let text = format!(
        "plan: A plan\nprobes:\n  p: {COMMAND}\nclaims:\n{}scores:\n  s: {{ {} }}\nverdict:\n{}  - {{ label: GO, when: score.s >= 0.99, accepted: true }}\n  \
         - {{ label: NO }}\n",
        claims(&|n| format!("  c{n}: {{ of: p, check: exit_code == 0 }}\n")),
        weights.join(", "),
        (10..20).map(rules).collect::<String>()
    );
    let rules: Vec<_> = problems_of(&text).into_iter().map(|problem| (problem.level, problem.rule)).collect();
    assert!(rules.contains(&(Level::Note, "tried-in-part")), "{rules:?}");
}

/// With work for each pair of claims and each pair of comparisons this would take hours.
#[test]
fn a_score_of_very_many_claims_that_a_rule_reads_again_and_again_is_no_endless_work() {
    let weights: Vec<String> = (0..3000).map(|n| format!("c{n}: 1")).collect();
    let claims: String = (0..3000).map(|n| format!("  c{n}: {{ of: p, check: exit_code == 0 }}\n")).collect();
    let text = format!(
        "plan: A plan\nprobes:\n  p: {COMMAND}\nclaims:\n{claims}scores:\n  s: {{ {} }}\nverdict:\n  - {{ label: GO, when: \"{}\", accepted: true }}\n  - {{ label: NO }}\n",
        weights.join(", "),
        ["score.s > 0.5"; 50].join(" && "),
    );
    assert!(problems_of(&text).iter().any(|problem| problem.rule == "tried-in-part"));
}

#[test]
fn a_control_over_very_many_rows_is_examined_once_for_all_that_name_it() {
    let rows: Vec<String> = (0..1000).map(|n| format!("{{ n: {n} }}")).collect();
    let claims: String =
        (0..100).map(|n| format!("  c{n}: {{ of: p, check: status == 403, control: k }}\n")).collect();
    let text = format!(
        "plan: A plan\nprobes:\n  p: {{ http: http://x }}\n  m: {{ http: 'http://x/$n', matrix: [ {} ] }}\nclaims:\n{claims}  \
         k: {{ of: m, check: n >= 0 && answered && status < 300 && status >= 200 }}\nverdict: [ label: L ]\n",
        rows.join(", ")
    );
    assert!(problems_of(&text).iter().all(|problem| problem.rule != "control"));
}

#[test]
fn how_many_attempts_there_were_is_nothing_that_was_seen() {
    for (probe, check) in [
        (COMMAND, "attempt == 1"),
        (REPEATED, "attempt == 1 && slot >= 0"),
        ("{ command: [\"true\"], impact: observe, until: exit_code == 0, within: 1s }", "attempt < 9"),
    ] {
        let told = problems_of(&plan(probe, &format!("  good: {{ of: p, check: {check} }}\n")));
        let expected =
            (Level::Warning, "this condition reads nothing that `p` sees: `good` stays undetermined");
        assert!(told.iter().any(|it| (it.level, it.message.as_str()) == expected), "{told:?}");
    }
    assert_eq!(
        printed(&plan(COMMAND, "  good: { of: p, check: attempt == 1 && exit_code == 0 }\n")),
        [""; 0]
    );
}

#[test]
fn rules_that_never_apply_are_warnings() {
    let text = ruled(
        &[
            GO,
            "label: ALSO GO, when: holds(b) && holds(a), accepted: true",
            "label: ODD, when: holds(a) && fails(a)",
            "label: LOOK AGAIN, when: undetermined(a)",
            NO,
        ],
        "",
    );
    assert_eq!(
        printed(&text),
        [
            "plan.yaml:9:5: warning: rule 2 (ALSO GO) never applies: wherever it is true, a rule before it is too \
             [unreachable]",
            "plan.yaml:10:5: warning: rule 3 (ODD) never applies: its condition is never true [unreachable]",
        ]
    );
}

#[test]
fn no_acceptance_at_all_is_a_warning() {
    let text = ruled(&["label: GO, when: holds(a) && holds(b)", NO], "");
    assert_eq!(
        printed(&text),
        ["plan.yaml:8:5: warning: no rule is an acceptance: the verdict can only reject [no-acceptance]\n  \
          say `accepted: true` at the labels that are"]
    );
}

#[test]
fn claims_and_scores_that_decide_nothing_are_told() {
    let text = ruled(&["label: GO, when: holds(a), accepted: true", NO], "");
    assert_eq!(
        printed(&text),
        [
            "plan.yaml:6:3: warning: `b` is in no rule and no score: whatever comes of it, the verdict stays the same \
          [unused-claim]"
        ]
    );
    let text = ruled(&["label: GO, when: holds(a), accepted: true", NO], "scores:\n  s: { b: 1 }\n");
    assert_eq!(
        printed(&text),
        ["plan.yaml:11:3: note: score `s` is in no rule: it is printed and decides nothing [unused-score]"]
    );
}

#[test]
fn waivers_that_do_nothing_are_warnings() {
    let waiver = "waivers:\n  - { claim: b, reason: r, owner: o, until: 2027-01-31 }\n";
    let text = ruled(
        &["label: GO, when: holds(a), accepted: true", NO],
        &format!("scores:\n  s: {{ b: 1 }}\n{waiver}"),
    );
    assert_eq!(
        printed(&text)[1],
        "plan.yaml:13:5: warning: the waiver for `b` does nothing: no rule names the claim, and scores take no waivers \
         [waiver]"
    );
    let text = ruled(&[GO, NO], waiver);
    let loaded = probity_plan::load("plan.yaml", &Text(text), &BTreeMap::new()).unwrap();
    let on = |day: &str| check_on(&loaded.plan, &Conditions::new(&loaded.plan), Some(day.parse().unwrap()));
    assert_eq!(on("2027-01-31"), []);
    assert_eq!(
        on("2027-02-01")[0].to_string(),
        "plan.yaml:11:5: warning: the waiver for `b` counted until 2027-01-31 and does nothing any more [waiver]"
    );
    // Nor does it excuse anything then.
    let waiver = "waivers:\n  - { claim: a, reason: r, owner: o, until: 2027-01-31 }\n";
    let loaded = probity_plan::load(
        "plan.yaml",
        &Text(ruled(&["label: GO, when: holds(a), accepted: true", NO], waiver)),
        &BTreeMap::new(),
    )
    .unwrap();
    let told = |day: &str| {
        let found = check_on(&loaded.plan, &Conditions::new(&loaded.plan), Some(day.parse().unwrap()));
        found.iter().any(|problem| problem.rule == "accepts-failure")
    };
    assert_eq!((told("2027-01-31"), told("2027-02-01")), (true, false));
}

#[test]
fn presence_alone_is_noted_once() {
    let file = "{ file: /etc/hostname, repeat: 2 }";
    let claims = "  good: { of: p, check: exists }\n  also: { of: p, stable: [size_bytes] }\n  \
                  grew: { of: p, against: p, check: size_bytes > against.size_bytes }\n";
    let text = plan(file, claims).replace("holds(good)", "holds(good) && holds(also) && holds(grew)");
    assert_eq!(
        printed(&text),
        [
            "plan.yaml:5:3: note: `good`, `also` rest on presence alone: they show that something is there, not that it \
          works [presence]"
        ]
    );
}

#[test]
fn a_timed_probe_beside_one_that_loads_is_a_warning() {
    let text = "plan: A plan\nprobes:\n  p: { http: \"http://127.0.0.1:1/\" }\n  \
        q: { command: [stress], impact: load, with: p }\nclaims:\n  good: { of: p, check: elapsed_ms < 100 }\n  \
        ran: { of: q, check: exit_code == 0 }\nverdict:\n  \
        - { label: GO, when: holds(good) && holds(ran), accepted: true }\n  - { label: NO }\n";
    let hint = "leave `with` out, unless the time under that load is what the claim is about";
    assert_eq!(
        printed(text),
        [format!(
            "plan.yaml:4:3: warning: `p` is timed while `q` runs, whose impact is `load` [load]\n  {hint}"
        )]
    );
    assert_eq!(printed(&text.replace("impact: load", "impact: observe")), Vec::<String>::new());
    assert_eq!(printed(&text.replace("elapsed_ms < 100", "answered")), Vec::<String>::new());
    // What loads may itself be timed.
    let loading = text.replace("elapsed_ms < 100", "answered").replace("exit_code == 0", "elapsed_ms < 5000");
    assert_eq!(printed(&loading), Vec::<String>::new());
}

#[test]
fn what_outlives_the_probe_it_runs_with_is_told() {
    let with = |main: &str, companion: &str| {
        printed(&format!(
            "plan: A plan\nprobes:\n  p: {{ file: /p{main} }}\n  q: {{ file: /q, with: p{companion} }}\nclaims:\n  \
             good: {{ of: p, check: exists }}\n  beside: {{ of: q, check: exists }}\nverdict:\n  \
             - {{ label: GO, when: holds(good) && holds(beside), accepted: true }}\n  - {{ label: NO }}\n"
        ))
        .into_iter()
        .filter(|problem| problem.contains("[with]"))
        .collect::<Vec<_>>()
    };
    let eight = ", every: 5s, for: 8m";
    for (main, companion) in
        [(eight, eight), (eight, ", every: 1s, for: 8m"), (eight, ", repeat: 900"), ("", "")]
    {
        assert_eq!(with(main, companion), Vec::<String>::new(), "{main} {companion}");
    }
    assert_eq!(
        with(eight, ", every: 5s, for: 10m"),
        [
            "plan.yaml:4:3: error: `q` looks for 10m while `p` does, which is over before: what is then left is not looked at \
          [with]\n  let `q` look for at most 8m, or `p` for longer"
        ]
    );
    // A last look of `p` may take its time-out.
    assert!(
        with(eight, ", every: 5s, for: 485s")[0]
            .contains("warning: `q` looks for 485s while `p` does, which may be over")
    );
    assert_eq!(
        with(", repeat: 3", ", every: 5s, for: 30s"),
        [
            "plan.yaml:4:3: warning: `q` looks for 30s while `p` does, which may be over before: what is then left is not \
          looked at [with]\n  let `q` look for less long than `p` takes"
        ]
    );
    assert!(with(", repeat: 3", ", every: 5s, for: 60s")[0].contains("error"));
}

#[test]
fn a_denial_without_control_is_a_warning() {
    let http = "{ http: \"http://127.0.0.1:1/\" }";
    let denied = |check: &str| printed(&plan(http, &format!("  good: {{ of: p, check: \"{check}\" }}\n")));
    let warning = "plan.yaml:5:3: warning: `good` holds only of a denial, and names no `control` [denial]\n  name the claim \
                   that shows the same thing succeeding where it should: `control: CLAIM`";
    for check in ["answered && status == 403", "!answered", "answered && status in [401, 403]"] {
        assert_eq!(denied(check), [warning], "{check}");
    }
    // Something else would do as well.
    for check in ["answered && status >= 400", "answered && (status == 403 || status == 404)", "answered"] {
        assert_eq!(denied(check), Vec::<String>::new(), "{check}");
    }
}

#[test]
fn a_control_that_can_hold_where_nothing_was_granted_is_an_error() {
    let found = |claim: &str, control: &str| {
        let probes =
            "{ http: \"http://127.0.0.1:1/\" }\n  f: { file: / }\n  port: { port: 1, connect: localhost }";
        let claims = format!("  good: {{ of: p, check: \"{claim}\", control: sure }}\n  sure: {control}\n");
        printed(&plan(probes, &claims)).into_iter().filter(|problem| problem.contains("[control]")).count()
    };
    let (forbidden, unreached) = ("answered && status == 403", "!answered");
    for control in
        ["answered && status == 200", "status in [200, 204]", "answered && status < 300 && status > 199"]
    {
        assert_eq!(found(forbidden, &format!("{{ of: p, check: '{control}' }}")), 0, "{control}");
        assert_eq!(found(unreached, &format!("{{ of: p, check: '{control}' }}")), 0, "{control}");
    }
    for control in
        ["answered", "answered && status != 403", "size_bytes > 0", "status == 200 || size_bytes > 0"]
    {
        assert_eq!(found(forbidden, &format!("{{ of: p, check: '{control}' }}")), 1, "{control}");
    }
    assert_eq!(found(unreached, "{ of: p, check: answered }"), 0);
    // A connection that was made contradicts one that was not, of whatever kind; a file contradicts nothing.
    assert_eq!(found(unreached, "{ of: port, check: connected }"), 0);
    assert_eq!(found(forbidden, "{ of: port, check: connected }"), 1);
    assert_eq!(found(unreached, "{ of: f, check: exists }"), 1);
    assert_eq!(found(forbidden, "{ of: f, check: exists }"), 1);
}

#[test]
fn a_check_that_is_true_whatever_is_seen_is_a_warning() {
    let found = |check: &str| {
        let command = "{ command: [x], impact: observe, repeat: 3 }";
        let problems = printed(&plan(command, &format!("  good: {{ of: p, check: '{check}' }}\n")));
        problems.into_iter().filter(|problem| problem.contains("[always]")).count()
    };
    for check in ["exit_code >= 0", "exit_code != 1 || exit_code == 1", "attempt >= 1 && exit_code >= 0"] {
        assert_eq!(found(check), 1, "{check}");
    }
    for check in ["json == json", "lines == lines", "lines.size() >= 0", "!(json != json)"] {
        assert_eq!(found(check), 1, "{check}");
    }
    for check in [
        "exit_code == 0",
        "exit_code < 5",
        "stdout == \"\"",
        "stdout.size() < 100",
        "lines.size() < 100",
        "!(\"x\" in lines)",
        "!(\"ERROR\" in json)",
        "json != \"ERROR\"",
        "lines.all(line, line != \"bad\")",
        "!stdout.matches(\"[0-9]\")",
        "elapsed_ms < 100",
    ] {
        assert_eq!(found(check), 0, "{check}");
    }
}

#[test]
fn a_check_that_is_true_of_whatever_its_where_chooses_is_a_warning() {
    let found = |filter: &str, check: &str| {
        let http = "{ http: \"http://127.0.0.1:1/$who\", repeat: 3, matrix: [{ who: a, expect: 200 }, { who: b, expect: 204 }] }";
        let claim = format!("  good: {{ of: p, where: '{filter}', check: '{check}' }}\n");
        printed(&plan(http, &claim)).into_iter().filter(|problem| problem.contains("[always]")).count()
    };
    for (filter, check) in [
        ("status == 200", "status == 200"),
        ("status == 200", "status < 300"),
        ("status in [200, 204]", "status >= 200 && status < 300"),
        ("answered && status == 200", "answered"),
        ("answered && status == 200", "!(status != 200) || body.contains(\"x\")"),
        ("!(status != expect)", "status == expect"),
        ("expect == 204 && status == expect", "status == 204"),
        ("elapsed_ms < 100", "elapsed_ms < 100.5"),
        ("body.contains(\"ok\")", "body.contains(\"ok\")"),
        ("slot > 0 && status == 200", "status == 200"),
        ("head_received", "head_received || status == 200"),
    ] {
        assert_eq!(found(filter, check), 1, "{filter}: {check}");
    }
    for (filter, check) in [
        ("status == 200", "answered"),
        ("status < 300", "status == 200"),
        ("status in [200, 204]", "status == 200"),
        ("answered || status == 200", "status == 200"),
        ("status in [expect, 500]", "status == 500"),
        ("who == \"a\"", "status == 200"),
        ("elapsed_ms < 100", "elapsed_ms < 99"),
        ("elapsed_ms > 0.5", "elapsed_ms <= 0.5 || elapsed_ms >= 0.6"),
        // Of these a few values do not tell.
        ("json.ok || status == 200", "status == 200"),
        ("headers[\"x\"] == \"1\" || status == 200", "status == 200"),
        ("(body.contains(\"a\") && body.contains(\"b\")) || status == 200", "status == 200"),
        ("size_bytes * 2 == 9 || status == 200", "status == 200"),
        ("body > \"a\" && body < \"b\" || status == 200", "status == 200"),
    ] {
        assert_eq!(found(filter, check), 0, "{filter}: {check}");
    }
    let many = (0..30).map(|n| format!("{}", 200 + 2 * n)).collect::<Vec<_>>().join(", ");
    assert_eq!(found(&format!("status in [{many}]"), "status < 250"), 0, "not all were tried");
}

#[test]
fn one_row_that_only_a_denial_satisfies_is_enough_unless_where_leaves_it_out() {
    let matrix = |more: &str| {
        let http = "{ http: \"http://127.0.0.1:1/$who\", matrix: [{ who: a, expect: 200 }, { who: b, expect: 403 }] }";
        printed(&plan(http, &format!("  good: {{ of: p, check: answered && status == expect{more} }}\n")))
            .len()
    };
    assert_eq!(matrix(""), 1);
    assert_eq!(matrix(", where: who == \"a\""), 0);
    assert_eq!(matrix(", where: who == \"b\""), 1);
}

#[test]
fn a_status_alone_is_a_warning() {
    let http = "{ http: \"http://127.0.0.1:1/\" }";
    let found = |check: &str| printed(&plan(http, &format!("  good: {{ of: p, check: \"{check}\" }}\n")));
    let expected = |write: &str| {
        [format!(
            "plan.yaml:5:3: warning: `good` is undetermined, not failing, while nothing answers: a refused connection \
             leaves `status` unknown [status]\n  write `answered && {write}` to have it fail"
        )]
    };
    assert_eq!(found("status == 200"), expected("status == 200"));
    assert_eq!(found("status == 200 || status == 204"), expected("(status == 200 || status == 204)"));
    assert_eq!(found("answered && status == 200"), Vec::<String>::new());
    let filtered = "  good: { of: p, where: answered, check: status == 200 }\n";
    assert_eq!(printed(&plan(http, filtered)), Vec::<String>::new());
}

#[test]
fn a_where_that_chooses_no_planned_look_is_told_and_a_rate_counts_what_it_chooses() {
    const ROWS: &str = "{ command: [\"true\"], impact: observe, repeat: 60, matrix: [ { who: a, n: 1 }, { who: b, n: 2 } ] }";
    let told = |claim: &str| {
        let problems = problems_of(&plan(ROWS, &format!("  good: {{ of: p, {claim} }}\n")));
        let told = |rule| ["nothing-chosen", "sample"].contains(&rule);
        let problems = problems.into_iter().filter(|problem| told(problem.rule));
        problems.map(|problem| format!("{}: {}", problem.rule, problem.message)).collect::<Vec<_>>()
    };
    let nothing = "nothing-chosen: `good`: its `where` chooses none of the 120 looks that the plan makes of `p`: it stays \
                   undetermined";
    let few = |trials: &str| format!("sample: `good`: {trials} cannot settle 95%, 59 can");
    for (claim, expected) in [
        ("check: exit_code == 0, where: \"who == 'c'\"", vec![nothing.to_owned()]),
        ("check: exit_code == 0, where: slot >= 60", vec![nothing.to_owned()]),
        ("check: exit_code == 0, where: n > 2, share: '>= 95%'", vec![nothing.to_owned()]),
        ("check: exit_code == 0, where: \"who == 'c'\", empty: ok", vec![]),
        ("check: exit_code == 0, where: \"who == 'a'\"", vec![]),
        ("check: exit_code == 0, where: slot == 59", vec![]),
        // What is seen later may choose any.
        ("check: exit_code == 0, where: signal == 9", vec![]),
        ("check: exit_code == 0, where: slot >= 1, share: '>= 95%'", vec![]),
        ("check: exit_code == 0, where: slot >= 2, share: '>= 95%'", vec![few("58 samples")]),
        ("check: exit_code == 0, where: slot >= 2 || n == 2, share: '>= 95%'", vec![few("58 samples")]),
        ("check: exit_code == 0, where: slot >= 30, share: '>= 95%', pooled: true", vec![]),
        ("check: exit_code == 0, where: slot >= 31, share: '>= 95%', pooled: true", vec![few("58 samples")]),
        ("check: exit_code == 0, where: slot >= 1 && n == 2, share: '>= 95%', pooled: true", vec![]),
    ] {
        assert_eq!(told(claim), expected, "{claim}");
    }
    let one = plan(ROWS, "  good: { of: p, check: exit_code == 0, where: slot == 59, share: '>= 50%' }\n");
    let problem = problems_of(&one).into_iter().find(|problem| problem.rule == "sample").unwrap();
    assert_eq!(problem.remedy, "plan 5, or claim at most 5%, which 1 sample shows");
}
