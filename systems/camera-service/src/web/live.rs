//! Live pictures as HLS, for whoever has a signed link: one camera's playlist and the files that it names.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::may_read;
use super::serve::Peer;
use crate::service::Service;

/// The name of the playlist.
pub const PLAYLIST: &str = "index.m3u8";

/// `GET /live/{device}/{file}`.
pub async fn file(
    State(service): State<Arc<Service>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path((device, file)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    if let Err(refused) = may_read(&service, peer.ip(), uri.path(), query.as_deref(), &headers).await {
        return refused;
    }
    let Some(view) = service.engine.live(&device) else {
        return (StatusCode::NOT_FOUND, "there is no such live view here\n").into_response();
    };
    if file == PLAYLIST {
        // One reader is one link: a page asks for one and keeps it while it plays.
        let query = query.unwrap_or_default();
        let signature = query.split('&').find(|part| part.starts_with("signature=")).unwrap_or_default();
        let reader = format!("{} {signature}", peer.ip());
        return match view.playlist(&reader, &|name| format!("{name}?{query}")) {
            Some(text) => {
                let headers = [
                    (header::CONTENT_TYPE, "application/vnd.apple.mpegurl"),
                    (header::CACHE_CONTROL, "no-store"),
                ];
                (headers, text).into_response()
            }
            None => {
                let headers = [(header::RETRY_AFTER, "1"), (header::CACHE_CONTROL, "no-store")];
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    headers,
                    "no pictures come from this camera at the moment\n",
                )
                    .into_response()
            }
        };
    }
    match view.file(&file) {
        Some(bytes) => {
            let headers =
                [(header::CONTENT_TYPE, "video/mp4"), (header::CACHE_CONTROL, "private, max-age=60")];
            (headers, bytes).into_response()
        }
        None => (StatusCode::NOT_FOUND, "this piece is no longer kept, or never was\n").into_response(),
    }
}
