//! The plan language as types: what may stand in each entry of a plan. The loader reads them, the JSON Schema is made
//! from them. Their doc comments are what an editor shows.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::kinds::Impact;
use crate::kinds::command::Command;
use crate::model::Severity;
use crate::token::Token;
use crate::units::{Percent, Share, Span};

/// The sections of a plan, in the order of the reference, each with what it is.
pub(crate) const SECTIONS: &[(&str, &str)] = &[
    ("plan", "The title."),
    ("confidence", "The confidence of each one-sided bound, from 50% up; 95% without it."),
    ("inputs", "Values that the plan uses as `$name`; `--input name=value` replaces them."),
    ("include", "Other plans, whose probes, claims and scores join this one under `NAME_`."),
    ("observers", "Who looks from elsewhere: probes name them with `on`."),
    ("machines", "How machines for trials are made and removed."),
    ("probes", "What is looked at, in this order."),
    ("trials", "Probes that run together, again and again, each time on a fresh machine."),
    ("claims", "Sentences about what the probes see."),
    ("scores", "Weighted means of claims."),
    ("verdict", "Rules in order; the first that is surely true gives the label; the last has no condition."),
    ("waivers", "Claims that may fail for a while, in somebody's name."),
];

/// An input with more to say than its value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputSource {
    /// The environment variable that holds the secret.
    pub env: Option<String>,
    /// The file that holds the secret; its last newline does not belong to it.
    pub file: Option<String>,
    /// The file descriptor, from 3, that the secret is read from.
    pub descriptor: Option<u32>,
    /// A JSON Web Token that is made from another secret when the run starts.
    pub token: Option<Token>,
    /// Must be `true` for a secret, so that nobody overlooks that it is one.
    pub secret: Option<bool>,
    /// `true`: there is no default; the value comes from `--input`, or from the plan that includes this one.
    pub required: Option<bool>,
}

/// A plan to include.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncludeSource {
    /// The file, relative to this one; below it, without `..`.
    pub plan: String,
    /// Values for its inputs.
    #[serde(default)]
    #[expect(dead_code, reason = "read from the tree; here for the schema")]
    pub inputs: BTreeMap<String, Scalar>,
}

/// Text, a number, true or false; the loader reads it from the tree.
#[derive(Debug)]
pub(crate) struct Scalar;

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// Somebody who looks from elsewhere: exactly one of `pid`, `container`, `netns` and `ssh`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObserverSource {
    /// The number of a process here, all of whose namespaces are entered.
    #[schemars(range(min = 1))]
    pub pid: Option<u32>,
    /// The name of a running container of systemd-nspawn, Docker, Podman or LXC.
    pub container: Option<String>,
    /// The name of a network namespace, as ip-netns(8) has it; files, processes and users are those of here.
    pub netns: Option<String>,
    /// Another machine, as ssh(1) takes its name; by the operator's own configuration, agent, jump hosts and known hosts.
    pub ssh: Option<String>,
    /// With `ssh`: `sudo` to become root there, without a password.
    #[serde(rename = "become")]
    pub becomes: Option<Become>,
    /// With `ssh`: the fingerprint that the host's key must have, `SHA256:...`.
    pub host_key: Option<String>,
}

/// Who a program becomes on another machine.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Become {
    /// Root, by sudo(8).
    Sudo,
}

/// A machine for trials: Probity chooses its name, which both commands are given as `$name`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MachineSource {
    /// The command that makes a machine called `$name` and prints how it is reached, such as {"pid": 4242}.
    pub up: Vec<String>,
    /// The command that removes the machine called `$name`, however far `up` had come.
    pub down: Vec<String>,
    /// How long either may take; 60s without it.
    pub within: Option<Span>,
    /// Further ways to look at it, in which `$name` is its name; `machine` is the one that `up` prints.
    #[expect(dead_code, reason = "read from the tree; here for the schema")]
    pub observers: Option<BTreeMap<String, ObserverSource>>,
}

/// Probes that run together, again and again, each time on a fresh machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrialSource {
    /// The machine that each trial begins with.
    pub machine: String,
    /// How many trials.
    #[schemars(range(min = 1))]
    pub repeat: u32,
    /// How many of them side by side; one without it.
    #[schemars(range(min = 1))]
    pub at_once: Option<u32>,
    /// What is done and looked at in each, in this order.
    #[expect(dead_code, reason = "read from the tree; here for the schema")]
    pub probes: Option<Scalar>,
}

/// The keys that every probe may have, beside the parameters of its kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeSource {
    /// A look begins this often; with `for`.
    pub every: Option<Span>,
    /// For this long; with `every`. The number of slots is `for` divided by `every`.
    #[serde(rename = "for")]
    pub lasting: Option<Span>,
    /// So many looks, one after the other; instead of `every` and `for`.
    pub repeat: Option<u32>,
    /// The observer that looks; without it, the program that runs the plan, where it runs.
    pub on: Option<String>,
    /// An earlier probe, during which this one runs.
    #[serde(rename = "with")]
    pub during: Option<String>,
    /// A claim about an earlier probe; unless it holds by then, this one is not made.
    pub needs: Option<String>,
    /// The rows to repeat the probe for: a CSV file, or a list of maps. Each column is `$column` in the kind's
    /// parameters, and a fact of the observation.
    #[expect(dead_code, reason = "read from the tree; here for the schema")]
    pub matrix: Option<MatrixSource>,
    /// What the probe may do to its target, if that is not what its kind says.
    pub impact: Option<Impact>,
    /// The time-out of one look; 10s without it.
    pub timeout: Option<Span>,
    /// Looks again within a slot until this condition holds; with `within`. Every attempt is kept.
    pub until: Option<String>,
    /// How long to go on with `until`.
    pub within: Option<Span>,
    /// `all`: keeps every fact and whole outputs, also those that no claim reads.
    pub keep: Option<Keep>,
    /// The command that takes back what the probe did. It always runs once the probe has begun.
    pub undo: Option<Command>,
}

/// What to keep.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Keep {
    /// Every fact, and whole outputs.
    All,
}

/// A CSV file, or rows; the loader reads it from the tree.
#[derive(Debug)]
pub(crate) struct MatrixSource;

impl<'de> Deserialize<'de> for MatrixSource {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for MatrixSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Matrix".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let scalar = generator.subschema_for::<Scalar>();
        json_schema!({ "oneOf": [
            { "type": "string", "description": "A CSV file, relative to the plan; its first line names the columns." },
            { "type": "array", "minItems": 1, "maxItems": crate::load::MAX_ROWS,
              "items": { "type": "object", "minProperties": 1, "additionalProperties": scalar } }
        ] })
    }
}

/// A claim: exactly one of `check`, `stable` and `periodic`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimSource {
    /// The probe whose observations it is about.
    pub of: String,
    /// A condition over the facts of one observation; each must satisfy it, or with `share` so many.
    pub check: Option<String>,
    /// The rate that must be shown, such as ">= 95%".
    pub share: Option<Share>,
    /// A stretch of this length with one miss counts as one missed trial; with `share`.
    pub block: Option<Span>,
    /// Counts the rows of a matrix together instead of each for itself; with `share`.
    pub pooled: Option<bool>,
    /// The rate you expect, such as 99%: `plan check` says how likely the claim is then to be settled; with `share`.
    pub expect: Option<Percent>,
    /// Another probe, whose facts `check` reads as `against.NAME`.
    pub against: Option<String>,
    /// Facts that must not change.
    pub stable: Option<Vec<String>>,
    /// With `stable`: the greatest difference allowed between the least and the greatest value.
    pub at_most: Option<f64>,
    /// A period in which something must happen again and again; with `tolerance`, and `starts` or `changes`.
    pub periodic: Option<Span>,
    /// With `periodic`: how much longer or shorter a gap may be.
    pub tolerance: Option<Span>,
    /// With `periodic`: how many complete gaps have to be seen; 5 without it.
    #[schemars(range(min = 1))]
    pub periods: Option<u32>,
    /// With `periodic`: the fact that is a time, or a list of times, of starts recorded by the target.
    pub starts: Option<String>,
    /// With `periodic`: the fact whose change between two looks shows a start.
    pub changes: Option<String>,
    /// Only observations for which this condition is true are its subject.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// Your wording. The report prints beside it what was decided.
    pub says: Option<String>,
    /// How much it matters if it fails: wording, not weight.
    pub severity: Option<Severity>,
    /// The heading it stands under in the report.
    pub section: Option<String>,
    /// What to do where it fails; the report prints it there.
    pub remedy: Option<String>,
    /// With `share` and a `where` that reads what was observed: the rate is about those observations alone, as the author
    /// means it, and may decide an acceptance.
    pub selected: Option<bool>,
    /// The claim that shows that a denial or an absence could have been otherwise.
    pub control: Option<String>,
    /// `ok`: an empty list is no obstacle, and no observation at all makes the claim not applicable.
    pub empty: Option<Empty>,
}

/// What emptiness means.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Empty {
    /// Nothing to look at is no obstacle.
    Ok,
}

/// A verdict rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSource {
    /// The label it leads to.
    pub label: String,
    /// Its condition over `holds(claim)`, `fails(claim)`, `undetermined(claim)`, `score.NAME`; the last has none.
    pub when: Option<String>,
    /// Whether the label is an acceptance.
    pub accepted: Option<bool>,
}

/// A claim that may fail for a while, in somebody's name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaiverSource {
    /// The claim.
    pub claim: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day it counts, YYYY-MM-DD in UTC, held against the start of the run.
    #[schemars(extend("format" = "date"))]
    pub until: String,
    /// What it covers; `fails` without it.
    pub covers: Option<Covers>,
}

/// Which findings a waiver covers.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Covers {
    /// The claim fails.
    Fails,
    /// The claim is undetermined.
    Undetermined,
    /// Either.
    Both,
}
