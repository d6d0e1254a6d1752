//! A field's desired value, which may name objects that NetBox has not numbered yet, and its form in a request.

use super::Identity;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt;

/// Names of custom fields among an object's fields: `custom_fields.NAME`.
const CUSTOM: &str = "custom_fields.";

/// How the field `name` is emptied: of texts and lists NetBox refuses null.
pub fn empty(name: &str) -> Value {
    match name {
        "description" | "serial" | "label" | "service_id" => "".into(),
        "tagged_vlans" | "import_targets" | "export_targets" => json!([]),
        _ => Value::Null,
    }
}

/// The field's name among an object's fields, where `name` is a custom field's.
pub fn custom(name: &str) -> String {
    format!("{CUSTOM}{name}")
}

/// What a field should hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldValue {
    /// Nothing: null, an empty text, an empty list.
    Empty,
    /// A text, or a choice by its value.
    Text(String),
    /// A number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// Another object.
    Reference(Identity),
    /// A set of other objects.
    References(BTreeSet<Identity>),
    /// An object of any kind: fills `NAME_type` and `NAME_id`.
    Generic(Identity),
    /// The interfaces at one end of a cable.
    Terminations(Vec<Identity>),
    /// Ranges of VLAN IDs, both ends included.
    Ranges(Vec<(u16, u16)>),
    /// Any JSON, in a custom field of that type.
    Json(Value),
}

impl FieldValue {
    /// `text` as NetBox keeps it in a field of plain text, without blanks and line breaks at its ends
    /// (<https://www.django-rest-framework.org/api-guide/fields/#charfield>, `trim_whitespace`); or [`FieldValue::Empty`].
    pub fn text(text: impl AsRef<str>) -> Self {
        let text = text.as_ref().trim_matches(is_blank);
        if text.is_empty() { Self::Empty } else { Self::Text(text.into()) }
    }

    /// The objects that it names.
    pub fn references(&self) -> Vec<&Identity> {
        match self {
            Self::Reference(identity) | Self::Generic(identity) => vec![identity],
            Self::References(identities) => identities.iter().collect(),
            Self::Terminations(identities) => identities.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Writes the field `name` in the API's form into `body`. `number` knows the objects' numbers.
    ///
    /// # Errors
    /// An object that it names has no number yet: which.
    pub fn write(
        &self,
        name: &str,
        number: impl Fn(&Identity) -> Option<u64>,
        body: &mut Map<String, Value>,
    ) -> Result<(), Identity> {
        let number = |identity: &Identity| number(identity).ok_or_else(|| identity.clone());
        let value = match self {
            Self::Empty => empty(name),
            Self::Text(text) => Value::from(text.as_str()),
            Self::Integer(integer) => Value::from(*integer),
            Self::Boolean(yes) => Value::from(*yes),
            Self::Reference(identity) => Value::from(number(identity)?),
            Self::References(identities) => {
                let mut numbers = identities.iter().map(number).collect::<Result<Vec<_>, _>>()?;
                numbers.sort_unstable();
                Value::from(numbers)
            }
            Self::Generic(identity) => {
                let number = number(identity)?;
                body.insert(format!("{name}_type"), identity.kind.content_type().into());
                body.insert(format!("{name}_id"), number.into());
                return Ok(());
            }
            Self::Terminations(identities) => {
                let mut ends = identities
                    .iter()
                    .map(|identity| Ok((identity.kind.content_type(), number(identity)?)))
                    .collect::<Result<Vec<_>, Identity>>()?;
                ends.sort_unstable();
                ends.into_iter().map(|(kind, id)| json!({"object_type": kind, "object_id": id})).collect()
            }
            Self::Ranges(ranges) => {
                let mut ranges: Vec<Value> = ranges.iter().map(|(from, to)| json!([from, to])).collect();
                ranges.sort_by_cached_key(Value::to_string);
                ranges.into()
            }
            Self::Json(value) => value.clone(),
        };
        if let Some(custom) = name.strip_prefix(CUSTOM) {
            let fields = body.entry("custom_fields").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(fields) = fields {
                fields.insert(custom.into(), value);
            }
        } else {
            body.insert(name.into(), value);
        }
        Ok(())
    }
}

/// As Python's `str.strip` has it: what separates files, groups, records and units is blank too.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |identities: Vec<&Identity>| {
            identities.iter().map(|identity| identity.key.as_str()).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Empty => f.write_str("nothing"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(integer) => integer.fmt(f),
            Self::Boolean(yes) => yes.fmt(f),
            Self::Ranges(ranges) => {
                let ranges: Vec<_> = ranges.iter().map(|(from, to)| format!("{from}-{to}")).collect();
                f.write_str(&ranges.join(", "))
            }
            Self::Json(value) => value.fmt(f),
            _ => f.write_str(&list(self.references())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_netbox_keeps_of_it() {
        for (text, kept) in [("a\n", "a"), (" \u{1f}a b\u{a0}", "a b"), ("a\nb", "a\nb")] {
            assert_eq!(FieldValue::text(text), FieldValue::Text(kept.into()), "{text:?}");
        }
        assert_eq!(FieldValue::text(" \n\t"), FieldValue::Empty);
    }
}
