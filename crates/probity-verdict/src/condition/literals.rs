//! The values that a condition mentions: those on which it may turn are near them.

use probity_plan::Value;

use super::Check;
use super::tree::{Matched, Node, Term, Typed};
use super::types::Type;

impl Check {
    /// Each value that it mentions, once: literals, the keys of maps that it asks for, regular expressions as text; of a whole
    /// number also the two beside it.
    pub(crate) fn turning_values(&self) -> Vec<Value> {
        let mut values = Vec::new();
        collect(&self.root, &mut values);
        let beside = |value: &Value| {
            let number = value.as_i64();
            number.map_or_else(
                || vec![value.clone()],
                |n| [n.saturating_sub(1), n, n.saturating_add(1)].map(Value::from).into(),
            )
        };
        let mut unique = Vec::new();
        for value in values.iter().flat_map(beside) {
            if !unique.contains(&value) {
                unique.push(value);
            }
        }
        unique
    }

    /// Whether it holds text against a regular expression: of which texts that is true cannot be told from its literals.
    pub(crate) fn has_patterns(&self) -> bool {
        let mut found = false;
        each(&self.root, &mut |node| found |= matches!(node, Node::Matches(..)));
        found
    }
}

impl Check {
    /// Whether it does nothing but compare facts with each other and with what is written out, joined with `&&`, `||` and `!`: then
    /// it turns on the values that it mentions, and on nothing else.
    pub(crate) fn compares_plainly(&self) -> bool {
        is_plain(&self.root)
    }
}

fn is_plain(typed: &Typed) -> bool {
    let side = |typed: &Typed| match &typed.node {
        Node::Fact(_) | Node::Literal(_) => true,
        Node::Negative(inner) => matches!(inner.node, Node::Literal(_)),
        Node::List(items) => items.iter().all(|item| matches!(item.node, Node::Fact(_) | Node::Literal(_))),
        _ => false,
    };
    let number = |typed: &Typed| side(typed) && matches!(typed.ty, Type::Whole | Type::Number);
    let term = |term: &Term| matches!(term, Term::Value(typed) if matches!(typed.node, Node::Fact(_) | Node::Literal(_)));
    match &typed.node {
        Node::Fact(_) => true,
        Node::Not(inner) => is_plain(inner),
        Node::And(parts) | Node::Or(parts) => parts.iter().all(is_plain),
        Node::Equal(sides) | Node::In(sides) => side(&sides.sides.0) && side(&sides.sides.1),
        // The order of texts turns on texts between those that are mentioned.
        Node::Order(_, sides) => number(&sides.0) && number(&sides.1),
        Node::Measured(_, sides, _) => term(&sides.0) && term(&sides.1),
        _ => false,
    }
}

fn collect(typed: &Typed, values: &mut Vec<Value>) {
    each(typed, &mut |node| match node {
        Node::Literal(value) => values.push(value.clone()),
        Node::Field(_, key) | Node::Has(_, key) => values.push(key.as_str().into()),
        Node::Matches(_, Matched::Pattern(pattern)) => values.push(pattern.text().into()),
        _ => {}
    });
}

/// Calls for each node, from the outermost inwards.
fn each(typed: &Typed, see: &mut impl FnMut(&Node)) {
    see(&typed.node);
    match &typed.node {
        Node::Literal(_) | Node::Fact(_) | Node::Element(_) => {}
        Node::Field(inner, _) | Node::Has(inner, _) | Node::Not(inner) | Node::Negative(inner) => {
            each(inner, see);
        }
        Node::Index(a, b) => {
            each(a, see);
            each(b, see);
        }
        Node::List(items) | Node::And(items) | Node::Or(items) | Node::Call(_, items) => {
            items.iter().for_each(|item| each(item, see));
        }
        Node::Map(entries) => entries.iter().for_each(|(_, value)| each(value, see)),
        Node::Equal(sides) | Node::In(sides) => both(&sides.sides, see),
        Node::Order(_, sides) | Node::Versions(_, _, sides) | Node::Calculate(_, sides) => both(sides, see),
        Node::Measured(_, sides, _) => {
            each_term(&sides.0, see);
            each_term(&sides.1, see);
        }
        Node::Matches(text, matched) => {
            each(text, see);
            if let Matched::Told(told) = matched {
                each(told, see);
            }
        }
        Node::Look(look) => {
            each(&look.list, see);
            look.filter.iter().for_each(|filter| each(filter, see));
            each(&look.body, see);
        }
    }
}

fn both((a, b): &(Typed, Typed), see: &mut impl FnMut(&Node)) {
    each(a, see);
    each(b, see);
}

fn each_term(term: &Term, see: &mut impl FnMut(&Node)) {
    match term {
        Term::Value(typed) => each(typed, see),
        Term::Negative(inner) => each_term(inner, see),
        Term::Sum(sides) | Term::Difference(sides) | Term::Product(sides) => {
            each_term(&sides.0, see);
            each_term(&sides.1, see);
        }
    }
}
