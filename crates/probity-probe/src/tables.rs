//! The kernel's tables of processes and sockets, and the names of users and groups: one reading of which many looks can share.
//!
//! A look gets a reading that began no earlier than the look itself. Looks of one parallel stage, which have no order
//! among them, may share one ([`sharing`]): it is then at most [`WINDOW`] older than the look, and never from before the
//! stage. Whatever waits, is timed, or comes after something that changes the target, reads anew.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags};
use netlink_packet_sock_diag::{AF_INET, AF_INET6, IPPROTO_TCP, SockDiagMessage};
use probity_plan::{Barrier, Blocked};
use procfs::net::{TcpState, UdpState};
use procfs::process::{Process, Stat};
use procfs::{ProcError, ProcResult};
use tokio::sync::Mutex;

use crate::look::{Context, barrier_of, on_a_thread};
use crate::names::Names;
use crate::sock_diag;

/// How much older than a look a shared reading may be.
pub const WINDOW: Duration = Duration::from_millis(100);

tokio::task_local! {
    static SHARED_SINCE: Instant;
}

/// Lets a look share readings with others that run beside it in no particular order; `since` is when their stage began.
pub async fn sharing<F: Future>(since: Instant, look: F) -> F::Output {
    SHARED_SINCE.scope(since, look).await
}

/// The earliest moment at which a reading for this look may have begun.
fn earliest(began: Instant) -> Instant {
    SHARED_SINCE
        .try_with(|since| began.checked_sub(WINDOW).map_or(*since, |oldest| oldest.max(*since)))
        .unwrap_or(began)
}

/// The last reading of a table.
struct Table<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T: Send + Sync + 'static> Table<T> {
    const fn new() -> Self {
        Self(Mutex::const_new(None))
    }

    /// A reading that began late enough for this look. One look at a time reads; the others wait for it.
    async fn get(
        &self,
        context: &Context<'_>,
        read: impl FnOnce() -> Result<T, Blocked> + Send + 'static,
    ) -> Result<Arc<T>, Blocked> {
        let earliest = earliest(context.began);
        let reading = async {
            let mut last = self.0.lock().await;
            if let Some((began, table)) = last.as_ref()
                && *began >= earliest
            {
                return Ok(Arc::clone(table));
            }
            let began = Instant::now();
            // On a thread of its own: the kernel may let a reader of /proc wait.
            let table = Arc::new(on_a_thread(read).await?);
            *last = Some((began, Arc::clone(&table)));
            Ok(table)
        };
        context.in_time(reading).await
    }
}

/// Every process that the observer can see.
#[derive(Debug)]
pub struct Processes {
    /// By number.
    pub list: BTreeMap<i32, Running>,
    /// Why processes may be missing from the list.
    pub hidden: Option<Blocked>,
}

/// One process.
#[derive(Debug)]
pub struct Running {
    /// What `/proc/PID/stat` says.
    pub stat: Stat,
    /// The path of the file it executes; `None` for kernel threads and zombies, which have none.
    pub executable: Result<Option<PathBuf>, Blocked>,
    /// A thread of it that runs, where the first one has ended: the process runs on without that one, under whose number
    /// the kernel shows nothing of it any more.
    thread: Option<i32>,
}

impl Running {
    /// Whether it has ended and waits only for its parent to take notice.
    pub fn ended(&self) -> bool {
        has_ended(&self.stat) && self.thread.is_none()
    }

    /// The folder of `/proc` in which its files are found.
    pub fn folder(&self) -> String {
        folder(self.stat.pid, self.thread)
    }
}

/// Whether the thread that this says something of has ended.
fn has_ended(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X' | 'x')
}

fn folder(pid: i32, thread: Option<i32>) -> String {
    thread.map_or_else(|| format!("/proc/{pid}"), |thread| format!("/proc/{pid}/task/{thread}"))
}

/// The processes, now or as told by [`sharing`].
///
/// # Errors
/// A barrier if `/proc` cannot be listed.
pub async fn processes(context: &Context<'_>) -> Result<Arc<Processes>, Blocked> {
    static TABLE: Table<Processes> = Table::new();
    TABLE.get(context, read_processes).await
}

/// `PF_KTHREAD` of the kernel's include/linux/sched.h: a thread of the kernel itself.
const KERNEL_THREAD: u32 = 0x0020_0000;

fn read_processes() -> Result<Processes, Blocked> {
    let mut list = BTreeMap::new();
    let mut hidden = hidden_processes();
    let all = procfs::process::all_processes().map_err(|error| barrier_of_proc("list /proc", &error))?;
    for process in all {
        match process.and_then(|process| read_process(&process)) {
            Ok(running) => _ = list.insert(running.stat.pid, running),
            // It ended while we looked.
            Err(ProcError::NotFound(_)) => {}
            Err(error) if gone(&error) => {}
            Err(error @ ProcError::PermissionDenied(_)) => {
                hidden.get_or_insert_with(|| barrier_of_proc("read a process", &error));
            }
            Err(error) => return Err(barrier_of_proc("read a process", &error)),
        }
    }
    if !list.contains_key(&i32::try_from(std::process::id()).unwrap_or(0)) {
        return Err(Blocked::new(Barrier::Unsupported, "/proc does not show this process; is it mounted?"));
    }
    Ok(Processes { list, hidden })
}

fn read_process(process: &Process) -> ProcResult<Running> {
    let mut stat = process.stat()?;
    let mut thread = None;
    if has_ended(&stat) && stat.num_threads > 1 {
        let others = process.tasks()?.flatten().filter_map(|task| Some((task.tid, task.stat().ok()?)));
        if let Some((number, running)) = others.into_iter().find(|(_, other)| !has_ended(other)) {
            (stat.rss, thread) = (running.rss, Some(number));
        }
    }
    let executable = if stat.flags & KERNEL_THREAD != 0 || (has_ended(&stat) && thread.is_none()) {
        Ok(None)
    } else {
        let exe = || match thread {
            None => process.exe(),
            Some(_) => Ok(std::fs::read_link(format!("{}/exe", folder(process.pid, thread)))?),
        };
        match exe() {
            Ok(path) => Ok(Some(path)),
            Err(error @ ProcError::PermissionDenied(_)) => {
                // The kernel says so, too, of one that has just ended: its state then cannot be read any more.
                process.stat()?;
                Err(barrier_of_proc(&format!("readlink /proc/{}/exe", process.pid), &error))
            }
            Err(error) => return Err(error),
        }
    };
    Ok(Running { stat, executable, thread })
}

/// A process that ends while its files are open answers reads with ESRCH.
fn gone(error: &ProcError) -> bool {
    matches!(error, ProcError::Io(error, _) if is_no_process(error))
}

fn is_no_process(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Whether a process has ended, by the error of reading one of its files.
pub fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound || is_no_process(error)
}

/// The barrier behind an error of the `procfs` crate.
pub fn barrier_of_proc(what: &str, error: &ProcError) -> Blocked {
    let barrier = match error {
        ProcError::PermissionDenied(_) => Barrier::PermissionDenied,
        ProcError::NotFound(_) => Barrier::Unreachable,
        ProcError::Io(error, _) => return barrier_of(what, error),
        _ => Barrier::Protocol,
    };
    Blocked::new(barrier, format!("{what}: {error}"))
}

/// Whether `/proc` is mounted so that it keeps other users' processes from us (proc(5), `hidepid`).
pub(crate) fn hidden_processes() -> Option<Blocked> {
    let mounts = match crate::mounts::read() {
        Ok(mounts) => mounts,
        Err(blocked) => return Some(blocked),
    };
    let proc = mounts.at("/proc").pop()?;
    let option =
        |name: &str| proc.options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
    let hide = option("hidepid").filter(|hide| !matches!(*hide, "0" | "off"))?;
    let me = rustix::process::geteuid().is_root();
    let group = option("gid").and_then(|gid| gid.parse::<u32>().ok()).is_some_and(|gid| {
        gid == rustix::process::getegid().as_raw()
            || rustix::process::getgroups()
                .is_ok_and(|groups| groups.iter().any(|group| group.as_raw() == gid))
    });
    if me || (group && !matches!(hide, "4" | "ptraceable")) {
        return None;
    }
    let why = format!("/proc is mounted with hidepid={hide}: other users' processes are not shown");
    Some(Blocked::new(Barrier::PermissionDenied, why))
}

/// The names of users and groups, now or as told by [`sharing`].
///
/// # Errors
/// A barrier if the look is over before.
pub async fn names(context: &Context<'_>) -> Result<Arc<Names>, Blocked> {
    static TABLE: Table<Names> = Table::new();
    TABLE.get(context, || Ok(Names::read())).await
}

/// Every listening TCP and UDP socket of this network namespace.
#[derive(Debug)]
pub struct Sockets {
    /// In the kernel's order.
    pub list: Vec<Listening>,
    owners: OnceLock<Result<Owners, Blocked>>,
}

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// The address and port it is bound to.
    pub local: SocketAddr,
    /// The user who opened it.
    pub uid: u32,
    /// Its number, by which its owners are found.
    pub inode: u64,
}

impl Listening {
    /// Whether it is bound to an address that is reached from this machine only.
    pub fn loopback(&self) -> bool {
        match self.local.ip() {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
        }
    }
}

/// The listening sockets, now or as told by [`sharing`].
///
/// # Errors
/// A barrier if one of the tables cannot be read.
pub async fn sockets(context: &Context<'_>) -> Result<Arc<Sockets>, Blocked> {
    static TABLE: Table<Sockets> = Table::new();
    TABLE.get(context, read_sockets).await
}

fn read_sockets() -> Result<Sockets, Blocked> {
    // A kernel that has no socket diagnostics, or does not let us ask, has its tables of text.
    let mut list = diagnosed_tcp().or_else(|_| listed_tcp())?;
    let udp = [("udp", procfs::net::udp()), ("udp6", procfs::net::udp6())];
    for entry in udp.into_iter().flat_map(|(name, table)| present(name, table)) {
        let entry = entry?;
        // Bound, and not connected to anybody.
        if entry.state == UdpState::Close {
            list.push(Listening {
                protocol: "udp",
                local: entry.local_address,
                uid: entry.uid,
                inode: entry.inode,
            });
        }
    }
    Ok(Sockets { list, owners: OnceLock::new() })
}

/// The listening TCP sockets by socket diagnostics, which pass over all connections: for its table of text the kernel goes
/// through as many places as it has room for connections.
fn diagnosed_tcp() -> Result<Vec<Listening>, Blocked> {
    let mut list = Vec::new();
    for (family, socket_id) in [(AF_INET, SocketId::new_v4()), (AF_INET6, SocketId::new_v6())] {
        let (protocol, extensions, states) = (IPPROTO_TCP, ExtensionFlags::empty(), StateFlags::LISTEN);
        let request = InetRequest { family, protocol, extensions, states, socket_id };
        sock_diag::ask(SockDiagMessage::InetRequest(request), "TCP sockets", |answer| {
            if let SockDiagMessage::InetResponse(found) = answer {
                let InetResponseHeader { socket_id, uid, inode, .. } = &found.header;
                let local = SocketAddr::new(socket_id.source_address, socket_id.source_port);
                list.push(Listening { protocol: "tcp", local, uid: *uid, inode: u64::from(*inode) });
            }
        })?;
    }
    Ok(list)
}

/// The same by its tables of text.
fn listed_tcp() -> Result<Vec<Listening>, Blocked> {
    let mut list = Vec::new();
    let tcp = [("tcp", procfs::net::tcp()), ("tcp6", procfs::net::tcp6())];
    for entry in tcp.into_iter().flat_map(|(name, table)| present(name, table)) {
        let entry = entry?;
        if entry.state == TcpState::Listen {
            list.push(Listening {
                protocol: "tcp",
                local: entry.local_address,
                uid: entry.uid,
                inode: entry.inode,
            });
        }
    }
    Ok(list)
}

/// The entries of a table; none where the kernel has no such protocol (IPv6 switched off).
fn present<T>(name: &str, table: ProcResult<Vec<T>>) -> Vec<Result<T, Blocked>> {
    match table {
        Ok(entries) => entries.into_iter().map(Ok).collect(),
        Err(ProcError::NotFound(_)) if name.ends_with('6') => Vec::new(),
        Err(error) => vec![Err(barrier_of_proc(&format!("read /proc/net/{name}"), &error))],
    }
}

/// Which processes hold which sockets.
#[derive(Debug)]
pub struct Owners {
    by_inode: BTreeMap<u64, Holders>,
    /// Why holders may be missing.
    hidden: Option<Blocked>,
}

/// The processes that hold a socket by number, each with the folder of `/proc` where it was found: a thread of it may have open
/// files of its own, or be all that is left of it.
pub type Holders = BTreeMap<i32, String>;

impl Owners {
    /// The processes that hold a socket, at least one.
    ///
    /// # Errors
    /// A barrier if none was found: one may be hidden, and the kernel's own is not told from one that is on its way between
    /// two processes.
    pub fn of(&self, inode: u64) -> Result<Holders, Blocked> {
        match (self.by_inode.get(&inode), &self.hidden) {
            (Some(holders), _) => Ok(holders.clone()),
            (None, Some(hidden)) => Err(hidden.clone()),
            (None, None) => {
                let why = "no process holds the socket open: it is the kernel's own, or on its way between processes";
                Err(Blocked::new(Barrier::Unsupported, why))
            }
        }
    }

    /// Takes in what a process, or a thread of it, has open; how many files that are.
    fn search(&mut self, pid: i32, thread: Option<i32>, wanted: &BTreeSet<u64>) -> std::io::Result<usize> {
        let folder = folder(pid, thread);
        let files = std::fs::read_dir(format!("{folder}/fd"))?;
        let mut count = 0;
        for link in files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok()) {
            count += 1;
            let socket = link.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
            if let Some(inode) = socket.and_then(|inode| inode.parse().ok())
                && wanted.contains(&inode)
            {
                self.by_inode.entry(inode).or_default().entry(pid).or_insert_with(|| folder.clone());
            }
        }
        Ok(count)
    }

    /// Takes in what the threads of a process beside the first have open: their own files (unshare(2), `CLONE_FILES`), or
    /// the process's where the first has ended.
    fn search_threads(&mut self, pid: i32, wanted: &BTreeSet<u64>) {
        for thread in numbers_in(&format!("/proc/{pid}/task")).unwrap_or_default() {
            if thread != pid {
                // One that has ended has nothing open any more.
                _ = self.search(pid, Some(thread), wanted);
            }
        }
    }
}

impl Sockets {
    /// The owners, found at the first call by walking every process's open files: as old as that call, no older than the
    /// reading. Blocks.
    pub fn owners(&self) -> &Result<Owners, Blocked> {
        self.owners.get_or_init(|| {
            let wanted = self.list.iter().map(|socket| socket.inode).collect();
            walk(&wanted)
        })
    }
}

/// The process namespace in which the kernel starts; in any other, processes are out of sight (include/linux/proc_ns.h,
/// `PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Whether no process can be outside of the observer's process namespace.
pub(crate) fn sees_every_process() -> bool {
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|own| own.to_str() == Some(FIRST_PID_NAMESPACE))
}

/// The entries of a folder that are numbers.
fn numbers_in(folder: &str) -> std::io::Result<Vec<i32>> {
    let entries = std::fs::read_dir(folder)?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

fn walk(wanted: &BTreeSet<u64>) -> Result<Owners, Blocked> {
    let mut owners = Owners { by_inode: BTreeMap::new(), hidden: hidden_processes() };
    let mut closed = 0_usize;
    let pids: Vec<i32> = numbers_in("/proc").map_err(|error| barrier_of("list /proc", &error))?;
    for pid in &pids {
        match owners.search(*pid, None, wanted) {
            // Its first thread may have ended before the others.
            Ok(0) => owners.search_threads(*pid, wanted),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => closed += 1,
            // It ended while we looked.
            Err(_) => {}
        }
    }
    if wanted.iter().any(|inode| !owners.by_inode.contains_key(inode)) {
        for pid in &pids {
            owners.search_threads(*pid, wanted);
        }
    }
    if closed > 0 {
        let why = format!("the open files of {closed} processes may not be listed");
        owners.hidden = Some(Blocked::new(Barrier::PermissionDenied, why));
    }
    if owners.hidden.is_none() && !sees_every_process() {
        let why = "the observer is in a process namespace of its own: the owner may be outside of it";
        owners.hidden = Some(Blocked::new(Barrier::Unsupported, why));
    }
    Ok(owners)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::look::FactSelection;
    use crate::secrets::Secrets;

    fn context(secrets: &Secrets, began: Instant) -> Context<'_> {
        let (run_began, timeout) = (jiff::Timestamp::UNIX_EPOCH, Duration::from_secs(60));
        Context { wanted: &FactSelection::All, secrets, began, run_began, timeout }
    }

    async fn looks(
        table: &Table<usize>,
        since: Option<Instant>,
        began: Instant,
        count: &Arc<AtomicUsize>,
    ) -> usize {
        let secrets = Secrets::default();
        let context = context(&secrets, began);
        let count = Arc::clone(count);
        let get = table.get(&context, move || Ok(count.fetch_add(1, Ordering::SeqCst)));
        *match since {
            Some(since) => sharing(since, get).await,
            None => get.await,
        }
        .unwrap()
    }

    #[test]
    fn socket_diagnostics_tell_the_listening_sockets_that_the_tables_of_text_tell() {
        let bind = |address: &str| std::net::TcpListener::bind(address).ok();
        let bound: Vec<_> =
            ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"].into_iter().filter_map(bind).collect();
        let ports: Vec<u16> = bound.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
        let of = |list: Vec<Listening>| {
            let mut own: Vec<_> = list.into_iter().filter(|it| ports.contains(&it.local.port())).collect();
            own.sort_by_key(|it| it.inode);
            own
        };
        let listed = of(listed_tcp().unwrap());
        assert_eq!(listed.len(), bound.len());
        // Not every kernel has them.
        if let Ok(diagnosed) = diagnosed_tcp() {
            assert_eq!(of(diagnosed), listed);
        }
    }

    #[tokio::test]
    async fn a_reading_is_shared_within_the_window_and_the_stage_only() {
        let (table, count) = (Table::new(), Arc::new(AtomicUsize::new(0)));
        let stage = Instant::now();
        assert_eq!(looks(&table, Some(stage), stage, &count).await, 0);
        // The reading began after `stage`: good for a look that began up to WINDOW later.
        assert_eq!(looks(&table, Some(stage), stage + WINDOW, &count).await, 0);
        let late = Instant::now() + WINDOW + Duration::from_millis(1);
        assert_eq!(looks(&table, Some(stage), late, &count).await, 1, "older than the window");
        assert_eq!(
            looks(&table, Some(Instant::now()), Instant::now(), &count).await,
            2,
            "from before the stage"
        );
        assert_eq!(
            looks(&table, None, Instant::now(), &count).await,
            3,
            "from before a look that does not share"
        );
        // One that began after the look did is always good.
        assert_eq!(looks(&table, None, stage, &count).await, 3);
    }

    #[tokio::test]
    async fn a_table_that_hangs_is_a_time_out_and_the_next_look_reads_again() {
        let table: Table<usize> = Table::new();
        let secrets = Secrets::default();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let mut context = context(&secrets, Instant::now());
        context.timeout = Duration::from_millis(50);
        let blocked = table.get(&context, move || Ok(wait.recv().map_or(0, |()| 1))).await.unwrap_err();
        assert_eq!(blocked.barrier, Barrier::TimedOut);
        context.timeout = Duration::from_secs(60);
        assert_eq!(*table.get(&context, || Ok(7)).await.unwrap(), 7);
        drop(release);
    }
}
