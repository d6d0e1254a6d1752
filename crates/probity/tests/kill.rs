//! A run killed at any moment leaves nothing, or a bundle that verifies as incomplete or complete, with every look that
//! was shown on the terminal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use support::{Home, code, stderr, stdout};

const RUNS: u32 = 200;
const AT_ONCE: u32 = 4;

const PLAN: &str = "\
plan: Killed at random
probes:
  quick: { file: /etc/hostname, repeat: 400 }
  slow: { file: /etc/hostname, every: 10ms, for: 300ms }
claims:
  there: { of: quick, check: exists }
  still_there: { of: slow, check: exists }
verdict:
  - { label: READY, when: holds(there) && holds(still_there), accepted: true }
  - { label: NOT READY }
";

/// Starts the run on a terminal of its own, kills it after `patience` (or lets it end), and returns what it had shown:
/// the greatest N of \"N of M looks\".
fn shown_until_killed(home: &Home, bundle: &Path, patience: Option<Duration>) -> u64 {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let mut child = home
        .probity()
        .args(["run", "plan.yaml", "-o"])
        .arg(bundle)
        .env("TERM", "xterm")
        .stdout(Stdio::null())
        .stderr(Stdio::from(terminal.slave))
        .spawn()
        .unwrap();
    let mut screen = std::fs::File::from(terminal.master);
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Reading a terminal whose other end is gone is an error: that is its end.
        _ = screen.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    match patience {
        Some(patience) => {
            std::thread::sleep(patience);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        // On a busy machine a slot may be missed: inconclusive then.
        None => assert!(matches!(child.wait().unwrap().code(), Some(0 | 2))),
    }
    let text = reader.join().unwrap();
    text.split(" of 430 looks")
        .filter_map(|before| before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .max()
        .unwrap_or(0)
}

fn observations(home: &Home, bundle: &Path) -> u64 {
    let output = home.run(&["show", bundle.to_str().unwrap(), "--format", "json"]);
    let lines = stdout(&output);
    lines.lines().filter(|line| line.contains("\"type\":\"observation\"")).count() as u64
}

#[test]
fn a_run_killed_at_any_moment_leaves_what_it_had_shown() {
    let home = Home::new();
    home.write("plan.yaml", PLAN);
    let began = Instant::now();
    let bundle = home.path("whole.probity");
    let whole = shown_until_killed(&home, &bundle, None);
    let length = began.elapsed();
    assert!(whole <= 430 && observations(&home, &bundle) == 430, "{whole} shown");
    let (none, incomplete, complete) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let judge = &|run: u32| {
        let bundle = home.path(&format!("{run}.probity"));
        // Spread over the run and a little beyond its end.
        let shown = shown_until_killed(&home, &bundle, Some(length.mul_f64(1.2) * run / RUNS));
        if !bundle.exists() {
            assert_eq!(shown, 0, "run {run} showed looks without a bundle");
            none.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let verified = home.run(&["verify", bundle.to_str().unwrap()]);
        match code(&verified) {
            0 => complete.fetch_add(1, Ordering::Relaxed),
            2 => incomplete.fetch_add(1, Ordering::Relaxed),
            other => panic!(
                "run {run} left a bundle that verifies with {other}:\n{}{}",
                stdout(&verified),
                stderr(&verified)
            ),
        };
        let kept = observations(&home, &bundle);
        assert!(kept >= shown, "run {run} showed {shown} looks and kept {kept}");
    };
    // Side by side, since each is mostly waited for.
    std::thread::scope(|scope| {
        for first in 0..AT_ONCE {
            scope.spawn(move || (first..RUNS).step_by(AT_ONCE as usize).for_each(judge));
        }
    });
    let [none, incomplete, complete] = [none, incomplete, complete].map(AtomicU32::into_inner);
    println!(
        "{RUNS} runs killed: {none} left no bundle yet, {incomplete} an incomplete one, {complete} a complete one"
    );
    assert!(incomplete > 0, "no run was killed in its middle");
    // Nothing is left behind by a run that had not made its bundle yet but a name that says so.
    let left = Command::new("ls").arg("-A").arg(home.path("")).output().unwrap();
    let left = String::from_utf8(left.stdout).unwrap();
    assert!(
        left.lines().all(|name| name.contains("probity")
            || name == "plan.yaml"
            || name.starts_with(".config")
            || name.starts_with(".local")),
        "{left}"
    );
}
