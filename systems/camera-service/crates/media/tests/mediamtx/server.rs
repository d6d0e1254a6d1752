//! A real MediaMTX on free ports, with a configuration of the test's; ended with the test.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camera_media::{BreakerOptions, MediaMtxOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Nothing here takes so long on a machine that is not stuck.
const LIMIT: Duration = Duration::from_secs(30);

/// The one that the environment names, as `make test-mediamtx` does.
fn program() -> Option<PathBuf> {
    std::env::var_os("MEDIAMTX").map(PathBuf::from)
}

/// Whether a MediaMTX is named; where not, says that the test was skipped.
pub fn is_here() -> bool {
    let program = program();
    match &program {
        Some(program) => assert!(program.is_file(), "there is no MediaMTX at {}", program.display()),
        None => eprintln!("SKIPPED: MEDIAMTX names no MediaMTX (make test-mediamtx gets some)"),
    }
    program.is_some()
}

/// An engine that is impatient enough for tests; of the API's, the RTSP server's and the HLS server's port.
pub fn options(ports: &str) -> MediaMtxOptions {
    let [api, rtsp, hls] = ports.split(' ').collect::<Vec<_>>()[..] else { panic!("{ports}") };
    MediaMtxOptions {
        api: format!("http://127.0.0.1:{api}"),
        rtsp: format!("rtsp://127.0.0.1:{rtsp}"),
        hls: format!("http://127.0.0.1:{hls}"),
        key_frame_within: Duration::from_secs(8),
        poll: Duration::from_millis(200),
        first_wait: Duration::from_millis(100),
        longest_wait: Duration::from_secs(1),
        // Outages last as long as a test wants; how the breaker counts, its own tests show.
        breaker: BreakerOptions { failures: 1000, ..BreakerOptions::default() },
        ..MediaMtxOptions::default()
    }
}

pub struct Server {
    child: Child,
    folder: tempfile::TempDir,
    pub api: u16,
    pub rtsp: u16,
    pub hls: u16,
}

impl Server {
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// With these further lines in its configuration.
    pub async fn with(more: &str) -> Self {
        // Held together until all are known, so that they differ.
        let free = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [api, rtsp, hls] = free.each_ref().map(|port| port.local_addr().unwrap().port());
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "logLevel: info\nlogDestinations: [stdout]\napi: yes\napiAddress: 127.0.0.1:{api}\n\
             protocols: [tcp]\nrtspAddress: 127.0.0.1:{rtsp}\nhls: yes\nhlsAddress: 127.0.0.1:{hls}\n\
             rtmp: no\nwebrtc: no\nsrt: no\n{more}"
        );
        std::fs::write(folder.path().join("mediamtx.yml"), text).unwrap();
        let child = Self::spawn(&folder);
        let server = Self { child, folder, api, rtsp, hls };
        server.answers().await;
        server
    }

    fn spawn(folder: &tempfile::TempDir) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
        Command::new(program().unwrap())
            .arg(folder.path().join("mediamtx.yml"))
            // Of no use here, and on one port for all (since 1.19).
            .env("MTX_MOQ", "no")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    pub fn ports(&self) -> String {
        format!("{} {} {}", self.api, self.rtsp, self.hls)
    }

    pub fn options(&self) -> MediaMtxOptions {
        options(&self.ports())
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn restart(&mut self) {
        self.child = Self::spawn(&self.folder);
        self.answers().await;
    }

    async fn answers(&self) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.api)).await.is_err() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < LIMIT, "MediaMTX does not answer: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What its API says, asked for by other means than the engine's.
    async fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.api)).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    pub async fn paths(&self) -> Vec<String> {
        let list = self.get("/v3/paths/list").await;
        let mut names: Vec<String> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|path| path["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Waits until a path has so many readers.
    pub async fn readers(&self, name: &str, count: usize) {
        let begun = Instant::now();
        loop {
            let list = self.get("/v3/paths/list").await;
            let path = list["items"].as_array().unwrap().iter().find(|path| path["name"] == name);
            if path.is_some_and(|path| path["readers"].as_array().unwrap().len() >= count) {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "{list}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Configured paths that are recorded.
    pub async fn recorded(&self) -> Vec<String> {
        let list = self.get("/v3/config/paths/list").await;
        let items = list["items"].as_array().unwrap().iter();
        items
            .filter(|path| path["record"] == true)
            .map(|path| path["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("MediaMTX said:\n{log}");
        }
    }
}
