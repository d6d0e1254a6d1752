//! `service`: what systemd says of a unit, or of many (`systemd.rs`).

use std::os::unix::fs::MetadataExt;

use jiff::{SignedDuration, Timestamp};
use probity_plan::kinds::service::Service;
use probity_plan::{Barrier, Blocked};

use crate::look::{Context, Look, Seen, barrier_of};
use crate::systemd::{self, Unit};

const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,ActiveEnterTimestamp,\
                          ExecMainStartTimestamp,LastTriggerUSec,MainPID,NRestarts,Result,ExecMainCode,\
                          ExecMainStatus,User,MemoryCurrent,NeedDaemonReload,DropInPaths,EnvironmentFiles";

impl Look for Service {
    async fn look(&self, context: &Context<'_>) -> Seen {
        if !self.is_pattern() {
            return match systemd::unit(&self.service, PROPERTIES, context).await {
                Ok(unit) => one(&unit),
                Err(blocked) => Seen::nothing(blocked),
            };
        }
        match systemd::show(&[&self.service], PROPERTIES, context).await {
            Ok(units) => many(self, &units),
            Err(blocked) => Seen::nothing(blocked),
        }
    }
}

fn many(service: &Service, units: &[Unit]) -> Seen {
    let mut seen = Seen::default();
    seen.know("units", names(units.iter()));
    if units.is_empty() {
        // "None failed" would pass on nothing.
        let why = format!("no loaded unit matches {}", service.service);
        let blocked = Blocked::new(Barrier::Unreachable, why);
        seen.block("failed", blocked.clone()).block("crash_loops", blocked);
    } else {
        seen.know("failed", names(units.iter().filter(|unit| unit.text("ActiveState") == "failed")));
        let now = Timestamp::now();
        seen.know("crash_loops", names(units.iter().filter(|unit| unit.crash_looping(now))));
    }
    seen.block_rest(Blocked::new(Barrier::Unsupported, format!("`{}` names many units", service.service)));
    seen
}

fn names<'a>(units: impl Iterator<Item = &'a Unit>) -> Vec<&'a str> {
    units.map(|unit| unit.text("Id")).collect()
}

fn one(unit: &Unit) -> Seen {
    let mut seen = Seen::default();
    let exists = unit.exists();
    seen.know("exists", exists)
        .know("load_state", unit.text("LoadState"))
        .know("active_state", unit.text("ActiveState"))
        .know("sub_state", unit.text("SubState"))
        .know("enabled", unit.text("UnitFileState"))
        .know("unit_file", unit.text("FragmentPath"));
    if !exists {
        seen.know("units", Vec::<String>::new());
        seen.block_rest(Blocked::new(Barrier::Unreachable, format!("there is no unit {}", unit.text("Id"))));
        return seen;
    }
    let failed = unit.text("ActiveState") == "failed";
    let looping = unit.crash_looping(Timestamp::now());
    seen.know("crash_looping", looping)
        .know("crash_loops", names(std::iter::once(unit).filter(|_| looping)))
        .settle("needs_reload", unit.property("NeedDaemonReload").map(|word| word == "yes"))
        .settle("needs_restart", needs_restart(unit));
    seen.know("units", names(std::iter::once(unit)))
        .know("failed", names(std::iter::once(unit).filter(|_| failed)));
    seen.settle("active_since", unit.time("ActiveEnterTimestamp", "it has not been active"))
        .settle("started", unit.time("ExecMainStartTimestamp", "it has not been started"))
        .settle("last_trigger", unit.time("LastTriggerUSec", "it has not been triggered"))
        .settle("main_pid", unit.number("MainPID"))
        .settle("restarts", unit.number("NRestarts"))
        .settle("result", unit.property("Result"))
        .settle("memory_bytes", unit.number("MemoryCurrent"));
    // Without a word from the unit a system service runs as root.
    seen.settle("user", unit.property("User").map(|user| if user.is_empty() { "root" } else { user }));
    let (code, signal) = ended(unit);
    seen.settle("exit_code", code).settle("signal", signal);
    seen
}

/// Whether it runs from something else than what stands in its files now: a unit file, or a file of its environment, that
/// changed since its main process was started, or a program or library that was deleted or replaced.
fn needs_restart(unit: &Unit) -> Result<bool, Blocked> {
    let pid = unit.number("MainPID")?;
    if pid == 0 {
        return Err(Blocked::new(Barrier::Unreachable, "no main process of it runs"));
    }
    let started = unit.time("ExecMainStartTimestamp", "it has not been started")?;
    // systemd tells the second only: a file of the same second was there before.
    let latest = started.checked_add(SignedDuration::from_secs(1)).unwrap_or(started);
    let files = unit.text("DropInPaths").split_whitespace().chain([unit.text("FragmentPath")]);
    let files = files.filter(|file| !file.is_empty()).map(|file| (file, false));
    let mut doubtful = None;
    for (file, may_lack) in files.chain(environment_files(unit)) {
        if may_lack && !std::fs::exists(file).unwrap_or(true) {
            continue;
        }
        if file.contains(['*', '?', '[']) {
            let why = format!("EnvironmentFile={file} is a pattern: which files it stood for is not known");
            return Err(Blocked::new(Barrier::Unsupported, why));
        }
        let is_later = |seconds| Timestamp::new(seconds, 0).is_ok_and(|at| at > latest);
        match std::fs::metadata(file) {
            // As it was when it was loaded, it is no more.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(barrier_of(&format!("stat {file}"), &error)),
            Ok(metadata) if is_later(metadata.mtime()) => return Ok(true),
            // Packages and copies keep the time of what they bring: it may be another file, or have another owner only.
            Ok(metadata) if is_later(metadata.ctime()) => doubtful = doubtful.or(Some(file)),
            Ok(_) => {}
        }
    }
    let path = format!("/proc/{pid}/maps");
    let maps = std::fs::read(&path).map_err(|error| barrier_of(&format!("open {path}"), &error))?;
    match doubtful {
        _ if String::from_utf8_lossy(&maps).lines().any(runs_deleted_file) => Ok(true),
        None => Ok(false),
        Some(file) => {
            let why = format!(
                "{file} was touched since the start and kept its time: whether it was replaced is not told"
            );
            Err(Blocked::new(Barrier::Unsupported, why))
        }
    }
}

/// The files of its environment, and whether each may be missing: `/etc/default/app (ignore_errors=yes)`.
fn environment_files(unit: &Unit) -> impl Iterator<Item = (&str, bool)> {
    unit.text("EnvironmentFiles").lines().filter_map(|line| {
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

/// With which status, by which signal the last main process ended. The codes are those of waitid(2).
fn ended(unit: &Unit) -> (Result<i64, Blocked>, Result<i64, Blocked>) {
    let both = |blocked: Blocked| (Err(blocked.clone()), Err(blocked));
    match (unit.number("ExecMainCode"), unit.number("ExecMainStatus")) {
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
    fn the_files_of_an_environment_may_have_blanks_in_their_names() {
        let lists = "Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=running\n\
                     EnvironmentFiles=/etc/a b (ignore_errors=no)\nEnvironmentFiles=/etc/c (ignore_errors=yes)\n";
        let units = systemd::parse(lists).unwrap();
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
}
