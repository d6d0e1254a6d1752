//! `http`: one request over a connection of its own, so that each phase is timed and nothing is reused.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use probity_plan::kinds::http::Http;
use probity_plan::{Barrier, Blocked, Text, Value};
use tokio::task::JoinSet;
use url::Url;

use crate::connect::{self, Stream};
use crate::look::{Context, Look, Seen, elapsed_ms, unanswered};
use crate::plaintext::{Place, Plaintext};

/// The longest body that is read.
const LONGEST: usize = 16 << 20;

impl Look for Http {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let mut seen = Seen::default();
        let done = tokio::time::timeout_at(context.deadline(), see(self, context, &mut seen)).await;
        let result = done.unwrap_or_else(|_| Err(context.timed_out()));
        match result {
            Ok(()) => _ = seen.know("elapsed_ms", elapsed_ms(context.began.elapsed())),
            Err(blocked) => unanswered(&mut seen, blocked, context),
        }
        seen
    }
}

/// Time of each phase over all redirects.
#[derive(Default)]
struct Phases {
    resolve: Duration,
    connect: Duration,
    tls: Duration,
    first_byte: Duration,
}

async fn see(http: &Http, context: &Context<'_>, seen: &mut Seen) -> Result<(), Blocked> {
    let mut url = parse(&http.http, &context.expand(&http.http, Place::Url)?)?;
    let mut phases = Phases::default();
    let mut followed = Vec::new();
    let mut method = http.method.clone().unwrap_or_else(|| "GET".to_owned());
    let mut with_body = true;
    loop {
        // The connection is driven beside it, and ends with it: at the time-out too.
        let (response, _connection) = request(http, context, &url, &method, with_body, &mut phases).await?;
        let status = response.status();
        let location = response.headers().get("location").and_then(|to| to.to_str().ok()).and_then(|to| url.join(to).ok());
        let allowed = usize::from(http.redirects.unwrap_or(0));
        if let Some(to) = location
            && status.is_redirection()
            && followed.len() < allowed
            // The target decides where to, but not who else gets to see a secret.
            && (to.origin() == url.origin() || !holds_secret(http))
        {
            // RFC 9110, 15.4: 303, and by custom 301 and 302 after a POST, continue as GET without the body.
            if status == 303 || (matches!(status.as_u16(), 301 | 302) && method == "POST") {
                method = "GET".to_owned();
                with_body = false;
            }
            followed.push(to.to_string());
            url = to;
            continue;
        }
        seen.know("answered", true)
            .know("status", i64::from(status.as_u16()))
            .know("version", format!("{:?}", response.version()))
            .know("headers", headers(&response))
            .know("redirects", followed)
            .know("resolve_ms", elapsed_ms(phases.resolve))
            .know("connect_ms", elapsed_ms(phases.connect))
            .know("tls_ms", elapsed_ms(phases.tls))
            .know("first_byte_ms", elapsed_ms(phases.first_byte));
        return see_body(response, context, seen).await;
    }
}

/// Whether what is sent holds a secret beside the URL, which a redirect replaces.
fn holds_secret(http: &Http) -> bool {
    http.headers.values().chain(&http.body).any(Text::has_secret)
}

async fn request(
    http: &Http,
    context: &Context<'_>,
    url: &Url,
    method: &str,
    with_body: bool,
    phases: &mut Phases,
) -> Result<(Response<hyper::body::Incoming>, JoinSet<()>), Blocked> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| Blocked::new(Barrier::Unsupported, format!("{what}: {error}"));
    let host = url.host_str().ok_or_else(|| wrong("URL", &"no host"))?;
    let port = url.port_or_known_default().ok_or_else(|| wrong("URL", &"no port"))?;
    let began = Instant::now();
    let addresses = connect::resolve(host, port).await?;
    phases.resolve += began.elapsed();
    let began = Instant::now();
    let tcp = connect::tcp(&addresses).await?;
    phases.connect += began.elapsed();
    let began = Instant::now();
    let stream = match url.scheme() {
        "https" => Stream::tls(tcp, host, http.ca.as_deref()).await?,
        _ => Stream::Plain(tcp),
    };
    phases.tls += began.elapsed();

    let body = match &http.body {
        Some(text) if with_body => Bytes::copy_from_slice(context.expand(text, Place::Whole)?.reveal().as_bytes()),
        _ => Bytes::new(),
    };
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).map_err(|e| wrong("method", &e))?)
        .uri(path)
        .header("host", authority)
        .header("user-agent", concat!("probity/", env!("CARGO_PKG_VERSION")))
        .header("accept", "*/*")
        .body(Full::new(body))
        .map_err(|e| wrong("request", &e))?;
    for (name, value) in &http.headers {
        let value = context.expand(value, Place::Whole)?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| wrong("header", &e))?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|e| wrong("header", &e))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    let began = Instant::now();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
    let mut driving = JoinSet::new();
    driving.spawn(async move { _ = connection.await });
    let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
    phases.first_byte += began.elapsed();
    Ok((response, driving))
}

async fn see_body(
    mut response: Response<hyper::body::Incoming>,
    context: &Context<'_>,
    seen: &mut Seen,
) -> Result<(), Blocked> {
    let mut body = Vec::new();
    let mut total = 0_usize;
    while let Some(frame) = response.body_mut().frame().await {
        let frame = frame.map_err(|e| broken(&e))?;
        if let Some(data) = frame.data_ref() {
            total += data.len();
            if total > LONGEST {
                return Err(Blocked::new(Barrier::TooLarge, format!("the body has more than {LONGEST} bytes")));
            }
            body.extend_from_slice(data);
        }
    }
    seen.know("size_bytes", i64::try_from(total).unwrap_or(i64::MAX));
    if context.wants("sha256") {
        seen.know("sha256", context.secrets.sha256(&body));
    }
    if context.wants("body") || context.wants("json") {
        let text = String::from_utf8(body).map_err(|_| Blocked::new(Barrier::Protocol, "the body is not UTF-8"));
        if context.wants("json") {
            let json = text.as_deref().map_err(Clone::clone).and_then(super::command::parse_json);
            seen.settle("json", json);
        }
        if context.wants("body") {
            seen.settle("body", text);
        }
    }
    Ok(())
}

fn parse(text: &Text, filled: &Plaintext) -> Result<Url, Blocked> {
    let url = Url::parse(filled.reveal())
        .map_err(|e| Blocked::new(Barrier::Unsupported, format!("URL `{text}`: {e}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(Blocked::new(Barrier::Unsupported, format!("URL scheme `{other}`; write http or https"))),
    }
}

/// Headers by lower-case name; what authenticates is never recorded.
fn headers(response: &Response<hyper::body::Incoming>) -> Value {
    let mut map: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in response.headers() {
        let text = match name.as_str() {
            "set-cookie" | "cookie" | "authorization" | "proxy-authorization" => "[masked]".to_owned(),
            _ => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        match map.get_mut(name.as_str()) {
            Some(Value::Text(before)) => {
                before.push_str(", ");
                before.push_str(&text);
            }
            _ => _ = map.insert(name.as_str().to_owned(), Value::Text(text)),
        }
    }
    Value::Map(map)
}

fn broken(error: &hyper::Error) -> Blocked {
    let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    Blocked::new(Barrier::Protocol, format!("{error}{cause}"))
}
