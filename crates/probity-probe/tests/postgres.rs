//! `postgres` against Debian's PostgreSQL in each state, and against servers that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use probity_plan::kinds::postgres::Postgres;
use probity_plan::text::Piece;
use probity_plan::{Act, Barrier, Text, Value};
use probity_probe::Seen;
use rustix::process::Signal;
use support::{HOSTILE, Running, barrier, known, look, look_with, text, tool};

const PASSWORD: &str = "correct-horse";

struct Server {
    port: u16,
    folder: tempfile::TempDir,
    _running: Running,
}

/// `nobody`, as whom PostgreSQL runs where the tests run as root, which it refuses.
const NOBODY: u32 = 65534;

/// A program of PostgreSQL's, not as root.
fn program(name: &str) -> Option<Command> {
    let program = tool(name)?;
    if !support::root() {
        return Some(program);
    }
    let path = program.get_program();
    let mut other = Command::new("setpriv");
    other.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    let reached = Command::new("setpriv").args(other.get_args()).args(["test", "-x"]).arg(path).status();
    if !reached.is_ok_and(|status| status.success()) {
        // Unpacked in a folder that is for root alone: root by another number.
        other = Command::new("unshare");
        other.args(["--user", "--map-user=65534", "--map-group=65534"]);
    }
    other.arg(path).stdin(Stdio::null());
    other.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(other)
}

/// PostgreSQL with a role `auditor` that may read one table of two.
fn server() -> Option<Server> {
    let folder = support::folder();
    let data = folder.path().join("data");
    let password = folder.path().join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    std::fs::create_dir(&data).unwrap();
    let mut initdb = program("initdb")?;
    if support::root() && initdb.get_program() == "setpriv" {
        std::os::unix::fs::chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    initdb
        .current_dir("/")
        .args(["-U", "postgres", "-A", "scram-sha-256", "-N", "-E", "UTF8", "--locale=C", "-D"])
        .arg(&data);
    support::run(initdb.arg("--pwfile").arg(&password));
    let port = support::free_port();
    let mut postgres = program("postgres").unwrap();
    postgres.current_dir("/").arg("-D").arg(&data).arg("-k").arg(&data).args(["-p", &port.to_string()]);
    postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "logging_collector=off"]);
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let running = support::start(postgres.stderr(log).stdout(Stdio::null())).farewell(Signal::QUIT);
    let server = Server { port, folder, _running: running };
    support::until("PostgreSQL answers", || server.psql("postgres", "SELECT 1").is_ok());
    let set_up = format!(
        "CREATE ROLE auditor LOGIN PASSWORD '{PASSWORD}'; ALTER ROLE auditor SET timezone = 'Asia/Kolkata'; \
         ALTER ROLE auditor SET extra_float_digits = -3; ALTER ROLE auditor SET bytea_output = 'escape'; CREATE TABLE orders (id int, paid bool); \
         INSERT INTO orders VALUES (1, true), (2, NULL); CREATE TABLE wages (sum int); CREATE SEQUENCE numbers; \
         GRANT SELECT, INSERT, DELETE ON orders TO auditor; GRANT USAGE ON SEQUENCE numbers TO auditor"
    );
    server.psql("postgres", &set_up).unwrap();
    Some(server)
}

impl Server {
    /// As PostgreSQL's own client sees it, as its superuser.
    fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut command = tool("psql").unwrap();
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            "postgres",
            "-d",
            database,
            "-AtqX",
            "-c",
            sql,
        ]);
        let output = command.env("PGPASSWORD", PASSWORD).output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }
    fn data(&self) -> &Path {
        self.folder.path()
    }
}

/// The query as `auditor`, whose password is a secret.
fn act(server: &Server, query: &str) -> Act {
    let address = format!("@127.0.0.1:{}/postgres", server.port);
    let pieces = vec![
        Piece::Plain("postgresql://auditor:".to_owned()),
        Piece::Secret("password".to_owned()),
        Piece::Plain(address),
    ];
    Act::Postgres(Postgres { postgres: Text(pieces), query: query.to_owned(), ..Postgres::default() })
}

async fn see(server: &Server, query: &str) -> Seen {
    look_with(act(server, query), &[("password", PASSWORD)], Duration::from_secs(20)).await
}

fn at(address: &str) -> Act {
    Act::Postgres(Postgres {
        postgres: Text::plain(format!("postgresql://auditor:guess@{address}/postgres?sslmode=disable")),
        query: "SELECT 1".to_owned(),
        ..Postgres::default()
    })
}

#[tokio::test]
async fn a_query_yields_typed_rows() {
    let Some(server) = server() else { return };
    let seen = see(&server, "SELECT count(*) FROM orders WHERE paid IS NULL").await;
    assert_eq!(known(&seen, "value"), &Value::from(1));
    assert_eq!((text(&seen, "sqlstate"), text(&seen, "error")), ("00000", ""));
    assert_eq!(known(&seen, "denied"), &Value::Bool(false));
    assert!(text(&seen, "server_version").starts_with("15."), "{seen:?}");

    // With every digit, and written as ever, whatever the role says.
    let seen = see(&server, "SELECT 0.1::float8 + 0.2::float8, 12345678::float4 AS f, 'a'::bytea AS b").await;
    let row = serde_json::to_value(known(&seen, "rows")).unwrap();
    assert_eq!(row, serde_json::json!([{ "?column?": 0.30000000000000004, "f": 12345678.0, "b": "\\x61" }]));

    let seen = see(&server, "SELECT id, paid FROM orders ORDER BY id").await;
    assert_eq!(known(&seen, "columns"), &Value::from(vec!["id", "paid"]));
    assert_eq!(known(&seen, "row_count"), &Value::from(2));
    let json = serde_json::json!([{"id": 1, "paid": true}, {"id": 2, "paid": null}]);
    assert_eq!(known(&seen, "rows"), &Value::from_json(&json.to_string()).unwrap());
    assert_eq!(barrier(&seen, "value"), Barrier::Unsupported);

    let seen = see(&server, "SELECT 1 WHERE false").await;
    assert_eq!(known(&seen, "rows"), &Value::List(Vec::new()));

    // As it is for this user, whatever zone that is.
    assert_eq!(text(&see(&server, "SHOW timezone").await, "value"), "Asia/Kolkata");

    let seen = see(&server, "SELECT 1 AS a, 2 AS a").await;
    assert_eq!(known(&seen, "columns"), &Value::from(vec!["a", "a"]));
    assert_eq!(
        (known(&seen, "answered"), barrier(&seen, "rows")),
        (&Value::Bool(true), Barrier::Unsupported)
    );

    let cases: [(&str, Value); 15] = [
        ("false", Value::Bool(false)),
        ("(-7)::int2", Value::from(-7)),
        ("9223372036854775807::int8", Value::from(i64::MAX)),
        ("1.5::float8", Value::decimal(1.5)),
        ("'NaN'::float8", "NaN".into()),
        ("0.10::numeric", Value::decimal(0.1)),
        ("3::numeric", Value::from(3)),
        ("12345678901234567890.5::numeric", Value::from_json("12345678901234567890.5").unwrap()),
        ("avg(x) FROM generate_series(1, 2) x", Value::decimal(1.5)),
        ("NULL::text", Value::Null),
        ("'42'::text", "42".into()),
        (
            "'{\"a\": [1, null]}'::jsonb",
            Value::from_json(&serde_json::json!({"a": [1, null]}).to_string()).unwrap(),
        ),
        ("timestamptz '2026-01-31 23:59:59.5+01'", "2026-01-31T22:59:59.500000Z".into()),
        ("timestamp '2026-01-31 23:59:59'", "2026-01-31 23:59:59".into()),
        ("ARRAY[1, 2]", "{1,2}".into()),
    ];
    for (expression, expected) in cases {
        let seen = see(&server, &format!("SELECT {expression}")).await;
        assert_eq!(known(&seen, "value"), &expected, "{expression}");
    }
}

#[tokio::test]
async fn over_the_socket_too() {
    let Some(server) = server() else { return };
    let data = server.data().join("data");
    let how = format!(
        "host={} port={} user=auditor dbname=postgres password={PASSWORD}",
        data.display(),
        server.port
    );
    let act = Postgres {
        postgres: Text::plain(how),
        query: "SHOW server_encoding".to_owned(),
        ..Postgres::default()
    };
    let seen = look(Act::Postgres(act)).await;
    assert_eq!(text(&seen, "value"), "UTF8");
}

#[tokio::test]
async fn nothing_is_written_and_no_second_statement_runs() {
    let Some(server) = server() else { return };
    for (query, code) in [
        ("INSERT INTO orders VALUES (3, true)", "25006"),
        ("WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone", "25006"),
        ("SELECT nextval('numbers')", "25006"),
        ("CREATE TABLE other (id int)", "25006"),
        ("SELECT 1; COMMIT; INSERT INTO orders VALUES (3, true)", "42601"),
        ("COMMIT; INSERT INTO orders VALUES (3, true)", "42601"),
    ] {
        let seen = see(&server, query).await;
        assert_eq!(text(&seen, "sqlstate"), code, "{query}: {seen:?}");
        assert_eq!(known(&seen, "denied"), &Value::Bool(false), "{query}");
        assert_eq!(barrier(&seen, "rows"), Barrier::Unsupported, "{query}");
    }
    assert_eq!(server.psql("postgres", "SELECT count(*), sum(id) FROM orders").unwrap(), "2|3");
    // The control: without the transaction this role may write.
    let writes = "SET ROLE auditor; INSERT INTO orders VALUES (3, true)";
    assert_eq!(server.psql("postgres", writes), Ok(String::new()));
}

#[tokio::test]
async fn who_may_not_is_denied_and_told_so() {
    let Some(server) = server() else { return };
    let seen = see(&server, "SELECT * FROM wages").await;
    assert_eq!((text(&seen, "sqlstate"), known(&seen, "denied")), ("42501", &Value::Bool(true)));
    assert_eq!(barrier(&seen, "rows"), Barrier::PermissionDenied);
    assert!(text(&seen, "error").contains("permission denied"), "{seen:?}");
    let wrong =
        look_with(act(&server, "SELECT 1"), &[("password", "guessed-wrong")], Duration::from_secs(20)).await;
    let none = Postgres {
        postgres: Text::plain(format!("postgresql://auditor@127.0.0.1:{}/postgres", server.port)),
        query: "SELECT 1".to_owned(),
        ..Postgres::default()
    };
    for seen in [wrong, look(Act::Postgres(none)).await] {
        assert_eq!(known(&seen, "answered"), &Value::Bool(true), "{seen:?}");
        assert_eq!((text(&seen, "sqlstate"), known(&seen, "denied")), ("28P01", &Value::Bool(true)));
    }
}

#[tokio::test]
async fn an_error_is_a_fact_and_no_denial() {
    let Some(server) = server() else { return };
    for (query, code) in [
        ("SELECT * FROM nothing", "42P01"),
        ("SELEC 1", "42601"),
        ("SELECT 1/0", "22012"),
        ("SELECT $1", "42P02"),
    ] {
        let seen = see(&server, query).await;
        assert_eq!((text(&seen, "sqlstate"), known(&seen, "denied")), (code, &Value::Bool(false)), "{query}");
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_ended_on_the_server_too() {
    let Some(server) = server() else { return };
    let running = || {
        server.psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6%' AND pid <> pg_backend_pid()").unwrap()
    };
    let seen = look_with(
        act(&server, "SELECT pg_sleep(60)"),
        &[("password", PASSWORD)],
        Duration::from_millis(1500),
    )
    .await;
    assert_eq!(barrier(&seen, "answered"), Barrier::TimedOut, "{seen:?}");
    for fact in ["connected", "logged_in"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}");
    }
    let (at_least, at_most) = known(&seen, "elapsed_ms").ends().unwrap();
    assert!(at_least >= 1500.0 && at_most.is_infinite(), "{seen:?}");
    support::until("the query is ended", || running() == "0");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_not_answered() {
    let seen = look(at(&format!("127.0.0.1:{}", support::free_port()))).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "rows"), Barrier::ConnectionRefused);
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let silent = support::silent();
    let seen = support::look_at_hanging(at(&silent.address.to_string())).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    silent.until_gone().await;
    let hole = support::black_hole();
    let seen = support::look_at_hanging(at(&hole.address.to_string())).await;
    assert_eq!(barrier(&seen, "rows"), Barrier::TimedOut);
}

#[tokio::test]
async fn nonsense_is_a_barrier_never_a_row() {
    for nonsense in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        Vec::new(),
        b"R\x00\x00\x00\x00".to_vec(),
        b"R\x7f\xff\xff\xff".to_vec(),
        b"R\x00\x00\x00\x08\x00\x00\x00\x63".to_vec(),
        b"E\x00\x00\x00\x05\x00".to_vec(),
        b"\xff".repeat(100),
        // Logged in at once, and then nothing that makes sense.
        b"R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05Iwhat".to_vec(),
    ] {
        let seen = look(at(&support::says(nonsense.clone()).to_string())).await;
        let shown = String::from_utf8_lossy(&nonsense).into_owned();
        assert_eq!(barrier(&seen, "rows"), Barrier::Protocol, "{shown:?}: {seen:?}");
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{shown:?}");
        assert_eq!(known(&seen, "connected"), &Value::Bool(!nonsense.is_empty()), "{shown:?}");
    }
    // A way to log in that this client does not have (Kerberos V5) is nothing bad of the server.
    let seen = look(at(&support::says(message(b'R', b"\0\0\0\x02")).to_string())).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported, "{seen:?}");
    assert_eq!(known(&seen, "connected"), &Value::Bool(true));
}

/// PostgreSQL in TLS, with a certificate for 127.0.0.1 that it signed itself.
fn in_tls(server: &Server) -> String {
    let file = |name: &str| server.data().join(name).display().to_string();
    let mut openssl = tool("openssl").unwrap();
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=database"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", &file("own.key")]);
    support::run(openssl.args(["-out", &file("own.crt")]));
    serve_tls(server, &file("own.crt"), &file("own.key"));
    file("own.crt")
}

/// PostgreSQL in TLS, with this certificate.
fn serve_tls(server: &Server, certificate: &str, key: &str) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let data = server.data().join("data");
    for (from, name) in [(certificate, "server.crt"), (key, "server.key")] {
        let to = data.join(name);
        std::fs::copy(from, &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
        if support::root() {
            let owner = std::fs::metadata(&data).unwrap();
            std::os::unix::fs::chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
    }
    server.psql("postgres", "ALTER SYSTEM SET ssl = on").unwrap();
    server.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    support::until("PostgreSQL speaks TLS", || server.psql("postgres", "SHOW ssl").as_deref() == Ok("on"));
}

#[tokio::test]
async fn tls_is_spoken_only_with_a_server_that_can_be_trusted() {
    let Some(server) = server() else { return };
    let how = |host: &str, mode: &str| {
        Text::plain(format!("postgresql://auditor:{PASSWORD}@{host}:{}/postgres?sslmode={mode}", server.port))
    };
    let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()".to_owned();
    // It does not speak TLS yet: that is no answer, and nothing is sent in plain text.
    let act = Postgres { postgres: how("127.0.0.1", "require"), query, ..Postgres::default() };
    let seen = look(Act::Postgres(act.clone())).await;
    assert_eq!((known(&seen, "tls"), known(&seen, "answered")), (&Value::Bool(false), &Value::Bool(false)));
    assert_eq!(known(&seen, "connected"), &Value::Bool(true));

    // As libpq does, without a word of it the server is asked, and what it says is told.
    let any = Postgres {
        postgres: Text::plain(format!("postgresql://auditor:{PASSWORD}@127.0.0.1:{}/postgres", server.port)),
        ..act.clone()
    };
    let seen = look(Act::Postgres(any.clone())).await;
    assert_eq!((known(&seen, "value"), known(&seen, "tls")), (&Value::Bool(false), &Value::Bool(false)));
    assert_eq!(barrier(&seen, "trusted"), Barrier::Unsupported);

    let ca = in_tls(&server);
    for (act, trusted) in [(any.clone(), false), (Postgres { ca: Some(ca.clone()), ..any }, true)] {
        let seen = look(Act::Postgres(act)).await;
        assert_eq!((known(&seen, "value"), known(&seen, "tls")), (&Value::Bool(true), &Value::Bool(true)));
        assert_eq!(known(&seen, "trusted"), &Value::Bool(trusted), "{seen:?}");
    }
    for mode in ["require", "verify-full", "verify-ca"] {
        let act = Postgres { postgres: how("127.0.0.1", mode), ca: Some(ca.clone()), ..act.clone() };
        let seen = look(Act::Postgres(act)).await;
        assert_eq!(known(&seen, "value"), &Value::Bool(true), "{mode}: {seen:?}");
        for fact in ["connected", "tls", "trusted", "logged_in", "answered"] {
            assert_eq!(known(&seen, fact), &Value::Bool(true), "{mode}: {fact}");
        }
    }
    // The kind `tls` asks for it in the same way, and sees the same certificate.
    let door = Act::Tls(probity_plan::kinds::tls::Tls {
        tls: format!("127.0.0.1:{}", server.port),
        starttls: Some(probity_plan::kinds::tls::StartTls::Postgres),
        ca: Some(ca.clone()),
        ..Default::default()
    });
    let seen = look(door).await;
    for fact in ["starttls", "completed", "trusted", "name_matches", "tls_1_2", "tls_1_3"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}: {seen:?}");
    }
    assert_eq!(text(&seen, "subject"), "CN=database");
    // Without TLS there is none to tell of.
    let plain = Postgres { postgres: how("127.0.0.1", "disable"), ..act.clone() };
    let seen = look(Act::Postgres(plain)).await;
    assert_eq!((known(&seen, "value"), barrier(&seen, "tls")), (&Value::Bool(false), Barrier::Unsupported));
    // Nobody vouches for it; it is for another name; and our own file is missing, which is not the server's fault.
    let own = |ca: &str, host: &str, mode: &str| Postgres {
        postgres: how(host, mode),
        ca: Some(ca.to_owned()),
        ..act.clone()
    };
    let other = server.data().join("other.pem").display().to_string();
    let mut openssl = tool("openssl").unwrap();
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=other"]);
    support::run(openssl.args(["-keyout", "/dev/null", "-out", &other]));
    for act in [own(&other, "127.0.0.1", "require"), own(&ca, "localhost", "require")] {
        let seen = look(Act::Postgres(act)).await;
        assert_eq!(known(&seen, "trusted"), &Value::Bool(false), "{seen:?}");
        assert_eq!(
            (known(&seen, "answered"), known(&seen, "tls")),
            (&Value::Bool(false), &Value::Bool(true))
        );
    }
    let seen = look(Act::Postgres(own(&ca, "localhost", "verify-ca"))).await;
    assert_eq!(known(&seen, "value"), &Value::Bool(true), "{seen:?}");
    let seen = look(Act::Postgres(own("/nowhere/ca.pem", "127.0.0.1", "require"))).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::Unreachable);
}

#[tokio::test]
async fn a_server_that_never_stops_talking_is_cut_off() {
    // A notice of 1 MiB, again and again.
    let size = 1_u32 << 20;
    let text = vec![b'x'; size as usize - 4 - 1 - 2];
    let notice = [b"N", &size.to_be_bytes()[..], b"M", &text, b"\0\0"].concat();
    let flood = [&b"R\x00\x00\x00\x08\x00\x00\x00\x00"[..], &notice.repeat(5)].concat();
    let seen = look(at(&support::says(flood).to_string())).await;
    assert_eq!(barrier(&seen, "rows"), Barrier::TooLarge, "{seen:?}");
    assert_eq!(barrier(&seen, "answered"), Barrier::TooLarge);
}

#[tokio::test]
async fn hostile_and_huge_results_are_kept_as_text_or_not_at_all() {
    let Some(server) = server() else { return };
    let quoted = HOSTILE.replace('\'', "''");
    let seen = see(&server, &format!("SELECT '{quoted}' AS \"{}\"", HOSTILE.replace('"', ""))).await;
    assert_eq!(text(&seen, "value"), HOSTILE);
    let seen = see(&server, &format!("SELECT '{quoted}'::int")).await;
    assert!(text(&seen, "error").contains(HOSTILE), "{seen:?}");
    let seen = see(&server, "SELECT repeat('x', 10000000)").await;
    assert_eq!(barrier(&seen, "rows"), Barrier::TooLarge);
    let seen = see(&server, "SELECT n FROM generate_series(1, 1001) AS n").await;
    assert_eq!(barrier(&seen, "rows"), Barrier::TooLarge);
    assert_eq!(known(&seen, "row_count"), &Value::from(1001));
    let seen = see(&server, "SELECT n FROM generate_series(1, 1000) AS n").await;
    assert!(matches!(known(&seen, "rows"), Value::List(rows) if rows.len() == 1000));
    // A database without an encoding holds what is not text: PostgreSQL itself does not hand it out.
    let create = "CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    server.psql("postgres", create).unwrap();
    let how = format!("postgresql://auditor:{PASSWORD}@127.0.0.1:{}/bytes", server.port);
    let act = Postgres {
        postgres: Text::plain(how),
        query: r"SELECT E'\xff\xfe'".to_owned(),
        ..Postgres::default()
    };
    let seen = look(Act::Postgres(act)).await;
    assert_eq!(text(&seen, "sqlstate"), "22021", "{seen:?}");
}

/// A message of the protocol: its kind, its length, its body.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, body].concat()
}

#[tokio::test]
async fn a_server_whose_texts_are_none_is_not_believed() {
    let ready = || message(b'Z', b"T");
    let done = || [message(b'C', b"OK\0"), ready()].concat();
    // One column of text (object identifier 25).
    let column = || message(b'T', b"\0\x01name\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
    let row = message(b'D', b"\0\x01\0\0\0\x02\xff\xfe");
    let address = support::says_in_turn(vec![
        [message(b'R', b"\0\0\0\0"), ready()].concat(),
        done(),
        [message(b'1', b""), message(b't', b"\0\0"), column(), ready()].concat(),
        [column(), row, done()].concat(),
        // The statement is forgotten, and the transaction ends.
        [message(b'3', b""), ready(), done()].concat(),
    ]);
    let seen = look(at(&address.to_string())).await;
    assert_eq!(known(&seen, "columns"), &Value::from(vec!["name"]), "{seen:?}");
    assert_eq!(known(&seen, "row_count"), &Value::from(1));
    assert_eq!(barrier(&seen, "rows"), Barrier::Protocol);
    assert_eq!(barrier(&seen, "value"), Barrier::Protocol);
}

#[tokio::test]
async fn what_this_kind_cannot_do_it_says_without_the_password() {
    for (how, word) in [
        ("postgresql://a:correct-horse@127.0.0.1/x?sslmode=allow", "sslmode"),
        ("postgresql://127.0.0.1/x", "user"),
        ("host=a,b user=c password=correct-horse", "hosts"),
        ("postgresql://c:correct-horse@a/b?target_session_attrs=read-only", "target_session_attrs"),
        ("host=a hostaddr=127.0.0.1 user=c password=correct-horse", "hostaddr"),
        ("host=a user=c password=correct-horse colour=red", "colour"),
        ("postgresql://a:correct-horse@127.0.0.1:correct/x", "how to connect"),
    ] {
        let act =
            Postgres { postgres: Text::plain(how), query: "SELECT 1".to_owned(), ..Postgres::default() };
        let seen = look(Act::Postgres(act)).await;
        let blocked = &seen.unknown["*"];
        assert_eq!(blocked.barrier, Barrier::Unsupported);
        assert!(blocked.detail.contains(word) && !blocked.detail.contains(PASSWORD), "{how}: {blocked:?}");
    }
}

#[test]
fn only_what_begins_like_a_query_is_harmless() {
    let impact = |query: &str| {
        let act = Act::Postgres(Postgres { query: query.to_owned(), ..Postgres::default() });
        act.impact().name()
    };
    for query in ["SELECT 1", "  select 1", "WITH a AS (SELECT 1) TABLE a", "SHOW all", "explain SELECT 1"] {
        assert_eq!(impact(query), "observe", "{query}");
    }
    for query in
        ["COPY orders TO PROGRAM 'sh'", "INSERT INTO a VALUES (1)", "DO $$ $$", "SELECTED", "-- x\nSELECT 1"]
    {
        assert_eq!(impact(query), "disrupt", "{query}");
    }
}

/// A server of before 1999, or one that only looks like PostgreSQL, does not know the question for TLS.
#[tokio::test]
async fn who_does_not_know_the_question_for_tls_is_asked_without_it() {
    const QUESTION: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let Some(server) = server() else { return };
    let behind = server.port;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut first = [0; 8];
            std::io::Read::read_exact(&mut stream, &mut first).unwrap();
            if first == QUESTION {
                std::io::Write::write_all(&mut stream, b"EFATAL:  unsupported frontend protocol\0").unwrap();
                continue;
            }
            let mut real = std::net::TcpStream::connect(("127.0.0.1", behind)).unwrap();
            std::io::Write::write_all(&mut real, &first).unwrap();
            let (mut back, mut forth) = (stream.try_clone().unwrap(), real.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut forth, &mut back));
            std::thread::spawn(move || std::io::copy(&mut stream, &mut real));
        }
    });
    let through = |mode: &str| {
        let pieces = vec![
            Piece::Plain("postgresql://auditor:".to_owned()),
            Piece::Secret("password".to_owned()),
            Piece::Plain(format!("@127.0.0.1:{port}/postgres{mode}")),
        ];
        let query = "SELECT 42".to_owned();
        Act::Postgres(Postgres { postgres: Text(pieces), query, ..Postgres::default() })
    };
    let look = |mode| look_with(through(mode), &[("password", PASSWORD)], Duration::from_secs(20));
    for mode in ["", "?sslmode=prefer"] {
        let seen = look(mode).await;
        assert_eq!(
            (known(&seen, "answered"), known(&seen, "tls")),
            (&Value::Bool(true), &Value::Bool(false)),
            "{mode}: {seen:?}"
        );
        assert_eq!(known(&seen, "value"), &Value::from(42), "{mode}");
    }
    let seen = look("?sslmode=require").await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{seen:?}");
}

#[tokio::test]
async fn json_that_is_no_value_is_a_barrier_and_no_text() {
    let Some(server) = server() else { return };
    let seen = see(&server, "SELECT '{\"a\": 1, \"a\": 2}'::json AS it").await;
    for fact in ["rows", "value"] {
        assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{fact}: {seen:?}");
    }
    assert!(seen.unknown["rows"].detail.contains("column it"), "{seen:?}");
    assert_eq!(known(&seen, "row_count"), &Value::from(1));
}

#[tokio::test]
async fn without_a_word_of_it_tls_is_spoken_with_a_certificate_that_cannot_be_judged_too() {
    let Some(server) = server() else { return };
    let file = |name: &str| server.data().join(name).display().to_string();
    // PostgreSQL's own recipe (18.9.5), whose certificate is of X.509 version 1.
    let mut openssl = tool("openssl").unwrap();
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=root"]);
    support::run(openssl.args(["-keyout", &file("root.key"), "-out", &file("root.crt")]));
    let mut openssl = tool("openssl").unwrap();
    openssl.args(["req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=127.0.0.1"]);
    support::run(openssl.args(["-keyout", &file("old.key"), "-out", &file("old.csr")]));
    let mut openssl = tool("openssl").unwrap();
    openssl.args(["x509", "-req", "-in", &file("old.csr"), "-days", "5", "-CA", &file("root.crt")]);
    openssl.args(["-CAkey", &file("root.key"), "-CAcreateserial"]);
    support::run(openssl.args(["-out", &file("old.crt")]));
    serve_tls(&server, &file("old.crt"), &file("old.key"));
    let how = |mode: &str| Postgres {
        postgres: Text::plain(format!(
            "postgresql://auditor:{PASSWORD}@127.0.0.1:{}/postgres{mode}",
            server.port
        )),
        query: "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()".to_owned(),
        ca: Some(file("root.crt")),
        ..Postgres::default()
    };
    for mode in ["", "?sslmode=prefer"] {
        let seen = look(Act::Postgres(how(mode))).await;
        assert_eq!((known(&seen, "value"), known(&seen, "tls")), (&Value::Bool(true), &Value::Bool(true)));
        assert_eq!(barrier(&seen, "trusted"), Barrier::Unsupported, "{mode}: {seen:?}");
        assert!(seen.unknown["trusted"].detail.contains("version 1"), "{seen:?}");
    }
    let seen = look(Act::Postgres(how("?sslmode=verify-ca"))).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported, "{seen:?}");
    assert!(seen.unknown["*"].detail.contains("version 1"), "{seen:?}");
}
