//! Which test shows how a kind of probe behaves in which state of its target, or why there is none; and that
//! `docs/probes.md` says the same. `UPDATE_DOCS=1 cargo test -p probity-probe --test states` writes that page anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod reference;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use probity_plan::kinds::KINDS;

/// A kind's states. One row for each kind, in any order; `plan` is an example with its probes and claims.
struct Row {
    kind: &'static str,
    /// It is there and answers as it should.
    present: &'static [Cell],
    /// It is not there: a fact.
    absent: &'static [Cell],
    /// The observer's user may not look: a barrier for what is hidden.
    forbidden: &'static [Cell],
    /// It never answers: the look ends at its time-out, with everything it started.
    hanging: &'static [Cell],
    /// It answers what makes no sense.
    nonsense: &'static [Cell],
    /// It answers text meant to harm whoever shows it.
    hostile: &'static [Cell],
    plan: &'static str,
}

/// What covers a state.
#[derive(Clone, Copy)]
enum Cell {
    /// The test of this name in this file below `tests/`.
    Test(&'static str, &'static str),
    /// Nothing, for this reason.
    Empty(&'static str),
}
use Cell::{Empty, Test};

impl Row {
    fn cells(&self) -> [(&'static str, &'static [Cell]); 6] {
        [
            ("present", self.present),
            ("absent", self.absent),
            ("forbidden", self.forbidden),
            ("hanging", self.hanging),
            ("nonsense", self.nonsense),
            ("hostile", self.hostile),
        ]
    }
}

const NOT_YET: &[Cell] = &[Empty("no test yet")];

const ROWS: &[Row] = &[
    Row {
        kind: "command",
        present: NOT_YET,
        absent: NOT_YET,
        forbidden: NOT_YET,
        hanging: NOT_YET,
        nonsense: NOT_YET,
        hostile: NOT_YET,
        plan: "
probes:
  kernel: { command: [uname, -r], impact: observe }
claims:
  kernel-known: { of: kernel, check: exit_code == 0 }
",
    },
    Row {
        kind: "file",
        present: NOT_YET,
        absent: NOT_YET,
        forbidden: NOT_YET,
        hanging: NOT_YET,
        nonsense: NOT_YET,
        hostile: NOT_YET,
        plan: "
probes:
  shadow: { file: /etc/shadow }
claims:
  shadow-private: { of: shadow, check: \"mode in ['600', '640', '400'] && owner == 'root'\" }
",
    },
    Row {
        kind: "http",
        present: NOT_YET,
        absent: NOT_YET,
        forbidden: NOT_YET,
        hanging: NOT_YET,
        nonsense: NOT_YET,
        hostile: NOT_YET,
        plan: "
probes:
  health: { http: \"http://127.0.0.1:8003/health/ready\", every: 5s, for: 10m }
claims:
  healthy: { of: health, check: status == 200, share: \">= 95%\" }
",
    },
    Row {
        kind: "tls",
        present: NOT_YET,
        absent: NOT_YET,
        forbidden: NOT_YET,
        hanging: NOT_YET,
        nonsense: NOT_YET,
        hostile: NOT_YET,
        plan: "
probes:
  door: { tls: \"127.0.0.1:443\", server_name: www.example.org }
claims:
  current: { of: door, check: \"trusted && name_matches && expires_in_days > 14\" }
  nothing-old: { of: door, check: \"tls_1_2 && !tls_1_0 && !tls_1_1\" }
",
    },
    Row {
        kind: "dns",
        present: NOT_YET,
        absent: NOT_YET,
        forbidden: NOT_YET,
        hanging: NOT_YET,
        nonsense: NOT_YET,
        hostile: NOT_YET,
        plan: "
probes:
  name: { dns: www.example.org, server: \"127.0.0.1:53\" }
claims:
  resolves: { of: name, check: \"rcode == 'NOERROR' && records == ['192.0.2.80']\" }
",
    },
    Row {
        kind: "redis",
        present: NOT_YET,
        absent: NOT_YET,
        forbidden: NOT_YET,
        hanging: NOT_YET,
        nonsense: NOT_YET,
        hostile: NOT_YET,
        plan: "
inputs:
  password: { env: REDIS_PASSWORD, secret: true }
probes:
  queue: { redis: \"127.0.0.1:6379\", command: [LLEN, jobs], password: $password, every: 5s, for: 10m }
claims:
  drained: { of: queue, check: reply < 100, share: \">= 95%\" }
",
    },
    Row {
        kind: "postgres",
        present: NOT_YET,
        absent: NOT_YET,
        forbidden: NOT_YET,
        hanging: NOT_YET,
        nonsense: NOT_YET,
        hostile: NOT_YET,
        plan: "
inputs:
  password: { env: PGPASSWORD, secret: true }
probes:
  orders:
    postgres: \"postgresql://auditor:$password@127.0.0.1/shop\"
    query: SELECT count(*) FROM orders WHERE paid IS NULL
claims:
  all-paid: { of: orders, check: value == 0 }
",
    },
];

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

#[test]
fn every_kind_has_one_row_and_every_row_a_kind() {
    let kinds: Vec<&str> = KINDS.iter().map(|spec| spec.name).collect();
    for kind in &kinds {
        let rows = ROWS.iter().filter(|row| row.kind == *kind).count();
        assert_eq!(rows, 1, "ROWS in tests/states.rs needs one row for the kind `{kind}`");
    }
    for row in ROWS {
        assert!(
            kinds.contains(&row.kind),
            "ROWS in tests/states.rs has a row for `{}`, which is no kind",
            row.kind
        );
    }
}

#[test]
fn every_test_that_a_cell_names_exists() {
    let mut missing = BTreeSet::new();
    for row in ROWS {
        for (state, cells) in row.cells() {
            assert!(!cells.is_empty(), "{}: `{state}` is empty without a reason", row.kind);
            for cell in cells {
                match cell {
                    Test(file, name) => {
                        let source = std::fs::read_to_string(tests_folder().join(file)).unwrap_or_default();
                        if !is_test(&source, name) {
                            missing
                                .insert(format!("{}: {state}: no test `{name}` in tests/{file}", row.kind));
                        }
                    }
                    Empty(reason) => assert!(reason.len() > 10, "{}: `{state}` needs a reason", row.kind),
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Whether the source has a function of this name directly under a `#[test]` or `#[tokio::test…]`.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(i, line)| {
        let function = line.strip_prefix("async ").unwrap_or(line);
        let named = function.strip_prefix("fn ").is_some_and(|rest| rest.starts_with(&format!("{name}(")));
        let attributes = || lines[..i].iter().rev().take_while(|line| line.starts_with("#["));
        named && attributes().any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn a_function_without_the_attribute_is_not_a_test() {
    let source = "fn helper() {}\n#[test]\nfn one() {}\n#[tokio::test]\n#[ignore]\nasync fn two() {}\n";
    assert!(is_test(source, "one") && is_test(source, "two"));
    assert!(!is_test(source, "helper") && !is_test(source, "on") && !is_test(source, "three"));
}

#[test]
fn docs_probes_md_is_what_the_kinds_declare() {
    let page = reference::page(ROWS);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/probes.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/probes.md is not what the kinds declare; write it anew with\n\
         UPDATE_DOCS=1 cargo test -p probity-probe --test states"
    );
}
