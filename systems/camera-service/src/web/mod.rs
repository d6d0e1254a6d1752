//! What is served over HTTP: the WebSocket, files, live pictures, the console; and on a listener of its own, health and metrics.

pub mod certificate;
pub mod console;
mod files;
mod health;
mod live;
pub mod serve;
pub mod tls;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use camera_access::{Entry, Event, Outcome};

use crate::contract::{Code, RpcError};
use crate::rpc::socket;
use crate::service::Service;
use serve::{Kept, Peer};

pub use health::routes as health_routes;

/// Everything that clients reach.
pub fn client_routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/ws", get(websocket))
        .route("/files/{kind}/{name}", get(files::download))
        .route("/live/{device}/{file}", get(live::file))
        .merge(console::routes())
        .layer(axum::middleware::map_response(harden))
        .with_state(service)
}

/// What every answer says to a browser.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn websocket(
    State(service): State<Arc<Service>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(place): Extension<Kept>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(refused) = foreign_page(&service, peer.ip(), &headers) {
        return refused;
    }
    let max = usize::try_from(service.config.read().server.max_message.bytes()).unwrap_or(usize::MAX);
    upgrade
        // Small, because there are many connections; a longer message makes its buffer grow.
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_write_buffer_size(8 << 20)
        .max_message_size(max)
        .max_frame_size(max)
        .on_upgrade(move |socket| async move {
            service.metrics.connections.inc();
            socket::serve(Arc::clone(&service), socket, peer.ip()).await;
            service.metrics.connections.dec();
            drop(place);
        })
}

/// A script of another page may not connect in its reader's name, unless the configuration says so.
fn foreign_page(service: &Service, peer: IpAddr, headers: &HeaderMap) -> Option<Response> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or("unreadable");
    let server = service.config.read().server.clone();
    // What the client called the service, or what the proxy before it is called.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let public = server.public_url.as_ref().and_then(|url| url.as_str().split_once("://"));
    let public = public.map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
    let page = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let own = page.is_some() && (page == host || page == public);
    if own || server.allowed_origins.iter().any(|allowed| allowed == origin) {
        return None;
    }
    let why = format!("pages of {origin} may not connect: name it in server.allowed_origins");
    Some(refuse(service, peer, "/ws", StatusCode::FORBIDDEN, &why))
}

/// Who may read a file: by a signed link, or by a token or API key in the headers.
async fn may_read(
    service: &Service,
    peer: IpAddr,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), Response> {
    let now = jiff::Timestamp::now();
    let Some(credential) = credential(headers) else {
        let opened = service.access.open_link(path, query.unwrap_or_default(), now);
        return opened.map(drop).map_err(|error| match error {
            camera_access::LinkError::Unsigned => {
                let answer = refuse(service, peer, path, StatusCode::UNAUTHORIZED, &error.to_string());
                ([(header::WWW_AUTHENTICATE, "Bearer")], answer).into_response()
            }
            _ => refuse(service, peer, path, StatusCode::FORBIDDEN, &error.to_string()),
        });
    };
    let identity = service.access.identify_request(credential, peer).await;
    identity.map(drop).map_err(|error| failed(service, error))
}

/// Refuses a request, on record unless its address asks too often: that is only counted.
fn refuse(service: &Service, peer: IpAddr, what: &str, status: StatusCode, why: &str) -> Response {
    if let Err(error) = service.access.charge_request(None, peer) {
        return failed(service, error);
    }
    service.metrics.count_error(Code::NotAuthenticated);
    service.access.write(&Entry::new(Event::Denial, Outcome::Denied, what).because(why).from(peer));
    (status, format!("{why}\n")).into_response()
}

/// A call's error as the answer to a request.
fn failed(service: &Service, error: RpcError) -> Response {
    service.metrics.count_error(error.code);
    let status = match error.code {
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::NotAuthenticated => StatusCode::UNAUTHORIZED,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let answer = (status, error.message + "\n").into_response();
    match error.data.as_ref().and_then(|data| data["retry_after"].as_u64()) {
        Some(after) => ([(header::RETRY_AFTER, after.to_string())], answer).into_response(),
        None => answer,
    }
}

fn credential(headers: &HeaderMap) -> Option<String> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.to_str().unwrap_or_default().to_owned());
    }
    let bearer = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credential) = bearer.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim().to_owned())
}
