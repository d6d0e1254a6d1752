//! serde's side of the tree: reads types from nodes, with messages in the words of a plan's author.

use std::fmt::{self, Display};

use probity_diagnostic::Position;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{self, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor};

use super::{Key, Kind, Node, scalar};
use crate::error::{did_you_mean, enumerate};
use crate::template::TEMPLATE_MARKER;
use crate::text::{Piece, TEXT_MARKER};

/// What is wrong with a node.
#[derive(Debug)]
pub(crate) struct Error {
    /// Where; absent until the innermost node that knows it has filled it in.
    pub at: Option<Position>,
    /// What is wrong.
    pub message: String,
}

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Self { at: None, message: message.into() }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(bool) => format!("`{bool}`"),
            Unexpected::Unsigned(number) => format!("`{number}`"),
            Unexpected::Signed(number) => format!("`{number}`"),
            Unexpected::Float(number) => format!("`{number}`"),
            Unexpected::Str(text) => format!("`{}`", super::shortened(text)),
            Unexpected::Unit => "nothing".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a map".to_owned(),
            other => other.to_string(),
        };
        Self::new(format!("expected {expected}, found {found}"))
    }
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }
    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found {length}"))
    }
    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        let hint = did_you_mean(variant, known.iter().copied());
        let known = enumerate(known.iter().copied(), "or");
        Self::new(format!("`{}` is not one of {known}{hint}", super::shortened(variant)))
    }
    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let hint = did_you_mean(field, known.iter().copied());
        let hint = if hint.is_empty() {
            format!("; known are {}", enumerate(known.iter().copied(), "and"))
        } else {
            hint
        };
        Self::new(format!("unknown key `{}`{hint}", super::shortened(field)))
    }
    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("key `{field}` is missing"))
    }
    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("key `{field}` repeated"))
    }
}

/// Reads a type from a node.
#[derive(Clone, Copy)]
pub(crate) struct De<'n>(pub &'n Node);

impl De<'_> {
    fn expected<T>(self, what: &str) -> Result<T, Error> {
        if matches!(self.0.kind, Kind::Pieces(_)) {
            return self.error("a secret may not stand here");
        }
        self.error(format!("expected {what}, found {}", self.0.found()))
    }

    fn error<T>(self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error { at: Some(self.0.at.clone()), message: message.into() })
    }

    /// Adds the place to an error that has none yet.
    fn placed<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|mut error| {
            error.at.get_or_insert_with(|| self.0.at.clone());
            error
        })
    }

    fn integer(self, least: i128, most: i128) -> Result<i128, Error> {
        let number = match &self.0.kind {
            Kind::Plain(text) => scalar::integer(text),
            _ => None,
        };
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            Some(number) => {
                self.error(format!("`{number}` is out of range; a whole number from {least} to {most}"))
            }
            None => self.expected("a whole number"),
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = self.integer(i128::from($type::MIN), i128::from($type::MAX))?;
            // In range: just checked.
            self.placed(visitor.$visit(number as $type))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for De<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.0.kind {
            Kind::Plain(text) if scalar::is_null(text) => visitor.visit_unit(),
            Kind::Plain(text) => {
                if let Some(bool) = scalar::boolean(text) {
                    visitor.visit_bool(bool)
                } else if let Some(number) =
                    scalar::integer(text).and_then(|number| i64::try_from(number).ok())
                {
                    visitor.visit_i64(number)
                } else if let Some(number) = scalar::float(text) {
                    visitor.visit_f64(number)
                } else {
                    visitor.visit_str(text)
                }
            }
            Kind::Text(text) => visitor.visit_str(text),
            Kind::Pieces(_) => return self.error("a secret may not stand here"),
            Kind::Broken => return self.expected("YAML"),
            Kind::List(items) => visitor.visit_seq(Items(items.iter())),
            Kind::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        };
        self.placed(result)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let bool = match &self.0.kind {
            Kind::Plain(text) => scalar::boolean(text),
            _ => None,
        };
        match bool {
            Some(bool) => self.placed(visitor.visit_bool(bool)),
            None => self.expected("true or false"),
        }
    }

    integers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64
    );

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let number = match &self.0.kind {
            Kind::Plain(text) => match scalar::integer(text) {
                Some(_) => text.parse().ok(),
                None => scalar::float(text),
            },
            _ => None,
        };
        match number {
            Some(number) => self.placed(visitor.visit_f64(number)),
            None => self.expected("a number"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Plain(text) if !scalar::is_null(text) => self.placed(visitor.visit_str(text)),
            Kind::Text(text) => self.placed(visitor.visit_str(text)),
            _ => self.expected("text"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match (name, &self.0.kind) {
            (TEXT_MARKER, Kind::Pieces(pieces)) => self.placed(visitor.visit_seq(Pieces(pieces.iter()))),
            (TEXT_MARKER, _) => self.deserialize_str(visitor),
            (TEMPLATE_MARKER, Kind::Pieces(_)) => visitor.visit_some(self),
            (TEMPLATE_MARKER, _) => self.deserialize_any(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::List(items) if items.is_empty() => self.error("the list is empty"),
            Kind::List(items) => self.placed(visitor.visit_seq(Items(items.iter()))),
            _ => self.expected("a list"),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Map(entries) if entries.is_empty() => self.error("the map is empty"),
            Kind::Map(entries) => {
                self.placed(visitor.visit_map(Entries { rest: entries.iter(), value: None }))
            }
            _ => self.expected("a map"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Map(entries) => {
                self.placed(visitor.visit_map(Entries { rest: entries.iter(), value: None }))
            }
            _ => self.expected(&format!("a map with {}", enumerate(fields.iter().copied(), "or"))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Plain(text) | Kind::Text(text) if !self.0.is_null() => {
                self.placed(visitor.visit_enum(text.as_str().into_deserializer()))
            }
            Kind::Map(entries) if entries.len() == 1 => {
                let map = Entries { rest: entries.iter(), value: None };
                self.placed(visitor.visit_enum(MapAccessDeserializer::new(map)))
            }
            _ => self.expected(&enumerate(known.iter().copied(), "or")),
        }
    }

    /// What is ignored here is read from the tree elsewhere; it may name secrets.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { bytes byte_buf unit unit_struct identifier }
}

struct Items<'n>(std::slice::Iter<'n, Node>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Error;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|node| De(node).placed(seed.deserialize(De(node)))).transpose()
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'n> {
    rest: std::slice::Iter<'n, (Key, Node)>,
    value: Option<&'n Node>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let read: Result<K::Value, Error> = seed.deserialize(key.text.as_str().into_deserializer());
        read.map(Some).map_err(|mut error| {
            error.at.get_or_insert_with(|| key.at.clone());
            error
        })
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(node) => De(node).placed(seed.deserialize(De(node))),
            None => Err(Error::new("a value was asked for before its key")),
        }
    }
}

/// The pieces of a text that names secrets, as [`crate::Text`] reads them.
struct Pieces<'n>(std::slice::Iter<'n, Piece>);

impl<'de> de::SeqAccess<'de> for Pieces<'_> {
    type Error = Error;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(piece) = self.0.next() else { return Ok(None) };
        let (variant, text) = match piece {
            Piece::Plain(text) => ("Plain", text),
            Piece::Secret(name) => ("Secret", name),
        };
        let entry = MapDeserializer::new(std::iter::once((variant, text.as_str())));
        seed.deserialize(MapAccessDeserializer::new(entry)).map(Some)
    }
}

/// The keys that a type reads, in its order; empty if it is not a struct.
pub(crate) fn fields_of(read: impl FnOnce(Fields<'_>)) -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    read(Fields(&mut fields));
    fields
}

/// Notes which fields a struct asks for, and reads nothing.
pub(crate) struct Fields<'f>(&'f mut &'static [&'static str]);

impl<'de> de::Deserializer<'de> for Fields<'_> {
    type Error = Error;
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::new("only the fields were asked for"))
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::new("only the fields were asked for"))
    }
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
