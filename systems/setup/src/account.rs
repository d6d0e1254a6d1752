//! The user and group that the service runs as.

use std::path::Path;

use nix::unistd::{Group, User};

use crate::files::Owner;
use crate::steps::{Done, Step, command};
use crate::{Failure, because};

/// Sees to it that there is such a user, with a group of its own name.
///
/// # Errors
/// It cannot be looked up or made.
pub fn ensure(name: &str, comment: &str, home: &Path) -> Result<Owner, Failure> {
    let step = Step::named(&format!("user {name}"));
    if find(name)?.is_some() {
        step.is(Done::AlreadySo);
    } else {
        let mut arguments = vec!["--system", "--no-create-home", "--home-dir"];
        let home = home.display().to_string();
        arguments.extend([home.as_str(), "--shell", "/usr/sbin/nologin", "--comment", comment]);
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

/// Sees to it that a user is in a group. `why` says what for, `without` what it means that there is no such group.
///
/// # Errors
/// The group cannot be looked up, or the user not put into it.
pub fn join(name: &str, other: &str, why: &str, without: &str) -> Result<(), Failure> {
    let step = Step::named(&format!("{name} in the group {other}, {why}"));
    match group(other)? {
        None => step.is(Done::Left(format!("there is no such group: {without}"))),
        Some(group) if group.mem.iter().any(|member| member == name) => step.is(Done::AlreadySo),
        Some(_) => {
            command("usermod", &["--append", "--groups", other, name])?;
            step.is(Done::Made);
        }
    }
    Ok(())
}

/// Takes the user and the group away.
///
/// # Errors
/// They cannot be looked up or removed.
pub fn remove(name: &str) -> Result<(), Failure> {
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
