//! Starting and stopping: a configuration's parts put together, every listener bound, readiness told only then.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camera_access::{
    ApiKeys, AuditLog, Authenticator, ClaimNames, Entry, Event, Links, Outcome, PublicKeyAlgorithm, Revoked,
    Secret, Tokens,
};
use camera_config::{Algorithm, Camera, Config, Encode, Environment};
use camera_media::{
    EmbeddedEngine, EmbeddedOptions, Engine, MediaMtxEngine, MediaMtxOptions, Resolution, Source,
    SourceOptions,
};
use camera_storage::Library;
use parking_lot::{Mutex, RwLock};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::contract::Component;
use crate::events::Hub;
use crate::home::Home;
use crate::lock::Lock;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::provider::Provider;
use crate::service::{
    ChangeStore, Changes, Clock, Components, Service, WantedRecordings, component, keep_killed, of_stopped,
};
use crate::web;
use crate::web::certificate::Certificate;
use crate::web::host::Names;
use crate::web::proxies::Proxies;
use crate::web::serve::{Serving, serve};
use crate::web::tls;
use crate::web::tls::TlsFiles;

/// The audit log's mode: it holds no secrets, and who may read it is its folder's matter.
pub const AUDIT_LOG_MODE: u32 = 0o644;
/// How long open recordings have to be finished when the service stops.
const FINISH: Duration = Duration::from_secs(10);
/// Files and devices that programs look at, at the same time.
const PROBES: usize = 4;
/// How often the components are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or a secret.
    #[error(transparent)]
    Config(#[from] camera_config::ConfigError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// Something else, in a sentence that says what would be right.
    #[error("{0}")]
    Other(String),
}

fn because<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> StartError {
    move |error| StartError::Other(format!("{what}: {error}"))
}

/// Where the service can be reached.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// WebSocket, files, console.
    pub clients: SocketAddr,
    /// Health and metrics.
    pub health: SocketAddr,
    /// Whether TLS is spoken.
    pub tls: bool,
}

/// Runs the service until it is told to stop; `ready` is called once everything is bound and answers.
///
/// # Errors
/// Why it does not start. Once it has started it ends in order.
pub async fn run(home: &Home, ready: impl FnOnce(Addresses)) -> Result<(), StartError> {
    let (config, environment) = home.read()?;
    crate::log::start(&config.log).map_err(StartError::Other)?;
    let _lock = Lock::take(home).map_err(|error| StartError::Other(error.to_string()))?;
    let mut signals = Signals::new().map_err(because("signals"))?;
    let (config, kept, changes) = changed(home, &config)?;
    crate::log::set_level(config.log.level);
    for (key, value) in changes.keys() {
        tracing::info!(
            key,
            value,
            "a call changed this, and it goes before the configuration file (state/changes.json)"
        );
    }

    let certificate = match TlsFiles::of(&config) {
        Some(files) => Some(Certificate::read(files)?),
        None => None,
    };
    let tls = certificate.as_ref().map(Certificate::current);
    let service = Arc::new(build(home, config, &environment, kept).await?);
    let cameras = configured(&service.config.read())?;
    for (name, source) in cameras {
        service.introduce(&name, source, false).await.map_err(|error| StartError::Other(error.message))?;
    }
    for camera in &changes.cameras {
        // The configuration may have got a camera of that name since; it goes first.
        let source = Source::parse(&camera.source, SourceOptions::default());
        match source {
            Ok(source) => {
                if let Err(error) = service.introduce(&camera.name, source.told_by_a_call(), true).await {
                    tracing::warn!(camera = %camera.name, error = %error.message, "an added camera is left out");
                }
            }
            Err(error) => tracing::warn!(camera = %camera.name, %error, "an added camera is left out"),
        }
    }

    let listen = service.config.read().server.clone();
    let bind = async |address: SocketAddr, key: &str| {
        TcpListener::bind(address).await.map_err(|error| not_bound(address, key, &error))
    };
    // Health is asked by few; it has places of its own, so that clients never take them all.
    let few = Arc::new(Places::new(512, 128));
    let proxies = Arc::new(Proxies::new(listen.trusted_proxies.clone()));
    // Health is asked directly, also by `camera-service status`, which knows no proxy's ways.
    let nobody = Arc::new(Proxies::default());
    let names = Names::new(&listen, tls.clone());
    let accept = async |address, key, places: &Arc<Places>, proxies: &Arc<Proxies>| {
        let socket = bind(address, key).await?;
        tls::listen(socket, tls.clone(), Arc::clone(places), Arc::clone(proxies)).map_err(because("listener"))
    };
    let clients = accept(listen.listen, "server.listen", &service.places, &proxies).await?;
    let health = accept(listen.health, "server.health", &few, &nobody).await?;
    let addresses = Addresses { clients: clients.address, health: health.address, tls: tls.is_some() };

    let mut tasks = tokio::task::JoinSet::new();
    let routes = web::client_routes(Arc::clone(&service), names.clone());
    let serving = Serving { routes, places: Arc::clone(&service.places), proxies };
    tasks.spawn(serve(clients, serving, service.stop.clone()));
    let routes = web::health_routes(Arc::clone(&service), names);
    tasks.spawn(serve(health, Serving { routes, places: few, proxies: nobody }, service.stop.clone()));
    let engine_ended = CancellationToken::new();
    let telling = tokio::spawn(Arc::clone(&service).follow_engine(engine_ended.clone()));
    let provider = service.at_start.security.jwt.jwks.clone().map(|jwks| Arc::new(Provider::new(jwks)));
    if let Some(provider) = &provider {
        tasks.spawn(Arc::clone(provider).follow(Arc::clone(&service)));
    }
    tasks.spawn(Arc::clone(&service).follow_devices());

    service.look_at_clock().await;
    service.started.store(true, Ordering::Release);
    service.look_at_components(further(certificate.as_ref(), provider.as_deref())).await;
    if !service.is_ready() {
        let why: Vec<String> =
            service.status().components.into_iter().filter_map(|component| component.reason).collect();
        return Err(StartError::Other(format!("the media engine does not work: {}", why.join("; "))));
    }
    service.access.write(&Entry::new(Event::Service, Outcome::Success, "started"));
    if let Some(reason) = service.access.audit_trouble() {
        return Err(StartError::Other(reason));
    }
    tracing::info!(clients = %addresses.clients, health = %addresses.health, tls = addresses.tls, "ready");
    ready(addresses);
    notify(&[sd_notify::NotifyState::Ready]);

    tasks.spawn(Arc::clone(&service).keep_retention());
    tasks.spawn(Arc::clone(&service).resume_recordings());
    tasks.spawn(feed_the_watchdog(service.stop.clone()));
    tasks.spawn(watch_over(Arc::clone(&service), certificate, provider));
    loop {
        match signals.next().await {
            SignalRequest::Stop => break,
            SignalRequest::Reopen => {
                crate::log::reopen();
                service.access.reopen_audit();
            }
        }
    }
    notify(&[sd_notify::NotifyState::Stopping]);
    tracing::info!("stopping: open recordings are finished");
    service.stop.cancel();
    service.engine.shutdown(FINISH).await;
    engine_ended.cancel();
    if let Err(error) = telling.await {
        tracing::error!(%error, "what was ended could not be told");
    }
    service.all_told.cancel();
    service.access.write(&Entry::new(Event::Service, Outcome::Success, "stopped"));
    // Connections are told and end; whoever does not read has had enough time by then.
    let ended = async {
        service.conversations.closed().await;
        while tasks.join_next().await.is_some() {}
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
    Ok(())
}

async fn build(
    home: &Home,
    config: Config,
    environment: &Environment,
    kept: ChangeStore,
) -> Result<Service, StartError> {
    let (tokens, links) = tokens(home, &config, environment)?;
    let keys = ApiKeys::open(&config.security.api_keys).map_err(because("API keys"))?;
    let revoked = Revoked::open(&config.security.revoked()).map_err(because("revocations"))?;
    let audit = AuditLog::open(&config.audit_log, AUDIT_LOG_MODE).map_err(because("audit log"))?;
    let access = Access::new(
        Authenticator::new(tokens, keys, revoked),
        links,
        audit,
        &config.limits,
        config.security.admin_addresses.clone(),
    )
    .map_err(because("limits"))?;
    let mut folders = Vec::new();
    let mut library = |path: &Path| -> Result<Arc<Library>, StartError> {
        let library = open_library(path)?;
        // Before anything in it is touched: what looks left behind may be another installation's.
        folders.push(Lock::take_media(path).map_err(|error| StartError::Other(error.to_string()))?);
        let swept = library.sweep().map_err(because("storage"))?;
        if swept > 0 {
            tracing::info!(files = swept, "unfinished pictures of an earlier run removed");
        }
        Ok(Arc::new(library))
    };
    let ffprobe = config.media.ffmpeg.with_file_name("ffprobe");
    let recordings = library(&config.storage.recordings)?;
    let snapshots = library(&config.storage.snapshots)?;
    let engine: Arc<dyn Engine> = match config.media.engine {
        camera_config::Engine::Embedded => {
            let options =
                EmbeddedOptions { ffmpeg: config.media.ffmpeg.clone(), ..EmbeddedOptions::default() };
            Arc::new(EmbeddedEngine::new(options).await.map_err(because("media engine"))?)
        }
        camera_config::Engine::Mediamtx => {
            // Not by `secrets`, which asks for the one that signs tokens: an identity provider may do that.
            let password =
                environment.get(camera_config::MEDIAMTX_PASSWORD).filter(|password| !password.is_empty());
            let options = mediamtx(&config, password.cloned());
            Arc::new(MediaMtxEngine::new(options).await.map_err(because("media engine"))?)
        }
    };
    // MediaMTX may have gone on recording for an earlier run; its engine has ended that.
    let metrics = Metrics::default();
    let (wanted, stopped) = WantedRecordings::open(&home.wanted_recordings()).map_err(StartError::Other)?;
    let clock = Clock::open(&home.undated()).map_err(StartError::Other)?;
    let recovery = camera_media::recover(&config.storage.recordings).map_err(because("recordings"))?;
    for file in &recovery.files {
        tracing::info!(file = %file.path.display(), what = ?file.action, "left by an earlier run");
        clock.note_recovered(&file.path);
        if let Some(coverage) = keep_killed(&recordings, file) {
            metrics.count_recording(&coverage);
        }
    }
    for left in &recovery.failed {
        tracing::error!(file = %left.path.display(), why = %left.error, "left by an earlier run");
    }
    if stopped > 0 {
        tracing::warn!(count = stopped, "recordings ended when the service was stopped");
    }
    // Nobody may have read what the run counted that ended them.
    (0..stopped).for_each(|_| metrics.count_recording(&of_stopped()));
    let config = Arc::new(config);
    Ok(Service {
        recordings,
        ffprobe,
        snapshots,
        folders,
        places: Arc::new(Places::new(
            config.server.max_connections.get(),
            config.limits.connections_per_address.get(),
        )),
        cameras: RwLock::new(BTreeMap::new()),
        engine,
        access,
        hub: Hub::default(),
        metrics,
        stop: CancellationToken::new(),
        all_told: CancellationToken::new(),
        conversations: watch::Sender::default(),
        started: AtomicBool::new(false),
        since: Instant::now(),
        clock,
        left_behind: recovery.failed,
        looking_around: tokio::sync::Mutex::default(),
        probes: tokio::sync::Semaphore::new(PROBES),
        kept,
        wanted,
        components: Mutex::new(Components::default()),
        at_start: Arc::clone(&config),
        config: RwLock::new(config),
    })
}

fn mediamtx(config: &Config, password: Option<String>) -> MediaMtxOptions {
    let server = &config.media.mediamtx;
    MediaMtxOptions {
        api: server.api.to_string(),
        rtsp: server.rtsp.to_string(),
        hls: server.hls.to_string(),
        webrtc: server.webrtc.to_string(),
        user: server.user.clone(),
        password,
        ffmpeg: config.media.ffmpeg.clone(),
        recordings: Some(config.storage.recordings.clone()),
        rotate_every: Some(config.storage.rotate.every.duration()),
        ..MediaMtxOptions::default()
    }
}

/// The configuration with what calls changed of it, and where that is kept.
pub(crate) fn changed(home: &Home, config: &Config) -> Result<(Config, ChangeStore, Changes), StartError> {
    let (kept, changes) = ChangeStore::open(&home.changes()).map_err(StartError::Other)?;
    let config = camera_config::apply_patch(config, &changes.patch).map_err(because(
        "a configuration change that was made by a call no longer fits (state/changes.json)",
    ))?;
    Ok((config, kept, changes))
}

/// A folder of media.
pub(crate) fn open_library(path: &Path) -> Result<Library, StartError> {
    Library::open(path).map_err(|error| {
        let path = path.display();
        StartError::Other(format!("{error}; `camera-service install` makes it, or: mkdir -p {path}"))
    })
}

/// That an address is somebody else's already, or not this machine's.
pub(crate) fn not_bound(address: SocketAddr, key: &str, error: &std::io::Error) -> StartError {
    StartError::Other(format!("{address} cannot be listened on ({key} in the configuration): {error}"))
}

/// What tokens are verified with, and links signed.
pub fn tokens(
    home: &Home,
    config: &Config,
    environment: &Environment,
) -> Result<(Tokens, Links), StartError> {
    let jwt = &config.security.jwt;
    let public = match jwt.algorithm {
        Algorithm::HS256 => {
            let secrets = home.secrets(environment)?;
            let secret = Secret::new(secrets.jwt.expose().as_bytes());
            let tokens = Tokens::hs256(&secret).map_err(because("secret"))?;
            return Ok((tokens, Links::derived_from(&secret).map_err(because("secret"))?));
        }
        Algorithm::RS256 => PublicKeyAlgorithm::Rs256,
        Algorithm::ES256 => PublicKeyAlgorithm::Es256,
    };
    let tokens = match &jwt.public_key {
        None => Tokens::published(public),
        Some(path) => {
            let pem = std::fs::read(path).map_err(|error| {
                StartError::Other(format!("the public key {} cannot be read: {error}", path.display()))
            })?;
            Tokens::public_key(public, &pem).map_err(because("public key"))?
        }
    };
    let claims = ClaimNames { user: jwt.user_claim.clone(), role: jwt.role_claim.clone() };
    let tokens = tokens.made_for(jwt.audience.clone(), jwt.issuer.clone()).with_claims(claims);
    Ok((tokens, Links::random().map_err(because("links"))?))
}

/// The configured cameras.
///
/// # Errors
/// A source that cannot be.
pub fn configured(config: &Config) -> Result<Vec<(String, Source)>, StartError> {
    let source = |camera: &Camera| {
        let options = SourceOptions {
            resolution: camera.resolution.map(|size| Resolution { width: size.width, height: size.height }),
            fps: camera.fps,
            encode: match camera.encode {
                None => camera_media::Encode::Auto,
                Some(Encode::Copy) => camera_media::Encode::Copy,
                Some(Encode::H264) => camera_media::Encode::H264,
            },
        };
        let name = camera.name.as_str().to_owned();
        let source = Source::parse(camera.source.clear(), options)
            .map_err(|error| StartError::Other(format!("camera {name}: {error}")))?;
        Ok((name, source))
    };
    config.cameras.iter().map(source).collect()
}

/// Tells systemd's watchdog that the runtime still turns.
async fn feed_the_watchdog(stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = ticks.tick() => notify(&[sd_notify::NotifyState::Watchdog]),
            () = stop.cancelled() => return,
        }
    }
}

/// What is done again and again while the service runs: components, limits, certificates.
async fn watch_over(
    service: Arc<Service>,
    mut certificate: Option<Certificate>,
    provider: Option<Arc<Provider>>,
) {
    let mut ticks = tokio::time::interval(LOOK);
    let mut purged = Instant::now();
    let mut ending = tokio::spawn(async {});
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = service.stop.cancelled() => return,
        }
        service.look_at_clock().await;
        // On its own: finishing a long recording takes its time, and systemd must not take that for a service that hangs.
        if ending.is_finished() {
            ending = tokio::spawn(Arc::clone(&service).end_recordings_on_full_disk());
        }
        if certificate.as_mut().is_some_and(Certificate::renew) {
            tracing::info!("the certificate was read again");
            service.access.write(&Entry::new(Event::Service, Outcome::Success, "certificate read again"));
        }
        service.look_at_components(further(certificate.as_ref(), provider.as_deref())).await;
        if purged.elapsed() >= Duration::from_secs(60) {
            service.access.purge();
            purged = Instant::now();
        }
    }
}

/// The components that only some configurations have.
fn further(certificate: Option<&Certificate>, provider: Option<&Provider>) -> Vec<Component> {
    let certificate =
        certificate.map(|certificate| component("certificate", certificate.trouble(jiff::Timestamp::now())));
    let provider = provider.map(|provider| component("identity_provider", provider.trouble()));
    certificate.into_iter().chain(provider).collect()
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// What a signal says.
enum SignalRequest {
    Stop,
    Reopen,
}

struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
    hup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.term.recv() => SignalRequest::Stop,
            _ = self.int.recv() => SignalRequest::Stop,
            _ = self.hup.recv() => SignalRequest::Reopen,
        }
    }
}
