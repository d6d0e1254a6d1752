//! Which `/dev/videoN` are looked at. One form only, a text, because a list `[0, 9]` was once written where 0 to 9 was meant.

use std::{fmt, str::FromStr};

/// Numbers of video devices: `0-9` is all from 0 to 9, `0, 9` these two, `0-3, 7` is 0, 1, 2, 3 and 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices(Vec<(u8, u8)>);

impl Devices {
    pub(crate) fn first_to_last(first: u8, last: u8) -> Self {
        Self(vec![(first, last)])
    }

    /// True if `/dev/videoN` with this number is to be looked at.
    pub fn contains(&self, number: u32) -> bool {
        self.0.iter().any(|(first, last)| (u32::from(*first)..=u32::from(*last)).contains(&number))
    }

    /// The numbers in ascending order, each once; 0 to 255.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        (0..=255).filter(|number| self.contains(*number))
    }
}

impl FromStr for Devices {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.trim().parse::<u8>().map_err(|_| {
                format!("`{}` is not a device's number (0 to 255): write \"0-9\" for all from 0 to 9, or \"0, 9\" for these two", text.trim())
            })
        };
        let ranges: Vec<(u8, u8)> = text
            .split(',')
            .map(|part| match part.split_once('-') {
                Some((first, last)) => Ok((number(first)?, number(last)?)),
                None => number(part).map(|only| (only, only)),
            })
            .collect::<Result<_, String>>()?;
        match ranges.iter().find(|(first, last)| first > last) {
            Some((first, last)) => Err(format!("`{first}-{last}` is empty: write \"{last}-{first}\"")),
            None => Ok(Self(ranges)),
        }
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

const EXPECTING: &str = "numbers of devices such as \"0-9\"";

impl serde::Serialize for Devices {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct DevicesVisitor;

impl<'de> serde::de::Visitor<'de> for DevicesVisitor {
    type Value = Devices;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTING)
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Devices, E> {
        text.parse().map_err(E::custom)
    }
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Devices, E> {
        number.to_string().parse().map_err(E::custom)
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Devices, A::Error> {
        Err(serde::de::Error::custom(
            "a list could mean these devices or all between them: write \"0-9\" for all from 0 to 9, or \"0, 9\" for these two",
        ))
    }
}

impl<'de> serde::Deserialize<'de> for Devices {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DevicesVisitor)
    }
}

impl schemars::JsonSchema for Devices {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Devices".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": EXPECTING })
    }
}
