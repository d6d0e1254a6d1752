//! An object as NetBox answered it, with what this program needs of it and no more: 11,000 of them must fit in memory.

use super::custom_fields::{
    ASN_FIELD, KEY_FIELD, PAUSE_TAG, PROTECT_TAG, SOURCE_FIELD, SPEC_FIELD, TOMBSTONE_FIELD,
};
use super::{FieldValue, Identity, ObjectKind};
use crate::source::SourceRef;
use serde_json::{Map, Value};

/// An object that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Actual {
    /// Its kind.
    pub kind: ObjectKind,
    /// NetBox's number for it, unique among its kind.
    pub id: u64,
    /// Its name for people.
    pub display: String,
    /// Of shared kinds the natural key, of owned ones the ownership key; None where somebody else owns it.
    pub key: Option<String>,
    /// When it was last saved, as NetBox writes it. For recognising a change since, never for judging one.
    pub last_updated: String,
    /// Whether people tagged it against deletion.
    pub protected: bool,
    /// Whether people tagged it against any change.
    pub paused: bool,
    /// Fields in the form in which they are written: references as numbers, choices as values, lists sorted.
    fields: Map<String, Value>,
}

/// What came is no object of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} in an object of {path}")]
pub struct NotAnObject {
    /// Where it was read.
    pub path: &'static str,
    /// What is wrong with it.
    pub what: &'static str,
}

const KEPT_CUSTOM_FIELDS: [&str; 5] = [KEY_FIELD, SOURCE_FIELD, SPEC_FIELD, ASN_FIELD, TOMBSTONE_FIELD];

impl Actual {
    /// Reads an object of `kind` as the API answers it.
    ///
    /// # Errors
    /// It has no number, no tags, or lacks a field that this kind has.
    pub fn read(kind: ObjectKind, object: Value) -> Result<Self, NotAnObject> {
        let refuse = |what| NotAnObject { path: kind.path(), what };
        let Value::Object(mut object) = object else { return Err(refuse("this is no JSON object")) };
        let id = object.get("id").and_then(Value::as_u64).ok_or_else(|| refuse("there is no `id`"))?;
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (display, last_updated) = (text("display"), text("last_updated"));
        // Without them, whether people keep it from being changed is not known.
        let tags = object.get("tags").and_then(Value::as_array);
        let slugs = tags.map(|tags| tags.iter().map(|tag| tag.get("slug").and_then(Value::as_str)));
        let tags = slugs.and_then(Iterator::collect::<Option<Vec<&str>>>);
        let tags = tags.ok_or_else(|| refuse("there are no `tags`"))?;
        let (protected, paused) = (tags.contains(&PROTECT_TAG), tags.contains(&PAUSE_TAG));
        let custom = object.get_mut("custom_fields").map(Value::take);
        let key = if kind.is_shared() {
            Some(natural_key(kind, &object).ok_or_else(|| refuse("there is no natural key"))?)
        } else {
            let custom = custom.as_ref().and_then(Value::as_object);
            let custom = custom.ok_or_else(|| refuse("there are no `custom_fields`"))?;
            custom.get(KEY_FIELD).and_then(Value::as_str).filter(|key| !key.is_empty()).map(str::to_owned)
        };
        let mut fields = Map::new();
        for name in kind.fields() {
            let value = object.remove(*name).ok_or_else(|| refuse("a field is missing"))?;
            fields.insert((*name).into(), normalize(value));
        }
        if let Some(Value::Object(mut custom)) = custom {
            custom.retain(|name, _| KEPT_CUSTOM_FIELDS.contains(&name.as_str()));
            fields.insert("custom_fields".into(), Value::Object(custom));
        }
        Ok(Self { kind, id, display, key, last_updated, protected, paused, fields })
    }

    /// What a field holds, in the form in which it is written.
    pub fn field(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    /// What a custom field holds.
    pub fn custom_field(&self, name: &str) -> &Value {
        self.fields.get("custom_fields").and_then(|custom| custom.get(name)).unwrap_or(&Value::Null)
    }

    /// The source object that it stands for, as it was written down.
    pub fn source(&self) -> Option<&str> {
        self.custom_field(SOURCE_FIELD).as_str()
    }

    /// The same, if it is the name of one.
    pub fn source_ref(&self) -> Option<SourceRef> {
        self.source().and_then(|source| source.parse().ok())
    }

    /// Its identity, if it bears a key.
    pub fn identity(&self) -> Option<Identity> {
        self.key.clone().map(|key| Identity::new(self.kind, key))
    }

    /// The objects that it refers to, by number.
    pub fn references(&self) -> Vec<(ObjectKind, u64)> {
        let mut found = Vec::new();
        for (name, value) in &self.fields {
            if let Some(kind) = ObjectKind::of_reference(name) {
                let numbers = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                found.extend(numbers.iter().filter_map(Value::as_u64).map(|id| (kind, id)));
            } else if let Some(end) = name.strip_suffix("_id") {
                let kind = self.field(&format!("{end}_type")).as_str().and_then(ObjectKind::of_content_type);
                found.extend(kind.zip(value.as_u64()));
            } else if name.ends_with("_terminations") {
                found.extend(value.as_array().into_iter().flatten().filter_map(|end| {
                    let kind = ObjectKind::of_content_type(end.get("object_type")?.as_str()?)?;
                    Some((kind, end.get("object_id")?.as_u64()?))
                }));
            }
        }
        found
    }

    /// Whether the field `name` holds `value`. An object that NetBox has not numbered is held by no field.
    pub fn holds(&self, name: &str, value: &FieldValue, number: impl Fn(&Identity) -> Option<u64>) -> bool {
        let mut body = Map::new();
        if value.write(name, number, &mut body).is_err() {
            return false;
        }
        body.iter().all(|(name, wanted)| match (name.as_str(), wanted) {
            ("custom_fields", Value::Object(custom)) => {
                custom.iter().all(|(name, wanted)| is_same(self.custom_field(name), wanted))
            }
            _ => is_same(self.field(name), wanted),
        })
    }

    /// What the field `name`, as a desired object names it, holds: for showing beside what it should hold.
    pub fn shown(&self, name: &str) -> Value {
        if let Some(custom) = name.strip_prefix("custom_fields.") {
            return self.custom_field(custom).clone();
        }
        match self.fields.get(name) {
            Some(value) => value.clone(),
            None => Value::Array(vec![
                self.field(&format!("{name}_type")).clone(),
                self.field(&format!("{name}_id")).clone(),
            ]),
        }
    }
}

/// NetBox answers an empty text where null was written, and the other way round.
fn is_same(actual: &Value, wanted: &Value) -> bool {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    actual == wanted || (is_empty(actual) && is_empty(wanted))
}

fn natural_key(kind: ObjectKind, object: &Map<String, Value>) -> Option<String> {
    let slug = object.get("slug").and_then(Value::as_str);
    match kind {
        ObjectKind::Asn => object.get("asn").and_then(Value::as_u64).map(|asn| asn.to_string()),
        ObjectKind::DeviceType => {
            let manufacturer = object.get("manufacturer")?.get("slug")?.as_str()?;
            slug.map(|slug| format!("{manufacturer}/{slug}"))
        }
        _ => slug.map(str::to_owned),
    }
}

/// From the form that is answered to the form that is written.
fn normalize(value: Value) -> Value {
    match value {
        Value::Object(mut object) => {
            if let (Some(kind), Some(id)) = (object.remove("object_type"), object.remove("object_id")) {
                return serde_json::json!({"object_type": kind, "object_id": id});
            }
            // A nested object, a choice.
            object.remove("id").or_else(|| object.remove("value")).unwrap_or(Value::Object(object))
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(normalize).collect();
            items.sort_by_cached_key(|item| match item {
                Value::Number(number) => (number.as_u64().unwrap_or(u64::MAX), String::new()),
                other => (0, other.to_string()),
            });
            Value::Array(items)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_whose_tags_are_not_told_is_no_object_without_tags() {
        let read = |tags: Value| {
            let mut object = json!({"id": 1, "custom_fields": {KEY_FIELD: "lab/1"}});
            for field in ObjectKind::RouteTarget.fields() {
                object[*field] = "x".into();
            }
            if !tags.is_null() {
                object["tags"] = tags;
            }
            Actual::read(ObjectKind::RouteTarget, object).map(|actual| (actual.protected, actual.paused))
        };
        let refused = |tags: Value| read(tags).unwrap_err().what;
        for tags in [Value::Null, json!({}), json!(["fabric-sync-protect"]), json!([{"id": 1}])] {
            assert_eq!(refused(tags.clone()), "there are no `tags`", "{tags}");
        }
        assert_eq!(read(json!([])), Ok((false, false)));
        assert_eq!(read(json!([{"slug": "mine"}, {"slug": PROTECT_TAG}])), Ok((true, false)));
    }
}
