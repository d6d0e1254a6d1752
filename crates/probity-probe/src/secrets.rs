//! Secrets: where they come from, and that nothing of them is recorded or shown.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use base64::Engine;
use probity_plan::{InputValue, Observation, Plan, Value};

use crate::mask::{Forms, Masks};

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

    /// Masks this value too, with each character in any of its forms, under this name: a token made from a secret. Each of several lines is masked
    /// for itself as well: what reads lines never sees the whole.
    pub fn hide(&mut self, name: &str, value: &str) {
        if value.contains('\n') {
            value.lines().for_each(|line| self.hide(name, line.trim()));
        }
        let mask = format!("[secret {name}]");
        let masks = Arc::make_mut(&mut self.masks);
        // A long secret has many characters and few different ones.
        let mut known = BTreeMap::new();
        let mut written = |text: &str| {
            text.chars().map(|c| Arc::clone(known.entry(c).or_insert_with(|| Arc::new(forms(c))))).collect()
        };
        if value.len() >= SHORTEST {
            masks.add(written(value), &[], &mask);
        }
        for form in base64_forms(value.as_bytes()).iter().filter(|form| form.len() >= SHORTEST) {
            masks.add(written(form), BREAKS, &mask);
        }
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
            Value::Number(number) => {
                let text = number.to_string();
                let masked = self.mask(&text);
                if masked != text {
                    *value = Value::Text(masked);
                }
            }
            Value::Null | Value::Bool(_) | Value::Interval(_) | Value::Moment(_) => {}
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

/// A character as it can stand in what was recorded: each encoder escapes others, so any may be escaped or not.
fn forms(c: char) -> Forms {
    let bytes = c.to_string().into_bytes();
    let each = |sign: &str| bytes.iter().map(|byte| format!("{sign}{byte:02x}")).collect::<String>();
    // Percent encoding (RFC 3986), JSON (RFC 8259), the logs of web servers.
    let units = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
    let mut escaped = vec![each("%"), units, each("\\x")];
    // HTML, by number and by name.
    escaped.extend([format!("&#{};", u32::from(c)), format!("&#x{:x};", u32::from(c))]);
    let others: &[&str] = match c {
        ' ' => &["+"],
        '\n' => &["\\n"],
        '\r' => &["\\r"],
        '\t' => &["\\t"],
        '\u{8}' => &["\\b"],
        '\u{c}' => &["\\f"],
        '&' => &["&amp;"],
        '<' => &["&lt;"],
        '>' => &["&gt;"],
        '"' => &["&quot;"],
        '\'' => &["&apos;", "&#039;"],
        _ => &[],
    };
    escaped.extend(others.iter().map(|form| (*form).to_owned()));
    // JSON's `\/`, `\"` and `\\`, and what shells write.
    if c == ' ' || c.is_ascii_punctuation() {
        escaped.push(format!("\\{c}"));
    }
    Forms { plain: c.to_string(), escaped }
}

/// The line breaks of base64, in a text or in a JSON string.
const BREAKS: &[&str] = &["\n", "\r\n", "\\n", "\\r\\n"];

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

    #[test]
    fn a_secret_is_masked_whichever_of_its_characters_an_encoder_escapes() {
        for (secret, texts) in [
            (
                "p@ss w0rd!!here",
                &[
                    "p@ss%20w0rd!!here",
                    "p%40ss+w0rd!!here",
                    "p%40ss%20w0rd%21%21here",
                    "p&#64;ss w0rd\\!\\!here",
                ][..],
            ),
            (
                "pässwort/123!",
                &[
                    "p%C3%A4sswort/123!",
                    "p%c3%A4sswort%2f123!",
                    "p\\u00e4sswort/123!",
                    "p\\u00E4sswort\\/123!",
                    "pässwort\\/123!",
                    "p\\xC3\\xA4sswort/123!",
                ],
            ),
            (
                "hunter2/secret+val\"x",
                &[
                    "hunter2/secret+val%22x",
                    "hunter2\\/secret+val\\\"x",
                    "hunter2/secret+val&quot;x",
                    "hunter2/secret\\u002bval\\u0022x",
                ],
            ),
            (
                "key 🔑 of\tit\\all",
                &["key%20%F0%9F%94%91 of\\tit\\\\all", "key \\ud83d\\uDD11 of%09it\\u005call"],
            ),
        ] {
            let secrets = Secrets::new(BTreeMap::from([("it".to_owned(), secret.to_owned())]));
            for text in texts {
                assert_eq!(secrets.mask(&format!("/a?t={text}&b")), "/a?t=[secret it]&b", "{text}");
            }
        }
    }

    #[test]
    fn base64_is_masked_across_its_line_breaks() {
        let secret = "MIIEpAIBAAKCAQEAq83vEjRWeJo and what else stands in a key that is somewhat longer";
        let secrets = Secrets::new(BTreeMap::from([("key".to_owned(), secret.to_owned())]));
        let encoded = base64::engine::general_purpose::STANDARD.encode(secret);
        for line_break in ["\n", "\r\n", "\\n"] {
            let lines: Vec<&str> =
                encoded.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
            let masked = secrets.mask(&lines.join(line_break));
            assert_eq!(masked.trim_end_matches('='), "[secret key]", "{line_break:?}");
        }
    }
}
