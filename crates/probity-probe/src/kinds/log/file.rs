//! A log file: from its end back to where the window begins, and forward from there in parts of bounded size.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use jiff::Timestamp;
use memchr::{memchr, memrchr};
use probity_plan::{Barrier, Blocked};

use super::tally::{Stretch, Tally};
use super::{LogState, Span, Window};
use crate::log_time::LogTimes;
use crate::look::{CLOCK_UNCERTAINTY, Underway, barrier_of, no_pattern, time_text};

/// The first stretch before the end in which the window's start is sought; then four times as much, and so on.
const FIRST: u64 = 256 << 10;
/// So many lines at the beginning of a stretch have to lie before the window: one that took long, and bears the time when it
/// began, stands among others of a later time.
const MIN_LINES_BEFORE: usize = 100;
/// So much before them is read, too: a clock that was set back, or lines that are written again, put old times behind later
/// ones.
const MARGIN: u64 = 64 << 20;
/// And so many samples are taken of all that lies before that.
const SAMPLES: u64 = 64;
/// What is read at once.
const PART: usize = 1 << 20;
/// The most older parts of a log that are named.
const MAX_OLDER: usize = 100;
/// The longest line, and the most that is read in search of one that bears a time, in bytes.
const MAX_LENGTH: usize = 64 << 20;

/// Reads what the file holds of the window.
///
/// # Errors
/// `unsupported` for what is no file, `protocol` where no line bears a time, `changed` if it shrank under the look.
pub fn see(
    path: &str,
    times: LogTimes,
    tally: Tally,
    span: Span,
    underway: &Underway,
) -> Result<LogState, Blocked> {
    let failed = |error: &std::io::Error| barrier_of(&format!("open {path}"), error);
    // Not blocking: a pipe would wait for somebody to write.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = match File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return no_pattern(path).map(|()| LogState::Absent(format!("{path} does not exist")));
        }
        Err(error) => return Err(failed(&error)),
    };
    let metadata = file.metadata().map_err(|error| failed(&error))?;
    if !metadata.is_file() {
        return Err(Blocked::new(Barrier::Unsupported, format!("{path} is not a regular file")));
    }
    let older = older_parts(Path::new(path));
    // No further than it was long when we began, however fast it grows.
    let written = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
    let is_quiet = written.is_some_and(|at| at < span.start);
    let mut log = LogFile { path, size: metadata.len(), is_quiet, file, times, tally, span, underway };
    let rotated: Vec<String> = older.iter().take(MAX_OLDER).map(|(name, _)| name.clone()).collect();
    let (from, mut covered) = log.window(&rotated)?;
    // Its first line may bear an old time all the same: of a clock that was not yet set, or that a program tells of itself.
    let late = older.iter().filter_map(|(name, written)| Some((name, (*written)?)));
    if let (Ok(()), Some((name, at))) =
        (&covered, late.max_by_key(|(_, at)| *at).filter(|(_, at)| *at > span.start))
    {
        covered = Err(format!("its older part {name} was written in the window, at {}", time_text(at)));
    }
    let empty = log.size == 0;
    log.count(from)?;
    log.unchanged(&metadata)?;
    Ok(LogState::Window(Box::new(Window { tally: log.tally, covered, suppressed: None, empty, rotated })))
}

struct LogFile<'a> {
    path: &'a str,
    size: u64,
    /// Whether nothing was written to it in the window.
    is_quiet: bool,
    file: File,
    times: LogTimes,
    tally: Tally,
    span: Span,
    underway: &'a Underway,
}

/// Where a line lies by its time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    /// Before it by no more than its line may stand behind a later one: programs round, and write when something ends.
    JustBefore,
    /// Behind a line before it, without a time: a stack trace of that line, or written since.
    Undated,
    Within,
    Ahead,
    /// It may bear a time of its own, which is not known.
    Unknown,
}

impl LogFile<'_> {
    /// Where to begin to read, and whether the log reaches back to the window's start.
    fn window(&mut self, rotated: &[String]) -> Result<(u64, Result<(), String>), Blocked> {
        if self.size == 0 {
            return Ok((0, Err(format!("{} is empty", self.path))));
        }
        let mut stretch = FIRST;
        loop {
            let from = self.size.saturating_sub(stretch);
            match self.first_times(from)? {
                Some((_, latest)) if from > 0 && latest <= self.span.start => {
                    let from = from.saturating_sub(MARGIN);
                    if from > 0 && self.lies_before(from)? {
                        return Ok((from, Ok(())));
                    }
                    stretch = self.size;
                }
                Some((first, _)) if from == 0 && first <= self.span.start => return Ok((0, Ok(()))),
                Some((first, _)) if from == 0 => {
                    let parts = if rotated.is_empty() {
                        String::new()
                    } else {
                        format!(" (older parts: {})", rotated.join(", "))
                    };
                    return Ok((0, Err(format!("{} begins at {}{parts}", self.path, time_text(first)))));
                }
                None if from == 0 || stretch > MAX_LENGTH as u64 => {
                    let why = format!(
                        "no line of {} begins with a time in a form that is known (RFC 3339, syslog, Common Log Format); say `format`",
                        self.path
                    );
                    return Err(Blocked::new(Barrier::Protocol, why));
                }
                _ => stretch *= 4,
            }
        }
    }

    /// Whether what lies before this place lies before the window, too, by samples.
    fn lies_before(&mut self, end: u64) -> Result<bool, Blocked> {
        for sample in 0..=SAMPLES {
            let times = self.first_times(end / SAMPLES * sample)?;
            if times.is_some_and(|(_, latest)| latest > self.span.start) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The time of the first line from here on that bears one, and the latest of the first few.
    fn first_times(&mut self, from: u64) -> Result<Option<(Timestamp, Timestamp)>, Blocked> {
        let mut times: Option<(Timestamp, Timestamp)> = None;
        let mut left = MIN_LINES_BEFORE;
        let mut cut = from > 0;
        let mut seen = 0;
        self.parts(from, |log, part, last| {
            let mut at = 0;
            // From the middle of a line on it is none.
            if std::mem::take(&mut cut) {
                at = memchr(b'\n', part).map_or(part.len(), |end| end + 1);
            }
            while at < part.len() && left > 0 {
                let end = at + memchr(b'\n', &part[at..]).unwrap_or(part.len() - at);
                if let Some(time) = log.times.of(&part[at..end])? {
                    times = Some(times.map_or((time, time), |(first, latest)| (first, latest.max(time))));
                    left -= 1;
                }
                at = end + 1;
            }
            seen += part.len();
            Ok(times.is_none() && !last && seen < MAX_LENGTH)
        })?;
        Ok(times)
    }

    /// Counts the lines from here on, each by its own time. One without belongs to the one before it (a stack trace), unless
    /// that lies before the window: a program that dies writes lines without times, however long it was quiet.
    fn count(&mut self, from: u64) -> Result<(), Blocked> {
        let mut cut = from > 0;
        let mut current: Option<(Timestamp, Place)> = None;
        let (start, latest) = (self.span.start, self.span.latest());
        let just_before = start.checked_sub(CLOCK_UNCERTAINTY).unwrap_or(start);
        self.parts(from, |log, part, _| {
            let mut at = 0;
            if std::mem::take(&mut cut) {
                at = memchr(b'\n', part).map_or(part.len(), |end| end + 1);
            }
            let (zeros, returns) = (memchr(0, part).is_some(), memchr(b'\r', part).is_some());
            // A stretch of lines of the same place, and the time of the line before it.
            let (mut began, mut lines, mut before) = (at, 0, current);
            while at < part.len() {
                let end = at + memchr(b'\n', &part[at..]).unwrap_or(part.len() - at);
                let line = &part[at..end];
                let placed = match log.times.of(line)? {
                    // What ends its lines with carriage returns alone is one line, of many times.
                    time if returns && log.may_bear_time_behind_return(line)? => {
                        Some((time.or(current.map(|(before, _)| before)).unwrap_or(start), Place::Unknown))
                    }
                    Some(time) if time < start && zeros && LogTimes::may_bear_time_behind_zeros(line) => {
                        Some((time, Place::Unknown))
                    }
                    Some(time) if time < just_before => Some((time, Place::Before)),
                    Some(time) if time < start => Some((time, Place::JustBefore)),
                    Some(time) if time > latest => Some((time, Place::Ahead)),
                    Some(time) => Some((time, Place::Within)),
                    None if LogTimes::may_bear_time(line) => {
                        Some((current.map_or(start, |(before, _)| before), Place::Unknown))
                    }
                    // What is indented goes on with what stands before it.
                    None if !log.is_quiet && !matches!(line.first(), None | Some(b' ' | b'\t' | b'\r')) => {
                        current
                            .filter(|(_, place)| matches!(place, Place::Before | Place::JustBefore))
                            .map(|(time, _)| (time, Place::Undated))
                    }
                    None => None,
                };
                if let Some((time, place)) = placed {
                    if current.is_none_or(|(_, now)| now != place) {
                        log.take(&part[began..at], lines, before, current)?;
                        (began, lines, before) = (at, 0, Some((time, place)));
                    }
                    current = Some((time, place));
                }
                lines += 1;
                at = (end + 1).min(part.len());
            }
            log.take(&part[began..], lines, before, current)?;
            Ok(true)
        })
    }

    /// Whether a line may bear another time behind a carriage return that does not end it.
    fn may_bear_time_behind_return(&mut self, line: &[u8]) -> Result<bool, Blocked> {
        for part in line.split(|byte| *byte == b'\r').skip(1) {
            if LogTimes::may_bear_time(part) || self.times.of(part)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take(
        &mut self,
        bytes: &[u8],
        lines: u64,
        before: Option<(Timestamp, Place)>,
        current: Option<(Timestamp, Place)>,
    ) -> Result<(), Blocked> {
        // Lines before the first that bears a time belong to none.
        let (Some((before, _)), Some((_, place))) = (before.or(current), current) else { return Ok(()) };
        let stretch = Stretch { bytes, lines, before };
        match place {
            // The window has begun, so that they were written within it; when, their times do not tell.
            Place::Before if self.tally.entries > 0 => {
                self.tally.add_late_lines(&stretch);
                Ok(())
            }
            Place::Before | Place::JustBefore => {
                // What stands before them was written before, unless the window has begun: then it is they that are late.
                if self.tally.entries == 0 {
                    (self.tally.unknown, self.tally.undated, self.tally.unsure) = (0, 0, 0);
                }
                Ok(())
            }
            Place::Within => self.tally.add_lines(&stretch, &mut self.times),
            Place::Ahead => self.tally.add_lines_ahead(&stretch, &mut self.times),
            Place::Undated => {
                self.tally.add_undated_lines(&stretch);
                Ok(())
            }
            Place::Unknown => {
                self.tally.add_lines_of_unknown_time(&stretch);
                Ok(())
            }
        }
    }

    /// Hands on the file from here to its end in parts of whole lines, as long as `take` says so; with the last of them
    /// that it is.
    fn parts(
        &mut self,
        mut from: u64,
        mut take: impl FnMut(&mut Self, &[u8], bool) -> Result<bool, Blocked>,
    ) -> Result<(), Blocked> {
        let mut buffer = vec![0; PART];
        let mut held = 0;
        while from < self.size {
            self.underway.go_on()?;
            if held == buffer.len() {
                if held >= MAX_LENGTH {
                    let why = format!("{} has a line of more than {MAX_LENGTH} bytes", self.path);
                    return Err(Blocked::new(Barrier::TooLarge, why));
                }
                buffer.resize(held * 2, 0);
            }
            let room = (buffer.len() - held).min(usize::try_from(self.size - from).unwrap_or(usize::MAX));
            let read = self.file.read_at(&mut buffer[held..held + room], from);
            let n = read.map_err(|error| barrier_of(&format!("read {}", self.path), &error))?;
            if n == 0 {
                return Err(self.shrank());
            }
            from += n as u64;
            let end = held + n;
            let last = from == self.size;
            let whole =
                if last { end } else { memrchr(b'\n', &buffer[held..end]).map_or(0, |at| held + at + 1) };
            if whole > 0 {
                if !take(self, &buffer[..whole], last)? {
                    return Ok(());
                }
                buffer.copy_within(whole..end, 0);
            }
            held = end - whole;
        }
        Ok(())
    }

    fn shrank(&self) -> Blocked {
        Blocked::new(Barrier::Changed, format!("{} became shorter while it was read", self.path))
    }

    /// A log grows; one that was cut off under the look is not what was read.
    fn unchanged(&self, before: &Metadata) -> Result<(), Blocked> {
        let now = self.file.metadata().map_err(|error| barrier_of(&format!("stat {}", self.path), &error))?;
        if now.len() < before.len() { Err(self.shrank()) } else { Ok(()) }
    }
}

/// What logrotate and its like leave beside a log, and beside the file that it leads to: its name with a number or a date, perhaps
/// compressed; each with when it was last written, where that can be told.
fn older_parts(path: &Path) -> Vec<(String, Option<Timestamp>)> {
    let mut parts = older_parts_beside(path, |name| name);
    if let Ok(whole) = path.canonicalize()
        && path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
    {
        let folder = whole.parent().unwrap_or(Path::new("/")).display().to_string();
        parts.extend(older_parts_beside(&whole, |name| format!("{folder}/{name}")));
    }
    parts
}

fn older_parts_beside(path: &Path, named: impl Fn(String) -> String) -> Vec<(String, Option<Timestamp>)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let is_older = |other: &str| {
        let rest = other.strip_prefix(name).and_then(|rest| rest.strip_prefix(['.', '-']));
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) || rest.starts_with("old"))
    };
    let mut parts: Vec<(String, Option<Timestamp>)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok().filter(|name| is_older(name))?;
            let written = entry.metadata().and_then(|metadata| metadata.modified()).ok();
            Some((named(name), written.and_then(|at| Timestamp::try_from(at).ok())))
        })
        .collect();
    parts.sort();
    parts
}
