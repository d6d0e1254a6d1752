//! The body of an answer: whether it is whole, and what it says.

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::{Response, StatusCode, Version};
use probity_plan::{Barrier, Blocked};

use super::content;
use super::request::fault_of;
use crate::connect::Fault;
use crate::look::{Context, Seen, Underway};
use crate::mask::Masks;

/// The longest body that is read.
const MAX_BODY: usize = 16 << 20;

/// So many bytes are masked between two looks at the time.
const MAX_PART: usize = 1 << 20;

/// What tells the end of a body (RFC 9112, 6.3).
#[derive(Clone, Copy, PartialEq)]
enum Framing {
    /// There is none: HEAD, 101, 204, 304.
    None,
    /// Its length was announced.
    Length,
    /// Its last chunk is marked.
    Chunked,
    /// HTTP/2 marks its last frame.
    Frames,
    /// The end of the connection, so that nothing tells a whole body from one cut short.
    Close,
}

impl Framing {
    fn of(response: &Response<Incoming>, method: &str) -> Self {
        let bodyless = matches!(
            response.status(),
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        if method == "HEAD" || bodyless {
            Self::None
        } else if response.version() == Version::HTTP_2 {
            Self::Frames
        } else if response.body().size_hint().exact().is_some() {
            Self::Length
        } else if response.headers().get_all(TRANSFER_ENCODING).iter().next_back().is_some_and(is_chunked) {
            Self::Chunked
        } else {
            Self::Close
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Length => "length",
            Self::Chunked => "chunked",
            Self::Frames => "frames",
            Self::Close => "close",
        }
    }
}

/// Whether the last of these transfer codings is `chunked`.
fn is_chunked(codings: &HeaderValue) -> bool {
    let last = codings.as_bytes().rsplit(|byte| *byte == b',').next().unwrap_or_default();
    last.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

/// Reads the body to its end. Records how much came, also where that is not all.
pub(super) async fn receive(
    response: &mut Response<Incoming>,
    method: &str,
    seen: &mut Seen,
) -> Result<Vec<u8>, Fault> {
    let framing = Framing::of(response, method);
    seen.know("framing", framing.name()).know("received_bytes", 0_i64);
    let mut body = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        if framing == Framing::Chunked && frame.as_ref().is_err_and(is_of_a_trailer) {
            break;
        }
        let frame = frame.map_err(|error| {
            let fault = broken_off(&error, framing);
            if let Fault::Target(_) = fault {
                seen.know("body_received", false);
            }
            fault
        })?;
        if let Some(data) = frame.data_ref() {
            body.extend_from_slice(data);
            seen.know("received_bytes", count(body.len()));
            if body.len() > MAX_BODY {
                let why = format!("the body has more than {MAX_BODY} bytes");
                return Err(Blocked::new(Barrier::TooLarge, why).into());
            }
        }
    }
    Ok(body)
}

/// Whether a line of a trailer is none, which comes to its end behind the last chunk (RFC 9112, 7.1.2). Hyper says so in
/// words alone.
pub(in crate::kinds) fn is_of_a_trailer(error: &hyper::Error) -> bool {
    let io = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| {
        let words = io.to_string().to_ascii_lowercase();
        io.kind() == std::io::ErrorKind::InvalidInput
            && ["invalid header", "invalid new line"].iter().any(|begin| words.starts_with(begin))
    })
}

/// At whose door it lies that a body has no end.
fn broken_off(error: &hyper::Error, framing: Framing) -> Fault {
    let io = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    match (framing, io) {
        // Many servers leave TLS without a farewell; then nothing tells whether this was all (RFC 9112, 9.8).
        (Framing::Close, Some(io)) if io.kind() == std::io::ErrorKind::UnexpectedEof => Fault::Observer(
            Blocked::new(Barrier::Protocol, format!("nothing tells whether the body is whole: {io}")),
        ),
        _ => fault_of(error),
    }
}

fn count(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What a whole body says. A long one is read on a thread of its own.
pub(super) async fn see(body: Vec<u8>, headers: HeaderMap, context: &Context<'_>, seen: &mut Seen) {
    seen.know("size_bytes", count(body.len()));
    let wanted = ["sha256", "body", "json"].map(|fact| context.wants(fact));
    if !wanted.contains(&true) {
        return;
    }
    let masks = context.secrets.masks();
    let read = move |underway: &Underway| read(&body, &headers, wanted, &masks, underway);
    let mut of_body = context.blocking(read).await;
    seen.facts.append(&mut of_body.facts);
    // What ran into the time-out is that of these facts alone.
    for (fact, wanted) in ["sha256", "body", "json"].into_iter().zip(wanted) {
        let blocked = of_body.barrier(fact);
        if let Some(blocked) = blocked.filter(|_| wanted && !seen.facts.contains_key(fact)) {
            seen.block(fact, blocked.clone());
        }
    }
}

fn read(
    body: &[u8],
    headers: &HeaderMap,
    [sha256, as_text, json]: [bool; 3],
    masks: &Masks,
    underway: &Underway,
) -> Seen {
    let mut seen = Seen::default();
    if as_text || json {
        let text =
            content::decoded(body, headers, MAX_BODY).and_then(|content| content::text(&content, headers));
        if json {
            let json = text.as_deref().map_err(Clone::clone).and_then(crate::json::parse);
            seen.settle("json", json);
        }
        if as_text {
            seen.settle("body", text);
        }
        underway.keep(&seen);
    }
    if sha256 {
        let mut digest = masks.digest();
        let whole = body.chunks(MAX_PART).try_for_each(|part| {
            digest.update(part);
            underway.go_on()
        });
        seen.settle("sha256", whole.map(|()| digest.finish()));
    }
    seen
}
