//! A denial counts only beside its positive control.

use crate::support::*;

#[test]
fn a_denial_counts_only_beside_its_positive_control() {
    let probes = ["viewer: { http: http://x }", "admin: { http: http://x }"];
    let plan = plan(
        &probes,
        &[
            "alone: { of: viewer, check: status == 403 }",
            "beside: { of: viewer, check: status == 403, control: allowed }",
            "allowed: { of: admin, check: status == 200 }",
            "circle: { of: viewer, check: status == 403, control: back }",
            "rate: { of: viewer, check: status == 403, share: \">= 10%\", control: allowed }",
            "back: { of: viewer, check: status == 403, control: circle }",
        ],
    );
    let outcomes = |viewer: i64, admin: Option<i64>| -> Vec<Outcome> {
        let mut observations = vec![look("viewer", 0, &json!({ "status": viewer }))];
        observations.extend(admin.map(|status| look("admin", 0, &json!({ "status": status }))));
        findings(&plan, &observations).iter().map(|finding| finding.outcome).collect()
    };
    use Outcome::{Fails, Holds, Undetermined};
    assert_eq!(
        outcomes(403, Some(200)),
        [Undetermined, Holds, Holds, Undetermined, Undetermined, Undetermined]
    );
    assert_eq!(
        outcomes(403, Some(503)),
        [Undetermined, Undetermined, Fails, Undetermined, Undetermined, Undetermined]
    );
    assert_eq!(outcomes(403, None), [Undetermined; 6]);
    // Not the denial expected.
    assert_eq!(outcomes(500, Some(200))[..2], [Fails, Fails]);
    let found = findings(&plan, &[look("viewer", 0, &json!({ "status": 403 }))]);
    assert!(
        found[0].reason.contains("a denial counts only beside its positive control"),
        "{}",
        found[0].reason
    );
    assert!(found[0].settle.as_ref().unwrap().how.contains("control: CLAIM"));
    assert!(found[1].settle.as_ref().unwrap().how.contains("`allowed` holds"));
    let found = findings(
        &plan,
        &[look("viewer", 0, &json!({ "status": 403 })), look("admin", 0, &json!({ "status": 200 }))],
    );
    assert!(found[1].notes[0].contains("shown by `allowed`"));
}

pub const ROLES: &str = "call: { http: 'http://x/${path}', headers: { Authorization: '${who}' }, repeat: 2, matrix: [ \
                     { who: admin, path: a, expect: 200 }, { who: viewer, path: a, expect: 403 }, \
                     { who: admin, path: b, expect: 200 }, { who: viewer, path: b, expect: 403 } ] }";

/// Two looks at each row of `ROLES`, or at fewer of them, with these codes; 0 is a barrier.
pub fn calls(codes: &[[i64; 2]]) -> Vec<Observation> {
    let rows = [("admin", "a", 200), ("viewer", "a", 403), ("admin", "b", 200), ("viewer", "b", 403)];
    let look = |slot: u32, code: i64| match code {
        0 => barred("call", slot, Barrier::TimedOut),
        code => look("call", slot, &json!({ "status": code })),
    };
    rows.iter()
        .zip(codes)
        .flat_map(|((who, path, expect), codes)| {
            let row = json!({ "who": who, "path": path, "expect": expect });
            [in_cell(look(0, codes[0]), &row), in_cell(look(1, codes[1]), &row)]
        })
        .collect()
}

#[test]
fn a_row_that_asks_the_same_as_somebody_else_is_the_control_of_one_that_is_denied() {
    use Outcome::{Fails, Holds, Undetermined};
    let plan = plan(
        &[ROLES, "other: { http: http://y }"],
        &[
            "roles: { of: call, check: status == expect }",
            "named: { of: call, check: status == expect, control: other }",
            "pooled: { of: call, check: status == expect, share: \">= 10%\", pooled: true }",
            "rate: { of: call, check: status == expect, share: \">= 10%\" }",
            "other: { of: other, check: status == 200 }",
        ],
    );
    let outcomes = |codes: [[i64; 2]; 4]| -> Vec<Outcome> {
        findings(&plan, &calls(&codes)).iter().map(|finding| finding.outcome).take(4).collect()
    };
    let (yes, no) = ([200; 2], [403; 2]);
    // What was counted together cannot tell for whom, and who names a control means that one.
    assert_eq!(outcomes([yes, no, yes, no]), [Holds, Undetermined, Holds, Holds]);
    let found = finding(&plan, &calls(&[yes, no, yes, no]));
    assert_eq!(
        found.notes,
        [
            "4 of these are denials; that they could have been otherwise is shown by rows that ask the same as somebody \
          else and were granted it"
        ]
    );
    for failed in [[200, 503], [403, 403], [200, 403]] {
        let found = finding(&plan, &calls(&[yes, no, failed, no]));
        let cells: Vec<Outcome> = found.cells.iter().map(|cell| cell.outcome).collect();
        assert_eq!(cells, [Holds, Holds, Fails, Undetermined], "{failed:?}");
    }
    let found = finding(&plan, &calls(&[yes, no, [200, 0], no]));
    let cells: Vec<Outcome> = found.cells.iter().map(|cell| cell.outcome).collect();
    assert_eq!(cells, [Holds, Holds, Undetermined, Undetermined]);
    assert!(found.reason.contains("a denial counts only beside its positive control"), "{}", found.reason);
    assert!(found.settle.unwrap().how.contains("another one asks the same as somebody who may"));
    // Not the denial expected is a failure, whatever the control.
    assert_eq!(outcomes([yes, [404; 2], yes, no])[0], Fails);
}

#[test]
fn rows_are_controls_of_what_stays_the_same_too() {
    use Outcome::{Fails, Holds, Undetermined};
    let plan = plan(&[ROLES], &["same: { of: call, stable: [status] }"]);
    let (yes, no) = ([200; 2], [403; 2]);
    let judged = |codes: [[i64; 2]; 4]| {
        let found = finding(&plan, &calls(&codes));
        (found.outcome, found.cells.iter().map(|cell| cell.outcome).collect::<Vec<_>>())
    };
    assert_eq!(judged([yes, no, yes, no]), (Holds, vec![Holds; 4]));
    let found = finding(&plan, &calls(&[yes, no, yes, no]));
    assert!(found.notes.iter().any(|note| note.starts_with("4 of these are denials")), "{:?}", found.notes);
    // Whom nobody who asks the same stands beside, being granted it each time.
    assert_eq!(judged([yes, no, no, no]), (Undetermined, vec![Holds, Holds, Undetermined, Undetermined]));
    assert_eq!(judged([yes, no, [503; 2], no]).1, [Holds, Holds, Holds, Undetermined]);
    assert_eq!(judged([yes, no, [200, 403], no]).1, [Holds, Holds, Fails, Undetermined]);
    let found = finding(&plan, &calls(&[no, no, no, no]));
    let how = found.settle.unwrap().how;
    assert!(how.contains("another one asks the same as somebody who may"), "{how}");
}

#[test]
fn rows_are_controls_of_what_begins_again_and_again_too() {
    use Outcome::{Fails, Holds, Undetermined};
    let probe = "call: { http: 'http://x/', headers: { Authorization: '${who}' }, every: 5s, for: 360s, matrix: [ \
                 { who: admin }, { who: viewer } ] }";
    let plan =
        plan(&[probe], &["again: { of: call, periodic: 60s, tolerance: 15s, changes: body, periods: 4 }"]);
    // The page says which minute it is, to each with a status of its own.
    let judged = |admin: i64, viewer: i64, stops: u32| {
        let page = |who: &str, status: i64, slot: u32| {
            let facts = json!({ "status": status, "body": (slot.min(stops) / 12).to_string() });
            in_cell(look("call", slot, &facts), &json!({ "who": who }))
        };
        let seen: Vec<_> =
            (0..72).flat_map(|slot| [page("admin", admin, slot), page("viewer", viewer, slot)]).collect();
        finding(&plan, &seen).cells.iter().map(|cell| cell.outcome).collect::<Vec<_>>()
    };
    assert_eq!(judged(200, 403, 99), [Holds, Holds]);
    assert_eq!(judged(403, 403, 99), [Undetermined, Undetermined]);
    assert_eq!(judged(503, 403, 99), [Holds, Undetermined]);
    assert_eq!(judged(200, 403, 30), [Fails, Fails]);
}

#[test]
fn what_differs_in_more_than_who_asks_is_no_control() {
    for rows in [
        // Another path, another method of asking who it is, and the same person twice.
        "{ who: admin, path: a, x: 1, expect: 200 }, { who: viewer, path: b, x: 1, expect: 403 }",
        "{ who: admin, path: a, x: 1, expect: 200 }, { who: viewer, path: a, x: 2, expect: 403 }",
        "{ who: admin, path: a, x: 1, expect: 200 }, { who: admin, path: a, x: 1, expect: 403 }",
    ] {
        let probe = format!(
            "call: {{ http: 'http://x/${{path}}', headers: {{ cookie: '${{who}}', x-role: '${{x}}' }}, matrix: [ {rows} ] }}"
        );
        let plan = plan(&[&probe], &["roles: { of: call, check: status == expect }"]);
        let looks: Vec<Observation> = (plan.probes[0].cells.iter())
            .map(|cell| Observation {
                cell: cell.row.clone(),
                ..look("call", 0, &json!({ "status": cell.row["expect"].as_f64().map(|code| code as i64) }))
            })
            .collect();
        let found = finding(&plan, &looks);
        assert_eq!(found.outcome, Outcome::Undetermined, "{rows}: {}", found.reason);
        assert!(check(&plan).iter().any(|problem| problem.rule == "denial"), "{rows}");
    }
    let plan = plan(&[ROLES], &["roles: { of: call, check: answered && status == expect }"]);
    let denial = check(&plan).into_iter().find(|problem| problem.rule == "denial");
    assert_eq!(denial, None, "each row that is denied has its control beside it");
}

/// What comes of a matrix of two rows that differ only in who asks, beside the outcome of each row.
fn two_rows(act: &str, check: &str, seen: &[Json; 2]) -> (Outcome, Vec<Outcome>, bool) {
    let probe =
        format!("call: {{ {act}, matrix: [ {{ who: admin, expect: 0 }}, {{ who: viewer, expect: 1 }} ] }}");
    let plan = plan(&[&probe], &[&format!("roles: {{ of: call, check: '{check}' }}")]);
    let looks: Vec<Observation> = (plan.probes[0].cells.iter().zip(seen))
        .map(|(cell, seen)| Observation { cell: cell.row.clone(), ..look("call", 0, seen) })
        .collect();
    let found = finding(&plan, &looks);
    let warned = crate::support::check(&plan).iter().any(|problem| problem.rule == "denial");
    (found.outcome, found.cells.iter().map(|cell| cell.outcome).collect(), warned)
}

#[test]
fn a_row_in_which_nothing_was_granted_is_no_control() {
    use Outcome::{Holds, Undetermined};
    let http = "http: http://x, headers: { Authorization: '${who}' }";
    // Nobody was let in: sent to log in, told to wait, an error of the server's.
    for code in [100, 199, 300, 302, 404, 429, 500, 503] {
        let check = format!("(expect == 0 && status == {code}) || (expect == 1 && status == 403)");
        let found = two_rows(http, &check, &[json!({ "status": code }), json!({ "status": 403 })]);
        assert_eq!(found, (Undetermined, vec![Holds, Undetermined], true), "{code}");
    }
    for code in [200, 201, 204, 299] {
        let check = format!("(expect == 0 && status == {code}) || (expect == 1 && status == 403)");
        let found = two_rows(http, &check, &[json!({ "status": code }), json!({ "status": 403 })]);
        assert_eq!(found, (Holds, vec![Holds, Holds], false), "{code}");
    }
    let found =
        |code| two_rows(http, "status != 200", &[json!({ "status": code }), json!({ "status": 403 })]);
    assert_eq!(found(500), (Undetermined, vec![Holds, Undetermined], false));
    assert_eq!(found(204), (Holds, vec![Holds, Holds], false));
    // A check that does not read the code is told by it all the same.
    let check = "(expect == 0 && size_bytes > 0) || (expect == 1 && status == 403)";
    let found =
        |code| two_rows(http, check, &[json!({ "status": code, "size_bytes": 9 }), json!({ "status": 403 })]);
    assert_eq!(found(500).0, Undetermined);
    assert_eq!(found(200).0, Holds);
    let redis = "redis: 'x:1', command: [GET, a], username: '${who}'";
    let check = "answered && denied == (expect == 1)";
    let denied = json!({ "answered": true, "denied": true, "error": "NOPERM" });
    let found = |error| {
        two_rows(
            redis,
            check,
            &[json!({ "answered": true, "denied": false, "error": error }), denied.clone()],
        )
    };
    assert_eq!(found("LOADING"), (Undetermined, vec![Holds, Undetermined], false));
    assert_eq!(found(""), (Holds, vec![Holds, Holds], false));
}

#[test]
fn what_tells_whether_something_was_granted_or_denied_is_read_from_the_log() {
    let plan = plan(&[ROLES, "other: { http: http://y }"], &["b: { of: other, check: size_bytes > 0 }"]);
    let names = probity_verdict::names_read(&plan, &Conditions::new(&plan));
    assert!(names.contains("status") && names.contains("answered"), "{names:?}");
}
