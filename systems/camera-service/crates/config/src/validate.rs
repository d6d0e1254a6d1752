//! The rules between values that their types cannot hold. Pure: no file is looked at.

use crate::{Algorithm, Config, PLAIN_TEXT_SENTENCE};
use std::{collections::HashSet, net::SocketAddr, path::Path, time::Duration};

/// A key such as `cameras.1.name`, and what is wrong with it.
type Wrong = (String, String);

/// The first rule that is broken.
pub(crate) fn validate(config: &Config) -> Result<(), Wrong> {
    server(config)?;
    security(config)?;
    media(config)?;
    cameras(config)?;
    discovery(config)?;
    storage(config)
}

fn wrong<T>(key: impl Into<String>, why: impl Into<String>) -> Result<T, Wrong> {
    Err((key.into(), why.into()))
}

fn whole_path(key: &str, path: &Path) -> Result<(), Wrong> {
    if path.is_absolute() {
        return Ok(());
    }
    wrong(key, format!("`{}` does not begin with `/`: write the whole path", path.display()))
}

fn server(config: &Config) -> Result<(), Wrong> {
    let server = &config.server;
    if let Some(sentence) = &server.allow_plain_text
        && sentence != PLAIN_TEXT_SENTENCE
    {
        return wrong(
            "server.allow_plain_text",
            format!("to allow it, write exactly \"{PLAIN_TEXT_SENTENCE}\""),
        );
    }
    let beyond = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
    for (key, address) in [("server.listen", &server.listen), ("server.health", &server.health)] {
        if beyond(address) && server.tls.is_none() && server.allow_plain_text.is_none() {
            return wrong(
                key,
                format!(
                    "{address} is reachable from other machines and there is no TLS. Set `server.tls` (certificate, key), or listen on \
                     127.0.0.1 behind a proxy; or else write `allow_plain_text: {PLAIN_TEXT_SENTENCE}`"
                ),
            );
        }
    }
    if server.listen == server.health && server.listen.port() != 0 {
        return wrong(
            "server.health",
            format!("{} is already where clients are served: take another port", server.health),
        );
    }
    if !(1024..=64 << 20).contains(&server.max_message.bytes()) {
        return wrong("server.max_message", "write a size from 1 KiB to 64 MiB");
    }
    if let Some(url) = &server.public_url
        && url.scheme() == "rtsp"
    {
        return wrong("server.public_url", "write an address with http:// or https://");
    }
    for (index, origin) in server.allowed_origins.iter().enumerate() {
        let same = url::Url::parse(origin).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == *origin
        });
        if !same {
            return wrong(
                format!("server.allowed_origins.{index}"),
                format!(
                    "`{origin}` is not an origin as browsers send it: write one such as https://cameras.example.org, without a path"
                ),
            );
        }
    }
    if server.trusted_proxies.as_ref().is_some_and(|proxies| proxies.addresses.is_empty()) {
        return wrong(
            "server.trusted_proxies.addresses",
            "name the addresses of the proxies, or leave it out",
        );
    }
    if let Some(tls) = &server.tls {
        whole_path("server.tls.certificate", &tls.certificate)?;
        whole_path("server.tls.key", &tls.key)?;
        if let Some(authority) = &tls.client_ca {
            whole_path("server.tls.client_ca", authority)?;
        }
    }
    Ok(())
}

fn security(config: &Config) -> Result<(), Wrong> {
    let security = &config.security;
    let jwt = &security.jwt;
    if jwt.algorithm == Algorithm::HS256 {
        for (key, is_set) in [
            ("public_key", jwt.public_key.is_some()),
            ("jwks", jwt.jwks.is_some()),
            ("issuer", jwt.issuer.is_some()),
            ("audience", jwt.audience.is_some()),
        ] {
            if is_set {
                return wrong(
                    format!("security.jwt.{key}"),
                    "HS256 is for tokens that the service makes itself: leave this out, or set `algorithm` to RS256 or ES256",
                );
            }
        }
    } else {
        match (&jwt.public_key, &jwt.jwks) {
            (None, None) => {
                return wrong(
                    "security.jwt.algorithm",
                    "this needs `public_key`, the identity provider's public key (PEM), or `jwks`, where it publishes its keys",
                );
            }
            (Some(_), Some(_)) => {
                return wrong("security.jwt.jwks", "there is `public_key` too: write one of the two");
            }
            (Some(key), None) => whole_path("security.jwt.public_key", key)?,
            (None, Some(_)) if jwt.issuer.is_none() || jwt.audience.is_none() => {
                return wrong(
                    "security.jwt.jwks",
                    "this needs `issuer` and `audience`: the same keys sign tokens for other services",
                );
            }
            (None, Some(_)) => {}
        }
    }
    if jwt.user_claim.is_empty() || jwt.role_claim.is_empty() || jwt.user_claim == jwt.role_claim {
        return wrong("security.jwt.role_claim", "`user_claim` and `role_claim` are the names of two claims");
    }
    if security.jwt.lifetime.duration() > Duration::from_secs(366 * 86_400) {
        return wrong("security.jwt.lifetime", "a token lives at most 366 d");
    }
    whole_path("security.api_keys", &security.api_keys)?;
    whole_path("audit_log", &config.audit_log)
}

fn media(config: &Config) -> Result<(), Wrong> {
    let media = &config.media;
    if media.ffmpeg.as_os_str().is_empty()
        || (media.ffmpeg.components().count() > 1 && !media.ffmpeg.is_absolute())
    {
        return wrong(
            "media.ffmpeg",
            "write a whole path such as /usr/bin/ffmpeg, or a name that is looked up in PATH",
        );
    }
    let mediamtx = &media.mediamtx;
    // The service itself asks the first two, in clear: a proxy on this machine can stand before a server elsewhere.
    for (key, url, schemes) in [
        ("media.mediamtx.api", &mediamtx.api, &["http"][..]),
        ("media.mediamtx.hls", &mediamtx.hls, &["http"]),
        ("media.mediamtx.rtsp", &mediamtx.rtsp, &["rtsp"]),
        ("media.mediamtx.webrtc", &mediamtx.webrtc, &["http", "https"]),
    ] {
        if !schemes.contains(&url.scheme()) {
            return wrong(key, format!("write an address with {}://", schemes.join(":// or ")));
        }
    }
    Ok(())
}

fn cameras(config: &Config) -> Result<(), Wrong> {
    let mut names = HashSet::new();
    for (index, camera) in config.cameras.iter().enumerate() {
        if !names.insert(&camera.name) {
            return wrong(
                format!("cameras.{index}.name"),
                format!("another camera is called `{}` already", camera.name),
            );
        }
        if camera.fps.is_some_and(|fps| !(1..=240).contains(&fps)) {
            return wrong(format!("cameras.{index}.fps"), "write a whole number from 1 to 240");
        }
    }
    Ok(())
}

fn discovery(config: &Config) -> Result<(), Wrong> {
    for (index, network) in config.discovery.networks.iter().enumerate() {
        let net = network.net();
        if net.max_prefix_len() - net.prefix_len() > 16 {
            return wrong(
                format!("discovery.networks.{index}"),
                format!(
                    "{network} has more than 65,536 addresses: name the smaller ranges that cameras are in"
                ),
            );
        }
    }
    Ok(())
}

fn storage(config: &Config) -> Result<(), Wrong> {
    let storage = &config.storage;
    whole_path("storage.recordings", &storage.recordings)?;
    whole_path("storage.snapshots", &storage.snapshots)?;
    if storage.recordings == storage.snapshots {
        return wrong("storage.snapshots", "recordings are kept in this folder: take another one");
    }
    if storage.warn >= storage.block {
        return wrong(
            "storage.warn",
            format!("{} is not below `block`, {}: a warning must come before", storage.warn, storage.block),
        );
    }
    if storage.rotate.every.duration() < Duration::from_secs(1) {
        return wrong("storage.rotate.every", "write at least 1 s");
    }
    if storage.rotate.size.bytes() < 1_000_000 {
        return wrong("storage.rotate.size", "write at least 1 MB");
    }
    if storage.retention.every.duration() < Duration::from_secs(1) {
        return wrong("storage.retention.every", "write at least 1 s");
    }
    if let Some(file) = &config.log.file {
        whole_path("log.file", file)?;
    }
    Ok(())
}
