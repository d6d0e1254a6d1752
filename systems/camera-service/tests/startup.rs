//! Ready means ready: systemd, the health listener and the one who started it are told only once every listener is bound and the media
//! engine has answered; and what stands in the way is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};

use camera_access::Role;
use serde_json::json;
use support::{Installation, PATIENCE, free_port, http};

/// Ends a service that a test started by itself.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn systemd_is_told_that_it_is_ready_only_when_both_listeners_answer() {
    let (clients, health) = (free_port(), free_port());
    let installation = Installation::new(&format!(
        "cameras: []\nserver: {{ listen: \"127.0.0.1:{clients}\", health: \"127.0.0.1:{health}\" }}\n"
    ));
    let path = installation.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = installation.command();
    let service =
        Ended(command.arg("run").env("NOTIFY_SOCKET", &path).stdout(Stdio::null()).spawn().unwrap());
    let mut told = [0; 256];
    let length = socket.recv(&mut told).unwrap();
    assert!(std::str::from_utf8(&told[..length]).unwrap().contains("READY=1"));
    for port in [clients, health] {
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    }
    drop(service);
}

#[test]
fn a_taken_port_or_a_missing_ffmpeg_is_a_failure_to_start_and_not_a_service_that_runs() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let server = |listen: u16, health: u16| {
        format!("cameras: []\nserver: {{ listen: \"127.0.0.1:{listen}\", health: \"127.0.0.1:{health}\" }}\n")
    };
    let refused = |text: &str| {
        let installation = Installation::new(text);
        let path = installation.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let output = installation.command().arg("run").env("NOTIFY_SOCKET", &path).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty(), "nobody is told that it is ready");
        assert!(socket.recv(&mut [0; 8]).is_err(), "nor is systemd");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&server(port, 0)).contains("server.listen"));
    assert!(refused(&server(0, port)).contains("server.health"));
    let said = refused("cameras: []\nmedia: { ffmpeg: /nowhere/ffmpeg }\n");
    assert!(said.contains("/nowhere/ffmpeg"), "{said}");
}

#[tokio::test]
async fn a_folder_that_is_gone_or_an_audit_log_that_cannot_be_written_is_said_at_the_start() {
    let installation = Installation::new("cameras: []\n");
    std::fs::remove_dir(installation.path().join("snapshots")).unwrap();
    let said = String::from_utf8(installation.command().arg("run").output().unwrap().stderr).unwrap();
    assert!(said.contains("mkdir -p") && said.contains("snapshots"), "{said}");
    let installation = Installation::new("cameras: []\n");
    std::fs::create_dir(installation.path().join("audit.jsonl")).unwrap();
    let output = installation.command().arg("run").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("audit log"));
}

#[tokio::test]
async fn health_and_metrics_tell_the_truth_about_components() {
    let installation = Installation::new(
        "cameras:\n  - { name: good, source: \"test:pattern\", resolution: 160x120, fps: 5 }\n  \
         - { name: bad, source: \"rtsp://127.0.0.1:1/nothing\" }\n",
    );
    let service = installation.start();
    let mut client = service.client(Role::Admin).await;
    service.camera_delivers(&mut client, "good").await;
    assert_eq!(http(service.health, "/health/live", &[]).await.0, 200);
    assert_eq!(http(service.health, "/health/ready", &[]).await.0, 200, "the other cameras are served");
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let status = client.succeed("get_system_status", json!({})).await;
        if status["status"] == "partial" && !status["problems"][0]["reason"].to_string().contains("good") {
            assert_eq!(status["problems"][0]["name"], "cameras");
            assert!(status["problems"][0]["reason"].as_str().unwrap().contains("bad"), "{status}");
            break;
        }
        assert!(std::time::Instant::now() < until, "{status}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // Why, is told on this machine only.
    let system = async |headers: &[(&str, &str)]| {
        let (_, _, body) = http(service.health, "/health/system", headers).await;
        String::from_utf8(body).unwrap()
    };
    assert!(system(&[]).await.contains("no pictures from bad"));
    let passed_on = system(&[("Forwarded", "for=192.0.2.1")]).await;
    assert!(passed_on.contains("degraded") && !passed_on.contains("no pictures from bad"), "{passed_on}");
    let (status, head, body) = http(service.health, "/metrics", &[]).await;
    let text = String::from_utf8(body).unwrap();
    assert!(status == 200 && head.contains("openmetrics-text"), "{head}");
    for line in [
        "camera_service_camera_up{device=\"good\"} 1",
        "camera_service_camera_up{device=\"bad\"} 0",
        "camera_service_component_up{component=\"cameras\"} 0",
        "camera_service_component_up{component=\"media_engine\"} 1",
        "camera_service_calls_total{method=\"authenticate\"} 1",
        "camera_service_connections 1",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
    }
    assert_eq!(text.matches("# EOF").count(), 1, "one text, with one end");
    assert!(!text.contains("rtsp://"), "no sources in metrics");
}

/// What `config check` says, and its exit status.
fn checked(installation: &Installation) -> (Option<i32>, String) {
    let output = installation.command().args(["config", "check"]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("server:"), "the configuration is shown: {shown}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_check_finds_all_that_a_start_would_and_a_running_service_is_not_in_its_way() {
    let (clients, health) = (free_port(), free_port());
    let server = format!("server: {{ listen: \"127.0.0.1:{clients}\", health: \"127.0.0.1:{health}\" }}\n");
    let installation = Installation::new(&format!("cameras: []\n{server}"));
    assert_eq!(checked(&installation).0, Some(0));
    assert!(!installation.path().join("security/api-keys.json").exists(), "nothing is made");
    let service = installation.start();
    assert_eq!(checked(&installation), (Some(0), "Nothing stands in the way of a start.\n".into()));
    drop(service);

    let taken = TcpListener::bind(("127.0.0.1", clients)).unwrap();
    std::fs::remove_dir_all(installation.path().join("snapshots")).unwrap();
    installation.write_private("security/api-keys.json", "damaged");
    let text = std::fs::read_to_string(installation.path().join("config/camera-service.yaml")).unwrap();
    let here = installation.path().display();
    let tls = format!("tls: {{ certificate: {here}/cert.pem, key: {here}/key.pem }} }}");
    let text =
        text.replace(&server, &(server.trim_end().trim_end_matches(" }").to_owned() + ", " + &tls + "\n"));
    let text = text + "media: { ffmpeg: /nowhere/ffmpeg }\n";
    std::fs::write(installation.path().join("config/camera-service.yaml"), text).unwrap();
    let (status, said) = checked(&installation);
    assert_eq!(status, Some(1), "{said}");
    for part in [
        "key.pem",
        "/nowhere/ffmpeg",
        "apt install ffmpeg",
        "snapshots",
        "server.listen",
        "api-keys.json",
        "5 things stand in the way",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    drop(taken);
    // A key that others may read, and one that is not the certificate's.
    let issue = || rcgen::generate_simple_self_signed(vec!["cameras.test".to_owned()]).unwrap();
    installation.write_private("cert.pem", &issue().cert.pem());
    installation.write_private("key.pem", &issue().signing_key.serialize_pem());
    assert!(checked(&installation).1.contains("do not fit together"));
    std::fs::set_permissions(
        installation.path().join("key.pem"),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    assert!(checked(&installation).1.contains("chmod 600"));
    installation.write_private(".env", "");
    let output = installation.command().args(["config", "check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "no secret is a wrong configuration");
}

#[test]
fn a_folder_that_is_missing_is_in_the_way_once_and_it_is_said_what_makes_it() {
    let installation = Installation::new("cameras: []\n");
    std::fs::remove_dir_all(installation.path().join("security")).unwrap();
    let (status, said) = checked(&installation);
    assert_eq!((status, said.matches("security").count()), (Some(1), 1), "{said}");
    assert!(said.contains("camera-service install") && said.contains("one thing stands"), "{said}");
}

#[test]
fn two_installations_do_not_share_a_folder_of_media() {
    let first = Installation::new("cameras: []\n");
    let folder = first.path().join("recordings");
    let second = Installation::new(&format!(
        "cameras: []\nstorage: {{ recordings: HERE/recordings, snapshots: {}, warn: \"98 %\", block: \"99 %\" }}\n",
        folder.display()
    ));
    let service = first.start();
    // What looks like the rest of an earlier run is the first one's picture.
    std::fs::write(folder.join(".draft-1-0.part"), "a picture").unwrap();
    for arguments in [&["run"][..], &["config", "check"]] {
        let output = second.command().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        let process = format!("(process {})", service.child.id());
        assert!(said.contains("keeps its files in") && said.contains(&process), "{said}");
    }
    assert!(folder.join(".draft-1-0.part").exists());
    drop(service);
    drop(second.start());
}
