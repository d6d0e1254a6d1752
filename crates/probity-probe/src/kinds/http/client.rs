//! A client of HTTP/1.1 over one connection, which keeps the bytes of each answer's head: what hyper leaves out of it, or does
//! not read, is looked for in them. Must not know what is asked.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::head::{MAX_HEAD, MAX_HEADERS, final_head};
use crate::connect::{Duplex, TappedStream};

/// What arrives of an answer until its head is there: kept while one is waited for.
#[derive(Clone, Default)]
struct Arriving(Arc<Mutex<Option<Vec<u8>>>>);

impl Arriving {
    fn replace(&self, with: Option<Vec<u8>>) -> Option<Vec<u8>> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), with)
    }

    /// Keeps what arrives, but no more than a head may have: interim answers (RFC 9110, 15.2) may come without end.
    fn keep(&self, arrived: &[u8]) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = kept.as_mut().filter(|_| !arrived.is_empty()) else { return Ok(()) };
        if kept.len() <= MAX_HEAD {
            kept.extend_from_slice(arrived);
        }
        if kept.len() > MAX_HEAD && final_head(kept).is_none() {
            let why =
                format!("a head of more than {MAX_HEAD} bytes, interim answers among them, is not read");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(())
    }
}

/// A client over one connection.
pub(in crate::kinds) struct Client {
    sender: SendRequest<Full<Bytes>>,
    arriving: Arriving,
}

impl Client {
    /// Over this stream, which is driven in the set.
    pub async fn over(stream: impl Duplex + 'static, driving: &mut JoinSet<()>) -> hyper::Result<Self> {
        let arriving = Arriving::default();
        let keeping = arriving.clone();
        let (sender, connection) = Builder::new()
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            // Of the trailers too.
            .max_header_size(MAX_HEAD)
            // What is odd and common does not make an answer none (RFC 9112, 5.1 and 5.2).
            .ignore_invalid_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(TokioIo::new(TappedStream::checked(stream, move |arrived| keeping.keep(arrived))))
            .await?;
        driving.spawn(async move { _ = connection.await });
        Ok(Self { sender, arriving })
    }

    /// Sends a request and waits for the head of its answer; with what arrived until then, at least.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> (hyper::Result<Response<Incoming>>, Vec<u8>) {
        self.arriving.replace(Some(Vec::new()));
        let sent = self.sender.send_request(request).await;
        (sent, self.arriving.replace(None).unwrap_or_default())
    }

    /// Whether it takes another request; waits until that is known.
    pub async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Whether the server has ended the connection meanwhile.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}
