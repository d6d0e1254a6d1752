//! `container`, asked of a real Podman and a real Docker, and of sockets that do not behave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod engines;
mod support;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use elsewhere::act;
use engines::docker::Docker;
use engines::podman::Podman;
use jiff::Timestamp;
use probity_plan::{Barrier, Value};
use probity_probe::Seen;
use serde_json::json;
use support::{HOSTILE, barrier, known, look, look_with, text};

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
}

/// One, where containers can be made.
fn start() -> Option<Podman> {
    if elsewhere::needs_root("containers made by Podman") { Podman::start() } else { None }
}

async fn look_at(podman: &Podman, name: &str) -> Seen {
    look(act("container", &json!({ "container": name, "socket": podman.socket() }))).await
}

#[tokio::test]
async fn a_running_container_is_described() {
    let Some(podman) = start() else { return };
    let before = Timestamp::now();
    let id = podman.podman(&[
        "run",
        "--detach",
        "--name",
        "web",
        "--health-cmd",
        "/bin/busybox test -e /ok",
        "--health-interval",
        "disable",
        "localhost/busybox:1",
        "/bin/busybox",
        "sleep",
        "600",
    ]);
    let seen = look_at(&podman, "web").await;
    assert_eq!(known(&seen, "exists"), &Value::Bool(true));
    assert_eq!(known(&seen, "running"), &Value::Bool(true));
    assert_eq!(known(&seen, "restarts"), &Value::from(0));
    assert_eq!(known(&seen, "ports"), &Value::Map([].into()));
    let image = podman.podman(&["image", "inspect", "--format", "{{.Id}}", "localhost/busybox:1"]);
    for (fact, expected) in [
        ("status", "running"),
        ("health", "starting"),
        ("id", id.trim()),
        ("image", "localhost/busybox:1"),
        ("socket", podman.socket().to_str().unwrap()),
    ] {
        assert_eq!(text(&seen, fact), expected, "{fact}");
    }
    assert_eq!(text(&seen, "image_id").trim_start_matches("sha256:"), image.trim());
    let started: Timestamp = support::moment(&seen, "started");
    assert!(started >= before && started <= Timestamp::now(), "{started}");
    let pid = &known(&seen, "pid").as_i64().unwrap();
    assert!(*pid > 1);
    assert_eq!(barrier(&seen, "exit_code"), Barrier::Unreachable);
    assert_eq!(barrier(&seen, "finished"), Barrier::Unreachable);

    assert!(!podman.command(&["healthcheck", "run", "web"]).output().unwrap().status.success());
    podman.podman(&["exec", "web", "/bin/busybox", "touch", "/ok"]);
    podman.podman(&["healthcheck", "run", "web"]);
    assert_eq!(text(&look_at(&podman, "web").await, "health"), "healthy");
    // By its identifier too.
    assert_eq!(text(&look_at(&podman, id.trim()).await, "id"), id.trim());
}

#[tokio::test]
async fn a_container_that_does_not_run_says_how_it_ended_or_that_it_never_began() {
    let Some(podman) = start() else { return };
    let busybox = ["localhost/busybox:1", "/bin/busybox"];
    podman.podman(&[&["create", "--name", "new"][..], &busybox, &["true"]].concat());
    let seen = look_at(&podman, "new").await;
    assert_eq!(known(&seen, "running"), &Value::Bool(false));
    assert_eq!(text(&seen, "status"), "created");
    assert_eq!(text(&seen, "health"), "none");
    for fact in ["started", "finished", "exit_code"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unreachable, "{fact}: {seen:?}");
    }

    podman
        .command(&[&["run", "--name", "ended"][..], &busybox, &["sh", "-c", "exit 7"]].concat())
        .output()
        .unwrap();
    let seen = look_at(&podman, "ended").await;
    assert_eq!(known(&seen, "running"), &Value::Bool(false));
    assert_eq!(text(&seen, "status"), "exited");
    assert_eq!(known(&seen, "exit_code"), &Value::from(7));
    assert_eq!(known(&seen, "pid"), &Value::from(0));
    // Podman takes the end from a file's time, which is coarser than the clock and so may lie before the start.
    let [started, finished] = ["started", "finished"].map(|fact| support::moment(&seen, fact));
    let ran = finished.duration_since(started).as_secs_f64();
    assert!((-0.1..60.0).contains(&ran), "{started} {finished}");

    let seen = look_at(&podman, "nosuch").await;
    assert_eq!(known(&seen, "exists"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "running"), Barrier::Unreachable);
}

#[tokio::test]
async fn restarts_are_counted() {
    let Some(podman) = start() else { return };
    podman.podman(&[
        "run",
        "--detach",
        "--name",
        "breaks",
        "--restart",
        "on-failure:2",
        "localhost/busybox:1",
        "/bin/busybox",
        "false",
    ]);
    support::until("Podman gives up", || {
        podman.podman(&["inspect", "--format", "{{.RestartCount}} {{.State.Status}}", "breaks"]).trim()
            == "2 exited"
    });
    let seen = look_at(&podman, "breaks").await;
    assert_eq!(known(&seen, "restarts"), &Value::from(2));
    assert_eq!(known(&seen, "exit_code"), &Value::from(1));
}

#[tokio::test]
async fn a_socket_that_is_not_there_or_may_not_be_used_is_a_barrier() {
    let folder = support::folder();
    let socket = folder.path().join("engine.sock");
    let parameters = json!({ "container": "web", "socket": socket });
    assert_eq!(barrier(&look(act("container", &parameters)).await, "exists"), Barrier::Unreachable);
    drop(UnixListener::bind(&socket).unwrap());
    assert_eq!(barrier(&look(act("container", &parameters)).await, "exists"), Barrier::ConnectionRefused);

    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o600)).unwrap();
    let Some(nobody) = elsewhere::as_nobody() else { return };
    assert_eq!(barrier(&nobody.look("container", &parameters), "exists"), Barrier::PermissionDenied);

    // Without `socket`, in a machine that has neither Docker nor Podman.
    let hidden = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run && exec \"$@\"", "sh"];
    let seen = elsewhere::here().under(&hidden).look("container", &json!({ "container": "web" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::Unreachable, "{seen:?}");
}

#[tokio::test]
async fn the_usual_sockets_are_tried() {
    if !elsewhere::needs_root("the usual sockets") {
        return;
    }
    let answering = answering(response(200, &described("running").to_string()));
    let bound = format!(
        "mount -t tmpfs none /run && mkdir /run/podman && ln -s {} /run/podman/podman.sock && exec \"$@\"",
        answering.socket.display()
    );
    let seen = elsewhere::here()
        .under(&["unshare", "--mount", "sh", "-c", &bound, "sh"])
        .look("container", &json!({ "container": "web" }));
    assert_eq!(text(&seen, "socket"), "/run/podman/podman.sock");
}

#[tokio::test]
async fn what_is_not_a_containers_name_is_not_asked_for() {
    for name in ["", "../images", "web/../../info", "-web", "web web", "web?all=1", "web\r\nX: y"] {
        let seen = look(act("container", &json!({ "container": name, "socket": "/nonexistent" }))).await;
        assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported, "{name:?}");
    }
}

/// A socket where every request gets this answer.
struct Answering {
    _folder: tempfile::TempDir,
    socket: PathBuf,
}

fn answering(answer: Vec<u8>) -> Answering {
    let folder = support::folder();
    let socket = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            _ = stream.read(&mut [0; 4096]);
            // An answer of nothing stands for one that never comes.
            if answer.is_empty() {
                std::mem::forget(stream);
            } else {
                _ = stream.write_all(&answer);
            }
        }
    });
    Answering { _folder: folder, socket }
}

fn response(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// As Docker's API describes a container (GET /containers/{id}/json).
fn described(status: &str) -> serde_json::Value {
    json!({
        "Id": "0123456789abcdef", "Name": "/web", "Image": "sha256:4567", "RestartCount": 3, "Config": { "Image": "nginx:1" },
        "State": {
            "Status": status, "Running": status == "running", "Pid": 4711, "ExitCode": 0,
            "StartedAt": "2026-11-21T10:20:30.123456789Z", "FinishedAt": "0001-01-01T00:00:00Z",
            "Health": { "Status": "unhealthy", "FailingStreak": 4 }
        },
        "NetworkSettings": { "Ports": {
            "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }, { "HostIp": "::", "HostPort": "8080" }],
            "443/tcp": null
        } }
    })
}

async fn ask(answer: Vec<u8>) -> Seen {
    ask_for("web", answer).await
}

async fn ask_for(name: &str, answer: Vec<u8>) -> Seen {
    let answering = answering(answer);
    let act = act("container", &json!({ "container": name, "socket": answering.socket }));
    look_with(act, &[], Duration::from_secs(1)).await
}

#[tokio::test]
async fn a_container_of_docker_is_described_while_it_runs_and_after() {
    if !elsewhere::needs_root("containers made by Docker") {
        return;
    }
    let Some(docker) = Docker::start() else { return };
    let before = Timestamp::now();
    docker.run_web();
    let look_at = async |name: &str| {
        look(act("container", &json!({ "container": name, "socket": docker.socket() }))).await
    };
    let seen = look_at("web").await;
    assert_eq!(known(&seen, "running"), &Value::Bool(true));
    assert_eq!(text(&seen, "image"), "localhost/web:1");
    let started = support::moment(&seen, "started");
    assert!(before < started && started < Timestamp::now(), "{seen:?}");
    docker.docker(&["kill", "web"]);
    let seen = look_at("web").await;
    assert_eq!(known(&seen, "running"), &Value::Bool(false));
    assert_eq!(known(&seen, "exit_code"), &Value::from(137));
    assert_eq!(known(&look_at("other").await, "exists"), &Value::Bool(false));
}

#[tokio::test]
async fn dockers_description_is_read() {
    let seen = ask(response(200, &described("running").to_string())).await;
    assert_eq!(text(&seen, "health"), "unhealthy");
    assert_eq!(
        support::moment(&seen, "started"),
        "2026-11-21T10:20:30.123456Z".parse::<Timestamp>().unwrap()
    );
    assert_eq!(known(&seen, "restarts"), &Value::from(3));
    let ports = [
        ("443/tcp".to_owned(), Value::List(Vec::new())),
        ("80/tcp".to_owned(), Value::from(vec!["0.0.0.0:8080", "[::]:8080"])),
    ];
    assert_eq!(known(&seen, "ports"), &Value::Map(ports.into()));
    // Between two starts it has not ended for good.
    assert_eq!(
        barrier(&ask(response(200, &described("restarting").to_string())).await, "exit_code"),
        Barrier::Unreachable
    );
}

#[tokio::test]
async fn what_waits_for_its_next_start_does_not_run() {
    let mut answer = described("restarting");
    answer["State"]["Running"] = json!(true);
    answer["State"]["Restarting"] = json!(true);
    let seen = ask(response(200, &answer.to_string())).await;
    assert_eq!(known(&seen, "running"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "exit_code"), Barrier::Unreachable);
    let mut answer = described("running");
    answer["State"]["Restarting"] = json!(false);
    assert_eq!(known(&ask(response(200, &answer.to_string())).await, "running"), &Value::Bool(true));
    answer["State"]["Pid"] = json!(0);
    assert_eq!(known(&ask(response(200, &answer.to_string())).await, "running"), &Value::Bool(false));
}

#[tokio::test]
async fn the_beginning_of_an_identifier_is_no_name() {
    let answer = || response(200, &described("running").to_string());
    for (name, exists) in
        [("web", true), ("0123456789ab", true), ("0123456789abcdef", true), ("0123", false), ("we", false)]
    {
        assert_eq!(known(&ask_for(name, answer()).await, "exists"), &Value::Bool(exists), "{name}");
    }
}

#[tokio::test]
async fn a_silent_engine_is_timed_out() {
    assert_eq!(barrier(&ask(Vec::new()).await, "exists"), Barrier::TimedOut);
    assert_eq!(
        barrier(&ask(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()).await, "exists"),
        Barrier::Protocol
    );
}

#[tokio::test]
async fn nonsense_is_not_an_answer() {
    let deep = "[".repeat(100_000);
    for (status, body) in [
        (200, "hello"),
        (200, "{}"),
        (200, "null"),
        (200, r#"{"State":{"Status":"running","Running":"yes"}}"#),
        (200, deep.as_str()),
        // Another server's 404 does not say that there is no such container.
        (404, "<html>Not Found</html>"),
        (404, r#"{"message":"page not found"}"#),
        (500, r#"{"message":"on fire"}"#),
    ] {
        let seen = ask(response(status, body)).await;
        assert_eq!(barrier(&seen, "exists"), Barrier::Protocol, "{status} {body:.40}: {seen:?}");
    }
    assert_eq!(barrier(&ask(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).await, "exists"), Barrier::Protocol);
    assert_eq!(barrier(&ask(response(200, &" ".repeat(5 << 20))).await, "exists"), Barrier::TooLarge);
    assert_eq!(
        barrier(&ask(response(403, r#"{"message":"no"}"#)).await, "exists"),
        Barrier::PermissionDenied
    );
    let absent = ask(response(404, r#"{"message":"No such container: web"}"#)).await;
    assert_eq!(known(&absent, "exists"), &Value::Bool(false));
}

#[tokio::test]
async fn hostile_text_is_kept_as_text() {
    let mut answer = described("running");
    answer["Config"]["Image"] = json!(HOSTILE);
    answer["State"]["Health"]["Status"] = json!(HOSTILE);
    let seen = ask(response(200, &answer.to_string())).await;
    assert_eq!(text(&seen, "image"), HOSTILE);
    assert_eq!(text(&seen, "health"), HOSTILE);
}
