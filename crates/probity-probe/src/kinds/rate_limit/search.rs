//! Which rate to try next, and between which the limit lies. Must not know how rates are tried.

use probity_plan::{Barrier, Blocked, Value};

/// The search ends where the lowest rate refused is so many times the highest that was granted.
const PRECISION: f64 = 1.1;
/// By so much it goes on while only one side is known.
const STEP: f64 = 1.3;

/// A search for the rate that is granted on and on.
#[derive(Debug)]
pub(super) struct Search {
    /// Where to begin.
    guess: f64,
    /// The highest rate that was tried and granted, and the lowest that was refused.
    granted: Option<f64>,
    refused: f64,
    /// Between what the limit lies as far as all of that shows.
    at_least: f64,
    at_most: Option<f64>,
}

impl Search {
    /// This rate was tried and refused, which shows that the limit is no more than `at_most`.
    pub const fn new(refused: f64, at_most: Option<f64>) -> Self {
        Self { guess: refused, granted: None, refused, at_least: 0.0, at_most }
    }

    /// Begin here.
    pub const fn begin_at(&mut self, rate: f64) {
        self.guess = rate;
    }

    /// The rate to try next; none once it is known well enough.
    pub fn next(&self) -> Option<f64> {
        let Some(granted) = self.granted else { return Some(self.guess.min(self.refused / STEP)) };
        let apart = self.refused / granted;
        if apart > STEP * PRECISION {
            Some(granted * STEP)
        } else if apart > PRECISION {
            Some((granted * self.refused).sqrt())
        } else {
            None
        }
    }

    /// This rate was granted, which shows that the limit is no less than `at_least`.
    pub fn grant(&mut self, tried: f64, at_least: f64) {
        self.granted = Some(self.granted.map_or(tried, |highest| highest.max(tried)));
        self.at_least = self.at_least.max(at_least);
    }

    /// This rate was refused, which shows that the limit is no more than `at_most`, if anything.
    pub fn refuse(&mut self, tried: f64, at_most: Option<f64>) {
        self.refused = self.refused.min(tried);
        self.bound(at_most);
    }

    /// The limit is no more than this.
    pub fn bound(&mut self, at_most: Option<f64>) {
        self.at_most = match (self.at_most, at_most) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// The most that the limit can be.
    pub const fn at_most(&self) -> Option<f64> {
        self.at_most
    }

    /// Where the limit lies.
    pub fn limit(&self) -> Result<Value, Blocked> {
        let at_least = self.at_least;
        if let Some(at_most) = self.at_most.filter(|at_most| *at_most < at_least) {
            let why = format!("{at_least:.1} requests a second were granted, and then {at_most:.1} refused");
            return Err(Blocked::new(Barrier::Changed, why));
        }
        Ok(Value::interval(at_least, self.at_most))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// The search against a limit that refuses all that is more.
    fn found(limit: f64, guess: f64) -> (f64, f64, usize) {
        let mut search = Search::new(1000.0, Some(1000.0));
        search.begin_at(guess);
        let mut tries = 0;
        while let Some(rate) = search.next() {
            if rate <= limit {
                search.grant(rate, rate);
            } else {
                search.refuse(rate, Some(rate));
            }
            tries += 1;
            assert!(tries < 100, "no end: {search:?}");
        }
        let (at_least, at_most) = search.limit().unwrap().ends().unwrap();
        (at_least, at_most, tries)
    }

    #[test]
    fn the_limit_lies_between_what_was_granted_and_what_was_refused() {
        for (limit, guess, most) in
            [(10.0, 9.0, 5), (10.0, 11.0, 5), (1.0, 60.0, 20), (700.0, 3.0, 30), (10.0, 10_000.0, 30)]
        {
            let (at_least, at_most, tries) = found(limit, guess);
            assert!(at_least <= limit && limit < at_most, "{limit}: {at_least} to {at_most}");
            assert!(at_most / at_least <= PRECISION, "{limit}: {at_least} to {at_most}");
            assert!(tries <= most, "{limit} from {guess}: {tries} tries");
        }
    }

    #[test]
    fn what_contradicts_itself_is_no_limit() {
        let mut search = Search::new(100.0, None);
        search.grant(20.0, 19.0);
        search.refuse(10.0, Some(10.0));
        assert_eq!(search.limit().unwrap_err().barrier, Barrier::Changed);
        assert_eq!(search.next(), None);
        let nothing = Search::new(100.0, None).limit().unwrap();
        assert_eq!(nothing, Value::interval(0.0, None));
        // A refusal that came too late to tell a rate is one all the same.
        let mut search = Search::new(100.0, None);
        search.refuse(20.0, None);
        assert!(search.next().unwrap() < 20.0);
    }
}
