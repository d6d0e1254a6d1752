//! The files of a stranger's bundle: a folder, or a tar read in place. Follows no link, opens nothing but plain files,
//! trusts no name and no size.
//!
//! Who can change a folder while it is read can swap its parent folders for links; what was read is then what is judged.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The most files a bundle may hold.
pub const MAX_FILES: usize = 200_000;
/// The deepest nesting of folders in a bundle.
const MAX_FOLDERS: usize = 16;
/// The most bytes that one tar header, with its long names, may take.
const MAX_HEADER: u64 = 1 << 20;

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
    /// Neither a folder nor a tar.
    #[error("{} is neither a folder nor a tar: {reason}", path.display())]
    Neither {
        /// Where.
        path: PathBuf,
        /// What it is instead.
        reason: String,
    },
    /// There is no log in it.
    #[error("{} holds no evidence.jsonl: it is not a bundle (a run that was killed at its very start leaves none)", .0.display())]
    NoLog(PathBuf),
    /// More files than a bundle may hold.
    #[error("{} holds more than {MAX_FILES} files", .0.display())]
    TooMany(PathBuf),
}

/// The files of a bundle, by their path inside it.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    form: Form,
    /// Plain files, with their sizes in bytes.
    files: BTreeMap<String, u64>,
    /// What must not be in a bundle: links, devices, odd names; each in words.
    strange: Vec<String>,
}

#[derive(Debug)]
enum Form {
    Folder,
    /// A tar on disk; where each file's bytes begin.
    Tar(BTreeMap<String, u64>),
    /// A tar in memory.
    Bytes(Vec<u8>, BTreeMap<String, u64>),
}

/// Whether a file of the plan may have this path in a bundle.
pub(crate) fn is_plan_file(name: &str) -> bool {
    name == "plan.yaml" || (name.starts_with("includes/") && is_plain(name))
}

/// Relative, made of normal names only, printable.
fn is_plain(name: &str) -> bool {
    name.len() <= 1024
        && name.split('/').count() <= MAX_FOLDERS
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !name.contains(|c: char| c.is_control() || c == '\\')
}

impl Store {
    /// Lists the files of a folder or a tar.
    ///
    /// # Errors
    /// [`StoreError`] if it is neither, holds no log, or too many files.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let metadata =
            std::fs::metadata(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
        let mut store =
            Self { path: path.to_owned(), form: Form::Folder, files: BTreeMap::new(), strange: Vec::new() };
        if metadata.is_dir() {
            store.walk(path, "", 0)?;
        } else if metadata.is_file() {
            let mut file =
                open_plain(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
            let places = store.index(&mut file, metadata.len())?;
            store.form = Form::Tar(places);
        } else {
            return Err(store.neither(&"it is a device, a socket or a pipe"));
        }
        store.with_log()
    }

    /// Lists the files of a tar in memory.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn from_tar(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut store = Self {
            path: PathBuf::from("the tar"),
            form: Form::Folder,
            files: BTreeMap::new(),
            strange: Vec::new(),
        };
        let places = store.index(&mut Cursor::new(bytes), bytes.len() as u64)?;
        store.form = Form::Bytes(bytes.to_vec(), places);
        store.with_log()
    }

    fn with_log(self) -> Result<Self, StoreError> {
        if self.files.contains_key("evidence.jsonl") { Ok(self) } else { Err(StoreError::NoLog(self.path)) }
    }

    fn neither(&self, reason: &dyn ToString) -> StoreError {
        StoreError::Neither { path: self.path.clone(), reason: reason.to_string() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plain files, with their sizes in bytes.
    pub const fn files(&self) -> &BTreeMap<String, u64> {
        &self.files
    }

    /// What must not be in a bundle, in words; at most a hundred.
    pub fn strange(&self) -> &[String] {
        &self.strange
    }

    fn note(&mut self, what: String) {
        if self.strange.len() < 100 {
            self.strange.push(what);
        }
    }

    fn add(&mut self, name: &str, size: u64) -> Result<(), StoreError> {
        if self.files.len() >= MAX_FILES {
            return Err(StoreError::TooMany(self.path.clone()));
        }
        if self.files.insert(name.to_owned(), size).is_some() {
            self.note(format!("{} is there twice", quoted(name)));
        }
        Ok(())
    }

    fn walk(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), StoreError> {
        let failed = |source| StoreError::File { path: folder.to_owned(), source };
        for item in std::fs::read_dir(folder).map_err(failed)? {
            let item = item.map_err(failed)?;
            let Ok(name) = item.file_name().into_string() else {
                self.note(format!("a name in {} that is not UTF-8", quoted(prefix)));
                continue;
            };
            let name = format!("{prefix}{name}");
            // Of the entry itself: a link is a link here, whatever it points to.
            let metadata = item.metadata().map_err(failed)?;
            if !is_plain(&name) {
                self.note(format!("the odd name {}", quoted(&name)));
            } else if metadata.is_symlink() {
                self.note(format!("{} is a link", quoted(&name)));
            } else if metadata.is_file() {
                self.add(&name, metadata.len())?;
            } else if !metadata.is_dir() {
                self.note(format!("{} is neither a file nor a folder", quoted(&name)));
            } else if depth >= MAX_FOLDERS {
                self.note(format!("{} is nested too deep", quoted(&name)));
            } else if !is_expected_folder(&name) {
                self.note(format!("the folder {} does not belong there", quoted(&name)));
            } else {
                self.walk(&item.path(), &format!("{name}/"), depth + 1)?;
            }
        }
        Ok(())
    }

    /// Lists the members of a tar, below the folder that holds `evidence.jsonl`; returns where their bytes begin.
    fn index<R: Read + Seek>(
        &mut self,
        source: &mut R,
        length: u64,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let left = Rc::new(std::cell::Cell::new(MAX_HEADER));
        let mut archive = tar::Archive::new(Metered { source, left: Rc::clone(&left) });
        let mut members: Vec<(String, u64, u64)> = Vec::new();
        let mut entries = archive.entries_with_seek().map_err(|error| self.neither(&error))?;
        while let Some(entry) = {
            left.set(MAX_HEADER);
            entries.next()
        } {
            let entry = entry.map_err(|error| self.neither(&error))?;
            let name = match std::str::from_utf8(&entry.path_bytes()) {
                Ok(name) => name.trim_start_matches("./").trim_end_matches('/').to_owned(),
                Err(_) => {
                    self.note("a name in the tar that is not UTF-8".to_owned());
                    continue;
                }
            };
            let kind = entry.header().entry_type();
            if kind.is_dir() {
                continue;
            }
            if !is_plain(&name) {
                self.note(format!("the odd name {}", quoted(&name)));
            } else if !kind.is_file() {
                self.note(format!("{} is a link or a special file", quoted(&name)));
            } else if entry.raw_file_position().checked_add(entry.size()).is_none_or(|end| end > length) {
                return Err(self.neither(&format!("the tar is cut: it ends within {}", quoted(&name))));
            } else if members.len() >= MAX_FILES {
                return Err(StoreError::TooMany(self.path.clone()));
            } else {
                members.push((name, entry.raw_file_position(), entry.size()));
            }
        }
        let top = members
            .iter()
            .filter_map(|(name, ..)| name.strip_suffix("evidence.jsonl"))
            .filter(|top| top.is_empty() || top.ends_with('/'))
            .min_by_key(|top| top.len())
            .unwrap_or_default()
            .to_owned();
        let mut places = BTreeMap::new();
        for (name, place, size) in members {
            match name.strip_prefix(&top) {
                Some(name) => {
                    self.add(name, size)?;
                    places.insert(name.to_owned(), place);
                }
                None => self.note(format!("{} lies outside the bundle", quoted(&name))),
            }
        }
        Ok(places)
    }

    /// Opens a file that was listed.
    ///
    /// # Errors
    /// If it is not there, has become something else, or cannot be read.
    pub fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send + '_>> {
        let size = *self.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        match &self.form {
            Form::Folder => Ok(Box::new(open_plain(&self.path.join(name))?)),
            Form::Tar(places) => {
                let place = *places.get(name).ok_or(io::ErrorKind::NotFound)?;
                let mut file = open_plain(&self.path)?;
                file.seek(SeekFrom::Start(place))?;
                Ok(Box::new(file.take(size)))
            }
            Form::Bytes(bytes, places) => {
                let place = *places.get(name).ok_or(io::ErrorKind::NotFound)?;
                let mut cursor = Cursor::new(&bytes[..]);
                cursor.set_position(place);
                let section: Take<Cursor<&[u8]>> = cursor.take(size);
                Ok(Box::new(section))
            }
        }
    }

    /// The whole of a small file.
    ///
    /// # Errors
    /// As [`Store::read`], and if it is longer than `cap` bytes.
    pub fn read_all(&self, name: &str, cap: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(name)?.take(cap + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > cap {
            return Err(io::Error::other(format!("it is longer than {cap} bytes")));
        }
        Ok(bytes)
    }
}

/// The folders a bundle has.
fn is_expected_folder(name: &str) -> bool {
    matches!(name, "artifacts" | "includes" | "countersignatures") || name.starts_with("includes/")
}

/// A name from a stranger, for a message.
pub(crate) fn quoted(name: &str) -> String {
    let short: String = name.chars().take(120).collect();
    format!("`{}`", short.escape_debug())
}

/// Opens a plain file for reading; never a link, and without waiting for the other end of a pipe.
fn open_plain(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        // The bits of open(2) flags fit an int.
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    #[cfg(not(unix))]
    if path.symlink_metadata()?.is_symlink() {
        return Err(io::Error::other("it is a link"));
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a plain file")) }
}

/// A reader that stops a tar whose headers want too much memory.
struct Metered<'a, R> {
    source: &'a mut R,
    left: Rc<std::cell::Cell<u64>>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        let left = self.left.get().checked_sub(read as u64);
        self.left.set(left.ok_or_else(|| io::Error::other("a header takes more than 1 MiB"))?);
        Ok(read)
    }
}

impl<R: Seek> Seek for Metered<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}
