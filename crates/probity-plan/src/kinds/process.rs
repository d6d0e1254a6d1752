//! `process`: which processes run an executable, by the file that really runs.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Looks for processes by their executable and arguments, never by a part of the line they show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The executable: an absolute path, or the file's name. It is the file that runs, behind symbolic links and
    /// interpreters (`python3.11` for a Python script); a path may lead to it by links, hard ones too, and by mounts. Those of containers count, too, where
    /// the observer sees them: `contained_count` says how many. Kernel threads go by their name. `all` lists every process.
    #[serde(deserialize_with = "executable")]
    pub process: String,
    /// What its arguments begin with, each compared whole: `[-m, http.server]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
}

impl Process {
    /// Whether it asks for every process.
    pub fn all(&self) -> bool {
        self.process == "all"
    }
}

fn executable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = if text.is_empty() {
        "the executable is empty"
    } else if text.contains('/') && !text.starts_with('/') {
        "a relative path names no executable"
    } else {
        return Ok(text);
    };
    let right = "write an absolute path such as /usr/sbin/nginx, a file name such as nginx, or all";
    Err(serde::de::Error::custom(format!("{wrong}; {right}")))
}

impl Kind for Process {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "process",
        doc: "Looks for processes by the file they execute and by their arguments.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "the executables of other users' processes, without which nothing is counted by executable; their \
                    open files",
        facts: &[
            FactSpec::new("running", FactType::Bool, "whether at least one such process runs; a zombie does not"),
            FactSpec::new(
                "count",
                FactType::Int,
                "how many run; unknown, as all that follows, if a process whose executable is hidden could be one",
            ),
            FactSpec::new(
                "contained_count",
                FactType::Int,
                "how many of them live in a process namespace below the observer's, as in a container",
            )
            .on_demand(),
            FactSpec::new("pids", FactType::List, "their numbers, the oldest process first"),
            FactSpec::new("pid", FactType::Int, "the number of the oldest"),
            FactSpec::new("executable", FactType::Text, "the path of the file that the oldest executes; empty for a thread of the kernel"),
            FactSpec::new(
                "executable_deleted",
                FactType::Bool,
                "whether any of them executes a file that was deleted or replaced since",
            ),
            FactSpec::new("started", FactType::Moment, "when the oldest started, to a hundredth of a second"),
            FactSpec::new("age_s", FactType::Float, "seconds since the oldest started"),
            FactSpec::new("users", FactType::List, "the names of the users they run as (effective), sorted; unknown where the observer's user namespace does not know one of them"),
            FactSpec::new("threads", FactType::Int, "how many threads they have together"),
            FactSpec::new(
                "cpu_s",
                FactType::Float,
                "processor time they have used together, user and system, in seconds",
            ),
            FactSpec::new("memory_bytes", FactType::Int, "their resident memory together, shared pages counted in each"),
            FactSpec::new("open_files", FactType::Int, "how many file descriptors they have open together").on_demand(),
            FactSpec::new(
                "processes",
                FactType::List,
                "each as a map, without those that end meanwhile: pid, parent_pid, executable, arguments, user, contained, started, state, threads, cpu_s, memory_bytes",
            )
            .on_demand(),
            FactSpec::new(
                "tree",
                FactType::List,
                "each of them with everything it started, as in `processes` and with `depth`, 0 for a root",
            )
            .on_demand(),
            FactSpec::new(
                "named_count",
                FactType::Int,
                "how many call themselves by this name (15 bytes), which any process may; needs no privilege",
            ),
        ],
    };

    fn flaw(&self) -> Option<String> {
        if self.process.ends_with('/') {
            Some(format!("`{}` names a folder", self.process))
        } else {
            let (executable, _) = self.process.split_once(" -")?;
            Some(format!(
                "`{}` has arguments in it: write `process: {executable}` and `arguments:`",
                self.process
            ))
        }
    }

    fn describe(&self) -> String {
        match (self.all(), self.arguments.is_empty()) {
            (true, _) => "ps -e".to_owned(),
            (false, true) => format!("pidof {}", self.process),
            (false, false) => {
                format!("pidof {}, with the arguments {}", self.process, self.arguments.join(" "))
            }
        }
    }
}
