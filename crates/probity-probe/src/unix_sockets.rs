//! The names of listening Unix sockets, from the kernel's socket diagnostics (sock_diag(7)). `/proc/net/unix` would not
//! do: a name may hold a newline and forge a line of it.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use netlink_packet_core::Emitable as _;
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{SOCK_DGRAM, TCP_CLOSE, TCP_LISTEN};
use netlink_packet_sock_diag::unix::nlas::{Nla, UnixDiagName, Vfs};
use netlink_packet_sock_diag::unix::{ShowFlags, StateFlags, UnixRequest};
use probity_plan::{Barrier, Blocked};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::look::barrier_of;
use crate::{sock_diag, tables};

/// A listening Unix socket.
#[derive(Debug)]
pub struct UnixSocket {
    /// The name to which it was bound, as bytes; one in the abstract namespace begins with a zero.
    pub name: Vec<u8>,
    /// The file that it is, where it is one: the lower half of its inode's number and its file system's device, as the kernel
    /// has them (include/uapi/linux/unix_diag.h, `unix_diag_vfs`).
    file: Option<(u32, u32)>,
}

/// The listening Unix sockets of this network namespace, and those for datagrams, which take them without listening. Those
/// without a name are left out: nobody can connect to one.
/// Blocks, at most 10 s between two pieces.
///
/// # Errors
/// `unsupported` if the kernel has no socket diagnostics.
pub fn listening() -> Result<Vec<UnixSocket>, Blocked> {
    let request = UnixRequest {
        // Of datagrams, one that nobody connected to is closed, as the kernel calls it (include/net/tcp_states.h).
        state_flags: StateFlags::LISTEN
            | StateFlags::ESTABLISHED
            | StateFlags::from_bits_retain(1 << TCP_CLOSE),
        inode: 0,
        show_flags: ShowFlags::NAME | ShowFlags::VFS,
        cookie: [0xff; 8],
    };
    let mut sockets = Vec::new();
    sock_diag::ask(SockDiagMessage::UnixRequest(request), "Unix sockets", |answer| {
        let SockDiagMessage::UnixResponse(found) = answer else { return };
        if found.header.state != TCP_LISTEN && found.header.kind != SOCK_DGRAM {
            return;
        }
        let name = match found.name() {
            Some(UnixDiagName::Pathname(path)) => path.as_bytes().to_vec(),
            Some(UnixDiagName::Abstract(name)) => [&[0], name.as_slice()].concat(),
            None => Vec::new(),
        };
        let file = found.nlas.iter().find_map(|nla| match nla {
            Nla::Vfs(vfs) => Some(numbers(vfs)),
            _ => None,
        });
        if !name.is_empty() {
            sockets.push(UnixSocket { name, file });
        }
    })?;
    Ok(sockets)
}

/// Inode and device, as they are sent.
fn numbers(vfs: &Vfs) -> (u32, u32) {
    let mut bytes = [0; 8];
    vfs.emit(&mut bytes);
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_ne_bytes);
    (number(&bytes[..4]), number(&bytes[4..]))
}

/// Whether one of these sockets, or of those of another network namespace, is the file that stands at a path: who may open the
/// file reaches it from any. That decides, and not the name to which it was bound, which may lead elsewhere by now, or by
/// another way to the same file. Blocks.
///
/// # Errors
/// A barrier where the path, or another namespace, may not be looked at, or where its file system numbers its files otherwise
/// than the kernel does.
pub fn listens(path: &str, sockets: &[UnixSocket]) -> Result<bool, Blocked> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => metadata,
        Ok(_) => return Ok(false),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(error) => return Err(barrier_of(&format!("stat {path}"), &error)),
    };
    if is_one_of(path, &metadata, sockets)? {
        return Ok(true);
    }
    for pid in other_namespaces(path)? {
        if is_one_of(path, &metadata, &listening_beside(pid, path)?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A process of each network namespace that is not ours.
fn other_namespaces(path: &str) -> Result<Vec<i32>, Blocked> {
    let blind = |why: &str| {
        let why = format!("nobody here listens on {path}, but {why}");
        Err(Blocked::new(Barrier::Unsupported, why))
    };
    if !tables::sees_every_process() {
        return blind("the observer is in a process namespace of its own: a process outside of it may");
    }
    if let Some(hidden) = tables::hidden_processes() {
        return blind(&hidden.detail);
    }
    // Each namespace has such a file of its own, whose number everybody may see.
    let number = |of: &str| std::fs::metadata(format!("/proc/{of}/net/unix")).map(|file| file.ino());
    let own = number("self").map_err(|error| barrier_of("stat /proc/self/net/unix", &error))?;
    let all = std::fs::read_dir("/proc").map_err(|error| barrier_of("list /proc", &error))?;
    let all = all.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let each = all.filter_map(|name| Some((number(&name).ok()?, name.parse().ok()?)));
    let others: BTreeMap<u64, i32> = each.filter(|(number, _)| *number != own).collect();
    Ok(others.into_values().collect())
}

/// The listening sockets of the network namespace that a process lives in; none if it has ended. Who may not enter it is
/// content if no socket is listed there that is a file.
fn listening_beside(pid: i32, path: &str) -> Result<Vec<UnixSocket>, Blocked> {
    let place = format!("/proc/{pid}/ns/net");
    let enter = || -> std::io::Result<_> {
        let namespace = std::fs::File::open(&place)?;
        // A thread of its own, as it does not come back.
        let look = move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(listening())
        };
        std::thread::Builder::new().spawn(look)?.join().unwrap_or_else(|_| Err(ErrorKind::Other.into()))
    };
    match enter() {
        Ok(sockets) => sockets,
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let table = format!("/proc/{pid}/net/unix");
            let table =
                std::fs::read(&table).map_err(|error| barrier_of(&format!("open {table}"), &error))?;
            // A name may forge a line, but hide none.
            let is_file = |line: &str| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let listens = fields.get(3).is_some_and(|flags| *flags == "00010000");
                listens && fields.get(7).is_some_and(|name| !name.starts_with('@'))
            };
            if String::from_utf8_lossy(&table).lines().any(is_file) {
                let why = format!(
                    "nobody here listens on {path}, but somebody in the network namespace of process {pid} may"
                );
                return Err(Blocked::new(Barrier::PermissionDenied, why));
            }
            Ok(Vec::new())
        }
        Err(error) => Err(barrier_of(&format!("enter {place}"), &error)),
    }
}

/// Whether one of these sockets is this file.
fn is_one_of(path: &str, metadata: &Metadata, sockets: &[UnixSocket]) -> Result<bool, Blocked> {
    #[expect(clippy::cast_possible_truncation, reason = "the kernel tells the lower half only")]
    let inode = metadata.ino() as u32;
    // The kernel's own form of a device number (include/linux/kdev_t.h).
    let device = rustix::fs::major(metadata.dev()) << 20 | rustix::fs::minor(metadata.dev());
    let same = |socket: &&UnixSocket| socket.file.is_some_and(|(number, _)| number == inode);
    let candidates: Vec<&UnixSocket> = sockets.iter().filter(same).collect();
    if candidates.iter().any(|socket| socket.file == Some((inode, device))) {
        return Ok(true);
    }
    // Layered file systems show a file's number and device as those of a layer.
    let bound = |socket: &&UnixSocket| socket.name == path.as_bytes();
    if candidates.iter().any(bound) {
        return Ok(true);
    }
    let layered = rustix::fs::statfs(path).is_ok_and(|found| LAYERED.contains(&found.f_type));
    if layered && (!candidates.is_empty() || sockets.iter().any(|socket| bound(&socket))) {
        let why = format!("the file system of {path} does not tell which listening socket it is");
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    Ok(false)
}

/// overlayfs and btrfs (include/uapi/linux/magic.h), which tell other devices than the kernel's socket diagnostics.
const LAYERED: [i64; 2] = [0x794c_7630, 0x9123_683e];

/// A name as a person writes it: `@` for the zero of an abstract name.
pub fn text(name: &[u8]) -> String {
    match name.split_first() {
        Some((0, name)) => format!("@{}", String::from_utf8_lossy(name)),
        _ => String::from_utf8_lossy(name).into_owned(),
    }
}
