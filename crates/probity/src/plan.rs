//! Loading plans, and the commands for their authors.

use std::collections::BTreeMap;
use std::path::Path;

use probity_diagnostic::{Diagnostic, Level, Texts, json, sarif, text};
use probity_evidence::PlanFolder;
use probity_plan::units::counted;
use probity_plan::{Loaded, Plan, Refused};
use probity_verdict::Conditions;

use crate::cli::{PlanArgs, PlanFormat};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Loads a plan from disk.
pub fn load(path: &Path, inputs: &[(String, String)]) -> Result<Loaded, Failure> {
    read(path, &values(inputs)?).map_err(|refused| {
        let (errors, texts) = all_errors(*refused);
        Failure::wrong(text(&errors, &texts, false))
    })
}

/// The values of inputs, by name.
///
/// # Errors
/// Of two values for one input nobody could tell which was meant.
pub fn values(inputs: &[(String, String)]) -> Result<BTreeMap<String, String>, Failure> {
    let mut values = BTreeMap::new();
    for (name, value) in inputs {
        if values.insert(name.clone(), value.clone()).is_some() {
            return Err(Failure::wrong(format!("--input {name} is given twice; give it once")));
        }
    }
    Ok(values)
}

fn read(path: &Path, inputs: &BTreeMap<String, String>) -> Result<Loaded, Box<Refused>> {
    let folder = PlanFolder::of(path);
    probity_plan::load_or_refuse(folder.name(), &folder, inputs)
}

/// What keeps a plan from loading, then the errors of its conditions and rules.
fn all_errors(refused: Refused) -> (Vec<Diagnostic>, Texts) {
    let conditions = probity_verdict::check_refused(&refused);
    let mut all = refused.errors.list;
    all.extend(conditions);
    (all, refused.errors.texts)
}

/// Refuses a plan that cannot work; what there is to warn of, as text.
pub fn refuse_unworkable(loaded: &Loaded, conditions: &Conditions) -> Result<String, Failure> {
    let mut problems = problems_of(&loaded.plan, conditions);
    if problems.iter().any(|problem| problem.level == Level::Error) {
        return Err(Failure::wrong(text(&problems, &loaded.texts, false)));
    }
    // Notes are for `plan check`: every one of them is said in the report too.
    problems.retain(|problem| problem.level == Level::Warning);
    Ok(if problems.is_empty() { String::new() } else { text(&problems, &loaded.texts, false) })
}

/// Prints warnings to standard error, if there are any.
pub fn warn(warnings: &str) {
    if !warnings.is_empty() {
        terminal::complain(warnings);
    }
}

/// `plan check`.
pub fn check(args: &PlanArgs, format: PlanFormat) -> Result<Exit, Failure> {
    let (problems, texts) = match read(&args.plan, &values(&args.inputs)?) {
        Ok(loaded) => (problems_of(&loaded.plan, &Conditions::new(&loaded.plan)), loaded.texts),
        Err(refused) => all_errors(*refused),
    };
    let of = |level| problems.iter().filter(|problem| problem.level == level).count() as u64;
    let (errors, warnings, notes) = (of(Level::Error), of(Level::Warning), of(Level::Note));
    terminal::print(&match format {
        PlanFormat::Json => json(&problems, &texts).to_string(),
        PlanFormat::Sarif => sarif("probity plan check", env!("CARGO_PKG_VERSION"), &[], &problems, &[]),
        PlanFormat::Text => format!(
            "{}{}, {}, {}",
            text(&problems, &texts, false),
            counted(errors, "error", "errors"),
            counted(warnings, "warning", "warnings"),
            counted(notes, "note", "notes")
        ),
    })?;
    Ok(if errors == 0 { Exit::Fine } else { Exit::Wrong })
}

/// `plan schema`.
pub fn schema() -> Result<Exit, Failure> {
    terminal::print(&serde_json::to_string_pretty(&probity_plan::schema()).map_err(Failure::failed)?)?;
    Ok(Exit::Fine)
}

/// What `plan check` finds, waivers that have run out by today (UTC) included.
fn problems_of(plan: &Plan, conditions: &Conditions) -> Vec<Diagnostic> {
    let today = probity_probe::observer::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    probity_verdict::check::check_on(plan, conditions, Some(today))
}
