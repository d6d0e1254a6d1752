//! What is counted and measured, as Prometheus reads it. The alert rules in `alerts/` stand on these names.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use fabric_model::plan::Intent;
use fabric_model::{Summary, UnreadCause};
use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::record::WriteOutcome;
use crate::report::{Report, Side};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByFabric {
    fabric: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByState {
    fabric: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BySide {
    fabric: String,
    side: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByWrite {
    fabric: String,
    action: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByCause {
    fabric: String,
    side: &'static str,
    cause: &'static str,
}

const ACTIONS: [&str; 3] = ["create", "update", "delete"];

/// By fabric and metric: a moment, and when it was first asked for.
type Moments = HashMap<(String, &'static str), (Timestamp, Instant)>;

/// What is counted while the service runs.
pub struct Metrics {
    writes: Family<ByWrite, Counter>,
    looks: Family<ByFabric, Counter>,
    losses: Family<ByFabric, Counter>,
    errors: Family<ByCause, Counter>,
    look_seconds: Family<ByFabric, Histogram, fn() -> Histogram>,
    delay_seconds: Family<ByFabric, Histogram, fn() -> Histogram>,
    registry: Registry,
    /// The moments that ages were told of, by fabric and metric, and when each was first.
    seen: Mutex<Moments>,
}

fn look_histogram() -> Histogram {
    Histogram::new([0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0])
}

fn delay_histogram() -> Histogram {
    Histogram::new([0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0])
}

impl Metrics {
    /// Counters of these fabrics, all there from the start, so that an alert can be written before one ever counts.
    #[must_use]
    pub fn new<'a>(fabrics: impl Iterator<Item = &'a str>) -> Self {
        let mut registry = Registry::with_prefix("fabric_sync");
        let writes = Family::<ByWrite, Counter>::default();
        let looks = Family::<ByFabric, Counter>::default();
        let losses = Family::<ByFabric, Counter>::default();
        let errors = Family::<ByCause, Counter>::default();
        let look_seconds = Family::new_with_constructor(look_histogram as fn() -> Histogram);
        let delay_seconds = Family::new_with_constructor(delay_histogram as fn() -> Histogram);
        for fabric in fabrics {
            let by = ByFabric { fabric: fabric.to_owned() };
            drop(looks.get_or_create(&by));
            drop(losses.get_or_create(&by));
            drop(look_seconds.get_or_create(&by));
            drop(delay_seconds.get_or_create(&by));
            for (side, cause) in Side::ALL
                .into_iter()
                .flat_map(|side| UnreadCause::ALL.map(|cause| (side.name(), cause.name())))
            {
                drop(errors.get_or_create(&ByCause { fabric: fabric.to_owned(), side, cause }));
            }
            for action in ACTIONS {
                for outcome in WriteOutcome::ALL.map(WriteOutcome::name) {
                    drop(writes.get_or_create(&ByWrite { fabric: fabric.to_owned(), action, outcome }));
                }
            }
        }
        registry.register("writes", "Changes to NetBox by how they ended", writes.clone());
        registry.register("looks", "Reads of both sides", looks.clone());
        registry.register("watch_losses", "Watches that broke and led to a whole read", losses.clone());
        registry.register(
            "errors",
            "Errors of either side by cause: each cause once a look, and writes that failed",
            errors.clone(),
        );
        registry.register(
            "look_seconds",
            "How long it took to read and compare both sides",
            look_seconds.clone(),
        );
        registry.register(
            "change_delay_seconds",
            "From a change's arrival by a watch to its end in NetBox, of changes that NetBox took",
            delay_seconds.clone(),
        );
        let seen = Mutex::default();
        Metrics { writes, looks, losses, errors, look_seconds, delay_seconds, registry, seen }
    }

    /// A write ended.
    pub fn count_write(&self, fabric: &str, intent: Intent, outcome: WriteOutcome) {
        let action = match intent {
            Intent::Create => "create",
            Intent::Update => "update",
            Intent::Delete => "delete",
        };
        let by = ByWrite { fabric: fabric.to_owned(), action, outcome: outcome.name() };
        self.writes.get_or_create(&by).inc();
    }

    /// Both sides were read and compared, within `duration`.
    pub fn count_look(&self, fabric: &str, duration: Duration) {
        let by = ByFabric { fabric: fabric.to_owned() };
        self.looks.get_or_create(&by).inc();
        self.look_seconds.get_or_create(&by).observe(duration.as_secs_f64());
    }

    /// A watch broke.
    pub fn count_loss(&self, fabric: &str) {
        self.losses.get_or_create(&ByFabric { fabric: fabric.to_owned() }).inc();
    }

    /// A side failed.
    pub fn count_error(&self, fabric: &str, side: Side, cause: UnreadCause) {
        let by = ByCause { fabric: fabric.to_owned(), side: side.name(), cause: cause.name() };
        self.errors.get_or_create(&by).inc();
    }

    /// A watched change ended in NetBox after `delay`.
    pub fn count_delay(&self, fabric: &str, delay: Duration) {
        self.delay_seconds
            .get_or_create(&ByFabric { fabric: fabric.to_owned() })
            .observe(delay.as_secs_f64());
    }

    /// All of it in Prometheus' text format (OpenMetrics 1.0), with the reports as they are at `now`.
    #[must_use]
    pub fn render(&self, reports: &[Report], now: Timestamp) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail; a metric that cannot be encoded leaves the text short of its end mark.
        if text::encode_registry(&mut text, &self.registry).is_err()
            || text::encode(&mut text, &self.of_reports(reports, now)).is_err()
        {
            let _ = writeln!(text, "# incomplete");
        }
        text
    }

    fn of_reports(&self, reports: &[Report], now: Timestamp) -> Registry {
        let mut registry = Registry::with_prefix("fabric_sync");
        let states = Family::<ByState, Gauge>::default();
        let objects = Family::<ByState, Gauge>::default();
        let unread = Family::<BySide, Gauge>::default();
        let kinds = Family::<ByFabric, Gauge>::default();
        for report in reports {
            if report.as_of.is_some() && report.kinds_unread.is_none() {
                let by = ByFabric { fabric: report.fabric.clone() };
                kinds.get_or_create(&by).set(whole(report.unrepresented_kinds.len()));
            }
            for (summary, state) in [
                (Summary::InSync, "in_sync"),
                (Summary::OutOfSync, "out_of_sync"),
                (Summary::Unknown, "unknown"),
            ] {
                let by = ByState { fabric: report.fabric.clone(), state };
                states.get_or_create(&by).set(i64::from(report.summary == summary));
            }
            let counts = report.counts;
            for (state, count) in [
                ("same", counts.same),
                ("differs", counts.differs),
                ("missing", counts.missing),
                ("extra", counts.extra),
                ("unknown", counts.unknown),
                ("problem", counts.problems),
            ] {
                objects.get_or_create(&ByState { fabric: report.fabric.clone(), state }).set(whole(count));
            }
            for side in Side::ALL {
                let lists = report.unread.iter().filter(|list| list.side == side).count();
                let by = BySide { fabric: report.fabric.clone(), side: side.name() };
                unread.get_or_create(&by).set(whole(lists));
            }
        }
        registry.register("state", "1 for the state that the last comparison found", states);
        registry.register("objects", "Objects of NetBox by how they compare", objects);
        registry.register("unread_lists", "Lists that could not be read whole", unread);
        registry.register(
            "unrepresented_kinds",
            "Kinds of the fabric that this version does not know; none where they are not known",
            kinds,
        );

        type Count = fn(&Report) -> i64;
        let counts: [(&str, &str, Count); 8] = [
            ("leader", "1 where this instance may write", |report| i64::from(report.leader)),
            ("held", "Changes that are held back", |report| whole(report.held_count)),
            ("quarantined", "Objects that NetBox refused", |report| whole(report.quarantine.len())),
            ("deletions_to_confirm", "Deletions that wait for somebody's word", |report| {
                whole(report.deletions_to_confirm)
            }),
            ("unrepresented_fields", "Fields of the source that NetBox has no place for", |report| {
                whole(report.unrepresented)
            }),
            ("observed_differences", "What switches report otherwise than intended", |report| {
                whole(report.observed.differs.len())
            }),
            ("observed_unknown", "What switches do not report", |report| {
                whole(report.observed.unknown.len())
            }),
            ("history_faulty", "1 where the history cannot be kept or was changed", |report| {
                i64::from(report.history.is_some())
            }),
        ];
        for (name, help, count) in counts {
            let family = Family::<ByFabric, Gauge>::default();
            for report in reports {
                family.get_or_create(&ByFabric { fabric: report.fabric.clone() }).set(count(report));
            }
            registry.register(name, help, family);
        }

        type Moment = fn(&Report) -> Option<Timestamp>;
        let ages: [(&str, &str, Moment); 3] = [
            (
                "whole_comparison_age_seconds",
                "Since both sides were last read whole; none before the first time",
                |report| report.whole_as_of,
            ),
            (
                "difference_age_seconds",
                "Since something is known to differ; none while nothing does",
                |report| report.differs_since,
            ),
            (
                "queue_age_seconds",
                "Since the oldest change that waits arrived by a watch; none while none waits",
                |report| report.waiting_since,
            ),
        ];
        for (name, help, moment) in ages {
            let family = Family::<ByFabric, Decimal>::default();
            for report in reports {
                if let Some(since) = moment(report) {
                    let age = self.age(&report.fabric, name, since, now);
                    family.get_or_create(&ByFabric { fabric: report.fabric.clone() }).set(age);
                }
            }
            registry.register(name, help, family);
        }
        registry
    }

    /// The seconds since `since`: by the clock, and at least the time since this moment was first asked for, however the clock was set meanwhile.
    fn age(&self, fabric: &str, name: &'static str, since: Timestamp, now: Timestamp) -> f64 {
        let mut seen = self.seen.lock();
        let first = seen.entry((fabric.to_owned(), name)).or_insert_with(|| (since, Instant::now()));
        if first.0 != since {
            *first = (since, Instant::now());
        }
        now.duration_since(since).as_secs_f64().max(first.1.elapsed().as_secs_f64())
    }
}

type Decimal = Gauge<f64, AtomicU64>;

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_age_is_negative_though_the_clock_is_set_back() {
        let (metrics, now) = (Metrics::new(["lab"].into_iter()), Timestamp::now());
        let mut report = Report::new("lab", "Lab");
        report.differs_since = Some(now + Duration::from_secs(3600));
        let age = || {
            let page = metrics.render(std::slice::from_ref(&report), now);
            let name = "fabric_sync_difference_age_seconds{fabric=\"lab\"} ";
            page.lines().find_map(|line| line.strip_prefix(name)?.parse::<f64>().ok())
        };
        assert!(age().is_some_and(|age| age >= 0.0), "{:?}", age());
        std::thread::sleep(Duration::from_millis(20));
        assert!(age().is_some_and(|age| age >= 0.02), "it grows: {:?}", age());
    }
}
