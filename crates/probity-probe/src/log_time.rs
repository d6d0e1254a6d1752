//! The time that a log line bears: at its beginning, in one of the forms that programs use, or in the form that the plan
//! says. A time further on is something that the line speaks of.

mod forms;
mod json;
mod zone;

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};
use memchr::memrchr;
use probity_plan::{Barrier, Blocked};

use forms::{MAX_WORDS, MONTHS, NEAR, has_two_brackets, may_be_times, near, patterns};
use json::{Fields, since_1970};
use zone::{Behind, behind, fixed, may_name_zone, named, of_the_machine, unknown_zone};

/// Reads the times of one log's lines.
pub struct LogTimes {
    zone: Zone,
    format: Option<String>,
    /// When the look is made: a time without a year is the last one before it.
    now: Timestamp,
    /// Where the window begins: on which side of it a line lies has to be sure.
    start: Timestamp,
    memo: Option<Memo>,
}

/// Where the clocks stand by which lines are written that name no zone.
enum Zone {
    /// The plan says it.
    Said(TimeZone),
    /// This machine's; and what the variable `TZ` of the observer says, where it is set: whoever writes the log may have had
    /// the one or the other.
    Machine(TimeZone, Option<TimeZone>),
}

/// What the last line's time began with: most lines differ in nothing but the second.
struct Memo {
    /// Whether the time stands behind the first `[`, rather than at the beginning.
    bracket: bool,
    /// Up to the minute.
    prefix: Vec<u8>,
    /// After the second and its fraction.
    zone: Vec<u8>,
    /// When that minute began.
    minute: Timestamp,
}

impl LogTimes {
    /// For a log whose times are in this zone, where a line names none, and begin each line in this format of strftime(3),
    /// where the plan says so.
    ///
    /// # Errors
    /// `unsupported` for a zone that the machine does not know.
    pub fn new(
        zone: Option<&str>,
        format: Option<&str>,
        now: Timestamp,
        start: Timestamp,
    ) -> Result<Self, Blocked> {
        let zone = match zone {
            Some(name) => Zone::Said(named(name)?),
            None => {
                let variable = std::env::var_os("TZ").is_some().then(TimeZone::try_system).transpose();
                let variable =
                    variable.map_err(|error| Blocked::new(Barrier::Unsupported, format!("TZ: {error}")))?;
                Zone::Machine(of_the_machine()?, variable)
            }
        };
        Ok(Self { zone, format: format.map(str::to_owned), now, start, memo: None })
    }

    /// When the line says that it was written; `None` where it bears no time. In a JSON object that is under `time`,
    /// `timestamp`, `@timestamp` or `ts`, as text or as a number since 1970.
    ///
    /// # Errors
    /// `unsupported` where the line bears a time that could be several.
    pub fn of(&mut self, line: &[u8]) -> Result<Option<Timestamp>, Blocked> {
        if let Some(at) = self.memo.as_ref().and_then(|memo| memo.of(line)) {
            return Ok(Some(at));
        }
        if let Some(format) = &self.format {
            return match BrokenDownTime::parse_prefix(format, line) {
                Ok((parsed, read)) => self.parsed(parsed, &line[read..]),
                Err(_) => Ok(None),
            };
        }
        if line.starts_with(b"{") {
            return self.json(line);
        }
        let at = self.text(&near(line))?;
        Ok(at.filter(|_| !has_two_brackets(line)))
    }

    fn parsed(&self, mut parsed: BrokenDownTime, rest: &[u8]) -> Result<Option<Timestamp>, Blocked> {
        if let Some(at) = parsed.timestamp() {
            return Ok(Some(at));
        }
        let (offset, zone) = (parsed.offset(), parsed.iana_time_zone().map(str::to_owned));
        let rest = near(rest);
        let fraction = rest.strip_prefix(['.', ',']).unwrap_or("");
        let rest = match fraction.trim_start_matches(|c: char| c.is_ascii_digit()) {
            rest if rest.len() < fraction.len() => rest,
            _ => &rest,
        };
        let behind = if offset.is_none() && zone.is_none() { behind(rest, true) } else { Behind::Nothing };
        let named_behind = match behind {
            Behind::Unclear => return Ok(None),
            Behind::Zone(name, _) => name,
            Behind::Nothing => "",
        };
        let known = |civil: DateTime| match (offset, &zone) {
            (Some(offset), _) => offset.to_timestamp(civil).map_err(|error| odd(&error)),
            (None, Some(zone)) => self.in_zone(&named(zone)?, civil),
            (None, None) => self.zoned(civil, named_behind),
        };
        if parsed.year().is_some() {
            return parsed.to_datetime().ok().map(known).transpose();
        }
        self.in_last_year(
            |year| {
                parsed.set_year(Some(year)).ok()?;
                parsed.to_datetime().ok()
            },
            known,
        )
    }

    fn json(&mut self, line: &[u8]) -> Result<Option<Timestamp>, Blocked> {
        let Ok(Fields(fields)) = serde_json::from_slice(line) else { return Ok(None) };
        let mut times = Vec::new();
        for text in fields.iter().filter_map(serde_json::Value::as_str) {
            times.extend(self.text(text)?);
        }
        // Text first: a number beside it may be how long something took.
        if times.is_empty() {
            times.extend(fields.iter().filter_map(serde_json::Value::as_f64).filter_map(since_1970));
        }
        // Of several times, each may be when it was written.
        let sure = times.iter().all(|at| (*at < self.start) == (times[0] < self.start));
        Ok(times.first().copied().filter(|_| sure))
    }

    /// Whether a line whose time is not known may bear one all the same: in another form, behind something else, or in an
    /// object that is not quite JSON. Then it does not belong to the line before it.
    pub fn may_bear_time(line: &[u8]) -> bool {
        let start = line.iter().position(|byte| *byte != 0 && !byte.is_ascii_whitespace());
        let line = &line[start.unwrap_or(line.len())..];
        line.starts_with(b"{")
            || may_be_times().iter().any(|(form, within)| form.is_match(line.get(..*within).unwrap_or(line)))
            || Self::may_bear_time_behind_zeros(line)
    }

    /// Whether a line may bear a time behind zeros, which a crash leaves in a file.
    pub fn may_bear_time_behind_zeros(line: &[u8]) -> bool {
        memrchr(0, line).is_some_and(|zero| Self::may_bear_time(&line[zero + 1..]))
    }

    fn text(&mut self, text: &str) -> Result<Option<Timestamp>, Blocked> {
        let Some(found) = patterns().iter().find_map(|pattern| pattern.captures(text)) else {
            return Ok(None);
        };
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str().trim());
        let number = |name: &str| part(name).parse::<i8>().ok();
        let month = number("month").or_else(|| {
            MONTHS.iter().position(|month| *month == part("month")).and_then(|at| i8::try_from(at + 1).ok())
        });
        let minute = part("minute").split_once(':').and_then(|(h, m)| h.parse().ok().zip(m.parse().ok()));
        let (Some(month), Some(day), Some((hour, minute)), Some(second)) =
            (month, number("day"), minute, number("second"))
        else {
            return Ok(None);
        };
        let nanoseconds = format!("{:0<9.9}", part("fraction")).parse::<i32>().unwrap_or(0);
        // The second 60 is the last one of a minute that has 61.
        let after = i64::from(second).seconds().nanoseconds(i64::from(nanoseconds));
        let civil = |year: i16| DateTime::new(year, month, day, hour, minute, 0, 0).ok();
        let end = found.get(0).map_or(0, |all| all.end());
        let (zone, end) = match (found.name("zone"), behind(&text[end..], part("year").is_empty())) {
            (None, Behind::Nothing) => ("", end),
            (None, Behind::Zone(name, length)) => (name, end + length),
            (Some(zone), Behind::Nothing) => (zone.as_str().trim(), zone.end()),
            _ => return Ok(None),
        };
        if part("year").is_empty() && begins_with_year(text.as_bytes().get(end..).unwrap_or_default()) {
            return Ok(None);
        }
        let known = |civil: DateTime| self.zoned(civil, zone);
        let began = match part("year") {
            "" => self.in_last_year(civil, known)?,
            year => year.parse().ok().and_then(civil).map(known).transpose()?,
        };
        let Some(began) = began.filter(|_| second <= 60) else { return Ok(None) };
        self.memo = Memo::new(text, &found, end, began);
        Ok(began.checked_add(after).ok())
    }

    /// A time without a year: this year's, or last year's if that still lies ahead. A day's grace for a clock that is ahead.
    fn in_last_year(
        &self,
        mut civil: impl FnMut(i16) -> Option<DateTime>,
        known: impl Fn(DateTime) -> Result<Timestamp, Blocked>,
    ) -> Result<Option<Timestamp>, Blocked> {
        let year = self.now.to_zoned(TimeZone::UTC).year();
        let latest = self.now.checked_add(24.hours()).unwrap_or(self.now);
        // By the log's clock next year may have begun already.
        for year in [year + 1, year, year - 1] {
            if let Some(civil) = civil(year) {
                let at = known(civil)?;
                if at <= latest {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    fn zoned(&self, civil: DateTime, zone: &str) -> Result<Timestamp, Blocked> {
        // The minus of ICU in some languages is none of ASCII.
        let upper = zone.to_ascii_uppercase().replace('\u{2212}', "-");
        let offset = upper.strip_prefix("UTC").or_else(|| upper.strip_prefix("GMT")).unwrap_or(&upper);
        match upper.as_str() {
            "" => self.local(civil),
            "AM" | "PM" | "A.M" | "P.M" | "A.M." | "P.M." => {
                let why = "its clock has 12 hours: say `format`, with %I for the hour and %p for its half of the day";
                Err(Blocked::new(Barrier::Unsupported, why))
            }
            "Z" | "UTC" | "GMT" | "UT" => self.in_zone(&TimeZone::UTC, civil),
            _ if offset.starts_with(['+', '-']) => {
                self.in_zone(&fixed(offset).ok_or_else(|| unknown_zone(zone))?, civil)
            }
            _ if zone.contains('/') => self.in_zone(&named(zone)?, civil),
            // `CST` is the zone of three continents: it is only known where the log's zone calls itself so.
            _ => {
                let at = self.local(civil)?;
                let own = match &self.zone {
                    Zone::Said(zone) | Zone::Machine(zone, _) => zone,
                };
                if own.to_offset_info(at).abbreviation() == zone { Ok(at) } else { Err(unknown_zone(zone)) }
            }
        }
    }

    fn local(&self, civil: DateTime) -> Result<Timestamp, Blocked> {
        match &self.zone {
            Zone::Said(zone) | Zone::Machine(zone, None) => self.in_zone(zone, civil),
            Zone::Machine(zone, Some(variable)) => {
                let at = self.in_zone(zone, civil)?;
                if self.in_zone(variable, civil)? == at {
                    return Ok(at);
                }
                let why = "its lines name no zone, and TZ says another one than /etc/localtime: say `zone`";
                Err(Blocked::new(Barrier::Unsupported, why))
            }
        }
    }

    fn in_zone(&self, zone: &TimeZone, civil: DateTime) -> Result<Timestamp, Blocked> {
        let ambiguous = zone.to_ambiguous_timestamp(civil);
        // With the offset that makes the later moment of it.
        let (offset, how_often) = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => {
                return ambiguous.compatible().map_err(|error| odd(&error));
            }
            AmbiguousOffset::Fold { after, .. } => (after, "twice, and its lines do not say which is meant"),
            AmbiguousOffset::Gap { before, .. } => (before, "never: its lines are of another zone"),
        };
        let later = offset.to_timestamp(civil).map_err(|error| odd(&error))?;
        if later >= self.start {
            let why = format!("the clock of its zone showed {civil} {how_often}");
            return Err(Blocked::new(Barrier::Unsupported, why));
        }
        Ok(later)
    }
}

impl Memo {
    fn new(text: &str, found: &regex::Captures<'_>, end: usize, minute: Timestamp) -> Option<Self> {
        let (of_minute, second) = (found.name("minute")?, found.name("second")?);
        let first =
            ["year", "month", "day"].iter().filter_map(|name| found.name(name)).map(|part| part.start());
        // In some forms the year comes last.
        let before = ["year", "month", "day"].iter().filter_map(|name| found.name(name));
        if before.map(|part| part.end()).max()? > of_minute.start() {
            return None;
        }
        let bracket = found.name("bracket").is_some();
        let from = if bracket { first.min()? } else { 0 };
        let zone = text.get(found.name("fraction").map_or(second.end(), |it| it.end())..end)?;
        Some(Self {
            bracket,
            prefix: text.get(from..of_minute.end())?.as_bytes().to_vec(),
            zone: zone.as_bytes().to_vec(),
            minute,
        })
    }

    /// The time of a line of the same minute and form; `None` where that is not sure.
    fn of(&self, line: &[u8]) -> Option<Timestamp> {
        let line = if self.bracket {
            if has_two_brackets(line) {
                return None;
            }
            let near = line.get(..NEAR).unwrap_or(line);
            let at = near.iter().position(|byte| *byte == b'[')?;
            (near[..at].iter().filter(|byte| **byte == b' ').count() <= MAX_WORDS).then(|| &line[at + 1..])?
        } else {
            line
        };
        let [b':', tens @ b'0'..=b'6', ones @ b'0'..=b'9', rest @ ..] =
            line.strip_prefix(self.prefix.as_slice())?
        else {
            return None;
        };
        let second = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
        let (mut nanoseconds, mut rest) = (0_i64, rest);
        if let [b'.' | b',', b'0'..=b'9', ..] = rest {
            let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let part = rest.get(1..=digits.min(9))?;
            nanoseconds = part.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
            nanoseconds *= 10_i64.pow(9 - u32::try_from(part.len()).ok()?);
            rest = &rest[1 + digits..];
        }
        let rest = rest.strip_prefix(self.zone.as_slice())?;
        let another = if self.zone.is_empty() {
            may_name_zone(rest)
        } else {
            rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || b":.,+-".contains(byte))
        };
        if another || second > 60 || begins_with_year(rest) {
            return None;
        }
        let nanosecond =
            self.minute.as_nanosecond() + i128::from(second) * 1_000_000_000 + i128::from(nanoseconds);
        Timestamp::from_nanosecond(nanosecond).ok()
    }
}

/// Whether behind a time something follows that may be its year, as with `%b %d %H:%M:%S %Y`.
fn begins_with_year(rest: &[u8]) -> bool {
    let signs = rest.iter().take(3).take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    match &rest[signs..] {
        [b'1', b'9', b'0'..=b'9', b'0'..=b'9', end @ ..]
        | [b'2', b'0', b'0'..=b'9', b'0'..=b'9', end @ ..] => {
            end.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"._-".contains(byte))
        }
        _ => false,
    }
}

fn odd(error: &jiff::Error) -> Blocked {
    Blocked::new(Barrier::Protocol, format!("a line's time: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn times(zone: Option<&str>, format: Option<&str>, now: &str) -> LogTimes {
        LogTimes::new(zone, format, at(now), at("2026-11-21T00:00:00Z")).unwrap()
    }

    #[test]
    fn every_form_is_known() {
        assert_eq!(patterns().len(), 6);
        assert_eq!(may_be_times().len(), 3);
    }

    #[test]
    fn times_that_name_their_zone_are_read() {
        let mut times = times(Some("Europe/Berlin"), None, "2026-11-21T22:00:00Z");
        for (line, expected) in [
            ("2026-11-21T10:20:30Z started", "2026-11-21T10:20:30Z"),
            ("2026-11-21T10:20:30.123456+02:00 host app: started", "2026-11-21T08:20:30.123456Z"),
            ("2026-11-21T10:20:30+02 app", "2026-11-21T08:20:30Z"),
            ("2026-11-21 10:20:30.000 -03 [7] LOG:  ready", "2026-11-21T13:20:30Z"),
            ("2026-11-21 10:20:30 +03 app", "2026-11-21T07:20:30Z"),
            ("2026-11-21 10:20:30 \u{2212}05:00 app", "2026-11-21T15:20:30Z"),
            ("2026-11-21 10:20:30\u{a0}GMT\u{2212}5 app", "2026-11-21T15:20:30Z"),
            ("2026-11-21 10:20:30\u{202f}UTC app", "2026-11-21T10:20:30Z"),
            ("<34>1 2026-11-21T10:20:30.5Z host app - - - started", "2026-11-21T10:20:30.5Z"),
            ("[2026-11-21 10:20:30,250 +0000] INFO started", "2026-11-21T10:20:30.25Z"),
            ("INFO [app] 2026/11/21 10:20:30 -0130 started", "2026-11-21T11:50:30Z"),
            ("2026-11-21 10:20:30.000 UTC [7] ERROR:  disk full", "2026-11-21T10:20:30Z"),
            ("2026-11-21 10:20:30.000 CET [7] ERROR:  disk full", "2026-11-21T09:20:30Z"),
            ("time=\"2026-11-21T10:20:30Z\" level=info", "2026-11-21T10:20:30Z"),
            ("level=info ts=2026-11-21T10:20:30Z msg=x", "2026-11-21T10:20:30Z"),
            ("::1 - - [21/Nov/2026:10:20:30 +0100] \"GET / HTTP/1.1\" 200 5", "2026-11-21T09:20:30Z"),
            (
                "www.example.org:80 10.0.0.1 - alice [21/Nov/2026:10:20:31 +0100] \"GET",
                "2026-11-21T09:20:31Z",
            ),
            ("[21-Nov-2026 10:20:30 Europe/London] PHP Warning", "2026-11-21T10:20:30Z"),
            ("Sat Nov 21 10:20:30 UTC 2026 started", "2026-11-21T10:20:30Z"),
            (r#"{"level":"info","time":"2026-11-21T10:20:30Z","msg":"x"}"#, "2026-11-21T10:20:30Z"),
            (r#"{"ts":1795256430.5,"msg":"x"}"#, "2026-11-21T10:20:30.5Z"),
            (r#"{"time":1795256430500,"msg":"x"}"#, "2026-11-21T10:20:30.5Z"),
            (r#"{"time":0.004,"timestamp":"2026-11-21T10:20:30Z"}"#, "2026-11-21T10:20:30Z"),
            (r#"{"time":4000000000,"ts":"2026-11-21T10:20:30Z"}"#, "2026-11-21T10:20:30Z"),
            (r#"{"time":"12 ms","@timestamp":"2026-11-21T10:20:30Z"}"#, "2026-11-21T10:20:30Z"),
            (r#"{"time":0.004,"ts":1795256430}"#, "2026-11-21T10:20:30Z"),
            (r#"{"time":1795256430500000000,"msg":"x"}"#, "2026-11-21T10:20:30.5Z"),
        ] {
            assert_eq!(times.of(line.as_bytes()), Ok(Some(at(expected))), "{line}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_in_the_one_that_the_plan_says_and_one_without_a_year_lies_in_the_past() {
        for (line, now, expected) in [
            ("2026-11-21 10:20:30,5 started", "2026-11-21T22:00:00Z", "2026-11-21T15:20:30.5Z"),
            ("Nov 21 10:20:30 host app[1]: started", "2026-11-22T22:00:00Z", "2026-11-21T15:20:30Z"),
            ("Dec  9 10:20:30 host app[1]: started", "2027-01-02T12:00:00Z", "2026-12-09T15:20:30Z"),
            ("<13>Jan  2 10:20:30 host app: started", "2027-01-02T16:00:00Z", "2027-01-02T15:20:30Z"),
            (
                "E1121 10:20:30.250000 1 main.go:33] until 2025-01-01 00:00:00",
                "2026-11-22T22:00:00Z",
                "2026-11-21T15:20:30.25Z",
            ),
            (
                "[Sat Nov 21 10:20:30.5 2026] [core:error] started",
                "2026-11-22T22:00:00Z",
                "2026-11-21T15:20:30.5Z",
            ),
            ("1:M 21 Nov 2026 10:20:30.123 * started", "2026-11-22T22:00:00Z", "2026-11-21T15:20:30.123Z"),
            ("2026-11-21 10:20:30 EST started", "2026-11-21T22:00:00Z", "2026-11-21T15:20:30Z"),
        ] {
            let mut times = times(Some("America/New_York"), None, now);
            assert_eq!(times.of(line.as_bytes()), Ok(Some(at(expected))), "{line}");
        }
    }

    #[test]
    fn what_could_be_several_times_is_none() {
        let now = "2026-11-21T22:00:00Z";
        let blocked =
            |line: &str, zone: &str| times(Some(zone), None, now).of(line.as_bytes()).unwrap_err().barrier;
        assert_eq!(blocked("2026-11-21 10:20:30 CST started", "Europe/Berlin"), Barrier::Unsupported);
        assert_eq!(blocked("2026-11-21 10:20:30 Mars/Base started", "UTC"), Barrier::Unsupported);
        for zone in ["SAST", "EAT", "WAT", "CAT", "AST", "ADT", "NST", "NDT", "IDT", "PM", "AM"] {
            let line = format!("2026-11-21 09:01:05 {zone} [7] LOG:  ready");
            assert_eq!(blocked(&line, "Europe/Berlin"), Barrier::Unsupported, "{zone}");
            // Also behind one of the same minute.
            let mut berlin = times(Some("Europe/Berlin"), None, now);
            assert!(berlin.of(b"2026-11-21 09:01:01 LOG:  begins").is_ok());
            assert_eq!(berlin.of(line.as_bytes()).unwrap_err().barrier, Barrier::Unsupported, "{zone}");
        }
        // A year behind the clock, which may be another one than this.
        for behind in [" 2025", " 2025 x", ": 2025", " GMT 2025 x", ".123 2025", " (2025) x", " 2026 x"] {
            let line = format!("Nov 21 09:01:05{behind}");
            assert_eq!(times(Some("UTC"), None, now).of(line.as_bytes()), Ok(None), "{line}");
        }
        for behind in [" 2025-host x", " 20251 x", " 1234 x", " web2025 x"] {
            let line = format!("Nov 21 09:01:05{behind}");
            assert!(times(Some("UTC"), None, now).of(line.as_bytes()).is_ok_and(|at| at.is_some()), "{line}");
        }
        // Halves of the day and zones, also behind a line of the same minute: what may be none makes no line of another time.
        for behind in [
            "\u{202f}PM",
            "\u{a0}PM",
            "\u{fffd}PM",
            "     PM",
            ", PM",
            "_PM",
            "-PM",
            " p.\u{a0}m.",
            " nachm.",
            " vorm.",
            " \u{5348}\u{5f8c}",
            " \u{4e0b}\u{5348}",
            " \u{645}",
            " \u{3bc}.\u{3bc}.",
            " BRT",
            " ART",
            " CLT",
            " CLST",
            " COT",
            " PET",
            " VET",
            " ICT",
            " PHT",
            " MYT",
            " NPT",
            " GST",
            " TRT",
            "\u{202f}BRT",
            " (BRT)",
            ", EST",
            ";UTC",
            " Brasilia Standard Time",
            " \u{2013}05:00",
        ] {
            let line = format!("2026-11-21 09:01:05{behind} ERROR");
            let mut berlin = times(Some("Europe/Berlin"), None, now);
            let alone = berlin.of(line.as_bytes());
            assert!(!matches!(alone, Ok(Some(_))), "{line}");
            assert!(berlin.of(b"2026-11-21 09:01:01 begins").is_ok_and(|at| at.is_some()));
            assert_eq!(berlin.of(line.as_bytes()), alone, "{line}");
            assert!(LogTimes::may_bear_time(line.as_bytes()), "{line}");
        }
        // What usual logs have there is none.
        for behind in [
            " ERROR",
            " INFO",
            " WARN",
            " DEBUG",
            " TRACE",
            " FATAL",
            " NOTICE",
            " LOG:",
            " HINT:",
            " CRIT",
            " ALERT",
            " INF",
            " DBG",
            " GET /",
            " POST /",
            " SMTP connection",
            " TLS error",
            " DROP TCP",
            " ALLOW UDP",
            " OPEN TCP",
            " VERIFY OK",
            " SIGHUP",
            " [App]",
            " [BOT]",
            "] [ART]",
            " | INFO |",
            " - PM -",
            ": PM",
            " Response Time 5",
            " It is Time",
            " catalog",
            " ARTS",
            " BOT1",
            " cat.example.org",
            " pet-1",
            " \u{30a8}\u{30e9}\u{30fc}",
            " \u{2013} 5 times",
        ] {
            let line = format!("2026-11-21 09:01:05{behind} x");
            let mut berlin = times(Some("Europe/Berlin"), None, now);
            assert_eq!(berlin.of(line.as_bytes()), Ok(Some(at("2026-11-21T08:01:05Z"))), "{line}");
        }
        // The hour that an autumn night has twice.
        let mut berlin = times(Some("Europe/Berlin"), None, "2027-11-21T22:00:00Z");
        assert!(berlin.of(b"2027-10-31 02:30:00 started").is_err());
        // Long before the window it does not matter which.
        assert!(berlin.of(b"2025-10-26 02:30:00 started").is_ok());
        // And the one that a spring night does not have.
        assert!(berlin.of(b"2027-03-28 02:30:00 started").is_err());
        assert!(berlin.of(b"2025-03-30 02:30:00 started").is_ok());
    }

    #[test]
    fn the_form_that_the_plan_says_is_read() {
        let now = "2026-11-21T22:00:00Z";
        for (format, line, expected) in [
            ("%d.%m.%Y %H:%M:%S", "21.11.2026 10:20:30 started", "2026-11-21T09:20:30Z"),
            ("%m/%d %T", "11/21 10:20:30 started", "2026-11-21T09:20:30Z"),
            ("%s", "1795256430 started", "2026-11-21T10:20:30Z"),
            ("[%Y%m%dT%H%M%S%z]", "[20261121T102030+0200] started", "2026-11-21T08:20:30Z"),
        ] {
            let mut times = times(Some("Europe/Berlin"), Some(format), now);
            assert_eq!(times.of(line.as_bytes()), Ok(Some(at(expected))), "{line}");
            assert_eq!(times.of(b"started 2026-11-21T10:20:30Z"), Ok(None), "{format}");
        }
    }

    #[test]
    fn a_line_of_the_same_minute_is_read_as_any_other() {
        let now = "2026-11-21T22:00:00Z";
        for (first, others) in [
            (
                "2026-11-21 10:20:30 ERROR a",
                &[
                    "2026-11-21 10:20:31.25 INFO b",
                    "2026-11-21 10:20:59 UTC c",
                    "2026-11-21 10:20:00+02:00 d",
                    "2026-11-21 10:21:00 e",
                    "2026-11-21 10:20:61 f",
                    "2026-11-21 10:20:07",
                    "2026-11-21 10:20:0",
                    "2026-11-21 10:20:31 (UTC) g",
                    "2026-11-21 10:20:31  utc h",
                    "2026-11-21 10:20:31] [UTC] i",
                    "2026-11-21 10:20:31 UTC-5 j",
                    "2026-11-21 10:20:31 GMT+02:00 k",
                    "2026-11-21 10:20:31 -5 l",
                    "2026-11-21 10:20:31 - m",
                    "2026-11-21 10:20:31 p.m. n",
                    "2026-11-21 10:20:31.1234567890Z o",
                    "2026-11-21 10:20:31:123Z p",
                    "2026-11-21 10:20:31[Europe/Berlin] q",
                    "2026-11-21 10:20:31 [App/Worker] r",
                    "2026-11-21 10:20:31 SST s",
                    "2026-11-21 10:20:31\u{202f}PM t",
                    "2026-11-21 10:20:31,PM u",
                    "2026-11-21 10:20:31_PM u",
                    "2026-11-21 10:20:31 nachm. v",
                    "2026-11-21 10:20:31 \u{5348}\u{5f8c} w",
                    "2026-11-21 10:20:31 \u{2212}05:00 x",
                    "2026-11-21 10:20:31 BRT y",
                    "2026-11-21 10:20:31 GET /",
                    "2026-11-21 10:20:31 Brasilia Standard Time z",
                ][..],
            ),
            (
                "2026-11-21T10:20:30.5Z a",
                &["2026-11-21T10:20:31Z b", "2026-11-21T10:20:31.123456789Z", "2026-11-21T10:20:31 c"],
            ),
            (
                "::1 - - [21/Nov/2026:10:20:30 +0100] a",
                &[
                    "10.0.0.1 - bob [21/Nov/2026:10:20:31 +0100] b",
                    "10.0.0.1 - - [21/Nov/2026:10:20:31 +0200] c",
                    "a b c d e f g [21/Nov/2026:10:20:31 +0100] d",
                    "a - [21/Nov/2026:10:20:31 +0100] [21/Nov/2026:11:20:31 +0100] e",
                ],
            ),
            (
                "Nov 21 10:20:30 host a",
                &[
                    "Nov 21 10:20:31 host b",
                    "Nov 21 10:20:311 c",
                    "Nov 22 10:20:30 d",
                    "Nov 21 10:20:31 2025 e",
                    "Nov 21 10:20:31, 2025: f",
                    "Nov 21 10:20:31 2025-host g",
                ],
            ),
        ] {
            for other in others {
                let mut memo = times(Some("America/New_York"), None, now);
                memo.of(first.as_bytes()).unwrap();
                let alone = times(Some("America/New_York"), None, now).of(other.as_bytes());
                assert_eq!(memo.of(other.as_bytes()), alone, "{other} after {first}");
            }
        }
    }

    #[test]
    fn what_may_be_a_time_is_told_from_none() {
        for line in [
            "21.11.2026 10:20:30 started",
            "[11/21/2026, 10:20:30] started",
            "21-Nov-26 10:20 started",
            "November 21, 2026 10:20:30 started",
            "10:20:30 started",
            "(10:20:30.123) started",
            "20261121 10:20:30 started",
            "Saturday, 21 Nov 2026 10:20:30 started",
            "12 errors at 10:20:30",
            "{\"a\": \"10:20:30\"}",
            "see 10:20:30",
            "\u{662}\u{660}\u{662}\u{666}-\u{661}\u{661}-\u{662}\u{661} \u{661}\u{660}:\u{662}\u{660}:\u{663}\u{660} ERROR",
            "2026\u{5e74}11\u{6708}21\u{65e5} 10\u{6642}20\u{5206}30\u{79d2} ERROR",
            "2026\u{b144} 11\u{c6d4} 21\u{c77c} \u{c624}\u{d6c4} 10\u{c2dc} ERROR",
        ] {
            assert_eq!(
                times(Some("UTC"), None, "2026-11-21T22:00:00Z").of(line.as_bytes()),
                Ok(None),
                "{line}"
            );
            assert!(LogTimes::may_bear_time(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "    at main.rs:12:30",
            "\tat com.example.Main(Main.java:12)",
            "Caused by: java.io.IOException",
            "10.0.0.1 - - refused",
            "1.2.3 is older than 1.2.4",
            "de:ad:be:ef",
            "at 00:11:22:33:44:55",
            "1: lo: <LOOPBACK>",
            "    at Object.run (/app/main.js:10:20)",
            "goroutine 17 [running]: main.go:123 +0x1d 0xc000012345",
            "    \u{30a8}\u{30e9}\u{30fc}: 5 \u{56de}",
            "the market 5 of 1.25 GB, runtime=2026 ms",
        ] {
            assert!(!LogTimes::may_bear_time(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn what_bears_no_time_at_its_beginning_has_none() {
        let mut times = times(Some("UTC"), None, "2026-11-21T22:00:00Z");
        let far = format!("{}2026-11-21T10:20:30Z", " ".repeat(300));
        for line in [
            "",
            "    at main.rs:12:30",
            "Foo 99 99:99:99",
            "2026-13-41 25:61:61",
            "12026-11-21 10:20:30",
            "certificate expired at 2025-01-01 00:00:00 +0000 UTC",
            "    retry after 2026-11-21T10:20:30Z",
            "app: 2026-11-21T10:20:30Z started",
            "{\"time\":{}}",
            "{",
            "ünïcödé",
            &far,
        ] {
            assert_eq!(times.of(line.as_bytes()), Ok(None), "{line}");
        }
    }
}
