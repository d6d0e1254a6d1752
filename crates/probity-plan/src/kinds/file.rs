//! `file`: what stands at a path.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Looks at a path: kind, mode, owner, size, and, when a claim asks, digest and content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The absolute path. A symbolic link in the last place is looked at itself; `follow: true` looks behind it.
    #[serde(deserialize_with = "super::disk::absolute")]
    pub file: String,
    /// Whether to look behind a symbolic link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follow: bool,
    /// How to parse the content for the fact `parsed`; without it, by the file name's ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The encoding of the content, such as `latin1` or `windows-1252`, by a label that means what browsers take it to mean (WHATWG
    /// Encoding): `ascii` and `latin1` are windows-1252. `utf-16` needs a byte order mark in the content; without one, say `utf-16le` or
    /// `utf-16be`. Without `encoding`, UTF-8, or UTF-16 where a byte order mark says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

/// A format that `parsed` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// YAML 1.2: one document is its value, several are a list of them; a tag that is not YAML's own is a map of one key.
    Yaml,
    /// JSON.
    Json,
    /// TOML 1.0.
    Toml,
    /// Sections of `key = value` lines; keys before the first section stand under the empty name. A key or a section that is
    /// there several times is a list of all of them.
    Ini,
}

impl Kind for File {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "file",
        doc: "Looks at a path: kind, mode, owner, size, digest, content.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "files that only root may read or reach",
        facts: &[
            FactSpec::new("exists", FactType::Bool, "whether anything stands at the path"),
            FactSpec::new(
                "kind",
                FactType::Text,
                "file, directory, symlink, socket, fifo, block-device or character-device",
            )
            .one_of(&["file", "directory", "symlink", "socket", "fifo", "block-device", "character-device"]),
            FactSpec::new(
                "mode",
                FactType::Mode,
                "permission bits in octal without leading zeros, such as 644 or 1777",
            ),
            FactSpec::new("owner", FactType::Text, "the owner's name, or the number where there is no name; unknown, as `uid` is, where the observer's user namespace does not know the owner, as that of a container"),
            FactSpec::new("group", FactType::Text, "the group's name, or the number where there is no name; unknown as `owner` is"),
            FactSpec::new("uid", FactType::Int, "the owner's number"),
            FactSpec::new("gid", FactType::Int, "the group's number"),
            FactSpec::new("size_bytes", FactType::Int, "its size in bytes").change_shows(Shows::Effect),
            FactSpec::new(
                "modified",
                FactType::Moment,
                "when its content was last modified, by the target's clock",
            ),
            FactSpec::new("age_s", FactType::Float, "seconds since it was modified, at the time of the look"),
            FactSpec::new(
                "target",
                FactType::Text,
                "where the symbolic link points, unknown where that is not UTF-8; empty for anything else",
            ),
            FactSpec::new(
                "acl",
                FactType::List,
                "the entries of its access control list that the mode does not show, by number and after its mask: `user:65534:r--`; of a folder those for what is made in it too, `default:group:50:rw-`",
            )
            .on_demand(),
            FactSpec::new(
                "capabilities",
                FactType::List,
                "what executing it allows, as getcap writes it: `cap_net_raw=ep`",
            )
            .on_demand(),
            FactSpec::new("immutable", FactType::Bool, "whether nobody may change it, root included, before that flag is taken away")
                .on_demand(),
            FactSpec::new("append_only", FactType::Bool, "whether it may only be added to").on_demand(),
            FactSpec::new("security_label", FactType::Text, "its label of SELinux or Smack; empty where it has none")
                .on_demand(),
            FactSpec::new("sha256", FactType::Text, "SHA-256 of the content after masking of secrets, in hexadecimal").lower_case()
                .on_demand()
                .change_shows(Shows::Effect),
            FactSpec::new("content", FactType::Text, "the content, if it is text; as every fact, of at most 64 KiB")
                .on_demand()
                .change_shows(Shows::Effect),
            FactSpec::new("lines", FactType::List, "the lines of the content").on_demand(),
            FactSpec::new("parsed", FactType::Any, "the content parsed as YAML, JSON, TOML or INI; unknown where a line of INI may go on from the one before it: it is indented further, or that one ends with a backslash; and where a value may end with a comment: a `#` or `;` behind a blank, outside of quotes")
                .on_demand(),
        ],
    };

    fn flaw(&self) -> Option<String> {
        self.file.contains('\0').then(|| "no path holds a character of number 0".to_owned())
    }

    fn describe(&self) -> String {
        format!("stat {}{}", if self.follow { "-L " } else { "" }, self.file)
    }
}
