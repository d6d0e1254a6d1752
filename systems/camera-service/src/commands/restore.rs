//! `restore`: what a backup holds, put in place. The archive is read whole and held against its manifest first; then every file is
//! written beside its place; only then are they renamed, and what they replace is kept.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use camera_access::Event;
use camera_config::{Config, Environment};

use super::archive::{self, ArchiveError, Head, Listed};
use super::{Failure, Record};
use crate::home::Home;
use crate::lock::Lock;
use service_setup::files::{Owner, Unplaced, beside, folder_of};
use service_setup::{complain, say};

/// What a replaced file's hidden name ends with.
pub const KEPT: &str = "before-restore";

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Failure::Failed(error.to_string())
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::Failed(format!("{path}: {error}"))
}

/// Puts an archive's files in place; over others only with `force`.
///
/// # Errors
/// An archive that is not as it was written, a service that runs, files that are there: nothing was touched then.
pub fn run(home: &Home, from: &Path, force: bool) -> Result<(), Failure> {
    let file = File::open(from).map_err(at(from))?;
    let (head, files) =
        archive::check(&file).map_err(|error| Failure::Failed(format!("{}: {error}", from.display())))?;
    let home = Home::new(std::path::absolute(home.folder()).map_err(at(home.folder()))?);
    let settings = Settings::read(&home, &head, &file, &files)?;
    let targets: Vec<PathBuf> = files.iter().map(|listed| settings.target(&home, &listed.path)).collect();
    // What calls changed since is no part of what was backed up.
    let changes = Some(home.changes()).filter(|path| !targets.contains(path));
    refuse_existing(targets.iter().chain(&changes), force)?;

    make_folder(home.folder(), 0o755)?;
    let _lock = Lock::take(&home).map_err(|error| Failure::Failed(error.to_string()))?;
    let staged = stage(&file, &files, &targets, &settings)?;
    let (placed, kept) = place(staged, changes.as_deref())?;

    say!("{placed} files restored to {}, of {:.0}.", home.folder().display(), head.made);
    if placed < files.len() {
        say!("{} were there already, with the same content.", files.len() - placed);
    }
    if settings.moved > 0 {
        say!(
            "The configuration said {} {} times; it says {} now.",
            head.home.display(),
            settings.moved,
            home.folder().display()
        );
    }
    if kept > 0 {
        say!("What they replaced is beside them, {kept} files, as .NAME.{KEPT}.");
    }
    say!("Next: camera-service install, which sees to owners and modes and starts the service.");
    let record = Record::open(&settings.config);
    let what = format!("restored {placed} files of {:.0}", head.made);
    if let Err(failure) =
        record.and_then(|record| record.write(Event::ConfigurationChange, &what, &from.display().to_string()))
    {
        complain!("Not on record, everything else is done: {failure}");
    }
    Ok(())
}

/// The configuration of the archive, as it is to be in this folder.
struct Settings {
    config: Config,
    text: String,
    /// How often it named the folder it came from.
    moved: usize,
}

const CONFIG: &str = "config/camera-service.yaml";

impl Settings {
    fn read(home: &Home, head: &Head, file: &File, files: &[Listed]) -> Result<Self, Failure> {
        let (mut text, mut env) = (None, String::new());
        archive::each_file::<Failure>(file, files, |listed, content| {
            match listed.path.as_str() {
                CONFIG => text = Some(read_text(CONFIG, content)?),
                ".env" => env = read_text(".env", content)?,
                _ => skip(content)?,
            }
            Ok(())
        })?;
        let Some(text) = text else {
            return Err(Failure::Failed(format!("the archive has no {CONFIG}; nothing was touched")));
        };
        let (text, moved) = relocated(&text, &head.home, home.folder());
        let environment = variables(&env)?;
        let config = camera_config::parse(&text, &format!("{CONFIG} in the archive"), &environment)?;
        Ok(Settings { config, text, moved })
    }

    /// Where a file of the archive belongs.
    fn target(&self, home: &Home, path: &str) -> PathBuf {
        let storage = &self.config.storage;
        match path.split_once('/') {
            Some(("recordings", name)) => storage.recordings.join(name),
            Some(("snapshots", name)) => storage.snapshots.join(name),
            Some(("keys", name)) => folder_of(&self.config.security.api_keys).join(name),
            _ => home.folder().join(path),
        }
    }
}

fn read_text(name: &str, content: &mut dyn Read) -> Result<String, Failure> {
    let mut text = String::new();
    content.read_to_string(&mut text).map_err(at(Path::new(name)))?;
    Ok(text)
}

fn skip(content: &mut dyn Read) -> Result<(), Failure> {
    io::copy(content, &mut io::sink()).map(drop).map_err(at(Path::new("the archive")))
}

/// The variables of the archive's `.env`, read as the service reads them: from a private file.
fn variables(env: &str) -> Result<Environment, Failure> {
    let process: Environment = std::env::vars().collect();
    let (unplaced, mut file) =
        Unplaced::beside(&std::env::temp_dir().join(format!("camera-service-{}", std::process::id())), "env")
            .map_err(at(&std::env::temp_dir()))?;
    io::Write::write_all(&mut file, env.as_bytes()).map_err(at(unplaced.path()))?;
    Ok(camera_config::read_env_file(unplaced.path(), &process)?)
}

/// The text with every path below `old` put below `new`, and how many there were.
fn relocated(text: &str, old: &Path, new: &Path) -> (String, usize) {
    let (Some(old), Some(new)) = (old.to_str(), new.to_str()) else { return (text.to_owned(), 0) };
    let of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let (mut moved, mut count, mut rest) = (String::with_capacity(text.len()), 0, text);
    if old == new || old == "/" {
        return (text.to_owned(), 0);
    }
    while let Some(start) = rest.find(old) {
        let (before, after) = (&rest[..start], &rest[start + old.len()..]);
        let begins = moved.chars().last().filter(|_| before.is_empty()).or(before.chars().last());
        let whole = !begins.is_some_and(|c| of_name(c) || c == '/') && !after.starts_with(of_name);
        moved.push_str(before);
        moved.push_str(if whole { new } else { old });
        count += usize::from(whole);
        rest = after;
    }
    moved.push_str(rest);
    (moved, count)
}

fn refuse_existing<'a>(paths: impl Iterator<Item = &'a PathBuf>, force: bool) -> Result<(), Failure> {
    let there: Vec<String> =
        paths.filter(|path| path.symlink_metadata().is_ok()).map(|path| path.display().to_string()).collect();
    if force || there.is_empty() {
        return Ok(());
    }
    let (first, more) =
        (there.iter().take(3).cloned().collect::<Vec<_>>().join(", "), there.len().saturating_sub(3));
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Failure::Failed(format!(
        "{first}{more} would be replaced: with --force they are, and kept beside the restored ones; nothing was touched"
    )))
}

fn make_folder(folder: &Path, mode: u32) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    make_folder(folder_of(folder), 0o755)?;
    std::fs::DirBuilder::new().mode(mode).create(folder).map_err(at(folder))?;
    Owner::of(folder_of(folder)).give(folder).map_err(at(folder))
}

struct Staged {
    unplaced: Unplaced,
    target: PathBuf,
}

/// Writes every file beside its place, but for those that are there already.
fn stage(
    file: &File,
    files: &[Listed],
    targets: &[PathBuf],
    settings: &Settings,
) -> Result<Vec<Staged>, Failure> {
    let mut staged = Vec::with_capacity(files.len());
    let mut targets = targets.iter();
    archive::each_file::<Failure>(file, files, |listed, content| {
        let Some(target) = targets.next() else { return Ok(()) };
        if listed.path != CONFIG && archive::holds(target, listed) {
            return skip(content);
        }
        let folder = folder_of(target);
        let private =
            [".env", "security/", "keys/", "state/"].iter().any(|private| listed.path.starts_with(private));
        make_folder(
            folder,
            match listed.path.split('/').next() {
                Some("config") => 0o755,
                Some("recordings" | "snapshots") => 0o750,
                _ => 0o700,
            },
        )?;
        let owner = Owner::of(target);
        let number = staged.len();
        let (unplaced, mut new) =
            Unplaced::beside(target, &format!("restored-{number}")).map_err(at(target))?;
        if listed.path == CONFIG {
            skip(content)?;
            io::Write::write_all(&mut new, settings.text.as_bytes()).map_err(at(target))?;
        } else {
            io::copy(content, &mut new).map_err(at(target))?;
        }
        let mode = listed.mode & if private { 0o700 } else { 0o755 };
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(listed.modified);
        owner.give(unplaced.path()).map_err(at(target))?;
        new.set_permissions(std::fs::Permissions::from_mode(mode))
            .and_then(|()| new.set_modified(modified))
            .and_then(|()| new.sync_all())
            .map_err(at(target))?;
        staged.push(Staged { unplaced, target: target.clone() });
        Ok(())
    })?;
    Ok(staged)
}

/// Renames every file into its place; if one cannot be, those before it are put back.
fn place(staged: Vec<Staged>, changes: Option<&Path>) -> Result<(usize, usize), Failure> {
    let mut done: Vec<(PathBuf, Option<PathBuf>)> = Vec::with_capacity(staged.len() + 1);
    let count = staged.len();
    let place_all = || -> Result<(), Failure> {
        if let Some(changes) = changes {
            done.push((changes.to_owned(), keep(changes)?));
        }
        for Staged { unplaced, target } in staged {
            done.push((target.clone(), keep(&target)?));
            unplaced.place(&target).map_err(at(&target))?;
        }
        Ok(())
    };
    if let Err(failure) = place_all() {
        for (target, kept) in done.iter().rev() {
            let back = match kept {
                Some(kept) => std::fs::rename(kept, target),
                None => std::fs::remove_file(target),
            };
            if let Err(error) = back
                && error.kind() != io::ErrorKind::NotFound
            {
                complain!("{} could not be put back: {error}", target.display());
            }
        }
        return Err(Failure::Failed(format!("{failure}; everything is as it was")));
    }
    Ok((count, done.iter().filter(|(_, kept)| kept.is_some()).count()))
}

/// Moves what is there out of the way, if there is anything, under a name that is free.
fn keep(path: &Path) -> Result<Option<PathBuf>, Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let name = |number: u32| if number < 2 { KEPT.to_owned() } else { format!("{KEPT}-{number}") };
    let free = (1..).map(|number| beside(path, &name(number))).find(|kept| kept.symlink_metadata().is_err());
    let Some(kept) = free else { return Ok(None) };
    std::fs::rename(path, &kept).map_err(at(path))?;
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::relocated;
    use std::path::Path;

    #[test]
    fn paths_below_the_old_folder_are_moved_and_no_others() {
        let text = "a: /opt/cam/x\nb: \"/opt/cam\"\nc: /opt/camera\nd: /srv/opt/cam/y\ne: /opt/cam/opt/cam, /opt/cam\n";
        let (moved, count) = relocated(text, Path::new("/opt/cam"), Path::new("/n"));
        assert_eq!(moved, "a: /n/x\nb: \"/n\"\nc: /opt/camera\nd: /srv/opt/cam/y\ne: /n/opt/cam, /n\n");
        assert_eq!(count, 4);
    }
}
