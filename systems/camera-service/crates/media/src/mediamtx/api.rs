//! MediaMTX's REST API, version 3, as far as it is used here. Knows nothing of cameras.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use url::Url;

use super::MediaMtxOptions;
use super::breaker::Breaker;
use crate::EngineError;

/// No sane answer is longer.
const LARGEST: usize = 16 << 20;
/// Paths asked for at once.
const PAGE: u32 = 1000;
/// Pages that are read.
const PAGES: u32 = 100;

pub(super) struct Api {
    address: Url,
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
    user: Option<String>,
    within: Duration,
    breaker: Mutex<Breaker>,
}

/// A path as MediaMTX lists it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub(super) name: String,
    #[serde(default)]
    pub(super) conf_name: String,
    pub(super) ready: bool,
    #[serde(default)]
    pub(super) tracks: Vec<String>,
    #[serde(default)]
    pub(super) bytes_received: u64,
    #[serde(default)]
    pub(super) bytes_sent: u64,
    #[serde(default)]
    pub(super) readers: Vec<serde::de::IgnoredAny>,
}

/// A path as it is configured.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configured {
    name: String,
    #[serde(default)]
    record: bool,
    #[serde(default)]
    record_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List<T> {
    page_count: u32,
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Why a request was not answered with what was asked for.
enum Failure {
    /// It cannot be relied upon now.
    Broken(String),
    /// It answered, and does not do that.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Broken(why) | Self::Refused(why)) = self;
        f.write_str(why)
    }
}

impl Api {
    pub(super) fn new(options: &MediaMtxOptions) -> Result<Self, EngineError> {
        let invalid = |why: &str| EngineError::Invalid(format!("the address of MediaMTX's API {why}"));
        let address =
            Url::parse(&options.api).map_err(|error| invalid(&format!("cannot be read: {error}")))?;
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
        Ok(Self {
            address,
            host,
            port,
            authorization,
            user: options.user.clone(),
            within: options.answer_within,
            breaker: Mutex::new(Breaker::new(options.breaker)),
        })
    }

    /// All paths that there are, by name.
    pub(super) async fn paths(&self) -> Result<BTreeMap<String, Listed>, EngineError> {
        let listed: Vec<Listed> = self.pages("/v3/paths/list").await?;
        Ok(listed.into_iter().map(|path| (path.name.clone(), path)).collect())
    }

    /// Names of configured paths that are recorded, and where to.
    pub(super) async fn recorded(&self) -> Result<Vec<(String, String)>, EngineError> {
        let configured: Vec<Configured> = self.pages("/v3/config/paths/list").await?;
        let recorded = configured.into_iter().filter(|path| path.record);
        Ok(recorded.map(|path| (path.name, path.record_path)).collect())
    }

    /// Configures a path, whether or not it is configured already. `Invalid` if MediaMTX refuses.
    pub(super) async fn put(&self, name: &str, configuration: &Value) -> Result<(), EngineError> {
        let path = format!("/v3/config/paths/add/{name}");
        match self.guarded(Method::POST, &path, Some(configuration)).await {
            Ok(_) => Ok(()),
            // There is one of that name, or it is wrong; then that is refused, too.
            Err(EngineError::Invalid(_)) => self.patch(name, configuration).await,
            Err(error) => Err(error),
        }
    }

    /// Changes some of a path's configuration. `Invalid` if MediaMTX refuses.
    pub(super) async fn patch(&self, name: &str, configuration: &Value) -> Result<(), EngineError> {
        let path = format!("/v3/config/paths/patch/{name}");
        self.guarded(Method::PATCH, &path, Some(configuration)).await.map(|_| ())
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), EngineError> {
        let path = format!("/v3/config/paths/delete/{name}");
        self.guarded(Method::DELETE, &path, None).await.map(|_| ())
    }

    async fn pages<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, EngineError> {
        let mut all = Vec::new();
        for page in 0..PAGES {
            let path = format!("{path}?itemsPerPage={PAGE}&page={page}");
            let bytes = self.guarded(Method::GET, &path, None).await?;
            let list: List<T> = serde_json::from_slice(&bytes).map_err(|error| {
                let why = format!("what it answers is no list: {error}");
                self.breaker().failed(Instant::now());
                self.failed(&Failure::Broken(why))
            })?;
            self.breaker().succeeded();
            all.extend(list.items);
            if page + 1 >= list.page_count {
                break;
            }
        }
        Ok(all)
    }

    /// Makes a request if MediaMTX is to be asked at all, and draws the conclusions. What a list holds, its reader judges.
    async fn guarded(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes, EngineError> {
        self.breaker().may_call(Instant::now()).map_err(|wait| {
            EngineError::Dependency(format!(
                "MediaMTX ({}) failed again and again; it is asked again in {} s",
                self.address,
                wait.as_secs() + 1
            ))
        })?;
        let judged_later = method == Method::GET;
        let answer = match tokio::time::timeout(self.within, self.request(method, path, body)).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(Failure::Broken(format!("it has not answered within {} s", self.within.as_secs_f32())))
            }
        };
        match answer {
            Ok(bytes) => {
                if !judged_later {
                    self.breaker().succeeded();
                }
                Ok(bytes)
            }
            Err(failure) => {
                match failure {
                    Failure::Broken(_) => self.breaker().failed(Instant::now()),
                    Failure::Refused(_) => self.breaker().succeeded(),
                }
                Err(self.failed(&failure))
            }
        }
    }

    fn failed(&self, failure: &Failure) -> EngineError {
        let text = format!("MediaMTX ({}): {failure}", self.address);
        match failure {
            Failure::Broken(_) => EngineError::Dependency(text),
            Failure::Refused(_) => EngineError::Invalid(text),
        }
    }

    async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes, Failure> {
        let broken = |error: &dyn fmt::Display| Failure::Broken(error.to_string());
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|e| broken(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
        // Ends with this request, however that ends.
        let mut connections = JoinSet::new();
        connections.spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address.path().trim_end_matches('/')))
            .header(HOST, format!("{}:{}", self.address.host_str().unwrap_or_default(), self.port))
            .header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body))).map_err(|e| broken(&e))?;
        let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
        let status = response.status();
        let bytes =
            Limited::new(response.into_body(), LARGEST).collect().await.map_err(|e| broken(&e))?.to_bytes();
        self.judged(status, bytes)
    }

    fn judged(&self, status: StatusCode, bytes: Bytes) -> Result<Bytes, Failure> {
        if status.is_success() {
            return Ok(bytes);
        }
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
            return Err(Failure::Broken(match &self.user {
                Some(user) => format!("its API refuses the user {user:?} with that password ({status})"),
                None => format!("its API asks for a user and a password ({status})"),
            }));
        }
        match serde_json::from_slice::<Refusal>(&bytes) {
            Ok(refusal) => Err(Failure::Refused(format!("{} ({status})", refusal.error))),
            Err(_) if status.is_client_error() => Err(Failure::Refused(status.to_string())),
            Err(_) => Err(Failure::Broken(status.to_string())),
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
