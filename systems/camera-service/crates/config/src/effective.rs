//! The configuration as it is in effect, for showing: no password is in it.

use crate::Config;
use serde_json::Value;

impl Config {
    /// Every key with its value, as JSON; values with units as text, passwords in sources masked.
    pub fn effective(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Every key with its value, as YAML that can be read again (but for masked passwords).
    pub fn render(&self) -> String {
        // `$$` is how a dollar sign is written in the file; keys have none.
        serde_saphyr::to_string(self).unwrap_or_default().replace('$', "$$")
    }
}
