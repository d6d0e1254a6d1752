//! Reads a plan: YAML, inputs, includes, matrices, into [`Plan`]. Touches nothing itself: files come from [`Sources`].
//! Every error is listed; an entry that is wrong does not keep the others from being looked at.

mod claim;
mod include;
mod input;
mod literal;
mod machine;
mod matrix;
mod names;
mod observer;
mod part;
mod probe;
mod resolved;
mod scope;
mod trial;
mod verdict;

pub use probe::MAX_LOOKS;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use probity_diagnostic::{Position, Texts};

use crate::error::{Errors, Flaw, PlanErrors};
use crate::file_names::Names;
use crate::model::{Claim, Condition, Plan, Probe};
use crate::yaml::{self, De, Node};

pub(crate) use matrix::MAX_ROWS;
pub(crate) use names::RESERVED;
pub(crate) use probe::parameters;

/// Where a plan's files come from.
pub trait Sources {
    /// The whole content of a file. `path` is the plan's name as given to [`load`], or else a path relative to the
    /// plan's folder, with `/` between its parts, without `..`, and never absolute.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// A plan with everything it was made from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    /// The exact bytes of each file: the plan itself under `plan.yaml`, others under the path they were read by.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The same as text, each file as messages call it.
    pub texts: Texts,
    resolved: OnceLock<String>,
}

impl Loaded {
    /// The whole resolved plan with inputs and matrices, secrets by name, as JSON with sorted keys. Its SHA-256 goes
    /// into the evidence. The same files and overrides give the same text, whatever the plan is called. Made when it is
    /// first asked for.
    pub fn resolved(&self) -> &str {
        self.resolved.get_or_init(|| resolved::text(&self.plan))
    }
}

/// A plan that did not load.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What is wrong with it.
    pub errors: PlanErrors,
    /// What of it could be read, for whoever looks for further errors: entries with an error may be missing or have defaults.
    pub part: Plan,
    /// The names that its rules may use; absent if some of them could not be read.
    pub declared: Option<Declared>,
}

/// The names that a plan declares, also of entries that turned out to be wrong.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Of claims.
    pub claims: BTreeSet<String>,
    /// Of scores.
    pub scores: BTreeSet<String>,
}

/// The name of the plan itself among a bundle's files.
const PLAN_FILE: &str = "plan.yaml";

/// What a bundle keeps beside the plan's files; no file of a plan may be called so.
const TAKEN: &[&str] = &[
    PLAN_FILE,
    "evidence.jsonl",
    "artifacts",
    "checkpoint",
    "checkpoint.sig",
    "findings.json",
    "report.html",
];

/// Loads a plan. `name` is how messages call it and what [`Sources::read`] is asked for first; `overrides` are values
/// of inputs as text, as given by `--input`.
pub fn load(
    name: &str,
    sources: &dyn Sources,
    overrides: &BTreeMap<String, String>,
) -> Result<Loaded, PlanErrors> {
    load_or_refuse(name, sources, overrides).map_err(|refused| refused.errors)
}

/// The same; of a plan that does not load, also what could be read of it.
///
/// # Errors
/// As [`load`].
pub fn load_or_refuse(
    name: &str,
    sources: &dyn Sources,
    overrides: &BTreeMap<String, String>,
) -> Result<Loaded, Box<Refused>> {
    Loader::new(name, sources, None).load(overrides)
}

/// Loads claims, scores, verdict rules and waivers about the probes of another plan (`probity evaluate --plan`). The
/// document has neither `probes` nor `include`; the plan returned has the probes of `probes_of`.
pub fn load_claims(
    name: &str,
    sources: &dyn Sources,
    overrides: &BTreeMap<String, String>,
    probes_of: &Plan,
) -> Result<Loaded, PlanErrors> {
    Loader::new(name, sources, Some(probes_of)).load(overrides).map_err(|refused| refused.errors)
}

/// What is being loaded.
struct Loader<'s> {
    name: Arc<str>,
    sources: &'s dyn Sources,
    probes_of: Option<&'s Plan>,
    errors: Errors,
    plan: Plan,
    files: BTreeMap<String, Vec<u8>>,
    names: Names,
    texts: Texts,
    /// Where each probe and each claim stands in the plan, by its full name.
    probe_at: HashMap<String, usize>,
    claim_at: HashMap<String, usize>,
    /// Included so far.
    included: usize,
    /// Slots times cells so far.
    looks: u64,
}

impl<'s> Loader<'s> {
    fn new(name: &str, sources: &'s dyn Sources, probes_of: Option<&'s Plan>) -> Self {
        let plan = Plan {
            title: String::new(),
            confidence: 0.95,
            inputs: BTreeMap::new(),
            observers: probes_of.map(|plan| plan.observers.clone()).unwrap_or_default(),
            machines: probes_of.map(|plan| plan.machines.clone()).unwrap_or_default(),
            trials: probes_of.map(|plan| plan.trials.clone()).unwrap_or_default(),
            probes: probes_of.map(|plan| plan.probes.clone()).unwrap_or_default(),
            claims: Vec::new(),
            scores: Vec::new(),
            rules: Vec::new(),
            waivers: Vec::new(),
        };
        Self {
            name: name.into(),
            sources,
            probes_of,
            errors: Errors::default(),
            probe_at: plan.probes.iter().enumerate().map(|(i, probe)| (probe.name.clone(), i)).collect(),
            plan,
            files: BTreeMap::new(),
            names: Names::default(),
            texts: Texts::default(),
            claim_at: HashMap::new(),
            included: 0,
            looks: 0,
        }
    }

    fn add_probe(&mut self, probe: Probe) {
        self.probe_at.insert(probe.name.clone(), self.plan.probes.len());
        self.plan.probes.push(probe);
    }

    fn add_claim(&mut self, claim: Claim) {
        self.claim_at.insert(claim.name.clone(), self.plan.claims.len());
        self.plan.claims.push(claim);
    }

    /// A probe that was read without error, by its full name.
    fn probe_called(&self, name: &str) -> Option<&Probe> {
        self.plan.probes.get(*self.probe_at.get(name)?)
    }

    /// The same for a claim.
    fn claim_called(&self, name: &str) -> Option<&Claim> {
        self.plan.claims.get(*self.claim_at.get(name)?)
    }

    fn load(mut self, overrides: &BTreeMap<String, String>) -> Result<Loaded, Box<Refused>> {
        let name = Arc::clone(&self.name);
        let whole = Position { file: Arc::clone(&name), line: 0, column: 0 };
        let mut declared = None;
        if let Some(root) = self.document(&name, PLAN_FILE, &whole) {
            let is_yaml = self.errors.len() == 0;
            declared = self.main(&root, overrides).filter(|_| is_yaml);
        }
        let (list, texts) = (self.errors.listed(&name), self.texts);
        if list.is_empty() {
            return Ok(Loaded { plan: self.plan, files: self.files, texts, resolved: OnceLock::new() });
        }
        Err(Box::new(Refused { errors: PlanErrors { list, texts }, part: self.plan, declared }))
    }

    /// Reads a file once; a failure is an error at `at`.
    fn read(&mut self, path: &str, kept_as: &str, most: usize, at: &Position) -> Option<&[u8]> {
        if !self.files.contains_key(kept_as) {
            let bytes = match self.sources.read(path) {
                Ok(bytes) => bytes,
                Err(reason) => {
                    let path = if at.line == 0 { String::new() } else { format!(" `{path}`") };
                    self.errors.push(Flaw::File, at, format!("cannot read{path}: {reason}"));
                    return None;
                }
            };
            // The plan itself lies elsewhere in a bundle.
            if at.line > 0
                && let Some(other) = self.names.add(kept_as)
            {
                let message = format!(
                    "`{kept_as}` and `{other}` are one name to some file systems: a bundle cannot hold both"
                );
                self.errors.push(Flaw::File, at, message);
            }
            self.files.insert(kept_as.to_owned(), bytes);
        }
        let bytes = self.files.get(kept_as)?;
        if bytes.len() > most {
            self.errors.push(Flaw::File, at, format!("the file is longer than {} MiB", most >> 20));
            return None;
        }
        Some(bytes)
    }

    /// Reads and parses a document; a failure to read it is an error at `at`.
    fn document(&mut self, file: &Arc<str>, kept_as: &str, at: &Position) -> Option<Node> {
        let bytes = self.read(file, kept_as, yaml::MAX_BYTES, at)?;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                let before = &bytes[..error.valid_up_to()];
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                self.errors.push(
                    Flaw::File,
                    &Position { file: Arc::clone(file), line, column: 1 },
                    format!(
                        "not UTF-8: byte {} of the file is not part of a character",
                        error.valid_up_to() + 1
                    ),
                );
                return None;
            }
        };
        let root = yaml::parse(file, &text, &mut self.errors);
        self.texts.insert(Arc::clone(file), text);
        root
    }

    /// Reads a type from a node; an error is said to be `of` this entry ("probe `r`").
    fn decode<'de, T: serde::Deserialize<'de>>(&mut self, node: &Node, of: &str) -> Option<T> {
        match T::deserialize(De(node)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(&error, node, of);
                None
            }
        }
    }

    fn refuse(&mut self, error: &yaml::Error, node: &Node, of: &str) {
        let at = error.at.as_ref().unwrap_or(&node.at);
        self.errors.push(Flaw::Shape, at, format!("in {of}: {}", error.message));
    }

    /// The condition under this key of an entry.
    fn condition(&mut self, source: Option<String>, entry: &Node, key: &str, of: &str) -> Option<Condition> {
        let source = source?;
        let node = entry.get(key).unwrap_or(entry);
        let (at, filled) = (node.at.clone(), node.filled);
        if source.trim().is_empty() {
            self.errors.push(
                Flaw::Shape,
                &at,
                format!("in {of}: `{key}` is empty; leave it out or write a condition"),
            );
        } else if source.len() > 1024 {
            self.errors.push(
                Flaw::Condition,
                &at,
                format!("in {of}: a condition has at most 1024 bytes; this one has {}", source.len()),
            );
        }
        Some(Condition { source, at, filled })
    }
}
