//! However a run ends, what was acknowledged is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{Scratch, observation, opening, time, told, verify, with_artifact};
use probity_evidence::verify::Status;
use probity_evidence::{Body, Bundle, Key, Ledger, Outcome, Writer};

/// Set in the child that a test starts of itself: the folder to work in.
const CHILD: &str = "PROBITY_TEST_CHILD";

/// This test once more, as a child.
fn again(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, folder);
    command
}

/// Ends with the test, also when that panics.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Appends 3,000 observations, some with artifacts, and says each one's number when it was acknowledged.
fn probe(folder: &Path) {
    let writer = Writer::create(
        &folder.join("a.probity"),
        opening(),
        Key::default_at(&folder.join("config")).unwrap(),
        1 << 30,
    )
    .unwrap();
    let mut out = std::io::stdout().lock();
    for slot in 0..3_000_u32 {
        let mut body = observation(slot);
        if slot % 50 == 0 {
            let content = slot.to_le_bytes().repeat(10_000);
            let digest = writer.artifact(&content).unwrap();
            body = with_artifact(body, digest, content.len() as u64);
        }
        let number = writer.append(&Body::Observation(body)).unwrap();
        writeln!(out, "entry {number}").unwrap();
    }
    writer.finish(b"{}", b"", time("2026-01-31T12:01:00Z"), None).unwrap();
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return probe(Path::new(&folder));
    }
    let (mut none, mut incomplete, mut intact) = (0, 0, 0);
    for round in 0..30_u32 {
        let scratch = Scratch::new();
        let key = scratch.key();
        let child = again("a_kill_loses_nothing_that_was_acknowledged", &scratch.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = Running(child);
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        // From a kill at once to one after the end; in steps that are no multiple of anything.
        let wait_for = round * 127;
        let mut shown = None;
        let number = |line: &str| line.strip_prefix("entry ").map(|number| number.parse::<u64>().unwrap());
        let mut acknowledged = 0;
        while acknowledged < wait_for
            && let Some(line) = lines.next()
        {
            if let Some(number) = number(&line) {
                shown = Some(number);
                acknowledged += 1;
            }
        }
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        shown = lines.filter_map(|line| number(&line)).last().or(shown);

        let path = scratch.join("a.probity");
        if !path.exists() {
            assert_eq!(shown, None, "round {round}: entries were shown that are nowhere");
            none += 1;
            continue;
        }
        let verification = verify(&path, &scratch.signers());
        match verification.outcome {
            Outcome::Incomplete(_) => incomplete += 1,
            Outcome::Intact => intact += 1,
            other => panic!("round {round}: {other:?}\n{}", told(&verification)),
        }
        assert!(verification.entries > shown.unwrap_or(0), "round {round}: {shown:?} was shown");
        let bundle = Bundle::open(&path).unwrap();
        let whole = bundle.entries().unwrap().take_while(Result::is_ok).count() as u64;
        assert!(whole > shown.unwrap_or(0), "round {round}: {shown:?} was shown, {whole} can be read");
        drop(key);
    }
    println!("not yet a bundle {none}, incomplete {incomplete}, complete {intact}");
    assert!(
        incomplete > 10 && intact > 0,
        "not yet a bundle {none}, incomplete {incomplete}, complete {intact}"
    );
}

#[test]
fn what_was_appended_is_soon_signed() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    let writer = Writer::create(&path, opening(), scratch.key(), 1 << 30).unwrap();
    let mut slowest = std::time::Duration::ZERO;
    for slot in 0..3 {
        let number = writer.append(&Body::Observation(observation(slot))).unwrap();
        let begun = std::time::Instant::now();
        let size = || {
            probity_evidence::checkpoint::parse(&std::fs::read(path.join("checkpoint")).unwrap())
                .unwrap()
                .size
        };
        while size() <= number {
            std::thread::yield_now();
        }
        slowest = slowest.max(begun.elapsed());
    }
    // Half a second and a sync; the rest is for a busy machine.
    assert!(slowest < std::time::Duration::from_secs(30), "{slowest:?}");
}

/// On a small file system of its own: the run hits its end and is closed as interrupted, all of it signed.
#[test]
fn a_full_disk_is_told_and_what_was_recorded_is_signed() {
    const TEST: &str = "a_full_disk_is_told_and_what_was_recorded_is_signed";
    if let Some(folder) = std::env::var_os(CHILD) {
        let folder = Path::new(&folder);
        let key = Key::default_at(&folder.join("config")).unwrap();
        let signers = probity_evidence::Signers::none().with_own(&key.public());
        let path = folder.join("a.probity");
        let writer = Writer::create(&path, opening(), key, 1 << 30).unwrap();
        let mut recorded = 2;
        let error = loop {
            match writer.append(&Body::Observation(observation(recorded))) {
                Ok(_) => recorded += 1,
                Err(error) => break error,
            }
        };
        assert!(error.barrier().is_none());
        assert!(error.to_string().ends_with("what was recorded before is kept"), "{error}");
        assert!(recorded > 1_000, "{recorded}");
        writer.append(&Body::Observation(observation(recorded))).unwrap_err();
        writer
            .finish(
                b"{}",
                b"",
                time("2026-01-31T12:01:00Z"),
                Some(probity_plan::Cause::Failed { detail: error.to_string() }),
            )
            .unwrap();
        let verification = verify(&path, &signers);
        assert_ne!(verification.outcome, Outcome::Altered, "{}", told(&verification));
        assert_eq!(
            (verification.entries, verification.signed),
            (u64::from(recorded) + 1, u64::from(recorded) + 1)
        );
        assert!(verification.close.unwrap().interrupted.is_some());
        assert!(verification.checks.iter().all(|check| check.status() != Status::Failed));
        println!("closed on a full disk");
        return;
    }
    let scratch = Scratch::new();
    let mount = "mount -t tmpfs -o size=2500k probity \"$PROBITY_TEST_CHILD\" || exit 77; exec \"$@\"";
    let child = again(TEST, &scratch.0);
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", mount, "sh"])
        .arg(child.get_program())
        .args(child.get_args())
        .env(CHILD, &scratch.0)
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && (said.contains("unshare") || output.status.code() == Some(77)) {
        println!("skipped: no small file system can be mounted here: {said}");
        return;
    }
    assert!(output.status.success() && said.contains("closed on a full disk"), "{said}");
}

#[test]
fn a_ledger_that_is_moved_while_a_run_goes_on_ends_nothing() {
    let scratch = Scratch::new();
    let (path, place) = (scratch.join("a.probity"), scratch.join("ledger"));
    let writer =
        Writer::create(&path, opening(), scratch.key(), probity_evidence::writer::DEFAULT_MAX_SIZE).unwrap();
    let ledger = Ledger::open(&place).unwrap();
    let held = ledger.append(time("2026-01-31T12:00:00Z"), writer.run(), "A plan", "00").unwrap();
    std::fs::rename(&place, scratch.join("elsewhere")).unwrap();
    writer.also_sync(held);
    writer.append(&Body::Observation(observation(0))).unwrap();
    // Nobody waits for the run to end before the next one begins.
    let next = Ledger::open(&scratch.join("elsewhere")).unwrap();
    assert_eq!(next.head_before().run, 2);
    writer.finish(b"{}", b"<p>", time("2026-01-31T12:00:03Z"), None).unwrap();
}
