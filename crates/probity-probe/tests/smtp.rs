//! `smtp` against aiosmtpd, from Debian's packages, in each state, and against servers that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use probity_plan::kinds::smtp::Smtp;
use probity_plan::text::Piece;
use probity_plan::{Act, Barrier, Text, Value};
use support::{HOSTILE, Running, barrier, known, look, look_with, text, tool};

const PASSWORD: &str = "correct-horse";

/// aiosmtpd, which takes one user's password, in TLS only.
const SERVER: &str = r#"
import ssl, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult

port, certificate, key, implicit = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "implicit"
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(certificate, key)

def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"ann", b"correct-horse"), handled=False)

options = {} if implicit else {"tls_context": tls}
controller = Controller(
    Sink(), hostname="127.0.0.1", port=port, authenticator=authenticate, ident="Mail ready", data_size_limit=1000,
    auth_require_tls=not implicit, ssl_context=tls if implicit else None, **options)
controller.start()
time.sleep(1000)
"#;

struct Server {
    port: u16,
    ca: String,
    folder: tempfile::TempDir,
    _running: Running,
}

fn server(implicit: bool) -> Option<Server> {
    let folder = support::folder();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (certificate, key) = (path("mail.pem"), path("mail.key"));
    let mut openssl = tool("openssl")?;
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=mail"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-out", &certificate, "-keyout", &key]);
    support::run(&mut openssl);
    std::fs::write(path("server.py"), SERVER).unwrap();
    let port = support::free_port();
    let mut python = std::process::Command::new("/usr/bin/python3");
    python.env("PYTHONPATH", support::shared("usr/lib/python3/dist-packages"));
    python.args([&path("server.py"), &port.to_string(), &certificate, &key]);
    python.arg(if implicit { "implicit" } else { "starttls" });
    let running = support::start(python.stdin(Stdio::null()).stdout(Stdio::null()));
    support::until_listens(port);
    Some(Server { port, ca: certificate, folder, _running: running })
}

impl Server {
    fn act(&self) -> Smtp {
        let smtp = format!("127.0.0.1:{}", self.port);
        Smtp { smtp, starttls: true, ca: Some(self.ca.clone()), ..Smtp::default() }
    }
}

fn with_login(act: Smtp, user: &str) -> Act {
    let password = Some(Text(vec![Piece::Secret("password".to_owned())]));
    Act::Smtp(Smtp { username: Some(user.to_owned()), password, ..act })
}

fn at(address: &str) -> Act {
    Act::Smtp(Smtp { smtp: address.to_owned(), ..Smtp::default() })
}

/// Somebody who greets with this, and then answers each line with the next of these.
fn greets(greeting: &'static str, answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            if stream.write_all(greeting.as_bytes()).is_err() {
                continue;
            }
            for answer in answers {
                if !stream.read(&mut buffer).is_ok_and(|n| n > 0)
                    || stream.write_all(answer.as_bytes()).is_err()
                {
                    break;
                }
            }
            _ = stream.shutdown(std::net::Shutdown::Write);
            while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
        }
    });
    address
}

#[tokio::test]
async fn a_mail_server_says_what_it_offers_and_lets_a_user_in() {
    let Some(server) = server(false) else { return };
    let plain = look(Act::Smtp(Smtp { starttls: false, ca: None, ..server.act() })).await;
    assert!(text(&plain, "greeting").contains("Mail ready"), "{plain:?}");
    for fact in ["connected", "answered", "starttls"] {
        assert_eq!(known(&plain, fact), &Value::Bool(true), "{fact}: {plain:?}");
    }
    assert_eq!(
        (known(&plain, "code"), known(&plain, "max_size_bytes")),
        (&Value::from(250), &Value::from(1000))
    );
    assert_eq!((text(&plain, "error"), known(&plain, "denied")), ("", &Value::Bool(false)));
    // Without TLS it lets nobody log in.
    assert_eq!(known(&plain, "auth_mechanisms"), &Value::List(Vec::new()));
    assert_eq!(
        (barrier(&plain, "tls"), barrier(&plain, "logged_in")),
        (Barrier::Unsupported, Barrier::NotMade)
    );

    let seen =
        look_with(with_login(server.act(), "ann"), &[("password", PASSWORD)], Duration::from_secs(20)).await;
    for fact in ["connected", "answered", "starttls", "tls", "trusted", "logged_in"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}: {seen:?}");
    }
    assert_eq!(known(&seen, "auth_mechanisms"), &Value::from(vec!["LOGIN", "PLAIN"]));
    assert_eq!((known(&seen, "code"), text(&seen, "enhanced_code")), (&Value::from(235), "2.7.0"));
}

#[tokio::test]
async fn the_ways_to_log_in_are_those_of_every_line() {
    let both = Value::from(vec!["LOGIN", "PLAIN"]);
    for (offer, ways) in [
        ("250-mail\r\n250-AUTH LOGIN\r\n250-SIZE 5\r\n250 auth plain\r\n", &both),
        ("250-mail\r\n250 AUTH=LOGIN PLAIN\r\n", &both),
        ("250-mail\r\n250-AUTH PLAIN\r\n250 AUTH=LOGIN\r\n", &both),
        ("250-AUTH PLAIN\r\n250 AUTHORS=PLAIN\r\n", &Value::List(Vec::new())),
    ] {
        let seen = look(at(&greets("220 hello\r\n", Vec::leak(vec![offer])))).await;
        assert_eq!(known(&seen, "auth_mechanisms"), ways, "{offer}: {seen:?}");
    }
}

#[tokio::test]
async fn tls_from_the_first_byte_too() {
    let Some(server) = server(true) else { return };
    let smtp = Smtp { smtp: format!("smtps://127.0.0.1:{}", server.port), starttls: false, ..server.act() };
    let seen = look(Act::Smtp(smtp)).await;
    for fact in ["connected", "answered", "tls", "trusted"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}: {seen:?}");
    }
    assert_eq!(barrier(&seen, "starttls"), Barrier::NotMade);
}

#[tokio::test]
async fn who_may_not_is_denied_and_told_so() {
    let Some(server) = server(false) else { return };
    let wrong =
        look_with(with_login(server.act(), "ann"), &[("password", "wrong-horse")], Duration::from_secs(20))
            .await;
    assert_eq!(
        (known(&wrong, "logged_in"), known(&wrong, "denied")),
        (&Value::Bool(false), &Value::Bool(true)),
        "{wrong:?}"
    );
    assert_eq!((known(&wrong, "code"), known(&wrong, "answered")), (&Value::from(535), &Value::Bool(true)));
    // What it offers was seen all the same.
    assert!(matches!(known(&wrong, "capabilities"), Value::List(list) if !list.is_empty()));
    let greeting = look(at(&greets("554 5.7.1 not from you\r\n", &[]))).await;
    assert_eq!(
        (known(&greeting, "code"), known(&greeting, "denied")),
        (&Value::from(554), &Value::Bool(true))
    );
    assert_eq!(text(&greeting, "enhanced_code"), "5.7.1");
    assert_eq!(barrier(&greeting, "capabilities"), Barrier::PermissionDenied);
    // A server that is busy denies nothing.
    let busy = look(at(&greets("421 try again later\r\n", &[]))).await;
    assert_eq!((known(&busy, "denied"), text(&busy, "error")), (&Value::Bool(false), "try again later"));
}

#[tokio::test]
async fn a_password_is_sent_in_trusted_tls_only() {
    let Some(server) = server(false) else { return };
    let act = Smtp { starttls: false, ..server.act() };
    let seen = look_with(with_login(act, "ann"), &[("password", PASSWORD)], Duration::from_secs(20)).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported);
    assert!(seen.unknown["*"].detail.contains("`starttls: true` or `smtps://`"), "{seen:?}");
    let distrusted = Smtp { ca: None, ..server.act() };
    let seen =
        look_with(with_login(distrusted, "ann"), &[("password", PASSWORD)], Duration::from_secs(20)).await;
    assert_eq!(
        (known(&seen, "trusted"), known(&seen, "answered")),
        (&Value::Bool(false), &Value::Bool(false)),
        "{seen:?}"
    );
    assert!(!seen.facts.contains_key("logged_in"));
    let no_tls = greets("220 hello\r\n", &["250-mail\r\n250 AUTH PLAIN\r\n"]);
    let seen = look(Act::Smtp(Smtp { smtp: no_tls, ..server.act() })).await;
    assert_eq!(
        (known(&seen, "starttls"), known(&seen, "answered")),
        (&Value::Bool(false), &Value::Bool(false))
    );
    assert!(server.folder.path().exists());
}

#[tokio::test]
async fn what_this_kind_cannot_do_it_says() {
    let smtp = |change: fn(&mut Smtp)| {
        let mut act = Smtp { smtp: "127.0.0.1:1".to_owned(), ..Smtp::default() };
        change(&mut act);
        Act::Smtp(act)
    };
    for (act, part) in [
        (smtp(|act| act.smtp = "mail.example".to_owned()), "write host:port"),
        (smtp(|act| act.hello = Some("a\r\nQUIT".to_owned())), "without blanks"),
        (smtp(|act| act.username = Some("ann".to_owned())), "both `username` and `password`"),
    ] {
        let seen = look(act).await;
        assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported, "{seen:?}");
        assert!(seen.unknown["*"].detail.contains(part), "{seen:?}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_not_answered() {
    let seen = look(at(&format!("127.0.0.1:{}", support::free_port()))).await;
    assert_eq!(
        (known(&seen, "answered"), known(&seen, "connected")),
        (&Value::Bool(false), &Value::Bool(false))
    );
    assert_eq!(barrier(&seen, "code"), Barrier::ConnectionRefused);
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let silent = support::silent();
    let seen = support::look_at_hanging(at(&silent.address.to_string())).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    silent.until_gone().await;
}

#[tokio::test]
async fn nonsense_is_a_barrier_never_a_reply() {
    for (greeting, answers) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", &[][..]),
        ("99 hello\r\n", &[]),
        ("700 hello\r\n", &[]),
        ("", &[]),
        ("220 hello\r\n", &["250-half"]),
        // The lines of a reply bear one code (RFC 5321, 4.2.1).
        ("220 hello\r\n", &["250-x\r\n550 no\r\n"]),
        ("220 hello\r\n", &["550-x\r\n250 STARTTLS\r\n"]),
        ("554-go\r\n220 hello\r\n", &["250 x\r\n"]),
    ] {
        let seen = look(at(&greets(greeting, answers))).await;
        assert_eq!(barrier(&seen, "code"), Barrier::Protocol, "{greeting}: {seen:?}");
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{greeting}");
    }
    let endless: &str = Box::leak(format!("220 {}", "x".repeat(1 << 20)).into_boxed_str());
    assert_eq!(barrier(&look(at(&greets(endless, &[]))).await, "code"), Barrier::Protocol);
}

#[tokio::test]
async fn hostile_texts_are_kept_as_text() {
    let greeting: &str = Box::leak(format!("220 {HOSTILE}\r\n").into_boxed_str());
    let offer: &[&str] = Box::leak(
        vec![&*Box::leak(format!("250-mail\r\n250-SIZE many\r\n250 {HOSTILE}\r\n").into_boxed_str())]
            .into_boxed_slice(),
    );
    let seen = look(at(&greets(greeting, offer))).await;
    assert_eq!(text(&seen, "greeting"), HOSTILE);
    assert!(
        matches!(known(&seen, "capabilities"), Value::List(list) if list.contains(&Value::from(HOSTILE))),
        "{seen:?}"
    );
    assert_eq!(barrier(&seen, "max_size_bytes"), Barrier::Protocol);
}

#[tokio::test]
async fn a_reply_to_something_else_is_no_reply() {
    let offer = "250-x\r\n250-STARTTLS\r\n250 SIZE 9\r\n";
    for (greeting, answers) in [
        // Whatever comes second is not the reply to EHLO.
        ("220 x\r\n220 y\r\n", vec![offer]),
        ("220 x\r\n", vec!["220 x\r\n"]),
        ("220 x\r\n", vec!["354 go on\r\n"]),
        ("250 x\r\n", vec![offer]),
        ("354 x\r\n", vec![offer]),
    ] {
        let seen = look(at(&greets(greeting, Vec::leak(answers)))).await;
        assert_eq!(barrier(&seen, "capabilities"), Barrier::Protocol, "{greeting}: {seen:?}");
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{greeting}");
        assert!(!seen.facts.contains_key("starttls"), "{greeting}: {seen:?}");
    }
    // Who does not know EHLO says so, and that is an answer.
    let seen = look(at(&greets("220 x\r\n", &["502 what?\r\n"]))).await;
    assert_eq!((known(&seen, "answered"), known(&seen, "code")), (&Value::Bool(true), &Value::from(502)));
}

#[tokio::test]
async fn what_a_server_says_twice_and_differently_is_not_known() {
    let seen = look(at(&greets("220 x\r\n", &["250-x\r\n250-SIZE 9\r\n250 SIZE 10\r\n"]))).await;
    assert_eq!(barrier(&seen, "max_size_bytes"), Barrier::Protocol, "{seen:?}");
    let seen = look(at(&greets("220 x\r\n", &["250-x\r\n250-SIZE 9\r\n250 size 9\r\n"]))).await;
    assert_eq!(known(&seen, "max_size_bytes"), &Value::from(9));
}

#[tokio::test]
async fn what_is_not_utf_8_is_shown_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 b\xfccher\r\n").unwrap();
        _ = stream.read(&mut [0; 4096]);
        stream.write_all(b"250-b\xfccher\r\n250-X-\xfc\r\n250 SIZE 9\r\n").unwrap();
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    });
    let seen = look(at(&address)).await;
    assert_eq!(
        (known(&seen, "answered"), known(&seen, "max_size_bytes")),
        (&Value::Bool(true), &Value::from(9))
    );
    for fact in ["greeting", "capabilities"] {
        assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{fact}: {seen:?}");
    }
}
