//! A plan as resolved: inputs filled in, includes flattened, matrices expanded. What the rest of Probity works with.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use probity_diagnostic::Position;

use crate::kinds::{Act, Impact, KindSpec};
use crate::machine::{Machine, TrialGroup};
use crate::observer::Observer;
use crate::token::Token;
use crate::units::{Percent, Share, Span};
use crate::value::Value;

/// A resolved plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its title, the value of `plan:`.
    pub title: String,
    /// Confidence of each one-sided bound; 0.95 unless the plan says otherwise. Between 0.5 and 1, exclusive.
    pub confidence: f64,
    /// Inputs by name.
    pub inputs: BTreeMap<String, Input>,
    /// Who looks from elsewhere, in the plan's order.
    pub observers: Vec<Observer>,
    /// Machines for trials, in the plan's order.
    pub machines: Vec<Machine>,
    /// Trials in the plan's order, each of which begins when the one before is over. They run after all other probes.
    pub trials: Vec<Arc<TrialGroup>>,
    /// Probes in the plan's order.
    pub probes: Vec<Probe>,
    /// Claims in the plan's order.
    pub claims: Vec<Claim>,
    /// Scores in the plan's order.
    pub scores: Vec<Score>,
    /// Verdict rules in order; the last has no condition.
    pub rules: Vec<Rule>,
    /// Waivers.
    pub waivers: Vec<Waiver>,
}

impl Plan {
    /// The probe of this name.
    pub fn probe(&self, name: &str) -> Option<&Probe> {
        self.probes.iter().find(|probe| probe.name == name)
    }
    /// The observer of this name.
    pub fn observer(&self, name: &str) -> Option<&Observer> {
        self.observers.iter().find(|observer| observer.name == name)
    }
    /// The machine of this name.
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.name == name)
    }
    /// The trials of this name.
    pub fn trials_of(&self, name: &str) -> Option<&Arc<TrialGroup>> {
        self.trials.iter().find(|group| group.name == name)
    }
    /// The probes of these trials; without them those of none.
    pub fn probes_of<'p>(&'p self, trials: Option<&str>) -> impl Iterator<Item = &'p Probe> {
        let of = move |probe: &&Probe| probe.trial.as_ref().map(|group| group.name.as_str()) == trials;
        self.probes.iter().filter(of)
    }
    /// The claim of this name.
    pub fn claim(&self, name: &str) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.name == name)
    }
    /// The place of the claim of this name, from 0.
    pub fn place_of_claim(&self, name: &str) -> Option<usize> {
        self.claims.iter().position(|claim| claim.name == name)
    }
}

/// An input of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its value, or where the secret comes from.
    pub value: InputValue,
    /// Where it is declared.
    pub at: Position,
}

/// An input's value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InputValue {
    /// A value, from the plan or from `--input`.
    Plain(Value),
    /// A secret, read from this environment variable when the run starts.
    SecretEnv(String),
    /// A secret, read from this file when the run starts.
    SecretFile(String),
    /// A secret, read from this file descriptor when the run starts.
    SecretDescriptor(u32),
    /// A secret that is made from another one when the run starts.
    SecretToken(Token),
}

/// One probe of a resolved plan.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its name; `TRIAL.NAME` in a trial.
    pub name: String,
    /// The trials that it is part of: it runs in each of them.
    pub trial: Option<Arc<TrialGroup>>,
    /// What it does, one act for each row of its matrix; a single one without a matrix.
    pub cells: Vec<Cell>,
    /// The columns of its matrix; empty without one.
    pub columns: Vec<String>,
    /// When and how often.
    pub schedule: Schedule,
    /// The observer that looks; the program that runs the plan, where it runs, without it. In a trial also [`crate::MACHINE`] and the other
    /// observers of its machine.
    pub on: Option<String>,
    /// Runs during this probe, instead of before or after it.
    pub with: Option<String>,
    /// Runs only if this claim holds by then; otherwise every fact is behind `prerequisite`.
    pub needs: Option<String>,
    /// The impact it is held to.
    pub impact: Impact,
    /// True if `impact` is the plan's word and less than the kind's floor: "declared harmless by the author".
    pub declared_harmless: bool,
    /// Whether to keep every fact and whole outputs (`keep: all`).
    pub keep_all: bool,
    /// The command that takes back what the probe did; always runs once the probe has run.
    pub undo: Option<Act>,
    /// Where it is declared.
    pub at: Position,
}

impl Probe {
    /// The declaration of its kind. Every cell is of the same kind.
    pub fn spec(&self) -> &'static KindSpec {
        self.cells[0].act.spec()
    }
    /// How many trials there are that it is part of; one outside of trials.
    pub fn trials(&self) -> u32 {
        self.trial.as_ref().map_or(1, |group| group.repeat)
    }
    /// How many looks the plan asks for in each cell, over all trials.
    pub fn planned(&self) -> u32 {
        self.schedule.slots().saturating_mul(self.trials())
    }
    /// The impact that what it does has, whatever its author says.
    pub fn nature(&self) -> Impact {
        self.cells.iter().map(|cell| cell.act.impact()).fold(self.spec().floor, Impact::max)
    }
    /// The impact that the operator has to allow: its own, and that of making a machine for it.
    pub fn asks(&self) -> Impact {
        if self.trial.is_some() { self.impact.max(Impact::Write) } else { self.impact }
    }
}

/// One row of a probe's matrix with the act made from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The row by column name; empty without a matrix.
    pub row: BTreeMap<String, Value>,
    /// The kind and its parameters.
    pub act: Act,
}

/// When a probe looks, how often, and how long one look may take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Schedule {
    /// A look begins this often; with `lasting`.
    pub every: Option<Span>,
    /// For this long; with `every`.
    pub lasting: Option<Span>,
    /// So many looks, one after the other; instead of `every` and `lasting`.
    pub repeat: Option<u32>,
    /// The time-out of one look.
    pub timeout: Span,
    /// Looks again within a slot until this condition holds; every attempt is an entry.
    pub until: Option<Condition>,
    /// Gives up on `until` after this long.
    pub within: Option<Span>,
}

impl Schedule {
    /// How many looks are planned: `for` divided by `every` rounded down, at least 1; or `repeat`; or 1.
    pub fn slots(&self) -> u32 {
        match (self.every, self.lasting, self.repeat) {
            (Some(every), Some(lasting), _) => {
                u32::try_from(lasting.0.as_micros() / every.0.as_micros().max(1)).unwrap_or(u32::MAX).max(1)
            }
            (_, _, Some(repeat)) => repeat,
            _ => 1,
        }
    }
    /// The longest it can take, time-outs included, for one cell.
    pub fn longest(&self) -> std::time::Duration {
        let look = self.within.unwrap_or(self.timeout).0.max(self.timeout.0);
        match (self.every, self.lasting) {
            (Some(_), Some(lasting)) => lasting.0 + look,
            _ => look.saturating_mul(self.slots()),
        }
    }
}

/// A condition with its place. Which facts it may read depends on where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The source, at most 1024 bytes.
    pub source: String,
    /// Where its first character stands.
    pub at: Position,
    /// Whether what follows the first character stands elsewhere in the plan, or not in it: inputs were filled in, or it is
    /// written over several lines or with escapes.
    pub filled: bool,
}

impl Serialize for Condition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

/// How much it matters if a claim fails. Wording only: rules and scores decide.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are the documentation")]
pub enum Severity {
    Info,
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

/// A sentence about observations that can be true or false.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// The probe whose observations it is about.
    pub of: String,
    /// Only observations for which this is true are its subject.
    pub filter: Option<Condition>,
    /// What is claimed.
    pub form: Form,
    /// The author's wording.
    pub says: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// The heading it stands under in a report.
    pub section: Option<String>,
    /// What to do where it fails, by the author.
    pub remedy: Option<String>,
    /// Whether a rate whose trials are selected by what was observed may decide an acceptance.
    pub selected: bool,
    /// The claim that shows that a denial could have been otherwise (design.md, rule 4).
    pub control: Option<String>,
    /// `empty: ok`: nothing to look at is no obstacle. An empty list satisfies `all`; a claim without any subject is
    /// not applicable rather than undetermined.
    pub empty_ok: bool,
    /// Where it is declared.
    pub at: Position,
}

/// What a claim says about its observations.
#[derive(Clone, Debug)]
pub enum Form {
    /// Every observation satisfies the condition.
    Each {
        /// The condition.
        check: Condition,
    },
    /// The rate of observations that satisfy the condition reaches an objective.
    Rate {
        /// The condition.
        check: Condition,
        /// The objective.
        share: Share,
        /// A stretch of this length with one miss is one missed trial.
        block: Option<Span>,
        /// Whether the cells of a matrix are counted together instead of each for itself.
        pooled: bool,
        /// The rate the author expects; `plan check` then says how likely the claim is to be settled.
        expect: Option<Percent>,
    },
    /// Something happens again and again.
    Periodic {
        /// The period.
        every: Span,
        /// How much longer or shorter a gap may be.
        tolerance: Span,
        /// How many complete gaps have to be seen.
        periods: u32,
        /// How the starts are known.
        starts: Starts,
    },
    /// Facts do not change.
    Stable {
        /// The facts' names.
        facts: Vec<String>,
        /// The greatest difference allowed between the least and the greatest value; equality without it.
        at_most: Option<f64>,
    },
    /// A condition over one observation and another one, whose facts are read as `against.NAME`.
    Compare {
        /// The condition.
        check: Condition,
        /// The other probe; it may be the same one, whose first look is then compared with the last.
        against: String,
    },
}

impl Form {
    /// The condition that observations are held against, if it has one.
    pub const fn check(&self) -> Option<&Condition> {
        match self {
            Self::Each { check } | Self::Rate { check, .. } | Self::Compare { check, .. } => Some(check),
            Self::Stable { .. } | Self::Periodic { .. } => None,
        }
    }

    /// The facts that it names itself, beside those that its condition reads.
    pub fn facts(&self) -> Vec<&str> {
        match self {
            Self::Stable { facts, .. } => facts.iter().map(String::as_str).collect(),
            Self::Periodic { starts: Starts::Recorded(fact) | Starts::Changes(fact), .. } => vec![fact],
            Self::Each { .. } | Self::Rate { .. } | Self::Compare { .. } => Vec::new(),
        }
    }

    /// The other probe, whose facts its condition reads as `against.NAME`.
    pub fn against(&self) -> Option<&str> {
        if let Self::Compare { against, .. } = self { Some(against) } else { None }
    }

    /// The objective of a rate.
    pub const fn objective(&self) -> Option<Share> {
        if let Self::Rate { share, .. } = self { Some(*share) } else { None }
    }

    /// Whether each observation is judged by itself.
    pub const fn is_of_single_looks(&self) -> bool {
        matches!(self, Self::Each { .. } | Self::Rate { .. })
    }
}

/// How a periodic claim learns of starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Starts {
    /// A fact that is a time, or a list of times, recorded by the target.
    Recorded(String),
    /// A start lies between two looks at which this fact differs.
    Changes(String),
}

/// A weighted mean of findings.
#[derive(Clone, Debug)]
pub struct Score {
    /// Its name; rules read it as `score.NAME`.
    pub name: String,
    /// Claims with their positive weights.
    pub weights: Vec<(String, f64)>,
    /// Where it is declared.
    pub at: Position,
}

/// One verdict rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The label it leads to.
    pub label: String,
    /// Its condition; the last rule has none.
    pub when: Option<Condition>,
    /// Whether the label is an acceptance.
    pub accepted: bool,
    /// Where it is declared.
    pub at: Position,
}

/// A claim that may fail for a while, in somebody's name.
#[derive(Clone, Debug)]
pub struct Waiver {
    /// The claim.
    pub claim: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day it counts, `YYYY-MM-DD` (UTC), held against the start of the run in the log.
    pub until: String,
    /// Whether it covers `fails` (the default).
    pub covers_fails: bool,
    /// Whether it covers `undetermined`.
    pub covers_undetermined: bool,
    /// Where it is declared.
    pub at: Position,
}
