//! `tls`: what a server offers in its handshake.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values};

/// Shakes hands with a TLS server and looks at what it offers, trustworthy or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The server as `host:port`.
    pub tls: String,
    /// The name to ask for and to hold the certificate against; without it, the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// A file of certificates (PEM) to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

impl Kind for Tls {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "tls",
        doc: "Shakes hands with a TLS server: version, cipher suite, certificates and whether they are to be trusted, \
              and which versions it accepts, old ones too. TLS from the first byte; no STARTTLS.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            FactSpec::new(
                "answered",
                FactType::Bool,
                "whether the server answered in TLS, be it with an alert; false is a fact where the connection was \
                 refused, closed, silent, or answered otherwise",
            )
            .denies(Denied::Connection, Values::False)
            .grants(Denied::Connection, Values::True),
            FactSpec::new(
                "completed",
                FactType::Bool,
                "whether a current client (TLS 1.2 and 1.3, forward secrecy, authenticated encryption) completes \
                 the handshake, whatever it thinks of the certificate",
            )
            .denies(Denied::Request, Values::False)
            .grants(Denied::Request, Values::True),
            FactSpec::new("alert", FactType::Text, "why it does not, such as an alert; empty if it does"),
            FactSpec::new(
                "version",
                FactType::Text,
                "TLSv1.3 or TLSv1.2, as negotiated with a current client; TLSv1.1 or TLSv1.0, or TLSv1.2 with an \
                 old suite, where only an older client gets in",
            ),
            FactSpec::new(
                "suite",
                FactType::Text,
                "the cipher suite negotiated with it, by its IANA name, such as TLS_AES_128_GCM_SHA256",
            ),
            FactSpec::new(
                "group",
                FactType::Text,
                "the group of the key exchange, such as X25519 or secp256r1",
            ),
            FactSpec::new(
                "asks_client",
                FactType::Bool,
                "whether the server asks for the client's certificate; this client has none, and a server of TLS 1.3 may \
                 hang up on it after the handshake",
            ),
            FactSpec::new(
                "tls_1_0",
                FactType::Bool,
                "whether it accepts TLS 1.0; false only if it answered a hello of 1.0 alone with an alert or another \
                 version, and accepts some other version in the same look",
            )
            .on_demand(),
            FactSpec::new("tls_1_1", FactType::Bool, "likewise TLS 1.1").on_demand(),
            FactSpec::new("tls_1_2", FactType::Bool, "likewise TLS 1.2, with old suites too").on_demand(),
            FactSpec::new("tls_1_3", FactType::Bool, "likewise TLS 1.3").on_demand(),
            FactSpec::new(
                "trusted",
                FactType::Bool,
                "whether the chain leads to the system's certificates, or to `ca`, at the time of the look; the name \
                 aside",
            ),
            FactSpec::new("trust_error", FactType::Text, "why it does not; empty if it does"),
            FactSpec::new(
                "name_matches",
                FactType::Bool,
                "whether the certificate is for the name asked for (subject alternative names only)",
            ),
            FactSpec::new("subject", FactType::Text, "the certificate's subject (RFC 4514)"),
            FactSpec::new("issuer", FactType::Text, "the certificate's issuer (RFC 4514)"),
            FactSpec::new(
                "names",
                FactType::List,
                "its subject alternative names: DNS names, IP and mail addresses, URIs",
            ),
            FactSpec::new("not_before", FactType::Moment, "the start of its validity"),
            FactSpec::new("not_after", FactType::Moment, "the end of its validity"),
            FactSpec::new(
                "expires_in_days",
                FactType::Float,
                "days from the look to the end of its validity, by the observer's clock; negative if past",
            ),
            FactSpec::new("self_issued", FactType::Bool, "whether subject and issuer are the same"),
            FactSpec::new("key_type", FactType::Text, "rsa, ec, ed25519, or the algorithm's object identifier"),
            FactSpec::new("key_bits", FactType::Int, "the length of the public key in bits"),
            FactSpec::new(
                "signature_algorithm",
                FactType::Text,
                "such as sha256WithRSAEncryption or ecdsa-with-SHA256, or the object identifier",
            ),
            FactSpec::new("sha256", FactType::Text, "SHA-256 of the certificate after masking of secrets, in hexadecimal")
                .change_shows(Shows::Effect),
            FactSpec::new(
                "chain",
                FactType::List,
                "the certificates sent, the server's first: maps of `subject`, `issuer`, `not_after`, `sha256`",
            ),
            FactSpec::new("connect_ms", FactType::Interval, "time to connect, in milliseconds"),
            FactSpec::new("handshake_ms", FactType::Interval, "time for the handshake, in milliseconds"),
            FactSpec::new(
                "elapsed_ms",
                FactType::Interval,
                "how long the look took, in milliseconds; without an end where it timed out",
            ),
        ],
    };

    fn describe(&self) -> String {
        let name = self.server_name.as_ref().map_or_else(String::new, |name| format!(" -servername {name}"));
        let ca = self.ca.as_ref().map_or_else(String::new, |ca| format!(" -CAfile {ca}"));
        format!("openssl s_client -connect {}{name}{ca}", self.tls)
    }
}
