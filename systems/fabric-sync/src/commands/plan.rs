//! `plan`: what would be written, per object and field, with reasons. Writes nothing but the plan's file.

use std::path::Path;

use fabric_model::{Action, Change, Plan, Policy, Summary};

use super::{Failure, because, harmless, one};
use crate::fabric::Finding;
use crate::home::Home;
use crate::report::{describe_difference, kinds_line, unread_lines, unread_lists};
use service_setup::files::{Owner, write_whole};
use service_setup::say;

/// Makes a plan and shows it.
///
/// # Errors
/// The configuration; or, once shown, that the sides differ or something is not known.
pub async fn run(
    home: &Home,
    fabric: Option<&str>,
    output: Option<&Path>,
    confirmed: bool,
) -> Result<(), Failure> {
    let (_, fabric) = one::find(home, fabric)?;
    let look = fabric.look().await;
    let policy = Policy { confirmed, ..fabric.policy.clone() };
    let finding = fabric.find(&look.reading.snapshot, &look.inventory, &policy, &fabric.unanswered_before());
    // Kept before it is shown: who reads may stop before the end.
    if let Some(path) = output {
        let text = serde_json::to_vec_pretty(&finding.plan).map_err(because("the plan"))?;
        write_whole(path, &text, 0o640, Owner::myself()).map_err(because(path.display()))?;
    }
    show(&finding);
    if let Some(path) = output {
        say!("\nTo write exactly this: fabric-sync apply {}", path.display());
    }
    match finding.comparison.summary() {
        Summary::InSync => Ok(()),
        Summary::OutOfSync => Err(Failure::Failed("NetBox differs from the fabric".into())),
        Summary::Unknown => {
            Err(Failure::Failed("something could not be read or is not known; see above".into()))
        }
    }
}

/// Prints changes, what is held back, and what is not known.
pub fn show(finding: &Finding) {
    let Finding { comparison, plan } = finding;
    let counts = comparison.counts();
    say!("{}: {}", plan.fabric, comparison.summary());
    say!(
        "  {} same, {} differ, {} missing, {} extra, {} unknown; {} source objects cannot be mapped",
        counts.same,
        counts.differs,
        counts.missing,
        counts.extra,
        counts.unknown,
        counts.problems
    );
    for line in unread_lines(&unread_lists(comparison)) {
        say!("  not read whole  {}", harmless(&line));
    }
    for problem in &plan.problems {
        say!("  not mapped      {}", harmless(&problem.to_string()));
    }
    for change in &plan.changes {
        show_change(change);
    }
    for held in &plan.held {
        say!(
            "  held back       {}: {}",
            harmless(&held.object.to_string()),
            harmless(&held.reason.to_string())
        );
    }
    for field in &comparison.desired.unrepresented {
        let kept = if field.is_kept { "kept as JSON" } else { "not kept" };
        say!("  no place        {} {} ({kept})", harmless(&field.source.to_string()), harmless(&field.path));
    }
    match &comparison.further_kinds {
        Ok(kinds) => kinds.iter().for_each(|kind| {
            say!("  no place        {} (a kind that this version does not know)", harmless(kind));
        }),
        Err(why) => {
            if let Some(line) = kinds_line(&[], Some(why)) {
                say!("  no place        {}", harmless(&line));
            }
        }
    }
    say!("  plan {}, {} changes", plan.digest, plan.changes.len());
}

fn show_change(change: &Change) {
    let object = harmless(&change.object.to_string());
    let source = change.source.as_ref().map(|source| format!(" for {source}")).unwrap_or_default();
    let source = harmless(&source);
    match &change.action {
        Action::Create { fields } => {
            say!("  create          {object}{source}");
            for (field, value) in fields {
                say!("                    {field}: {}", harmless(&value.to_string()));
            }
        }
        Action::Update { differences, .. } => {
            say!("  update          {object}{source}");
            for difference in differences {
                say!("                    {}", harmless(&describe_difference(difference)));
            }
        }
        Action::Mark { .. } => say!("  mark            {object}{source}: its source is gone"),
        Action::Delete { reason, .. } => {
            say!("  delete          {object}{source}: {}", harmless(&reason.to_string()));
        }
    }
}

/// Reads a plan's file.
///
/// # Errors
/// It cannot be read, is no plan, or was changed.
pub fn read(path: &Path) -> Result<Plan, Failure> {
    /// A plan of 20,000 changes has some 20 MB.
    const MAX_PLAN: u64 = 256 << 20;
    let size = std::fs::metadata(path).map_err(because(path.display()))?.len();
    if size > MAX_PLAN {
        return Err(Failure::Wrong(format!(
            "{}: {size} bytes; a plan has at most {MAX_PLAN}",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(because(path.display()))?;
    Plan::parse(&text).map_err(|error| Failure::Wrong(format!("{}: {error}", path.display())))
}
