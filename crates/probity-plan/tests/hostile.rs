//! Whatever the bytes: an answer, quickly, without a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "the kernel tells the time of a thread in a file")]

mod common;

use std::time::Duration;

use common::load_with;
use proptest::prelude::*;

/// How long this thread has been on a processor: what others do on the machine meanwhile does not count.
fn busy() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap())
}

/// The message of the first error, within a time that is far below what a quadratic step would take.
fn quickly(yaml: &str) -> String {
    let before = busy();
    let message = load_with(yaml, &[], &[])
        .map(|_| String::new())
        .unwrap_or_else(|errors| errors.list[0].message.clone());
    let took = busy() - before;
    assert!(took < Duration::from_secs(20), "{took:?}");
    message
}

#[test]
fn deep_nesting_is_refused() {
    for open in ["[", "{a: ", "- ", "? ", "!x [", "[[", "a:\n"] {
        for times in [65, 1000, 200_000] {
            let message = quickly(&open.repeat(times));
            assert!(!message.is_empty(), "{open}");
        }
    }
    let closed = format!("plan: {}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(quickly(&closed), "nested more than 64 deep");
    let mut block = String::from("plan:\n");
    for depth in 1..100 {
        block.push_str(&format!("{}a:\n", " ".repeat(depth)));
    }
    assert_eq!(quickly(&block), "nested more than 64 deep");
}

#[test]
fn alias_bombs_are_refused() {
    let mut wide = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..40 {
        let before = format!("*a{}", n - 1);
        wide.push_str(&format!("a{n}: &a{n} [{}]\n", [before.as_str(); 10].join(", ")));
    }
    assert_eq!(quickly(&wide), "aliases copy more than 200000 nodes");
    let mut deep = String::from("a0: &a0 [x]\n");
    for n in 1..100 {
        deep.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    assert_eq!(quickly(&deep), "nested more than 64 deep, through this alias");
}

#[test]
fn an_alias_copies_what_it_names() {
    let plan = "plan: P\nprobes:\n  r: { http: x, headers: &h { a: b } }\n  s: { http: y, headers: *h }\nclaims: { c: { of: r, check: x } }\nverdict: [ label: L ]\n";
    let plan = load_with(plan, &[], &[]).unwrap().plan;
    let probity_plan::Act::Http(http) = &plan.probes[1].cells[0].act else { panic!() };
    assert_eq!(http.headers["a"].to_string(), "b");
}

#[test]
fn a_large_plan_is_quick_and_a_larger_one_is_refused() {
    let mut plan = String::from("plan: P\nprobes:\n");
    let mut n = 0;
    while plan.len() < 1_000_000 {
        plan.push_str(&format!("  p{n}: {{ http: \"http://127.0.0.1:{n}/health\", every: 5s, for: 1m }}\n"));
        n += 1;
    }
    plan.push_str("claims:\n");
    for n in 0..n {
        plan.push_str(&format!("  c{n}: {{ of: p{n}, check: status == 200 }}\n"));
    }
    plan.push_str("verdict: [ label: L ]\n");
    assert_eq!(quickly(&plan), "");
    assert_eq!(
        quickly(&plan.replace("of: p", "of: q")),
        "in claim `c0`: there is no probe `q0`; did you mean `p0`?"
    );
    let mut keys = String::new();
    while keys.len() < 1_000_000 {
        keys.push_str(&format!("k{}: 1\n", keys.len()));
    }
    assert!(quickly(&keys).starts_with("the plan lacks `plan`"));
    assert_eq!(quickly(&"#".repeat((4 << 20) + 1)), "the file is longer than 4 MiB");
}

#[test]
fn a_matrix_of_ten_thousand_rows_is_quick() {
    let rows: String = (0..10_000).map(|n| format!("{n},role{n}\n")).collect();
    let plan = "plan: P\nprobes: { r: { http: \"http://x/$n\", headers: { a: $role }, matrix: t.csv } }\nclaims: { c: { of: r, check: x } }\nverdict: [ label: L ]\n";
    let before = busy();
    let loaded = load_with(plan, &[("t.csv", &format!("n,role\n{rows}"))], &[]).unwrap();
    assert_eq!(loaded.plan.probes[0].cells.len(), 10_000);
    assert!(busy() - before < Duration::from_secs(20), "{:?}", busy() - before);
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    let files = common::Files([("plan.yaml".to_owned(), b"plan: P\nx: \xff\n".to_vec())].into());
    let errors = probity_plan::load("plan.yaml", &files, &Default::default()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "plan.yaml:2:1: error: not UTF-8: byte 12 of the file is not part of a character [file]"
    );
}

/// Pieces of plans, so that random documents get past the parser.
const PIECES: &[&str] = &[
    "plan: P\n",
    "inputs:\n",
    "probes:\n",
    "claims:\n",
    "verdict:\n",
    "scores:\n",
    "waivers:\n",
    "include:\n",
    "  r: ",
    "  a: ",
    "{ ",
    " }",
    "[ ",
    " ]",
    ", ",
    "\n",
    "- ",
    "http: x",
    "file: /x",
    "command: [a]",
    "of: r",
    "check: x",
    "$a",
    "${",
    "$$",
    "!",
    "&x ",
    "*x",
    "<<: ",
    "\"",
    "'",
    "|\n",
    ">\n",
    "?",
    ": ",
    "#",
    "\t",
    "é",
    "\u{202e}",
    "every: 5s",
    "for: 1m",
    "matrix: ",
    "{ c: 1 }",
    "stable: ",
    "periodic: 5m",
    "share: \">= 95%\"",
    "label: L",
    "when: x",
    "until: 2027-01-31",
    "env: A",
    "secret: true",
    "plan: plan.yaml",
    "within: 5s",
    "  ",
    "undo: ",
    "repeat: 3",
    "99%",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\u{feff}",
    "\r\n",
    "\0",
    "null",
    "~",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let files = common::Files([("plan.yaml".to_owned(), bytes)].into());
        if let Err(errors) = probity_plan::load("plan.yaml", &files, &Default::default()) {
            prop_assert!(!errors.list.is_empty());
            let _ = errors.to_string();
        }
    }

    #[test]
    fn no_pieces_of_plans_panic(pieces in proptest::collection::vec(0..PIECES.len(), 0..80)) {
        let plan: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        if let Err(errors) = load_with(&plan, &[], &[]) {
            prop_assert!(!errors.list.is_empty());
            let _ = errors.to_string();
        }
    }

    #[test]
    fn no_csv_panics(csv in "[a-c,\"\n\r é0-9]{0,120}") {
        let plan = "plan: P\nprobes: { r: { http: x, matrix: t.csv } }\nclaims: { c: { of: r, check: x } }\nverdict: [ label: L ]\n";
        let _ = load_with(plan, &[("t.csv", &csv)], &[]);
    }
}
