//! Facts that every kind has which speaks to a server: whether it was reached, and in TLS.

use super::{FactSpec, FactType};

pub(super) const CONNECTED: FactSpec = FactSpec::new(
    "connected",
    FactType::Bool,
    "whether the server was reached: it took the connection and said something; false where it refused or reset the connection \
     or was silent",
)
.shows_connection();

pub(super) const TLS: FactSpec =
    FactSpec::new("tls", FactType::Bool, "with TLS: whether the server answered in it with a certificate")
        .aside();

pub(super) const TRUSTED: FactSpec = FactSpec::new(
    "trusted",
    FactType::Bool,
    "with TLS: whether that certificate leads to the system's certificates, or to `ca`, and is for the host",
)
.aside();

pub(super) const TRUST_ERROR: FactSpec =
    FactSpec::new("trust_error", FactType::Text, "with TLS: why it does not; empty if it does").aside();

pub(super) const ELAPSED: FactSpec = FactSpec::new(
    "elapsed_ms",
    FactType::Interval,
    "how long the look took, in milliseconds; without an end where it timed out",
)
.aside();
