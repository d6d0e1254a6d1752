//! Dates and durations that do not fit each other.

use jiff::civil::{Date, Weekday};

use crate::assertions::{Assertion, Assertions, Form, Said};
use crate::document::{Place, Statement};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "dates-off",
    level: Level::Error,
    title: "Dates, times or durations do not fit each other.",
    explanation: "A start, an end and a duration in one row or sentence, or on three lines of their own (times may cross midnight; \
        days may be counted with or without the first), \"N days later\", the weekday beside a date, and dates that do not exist. Working days are not computed.",
    example: "The outage lasted from 13:05 to 14:35 (2 h 10 min).",
};

pattern!(
    DATE,
    r"\b(\d{4})-(\d\d)-(\d\d)\b|\b(\d{1,2})\.? (january|february|march|april|may|june|july|august|september|october|november|december) (\d{4})\b"
);
pattern!(TIME, r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\b");
pattern!(ZONED, r"\dt\d\d:\d\d(:\d\d)?(\.\d+)?-$");
pattern!(
    NOT_COMPARED,
    r"during|interval|slots?|support|working|business|weekday|net|excluding|without|break|pause|active|utc|timezone|time zone|cest|local|of which|per |each|every|average|mean|about|roughly|approximately|~|nearly|at least|less than|more than|almost|interrupt|paused|effective|total of|deadline|expected|planned|limit|over|under|within|ago|before|target"
);
pattern!(SPAN, r"(from |between |\()?\d{1,2}:\d\d(:\d\d)?( ?(h|uhr))? ?(-|to|until|and|till) ?\d{1,2}:\d\d");
pattern!(LASTED, r"\b(last(ed|s)|took|takes|duration|elapsed|in total)\b");
pattern!(BETWEEN, r"^ ?(-|to|until|till|through) ?$");
pattern!(IN_DAYS, r"^ ?\(\d+ (calendar )?days?\)|^[,:] \d+ (calendar )?days?\W*$");
pattern!(MONTH_DAY, r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d|\d{1,2}/\d{1,2}");
pattern!(HALF_DAY, r"\d ?[ap]\.?m\b");
pattern!(WEEKDAY, r"\b(monday|tuesday|wednesday|thursday|friday|saturday|sunday),? (?:the )?$");
pattern!(
    BRACKETED,
    r"^,? ?\((monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tue|wed|thu|fri|sat|sun)\)"
);

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A date in a text and where it stands; `None` for one that does not exist.
struct Dated {
    start: usize,
    end: usize,
    date: Option<Date>,
}

fn dates(text: &str) -> Vec<Dated> {
    let mut out = Vec::new();
    for parts in DATE.all_in(text) {
        let Some(whole) = parts.get(0) else { continue };
        // "v5.0 January 2025" is a version.
        if text[..whole.start()].ends_with('.') {
            continue;
        }
        let number = |at: usize| parts.get(at).and_then(|part| part.as_str().parse::<i16>().ok());
        let (year, month, day) = if parts.get(1).is_some() {
            (number(1), number(2), number(3))
        } else {
            let month = parts.get(5).and_then(|name| MONTHS.iter().position(|month| *month == name.as_str()));
            (number(6), month.and_then(|month| i16::try_from(month + 1).ok()), number(4))
        };
        let (Some(year), Some(month), Some(day)) = (year, month, day) else { continue };
        let date = i8::try_from(month)
            .ok()
            .zip(i8::try_from(day).ok())
            .and_then(|(month, day)| Date::new(year, month, day).ok());
        out.push(Dated { start: whole.start(), end: whole.end(), date });
    }
    out
}

/// Seconds since midnight, where it stands, whether with seconds.
fn times(text: &str) -> Vec<(f64, usize, usize, bool)> {
    TIME.all_in(text)
        .filter_map(|parts| {
            let whole = parts.get(0)?;
            // "+00:00" is how far a zone is off.
            if text[..whole.start()].ends_with(['+', '−']) || ZONED.is_in(&text[..whole.start()]) {
                return None;
            }
            let number = |at: usize| parts.get(at).and_then(|part| part.as_str().parse::<f64>().ok());
            let seconds = number(1)? * 3600.0 + number(2)? * 60.0 + number(3).unwrap_or(0.0);
            Some((seconds, whole.start(), whole.end(), number(3).is_some()))
        })
        .collect()
}

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    for statement in all.document.statements.iter().filter(|s| s.place != Place::Code && s.lower.len() < 2000) {
        if !statement.lower.bytes().any(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let dates = dates(&statement.lower);
        calendar(statement, &dates, found);
        if let Some((table, row)) = all.document.cells(statement) {
            let column = |names: &[&str]| table.header.iter().position(|head| names.contains(&head.words()));
            let start = column(&["start", "begin", "from", "started", "begun", "start time"]);
            let end = column(&["end", "to", "until", "ended", "finished", "finish", "end time"]);
            let length = column(&["duration", "length", "took", "elapsed", "time taken", "lasted"]);
            if let (Some(start), Some(end), Some(length)) = (start, end, length)
                && let (Some(start), Some(end), Some([one])) = (row.cells.get(start), row.cells.get(end), row.cells.get(length).map(|cell| cell.quantities.as_slice()))
            {
                let text = format!("{} to {}", start.lower, end.lower);
                if !MONTH_DAY.is_in(&text) && !HALF_DAY.is_in(&text) {
                    clock(&text, &self::dates(&text), one, statement, found);
                }
            }
        } else if !NOT_COMPARED.is_in(&statement.lower) && !HALF_DAY.is_in(&statement.lower) && !matches!(statement.place, Place::Heading(_)) {
            let durations: Vec<&Quantity> =
                statement.quantities.iter().filter(|q| matches!(q.kind, Kind::Seconds(_))).collect();
            let spans = SPAN.is_in(&statement.lower) || spans_days(&statement.lower, &dates);
            let goes_on = |one: &Quantity| statement.lower.get(one.end..).is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
            // "02:00-04:00: 60 minutes of load" are some of them.
            let bracketed = |one: &Quantity| statement.lower.get(..one.start).is_some_and(|before| before.trim_end_matches(['*', ' ']).ends_with(['(', ',', '=']));
            if let ([one], true) = (durations.as_slice(), spans)
                && !goes_on(one)
                && (bracketed(one) || LASTED.is_in(&statement.lower))
            {
                clock(&statement.lower, &dates, one, statement, found);
            }
        }
    }
    times_of_a_section(all, found);
}

/// "2026-01-05 to 2026-01-08 (7 days)".
fn spans_days(text: &str, dates: &[Dated]) -> bool {
    let [from, to] = dates else { return false };
    BETWEEN.is_in(&text[from.end..to.start]) && IN_DAYS.is_in(&text[to.end..])
}

/// A start, an end and a duration, each once in a section, on lines of their own.
fn times_of_a_section(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let times: Vec<&Assertion> =
        all.done().filter(|one| matches!(one.said, Said::Begun | Said::Ended | Said::Lasted(_)) && one.form == Form::Label).collect();
    for section in times.chunk_by(|one, other| one.section == other.section) {
        let [_, _, _] = section else { continue };
        let one = |wanted: fn(&Said) -> bool| section.iter().find(|one| wanted(&one.said));
        let (Some(start), Some(end), Some(length)) =
            (one(|said| *said == Said::Begun), one(|said| *said == Said::Ended), one(|said| matches!(said, Said::Lasted(_))))
        else {
            continue;
        };
        let Said::Lasted(told) = &length.said else { continue };
        let text = format!("{} to {}", start.name, end.name);
        let Some(statement) = all.document.statements.get(length.at) else { continue };
        let other = statement.lower.get(told.end..).is_some_and(|rest| rest.trim_end().len() > 1);
        let together = section.iter().all(|one| one.block == length.block) || dates(&text).len() == 2;
        if together && !HALF_DAY.is_in(&text) && !MONTH_DAY.is_in(&text) && !other {
            let from = found.len();
            clock(&text, &dates(&text), told, statement, found);
            found[from..].iter_mut().for_each(|finding| finding.lines.extend([start.line, end.line]));
        }
    }
}

/// Dates that do not exist, weekdays of others.
fn calendar(statement: &Statement, dates: &[Dated], found: &mut Vec<Finding>) {
    for dated in dates {
        let text = &statement.lower[dated.start..dated.end];
        let Some(date) = dated.date else {
            // Quoted, it is an example of what is refused.
            if statement.lower.contains(['"', '`']) || statement.lower.contains("invalid") {
                continue;
            }
            found.push(Finding::new(format!("there is no {text}"), [statement.line]));
            continue;
        };
        let before = WEEKDAY.captures(crate::words::tail(&statement.lower[..dated.start]));
        let after = BRACKETED.captures(&statement.lower[dated.end..]);
        let named = before.or(after).and_then(|parts| parts.get(1)).map(|day| day.as_str());
        let real = match date.weekday() {
            Weekday::Monday => "monday",
            Weekday::Tuesday => "tuesday",
            Weekday::Wednesday => "wednesday",
            Weekday::Thursday => "thursday",
            Weekday::Friday => "friday",
            Weekday::Saturday => "saturday",
            Weekday::Sunday => "sunday",
        };
        if let Some(named) = named.filter(|named| !real.starts_with(named)) {
            found.push(Finding::new(format!("{text} is a {real}, not a {named}"), [statement.line]));
        }
    }
}

/// Start and end of day against a duration.
fn clock(text: &str, dates: &[Dated], length: &Quantity, statement: &Statement, found: &mut Vec<Finding>) {
    let times = times(text);
    let [(from, _, _, precise), (to, _, _, _)] = times.as_slice() else {
        if let ([a, b], []) = (dates, times.as_slice())
            && let (Some(a), Some(b)) = (a.date, b.date)
        {
            days(a, b, length, statement, found);
        }
        return;
    };
    let apart = match dates {
        [Dated { date: Some(a), .. }, Dated { date: Some(b), .. }] => f64::from(span(*a, *b)) * 86400.0,
        [] | [_] => {
            if to < from {
                86400.0
            } else {
                0.0
            }
        }
        _ => return,
    };
    let real = to - from + apart;
    // "2:15-2:42 (27 s)" are minutes and seconds of a film.
    if dates.is_empty() && !*precise && (real / 60.0 - length.base()).abs() < 1.01 && real >= 60.0 {
        return;
    }
    // Minutes are rounded; the duration may be rounded to its own unit.
    let unit = crate::quantity::seconds(&length.unit).unwrap_or(1.0);
    let rounded = (real / 20.0).max(unit * length.half_digit() * 1.01);
    let tolerance = (if *precise { 1.0 } else { 60.0_f64 }).max(rounded) + 1e-6;
    if real < 0.0 {
        found.push(Finding::new("the end is before the start", [statement.line]));
    } else if (real - length.base()).abs() > tolerance {
        found.push(Finding::new(
            format!("from start to end are {}, not {}", human(real), human(length.base())),
            [statement.line],
        ));
    }
}

fn span(a: Date, b: Date) -> i32 {
    a.until(b).map_or(0, |span| span.get_days())
}

fn days(a: Date, b: Date, length: &Quantity, statement: &Statement, found: &mut Vec<Finding>) {
    let real = f64::from(span(a, b));
    let told = length.base() / 86400.0;
    let fits = length.unit.starts_with("day") && (told - real).abs() > 1.01;
    if fits && real > 0.0 {
        found.push(Finding::new(format!("from start to end are {real} days, not {told}"), [statement.line]));
    }
}

fn human(seconds: f64) -> String {
    let minutes = (seconds / 60.0).floor();
    let rest = seconds - minutes * 60.0;
    match (minutes >= 60.0, minutes >= 1.0) {
        (true, _) => format!("{} h {} min", (minutes / 60.0).floor(), minutes % 60.0),
        (_, true) if rest > 0.0 => format!("{minutes} min {} s", crate::words::show(rest)),
        (_, true) => format!("{minutes} min"),
        _ => format!("{} s", crate::words::show(seconds)),
    }
}
