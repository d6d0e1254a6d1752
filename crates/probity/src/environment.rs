//! What the process was started with: read here, once, and handed on.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The environment variables of the process.
#[derive(Debug)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those that are UTF-8.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    /// Where the key made at first use is kept (XDG Base Directory Specification).
    pub fn configuration(&self) -> Result<PathBuf, String> {
        self.base("XDG_CONFIG_HOME", ".config")
    }

    /// Where the run ledger is kept.
    pub fn state(&self) -> Result<PathBuf, String> {
        self.base("XDG_STATE_HOME", ".local/state")
    }

    fn base(&self, variable: &str, below_home: &str) -> Result<PathBuf, String> {
        let base = match (self.0.get(variable), self.0.get("HOME")) {
            (Some(path), _) if path.starts_with('/') => PathBuf::from(path),
            (_, Some(home)) if home.starts_with('/') => PathBuf::from(home).join(below_home),
            _ => return Err(format!("set HOME or {variable}, or name the file with --key or --ledger")),
        };
        Ok(base.join("probity"))
    }
}
