//! The configuration as types: every key, its meaning (the doc comments are the reference's text) and its default. No reading, no checking.

use crate::{
    BaseUrl, CameraName, Devices, HostName, KeySetUrl, Network, Percent, Resolution, Size, Source, Span,
    text::listen,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf};

/// What `server.allow_plain_text` must say, word for word.
pub const PLAIN_TEXT_SENTENCE: &str = "I accept that tokens and pictures cross the network in clear";

/// The configuration of the camera service. An empty file is valid: everything has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where clients reach the service.
    pub server: Server,
    /// Who is let in. The secret that signs tokens is never here (see above).
    pub security: Security,
    /// How much one client may ask. Reconnecting changes nothing: what is counted is the identity, and the address.
    pub limits: Limits,
    /// How pictures are made and streamed.
    pub media: Media,
    /// The cameras that are always known. `add_camera` adds others.
    pub cameras: Vec<Camera>,
    /// Where cameras are looked for.
    pub discovery: Discovery,
    /// Where recordings and snapshots are kept, and for how long.
    pub storage: Storage,
    /// What the service says about itself.
    pub log: Log,
    /// The audit log: one JSON object a line, only ever appended to. Each sign-in, refusal, deletion and change of configuration is in it.
    pub audit_log: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server::default(),
            security: Security::default(),
            limits: Limits::default(),
            media: Media::default(),
            cameras: Vec::new(),
            discovery: Discovery::default(),
            storage: Storage::default(),
            log: Log::default(),
            audit_log: "/var/log/camera-service/audit.jsonl".into(),
        }
    }
}

/// Where clients reach the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port of the WebSocket (`/ws`), the files and the console. Anything but a loopback address needs `tls`.
    #[serde(deserialize_with = "listen::deserialize")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Address and port of health and metrics. Anything but a loopback address needs `tls`.
    #[serde(deserialize_with = "listen::deserialize")]
    #[schemars(with = "String")]
    pub health: SocketAddr,
    /// What links to files and streams start with, such as `https://cameras.example.org`; needed behind a reverse proxy. Not set: the
    /// address that the client used.
    pub public_url: Option<BaseUrl>,
    /// Connections at once, all clients together, that have proved who they are; half as many more that have not.
    pub max_connections: NonZeroU32,
    /// The largest message that is read; a longer one is refused.
    pub max_message: Size,
    /// Names of hosts, besides those in `public_url` and in the certificate, by which the service may be asked; another name in `Host` is
    /// refused, an address never.
    pub host_names: Vec<HostName>,
    /// Web pages, besides the service's own, whose scripts may connect, and read files and live pictures, each as `https://host` or
    /// `https://host:port`.
    pub allowed_origins: Vec<String>,
    /// Proxies before `listen`, so that what they pass on counts for their clients and not for them. `health` is asked directly.
    pub trusted_proxies: Option<TrustedProxies>,
    /// Certificate and key. Both listeners use them, and read them again when the files change.
    pub tls: Option<Tls>,
    /// Lets the service listen beyond this machine without TLS if it says, word for word, "I accept that tokens and pictures cross the
    /// network in clear".
    pub allow_plain_text: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8002)),
            health: SocketAddr::from(([127, 0, 0, 1], 8003)),
            public_url: None,
            max_connections: number(2500),
            max_message: MEBIBYTE,
            host_names: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: None,
            tls: None,
            allow_plain_text: None,
        }
    }
}

/// Proxies before `listen`, and how they say for whom they ask. `health` is asked directly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedProxies {
    /// The addresses from which they connect. Required.
    pub addresses: Vec<Network>,
    /// How they say for whom. Required.
    pub speak: ProxySpeech,
}

/// How a proxy says for whom it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProxySpeech {
    /// A header of the PROXY protocol (version 1 or 2) before anything else, also before TLS.
    ProxyProtocol,
    /// The header `Forwarded` (RFC 7239) in every request.
    Forwarded,
    /// The header `X-Forwarded-For` in every request.
    XForwardedFor,
}

/// Certificate and key of both listeners.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and those between it and its authority, as PEM. Required.
    pub certificate: PathBuf,
    /// The certificate's private key, as PEM; mode 600. Required.
    pub key: PathBuf,
    /// If set, clients must show a certificate issued by one of these authorities (PEM).
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// Who is let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// JSON Web Tokens.
    pub jwt: Jwt,
    /// The file of hashed API keys; mode 600.
    pub api_keys: PathBuf,
    /// If not empty, administrators' methods can be called from these address ranges only.
    pub admin_addresses: Vec<Network>,
}

impl Security {
    /// The file of what was revoked, beside that of the API keys.
    pub fn revoked(&self) -> PathBuf {
        self.api_keys.with_file_name("revoked.json")
    }
}

impl Default for Security {
    fn default() -> Self {
        Self {
            jwt: Jwt::default(),
            api_keys: "/opt/camera-service/security/api-keys.json".into(),
            admin_addresses: Vec::new(),
        }
    }
}

/// JSON Web Tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jwt {
    /// The one algorithm that is accepted.
    pub algorithm: Algorithm,
    /// The identity provider's public key (PEM); this or `jwks` is required for RS256 and ES256.
    pub public_key: Option<PathBuf>,
    /// Where the identity provider publishes its keys (a JSON Web Key Set), such as `https://login.example.org/keys`: the `jwks_uri` of its
    /// OpenID configuration. Asked every ten minutes, and when a token names a new key. Needs `issuer` and `audience`.
    pub jwks: Option<KeySetUrl>,
    /// The issuer (`iss`) that tokens must name.
    pub issuer: Option<String>,
    /// The audience (`aud`) that tokens must name: what the identity provider calls this service.
    pub audience: Option<String>,
    /// The claim that says who somebody is; with OpenID Connect, `sub`.
    pub user_claim: String,
    /// The claim that says what somebody may do: `viewer`, `operator` or `admin`, or a list of which the highest of these counts.
    pub role_claim: String,
    /// How long a token lives that `camera-service token` makes.
    pub lifetime: Span,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::HS256,
            public_key: None,
            jwks: None,
            issuer: None,
            audience: None,
            user_claim: "user_id".into(),
            role_claim: "role".into(),
            lifetime: Span::hours(24),
        }
    }
}

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// HMAC with the service's own secret; the service makes the tokens.
    HS256,
    /// RSA; an identity provider makes the tokens.
    RS256,
    /// ECDSA on P-256; an identity provider makes the tokens.
    ES256,
}

/// How much one client may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Calls a minute of one identity, and as many sign-ins.
    pub requests_per_minute: NonZeroU32,
    /// Calls that one identity may make at once, after a pause.
    pub burst: NonZeroU32,
    /// Failed attempts to sign in, a minute, from one address.
    pub authentications_per_minute: NonZeroU32,
    /// Failed attempts to sign in that one address may make at once, after a pause.
    pub authentication_burst: NonZeroU32,
    /// Connections at once from one address (an IPv6 address with its whole /64), and of one identity. Half as many may come from one
    /// address without having proved who they are; the oldest of them goes for a newer one.
    pub connections_per_address: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: number(60),
            burst: number(20),
            authentications_per_minute: number(10),
            authentication_burst: number(5),
            connections_per_address: number(100),
        }
    }
}

/// How pictures are made and streamed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// Who serves the streams.
    pub engine: Engine,
    /// The ffmpeg program: a whole path, or a name that is looked up in `PATH`. `ffprobe` is taken from beside it.
    pub ffmpeg: PathBuf,
    /// Where MediaMTX is; used by the engine `mediamtx` only.
    pub mediamtx: MediaMtx,
}

impl Default for Media {
    fn default() -> Self {
        Self { engine: Engine::Embedded, ffmpeg: "ffmpeg".into(), mediamtx: MediaMtx::default() }
    }
}

/// Who serves the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The service itself, with ffmpeg alone.
    Embedded,
    /// A MediaMTX server beside it.
    Mediamtx,
}

/// Where MediaMTX is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MediaMtx {
    /// Its REST API (v3).
    pub api: BaseUrl,
    /// Its RTSP server.
    pub rtsp: BaseUrl,
    /// Its HLS server, from which the service passes live views on.
    pub hls: BaseUrl,
    /// Its WebRTC server.
    pub webrtc: BaseUrl,
    /// The user that its API asks for; the password is the variable `CAMERA_SERVICE_MEDIAMTX_PASSWORD`.
    pub user: Option<String>,
}

impl Default for MediaMtx {
    fn default() -> Self {
        Self {
            api: BaseUrl::local("http", 9997),
            rtsp: BaseUrl::local("rtsp", 8554),
            hls: BaseUrl::local("http", 8888),
            webrtc: BaseUrl::local("http", 8889),
            user: None,
        }
    }
}

/// One camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Its name, which is its `device` in every call: 1 to 63 of `a-z`, `0-9`, `_`, `-`. Required, each once.
    pub name: CameraName,
    /// Where its picture comes from: `rtsp://`, `http://` or `https://` and the rest of an address, `/dev/videoN`, a name in `/dev/v4l/by-id` or `/dev/v4l/by-path` (which stays the same when devices are plugged in otherwise), or `test:pattern`.
    /// A password is best taken from the environment: `rtsp://viewer:${DOOR_PASSWORD}@192.168.1.20/stream1`. Required.
    pub source: Source,
    /// Width and height asked of a device or test source, such as `1280x720`. Not set: what the source gives.
    #[serde(default)]
    pub resolution: Option<Resolution>,
    /// Pictures a second asked of a device or test source, 1 to 240. Not set: what the source gives.
    #[serde(default)]
    pub fps: Option<u32>,
    /// Whether its video is passed on as it is or encoded anew. Not set: as it is where that can be played.
    #[serde(default)]
    pub encode: Option<Encode>,
}

/// Whether a camera's video is encoded anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encode {
    /// Passed on as it is.
    Copy,
    /// Encoded as H.264, which every browser plays; costs processor time.
    H264,
}

/// Where cameras are looked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Discovery {
    /// Whether video devices of this machine become cameras as they are plugged in.
    pub v4l2: bool,
    /// Which `/dev/videoN`: `0-9` for all from 0 to 9, `0, 9` for these two.
    pub devices: Devices,
    /// Address ranges that `discover_cameras` may look through, each of at most 65,536 addresses. None: it looks nowhere.
    pub networks: Vec<Network>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { v4l2: true, devices: Devices::first_to_last(0, 9), networks: Vec::new() }
    }
}

/// Where recordings and snapshots are kept, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The folder of recordings.
    pub recordings: PathBuf,
    /// The folder of snapshots.
    pub snapshots: PathBuf,
    /// When a recording goes on in a new file: whichever comes first.
    pub rotate: Rotate,
    /// When old files are deleted. A snapshot to which a client gave a name stays until it is deleted by that.
    pub retention: Retention,
    /// From this much of the disk in use, a warning is given. Below `block`.
    pub warn: Percent,
    /// From this much of the disk in use, nothing new is recorded and recordings are ended.
    pub block: Percent,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            recordings: "/opt/camera-service/recordings".into(),
            snapshots: "/opt/camera-service/snapshots".into(),
            rotate: Rotate::default(),
            retention: Retention::default(),
            warn: Percent::of(80),
            block: Percent::of(90),
        }
    }
}

/// When a recording goes on in a new file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rotate {
    /// After this time.
    pub every: Span,
    /// At this size.
    pub size: Size,
}

impl Default for Rotate {
    fn default() -> Self {
        Self { every: Span::hours(1), size: Size::megabytes(1000) }
    }
}

/// When old files are deleted. A snapshot to which a client gave a name stays until it is deleted by that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// What decides.
    pub policy: Policy,
    /// Policy `age`: files older than this are deleted.
    pub age: Span,
    /// Policy `size`: the oldest recordings are deleted until all recordings are no more than this; snapshots likewise.
    pub size: Size,
    /// How often that is done; the first time at most 5 minutes after the start.
    pub every: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            policy: Policy::Age,
            age: Span::hours(30 * 24),
            size: Size::megabytes(50_000),
            every: Span::hours(1),
        }
    }
}

/// What decides which files are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Their age.
    Age,
    /// Their size, all together; the oldest go first.
    Size,
    /// Nothing: only `delete_recording` and `delete_snapshot` delete.
    Manual,
}

/// What the service says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important message that is written.
    pub level: LogLevel,
    /// How a message is written.
    pub format: LogFormat,
    /// The file it is written to. Not set: the standard error output, which systemd keeps in its journal.
    pub file: Option<PathBuf>,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text, file: None }
    }
}

/// Importance of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What needs attention soon.
    Warn,
    /// What happened.
    Info,
    /// How it happened.
    Debug,
    /// Every step.
    Trace,
}

impl LogLevel {
    /// As written in the configuration: `error`, `warn`, `info`, `debug` or `trace`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const MEBIBYTE: Size = match Size::from_bytes(1 << 20) {
    Some(size) => size,
    None => Size::megabytes(1),
};

const fn number(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}
