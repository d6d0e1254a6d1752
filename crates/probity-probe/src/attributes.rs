//! What protects a file beside its mode: access control list, capabilities, flags, security label.

use std::os::fd::AsFd;

use probity_plan::{Barrier, Blocked, Value};
use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use crate::look::barrier_of;

/// The facts that are looked up here.
pub const FACTS: [&str; 5] = ["acl", "capabilities", "immutable", "append_only", "security_label"];
/// The longest extended attribute that Linux allows (xattr(7)), in bytes.
const MAX_LENGTH: usize = 64 << 10;

/// One of [`FACTS`], of the file that the descriptor holds and to which the path leads.
///
/// # Errors
/// `unsupported` where the file system does not tell.
pub fn see(fact: &str, descriptor: impl AsFd, place: &str) -> Result<Value, Blocked> {
    match fact {
        "acl" => acl(place).map(Value::from),
        "capabilities" => capabilities(place).map(Value::from),
        "immutable" => flag(descriptor, StatxAttributes::IMMUTABLE, "immutable").map(Value::Bool),
        "append_only" => flag(descriptor, StatxAttributes::APPEND, "append-only").map(Value::Bool),
        _ => label(place).map(Value::from),
    }
}

/// The extended attribute of this name; `None` if the file has none, or its file system none of that sort.
fn attribute(place: &str, name: &str) -> Result<Option<Vec<u8>>, Blocked> {
    let mut bytes = vec![0; MAX_LENGTH];
    match rustix::fs::getxattr(place, name, bytes.as_mut_slice()) {
        Ok(length) => {
            bytes.truncate(length);
            Ok(Some(bytes))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(barrier_of(&format!("read the attribute {name}"), &error.into())),
    }
}

/// The entries of an access control list that the mode does not show, as getfacl(1) writes them, with the rights that are
/// left after its mask. Source of the form: Linux, include/uapi/linux/posix_acl_xattr.h.
fn acl(place: &str) -> Result<Vec<String>, Blocked> {
    // NFS has lists of its own, in a form of its own.
    if attribute(place, "system.nfs4_acl")?.is_some() {
        return Err(Blocked::new(Barrier::Unsupported, "it has an access control list of NFSv4"));
    }
    let mut entries = Vec::new();
    for (name, before) in [("system.posix_acl_access", ""), ("system.posix_acl_default", "default:")] {
        if let Some(bytes) = attribute(place, name)? {
            let wrong = || Blocked::new(Barrier::Protocol, format!("{name} is not of version 2"));
            let of_it = acl_entries(&bytes, before).ok_or_else(wrong)?;
            // What stands for who has no number in the observer's user namespace.
            let nobody = format!(":{}:", u32::MAX);
            if of_it.iter().any(|entry| entry.contains(&nobody)) {
                let why = format!("{name} names somebody whom the observer's user namespace does not know");
                return Err(Blocked::new(Barrier::Unsupported, why));
            }
            entries.extend(of_it);
        }
    }
    Ok(entries)
}

fn acl_entries(bytes: &[u8], before: &str) -> Option<Vec<String>> {
    const VERSION: u32 = 2;
    const MASK: u16 = 0x10;
    let (version, list) = bytes.split_first_chunk()?;
    if u32::from_le_bytes(*version) != VERSION || list.len() % 8 != 0 {
        return None;
    }
    let entries: Vec<(u16, u16, u32)> = list
        .chunks_exact(8)
        .filter_map(|entry| {
            let (tag, rest) = entry.split_first_chunk()?;
            let (rights, number) = rest.split_first_chunk()?;
            let number = u32::from_le_bytes(number.try_into().ok()?);
            Some((u16::from_le_bytes(*tag), u16::from_le_bytes(*rights), number))
        })
        .collect();
    let mask = entries.iter().find(|(tag, ..)| *tag == MASK).map_or(7, |(_, rights, _)| *rights);
    let named = entries.into_iter().filter_map(|(tag, rights, number)| {
        let whom = match tag {
            0x02 => "user",
            0x08 => "group",
            // Owner, group, mask and others are what the mode shows; of a folder's default they stand nowhere else.
            0x01 if !before.is_empty() => return Some(format!("{before}user::{}", words(rights))),
            0x04 if !before.is_empty() => return Some(format!("{before}group::{}", words(rights & mask))),
            0x20 if !before.is_empty() => return Some(format!("{before}other::{}", words(rights))),
            _ => return None,
        };
        Some(format!("{before}{whom}:{number}:{}", words(rights & mask)))
    });
    Some(named.collect())
}

fn words(rights: u16) -> String {
    [(4, 'r'), (2, 'w'), (1, 'x')]
        .iter()
        .map(|(bit, word)| if rights & bit == 0 { '-' } else { *word })
        .collect()
}

/// By number; source: Linux, include/uapi/linux/capability.h.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// The capabilities that executing the file gives, as `getcap -n` writes them: `cap_net_raw=ep`, in
/// another user namespace `cap_net_raw=ep [rootid=100000]`.
fn capabilities(place: &str) -> Result<Vec<String>, Blocked> {
    const NAME: &str = "security.capability";
    let Some(bytes) = attribute(place, NAME)? else { return Ok(Vec::new()) };
    let wrong = || Blocked::new(Barrier::Protocol, format!("{NAME} is not of version 2 or 3"));
    capability_names(&bytes).ok_or_else(wrong)
}

/// Source of the form: Linux, `struct vfs_ns_cap_data` of include/uapi/linux/capability.h.
fn capability_names(bytes: &[u8]) -> Option<Vec<String>> {
    let words: Vec<u32> =
        bytes.chunks_exact(4).filter_map(|word| Some(u32::from_le_bytes(word.try_into().ok()?))).collect();
    let (magic, low, inherited_low, high, inherited_high, root) = match words.as_slice() {
        [magic, low, inherited_low, high, inherited_high] if magic >> 24 == 2 => {
            (magic, low, inherited_low, high, inherited_high, &0)
        }
        [magic, low, inherited_low, high, inherited_high, root] if magic >> 24 == 3 => {
            (magic, low, inherited_low, high, inherited_high, root)
        }
        _ => return None,
    };
    // They are those of another user namespace, whose root is this user.
    let root = if *root == 0 { String::new() } else { format!(" [rootid={root}]") };
    let whole = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    let (permitted, inheritable) = (whole(*low, *high), whole(*inherited_low, *inherited_high));
    let effective = if magic & 1 == 0 { "" } else { "e" };
    let named = (0..64_usize).filter(|number| (permitted | inheritable) >> number & 1 == 1).map(|number| {
        let name = NAMES.get(number).map_or_else(|| format!("{number}"), |name| format!("cap_{name}"));
        let has = |set: u64, word: &'static str| if set >> number & 1 == 1 { word } else { "" };
        format!("{name}={effective}{}{}{root}", has(inheritable, "i"), has(permitted, "p"))
    });
    Some(named.collect())
}

fn flag(descriptor: impl AsFd, flag: StatxAttributes, name: &str) -> Result<bool, Blocked> {
    let status = rustix::fs::statx(descriptor, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
        .map_err(|error| barrier_of("statx", &error.into()))?;
    if !status.stx_attributes_mask.contains(flag) {
        let why = format!("its file system does not tell whether a file is {name}");
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    Ok(status.stx_attributes.contains(flag))
}

/// The label of SELinux or Smack; empty where it has none.
fn label(place: &str) -> Result<String, Blocked> {
    for name in ["security.selinux", "security.SMACK64"] {
        if let Some(bytes) = attribute(place, name)? {
            return Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned());
        }
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_a_list_takes_rights_away() {
        let entry = |tag: u16, rights: u16, number: u32| {
            [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &number.to_le_bytes()].concat()
        };
        let owner = u32::MAX;
        let list = [
            entry(1, 6, owner),
            entry(2, 7, 65534),
            entry(4, 4, owner),
            entry(8, 6, 50),
            entry(0x10, 5, owner),
            entry(0x20, 0, owner),
        ];
        let bytes = [&2_u32.to_le_bytes()[..], &list.concat()].concat();
        assert_eq!(acl_entries(&bytes, "").unwrap(), ["user:65534:r-x", "group:50:r--"]);
        assert_eq!(acl_entries(&bytes[..20], ""), Some(vec!["user:65534:rwx".to_owned()]));
        assert_eq!(acl_entries(&bytes[..21], ""), None);
        assert_eq!(acl_entries(&[3, 0, 0, 0], ""), None);
    }

    #[test]
    fn what_is_no_set_of_capabilities_is_none() {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        let set = words(&[0x0200_0001, 1 << 13, 0, 1 << 8, 0]);
        assert_eq!(capability_names(&set).unwrap(), ["cap_net_raw=ep", "cap_checkpoint_restore=ep"]);
        assert_eq!(capability_names(&words(&[0x0100_0000, 1, 0, 0, 0])), None);
        let of_namespace = words(&[0x0300_0001, 1 << 13, 0, 0, 0, 100_000]);
        assert_eq!(capability_names(&of_namespace).unwrap(), ["cap_net_raw=ep [rootid=100000]"]);
        assert_eq!(
            capability_names(&words(&[0x0300_0001, 1 << 13, 0, 0, 0, 0])).unwrap(),
            ["cap_net_raw=ep"]
        );
        assert_eq!(capability_names(&of_namespace[..20]), None);
        assert_eq!(capability_names(&set[..8]), None);
    }
}
