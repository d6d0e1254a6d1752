//! The three roles. Which method needs which one is not decided here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What somebody may do. Ordered: each role may do all that the ones before it may, so
/// `identity.role >= Role::Operator` is the question to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks: lists, status, live view, downloads.
    Viewer,
    /// Works: streams, snapshots, recordings, deleting files.
    Operator,
    /// Administers: cameras, configuration, retention.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The name in tokens, key files and replies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(UnknownRole)
    }
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such role; give viewer, operator or admin")]
pub struct UnknownRole;

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn each_role_may_do_what_those_before_it_may() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
    }

    #[test]
    fn a_role_reads_as_it_is_written_and_nothing_else_reads() {
        for (role, name) in Role::ALL.into_iter().zip(["viewer", "operator", "admin"]) {
            assert_eq!(role.to_string(), name);
            assert_eq!(name.parse(), Ok(role));
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<Role>(&format!("\"{name}\"")).unwrap(), role);
        }
        for wrong in ["Admin", "", "root", "admin ", "viewer\n"] {
            assert!(wrong.parse::<Role>().is_err(), "{wrong:?}");
            assert!(serde_json::from_value::<Role>(wrong.into()).is_err(), "{wrong:?}");
        }
    }
}
