//! `disk`: one descriptor, its statvfs(3), and the table of mounts for where it is.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;

use probity_plan::kinds::disk::Disk;
use probity_plan::{Barrier, Blocked, Value};
use rustix::fs::{AtFlags, Mode, OFlags, StatVfs, StatVfsMountFlags, StatxFlags};

use crate::look::{Context, Look, Seen, barrier_of};
use crate::mounts;

impl Look for Disk {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let path = self.disk.clone();
        // A network file system that does not answer hangs here.
        context.blocking(move |_| see(&path)).await
    }
}

fn see(path: &str) -> Seen {
    let mut seen = Seen::default();
    let opened = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .and_then(|place| Ok((rustix::fs::fstatvfs(&place)?, place)));
    let (found, place) = match opened.map_err(std::io::Error::from) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            seen.absent("exists", path, format!("{path} does not exist"));
            return seen;
        }
        Err(error) => return Seen::nothing(barrier_of(&format!("statvfs {path}"), &error)),
    };
    seen.know("exists", true);
    see_space(&found, &mut seen);
    let mount = mount_of(path, &place);
    // statvfs(3) does not tell what an error made read-only (ext4, from Linux 6.15 on).
    let read_only = match found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        true => Ok(true),
        false => mount.as_ref().map(|mount| mount.read_only).map_err(Clone::clone),
    };
    seen.settle("read_only", read_only);
    seen.settle("mount_point", mount.as_ref().map(|mount| mount.mount_point.as_str()).map_err(Clone::clone));
    seen.settle("file_system", mount.as_ref().map(|mount| mount.file_system.as_str()).map_err(Clone::clone));
    seen.settle("source", mount.as_ref().map(|mount| mount.source.as_str()).map_err(Clone::clone));
    seen
}

fn see_space(found: &StatVfs, seen: &mut Seen) {
    let bytes = |blocks: u64| whole(blocks.saturating_mul(found.f_frsize));
    seen.know("size_bytes", bytes(found.f_blocks))
        .know("free_bytes", bytes(found.f_bfree))
        .know("available_bytes", bytes(found.f_bavail))
        .know("inodes", whole(found.f_files))
        .know("inodes_free", whole(found.f_ffree));
    // As df(1): what is reserved for root counts neither as used nor as usable.
    let used = found.f_blocks.saturating_sub(found.f_bfree);
    seen.settle(
        "used_percent",
        percent(used, used.saturating_add(found.f_bavail), "the file system has no size"),
    );
    let used = found.f_files.saturating_sub(found.f_ffree);
    seen.settle(
        "inodes_used_percent",
        percent(used, found.f_files, "the file system has no limit of inodes"),
    );
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// To a hundredth of a percent.
#[expect(clippy::cast_precision_loss, reason = "rounded to a hundredth of a percent")]
fn percent(part: u64, of: u64, none: &str) -> Result<Value, Blocked> {
    if of == 0 {
        return Err(Blocked::new(Barrier::Unsupported, none));
    }
    Ok(Value::decimal((part as f64 / of as f64 * 10_000.0).round() / 100.0))
}

/// The mount that the path leads into, by the number that the kernel gives both.
fn mount_of(path: &str, place: &OwnedFd) -> Result<mounts::Mount, Blocked> {
    let status = rustix::fs::statx(place, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
        .map_err(|error| barrier_of(&format!("statx {path}"), &error.into()))?;
    if status.stx_mask & StatxFlags::MNT_ID.bits() == 0 {
        // Linux before 5.8.
        return Err(Blocked::new(Barrier::Unsupported, "the kernel does not tell which mount a path is in"));
    }
    let mount = mounts::read()?.0.into_iter().find(|mount| mount.id == status.stx_mnt_id);
    mount.ok_or_else(|| Blocked::new(Barrier::Protocol, format!("no mount holds {path}")))
}
