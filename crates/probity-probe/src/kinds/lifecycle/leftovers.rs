//! What a unit has and what it leaves behind: processes by its control group, whatever parents they have; the sockets that these
//! hold; the files that systemd is to remove.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_plan::{Barrier, Blocked, Value};

use crate::look::{Context, Seen, barrier_of, on_a_thread};
use crate::systemd::Unit;
use crate::tables::{self, Processes, Running, is_gone};

/// The most files below its folders that are named.
const MAX_FILES: usize = 10_000;

/// The processes of a unit at one moment.
#[derive(Debug)]
pub(super) struct Holdings {
    /// When each started, in ticks after the machine, by its number.
    processes: BTreeMap<i32, u64>,
    open: Result<Open, Blocked>,
}

/// What these processes hold open.
#[derive(Debug, Default)]
struct Open {
    files: u64,
    /// The sockets among it, by their numbers.
    sockets: BTreeSet<u64>,
}

/// What a unit of this control group holds now.
///
/// # Errors
/// `unsupported` where such a unit never has one, and the barrier of what hides processes.
pub(super) async fn holdings(
    group: Option<&str>,
    unit: &Unit,
    context: &Context<'_>,
) -> Result<Holdings, Blocked> {
    let none =
        || Blocked::new(Barrier::Unsupported, format!("{} has no processes of its own", unit.text("Id")));
    let group = group.ok_or_else(none)?.to_owned();
    let main = unit.number("MainPID").unwrap_or_default();
    let table = tables::processes(context).await?;
    context.in_time(on_a_thread(move || of_group(&group, main, &table))).await
}

fn of_group(group: &str, main: i64, table: &Processes) -> Result<Holdings, Blocked> {
    if let Some(hidden) = &table.hidden {
        return Err(hidden.clone());
    }
    let mut holdings = Holdings { processes: BTreeMap::new(), open: Ok(Open::default()) };
    if group.is_empty() {
        return Ok(holdings);
    }
    for running in table.list.values().filter(|running| !running.ended()) {
        if !is_in(group, running)? {
            continue;
        }
        holdings.processes.insert(running.stat.pid, running.stat.starttime);
        if let Ok(open) = &mut holdings.open
            && let Err(blocked) = count_open(running, open)
        {
            holdings.open = Err(blocked);
        }
    }
    let seen = |main: i32| holdings.processes.contains_key(&main) || !table.list.contains_key(&main);
    if i32::try_from(main).is_ok_and(|main| main != 0 && !seen(main)) {
        let why =
            format!("the main process {main} is not in the control group {group} as it is seen from here");
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    Ok(holdings)
}

/// Whether a process is in this control group or below it, in systemd's own hierarchy (cgroups(7)).
fn is_in(group: &str, running: &Running) -> Result<bool, Blocked> {
    let path = format!("{}/cgroup", running.folder());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if is_gone(&error) => return Ok(false),
        Err(error) => return Err(barrier_of(&format!("open {path}"), &error)),
    };
    let named = text.lines().find_map(|line| line.split_once(":name=systemd:"));
    let own = named.or_else(|| text.lines().find_map(|line| line.split_once("0::")));
    let below = own.and_then(|(_, own)| own.strip_prefix(group));
    Ok(below.is_some_and(|below| below.is_empty() || below.starts_with('/')))
}

fn count_open(running: &Running, open: &mut Open) -> Result<(), Blocked> {
    let path = format!("{}/fd", running.folder());
    let files = match std::fs::read_dir(&path) {
        Ok(files) => files,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(barrier_of(&format!("list {path}"), &error)),
    };
    for file in files.flatten() {
        open.files += 1;
        let target = std::fs::read_link(file.path()).unwrap_or_default();
        let inode: Option<u64> =
            target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        open.sockets.extend(inode);
    }
    Ok(())
}

/// What the unit has at the end, and what is left of what it had before.
pub(super) async fn tell(
    held: &Result<Holdings, Blocked>,
    now: &Result<Holdings, Blocked>,
    after: &Unit,
    context: &Context<'_>,
    seen: &mut Seen,
) {
    let ended = super::has_ended(after);
    match now {
        Ok(now) => {
            seen.know("processes", now.processes.len() as u64);
            seen.settle("open_files", now.open.as_ref().map(|open| open.files).map_err(Clone::clone));
        }
        Err(blocked) => _ = seen.block("processes", blocked.clone()).block("open_files", blocked.clone()),
    }
    seen.settle("left_processes", left_processes(held, now, ended, context).await);
    seen.settle("left_sockets", left_sockets(held, now, ended, context).await);
    let files = if ended {
        // `NAME:LINK` where a link stands beside it.
        let folders = after.text("RuntimeDirectory").split_whitespace();
        let folders = folders.filter_map(|name| name.split(':').next()).map(|name| format!("/run/{name}"));
        let file = Some(after.text("PIDFile").to_owned()).filter(|path| !path.is_empty());
        let roots: Vec<PathBuf> = file.into_iter().chain(folders).map(PathBuf::from).collect();
        context.in_time(on_a_thread(move || files_at(roots))).await.map(Value::from)
    } else {
        Err(Blocked::new(Barrier::Unreachable, "it runs: what is there belongs to it"))
    };
    seen.settle("left_files", files);
}

/// Of what was before and is now: both, where they are known.
fn both<'a>(
    held: &'a Result<Holdings, Blocked>,
    now: &'a Result<Holdings, Blocked>,
    ended: bool,
) -> Result<Vec<&'a Holdings>, Blocked> {
    let held = held.as_ref().map_err(Clone::clone)?;
    // Of a unit that runs, what is there now belongs to it.
    if !ended {
        return Ok(vec![held]);
    }
    Ok(vec![held, now.as_ref().map_err(Clone::clone)?])
}

async fn left_processes(
    held: &Result<Holdings, Blocked>,
    now: &Result<Holdings, Blocked>,
    ended: bool,
    context: &Context<'_>,
) -> Result<Vec<Value>, Blocked> {
    let had: BTreeMap<i32, u64> =
        both(held, now, ended)?.iter().flat_map(|holdings| holdings.processes.clone()).collect();
    let members = now.as_ref().map_err(Clone::clone)?;
    let table: Arc<Processes> =
        tables::processes(&super::part(context, context.began + context.timeout)).await?;
    let still = had.iter().filter_map(|(pid, started)| {
        table.list.get(pid).filter(|running| running.stat.starttime == *started && !running.ended())
    });
    still
        .map(|running| {
            let executable = match &running.executable {
                Ok(path) => path.as_deref().unwrap_or(Path::new("")).to_string_lossy().into_owned(),
                Err(blocked) => return Err(blocked.clone()),
            };
            let pid = running.stat.pid;
            Ok(Value::Map(BTreeMap::from([
                ("pid".to_owned(), i64::from(pid).into()),
                ("executable".to_owned(), executable.into()),
                ("in_unit".to_owned(), members.processes.contains_key(&pid).into()),
            ])))
        })
        .collect()
}

async fn left_sockets(
    held: &Result<Holdings, Blocked>,
    now: &Result<Holdings, Blocked>,
    ended: bool,
    context: &Context<'_>,
) -> Result<Vec<Value>, Blocked> {
    let mut had = BTreeSet::new();
    for holdings in both(held, now, ended)? {
        had.extend(holdings.open.as_ref().map_err(Clone::clone)?.sockets.iter().copied());
    }
    let table = tables::sockets(&super::part(context, context.began + context.timeout)).await?;
    let left = table.list.iter().filter(|socket| had.contains(&socket.inode)).map(|socket| {
        Value::Map(BTreeMap::from([
            ("protocol".to_owned(), socket.protocol.into()),
            ("address".to_owned(), socket.local.ip().to_string().into()),
            ("port".to_owned(), i64::from(socket.local.port()).into()),
        ]))
    });
    Ok(left.collect())
}

/// These files, and of folders what is in them, the folders themselves included.
fn files_at(mut paths: Vec<PathBuf>) -> Result<Vec<String>, Blocked> {
    let mut found = BTreeSet::new();
    while let Some(path) = paths.pop() {
        let what = |verb: &str| format!("{verb} {}", path.display());
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                let entries = std::fs::read_dir(&path).map_err(|error| barrier_of(&what("list"), &error))?;
                for entry in entries {
                    paths.push(entry.map_err(|error| barrier_of(&what("list"), &error))?.path());
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(barrier_of(&what("stat"), &error)),
        }
        found.insert(path.to_string_lossy().into_owned());
        if found.len() + paths.len() > MAX_FILES {
            return Err(Blocked::new(Barrier::TooLarge, format!("more than {MAX_FILES} files are left")));
        }
    }
    Ok(found.into_iter().collect())
}
