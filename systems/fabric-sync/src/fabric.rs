//! One fabric with both its ends: looking, comparing, planning, writing with everything recorded. The loop is `worker`'s matter, arguments
//! and exit statuses are `commands`'.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fabric_kubernetes::{Leader, LeaseSettings, Reading, Source, Term};
use fabric_model::plan::{QuarantineCause, QuarantineEntry};
use fabric_model::{
    Action, Change, Comparison, Desired, FabricName, Identity, Inventory, Plan, Policy, Quarantine, Snapshot,
    SourceRef, map_fabric,
};
use fabric_netbox::{Applied, NetBox, Outcome, Permit, RunOptions};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::campaign::Campaign;
use crate::config;
use crate::history::{History, HistoryError};
use crate::home::Home;
use crate::lock::{Lock, LockError};
use crate::record::{self, MAX_WRITES, Record, RunEnding, Trigger, Write, WriteOutcome};
use crate::refusals;
use crate::standstill::{Standstill, by_configuration, held_back};

/// One fabric.
pub struct Fabric {
    /// What the configuration says of it.
    pub config: config::Fabric,
    /// Its name and site.
    pub identity: fabric_model::Fabric,
    /// Kubernetes.
    pub source: Arc<Source>,
    /// NetBox.
    pub netbox: NetBox,
    /// What the lease says; none where no lease is configured.
    pub leader: Option<(Leader, LeaseSettings)>,
    /// What stands before a deletion.
    pub policy: Policy,
    /// This instance's name.
    pub instance: String,
    home: Home,
    pause: BTreeSet<SourceRef>,
}

/// Both sides as they were read.
pub struct Look {
    /// Kubernetes' side.
    pub reading: Reading,
    /// NetBox' side.
    pub inventory: Inventory,
    /// When reading began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

/// What a look came to.
pub struct Finding {
    /// Object by object.
    pub comparison: Comparison,
    /// What is to be written.
    pub plan: Plan,
}

/// What a run needs to go on from write to write, beside leadership.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Told to stop, it begins no other write.
    pub stop: &'a CancellationToken,
    /// Whether it goes on while the configuration says paused, or outside the windows.
    pub any_time: bool,
    /// Asked before each mark and deletion: whether something happened at the source since the plan was made.
    pub is_outdated: &'a (dyn Fn() -> bool + Sync),
}

/// How writing a plan went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Its run.
    pub run: String,
    /// Changes that NetBox made.
    pub written: usize,
    /// Changes that it refused.
    pub refused: usize,
    /// Changes that were not tried, or of which nothing is known.
    pub open: usize,
    /// Why it ended before its end, if so.
    pub stopped: Option<String>,
    /// Each write.
    pub writes: Vec<Write>,
    /// Whether NetBox was read anew afterwards, as more than what was written may have changed with it.
    pub read_anew: bool,
}

impl Written {
    /// How it ended, in one word.
    #[must_use]
    pub fn ending(&self) -> RunEnding {
        match (&self.stopped, self.written, self.refused + self.open) {
            (Some(_), _, _) => RunEnding::Stopped,
            (None, _, 0) => RunEnding::Whole,
            (None, 0, _) => RunEnding::Failed,
            (None, _, _) => RunEnding::Partial,
        }
    }
}

impl Fabric {
    /// Puts a fabric's parts together; asks nobody yet.
    ///
    /// # Errors
    /// What cannot be as the configuration says.
    pub fn new(
        config: &config::Fabric,
        netbox: &NetBox,
        home: &Home,
        instance: &str,
    ) -> Result<Self, String> {
        let name = FabricName::new(&config.name).map_err(|error| error.to_string())?;
        let pause = config.pause.iter().map(|text| text.parse::<SourceRef>());
        let pause = pause.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let source = Source::new(config.access(), config.scope(), config.kubernetes.deadline.duration());
        let leader = config.lease.as_ref().zip(config.lease_place()).map(|(lease, (namespace, name))| {
            let settings = LeaseSettings {
                namespace: namespace.to_owned(),
                name,
                identity: instance.to_owned(),
                duration: lease.duration.duration(),
            };
            (Leader::new(), settings)
        });
        Ok(Fabric {
            identity: fabric_model::Fabric { name, site: config.site.clone() },
            source: Arc::new(source),
            netbox: netbox.clone(),
            leader,
            policy: config.policy(),
            instance: instance.to_owned(),
            home: home.clone(),
            pause,
            config: config.clone(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Opens its history.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn history(&self, key_file: Option<PathBuf>) -> Result<History, HistoryError> {
        History::open(&self.home.history(self.name()), key_file)
    }

    /// Makes this process the only one on this machine that writes for it.
    ///
    /// # Errors
    /// Another one does.
    pub fn lock(&self) -> Result<Lock, LockError> {
        Lock::take(&self.home.lock(self.name()))
    }

    /// What NetBox refused before this process was started.
    #[must_use]
    pub fn refused_before(&self) -> Quarantine {
        refusals::load(&self.home.quarantine(self.name()))
    }

    /// Keeps what NetBox refused for the next process, beside creations of other processes that NetBox may still carry out.
    pub fn keep_refused(&self, quarantine: &Quarantine) {
        let (before, now) = (self.refused_before(), Timestamp::now());
        let others = unanswered(&before).filter(|(_, entry)| entry.is_waiting(now));
        let kept = others.chain(entries(quarantine)).collect();
        refusals::save(&self.home.quarantine(self.name()), &kept);
    }

    /// The creations that were not answered, of whatever process on this machine: they alone bind a command too.
    #[must_use]
    pub fn unanswered_before(&self) -> Quarantine {
        unanswered(&self.refused_before()).collect()
    }

    /// Keeps the creations of `quarantine` that were not answered, beside what is kept already.
    fn keep_unanswered(&self, quarantine: &Quarantine) {
        let before = self.refused_before();
        let kept: Quarantine = entries(&before).chain(unanswered(quarantine)).collect();
        if kept != before {
            refusals::save(&self.home.quarantine(self.name()), &kept);
        }
    }

    /// Takes into `quarantine` the creations of `plan` that another process sent since it was made, and NetBox may still carry out.
    ///
    /// # Errors
    /// There are some: both would succeed.
    fn check_unanswered(&self, plan: &Plan, quarantine: &mut Quarantine) -> Result<(), Standstill> {
        let (before, now) = (self.unanswered_before(), Timestamp::now());
        let held = |change: &Change| Some((change.object.clone(), before.hold(change, now)?.clone()));
        let sent: Vec<_> = plan.changes.iter().filter_map(held).collect();
        let Some((object, entry)) = sent.first() else { return Ok(()) };
        let detail = format!(
            "another process sent the creation of {object}, which was not answered and may still be carried out until {}",
            entry.until
        );
        *quarantine = entries(quarantine).chain(sent).collect();
        Err(Standstill::Lock { detail })
    }

    /// Reads both sides, at the same time.
    pub fn look(&self) -> impl Future<Output = Look> + Send + use<> {
        let (source, netbox, name) =
            (Arc::clone(&self.source), self.netbox.clone(), self.identity.name.clone());
        async move {
            let begun = Timestamp::now();
            let (reading, inventory) = tokio::join!(source.read(), netbox.read_inventory(&name));
            Look { reading, inventory, begun, ended: Timestamp::now() }
        }
    }

    /// Compares and plans.
    #[must_use]
    pub fn find(
        &self,
        snapshot: &Snapshot,
        inventory: &Inventory,
        policy: &Policy,
        quarantine: &Quarantine,
    ) -> Finding {
        let mut desired = map_fabric(&self.identity, snapshot);
        desired.paused.extend(self.pause.iter().cloned());
        self.compare(desired, snapshot, inventory, policy, quarantine)
    }

    /// Compares and plans anew what was `found` of the same snapshot, with what NetBox holds now.
    #[must_use]
    pub fn find_again(
        &self,
        found: Finding,
        snapshot: &Snapshot,
        inventory: &Inventory,
        policy: &Policy,
        quarantine: &Quarantine,
    ) -> Finding {
        self.compare(found.comparison.desired, snapshot, inventory, policy, quarantine)
    }

    fn compare(
        &self,
        desired: Desired,
        snapshot: &Snapshot,
        inventory: &Inventory,
        policy: &Policy,
        quarantine: &Quarantine,
    ) -> Finding {
        let comparison = Comparison::new(desired, snapshot, inventory);
        let now = Timestamp::now();
        let plan = Plan::new(&self.identity.name, &comparison, inventory, policy, quarantine, now);
        Finding { comparison, plan }
    }

    /// Whether a write may begin, as far as leadership goes.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.leader.as_ref().is_none_or(|(leader, _)| leader.may_write())
    }

    /// The term of the lease in which this instance leads now; none where it does not, or no lease is configured.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        self.leader.as_ref().and_then(|(leader, settings)| leader.term(settings))
    }

    /// Leave to send a write of a run that began in `term`, now: the lease's and, unless it may be sent at `any_time`, the configuration's.
    #[must_use]
    pub fn permit(&self, term: Option<&Term>, any_time: bool) -> Permit {
        if !any_time && self.held_back(Timestamp::now()).is_some() {
            return Permit::Denied;
        }
        let Some((leader, _)) = &self.leader else { return Permit::Granted };
        let time = term.and_then(|term| leader.time_for_a_write(term.transitions));
        time.map_or(Permit::Denied, Permit::GrantedFor)
    }

    /// Takes part in the election, if there is one, until [`Fabric::resign`].
    #[must_use]
    pub fn campaign(&self) -> Option<Campaign> {
        let (leader, settings) = self.leader.clone()?;
        Some(Campaign::start(leader, Arc::clone(&self.source), settings))
    }

    /// Takes part no more, and gives the lease back.
    pub async fn resign(&self, campaign: Option<Campaign>) {
        if let (Some(campaign), Some((leader, settings))) = (campaign, &self.leader) {
            campaign.end().await;
            leader.resign(&self.source, settings).await;
        }
    }

    /// Why the configuration lets nobody write at `now`, not even by hand, if so.
    #[must_use]
    pub fn held_back(&self, now: Timestamp) -> Option<Standstill> {
        held_back(&self.config, now)
    }

    /// Why nothing may be written at `now`, if so.
    #[must_use]
    pub fn standstill(&self, now: Timestamp) -> Option<Standstill> {
        if let Some(standstill) = by_configuration(&self.config, now) {
            return Some(standstill);
        }
        let (leader, _) = self.leader.as_ref()?;
        match leader.role() {
            fabric_kubernetes::Role::Leader => None,
            fabric_kubernetes::Role::Follower { holder } => Some(Standstill::Follower { holder }),
            fabric_kubernetes::Role::Vacant => Some(Standstill::Vacant),
            fabric_kubernetes::Role::Unknown { reason } => Some(Standstill::LeaseUnknown { detail: reason }),
        }
    }

    /// Writes a plan, as the only process on this machine. Each write is recorded; once one cannot be recorded, no other begins. `terms` are
    /// looked at before every write, beside leadership; `on_write` hears of each write when it has ended. Creations that are not answered are
    /// kept for other processes before one of them can write.
    ///
    /// # Errors
    /// Why nothing was begun.
    pub async fn write(
        &self,
        plan: &Plan,
        (run, trigger): (&str, Trigger),
        (inventory, quarantine): (&mut Inventory, &mut Quarantine),
        history: &mut History,
        terms: Terms<'_>,
        mut on_write: impl FnMut(&Written) + Send,
    ) -> Result<Written, Standstill> {
        let _lock = self.lock().map_err(|error| Standstill::Lock { detail: error.to_string() })?;
        self.check_unanswered(plan, quarantine)?;
        let term = self.term();
        let began = Record::Began {
            run: run.to_owned(),
            at: Timestamp::now(),
            trigger,
            plan: plan.digest.clone(),
            changes: plan.changes.len(),
            by: self.instance.clone(),
            lease: term.clone(),
        };
        history.append(&began).map_err(|error| unrecorded(&error))?;
        let head = history.head().get(..16).unwrap_or_default().to_owned();
        let message = format!(
            "fabric-sync run {run} plan {} history {head}{}",
            plan.digest.get(..16).unwrap_or_default(),
            name_term(term.as_ref())
        );
        let recorded = AtomicBool::new(true);
        let goes_on = || recorded.load(Ordering::Relaxed) && !terms.stop.is_cancelled();
        let permit = || if goes_on() { self.permit(term.as_ref(), terms.any_time) } else { Permit::Denied };
        let mut written = Written { run: run.to_owned(), ..Written::default() };
        let mut pending: Vec<Write> = Vec::new();
        let mut failure: Option<HistoryError> = None;
        let mut keep = |pending: &mut Vec<Write>| {
            let writes = std::mem::take(pending);
            if !writes.is_empty()
                && let Err(error) = history.append(&Record::Wrote { run: run.to_owned(), writes })
            {
                recorded.store(false, Ordering::Relaxed);
                failure.get_or_insert(error);
            }
        };
        let now = Timestamp::now();
        let options =
            RunOptions { message: &message, now, may_write: &permit, is_outdated: terms.is_outdated };
        let mut on_outcome = |change: &Change, outcome: &Outcome| {
            let write = Write::new(change, outcome);
            *match write.outcome {
                WriteOutcome::Written => &mut written.written,
                WriteOutcome::Refused => &mut written.refused,
                WriteOutcome::Open => &mut written.open,
            } += 1;
            if *outcome == Outcome::MayNotWrite {
                written.stopped.get_or_insert_with(|| {
                    let held_back = self.held_back(Timestamp::now()).filter(|_| !terms.any_time);
                    held_back.map_or("this instance may not write any more".into(), |why| why.to_string())
                });
            }
            pending.push(write.clone());
            written.writes.push(write);
            on_write(&written);
            if pending.len() >= MAX_WRITES {
                keep(&mut pending);
            }
        };
        let applied = self.netbox.apply(plan, inventory, &options, &mut on_outcome).await;
        keep(&mut pending);
        applied.record(plan, quarantine, Timestamp::now());
        self.keep_unanswered(quarantine);
        if let Some(error) = failure {
            written.stopped = Some(format!("the history cannot be kept: {error}"));
        }
        let ended = Record::Ended {
            run: run.to_owned(),
            at: Timestamp::now(),
            written: written.written,
            refused: written.refused,
            open: written.open,
            stopped: written.stopped.clone(),
            ending: Some(written.ending()),
        };
        if let Err(error) = history.append(&ended) {
            written.stopped = Some(format!("the history cannot be kept: {error}"));
        }
        // Who stops needs it no more, and others wait for the lease.
        tokio::select! {
            biased;
            () = terms.stop.cancelled() => {}
            read_anew = self.bring_up_to_date(inventory, plan, applied) => written.read_anew = read_anew,
        }
        Ok(written)
    }

    /// NetBox's side as it is after `plan` was applied. Updates that all went well are what NetBox answered; creations and deletions
    /// change other objects too, so then it is read anew: whether it was.
    async fn bring_up_to_date(&self, inventory: &mut Inventory, plan: &Plan, applied: Applied) -> bool {
        let only_updates = plan.changes.iter().all(|change| matches!(change.action, Action::Update { .. }));
        let read_anew = !only_updates || !applied.is_complete();
        if read_anew {
            *inventory = self.netbox.read_inventory(&self.identity.name).await;
        } else {
            applied.updated.into_iter().for_each(|object| inventory.put(object));
        }
        read_anew
    }

    /// Records a look. `known` is the digest of what the run before read.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn record(
        &self,
        run: (&str, Trigger),
        look: &Look,
        finding: &Finding,
        standstill: Option<Standstill>,
        (history, known): (&mut History, &mut String),
    ) -> Result<(), Standstill> {
        let sides = (&look.reading.snapshot, &look.inventory);
        let found = (&finding.comparison, &finding.plan);
        let record = record::looked(run, (look.begun, look.ended), sides, found, standstill, known);
        history.append(&record).map_err(|error| unrecorded(&error))
    }
}

/// The end of a message for NetBox's changelog, which takes 200 characters.
#[must_use]
pub fn name_term(term: Option<&Term>) -> String {
    term.map(|term| format!(" lease {term}")).unwrap_or_default()
}

fn entries(quarantine: &Quarantine) -> impl Iterator<Item = (Identity, QuarantineEntry)> {
    quarantine.entries().map(|(object, entry)| (object.clone(), entry.clone()))
}

fn unanswered(quarantine: &Quarantine) -> impl Iterator<Item = (Identity, QuarantineEntry)> {
    entries(quarantine).filter(|(_, entry)| entry.cause == QuarantineCause::Unanswered)
}

fn unrecorded(error: &HistoryError) -> Standstill {
    Standstill::History { detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_left_something_open_is_not_whole() {
        let ending = |written, refused, open, stopped: Option<&str>| {
            let stopped = stopped.map(str::to_owned);
            Written { written, refused, open, stopped, ..Written::default() }.ending()
        };
        assert_eq!(ending(2, 0, 0, None), RunEnding::Whole);
        assert_eq!(ending(1, 1, 0, None), RunEnding::Partial);
        assert_eq!(ending(1, 0, 1, None), RunEnding::Partial);
        assert_eq!(ending(0, 1, 1, None), RunEnding::Failed);
        assert_eq!(ending(1, 0, 1, Some("the lease is lost")), RunEnding::Stopped);
    }
}
