//! What calls change for good: cameras that were added, configuration that was patched. Kept in one file beside the
//! configuration, which stays the operator's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use camera_config::{Config, apply_patch, needs_restart};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Service, blocking, state_file};
use crate::contract::{
    CleanedUp, ConfigPatch, ConfigView, NotRemoved, RetentionKind, RetentionPolicy, RpcError,
};
use service_setup::files::{Owner, write_whole};

/// The changes and where they are kept.
pub struct ChangeStore {
    path: PathBuf,
    changes: Mutex<Changes>,
    /// Held by the call that changes the configuration.
    turn: Mutex<()>,
}

/// The file's content.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Of this form; a newer one is refused.
    version: u32,
    /// Cameras that were added, with their sources in clear: the file's mode is 600.
    pub cameras: Vec<AddedCamera>,
    /// What `modify_config` changed (RFC 7396).
    pub patch: Value,
}

/// A camera that was added by a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddedCamera {
    /// Its name.
    pub name: String,
    /// Its source.
    pub source: String,
}

const VERSION: u32 = 1;

impl Changes {
    /// Each key that calls changed, with its value: what goes before the configuration file. In the order of the keys.
    #[must_use]
    pub fn keys(&self) -> Vec<(String, String)> {
        let mut keys = Vec::new();
        list_keys("", &self.patch, &mut keys);
        keys
    }
}

fn list_keys(above: &str, value: &Value, keys: &mut Vec<(String, String)>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let key = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
                list_keys(&key, value, keys);
            }
        }
        Value::Null if above.is_empty() => {}
        Value::Null => keys.push((above.to_owned(), "its default".to_owned())),
        Value::String(text) => keys.push((above.to_owned(), text.clone())),
        other => keys.push((above.to_owned(), other.to_string())),
    }
}

impl ChangeStore {
    /// Reads what was kept; a file that is not there holds nothing.
    ///
    /// # Errors
    /// A file that cannot be read as what it should be, in a sentence.
    pub fn open(path: &Path) -> Result<(ChangeStore, Changes), String> {
        let changes = state_file::parse(path, VERSION, "changes")?.unwrap_or_else(|| Changes {
            version: VERSION,
            patch: json!({}),
            ..Changes::default()
        });
        Ok((
            ChangeStore { path: path.to_owned(), changes: Mutex::new(changes.clone()), turn: Mutex::new(()) },
            changes,
        ))
    }

    /// Changes what is kept; in force only once it is on the disk.
    async fn change(&self, change: impl FnOnce(&mut Changes)) -> Result<(), RpcError> {
        let mut held = self.changes.lock().await;
        let mut new = held.clone();
        change(&mut new);
        let (path, text) = (self.path.clone(), serde_json::to_vec_pretty(&new).unwrap_or_default());
        blocking(move || write_whole(&path, &text, 0o600, Owner::of(&path))).await?.map_err(|error| {
            RpcError::dependency(format!("the change could not be kept in {}: {error}", self.path.display()))
        })?;
        *held = new;
        Ok(())
    }
}

impl Service {
    /// Keeps an added camera, or forgets it (`source` is `None`).
    pub(super) async fn keep_added(&self, name: &str, source: Option<&str>) -> Result<(), RpcError> {
        self.kept
            .change(|changes| {
                changes.cameras.retain(|camera| camera.name != name);
                if let Some(source) = source {
                    changes.cameras.push(AddedCamera { name: name.to_owned(), source: source.to_owned() });
                }
            })
            .await
    }

    pub(super) fn config_view(&self) -> ConfigView {
        let config = self.config.read();
        ConfigView { config: config.effective(), needs_restart: needs_restart(&self.at_start, &config) }
    }

    pub(super) async fn change_config(&self, patch: &ConfigPatch) -> Result<ConfigView, RpcError> {
        self.patch(&patch.patch).await?;
        Ok(self.config_view())
    }

    async fn patch(&self, patch: &Value) -> Result<(), RpcError> {
        // One change after the other: each begins with what the one before it left.
        let _turn = self.kept.turn.lock().await;
        let before = Arc::clone(&self.config.read());
        let config =
            apply_patch(&before, patch).map_err(|error| RpcError::invalid_params(error.to_string()))?;
        self.kept.change(|changes| merge(&mut changes.patch, &nested(patch))).await?;
        self.put_in_force(config);
        Ok(())
    }

    /// Everything that follows a changed configuration at once.
    fn put_in_force(&self, config: Config) {
        self.access.set_limits(&config.limits);
        self.places.set_most_of_one(config.limits.connections_per_address.get());
        crate::log::set_level(config.log.level);
        *self.config.write() = Arc::new(config);
    }

    pub(super) async fn set_retention(&self, policy: RetentionPolicy) -> Result<RetentionPolicy, RpcError> {
        let mut retention = json!({ "policy": policy.policy });
        for (key, value) in [("age", &policy.age), ("size", &policy.size)] {
            if let Some(value) = value {
                retention[key] = json!(value);
            }
        }
        let needs = match policy.policy {
            RetentionKind::Age if policy.age.is_none() => Some("policy age needs \"age\", such as \"30 d\""),
            RetentionKind::Size if policy.size.is_none() => {
                Some("policy size needs \"size\", such as \"50 GB\"")
            }
            _ => None,
        };
        if let Some(needs) = needs {
            return Err(RpcError::invalid_params(needs));
        }
        self.patch(&json!({ "storage": { "retention": retention } })).await?;
        Ok(self.retention_view())
    }

    pub(super) fn retention_view(&self) -> RetentionPolicy {
        let config = self.config.read();
        let retention = &config.storage.retention;
        let (age, size) = (Some(retention.age.to_string()), Some(retention.size.to_string()));
        match retention.policy {
            camera_config::Policy::Age => RetentionPolicy { policy: RetentionKind::Age, age, size: None },
            camera_config::Policy::Size => RetentionPolicy { policy: RetentionKind::Size, age: None, size },
            camera_config::Policy::Manual => {
                RetentionPolicy { policy: RetentionKind::Manual, age: None, size: None }
            }
        }
    }

    /// Removes what the retention policy no longer keeps, and says what is really gone.
    pub(super) async fn clean_up(&self) -> Result<CleanedUp, RpcError> {
        let cleaned = self.clean().await?;
        Ok(CleanedUp {
            removed: cleaned.removed.iter().map(|gone| gone.name.to_string()).collect(),
            bytes_freed: cleaned.bytes_freed,
            failed: cleaned
                .failed
                .iter()
                .map(|left| NotRemoved { filename: left.name.to_string(), reason: left.why.clone() })
                .collect(),
        })
    }
}

/// A patch with keys such as `storage.warn` written out, so that the same key is never kept twice.
fn nested(patch: &Value) -> Value {
    let Value::Object(entries) = patch else { return patch.clone() };
    let mut whole = json!({});
    for (key, value) in entries {
        let value = key.rsplit('.').fold(nested(value), |value, part| json!({ part: value }));
        merge(&mut whole, &value);
    }
    whole
}

/// Merges a patch into another, so that both together are one (RFC 7396; `null` is kept, it puts a default back).
fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_changed_is_listed_key_by_key() {
        let patch =
            json!({ "storage": { "retention": { "age": "1 d" }, "warn": null }, "limits": { "burst": 7 } });
        let keys = Changes { patch, ..Changes::default() }.keys();
        let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        assert_eq!(keys, ["limits.burst: 7", "storage.retention.age: 1 d", "storage.warn: its default"]);
        assert_eq!(Changes::default().keys(), []);
    }

    #[test]
    fn the_same_key_written_in_two_ways_is_one_key() {
        let mut kept = json!({});
        merge(&mut kept, &nested(&json!({ "storage.retention.age": "1 d", "log": { "level": "warn" } })));
        merge(&mut kept, &nested(&json!({ "storage": { "retention": { "age": "30 d" } } })));
        assert_eq!(
            kept,
            json!({ "storage": { "retention": { "age": "30 d" } }, "log": { "level": "warn" } })
        );
    }
}
