//! `mysql` against Debian's MariaDB in each state, and against servers that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use probity_plan::kinds::mysql::Mysql;
use probity_plan::text::Piece;
use probity_plan::{Act, Barrier, Text, Value};
use probity_probe::Seen;
use rustix::process::Signal;
use support::{HOSTILE, Running, barrier, known, look, look_with, text, tool};

const PASSWORD: &str = "correct-horse";

struct Server {
    port: u16,
    ca: String,
    folder: tempfile::TempDir,
    running: Running,
}

/// MariaDB with a user `auditor` that may read one table of two, in TLS for whoever asks for it.
fn server() -> Option<Server> {
    let folder = support::folder();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (ca, key, data) = (path("server.pem"), path("server.key"), path("data"));
    let mut openssl = tool("openssl")?;
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=database"]);
    support::run(openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-out", &ca, "-keyout", &key]));
    let share = support::shared("usr/share/mysql").display().to_string();
    let init = format!(
        "CREATE DATABASE shop; CREATE USER auditor@'%' IDENTIFIED BY '{PASSWORD}'; USE shop;
         CREATE TABLE orders (id INT, paid BOOL, price DECIMAL(30,2), at TIMESTAMP, raw BLOB);
         INSERT INTO orders VALUES (1, TRUE, 12345678901234567890.50, FROM_UNIXTIME(0 + 3600), NULL), (2, NULL, NULL, NULL, x'ff');
         CREATE TABLE odd (padded INT ZEROFILL, flags BIT(9), `set` BIT, never YEAR, part DECIMAL(5,1) ZEROFILL, whole DECIMAL(5,2));
         INSERT INTO odd VALUES (7, 341, 1, 0, 0.5, -1.25); GRANT SELECT ON shop.odd TO auditor@'%';
         CREATE TABLE wages (sum INT); GRANT SELECT, INSERT, DELETE ON shop.orders TO auditor@'%';
         CREATE USER signing@'%' IDENTIFIED VIA mysql_native_password USING 'invalid'; FLUSH PRIVILEGES;"
    );
    let statements = path("init.sql");
    std::fs::create_dir(&data).unwrap();
    // Its system tables first, without which it does not start: a statement a line, as they are.
    let bootstrap = ["mysql_system_tables.sql", "mysql_system_tables_data.sql"]
        .map(|file| std::fs::read_to_string(format!("{share}/{file}")).unwrap())
        .concat();
    let options = |command: &mut Command| {
        command.current_dir("/").args([
            "--no-defaults",
            "--user=root",
            "--skip-log-bin",
            "--innodb-buffer-pool-size=8M",
        ]);
        command.args([
            &format!("--tmpdir={}", folder.path().display()),
            &format!("--datadir={data}"),
            &format!("--lc-messages-dir={share}"),
        ]);
    };
    let log = || {
        Stdio::from(
            std::fs::File::options().create(true).append(true).open(folder.path().join("log")).unwrap(),
        )
    };
    let mut first = tool("mariadbd")?;
    options(&mut first);
    first.args(["--bootstrap", "--skip-grant-tables"]).stdin(Stdio::piped()).stdout(log()).stderr(log());
    let mut first = first.spawn().unwrap();
    let begun = format!("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n{bootstrap}\n");
    first.stdin.take().unwrap().write_all(begun.as_bytes()).unwrap();
    let log_file = path("log");
    let said = || std::fs::read_to_string(&log_file).unwrap();
    assert!(first.wait().unwrap().success(), "{}", said());
    std::fs::write(&statements, init.replace('\n', " ").replace("; ", ";\n")).unwrap();
    let (port, socket) = (support::free_port(), path("socket"));
    let mut mariadb = tool("mariadbd").unwrap();
    options(&mut mariadb);
    mariadb.args([&format!("--port={port}"), "--bind-address=127.0.0.1", &format!("--socket={socket}")]);
    // Whatever it makes of new sessions.
    mariadb.args(["--skip-character-set-client-handshake", "--character-set-server=latin1"]);
    mariadb.args([
        &format!("--ssl-cert={ca}"),
        &format!("--ssl-key={key}"),
        &format!("--init-file={statements}"),
    ]);
    let running = support::start(mariadb.stdout(log()).stderr(log())).farewell(Signal::TERM);
    let mut server = Server { port, ca, folder, running };
    support::until("MariaDB listens", || {
        assert!(server.running.alive(), "{}", said());
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() && UnixStream::connect(&socket).is_ok()
    });
    Some(server)
}

impl Server {
    /// As `user`, whose password is a secret.
    fn act(&self, user: &str, options: &str, query: &str) -> Mysql {
        let pieces = vec![
            Piece::Plain(format!("mysql://{user}:")),
            Piece::Secret("password".to_owned()),
            Piece::Plain(format!("@127.0.0.1:{}/shop{options}", self.port)),
        ];
        Mysql { mysql: Text(pieces), query: query.to_owned(), ..Mysql::default() }
    }
}

async fn with(act: Mysql, password: &str, timeout: Duration) -> Seen {
    look_with(Act::Mysql(act), &[("password", password)], timeout).await
}

async fn see(server: &Server, query: &str) -> Seen {
    with(server.act("auditor", "?ssl-mode=DISABLED", query), PASSWORD, Duration::from_secs(30)).await
}

fn at(address: &str) -> Act {
    let mysql = Text::plain(format!("mysql://auditor:guess@{address}/shop"));
    Act::Mysql(Mysql { mysql, query: "SELECT 1".to_owned(), ..Mysql::default() })
}

/// Somebody who says this at once, and then nothing.
fn greets(greeting: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            _ = stream.write_all(&greeting);
            _ = stream.shutdown(std::net::Shutdown::Write);
            while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        }
    });
    address
}

#[tokio::test]
async fn a_query_yields_typed_rows() {
    let Some(server) = server() else { return };
    let seen = see(&server, "SELECT count(*) FROM orders WHERE paid IS NULL").await;
    assert_eq!(known(&seen, "value"), &Value::from(1), "{seen:?}");
    // In the characters that they are, though the server would send those of Latin-1.
    let seen = see(&server, "SELECT _utf8mb4 0xc383c2bc").await;
    assert_eq!(known(&seen, "value"), &Value::from("Ã¼"), "{seen:?}");
    let seen = see(&server, "SELECT hex('ü')").await;
    assert_eq!(known(&seen, "value"), &Value::from("C3BC"), "{seen:?}");
    assert_eq!(
        (known(&seen, "error_code"), text(&seen, "sqlstate"), text(&seen, "error")),
        (&Value::from(0), "00000", "")
    );
    assert_eq!(
        (known(&seen, "denied"), known(&seen, "logged_in")),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert!(text(&seen, "server_version").starts_with("10.11."), "{seen:?}");
    let seen = see(&server, "SELECT * FROM odd").await;
    let rows = serde_json::to_string(known(&seen, "rows")).unwrap();
    assert_eq!(rows, r#"[{"flags":341,"never":0,"padded":7,"part":0.5,"set":1,"whole":-1.25}]"#);
    let seen = see(&server, "SELECT id, paid, price, at FROM orders ORDER BY id").await;
    assert_eq!(known(&seen, "columns"), &Value::from(vec!["id", "paid", "price", "at"]));
    assert_eq!(known(&seen, "row_count"), &Value::from(2));
    let rows = serde_json::to_string(known(&seen, "rows")).unwrap();
    assert_eq!(
        rows,
        r#"[{"at":"1970-01-01 01:00:00","id":1,"paid":1,"price":12345678901234567890.50},{"at":null,"id":2,"paid":null,"price":null}]"#
    );
    assert_eq!(barrier(&seen, "value"), Barrier::Unsupported);
    let seen = see(&server, "SELECT 1 AS a, 2 AS a").await;
    assert_eq!((barrier(&seen, "rows"), known(&seen, "row_count")), (Barrier::Unsupported, &Value::from(1)));
}

#[tokio::test]
async fn over_the_socket_too() {
    let Some(server) = server() else { return };
    let socket = server.folder.path().join("socket");
    let act = server.act("auditor", &format!("?socket={}", socket.display()), "SELECT 7");
    let seen = with(act, PASSWORD, Duration::from_secs(30)).await;
    assert_eq!(known(&seen, "value"), &Value::from(7), "{seen:?}");
    assert_eq!(barrier(&seen, "tls"), Barrier::Unsupported);
}

#[tokio::test]
async fn tls_is_spoken_where_the_server_does_and_required_only_with_whom_we_trust() {
    let Some(server) = server() else { return };
    let query = "SELECT variable_value <> '' FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'";
    let trusting = |options: &str, ca: Option<String>| Mysql { ca, ..server.act("auditor", options, query) };
    for (options, ca, trusted) in [
        ("", None, false),
        ("", Some(server.ca.clone()), true),
        ("?ssl-mode=REQUIRED", Some(server.ca.clone()), true),
    ] {
        let seen = with(trusting(options, ca), PASSWORD, Duration::from_secs(30)).await;
        assert_eq!(
            (known(&seen, "value"), known(&seen, "tls")),
            (&Value::from(1), &Value::Bool(true)),
            "{seen:?}"
        );
        assert_eq!(known(&seen, "trusted"), &Value::Bool(trusted), "{options}");
    }
    let seen = with(trusting("?ssl-mode=REQUIRED", None), PASSWORD, Duration::from_secs(30)).await;
    assert_eq!(
        (known(&seen, "trusted"), known(&seen, "answered")),
        (&Value::Bool(false), &Value::Bool(false)),
        "{seen:?}"
    );
    assert!(!seen.facts.contains_key("logged_in"));
    let seen = see(&server, query).await;
    assert_eq!((known(&seen, "value"), barrier(&seen, "tls")), (&Value::from(0), Barrier::Unsupported));
}

#[tokio::test]
async fn who_may_not_is_denied_and_told_so() {
    let Some(server) = server() else { return };
    for (user, password, query, code, state) in [
        ("auditor", "wrong-horse", "SELECT 1", 1045, "28000"),
        ("nobody", PASSWORD, "SELECT 1", 1045, "28000"),
        ("auditor", PASSWORD, "SELECT * FROM wages", 1142, "42000"),
    ] {
        let seen = with(server.act(user, "", query), password, Duration::from_secs(30)).await;
        assert_eq!(
            (known(&seen, "denied"), known(&seen, "answered")),
            (&Value::Bool(true), &Value::Bool(true)),
            "{seen:?}"
        );
        assert_eq!((known(&seen, "error_code"), text(&seen, "sqlstate")), (&Value::from(code), state));
        assert_eq!(barrier(&seen, "rows"), Barrier::PermissionDenied);
        assert_eq!(seen.facts.contains_key("logged_in"), code == 1142, "{user}");
    }
    let seen = see(&server, "SELECT nonsense FROM orders").await;
    assert_eq!(
        (known(&seen, "denied"), known(&seen, "error_code")),
        (&Value::Bool(false), &Value::from(1054))
    );
}

#[tokio::test]
async fn nothing_is_written_and_no_second_statement_runs() {
    let Some(server) = server() else { return };
    let seen = see(&server, "DELETE FROM orders").await;
    assert_eq!(known(&seen, "error_code"), &Value::from(1792), "{seen:?}");
    let seen = see(&server, "SELECT 1; DELETE FROM orders").await;
    assert_eq!(
        (known(&seen, "error_code"), barrier(&seen, "rows")),
        (&Value::from(1064), Barrier::Unsupported)
    );
    assert_eq!(known(&see(&server, "SELECT count(*) FROM orders").await, "value"), &Value::from(2));
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_ended_on_the_server_too() {
    let Some(server) = server() else { return };
    let act = server.act("auditor", "?ssl-mode=DISABLED", "SELECT SLEEP(1000)");
    let seen = with(act, PASSWORD, Duration::from_secs(3)).await;
    assert_eq!(
        (barrier(&seen, "answered"), known(&seen, "logged_in")),
        (Barrier::TimedOut, &Value::Bool(true)),
        "{seen:?}"
    );
    let mine = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'";
    let began = Instant::now();
    while known(&see(&server, mine).await, "value") != &Value::from(0) {
        assert!(began.elapsed() < support::PATIENCE, "it still runs");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_not_answered() {
    let seen = look(at(&format!("127.0.0.1:{}", support::free_port()))).await;
    assert_eq!(
        (known(&seen, "answered"), known(&seen, "connected")),
        (&Value::Bool(false), &Value::Bool(false))
    );
    assert_eq!(barrier(&seen, "rows"), Barrier::ConnectionRefused);
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let silent = support::silent();
    let seen = support::look_at_hanging(at(&silent.address.to_string())).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    silent.until_gone().await;
}

#[tokio::test]
async fn nonsense_is_a_barrier_never_a_row() {
    for greeting in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        Vec::new(),
        b"\x05\0\0\0\x0a8.0".to_vec(),
        b"\x01\0\0\0\x0a".to_vec(),
        b"\x02\0\0\0\xff\x01".to_vec(),
    ] {
        let seen = look(at(&greets(greeting.clone()))).await;
        assert_eq!(barrier(&seen, "rows"), Barrier::Protocol, "{greeting:?}: {seen:?}");
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{greeting:?}");
    }
    // A server that lets our host not even ask.
    let seen = look(at(&greets(b"\x1a\0\0\0\xff\x6a\x04Host is not allowed now".to_vec()))).await;
    assert_eq!(
        (known(&seen, "denied"), known(&seen, "error_code")),
        (&Value::Bool(true), &Value::from(1130)),
        "{seen:?}"
    );
}

#[tokio::test]
async fn hostile_and_huge_results_are_kept_as_text_or_not_at_all() {
    let Some(server) = server() else { return };
    let hostile = HOSTILE.replace('\'', "''");
    let seen = see(&server, &format!("SELECT '{hostile}'")).await;
    assert_eq!(text(&seen, "value"), HOSTILE, "{seen:?}");
    let seen = see(&server, "SELECT raw FROM orders WHERE id = 2").await;
    assert_eq!(barrier(&seen, "value"), Barrier::Protocol);
    assert!(seen.unknown["value"].detail.contains("HEX(raw)"), "{seen:?}");
    let seen = see(&server, "SELECT REPEAT('x', 1500000)").await;
    assert_eq!((barrier(&seen, "rows"), known(&seen, "answered")), (Barrier::TooLarge, &Value::Bool(true)));
    let seen = see(&server, "SELECT REPEAT('x', 4000000)").await;
    assert_eq!(barrier(&seen, "answered"), Barrier::TooLarge, "{seen:?}");
}

#[tokio::test]
async fn what_this_kind_cannot_do_it_says_without_the_password() {
    for (how, part) in [
        ("postgres://u:correct-horse@h/d", "write mysql://"),
        ("mysql://h/d", "no user"),
        ("mysql://u:correct-horse@h/d?ssl-mode=maybe", "ssl-mode is"),
        ("mysql://u:correct-horse@h/d?color=red", "nothing else"),
    ] {
        let act = Mysql { mysql: Text::plain(how), query: "SELECT 1".to_owned(), ..Mysql::default() };
        let seen = look(Act::Mysql(act)).await;
        assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported, "{how}");
        let detail = &seen.unknown["*"].detail;
        assert!(detail.contains(part) && !detail.contains("correct-horse"), "{detail}");
    }
}
