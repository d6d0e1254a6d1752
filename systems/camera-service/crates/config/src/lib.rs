//! What an operator may say about the camera service, and how it is read: one typed [`Config`] whose every key has a default,
//! values with units, `${VAR}` from the environment, errors with their line and what would be right.
//!
//! It reads the files it is told to and nothing else. It must not know of JSON-RPC, of tokens beyond the secret's length, of ffmpeg,
//! nor of what the values are used for; the service turns them into the options of the other crates.
//!
//! * [`load`], [`parse`]: a file, a text; [`Config::render`], [`Config::effective`]: back again, passwords masked.
//! * [`read_env_file`], [`secrets`]: what must never stand in the YAML file.
//! * [`apply_patch`], [`CHANGEABLE`], [`needs_restart`]: what may be changed while the service runs.
//! * [`reference()`]: the page `docs/camera-service/configuration.md`, from the same declaration.

mod camera;
mod config;
mod devices;
mod effective;
mod error;
mod load;
mod patch;
mod reference;
mod secret;
mod text;
mod units;
mod validate;

pub use camera::{CameraName, Resolution, Source};
pub use config::{
    Algorithm, Camera, Config, Discovery, Encode, Engine, Jwt, Limits, Log, LogFormat, LogLevel, Media,
    MediaMtx, PLAIN_TEXT_SENTENCE, Policy, ProxySpeech, Retention, Rotate, Security, Server, Storage, Tls,
    TrustedProxies,
};
pub use devices::Devices;
pub use error::ConfigError;
pub use load::{Environment, load, parse};
pub use patch::{CHANGEABLE, Changeable, TakesEffect, apply_patch, needs_restart};
pub use reference::reference;
pub use secret::{JWT_SECRET, MEDIAMTX_PASSWORD, Secret, Secrets, read_env_file, secrets};
pub use text::{BaseUrl, HostName, KeySetUrl, Network};
pub use units::{Percent, Size, Span};
