//! Live pictures as HLS, for whoever has a signed link: one camera's playlists and the files that they name. The media engine
//! keeps them, or has a server from which they are passed on.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use camera_media::{EngineError, LIVE_PARAMETERS, LiveServer, LiveStream, LiveView};

use super::may_read;
use super::serve::Client;
use crate::service::Service;

/// The name of the playlist.
pub const PLAYLIST: &str = "index.m3u8";

/// `GET /live/{device}/{file}`.
pub async fn file(
    State(service): State<Arc<Service>>,
    Extension(client): Extension<Client>,
    Path((device, file)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    if let Err(refused) = may_read(&service, &client, uri.path(), query.as_deref(), &headers).await {
        return refused;
    }
    let query = query.unwrap_or_default();
    match service.engine.live(&device) {
        Some(LiveStream::Kept(view)) => kept(&view, &file, &query, client.address),
        Some(LiveStream::Served(server)) => tokio::select! {
            answer = passed_on(&server, &file, &query) => answer,
            // One who waits for the next picture is not to hold up the end.
            () = service.stop.cancelled() => no_pictures(),
        },
        None => (StatusCode::NOT_FOUND, "there is no such live view here\n").into_response(),
    }
}

fn kept(view: &LiveView, file: &str, query: &str, peer: std::net::IpAddr) -> Response {
    if file == PLAYLIST {
        // One reader is one link: a page asks for one and keeps it while it plays.
        let signature = query.split('&').find(|part| part.starts_with("signature=")).unwrap_or_default();
        let reader = format!("{peer} {signature}");
        return match view.playlist(&reader, &|name| format!("{name}?{query}")) {
            Some(text) => {
                let headers = [
                    (header::CONTENT_TYPE, "application/vnd.apple.mpegurl"),
                    (header::CACHE_CONTROL, "no-store"),
                ];
                (headers, text).into_response()
            }
            None => no_pictures(),
        };
    }
    match view.file(file) {
        Some(bytes) => {
            let headers =
                [(header::CONTENT_TYPE, "video/mp4"), (header::CACHE_CONTROL, "private, max-age=60")];
            (headers, bytes).into_response()
        }
        None => no_piece(StatusCode::NOT_FOUND),
    }
}

/// From the engine's server, as it comes. Nothing of the request gets there but the file's name and `for_server` of its query.
async fn passed_on(server: &LiveServer, file: &str, query: &str) -> Response {
    match server.get(file, &for_server(query)).await {
        Ok(answer) if answer.status().is_success() => answer.map(Body::new),
        Ok(answer) => no_piece(answer.status()),
        Err(EngineError::Invalid(_)) => no_piece(StatusCode::NOT_FOUND),
        Err(EngineError::InvalidState(_)) => no_pictures(),
        Err(error) => {
            tracing::warn!(%error, "a live view cannot be passed on");
            let headers = [(header::RETRY_AFTER, "1"), (header::CACHE_CONTROL, "no-store")];
            let text = "the media engine gives no live view; the service's log says why\n";
            (StatusCode::BAD_GATEWAY, headers, text).into_response()
        }
    }
}

/// The parameters that mean something to the server (low latency, its session), and those of a link: it repeats them on every address
/// in a playlist, so that what a playlist names is opened by the same link.
fn for_server(query: &str) -> String {
    let names = LIVE_PARAMETERS.iter().chain(&["expires=", "signature="]);
    let parts = query.split('&').filter(|part| names.clone().any(|name| part.starts_with(name)));
    parts.collect::<Vec<_>>().join("&")
}

fn no_piece(status: StatusCode) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (status, headers, "this piece is no longer kept, or never was\n").into_response()
}

fn no_pictures() -> Response {
    let headers = [(header::RETRY_AFTER, "1"), (header::CACHE_CONTROL, "no-store")];
    let text = "no pictures come from this camera at the moment\n";
    (StatusCode::SERVICE_UNAVAILABLE, headers, text).into_response()
}
