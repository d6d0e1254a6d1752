//! The audit log: who did what, one JSON object a line, only ever added to.
//!
//! A line is one `write` of at most some 4 KiB to a file opened for appending, so that lines of two processes do not mix, and
//! is in the kernel's hands when [`AuditLog::write`] returns: it survives the end of the process. What is rare and matters most
//! (deletions, configuration, keys and tokens, revocations) is also synced to the disk before that; authentications,
//! denials, and what streams, pictures and recordings are asked for are not, since whoever floods the service with them would make the disk its bottleneck; the system
//! writes them within half a minute.
//!
//! Nothing takes a credential: texts are cut to a length, characters that could forge a line or its display are
//! replaced, and what looks like a token or key is masked.

use crate::identity::Identity;
use crate::role::Role;
use jiff::Timestamp;
use rustix::fs::{FallocateFlags, Mode, OFlags};
use serde::Serialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The longest text of a field, in characters.
const MAX_LENGTH: usize = 256;

/// What is kept free on the disk for the log, so that what gives a full disk room again can be put on record: some thousand lines.
const ROOM: u64 = 1 << 20;

/// An append-only log in one file.
pub struct AuditLog {
    path: PathBuf,
    mode: u32,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    /// The last line may lack its end: the next one begins with it.
    torn: bool,
    /// The length up to which there is room for the file on the disk.
    room_until: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody authenticated, or tried to.
    Authentication,
    /// A call that was not permitted.
    Denial,
    /// Calls beyond the limit.
    RateLimit,
    /// A session ended.
    SessionEnd,
    /// A camera's stream was started or stopped.
    Stream,
    /// A snapshot was taken.
    Snapshot,
    /// A recording was begun or ended.
    Recording,
    /// A recording, a snapshot or a camera was deleted.
    Deletion,
    /// The configuration or a policy was changed.
    ConfigurationChange,
    /// An API key was made or rotated.
    KeyCreated,
    /// An API key was revoked.
    KeyRevoked,
    /// A token was made.
    TokenCreated,
    /// A token or session was revoked.
    TokenRevoked,
    /// The service started, stopped, or read its certificates or configuration again.
    Service,
}

impl Event {
    /// Whether it is on the disk before `write` returns.
    const fn is_synced(self) -> bool {
        !matches!(
            self,
            Self::Authentication
                | Self::Denial
                | Self::RateLimit
                | Self::SessionEnd
                | Self::Stream
                | Self::Snapshot
                | Self::Recording
        )
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Success,
    /// Refused.
    Denied,
    /// Tried, and it did not work.
    Failed,
}

/// One entry. Every text may be hostile; none may be a credential.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What happened.
    pub event: Event,
    /// How it ended.
    pub outcome: Outcome,
    /// Who did it, if they were somebody.
    pub who: Option<&'a Identity>,
    /// Who they claimed to be if not: the identifier of a key.
    pub claimed: Option<&'a str>,
    /// From where.
    pub address: Option<IpAddr>,
    /// To what: a method, a file, a camera, a key's identifier.
    pub what: &'a str,
    /// Why it ended so, or what changed.
    pub reason: &'a str,
}

impl<'a> Entry<'a> {
    /// An entry by nobody, from nowhere, for no reason; the rest as struct update or by the methods below.
    #[must_use]
    pub const fn new(event: Event, outcome: Outcome, what: &'a str) -> Self {
        Self { event, outcome, who: None, claimed: None, address: None, what, reason: "" }
    }

    /// By somebody.
    #[must_use]
    pub const fn by(self, who: Option<&'a Identity>) -> Self {
        Self { who, ..self }
    }

    /// From somewhere.
    #[must_use]
    pub const fn from(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// For a reason.
    #[must_use]
    pub const fn because(self, reason: &'a str) -> Self {
        Self { reason, ..self }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: Timestamp,
    event: Event,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    what: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: Cow<'a, str>,
}

/// The log cannot be written. What needs to be on record must then be refused.
#[derive(Debug, thiserror::Error)]
#[error("{path}: the audit log cannot be {doing}: {source}")]
pub struct AuditError {
    path: PathBuf,
    doing: &'static str,
    source: io::Error,
}

impl AuditLog {
    /// Opens the log for appending, or makes it with this mode (such as 0o600 or 0o640).
    ///
    /// # Errors
    /// It cannot be opened, is no regular file, or others than its owner can write it.
    pub fn open(path: &Path, mode: u32) -> Result<Self, AuditError> {
        let open = Open::new(path, mode)?;
        Ok(Self { path: path.to_owned(), mode, open: Mutex::new(open) })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// It is not on record, or not surely: the caller must not go on as if it were.
    pub fn write(&self, entry: &Entry<'_>, now: Timestamp) -> Result<(), AuditError> {
        let line = Line {
            time: now,
            event: entry.event,
            outcome: entry.outcome,
            who: entry.who.map(|who| harmless(&who.user)),
            role: entry.who.map(|who| who.role),
            credential: entry.who.map(|who| harmless(&who.id)),
            claimed: entry.claimed.map(harmless),
            address: entry.address.map(|address| address.to_canonical()),
            what: harmless(entry.what),
            reason: harmless(entry.reason),
        };
        let mut bytes = vec![b'\n'];
        serde_json::to_writer(&mut bytes, &line).map_err(|error| self.error("written", error.into()))?;
        bytes.push(b'\n');
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = if open.torn { &bytes[..] } else { &bytes[1..] };
        // Until it is known to be whole it counts as torn: an empty line too many harms nobody.
        open.torn = true;
        open.file.write_all(bytes).map_err(|error| self.error("written", error))?;
        open.torn = false;
        open.keep_room();
        if entry.event.is_synced() {
            open.file.sync_data().map_err(|error| self.error("synced", error))?;
        }
        Ok(())
    }

    /// Opens the file by its name again, after it was rotated away.
    ///
    /// # Errors
    /// It cannot be opened: entries go on into the old one.
    pub fn reopen(&self) -> Result<(), AuditError> {
        let fresh = Open::new(&self.path, self.mode)?;
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn error(&self, doing: &'static str, source: io::Error) -> AuditError {
        AuditError { path: self.path.clone(), doing, source }
    }
}

impl Open {
    fn new(path: &Path, mode: u32) -> Result<Self, AuditError> {
        Self::try_new(path, mode).map_err(|source| AuditError {
            path: path.to_owned(),
            doing: "opened",
            source,
        })
    }

    fn try_new(path: &Path, mode: u32) -> io::Result<Self> {
        let flags = OFlags::RDWR
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC
            | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(mode & 0o777))?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if metadata.mode() & 0o022 != 0 {
            let mode = metadata.mode() & 0o777;
            return Err(io::Error::other(format!(
                "others can alter it (mode {mode:03o}): chmod 640 {}",
                path.display()
            )));
        }
        let mut last = [b'\n'];
        if let Some(at) = metadata.len().checked_sub(1) {
            file.read_exact_at(&mut last, at)?;
        }
        let mut open = Self { file, torn: last != [b'\n'], room_until: 0 };
        open.keep_room();
        Ok(open)
    }

    /// Has the file system keep room behind the end of the file, where it can and has any.
    fn keep_room(&mut self) {
        let Ok(metadata) = self.file.metadata() else { return };
        let end = metadata.len();
        if end + ROOM / 2 < self.room_until {
            return;
        }
        let kept = rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, end, ROOM);
        if kept.is_ok() {
            self.room_until = end + ROOM;
        }
    }
}

/// The text as it may be written: at most 256 characters, nothing that ends a line or turns its display around, no token and no key.
fn harmless(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let cut = text.char_indices().nth(MAX_LENGTH).map_or(text, |(at, _)| &text[..at]);
    if cut.len() == text.len() && !text.contains(hidden) && !has_credential(text) {
        return Cow::Borrowed(text);
    }
    let mut clean: String = cut.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect();
    if has_credential(&clean) {
        clean = words(&clean).map(|word| if is_credential(word) { "***" } else { word }).collect();
    }
    if cut.len() < text.len() {
        clean.push('…');
    }
    Cow::Owned(clean)
}

/// The text in pieces that are all of, or all not of, the characters of tokens and keys.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '=');
    text.split_inclusive(move |c: char| !of_word(c)).flat_map(move |piece| {
        let end = piece.trim_end_matches(|c: char| !of_word(c)).len();
        [&piece[..end], &piece[end..]]
    })
}

fn has_credential(text: &str) -> bool {
    words(text).any(is_credential)
}

/// A JSON Web Token begins with `{"` in Base64; a key is `cs_ID_SECRET`. The first part of one that was cut counts too.
fn is_credential(word: &str) -> bool {
    let token = word.find("eyJ").is_some_and(|at| word.len() - at >= 20);
    let key = word.find("cs_").is_some_and(|at| word[at..].len() > 20);
    token || key
}
