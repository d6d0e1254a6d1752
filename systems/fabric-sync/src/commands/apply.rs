//! `apply PLAN`: exactly that plan, or a refusal. Both sides are read again; if they would give another plan, nothing is written.

use std::path::Path;
use std::time::{Duration, Instant};

use fabric_kubernetes::Role;
use fabric_model::Policy;
use jiff::Timestamp;
use service_setup::say;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, because, harmless, one, plan};
use crate::campaign::Campaign;
use crate::fabric::{Fabric, Finding, Terms, Written};
use crate::home::Home;
use crate::record::{Trigger, name_run};

/// Applies the plan in that file; with `any_time` also while the fabric is paused or outside its windows.
///
/// # Errors
/// It is refused, or not all of it was written.
pub async fn run(home: &Home, path: &Path, any_time: bool) -> Result<(), Failure> {
    let wanted = plan::read(path)?;
    let (config, fabric) = one::find(home, Some(wanted.fabric.as_str()))?;
    check_time(&fabric, any_time)?;
    let mut history = one::history(&config, &fabric)?;
    let stop = CancellationToken::new();
    let mut term = signal(SignalKind::terminate()).map_err(because("signals"))?;
    let mut int = signal(SignalKind::interrupt()).map_err(because("signals"))?;
    let listening = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        listening.cancel();
    });
    let mut look = fabric.look().await;
    let mut quarantine = fabric.unanswered_before();
    let find = |confirmed| {
        let policy = Policy { confirmed, ..fabric.policy.clone() };
        fabric.find(&look.reading.snapshot, &look.inventory, &policy, &quarantine)
    };
    // Whether deletions were confirmed when it was made stands in no place but its changes.
    let found = [find(false), find(true)].into_iter().find(|finding| finding.plan.digest == wanted.digest);
    let Some(Finding { comparison, plan }) = found else {
        let now = find(false);
        return Err(Failure::Failed(format!(
            "refused, nothing was written: since this plan was made something changed (it has {} changes; now there would be {}). \
             Look at the new one: fabric-sync plan --fabric {} -o {}",
            wanted.changes.len(),
            now.plan.changes.len(),
            fabric.name(),
            path.display()
        )));
    };
    if plan.is_empty() {
        say!("nothing to write");
        return Ok(());
    }
    let finding = Finding { comparison, plan };
    let campaign = lead(&fabric).await?;
    let run = name_run(look.begun);
    let kept = (&mut history, &mut String::new());
    let written = match fabric.record((&run, Trigger::Apply), &look, &finding, None, kept) {
        Err(why) => Err(why),
        Ok(()) => {
            let run = (run.as_str(), Trigger::Apply);
            let terms = Terms { stop: &stop, any_time, is_outdated: &|| false };
            fabric
                .write(
                    &finding.plan,
                    run,
                    (&mut look.inventory, &mut quarantine),
                    &mut history,
                    terms,
                    |_| {},
                )
                .await
        }
    };
    fabric.resign(campaign).await;
    let written = written.map_err(|why| Failure::Failed(format!("nothing was written: {why}")))?;
    tell(&fabric, &written, finding.plan.changes.len(), look.begun)
}

/// Whether the configuration lets anybody write now.
///
/// # Errors
/// The fabric is paused or outside its windows, and `any_time` was not said.
pub fn check_time(fabric: &Fabric, any_time: bool) -> Result<(), Failure> {
    match fabric.held_back(Timestamp::now()).filter(|_| !any_time) {
        None => Ok(()),
        Some(why) => {
            Err(Failure::Failed(format!("nothing was written: {why}. To write all the same: --now")))
        }
    }
}

/// Gets the lease, if there is one to be had.
///
/// # Errors
/// Another instance leads, or nobody can.
pub async fn lead(fabric: &Fabric) -> Result<Option<Campaign>, Failure> {
    let Some((leader, settings)) = &fabric.leader else { return Ok(None) };
    let until = Instant::now() + settings.duration * 2;
    let campaign = fabric.campaign();
    while !leader.may_write() {
        if Instant::now() >= until {
            fabric.resign(campaign).await;
            return Err(Failure::Failed(match leader.role() {
                Role::Follower { holder } => format!(
                    "nothing was written: {holder} leads. Stop it for as long as this takes (systemctl stop fabric-sync), and start it again after"
                ),
                Role::Leader | Role::Vacant | Role::Unknown { .. } => format!(
                    "nothing was written: the lease {}/{} could not be had within {} s: {:?}",
                    settings.namespace,
                    settings.name,
                    (settings.duration * 2).as_secs(),
                    leader.role()
                ),
            }));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(campaign)
}

/// Prints how it went.
fn tell(fabric: &Fabric, written: &Written, changes: usize, begun: Timestamp) -> Result<(), Failure> {
    for write in written.writes.iter().filter(|write| write.detail.is_some()) {
        let detail = write.detail.as_deref().unwrap_or_default();
        say!("  {:<8} {}: {}", write.outcome.name(), harmless(&write.object.to_string()), harmless(detail));
    }
    let seconds = Timestamp::now().duration_since(begun).as_secs();
    say!(
        "{}: run {}, {} of {changes} changes written, {} refused, {} open, in {seconds} s",
        fabric.name(),
        written.run,
        written.written,
        written.refused,
        written.open
    );
    match &written.stopped {
        Some(why) => Err(Failure::Failed(format!("stopped before the end: {}", harmless(why)))),
        None if written.written == changes => Ok(()),
        None => Err(Failure::Failed(format!(
            "{} of {changes} changes were not written",
            changes - written.written
        ))),
    }
}
