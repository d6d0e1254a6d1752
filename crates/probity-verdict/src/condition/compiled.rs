//! The conditions of a plan, read once: check, judge, runner, plots and dry run take them by reference.

use probity_diagnostic::Diagnostic;
use probity_plan::{Condition, Plan};

use super::{Check, ConditionError, Scope, compile};

/// The conditions of one claim.
#[derive(Debug, Default)]
pub struct ClaimConditions {
    /// Its `where`.
    pub filter: Option<Result<Check, ConditionError>>,
    /// Its `check`; none of a claim of another form, and none where its probe, or the one it is held against, is missing.
    pub check: Option<Result<Check, ConditionError>>,
}

impl ClaimConditions {
    /// Its `check`, if it can be read.
    pub fn check(&self) -> Option<&Check> {
        self.check.as_ref()?.as_ref().ok()
    }

    /// Its `where`, if it can be read.
    pub fn filter(&self) -> Option<&Check> {
        self.filter.as_ref()?.as_ref().ok()
    }
}

/// The conditions of a plan.
#[derive(Debug, Default)]
pub struct Conditions {
    until: Vec<Option<Result<Check, ConditionError>>>,
    claims: Vec<ClaimConditions>,
}

impl Conditions {
    /// Reads them all.
    pub fn new(plan: &Plan) -> Self {
        let until = plan.probes.iter().map(|probe| {
            let until = probe.schedule.until.as_ref()?;
            Some(compile(&until.source, &Scope::of(probe), false))
        });
        let claims = plan.claims.iter().map(|claim| {
            let Some(probe) = plan.probe(&claim.of) else { return ClaimConditions::default() };
            let scope = Scope::of(probe);
            let read =
                |condition: &Condition, scope: &Scope| compile(&condition.source, scope, claim.empty_ok);
            let filter = claim.filter.as_ref().map(|filter| read(filter, &scope));
            let check = claim.form.check().and_then(|check| match claim.form.against() {
                Some(against) => plan.probe(against).map(|other| read(check, &scope.against(other))),
                None => Some(read(check, &scope)),
            });
            ClaimConditions { filter, check }
        });
        Self { until: until.collect(), claims: claims.collect() }
    }

    /// The `until` of a probe, by its place in the plan.
    pub fn until(&self, probe: usize) -> Option<&Result<Check, ConditionError>> {
        self.until.get(probe)?.as_ref()
    }

    /// The conditions of a claim, by its place in the plan.
    ///
    /// # Panics
    /// If the plan has no such claim.
    pub fn claim(&self, claim: usize) -> &ClaimConditions {
        &self.claims[claim]
    }

    /// Everything that cannot be read, at its place in the plan.
    pub fn errors(&self, plan: &Plan) -> Vec<Diagnostic> {
        let of_probes = plan.probes.iter().map(|probe| probe.schedule.until.as_ref()).zip(&self.until);
        let of_probes = of_probes.filter_map(|(condition, read)| Some((condition?, read.as_ref()?)));
        let of_claims = plan.claims.iter().zip(&self.claims).flat_map(|(claim, read)| {
            [(claim.filter.as_ref(), read.filter.as_ref()), (claim.form.check(), read.check.as_ref())]
        });
        let of_claims = of_claims.filter_map(|(condition, read)| Some((condition?, read?)));
        of_probes
            .chain(of_claims)
            .filter_map(|(condition, read)| {
                let error = read.as_ref().err()?;
                let span = (error.offset, error.length);
                Some(crate::place::diagnose(condition, span, error.message(), error.remedy()))
            })
            .collect()
    }
}
