//! Whatever is done to a bundle, verifying it never says that it is intact, and never panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{Scratch, complete, opening, running, time, told, verify};
use probity_evidence::entry::LedgerHead;
use probity_evidence::verify::Status;
use probity_evidence::{CheckId, Gap, Outcome, Signers, Verification, Writer};

fn bundle() -> (Scratch, PathBuf, Signers) {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    let signers = scratch.signers();
    (scratch, path, signers)
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for item in std::fs::read_dir(path).unwrap().map(Result::unwrap) {
        if item.file_type().unwrap().is_dir() {
            files.extend(files_below(&item.path()));
        } else {
            files.push(item.path());
        }
    }
    files.sort();
    files
}

/// The one failed check; its name and detail.
fn failed(verification: &Verification) -> (&'static str, String) {
    let failed: Vec<_> =
        verification.checks.iter().filter(|check| check.status() == Status::Failed).collect();
    let [one] = failed[..] else { panic!("one failed check expected:\n{}", told(verification)) };
    (one.id.title(), one.detail())
}

#[test]
fn no_byte_can_change_unnoticed() {
    let (_scratch, path, signers) = bundle();
    let files = files_below(&path);
    assert_eq!(files.len(), 8);
    let (mut changes, mut bytes) = (0, 0);
    for file in files {
        let original = std::fs::read(&file).unwrap();
        bytes += original.len();
        for place in 0..original.len() {
            let mut changed = original.clone();
            changed[place] ^= if place % 2 == 0 { 0x01 } else { 0x20 };
            std::fs::write(&file, &changed).unwrap();
            let verification = verify(&path, &signers);
            assert!(
                matches!(verification.outcome, Outcome::Altered | Outcome::Newer),
                "{} byte {place}: {:?}\n{}",
                file.display(),
                verification.outcome,
                told(&verification)
            );
            changes += 1;
        }
        std::fs::write(&file, &original).unwrap();
    }
    assert!(changes == bytes && bytes > 3_000, "{changes} of {bytes}");
    assert_eq!(verify(&path, &signers).outcome, Outcome::Intact);
}

#[test]
fn no_file_can_be_cut_unnoticed() {
    let (_scratch, path, signers) = bundle();
    for file in files_below(&path) {
        let original = std::fs::read(&file).unwrap();
        for length in 0..original.len() {
            std::fs::write(&file, &original[..length]).unwrap();
            let outcome = verify(&path, &signers).outcome;
            assert_eq!(outcome, Outcome::Altered, "{} cut to {length}", file.display());
        }
        std::fs::write(&file, [&original[..], b"\n"].concat()).unwrap();
        assert_eq!(verify(&path, &signers).outcome, Outcome::Altered, "{} with a byte more", file.display());
        std::fs::remove_file(&file).unwrap();
        let outcome = verify(&path, &signers).outcome;
        let expected = match file.file_name().unwrap().to_str().unwrap() {
            "checkpoint.sig" => Outcome::Incomplete(Gap::NotSigned),
            "evidence.jsonl" => Outcome::NotABundle,
            _ => Outcome::Altered,
        };
        assert_eq!(outcome, expected, "{} removed", file.display());
        std::fs::write(&file, &original).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn links_and_strange_files_are_named_and_not_followed() {
    use std::os::unix::fs::symlink;
    let (scratch, path, signers) = bundle();
    symlink("/etc/passwd", path.join("includes/passwd")).unwrap();
    assert_eq!(failed(&verify(&path, &signers)), ("bundle", "`includes/passwd` is a link".to_owned()));
    std::fs::remove_file(path.join("includes/passwd")).unwrap();

    // The right content behind a link is refused too.
    std::fs::rename(path.join("plan.yaml"), scratch.join("plan.yaml")).unwrap();
    symlink(scratch.join("plan.yaml"), path.join("plan.yaml")).unwrap();
    let verification = verify(&path, &signers);
    assert_eq!(verification.outcome, Outcome::Altered);
    assert!(told(&verification).contains("`plan.yaml` is a link"), "{}", told(&verification));
    std::fs::remove_file(path.join("plan.yaml")).unwrap();
    std::fs::rename(scratch.join("plan.yaml"), path.join("plan.yaml")).unwrap();

    std::fs::rename(path.join("artifacts"), scratch.join("artifacts")).unwrap();
    symlink(scratch.join("artifacts"), path.join("artifacts")).unwrap();
    assert_eq!(verify(&path, &signers).outcome, Outcome::Altered);
    std::fs::remove_file(path.join("artifacts")).unwrap();
    std::fs::rename(scratch.join("artifacts"), path.join("artifacts")).unwrap();

    // A pipe that nobody writes to does not make the reader wait.
    let pipe = std::process::Command::new("mkfifo").arg(path.join("includes/pipe")).status().unwrap();
    assert!(pipe.success());
    assert_eq!(
        failed(&verify(&path, &signers)),
        ("bundle", "`includes/pipe` is neither a file nor a folder".to_owned())
    );
    std::fs::remove_file(path.join("includes/pipe")).unwrap();
    std::fs::create_dir(path.join("hidden")).unwrap();
    assert_eq!(
        failed(&verify(&path, &signers)),
        ("bundle", "the folder `hidden` does not belong there".to_owned())
    );
}

#[test]
fn extra_files_are_named() {
    let (_scratch, path, signers) = bundle();
    for name in ["extra", "artifacts/short", "includes/other.yaml", "checkpoint.partial"] {
        std::fs::write(path.join(name), "").unwrap();
        let (check, detail) = failed(&verify(&path, &signers));
        assert_eq!(check, "bundle");
        assert_eq!(detail, format!("`{name}` does not belong there"));
        std::fs::remove_file(path.join(name)).unwrap();
    }
    // A name cannot write to the terminal.
    std::fs::write(path.join("\u{1b}[31m\u{202e}"), "").unwrap();
    assert_eq!(failed(&verify(&path, &signers)).1, "the odd name `⟨U+001B⟩[31m⟨U+202E⟩`");
    std::fs::remove_file(path.join("\u{1b}[31m\u{202e}")).unwrap();
    let unused = path.join("artifacts").join("0".repeat(64));
    std::fs::write(&unused, "").unwrap();
    assert_eq!(failed(&verify(&path, &signers)).0, "artifacts");
    std::fs::remove_file(unused).unwrap();
    // No place is left where nothing is looked at.
    std::fs::create_dir(path.join("countersignatures")).unwrap();
    std::fs::write(path.join("countersignatures/later"), "<h1>").unwrap();
    let (check, detail) = failed(&verify(&path, &signers));
    assert_eq!((check, &*detail), ("bundle", "the folder `countersignatures` does not belong there"));
}

/// A file made long without taking room on the disk.
fn sparse(file: &Path, size: u64) {
    std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(size).unwrap();
}

#[test]
fn no_file_is_hashed_that_is_longer_than_it_may_be() {
    let (_scratch, path, signers) = bundle();
    let told_of = |name: &str| {
        let verification = verify(&path, &signers);
        assert_eq!(verification.outcome, Outcome::Altered, "{name}: {}", told(&verification));
        let check = verification.checks.iter().find(|check| check.status() == Status::Failed);
        check.map(probity_evidence::Check::detail).unwrap_or_default()
    };
    for name in ["plan.yaml", "includes/roles.csv", "findings.json", "report.html"] {
        let original = std::fs::read(path.join(name)).unwrap();
        sparse(&path.join(name), 20 << 30);
        let said = told_of(name);
        assert_eq!(said, format!("`{name}`: it has 21474836480 bytes; at most 67108864 are read"));
        std::fs::write(path.join(name), original).unwrap();
    }
    for (name, said) in
        [("checkpoint", "at most 65536 are read"), ("checkpoint.sig", "at most 65536 are read")]
    {
        let original = std::fs::read(path.join(name)).unwrap();
        sparse(&path.join(name), 20 << 30);
        assert!(told_of(name).ends_with(said), "{}", told_of(name));
        std::fs::write(path.join(name), original).unwrap();
    }
    let [artifact] = &files_below(&path.join("artifacts"))[..] else { panic!("one artifact") };
    let original = std::fs::read(artifact).unwrap();
    sparse(artifact, 20 << 30);
    assert!(told_of("artifact").contains("has 21474836480 bytes, entry 3 says 140"));
    std::fs::write(artifact, original).unwrap();
    // A line without an end is not waited for.
    sparse(&path.join("evidence.jsonl"), 20 << 30);
    let said = told_of("evidence.jsonl");
    assert_eq!(said, "bytes follow the closing entry: they were added");
}

#[test]
fn findings_and_report_of_a_run_that_did_not_end_are_nobodys() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    drop(running(&path, scratch.key()));
    for name in ["report.html", "findings.json"] {
        std::fs::write(path.join(name), "<h1>READY</h1>").unwrap();
        let (check, detail) = failed(&verify(&path, &scratch.signers()));
        assert_eq!(
            (check, &*detail),
            (name, "no closing entry names it, and only a run that ends writes it: it was added")
        );
        std::fs::remove_file(path.join(name)).unwrap();
    }
    std::fs::write(path.join("notes.partial"), "").unwrap();
    assert_eq!(failed(&verify(&path, &scratch.signers())).1, "`notes.partial` does not belong there");
}

#[test]
fn a_bundle_without_its_last_signature_or_checkpoint_says_so_and_nothing_else() {
    let (scratch, path, signers) = bundle();
    std::fs::remove_file(path.join("checkpoint.sig")).unwrap();
    let verification = verify(&path, &signers);
    assert_eq!(verification.outcome, Outcome::Incomplete(Gap::NotSigned));
    let said = |id| verification.check(id).map(|check| (check.status(), check.detail())).unwrap();
    assert_eq!(said(CheckId::Closing), (Status::Passed, "the run came to its end".to_owned()));
    assert_eq!(
        said(CheckId::CheckpointSignature),
        (
            Status::NotMade,
            "it is missing: the run was closed, but the operator's key did not sign its last checkpoint"
                .to_owned()
        )
    );
    let other = scratch.join("b.probity");
    complete(&other, scratch.key());
    for checkpoint in [None, Some(std::fs::read(other.join("checkpoint")).unwrap())] {
        std::fs::remove_file(path.join("checkpoint")).unwrap();
        if let Some(checkpoint) = &checkpoint {
            std::fs::write(path.join("checkpoint"), checkpoint).unwrap();
        }
        let verification = verify(&path, &signers);
        // The first entry was signed by itself, and still is.
        assert_eq!(verification.check(CheckId::Endorsement).unwrap().status(), Status::Passed);
        assert_eq!(verification.check(CheckId::Checkpoint).unwrap().status(), Status::Failed);
        std::fs::write(path.join("checkpoint"), "").unwrap();
    }
}

#[test]
fn programs_are_told_what_was_found_by_its_name_and_with_its_data() {
    let (_scratch, path, signers) = bundle();
    let mut log = std::fs::read_to_string(path.join("evidence.jsonl")).unwrap();
    log.truncate(log.trim_end().rfind('\n').unwrap() + 1);
    std::fs::write(path.join("evidence.jsonl"), log).unwrap();
    std::fs::write(path.join("plan.yaml"), "probity: 1\n").unwrap();
    let verification = verify(&path, &signers);
    let json = |id| serde_json::to_value(verification.check(id).unwrap()).unwrap();
    assert_eq!(
        json(CheckId::Tree),
        serde_json::json!({
            "check": "tree", "status": "failed", "reason": "entries-missing", "covered": 7, "held": 6,
            "detail": "the checkpoint covers 7 entries; the log holds 6 whole ones: some were taken away",
        })
    );
    assert_eq!(
        json(CheckId::Plan),
        serde_json::json!({
            "check": "plan", "status": "failed", "reason": "files", "more": 0,
            "files": [{ "problem": "altered", "file": "plan.yaml" }],
            "detail": "`plan.yaml` is not what was signed",
        })
    );
    assert_eq!(
        json(CheckId::Countersignatures),
        serde_json::json!({
            "check": "countersignatures", "status": "not-made", "reason": "no-countersignatures",
            "detail": "this version knows none: when the run ended is the observer's word",
        })
    );
}

#[test]
fn what_the_holder_of_the_key_writes_wrongly_of_times_is_told() {
    let scratch = Scratch::new();
    let key = scratch.key();
    let path = scratch.join("ended.probity");
    running(&path, key.clone()).finish(b"{}", b"<p>", time("2026-01-31T11:59:59Z"), None).unwrap();
    let (check, detail) = failed(&verify(&path, &scratch.signers()));
    assert_eq!(check, "times");
    assert_eq!(
        detail,
        "it says that it began at 2026-01-31T12:00:00.000001Z and ended before, at 2026-01-31T11:59:59Z"
    );
    let path = scratch.join("ledger.probity");
    let mut opening = opening();
    opening.ledger =
        LedgerHead { run: 2, head: Some("0".repeat(64)), began: Some(time("2026-02-02T12:00:00Z")) };
    let writer = Writer::create(&path, opening, key, 1 << 30).unwrap();
    writer.finish(b"{}", b"<p>", time("2026-01-31T12:00:03Z"), None).unwrap();
    let verification = verify(&path, &scratch.signers());
    let times = verification.check(CheckId::Times).unwrap();
    assert_eq!(times.status(), Status::NotMade);
    assert_eq!(verification.outcome, Outcome::Incomplete(Gap::BeforeItsPredecessor));
    assert!(
        times.detail().contains("the run before it in its ledger at 2026-02-02T12:00:00Z"),
        "{}",
        times.detail()
    );
}

#[test]
fn a_missing_or_swapped_artifact_is_named() {
    let (_scratch, path, signers) = bundle();
    let [artifact] = &files_below(&path.join("artifacts"))[..] else { panic!("one artifact") };
    let original = std::fs::read(artifact).unwrap();
    std::fs::write(artifact, vec![b'x'; original.len()]).unwrap();
    let (check, detail) = failed(&verify(&path, &signers));
    assert_eq!(check, "artifacts");
    assert!(detail.ends_with("is not what was signed"), "{detail}");
    std::fs::remove_file(artifact).unwrap();
    let (check, detail) = failed(&verify(&path, &signers));
    assert_eq!(check, "artifacts");
    assert!(detail.ends_with("is missing (entry 3)"), "{detail}");
}

#[test]
fn a_log_cannot_be_reordered_shortened_or_extended() {
    let (_scratch, path, signers) = bundle();
    let log_path = path.join("evidence.jsonl");
    let log = std::fs::read_to_string(&log_path).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let write = |lines: &[&str]| {
        std::fs::write(&log_path, lines.iter().flat_map(|line| [line, "\n"]).collect::<String>()).unwrap();
        verify(&path, &signers)
    };
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    let reordered = write(&swapped);
    assert_eq!(reordered.outcome, Outcome::Altered);
    assert!(told(&reordered).contains("entry 4: it says it is entry 5"), "{}", told(&reordered));
    let mut without = lines.clone();
    without.remove(4);
    assert_eq!(write(&without).outcome, Outcome::Altered);
    assert_eq!(write(&lines[..6]).outcome, Outcome::Altered);
    let longer = write(&[&lines[..], &[lines[5]]].concat());
    assert_eq!(
        failed(&longer),
        ("closing entry", "entry 7 follows the closing entry: it was added".to_owned())
    );
    assert_eq!(write(&lines).outcome, Outcome::Intact);
}

#[test]
fn a_checkpoint_or_signature_from_another_run_is_refused() {
    let (scratch, path, signers) = bundle();
    let other = scratch.join("b.probity");
    complete(&other, scratch.key());
    let original = std::fs::read(path.join("checkpoint")).unwrap();
    std::fs::copy(other.join("checkpoint"), path.join("checkpoint")).unwrap();
    let verification = verify(&path, &signers);
    assert_eq!(verification.outcome, Outcome::Altered);
    assert!(told(&verification).contains("it is from another run"), "{}", told(&verification));
    std::fs::write(path.join("checkpoint"), original).unwrap();
    std::fs::copy(other.join("checkpoint.sig"), path.join("checkpoint.sig")).unwrap();
    assert_eq!(failed(&verify(&path, &signers)).0, "operator's signature on the last checkpoint");
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let (_scratch, path, signers) = bundle();
    let log = std::fs::read_to_string(path.join("evidence.jsonl")).unwrap();
    std::fs::write(path.join("evidence.jsonl"), log.replacen("\"format\":1", "\"format\":2,\"more\":[]", 1))
        .unwrap();
    let verification = verify(&path, &signers);
    assert_eq!(verification.outcome, Outcome::Newer);
    assert_eq!(
        told(&verification),
        "Failed first entry: the bundle has format 2; this program reads up to 1: use a newer one"
    );
}

#[test]
fn a_format_that_never_was_is_refused() {
    let (_scratch, path, signers) = bundle();
    let log = std::fs::read_to_string(path.join("evidence.jsonl")).unwrap();
    std::fs::write(path.join("evidence.jsonl"), log.replacen("\"format\":1", "\"format\":0", 1)).unwrap();
    let verification = verify(&path, &signers);
    assert_eq!(verification.outcome, Outcome::Altered);
    assert_eq!(
        told(&verification),
        "Failed first entry: the bundle says it has format 0; the first one is 1"
    );
}

#[test]
fn what_is_no_bundle_is_told_so() {
    let scratch = Scratch::new();
    for (name, content) in [("empty", &b""[..]), ("text", b"some text\n"), ("zip", b"PK\x03\x04rest")] {
        std::fs::write(scratch.join(name), content).unwrap();
        assert_eq!(verify(&scratch.join(name), &Signers::none()).outcome, Outcome::NotABundle, "{name}");
    }
    assert_eq!(verify(&scratch.0, &Signers::none()).outcome, Outcome::NotABundle);
    assert_eq!(verify(&scratch.join("missing"), &Signers::none()).outcome, Outcome::NotABundle);
    #[cfg(unix)]
    assert_eq!(verify(Path::new("/dev/null"), &Signers::none()).outcome, Outcome::NotABundle);
}

#[test]
fn what_follows_the_checkpoint_of_a_killed_run_decides_nothing() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    drop(running(&path, scratch.key()));
    let log_path = path.join("evidence.jsonl");
    let log = std::fs::read_to_string(&log_path).unwrap();
    let forged = log.lines().nth(4).unwrap().replacen("\"entry\":4", "\"entry\":6", 1);
    std::fs::write(&log_path, format!("{log}{forged}\n{{\"entry\":7,\"sa")).unwrap();
    std::fs::write(path.join("artifacts").join("0".repeat(64)), "an artifact of an entry that is not there")
        .unwrap();
    std::fs::write(path.join("findings.json.partial"), "{").unwrap();
    let mut seen = 0;
    let verification = probity_evidence::verify(&path, &scratch.signers(), &mut |_, _| seen += 1);
    assert_eq!(verification.outcome, Outcome::Incomplete(Gap::NotClosed), "{}", told(&verification));
    assert_eq!((seen, verification.signed, verification.entries), (6, 6, 7));
    let closing = verification.checks.iter().find(|check| check.id == CheckId::Closing).unwrap();
    assert_eq!(
        closing.detail(),
        "there is no closing entry: the run did not come to its end; 1 entry and a cut line after the last checkpoint, unsigned, decide nothing"
    );
}
