//! Both ends as fakes in the test's process (they say so themselves: `fabric_kubernetes::fake`, `fabric_netbox::fake`) and the program
//! between them as a child, as an operator would start it. What only real servers can show is tested with them in `tests/real`.
#![allow(dead_code, reason = "each test uses some of it")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use fabric_kubernetes::fake::FakeCluster;
use fabric_model::{Kind, ObjectKind};
use fabric_netbox::fake::FakeNetBox;
use serde_json::{Value, json};

pub const TOKEN: &str = "a-token-that-must-not-be-seen";
/// How long anything may take before a test gives up on it.
const MAX_WAIT: Duration = Duration::from_secs(120);

/// Both ends and an installation's folder.
pub struct Ends {
    pub cluster: FakeCluster,
    pub netbox: FakeNetBox,
    pub folder: tempfile::TempDir,
}

/// A fabric of two switches and two servers, cabled, with a VPC.
pub async fn ends() -> Ends {
    let cluster = FakeCluster::start().await.unwrap();
    fill(&cluster);
    let netbox = FakeNetBox::start(TOKEN).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["config", "state", "secrets"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("secrets/netbox-token"), TOKEN).unwrap();
    let ends = Ends { cluster, netbox, folder };
    ends.configure("interval: 1 s", "");
    ends
}

pub fn fill(cluster: &FakeCluster) {
    let ports = |spine: &str, leaf: &str| json!({"fabric": {"links": [{"spine": {"port": spine, "ip": "172.30.128.0/31"}, "leaf": {"port": leaf, "ip": "172.30.128.1/31"}}]}});
    let link = |server: &str, switch: &str| json!({"unbundled": {"link": {"server": {"port": server}, "switch": {"port": switch}}}});
    let subnet = json!({"subnet": "10.0.1.0/24", "gateway": "10.0.1.1", "vlan": 1001});
    for (kind, name, spec) in [
        (Kind::VLANNamespace, "default", json!({"ranges": [{"from": 1000, "to": 2999}]})),
        (Kind::IPv4Namespace, "default", json!({"subnets": ["10.0.0.0/16"]})),
        (
            Kind::Switch,
            "spine-01",
            json!({"role": "spine", "profile": "vs", "ip": "172.30.0.8/21", "protocolIP": "172.30.8.0/32"}),
        ),
        (
            Kind::Switch,
            "leaf-01",
            json!({"role": "server-leaf", "profile": "vs", "description": "rack 2", "ip": "172.30.0.9/21", "protocolIP": "172.30.8.1/32"}),
        ),
        (Kind::Server, "server-01", json!({"description": "database"})),
        (Kind::Server, "server-02", json!({"description": "web"})),
        (Kind::Connection, "spine-01--fabric--leaf-01", ports("spine-01/E1/1", "leaf-01/E1/9")),
        (Kind::Connection, "server-01--unbundled--leaf-01", link("server-01/enp2s1", "leaf-01/E1/1")),
        (Kind::Connection, "server-02--unbundled--leaf-01", link("server-02/enp2s1", "leaf-01/E1/2")),
        (
            Kind::VPC,
            "vpc-01",
            json!({"ipv4Namespace": "default", "vlanNamespace": "default", "subnets": {"default": subnet}}),
        ),
        (
            Kind::VPCAttachment,
            "server-01--vpc-01",
            json!({"connection": "server-01--unbundled--leaf-01", "subnet": "vpc-01/default"}),
        ),
    ] {
        put(cluster, kind, name, &spec);
    }
}

pub fn put(cluster: &FakeCluster, kind: Kind, name: &str, spec: &Value) {
    let api = format!("{}/{}", kind.group(), kind.version());
    let metadata = json!({"name": name, "namespace": "default"});
    cluster.put(
        kind.plural(),
        json!({"apiVersion": api, "kind": kind.name(), "metadata": metadata, "spec": spec}),
    );
}

impl Ends {
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    pub fn token_file(&self) -> PathBuf {
        self.home().join("secrets/netbox-token")
    }

    /// Writes the configuration: `line` more in the fabric, `more` beside it.
    pub fn configure(&self, line: &str, more: &str) {
        let fabric = format!(
            "- {{ name: lab, site: Lab, kubernetes: {{ url: \"{}\", deadline: 2 s }}, {line} }}",
            self.cluster.url()
        );
        self.configure_fabrics(&[fabric], more);
    }

    pub fn configure_fabrics(&self, fabrics: &[String], more: &str) {
        let text = format!(
            "netbox: {{ url: \"{}\", token_file: {}, deadline: 5 s }}\nserver: {{ listen: \"127.0.0.1:0\", host_names: [sync.example.org] }}\nfabrics:\n  {}\n{more}\n",
            self.netbox.url(),
            self.token_file().display(),
            fabrics.join("\n  ")
        );
        std::fs::write(self.home().join("config/fabric-sync.yaml"), text).unwrap();
    }

    /// Writes into the configuration which address the service was given, for those who ask it.
    pub fn listen_at(&self, address: &str) {
        let path = self.home().join("config/fabric-sync.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let rest = text.lines().filter(|line| !line.starts_with("server:")).collect::<Vec<_>>().join("\n");
        std::fs::write(&path, format!("server: {{ listen: \"{address}\" }}\n{rest}\n")).unwrap();
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fabric-sync"));
        command.arg("--home").arg(self.home());
        command
    }

    /// Runs a command to its end: exit status and everything it said.
    pub async fn run(&self, arguments: &[&str]) -> Said {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        Said::new(arguments, &output)
    }

    pub fn device(&self, name: &str) -> Option<Value> {
        self.netbox.objects(ObjectKind::Device).into_iter().find(|device| device["name"] == name)
    }
}

/// What a command said.
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    fn new(arguments: &[&str], output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = Said {
            status: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        assert!(!said.out.contains(TOKEN) && !said.err.contains(TOKEN), "{arguments:?} shows the token");
        said
    }

    #[track_caller]
    pub fn is(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.out.contains(text) || self.err.contains(text),
            "{text:?} is not in:\n{}\n{}",
            self.out,
            self.err
        );
        self
    }
}

/// The service as a child; ends with the test.
pub struct Running {
    pub child: Child,
    pub address: String,
}

impl Running {
    pub async fn start(ends: &Ends) -> Self {
        let mut command = ends.command();
        command.arg("run").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let address = line
                .trim()
                .strip_prefix("status http://")
                .expect("an address")
                .trim_end_matches('/')
                .to_owned();
            Running { child, address }
        })
        .await
        .unwrap()
    }

    pub async fn get(&self, path: &str) -> String {
        get(&self.address, path).await.unwrap()
    }

    pub async fn status(&self) -> Value {
        serde_json::from_str(&self.get("/status.json").await).unwrap()
    }

    /// Waits until the first fabric's report says so; the report.
    pub async fn until(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let report = self.status().await["fabrics"][0].clone();
            if condition(&report) {
                return report;
            }
            assert!(begun.elapsed() < MAX_WAIT, "{what}: {report:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn in_sync(&self) -> Value {
        self.until("in sync", |report| report["summary"] == "in-sync").await
    }

    /// Waits for both sides to be read whole once more.
    pub async fn next_look(&self) -> Value {
        let before = self.status().await["fabrics"][0]["as_of"].clone();
        self.until("another look", |report| report["as_of"] != before).await
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub async fn get(address: &str, path: &str) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < MAX_WAIT, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
