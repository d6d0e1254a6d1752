//! MediaMTX's HLS server, asked on behalf of those whom the caller lets see a camera. As of versions 1.5.1 to 1.15.3,
//! playlists name files beside them and repeat the query with which they were asked for; the first one waits until the source
//! is open and a segment is complete, others and announced parts until there is what was asked for.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use hyper::{Method, Response, StatusCode};

use super::camera::Camera;
use super::http::Answer;
use crate::EngineError;

/// The playlist that opens the source.
const FIRST: &str = "index.m3u8";
/// How long MediaMTX may be silent before it: 40 s for the source, and a segment, which a key frame ends.
const FIRST_PATIENCE: Duration = Duration::from_secs(80);
/// How long it may be silent before or within anything else.
const PATIENCE: Duration = Duration::from_secs(10);

/// A camera's stream on MediaMTX's HLS server, which only the caller reaches.
#[derive(Clone)]
pub struct LiveServer(pub(super) Arc<Camera>);

impl LiveServer {
    /// One of the stream's files, as it comes. `query` is repeated on every address in a playlist. The answer's status is 200,
    /// 400, 404 or 500; of its headers there are Content-Type and Cache-Control. Drop it, and MediaMTX need not go on.
    ///
    /// # Errors
    /// `Invalid` for a name that no such file has; `InvalidState` if the stream was stopped, since asking would start it;
    /// `Dependency` if MediaMTX does not answer, or otherwise.
    pub async fn get(&self, file: &str, query: &str) -> Result<Response<Answer>, EngineError> {
        let name = &self.0.name;
        if !is_file(file) {
            return Err(EngineError::Invalid(format!(
                "a live view has playlists and pieces, and no {file:?}"
            )));
        }
        if !self.0.interest.is_there() {
            return Err(EngineError::InvalidState(format!(
                "the stream of {name} is stopped; start it first"
            )));
        }
        let server = &self.0.shared.hls;
        let failed = |why: String| {
            EngineError::Dependency(format!("MediaMTX's HLS server ({}), {file}: {why}", server.address))
        };
        let patience = if file == FIRST { FIRST_PATIENCE } else { PATIENCE };
        let mark = if query.is_empty() { "" } else { "?" };
        let asked = server.ask(Method::GET, &format!("/{name}/{file}{mark}{query}"), None, patience).await;
        let (head, body) = asked.map_err(failed)?.into_parts();
        let expected = [
            StatusCode::OK,
            StatusCode::BAD_REQUEST,
            StatusCode::NOT_FOUND,
            StatusCode::INTERNAL_SERVER_ERROR,
        ];
        if !expected.contains(&head.status) {
            return Err(failed(format!("it answers {}", head.status)));
        }
        let mut answer = Response::new(body);
        *answer.status_mut() = head.status;
        for header in [CONTENT_TYPE, CACHE_CONTROL] {
            if let Some(value) = head.headers.get(&header) {
                answer.headers_mut().insert(header, value.clone());
            }
        }
        Ok(answer)
    }
}

/// Whether a stream's file may have that name; which ones it has, MediaMTX knows.
fn is_file(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let ending = name.rsplit_once('.').map(|(stem, ending)| (!stem.is_empty(), ending));
    name.bytes().all(plain) && matches!(ending, Some((true, "m3u8" | "mp4" | "mp" | "ts")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_playlists_and_pieces_are_asked_for() {
        for name in ["index.m3u8", "stream.m3u8", "a1b2_init.mp4", "a1b2_part7.mp4", "gap.mp4", "main-0.ts"] {
            assert!(is_file(name), "{name}");
        }
        for name in
            ["", "index", ".m3u8", "index.html", "../v3/x.mp4", "a/b.mp4", "a b.mp4", "x?.mp4", "x.mp4\r"]
        {
            assert!(!is_file(name), "{name}");
        }
    }
}
