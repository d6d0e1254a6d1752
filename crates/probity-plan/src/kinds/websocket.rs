//! `websocket`: a WebSocket with whatever is sent over it, be it sound or not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};
use crate::text::{Exposure, Text};
use crate::units::Span;

/// Opens a WebSocket, sends frames and looks at what comes back and how it is closed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebSocket {
    /// The URL, `ws` or `wss`.
    pub websocket: Text,
    /// Headers of the request that opens it, such as `origin` and `authorization`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Text>,
    /// The subprotocols that are offered, the liked best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subprotocols: Vec<String>,
    /// What is sent and waited for, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// How long to wait in the end for the server to close it; without it, not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Span>,
    /// A file of certificates (PEM) to trust instead of the system's: authorities, or the server's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// A file with our own certificate and its chain (PEM), for a server that asks who we are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// A file with its key (PEM, without a passphrase); without it, `client_certificate` holds both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
}

/// What is sent, or waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Frame {
    /// A message of text.
    Text(Text),
    /// A message of these bytes, in hexadecimal.
    Binary(Hexadecimal),
    /// A message of so many letters: at most 67,108,864.
    Letters(Letters),
    /// A ping with this text, at most 125 bytes.
    Ping(Text),
    /// Closes it with this code.
    Close(u16),
    /// Bytes as they stand, in hexadecimal, in place of a frame (RFC 6455, 5.2), such as `81 02 68 69`: text without a mask.
    Raw(Hexadecimal),
    /// No frame: waits for so many messages more, or for the end.
    Receive(u16),
}

/// How long a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Letters(pub u32);

impl<'de> Deserialize<'de> for Letters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = u32::deserialize(deserializer)?;
        if count > 64 << 20 {
            return Err(serde::de::Error::custom(format!("{count} letters; at most 67108864 are sent")));
        }
        Ok(Self(count))
    }
}

/// Bytes in hexadecimal, with blanks between them or without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Hexadecimal(String);

impl Hexadecimal {
    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        hexadecimal(&self.0).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Hexadecimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match hexadecimal(&text) {
            Some(_) => Ok(Self(text)),
            None => Err(serde::de::Error::custom(format!(
                "`{text}` is not hexadecimal; write two digits a byte, such as \"81 02 68 69\""
            ))),
        }
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|c| *c != ' ').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

impl Kind for WebSocket {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "websocket",
        doc: "Opens a WebSocket (RFC 6455), sends frames, sound ones or ones that break the protocol, and looks at what comes \
              back and how it is closed. What a message does is the server's business: where it only reads, the plan says \
              `impact: observe`.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            server::CONNECTED,
            FactSpec::new("answered", FactType::Bool, "whether the server answered the opening handshake, be it with a refusal; false where it refused the connection, was silent, is not to be trusted, or said what is no such answer; unknown where the look ended before")
                .shows_connection(),
            server::TLS,
            server::TRUSTED,
            server::TRUST_ERROR,
            FactSpec::new("status", FactType::Int, "the status code of the answer, 100 to 599: 101 where a WebSocket began")
                .between(100, 599)
                .denies(Denied::Request, Values::Codes(&[401, 403, 407, 511])),
            FactSpec::new("accepted", FactType::Bool, "whether the WebSocket began")
                .grants(Denied::Request, Values::True),
            FactSpec::new("headers", FactType::Map, "the answer's headers by lower-case name; repeated ones joined with a comma; in UTF-8, else ISO-8859-1").lower_case().aside(),
            FactSpec::new("subprotocol", FactType::Text, "the subprotocol that the server chose; empty if none"),
            FactSpec::new("sent", FactType::Int, "how many of the frames were sent before it was closed"),
            FactSpec::new("received", FactType::List, "the messages that came, in order: maps with `type` (`text`, `binary`, `ping`, `pong`), `size_bytes`, and `text`, or `hex` where it is none; behind `timed-out` where fewer came than were waited for, and nothing closed it")
                .change_shows(Shows::Effect),
            FactSpec::new("closed", FactType::Bool, "whether the server ended it, with a closing frame or without one, before we did: false where a `close` of the plan came first, or nothing had ended it when the look did; unknown where the look ended for another reason than its time-out, as at a message longer than is read"),
            FactSpec::new("closed_by", FactType::Text, "who ended it: `server` (its closing frame came first), `observer` (ours did, or nobody had closed it when the look ended), `connection` (the server ended the connection without a closing frame, be it in answer to ours)").one_of(&["server", "observer", "connection"]),
            FactSpec::new("close_code", FactType::Int, "the code of the server's closing frame, 1000 to 4999; 1005 where it names none; null where no such frame came; unknown where it is one that nobody may send (RFC 6455, 7.4)")
                .denies(Denied::Request, Values::Codes(&[1008, 3000, 3003, 4401, 4403])),
            FactSpec::new("close_reason", FactType::Text, "the reason in it; empty if there is none"),
            FactSpec::new("close_ms", FactType::Interval, "from the last frame that was sent, or the opening, to the end of it, in milliseconds; without an end where the look ended first").aside(),
            server::ELAPSED,
        ],
    };

    /// To send is more than to look, unless it is a farewell.
    fn impact(&self) -> Impact {
        let changes_nothing =
            |frame: &Frame| matches!(frame, Frame::Ping(_) | Frame::Close(_) | Frame::Receive(_));
        if self.frames.iter().all(changes_nothing) { Impact::Observe } else { Impact::Write }
    }

    fn anonymous(&self) -> Option<Self> {
        Some(Self {
            headers: super::http::without_who_asks(&self.headers),
            client_certificate: None,
            client_key: None,
            ..self.clone()
        })
    }

    fn exposes(&self) -> Vec<Exposure> {
        self.websocket.secrets_in_host()
    }

    fn flaw(&self) -> Option<String> {
        server::flaw_of_url(&self.websocket, &["ws", "wss"])
            .or_else(|| server::flaw_of_request(None, self.headers.keys()))
            .or_else(|| server::flaw_of_key(self.client_certificate.as_ref(), self.client_key.as_ref()))
    }

    fn describe(&self) -> String {
        let frame = |frame: &Frame| match frame {
            Frame::Text(text) => format!("text {text}"),
            Frame::Binary(Hexadecimal(text)) => format!("binary {text}"),
            Frame::Letters(Letters(count)) => format!("{count} letters"),
            Frame::Ping(text) => format!("ping {text}"),
            Frame::Close(code) => format!("close {code}"),
            Frame::Raw(Hexadecimal(text)) => format!("raw {text}"),
            Frame::Receive(count) => format!("receive {count}"),
        };
        let frames: Vec<String> = self.frames.iter().map(frame).collect();
        format!("WebSocket {} {}", self.websocket, frames.join(", ")).trim_end().to_owned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_two_digits_each_and_nothing_else_is() {
        let read = |text: &str| hexadecimal(text);
        assert_eq!(read("81 02 68 69").unwrap(), [0x81, 2, 0x68, 0x69]);
        assert_eq!(read("8102AbcD").unwrap(), [0x81, 2, 0xab, 0xcd]);
        for wrong in ["8", "81 0", "zz", "0x81", "81,02"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
