//! `mysql`: one query in a read-only transaction.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};
use crate::text::{Exposure, Text};

/// Runs one query in MySQL or MariaDB, in a read-only transaction with a time-out for its statement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mysql {
    /// Where and as whom: `mysql://user:$password@host:3306/database`; over the server's own socket with
    /// `?socket=/run/mysqld/mysqld.sock`. With `?ssl-mode=REQUIRED` in TLS, whose certificate must be for the host and to be
    /// trusted; without it in TLS with a server that speaks it, whoever it is, else in plain text: `tls` and `trusted` say
    /// so; never in TLS with `?ssl-mode=DISABLED`.
    pub mysql: Text,
    /// One statement. Anything but SELECT, WITH, TABLE, VALUES, SHOW, DESCRIBE and EXPLAIN has impact `disrupt`, although the
    /// transaction is read-only: `SELECT ... INTO OUTFILE` and functions may act outside of it. Give the user no right to that.
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

/// Errors by which a server says that the user may not: the host, the user, the database, a table, a column, a routine, a
/// privilege, a locked account (MySQL, Server Error Message Reference; MariaDB, Error Codes).
pub const DENIALS: &[i64] = &[1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698, 3118, 3955, 4151];

impl Kind for Mysql {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "mysql",
        doc: "Runs one query in MySQL or MariaDB, in a read-only transaction with a time-out for its statement.",
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
                "whether the server let the user in; unknown where it did not come to that, or refused (`denied`)",
            ),
            FactSpec::new("error_code", FactType::Int, "0 if the query ran, else the server's error number, such as 1045 or 1792 (a write in a read-only transaction)")
                .between(0, 65535)
                .denies(Denied::Request, Values::Codes(DENIALS))
                .grants(Denied::Request, Values::Codes(&[0])),
            FactSpec::new("sqlstate", FactType::Text, "00000 if the query ran, else the error's class, such as 28000 or 42000"),
            FactSpec::new("error", FactType::Text, "the server's message; empty if the query ran"),
            FactSpec::new(
                "denied",
                FactType::Bool,
                "whether the server refused the user: the host or user may not log in, or lacks a privilege",
            )
            .denies(Denied::Request, Values::True),
            FactSpec::new("columns", FactType::List, "the names of the columns"),
            FactSpec::new("row_count", FactType::Int, "how many rows came back").grants(Denied::Request, Values::Any),
            FactSpec::new(
                "rows",
                FactType::List,
                "the rows as maps by column: numbers of any size (also `BIT`, `YEAR`, `ZEROFILL`), JSON as such where the server says that it is, all else as \
                 it writes it; times in UTC. At most 1,000 rows and 1 MiB; unknown where two columns have one name, a value is not UTF-8, or JSON has a key twice",
            )
            .change_shows(Shows::Effect)
            .grants(Denied::Request, Values::Any),
            FactSpec::new("value", FactType::Any, "the only value, where the result is one row of one column")
                .change_shows(Shows::Effect)
                .grants(Denied::Request, Values::Any),
            FactSpec::new("server_version", FactType::Text, "the version that the server reports").aside(),
            FactSpec::new("connect_ms", FactType::Interval, "time to connect and log in, in milliseconds").aside(),
            server::ELAPSED,
        ],
    };

    fn impact(&self) -> Impact {
        let verb: String = self.query.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
        let reads = ["SELECT", "WITH", "TABLE", "VALUES", "SHOW", "DESCRIBE", "EXPLAIN"];
        if reads.contains(&verb.to_ascii_uppercase().as_str()) { Impact::Observe } else { Impact::Disrupt }
    }

    fn exposes(&self) -> Vec<Exposure> {
        self.mysql.secrets_in_host()
    }

    fn flaw(&self) -> Option<String> {
        server::flaw_of_key(self.client_certificate.as_ref(), self.client_key.as_ref())
    }

    fn describe(&self) -> String {
        let query = self.query.replace('\'', r"'\''");
        format!("mariadb '{}' -e 'START TRANSACTION READ ONLY; {query}'", self.mysql)
    }
}
