//! `http` against Debian's nginx in each state, and against listeners that speak something else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use probity_plan::kinds::http::Http;
use probity_plan::text::Piece;
use probity_plan::{Act, Barrier, Text, Value};
use probity_probe::Seen;
use support::{HOSTILE, Running, barrier, far, known, look, look_with, text, tool};

struct Server {
    plain: String,
    tls: String,
    /// In TLS, to those alone who show this server's own certificate.
    asking: String,
    /// In HTTP/2, without TLS and in it.
    http2: String,
    http2_tls: String,
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
    let [port, tls, asking, http2, http2_tls] = [(); 5].map(|()| support::free_port());
    let user = if support::root() { "user root;" } else { "" };
    std::fs::write(
        file("nginx.conf"),
        format!(
            "daemon off; {user} pid {own}/pid; error_log {own}/error.log;\nevents {{}}\nhttp {{ access_log {own}/access.log; \
             client_body_temp_path {own}/body; proxy_temp_path {own}/proxy; fastcgi_temp_path {own}/fastcgi; \
             uwsgi_temp_path {own}/uwsgi; scgi_temp_path {own}/scgi;\nserver {{ listen 127.0.0.1:{port}; \
             listen unix:{own}/nginx.sock; listen 127.0.0.1:{tls} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; root {own}/www;\n\
             location /state.json {{ add_header X-Twice one; add_header X-Twice two; add_header Set-Cookie token=correct; }}\n\
             location /guarded {{ auth_basic here; auth_basic_user_file users; alias {own}/www/state.json; }}\n\
             location /forbidden {{ deny all; }}\n\
             location /moved {{ return 301 /moved-again; }}\nlocation /moved-again {{ return 302 /state.json; }}\n\
             location /loop {{ return 302 /loop; }}\nlocation /failing {{ return 503 busy; }}\n}}\n\
             server {{ listen 127.0.0.1:{asking} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; root {own}/www; \
             ssl_client_certificate cert.pem; ssl_verify_client on; }}\n\
             server {{ listen 127.0.0.1:{http2} http2; listen 127.0.0.1:{http2_tls} ssl http2; ssl_certificate cert.pem; \
             ssl_certificate_key key.pem; root {own}/www; \
             location /state.json {{ add_header X-Twice one; add_header X-Twice two; }}\n\
             location /moved {{ return 302 /state.json; }} }} }}"
        ),
    )
    .unwrap();
    let running =
        support::start(tool("nginx").unwrap().args(["-c", &file("nginx.conf"), "-e", &file("first.log")]));
    support::until_listens(port);
    support::until_listens(tls);
    for port in [asking, http2, http2_tls] {
        support::until_listens(port);
    }
    Some(Server {
        plain: format!("http://127.0.0.1:{port}"),
        tls: format!("https://127.0.0.1:{tls}"),
        asking: format!("https://127.0.0.1:{asking}"),
        http2: format!("http://127.0.0.1:{http2}"),
        http2_tls: format!("https://127.0.0.1:{http2_tls}"),
        folder,
        _running: running,
    })
}

fn get(url: impl Into<String>) -> Http {
    Http { http: Text::plain(url), ..Http::default() }
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
    assert_eq!(headers["set-cookie"], Value::from("token=[masked]"));
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

#[tokio::test]
async fn who_answers_with_a_redirect_was_reached_wherever_it_leads() {
    let says = |to: &str| {
        support::says(format!(
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ))
    };
    let hole = support::black_hole();
    for (to, answered) in [
        (format!("http://127.0.0.1:{}/", support::free_port()), Some(false)),
        (format!("http://{}/", support::says(Vec::new())), Some(false)),
        (format!("http://{}/", hole.address), None),
        ("http://no-such-host.invalid/".to_owned(), None),
    ] {
        let act = Act::Http(Http { redirects: Some(3), ..get(format!("http://{}/", says(&to))) });
        let seen = look_with(act, &[], Duration::from_secs(2)).await;
        let [connected, _, _, whole] = far(&seen);
        assert_eq!((connected, whole), (Some(true), answered), "{to}: {seen:?}");
        assert_eq!(known(&seen, "redirects"), &Value::from(vec![to.clone()]));
        let denied = probity_plan::kinds::kind("http").unwrap().denial(&seen.facts, &[]);
        assert_ne!(denied, Some(probity_plan::Denied::Connection), "{to}");
    }
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
    // Without a secret it is followed, by nobody in particular.
    let headers = ["Authorization", "Cookie", "X-Api-Key", "X-Other"]
        .map(|name| (name.to_owned(), Text::plain("open")));
    let seen = see(Http { headers: headers.into(), redirects: Some(3), ..get(&*url) }).await;
    assert_eq!(known(&seen, "status"), &Value::from(200));
    assert!(asked.recv().unwrap().contains("authorization: open"));
    let theirs = theirs.recv().unwrap();
    assert!(theirs.starts_with("GET /theirs"));
    assert!(theirs.contains("x-other: open") && theirs.matches(": open").count() == 1, "{theirs}");
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
    assert_eq!(far(&seen), [Some(false), None, None, Some(false)]);
    assert_eq!(barrier(&seen, "status"), Barrier::ConnectionRefused);
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let silent = support::silent();
    let seen = support::look_at_hanging(Act::Http(get(format!("http://{}/", silent.address)))).await;
    assert_eq!(far(&seen), [Some(false), None, None, Some(false)]);
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
    assert_eq!(far(&seen), [Some(true), Some(true), None, None]);
    assert_eq!(
        (known(&seen, "status"), known(&seen, "received_bytes")),
        (&Value::from(200), &Value::from(4))
    );
    for fact in ["answered", "body_received", "body", "size_bytes"] {
        assert_eq!(barrier(&seen, fact), Barrier::TimedOut, "{fact}");
    }
    server.until_gone().await;
    // Not even the head.
    let server = support::stops_after(b"HTTP/1.1 200 OK\r\nContent-");
    let seen = support::look_at_hanging(Act::Http(get(format!("http://{}/", server.address)))).await;
    assert_eq!(far(&seen), [Some(true), None, None, None]);
    server.until_gone().await;
}

#[tokio::test]
async fn what_the_observer_itself_cannot_do_is_nothing_of_the_targets() {
    let Some(server) = server() else { return };
    let folder = server.folder.path();
    let file = |name: &str| folder.join(name).display().to_string();
    std::fs::write(file("garbage.pem"), "garbage\n").unwrap();
    support::run(std::process::Command::new("mkfifo").arg(file("pipe")));
    let with = |ca: &str| Http { ca: Some(ca.to_owned()), ..get(&*server.tls) };
    let client = |certificate: &str, key: Option<&str>| Http {
        client_certificate: Some(certificate.to_owned()),
        client_key: key.map(str::to_owned),
        ..with(&file("cert.pem"))
    };
    for (act, word) in [
        (with(&file("garbage.pem")), "no certificate"),
        (with(&file("absent.pem")), "absent.pem"),
        (with(&file("pipe")), "not a regular file"),
        (with("/dev/zero"), "not a regular file"),
        (client(&file("garbage.pem"), None), "no certificate"),
        (client(&file("cert.pem"), None), "private key"),
        (client(&file("cert.pem"), Some("/absent/key")), "/absent/key"),
        (get("http://[fe80::1]:80/"), "[fe80::1]:80"),
        (get("http://127.0.0.1:0/"), "port 0"),
        (get("http://no-such-host.invalid/"), "no-such-host"),
    ] {
        let seen = see(act.clone()).await;
        let blocked = &seen.unknown["*"];
        assert!(blocked.detail.contains(word), "{blocked:?}");
        assert_eq!(far(&seen), [None; 4], "{act:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_is_the_targets() {
    let Some(server) = server() else { return };
    let folder = server.folder.path();
    let file = |name: &str| folder.join(name).display().to_string();
    let mut other = tool("openssl").unwrap();
    other.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=other"]);
    support::run(other.args(["-keyout", "/dev/null", "-out", &file("other.pem")]));
    let named = server.tls.replace("127.0.0.1", "localhost");
    for (ca, url, why) in
        [("other.pem", &server.tls, "UnknownIssuer"), ("cert.pem", &named, "not for localhost")]
    {
        let seen = see(Http { ca: Some(file(ca)), ..get(format!("{url}/never-asked-for")) }).await;
        assert_eq!(far(&seen), [Some(true), None, None, Some(false)], "{seen:?}");
        assert_eq!((known(&seen, "tls"), known(&seen, "trusted")), (&Value::Bool(true), &Value::Bool(false)));
        assert!(text(&seen, "trust_error").contains(why), "{seen:?}");
        assert_eq!(barrier(&seen, "status"), Barrier::Protocol);
    }
    // Nothing was said to whom we do not trust.
    let log = std::fs::read_to_string(file("access.log")).unwrap_or_default();
    assert!(!log.contains("never-asked-for"), "{log}");
    // A server that does not speak TLS at all.
    let seen = see(get(server.plain.replace("http:", "https:"))).await;
    if seen.facts.contains_key("answered") {
        assert_eq!(far(&seen), [Some(true), None, None, Some(false)], "{seen:?}");
        assert_eq!(
            (known(&seen, "tls"), barrier(&seen, "trusted")),
            (&Value::Bool(false), Barrier::Protocol)
        );
    }
}

/// What `http` sees of a server of TLS whose certificate `ca` holds: made by these arguments of `openssl req`, for so many
/// days.
async fn pinned(arguments: &[&str], days: &str) -> Option<Seen> {
    let folder = support::folder();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let mut openssl = tool("openssl")?;
    openssl.args(["req", "-x509", "-nodes", "-subj", "/CN=localhost", "-keyout", &file("key.pem")]);
    support::run(openssl.args(["-out", &file("cert.pem")]).args(arguments));
    let mut again = tool("openssl").unwrap();
    again.args(["x509", "-days", days, "-signkey", &file("key.pem"), "-in", &file("cert.pem")]);
    support::run(again.args(["-out", &file("cert.pem")]));
    let port = support::free_port();
    let mut server = tool("openssl").unwrap();
    server.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-quiet", "-www"]);
    server.args(["-cert", &file("cert.pem"), "-key", &file("key.pem")]);
    let _running =
        support::start(server.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()));
    support::until_listens(port);
    Some(see(Http { ca: Some(file("cert.pem")), ..get(format!("https://127.0.0.1:{port}/")) }).await)
}

#[tokio::test]
async fn a_certificate_that_signed_itself_can_be_pinned() {
    let name = ["-addext", "subjectAltName=IP:127.0.0.1"];
    // OpenSSL makes it an authority, unless it is told not to.
    let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    let usual = ["-newkey", "rsa:2048"];
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
    for arguments in
        [[&usual[..], &name].concat(), [&usual[..], &name, &leaf].concat(), [&curve[..], &name].concat()]
    {
        let Some(seen) = pinned(&arguments, "5").await else { return };
        assert_eq!(far(&seen), [Some(true); 4], "{arguments:?}: {seen:?}");
        assert_eq!((known(&seen, "trusted"), text(&seen, "trust_error")), (&Value::Bool(true), ""));
    }
    // Pinned, but over, or for another name.
    for (arguments, days) in [([&usual[..], &name].concat(), "-1"), (usual.to_vec(), "5")] {
        let seen = pinned(&arguments, days).await.unwrap();
        assert_eq!(
            (known(&seen, "trusted"), known(&seen, "answered")),
            (&Value::Bool(false), &Value::Bool(false))
        );
    }
}

#[tokio::test]
async fn who_we_are_is_shown_to_a_server_that_asks() {
    let Some(server) = server() else { return };
    let file = |name: &str| server.folder.path().join(name).display().to_string();
    let trusting = Http { ca: Some(file("cert.pem")), ..get(format!("{}/state.json", server.asking)) };
    let seen = see(trusting.clone()).await;
    assert_eq!(known(&seen, "status"), &Value::from(400), "{seen:?}");
    let us = Http {
        client_certificate: Some(file("cert.pem")),
        client_key: Some(file("key.pem")),
        ..trusting.clone()
    };
    let seen = see(us).await;
    assert_eq!((known(&seen, "status"), known(&seen, "answered")), (&Value::from(200), &Value::Bool(true)));
    // One file with both.
    let both = ["cert.pem", "key.pem"].map(|name| std::fs::read(file(name)).unwrap()).concat();
    std::fs::write(file("both.pem"), both).unwrap();
    let seen = see(Http { client_certificate: Some(file("both.pem")), ..trusting }).await;
    assert_eq!(known(&seen, "status"), &Value::from(200));
}

#[tokio::test]
async fn what_is_asked_for_is_what_the_plan_says() {
    let listener = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    // What follows the host, and the first line of the request.
    for (path, line) in [
        ("/static/../../etc/passwd", "GET /static/../../etc/passwd HTTP/1.1"),
        ("/a/%2e%2e/b?c=d#e", "GET /a/%2e%2e/b?c=d HTTP/1.1"),
        ("", "GET / HTTP/1.1"),
        ("?x=1", "GET /?x=1 HTTP/1.1"),
        ("/caf\u{e9}", "GET /caf%C3%A9 HTTP/1.1"),
    ] {
        let server = listener();
        let url = format!("http://{}{path}", server.local_addr().unwrap());
        let asked = answering(server, ok.to_owned());
        let seen = see(get(url)).await;
        assert_eq!(known(&seen, "status"), &Value::from(200), "{path}: {seen:?}");
        assert_eq!(asked.recv().unwrap().lines().next(), Some(line));
    }
    // Where content is expected, that there is none is said (RFC 9110, 8.6).
    for (method, said) in [("POST", true), ("PUT", true), ("GET", false), ("DELETE", false)] {
        let server = listener();
        let url = format!("http://{}/", server.local_addr().unwrap());
        let asked = answering(server, ok.to_owned());
        see(Http { method: Some(method.to_owned()), ..get(url) }).await;
        assert_eq!(asked.recv().unwrap().to_lowercase().contains("content-length: 0"), said, "{method}");
    }
}

#[tokio::test]
async fn a_user_in_the_url_is_who_asks_and_no_other_server_learns_it() {
    let Some(server) = server() else { return };
    let guarded = format!("{}/guarded", server.plain.replace("//", "//anna:correct%2Dhorse@"));
    let seen = see(get(&*guarded)).await;
    assert_eq!(known(&seen, "status"), &Value::from(200), "{seen:?}");
    let seen = see(get(guarded.replace("horse", "mouse"))).await;
    assert_eq!(known(&seen, "status"), &Value::from(401));
    // A header that the plan gives goes before.
    let headers = BTreeMap::from([("Authorization".to_owned(), Text::plain("Basic x"))]);
    let seen = see(Http { headers, ..get(&*guarded) }).await;
    assert_eq!(known(&seen, "status"), &Value::from(401));

    let listener = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (target, stranger) = (listener(), listener());
    let url = format!("http://anna:correct-horse@{}/", target.local_addr().unwrap());
    let to = format!("http://eve@{}/theirs", stranger.local_addr().unwrap());
    let moved =
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let asked = answering(target, moved);
    let theirs = answering(stranger, "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned());
    let seen = see(Http { redirects: Some(1), ..get(url) }).await;
    assert_eq!(known(&seen, "status"), &Value::from(204), "{seen:?}");
    // "anna:correct-horse" in base64.
    assert!(asked.recv().unwrap().contains("Basic YW5uYTpjb3JyZWN0LWhvcnNl"));
    let theirs = theirs.recv().unwrap();
    assert!(!theirs.to_lowercase().contains("authorization"), "{theirs}");
    assert_eq!(known(&seen, "redirects"), &Value::from(vec![to.replace("eve@", "")]));
}

#[tokio::test]
async fn a_redirect_leads_where_a_browser_would_go_and_only_over_http() {
    let server = |location: &[u8], answer: &str| {
        let moved = [
            b"HTTP/1.1 302 Found\r\nLocation: ",
            location,
            b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ];
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (moved, answer) = (moved.concat(), answer.to_owned());
        let (send, asked) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            use std::io::{Read, Write};
            for (stream, said) in listener.incoming().zip([moved, answer.into_bytes()]) {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).unwrap();
                stream.write_all(&said).unwrap();
                _ = send.send(String::from_utf8_lossy(&buffer[..read]).into_owned());
            }
        });
        (format!("http://{address}/a/b"), asked)
    };
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (location, line) in [
        ("/caf\u{e9}".as_bytes(), "GET /caf%C3%A9 HTTP/1.1"),
        // As curl asks, too.
        (b"/caf\xe9?q=\xe4", "GET /caf%E9?q=%E4 HTTP/1.1"),
        (b"/c\r\nLocation: /c", "GET /c HTTP/1.1"),
        (b"../c", "GET /c HTTP/1.1"),
        (b"?q", "GET /a/b?q HTTP/1.1"),
    ] {
        let (url, asked) = server(location, ok);
        let seen = see(Http { redirects: Some(1), ..get(url) }).await;
        assert_eq!(known(&seen, "status"), &Value::from(200), "{seen:?}");
        assert_eq!(asked.iter().nth(1).unwrap().lines().next(), Some(line));
    }
    // Of those that are not to be followed, one says where, too.
    let not_modified = "HTTP/1.1 304 Not Modified\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n";
    let seen =
        see(Http { redirects: Some(1), ..get(format!("http://{}/", support::says(not_modified))) }).await;
    assert_eq!(
        (known(&seen, "status"), known(&seen, "redirects")),
        (&Value::from(304), &Value::List(vec![]))
    );
    for nowhere in [&b"ftp://127.0.0.1/"[..], b"/c\r\nLocation: /d"] {
        let (url, _asked) = server(nowhere, ok);
        let seen = see(Http { redirects: Some(1), ..get(url) }).await;
        assert_eq!(known(&seen, "status"), &Value::from(302));
        assert_eq!(known(&seen, "redirects"), &Value::List(vec![]));
    }
}

#[tokio::test]
async fn a_redirect_is_followed_with_the_method_that_a_browser_would_use() {
    for (status, method, then) in [
        (303, "HEAD", "HEAD"),
        (303, "PUT", "GET"),
        (302, "HEAD", "HEAD"),
        (301, "POST", "GET"),
        (302, "PUT", "PUT"),
        (308, "POST", "POST"),
    ] {
        let listener = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (first, second) = (listener(), listener());
        let url = |listener: &std::net::TcpListener| format!("http://{}/", listener.local_addr().unwrap());
        let (from, to) = (url(&first), url(&second));
        let moved = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let _asked = answering(first, moved);
        let asked =
            answering(second, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
        see(Http { method: Some(method.to_owned()), redirects: Some(1), ..get(from) }).await;
        assert_eq!(asked.recv().unwrap().split(' ').next(), Some(then), "{status} {method}");
    }
}

#[tokio::test]
async fn a_body_is_read_as_its_headers_say() {
    // The reference: what Python's and Debian's own tools made of the same text.
    let text_ = "{\"name\": \"caf\u{e9}\", \"big\": 123456789012345678901234567890}";
    let run = |program: &str, arguments: &[&str], input: &[u8]| {
        use std::io::Write;
        let mut child = std::process::Command::new(program)
            .args(arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().stdout
    };
    let python = |expression: &str, input: &[u8]| {
        let script =
            format!("import sys, zlib; b = sys.stdin.buffer.read(); sys.stdout.buffer.write({expression})");
        run("python3", &["-c", &script], input)
    };
    let gzip = run("gzip", &["-c"], text_.as_bytes());
    let zlib = python("zlib.compress(b)", text_.as_bytes());
    let deflate =
        python("(lambda c: c.compress(b) + c.flush())(zlib.compressobj(wbits=-15))", text_.as_bytes());
    let latin: Vec<u8> = text_.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let utf_16: Vec<u8> =
        std::iter::once(0xfeff).chain(text_.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let utf_16_le: Vec<u8> = text_.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf_16_be: Vec<u8> = text_.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let twice = run("gzip", &["-c"], &gzip);
    let marked = [b"\xef\xbb\xbf", text_.as_bytes()].concat();
    let answer = |headers: &str, body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).as_bytes(), body]
            .concat()
    };
    for (headers, body) in [
        ("", text_.as_bytes().to_vec()),
        ("Content-Encoding: gzip\r\n", gzip.clone()),
        ("Content-Encoding: X-GZip\r\n", gzip.clone()),
        ("Content-Encoding: deflate\r\n", zlib.clone()),
        ("Content-Encoding: deflate\r\n", deflate.clone()),
        ("Content-Type: json\r\n", text_.as_bytes().to_vec()),
        ("Content-Type: text/plain;charset=utf-8;\r\n", text_.as_bytes().to_vec()),
        ("Content-Type: text/plain\r\nContent-Type: text/plain\r\n", text_.as_bytes().to_vec()),
        ("Content-Encoding: gzip, identity, gzip\r\n", twice),
        ("Content-Type: application/json; charset=ISO-8859-1\r\n", latin.clone()),
        ("Content-Type: application/json; charset=\"latin1\"\r\n", latin.clone()),
        ("Content-Type: application/json\r\n", marked),
        ("Content-Type: text/plain; charset=utf-8\r\n", utf_16),
        ("Content-Type: text/plain; charset=utf-16le\r\n", utf_16_le),
        ("Content-Type: text/plain; charset=utf-16be\r\n", utf_16_be),
    ] {
        let seen = see(get(format!("http://{}/", support::says(answer(headers, &body))))).await;
        assert_eq!(text(&seen, "body"), text_, "{headers}");
        assert_eq!(known(&seen, "json"), &Value::from_json(text_).unwrap(), "{headers}");
        // Length and digest are those of what was received.
        assert_eq!(known(&seen, "size_bytes"), &Value::from(i64::try_from(body.len()).unwrap()));
        let digest = String::from_utf8(run("sha256sum", &[], &body)).unwrap();
        assert_eq!(text(&seen, "sha256"), digest.split(' ').next().unwrap());
    }
    // What is not what the headers say, or grows without end, is no text; the answer is whole all the same.
    let bomb = run("gzip", &["-c"], &vec![b'x'; 20 << 20]);
    let rest = |body: &[u8]| [body, b"rubbish"].concat();
    for (headers, body, expected) in [
        ("", latin.clone(), Barrier::Protocol),
        ("", b"\xff\xfe\0\0a\0\0\0".to_vec(), Barrier::Unsupported),
        ("Content-Encoding: gzip\r\n", rest(&gzip), Barrier::Protocol),
        ("Content-Encoding: deflate\r\n", rest(&zlib), Barrier::Protocol),
        ("Content-Encoding: deflate\r\n", rest(&deflate), Barrier::Protocol),
        ("Content-Encoding: br\r\n", rest(b"\x0b\x02\x80hello\x03"), Barrier::Protocol),
        (
            "Content-Encoding: br\r\n",
            [&b"\x0b\x02\x80hello\x03"[..], &[b'x'; 10_000]].concat(),
            Barrier::Protocol,
        ),
        ("Content-Type: text/plain; charset = iso-2022-jp\r\n", b"x".to_vec(), Barrier::Unsupported),
        ("Content-Type: text; charset=iso-2022-jp\r\n", b"x".to_vec(), Barrier::Unsupported),
        (
            "Content-Type: text/plain\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n",
            b"x".to_vec(),
            Barrier::Unsupported,
        ),
        ("Content-Type: text/plain; charset=no-such\r\n", latin, Barrier::Unsupported),
        // Nothing says in which order the bytes are.
        ("Content-Type: text/plain; charset=utf-16\r\n", b"\0a\0b".to_vec(), Barrier::Unsupported),
        ("Content-Type: text/plain; charset=ucs-2\r\n", b"a\0b\0".to_vec(), Barrier::Unsupported),
        ("Content-Encoding: gzip\r\n", text_.as_bytes().to_vec(), Barrier::Protocol),
        ("Content-Encoding: gzip\r\n", gzip[..gzip.len() - 9].to_vec(), Barrier::Protocol),
        ("Content-Encoding: br\r\n", b"\xff\xff\xff".to_vec(), Barrier::Protocol),
        ("Content-Encoding: zstd\r\n", gzip.clone(), Barrier::Unsupported),
        ("Content-Encoding: gzip, gzip, gzip, gzip\r\n", gzip.clone(), Barrier::Unsupported),
        ("Content-Encoding: gzip\r\n", bomb, Barrier::TooLarge),
    ] {
        let seen = see(get(format!("http://{}/", support::says(answer(headers, &body))))).await;
        assert_eq!((barrier(&seen, "body"), barrier(&seen, "json")), (expected, expected), "{headers}");
        assert_eq!(far(&seen), [Some(true); 4], "{headers}");
    }
    // "hello" in Brotli, as RFC 7932's own reference program writes it.
    let brotli = b"\x0b\x02\x80hello\x03";
    let seen =
        see(get(format!("http://{}/", support::says(answer("Content-Encoding: br\r\n", brotli))))).await;
    assert_eq!(text(&seen, "body"), "hello");
}

#[tokio::test]
async fn a_document_is_in_the_charset_that_it_says_itself_where_the_headers_say_none() {
    let answer = |headers: &str, body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).as_bytes(), body]
            .concat()
    };
    let latin = |text: &str| text.chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<_>>();
    let (xml, html) = ("Content-Type: application/xml\r\n", "Content-Type: text/html\r\n");
    for (headers, body) in [
        (xml, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\u{e9}</a>"),
        ("", "<?xml version='1.0'  encoding = 'latin1' ?><a>\u{e9}</a>"),
        (html, "<!DOCTYPE html><html><head><meta charset=iso-8859-1><title>\u{e9}</title>"),
        (html, "<META http-equiv=Content-Type content=\"text/html; charset=windows-1252\">\u{e9}"),
        (
            html,
            "<!-- <meta charset=utf-8> --><meta name=a content='charset=utf-8'><meta charset=\"latin1\">\u{e9}",
        ),
    ] {
        let seen = see(get(format!("http://{}/", support::says(answer(headers, &latin(body)))))).await;
        assert_eq!(text(&seen, "body"), body, "{headers}");
    }
    // The headers and the mark go before; what says nothing is UTF-8.
    for (headers, body) in [
        ("Content-Type: text/html; charset=utf-8\r\n", "<meta charset=latin1>\u{e9}"),
        ("Content-Type: text/plain\r\n", "<meta charset=latin1>\u{e9}"),
        (html, "<meta name=a content='charset=latin1'>\u{e9}"),
        (xml, "<?xml version=\"1.0\"?><a>\u{e9}</a>"),
        (xml, "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>\u{e9}</a>"),
    ] {
        let seen = see(get(format!("http://{}/", support::says(answer(headers, body.as_bytes()))))).await;
        assert_eq!(text(&seen, "body"), body, "{headers}");
    }
    for (headers, body, expected, words) in [
        (xml, "<?xml version=\"1.0\"?>\u{e9}", Barrier::Protocol, "nothing names another charset"),
        ("Content-Type: text/plain; charset=utf-8\r\n", "\u{e9}", Barrier::Protocol, "as it should be"),
        (xml, "<?xml version='1.0' encoding='UTF-8'?>\u{e9}", Barrier::Protocol, "as it should be"),
        (xml, "<?xml version='1.0' encoding='UTF-16'?>\u{e9}", Barrier::Protocol, "nothing names another"),
        (xml, "<?xml version='1.0' encoding='ebcdic'?>\u{e9}", Barrier::Unsupported, "ebcdic"),
        (html, "<meta charset=no-such>\u{e9}", Barrier::Unsupported, "no-such"),
    ] {
        let seen = see(get(format!("http://{}/", support::says(answer(headers, &latin(body)))))).await;
        assert_eq!(barrier(&seen, "body"), expected, "{body}: {seen:?}");
        assert!(seen.unknown["body"].detail.contains(words), "{body}: {seen:?}");
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_the_plan_says_so() {
    let Some(server) = server() else { return };
    let ca = Some(server.folder.path().join("cert.pem").display().to_string());
    let state = "{\"ready\": true, \"jobs\": [1, 2]}";
    for url in [&server.http2, &server.http2_tls] {
        let act = Http { http2: true, ca: ca.clone(), ..get(format!("{url}/state.json?x=1")) };
        let seen = see(act.clone()).await;
        assert_eq!((text(&seen, "version"), text(&seen, "body")), ("HTTP/2.0", state), "{url}");
        assert_eq!((far(&seen), text(&seen, "framing")), ([Some(true); 4], "frames"));
        let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
        assert_eq!(headers["x-twice"], Value::from("one, two"));
        let seen = see(Http { method: Some("HEAD".to_owned()), ..act }).await;
        assert_eq!((far(&seen), text(&seen, "framing")), ([Some(true); 4], "none"));
    }
    let log = std::fs::read_to_string(server.folder.path().join("access.log")).unwrap();
    assert!(log.contains("\"GET /state.json?x=1 HTTP/2.0\" 200"), "{log}");
    // Another host's, which is asked for once.
    let host = [("Host".to_owned(), Text::plain("www.example.org"))].into();
    let act = Http { http2: true, headers: host, ..get(format!("{}/moved", server.http2)) };
    let seen = see(act).await;
    assert_eq!(known(&seen, "status"), &Value::from(302), "{seen:?}");
    let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
    assert!(headers["location"].as_text().unwrap().starts_with("http://www.example.org"), "{headers:?}");
    // A redirect, and a header that is longer than is read of HTTP/1.1 by default.
    let moved = Http { http2: true, redirects: Some(2), ..get(format!("{}/moved", server.http2)) };
    assert_eq!(known(&see(moved).await, "status"), &Value::from(200));
    // Servers that do not speak it, in TLS and without.
    for url in [&server.tls, &server.plain] {
        let seen = see(Http { http2: true, ca: ca.clone(), ..get(&**url) }).await;
        assert_eq!(
            (known(&seen, "connected"), known(&seen, "answered")),
            (&Value::Bool(true), &Value::Bool(false))
        );
        assert_eq!(barrier(&seen, "status"), Barrier::Protocol, "{url}");
    }
    // And without the parameter it is not spoken.
    let seen = see(Http { ca, ..get(format!("{}/state.json", server.http2_tls)) }).await;
    assert_eq!(text(&seen, "version"), "HTTP/1.1");
}

#[tokio::test]
async fn an_address_of_a_link_is_reached_by_its_interface() {
    use std::net::SocketAddr;
    // The interface and the address of some link; there is none everywhere.
    let all = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let link = all.lines().find(|line| line.starts_with("fe80"));
    for zone in ["nosuch0", "no%20such"] {
        let seen = see(get(format!("http://[fe80::1%25{zone}]:80/"))).await;
        let blocked = &seen.unknown["*"];
        assert_eq!((blocked.barrier, far(&seen)), (Barrier::Unsupported, [None; 4]), "{zone}");
        assert!(blocked.detail.contains("the interface"), "{blocked:?}");
    }
    let Some(link) = link else {
        eprintln!("SKIPPED: no interface here has a link-local address");
        return;
    };
    let words: Vec<&str> = link.split_whitespace().collect();
    let ip = std::net::Ipv6Addr::from(u128::from_str_radix(words[0], 16).unwrap());
    let (index, name) = (u32::from_str_radix(words[1], 16).unwrap(), words[5]);
    let own = SocketAddr::from(std::net::SocketAddrV6::new(ip, 0, 0, index));
    for zone in [name.to_owned(), index.to_string()] {
        let listener = std::net::TcpListener::bind(own).unwrap();
        let port = listener.local_addr().unwrap().port();
        let moved = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let asked = answering(listener, moved.to_owned());
        let seen =
            see(Http { redirects: Some(1), ..get(format!("http://[{ip}%25{zone}]:{port}/a?b=%25")) }).await;
        assert_eq!(known(&seen, "status"), &Value::from(302), "{seen:?}");
        let [first, second] = [(); 2].map(|()| asked.recv().unwrap());
        assert!(
            first.starts_with("GET /a?b=%25 HTTP/1.1") && second.starts_with("GET /b HTTP/1.1"),
            "{first}{second}"
        );
        // What an interface is called here goes to nobody (RFC 6874, 4).
        assert!(first.contains(&format!("host: [{ip}]:{port}")), "{first}");
    }
}

#[tokio::test]
async fn a_unix_socket_is_asked_like_a_port() {
    let Some(server) = server() else { return };
    let socket = server.folder.path().join("nginx.sock").display().to_string();
    let act = Http { unix_socket: Some(socket.clone()), ..get("http://localhost/state.json") };
    let seen = see(act).await;
    assert_eq!(text(&seen, "body"), "{\"ready\": true, \"jobs\": [1, 2]}");
    assert_eq!(far(&seen), [Some(true); 4]);
    drop(server);
    // The file is gone with the folder: there is nothing to be reached or not.
    let seen = see(Http { unix_socket: Some(socket), ..get("http://localhost/") }).await;
    assert_eq!((far(&seen), barrier(&seen, "answered")), ([None; 4], Barrier::Unreachable));
    // A socket that nobody listens on any more.
    let folder = support::folder();
    let dead = folder.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let act = Http { unix_socket: Some(dead.display().to_string()), ..get("http://localhost/") };
    assert_eq!(far(&see(act).await), [Some(false), None, None, Some(false)]);
}

#[tokio::test]
async fn hostile_answers_are_kept_as_text_or_not_at_all() {
    let answer = |head: &str, body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{head}\r\n", body.len()).as_bytes(), body].concat()
    };
    let seen = see(get(format!("http://{}/", support::says(answer("", HOSTILE.as_bytes()))))).await;
    assert_eq!(text(&seen, "body"), HOSTILE);
    assert_eq!(barrier(&seen, "json"), Barrier::Protocol);
    // A header may hold any byte but controls.
    let seen = see(get(format!("http://{}/", support::says(answer("X-Bidi: \u{202e}nimda\r\n", b""))))).await;
    let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
    assert_eq!(headers["x-bidi"], Value::from("\u{202e}nimda"));
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
    assert_eq!(barrier(&seen, "json"), Barrier::TooLarge);
    assert_eq!(known(&seen, "status"), &Value::from(200));
    // Small on its way, and more than is kept: it is not parsed either.
    let long = format!("[{}0]", "0,".repeat(1 << 20));
    let seen = see(get(format!("http://{}/", support::says(answer("", long.as_bytes()))))).await;
    assert_eq!(barrier(&seen, "json"), Barrier::TooLarge);
}

#[tokio::test]
async fn a_url_that_is_none_says_what_would_be_right() {
    for (url, word) in [
        ("ftp://127.0.0.1/", "does not begin with http:// or https://"),
        ("127.0.0.1:80", "does not begin with http:// or https://"),
        ("http://", "empty host"),
    ] {
        let seen = see(get(url)).await;
        let blocked = &seen.unknown["*"];
        assert_eq!(blocked.barrier, Barrier::Unsupported, "{url}");
        assert!(blocked.detail.contains(word), "{blocked:?}");
        assert!(!seen.facts.contains_key("answered"));
    }
}
