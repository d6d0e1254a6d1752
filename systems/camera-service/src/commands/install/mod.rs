//! `install` and `uninstall`: the service on a machine with systemd. Each step looks first, changes only what is not right yet, and
//! says what it did; a configuration, a secret or a recording is never overwritten.

mod chosen;
mod firewall;
mod texts;
mod uninstall;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camera_config::{Algorithm, Config};
use service_setup::account;
use service_setup::files::{Owner, folder_of};
use service_setup::say;
use service_setup::steps::{self, Done, Step, look, text_file};
use service_setup::unit::{Service, has_systemd, systemd_version};

use super::{Failure, env_file, status};
use crate::home::{self, Home};

pub use uninstall::uninstall;

/// The service; the user and group that it runs as have its name.
const SERVICE: Service = Service("camera-service");
const LOGROTATE_FILE: &str = "/etc/logrotate.d/camera-service";
/// How long the health listener may take to answer, once systemd has been told that the service is ready.
const ANSWER: Duration = Duration::from_secs(10);

/// Sets the service up, starts it and shows that it is ready; without `start`, only files and user are made.
///
/// # Errors
/// What is missing on this machine, or which step failed. What was done until then stays, and the next run goes on from there.
pub fn install(home: &Home, start: bool) -> Result<(), Failure> {
    let home = Home::new(SERVICE.checked(home.folder())?);
    if start && !has_systemd() {
        return Err(Failure::Failed(
            "systemd does not run here, so the service cannot be started by it: --no-start installs the files only".into(),
        ));
    }
    let existing = if home.config().exists() { Some(read(&home)?) } else { None };
    let media = existing.clone().unwrap_or_default().media;
    find_ffmpeg(&media.ffmpeg)?;

    let service = account::ensure(SERVICE.0, "Camera service", home.folder())?;
    account::join(SERVICE.0, "video", "for video devices", "only network cameras will work")?;
    folders(&home, service)?;
    let config = settings(&home, service)?;
    chosen::folders(&home, &config, service)?;
    contents(&home, &config, service)?;

    let executable = SERVICE.place(&home.executable())?;
    let unit =
        text_file(&SERVICE.unit_file(), &texts::unit(&home, &config, systemd_version()), 0o644, Owner::ROOT)?;
    text_file(Path::new(LOGROTATE_FILE), &texts::logrotate(&config), 0o644, Owner::ROOT)?;
    firewall::open(&config);
    if !start {
        say!(
            "Nothing was started. To go on: systemctl daemon-reload && systemctl enable --now {}",
            SERVICE.unit()
        );
        return Ok(());
    }
    SERVICE.start(executable != Done::AlreadySo || unit != Done::AlreadySo)?;
    show_ready(&config)
}

/// The configuration that is there. A file of secrets that others can read is put right first.
fn read(home: &Home) -> Result<Config, Failure> {
    if home.env_file().exists() {
        steps::mode(&home.env_file(), 0o600)?;
    }
    Ok(home.read()?.0)
}

fn find_ffmpeg(ffmpeg: &Path) -> Result<(), Failure> {
    let beside = ffmpeg.parent().filter(|folder| !folder.as_os_str().is_empty());
    let ffprobe = beside.map_or(PathBuf::from("ffprobe"), |folder| folder.join("ffprobe"));
    for program in [ffmpeg, &ffprobe] {
        if let Err(failure) = look(program, &["-version"]) {
            return Err(Failure::Failed(format!(
                "{failure}: install Debian's package (apt-get install ffmpeg), or name the program in media.ffmpeg; nothing was changed"
            )));
        }
    }
    Ok(())
}

fn folders(home: &Home, service: Owner) -> Result<(), Failure> {
    let at = home.folder();
    let config = home.config();
    for (path, mode, owner) in [
        (at, 0o755, Owner::ROOT),
        (&at.join("bin"), 0o755, Owner::ROOT),
        (folder_of(&config), 0o755, Owner::ROOT),
        (&at.join("security"), 0o700, service),
        (&home.state(), 0o700, service),
    ] {
        steps::folder(path, mode, owner)?;
    }
    Ok(())
}

/// Configuration and secret: made where there is none, otherwise only their modes are looked at.
fn settings(home: &Home, service: Owner) -> Result<Config, Failure> {
    let (path, env) = (home.config(), home.env_file());
    if path.exists() {
        steps::keep(&path, 0o644, Owner::ROOT)?;
    } else {
        text_file(&path, &texts::configuration(home), 0o644, Owner::ROOT)?;
    }
    if env.exists() {
        steps::keep(&env, 0o600, service)?;
        let (config, environment) = home.read()?;
        let lacks = !environment.contains_key(camera_config::JWT_SECRET);
        if config.security.jwt.algorithm == Algorithm::HS256 && lacks {
            env_file::put_secret(&env, service)?;
            Step::of(&env).is(Done::Changed("a fresh secret was added".into()));
        }
    } else {
        env_file::put_secret(&env, service)?;
        Step::of(&env).is(Done::Made);
    }
    let (config, environment) = home.read()?;
    if config.security.jwt.algorithm == Algorithm::HS256 {
        home.secrets(&environment)?;
    }
    Ok(config)
}

/// What is in the private folders belongs to the service, also after a restore by root.
fn contents(home: &Home, config: &Config, service: Owner) -> Result<(), Failure> {
    for folder in [&home.folder().join("security"), &home.state()] {
        steps::own_files(folder, Some(0o600), service, &|_| true)?;
    }
    for folder in [&config.storage.recordings, &config.storage.snapshots] {
        // Elsewhere there may be others' files beside the service's.
        let is_own = |name: &str| chosen::is_within(home, folder) || chosen::is_media(name);
        steps::own_files(folder, None, service, &is_own)?;
    }
    for log in [Some(&config.audit_log), config.log.file.as_ref()].into_iter().flatten() {
        if log.exists() {
            steps::keep(log, 0o644, service)?;
        }
    }
    Ok(())
}

/// Not what systemd believes: what the service answers.
fn show_ready(config: &Config) -> Result<(), Failure> {
    let until = Instant::now() + ANSWER;
    loop {
        match status::is_ready(config) {
            Ok(()) => {
                Step::named("it answers that it is ready").is(Done::Seen);
                say!(
                    "Console: http{}://{}/",
                    if config.server.tls.is_some() { "s" } else { "" },
                    config.server.listen
                );
                say!("A token to sign in with: camera-service token new --role admin");
                return Ok(());
            }
            Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(200)),
            Err(why) => return Err(Failure::Failed(format!("the service runs, but is not ready: {why}"))),
        }
    }
}

/// Whether it is the usual folder, so that nobody needs `--home`.
fn is_default(home: &Home) -> bool {
    home.folder() == Path::new(home::DEFAULT)
}
