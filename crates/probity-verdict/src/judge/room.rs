//! What every form of claim has: it takes trials in, and decides. One file each: `census`, `rate`, `compare`, `stable`,
//! `periodic`. How to add one: docs/adding-a-claim.md.

use super::subject::{Membership, Observed, Subject, Trial};
use super::{Decision, Facts};
use crate::judgement::{FindingReason, Outcome, Settle, Step};

/// A form of claim at work on one claim.
pub(super) trait Room: CopyRoom {
    /// Takes a trial into account, or an observation that the claim is not about.
    fn observe(&mut self, trial: &Trial, subject: &mut Subject);
    /// Takes an observation of the other probe into account, where there is one.
    fn observe_against(&mut self, _look: &Observed, _subject: &mut Subject) {}
    /// No more observations come.
    fn finish(&mut self, _subject: &mut Subject) {}
    /// What is decided.
    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision;
}

/// Copies a room with what it took so far.
pub(super) trait CopyRoom {
    /// The copy.
    fn copy<'r>(&self) -> Box<dyn Room + 'r>
    where
        Self: 'r;
}

impl<R: Room + Clone> CopyRoom for R {
    fn copy<'r>(&self) -> Box<dyn Room + 'r>
    where
        Self: 'r,
    {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Room + '_> {
    fn clone(&self) -> Self {
        (**self).copy()
    }
}

/// A form that looks at more than one observation at a time: of each it is told whether that is meant.
pub(super) trait SureRoom: Clone {
    /// Takes an observation of the claim's probe into account; `meant`: it is what the claim is about.
    fn observe(&mut self, look: &Observed, meant: bool, subject: &mut Subject);
    /// As [`Room::observe_against`].
    fn observe_against(&mut self, _look: &Observed, _subject: &mut Subject) {}
    /// As [`Room::finish`].
    fn finish(&mut self, _subject: &mut Subject) {}
    /// As [`Room::decide`].
    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision;
}

/// A form that looks at more than one observation at a time. Where it cannot be told whether an observation is meant, it
/// decides only what holds with it and without it.
#[derive(Clone)]
pub(super) struct BothWays<R> {
    without: R,
    /// The same with those observations, once there is one.
    with: Option<R>,
}

impl<R> BothWays<R> {
    pub(super) const fn new(room: R) -> Self {
        Self { without: room, with: None }
    }
}

impl<R: SureRoom> Room for BothWays<R> {
    fn observe(&mut self, trial: &Trial, subject: &mut Subject) {
        let (without, with) = match &trial.membership {
            Membership::Unknown(evaluated) => {
                subject.note_unknown(trial.look.entry, evaluated);
                self.with.get_or_insert_with(|| self.without.clone());
                (false, true)
            }
            Membership::Inside => (true, true),
            Membership::Outside => (false, false),
        };
        self.without.observe(&trial.look, without, subject);
        quietly(self.with.as_mut(), subject, |room, subject| room.observe(&trial.look, with, subject));
    }

    fn observe_against(&mut self, look: &Observed, subject: &mut Subject) {
        self.without.observe_against(look, subject);
        quietly(self.with.as_mut(), subject, |room, subject| room.observe_against(look, subject));
    }

    fn finish(&mut self, subject: &mut Subject) {
        self.without.finish(subject);
        quietly(self.with.as_mut(), subject, SureRoom::finish);
    }

    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision {
        let mut decision = self.without.decide(subject, facts);
        let Some(with) = self.with.as_ref().map(|room| room.decide(subject, facts)) else { return decision };
        if with.outcome != decision.outcome {
            decision.outcome = Outcome::Undetermined;
            (decision.by_error, decision.by_denial) = (false, false);
            decision.reason = FindingReason::DependsOnMembership;
            decision.settle = Some(Settle::by(vec![Step::SelectByWhatIsKnown]));
        }
        decision
    }
}

/// Does something without a note of it: it is noted for the other way.
fn quietly<R>(room: Option<&mut R>, subject: &mut Subject, act: impl FnOnce(&mut R, &mut Subject)) {
    let Some(room) = room else { return };
    subject.quiet = true;
    act(room, subject);
    subject.quiet = false;
}
