//! What a run is and what a bundle is: an order carried out into a log, a log folded into findings and a report, a bundle read
//! in one pass and recomputed.
//!
//! Must not know: arguments, the terminal and its colours, exit statuses, signals.

pub mod comparison;
pub mod fold;
pub mod machines;
mod needs;
pub mod order;
pub mod recompute;
mod recorder;
mod until;

pub use comparison::Comparison;
pub use fold::{Derived, Fold, Permitted, Surroundings};
pub use order::{Case, CaseError, Done, Order};
pub use recompute::{Compare, Recomputed, Unread, recompute};

/// What the report that is kept in a bundle calls it: whoever keeps the bundle may rename it, and the report must still
/// follow from the log.
pub const KEPT_NAME: &str = "BUNDLE";

/// The name a plan's file has in a bundle.
fn in_bundle(name: &str) -> String {
    if name == "plan.yaml" { name.to_owned() } else { format!("includes/{name}") }
}

/// The observations that a report shows in full.
fn exhibits(
    bundle: &probity_evidence::Bundle,
    judgement: &probity_verdict::Judgement,
) -> Result<Vec<(u64, probity_plan::Observation)>, probity_evidence::ReadError> {
    let wanted = probity_report::wanted_entries(judgement);
    let exhibits = bundle.entries_at(&wanted)?.into_iter().filter_map(|entry| match entry.body {
        probity_evidence::Body::Observation(observation) => Some((entry.entry, observation)),
        _ => None,
    });
    Ok(exhibits.collect())
}
