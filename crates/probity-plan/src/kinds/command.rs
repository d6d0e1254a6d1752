//! `command`: runs a program and keeps what it said.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};
use crate::text::{Exposure, Readers, Text};

/// Runs a program without a shell, unless the plan asks for one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments, as a list; or `{ shell: TEXT }` for `/bin/sh -c TEXT`. At the time-out it is ended with all
    /// that it started, but for what left its session with an environment of its own, from a parent that is gone.
    pub command: Program,
    /// Text for its standard input; without it, standard input is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Text>,
    /// Environment variables added to a minimal environment (`PATH`, `LC_ALL=C.UTF-8`).
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub env: std::collections::BTreeMap<String, Text>,
}

/// A program with its arguments, or a line for the shell.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Program {
    /// The program and its arguments; the program is searched in `PATH`.
    Arguments(Vec<Text>),
    /// A line for `/bin/sh -c`.
    Shell {
        /// The line.
        shell: Text,
    },
}

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Program;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of the program and its arguments, such as [df, -h], or { shell: \"df -h | tail -1\" }")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Program, A::Error> {
                let mut arguments = Vec::new();
                while let Some(argument) = seq.next_element()? {
                    arguments.push(argument);
                }
                if arguments.is_empty() {
                    return Err(serde::de::Error::custom("the list of program and arguments is empty"));
                }
                Ok(Program::Arguments(arguments))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Program, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Shell {
                    shell: Text,
                }
                let Shell { shell } = Shell::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Program::Shell { shell })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Kind for Command {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "command",
        doc: "Runs a program and keeps its exit code and output.",
        shows: Shows::Response,
        floor: Impact::Disrupt,
        privilege: "",
        facts: &[
            FactSpec::new(
                "found",
                FactType::Bool,
                "whether there is such a program, be it that what it names to run it is missing",
            ),
            FactSpec::new(
                "exit_code",
                FactType::Int,
                "its exit status, 0 to 255; unknown if a signal ended it",
            ),
            FactSpec::new("signal", FactType::Int, "the signal that ended it, or 0"),
            FactSpec::new("stdout", FactType::Text, "its standard output, without the last newline")
                .on_demand(),
            FactSpec::new("stderr", FactType::Text, "its standard error, without the last newline")
                .on_demand(),
            FactSpec::new("stdout_bytes", FactType::Int, "the length of its standard output in bytes"),
            FactSpec::new("stderr_bytes", FactType::Int, "the length of its standard error in bytes"),
            FactSpec::new("lines", FactType::List, "the lines of its standard output").on_demand(),
            FactSpec::new("json", FactType::Any, "its standard output parsed as JSON").on_demand(),
            FactSpec::new("elapsed_ms", FactType::Interval, "how long it ran, in milliseconds"),
        ],
    };

    fn exposes(&self) -> Vec<Exposure> {
        let arguments = match &self.command {
            Program::Arguments(arguments) => arguments.as_slice(),
            Program::Shell { shell } => std::slice::from_ref(shell),
        };
        let exposed = |name: &str| Exposure { secret: name.to_owned(), to: Readers::Users };
        arguments.iter().flat_map(Text::secrets).map(exposed).collect()
    }

    fn describe(&self) -> String {
        match &self.command {
            Program::Arguments(arguments) => arguments.iter().map(quoted).collect::<Vec<_>>().join(" "),
            Program::Shell { shell } => format!("sh -c {}", quoted(shell)),
        }
    }
}

/// As a person would type it in a shell.
fn quoted(text: &Text) -> String {
    let text = text.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
