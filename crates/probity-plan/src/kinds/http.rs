//! `http`: one request and its answer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values};
use crate::text::{Exposure, Text};

/// Sends one HTTP request and looks at the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The URL, `http` or `https`.
    pub http: Text,
    /// The method; `GET` without it. Anything but GET, HEAD and OPTIONS has impact `write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Headers to send.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Text>,
    /// The body to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    /// How many redirects to follow; 0 without it. None leads a request that holds a secret to another scheme, host or
    /// port: such a redirect is the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirects: Option<u8>,
    /// A file of certificates (PEM) to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// Headers that say who asks.
const WHO_ASKS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

impl Kind for Http {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "http",
        doc: "Sends one HTTP request and looks at status, headers, body and the phases of the time taken.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            FactSpec::new("answered", FactType::Bool, "whether an HTTP response arrived within the time-out; false is a fact where the connection was refused, reset or silent")
                .denies(Denied::Connection, Values::False)
                .grants(Denied::Connection, Values::True),
            FactSpec::new("status", FactType::Int, "the status code, 100 to 599")
                .denies(Denied::Request, Values::Codes(&[401, 403]))
                .grants(Denied::Request, Values::Range(200, 299)),
            FactSpec::new("version", FactType::Text, "HTTP/1.0 or HTTP/1.1"),
            FactSpec::new("headers", FactType::Map, "the headers by lower-case name; repeated ones joined with a comma"),
            FactSpec::new("redirects", FactType::List, "the URLs that redirects led to, in order"),
            FactSpec::new("size_bytes", FactType::Int, "the length of the body as received"),
            FactSpec::new("body", FactType::Text, "the body, if it is UTF-8").on_demand(),
            FactSpec::new("json", FactType::Any, "the body parsed as JSON").on_demand(),
            FactSpec::new("sha256", FactType::Text, "SHA-256 of the body after masking of secrets, in hexadecimal").on_demand(),
            FactSpec::new("resolve_ms", FactType::Interval, "time to resolve the name, in milliseconds"),
            FactSpec::new("connect_ms", FactType::Interval, "time to connect, in milliseconds"),
            FactSpec::new("tls_ms", FactType::Interval, "time for the TLS handshake, in milliseconds; 0 without TLS"),
            FactSpec::new("first_byte_ms", FactType::Interval, "time from the request to the head of the response, in milliseconds"),
            FactSpec::new("elapsed_ms", FactType::Interval, "from the start to the last byte of the body, in milliseconds; without an end where it timed out"),
        ],
    };

    fn impact(&self) -> Impact {
        match self.method.as_deref().unwrap_or("GET") {
            "GET" | "HEAD" | "OPTIONS" => Impact::Observe,
            _ => Impact::Write,
        }
    }

    fn anonymous(&self) -> Option<Self> {
        let mut act = self.clone();
        act.headers.retain(|name, _| !WHO_ASKS.iter().any(|header| name.eq_ignore_ascii_case(header)));
        Some(act)
    }

    fn exposes(&self) -> Vec<Exposure> {
        self.http.secrets_in_host()
    }

    fn describe(&self) -> String {
        format!("{} {}", self.method.as_deref().unwrap_or("GET"), self.http)
    }
}
