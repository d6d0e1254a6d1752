//! `postgres`: logs in, begins a read-only transaction with a statement time-out, and runs one query.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::str::FromStr;
use std::task::Poll;
use std::time::Instant;

use probity_plan::kinds::postgres::Postgres;
use probity_plan::{Barrier, Blocked, Value};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{Host, SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::rows::{self, MAX_KEPT, MAX_ROWS};
use crate::connect::{self, Conversation, Fault, Stream, Talk, starttls, tls};
use crate::look::{Context, Seen, elapsed_ms};
use crate::plaintext::Syntax;

/// The protocol, as it is called in a handshake.
const ALPN: [&str; 1] = ["postgresql"];

/// The most bytes that are read from the server: what is kept, and the protocol round it.
const MAX_BYTES: usize = 2 << 20;

impl Talk for Postgres {
    async fn talk(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let text = context.expand(&self.postgres, Syntax::Connection)?;
        let unsupported = |why: String| Blocked::new(Barrier::Unsupported, why);
        let (text, checks_name) = name_check(text.reveal());
        let mut config = Config::from_str(&text).map_err(|e| {
            // The error may repeat a piece of the text, and a piece of a secret cannot be masked.
            let why = if self.postgres.has_secret() {
                "it is neither a URL nor key=value, once its secrets are in their places".to_owned()
            } else {
                with_cause(&e)
            };
            unsupported(format!("how to connect: {why}"))
        })?;
        if config.get_user().is_none() {
            return Err(unsupported(
                "how to connect: no user; write postgresql://user@host/database".to_owned(),
            )
            .into());
        }
        // Not left out in silence: they say which server is meant.
        for (given, parameter, instead) in [
            (
                config.get_target_session_attrs() != TargetSessionAttrs::Any,
                "target_session_attrs",
                "ask with `query`",
            ),
            (!config.get_hostaddrs().is_empty(), "hostaddr", "write the address as host"),
        ] {
            if given {
                return Err(unsupported(format!("how to connect: no `{parameter}`; {instead}")).into());
            }
        }
        if config.get_password().is_none() {
            // Then the server says that this is wrong, where it asks for one.
            config.password("");
        }
        let began = Instant::now();
        let stream = connect(self, &config, checks_name, conversation, seen).await?;
        config.ssl_mode(SslMode::Disable).application_name("probity");
        ask(self, context, &config, stream, began, seen).await
    }
}

/// The text as tokio-postgres takes it, and whether a certificate must be for the host: this kind verifies every
/// certificate, so `verify-full` is `require`, and `verify-ca` leaves the name out.
fn name_check(text: &str) -> (Cow<'_, str>, bool) {
    for (mode, checks_name) in [("sslmode=verify-full", true), ("sslmode=verify-ca", false)] {
        if let Some((at, _)) = text.match_indices(mode).find(|(at, _)| begins_a_parameter(text, *at)) {
            let after = &text[at + mode.len()..];
            return (format!("{}sslmode=require{after}", &text[..at]).into(), checks_name);
        }
    }
    (text.into(), true)
}

/// Whether a parameter begins at this byte of a connection string, rather than a piece of a password or of another value.
fn begins_a_parameter(text: &str, at: usize) -> bool {
    let before = &text[..at];
    if text.starts_with("postgresql://") || text.starts_with("postgres://") {
        // The first `@` ends user and password (tokio-postgres takes a later one for the host's).
        return before.ends_with(['?', '&']) && text.find('@').is_none_or(|end| end < at);
    }
    let mut quoted = false;
    let mut rest = before.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => _ = rest.next(),
            '\'' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted && (before.is_empty() || before.ends_with(char::is_whitespace))
}

async fn connect(
    postgres: &Postgres,
    config: &Config,
    checks_name: bool,
    conversation: &Conversation,
    seen: &mut Seen,
) -> Result<Stream, Fault> {
    let unsupported = |why: String| Blocked::new(Barrier::Unsupported, why);
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let host = match config.get_hosts() {
        [Host::Unix(folder)] => {
            tls::not_spoken(seen);
            let path = folder.join(format!(".s.PGSQL.{port}"));
            return Ok(Box::new(conversation.unix(&path.display().to_string()).await?));
        }
        [Host::Tcp(host)] => host,
        hosts => return Err(unsupported(format!("how to connect: {} hosts; name one", hosts.len())).into()),
    };
    let files = tls::Files {
        ca: postgres.ca.as_deref(),
        certificate: postgres.client_certificate.as_deref(),
        key: postgres.client_key.as_deref(),
    };
    let client = match config.get_ssl_mode() {
        SslMode::Disable => None,
        SslMode::Require => {
            let mut client = tls::Client::load(host, &files, &ALPN).await?;
            client.checks_name = checks_name;
            Some(client)
        }
        // `prefer`, as libpq without a word of it: in TLS with whoever speaks it, else in plain text.
        _ => Some(tls::Client::load_trusting(host, &files, &ALPN).await?),
    };
    let addresses = connect::resolve(host, port).await?;
    let mut stream = conversation.tcp(&addresses).await?;
    let Some(client) = client else {
        tls::not_spoken(seen);
        return Ok(Box::new(stream));
    };
    if config.get_ssl_negotiation() == SslNegotiation::Postgres {
        let required = config.get_ssl_mode() == SslMode::Require;
        match starttls::postgres(&mut stream).await {
            Ok(true) => {}
            Ok(false) if required => {
                seen.know("tls", false);
                return Err(Fault::nonsense("the server does not speak TLS"));
            }
            Ok(false) => return Ok(in_plain_text(stream, seen)),
            // Who does not know that question is asked anew without it, as libpq does.
            Err(Fault::Target(_)) if !required => {
                return Ok(in_plain_text(conversation.tcp(&addresses).await?, seen));
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(Box::new(client.shake_hands(stream, seen).await?))
}

/// The server was asked for TLS and has none.
fn in_plain_text(stream: impl connect::Duplex + 'static, seen: &mut Seen) -> Stream {
    tls::not_spoken(seen);
    seen.unknown.remove("tls");
    seen.know("tls", false);
    Box::new(stream)
}

async fn ask(
    postgres: &Postgres,
    context: &Context<'_>,
    config: &Config,
    stream: Stream,
    began: Instant,
    seen: &mut Seen,
) -> Result<(), Fault> {
    let stream = Limited { stream, left: MAX_BYTES };
    let asked = async {
        let (client, connection) = config.connect_raw(stream, NoTls).await?;
        seen.know("connected", true).know("logged_in", true).know("connect_ms", elapsed_ms(began.elapsed()));
        if let Some(version) = connection.parameter("server_version") {
            seen.know("server_version", version);
        }
        // Together, so that dropping the look drops the connection.
        let mut query = std::pin::pin!(query(postgres, context, &client));
        tokio::select! {
            biased;
            asked = &mut query => asked,
            ended = connection => match (query.await, ended) {
                // Whatever arrived before the connection ended counts; else why it ended.
                (Err(error), Err(why)) if error.is_closed() => Err(why),
                (asked, _) => asked,
            },
        }
    };
    match asked.await {
        Ok(answer) => {
            seen.know("answered", true).know("sqlstate", "00000").know("error", "").know("denied", false);
            see_answer(&answer, seen);
            Ok(())
        }
        Err(error) => refused(&error, context, seen),
    }
}

/// What the server said instead of rows.
fn refused(error: &tokio_postgres::Error, context: &Context<'_>, seen: &mut Seen) -> Result<(), Fault> {
    let Some(said) = error.as_db_error() else { return Err(fault_of(error)) };
    let code = said.code().code();
    // The statement time-out that this look set: the server ended the query.
    if code == "57014" && context.began.elapsed() >= context.timeout {
        return Err(context.timed_out().into());
    }
    let denied = code.starts_with("28") || code == "42501";
    let barrier = if denied { Barrier::PermissionDenied } else { Barrier::Unsupported };
    seen.know("connected", true)
        .know("answered", true)
        .know("sqlstate", code)
        .know("error", said.message())
        .know("denied", denied)
        .block_rest(Blocked::new(barrier, format!("{code} {}", said.message())));
    Ok(())
}

/// At whose door it lies that there is no answer. What tokio-postgres cannot do (a way to log in) has a cause of its own.
fn fault_of(error: &tokio_postgres::Error) -> Fault {
    let detail = with_cause(error);
    let Some(cause) = std::error::Error::source(error) else { return Fault::nonsense(detail) };
    match cause.downcast_ref::<std::io::Error>() {
        None => Fault::Observer(Blocked::new(Barrier::Unsupported, detail)),
        Some(io) if io.kind() == std::io::ErrorKind::FileTooLarge => {
            Fault::Observer(Blocked::new(Barrier::TooLarge, detail))
        }
        Some(io) if io.raw_os_error().is_some() => Fault::of_io("talk to the server", io),
        Some(_) => Fault::nonsense(detail),
    }
}

fn with_cause(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// The rows, and the columns with their types.
struct Answer {
    columns: Vec<(String, Type)>,
    rows: Vec<SimpleQueryRow>,
}

async fn query(
    postgres: &Postgres,
    context: &Context<'_>,
    client: &Client,
) -> Result<Answer, tokio_postgres::Error> {
    let left = context.milliseconds_left();
    // How values are written, which a role or the server may have set otherwise: with every digit of a number. Not the time zone,
    // which would decide what `current_date` is.
    let begin = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {left}; SET LOCAL DateStyle = 'ISO'; \
         SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; SET LOCAL IntervalStyle = 'postgres'"
    );
    client.batch_execute(&begin).await?;
    // Prepared first: the server refuses more than one statement there, so that nobody can end the transaction and go
    // on; and it tells the types. Then run by the simple protocol, which shows a value of any type as text.
    let statement = client.prepare(&postgres.query).await?;
    let columns =
        statement.columns().iter().map(|column| (column.name().to_owned(), column.type_().clone())).collect();
    let messages = client.simple_query(&postgres.query).await;
    // Forgotten by the server before the transaction ends: behind a pooler another client has this connection next.
    drop(statement);
    client.batch_execute("ROLLBACK").await?;
    let rows = messages?.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(Answer { columns, rows: rows.collect() })
}

fn see_answer(answer: &Answer, seen: &mut Seen) {
    let Answer { columns, rows } = answer;
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    rows::see(&names, rows.len(), kept(columns, rows), seen);
}

/// The rows as maps, if they are text and not too many.
fn kept(columns: &[(String, Type)], rows: &[SimpleQueryRow]) -> Result<Vec<Value>, Blocked> {
    rows::check_names(columns.iter().map(|(name, _)| name.as_str()))?;
    let mut bytes = 0;
    let mut kept = Vec::new();
    for row in rows {
        let mut map = BTreeMap::new();
        for (at, (name, ty)) in columns.iter().enumerate() {
            let text = row
                .try_get(at)
                .map_err(|e| Blocked::new(Barrier::Protocol, format!("column {name}: {}", with_cause(&e))))?;
            bytes += text.map_or(0, str::len);
            map.insert(name.clone(), text.map_or(Ok(Value::Null), |text| value(name, text, ty))?);
        }
        if kept.len() == MAX_ROWS || bytes > MAX_KEPT {
            return Err(rows::too_large(rows.len()));
        }
        kept.push(Value::Map(map));
    }
    Ok(kept)
}

/// A value of PostgreSQL's, from its text.
fn value(name: &str, text: &str, ty: &Type) -> Result<Value, Blocked> {
    let typed = match *ty {
        Type::BOOL => Some(Value::Bool(text == "t")),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => {
            probity_plan::Number::parse(text).map(Value::Number)
        }
        Type::JSON | Type::JSONB => Some(rows::json(name, text)?),
        Type::TIMESTAMPTZ => text.parse().ok().map(|at| Value::Text(crate::look::time_text(at))),
        _ => None,
    };
    Ok(typed.unwrap_or_else(|| Value::from(text)))
}

/// A stream of which no more than so many bytes are read.
struct Limited<S> {
    stream: S,
    left: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut std::task::Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.left == 0 {
            let why = format!("the server sent more than {MAX_BYTES} bytes");
            return Poll::Ready(Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, why)));
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(task, into);
        let got = into.filled().len() - before;
        self.left = self.left.saturating_sub(got);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }
    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        task: &mut std::task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_a_parameter_and_no_piece_of_a_password() {
        for (text, taken, checks_name) in [
            ("host=db sslmode=verify-ca user=a", "host=db sslmode=require user=a", false),
            ("sslmode=verify-full host=db", "sslmode=require host=db", true),
            ("postgresql://a:b@db/d?sslmode=verify-ca", "postgresql://a:b@db/d?sslmode=require", false),
            (
                "postgres://db/d?user=a&sslmode=verify-full&port=1",
                "postgres://db/d?user=a&sslmode=require&port=1",
                true,
            ),
        ] {
            assert_eq!(name_check(text), (taken.into(), checks_name), "{text}");
        }
        for text in [
            "postgresql://a:?sslmode=verify-ca@db/d?sslmode=require",
            "postgresql://a:b@db/d?application_name=xsslmode=verify-ca",
            "host=db password='a sslmode=verify-ca' user=a",
            r"host=db password='it\'s sslmode=verify-ca' user=a",
            "host=db password=sslmode=verify-ca",
        ] {
            assert_eq!(name_check(text), (text.into(), true), "{text}");
        }
        let both = "host=db password='a sslmode=verify-ca' sslmode=verify-ca";
        assert_eq!(
            name_check(both),
            ("host=db password='a sslmode=verify-ca' sslmode=require".into(), false)
        );
    }
}
