//! `http` against Debian's nginx in each state, and against listeners that speak something else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use probity_plan::kinds::http::Http;
use probity_plan::text::Piece;
use probity_plan::{Act, Barrier, Text, Value};
use probity_probe::Seen;
use support::{HOSTILE, Running, barrier, known, look, look_with, text, tool};

struct Server {
    plain: String,
    tls: String,
    folder: tempfile::TempDir,
    _running: Running,
}

/// nginx with an open, a guarded, a forbidden and a moved place, also in TLS.
fn server() -> Option<Server> {
    let folder = support::folder();
    let own = folder.path().display();
    let file = |name: &str| format!("{own}/{name}");
    let mut certificate = tool("openssl")?;
    certificate.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "5",
        "-subj",
        "/CN=localhost",
    ]);
    certificate.args([
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]);
    support::run(certificate.args(["-keyout", &file("key.pem"), "-out", &file("cert.pem")]));
    let mut password = tool("openssl").unwrap();
    let hash = support::run(password.args(["passwd", "-apr1", "correct-horse"]));
    std::fs::write(file("users"), format!("anna:{hash}")).unwrap();
    std::fs::create_dir(file("www")).unwrap();
    std::fs::write(file("www/state.json"), "{\"ready\": true, \"jobs\": [1, 2]}").unwrap();
    let (port, tls) = (support::free_port(), support::free_port());
    let user = if support::root() { "user root;" } else { "" };
    std::fs::write(
        file("nginx.conf"),
        format!(
            "daemon off; {user} pid {own}/pid; error_log {own}/error.log;\nevents {{}}\nhttp {{ access_log {own}/access.log; \
             client_body_temp_path {own}/body; proxy_temp_path {own}/proxy; fastcgi_temp_path {own}/fastcgi; \
             uwsgi_temp_path {own}/uwsgi; scgi_temp_path {own}/scgi;\nserver {{ listen 127.0.0.1:{port}; \
             listen 127.0.0.1:{tls} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; root {own}/www;\n\
             location /state.json {{ add_header X-Twice one; add_header X-Twice two; add_header Set-Cookie token=correct; }}\n\
             location /guarded {{ auth_basic here; auth_basic_user_file users; alias {own}/www/state.json; }}\n\
             location /forbidden {{ deny all; }}\n\
             location /moved {{ return 301 /moved-again; }}\nlocation /moved-again {{ return 302 /state.json; }}\n\
             location /loop {{ return 302 /loop; }}\nlocation /failing {{ return 503 busy; }}\n}} }}"
        ),
    )
    .unwrap();
    let running =
        support::start(tool("nginx").unwrap().args(["-c", &file("nginx.conf"), "-e", &file("first.log")]));
    support::until_listens(port);
    support::until_listens(tls);
    Some(Server {
        plain: format!("http://127.0.0.1:{port}"),
        tls: format!("https://127.0.0.1:{tls}"),
        folder,
        _running: running,
    })
}

fn get(url: impl Into<String>) -> Http {
    Http {
        http: Text::plain(url),
        method: None,
        headers: BTreeMap::new(),
        body: None,
        redirects: None,
        ca: None,
    }
}

async fn see(http: Http) -> Seen {
    look(Act::Http(http)).await
}

#[tokio::test]
async fn a_server_that_answers_is_seen_with_headers_body_and_times() {
    let Some(server) = server() else { return };
    let seen = see(get(format!("{}/state.json?x=1", server.plain))).await;
    assert_eq!((known(&seen, "answered"), known(&seen, "status")), (&Value::Bool(true), &Value::from(200)));
    assert_eq!(text(&seen, "version"), "HTTP/1.1");
    assert_eq!(known(&seen, "size_bytes"), &Value::from(31));
    assert_eq!(text(&seen, "body"), "{\"ready\": true, \"jobs\": [1, 2]}");
    assert_eq!(
        known(&seen, "json"),
        &Value::from_json(&serde_json::json!({"ready": true, "jobs": [1, 2]}).to_string()).unwrap()
    );
    let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
    assert_eq!(headers["content-type"], Value::from("text/plain"));
    assert_eq!(headers["x-twice"], Value::from("one, two"));
    assert_eq!(headers["set-cookie"], Value::from("[masked]"));
    // As coreutils digest the same file.
    let said = support::run(
        std::process::Command::new("sha256sum").arg(server.folder.path().join("www/state.json")),
    );
    assert_eq!(text(&seen, "sha256"), said.split(' ').next().unwrap());
    // What holds a secret is digested as it is recorded.
    let masked = server.folder.path().join("masked");
    std::fs::write(&masked, "{[secret words], \"jobs\": [1, 2]}").unwrap();
    let said_masked = support::run(std::process::Command::new("sha256sum").arg(masked));
    let secrets = [("words", "\"ready\": true")];
    let act = Act::Http(get(format!("{}/state.json", server.plain)));
    let with_secret = look_with(act, &secrets, Duration::from_secs(10)).await;
    assert_eq!(text(&with_secret, "sha256"), said_masked.split(' ').next().unwrap());
    let ms = |fact: &str| known(&seen, fact).ends().unwrap().1;
    assert_eq!(ms("tls_ms").floor(), 0.0);
    assert!(ms("connect_ms") + ms("first_byte_ms") <= ms("elapsed_ms"));
    // What it asked for, as nginx logged it.
    let log = std::fs::read_to_string(server.folder.path().join("access.log")).unwrap();
    assert!(log.contains("\"GET /state.json?x=1 HTTP/1.1\" 200"), "{log}");
    assert!(log.contains("probity/"), "{log}");
}

#[tokio::test]
async fn a_failure_and_an_absent_page_are_answers() {
    let Some(server) = server() else { return };
    for (path, status) in [("failing", 503), ("nothing-here", 404)] {
        let seen = see(get(format!("{}/{path}", server.plain))).await;
        assert_eq!(
            (known(&seen, "answered"), known(&seen, "status")),
            (&Value::Bool(true), &Value::from(status))
        );
        assert_eq!(barrier(&seen, "json"), Barrier::Protocol);
    }
}

#[tokio::test]
async fn redirects_are_followed_only_as_far_as_the_plan_says() {
    let Some(server) = server() else { return };
    let moved = format!("{}/moved", server.plain);
    let seen = see(get(&*moved)).await;
    assert_eq!(known(&seen, "status"), &Value::from(301));
    assert_eq!(known(&seen, "redirects"), &Value::List(Vec::new()));
    let seen = see(Http { redirects: Some(2), ..get(&*moved) }).await;
    assert_eq!(known(&seen, "status"), &Value::from(200));
    let way = vec![format!("{}/moved-again", server.plain), format!("{}/state.json", server.plain)];
    assert_eq!(known(&seen, "redirects"), &Value::from(way));
    let seen = see(Http { redirects: Some(5), ..get(format!("{}/loop", server.plain)) }).await;
    assert_eq!(known(&seen, "status"), &Value::from(302));
    assert!(matches!(known(&seen, "redirects"), Value::List(way) if way.len() == 5));
}

/// Answers every connection with this, and hands on what was asked.
fn answering(listener: std::net::TcpListener, answer: String) -> std::sync::mpsc::Receiver<String> {
    use std::io::{Read, Write};
    let (send, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
                if read == 0 {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).unwrap();
            if send.send(String::from_utf8(request).unwrap()).is_err() {
                return;
            }
        }
    });
    asked
}

#[tokio::test]
async fn a_redirect_does_not_lead_a_secret_to_another_server() {
    let listener = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (target, stranger) = (listener(), listener());
    let url = format!("http://{}/", target.local_addr().unwrap());
    let to = format!("http://{}/theirs", stranger.local_addr().unwrap());
    let moved =
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let asked = answering(target, moved);
    let theirs =
        answering(stranger, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
    let token = Text(vec![Piece::Plain("Bearer ".to_owned()), Piece::Secret("token".to_owned())]);
    let headers = BTreeMap::from([("authorization".to_owned(), token)]);
    let act = Act::Http(Http { headers, redirects: Some(3), ..get(&*url) });
    let seen = look_with(act, &[("token", "correct-horse")], Duration::from_secs(10)).await;
    assert_eq!(known(&seen, "status"), &Value::from(302));
    assert!(asked.recv().unwrap().contains("Bearer correct-horse"));
    assert!(theirs.try_recv().is_err(), "the other server was asked");
    // Without a secret it is followed.
    let seen = see(Http { redirects: Some(3), ..get(&*url) }).await;
    assert_eq!(known(&seen, "status"), &Value::from(200));
    assert!(theirs.recv().unwrap().starts_with("GET /theirs"));
}

#[tokio::test]
async fn a_refusal_is_a_status_and_the_right_password_its_control() {
    let Some(server) = server() else { return };
    for (path, status) in [("guarded", 401), ("forbidden", 403)] {
        let seen = see(get(format!("{}/{path}", server.plain))).await;
        assert_eq!(known(&seen, "status"), &Value::from(status));
    }
    // "anna:correct-horse" in base64, as the browser sends it.
    let words = Text(vec![Piece::Plain("Basic ".to_owned()), Piece::Secret("words".to_owned())]);
    let headers = BTreeMap::from([("Authorization".to_owned(), words)]);
    let act = Act::Http(Http { headers, ..get(format!("{}/guarded", server.plain)) });
    let secrets = [("words", "YW5uYTpjb3JyZWN0LWhvcnNl")];
    let seen = look_with(act.clone(), &secrets, Duration::from_secs(10)).await;
    assert_eq!(known(&seen, "status"), &Value::from(200));
    // Without the secret there was no look.
    let seen = look(act).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::NotMade);
}

#[tokio::test]
async fn tls_counts_as_an_answer_only_where_the_certificate_is_trusted() {
    let Some(server) = server() else { return };
    let url = format!("{}/state.json", server.tls);
    let ca = server.folder.path().join("cert.pem").display().to_string();
    let seen = see(Http { ca: Some(ca), ..get(&*url) }).await;
    assert_eq!(known(&seen, "status"), &Value::from(200));
    assert!(known(&seen, "tls_ms").ends().unwrap().0 > 0.0);
    let seen = see(get(url)).await;
    assert!([Barrier::Protocol, Barrier::ToolMissing].contains(&barrier(&seen, "status")), "{seen:?}");
    // Plain HTTP spoken to a port that wants TLS: nginx says so in plain HTTP.
    let seen = see(get(server.tls.replace("https:", "http:"))).await;
    assert_eq!(known(&seen, "status"), &Value::from(400));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_not_answered() {
    let seen = see(get(format!("http://127.0.0.1:{}/", support::free_port()))).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "status"), Barrier::ConnectionRefused);
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let silent = support::silent();
    let seen = support::look_at_hanging(Act::Http(get(format!("http://{}/", silent.address)))).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    silent.until_gone().await;
    let hole = support::black_hole();
    let seen = support::look_at_hanging(Act::Http(get(format!("http://{}/", hole.address)))).await;
    assert_eq!(barrier(&seen, "connect_ms"), Barrier::TimedOut);
}

#[tokio::test]
async fn what_came_before_the_time_out_is_kept() {
    // The body that was announced never comes.
    let server = support::stops_after(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let seen = support::look_at_hanging(Act::Http(get(format!("http://{}/", server.address)))).await;
    assert_eq!((known(&seen, "answered"), known(&seen, "status")), (&Value::Bool(true), &Value::from(200)));
    assert_eq!(barrier(&seen, "body"), Barrier::TimedOut);
    server.until_gone().await;
}

#[tokio::test]
async fn nonsense_is_a_barrier_and_no_answer() {
    let many = (0..500).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    for nonsense in [
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        Vec::new(),
        b"HTTP/1.1 2000 OK\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n".to_vec(),
        b"\x00\xff\xfe".repeat(500),
        format!("HTTP/1.1 200 OK\r\n{many}\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(1_000_000)).into_bytes(),
    ] {
        let seen = see(get(format!("http://{}/", support::says(nonsense.clone())))).await;
        let shown: String = String::from_utf8_lossy(&nonsense).chars().take(60).collect();
        assert_eq!(barrier(&seen, "status"), Barrier::Protocol, "{shown:?}: {seen:?}");
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{shown:?}");
    }
    // Announced longer than it is: the head is an answer, the body is not whole.
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    let seen = see(get(format!("http://{}/", support::says(*short)))).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(true));
    assert_eq!(barrier(&seen, "size_bytes"), Barrier::Protocol);
}

#[tokio::test]
async fn hostile_answers_are_kept_as_text_or_not_at_all() {
    let answer = |head: &str, body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{head}\r\n", body.len()).as_bytes(), body].concat()
    };
    let seen = see(get(format!("http://{}/", support::says(answer("", HOSTILE.as_bytes()))))).await;
    assert_eq!(text(&seen, "body"), HOSTILE);
    assert_eq!(barrier(&seen, "json"), Barrier::Protocol);
    // A header may hold any byte but controls; those make it no header.
    let seen = see(get(format!("http://{}/", support::says(answer("X-Bidi: \u{202e}nimda\r\n", b""))))).await;
    let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
    assert_eq!(headers["x-bidi"], Value::from("\u{202e}nimda"));
    let seen = see(get(format!("http://{}/", support::says(answer("X-Ansi: \u{1b}[2J\r\n", b""))))).await;
    assert_eq!(barrier(&seen, "headers"), Barrier::Protocol);
    // Not UTF-8: the length and the digest are facts, the text is not.
    let seen = see(get(format!("http://{}/", support::says(answer("", b"\xff\xfe\x00"))))).await;
    assert_eq!(known(&seen, "size_bytes"), &Value::from(3));
    assert_eq!(text(&seen, "sha256").len(), 64);
    assert_eq!((barrier(&seen, "body"), barrier(&seen, "json")), (Barrier::Protocol, Barrier::Protocol));
    // More than anybody wants to keep.
    let seen = see(get(format!("http://{}/", support::says(answer("", &vec![b'x'; 20 << 20]))))).await;
    assert_eq!(barrier(&seen, "body"), Barrier::TooLarge);
    assert_eq!(known(&seen, "status"), &Value::from(200));
    // Nested without end.
    let deep = "[".repeat(100_000);
    let seen = see(get(format!("http://{}/", support::says(answer("", deep.as_bytes()))))).await;
    assert_eq!(barrier(&seen, "json"), Barrier::Protocol);
}

#[tokio::test]
async fn a_url_that_is_none_says_what_would_be_right() {
    for (url, word) in [("ftp://127.0.0.1/", "http or https"), ("127.0.0.1:80", "URL"), ("http://", "URL")] {
        let seen = see(get(url)).await;
        let blocked = &seen.unknown["*"];
        assert_eq!(blocked.barrier, Barrier::Unsupported, "{url}");
        assert!(blocked.detail.contains(word), "{blocked:?}");
        assert!(!seen.facts.contains_key("answered"));
    }
}
