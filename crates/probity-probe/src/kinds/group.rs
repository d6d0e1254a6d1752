//! `group`: the machine's name services.

use std::collections::BTreeSet;

use probity_plan::Blocked;
use probity_plan::kinds::group::Group;
use probity_plan::kinds::user::Account;

use super::user::{key_of, number_of};
use crate::look::{Context, Look, Seen};
use crate::{names, tables};

impl Look for Group {
    async fn look(&self, context: &Context<'_>) -> Seen {
        see(&self.group, context).await.unwrap_or_else(Seen::nothing)
    }
}

async fn see(account: &Account, context: &Context<'_>) -> Result<Seen, Blocked> {
    let mut seen = Seen::default();
    let names = tables::names(context).await?;
    let (key, number) = (key_of(account), number_of(account));
    let Some(group) = names::entry(&key, number, &names, &names.groups, context).await? else {
        seen.absent("exists", &account.to_string(), format!("there is no group {account}"));
        return Ok(seen);
    };
    let sorted = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>();
    let members = names::members_of(&group, &names, context).await;
    seen.know("exists", true).know("name", group.name).know("gid", i64::from(group.gid));
    seen.settle("members", members.map(sorted));
    let primary = super::user::accounts(&names).map(|accounts| {
        let members = accounts.into_iter().filter(|user| user.gid == group.gid);
        sorted(members.map(|user| user.name.clone()).collect())
    });
    seen.settle("primary_members", primary);
    Ok(seen)
}
