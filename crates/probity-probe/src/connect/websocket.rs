//! A WebSocket (RFC 6455) over a connection of our own: its opening handshake, and what of it is whose fault.
//! Must not know what is said over it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use probity_plan::{Barrier, Blocked, Text};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, error::CapacityError};
use url::Url;

use super::closing::Watched;
use super::handshake;
use super::on_link::OnLink;
use crate::connect::{self, Conversation, Fault, Stream, tls};
use crate::look::{Context, Seen};
use crate::plaintext::Syntax;

/// The longest message that is read.
pub const MAX_MESSAGE: usize = 16 << 20;

/// A WebSocket of ours.
pub type Socket = WebSocketStream<Watched>;

/// Where a WebSocket is, and what is sent for it.
pub struct Opening<'a> {
    /// `ws` or `wss`.
    pub url: &'a Text,
    /// Headers of the request.
    pub headers: &'a BTreeMap<String, Text>,
    /// Subprotocols to offer.
    pub subprotocols: &'a [String],
    /// Certificates.
    pub files: tls::Files<'a>,
    /// The address of ours to come from.
    pub own: Option<IpAddr>,
}

/// What a server answered.
pub enum Opened {
    /// The WebSocket began.
    Accepted(Box<Socket>, HeaderMap),
    /// It did not.
    Refused {
        /// The status of the answer.
        status: i64,
        /// Its headers.
        headers: HeaderMap,
    },
}

impl Opening<'_> {
    /// Connects and shakes hands, where a refusal is no answer.
    ///
    /// # Errors
    /// The target's fault if it refuses, or answers otherwise than RFC 6455 says.
    pub async fn open(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> Result<Socket, Fault> {
        match self.ask(context, conversation, seen).await? {
            Opened::Accepted(socket, _) => Ok(*socket),
            Opened::Refused { status, .. } => Err(not_opened(status)),
        }
    }

    /// Connects and shakes hands. The status of the answer is seen, whatever it is.
    ///
    /// # Errors
    /// The target's fault if it answers otherwise than RFC 6455 says.
    pub async fn ask(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> Result<Opened, Fault> {
        let shown = self.url;
        let wrong = |why: &dyn std::fmt::Display| {
            Blocked::new(
                Barrier::Unsupported,
                format!("URL `{shown}`: {why}; write ws://host/path or wss://host/path"),
            )
        };
        let filled = context.expand(self.url, Syntax::Url)?;
        let (text, link) = OnLink::take_from(filled.reveal())?;
        let url = Url::parse(&text).map_err(|e| wrong(&e))?;
        let host = url.host_str().ok_or_else(|| wrong(&"no host"))?;
        let secure = match url.scheme() {
            "wss" => true,
            "ws" => false,
            _ => return Err(wrong(&"no WebSocket").into()),
        };
        let port = url.port_or_known_default().unwrap_or(if secure { 443 } else { 80 });
        let request = self.request(context, &text).map_err(|why| wrong(&why))?;
        let client = if secure { Some(tls::Client::load(host, &self.files, &[]).await?) } else { None };
        let mut addresses = connect::resolve(host, port).await?;
        if let Some(link) = link {
            link.set_in(&mut addresses);
        }
        let stream = conversation.tcp_from(self.own, &addresses).await?;
        let stream: Stream = match client {
            Some(client) => Box::new(client.shake_hands(stream, seen).await?),
            None => {
                tls::not_spoken(seen);
                Box::new(stream)
            }
        };
        let limits =
            WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let shaken = handshake::shake_hands(Watched::new(stream), request).await?;
        let answer = shaken.answer;
        let socket = match shaken.begun {
            Some((stream, read)) => {
                Some(Socket::from_partially_read(stream, read, Role::Client, Some(limits)).await)
            }
            None => None,
        };
        let status = answer.status().as_u16();
        seen.know("connected", true).settle("status", super::status_code(status));
        let status = i64::from(status);
        let headers = answer.into_parts().0.headers;
        Ok(match socket {
            Some(socket) => Opened::Accepted(Box::new(socket), headers),
            None => Opened::Refused { status, headers },
        })
    }

    /// The request; what is wrong with a header is told by its name, since its value may hold a secret.
    fn request(&self, context: &Context<'_>, url: &str) -> Result<Request, String> {
        let mut request = url.into_client_request().map_err(|e| e.to_string())?;
        for (name, value) in self.headers {
            let value = context.expand(value, Syntax::Plain).map_err(|blocked| blocked.why().into_owned())?;
            let header =
                HeaderName::from_bytes(name.as_bytes()).map_err(|e| format!("header `{name}`: {e}"))?;
            let mut value = HeaderValue::from_bytes(value.reveal().as_bytes())
                .map_err(|e| format!("header `{name}`: {e}"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header, value);
        }
        if !self.subprotocols.is_empty() {
            let offered = HeaderValue::from_str(&self.subprotocols.join(", "))
                .map_err(|e| format!("`subprotocols`: {e}"))?;
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offered);
        }
        Ok(request)
    }
}

/// That a server answered with this status and nothing else came of it.
pub fn not_opened(status: i64) -> Fault {
    Fault::nonsense(format!("the server answered {status} and opens no WebSocket"))
}

/// What the server says in its closing frame; 1005 stands for no code (RFC 6455, 7.1.5).
///
/// # Errors
/// The target's fault if its code is one that nobody may send (RFC 6455, 7.4).
pub fn farewell(socket: &Socket, frame: Option<CloseFrame>) -> Result<CloseFrame, Fault> {
    let Some(frame) = frame else { return Ok(CloseFrame { code: 1005.into(), reason: "".into() }) };
    match socket.get_ref().closing_code() {
        Some(code) if CloseCode::from(code).is_allowed() => Ok(frame),
        Some(code) => {
            Err(Fault::nonsense(format!("a closing frame with {code}, a code that nobody may send")))
        }
        None => Err(Fault::nonsense("a closing frame whose code was not seen")),
    }
}

/// At whose door it lies that a WebSocket came to an end.
pub fn fault_of(error: &Error) -> Fault {
    match error {
        Error::Io(error) => Fault::of_io("talk to the server", error),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            Blocked::new(Barrier::TooLarge, format!("a message of more than {MAX_MESSAGE} bytes is not read"))
                .into()
        }
        // Of header lines.
        Error::Capacity(error) => Blocked::new(Barrier::TooLarge, error.to_string()).into(),
        Error::ConnectionClosed | Error::AlreadyClosed => Fault::nonsense("the server closed the WebSocket"),
        other => Fault::nonsense(other.to_string()),
    }
}
