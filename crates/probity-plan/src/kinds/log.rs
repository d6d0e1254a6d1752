//! `log`: what a log file or the journal holds since a moment.

use regex_syntax::ast::{self, Ast};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows, Window};
use crate::units::Span;

/// Reads the lines of a log since a moment, and counts those that match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Log {
    /// The absolute path of a file whose lines begin with a time, or `{ journal: UNIT }` for the system's journal.
    pub log: Source,
    /// How far before the look the window begins; without it, it begins with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Span>,
    /// The regular expression that a line has to match; without it every line does.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// The zone of a file's times, where its lines name none: `Europe/Berlin`, `UTC`, `+02:00`. Without it, the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "zone")]
    pub zone: Option<String>,
    /// How a file's lines begin, as strftime(3) writes it, to the second: `%d.%m.%Y %H:%M:%S`. Without it, forms that many programs use are
    /// known: RFC 3339 and its relatives, syslog, the Common Log Format, klog, ctime, JSON with a field `time` or `ts`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "format")]
    pub format: Option<String>,
    /// The encoding of a file's lines, such as `latin1`; without it, UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

impl Serialize for Log {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Log {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Self::deserialize(deserializer)?;
        let of_lines = [&read.zone, &read.format, &read.encoding];
        if matches!(read.log, Source::Journal { .. }) && of_lines.iter().any(|it| it.is_some()) {
            let wrong = "`zone`, `format` and `encoding` are of a file's lines; the journal knows its times";
            return Err(serde::de::Error::custom(wrong));
        }
        if matches!(read.log, Source::File(_)) && read.pattern.as_ref().is_some_and(Pattern::names_line_end) {
            let wrong = "`match` is held against one line at a time, and none holds the end of a line: write `$` for it";
            return Err(serde::de::Error::custom(wrong));
        }
        Ok(read)
    }
}

fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let zone = String::deserialize(deserializer)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+-:".contains(c);
    if !zone.is_empty() && zone.chars().all(plain) && !zone.starts_with(['/', ':']) {
        return Ok(Some(zone));
    }
    let wrong = format!("`{zone}` names no time zone; write Europe/Berlin, UTC, or an offset such as +02:00");
    Err(serde::de::Error::custom(wrong))
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    use jiff::fmt::strtime;
    let format = String::deserialize(deserializer)?;
    let at = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    // What it writes has to be a moment again, but for the year, which is then the last one in which it lies in the past.
    let read = |format: &str| {
        let parsed = strtime::format(format, &at).and_then(|text| strtime::parse(format, text));
        parsed.and_then(|parsed| {
            parsed.timestamp().map_or_else(|| parsed.to_datetime().map(|_| ()), |_| Ok(()))
        })
    };
    if let Err(error) = read(&format).or_else(|error| read(&format!("%Y {format}")).map_err(|_| error)) {
        return Err(serde::de::Error::custom(format!(
            "`{format}` is no format of a date and a time: {error}; write it as %Y-%m-%d %H:%M:%S"
        )));
    }
    // A line of a coarser time may lie on either side of where the window begins; so may one of an hour of 12.
    let written = |seconds: i64| {
        let at =
            at.checked_add(jiff::SignedDuration::from_secs(seconds)).map_err(serde::de::Error::custom)?;
        strtime::format(&format, &at).map_err(serde::de::Error::custom)
    };
    for step in [1, 60, 3_600, 12 * 3_600, 24 * 3_600] {
        if written(0)? == written(step)? {
            let wrong = format!(
                "`{format}` does not tell every second of a day from all others; write it as %Y-%m-%d %H:%M:%S, or with %I and %p"
            );
            return Err(serde::de::Error::custom(wrong));
        }
    }
    Ok(Some(format))
}

/// Which log.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Source {
    /// The absolute path of a file.
    File(String),
    /// The journal.
    Journal {
        /// The unit whose entries are meant, `.service` if it has no ending.
        journal: String,
    },
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Source;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the path of a log file, or { journal: UNIT }")
            }
            fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Source, E> {
                if !path.starts_with('/') {
                    return Err(E::custom(format!(
                        "`{path}` is not an absolute path; for the journal write {{ journal: UNIT }}"
                    )));
                }
                Ok(Source::File(path.to_owned()))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Journal {
                    journal: String,
                }
                let Journal { journal } =
                    Journal::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Source::Journal { journal })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A regular expression of the `regex` crate, whose time grows with the text and no faster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(with = "String")]
pub struct Pattern(String);

impl Pattern {
    /// Its text, which is known to compile.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names the end of a line, other than in a class of characters.
    fn names_line_end(&self) -> bool {
        ast::parse::Parser::new().parse(&self.0).is_ok_and(|read| ast::visit(&read, UntilLineEnd).is_err())
    }
}

/// Goes through an expression until the end of a line is named.
struct UntilLineEnd;

impl ast::Visitor for UntilLineEnd {
    type Output = ();
    type Err = ();

    fn finish(self) -> Result<(), ()> {
        Ok(())
    }

    fn visit_pre(&mut self, part: &Ast) -> Result<(), ()> {
        if matches!(part, Ast::Literal(literal) if literal.c == '\n') { Err(()) } else { Ok(()) }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        regex::Regex::new(&text).map_err(serde::de::Error::custom)?;
        Ok(Self(text))
    }
}

/// Of the times of a log's lines.
const WINDOW: Window = Window { start: "window_start", covered: "window_covered", found: "times_found" };

impl Kind for Log {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "log",
        doc: "Reads a log file or the journal since a moment, and counts the lines that match.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "logs of others: root, or the groups adm and systemd-journal",
        facts: &[
            FactSpec::new(
                "exists",
                FactType::Bool,
                "whether the file is there, or the journal has ever heard of the unit",
            ),
            FactSpec::new(
                "empty",
                FactType::Bool,
                "whether it holds nothing at all, not even before the window",
            ),
            FactSpec::new("window_start", FactType::Moment, "where the window begins, on a whole second"),
            FactSpec::new(
                "window_covered",
                FactType::Bool,
                "whether the log reaches back to where the window begins; one that was rotated, vacuumed or begun since does not, nor one with an older part that was written since",
            ),
            FactSpec::new("rotated", FactType::List, "older parts of the file beside it, or beside the one that a link leads to, which are not read"),
            FactSpec::new(
                "entries",
                FactType::Int,
                "how many lines of the window were found, whether they match or not; in a long file, lines of the window more than 64 MiB \
                 before lines of an earlier time are sought by samples only",
            ),
            FactSpec::new(
                "count",
                FactType::Int,
                "how many lines of the window match; unknown if the log does not cover the window, or a matching line begins with `{` or \
                 bears what may be a time near its beginning, and that time is not known, or one before the window though it stands behind a \
                 line of it, or if it depends on the encoding whether a line matches that is not UTF-8; a line without a time belongs to the line before it, but \
                 behind the last line before the window one that is not indented may have been written since: if it matches, and the file \
                 was written in the window, the count is unknown",
            ),
            FactSpec::new(
                "at_least",
                FactType::Int,
                "how many matching lines were found, whether the log covers the window or not",
            ),
            FactSpec::new(
                "ahead",
                FactType::Int,
                "how many matching lines bear a time ahead of the look; they are in no other number, and unless there are none nothing is known of the others but `at_least`",
            ),
            FactSpec::new("last", FactType::Moment, "the time of the last line that matches; unknown if none was found")
                .within(Window { found: "last", ..WINDOW }),
            FactSpec::new("last_age_s", FactType::Float, "seconds since then, at the time of the look"),
            FactSpec::new(
                "times",
                FactType::Moments,
                "the times of the lines that match, oldest first; at most 1000; unknown where `count` is; `periodic` reads `times_found`",
            )
            .within(WINDOW)
            .on_demand(),
            FactSpec::new(
                "times_found",
                FactType::Moments,
                "the times of the matching lines that were found, whether the log covers the window or not",
            )
            .within(WINDOW)
            .on_demand(),
            FactSpec::new(
                "lines",
                FactType::List,
                "the lines that match; at most 1000 of together 64 KiB; unknown where `count` is",
            )
            .on_demand(),
            FactSpec::new(
                "lines_found",
                FactType::List,
                "the matching lines that were found, whether the log covers the window or not",
            )
            .on_demand(),
        ],
    };

    fn describe(&self) -> String {
        let since = self.since.map_or_else(|| "the run began".to_owned(), |span| format!("{span} ago"));
        let pattern = self
            .pattern
            .as_ref()
            .map_or_else(String::new, |pattern| format!(" that match {}", pattern.as_str()));
        match &self.log {
            Source::File(path) => format!("lines of {path} since {since}{pattern}"),
            Source::Journal { journal } => format!("journalctl --unit={journal} since {since}{pattern}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_names_the_end_of_a_line_is_told_from_one_that_does_not() {
        for text in ["ERROR\n", r"ERROR\n", r"a(\n|b)", r"a\x0Ab", "(?x) a \\n"] {
            assert!(Pattern(text.to_owned()).names_line_end(), "{text:?}");
        }
        for text in ["ERROR$", r"[^\n]+", "[a\n]", r"\\n", r"a\sb", "(?x)\n a # b\n c"] {
            assert!(!Pattern(text.to_owned()).names_line_end(), "{text:?}");
        }
    }
}
