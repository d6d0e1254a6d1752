//! `adopt`: objects of somebody else that stand where ours should are given our key, on demand. Nothing else of them is changed; the next
//! plan shows what would be.

use fabric_model::Quarantine;
use fabric_netbox::{Adoptable, AdoptionCandidate, AdoptionOutcome};

use super::{Failure, apply, harmless, one};
use crate::fabric::name_term;
use crate::home::Home;
use crate::record::name_run;
use crate::report::describe_difference;
use jiff::Timestamp;
use service_setup::say;

/// Lists candidates, and adopts those named; with `any_time` also while the fabric is paused or outside its windows.
///
/// # Errors
/// NetBox cannot be read, or one of them cannot be adopted.
pub async fn run(
    home: &Home,
    fabric: Option<&str>,
    objects: &[String],
    (all, any_time): (bool, bool),
) -> Result<(), Failure> {
    let (config, fabric) = one::find(home, fabric)?;
    let look = fabric.look().await;
    let snapshot = &look.reading.snapshot;
    let finding = fabric.find(snapshot, &look.inventory, &fabric.policy, &Quarantine::default());
    if let Some(list) = crate::report::unread_lists(&finding.comparison).first() {
        let text = format!("{} {} could not be read whole: {}", list.side, list.list, list.why);
        return Err(Failure::Failed(harmless(&text)));
    }
    let found = fabric.netbox.find_adoptable(&finding.comparison, &look.inventory).await;
    let found = found.map_err(|error| Failure::Failed(harmless(&error.to_string())))?;
    let Adoptable { candidates, others: not_adoptable, later } = found;
    let name = |candidate: &AdoptionCandidate| candidate.object.to_string();
    let unknown =
        objects.iter().find(|object| !candidates.iter().any(|candidate| name(candidate) == **object));
    if let Some(unknown) = unknown {
        return Err(Failure::Wrong(
            match not_adoptable.iter().find(|(object, _)| object.to_string() == *unknown) {
                Some((_, why)) => format!("`{unknown}` cannot be adopted: {}", harmless(&why.to_string())),
                None => format!("`{unknown}` is not in the list; `fabric-sync adopt` shows it"),
            },
        ));
    }
    let (chosen, others): (Vec<_>, Vec<_>) =
        candidates.iter().partition(|candidate| all || objects.contains(&name(candidate)));
    if candidates.is_empty() {
        say!("nothing to adopt: no object without our key stands where one of ours is missing");
    }
    for candidate in others {
        say!(
            "  {}  (NetBox: {}, number {})",
            harmless(&name(candidate)),
            harmless(&candidate.display),
            candidate.id
        );
        for difference in &candidate.differences {
            say!("      would then change  {}", harmless(&describe_difference(difference)));
        }
    }
    for (object, why) in &not_adoptable {
        say!("  not adoptable  {}: {}", harmless(&object.to_string()), harmless(&why.to_string()));
    }
    if later > 0 {
        say!("{later} more are looked for once what they belong to is there and ours");
    }
    if chosen.is_empty() {
        return Ok(());
    }
    apply::check_time(&fabric, any_time)?;
    let _lock = fabric.lock().map_err(|error| Failure::Failed(format!("nothing was written: {error}")))?;
    let mut history = one::history(&config, &fabric)?;
    let campaign = apply::lead(&fabric).await?;
    let adoption = adopt(&fabric, &chosen, &mut history, any_time).await;
    fabric.resign(campaign).await;
    adoption
}

async fn adopt(
    fabric: &crate::fabric::Fabric,
    chosen: &[&AdoptionCandidate],
    history: &mut crate::history::History,
    any_time: bool,
) -> Result<(), Failure> {
    let (run, term) = (name_run(Timestamp::now()), fabric.term());
    let failed = |error: crate::history::HistoryError| Failure::Failed(error.to_string());
    let mut left = 0;
    for candidate in chosen {
        let at = Timestamp::now();
        let record = |outcome: &str| crate::record::Record::Adopted {
            run: run.clone(),
            at,
            object: candidate.object.clone(),
            source: candidate.source.clone(),
            id: candidate.id,
            outcome: outcome.to_owned(),
            lease: term.clone(),
        };
        // Announced first: what cannot be recorded is not done.
        history.append(&record("begun")).map_err(failed)?;
        let message = format!("fabric-sync run {run} adopt{}", name_term(term.as_ref()));
        let permit = || fabric.permit(term.as_ref(), any_time);
        let outcome = match fabric.netbox.adopt(candidate, &message, &permit).await {
            Ok(AdoptionOutcome::Adopted) => "adopted".to_owned(),
            Ok(AdoptionOutcome::Stale) => "left: it was changed meanwhile, or bears a key already".to_owned(),
            Ok(AdoptionOutcome::MayNotWrite) => "left: this instance may not write any more".to_owned(),
            Err(error) => format!("left: {error}"),
        };
        left += usize::from(outcome != "adopted");
        history.append(&record(&outcome)).map_err(failed)?;
        say!("  {}: {}", harmless(&candidate.object.to_string()), harmless(&outcome));
    }
    match left {
        0 => Ok(()),
        left => Err(Failure::Failed(format!("{left} of {} were not adopted", chosen.len()))),
    }
}
