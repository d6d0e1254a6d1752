//! One request, over a connection that is kept for the next one: of HTTP/1.1, or a JSON-RPC call over a WebSocket. Must not
//! know when requests are sent, nor how many.

use std::net::IpAddr;

use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use probity_plan::kinds::http::Http;
use probity_plan::kinds::jsonrpc::Call;
use probity_plan::kinds::rate_limit::RateLimit;
use probity_plan::{Barrier, Blocked, Value};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::connect::websocket::{self, Opened, Opening, Socket};
use crate::connect::{Conversation, Fault, tls};
use crate::kinds::http::Phases;
use crate::kinds::http::body::is_of_a_trailer;
use crate::kinds::http::client::Client;
use crate::kinds::http::request::{self, Destination, Inquiry};
use crate::kinds::jsonrpc::reply::{self, Outcome, Said};
use crate::kinds::jsonrpc::{first_number, message, said};
use crate::look::{Context, Seen};
use crate::plaintext::Syntax;

/// The longest body of an answer that is read.
const MAX_BODY: usize = 16 << 20;
/// What is a refusal where the plan does not say.
const USUAL_REFUSALS: [u16; 2] = [429, 503];

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// The status or the error's code; `result` of a call that has one.
    pub status: String,
    /// If it is a refusal.
    pub refusal: Option<Refusal>,
}

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Refusal {
    /// The status or the error's code.
    pub code: i64,
    /// When it says to come again.
    pub wait: Wait,
}

/// When a refusal says to come again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wait {
    Unsaid,
    Seconds(u32),
    /// It says it otherwise than as a whole number of seconds, as by a date (RFC 9110, 10.2.3), or says two things.
    Unread,
}

/// A connection that waits for its next request.
pub(super) enum Line {
    Http { client: Client, _driving: JoinSet<()> },
    WebSocket { socket: Box<Socket>, first: usize, calls: usize },
}

/// Who asks, for what, and from where.
pub(super) struct Caller<'a> {
    act: RateLimit,
    own: Option<IpAddr>,
    context: &'a Context<'a>,
    conversation: &'a Conversation,
    way: Way,
}

enum Way {
    Http { http: Box<Http>, destination: Destination },
    WebSocket { call: Call },
}

impl<'a> Caller<'a> {
    /// With these parameters, from this address of ours.
    pub fn new(
        act: RateLimit,
        own: Option<IpAddr>,
        context: &'a Context<'a>,
        conversation: &'a Conversation,
    ) -> Result<Self, Blocked> {
        let unsupported = |why: &str| Blocked::new(Barrier::Unsupported, why);
        let url = context.expand(&act.rate_limit, Syntax::Url)?;
        let over_http = url.reveal().starts_with("http://") || url.reveal().starts_with("https://");
        let way = match (over_http, &act.call) {
            (true, None) if act.session.is_empty() && act.refused_code.is_empty() => {
                let http = Http {
                    http: act.rate_limit.clone(),
                    method: act.method.clone(),
                    headers: act.headers.clone(),
                    body: act.body.clone(),
                    ca: act.ca.clone(),
                    ..Http::default()
                };
                let destination = Destination::parse(&act.rate_limit, &url)?;
                Way::Http { http: Box::new(http), destination }
            }
            (true, _) => {
                return Err(unsupported(
                    "`call`, `session` and `refused_code` need a WebSocket: a URL with ws or wss",
                ));
            }
            (false, Some(call)) if !act.refused_code.is_empty() => Way::WebSocket { call: call.clone() },
            (false, _) => {
                return Err(unsupported(
                    "over a WebSocket, `call` says what is asked and `refused_code` which errors are a refusal; of \
                     HTTP, write http://host/path",
                ));
            }
        };
        Ok(Self { act, own, context, conversation, way })
    }

    /// Makes a connection, unless that is refused already. What is seen of TLS is seen also where it fails.
    async fn open(&self, seen: &mut Seen) -> Result<Result<Line, Answer>, Fault> {
        match &self.way {
            Way::Http { http, destination } => {
                let asked = self.asked(http, destination);
                let stream = asked.connect(self.conversation, &mut Phases::default(), seen).await?;
                if !seen.facts.contains_key("tls") {
                    tls::not_spoken(seen);
                }
                let mut driving = JoinSet::new();
                let client = Client::over(stream, &mut driving).await.map_err(|e| request::fault_of(&e))?;
                Ok(Ok(Line::Http { client, _driving: driving }))
            }
            Way::WebSocket { .. } => {
                let files = tls::Files { ca: self.act.ca.as_deref(), ..tls::Files::default() };
                let (url, headers) = (&self.act.rate_limit, &self.act.headers);
                let opening = Opening { url, headers, subprotocols: &[], files, own: self.own };
                let opened = opening.ask(self.context, self.conversation, seen).await?;
                match opened {
                    Opened::Accepted(socket, _) => {
                        Ok(Ok(Line::WebSocket { socket, first: first_number()?, calls: 0 }))
                    }
                    Opened::Refused { status, headers } => {
                        let answer = self.of_status(status, &headers);
                        let refused = answer.refusal.is_some();
                        refused.then_some(Err(answer)).ok_or_else(|| websocket::not_opened(status))
                    }
                }
            }
        }
    }

    fn asked<'b>(&'b self, http: &'b Http, destination: &'b Destination) -> Inquiry<'b> {
        let method = http.method.as_deref().unwrap_or("GET");
        let (context, own) = (self.context, self.own);
        Inquiry { http, context, destination, method, with_body: true, cookies: Vec::new(), own }
    }

    /// Sends one request, over this connection or over one that it makes, and waits for its whole answer; with the connection, if
    /// that takes another request.
    pub async fn ask(&self, line: Option<Line>, seen: &mut Seen) -> (Result<Answer, Fault>, Option<Line>) {
        let mut line = line;
        loop {
            let mut used = match line.take() {
                Some(line) => line,
                None => match self.open(seen).await {
                    Ok(Ok(line)) => line,
                    Ok(Err(answer)) => return (Ok(answer), None),
                    Err(fault) => return (Err(fault), None),
                },
            };
            match self.ask_over(&mut used).await {
                Ok(Some(answer)) => return (Ok(answer), Some(used)),
                // The server had ended a connection that waited: that is its right.
                Ok(None) => {}
                Err(fault) => return (Err(fault), None),
            }
        }
    }

    /// The answer; none if the connection had ended before anything was sent.
    async fn ask_over(&self, line: &mut Line) -> Result<Option<Answer>, Fault> {
        match (&self.way, line) {
            (Way::Http { http, destination }, Line::Http { client, .. }) => {
                let request = self.asked(http, destination).request()?;
                let (sent, head) = client.send(request).await;
                match sent {
                    Ok(response) => self.of_http(response).await.map(Some),
                    Err(error) if error.is_canceled() => Ok(None),
                    Err(error) => Err(request::fault_of_head(&error, &head)),
                }
            }
            (Way::WebSocket { call }, Line::WebSocket { socket, first, calls }) => {
                while let Some(before) = self.act.session.get(*calls) {
                    *calls += 1;
                    match self.call(socket, *first + *calls, before).await? {
                        Outcome::Result(_) => {}
                        Outcome::Error { code, message, .. } if !self.act.refused_code.contains(&code) => {
                            let method = &before.method;
                            let why =
                                format!("`{method}`, with which the session begins: error {code} {message}");
                            return Err(Fault::nonsense(why));
                        }
                        refused @ Outcome::Error { .. } => return Ok(Some(self.of_outcome(&refused))),
                    }
                }
                *calls += 1;
                Ok(Some(self.of_outcome(&self.call(socket, *first + *calls, call).await?)))
            }
            _ => Err(Blocked::new(Barrier::Unsupported, "a connection of another protocol").into()),
        }
    }

    async fn of_http(&self, mut response: Response<Incoming>) -> Result<Answer, Fault> {
        let mut length = 0;
        while let Some(frame) = response.body_mut().frame().await {
            let frame = match frame {
                Err(error) if is_of_a_trailer(&error) => break,
                frame => frame.map_err(|e| request::fault_of(&e))?,
            };
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > MAX_BODY {
                let why = format!("the body has more than {MAX_BODY} bytes");
                return Err(Blocked::new(Barrier::TooLarge, why).into());
            }
        }
        Ok(self.of_status(i64::from(response.status().as_u16()), response.headers()))
    }

    fn of_status(&self, code: i64, headers: &HeaderMap) -> Answer {
        let refusals: &[u16] = match self.act.refused_status.as_slice() {
            [] => &USUAL_REFUSALS,
            own => own,
        };
        let seconds = |value: &HeaderValue| value.to_str().ok()?.trim().parse().ok();
        let mut said = headers.get_all(RETRY_AFTER).iter();
        let wait = match (said.next(), said.next()) {
            (None, _) => Wait::Unsaid,
            (Some(value), None) => seconds(value).map_or(Wait::Unread, Wait::Seconds),
            (Some(_), Some(_)) => Wait::Unread,
        };
        let refused = refusals.iter().any(|status| i64::from(*status) == code);
        Answer { status: code.to_string(), refusal: refused.then_some(Refusal { code, wait }) }
    }

    /// Makes a call of this number and waits for its reply.
    async fn call(&self, socket: &mut Socket, number: usize, call: &Call) -> Result<Outcome, Fault> {
        let message = Message::text(message(number, call, self.context)?);
        socket.send(message).await.map_err(|e| websocket::fault_of(&e))?;
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(_))) | None => {
                    return Err(Fault::nonsense("the server closed the WebSocket"));
                }
                Some(Err(error)) => return Err(websocket::fault_of(&error)),
                Some(Ok(message)) => match said(&message)? {
                    Some(Said::Reply { id, outcome }) if id == number => return Ok(outcome),
                    Some(Said::Reply { id, .. }) => return Err(reply::not_waited_for(id)),
                    Some(Said::Unnumbered(outcome)) => return Err(reply::to_no_call(&outcome)),
                    Some(Said::Notification(_)) | None => {}
                },
            }
        }
    }

    fn of_outcome(&self, outcome: &Outcome) -> Answer {
        let Outcome::Error { code, data, .. } = outcome else {
            return Answer { status: "result".to_owned(), refusal: None };
        };
        let said = if let Value::Map(data) = data { data.get("retry_after") } else { None };
        let seconds = |value: &Value| u32::try_from(value.as_i64()?).ok();
        let wait = said.map_or(Wait::Unsaid, |value| seconds(value).map_or(Wait::Unread, Wait::Seconds));
        let refused = self.act.refused_code.contains(code);
        Answer { status: code.to_string(), refusal: refused.then_some(Refusal { code: *code, wait }) }
    }
}

impl Line {
    /// Whether it takes another request; waits until that is known.
    pub async fn is_good(&mut self) -> bool {
        match self {
            Self::Http { client, .. } => client.is_ready().await,
            Self::WebSocket { .. } => true,
        }
    }

    /// Whether the server has ended it meanwhile.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Http { client, .. } => client.is_closed(),
            Self::WebSocket { .. } => false,
        }
    }
}
