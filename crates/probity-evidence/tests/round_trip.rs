//! What is written is what is read, and verifies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{Scratch, complete, long_output, observation, opening, running, told, verify};
use probity_evidence::verify::Status;
use probity_evidence::writer::WriteError;
use probity_evidence::{Body, Bundle, Gap, Outcome, Signers, Writer};
use probity_plan::{Barrier, Observation, Value};

#[test]
fn a_finished_run_is_intact() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    let mut bodies = Vec::new();
    let verification =
        probity_evidence::verify(&path, &scratch.signers(), &mut |number, body| bodies.push((number, body)));
    assert_eq!(verification.outcome, Outcome::Intact, "{}", told(&verification));
    assert_eq!((verification.entries, verification.signed), (7, 7));
    let not_made: Vec<_> =
        verification.checks.iter().filter(|c| c.status() == Status::NotMade).map(|c| c.id.title()).collect();
    assert_eq!(not_made, ["countersignatures"], "{}", told(&verification));
    assert_eq!(bodies.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(bodies[4].1, Body::Observation(observation(1)));
    assert_eq!(verification.close.unwrap().interrupted, None);
}

#[test]
fn a_bundle_reads_back_as_it_was_written() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    let bundle = Bundle::open(&path).unwrap();
    assert_eq!(bundle.start().challenge.as_deref(), Some("a word from the reader"));
    assert_eq!(bundle.files().unwrap(), opening().files);
    assert!(bundle.close().unwrap().is_some());
    let entries: Vec<_> = bundle.entries().unwrap().map(Result::unwrap).collect();
    // The written line is serde's own form of the entry.
    let log = std::fs::read_to_string(path.join("evidence.jsonl")).unwrap();
    let serialised: String =
        entries.iter().map(|e| format!("{}\n", serde_json::to_string(e).unwrap())).collect();
    assert_eq!(log, serialised);
    let digest = sha256_name(&path);
    let mut stored = Vec::new();
    std::io::Read::read_to_end(&mut bundle.artifact(&digest).unwrap(), &mut stored).unwrap();
    assert_eq!(stored, long_output());
}

fn sha256_name(path: &std::path::Path) -> String {
    let mut names = std::fs::read_dir(path.join("artifacts")).unwrap();
    names.next().unwrap().unwrap().file_name().into_string().unwrap()
}

#[cfg(unix)]
#[test]
fn evidence_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    let mut folders = vec![path, scratch.join("config")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
        for item in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if item.file_type().unwrap().is_dir() {
                folders.push(item.path());
            } else {
                files += 1;
                assert_eq!(
                    item.metadata().unwrap().permissions().mode() & 0o777,
                    0o600,
                    "{}",
                    item.path().display()
                );
            }
        }
    }
    assert_eq!(files, 10);
}

#[test]
fn an_unfinished_run_is_incomplete_and_keeps_what_it_saw() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    drop(running(&path, scratch.key()));
    let mut seen = 0;
    let verification = probity_evidence::verify(&path, &scratch.signers(), &mut |_, _| seen += 1);
    assert_eq!(verification.outcome, Outcome::Incomplete(Gap::NotClosed), "{}", told(&verification));
    assert_eq!(seen, 6);
}

#[test]
fn an_unknown_signer_is_named_as_such() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    assert_eq!(verify(&path, &Signers::none()).outcome, Outcome::UnknownSigner);
    let stranger = probity_evidence::Key::default_at(&scratch.join("stranger")).unwrap();
    let only_stranger = Signers::parse(&format!("them {}\n", stranger.public())).unwrap();
    assert_eq!(verify(&path, &only_stranger).outcome, Outcome::UnknownSigner);
    let listed =
        Signers::parse(&format!("# us\nops@example.org {} comment\n", scratch.key().public())).unwrap();
    assert_eq!(verify(&path, &listed).outcome, Outcome::Intact);
}

#[test]
fn nothing_is_overwritten() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    std::fs::create_dir(&path).unwrap();
    let refused = Writer::create(&path, opening(), scratch.key(), 1 << 20);
    assert!(matches!(refused, Err(WriteError::Exists(_))));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn a_failed_start_leaves_nothing() {
    let scratch = Scratch::new();
    let mut bad = opening();
    bad.files.insert("includes/../../x".to_owned(), Vec::new());
    assert!(matches!(
        Writer::create(&scratch.join("a.probity"), bad, scratch.key(), 1 << 20),
        Err(WriteError::Name(_))
    ));
    let mut long = opening();
    long.plan = "x".repeat(5 << 20);
    assert!(matches!(
        Writer::create(&scratch.join("a.probity"), long, scratch.key(), 1 << 20),
        Err(WriteError::LineTooLong { .. })
    ));
    let names: Vec<_> =
        std::fs::read_dir(&scratch.0).unwrap().map(|item| item.unwrap().file_name()).collect();
    assert_eq!(names, ["config"]);
}

#[test]
fn the_size_limit_is_a_barrier_and_the_run_still_ends_well() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    let writer = Writer::create(&path, opening(), scratch.key(), 4_000).unwrap();
    let mut refused = None;
    for slot in 0..100 {
        if let Err(error) = writer.append(&Body::Observation(observation(slot))) {
            refused = Some(error.barrier().unwrap());
            break;
        }
    }
    let barrier = refused.expect("the limit is reached");
    assert_eq!(barrier.barrier, Barrier::TooLarge);
    assert!(writer.artifact(&[0; 4_000]).unwrap_err().barrier().is_some());
    let mut bare = observation(100);
    bare.facts.clear();
    bare.unknown = [("*".to_owned(), barrier)].into();
    writer.append(&Body::Observation(bare)).unwrap();
    writer.finish(b"{}", b"", common::time("2026-01-31T12:01:00Z"), None).unwrap();
    let verification = verify(&path, &scratch.signers());
    assert_eq!(verification.outcome, Outcome::Intact, "{}", told(&verification));
}

#[test]
fn what_a_reader_could_not_read_back_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    let writer = running(&path, scratch.key());
    let refuse = |value: Value| {
        let mut bad = observation(9);
        bad.facts.insert("rows".to_owned(), value);
        let error = writer.append(&Body::Observation(bad)).unwrap_err();
        error.barrier().expect("a barrier").barrier
    };
    let deep = (0..120).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    assert_eq!(refuse(deep), Barrier::Protocol);
    // Neither what its kind does not declare, nor what it declares otherwise.
    let refuse_of = |edit: fn(&mut Observation), why: &str| {
        let mut bad = observation(9);
        edit(&mut bad);
        let error = writer.append(&Body::Observation(bad)).unwrap_err();
        assert_eq!(error.to_string(), format!("the observation cannot be recorded: {why}"));
        assert_eq!(error.barrier().unwrap().barrier, Barrier::Protocol);
    };
    refuse_of(|it| drop(it.facts.insert("more".to_owned(), true.into())), "its kind declares no fact `more`");
    refuse_of(|it| drop(it.facts.insert("status".to_owned(), "200".into())), "the fact `status` is no int");
    refuse_of(
        |it| drop(it.facts.insert("certificate".to_owned(), Value::Map([].into()))),
        "the fact `certificate` is both seen and unknown",
    );
    refuse_of(|it| it.probe = "other".to_owned(), "the first entry declares no probe `other`");
    // An interval inside of what a target sent would be read back as the map that it is written as.
    refuse_of(
        |it| drop(it.facts.insert("rows".to_owned(), Value::List(vec![Value::interval(1.0, None)]))),
        "the fact `rows` is no any",
    );
    assert_eq!(refuse(Value::Text("x".repeat(5 << 20))), Barrier::TooLarge);
    let deepest = (0..100).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let mut good = observation(9);
    good.facts.insert("rows".to_owned(), deepest);
    writer.append(&Body::Observation(good)).unwrap();
    writer.finish(b"{}", b"", common::time("2026-01-31T12:01:00Z"), None).unwrap();
    assert_eq!(verify(&path, &scratch.signers()).outcome, Outcome::Intact);
}
