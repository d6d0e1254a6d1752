//! What a condition tells of a value beside the value: a mode is text, and held against text that no mode is written as it is
//! neither equal nor other.

use probity_plan::Value;

use super::tree::{Node, Typed};
use super::types::{Type, is_mode};

/// Where a value comes from, as far as that tells its type.
#[derive(Clone, Copy)]
pub(super) enum Declared<'e> {
    Expr(&'e Typed),
    Type(&'e Type),
    Nothing,
}

impl<'e> Declared<'e> {
    const fn ty(self) -> Option<&'e Type> {
        match self {
            Self::Expr(typed) => Some(&typed.ty),
            Self::Type(ty) => Some(ty),
            Self::Nothing => None,
        }
    }

    /// The same of an element of a list.
    pub(super) fn element(self, at: usize) -> Self {
        if let Self::Expr(Typed { node: Node::List(items), .. }) = self {
            return items.get(at).map_or(Self::Nothing, Self::Expr);
        }
        match self.ty() {
            Some(Type::List(of)) => Self::Type(of),
            _ => Self::Nothing,
        }
    }

    /// The same of what stands behind a key of a map.
    pub(super) fn field(self, key: &str) -> Self {
        let Self::Expr(Typed { node: Node::Map(entries), .. }) = self else { return Self::Nothing };
        entries.iter().find(|(name, _)| name == key).map_or(Self::Nothing, |(_, typed)| Self::Expr(typed))
    }

    /// Whether it is a mode, and this is text that is none.
    pub(super) fn is_mode_beside(self, other: &str) -> bool {
        self.ty() == Some(&Type::Mode) && !is_mode(other)
    }
}

/// A value, and where it comes from.
#[derive(Clone, Copy)]
pub(super) struct Side<'v> {
    pub(super) value: &'v Value,
    pub(super) declared: Declared<'v>,
}

impl<'v> Side<'v> {
    pub(super) const fn new(value: &'v Value, declared: Declared<'v>) -> Self {
        Self { value, declared }
    }
}
