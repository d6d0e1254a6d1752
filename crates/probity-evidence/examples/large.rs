//! Writes a large bundle, half of it entries of about 1 kB and half artifacts, or verifies one with every observation parsed.
//!
//! `cargo run --release -p probity-evidence --example large -- write FOLDER MEGABYTES | verify FOLDER`
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an example")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use probity_evidence::entry::{Identity, LedgerHead};
use probity_evidence::{Body, Declared, Key, Opening, Signers, Writer, verify};
use probity_plan::{Artifact, Barrier, Blocked, FactType, Impact, Lane, Observation, Value};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", folder, megabytes] => write(Path::new(folder), megabytes.parse().expect("megabytes")),
        ["verify", folder] => read(Path::new(folder)),
        _ => eprintln!("large write FOLDER MEGABYTES | large verify FOLDER"),
    }
}

fn key(folder: &Path) -> Key {
    Key::default_at(&folder.join("config")).unwrap()
}

fn write(folder: &Path, megabytes: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let now = jiff::Timestamp::now();
    let opening = Opening {
        rules: 1,
        started: now,
        plan: "large".to_owned(),
        files: BTreeMap::from([("plan.yaml".to_owned(), b"plan: large\n".to_vec())]),
        declared: Declared {
            probes: BTreeMap::from([("answers".to_owned(), "http".to_owned())]),
            kinds: BTreeMap::from([("http".to_owned(), facts().collect())]),
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
    let writer = Writer::create(&folder.join("large.probity"), opening, key(folder), 1 << 40).unwrap();
    let mut content = vec![b'x'; 256 << 10];
    let half = megabytes * 500_000;
    for number in 0..half / content.len() {
        content[..8].copy_from_slice(&number.to_le_bytes());
        let digest = writer.artifact(&content).unwrap();
        let mut bodies: Vec<Body> = (0..250).map(|slot| Body::Observation(observation(now, slot))).collect();
        if let Some(Body::Observation(first)) = bodies.first_mut() {
            let size_bytes = content.len() as u64;
            first.artifacts.insert("stdout".to_owned(), Artifact { sha256: digest, size_bytes });
            first.unknown.insert("stdout".to_owned(), Blocked::new(Barrier::TooLarge, "long"));
        }
        writer.append_all(&bodies).unwrap();
    }
    writer.finish(b"{}", b"", now + jiff::SignedDuration::from_secs(2), None).unwrap();
}

/// What the facts are.
fn facts() -> impl Iterator<Item = (String, FactType)> {
    let numbers = (0..12).map(|n| (format!("fact_{n}_bytes"), FactType::Int));
    numbers
        .chain((0..8).map(|n| (format!("text_{n}"), FactType::Text)))
        .chain([("stdout".to_owned(), FactType::Text)])
}

/// About 1 kB as a line.
fn observation(now: jiff::Timestamp, slot: u32) -> Observation {
    let numbers = (0..12).map(|n| (format!("fact_{n}_bytes"), Value::from(1_000_000 + n)));
    let texts = (0..8)
        .map(|n| (format!("text_{n}"), Value::from("a line that a program said, with \"quotes\" in it")));
    Observation {
        trial: None,
        observer: 0,
        artifacts: BTreeMap::new(),
        excerpts: BTreeMap::new(),
        probe: "answers".to_owned(),
        cell: BTreeMap::new(),
        slot,
        attempt: 1,
        superseded: false,
        lane: Lane::Parallel,
        started: now,
        offset_us: 1_500_000,
        duration_us: 1234,
        scheduling_delay_us: None,
        facts: numbers.chain(texts).collect(),
        unknown: BTreeMap::new(),
    }
}

fn read(folder: &Path) {
    let signers = Signers::none().with_own(&key(folder).public());
    let begun = Instant::now();
    let mut observations = 0_u64;
    let verification = verify(&folder.join("large.probity"), &signers, &mut |_, body| {
        observations += u64::from(matches!(body, Body::Observation(_)));
    });
    println!(
        "{:?}: {observations} observations in {:.2} s",
        verification.outcome,
        begun.elapsed().as_secs_f64()
    );
}
