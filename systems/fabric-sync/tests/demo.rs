//! The demonstration, as whoever tries the program first sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::process::{Command, Stdio};

#[test]
fn it_goes_through_the_whole_loop_and_says_that_both_ends_are_fakes() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fabric-sync"))
        .args(["run", "--demo", "--once"])
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for expected in [
        "The cluster and the NetBox are FAKES inside this process; nothing else is touched.",
        "and every object compares as the same.",
        "nothing was written",
        "the description is \"rack 3\" again; the comments are still \"ask Ann before touching this\"",
        "it is deleted; 0 cables have an empty end",
        "leaf-01/E1/1: server-02/enp2s1 is plugged in where server-01/enp2s1 should be",
        "the state is \"unknown\"",
        "0 writes in between",
        "0 of them otherwise than written",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
    }
    // What it says to do next works, after it has ended.
    let home = said.lines().find_map(|line| line.trim().strip_prefix("files        ")).unwrap();
    let history =
        Command::new(env!("CARGO_BIN_EXE_fabric-sync")).args(["--home", home, "history"]).output().unwrap();
    assert!(history.status.success(), "{}", String::from_utf8_lossy(&history.stderr));
}
