//! `user`: the C library's look-up for one account, `/etc/passwd` for all of them, `/etc/shadow` for passwords.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;

use nix::errno::Errno;
use probity_plan::kinds::user::{Account, User};
use probity_plan::{Barrier, Blocked, Value};

use crate::look::{Context, Look, Seen, Wanted, barrier_of};

impl Look for User {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let (user, wanted) = (self.clone(), context.wanted.clone());
        // The look-up may ask a directory over the network.
        context.blocking(move || if user.all() { see_all(&wanted) } else { see(&user.user, &wanted) }).await
    }
}

fn see(account: &Account, wanted: &Wanted) -> Seen {
    let mut seen = Seen::default();
    let found = match account {
        Account::Number(uid) => nix::unistd::User::from_uid((*uid).into()),
        Account::Name(name) => nix::unistd::User::from_name(name),
    };
    let user = match found_in(PASSWD, &format!("user {account}"), found) {
        Ok(Some(user)) => user,
        Ok(None) => {
            seen.know("exists", false);
            seen.block_rest(Blocked::new(Barrier::Unreachable, format!("there is no user {account}")));
            return seen;
        }
        Err(blocked) => return Seen::nothing(blocked),
    };
    seen.know("exists", true)
        .know("name", user.name.as_str())
        .know("uid", i64::from(user.uid.as_raw()))
        .know("gid", i64::from(user.gid.as_raw()))
        .know("group", crate::names::group(user.gid.as_raw()))
        .know("home", user.dir.to_string_lossy().into_owned())
        .know("shell", user.shell.to_string_lossy().into_owned())
        .know("comment", user.gecos.to_string_lossy().into_owned());
    seen.settle("groups", groups(&user));
    if wanted.includes("password") {
        let of = |passwords: BTreeMap<String, &'static str>| match passwords.get(&user.name) {
            Some(password) => Ok(*password),
            None => {
                Err(Blocked::new(Barrier::Unsupported, format!("{SHADOW} has no line for {}", user.name)))
            }
        };
        seen.settle("password", passwords().and_then(of));
    }
    seen.block_rest(Blocked::new(Barrier::NotMade, "only `user: all` lists accounts"));
    seen
}

/// What the C library found; it also says "none" if it could not read its own file.
pub(super) fn found_in<T>(
    file: &str,
    what: &str,
    found: Result<Option<T>, Errno>,
) -> Result<Option<T>, Blocked> {
    match found {
        Ok(Some(found)) => Ok(Some(found)),
        // The ways in which it says that there is none (getpwnam(3)).
        Ok(None) | Err(Errno::ENOENT | Errno::ESRCH) => match std::fs::File::open(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(barrier_of(&format!("open {file}"), &error))
            }
            _ => Ok(None),
        },
        Err(error) => Err(barrier_of(&format!("look up {what}"), &error.into())),
    }
}

fn groups(user: &nix::unistd::User) -> Result<Vec<String>, Blocked> {
    let name = CString::new(user.name.as_str())
        .map_err(|_| Blocked::new(Barrier::Protocol, "the name holds a zero byte"))?;
    let groups = nix::unistd::getgrouplist(&name, user.gid)
        .map_err(|error| barrier_of(&format!("look up the groups of {}", user.name), &error.into()))?;
    let names: BTreeSet<String> = groups.iter().map(|gid| crate::names::group(gid.as_raw())).collect();
    Ok(names.into_iter().collect())
}

/// One line of `/etc/passwd` (passwd(5)).
pub(super) struct Line {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    comment: String,
    home: String,
    shell: String,
}

/// Where the C library looks first.
const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";

/// The accounts of `/etc/passwd`, without lines that only include accounts from elsewhere (`+`, `-`).
pub(super) fn accounts() -> Result<Vec<Line>, Blocked> {
    let bytes = std::fs::read(PASSWD).map_err(|error| barrier_of(&format!("open {PASSWD}"), &error))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', '+', '-']));
    lines
        .map(|(number, line)| {
            let fields: Vec<&str> = line.split(':').collect();
            let read = match fields.as_slice() {
                [name, _, uid, gid, comment, home, shell] => {
                    uid.parse().ok().zip(gid.parse().ok()).map(|(uid, gid)| Line {
                        name: (*name).to_owned(),
                        uid,
                        gid,
                        comment: (*comment).to_owned(),
                        home: (*home).to_owned(),
                        shell: (*shell).to_owned(),
                    })
                }
                _ => None,
            };
            read.ok_or_else(|| {
                Blocked::new(
                    Barrier::Protocol,
                    format!("{PASSWD}, line {}: not seven fields with two numbers", number + 1),
                )
            })
        })
        .collect()
}

/// What the passwords in `/etc/shadow` allow (shadow(5)), by account. The hashes are not kept.
fn passwords() -> Result<BTreeMap<String, &'static str>, Blocked> {
    let bytes = std::fs::read(SHADOW).map_err(|error| barrier_of(&format!("open {SHADOW}"), &error))?;
    let text = String::from_utf8_lossy(&bytes);
    let state = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let state = match fields.next()? {
            "" => "empty",
            hash if hash.starts_with(['!', '*']) => "locked",
            _ => "set",
        };
        Some((name, state))
    };
    Ok(text.lines().filter_map(state).collect())
}

fn see_all(wanted: &Wanted) -> Seen {
    let mut seen = Seen::default();
    let accounts = match accounts() {
        Ok(accounts) => accounts,
        Err(blocked) => return Seen::nothing(blocked),
    };
    let named = |those: &dyn Fn(&Line) -> bool| {
        let names: BTreeSet<&str> =
            accounts.iter().filter(|line| those(line)).map(|line| line.name.as_str()).collect();
        names.into_iter().collect::<Vec<_>>()
    };
    let logs_in = |line: &Line| {
        let shell = line.shell.rsplit('/').next().unwrap_or_default();
        !matches!(shell, "nologin" | "false" | "sync" | "halt" | "shutdown")
    };
    seen.know("count", i64::try_from(accounts.len()).unwrap_or(i64::MAX))
        .know("uid_0", named(&|line| line.uid == 0))
        .know("login_shells", named(&logs_in))
        .know("users", accounts.iter().map(described).collect::<Vec<_>>());
    if wanted.includes("empty_passwords") {
        let empty = |passwords: BTreeMap<String, &'static str>| {
            named(&|line| passwords.get(&line.name).is_some_and(|state| *state == "empty"))
        };
        seen.settle("empty_passwords", passwords().map(empty));
    }
    seen.block_rest(Blocked::new(Barrier::NotMade, "`user: all` lists accounts; name one for this fact"));
    seen
}

fn described(line: &Line) -> Value {
    Value::Map(BTreeMap::from([
        ("name".to_owned(), line.name.as_str().into()),
        ("uid".to_owned(), i64::from(line.uid).into()),
        ("gid".to_owned(), i64::from(line.gid).into()),
        ("home".to_owned(), line.home.as_str().into()),
        ("shell".to_owned(), line.shell.as_str().into()),
        ("comment".to_owned(), line.comment.as_str().into()),
    ]))
}
