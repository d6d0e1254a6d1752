//! The times that a line bears which is a JSON object.

use jiff::Timestamp;

/// The names under which a line that is a JSON object bears its time.
pub(super) const KEYS: [&str; 4] = ["time", "timestamp", "@timestamp", "ts"];

/// What stands under these names, each as often as it is there.
pub(super) struct Fields(pub(super) Vec<serde_json::Value>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    match KEYS.iter().position(|key| *key == name) {
                        Some(at) => fields.push((at, map.next_value()?)),
                        None => _ = map.next_value::<serde::de::IgnoredAny>()?,
                    }
                }
                fields.sort_by_key(|(at, _)| *at);
                Ok(Fields(fields.into_iter().map(|(_, value)| value).collect()))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// A number since 1970, if it is one. No log is older than 1973, nor younger than 5138: so in seconds, and in milliseconds; and
/// so on.
pub(super) fn since_1970(number: f64) -> Option<Timestamp> {
    let seconds = match number {
        1e17.. => number / 1e9,
        1e14.. => number / 1e6,
        1e11.. => number / 1e3,
        1e8.. => number,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float's saturating cast; out of range is an error next"
    )]
    Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()
}
