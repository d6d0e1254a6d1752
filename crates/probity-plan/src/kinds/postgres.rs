//! `postgres`: one query in a read-only transaction.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};
use crate::text::{Exposure, Text};

/// Runs one query in a transaction that PostgreSQL itself holds read-only, with a statement time-out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// Where and as whom: `postgresql://user:$password@host:5432/database` or `host=... user=... password=$password`. In
    /// TLS with `sslmode=require` or `verify-full`, whose certificate must then be for the host and to be trusted;
    /// `verify-ca` leaves the name out. Without `sslmode` in TLS with a server that speaks it, whoever it is, else in plain
    /// text: `tls` and `trusted` say so. Never in TLS with `sslmode=disable`.
    pub postgres: Text,
    /// One statement. Anything but SELECT, WITH, TABLE, VALUES, SHOW and EXPLAIN has impact `disrupt`, although the
    /// transaction is read-only: `COPY ... TO PROGRAM` is a way out of it. So are functions that act outside the
    /// transaction (`pg_terminate_backend`): give the role none of them.
    pub query: String,
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

impl Kind for Postgres {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "postgres",
        doc: "Runs one query in PostgreSQL, in a read-only transaction with a statement time-out.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            server::CONNECTED,
            FactSpec::new(
                "answered",
                FactType::Bool,
                "whether the server answered the query whole, be it with an error; false where it refused, was silent, is \
                 not to be trusted, or answered otherwise; unknown where the look ended before",
            )
            .shows_connection(),
            server::TLS,
            server::TRUSTED,
            server::TRUST_ERROR,
            FactSpec::new(
                "logged_in",
                FactType::Bool,
                "whether the server let the role in; unknown where it did not come to that, or refused (`denied`)",
            ),
            FactSpec::new(
                "sqlstate",
                FactType::Text,
                "00000 if the query ran, else the server's error code, such as 42501 or 25006 (a write in a read-only \
                 transaction)",
            )
            .denies(Denied::Request, Values::Prefixes(&["28", "42501"]))
            .grants(Denied::Request, Values::Texts(&["00000"])),
            FactSpec::new("error", FactType::Text, "the server's message; empty if the query ran"),
            FactSpec::new(
                "denied",
                FactType::Bool,
                "whether the server refused the role: it may not log in (SQLSTATE class 28) or lacks a privilege (42501)",
            )
            .denies(Denied::Request, Values::True),
            FactSpec::new("columns", FactType::List, "the names of the columns"),
            FactSpec::new("row_count", FactType::Int, "how many rows came back")
                .grants(Denied::Request, Values::Any),
            FactSpec::new(
                "rows",
                FactType::List,
                "the rows as maps by column: booleans, numbers of any size, JSON as such; timestamps with a zone in RFC 3339, in UTC; \
                 all else as PostgreSQL writes it, in the time zone of the user and with `DateStyle` ISO. At most 1,000 rows and 1 MiB; unknown where \
                 two columns have one name, or JSON has a key twice",
            )
            .change_shows(Shows::Effect)
            .grants(Denied::Request, Values::Any),
            FactSpec::new(
                "value",
                FactType::Any,
                "the only value, where the result is one row of one column",
            )
            .change_shows(Shows::Effect)
            .grants(Denied::Request, Values::Any),
            FactSpec::new("server_version", FactType::Text, "the version that the server reports").aside(),
            FactSpec::new("connect_ms", FactType::Interval, "time to connect and log in, in milliseconds").aside(),
            FactSpec::new(
                "elapsed_ms",
                FactType::Interval,
                "how long the look took, in milliseconds; without an end where it timed out",
            ).aside(),
        ],
    };

    fn impact(&self) -> Impact {
        let verb: String = self.query.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
        let reads = ["SELECT", "WITH", "TABLE", "VALUES", "SHOW", "EXPLAIN"];
        if reads.contains(&verb.to_ascii_uppercase().as_str()) { Impact::Observe } else { Impact::Disrupt }
    }

    fn exposes(&self) -> Vec<Exposure> {
        self.postgres.secrets_in_host()
    }

    fn flaw(&self) -> Option<String> {
        server::flaw_of_key(self.client_certificate.as_ref(), self.client_key.as_ref())
    }

    fn describe(&self) -> String {
        format!("psql '{}' -c 'BEGIN READ ONLY' -c '{}'", self.postgres, self.query.replace('\'', r"'\''"))
    }
}
