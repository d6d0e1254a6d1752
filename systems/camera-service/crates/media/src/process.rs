//! Child processes: started with arguments and never through a shell, in a process group of their own, gone when the
//! service is gone, with the last things they said. Knows nothing of video.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;

use crate::EngineError;
use crate::source::Redactor;

/// Lines of a child's messages that are kept.
const LINES: usize = 50;
/// Bytes of one line that are kept.
const LINE: usize = 4096;

/// Starts children. They get SIGKILL from the kernel when the thread that started them ends, so one thread starts
/// them all and lives as long as this.
pub(crate) struct Children {
    orders: mpsc::Sender<Order>,
    guarded: bool,
}

struct Order {
    command: Command,
    answer: oneshot::Sender<std::io::Result<Child>>,
}

/// What is wanted of a child's input and output.
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<String>,
    pub(crate) input: bool,
    pub(crate) output: bool,
    pub(crate) redactor: Redactor,
}

impl<'a> Start<'a> {
    /// Without input, with output.
    pub(crate) fn of(program: &'a Path, arguments: Vec<String>) -> Self {
        Self { program, arguments, input: false, output: true, redactor: Redactor::default() }
    }
}

/// Arguments that hold no spaces.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A running child and its messages. Dropped, it is killed, and reaped by the runtime.
pub(crate) struct Running {
    pub(crate) child: Child,
    name: String,
    words: Words,
    listener: JoinHandle<()>,
}

impl Children {
    pub(crate) async fn new() -> Result<Self, EngineError> {
        let (orders, received) = mpsc::channel::<Order>();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("children".to_owned())
            .spawn(move || {
                let _entered = runtime.enter();
                for Order { mut command, answer } in received {
                    // Nobody waits any more: the child is dropped, which kills it.
                    let _ = answer.send(command.spawn());
                }
            })
            .map_err(|source| EngineError::Disk { what: "cannot start a thread".to_owned(), source })?;
        let mut children = Self { orders, guarded: true };
        let trial = Start::of(Path::new("true"), Vec::new());
        if let Err(error) = children.output(trial, &[], 1, Duration::from_secs(5)).await {
            tracing::warn!(%error, "without setpriv (util-linux), children notice a killed service only by closed pipes");
            children.guarded = false;
        }
        Ok(children)
    }

    pub(crate) async fn start(&self, start: Start<'_>) -> Result<Running, EngineError> {
        let Start { program, arguments, input, output, redactor } = start;
        let name =
            program.file_name().map_or_else(|| program.display().to_string(), |n| n.to_string_lossy().into());
        let mut command = if self.guarded {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let pipe = |wanted| if wanted { Stdio::piped() } else { Stdio::null() };
        command
            .args(arguments)
            // It would lead past the proxy that checks where a source leads.
            .env_remove("no_proxy")
            .stdin(pipe(input))
            .stdout(pipe(output))
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let failed =
            |why: String| EngineError::Dependency(format!("cannot start {}: {why}", program.display()));
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order { command, answer }).map_err(|_| failed("the engine has ended".to_owned()))?;
        let spawned = answered.await.map_err(|_| failed("the engine has ended".to_owned()))?;
        let mut child = spawned.map_err(|error| failed(error.to_string()))?;
        let words = Words::default();
        let stderr = child.stderr.take();
        let listener = tokio::spawn(listen(stderr, words.clone(), redactor));
        Ok(Running { child, name, words, listener })
    }

    /// Runs a child to its end and returns its output; `most` bytes of it at most.
    pub(crate) async fn output(
        &self,
        start: Start<'_>,
        input: &[&[u8]],
        most: u64,
        within: Duration,
    ) -> Result<Vec<u8>, EngineError> {
        use tokio::io::AsyncWriteExt;
        let mut running = self.start(start).await?;
        let (stdin, stdout) = (running.child.stdin.take(), running.child.stdout.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                for part in input {
                    // A child may have read enough before everything is written; its exit code says whether it did.
                    if stdin.write_all(part).await.is_err() {
                        break;
                    }
                }
            }
        };
        let read = async {
            let mut bytes = Vec::new();
            if let Some(stdout) = stdout {
                stdout.take(most).read_to_end(&mut bytes).await?;
            }
            std::io::Result::Ok(bytes)
        };
        let work = async {
            let ((), bytes) = tokio::join!(write, read);
            std::io::Result::Ok((running.child.wait().await?, bytes?))
        };
        let ended = tokio::time::timeout(within, work).await;
        let (status, bytes) = running.in_time(ended, within).await?;
        if status.success() { Ok(bytes) } else { Err(running.failed(&status.to_string()).await) }
    }

    /// Runs a child to its end, which is a good one only if no line of what it said is a complaint: Debian 12's ffmpeg ends with 0 where
    /// the disk was full at its last write. Its libraries say things too: libgcrypt does where a sandbox lets it lock no memory.
    pub(crate) async fn without_complaint(
        &self,
        start: Start<'_>,
        within: Duration,
        is_complaint: fn(&str) -> bool,
    ) -> Result<(), EngineError> {
        let mut running = self.start(start).await?;
        let ended = tokio::time::timeout(within, running.child.wait()).await;
        let status = running.in_time(ended, within).await?;
        let well = status.success() && !running.said(is_complaint).await;
        if well { Ok(()) } else { Err(running.failed(&status.to_string()).await) }
    }
}

impl Running {
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it: SIGTERM, and SIGKILL if it has not ended within `patience`. It has been reaped when this returns.
    pub(crate) async fn end(&mut self, patience: Duration) {
        let pid =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended in between.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            self.kill().await;
        }
    }

    pub(crate) async fn kill(&mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(child = self.name, %error, "a child could not be killed");
        }
    }

    /// What its work came to, if it was done `within` that time; else it is killed.
    async fn in_time<T>(
        &mut self,
        done: Result<std::io::Result<T>, Elapsed>,
        within: Duration,
    ) -> Result<T, EngineError> {
        match done {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.failed(&error.to_string()).await),
            Err(_) => {
                self.kill().await;
                Err(self.failed(&format!("not done after {} s", within.as_secs_f32())).await)
            }
        }
    }

    /// The child's end as an error, with the last things it said.
    pub(crate) async fn failed(&mut self, how: &str) -> EngineError {
        let words = self.last_words().await;
        let name = &self.name;
        EngineError::Dependency(match words {
            Some(words) => format!("{name}: {how}: {words}"),
            None => format!("{name}: {how}; it said nothing"),
        })
    }

    /// The last things it said, in one line; the end of its messages is awaited, but not for long.
    pub(crate) async fn last_words(&mut self) -> Option<String> {
        self.heard_out().await;
        self.words.last(3)
    }

    /// Whether it said such a line; awaited as the last words are.
    async fn said(&mut self, is_such: fn(&str) -> bool) -> bool {
        self.heard_out().await;
        self.words.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|line| is_such(line))
    }

    async fn heard_out(&mut self) {
        // A grandchild could keep the pipe open.
        if !self.listener.is_finished() {
            let _ = tokio::time::timeout(Duration::from_millis(200), &mut self.listener).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A child that finishes its file by itself may go on talking; nobody listens.
        self.listener.abort();
    }
}

#[derive(Clone, Default)]
struct Words(Arc<Mutex<VecDeque<String>>>);

impl Words {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn last(&self, count: usize) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = lines.len().saturating_sub(count);
        let last: Vec<&str> = lines.iter().skip(first).map(String::as_str).collect();
        (!last.is_empty()).then(|| last.join("; "))
    }
}

async fn listen(stderr: Option<ChildStderr>, words: Words, redactor: Redactor) {
    let Some(stderr) = stderr else { return };
    let mut reader = BufReader::with_capacity(1024, stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without end is cut, not kept whole.
        match (&mut reader).take(LINE as u64).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = redactor.redact(String::from_utf8_lossy(&line).trim());
                if !text.is_empty() {
                    words.push(text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Start<'static> {
        Start::of(Path::new("/bin/sh"), vec!["-c".to_owned(), script.to_owned()])
    }

    #[tokio::test]
    async fn a_child_that_fails_is_quoted_with_its_last_words() {
        let children = Children::new().await.unwrap();
        let error =
            children.output(shell("echo one >&2; echo two >&2; exit 3"), &[], 10, LIMIT).await.unwrap_err();
        assert_eq!(error.to_string(), "sh: exit status: 3: one; two");
        let missing = Start::of(Path::new("/no/such/ffmpeg"), Vec::new());
        let error = children.output(missing, &[], 10, LIMIT).await.unwrap_err().to_string();
        assert!(error.contains("/no/such/ffmpeg") && error.contains("No such file"), "{error}");
    }

    #[tokio::test]
    async fn a_child_gets_its_input_and_gives_at_most_what_is_wanted_of_its_output() {
        let children = Children::new().await.unwrap();
        let start = Start { input: true, ..shell("cat") };
        assert_eq!(children.output(start, &[b"on", b"e"], 10, LIMIT).await.unwrap(), b"one");
        let endless = children.output(shell("yes"), &[], 10, LIMIT).await;
        assert!(endless.is_err(), "it did not end in order, as its output was cut");
        let error =
            children.output(shell("exec sleep 60"), &[], 10, Duration::from_millis(100)).await.unwrap_err();
        assert_eq!(error.to_string(), "sh: not done after 0.1 s; it said nothing");
    }

    #[tokio::test]
    async fn a_child_that_ends_well_and_complains_has_failed() {
        let children = Children::new().await.unwrap();
        let is_complaint = |line: &str| line.contains("[error]");
        for script in ["exit 0", "echo a library warns >&2"] {
            children.without_complaint(shell(script), LIMIT, is_complaint).await.unwrap();
        }
        for (script, said) in [
            ("echo '[error] disk full' >&2", "sh: exit status: 0: [error] disk full"),
            ("exit 3", "sh: exit status: 3; it said nothing"),
        ] {
            let error = children.without_complaint(shell(script), LIMIT, is_complaint).await.unwrap_err();
            assert_eq!(error.to_string(), said);
        }
    }

    #[tokio::test]
    async fn a_child_that_does_not_listen_is_killed_and_its_endless_words_are_not_kept() {
        let children = Children::new().await.unwrap();
        let script = "trap '' TERM; i=0; while [ $i -lt 200 ]; do echo word $i >&2; i=$((i+1)); done; \
            head -c 100000 /dev/zero | tr '\\0' x >&2; echo up; while :; do sleep 1; done";
        let mut running = children.start(shell(script)).await.unwrap();
        let mut line = String::new();
        BufReader::new(running.child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        running.end(Duration::from_millis(50)).await;
        assert_eq!(running.id(), None, "it has been reaped");
        let words = running.last_words().await.unwrap();
        assert!(words.len() <= 3 * (LINE + 2), "{}", words.len());
        assert!(running.words.0.lock().unwrap().len() <= LINES);
    }

    /// What holds where there is no setpriv.
    #[tokio::test]
    async fn ffmpeg_ends_by_itself_when_nobody_reads_its_output() {
        let mut children = Children::new().await.unwrap();
        children.guarded = false;
        let arguments = "-nostdin -v error -re -f lavfi -i testsrc2=size=64x36:rate=10 -c:v libx264 -g 5 -f mp4 \
            -movflags frag_keyframe+empty_moov -flush_packets 1 pipe:1";
        let Ok(mut running) = children.start(Start::of(Path::new("ffmpeg"), words(arguments))).await else {
            assert!(std::env::var_os("CI").is_none(), "CI needs ffmpeg");
            eprintln!("SKIPPED: there is no ffmpeg here (apt install ffmpeg)");
            return;
        };
        let mut stdout = running.child.stdout.take().unwrap();
        stdout.read_u8().await.unwrap();
        drop(stdout);
        tokio::time::timeout(LIMIT, running.child.wait()).await.expect("it went on").unwrap();
    }
}
