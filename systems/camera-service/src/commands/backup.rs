//! `backup`: an archive of configuration, secrets, keys and what calls changed, and of media if wanted, while the service runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use camera_access::Event;
use camera_config::Config;
use camera_storage::{FileName, Library, StorageError};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags, flock};

use super::archive::{About, FORM, Head, Writer};
use super::{Failure, Record, because};
use crate::home::Home;
use service_setup::complain;
use service_setup::files::{Unplaced, folder_of};

/// The largest file of settings that is taken along, in bytes; media are not limited.
const MAX_SIZE: u64 = 16 << 20;

/// A file of settings, read.
struct Read {
    about: About,
    content: Vec<u8>,
}

/// Writes the archive under a temporary name and gives it its own only when it is whole.
///
/// # Errors
/// Something is there already, or a file cannot be read or written; then there is no archive.
pub fn run(home: &Home, to: &Path, media: bool) -> Result<(), Failure> {
    let (config, _) = home.read()?;
    if to.symlink_metadata().is_ok() {
        return Err(Failure::Wrong(format!("{} is there already: give a name that is free", to.display())));
    }
    let record = Record::open(&config)?;
    let failed = |error: io::Error| Failure::Failed(format!("{}: {error}; there is no backup", to.display()));
    let settings = settings(home, &config, media)?;
    let (new, file) = Unplaced::beside(to, "part").map_err(failed)?;
    let home_folder = std::path::absolute(home.folder()).map_err(failed)?;
    let head = Head {
        form: FORM,
        version: env!("CARGO_PKG_VERSION").into(),
        made: Timestamp::now(),
        home: home_folder,
        media,
    };
    let mut writer = Writer::begin(BufWriter::new(file), &head).map_err(failed)?;
    for (path, read) in &settings {
        writer
            .add(&read.about, &mut read.content.as_slice())
            .map_err(|error| because(path.display())(error))?;
    }
    if media {
        for (folder, path) in
            [("recordings", &config.storage.recordings), ("snapshots", &config.storage.snapshots)]
        {
            add_media(&mut writer, folder, path)?;
        }
    }
    let (out, files) = writer.finish().map_err(failed)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    new.place_new(to).map_err(failed)?;
    let what = format!("backup of {} files, {bytes} bytes", files.len() - 1);
    record.write(Event::Service, &what, &to.display().to_string())?;
    for path in elsewhere(home, &config) {
        complain!("not in it, because it is kept elsewhere: {}", path.display());
    }
    complain!(
        "{}: {what}. It holds secrets: keep it as you keep {}.",
        to.display(),
        home.env_file().display()
    );
    Ok(())
}

/// Files that the configuration names and a backup does not take along.
fn elsewhere(home: &Home, config: &Config) -> Vec<PathBuf> {
    let tls = config.server.tls.iter();
    let named = tls.flat_map(|tls| [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()]);
    let named = named.chain([config.security.jwt.public_key.as_ref()]).flatten();
    let inside = [home.folder().join("config"), home.folder().join("security")];
    named.filter(|path| !inside.iter().any(|folder| path.starts_with(folder))).cloned().collect()
}

/// Every file of settings, read at one moment: no key is made or revoked meanwhile.
fn settings(home: &Home, config: &Config, media: bool) -> Result<BTreeMap<PathBuf, Read>, Failure> {
    let mut found = BTreeMap::new();
    let keys = &config.security.api_keys;
    let keys_folder = folder_of(keys);
    // As whoever changes the keys does: the folder itself is the lock.
    let lock = File::open(keys_folder).map_err(because(keys_folder.display()))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(because(keys_folder.display()))?;
    take(&home.env_file(), ".env", &mut found)?;
    for name in ["config", "security"] {
        take_folder(&home.folder().join(name), name, &mut found)?;
    }
    // What else the service keeps there is of this run, but for what it knows of its media.
    take(&home.changes(), "state/changes.json", &mut found)?;
    if media {
        take(&home.undated(), "state/undated.jsonl", &mut found)?;
    }
    if !found.contains_key(keys) {
        for path in [keys.clone(), config.security.revoked()] {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            take(&path, &format!("keys/{name}"), &mut found)?;
        }
    }
    Ok(found)
}

fn take_folder(folder: &Path, name: &str, found: &mut BTreeMap<PathBuf, Read>) -> Result<(), Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(because(folder.display())(error)),
    };
    for entry in entries {
        let entry = entry.map_err(because(folder.display()))?;
        let path = entry.path();
        let Ok(file_name) = entry.file_name().into_string() else {
            return Err(Failure::Failed(format!("{}: its name is not UTF-8: rename it", path.display())));
        };
        // The lock, and what is about to be renamed.
        if file_name.starts_with('.') || file_name == "lock" || file_name.ends_with(".new") {
            continue;
        }
        let inner = format!("{name}/{file_name}");
        let kind = entry.file_type().map_err(because(path.display()))?;
        if kind.is_dir() {
            take_folder(&path, &inner, found)?;
        } else if kind.is_file() {
            take(&path, &inner, found)?;
        } else {
            complain!("not in it, because it is no file: {}", path.display());
        }
    }
    Ok(())
}

fn take(path: &Path, name: &str, found: &mut BTreeMap<PathBuf, Read>) -> Result<(), Failure> {
    use io::Read as _;
    let failed = |error: io::Error| because::<io::Error>(path.display())(error);
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    let mut content = Vec::new();
    (&file).take(MAX_SIZE + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > MAX_SIZE {
        return Err(Failure::Failed(format!("{}: over 16 MiB: keep it elsewhere", path.display())));
    }
    let about = about(name, content.len() as u64, &metadata);
    found.insert(path.to_owned(), Read { about, content });
    Ok(())
}

fn about(name: &str, size: u64, metadata: &std::fs::Metadata) -> About {
    About {
        path: name.to_owned(),
        size,
        mode: metadata.mode() & 0o777,
        modified: u64::try_from(metadata.mtime()).unwrap_or(0),
    }
}

/// Every finished file with what is kept of it, and of one that is being recorded as much as is there now, which plays.
fn add_media<W: io::Write>(writer: &mut Writer<W>, folder: &str, path: &Path) -> Result<(), Failure> {
    let failed = |error: &StorageError| Failure::Failed(error.to_string());
    let library = Library::open(path).map_err(|error| failed(&error))?;
    let mut names: Vec<FileName> =
        library.all().map_err(|error| failed(&error))?.into_iter().map(|file| file.name).collect();
    names.sort();
    for name in names {
        let (mut file, info) = match library.read(&name) {
            Ok(opened) => opened,
            // Retention or somebody deleted it since.
            Err(StorageError::NotFound(_)) => continue,
            Err(error) => return Err(failed(&error)),
        };
        let metadata = file.metadata().map_err(because(&name))?;
        let of_file = about(&format!("{folder}/{name}"), info.bytes, &metadata);
        writer.add(&of_file, &mut file).map_err(because(&name))?;
        if let Some((hidden, mut note)) = library.note_file(&name) {
            let metadata = note.metadata().map_err(because(&hidden))?;
            let of_note = about(&format!("{folder}/{hidden}"), metadata.len(), &metadata);
            writer.add(&of_note, &mut note).map_err(because(&hidden))?;
        }
    }
    Ok(())
}
