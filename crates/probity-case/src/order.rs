//! A run that was asked for: begun, probed, closed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use probity_evidence::entry::{Body, Identity};
use probity_evidence::ledger::LedgerError;
use probity_evidence::left_over::Notes;
use probity_evidence::writer::WriteError;
use probity_evidence::{Bundle, Declared, Key, Ledger, Opening, ReadError, Writer};
use probity_plan::{Cause, Loaded, Observation, Plan};
use probity_probe::crew::Threads;
use probity_probe::{Began, FactSelection, Observers, Runner, Secrets, Stop, observer};
use probity_report::Contents;
use probity_verdict::Conditions;

use crate::fold::{Derived, Fold, Permitted, Surroundings, findings_json};
use crate::machines::Maker;
use crate::needs::{Needs, of_one_trial};
use crate::recorder::Recorder;
use crate::{KEPT_NAME, exhibits, in_bundle};

/// Why there is no case, or none to its end.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// Secrets cannot be read.
    #[error("{}", .0.join("\n"))]
    Secrets(Vec<String>),
    /// A secret stands where nothing can be masked.
    #[error(
        "the value of a secret also stands in {0}, which the bundle keeps as it is; take it out there, or choose a secret that \
         is no common word"
    )]
    Shown(String),
    /// The bundle cannot be made, or not be closed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The run cannot be registered.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What was recorded cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was derived cannot be written.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A run that was asked for.
pub struct Order<'a> {
    /// The plan.
    pub loaded: &'a Loaded,
    /// Its conditions.
    pub conditions: &'a Conditions,
    /// The values of inputs that the operator gave.
    pub inputs: BTreeMap<String, String>,
    /// The bundle to make.
    pub bundle: &'a Path,
    /// What the operator permits.
    pub permitted: Permitted,
    /// Text from the reader.
    pub challenge: Option<String>,
    /// The greatest size of the bundle in bytes.
    pub max_size: u64,
    /// The root hash of the bundle that is reproduced.
    pub reproduces: Option<String>,
    /// Where the machines of trials and the copies of the program are written down; without it none is made.
    pub notes: Option<Notes>,
}

impl<'a> Order<'a> {
    /// The plan's secrets, none of which stands where nothing can be masked: plan, inputs and challenge are kept as they are.
    ///
    /// # Errors
    /// [`CaseError::Secrets`], [`CaseError::Shown`].
    pub fn secrets(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Secrets, CaseError> {
        let secrets = Secrets::read(&self.loaded.plan, environment).map_err(CaseError::Secrets)?;
        let files =
            self.loaded.files.iter().map(|(name, bytes)| (name.clone(), String::from_utf8_lossy(bytes)));
        let inputs = self.inputs.iter().map(|(name, value)| (format!("--input {name}"), value.into()));
        let challenge = self.challenge.iter().map(|text| ("--challenge".to_owned(), text.into()));
        let mut shown = files.chain(inputs).chain(challenge).filter(|(_, text)| secrets.mask(text) != **text);
        match shown.next() {
            None => Ok(secrets),
            Some((place, _)) => Err(CaseError::Shown(place)),
        }
    }

    /// Makes the bundle and registers the run.
    ///
    /// # Errors
    /// [`CaseError::Write`], [`CaseError::Ledger`].
    pub fn begin(&'a self, began: Began, key: Key, ledger: Ledger) -> Result<Case<'a>, CaseError> {
        let plan = &self.loaded.plan;
        let (writer, fold, reads) = std::thread::scope(|scope| {
            let writer = scope.spawn(|| self.open(began.at, key, ledger));
            let fold = Fold::new(plan, self.conditions, began.at, self.permitted.clone());
            let reads = Reads::of(plan, self.conditions);
            let writer = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            writer.map(|writer| (writer, fold, reads))
        })?;
        Ok(Case { order: self, began, writer, fold, reads })
    }

    fn open(&self, started: jiff::Timestamp, key: Key, ledger: Ledger) -> Result<Writer, CaseError> {
        let (host, user, system) = observer::identity();
        let resolved_sha256 = probity_evidence::digest(self.loaded.resolved().as_bytes());
        let opening = Opening {
            rules: probity_verdict::RULES,
            started,
            plan: self.loaded.plan.title.clone(),
            files: self.loaded.files.iter().map(|(name, bytes)| (in_bundle(name), bytes.clone())).collect(),
            resolved_sha256: resolved_sha256.clone(),
            inputs: self.inputs.clone(),
            declared: Declared::of(&self.loaded.plan),
            allow: self.permitted.allow,
            only: self.permitted.only.clone(),
            challenge: self.challenge.clone(),
            ledger: ledger.head_before(),
            reproduces: self.reproduces.clone(),
            observer: Identity { version: env!("CARGO_PKG_VERSION").to_owned(), host, user, system },
        };
        let writer = Writer::create(self.bundle, opening, key, self.max_size)?;
        // A run counts in the ledger before any probe acts, so that one that was broken off leaves a gap that shows. The
        // line is with the kernel then, and on the disk with the first checkpoint after: a power cut before leaves none.
        let ledger = ledger.append(started, writer.run(), &self.loaded.plan.title, &resolved_sha256)?;
        writer.also_sync(ledger);
        Ok(writer)
    }
}

/// A run that has begun.
pub struct Case<'a> {
    order: &'a Order<'a>,
    began: Began,
    writer: Writer,
    fold: Fold<'a>,
    reads: Reads,
}

impl Case<'_> {
    /// Runs the plan's probes. `recorded` is told of entries once they are recorded.
    ///
    /// # Errors
    /// If the log takes no more. What was recorded is closed and signed all the same: the writer keeps room for that.
    pub fn probe(
        &mut self,
        secrets: &Secrets,
        stop: &Stop,
        recorded: &dyn Fn(&[Body]),
    ) -> Result<(), WriteError> {
        let Order { loaded, conditions, permitted, .. } = self.order;
        let until = crate::until::until(&loaded.plan, conditions);
        let maker = Maker::new(self.order.notes.as_ref(), self.writer.run());
        let runner = Runner {
            plan: &loaded.plan,
            began: self.began,
            allow: permitted.allow,
            only: permitted.only.as_deref(),
            secrets,
            wanted: &self.reads.wanted,
            timed: &self.reads.timed,
            until: &until,
            stop,
            observe: &Observers::new(&loaded.plan, secrets, self.began, permitted.allow, &maker),
            machines: &maker,
            run: self.writer.run(),
            crew: &Threads,
        };
        let one_trial = of_one_trial(&loaded.plan);
        let mut recorder = Recorder {
            began: self.began,
            writer: &self.writer,
            fold: &mut self.fold,
            needs: one_trial.as_ref().map(|plan| Needs::new(plan, conditions, self.began.at)),
            recorded,
            observed_self: self.began.at,
        };
        recorder.observe_self()?;
        runner.run(&mut recorder)?;
        recorder.observe_self()
    }

    /// Concludes, writes findings and report, and signs. `interrupted` says why it ended before its plan did.
    ///
    /// # Errors
    /// [`CaseError`] but for [`CaseError::Secrets`], [`CaseError::Shown`].
    pub fn close(self, interrupted: Option<Cause>) -> Result<Done, CaseError> {
        let Self { order, began, writer, fold, .. } = self;
        // By the clock that nobody sets, as all looks are placed: no look is after the end, and no end before the start.
        let lasted = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let ended = began.at.checked_add(jiff::SignedDuration::from_micros(lasted)).unwrap_or(began.at);
        let bundle = Bundle::open(order.bundle)?;
        let derived = fold.conclude(bundle.start(), interrupted.is_none());
        let exhibits = exhibits(&bundle, &derived.judgement)?;
        let done = Done { derived, interrupted, bundle, ended, exhibits };
        let (findings, report) = std::thread::scope(|scope| {
            let findings = scope.spawn(|| findings_json(&done.derived.judgement));
            let report = probity_report::html(&done.contents(&order.loaded.plan, KEPT_NAME));
            (findings.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), report)
        });
        writer.finish(&findings?, report.as_bytes(), ended, done.interrupted.clone())?;
        Ok(done)
    }
}

/// A run that was made.
pub struct Done {
    /// What was derived from it.
    pub derived: Derived,
    /// Why it ended before its plan did.
    pub interrupted: Option<Cause>,
    bundle: Bundle,
    ended: jiff::Timestamp,
    exhibits: Vec<(u64, Observation)>,
}

impl Done {
    /// What a report of it is made from. `name` is what the bundle is called in commands.
    pub fn contents<'d>(&'d self, plan: &'d Plan, name: &'d str) -> Contents<'d> {
        self.derived.contents(&Surroundings {
            bundle: name,
            plan,
            after_the_fact: false,
            start: self.bundle.start(),
            ended: Some((self.ended, self.interrupted.as_ref())),
            unsigned: 0,
            exhibits: &self.exhibits,
            verification: None,
            unacceptable: None,
        })
    }
}

/// What a plan's conditions read, which decides what its probes look up and when they run.
struct Reads {
    wanted: BTreeMap<String, FactSelection>,
    timed: BTreeSet<String>,
}

impl Reads {
    fn of(plan: &Plan, conditions: &Conditions) -> Self {
        let mut read = probity_verdict::facts_read(plan, conditions);
        let timed = probity_verdict::timed_probes(plan, &read);
        let wanted = plan.probes.iter().map(|probe| {
            let read = read.remove(&probe.name).unwrap_or_default();
            (probe.name.clone(), if probe.keep_all { FactSelection::All } else { FactSelection::Only(read) })
        });
        Self { wanted: wanted.collect(), timed }
    }
}
