//! `file`: one `lstat` or `stat`, and the content only when a claim reads it.

use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use probity_plan::kinds::file::{File, Format};
use probity_plan::{Barrier, Blocked, Value};

use crate::look::{Context, Look, Seen, Wanted, barrier_of};
use crate::mask::Masks;
use crate::names::Names;
use crate::tables;

/// The longest content that is kept as a fact or parsed; a digest is taken of any length.
const LONGEST: usize = 1 << 20;
/// Bytes that are read at once: no more than a file has, but many of one that does not tell its length: most below `/proc/sys`
/// give what they hold to the first read only, however little that takes.
const SMALLEST: u64 = 4 << 10;
const LARGEST: u64 = 64 << 10;

impl Look for File {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let (file, wanted, masks) = (self.clone(), context.wanted.clone(), context.secrets.masks());
        match tables::names(context).await {
            // A network file system may hang.
            Ok(names) => context.blocking(move || see(&file, &wanted, &masks, &names)).await,
            Err(blocked) => Seen::nothing(blocked),
        }
    }
}

fn see(file: &File, wanted: &Wanted, masks: &Masks, names: &Names) -> Seen {
    let path = Path::new(&file.file);
    let found = if file.follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    let mut seen = Seen::default();
    let metadata = match found {
        Ok(metadata) => metadata,
        // ENOTDIR too: a part of the path is a file, so nothing can stand there.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            seen.know("exists", false);
            seen.block_rest(Blocked::new(Barrier::Unreachable, format!("{} does not exist", file.file)));
            return seen;
        }
        Err(error) => return Seen::nothing(barrier_of(&format!("stat {}", file.file), &error)),
    };
    let kind = kind_of(metadata.file_type());
    seen.know("exists", true)
        .know("kind", kind)
        .know("mode", format!("{:o}", metadata.mode() & 0o7777))
        .know("uid", i64::from(metadata.uid()))
        .know("gid", i64::from(metadata.gid()))
        .know("owner", names.user(metadata.uid()))
        .know("group", names.group(metadata.gid()))
        .know("size_bytes", i64::try_from(metadata.len()).unwrap_or(i64::MAX));
    let modified = jiff::Timestamp::new(metadata.mtime(), i32::try_from(metadata.mtime_nsec()).unwrap_or(0));
    match modified {
        Ok(at) => {
            let age = jiff::Timestamp::now().duration_since(at).as_secs_f64();
            seen.know("modified", at).know("age_s", Value::decimal((age * 1e6).round() / 1e6));
        }
        Err(error) => {
            let blocked = Blocked::new(Barrier::Protocol, format!("modification time: {error}"));
            seen.block("modified", blocked.clone()).block("age_s", blocked);
        }
    }
    let target = if kind == "symlink" {
        std::fs::read_link(path)
            .map(|target| target.to_string_lossy().into_owned())
            .map_err(|error| barrier_of(&format!("readlink {}", file.file), &error))
    } else {
        Ok(String::new())
    };
    seen.settle("target", target);
    see_content(file, kind, metadata.len(), wanted, masks, &mut seen);
    seen
}

fn see_content(file: &File, kind: &str, bytes: u64, wanted: &Wanted, masks: &Masks, seen: &mut Seen) {
    let wants = |fact: &str| match wanted {
        Wanted::All => true,
        Wanted::Only(facts) => facts.contains(fact),
    };
    let asked: Vec<&str> = ["sha256", "content", "lines", "parsed"].into_iter().filter(|fact| wants(fact)).collect();
    if asked.is_empty() {
        return;
    }
    let read = if kind == "file" {
        read(&file.file, file.follow, bytes, masks)
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
        match fact {
            "sha256" => seen.know(fact, sha256.as_str()),
            "content" => seen.settle(fact, content.clone()),
            "lines" => seen.settle(fact, content.clone().map(|text| text.lines().map(Value::from).collect::<Vec<_>>())),
            _ => seen.settle(fact, content.clone().and_then(|text| parse(file, &text))),
        };
    }
}

/// The digest of the whole content after masking, and the content itself if it is short and UTF-8. `bytes` is how long it
/// is said to be.
fn read(
    path: &str,
    follow: bool,
    bytes: u64,
    masks: &Masks,
) -> Result<(String, Result<String, Blocked>), Blocked> {
    // Not blocking: the path may have become a pipe since it was looked at.
    let flags = rustix::fs::OFlags::NONBLOCK | if follow { rustix::fs::OFlags::empty() } else { rustix::fs::OFlags::NOFOLLOW };
    let failed = |error: &std::io::Error| barrier_of(&format!("open {path}"), error);
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|e| failed(&e))?;
    let mut digest = masks.digest();
    let mut kept = Vec::new();
    let mut total = 0_u64;
    let at_once = if bytes == 0 { LARGEST } else { bytes.clamp(SMALLEST, LARGEST) };
    let mut buffer = vec![0; at_once as usize];
    loop {
        let n = file.read(&mut buffer).map_err(|e| failed(&e))?;
        let Some(part) = buffer.get(..n).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        total += n as u64;
        if kept.len() <= LONGEST {
            kept.extend_from_slice(part);
        }
    }
    let content = if kept.len() > LONGEST {
        Err(Blocked::new(Barrier::TooLarge, format!("{path} has {total} bytes; at most {LONGEST} are kept")))
    } else {
        String::from_utf8(kept).map_err(|_| Blocked::new(Barrier::Protocol, format!("{path} is not UTF-8")))
    };
    Ok((digest.finish(), content))
}

fn parse(file: &File, text: &str) -> Result<Value, Blocked> {
    let ending = Path::new(&file.file).extension().and_then(|ending| ending.to_str());
    let format = file.format.or(match ending {
        Some("yaml" | "yml") => Some(Format::Yaml),
        Some("json") => Some(Format::Json),
        Some("toml") => Some(Format::Toml),
        Some("ini" | "conf" | "cfg" | "service" | "socket" | "timer") => Some(Format::Ini),
        _ => None,
    });
    let wrong = |what: &str, error: String| Blocked::new(Barrier::Protocol, format!("{} is not {what}: {error}", file.file));
    match format {
        Some(Format::Yaml) => serde_yaml_ng::from_str(text).map_err(|e| wrong("YAML", e.to_string())),
        Some(Format::Json) => Value::from_json(text).map_err(|e| wrong("JSON", e.to_string())),
        Some(Format::Toml) => toml::from_str(text).map_err(|e| wrong("TOML", e.to_string())),
        Some(Format::Ini) => ini(text).map_err(|e| wrong("INI", e)),
        None => {
            let why = format!("what {} holds is not known from its name; say `format: yaml, json, toml or ini`", file.file);
            Err(Blocked::new(Barrier::Unsupported, why))
        }
    }
}

fn ini(text: &str) -> Result<Value, String> {
    // systemd and many others use backslashes and quotes as plain text.
    let options = ini::ParseOption { enabled_escape: false, enabled_quote: false, ..ini::ParseOption::default() };
    let ini = ini::Ini::load_from_str_opt(text, options).map_err(|e| e.to_string())?;
    let mut sections = std::collections::BTreeMap::new();
    // The part before the first section is always there, mostly without a line.
    for (section, properties) in ini.iter().filter(|(section, properties)| section.is_some() || !properties.is_empty()) {
        let mut map = std::collections::BTreeMap::new();
        for (key, value) in properties {
            map.insert(key.to_owned(), Value::from(value));
        }
        sections.insert(section.unwrap_or_default().to_owned(), Value::Map(map));
    }
    Ok(Value::Map(sections))
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
