//! `jsonrpc`: a session of calls and their replies.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};
use crate::template::Template;
use crate::text::{Exposure, Text};

/// Makes JSON-RPC calls over one WebSocket, or over HTTP, and looks at the reply to the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonRpc {
    /// The URL: `ws` or `wss` for a WebSocket, `http` or `https` for a request each call.
    pub jsonrpc: Text,
    /// The calls of one session, in this order; the facts are about the last one.
    pub calls: Vec<Call>,
    /// Sends each call without waiting for the reply to the one before. Only over a WebSocket.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pipelined: bool,
    /// How many notifications to wait for, those before the last reply included. Only over a WebSocket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<u16>,
    /// Headers to send.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Text>,
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

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The method's name.
    pub method: String,
    /// Its parameters, a map or a list; without it, none are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Parameters>,
}

impl Call {
    /// Whether its method is by its name one that says who asks: `authenticate`, `auth.login`, `signIn`.
    fn logs_in(&self) -> bool {
        let letters = self.method.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
        ["authenticate", "login", "logon", "signin"].iter().any(|word| letters.ends_with(word))
    }
}

/// The parameters of a call: a map or a list (JSON-RPC 2.0, 4.2).
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(Template);

impl Parameters {
    /// As they are written in the plan.
    pub const fn template(&self) -> &Template {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let template = Template::deserialize(deserializer)?;
        if !template.is_structured() {
            return Err(serde::de::Error::custom(
                "a call's parameters are a map or a list, such as { device: camera0 }",
            ));
        }
        Ok(Self(template))
    }
}

impl Kind for JsonRpc {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "jsonrpc",
        doc: "Makes JSON-RPC 2.0 calls in one session over a WebSocket, or each in an HTTP request, and looks at the reply to \
              the last one. What a call does is the server's business: where it only reads, the plan says `impact: observe`.",
        shows: Shows::Response,
        floor: Impact::Write,
        privilege: "",
        facts: &[
            server::CONNECTED,
            FactSpec::new("answered", FactType::Bool, "whether every call got a whole reply; false where the server refused, was silent, is not to be trusted, hung up before, or said what is no reply; unknown where the look ended before")
                .shows_connection(),
            server::TLS,
            server::TRUSTED,
            server::TRUST_ERROR,
            FactSpec::new("status", FactType::Int, "the status code of the HTTP response, 100 to 599: 101 where a WebSocket began")
                .between(100, 599)
                .denies(Denied::Request, Values::Codes(&[401, 403, 407, 511])),
            FactSpec::new("succeeded", FactType::Bool, "whether the reply to the last call is a result and no error")
                .denies(Denied::Request, Values::False)
                .grants(Denied::Request, Values::True),
            FactSpec::new("result", FactType::Any, "the result, numbers of any size; null where it is an error")
                .change_shows(Shows::Effect),
            FactSpec::new("error_code", FactType::Int, "the error's code; null where it is a result")
                .denies(Denied::Request, Values::Range(i64::MIN, i64::MAX)),
            FactSpec::new("error_message", FactType::Text, "the error's message; empty where it is a result"),
            FactSpec::new("error_data", FactType::Any, "what the server says beside the message; null if nothing"),
            FactSpec::new("replies", FactType::List, "the reply to each call, in the order of the calls: maps with `result`, or with `error` (`code`, `message`, `data`)")
                .on_demand()
                .denies(Denied::Request, Values::Errors),
            FactSpec::new("notifications", FactType::List, "the notifications that came until then, in order: maps with `method` and `params`; behind `timed-out` where fewer came than were waited for")
                .change_shows(Shows::Effect),
            FactSpec::new("close_code", FactType::Int, "the code with which the server closed the WebSocket, 1000 to 4999; null where it did not until the time-out, ended the connection without one, or over HTTP; unknown where the look ended before, as with the reply to the last call, and where it is one that nobody may send (RFC 6455, 7.4)")
                .denies(Denied::Request, Values::Codes(&[1008, 3000, 3003, 4401, 4403])),
            FactSpec::new("reply_ms", FactType::Interval, "from sending the last call to its reply, in milliseconds").aside(),
            server::ELAPSED,
        ],
    };

    /// A call before the last one that logs in says who asks; any other may change what the last one finds.
    fn anonymous(&self) -> Option<Self> {
        let mut calls = self.calls.clone();
        if let Some((_, earlier)) = calls.split_last_mut() {
            earlier.iter_mut().filter(|call| call.logs_in()).for_each(|call| call.params = None);
        }
        Some(Self {
            calls,
            headers: super::http::without_who_asks(&self.headers),
            client_certificate: None,
            client_key: None,
            ..self.clone()
        })
    }

    fn exposes(&self) -> Vec<Exposure> {
        self.jsonrpc.secrets_in_host()
    }

    fn flaw(&self) -> Option<String> {
        server::flaw_of_url(&self.jsonrpc, &["ws", "wss", "http", "https"])
            .or_else(|| server::flaw_of_request(None, self.headers.keys()))
            .or_else(|| server::flaw_of_key(self.client_certificate.as_ref(), self.client_key.as_ref()))
    }

    fn describe(&self) -> String {
        let call = |call: &Call| match &call.params {
            Some(params) => format!("{}({})", call.method, params.template()),
            None => format!("{}()", call.method),
        };
        let calls: Vec<String> = self.calls.iter().map(call).collect();
        format!("JSON-RPC {} {}", self.jsonrpc, calls.join(", "))
    }
}
