//! What could not be seen, what was not looked at, and what would let us see it.

use probity_plan::Barrier;

use super::plan::what_it_does;
use crate::contents::Contents;

/// Something that could not be seen.
pub(crate) struct Unseen {
    /// The probe.
    pub probe: String,
    /// The facts, by name.
    pub facts: Vec<String>,
    /// The barrier.
    pub barrier: Barrier,
    /// How many observations met it, at least: the most that any one claim met.
    pub times: u64,
    /// One detail, as recorded.
    pub detail: String,
    /// The claims that wanted to read it, with their place among the findings.
    pub claims: Vec<(usize, String)>,
    /// What would let us see it.
    pub remedy: String,
}

/// What could not be seen, by probe and barrier, in the order of claims.
pub(crate) fn unseen(contents: &Contents) -> Vec<Unseen> {
    let mut all: Vec<Unseen> = Vec::new();
    for (number, finding) in contents.judgement.findings.iter().enumerate() {
        for met in &finding.barriers {
            let known = all.iter_mut().find(|unseen| {
                unseen.probe == finding.of && unseen.barrier == met.barrier && unseen.detail == met.why()
            });
            let claim = (number, finding.claim.clone());
            if let Some(unseen) = known {
                unseen.times = unseen.times.max(met.times);
                if !unseen.facts.contains(&met.fact) {
                    unseen.facts.push(met.fact.clone());
                }
                if !unseen.claims.contains(&claim) {
                    unseen.claims.push(claim);
                }
            } else {
                all.push(Unseen {
                    probe: finding.of.clone(),
                    facts: vec![met.fact.clone()],
                    barrier: met.barrier,
                    times: met.times,
                    detail: met.why().into_owned(),
                    claims: vec![claim],
                    remedy: contents.plan.probe(&finding.of).map_or_else(String::new, |probe| {
                        sentence(&probity_verdict::wording::barrier::remedy(probe, met))
                    }),
                });
            }
        }
    }
    all
}

/// Why the operator's options kept a probe from being run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotMade {
    NotPermitted,
    LeftOut,
}

impl std::fmt::Display for NotMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotPermitted => "not permitted",
            Self::LeftOut => "left out by `--only`",
        })
    }
}

/// Probes that the operator did not allow or left out: name, impact, what they would have done, why not.
pub(crate) fn not_made(contents: &Contents) -> Vec<(String, &'static str, String, NotMade)> {
    if contents.after_the_fact {
        return Vec::new(); // The reader's plan did not run.
    }
    contents
        .plan
        .probes
        .iter()
        .filter_map(|probe| {
            let left_out = contents.start.only.as_ref().is_some_and(|only| !only.contains(&probe.name));
            let why = match (probe.impact > contents.start.allow, left_out) {
                (true, _) => NotMade::NotPermitted,
                (false, true) => NotMade::LeftOut,
                (false, false) => return None,
            };
            Some((probe.name.clone(), probe.impact.name(), what_it_does(probe), why))
        })
        .collect()
}

/// What would let us see past a barrier, as a sentence.
fn sentence(remedy: &str) -> String {
    let mut rest = remedy.chars();
    rest.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), rest.as_str()))
}
