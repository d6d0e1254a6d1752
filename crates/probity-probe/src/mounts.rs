//! What is mounted, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::fd::AsFd;

use probity_plan::{Barrier, Blocked, Value};
use procfs::process::MountInfo;
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::look::barrier_of;

/// One mount.
#[derive(Debug)]
pub struct Mount {
    /// Its number, which a file's status names too (statx(2), `stx_mnt_id`).
    pub id: u64,
    /// The number of the mount that it lies in, or on.
    parent: u64,
    /// Where.
    pub mount_point: String,
    /// The type of file system.
    pub file_system: String,
    /// What is mounted.
    pub source: String,
    /// Options of the mount and of its file system.
    pub options: BTreeSet<String>,
    /// Whether nothing can be written there.
    pub read_only: bool,
}

impl Mount {
    /// As a fact.
    pub fn value(&self) -> Value {
        Value::Map(self.map())
    }

    fn map(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("mount_point".to_owned(), self.mount_point.as_str().into()),
            ("file_system".to_owned(), self.file_system.as_str().into()),
            ("source".to_owned(), self.source.as_str().into()),
            ("read_only".to_owned(), self.read_only.into()),
            ("options".to_owned(), self.options_value()),
        ])
    }

    /// Its options as a fact.
    pub fn options_value(&self) -> Value {
        self.options.iter().map(String::as_str).collect::<Vec<_>>().into()
    }
}

/// Every mount of a mount namespace, in the kernel's order.
#[derive(Debug)]
pub struct Mounts(pub Vec<Mount>);

impl Mounts {
    /// The mounts at the end of a path, the one on top last: those that the kernel comes by when it walks there, one name
    /// after the other, and steps over onto whatever is mounted on what it has reached. One that lies below another mount
    /// further up is on no path. Asks no file system.
    pub fn at(&self, path: &str) -> Vec<&Mount> {
        let mut reached: Option<&Mount> = None;
        let mut here = Vec::new();
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
        let names =
            std::iter::once("/").chain(ends.filter_map(|end| path.get(..end)).filter(|name| name.len() > 1));
        for name in names {
            here.clear();
            // What is mounted here lies in what was reached; the root's parent is not in the table, or itself.
            while let Some(next) = self.0.iter().rev().find(|mount| {
                mount.mount_point == name
                    && reached.map_or_else(
                        || mount.parent == mount.id || !self.0.iter().any(|other| other.id == mount.parent),
                        |reached| mount.parent == reached.id && mount.id != reached.id,
                    )
            }) {
                reached = Some(next);
                here.push(next);
            }
        }
        here
    }

    /// Each mount as a fact, with whether a path leads to it.
    pub fn values(&self) -> Value {
        let value = |mount: &Mount| {
            let mut map = mount.map();
            let visible = self.at(&mount.mount_point).last().is_some_and(|top| top.id == mount.id);
            map.insert("visible".to_owned(), visible.into());
            Value::Map(map)
        };
        self.0.iter().map(value).collect::<Vec<_>>().into()
    }
}

/// Reads the table of mounts. Blocks.
///
/// # Errors
/// `changed` if something was mounted or taken away while it was read, part by part; `protocol` for a line that is none.
pub fn read() -> Result<Mounts, Blocked> {
    const PATH: &str = "/proc/self/mountinfo";
    let failed = |error: &std::io::Error| barrier_of(&format!("open {PATH}"), error);
    let mut file = std::fs::File::open(PATH).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if changed_since_opened(&file).map_err(|error| failed(&error))? {
        return Err(Blocked::new(Barrier::Changed, format!("{PATH} changed while it was read")));
    }
    let lines = String::from_utf8_lossy(&bytes);
    let mounts = lines
        .split_terminator('\n')
        .map(|line| parse(line).map_err(|error| Blocked::new(Barrier::Protocol, format!("{PATH}: {error}"))))
        .collect::<Result<_, _>>()?;
    Ok(Mounts(mounts))
}

/// Whether something was mounted or taken away since this table of mounts was opened (proc_pid_mounts(5): the kernel tells
/// it by `POLLPRI`).
///
/// # Errors
/// Those of poll(2).
pub fn changed_since_opened(table: impl AsFd) -> std::io::Result<bool> {
    let mut poll = [PollFd::new(&table, PollFlags::PRI)];
    Ok(rustix::event::poll(&mut poll, Some(&Timespec::default()))? > 0)
}

fn parse(line: &str) -> Result<Mount, procfs::ProcError> {
    let info = MountInfo::from_line(line)?;
    // What an error of its own keeps an ext4 from being written to stays `rw` for its mount.
    let read_only = info.mount_options.contains_key("ro")
        || ["ro", "emergency_ro", "shutdown"].iter().any(|option| info.super_options.contains_key(*option));
    // Some are there several times, such as the layers of an overlay, and have to be read from the line.
    let of_mount = line.split(' ').nth(5).unwrap_or_default();
    let of_file_system =
        line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').nth(2)).unwrap_or_default();
    let mut options: BTreeSet<String> = of_mount
        .split(',')
        .chain(of_file_system.split(','))
        .filter(|it| !it.is_empty())
        .map(unescaped)
        .collect();
    if read_only {
        options.remove("rw");
    }
    let number = |number: i32| u64::try_from(number).unwrap_or_default();
    Ok(Mount {
        id: number(info.mnt_id),
        parent: number(info.pid),
        mount_point: unescaped(&info.mount_point.to_string_lossy()),
        file_system: info.fs_type,
        source: info.mount_source.as_deref().map_or_else(|| "none".to_owned(), unescaped),
        options,
        read_only,
    })
}

/// The kernel writes blank, tab, newline, hash, and in options comma and equals sign, and the backslash as `\` and three octal
/// digits (fs/proc_namespace.c, `seq_escape`).
fn unescaped(text: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\043", "#"),
        ("\\054", ","),
        ("\\075", "="),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_with_odd_characters_reads_as_it_is() {
        let line =
            r"36 35 98:0 / /mnt/a\040b\012c\134040 ro,noatime master:1 - ext4 /dev/x\040y rw,errors=continue";
        let mount = parse(line).unwrap();
        assert_eq!(mount.mount_point, "/mnt/a b\nc\\040");
        assert_eq!(mount.source, "/dev/x y");
        assert!(mount.read_only);
        assert_eq!(
            mount.options.iter().map(String::as_str).collect::<Vec<_>>(),
            ["errors=continue", "noatime", "ro"]
        );
        let line = r"36 35 0:40 / /m ro - overlay overlay ro,lowerdir+=/a,lowerdir+=/b\054c,lowerdir+=/a\040d,redirect_dir=on";
        let mount = parse(line).unwrap();
        assert_eq!(
            mount.options.iter().map(String::as_str).collect::<Vec<_>>(),
            ["lowerdir+=/a", "lowerdir+=/a d", "lowerdir+=/b,c", "redirect_dir=on", "ro"]
        );
        for option in ["emergency_ro", "shutdown"] {
            let line = format!("36 35 98:0 / /mnt/a rw,relatime - ext4 /dev/x rw,errors=remount-ro,{option}");
            assert!(parse(&line).unwrap().read_only, "{option}");
        }
        assert!(parse("36 35 98:0 /").is_err());
    }

    #[test]
    fn the_kernels_walk_ends_at_the_mount_on_top_and_passes_by_what_lies_below_another() {
        let lines = [
            "20 1 0:1 / / rw - ext4 root rw",
            "21 20 0:2 / /m/a rw - tmpfs hidden rw",
            "22 20 0:3 / /m rw - tmpfs upper rw",
            "23 22 0:4 / /m/b rw - tmpfs lower rw",
            "24 23 0:5 / /m/b rw - tmpfs above rw",
        ];
        let mounts = Mounts(lines.iter().map(|line| parse(line).unwrap()).collect());
        let at = |path: &str| mounts.at(path).iter().map(|mount| mount.source.as_str()).collect::<Vec<_>>();
        assert_eq!(at("/"), ["root"]);
        assert_eq!(at("/m"), ["upper"]);
        assert_eq!(at("/m/a"), Vec::<&str>::new());
        assert_eq!(at("/m/b"), ["lower", "above"]);
        assert_eq!(at("/m/b/c"), Vec::<&str>::new());
        assert_eq!(at("/n"), Vec::<&str>::new());
        // The first root of a machine is its own parent.
        let alone = Mounts(vec![parse("1 1 0:1 / / rw - rootfs none rw").unwrap()]);
        assert_eq!(alone.at("/").len(), 1);
    }
}
