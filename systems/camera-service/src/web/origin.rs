//! Pages of other origins: which of them may connect, and which may read files and live pictures from their scripts.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use tower_http::cors::CorsLayer;

use super::refuse;
use crate::service::Service;
use camera_config::BaseUrl;

/// How long a browser remembers what it may ask.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What browsers are told of files and live pictures: pages of `server.allowed_origins` may read them
/// (<https://fetch.spec.whatwg.org/#http-cors-protocol>), with a token in a header or by a signed link; no cookie counts for anything here.
pub(super) fn shared_with(server: &camera_config::Server) -> Option<CorsLayer> {
    if server.allowed_origins.is_empty() {
        return None;
    }
    let origins = server.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let headers = [header::AUTHORIZATION, header::RANGE, HeaderName::from_static("x-api-key")];
    let shown = [header::CONTENT_LENGTH, header::CONTENT_RANGE, header::ACCEPT_RANGES, header::RETRY_AFTER];
    let shared = CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(headers)
        .expose_headers(shown)
        .max_age(REMEMBERED);
    Some(shared)
}

/// A script of another page may not connect in its reader's name, unless the configuration says so.
pub(super) fn foreign_page(service: &Service, peer: IpAddr, headers: &HeaderMap) -> Option<Response> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or("unreadable");
    let server = service.config.read().server.clone();
    // What the client called the service, or what the proxy before it is called.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let public = server.public_url.as_ref().map(BaseUrl::authority);
    let page = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let own = page.is_some() && (page == host || page == public);
    if own || server.allowed_origins.iter().any(|allowed| allowed == origin) {
        return None;
    }
    let why = format!("pages of {origin} may not connect: name it in server.allowed_origins");
    Some(refuse(service, peer, "/ws", StatusCode::FORBIDDEN, &why))
}
