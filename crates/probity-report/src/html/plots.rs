//! Drawings: intervals as bars, measured quantities and looks over time. The shapes are SVG that stretches to the width
//! there is; their labels are HTML beside it, so that they stay readable on a phone. Nothing is told by colour alone.

use std::fmt::Write as _;

use maud::{Markup, html};

use probity_plan::units::counted;
use probity_verdict::Finding;

use super::VisibleText;
use crate::contents::Contents;
use crate::said;
use crate::series::{MAX_SERIES, Mark, Plot, Point, Sample, Series, Strip};

/// An interval inside [0, 1]: solid to its lower end, pale to its upper one.
pub(super) fn interval_bar(lower: f64, upper: f64, of: &str) -> Markup {
    bar(0.0, lower, upper, "maybe", None, of)
}

/// An interval inside [0, 1]: only what lies between its ends, with a line at the objective.
pub(super) fn interval_bar_between(lower: f64, upper: f64, mark: Option<f64>, of: &str) -> Markup {
    bar(lower, lower, upper, "sure", mark, of)
}

fn bar(from: f64, lower: f64, upper: f64, class: &str, mark: Option<f64>, of: &str) -> Markup {
    let x = |value: f64| said::number((value.clamp(0.0, 1.0) * 1000.0).round());
    let objective = mark.map_or_else(String::new, |mark| format!(", objective {}", said::number(mark)));
    let label = format!("{of}: {}{objective}", said::interval(lower, upper));
    html! {
        span.interval role="img" aria-label=(VisibleText(&label)) {
            svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
                rect.(class) x=(x(lower)) y="0" width=(x((upper - lower).max(0.004))) height="10" {}
                @if lower > from { rect.sure x=(x(from)) y="0" width=(x(lower - from)) height="10" {} }
                rect.track x="0" y="0" width="1000" height="10" {}
                @if let Some(mark) = mark { path.mark d={ "M" (x(mark)) " -3v16" } {} }
            }
        }
    }
}

/// The plots for a claim.
pub(super) fn plot_of(contents: &Contents, finding: &Finding) -> Markup {
    html! {
        @for series in contents.series {
            @if let Series::Plot(plot) = series {
                @if plot.claim == finding.claim && plot.points.len() > 1 { (draw(plot)) }
            }
        }
    }
}

/// The vertical axis: from 0, or logarithmic where the greatest value would flatten all others.
struct Axis {
    /// The least value drawn; 0 if linear.
    least: f64,
    greatest: f64,
    logarithmic: bool,
}

impl Axis {
    fn new(plot: &Plot) -> Self {
        let mut values: Vec<f64> = plot
            .points
            .iter()
            .flat_map(|point| [point.lower, point.upper])
            .filter(|value| value.is_finite() && *value >= 0.0)
            .collect();
        values.sort_by(f64::total_cmp);
        let median = values.get(values.len() / 2).copied().unwrap_or(0.0);
        values.extend(plot.limit.map(|limit| limit.value));
        let most = values.iter().copied().fold(0.0, f64::max);
        let smallest = values.iter().copied().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        if median > 0.0 && most > 20.0 * median {
            let decade = |value: f64| 10_f64.powf(value);
            let least = decade(smallest.log10().floor()).max(most / 1e6);
            return Self { least, greatest: decade(most.log10().ceil()), logarithmic: true };
        }
        let greatest = if most > 0.0 { most * 1.08 } else { 1.0 };
        Self { least: 0.0, greatest, logarithmic: false }
    }

    /// How far below the top, in thousandths of the height; inside the drawing whatever the value.
    fn y(&self, value: f64) -> f64 {
        let fraction = if self.logarithmic {
            (value.max(self.least) / self.least).log10() / (self.greatest / self.least).log10()
        } else {
            value / self.greatest
        };
        ((1.0 - fraction.clamp(0.0, 1.0)) * 1000.0).round()
    }

    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let decades = (self.greatest / self.least).log10().round();
            let every = if decades > 4.0 { 100.0 } else { 10.0 };
            let next = |tick: &f64| Some(tick * every).filter(|tick| *tick <= self.greatest * 1.001);
            return std::iter::successors(Some(self.least), next).collect();
        }
        let rough = self.greatest / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * power).find(|it| *it >= rough).unwrap_or(rough);
        let next = |tick: &f64| Some(tick + step).filter(|tick| *tick <= self.greatest);
        std::iter::successors(Some(0.0), next).collect()
    }
}

fn draw(plot: &Plot) -> Markup {
    let axis = Axis::new(plot);
    let (Some(first), Some(last)) = (plot.points.first(), plot.points.last()) else { return html! {} };
    let begin = plot.points.iter().map(|point| point.at).min().unwrap_or(first.at).as_microsecond();
    let end = plot.points.iter().map(|point| point.at).max().unwrap_or(last.at).as_microsecond();
    let marks = [
        (Mark::Within, "within", "within the limit"),
        (Mark::Plain, "plain", "measured"),
        (Mark::Beyond, "beyond", "beyond the limit"),
        (Mark::Straddles, "straddles", "straddling the limit: counts as blocked"),
    ];
    let of_mark = |mark| plot.points.iter().filter(move |point| point.mark == mark);
    let endless = plot.points.iter().filter(|point| point.upper.is_infinite()).count();
    let limit = plot.limit.map(|limit| format!("{} {}", limit.operator, said::number(limit.value)));
    let label = format!(
        "{} of {} over time, {}, {}",
        plot.fact,
        plot.probe,
        counted(plot.points.len() as u64, "point", "points"),
        limit.as_ref().map_or_else(|| "no single limit".to_owned(), |limit| format!("limit {limit}"))
    );
    html! {
        figure {
            figcaption {
                code { (VisibleText(&plot.fact)) } " of " code { (VisibleText(&plot.probe)) } " over time, for "
                strong { (VisibleText(&plot.claim)) }
                @if axis.logarithmic { ", logarithmic" }
                @if plot.seen > plot.points.len() as u64 {
                    ": " (plot.points.len()) " of " (plot.seen) " looks, of each group of neighbours the least and the greatest"
                }
                @if plot.unseen > 0 { "; " (plot.unseen) " more had no measurement" }
                @if endless > 0 { "; " (endless) " without an upper end (timed out)" }
                "."
            }
            div.plot role="img" aria-label=(VisibleText(&label)) {
                @for tick in axis.ticks() {
                    span.tick style={ "top:" (said::number(axis.y(tick) / 10.0)) "%" } { (said::number(tick)) }
                }
                svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true" {
                    path.grid d=(grid(&axis)) {}
                    @if let Some(limit) = plot.limit { path.limit d={ "M0 " (axis.y(limit.value)) "H1000" } {} }
                    @for (mark, class, _) in marks {
                        @if of_mark(mark).next().is_some() {
                            path.points.(class) d=(points(of_mark(mark), &axis, begin, end)) {}
                        }
                    }
                }
                @if let (Some(text), Some(limit)) = (&limit, plot.limit) {
                    @let top = axis.y(limit.value) / 10.0;
                    span.target.low[top < 12.0] style={ "top:" (said::number(top)) "%" } {
                        "limit: " (VisibleText(&plot.fact)) " " (text)
                    }
                }
            }
            div.times {
                span { (said::moment(first.at)) }
                span { (said::moment(last.at)) }
            }
            p.small {
                @for (mark, class, words) in marks {
                    @let count = of_mark(mark).count();
                    @if count > 0 {
                        span.key {
                            svg viewBox="0 0 10 10" aria-hidden="true" { path.points.(class) d="M5 5h0" {} }
                            (count) " " (words)
                        }
                    }
                }
            }
        }
    }
}

fn grid(axis: &Axis) -> String {
    let mut path = String::new();
    for tick in axis.ticks().iter().skip(1) {
        let _ = write!(path, "M0 {}H1000", axis.y(*tick));
    }
    path
}

/// Points as one path: a dot, or a line from the lower to the upper end where the interval is wide enough to see.
fn points<'a>(points: impl Iterator<Item = &'a Point>, axis: &Axis, begin: i64, end: i64) -> String {
    let mut path = String::new();
    let span = i128::from((end - begin).max(1));
    for point in points {
        let x = i128::from(point.at.as_microsecond() - begin) * 1000 / span;
        let (upper, lower) = (axis.y(point.upper), axis.y(point.lower));
        let _ = write!(path, "M{x} {lower}v{}", upper - lower);
    }
    path
}

/// Looks over time, one strip a probe.
pub(super) fn strips(contents: &Contents) -> Markup {
    let strips: Vec<&Strip> = contents
        .series
        .iter()
        .filter_map(|series| match series {
            Series::Strip(strip) if !strip.samples.is_empty() => Some(strip),
            _ => None,
        })
        .collect();
    html! {
        @if !strips.is_empty() {
            section {
                h2 id="samples" { "Samples over time" }
                p.small.muted {
                    "One column a look, or a group of neighbouring looks where there are more than 240, drawn as the worst "
                    "of the group. Whole: it satisfied every claim that checks it. With a mark above: it did not. Two "
                    "thirds: a claim could not be decided by it. One third: nothing could be seen. Only a foot: it was "
                    "planned and not made."
                }
                @if strips.len() == MAX_SERIES {
                    p.small { "At most " (MAX_SERIES) " probes, and as many plots of claims, are drawn." }
                }
                @for strip in strips { (draw_strip(strip)) }
            }
        }
    }
}

/// The height of a column in tenths, and its class: the worst that befell a look of the group.
fn column(sample: &Sample) -> (u8, &'static str) {
    if sample.unsatisfied > 0 {
        (10, "s-not")
    } else if sample.missed > 0 {
        (1, "s-missed")
    } else if sample.blocked > 0 {
        (3, "s-blocked")
    } else if sample.undecided > 0 {
        (7, "s-undecided")
    } else {
        (10, "s-satisfied")
    }
}

fn draw_strip(strip: &Strip) -> Markup {
    let sum = |count: fn(&Sample) -> u64| strip.samples.iter().map(count).sum::<u64>();
    let words =
        if strip.checked { "satisfied what is claimed" } else { "seen (no claim checks single looks)" };
    let counts = [
        (sum(|it| it.satisfied), words),
        (sum(|it| it.unsatisfied), "did not"),
        (sum(|it| it.undecided), "could not be decided"),
        (sum(|it| it.blocked), "saw nothing"),
        (sum(|it| it.missed), "planned and not made"),
        (sum(|it| it.superseded), "earlier attempts in the same slot"),
    ];
    let counts =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
    let counts = format!("of {} planned: {}", strip.planned, counts.collect::<Vec<_>>().join(", "));
    let (first, last) = (strip.samples.first().map(|it| it.at), strip.samples.last().map(|it| it.at));
    html! {
        figure {
            figcaption { strong { (VisibleText(&strip.probe)) } ", " (counts) "." }
            div.strip role="img" aria-label={ "Looks of " (VisibleText(&strip.probe)) " over time, " (counts) } {
                svg viewBox={ "0 -3 " (strip.samples.len() * 10) " 13" } preserveAspectRatio="none" aria-hidden="true" {
                    @for class in ["s-satisfied", "s-not", "s-undecided", "s-blocked", "s-missed"] {
                        @let path = columns(strip, class);
                        @if !path.is_empty() { path.(class) d=(path) {} }
                    }
                }
            }
            div.times {
                @if let (Some(first), Some(last)) = (first, last) {
                    span { (said::moment(first)) }
                    span { (said::moment(last)) }
                }
            }
        }
    }
}

/// The columns of one class as one path; those that did not satisfy have a mark above.
fn columns(strip: &Strip, class: &str) -> String {
    let mut path = String::new();
    for (at, sample) in strip.samples.iter().enumerate() {
        let (height, of) = column(sample);
        if of == class {
            let _ = write!(path, "M{} {}h8v{height}h-8z", at * 10 + 1, 10 - height);
            if class == "s-not" {
                let _ = write!(path, "M{} -3h8v2h-8z", at * 10 + 1);
            }
        }
    }
    path
}
