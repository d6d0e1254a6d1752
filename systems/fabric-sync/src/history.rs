//! The history of one fabric: one line a record, each chained to the one before by its SHA-256 and signed if there is a key (SSHSIG, so
//! that `ssh-keygen -Y verify` can check it). Only ever appended to, also by several processes. Knows nothing of what a record says.
//!
//! A line is `{"record": R, "hash": H, "signature": S}`. H is the SHA-256, as 64 hexadecimal digits, of the text `fabric-sync history 1`, a
//! line end, the hash of the line before (64 zeros for the first), a line end, and R's bytes as they stand there. S is the armoured
//! signature of H's digits in the namespace [`NAMESPACE`].

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use ssh_key::{LineEnding, PrivateKey, PublicKey, SshSig};

/// The namespace of signatures.
pub const NAMESPACE: &str = "fabric-sync-history";
/// A line that is longer is not one of ours.
const MAX_LINE: u64 = 4 << 20;
/// What the first line follows.
const ORIGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Why the history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The key that signs.
    #[error("{}: {reason}; a key is an OpenSSH private key (Ed25519, no passphrase): ssh-keygen -t ed25519 -N '' -f {}", path.display(), path.display())]
    Key {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    record: &'a RawValue,
    hash: String,
    #[serde(default)]
    signature: Option<String>,
}

#[derive(Serialize)]
struct NewLine<'a> {
    record: &'a RawValue,
    hash: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// What a power failure left of a line, kept as a record.
#[derive(Serialize)]
struct Torn<'a> {
    torn: &'a str,
}

/// One line that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1 on.
    pub line: usize,
    /// The record as JSON.
    pub record: String,
    /// Its hash.
    pub hash: String,
    /// Whether it follows the line before.
    pub fault: Option<Fault>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is no line of a history.
    Unreadable,
    /// Its hash is not that of its record after the line before.
    Broken,
    /// Keys were given, and there is no signature.
    Unsigned,
    /// The signature is none of the keys'.
    BadSignature,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Fault::Unreadable => "no line of a history",
            Fault::Broken => "does not follow the line before: a line was changed, added or taken away",
            Fault::Unsigned => "not signed",
            Fault::BadSignature => "the signature is of no key that was given",
        })
    }
}

/// Where a history ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    hash: String,
    bytes: u64,
    lines: usize,
}

impl End {
    /// Of a history without a line.
    fn origin() -> Self {
        End { hash: ORIGIN.into(), bytes: 0, lines: 0 }
    }
}

/// How a file stood: whoever writes to it, or puts another in its place, makes it another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Ok(Stamp { inode: metadata.ino(), bytes: metadata.len(), changed })
    }
}

/// A history that is appended to.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    /// The file of the key that signs; read for each record, so that another key takes effect at once.
    key_file: Option<PathBuf>,
    end: End,
    /// How the file stood when we last let go of it; none before we read it.
    left: Option<Stamp>,
    /// The first line that is not as it should be.
    fault: Option<(usize, Fault)>,
}

/// Reads a private key.
///
/// # Errors
/// It cannot be read, or cannot sign here.
pub fn read_key(path: &Path) -> Result<PrivateKey, HistoryError> {
    let wrong = |reason: String| HistoryError::Key { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let key = PrivateKey::from_openssh(&text).map_err(|error| wrong(error.to_string()))?;
    match (key.is_encrypted(), key.algorithm()) {
        (true, _) => Err(wrong("it has a passphrase, which nobody can type here".into())),
        (false, ssh_key::Algorithm::Ed25519) => Ok(key),
        (false, other) => Err(wrong(format!("it is of the kind {other}"))),
    }
}

impl History {
    /// Opens the history at `path`, makes it if there is none, and reads it through once. The key in `key_file` signs.
    ///
    /// # Errors
    /// The file or the key.
    pub fn open(path: &Path, key_file: Option<PathBuf>) -> Result<Self, HistoryError> {
        key_file.as_deref().map(read_key).transpose()?;
        let path = path.to_owned();
        let mut history = History { path, key_file, end: End::origin(), left: None, fault: None };
        let mut file = history.lock()?;
        history.catch_up(&mut file).map_err(|source| history.failed(source))?;
        Ok(history)
    }

    /// The hash of the last line; 64 zeros if there is none.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.end.hash
    }

    /// The first line that does not follow, if any: then somebody changed the file.
    #[must_use]
    pub fn fault(&self) -> Option<(usize, Fault)> {
        self.fault
    }

    /// Appends a record, and answers once it will survive a power failure.
    ///
    /// # Errors
    /// It could not be kept; then nothing that it was to announce may be done.
    pub fn append<R: Serialize>(&mut self, record: &R) -> Result<(), HistoryError> {
        let mut file = self.lock()?;
        let result = self.catch_up(&mut file).and_then(|()| self.write(&mut file, record));
        result.map_err(|source| self.failed(source))
    }

    fn write<R: Serialize>(&mut self, file: &mut File, record: &R) -> io::Result<()> {
        let record = serde_json::value::to_raw_value(record).map_err(io::Error::other)?;
        let hash = chain(&self.end.hash, record.get());
        let signature = match &self.key_file {
            None => None,
            Some(path) => {
                let key = read_key(path).map_err(io::Error::other)?;
                Some(sign(&key, &hash).map_err(io::Error::other)?)
            }
        };
        let line = NewLine { record: &record, hash: &hash, signature };
        let mut text = serde_json::to_string(&line).map_err(io::Error::other)?;
        text.push('\n');
        file.seek(SeekFrom::Start(self.end.bytes))?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        let bytes = self.end.bytes + text.len() as u64;
        self.end = End { hash, bytes, lines: self.end.lines + 1 };
        self.left = Some(Stamp::of(file)?);
        Ok(())
    }

    /// Reads the file through anew, under the lock, if anybody else wrote to it since: what others appended is taken in, and what was
    /// changed is found.
    fn catch_up(&mut self, file: &mut File) -> io::Result<()> {
        let stamp = Stamp::of(file)?;
        if stamp.bytes < self.end.bytes {
            return Err(io::Error::other(format!(
                "it had {} bytes and has {}: somebody cut it off; put it back, or move it away to begin another",
                self.end.bytes, stamp.bytes
            )));
        }
        if self.left == Some(stamp) {
            return Ok(());
        }
        let known = std::mem::replace(&mut self.end, End::origin());
        self.fault = None;
        let read = self.read_through(file, &known);
        match &read {
            Ok(()) => self.left = Some(Stamp::of(file)?),
            // It is still the end that we know.
            Err(_) => self.end = known,
        }
        read
    }

    /// Reads every line. The one that ended at `known` must be there as it was: a file that only fits itself is another one. What is left
    /// of a line that was never finished becomes a record of its own.
    fn read_through(&mut self, file: &mut File, known: &End) -> io::Result<()> {
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(&*file);
        let (mut line, mut fits) = (Vec::new(), known.bytes == 0);
        let torn = loop {
            line.clear();
            if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
                break None;
            }
            if line.last() != Some(&b'\n') {
                if line.len() as u64 == MAX_LINE {
                    return Err(io::Error::other(format!("line {} is too long", self.end.lines + 1)));
                }
                break Some(String::from_utf8_lossy(&line).into_owned());
            }
            let entry = check(&line, &self.end.hash, self.end.lines + 1, &[]);
            if let Some(fault) = entry.fault {
                self.fault.get_or_insert((entry.line, fault));
            }
            let bytes = self.end.bytes + line.len() as u64;
            self.end = End { hash: entry.hash, bytes, lines: entry.line };
            fits |= self.end == *known;
        };
        if !fits {
            self.fault.get_or_insert((known.lines, Fault::Broken));
        }
        match torn {
            None => Ok(()),
            Some(torn) => {
                file.set_len(self.end.bytes)?;
                self.write(file, &Torn { torn: &torn })
            }
        }
    }

    fn lock(&self) -> Result<File, HistoryError> {
        let open = || {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o640)
                .open(&self.path)?;
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        };
        open().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> HistoryError {
        HistoryError::File { path: self.path.clone(), source }
    }
}

/// Reads a history through; `each` gets every line. With keys, each must be signed by one of them.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path, keys: &[PublicKey], mut each: impl FnMut(Entry)) -> Result<(), HistoryError> {
    let failed = |source: io::Error| HistoryError::File { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let (mut previous, mut number, mut line) = (ORIGIN.to_owned(), 0, Vec::new());
    loop {
        line.clear();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        number += 1;
        let entry = check(&line, &previous, number, keys);
        previous.clone_from(&entry.hash);
        each(entry);
    }
}

fn check(line: &[u8], previous: &str, number: usize, keys: &[PublicKey]) -> Entry {
    let text = String::from_utf8_lossy(line);
    let Ok(parsed) = serde_json::from_str::<Line<'_>>(&text) else {
        let record = text.trim_end().to_owned();
        return Entry { line: number, record, hash: previous.to_owned(), fault: Some(Fault::Unreadable) };
    };
    let record = parsed.record.get().to_owned();
    let fault = if chain(previous, &record) != parsed.hash {
        Some(Fault::Broken)
    } else if keys.is_empty() {
        None
    } else {
        match &parsed.signature {
            None => Some(Fault::Unsigned),
            Some(signature) => {
                let is_one = keys.iter().any(|key| verifies(key, &parsed.hash, signature));
                (!is_one).then_some(Fault::BadSignature)
            }
        }
    };
    Entry { line: number, record, hash: parsed.hash, fault }
}

fn chain(previous: &str, record: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["fabric-sync history 1\n", previous, "\n", record] {
        hash.update(part);
    }
    format!("{:x}", hash.finalize())
}

fn sign(key: &PrivateKey, hash: &str) -> ssh_key::Result<String> {
    key.sign(NAMESPACE, ssh_key::HashAlg::Sha512, hash.as_bytes())?.to_pem(LineEnding::LF)
}

fn verifies(key: &PublicKey, hash: &str, signature: &str) -> bool {
    SshSig::from_pem(signature)
        .is_ok_and(|signature| key.verify(NAMESPACE, hash.as_bytes(), &signature).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn faults(path: &Path, keys: &[PublicKey]) -> Vec<(usize, Fault)> {
        let mut found = Vec::new();
        read(path, keys, |entry| found.extend(entry.fault.map(|fault| (entry.line, fault)))).unwrap();
        found
    }

    fn records(path: &Path) -> Vec<String> {
        let mut found = Vec::new();
        read(path, &[], |entry| found.push(entry.record)).unwrap();
        found
    }

    fn three(path: &Path) {
        let mut history = History::open(path, None).unwrap();
        for number in 1..=3 {
            history.append(&serde_json::json!({ "run": number })).unwrap();
        }
    }

    #[test]
    fn a_history_that_nobody_touched_has_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.jsonl");
        three(&path);
        assert_eq!(faults(&path, &[]), []);
        assert_eq!(records(&path), [r#"{"run":1}"#, r#"{"run":2}"#, r#"{"run":3}"#]);
        // Computed by another program: { printf 'fabric-sync history 1\n%064d\n{"run":1}' 0; } | sha256sum
        let expected = "75097625c6530e3493fea13e25eff5f28bc1c31f736100ebf148d6db00749955";
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().next().unwrap().contains(expected));
    }

    #[test]
    fn a_line_changed_taken_away_or_put_elsewhere_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.jsonl");
        three(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (changed, expected) in [
            (text.replace(r#"{"run":2}"#, r#"{"run":7}"#), vec![(2, Fault::Broken)]),
            (format!("{}\n{}\n", lines[0], lines[2]), vec![(2, Fault::Broken)]),
            (
                format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]),
                vec![(2, Fault::Broken), (3, Fault::Broken)],
            ),
            (text.replace(lines[1], "nonsense"), vec![(2, Fault::Unreadable), (3, Fault::Broken)]),
        ] {
            std::fs::write(&path, changed).unwrap();
            assert_eq!(faults(&path, &[]), expected);
            assert_eq!(History::open(&path, None).unwrap().fault(), expected.first().copied());
        }
    }

    #[test]
    fn a_line_that_a_power_failure_left_in_half_is_kept_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.jsonl");
        three(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        let half = text.len() - 30;
        std::fs::write(&path, &text[..half]).unwrap();
        let mut history = History::open(&path, None).unwrap();
        history.append(&serde_json::json!({ "run": 4 })).unwrap();
        assert_eq!(faults(&path, &[]), []);
        let records = records(&path);
        assert_eq!((records.len(), records[3].as_str()), (4, r#"{"run":4}"#));
        assert!(records[2].starts_with(r#"{"torn":"{\"record\":{\"run\":3}"#), "{}", records[2]);
    }

    #[test]
    fn two_writers_make_one_chain() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.jsonl");
        let mut writers = [History::open(&path, None).unwrap(), History::open(&path, None).unwrap()];
        for number in 0..6 {
            writers[number % 2].append(&serde_json::json!({ "run": number })).unwrap();
        }
        assert_eq!(faults(&path, &[]), []);
        assert_eq!(records(&path).len(), 6);
        // Cut off behind our back: nothing is written over it in silence.
        std::fs::write(&path, "").unwrap();
        assert!(writers[0].append(&serde_json::json!({})).unwrap_err().to_string().contains("cut it off"));
    }

    #[test]
    fn what_is_changed_behind_the_back_of_who_appends_is_found_with_the_next_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.jsonl");
        three(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut history = History::open(&path, None).unwrap();
        let mut append = |number: i32| {
            history.append(&serde_json::json!({ "run": number })).unwrap();
            history.fault()
        };
        assert_eq!(append(4), None);
        let replace = |old: &str, new: &str| {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text.replace(old, new)).unwrap();
        };
        // In place, not a byte more or less.
        replace(r#"{"run":2}"#, r#"{"run":7}"#);
        assert_eq!(append(5), Some((2, Fault::Broken)));
        // Put back as it was, it is well again.
        replace(r#"{"run":7}"#, r#"{"run":2}"#);
        assert_eq!(append(6), None);
        // Another history, which fits itself.
        let other = folder.path().join("other.jsonl");
        let mut history = History::open(&other, None).unwrap();
        for number in 0..9 {
            history.append(&serde_json::json!({ "other": number })).unwrap();
        }
        let mut history = {
            std::fs::write(&path, &text).unwrap();
            History::open(&path, None).unwrap()
        };
        std::fs::copy(&other, &path).unwrap();
        history.append(&serde_json::json!({ "run": 4 })).unwrap();
        assert_eq!(history.fault(), Some((3, Fault::Broken)));
    }

    #[test]
    fn a_signature_is_the_keys_or_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.jsonl");
        let key = |seed: u8| PrivateKey::from(ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]));
        let public = |seed: u8| key(seed).public_key().clone();
        let file = folder.path().join("key");
        let put = |seed: u8| std::fs::write(&file, key(seed).to_openssh(LineEnding::LF).unwrap()).unwrap();
        put(1);
        let mut history = History::open(&path, Some(file.clone())).unwrap();
        history.append(&serde_json::json!({ "run": 1 })).unwrap();
        History::open(&path, None).unwrap().append(&serde_json::json!({ "run": 2 })).unwrap();
        assert_eq!(faults(&path, &[public(1)]), [(2, Fault::Unsigned)]);
        let other = faults(&path, &[public(2)]);
        assert_eq!(other, [(1, Fault::BadSignature), (2, Fault::Unsigned)]);
        // Another key in its place signs the next record; without one, nothing is recorded.
        put(2);
        history.append(&serde_json::json!({ "run": 3 })).unwrap();
        assert_eq!(faults(&path, &[public(1)]), [(2, Fault::Unsigned), (3, Fault::BadSignature)]);
        assert_eq!(faults(&path, &[public(1), public(2)]), [(2, Fault::Unsigned)]);
        std::fs::remove_file(&file).unwrap();
        assert!(history.append(&serde_json::json!({ "run": 4 })).is_err());
        assert_eq!(records(&path).len(), 3);
    }
}
