//! `group`: the C library's look-up.

use std::collections::BTreeSet;

use probity_plan::kinds::group::Group;
use probity_plan::kinds::user::Account;
use probity_plan::{Barrier, Blocked};

use super::user::{accounts, found_in};
use crate::look::{Context, Look, Seen};

impl Look for Group {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let account = self.group.clone();
        context.blocking(move || see(&account)).await
    }
}

fn see(account: &Account) -> Seen {
    let mut seen = Seen::default();
    let found = match account {
        Account::Number(gid) => nix::unistd::Group::from_gid((*gid).into()),
        Account::Name(name) => nix::unistd::Group::from_name(name),
    };
    let group = match found_in("/etc/group", &format!("group {account}"), found) {
        Ok(Some(group)) => group,
        Ok(None) => {
            seen.know("exists", false);
            seen.block_rest(Blocked::new(Barrier::Unreachable, format!("there is no group {account}")));
            return seen;
        }
        Err(blocked) => return Seen::nothing(blocked),
    };
    let gid = group.gid.as_raw();
    seen.know("exists", true).know("name", group.name).know("gid", i64::from(gid));
    let sorted = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>();
    seen.know("members", sorted(group.mem.into_iter().collect()));
    let primary = accounts().map(|accounts| {
        sorted(accounts.into_iter().filter(|line| line.gid == gid).map(|line| line.name).collect())
    });
    seen.settle("primary_members", primary);
    seen
}
