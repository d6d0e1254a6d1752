//! `lifecycle`: what becomes of a unit that is started, stopped, restarted, reloaded or killed, or whose machine is rebooted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Act, Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows};
use crate::error::{did_you_mean, enumerate};
use crate::text::Exposure;
use crate::units::Span;
use crate::value::Value;

/// Does something to a unit of systemd, and watches what becomes of it until it serves, or is over.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Lifecycle {
    /// The unit's name, `.service` if it has no ending.
    pub lifecycle: String,
    /// What to do: `start`, `stop`, `restart`, `reload` or `kill`; or `reboot` the machine, which has to be an observer's that is found
    /// again by its name: a container or one reached by ssh.
    pub act: Operation,
    /// The signal of `kill`; `TERM` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// To whom `kill` sends it: the `main` process, or `all` processes of the unit, as without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whom: Option<Whom>,
    /// How to look whether it serves: a probe of a kind that connects, its kind's key first, such as
    /// `{ http: "http://127.0.0.1:8080/health" }` or `{ port: 8080, connect: 127.0.0.1 }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Serving>,
    /// The facts of that look which say that it serves, such as `{ status: 200 }`: all of them have these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub serves: BTreeMap<String, Value>,
    /// How long to go on watching once it serves, or once systemd is done where nothing tells that it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Span>,
}

/// What to do to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Starts it.
    Start,
    /// Stops it.
    Stop,
    /// Stops and starts it.
    Restart,
    /// Has it read its configuration again.
    Reload,
    /// Sends a signal to its processes.
    Kill,
    /// Reboots the machine.
    Reboot,
}

/// A signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "their names are those of signal(7)")]
pub enum Signal {
    #[default]
    Term,
    Kill,
    Int,
    Quit,
    Abrt,
    Segv,
    Hup,
    Usr1,
    Usr2,
    Stop,
    Cont,
}

/// Which processes of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Whom {
    /// The main one.
    Main,
    /// All.
    #[default]
    All,
}

impl Operation {
    /// The word of systemctl(1), and of a plan.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Kill => "kill",
            Self::Reboot => "reboot",
        }
    }
}

impl Signal {
    /// Its name without `SIG`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Kill => "KILL",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Abrt => "ABRT",
            Self::Segv => "SEGV",
            Self::Hup => "HUP",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }

    /// Whether it is sent to end a process, rather than to tell it something.
    pub const fn ends(self) -> bool {
        matches!(self, Self::Term | Self::Kill | Self::Int | Self::Quit | Self::Abrt | Self::Segv)
    }
}

impl Whom {
    /// The word of systemctl(1), and of a plan.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::All => "all",
        }
    }
}

/// A look within a look.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Serving(Box<Act>);

impl Serving {
    /// What to look at.
    pub const fn act(&self) -> &Act {
        &self.0
    }
}

impl JsonSchema for Serving {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Serving".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object" })
    }
}

impl<'de> Deserialize<'de> for Serving {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Serving;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a probe of a kind that connects, such as { http: URL }")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut rest: A) -> Result<Serving, A::Error> {
                // A map is read once, so who reads the rest of it is known by the first key.
                let kind: String = rest.next_key()?.ok_or_else(|| A::Error::custom("the map is empty"))?;
                let whole = MapAccessDeserializer::new(Again { first: Some(kind.clone()), rest });
                let connects = |spec: &&KindSpec| spec.grants(Denied::Connection).next().is_some();
                let kinds = super::KINDS.iter().copied().filter(connects).map(|spec| spec.name);
                let kinds = kinds.filter(|name| *name != Lifecycle::SPEC.name);
                let named = kinds.clone().any(|name| name == kind);
                match named.then(|| Act::deserialize(&kind, whole)).flatten() {
                    Some(act) => act.map(|act| Serving(Box::new(act))),
                    None => Err(A::Error::custom(format!(
                        "`serving` begins with the key of a kind that connects: {}",
                        enumerate(kinds, "or")
                    ))),
                }
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// The entries of a map of which the first key was read already.
struct Again<A> {
    first: Option<String>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Again<A> {
    type Error = A::Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(key) => seed.deserialize(key.into_deserializer()).map(Some),
            None => self.rest.next_key_seed(seed),
        }
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.rest.next_value_seed(seed)
    }
}

impl<'de> Deserialize<'de> for Lifecycle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Lifecycle {
            lifecycle: String,
            act: Operation,
            signal: Option<Signal>,
            whom: Option<Whom>,
            serving: Option<Serving>,
            #[serde(default)]
            serves: BTreeMap<String, Value>,
            watch: Option<Span>,
        }
        let read = Lifecycle::deserialize(deserializer)?;
        let wrong = |message: String| Err(D::Error::custom(message));
        if read.lifecycle.contains(['*', '?', '[']) {
            return wrong(format!("`{}` is a pattern; name one unit", read.lifecycle));
        }
        if read.act != Operation::Kill && (read.signal.is_some() || read.whom.is_some()) {
            return wrong("`signal` and `whom` go with `act: kill`".to_owned());
        }
        match &read.serving {
            None if read.serves.is_empty() => {}
            None => return wrong("`serves` needs `serving`: how to look whether it serves".to_owned()),
            Some(serving) => {
                shows_serving(serving.act().spec(), &read.serves).map_err(D::Error::custom)?;
            }
        }
        let Lifecycle { lifecycle, act, signal, whom, serving, serves, watch } = read;
        Ok(Self { lifecycle, act, signal, whom, serving, serves, watch })
    }
}

/// Whether these facts of this kind can say that somebody serves: they cannot be so where nobody was reached.
fn shows_serving(spec: &KindSpec, serves: &BTreeMap<String, Value>) -> Result<(), String> {
    use FactType::{Bool, Int, Text, Version};
    if serves.is_empty() {
        return Err(
            "`serving` needs `serves`: which facts of it say that it serves, such as { status: 200 }"
                .to_owned(),
        );
    }
    for (name, value) in serves {
        let known = || spec.facts.iter().map(|fact| fact.name);
        let fact = spec.fact(name);
        let fact = fact
            .ok_or_else(|| format!("`{}` has no fact `{name}`{}", spec.name, did_you_mean(name, known())))?;
        if !matches!(fact.ty, Bool | Int | Text | Version) {
            return Err(format!("`{name}` is of type {}, which is not compared as a whole", fact.ty.name()));
        }
        if !fact.ty.fits(value) || *value == Value::Null {
            return Err(format!("`{name}` is of type {}", fact.ty.name()));
        }
        if fact.denial.is_some_and(|(_, values)| values.include(value)) {
            return Err(format!(
                "with that value `{name}` says that somebody was turned away, not that it serves"
            ));
        }
    }
    let granted =
        |(name, values): (&str, super::Values)| serves.get(name).is_some_and(|value| values.include(value));
    if !spec.grants(Denied::Connection).any(granted) {
        let facts: Vec<&str> = spec.grants(Denied::Connection).map(|(name, _)| name).collect();
        let names = enumerate(facts, "or");
        return Err(format!(
            "`serves` says nothing that needs somebody who answers; `{}` shows that by {names}",
            spec.name
        ));
    }
    Ok(())
}

impl Kind for Lifecycle {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "lifecycle",
        doc: "Starts, stops, restarts, reloads or kills a unit of systemd, and watches until it serves or is over: how long that \
              took, what systemd made of it, and what was left behind. Or reboots its machine, waits until that is reached with another \
              boot, and watches until the unit serves, which by that alone is started by the boot or not; then it is known what systemd \
              says of the unit at the end, and not what was left behind.",
        shows: Shows::Presence,
        floor: Impact::Disrupt,
        privilege: "to act at all; the open files and sockets of other users' processes",
        facts: &[
            FactSpec::new("exists", FactType::Bool, "whether systemd knows a unit of this name, as `service` has it; nothing is done to one that it does not know")
                .unconnected(),
            FactSpec::new("done", FactType::Bool, "whether systemd did what it was asked for, of a reboot: whether the machine came back with another boot; false where its job ended otherwise or it refused; unknown where the job had not ended by the time-out")
                .unconnected(),
            FactSpec::new("job", FactType::Text, "what became of systemd's job: done, failed, timeout, canceled, dependency (one that it requires failed), skipped (a condition of the unit), assert, or refused: there was none")
                .unconnected(),
            FactSpec::new("said", FactType::Text, "what systemctl said; empty where nothing").unconnected(),
            FactSpec::new("job_ms", FactType::Interval, "how long systemctl took, in milliseconds; without an end where it had not ended by the time-out; of a reboot, until the machine was reached again: at least until it was lost").aside(),
            FactSpec::new("active_state", FactType::Text, "the state at the end: active, reloading, inactive, failed, activating or deactivating").unconnected(),
            FactSpec::new("sub_state", FactType::Text, "that state in the unit's own words: running, exited, auto-restart, dead").unconnected(),
            FactSpec::new("result", FactType::Text, "success, or how it failed: exit-code, signal, timeout, start-limit-hit").unconnected(),
            FactSpec::new("main_pid_before", FactType::Int, "its main process before, or 0 while none ran").unconnected(),
            FactSpec::new("main_pid", FactType::Int, "its main process at the end, or 0 while none runs").unconnected(),
            FactSpec::new("active_ms", FactType::Interval, "until systemd first called it active after that, by systemd's own clock, in milliseconds").aside(),
            FactSpec::new("stopped_ms", FactType::Interval, "until systemd first called it inactive or failed after that, also within a restart, in milliseconds: by systemd's own clock, or where it has forgotten the unit by then, between the last look that saw it run and the first that did not").aside(),
            FactSpec::new("served_before", FactType::Bool, "whether `serves` held before").unconnected().shows(Shows::Response),
            FactSpec::new("serves", FactType::Bool, "whether `serves` holds at the end")
                .shows_connection()
                .shows(Shows::Response),
            FactSpec::new("serving_ms", FactType::Interval, "until `serves` first held, in milliseconds: at least until the last look that saw that it did not, at most until the end of the first that saw it and began once systemd was done; of a killed main process, once there was another one; without an end where it was not seen to hold")
                .aside().shows(Shows::Response),
            FactSpec::new("restarts", FactType::Int, "how often systemd restarted it by itself meanwhile").unconnected(),
            FactSpec::new("crash_looping", FactType::Bool, "whether it is in a crash loop at the end, as `service` has it").unconnected(),
            FactSpec::new("processes", FactType::Int, "how many processes are in the unit's control group at the end").unconnected(),
            FactSpec::new("open_files", FactType::Int, "how many files and sockets these hold open, all together").unconnected(),
            FactSpec::new("left_processes", FactType::List, "the processes of the unit from before that still run, and of a unit that is over all in its control group: maps with pid, executable, in_unit; its processes are those in its control group: what one of them moved to a unit of its own, as `systemd-run` and a login do, is not told here").unconnected(),
            FactSpec::new("left_sockets", FactType::List, "the listening TCP and UDP sockets of those from before that still listen, whoever holds them: maps with protocol, address, port; not those of who had left the control group before (`serving` shows whether somebody serves all the same)").unconnected(),
            FactSpec::new("left_files", FactType::List, "of a unit that is over: its PIDFile and what is below its RuntimeDirectory, paths").unconnected(),
            FactSpec::new("dependencies", FactType::List, "the units that it requires, wants or is started after: maps with unit, required, after, active_state, result")
                .unconnected()
                .on_demand(),
        ],
    };

    fn exposes(&self) -> Vec<Exposure> {
        self.serving.as_ref().map(|serving| serving.act().exposes()).unwrap_or_default()
    }

    fn describe(&self) -> String {
        let options = match self.act {
            Operation::Kill => format!(
                " --signal={} --kill-who={}",
                self.signal.unwrap_or_default().name(),
                self.whom.unwrap_or_default().name()
            ),
            _ => String::new(),
        };
        let unit = self.lifecycle.replace('\'', r"'\''");
        let act = match self.act {
            Operation::Reboot => format!("systemctl reboot, with '{unit}'"),
            act => format!("systemctl {}{options} -- '{unit}'", act.name()),
        };
        match &self.serving {
            Some(serving) => format!("{act}, then {} until it serves", serving.act().describe()),
            None => act,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Only(&'static str);
    impl crate::Sources for Only {
        fn read(&self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.as_bytes().to_vec())
        }
    }

    #[test]
    fn a_look_within_a_look_is_read_as_any_and_keeps_its_secrets_by_name() {
        let plan = Only(
            "plan: P\ninputs:\n  key: { env: K, secret: true }\nprobes:\n  again:\n    lifecycle: web\n    act: restart\n    \
             serving: { http: \"http://x/\", headers: { authorization: \"Bearer $key\" } }\n    serves: { status: 200 }\n\
             claims:\n  c: { of: again, check: serves }\nverdict:\n  - { label: L }\n",
        );
        let loaded = crate::load("plan.yaml", &plan, &BTreeMap::new()).unwrap();
        let act = &loaded.plan.probes[0].cells[0].act;
        let json = serde_json::to_string(act).unwrap();
        assert!(json.contains("Bearer ${key}"), "{json}");
        let again = Act::deserialize("lifecycle", &mut serde_json::Deserializer::from_str(&json)).unwrap();
        assert_eq!(&again.unwrap(), act);
        // An error is told at its place.
        let wrong = Only(
            "plan: P\nprobes:\n  again:\n    lifecycle: web\n    act: restart\n    serving:\n      http: \"http://x/\"\n      \
             metod: HEAD\n    serves: { status: 200 }\nclaims:\n  c: { of: again, check: serves }\nverdict:\n  - { label: L }\n",
        );
        let errors = crate::load("plan.yaml", &wrong, &BTreeMap::new()).unwrap_err().to_string();
        assert!(errors.contains("plan.yaml:8:7") && errors.contains("did you mean `method`?"), "{errors}");
    }
}
