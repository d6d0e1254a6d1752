//! What the tests of the kinds share: Debian's servers from `target/debian/`, ended with the test; listeners that
//! hang, talk nonsense or do not answer at all; one look with every fact.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use probity_plan::{Act, Barrier, Value};
use probity_probe::{Context, FactSelection, Secrets, Seen};
use rustix::process::{Pid, Signal, kill_process_group};

/// Longer than any server here takes to start on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where `scripts/debian-tools` unpacks.
pub fn debian() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debian").canonicalize().unwrap_or_default()
}

/// A file or folder of Debian's that `scripts/debian-tools` unpacked, or the machine's own: what is installed is not unpacked.
pub fn shared(path: &str) -> PathBuf {
    let unpacked = debian().join(path);
    if unpacked.exists() { unpacked } else { Path::new("/").join(path) }
}

/// The program of Debian's that `scripts/debian-tools` unpacked, or the machine's own of that name.
///
/// `None` where the tools were not unpacked: the test then returns. In CI that is a failure.
pub fn tool(name: &str) -> Option<Command> {
    let root = debian();
    if !root.join(".packages").exists() {
        assert!(std::env::var_os("CI").is_none(), "run scripts/debian-tools before the tests");
        eprintln!("SKIPPED: run scripts/debian-tools");
        return None;
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = ["usr/lib/postgresql/15/bin", "usr/sbin", "usr/bin", "usr/lib/chromium", "usr/lib/openssh"]
        .map(|folder| root.join(folder).display().to_string())
        .join(":");
    let path = format!("{folders}:{path}:/usr/sbin:/sbin");
    let program = path.split(':').map(|folder| Path::new(folder).join(name)).find(|file| file.is_file());
    let program = program.unwrap_or_else(|| panic!("no `{name}`: is it in scripts/debian-tools?"));
    let mut command = Command::new(program);
    command.env("PATH", path).env("LD_LIBRARY_PATH", libraries(&root)).stdin(Stdio::null());
    let debootstrap = root.join("usr/share/debootstrap");
    if debootstrap.exists() {
        command.env("DEBOOTSTRAP_DIR", debootstrap);
    }
    Some(command)
}

fn libraries(root: &Path) -> String {
    let architecture = format!("{}-linux-gnu", std::env::consts::ARCH);
    ["", "/systemd", "/pulseaudio"]
        .map(|part| root.join(format!("usr/lib/{architecture}{part}")).display().to_string())
        .join(":")
}

/// Whether the tests run as root.
pub fn root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A running server: ended with its children when dropped, also when the test panics.
pub struct Running {
    child: Child,
    farewell: Signal,
}

/// Starts a server in a process group of its own.
pub fn start(command: &mut Command) -> Running {
    let child = command.process_group(0).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    Running { child, farewell: Signal::KILL }
}

impl Running {
    /// Is ended with this signal first, where killing alone would leave something behind.
    pub fn farewell(mut self, signal: Signal) -> Self {
        self.farewell = signal;
        self
    }
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
    /// Whether it still runs.
    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(group) = Pid::from_raw(self.child.id().cast_signed()) else { return };
        _ = kill_process_group(group, self.farewell);
        let until = Instant::now() + Duration::from_secs(10);
        while self.farewell != Signal::KILL && self.alive() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        _ = kill_process_group(group, Signal::KILL);
        _ = self.child.wait();
    }
}

/// A port on 127.0.0.1 that nothing listens on: none of those that the kernel gives to whoever asks for any, so that no
/// other test takes it before its server does, and none that was given out before.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(101);
    loop {
        let number = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let port = 10_000 + u16::try_from(number).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A folder that goes with the test; everybody may enter it, for servers that leave root behind.
pub fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Makes a program that can be executed at once. Not written by this process: what another thread starts just then would
/// hold the open file for a moment, and the kernel executes nothing that is open for writing ("Text file busy").
pub fn install(program: &Path, to: &Path) {
    run(Command::new("install").args(["-m", "755"]).arg(program).arg(to));
}

/// A shell script, made like [`install`] does.
pub fn install_script(script: &str, to: &Path) {
    let source = to.with_extension("sh");
    std::fs::write(&source, format!("#!/bin/sh\n{script}\n")).unwrap();
    install(&source, to);
    std::fs::remove_file(source).unwrap();
}

/// Waits until the condition holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until somebody listens there.
pub fn until_listens(port: u16) {
    until(&format!("port {port} listens"), || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// Runs a command to its end and insists that it succeeds; its standard output.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Somebody who accepts, reads whatever is sent, and never says a word. `gone` counts the connections that the
/// other side has ended.
pub struct Silent {
    /// Where.
    pub address: SocketAddr,
    gone: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Silent {
    /// Waits until a connection has been ended by the other side.
    pub async fn until_gone(&self) {
        let began = Instant::now();
        while self.gone.load(Ordering::SeqCst) == 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "the look does not end its connection");
            // Awaits, so that what the look left behind in the runtime can come to its end.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Starts one.
pub fn silent() -> Silent {
    stops_after(b"")
}

/// Somebody who answers the first message with these bytes, and then never says another word.
pub fn stops_after(answer: &'static [u8]) -> Silent {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = gone.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, counter) = (stream.unwrap(), counter.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                if stream.read(&mut buffer).is_ok_and(|n| n > 0) && stream.write_all(answer).is_ok() {
                    while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
                }
                counter.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    Silent { address, gone }
}

/// Somebody who answers the first bytes of every connection with these and hangs up.
pub fn says(answer: impl Into<Vec<u8>>) -> SocketAddr {
    says_in_turn(vec![answer.into()])
}

/// Somebody who answers each message of a connection with the next of these, and then hangs up.
pub fn says_in_turn(answers: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answers) = (stream.unwrap(), answers.clone());
            std::thread::spawn(move || {
                for answer in answers {
                    let mut buffer = [0; 65536];
                    if !stream.read(&mut buffer).is_ok_and(|n| n > 0) || stream.write_all(&answer).is_err() {
                        return;
                    }
                }
                // Let the other side read before the connection is reset for what it still sends.
                _ = stream.shutdown(std::net::Shutdown::Write);
                let mut rest = [0; 4096];
                while stream.read(&mut rest).is_ok_and(|n| n > 0) {}
            });
        }
    });
    address
}

/// A port that lets nobody in and refuses nobody, as behind a firewall that drops: its queue is full.
pub struct BlackHole {
    /// Where.
    pub address: SocketAddr,
    _held: (tokio::net::TcpListener, Vec<TcpStream>),
}

/// Makes one. Inside a tokio runtime.
pub fn black_hole() -> BlackHole {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        held.push(stream);
        assert!(held.len() < 100, "the queue does not fill");
    }
    BlackHole { address, _held: (listener, held) }
}

/// One look with every fact, these secrets, and this long.
pub async fn look_with(act: Act, secrets: &[(&str, &str)], timeout: Duration) -> Seen {
    let secrets: BTreeMap<_, _> = secrets.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let secrets = Secrets::new(secrets).unwrap();
    let (wanted, began, run_began) = (&FactSelection::All, Instant::now(), jiff::Timestamp::now());
    let context = Context { wanted, secrets: &secrets, began, run_began, timeout };
    let seen = probity_probe::kinds::look(&act, &context).await;
    let took = context.began.elapsed();
    assert!(took < timeout + PATIENCE, "a look of {timeout:?} took {took:?}");
    assert_recordable(&act, &seen);
    seen
}

/// Every fact has a value that its declaration admits: the evidence log takes no other.
fn assert_recordable(act: &Act, seen: &Seen) {
    for (name, value) in &seen.facts {
        let spec = act.spec().facts.iter().find(|spec| spec.name == name);
        let spec = spec.unwrap_or_else(|| panic!("no fact `{name}` is declared"));
        assert!(spec.ty.fits(value), "the fact `{name}` is declared to be {}: {value:?}", spec.ty.name());
    }
}

/// One look with every fact, at most ten seconds.
pub async fn look(act: Act) -> Seen {
    look_with(act, &[], Duration::from_secs(10)).await
}

/// One look that is to run into its time-out of 300 ms: says so, and that it lasted at least that long.
pub async fn look_at_hanging(act: Act) -> Seen {
    let seen = look_with(act, &[], Duration::from_millis(300)).await;
    assert_eq!(seen.unknown["*"].barrier, Barrier::TimedOut, "{seen:?}");
    let (at_least, at_most) = seen.facts["elapsed_ms"].ends().unwrap();
    assert!(at_least >= 300.0 && at_most.is_infinite(), "{seen:?}");
    seen
}

/// The fact's text.
pub fn text<'a>(seen: &'a Seen, fact: &str) -> &'a str {
    known(seen, fact).as_text().unwrap_or_else(|| panic!("{fact}: {seen:?}"))
}

/// The moment that the fact is, be it as it was seen or as it is written.
pub fn moment(seen: &Seen, fact: &str) -> jiff::Timestamp {
    match known(seen, fact) {
        Value::Moment(moment) => moment.timestamp(),
        written => {
            written.as_text().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{fact}: {seen:?}"))
        }
    }
}

/// The fact, which must be known.
pub fn known<'a>(seen: &'a Seen, fact: &str) -> &'a Value {
    seen.facts.get(fact).unwrap_or_else(|| panic!("{fact} is unknown: {seen:?}"))
}

/// The barrier before the fact, which must be unknown.
pub fn barrier(seen: &Seen, fact: &str) -> Barrier {
    assert!(!seen.facts.contains_key(fact), "{fact} is known: {seen:?}");
    seen.unknown
        .get(fact)
        .or_else(|| seen.unknown.get("*"))
        .unwrap_or_else(|| panic!("{fact}: {seen:?}"))
        .barrier
}

/// Text meant to harm whoever shows it: terminal control, direction overrides, markup, an escape from CSV and HTML.
pub const HOSTILE: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}nimda\u{2066}</td><script>alert(1)</script>`|=cmd()";

/// How far an answer came: `connected`, `head_received`, `body_received`, `answered`.
pub fn far(seen: &Seen) -> [Option<bool>; 4] {
    ["connected", "head_received", "body_received", "answered"].map(|fact| match seen.facts.get(fact) {
        Some(Value::Bool(bool)) => Some(*bool),
        _ => None,
    })
}
