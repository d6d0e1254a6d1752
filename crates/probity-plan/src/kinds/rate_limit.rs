//! `rate-limit`: how much a server grants before it refuses, by what it counts, and when it forgives.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::jsonrpc::Call;
use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};
use crate::text::{Exposure, Text};

/// Sends requests at a fixed rate until one is refused, and then looks for the rate that is granted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// The URL: `http` or `https`; `ws` or `wss` for JSON-RPC over a WebSocket.
    #[serde(rename = "rate-limit")]
    pub rate_limit: Text,
    /// The method of an HTTP request; `GET` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Headers to send; over a WebSocket, with its opening.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Text>,
    /// The body of an HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    /// The JSON-RPC call that is the request over a WebSocket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// JSON-RPC calls with which each WebSocket begins, such as one that says who asks. They do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session: Vec<Call>,
    /// The status codes that are a refusal; 429 and 503 without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_status: Vec<u16>,
    /// The codes of JSON-RPC errors that are a refusal. A WebSocket needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_code: Vec<i64>,
    /// Requests a second to begin with, 1 to 10000; 200 without it. No higher rate is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u16>,
    /// The most requests in all, 1 to 1,000,000; 1000 without it. So many are sent where none is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
    /// Another address of the observer's, to see whether the limit counts by address. On loopback, 127.0.0.2 is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_address: Option<IpAddr>,
    /// Somebody else, to see whether the limit counts by identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_identity: Option<Identity>,
    /// A file of certificates (PEM) to trust instead of the system's: authorities, or the server's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// Who asks: what stands in place of the probe's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Headers; those of other names stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Text>,
    /// The calls with which each WebSocket begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session: Vec<Call>,
}

impl RateLimit {
    /// Requests a second to begin with.
    pub fn first_rate(&self) -> u16 {
        self.rate.unwrap_or(200)
    }

    /// The most requests in all.
    pub fn most(&self) -> u32 {
        self.at_most.unwrap_or(1000)
    }

    /// The same as somebody else.
    pub fn as_other(&self, other: &Identity) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|name, _| !other.headers.keys().any(|new| new.eq_ignore_ascii_case(name)));
        headers.extend(other.headers.clone());
        let session = if other.session.is_empty() { &self.session } else { &other.session };
        Self { headers, session: session.clone(), ..self.clone() }
    }
}

/// The statuses by which a server says that we may not, and every error of JSON-RPC that has one of the usual codes.
const DENIALS: &[&str] = &["401", "403", "407", "511", "-"];

impl Kind for RateLimit {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "rate-limit",
        doc: "Sends requests at a fixed rate, each at its time whether or not those before it were answered, until one is refused. Then it \
              looks by what the limit counts, how soon it forgives, and by search where it lies. All of it ends with the `timeout`, \
              so a limit of some requests a minute needs one of minutes; what was found by then is known. A server that was asked by others \
              meanwhile, or just before, has granted less.",
        shows: Shows::Response,
        floor: Impact::Load,
        privilege: "",
        facts: &[
            server::CONNECTED,
            FactSpec::new("answered", FactType::Bool, "whether a request got a whole answer, be it a refusal; false where the server refused the connection, was silent, is not to be trusted, or said what is no answer; unknown where the look ended before")
                .shows_connection(),
            server::TLS,
            server::TRUSTED,
            server::TRUST_ERROR,
            FactSpec::new("limited", FactType::Bool, "whether a request was refused; false says no more than that none was of `granted` requests at up to the rate of `limit_per_s`; unknown where none was, but some failed or had no answer when the look ended, and where every one was, as by a server that is down: it shows no limit, and what follows up to `per_identity` is unknown too"),
            FactSpec::new("burst", FactType::Interval, "how many requests at the first rate were granted before one was refused; an interval, as requests over several connections may overtake each other; without an upper end where none was refused")
                .bounded(),
            FactSpec::new("limit_per_s", FactType::Interval, "where the limit lies, in requests a second that are granted on and on: between the highest rate at which all of `burst` requests and ten more were granted and the lowest at which one was refused; without an upper end where none was; unknown where more was granted in all than such a limit grants, as by one that refuses now and then")
                .bounded(),
            FactSpec::new("forgives_ms", FactType::Interval, "how long after the first refusal a request was granted again, in milliseconds; without an upper end where none was")
                .bounded(),
            FactSpec::new("per_connection", FactType::Bool, "whether another connection was granted more than could be forgiven meanwhile, while those before were refused; false where a new one was refused at its first request; unknown where neither shows"),
            FactSpec::new("per_address", FactType::Bool, "with `other_address`: whether that was, while the first address was refused; false where it was refused before it got what was granted first; unknown where neither shows, where each connection counts alone, and where it got another answer than what was granted first"),
            FactSpec::new("per_identity", FactType::Bool, "with `other_identity`: whether that was, while the first one was refused; false where they were refused before they got what was granted first; unknown where neither shows, where each connection counts alone, and where they got another answer than what was granted first, such as a 401"),
            FactSpec::new("refusal", FactType::Int, "the status or the error code of the first refusal; null where none was"),
            FactSpec::new("retry_after", FactType::Int, "the seconds that the first refusal said to wait, in the header `Retry-After` or as `retry_after` in the error's data; null where it said none, unknown where it said it otherwise"),
            FactSpec::new("sent", FactType::Int, "requests that were sent in all"),
            FactSpec::new("granted", FactType::Int, "requests that got a whole answer that is no refusal, whatever its status: where it is 0, nothing shows that any could have been granted")
                .between(0, 1_000_000)
                .denies(Denied::Request, Values::Codes(&[0])),
            FactSpec::new("refused", FactType::Int, "requests that were refused"),
            FactSpec::new("failed", FactType::Int, "requests that got no whole answer; unknown where some had none when the look ended"),
            FactSpec::new("statuses", FactType::Map, "how many answers had which status; of JSON-RPC, which error code, or `result`")
                .denies(Denied::Request, Values::OnlyKeys(DENIALS))
                .grants(Denied::Request, Values::AnyKey(&["2", "result"])),
            FactSpec::new("connections", FactType::Int, "connections that were made: one, and another for each request that was due while all of them waited for answers, or that was somebody else's").aside(),
            FactSpec::new("rate_per_s", FactType::Interval, "the rate at which the first requests really were sent").bounded().aside(),
            FactSpec::new("latency_p50_ms", FactType::Interval, "the median time from when a request was due until its answer was whole, in milliseconds, of the first requests up to a refusal").bounded().aside(),
            FactSpec::new("latency_p99_ms", FactType::Interval, "the time within which 99 % of them were answered").bounded().aside(),
            server::ELAPSED,
        ],
    };

    fn exposes(&self) -> Vec<Exposure> {
        self.rate_limit.secrets_in_host()
    }

    fn flaw(&self) -> Option<String> {
        let others = self.other_identity.iter().flat_map(|other| other.headers.keys());
        server::flaw_of_url(&self.rate_limit, &["http", "https", "ws", "wss"])
            .or_else(|| server::flaw_of_request(self.method.as_deref(), self.headers.keys().chain(others)))
    }

    fn describe(&self) -> String {
        let request = match &self.call {
            Some(call) => format!("JSON-RPC {} {}", self.rate_limit, call.method),
            None => format!("{} {}", self.method.as_deref().unwrap_or("GET"), self.rate_limit),
        };
        format!("up to {} requests, {}/s to begin with: {request}", self.most(), self.first_rate())
    }
}
