//! `package`: what the package manager says of a package.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Asks dpkg and rpm, whichever are there, about a package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The package's name.
    pub package: String,
}

impl Kind for Package {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "package",
        doc: "Asks dpkg and rpm for a package: installed, version, changed files.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "changed files that only root may read",
        facts: &[
            FactSpec::new("installed", FactType::Bool, "whether it is installed; one of which only the settings are left is not"),
            FactSpec::new("manager", FactType::Text, "which manager has it: dpkg or rpm"),
            FactSpec::new("version", FactType::Version, "its version with its revision, as the manager writes it; several are joined with a comma"),
            FactSpec::new("status", FactType::Text, "dpkg's words, such as `install ok installed`; `installed` from rpm"),
            FactSpec::new("architecture", FactType::Text, "amd64, all, x86_64, noarch; several are joined with a comma"),
            FactSpec::new(
                "changed",
                FactType::List,
                "its files that differ from what was installed or are gone, settings included, and with rpm also those of another mode, owner or group, which dpkg does not know; unknown where a package came to dpkg without digests; of a symbolic link dpkg knows only that it is gone; only as root is it sure to be complete",
            )
            .on_demand(),
        ],
    };

    fn flaw(&self) -> Option<String> {
        let none = self.package.is_empty() || self.package.contains(['*', '?', '[', ' ']);
        none.then(|| format!("`{}` is no name of a package", self.package))
    }

    fn describe(&self) -> String {
        format!("dpkg-query -W {0}; rpm -q {0}", self.package)
    }
}
