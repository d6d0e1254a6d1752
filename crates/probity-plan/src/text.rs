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

    /// The text that was written so, as a plan would: what [`Serialize`] makes of it. What names nothing stands for itself.
    pub fn parse(written: &str) -> Self {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), written);
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            let secret = after.strip_prefix('{').and_then(|after| after.split_once('}'));
            if let Some(after) = after.strip_prefix('$') {
                plain.push('$');
                rest = after;
            } else if let Some((name, after)) = secret {
                if !plain.is_empty() {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Secret(name.to_owned()));
                rest = after;
            } else {
                plain.push('$');
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        Self(pieces)
    }

    /// Whether it names a secret.
    pub fn has_secret(&self) -> bool {
        self.secrets().next().is_some()
    }

    /// The secrets in the host of this URL: between `://`, the last `@`, and what ends the authority (RFC 3986, 3.2).
    pub(crate) fn secrets_in_host(&self) -> Vec<Exposure> {
        let (mut before, mut host) = (String::new(), Vec::new());
        for piece in &self.0 {
            let in_authority =
                before.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?', '#']));
            match piece {
                Piece::Plain(text) => {
                    let authority = text.split(['/', '?', '#']).next().unwrap_or_default();
                    if in_authority && authority.contains('@') {
                        host.clear();
                    }
                    before.push_str(text);
                }
                Piece::Secret(name) if in_authority => {
                    host.push(Exposure { secret: name.clone(), to: Readers::NameServers });
                }
                Piece::Secret(_) => {}
            }
        }
        host
    }

    /// The names of the secrets in it.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Secret(name) => Some(name.as_str()),
            Piece::Plain(_) => None,
        })
    }
}

/// A secret that others get to see by the way in which it is handed over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exposure {
    /// The secret's name.
    pub secret: String,
    /// Who sees it.
    pub to: Readers,
}

/// Who can read a secret beside those for whom it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readers {
    /// Whoever lists the processes of the machine: arguments are no secret.
    Users,
    /// The name servers that are asked for a host.
    NameServers,
}

impl Readers {
    /// What would be better.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Users => "hand it over in `env` or `stdin`",
            Self::NameServers => "keep secrets out of the names of hosts",
        }
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = &self.secret;
        match self.to {
            Readers::Users => write!(
                f,
                "the secret `{secret}` is an argument of a program: whoever lists the processes of the machine reads it"
            ),
            Readers::NameServers => {
                write!(f, "the secret `{secret}` is part of a host's name, for which name servers are asked")
            }
        }
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
            /// As [`Serialize`] wrote it, from any other deserializer that tells one type from another.
            fn visit_newtype_struct<D: serde::Deserializer<'de>>(self, written: D) -> Result<Text, D::Error> {
                String::deserialize(written).map(|written| Text::parse(&written))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let secret = |name: &str| Piece::Secret(name.to_owned());
        let plain = |text: &str| Piece::Plain(text.to_owned());
        for (pieces, written) in [
            (vec![], "\"\""),
            (vec![plain("a $ b ${c} $$")], "\"a $$ b $${c} $$$$\""),
            (vec![plain("Bearer "), secret("token")], "\"Bearer ${token}\""),
            (vec![secret("a"), secret("b"), plain("$")], "\"${a}${b}$$\""),
        ] {
            let text = Text(pieces);
            assert_eq!(serde_json::to_string(&text).unwrap(), written);
            assert_eq!(serde_json::from_str::<Text>(written).unwrap(), text);
        }
        // What no plan writes names nothing.
        assert_eq!(Text::parse("$1 ${"), Text::plain("$1 ${"));
    }
}
