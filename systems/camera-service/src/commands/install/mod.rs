//! `install` and `uninstall`: the service on a machine with systemd. Each step looks first, changes only what is not right yet, and
//! says what it did; a configuration, a secret or a recording is never overwritten.

mod account;
mod firewall;
mod steps;
mod texts;
mod uninstall;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camera_config::{Algorithm, Config};

use self::steps::{Done, Step, command, look, text_file};
use super::{Failure, env_file, status};
use crate::files::{Owner, folder_of};
use crate::home::{self, Home};

pub use uninstall::uninstall;

/// The user and group that the service runs as.
const USER: &str = "camera-service";
const UNIT: &str = "camera-service.service";
const UNIT_FILE: &str = "/etc/systemd/system/camera-service.service";
const LOGROTATE_FILE: &str = "/etc/logrotate.d/camera-service";
/// So that it can be called by its name.
const LINK: &str = "/usr/local/bin/camera-service";
const ROOT: Owner = Owner { user: 0, group: 0 };
/// How long the health listener may take to answer, once systemd has been told that the service is ready.
const ANSWER: Duration = Duration::from_secs(10);

/// Sets the service up, starts it and shows that it is ready; without `start`, only files and user are made.
///
/// # Errors
/// What is missing on this machine, or which step failed. What was done until then stays, and the next run goes on from there.
pub fn install(home: &Home, start: bool) -> Result<(), Failure> {
    let home = checked(home)?;
    if start && !has_systemd() {
        return Err(Failure::Failed(
            "systemd does not run here, so the service cannot be started by it: --no-start installs the files only".into(),
        ));
    }
    let existing = if home.config().exists() { Some(read(&home)?) } else { None };
    let media = existing.clone().unwrap_or_default().media;
    find_ffmpeg(&media.ffmpeg)?;

    let service = account::ensure(USER, home.folder())?;
    folders(&home, service)?;
    let config = settings(&home, service)?;
    for folder in [&config.storage.recordings, &config.storage.snapshots] {
        steps::folder(folder, 0o750, service)?;
    }
    steps::folder(folder_of(&config.audit_log), 0o755, service)?;
    if let Some(file) = &config.log.file {
        steps::folder(folder_of(file), 0o755, service)?;
    }
    contents(&home, &config, service)?;

    let executable = executable(&home)?;
    let unit = text_file(Path::new(UNIT_FILE), &texts::unit(&home, &config), 0o644, ROOT)?;
    text_file(Path::new(LOGROTATE_FILE), &texts::logrotate(&config, USER), 0o644, ROOT)?;
    firewall::open(&config);
    if !start {
        println!("Nothing was started. To go on: systemctl daemon-reload && systemctl enable --now {UNIT}");
        return Ok(());
    }
    start_unit(executable != Done::AlreadySo || unit != Done::AlreadySo)?;
    show_ready(&config)
}

/// The folder, as a unit file can name it; and root.
fn checked(home: &Home) -> Result<Home, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::Failed(
            "this makes users, folders and units, which only root may: sudo camera-service ...".into(),
        ));
    }
    let folder = std::path::absolute(home.folder()).map_err(super::because(home.folder().display()))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if folder.parent().is_none() || !folder.to_str().is_some_and(|text| text.chars().all(plain)) {
        return Err(Failure::Wrong(format!(
            "{}: --home is a folder of its own, whose path has only letters, digits, `.`, `_` and `-`",
            folder.display()
        )));
    }
    Ok(Home::new(folder))
}

fn has_systemd() -> bool {
    // As sd_booted(3) finds out.
    Path::new("/run/systemd/system").is_dir()
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
        (at, 0o755, ROOT),
        (&at.join("bin"), 0o755, ROOT),
        (folder_of(&config), 0o755, ROOT),
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
        steps::keep(&path, 0o644, ROOT)?;
    } else {
        text_file(&path, &texts::configuration(home), 0o644, ROOT)?;
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
        steps::own_files(folder, Some(0o600), service)?;
    }
    for folder in [&config.storage.recordings, &config.storage.snapshots] {
        steps::own_files(folder, None, service)?;
    }
    for log in [Some(&config.audit_log), config.log.file.as_ref()].into_iter().flatten() {
        if log.exists() {
            steps::keep(log, 0o644, service)?;
        }
    }
    Ok(())
}

/// Puts this program in its place in one step, so that a running one goes on with the old one.
fn executable(home: &Home) -> Result<Done, Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("this program cannot be read: {error}"));
    let from = std::env::current_exe().map_err(failed)?;
    let to = home.executable();
    let bytes = std::fs::read(&from).map_err(failed)?;
    let done = steps::file(&to, &bytes, 0o755, ROOT)?;
    let link = Path::new(LINK);
    match std::fs::read_link(link) {
        Ok(target) if target == to => Step::of(link).is(Done::AlreadySo),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::os::unix::fs::symlink(&to, link).map_err(super::because(link.display()))?;
            Step::of(link).is(Done::Made);
        }
        _ => Step::of(link)
            .is(Done::Left("something else has this name; call the program by its whole path".into())),
    }
    Ok(done)
}

fn start_unit(changed: bool) -> Result<(), Failure> {
    command("systemctl", &["daemon-reload"])?;
    if look(Path::new("systemctl"), &["is-enabled", "--quiet", UNIT]).is_ok() {
        Step::named("start with the machine").is(Done::AlreadySo);
    } else {
        command("systemctl", &["enable", "--quiet", UNIT])?;
        Step::named("start with the machine").is(Done::Made);
    }
    let active = look(Path::new("systemctl"), &["is-active", "--quiet", UNIT]).is_ok();
    let step = Step::named("the service runs");
    if active && !changed {
        step.is(Done::AlreadySo);
        return Ok(());
    }
    // Earlier failures must not keep it from being started now.
    let _ = look(Path::new("systemctl"), &["reset-failed", UNIT]);
    if let Err(failure) = command("systemctl", &["restart", UNIT]) {
        let journal = look(Path::new("journalctl"), &["-u", UNIT, "-n", "20", "--no-pager", "-o", "cat"])
            .unwrap_or_default();
        return Err(Failure::Failed(format!(
            "the service did not become ready ({failure}). It said:\n{}",
            journal.trim_end()
        )));
    }
    step.is(if active { Done::Changed("restarted".into()) } else { Done::Made });
    Ok(())
}

/// Not what systemd believes: what the service answers.
fn show_ready(config: &Config) -> Result<(), Failure> {
    let until = Instant::now() + ANSWER;
    loop {
        match status::is_ready(config) {
            Ok(()) => {
                Step::named("it answers that it is ready").is(Done::Seen);
                println!(
                    "Console: http{}://{}/",
                    if config.server.tls.is_some() { "s" } else { "" },
                    config.server.listen
                );
                println!("A token to sign in with: camera-service token new --role admin");
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
