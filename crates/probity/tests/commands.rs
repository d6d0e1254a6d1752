//! Each command from end to end, as a person types it: whole outputs where they are stable, exit statuses always.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use support::{Home, code, is_root, stderr, stdout};

/// A plan about a file of the test's own.
fn plan(home: &Home, condition: &str) -> String {
    let path = home.write("target.txt", "hello\n");
    format!(
        "plan: A file\nprobes:\n  target: {{ file: {} }}\nclaims:\n  right: {{ of: target, check: \"{condition}\", says: the file is right }}\n\
         verdict:\n  - {{ label: READY, when: holds(right), accepted: true }}\n  - {{ label: NOT READY, when: fails(right) }}\n  \
         - {{ label: NOT SHOWN, when: undetermined(right) }}\n  - {{ label: NOTHING }}\n",
        path.display()
    )
}

fn ran(home: &Home, condition: &str) -> i32 {
    home.write("plan.yaml", &plan(home, condition));
    code(&home.run(&["run", "plan.yaml", "-o", "out.probity"]))
}

#[test]
fn an_accepted_verdict_exits_0_and_its_bundle_verifies() {
    let home = Home::new();
    home.write("plan.yaml", &plan(&home, "exists && size_bytes == 6"));
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    let text = stdout(&run);
    assert!(text.starts_with("READY (accepted)\n"), "{text}");
    assert!(text.contains("in the one observation (presence): exists && size_bytes == 6"), "{text}");
    assert!(text.ends_with("Report  out.probity/report.html\nBundle  out.probity\n"), "{text}");
    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
    assert!(stdout(&verify).ends_with("Verdict, recomputed: READY\n"), "{}", stdout(&verify));
    assert_eq!(code(&home.run(&["verify", "out.probity", "--accepted"])), 0);
}

#[test]
fn findings_are_data_and_json_for_programs_has_the_sentences_beside_it() {
    let home = Home::new();
    home.write("plan.yaml", &plan(&home, "size_bytes == 7"));
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let run = parse(&stdout(&home.run(&["run", "plan.yaml", "-o", "out.probity", "--format", "json"])));
    let kept = parse(&std::fs::read_to_string(home.path("out.probity/findings.json")).unwrap());
    let entry = &kept["findings"][0]["telling"][0];
    let whole = plan(&home, "size_bytes == 7");
    let without_probes: Vec<&str> =
        whole.lines().filter(|line| !line.contains("target: {") && *line != "probes:").collect();
    home.write("claims.yaml", &without_probes.join("\n"));
    let reason = serde_json::json!({
        "name": "some-do-not", "failures": 1, "observations": 1,
        "first": { "entry": entry, "against": {
            "name": "seen", "seen": [{ "what": "size_bytes", "value": "6" }], "reasons": []
        } },
    });
    assert_eq!(kept["findings"][0]["reason"], reason);
    let outputs = [
        run,
        parse(&stdout(&home.run(&["report", "out.probity", "--format", "json"]))),
        parse(&stdout(&home.run(&["evaluate", "out.probity", "--plan", "claims.yaml", "--format", "json"]))),
    ];
    for output in outputs {
        let finding = &output["judgement"]["findings"][0];
        assert_eq!(
            finding["reason"],
            format!("1 of 1 observation does not satisfy it; first in entry {entry}: size_bytes = 6")
        );
        assert_eq!(finding["data"]["reason"], reason);
        let verdict = &output["judgement"]["verdict"];
        assert_eq!((&verdict["label"], &verdict["accepted"]), (&"NOT READY".into(), &false.into()));
        assert_eq!(verdict["data"]["why"], kept["verdict"]["why"]);
        assert_eq!(verdict["why"][1], "rule 2, NOT READY, applies: right fails (\"the file is right\")");
    }
}

#[test]
fn each_look_is_placed_in_the_run_by_a_clock_that_nobody_sets() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: Again\nprobes:\n  again: { file: /, every: 300ms, for: 900ms }\n  later: { command: [true] }\nclaims:\n  \
         there: { of: again, check: exists }\n  done: { of: later, check: exit_code == 0 }\nverdict: [ label: NOTHING ]\n",
    );
    home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    let log = std::fs::read_to_string(home.path("out.probity/evidence.jsonl")).unwrap();
    let entries: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at =
        |entry: &serde_json::Value| entry["started"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let looks: Vec<_> = entries.iter().filter(|entry| entry["type"] == "observation").collect();
    assert_eq!(looks.len(), 4, "the last one is not permitted: {log}");
    for look in &looks {
        let by_day = at(look).as_microsecond() - at(&entries[0]).as_microsecond();
        let offset = look["offset_us"].as_i64().unwrap();
        // Nobody set the clock of the machine that tests.
        assert!((by_day - offset).abs() < 50_000, "{look}");
    }
    let gap = |a: usize, b: usize| {
        looks[b]["offset_us"].as_i64().unwrap() - looks[a]["offset_us"].as_i64().unwrap()
    };
    assert!(gap(0, 1) > 200_000 && gap(1, 2) > 200_000, "{log}");
}

#[test]
fn what_runs_with_another_probe_looks_until_that_is_over() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: Beside\nprobes:\n  main: { command: [sleep, \"0.5\"], impact: observe, timeout: 1m }\n  \
         timed: { file: /, every: 200ms, for: 1m, with: main }\n  again: { command: [sleep, \"0.2\"], impact: observe, repeat: 20, with: main }\n\
         claims:\n  slept: { of: main, check: exit_code == 0 }\n  there: { of: timed, check: exists }\n  \
         well: { of: again, check: exit_code == 0 }\nverdict:\n  - { label: READY, when: holds(slept) && holds(there) && holds(well), accepted: true }\n  \
         - { label: NO }\n",
    );
    let check = home.run(&["plan", "check", "plan.yaml"]);
    assert!(
        stdout(&check).contains("`timed` looks for 1m while `main` does, which may be over before"),
        "{}",
        stdout(&check)
    );
    let began = std::time::Instant::now();
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "it waited for looks that are not made");
    assert_eq!(code(&run), 2, "{}", stdout(&run));
    let log = std::fs::read_to_string(home.path("out.probity/evidence.jsonl")).unwrap();
    for (probe, planned) in [("timed", 300), ("again", 20)] {
        let named = format!("\"probe\":\"{probe}\"");
        let looks: Vec<&str> = log.lines().filter(|line| line.contains(&named)).collect();
        assert_eq!(looks.len(), planned, "each planned look is recorded");
        let over = |line: &&&str| line.contains("\"prerequisite\"") && line.contains("\"probe-over\"");
        let made = planned - looks.iter().filter(over).count();
        assert!((2..planned / 2).contains(&made), "{made} looks of {probe} while main ran");
        assert!(looks[..made].iter().all(|line| !line.contains("prerequisite")), "{log}");
    }
}

#[test]
fn a_restriction_stands_beside_the_verdict() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: Two\nprobes:\n  one: { file: / }\n  two: { file: /tmp }\nclaims:\n  one: { of: one, check: exists }\n  \
         two: { of: two, check: exists }\nverdict:\n  - { label: READY, when: holds(one), accepted: true }\n  - { label: NO }\n",
    );
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity", "--only", "one"]);
    assert_eq!(code(&run), 0, "{}", stdout(&run));
    let said = "! The operator restricted the run to `one` (`--only`); 1 probe of the plan was left out.";
    let head: String = stdout(&run).lines().take(8).collect::<Vec<_>>().join("\n");
    assert!(
        head.starts_with("READY (accepted)")
            && head.split_whitespace().collect::<Vec<_>>().join(" ").contains(said),
        "{head}"
    );
    let text = stdout(&run);
    assert!(text.contains("two: exists behind not-made (once): left out by --only\n  Run without `--only`, or name `two` with it too."), "{text}");
}

#[test]
fn what_only_leaves_out_is_neither_announced_nor_counted_otherwise() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: Three\nprobes:\n  one: { file: / }\n  two: { file: /tmp }\n  three: { command: [touch, made] }\nclaims:\n  \
         one: { of: one, check: exists }\nverdict: [ label: L ]\n",
    );
    let dry = stdout(&home.run(&["run", "plan.yaml", "--dry-run", "--only", "one"]));
    assert!(!dry.contains("touch made") && !dry.contains("two (file"), "{dry}");
    assert!(dry.contains("one (file") && dry.contains("Not run: three (left out by --only)"), "{dry}");
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity", "--only", "one", "--only", "one"]);
    let said = stdout(&run).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("restricted the run to `one` (`--only`); 2 probes of the plan were left out."),
        "{said}"
    );
    home.write(
        "mine.yaml",
        "plan: Mine\nclaims:\n  one: { of: one, check: exists }\nverdict: [ label: L ]\n",
    );
    let evaluated = stdout(&home.run(&["evaluate", "out.probity", "--plan", "mine.yaml"]));
    let evaluated = evaluated.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(evaluated.contains("restricted the run to `one` (`--only`)."), "{evaluated}");
    let reproduced = home.run(&["reproduce", "out.probity", "-o", "out.probity"]);
    assert_eq!(code(&reproduced), 3);
    assert!(!stderr(&reproduced).contains("This is done now"), "{}", stderr(&reproduced));
    assert!(stderr(&reproduced).contains("a bundle is never overwritten"), "{}", stderr(&reproduced));
    let reproduced = stderr(&home.run(&["reproduce", "out.probity", "-o", "again.probity"]));
    assert!(reproduced.contains("This is done now") && !reproduced.contains("touch made"), "{reproduced}");
}

#[test]
fn what_is_asked_for_twice_or_is_not_there_is_told() {
    let home = Home::new();
    assert_eq!(ran(&home, "exists"), 0);
    for (call, said) in [
        (&["show", "out.probity", "--probe", "zz"][..], "no observation of a probe `zz`"),
        (&["show", "out.probity", "3", "--probe", "target"], "name an entry or a probe, not both"),
        (&["try", "plan.yaml", "target", "target"], "`target` is named twice"),
        (&["init", "-o", "plan.yaml"], "plan.yaml exists; a plan is never overwritten"),
    ] {
        let output = home.run(call);
        assert_eq!(code(&output), 3, "{call:?}");
        assert!(stderr(&output).contains(said), "{call:?}: {}", stderr(&output));
    }
}

#[test]
fn a_dry_run_counts_how_long_an_undo_may_take() {
    let home = Home::new();
    let plan = |undo: &str| {
        format!(
            "plan: P\nprobes:\n  p: {{ command: [\"true\"], timeout: 2s, impact: write{undo} }}\nclaims:\n  c: {{ of: p, check: exit_code == 0 }}\nverdict:\n  \
             - {{ label: A, when: holds(c), accepted: true }}\n  - {{ label: B }}\n"
        )
    };
    for (undo, longest) in
        [("", "\nAt most 2s in all.\n"), (", undo: { command: [sleep, \"59\"] }", "\nAt most 62s in all.\n")]
    {
        home.write("plan.yaml", &plan(undo));
        let dry = stdout(&home.run(&["run", "plan.yaml", "--dry-run", "--allow", "write"]));
        assert!(dry.ends_with(longest), "{dry}");
    }
}

#[test]
fn a_dry_run_names_every_claim_that_stays_undetermined() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: Held\nprobes:\n  here: { file: / }\n  change: { command: [\"true\"], impact: write }\n  \
         after: { file: /tmp, needs: changed }\n  then: { file: /var, needs: moved }\n  free: { file: /etc }\nclaims:\n  \
         changed: { of: change, check: exit_code == 0 }\n  \
         moved: { of: after, check: exists }\n  last: { of: then, check: exists }\n  \
         same: { of: here, check: exists == against.exists, against: after }\n  \
         denied: { of: free, check: exists, control: changed }\n  seen: { of: free, check: exists }\nverdict:\n  \
         - { label: A, when: holds(last) && holds(same) && holds(denied) && holds(seen), accepted: true }\n  - { label: B }\n",
    );
    let dry = home.run(&["run", "plan.yaml", "--dry-run"]);
    assert_eq!(code(&dry), 0, "{}", stderr(&dry));
    let digest = stdout(&dry)
        .lines()
        .find_map(|line| Some(line.strip_prefix("The resolved plan's SHA-256: ")?.to_owned()));
    let (_, told) = stdout(&dry).split_once("in all.\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(
        told,
        "Not run: change (needs --allow write); stays undetermined: changed.\n\
         Not run: after (needs the claim changed, which stays undetermined); stays undetermined: moved, same.\n\
         Not run: then (needs the claim moved, which stays undetermined); stays undetermined: last.\n\
         No denial counts for denied: its control changed stays undetermined.\n"
    );
    let allowed = stdout(&home.run(&["run", "plan.yaml", "--dry-run", "--allow", "write"]));
    assert!(allowed.ends_with("in all.\n"), "{allowed}");
    // A run says the same.
    home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    let first = stdout(&home.run(&["show", "out.probity", "0", "--format", "json"]));
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(first["resolved_sha256"].as_str(), digest.as_deref());
    let report = stdout(&home.run(&["report", "out.probity"]));
    for claim in ["changed", "moved", "same", "last"] {
        assert!(report.contains(&format!("undetermined    {claim}")), "{claim}: {report}");
    }
}

#[test]
fn a_rejected_verdict_exits_1_and_accepted_says_so() {
    let home = Home::new();
    assert_eq!(ran(&home, "exists && size_bytes == 7"), 1);
    assert_eq!(code(&home.run(&["verify", "out.probity"])), 0);
    assert_eq!(code(&home.run(&["verify", "out.probity", "--accepted"])), 1);
}

#[test]
fn what_cannot_be_seen_is_inconclusive_and_exits_2() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: Not allowed\nprobes:\n  change: { command: [touch, never.txt], impact: write, repeat: 3 }\nclaims:\n  \
         done: { of: change, check: exit_code == 0 }\nverdict:\n  - { label: DONE, when: holds(done), accepted: true }\n  \
         - { label: NOT DONE }\n",
    );
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert_eq!(code(&run), 2, "{}", stdout(&run));
    assert!(stdout(&run).contains("DONE or NOT DONE"), "{}", stdout(&run));
    assert!(stdout(&run).contains("exit_code behind not-permitted (3 times)"), "{}", stdout(&run));
    assert!(stdout(&run).contains("--allow write"), "{}", stdout(&run));
    assert!(!home.path("never.txt").exists(), "a probe with impact write ran without the operator's word");
    let allowed = home.run(&["run", "plan.yaml", "-o", "allowed.probity", "--allow", "write"]);
    assert_eq!(code(&allowed), 0, "{}", stdout(&allowed));
    assert!(home.path("never.txt").exists());
}

#[test]
fn a_report_that_does_not_follow_from_its_log_is_altered_even_if_its_author_signed_it() {
    // Whoever holds the key can sign a report that says something else than the log: the recomputation finds it.
    let home = Home::new();
    assert_eq!(ran(&home, "exists"), 0);
    let report = home.path("out.probity/report.html");
    let text = std::fs::read_to_string(&report).unwrap();
    std::fs::write(&report, text.replace("READY", "STEADY")).unwrap();
    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 1, "{}", stdout(&verify));
    assert!(stdout(&verify).contains("ALTERED"), "{}", stdout(&verify));
}

#[test]
fn a_stranger_is_told_that_the_signer_is_unknown_until_he_is_named() {
    let home = Home::new();
    assert_eq!(ran(&home, "exists"), 0);
    let stranger = Home::new();
    let bundle = home.path("out.probity");
    let bundle = bundle.to_str().unwrap();
    assert_eq!(code(&stranger.run(&["verify", bundle])), 2);
    let public = std::fs::read_to_string(home.path(".config/probity/key.pub")).unwrap();
    stranger.write("signers", &format!("ops@example.org {public}"));
    let named = stranger.run(&["verify", bundle, "--signers", "signers"]);
    assert_eq!(code(&named), 0, "{}", stdout(&named));
    assert!(stdout(&named).contains("ops@example.org"), "{}", stdout(&named));
    // Looking made no key.
    assert!(!stranger.path(".config").exists());
}

#[test]
fn the_ledger_counts_runs_and_a_challenge_stands_in_the_first_entry() {
    let home = Home::new();
    assert_eq!(ran(&home, "exists"), 0);
    let second =
        home.run(&["run", "plan.yaml", "-o", "second.probity", "--challenge", "7f3a, from the auditor"]);
    assert_eq!(code(&second), 0);
    let first: serde_json::Value =
        serde_json::from_str(&stdout(&home.run(&["show", "out.probity", "0", "--format", "json"]))).unwrap();
    let second: serde_json::Value =
        serde_json::from_str(&stdout(&home.run(&["show", "second.probity", "0", "--format", "json"])))
            .unwrap();
    assert_eq!(first["ledger"]["run"], 1);
    assert_eq!(first["ledger"]["head"], serde_json::Value::Null);
    assert_eq!(second["ledger"]["run"], 2);
    assert!(second["ledger"]["head"].is_string());
    assert_eq!(second["challenge"], "7f3a, from the auditor");
}

#[test]
fn evaluate_judges_the_same_evidence_by_the_readers_claims() {
    let home = Home::new();
    assert_eq!(ran(&home, "exists"), 0);
    home.write(
        "mine.yaml",
        "plan: What I want\nclaims:\n  small: { of: target, check: size_bytes < 3 }\n  unseen: { of: target, check: sha256 == 'x' }\n\
         verdict:\n  - { label: GOOD, when: holds(small) && holds(unseen), accepted: true }\n  - { label: BAD }\n",
    );
    let evaluated = home.run(&["evaluate", "out.probity", "--plan", "mine.yaml"]);
    assert_eq!(code(&evaluated), 1, "{}{}", stdout(&evaluated), stderr(&evaluated));
    let text = stdout(&evaluated);
    assert!(text.contains("chosen after the fact"), "{text}");
    assert!(text.contains("undetermined    unseen"), "{text}");
    // A probe of one's own cannot be brought along.
    home.write("probing.yaml", &plan(&home, "exists"));
    assert_eq!(code(&home.run(&["evaluate", "out.probity", "--plan", "probing.yaml"])), 3);
}

#[test]
fn every_format_says_that_the_signer_is_unknown_and_that_claims_were_chosen_after_the_fact() {
    let home = Home::new();
    assert_eq!(ran(&home, "exists"), 0);
    home.write(
        "mine.yaml",
        "plan: What I want\nclaims:\n  there: { of: target, check: exists }\nverdict:\n  \
         - { label: GOOD, when: holds(there), accepted: true }\n  - { label: BAD }\n",
    );
    std::fs::rename(home.path(".config"), home.path("gone")).unwrap();
    for format in ["text", "markdown", "html", "json", "junit"] {
        let said = |call: &[&str]| {
            let output = home.run(&[call, &["--format", format]].concat());
            stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let report = said(&["report", "out.probity"]);
        assert!(report.contains("you named no signers"), "{format}: {report}");
        let evaluate = said(&["evaluate", "out.probity", "--plan", "mine.yaml"]);
        let chosen = if format == "json" { "\"after_the_fact\": true" } else { "chosen after the fact" };
        assert!(
            evaluate.contains("you named no signers") && evaluate.contains(chosen),
            "{format}: {evaluate}"
        );
        assert!(!report.contains(chosen), "{format}: {report}");
        // What the signature does not show, and each thing that narrows it.
        for part in [
            "that the observations are true",
            "Plan digest deposited before the run",
            "Challenge from the reader",
            "Countersignature or time stamp",
            "Head of the operator's run ledger",
            "The reader's own reproduction",
        ] {
            let plain = report.replace("&apos;", "'").replace("&#39;", "'");
            assert!(plain.contains(part), "{format} does not say: {part}\n{plain}");
        }
    }
    let entries = stdout(&home.run(&["show", "out.probity"])).lines().count();
    let text = stdout(&home.run(&["report", "out.probity"]));
    assert!(text.contains(&format!("{entries} entries, 1 of them an observation")), "{text}");
    let verify = stdout(&home.run(&["verify", "out.probity"]));
    assert!(verify.contains(&format!("over {entries} entries")), "{verify}");
}

#[test]
fn reproduce_observes_anew_and_compares() {
    let home = Home::new();
    assert_eq!(ran(&home, "exists && size_bytes == 6"), 0);
    let same = home.run(&["reproduce", "out.probity", "-o", "again.probity"]);
    assert_eq!(code(&same), 0, "{}{}", stdout(&same), stderr(&same));
    assert!(
        stderr(&same).contains("This is done now") && !stderr(&same).contains("Nothing was done"),
        "{}",
        stderr(&same)
    );
    assert!(stderr(&same).contains("stat "), "the commands are printed first: {}", stderr(&same));
    let cites: serde_json::Value =
        serde_json::from_str(&stdout(&home.run(&["show", "again.probity", "0", "--format", "json"])))
            .unwrap();
    let verified: serde_json::Value =
        serde_json::from_str(&stdout(&home.run(&["verify", "out.probity", "--format", "json"]))).unwrap();
    assert_eq!(cites["reproduces"], verified["root"]);
    home.write("target.txt", "changed since\n");
    let other = home.run(&["reproduce", "out.probity", "-o", "other.probity"]);
    assert_eq!(code(&other), 1, "{}{}", stdout(&other), stderr(&other));
    assert!(stderr(&other).contains("right: holds before, fails now"), "{}", stderr(&other));
    let program = home.run(&["reproduce", "out.probity", "-o", "program.probity", "--format", "json"]);
    let program: serde_json::Value = serde_json::from_str(&stdout(&program)).unwrap();
    let comparison = &program["comparison"];
    assert_eq!(
        (&comparison["result"], &comparison["contradicted"]),
        (&"contradicted".into(), &serde_json::json!(["right"]))
    );
    let stranger = Home::new();
    let refused = stranger.run(&["reproduce", home.path("out.probity").to_str().unwrap(), "-o", "x.probity"]);
    assert_eq!(code(&refused), 2, "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("its signer is unknown to you")
            && stderr(&refused).contains("Nothing of it was run"),
        "{}",
        stderr(&refused)
    );
    assert!(!stranger.path("x.probity").exists());
}

#[test]
fn every_format_of_a_report_tells_the_same_verdict() {
    let home = Home::new();
    assert_eq!(ran(&home, "exists && size_bytes == 7"), 1);
    for format in ["text", "markdown", "html", "json", "junit"] {
        let report = home.run(&["report", "out.probity", "--format", format]);
        assert_eq!(code(&report), 0, "{format}: {}", stderr(&report));
        let text = stdout(&report);
        assert!(text.contains("NOT READY"), "{format}: {text}");
        assert!(text.contains("presence"), "{format}: {text}");
    }
}

#[test]
fn a_probe_waits_only_where_the_plan_says_and_each_attempt_is_an_entry() {
    let home = Home::new();
    let late = home.path("late.txt");
    home.write(
        "plan.yaml",
        &format!(
            "plan: Waiting\nprobes:\n  late: {{ file: {}, until: exists, within: 20s }}\nclaims:\n  there: {{ of: late, check: exists }}\n\
             verdict:\n  - {{ label: READY, when: holds(there), accepted: true }}\n  - {{ label: NOT READY }}\n",
            late.display()
        ),
    );
    let child = home.probity().args(["run", "plan.yaml", "-o", "out.probity"]).spawn().unwrap();
    // The file is made once the log shows that at least one attempt was made without it.
    let log = home.path("out.probity/evidence.jsonl");
    let begun = std::time::Instant::now();
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("\"superseded\":true")) {
        assert!(begun.elapsed().as_secs() < 15, "no attempt was recorded");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::fs::write(&late, "").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0);
    let shown = stdout(&home.run(&["show", "out.probity", "--probe", "late", "--format", "json"]));
    let attempts: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(attempts.len() >= 2);
    let last = attempts.last().unwrap();
    assert_eq!(last["attempt"].as_u64(), Some(attempts.len() as u64));
    assert_eq!(last["facts"]["exists"], true);
    let report = stdout(&home.run(&["report", "out.probity"]));
    assert!(report.contains("attempt"), "the report says that it took more than one attempt: {report}");
}

#[test]
fn needs_holds_a_probe_back_until_its_claim_holds() {
    let home = Home::new();
    let path = home.write("target.txt", "x");
    let text = |condition: &str| {
        format!(
            "plan: Needs\nprobes:\n  first: {{ file: {0} }}\n  second: {{ file: {0}, needs: ready }}\nclaims:\n  \
             ready: {{ of: first, check: {condition} }}\n  then: {{ of: second, check: exists }}\nverdict:\n  \
             - {{ label: GOOD, when: holds(then), accepted: true }}\n  - {{ label: BAD }}\n",
            path.display()
        )
    };
    home.write("plan.yaml", &text("exists"));
    assert_eq!(code(&home.run(&["run", "plan.yaml", "-o", "held.probity"])), 0);
    home.write("plan.yaml", &text("size_bytes > 5"));
    let run = home.run(&["run", "plan.yaml", "-o", "open.probity"]);
    assert_eq!(code(&run), 2, "{}", stdout(&run));
    assert!(stdout(&run).contains("prerequisite"), "{}", stdout(&run));
}

#[test]
fn secrets_are_nowhere_in_a_bundle() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: Secret\ninputs:\n  token: { env: TOKEN, secret: true }\nprobes:\n  said:\n    command: { shell: \"echo $token; echo $token | base64\" }\n    \
         impact: observe\nclaims:\n  said: { of: said, check: \"stdout.contains('[secret token]')\" }\nverdict:\n  - { label: GOOD, when: holds(said), accepted: true }\n  - { label: BAD }\n",
    );
    let missing = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert_eq!(code(&missing), 3);
    assert!(stderr(&missing).contains("set the environment variable TOKEN"), "{}", stderr(&missing));
    let secret = "correct-horse-battery";
    let run =
        home.probity().args(["run", "plan.yaml", "-o", "out.probity"]).env("TOKEN", secret).output().unwrap();
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let encoded = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5";
    for file in ["evidence.jsonl", "report.html", "findings.json", "plan.yaml"] {
        let text = std::fs::read_to_string(home.path("out.probity").join(file)).unwrap();
        assert!(!text.contains(secret) && !text.contains(encoded), "{file} holds the secret");
    }
    assert!(!stdout(&run).contains(secret));
    // What stands in the plan itself, or is given beside it, would be kept as it is.
    for (secret, challenge) in [("echo $token", "a word"), ("another-secret", "is it another-secret?")] {
        let call = ["run", "plan.yaml", "-o", "shown.probity", "--challenge", challenge];
        let run = home.probity().args(call).env("TOKEN", secret).output().unwrap();
        assert_eq!(code(&run), 3, "{}", stdout(&run));
        assert!(stderr(&run).contains("the value of a secret also stands in"), "{}", stderr(&run));
        assert!(!home.path("shown.probity").exists());
    }
    // A warning about a claim that no rule asks for quotes its line.
    let text = std::fs::read_to_string(home.path("plan.yaml")).unwrap();
    let unused = "claims:\n  more: { of: said, check: exit_code == 0, says: a-quoted-secret }\n";
    home.write("plan.yaml", &text.replace("claims:\n", unused));
    let run = |secret| {
        home.probity().args(["run", "plan.yaml", "-o", "more.probity"]).env("TOKEN", secret).output().unwrap()
    };
    assert!(!stderr(&run("a-quoted-secret")).contains("a-quoted-secret"));
    let warned = stderr(&run("correct-horse-battery"));
    assert!(warned.contains("warning") && warned.contains("a-quoted-secret"), "{warned}");
}

/// A pipe gives what is in it once.
#[test]
fn a_secret_comes_through_a_pipe() {
    let home = Home::new();
    let pipe = home.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    home.write(
        "plan.yaml",
        &format!(
            "plan: P\ninputs: {{ token: {{ file: {}, secret: true }} }}\nprobes:\n  said: {{ command: [cat], stdin: $token, impact: observe }}\n\
             claims:\n  said: {{ of: said, check: \"stdout == '[secret token]'\" }}\nverdict:\n  - {{ label: GOOD, when: holds(said), accepted: true }}\n  \
             - {{ label: BAD }}\n",
            pipe.display()
        ),
    );
    let writer = std::thread::spawn(move || std::fs::write(pipe, "correct-horse-battery").unwrap());
    let run = home.run(&["run", "plan.yaml", "-o", "b.probity"]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    writer.join().unwrap();
}

#[test]
fn what_is_given_to_a_run_is_given_once_and_can_be_seen() {
    let home = Home::new();
    home.write("plan.yaml", "plan: P\ninputs: { x: / }\nprobes: { p: { file: $x } }\nclaims: { c: { of: p, check: exists } }\nverdict: [ { label: GOOD, when: holds(c), accepted: true }, { label: BAD } ]\n");
    let twice = ["--input", "x=/nope", "--input", "x=/"];
    assert_eq!(code(&home.run(&["run", "plan.yaml", "-o", "first.probity"])), 0);
    for call in [
        &["run", "plan.yaml", "-o", "b.probity"][..],
        &["plan", "check", "plan.yaml"],
        &["evaluate", "first.probity", "--plan", "plan.yaml"],
    ] {
        let said = home.run(&[call, &twice].concat());
        assert_eq!(code(&said), 3, "{}", stdout(&said));
        assert!(stderr(&said).contains("--input x is given twice"), "{}", stderr(&said));
    }
    for challenge in ["", " ", "\u{200b}"] {
        let said = home.run(&["run", "plan.yaml", "-o", "b.probity", "--challenge", challenge]);
        assert_eq!(code(&said), 3, "{}", stdout(&said));
        assert!(stderr(&said).contains("there is nothing to see in it"), "{}", stderr(&said));
    }
}

/// Answers every request with what it asked for, in a header and in JSON.
fn echo() -> u16 {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            let request = String::from_utf8(request).unwrap();
            let asked = request.split(' ').nth(1).unwrap();
            let body = format!("{{\"asked\":{asked:?},\"again\":\"{}\"}}", asked.replace('/', "\\/"));
            let size = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nx-asked: {asked}\r\ncontent-length: {size}\r\nconnection: close");
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    port
}

#[test]
fn a_secret_that_a_server_echoes_is_nowhere_in_a_bundle() {
    let home = Home::new();
    let port = echo();
    home.write(
        "plan.yaml",
        &format!(
            "plan: Echo\ninputs:\n  t: {{ env: TOKEN, secret: true }}\nprobes:\n  \
             echo: {{ http: \"http://127.0.0.1:{port}/a?t=$t\", keep: all }}\nclaims:\n  \
             back: {{ of: echo, check: \"body.contains('[secret t]') && json.asked == '/a?t=[secret t]'\" }}\n\
             verdict:\n  - {{ label: GOOD, when: holds(back), accepted: true }}\n  - {{ label: BAD }}\n"
        ),
    );
    for (bundle, secret) in [
        ("one.probity", "p@ss w0rd!!here"),
        ("two.probity", "p\u{e4}sswort/123!"),
        ("three.probity", "hunter2/secret+val\"x"),
    ] {
        let call = ["run", "plan.yaml", "-o", bundle];
        let run = home.probity().args(call).env("TOKEN", secret).output().unwrap();
        assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
        for file in ["evidence.jsonl", "report.html", "findings.json"] {
            let text = std::fs::read_to_string(home.path(bundle).join(file)).unwrap();
            for part in ["w0rd!!", "sswort", "hunter2"] {
                assert!(!text.contains(part), "{file} of {secret} holds {part}");
            }
        }
    }
}

#[test]
fn try_prints_facts_with_their_types() {
    let home = Home::new();
    let path = home.write("target.txt", "hello\n");
    let seen = home.run(&["try", "file", path.to_str().unwrap()]);
    assert_eq!(code(&seen), 0, "{}", stderr(&seen));
    assert!(stdout(&seen).contains("size_bytes      int       6\n"), "{}", stdout(&seen));
    assert!(stdout(&seen).contains("content         text      \"hello\\n\"\n"), "{}", stdout(&seen));
    assert!(
        stdout(&seen).contains("parsed"),
        "a text that is no known format is still seen: {}",
        stdout(&seen)
    );
    // A number that no float holds.
    let large = home.write("large.json", "{\"a\":1e999}");
    let seen = home.run(&["try", "--format", "json", "file", large.to_str().unwrap()]);
    assert_eq!(code(&seen), 0, "{}", stderr(&seen));
    assert!(stdout(&seen).starts_with("[{") && stdout(&seen).contains("\"parsed\""), "{}", stdout(&seen));
    home.write("plan.yaml", &plan(&home, "exists"));
    let late = home.run(&["try", "plan.yaml", "target", "--input", "a=b"]);
    assert_eq!(code(&late), 3);
    assert!(stderr(&late).contains("write options before the plan"), "{}", stderr(&late));
    let refused = home.run(&["try", "http", "http://127.0.0.1:1/"]);
    assert_eq!(code(&refused), 2);
    assert!(stdout(&refused).contains("connection-refused"), "{}", stdout(&refused));
    let command = home.run(&["try", "command", "echo", "$HOME", "-n"]);
    assert!(stdout(&command).contains("\"$HOME -n\""), "{}", stdout(&command));
    let unknown = home.run(&["try", "telepathy", "x"]);
    assert_eq!(code(&unknown), 3);
    assert!(stderr(&unknown).contains("neither a plan (*.yaml) nor a kind"), "{}", stderr(&unknown));
}

/// The binary on a network and among processes of its own, as root: others' servers come and go.
fn alone(home: &Home, script: &str) -> std::process::Output {
    let mut command = std::process::Command::new("unshare");
    if is_root("as root this test has a network of its own") {
        command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    }
    command.args(["sh", "-c", &script.replace("probity ", &format!("{} ", env!("CARGO_BIN_EXE_probity")))]);
    command.current_dir(home.path("")).env("HOME", home.path("")).output().unwrap()
}

#[test]
fn init_drafts_a_plan_that_checks_and_runs() {
    let home = Home::new();
    let init = alone(&home, "probity init -o draft.yaml");
    assert_eq!(code(&init), 0, "{}", stderr(&init));
    let draft = std::fs::read_to_string(home.path("draft.yaml")).unwrap();
    assert!(draft.contains("discovered, not required"), "{draft}");
    assert!(
        !draft.contains("accepted: true\n") && !draft.contains("accepted: true }"),
        "a draft accepts nothing: {draft}"
    );
    let check = home.run(&["plan", "check", "draft.yaml"]);
    assert_eq!(code(&check), 0, "{}{}", stdout(&check), stderr(&check));
    // How full the disk of this machine is, is no concern of the test.
    home.write("draft.yaml", &draft.replace("used_percent < 80", "used_percent <= 100"));
    let run = alone(&home, "probity run draft.yaml -o out.probity");
    assert_eq!(code(&run), 1, "{}", stdout(&run));
    assert!(stdout(&run).starts_with("AS DISCOVERED"), "{}", stdout(&run));
    assert_eq!(code(&home.run(&["init", "-o", "draft.yaml"])), 3, "a plan is never overwritten");
}

#[test]
fn init_drafts_what_answers_and_who_it_is() {
    let home = Home::new();
    if !is_root("as root this test also drafts a plan of servers on a network of its own") {
        return;
    }
    // Servers of their own, so that nobody else's come and go meanwhile: one speaks HTTP, two as Redis does, one as a mail server, one not at all.
    home.write(
        "servers.py",
        r#"
import http.server, socketserver, threading
# More than they are asked at once: one for whom there is no place would come again after a second.
socketserver.TCPServer.request_queue_size = 100
class Redis(socketserver.BaseRequestHandler):
    def handle(self):
        if self.request.recv(4096).startswith(b"*1\r\n$4\r\nPING"): self.request.sendall(b"+PONG\r\n")
class Guarded(socketserver.BaseRequestHandler):
    def handle(self):
        if self.request.recv(4096).startswith(b"*1\r\n$4\r\nPING"): self.request.sendall(b"-NOAUTH Authentication required.\r\n")
class Mail(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"220 mail.test ESMTP\r\n")
        if self.request.recv(4096).startswith(b"EHLO"): self.request.sendall(b"250-mail.test\r\n250 SIZE 1000\r\n")
        self.request.recv(4096)
class Silent(socketserver.BaseRequestHandler):
    def handle(self): self.request.recv(4096)
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(204); self.end_headers()
    def log_message(self, *_): pass
for port, handler in ((6379, Redis), (6380, Guarded), (2525, Mail), (7000, Silent)):
    threading.Thread(target=socketserver.ThreadingTCPServer(("127.0.0.1", port), handler).serve_forever, daemon=True).start()
server = http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Page)
open("ready", "w").close()
server.serve_forever()
"#,
    );
    // How full the disk of this machine is, is no concern of the test.
    let output = alone(
        &home,
        "ip link set lo up; /usr/bin/python3 servers.py >/dev/null 2>&1 & until [ -e ready ]; do sleep 0.1; done
         probity init -o draft.yaml && sed -i 's/used_percent < 80/used_percent <= 100/' draft.yaml && probity run draft.yaml -o out.probity",
    );
    let draft = std::fs::read_to_string(home.path("draft.yaml")).unwrap();
    let python = std::fs::canonicalize("/usr/bin/python3").unwrap();
    for line in [
        "http: \"http://127.0.0.1:8080/\"",
        "check: \"answered && status == 204\"",
        "redis: \"127.0.0.1:6379\", command: [PING]",
        "check: \"answered && reply == 'PONG'\"",
        "port: 6380, connect: \"127.0.0.1\"",
        "smtp: \"127.0.0.1:2525\"",
        "check: \"connected && size(capabilities) > 0\"",
        "port: 7000",
        &format!("process: \"{}\"", python.display()),
        "of the package python3",
    ] {
        assert!(draft.contains(line), "{line} is not in {draft}");
    }
    assert!(!draft.contains("127.0.0.1:7000"), "what does not answer is no response: {draft}");
    let said = stdout(&output);
    assert!(said.starts_with("AS DISCOVERED"), "{said}\n{}", stderr(&output));
}

#[test]
fn init_drafts_a_plan_that_checks_and_runs_however_much_there_is() {
    let home = Home::new();
    if !is_root("as root this test also drafts a plan of servers on a network of its own") {
        return;
    }
    // Forty ports of a program whose file has the longest name that there is, and starts with a digit.
    home.write(
        "servers.py",
        r#"
import os, shutil, socket, sys, time
name = "9" + "a" * 254
if sys.argv[0] != "again":
    shutil.copy(os.path.realpath("/usr/bin/python3"), name)
    os.execv(name, [name, "-c", "import sys; sys.argv[0] = 'again'; exec(open('servers.py').read())"])
servers = [socket.create_server(("127.0.0.1", port)) for port in range(7000, 7040)]
open("ready", "w").close()
time.sleep(1000)
"#,
    );
    // How full the disk of this machine is, is no concern of the test.
    let output = alone(
        &home,
        "ip link set lo up; /usr/bin/python3 servers.py >/dev/null 2>&1 & until [ -e ready ]; do sleep 0.1; done
         probity init -o draft.yaml && probity plan check draft.yaml && echo checked && sed -i 's/used_percent < 80/used_percent <= 100/' draft.yaml && probity run draft.yaml -o out.probity",
    );
    let draft = std::fs::read_to_string(home.path("draft.yaml")).unwrap();
    assert!(draft.contains("it_9aaa") && draft.contains("port: 7039"), "{draft}");
    let said = stdout(&output);
    let Some((_, ran)) = said.split_once("checked\n") else { panic!("{said}\n{}", stderr(&output)) };
    assert!(ran.starts_with("AS DISCOVERED"), "{said}\n{}", stderr(&output));
}

#[test]
fn without_root_the_report_on_this_machine_says_that_root_is_missing() {
    let home = Home::new();
    let plan = std::fs::read_to_string(support::root().join("plans/this-machine.yaml")).unwrap();
    home.write("plan.yaml", &plan);
    let mut command = std::process::Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(home.path(""), Some(65534), Some(65534)).unwrap();
        // Where the binary was built may be closed to others.
        std::fs::copy(env!("CARGO_BIN_EXE_probity"), home.path("probity")).unwrap();
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(home.path("probity"));
    } else {
        command.arg(env!("CARGO_BIN_EXE_probity"));
    }
    let run = command
        .args(["run", "plan.yaml", "-o", "out.probity"])
        .current_dir(home.path(""))
        .env("HOME", home.path(""))
        .output()
        .unwrap();
    let text = stdout(&run);
    assert!(text.contains("undetermined    unwritable"), "{text}{}", stderr(&run));
    let (_, unseen) = text.split_once("What could not be seen, and what would let us see it\n").unwrap();
    let unseen = unseen.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "accounts: empty_passwords behind permission-denied (once): open /etc/shadow: Permission denied (os error 13) Run as root",
        "writable: exit_code behind prerequisite (once): the claim `root_guarded` does not hold",
    ] {
        assert!(unseen.contains(said), "{said}: {unseen}");
    }
}

#[test]
fn the_plans_that_ship_check_and_run() {
    let home = Home::new();
    let root = support::root();
    let mut plans = vec![root.join("plans/this-machine.yaml")];
    plans.extend(std::fs::read_dir(root.join("plans/examples")).unwrap().map(|entry| entry.unwrap().path()));
    plans.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    assert!(plans.len() > 8, "{plans:?}");
    for path in plans {
        let plan = path.to_str().unwrap();
        let check = home.run(&["plan", "check", plan]);
        assert_eq!(code(&check), 0, "{plan}: {}{}", stdout(&check), stderr(&check));
        assert!(stdout(&check).contains("0 errors, 0 warnings"), "{plan}: {}", stdout(&check));
        let name = path.file_stem().unwrap().to_str().unwrap();
        let dry = home.run(&["run", plan, "--dry-run"]);
        assert_eq!(code(&dry), 0, "{plan}: {}", stderr(&dry));
        assert!(stdout(&dry).contains("Nothing was done."), "{}", stdout(&dry));
        let bundle = format!("{name}.probity");
        let run = home.run(&["run", plan, "-o", &bundle]);
        assert!([0, 1, 2].contains(&code(&run)), "{plan}: {}{}", stdout(&run), stderr(&run));
        let verify = home.run(&["verify", &bundle]);
        assert_eq!(code(&verify), 0, "{plan}: {}", stdout(&verify));
    }
}
