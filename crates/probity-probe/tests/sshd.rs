//! A real sshd seen from all sides: its port, its process, its host key, and that they are gone when it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod machine;
mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use machine::{json_of, look};
use serde_json::json;
use support::{PATIENCE, free_port, root, run, start, tool, until_listens};

#[tokio::test]
async fn sshd_is_seen_while_it_runs_and_not_after() {
    let (Some(mut keygen), Some(sshd)) = (tool("ssh-keygen"), tool("sshd")) else { return };
    let folder = support::folder();
    let key = folder.path().join("host_key");
    run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key));
    let (port, config) = (free_port(), folder.path().join("sshd_config"));
    let text = format!("ListenAddress 127.0.0.1:{port}\nHostKey {}\nPidFile none\n", key.display());
    std::fs::write(&config, text).unwrap();
    let executable = sshd.get_program().to_owned();
    // As root it would want a folder of the system's; as anybody else it does without.
    let mut server = Command::new(if root() { "setpriv" } else { "env" });
    if root() {
        run(Command::new("chown").arg("65534:65534").arg(&key).arg(&config));
        server.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    for (name, value) in sshd.get_envs() {
        if let Some(value) = value {
            server.env(name, value);
        }
    }
    let running = start(server.arg(&executable).args(["-D", "-e", "-f"]).arg(&config));
    until_listens(port);
    let pid = running.pid();

    let seen = look("port", json!({ "port": port })).await;
    assert_eq!(json_of(&seen, "listening"), json!(true));
    assert_eq!(json_of(&seen, "loopback_only"), json!(true));
    // sshd has a child for each connection that is still ending.
    let pids = json_of(&seen, "pids");
    assert!(pids.as_array().unwrap().contains(&json!(pid)), "{pids}");
    let connecting = json!({ "port": port, "connect": "127.0.0.1" });
    assert_eq!(json_of(&look("port", connecting.clone()).await, "connected"), json!(true));
    // By the file that runs: sshd writes a title of its own over its arguments.
    let process = json!({ "process": std::fs::canonicalize(&executable).unwrap() });
    // Where the executable of another process is hidden, only this much is known: that one runs.
    assert_eq!(json_of(&look("process", process.clone()).await, "running"), json!(true));
    let seen = look("file", json!({ "file": key })).await;
    assert_eq!(json_of(&seen, "mode"), json!("600"));

    drop(running);
    assert_eq!(json_of(&look("port", json!({ "port": port })).await, "listening"), json!(false));
    assert_eq!(json_of(&look("port", connecting).await, "connected"), json!(false));
    // Its children, one for each connection above, end by themselves a moment later.
    let began = Instant::now();
    while look("process", process.clone()).await.facts.get("running") == Some(&true.into()) {
        assert!(began.elapsed() < PATIENCE, "sshd still runs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
