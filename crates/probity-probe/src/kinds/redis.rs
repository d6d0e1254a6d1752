//! `redis`: logs in if asked to, sends one command that reads, and keeps the reply (RESP2).

use std::collections::BTreeMap;

use probity_plan::kinds::redis::{DENIALS, Redis};
use probity_plan::{Barrier, Blocked, Number, Text, Value};
use redis::Value as Reply;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::connect::{self, Conversation, Fault, Stream, Talk, tls};
use crate::look::{Context, Seen};
use crate::plaintext::Syntax;

/// The longest reply that is read.
const MAX_REPLY: usize = 1 << 20;

/// Whether a server says by this error that the user may not.
fn is_denial(error: &str) -> bool {
    DENIALS.iter().any(|denial| error.starts_with(denial))
}

impl Talk for Redis {
    async fn talk(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let whole = |text: &Text| Ok::<_, Blocked>(context.expand(text, Syntax::Plain)?.reveal().to_owned());
        let words = self.command.words().iter().map(whole).collect::<Result<Vec<_>, _>>()?;
        let login = match &self.password {
            Some(password) => {
                let user = self.username.clone().into_iter();
                let words = ["AUTH".to_owned()].into_iter().chain(user).chain([whole(password)?]);
                Some(words.collect::<Vec<_>>())
            }
            None => None,
        };
        let stream = connect(self, conversation, seen).await?;
        ask(self, stream, login, words, seen).await
    }
}

/// Where a server is, as a plan writes it.
#[derive(Debug, PartialEq)]
enum Place<'a> {
    Socket(&'a str),
    Tcp { host: &'a str, port: u16, secure: bool },
}

impl<'a> Place<'a> {
    fn parse(text: &'a str) -> Result<Self, Blocked> {
        if text.starts_with('/') {
            return Ok(Self::Socket(text));
        }
        let (secure, place) = match text.split_once("://") {
            Some((scheme @ ("redis" | "rediss"), place)) => {
                (scheme == "rediss", place.strip_suffix('/').unwrap_or(place))
            }
            _ => (false, text),
        };
        let (host, port) = connect::host_and_port(place)?;
        Ok(Self::Tcp { host, port, secure })
    }
}

async fn connect(redis: &Redis, conversation: &Conversation, seen: &mut Seen) -> Result<Stream, Fault> {
    let (host, port, secure) = match Place::parse(&redis.redis)? {
        Place::Socket(path) => {
            tls::not_spoken(seen);
            return Ok(Box::new(conversation.unix(path).await?));
        }
        Place::Tcp { host, port, secure } => (host, port, secure),
    };
    let files = tls::Files {
        ca: redis.ca.as_deref(),
        certificate: redis.client_certificate.as_deref(),
        key: redis.client_key.as_deref(),
    };
    let client = if secure { Some(tls::Client::load(host, &files, &[]).await?) } else { None };
    let addresses = connect::resolve(host, port).await?;
    let stream = conversation.tcp(&addresses).await?;
    match client {
        Some(client) => Ok(Box::new(client.shake_hands(stream, seen).await?)),
        None => {
            tls::not_spoken(seen);
            Ok(Box::new(stream))
        }
    }
}

async fn ask(
    redis: &Redis,
    mut stream: Stream,
    login: Option<Vec<String>>,
    words: Vec<String>,
    seen: &mut Seen,
) -> Result<(), Fault> {
    let reply = match login {
        Some(login) => match send(&mut stream, login).await? {
            // Refused at the door: the command was not sent.
            refusal @ Reply::ServerError(_) => refusal,
            _ => send(&mut stream, words).await?,
        },
        None => send(&mut stream, words).await?,
    };
    seen.know("connected", true);
    seen.know("answered", true);
    if let Reply::ServerError(error) = &reply {
        let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
        let denied = is_denial(&text);
        let barrier = if denied { Barrier::PermissionDenied } else { Barrier::Unsupported };
        seen.know("error", text.trim_end())
            .know("denied", denied)
            .block_rest(Blocked::new(barrier, text.trim_end()));
        return Ok(());
    }
    if hides_error(&reply) {
        let why = "the reply holds an error, or is of a later version of RESP";
        seen.block_rest(Blocked::new(Barrier::Protocol, why));
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
async fn send(stream: &mut Stream, words: Vec<String>) -> Result<Reply, Fault> {
    let broken = |e: std::io::Error| Fault::of_io("talk to the server", &e);
    let words: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
    stream.write_all(&redis::pack_command(&words)).await.map_err(broken)?;
    let mut parser = redis::Parser::new();
    let mut buffer = vec![0; 16 << 10];
    let mut said = Vec::new();
    loop {
        let n = stream.read(&mut buffer).await.map_err(broken)?;
        if n == 0 {
            return Err(Fault::nonsense(format!("the server hung up after {} bytes", said.len())));
        }
        if said.len() + n > MAX_REPLY {
            let why = format!("the reply has more than {MAX_REPLY} bytes");
            return Err(Blocked::new(Barrier::TooLarge, why).into());
        }
        let arrived = buffer.get(..n).unwrap_or_default();
        said.extend_from_slice(arrived);
        match parser.parse_value(Arrived(arrived)) {
            Ok(_) if has_odd_length(&said) => {
                return Err(Fault::nonsense("not a reply of Redis: a length below -1"));
            }
            Ok(reply) => return Ok(reply),
            // It wants more.
            Err(error) if error.is_io_error() => {}
            Err(error) => return Err(Fault::nonsense(format!("not a reply of Redis: {error}"))),
        }
    }
}

/// Whether a string or a list of this reply has a length below -1: the parser takes each for nil, and only -1 is (RESP2).
fn has_odd_length(mut reply: &[u8]) -> bool {
    while let Some(end) = reply.windows(2).position(|two| two == b"\r\n") {
        let (line, rest) = reply.split_at(end);
        let length = || std::str::from_utf8(line.get(1..)?).ok()?.parse::<i64>().ok();
        let skipped = match (line.first(), length()) {
            (Some(b'$' | b'*'), Some(..=-2)) => return true,
            (Some(b'$'), Some(length @ 0..)) => {
                usize::try_from(length).unwrap_or(usize::MAX).saturating_add(4)
            }
            _ => 2,
        };
        reply = rest.get(skipped..).unwrap_or_default();
    }
    false
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

/// Whether an error may stand somewhere within a reply: then there is neither one error nor none.
fn hides_error(reply: &Reply) -> bool {
    match reply {
        Reply::Nil | Reply::Int(_) | Reply::Okay | Reply::SimpleString(_) | Reply::BulkString(_) => false,
        Reply::Array(list) => list.iter().any(hides_error),
        _ => true,
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

/// The fields of INFO: `name:value` lines below `# Section` lines. `8384e4` is part of a digest and no number.
fn info(text: &str) -> Value {
    let number = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
        Number::parse(text).filter(|_| plain).map_or_else(|| Value::from(text), Value::Number)
    };
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    Value::Map(fields.map(|(name, value)| (name.to_owned(), number(value))).collect::<BTreeMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_as_a_number_is_one() {
        let said = "# Server\r\nredis_build_id:8384e4\r\nredis_git_sha1:00000000\r\nredis_version:7.0.15\r\nratio:1.50\r\nbig:\
                    36893488147419103232\r\nloss:-1\r\nempty:\r\n";
        let Value::Map(fields) = info(said) else { panic!("no map") };
        let as_text = |name: &str| fields[name].as_text().map(str::to_owned);
        for (name, text) in [
            ("redis_build_id", "8384e4"),
            ("redis_git_sha1", "00000000"),
            ("redis_version", "7.0.15"),
            ("empty", ""),
        ] {
            assert_eq!(as_text(name).as_deref(), Some(text), "{name}");
        }
        assert_eq!(fields["ratio"], Value::decimal(1.5));
        assert_eq!(fields["loss"], Value::from(-1));
        assert_eq!(fields["big"], Value::from_json("36893488147419103232").unwrap());
    }
}
