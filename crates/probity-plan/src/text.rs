//! Text of a plan that may name secrets. The secret itself is never in it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A parameter's text, in which `$name` of a secret input stays a name until the moment of the look.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Text(pub Vec<Piece>);

/// A piece of a [`Text`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum Piece {
    /// Plain text.
    Plain(String),
    /// The value of the secret input of this name.
    Secret(String),
}

/// The name by which the plan's deserializer recognises a [`Text`] and hands it pieces.
pub(crate) const TEXT_MARKER: &str = "probity::Text";

impl Text {
    /// Plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Piece::Plain(text.into())])
    }

    /// Whether it names a secret.
    pub fn has_secret(&self) -> bool {
        self.secrets().next().is_some()
    }

    /// The names of the secrets in it.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Secret(name) => Some(name.as_str()),
            Piece::Plain(_) => None,
        })
    }
}

impl fmt::Display for Text {
    /// Secrets by name: `Bearer ${token}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Plain(text) => f.write_str(text)?,
                Piece::Secret(name) => write!(f, "${{{name}}}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Text {
    /// As a plan would write it: secrets by name, a literal dollar as `$$`, so that different texts stay different.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => text.replace('$', "$$"),
            Piece::Secret(name) => format!("${{{name}}}"),
        };
        serializer.serialize_str(&self.0.iter().map(piece).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text::plain(text))
            }
            /// Pieces, from the plan's own deserializer.
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
                let mut pieces = Vec::new();
                while let Some(piece) = seq.next_element()? {
                    pieces.push(piece);
                }
                Ok(Text(pieces))
            }
        }
        deserializer.deserialize_newtype_struct(TEXT_MARKER, Visitor)
    }
}
