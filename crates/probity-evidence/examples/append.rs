//! Appends small entries as fast as it can, with durable checkpoints, and prints entries a second.
//!
//! `cargo run --release -p probity-evidence --example append -- [ENTRIES] [FOLDER]`
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an example")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use probity_evidence::entry::{Identity, LedgerHead};
use probity_evidence::{Body, Declared, Key, Opening, Signers, Writer, verify};
use probity_plan::{FactType, Impact, Lane, Observation, Value};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let entries: usize = arguments.next().map_or(1_000_000, |n| n.parse().expect("a number of entries"));
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("probity-append-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("append.probity");
    let now = jiff::Timestamp::now();
    let opening = Opening {
        rules: 1,
        started: now,
        plan: "append".to_owned(),
        files: BTreeMap::from([("plan.yaml".to_owned(), b"plan: append\n".to_vec())]),
        declared: Declared {
            probes: BTreeMap::from([("answers".to_owned(), "http".to_owned())]),
            kinds: BTreeMap::from([(
                "http".to_owned(),
                BTreeMap::from([
                    ("elapsed_ms".to_owned(), FactType::Float),
                    ("excerpt".to_owned(), FactType::Text),
                    ("size_bytes".to_owned(), FactType::Int),
                    ("status".to_owned(), FactType::Int),
                ]),
            )]),
        },
        resolved_sha256: "0".repeat(64),
        inputs: BTreeMap::new(),
        allow: Impact::Observe,
        only: None,
        challenge: None,
        ledger: LedgerHead { run: 1, head: None, began: None },
        reproduces: None,
        observer: Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: String::new(),
            user: String::new(),
            system: String::new(),
        },
    };
    let key = Key::default_at(&folder.join("config")).unwrap();
    let signers = Signers::none().with_own(&key.public());
    let writer = Writer::create(&path, opening, key, 1 << 40).unwrap();
    let batch: Vec<Body> = (0..100)
        .map(|slot| {
            Body::Observation(Observation {
                trial: None,
                observer: 0,
                artifacts: BTreeMap::new(),
                excerpts: BTreeMap::new(),
                probe: "answers".to_owned(),
                cell: BTreeMap::new(),
                slot,
                attempt: 1,
                superseded: false,
                lane: Lane::Quiet,
                started: now,
                offset_us: 1_500_000,
                duration_us: 1234,
                scheduling_delay_us: None,
                facts: BTreeMap::from([
                    ("status".to_owned(), Value::from(200)),
                    ("elapsed_ms".to_owned(), Value::decimal(1.234)),
                    ("size_bytes".to_owned(), Value::from(512)),
                    ("excerpt".to_owned(), Value::from("ok, ready to serve")),
                ]),
                unknown: BTreeMap::new(),
            })
        })
        .collect();
    let begun = Instant::now();
    for _ in 0..entries / batch.len() {
        writer.append_all(&batch).unwrap();
    }
    let appended = begun.elapsed();
    writer.finish(b"{}", b"", now, None).unwrap();
    let finished = begun.elapsed();
    let bytes = std::fs::metadata(path.join("evidence.jsonl")).unwrap().len();
    let rate = |time: std::time::Duration| entries as f64 / time.as_secs_f64();
    println!("{entries} entries of {} bytes", bytes / entries as u64);
    println!(
        "{:.0} entries/s appended, {:.0} entries/s with the last checkpoint",
        rate(appended),
        rate(finished)
    );
    let begun = Instant::now();
    let verification = verify(&path, &signers, &mut |_, _| {});
    let megabytes = bytes as f64 / 1e6 / begun.elapsed().as_secs_f64();
    println!("{:?}; verified with every observation parsed at {megabytes:.0} MB/s", verification.outcome);
    std::fs::remove_dir_all(&folder).unwrap();
}
