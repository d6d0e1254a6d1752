//! `process`: the kernel's table of processes, one reading of it for many looks (`tables.rs`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use probity_plan::kinds::process::Process;
use probity_plan::{Barrier, Blocked, Moment, Value};
use procfs::ProcError;
use procfs::process::Status;

use crate::clock;
use crate::look::{Context, FactSelection, Look, Seen, barrier_of, no_pattern};
use crate::names::{Names, with_names};
use crate::tables::{self, Processes, Running, barrier_of_proc, is_gone};

/// The longest arguments of one process that are read, in bytes; the kernel's limit is usually 2 MiB.
const MAX_ARGUMENTS: u64 = 256 << 10;

impl Look for Process {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let table = match tables::processes(context).await {
            Ok(table) => table,
            Err(blocked) => return Seen::nothing(blocked),
        };
        let (process, wanted) = (self.clone(), context.wanted.clone());
        with_names(context, move |_, names| see(&process, &table, &wanted, names)).await
    }
}

/// What a process has to do with what is looked for.
enum Is {
    Wanted,
    Other,
    /// It could be.
    Hidden(Blocked),
    /// It has ended since the table was read.
    Gone,
}

fn see(process: &Process, table: &Processes, wanted: &FactSelection, names: &Names) -> Seen {
    let mut seen = Seen::default();
    let mut found: Vec<&Running> = Vec::new();
    let mut hidden: Vec<Blocked> = table.hidden.iter().cloned().collect();
    let mut named = 0_i64;
    let name = file_name(&process.process);
    let end = if process.process.starts_with('/') { end_of(&process.process) } else { Ok(None) };
    let end = end.unwrap_or_else(|blocked| {
        hidden.push(blocked);
        None
    });
    for running in table.list.values().filter(|running| !running.ended()) {
        if running.stat.comm.as_bytes() == name.get(..15).unwrap_or(name) {
            named += 1;
        }
        match is(process, end.as_ref(), running) {
            Is::Wanted => found.push(running),
            Is::Hidden(blocked) => hidden.push(blocked),
            Is::Other | Is::Gone => {}
        }
    }
    if found.is_empty()
        && named == 0
        && let Err(blocked) = no_pattern(&process.process)
    {
        return Seen::nothing(blocked);
    }
    found.sort_by_key(|running| (running.stat.starttime, running.stat.pid));
    if table.hidden.is_none() {
        seen.know("named_count", if process.all() { count(&found) } else { named });
    }
    if let Some(first) = hidden.first() {
        let more = match hidden.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        // What is hidden could be more of them: of the whole, only that one runs is sure, if one was found.
        if !found.is_empty() {
            seen.know("running", true);
        }
        seen.block_rest(Blocked::new(first.barrier, format!("{}{more}", first.detail)));
        return seen;
    }
    seen.know("running", !found.is_empty()).know("count", count(&found)).know("pids", pids(&found));
    let Some(oldest) = found.first() else {
        seen.block_rest(Blocked::new(Barrier::Unreachable, format!("no such process: {}", process.process)));
        return seen;
    };
    see_found(oldest, &found, names, &mut seen);
    let mut ask = |fact: &str, answer: &dyn Fn() -> Result<Value, Blocked>| {
        if wanted.includes(fact) {
            seen.settle(fact, answer());
        }
    };
    ask("contained_count", &|| {
        let contained = still(&found, is_contained)?;
        Ok(Value::from(contained.into_iter().filter(|contained| *contained).count() as u64))
    });
    ask("open_files", &|| {
        found.iter().map(|running| open_files(running)).sum::<Result<i64, _>>().map(Value::from)
    });
    ask("processes", &|| Ok(still(&found, |running| described(running, names))?.into()));
    ask("tree", &|| tree(&found, table, names).map(Value::from));
    seen
}

/// What each of them answers, without those that have ended since the table was read.
fn still<'r, T>(
    found: &[&'r Running],
    ask: impl Fn(&'r Running) -> Result<T, Blocked>,
) -> Result<Vec<T>, Blocked> {
    let answers = found.iter().map(|running| (running, ask(running)));
    answers.filter(|(running, answer)| answer.is_ok() || same(running)).map(|(_, answer)| answer).collect()
}

/// The facts that need nothing beside the table, and the users.
fn see_found(oldest: &Running, found: &[&Running], names: &Names, seen: &mut Seen) {
    seen.know("pid", i64::from(oldest.stat.pid));
    seen.settle(
        "executable",
        oldest.executable.as_ref().map(|_| path_of(oldest).0.into_owned()).map_err(Clone::clone),
    );
    let hidden = found.iter().find_map(|running| running.executable.as_ref().err());
    seen.settle(
        "executable_deleted",
        match (found.iter().any(|running| path_of(running).1), hidden) {
            (false, Some(hidden)) => Err(hidden.clone()),
            (deleted, _) => Ok(deleted),
        },
    );
    let age = clock::since_boot().saturating_sub(started_after(oldest)).as_secs_f64();
    seen.know("started", started(oldest)).know("age_s", Value::decimal((age * 100.0).round() / 100.0));
    let statuses = still(found, |running| Ok((running, status_of(running.stat.pid)?)));
    let users = statuses.as_ref().map_err(Clone::clone).and_then(|statuses| {
        statuses.iter().map(|(_, status)| names.user(status.euid)).collect::<Result<BTreeSet<_>, _>>()
    });
    seen.settle("users", users.map(|users| users.into_iter().collect::<Vec<_>>()));
    seen.know("threads", found.iter().map(|running| running.stat.num_threads).sum::<i64>());
    seen.know("cpu_s", cpu_s(found.iter().map(|running| running.stat.utime + running.stat.stime).sum()));
    let memory = |statuses: Vec<(&Running, Status)>| -> i64 {
        statuses.iter().map(|(running, status)| memory_bytes(running, status)).sum()
    };
    seen.settle("memory_bytes", statuses.map(memory));
}

/// The file at the end of a path that the plan names.
struct End {
    /// The kernel shows this one, whatever symbolic links lead there.
    path: String,
    /// Its device and inode: hard links and mounts give one file many paths.
    file: (u64, u64),
}

fn end_of(path: &str) -> Result<Option<End>, Blocked> {
    let end = std::fs::canonicalize(path).and_then(|end| Ok((std::fs::metadata(&end)?, end)));
    match end {
        Ok((metadata, end)) => {
            let file = (metadata.dev(), metadata.ino());
            Ok(Some(End { path: end.to_string_lossy().into_owned(), file }))
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(barrier_of(&format!("follow {path}"), &error)),
    }
}

/// Whether a process is one that the plan means; `end` is where its path leads.
fn is(process: &Process, end: Option<&End>, running: &Running) -> Is {
    let runs = match &running.executable {
        _ if process.all() => true,
        Ok(Some(_)) if process.process.starts_with('/') => {
            let path = path_of(running).0;
            let is_called_so = path == process.process || end.is_some_and(|end| end.path == path);
            if end.is_none() && !is_called_so {
                return Is::Other;
            }
            let is = match executed_file(running) {
                Ok(Some(file)) if end.is_some_and(|end| end.file == file) => Ok(Some(true)),
                Ok(Some(file)) if is_called_so => is_file(running, file, &path),
                executed => executed.map(|executed| executed.map(|_| false)),
            };
            match is {
                Ok(Some(is)) => is,
                Ok(None) => return Is::Gone,
                Err(blocked) => return Is::Hidden(blocked),
            }
        }
        Ok(Some(link)) => {
            let name = process.process.as_bytes();
            // Whether a deleted file is called so is only asked where it can be.
            file_name(&link.to_string_lossy()).starts_with(name) && file_name(&path_of(running).0) == name
        }
        Ok(None) => running.stat.comm == process.process,
        Err(_) => true,
    };
    if !runs {
        return Is::Other;
    }
    if !process.arguments.is_empty() {
        match arguments(running) {
            Ok(Some(own)) => {
                let own = own.get(1..).unwrap_or_default();
                let begin = own.len() >= process.arguments.len()
                    && own.iter().zip(&process.arguments).all(|(own, wanted)| own == wanted.as_bytes());
                if !begin {
                    return Is::Other;
                }
            }
            Ok(None) => return Is::Gone,
            Err(blocked) => return Is::Hidden(blocked),
        }
    }
    match &running.executable {
        Err(blocked) if !process.all() => Is::Hidden(blocked.clone()),
        _ => Is::Wanted,
    }
}

/// Device and inode of the file that a process executes. `None` if it has ended since.
fn executed_file(running: &Running) -> Result<Option<(u64, u64)>, Blocked> {
    let exe = format!("{}/exe", running.folder());
    match std::fs::metadata(&exe) {
        Ok(executed) => Ok(Some((executed.dev(), executed.ino()))),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(barrier_of(&format!("stat {exe}"), &error)),
    }
}

/// Whether a process whose executable bears this path executes the file that stands there for us: in a container, on mounts
/// of its own, the same path is another file. `None` if it has ended since.
fn is_file(running: &Running, executes: (u64, u64), path: &str) -> Result<Option<bool>, Blocked> {
    let proc = |name: &str| format!("{}/{name}", running.folder());
    match std::fs::metadata(path) {
        Ok(stands) if (stands.dev(), stands.ino()) == executes => return Ok(Some(true)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(barrier_of(&format!("stat {path}"), &error));
        }
        _ => {}
    }
    // A file that was deleted or replaced stood there, if that was on our mounts.
    let link = std::fs::read_link(proc("exe"));
    let mounts = (std::fs::read_link(proc("ns/mnt")), std::fs::read_link("/proc/self/ns/mnt"));
    match (link, mounts) {
        (Ok(link), (Ok(its), Ok(ours))) => Ok(Some(executed(|| running.folder(), &link).1 && its == ours)),
        (Err(error), _) | (_, (Err(error), _)) if is_gone(&error) => Ok(None),
        (Err(error), _) | (_, (Err(error), _) | (_, Err(error))) => {
            Err(barrier_of(&format!("readlink {}", proc("ns/mnt")), &error))
        }
    }
}

fn file_name(path: &str) -> &[u8] {
    Path::new(path).file_name().map_or(path.as_bytes(), OsStrExt::as_bytes)
}

/// The path of the executable and whether the file is gone.
fn path_of(running: &Running) -> (Cow<'_, str>, bool) {
    match &running.executable {
        Ok(Some(path)) => executed(|| running.folder(), path),
        _ => (Cow::Borrowed(""), false),
    }
}

/// The path that its `exe` link shows, and whether the file is gone: the kernel then adds ` (deleted)`. A file may really be
/// called so, but that is then the file that it executes; another one of that name hides nothing. `folder` is the process's
/// below `/proc`.
pub(super) fn executed(folder: impl FnOnce() -> String, link: &Path) -> (Cow<'_, str>, bool) {
    let text = link.to_string_lossy();
    let Some(path) = text.strip_suffix(" (deleted)") else { return (text, false) };
    let executes = std::fs::metadata(format!("{}/exe", folder()));
    match (executes, std::fs::metadata(link)) {
        (Ok(executes), Ok(stands)) if (executes.dev(), executes.ino()) == (stands.dev(), stands.ino()) => {
            (text, false)
        }
        _ => (Cow::Owned(path.to_owned()), true),
    }
}

/// Its arguments, its own name first. `None` if it has ended since.
fn arguments(running: &Running) -> Result<Option<Vec<Vec<u8>>>, Blocked> {
    use std::io::Read;
    let path = format!("{}/cmdline", running.folder());
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(&path).and_then(|file| file.take(MAX_ARGUMENTS + 1).read_to_end(&mut bytes));
    if !same(running) {
        return Ok(None);
    }
    read.map_err(|error| barrier_of(&format!("open {path}"), &error))?;
    if bytes.len() as u64 > MAX_ARGUMENTS {
        let why = format!("{path} has more than {MAX_ARGUMENTS} bytes");
        return Err(Blocked::new(Barrier::TooLarge, why));
    }
    let end = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if end.is_empty() {
        return Ok(Some(Vec::new()));
    }
    Ok(Some(end.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()))
}

/// Whether the number still belongs to the same process.
fn same(running: &Running) -> bool {
    let now = procfs::process::Process::new(running.stat.pid).and_then(|process| process.stat());
    now.is_ok_and(|now| now.starttime == running.stat.starttime)
}

/// The name of the user whose rights a process has (effective).
pub(super) fn user_of(pid: i32, names: &Names) -> Result<String, Blocked> {
    // Not the owner of /proc/PID: that is root for a process that may not be dumped.
    names.user(status_of(pid)?.euid)
}

fn status_of(pid: i32) -> Result<Status, Blocked> {
    let status = procfs::process::Process::new(pid).and_then(|process| process.status());
    status.map_err(|error| match error {
        ProcError::NotFound(_) => ended(pid),
        error => barrier_of_proc(&format!("read /proc/{pid}/status"), &error),
    })
}

/// Whether it lives in a process namespace below the observer's, as those of a container do: it has one more number for
/// each (proc_pid_status(5), `NSpid`).
fn is_contained(running: &Running) -> Result<bool, Blocked> {
    let numbers = |process: procfs::ProcResult<procfs::process::Process>| {
        process.and_then(|process| process.status()).map(|status| status.nspid.map(|numbers| numbers.len()))
    };
    let path = format!("read /proc/{}/status", running.stat.pid);
    let its = numbers(procfs::process::Process::new(running.stat.pid));
    let own = numbers(procfs::process::Process::myself());
    match (its, own) {
        (Ok(Some(its)), Ok(Some(own))) => Ok(its > own),
        (Err(ProcError::NotFound(_)), _) => Err(ended(running.stat.pid)),
        (Err(error), _) | (_, Err(error)) => Err(barrier_of_proc(&path, &error)),
        _ => Err(Blocked::new(Barrier::Unsupported, "this kernel tells no process namespaces")),
    }
}

/// The barrier of a process that ended too soon.
pub(super) fn ended(pid: i32) -> Blocked {
    Blocked::new(Barrier::Unreachable, format!("process {pid} ended while it was looked at"))
}

/// How long after the machine it started, to a hundredth of a second.
fn started_after(running: &Running) -> Duration {
    let hundredths = running.stat.starttime.saturating_mul(100) / procfs::ticks_per_second().max(1);
    Duration::from_millis(hundredths.saturating_mul(10))
}

/// When it started. The same for each look of a run, also where the clock is set meanwhile.
fn started(running: &Running) -> jiff::Timestamp {
    let booted = clock::booted();
    booted.checked_add(started_after(running)).unwrap_or(booted)
}

#[expect(clippy::cast_precision_loss, reason = "ticks of processor time are far below 2^53")]
fn cpu_s(ticks: u64) -> Value {
    Value::decimal(ticks as f64 / procfs::ticks_per_second().max(1) as f64)
}

/// What is in memory of it: by its status, since its line of numbers may lag behind (proc_pid_stat(5), `rss`), which alone has it
/// where the first thread has ended.
fn memory_bytes(running: &Running, status: &Status) -> i64 {
    let bytes = match status.vmrss {
        Some(kib) => kib.saturating_mul(1024),
        None => running.stat.rss.saturating_mul(procfs::page_size()),
    };
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn open_files(running: &Running) -> Result<i64, Blocked> {
    let path = format!("{}/fd", running.folder());
    let files = std::fs::read_dir(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => ended(running.stat.pid),
        _ => barrier_of(&format!("list {path}"), &error),
    })?;
    Ok(i64::try_from(files.count()).unwrap_or(i64::MAX))
}

fn count(found: &[&Running]) -> i64 {
    i64::try_from(found.len()).unwrap_or(i64::MAX)
}

fn pids(found: &[&Running]) -> Vec<i64> {
    found.iter().map(|running| i64::from(running.stat.pid)).collect()
}

/// One process as a map.
fn described(running: &Running, names: &Names) -> Result<Value, Blocked> {
    if let Err(blocked) = &running.executable {
        return Err(blocked.clone());
    }
    let status = status_of(running.stat.pid)?;
    let arguments = arguments(running)?.ok_or_else(|| ended(running.stat.pid))?;
    let arguments: Vec<Value> = arguments
        .get(1..)
        .unwrap_or_default()
        .iter()
        .map(|argument| String::from_utf8_lossy(argument).as_ref().into())
        .collect();
    let executable = match &running.executable {
        // A thread of the kernel executes no file; its name is all it has.
        Ok(None) => format!("[{}]", running.stat.comm),
        _ => path_of(running).0.into_owned(),
    };
    Ok(Value::Map(BTreeMap::from([
        ("pid".to_owned(), i64::from(running.stat.pid).into()),
        ("parent_pid".to_owned(), i64::from(running.stat.ppid).into()),
        ("executable".to_owned(), executable.into()),
        ("arguments".to_owned(), arguments.into()),
        ("user".to_owned(), names.user(status.euid)?.into()),
        ("contained".to_owned(), is_contained(running)?.into()),
        // A moment of its own is only what is a fact of its own: within a map it is text.
        ("started".to_owned(), Moment::new(started(running)).to_string().into()),
        ("state".to_owned(), state(running.stat.state).into()),
        ("threads".to_owned(), running.stat.num_threads.into()),
        ("cpu_s".to_owned(), cpu_s(running.stat.utime + running.stat.stime)),
        ("memory_bytes".to_owned(), memory_bytes(running, &status).into()),
    ])))
}

/// The words of proc_pid_stat(5).
fn state(letter: char) -> &'static str {
    match letter {
        'R' => "running",
        'S' => "sleeping",
        'D' => "waiting",
        'T' => "stopped",
        't' => "traced",
        'I' => "idle",
        _ => "other",
    }
}

/// The processes found, each with everything below it, depth first. One that is below another is not repeated.
fn tree(found: &[&Running], table: &Processes, names: &Names) -> Result<Vec<Value>, Blocked> {
    let mut children: BTreeMap<i32, Vec<&Running>> = BTreeMap::new();
    for running in table.list.values().filter(|running| !running.ended()) {
        children.entry(running.stat.ppid).or_default().push(running);
    }
    let wanted: BTreeSet<i32> = found.iter().map(|running| running.stat.pid).collect();
    let root = |running: &&&Running| {
        let mut above = running.stat.ppid;
        while let Some(parent) = table.list.get(&above) {
            if wanted.contains(&above) {
                return false;
            }
            above = parent.stat.ppid;
        }
        true
    };
    let mut stack: Vec<(i64, &Running)> =
        found.iter().filter(root).rev().map(|running| (0, *running)).collect();
    let mut out = Vec::new();
    while let Some((depth, running)) = stack.pop() {
        let mut map = match described(running, names) {
            Ok(Value::Map(map)) => map,
            Err(blocked) if same(running) => return Err(blocked),
            _ => continue,
        };
        map.insert("depth".to_owned(), depth.into());
        out.push(Value::Map(map));
        let below = children.get(&running.stat.pid).into_iter().flatten().rev();
        stack.extend(below.map(|child| (depth + 1, *child)));
    }
    Ok(out)
}
