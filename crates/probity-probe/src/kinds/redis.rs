//! `redis`: logs in if asked to, sends one command that reads, and keeps the reply (RESP2).

use std::collections::BTreeMap;

use probity_plan::kinds::redis::Redis;
use probity_plan::{Barrier, Blocked, Text, Value};
use redis::Value as Reply;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::connect;
use crate::look::{Context, Look, Seen, barrier_of, elapsed_ms, unanswered};
use crate::plaintext::Place;

/// The longest reply that is read.
const LONGEST: usize = 1 << 20;

/// Error codes by which a server says that the user may not.
const DENIALS: [&str; 4] = ["NOAUTH", "WRONGPASS", "NOPERM", "DENIED"];

impl Look for Redis {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let mut seen = Seen::default();
        let done = tokio::time::timeout_at(context.deadline(), see(self, context, &mut seen)).await;
        match done.unwrap_or_else(|_| Err(context.timed_out())) {
            Ok(()) => _ = seen.know("elapsed_ms", elapsed_ms(context.began.elapsed())),
            Err(blocked) => unanswered(&mut seen, blocked, context),
        }
        seen
    }
}

async fn see(redis: &Redis, context: &Context<'_>, seen: &mut Seen) -> Result<(), Blocked> {
    let whole = |text: &Text| Ok(context.expand(text, Place::Whole)?.reveal().to_owned());
    let words =
        redis.command.words().iter().map(whole).collect::<Result<Vec<_>, _>>()?;
    let login = match &redis.password {
        Some(password) => {
            let user = redis.username.clone().into_iter();
            let words = ["AUTH".to_owned()].into_iter().chain(user).chain([whole(password)?]);
            Some(words.collect::<Vec<_>>())
        }
        None => None,
    };
    if redis.redis.starts_with('/') {
        let stream = UnixStream::connect(&redis.redis)
            .await
            .map_err(|e| barrier_of(&format!("connect {}", redis.redis), &e))?;
        return ask(redis, stream, login, words, seen).await;
    }
    let (host, port) = connect::host_and_port(&redis.redis)?;
    let stream = connect::tcp(&connect::resolve(host, port).await?).await?;
    ask(redis, stream, login, words, seen).await
}

async fn ask(
    redis: &Redis,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    login: Option<Vec<String>>,
    words: Vec<String>,
    seen: &mut Seen,
) -> Result<(), Blocked> {
    let reply = match login {
        Some(login) => match send(&mut stream, login).await? {
            // Refused at the door: the command was not sent.
            refusal @ Reply::ServerError(_) => refusal,
            _ => send(&mut stream, words).await?,
        },
        None => send(&mut stream, words).await?,
    };
    seen.know("answered", true);
    if let Reply::ServerError(error) = &reply {
        let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
        let denied = DENIALS.contains(&error.code());
        let barrier = if denied { Barrier::PermissionDenied } else { Barrier::Unsupported };
        seen.know("error", text.trim_end())
            .know("denied", denied)
            .block_rest(Blocked::new(barrier, text.trim_end()));
        return Ok(());
    }
    seen.know("error", "").know("denied", false);
    let value = value(&reply);
    seen.settle(
        "info",
        match &value {
            _ if !redis.command.is("INFO") => Err(Blocked::new(Barrier::NotMade, "the command was not INFO")),
            Ok(Value::Text(text)) => Ok(info(text)),
            _ => Err(Blocked::new(Barrier::Protocol, "the reply to INFO is not text")),
        },
    );
    seen.settle("reply", value);
    Ok(())
}

/// Sends a command and reads its reply.
async fn send(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    words: Vec<String>,
) -> Result<Reply, Blocked> {
    let broken = |e: std::io::Error| barrier_of("talk to the server", &e);
    let words: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
    stream.write_all(&redis::pack_command(&words)).await.map_err(broken)?;
    let mut parser = redis::Parser::new();
    let mut buffer = vec![0; 16 << 10];
    let mut total = 0;
    loop {
        let n = stream.read(&mut buffer).await.map_err(broken)?;
        total += n;
        if n == 0 {
            return Err(Blocked::new(Barrier::Protocol, format!("the server hung up after {total} bytes")));
        }
        if total > LONGEST {
            return Err(Blocked::new(Barrier::TooLarge, format!("the reply has more than {LONGEST} bytes")));
        }
        match parser.parse_value(Arrived(buffer.get(..n).unwrap_or_default())) {
            Ok(reply) => return Ok(reply),
            // It wants more.
            Err(error) if error.is_io_error() => {}
            Err(error) => {
                return Err(Blocked::new(Barrier::Protocol, format!("not a reply of Redis: {error}")));
            }
        }
    }
}

/// What has arrived so far: at its end there is no end of the reply, only nothing more yet.
struct Arrived<'a>(&'a [u8]);

impl std::io::Read for Arrived<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            Err(std::io::ErrorKind::WouldBlock.into())
        } else {
            std::io::Read::read(&mut self.0, into)
        }
    }
}

/// The reply as a fact.
fn value(reply: &Reply) -> Result<Value, Blocked> {
    Ok(match reply {
        Reply::Nil => Value::Null,
        Reply::Int(int) => Value::from(*int),
        Reply::Okay => Value::from("OK"),
        Reply::SimpleString(text) => Value::from(text.as_str()),
        Reply::BulkString(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => return Err(Blocked::new(Barrier::Protocol, "the reply is not UTF-8")),
        },
        Reply::Array(list) => Value::List(list.iter().map(value).collect::<Result<_, _>>()?),
        other => return Err(Blocked::new(Barrier::Protocol, format!("the reply is not RESP2: {other:?}"))),
    })
}

/// The fields of INFO: `name:value` lines below `# Section` lines.
fn info(text: &str) -> Value {
    let number = |text: &str| match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(int), _) => Value::from(int),
        (_, Ok(float)) if float.is_finite() && text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            Value::decimal(float)
        }
        _ => Value::from(text),
    };
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    Value::Map(fields.map(|(name, value)| (name.to_owned(), number(value))).collect::<BTreeMap<_, _>>())
}
