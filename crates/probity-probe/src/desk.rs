//! The desk to which everybody brings what they saw, and where it is recorded in the order in which it came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use probity_plan::{Happening, Observation, Trial};

use crate::observation::FullObservation;
use crate::observe::ReachedObserver;
use crate::run::Sink;

/// How long an observation may wait for others to be recorded with.
const GATHER: Duration = Duration::from_millis(5);
/// The most observations that are recorded with one write.
const MAX_BATCH: usize = 256;
/// How often it is looked whether there are others.
const NOW_AND_THEN: Duration = Duration::from_millis(1);

/// What is brought.
pub(crate) enum News {
    /// An observation.
    Look(FullObservation),
    /// Looks that are not made.
    Barred(Vec<Observation>),
    /// Somebody was reached who will look.
    Reached(Box<ReachedObserver>),
    /// Something befell the run.
    Event(Happening),
    /// Whether this claim holds, perhaps in this trial; without one, only that everything before is recorded.
    Asked(Option<(String, Option<Trial>)>, SyncSender<bool>),
}

/// Where news are brought to. Once nobody records any more, they are dropped.
#[derive(Clone)]
pub(crate) struct Desk {
    send: SyncSender<News>,
    stages: Arc<AtomicU64>,
}

impl Desk {
    pub(crate) fn open() -> (Self, Receiver<News>) {
        let (send, news) = sync_channel(1024);
        (Self { send, stages: Arc::default() }, news)
    }

    /// A number for a stage that no other has.
    pub(crate) fn next_stage(&self) -> u64 {
        self.stages.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether anybody took it.
    pub(crate) fn take(&self, taken: FullObservation) -> bool {
        self.send.send(News::Look(taken)).is_ok()
    }

    pub(crate) fn bar(&self, barred: Vec<Observation>) {
        _ = self.send.send(News::Barred(barred));
    }

    pub(crate) fn reached(&self, observer: ReachedObserver) {
        _ = self.send.send(News::Reached(Box::new(observer)));
    }

    pub(crate) fn event(&self, what: Happening) {
        _ = self.send.send(News::Event(what));
    }

    /// Whether this claim holds on everything that was brought so far.
    pub(crate) async fn holds(&self, claim: &str, trial: Option<&Trial>) -> bool {
        self.ask(Some((claim.to_owned(), trial.cloned()))).await
    }

    /// Waits until everything that was brought so far is recorded, or nothing is any more.
    pub(crate) async fn settled(&self) {
        self.ask(None).await;
    }

    async fn ask(&self, claim: Option<(String, Option<Trial>)>) -> bool {
        let (reply, answer) = sync_channel(1);
        _ = self.send.send(News::Asked(claim, reply));
        // On a thread of its own: others may look meanwhile, and paused time stands still.
        let waited = tokio::task::spawn_blocking(move || answer.recv().unwrap_or(false)).await;
        waited.unwrap_or(false)
    }
}

/// Records what is brought until nobody is left who brings anything.
pub(crate) fn record<S: Sink>(news: &Receiver<News>, sink: &mut S) -> Result<(), S::Error> {
    while let Ok(first) = news.recv() {
        // One write for what ends at nearly the same time, rather than one each.
        let gathered = Instant::now() + GATHER;
        let mut batch = Vec::new();
        let mut next = Ok(first);
        loop {
            match next {
                Ok(News::Look(taken)) => batch.push(taken.with_artifacts(|bytes| sink.artifact(bytes))?),
                // Before whatever it sees.
                Ok(News::Reached(observer)) => sink.reached(*observer)?,
                Ok(other) => {
                    sink.record(std::mem::take(&mut batch))?;
                    settle(other, sink)?;
                }
                // Now and then, rather than being woken by each: the looks need the processors.
                Err(TryRecvError::Empty) if Instant::now() < gathered => std::thread::sleep(NOW_AND_THEN),
                Err(_) => break,
            }
            // Before another is taken: what is taken is in this batch.
            if batch.len() == MAX_BATCH {
                break;
            }
            next = news.try_recv();
        }
        sink.record(batch)?;
    }
    Ok(())
}

/// What comes after all before it is recorded.
fn settle<S: Sink>(news: News, sink: &mut S) -> Result<(), S::Error> {
    match news {
        News::Barred(barred) => sink.record(barred),
        News::Event(what) => sink.event(what),
        News::Asked(claim, reply) => {
            let answer = match claim {
                Some((claim, trial)) => sink.holds(&claim, trial.as_ref())?,
                None => true,
            };
            // Whoever asked may be gone.
            _ = reply.send(answer);
            Ok(())
        }
        News::Look(_) | News::Reached(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use probity_plan::Blocked;

    use super::*;

    #[derive(Default)]
    struct Slots(Vec<Vec<u32>>);

    impl Sink for Slots {
        type Error = std::convert::Infallible;
        fn record(&mut self, observations: Vec<Observation>) -> Result<(), Self::Error> {
            self.0.push(observations.iter().map(|observation| observation.slot).collect());
            Ok(())
        }
        fn artifact(&mut self, _: &[u8]) -> Result<Result<String, Blocked>, Self::Error> {
            Ok(Ok(String::new()))
        }
        fn reached(&mut self, _: ReachedObserver) -> Result<(), Self::Error> {
            Ok(())
        }
        fn event(&mut self, _: Happening) -> Result<(), Self::Error> {
            Ok(())
        }
        fn holds(&mut self, _: &str, _: Option<&Trial>) -> Result<bool, Self::Error> {
            Ok(false)
        }
    }

    fn taken(slot: u32) -> FullObservation {
        let observation = Observation { slot, ..crate::observation::blank() };
        FullObservation { observation, artifacts: Vec::new() }
    }

    #[test]
    fn each_look_is_recorded_once_and_in_order_when_more_wait_than_one_write_takes() {
        let (desk, news) = Desk::open();
        for slot in 0..600 {
            assert!(desk.take(taken(slot)));
        }
        drop(desk);
        let mut sink = Slots::default();
        _ = record(&news, &mut sink);
        assert_eq!(sink.0, [(0..256).collect(), (256..512).collect(), (512..600).collect::<Vec<_>>()]);
    }
}
