//! HTTP/1.1 to one of MediaMTX's servers: a connection for each request, which ends with it. Knows neither its API nor HLS.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use url::Url;

use super::MediaMtxOptions;
use crate::EngineError;

/// One of MediaMTX's servers.
pub(super) struct Server {
    pub(super) address: Url,
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
}

impl Server {
    /// `what` names it in messages, as "API".
    pub(super) fn new(what: &str, address: &str, options: &MediaMtxOptions) -> Result<Self, EngineError> {
        let invalid = |why: &str| EngineError::Invalid(format!("the address of MediaMTX's {what} {why}"));
        let address = Url::parse(address).map_err(|error| invalid(&format!("cannot be read: {error}")))?;
        if address.scheme() != "http" {
            return Err(invalid("is an http address; put a proxy before it where it is not on this machine"));
        }
        let host = address.host_str().ok_or_else(|| invalid("names no host"))?;
        // Brackets are for addresses in URLs.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = address.port_or_known_default().ok_or_else(|| invalid("names no port"))?;
        let authorization = match &options.user {
            Some(user) => {
                let password = options.password.as_deref().unwrap_or_default();
                let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                let value = HeaderValue::from_str(&format!("Basic {pair}"));
                let mut value = value.map_err(|error| invalid(&format!("has no such user: {error}")))?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Ok(Self { address, host, port, authorization })
    }

    /// Makes a request and waits for the head of its answer; or says why there is none. A server that says nothing for
    /// longer than `silence`, then or within the answer, is given up.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        silence: Duration,
    ) -> Result<Response<Answer>, String> {
        let asking = self.asked(method, path, body, silence);
        let asked = tokio::time::timeout(silence, asking).await;
        asked.unwrap_or_else(|_| Err(format!("it has not answered within {} s", silence.as_secs_f32())))
    }

    async fn asked(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        silence: Duration,
    ) -> Result<Response<Answer>, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|e| e.to_string())?;
        let mut stream = TimeoutStream::new(stream);
        // Later than `ask` gives up, which says it more clearly.
        stream.set_read_timeout(Some(silence.saturating_add(Duration::from_secs(1))));
        let stream = TokioIo::new(Box::pin(stream));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(|e| e.to_string())?;
        let mut connections = JoinSet::new();
        connections.spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address.path().trim_end_matches('/')))
            .header(HOST, format!("{}:{}", self.address.host_str().unwrap_or_default(), self.port));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body))).map_err(|e| e.to_string())?;
        let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
        Ok(response.map(|incoming| Answer { incoming, _connection: connections }))
    }
}

/// The body of an answer, as it comes. Dropped before its end, it ends the connection: nothing more is sent for nobody.
pub struct Answer {
    incoming: Incoming,
    _connection: JoinSet<hyper::Result<()>>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.incoming).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
