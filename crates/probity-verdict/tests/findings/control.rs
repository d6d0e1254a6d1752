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

/// What four looks of `open` with these codes, and a good one of `admin`, make of the first two claims: the outcome, and whether it fails of denials alone.
fn of_first_two(plan: &Plan, codes: [i64; 4]) -> [(Outcome, bool); 2] {
    let mut looks = looks("open", 0..4, |slot| json!({ "answered": true, "status": codes[slot as usize] }));
    looks.push(look("admin", 0, &json!({ "answered": true, "status": 200 })));
    let found = findings(plan, &looks);
    [0, 1].map(|claim| (found[claim].outcome, found[claim].data().by_denial))
}

const fn fails(by_denial: bool) -> (Outcome, bool) {
    (Outcome::Fails, by_denial)
}

#[test]
fn a_claim_that_fails_of_denials_alone_is_told_from_one_that_fails() {
    let plan = plan(
        &["open: { http: http://x, repeat: 4 }", "admin: { http: http://x }"],
        &[
            "gets_in: { of: open, check: answered && status == 200 }",
            "often: { of: open, check: answered && status == 200, share: \">= 90%\" }",
            "shut: { of: open, check: status == 403, control: allowed }",
            "allowed: { of: admin, check: status == 200 }",
        ],
    );
    let by_denial = |codes| of_first_two(&plan, codes);
    assert_eq!(by_denial([403; 4]), [fails(true), fails(true)]);
    // One that was let in and got something else fails whatever was denied beside it; a rate needs as many as it does.
    assert_eq!(by_denial([202; 4]), [fails(false), fails(false)]);
    assert_eq!(by_denial([403, 403, 403, 202])[0], fails(false));
    assert_eq!(by_denial([200, 200, 403, 403]), [fails(true), (Outcome::Undetermined, false)]);
}

#[test]
fn a_connection_that_was_refused_was_not_refused_for_what_is_asked_in_it() {
    let outcome = |rows: &str| {
        let probe = format!(
            "p: {{ http: 'https://x', headers: {{ Authorization: '${{who}}' }}, client_certificate: '${{by}}', matrix: [ {rows} ] }}"
        );
        let plan = plan(&[&probe], &["c: { of: p, check: (answered && status == 200) == may }"]);
        let rows: Vec<Json> =
            plan.probes[0].cells.iter().map(|cell| serde_json::to_value(&cell.row).unwrap()).collect();
        let facts = [
            json!({ "connected": true, "answered": true, "head_received": true, "status": 200 }),
            json!({ "connected": false, "answered": false, "head_received": false }),
        ];
        let looks: Vec<_> =
            rows.iter().zip(&facts).map(|(row, facts)| in_cell(look("p", 0, facts), row)).collect();
        findings(&plan, &looks)[0].outcome
    };
    let by_name = "{ who: admin, by: a.pem, may: true }, { who: viewer, by: a.pem, may: false }";
    let by_certificate = "{ who: admin, by: a.pem, may: true }, { who: admin, by: b.pem, may: false }";
    assert_eq!(outcome(by_name), Outcome::Undetermined);
    assert_eq!(outcome(by_certificate), Outcome::Holds);
}

#[test]
fn a_change_among_denials_alone_is_told_from_one() {
    let plan = plan(
        &["open: { http: http://x, repeat: 4 }", "admin: { http: http://x }"],
        &[
            "same: { of: open, stable: [status] }",
            "shown: { of: open, stable: [status], control: allowed }",
            "allowed: { of: admin, check: status == 200 }",
        ],
    );
    let found = |codes| of_first_two(&plan, codes);
    assert_eq!(found([403, 401, 403, 401]), [fails(true), fails(false)]);
    assert_eq!(found([200, 403, 200, 200]), [fails(true), fails(false)]);
    assert_eq!(found([200, 202, 403, 403]), [fails(false), fails(false)]);
}

#[test]
fn a_periodic_claim_that_fails_beside_denials_is_told_from_one_that_fails() {
    let plan = plan(
        &["open: { http: http://x, every: 5s, for: 20s }", "admin: { http: http://x }"],
        &[
            "turns: { of: open, periodic: 60s, tolerance: 1s, changes: status, periods: 1 }",
            "shown: { of: open, periodic: 60s, tolerance: 1s, changes: status, periods: 1, control: allowed }",
            "allowed: { of: admin, check: status == 200 }",
        ],
    );
    assert_eq!(of_first_two(&plan, [403, 401, 403, 401]), [fails(true), fails(false)]);
    assert_eq!(of_first_two(&plan, [200, 202, 200, 202]), [fails(false), fails(false)]);
}

#[test]
fn a_denial_that_may_not_be_meant_does_not_pass_for_harmless() {
    let plan = plan(
        &["p: { http: http://x, repeat: 2 }"],
        &["c: { of: p, where: json.kind == \"x\", check: answered && status < 500 }"],
    );
    let outcome = |status: i64| {
        let sure = look("p", 0, &json!({ "answered": true, "status": 200, "json": { "kind": "x" } }));
        let unsure = look("p", 1, &json!({ "answered": true, "status": status, "json": { "error": "who" } }));
        findings(&plan, &[sure, unsure])[0].outcome
    };
    assert_eq!(outcome(401), Outcome::Undetermined);
    assert_eq!(outcome(500), Outcome::Undetermined);
    assert_eq!(outcome(200), Outcome::Holds);
    // Which is told all the same.
    let unsure = look("p", 1, &json!({ "answered": true, "status": 200, "json": { "error": "who" } }));
    let sure = look("p", 0, &json!({ "answered": true, "status": 200, "json": { "kind": "x" } }));
    let notes = &finding(&plan, &[sure, unsure]).notes;
    assert!(notes.iter().any(|note| note.starts_with("of 1 of 2 observations")), "{notes:?}");
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

#[test]
fn a_page_that_a_redirect_led_to_is_no_control() {
    use Outcome::{Holds, Undetermined};
    let http = "http: http://x, redirects: 3, headers: { Authorization: '${who}' }";
    let check = "(expect == 0 && status == 200) || (expect == 1 && status == 403)";
    let found = |way: Json| {
        let granted = json!({ "connected": true, "answered": true, "status": 200, "redirects": way });
        let denied = json!({ "connected": true, "answered": true, "status": 403, "redirects": [] });
        two_rows(http, check, &[granted, denied])
    };
    assert_eq!(found(json!(["http://x/login"])).1, [Holds, Undetermined]);
    assert_eq!(found(json!([])).1, [Holds, Holds]);
    let plan = plan(&[ROLES], &["c: { of: call, check: answered }"]);
    assert!(probity_verdict::names_read(&plan, &Conditions::new(&plan)).contains("redirects"));
}

#[test]
fn a_named_control_that_follows_redirects_asks_that_none_led_elsewhere() {
    let told = |redirects: &str, check_: &str| {
        let plan = plan(
            &["p: { http: http://p }", &format!("q: {{ http: http://q, redirects: {redirects} }}")],
            &[
                "refused: { of: p, check: status == 403, control: allowed }",
                &format!("allowed: {{ of: q, check: \"{check_}\" }}"),
            ],
        );
        let found = check(&plan).into_iter().filter(|problem| problem.rule == "control");
        found.map(|problem| problem.remedy).collect::<Vec<_>>()
    };
    let wrong = told("3", "status == 200");
    assert!(wrong.len() == 1 && wrong[0].contains("`redirects.size() == 0`"), "{wrong:?}");
    assert_eq!(told("3", "status == 200 && redirects.size() == 0"), Vec::<String>::new());
    assert_eq!(told("3", "status == 200 && redirects == []"), Vec::<String>::new());
    assert_eq!(told("0", "status == 200"), Vec::<String>::new());
    // A connection was made, whoever answered in the end.
    let port = plan(
        &["p: { port: 9 }", "q: { http: http://q, redirects: 3 }"],
        &["closed: { of: p, check: \"!listening\", control: open }", "open: { of: q, check: answered }"],
    );
    assert!(check(&port).iter().all(|problem| problem.rule != "control"));
}

#[test]
fn a_name_is_shown_by_records_and_not_by_a_referral() {
    let refused = |claim: &str, control: &str| {
        let probes = ["p: { dns: a.example }", "q: { dns: b.example }"];
        let claims = [
            format!("c: {{ of: p, check: {claim}, control: k }}"),
            format!("k: {{ of: q, check: '{control}' }}"),
        ];
        let plan = plan(&probes, &claims.each_ref().map(String::as_str));
        check(&plan).iter().any(|problem| problem.rule == "control")
    };
    for control in [
        "\"127.0.0.1\" in records",
        "records == [\"127.0.0.1\"]",
        "records.size() > 0",
        "ttl_s >= 0",
        "count > 0",
        "answered && !nxdomain",
        // Of no records nothing is absent.
        "!(\"127.0.0.1\" in records)",
    ] {
        assert!(!refused("nxdomain", control), "{control}");
    }
    for control in ["rcode == \"NOERROR\"", "records == []", "records.size() >= 0"] {
        assert!(refused("nxdomain", control), "{control}");
    }
    let empty = "c: { of: p, check: nxdomain, control: k }";
    let accepting = plan(
        &["p: { dns: a.example }", "q: { dns: b.example }"],
        &[empty, "k: { of: q, check: '!(\"x\" in records)', empty: ok }"],
    );
    assert!(check(&accepting).iter().any(|problem| problem.rule == "control"));
    assert!(!refused("refused", "rcode == \"NOERROR\""));
    assert!(!refused("refused", "records == []"));
}

#[test]
fn a_denial_whose_body_is_cut_short_is_one_to_who_reads_its_status() {
    let probes = ["viewer: { http: http://x }", "admin: { http: http://x }"];
    let outcome = |check: &str| {
        let claim = format!("c: {{ of: viewer, check: '{check}', control: k }}");
        let plan = plan(&probes, &[&claim, "k: { of: admin, check: status == 200 }"]);
        let cut = json!({ "connected": true, "answered": false, "body_received": false, "status": 403 });
        let whole = json!({ "connected": true, "answered": true, "body_received": true, "status": 200 });
        finding(&plan, &[look("viewer", 0, &cut), look("admin", 0, &whole)]).outcome
    };
    assert_eq!(outcome("status == 403"), Outcome::Holds);
    assert_eq!(outcome("status in [401, 403]"), Outcome::Holds);
    for check in ["!answered", "!body_received", "status == 403 && !answered"] {
        assert_eq!(outcome(check), Outcome::Undetermined, "{check}");
    }
}

#[test]
fn the_largest_and_the_least_number_may_stand_in_a_condition() {
    for number in ["9223372036854775807", "-9223372036854775808", "99999999999999999999"] {
        let claim = format!("good: {{ of: web, check: size_bytes != {number} && status == 403 }}");
        let plan = plan(&["web: { http: http://x }"], &[&claim]);
        assert!(check(&plan).iter().any(|problem| problem.rule == "denial"), "{number}");
    }
}

/// What comes of a denial beside a control, each of one look; and whether the plan's check finds the control to be none.
fn beside(denied: &(&str, &str, Json), control: &(&str, &str, Json)) -> (Outcome, bool) {
    let probes = [format!("p: {{ {} }}", denied.0), format!("q: {{ {} }}", control.0)];
    let claims = [
        format!("c: {{ of: p, check: '{}', control: k }}", denied.1),
        format!("k: {{ of: q, check: '{}' }}", control.1),
    ];
    let plan = plan(&[&probes[0], &probes[1]], &[&claims[0], &claims[1]]);
    let found = findings(&plan, &[look("p", 0, &denied.2), look("q", 0, &control.2)]);
    assert_eq!(found[1].outcome, Outcome::Holds, "{}: {}", control.1, found[1].reason);
    (found[0].outcome, check(&plan).iter().any(|problem| problem.rule == "control"))
}

const NONE: (Outcome, bool) = (Outcome::Undetermined, true);
const SHOWN: (Outcome, bool) = (Outcome::Holds, false);

#[test]
fn a_table_of_sockets_shows_no_connection() {
    let with = |kind: &str, check: &str, seen: Json| {
        beside(
            &("http: http://x", "!answered", json!({ "connected": false, "answered": false })),
            &(kind, check, seen),
        )
    };
    assert_eq!(with("port: 80", "listening", json!({ "listening": true })), NONE);
    assert_eq!(with("port: 80", "!listening", json!({ "listening": false })), NONE);
    assert_eq!(with("port: 80", "addresses.size() > 0", json!({ "addresses": ["::"] })), NONE);
    let silent = json!({ "head_received": false });
    assert_eq!(with("http: http://y", "!head_received", silent), NONE);
    let head = json!({ "connected": true, "head_received": true });
    assert_eq!(with("http: http://y", "head_received", head), SHOWN);
    let connected = json!({ "connected": true, "outcome": "connected" });
    for check in ["connected", "outcome == \"connected\"", "!(outcome != \"connected\")"] {
        assert_eq!(with("port: 80, connect: h", check, connected.clone()), SHOWN, "{check}");
    }
}

#[test]
fn whatever_is_no_grant_is_no_control() {
    let redis = |check: &str, error: &str| {
        let noperm = json!({ "answered": true, "denied": true, "error": "NOPERM no" });
        let seen = json!({ "answered": true, "denied": false, "error": error });
        let of = "redis: \"x:1\", command: [GET, a]";
        beside(&(of, "denied", noperm), &(of, check, seen))
    };
    for check in [
        "error.matches(\"^ERR\")",
        "error.size() == 11",
        "error > \"ERR\" && error < \"ERS\"",
        "error.endsWith(\"unk\" + \"nown\")",
        "error != \"\"",
        "error in [\"\", \"ERR \" + \"unknown\"]",
        "error == error",
    ] {
        assert_eq!(redis(check, "ERR unknown"), NONE, "{check}");
    }
    for check in ["error == \"\"", "error.size() == 0", "error in [\"\"]", "!(error != \"\") && answered"] {
        assert_eq!(redis(check, ""), SHOWN, "{check}");
    }
    let postgres = |check: &str, state: &str| {
        let of = "postgres: \"postgresql://u@h/d\", query: SELECT 1";
        let refused = json!({ "answered": true, "denied": true, "sqlstate": "28000" });
        beside(&(of, "denied", refused), &(of, check, json!({ "answered": true, "sqlstate": state })))
    };
    assert_eq!(postgres("sqlstate.matches(\"^42\")", "42P01"), NONE);
    assert_eq!(postgres("sqlstate == \"00000\"", "00000"), SHOWN);
    let http = |check: &str, status: i64| {
        let seen = json!({ "answered": true, "connected": true, "status": status });
        let of = "http: http://x";
        beside(&(of, "status == 403", json!({ "status": 403 })), &(of, check, seen))
    };
    let long = (200..232).chain([418]).map(|code| code.to_string()).collect::<Vec<_>>().join(", ");
    for check in ["answered && status - 200 == 218", "status * 2 == 836", &format!("status in [{long}]")] {
        assert_eq!(http(check, 418), NONE, "{check}");
    }
    for check in
        ["answered && string(status).startsWith(\"2\")", "int(status / 100) == 2", "status - 200 == 4"]
    {
        assert_eq!(http(check, 204), SHOWN, "{check}");
    }
    // Refused itself, and no control even where another one stands behind it.
    let port = "port: 1, connect: h";
    for check in ["outcome == \"refused\"", "outcome != \"connected\"", "outcome.size() == 7"] {
        let plan = plan(
            &[&format!("p: {{ {port} }}"), &format!("q: {{ {port} }}"), &format!("r: {{ {port} }}")],
            &[
                "c: { of: p, check: '!connected', control: k }",
                &format!("k: {{ of: q, check: '{check}', control: l }}"),
                "l: { of: r, check: connected }",
            ],
        );
        let refused = json!({ "connected": false, "outcome": "refused" });
        let made = json!({ "connected": true, "outcome": "connected" });
        let looks = [look("p", 0, &refused), look("q", 0, &refused), look("r", 0, &made)];
        let outcomes: Vec<Outcome> = findings(&plan, &looks).iter().map(|found| found.outcome).collect();
        assert_eq!(outcomes, [Outcome::Undetermined, Outcome::Holds, Outcome::Holds], "{check}");
    }
}

#[test]
fn a_code_that_only_a_row_tells_is_no_control() {
    let plan = plan(
        &["p: { http: http://x }", "q: { http: http://y, matrix: [ { x: 200 }, { x: 417 } ] }"],
        &[
            "c: { of: p, check: status == 403, control: k }",
            "k: { of: q, check: status == x + 1 }",
            "d: { of: p, check: status == 403, control: l }",
            "l: { of: q, check: status == x + 1, where: x == 200 }",
        ],
    );
    let rows =
        [200, 417].map(|x: i64| in_cell(look("q", 0, &json!({ "status": x + 1 })), &json!({ "x": x })));
    let looks = [&[look("p", 0, &json!({ "status": 403 }))], &rows[..]].concat();
    let outcomes: Vec<Outcome> = findings(&plan, &looks).iter().map(|finding| finding.outcome).collect();
    use Outcome::{Holds, Undetermined};
    assert_eq!(outcomes, [Undetermined, Holds, Holds, Holds]);
}

#[test]
fn of_two_looks_beside_each_other_each_that_denies_needs_its_control() {
    let plan = plan(
        &[
            "p: { http: http://p }",
            "q: { http: http://q }",
            "r: { redis: 'r:1', command: [GET, a] }",
            "ok: { http: http://ok }",
            "set: { redis: 'r:1', command: [GET, b] }",
            "gone: { http: http://gone }",
        ],
        &[
            // The connection is shown, the request is not; then both are.
            "a: { of: gone, against: q, check: '!connected && against.status == 403', control: made }",
            "b: { of: gone, against: q, check: '!connected && against.status == 403', control: http }",
            // The other side is of another kind than the control; then its own.
            "c: { of: p, against: r, check: 'status == 200 && against.denied', control: http }",
            "d: { of: p, against: r, check: 'status == 200 && against.denied', control: redis }",
            "e: { of: q, against: r, check: 'status == 403 && against.denied', control: redis }",
            "f: { of: q, against: r, check: 'status == 403 && against.elapsed_ms >= 0', control: http }",
            "made: { of: ok, check: connected }",
            "http: { of: ok, check: status == 200 }",
            "redis: { of: set, check: 'error == \"\"' }",
        ],
    );
    let ok = json!({ "connected": true, "answered": true, "status": 200 });
    let looks = [
        look("ok", 0, &ok),
        look("set", 0, &json!({ "connected": true, "answered": true, "error": "" })),
        look("p", 0, &ok),
        look("q", 0, &json!({ "connected": true, "answered": true, "status": 403 })),
        look("gone", 0, &json!({ "connected": false, "answered": false })),
        look(
            "r",
            0,
            &json!({ "connected": true, "denied": true, "error": "NOPERM", "elapsed_ms": { "at_least": 1, "at_most": 2 } }),
        ),
    ];
    use Outcome::{Holds, Undetermined};
    let outcomes: Vec<Outcome> = findings(&plan, &looks).iter().map(|found| found.outcome).collect();
    assert_eq!(outcomes[..6], [Undetermined, Holds, Undetermined, Holds, Undetermined, Holds]);
    assert_eq!(outcomes[6..], [Holds; 3]);
    let told = check(&plan);
    for (claim, right) in [("a", false), ("b", true), ("c", false), ("d", true), ("e", false), ("f", true)] {
        let named = format!("of `{claim}`:");
        let told = told.iter().any(|problem| problem.rule == "control" && problem.message.contains(&named));
        assert_eq!(told, !right, "{claim}");
    }
}

#[test]
fn what_is_asked_of_several_looks_is_no_control() {
    let plan = plan(
        &["p: { http: http://p, repeat: 3 }", "q: { http: http://q, repeat: 3 }"],
        &[
            "a: { of: p, check: status == 403, control: stable }",
            "b: { of: p, check: status == 403, control: periodic }",
            "c: { of: p, check: status == 403, control: beside }",
            "d: { of: p, stable: [status], control: stable }",
            "e: { of: p, stable: [status], control: each }",
            "f: { of: p, stable: [size_bytes], control: stable }",
            "stable: { of: q, stable: [status] }",
            "periodic: { of: q, periodic: 60s, tolerance: 15s, changes: status, periods: 5 }",
            "beside: { of: q, check: status == 200 && against.status == 200, against: q }",
            "each: { of: q, check: status == 200 }",
        ],
    );
    let told = check(&plan);
    for (claim, right) in [("a", false), ("b", false), ("c", false), ("d", false), ("e", true), ("f", true)] {
        let named = format!("of `{claim}`:");
        let mut told =
            told.iter().filter(|problem| problem.rule == "control" && problem.message.contains(&named));
        assert_eq!(told.clone().count(), usize::from(!right), "{claim}");
        assert!(told.all(|problem| problem.remedy.contains("each single look")), "{claim}");
    }
}

/// What comes of one look without any control.
fn alone(act: &str, check: &str, seen: &Json) -> Outcome {
    let plan = plan(&[&format!("p: {{ {act} }}")], &[&format!("c: {{ of: p, check: '{check}' }}")]);
    finding(&plan, &[look("p", 0, seen)]).outcome
}

#[test]
fn a_server_that_grants_nothing_shows_no_limit() {
    let limit = "rate-limit: http://x";
    let closed = json!({ "connected": true, "answered": true, "limited": true, "burst": { "at_least": 0, "at_most": 0 },
        "granted": 0, "refused": 20, "refusal": 503, "statuses": { "503": 20 } });
    for check in ["limited && burst <= 25", "limited", "refusal == 503", "refused == 20", "granted == 0"] {
        assert_eq!(alone(limit, check, &closed), Outcome::Undetermined, "{check}");
    }
    let stranger = json!({ "connected": true, "answered": true, "limited": false, "granted": 50, "refused": 0,
        "statuses": { "401": 50 } });
    assert_eq!(alone(limit, "!limited && granted >= 50", &stranger), Outcome::Undetermined);
    // A limit of log-ins that fail is one, and so is that of a server that grants some.
    let guesses =
        json!({ "connected": true, "limited": true, "granted": 20, "statuses": { "401": 20, "429": 1 } });
    let limited =
        json!({ "connected": true, "limited": true, "granted": 20, "statuses": { "200": 20, "429": 1 } });
    for seen in [guesses, limited] {
        assert_eq!(alone(limit, "limited", &seen), Outcome::Holds);
    }
    let closed = (limit, "limited", closed);
    let control = |check: &'static str| {
        let granted =
            json!({ "connected": true, "limited": false, "granted": 50, "statuses": { "200": 50 } });
        beside(&closed, &("rate-limit: http://y", check, granted))
    };
    assert_eq!(control("statuses[\"200\"] >= 50"), SHOWN);
    assert_eq!(control("granted >= 50"), (Outcome::Undetermined, false));
}

#[test]
fn that_a_host_is_unreachable_is_a_denial_whichever_fact_says_so() {
    let seen = json!({ "answered": false, "unreachable": true, "unreachable_type": 3, "unreachable_code": 13,
        "unreachable_by": "10.0.0.1" });
    for check in [
        "unreachable",
        "unreachable_code == 13",
        "unreachable_type == 3",
        "unreachable_by != \"\"",
        "!answered",
    ] {
        assert_eq!(alone("icmp: 10.0.0.2", check, &seen), Outcome::Undetermined, "{check}");
    }
    let there = json!({ "answered": true, "unreachable": false });
    assert_eq!(alone("icmp: 10.0.0.2", "!unreachable", &there), Outcome::Holds);
}

#[test]
fn that_mail_is_refused_is_a_denial_whichever_fact_says_so() {
    let seen = json!({ "connected": true, "answered": true, "greeting": "go away", "code": 550,
        "enhanced_code": "5.7.1", "error": "5.7.1 Access denied", "denied": true });
    for check in ["enhanced_code == \"5.7.1\"", "greeting == \"go away\"", "code == 550"] {
        assert_eq!(alone("smtp: \"x:25\"", check, &seen), Outcome::Undetermined, "{check}");
    }
}

#[test]
fn only_a_call_that_logs_in_says_who_asks() {
    use Outcome::{Holds, Undetermined};
    let seen = [
        json!({ "connected": true, "answered": true, "succeeded": true }),
        json!({ "connected": true, "answered": true, "succeeded": false, "error_code": -32001 }),
    ];
    let rows = |calls: &str| {
        let act = format!("jsonrpc: http://x, impact: observe, calls: [ {calls}, {{ method: get }} ]");
        two_rows(&act, "answered && succeeded == (expect == 0)", &seen)
    };
    for calls in
        ["{ method: authenticate, params: { token: $who } }", "{ method: auth.login, params: [ $who ] }"]
    {
        assert_eq!(rows(calls).1, [Holds, Holds], "{calls}");
    }
    // The same person, who did something else before.
    for calls in ["{ method: $who }", "{ method: switch, params: { to: $who } }"] {
        assert_eq!(rows(calls).1, [Holds, Undetermined], "{calls}");
    }
}

/// Of a session of which every call failed nothing counts, also to who reads the earlier replies.
#[test]
fn an_error_of_an_earlier_call_is_a_denial() {
    use Outcome::{Holds, Undetermined};
    let error = |code: i64| json!({ "error": { "code": code, "message": "no", "data": null } });
    let result = json!({ "result": { "ok": true } });
    let outcome = |replies: &[serde_json::Value], condition: &str, control: &str| {
        let calls = "calls: [ { method: a }, { method: b } ]";
        let probes =
            ["p", "k"].map(|name| format!("{name}: {{ jsonrpc: http://x, impact: observe, {calls} }}"));
        let claims = [
            format!("c: {{ of: p, check: \"{condition}\" {control} }}"),
            "k: { of: k, check: succeeded }".to_owned(),
        ];
        let plan = plan(&probes.each_ref().map(String::as_str), &claims.each_ref().map(String::as_str));
        let seen = json!({ "connected": true, "answered": true, "replies": replies });
        let looks = [
            look("p", 0, &seen),
            look("k", 0, &json!({ "connected": true, "answered": true, "succeeded": true })),
        ];
        findings(&plan, &looks)[0].outcome
    };
    let refused = [error(-32001), error(-32002)];
    for condition in [
        "replies[0].error.code == -32001",
        "replies.exists(r, r.error.code == -32002)",
        "!has(replies[0].result)",
        "replies.all(r, r.error.message == 'no')",
    ] {
        assert_eq!(outcome(&refused, condition, ""), Undetermined, "{condition}");
        assert_eq!(outcome(&refused, condition, ", control: k"), Holds, "{condition}");
    }
    // Whoever was answered once was not refused.
    assert_eq!(outcome(&[result, error(-32002)], "replies[1].error.code == -32002", ""), Holds);
}

#[test]
fn a_control_of_very_many_rows_shows_what_all_of_them_can() {
    let control = |expect: &dyn Fn(usize) -> usize| {
        let rows: Vec<String> = (0..1500).map(|n| format!("{{ n: {n}, expect: {} }}", expect(n))).collect();
        let probes = [
            "p: { http: http://x }".to_owned(),
            format!("m: {{ http: 'http://x/$n', matrix: [ {} ] }}", rows.join(", ")),
        ];
        let plan = plan(
            &[&probes[0], &probes[1]],
            &[
                "c: { of: p, check: answered && status == 403, control: k }",
                "k: { of: m, where: expect != 0, check: answered && status == expect }",
            ],
        );
        check(&plan).iter().any(|problem| problem.rule == "control")
    };
    assert!(control(&|n| if n == 1499 { 404 } else { 0 }));
    assert!(control(&|n| 10_000 + n), "more than are tried");
    assert!(!control(&|n| if n == 1499 { 200 } else { 0 }));
}
