//! Starts the real service on free ports, in a folder of its own, and speaks raw JSON text with it. Always ended with the test.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod debian;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use camera_access::{Role, Secret, Tokens};
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Signs the tokens of tests.
pub const SECRET: &str = "a secret that only these tests know, 0123456789";

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A port that nothing listens on, for a service that has to be told one: none of those that the kernel gives to whoever
/// asks for any, and none that was given out before.
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

/// A service to be started: its folder, and what its configuration says beyond the usual.
pub struct Installation {
    /// Goes away with the test.
    pub folder: tempfile::TempDir,
}

impl Installation {
    /// A folder whose configuration has free ports, limits out of the way, and these further lines.
    pub fn new(more: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("camera-service-test").tempdir().unwrap();
        let at = folder.path();
        for name in ["config", "security", "state", "recordings", "snapshots"] {
            std::fs::DirBuilder::new().mode(0o700).create(at.join(name)).unwrap();
        }
        let installation = Installation { folder };
        installation.write_private(".env", &format!("CAMERA_SERVICE_JWT_SECRET='{SECRET}'\n"));
        let here = installation.path().display();
        let mut text = String::new();
        let usual = [
            ("audit_log:", format!("audit_log: {here}/audit.jsonl\n")),
            ("security:", format!("security: {{ api_keys: {here}/security/api-keys.json }}\n")),
            ("server:", "server: { listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\" }\n".to_owned()),
            // How full the disk of this machine is, is no concern of the tests.
            (
                "storage:",
                format!(
                    "storage: {{ recordings: {here}/recordings, snapshots: {here}/snapshots, warn: \"98 %\", block: \"99 %\" }}\n"
                ),
            ),
            (
                "limits:",
                "limits: { requests_per_minute: 1000000, burst: 100000, authentications_per_minute: 1000000, \
                 authentication_burst: 100000, connections_per_address: 5000 }\n"
                    .to_owned(),
            ),
        ];
        for (key, line) in usual {
            if !more.lines().any(|line| line.starts_with(key)) {
                text.push_str(&line);
            }
        }
        text.push_str(&more.replace("HERE", &here.to_string()));
        std::fs::write(installation.path().join("config/camera-service.yaml"), text).unwrap();
        installation
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file that only its owner can read.
    pub fn write_private(&self, name: &str, text: &str) {
        use std::io::Write;
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(self.path().join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// The program, with this folder: the one just built, or another one that `CAMERA_SERVICE` names.
    pub fn command(&self) -> Command {
        let built = env!("CARGO_BIN_EXE_camera-service").into();
        let mut command = Command::new(std::env::var_os("CAMERA_SERVICE").unwrap_or(built));
        command.arg("--home").arg(self.path());
        command.env_remove("CAMERA_SERVICE_JWT_SECRET");
        command
    }

    /// Starts the service and waits until it says that it is ready.
    pub fn start(&self) -> Running {
        self.start_with(&[])
    }

    /// The same with these in its environment.
    pub fn start_with(&self, environment: &[(&str, &OsStr)]) -> Running {
        let mut command = self.command();
        command.arg("run").envs(environment.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |what: &str| -> SocketAddr {
            let line =
                lines.next().unwrap_or_else(|| panic!("the service ended before it was ready")).unwrap();
            line.strip_prefix(what).unwrap_or_else(|| panic!("{line:?} is not {what}")).parse().unwrap()
        };
        let (clients, health) = (address("clients "), address("health "));
        Running { child, clients, health, folder: self.path().to_owned() }
    }
}

/// A service that runs.
pub struct Running {
    /// The process.
    pub child: Child,
    /// WebSocket, files, console.
    pub clients: SocketAddr,
    /// Health and metrics.
    pub health: SocketAddr,
    /// Its folder.
    pub folder: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Sends a signal and waits for the end.
    pub fn stop(mut self, signal: &str) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the service did not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A connection that nobody has authenticated.
    pub async fn connect(&self) -> Client {
        Client::connect(&format!("ws://{}/ws", self.clients)).await
    }

    /// A connection of that role.
    pub async fn client(&self, role: Role) -> Client {
        let mut client = self.connect().await;
        let answer = client.call("authenticate", serde_json::json!({ "auth_token": token(role) })).await;
        assert_eq!(answer["result"]["authenticated"], true, "{answer}");
        client
    }

    /// Waits until a camera delivers pictures.
    pub async fn camera_delivers(&self, client: &mut Client, device: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = client.call("get_camera_status", serde_json::json!({ "device": device })).await;
            if answer["result"]["status"] == "connected" {
                return;
            }
            assert!(Instant::now() < until, "no pictures: {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Running {
    /// Resident memory of the service in bytes: now, and the most there ever was.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
        };
        (of("VmRSS:"), of("VmHWM:"))
    }
}

/// A file system in memory, unmounted with the test.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of that size (`size=64m`); `None`, and says so, where that takes root.
    pub fn mount(at: &Path, size: &str) -> Option<SmallDisk> {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "CI runs these tests as root");
            eprintln!("SKIPPED: a disk that fills up needs root, to mount a small one");
            return None;
        }
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(at).status().unwrap();
        assert!(mounted.success(), "a small file system cannot be mounted");
        Some(SmallDisk(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A line of the configuration's `cameras`.
pub fn camera_line(name: &str, source: &str) -> String {
    format!("  - {{ name: {name}, source: \"{source}\" }}\n")
}

/// Makes a shell script; by another process, since the kernel executes nothing that is open for writing.
pub fn install_script(script: &str, to: &Path) {
    let text = to.with_extension("text");
    std::fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
    assert!(Command::new("install").arg(&text).arg(to).status().unwrap().success());
}

/// A token of that role, good for an hour.
pub fn token(role: Role) -> String {
    token_until(role, Duration::from_secs(3600))
}

/// A token of that role, good for so long.
pub fn token_until(role: Role, lifetime: Duration) -> String {
    token_from(role, Timestamp::now(), lifetime)
}

/// A token of that role, good from then on for so long.
pub fn token_from(role: Role, from: Timestamp, lifetime: Duration) -> String {
    let tokens = Tokens::hs256(&Secret::new(SECRET)).unwrap();
    let issued = tokens.issue(&format!("test-{role}"), role, lifetime, from).unwrap();
    issued.text.expose_text().unwrap().to_owned()
}

/// One WebSocket.
pub struct Client {
    /// The socket.
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u64,
}

/// A connection from another address of this machine, such as `127.0.0.2`.
pub async fn connect_from(source: &str, service: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
    socket.connect(service).await.unwrap()
}

impl Client {
    /// A connection that nobody has authenticated, to whatever service is there.
    pub async fn connect(url: &str) -> Client {
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Client { socket, next: 1 }
    }

    /// The same from another address of this machine, such as `127.0.0.2`.
    pub async fn connect_from(source: &str, service: SocketAddr) -> Client {
        Client::over(connect_from(source, service).await, service).await
    }

    /// A connection that is there already.
    pub fn of(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Client {
        Client { socket, next: 1 }
    }

    /// Over a stream that is there already.
    pub async fn over(stream: TcpStream, service: SocketAddr) -> Client {
        let url = format!("ws://{service}/ws");
        let (socket, _) = tokio_tungstenite::client_async(url, MaybeTlsStream::Plain(stream)).await.unwrap();
        Client { socket, next: 1 }
    }

    /// Sends a text as it is.
    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next text that comes.
    pub async fn receive(&mut self) -> String {
        match tokio::time::timeout(PATIENCE, self.next_message()).await.expect("no answer came") {
            Message::Text(text) => text.to_string(),
            other => panic!("{other:?} came instead of a text"),
        }
    }

    /// The next message that is not a ping.
    pub async fn next_message(&mut self) -> Message {
        loop {
            match self.socket.next().await.expect("the connection ended").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// Sends a text and gives the answer's text.
    pub async fn exchange(&mut self, text: &str) -> String {
        self.send(text).await;
        self.receive().await
    }

    /// Makes a call and gives the whole answer; notifications that come before it are left out.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        let request = serde_json::json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&request.to_string()).await;
        loop {
            let answer: Value = serde_json::from_str(&self.receive().await).unwrap();
            if answer["id"] == id {
                return answer;
            }
        }
    }

    /// Makes a call that succeeds and gives its result.
    pub async fn succeed(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.call(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Makes a call that is refused and gives its code.
    pub async fn refused(&mut self, method: &str, params: Value) -> i64 {
        let answer = self.call(method, params).await;
        answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{method} was not refused: {answer}"))
    }

    /// The next notification of that topic.
    pub async fn notification(&mut self, topic: &str) -> Value {
        loop {
            let message: Value = serde_json::from_str(&self.receive().await).unwrap();
            if message["method"] == topic {
                return message["params"].clone();
            }
        }
    }
}

/// An HTTP request to a loopback address; status, headers in lower case, body.
pub async fn http(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (u16, String, Vec<u8>) {
    request("GET", address, path, headers).await
}

/// The same with any method.
pub async fn request(
    method: &str,
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String, Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("no answer came").unwrap();
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("no whole answer");
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = &bytes[end + 4..];
    let chunked = head.contains("transfer-encoding: chunked");
    (status, head, if chunked { unchunked(body) } else { body.to_vec() })
}

/// RFC 9112, 7.1, as far as services here use it.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|end| end == b"\r\n").expect("no whole answer");
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..][..length]);
        rest = &rest[end + 2 + length + 2..];
    }
}
