//! The observer observed: who looks, from where, under what load, by what clock (design.md, rule 8).

pub mod agent;
mod connection;
pub mod far;
mod protocol;
mod reach;
mod ssh;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use probity_plan::{Barrier, Blocked, Value};

use crate::look::{Seen, barrier_of};
use crate::names::Names;
use crate::program::{self, Program};

/// Whoever keeps in mind which copies of the program are on other machines, until they are removed.
pub trait Copies: Sync {
    /// Writes down that a copy is about to be made, and by which command it is removed.
    ///
    /// # Errors
    /// If that cannot be: then none is made.
    fn write_down(&self, name: &str, removal: Vec<String>) -> std::io::Result<()>;
    /// It is removed.
    fn strike(&self, name: &str);
}

/// The host's name, the user with its number, and the operating system with its kernel.
pub fn identity() -> (String, String, String) {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let uid = rustix::process::geteuid().as_raw();
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or_else(|| text(name.sysname()), |quoted| quoted.trim_matches('"').to_owned());
    let system =
        format!("{pretty}, {} {} {}", text(name.sysname()), text(name.release()), text(name.machine()));
    let user = Names::read().user(uid).unwrap_or_else(|_| uid.to_string());
    (text(name.nodename()), format!("{user} ({uid})"), system)
}

/// The time by the observer's clock, to the microsecond.
pub fn now() -> jiff::Timestamp {
    crate::observation::to_microseconds(jiff::Timestamp::now())
}

/// The boot that the clock counts from which nobody sets, as the kernel names it (random(4), `boot_id`).
pub fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Load, memory and clock of the machine that observes.
pub fn condition() -> Seen {
    let mut seen = Seen::default();
    let load = read("/proc/loadavg").and_then(|text| number(&text, 0, "/proc/loadavg"));
    seen.settle("load_1m", load.map(Value::decimal));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    seen.know("processors", i64::try_from(processors).unwrap_or(i64::MAX));
    let available = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:")).unwrap_or_default().to_owned();
        number(&line, 1, "/proc/meminfo")
    });
    #[expect(clippy::cast_possible_truncation, reason = "kibibytes of memory are far below 2^53")]
    seen.settle("memory_available_bytes", available.map(|kib| Value::from(kib as i64 * 1024)));
    seen.settle("clock_synchronised", clock_synchronised().map(Value::Bool));
    seen
}

/// Whether something keeps the clock right, by systemd's word.
fn clock_synchronised() -> Result<bool, Blocked> {
    let what = "timedatectl show";
    // sd_booted(3): without systemd the tool only fails, after a while.
    if !std::path::Path::new("/run/systemd/system").is_dir() {
        return Err(Blocked::new(Barrier::Unreachable, format!("{what}: systemd does not run here")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| barrier_of(what, &e))?;
    let arguments = ["timedatectl", "show", "--property=NTPSynchronized", "--value"].map(str::to_owned);
    let program = Program { arguments: &arguments, stdin: None, env: &BTreeMap::new(), folder: None };
    let ended = runtime.block_on(async {
        program::run(&program, tokio::time::Instant::now() + Duration::from_secs(2)).await
    });
    let ended = ended.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Blocked::new(Barrier::ToolMissing, "there is no timedatectl"),
        _ => barrier_of(what, &error),
    })?;
    match (ended.status.map(|status| status.success()), ended.stdout.bytes.trim_ascii()) {
        (Some(true), b"yes") => Ok(true),
        (Some(true), b"no") => Ok(false),
        (None, _) => Err(Blocked::new(Barrier::TimedOut, what)),
        _ => {
            let said = String::from_utf8_lossy(&ended.stderr.bytes).trim().to_owned();
            Err(Blocked::new(Barrier::Unreachable, format!("{what}: {said}")))
        }
    }
}

/// How long this thread has been kept waiting for a processor since it began; `None` if the kernel does not tell.
/// Source: Linux, Documentation/scheduler/sched-stats.rst, `/proc/<pid>/schedstat`, second field, nanoseconds.
pub fn scheduling_delay() -> Option<Duration> {
    thread_local! {
        // Every look asks twice: it stays open, and is read anew from its beginning.
        static SCHEDSTAT: Option<File> = File::open("/proc/thread-self/schedstat").ok();
    }
    let mut buffer = [0; 64];
    let length = SCHEDSTAT.with(|file| file.as_ref()?.read_at(&mut buffer, 0).ok())?;
    let text = std::str::from_utf8(buffer.get(..length)?).ok()?;
    text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

fn read(path: &str) -> Result<String, Blocked> {
    std::fs::read_to_string(path).map_err(|error| barrier_of(&format!("open {path}"), &error))
}

fn number(text: &str, field: usize, path: &str) -> Result<f64, Blocked> {
    text.split_whitespace()
        .nth(field)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| Blocked::new(Barrier::Protocol, format!("{path} has no such number")))
}
