//! Reading a bundle: its plan, its verification, and everything derived from it, recomputed in the same pass.

use std::collections::{BTreeMap, BTreeSet};

use probity_diagnostic::Level;
use probity_evidence::verify::{Check, Found, MadeBy, Objection, Obstacle, Shown, Status};
use probity_evidence::{
    Bundle, CheckId, Declared, Outcome, ReadError, Reading, Signers, Verification, verify_bundle,
};
use probity_plan::{Loaded, Observation, Plan, Sources};
use probity_report::{Contents, Unacceptable};
use probity_verdict::Conditions;
use probity_verdict::judgement::Decisions;

use crate::fold::{Derived, Fold, Permitted, Surroundings, findings_json};
use crate::{KEPT_NAME, exhibits, in_bundle};

/// A bundle that was read, verified and recomputed.
pub struct Recomputed {
    /// The bundle.
    pub bundle: Bundle,
    /// Its plan.
    pub loaded: Loaded,
    /// Its conditions.
    pub conditions: Conditions,
    /// Its verification, with the checks of the recomputation.
    pub verification: Verification,
    /// What its own plan derives from its log.
    pub derived: Derived,
    /// A plan of the reader's, and what that derives from it.
    pub other: Option<(Plan, Derived)>,
    /// The observations that a report shows in full: by the reader's plan, if there is one.
    exhibits: Vec<(u64, Observation)>,
}

/// A bundle that could not be recomputed. `E`: why the reader's plan cannot be had.
pub enum Unread<E> {
    /// The reader's plan cannot be had.
    Plan(E),
    /// Its log cannot be read again.
    Read(ReadError),
    /// It is none, or its plan cannot be loaded: what its bytes alone say.
    Bundle {
        /// The checks that could be made.
        verification: Box<Verification>,
        /// Why its plan cannot be loaded, if it has one.
        plan: Option<String>,
    },
}

impl<E> Unread<E> {
    /// Of what could not even be opened.
    pub fn unopened(error: &ReadError) -> Self {
        Self::bytes(Verification::unopened(error), None)
    }

    fn bytes(verification: Verification, plan: Option<String>) -> Self {
        Self::Bundle { verification: Box::new(verification), plan }
    }
}

/// What has to be the same when it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Findings and report, byte by byte.
    All,
    /// What was decided: another version may say otherwise why, and the report is not looked at.
    Decisions,
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

/// Verifies and recomputes. `read` is told of bytes as they are read, from several threads. `other` is a plan of the reader's with
/// its conditions, made from the bundle's own.
///
/// # Errors
/// [`Unread`].
pub fn recompute<E>(
    bundle: Bundle,
    signers: &Signers,
    compare: Compare,
    read: &(dyn Fn(u64) + Sync),
    other: impl FnOnce(&Plan) -> Result<Option<(Plan, Conditions)>, E>,
) -> Result<Recomputed, Unread<E>> {
    let bytes = || verify_bundle(&bundle, signers, &Reading::All, read, &mut |_, _| ());
    let loaded = plan_of(&bundle).map_err(|why| Unread::bytes(bytes(), Some(why)))?;
    // That the bundle is altered comes before what is wrong with the call.
    let other = other(&loaded.plan).map_err(|error| match bytes() {
        verification if verification.outcome == Outcome::Altered => Unread::bytes(verification, None),
        _ => Unread::Plan(error),
    })?;
    let permitted = Permitted::of(bundle.start());
    let started = bundle.start().started;
    let conditions = Conditions::new(&loaded.plan);
    let mut fold = Fold::new(&loaded.plan, &conditions, started, permitted.clone());
    let mut other_fold =
        other.as_ref().map(|(plan, conditions)| Fold::new(plan, conditions, started, permitted));
    let mut names = fold.reads();
    names.extend(other_fold.iter().flat_map(Fold::reads));
    let reading = Reading::Only(names);
    let verification = verify_bundle(&bundle, signers, &reading, read, &mut |entry, body| {
        fold.take(entry, &body);
        if let Some(other) = &mut other_fold {
            other.take(entry, &body);
        }
    });
    let complete = verification.close.as_ref().is_some_and(|close| close.interrupted.is_none());
    let derived = fold.conclude(bundle.start(), complete);
    let other_derived = other_fold.map(|fold| fold.conclude(bundle.start(), complete));
    let mut recomputed = Recomputed {
        derived,
        other: other.zip(other_derived).map(|((plan, _), derived)| (plan, derived)),
        bundle,
        loaded,
        conditions,
        verification,
        exhibits: Vec::new(),
    };
    // Where bytes were altered nothing derived from them is compared or printed as evidence.
    if recomputed.verification.outcome != Outcome::Altered {
        let own = exhibits(&recomputed.bundle, &recomputed.derived.judgement).map_err(Unread::Read)?;
        recomputed.exhibits = own;
        recomputed.compare(compare);
        if let Some((_, derived)) = &recomputed.other {
            recomputed.exhibits = exhibits(&recomputed.bundle, &derived.judgement).map_err(Unread::Read)?;
        }
    }
    Ok(recomputed)
}

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
        for (id, found) in checks {
            if found.status() == Status::Failed {
                self.verification.outcome = Outcome::Altered;
            }
            self.verification.checks.push(Check::of(id, found));
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
        self.verification.check(id).is_some_and(|check| check.status() == Status::Passed)
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

    /// The title, the files and the resolved text of the plan are those of the first entry.
    fn check_plan(&self) -> Found {
        let start = self.bundle.start();
        if start.plan != self.loaded.plan.title {
            let (recorded, own) = (start.plan.clone(), self.loaded.plan.title.clone());
            return Objection::OtherTitle { recorded, own }.into();
        }
        let used: BTreeSet<String> = self.loaded.files.keys().map(|name| in_bundle(name)).collect();
        if let Some(unused) = start.files.keys().find(|name| !used.contains(*name)) {
            return Objection::UnusedFile { file: unused.clone() }.into();
        }
        let declared = Declared::of(&self.loaded.plan);
        if declared.probes != start.declared.probes || !self.other_version() && declared != start.declared {
            return Objection::OtherDeclarations.into();
        }
        let resolved = probity_evidence::digest(self.loaded.resolved().as_bytes());
        let recorded = start.resolved_sha256.clone();
        match (resolved == recorded, self.other_version()) {
            (true, _) => Shown::PlanResolves { sha256: recorded }.into(),
            (false, true) => {
                Obstacle::ResolvesOtherwise { version: self.version().to_owned(), recorded, resolved }.into()
            }
            (false, false) => Objection::ResolvesOtherwise { recorded, resolved }.into(),
        }
    }

    /// A plan that `run` refuses was not run, or not by this version.
    fn check_rules(&self) -> Found {
        let problems = probity_verdict::check(&self.loaded.plan, &self.conditions);
        match problems.iter().find(|problem| problem.level == Level::Error) {
            None => Shown::PlanRuns.into(),
            Some(problem) => {
                let (problem, version) = (problem.to_string(), self.version().to_owned());
                match self.other_version() {
                    true => Obstacle::PlanRefused { version, problem }.into(),
                    false => Objection::PlanRefused { problem }.into(),
                }
            }
        }
    }

    /// Trials beyond those planned, of something else, or of what was not permitted: invented, whoever signed them.
    fn check_asked(&self) -> Found {
        let start = self.bundle.start();
        if let Some(unknown) = start.only.iter().flatten().find(|name| self.loaded.plan.probe(name).is_none())
        {
            return Objection::RestrictedToNoProbe { probe: unknown.clone() }.into();
        }
        if let Some((entry, why)) = &self.derived.unpermitted {
            return Objection::NotPermitted { entry: *entry, why: why.to_string() }.into();
        }
        match self.derived.unasked {
            None => Shown::ObservationsPlanned.into(),
            Some((count, first)) => Objection::NotPlanned { count, first }.into(),
        }
    }

    fn not_closed(&self) -> Option<Found> {
        let closed = self.verification.close.is_some();
        (!closed).then(|| Obstacle::NotClosed.into())
    }

    fn check_findings(&self, compare: Compare) -> Found {
        if let Some(found) = self.not_closed() {
            return found;
        }
        let (ours, rules) = (&self.derived.judgement, self.bundle.start().rules);
        if rules == 0 || !self.other_version() && !self.same_rules() {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            return Objection::OtherRules { recorded: rules, version, own: ours.rules }.into();
        }
        let recomputed = match findings_json(ours) {
            Ok(recomputed) => recomputed,
            Err(error) => return Obstacle::FindingsNotMade { error: error.to_string() }.into(),
        };
        let kept = match self.bundle.small_file("findings.json") {
            Ok(kept) => kept,
            Err(error) => return Objection::FileUnreadable { error: error.to_string() }.into(),
        };
        if recomputed == kept {
            return Shown::FindingsSame.into();
        }
        if !self.other_version() {
            return Objection::OtherFindings.into();
        }
        let (Some(kept), Some(again)) = (Decisions::read(&kept), Decisions::read(&recomputed)) else {
            return Objection::NoFindings.into();
        };
        let made = MadeBy { rules, version: self.version().to_owned(), own_rules: ours.rules };
        match (kept == again, self.same_rules()) {
            (true, true) if compare == Compare::Decisions => Shown::DecisionsSame { made }.into(),
            (true, _) => Obstacle::ReasonsNotCompared { made }.into(),
            // Rules say what is decided: the same ones decide the same, in every version.
            (false, true) => Objection::OtherDecisions { recorded: kept.label().to_owned() }.into(),
            (false, false) => {
                let (recorded, recomputed) = (kept.label().to_owned(), ours.verdict.label.clone());
                Obstacle::OtherRulesDecide { made, recorded, recomputed }.into()
            }
        }
    }

    fn same_rules(&self) -> bool {
        self.bundle.start().rules == probity_verdict::RULES
    }

    fn check_report(&self, compare: Compare) -> Found {
        if compare == Compare::Decisions {
            return Obstacle::ReportNotAsked.into();
        }
        if let Some(found) = self.not_closed() {
            return found;
        }
        let contents = self.derived.contents(&Surroundings {
            exhibits: &self.exhibits,
            ..self.surroundings(KEPT_NAME, &self.loaded.plan)
        });
        match self.bundle.small_file("report.html") {
            Ok(kept) if kept == probity_report::html(&contents).as_bytes() => Shown::ReportSame.into(),
            Ok(_) if self.other_version() => {
                Obstacle::ReportOfAnotherVersion { version: self.version().to_owned() }.into()
            }
            Ok(_) => Objection::OtherReport.into(),
            Err(error) => Objection::FileUnreadable { error: error.to_string() }.into(),
        }
    }

    fn version(&self) -> &str {
        &self.bundle.start().observer.version
    }

    fn other_version(&self) -> bool {
        self.version() != env!("CARGO_PKG_VERSION")
    }

    fn surroundings<'a>(&'a self, name: &'a str, plan: &'a Plan) -> Surroundings<'a> {
        Surroundings {
            bundle: name,
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

    /// What a report is made from: by the reader's plan if there is one, else by its own. `name` is what the bundle is called
    /// in commands.
    pub fn contents<'a>(&'a self, name: &'a str) -> Contents<'a> {
        let (plan, derived) = match &self.other {
            Some((plan, derived)) => (plan, derived),
            None => (&self.loaded.plan, &self.derived),
        };
        derived.contents(&Surroundings {
            after_the_fact: self.other.is_some(),
            exhibits: &self.exhibits,
            verification: Some(&self.verification.checks),
            unacceptable: self.unacceptable(),
            ..self.surroundings(name, plan)
        })
    }
}
