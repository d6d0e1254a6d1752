//! Writes the seeds of the fuzz targets that read a bundle. Run after a change of the format:
//! `cargo test -p probity-evidence --test seeds -- --ignored`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;

use common::{Scratch, complete, time, verify};
use probity_evidence::{Ledger, Outcome, Signers};

fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

#[test]
#[ignore = "it writes"]
fn write_the_seeds() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    let seed = |target: &str, name: &str, content: &[u8]| {
        let folder = corpus().join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), content).unwrap();
    };
    let mut builder = tar::Builder::new(Vec::new());
    builder.mode(tar::HeaderMode::Deterministic);
    builder.append_dir_all("a.probity", &path).unwrap();
    seed("tar", "bundle.tar", &builder.into_inner().unwrap());
    seed("bundle", "insert", &[0, 0, 0, 0, b'x']);
    seed("bundle", "replace", &[3, 0, 9, 1, b' ']);
    seed("bundle", "delete", &[3, 2, 9, 40]);
    let log = std::fs::read_to_string(path.join("evidence.jsonl")).unwrap();
    for (number, line) in log.lines().enumerate() {
        seed("entry", &number.to_string(), line.as_bytes());
    }
    seed("checkpoint", "good", &std::fs::read(path.join("checkpoint")).unwrap());
    let key = scratch.key().public();
    seed("signers", "plain", format!("# us\na@b {key} comment\n").as_bytes());
    let options = "namespaces=\"probity\",valid-after=\"20260101Z\",valid-before=\"20270101000000Z\"";
    seed("signers", "options", format!("\"a b\",c@d {options} {key}\n").as_bytes());
    for id in ["aa", "bb"] {
        let ledger = Ledger::open(&scratch.join("ledger")).unwrap();
        ledger.append(time("2026-01-31T12:00:00Z"), id, "A plan", "00").unwrap();
    }
    seed("ledger", "two", &std::fs::read(scratch.join("ledger")).unwrap());
}

/// The committed seed is a bundle of an earlier day: it must stay readable.
#[test]
fn the_committed_bundle_is_still_intact() {
    let tar = corpus().join("tar/bundle.tar");
    let key = probity_evidence::Bundle::open(&tar).unwrap().start().operator_key.clone();
    assert_eq!(verify(&tar, &Signers::none().with_own(&key)).outcome, Outcome::Intact);
}
