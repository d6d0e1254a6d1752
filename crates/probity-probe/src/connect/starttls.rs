//! What is said in plain text before TLS begins on a connection that did not begin in it.

use probity_plan::kinds::tls::StartTls;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::conversation::Fault;
use super::smtp;

/// The longest line, and the most lines, that a server may say before.
const MAX_LINE: usize = 4096;
const MAX_LINES: usize = 100;

/// Asks a server to go on in TLS; whether it will.
///
/// # Errors
/// The target's fault if it says what the protocol does not.
pub async fn begin<S: AsyncRead + AsyncWrite + Unpin>(
    protocol: StartTls,
    stream: &mut S,
) -> Result<bool, Fault> {
    match protocol {
        StartTls::Postgres => postgres(stream).await,
        StartTls::Smtp => smtp(stream).await,
        StartTls::Imap => imap(stream).await,
    }
}

/// PostgreSQL's SSLRequest: a length of 8, the number 80877103; one byte back.
///
/// # Errors
/// The target's fault if it says anything but `S` and `N`.
pub async fn postgres<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<bool, Fault> {
    send(stream, &[0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F]).await?;
    match stream.read_u8().await.map_err(|e| broken(&e))? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        other => Err(Fault::nonsense(format!("not PostgreSQL's answer to a request for TLS: {other:#04x}"))),
    }
}

/// RFC 3207.
async fn smtp<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<bool, Fault> {
    let greeting = smtp::read(stream).await?;
    if greeting.code != 220 {
        return Err(turned_away(&greeting));
    }
    let offer = smtp::ask(stream, "EHLO probity").await?;
    match offer.code {
        250 => {}
        // It does not know the command, so it has no extensions (RFC 5321, 2.2.1).
        500 | 502 => return Ok(false),
        _ => return Err(turned_away(&offer)),
    }
    if !offer.lines.iter().any(|line| line.eq_ignore_ascii_case("STARTTLS")) {
        return Ok(false);
    }
    let answer = smtp::ask(stream, "STARTTLS").await?;
    match answer.code {
        220 => Ok(true),
        // Not now (RFC 5321, 4.2.1), or it goes.
        400..=499 => Err(turned_away(&answer)),
        _ => Ok(false),
    }
}

/// A mail server that ends the conversation before TLS could be spoken of.
fn turned_away(reply: &smtp::Reply) -> Fault {
    Fault::nonsense(format!("it did not come to the question of TLS: {} {}", reply.code, reply.text()))
}

/// RFC 9051, 6.2.1.
async fn imap<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<bool, Fault> {
    let greeting = line(stream).await?;
    if !greeting.starts_with("* ") {
        return Err(Fault::nonsense(format!("not IMAP: `{greeting}`")));
    }
    // It goes (RFC 9051, 7.1.5).
    if greeting.get(2..5).is_some_and(|word| word.eq_ignore_ascii_case("BYE")) {
        return Err(Fault::nonsense(format!("it did not come to the question of TLS: `{greeting}`")));
    }
    send(stream, b"a1 STARTTLS\r\n").await?;
    for _ in 0..MAX_LINES {
        if let Some(reply) = line(stream).await?.strip_prefix("a1 ") {
            return Ok(reply.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("OK")));
        }
    }
    Err(Fault::nonsense(format!("more than {MAX_LINES} lines of IMAP before the answer")))
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), Fault> {
    stream.write_all(bytes).await.map_err(|e| broken(&e))
}

/// One line. Byte by byte: what follows is TLS, and none of it may be taken for text or the other way round.
async fn line<S: AsyncRead + Unpin>(stream: &mut S) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    loop {
        match stream.read_u8().await.map_err(|e| broken(&e))? {
            b'\n' => break,
            _ if bytes.len() == MAX_LINE => return Err(Fault::nonsense("a line without end before TLS")),
            byte => bytes.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn broken(error: &std::io::Error) -> Fault {
    Fault::of_io("ask for TLS", error)
}
