//! The configuration as types: every key, its meaning and its default. Reading is `load`'s matter, what may not stand together
//! `validate`'s. No secret stands in it: tokens are files.

mod load;
mod parts;
mod span;
mod validate;

use std::net::SocketAddr;
use std::path::PathBuf;

use fabric_model::Kind;
use serde::{Deserialize, Deserializer};

pub use load::{ConfigError, load, parse};
pub use span::Span;
pub use validate::{Problem, problems};

/// The configuration of the fabric sync.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The NetBox that is kept in step.
    pub netbox: NetBox,
    /// The fabrics, each on its own: what befalls one stops no other.
    pub fabrics: Vec<Fabric>,
    /// Where status page, health and metrics are.
    #[serde(default)]
    pub server: Server,
    /// The record of every run.
    #[serde(default)]
    pub history: History,
    /// What the service says about itself.
    #[serde(default)]
    pub log: Log,
}

/// The NetBox that is kept in step.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetBox {
    /// Its address, such as `https://netbox.example.org`.
    #[serde(deserialize_with = "address")]
    pub url: url::Url,
    /// The file with the API token; read again when it changes.
    pub token_file: PathBuf,
    /// The authority that signed its certificate (PEM). Not set: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    #[serde(default = "seconds::<30>")]
    pub deadline: Span,
    /// Requests a second at most, all fabrics together.
    #[serde(default = "number::<50>")]
    pub requests_per_second: u32,
    /// Objects a page.
    #[serde(default = "number::<500>")]
    pub page_size: u32,
}

/// One fabric.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fabric {
    /// Its name: in commands, in metrics, in NetBox's keys. Changing it orphans what is there.
    pub name: String,
    /// Its NetBox site, found by its slug, else by its name, and created where it is missing; the fabric's alone.
    pub site: String,
    /// How its API server is reached.
    pub kubernetes: Kubernetes,
    /// The namespaces that are read; empty: all.
    #[serde(default = "default_namespaces")]
    pub namespaces: Vec<String>,
    /// Only objects with these labels, such as `env=lab`.
    #[serde(default)]
    pub labels: Option<String>,
    /// Kinds that are left out: nothing is created of them, what NetBox holds of them is left alone.
    #[serde(default)]
    pub exclude: Vec<Kind>,
    /// Whether differences are applied or only told.
    #[serde(default)]
    pub mode: Mode,
    /// Nothing is written for it while true; it is still compared.
    #[serde(default)]
    pub paused: bool,
    /// Objects that are left alone, each as `Switch/default/leaf-01`; they are still compared.
    #[serde(default)]
    pub pause: Vec<String>,
    /// When changes may be written. Not set: always.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// How often both sides are read whole; changes in between come by watches.
    #[serde(default = "seconds::<300>")]
    pub interval: Span,
    /// What stands before a deletion.
    #[serde(default)]
    pub deletion: Deletion,
    /// The lease that lets one of several instances write. Not set: this instance alone writes.
    #[serde(default)]
    pub lease: Option<Lease>,
    /// When an agent's heartbeat is too old to believe what the switch reports.
    #[serde(default = "seconds::<300>")]
    pub heartbeat: Span,
}

/// Whether differences are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Applied.
    #[default]
    Apply,
    /// Only told.
    Detect,
}

/// How an API server is reached: `kubeconfig`, or `url` with files.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// A kubeconfig file.
    #[serde(default)]
    pub kubeconfig: Option<PathBuf>,
    /// The context in it. Not set: its current one.
    #[serde(default)]
    pub context: Option<String>,
    /// The API server's address, instead of a kubeconfig.
    #[serde(default)]
    pub url: Option<String>,
    /// The authority that signed its certificate (PEM). Not set: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The file with the bearer token; read again when it changes.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// How long one request may take.
    #[serde(default = "seconds::<15>")]
    pub deadline: Span,
}

/// What stands before a deletion. Objects with the tag `fabric-sync-protect` are never deleted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deletion {
    /// Whether anything is ever deleted.
    pub enabled: bool,
    /// How long an object stays after it was first seen to have lost its source.
    #[serde(deserialize_with = "span_or_zero")]
    pub grace: std::time::Duration,
    /// If more source objects than this vanish, nothing is deleted until somebody confirms it.
    pub max_objects: usize,
    /// The same as a share of all source objects, in percent.
    pub max_percent: u8,
}

impl Default for Deletion {
    fn default() -> Self {
        Deletion {
            enabled: true,
            grace: std::time::Duration::from_secs(3600),
            max_objects: 20,
            max_percent: 10,
        }
    }
}

/// The lease that lets one of several instances write.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Its namespace.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Its name. Not set: `fabric-sync-` and the fabric's name, so that each fabric of a cluster has its own.
    #[serde(default)]
    pub name: Option<String>,
    /// How long it is good without renewal; whole seconds, 3 to 60.
    #[serde(default = "seconds::<15>")]
    pub duration: Span,
}

/// A time of day in which changes may be written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// From when, such as `"22:00"`.
    pub from: jiff::civil::Time,
    /// Until when, not included; earlier than `from` means the next day.
    pub to: jiff::civil::Time,
}

/// Where status page, health and metrics are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port; a loopback address, or one that a proxy alone reaches: whoever reaches it reads the status.
    pub listen: SocketAddr,
    /// By which names it may be asked, beside addresses and `localhost`.
    pub host_names: Vec<String>,
}

impl Default for Server {
    fn default() -> Self {
        Server { listen: SocketAddr::from(([127, 0, 0, 1], 8014)), host_names: Vec::new() }
    }
}

/// The record of every run.
#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// An OpenSSH private key (Ed25519, without passphrase) that signs each record. Not set: records are chained, not signed.
    pub key_file: Option<PathBuf>,
}

/// What the service says about itself.
#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How much.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what looks wrong.
    Warn,
    /// And what is done.
    #[default]
    Info,
    /// And how.
    Debug,
}

/// In which form it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

const fn seconds<const COUNT: u64>() -> Span {
    Span::from_secs(COUNT)
}

const fn number<const COUNT: u32>() -> u32 {
    COUNT
}

fn default_namespace() -> String {
    "default".into()
}

fn default_namespaces() -> Vec<String> {
    vec![default_namespace()]
}

/// A span, or `0 s` for none.
fn span_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<std::time::Duration, D::Error> {
    span::read(deserializer, true)
}

/// An address. Its text is not repeated in the error: it may hold a password.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<url::Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    url::Url::parse(&text).map_err(|error| {
        serde::de::Error::custom(format!(
            "not an address ({error}): write one such as https://netbox.example.org"
        ))
    })
}
