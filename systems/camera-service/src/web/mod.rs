//! What is served over HTTP: the WebSocket, files, live pictures, the console; and on a listener of its own, health and metrics.

pub mod certificate;
pub mod console;
mod files;
mod health;
pub mod host;
mod live;
pub mod meter;
mod origin;
pub mod proxies;
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
use tower::util::option_layer;

use crate::contract::{Code, RpcError};
use crate::rpc::socket::{self, Connection};
use crate::service::Service;
use host::Names;
use serve::Client;

pub use health::routes as health_routes;

/// How long a browser that saw the service over TLS asks it in no other way.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Everything that clients reach.
pub fn client_routes(service: Arc<Service>, names: Names) -> Router {
    let tls = service.at_start.server.tls.is_some();
    let others = Router::new()
        .route("/files/{kind}/{name}", get(files::download))
        .route("/live/{device}/{file}", get(live::file))
        .layer(option_layer(origin::shared_with(&service.at_start.server)));
    Router::new()
        .route("/ws", get(websocket))
        .merge(others)
        .merge(console::routes())
        .layer(axum::middleware::from_fn_with_state(names, host::check))
        .layer(axum::middleware::map_response(move |response| async move { harden(response, tls) }))
        .with_state(service)
}

/// What every answer says to a browser.
fn harden(mut response: Response, tls: bool) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

async fn websocket(
    State(service): State<Arc<Service>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(refused) = origin::foreign_page(&service, client.address, &headers) {
        return refused;
    }
    let base = host::base(&service, &headers);
    let max = usize::try_from(service.config.read().server.max_message.bytes()).unwrap_or(usize::MAX);
    let until_its_end = service.conversations.subscribe();
    upgrade
        // Small, because there are many connections; a longer message makes its buffer grow.
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_write_buffer_size(8 << 20)
        .max_message_size(max)
        .max_frame_size(max)
        .on_upgrade(move |socket| async move {
            service.metrics.connections.inc();
            socket::serve(Arc::clone(&service), socket, Connection { client, base }).await;
            service.metrics.connections.dec();
            drop(until_its_end);
        })
}

/// Who may read a file: by a signed link, or by a token or API key in the headers.
async fn may_read(
    service: &Service,
    client: &Client,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), Response> {
    let now = jiff::Timestamp::now();
    let Some(credential) = credential(headers) else {
        let opened = service.access.open_link(path, query.unwrap_or_default(), now);
        opened.map(drop).map_err(|error| match error {
            camera_access::LinkError::Unsigned => {
                let answer =
                    refuse(service, client.address, path, StatusCode::UNAUTHORIZED, &error.to_string());
                ([(header::WWW_AUTHENTICATE, "Bearer")], answer).into_response()
            }
            _ => refuse(service, client.address, path, StatusCode::FORBIDDEN, &error.to_string()),
        })?;
        return settle(client, None);
    };
    let identity = service.access.identify_request(credential, client.address).await;
    let identity = identity.map_err(|error| failed(service, error))?;
    settle(client, Some(&identity.user))
}

/// A connection over which somebody proved who they are is no newcomer's any more.
#[expect(clippy::result_large_err, reason = "an answer, made once, and for who is refused")]
fn settle(client: &Client, identity: Option<&str>) -> Result<(), Response> {
    client.place.settle(identity).map_err(|no_place| {
        let headers = [(header::RETRY_AFTER, "5"), (header::CONNECTION, "close")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, format!("{no_place}\n")).into_response()
    })
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
        // The connection ends with it, so that who does not wait has to come again.
        Some(after) => {
            let headers =
                [(header::RETRY_AFTER, after.to_string()), (header::CONNECTION, "close".to_owned())];
            (headers, answer).into_response()
        }
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
