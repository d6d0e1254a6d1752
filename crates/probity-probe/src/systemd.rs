//! What systemd says of its units, by systemctl(1): `systemctl show`, whose KEY=VALUE lines are the same for one unit and for
//! many.
//!
//! Must not know: which facts are made of it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use probity_plan::{Barrier, Blocked};

use crate::look::{Context, not_ahead};
use crate::program;

/// A service that systemd restarted by itself so many times ...
const MANY_RESTARTS: i64 = 3;
/// ... and that has not run for so long since is crash looping.
const STEADY: SignedDuration = SignedDuration::from_mins(10);

/// A unit's properties by name. What a kind of unit does not have (a timer has no main process) is not in it.
#[derive(Debug, PartialEq)]
pub struct Unit(BTreeMap<String, String>);

/// These properties, with commas between, of the units of these names or patterns, in their order.
///
/// # Errors
/// `unsupported` without systemd; what systemctl said otherwise.
pub async fn show(names: &[&str], properties: &str, context: &Context<'_>) -> Result<Vec<Unit>, Blocked> {
    let mut arguments = vec!["systemctl", "show", "--no-pager", "--property", properties, "--"];
    arguments.extend(names);
    // Times then come in UTC, which every version of systemctl can do.
    let (code, stdout, stderr) = program::ask(&arguments, &[("TZ", "UTC")], context).await?;
    if code == 0 {
        return parse(&stdout);
    }
    Err(failed(&format!("systemctl show {}", names.join(" ")), &stderr))
}

/// These properties of one unit.
///
/// # Errors
/// Those of [`show`], and `protocol` where systemctl spoke of many.
pub async fn unit(name: &str, properties: &str, context: &Context<'_>) -> Result<Unit, Blocked> {
    let mut units = show(&[name], properties, context).await?;
    match (units.pop(), units.len()) {
        (Some(unit), 0) => Ok(unit),
        (last, before) => {
            let count = before + usize::from(last.is_some());
            let why = format!("systemctl spoke of {count} units instead of one");
            Err(Blocked::new(Barrier::Protocol, why))
        }
    }
}

/// Why systemctl could not ask, by what it said.
pub fn failed(what: &str, said: &str) -> Blocked {
    // sd_booted(3): this folder exists if and only if systemd is the machine's first process.
    let barrier = if !Path::new("/run/systemd/system").is_dir() {
        Barrier::Unsupported
    } else if is_denied(said) {
        Barrier::PermissionDenied
    } else {
        Barrier::Unreachable
    };
    Blocked::new(barrier, format!("{what}: {}", said.trim()))
}

/// Whether systemctl said that this user may not.
pub fn is_denied(said: &str) -> bool {
    ["denied", "not permitted", "authentication required", "Authentication is required"]
        .iter()
        .any(|words| said.contains(words))
}

/// Reads what `systemctl show` prints: one block of lines a unit, with an empty line between.
///
/// # Errors
/// `protocol` where it is something else.
pub fn parse(text: &str) -> Result<Vec<Unit>, Blocked> {
    let wrong = |what: String| Blocked::new(Barrier::Protocol, format!("systemctl show: {what}"));
    let mut units = Vec::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let mut unit = BTreeMap::new();
        for line in block.lines() {
            let (key, value) =
                line.split_once('=').ok_or_else(|| wrong(format!("`{line}` is no KEY=VALUE")))?;
            // A property that is a list may come a line an element.
            unit.entry(key.to_owned())
                .and_modify(|before: &mut String| before.extend(["\n", value]))
                .or_insert_with(|| value.to_owned());
        }
        for key in ["Id", "LoadState", "ActiveState", "SubState"] {
            if unit.get(key).is_none_or(String::is_empty) {
                return Err(wrong(format!("a unit without {key}")));
            }
        }
        units.push(Unit(unit));
    }
    Ok(units)
}

impl Unit {
    /// Whether there is such a unit: without its file it is one as long as systemd has anything of it, because it runs or failed.
    pub fn exists(&self) -> bool {
        self.text("LoadState") != "not-found" || self.text("ActiveState") != "inactive"
    }

    /// Whether systemd restarts it again and again: it gave up on it for that, and not for starts by others; or it restarted it [`MANY_RESTARTS`] times since
    /// somebody last started it, and it waits for the next time, is not yet at its main process, or has not run for [`STEADY`]
    /// since.
    pub fn crash_looping(&self, now: Timestamp) -> bool {
        let restarts = self.number("NRestarts").unwrap_or_default();
        if self.text("Result") == "start-limit-hit" {
            return restarts > 0;
        }
        let many = restarts >= MANY_RESTARTS;
        let state = self.text("SubState");
        let waits = state.starts_with("auto-restart") || matches!(state, "condition" | "start-pre");
        let began = self.time("ExecMainStartTimestamp", "");
        let never = began.is_err() && self.text("ActiveState").ends_with("activating");
        many && (waits || never || began.is_ok_and(|began| now.duration_since(began) < STEADY))
    }

    /// The property; empty where it has none of this name.
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// The property.
    ///
    /// # Errors
    /// `unsupported` where this kind of unit has none of this name.
    pub fn property(&self, key: &str) -> Result<&str, Blocked> {
        self.0
            .get(key)
            .map(String::as_str)
            .ok_or_else(|| Blocked::new(Barrier::Unsupported, format!("{} has no {key}", self.text("Id"))))
    }

    /// A property that is a number.
    ///
    /// # Errors
    /// `unsupported` where systemd does not count it, `protocol` where it is no number.
    pub fn number(&self, key: &str) -> Result<i64, Blocked> {
        let value = self.property(key)?;
        match value.parse() {
            Ok(number) => Ok(number),
            // `[not set]`, or the greatest number there is, stand for what is not counted.
            Err(_) if value == "[not set]" || value == "infinity" || value == u64::MAX.to_string() => {
                Err(Blocked::new(Barrier::Unsupported, format!("systemd does not count {key}")))
            }
            Err(error) => Err(Blocked::new(Barrier::Protocol, format!("{key}={value}: {error}"))),
        }
    }

    /// A property that is a time, to the second; `without` says why there may be none.
    ///
    /// # Errors
    /// `unreachable` where there is none.
    pub fn time(&self, key: &str, without: &str) -> Result<Timestamp, Blocked> {
        let value = self.property(key)?;
        if value.is_empty() || value == "n/a" {
            return Err(Blocked::new(Barrier::Unreachable, without));
        }
        jiff::fmt::strtime::parse("%a %Y-%m-%d %H:%M:%S UTC", value)
            .and_then(|parsed| parsed.to_datetime())
            .and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC))
            .map(|zoned| zoned.timestamp())
            .map_err(|error| Blocked::new(Barrier::Protocol, format!("{key}={value}: {error}")))
            .and_then(|at| not_ahead(key, at, Timestamp::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_key_and_value_is_no_answer() {
        for nonsense in
            ["hello", "Id=a.service\nLoadState=loaded", "Id=\nLoadState=x\nActiveState=y\nSubState=z"]
        {
            assert_eq!(parse(nonsense).unwrap_err().barrier, Barrier::Protocol, "{nonsense}");
        }
        assert_eq!(parse("").unwrap(), Vec::<Unit>::new());
    }

    #[test]
    fn a_crash_loop_is_told_from_a_crash() {
        let now: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
        let unit = |restarts: &str, sub: &str, started: &str, result: &str| {
            let started = format!("Fri 2026-01-02 {started} UTC");
            let pairs = [
                ("NRestarts", restarts),
                ("SubState", sub),
                ("ExecMainStartTimestamp", &started),
                ("Result", result),
            ];
            Unit(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).crash_looping(now)
        };
        assert!(unit("3", "auto-restart", "08:00:00", "exit-code"));
        assert!(unit("3", "running", "11:51:00", "success"));
        assert!(unit("1", "failed", "08:00:00", "start-limit-hit"));
        // Somebody, or a timer, started it too often.
        assert!(!unit("0", "failed", "08:00:00", "start-limit-hit"));
        assert!(!unit("2", "auto-restart", "11:59:00", "exit-code"));
        // What comes before the main process fails, whenever that ran last.
        assert!(unit("3", "start-pre", "08:00:00", "success"));
        let never = [("NRestarts", "4"), ("SubState", "stop-sigterm"), ("ActiveState", "deactivating")];
        assert!(Unit(never.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).crash_looping(now));
        assert!(!unit("30", "running", "11:49:00", "success"));
        assert!(!unit("0", "running", "11:59:59", "success"));
    }

    #[test]
    fn an_uncounted_number_is_not_a_number() {
        let unit = |value: &str| Unit(BTreeMap::from([("MemoryCurrent".to_owned(), value.to_owned())]));
        assert_eq!(unit("4096").number("MemoryCurrent"), Ok(4096));
        for (value, barrier) in [
            ("[not set]", Barrier::Unsupported),
            ("18446744073709551615", Barrier::Unsupported),
            ("lots", Barrier::Protocol),
        ] {
            assert_eq!(unit(value).number("MemoryCurrent").unwrap_err().barrier, barrier, "{value}");
        }
    }
}
