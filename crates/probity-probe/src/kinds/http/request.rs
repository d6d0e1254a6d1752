//! What is sent, where, and over what.

use std::net::IpAddr;
use std::time::Instant;

use base64::Engine;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue};
use hyper::http::uri::InvalidUri;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::percent_decode_str;
use probity_plan::kinds::http::Http;
use probity_plan::{Barrier, Blocked, Text};
use tokio::task::JoinSet;
use url::Url;

use super::Phases;
use super::client::Client;
use super::head::{Answer, MAX_HEAD, MAX_HEADERS, is_whole, see_whole};
use crate::connect::on_link::OnLink;
use crate::connect::{self, Conversation, Fault, Stream, tls};
use crate::look::{Context, Seen};
use crate::plaintext::{Plaintext, Syntax};

/// Where a request goes.
pub(in crate::kinds) struct Destination {
    /// Without fragment.
    pub url: Url,
    /// Path and query as they are written: dot segments too, which `url` resolves.
    target: String,
    /// User and password of the URL that the plan gave, for that origin.
    basic: Option<(url::Origin, String)>,
    /// The plan's address, where it is of a link.
    link: Option<OnLink>,
}

impl Destination {
    /// From the plan's text, which errors show, and the same with its secrets in their places.
    pub fn parse(shown: &Text, filled: &Plaintext) -> Result<Self, Blocked> {
        let wrong = |why: String| Blocked::new(Barrier::Unsupported, why);
        let (text, link) = OnLink::take_from(filled.reveal())?;
        let text = text.as_ref();
        let url =
            Url::parse(text).map_err(|e| wrong(format!("URL `{shown}`: {e}; write http://host/path")))?;
        if !is_http(&url) {
            return Err(wrong(format!("URL `{shown}`: write http or https")));
        }
        // What `url` would write otherwise (letters beyond ASCII) is no target as it stands.
        let written =
            text.parse::<Uri>().ok().and_then(|uri| Some(uri.path_and_query()?.as_str().to_owned()));
        let usable = |target: &String| target.is_ascii() && target.starts_with('/');
        let target = written.filter(usable).unwrap_or_else(|| target_of(&url));
        let basic = credentials(&url).map(|basic| (url.origin(), basic));
        Ok(Self { target, basic, link, url })
    }

    /// Where a redirect leads.
    pub fn redirected(self, to: Url) -> Self {
        Self { target: target_of(&to), url: to, ..self }
    }

    fn authorization(&self) -> Option<&str> {
        self.basic
            .as_ref()
            .filter(|(origin, _)| *origin == self.url.origin())
            .map(|(_, basic)| basic.as_str())
    }
}

pub(super) fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn target_of(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

/// As it may be recorded.
pub(super) fn without_user(url: &Url) -> Url {
    let mut url = url.clone();
    _ = url.set_username("");
    _ = url.set_password(None);
    url
}

/// The user and password of a URL as HTTP sends them (RFC 7617).
fn credentials(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

/// One request.
pub(in crate::kinds) struct Inquiry<'a> {
    pub http: &'a Http,
    pub context: &'a Context<'a>,
    pub destination: &'a Destination,
    pub method: &'a str,
    pub with_body: bool,
    /// Cookies that were kept, as a header; empty if there are none.
    pub cookies: Vec<u8>,
    /// The address of ours to come from.
    pub own: Option<IpAddr>,
}

impl Inquiry<'_> {
    /// Connects, sends it and waits for the head of the answer. The connection lives as long as the set.
    pub(super) async fn send(
        &self,
        conversation: &Conversation,
        phases: &mut Phases,
        seen: &mut Seen,
    ) -> Result<(Answer, JoinSet<()>), Fault> {
        let request = self.request()?;
        let stream = self.connect(conversation, phases, seen).await?;
        let began = Instant::now();
        let mut driving = JoinSet::new();
        let (sent, head) = match self.http.http2 {
            true => (send_in_http2(request, stream, &mut driving).await, Vec::new()),
            false => {
                let client = Client::over(stream, &mut driving).await;
                client.map_err(|e| fault_of(&e))?.send(request).await
            }
        };
        let response = sent.map_err(|e| {
            let fault = fault_of_head(&e, &head);
            match &fault {
                Fault::Target(_) => _ = seen.know("head_received", false),
                Fault::Observer(why) if why.barrier == Barrier::Protocol => see_whole(&head, seen),
                Fault::Observer(_) => {}
            }
            fault
        })?;
        phases.first_byte += began.elapsed();
        Ok((Answer { response, head }, driving))
    }

    /// Connects, in TLS where the URL says so.
    pub async fn connect(
        &self,
        conversation: &Conversation,
        phases: &mut Phases,
        seen: &mut Seen,
    ) -> Result<Stream, Fault> {
        let url = &self.destination.url;
        let host = url.host_str().ok_or_else(|| unsupported("URL", &"no host"))?;
        let port = url.port_or_known_default().ok_or_else(|| unsupported("URL", &"no port"))?;
        let secure = url.scheme() == "https";
        let files = tls::Files {
            ca: self.http.ca.as_deref(),
            certificate: self.http.client_certificate.as_deref(),
            key: self.http.client_key.as_deref(),
        };
        let alpn: &[&str] = if self.http.http2 { &["h2"] } else { &[] };
        let client = if secure { Some(tls::Client::load(host, &files, alpn).await?) } else { None };
        let stream: Stream = match &self.http.unix_socket {
            Some(path) => {
                let began = Instant::now();
                conversation.call();
                let stream = connect::unix(path).await?;
                phases.connect += began.elapsed();
                Box::new(conversation.listen(stream))
            }
            None => {
                let began = Instant::now();
                let mut addresses = connect::resolve(host, port).await?;
                if let Some(link) = self.destination.link {
                    link.set_in(&mut addresses);
                }
                phases.resolve += began.elapsed();
                let began = Instant::now();
                conversation.call();
                let stream = connect::tcp_from(self.own, &addresses).await?;
                phases.connect += began.elapsed();
                Box::new(conversation.listen(stream))
            }
        };
        let Some(client) = client else { return Ok(stream) };
        let began = Instant::now();
        let stream = client.shake_hands(stream, seen).await?;
        phases.tls += began.elapsed();
        if self.http.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            seen.know("head_received", false);
            return Err(Fault::nonsense("the server does not agree to speak HTTP/2"));
        }
        Ok(Box::new(stream))
    }

    /// What is sent.
    pub fn request(&self) -> Result<Request<Full<Bytes>>, Blocked> {
        let url = &self.destination.url;
        let host = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let body = match &self.http.body {
            Some(text) if self.with_body => {
                Bytes::copy_from_slice(self.context.expand(text, Syntax::Plain)?.reveal().as_bytes())
            }
            _ => Bytes::new(),
        };
        let empty = body.is_empty();
        let target = &self.destination.target;
        let mut request = Request::builder()
            .method(Method::from_bytes(self.method.as_bytes()).map_err(|e| unsupported("method", &e))?)
            .uri(match self.http.http2 {
                true => self.in_full(&authority)?,
                false => target.parse().map_err(|e: InvalidUri| unsupported("request", &e))?,
            })
            .header("user-agent", concat!("probity/", env!("CARGO_PKG_VERSION")))
            .header("accept", "*/*")
            .body(Full::new(body))
            .map_err(|e| unsupported("request", &e))?;
        if !self.http.http2 {
            let host = HeaderValue::from_str(&authority).map_err(|e| unsupported("host", &e))?;
            request.headers_mut().insert(HOST, host);
        }
        // RFC 9110, 8.6: where a method expects content, that there is none is said.
        if empty && matches!(self.method, "POST" | "PUT" | "PATCH") {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if let Some(basic) = self.destination.authorization() {
            let mut value = HeaderValue::from_str(basic).map_err(|e| unsupported("user in the URL", &e))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        for (name, value) in &self.http.headers {
            let value = self.context.expand(value, Syntax::Plain)?;
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| unsupported("header", &e))?;
            let mut value =
                HeaderValue::from_bytes(value.reveal().as_bytes()).map_err(|e| unsupported("header", &e))?;
            value.set_sensitive(true);
            if self.http.http2 && name == HOST {
                // RFC 9113, 8.3.1: there it is `:authority`, and nothing beside it may say otherwise.
                *request.uri_mut() = self.in_full(value.to_str().map_err(|e| unsupported("header", &e))?)?;
                continue;
            }
            request.headers_mut().insert(name, value);
        }
        if !self.cookies.is_empty() {
            // Those that the plan itself gives come first.
            let own = request.headers().get(COOKIE).map(HeaderValue::as_bytes);
            let all: Vec<&[u8]> = own.into_iter().chain([self.cookies.as_slice()]).collect();
            let mut value =
                HeaderValue::from_bytes(&all.join(&b"; "[..])).map_err(|e| unsupported("cookies", &e))?;
            value.set_sensitive(true);
            request.headers_mut().insert(COOKIE, value);
        }
        Ok(request)
    }

    /// The request's target with its host, as HTTP/2 sends it.
    fn in_full(&self, authority: &str) -> Result<Uri, Blocked> {
        let Destination { url, target, .. } = &self.destination;
        format!("{}://{authority}{target}", url.scheme())
            .parse()
            .map_err(|e: InvalidUri| unsupported("request", &e))
    }
}

fn unsupported(what: &str, error: &dyn std::fmt::Display) -> Blocked {
    Blocked::new(Barrier::Unsupported, format!("{what}: {error}"))
}

async fn send_in_http2(
    request: Request<Full<Bytes>>,
    stream: Stream,
    driving: &mut JoinSet<()>,
) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .handshake(TokioIo::new(stream))
        .await?;
    driving.spawn(async move { _ = connection.await });
    sender.send_request(request).await
}

/// Whether a head is longer than this client reads.
fn is_beyond_limits(head: &[u8]) -> bool {
    head.len() >= MAX_HEAD || head.iter().filter(|byte| **byte == b'\n').count() > MAX_HEADERS
}

fn too_large() -> Fault {
    let detail = format!("a head of more than {MAX_HEADERS} lines or {MAX_HEAD} bytes is not read");
    Fault::Observer(Blocked::new(Barrier::TooLarge, detail))
}

/// At whose door it lies that hyper got no head, of which this much arrived.
pub(in crate::kinds) fn fault_of_head(error: &hyper::Error, head: &[u8]) -> Fault {
    match fault_of(error) {
        _ if error.is_parse() && is_beyond_limits(head) => too_large(),
        // Nothing tells where the body ends, but the head is there.
        Fault::Target(why) if error.is_parse() && is_whole(head) => Fault::Observer(why),
        fault => fault,
    }
}

/// At whose door it lies that hyper got no whole head or body.
pub(in crate::kinds) fn fault_of(error: &hyper::Error) -> Fault {
    let cause = std::error::Error::source(error);
    let detail = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    if error.is_user() {
        return Fault::Observer(Blocked::new(Barrier::Unsupported, detail));
    }
    let http2 = cause.and_then(|cause| cause.downcast_ref::<h2::Error>());
    if http2.is_some_and(|error| error.is_library() && error.is_reset()) {
        // Our own end gave up this answer: its head is malformed, or longer than is read.
        return Fault::Observer(Blocked::new(Barrier::Protocol, detail));
    }
    let io = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let io = io.or_else(|| http2?.get_io());
    match io {
        Some(io) if is_limit(io) => Fault::Observer(Blocked::new(Barrier::TooLarge, detail)),
        // What has no number is not the system's: hyper or rustls did not like what came.
        Some(io) if io.raw_os_error().is_some() => Fault::of_io("talk to the server", io),
        _ => Fault::nonsense(detail),
    }
}

/// Whether a limit of this client ended it: ours, or one of hyper's that cannot be set and has no name but its words.
fn is_limit(error: &std::io::Error) -> bool {
    let hypers =
        ["chunk extensions over limit", "chunk trailers bytes over limit", "chunk trailers count overflow"];
    error.kind() == std::io::ErrorKind::FileTooLarge || hypers.contains(&error.to_string().as_str())
}
