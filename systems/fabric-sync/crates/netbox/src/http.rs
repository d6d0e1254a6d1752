//! One request and its answer: rate, deadline, attempts, size, JSON. Knows no kinds of objects.

use crate::permit::{MayWrite, Permit, run_out};
use crate::throttle::{MAX_WAIT, Rest, read_wait};
use crate::token::read_authorization;
use crate::{ConfigError, NetBoxError, Options};
use backon::{BackoffBuilder, ExponentialBuilder};
use fabric_model::Secret;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_rustls::rustls;
use url::Url;

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// How much of NetBox's text an error holds, in characters.
const MAX_TEXT: usize = 400;

/// A NetBox. Clones share connections, rate, counts and the time for which it asked to be left alone.
#[derive(Clone)]
pub struct NetBox {
    client: reqwest::Client,
    api: Url,
    pub(crate) options: Arc<Options>,
    limiter: Arc<DefaultDirectRateLimiter>,
    counts: Arc<[AtomicU64; 2]>,
    rest: Arc<Rest>,
}

/// How many requests were made since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests that change nothing.
    pub reads: u64,
    /// Requests that may change something, whatever came of them.
    pub writes: u64,
}

/// What is asked.
struct Request<'a> {
    method: Method,
    path: &'a str,
    query: &'a [(&'a str, String)],
    body: Option<&'a Value>,
    if_match: Option<&'a HeaderValue>,
    /// Asked before anything that may change something is sent.
    may_write: &'a MayWrite<'a>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub body: Value,
    pub etag: Option<HeaderValue>,
}

impl NetBox {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The address is no HTTP address, or the authorities cannot be used.
    pub fn new(options: Options) -> Result<Self, ConfigError> {
        let mut api = options.url.clone();
        if !matches!(api.scheme(), "http" | "https") || !api.has_host() {
            return Err(ConfigError::Address(options.url));
        }
        api.set_path(&format!("{}/api/", api.path().trim_end_matches('/')));
        api.set_query(None);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(&options)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .timeout(options.deadline)
            .connect_timeout(options.deadline)
            .user_agent(concat!("fabric-sync/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ConfigError::Client(describe(&error)))?;
        let rate = NonZeroU32::new(options.requests_per_second).unwrap_or(NonZeroU32::MIN);
        let limiter = Arc::new(RateLimiter::direct(Quota::per_second(rate)));
        Ok(Self {
            client,
            api,
            options: Arc::new(options),
            limiter,
            counts: Arc::default(),
            rest: Arc::default(),
        })
    }

    /// The requests made so far.
    pub fn request_counts(&self) -> RequestCounts {
        let [reads, writes] = &*self.counts;
        RequestCounts { reads: reads.load(Ordering::Relaxed), writes: writes.load(Ordering::Relaxed) }
    }

    /// Until when NetBox asked to be left alone, if that is not over: whatever is asked before fails without being sent.
    pub fn resting_until(&self) -> Option<Instant> {
        self.rest.end()
    }

    /// Reads `path`, relative to `/api/`.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, NetBoxError> {
        let may_write: &MayWrite<'_> = &|| Permit::Denied;
        self.request(&Request { method: Method::GET, path, query, body: None, if_match: None, may_write })
            .await
    }

    /// Reads one object before it is written: a token that is not accepted any more is nothing that lies with the object.
    pub(crate) async fn get_one(&self, path: &str) -> Result<Answer, NetBoxError> {
        match self.get(path, &[]).await {
            Err(error) => Err(self.ask_for_token(error).await),
            done => done,
        }
    }

    /// NetBox answers 403 both to a token that is not accepted and to one that does not suffice: which of them it was.
    async fn ask_for_token(&self, error: NetBoxError) -> NetBoxError {
        match error {
            NetBoxError::Forbidden(_) => match self.read_status().await {
                Err(NetBoxError::Unauthenticated) => NetBoxError::Unauthenticated,
                _ => error,
            },
            error => error,
        }
    }

    /// Writes. Tried again only where it certainly was not carried out, and sent only on a permit that is asked for each time.
    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        if_match: Option<&HeaderValue>,
        may_write: &MayWrite<'_>,
    ) -> Result<Answer, NetBoxError> {
        let request = Request { method, path, query: &[], body: Some(body), if_match, may_write };
        match self.request(&request).await {
            Err(error) => Err(self.ask_for_token(error).await),
            done => done,
        }
    }

    /// NetBox's own word on itself, which every user that it knows may see.
    pub(crate) async fn read_status(&self) -> Result<Value, NetBoxError> {
        match self.get("status/", &[]).await {
            Err(NetBoxError::Forbidden(_)) => Err(NetBoxError::Unauthenticated),
            status => Ok(status?.body),
        }
    }

    async fn request(&self, request: &Request<'_>) -> Result<Answer, NetBoxError> {
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(MAX_WAIT)
            .with_max_times(self.options.attempts.saturating_sub(1))
            .with_jitter()
            .build();
        loop {
            let (error, asked) = match self.attempt(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let is_worth_it = match &error {
                NetBoxError::Throttled => true,
                NetBoxError::Unreachable(_)
                | NetBoxError::TimedOut(_)
                | NetBoxError::Cut(_)
                | NetBoxError::Server { .. } => request.method == Method::GET,
                _ => false,
            };
            // A silent server is not asked again and again within one call: that is the next run's.
            let is_worth_it = is_worth_it && !matches!(error, NetBoxError::TimedOut(_));
            if let Some(asked) = asked.filter(|asked| *asked > MAX_WAIT) {
                self.rest.begin(asked, Timestamp::now());
                return Err(error);
            }
            let Some(wait) = waits.next().filter(|_| is_worth_it) else { return Err(error) };
            tokio::time::sleep(asked.unwrap_or(wait)).await;
        }
    }

    async fn attempt(&self, asked: &Request<'_>) -> Result<Answer, (NetBoxError, Option<Duration>)> {
        let plain = |error| (error, None);
        self.rest.check().map_err(plain)?;
        self.limiter.until_ready().await;
        let (authorization, secret) = read_authorization(&self.options.token_file).map_err(plain)?;
        let url =
            self.api.join(asked.path).map_err(|error| plain(NetBoxError::WrongShape(error.to_string())))?;
        let mut request = self.client.request(asked.method.clone(), url).query(asked.query);
        request = request.header(AUTHORIZATION, authorization).header(ACCEPT, "application/json");
        if let Some(body) = asked.body {
            request = request.json(body);
        }
        if let Some(etag) = asked.if_match {
            request = request.header(IF_MATCH, etag);
        }
        let [reads, writes] = &*self.counts;
        if asked.method == Method::GET {
            reads.fetch_add(1, Ordering::Relaxed);
            return self.exchange(request, &secret).await;
        }
        let permit = (asked.may_write)();
        if permit == Permit::Denied {
            return Err(plain(NetBoxError::MayNotWrite));
        }
        writes.fetch_add(1, Ordering::Relaxed);
        let begun = Instant::now();
        tokio::select! {
            answer = self.exchange(request, &secret) => answer,
            () = run_out(permit, asked.may_write) => Err(plain(NetBoxError::TimedOut(begun.elapsed()))),
        }
    }

    /// Sends a request and reads its answer whole, but for the secret if it is repeated there.
    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        secret: &Secret,
    ) -> Result<Answer, (NetBoxError, Option<Duration>)> {
        let failed = |error| (self.transport(&error), None);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err((NetBoxError::TooLarge(MAX_ANSWER), None));
            }
            bytes.extend_from_slice(&chunk);
        }
        judge(status, &headers, &secret.hide(&bytes))
    }

    fn transport(&self, error: &reqwest::Error) -> NetBoxError {
        if error.is_timeout() {
            NetBoxError::TimedOut(self.options.deadline)
        } else if error.is_connect() || error.is_builder() {
            NetBoxError::Unreachable(describe(error))
        } else {
            NetBoxError::Cut(describe(error))
        }
    }
}

fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Answer, (NetBoxError, Option<Duration>)> {
    let error = match status.as_u16() {
        204 => return Ok(Answer { body: Value::Null, etag: None }),
        200 | 201 => {
            return match read_json(headers, bytes) {
                Ok(body) => Ok(Answer { body, etag: headers.get(ETAG).cloned() }),
                Err(error) => Err((error, None)),
            };
        }
        401 => NetBoxError::Unauthenticated,
        403 => NetBoxError::Forbidden(said(headers, bytes)),
        // Only in JSON it is NetBox's word that the object is gone; a proxy's page says nothing of it.
        404 => match read_json(headers, bytes) {
            Ok(_) => NetBoxError::NotFound,
            Err(error) => error,
        },
        409 => NetBoxError::Conflict(said(headers, bytes)),
        412 => NetBoxError::Stale,
        429 => NetBoxError::Throttled,
        400 | 405..=499 => NetBoxError::Refused(said(headers, bytes)),
        500..=599 => NetBoxError::Server { status: status.as_u16(), text: said(headers, bytes) },
        // A redirect leads to a login page; 202 means that something may happen later.
        _ => NetBoxError::WrongShape(format!("status {status}")),
    };
    Err((error, read_wait(headers, Timestamp::now())))
}

fn read_json(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, NetBoxError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(NetBoxError::WrongShape(format!("it is {kind:?} and not JSON")));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_eof() {
            NetBoxError::Cut(error.to_string())
        } else {
            NetBoxError::WrongShape(error.to_string())
        }
    })
}

/// What NetBox says, for people: its `detail` or its errors by field, cut short. Not what a proxy's page says.
fn said(headers: &HeaderMap, bytes: &[u8]) -> String {
    let text = match read_json(headers, bytes) {
        Ok(Value::Object(mut object)) => match object.remove("detail") {
            Some(Value::String(detail)) => detail,
            Some(other) => other.to_string(),
            None => Value::Object(object).to_string(),
        },
        Ok(other) => other.to_string(),
        Err(_) => format!("an answer of {} bytes that is not JSON", bytes.len()),
    };
    // It goes into the log, of which it must not make lines of its own.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut short: String = text.chars().take(MAX_TEXT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The whole chain of causes, without the address, which holds what was asked.
fn describe(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    if text.is_empty() { "the connection failed".into() } else { text }
}

fn tls(options: &Options) -> Result<rustls::ClientConfig, ConfigError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::{self, PemObject as _};
    let mut roots = rustls::RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = &options.ca_file {
        let refuse = |why: String| ConfigError::Authorities { path: path.clone(), why };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| match error {
                pem::Error::Io(error) => refuse(error.to_string()),
                // The parser's own text repeats lines of what may be a private key.
                _ => refuse("it is no PEM: `-----BEGIN CERTIFICATE-----` and `-----END CERTIFICATE-----` each take a line of their own".into()),
            })?;
        if certificates.is_empty() {
            return Err(refuse("there is no certificate in it".into()));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_netbox_says_makes_no_line_of_a_log() {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let text = said(&headers, br#"{"detail": "x\n2026-12-03T00:00:00Z  INFO wrote\u001b[2J"}"#);
        assert_eq!(text, "x 2026-12-03T00:00:00Z  INFO wrote [2J");
    }
}
