//! Secrets: where they come from, and that nothing of them is recorded or shown.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use base64::Engine;
use probity_plan::{InputValue, Observation, Plan, Value};

use crate::mask::Masks;

/// The least length of a secret; a shorter one would be found by accident all over the evidence.
const SHORTEST: usize = 8;

/// The secrets of a run. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
    masks: Arc<Masks>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Secrets {
    /// Reads every secret input of a plan from where the plan says. `environment` is asked for variables.
    ///
    /// # Errors
    /// Lists every secret that is missing, too short, or unreadable, and how to give it.
    pub fn read(plan: &Plan, environment: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut values = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, input) in &plan.inputs {
            let read = match &input.value {
                InputValue::Plain(_) => continue,
                InputValue::SecretEnv(variable) => {
                    environment(variable).ok_or_else(|| format!("set the environment variable {variable}"))
                }
                InputValue::SecretFile(path) => {
                    std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))
                }
                InputValue::SecretDescriptor(number) => read_descriptor(*number),
            };
            match read.map(|text| text.trim_end_matches(['\n', '\r']).to_owned()) {
                Ok(value) if value.len() < SHORTEST => problems.push(format!(
                    "the secret `{name}` has {} bytes; at least {SHORTEST} are needed to mask it reliably",
                    value.len()
                )),
                Ok(value) => _ = values.insert(name.clone(), value),
                Err(how) => problems.push(format!("the secret `{name}` is missing: {how}")),
            }
        }
        if problems.is_empty() { Ok(Self::new(values)) } else { Err(problems) }
    }

    /// These secrets by name.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        let mut secrets = Self::default();
        for (name, value) in &values {
            secrets.hide(name, value);
        }
        secrets.values = values;
        secrets
    }

    /// The secret of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Masks this value too, in all its forms, under this name: a token made from a secret. Each of several lines is masked
    /// for itself as well: what reads lines never sees the whole.
    pub fn hide(&mut self, name: &str, value: &str) {
        if value.contains('\n') {
            value.lines().for_each(|line| self.hide(name, line.trim()));
        }
        let mask = format!("[secret {name}]");
        let percent: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let json = serde_json::Value::from(value).to_string();
        let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
        let mut forms = vec![
            value.to_owned(),
            lower_percent(&percent),
            lower_percent(&percent.replace('+', "%20")),
            percent.replace('+', "%20"),
            percent,
            // As most write it, and as Go does.
            json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e"),
            json.to_owned(),
        ];
        forms.extend(base64_forms(value.as_bytes()));
        let masks = Arc::make_mut(&mut self.masks);
        forms.iter().filter(|form| form.len() >= SHORTEST).for_each(|form| masks.add(form, &mask));
    }

    /// The text with every secret in every form replaced by its name.
    pub fn mask(&self, text: &str) -> String {
        self.masks.mask(text)
    }

    /// The SHA-256 of these bytes as they would be recorded, in lower-case hexadecimal: a digest of what holds a secret
    /// would let a guess at it be tried.
    pub fn sha256(&self, bytes: &[u8]) -> String {
        let mut digest = self.masks.digest();
        digest.update(bytes);
        digest.finish()
    }

    /// What masks them, for a digest of what is too long to be held.
    pub(crate) fn masks(&self) -> Arc<Masks> {
        Arc::clone(&self.masks)
    }

    /// Masks every text of an observation, keys included.
    pub fn mask_observation(&self, observation: &mut Observation) {
        if self.masks.is_empty() {
            return;
        }
        for value in observation.facts.values_mut().chain(observation.cell.values_mut()) {
            self.mask_value(value);
        }
        for blocked in observation.unknown.values_mut() {
            blocked.detail = self.mask(&blocked.detail);
        }
    }

    fn mask_value(&self, value: &mut Value) {
        match value {
            Value::Text(text) => *text = self.mask(text),
            Value::List(list) => list.iter_mut().for_each(|value| self.mask_value(value)),
            Value::Map(map) => {
                *map = std::mem::take(map)
                    .into_iter()
                    .map(|(key, mut value)| {
                        self.mask_value(&mut value);
                        (self.mask(&key), value)
                    })
                    .collect();
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }
}

fn read_descriptor(number: u32) -> Result<String, String> {
    let path = format!("/proc/self/fd/{number}");
    let mut text = String::new();
    std::fs::File::open(&path)
        .and_then(|mut file| file.read_to_string(&mut text))
        .map_err(|e| format!("descriptor {number}: {e}; open it in the shell, such as `{number}< FILE`"))?;
    Ok(text)
}

/// With the digits after each `%` in lower case, as some write them.
fn lower_percent(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        out.push('%');
        out.push_str(&digits.to_ascii_lowercase());
        out.push_str(rest);
    }
    out
}

/// What base64 makes of the value at each of the three alignments it can have inside a longer text, without the
/// characters at its ends that depend on what stands beside it; in the standard and the URL alphabet.
fn base64_forms(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3_usize {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value);
        let start = (before * 8).div_ceil(6);
        let end = bytes.len() * 8 / 6;
        for engine in [
            base64::engine::general_purpose::STANDARD_NO_PAD,
            base64::engine::general_purpose::URL_SAFE_NO_PAD,
        ] {
            if let Some(form) = engine.encode(&bytes).get(start..end) {
                forms.push(form.to_owned());
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_all_its_forms() {
        let secret = "pässw\"rd & more?";
        let secrets = Secrets::new(BTreeMap::from([("token".to_owned(), secret.to_owned())]));
        let standard = base64::engine::general_purpose::STANDARD;
        for text in [
            secret.to_owned(),
            serde_json::Value::from(secret).to_string(),
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            standard.encode(secret),
            standard.encode(format!("u:{secret}")),
            standard.encode(format!("user:{secret}")),
            standard.encode(format!("user1:{secret}!")),
            base64::engine::general_purpose::URL_SAFE.encode(secret),
            "p%c3%a4ssw%22rd+%26+more%3f".to_owned(),
            "p%c3%a4ssw%22rd%20%26%20more%3f".to_owned(),
            "pässw\\\"rd \\u0026 more?".to_owned(),
        ] {
            let masked = secrets.mask(&format!("before {text} after"));
            assert!(masked.contains("[secret token]"), "{text} -> {masked}");
            assert!(!masked.contains(&text), "{text} -> {masked}");
        }
        assert_eq!(secrets.mask("nothing to hide"), "nothing to hide");
        // A list of lines holds them one by one.
        let key = Secrets::new(BTreeMap::from([("key".to_owned(), "MIIEpAIBAAKC\nq83vEjRWeJo=".to_owned())]));
        assert_eq!(key.mask("MIIEpAIBAAKC"), "[secret key]");
        assert_eq!(key.mask("> q83vEjRWeJo="), "> [secret key]");
        assert_eq!(format!("{secrets:?}"), r#"{"token"}"#);
    }
}
