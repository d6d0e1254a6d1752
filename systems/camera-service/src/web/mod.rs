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

use crate::contract::Code;
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
    if let Some(refused) = foreign_page(&service, &headers) {
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
fn foreign_page(service: &Service, headers: &HeaderMap) -> Option<Response> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or("unreadable");
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| {
        origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .is_some_and(|page| page == host)
    });
    let config = service.config.read();
    if own || config.server.allowed_origins.iter().any(|allowed| allowed == origin) {
        return None;
    }
    let message = format!("pages of {origin} may not connect: name it in server.allowed_origins\n");
    Some((StatusCode::FORBIDDEN, message).into_response())
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
    let refused = |status: StatusCode, message: String| (status, message + "\n").into_response();
    let Some(credential) = credential(headers) else {
        let opened = service.access.open_link(path, query.unwrap_or_default(), now);
        return opened.map(drop).map_err(|error| match error {
            camera_access::LinkError::Unsigned => {
                let answer = refused(StatusCode::UNAUTHORIZED, error.to_string());
                ([(header::WWW_AUTHENTICATE, "Bearer")], answer).into_response()
            }
            _ => refused(StatusCode::FORBIDDEN, error.to_string()),
        });
    };
    let identity = service.access.identify_request(credential, peer).await;
    identity.map(drop).map_err(|error| match error.code {
        Code::RateLimited => {
            let after = error.data.as_ref().and_then(|data| data["retry_after"].as_u64()).unwrap_or(1);
            let answer = refused(StatusCode::TOO_MANY_REQUESTS, error.message);
            ([(header::RETRY_AFTER, after.to_string())], answer).into_response()
        }
        Code::NotAuthenticated => refused(StatusCode::UNAUTHORIZED, error.message),
        _ => refused(StatusCode::SERVICE_UNAVAILABLE, error.message),
    })
}

fn credential(headers: &HeaderMap) -> Option<String> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.to_str().unwrap_or_default().to_owned());
    }
    let bearer = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credential) = bearer.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim().to_owned())
}
