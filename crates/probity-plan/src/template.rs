//! JSON that a plan writes out in YAML and in whose texts secrets may stand: what is sent to a target that speaks JSON.
//! Must not know to whom it is sent.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::Text;

/// A JSON value with [`Text`] for text.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(with = "serde_json::Value")]
pub enum Template {
    /// `null`, a boolean or a number.
    Scalar(serde_json::Value),
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<Template>),
    /// A map.
    Map(BTreeMap<String, Template>),
}

/// The name by which the plan's deserializer recognises a [`Template`]; it hands over text that names secrets as something
/// ([`serde::de::Visitor::visit_some`]).
pub(crate) const TEMPLATE_MARKER: &str = "probity::Template";

impl Template {
    /// The JSON, each text replaced by what `fill` makes of it.
    ///
    /// # Errors
    /// The first that `fill` has.
    pub fn fill<E>(&self, fill: &impl Fn(&Text) -> Result<String, E>) -> Result<serde_json::Value, E> {
        use serde_json::Value as Json;
        Ok(match self {
            Self::Scalar(scalar) => scalar.clone(),
            Self::Text(text) => Json::String(fill(text)?),
            Self::List(list) => {
                Json::Array(list.iter().map(|item| item.fill(fill)).collect::<Result<_, _>>()?)
            }
            Self::Map(map) => {
                let entry = |(key, value): (&String, &Self)| Ok((key.clone(), value.fill(fill)?));
                Json::Object(map.iter().map(entry).collect::<Result<_, _>>()?)
            }
        })
    }

    /// Whether it is a list or a map.
    pub const fn is_structured(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }
}

impl fmt::Display for Template {
    /// As JSON, secrets by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.fill(&|text| Ok::<_, fmt::Error>(text.to_string()))?;
        write!(f, "{shown}")
    }
}

/// What was written so, in which secrets stand by name.
fn written(json: serde_json::Value) -> Template {
    match json {
        serde_json::Value::String(text) => Template::Text(Text::parse(&text)),
        serde_json::Value::Array(list) => Template::List(list.into_iter().map(written).collect()),
        serde_json::Value::Object(map) => {
            Template::Map(map.into_iter().map(|(key, value)| (key, written(value))).collect())
        }
        scalar => Template::Scalar(scalar),
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Template;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("what JSON can hold")
            }
            fn visit_unit<E>(self) -> Result<Template, E> {
                Ok(Template::Scalar(serde_json::Value::Null))
            }
            fn visit_bool<E>(self, bool: bool) -> Result<Template, E> {
                Ok(Template::Scalar(bool.into()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Template, E> {
                Ok(Template::Scalar(number.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Template, E> {
                Ok(Template::Scalar(number.into()))
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Template, E> {
                let number = serde_json::Number::from_f64(number);
                number
                    .map(|number| Template::Scalar(number.into()))
                    .ok_or_else(|| E::custom("JSON has no such number"))
            }
            fn visit_str<E>(self, text: &str) -> Result<Template, E> {
                Ok(Template::Text(Text::plain(text)))
            }
            fn visit_some<D: serde::Deserializer<'de>>(self, secret: D) -> Result<Template, D::Error> {
                Text::deserialize(secret).map(Template::Text)
            }
            fn visit_newtype_struct<D: serde::Deserializer<'de>>(
                self,
                other: D,
            ) -> Result<Template, D::Error> {
                serde_json::Value::deserialize(other).map(written)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Template, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    list.push(item);
                }
                Ok(Template::List(list))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Template, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((key, value)) = entries.next_entry()? {
                    map.insert(key, value);
                }
                Ok(Template::Map(map))
            }
        }
        deserializer.deserialize_newtype_struct(TEMPLATE_MARKER, Visitor)
    }
}
