//! MediaMTX's REST API, version 3, as far as it is used here. Knows nothing of cameras.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::MediaMtxOptions;
use super::breaker::Breaker;
use super::http::Server;
use crate::EngineError;

/// No sane answer is longer.
const MAX_SIZE: usize = 16 << 20;
/// Paths asked for at once.
const PAGE: u32 = 1000;
/// Pages that are read.
const PAGES: u32 = 100;

pub(super) struct Api {
    server: Server,
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
    pub(super) readers: Vec<Reader>,
}

/// Who reads a path.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Reader {
    #[serde(rename = "type", default)]
    kind: String,
}

impl Reader {
    /// Whether it is one of MediaMTX's own, which reads for others that are listed too (since 1.18).
    pub(super) fn is_hidden(&self) -> bool {
        self.kind == "hidden"
    }
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
        Ok(Self {
            server: Server::new("API", &options.api, options)?,
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

    /// Gives a path this configuration, all of it, be there one of that name or not. `Invalid` if MediaMTX refuses.
    pub(super) async fn put(&self, name: &str, configuration: &Value) -> Result<(), EngineError> {
        let path = format!("/v3/config/paths/replace/{name}");
        self.guarded(Method::POST, &path, Some(configuration)).await.map(|_| ())
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
                self.server.address,
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
        let text = format!("MediaMTX ({}): {failure}", self.server.address);
        match failure {
            Failure::Broken(_) => EngineError::Dependency(text),
            Failure::Refused(_) => EngineError::Invalid(text),
        }
    }

    async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes, Failure> {
        let response = self.server.ask(method, path, body, self.within).await.map_err(Failure::Broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_SIZE).collect().await;
        self.judged(status, body.map_err(|error| Failure::Broken(error.to_string()))?.to_bytes())
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
