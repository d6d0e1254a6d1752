//! Reading a bundle: its plan, its verification, and everything derived from it, recomputed in the same pass.

use std::collections::BTreeMap;
use std::path::Path;

use probity_evidence::verify::{Check, Status};
use probity_evidence::{Bundle, Key, Outcome, Reading, Signers, Start, Verification};
use probity_plan::{Loaded, Observation, Plan, Sources};
use probity_report::CheckOutcome;
use probity_verdict::{Finding, Judgement, Level};

use crate::derive::{Derived, Fold, Surroundings, findings_json};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::run::{KEPT_NAME, bundle_name, in_bundle, telling};

/// A bundle that was read and verified.
pub struct Read {
    /// The bundle.
    pub bundle: Bundle,
    /// Its name in commands.
    pub name: String,
    /// Its plan.
    pub loaded: Loaded,
    /// Its verification, with the checks of the recomputation.
    pub verification: Verification,
    /// What its own plan derives from its log.
    pub derived: Derived,
    /// What another plan derives from it.
    pub other: Option<Derived>,
    /// Whether plan, findings and report could all be made again and compared.
    pub recomputed: bool,
    /// The observations that a report shows in full.
    telling: Vec<(u64, Observation)>,
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
pub fn plan_of(bundle: &Bundle) -> Result<Loaded, Failure> {
    let files = InBundle(bundle.files().map_err(Failure::wrong)?);
    let overrides = inputs_of(bundle.start());
    probity_plan::load("plan.yaml", &files, &overrides).map_err(|errors| {
        Failure::wrong(format!("the plan in the bundle cannot be read by this version of Probity:\n{errors}"))
    })
}

/// The inputs given to the run.
pub fn inputs_of(start: &Start) -> BTreeMap<String, String> {
    let text = |value: &probity_plan::Value| value.as_text().unwrap_or_default().to_owned();
    start.inputs.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// Opens, verifies and recomputes. `other` is a plan of the reader's, made from the bundle's own.
pub fn read(
    path: &Path,
    signers: &Signers,
    other: impl FnOnce(&Plan) -> Result<Option<Plan>, Failure>,
) -> Result<(Read, Option<Plan>), Failure> {
    let bundle = Bundle::open(path).map_err(Failure::wrong)?;
    let loaded = plan_of(&bundle)?;
    let other = other(&loaded.plan)?;
    let started = bundle.start().started;
    let mut fold = Fold::new(&loaded.plan, started);
    let mut other_fold = other.as_ref().map(|plan| Fold::new(plan, started));
    let mut names = fold.reads();
    names.extend(other_fold.iter().flat_map(Fold::reads));
    let reading = Reading::Only(names);
    let mut verification = probity_evidence::verify_reading(path, signers, &reading, &mut |entry, body| {
        fold.take(entry, &body);
        if let Some(other) = &mut other_fold {
            other.take(entry, &body);
        }
    });
    let complete = verification.close.as_ref().is_some_and(|close| close.interrupted.is_none());
    let derived = fold.conclude(complete);
    let other_derived = other_fold.map(|fold| fold.conclude(complete));
    // Where bytes were altered nothing derived from them is compared or printed as evidence.
    let telling = match verification.outcome {
        Outcome::Altered => Vec::new(),
        _ => telling(&bundle, &loaded.plan, &other_derived.as_ref().unwrap_or(&derived).judgement)
            .map_err(Failure::wrong)?,
    };
    let mut read = Read {
        bundle,
        name: bundle_name(path),
        loaded,
        verification: verification.clone(),
        derived,
        other: other_derived,
        recomputed: true,
        telling,
    };
    if verification.outcome != Outcome::Altered {
        let checks = [
            ("the plan resolves as recorded", read.check_plan()),
            ("the plan is one that runs", read.check_rules()),
            ("the log holds what the plan asks for", read.check_asked()),
            ("the findings follow from the log", read.check_findings()?),
            ("the report follows from the log", read.check_report()),
        ];
        for (name, (status, detail)) in checks {
            match status {
                Status::Failed => verification.outcome = Outcome::Altered,
                Status::NotMade => read.recomputed = false,
                Status::Passed => {}
            }
            // The bundle's author chose some of the words.
            let detail = probity_report::visible(&detail).into_owned();
            verification.checks.push(Check { name, status, detail });
        }
        read.verification = verification;
    }
    Ok((read, other))
}

type Found = (Status, String);

impl Read {
    fn check_plan(&self) -> Found {
        let recomputed = probity_evidence::digest(self.loaded.resolved().as_bytes());
        let recorded = &self.bundle.start().resolved_sha256;
        if &recomputed == recorded {
            (Status::Passed, format!("SHA-256 {recorded}"))
        } else if self.other_version() {
            (Status::NotMade, format!("this is another version of Probity than made it ({})", self.version()))
        } else {
            (Status::Failed, format!("recorded as {recorded}, resolves to {recomputed}"))
        }
    }

    /// A plan that `run` refuses was not run, or not by this version.
    fn check_rules(&self) -> Found {
        let problems = probity_verdict::check(&self.loaded.plan);
        match problems.iter().find(|problem| problem.level == Level::Error) {
            None => (Status::Passed, "`plan check` finds no error in it".to_owned()),
            Some(problem) if self.other_version() => (
                Status::NotMade,
                format!("another version ({}) ran it; this one refuses: {problem}", self.version()),
            ),
            Some(problem) => (Status::Failed, format!("Probity refuses it: {problem}")),
        }
    }

    /// Trials beyond those planned, or of something else: invented, whoever signed them.
    fn check_asked(&self) -> Found {
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
        (!closed).then(|| (Status::NotMade, "the run did not come to its end".to_owned()))
    }

    fn check_findings(&self) -> Result<Found, Failure> {
        if let Some(found) = self.not_closed() {
            return Ok(found);
        }
        let recomputed = findings_json(&self.derived.judgement).map_err(Failure::failed)?;
        let kept = self.bundle.small_file("findings.json").map_err(Failure::wrong)?;
        if recomputed == kept {
            return Ok((Status::Passed, "findings.json, recomputed, has the same bytes".to_owned()));
        }
        if !self.other_version() && self.same_rules() {
            return Ok((Status::Failed, "findings.json is not what the log gives".to_owned()));
        }
        let (ours, rules) = (&self.derived.judgement, self.bundle.start().rules);
        let Ok(kept) = serde_json::from_slice::<Judgement>(&kept) else {
            return Ok((Status::Failed, "findings.json cannot be read".to_owned()));
        };
        let by =
            format!("made by rules {rules} in version {}, these are rules {}", self.version(), ours.rules);
        Ok(match same_decisions(&kept, ours) {
            true => {
                (Status::NotMade, format!("{by}: the decisions are the same, the sentences are not compared"))
            }
            // Rules say what is decided: the same ones decide the same, in every version.
            false if self.same_rules() => (
                Status::Failed,
                format!("findings.json decides otherwise than the log: {}", kept.verdict.label),
            ),
            false => {
                let (theirs, ours) = (&kept.verdict.label, &ours.verdict.label);
                (
                    Status::NotMade,
                    format!("recomputed differently: {by}; it says {theirs}, recomputed it is {ours}"),
                )
            }
        })
    }

    fn same_rules(&self) -> bool {
        self.bundle.start().rules == probity_verdict::RULES
    }

    fn check_report(&self) -> Found {
        if let Some(found) = self.not_closed() {
            return found;
        }
        if self.other_version() || !self.same_rules() {
            return (
                Status::NotMade,
                format!("reports of another version look different ({})", self.version()),
            );
        }
        let Ok(telling) = telling(&self.bundle, &self.loaded.plan, &self.derived.judgement) else {
            return (Status::NotMade, "the log could not be read again".to_owned());
        };
        let contents = self.derived.contents(&Surroundings {
            bundle: KEPT_NAME,
            telling: &telling,
            ..self.surroundings(&self.loaded.plan, &[], None)
        });
        match self.bundle.small_file("report.html") {
            Ok(kept) if kept == probity_report::html(&contents).as_bytes() => {
                (Status::Passed, "report.html, made again, has the same bytes".to_owned())
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

    fn surroundings<'a>(
        &'a self,
        plan: &'a Plan,
        telling: &'a [(u64, Observation)],
        verification: Option<&'a [probity_report::Check]>,
    ) -> Surroundings<'a> {
        Surroundings {
            bundle: &self.name,
            plan,
            after_the_fact: false,
            start: self.bundle.start(),
            ended: self.verification.close.as_ref().map(|close| (close.ended, close.interrupted.as_ref())),
            unsigned: self.verification.entries.saturating_sub(self.verification.signed),
            telling,
            verification,
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
        let plan = other.unwrap_or(&self.loaded.plan);
        let around = Surroundings {
            after_the_fact: other.is_some(),
            ..self.surroundings(plan, &self.telling, Some(&checks))
        };
        let derived = self.other.as_ref().filter(|_| other.is_some()).unwrap_or(&self.derived);
        crate::report::render(&derived.contents(&around), format, environment)
    }

    /// The status of its verification.
    pub fn exit(&self) -> Exit {
        match self.verification.outcome {
            Outcome::Intact => Exit::Fine,
            Outcome::Altered => Exit::Against,
            Outcome::Incomplete | Outcome::UnknownSigner => Exit::Open,
            Outcome::Newer | Outcome::NotABundle => Exit::Wrong,
        }
    }
}

/// Whether two judgements decide the same, whatever their sentences.
fn same_decisions(a: &Judgement, b: &Judgement) -> bool {
    let findings = |of: &Judgement| -> Vec<_> {
        let finding = |found: &Finding| {
            (found.claim.clone(), found.outcome, found.counts, found.bounds, found.rests_on)
        };
        of.findings.iter().map(finding).collect()
    };
    let scores = |of: &Judgement| -> Vec<_> {
        of.scores.iter().map(|score| (score.name.clone(), score.lower, score.upper)).collect()
    };
    let verdict =
        |of: &Judgement| (of.verdict.label.clone(), of.verdict.possible.clone(), of.verdict.accepted);
    findings(a) == findings(b) && scores(a) == scores(b) && verdict(a) == verdict(b)
}

/// A check as reports show it.
fn shown(check: &Check) -> probity_report::Check {
    probity_report::Check {
        what: check.name.to_owned(),
        outcome: match check.status {
            Status::Passed => CheckOutcome::Passed,
            Status::Failed => CheckOutcome::Failed,
            Status::NotMade => CheckOutcome::NotMade,
        },
        detail: check.detail.clone(),
    }
}
