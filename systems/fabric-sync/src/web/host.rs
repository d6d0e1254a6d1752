//! By which names the status page may be asked. Another name in `Host` comes from a page that had its own name led to this address (DNS
//! rebinding), so that the browser lets it read what is here; it is refused.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Names beside addresses, which nobody can lead elsewhere, and `localhost`.
#[derive(Clone)]
pub struct Names(Arc<[String]>);

impl Names {
    /// Those of the configuration.
    #[must_use]
    pub fn new(configured: &[String]) -> Self {
        Names(configured.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    fn contain(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        literal.parse::<IpAddr>().is_ok() || name == "localhost" || self.0.contains(&name)
    }

    /// Whether a request was meant for us: it has one of our names, or none, as no browser asks.
    fn fit(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        match (hosts.next(), hosts.next()) {
            (None, _) => true,
            (Some(host), None) => {
                let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
                authority.is_some_and(|authority| self.contain(authority.host()))
            }
            (Some(_), Some(_)) => false,
        }
    }
}

/// Refuses what was asked under another name.
pub async fn check(State(names): State<Names>, request: Request, next: Next) -> Response {
    if names.fit(request.headers()) {
        return next.run(request).await;
    }
    let why = "this service is not called so: name it in server.host_names, or ask for its address\n";
    (StatusCode::MISDIRECTED_REQUEST, [(header::CONNECTION, "close")], why).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn addresses_and_configured_names_fit_and_no_other() {
        let names = Names::new(&["Sync.example.org".to_owned()]);
        let fit = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            names.fit(&headers)
        };
        for own in ["127.0.0.1:8014", "[::1]:8014", "localhost", "LOCALHOST:1", "sync.EXAMPLE.org.:443"] {
            assert!(fit(own), "{own}");
        }
        for other in
            ["evil.example", "127.0.0.1.evil.example:8014", "sync.example.org.evil.example", "", "a b"]
        {
            assert!(!fit(other), "{other}");
        }
        assert!(names.fit(&HeaderMap::new()));
        let mut twice = HeaderMap::new();
        twice.append(header::HOST, "localhost".parse().unwrap());
        twice.append(header::HOST, "evil.example".parse().unwrap());
        assert!(!names.fit(&twice));
    }
}
