//! What may be changed while the service runs, as one list, and how a change is applied: all of it or nothing.

use crate::{Config, ConfigError, load::unknown_key, validate};
use serde_json::Value;

/// When a change is felt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakesEffect {
    /// At once.
    Now,
    /// After the next start.
    AtRestart,
}

/// A key that may be changed while the service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changeable {
    /// Such as `storage.warn`.
    pub key: &'static str,
    /// When the change is felt.
    pub takes_effect: TakesEffect,
}

const fn now(key: &'static str) -> Changeable {
    Changeable { key, takes_effect: TakesEffect::Now }
}

const fn at_restart(key: &'static str) -> Changeable {
    Changeable { key, takes_effect: TakesEffect::AtRestart }
}

/// Every key that may be changed while the service runs. Programs, files, addresses and whoever is let in are not among them: those
/// who may change these have the file.
pub const CHANGEABLE: &[Changeable] = &[
    now("limits.authentication_burst"),
    now("limits.authentications_per_minute"),
    now("limits.burst"),
    now("limits.connections_per_address"),
    now("limits.requests_per_minute"),
    now("log.level"),
    at_restart("server.max_connections"),
    now("server.max_message"),
    now("storage.block"),
    now("storage.retention.age"),
    now("storage.retention.every"),
    now("storage.retention.policy"),
    now("storage.retention.size"),
    now("storage.rotate.every"),
    now("storage.rotate.size"),
    now("storage.warn"),
];

/// Applies a patch such as `{"storage": {"warn": "70 %"}}` or `{"storage.warn": "70 %"}` (RFC 7396; `null` puts the default back) and gives the new configuration.
/// A key outside [`CHANGEABLE`] or a wrong value refuses the whole patch.
pub fn apply_patch(config: &Config, patch: &Value) -> Result<Config, ConfigError> {
    if !patch.is_object() {
        return Err(ConfigError::Patch(
            "a patch is an object such as {\"storage\": {\"warn\": \"70 %\"}}".into(),
        ));
    }
    let mut leaves = Vec::new();
    collect(patch, "", &mut leaves);
    // Sources would come back with masked passwords; nothing here changes them.
    let mut value = Config { cameras: Vec::new(), ..config.clone() }.effective();
    let before = value.clone();
    let defaults = Config::default().effective();
    let mut changed = config.clone();
    for (key, new) in &leaves {
        let pointer = format!("/{}", key.replace('.', "/"));
        if !CHANGEABLE.iter().any(|changeable| changeable.key == key) {
            return Err(refusal(key, &before, &pointer));
        }
        let new = if new.is_null() { defaults.pointer(&pointer).unwrap_or(&Value::Null) } else { *new };
        if let Some(old) = value.pointer_mut(&pointer) {
            *old = new.clone();
        }
        changed = serde_json::from_value(value.clone())
            .map_err(|error| ConfigError::Patch(format!("`{key}`: {error}")))?;
    }
    changed.cameras.clone_from(&config.cameras);
    validate::validate(&changed).map_err(|(key, why)| ConfigError::Patch(format!("`{key}`: {why}")))?;
    Ok(changed)
}

/// The keys whose value is not in force until the next start.
#[must_use]
pub fn needs_restart(at_start: &Config, now: &Config) -> Vec<String> {
    let (at_start, now) = (at_start.effective(), now.effective());
    CHANGEABLE
        .iter()
        .filter(|changeable| changeable.takes_effect == TakesEffect::AtRestart)
        .map(|changeable| changeable.key)
        .filter(|key| {
            let pointer = format!("/{}", key.replace('.', "/"));
            at_start.pointer(&pointer) != now.pointer(&pointer)
        })
        .map(str::to_owned)
        .collect()
}

/// The keys of a patch in full, with their values.
fn collect<'a>(patch: &'a Value, prefix: &str, leaves: &mut Vec<(String, &'a Value)>) {
    match patch {
        Value::Object(entries) => {
            for (name, value) in entries {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                collect(value, &key, leaves);
            }
        }
        leaf => leaves.push((prefix.into(), leaf)),
    }
}

fn refusal(key: &str, config: &Value, pointer: &str) -> ConfigError {
    let exists = (!key.contains(['/', '~']) && config.pointer(pointer).is_some())
        || key.starts_with("cameras")
        || key.starts_with("server.tls");
    if exists {
        let changeable: Vec<&str> = CHANGEABLE.iter().map(|changeable| changeable.key).collect();
        return ConfigError::NotChangeable { key: key.into(), changeable: changeable.join(", ") };
    }
    ConfigError::Patch(unknown_key(key, CHANGEABLE.iter().map(|changeable| changeable.key)))
}
