//! The units that one depends on, as systemd orders them.

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::{Barrier, Blocked, Value};

use crate::look::Context;
use crate::systemd;

const RELATIONS: &str = "Id,LoadState,ActiveState,SubState,Requires,Requisite,BindsTo,Wants,After";
const STATES: &str = "Id,LoadState,ActiveState,SubState,Result";

/// Each unit that this one requires, wants or is started after, as a map.
///
/// # Errors
/// Those of asking systemd, and `changed` where it did not answer for each.
pub(super) async fn dependencies(name: &str, context: &Context<'_>) -> Result<Vec<Value>, Blocked> {
    let unit = systemd::unit(name, RELATIONS, context).await?;
    let of = |relations: &[&str]| -> BTreeSet<&str> {
        relations.iter().flat_map(|relation| unit.text(relation).split_whitespace()).collect()
    };
    let (required, after) = (of(&["Requires", "Requisite", "BindsTo"]), of(&["After"]));
    let names: Vec<&str> = of(&["Requires", "Requisite", "BindsTo", "Wants", "After"]).into_iter().collect();
    // Without a name, systemctl tells of systemd itself.
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let units = systemd::show(&names, STATES, context).await?;
    if units.len() != names.len() {
        let why = format!("systemctl spoke of {} units instead of {}", units.len(), names.len());
        return Err(Blocked::new(Barrier::Changed, why));
    }
    let described = names.iter().zip(&units).map(|(name, unit)| {
        Value::Map(BTreeMap::from([
            ("unit".to_owned(), (*name).into()),
            ("required".to_owned(), required.contains(name).into()),
            ("after".to_owned(), after.contains(name).into()),
            ("active_state".to_owned(), unit.text("ActiveState").into()),
            ("result".to_owned(), unit.text("Result").into()),
        ]))
    });
    Ok(described.collect())
}
