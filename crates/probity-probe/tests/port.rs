//! `port` against real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod machine;
mod support;

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::Duration;

use machine::{act, json_of, look, look_after, look_as_nobody, refused};
use probity_plan::Barrier;
use serde_json::json;
use support::{barrier, free_port, known, text};

fn me() -> serde_json::Value {
    let user = std::process::Command::new("id").arg("-un").output().unwrap();
    json!(String::from_utf8(user.stdout).unwrap().trim())
}

#[tokio::test]
async fn a_listening_port_shows_its_addresses_and_owner() {
    let inner = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = inner.local_addr().unwrap().port();
    let seen = look("port", json!({ "port": port })).await;
    assert_eq!(json_of(&seen, "listening"), json!(true));
    assert_eq!(json_of(&seen, "addresses"), json!(["127.0.0.1"]));
    assert_eq!(json_of(&seen, "loopback_only"), json!(true));
    assert_eq!(json_of(&seen, "users"), json!([me()]));
    assert_eq!(json_of(&seen, "pids"), json!([std::process::id()]));
    let owner = &json_of(&seen, "owners")[0];
    assert_eq!(owner["pid"], json!(std::process::id()));
    assert_eq!(owner["executable"], json!(std::env::current_exe().unwrap()));
    assert_eq!(owner["process_user"], me());
    assert_eq!(owner["port"], json!(port));
    assert_eq!(barrier(&seen, "connected"), Barrier::NotMade);
}

#[tokio::test]
async fn every_address_of_both_families_is_shown() {
    let first = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = first.local_addr().unwrap().port();
    let seen = look("port", json!({ "port": port })).await;
    assert_eq!(json_of(&seen, "addresses"), json!(["0.0.0.0"]));
    assert_eq!(json_of(&seen, "loopback_only"), json!(false));
    let Ok(second) = TcpListener::bind("[::1]:0") else {
        eprintln!("SKIPPED: with IPv6 this test also looks at a socket on ::1");
        return;
    };
    let port = second.local_addr().unwrap().port();
    let seen = look("port", json!({ "port": port })).await;
    assert_eq!(json_of(&seen, "addresses"), json!(["::1"]));
    assert_eq!(json_of(&seen, "loopback_only"), json!(true));
}

#[tokio::test]
async fn udp_and_tcp_are_told_apart() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let seen = look("port", json!({ "port": port, "protocol": "udp" })).await;
    assert_eq!(json_of(&seen, "listening"), json!(true));
    assert_eq!(json_of(&seen, "sockets")[0]["protocol"], json!("udp"));
    // One that talks to a single peer listens to nobody else.
    socket.connect("127.0.0.1:9").unwrap();
    let seen = look("port", json!({ "port": port, "protocol": "udp" })).await;
    assert_eq!(json_of(&seen, "listening"), json!(false));
}

#[tokio::test]
async fn a_free_port_is_not_listening() {
    let seen = look("port", json!({ "port": free_port() })).await;
    assert_eq!(json_of(&seen, "listening"), json!(false));
    for fact in ["addresses", "users", "sockets", "pids", "owners"] {
        assert_eq!(json_of(&seen, fact), json!([]), "{fact}");
    }
    assert_eq!(barrier(&seen, "loopback_only"), Barrier::Unreachable);
}

#[tokio::test]
async fn without_a_number_every_listening_socket_is_listed() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = support::folder();
    let path = folder.path().join("listening.sock");
    let _unix = UnixListener::bind(&path).unwrap();
    let seen = look("port", json!({ "port": "all" })).await;
    let sockets = json_of(&seen, "sockets");
    for (protocol, port) in
        [("tcp", tcp.local_addr().unwrap().port()), ("udp", udp.local_addr().unwrap().port())]
    {
        let wanted = json!({
            "protocol": protocol, "address": "127.0.0.1", "port": port, "loopback": true, "user": me(),
            "uid": rustix::process::getuid().as_raw(),
        });
        assert!(sockets.as_array().unwrap().contains(&wanted), "{wanted} is not in {sockets}");
    }
    assert!(json_of(&seen, "unix_sockets").as_array().unwrap().contains(&json!(path)));
}

/// Python that begins to listen on `PORT` with `s`.
const LISTENS: &str = "import array, ctypes, os, socket, sys, threading, time\n\
    def listen():\n  s = socket.socket(); s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(); return s\n";

#[tokio::test]
async fn a_socket_that_a_thread_alone_holds_is_its_process_s() {
    for does in [
        // exit(2) of the first thread alone.
        "s = listen(); threading.Thread(target=time.sleep, args=(60,)).start()\n\
         ctypes.CDLL(None).syscall(60 if os.uname().machine == 'x86_64' else 93, 0)",
        // unshare(2) with CLONE_FILES.
        "def own():\n  ctypes.CDLL(None).unshare(0x400); s = listen(); time.sleep(60)\n\
         threading.Thread(target=own).start(); time.sleep(60)",
    ] {
        let port = free_port();
        let mut python = std::process::Command::new("python3");
        let running = support::start(python.args(["-c", &format!("{LISTENS}{does}"), &port.to_string()]));
        support::until_listens(port);
        // The first thread goes on for a moment.
        std::thread::sleep(Duration::from_millis(200));
        let seen = look("port", json!({ "port": port })).await;
        assert_eq!(json_of(&seen, "pids"), json!([running.pid()]), "{does}: {seen:?}");
        let owners = json_of(&seen, "owners");
        assert!(owners[0]["executable"].as_str().unwrap().contains("python3"), "{owners}");
        assert_eq!((&owners[0]["pid"], &owners[0]["process_user"]), (&json!(running.pid()), &me()));
    }
}

#[tokio::test]
async fn a_socket_that_nobody_is_found_to_hold_has_no_known_owner() {
    let port = free_port();
    let script = format!(
        "{LISTENS}a, b = socket.socketpair(); s = listen()\n\
         a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]))])\n\
         s.close(); print(); sys.stdout.flush(); time.sleep(60)"
    );
    let mut python = std::process::Command::new("python3");
    let python = python.args(["-c", &script, &port.to_string()]);
    let _running = support::start(python.stdout(std::process::Stdio::null()));
    support::until_listens(port);
    std::thread::sleep(Duration::from_millis(200));
    let seen = look("port", json!({ "port": port })).await;
    assert_eq!(json_of(&seen, "listening"), json!(true));
    for fact in ["pids", "owners"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unsupported, "{fact}: {seen:?}");
    }
}

#[test]
fn another_users_process_is_a_barrier_and_its_port_is_not() {
    // Inherited by nobody; this test's own program, which is root's where the tests run as root.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    if !support::root() {
        eprintln!("SKIPPED: as root this test also looks at root's socket as another user");
        assert!(std::env::var_os("CI").is_none(), "CI runs these tests as root");
        return;
    }
    let seen = look_as_nobody("port", &json!({ "port": port }));
    assert_eq!(json_of(&seen, "listening"), json!(true));
    assert_eq!(json_of(&seen, "users"), json!(["root"]));
    for fact in ["pids", "owners"] {
        assert_eq!(barrier(&seen, fact), Barrier::PermissionDenied, "{fact}");
    }
}

#[test]
fn without_proc_nobody_is_said_to_listen_or_not() {
    let Some(seen) = look_after("mount -t tmpfs none /proc", "port", &json!({ "port": 22 })) else { return };
    assert!(!seen.facts.contains_key("listening"), "{seen:?}");
}

#[test]
fn a_table_that_makes_no_sense_is_a_barrier() {
    // Of TCP the kernel's socket diagnostics tell, which do not need it.
    let first = "mount -t tmpfs none /proc; mkdir /proc/net; printf 'header\\nnonsense\\n' | tee /proc/net/tcp > /proc/net/udp";
    let Some(seen) = look_after(first, "port", &json!({ "port": 22 })) else { return };
    assert_eq!(barrier(&seen, "listening"), Barrier::Protocol);
}

#[tokio::test]
async fn a_unix_socket_is_found_by_its_path_or_abstract_name() {
    use std::os::linux::net::SocketAddrExt as _;
    let folder = support::folder();
    let path = folder.path().join("with a blank.sock");
    let bound = UnixListener::bind(&path).unwrap();
    let seen = look("port", json!({ "port": path })).await;
    assert_eq!(json_of(&seen, "listening"), json!(true));
    assert_eq!(json_of(&seen, "addresses"), json!([path]));
    drop(bound);
    // The file is still there; nobody listens.
    assert!(path.exists());
    assert_eq!(json_of(&look("port", json!({ "port": path })).await, "listening"), json!(false));

    // Of datagrams, as /dev/log is: they are taken without listening, connected to or not.
    let datagrams = folder.path().join("log");
    let bound = UnixDatagram::bind(&datagrams).unwrap();
    let listening = async || json_of(&look("port", json!({ "port": datagrams })).await, "listening");
    assert_eq!(listening().await, json!(true));
    let client = UnixDatagram::unbound().unwrap();
    client.connect(&datagrams).unwrap();
    assert_eq!(listening().await, json!(true));
    drop(bound);
    assert_eq!(listening().await, json!(false));

    let name = format!("probity-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _abstract = UnixListener::bind_addr(&address).unwrap();
    let seen = look("port", json!({ "port": format!("@{name}") })).await;
    assert_eq!(json_of(&seen, "listening"), json!(true));
    assert_eq!(
        json_of(&look("port", json!({ "port": format!("/{name}") })).await, "listening"),
        json!(false)
    );
}

#[tokio::test]
async fn a_unix_socket_is_the_file_that_stands_at_its_path() {
    let folder = support::folder();
    let path = |name: &str| folder.path().join(name);
    let listening =
        async |at: std::path::PathBuf| json_of(&look("port", json!({ "port": at })).await, "listening");
    std::fs::create_dir(path("real")).unwrap();
    std::os::unix::fs::symlink("real", path("link")).unwrap();
    // Bound by another way to the same file, and asked for by a link to it: connect(2) follows both.
    let _bound = UnixListener::bind(path("link/a.sock")).unwrap();
    std::os::unix::fs::symlink("real/a.sock", path("other-name")).unwrap();
    for at in ["link/a.sock", "real/a.sock", "other-name"] {
        assert_eq!(listening(path(at)).await, json!(true), "{at}");
    }
    // Moved, it is where it is now.
    std::fs::rename(path("real/a.sock"), path("moved.sock")).unwrap();
    assert_eq!(listening(path("moved.sock")).await, json!(true));
    assert_eq!(listening(path("real/a.sock")).await, json!(false));
    // Another socket stands in its place, on which nobody listens any more.
    drop(UnixListener::bind(path("real/a.sock")).unwrap());
    assert_eq!(listening(path("real/a.sock")).await, json!(false));
    std::fs::write(path("plain"), "").unwrap();
    assert_eq!(listening(path("plain")).await, json!(false));
    let gone = UnixListener::bind(path("gone.sock")).unwrap();
    std::fs::remove_file(path("gone.sock")).unwrap();
    assert_eq!(listening(path("gone.sock")).await, json!(false));
    drop(gone);
}

#[tokio::test]
async fn a_unix_socket_is_found_whatever_network_its_listener_lives_in() {
    if !support::root() {
        eprintln!("SKIPPED: only root makes network namespaces");
        return;
    }
    let folder = support::folder();
    let path = folder.path().join("beside.sock");
    let listen = "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); time.sleep(1000)";
    let mut command = std::process::Command::new("unshare");
    let beside = support::start(command.args(["--net", "python3", "-c", listen]).arg(&path));
    support::until("it listens", || std::os::unix::net::UnixStream::connect(&path).is_ok());
    let seen = look("port", json!({ "port": path })).await;
    assert_eq!(json_of(&seen, "listening"), json!(true), "{seen:?}");
    // Who may not look there cannot say that nobody listens.
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let seen = look_as_nobody("port", &json!({ "port": path }));
    assert_eq!(barrier(&seen, "listening"), Barrier::PermissionDenied);
    drop(beside);
    assert!(path.exists());
    assert_eq!(json_of(&look("port", json!({ "port": path })).await, "listening"), json!(false));
}

#[tokio::test]
async fn a_hostile_socket_name_forges_no_other() {
    use std::os::linux::net::SocketAddrExt as _;
    // In /proc/net/unix the second line would look like a listening socket.
    let name = format!(
        "\u{1b}[2J{}\n0000000000000000: 00000002 00000000 00010000 0001 01 99999 /run/probity-forged.sock",
        std::process::id()
    );
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _abstract = UnixListener::bind_addr(&address).unwrap();
    let seen = look("port", json!({ "port": "/run/probity-forged.sock" })).await;
    assert_eq!(json_of(&seen, "listening"), json!(false));
    let seen = look("port", json!({ "port": "all" })).await;
    assert!(json_of(&seen, "unix_sockets").as_array().unwrap().contains(&json!(format!("@{name}"))));
}

#[tokio::test]
async fn a_connection_that_is_taken_is_connected_whoever_answers() {
    for address in [support::says("\u{1b}[2Jnonsense"), support::silent().address] {
        let seen = look("port", json!({ "port": address.port(), "connect": "127.0.0.1" })).await;
        assert_eq!(json_of(&seen, "connected"), json!(true));
        assert_eq!(text(&seen, "outcome"), "connected");
        assert!(known(&seen, "connect_ms").ends().unwrap().1 < 10_000.0);
        assert_eq!(barrier(&seen, "listening"), Barrier::NotMade);
    }
}

#[tokio::test]
async fn a_refused_connection_is_not_connected() {
    let seen = look("port", json!({ "port": free_port(), "connect": "127.0.0.1" })).await;
    assert_eq!(json_of(&seen, "connected"), json!(false));
    assert_eq!(text(&seen, "outcome"), "refused");
    // A refusal is quick, and no quick connection.
    assert_eq!(barrier(&seen, "connect_ms"), Barrier::ConnectionRefused);
}

#[tokio::test]
async fn a_port_that_drops_is_not_connected_in_time() {
    let hole = support::black_hole();
    let act = act("port", json!({ "port": hole.address.port(), "connect": "127.0.0.1" }));
    let seen = support::look_with(act, &[], Duration::from_millis(300)).await;
    assert_eq!(json_of(&seen, "connected"), json!(false));
    assert_eq!(text(&seen, "outcome"), "timed-out");
    let (least, most) = known(&seen, "connect_ms").ends().unwrap();
    assert!(least >= 300.0 && most.is_infinite(), "{least} {most}");
}

#[tokio::test]
async fn a_host_without_an_address_says_nothing_about_its_port() {
    let seen = look("port", json!({ "port": 22, "connect": "no-such-host.invalid" })).await;
    assert_eq!(barrier(&seen, "connected"), Barrier::Unreachable);
}

#[test]
fn a_wrong_port_says_what_would_be_right() {
    for port in [json!(0), json!(65536), json!(-1), json!("ssh"), json!("")] {
        let said = refused("port", json!({ "port": port }));
        assert!(said.contains("a port number from 1 to 65535"), "{port}: {said}");
    }
    assert!(refused("port", json!({ "port": 53, "protocol": "udp", "connect": "::1" })).contains("UDP"));
    assert!(
        refused("port", json!({ "port": "/run/x", "protocol": "tcp" })).contains("goes with a port number")
    );
    assert!(refused("port", json!({ "port": "all", "connect": "::1" })).contains("needs a port number"));
}
