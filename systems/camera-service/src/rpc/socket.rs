//! One client's WebSocket: messages in, answers and notifications out, in order. A client that reads nothing, says nothing or
//! sends too much is closed; nobody else notices.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{FutureExt, SinkExt, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};

use super::session::{self, Session};
use crate::caller::Caller;
use crate::places::NoPlace;
use crate::service::Service;
use crate::web::meter::{Meter, OverBudget};
use crate::web::serve::Client;

/// How long a client may take to read what it is sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a silent client is asked whether it is still there; one that does not answer until the next time is closed.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long a connection may stay without an identity.
const ANONYMOUS: Duration = Duration::from_secs(20);
/// Bytes of answers that are gathered before they are sent, while further messages are there already.
const GATHER: usize = 64 * 1024;

/// A connection whose handshake is done.
pub struct Connection {
    /// The one at its other end.
    pub client: Client,
    /// What links begin with for it.
    pub base: Arc<str>,
}

/// Serves a connection until it ends.
pub async fn serve(service: Arc<Service>, mut socket: WebSocket, connection: Connection) {
    let (number, mailbox) = service.hub.join();
    let Connection { client: Client { address, place, meter }, base } = connection;
    let caller = Caller::new(service.new_session_id(), address, base, mailbox);
    let session = Session::new(caller, Arc::clone(&place));
    let why = tokio::select! {
        why = converse(&service, &mut socket, session, &meter) => why,
        () = place.evicted() => Some((close_code::AGAIN, NoPlace::Evicted.to_string())),
    };
    service.hub.leave(number);
    if let Some((code, reason)) = why {
        let frame = CloseFrame { code, reason: reason.into() };
        // The client may be gone already.
        send(&mut socket, Message::Close(Some(frame))).await;
    }
}

/// Why we close; `None`: the client did, or is gone.
type Closing = Option<(u16, String)>;

async fn converse(
    service: &Arc<Service>,
    socket: &mut WebSocket,
    mut session: Session,
    meter: &Meter,
) -> Closing {
    let mut all_told = pin!(service.all_told.cancelled());
    let mut heartbeat = Instant::now() + HEARTBEAT;
    let anonymous_until = Instant::now() + ANONYMOUS;
    let mut heard = true;
    let mut timer = pin!(sleep_until(heartbeat));
    // Whose end the timer stands at; set anew with each heartbeat, so that a clock that was set is noticed.
    let mut timed = None;
    loop {
        let ends = Some((session.identity().is_some(), session.expires()));
        if timed != ends {
            timed = ends;
            let expiry = match ends {
                Some((true, Some(at))) => Instant::now() + until(at),
                Some((true, None)) => heartbeat,
                _ => anonymous_until,
            };
            timer.as_mut().reset(expiry.min(heartbeat));
        }
        tokio::select! {
            () = &mut all_told => {
                while session.ended(service, Timestamp::now()).is_none()
                    && let Some(text) = session.caller.mailbox.next(&service.hub).now_or_never()
                {
                    if !send(socket, Message::Text(text)).await {
                        return None;
                    }
                }
                return Some((close_code::AWAY, "the service is stopping".into()));
            }
            message = socket.recv() => {
                heard = true;
                match message {
                    None | Some(Ok(Message::Close(_))) => return None,
                    Some(Err(error)) => return unreadable(error),
                    Some(Ok(message)) => {
                        if let Some(closing) = take(service, socket, &mut session, meter, message).await {
                            return closing;
                        }
                    }
                }
            }
            text = session.caller.mailbox.next(&service.hub) => {
                if let Some(why) = session.ended(service, Timestamp::now()) {
                    return Some((close_code::POLICY, why));
                }
                if !send(socket, Message::Text(text)).await {
                    return None;
                }
            }
            () = &mut timer => {
                timed = None;
                if session.identity().is_none() && Instant::now() >= anonymous_until {
                    return Some((close_code::POLICY, "nobody authenticated within 20 s".into()));
                }
                if let Some(why) = session.ended(service, Timestamp::now()) {
                    return Some((close_code::POLICY, why));
                }
                if Instant::now() >= heartbeat {
                    if !heard || !send(socket, Message::Ping(Vec::new().into())).await {
                        return None;
                    }
                    heard = false;
                    heartbeat = Instant::now() + HEARTBEAT;
                }
            }
        }
    }
}

/// Answers a message and those that are there already; `Some` ends the connection.
async fn take(
    service: &Arc<Service>,
    socket: &mut WebSocket,
    session: &mut Session,
    meter: &Meter,
    mut message: Message,
) -> Option<Closing> {
    let mut gathered = 0;
    loop {
        meter.begin();
        let text = match message {
            Message::Text(text) => Some(text),
            Message::Binary(_) => {
                return Some(Some((close_code::UNSUPPORTED, "JSON-RPC comes as text messages".into())));
            }
            Message::Close(_) => return Some(None),
            Message::Ping(_) | Message::Pong(_) => None,
        };
        if let Some(text) = text {
            let answer = session.answer(service, &text).await;
            if let Some(text) = answer.text {
                gathered += text.len();
                if !patiently(socket.feed(Message::Text(text.into()))).await {
                    return Some(None);
                }
            }
            match answer.close {
                None => {}
                Some(session::Closing::Ended(why)) => return Some(Some((close_code::POLICY, why))),
                Some(session::Closing::TooMany) => {
                    let why = "too many calls, and none waited for; connect again later".to_owned();
                    return Some(Some((close_code::AGAIN, why)));
                }
            }
        }
        match socket.next().now_or_never() {
            Some(Some(Ok(next))) if gathered < GATHER => message = next,
            Some(Some(Ok(next))) => {
                gathered = 0;
                if !flush(socket).await {
                    return Some(None);
                }
                message = next;
            }
            Some(Some(Err(error))) => return Some(unreadable(error)),
            Some(None) => return Some(None),
            None => return if flush(socket).await { None } else { Some(None) },
        }
    }
}

async fn flush(socket: &mut WebSocket) -> bool {
    patiently(socket.flush()).await
}

async fn send(socket: &mut WebSocket, message: Message) -> bool {
    patiently(socket.send(message)).await
}

/// Whether the client read it in time; what can be sent at once needs no timer.
async fn patiently(sending: impl Future<Output = Result<(), axum::Error>>) -> bool {
    let mut sending = pin!(sending);
    match sending.as_mut().now_or_never() {
        Some(sent) => sent.is_ok(),
        None => matches!(timeout(PATIENCE, sending).await, Ok(Ok(()))),
    }
}

/// The time until `at`; none if it has passed.
fn until(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()
}

/// What a client is told that sent something which cannot be taken as a message.
fn unreadable(error: axum::Error) -> Closing {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => {
            Some((close_code::SIZE, "the message is too long; get_server_info tells the limit".into()))
        }
        Some(Error::Io(error)) if OverBudget::is_cause_of(error) => {
            Some((close_code::AGAIN, OverBudget.to_string()))
        }
        // It has gone.
        Some(Error::Protocol(ResetWithoutClosingHandshake)) => None,
        Some(Error::Protocol(why)) => Some((close_code::PROTOCOL, why.to_string())),
        Some(Error::Utf8(_)) => Some((close_code::INVALID, "the message is not UTF-8".into())),
        _ => None,
    }
}
