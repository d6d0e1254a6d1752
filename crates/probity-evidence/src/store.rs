//! The files of a stranger's bundle: a folder, or a tar read in place. Follows no link, opens nothing but plain files,
//! trusts no name and no size, and opens the log once.
//!
//! Who can change a folder while it is read can swap its parent folders for links; what was read is then what is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use probity_plan::file_names::{MAX_FOLDERS, Names, is_plain};

use crate::archive::{self, ArchiveError, Content};
use crate::disk;
use crate::verify::FileProblem;

/// The most files a bundle may hold.
pub const MAX_FILES: usize = 200_000;
/// The most things that are named as not belonging into a bundle.
const MAX_STRANGE: usize = 100;

/// The log's name in a bundle.
pub(crate) const LOG: &str = "evidence.jsonl";

/// Why something cannot be read as the files of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither a folder nor a file.
    #[error("{} is neither a folder nor a tar: it is a device, a socket or a pipe", .0.display())]
    Neither(PathBuf),
    /// Something else than a tar, in words.
    #[error("{} is neither a folder nor a tar: {what}", path.display())]
    NoTar {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A tar that is not read in the same way by all.
    #[error("{} is neither a folder nor a tar that all programs read alike: {source}", path.display())]
    Archive {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        source: ArchiveError,
    },
    /// There is no log in it.
    #[error("{} holds no evidence.jsonl: it is not a bundle (a run that was killed at its very start leaves none){}", path.display(), also(strange))]
    NoLog {
        /// Where.
        path: PathBuf,
        /// What is there instead, if anything strange is.
        strange: Option<FileProblem>,
    },
    /// More files than a bundle may hold.
    #[error("{} holds more than {MAX_FILES} files", .0.display())]
    TooMany(PathBuf),
}

fn also(strange: &Option<FileProblem>) -> String {
    strange.as_ref().map_or_else(String::new, |strange| format!("; {strange}"))
}

/// The files of a bundle, by their path inside it.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    form: Form,
    /// Plain files, with their sizes in bytes.
    files: BTreeMap<String, u64>,
    names: Names,
    /// What must not be in a bundle: links, devices, odd names.
    strange: Vec<FileProblem>,
}

#[derive(Debug)]
enum Form {
    /// A folder, with its log.
    Folder(Option<Source>),
    /// A tar; where each file's bytes begin.
    Tar(Source, BTreeMap<String, u64>),
}

/// Bytes that several readers share.
#[derive(Clone, Debug)]
enum Source {
    File(Arc<Mutex<File>>),
    Bytes(Arc<[u8]>),
}

/// A part of a file, from its beginning to the end that it had when it was listed.
#[derive(Debug)]
pub struct Section {
    source: Source,
    at: u64,
    end: u64,
}

impl Section {
    fn of(source: Source, at: u64, size: u64) -> Self {
        Self { source, at, end: at.saturating_add(size) }
    }

    /// How many bytes of it were not read.
    pub fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// Without its first bytes.
    pub(crate) fn after(self, bytes: u64) -> Self {
        Self { at: self.at.saturating_add(bytes).min(self.end), ..self }
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left()).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..most];
        let read = match &self.source {
            Source::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(self.at))?;
                file.read(buffer)?
            }
            Source::Bytes(bytes) => {
                let mut bytes = Cursor::new(&bytes[..]);
                bytes.set_position(self.at);
                bytes.read(buffer)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Store {
    /// Lists the files of a folder or a tar.
    ///
    /// # Errors
    /// [`StoreError`] if it is neither, holds no log, or too many files.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        let mut store = Self::empty(path);
        if metadata.is_dir() {
            store.walk(path, "", 0, &mut 0)?;
            // What its reader may not read is no alteration.
            for name in store.files.keys() {
                let file = path.join(name);
                match open_plain(&file) {
                    Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
                        return Err(StoreError::File { path: file, source });
                    }
                    _ => {}
                }
            }
            if store.files.contains_key(LOG) {
                let log = open_plain(&path.join(LOG)).map_err(failed)?;
                store.files.insert(LOG.to_owned(), log.metadata().map_err(failed)?.len());
                store.form = Form::Folder(Some(Source::File(Arc::new(Mutex::new(log)))));
            }
        } else if metadata.is_file() {
            let mut file = open_plain(path).map_err(failed)?;
            let length = file.metadata().map_err(failed)?.len();
            if let Some(what) = no_tar(&mut file, length).map_err(failed)? {
                return Err(StoreError::NoTar { path: path.to_owned(), what });
            }
            let places = store.index(&mut file, length)?;
            store.form = Form::Tar(Source::File(Arc::new(Mutex::new(file))), places);
        } else {
            return Err(StoreError::Neither(path.to_owned()));
        }
        store.with_log()
    }

    /// Lists the files of a tar in memory.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn from_tar(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut store = Self::empty(Path::new("the tar"));
        let places = store.index(&mut Cursor::new(bytes), bytes.len() as u64)?;
        store.form = Form::Tar(Source::Bytes(bytes.into()), places);
        store.with_log()
    }

    fn empty(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            form: Form::Folder(None),
            files: BTreeMap::new(),
            names: Names::default(),
            strange: Vec::new(),
        }
    }

    fn with_log(self) -> Result<Self, StoreError> {
        match self.files.contains_key(LOG) {
            true => Ok(self),
            false => Err(StoreError::NoLog { strange: self.strange.into_iter().next(), path: self.path }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plain files, with their sizes in bytes.
    pub const fn files(&self) -> &BTreeMap<String, u64> {
        &self.files
    }

    /// What must not be in a bundle; at most a hundred.
    pub fn strange(&self) -> &[FileProblem] {
        &self.strange
    }

    fn note(&mut self, what: FileProblem) {
        if self.strange.len() < MAX_STRANGE {
            self.strange.push(what);
        }
    }

    /// Takes a name in; false if it is noted as strange instead.
    fn name(&mut self, name: &str) -> bool {
        if !is_plain(name) {
            self.note(FileProblem::OddName { file: name.to_owned() });
            return false;
        }
        if let Some(other) = self.names.add(name) {
            self.note(FileProblem::SameName { file: other, other: name.to_owned() });
            return false;
        }
        true
    }

    fn add(&mut self, name: &str, size: u64) {
        if self.files.insert(name.to_owned(), size).is_some() {
            self.note(FileProblem::Twice { file: name.to_owned() });
        }
    }

    fn folder(&mut self, name: &str) {
        if !is_expected_folder(name) {
            self.note(FileProblem::ForeignFolder { folder: name.to_owned() });
        }
    }

    fn walk(&mut self, folder: &Path, prefix: &str, depth: usize, met: &mut usize) -> Result<(), StoreError> {
        let failed = |source| StoreError::File { path: folder.to_owned(), source };
        for item in std::fs::read_dir(folder).map_err(failed)? {
            let item = item.map_err(failed)?;
            *met += 1;
            if *met > MAX_FILES {
                return Err(StoreError::TooMany(self.path.clone()));
            }
            let Ok(name) = item.file_name().into_string() else {
                self.note(FileProblem::NotUtf8 { folder: prefix.to_owned() });
                continue;
            };
            let name = format!("{prefix}{name}");
            // Of the entry itself: a link is a link here, whatever it points to.
            let metadata = match item.metadata() {
                // A run that goes on gave a checkpoint its name meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(failed)?,
            };
            if !self.name(&name) {
            } else if metadata.is_symlink() {
                self.note(FileProblem::Link { file: name });
            } else if metadata.is_file() {
                self.add(&name, metadata.len());
            } else if !metadata.is_dir() {
                self.note(FileProblem::Neither { file: name });
            } else if depth >= MAX_FOLDERS {
                self.note(FileProblem::TooDeep { file: name });
            } else {
                self.folder(&name);
                if is_expected_folder(&name) {
                    self.walk(&item.path(), &format!("{name}/"), depth + 1, met)?;
                }
            }
        }
        Ok(())
    }

    /// Lists the members of a tar, below the folder that holds the log; returns where their bytes begin.
    fn index<R: Read + Seek>(
        &mut self,
        source: &mut R,
        length: u64,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let members = archive::members(source, length, MAX_FILES)
            .map_err(|source| StoreError::Archive { path: self.path.clone(), source })?;
        let logs = members.iter().filter_map(|member| member.name.strip_suffix(LOG));
        let top = logs
            .filter(|top| top.is_empty() || top.ends_with('/'))
            .min_by_key(|top| top.len())
            .unwrap_or_default()
            .to_owned();
        if !top.is_empty() && !is_plain(top.trim_end_matches('/')) {
            self.note(FileProblem::OddTop { folder: top.clone() });
        }
        let (mut places, mut folders) = (BTreeMap::new(), BTreeSet::new());
        for member in members {
            if member.content == Content::Folder && !folders.insert(member.name.clone()) {
                self.note(FileProblem::FolderTwice { folder: member.name.clone() });
            }
            let below = member.name.strip_prefix(&top);
            match (member.content, below) {
                // The bundle's own folder, and those above it.
                (Content::Folder, _) if member.name.is_empty() => {}
                (Content::Folder, _) if top.starts_with(&format!("{}/", member.name)) => {}
                (_, None) => self.note(FileProblem::Outside { file: member.name }),
                (Content::Folder, Some(name)) => {
                    if self.name(name) {
                        self.folder(name);
                    }
                }
                (Content::File { at, size }, Some(name)) => {
                    if self.name(name) {
                        self.add(name, size);
                        places.insert(name.to_owned(), at);
                    }
                }
            }
        }
        Ok(places)
    }

    /// Opens a file that was listed, to the end that it has now.
    ///
    /// # Errors
    /// If it is not there, has become something else, or cannot be read.
    pub fn read(&self, name: &str) -> io::Result<Section> {
        let listed = *self.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        match &self.form {
            // A run that goes on appends to it.
            Form::Folder(Some(log)) if name == LOG => {
                let size = match log {
                    Source::File(file) => {
                        file.lock().unwrap_or_else(PoisonError::into_inner).metadata()?.len()
                    }
                    Source::Bytes(_) => listed,
                };
                Ok(Section::of(log.clone(), 0, size))
            }
            Form::Folder(_) => {
                let file = open_plain(&self.path.join(name))?;
                let size = file.metadata()?.len();
                Ok(Section::of(Source::File(Arc::new(Mutex::new(file))), 0, size))
            }
            Form::Tar(tar, places) => {
                let place = *places.get(name).ok_or(io::ErrorKind::NotFound)?;
                Ok(Section::of(tar.clone(), place, listed))
            }
        }
    }

    /// As [`Store::read`], of a file of at most `most` bytes.
    ///
    /// # Errors
    /// As [`Store::read`], and if it is longer, before any of it is read.
    pub fn read_within(&self, name: &str, most: u64) -> io::Result<Section> {
        let section = self.read(name)?;
        match section.left() {
            size if size > most => {
                Err(io::Error::other(format!("it has {size} bytes; at most {most} are read")))
            }
            _ => Ok(section),
        }
    }

    /// The whole of a small file.
    ///
    /// # Errors
    /// As [`Store::read_within`].
    pub fn read_all(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_within(name, most)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The folders a bundle has.
fn is_expected_folder(name: &str) -> bool {
    matches!(name, "artifacts" | "includes") || name.starts_with("includes/")
}

/// Opens a plain file for reading; never a link, and without waiting for the other end of a pipe.
fn open_plain(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    disk::open_with(&mut options, rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK);
    #[cfg(not(unix))]
    if path.symlink_metadata()?.is_symlink() {
        return Err(io::Error::other("it is a link"));
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a plain file")) }
}

/// What a file is that is surely no tar.
fn no_tar(file: &mut File, length: u64) -> io::Result<Option<&'static str>> {
    let mut start = [0; 512];
    let read = file.take(512).read(&mut start)?;
    file.rewind()?;
    Ok(match &start[..read] {
        [0x1f, 0x8b, ..] => Some("it is compressed; unpack it with gunzip first"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("it is compressed; unpack it with unzstd first"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("it is compressed; unpack it with unxz first"),
        start if length < 512 || start.get(257..262) != Some(b"ustar") => Some("it is another file"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_bundle_is_opened_while_its_run_places_a_checkpoint() {
        let folder = std::env::temp_dir().join(format!("probity-store-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(LOG), "{}\n").unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::fs::write(folder.join("checkpoint.partial"), "c").unwrap();
                    std::fs::rename(folder.join("checkpoint.partial"), folder.join("checkpoint")).unwrap();
                }
            });
            let opened: Vec<_> = (0..20_000).map(|_| Store::open(&folder).map(drop)).collect();
            over.store(true, Ordering::Relaxed);
            let failed = opened.into_iter().find_map(Result::err);
            assert!(failed.is_none(), "{failed:?}");
        });
        std::fs::remove_dir_all(folder).unwrap();
    }
}
