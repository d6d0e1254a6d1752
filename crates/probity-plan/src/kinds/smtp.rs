//! `smtp`: how a mail server greets, what it offers, whether it lets a user in. No mail is sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};
use crate::text::Text;

/// Greets a mail server and asks what it offers; goes on in TLS and logs in where the plan says so. Sends no mail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The server as `host:port`; in TLS from the first byte as `smtps://host:port`.
    pub smtp: String,
    /// Goes on in TLS (STARTTLS), whose certificate must be for the host and to be trusted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starttls: bool,
    /// The name by which we introduce ourselves; without it, our address in brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello: Option<String>,
    /// The user to log in as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password. It is sent in TLS only.
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

/// Replies by which a server says that we may not: RFC 4954, 6 and RFC 5321, 4.2.
pub const DENIALS: &[i64] = &[521, 530, 534, 535, 538, 550, 554];

impl Kind for Smtp {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "smtp",
        doc: "Greets a mail server, asks what it offers, goes on in TLS and logs in where the plan says so; sends no mail.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            server::CONNECTED,
            FactSpec::new(
                "answered",
                FactType::Bool,
                "whether everything that was asked was answered, be it with an error; false where the server refused, was \
                 silent, is not to be trusted, or answered otherwise; unknown where the look ended before",
            )
            .shows_connection(),
            server::TLS,
            server::TRUSTED,
            server::TRUST_ERROR,
            FactSpec::new("greeting", FactType::Text, "what the server says first, without its code; unknown, as `capabilities`, where it is not UTF-8"),
            FactSpec::new(
                "capabilities",
                FactType::List,
                "what it offers (EHLO), each as it is written, such as `SIZE 10240000`, sorted; after STARTTLS what it offers then",
            )
            .grants(Denied::Request, Values::Any),
            FactSpec::new("starttls", FactType::Bool, "whether it offered, in plain text, to go on in TLS").aside(),
            FactSpec::new(
                "auth_mechanisms",
                FactType::List,
                "the ways to log in that it offers, sorted, such as PLAIN; many offer them in TLS only",
            )
            .aside(),
            FactSpec::new("max_size_bytes", FactType::Int, "the longest mail it takes (SIZE); 0 where it sets no limit; unknown where it says several"),
            FactSpec::new("code", FactType::Int, "the code of its last reply, such as 250 or 535")
                .between(100, 599)
                .denies(Denied::Request, Values::Codes(DENIALS))
                .grants(Denied::Request, Values::Range(200, 299)),
            FactSpec::new("enhanced_code", FactType::Text, "the code of RFC 3463 in it, such as 5.7.8; empty without one"),
            FactSpec::new("error", FactType::Text, "what it said with a code of 400 or more; empty if all went well"),
            FactSpec::new("logged_in", FactType::Bool, "whether it let the user in; unknown where that was not asked for, or refused for another reason than who asks")
                .denies(Denied::Request, Values::False)
                .grants(Denied::Request, Values::True),
            FactSpec::new(
                "denied",
                FactType::Bool,
                "whether it said that we may not: 521, 530, 534, 535, 538, 550 or 554",
            )
            .denies(Denied::Request, Values::True),
            FactSpec::new("connect_ms", FactType::Interval, "time to connect, in milliseconds").aside(),
            server::ELAPSED,
        ],
    };

    fn anonymous(&self) -> Option<Self> {
        let anonymous = Self {
            username: None,
            password: None,
            client_certificate: None,
            client_key: None,
            ..self.clone()
        };
        Some(anonymous)
    }

    fn flaw(&self) -> Option<String> {
        server::flaw_of_place(&self.smtp, &["smtp", "smtps"])
            .or_else(|| server::flaw_of_key(self.client_certificate.as_ref(), self.client_key.as_ref()))
    }

    fn describe(&self) -> String {
        let option = |flag: &str, value: Option<&str>| {
            value.map_or_else(String::new, |value| format!(" --{flag} {value}"))
        };
        [
            "swaks --quit-after ".to_owned(),
            if self.password.is_some() { "AUTH" } else { "EHLO" }.to_owned(),
            format!(" --server {}", self.smtp),
            if self.starttls { " --tls" } else { "" }.to_owned(),
            option("helo", self.hello.as_deref()),
            option("auth-user", self.username.as_deref()),
            option("tls-ca-path", self.ca.as_deref()),
        ]
        .concat()
    }
}
