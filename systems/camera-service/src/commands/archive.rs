//! The form of a backup: a tar that begins with `backup.json` and ends with `manifest.json`, which lists every file before it with size,
//! mode, time and SHA-256. It is written in one way only, so that an archive is good exactly if writing its files again gives the
//! same bytes: whatever was altered, also where tar would not look, is found.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

/// The form that is written, and the newest that is read.
pub const FORM: u32 = 1;
const HEAD: &str = "backup.json";
const MANIFEST: &str = "manifest.json";
/// The largest head or manifest that is read, in bytes.
const MAX_SIZE: u64 = 64 << 20;

/// Why an archive is not restored from.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system refuses to read it, or it is no tar.
    #[error("the archive cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is not as `backup` writes it.
    #[error("{0}; nothing was touched")]
    Bad(String),
}

fn bad<T>(why: impl Into<String>) -> Result<T, ArchiveError> {
    Err(ArchiveError::Bad(why.into()))
}

/// The first entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Head {
    /// The form of the archive.
    pub form: u32,
    /// The program that wrote it.
    pub version: String,
    /// When.
    pub made: Timestamp,
    /// The folder of the installation.
    pub home: PathBuf,
    /// Whether recordings and snapshots are in it.
    pub media: bool,
}

/// A file in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its name, such as `security/api-keys.json`.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its permissions.
    pub mode: u32,
    /// When it was last written to, in seconds.
    pub modified: u64,
    /// Of its content, in hexadecimal digits.
    pub sha256: String,
}

/// What is said of a file before its content is read.
#[derive(Debug, Clone)]
pub struct About {
    /// As in [`Listed`].
    pub path: String,
    /// As in [`Listed`].
    pub size: u64,
    /// As in [`Listed`].
    pub mode: u32,
    /// As in [`Listed`].
    pub modified: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    files: Vec<Listed>,
}

/// An archive being written.
pub struct Writer<W: Write> {
    tar: Builder<W>,
    files: Vec<Listed>,
}

impl<W: Write> Writer<W> {
    /// Begins with the head.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(out: W, head: &Head) -> io::Result<Self> {
        let mut writer = Writer { tar: Builder::new(out), files: Vec::new() };
        let text = pretty(head)?;
        let about = About { path: HEAD.into(), size: text.len() as u64, mode: 0o600, modified: 0 };
        writer.add(&about, &mut text.as_slice())?;
        Ok(writer)
    }

    /// Adds a file, of whose content exactly `size` bytes are taken.
    ///
    /// # Errors
    /// It cannot be read or written, or has become shorter.
    pub fn add(&mut self, about: &About, content: &mut dyn Read) -> io::Result<()> {
        let mut hashing = Hashing { content: content.take(about.size), digest: Sha256::new() };
        self.entry(about, &mut hashing)?;
        if hashing.content.limit() > 0 {
            let why = format!("{} became shorter while it was read: try again", about.path);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        let About { path, size, mode, modified } = about.clone();
        self.files.push(Listed { path, size, mode, modified, sha256: hex(hashing.digest) });
        Ok(())
    }

    /// Ends with the manifest.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> io::Result<(W, Vec<Listed>)> {
        let manifest = Manifest { files: self.files };
        let text = pretty(&manifest)?;
        let about = About { path: MANIFEST.into(), size: text.len() as u64, mode: 0o600, modified: 0 };
        self.files = Vec::new();
        self.entry(&about, &mut text.as_slice())?;
        Ok((self.tar.into_inner()?, manifest.files))
    }

    fn entry(&mut self, about: &About, content: &mut dyn Read) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(about.size);
        header.set_mode(about.mode);
        header.set_mtime(about.modified);
        self.tar.append_data(&mut header, &about.path, content)
    }
}

struct Hashing<R> {
    content: io::Take<R>,
    digest: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn pretty(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// Reads the whole archive and holds it against its manifest. What it gives may be restored.
///
/// # Errors
/// Anything that `backup` did not write, or that is no longer as it wrote it.
pub fn check(file: &File) -> Result<(Head, Vec<Listed>), ArchiveError> {
    let mut archive = tar::Archive::new(BufReader::new(Reading::start(file)));
    let mut entries = archive.entries()?;
    let head = match entries.next() {
        Some(entry) => head(entry?)?,
        None => return bad("this is no backup of a camera service: it is empty"),
    };
    let mut copy = Writer::begin(Comparing(Reading::start(file)), &head)?;
    let mut seen = HashSet::new();
    for entry in entries {
        let mut entry = entry?;
        let about = about(&entry)?;
        if about.path == MANIFEST {
            let manifest: Manifest = small(&mut entry, MANIFEST)?;
            compare(&manifest.files, &copy.files)?;
            let (Comparing(mut rest), files) = copy.finish()?;
            if rest.read(&mut [0])? > 0 {
                return bad("the archive goes on after its manifest: it is damaged, or was altered");
            }
            return Ok((head, files.into_iter().skip(1).collect()));
        }
        check_path(&about.path)?;
        if !seen.insert(about.path.clone()) {
            return bad(format!("{} is in the archive twice", about.path));
        }
        copy.add(&about, &mut entry)?;
    }
    bad("the archive has no manifest: it is not whole")
}

/// Whether this very content is in that place already.
pub fn holds(path: &Path, listed: &Listed) -> bool {
    let same_length =
        path.symlink_metadata().is_ok_and(|there| there.is_file() && there.len() == listed.size);
    let digest = || -> io::Result<String> {
        let mut hashing = Hashing { content: File::open(path)?.take(listed.size), digest: Sha256::new() };
        io::copy(&mut hashing, &mut io::sink())?;
        Ok(hex(hashing.digest))
    };
    same_length && digest().is_ok_and(|digest| digest == listed.sha256)
}

/// Goes through the files of an archive that was checked. Each content is held against the manifest once more.
///
/// # Errors
/// What `each` says, or that the archive has changed since.
pub fn each_file<E: From<ArchiveError>>(
    file: &File,
    files: &[Listed],
    mut each: impl FnMut(&Listed, &mut dyn Read) -> Result<(), E>,
) -> Result<(), E> {
    let changed = || ArchiveError::Bad("the archive has changed since it was checked".into());
    let mut archive = tar::Archive::new(BufReader::new(Reading::start(file)));
    let mut entries = archive.entries().map_err(ArchiveError::from)?.skip(1);
    for listed in files {
        let entry = entries.next().ok_or_else(changed)?.map_err(ArchiveError::from)?;
        let mut hashing = Hashing { content: entry.take(listed.size), digest: Sha256::new() };
        each(listed, &mut hashing)?;
        if hex(hashing.digest) != listed.sha256 {
            return Err(changed().into());
        }
    }
    Ok(())
}

fn head(mut entry: tar::Entry<'_, impl Read>) -> Result<Head, ArchiveError> {
    #[derive(Deserialize)]
    struct Formed {
        form: u32,
    }
    let about = about(&entry)?;
    if about.path != HEAD {
        return bad(format!(
            "this is no backup of a camera service: it begins with {}, not {HEAD}",
            about.path
        ));
    }
    let value: serde_json::Value = small(&mut entry, HEAD)?;
    let Formed { form } = read(value.clone(), HEAD)?;
    if form > FORM {
        return bad(format!(
            "the archive was made by a newer version (form {form}; this one reads up to {FORM}): install that version first"
        ));
    }
    read(value, HEAD)
}

fn read<T: for<'a> Deserialize<'a>>(value: serde_json::Value, name: &str) -> Result<T, ArchiveError> {
    serde_json::from_value(value).map_err(|error| ArchiveError::Bad(format!("{name} is damaged: {error}")))
}

fn small<T: for<'a> Deserialize<'a>>(entry: &mut impl Read, name: &str) -> Result<T, ArchiveError> {
    let mut text = Vec::new();
    entry.take(MAX_SIZE).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(|error| ArchiveError::Bad(format!("{name} is damaged: {error}")))
}

fn about(entry: &tar::Entry<'_, impl Read>) -> Result<About, ArchiveError> {
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let header = entry.header();
    if header.entry_type() != EntryType::Regular {
        return bad(format!(
            "{path:?} in the archive is no file but {:?}: only files are restored",
            header.entry_type()
        ));
    }
    Ok(About { path, size: entry.size(), mode: header.mode()?, modified: header.mtime()? })
}

/// Only what `backup` writes: `.env`, and files below the folders it knows.
fn check_path(path: &str) -> Result<(), ArchiveError> {
    let parts: Vec<Component<'_>> = Path::new(path).components().collect();
    let plain = parts.iter().all(|part| matches!(part, Component::Normal(_)));
    let normal = parts.iter().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
    if !plain || normal != path {
        return bad(format!("{path:?} in the archive leads out of the folder it belongs in"));
    }
    let known = match path.split_once('/') {
        None => path == ".env",
        Some((folder, _)) => FOLDERS.contains(&folder),
    };
    if known { Ok(()) } else { bad(format!("{path:?} in the archive is nothing that a backup has")) }
}

/// The folders in an archive; `keys` is that of the API keys where it is not `security`.
pub const FOLDERS: [&str; 6] = ["config", "security", "keys", "state", "recordings", "snapshots"];

fn compare(listed: &[Listed], found: &[Listed]) -> Result<(), ArchiveError> {
    if listed == found {
        return Ok(());
    }
    let mut by_path: HashMap<&str, &Listed> = listed.iter().map(|file| (file.path.as_str(), file)).collect();
    for file in found {
        match by_path.remove(file.path.as_str()) {
            None => return bad(format!("{} is in the archive but not in its manifest", file.path)),
            Some(listed) if listed != file => {
                return bad(format!(
                    "{} is not as it was backed up: it is damaged, or was altered",
                    file.path
                ));
            }
            Some(_) => {}
        }
    }
    match by_path.keys().min() {
        Some(path) => bad(format!("{path:?} is in the manifest but not in the archive")),
        None => bad("the manifest lists files twice, or in another order than they have"),
    }
}

/// A file read from its beginning, whatever else reads it.
struct Reading<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> Reading<'a> {
    fn start(file: &'a File) -> Self {
        Reading { file, at: 0 }
    }
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Takes only what stands in the file already.
struct Comparing<'a>(Reading<'a>);

impl Write for Comparing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut there = vec![0; bytes.len()];
        let at = self.0.at;
        let whole = self.0.read_exact(&mut there);
        if whole.is_err() || there != bytes {
            let differs =
                there.iter().zip(bytes).position(|(there, wanted)| there != wanted).unwrap_or(0) as u64;
            let message = format!(
                "it is damaged, or was altered, at byte {} or near it; nothing was touched",
                at + differs
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
