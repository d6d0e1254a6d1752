//! `http`: one request and its answer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};
use crate::text::{Exposure, Text};

/// Sends one HTTP request and looks at the answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// How many redirects (301, 302, 303, 307, 308) to follow; 0 without it. None leads a request that holds a secret to another scheme, host or
    /// port: such a redirect is the answer, as is one that names several places. Headers that say who asks, such as `Authorization`,
    /// go to no other scheme, host or port either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirects: Option<u8>,
    /// A file of certificates (PEM) to trust instead of the system's: authorities, or the server's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// A file with our own certificate and its chain (PEM), for a server that asks who we are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// A file with its key (PEM, without a passphrase); without it, `client_certificate` holds both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
    /// Keeps cookies as a browser does: `redirects`, for the redirects of one look; `looks`, for later looks at the same row
    /// too. Without it, none is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookies: Option<Cookies>,
    /// Speaks HTTP/2 alone: agreed on in the TLS handshake, or known beforehand without TLS. Without it, HTTP/1.1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub http2: bool,
    /// The path of a Unix socket to connect to, instead of the URL's host and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix_socket: Option<String>,
}

/// For how long cookies are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cookies {
    /// For the redirects of one look.
    Redirects,
    /// For all looks at a row.
    Looks,
}

/// Headers that say who asks.
const WHO_ASKS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// The headers that do not say who asks.
pub(super) fn without_who_asks(headers: &BTreeMap<String, Text>) -> BTreeMap<String, Text> {
    let tells = |name: &str| WHO_ASKS.iter().any(|header| name.eq_ignore_ascii_case(header));
    headers
        .iter()
        .filter(|(name, _)| !tells(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl Kind for Http {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "http",
        doc: "Sends one HTTP request and looks at status, headers, body and the phases of the time taken.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            FactSpec::new("connected", FactType::Bool, "whether the target was reached: it took the connection and said something; false where it refused or reset the connection, ended it without a word or was silent")
                .shows_connection(),
            FactSpec::new("answered", FactType::Bool, "whether a whole HTTP response arrived: head and body; false where the target refused, was silent, is not to be trusted, or said what is no whole response; unknown where the observer did not wait for all of it or could not read it")
                .shows_connection(),
            FactSpec::new("tls", FactType::Bool, "with https: whether it answered in TLS with a certificate").aside(),
            FactSpec::new("trusted", FactType::Bool, "with https: whether that certificate leads to the system's certificates, or to `ca`, and is for the URL's host").aside(),
            FactSpec::new("trust_error", FactType::Text, "with https: why it does not; empty if it does").aside(),
            FactSpec::new("head_received", FactType::Bool, "whether status line and headers arrived whole")
                .grants(Denied::Connection, Values::True),
            FactSpec::new("body_received", FactType::Bool, "whether the whole body arrived too; unknown where the look ended before it, at the time-out or at 16 MiB, and where nothing tells where it ends"),
            FactSpec::new("framing", FactType::Text, "what tells the end of the body: length, chunked, frames (HTTP/2), none (HEAD, 204, 304), or close: the end of the connection, so that nothing tells a whole body from one cut short").one_of(&["length", "chunked", "frames", "none", "close"]).aside(),
            FactSpec::new("received_bytes", FactType::Int, "how much of the body arrived, whole or not"),
            FactSpec::new("status", FactType::Int, "the status code, 100 to 599; unknown where the server wrote another number")
                .between(100, 599)
                .denies(Denied::Request, Values::Codes(&[401, 403, 407, 511]))
                .grants(Denied::Request, Values::Range(200, 299)),
            FactSpec::new("version", FactType::Text, "HTTP/1.0, HTTP/1.1 or HTTP/2.0; a later HTTP/1 as the server wrote it").aside(),
            FactSpec::new("headers", FactType::Map, "the headers by lower-case name; repeated ones joined with a comma; in UTF-8, else ISO-8859-1; unknown where a line is no header").lower_case().aside(),
            FactSpec::new("redirects", FactType::List, "the URLs that redirects led to, in order")
                .withdraws(Denied::Request, Values::Filled),
            FactSpec::new("size_bytes", FactType::Int, "the length of the whole body as received"),
            FactSpec::new("body", FactType::Text, "the body: gzip, deflate and Brotli undone where the headers name them; in the charset that a byte order mark or the headers name, else the one that XML or HTML name themselves, else UTF-8. Unknown where that is not what it is, where they name a charset otherwise than they should, or more than 16 MiB").on_demand(),
            FactSpec::new("json", FactType::Any, "that text parsed as JSON, numbers of any size").on_demand(),
            FactSpec::new("sha256", FactType::Text, "SHA-256 of the body as received, after masking of secrets, in hexadecimal").lower_case().on_demand(),
            FactSpec::new("resolve_ms", FactType::Interval, "time to resolve the name, in milliseconds").aside(),
            FactSpec::new("connect_ms", FactType::Interval, "time to connect, in milliseconds").aside(),
            FactSpec::new("tls_ms", FactType::Interval, "time for the TLS handshake, in milliseconds; 0 without TLS").aside(),
            FactSpec::new("first_byte_ms", FactType::Interval, "time from the request to the head of the response, in milliseconds").aside(),
            FactSpec::new("elapsed_ms", FactType::Interval, "from the start to the last byte of the body, in milliseconds; without an end where it timed out").aside(),
        ],
    };

    fn impact(&self) -> Impact {
        match self.method.as_deref().unwrap_or("GET") {
            "GET" | "HEAD" | "OPTIONS" => Impact::Observe,
            _ => Impact::Write,
        }
    }

    fn anonymous(&self) -> Option<Self> {
        Some(Self {
            headers: without_who_asks(&self.headers),
            client_certificate: None,
            client_key: None,
            ..self.clone()
        })
    }

    fn may_withdraw(&self) -> bool {
        self.redirects.is_some_and(|most| most > 0)
    }

    fn exposes(&self) -> Vec<Exposure> {
        self.http.secrets_in_host()
    }

    fn flaw(&self) -> Option<String> {
        server::flaw_of_url(&self.http, &["http", "https"])
            .or_else(|| server::flaw_of_request(self.method.as_deref(), self.headers.keys()))
            .or_else(|| server::flaw_of_key(self.client_certificate.as_ref(), self.client_key.as_ref()))
    }

    fn describe(&self) -> String {
        let socket = self.unix_socket.as_ref().map_or_else(String::new, |path| format!(" (over {path})"));
        format!("{} {}{socket}", self.method.as_deref().unwrap_or("GET"), self.http)
    }
}
