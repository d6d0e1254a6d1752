//! `group`: a group of users.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::user::Account;
use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Looks a group up, as the system itself would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The group's name or number.
    pub group: Account,
}

impl Kind for Group {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "group",
        doc: "Looks up a group: number and members.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            FactSpec::new(
                "exists",
                FactType::Bool,
                "whether there is such a group, as this machine's name services say (`/etc/nsswitch.conf`); those beside its files are asked through getent",
            ),
            FactSpec::new("name", FactType::Text, "its name"),
            FactSpec::new("gid", FactType::Int, "its number"),
            FactSpec::new(
                "members",
                FactType::List,
                "the users whom the group itself lists, or another of the same number, sorted",
            ),
            FactSpec::new(
                "primary_members",
                FactType::List,
                "the accounts of /etc/passwd whose primary group it is, sorted",
            ),
        ],
    };

    fn describe(&self) -> String {
        format!("getent group {}", self.group)
    }
}
