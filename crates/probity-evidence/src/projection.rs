//! Reads an observation with only those of its facts that somebody asks for: a log has millions of facts, and claims read
//! few of them. All of it is still checked as if it were kept: each fact is one that its kind declares, and of its type.
//!
//! Must not know: what a claim reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use probity_plan::{FactType, Observation, Value, unique};

use crate::declared::{Declared, Facts, Undeclared};
use crate::line::LineError;

/// Which facts of an observation are handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All of them.
    All,
    /// Those of these names, and one of any name where there would be none: where something was seen, something is handed over.
    Only(BTreeSet<String>),
}

/// What an observation begins with, after its type: by its probe it is known what its facts are.
const BEGIN: &str = "{\"probe\":\"";

/// The observation in this JSON. Without a declaration its facts are what a target may have sent, and not checked.
pub(crate) fn observation(
    json: &str,
    reading: &Reading,
    declared: Option<&Declared>,
) -> Result<Observation, LineError> {
    let probe = json.strip_prefix(BEGIN).and_then(|rest| rest.split('"').next()).ok_or(LineError::Probe)?;
    let types = match declared {
        Some(declared) => Some(declared.facts_of(probe).ok_or_else(|| Undeclared::Probe(probe.to_owned()))?),
        None => None,
    };
    let mut fields = Fields { reading, types, names: Vec::new() };
    let mut json = serde_json::Deserializer::from_str(json);
    let observation = json.deserialize_map(&mut fields)?;
    json.end()?;
    if let Some(declared) = declared {
        declared.admits(&observation)?;
        if let Some(name) = fields.names.iter().find(|name| observation.unknown.contains_key(**name)) {
            return Err(Undeclared::Both((*name).to_owned()).into());
        }
    }
    Ok(observation)
}

struct Fields<'n, 'de> {
    reading: &'n Reading,
    types: Option<&'n Facts>,
    /// The names of all facts, handed over or not.
    names: Vec<&'de str>,
}

impl<'de> Visitor<'de> for &mut Fields<'_, 'de> {
    type Value = Observation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an observation")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Observation, A::Error> {
        let mut aside = Aside { map, fields: self, cell: None, facts: None };
        let mut observation = Observation::deserialize(MapAccessDeserializer::new(&mut aside))?;
        observation.cell = aside.cell.unwrap_or_default();
        observation.facts = aside.facts.unwrap_or_default();
        Ok(observation)
    }
}

/// The fields of an observation without its row and its facts, which are put aside: their numbers are exact, and a fact is
/// what it was declared to be.
struct Aside<'f, 'n, 'de, A> {
    map: A,
    fields: &'f mut Fields<'n, 'de>,
    cell: Option<BTreeMap<String, Value>>,
    facts: Option<BTreeMap<String, Value>>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Aside<'_, '_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        // A name that is written with an escape is no `&str`, and none of ours.
        while let Some(name) = self.map.next_key::<&str>()? {
            let twice = match name {
                "cell" => self.cell.replace(self.map.next_value::<Row>()?.0).is_some(),
                "facts" => self.facts.replace(self.map.next_value_seed(&mut *self.fields)?).is_some(),
                name => return seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some),
            };
            if twice {
                return Err(A::Error::custom(format!("`{name}` is there twice")));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// A row of a matrix.
struct Row(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row: BTreeMap<String, &RawValue> = unique(deserializer)?;
        row.into_iter().map(|(name, raw)| Ok((name, exact(raw)?))).collect::<Result<_, _>>().map(Row)
    }
}

/// A value whose numbers are those that were written, whatever their size.
fn exact<E: Error>(raw: &RawValue) -> Result<Value, E> {
    Value::from_json(raw.get()).map_err(E::custom)
}

impl<'de> DeserializeSeed<'de> for &mut Fields<'_, 'de> {
    type Value = BTreeMap<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(FactsVisitor(self))
    }
}

struct FactsVisitor<'f, 'n, 'de>(&'f mut Fields<'n, 'de>);

impl<'de> Visitor<'de> for FactsVisitor<'_, '_, 'de> {
    type Value = BTreeMap<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("facts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Fields { reading, types, names } = self.0;
        let mut facts = BTreeMap::new();
        while let Some(name) = map.next_key::<&str>()? {
            // In order, so that none is there twice.
            if let Some(before) = names.last().filter(|before| **before >= name) {
                return Err(A::Error::custom(format!(
                    "its facts are not in order: `{before}`, then `{name}`"
                )));
            }
            names.push(name);
            let wanted = match reading {
                Reading::All => true,
                Reading::Only(asked) => facts.is_empty() || asked.contains(name),
            };
            let ty = match types {
                Some(types) => Some(
                    *types.get(name).ok_or_else(|| A::Error::custom(Undeclared::Fact(name.to_owned())))?,
                ),
                None => None,
            };
            let mistyped = |ty| A::Error::custom(Undeclared::Type(name.to_owned(), ty));
            match ty {
                Some(FactType::Text | FactType::Version | FactType::Mode) if !wanted => {
                    map.next_value::<PassedText>()?;
                }
                Some(FactType::Bool) if !wanted => {
                    map.next_value::<Option<bool>>()?;
                }
                _ => {
                    let value = exact(map.next_value()?)?;
                    let value = match ty {
                        Some(ty) => ty.adopt(value).ok_or_else(|| mistyped(ty))?,
                        None => value,
                    };
                    if wanted {
                        facts.insert(name.to_owned(), value);
                    }
                }
            }
        }
        Ok(facts)
    }
}

/// Text that nobody asked for, looked through as if it were kept.
struct PassedText;

impl<'de> Deserialize<'de> for PassedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pass;
        impl Visitor<'_> for Pass {
            type Value = PassedText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_unit<E>(self) -> Result<PassedText, E> {
                Ok(PassedText)
            }
            fn visit_str<E>(self, _: &str) -> Result<PassedText, E> {
                Ok(PassedText)
            }
        }
        deserializer.deserialize_any(Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Body;
    use crate::line::{artifacts_of, decode_projected};

    const BEGIN: &str = r#"{"entry":7,"salt":"00112233445566778899aabbccddeeff","type":"observation","#;
    const REST: &str =
        r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5"#;

    fn declared() -> Declared {
        use FactType::{Any, Bool, Float, Int, Interval, List, Mode, Moment, Text};
        let facts = [
            ("age_s", Float),
            ("content", Text),
            ("deep", Any),
            ("elapsed_ms", Interval),
            ("exists", Bool),
            ("lines", List),
            ("mode", Mode),
            ("modified", Moment),
            ("size_bytes", Int),
        ];
        Declared {
            probes: BTreeMap::from([("p".to_owned(), "k".to_owned())]),
            kinds: BTreeMap::from([(
                "k".to_owned(),
                facts.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect(),
            )]),
        }
    }

    /// Lines as we write them, and as somebody else may.
    fn lines() -> Vec<String> {
        let digest = "a".repeat(64);
        let rest = [
            format!("{REST}}}"),
            r#""probe":"p","cell":{"role":"a","n":18446744073709551616},"slot":3,"attempt":2,"superseded":true,"lane":"parallel","started":"2026-01-31T12:00:00.5Z","offset_us":7,"duration_us":5,"scheduling_delay_us":9,"facts":{"age_s":1.5,"content":"x\ny","deep":[1,{"a":[null,true]}],"exists":true,"mode":"644","modified":"2026-01-31T12:00:00.000000Z","size_bytes":18446744073709551616},"unknown":{"lines":{"barrier":"too-large","detail":"d"}}}"#.to_owned(),
            format!(r#"{REST},"facts":{{"age_s":1,"deep":{{"a":1e999}},"elapsed_ms":{{"at_least":1.5}}}}}}"#),
            format!(r#"{REST},"facts":{{"mode":"1"}},"artifacts":{{"lines":{{"sha256":"{digest}","size_bytes":5}}}},"excerpts":{{"lines":"a"}},"unknown":{{"lines":{{"barrier":"too-large"}}}}}}"#),
            // What each of these is by its name alone, and is not.
            format!(r#"{REST},"facts":{{"age_s":1,"exists":1}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":"1"}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":1,"content":2}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":1,"elapsed_ms":5}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":1,"elapsed_ms":{{"at_least":5,"at_most":4}}}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":1,"elapsed_ms":{{"at_least":5,"more":6}}}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":1,"modified":"yesterday"}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":1,"lines":{{}}}}}}"#),
            // No fact of its kind, twice, out of order, known and unknown, kept beside what is known.
            format!(r#"{REST},"facts":{{"age_s":1,"other":1}}}}"#),
            format!(r#"{REST},"facts":{{"mode":"1","mode":"2"}}}}"#),
            format!(r#"{REST},"facts":{{"mode":"1","age_s":2}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":1}},"unknown":{{"age_s":{{"barrier":"too-large"}}}}}}"#),
            format!(r#"{REST},"unknown":{{"other":{{"barrier":"too-large"}}}}}}"#),
            format!(r#"{REST},"unknown":{{"age_s":{{"barrier":"too-large"}},"age_s":{{"barrier":"protocol"}}}}}}"#),
            format!(r#"{REST},"facts":{{"mode":"1"}},"excerpts":{{"mode":"a"}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":1,"deep":{{"a":1,"a":2}}}}}}"#),
            format!(r#"{REST},"facts":{{}},"facts":{{}}}}"#),
            format!(r#"{REST},"other":1}}"#),
            format!(r#"{REST},"probe":"p"}}"#),
            REST.replacen("\"p\"", "\"q\"", 1) + "}",
            r#""lane":"quiet","probe":"p","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5}"#.to_owned(),
            format!(r#"{REST},"facts":{{"age_s":1,"\u006dode":"1"}}}}"#),
            format!(r#"{REST},"facts":{{"age_s":1,"content":"\ud800"}}}}"#),
            format!(r#"{REST},"facts":null}}"#),
            format!("{REST}}}x"),
            format!("{REST}}}}}"),
        ];
        let deep = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{REST},"facts":{{"age_s":1,"deep":{open}{close}}}}}"#)
        };
        rest.into_iter().chain((90..132).map(deep)).map(|rest| format!("{BEGIN}{rest}")).collect()
    }

    /// The projection accepts and refuses what the whole reading does, and hands over the same but for facts.
    fn compare(line: &[u8], names: &BTreeSet<String>) -> bool {
        let text = String::from_utf8_lossy(line).into_owned();
        let declared = declared();
        let (mut whole, mut part) = (line.to_vec(), line.to_vec());
        let part = decode_projected(&mut part, &Reading::Only(names.clone()), Some(&declared));
        let (mut whole, mut part) = match (decode_projected(&mut whole, &Reading::All, Some(&declared)), part)
        {
            (Ok(whole), Ok(part)) => (whole, part),
            (Err(_), Err(_)) => return false,
            (whole, part) => panic!("{text}: {whole:?}, {part:?}"),
        };
        if let (Body::Observation(whole), Body::Observation(part)) = (&mut whole.body, &mut part.body) {
            assert!(artifacts_of(whole).eq(artifacts_of(part)), "{text}");
            assert_eq!(whole.facts.is_empty(), part.facts.is_empty(), "{text}");
            for (name, value) in &whole.facts {
                match part.facts.remove(name) {
                    Some(kept) => assert_eq!(kept, *value, "{text}"),
                    None => assert!(!names.contains(name), "{name} is missing: {text}"),
                }
            }
            assert!(part.facts.is_empty(), "{text}");
            whole.facts.clear();
        }
        assert_eq!(whole, part, "{text}");
        true
    }

    #[test]
    fn a_projection_changes_nothing_but_the_facts_that_nobody_asks_for() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let names = [
            names(&[]),
            names(&["mode", "exists"]),
            names(&["age_s", "content", "deep", "elapsed_ms", "lines", "modified", "size_bytes"]),
        ];
        for (at, line) in lines().iter().enumerate() {
            let accepted = names.each_ref().map(|names| compare(line.as_bytes(), names));
            // Nesting is read to the depth that the parser has, which is more than is written.
            let right = at < 4 || line.contains("[[[[") && line.matches('[').count() < 128;
            assert_eq!(accepted, [right; 3], "{line}");
        }
        for line in &lines()[..4] {
            for at in 0..line.len() {
                for byte in *b"\"}\\9\xff" {
                    let mut changed = line.clone().into_bytes();
                    changed[at] = byte;
                    compare(&changed, &names[1]);
                }
                compare(&line.as_bytes()[..at], &names[1]);
            }
        }
    }

    #[test]
    fn what_nobody_asks_for_is_left_out_and_numbers_are_exact() {
        let read = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let line = &mut lines()[1].clone().into_bytes();
            let entry = decode_projected(line, &Reading::Only(names), Some(&declared())).unwrap();
            let Body::Observation(observation) = entry.body else { panic!("it is an observation") };
            observation
        };
        let observation = read(&["mode"]);
        assert_eq!(observation.facts.keys().collect::<Vec<_>>(), ["age_s", "mode"]);
        let observation = read(&["size_bytes", "modified"]);
        let written = |value: &Value| serde_json::to_string(value).unwrap();
        assert_eq!(written(&observation.facts["size_bytes"]), "18446744073709551616");
        assert_eq!(written(&observation.cell["n"]), "18446744073709551616");
        assert!(matches!(observation.facts["modified"], Value::Moment(_)));
    }
}
