//! Whether looks that go with another probe's can all be made.

use std::time::Duration;

use probity_diagnostic::Level;
use probity_plan::Plan;

use super::Problems;

/// What looks while another probe does has to end with it: later looks are not made.
pub(super) fn check(plan: &Plan, found: &mut Problems) {
    for probe in &plan.probes {
        let Some(with) = probe.with.as_ref().and_then(|with| plan.probe(with)) else { continue };
        let (schedule, rows) = (&with.schedule, u32::try_from(with.cells.len()).unwrap_or(u32::MAX));
        let (Some(every), Some(lasting)) = (probe.schedule.every, probe.schedule.lasting) else { continue };
        let last = every.0.saturating_mul(probe.schedule.slots().saturating_sub(1));
        // Without a schedule nobody knows how long it takes, but for its time-outs.
        let (surely, longest) = match schedule.lasting {
            Some(surely) => (surely.0, schedule.longest().saturating_mul(rows)),
            None => (Duration::ZERO, schedule.longest().saturating_mul(rows)),
        };
        if last < surely {
            continue;
        }
        let (level, may) = if last > longest { (Level::Error, "is") } else { (Level::Warning, "may be") };
        found.push(
            level,
            "with",
            &probe.at,
            format!(
                "`{}` looks for {lasting} while `{}` does, which {may} over before: what is then left is not looked at",
                probe.name, with.name
            ),
            match schedule.lasting {
                Some(lasting) => format!("let `{}` look for at most {lasting}, or `{}` for longer", probe.name, with.name),
                None => format!("let `{}` look for less long than `{}` takes", probe.name, with.name),
            },
        );
    }
}
