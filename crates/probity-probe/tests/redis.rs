//! `redis` against Debian's Redis in each state, and against servers that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use probity_plan::kinds::redis::{Reading, Redis};
use probity_plan::text::Piece;
use probity_plan::{Act, Barrier, Text, Value};
use support::{HOSTILE, Running, barrier, known, look, look_with, text, tool};

const PASSWORD: &str = "correct-horse";

struct Server {
    address: String,
    folder: tempfile::TempDir,
    _running: Running,
}

/// Redis with a password for everybody, a user who may only PING, and one key of each kind.
fn server() -> Option<Server> {
    let folder = support::folder();
    let (port, socket) = (support::free_port(), folder.path().join("redis.sock"));
    let config = folder.path().join("redis.conf");
    std::fs::write(
        &config,
        format!(
            "port {port}\nbind 127.0.0.1\nunixsocket {}\ndir {}\nsave \"\"\nappendonly no\nlogfile redis.log\n\
             user default on >{} ~* &* +@all\nuser auditor on >{} ~public:* +ping +get\n",
            socket.display(),
            folder.path().display(),
            PASSWORD,
            PASSWORD,
        ),
    )
    .unwrap();
    let running = support::start(tool("redis-server")?.arg(&config));
    support::until_listens(port);
    let server = Server { address: format!("127.0.0.1:{port}"), folder, _running: running };
    server.cli(&["SET", "greeting", "good day"]);
    server.cli(&["SET", "hostile", HOSTILE]);
    server.cli(&["RPUSH", "jobs", "one", "two", "three"]);
    server.cli(&["HSET", "house", "colour", "red"]);
    server.cli(&["ZADD", "scores", "1.5", "anna"]);
    Some(server)
}

impl Server {
    /// As Redis' own client sees it.
    fn cli(&self, words: &[&str]) -> String {
        let port = self.address.rsplit(':').next().unwrap();
        let mut command = tool("redis-cli").unwrap();
        command.args(["-p", port, "--no-auth-warning", "-a", PASSWORD]).args(words);
        support::run(&mut command)
    }
    /// As Redis' own client sees it, with bytes that no argument could hold.
    fn raw(&self, bytes: &[u8]) {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = [0; 64];
        std::io::Read::read(&mut stream, &mut answer).unwrap();
    }
}

fn act(address: &str, words: &[&str]) -> Redis {
    Redis {
        redis: address.to_owned(),
        command: Reading::new(words.iter().map(|word| Text::plain(*word)).collect()).unwrap(),
        username: None,
        password: None,
        ca: None,
        client_certificate: None,
        client_key: None,
    }
}

fn logged_in(address: &str, words: &[&str]) -> Act {
    Act::Redis(Redis { password: Some(Text(vec![Piece::Secret("word".to_owned())])), ..act(address, words) })
}

async fn see(act: Act) -> probity_probe::Seen {
    look_with(act, &[("word", PASSWORD)], Duration::from_secs(10)).await
}

#[tokio::test]
async fn a_server_answers_each_kind_of_reading_command() {
    let Some(server) = server() else { return };
    let at = server.address.as_str();
    let cases: [(&[&str], Value); 12] = [
        (&["PING"], "PONG".into()),
        (&["GET", "greeting"], "good day".into()),
        (&["GET", "nothing"], Value::Null),
        (&["EXISTS", "nothing"], Value::from(0)),
        (&["TYPE", "jobs"], "list".into()),
        (&["TTL", "jobs"], Value::from(-1)),
        (&["LLEN", "jobs"], Value::from(3)),
        (&["LRANGE", "jobs", "-2", "-1"], vec!["two", "three"].into()),
        (&["HGET", "house", "colour"], "red".into()),
        (&["ZSCORE", "scores", "anna"], "1.5".into()),
        (&["XLEN", "nothing"], Value::from(0)),
        (&["DBSIZE"], Value::from(5)),
    ];
    for (words, reply) in cases {
        let seen = see(logged_in(at, words)).await;
        assert_eq!(known(&seen, "reply"), &reply, "{words:?}");
        assert_eq!(known(&seen, "answered"), &Value::Bool(true));
        assert_eq!(known(&seen, "denied"), &Value::Bool(false));
        assert_eq!(text(&seen, "error"), "");
        assert!(known(&seen, "elapsed_ms").ends().unwrap().1.is_finite());
        assert_eq!(barrier(&seen, "info"), Barrier::NotMade);
    }
    let socket = server.folder.path().join("redis.sock");
    let seen = see(logged_in(socket.to_str().unwrap(), &["LLEN", "jobs"])).await;
    assert_eq!(known(&seen, "reply"), &Value::from(3));
}

#[tokio::test]
async fn info_is_a_map_of_numbers_and_texts() {
    let Some(server) = server() else { return };
    let seen = see(logged_in(&server.address, &["INFO"])).await;
    let Value::Map(info) = known(&seen, "info") else { panic!("{seen:?}") };
    let said: BTreeMap<_, _> = server
        .cli(&["INFO", "server"])
        .lines()
        .filter_map(|line| {
            line.trim_end().split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect();
    assert_eq!(info["redis_version"], Value::Text(said["redis_version"].clone()));
    assert_eq!(info["tcp_port"], Value::from(said["tcp_port"].parse::<i64>().unwrap()));
    assert!(matches!(info["mem_fragmentation_ratio"], Value::Number(_)), "{info:?}");
    assert_eq!(info["role"], Value::from("master"));
}

#[tokio::test]
async fn who_may_not_is_denied_and_told_so() {
    let Some(server) = server() else { return };
    let nobody = see(Act::Redis(act(&server.address, &["GET", "greeting"]))).await;
    let wrong = Redis { password: Some(Text::plain("guessed-wrong")), ..act(&server.address, &["PING"]) };
    let wrong = see(Act::Redis(wrong)).await;
    let auditor = |words: &[&str]| match logged_in(&server.address, words) {
        Act::Redis(redis) => Act::Redis(Redis { username: Some("auditor".to_owned()), ..redis }),
        other => other,
    };
    let (command, key) = (see(auditor(&["DBSIZE"])).await, see(auditor(&["GET", "greeting"])).await);
    for (seen, code) in [(&nobody, "NOAUTH"), (&wrong, "WRONGPASS"), (&command, "NOPERM"), (&key, "NOPERM")] {
        assert_eq!(known(seen, "denied"), &Value::Bool(true), "{seen:?}");
        assert_eq!(known(seen, "answered"), &Value::Bool(true));
        assert!(text(seen, "error").starts_with(code), "{code}: {seen:?}");
        assert_eq!(barrier(seen, "reply"), Barrier::PermissionDenied);
    }
    // The control: the same user may do something.
    let control = see(auditor(&["GET", "public:x"])).await;
    assert_eq!(known(&control, "reply"), &Value::Null);
    assert_eq!(known(&control, "denied"), &Value::Bool(false));
}

#[tokio::test]
async fn an_error_is_a_fact_and_no_denial() {
    let Some(server) = server() else { return };
    let seen = see(logged_in(&server.address, &["GET", "jobs"])).await;
    assert!(text(&seen, "error").starts_with("WRONGTYPE"), "{seen:?}");
    assert_eq!(known(&seen, "denied"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "reply"), Barrier::Unsupported);
}

#[tokio::test]
async fn a_port_or_socket_where_nobody_listens_is_not_answered() {
    let seen = look(Act::Redis(act(&format!("127.0.0.1:{}", support::free_port()), &["PING"]))).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "reply"), Barrier::ConnectionRefused);
    let seen = look(Act::Redis(act("/nowhere/redis.sock", &["PING"]))).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::Unreachable);
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let silent = support::silent();
    let seen = support::look_at_hanging(Act::Redis(act(&silent.address.to_string(), &["PING"]))).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    silent.until_gone().await;
    let hole = support::black_hole();
    let seen = support::look_at_hanging(Act::Redis(act(&hole.address.to_string(), &["PING"]))).await;
    assert_eq!(barrier(&seen, "reply"), Barrier::TimedOut);
}

#[tokio::test]
async fn nonsense_is_a_barrier_never_a_reply() {
    let deep = b"*1\r\n".repeat(200_000);
    let huge = b"*1000000000000\r\n".to_vec();
    for nonsense in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        deep,
        huge,
        b"$9223372036854775807\r\nx".to_vec(),
        b"$-5\r".to_vec(),
        b"$-2\r\n".to_vec(),
        b"*-2\r\n".to_vec(),
        b"*2\r\n$3\r\n\r\n$\r\n$-9\r\n".to_vec(),
        b":12a\r\n".to_vec(),
        b"+cut".to_vec(),
        Vec::new(),
        b"~1\r\n:1\r\n".to_vec(),
        b"\r\n".to_vec(),
    ] {
        let seen = look(Act::Redis(act(&support::says(nonsense.clone()).to_string(), &["PING"]))).await;
        let shown = String::from_utf8_lossy(&nonsense).chars().take(40).collect::<String>();
        assert_eq!(barrier(&seen, "reply"), Barrier::Protocol, "{shown:?}: {seen:?}");
        // What is in RESP but of a later version is an answer all the same.
        assert_eq!(known(&seen, "answered"), &Value::Bool(nonsense.starts_with(b"~")), "{shown:?}");
        assert_eq!(known(&seen, "connected"), &Value::Bool(!nonsense.is_empty()), "{shown:?}");
    }
}

/// A server before Redis 6, which Debian does not have any more: what it says is from its source (redis 5.0, server.c).
#[tokio::test]
async fn an_old_server_denies_without_a_code_of_its_own() {
    for (reply, denied) in [
        ("-ERR invalid password\r\n", true),
        ("-ERR operation not permitted\r\n", true),
        ("-ERR Client sent AUTH, but no password is set\r\n", false),
        ("-ERR unknown command `PING`\r\n", false),
    ] {
        let seen = look(Act::Redis(act(&support::says(reply).to_string(), &["PING"]))).await;
        assert_eq!(known(&seen, "denied"), &Value::Bool(denied), "{reply}");
        let barred = if denied { Barrier::PermissionDenied } else { Barrier::Unsupported };
        assert_eq!(barrier(&seen, "reply"), barred, "{reply}");
    }
}

#[tokio::test]
async fn a_reply_that_holds_an_error_is_neither_an_error_nor_none() {
    for (reply, plain) in [
        ("*2\r\n-NOPERM no\r\n:1\r\n", false),
        ("*2\r\n:1\r\n*1\r\n-ERR wrong\r\n", false),
        ("%1\r\n+a\r\n-NOPERM no\r\n", false),
        ("*2\r\n+NOPERM no\r\n:1\r\n", true),
        ("*0\r\n", true),
    ] {
        let seen = look(Act::Redis(act(&support::says(reply).to_string(), &["PING"]))).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(true), "{reply:?}");
        if plain {
            assert_eq!(
                (text(&seen, "error"), known(&seen, "denied")),
                ("", &Value::Bool(false)),
                "{reply:?}"
            );
        } else {
            for fact in ["error", "denied", "reply", "info"] {
                assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{reply:?} {fact}");
            }
        }
    }
}

/// Redis in TLS alone, which asks who we are.
#[tokio::test]
async fn tls_is_spoken_only_with_a_server_that_can_be_trusted() {
    let folder = support::folder();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let Some(mut openssl) = tool("openssl") else { return };
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=queue"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", &file("key.pem")]);
    support::run(openssl.args(["-out", &file("cert.pem")]));
    let port = support::free_port();
    let options = format!(
        "port 0\ntls-port {port}\nbind 127.0.0.1\ndir {}\nsave \"\"\ntls-cert-file {}\ntls-key-file {}\n\
         tls-ca-cert-file {}\n",
        folder.path().display(),
        file("cert.pem"),
        file("key.pem"),
        file("cert.pem"),
    );
    std::fs::write(file("redis.conf"), options).unwrap();
    let _running = support::start(tool("redis-server").unwrap().arg(file("redis.conf")));
    support::until_listens(port);
    let at = format!("rediss://127.0.0.1:{port}");
    let trusting = Redis { ca: Some(file("cert.pem")), ..act(&at, &["PING"]) };
    let known_to_it = Redis {
        client_certificate: Some(file("cert.pem")),
        client_key: Some(file("key.pem")),
        ..trusting.clone()
    };
    let seen = look(Act::Redis(known_to_it)).await;
    assert_eq!(text(&seen, "reply"), "PONG", "{seen:?}");
    for fact in ["connected", "tls", "trusted", "answered"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}");
    }
    // It does not like who we are: no answer, although its certificate is good.
    let seen = look(Act::Redis(trusting)).await;
    assert_eq!(
        (known(&seen, "answered"), known(&seen, "trusted")),
        (&Value::Bool(false), &Value::Bool(true))
    );
    // We do not like who it is.
    let seen = look(Act::Redis(act(&at, &["PING"]))).await;
    if seen.facts.contains_key("trusted") {
        assert_eq!(
            (known(&seen, "answered"), known(&seen, "trusted")),
            (&Value::Bool(false), &Value::Bool(false))
        );
    }
    // Plain text to a server of TLS, and TLS to one of plain text.
    let seen = look(Act::Redis(act(&format!("redis://127.0.0.1:{port}/"), &["PING"]))).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{seen:?}");
    let Some(server) = server() else { return };
    let plain =
        Redis { ca: Some(file("cert.pem")), ..act(&format!("rediss://{}", server.address), &["PING"]) };
    let seen = look_with(Act::Redis(plain), &[], Duration::from_millis(500)).await;
    // It waits for the end of a line.
    assert_eq!((known(&seen, "answered"), barrier(&seen, "tls")), (&Value::Bool(false), Barrier::TimedOut));
    let both = Redis { client_key: Some(file("key.pem")), ..act(&at, &["PING"]) };
    let seen = look(Act::Redis(both)).await;
    assert!(seen.unknown["*"].detail.contains("client_certificate"), "{seen:?}");
}

#[tokio::test]
async fn a_reply_that_does_not_end_in_time_is_neither_an_answer_nor_none() {
    let server = support::stops_after(b"$10\r\nhalf");
    let seen = support::look_at_hanging(Act::Redis(act(&server.address.to_string(), &["PING"]))).await;
    assert_eq!(
        (known(&seen, "connected"), barrier(&seen, "answered")),
        (&Value::Bool(true), Barrier::TimedOut)
    );
    server.until_gone().await;
}

#[tokio::test]
async fn a_reply_in_crumbs_is_read_whole() {
    let reply = b"*3\r\n$4\r\na\r\nb\r\n:-7\r\n$-1\r\n";
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sender = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut command = [0; 64];
        std::io::Read::read(&mut stream, &mut command).unwrap();
        for byte in reply {
            stream.write_all(&[*byte]).unwrap();
        }
        // Stays open: the reply must be known to be whole without the end of the connection.
        std::io::Read::read(&mut stream, &mut command).unwrap()
    });
    let seen = look(Act::Redis(act(&address.to_string(), &["GET", "x"]))).await;
    assert_eq!(known(&seen, "reply"), &Value::List(vec!["a\r\nb".into(), Value::from(-7), Value::Null]));
    sender.join().unwrap();
}

#[tokio::test]
async fn hostile_replies_are_kept_as_text_or_not_at_all() {
    let Some(server) = server() else { return };
    let seen = see(logged_in(&server.address, &["GET", "hostile"])).await;
    assert_eq!(text(&seen, "reply"), HOSTILE);
    // Bytes that are not text.
    let auth = format!("AUTH {PASSWORD}\r\n");
    server.raw(&[auth.as_bytes(), b"*3\r\n$3\r\nSET\r\n$6\r\nbinary\r\n$3\r\n\xff\x00\xc3\r\n"].concat());
    support::until("the key is set", || server.cli(&["EXISTS", "binary"]).trim() == "1");
    let seen = see(logged_in(&server.address, &["GET", "binary"])).await;
    assert_eq!(barrier(&seen, "reply"), Barrier::Protocol);
    assert_eq!(known(&seen, "answered"), &Value::Bool(true));
    // More than anybody wants to keep.
    server.cli(&["SETRANGE", "huge", "5000000", "x"]);
    let seen = see(logged_in(&server.address, &["GET", "huge"])).await;
    assert_eq!(barrier(&seen, "reply"), Barrier::TooLarge);
    assert_eq!(barrier(&seen, "answered"), Barrier::TooLarge);
    let error = [b"-ERR ", HOSTILE.as_bytes(), b"\r\n"].concat();
    let seen = look(Act::Redis(act(&support::says(error).to_string(), &["PING"]))).await;
    assert!(text(&seen, "error").contains(HOSTILE), "{seen:?}");
}
