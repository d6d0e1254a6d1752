//! `file`: one descriptor, from which every fact is taken; the content only when a claim reads it.

use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};

use probity_plan::kinds::file::File;
use probity_plan::{Barrier, Blocked, Value};
use rustix::fs::{Mode, OFlags};
use tokio::sync::oneshot;

use crate::look::{Context, FactSelection, Look, Seen, Underway, barrier_of, not_ahead};
use crate::mask::Masks;
use crate::names::{Database, number_of_its_own, owner_and_group};
use crate::{attributes, documents};

/// The longest content that is kept as a fact or parsed; a digest is taken of any length.
const MAX_LENGTH: usize = 1 << 20;
/// Bytes that are read at once: no more than a file has, but many of one that does not tell its length: most below `/proc/sys`
/// give what they hold to the first read only, however little that takes.
const SMALLEST: u64 = 4 << 10;
const MAX_SIZE: u64 = 64 << 10;
/// Facts that are read out of the file.
const CONTENT: [&str; 4] = ["sha256", "content", "lines", "parsed"];

impl Look for File {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let (file, wanted, masks) = (self.clone(), context.wanted.clone(), context.secrets.masks());
        let (tell, told) = oneshot::channel();
        // A network file system may hang.
        let look = context.blocking(move |underway| see(&file, &wanted, &masks, underway, tell));
        // Beside it: the content may take all the time there is.
        let names = async {
            let (uid, gid) = tokio::time::timeout_at(context.deadline(), told).await.ok()?.ok()?;
            Some(owner_and_group(uid, gid, context).await)
        };
        let (mut seen, names) = tokio::join!(look, names);
        if let Some((owner, group)) = names
            && seen.facts.contains_key("mode")
        {
            seen.settle("owner", owner).settle("group", group);
        }
        seen
    }
}

/// What stands at a path, held by a descriptor: whatever takes its place there is another file.
struct OpenedPath {
    path: String,
    follow: bool,
    descriptor: std::fs::File,
    metadata: std::fs::Metadata,
}

impl OpenedPath {
    fn open(file: &File) -> std::io::Result<Self> {
        // Neither waits for anybody nor does anything to a device.
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, !file.follow);
        let descriptor = std::fs::File::from(rustix::fs::open(&file.file, flags, Mode::empty())?);
        let metadata = descriptor.metadata()?;
        Ok(Self { path: file.file.clone(), follow: file.follow, descriptor, metadata })
    }

    /// A path to this very file.
    fn place(&self) -> String {
        format!("/proc/self/fd/{}", self.descriptor.as_raw_fd())
    }

    /// Opens its content for reading.
    fn reader(&self) -> Result<std::fs::File, Blocked> {
        let failed = |error: &std::io::Error| barrier_of(&format!("open {}", self.path), error);
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let open = |path: &str, flags: OFlags| {
            std::fs::File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
        };
        match open(&self.place(), flags) {
            // Without /proc: by its path, if it still stands there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let flags = if self.follow { flags } else { flags | OFlags::NOFOLLOW };
                let file = open(&self.path, flags).map_err(|error| failed(&error))?;
                let metadata = file.metadata().map_err(|error| failed(&error))?;
                if same_file(&metadata, &self.metadata) { Ok(file) } else { Err(self.replaced()) }
            }
            opened => opened.map_err(|error| failed(&error)),
        }
    }

    fn replaced(&self) -> Blocked {
        let why = format!("another file took the place of {} while it was looked at", self.path);
        Blocked::new(Barrier::Changed, why)
    }

    /// Whether it is the file that it was when the look began, with the same mode and owner, and still at its path; and
    /// whether its content is the same.
    fn unchanged(&self) -> (Result<(), Blocked>, Result<(), Blocked>) {
        let changed = |what: &str| {
            Blocked::new(
                Barrier::Changed,
                format!("the {what} of {} changed while it was looked at", self.path),
            )
        };
        let both = |blocked: Blocked| (Err(blocked.clone()), Err(blocked));
        let path = std::path::Path::new(&self.path);
        let there = if self.follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
        if !there.is_ok_and(|there| same_file(&there, &self.metadata)) {
            return both(self.replaced());
        }
        let (before, now) = match self.descriptor.metadata() {
            Ok(now) => (&self.metadata, now),
            Err(error) => return both(barrier_of(&format!("stat {}", self.path), &error)),
        };
        if (before.mode(), before.uid(), before.gid()) != (now.mode(), now.uid(), now.gid()) {
            return both(changed("mode or owner"));
        }
        let content = |it: &std::fs::Metadata| (it.len(), it.mtime(), it.mtime_nsec());
        (Ok(()), if content(before) == content(&now) { Ok(()) } else { Err(changed("content")) })
    }
}

fn same_file(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// `tell` gets the numbers of owner and group as soon as they are known.
fn see(
    file: &File,
    wanted: &FactSelection,
    masks: &Masks,
    underway: &Underway,
    tell: oneshot::Sender<(u32, u32)>,
) -> Seen {
    let mut seen = Seen::default();
    let held = match OpenedPath::open(file) {
        Ok(held) => held,
        // ENOTDIR too: a part of the path is a file, so nothing can stand there.
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            seen.absent("exists", &file.file, format!("{} does not exist", file.file));
            return seen;
        }
        Err(error) => return Seen::nothing(barrier_of(&format!("stat {}", file.file), &error)),
    };
    see_status(&held, &mut seen);
    underway.keep(&seen);
    _ = tell.send((held.metadata.uid(), held.metadata.gid()));
    let content = CONTENT.into_iter().filter(|fact| wanted.includes(fact)).collect::<Vec<_>>();
    let attributes = attributes::FACTS.into_iter().filter(|fact| wanted.includes(fact)).collect::<Vec<_>>();
    if content.is_empty() && attributes.is_empty() {
        // One call of the system, of one moment.
        return seen;
    }
    for fact in attributes {
        seen.settle(fact, attributes::see(fact, &held.descriptor, &held.place()));
    }
    underway.keep(&seen);
    see_content(file, &held, &content, masks, underway, &mut seen);
    match held.unchanged() {
        (Err(blocked), _) => {
            seen = Seen::default();
            seen.know("exists", true).block_rest(blocked);
        }
        (_, Err(blocked)) if !content.is_empty() => {
            for fact in content.into_iter().chain(["size_bytes"]) {
                seen.facts.remove(fact);
                seen.block(fact, blocked.clone());
            }
        }
        _ => {}
    }
    seen
}

fn see_status(held: &OpenedPath, seen: &mut Seen) {
    let metadata = &held.metadata;
    let kind = kind_of(metadata.file_type());
    seen.know("exists", true)
        .know("kind", kind)
        .know("mode", format!("{:o}", metadata.mode() & 0o7777))
        .settle("uid", number_of_its_own(Database::Users, metadata.uid()).map(i64::from))
        .settle("gid", number_of_its_own(Database::Groups, metadata.gid()).map(i64::from))
        .know("size_bytes", i64::try_from(metadata.len()).unwrap_or(i64::MAX));
    let now = jiff::Timestamp::now();
    let modified = jiff::Timestamp::new(metadata.mtime(), i32::try_from(metadata.mtime_nsec()).unwrap_or(0))
        .map_err(|error| Blocked::new(Barrier::Protocol, format!("modification time: {error}")))
        .and_then(|at| not_ahead("its modification time", at, now));
    match modified {
        Ok(at) => {
            let age = now.duration_since(at).as_secs_f64();
            seen.know("modified", at).know("age_s", Value::decimal((age * 1e6).round() / 1e6));
        }
        Err(blocked) => {
            seen.block("modified", blocked.clone()).block("age_s", blocked);
        }
    }
    let target = if kind == "symlink" {
        rustix::fs::readlinkat(&held.descriptor, c"", Vec::new())
            .map_err(|error| barrier_of(&format!("readlink {}", held.path), &error.into()))
            .and_then(|target| {
                let wrong =
                    |_| Blocked::new(Barrier::Protocol, format!("where {} points is not UTF-8", held.path));
                target.into_string().map_err(wrong)
            })
    } else {
        Ok(String::new())
    };
    seen.settle("target", target);
}

fn see_content(
    file: &File,
    held: &OpenedPath,
    asked: &[&str],
    masks: &Masks,
    underway: &Underway,
    seen: &mut Seen,
) {
    if asked.is_empty() {
        return;
    }
    let kind = kind_of(held.metadata.file_type());
    let read = if kind == "file" {
        read(held, file.encoding.as_deref(), masks, underway)
    } else {
        Err(Blocked::new(Barrier::Unsupported, format!("a {kind} has no content to read")))
    };
    let (sha256, content) = match read {
        Ok(read) => read,
        Err(blocked) => {
            for fact in asked {
                seen.block(fact, blocked.clone());
            }
            return;
        }
    };
    for fact in asked {
        match *fact {
            "sha256" => seen.know(fact, sha256.as_str()),
            "content" => seen.settle(fact, content.clone()),
            "lines" => seen
                .settle(fact, content.clone().map(|text| text.lines().map(Value::from).collect::<Vec<_>>())),
            _ => seen.settle(fact, content.clone().and_then(|text| documents::parse(file, &text))),
        };
    }
}

/// The digest of the whole content after masking, and the content itself if it is short and text.
fn read(
    held: &OpenedPath,
    encoding: Option<&str>,
    masks: &Masks,
    underway: &Underway,
) -> Result<(String, Result<String, Blocked>), Blocked> {
    let path = &held.path;
    let mut file = held.reader()?;
    let mut digest = masks.digest();
    let mut kept = Vec::new();
    let mut total = 0_u64;
    // How long it is said to be.
    let bytes = held.metadata.len();
    let at_once = if bytes == 0 { MAX_SIZE } else { bytes.clamp(SMALLEST, MAX_SIZE) };
    let mut buffer = vec![0; at_once as usize];
    loop {
        underway.go_on()?;
        let n = file.read(&mut buffer).map_err(|error| barrier_of(&format!("read {path}"), &error))?;
        let Some(part) = buffer.get(..n).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        total += n as u64;
        if kept.len() <= MAX_LENGTH {
            kept.extend_from_slice(part);
        }
    }
    let content = if kept.len() > MAX_LENGTH {
        Err(Blocked::new(
            Barrier::TooLarge,
            format!("{path} has {total} bytes; at most {MAX_LENGTH} are kept"),
        ))
    } else {
        documents::decode(path, kept, encoding)
    };
    Ok((digest.finish(), content))
}

fn kind_of(kind: std::fs::FileType) -> &'static str {
    if kind.is_symlink() {
        "symlink"
    } else if kind.is_dir() {
        "directory"
    } else if kind.is_socket() {
        "socket"
    } else if kind.is_fifo() {
        "fifo"
    } else if kind.is_block_device() {
        "block-device"
    } else if kind.is_char_device() {
        "character-device"
    } else {
        "file"
    }
}
