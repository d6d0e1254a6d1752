//! `service`: what systemd says of a unit, or of many (`systemd.rs`).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use probity_plan::kinds::service::Service;
use probity_plan::{Barrier, Blocked};

use crate::clock;
use crate::look::{Context, Look, Seen, barrier_of};
use crate::systemd::{self, Unit};

const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,ActiveEnterTimestamp,\
                          ExecMainStartTimestamp,ExecMainStartTimestampMonotonic,LastTriggerUSec,MainPID,NRestarts,Result,ExecMainCode,\
                          ExecMainStatus,User,MemoryCurrent,NeedDaemonReload,DropInPaths,EnvironmentFiles,Names,ExecStart";

/// Where units and their drop-ins lie, first what counts most (systemd.unit(5)).
const UNIT_FOLDERS: [&str; 4] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
];
/// By how much the time that the kernel gives a file may lie behind the clock: it is that of the last tick, of 10 ms at most.
const FILE_CLOCK: SignedDuration = SignedDuration::from_millis(20);

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
        .settle("needs_reload", needs_reload(unit))
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

/// Whether its files changed since systemd read them: by its own word, or because there is a file that it has not read, which
/// takes the place of one that it did or adds to them.
fn needs_reload(unit: &Unit) -> Result<bool, Blocked> {
    let folders = UNIT_FOLDERS.map(Path::new);
    let fragment = Path::new(unit.text("FragmentPath"));
    let mut read = drop_ins(unit).map(Path::new).chain([fragment]);
    Ok(unit.property("NeedDaemonReload")? == "yes"
        || read.any(|file| is_replaced(file, &folders))
        || has_unread_file(unit, fragment, &folders)
        || has_unread_drop_in(unit, &folders))
}

/// Where a path leads.
fn whole(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

/// Whether a file of the same name lies in a folder that counts more than that of the file which systemd read. Of links that lead to
/// that one there are many, as those of `systemctl enable`.
fn is_replaced(read: &Path, folders: &[&Path]) -> bool {
    let at = |folder: &Path| {
        let at = folders.iter().position(|one| whole(one).is_some_and(|one| whole(folder) == Some(one)))?;
        Some((at, read.strip_prefix(folder).ok()?))
    };
    let Some((at, name)) = read.ancestors().skip(1).take(2).find_map(at) else { return false };
    folders[..at].iter().any(|folder| is_another(&folder.join(name), read))
}

/// Whether something else than `read` lies there, be it a link to nothing.
fn is_another(path: &Path, read: &Path) -> bool {
    path.symlink_metadata().is_ok() && whole(path) != whole(read)
}

/// Whether an instance or an alias, which systemd read from the file of its template or of its other name, has a file of its own.
fn has_unread_file(unit: &Unit, read: &Path, folders: &[&Path]) -> bool {
    let file = |name: &&str| !read.as_os_str().is_empty() && read.file_name() != Some(OsStr::new(name));
    names_of(unit).filter(file).any(|name| folders.iter().any(|folder| is_another(&folder.join(name), read)))
}

/// What it is called.
fn names_of(unit: &Unit) -> impl Iterator<Item = &str> {
    unit.text("Names").split_whitespace().chain([unit.text("Id")])
}

/// Whether there is a drop-in for it (systemd.unit(5)) that is not among those which systemd read. systemd says nothing of one
/// in a folder that was not there when it read the unit.
fn has_unread_drop_in(unit: &Unit, folders: &[&Path]) -> bool {
    let name_of = |path: &Path| path.file_name().map(OsStr::to_owned);
    let read: Vec<_> = drop_ins(unit).filter_map(|path| name_of(Path::new(path))).collect();
    let names: BTreeSet<String> = names_of(unit).flat_map(drop_in_folders).collect();
    let places = folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
    let files = places.filter_map(|place| std::fs::read_dir(place).ok()).flatten().flatten();
    let mut files = files.map(|file| file.path()).filter(|path| path.extension() == Some(OsStr::new("conf")));
    // An empty one, or a link to /dev/null, takes the place of one that lies deeper, and is not listed.
    files.any(|path| {
        let says_something = std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() > 0);
        says_something && !name_of(&path).is_some_and(|name| read.contains(&name))
    })
}

/// `a-b@c.service` may have them in `a-b@c.service.d`, `a-b@.service.d`, `a-.service.d` and `service.d`.
fn drop_in_folders(id: &str) -> impl Iterator<Item = String> {
    let (name, ending) = id.rsplit_once('.').unwrap_or((id, "service"));
    let prefixes = name.match_indices('-').map(|(at, _)| name.get(..=at).unwrap_or_default());
    let template = name.find('@').and_then(|at| name.get(..=at));
    let names: Vec<&str> = prefixes.chain(template).chain([name]).collect();
    names.into_iter().map(move |name| format!("{name}.{ending}.d")).chain([format!("{ending}.d")])
}

fn drop_ins(unit: &Unit) -> impl Iterator<Item = &str> {
    unit.text("DropInPaths").split_whitespace()
}

/// Whether it runs from something else than what stands in its files now: a unit file, a file of its environment, or the script that
/// it is, that changed since its main process was started, or a program or library that was deleted or replaced.
fn needs_restart(unit: &Unit) -> Result<bool, Blocked> {
    let pid = unit.number("MainPID")?;
    if pid == 0 {
        return Err(Blocked::new(Barrier::Unreachable, "no main process of it runs"));
    }
    let started = started(unit)?;
    let files = drop_ins(unit).chain([unit.text("FragmentPath")]);
    let files = files.filter(|file| !file.is_empty()).map(|file| (file, false));
    let mut doubt = None;
    let script = script(unit.text("ExecStart")).map(|script| (script, false));
    for (file, may_lack) in files.chain(environment_files(unit)).chain(script) {
        match changed(Path::new(file), may_lack, &started)? {
            Changed::Yes => return Ok(true),
            Changed::No => {}
            Changed::Perhaps(why) => doubt = doubt.or(Some(Blocked::new(Barrier::Unsupported, why))),
        }
    }
    let path = format!("/proc/{pid}/maps");
    let maps = std::fs::read(&path).map_err(|error| barrier_of(&format!("open {path}"), &error))?;
    match doubt {
        _ if String::from_utf8_lossy(&maps).lines().any(runs_deleted_file) => Ok(true),
        None => Ok(false),
        Some(blocked) => Err(blocked),
    }
}

/// Between which moments its main process was started. systemd writes the second, and what its own clock showed to the
/// microsecond: unless the machine's clock was set since, that is more exact.
fn started(unit: &Unit) -> Result<RangeInclusive<Timestamp>, Blocked> {
    let second = unit.time("ExecMainStartTimestamp", "it has not been started")?;
    let plus = |at: Timestamp, span: SignedDuration| at.checked_add(span).unwrap_or(at);
    let within = second..=plus(second, SignedDuration::from_secs(1));
    let microseconds = u64::try_from(unit.number("ExecMainStartTimestampMonotonic")?).unwrap_or_default();
    let ago = clock::monotonic().saturating_sub(Duration::from_micros(microseconds));
    let exact = Timestamp::now().checked_sub(ago).unwrap_or(second);
    Ok(if within.contains(&exact) { plus(exact, -FILE_CLOCK)..=plus(exact, FILE_CLOCK) } else { within })
}

/// Whether a file is another one than at the start.
enum Changed {
    Yes,
    No,
    /// What was there then cannot be known, and why.
    Perhaps(String),
}

fn changed(file: &Path, may_lack: bool, started: &RangeInclusive<Timestamp>) -> Result<Changed, Blocked> {
    let name = file.display();
    if name.to_string().contains(['*', '?', '[']) {
        let why = format!("EnvironmentFile={name} is a pattern: which files it stood for is not known");
        return Ok(Changed::Perhaps(why));
    }
    let metadata = match std::fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(barrier_of(&format!("stat {name}"), &error));
        }
        // Unless something of its folder changed, it was not there then either.
        Err(_) if may_lack => {
            let folder = file.ancestors().find_map(|folder| std::fs::metadata(folder).ok());
            let before =
                folder.is_some_and(|folder| at(folder.mtime(), folder.mtime_nsec()) < *started.start());
            let why = || format!("{name} is not there: whether it was at the start is not known");
            return Ok(if before { Changed::No } else { Changed::Perhaps(why()) });
        }
        // As it was when it was loaded, it is no more.
        Err(_) => return Ok(Changed::Yes),
    };
    let content = at(metadata.mtime(), metadata.mtime_nsec());
    // Packages and copies keep the time of what they bring: it may be another file, or have another owner only.
    let entry = at(metadata.ctime(), metadata.ctime_nsec());
    Ok(if content > *started.end() {
        Changed::Yes
    } else if entry > *started.end() {
        Changed::Perhaps(format!(
            "{name} was touched since the start and kept its time: whether it was replaced is not told"
        ))
    } else if entry >= *started.start() {
        Changed::Perhaps(format!(
            "{name} was changed at the moment of the start: whether before or after it is not told"
        ))
    } else {
        Changed::No
    })
}

/// A time as stat(2) gives it. One beyond what can be told was ages ago.
fn at(seconds: i64, nanoseconds: i64) -> Timestamp {
    Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or_default()).unwrap_or(Timestamp::MIN)
}

/// The script that is executed, by the path in `{ path=/usr/bin/app ; argv[]=... }`; none where it is a program, which the kernel
/// keeps from being written to, and shows where it was replaced.
fn script(started: &str) -> Option<&str> {
    let (path, _) = started.split_once("path=")?.1.split_once(" ; argv[]=")?;
    let mut first = [0; 2];
    std::io::Read::read_exact(&mut std::fs::File::open(path).ok()?, &mut first).ok()?;
    (first == *b"#!").then_some(path)
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
    fn a_drop_in_that_systemd_has_not_read_is_found_wherever_it_may_lie() {
        let names: Vec<_> = drop_in_folders("a-b@c.service").collect();
        let expected = ["a-.service.d", "a-b@.service.d", "a-b@c.service.d", "service.d"];
        assert_eq!(names, expected);
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a-.service.d");
        std::fs::create_dir(&place).unwrap();
        let unit = |read: &str| {
            let said = format!(
                "Id=a-b.service\nLoadState=loaded\nActiveState=active\nSubState=running\nDropInPaths={read}\n"
            );
            systemd::parse(&said).unwrap().remove(0)
        };
        // An alias has folders of its own.
        std::fs::create_dir(folder.path().join("www.service.d")).unwrap();
        std::fs::write(folder.path().join("www.service.d/o.conf"), "[Service]\n").unwrap();
        let mut alias = unit("");
        assert!(!has_unread_drop_in(&alias, &[folder.path()]));
        alias = systemd::parse("Id=web.service\nLoadState=loaded\nActiveState=active\nSubState=running\nNames=web.service www.service\n").unwrap().remove(0);
        assert!(has_unread_drop_in(&alias, &[folder.path()]));
        let unread = |read: &str| has_unread_drop_in(&unit(read), &[folder.path()]);
        // Neither of another kind nor one that only takes another's place.
        std::fs::write(place.join("notes.txt"), "x").unwrap();
        std::fs::write(place.join("empty.conf"), "").unwrap();
        std::os::unix::fs::symlink("/dev/null", place.join("null.conf")).unwrap();
        assert!(!unread(""));
        std::fs::write(place.join("new.conf"), "[Service]\n").unwrap();
        assert!(unread("/etc/systemd/system/a-b.service.d/old.conf"));
        // The one of the same name that counts more was read instead.
        assert!(!unread(
            "/etc/systemd/system/a-b.service.d/old.conf /run/systemd/system/a-b.service.d/new.conf"
        ));
    }

    #[test]
    fn a_unit_file_that_takes_the_place_of_the_one_that_was_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let [etc, usr] = ["etc", "usr"].map(|name| folder.path().join(name));
        let folders = [etc.as_path(), usr.as_path()];
        folders.iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
        let read = usr.join("web.service");
        std::fs::write(&read, "[Service]\n").unwrap();
        assert!(!is_replaced(&read, &folders));
        std::os::unix::fs::symlink(&read, etc.join("web.service")).unwrap();
        assert!(!is_replaced(&read, &folders));
        for replace in [&|| std::os::unix::fs::symlink("/dev/null", etc.join("web.service")), &|| {
            std::fs::write(etc.join("web.service"), "[Service]\n")
        }] as [&dyn Fn() -> std::io::Result<()>; 2]
        {
            std::fs::remove_file(etc.join("web.service")).unwrap();
            replace().unwrap();
            assert!(is_replaced(&read, &folders));
            assert!(!is_replaced(&etc.join("web.service"), &folders));
        }
        // A drop-in likewise, also where an empty one switches it off.
        let drop_in = usr.join("web.service.d/x.conf");
        for folder in folders {
            std::fs::create_dir(folder.join("web.service.d")).unwrap();
        }
        std::fs::write(&drop_in, "[Service]\n").unwrap();
        assert!(!is_replaced(&drop_in, &folders));
        std::fs::write(etc.join("web.service.d/x.conf"), "").unwrap();
        assert!(is_replaced(&drop_in, &folders));
        // One that a generator made lies in none of them.
        assert!(!is_replaced(&folder.path().join("web.service"), &folders));
    }

    #[test]
    fn an_instance_that_has_got_a_file_of_its_own_is_not_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let template = folder.path().join("t@.service");
        std::fs::write(&template, "[Service]\n").unwrap();
        let unit = "Id=t@a.service\nLoadState=loaded\nActiveState=active\nSubState=running\n";
        let unit = systemd::parse(unit).unwrap().remove(0);
        let unread = |read: &Path| has_unread_file(&unit, read, &[folder.path()]);
        let own = folder.path().join("t@a.service");
        assert!(!unread(&template));
        std::os::unix::fs::symlink(&template, &own).unwrap();
        assert!(!unread(&template));
        std::fs::remove_file(&own).unwrap();
        std::fs::write(&own, "[Service]\n").unwrap();
        assert!(unread(&template) && !unread(&own) && !unread(Path::new("")));
    }

    #[test]
    fn a_script_that_is_executed_is_told_from_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my app").display().to_string();
        let started = format!("{{ path={path} ; argv[]={path} -x ; ignore_errors=no ; start_time=[n/a] }}");
        assert_eq!(script(&started), None);
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert_eq!(script(&started), Some(path.as_str()));
        std::fs::write(&path, "\x7fELF").unwrap();
        assert_eq!((script(&started), script("")), (None, None));
    }

    #[test]
    fn what_may_have_changed_at_the_moment_of_the_start_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.env");
        std::fs::write(&file, "A=1\n").unwrap();
        let written = std::fs::metadata(&file).unwrap();
        let written = at(written.ctime(), written.ctime_nsec());
        let second = SignedDuration::from_secs(1);
        let told = |file: &Path, may_lack, from: Timestamp, to: Timestamp| match changed(
            file,
            may_lack,
            &(from..=to),
        ) {
            Ok(Changed::Yes) => "changed",
            Ok(Changed::No) => "the same",
            Ok(Changed::Perhaps(_)) => "not known",
            Err(_) => "not seen",
        };
        assert_eq!(told(&file, false, written + second, written + second), "the same");
        assert_eq!(told(&file, false, written - second, written - second), "changed");
        assert_eq!(told(&file, false, written - second, written + second), "not known");
        let gone = folder.path().join("gone.env");
        assert_eq!(told(&gone, false, written + second, written + second), "changed");
        assert_eq!(told(&gone, true, written + second, written + second), "the same");
        assert_eq!(told(&gone, true, written - second, written - second), "not known");
        assert_eq!(told(&folder.path().join("*.env"), true, written + second, written + second), "not known");
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
