//! What is mounted, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::{Barrier, Blocked, Value};
use procfs::process::MountInfo;

use crate::look::barrier_of;

/// One mount.
#[derive(Debug)]
pub struct Mount {
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
        Value::Map(BTreeMap::from([
            ("mount_point".to_owned(), self.mount_point.as_str().into()),
            ("file_system".to_owned(), self.file_system.as_str().into()),
            ("source".to_owned(), self.source.as_str().into()),
            ("read_only".to_owned(), self.read_only.into()),
            ("options".to_owned(), self.options_value()),
        ]))
    }

    /// Its options as a fact.
    pub fn options_value(&self) -> Value {
        self.options.iter().map(String::as_str).collect::<Vec<_>>().into()
    }
}

/// Every mount of this mount namespace, those on top last.
///
/// # Errors
/// A barrier if the kernel does not show them.
pub fn read() -> Result<Vec<Mount>, Blocked> {
    const PATH: &str = "/proc/self/mountinfo";
    let bytes = std::fs::read(PATH).map_err(|error| barrier_of(&format!("open {PATH}"), &error))?;
    String::from_utf8_lossy(&bytes)
        .split_terminator('\n')
        .map(|line| parse(line).map_err(|error| Blocked::new(Barrier::Protocol, format!("{PATH}: {error}"))))
        .collect()
}

fn parse(line: &str) -> Result<Mount, procfs::ProcError> {
    let info = MountInfo::from_line(line)?;
    let read_only = info.mount_options.contains_key("ro") || info.super_options.contains_key("ro");
    let written = |(name, value): (String, Option<String>)| match value {
        Some(value) => unescaped(&format!("{name}={value}")),
        None => unescaped(&name),
    };
    let mut options: BTreeSet<String> =
        info.mount_options.into_iter().chain(info.super_options).map(written).collect();
    if read_only {
        options.remove("rw");
    }
    Ok(Mount {
        mount_point: unescaped(&info.mount_point.to_string_lossy()),
        file_system: info.fs_type,
        source: info.mount_source.as_deref().map_or_else(|| "none".to_owned(), unescaped),
        options,
        read_only,
    })
}

/// The kernel writes blank, tab, newline, backslash and hash as `\` and three octal digits (fs/proc_namespace.c).
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\")]
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
        assert!(parse("36 35 98:0 /").is_err());
    }
}
