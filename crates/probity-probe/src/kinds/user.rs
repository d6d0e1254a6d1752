//! `user`: the machine's name services for one account, `/etc/passwd` for all of them, `/etc/shadow` for passwords.

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::kinds::user::{Account, User};
use probity_plan::{Barrier, Blocked, Value};

use crate::look::{Context, Look, Seen, barrier_of, on_a_thread};
use crate::names::{self, Database, Entry as _, Names};
use crate::{tables, whole};

const SHADOW: &str = "/etc/shadow";
/// The longest `/etc/shadow` that is read, in bytes.
const MAX_LENGTH: u64 = 64 << 20;

impl Look for User {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let seen = if self.all() { see_all(context).await } else { see(&self.user, context).await };
        seen.unwrap_or_else(Seen::nothing)
    }
}

/// What an account is asked for by.
pub(super) fn key_of(account: &Account) -> String {
    account.to_string()
}

/// Its number, where it is asked for by that.
pub(super) fn number_of(account: &Account) -> Option<u32> {
    match account {
        Account::Number(number) => Some(*number),
        Account::Name(_) => None,
    }
}

async fn see(account: &Account, context: &Context<'_>) -> Result<Seen, Blocked> {
    let mut seen = Seen::default();
    let names = tables::names(context).await?;
    let (key, number) = (key_of(account), number_of(account));
    let Some(user) = names::entry(&key, number, &names, &names.users, context).await? else {
        seen.absent("exists", &account.to_string(), format!("there is no user {account}"));
        return Ok(seen);
    };
    let group = names::groups_by_number(&BTreeSet::from([user.gid]), context).await;
    let group = group.map(|names| names.into_iter().next().unwrap_or_default());
    seen.know("exists", true)
        .know("name", user.name.as_str())
        .know("uid", i64::from(user.uid))
        .know("gid", i64::from(user.gid))
        .settle("group", group)
        .know("home", user.home.as_str())
        .know("shell", user.shell.as_str())
        .know("comment", user.comment.as_str());
    seen.settle("groups", groups(&user, &names, context).await);
    if context.wants("password") {
        seen.settle("password", passwords(context).await.and_then(|shadow| password(&user, &shadow)));
    }
    seen.block_rest(Blocked::new(Barrier::NotMade, "only `user: all` lists accounts"));
    Ok(seen)
}

/// The names of all its groups, the primary one among them, sorted.
async fn groups(user: &names::User, names: &Names, context: &Context<'_>) -> Result<Vec<String>, Blocked> {
    let mut numbers = names::groups_of(&user.name, names, context).await?;
    numbers.insert(user.gid);
    let sorted = names::groups_by_number(&numbers, context).await?.into_iter().collect::<BTreeSet<_>>();
    Ok(sorted.into_iter().collect())
}

/// The accounts of `/etc/passwd`; every line of it is one.
pub(super) fn accounts(names: &Names) -> Result<Vec<&names::User>, Blocked> {
    let lines = names.users.as_ref().map_err(Clone::clone)?;
    if lines.is_empty() {
        let why = format!("{} holds no account", Database::Users.file());
        return Err(Blocked::new(Barrier::Unreachable, why));
    }
    lines.iter().map(|line| line.as_ref().map_err(Clone::clone)).collect()
}

/// What the passwords in `/etc/shadow` allow (shadow(5)), by account; of several lines of one
/// the first counts, as it does for the C library. The hashes are not kept.
async fn passwords(context: &Context<'_>) -> Result<BTreeMap<String, State>, Blocked> {
    let read =
        || whole::read(SHADOW, MAX_LENGTH).map_err(|error| barrier_of(&format!("open {SHADOW}"), &error));
    let bytes = context.in_time(on_a_thread(read)).await?;
    let text = String::from_utf8_lossy(&bytes);
    let mut states = BTreeMap::new();
    for line in text.split('\n') {
        let mut fields = line.trim_start().split(':');
        if let (Some(name), Some(field)) = (fields.next(), fields.next()) {
            states.entry(name.to_owned()).or_insert_with(|| allows(field));
        }
    }
    Ok(states)
}

/// What a password field allows, or why that is not told.
type State = Result<&'static str, Blocked>;

/// What a password field allows, in `/etc/passwd` as in `/etc/shadow`.
fn allows(field: &str) -> State {
    match field {
        "" => Ok("empty"),
        // No password has a hash like these.
        "x" | "NP" => Ok("locked"),
        hash if hash.starts_with(['!', '*']) => Ok("locked"),
        hash if is_hash(hash) => Ok("set"),
        // As where a password was written instead of its hash.
        _ => Err(Blocked::new(
            Barrier::Unsupported,
            "its password field is no hash that crypt(5) knows: whether any password fits is not told",
        )),
    }
}

/// Whether a field has the form of a hash (crypt(5)): `$`, a name, its settings and what was made of the password; that of BSDi; that
/// of DES.
fn is_hash(field: &str) -> bool {
    let is_base64 =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    if let Some(parts) = field.strip_prefix('$') {
        let last = parts.rsplit('$').next().unwrap_or_default();
        return parts.contains('$') && last.len() >= 22 && is_base64(last);
    }
    match field.strip_prefix('_') {
        Some(rest) => rest.len() == 19 && is_base64(rest),
        None => field.len() == 13 && is_base64(field),
    }
}

/// `x` in `/etc/passwd` refers to `/etc/shadow`; anything else there is the password field itself, the empty one too
/// (passwd(5), shadow(5)).
fn password(user: &names::User, shadow: &BTreeMap<String, State>) -> State {
    if user.password != "x" {
        return allows(&user.password);
    }
    shadow.get(&user.name).cloned().unwrap_or_else(|| {
        Err(Blocked::new(Barrier::Unsupported, format!("{SHADOW} has no line for {}", user.name)))
    })
}

async fn see_all(context: &Context<'_>) -> Result<Seen, Blocked> {
    let mut seen = Seen::default();
    let names = tables::names(context).await?;
    let accounts = accounts(&names)?;
    let named = |those: &dyn Fn(&names::User) -> bool| {
        let names: BTreeSet<&str> =
            accounts.iter().filter(|user| those(user)).map(|user| user.name()).collect();
        names.into_iter().collect::<Vec<_>>()
    };
    let logs_in = |user: &names::User| {
        let shell = user.shell.rsplit('/').next().unwrap_or_default();
        !matches!(shell, "nologin" | "false" | "sync" | "halt" | "shutdown")
    };
    seen.know("count", i64::try_from(accounts.len()).unwrap_or(i64::MAX))
        .know("uid_0", named(&|user| user.uid == 0))
        .know("login_shells", named(&logs_in))
        .know("users", accounts.iter().map(|user| described(user)).collect::<Vec<_>>());
    if context.wants("empty_passwords") {
        let empty = |shadow: BTreeMap<String, State>| {
            named(&|user| password(user, &shadow).is_ok_and(|state| state == "empty"))
        };
        seen.settle("empty_passwords", passwords(context).await.map(empty));
    }
    seen.block_rest(Blocked::new(Barrier::NotMade, "`user: all` lists accounts; name one for this fact"));
    Ok(seen)
}

fn described(user: &names::User) -> Value {
    Value::Map(BTreeMap::from([
        ("name".to_owned(), user.name.as_str().into()),
        ("uid".to_owned(), i64::from(user.uid).into()),
        ("gid".to_owned(), i64::from(user.gid).into()),
        ("home".to_owned(), user.home.as_str().into()),
        ("shell".to_owned(), user.shell.as_str().into()),
        ("comment".to_owned(), user.comment.as_str().into()),
    ]))
}
