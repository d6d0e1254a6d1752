//! `jsonrpc`: calls in one session over a WebSocket, or each in an HTTP request (JSON-RPC 2.0).

pub(super) mod reply;

use std::collections::BTreeSet;
use std::time::Instant;

use futures_util::{FutureExt, SinkExt, StreamExt};
use probity_plan::kinds::http::Http;
use probity_plan::kinds::jsonrpc::{Call, JsonRpc};
use probity_plan::{Barrier, Blocked, Text, Value};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use self::reply::{Notification, Outcome, Said};
use crate::connect::websocket::{self, Opening, Socket};
use crate::connect::{Conversation, Fault, Talk, tls};
use crate::look::{Context, FactSelection, Seen, elapsed_ms, random};
use crate::plaintext::Syntax;

/// The most calls of a session.
const MAX_CALLS: usize = 1000;
/// The most notifications that are kept.
const MAX_NOTIFICATIONS: usize = 1000;

impl Talk for JsonRpc {
    async fn talk(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let unsupported = |why: &str| Blocked::new(Barrier::Unsupported, why);
        if self.calls.len() > MAX_CALLS {
            return Err(unsupported(&format!("a session has at most {MAX_CALLS} calls")).into());
        }
        let url = context.expand(&self.jsonrpc, Syntax::Url)?;
        let over_http = url.reveal().starts_with("http://") || url.reveal().starts_with("https://");
        if over_http && (self.pipelined || self.notifications.is_some()) {
            return Err(unsupported(
                "`pipelined` and `notifications` need a WebSocket: a URL with ws or wss",
            )
            .into());
        }
        let numbers = numbers(self.calls.len())?;
        let messages = messages(&numbers, &self.calls, context)?;
        match over_http {
            true => requests(self, context, conversation, &numbers, messages, seen).await,
            false => {
                let files = tls::Files {
                    ca: self.ca.as_deref(),
                    certificate: self.client_certificate.as_deref(),
                    key: self.client_key.as_deref(),
                };
                let (url, headers) = (&self.jsonrpc, &self.headers);
                let opening = Opening { url, headers, subprotocols: &[], files, own: None };
                let socket = opening.open(context, conversation, seen).await?;
                let mut session = Session::new(socket, numbers);
                let done = match context.in_time(session.call(self.pipelined, messages)).await {
                    Ok(()) => {
                        session.see_replies(context, seen);
                        let waiting = session.wait_for(usize::from(self.notifications.unwrap_or(0)));
                        context.in_time(waiting).await
                    }
                    Err(fault) => Err(fault),
                };
                seen.settle("close_code", session.close_code(&done));
                done?;
                seen.settle("notifications", session.notifications());
                Ok(())
            }
        }
    }
}

/// The calls as they are sent, each with its number.
fn messages(numbers: &[usize], calls: &[Call], context: &Context<'_>) -> Result<Vec<String>, Blocked> {
    numbers.iter().zip(calls).map(|(number, call)| message(*number, call, context)).collect()
}

/// So many numbers, which nobody knows who has not read the calls: what came before is no reply.
fn numbers(count: usize) -> Result<Vec<usize>, Blocked> {
    let (mut numbers, mut last) = (Vec::new(), first_number()?);
    for _ in 0..count {
        numbers.push(last);
        last += 1 + usize::from(u16::from_le_bytes(random()?));
    }
    Ok(numbers)
}

/// The number of the first call of a session.
pub(super) fn first_number() -> Result<usize, Blocked> {
    let [one, two, three] = random::<3>()?;
    Ok(1 + u32::from_le_bytes([one, two, three, 0]) as usize)
}

/// A call as it is sent.
pub(super) fn message(id: usize, call: &Call, context: &Context<'_>) -> Result<String, Blocked> {
    let fill = |text: &Text| Ok::<_, Blocked>(context.expand(text, Syntax::Plain)?.reveal().to_owned());
    let mut message = serde_json::json!({ "jsonrpc": "2.0", "id": id, "method": call.method });
    if let (Some(params), Some(map)) = (&call.params, message.as_object_mut()) {
        map.insert("params".to_owned(), params.template().fill(&fill)?);
    }
    Ok(message.to_string())
}

/// Calls over one WebSocket.
struct Session {
    socket: Socket,
    /// The numbers of the calls.
    numbers: Vec<usize>,
    replies: Vec<Option<Outcome>>,
    /// How many calls were sent.
    called: usize,
    notifications: Vec<Notification>,
    /// More notifications came than are kept.
    overflow: bool,
    /// How the server ended it, if it did: null where it named no code. None where it did so against the protocol.
    end: Option<Option<Value>>,
    /// When the last call was sent, and how long its reply took.
    sent: Option<Instant>,
    took: Option<std::time::Duration>,
}

impl Session {
    fn new(socket: Socket, numbers: Vec<usize>) -> Self {
        Self {
            socket,
            replies: vec![None; numbers.len()],
            numbers,
            called: 0,
            notifications: Vec::new(),
            overflow: false,
            end: None,
            sent: None,
            took: None,
        }
    }

    /// Sends the calls and waits until each has its reply.
    async fn call(&mut self, pipelined: bool, messages: Vec<String>) -> Result<(), Fault> {
        let last = messages.len();
        for (at, message) in messages.into_iter().enumerate() {
            if at + 1 == last {
                self.sent = Some(Instant::now());
            }
            self.called = at + 1;
            self.socket.send(Message::text(message)).await.map_err(|e| websocket::fault_of(&e))?;
            while !pipelined && self.replies.get(at).is_some_and(Option::is_none) {
                self.listen().await?;
            }
        }
        while self.replies.iter().any(Option::is_none) {
            self.listen().await?;
        }
        Ok(())
    }

    /// Waits until so many notifications have come.
    async fn wait_for(&mut self, notifications: usize) -> Result<(), Fault> {
        while self.notifications.len() < notifications && !self.overflow {
            self.listen().await?;
        }
        Ok(())
    }

    fn see_replies(&self, context: &Context<'_>, seen: &mut Seen) {
        let outcomes: Vec<&Outcome> = self.replies.iter().flatten().collect();
        see_replies(&outcomes, context, seen);
        if let Some(took) = self.took {
            seen.know("reply_ms", elapsed_ms(took));
        }
    }

    fn notifications(&self) -> Result<Value, Blocked> {
        if self.overflow {
            return Err(Blocked::new(
                Barrier::TooLarge,
                format!("more than {MAX_NOTIFICATIONS} notifications came"),
            ));
        }
        Ok(Value::List(self.notifications.iter().map(Notification::value).collect()))
    }

    /// The code with which the server closed it.
    ///
    /// # Errors
    /// Nobody looked whether it closes it then.
    fn close_code(&mut self, done: &Result<(), Fault>) -> Result<Value, Blocked> {
        let cut_off = |fault: &Fault| fault.blocked().barrier == Barrier::TimedOut;
        // What is here already came before our end.
        if done.as_ref().err().is_none_or(cut_off) {
            while self.end.is_none() && matches!(self.listen().now_or_never(), Some(Ok(()))) {}
        }
        match (self.end.clone(), done) {
            (Some(Some(code)), _) => Ok(code),
            (None, Err(fault)) if cut_off(fault) => Ok(Value::Null),
            (_, Err(fault)) => Err(fault.blocked().clone()),
            (Some(None), Ok(())) => {
                Err(Blocked::new(Barrier::Protocol, "a closing frame with a code that nobody may send"))
            }
            (None, Ok(())) => {
                let why = "the look ended before the server did, and nobody waited for that";
                Err(Blocked::new(Barrier::NotMade, why))
            }
        }
    }

    /// The next message.
    async fn listen(&mut self) -> Result<(), Fault> {
        let message = match self.socket.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                let fault = websocket::fault_of(&error);
                let ended = match error {
                    Error::Io(_) => matches!(fault, Fault::Target(_)),
                    Error::ConnectionClosed
                    | Error::AlreadyClosed
                    | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => true,
                    _ => false,
                };
                self.end = ended.then_some(Some(Value::Null));
                return Err(fault);
            }
            None => {
                self.end = Some(Some(Value::Null));
                return Err(Fault::nonsense("the server hung up"));
            }
        };
        if let Message::Close(frame) = message {
            self.end = Some(None);
            let CloseFrame { code, reason } = websocket::farewell(&self.socket, frame)?;
            self.end = Some(Some(i64::from(u16::from(code)).into()));
            return Err(Fault::nonsense(
                format!("the server closed the WebSocket with {code} {reason}").trim_end(),
            ));
        }
        said(&message)?.map_or(Ok(()), |said| self.take(said))
    }

    fn take(&mut self, said: Said) -> Result<(), Fault> {
        match said {
            Said::Notification(_) if self.notifications.len() >= MAX_NOTIFICATIONS => self.overflow = true,
            Said::Notification(notification) => self.notifications.push(notification),
            Said::Reply { id, outcome } => {
                let mut called = self.numbers.iter().take(self.called);
                let at = called.position(|number| *number == id);
                let place = at.and_then(|at| self.replies.get_mut(at)).filter(|place| place.is_none());
                let Some(place) = place else {
                    return Err(reply::not_waited_for(id));
                };
                *place = Some(outcome);
                if self.numbers.last() == Some(&id) {
                    self.took = self.sent.map(|sent| sent.elapsed());
                }
            }
            Said::Unnumbered(outcome) => return Err(reply::to_no_call(&outcome)),
        }
        Ok(())
    }
}

/// What a message says that does not close the WebSocket; nothing if it is the protocol's own.
pub(super) fn said(message: &Message) -> Result<Option<Said>, Fault> {
    match message {
        Message::Text(text) => reply::read(text.as_str()).map(Some),
        Message::Binary(_) => Err(Fault::nonsense("a binary message, where JSON-RPC is text")),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) | Message::Close(_) => Ok(None),
    }
}

/// Calls, each in a request over a connection of its own.
async fn requests(
    act: &JsonRpc,
    context: &Context<'_>,
    conversation: &Conversation,
    numbers: &[usize],
    messages: Vec<String>,
    seen: &mut Seen,
) -> Result<(), Fault> {
    let mut headers = act.headers.clone();
    headers.entry("content-type".to_owned()).or_insert_with(|| Text::plain("application/json"));
    let wanted = FactSelection::Only(BTreeSet::from(["json".to_owned()]));
    let request_context = Context { wanted: &wanted, ..context.clone() };
    let mut outcomes = Vec::new();
    for (number, message) in numbers.iter().zip(messages) {
        let request = Http {
            http: act.jsonrpc.clone(),
            method: Some("POST".to_owned()),
            headers: headers.clone(),
            body: Some(Text::plain(message)),
            ca: act.ca.clone(),
            client_certificate: act.client_certificate.clone(),
            client_key: act.client_key.clone(),
            ..Http::default()
        };
        let sent = Instant::now();
        let mut answer = Seen::default();
        let talked = context.in_time(request.talk(&request_context, conversation, &mut answer)).await;
        let took = sent.elapsed();
        for fact in ["connected", "tls", "trusted", "trust_error", "status"] {
            if let Some(value) = answer.facts.remove(fact) {
                seen.know(fact, value);
            } else if let Some(blocked) = answer.unknown.remove(fact) {
                seen.block(fact, blocked);
            }
        }
        talked?;
        let body = answer.facts.remove("json").ok_or_else(|| no_json(&answer))?;
        match reply::of_value(body)? {
            Said::Reply { id, outcome } if id == *number => outcomes.push(outcome),
            // What answers the request answers its call.
            Said::Unnumbered(outcome) => outcomes.push(outcome),
            Said::Reply { id, .. } => return Err(reply::not_waited_for(id)),
            Said::Notification(_) => return Err(Fault::nonsense("a notification, where a reply was due")),
        }
        seen.know("reply_ms", elapsed_ms(took));
    }
    see_replies(&outcomes.iter().collect::<Vec<_>>(), context, seen);
    seen.know("close_code", Value::Null).know("notifications", Value::List(Vec::new()));
    Ok(())
}

/// Why a whole answer over HTTP holds no JSON.
fn no_json(answer: &Seen) -> Fault {
    match answer.barrier("json") {
        Some(why) if why.barrier != Barrier::Protocol => Fault::Observer(why.clone()),
        Some(why) => Fault::Target(why.clone()),
        None => Fault::nonsense("the answer is no JSON"),
    }
}

/// What the replies to all calls say.
fn see_replies(outcomes: &[&Outcome], context: &Context<'_>, seen: &mut Seen) {
    let Some(last) = outcomes.last() else { return };
    seen.know("answered", true);
    match last {
        Outcome::Result(result) => seen
            .know("succeeded", true)
            .know("result", result.clone())
            .know("error_code", Value::Null)
            .know("error_message", "")
            .know("error_data", Value::Null),
        Outcome::Error { code, message, data } => seen
            .know("succeeded", false)
            .know("result", Value::Null)
            .know("error_code", *code)
            .know("error_message", message.as_str())
            .know("error_data", data.clone()),
    };
    if context.wants("replies") {
        seen.know("replies", Value::List(outcomes.iter().map(|outcome| outcome.value()).collect()));
    }
}
