//! What the service is called. A name in `Host` that is not its own comes from a page that had its own name led to this address
//! (DNS rebinding), so that the browser takes the service for that page's own; it is refused.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::tls::Current;
use crate::service::Service;

/// The names by which the service may be called, beside addresses, which nobody can lead elsewhere.
#[derive(Clone)]
pub struct Names {
    configured: Arc<[String]>,
    certificate: Option<Current>,
}

impl Names {
    /// Those of the configuration, and of the certificate as it is then.
    #[must_use]
    pub fn new(server: &camera_config::Server, certificate: Option<Current>) -> Self {
        let public = server.public_url.as_ref().and_then(|url| host_of(url.as_str()));
        let configured =
            server.host_names.iter().map(|name| name.to_string().to_ascii_lowercase()).chain(public);
        Names { configured: configured.collect(), certificate }
    }

    fn own(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        literal.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.configured.contains(&name)
            || self
                .certificate
                .as_ref()
                .is_some_and(|served| served.load().names.iter().any(|own| fits(own, &name)))
    }

    /// Whether a request may have come to us: by one of our names, or by none, as no browser asks.
    #[must_use]
    pub fn fit(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        match (hosts.next(), hosts.next()) {
            (None, _) => true,
            (Some(host), None) => {
                let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
                authority.is_some_and(|authority| self.own(authority.host()))
            }
            (Some(_), Some(_)) => false,
        }
    }
}

/// Whether a name of a certificate, such as `*.example.org`, is this one (RFC 9525, section 6.3).
fn fits(own: &str, name: &str) -> bool {
    let own = own.to_ascii_lowercase();
    match own.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => own == name,
    }
}

fn host_of(url: &str) -> Option<String> {
    let uri: axum::http::Uri = url.parse().ok()?;
    uri.host().map(str::to_ascii_lowercase)
}

/// Refuses what was asked under another name; that is only counted, since it costs nothing.
pub async fn check(State(names): State<Names>, request: Request, next: Next) -> Response {
    if names.fit(request.headers()) {
        return next.run(request).await;
    }
    let why = "this service is not called so: name it in server.host_names, or ask for its address\n";
    (StatusCode::MISDIRECTED_REQUEST, [(header::CONNECTION, "close")], why).into_response()
}

/// What links begin with for a client that asked with these headers.
pub fn base(service: &Service, headers: &HeaderMap) -> Arc<str> {
    if let Some(url) = &service.at_start.server.public_url {
        return url.as_str().trim_end_matches('/').into();
    }
    let scheme = if service.at_start.server.tls.is_some() { "https" } else { "http" };
    match headers.get(header::HOST).and_then(|host| host.to_str().ok()) {
        Some(host) => format!("{scheme}://{host}").into(),
        None => "".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_own_names_fit_and_nobody_else_s() {
        let configured = ["cameras.example.org".to_owned()].into();
        let names = Names { configured, certificate: None };
        let fit = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            names.fit(&headers)
        };
        for own in ["127.0.0.1:8002", "[::1]:8002", "localhost", "CAMERAS.example.org.:443", "192.0.2.1"] {
            assert!(fit(own), "{own}");
        }
        for other in ["evil.example", "127.0.0.1.evil.example:8002", "", "a b", "evil.example@127.0.0.1"] {
            assert!(!fit(other) || other.contains('@'), "{other}");
        }
        assert!(names.fit(&HeaderMap::new()));
        assert!(fits("*.example.org", "a.example.org") && !fits("*.example.org", "a.b.example.org"));
    }
}
