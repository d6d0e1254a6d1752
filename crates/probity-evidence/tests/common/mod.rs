//! Bundles to test with: small, complete, made by the writer itself.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests; not every test uses all"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use probity_evidence::entry::{Event, Identity, LedgerHead, Observer};
use probity_evidence::{Body, Declared, Key, Opening, Signers, Verification, Writer};
use probity_plan::{Artifact, Barrier, Blocked, FactType, Impact, Lane, Observation, Value};

/// A folder below the system's temporary one that ends with the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let mut random = [0; 8];
        getrandom::getrandom(&mut random).unwrap();
        let path = std::env::temp_dir().join(format!("probity-evidence-{:x}", u64::from_le_bytes(random)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The operator's key of this test.
    pub fn key(&self) -> Key {
        Key::default_at(&self.join("config")).unwrap()
    }

    pub fn signers(&self) -> Signers {
        Signers::none().with_own(&self.key().public())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn time(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

/// What the facts of [`observation`] are.
pub fn declared() -> Declared {
    let facts = [
        ("body", FactType::Text),
        ("certificate", FactType::Map),
        ("elapsed_ms", FactType::Interval),
        ("rows", FactType::Any),
        ("status", FactType::Int),
        ("stdout", FactType::Text),
    ];
    Declared {
        probes: BTreeMap::from([("answers".to_owned(), "http".to_owned())]),
        kinds: BTreeMap::from([(
            "http".to_owned(),
            facts.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect(),
        )]),
    }
}

/// An observation whose output is kept beside the log.
pub fn with_artifact(mut observation: Observation, sha256: String, size_bytes: u64) -> Observation {
    observation.unknown.insert("stdout".to_owned(), Blocked::new(Barrier::TooLarge, "long"));
    observation.artifacts.insert("stdout".to_owned(), Artifact { sha256, size_bytes });
    observation
}

pub fn opening() -> Opening {
    Opening {
        rules: 1,
        started: time("2026-01-31T12:00:00.000001Z"),
        plan: "A plan, \"quoted\"".to_owned(),
        files: BTreeMap::from([
            ("plan.yaml".to_owned(), b"plan: A plan\n".to_vec()),
            ("includes/roles.csv".to_owned(), b"role,expect\nviewer,denied\n".to_vec()),
        ]),
        declared: declared(),
        resolved_sha256: "0".repeat(64),
        inputs: BTreeMap::from([("port".to_owned(), "8003".to_owned())]),
        allow: Impact::Observe,
        only: None,
        challenge: Some("a word from the reader".to_owned()),
        ledger: LedgerHead { run: 1, head: None, began: None },
        reproduces: None,
        observer: Identity {
            version: "0.1.0".to_owned(),
            host: "here".to_owned(),
            user: "me (1000)".to_owned(),
            system: "Linux".to_owned(),
        },
    }
}

pub fn observation(slot: u32) -> Observation {
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
        lane: Lane::Quiet,
        started: time("2026-01-31T12:00:01.5Z"),
        offset_us: 1_500_000,
        duration_us: 1234,
        scheduling_delay_us: Some(5),
        facts: BTreeMap::from([
            ("status".to_owned(), Value::from(200)),
            ("elapsed_ms".to_owned(), Value::interval(0.1 + 0.2, Some(1.0))),
            ("body".to_owned(), Value::from("text with \u{202e} and \n lines")),
        ]),
        unknown: BTreeMap::from([("certificate".to_owned(), Blocked::new(Barrier::Unsupported, "no TLS"))]),
    }
}

pub fn long_output() -> Vec<u8> {
    b"a long output\n".repeat(10)
}

/// A bundle in the middle of its run: six entries, one artifact.
pub fn running(path: &Path, key: Key) -> Writer {
    let writer = Writer::create(path, opening(), key, probity_evidence::writer::DEFAULT_MAX_SIZE).unwrap();
    writer
        .append(&Body::Observer(Observer {
            id: 0,
            offset_us: 500_000,
            boot: Some("b".to_owned()),
            introduction: None,
            at: time("2026-01-31T12:00:00.5Z"),
            facts: BTreeMap::from([("load_1m".to_owned(), Value::decimal(0.25))]),
            unknown: BTreeMap::new(),
        }))
        .unwrap();
    let digest = writer.artifact(&long_output()).unwrap();
    let with_artifact = with_artifact(observation(0), digest, long_output().len() as u64);
    writer.append_all(&[Body::Observation(with_artifact), Body::Observation(observation(1))]).unwrap();
    writer
        .append(&Body::Event(Event {
            at: time("2026-01-31T12:00:02Z"),
            what: probity_plan::Happening::Undo {
                probe: "restart".to_owned(),
                command: "true".to_owned(),
                exit_code: Some(0),
                detail: String::new(),
            },
        }))
        .unwrap();
    writer
}

/// A complete bundle of seven entries.
pub fn complete(path: &Path, key: Key) {
    running(path, key)
        .finish(b"{\"verdict\":\"READY\"}\n", b"<!doctype html>\n", time("2026-01-31T12:01:00Z"), None)
        .unwrap();
}

pub fn verify(path: &Path, signers: &Signers) -> Verification {
    probity_evidence::verify(path, signers, &mut |_, _| {})
}

/// The checks as lines, for a message.
pub fn told(verification: &Verification) -> String {
    let lines =
        verification.checks.iter().map(|c| format!("{:?} {}: {}", c.status(), c.id.title(), c.detail()));
    lines.collect::<Vec<_>>().join("\n")
}
