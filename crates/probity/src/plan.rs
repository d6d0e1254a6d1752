//! Loading plans, and the commands for their authors.

use std::collections::BTreeMap;
use std::path::Path;

use probity_evidence::PlanFolder;
use probity_plan::units::counted;
use probity_plan::{Loaded, Plan, PlanError, Refused};
use probity_verdict::Conditions;
use probity_verdict::check::{Level, Problem};

use crate::cli::{Output, PlanArgs};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Loads a plan from disk.
pub fn load(path: &Path, inputs: &[(String, String)]) -> Result<Loaded, Failure> {
    read(path, inputs).map_err(|refused| Failure::wrong(all_errors(&refused)))
}

fn read(path: &Path, inputs: &[(String, String)]) -> Result<Loaded, Box<Refused>> {
    let folder = PlanFolder::of(path);
    let overrides: BTreeMap<String, String> = inputs.iter().cloned().collect();
    probity_plan::load_or_refuse(folder.name(), &folder, &overrides)
}

/// What keeps a plan from loading, then the errors of its conditions and rules.
fn all_errors(refused: &Refused) -> String {
    let conditions = probity_verdict::check_refused(refused);
    format!("{}\n{}", refused.errors, text(&conditions))
}

/// Refuses a plan that cannot work; prints warnings to standard error.
pub fn refuse_unworkable(plan: &Plan, conditions: &Conditions) -> Result<(), Failure> {
    let problems = problems_of(plan, conditions);
    if problems.iter().any(|problem| problem.level == Level::Error) {
        return Err(Failure::wrong(text(&problems)));
    }
    // Notes are for `plan check`: every one of them is said in the report too.
    let warnings: Vec<Problem> =
        problems.into_iter().filter(|problem| problem.level == Level::Warning).collect();
    if !warnings.is_empty() {
        terminal::complain(&text(&warnings));
    }
    Ok(())
}

/// `plan check`.
pub fn check(args: &PlanArgs, format: Output) -> Result<Exit, Failure> {
    let loaded = match (read(&args.plan, &args.inputs), format) {
        (Ok(loaded), _) => loaded,
        (Err(refused), Output::Text) => return Err(Failure::wrong(all_errors(&refused))),
        (Err(refused), Output::Json) => {
            let conditions = probity_verdict::check_refused(&refused);
            let errors = refused.errors.0.iter().map(json_of_error);
            let list: Vec<_> = errors.chain(conditions.iter().map(json)).collect();
            terminal::print(&serde_json::Value::from(list).to_string())?;
            return Ok(Exit::Wrong);
        }
    };
    let problems = problems_of(&loaded.plan, &Conditions::new(&loaded.plan));
    let of = |level| problems.iter().filter(|problem| problem.level == level).count();
    let errors = of(Level::Error);
    match format {
        Output::Json => {
            let list: Vec<_> = problems.iter().map(json).collect();
            terminal::print(&serde_json::Value::from(list).to_string())?;
        }
        Output::Text => {
            let (warnings, notes) = (of(Level::Warning), of(Level::Note));
            terminal::print(&format!(
                "{}{}, {}, {}",
                text(&problems),
                counted(errors as u64, "error", "errors"),
                counted(warnings as u64, "warning", "warnings"),
                counted(notes as u64, "note", "notes")
            ))?;
        }
    }
    Ok(if errors == 0 { Exit::Fine } else { Exit::Wrong })
}

/// `plan schema`.
pub fn schema() -> Result<Exit, Failure> {
    terminal::print(&serde_json::to_string_pretty(&probity_plan::schema()).map_err(Failure::failed)?)?;
    Ok(Exit::Fine)
}

/// What `plan check` finds, waivers that have run out by today (UTC) included.
fn problems_of(plan: &Plan, conditions: &Conditions) -> Vec<Problem> {
    let today = probity_probe::observer::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    probity_verdict::check::check_on(plan, conditions, Some(today))
}

fn text(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

fn json(problem: &Problem) -> serde_json::Value {
    serde_json::json!({
        "file": &*problem.at.file,
        "line": problem.at.line,
        "column": problem.at.column,
        "level": problem.level.name(),
        "rule": problem.rule,
        "message": problem.message,
        "hint": problem.hint,
    })
}

/// What keeps a plan from loading, in the same shape.
fn json_of_error(error: &PlanError) -> serde_json::Value {
    json(&Problem {
        at: error.at.clone(),
        level: Level::Error,
        rule: "load",
        message: error.message.clone(),
        hint: String::new(),
    })
}
