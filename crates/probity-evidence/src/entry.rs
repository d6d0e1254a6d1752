//! The entries of an evidence log. One line of JSON each; the Merkle leaf is the line's exact bytes without its newline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use probity_plan::{Blocked, Cause, Happening, Impact, Introduction, Observation, Value, unique};

use crate::declared::Declared;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 0, without gaps.
    pub entry: u64,
    /// 16 random bytes in hexadecimal: so that the digest of a leaf does not give a short content away.
    pub salt: String,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Body {
    /// Entry 0: which run this is.
    Start(Start),
    /// Entry 1: the operator's signature over entry 0's bytes.
    Endorsement(Endorsement),
    /// How the observer itself was doing: load, clock, memory. At the start, each minute, at the end.
    Observer(Observer),
    /// What one look of a probe yielded. A slot that was missed, and a probe that was not permitted, are observations
    /// whose every fact is behind a barrier (`unknown: {"*": ...}`).
    Observation(Observation),
    /// Something the operator did or that befell the run: an interruption, an undo, a limit reached.
    Event(Event),
    /// The last entry of a complete run.
    Close(Close),
}

/// Entry 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// [`crate::FORMAT`].
    pub format: u32,
    /// The version of the meaning of claims, conditions and statistics.
    pub rules: u32,
    /// The run's id: 16 random bytes in hexadecimal; also in the checkpoint's origin `probity/RUN-ID`.
    pub run: String,
    /// When the run began, by the observer's clock.
    pub started: jiff::Timestamp,
    /// The plan's title.
    pub plan: String,
    /// SHA-256 of each file of the plan by its path in the bundle: `plan.yaml`, `includes/...`.
    #[serde(deserialize_with = "unique")]
    pub files: BTreeMap<String, String>,
    /// What the facts of its probes are.
    pub declared: Declared,
    /// SHA-256 of the resolved plan: includes, matrices and inputs in their place, secrets by name.
    pub resolved_sha256: String,
    /// Inputs given on the command line, as they were given; secrets have no value here and are never given there.
    #[serde(default, deserialize_with = "unique", skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// The impact the operator allowed.
    pub allow: Impact,
    /// The probes the operator restricted the run to (`--only`); absent without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// The public key made for this run, which signs checkpoints, in OpenSSH's form.
    pub run_key: String,
    /// The operator's public key, in OpenSSH's form.
    pub operator_key: String,
    /// Text from the reader (`--challenge`), which shows that the run began after it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    /// The operator's run ledger as it was before this run.
    pub ledger: LedgerHead,
    /// The bundle this run reproduces: the root hash of its last checkpoint, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduces: Option<String>,
    /// Who observed, from where.
    pub observer: Identity,
}

impl Start {
    /// When the run before it in the ledger began, if that is later than this one did.
    pub fn later_predecessor(&self) -> Option<jiff::Timestamp> {
        self.ledger.began.filter(|before| *before > self.started)
    }
}

/// The head of a run ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerHead {
    /// The number of this run in the ledger, from 1.
    pub run: u64,
    /// SHA-256 of the ledger's last line before this run, in hexadecimal; absent for run 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// When the run of that line began, by the observer's clock; absent for run 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<jiff::Timestamp>,
}

/// Who observed, from where: the observer's own word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Probity's version.
    pub version: String,
    /// The host's name.
    pub host: String,
    /// The user's name, with its number.
    pub user: String,
    /// Operating system and kernel.
    pub system: String,
}

/// The operator's signature over entry 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endorsement {
    /// SSHSIG in PEM form, namespace `probity`, over the exact bytes of entry 0's line without its newline.
    pub signature: String,
}

/// How the observer itself was doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observer {
    /// Which observer: observations name it. 0 is the program that ran the plan.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub id: u32,
    /// When, by its clock.
    pub at: jiff::Timestamp,
    /// When after the run began, in microseconds, by a clock that nobody sets, and that began anew with this boot.
    pub offset_us: u64,
    /// The boot that this clock counts from, as its kernel names it; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// Who it is and how it was reached: there once for each observer but 0, before it looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduction: Option<Introduction>,
    /// Facts: `load_1m`, `clock_synchronised`, `memory_available_bytes`, ...
    #[serde(deserialize_with = "unique")]
    pub facts: BTreeMap<String, Value>,
    /// Facts that could not be had.
    #[serde(default, deserialize_with = "unique", skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, Blocked>,
}

/// Something that befell the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When.
    pub at: jiff::Timestamp,
    /// What.
    pub what: Happening,
}

/// The last entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// When the run ended, by the observer's clock.
    pub ended: jiff::Timestamp,
    /// Why it ended before its plan did; absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Cause>,
    /// SHA-256 of `findings.json`.
    pub findings_sha256: String,
    /// SHA-256 of `report.html`.
    pub report_sha256: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}
