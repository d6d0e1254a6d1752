//! The ways to a far observer: what is started here so that the program runs there. Into namespaces nothing is written: the program
//! is handed over as an open descriptor.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use probity_plan::{Barrier, Blocked, Impact, Passage, Reach};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::{FdFlags, fcntl_setfd};

use super::Copies;
use super::ssh::{AgentCopy, Master};
use crate::look::{Context, FactSelection, barrier_of};
use crate::machine::Process;
use crate::program;
use crate::secrets::Secrets;

/// How long an engine may take to name a container's process.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where the far side looks for programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What an engine's tool may need of the operator's environment.
const OF_OPERATOR: [&str; 4] = ["HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "CONTAINER_HOST"];

/// A way that is open.
pub struct Way {
    /// Starts the program there.
    pub command: Command,
    /// What is sent to it before anything else: the program itself, where it is copied; else nothing.
    pub first: Vec<u8>,
    /// What was met.
    pub passage: Passage,
    /// What has to be there as long as the connection is: our program, as a descriptor, or the connection of ssh(1).
    pub held: Lifeline,
}

/// What a way needs as long as it is used.
#[derive(Default)]
pub struct Lifeline {
    /// Our program, which is handed over.
    _program: Option<File>,
    /// A connection, and what is copied over it.
    ssh: Option<(Master, Option<AgentCopy>)>,
}

impl Lifeline {
    /// After the program was started there, or could not be: no copy of it stays, and what stays all the same is written down.
    pub async fn remove_copy(&self, is_gone: bool, copies: &dyn Copies) {
        if let Some((master, Some(copy))) = &self.ssh
            && (is_gone || master.remove(copy).await)
        {
            copies.strike(&copy.name);
        }
    }
}

/// Finds the way.
///
/// # Errors
/// A barrier.
pub async fn find(reach: &Reach, allow: Impact, copies: &dyn Copies) -> Result<Way, Blocked> {
    if let Reach::Ssh(ssh) = reach {
        let to = ssh.clone();
        let master = tokio::task::spawn_blocking(move || Master::open(&to)).await;
        let master = master.unwrap_or_else(|_| Err(Blocked::new(Barrier::Aborted, "ssh was cut off")))?;
        let (command, first, passage, copy) = master.way(ssh, allow, copies).await?;
        let held = Lifeline { ssh: Some((master, copy)), ..Lifeline::default() };
        return Ok(Way { command, first, passage, held });
    }
    let program = sealed().map_err(|error| barrier_of("copy our program into memory", &error))?;
    // It is inherited; whoever else is started meanwhile gets to read our program.
    fcntl_setfd(&program, FdFlags::empty())
        .map_err(|error| barrier_of("hand over the program", &error.into()))?;
    let descriptor = format!("/proc/self/fd/{}", program.as_raw_fd());
    let mut agent = vec![descriptor, "agent".to_owned()];
    let mut inside = |pid: u32| {
        agent.extend(["--bounding-set".to_owned(), bounding_set(pid)?]);
        Ok::<_, Blocked>(enter(pid))
    };
    let (words, passage) = match reach {
        Reach::Netns(name) => {
            (vec!["ip".to_owned(), "netns".to_owned(), "exec".to_owned(), name.clone()], Passage::default())
        }
        Reach::Pid(pid) => (inside(*pid)?, Passage { pid: Some(*pid), ..Passage::default() }),
        Reach::Container(name) => {
            let found = container(name).await?;
            // Of a virtual machine its engine names the process that runs it, here.
            Process::check_apart(found.pid).map_err(|why| Blocked::new(Barrier::Unreachable, why))?;
            (inside(found.pid)?, found.passage())
        }
        Reach::Ssh(_) => return Err(Blocked::new(Barrier::Unsupported, "nothing leads there")),
    };
    let (tool, arguments) = words.split_first().map_or(("", &[][..]), |(tool, rest)| (tool.as_str(), rest));
    let tool = program::find(tool)
        .ok_or_else(|| Blocked::new(Barrier::ToolMissing, format!("there is no program `{tool}`")))?;
    let mut command = Command::new(tool);
    // A group of its own: what the terminal sends to end the run must not end who takes back what it did.
    command.args(arguments).args(agent).env_clear().env("PATH", PATH);
    command.env("LC_ALL", "C.UTF-8").process_group(0);
    let held = Lifeline { _program: Some(program), ..Lifeline::default() };
    Ok(Way { command, first: Vec::new(), passage, held })
}

/// A copy of our program that nobody can change: whoever is root where it runs could write to the file itself, by the kernel's
/// link to what a process executes.
fn sealed() -> io::Result<File> {
    static COPY: OnceLock<File> = OnceLock::new();
    if let Some(copy) = COPY.get() {
        return copy.try_clone();
    }
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 know no other memory than such as may be executed.
    let memory =
        memfd_create("probity", flags | MemfdFlags::EXEC).or_else(|_| memfd_create("probity", flags))?;
    let mut copy = File::from(memory);
    io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
    fcntl_add_seals(&copy, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    COPY.get_or_init(|| copy).try_clone()
}

/// What the process and all that it starts can ever be able to do, in hexadecimal, as capabilities(7) has it: what is started
/// there is able to do no more.
fn bounding_set(pid: u32) -> Result<String, Blocked> {
    let process = i32::try_from(pid).ok().map(procfs::process::Process::new).and_then(Result::ok);
    let set = process.and_then(|process| process.status().ok()?.capbnd);
    let why = || Blocked::new(Barrier::Unreachable, format!("what process {pid} may do cannot be read"));
    Ok(format!("{:x}", set.ok_or_else(why)?))
}

/// Into all namespaces of a process, at its root and in its folder.
fn enter(pid: u32) -> Vec<String> {
    let target = format!("--target={pid}");
    ["nsenter", &target, "--all", "--root", "--wd", "--"].map(str::to_owned).to_vec()
}

/// A running container.
#[derive(Debug)]
struct RunningContainer {
    engine: &'static str,
    pid: u32,
    image: Option<String>,
}

impl RunningContainer {
    fn passage(self) -> Passage {
        let engine = Some(self.engine.to_owned());
        Passage { pid: Some(self.pid), engine, image: self.image, ..Passage::default() }
    }
}

/// The one running container of this name, by the word of its engine.
async fn container(name: &str) -> Result<RunningContainer, Blocked> {
    const FORMAT: &str = "--format={{.State.Pid}} {{.Image}} {{.Id}} {{.Name}}";
    let inspect = |tool| vec![tool, "inspect", "--type=container", FORMAT, "--", name];
    let engines = [
        ("docker", inspect("docker")),
        ("podman", inspect("podman")),
        ("lxc", vec!["lxc-info", "--name", name, "--pid", "--no-humanize"]),
        ("systemd-nspawn", vec!["machinectl", "show", "--property=Leader", "--value", "--", name]),
    ];
    let mut found: Vec<RunningContainer> = nspawn(name)
        .into_iter()
        .map(|pid| RunningContainer { engine: "systemd-nspawn", pid, image: None })
        .collect();
    let mut said = Vec::new();
    for (engine, words) in engines {
        match ask(&words).await {
            Ok(answer) => {
                let words: Vec<&str> = answer.split_whitespace().collect();
                // An engine takes the beginning of an id for a name as well.
                if let [_, _, id, called] = words.as_slice()
                    && *id != name
                    && called.trim_start_matches('/') != name
                {
                    said.push(format!("{engine}: no container is called that"));
                    continue;
                }
                let pid = words.first().and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 0);
                match pid {
                    Some(pid) if found.iter().any(|other| other.pid == pid) => {}
                    Some(pid) => found.push(RunningContainer {
                        engine,
                        pid,
                        image: words.get(1).map(|image| (*image).to_owned()),
                    }),
                    None => said.push(format!("{engine}: it does not run")),
                }
            }
            Err(why) => said.extend(why.map(|why| format!("{engine}: {why}"))),
        }
    }
    match found.pop() {
        Some(only) if found.is_empty() => Ok(only),
        Some(one) => {
            let mut engines: Vec<&str> = found.iter().map(|other| other.engine).collect();
            engines.push(one.engine);
            let why = format!("more than one container `{name}` runs ({})", engines.join(", "));
            Err(Blocked::new(Barrier::Unreachable, why))
        }
        None => {
            let why = if said.is_empty() { String::new() } else { format!(" ({})", said.join("; ")) };
            Err(Blocked::new(Barrier::Unreachable, format!("no running container `{name}` was found{why}")))
        }
    }
}

/// What an engine's tool says. Where it does not know, why; nothing where there is no such tool.
async fn ask(words: &[&str]) -> Result<String, Option<String>> {
    let of_operator = |name: &&'static str| Some((*name, std::env::var(name).ok()?));
    let environment: Vec<(&str, String)> = OF_OPERATOR.iter().filter_map(of_operator).collect();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let secrets = Secrets::default();
    let context = Context {
        wanted: &FactSelection::All,
        secrets: &secrets,
        began: Instant::now(),
        run_began: jiff::Timestamp::UNIX_EPOCH,
        timeout: PATIENCE,
    };
    match program::ask(words, &environment, &context).await {
        Ok((0, answer, _)) => Ok(answer),
        Ok((_, _, complaint)) => Err(complaint.lines().last().map(str::to_owned)),
        Err(blocked) if blocked.barrier == Barrier::ToolMissing => Err(None),
        Err(blocked) => Err(Some(blocked.why().into_owned())),
    }
}

/// The first process of a container of systemd-nspawn that nobody else may know of (`--register=no`), by its command line.
fn nspawn(name: &str) -> Option<u32> {
    let processes: Vec<procfs::process::Process> =
        procfs::process::all_processes().ok()?.filter_map(Result::ok).collect();
    let wanted = format!("--machine={name}");
    let is_it = |process: &&procfs::process::Process| {
        // Anybody may call a program of theirs so.
        if !process.status().is_ok_and(|status| status.ruid == 0 && status.euid == 0) {
            return false;
        }
        let Ok(words) = process.cmdline() else { return false };
        let nspawn = words.iter().any(|word| word.rsplit('/').next() == Some("systemd-nspawn"));
        let named = words.contains(&wanted)
            || words.windows(2).any(|pair| matches!(pair[0].as_str(), "-M" | "--machine") && pair[1] == name);
        nspawn && named
    };
    let namespace = |pid: i32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    // Itself, and not a shell that was told to start it.
    processes.iter().filter(is_it).find_map(|nspawn| {
        let inside = processes.iter().find(|process| {
            process.stat().is_ok_and(|stat| stat.ppid == nspawn.pid)
                && namespace(process.pid) != namespace(nspawn.pid)
        })?;
        u32::try_from(inside.pid).ok()
    })
}
