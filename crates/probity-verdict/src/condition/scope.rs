//! The facts that a condition may read.

use std::collections::BTreeMap;

use probity_plan::kinds::Spelling;
use probity_plan::{FactType, Probe, Value};

use super::types::Type;

/// What stands before the name of a second observation's fact.
pub const AGAINST: &str = "against.";

/// The facts a condition may read, with their types. Those of a second observation are named `against.NAME`.
#[derive(Clone, Debug, Default)]
pub struct Scope(BTreeMap<String, Readable>);

#[derive(Clone, Debug)]
struct Readable {
    ty: Type,
    /// The texts of a matrix's column, which are known before the run.
    texts: Vec<String>,
    /// How its text is always written.
    spelling: Spelling,
}

impl Readable {
    const fn plain(ty: Type) -> Self {
        Self { ty, texts: Vec::new(), spelling: Spelling::Any }
    }
}

impl Scope {
    /// The facts of a probe: its kind's, the columns of its matrix, `attempt` and `slot`.
    pub fn of(probe: &Probe) -> Self {
        let counted = || Readable::plain(Type::Whole);
        let mut facts = BTreeMap::from([("attempt".to_owned(), counted()), ("slot".to_owned(), counted())]);
        for column in &probe.columns {
            let values = || probe.cells.iter().filter_map(|cell| cell.row.get(column));
            let mut texts: Vec<String> = values().filter_map(Value::as_text).map(str::to_owned).collect();
            texts.sort();
            texts.dedup();
            let ty = match Type::common(values().map(Type::of_value)) {
                Type::Any if values().all(|value| matches!(value, Value::Number(_))) => Type::Number,
                ty => ty,
            };
            facts.insert(column.clone(), Readable { ty, texts, spelling: Spelling::Any });
        }
        // A kind's fact stands before a column of the same name, as in an observation.
        let of_kind = probe.spec().facts.iter();
        facts.extend(of_kind.map(|fact| {
            let readable = Readable { spelling: fact.spelling, ..Readable::plain(Type::of_fact(fact.ty)) };
            (fact.name.to_owned(), readable)
        }));
        Self(facts)
    }

    /// Adds the facts of another probe as `against.NAME`.
    #[must_use]
    pub fn against(mut self, other: &Probe) -> Self {
        self.0.extend(Self::of(other).0.into_iter().map(|(name, fact)| (format!("{AGAINST}{name}"), fact)));
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&Type> {
        self.0.get(name).map(|fact| &fact.ty)
    }

    /// The texts that a column has in its rows; none for a fact.
    pub(super) fn texts(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], |fact| &fact.texts)
    }

    /// How the text of a fact, or the keys of its map, are always written.
    pub(super) fn spelling(&self, name: &str) -> Spelling {
        self.0.get(name).map_or(Spelling::Any, |fact| fact.spelling)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<N: Into<String>> FromIterator<(N, FactType)> for Scope {
    fn from_iter<I: IntoIterator<Item = (N, FactType)>>(facts: I) -> Self {
        let readable = |ty| Readable::plain(Type::of_fact(ty));
        Self(facts.into_iter().map(|(name, ty)| (name.into(), readable(ty))).collect())
    }
}
