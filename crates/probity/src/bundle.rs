//! Reading a bundle: its plan, its verification, and everything derived from it, recomputed in the same pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use probity_diagnostic::Level;
use probity_evidence::verify::{Check, Status};
use probity_evidence::{
    Bundle, CheckId, Declared, Key, Outcome, Reading, Signers, Verification, verify_bundle,
};
use probity_plan::{Loaded, Observation, Plan, Sources};
use probity_report::{CheckOutcome, Unacceptable};
use probity_verdict::Conditions;
use probity_verdict::judgement::Decisions;

use crate::derive::{Derived, Fold, Permitted, Surroundings, findings_json};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::ReadProgress;
use crate::run::{KEPT_NAME, bundle_name, exhibits, in_bundle};

/// A bundle that was read, verified and recomputed.
pub struct Recomputed {
    /// The bundle.
    pub bundle: Bundle,
    /// Its name in commands.
    pub name: String,
    /// Its plan.
    pub loaded: Loaded,
    /// Its conditions.
    pub conditions: Conditions,
    /// Its verification, with the checks of the recomputation.
    pub verification: Verification,
    /// What its own plan derives from its log.
    pub derived: Derived,
    /// What another plan derives from it.
    pub other: Option<Derived>,
    /// The observations that a report shows in full.
    exhibits: Vec<(u64, Observation)>,
}

/// A bundle that could not be recomputed.
pub enum Unread {
    /// The call is wrong.
    Call(Failure),
    /// It is none, or its plan cannot be loaded: what its bytes alone say.
    Bundle {
        /// The checks that could be made.
        verification: Box<Verification>,
        /// Why its plan cannot be loaded, if it has one.
        plan: Option<String>,
    },
}

impl Unread {
    /// The message and the status of a command that needs the bundle.
    pub fn failure(self, path: &Path) -> Failure {
        let (verification, plan) = match self {
            Self::Call(failure) => return failure,
            Self::Bundle { verification, plan } => (verification, plan),
        };
        let exit = Exit::of_verification(verification.outcome, false);
        let found = verification.checks.iter().find(|check| check.status == Status::Failed);
        let message = match (verification.outcome, plan, found) {
            (Outcome::NotABundle | Outcome::Newer, _, Some(check)) => check.detail.clone(),
            (Outcome::Altered, ..) => altered(path),
            (_, Some(plan), _) => format!("Not acceptable evidence: {plan}"),
            _ => format!("{} cannot be read; see `probity verify {0}`", path.display()),
        };
        Failure { message, exit }
    }
}

/// What is said in place of anything derived from altered bytes.
fn altered(path: &Path) -> String {
    let why = probity_report::unacceptable(Unacceptable::Altered);
    format!("{why} See `probity verify {}`", path.display())
}

/// What has to be the same when it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Findings and report, byte by byte.
    All,
    /// What was decided: another version may say otherwise why, and the report is not looked at.
    Decisions,
}

/// Whose signatures count: those in the file, and the reader's own.
pub fn signers(file: Option<&Path>, environment: &Environment) -> Result<Signers, Failure> {
    let listed = match file {
        Some(path) => Signers::load(path).map_err(Failure::wrong)?,
        None => Signers::none(),
    };
    // The reader's own key, if there is one; reading makes none.
    let own = environment.configuration().ok().and_then(|folder| Key::load(&folder.join("key.pub")).ok());
    Ok(match own {
        Some(key) => listed.with_own(&key.public()),
        None => listed,
    })
}

/// The files of a plan as a bundle holds them.
struct InBundle(BTreeMap<String, Vec<u8>>);

impl Sources for InBundle {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.get(&in_bundle(path)).cloned().ok_or_else(|| format!("{path}: not in the bundle"))
    }
}

/// The plan of a bundle, loaded from the bundle's own copies with the inputs that its log names.
fn plan_of(bundle: &Bundle) -> Result<Loaded, String> {
    let files = InBundle(bundle.files().map_err(|error| error.to_string())?);
    probity_plan::load("plan.yaml", &files, &bundle.start().inputs).map_err(|errors| {
        format!("the plan in the bundle cannot be read by this version of Probity:\n{errors}")
    })
}

/// Opens, verifies and recomputes. `other` is a plan of the reader's, made from the bundle's own.
pub fn read(
    path: &Path,
    signers: &Signers,
    compare: Compare,
    other: impl FnOnce(&Plan) -> Result<Option<Plan>, Failure>,
) -> Result<(Recomputed, Option<Plan>), Unread> {
    let unread = |verification, plan| Unread::Bundle { verification: Box::new(verification), plan };
    let bundle = Bundle::open(path).map_err(|error| unread(Verification::unopened(&error), None))?;
    let progress = ReadProgress::of(&bundle);
    let count = |bytes| progress.read(bytes);
    let bytes = || verify_bundle(&bundle, signers, &Reading::All, &count, &mut |_, _| ());
    let loaded = plan_of(&bundle).map_err(|why| unread(bytes(), Some(why)))?;
    // That the bundle is altered comes before what is wrong with the call.
    let other = other(&loaded.plan).map_err(|failure| match bytes() {
        verification if verification.outcome == Outcome::Altered => unread(verification, None),
        _ => Unread::Call(failure),
    })?;
    let permitted = Permitted::of(bundle.start());
    let started = bundle.start().started;
    let conditions = Conditions::new(&loaded.plan);
    let mut fold = Fold::new(&loaded.plan, &conditions, started, permitted.clone());
    let other_conditions = other.as_ref().map(Conditions::new);
    let mut other_fold = other
        .as_ref()
        .zip(other_conditions.as_ref())
        .map(|(plan, conditions)| Fold::new(plan, conditions, started, permitted));
    let mut names = fold.reads();
    names.extend(other_fold.iter().flat_map(Fold::reads));
    let reading = Reading::Only(names);
    let verification = verify_bundle(&bundle, signers, &reading, &count, &mut |entry, body| {
        fold.take(entry, &body);
        if let Some(other) = &mut other_fold {
            other.take(entry, &body);
        }
    });
    let complete = verification.close.as_ref().is_some_and(|close| close.interrupted.is_none());
    let mut read = Recomputed {
        name: bundle_name(path),
        derived: fold.conclude(complete),
        other: other_fold.map(|fold| fold.conclude(complete)),
        bundle,
        loaded,
        conditions,
        verification,
        exhibits: Vec::new(),
    };
    // Where bytes were altered nothing derived from them is compared or printed as evidence.
    if read.verification.outcome != Outcome::Altered {
        read.compare(compare);
        let shown = read.other.as_ref().unwrap_or(&read.derived);
        read.exhibits =
            exhibits(&read.bundle, &shown.judgement).map_err(|error| Unread::Call(Failure::failed(error)))?;
    }
    Ok((read, other))
}

type Found = (Status, String);

impl Recomputed {
    /// Makes again what is derived, and lists how it compares.
    fn compare(&mut self, compare: Compare) {
        let checks = [
            (CheckId::Resolves, self.check_plan()),
            (CheckId::Runs, self.check_rules()),
            (CheckId::Asked, self.check_asked()),
            (CheckId::FindingsFollow, self.check_findings(compare)),
            (CheckId::ReportFollows, self.check_report(compare)),
        ];
        for (id, (status, detail)) in checks {
            if status == Status::Failed {
                self.verification.outcome = Outcome::Altered;
            }
            // The bundle's author chose some of the words.
            let detail = probity_report::visible(&detail).into_owned();
            self.verification.checks.push(Check { id, status, detail });
        }
    }

    /// Whether everything that `compare` asks for was made again and is the same, and nothing is said of its times that
    /// cannot be.
    pub fn is_compared(&self, compare: Compare) -> bool {
        use CheckId::{Asked, FindingsFollow, ReportFollows, Resolves, Runs, Times};
        let report = (compare == Compare::All).then_some(ReportFollows);
        [Times, Resolves, Runs, Asked, FindingsFollow].into_iter().chain(report).all(|id| self.passed(id))
    }

    fn passed(&self, id: CheckId) -> bool {
        self.verification.check(id).is_some_and(|check| check.status == Status::Passed)
    }

    /// Why what it holds is not evidence that the reader accepts.
    pub fn unacceptable(&self) -> Option<Unacceptable> {
        match self.verification.outcome {
            Outcome::Altered | Outcome::Newer | Outcome::NotABundle => Some(Unacceptable::Altered),
            Outcome::Incomplete(gap) => Some(Unacceptable::Incomplete(gap)),
            Outcome::UnknownSigner => Some(Unacceptable::UnknownSigner),
            Outcome::Intact => [CheckId::Resolves, CheckId::Runs, CheckId::Asked]
                .into_iter()
                .find(|id| !self.passed(*id))
                .map(Unacceptable::NotCompared),
        }
    }

    /// Refuses to render anything from bytes that are not those that were signed.
    pub fn refuse_altered(&self, path: &Path) -> Result<(), Failure> {
        match self.unacceptable() {
            Some(Unacceptable::Altered) => Err(Failure { message: altered(path), exit: Exit::Against }),
            _ => Ok(()),
        }
    }

    /// The status of a command whose own would be `result`: that of the bundle comes before.
    pub fn exit(&self, result: Exit) -> Exit {
        match self.unacceptable() {
            None => result,
            Some(Unacceptable::Altered) => Exit::Against,
            Some(_) => Exit::Open,
        }
    }

    /// The title, the files and the resolved text of the plan are those of the first entry.
    fn check_plan(&self) -> Found {
        let start = self.bundle.start();
        if start.plan != self.loaded.plan.title {
            let title = format!(
                "the first entry calls it `{}`, it calls itself `{}`",
                start.plan, self.loaded.plan.title
            );
            return (Status::Failed, title);
        }
        let used: BTreeSet<String> = self.loaded.files.keys().map(|name| in_bundle(name)).collect();
        if let Some(unused) = start.files.keys().find(|name| !used.contains(*name)) {
            return (
                Status::Failed,
                format!("it does not use {unused}, which the first entry names as its file"),
            );
        }
        let declared = Declared::of(&self.loaded.plan);
        if declared.probes != start.declared.probes || !self.other_version() && declared != start.declared {
            let what =
                "the first entry declares other kinds of probes, or other facts of theirs, than it has";
            return (Status::Failed, what.to_owned());
        }
        let recomputed = probity_evidence::digest(self.loaded.resolved().as_bytes());
        let recorded = &start.resolved_sha256;
        if &recomputed == recorded {
            (Status::Passed, format!("SHA-256 {recorded}"))
        } else if self.other_version() {
            let by = format!("another version of Probity made it ({})", self.version());
            (
                Status::NotMade,
                format!("{by}: recorded as {recorded}, by this one it resolves to {recomputed}"),
            )
        } else {
            (Status::Failed, format!("recorded as {recorded}, resolves to {recomputed}"))
        }
    }

    /// A plan that `run` refuses was not run, or not by this version.
    fn check_rules(&self) -> Found {
        let problems = probity_verdict::check(&self.loaded.plan, &self.conditions);
        match problems.iter().find(|problem| problem.level == Level::Error) {
            None => (Status::Passed, "`plan check` finds no error in it".to_owned()),
            Some(problem) if self.other_version() => (
                Status::NotMade,
                format!("another version ({}) ran it; this one refuses: {problem}", self.version()),
            ),
            Some(problem) => (Status::Failed, format!("Probity refuses it: {problem}")),
        }
    }

    /// Trials beyond those planned, of something else, or of what was not permitted: invented, whoever signed them.
    fn check_asked(&self) -> Found {
        let start = self.bundle.start();
        if let Some(unknown) = start.only.iter().flatten().find(|name| self.loaded.plan.probe(name).is_none())
        {
            return (
                Status::Failed,
                format!("it was restricted to {unknown}, which is no probe of the plan"),
            );
        }
        if let Some((entry, why)) = &self.derived.unpermitted {
            return (Status::Failed, format!("entry {entry}: {why}"));
        }
        match self.derived.unasked {
            None => (Status::Passed, "each observation is one that a run of the plan yields".to_owned()),
            Some((1, first)) => (Status::Failed, format!("no run of the plan yields entry {first}")),
            Some((count, first)) => (
                Status::Failed,
                format!("no run of the plan yields {count} of the observations, the first in entry {first}"),
            ),
        }
    }

    fn not_closed(&self) -> Option<Found> {
        let closed = self.verification.close.is_some();
        (!closed).then(|| (Status::NotMade, "no checkpoint covers a closing entry".to_owned()))
    }

    fn check_findings(&self, compare: Compare) -> Found {
        if let Some(found) = self.not_closed() {
            return found;
        }
        let (ours, rules) = (&self.derived.judgement, self.bundle.start().rules);
        if rules == 0 || !self.other_version() && !self.same_rules() {
            let these = format!("version {} has rules {}", env!("CARGO_PKG_VERSION"), ours.rules);
            return (Status::Failed, format!("the first entry says that rules {rules} decided; {these}"));
        }
        let recomputed = match findings_json(ours) {
            Ok(recomputed) => recomputed,
            Err(error) => return (Status::NotMade, error.to_string()),
        };
        let kept = match self.bundle.small_file("findings.json") {
            Ok(kept) => kept,
            Err(error) => return (Status::Failed, error.to_string()),
        };
        if recomputed == kept {
            return (Status::Passed, "findings.json, recomputed, has the same bytes".to_owned());
        }
        if !self.other_version() {
            return (Status::Failed, "findings.json is not what the log gives".to_owned());
        }
        let (Some(kept), Some(made)) = (Decisions::read(&kept), Decisions::read(&recomputed)) else {
            return (Status::Failed, "findings.json cannot be read".to_owned());
        };
        let by =
            format!("made by rules {rules} in version {}, these are rules {}", self.version(), ours.rules);
        match (kept == made, self.same_rules()) {
            (true, same_rules) => {
                let enough = same_rules && compare == Compare::Decisions;
                (
                    if enough { Status::Passed } else { Status::NotMade },
                    format!("{by}: the decisions are the same, why they are so is not compared"),
                )
            }
            // Rules say what is decided: the same ones decide the same, in every version.
            (false, true) => {
                (Status::Failed, format!("findings.json decides otherwise than the log: {}", kept.label()))
            }
            (false, false) => {
                let (theirs, ours) = (&kept.label(), &ours.verdict.label);
                (
                    Status::NotMade,
                    format!("recomputed differently: {by}; it says {theirs}, recomputed it is {ours}"),
                )
            }
        }
    }

    fn same_rules(&self) -> bool {
        self.bundle.start().rules == probity_verdict::RULES
    }

    fn check_report(&self, compare: Compare) -> Found {
        if compare == Compare::Decisions {
            return (Status::NotMade, "report.html was not checked (--without-report)".to_owned());
        }
        if let Some(found) = self.not_closed() {
            return found;
        }
        let exhibits = match exhibits(&self.bundle, &self.derived.judgement) {
            Ok(exhibits) => exhibits,
            Err(error) => return (Status::NotMade, format!("the log could not be read again: {error}")),
        };
        let contents = self.derived.contents(&Surroundings {
            bundle: KEPT_NAME,
            exhibits: &exhibits,
            ..self.surroundings(&self.loaded.plan)
        });
        match self.bundle.small_file("report.html") {
            Ok(kept) if kept == probity_report::html(&contents).as_bytes() => {
                (Status::Passed, "report.html, made again, has the same bytes".to_owned())
            }
            Ok(_) if self.other_version() => {
                (Status::NotMade, format!("reports of another version look different ({})", self.version()))
            }
            Ok(_) => (Status::Failed, "report.html is not what the log gives".to_owned()),
            Err(error) => (Status::Failed, error.to_string()),
        }
    }

    fn version(&self) -> &str {
        &self.bundle.start().observer.version
    }

    fn other_version(&self) -> bool {
        self.version() != env!("CARGO_PKG_VERSION")
    }

    fn surroundings<'a>(&'a self, plan: &'a Plan) -> Surroundings<'a> {
        Surroundings {
            bundle: &self.name,
            plan,
            after_the_fact: false,
            start: self.bundle.start(),
            ended: self.verification.close.as_ref().map(|close| (close.ended, close.interrupted.as_ref())),
            unsigned: self.verification.entries.saturating_sub(self.verification.signed),
            exhibits: &[],
            verification: None,
            unacceptable: None,
        }
    }

    /// Renders the report by its own plan, or by the reader's.
    pub fn render(
        &self,
        other: Option<&Plan>,
        format: crate::cli::ReportFormat,
        environment: &Environment,
    ) -> String {
        let checks: Vec<probity_report::Check> = self.verification.checks.iter().map(shown).collect();
        let around = Surroundings {
            after_the_fact: other.is_some(),
            exhibits: &self.exhibits,
            verification: Some(&checks),
            unacceptable: self.unacceptable(),
            ..self.surroundings(other.unwrap_or(&self.loaded.plan))
        };
        let derived = self.other.as_ref().filter(|_| other.is_some()).unwrap_or(&self.derived);
        crate::report::render(&derived.contents(&around), format, environment)
    }
}

/// A check as reports show it.
fn shown(check: &Check) -> probity_report::Check {
    probity_report::Check {
        what: check.id.name().to_owned(),
        outcome: match check.status {
            Status::Passed => CheckOutcome::Passed,
            Status::Failed => CheckOutcome::Failed,
            Status::NotMade => CheckOutcome::NotMade,
        },
        detail: check.detail.clone(),
    }
}
