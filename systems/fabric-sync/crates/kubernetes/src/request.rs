//! One question to an API server: its own deadline, a bound on what comes back, and why there is no answer as data.

use std::time::Duration;

use fabric_model::{Unread, UnreadCause};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;

use crate::access::{AccessError, Session};
use crate::lines::Lines;

/// The largest answer that is read, in bytes: a page of 500 objects of 128 KiB.
const MAX_ANSWER: usize = 64 << 20;
/// How much of a server's own words is kept.
const MAX_WORDS: usize = 300;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The credentials make no client.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// No connection, or it broke before the answer was whole.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// The deadline passed.
    #[error("no answer within {} s", within.as_secs_f64())]
    Silent {
        /// The deadline.
        within: Duration,
    },
    /// The server said no.
    #[error("{code}: {message}")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// The server's words, cut.
        message: String,
    },
    /// What came is not what a Kubernetes API server sends.
    #[error("not an answer of a Kubernetes API server: {0}")]
    Foreign(String),
    /// An answer of more bytes than are read.
    #[error("an answer of more than {bytes} bytes")]
    TooLarge {
        /// As many are read.
        bytes: usize,
    },
    /// A list that ended before its end, or whose pages do not belong together.
    #[error("not whole: {0}")]
    Cut(String),
}

impl Trouble {
    /// As the model has it. A 404 is not decided here: whether it means a missing kind depends on what was asked.
    pub(crate) fn into_unread(self) -> Unread {
        let cause = match &self {
            Trouble::Access(AccessError::File { .. }) | Trouble::Refused { code: 401, .. } => {
                UnreadCause::Unauthenticated
            }
            Trouble::Access(AccessError::Invalid(_)) | Trouble::Unreachable(_) => UnreadCause::Unreachable,
            Trouble::Silent { .. } => UnreadCause::TimedOut,
            Trouble::Refused { code: 403, .. } => UnreadCause::Forbidden,
            // A continue token that expired, and again with the next try.
            Trouble::Refused { code: 410, .. } => UnreadCause::Unsettled,
            Trouble::Refused { .. } => UnreadCause::ServerError,
            Trouble::Foreign(_) => UnreadCause::WrongShape,
            Trouble::TooLarge { .. } => UnreadCause::TooLarge,
            Trouble::Cut(_) => UnreadCause::Cut,
        };
        let detail = match self {
            Trouble::Foreign(detail) | Trouble::Cut(detail) | Trouble::Unreachable(detail) => detail,
            other => other.to_string(),
        };
        Unread::new(cause, detail)
    }
}

/// What a server says besides the status.
#[derive(Deserialize)]
struct StatusObject {
    message: String,
}

/// Asks, and gives the JSON that came.
pub(crate) async fn get(session: &Session, path: &str, deadline: Duration) -> Result<Value, Trouble> {
    get_as(session, path, "application/json", deadline).await
}

/// Asks for one of the forms in `accept`, and gives the JSON that came.
pub(crate) async fn get_as(
    session: &Session,
    path: &str,
    accept: &str,
    deadline: Duration,
) -> Result<Value, Trouble> {
    tokio::time::timeout(deadline, get_whole(session, path, accept))
        .await
        .unwrap_or(Err(Trouble::Silent { within: deadline }))
}

/// Asks for events without an end.
pub(crate) async fn get_lines(
    session: &Session,
    mut request: http::Request<Vec<u8>>,
    deadline: Duration,
) -> Result<Lines, Trouble> {
    // API servers from 1.37 on compress each event by itself, of which kube reads the first one only.
    let plain = http::HeaderValue::from_static("identity");
    request.headers_mut().insert(http::header::ACCEPT_ENCODING, plain);
    let asked = async {
        let response = session.client.send(request.map(Body::from)).await;
        let response = response.map_err(|error| session.trouble(&error))?;
        if response.status().is_success() {
            return Ok(Lines::new(response.into_body()));
        }
        let code = response.status().as_u16();
        let bytes = read_whole(response.into_body()).await?;
        Err(Trouble::Refused { code, message: message(&session.hide(&bytes)) })
    };
    tokio::time::timeout(deadline, asked).await.unwrap_or(Err(Trouble::Silent { within: deadline }))
}

async fn read_whole(body: Body) -> Result<Vec<u8>, Trouble> {
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    let bytes = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => Trouble::TooLarge { bytes: MAX_ANSWER },
        None => Trouble::Cut(words(&chain(&*error))),
    })?;
    Ok(bytes.to_bytes().into())
}

async fn get_whole(session: &Session, path: &str, accept: &str) -> Result<Value, Trouble> {
    let request = http::Request::get(path)
        .header("accept", accept)
        .body(Body::empty())
        .map_err(|error| Trouble::Foreign(error.to_string()))?;
    let response = session.client.send(request).await.map_err(|error| session.trouble(&error))?;
    let status = response.status();
    let bytes = read_whole(response.into_body()).await?;
    let bytes = session.hide(&bytes);
    if !status.is_success() {
        return Err(Trouble::Refused { code: status.as_u16(), message: message(&bytes) });
    }
    serde_json::from_slice(&bytes).map_err(|error| match error.is_eof() && !bytes.is_empty() {
        true => Trouble::Cut("the JSON ends in its middle".into()),
        false => {
            Trouble::Foreign(format!("HTTP {} and no JSON ({error}): {}", status.as_u16(), start(&bytes)))
        }
    })
}

impl Session {
    /// What kube met, as data.
    pub(crate) fn trouble(&self, error: &kube::Error) -> Trouble {
        let words = |text: &str| words(&String::from_utf8_lossy(&self.hide(text.as_bytes())));
        match error {
            kube::Error::Api(status) => {
                Trouble::Refused { code: status.code, message: words(&status.message) }
            }
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
                Trouble::Foreign(words(&error.to_string()))
            }
            other => Trouble::Unreachable(words(&chain(other))),
        }
    }
}

/// An error with its causes: "client error (Connect)" alone helps nobody.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn message(bytes: &[u8]) -> String {
    match serde_json::from_slice::<StatusObject>(bytes) {
        Ok(status) => words(&status.message),
        Err(_) => start(bytes),
    }
}

fn start(bytes: &[u8]) -> String {
    words(&String::from_utf8_lossy(bytes.get(..MAX_WORDS).unwrap_or(bytes)))
}

/// Somebody else's words, on one line and not too long.
pub(crate) fn words(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut short: String = plain.trim().chars().take(MAX_WORDS).collect();
    if short.len() < plain.trim().len() {
        short.push('…');
    }
    short
}
