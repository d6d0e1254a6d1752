//! The way to another machine: over the operator's own OpenSSH, with its configuration, agent, jump hosts and known hosts, in one
//! connection that all that follows shares. The same program is used there if its digest is ours; else it is copied, which
//! writes, and unlinks itself as it starts.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use probity_plan::{Barrier, Blocked, Cause, Impact, Passage, Ssh};

use super::Copies;
use crate::look::barrier_of;
use crate::program::{self, Program};

/// How long each step may take: to be let in, to ask.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what ssh(1) logs.
const PAUSE: Duration = Duration::from_millis(2);
/// Goes on for as long as we hold the other end of its input.
const UNTIL_WE_END: &str = "cat > /dev/null";
/// How many lines of what else it prints are kept.
const MAX_PRINTED: usize = 20;
/// What of the operator's environment ssh(1) is given.
const OF_OPERATOR: [&str; 5] = ["HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"];

/// A copy of the program there.
pub struct AgentCopy {
    /// What it is called, and nothing else.
    pub name: String,
    path: String,
}

impl AgentCopy {
    fn new() -> std::io::Result<Self> {
        let name = format!("probity-agent-{}", random_name()?);
        Ok(Self { path: format!("/tmp/{name}"), name })
    }

    /// A line for the shell there that removes it.
    fn removal(&self) -> String {
        format!("rm -f -- {}", self.path)
    }
}

/// A connection that is open, for as long as this is there; and this program: ssh(1) and what removes the folder read to the end of
/// pipes that we hold, however we end.
pub struct Master {
    child: Child,
    folder: Folder,
    destination: String,
    /// The host's key, as ssh(1) says that it was shown.
    host_key: String,
}

impl Master {
    /// Connects, and holds the host's key against the one that the plan names.
    ///
    /// # Errors
    /// A barrier: the way is closed, or leads to somebody else.
    pub fn open(ssh: &Ssh) -> Result<Self, Blocked> {
        let folder = Folder::make().map_err(|error| barrier_of("make a folder for ssh", &error))?;
        let mut command = client(&folder.path)?;
        command.args(["-M", "-T", "-v", "-o", "ControlPersist=no", "-o", "ExitOnForwardFailure=yes"]);
        // What the far side has ssh(1) print, a banner, goes to its standard error instead, and is taken for none of its own words.
        command.arg("-E").arg(folder.path.join("log"));
        command.args([
            "-o",
            "ServerAliveInterval=5",
            "-o",
            "ServerAliveCountMax=3",
            "-o",
            "ConnectTimeout=20",
        ]);
        command.args(["--", &ssh.destination, UNTIL_WE_END]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| barrier_of("start ssh", &error))?;
        let printed = kept(child.stderr.take());
        let mut master =
            Self { child, folder, destination: ssh.destination.clone(), host_key: String::new() };
        master.wait_until_in(&printed)?;
        if let Some(pinned) = ssh.host_key.as_ref().filter(|pinned| **pinned != master.host_key) {
            let why = format!("the host's key is {}, not {pinned} as the plan says", master.host_key);
            return Err(Blocked::new(Barrier::PermissionDenied, why));
        }
        Ok(master)
    }

    /// Reads what ssh(1) logs (`-v`) until it is let in.
    fn wait_until_in(&mut self, printed: &Mutex<Vec<String>>) -> Result<(), Blocked> {
        let (log, began) = (self.folder.path.join("log"), Instant::now());
        loop {
            // Before the log is read for the last time.
            let ended = !matches!(self.child.try_wait(), Ok(None));
            let log = std::fs::read(&log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            // The last line may be half there.
            let whole = if ended { &log } else { log.rsplit_once('\n').map_or("", |(whole, _)| whole) };
            if let Some(key) = whole.lines().find_map(|line| line.strip_prefix("debug1: Server host key: ")) {
                self.host_key = key.split_whitespace().last().unwrap_or_default().to_owned();
            }
            let is_in = whole.lines().any(|line| line.starts_with("debug1: Entering interactive session"));
            if is_in && self.folder.path.join("control").exists() {
                return Ok(());
            }
            if ended {
                let own = whole.lines().map(str::trim_end).filter(|line| is_complaint(line));
                let mut complaints: Vec<String> = own.map(str::to_owned).collect();
                complaints.extend(printed.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
                return Err(refused(&complaints));
            }
            if began.elapsed() > PATIENCE {
                let why = format!("ssh was not let in within {} s", PATIENCE.as_secs());
                return Err(Blocked::new(Barrier::TimedOut, why));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Starts something there over this connection: a line for the shell of the user there.
    fn session(&self, line: &str) -> Result<Command, Blocked> {
        let mut command = client(&self.folder.path)?;
        command.args(["-T", "-o", "ControlMaster=no", "--", &self.destination, line]);
        Ok(command)
    }

    /// What a line says there.
    async fn ask(&self, line: &str) -> Result<String, Blocked> {
        let command = self.session(line)?;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let env = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())))
            .collect();
        let program = Program { arguments: &words, stdin: None, env: &env, folder: None };
        let ended = program::run(&program, tokio::time::Instant::now() + PATIENCE).await;
        let ended = ended.map_err(|error| barrier_of("start ssh", &error))?;
        let complaint = String::from_utf8_lossy(&ended.stderr.bytes).trim().to_owned();
        match ended.status {
            None => {
                Err(Blocked::new(Barrier::TimedOut, format!("ssh: nothing within {} s", PATIENCE.as_secs())))
            }
            Some(status) if status.success() => {
                Ok(String::from_utf8_lossy(&ended.stdout.bytes).trim().to_owned())
            }
            Some(_) => Err(Blocked::new(Barrier::Unreachable, format!("ssh: {complaint}"))),
        }
    }

    /// What starts the program there, what is sent to it first, and what was met.
    ///
    /// # Errors
    /// A barrier: it is not there and may not be copied, or cannot be.
    pub async fn way(
        &self,
        ssh: &Ssh,
        allow: Impact,
        copies: &dyn Copies,
    ) -> Result<(Command, Vec<u8>, Passage, Option<AgentCopy>), Blocked> {
        let own = super::agent::own_digest()
            .ok_or_else(|| Blocked::new(Barrier::Unreachable, "our own program cannot be read"))?;
        let there = self.ask("p=$(command -v probity) && sha256sum -- \"$p\" || :").await?;
        let mut passage = Passage { host_key: Some(self.host_key.clone()), ..Passage::default() };
        let sudo = if ssh.sudo { "sudo -n -- " } else { "" };
        if let Some((_, path)) = there.split_once("  ").filter(|(digest, _)| *digest == own) {
            let start = format!("exec {sudo}{} agent", quoted(path));
            return Ok((self.session(&start)?, Vec::new(), passage, None));
        }
        if allow < Impact::Write {
            return Err(Blocked::by(Cause::NotAllowed { impact: Impact::Write, allowed: allow }));
        }
        let program =
            std::fs::read("/proc/self/exe").map_err(|error| barrier_of("open /proc/self/exe", &error))?;
        let copy = AgentCopy::new().map_err(|error| barrier_of("choose a name", &error))?;
        let removal = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "--", &ssh.destination];
        let removal = removal.into_iter().map(str::to_owned).chain([copy.removal()]).collect();
        let written = copies.write_down(&copy.name, removal);
        written.map_err(|error| barrier_of("write down that the program is copied", &error))?;
        let script = copy_and_start(&copy.path, program.len(), sudo);
        passage.copied_to = Some(copy.path.clone());
        Ok((self.session(&format!("exec sh -c {}", quoted(&script)))?, program, passage, Some(copy)))
    }

    /// Whether a copy is removed, by the word of the shell there.
    pub async fn remove(&self, copy: &AgentCopy) -> bool {
        self.ask(&copy.removal()).await.is_ok()
    }
}

/// Copies what comes first into a file that nobody made before, and starts that. However the connection is cut, nothing of it
/// stays: what came in part is removed, as is what did not start and so did not remove itself.
fn copy_and_start(path: &str, bytes: usize, sudo: &str) -> String {
    format!(
        "umask 077; set -C; trap '' PIPE; p={path}; : > $p || exit 1; trap 'rm -f $p' EXIT; \
         head -c {bytes} >> $p && [ $(wc -c < $p) -eq {bytes} ] && chmod 700 $p && {sudo}$p agent --unlink $p"
    )
}

impl Drop for Master {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A folder that nobody else enters, short enough for the name of a socket. Removed when this is let go, or this program ends.
struct Folder {
    path: PathBuf,
    /// A shell that removes it at the end of its input.
    remover: Child,
}

impl Folder {
    fn make() -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let path = PathBuf::from(format!("/tmp/probity-ssh-{}", random_name()?));
        let mut remover = Command::new("/bin/sh");
        remover.args(["-c", &format!("{UNTIL_WE_END}; rm -rf -- \"$0\"")]).arg(&path).env_clear();
        remover.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        // Before the remover: what somebody else made under this name is theirs.
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        match remover.spawn() {
            Ok(remover) => Ok(Self { path, remover }),
            Err(error) => std::fs::remove_dir(&path).and(Err(error)),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.remover.stdin.take());
        _ = self.remover.wait();
    }
}

/// ssh(1) as the operator has it, without questions, over a connection of its own.
fn client(folder: &Path) -> Result<Command, Blocked> {
    let ssh = program::find("ssh")
        .ok_or_else(|| Blocked::new(Barrier::ToolMissing, "there is no program `ssh`"))?;
    let mut command = Command::new(ssh);
    let of_operator = OF_OPERATOR.iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
    command.env_clear().env("LC_ALL", "C.UTF-8").envs(of_operator);
    command.env("PATH", std::env::var("PATH").unwrap_or_default());
    let control = format!("ControlPath={}", folder.join("control").display());
    command.args(["-o", "BatchMode=yes", "-o", &control]).process_group(0);
    Ok(command)
}

/// Why ssh(1) ended before it was let in.
fn refused(complaints: &[String]) -> Blocked {
    let complaint = complaints.join("; ");
    let says = |words: &str| complaint.contains(words);
    let barrier = if says("Connection refused") {
        Barrier::ConnectionRefused
    } else if says("timed out") {
        Barrier::TimedOut
    } else if says("Permission denied") || says("Host key verification failed") {
        Barrier::PermissionDenied
    } else {
        Barrier::Unreachable
    };
    Blocked::new(barrier, format!("ssh: {complaint}"))
}

/// Whether ssh(1) says this line also where it is not asked how it goes on (`-v`).
fn is_complaint(line: &str) -> bool {
    !line.starts_with("debug") && !line.starts_with("OpenSSH_")
}

/// What is printed on a pipe, read on a thread of its own to its end; only the first of it is kept. A jump host's ssh(1) complains
/// there.
fn kept(pipe: Option<impl Read + Send + 'static>) -> Arc<Mutex<Vec<String>>> {
    let kept = Arc::<Mutex<Vec<String>>>::default();
    if let Some(pipe) = pipe {
        let kept = Arc::clone(&kept);
        std::thread::spawn(move || {
            // Goes on reading where nobody asks: a full pipe would stop ssh.
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() < MAX_PRINTED && is_complaint(&line) {
                    kept.push(line);
                }
            }
        });
    }
    kept
}

/// A name that nobody guesses.
fn random_name() -> std::io::Result<String> {
    let mut random = [0; 8];
    getrandom::getrandom(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
