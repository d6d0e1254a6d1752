//! `tls`: what a server offers in its handshake.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};

/// Shakes hands with a TLS server and looks at what it offers, trustworthy or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The server as `host:port`.
    pub tls: String,
    /// The name to ask for and to hold the certificate against; without it, the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Asks for TLS in this protocol first: `smtp`, `imap` or `postgres`. Without it, TLS begins with the first byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starttls: Option<StartTls>,
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

/// A protocol that goes over to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StartTls {
    /// STARTTLS of SMTP (RFC 3207).
    Smtp,
    /// STARTTLS of IMAP (RFC 9051).
    Imap,
    /// PostgreSQL's request for TLS.
    Postgres,
}

impl StartTls {
    /// The word used in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Postgres => "postgres",
        }
    }
}

impl Kind for Tls {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "tls",
        doc: "Shakes hands with a TLS server: version, cipher suite, certificates and whether they are to be trusted, \
              and which versions it accepts, old ones too.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            server::CONNECTED,
            FactSpec::new(
                "answered",
                FactType::Bool,
                "whether the server answered in TLS, be it with an alert; false is a fact where the connection was \
                 refused, closed, silent, or answered otherwise; unknown where the look ended before",
            )
            .shows_connection(),
            FactSpec::new(
                "starttls",
                FactType::Bool,
                "with `starttls`: whether the server offers to go on in TLS; unknown where it ended the conversation before",
            ).aside()
            .shows_connection(),
            FactSpec::new(
                "completed",
                FactType::Bool,
                "whether a current client (TLS 1.2 and 1.3, forward secrecy, authenticated encryption) completes \
                 the handshake, whatever it thinks of the certificate; unknown where the server wants a suite, group or signature \
                 that this client does not have",
            )
            .denies(Denied::Request, Values::False)
            .grants(Denied::Request, Values::True),
            FactSpec::new("alert", FactType::Text, "why it does not, such as an alert; empty if it does")
                .grants(Denied::Request, Values::Empty),
            FactSpec::new(
                "version",
                FactType::Text,
                "TLSv1.3 or TLSv1.2, as negotiated with a current client; TLSv1.1 or TLSv1.0, or TLSv1.2 with an \
                 old suite, where only an older client gets in",
            ).aside(),
            FactSpec::new(
                "suite",
                FactType::Text,
                "the cipher suite negotiated with it, by its IANA name, such as TLS_AES_128_GCM_SHA256",
            ).aside(),
            FactSpec::new(
                "group",
                FactType::Text,
                "the group of the key exchange, such as X25519 or secp256r1",
            ).aside(),
            FactSpec::new(
                "asks_client",
                FactType::Bool,
                "whether the server asks for the client's certificate; one of TLS 1.3 may hang up after the handshake on \
                 whom it does not like",
            ).aside(),
            FactSpec::new(
                "tls_1_0",
                FactType::Bool,
                "whether it accepts TLS 1.0; false only if it answered a hello of 1.0 alone with an alert or another \
                 version, and accepts some other version in the same look",
            ).aside()
            .on_demand(),
            FactSpec::new("tls_1_1", FactType::Bool, "likewise TLS 1.1").aside().on_demand(),
            FactSpec::new("tls_1_2", FactType::Bool, "likewise TLS 1.2, with old suites too").aside().on_demand(),
            FactSpec::new("tls_1_3", FactType::Bool, "likewise TLS 1.3").aside().on_demand(),
            FactSpec::new(
                "trusted",
                FactType::Bool,
                "whether the chain leads to the system's certificates, or to `ca`, at the time of the look, and its key may be used in a handshake; the name \
                 aside, and whether it was revoked, which is not asked for; unknown where it rests on a signature or extension that this client cannot verify. Of the \
                 certificate that this client was shown, as are all facts about it: a server with several, of RSA and ECDSA, shows some clients another",
            ).aside(),
            FactSpec::new("trust_error", FactType::Text, "why it does not; empty if it does").aside(),
            FactSpec::new(
                "name_matches",
                FactType::Bool,
                "whether the certificate is for the name asked for (subject alternative names only)",
            ).aside(),
            FactSpec::new("subject", FactType::Text, "the certificate's subject (RFC 4514)").aside(),
            FactSpec::new("issuer", FactType::Text, "the certificate's issuer (RFC 4514)").aside(),
            FactSpec::new(
                "names",
                FactType::List,
                "its subject alternative names: DNS names, IP and mail addresses, URIs",
            ).aside(),
            FactSpec::new("not_before", FactType::Moment, "the start of its validity").aside(),
            FactSpec::new("not_after", FactType::Moment, "the end of its validity").aside(),
            FactSpec::new(
                "expires_in_days",
                FactType::Float,
                "days from the look to the end of its validity, by the observer's clock; negative if past",
            ).aside(),
            FactSpec::new("self_issued", FactType::Bool, "whether subject and issuer are the same").aside(),
            FactSpec::new("key_type", FactType::Text, "rsa, ec, ed25519, or the algorithm's object identifier").aside(),
            FactSpec::new("key_bits", FactType::Int, "the length of the public key in bits").aside(),
            FactSpec::new(
                "signature_algorithm",
                FactType::Text,
                "such as sha256WithRSAEncryption or ecdsa-with-SHA256, or the object identifier",
            ).aside(),
            FactSpec::new("sha256", FactType::Text, "SHA-256 of the certificate after masking of secrets, in hexadecimal").lower_case().aside()
                .change_shows(Shows::Effect),
            FactSpec::new(
                "chain",
                FactType::List,
                "the certificates sent, the server's first: maps of `subject`, `issuer`, `not_after`, `sha256`",
            ).aside(),
            FactSpec::new(
                "chain_not_after",
                FactType::Moment,
                "the earliest end of validity of all the certificates sent",
            ).aside(),
            FactSpec::new(
                "chain_expires_in_days",
                FactType::Float,
                "days from the look to that end, by the observer's clock; negative if past",
            ).aside(),
            FactSpec::new("connect_ms", FactType::Interval, "time to connect, in milliseconds").aside(),
            FactSpec::new("handshake_ms", FactType::Interval, "time for the handshake, in milliseconds").aside(),
            FactSpec::new(
                "elapsed_ms",
                FactType::Interval,
                "how long the look took, in milliseconds; without an end where it timed out",
            ).aside(),
        ],
    };

    fn flaw(&self) -> Option<String> {
        server::flaw_of_place(&self.tls, &[])
            .or_else(|| server::flaw_of_key(self.client_certificate.as_ref(), self.client_key.as_ref()))
    }

    fn describe(&self) -> String {
        let option = |flag: &str, value: Option<&str>| {
            value.map_or_else(String::new, |value| format!(" -{flag} {value}"))
        };
        [
            format!("openssl s_client -connect {}", self.tls),
            option("starttls", self.starttls.map(StartTls::name)),
            option("servername", self.server_name.as_deref()),
            option("CAfile", self.ca.as_deref()),
            option("cert", self.client_certificate.as_deref()),
            option("key", self.client_key.as_deref()),
        ]
        .concat()
    }
}
