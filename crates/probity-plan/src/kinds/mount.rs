//! `mount`: what is mounted where.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Looks at what is mounted at a path, in the observer's mount namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The absolute path of the mount point, or one that leads there by links; `all` lists every mount.
    #[serde(deserialize_with = "super::disk::absolute_or_all")]
    pub mount: String,
}

impl Kind for Mount {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "mount",
        doc: "Looks at what is mounted at a path: file system, source, options.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            FactSpec::new("mounted", FactType::Bool, "whether the path is a mount point (not with `all`)"),
            FactSpec::new("file_system", FactType::Text, "the type of file system: ext4, tmpfs, nfs4"),
            FactSpec::new(
                "source",
                FactType::Text,
                "what is mounted: a device, a share; `none` where there is nothing",
            ),
            FactSpec::new(
                "read_only",
                FactType::Bool,
                "whether nothing can be written there, by the mount or its file system",
            ),
            FactSpec::new(
                "options",
                FactType::List,
                "the options of the mount and of its file system, sorted: `noexec`, `size=4k`",
            ),
            FactSpec::new(
                "layers",
                FactType::Int,
                "how many mounts are stacked on the path; the facts are of the one on top",
            ),
            FactSpec::new(
                "mounts",
                FactType::List,
                "each mount as a map: mount_point, file_system, source, read_only, options, and `visible`, whether it is what its mount point leads to, and no other one lies on top; with `all`, of every path",
            ),
        ],
    };

    fn describe(&self) -> String {
        if self.mount == "all" {
            "findmnt".to_owned()
        } else {
            format!("findmnt --mountpoint {}", self.mount)
        }
    }
}
