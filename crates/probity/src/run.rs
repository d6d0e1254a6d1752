//! `run`: plan, probes, evidence, verdict, report, in this order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use probity_evidence::bundle::ReadError;
use probity_evidence::declared::Undeclared;
use probity_evidence::entry::{Body, Event, Identity, Observer};
use probity_evidence::writer::WriteError;
use probity_evidence::{Bundle, Declared, Key, Ledger, Opening, Writer};
use probity_plan::{Blocked, Cause, Happening, Impact, Loaded, Observation, Plan};
use probity_probe::{Began, Runner, Secrets, Sink, Stop, Wanted, observer};
use probity_report::Contents;
use probity_verdict::{Conditions, Finding, Judge, Judgement, Outcome};

use crate::cli::{HowArgs, Output, RunArgs, SigningArgs};
use crate::derive::{Derived, Fold, Permitted, Surroundings, findings_json};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Progress;
use crate::{conditions, dry_run, plan, terminal};

/// How often the observer's own condition is recorded.
const OBSERVE_SELF: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// `run`.
pub fn run(args: &RunArgs, environment: &Environment) -> Result<Exit, Failure> {
    let loaded = plan::load(&args.plan.plan, &args.plan.inputs)?;
    let conditions = Conditions::new(&loaded.plan);
    let checked = || {
        plan::refuse_unworkable(&loaded, &conditions)?;
        known_probes(&loaded.plan, &args.how.only)
    };
    let Some(output) = args.output.as_deref().filter(|_| !args.dry_run) else {
        checked()?;
        terminal::print(&dry_run::describe(
            &loaded.plan,
            &conditions,
            args.how.allow.into(),
            &args.how.only,
        ))?;
        return Ok(Exit::Fine);
    };
    let inputs = args.plan.inputs.iter().cloned().collect();
    let order =
        Order { loaded: &loaded, conditions: &conditions, inputs, output, how: &args.how, reproduces: None };
    let done = std::thread::scope(|scope| {
        // The log begins with its digest: made while the plan is checked.
        scope.spawn(|| loaded.resolved());
        checked()?;
        order.carry_out(environment)
    })?;
    done.print(&args.how)?;
    Ok(done.exit())
}

/// Refuses names in `--only` that the plan does not have.
pub fn known_probes(plan: &Plan, only: &[String]) -> Result<(), Failure> {
    match only.iter().find(|name| plan.probe(name).is_none()) {
        None => Ok(()),
        Some(unknown) => {
            let names: Vec<&str> = plan.probes.iter().map(|probe| probe.name.as_str()).collect();
            Err(Failure::wrong(format!(
                "--only {unknown}: the plan has no such probe; it has {}",
                names.join(", ")
            )))
        }
    }
}

/// A run that was asked for.
pub struct Order<'a> {
    /// The plan.
    pub loaded: &'a Loaded,
    /// Its conditions.
    pub conditions: &'a Conditions,
    /// The inputs given on the command line.
    pub inputs: BTreeMap<String, String>,
    /// The bundle to make.
    pub output: &'a Path,
    /// How to run.
    pub how: &'a HowArgs,
    /// The root hash of the bundle that is reproduced.
    pub reproduces: Option<String>,
}

/// A run that was made.
pub struct Done {
    /// What was derived from it.
    pub derived: Derived,
    /// Why it ended before its plan did.
    pub interrupted: Option<Cause>,
    /// The verdict and why, for a terminal.
    text: String,
    /// The same for programs.
    judgement: serde_json::Value,
    bundle: PathBuf,
}

impl Done {
    /// Prints the verdict and where everything is.
    pub fn print(&self, how: &HowArgs) -> Result<(), Failure> {
        let bundle = self.bundle.display();
        let text = match how.format {
            Output::Json => serde_json::json!({
                "bundle": self.bundle,
                "interrupted": self.interrupted,
                "judgement": self.judgement,
            })
            .to_string(),
            Output::Text => format!("{}\nReport  {bundle}/report.html\nBundle  {bundle}", self.text),
        };
        terminal::print(&text).map_err(|failure| Failure {
            message: format!("{}\nThe bundle was made all the same: {bundle}", failure.message),
            ..failure
        })
    }

    /// The verdict's status, or that it was interrupted.
    pub fn exit(&self) -> Exit {
        match self.interrupted {
            Some(_) => Exit::Failed,
            None => Exit::of(self.derived.judgement.verdict.accepted),
        }
    }
}

impl Order<'_> {
    /// Makes the run.
    pub fn carry_out(&self, environment: &Environment) -> Result<Done, Failure> {
        let plan = &self.loaded.plan;
        let secrets = Secrets::read(plan, |name| environment.get(name))
            .map_err(|all| Failure::wrong(all.join("\n")))?;
        self.refuse_shown(&secrets)?;
        // A key in a pipe and a ledger that another run holds are waited for; nothing has begun, so that any signal ends it.
        let (key, ledger) = self.signing(environment)?;
        let stop = Stop::default();
        let signals = crate::interrupt::watch(&stop).map_err(|e| Failure::failed(format!("signals: {e}")))?;
        if let Some(limit) = self.how.limit {
            let (stop, limit) = (stop.clone(), limit);
            std::thread::spawn(move || {
                std::thread::sleep(limit.0);
                stop.request(Cause::TimeLimit { limit });
            });
        }
        let began = Began::now();
        let started = began.at;
        let (writer, fold, reads) = std::thread::scope(|scope| {
            let writer = scope.spawn(|| self.open(started, key, ledger));
            let (fold, reads) = (
                Fold::new(plan, self.conditions, started, self.permitted()),
                Reads::of(plan, self.conditions),
            );
            let writer = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            writer.map(|writer| (writer, fold, reads))
        })?;
        let progress = Progress::new(plan);
        let mut recorder = Recorder {
            plan,
            conditions: self.conditions,
            began,
            writer,
            fold,
            progress,
            observed_self: started,
        };
        let outcome = self.probe(&reads, &mut recorder, &secrets, &stop);
        recorder.progress.finish();
        signals.end_at_once();
        match outcome {
            Ok(()) => self.close(recorder, stop.reason(), environment),
            // What was recorded is closed and signed all the same: the writer keeps room for that on the disk.
            Err(error) => {
                let error = error.to_string();
                let kept = format!("{error}\nWhat was recorded until then is in {}", self.output.display());
                terminal::complain(&kept);
                self.close(recorder, Some(Cause::Failed { detail: error }), environment)
            }
        }
    }

    /// Plan, inputs and challenge are kept as they are: nothing in them can be masked.
    fn refuse_shown(&self, secrets: &Secrets) -> Result<(), Failure> {
        let files =
            self.loaded.files.iter().map(|(name, bytes)| (name.clone(), String::from_utf8_lossy(bytes)));
        let inputs = self.inputs.iter().map(|(name, value)| (format!("--input {name}"), value.into()));
        let challenge = self.how.signing.challenge.iter().map(|text| ("--challenge".to_owned(), text.into()));
        let mut shown = files.chain(inputs).chain(challenge).filter(|(_, text)| secrets.mask(text) != **text);
        match shown.next() {
            None => Ok(()),
            Some((place, _)) => Err(Failure::wrong(format!(
                "the value of a secret also stands in {place}, which the bundle keeps as it is; take it out there, or \
                 choose a secret that is no common word"
            ))),
        }
    }

    fn permitted(&self) -> Permitted {
        let HowArgs { allow, only, .. } = self.how;
        Permitted { allow: (*allow).into(), only: (!only.is_empty()).then(|| only.clone()) }
    }

    /// The operator's key and ledger.
    fn signing(&self, environment: &Environment) -> Result<(Key, Ledger), Failure> {
        let SigningArgs { key, ledger, .. } = &self.how.signing;
        let key = match key {
            Some(path) => Key::load(path),
            None => Key::default_at(&environment.configuration().map_err(Failure::wrong)?),
        };
        let key = key.map_err(Failure::of)?;
        let ledger = match ledger {
            Some(path) => path.clone(),
            None => environment.state().map_err(Failure::wrong)?.join("ledger"),
        };
        Ok((key, Ledger::open(&ledger).map_err(Failure::of)?))
    }

    fn open(&self, started: jiff::Timestamp, key: Key, ledger: Ledger) -> Result<Writer, Failure> {
        let Permitted { allow, only } = self.permitted();
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
            allow,
            only,
            challenge: self.how.signing.challenge.clone(),
            ledger: ledger.head_before(),
            reproduces: self.reproduces.clone(),
            observer: Identity { version: env!("CARGO_PKG_VERSION").to_owned(), host, user, system },
        };
        let max_size = self.how.max_size.saturating_mul(1 << 20);
        let writer = Writer::create(self.output, opening, key, max_size).map_err(Failure::of)?;
        // A run counts in the ledger before any probe acts, so that one that was broken off leaves a gap that shows. The
        // line is with the kernel then, and on the disk with the first checkpoint after: a power cut before leaves none.
        let ledger = ledger
            .append(started, writer.run(), &self.loaded.plan.title, &resolved_sha256)
            .map_err(Failure::failed)?;
        writer.also_sync(ledger);
        Ok(writer)
    }

    fn probe(
        &self,
        reads: &Reads,
        recorder: &mut Recorder<'_>,
        secrets: &Secrets,
        stop: &Stop,
    ) -> Result<(), WriteError> {
        let plan = &self.loaded.plan;
        let only = (!self.how.only.is_empty()).then_some(self.how.only.as_slice());
        let until = conditions::until(plan, self.conditions);
        let runner = Runner {
            plan,
            began: recorder.began,
            allow: Impact::from(self.how.allow),
            only,
            secrets,
            wanted: &reads.wanted,
            timed: &reads.timed,
            until: &until,
            stop,
            memories: Default::default(),
        };
        recorder.observe_self()?;
        runner.run(recorder)?;
        recorder.observe_self()
    }

    fn close(
        &self,
        recorder: Recorder<'_>,
        interrupted: Option<Cause>,
        environment: &Environment,
    ) -> Result<Done, Failure> {
        let Recorder { writer, fold, began, .. } = recorder;
        // By the clock that nobody sets, as all looks are placed: no look is after the end, and no end before the start.
        let lasted = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let ended = began.at.checked_add(jiff::SignedDuration::from_micros(lasted)).unwrap_or(began.at);
        let derived = fold.conclude(interrupted.is_none());
        let bundle = Bundle::open(self.output).map_err(Failure::failed)?;
        let exhibits = exhibits(&bundle, &derived.judgement).map_err(Failure::failed)?;
        let name = bundle_name(self.output);
        let contents = derived.contents(&Surroundings {
            bundle: &name,
            plan: &self.loaded.plan,
            after_the_fact: false,
            start: bundle.start(),
            ended: Some((ended, interrupted.as_ref())),
            unsigned: 0,
            exhibits: &exhibits,
            verification: None,
            unacceptable: None,
        });
        let text =
            probity_report::terminal(&contents, terminal::colour(environment), terminal::width(environment));
        let report = probity_report::html(&Contents { bundle: KEPT_NAME, ..contents });
        let findings = findings_json(&derived.judgement).map_err(Failure::failed)?;
        writer.finish(&findings, report.as_bytes(), ended, interrupted.clone()).map_err(Failure::failed)?;
        let judgement = probity_verdict::wording::judgement(&self.loaded.plan, &derived.judgement);
        Ok(Done { derived, interrupted, text, judgement, bundle: self.output.to_owned() })
    }
}

/// What a plan's conditions read, which decides what its probes look up and when they run.
struct Reads {
    wanted: BTreeMap<String, Wanted>,
    timed: BTreeSet<String>,
}

impl Reads {
    fn of(plan: &Plan, conditions: &Conditions) -> Self {
        let mut read = probity_verdict::facts_read(plan, conditions);
        let timed = probity_verdict::timed_probes(plan, &read);
        let wanted = plan.probes.iter().map(|probe| {
            let read = read.remove(&probe.name).unwrap_or_default();
            (probe.name.clone(), if probe.keep_all { Wanted::All } else { Wanted::Only(read) })
        });
        Self { wanted: wanted.collect(), timed }
    }
}

/// Where a run's observations go: into the log, then into what is derived, then onto the screen.
struct Recorder<'p> {
    plan: &'p Plan,
    conditions: &'p Conditions,
    began: Began,
    writer: Writer,
    fold: Fold<'p>,
    progress: Progress,
    observed_self: jiff::Timestamp,
}

impl Recorder<'_> {
    fn append(&mut self, body: &Body) -> Result<(), WriteError> {
        let entry = self.writer.append(body)?;
        self.fold.take(entry, body);
        Ok(())
    }

    fn observe_self(&mut self) -> Result<(), WriteError> {
        let seen = observer::condition();
        self.observed_self = observer::now();
        self.append(&Body::Observer(Observer {
            id: 0,
            at: observer::now(),
            offset_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            boot: observer::boot(),
            facts: seen.facts,
            unknown: seen.unknown,
        }))
    }

    /// An observation that the log refuses is recorded as the barrier it met there: before the one fact that is not what its
    /// kind declares, or else before all of them.
    fn append_one(&mut self, mut observation: Observation) -> Result<(), WriteError> {
        loop {
            let body = Body::Observation(observation.clone());
            let error = match self.writer.append(&body) {
                Ok(entry) => {
                    self.fold.take(entry, &body);
                    return Ok(());
                }
                Err(error) => error,
            };
            let Some(blocked) = error.barrier() else { return Err(error) };
            match error {
                WriteError::Undeclared(Undeclared::Type(fact, _)) => {
                    observation.facts.remove(&fact);
                    observation.unknown.insert(fact, blocked);
                }
                _ => {
                    observation.facts.clear();
                    observation.artifacts.clear();
                    observation.excerpts.clear();
                    observation.unknown = BTreeMap::from([("*".to_owned(), blocked)]);
                    return self.append(&Body::Observation(observation));
                }
            }
        }
    }
}

impl Sink for Recorder<'_> {
    type Error = WriteError;

    fn record(&mut self, observations: Vec<Observation>) -> Result<(), WriteError> {
        let bodies: Vec<Body> = observations.into_iter().map(Body::Observation).collect();
        match self.writer.append_all(&bodies) {
            Ok(first) => (first..).zip(&bodies).for_each(|(entry, body)| self.fold.take(entry, body)),
            Err(error) if error.barrier().is_some() => {
                for body in &bodies {
                    if let Body::Observation(observation) = body {
                        self.append_one(observation.clone())?;
                    }
                }
            }
            Err(error) => return Err(error),
        }
        self.progress.recorded(&bodies);
        if observer::now().duration_since(self.observed_self) >= OBSERVE_SELF {
            self.observe_self()?;
        }
        Ok(())
    }

    fn artifact(&mut self, bytes: &[u8]) -> Result<Result<String, Blocked>, WriteError> {
        match self.writer.artifact(bytes) {
            Ok(sha256) => Ok(Ok(sha256)),
            Err(error) => error.barrier().map(Err).ok_or(error),
        }
    }

    fn event(&mut self, what: Happening) -> Result<(), WriteError> {
        self.append(&Body::Event(Event { at: observer::now(), what }))
    }

    fn holds(&mut self, claim: &str) -> Result<bool, WriteError> {
        // Judged anew from the log: rare, and no second state to keep.
        let findings = || -> Result<_, ReadError> {
            let mut judge = Judge::new(self.plan, self.conditions, self.began.at);
            for entry in Bundle::open(self.writer.path())?.entries()? {
                let entry = entry?;
                if let Body::Observation(observation) = entry.body {
                    judge.observe(entry.entry, &observation);
                }
            }
            Ok(judge.findings(false))
        };
        let holds = |finding: &Finding| finding.claim == claim && finding.outcome == Outcome::Holds;
        let findings = findings().map_err(|error| WriteError::Unreadable(Box::new(error)))?;
        Ok(findings.iter().any(holds))
    }
}

/// The observations that a report shows in full.
pub fn exhibits(bundle: &Bundle, judgement: &Judgement) -> Result<Vec<(u64, Observation)>, ReadError> {
    let wanted = probity_report::wanted_entries(judgement);
    let exhibits = bundle.entries_at(&wanted)?.into_iter().filter_map(|entry| match entry.body {
        Body::Observation(observation) => Some((entry.entry, observation)),
        _ => None,
    });
    Ok(exhibits.collect())
}

/// What the report that is kept in a bundle calls it: whoever keeps the bundle may rename it, and the report must still
/// follow from the log.
pub const KEPT_NAME: &str = "BUNDLE";

/// What a bundle is called in the commands that a report prints.
pub fn bundle_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The name a plan's file has in a bundle.
pub fn in_bundle(name: &str) -> String {
    if name == "plan.yaml" { name.to_owned() } else { format!("includes/{name}") }
}
