//! What of a plan cannot show that something happens again and again.

use std::time::Duration;

use probity_diagnostic::Level;
use probity_plan::Form;
use probity_plan::model::Starts;
use probity_plan::units::Span;

use crate::check::{Compiled, Problems};

pub(crate) fn check(compiled: &Compiled<'_>, found: &mut Problems) {
    let Form::Periodic { every, tolerance, periods, starts } = &compiled.claim.form else { return };
    let (every, tolerance, periods) = (*every, *tolerance, *periods);
    let (claim, at) = (&compiled.claim.name, &compiled.claim.at);
    let Starts::Changes(fact) = starts else { return };
    let (Some(poll), Some(lasting)) = (compiled.probe.schedule.every, compiled.probe.schedule.lasting) else {
        found.push(
            Level::Error,
            "watch",
            at,
            format!(
                "`{claim}` watches for changes of `{fact}`, and `{}` does not look at intervals",
                compiled.claim.of
            ),
            format!("give `{}` `every` and `for`", compiled.claim.of),
        );
        return;
    };
    // A gap between two changes is known to within one poll at either end: an interval two polls wide, which has to
    // lie within tolerance on either side.
    if poll > tolerance {
        found.push(
            Level::Error,
            "polling",
            at,
            format!(
                "`{claim}`: `{}` looks every {poll}, too slowly to see a gap surely within a tolerance of {tolerance}",
                compiled.claim.of
            ),
            format!("look at least every {tolerance}"),
        );
    }
    let shortest: Duration = (every.0 - tolerance.0.min(every.0)).saturating_mul(periods);
    if lasting.0 <= shortest {
        let needed = Span(every.0.saturating_mul(periods.saturating_add(1)) + tolerance.0);
        found.push(
            Level::Error,
            "watch",
            at,
            format!("`{claim}`: a watch of {lasting} cannot see {periods} complete gaps of {every}"),
            format!("watch for {needed}, or ask for fewer `periods`"),
        );
    }
}
