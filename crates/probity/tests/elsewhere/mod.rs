//! What the tests of observers share: processes in namespaces of their own, plans of looks from there, and what the log has of them.
//! Must not know what is tested.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::support::Home;

pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "still not so: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process in namespaces of its own; ended with the test.
pub struct Inside {
    outer: Child,
    pub pid: u32,
}

impl Inside {
    /// One that runs this script of a shell, which says `ready`.
    pub fn new(script: &str) -> Self {
        let mut outer = Command::new("unshare")
            .args([
                "--mount",
                "--uts",
                "--net",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-ec",
                script,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(outer.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let id = outer.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        Self { outer, pid: children.trim().parse().unwrap() }
    }

    /// With a file and a name that are not there outside.
    pub fn usual() -> Self {
        Self::new(
            "mount -t tmpfs none /srv; echo it is here > /srv/marker; hostname inside; ip link set lo up; echo ready; \
             exec sleep 600",
        )
    }

    /// The processes that look from there: their numbers here.
    pub fn agents(&self) -> Vec<i32> {
        let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
        let own = namespace(&self.pid.to_string());
        let all = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let is_agent = |pid: &String| {
            namespace(pid) == own
                && std::fs::read(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|line| line.starts_with(b"/proc/self/fd/"))
        };
        let all: Vec<String> =
            all.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_agent).collect();
        // What it starts looks like itself until it executes another program.
        let is_started = |pid: &&String| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(1));
            parent.is_some_and(|parent| all.iter().any(|agent| agent == parent))
        };
        all.iter().filter(|pid| !is_started(pid)).map(|pid| pid.parse().unwrap()).collect()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        _ = self.outer.kill();
        _ = self.outer.wait();
    }
}

/// The entries of a log.
pub fn log(home: &Home, bundle: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(home.path(bundle).join("evidence.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The introductions: number and name.
pub fn introductions(log: &[Json]) -> Vec<(u64, &str)> {
    let introduced = log.iter().filter(|entry| entry["introduction"].is_object());
    introduced
        .map(|entry| (entry["id"].as_u64().unwrap(), entry["introduction"]["name"].as_str().unwrap()))
        .collect()
}

/// The boots of those who were introduced, each once.
pub fn boots(log: &[Json]) -> BTreeSet<String> {
    let introduced = log.iter().filter(|entry| entry["introduction"].is_object());
    introduced.map(|entry| entry["boot"].to_string()).collect()
}

pub fn observations<'l>(log: &'l [Json], probe: &'l str) -> impl Iterator<Item = &'l Json> {
    log.iter().filter(move |entry| entry["type"] == "observation" && entry["probe"] == probe)
}

/// A plan that is accepted if all its claims hold.
pub fn plan(observers: &str, probes: &[&str], claims: &[&str]) -> String {
    let lines = |lines: &[&str]| lines.iter().map(|line| format!("  {line}\n")).collect::<String>();
    let names: Vec<String> =
        claims.iter().map(|claim| format!("holds({})", claim.split(':').next().unwrap())).collect();
    format!(
        "plan: Elsewhere\nobservers:\n  {observers}\nprobes:\n{}claims:\n{}verdict:\n  - {{ label: READY, when: \"{}\", accepted: true }}\n  \
         - {{ label: NOT READY, when: \"{}\" }}\n  - {{ label: UNCLEAR }}\n",
        lines(probes),
        lines(claims),
        names.join(" && "),
        names.join(" || ").replace("holds", "fails"),
    )
}
