//! The members of a tar, by an allow-list: only what every program that unpacks tars reads in the same way, so that what
//! was verified is what anybody unpacks. (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".)
//!
//! Must not know: what a bundle is.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

use tar::{Archive, PaxExtensions};

use crate::quoted::quoted;

/// A tar is made of blocks of so many bytes.
const BLOCK: u64 = 512;
/// The most bytes that a long name or the records of one pax header may take.
const MAX_EXTENSION: u64 = 1 << 20;
/// The most bytes of zeros after the last member: as much as the largest block size in use, and room.
const MAX_END: u64 = 16 << 20;

/// Records of a pax header that change nothing but the member's name, or what no content depends on.
const RECORDS: [&str; 14] = [
    "path",
    "mtime",
    "atime",
    "ctime",
    "uid",
    "gid",
    "uname",
    "gname",
    "size",
    "hdrcharset",
    "SCHILY.dev",
    "SCHILY.ino",
    "SCHILY.nlink",
    "LIBARCHIVE.creationtime",
];
/// As [`RECORDS`], by how they begin: extended attributes and access lists.
const RECORD_PREFIXES: [&str; 5] =
    ["SCHILY.xattr.", "LIBARCHIVE.xattr.", "SCHILY.acl.", "SCHILY.fflags", "RHT.security.selinux"];

/// A plain file or a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its path as every reader sees it, without a leading `./`; of the folder `./` it is empty.
    pub name: String,
    pub content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Folder,
    /// So many bytes, from there in the tar.
    File {
        at: u64,
        size: u64,
    },
}

/// Why a tar is not read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system refused, or the header is none.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What some reader may take for something else.
    #[error("in the tar, at byte {at}: {what}; `tar --format=ustar -cf b.tar BUNDLE` makes one that is read")]
    Refused {
        /// Where its header begins, in bytes.
        at: u64,
        /// What it is.
        what: Refusal,
    },
    /// More members than a bundle may have files.
    #[error("it holds more than {0} members")]
    TooMany(usize),
}

/// What is not read in a tar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither ustar with its version nor GNU.
    #[error("a header that is neither ustar, version 00, nor GNU's")]
    Form,
    /// A field that ends early and goes on.
    #[error("the field `{0}` goes on after its end")]
    Text(&'static str),
    /// A field that is not octal digits and their end.
    #[error("the number `{0}` is not written as octal digits")]
    Number(&'static str),
    /// Neither a plain file nor a folder, or a header that is not allowed.
    #[error("{}", kind_in_words(*.0))]
    Kind(u8),
    /// A link's target, at something that is no link.
    #[error("a file or folder with the target of a link")]
    Linked,
    /// Bytes where there are none.
    #[error("{0} holds bytes that nobody would see")]
    Hidden(&'static str),
    /// A second header before a member, or none after one.
    #[error("a header for a member that does not follow at once")]
    Extension,
    /// A pax header that is not what it has to be.
    #[error("a pax header with {0}")]
    Records(String),
    /// A long name that is none.
    #[error("a long name that is not one name and its end")]
    LongName,
    /// A name that is no text.
    #[error("a name that is not UTF-8")]
    Name,
    /// A folder's name on a file.
    #[error("the file {0} with a name like a folder's")]
    FolderLike(String),
    /// The archive ends too early.
    #[error("it is cut")]
    Cut,
    /// Not zeros alone after the last member.
    #[error("something else than zeros after the end, or more than 16 MiB of them")]
    End,
}

fn kind_in_words(kind: u8) -> String {
    match kind {
        b'\0' => "a member of the kind of before 1988, which may be a file or a folder".to_owned(),
        b'1' | b'2' | b'K' => "a link".to_owned(),
        b'3' | b'4' | b'6' => "a device or a pipe".to_owned(),
        b'g' => "a pax header for all that follows".to_owned(),
        b'S' => "a sparse file".to_owned(),
        other => format!("a member of the kind `{}`", char::from(other).escape_debug()),
    }
}

/// A header as it stands in the tar.
struct Header<'a>(&'a [u8; 512]);

/// Which of the two forms a header has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Ustar,
    Gnu,
}

impl Header<'_> {
    fn form(&self) -> Result<Form, Refusal> {
        match &self.0[257..265] {
            b"ustar\x0000" => Ok(Form::Ustar),
            b"ustar  \0" => Ok(Form::Gnu),
            _ => Err(Refusal::Form),
        }
    }

    /// A text: ended by a zero, or by the field's end.
    fn text(&self, name: &'static str, from: usize, to: usize) -> Result<&[u8], Refusal> {
        let field = &self.0[from..to];
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        if field[end..].iter().all(|byte| *byte == 0) { Ok(&field[..end]) } else { Err(Refusal::Text(name)) }
    }

    /// Octal digits, then blanks or zeros. `large`: GNU's form of numbers that do not fit is one too.
    fn number(&self, name: &'static str, from: usize, to: usize, large: bool) -> Result<(), Refusal> {
        let field = &self.0[from..to];
        let digits = field.iter().take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        let ended = digits < field.len() && field[digits..].iter().all(|byte| matches!(byte, b' ' | 0));
        if digits > 0 && ended || large && field[0] == 0x80 { Ok(()) } else { Err(Refusal::Number(name)) }
    }

    /// Everything in it that is the same for all kinds; its form and name.
    fn read(&self) -> Result<(Form, Vec<u8>), Refusal> {
        let form = self.form()?;
        let name = self.text("name", 0, 100)?;
        self.number("mode", 100, 108, false)?;
        self.number("uid", 108, 116, form == Form::Gnu)?;
        self.number("gid", 116, 124, form == Form::Gnu)?;
        self.number("size", 124, 136, false)?;
        self.number("mtime", 136, 148, false)?;
        self.number("checksum", 148, 156, false)?;
        if !self.text("linkname", 157, 257)?.is_empty() {
            return Err(Refusal::Linked);
        }
        self.text("uname", 265, 297)?;
        self.text("gname", 297, 329)?;
        for (device, from) in [("devmajor", 329), ("devminor", 337)] {
            if self.0[from..from + 8] != [0; 8] {
                self.number(device, from, from + 8, false)?;
            }
        }
        let prefix = self.text("prefix", 345, 500)?;
        let rest = if form == Form::Gnu { &self.0[345..] } else { &self.0[500..] };
        if rest.iter().any(|byte| *byte != 0) {
            return Err(Refusal::Hidden("the end of a header"));
        }
        let whole = if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() };
        Ok((form, whole))
    }
}

/// What a header before a member says of it.
struct Extension {
    form: Form,
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Lists the members of a tar of `length` bytes, at most `most`.
pub(crate) fn members<R: Read + Seek>(
    source: &mut R,
    length: u64,
    most: usize,
) -> Result<Vec<Member>, ArchiveError> {
    let mut archive = Archive::new(&mut *source);
    let (mut members, mut paddings) = (Vec::new(), Vec::new());
    let mut extension: Option<Extension> = None;
    let mut end = 0;
    // Raw: the library reads a header's checksum and size; what the header means is decided here.
    for entry in archive.entries_with_seek()?.raw(true) {
        let mut entry = entry?;
        let at = entry.raw_header_position();
        let refuse = |what| ArchiveError::Refused { at, what };
        let (place, size) = (entry.raw_file_position(), entry.size());
        let kind = entry.header().as_bytes()[156];
        let (form, name) = Header(entry.header().as_bytes()).read().map_err(refuse)?;
        let content_end = place.checked_add(size).filter(|end| *end <= length);
        let content_end = content_end.ok_or_else(|| refuse(Refusal::Cut))?;
        end = content_end.next_multiple_of(BLOCK);
        paddings.push((at, content_end, end));
        match kind {
            b'x' | b'L' => {
                if extension.is_some() || size > MAX_EXTENSION {
                    return Err(refuse(Refusal::Extension));
                }
                let mut data = Vec::new();
                entry.read_to_end(&mut data)?;
                let found = if kind == b'x' { records(&data) } else { long_name(data) }.map_err(refuse)?;
                if found.form != form {
                    return Err(refuse(Refusal::Form));
                }
                extension = Some(found);
            }
            b'0' | b'5' => {
                if members.len() >= most {
                    return Err(ArchiveError::TooMany(most));
                }
                let before = extension.take();
                let fits = before
                    .as_ref()
                    .is_none_or(|it| it.form == form && it.size.is_none_or(|said| said == size));
                if !fits {
                    return Err(refuse(Refusal::Extension));
                }
                let name = before.and_then(|it| it.name).unwrap_or(name);
                members.push(member(name, kind == b'5', place, size).map_err(refuse)?);
            }
            other => return Err(refuse(Refusal::Kind(other))),
        }
    }
    if extension.is_some() {
        return Err(ArchiveError::Refused { at: end, what: Refusal::Extension });
    }
    for (at, from, to) in paddings {
        if !zeros(source, from, to)? {
            return Err(ArchiveError::Refused { at, what: Refusal::Hidden("the room after a member") });
        }
    }
    let rest = length.saturating_sub(end);
    if rest < 2 * BLOCK {
        return Err(ArchiveError::Refused { at: end, what: Refusal::Cut });
    }
    if rest > MAX_END || !length.is_multiple_of(BLOCK) || !zeros(source, end, length)? {
        return Err(ArchiveError::Refused { at: end, what: Refusal::End });
    }
    Ok(members)
}

fn member(name: Vec<u8>, folder: bool, at: u64, size: u64) -> Result<Member, Refusal> {
    let name = String::from_utf8(name).map_err(|_| Refusal::Name)?;
    let plain = name.strip_prefix("./").unwrap_or(&name);
    if !folder {
        if plain.is_empty() || plain.ends_with('/') {
            return Err(Refusal::FolderLike(quoted(&name)));
        }
        return Ok(Member { name: plain.to_owned(), content: Content::File { at, size } });
    }
    if size > 0 {
        return Err(Refusal::Hidden("a folder"));
    }
    let plain = if plain == "." { "" } else { plain.strip_suffix('/').unwrap_or(plain) };
    Ok(Member { name: plain.to_owned(), content: Content::Folder })
}

/// GNU's long name: the name, and one zero.
fn long_name(mut data: Vec<u8>) -> Result<Extension, Refusal> {
    if data.pop() != Some(0) || data.is_empty() || data.contains(&0) {
        return Err(Refusal::LongName);
    }
    Ok(Extension { form: Form::Gnu, name: Some(data), size: None })
}

/// The records of a pax header: known ones, each once, each written in the one way there is.
fn records(data: &[u8]) -> Result<Extension, Refusal> {
    let wrong = |what: &str| Refusal::Records(what.to_owned());
    let (mut keys, mut again) = (BTreeSet::new(), Vec::new());
    let mut found = Extension { form: Form::Ustar, name: None, size: None };
    for record in PaxExtensions::new(data) {
        let record = record.map_err(|_| wrong("a record that is none"))?;
        let key = record.key().map_err(|_| wrong("a key that is not UTF-8"))?;
        let value = record.value_bytes();
        let known = RECORDS.contains(&key) || RECORD_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        if !known {
            return Err(Refusal::Records(format!("the record {}", quoted(key))));
        }
        if !keys.insert(key) {
            return Err(Refusal::Records(format!("the record {} twice", quoted(key))));
        }
        if value.is_empty() || value.contains(&0) && !key.contains('.') {
            return Err(Refusal::Records(format!("a record {} that says nothing clear", quoted(key))));
        }
        let digits = || value.iter().all(u8::is_ascii_digit);
        match key {
            "path" => found.name = Some(value.to_vec()),
            "size" => {
                let size = std::str::from_utf8(value).ok().filter(|_| digits());
                found.size = Some(size.and_then(|size| size.parse().ok()).ok_or(Refusal::Number("size"))?);
            }
            "uid" | "gid" if !digits() => return Err(wrong("a number that is not written as digits")),
            "hdrcharset" if !matches!(value, b"BINARY" | b"ISO-IR 10646 2000 UTF-8") => {
                return Err(wrong("names in another character set than UTF-8"));
            }
            _ => {}
        }
        again.extend(encode(key, value));
    }
    if again == data && !keys.is_empty() {
        Ok(found)
    } else {
        Err(wrong("records that are not written plainly"))
    }
}

/// `LENGTH KEY=VALUE`, where the length counts its own digits.
fn encode(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    [length.to_string().as_bytes(), &rest].concat()
}

fn zeros<R: Read + Seek>(source: &mut R, from: u64, to: u64) -> io::Result<bool> {
    if from == to {
        return Ok(true);
    }
    source.seek(SeekFrom::Start(from))?;
    let mut rest = source.take(to - from);
    let mut buffer = [0; 4096];
    loop {
        match rest.read(&mut buffer)? {
            0 => return Ok(rest.limit() == 0),
            read if buffer[..read].iter().any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}
