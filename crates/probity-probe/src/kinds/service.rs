//! `service`: `systemctl show`, whose KEY=VALUE lines are the same for one unit and for many.

use std::collections::BTreeMap;
use std::path::Path;

use probity_plan::kinds::service::Service;
use probity_plan::{Barrier, Blocked};

use crate::look::{Context, Look, Seen};
use crate::program;

const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,ActiveEnterTimestamp,\
                          ExecMainStartTimestamp,LastTriggerUSec,MainPID,NRestarts,Result,ExecMainCode,\
                          ExecMainStatus,User,MemoryCurrent";

/// A unit's properties by name. What a kind of unit does not have (a timer has no main process) is not in it.
type Properties = BTreeMap<String, String>;

impl Look for Service {
    async fn look(&self, context: &Context<'_>) -> Seen {
        match ask(self, context).await.and_then(|text| parse(&text)) {
            Ok(units) if self.is_pattern() => many(self, &units),
            Ok(units) => match units.as_slice() {
                [unit] => one(unit),
                _ => Seen::nothing(Blocked::new(
                    Barrier::Protocol,
                    format!("systemctl spoke of {} units instead of one", units.len()),
                )),
            },
            Err(blocked) => Seen::nothing(blocked),
        }
    }
}

async fn ask(service: &Service, context: &Context<'_>) -> Result<String, Blocked> {
    let arguments = ["systemctl", "show", "--no-pager", "--property", PROPERTIES, "--", &service.service]
        .map(str::to_owned);
    // Times then come in UTC, which every version of systemctl can do.
    let env = BTreeMap::from([("TZ".to_owned(), "UTC".to_owned())]);
    let (code, stdout, stderr) = program::ask(&arguments, &env, context).await?;
    if code == 0 {
        return Ok(stdout);
    }
    // sd_booted(3): this folder exists if and only if systemd is the machine's first process.
    let barrier = if !Path::new("/run/systemd/system").is_dir() {
        Barrier::Unsupported
    } else if stderr.contains("denied") || stderr.contains("not permitted") {
        Barrier::PermissionDenied
    } else {
        Barrier::Unreachable
    };
    Err(Blocked::new(barrier, format!("systemctl show {}: {}", service.service, stderr.trim())))
}

/// One block of lines a unit, with an empty line between.
fn parse(text: &str) -> Result<Vec<Properties>, Blocked> {
    let wrong = |what: String| Blocked::new(Barrier::Protocol, format!("systemctl show: {what}"));
    let mut units = Vec::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let mut unit = Properties::new();
        for line in block.lines() {
            let (key, value) =
                line.split_once('=').ok_or_else(|| wrong(format!("`{line}` is no KEY=VALUE")))?;
            unit.insert(key.to_owned(), value.to_owned());
        }
        for key in ["Id", "LoadState", "ActiveState", "SubState"] {
            if unit.get(key).is_none_or(String::is_empty) {
                return Err(wrong(format!("a unit without {key}")));
            }
        }
        units.push(unit);
    }
    Ok(units)
}

fn many(service: &Service, units: &[Properties]) -> Seen {
    let mut seen = Seen::default();
    seen.know("units", names(units.iter()));
    if units.is_empty() {
        // "None failed" would pass on nothing.
        let why = format!("no loaded unit matches {}", service.service);
        seen.block("failed", Blocked::new(Barrier::Unreachable, why));
    } else {
        seen.know("failed", names(units.iter().filter(|unit| text(unit, "ActiveState") == "failed")));
    }
    seen.block_rest(Blocked::new(Barrier::Unsupported, format!("`{}` names many units", service.service)));
    seen
}

fn names<'a>(units: impl Iterator<Item = &'a Properties>) -> Vec<&'a str> {
    units.map(|unit| text(unit, "Id")).collect()
}

fn one(unit: &Properties) -> Seen {
    let mut seen = Seen::default();
    let exists = text(unit, "LoadState") != "not-found";
    // Also of a unit that does not exist: systemd says `inactive`; or `active`, if its file was deleted meanwhile.
    seen.know("exists", exists)
        .know("load_state", text(unit, "LoadState"))
        .know("active_state", text(unit, "ActiveState"))
        .know("sub_state", text(unit, "SubState"))
        .know("enabled", text(unit, "UnitFileState"))
        .know("unit_file", text(unit, "FragmentPath"));
    if !exists && text(unit, "ActiveState") == "inactive" {
        seen.know("units", Vec::<String>::new());
        seen.block_rest(Blocked::new(Barrier::Unreachable, format!("there is no unit {}", text(unit, "Id"))));
        return seen;
    }
    let failed = text(unit, "ActiveState") == "failed";
    seen.know("units", names(std::iter::once(unit)))
        .know("failed", names(std::iter::once(unit).filter(|_| failed)));
    seen.settle("active_since", time(unit, "ActiveEnterTimestamp", "it has not been active"))
        .settle("started", time(unit, "ExecMainStartTimestamp", "it has not been started"))
        .settle("last_trigger", time(unit, "LastTriggerUSec", "it has not been triggered"))
        .settle("main_pid", number(unit, "MainPID"))
        .settle("restarts", number(unit, "NRestarts"))
        .settle("result", property(unit, "Result"))
        .settle("memory_bytes", number(unit, "MemoryCurrent"));
    // Without a word from the unit a system service runs as root.
    seen.settle("user", property(unit, "User").map(|user| if user.is_empty() { "root" } else { user }));
    let (code, signal) = ended(unit);
    seen.settle("exit_code", code).settle("signal", signal);
    seen
}

fn text<'a>(unit: &'a Properties, key: &str) -> &'a str {
    unit.get(key).map_or("", String::as_str)
}

fn property<'a>(unit: &'a Properties, key: &str) -> Result<&'a str, Blocked> {
    unit.get(key)
        .map(String::as_str)
        .ok_or_else(|| Blocked::new(Barrier::Unsupported, format!("{} has no {key}", text(unit, "Id"))))
}

fn number(unit: &Properties, key: &str) -> Result<i64, Blocked> {
    let value = property(unit, key)?;
    match value.parse() {
        Ok(number) => Ok(number),
        // `[not set]`, or the greatest number there is, stand for what is not counted.
        Err(_) if value == "[not set]" || value == "infinity" || value == u64::MAX.to_string() => {
            Err(Blocked::new(Barrier::Unsupported, format!("systemd does not count {key}")))
        }
        Err(error) => Err(Blocked::new(Barrier::Protocol, format!("{key}={value}: {error}"))),
    }
}

fn time(unit: &Properties, key: &str, without: &str) -> Result<jiff::Timestamp, Blocked> {
    let value = property(unit, key)?;
    if value.is_empty() || value == "n/a" {
        return Err(Blocked::new(Barrier::Unreachable, without));
    }
    jiff::fmt::strtime::parse("%a %Y-%m-%d %H:%M:%S UTC", value)
        .and_then(|parsed| parsed.to_datetime())
        .and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|error| Blocked::new(Barrier::Protocol, format!("{key}={value}: {error}")))
}

/// With which status, by which signal the last main process ended. The codes are those of waitid(2).
fn ended(unit: &Properties) -> (Result<i64, Blocked>, Result<i64, Blocked>) {
    let both = |blocked: Blocked| (Err(blocked.clone()), Err(blocked));
    match (number(unit, "ExecMainCode"), number(unit, "ExecMainStatus")) {
        (Ok(0), _) => both(Blocked::new(Barrier::Unreachable, "no main process of it has ended")),
        (Ok(1), Ok(status)) => (Ok(status), Ok(0)),
        (Ok(2 | 3), Ok(signal)) => {
            (Err(Blocked::new(Barrier::Aborted, format!("ended by signal {signal}"))), Ok(signal))
        }
        (Ok(code), Ok(_)) => both(Blocked::new(Barrier::Protocol, format!("ExecMainCode={code}"))),
        (Err(blocked), _) | (_, Err(blocked)) => both(blocked),
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
        assert_eq!(parse("").unwrap(), Vec::<Properties>::new());
    }

    #[test]
    fn an_uncounted_number_is_not_a_number() {
        let unit = |value: &str| Properties::from([("MemoryCurrent".to_owned(), value.to_owned())]);
        assert_eq!(number(&unit("4096"), "MemoryCurrent"), Ok(4096));
        for (value, barrier) in [
            ("[not set]", Barrier::Unsupported),
            ("18446744073709551615", Barrier::Unsupported),
            ("lots", Barrier::Protocol),
        ] {
            assert_eq!(number(&unit(value), "MemoryCurrent").unwrap_err().barrier, barrier, "{value}");
        }
    }
}
