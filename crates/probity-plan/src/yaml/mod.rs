//! YAML with places: a tree of our own, so that each message names its line and column and one error does not hide
//! the others. Knows nothing of plans.

mod compose;
mod de;
mod scalar;

use std::rc::Rc;

use probity_diagnostic::Position;

use crate::text::Piece;

pub(crate) use compose::{MAX_BYTES, parse};
pub(crate) use de::{De, Error, fields_of};
pub(crate) use scalar::typed;

/// A node of a document. Cheap to copy: collections are shared.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The first character of a scalar's text (behind the quote, if there is one), or of a collection.
    pub at: Position,
    /// What it is.
    pub kind: Kind,
    /// Whether its characters do not stand in the plan one behind the other as they are read: inputs were filled in, or it is
    /// written over several lines or with escapes.
    pub filled: bool,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A scalar without quotes: `true`, `5` and the like are not text.
    Plain(String),
    /// A scalar that is text: quoted, a block, or put together from inputs.
    Text(String),
    /// Text in which secrets are named.
    Pieces(Vec<Piece>),
    /// A list.
    List(Rc<Vec<Node>>),
    /// What is wrong with it is said already; what contains it is not looked at further.
    Broken,
    /// A map, in the order written. No key occurs twice.
    Map(Rc<Vec<(Key, Node)>>),
}

/// A key of a map.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub at: Position,
}

impl Node {
    /// The entries of a map, or nothing.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of this key of a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }

    /// Whether it is empty: no text, `null`, `~`.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Plain(text) if scalar::is_null(text))
    }

    /// Whether something in it is broken.
    pub fn is_broken(&self) -> bool {
        match &self.kind {
            Kind::Broken => true,
            Kind::List(items) => items.iter().any(Self::is_broken),
            Kind::Map(entries) => entries.iter().any(|(_, node)| node.is_broken()),
            _ => false,
        }
    }

    /// How a message names it.
    pub fn found(&self) -> String {
        match &self.kind {
            _ if self.is_null() => "nothing".to_owned(),
            Kind::Plain(text) => format!("`{}`", shortened(text)),
            Kind::Text(text) => format!("the text `{}`", shortened(text)),
            Kind::Pieces(_) => "a secret".to_owned(),
            Kind::Broken => "something unreadable".to_owned(),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }
}

/// At most 60 characters of a text, for a message.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
