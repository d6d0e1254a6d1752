//! The opening handshake of a WebSocket from the client's side (RFC 6455, 4.1). The library's own ends answers that are lawful: one that chooses
//! none of the subprotocols, one that comes byte by byte, one whose `Connection` names more than the upgrade; and it takes extensions that
//! nobody offered. Must not know what is said over it.

use probity_plan::{Barrier, Blocked};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response, generate_request};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode};

use super::Fault;
use super::closing::Watched;
use super::websocket::fault_of;

/// The most bytes of the answer's head that are read.
const MAX_HEAD: usize = 64 << 10;
/// The header that names subprotocols.
const PROTOCOL: &str = "sec-websocket-protocol";

/// What came of a handshake.
pub struct HandshakeOutcome {
    /// The head of the answer.
    pub answer: Response,
    /// The connection on which a WebSocket began, with what came on it behind the head; none where the answer was no 101.
    pub begun: Option<(Watched, Vec<u8>)>,
}

/// Sends the request, and reads the head of the answer.
///
/// # Errors
/// The target's fault if it answers otherwise than RFC 6455 says; the observer's if the head is longer than is read.
pub async fn shake_hands(mut stream: Watched, request: Request) -> Result<HandshakeOutcome, Fault> {
    let offered = request.headers().clone();
    let (request, key) =
        generate_request(request).map_err(|e| Blocked::new(Barrier::Unsupported, e.to_string()))?;
    let of_io = |error: std::io::Error| Fault::of_io("talk to the server", &error);
    stream.write_all(&request).await.map_err(of_io)?;
    stream.flush().await.map_err(of_io)?;
    let mut read = Vec::new();
    loop {
        let before = read.len();
        if stream.read_buf(&mut read).await.map_err(of_io)? == 0 {
            return Err(Fault::nonsense("the server hung up before its answer to the opening was whole"));
        }
        // Only with the end of a line it can be whole.
        let ends_a_line = read.get(before..).is_some_and(|new| new.contains(&b'\n'));
        let parse = |read: &[u8]| Response::try_parse(read).map_err(|e| fault_of(&e));
        let mut parsed = if ends_a_line { parse(&read)? } else { None };
        // What comes before the answer itself (RFC 9110, 15.2).
        while let Some((length, _)) = parsed.as_ref().filter(|(_, answer)| is_interim(answer)) {
            read.drain(..*length);
            parsed = parse(&read)?;
        }
        if let Some((length, answer)) = parsed.filter(|(length, _)| *length <= MAX_HEAD) {
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(HandshakeOutcome { answer, begun: None });
            }
            verify(answer.headers(), &offered, &key)?;
            return Ok(HandshakeOutcome { answer, begun: Some((stream, read.split_off(length))) });
        }
        if read.len() > MAX_HEAD {
            let why = format!("a head of more than {MAX_HEAD} bytes is not read");
            return Err(Blocked::new(Barrier::TooLarge, why).into());
        }
    }
}

fn is_interim(answer: &Response) -> bool {
    answer.status().is_informational() && answer.status() != StatusCode::SWITCHING_PROTOCOLS
}

/// Whether an answer with 101 begins a WebSocket.
fn verify(answer: &HeaderMap, offered: &HeaderMap, key: &str) -> Result<(), Fault> {
    let wrong = |why: String| Err(Fault::nonsense(format!("{why} (RFC 6455, 4.1)")));
    if !tokens(answer, "upgrade").iter().any(|token| token.eq_ignore_ascii_case("websocket")) {
        return wrong("the answer upgrades to no `websocket`".to_owned());
    }
    if !tokens(answer, "connection").iter().any(|token| token.eq_ignore_ascii_case("upgrade")) {
        return wrong("the answer has no `Connection: Upgrade`".to_owned());
    }
    let accept = answer.get("sec-websocket-accept").and_then(|value| value.to_str().ok());
    if accept.map(str::trim) != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return wrong("`Sec-WebSocket-Accept` is not what the key leads to".to_owned());
    }
    for (header, what) in [("sec-websocket-extensions", "the extension"), (PROTOCOL, "the subprotocol")] {
        // An extension may have parameters (9.1).
        let name = |token: &str| token.split(';').next().unwrap_or_default().trim().to_owned();
        let known: Vec<String> = tokens(offered, header).iter().map(|token| name(token)).collect();
        let chosen = tokens(answer, header);
        if let Some(other) = chosen.iter().find(|token| !known.contains(&name(token))) {
            return wrong(format!("the server chose {what} `{other}`, which nobody offered"));
        }
        if header == PROTOCOL && chosen.len() > 1 {
            return wrong("the server chose more than one subprotocol".to_owned());
        }
    }
    Ok(())
}

/// What the lines of a header list.
fn tokens(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let tokens: Vec<String> = lines
        .flat_map(|line| line.split(',').map(|token| token.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    tokens.into_iter().filter(|token| !token.is_empty()).collect()
}
