//! `redis`: one command that reads.

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};
use crate::text::{Piece, Text};

/// Sends a Redis server (or Valkey, KeyDB) one command of those that only read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// The server as `host:port` or `redis://host:port`, in TLS as `rediss://host:port`, or the absolute path of its socket.
    pub redis: String,
    /// The command and its arguments, such as `[LLEN, jobs]`.
    pub command: Reading,
    /// The user to log in as; without it, `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password; without it, nobody logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Text>,
    /// A file of certificates (PEM) to trust instead of the system's: authorities, or the server's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// A file with our own certificate and its chain (PEM), for a server that asks who we are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// A file with its key (PEM, without a passphrase); without it, `client_certificate` holds both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
}

/// The commands that only read, as a plan may give them: name, what follows, the range that `[first, last]` may span.
///
/// Not among them: whatever walks all keys (`KEYS`, `SCAN`) or returns without a bound (`SMEMBERS`, `HGETALL`), and
/// `CONFIG GET`, which returns passwords.
const ALLOWED: &[(&str, Arguments)] = &[
    ("PING", Arguments::Exactly(0)),
    ("INFO", Arguments::AtMost(1)),
    ("DBSIZE", Arguments::Exactly(0)),
    ("LASTSAVE", Arguments::Exactly(0)),
    ("TIME", Arguments::Exactly(0)),
    ("ROLE", Arguments::Exactly(0)),
    ("EXISTS", Arguments::Exactly(1)),
    ("TYPE", Arguments::Exactly(1)),
    ("TTL", Arguments::Exactly(1)),
    ("PTTL", Arguments::Exactly(1)),
    ("GET", Arguments::Exactly(1)),
    ("STRLEN", Arguments::Exactly(1)),
    ("HGET", Arguments::Exactly(2)),
    ("HEXISTS", Arguments::Exactly(2)),
    ("HLEN", Arguments::Exactly(1)),
    ("LLEN", Arguments::Exactly(1)),
    ("LINDEX", Arguments::Exactly(2)),
    ("LRANGE", Arguments::Range),
    ("SCARD", Arguments::Exactly(1)),
    ("SISMEMBER", Arguments::Exactly(2)),
    ("ZCARD", Arguments::Exactly(1)),
    ("ZSCORE", Arguments::Exactly(2)),
    ("ZRANGE", Arguments::Range),
    ("XLEN", Arguments::Exactly(1)),
];

/// What may follow a command's name.
#[derive(Clone, Copy)]
enum Arguments {
    Exactly(usize),
    AtMost(usize),
    /// A key, the first and the last index.
    Range,
}

/// The most elements that a range may ask for.
const MAX_RANGE: i64 = 1000;

/// A command that reads, with its arguments.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reading(Vec<Text>);

impl Reading {
    /// The command, if it is one of those that only read.
    ///
    /// # Errors
    /// What is wrong with it and what would be right.
    pub fn new(words: Vec<Text>) -> Result<Self, String> {
        let Some((name, rest)) = words.split_first() else {
            return Err("the command is empty; write a list such as [PING] or [LLEN, jobs]".to_owned());
        };
        let name = plain(name)
            .ok_or("a command's name is not a secret; write it out, such as [LLEN, jobs]")?
            .to_ascii_uppercase();
        let Some((_, arguments)) = ALLOWED.iter().find(|(allowed, _)| *allowed == name) else {
            let names: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
            return Err(format!("`{name}` is not among the commands that only read: {}", names.join(", ")));
        };
        let wrong = |what: &str| Err(format!("`{name}` takes {what}; {} given", rest.len()));
        match *arguments {
            Arguments::Exactly(1) if rest.len() != 1 => return wrong("1 argument"),
            Arguments::Exactly(n) if rest.len() != n => return wrong(&format!("{n} arguments")),
            Arguments::AtMost(n) if rest.len() > n => return wrong(&format!("at most {n} argument")),
            Arguments::Range => {
                let index =
                    |at: usize| rest.get(at).and_then(plain).and_then(|text| text.parse::<i64>().ok());
                let span = match (rest.len(), index(1), index(2)) {
                    // Counted from the same end: the span is known before the run.
                    (3, Some(first), Some(last)) if (first < 0) == (last < 0) => last.checked_sub(first),
                    _ => None,
                };
                if span.is_none_or(|span| span >= MAX_RANGE) {
                    return Err(format!(
                        "`{name}` takes a key and two indexes counted from the same end that span at most \
                         {MAX_RANGE} elements, such as [{name}, jobs, 0, 9] or [{name}, jobs, -10, -1]"
                    ));
                }
            }
            Arguments::Exactly(_) | Arguments::AtMost(_) => {}
        }
        Ok(Self(words))
    }

    /// The command and its arguments; never empty.
    pub fn words(&self) -> &[Text] {
        &self.0
    }

    /// Whether it is this command.
    pub fn is(&self, name: &str) -> bool {
        self.0.first().and_then(plain).is_some_and(|own| own.eq_ignore_ascii_case(name))
    }
}

fn plain(text: &Text) -> Option<&str> {
    match text.0.as_slice() {
        [Piece::Plain(text)] => Some(text),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// What an error begins with by which a server says that the user may not. Before Redis 6 a wrong password had no code of its
/// own, and before 2.8 a missing one had none.
pub const DENIALS: &[&str] =
    &["NOAUTH", "WRONGPASS", "NOPERM", "DENIED", "ERR invalid password", "ERR operation not permitted"];

impl Kind for Redis {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "redis",
        doc: "Sends a Redis server one command of a list of those that only read: PING, INFO, DBSIZE, LASTSAVE, TIME, \
              ROLE, EXISTS, TYPE, TTL, PTTL, GET, STRLEN, HGET, HEXISTS, HLEN, LLEN, LINDEX, LRANGE, SCARD, SISMEMBER, \
              ZCARD, ZSCORE, ZRANGE, XLEN.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            server::CONNECTED,
            FactSpec::new(
                "answered",
                FactType::Bool,
                "whether a whole reply arrived, be it an error; false where the server refused, was silent, is not to be \
                 trusted, or answered otherwise; unknown where the look ended before",
            )
            .shows_connection(),
            server::TLS,
            server::TRUSTED,
            server::TRUST_ERROR,
            FactSpec::new(
                "reply",
                FactType::Any,
                "the reply: text, a number, a list, or null where there is no such key; unknown where it is an error, \
                 not UTF-8, or over 1 MiB",
            )
            .change_shows(Shows::Effect)
            .grants(Denied::Request, Values::Any),
            FactSpec::new("error", FactType::Text, "the server's error with its code, such as `WRONGTYPE ...`; empty if there was none")
                .denies(Denied::Request, Values::Prefixes(DENIALS))
                .grants(Denied::Request, Values::Empty),
            FactSpec::new(
                "denied",
                FactType::Bool,
                "whether the server refused the user: NOAUTH, WRONGPASS, NOPERM, or DENIED (protected mode); before Redis 6 `ERR \
                 invalid password`, too",
            )
            .denies(Denied::Request, Values::True),
            FactSpec::new(
                "info",
                FactType::Map,
                "the reply to INFO as a map of its fields: whole numbers and decimals as numbers, all else as text",
            )
            .grants(Denied::Request, Values::Any),
            FactSpec::new(
                "elapsed_ms",
                FactType::Interval,
                "how long the look took, in milliseconds; without an end where it timed out",
            ).aside(),
        ],
    };

    fn anonymous(&self) -> Option<Self> {
        Some(Self {
            username: None,
            password: None,
            client_certificate: None,
            client_key: None,
            ..self.clone()
        })
    }

    fn flaw(&self) -> Option<String> {
        let place = Some(&self.redis).filter(|place| !place.starts_with('/'));
        place
            .and_then(|place| server::flaw_of_place(place, &["redis", "rediss"]))
            .or_else(|| server::flaw_of_key(self.client_certificate.as_ref(), self.client_key.as_ref()))
    }

    fn describe(&self) -> String {
        let user = self.username.as_ref().map_or_else(String::new, |user| format!(" --user {user}"));
        let at = match self.redis.rsplit_once(':') {
            _ if self.redis.starts_with('/') => format!("-s {}", self.redis),
            _ if self.redis.contains("://") => format!("-u {}", self.redis),
            Some((host, port)) => format!("-h {host} -p {port}"),
            None => format!("-h {}", self.redis),
        };
        let option = |flag: &str, value: Option<&String>| {
            value.map_or_else(String::new, |value| format!(" --{flag} {value}"))
        };
        let tls = [
            option("cacert", self.ca.as_ref()),
            option("cert", self.client_certificate.as_ref()),
            option("key", self.client_key.as_ref()),
        ];
        let words: Vec<String> = self.command.words().iter().map(ToString::to_string).collect();
        format!("redis-cli {at}{}{user} {}", tls.concat(), words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(words: &str) -> Result<Reading, String> {
        Reading::new(words.split_whitespace().map(Text::plain).collect())
    }

    #[test]
    fn what_only_reads_is_taken() {
        for words in [
            "PING",
            "ping",
            "INFO",
            "info replication",
            "GET a",
            "HGET a b",
            "LRANGE a 0 999",
            "ZRANGE a -10 -1",
        ] {
            assert!(reading(words).is_ok(), "{words}: {:?}", reading(words));
        }
        assert!(reading("info").unwrap().is("INFO"));
    }

    #[test]
    fn what_writes_or_has_no_bound_is_refused_with_what_is_allowed() {
        for words in
            ["SET a 1", "DEL a", "FLUSHALL", "KEYS *", "CONFIG GET *", "EVAL x 0", "GETDEL a", "SUBSCRIBE a"]
        {
            let error = reading(words).unwrap_err();
            assert!(error.contains("not among the commands that only read: PING, INFO"), "{words}: {error}");
        }
        for words in [
            "LRANGE a 0 -1",
            "LRANGE a 0 1000",
            "LRANGE a -1000000 -1",
            "LRANGE a",
            "ZRANGE a 0 9 REV",
            "LRANGE a x 3",
            "LRANGE a -9223372036854775808 -1",
        ] {
            let error = reading(words).unwrap_err();
            assert!(error.contains("at most 1000 elements"), "{words}: {error}");
        }
        assert_eq!(reading("GET").unwrap_err(), "`GET` takes 1 argument; 0 given");
        assert_eq!(reading("PING x").unwrap_err(), "`PING` takes 0 arguments; 1 given");
        assert!(reading("").unwrap_err().contains("[PING]"));
        let secret = Text(vec![Piece::Secret("command".to_owned())]);
        assert!(Reading::new(vec![secret]).unwrap_err().contains("not a secret"));
    }
}
