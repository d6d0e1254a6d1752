//! `run`: plan, probes, evidence, verdict, report, in this order.

use std::collections::BTreeMap;
use std::path::Path;

use probity_case::machines::{Cleaned, clean};
use probity_case::{CaseError, Comparison, Done, Order, Permitted};
use probity_evidence::left_over::Notes;
use probity_evidence::{Gap, Key, Ledger};
use probity_plan::{Cause, Loaded, Plan};
use probity_probe::{Began, Secrets, Stop};
use probity_report::{Contents, Unacceptable};
use probity_verdict::Conditions;

use crate::bundle;
use crate::cli::{HowArgs, Output, RunArgs, SigningArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Progress;
use crate::{dry_run, plan, terminal};

/// `run`.
pub fn run(args: &RunArgs, environment: &Environment) -> Result<Exit, Failure> {
    let loaded = plan::load(&args.plan.plan, &args.plan.inputs)?;
    let conditions = Conditions::new(&loaded.plan);
    let checked = || {
        let warnings = plan::refuse_unworkable(&loaded, &conditions)?;
        known_probes(&loaded.plan, &args.how.only)?;
        Ok::<_, Failure>(warnings)
    };
    let Some(output) = args.output.as_deref().filter(|_| !args.dry_run) else {
        plan::warn(&checked()?);
        terminal::print(&dry_run::describe(&loaded, &conditions, args.how.allow.into(), &args.how.only))?;
        return Ok(Exit::Fine);
    };
    let inputs = plan::values(&args.plan.inputs)?;
    let order = order(&loaded, &conditions, inputs, output, &args.how, environment);
    let done = std::thread::scope(|scope| {
        // The log begins with its digest: made while the plan is checked.
        scope.spawn(|| loaded.resolved());
        let warnings = checked()?;
        // A warning quotes the plan, in which no secret may stand.
        let secrets = secrets(&order, environment)?;
        plan::warn(&warnings);
        carry_out(&order, &secrets, &args.how, environment)
    })?;
    print(&done, &order, None, &args.how, environment)?;
    Ok(exit(&done))
}

/// Refuses names in `--only` that the plan does not have.
pub fn known_probes(plan: &Plan, only: &[String]) -> Result<(), Failure> {
    match only.iter().find(|name| plan.probe(name).is_none()) {
        None => Ok(()),
        Some(unknown) => {
            let names: Vec<&str> = plan.probes.iter().map(|probe| probe.name.as_str()).collect();
            Err(Failure::wrong(format!(
                "--only {unknown}: the plan has no such probe; it has {}",
                names.join(", ")
            )))
        }
    }
}

/// What the command line asks for.
pub fn order<'a>(
    loaded: &'a Loaded,
    conditions: &'a Conditions,
    inputs: BTreeMap<String, String>,
    bundle: &'a Path,
    how: &HowArgs,
    environment: &Environment,
) -> Order<'a> {
    let HowArgs { allow, only, .. } = how;
    Order {
        loaded,
        conditions,
        inputs,
        bundle,
        permitted: Permitted { allow: (*allow).into(), only: (!only.is_empty()).then(|| only.clone()) },
        challenge: how.signing.challenge.clone(),
        max_size: how.max_size.saturating_mul(1 << 20),
        reproduces: None,
        notes: environment.state().ok().map(|state| notes(&state)),
    }
}

/// Where it is written down what runs make and remove again, below the state directory.
pub fn notes(state: &Path) -> Notes {
    Notes::at(state.join("left-over"))
}

/// The secrets of the plan. Read once: one may come through a pipe.
pub fn secrets(order: &Order<'_>, environment: &Environment) -> Result<Secrets, Failure> {
    order.secrets(|name| environment.get(name)).map_err(Failure::wrong)
}

/// Makes the run.
pub fn carry_out(
    order: &Order<'_>,
    secrets: &Secrets,
    how: &HowArgs,
    environment: &Environment,
) -> Result<Done, Failure> {
    match &order.notes {
        // What runs left over that were killed: nobody else may come to remove it.
        Some(notes) => {
            let cleaned =
                clean(notes).map_err(|error| Failure::failed(format!("what runs left over: {error}")))?;
            cleaned
                .iter()
                .filter(|it| !matches!(it, Cleaned::Alive(_)))
                .for_each(|it| terminal::complain(&it.to_string()));
        }
        None if !order.loaded.plan.trials.is_empty() => {
            return Err(Failure::wrong(
                "the machines of trials are written down: set HOME or XDG_STATE_HOME",
            ));
        }
        None => {}
    }
    // A key in a pipe and a ledger that another run holds are waited for; nothing has begun, so that any signal ends it.
    let (key, ledger) = signing(&how.signing, environment)?;
    let stop = Stop::default();
    let undoes = order.loaded.plan.probes.iter().any(|probe| probe.undo.is_some());
    let signals =
        crate::interrupt::watch(&stop, undoes).map_err(|e| Failure::failed(format!("signals: {e}")))?;
    if let Some(limit) = how.limit {
        let stop = stop.clone();
        std::thread::spawn(move || {
            std::thread::sleep(limit.0);
            stop.request(Cause::TimeLimit { limit });
        });
    }
    let mut case = order.begin(Began::now(), key, ledger).map_err(|error| match error {
        CaseError::Ledger(_) => Failure::failed(error),
        _ => Failure::of(error),
    })?;
    let progress = Progress::new(&order.loaded.plan);
    let probed = case.probe(secrets, &stop, &|entries| progress.recorded(entries));
    progress.finish();
    signals.end_at_once();
    let interrupted = match probed {
        Ok(()) => stop.reason(),
        // What was recorded is closed and signed all the same.
        Err(error) => {
            let detail = error.to_string();
            terminal::complain(&format!(
                "{detail}\nWhat was recorded until then is in {}",
                order.bundle.display()
            ));
            Some(Cause::Failed { detail })
        }
    };
    case.close(interrupted).map_err(Failure::failed)
}

/// The operator's key and ledger.
fn signing(args: &SigningArgs, environment: &Environment) -> Result<(Key, Ledger), Failure> {
    let key = match &args.key {
        Some(path) => Key::load(path),
        None => Key::default_at(&environment.configuration().map_err(Failure::wrong)?),
    };
    let key = key.map_err(Failure::of)?;
    let ledger = match &args.ledger {
        Some(path) => path.clone(),
        None => environment.state().map_err(Failure::wrong)?.join("ledger"),
    };
    Ok((key, Ledger::open(&ledger).map_err(Failure::of)?))
}

/// Prints the verdict and where everything is; for programs also how it compares with the run that it reproduces.
pub fn print(
    done: &Done,
    order: &Order<'_>,
    comparison: Option<&Comparison<'_>>,
    how: &HowArgs,
    environment: &Environment,
) -> Result<(), Failure> {
    let (plan, bundle) = (&order.loaded.plan, order.bundle.display());
    let name = bundle::name(order.bundle);
    // As `report` has it of the same bundle.
    let unacceptable = done.interrupted.as_ref().map(|_| Unacceptable::Incomplete(Gap::Interrupted));
    let contents = Contents { unacceptable, ..done.contents(plan, &name) };
    let text = match how.format {
        Output::Json => serde_json::json!({
            "bundle": order.bundle,
            "accepted": contents.accepted(),
            "interrupted": done.interrupted,
            "comparison": comparison.map(Comparison::json),
            "judgement": probity_verdict::wording::judgement(plan, &done.derived.judgement),
        })
        .to_string(),
        Output::Text => {
            let (colour, width) = (terminal::colour(environment), terminal::width(environment));
            let text = probity_report::terminal(&contents, colour, width);
            format!("{text}\nReport  {bundle}/report.html\nBundle  {bundle}")
        }
    };
    terminal::print(&text).map_err(|failure| Failure {
        message: format!("{}\nThe bundle was made all the same: {bundle}", failure.message),
        ..failure
    })
}

/// The verdict's status, or that it was interrupted.
fn exit(done: &Done) -> Exit {
    match done.interrupted {
        Some(_) => Exit::Failed,
        None => Exit::of(done.derived.judgement.verdict.accepted),
    }
}
