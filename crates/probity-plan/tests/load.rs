//! Plans that load, and what they become.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::load_with;
use probity_plan::{Form, Impact};

const CAMERA: &str = r#"plan: Camera service in production
inputs:
  health: http://127.0.0.1:8003
  secret: { env: CAMERA_JWT_SECRET, secret: true }
probes:
  answers: { http: $health/health/ready, every: 5s, for: 8m }
  unit: { file: /run/camera.pid, every: 5s, for: 8m, with: answers }
  call:
    http: $health/$path
    method: $method
    headers: { authorization: "Bearer ${secret}" }
    matrix: roles.csv
    impact: observe
claims:
  prompt: { of: answers, check: elapsed_ms < 100, share: ">= 95%", says: health answers within 100 ms }
  steady: { of: unit, stable: [size_bytes, modified], says: no restart while we watched }
  roles: { of: call, check: status == expect, control: prompt }
scores:
  deployment: { prompt: 2, steady: 3 }
verdict:
  - { label: NOT READY, when: "fails(roles) || fails(prompt)" }
  - { label: READY, when: "holds(roles) && score.deployment >= 0.9", accepted: true }
  - { label: NOT READY }
waivers:
  - { claim: prompt, reason: slow disk until the move, owner: ops, until: 2027-01-31 }
"#;
const ROLES: &str = "path,method,expect\ncameras,GET,200\ncameras/1,DELETE,403\n";

#[test]
fn a_plan_becomes_what_it_says() {
    let loaded = load_with(CAMERA, &[("roles.csv", ROLES)], &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let plan = &loaded.plan;
    assert_eq!(plan.title, "Camera service in production");
    let answers = plan.probe("answers").unwrap();
    assert_eq!(answers.planned(), 96);
    assert_eq!(answers.cells[0].act.describe(), "GET http://127.0.0.1:8003/health/ready");
    let call = plan.probe("call").unwrap();
    assert_eq!(call.cells.len(), 2);
    assert_eq!(call.cells[1].act.describe(), "DELETE http://127.0.0.1:8003/cameras/1");
    assert_eq!(call.cells[1].row["expect"], probity_plan::Value::from(403));
    assert_eq!((call.impact, call.declared_harmless), (Impact::Observe, true));
    let Form::Rate { check, .. } = &plan.claim("prompt").unwrap().form else { panic!() };
    assert_eq!((check.source.as_str(), check.at.line, check.at.column), ("elapsed_ms < 100", 15, 33));
    assert!(loaded.resolved().contains(r#""authorization": "Bearer ${secret}""#), "{}", loaded.resolved());
    assert_eq!(loaded.files.keys().collect::<Vec<_>>(), ["plan.yaml", "roles.csv"]);
}

fn http(inputs: &str, url: &str, given: &[(&str, &str)]) -> String {
    let plan = format!(
        "plan: P\ninputs: {{ {inputs} }}\nprobes: {{ r: {{ http: {url} }} }}\nclaims: {{ c: {{ of: r, check: x }} }}\nverdict: [ label: L ]\n"
    );
    let loaded = load_with(&plan, &[], given).unwrap_or_else(|errors| panic!("{errors}"));
    loaded.plan.probes[0].cells[0].act.describe().trim_start_matches("GET ").to_owned()
}

#[test]
fn inputs_are_filled_in_once_and_as_text() {
    assert_eq!(http("a: x", "\"http://$a/${a}b/$$a/$1/a$\"", &[]), "http://x/xb/$a/$1/a$");
    // Taken as written, not as the number it is.
    assert_eq!(http("a: 1.50, b: 007", "http://$a/$b", &[]), "http://1.50/007");
    // What was filled in is not looked at again, and never becomes structure.
    assert_eq!(http("a: \"x\"", "$a", &[("a", "$b ]} # $$ ${a}")]), "$b ]} # $$ ${a}");
    assert_eq!(http("a: { required: true }", "$a", &[("a", "")]), "");
    assert_eq!(http("a: { env: A, secret: true }", "\"x $a\"", &[]), "x ${a}");
}

#[test]
fn between_the_quotes_of_a_condition_an_input_stays_text() {
    let filled = |check: &str, who: &str| {
        let plan = format!(
            "plan: P\ninputs: {{ who: {{ required: true }} }}\nprobes: {{ r: {{ http: x }} }}\nclaims: {{ c: {{ of: r, check: '{}' }} }}\nverdict: [ label: L ]\n",
            check.replace('\'', "''")
        );
        load_with(&plan, &[], &[("who", who)])
            .map(|loaded| loaded.plan.claims[0].form.check().unwrap().source.clone())
            .map_err(|errors| errors.to_string())
    };
    for (check, who, expected) in [
        (r#"name == "$who""#, "O'Brien", r#"name == "O\'Brien""#),
        (r#"name == '$who'"#, r#"x' || 'a' == 'a"#, r#"name == 'x\' || \'a\' == \'a'"#),
        (r#"name == "$who""#, "x\\", r#"name == "x\\""#),
        // Behind an escaped quote the text goes on; behind an escaped backslash it ends.
        (r#"name == "\"$who""#, "\"", r#"name == "\"\"""#),
        (r#"name == "\\" && n == $who"#, "3", r#"name == "\\" && n == 3"#),
        (r#"matches(name, r"\.$who")"#, r"\d", r#"matches(name, r"\.\d")"#),
        (r#"name in ["a$who", "$who"]"#, "b\nc", r#"name in ["ab\nc", "b\nc"]"#),
        // Elsewhere it is what it is, and so is a condition that is an input.
        ("n < $who", "5 || true", "n < 5 || true"),
        ("$who", r#"name == "x""#, r#"name == "x""#),
    ] {
        assert_eq!(filled(check, who).as_deref(), Ok(expected), "{check} with {who}");
    }
    let error = filled(r#"name == "\$who""#, "t").unwrap_err();
    assert!(error.contains("the backslash before it"), "{error}");
    let error = filled(r#"matches(name, r"$who")"#, "\"").unwrap_err();
    assert!(error.contains("`$who` does not fit in here") && error.contains("leave out the `r`"), "{error}");
}

#[test]
fn a_scalar_that_is_one_input_takes_its_type() {
    let plan = "plan: P\ninputs: { n: 3, t: 1500ms }\nprobes: { r: { http: x, repeat: $n, timeout: $t, body: $n } }\nclaims: { c: { of: r, check: x } }\nverdict: [ label: L ]\n";
    let probe = load_with(plan, &[], &[("n", "4")]).unwrap().plan.probes.remove(0);
    assert_eq!((probe.planned(), probe.schedule.timeout.to_string().as_str()), (4, "1500ms"));
    let errors = load_with(plan, &[], &[("n", "many")]).unwrap_err().to_string();
    assert!(
        errors.starts_with(
            "plan.yaml:3:33: error: in probe `r`: expected a whole number, found the text `many`"
        ),
        "{errors}"
    );
}

#[test]
fn a_condition_knows_where_its_text_begins() {
    let plan = |check: &str| {
        format!("plan: P\nprobes: {{ r: {{ http: x }} }}\nclaims:\n  é: &é 1\n  c:\n    of: r\n    check: {check}\nverdict: [ label: L ]\n")
            .replace("  é: &é 1\n", "  # é\n")
    };
    for (check, at) in [
        ("a == 1", (7, 12)),
        ("\"a == 1\"", (7, 13)),
        ("'a == 1'", (7, 13)),
        ("|\n      a == 1", (8, 7)),
        (">-\n\n        a ==\n        1", (9, 9)),
        ("  \"é == 1\"", (7, 15)),
        ("\n      a == 1", (8, 7)),
    ] {
        let loaded = load_with(&plan(check), &[], &[]).unwrap_or_else(|errors| panic!("{errors}"));
        let Form::Each { check: condition } = &loaded.plan.claims[0].form else { panic!() };
        assert_eq!((condition.at.line, condition.at.column), at, "{check}");
    }
}

const WEB: &str = r#"
inputs:
  url: { required: true }
  token: { required: true, secret: true }
  key: { file: /run/key, secret: true }
  path: health
include: { deep: { plan: deep/d.yaml, inputs: { key: $key } } }
probes:
  answers: { http: $url/$path, headers: { a: "Bearer $token", b: $key }, every: 5s, for: 1m }
  beside: { file: /etc/hosts, with: answers, needs: up }
claims:
  up: { of: answers, check: status == 200 }
  same: { of: beside, check: size_bytes == against.size_bytes, against: beside, control: up }
scores:
  all: { up: 1, same: 2, deep_there: 3 }
verdict: nobody reads this
"#;
const DEEP: &str = r#"
inputs: { key: { required: true, secret: true } }
probes:
  rows: { http: x, body: $key, method: $m, matrix: rows.csv }
claims:
  there: { of: rows, stable: [status, m] }
"#;
const OUTER: &str = r#"plan: Outer
inputs: { t: { env: TOKEN, secret: true } }
include:
  web: { plan: parts/web.yaml, inputs: { url: "http://outer", token: $t } }
probes:
  late: { file: /x, needs: web_up, with: web_answers }
claims:
  c: { of: web_deep_rows, check: x, control: web_same }
scores: { s: { c: 1, web_deep_there: 1 } }
verdict: [ { label: GO, when: holds(web_up), accepted: true }, label: NO ]
"#;
fn outer() -> probity_plan::Loaded {
    let files =
        [("parts/web.yaml", WEB), ("parts/deep/d.yaml", DEEP), ("parts/deep/rows.csv", "m\nGET\nHEAD\n")];
    load_with(OUTER, &files, &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn an_included_plan_joins_under_its_name() {
    let loaded = outer();
    let plan = &loaded.plan;
    let names: Vec<_> = plan.probes.iter().map(|probe| probe.name.as_str()).collect();
    assert_eq!(names, ["web_deep_rows", "web_answers", "web_beside", "late"]);
    let names: Vec<_> = plan.claims.iter().map(|claim| claim.name.as_str()).collect();
    assert_eq!(names, ["web_deep_there", "web_up", "web_same", "c"]);
    let beside = plan.probe("web_beside").unwrap();
    assert_eq!((beside.with.as_deref(), beside.needs.as_deref()), (Some("web_answers"), Some("web_up")));
    let same = plan.claim("web_same").unwrap();
    assert_eq!((same.of.as_str(), same.control.as_deref()), ("web_beside", Some("web_up")));
    assert!(matches!(&same.form, Form::Compare { against, .. } if against == "web_beside"));
    let all = plan.scores.iter().find(|score| score.name == "web_all").unwrap();
    assert_eq!(
        all.weights,
        [("web_up".to_owned(), 1.0), ("web_same".to_owned(), 2.0), ("web_deep_there".to_owned(), 3.0)]
    );
    assert_eq!((plan.title.as_str(), plan.rules.len()), ("Outer", 2));
    assert_eq!(&*same.at.file, "parts/web.yaml");
    // A secret handed over keeps its own name; one declared inside is known under the prefix.
    let inputs: Vec<_> = plan.inputs.keys().map(String::as_str).collect();
    assert_eq!(inputs, ["t", "web_key", "web_path", "web_url"]);
    assert!(
        loaded.resolved().contains(r#""a": "Bearer ${t}""#)
            && loaded.resolved().contains(r#""body": "${web_key}""#)
    );
    let files: Vec<_> = loaded.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["parts/deep/d.yaml", "parts/deep/rows.csv", "parts/web.yaml", "plan.yaml"]);
}

#[test]
fn the_copies_in_a_bundle_resolve_to_the_same_plan() {
    let first = outer();
    let again =
        probity_plan::load("plan.yaml", &common::Files(first.files.clone()), &Default::default()).unwrap();
    assert_eq!(first.resolved(), again.resolved());
    // Whatever the plan is called and wherever it stands.
    let mut moved = first.files.clone();
    moved.insert("elsewhere/camera.yml".to_owned(), moved["plan.yaml"].clone());
    let again =
        probity_plan::load("elsewhere/camera.yml", &common::Files(moved), &Default::default()).unwrap();
    assert_eq!(first.resolved(), again.resolved());
    assert_eq!(first.files, again.files);
    // And a different input is a different plan.
    let plan = "plan: P\ninputs: { n: 1 }\nprobes: { r: { http: \"$n\" } }\nclaims: { c: { of: r, check: x } }\nverdict: [ label: L ]\n";
    let text = |n| load_with(plan, &[], &[("n", n)]).unwrap().resolved().to_owned();
    assert_ne!(text("1"), text("2"));
    assert_eq!(text("1"), load_with(plan, &[], &[]).unwrap().resolved());
}

#[test]
fn a_secret_and_text_that_looks_like_one_resolve_differently() {
    let text = |body: &str| {
        let plan = format!(
            "plan: P\ninputs: {{ s: {{ env: S, secret: true }} }}\nprobes: {{ r: {{ http: $s, body: \"{body}\" }} }}\nclaims: {{ c: {{ of: r, check: x }} }}\nverdict: [ label: L ]\n"
        );
        load_with(&plan, &[], &[]).unwrap_or_else(|errors| panic!("{errors}")).resolved().to_owned()
    };
    assert_ne!(text("${s}"), text("$${s}"));
}

#[test]
fn includes_that_are_wrong() {
    let errors = |files: &[(&str, &str)]| {
        let plan = "plan: P\ninclude: { a: { plan: a.yaml } }\nverdict: [ label: L ]\n";
        load_with(plan, files, &[]).err().map(|errors| {
            errors.list.iter().map(|e| format!("{}: {}\n", e.place.at, e.message)).collect::<String>()
        })
    };
    let probe = "probes: { r: { http: x } }\nclaims: { c: { of: r, check: x } }\n";
    assert_eq!(errors(&[("a.yaml", probe)]), None);
    assert_eq!(errors(&[]).unwrap(), "plan.yaml:2:23: cannot read `a.yaml`: No such file or directory\n");
    assert_eq!(
        errors(&[
            ("a.yaml", "include: { b: { plan: b.yaml } }"),
            ("b.yaml", "include: { a: { plan: a.yaml } }")
        ])
        .unwrap(),
        "b.yaml:1:23: a plan may not include itself: plan.yaml -> a.yaml -> b.yaml -> a.yaml\n"
    );
    assert_eq!(
        errors(&[("a.yaml", "include: { b: { plan: plan.yaml } }")]).unwrap(),
        "a.yaml:1:23: a plan may not include itself: plan.yaml -> a.yaml -> plan.yaml\n"
    );
    assert_eq!(
        errors(&[("a.yaml", "plan: nothing")]).unwrap(),
        "plan.yaml:2:23: the included plan has neither probes nor claims\n"
    );
    assert_eq!(
        errors(&[("a.yaml", "inputs: { n: { required: true } }\nprobes: { r: { http: $n } }")]).unwrap(),
        "a.yaml:1:14: input `n` is required; the plan that includes this one must give it, under `inputs`\n"
    );
    assert_eq!(
        errors(&[("a.yaml", "probes: { r: { htp: x } }\nclaims: { c: { of: q, check: x } }")]).unwrap(),
        "a.yaml:1:16: in probe `r`: unknown key `htp`; did you mean `http`?\na.yaml:2:20: in claim `c`: there is no probe `q`\n"
    );
    let deep: Vec<(String, String)> = (0..9)
        .map(|n| (format!("d{n}.yaml"), format!("include: {{ d: {{ plan: d{}.yaml }} }}", n + 1)))
        .chain([("a.yaml".to_owned(), "include: { d: { plan: d0.yaml } }".to_owned())])
        .collect();
    let deep: Vec<(&str, &str)> = deep.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert!(
        errors(&deep).unwrap().starts_with("d6.yaml:1:23: plans include plans more than 8 deep: "),
        "{:?}",
        errors(&deep)
    );
    let given = "plan: P\ninclude: { a: { plan: a.yaml, inputs: { n: 1, m: 2 } } }\nverdict: [ label: L ]\n";
    let said = load_with(
        given,
        &[("a.yaml", "inputs: { n: { env: N, secret: true } }\nprobes: { r: { http: $n } }")],
        &[],
    );
    let said = said.unwrap_err().to_string();
    assert!(
        said.contains("2:44: error: input `n` is a secret; hand over a secret input")
            && said.contains("2:50: error: the included plan has no input `m`"),
        "{said}"
    );
}

#[test]
fn names_that_meet_through_a_prefix_are_refused() {
    let plan = "plan: P\ninputs: { a_key: { env: MINE, secret: true } }\ninclude: { a: { plan: a.yaml }, a_b: { plan: b.yaml } }\nprobes: { r: { http: $a_key } }\nverdict: [ label: L ]\n";
    let a = "inputs: { key: { env: THEIRS, secret: true } }\nprobes: { b_c: { http: $key } }";
    let b = "probes: { c: { http: x } }";
    let errors = load_with(plan, &[("a.yaml", a), ("b.yaml", b)], &[]).unwrap_err().list;
    let said: String = errors.iter().map(|e| format!("{}: {}\n", e.place.at, e.message)).collect();
    assert_eq!(
        said,
        "plan.yaml:3:33: two includes bring a probe called `a_b_c`; call one of them otherwise\n\
         a.yaml:1:16: here this input is called `a_key`, and there is one of that name already\n"
    );
}

#[test]
fn claims_can_be_read_about_the_probes_of_another_plan() {
    let of = outer().plan;
    let mine = "plan: Mine\nclaims: { c: { of: web_answers, check: status == 204 } }\nverdict: [ { label: YES, when: holds(c), accepted: true }, label: NO ]\n";
    let read = |text: &str| {
        let files = common::Files::new(&[("mine.yaml", text)]);
        probity_plan::load_claims("mine.yaml", &files, &Default::default(), &of)
    };
    let loaded = read(mine).unwrap();
    assert_eq!(
        (loaded.plan.claims.len(), loaded.plan.probes.len(), loaded.plan.title.as_str()),
        (1, 4, "Mine")
    );
    let wrong = mine
        .replace("web_answers", "web_answer")
        .replace("plan: Mine", "plan: Mine\nprobes: { x: { http: x } }");
    let said = read(&wrong).unwrap_err().to_string();
    assert!(
        said.contains(
            "mine.yaml:2:1: error: `probes` cannot stand here: these claims are about probes that have already run"
        ),
        "{said}"
    );
    assert!(said.contains("there is no probe `web_answer`; did you mean `web_answers`?"), "{said}");
}

#[test]
fn the_parameters_of_a_call_are_json_in_which_secrets_stand_by_name() {
    let plan = |params: &str| {
        format!(
            "plan: P\ninputs: {{ t: {{ env: TOKEN, secret: true }}, device: camera0 }}\nprobes:\n  r:\n    jsonrpc: ws://h/ws\n    calls: [ {{ method: m, params: {params} }} ]\nclaims: {{ c: {{ of: r, check: succeeded }} }}\nverdict: [ label: L ]\n"
        )
    };
    let params = "{ auth: \"Bearer $t\", device: $device, list: [1, -2.5, true, null, \"3\", []], more: {}, price: $$5 }";
    let loaded = load_with(&plan(params), &[], &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let said = loaded.plan.probe("r").unwrap().cells[0].act.describe();
    let expected = r#"JSON-RPC ws://h/ws m({"auth":"Bearer ${t}","device":"camera0","list":[1,-2.5,true,null,"3",[]],"more":{},"price":"$5"})"#;
    assert_eq!(said, expected);
    // As it is kept, a secret and a dollar differ.
    let kept = loaded.resolved();
    assert!(kept.contains(r#""auth": "Bearer ${t}""#) && kept.contains(r#""price": "$$5""#), "{kept}");
    let errors = load_with(&plan("7"), &[], &[]).unwrap_err().to_string();
    assert!(
        errors.contains("a call's parameters are a map or a list, such as { device: camera0 }"),
        "{errors}"
    );
}
