//! A percentage with more digits than its sample can bear.

use crate::document::Document;
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Kind, Quantity};
use crate::words::show;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "too-precise",
    severity: Severity::Note,
    title: "A percentage has more digits than its sample can bear.",
    explanation: "A percentage beside its fraction, in the same sentence or row, whose last digits are a thousandth of what one more \
        success would change, or less: 58.3333 % of 12, where one is 8.3 points. One digit too many is common and is let pass.",
    example: "It was understood in 7 of 12 cases (58.3333 %).",
};

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for statement in &document.statements {
        let mut percents = statement.quantities.iter().filter(|q| q.kind == Kind::Percent && q.decimals >= 2);
        let (Some(percent), None) = (percents.next(), percents.next()) else { continue };
        let mut whole = statement.quantities.iter().filter_map(Quantity::of);
        let of = match (whole.next(), whole.next()) {
            (Some(of), None) => of,
            (None, _) => {
                // "Of the 14 farms 9 want to keep it, which is 64.2857 %".
                let counts: Vec<f64> = statement
                    .quantities
                    .iter()
                    .filter(|q| q.is_count() && q.value > 1.0)
                    .take(20)
                    .map(|q| q.value)
                    .collect();
                let matching = counts.iter().find(|whole| {
                    counts.iter().any(|part| {
                        (100.0 * part / **whole - percent.value).abs() < percent.half_digit() * 2.0
                    })
                });
                match matching {
                    Some(whole) => *whole,
                    None => continue,
                }
            }
            _ => continue,
        };
        let step = 100.0 / of;
        let digit = percent.half_digit() * 2.0;
        if of >= 2.0 && of.fract() == 0.0 && digit * 1000.0 <= step * 1.0001 {
            let message = format!(
                "{} % has {} digits after the point; of {}, one more or less is {} points",
                percent.value,
                percent.decimals,
                show(of),
                show((step * 10.0).round() / 10.0)
            );
            found.push(Finding::new(message, [statement.line]));
        }
    }
}
