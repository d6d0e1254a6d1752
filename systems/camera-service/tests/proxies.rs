//! The service behind real proxies, HAProxy and nginx (`scripts/debian-tools`), in each way that they say for whom they ask.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use camera_access::Role;
use serde_json::json;
use support::debian::{Group, program, start};
use support::{Client, Installation, PATIENCE, Running, connect_from, token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The proxy's own address is trusted, and no other.
fn installation(speak: &str) -> Installation {
    Installation::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\", trusted_proxies: {{ addresses: [\"127.0.0.1/32\"], \
         speak: {speak} }} }}\ncameras: []\n\
         limits: {{ authentications_per_minute: 1, authentication_burst: 2, connections_per_address: 3 }}\n"
    ))
}

struct Proxy {
    address: SocketAddr,
    _folder: tempfile::TempDir,
    _running: Group,
}

impl Proxy {
    /// Starts one with a configuration in which `PORT` is its own and `FOLDER` one for its files.
    async fn start(name: &str, arguments: &[&str], configuration: &str) -> Option<Proxy> {
        let program = program(&[name])?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let text = configuration.replace("PORT", &port.to_string()).replace("FOLDER", &path);
        std::fs::write(folder.path().join("configuration"), text).unwrap();
        let arguments: Vec<String> =
            arguments.iter().map(|argument| argument.replace("FOLDER", &path)).collect();
        let log = folder.path().join("log");
        let running = start(&program, &arguments, &log);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(Instant::now() < until, "{name} does not listen: {said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(Proxy { address, _folder: folder, _running: running })
    }

    /// HAProxy, with these lines for what it passes on.
    async fn haproxy(lines: &str) -> Option<Proxy> {
        let configuration = format!(
            "defaults\n  timeout connect 30s\n  timeout client 90s\n  timeout server 90s\n\
             listen cameras\n  bind 127.0.0.1:PORT\n{lines}\n"
        );
        Proxy::start("haproxy", &["-db", "-f", "FOLDER/configuration"], &configuration).await
    }

    /// nginx, as its manual says that WebSockets and addresses are passed on.
    async fn nginx(service: SocketAddr) -> Option<Proxy> {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path FOLDER/{name};"))
            .join(" ");
        let configuration = format!(
            "daemon off; pid FOLDER/pid; error_log stderr;\nevents {{}}\n\
             http {{\n  access_log off; {temporary}\n  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n\
             server {{\n  listen 127.0.0.1:PORT;\n  location / {{\n    proxy_pass http://{service}; proxy_http_version 1.1;\n    \
             proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;\n    \
             proxy_set_header Connection $connection_upgrade;\n    \
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n  }} }}\n}}\n"
        );
        let arguments = ["-e", "stderr", "-p", "FOLDER", "-c", "FOLDER/configuration"];
        Proxy::start("nginx", &arguments, &configuration).await
    }
}

/// The status of a request with a wrong token, from that address of this machine.
async fn guess_file(source: &str, to: SocketAddr, before: &[u8], header: &str) -> Option<u16> {
    let mut stream = connect_from(source, to).await;
    stream.write_all(before).await.unwrap();
    let request = format!(
        "GET /files/recordings/x HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer a.b.c\r\n{header}Connection: close\r\n\r\n"
    );
    // It may be closed by then.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // One that is broken off is no answer.
    let _ = read.expect("neither answered nor closed");
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

async fn guess(source: &str, to: SocketAddr) -> i64 {
    let mut client = Client::connect_from(source, to).await;
    client.refused("authenticate", json!({ "auth_token": "a.b.c" })).await
}

fn audit(service: &Running) -> String {
    std::fs::read_to_string(service.folder.join("audit.jsonl")).unwrap()
}

fn count_of(service: &Running, address: &str) -> usize {
    audit(service).matches(&format!("\"address\":\"{address}\"")).count()
}

/// Two callers behind that proxy have two shares, and none of them is the proxy.
async fn callers_are_told_apart(service: &Running, proxy: &Proxy) {
    let mut codes = Vec::new();
    for source in ["127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.3"] {
        codes.push(guess(source, proxy.address).await);
    }
    assert_eq!(codes, [-32001, -32001, -32040, -32001]);
    let mut statuses = Vec::new();
    for source in ["127.0.0.4", "127.0.0.4", "127.0.0.4", "127.0.0.5"] {
        statuses.push(guess_file(source, proxy.address, b"", "").await.unwrap());
    }
    assert_eq!(statuses, [401, 401, 429, 401]);
    for (address, count) in [("127.0.0.2", 2), ("127.0.0.3", 1), ("127.0.0.4", 2), ("127.0.0.5", 1)] {
        assert_eq!(count_of(service, address), count, "{address}: {}", audit(service));
    }
    assert_eq!(count_of(service, "127.0.0.1"), 0, "the proxy itself has asked for nothing");

    let mut held = Vec::new();
    let mut settle = async |source: &str, role: Role| {
        let mut client = Client::connect_from(source, proxy.address).await;
        let answer = client.call("authenticate", json!({ "auth_token": token(role) })).await;
        held.push(client);
        answer["error"]["code"].as_i64()
    };
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        assert_eq!(settle("127.0.0.6", role).await, None, "{role}");
    }
    assert_eq!(settle("127.0.0.6", Role::Viewer).await, Some(-32020), "an address has three places");
    assert_eq!(settle("127.0.0.7", Role::Viewer).await, None, "which are nobody else's");
}

/// Who writes the header itself, through the proxy and past it, is still who it is.
async fn nobody_can_claim_to_be_another(service: &Running, proxy: &Proxy, header: &str) {
    let claim = format!("{header}192.0.2.1\r\n");
    for (source, to) in [("127.0.0.8", proxy.address), ("127.0.0.9", service.clients)] {
        assert_eq!(guess_file(source, to, b"", &claim).await, Some(401));
        assert_eq!(count_of(service, source), 1, "{}", audit(service));
    }
    assert_eq!(count_of(service, "192.0.2.1"), 0, "{}", audit(service));
}

#[tokio::test]
async fn the_proxy_protocol_of_haproxy_says_who_calls_and_from_others_it_is_no_request() {
    let installation = installation("proxy-protocol");
    let service = installation.start();
    let lines = format!("  mode tcp\n  server service {} send-proxy-v2", service.clients);
    let Some(proxy) = Proxy::haproxy(&lines).await else { return };
    callers_are_told_apart(&service, &proxy).await;
    // Version 2, PROXY, TCP over IPv4: 192.0.2.1:4711 to 192.0.2.2:8002.
    let mut claim = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    claim.extend([192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 0x1f, 0x42]);
    // Through the proxy it is what the client sends, as it is when it comes past it.
    for (source, to) in [("127.0.0.8", proxy.address), ("127.0.0.9", service.clients)] {
        let status = guess_file(source, to, &claim, "").await;
        assert!(matches!(status, None | Some(400)), "{status:?}");
        assert_eq!(count_of(&service, "192.0.2.1"), 0, "{}", audit(&service));
    }
    // And the proxy's own word counts, so that what was refused above was refused for whom it came from.
    assert_eq!(guess_file("127.0.0.1", service.clients, &claim, "").await, Some(401));
    assert_eq!(count_of(&service, "192.0.2.1"), 1, "{}", audit(&service));
}

#[tokio::test]
async fn the_header_forwarded_of_haproxy_says_who_calls_and_nobody_else_s_does() {
    let installation = installation("forwarded");
    let service = installation.start();
    let forwarded = "  mode http\n  http-request add-header Forwarded for=%[src]";
    let lines = format!("{forwarded}\n  server service {}", service.clients);
    let Some(proxy) = Proxy::haproxy(&lines).await else { return };
    callers_are_told_apart(&service, &proxy).await;
    nobody_can_claim_to_be_another(&service, &proxy, "Forwarded: for=").await;
}

#[tokio::test]
async fn the_header_x_forwarded_for_of_nginx_says_who_calls_and_nobody_else_s_does() {
    let installation = installation("x-forwarded-for");
    let service = installation.start();
    let Some(proxy) = Proxy::nginx(service.clients).await else { return };
    callers_are_told_apart(&service, &proxy).await;
    nobody_can_claim_to_be_another(&service, &proxy, "X-Forwarded-For: ").await;
}
