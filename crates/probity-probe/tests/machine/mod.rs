//! Looks at this very machine: an act from its parameters, and looks made as another user or on a machine that was
//! changed for this look alone (namespaces of unshare(1)), by running the test's own program again.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use probity_plan::{Act, Blocked, Value};
use probity_probe::Seen;
use serde_json::{Value as Json, json};

use crate::support;

/// The act of this kind with these parameters.
pub fn act(kind: &str, parameters: Json) -> Act {
    Act::deserialize(kind, parameters).unwrap_or_else(|| panic!("no kind `{kind}`")).unwrap()
}

/// Why a plan with these parameters is refused.
#[expect(clippy::needless_pass_by_value, reason = "so that tests can write `json!` in place")]
pub fn refused(kind: &str, parameters: Json) -> String {
    match Act::deserialize(kind, parameters.clone()).unwrap_or_else(|| panic!("no kind `{kind}`")) {
        Ok(act) => panic!("{parameters} was read as {act:?}"),
        Err(error) => error.to_string(),
    }
}

/// One look with every fact.
pub async fn look(kind: &str, parameters: Json) -> Seen {
    support::look(act(kind, parameters)).await
}

/// The fact as JSON; it must be known.
pub fn json_of(seen: &Seen, fact: &str) -> Json {
    serde_json::to_value(support::known(seen, fact)).unwrap()
}

/// Where a look is made.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// The namespaces it does not share with us, as options of unshare(1); needs root.
    pub unshare: &'static [&'static str],
    /// What is done there first, by a shell.
    pub first: String,
    /// Whether it is made as nobody (65534) without any group.
    pub as_nobody: bool,
    /// How long the look may take; 10 s if zero.
    pub timeout: Duration,
}

/// One look elsewhere, with every fact. `None` without root, where that is needed: the test then returns.
pub fn look_elsewhere(elsewhere: &Elsewhere, kind: &str, parameters: &Json) -> Option<Seen> {
    if !support::root() && !elsewhere.unshare.is_empty() {
        assert!(std::env::var_os("CI").is_none(), "CI runs these tests as root");
        eprintln!("SKIPPED: as root this test also looks with `{}`", elsewhere.first);
        return None;
    }
    // Where another user can reach it.
    let folder = support::folder();
    let program = folder.path().join("look");
    support::install(&std::env::current_exe().unwrap(), &program);
    let mut line: Vec<&str> = Vec::new();
    let shell = format!("{}\nexec \"$@\"", elsewhere.first);
    if !elsewhere.unshare.is_empty() {
        line.push("unshare");
        line.extend(elsewhere.unshare);
        line.extend(["bash", "-ec", shell.as_str(), "bash"]);
    }
    if elsewhere.as_nobody && support::root() {
        line.extend(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    line.push(program.to_str().unwrap());
    line.extend(["machine::look_as_told", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    let timeout = if elsewhere.timeout.is_zero() { Duration::from_secs(10) } else { elsewhere.timeout };
    let told = json!({ "kind": kind, "parameters": parameters, "timeout_ms": timeout.as_millis() as u64 });
    let mut child = Command::new(line[0])
        .args(&line[1..])
        .current_dir("/")
        .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{line:?}: {e}"));
    child.stdin.take().unwrap().write_all(told.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let Some(seen) = said.lines().find_map(|line| line.split_once("SEEN ").map(|(_, seen)| seen)) else {
        panic!("{line:?}: {}: {said}", output.status)
    };
    let (facts, unknown): (BTreeMap<String, Value>, BTreeMap<String, Blocked>) =
        serde_json::from_str(seen).unwrap();
    Some(Seen { facts, unknown })
}

/// One look as nobody; as ourselves where we are not root.
pub fn look_as_nobody(kind: &str, parameters: &Json) -> Seen {
    look_elsewhere(&Elsewhere { as_nobody: true, ..Elsewhere::default() }, kind, parameters).unwrap()
}

/// One look on a machine changed by these commands, as root, in mount and network namespaces of its own.
pub fn look_after(first: impl Into<String>, kind: &str, parameters: &Json) -> Option<Seen> {
    let unshare = &["--mount", "--net", "--propagation", "private"];
    look_elsewhere(&Elsewhere { unshare, first: first.into(), ..Elsewhere::default() }, kind, parameters)
}

/// The other side of [`look_elsewhere`]; does nothing unless it is told what on standard input.
#[tokio::test]
#[ignore = "run by the other tests, elsewhere"]
async fn look_as_told() {
    let Ok(told) = serde_json::from_reader::<_, Json>(std::io::stdin()) else { return };
    let act = act(told["kind"].as_str().unwrap(), told["parameters"].clone());
    let timeout = Duration::from_millis(told["timeout_ms"].as_u64().unwrap());
    let seen = support::look_with(act, &[], timeout).await;
    println!("SEEN {}", serde_json::to_string(&(&seen.facts, &seen.unknown)).unwrap());
    // A thread that hangs in the kernel would keep the program from ending.
    std::process::exit(0);
}
