//! Errors of the contract: a code, a sentence, and data for programs. What a client sees; the log keeps the causes.

use serde::Serialize;
use serde_json::{Value, json};

use super::Audience;

/// The codes of JSON-RPC 2.0 and of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The message is not JSON.
    Parse,
    /// The message is no JSON-RPC 2.0 request.
    InvalidRequest,
    /// There is no such call.
    MethodNotFound,
    /// The parameters are not those of the call.
    InvalidParams,
    /// The service failed in a way it does not know better.
    Internal,
    /// Nobody is authenticated on this connection, or no longer.
    NotAuthenticated,
    /// The role, or the address, may not make this call.
    NotPermitted,
    /// There is no such camera or file.
    NotFound,
    /// Not now: already recording, not recording, disk full, in use.
    InvalidState,
    /// This service, or its media engine, does not do that.
    Unsupported,
    /// Too many calls; `data.retry_after` says after how many seconds it is worth trying.
    RateLimited,
    /// ffmpeg, the media server, the camera or the disk failed.
    DependencyFailed,
}

impl Code {
    /// Every code, with its meaning, for the documentation.
    pub const ALL: &[(Code, &'static str)] = &[
        (Code::Parse, "the message is not JSON"),
        (Code::InvalidRequest, "the message is no JSON-RPC 2.0 request"),
        (Code::MethodNotFound, "there is no such call"),
        (Code::InvalidParams, "the parameters are not those of the call"),
        (Code::Internal, "the service failed in a way it does not know better"),
        (Code::NotAuthenticated, "nobody is authenticated on this connection, or no longer"),
        (Code::NotPermitted, "the role, or the address, may not make this call"),
        (Code::NotFound, "there is no such camera or file"),
        (Code::InvalidState, "not now: already recording, not recording, disk full, in use"),
        (Code::Unsupported, "this service, or its media engine, does not do that"),
        (Code::RateLimited, "too many calls; `data.retry_after` says after how many seconds to try again"),
        (Code::DependencyFailed, "ffmpeg, the media server, the camera or the disk failed"),
    ];

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Code::Parse => -32700,
            Code::InvalidRequest => -32600,
            Code::MethodNotFound => -32601,
            Code::InvalidParams => -32602,
            Code::Internal => -32603,
            Code::NotAuthenticated => -32001,
            Code::NotPermitted => -32002,
            Code::NotFound => -32010,
            Code::InvalidState => -32020,
            Code::Unsupported => -32030,
            Code::RateLimited => -32040,
            Code::DependencyFailed => -32050,
        }
    }
}

/// An error as a client sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    /// Which kind.
    pub code: Code,
    /// One sentence that says what would be right.
    pub message: String,
    /// For programs; `None` is left out.
    pub data: Option<Value>,
    /// The machine's own words, for administrators and the log: they may hold a camera's address, or what a hostile camera wrote.
    pub detail: Option<String>,
}

/// The longest message, in characters: what a client sent is repeated in it, and a detail may be as long.
const MAX_MESSAGE: usize = 500;

/// The form on the wire.
#[derive(Serialize)]
struct Wire<'a> {
    code: i32,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

impl Serialize for RpcError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire { code: self.code.number(), message: &self.message, data: self.data.as_ref() }
            .serialize(serializer)
    }
}

impl RpcError {
    /// An error without data. What is too long is cut.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        RpcError { code, message: shortened(message.into()), data: None, detail: None }
    }

    /// Parameters that are not those of the call.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        RpcError::new(Code::InvalidParams, message)
    }

    /// What this service relies on failed, in its own words.
    pub fn dependency(detail: impl Into<String>) -> Self {
        let message = "the camera, the media engine or the disk failed; an administrator is told why";
        RpcError::new(Code::DependencyFailed, message).with_detail(detail)
    }

    /// With the machine's own words.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        RpcError { detail: Some(shortened(detail.into())), ..self }
    }

    /// As this reader may see it: an administrator finds the detail in `data`.
    #[must_use]
    pub fn fitted(mut self, to: &Audience) -> Self {
        if let Some(detail) = self.detail.take().filter(|_| to.details) {
            match &mut self.data {
                Some(Value::Object(data)) => drop(data.insert("detail".into(), detail.into())),
                data => *data = Some(json!({ "detail": detail })),
            }
        }
        self
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}
