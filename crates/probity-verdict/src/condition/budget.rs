//! How much a condition may cost: steps, counted alike on every machine, so that the target decides how much it sends and
//! not how long we take. Part of what `rules` means.

/// The most steps of one evaluation: about a tenth of a second at most. 100 elements beside 100 others take some hundred
/// thousand.
pub const MAX_STEPS: u64 = 5_000_000;

/// The most steps of one judgement, all its evaluations together: some ten seconds at most.
pub const MAX_JUDGEMENT_STEPS: u64 = 500_000_000;

/// The most steps of one evaluation that only tries what a condition can say, before any look: there may be very many.
const MAX_TRIAL_STEPS: u64 = 10_000;

/// The most steps of all that is tried of a plan before any look: some seconds.
const MAX_TRIED_STEPS: u64 = 300_000_000;

/// What is left of a judgement's steps. One is handed through all evaluations of a judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    left: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: MAX_JUDGEMENT_STEPS }
    }
}

impl Budget {
    /// For trying what a condition can say, before any look.
    pub(crate) const fn trial() -> Self {
        Self { left: MAX_TRIAL_STEPS }
    }

    /// For all that is tried of one condition of so many, so that none takes the steps of another.
    pub(crate) const fn of_trials(of: usize) -> Self {
        Self { left: MAX_TRIED_STEPS / if of == 0 { 1 } else { of as u64 } }
    }

    /// So many steps, for what is no whole judgement.
    pub const fn of(steps: u64) -> Self {
        Self { left: steps }
    }

    /// How many steps are left.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// How many steps the next evaluation may take.
    pub(super) const fn allowance(&self) -> u64 {
        if self.left < MAX_STEPS { self.left } else { MAX_STEPS }
    }

    pub(super) const fn spend(&mut self, steps: u64) {
        self.left = self.left.saturating_sub(steps);
    }
}
