//! `$name`: inputs and matrix columns in the scalars of the tree. What is put in is never looked at again and never
//! becomes structure.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::literal;
use super::names::is_name;
use crate::error::{Errors, Flaw, did_you_mean};
use crate::text::Piece;
use crate::value::Value;
use crate::yaml::{Kind, Node};

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    /// Text as written, which a scalar that is nothing but the name takes over unquoted.
    Plain(String),
    /// Text that is text, whatever it looks like.
    Text(String),
    /// Text that names secrets.
    Secret(Vec<Piece>),
    /// An input whose declaration is wrong: its uses are not.
    Broken,
}

impl Bound {
    /// From a value with the text it was written as.
    pub fn new(text: String, value: &Value) -> Self {
        if matches!(value, Value::Text(_)) { Self::Text(text) } else { Self::Plain(text) }
    }
}

/// The names that are known at one place of a plan.
#[derive(Default)]
pub(super) struct Scope {
    names: BTreeMap<String, (Bound, bool)>,
    /// Columns of a matrix that may not stand here, for the message.
    pub elsewhere: Vec<String>,
}

impl Scope {
    pub fn bind(&mut self, name: &str, bound: Bound) {
        match self.names.get_mut(name) {
            Some((before, _)) => *before = bound,
            None => _ = self.names.insert(name.to_owned(), (bound, false)),
        }
    }

    pub fn unbind(&mut self, name: &str) {
        self.names.remove(name);
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    pub fn knows(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Whether a sound input was never used.
    pub fn is_idle(&self, name: &str) -> bool {
        matches!(self.names.get(name), Some((bound, false)) if !matches!(bound, Bound::Broken))
    }

    /// The full name of the secret that this name stands for, which is used by that; `None` if it is no secret as a whole.
    pub fn secret(&mut self, name: &str) -> Option<String> {
        match self.names.get_mut(name)? {
            (Bound::Secret(pieces), used) => match pieces.as_slice() {
                [Piece::Secret(full)] => {
                    *used = true;
                    Some(full.clone())
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn look_up(&mut self, name: &str) -> Result<&Bound, String> {
        if !self.names.contains_key(name) {
            if self.elsewhere.iter().any(|column| column == name) {
                return Err(format!(
                    "`${name}` is a column of the matrix; columns are filled in only among the parameters of the kind"
                ));
            }
            let hint = did_you_mean(name, self.names());
            let write = if hint.is_empty() { "; write" } else { " Write" };
            return Err(format!("unknown input `{name}`{hint}{write} $${name} for a literal dollar"));
        }
        let (bound, used) = self.names.entry(name.to_owned()).or_insert((Bound::Broken, true));
        *used = true;
        Ok(bound)
    }

    /// The tree with every `$name` and `${name}` filled in; `None` if one could not be, and why is among the errors.
    pub fn fill(&mut self, node: &Node, errors: &mut Errors) -> Option<Node> {
        self.fill_entry(node, &[], errors)
    }

    /// As [`Self::fill`], of an entry whose values under some keys are `conditions`: what is filled in between quotes there stays text.
    pub fn fill_entry(&mut self, node: &Node, conditions: &[&str], errors: &mut Errors) -> Option<Node> {
        match &node.kind {
            Kind::Map(entries) => {
                // Every value is filled before the first failure counts, so that all errors are listed.
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| {
                        let condition = conditions.contains(&key.text.as_str());
                        (key.clone(), self.fill_node(value, condition, errors))
                    })
                    .collect();
                let whole = |(key, value): (_, Option<Node>)| value.map(|value| (key, value));
                let kind = Kind::Map(Rc::new(entries.into_iter().map(whole).collect::<Option<_>>()?));
                Some(Node { at: node.at.clone(), kind, filled: node.filled })
            }
            _ => self.fill_node(node, false, errors),
        }
    }

    fn fill_node(&mut self, node: &Node, condition: bool, errors: &mut Errors) -> Option<Node> {
        let kind = match &node.kind {
            Kind::Plain(text) | Kind::Text(text) if text.contains('$') => {
                match self.fill_text(text, condition) {
                    Ok(kind) => kind?,
                    Err(message) => {
                        errors.push(Flaw::Input, &node.at, message);
                        return None;
                    }
                }
            }
            Kind::List(items) => {
                // Every item is filled before the first failure counts, so that all errors are listed.
                let items: Vec<_> = items.iter().map(|item| self.fill(item, errors)).collect();
                Kind::List(Rc::new(items.into_iter().collect::<Option<_>>()?))
            }
            Kind::Map(_) => return self.fill(node, errors),
            Kind::Broken => return None,
            other => other.clone(),
        };
        let filled = match (&node.kind, &kind) {
            (Kind::Plain(before) | Kind::Text(before), Kind::Plain(after) | Kind::Text(after)) => {
                before != after
            }
            _ => false,
        };
        Some(Node { at: node.at.clone(), kind, filled: node.filled || filled })
    }

    /// What the text becomes; nothing if it uses an input whose declaration is wrong, which is said there.
    fn fill_text(&mut self, text: &str, condition: bool) -> Result<Option<Kind>, String> {
        if let Some(name) =
            text.strip_prefix('$').map(|name| braced(name).unwrap_or(name)).filter(|name| is_name(name))
        {
            return Ok(match self.look_up(name)? {
                Bound::Plain(text) => Some(Kind::Plain(text.clone())),
                Bound::Text(text) => Some(Kind::Text(text.clone())),
                Bound::Secret(pieces) => Some(Kind::Pieces(pieces.clone())),
                Bound::Broken => None,
            });
        }
        // Goes on behind an error, so that the inputs that follow count as used.
        let (mut filled, mut wrong, mut broken) = (Filled::default(), None, false);
        let mut reader = condition.then(literal::Reader::default);
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            filled.plain(&rest[..dollar]);
            reader.iter_mut().for_each(|reader| reader.read(&rest[..dollar]));
            let after = &rest[dollar + 1..];
            if let Some(next) = after.strip_prefix('$') {
                filled.plain("$");
                rest = next;
                continue;
            }
            let (name, len) = if let Some(inside) = after.strip_prefix('{') {
                match inside.split_once('}').filter(|(name, _)| is_name(name)) {
                    Some((name, _)) => (name, name.len() + 2),
                    None => {
                        wrong.get_or_insert_with(|| {
                            "`${` begins the name of an input, as in ${name}; write $${ for a literal dollar".to_owned()
                        });
                        rest = inside;
                        continue;
                    }
                }
            } else {
                let end =
                    after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
                (&after[..end], end)
            };
            if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                // A dollar that names nothing stands for itself: `$1`, `foo$`.
                filled.plain("$");
                rest = after;
                continue;
            }
            match self.look_up(name) {
                Ok(Bound::Plain(text) | Bound::Text(text)) => match &mut reader {
                    None => filled.plain(text),
                    Some(reader) => match reader.fill(text) {
                        Ok(text) => filled.plain(&text),
                        Err(why) => {
                            _ = wrong.get_or_insert_with(|| format!("`${name}` does not fit in here: {why}"));
                        }
                    },
                },
                Ok(Bound::Secret(pieces)) => pieces.iter().for_each(|piece| filled.piece(piece)),
                Ok(Bound::Broken) => broken = true,
                Err(message) => {
                    wrong.get_or_insert(message);
                }
            }
            rest = &after[len..];
        }
        filled.plain(rest);
        match wrong {
            Some(message) => Err(message),
            None if broken => Ok(None),
            None => Ok(Some(filled.kind())),
        }
    }
}

fn braced(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}')
}

/// Text under construction.
#[derive(Default)]
struct Filled(Vec<Piece>);

impl Filled {
    fn plain(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Plain(before)) => before.push_str(text),
            _ => self.0.push(Piece::Plain(text.to_owned())),
        }
    }

    fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Plain(text) => self.plain(text),
            secret @ Piece::Secret(_) => self.0.push(secret.clone()),
        }
    }

    fn kind(mut self) -> Kind {
        match self.0.as_mut_slice() {
            [] => Kind::Text(String::new()),
            [Piece::Plain(text)] => Kind::Text(std::mem::take(text)),
            _ => Kind::Pieces(self.0),
        }
    }
}
