//! Starting a program so that it can really be ended, children included.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use probity_plan::{Barrier, Blocked};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::look::{Context, barrier_of};

/// No output longer than this is read; the rest is counted and dropped.
pub const MAX_OUTPUT: usize = 16 << 20;

/// How long to wait for the output of children that outlive the program.
const LINGER: Duration = Duration::from_millis(200);

/// The mark by which every descendant is found again, whatever session or parent it has by then.
const MARK: &str = "PROBITY_LOOK";

static LOOKS: AtomicU64 = AtomicU64::new(0);

/// What a program is started with. Without `Debug`: it may hold secrets.
pub struct Program<'a> {
    /// The program and its arguments; not empty.
    pub arguments: &'a [String],
    /// Its standard input.
    pub stdin: Option<&'a [u8]>,
    /// Variables beside the minimal environment.
    pub env: &'a BTreeMap<String, String>,
    /// The folder it runs in; our own without it.
    pub folder: Option<&'a Path>,
}

/// What it did.
#[derive(Debug)]
pub struct Ended {
    /// How it ended; absent if it had to be ended at the deadline.
    pub status: Option<ExitStatus>,
    /// Its standard output, as far as [`MAX_OUTPUT`].
    pub stdout: Output,
    /// Its standard error.
    pub stderr: Output,
}

/// What was read from one pipe.
#[derive(Debug, Default)]
pub struct Output {
    /// The bytes, as far as [`MAX_OUTPUT`].
    pub bytes: Vec<u8>,
    /// How many there were.
    pub total: u64,
    /// Whether somebody still held the pipe open when nobody read it any more: a child that goes on after the program's end.
    pub open: bool,
}

/// Runs a program to its end or to the deadline, when it and everything it started is killed.
///
/// # Errors
/// If it could not be started.
pub async fn run(program: &Program<'_>, deadline: tokio::time::Instant) -> io::Result<Ended> {
    let Some((name, arguments)) = program.arguments.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program"));
    };
    let mark = format!("{}-{}", std::process::id(), LOOKS.fetch_add(1, Ordering::Relaxed));
    let path = search_path();
    let mut command = tokio::process::Command::new(name);
    if let Some(folder) = program.folder {
        command.current_dir(folder);
    }
    let mut child = command
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .envs(program.env)
        .env(MARK, &mark)
        .stdin(if program.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    // Ends the group and every marked descendant on every way out: time-out, abort of the run, error.
    let mut guard = Guard { group: child.id(), mark };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (Output::default(), Output::default());
    let feed = async {
        if let (Some(mut pipe), Some(bytes)) = (stdin, program.stdin) {
            // A program that does not read its input is no error of ours.
            _ = pipe.write_all(bytes).await;
        }
        std::future::pending::<()>().await;
    };
    let status = {
        let mut reading =
            std::pin::pin!(async { tokio::join!(read(stdout, &mut out), read(stderr, &mut err)) });
        let mut feed = std::pin::pin!(feed);
        let mut read_all = false;
        let waited = tokio::time::timeout_at(deadline, async {
            let wait = child.wait();
            let mut wait = std::pin::pin!(wait);
            loop {
                tokio::select! {
                    status = &mut wait => break status,
                    _ = &mut reading, if !read_all => read_all = true,
                    () = &mut feed => {}
                }
            }
        })
        .await;
        if waited.is_ok() && !read_all {
            _ = tokio::time::timeout_at(deadline.min(tokio::time::Instant::now() + LINGER), reading).await;
        }
        match waited {
            Ok(status) => Some(status?),
            Err(_) => None,
        }
    };
    if status.is_some() {
        guard.group = None;
    }
    drop(guard);
    Ok(Ended { status, stdout: out, stderr: err })
}

/// Where programs are looked for.
fn search_path() -> String {
    std::env::var("PATH")
        .unwrap_or_else(|_| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into())
}

/// The path of a program by its name.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let is_file = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    std::env::split_paths(&search_path()).map(|folder| folder.join(name)).find(is_file)
}

/// Why a program that is there could not be started although the system says that there is no such file: what it names to
/// run it is missing. `None` if the program itself is.
pub fn missing_interpreter(program: &Program<'_>) -> Option<String> {
    let name = program.arguments.first()?;
    let path = program.env.get("PATH").cloned().unwrap_or_else(search_path);
    let there = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let file = if name.contains('/') {
        Some(PathBuf::from(name)).filter(there)
    } else {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(there)
    }?;
    let mut first = Vec::new();
    _ = std::fs::File::open(&file).and_then(|file| file.take(256).read_to_end(&mut first));
    // A line that is longer was cut, and what was cut cannot be masked.
    let line = first.split(|byte| *byte == b'\n').next().filter(|line| line.len() < 256).unwrap_or_default();
    let interpreter =
        line.strip_prefix(b"#!").map(|line| String::from_utf8_lossy(line.trim_ascii_start()).into_owned());
    Some(match interpreter {
        Some(line) if line.ends_with('\r') => {
            format!(
                "{}: its first line ends with a carriage return: `#!{}`",
                file.display(),
                line.escape_debug()
            )
        }
        Some(line) => format!("{}: there is no interpreter `{}`", file.display(), line.escape_debug()),
        None => format!("{}: what loads it is not there", file.display()),
    })
}

/// Asks a tool something: its exit code, standard output and standard error.
///
/// # Errors
/// `tool-missing` where there is no such program; `timed-out`; `too-large`; `protocol` where a signal ended it. What is
/// not UTF-8 is replaced.
pub async fn ask(
    arguments: &[&str],
    env: &[(&str, &str)],
    context: &Context<'_>,
) -> Result<(i32, String, String), Blocked> {
    let name = arguments.first().copied().unwrap_or_default();
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let env = env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let program = Program { arguments: &arguments, stdin: None, env: &env, folder: None };
    let ended = run(&program, context.deadline()).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Blocked::new(Barrier::ToolMissing, format!("there is no program `{name}`"))
        }
        _ => barrier_of(&format!("start {name}"), &error),
    })?;
    let status = ended.status.ok_or_else(|| context.timed_out())?;
    if ended.stdout.total > ended.stdout.bytes.len() as u64 {
        let why = format!("{name} printed {} bytes; at most {MAX_OUTPUT} are read", ended.stdout.total);
        return Err(Blocked::new(Barrier::TooLarge, why));
    }
    if ended.stdout.open {
        let why = format!("a child of {name} that goes on after its end still holds its output open");
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    let code = status.code().ok_or_else(|| Blocked::new(Barrier::Protocol, format!("{name}: {status}")))?;
    let text = |output: &Output| String::from_utf8_lossy(&output.bytes).into_owned();
    Ok((code, text(&ended.stdout), text(&ended.stderr)))
}

async fn read(pipe: Option<impl tokio::io::AsyncRead + Unpin>, into: &mut Output) {
    let Some(mut pipe) = pipe else { return };
    into.open = true;
    let mut buffer = vec![0; 8192];
    while let Ok(n) = pipe.read(&mut buffer).await {
        if n == 0 {
            break;
        }
        into.total += n as u64;
        let room = MAX_OUTPUT.saturating_sub(into.bytes.len()).min(n);
        into.bytes.extend_from_slice(buffer.get(..room).unwrap_or_default());
    }
    into.open = false;
}

/// Kills what it guards when dropped, unless its group was taken away.
struct Guard {
    group: Option<u32>,
    mark: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(group) = self.group else { return };
        let Ok(group) = i32::try_from(group) else { return };
        // Whatever left the group (setsid, a daemon) still carries the mark, or has an ancestor in what is known, though it was
        // started with another environment (`su --login`). A process may fork while we look: each is stopped first, and
        // looked again until none is new.
        let mark = format!("{MARK}={}\0", self.mark);
        let mut stopped = BTreeSet::new();
        for _ in 0..100 {
            let found = related(group, mark.as_bytes(), &stopped);
            if found.is_empty() {
                break;
            }
            for pid in found {
                signal(pid, Signal::STOP);
                stopped.insert(pid);
            }
        }
        for pid in stopped {
            signal(pid, Signal::KILL);
        }
    }
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        _ = rustix::process::kill_process(pid, signal);
    }
}

/// Living processes of this group or with this in their initial environment, and everything below them, without those that
/// are known.
fn related(group: i32, mark: &[u8], known: &BTreeSet<i32>) -> Vec<i32> {
    let all: Vec<(i32, i32, bool)> = procfs::process::all_processes()
        .into_iter()
        .flatten()
        .filter_map(|process| {
            let process = process.ok()?;
            let stat = process.stat().ok()?;
            let marked = || {
                let environment = std::fs::read(format!("/proc/{}/environ", stat.pid));
                environment.is_ok_and(|all| all.windows(mark.len()).any(|window| window == mark))
            };
            let ended = matches!(stat.state, 'Z' | 'X' | 'x');
            (!ended).then(|| (stat.pid, stat.ppid, stat.pgrp == group || stat.pid == group || marked()))
        })
        .collect();
    let mut found: BTreeSet<i32> = all.iter().filter(|(.., found)| *found).map(|(pid, ..)| *pid).collect();
    found.extend(known);
    loop {
        let below = all.iter().filter(|(pid, parent, _)| found.contains(parent) && !found.contains(pid));
        let below: Vec<i32> = below.map(|(pid, ..)| *pid).collect();
        if below.is_empty() {
            break;
        }
        found.extend(below);
    }
    found.into_iter().filter(|pid| !known.contains(pid)).collect()
}
