//! The time that a log line bears.

use std::sync::OnceLock;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// No time is looked for beyond so many characters of a line.
const NEAR: usize = 96;

/// When the line says it was written. In it near its beginning: RFC 3339 and its relatives (a space for the `T`, a
/// comma for the point, no zone); the time of syslog (RFC 3164) without a year, which is then the one that puts it in
/// the past of `now`; the Common Log Format's. In a JSON object: under `time`, `timestamp`, `@timestamp` or `ts`, as
/// one of these or as seconds or milliseconds since 1970. What bears no zone is in this machine's.
pub fn of(line: &str, now: Timestamp) -> Option<Timestamp> {
    if line.starts_with('{') {
        return json(line, now);
    }
    let near = line.char_indices().nth(NEAR).map_or(line, |(end, _)| &line[..end]);
    text(near, now)
}

fn json(line: &str, now: Timestamp) -> Option<Timestamp> {
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    let value = ["time", "timestamp", "@timestamp", "ts"].iter().find_map(|key| json.get(key))?;
    match value {
        serde_json::Value::String(value) => text(value, now),
        // No log is older than 1973 in milliseconds, nor younger than 5138 in seconds.
        serde_json::Value::Number(number) => {
            let number = number.as_f64()?;
            let seconds = if number >= 1e11 { number / 1000.0 } else { number };
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a float's saturating cast; out of range is an error next"
            )]
            Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()
        }
        _ => None,
    }
}

fn text(text: &str, now: Timestamp) -> Option<Timestamp> {
    let found = pattern()?.captures(text)?;
    let get = |name: &str| found.name(name).map(|part| part.as_str());
    if let (Some(date), Some(time)) = (get("date"), get("time")) {
        let civil = format!("{}T{}", date.replace('/', "-"), time.replace(',', "."));
        return match get("zone").map(str::trim) {
            Some("Z" | "z") => format!("{civil}Z").parse().ok(),
            // `+0200` as `+02:00`.
            Some(zone) => {
                let (hours, minutes) = zone.split_at_checked(3)?;
                format!("{civil}{hours}:{}", minutes.trim_start_matches(':')).parse().ok()
            }
            None => local(civil.parse().ok()?),
        };
    }
    if let Some(clf) = get("clf") {
        return jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", clf).ok()?.to_timestamp().ok();
    }
    let year = now.to_zoned(TimeZone::system()).year();
    let in_year = |year: i16| {
        let civil =
            jiff::fmt::strtime::parse("%Y %b %d %H:%M:%S", format!("{year} {}", get("syslog")?)).ok()?;
        local(civil.to_datetime().ok()?)
    };
    // A day's grace for a clock that is ahead.
    in_year(year)
        .filter(|at| now.checked_add(24.hours()).is_ok_and(|latest| *at <= latest))
        .or_else(|| in_year(year - 1))
}

fn local(civil: DateTime) -> Option<Timestamp> {
    civil.to_zoned(TimeZone::system()).ok().map(|zoned| zoned.timestamp())
}

fn pattern() -> Option<&'static regex::Regex> {
    static PATTERN: OnceLock<Option<regex::Regex>> = OnceLock::new();
    let pattern = r"(?x)
        (?: ^ | [^0-9A-Za-z] )
        (?:
            (?<date> [0-9]{4} (?: -[0-9]{2}-[0-9]{2} | /[0-9]{2}/[0-9]{2} ) )
            [T\ t]
            (?<time> [0-9]{2}:[0-9]{2}:[0-9]{2} (?: [.,][0-9]{1,9} )? )
            (?<zone> [Zz] | \ ?[+-][0-9]{2}:?[0-9]{2} )?
        |
            (?<clf> [0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}\ [+-][0-9]{4} )
        |
            (?<syslog> [A-Z][a-z]{2}\ [\ 0-9][0-9]\ [0-9]{2}:[0-9]{2}:[0-9]{2} )
        )";
    PATTERN.get_or_init(|| regex::Regex::new(pattern).ok()).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_that_name_their_zone_are_read() {
        let now = at("2026-11-21T22:00:00Z");
        for (line, expected) in [
            ("2026-11-21T10:20:30Z started", "2026-11-21T10:20:30Z"),
            ("2026-11-21T10:20:30.123456+02:00 host app: started", "2026-11-21T08:20:30.123456Z"),
            ("<34>1 2026-11-21T10:20:30.5Z host app - - - started", "2026-11-21T10:20:30.5Z"),
            ("[2026-11-21 10:20:30,250 +0000] INFO started", "2026-11-21T10:20:30.25Z"),
            ("INFO [app] 2026/11/21 10:20:30 -0130 started", "2026-11-21T11:50:30Z"),
            ("::1 - - [21/Nov/2026:10:20:30 +0100] \"GET / HTTP/1.1\" 200 5", "2026-11-21T09:20:30Z"),
            (r#"{"level":"info","time":"2026-11-21T10:20:30Z","msg":"x"}"#, "2026-11-21T10:20:30Z"),
            (r#"{"ts":1795256430.5,"msg":"x"}"#, "2026-11-21T10:20:30.5Z"),
            (r#"{"time":1795256430500,"msg":"x"}"#, "2026-11-21T10:20:30.5Z"),
        ] {
            assert_eq!(of(line, now), Some(at(expected)), "{line}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_local_and_one_without_a_year_lies_in_the_past() {
        let local = |text: &str| local(text.parse().unwrap()).unwrap();
        for (line, now, expected) in [
            ("2026-11-21 10:20:30,5 started", "2026-11-21T22:00:00Z", "2026-11-21T10:20:30.5"),
            ("Nov 21 10:20:30 host app[1]: started", "2026-11-22T22:00:00Z", "2026-11-21T10:20:30"),
            ("Dec  9 10:20:30 host app[1]: started", "2027-01-02T12:00:00Z", "2026-12-09T10:20:30"),
            ("<13>Jan  2 10:20:30 host app: started", "2027-01-02T12:00:00Z", "2027-01-02T10:20:30"),
        ] {
            assert_eq!(of(line, at(now)), Some(local(expected)), "{line}");
        }
    }

    #[test]
    fn what_bears_no_time_has_none() {
        let now = at("2026-11-21T22:00:00Z");
        let far = format!("{}2026-11-21T10:20:30Z", " ".repeat(200));
        for line in [
            "",
            "    at main.rs:12:30",
            "Foo 99 99:99:99",
            "2026-13-41 25:61:61",
            "12026-11-21 10:20:30",
            "{\"time\":{}}",
            "{",
            "ünïcödé",
            &far,
        ] {
            assert_eq!(of(line, now), None, "{line}");
        }
    }
}
