//! Health and metrics, for load balancers, systemd and Prometheus. Needs no identity; tells nothing of cameras' sources.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::json;

use super::host::{self, Names};
use super::serve::Client;
use crate::contract::{Audience, ForAudience};
use crate::service::Service;

/// `/health/live`, `/health/ready`, `/health/system`, `/metrics`.
pub fn routes(service: Arc<Service>, names: Names) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/system", get(system))
        .route("/metrics", get(metrics))
        .layer(axum::middleware::from_fn_with_state(names, host::check))
        .with_state(service)
}

/// The process answers.
async fn live() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// Every listener is bound and the media engine works; otherwise 503.
async fn ready(State(service): State<Arc<Service>>) -> Response {
    let ready = service.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body =
        json!({ "status": if ready { "ready" } else { "not_ready" }, "system": service.system_state() });
    (status, Json(body)).into_response()
}

/// The components; why one is not well is told on this machine only, and not through a proxy on it.
async fn system(
    State(service): State<Arc<Service>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Response {
    let passed_on = ["forwarded", "x-forwarded-for", "via"].iter().any(|name| headers.contains_key(*name));
    let details = client.address.to_canonical().is_loopback() && !passed_on;
    let mut status = service.status();
    status.fit(&Audience { details, base: "".into() });
    Json(status).into_response()
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let text = service.metrics.render(&service.readings().await);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
