//! The identity provider whose published keys verify tokens: asked again and again, and soon when a token names a key that is not known.
//! While it cannot be asked, the keys that were last got are used on.

use std::sync::Arc;
use std::time::Duration;

use camera_config::KeySetUrl;
use hyper::StatusCode;
use hyper::body::Bytes;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::exchange;
use crate::service::Service;
use crate::web::tls::Io;

/// How often its keys are asked for.
const EVERY: Duration = Duration::from_secs(600);
/// How long after an attempt the next one may be made, whatever tokens name.
const PAUSE: Duration = Duration::from_secs(10);
/// How often it is looked whether they are due.
const LOOK: Duration = Duration::from_secs(1);
/// How long an answer may take, and how long it may be, in bytes.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 256 << 10;

/// The identity provider.
pub struct Provider {
    url: KeySetUrl,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many keys there are.
    keys: usize,
    /// Why the last attempt came to nothing, if so.
    failed: Option<String>,
}

impl Provider {
    /// The one that publishes its keys there.
    #[must_use]
    pub fn new(url: KeySetUrl) -> Self {
        Provider { url, state: Mutex::default() }
    }

    /// What is the matter with it, if anything: the component's state and the reason.
    pub fn trouble(&self) -> Option<(&'static str, String)> {
        let state = self.state.lock();
        let why = state.failed.clone();
        match (state.keys, why) {
            (0, why) => {
                let why = why.unwrap_or_else(|| "it has not answered yet".to_owned());
                Some((
                    "failed",
                    format!("no token can be verified: {} cannot be asked for keys: {why}", self.url),
                ))
            }
            (_, Some(why)) => {
                Some(("degraded", format!("{}: {why}; the keys known so far are used on", self.url)))
            }
            (_, None) => None,
        }
    }

    /// Keeps the keys up to date until the service stops.
    pub async fn follow(self: Arc<Self>, service: Arc<Service>) {
        let mut ticks = tokio::time::interval(LOOK);
        let mut due = Instant::now();
        let mut not_before = due;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = service.stop.cancelled() => return,
            }
            if service.access.tokens().missed_key() {
                due = due.min(not_before);
            }
            if Instant::now() < due {
                continue;
            }
            let got = self
                .ask()
                .await
                .and_then(|set| service.access.tokens().publish(&set).map_err(|error| error.to_string()));
            let now = Instant::now();
            not_before = now + PAUSE;
            let mut state = self.state.lock();
            match got {
                Ok(keys) => {
                    due = now + EVERY;
                    *state = State { keys, failed: None };
                }
                Err(why) => {
                    tracing::warn!(url = %self.url, why, "the identity provider's keys cannot be had");
                    due = not_before;
                    state.failed = Some(why);
                }
            }
        }
    }

    async fn ask(&self) -> Result<Bytes, String> {
        let asked = timeout(PATIENCE, self.asked()).await;
        asked.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }

    async fn asked(&self) -> Result<Bytes, String> {
        let url = self.url.url();
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or(443);
        let stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
        let stream: Box<dyn Io> = if url.scheme() == "https" {
            let connector = TlsConnector::from(Arc::new(trusting()?));
            let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
            Box::new(connector.connect(name, stream).await.map_err(|error| format!("TLS: {error}"))?)
        } else {
            Box::new(stream)
        };
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        match exchange::get(stream, authority, path, MAX_ANSWER).await {
            Ok((StatusCode::OK, body)) => Ok(body),
            Ok((status, _)) => Err(format!("it answered {status}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The authorities that this system trusts.
fn trusting() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("this system trusts no authority (apt install ca-certificates)".to_owned());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
