//! Reads an observation with only those of its facts that somebody asks for: a log has millions of facts, and claims read
//! few of them. All of it is still checked as if it were kept.
//!
//! Must not know: what a claim reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use probity_plan::{Observation, Value};

/// Which facts of an observation are handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All of them.
    All,
    /// Those of these names, and one of any name where there would be none: where something was seen, something is handed over.
    Only(BTreeSet<String>),
}

/// The observation in this JSON, sifted. `None` if it is not written as we write it: whoever reads all of it then finds
/// out whether it is one all the same, and what is wrong with it.
pub(crate) fn observation(json: &str, names: &BTreeSet<String>) -> Option<Observation> {
    let mut json = serde_json::Deserializer::from_str(json);
    let observation = json.deserialize_map(Fields(names)).ok()?;
    json.end().ok()?;
    Some(observation)
}

struct Fields<'n>(&'n BTreeSet<String>);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Observation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an observation")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Observation, A::Error> {
        let mut aside = Aside { map, names: self.0, facts: None };
        let mut observation = Observation::deserialize(MapAccessDeserializer::new(&mut aside))?;
        observation.facts = aside.facts.unwrap_or_default();
        Ok(observation)
    }
}

/// The fields of an observation without its facts, which are put aside.
struct Aside<'n, A> {
    map: A,
    names: &'n BTreeSet<String>,
    facts: Option<BTreeMap<String, Value>>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Aside<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        // A name that is written with an escape is no `&str`, and none of ours.
        while let Some(name) = self.map.next_key::<&str>()? {
            if name != "facts" {
                return seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some);
            }
            if self.facts.replace(self.map.next_value_seed(Facts(self.names))?).is_some() {
                return Err(A::Error::custom("it is there twice"));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

struct Facts<'n>(&'n BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for Facts<'_> {
    type Value = BTreeMap<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Facts<'_> {
    type Value = BTreeMap<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("facts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut facts = BTreeMap::new();
        while let Some(name) = map.next_key::<&str>()? {
            if facts.contains_key(name) {
                return Err(A::Error::custom("it is there twice"));
            }
            let kept = match self.0.contains(name) || facts.is_empty() {
                true => Some(map.next_value()?),
                false => map.next_value::<Passed>().map(|_| None)?,
            };
            facts.extend(kept.map(|value| (name.to_owned(), value)));
        }
        Ok(facts)
    }
}

/// A value that nobody asked for, looked through as if it were kept.
struct Passed;

impl<'de> Deserialize<'de> for Passed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pass;
        impl<'de> Visitor<'de> for Pass {
            type Value = Passed;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Passed, E> {
                Ok(Passed)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Passed, E> {
                Ok(Passed)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Passed, E> {
                Ok(Passed)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Passed, E> {
                Ok(Passed)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Passed, E> {
                Ok(Passed)
            }
            fn visit_str<E>(self, _: &str) -> Result<Passed, E> {
                Ok(Passed)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Passed, A::Error> {
                while list.next_element::<Passed>()?.is_some() {}
                Ok(Passed)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Passed, A::Error> {
                Value::deserialize(MapAccessDeserializer::new(map)).map(|_| Passed)
            }
        }
        deserializer.deserialize_any(Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Body;
    use crate::line::{artifacts_of, decode, decode_sifted};

    const BEGIN: &str = r#"{"entry":7,"salt":"00112233445566778899aabbccddeeff","type":"observation","#;

    /// Lines as we write them, and as somebody else may.
    fn lines() -> Vec<String> {
        let digest = "a".repeat(64);
        let rest = [
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5}"#.to_owned(),
            r#""probe":"p","cell":{"role":"a"},"slot":3,"attempt":2,"superseded":true,"lane":"parallel","started":"2026-01-31T12:00:00.5Z","offset_us":7,"duration_us":5,"scheduling_delay_us":9,"facts":{"age_s":1.5,"content":"x\ny","deep":[1,{"a":[null,true]}],"exists":true,"mode":"644","size_bytes":18446744073709551615},"unknown":{"lines":{"barrier":"too-large","detail":"d"}}}"#.to_owned(),
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":{"age_s":1,"deep":{"a":1}}}"#.to_owned(),
            format!(r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":{{"kind":"f","out_artifact":{{"artifact":"{digest}","size_bytes":5}},"out":{{"artifact":"{digest}","size_bytes":5,"more":1}},"lines":[{{"artifact":"{digest}","size_bytes":5}}]}}}}"#),
            // Twice the same name, in each order of what is asked for and what is not.
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":{"mode":"1","mode":"2"}}"#.to_owned(),
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":{"age_s":1,"mode":"1","age_s":2}}"#.to_owned(),
            format!(r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":{{"a":1,"b":{{"artifact":"{digest}","size_bytes":5}},"b":1}}}}"#),
            r#""probe":"p","probe":"q","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5}"#.to_owned(),
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"other":1}"#.to_owned(),
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":{"age_s":1,"\u006dode":"1"}}"#.to_owned(),
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":{"age_s":1,"x":"\ud800"}}"#.to_owned(),
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":{"age_s":1,"x":1e999}}"#.to_owned(),
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":null}"#.to_owned(),
            r#""probe":"p","lane":"quiet","offset_us":7,"duration_us":5,"facts":{}}"#.to_owned(),
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5} "#.to_owned(),
            r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5}}"#.to_owned(),
        ];
        let deep = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(
                r#""probe":"p","lane":"quiet","started":"2026-01-31T12:00:00Z","offset_us":7,"duration_us":5,"facts":{{"a":1,"x":{open}{close}}}}}"#
            )
        };
        rest.into_iter().chain((120..132).map(deep)).map(|rest| format!("{BEGIN}{rest}")).collect()
    }

    /// The sifted reading accepts and refuses what the whole one does, and hands over the same but for facts.
    fn compare(line: &[u8], names: &BTreeSet<String>) {
        let text = String::from_utf8_lossy(line).into_owned();
        let (mut whole, mut sifted) = (line.to_vec(), line.to_vec());
        let sifted = decode_sifted(&mut sifted, &Reading::Only(names.clone()));
        let (mut whole, mut sifted) = match (decode(&mut whole), sifted) {
            (Ok(whole), Ok(sifted)) => (whole, sifted),
            (whole, sifted) => {
                let said = |it: Result<_, crate::line::LineError>| it.map_err(|error| error.to_string());
                return assert_eq!(said(sifted), said(whole), "{text}");
            }
        };
        if let (Body::Observation(whole), Body::Observation(sifted)) = (&mut whole.body, &mut sifted.body) {
            assert!(artifacts_of(whole).eq(artifacts_of(sifted)), "{text}");
            assert_eq!(whole.facts.is_empty(), sifted.facts.is_empty(), "{text}");
            for (name, value) in &whole.facts {
                match sifted.facts.remove(name) {
                    Some(kept) => assert_eq!(kept, *value, "{text}"),
                    None => assert!(!names.contains(name), "{name} is missing: {text}"),
                }
            }
            assert!(sifted.facts.is_empty(), "{text}");
            whole.facts.clear();
        }
        assert_eq!(whole, sifted, "{text}");
    }

    #[test]
    fn sifting_changes_nothing_but_the_facts_that_nobody_asks_for() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let names =
            [names(&[]), names(&["mode", "exists"]), names(&["age_s", "size_bytes", "b", "deep", "x"])];
        for line in lines() {
            names.iter().for_each(|names| compare(line.as_bytes(), names));
        }
        for line in &lines()[..5] {
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
    fn what_nobody_asks_for_is_left_out() {
        let line = &mut lines()[1].clone().into_bytes();
        let Ok(entry) = decode_sifted(line, &Reading::Only(BTreeSet::from(["mode".to_owned()]))) else {
            panic!("it is an entry");
        };
        let Body::Observation(observation) = entry.body else { panic!("it is an observation") };
        assert_eq!(observation.facts.keys().collect::<Vec<_>>(), ["age_s", "mode"]);
    }
}
