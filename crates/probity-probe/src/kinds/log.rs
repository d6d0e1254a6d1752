//! `log`: the end of a file, read from where the window begins, or `journalctl`.

mod file;
mod journal;
mod tally;

use jiff::Timestamp;
use probity_plan::kinds::log::{Log, Source};
use probity_plan::units::counted;
use probity_plan::{Barrier, Blocked, Value};

use self::tally::{Matcher, Tally};
use crate::log_time::LogTimes;
use crate::look::{CLOCK_UNCERTAINTY, Context, FactSelection, Look, Seen, Underway, time_text};

/// What was found of a log.
enum LogState {
    Window(Box<Window>),
    /// There is no such log.
    Absent(String),
}

/// What the log holds of the window.
struct Window {
    tally: Tally,
    /// Whether the log reaches back to the window's start; else why not.
    covered: Result<(), String>,
    /// Why lines of the window may be missing although it does.
    suppressed: Option<Blocked>,
    empty: bool,
    rotated: Vec<String>,
}

/// Where a window lies.
#[derive(Clone, Copy)]
struct Span {
    start: Timestamp,
    /// The look.
    now: Timestamp,
}

impl Span {
    /// The latest time of what was written by now.
    fn latest(self) -> Timestamp {
        self.now.checked_add(CLOCK_UNCERTAINTY).unwrap_or(self.now)
    }
}

impl Look for Log {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let now = Timestamp::now();
        let start = self.since.and_then(|since| now.checked_sub(since.0).ok()).unwrap_or(context.run_began);
        // On the whole second, because that is all that many logs tell: their lines of this second are in the window.
        let start = Timestamp::from_second(start.as_second()).unwrap_or(start);
        let span = Span { start, now };
        match &self.log {
            Source::Journal { journal } => {
                let tally = new_tally(self, context.wanted);
                let found = match tally {
                    Ok(tally) => journal::see(journal, tally, span, context).await,
                    Err(blocked) => Err(blocked),
                };
                tell(found, span)
            }
            Source::File(path) => {
                let (log, path, wanted) = (self.clone(), path.clone(), context.wanted.clone());
                // A network file system may hang.
                context
                    .blocking(move |underway| tell(see_file(&log, &path, &wanted, span, underway), span))
                    .await
            }
        }
    }
}

fn new_tally(log: &Log, wanted: &FactSelection) -> Result<Tally, Blocked> {
    let listed = ["times", "times_found", "lines", "lines_found"].iter().any(|fact| wanted.includes(fact));
    let pattern = log.pattern.as_ref().map(probity_plan::kinds::log::Pattern::as_str);
    Ok(Tally::new(Matcher::new(pattern, log.encoding.as_deref())?, listed))
}

fn see_file(
    log: &Log,
    path: &str,
    wanted: &FactSelection,
    span: Span,
    underway: &Underway,
) -> Result<LogState, Blocked> {
    let times = LogTimes::new(log.zone.as_deref(), log.format.as_deref(), span.now, span.start)?;
    file::see(path, times, new_tally(log, wanted)?, span, underway)
}

fn tell(found: Result<LogState, Blocked>, span: Span) -> Seen {
    let mut seen = Seen::default();
    match found {
        Ok(LogState::Window(window)) => tell_window(*window, span, &mut seen),
        Ok(LogState::Absent(why)) => {
            seen.know("exists", false).block_rest(Blocked::new(Barrier::Unreachable, why));
        }
        Err(blocked) => return Seen::nothing(blocked),
    }
    seen.know("window_start", span.start);
    seen
}

fn tell_window(window: Window, span: Span, seen: &mut Seen) {
    let count = |n: u64| Value::from(n);
    let tally = window.tally;
    seen.know("exists", true)
        .know("empty", window.empty)
        .know("rotated", window.rotated)
        .know("entries", count(tally.entries))
        .know("at_least", count(tally.matching))
        .know("ahead", count(tally.ahead))
        .know("window_covered", window.covered.is_ok());
    // A time that lies ahead is not when its line was written: that may have been at any time.
    let ahead = tally.first_ahead.map(|at| {
        let (at, now) = (time_text(at), time_text(span.now));
        let why = format!(
            "{} ahead of the look at {now}, such as {at}",
            counted(tally.ahead, "matching line bears a time", "matching lines bear times")
        );
        Blocked::new(Barrier::Protocol, why)
    });
    let unknown = (tally.unknown > 0).then(|| {
        let why = format!(
            "{} of their own, in a form or a place that is not known; say `format`",
            counted(tally.unknown, "matching line may bear a time", "matching lines may bear times")
        );
        Blocked::new(Barrier::Protocol, why)
    });
    let undated = (tally.undated > 0).then(|| {
        let why = format!(
            "{} behind a line from before the window: written then or since, which only a time would tell",
            counted(
                tally.undated,
                "matching line without a time stands",
                "matching lines without a time stand"
            )
        );
        Blocked::new(Barrier::Protocol, why)
    });
    let late = (tally.late > 0).then(|| {
        let why = format!(
            "{} from before it, behind lines of the window: a clock was set back, or they were written late",
            counted(tally.late, "matching line bears a time", "matching lines bear times")
        );
        Blocked::new(Barrier::Protocol, why)
    });
    let unsure = (tally.unsure > 0).then(|| {
        let why = format!(
            "{} lines are not in UTF-8, or not in the `encoding` that is said, and whether they match depends on what they are in",
            tally.unsure
        );
        Blocked::new(Barrier::Protocol, why)
    });
    let unknown = unknown.or(undated).or(late).or(unsure);
    // Of what was left out, nothing is known: not even whether it came later.
    let unseen = ahead.or_else(|| unknown.clone()).or_else(|| window.suppressed.clone());
    // "None" would pass on lines that nobody could see any more.
    let uncovered = window.covered.err().map(|why| Blocked::new(Barrier::Unreachable, why));
    let incomplete = unseen.clone().or(uncovered);
    let unless = |blocked: Option<Blocked>| blocked.map_or(Ok(()), Err);
    seen.settle("count", unless(incomplete.clone()).map(|()| count(tally.matching)));
    let last = unseen.clone().map_or_else(
        || tally.last.ok_or_else(|| Blocked::new(Barrier::Unreachable, "no line of the window matches")),
        Err,
    );
    let age = last.clone().map(|last| {
        // Not below nothing, where it was written within the same moment.
        let age = span.now.duration_since(last).as_secs_f64().max(0.0);
        Value::decimal((age * 1e6).round() / 1e6)
    });
    seen.settle("last", last).settle("last_age_s", age);
    let too_many = || {
        let why = format!("{} lines of {} bytes match", tally.matching, tally.bytes);
        Blocked::new(Barrier::TooLarge, why)
    };
    let times = tally.times().map(Iterator::collect::<Vec<_>>).ok_or_else(too_many);
    let lines = tally.lines().ok_or_else(too_many);
    // Of half a list nobody may say what is not in it.
    seen.settle("times", unless(incomplete.clone()).and(times.clone()));
    seen.settle("lines", unless(incomplete).and(lines.clone()));
    seen.settle("times_found", unless(unseen).and(times));
    seen.settle("lines_found", unless(unknown).and(lines));
}
