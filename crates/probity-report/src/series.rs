//! What a report draws over time, gathered in one pass over the log with bounded memory: measured quantities that
//! claims read (a point each) and, for every probe that looks repeatedly, what came of each look.

use jiff::Timestamp;

use probity_plan::{Barrier, Claim, Fact, FactType, Observation, Plan, Probe};
use probity_verdict::Truth4;
use probity_verdict::condition::{Budget, Check, ClaimConditions, Conditions, Limit, MAX_JUDGEMENT_STEPS};

/// How many groups of neighbouring observations a series keeps at most. Each keeps its extremes.
const GROUPS: usize = 240;

/// How many plots, and how many strips, are gathered at most: the first of the plan.
pub const MAX_SERIES: usize = 40;

/// How many steps all checks together may take for what is drawn: a part of what the judgement may, so that no log keeps a
/// report waiting that a judgement does not.
const MAX_STEPS_OF_ALL: u64 = MAX_JUDGEMENT_STEPS / 5;

/// Something to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Series {
    /// A measured quantity that a claim reads.
    Plot(Plot),
    /// What came of the looks of a probe.
    Strip(Strip),
}

/// A measured quantity over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// The claim that reads it.
    pub claim: String,
    /// The probe.
    pub probe: String,
    /// The fact, with its unit in the name.
    pub fact: String,
    /// What the claim holds it against, if its check is nothing but `FACT OPERATOR NUMBER`.
    pub limit: Option<Limit>,
    /// At most 480 points in the order of the log: of each group of neighbours, the least and the greatest.
    pub points: Vec<Point>,
    /// How many observations had the fact; more than `points` where there were too many to draw.
    pub seen: u64,
    /// How many had it behind a barrier. They have no point.
    pub unseen: u64,
}

impl Mark {
    /// Whether a quantity in `[lower, upper]` is surely within the limit, surely not, or neither.
    fn of(limit: Limit, lower: f64, upper: f64) -> Self {
        let (surely, surely_not) = match limit.operator {
            "<" => (upper < limit.value, lower >= limit.value),
            "<=" => (upper <= limit.value, lower > limit.value),
            ">" => (lower > limit.value, upper <= limit.value),
            _ => (lower >= limit.value, upper < limit.value),
        };
        match (surely, surely_not) {
            (true, _) => Self::Within,
            (_, true) => Self::Beyond,
            _ => Self::Straddles,
        }
    }
}

/// How a point lies to the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Surely within it.
    Within,
    /// Surely beyond it.
    Beyond,
    /// Its interval straddles the limit: it counts as blocked.
    Straddles,
    /// There is no limit to compare it with.
    Plain,
}

/// One measured quantity: surely in `[lower, upper]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The entry it comes from.
    pub entry: u64,
    /// When the look began.
    pub at: Timestamp,
    /// At least this.
    pub lower: f64,
    /// At most this; infinite after a time-out.
    pub upper: f64,
    /// How it lies to the limit.
    pub mark: Mark,
}

/// The looks of a probe over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    /// The probe.
    pub probe: String,
    /// How many looks the plan asks for, all cells of its matrix together.
    pub planned: u64,
    /// Whether any claim checks single looks of this probe. If none does, `satisfied` counts what was seen.
    pub checked: bool,
    /// At most 240 groups of neighbouring looks, in the order of the log.
    pub samples: Vec<Sample>,
}

/// A group of neighbouring looks; of one look where there is room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The first and the last entry of the group.
    pub entries: (u64, u64),
    /// When the first look of the group began.
    pub at: Timestamp,
    /// Looks that satisfied the check of every claim they are the subject of.
    pub satisfied: u64,
    /// Looks that did not satisfy the check of some claim.
    pub unsatisfied: u64,
    /// Looks of which some claim's check could not be decided, or only at a cost that a picture is not worth.
    pub undecided: u64,
    /// Looks with every fact behind a barrier.
    pub blocked: u64,
    /// Looks that were planned and not made.
    pub missed: u64,
    /// Attempts that were followed by another one in the same slot, not counted above.
    pub superseded: u64,
}

/// Gathers [`Series`] from the observations of a log, in their order.
#[derive(Debug)]
pub struct SeriesCollector<'p> {
    plots: Vec<(Plot, Thinned<(Point, Point)>)>,
    strips: Vec<(Strip, Vec<Single<'p>>, Thinned<Sample>)>,
    budget: Budget,
}

/// The check of a claim about single looks.
#[derive(Debug)]
struct Single<'p> {
    filter: Option<&'p Check>,
    check: &'p Check,
}

impl<'p> SeriesCollector<'p> {
    /// For each claim over a measured quantity, and for each probe with more than one look, one series; at most
    /// [`MAX_SERIES`] of each kind.
    pub fn new(plan: &'p Plan, conditions: &'p Conditions) -> Self {
        let plots = plan.claims.iter().enumerate();
        let plots = plots.filter_map(|(at, claim)| plot(plan, claim, conditions.claim(at))).take(MAX_SERIES);
        let plots = plots.map(|plot| (plot, Thinned::new()));
        let strips = plan.probes.iter().filter(|probe| probe.planned() > 1).take(MAX_SERIES).map(|probe| {
            let planned = u64::from(probe.planned()) * probe.cells.len() as u64;
            let claims = plan.claims.iter().enumerate();
            let singles: Vec<Single<'p>> =
                claims.filter_map(|(at, claim)| single(claim, conditions.claim(at), probe)).collect();
            let checked = !singles.is_empty();
            (
                Strip { probe: probe.name.clone(), planned, checked, samples: Vec::new() },
                singles,
                Thinned::new(),
            )
        });
        let budget = Budget::of(MAX_STEPS_OF_ALL);
        Self { plots: plots.collect(), strips: strips.collect(), budget }
    }

    /// The facts that are drawn. What looks satisfied is decided by facts that claims read.
    pub fn facts(&self) -> impl Iterator<Item = &str> {
        self.plots.iter().map(|(plot, _)| plot.fact.as_str())
    }

    /// Takes in the observation of entry `entry`.
    pub fn observe(&mut self, entry: u64, observation: &Observation) {
        for (strip, singles, kept) in &mut self.strips {
            if strip.probe == observation.probe {
                kept.push(sample(entry, observation, singles, &mut self.budget));
            }
        }
        if observation.superseded {
            return;
        }
        for (plot, kept) in self.plots.iter_mut().filter(|(plot, _)| plot.probe == observation.probe) {
            let interval = match observation.fact(&plot.fact) {
                Fact::Known(value) => value.ends(),
                Fact::Unknown(_) => None,
            };
            let Some((lower, upper)) = interval.filter(|(lower, upper)| lower.is_finite() && !upper.is_nan())
            else {
                plot.unseen += 1;
                continue;
            };
            plot.seen += 1;
            let mark = plot.limit.map_or(Mark::Plain, |limit| Mark::of(limit, lower, upper));
            let point = Point { entry, at: observation.started, lower, upper, mark };
            kept.push((point, point));
        }
    }

    /// What was gathered: plots in the order of claims, then strips in the order of probes. Without observations a
    /// series is empty, not absent.
    pub fn finish(self) -> Vec<Series> {
        let plots = self.plots.into_iter().map(|(mut plot, kept)| {
            for (least, greatest) in kept.groups {
                match least.entry.cmp(&greatest.entry) {
                    std::cmp::Ordering::Less => plot.points.extend([least, greatest]),
                    std::cmp::Ordering::Equal => plot.points.push(least),
                    std::cmp::Ordering::Greater => plot.points.extend([greatest, least]),
                }
            }
            Series::Plot(plot)
        });
        let strips = self.strips.into_iter().map(|(mut strip, _, kept)| {
            strip.samples = kept.groups;
            Series::Strip(strip)
        });
        plots.chain(strips).collect()
    }
}

/// The plot for a claim whose check reads a measured quantity.
fn plot(plan: &Plan, claim: &Claim, conditions: &ClaimConditions) -> Option<Plot> {
    let check = conditions.check().filter(|_| claim.form.is_of_single_looks())?;
    let mut facts = plan.probe(&claim.of)?.spec().facts.iter();
    let fact =
        facts.find(|fact| fact.ty == FactType::Interval && check.reads().any(|name| name == fact.name))?.name;
    let limit = check.limit_on(fact);
    Some(Plot {
        claim: claim.name.clone(),
        probe: claim.of.clone(),
        fact: fact.to_owned(),
        limit,
        points: Vec::new(),
        seen: 0,
        unseen: 0,
    })
}

/// The check of a claim, if it is about single looks of this probe and can be read.
fn single<'p>(claim: &Claim, conditions: &'p ClaimConditions, probe: &Probe) -> Option<Single<'p>> {
    if !claim.form.is_of_single_looks() || claim.of != probe.name {
        return None;
    }
    // One that cannot be read chooses nothing.
    if matches!(conditions.filter, Some(Err(_))) {
        return None;
    }
    Some(Single { filter: conditions.filter(), check: conditions.check()? })
}

impl Single<'_> {
    fn truth(&self, observation: &Observation, budget: &mut Budget) -> Truth4 {
        match self.filter.map(|filter| filter.of(observation, budget).truth) {
            Some(Truth4::False) => Truth4::True, // Not its subject.
            Some(Truth4::Unknown | Truth4::Error) => Truth4::Unknown,
            Some(Truth4::True) | None => self.check.of(observation, budget).truth,
        }
    }
}

fn sample(entry: u64, observation: &Observation, singles: &[Single<'_>], budget: &mut Budget) -> Sample {
    let mut sample = Sample {
        entries: (entry, entry),
        at: observation.started,
        satisfied: 0,
        unsatisfied: 0,
        undecided: 0,
        blocked: 0,
        missed: 0,
        superseded: 0,
    };
    let counted = if observation.superseded {
        &mut sample.superseded
    } else if let (Some(all), true) = (observation.unknown.get("*"), observation.facts.is_empty()) {
        if all.barrier == Barrier::NotMade { &mut sample.missed } else { &mut sample.blocked }
    } else {
        let truths: Vec<Truth4> = singles.iter().map(|single| single.truth(observation, budget)).collect();
        if truths.contains(&Truth4::False) || truths.contains(&Truth4::Error) {
            &mut sample.unsatisfied
        } else if truths.contains(&Truth4::Unknown) {
            &mut sample.undecided
        } else {
            &mut sample.satisfied
        }
    };
    *counted = 1;
    sample
}

/// Neighbours joined into groups of equal size, so that there are never more than [`GROUPS`].
#[derive(Clone, Debug)]
struct Thinned<T> {
    groups: Vec<T>,
    /// How many items a group takes.
    size: u64,
    /// How many the last group has taken.
    filled: u64,
}

/// Two neighbouring groups as one.
trait Join {
    fn join(&mut self, later: Self);
}

impl<T: Join + Copy> Thinned<T> {
    fn new() -> Self {
        Self { groups: Vec::new(), size: 1, filled: 1 }
    }

    fn push(&mut self, item: T) {
        if self.filled < self.size
            && let Some(last) = self.groups.last_mut()
        {
            last.join(item);
            self.filled += 1;
            return;
        }
        if self.groups.len() == GROUPS {
            self.groups = self
                .groups
                .chunks(2)
                .map(|pair| {
                    let mut group = pair[0];
                    if let Some(later) = pair.get(1) {
                        group.join(*later);
                    }
                    group
                })
                .collect();
            self.size *= 2;
        }
        self.groups.push(item);
        self.filled = 1;
    }
}

impl Join for (Point, Point) {
    fn join(&mut self, later: Self) {
        if later.0.lower < self.0.lower {
            self.0 = later.0;
        }
        if later.1.upper > self.1.upper {
            self.1 = later.1;
        }
    }
}

impl Join for Sample {
    fn join(&mut self, later: Self) {
        self.entries.1 = later.entries.1;
        self.satisfied += later.satisfied;
        self.unsatisfied += later.unsatisfied;
        self.undecided += later.undecided;
        self.blocked += later.blocked;
        self.missed += later.missed;
        self.superseded += later.superseded;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_lies_within_beyond_or_across_a_limit() {
        let below = Limit { operator: "<", value: 100.0 };
        assert_eq!(Mark::of(below, 90.0, 99.0), Mark::Within);
        assert_eq!(Mark::of(below, 99.0, 100.0), Mark::Straddles);
        assert_eq!(Mark::of(below, 100.0, 100.0), Mark::Beyond);
        assert_eq!(Mark::of(below, 5000.0, f64::INFINITY), Mark::Beyond);
        assert_eq!(Mark::of(below, 50.0, f64::INFINITY), Mark::Straddles);
        let at_least = Limit { operator: ">=", value: 2.0 };
        assert_eq!(Mark::of(at_least, 2.0, 3.0), Mark::Within);
        assert_eq!(Mark::of(at_least, 1.0, 1.9), Mark::Beyond);
    }

    #[test]
    fn looks_beyond_the_steps_of_a_picture_are_drawn_as_undecided() {
        struct Text;
        impl probity_plan::Sources for Text {
            fn read(&self, _: &str) -> Result<Vec<u8>, String> {
                Ok(b"plan: P\nprobes: { p: { file: /x, repeat: 9 } }\nclaims: { c: { of: p, check: \"kind == 'file'\" } }\n\
                     verdict: [ label: A ]\n"
                    .to_vec())
            }
        }
        let plan = probity_plan::load("plan.yaml", &Text, &std::collections::BTreeMap::new()).unwrap().plan;
        let conditions = Conditions::new(&plan);
        let mut collector = SeriesCollector::new(&plan, &conditions);
        let look: Observation = serde_json::from_value(serde_json::json!({
            "probe": "p", "lane": "parallel", "started": "2026-01-02T03:04:05Z", "offset_us": 0, "duration_us": 1,
            "facts": { "kind": "file" },
        }))
        .unwrap();
        collector.observe(1, &look);
        let cost = MAX_STEPS_OF_ALL - collector.budget.left();
        assert!(cost > 0);
        // Room for one more, and not for two.
        collector.budget = Budget::of(cost + cost / 2);
        collector.observe(2, &look);
        collector.observe(3, &look);
        let series = collector.finish();
        let [Series::Strip(strip)] = series.as_slice() else { panic!("{series:?}") };
        let drawn: Vec<_> = strip.samples.iter().map(|look| (look.satisfied, look.undecided)).collect();
        assert_eq!(drawn, [(1, 0), (1, 0), (0, 1)]);
    }

    #[test]
    fn a_million_points_become_at_most_480_and_keep_the_extremes() {
        let mut kept = Thinned::new();
        for entry in 0..1_000_000_u64 {
            // A saw tooth with one spike and one dip.
            let value = match entry {
                777_777 => 9_000.0,
                333_333 => -9_000.0,
                _ => f64::from(u32::try_from(entry % 100).unwrap()),
            };
            let point =
                Point { entry, at: Timestamp::UNIX_EPOCH, lower: value, upper: value, mark: Mark::Plain };
            kept.push((point, point));
        }
        assert!(kept.groups.len() <= GROUPS && kept.groups.len() > GROUPS / 4, "{}", kept.groups.len());
        assert!(kept.groups.iter().any(|(_, greatest)| greatest.entry == 777_777));
        assert!(kept.groups.iter().any(|(least, _)| least.entry == 333_333));
        // Every group but the last spans the same number of observations, in order.
        assert!(kept.groups.windows(2).all(|pair| pair[0].0.entry.max(pair[0].1.entry) < pair[1].0.entry));
    }

    #[test]
    fn joined_samples_lose_no_count() {
        let mut kept = Thinned::new();
        for entry in 0..1000 {
            let mut sample = sample(entry, &look(&[("exists", true)]), &[], &mut Budget::default());
            if entry % 10 == 0 {
                (sample.satisfied, sample.missed) = (0, 1);
            }
            kept.push(sample);
        }
        assert_eq!(kept.groups.iter().map(|sample| sample.missed).sum::<u64>(), 100);
        assert_eq!(kept.groups.iter().map(|sample| sample.satisfied).sum::<u64>(), 900);
        assert_eq!(kept.groups.last().unwrap().entries.1, 999);
    }
    fn look(facts: &[(&str, bool)]) -> Observation {
        Observation {
            trial: None,
            observer: 0,
            artifacts: std::collections::BTreeMap::new(),
            excerpts: std::collections::BTreeMap::new(),
            probe: "p".to_owned(),
            cell: std::collections::BTreeMap::new(),
            slot: 0,
            attempt: 1,
            superseded: false,
            lane: probity_plan::Lane::Parallel,
            started: Timestamp::UNIX_EPOCH,
            offset_us: 0,
            duration_us: 0,
            scheduling_delay_us: None,
            facts: facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
            unknown: std::collections::BTreeMap::new(),
        }
    }
}
