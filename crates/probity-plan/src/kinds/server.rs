//! What every kind has which speaks to a server: facts on whether it was reached, and in TLS; who it is.

use url::Url;

use super::{FactSpec, FactType};
use crate::Zoned;
use crate::text::Text;

pub(super) const CONNECTED: FactSpec = FactSpec::new(
    "connected",
    FactType::Bool,
    "whether the server was reached: it took the connection and said something; false where it refused or reset the connection, \
     ended it without a word or was silent",
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

/// Why nobody can be asked at this URL; nothing of one that a secret is part of.
pub(super) fn flaw_of_url(url: &Text, schemes: &[&str]) -> Option<String> {
    if url.has_secret() {
        return None;
    }
    let url = url.to_string();
    match Url::parse(&Zoned::of(&url).map_or_else(|| url.clone(), |zoned| zoned.plain())) {
        Ok(parsed) if schemes.contains(&parsed.scheme()) => None,
        Err(error) if error != url::ParseError::RelativeUrlWithoutBase => Some(format!("`{url}`: {error}")),
        _ => {
            let beginnings: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
            Some(format!("`{url}` does not begin with {}", beginnings.join(" or ")))
        }
    }
}

/// Why `host:port` names no server.
pub(super) fn flaw_of_server(server: &str) -> Option<String> {
    let (host, port) = match server.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return Some("a `]` is missing".to_owned()),
        Some(Some((host, after))) => (host, after.strip_prefix(':')),
        None => server.rsplit_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
    };
    match port {
        _ if host.is_empty() => Some("there is no host".to_owned()),
        _ if host.contains(|c: char| c.is_whitespace() || c == '/') => Some(format!("`{host}` is no host")),
        None | Some("") => Some("there is no port: write host:port".to_owned()),
        Some(port) if port.parse::<u16>().is_err() => Some(format!("`{port}` is no port")),
        Some(_) => None,
    }
}

/// The same of `host:port` that may stand behind one of these schemes, and before a `/`.
pub(super) fn flaw_of_place(place: &str, schemes: &[&str]) -> Option<String> {
    let plain = match place.split_once("://") {
        Some((scheme, rest)) if schemes.contains(&scheme) => rest.strip_suffix('/').unwrap_or(rest),
        _ => place,
    };
    flaw_of_server(plain).map(|flaw| format!("`{place}`: {flaw}"))
}

/// Why no request can have this method, or headers of these names: each is a token (RFC 9110, 5.6.2).
pub(super) fn flaw_of_request<'a>(
    method: Option<&str>,
    headers: impl IntoIterator<Item = &'a String>,
) -> Option<String> {
    let is_token = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
    };
    if let Some(method) = method.filter(|method| !is_token(method)) {
        return Some(format!("`{method}` is no method of HTTP"));
    }
    let name = headers.into_iter().find(|name| !is_token(name))?;
    Some(format!("`{name}` is no name of a header"))
}

/// Why nobody can show who they are by these two files.
pub(super) fn flaw_of_key(certificate: Option<&String>, key: Option<&String>) -> Option<String> {
    (key.is_some() && certificate.is_none())
        .then(|| "`client_key` without `client_certificate`; name both files".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_server_is_told_from_what_may() {
        let flaw = |url: &str| flaw_of_url(&Text::plain(url), &["http", "https"]);
        for url in [
            "zz",
            "ftp://x/",
            "http://",
            "http://[::1",
            "http://[::1%25eth0]/",
            "http://host:99999/",
            "http://a b/",
        ] {
            assert!(flaw(url).is_some(), "{url}");
        }
        for url in [
            "http://x",
            "HTTPS://x:8/y?z",
            "http://[::1]:80/",
            "http://[fe80::1%25eth0]:80/",
            "http://u:p@h:80",
            "http://127.1/",
            "http://x:/",
            // As browsers and the act read them: http://x.
            "http:///x",
            "http:x",
            "http:/x",
        ] {
            assert_eq!(flaw(url), None, "{url}");
        }
        assert!(
            ["x", "x:y", ":1", "[::1]", "https://x:443"]
                .iter()
                .all(|server| flaw_of_server(server).is_some())
        );
        assert!(["x:1", "[::1]:443"].iter().all(|server| flaw_of_server(server).is_none()));
        let flaw = |place: &str| flaw_of_place(place, &["redis", "rediss"]);
        assert!(["redis://x:1/2", "http://x:1", "rediss://x"].iter().all(|place| flaw(place).is_some()));
        assert!(["x:1", "redis://x:1", "rediss://[::1]:1/"].iter().all(|place| flaw(place).is_none()));
    }
}
