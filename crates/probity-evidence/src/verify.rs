//! Verifies a bundle's bytes: every check that can be made offline, in an order a person can follow. What the findings say
//! is recomputed by the caller from the same pass.
//!
//! Must not know: what a claim means.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use ssh_key::{HashAlg, PublicKey};

use crate::bundle::{Bundle, ReadError};
use crate::checkpoint::{self, Checkpoint};
use crate::disk::PARTIAL;
use crate::entry::{Body, Close, Endorsement, Start};
use crate::hex::{hex, is_hex};
use crate::key;
use crate::line::artifacts_of;
use crate::pass::{End, Line, WORKERS, read_log};
use crate::sift::Reading;
use crate::signers::{Signers, Standing};
use crate::store::{Store, is_plan_file, quoted};
use crate::tree::{Frontier, Hash};

/// What a verification comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Complete, unaltered, by a key the reader accepts.
    Intact,
    /// Something is not as it was signed.
    Altered,
    /// What is signed is unaltered, but the run did not come to its end.
    Incomplete,
    /// Complete and unaltered, by a key the reader did not name.
    UnknownSigner,
    /// A newer format than this program reads.
    Newer,
    /// Not a bundle.
    NotABundle,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was made and found nothing.
    Passed,
    /// It was made and found something.
    Failed,
    /// It could not be made.
    NotMade,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it went.
    pub status: Status,
    /// What was found, for a person. Control characters are escaped.
    pub detail: String,
}

/// The result of verifying a bundle.
#[derive(Clone, Debug)]
pub struct Verification {
    /// What it comes to.
    pub outcome: Outcome,
    /// Every check, made or not, in order.
    pub checks: Vec<Check>,
    /// The first entry, if it could be read.
    pub start: Option<Start>,
    /// The closing entry, if there is one and it is signed.
    pub close: Option<Close>,
    /// How many whole entries the log holds.
    pub entries: u64,
    /// How many of them the checkpoint covers, if it and the tree are right; else 0.
    pub signed: u64,
    /// The root hash that the checkpoint signs, in hexadecimal, if it is right.
    pub root: Option<String>,
    /// The operator's key as `SHA256:...`, if the first entry names one.
    pub fingerprint: Option<String>,
    /// What the reader's list says about that key.
    pub standing: Option<Standing>,
}

impl Verification {
    fn ended(outcome: Outcome, checks: Vec<Check>) -> Self {
        Self {
            outcome,
            checks,
            start: None,
            close: None,
            entries: 0,
            signed: 0,
            root: None,
            fingerprint: None,
            standing: None,
        }
    }
}

/// The result of one check before it has its name.
type Found = (Status, String);

fn passed(detail: impl Into<String>) -> Found {
    (Status::Passed, detail.into())
}
fn failed(detail: impl Into<String>) -> Found {
    (Status::Failed, detail.into())
}
fn not_made(detail: impl Into<String>) -> Found {
    (Status::NotMade, detail.into())
}

fn check(name: &'static str, (status, detail): Found) -> Check {
    let plain = |c: char| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric();
    let mut text = String::with_capacity(detail.len());
    for c in detail.chars() {
        if plain(c) { text.push(c) } else { text.extend(c.escape_debug()) }
    }
    Check { name, status, detail: text }
}

/// Verifies the bundle at `path`. `each` gets what every entry that the checkpoint covers says, with its number, in order,
/// while the log is read: count on what was made of it only if the outcome is not [`Outcome::Altered`].
pub fn verify(path: &Path, signers: &Signers, each: &mut dyn FnMut(u64, Body)) -> Verification {
    verify_reading(path, signers, &Reading::All, each)
}

/// As [`verify`]; of observations, `each` gets only the facts that are read.
pub fn verify_reading(
    path: &Path,
    signers: &Signers,
    reading: &Reading,
    each: &mut dyn FnMut(u64, Body),
) -> Verification {
    match Store::open(path) {
        Ok(store) => verify_files(store, signers, reading, each),
        Err(error) => {
            Verification::ended(Outcome::NotABundle, vec![check("bundle", failed(error.to_string()))])
        }
    }
}

/// As [`verify`], over files that are already listed.
pub fn verify_store(store: Store, signers: &Signers, each: &mut dyn FnMut(u64, Body)) -> Verification {
    verify_files(store, signers, &Reading::All, each)
}

fn verify_files(
    store: Store,
    signers: &Signers,
    reading: &Reading,
    each: &mut dyn FnMut(u64, Body),
) -> Verification {
    let opened = Bundle::over(store);
    let bundle = match opened {
        Ok(bundle) => bundle,
        Err(error) => {
            let outcome = match error {
                ReadError::Newer { .. } => Outcome::Newer,
                _ => Outcome::Altered,
            };
            return Verification::ended(outcome, vec![check("first entry", failed(error.to_string()))]);
        }
    };
    let store = bundle.store();
    let start = bundle.start();
    let head = store.read_all("checkpoint", 1 << 16).map_err(|error| missing(&error)).and_then(|bytes| {
        let head = checkpoint::verify(&bytes, &start.run, &start.run_key).map_err(|error| match &error {
            checkpoint::CheckpointError::Signature(cause) => format!("{error}: {cause}"),
            _ => error.to_string(),
        })?;
        Ok((head, bytes))
    });
    let log = Log::read(store, head.as_ref().ok().map(|(head, _)| head), reading, each);
    let tree = match &head {
        Ok((head, _)) => log.tree(head),
        Err(_) => not_made("without a checkpoint there is nothing to hold the log against"),
    };
    let tree_stands = tree.0 == Status::Passed;
    let close = log.close.as_ref().filter(|_| tree_stands).map(|(_, close)| close.clone());
    let signature = checkpoint_signature(store, head.as_ref().ok().map(|(_, bytes)| &bytes[..]), start);
    let mut closing = log.closing(close.is_some());
    let closed = close.is_some() && closing.0 == Status::Passed && signature.0 == Status::Passed;
    let interrupted = close.as_ref().and_then(|close| close.interrupted.as_ref());
    if let Some(reason) = interrupted.filter(|_| closed) {
        closing =
            not_made(format!("the run was closed in order, but before its plan came to its end: {reason}"));
    }

    let standing = signers.standing(&start.operator_key, start.started);
    let checks = vec![
        check("bundle", files(store, start, closed)),
        check("entries", log.entries()),
        check("operator's signature on the first entry", log.endorsement(&bundle)),
        check(
            "checkpoint",
            match &head {
                Ok((head, _)) => passed(format!("signed by the run's key, over {} entries", head.size)),
                Err(reason) => failed(reason.clone()),
            },
        ),
        check("tree", tree),
        check("plan", plan_files(store, start)),
        check("artifacts", artifacts(store, &log, closed)),
        check("closing entry", closing),
        check(
            "findings.json",
            derived(store, "findings.json", close.as_ref().map(|close| &*close.findings_sha256)),
        ),
        check(
            "report.html",
            derived(store, "report.html", close.as_ref().map(|close| &*close.report_sha256)),
        ),
        check("operator's signature on the last checkpoint", signature),
        check("countersignatures", countersignatures(store)),
        check("signer", signer(&standing, start)),
    ];
    let altered = checks.iter().any(|check| check.status == Status::Failed && check.name != "signer");
    let accepted = matches!(standing, Standing::Own | Standing::Listed(_));
    let complete = closed && interrupted.is_none();
    let outcome = match (altered, complete, accepted) {
        (true, ..) => Outcome::Altered,
        (_, false, _) => Outcome::Incomplete,
        (_, _, false) => Outcome::UnknownSigner,
        _ => Outcome::Intact,
    };
    Verification {
        outcome,
        checks,
        close,
        entries: log.frontier.size(),
        signed: if tree_stands { log.limit } else { 0 },
        root: head.ok().filter(|_| tree_stands).map(|(head, _)| hex(&head.root)),
        fingerprint: fingerprint(start),
        standing: Some(standing),
        start: Some(start.clone()),
    }
}

/// What one pass over the log found.
struct Log<'a> {
    frontier: Frontier,
    /// How many entries the checkpoint covers.
    limit: u64,
    root_at_limit: Option<Hash>,
    end: io::Result<End>,
    /// The first thing wrong with a signed entry.
    problem: Option<String>,
    /// The second entry.
    signed_endorsement: Option<Endorsement>,
    close: Option<(u64, Close)>,
    /// An entry that follows a closing entry, signed or not.
    after_close: Option<u64>,
    /// Artifacts that signed entries refer to and that are there with the size they say.
    referenced: HashSet<&'a str>,
    missing: Vec<String>,
    missing_count: usize,
}

impl<'a> Log<'a> {
    fn read(
        store: &'a Store,
        head: Option<&Checkpoint>,
        reading: &Reading,
        each: &mut dyn FnMut(u64, Body),
    ) -> Self {
        let mut log = Log {
            frontier: Frontier::default(),
            limit: head.map_or(0, |head| head.size),
            root_at_limit: None,
            end: Ok(End::Whole),
            problem: None,
            signed_endorsement: None,
            close: None,
            after_close: None,
            referenced: HashSet::new(),
            missing: Vec::new(),
            missing_count: 0,
        };
        let mut closed = false;
        log.end = store.read("evidence.jsonl").and_then(|file| {
            read_log(file, reading, |Line { leaf, entry }| {
                let number = log.frontier.size();
                log.frontier.push(leaf);
                if closed {
                    log.after_close.get_or_insert(number);
                }
                closed |= matches!(&entry, Ok(entry) if matches!(entry.body, Body::Close(_)));
                if number < log.limit {
                    match entry {
                        Ok(entry) => log.signed(store, number, entry.entry, entry.body, each),
                        Err(error) => log.wrong(number, &error.to_string()),
                    }
                }
                if log.frontier.size() == log.limit {
                    log.root_at_limit = Some(log.frontier.root());
                }
            })
        });
        log
    }

    fn wrong(&mut self, number: u64, reason: &str) {
        self.problem.get_or_insert_with(|| format!("entry {number}: {reason}"));
    }

    fn signed(
        &mut self,
        store: &'a Store,
        number: u64,
        says: u64,
        body: Body,
        each: &mut dyn FnMut(u64, Body),
    ) {
        if says != number {
            self.wrong(number, &format!("it says it is entry {says}"));
        }
        match &body {
            Body::Start(_) if number == 0 => {}
            Body::Endorsement(endorsement) if number == 1 => {
                self.signed_endorsement = Some(endorsement.clone());
            }
            Body::Start(_) | Body::Endorsement(_) => {
                self.wrong(number, "it belongs at the beginning of a log");
            }
            Body::Close(close) => self.close = Some((number, close.clone())),
            Body::Observation(observation) => {
                for (digest, size) in artifacts_of(observation) {
                    self.refer(store, number, digest, size);
                }
            }
            Body::Observer(_) | Body::Event(_) => {}
        }
        each(number, body);
    }

    fn refer(&mut self, store: &'a Store, number: u64, digest: &str, size: u64) {
        let name = format!("artifacts/{digest}");
        let wrong = match store.files().get_key_value(&name) {
            Some((name, is)) if *is == size => {
                self.referenced.insert(name);
                return;
            }
            Some((_, is)) => format!("{name} has {is} bytes, entry {number} says {size}"),
            None => format!("{name} is missing (entry {number})"),
        };
        self.missing_count += 1;
        if self.missing.len() < 5 {
            self.missing.push(wrong);
        }
    }

    fn entries(&self) -> Found {
        match (&self.end, &self.problem) {
            (Err(error), _) => failed(format!("the log cannot be read: {error}")),
            (_, Some(problem)) => failed(problem.clone()),
            _ if self.limit == 0 => not_made("no checkpoint covers any"),
            _ => passed(format!(
                "{} signed entries, numbered without a gap",
                self.limit.min(self.frontier.size())
            )),
        }
    }

    fn tree(&self, head: &Checkpoint) -> Found {
        match self.root_at_limit {
            None if head.size == 0 => failed("the checkpoint covers no entries"),
            None => failed(format!(
                "the checkpoint covers {} entries; the log holds {} whole ones: some were taken away",
                head.size,
                self.frontier.size()
            )),
            Some(root) if root == head.root => passed("the lines lead to the root that the checkpoint signs"),
            Some(_) => failed(
                "the lines do not lead to the root that the checkpoint signs: one was changed, moved or replaced",
            ),
        }
    }

    fn endorsement(&self, bundle: &Bundle) -> Found {
        let Some(endorsement) = &self.signed_endorsement else {
            return failed("the second entry is not the operator's signature");
        };
        match key::check(&bundle.start().operator_key, bundle.first_line(), &endorsement.signature) {
            Ok(()) => passed("the first entry, which names the run's key, is signed by the operator's key"),
            Err(error) => failed(error.to_string()),
        }
    }

    /// Whether the log ends as a complete run's does, all of it signed.
    fn closing(&self, signed: bool) -> Found {
        let rest = self.frontier.size().saturating_sub(self.limit);
        if let Some(number) = self.after_close {
            return failed(format!("entry {number} follows the closing entry: it was added"));
        }
        if self.close.is_some() && !matches!(self.end, Ok(End::Whole)) {
            return failed("bytes follow the closing entry: they were added");
        }
        let cut = if matches!(self.end, Ok(End::Whole)) { "" } else { " and a cut line" };
        match (signed, rest) {
            (true, _) => passed("the run came to its end"),
            (false, 0) if cut.is_empty() => {
                not_made("the run did not come to its end: there is no closing entry")
            }
            (false, rest) => not_made(format!(
                "the run did not come to its end; {rest} entries{cut} after the last checkpoint are unsigned and decide nothing"
            )),
        }
    }
}

fn missing(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound { "it is missing".to_owned() } else { error.to_string() }
}

/// SHA-256 and length of a file, as a stream.
fn digest(store: &Store, name: &str) -> io::Result<(String, u64)> {
    let mut file = store.read(name)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hex(&hash.finalize()), bytes)),
            read => {
                hash.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

fn matches_digest(store: &Store, name: &str, expected: &str) -> Result<(), String> {
    match digest(store, name) {
        Ok((found, _)) if found == expected => Ok(()),
        Ok(_) => Err(format!("{} is not what was signed", quoted(name))),
        Err(error) => Err(format!("{}: {}", quoted(name), missing(&error))),
    }
}

/// Only what belongs to a bundle is there. What a killed run leaves behind is allowed until the run is complete.
fn files(store: &Store, start: &Start, complete: bool) -> Found {
    let mut extra: Vec<String> = store.strange().to_vec();
    let mut left_over = 0_usize;
    let mut more = 0_usize;
    for name in store.files().keys() {
        let expected = match name.as_str() {
            "evidence.jsonl" | "checkpoint" | "checkpoint.sig" | "findings.json" | "report.html" => true,
            _ if start.files.contains_key(name) => true,
            _ if name.starts_with("countersignatures/") => true,
            _ => is_artifact(name),
        };
        if expected {
        } else if !complete && name.ends_with(PARTIAL) {
            left_over += 1;
        } else if extra.len() < 10 {
            extra.push(format!("{} does not belong there", quoted(name)));
        } else {
            more += 1;
        }
    }
    if more > 0 {
        extra.push(format!("and {more} more"));
    }
    match (extra.is_empty(), left_over) {
        (false, _) => failed(extra.join("; ")),
        (true, 0) => {
            passed(format!("format {}; {} files, all of them a bundle's", start.format, store.files().len()))
        }
        (true, n) => {
            passed(format!("format {}; {n} half-written files that a killed run left", start.format))
        }
    }
}

fn is_artifact(name: &str) -> bool {
    name.strip_prefix("artifacts/").is_some_and(|digest| is_hex(digest, 32))
}

fn plan_files(store: &Store, start: &Start) -> Found {
    if !start.files.contains_key("plan.yaml") {
        return failed("the first entry names no plan.yaml");
    }
    let wrong: Vec<String> = start
        .files
        .iter()
        .filter_map(|(name, expected)| match is_plan_file(name) {
            true => matches_digest(store, name, expected).err(),
            false => Some(format!("{} is no place for a file of a plan", quoted(name))),
        })
        .take(5)
        .collect();
    if wrong.is_empty() {
        passed(format!("{} files are those that ran", start.files.len()))
    } else {
        failed(wrong.join("; "))
    }
}

fn artifacts(store: &Store, log: &Log, complete: bool) -> Found {
    let mut wrong = log.missing.clone();
    if log.missing_count > wrong.len() {
        wrong.push(format!("and {} more", log.missing_count - wrong.len()));
    }
    let stored = store.files().keys().filter(|name| is_artifact(name));
    let unused: Vec<&String> = stored.filter(|name| !log.referenced.contains(name.as_str())).collect();
    if complete && let Some(first) = unused.first() {
        wrong.push(format!("{} that no entry refers to, such as {}", unused.len(), quoted(first)));
    }
    let names: Vec<&str> = log.referenced.iter().copied().collect();
    let next = AtomicUsize::new(0);
    let altered = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let expected = name.trim_start_matches("artifacts/");
                    if let Err(reason) = matches_digest(store, name, expected) {
                        altered.lock().unwrap_or_else(PoisonError::into_inner).push(reason);
                    }
                }
            });
        }
    });
    let mut altered = altered.into_inner().unwrap_or_else(PoisonError::into_inner);
    altered.sort();
    altered.truncate(5);
    wrong.extend(altered);
    if wrong.is_empty() {
        let more = match unused.len() {
            0 => String::new(),
            n => format!("; {n} that no signed entry refers to"),
        };
        passed(format!("{} are there as recorded{more}", names.len()))
    } else {
        failed(wrong.join("; "))
    }
}

fn derived(store: &Store, name: &str, expected: Option<&str>) -> Found {
    match expected {
        None => not_made("no signed closing entry names its digest"),
        Some(expected) => match matches_digest(store, name, expected) {
            Ok(()) => passed("as the closing entry names it"),
            Err(reason) => failed(reason),
        },
    }
}

fn checkpoint_signature(store: &Store, checkpoint: Option<&[u8]>, start: &Start) -> Found {
    let Some(checkpoint) = checkpoint else { return not_made("there is no checkpoint to sign") };
    let signature = match store.read_all("checkpoint.sig", 1 << 16) {
        Ok(signature) => signature,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return not_made(
                "the operator did not sign the last checkpoint: the run did not come to its end",
            );
        }
        Err(error) => return failed(error.to_string()),
    };
    let text = String::from_utf8_lossy(&signature);
    match key::check(&start.operator_key, checkpoint, &text) {
        Ok(()) => passed("the operator's key signed the checkpoint"),
        Err(error) => failed(error.to_string()),
    }
}

fn countersignatures(store: &Store) -> Found {
    match store.files().keys().filter(|name| name.starts_with("countersignatures/")).count() {
        0 => not_made("there are none: when the run ended is the observer's word"),
        n => not_made(format!("there are {n}; this version cannot check them")),
    }
}

fn fingerprint(start: &Start) -> Option<String> {
    let key = PublicKey::from_openssh(&start.operator_key).ok()?;
    Some(key.fingerprint(HashAlg::Sha256).to_string())
}

fn signer(standing: &Standing, start: &Start) -> Found {
    let key = fingerprint(start).unwrap_or_else(|| "no readable key".to_owned());
    match standing {
        Standing::Own => passed(format!("{key} is your own key")),
        Standing::Listed(principals) => passed(format!("{key} is listed for {principals}")),
        Standing::NotFor(reason) => failed(format!("{key}: {reason}")),
        Standing::Unlisted => failed(format!("{key} is not among the signers you named")),
        Standing::NoList => {
            not_made(format!("{key}: you named no signers (--signers FILE), and it is not your own key"))
        }
    }
}
