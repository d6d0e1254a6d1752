//! `service`: what systemd says of a unit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Asks systemd about a unit, or about every loaded unit that matches a pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The unit's name, `.service` if it has no ending; or a pattern with `*`, `?` or `[...]` for every loaded unit
    /// that matches, of which only `units`, `failed` and `crash_loops` are known.
    pub service: String,
}

impl Service {
    /// Whether it names many units.
    pub fn is_pattern(&self) -> bool {
        self.service.contains(['*', '?', '['])
    }
}

impl Kind for Service {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "service",
        doc: "Asks systemd for the state of a unit, or which of many units failed.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            FactSpec::new(
                "exists",
                FactType::Bool,
                "whether systemd knows a unit of this name; a masked one too, and one without a file that runs or failed",
            ),
            FactSpec::new("load_state", FactType::Text, "loaded, not-found, masked, bad-setting, error"),
            FactSpec::new(
                "active_state",
                FactType::Text,
                "active, reloading, inactive, failed, activating or deactivating",
            ),
            FactSpec::new(
                "sub_state",
                FactType::Text,
                "the state in the unit's own words: running, exited, waiting, dead",
            ),
            FactSpec::new(
                "enabled",
                FactType::Text,
                "the state of its unit file: enabled, disabled, static, masked, generated; empty without a file",
            ),
            FactSpec::new("unit_file", FactType::Text, "the path of its unit file; empty without one"),
            FactSpec::new("active_since", FactType::Moment, "when it last became active, to the second"),
            FactSpec::new(
                "started",
                FactType::Moment,
                "when its main process was last started, to the second",
            ),
            FactSpec::new(
                "last_trigger",
                FactType::Moment,
                "of a timer: when it last started its unit, to the second",
            ),
            FactSpec::new("main_pid", FactType::Int, "its main process, or 0 while none runs"),
            FactSpec::new(
                "restarts",
                FactType::Int,
                "how often systemd restarted it by itself since it was last started",
            ),
            FactSpec::new(
                "result",
                FactType::Text,
                "success, or how it failed: exit-code, signal, timeout, start-limit-hit",
            ),
            FactSpec::new("exit_code", FactType::Int, "with which status its last main process exited"),
            FactSpec::new("signal", FactType::Int, "the signal that ended its last main process, or 0"),
            FactSpec::new(
                "needs_reload",
                FactType::Bool,
                "whether its files changed since systemd read them (`daemon-reload`), or there is one that it has not read: a drop-in, or a file that takes its file's place",
            ),
            FactSpec::new(
                "needs_restart",
                FactType::Bool,
                "whether its main process was started before its unit files, those of `EnvironmentFile=`, or the script that it is, last changed, or executes a program or library that was deleted or replaced since; unknown while none runs, or where it cannot be told of one of these files: it may have been replaced by one that kept its time, or be gone, or a pattern names it",
            ),
            FactSpec::new(
                "crash_looping",
                FactType::Bool,
                "whether systemd restarts it again and again: 3 times or more since somebody started it, and it waits for the next time, has not come to its main process, or has run for less than 10 minutes; or systemd gave up on it for that (`start-limit-hit`)",
            ),
            FactSpec::new("user", FactType::Text, "the user it is set to run as"),
            FactSpec::new(
                "memory_bytes",
                FactType::Int,
                "what it and its children use, if systemd counts it",
            ),
            FactSpec::new("units", FactType::List, "the names of the loaded units that are meant"),
            FactSpec::new(
                "failed",
                FactType::List,
                "the names of those that failed, as systemd calls it: one that waits to be restarted has not",
            ),
            FactSpec::new("crash_loops", FactType::List, "the names of those that are `crash_looping`"),
        ],
    };

    fn flaw(&self) -> Option<String> {
        let none = self.service.is_empty() || self.service.contains(char::is_whitespace);
        none.then(|| format!("`{}` is no name of a unit", self.service))
    }

    fn describe(&self) -> String {
        format!("systemctl show -- '{}'", self.service.replace('\'', r"'\''"))
    }
}
