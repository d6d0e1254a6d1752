//! `disk`: how full the file system is that holds a path.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Looks at the file system that holds a path: its size, what is free, its inodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// An absolute path; symbolic links are followed.
    #[serde(deserialize_with = "absolute")]
    pub disk: String,
}

pub(super) fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    if path.starts_with('/') {
        return Ok(path);
    }
    Err(serde::de::Error::custom(format!("`{path}` is not an absolute path; write it from `/`")))
}

pub(super) fn absolute_or_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    if path.starts_with('/') || path == "all" {
        return Ok(path);
    }
    Err(serde::de::Error::custom(format!("`{path}` is not an absolute path; write it from `/`, or `all`")))
}

impl Kind for Disk {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "disk",
        doc: "Looks at how full the file system is that holds a path.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "paths inside directories that only root may search",
        facts: &[
            FactSpec::new("exists", FactType::Bool, "whether the path exists"),
            FactSpec::new("size_bytes", FactType::Int, "the size of the file system"),
            FactSpec::new("free_bytes", FactType::Int, "what is free, including what is reserved for root"),
            FactSpec::new("available_bytes", FactType::Int, "what users other than root can still write"),
            FactSpec::new(
                "used_percent",
                FactType::Float,
                "what is used, of what users other than root could use in all, 0 to 100; unknown for a size of 0",
            ),
            FactSpec::new(
                "inodes",
                FactType::Int,
                "how many files it can hold in all; 0 where there is no such limit",
            ),
            FactSpec::new("inodes_free", FactType::Int, "how many more it can hold"),
            FactSpec::new(
                "inodes_used_percent",
                FactType::Float,
                "how much of that is used, 0 to 100; unknown where there is no limit",
            ),
            FactSpec::new("read_only", FactType::Bool, "whether nothing can be written there"),
            FactSpec::new("mount_point", FactType::Text, "where the file system is mounted"),
            FactSpec::new("file_system", FactType::Text, "the type of file system"),
            FactSpec::new("source", FactType::Text, "what is mounted there"),
        ],
    };

    fn describe(&self) -> String {
        format!("df {}", self.disk)
    }
}
