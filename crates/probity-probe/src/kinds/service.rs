//! `service`: `systemctl show`, whose KEY=VALUE lines are the same for one unit and for many.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use probity_plan::kinds::service::Service;
use probity_plan::{Barrier, Blocked};

use crate::look::{Context, Look, Seen, barrier_of, not_ahead};
use crate::program;

const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,ActiveEnterTimestamp,\
                          ExecMainStartTimestamp,LastTriggerUSec,MainPID,NRestarts,Result,ExecMainCode,\
                          ExecMainStatus,User,MemoryCurrent,NeedDaemonReload,DropInPaths,EnvironmentFiles";

/// A service that systemd restarted by itself so many times ...
const MANY_RESTARTS: i64 = 3;
/// ... and that has not run for so long since is crash looping.
const STEADY: SignedDuration = SignedDuration::from_mins(10);

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
    let arguments = ["systemctl", "show", "--no-pager", "--property", PROPERTIES, "--", &service.service];
    // Times then come in UTC, which every version of systemctl can do.
    let (code, stdout, stderr) = program::ask(&arguments, &[("TZ", "UTC")], context).await?;
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
        let blocked = Blocked::new(Barrier::Unreachable, why);
        seen.block("failed", blocked.clone()).block("crash_loops", blocked);
    } else {
        seen.know("failed", names(units.iter().filter(|unit| text(unit, "ActiveState") == "failed")));
        let now = Timestamp::now();
        seen.know("crash_loops", names(units.iter().filter(|unit| crash_looping(unit, now))));
    }
    seen.block_rest(Blocked::new(Barrier::Unsupported, format!("`{}` names many units", service.service)));
    seen
}

fn names<'a>(units: impl Iterator<Item = &'a Properties>) -> Vec<&'a str> {
    units.map(|unit| text(unit, "Id")).collect()
}

fn one(unit: &Properties) -> Seen {
    let mut seen = Seen::default();
    // Without its file it is one as long as systemd has anything of it: it runs, or failed.
    let exists = text(unit, "LoadState") != "not-found" || text(unit, "ActiveState") != "inactive";
    seen.know("exists", exists)
        .know("load_state", text(unit, "LoadState"))
        .know("active_state", text(unit, "ActiveState"))
        .know("sub_state", text(unit, "SubState"))
        .know("enabled", text(unit, "UnitFileState"))
        .know("unit_file", text(unit, "FragmentPath"));
    if !exists {
        seen.know("units", Vec::<String>::new());
        seen.block_rest(Blocked::new(Barrier::Unreachable, format!("there is no unit {}", text(unit, "Id"))));
        return seen;
    }
    let failed = text(unit, "ActiveState") == "failed";
    let looping = crash_looping(unit, Timestamp::now());
    seen.know("crash_looping", looping)
        .know("crash_loops", names(std::iter::once(unit).filter(|_| looping)))
        .settle("needs_reload", property(unit, "NeedDaemonReload").map(|word| word == "yes"))
        .settle("needs_restart", needs_restart(unit));
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

/// Whether systemd restarts it again and again: it gave up on it for that; or it restarted it [`MANY_RESTARTS`] times since
/// somebody last started it, and it waits for the next time or has not run for [`STEADY`] since.
fn crash_looping(unit: &Properties, now: Timestamp) -> bool {
    if text(unit, "Result") == "start-limit-hit" {
        return true;
    }
    let many = number(unit, "NRestarts").is_ok_and(|restarts| restarts >= MANY_RESTARTS);
    let waits = text(unit, "SubState").starts_with("auto-restart");
    let began = time(unit, "ExecMainStartTimestamp", "");
    many && (waits || began.is_ok_and(|began| now.duration_since(began) < STEADY))
}

/// Whether it runs from something else than what stands in its files now: a unit file, or a file of its environment, that
/// changed since its main process was started, or a program or library that was deleted or replaced.
fn needs_restart(unit: &Properties) -> Result<bool, Blocked> {
    let pid = number(unit, "MainPID")?;
    if pid == 0 {
        return Err(Blocked::new(Barrier::Unreachable, "no main process of it runs"));
    }
    let started = time(unit, "ExecMainStartTimestamp", "it has not been started")?;
    // systemd tells the second only: a file of the same second was there before.
    let latest = started.checked_add(SignedDuration::from_secs(1)).unwrap_or(started);
    let files = text(unit, "DropInPaths").split_whitespace().chain([text(unit, "FragmentPath")]);
    let files = files.filter(|file| !file.is_empty()).map(|file| (file, false));
    for (file, may_lack) in files.chain(environment_files(unit)) {
        if may_lack && !std::fs::exists(file).unwrap_or(true) {
            continue;
        }
        if file.contains(['*', '?', '[']) {
            let why = format!("EnvironmentFile={file} is a pattern: which files it stood for is not known");
            return Err(Blocked::new(Barrier::Unsupported, why));
        }
        let changed = std::fs::metadata(file).map(|metadata| Timestamp::new(metadata.mtime(), 0));
        match changed {
            // As it was when it was loaded, it is no more.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(barrier_of(&format!("stat {file}"), &error)),
            Ok(Ok(changed)) if changed > latest => return Ok(true),
            Ok(_) => {}
        }
    }
    let path = format!("/proc/{pid}/maps");
    let maps = std::fs::read(&path).map_err(|error| barrier_of(&format!("open {path}"), &error))?;
    Ok(String::from_utf8_lossy(&maps).lines().any(runs_deleted_file))
}

/// The files of its environment, and whether each may be missing: `/etc/default/app (ignore_errors=yes)`.
fn environment_files(unit: &Properties) -> impl Iterator<Item = (&str, bool)> {
    text(unit, "EnvironmentFiles").lines().filter_map(|line| {
        let (file, flag) = line.rsplit_once(" (ignore_errors=")?;
        Some((file, flag.starts_with("yes")))
    })
}

/// Whether a line of `/proc/PID/maps` (proc_pid_maps(5)) maps a file for execution that is there no more. Not what programs
/// make for themselves: in memory, or in folders for what is temporary.
fn runs_deleted_file(line: &str) -> bool {
    let mut fields = line.split_whitespace();
    let executes = fields.nth(1).is_some_and(|rights| rights.contains('x'));
    let path = line.find('/').map_or("", |at| &line[at..]);
    let own =
        ["/memfd:", "/dev/", "/SYSV", "/tmp/", "/var/tmp/", "/run/"].iter().any(|own| path.starts_with(own));
    executes && path.ends_with(" (deleted)") && !own
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

fn time(unit: &Properties, key: &str, without: &str) -> Result<Timestamp, Blocked> {
    let value = property(unit, key)?;
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
        let lists = "Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=running\n\
                     EnvironmentFiles=/etc/a b (ignore_errors=no)\nEnvironmentFiles=/etc/c (ignore_errors=yes)\n";
        let units = parse(lists).unwrap();
        let files: Vec<_> = environment_files(&units[0]).collect();
        assert_eq!(files, [("/etc/a b", false), ("/etc/c", true)]);
    }

    #[test]
    fn a_program_or_library_that_is_gone_is_told_from_what_programs_make_for_themselves() {
        let line = |rights: &str, path: &str| format!("7f0-7f1 {rights} 00000000 08:01 123   {path}");
        assert!(runs_deleted_file(&line("r-xp", "/usr/lib/libssl.so.3 (deleted)")));
        assert!(runs_deleted_file(&line("r-xp", "/opt/my app/server (deleted)")));
        for (rights, path) in [
            ("r--p", "/usr/lib/libssl.so.3 (deleted)"),
            ("r-xp", "/usr/lib/libssl.so.3"),
            ("r-xp", "/memfd:jit (deleted)"),
            ("r-xp", "/tmp/ffi123 (deleted)"),
            ("r-xp", ""),
            ("r-xp", "[vdso]"),
        ] {
            assert!(!runs_deleted_file(&line(rights, path)), "{rights} {path}");
        }
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
            crash_looping(&pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into(), now)
        };
        assert!(unit("3", "auto-restart", "08:00:00", "exit-code"));
        assert!(unit("3", "running", "11:51:00", "success"));
        assert!(unit("0", "failed", "08:00:00", "start-limit-hit"));
        assert!(!unit("2", "auto-restart", "11:59:00", "exit-code"));
        assert!(!unit("30", "running", "11:49:00", "success"));
        assert!(!unit("0", "running", "11:59:59", "success"));
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
