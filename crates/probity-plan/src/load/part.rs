//! One document of a plan: its sections in order, and the references between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_diagnostic::Position;

use super::scope::Scope;
use super::{Declared, Loader, names};
use crate::error::{Flaw, did_you_mean, enumerate};
use crate::file_names::is_plan_file;
use crate::source::SECTIONS;
use crate::units::Percent;
use crate::yaml::{Key, Kind, Node};

/// A document that is being loaded: the plan itself or an included one.
pub(super) struct Part {
    /// What its names are prefixed with; empty for the plan itself.
    pub prefix: String,
    /// The folder its paths are relative to, with a `/` at the end; empty for the plan's own.
    pub folder: String,
    /// The files that led here, itself last.
    pub chain: Vec<String>,
    /// Its inputs.
    pub scope: Scope,
    /// Names it declares, without prefix: also of entries that turned out to be wrong.
    pub observers: BTreeSet<String>,
    /// The same for machines, each with the names of its observers.
    pub machines: BTreeMap<String, BTreeSet<String>>,
    /// The same for probes; those of trials are called `TRIAL.PROBE`.
    pub probes: BTreeSet<String>,
    /// The same for claims.
    pub claims: BTreeSet<String>,
    /// The same for scores.
    pub scores: BTreeSet<String>,
    /// Prefixes of includes that could not be read: what they declare is not known.
    pub broken: Vec<String>,
}

/// After so many errors no near name is searched for: a long plan with every name wrong should not take long.
const MAX_HINTED: usize = 20;

/// What names are looked up among.
#[derive(Clone, Copy)]
pub(super) enum Of {
    Observers,
    Machines,
    Probes,
    Claims,
}

impl Part {
    pub fn new(prefix: String, folder: String, chain: Vec<String>) -> Self {
        Self {
            prefix,
            folder,
            chain,
            scope: Scope::default(),
            observers: BTreeSet::new(),
            machines: BTreeMap::new(),
            probes: BTreeSet::new(),
            claims: BTreeSet::new(),
            scores: BTreeSet::new(),
            broken: Vec::new(),
        }
    }

    /// A name of this part as the whole plan has it.
    pub fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What is wrong with a reference, if anything; a near name is searched for only if `hint`.
    fn unknown(&self, of: Of, name: &str, hint: bool) -> Option<String> {
        let machines;
        let (what, known) = match of {
            Of::Observers => ("observer", &self.observers),
            Of::Machines => {
                machines = self.machines.keys().cloned().collect();
                ("machine", &machines)
            }
            Of::Probes => ("probe", &self.probes),
            Of::Claims => ("claim", &self.claims),
        };
        if known.contains(name) || self.broken.iter().any(|prefix| name.starts_with(prefix.as_str())) {
            return None;
        }
        let hint = if hint { did_you_mean(name, known.iter().map(String::as_str)) } else { String::new() };
        Some(format!("there is no {what} `{}`{hint}", crate::yaml::shortened(name)))
    }
}

impl Loader<'_> {
    /// Loads the plan itself; returns the names it declares, if all of them could be read.
    pub(super) fn main(&mut self, root: &Node, overrides: &BTreeMap<String, String>) -> Option<Declared> {
        let own = self.name.rsplit('/').next().unwrap_or_default().to_owned();
        let mut part = Part::new(String::new(), String::new(), vec![own]);
        if !self.sections(root) {
            return None;
        }
        if let Some(plan) = self.probes_of {
            part.probes = plan.probes.iter().map(|probe| probe.name.clone()).collect();
        }
        self.overridden_inputs(&mut part, root.get("inputs"), overrides);
        self.title_and_confidence(&mut part, root);
        self.body(&mut part, root);
        self.verdict(&mut part, root.get("verdict"));
        self.waivers(&mut part, root.get("waivers"));
        self.unused_inputs(&mut part, root);
        self.required(root);
        let is_map = |section| root.get(section).is_none_or(|node: &Node| matches!(node.kind, Kind::Map(_)));
        let all = ["include", "claims", "scores"].into_iter().all(is_map) && part.broken.is_empty();
        all.then_some(Declared { claims: part.claims, scores: part.scores })
    }

    /// The sections that an included plan has in common with the plan itself, after its inputs.
    pub(super) fn body(&mut self, part: &mut Part, root: &Node) {
        self.includes(part, root.get("include"));
        self.observers(part, root.get("observers"));
        self.machines(part, root.get("machines"));
        let before = self.errors.len();
        self.probes(part, root.get("probes"), root.get("claims"));
        self.trials(part, root.get("trials"));
        if self.errors.len() == before {
            self.unused_observers(part, root.get("observers"));
            self.unused_machines(part, root.get("machines"));
        }
        self.claims(part, root.get("claims"));
        self.needs(part, "", root.get("probes"));
        for (key, node) in root.get("trials").map(Node::entries).unwrap_or_default() {
            self.needs(part, &format!("{}.", key.text), node.get("probes"));
        }
        self.scores(part, root.get("scores"));
    }

    /// Whether the document is a map of sections at all; says which keys are none.
    pub(super) fn sections(&mut self, root: &Node) -> bool {
        let Kind::Map(entries) = &root.kind else {
            self.errors.push(
                Flaw::Shape,
                &root.at,
                format!("a plan is a map that starts with `plan: TITLE`; this is {}", root.found()),
            );
            return false;
        };
        for (key, node) in entries.iter() {
            let names = || SECTIONS.iter().map(|(name, _)| *name);
            if !names().any(|name| name == key.text) {
                let near = self.errors.len() < MAX_HINTED;
                let mut hint = if near { did_you_mean(&key.text, names()) } else { String::new() };
                if near && hint.is_empty() {
                    hint = format!("; a plan has {}", enumerate(names(), "and"));
                }
                self.errors.push(
                    Flaw::Shape,
                    &key.at,
                    format!("unknown key `{}`{hint}", crate::yaml::shortened(&key.text)),
                );
            } else if self.probes_of.is_some()
                && matches!(key.text.as_str(), "observers" | "machines" | "probes" | "trials" | "include")
            {
                self.errors.push(
                    Flaw::Part,
                    &key.at,
                    format!(
                        "`{}` cannot stand here: these claims are about probes that have already run",
                        key.text
                    ),
                );
            } else if node.is_null() {
                self.errors.push(
                    Flaw::Shape,
                    &key.at,
                    format!("`{}` is empty; fill it or leave it out", key.text),
                );
            }
        }
        true
    }

    fn title_and_confidence(&mut self, part: &mut Part, root: &Node) {
        if let Some(node) = root.get("plan").filter(|node| !node.is_null())
            && let Some(filled) = part.scope.fill(node, &mut self.errors)
            && let Some(title) = self.decode::<String>(&filled, "`plan`")
        {
            if title.trim().is_empty() {
                self.errors.push(Flaw::Shape, &node.at, "the title is empty");
            }
            self.plan.title = title;
        }
        if let Some(node) = root.get("confidence").filter(|node| !node.is_null())
            && let Some(filled) = part.scope.fill(node, &mut self.errors)
            && let Some(Percent(confidence)) = self.decode(&filled, "`confidence`")
        {
            if confidence < 0.5 {
                self.errors.push(Flaw::Part, &node.at, "a confidence is at least 50% and less than 100%");
            }
            self.plan.confidence = confidence;
        }
    }

    /// A plan without these says nothing.
    fn required(&mut self, root: &Node) {
        let mut missing = Vec::new();
        if root.get("plan").is_none() {
            missing.push("`plan` (its title)");
        }
        let looks = ["probes", "trials", "include"].iter().any(|section| root.get(section).is_some());
        if self.probes_of.is_none() && !looks {
            missing.push("`probes` (what to look at)");
        }
        if root.get("claims").is_none() && root.get("include").is_none() {
            missing.push("`claims` (what must be true of it)");
        }
        if root.get("verdict").is_none() {
            missing.push("`verdict` (which label it leads to)");
        }
        if !missing.is_empty() {
            self.errors.push(Flaw::Part, &root.at, format!("the plan lacks {}", missing.join(", ")));
        }
    }

    /// The entries of a section that is a map, with names that are names.
    pub(super) fn named<'n>(&mut self, section: Option<&'n Node>, what: &str) -> Vec<(&'n Key, &'n Node)> {
        let Some(node) = section.filter(|node| !node.is_null()) else { return Vec::new() };
        let Kind::Map(entries) = &node.kind else {
            self.errors.push(
                Flaw::Shape,
                &node.at,
                format!("expected a map from the name of {what} to what it is, found {}", node.found()),
            );
            return Vec::new();
        };
        if entries.is_empty() {
            self.errors.push(Flaw::Shape, &node.at, "the section is empty; fill it or leave it out");
        }
        let mut named = Vec::new();
        for (key, node) in entries.iter() {
            match names::refused(what, &key.text) {
                Some(message) => self.errors.push(Flaw::Name, &key.at, message),
                None => named.push((key, node)),
            }
        }
        named
    }

    /// Says what is wrong with the reference under this key, if anything; whether it is sound.
    pub(super) fn refer(&mut self, part: &Part, of: Of, name: &str, at: &Position, entry: &str) -> bool {
        match part.unknown(of, name, self.errors.len() < MAX_HINTED) {
            Some(message) => {
                self.errors.push(Flaw::Name, at, format!("in {entry}: {message}"));
                false
            }
            None => true,
        }
    }

    /// A path of a plan's file, relative to the plan's folder; `None` with an error if it may not be read.
    pub(super) fn below(&mut self, part: &Part, path: &str, at: &Position) -> Option<String> {
        let parts: Vec<&str> = path.split('/').collect();
        let wrong = if path.starts_with('/') || path.contains(['\\', '\0', ':']) {
            "must be relative, below the plan's folder"
        } else if parts.contains(&"..") {
            "may not contain `..`: a plan reads only files below its own folder"
        } else if parts.iter().any(|part| part.is_empty() || *part == ".") {
            "must be written without needless parts, such as `rows/roles.csv`"
        } else if path.len() > 200 || path.chars().any(char::is_control) {
            "is not a file name that a bundle can keep"
        } else {
            let full = format!("{}{path}", part.folder);
            if super::TAKEN.contains(&full.split('/').next().unwrap_or_default())
                && !part.chain.contains(&full)
            {
                "is the name of something else in a bundle; call the file otherwise"
            } else if !is_plan_file(&format!("includes/{full}")) {
                "lies too deep: with the folders of the plans that include it, a bundle cannot keep it"
            } else {
                return Some(full);
            }
        };
        self.errors.push(Flaw::File, at, format!("the path `{}` {wrong}", crate::yaml::shortened(path)));
        None
    }

    /// A place for what was given on the command line.
    pub(super) fn command_line() -> Position {
        Position { file: Arc::from("--input"), line: 0, column: 0 }
    }
}
