//! `log`: the end of a file, read backwards until the window is full, or `journalctl`.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use probity_plan::kinds::log::{Log, Source};
use probity_plan::{Barrier, Blocked, Value};

use crate::look::{Context, Look, Seen, barrier_of, time_text};
use crate::program;
use crate::stamp;

/// The longest stretch of a file's end that is read in search of the window's start.
const LONGEST: u64 = 64 << 20;
/// The first stretch that is tried.
const FIRST: u64 = 256 << 10;
/// At most so many `times` and `lines`.
const MOST: usize = 1000;
/// `lines` are together no longer.
const MOST_BYTES: usize = 64 << 10;

/// A line or journal entry of the window.
struct Entry {
    at: Timestamp,
    text: String,
}

/// What the log holds of the window, oldest first.
struct Window {
    entries: Vec<Entry>,
    /// Whether the log reaches back to the window's start; else why that is not so, or not known.
    covered: Result<(), Uncovered>,
    empty: bool,
    rotated: Vec<String>,
}

enum Uncovered {
    /// It begins later.
    Begins(String),
    /// More than is read lies between its end and the window's start.
    TooLarge(String),
}

enum Found {
    Window(Window),
    /// There is no such log.
    Absent(String),
}

impl Look for Log {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let now = Timestamp::now();
        let start = self.since.and_then(|since| now.checked_sub(since.0).ok()).unwrap_or(context.run_began);
        // On the whole second, because that is all that many logs tell: their lines of this second are in the window.
        let start = Timestamp::from_second(start.as_second()).unwrap_or(start);
        let found = match &self.log {
            Source::Journal { journal } => self::journal(journal, start, context).await,
            Source::File(path) => {
                let path = path.clone();
                // On a thread of its own: a hanging network file system then ends as a time-out.
                let read = tokio::task::spawn_blocking(move || file(&path, start, now));
                match tokio::time::timeout_at(context.deadline(), read).await {
                    Ok(Ok(found)) => found,
                    Ok(Err(_)) => Err(Blocked::new(Barrier::Aborted, "the look was cut off")),
                    Err(_) => Err(context.timed_out()),
                }
            }
        };
        let mut seen = Seen::default();
        seen.know("window_start", start);
        match found.and_then(|found| tell(self, found, now, &mut seen)) {
            Ok(()) => seen,
            Err(blocked) => Seen::nothing(blocked),
        }
    }
}

fn tell(log: &Log, found: Found, now: Timestamp, seen: &mut Seen) -> Result<(), Blocked> {
    let window = match found {
        Found::Window(window) => window,
        Found::Absent(why) => {
            seen.know("exists", false).block_rest(Blocked::new(Barrier::Unreachable, why));
            return Ok(());
        }
    };
    let pattern = log
        .pattern
        .as_ref()
        .map(|pattern| regex::Regex::new(pattern.as_str()))
        .transpose()
        .map_err(|error| Blocked::new(Barrier::Unsupported, error.to_string()))?;
    let matching: Vec<&Entry> = window
        .entries
        .iter()
        .filter(|entry| pattern.as_ref().is_none_or(|p| p.is_match(&entry.text)))
        .collect();
    let count = |n: usize| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
    seen.know("exists", true)
        .know("empty", window.empty)
        .know("rotated", window.rotated)
        .know("entries", count(window.entries.len()))
        .know("at_least", count(matching.len()));
    match window.covered {
        Ok(()) => _ = seen.know("window_covered", true).know("count", count(matching.len())),
        // "None" would pass on lines that nobody could see any more.
        Err(Uncovered::Begins(why)) => {
            seen.know("window_covered", false).block("count", Blocked::new(Barrier::Unreachable, why));
        }
        Err(Uncovered::TooLarge(why)) => {
            let blocked = Blocked::new(Barrier::TooLarge, why);
            seen.block("window_covered", blocked.clone()).block("count", blocked);
        }
    }
    match matching.last() {
        Some(last) => {
            let age = now.duration_since(last.at).as_secs_f64();
            seen.know("last", last.at).know("last_age_s", Value::decimal((age * 1e6).round() / 1e6));
        }
        None => {
            let none = Blocked::new(Barrier::Unreachable, "no line of the window matches");
            seen.block("last", none.clone()).block("last_age_s", none);
        }
    }
    let bytes: usize = matching.iter().map(|entry| entry.text.len()).sum();
    let too_many =
        Blocked::new(Barrier::TooLarge, format!("{} lines of {bytes} bytes match", matching.len()));
    let few = matching.len() <= MOST;
    seen.settle(
        "times",
        few.then(|| matching.iter().map(|e| e.at).collect::<Vec<_>>()).ok_or(too_many.clone()),
    );
    let short = few && bytes <= MOST_BYTES;
    seen.settle(
        "lines",
        short.then(|| matching.iter().map(|e| e.text.as_str()).collect::<Vec<_>>()).ok_or(too_many),
    );
    Ok(())
}

fn file(path: &str, start: Timestamp, now: Timestamp) -> Result<Found, Blocked> {
    let failed = |error: &std::io::Error| barrier_of(&format!("open {path}"), error);
    // Not blocking: a pipe would wait for somebody to write.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(Found::Absent(format!("{path} does not exist")));
        }
        Err(error) => return Err(failed(&error)),
    };
    let metadata = file.metadata().map_err(|e| failed(&e))?;
    if !metadata.is_file() {
        return Err(Blocked::new(Barrier::Unsupported, format!("{path} is not a regular file")));
    }
    let size = metadata.len();
    let rotated = rotated(path);
    if size == 0 {
        let covered = Err(Uncovered::Begins(format!("{path} is empty")));
        return Ok(Found::Window(Window { entries: Vec::new(), covered, empty: true, rotated }));
    }
    let mut stretch = FIRST;
    loop {
        let from = size.saturating_sub(stretch);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(|e| failed(&e))?;
        // No further than it was long when we began, however fast it grows.
        file.by_ref().take(size - from).read_to_end(&mut bytes).map_err(|e| failed(&e))?;
        let (entries, first) = entries(&String::from_utf8_lossy(&bytes), from > 0, start, now);
        let covered = match first {
            Some(first) if first <= start => Ok(()),
            _ if from > 0 && stretch < LONGEST => {
                stretch *= 4;
                continue;
            }
            _ if from > 0 => Err(Uncovered::TooLarge(format!(
                "{path} has {size} bytes, and its last {LONGEST} do not reach back to {}",
                time_text(start)
            ))),
            Some(first) => {
                let parts = if rotated.is_empty() {
                    String::new()
                } else {
                    format!(" (older parts: {})", rotated.join(", "))
                };
                Err(Uncovered::Begins(format!("{path} begins at {}{parts}", time_text(first))))
            }
            None => {
                let why = format!(
                    "no line of {path} bears a time in a form that is known (RFC 3339, syslog, Common Log Format)"
                );
                return Err(Blocked::new(Barrier::Protocol, why));
            }
        };
        return Ok(Found::Window(Window { entries, covered, empty: false, rotated }));
    }
}

/// The lines at or after `start`, and the time of the first line that bears one. A line without belongs to the one
/// before it (a stack trace). `cut`: the text begins somewhere within a line.
fn entries(text: &str, cut: bool, start: Timestamp, now: Timestamp) -> (Vec<Entry>, Option<Timestamp>) {
    let (mut entries, mut first, mut current) = (Vec::new(), None, None);
    for line in text.lines().skip(usize::from(cut)) {
        if let Some(at) = stamp::of(line, now) {
            first = first.or(Some(at));
            current = Some(at);
        }
        if let Some(at) = current.filter(|at| *at >= start) {
            entries.push(Entry { at, text: line.to_owned() });
        }
    }
    (entries, first)
}

/// What logrotate and its like leave beside a log: its name with a number or a date, perhaps compressed.
fn rotated(path: &str) -> Vec<String> {
    let path = Path::new(path);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|other| {
            other
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(['.', '-']))
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) || rest.starts_with("old"))
        })
        .collect();
    names.sort();
    names.truncate(100);
    names
}

async fn journal(unit: &str, start: Timestamp, context: &Context<'_>) -> Result<Found, Blocked> {
    let unit_option = format!("--unit={unit}");
    // Seconds since 1970 (systemd.time(7)).
    let at = format!("@{}", start.as_second());
    let since = format!("--since={at}");
    let mut entries = journalctl(&[&unit_option, &since], context).await?;
    entries.retain(|entry| entry.at >= start);
    if entries.is_empty() && journalctl(&[&unit_option, "--lines=1"], context).await?.is_empty() {
        if journalctl(&["--lines=1"], context).await?.is_empty() {
            return Err(Blocked::new(Barrier::Unreachable, "there is no journal, or nothing in it"));
        }
        return Ok(Found::Absent(format!("the journal holds nothing of the unit {unit}")));
    }
    // Anything at all, of whatever unit, from before the window: then nothing of the window was vacuumed away.
    let before = format!("--until={at}");
    let covered = if journalctl(&[&before, "--lines=1"], context).await?.is_empty() {
        Err(Uncovered::Begins(format!("the journal begins after {}", time_text(start))))
    } else {
        Ok(())
    };
    Ok(Found::Window(Window { entries, covered, empty: false, rotated: Vec::new() }))
}

async fn journalctl(options: &[&str], context: &Context<'_>) -> Result<Vec<Entry>, Blocked> {
    // Not `--quiet`: the hint that there are entries we may not see would go with it.
    let mut arguments: Vec<String> =
        ["journalctl", "--no-pager", "--all", "--output=json", "--output-fields=MESSAGE"]
            .map(str::to_owned)
            .to_vec();
    arguments.extend(options.iter().map(|&option| option.to_owned()));
    let (code, stdout, stderr) = program::ask(&arguments, &BTreeMap::new(), context).await?;
    let said = |barrier| Err(Blocked::new(barrier, format!("journalctl: {}", stderr.trim())));
    if stderr.contains("insufficient permissions") || stderr.contains("not seeing messages from other users")
    {
        return said(Barrier::PermissionDenied);
    }
    if code != 0 {
        return said(Barrier::Protocol);
    }
    stdout.lines().filter(|line| !line.is_empty() && !line.starts_with("-- ")).map(entry).collect()
}

fn entry(line: &str) -> Result<Entry, Blocked> {
    let wrong = || Blocked::new(Barrier::Protocol, format!("journalctl: `{line}` is no entry"));
    let json: serde_json::Value = serde_json::from_str(line).map_err(|_| wrong())?;
    let at = json.get("__REALTIME_TIMESTAMP").and_then(|at| at.as_str()?.parse().ok()).ok_or_else(wrong)?;
    let at = Timestamp::from_microsecond(at).map_err(|_| wrong())?;
    Ok(Entry { at, text: json.get("MESSAGE").map(message).unwrap_or_default() })
}

/// Text; the bytes of what is not plain text; or several of these, where a program logged several.
fn message(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(list) => {
            let bytes: Option<Vec<u8>> = list.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
            match bytes {
                Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                None => list.iter().map(message).collect::<Vec<_>>().join("\n"),
            }
        }
        _ => String::new(),
    }
}
