//! Accounts and groups as this machine's own name services know them: its files, and whatever else `/etc/nsswitch.conf`
//! names. That is asked through `getent`, a program of the machine: a static build has no such services itself, and a
//! program that hangs can be ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use probity_plan::{Barrier, Blocked};

use crate::look::{Context, Seen, Underway, barrier_of};
use crate::{program, tables};

/// The longest file of accounts that is read, in bytes.
const MAX_LENGTH: u64 = 64 << 20;
/// The number that the kernel shows for those that have none, unless it was told another.
const OVERFLOW: u32 = 65534;
const SERVICES: &str = "/etc/nsswitch.conf";
/// A name service that no machine has: that it is sought shows that the one before it gave no answer.
const NO_SERVICE: &str = "probity_none";

/// A database of the name services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Database {
    /// `passwd`: accounts.
    Users,
    /// `group`.
    Groups,
}

impl Database {
    /// The name that getent(1) and nsswitch.conf(5) call it by.
    const fn name(self) -> &'static str {
        match self {
            Self::Users => "passwd",
            Self::Groups => "group",
        }
    }
    /// The file in which the machine's own entries stand.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Users => "/etc/passwd",
            Self::Groups => "/etc/group",
        }
    }
}

/// One line of `/etc/passwd` (passwd(5)) or `/etc/group` (group(5)), or what getent(1) prints in their form.
pub trait Entry: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// Where it stands.
    const DATABASE: Database;
    /// Reads one; `None` if the line is none.
    fn parse(line: &str) -> Option<Self>;
    /// Its name.
    fn name(&self) -> &str;
    /// Its number.
    fn number(&self) -> u32;
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of passwd(5)")]
pub struct User {
    pub name: String,
    pub password: String,
    pub uid: u32,
    pub gid: u32,
    pub comment: String,
    pub home: String,
    pub shell: String,
}

impl Entry for User {
    const DATABASE: Database = Database::Users;
    fn parse(line: &str) -> Option<Self> {
        // What is missing behind the numbers is empty, and the shell is all the rest.
        let mut fields = line.splitn(7, ':');
        let (name, password) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        let (uid, gid) = (number(fields.next()?)?, number(fields.next()?)?);
        let mut rest = || fields.next().unwrap_or_default().to_owned();
        Some(Self { name, password, uid, gid, comment: rest(), home: rest(), shell: rest() })
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn number(&self) -> u32 {
        self.uid
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of group(5)")]
pub struct Group {
    pub name: String,
    pub gid: u32,
    pub members: BTreeSet<String>,
}

impl Entry for Group {
    const DATABASE: Database = Database::Groups;
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, ':');
        let (name, _, gid) = (fields.next()?.to_owned(), fields.next()?, number(fields.next()?)?);
        let members = fields.next().unwrap_or_default().split(',').map(without_blanks_before);
        Some(Self { name, gid, members: members.filter(|it| !it.is_empty()).map(str::to_owned).collect() })
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn number(&self) -> u32 {
        self.gid
    }
}

/// A number as the C library reads one in these files: blanks and a sign may stand before it (glibc, nss/nss_files).
fn number(field: &str) -> Option<u32> {
    without_blanks_before(field).parse().ok()
}

/// The C library leaves out blanks before a line or a member, and none behind them: a carriage return at the end of a line
/// belongs to its last field (glibc, nss/nss_files/files-parse.c).
fn without_blanks_before(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])
}

/// A file of entries, each line of it read or the barrier of one that is none.
type Lines<T> = Result<Vec<Result<T, Blocked>>, Blocked>;

/// What was answered of a number: its name, or that there is none.
type LookupCache = BTreeMap<(Database, u32), Result<Option<String>, Blocked>>;

/// The files of accounts and groups, and what was asked beyond them: one reading that many looks share.
#[derive(Debug)]
pub struct Names {
    /// The accounts of `/etc/passwd`.
    pub users: Lines<User>,
    /// The groups of `/etc/group`.
    pub groups: Lines<Group>,
    /// Those whom the machine asks beside its files.
    of_users: Services,
    of_groups: Services,
    asked: Mutex<LookupCache>,
    missing: Mutex<BTreeSet<(Database, u32)>>,
}

/// What `/etc/nsswitch.conf` says of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Services {
    /// Whether the files are asked first, and what they say stands.
    files_first: bool,
    /// Whether one adds to what another found (`[SUCCESS=merge]`).
    merges: bool,
    /// The others, by name.
    others: Vec<String>,
}

impl Names {
    /// Reads the files. Blocks.
    pub fn read() -> Self {
        let said = read_text(SERVICES).unwrap_or_default();
        Self {
            users: lines(),
            groups: lines(),
            of_users: services_of(&said, Database::Users),
            of_groups: services_of(&said, Database::Groups),
            asked: Mutex::default(),
            missing: Mutex::default(),
        }
    }

    fn services(&self, database: Database) -> &Services {
        match database {
            Database::Users => &self.of_users,
            Database::Groups => &self.of_groups,
        }
    }

    /// The name of the user of this number, as the kernel shows it, or the number where there is none.
    ///
    /// # Errors
    /// A barrier where it cannot be told, as where the number stands for many; `not-made` where somebody beside the files has still to be asked.
    pub fn user(&self, uid: u32) -> Result<String, Blocked> {
        number_of_its_own(Database::Users, uid)?;
        self.name(Database::Users, uid, &self.users)
    }

    /// The name of the group of this number, as the kernel shows it, or the number where there is none.
    ///
    /// # Errors
    /// A barrier where it cannot be told, as where the number stands for many; `not-made` where somebody beside the files has still to be asked.
    pub fn group(&self, gid: u32) -> Result<String, Blocked> {
        number_of_its_own(Database::Groups, gid)?;
        self.name(Database::Groups, gid, &self.groups)
    }

    /// The name, or the number where there is none.
    fn name<T: Entry>(&self, database: Database, number: u32, lines: &Lines<T>) -> Result<String, Blocked> {
        let services = self.services(database);
        let found = || find(lines, |entry: &T| entry.number() == number);
        if services.files_first
            && let Some(entry) = found()?
        {
            return Ok(entry.name().to_owned());
        }
        if services.others.is_empty() {
            return Ok(number.to_string());
        }
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = asked.get(&(database, number)) {
            return answer.clone().map(|name| name.unwrap_or_else(|| number.to_string()));
        }
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert((database, number));
        Err(Blocked::new(Barrier::NotMade, format!("the name of {number} was not asked for in time")))
    }

    /// Asks for the names that were sought since the last time and not found. Whether there were any.
    async fn ask(&self, context: &Context<'_>) -> bool {
        let missing = std::mem::take(&mut *self.missing.lock().unwrap_or_else(PoisonError::into_inner));
        for database in [Database::Users, Database::Groups] {
            let numbers: Vec<u32> =
                missing.iter().filter(|(it, _)| *it == database).map(|(_, number)| *number).collect();
            if numbers.is_empty() {
                continue;
            }
            let keys: Vec<String> = numbers.iter().map(u32::to_string).collect();
            let answer = match database {
                Database::Users => names_by_number::<User>(self, &keys, context).await,
                Database::Groups => names_by_number::<Group>(self, &keys, context).await,
            };
            let mut nameless = Ok(());
            if let Ok(names) = &answer {
                let without = numbers.iter().filter(|number| !names.contains_key(number));
                let without: Vec<String> = without.map(u32::to_string).collect();
                nameless = all_answer(database, &without, self.services(database), context).await;
            }
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            for number in numbers {
                let name = match &answer {
                    Ok(names) => match names.get(&number) {
                        Some(name) => Ok(Some(name.clone())),
                        None => nameless.clone().map(|()| None),
                    },
                    Err(blocked) => Err(blocked.clone()),
                };
                asked.insert((database, number), name);
            }
        }
        !missing.is_empty()
    }
}

/// This number of an owner, unless it stands for whoever has none in the observer's user namespace.
///
/// # Errors
/// `unsupported`: whose it is is not seen from here.
pub fn number_of_its_own(database: Database, number: u32) -> Result<u32, Blocked> {
    if number_of_others(database) != Some(number) {
        return Ok(number);
    }
    let why = format!(
        "{number} stands for every number of {} that the observer's user namespace does not know",
        database.name()
    );
    Err(Blocked::new(Barrier::Unsupported, why))
}

/// The number that the kernel shows for all that have none in the observer's user namespace, if there are any
/// (user_namespaces(7), "Unmapped user and group IDs"). A process stays in its namespace, so that is read once.
fn number_of_others(database: Database) -> Option<u32> {
    static OF_USERS: OnceLock<Option<u32>> = OnceLock::new();
    static OF_GROUPS: OnceLock<Option<u32>> = OnceLock::new();
    let (read, map, number) = match database {
        Database::Users => (&OF_USERS, "/proc/self/uid_map", "/proc/sys/kernel/overflowuid"),
        Database::Groups => (&OF_GROUPS, "/proc/self/gid_map", "/proc/sys/kernel/overflowgid"),
    };
    *read.get_or_init(|| read_number_of_others(map, number))
}

fn read_number_of_others(map: &str, number: &str) -> Option<u32> {
    match std::fs::read_to_string(map) {
        Ok(map) if maps_all(&map) => return None,
        // A kernel that has no user namespaces.
        Err(_) if Path::new("/proc/self/status").exists() => return None,
        _ => {}
    }
    let number = std::fs::read_to_string(number).ok().and_then(|number| number.trim().parse().ok());
    Some(number.unwrap_or(OVERFLOW))
}

/// Whether every number has one inside: all but the last, which is none.
fn maps_all(map: &str) -> bool {
    let length = |line: &str| line.split_whitespace().nth(2).and_then(|length| length.parse::<u64>().ok());
    map.lines().filter_map(length).sum::<u64>() >= u64::from(u32::MAX)
}

async fn names_by_number<T: Entry>(
    names: &Names,
    keys: &[String],
    context: &Context<'_>,
) -> Result<BTreeMap<u32, String>, Blocked> {
    let entries = getent::<T>(names, keys, context).await?;
    Ok(entries.iter().map(|entry| (entry.number(), entry.name().to_owned())).collect())
}

/// A look in which names are sought. What the files do not know and others may is asked between two rounds of it.
pub async fn with_names<F>(context: &Context<'_>, see: F) -> Seen
where
    F: Fn(&Underway, &Names) -> Seen + Clone + Send + 'static,
{
    let names = match tables::names(context).await {
        Ok(names) => names,
        Err(blocked) => return Seen::nothing(blocked),
    };
    // Another process may come up in the second round, by whose user nothing was asked; it is behind a barrier then.
    for last in [false, true] {
        let (see, known) = (see.clone(), names.clone());
        let seen = context.blocking(move |underway| see(underway, &known)).await;
        if last || !names.ask(context).await {
            return seen;
        }
    }
    Seen::nothing(context.timed_out())
}

/// The names of the owner and the group of what a look saw.
pub async fn owner_and_group(
    uid: u32,
    gid: u32,
    context: &Context<'_>,
) -> (Result<String, Blocked>, Result<String, Blocked>) {
    match tables::names(context).await {
        Ok(names) => {
            let both = (names.user(uid), names.group(gid));
            if names.ask(context).await { (names.user(uid), names.group(gid)) } else { both }
        }
        Err(blocked) => (Err(blocked.clone()), Err(blocked)),
    }
}

/// The names of these groups, whose numbers the name services gave, each its number where it has none.
///
/// # Errors
/// A barrier where one cannot be told.
pub async fn groups_by_number(
    numbers: &BTreeSet<u32>,
    context: &Context<'_>,
) -> Result<Vec<String>, Blocked> {
    let names = tables::names(context).await?;
    let all = || {
        numbers.iter().map(|number| names.name(Database::Groups, *number, &names.groups)).collect::<Vec<_>>()
    };
    let first = all();
    let all = if names.ask(context).await { all() } else { first };
    all.into_iter().collect()
}

/// The entry of this name or number: `None` where no name service has one.
///
/// # Errors
/// A barrier where that cannot be told: a file that may not be read, a service that does not answer.
pub async fn entry<T: Entry>(
    key: &str,
    number: Option<u32>,
    names: &Names,
    lines: &Lines<T>,
    context: &Context<'_>,
) -> Result<Option<T>, Blocked> {
    let is = |entry: &T| number.map_or_else(|| entry.name() == key, |number| entry.number() == number);
    let services = names.services(T::DATABASE);
    if services.files_first {
        let found = find(lines, is)?;
        if found.is_some() || services.others.is_empty() {
            return Ok(found.cloned());
        }
    }
    let keys = [key.to_owned()];
    let entries = getent::<T>(names, &keys, context).await?;
    let found = entries.into_iter().find(|entry| is(entry));
    if found.is_none() {
        all_answer(T::DATABASE, &keys, services, context).await?;
    }
    Ok(found)
}

/// The numbers of the groups that list this user, without the primary one.
///
/// # Errors
/// A barrier where that cannot be told.
pub async fn groups_of(user: &str, names: &Names, context: &Context<'_>) -> Result<BTreeSet<u32>, Blocked> {
    if names.services(Database::Groups).others.is_empty() {
        let groups = names.groups.as_ref().map_err(Clone::clone)?;
        let listing = groups.iter().flatten().filter(|group| group.members.contains(user));
        return Ok(listing.map(|group| group.gid).collect());
    }
    let services = names.services(Database::Groups);
    // The name, and the numbers of its groups.
    let user = [user.to_owned()];
    let (said, _) = run_getent("initgroups", None, &user, services, context).await?;
    all_answer(Database::Groups, &user, services, context).await?;
    let numbers = said.split_whitespace().skip(1);
    let wrong = || Blocked::new(Barrier::Protocol, format!("getent initgroups: `{}`", said.trim()));
    numbers.map(|number| number.parse().map_err(|_| wrong())).collect()
}

/// Who is a member of this group: of its lines, of which a file may have several, each counts for the rights of its members.
///
/// # Errors
/// A barrier where a service that may know of more does not answer.
pub async fn members_of(
    group: &Group,
    names: &Names,
    context: &Context<'_>,
) -> Result<BTreeSet<String>, Blocked> {
    let services = names.services(Database::Groups);
    let mut members = group.members.clone();
    if services.merges {
        all_answer(Database::Groups, &[group.gid.to_string()], services, context).await?;
    }
    if services.files_first {
        let lines = names.groups.iter().flatten().flatten();
        members.extend(lines.filter(|line| line.gid == group.gid).flat_map(|line| line.members.clone()));
    }
    Ok(members)
}

fn find<T: Entry>(lines: &Lines<T>, is: impl Fn(&T) -> bool) -> Result<Option<&T>, Blocked> {
    let lines = lines.as_ref().map_err(Clone::clone)?;
    Ok(lines.iter().flatten().find(|entry| is(entry)))
}

async fn getent<T: Entry>(names: &Names, keys: &[String], context: &Context<'_>) -> Result<Vec<T>, Blocked> {
    let services = names.services(T::DATABASE);
    let (said, _) = run_getent(T::DATABASE.name(), None, keys, services, context).await?;
    let wrong =
        |line: &str| Blocked::new(Barrier::Protocol, format!("getent {}: `{line}`", T::DATABASE.name()));
    said.split_terminator('\n').map(|line| T::parse(line).ok_or_else(|| wrong(line))).collect()
}

/// That every service of a database answers when asked for these keys. Where getent(1) finds nothing it does not tell one that
/// has no such entry from one that is down; so each is asked with another behind it, which is sought only where it has no
/// answer, and the loader tells what is sought (ld.so(8), `LD_DEBUG`). A service whose library is not there is none: no
/// program of this machine learns of anybody from it.
async fn all_answer(
    database: Database,
    keys: &[String],
    services: &Services,
    context: &Context<'_>,
) -> Result<(), Blocked> {
    if keys.is_empty() {
        return Ok(());
    }
    let files = (!services.files_first).then_some("files");
    for service in services.others.iter().map(String::as_str).chain(files) {
        let only = format!("{}:{service} [NOTFOUND=return] {NO_SERVICE}", database.name());
        let (_, said) = run_getent(database.name(), Some(&only), keys, services, context).await?;
        if !said.contains("find library=") {
            let why = format!("getent does not tell whether the name service {service} answers");
            return Err(Blocked::new(Barrier::Unsupported, why));
        }
        let library = format!("libnss_{service}.so");
        let sought = said.contains(&format!("find library={library}"));
        if sought && !said.lines().any(|line| line.contains("calling init:") && line.contains(&library)) {
            continue;
        }
        if said.contains(NO_SERVICE) {
            let why = format!("the name service {service} of {SERVICES} does not answer");
            return Err(Blocked::new(Barrier::Unreachable, why));
        }
    }
    Ok(())
}

/// What getent(1) prints, and the loader with it where `services_line` stands for what nsswitch.conf says. A service that
/// hangs leaves half of the time-out to what else there is to see.
async fn run_getent(
    database: &str,
    services_line: Option<&str>,
    keys: &[String],
    services: &Services,
    context: &Context<'_>,
) -> Result<(String, String), Blocked> {
    let left = context.timeout.saturating_sub(context.began.elapsed());
    let timeout = context.timeout.saturating_sub(left / 2);
    let context = Context { timeout: timeout.max(Duration::from_millis(1)), ..context.clone() };
    let (line, env): (Vec<&str>, &[_]) = match services_line {
        Some(line) => (vec!["-s", line], &[("LD_DEBUG", "libs")]),
        None => (Vec::new(), &[]),
    };
    let arguments: Vec<&str> = ["getent"]
        .into_iter()
        .chain(line)
        .chain([database, "--"])
        .chain(keys.iter().map(String::as_str))
        .collect();
    let asked = program::ask(&arguments, env, &context).await;
    match asked {
        // 2: one of the keys was not found.
        Ok((0 | 2, stdout, stderr)) => Ok((stdout, stderr)),
        Ok((code, _, stderr)) => {
            let why = format!("getent {database} ended with {code}: {}", stderr.trim());
            Err(Blocked::new(Barrier::Protocol, why))
        }
        Err(blocked) if blocked.barrier == Barrier::ToolMissing => {
            let others = services.others.join(", ");
            let why = format!("{SERVICES} names {others} beside files, and there is no getent to ask");
            Err(Blocked::new(Barrier::Unsupported, why))
        }
        Err(blocked) => Err(blocked),
    }
}

/// The services of a database by nsswitch.conf(5); without a word of it, the files.
fn services_of(text: &str, database: Database) -> Services {
    let line = text.lines().find_map(|line| {
        let (name, services) = line.split('#').next()?.split_once(':')?;
        (name.trim() == database.name()).then(|| services.to_owned())
    });
    let Some(line) = line else { return Services { files_first: true, ..Services::default() } };
    // `[SUCCESS=merge]` and its like: what another service says counts though the first found something.
    let actions = line.contains('[');
    let words = line.split('[').flat_map(|part| part.rsplit(']').next()).flat_map(str::split_whitespace);
    let services: Vec<String> = words.map(str::to_owned).collect();
    let others: Vec<String> = services.iter().filter(|service| *service != "files").cloned().collect();
    let first = services.first().is_some_and(|service| service == "files");
    let merges = line.to_ascii_lowercase().contains("=merge");
    Services { files_first: first && (!actions || others.is_empty()), merges, others }
}

/// The entries of a file, without lines that only include others from elsewhere (`+`, `-`). A file that is not there has none.
fn lines<T: Entry>() -> Lines<T> {
    let path = T::DATABASE.file();
    let text = read_text(path)?;
    let lines = text.split('\n').map(without_blanks_before).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', '+', '-']));
    let wrong = |number: usize| {
        let why = format!("{path}, line {}: not the fields of {}(5)", number + 1, T::DATABASE.name());
        Blocked::new(Barrier::Protocol, why)
    };
    Ok(lines.map(|(number, line)| T::parse(line).ok_or_else(|| wrong(number))).collect())
}

/// A file of the machine's settings as text; what is not UTF-8 is replaced. Empty where there is none.
fn read_text(path: &str) -> Result<String, Blocked> {
    match crate::whole::read(path, MAX_LENGTH) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(barrier_of(&format!("open {path}"), &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_the_c_library_takes_is_read_as_it_does() {
        let user =
            |line: &str| User::parse(line).map(|user| (user.name, user.uid, user.gid, user.home, user.shell));
        let told =
            |home: &str, shell: &str| Some(("ann".to_owned(), 1000, 100, home.to_owned(), shell.to_owned()));
        for (line, expected) in [
            ("ann:x:1000:100:Ann:/home/ann:/bin/sh", told("/home/ann", "/bin/sh")),
            ("ann:x: 1000:+100:Ann:/home/ann:/bin/sh:more", told("/home/ann", "/bin/sh:more")),
            ("ann:x:1000:100", told("", "")),
            ("ann:x:1000:100:Ann:/home/ann", told("/home/ann", "")),
            ("ann:x:1000:100:Ann:/home/ann:/bin/sh\r", told("/home/ann", "/bin/sh\r")),
            ("ann:x:1000", None),
            ("ann:x:1000 :100:::", None),
            ("ann:x::100:::", None),
            ("ann", None),
        ] {
            assert_eq!(user(line), expected, "{line}");
        }
        let group = |line: &str| Group::parse(line).map(|group| (group.gid, Vec::from_iter(group.members)));
        assert_eq!(group("staff:x:50:ann, bob,,"), Some((50, vec!["ann".to_owned(), "bob".to_owned()])));
        assert_eq!(group("staff:x:50: ann ,bob\r"), Some((50, vec!["ann ".to_owned(), "bob\r".to_owned()])));
        assert_eq!(group("staff:x:50"), Some((50, vec![])));
        assert_eq!(group("staff:x:fifty:ann"), None);
    }

    #[test]
    fn who_is_asked_beside_the_files() {
        let text = "# passwd: nis\npasswd:  files systemd # local first\ngroup: files [SUCCESS=merge] sss\nshadow: files\n";
        let services = |first, others: &[&str]| Services {
            files_first: first,
            merges: false,
            others: others.iter().map(|&other| other.to_owned()).collect(),
        };
        assert_eq!(services_of(text, Database::Users), services(true, &["systemd"]));
        // What the files say of a group is not the whole of it.
        let merged = Services { merges: true, ..services(false, &["sss"]) };
        assert_eq!(services_of(text, Database::Groups), merged);
        assert_eq!(services_of("passwd: sss files", Database::Users), services(false, &["sss"]));
        assert_eq!(services_of("passwd: files [!UNAVAIL=return]", Database::Users), services(true, &[]));
        assert_eq!(services_of("hosts: dns", Database::Users), services(true, &[]));
    }
}
