//! Recordings and snapshots to download, in whole or by ranges.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::may_read;
use super::serve::Client;
use crate::service::{Kind, Service};

/// `GET /files/{kind}/{name}`.
pub async fn download(
    State(service): State<Arc<Service>>,
    Extension(client): Extension<Client>,
    Path((kind, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    uri: Uri,
    request: Request<Body>,
) -> Response {
    if let Err(refused) = may_read(&service, &client, uri.path(), query.as_deref(), &headers).await {
        return refused;
    }
    let not_found = || (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    let (Some(kind), Ok(name)) = (Kind::from_link(&kind), name.parse()) else { return not_found() };
    let library = service.library(kind);
    let path = library.path_of(&name);
    // Only a plain file of that folder is served, never what a link in it leads to.
    match tokio::task::spawn_blocking(move || library.info(&name)).await {
        Ok(Ok(_)) => {}
        _ => return not_found(),
    }
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => {
            let mut response = response.map(Body::new);
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
            response
        }
        Err(never) => match never {},
    }
}
