//! `mysql`: logs in, begins a read-only transaction with a time-out, and runs one query.

mod packets;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

use mysql_common::auth::plugins::{AuthProc, ChallengeResponsePlugin as _, Context as Secrecy, Error};
use mysql_common::constants::{CapabilityFlags, ColumnType};
use mysql_common::packets::{AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse, SslRequest};
use percent_encoding::percent_decode_str;
use probity_plan::kinds::mysql::{DENIALS, Mysql};
use probity_plan::{Barrier, Blocked, Number, Value};
use url::Url;

use self::packets::{Answer, Packets, Refusal, Reply};
use super::rows::{self, MAX_KEPT, MAX_ROWS};
use crate::connect::{self, Conversation, Fault, Stream, Talk, tls};
use crate::look::{Context, Seen, elapsed_ms};
use crate::plaintext::Syntax;

/// The most messages of a log-in.
const MAX_CHALLENGES: usize = 10;

/// UTF-8 of up to four bytes, `utf8mb4_general_ci`.
const CHARACTER_SET: u8 = 45;

/// Whether TLS is spoken.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Disabled,
    /// With whoever speaks it.
    Preferred,
    /// With a server that is to be trusted.
    Required,
}

/// Where a server is, and as whom it is asked.
struct Place {
    host: String,
    port: u16,
    socket: Option<String>,
    mode: Mode,
    user: String,
    password: String,
    database: String,
}

impl Place {
    /// Says nothing of what is wrong that could be a piece of a secret.
    fn parse(text: &str) -> Result<Self, Blocked> {
        let wrong = |why: &str| Blocked::new(Barrier::Unsupported, format!("how to connect: {why}"));
        let url = Url::parse(text).map_err(|_| wrong("write mysql://user:$password@host:3306/database"))?;
        if url.scheme() != "mysql" {
            return Err(wrong("write mysql://user:$password@host:3306/database"));
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (mut mode, mut socket) = (Mode::Preferred, None);
        for (name, value) in url.query_pairs() {
            match (name.as_ref(), value.to_ascii_uppercase().as_str()) {
                ("ssl-mode", "DISABLED") => mode = Mode::Disabled,
                ("ssl-mode", "PREFERRED") => mode = Mode::Preferred,
                ("ssl-mode", "REQUIRED" | "VERIFY_CA" | "VERIFY_IDENTITY") => mode = Mode::Required,
                ("ssl-mode", _) => return Err(wrong("ssl-mode is DISABLED, PREFERRED or REQUIRED")),
                ("socket", _) => socket = Some(value.into_owned()),
                _ => return Err(wrong("it takes `ssl-mode` and `socket` and nothing else behind `?`")),
            }
        }
        if url.username().is_empty() {
            return Err(wrong("no user; write mysql://user@host/database"));
        }
        Ok(Self {
            host: decoded(url.host_str().unwrap_or("localhost")),
            port: url.port().unwrap_or(3306),
            socket,
            mode,
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
            database: decoded(url.path().trim_start_matches('/')),
        })
    }
}

/// What the ways to log in need to know.
struct Login<'a> {
    password: &'a [u8],
    scramble: Vec<u8>,
    /// Whether nobody else hears what is sent: over the server's own socket, or in TLS with whom we trust.
    is_private: bool,
}

impl Secrecy for &Login<'_> {
    fn pass(&self) -> &[u8] {
        self.password
    }
    fn is_ipc_transport(&self) -> bool {
        self.is_private
    }
    fn is_tls_transport(&self) -> bool {
        self.is_private
    }
    fn scramble(&self) -> &[u8] {
        &self.scramble
    }
    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}

impl Talk for Mysql {
    async fn talk(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let place = Place::parse(context.expand(&self.mysql, Syntax::Url)?.reveal())?;
        let files = tls::Files {
            ca: self.ca.as_deref(),
            certificate: self.client_certificate.as_deref(),
            key: self.client_key.as_deref(),
        };
        let client = match place.mode {
            _ if place.socket.is_some() => None,
            Mode::Disabled => None,
            Mode::Preferred => Some(tls::Client::load_trusting(&place.host, &files, &[]).await?),
            Mode::Required => Some(tls::Client::load(&place.host, &files, &[]).await?),
        };
        let began = Instant::now();
        let stream: Stream = match &place.socket {
            Some(path) => Box::new(conversation.unix(path).await?),
            None => {
                let addresses = connect::resolve(&place.host, place.port).await?;
                Box::new(conversation.tcp(&addresses).await?)
            }
        };
        let mut packets = Packets::new(stream);
        let greeting = packets.read().await?;
        if let Some(refusal) = Refusal::parse(&greeting) {
            tls::not_spoken(seen);
            return refused(&refusal, context, seen);
        }
        let greeting = packets::greeting(&greeting)?;
        let version = greeting.server_version_str();
        // MariaDB says so before its own version, as old replicas of MySQL understand no other (its `Protocol Differences`).
        let version =
            version.strip_prefix("5.5.5-").filter(|own| own.contains("MariaDB")).unwrap_or(&version);
        seen.know("connected", true).know("server_version", version);
        let mut capabilities = packets::CAPABILITIES & greeting.capabilities();
        match client {
            Some(client) if capabilities.contains(CapabilityFlags::CLIENT_SSL) => {
                let request = SslRequest::new(capabilities, packets::MAX_PACKET, CHARACTER_SET);
                packets.write(&packets::serialized(&request)).await?;
                packets.shake_hands(&client, seen).await?;
            }
            Some(_) if place.mode == Mode::Required => {
                seen.know("tls", false);
                return Err(Fault::nonsense("the server does not speak TLS"));
            }
            other => {
                capabilities.remove(CapabilityFlags::CLIENT_SSL);
                tls::not_spoken(seen);
                if other.is_some() {
                    seen.unknown.remove("tls");
                    seen.know("tls", false);
                }
            }
        }
        if let Some(refusal) = log_in(&place, &greeting, capabilities, &mut packets, seen).await? {
            return refused(&refusal, context, seen);
        }
        seen.know("logged_in", true).know("connect_ms", elapsed_ms(began.elapsed()));
        for statement in beginning(version, context) {
            if let Reply::Refused(refusal) = packets.ask(&statement, capabilities).await? {
                return refused(&refusal, context, seen);
            }
        }
        match packets.ask(&self.query, capabilities).await? {
            Reply::Refused(refusal) => refused(&refusal, context, seen),
            Reply::Answered(answer) => {
                seen.know("answered", true)
                    .know("error_code", 0_i64)
                    .know("sqlstate", "00000")
                    .know("error", "")
                    .know("denied", false);
                see_answer(&answer, seen);
                Ok(())
            }
        }
    }
}

/// What is said before the query: a transaction that cannot write, which ends when the look does.
fn beginning(version: &str, context: &Context<'_>) -> Vec<String> {
    let left = context.milliseconds_left();
    let timeout = if version.contains("MariaDB") {
        format!("SET SESSION max_statement_time = {}.{:03}", left / 1000, left % 1000)
    } else {
        format!("SET SESSION max_execution_time = {left}")
    };
    // Whatever the server makes of a new session: what it sends is read as UTF-8.
    let names = "SET NAMES utf8mb4".to_owned();
    vec![
        names,
        timeout,
        "SET SESSION time_zone = '+00:00'".to_owned(),
        "START TRANSACTION READ ONLY".to_owned(),
    ]
}

/// Logs in; why not, if the server says so.
async fn log_in(
    place: &Place,
    greeting: &HandshakePacket<'_>,
    capabilities: CapabilityFlags,
    packets: &mut Packets,
    seen: &Seen,
) -> Result<Option<Refusal>, Fault> {
    let is_private = place.socket.is_some() || seen.facts.get("trusted") == Some(&Value::Bool(true));
    let mut login = Login { password: place.password.as_bytes(), scramble: greeting.nonce(), is_private };
    let mut plugin = greeting.auth_plugin().unwrap_or(AuthPlugin::MysqlNativePassword);
    // What the server would have liked best may be a way that we do not have; it says then which other one it takes.
    let mut way = way_of(&plugin).or_else(|_| {
        plugin = AuthPlugin::MysqlNativePassword;
        way_of(&plugin)
    })?;
    let first = respond(&mut way, &login, &greeting.nonce())?.unwrap_or_default();
    let database = Some(place.database.as_bytes()).filter(|name| !name.is_empty());
    let response = HandshakeResponse::new(
        Some(first),
        greeting.server_version_parsed().unwrap_or((5, 7, 0)),
        Some(place.user.as_bytes()),
        database,
        Some(plugin.clone()),
        capabilities,
        None,
        packets::MAX_PACKET,
    );
    packets.write(&packets::serialized(&response)).await?;
    for _ in 0..MAX_CHALLENGES {
        let packet = packets.read().await?;
        let answer = match packet.split_first() {
            Some((0x00, _)) => return Ok(None),
            Some((0xff, _)) => return Refusal::parse(&packet).map(Some).ok_or_else(packets::nonsense),
            Some((0x01, challenge)) => respond(&mut way, &login, challenge)?,
            Some((0xfe, rest)) if !rest.is_empty() => {
                let switch: AuthSwitchRequest<'_> = packets::parse(&packet, ())?;
                way = way_of(&switch.auth_plugin())?;
                login.scramble = switch.plugin_data().to_vec();
                respond(&mut way, &login, switch.plugin_data())?
            }
            _ => return Err(packets::nonsense()),
        };
        if let Some(answer) = answer {
            packets.write(&answer).await?;
        }
    }
    Err(Fault::nonsense(format!("more than {MAX_CHALLENGES} messages of a log-in")))
}

/// A way to log in.
fn way_of(plugin: &AuthPlugin<'_>) -> Result<AuthProc, Blocked> {
    let unsupported = |name: &[u8]| {
        let name = String::from_utf8_lossy(name);
        Blocked::new(Barrier::Unsupported, format!("this probe cannot log in by `{name}`"))
    };
    match plugin {
        AuthPlugin::MysqlNativePassword
        | AuthPlugin::CachingSha2Password
        | AuthPlugin::Sha256Password
        | AuthPlugin::MysqlClearPassword => {
            AuthProc::init(plugin).map_err(|_| unsupported(plugin.as_bytes()))
        }
        other => Err(unsupported(other.as_bytes())),
    }
}

/// What is sent to a challenge. Nobody else may hear the password itself: it is not sent to whom we do not trust, nor
/// encrypted for a key of whoever sent it.
fn respond(way: &mut AuthProc, login: &Login<'_>, challenge: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let not_private = || {
        let why = "the server wants the password itself, which is sent only over its socket, or in TLS to a server that is \
                   trusted: say `ssl-mode=REQUIRED`, and `ca`";
        Fault::Observer(Blocked::new(Barrier::Unsupported, why))
    };
    if !login.is_private && matches!(way, AuthProc::MysqlClearPassword(_)) {
        return Err(not_private());
    }
    let response = way.run(login, challenge).map_err(|error| match error {
        Error::Challenge | Error::Logic => Fault::nonsense(format!("a challenge of a log-in: {error}")),
        other => Fault::Observer(Blocked::new(Barrier::Unsupported, format!("to log in: {other}"))),
    })?;
    let asks_for_key = !login.is_private
        && matches!(way, AuthProc::CachingSha2Password(_) | AuthProc::Sha256Password(_))
        && response.data().is_some_and(|data| data.len() == 1);
    if asks_for_key { Err(not_private()) } else { Ok(response.data().map(<[u8]>::to_vec)) }
}

/// What the server said instead of rows.
fn refused(refusal: &Refusal, context: &Context<'_>, seen: &mut Seen) -> Result<(), Fault> {
    let Refusal { code, sqlstate, message } = refusal;
    // The time-out that this look set: the server ended the statement (MySQL 3024, MariaDB 1969).
    if matches!(code, 3024 | 1969) && context.began.elapsed() >= context.timeout {
        return Err(context.timed_out().into());
    }
    let denied = DENIALS.contains(&i64::from(*code));
    let barrier = if denied { Barrier::PermissionDenied } else { Barrier::Unsupported };
    seen.know("connected", true)
        .know("answered", true)
        .know("error_code", i64::from(*code))
        .know("sqlstate", sqlstate.as_str())
        .know("error", message.as_str())
        .know("denied", denied)
        .block_rest(Blocked::new(barrier, format!("{code} {message}")));
    Ok(())
}

fn see_answer(answer: &Answer, seen: &mut Seen) {
    let names: Vec<&str> = answer.columns.iter().map(|(name, _)| name.as_str()).collect();
    rows::see(&names, answer.rows.len(), kept(answer), seen);
}

/// The rows as maps, if they are text and not too many.
fn kept(answer: &Answer) -> Result<Vec<Value>, Blocked> {
    rows::check_names(answer.columns.iter().map(|(name, _)| name.as_str()))?;
    let bytes: usize = answer.rows.iter().flatten().flatten().map(Vec::len).sum();
    if answer.rows.len() > MAX_ROWS || bytes > MAX_KEPT {
        return Err(rows::too_large(answer.rows.len()));
    }
    let row = |row: &Vec<Option<Vec<u8>>>| {
        let values = answer.columns.iter().zip(row).map(|((name, ty), bytes)| {
            let value = bytes.as_ref().map_or(Ok(Value::Null), |bytes| value(name, bytes, *ty))?;
            Ok((name.clone(), value))
        });
        values.collect::<Result<BTreeMap<_, _>, Blocked>>().map(Value::Map)
    };
    answer.rows.iter().map(row).collect()
}

/// A number without what `ZEROFILL` and `YEAR` put before it.
fn without_zeros(text: &str) -> Cow<'_, str> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let rest = digits.trim_start_matches('0');
    if rest.len() == digits.len() {
        return text.into();
    }
    let zero = if rest.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "0" };
    format!("{sign}{zero}{rest}").into()
}

/// A value of MySQL's, from its text.
fn value(name: &str, bytes: &[u8], ty: ColumnType) -> Result<Value, Blocked> {
    use ColumnType as Type;
    if ty == Type::MYSQL_TYPE_BIT {
        // At most 64 bits, the highest first.
        return Ok(bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)).into());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| {
        Blocked::new(Barrier::Protocol, format!("column {name} is not UTF-8; say HEX({name})"))
    })?;
    let typed = match ty {
        Type::MYSQL_TYPE_TINY
        | Type::MYSQL_TYPE_SHORT
        | Type::MYSQL_TYPE_INT24
        | Type::MYSQL_TYPE_LONG
        | Type::MYSQL_TYPE_LONGLONG
        | Type::MYSQL_TYPE_YEAR
        | Type::MYSQL_TYPE_FLOAT
        | Type::MYSQL_TYPE_DOUBLE
        | Type::MYSQL_TYPE_DECIMAL
        | Type::MYSQL_TYPE_NEWDECIMAL => Number::parse(&without_zeros(text)).map(Value::Number),
        Type::MYSQL_TYPE_JSON => Some(rows::json(name, text)?),
        _ => None,
    };
    Ok(typed.unwrap_or_else(|| Value::from(text)))
}
