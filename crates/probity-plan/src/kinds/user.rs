//! `user`: an account, or all of them.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Looks an account up, as the system itself would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The account's name or number. `all` lists the accounts of `/etc/passwd` (one that is called `all` is found by its
    /// number).
    pub user: Account,
}

/// The name or number of a user or group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Account {
    /// By number.
    Number(u32),
    /// By name.
    Name(String),
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Account;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name, or a number from 0 to 4294967294")
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Account, E> {
                // The last one means "no change" to the kernel and is nobody's.
                match u32::try_from(number) {
                    Ok(number) if number < u32::MAX => Ok(Account::Number(number)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Unsigned(number), &self)),
                }
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Account, E> {
                let number = u64::try_from(number)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(number), &self))?;
                self.visit_u64(number)
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Account, E> {
                if name.is_empty() || name.contains([':', '\n', '\0']) {
                    return Err(E::invalid_value(serde::de::Unexpected::Str(name), &self));
                }
                Ok(Account::Name(name.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl User {
    /// Whether it asks for every account.
    pub fn all(&self) -> bool {
        self.user == Account::Name("all".to_owned())
    }
}

impl Kind for User {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "user",
        doc: "Looks up an account: number, groups, home, shell, state of its password; or lists the local accounts.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "the state of passwords",
        facts: &[
            FactSpec::new(
                "exists",
                FactType::Bool,
                "whether there is such an account, as this machine's name services say (`/etc/nsswitch.conf`); those beside its files are asked through getent (not with `all`)",
            ),
            FactSpec::new("name", FactType::Text, "its name"),
            FactSpec::new("uid", FactType::Int, "its number"),
            FactSpec::new("gid", FactType::Int, "the number of its primary group"),
            FactSpec::new(
                "group",
                FactType::Text,
                "the name of its primary group, or the number where there is no name",
            ),
            FactSpec::new("groups", FactType::List, "the names of all its groups, sorted"),
            FactSpec::new("home", FactType::Text, "its home directory"),
            FactSpec::new("shell", FactType::Text, "its login shell; empty means /bin/sh"),
            FactSpec::new("comment", FactType::Text, "its comment, usually the person's name"),
            FactSpec::new(
                "password",
                FactType::Text,
                "in /etc/shadow: set, empty (none is asked for) or locked (no password fits); unknown where what stands there is no hash",
            )
            .on_demand(),
            FactSpec::new("count", FactType::Int, "with `all`: how many local accounts there are"),
            FactSpec::new(
                "users",
                FactType::List,
                "with `all`: each account of /etc/passwd as a map: name, uid, gid, home, shell, comment",
            ),
            FactSpec::new(
                "uid_0",
                FactType::List,
                "with `all`: the names of the accounts with number 0, sorted",
            ),
            FactSpec::new(
                "login_shells",
                FactType::List,
                "with `all`: the names of the accounts whose shell is not nologin, false, sync, halt or shutdown, sorted",
            ),
            FactSpec::new(
                "empty_passwords",
                FactType::List,
                "with `all`: the names of the accounts that need no password, sorted",
            )
            .on_demand(),
        ],
    };

    fn describe(&self) -> String {
        if self.all() { "getent passwd".to_owned() } else { format!("getent passwd {}", self.user) }
    }
}
