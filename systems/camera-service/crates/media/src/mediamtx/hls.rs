//! MediaMTX's HLS server, asked on behalf of those whom the caller lets see a camera. As of versions 1.15.3 to 1.20.1,
//! playlists name files beside them and repeat the query with which they were asked for; the first one waits until the source
//! is open and a segment is complete, others and announced parts until there is what was asked for. Since 1.18, the first one
//! is answered with a cookie and a redirect to itself, to see whether cookies are kept; without the cookie, the session that
//! begins then is a parameter of every address in its playlists, and without that parameter nothing else is answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use hyper::{Method, Response, StatusCode};

use super::Shared;
use super::camera::Camera;
use super::http::Answer;
use crate::EngineError;

/// What the server itself puts on addresses in playlists, and wants to see again: names, or how they begin.
pub const LIVE_PARAMETERS: [&str; 2] = ["_HLS_", "session="];
/// The playlist that opens the source.
const FIRST: &str = "index.m3u8";
/// How long MediaMTX may be silent before it: 40 s for the source, and a segment, which a key frame ends.
const FIRST_PATIENCE: Duration = Duration::from_secs(80);
/// How long it may be silent before or within anything else.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a query with which it is asked again.
const MAX_QUERY: usize = 4096;
/// How often it is looked whether the server answers.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How often a view is tried while none works.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// A camera's stream on MediaMTX's HLS server, which only the caller reaches.
#[derive(Clone)]
pub struct LiveServer(pub(super) Arc<Camera>);

impl LiveServer {
    /// One of the stream's files, as it comes. `query` is repeated on every address in a playlist. The answer's status is 200,
    /// 400, 404 (also if the viewer's session has ended) or 500; of its headers there are Content-Type and Cache-Control. Drop it, and MediaMTX need not go on.
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
        let answer = self.asked(file, query).await;
        self.0.shared.live.note(&answer);
        answer
    }

    async fn asked(&self, file: &str, query: &str) -> Result<Response<Answer>, EngineError> {
        let (name, server) = (&self.0.name, &self.0.shared.hls);
        let failed = |why: String| {
            EngineError::Dependency(format!("MediaMTX's HLS server ({}), {file}: {why}", server.address))
        };
        let patience = if file == FIRST { FIRST_PATIENCE } else { PATIENCE };
        let path = format!("/{name}/{file}");
        let ask = async |query: &str| {
            let mark = if query.is_empty() { "" } else { "?" };
            server.ask(Method::GET, &format!("{path}{mark}{query}"), None, patience).await.map_err(failed)
        };
        let mut answer = ask(query).await?;
        if answer.status() == StatusCode::FOUND
            && file == FIRST
            && let Some(again) = redirected_to_itself(&answer, &path)
        {
            answer = ask(&again).await?;
        }
        let (head, body) = answer.into_parts();
        let status = match head.status {
            StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => head.status,
            StatusCode::INTERNAL_SERVER_ERROR => head.status,
            // The user was let in with the first playlist; it is the session that is not known any more.
            StatusCode::UNAUTHORIZED if file != FIRST => StatusCode::NOT_FOUND,
            other => return Err(failed(format!("it answers {other}"))),
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = status;
        for header in [CONTENT_TYPE, CACHE_CONTROL] {
            if let Some(value) = head.headers.get(&header) {
                answer.headers_mut().insert(header, value.clone());
            }
        }
        Ok(answer)
    }
}

/// The query with which it is to be asked again, if it is to be asked for the same path.
fn redirected_to_itself(answer: &Response<Answer>, path: &str) -> Option<String> {
    let location = answer.headers().get(LOCATION)?.to_str().ok()?;
    let (to, query) = location.split_once('?')?;
    let plain = query.bytes().all(|byte| byte.is_ascii_graphic());
    (to == path && plain && query.len() <= MAX_QUERY).then(|| query.to_owned())
}

/// What is known of whether live views work.
#[derive(Default)]
pub(super) struct Live(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// What the last one came to: it worked, or why not.
    came_to: Option<Result<(), String>>,
    /// When it was last seen that the server answers, and when a view was last tried.
    answered: Option<Instant>,
    tried: Option<Instant>,
}

impl Live {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what came of a view. That there is no such piece, or that a camera is closed, says nothing of the server.
    fn note(&self, answer: &Result<Response<Answer>, EngineError>) {
        let mut known = self.known();
        match answer {
            Ok(answer) if answer.status() == StatusCode::OK => known.came_to = Some(Ok(())),
            Err(EngineError::Dependency(why)) => known.came_to = Some(Err(why.clone())),
            _ => {}
        }
    }
}

impl Shared {
    /// Whether live views can work: whether the server answers its user, and what came of the last view. Where there was none, or it failed,
    /// one is tried beside this, again and again until one works.
    pub(super) async fn look_at_live(&self) -> Result<(), EngineError> {
        let cameras = self.cameras.all();
        // Of a path that MediaMTX does not know, it says nothing.
        let Some(camera) = cameras.iter().find(|camera| camera.is_listed()) else { return Ok(()) };
        if self.live.known().answered.is_none_or(|at| at.elapsed() > LOOK_AGAIN) {
            self.look_at_page(&camera.name).await?;
            self.live.known().answered = Some(Instant::now());
        }
        if let Some(camera) = cameras.iter().find(|camera| camera.ready_for().is_some()) {
            let mut known = self.live.known();
            let due = known.tried.is_none_or(|at| at.elapsed() > TRY_AGAIN);
            if due && known.came_to != Some(Ok(())) {
                known.tried = Some(Instant::now());
                let view = LiveServer(Arc::clone(camera));
                // What came of it is noted.
                tokio::spawn(async move { drop(view.get(FIRST, "").await) });
            }
        }
        let came_to = self.live.known().came_to.clone().unwrap_or(Ok(()));
        came_to.map_err(EngineError::Dependency)
    }

    /// Asks for the page of a path, which opens nothing.
    async fn look_at_page(&self, name: &str) -> Result<(), EngineError> {
        let failed = |why: String| {
            EngineError::Dependency(format!("MediaMTX's HLS server ({}): {why}", self.hls.address))
        };
        let within = self.options.answer_within;
        let answer = self.hls.ask(Method::GET, &format!("/{name}/"), None, within).await.map_err(failed)?;
        match answer.status() {
            StatusCode::OK => Ok(()),
            other => Err(failed(format!("it answers {other}"))),
        }
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
