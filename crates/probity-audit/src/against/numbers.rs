//! The numbers of a finding, and whether a number of a report is one of them: rounding told apart from error.

use std::fmt::Write as _;

use probity_verdict::judgement::{Bounds, Counts};
use probity_verdict::wording::finding as wording;
use probity_verdict::{Finding, Judgement, Outcome};

use super::called::{
    Count, EVERY, HAPPENED, InCell, LOOKED, LOWER, MEASURED, RANGE, Role, TRIALS, UPPER, clip, counted,
    measured, minutes, place, role, says_reached, wanted_count, would_settle,
};
use crate::document::{Document, simplify};
use crate::quantity::{Bound, Kind, Quantity, scan};
use crate::words::{show, tail};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    /// A share in [0, 1].
    Share,
    /// A part of a whole.
    Of(f64),
    /// Seconds.
    Seconds,
    /// Any other number.
    Plain,
}

#[derive(Clone, Debug)]
struct Number {
    class: Class,
    value: f64,
    /// How far it may be off itself: half of its last digit, 0 for what is exact.
    half: f64,
    unit: String,
    role: Role,
    /// An upper (true) or a lower bound of a share. It is rounded outward: a lower one may be cut off, an upper one rounded up.
    outward: Option<bool>,
    /// It belongs to a size that would settle the claim: nothing of it was seen.
    settles: bool,
    /// It is the time demanded from one start to the next.
    period: bool,
    /// Which count of trials it is.
    count: Option<Count>,
}

/// The unit of a plain number; what is no unit but the next word of a sentence is none.
fn unit(q: &Quantity) -> &str {
    const WORDS: [&str; 24] = [
        "to", "of", "and", "or", "in", "at", "is", "are", "was", "were", "for", "the", "on", "with", "by",
        "from", "as", "each", "that", "did", "had", "has", "out", "per",
    ];
    if WORDS.contains(&q.unit.as_str()) { "" } else { q.unit.trim_end_matches('s') }
}

/// Numbers that a bundle shows.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// By value.
    all: Vec<Number>,
    /// Of a claim that was not found to hold: what it demands was not reached.
    not_reached: bool,
}

impl Numbers {
    /// Those of one claim's finding.
    pub(super) fn of_claim(finding: &Finding, judgement: &Judgement) -> Self {
        let mut numbers = Self { not_reached: finding.outcome != Outcome::Holds, ..Self::default() };
        numbers.counts(&finding.counts);
        finding.bounds.iter().for_each(|bounds| numbers.bounds(bounds));
        for cell in &finding.cells {
            numbers.counts(&cell.counts);
            cell.bounds.iter().for_each(|bounds| numbers.bounds(bounds));
            numbers.text(&cell.cell, Role::Bound);
        }
        numbers.text(&wording::measured(finding), Role::Bound);
        numbers.text(&wording::objective(finding), Role::Demanded);
        numbers.text(&decided(finding), Role::Demanded);
        numbers.text(&wording::reason(finding), Role::Bound);
        let details = finding.barriers.iter().map(|met| met.why().into_owned());
        finding.says.iter().for_each(|says| numbers.text(says, Role::Demanded));
        wording::notes(finding).into_iter().chain(details).for_each(|text| numbers.text(&text, Role::Bound));
        if let Some(settle) = &finding.settle {
            let (sizes, others): (Vec<_>, Vec<_>) = wording::steps(settle).partition(|(_, sizes)| *sizes);
            others.iter().for_each(|(text, _)| numbers.text(text, Role::Bound));
            let from = numbers.all.len();
            sizes.iter().for_each(|(text, _)| numbers.text(text, Role::Bound));
            settle.least.iter().chain(&settle.likely).for_each(|trials| numbers.count(*trials, None));
            numbers.all[from..].iter_mut().for_each(|number| number.settles = true);
        }
        finding.barriers.iter().for_each(|met| numbers.count(met.times, None));
        finding.entries.iter().for_each(|(from, to)| numbers.count(to - from + 1, None));
        for score in &judgement.scores {
            let parts = score.parts.iter().filter(|(claim, _, _)| *claim == finding.claim);
            parts.for_each(|(_, weight, _)| numbers.exact(Class::Plain, *weight, Role::Found));
        }
        numbers.sorted()
    }

    /// Those of the bundle's own report, its scores, and what was found of all its claims.
    pub(super) fn of_report(report: &str, judgement: &Judgement) -> Self {
        let mut numbers = Self::default();
        let of_cells = |finding: &Finding| finding.cells.iter().filter_map(|cell| cell.bounds).collect();
        let bounds: Vec<Bounds> = judgement
            .findings
            .iter()
            .flat_map(|finding| finding.bounds.into_iter().chain::<Vec<Bounds>>(of_cells(finding)))
            .collect();
        // As written in the report a bound may look like any number.
        let is_bound = |q: &Quantity| {
            let is = |value: f64| q.decimals >= 4 && (q.value - value).abs() <= q.half_digit();
            bounds.iter().any(|bounds| is(bounds.lower) || is(bounds.upper))
        };
        let document = Document::read(report);
        for statement in &document.statements {
            for q in statement.quantities.iter().filter(|q| !is_bound(q)) {
                let minutes = minutes(q, &statement.lower);
                let q = minutes.as_ref().unwrap_or(q);
                let role = role(&statement.lower, q, place(&document, statement, q).as_ref());
                numbers.quantity(q, role);
            }
        }
        for finding in &judgement.findings {
            numbers.counts(&finding.counts);
            // Code is not read in a report; here it is the condition that was decided.
            numbers.text(&decided(finding), Role::Demanded);
        }
        numbers.outcomes(judgement);
        bounds.iter().for_each(|bounds| numbers.bounds(bounds));
        for score in &judgement.scores {
            numbers.exact(Class::Share, score.lower, Role::Found);
            numbers.exact(Class::Share, score.upper, Role::Found);
            score.parts.iter().for_each(|(_, weight, _)| numbers.exact(Class::Plain, *weight, Role::Found));
        }
        numbers.sorted()
    }

    fn sorted(mut self) -> Self {
        self.all.sort_by(|a, b| a.value.total_cmp(&b.value));
        self
    }

    fn exact(&mut self, class: Class, value: f64, role: Role) {
        self.all.push(Number {
            class,
            value,
            half: 0.0,
            unit: String::new(),
            role,
            outward: None,
            settles: false,
            period: false,
            count: None,
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of trials are far below 2^53")]
    fn count(&mut self, value: u64, count: Option<Count>) {
        self.exact(Class::Plain, value as f64, Role::Found);
        if let Some(last) = self.all.last_mut() {
            last.count = count;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of trials are far below 2^53")]
    fn counts(&mut self, counts: &Counts) {
        if counts.planned == 0 {
            return;
        }
        let whole = counts.planned as f64;
        self.count(counts.planned, Some(Count::Planned));
        for (part, count) in [
            (counts.successes, Count::Successes),
            (counts.failures, Count::Failures),
            (counts.blocked, Count::Blocked),
        ] {
            self.count(part, Some(count));
            self.exact(Class::Of(whole), part as f64, Role::Found);
            self.exact(Class::Share, part as f64 / whole, Role::Found);
        }
    }

    fn bounds(&mut self, bounds: &Bounds) {
        for (value, up) in [(bounds.lower, false), (bounds.upper, true)] {
            self.exact(Class::Share, value, Role::Bound);
            if let Some(last) = self.all.last_mut() {
                last.outward = Some(up);
            }
        }
        self.exact(Class::Share, bounds.confidence, Role::Confidence);
    }

    /// How many claims have which outcome.
    #[expect(clippy::cast_precision_loss, reason = "counts of claims are far below 2^53")]
    fn outcomes(&mut self, judgement: &Judgement) {
        let all = judgement.findings.len() as f64;
        for outcome in [Outcome::Holds, Outcome::Fails, Outcome::Undetermined, Outcome::NotApplicable] {
            let part = judgement.findings.iter().filter(|finding| finding.outcome == outcome).count() as f64;
            self.exact(Class::Of(all), part, Role::Found);
            self.exact(Class::Plain, part, Role::Found);
        }
    }

    /// The numbers of a sentence; bounds in it are `bounds_are`.
    fn text(&mut self, text: &str, bounds_are: Role) {
        let lower = simplify(text).replace('`', " ");
        for q in scan(&lower) {
            let q = minutes(&q, &lower).unwrap_or(q);
            let period = bounds_are == Role::Demanded
                && matches!(q.kind, Kind::Seconds(_))
                && EVERY.is_in(tail(&lower[..q.start]));
            let role = match role(&lower, &q, None) {
                Role::Bound => bounds_are,
                Role::Found if period => Role::Demanded,
                other => other,
            };
            let percent = q.kind == Kind::Percent;
            if let Some(bound) = q.bound.filter(|_| role == Role::Bound)
                && (percent || (q.kind == Kind::Plain && q.value <= 1.0 && q.decimals >= 2))
            {
                self.exact(Class::Share, if percent { q.value / 100.0 } else { q.value }, role);
                if let Some(last) = self.all.last_mut() {
                    last.half = if percent { q.half_digit() / 100.0 } else { q.half_digit() };
                    last.outward = Some(is_upper(bound));
                }
                continue;
            }
            self.quantity(&q, role);
            if let Some(last) = self.all.last_mut() {
                last.period = period;
            }
            // `elapsed_ms < 100`: the unit is in the fact's name.
            let before = lower[..q.start].trim_end_matches([' ', '<', '>', '=', '!']);
            let seconds = if before.ends_with("_ms") { 0.001 } else { 1.0 };
            if before.ends_with("_ms") || before.ends_with("_s") {
                self.exact(Class::Seconds, q.value * seconds, Role::Bound);
            }
        }
    }

    fn quantity(&mut self, q: &Quantity, role: Role) {
        let half = if q.decimals == 0 || role == Role::Demanded { 0.0 } else { q.half_digit() };
        let mut add = |class, value, half| {
            self.all.push(Number {
                class,
                value,
                half,
                unit: unit(q).to_owned(),
                role,
                outward: None,
                settles: false,
                period: false,
                count: None,
            });
        };
        match q.kind {
            Kind::Percent => add(Class::Share, q.value / 100.0, half / 100.0),
            Kind::Seconds(seconds) => add(Class::Seconds, seconds, half * scale(q)),
            Kind::Plain => add(Class::Plain, q.value, half),
            Kind::Of(of) => {
                add(Class::Of(of), q.value, 0.0);
                add(Class::Plain, q.value, 0.0);
                add(Class::Plain, of, 0.0);
                if of > 0.0 {
                    add(Class::Share, q.value / of, 0.0);
                }
            }
        }
    }

    /// Those that a written number may be, as far as its value goes.
    fn near<'n>(&'n self, q: &'n Quantity) -> impl Iterator<Item = &'n Number> + 'n {
        let readings: Vec<(Class, f64, f64)> = match q.kind {
            Kind::Percent => vec![(Class::Share, q.value / 100.0, q.half_digit() / 100.0)],
            Kind::Of(of) => vec![(Class::Of(of), q.value, 0.0)],
            Kind::Seconds(seconds) => vec![(Class::Seconds, seconds, q.half_digit() * scale(q))],
            // A share may be written as a number up to 1.
            Kind::Plain if q.value <= 1.0 => {
                vec![(Class::Plain, q.value, q.half_digit()), (Class::Share, q.value, q.half_digit())]
            }
            Kind::Plain => vec![(Class::Plain, q.value, q.half_digit())],
        };
        readings.into_iter().flat_map(move |(class, value, half)| {
            // Rounded by half of the last digit; a bound outward, by a whole one.
            let reach = 2.0 * half + 1e-9 * value.abs().max(1.0);
            let widest = if class == Class::Seconds { 0.5 } else { 0.05 };
            let from = self.all.partition_point(|number| number.value < value - reach - widest);
            let candidates =
                self.all[from..].iter().take_while(move |number| number.value <= value + reach + widest);
            candidates.filter(move |number| {
                let off = value - number.value;
                // A duration that was demanded is a number of the plan: it is not rounded.
                let exact = class == Class::Seconds && number.role == Role::Demanded;
                let half = if exact { 0.0 } else { half };
                let slack = 1e-9 * value.abs().max(1.0) + half.max(number.half);
                let whole = class == Class::Share && q.decimals == 0 && q.kind == Kind::Plain;
                let rounded = off.abs() <= slack && !(whole && off.abs() > 1e-9);
                let outward = match number.outward {
                    Some(true) => !whole && off > 0.0 && off < 2.0 * half,
                    Some(false) => !whole && off < 0.0 && -off < 2.0 * half,
                    None => false,
                };
                number.class == class && (rounded || outward)
            })
        })
    }

    /// Whether a number of a statement about the claim is one of the claim's.
    pub(super) fn has(&self, q: &Quantity, role: Role, cell: Option<&InCell<'_>>, lower: &str) -> bool {
        let wanted = wanted_count(q, cell, lower);
        self.near(q).any(|number| {
            if number.settles {
                return would_settle(lower, q);
            }
            if let Some(upper) = number.outward {
                return role != Role::Demanded && self.is_called_bound(upper, q, cell, lower);
            }
            let role = match (role, number.role) {
                (Role::Demanded, other) => other != Role::Found,
                (Role::Found, Role::Demanded) if number.period && self.not_reached => {
                    !measured(lower, q) && !HAPPENED.is_in(tail(&lower[..q.start]))
                }
                (Role::Found, Role::Demanded | Role::Confidence) => {
                    !measured(lower, q) && !cell.is_some_and(|cell| MEASURED.is_in(cell.head))
                }
                (Role::Confidence, other) => other == Role::Confidence || other == Role::Bound,
                (Role::Bound, Role::Demanded) => !(self.not_reached && says_reached(lower, q)),
                (Role::Bound, other) => other != Role::Confidence,
                _ => true,
            };
            let count = match (wanted, number.count) {
                (Some(wanted), Some(count)) => wanted == count,
                _ => true,
            };
            role && count
        })
    }

    /// Whether a number is called an upper (or a lower) bound: by a word before it, by its column, or as an end of a range.
    fn is_called_bound(&self, upper: bool, q: &Quantity, cell: Option<&InCell<'_>>, lower: &str) -> bool {
        if let Some(bound) = q.bound {
            return is_upper(bound) == upper;
        }
        let before = lower[..q.start].rsplit('|').next().unwrap_or("");
        let after = lower[q.end..].split('|').next().unwrap_or("");
        let near = tail(before);
        let (is_lower, is_upper) = (LOWER.is_in(near), UPPER.is_in(near));
        if is_lower != is_upper {
            return is_upper == upper;
        }
        let heads = |word: &str| cell.is_some_and(|cell| cell.head.contains(word));
        if heads("lower") || heads("upper") {
            return heads(if upper { "upper" } else { "lower" });
        }
        // The other end of the range has to be the other bound.
        let (other, between) = if upper {
            let Some(other) = scan(near).pop() else { return false };
            let between = near[other.end..].to_owned();
            (other, between)
        } else {
            let near = clip(after);
            let Some(other) = scan(near).into_iter().next() else { return false };
            let between = near[..other.start].to_owned();
            (other, between)
        };
        RANGE.is_in(&between) && self.near(&other).any(|number| number.outward == Some(!upper))
    }

    /// Whether a number of a statement about no claim is one that the bundle says.
    pub(super) fn shows(&self, q: &Quantity, role: Role, cell: Option<&InCell<'_>>, lower: &str) -> bool {
        self.near(q).any(|number| {
            if let Some(upper) = number.outward {
                return role != Role::Demanded && self.is_called_bound(upper, q, cell, lower);
            }
            let same = role == number.role
                || matches!(
                    (role, number.role),
                    (Role::Found | Role::Demanded, Role::Bound) | (Role::Bound, Role::Found | Role::Demanded)
                );
            let units = number.class != Class::Plain
                || unit(q).is_empty()
                || number.unit.is_empty()
                || unit(q) == number.unit;
            same && units
        })
    }

    /// Whether the claim measures such a number at all: a differing one is then wrong, not merely unsupported.
    pub(super) fn measures(&self, q: &Quantity, role: Role, cell: Option<&InCell<'_>>, lower: &str) -> bool {
        let before = tail(&lower[..q.start]);
        let every = EVERY.is_in(before) && matches!(q.kind, Kind::Seconds(_));
        if every && LOOKED.is_in(before) {
            return false;
        }
        let has = |wanted: fn(&Number) -> bool| self.all.iter().any(wanted);
        let trials = || has(|number| number.count.is_some());
        match q.kind {
            Kind::Percent => has(|number| number.class == Class::Share),
            Kind::Of(_) => trials(),
            Kind::Seconds(_) => self.all.iter().any(|number| {
                number.class == Class::Seconds
                    && (number.role == role
                        || (every && number.period)
                        || (role != Role::Found) == (number.role != Role::Found))
            }),
            Kind::Plain if q.value <= 1.0 && q.decimals >= 2 => has(|number| number.outward.is_some()),
            Kind::Plain => {
                let unit = unit(q);
                let same = !unit.is_empty()
                    && self.all.iter().any(|number| number.class == Class::Plain && number.unit == unit);
                same || (trials() && q.decimals == 0 && (TRIALS.is_in(unit) || counted(cell).is_some()))
            }
        }
    }
}

/// Seconds in the unit of a duration as written.
fn scale(q: &Quantity) -> f64 {
    if q.value == 0.0 { 1.0 } else { q.base() / q.value }
}

/// Whether something is at most a number, rather than at least.
fn is_upper(bound: Bound) -> bool {
    matches!(bound, Bound::Most | Bound::Below)
}

/// What was found of a claim, in its numbers.
pub(super) fn summary(finding: &Finding) -> String {
    let mut out = finding.outcome.name().to_owned();
    let (measured, objective) = (wording::measured(finding), wording::objective(finding));
    if !measured.is_empty() {
        _ = write!(out, ", {measured}");
    }
    if finding.counts.planned > 1 {
        #[expect(clippy::cast_precision_loss, reason = "counts of trials are far below 2^53")]
        let share = 100.0 * finding.counts.successes as f64 / finding.counts.planned as f64;
        _ = write!(out, " ({} %)", show((share * 10.0).round() / 10.0));
    }
    if let Some(bounds) = &finding.bounds {
        _ = write!(out, ", at least {}, at most {}", bounds.lower, bounds.upper);
    }
    if !objective.is_empty() {
        _ = write!(out, "; the objective is {objective}");
    }
    out
}

fn decided(finding: &Finding) -> String {
    wording::decided(&finding.decided, finding.rests_on)
}
