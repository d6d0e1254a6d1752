//! Names of users and groups, as the C library finds them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Names that many looks share: each is found when it is first asked for. May block.
#[derive(Debug, Default)]
pub struct Names {
    users: Mutex<BTreeMap<u32, String>>,
    groups: Mutex<BTreeMap<u32, String>>,
}

impl Names {
    /// As [`user`].
    pub fn user(&self, uid: u32) -> String {
        Self::found(&self.users, uid, user)
    }

    /// As [`group`].
    pub fn group(&self, gid: u32) -> String {
        Self::found(&self.groups, gid, group)
    }

    fn found(names: &Mutex<BTreeMap<u32, String>>, number: u32, find: fn(u32) -> String) -> String {
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
        names.entry(number).or_insert_with(|| find(number)).clone()
    }
}

/// The user's name, or the number where there is none.
pub fn user(uid: u32) -> String {
    match nix::unistd::User::from_uid(uid.into()) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

/// The group's name, or the number where there is none.
pub fn group(gid: u32) -> String {
    match nix::unistd::Group::from_gid(gid.into()) {
        Ok(Some(group)) => group.name,
        _ => gid.to_string(),
    }
}
