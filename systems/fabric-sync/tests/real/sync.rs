//! The program `fabric-sync` in a folder of its own, with fabrics and a NetBox of the lab.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::inventory::NetBox;
use crate::lab::PATIENCE;

/// A folder with a configuration and the files that it names.
pub struct Home {
    folder: tempfile::TempDir,
}

/// A configuration's fabric: impatient, because nothing here waits for people.
pub fn fabric(name: &str, kubeconfig: &str, more: &Value) -> Value {
    let mut fabric = json!({
        "name": name,
        "site": name,
        "kubernetes": { "kubeconfig": kubeconfig, "deadline": "5 s" },
        "interval": "5 s",
        "deletion": { "grace": "0 s", "max_objects": 1000, "max_percent": 100 },
    });
    fabric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fabric
}

impl Home {
    /// With one fabric, whose site is there, and NetBox prepared for the sync.
    pub async fn new(cluster: &Cluster, netbox: &NetBox) -> Self {
        Self::with(netbox, &netbox.url, vec![fabric("f1", &cluster.kubeconfig(), &json!({}))]).await
    }

    /// With these fabrics and a NetBox that the sync reaches at `url`.
    pub async fn with(netbox: &NetBox, url: &str, fabrics: Vec<Value>) -> Self {
        let folder = tempfile::Builder::new().prefix("fabric-sync-test").tempdir().unwrap();
        for name in ["config", "state"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let home = Self { folder };
        home.set_netbox_token(&netbox.token("fabric-sync"));
        home.write("admin-token", &bare(&netbox.token("admin")));
        let config = json!({
            "netbox": { "url": url, "token_file": home.path().join("netbox-token"), "deadline": "20 s", "requests_per_second": 1000 },
            "fabrics": fabrics,
            "server": { "listen": "127.0.0.1:0" },
            "log": { "level": "debug" },
        });
        // YAML is a superset of JSON.
        home.write("config/fabric-sync.yaml", &config.to_string());
        for site in fabrics.iter().map(|fabric| &fabric["site"]) {
            if netbox.find("dcim/sites/", site.as_str().unwrap()).await.is_none() {
                netbox.create("dcim/sites/", &json!({ "name": site, "slug": site })).await;
            }
        }
        let admin = home.path().join("admin-token");
        home.succeed(&["prepare", "--token-file", admin.to_str().unwrap()]);
        home
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        // Whole or not at all, as a secret's file is renewed.
        let new = self.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path().join(name)).unwrap();
    }

    pub fn set_netbox_token(&self, header: &str) {
        self.write("netbox-token", &bare(header));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fabric-sync"));
        command.arg("--home").arg(self.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must end with status 0; what it printed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a plan and applies it whole; the plan.
    pub fn converge(&self, more: &[&str]) -> Value {
        let plan = self.plan(more);
        if !plan["changes"].as_array().unwrap().is_empty() {
            self.succeed(&["apply", self.path().join("plan").to_str().unwrap()]);
        }
        plan
    }

    /// Makes a plan, which stays in the file `plan`.
    pub fn plan(&self, more: &[&str]) -> Value {
        let file = self.path().join("plan");
        let mut arguments = vec!["plan", "-o", file.to_str().unwrap()];
        arguments.extend(more);
        let output = self.run(&arguments);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", told(&output));
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    /// What the service said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap()
    }

    /// Starts the service; it is ended with what is returned.
    pub fn start(&self) -> Service {
        let log = std::fs::File::options().create(true).append(true).open(self.path().join("log")).unwrap();
        let mut child = self.command(&["run"]).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().strip_prefix("status http://").unwrap_or_else(|| panic!("{line}{}", self.log()));
        Service { status: format!("http://{address}status.json"), child, client: reqwest::Client::new() }
    }
}

/// The token without its scheme.
fn bare(header: &str) -> String {
    header.trim_start_matches("Bearer ").trim_start_matches("Token ").to_owned()
}

/// All that a command said.
pub fn told(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).join("");
    format!("{:?} {text}", output.status.code())
}

/// The service, until it is dropped.
pub struct Service {
    child: Child,
    status: String,
    client: reqwest::Client,
}

impl Service {
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What it says of a fabric; `None` where it does not answer.
    pub async fn ask(&self, fabric: &str) -> Option<Value> {
        let answer = self.client.get(&self.status).timeout(Duration::from_secs(5)).send().await.ok()?;
        let status: Value = serde_json::from_str(&answer.text().await.ok()?).unwrap();
        let fabrics = status["fabrics"].as_array().unwrap();
        Some(fabrics.iter().find(|one| one["fabric"] == fabric).unwrap().clone())
    }

    /// Waits until what it says of a fabric is as told.
    pub async fn until(&self, fabric: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let mut last = None;
        while begun.elapsed() < PATIENCE {
            match self.ask(fabric).await {
                Some(status) if is_so(&status) => return status,
                status => last = status.or(last),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("after {} s still not: {what}; the last that was told: {last:#?}", PATIENCE.as_secs())
    }

    pub async fn until_in_sync(&self, fabric: &str) -> Value {
        self.until(fabric, "in sync", |status| status["summary"] == "in-sync").await
    }

    /// Waits until it has compared both sides whole once more than when this was called.
    pub async fn compare_again(&self, fabric: &str) -> Value {
        let before = self.ask(fabric).await.unwrap()["whole_as_of"].clone();
        self.until(fabric, "another whole comparison", |status| status["whole_as_of"] != before).await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.pid(), Signal::CONT);
        let _ = rustix::process::kill_process(self.pid(), Signal::TERM);
        let _ = self.child.wait();
    }
}
