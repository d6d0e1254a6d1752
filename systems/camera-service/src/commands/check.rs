//! `config check`: what a start would find. Everything that stands in the way is listed at once; nothing is made or changed, and a service that
//! runs goes on.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use camera_access::{ApiKeys, Revoked};
use camera_config::{Config, Engine, Environment};
use camera_media::{EmbeddedEngine, EmbeddedOptions, Engine as _};
use rustix::fs::{Access, access};

use super::Failure;
use crate::home::Home;
use crate::lock::Lock;
use crate::run::{self, configured};
use crate::service::Changes;
use crate::web::tls::{self, TlsFiles};
use service_setup::complain;
use service_setup::files::{Owner, folder_of};

/// How long MediaMTX may take to be reached.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shows the configuration as it is in force, and what stands in the way of a start.
///
/// # Errors
/// The configuration is wrong, or something is in the way.
pub fn run(home: &Home) -> Result<(), Failure> {
    let (config, environment) = home.read()?;
    let mut found = Vec::new();
    let config = match run::changed(home, &config) {
        Ok((changed, _, changes)) => {
            print!("{}", told(home, &changes));
            changed
        }
        Err(error) => {
            found.push(error.to_string());
            config
        }
    };
    print!("{}", config.render());
    let tokens = run::tokens(home, &config, &environment);
    if let Err(run::StartError::Config(error)) = tokens {
        return Err(error.into());
    }
    found.extend(tokens.err().map(|error| error.to_string()));
    found.extend(configured(&config).err().map(|error| error.to_string()));
    files(&config, &mut found);
    // What a service holds that runs here is its own.
    let runs = Lock::look(home).is_err();
    folders(&config, runs, &mut found);
    media(&config, &environment, &mut found);
    if !runs {
        ports(&config, &mut found);
    }
    // One folder may be in the way of several files.
    found.dedup();
    if found.is_empty() {
        complain!("Nothing stands in the way of a start.");
        return Ok(());
    }
    for problem in &found {
        complain!("* {problem}");
    }
    let things = if found.len() == 1 {
        "one thing stands".to_owned()
    } else {
        format!("{} things stand", found.len())
    };
    Err(Failure::Failed(format!("{things} in the way of a start")))
}

/// What is not from the configuration file, as comments above what is in force.
fn told(home: &Home, changes: &Changes) -> String {
    let mut lines: Vec<String> =
        changes.keys().iter().map(|(key, value)| format!("{key}: {value}")).collect();
    lines.extend(changes.cameras.iter().map(|camera| format!("cameras: {} was added", camera.name)));
    if lines.is_empty() {
        return String::new();
    }
    let path = home.changes();
    format!(
        "# Calls changed this; it is kept in {}, and goes before the configuration file:\n#   {}\n",
        path.display(),
        lines.join("\n#   ")
    )
}

/// Certificates, keys, and the files that say who gets in.
fn files(config: &Config, found: &mut Vec<String>) {
    if let Some(files) = TlsFiles::of(config) {
        match tls::read(&files) {
            Err(error) => found.push(error.to_string()),
            Ok(served) if served.expires <= jiff::Timestamp::now() => {
                found.push(format!("{} expired at {}", files.certificate.display(), served.expires));
            }
            Ok(_) => {
                for path in [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()]
                    .into_iter()
                    .flatten()
                {
                    found.extend(refused(path, Access::READ_OK, &config.security.api_keys));
                }
            }
        }
    }
    let keys = &config.security.api_keys;
    let revoked = config.security.revoked();
    for path in [keys, &revoked, &config.audit_log] {
        // It is made where there is none.
        let there = path.exists();
        let needed =
            if there { Access::READ_OK | Access::WRITE_OK } else { Access::WRITE_OK | Access::EXEC_OK };
        found.extend(refused(if there { path } else { folder_of(path) }, needed, keys));
    }
    if keys.exists() {
        found.extend(ApiKeys::open(keys).err().map(|error| format!("API keys: {error}")));
    }
    if revoked.exists() {
        found.extend(Revoked::open(&revoked).err().map(|error| format!("revocations: {error}")));
    }
}

fn folders(config: &Config, runs: bool, found: &mut Vec<String>) {
    for folder in [&config.storage.recordings, &config.storage.snapshots] {
        if let Err(error) = run::open_library(folder) {
            found.push(error.to_string());
            continue;
        }
        found.extend(refused(
            folder,
            Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
            &config.security.api_keys,
        ));
        if !runs {
            found.extend(Lock::look_media(folder).err().map(|error| error.to_string()));
        }
    }
}

fn media(config: &Config, environment: &Environment, found: &mut Vec<String>) {
    let options = EmbeddedOptions { ffmpeg: config.media.ffmpeg.clone(), ..EmbeddedOptions::default() };
    let asked = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
        // It starts nothing but ffmpeg itself, to ask what it can do.
        runtime.block_on(async { EmbeddedEngine::new(options).await?.health().await })
    });
    match asked {
        Ok(Ok(())) => {}
        Ok(Err(error)) => found.push(format!("media.ffmpeg: {error}")),
        Err(error) => found.push(format!("media.ffmpeg cannot be tried: {error}")),
    }
    if config.media.engine == Engine::Mediamtx {
        let server = &config.media.mediamtx;
        if server.user.is_some() && !environment.contains_key(camera_config::MEDIAMTX_PASSWORD) {
            found.push(format!(
                "media.mediamtx.user has no password: set {}",
                camera_config::MEDIAMTX_PASSWORD
            ));
        }
        for (key, address) in [("api", &server.api), ("hls", &server.hls), ("rtsp", &server.rtsp)] {
            let host = address.authority();
            let reached = address.socket_addrs().map_err(|error| error.to_string()).and_then(|addresses| {
                let address = addresses.first().ok_or("the name leads nowhere")?;
                TcpStream::connect_timeout(address, PATIENCE).map_err(|error| error.to_string())
            });
            if let Err(why) = reached {
                found.push(format!("media.mediamtx.{key}: MediaMTX cannot be reached at {host}: {why}"));
            }
        }
    }
}

fn ports(config: &Config, found: &mut Vec<String>) {
    for (key, address) in [("server.listen", config.server.listen), ("server.health", config.server.health)] {
        if let Err(error) = TcpListener::bind(address) {
            found.push(run::not_bound(address, key, &error).to_string());
        }
    }
}

/// Why the service may not do this with a path, if so. Asked by root it is the permissions of the user that counts whose the key file's
/// folder is, since that is who the service runs as; whether it gets as far as the path is not looked at.
fn refused(path: &Path, needed: Access, keys: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    if let Err(error) = access(path, needed) {
        let remedy = if path.exists() { "" } else { "; `camera-service install` makes what is missing" };
        return Some(format!("{}: {}{remedy}", path.display(), std::io::Error::from(error)));
    }
    let owner = Owner::of(folder_of(keys));
    if !rustix::process::geteuid().is_root() || owner.user == 0 {
        return None;
    }
    let file = std::fs::metadata(path).ok()?;
    let shift = if file.uid() == owner.user {
        6
    } else if file.gid() == owner.group {
        3
    } else {
        0
    };
    let granted = file.mode() >> shift & 0o7;
    (granted & needed.bits() != needed.bits()).then(|| {
        let user = owner.user;
        format!(
            "{}: the service's user ({user}) may not use it: chown {user} {}",
            path.display(),
            path.display()
        )
    })
}
