//! The user and group that the service runs as.

use std::path::Path;

use nix::unistd::{Group, User};

use super::steps::{Done, Step, command};
use crate::commands::{Failure, because};
use crate::files::Owner;

/// Sees to it that there is such a user, with a group of its own name.
pub(super) fn ensure(name: &str, home: &Path) -> Result<Owner, Failure> {
    let step = Step::named(&format!("user {name}"));
    if find(name)?.is_some() {
        step.is(Done::AlreadySo);
    } else {
        let home = home.display().to_string();
        let mut arguments = vec!["--system", "--no-create-home", "--home-dir", &home];
        arguments.extend(["--shell", "/usr/sbin/nologin", "--comment", "Fabric sync"]);
        // A group that was left over is taken; otherwise one is made.
        arguments.extend(if group(name)?.is_some() { vec!["--gid", name] } else { vec!["--user-group"] });
        arguments.push(name);
        command("useradd", &arguments)?;
        step.is(Done::Made);
    }
    let user = find(name)?.ok_or_else(|| Failure::Failed(format!("useradd made no user {name}")))?;
    let group = group(name)?
        .ok_or_else(|| Failure::Failed(format!("there is no group {name}: groupadd --system {name}")))?;
    Ok(Owner { user: user.uid.as_raw(), group: group.gid.as_raw() })
}

/// Takes the user and the group away.
pub(super) fn remove(name: &str) -> Result<(), Failure> {
    let step = Step::named(&format!("user {name}"));
    if find(name)?.is_some() {
        command("userdel", &[name])?;
        step.is(Done::Removed);
    }
    // userdel takes the group along, unless others are in it.
    if group(name)?.is_some() {
        command("groupdel", &[name])?;
    }
    Ok(())
}

fn find(name: &str) -> Result<Option<User>, Failure> {
    User::from_name(name).map_err(because("users cannot be looked up"))
}

fn group(name: &str) -> Result<Option<Group>, Failure> {
    Group::from_name(name).map_err(because("groups cannot be looked up"))
}
