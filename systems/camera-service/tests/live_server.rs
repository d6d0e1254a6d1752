//! Live views with the engine `mediamtx`: what the service passes on from MediaMTX's HLS server, and what it keeps to itself.
//! Against stand-ins for that server and for MediaMTX's API, which answer as versions 1.15.3 and 1.20.1 do by their source, because these
//! tests must be able to run without it; `mediamtx.rs` does the same with the real one. One test needs Chromium, as
//! `console.rs` does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "the engine's tests use the rest")]
#[path = "../crates/media/tests/mediamtx/api.rs"]
mod api;
#[allow(dead_code, reason = "the console's tests use the rest")]
mod browser;
mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::{Api, State};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use browser::Browser;
use camera_access::Role;
use futures_util::StreamExt;
use serde_json::json;
use support::{Installation, PATIENCE, Running, SECRET, http, token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Requests as they came: path with query, and all headers.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// Stands in for MediaMTX's HLS server.
struct Hls {
    port: u16,
    asked: Asked,
    /// Those who read the slow piece or wait for the blocked playlist listen to it.
    readers: watch::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Hls {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hls {
    async fn start() -> Self {
        Self::of(hls).await
    }

    async fn of(answers: fn(&Request<Body>, &watch::Sender<()>) -> Response) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, readers) = (Asked::default(), watch::Sender::new(()));
        let (note, counted) = (Arc::clone(&asked), readers.clone());
        let routes = Router::new().fallback(move |request: Request<Body>| {
            // The page of a camera is what the service looks at to see whether anybody answers.
            let looked_at = request.uri().path().ends_with('/');
            if !looked_at {
                note.lock().unwrap().push((request.uri().to_string(), format!("{:?}", request.headers())));
            }
            let blocked = request.uri().path() == "/front/blocked.m3u8";
            let answer = if looked_at { "a page".into_response() } else { answers(&request, &counted) };
            let reader = counted.subscribe();
            async move {
                if blocked {
                    std::future::pending::<()>().await;
                }
                drop(reader);
                answer
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { port, asked, readers, task }
    }

    /// Waits until there are so many, for less time than the service takes to give up by itself.
    async fn has_readers(&self, count: usize) {
        let begun = Instant::now();
        while self.readers.receiver_count() != count {
            let now = self.readers.receiver_count();
            assert!(begun.elapsed() < Duration::from_secs(8), "{now} read on instead of {count}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn asked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn hls(request: &Request<Body>, readers: &watch::Sender<()>) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let repeated: Vec<&str> = query.split('&').filter(|part| !part.starts_with("_HLS_")).collect();
    let repeated = repeated.join("&");
    let own = [("access-control-allow-origin", "*"), ("server", "mediamtx"), ("set-cookie", "a=b")];
    let playlist = [("content-type", "application/vnd.apple.mpegurl"), ("cache-control", "no-cache")];
    let piece = [("content-type", "video/mp4"), ("cache-control", "max-age=3600")];
    match request.uri().path() {
        "/front/index.m3u8" => {
            let text = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nstream.m3u8?{repeated}\n");
            (own, playlist, text).into_response()
        }
        "/front/stream.m3u8" => {
            let text = format!(
                "#EXTM3U\n#EXT-X-MAP:URI=\"ab_init.mp4?{repeated}\"\n#EXT-X-PART:DURATION=0.2,URI=\"ab_part0.mp4?{repeated}\"\n"
            );
            (own, playlist, text).into_response()
        }
        "/front/ab_part0.mp4" => {
            let words = ["a ", "part"].map(Ok::<_, std::io::Error>);
            (own, piece, Body::from_stream(futures_util::stream::iter(words))).into_response()
        }
        "/front/slow_part1.mp4" => {
            let reader = readers.subscribe();
            let first = futures_util::stream::iter([Ok::<_, std::io::Error>("the beginning")]);
            // Nothing more, until it is dropped.
            let rest = futures_util::stream::once(async move {
                std::future::pending::<()>().await;
                drop(reader);
                Ok("the end")
            });
            (piece, Body::from_stream(first.chain(rest))).into_response()
        }
        "/front/moved.m3u8" => {
            (StatusCode::FOUND, [("location", "/front/index.m3u8?cookieCheck=1")]).into_response()
        }
        "/front/closing.m3u8" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => (StatusCode::NOT_FOUND, own, "MediaMTX's own words").into_response(),
    }
}

/// As since 1.18: a first playlist begins a session, which every address in its playlists has as a parameter.
fn hls_with_sessions(request: &Request<Body>, readers: &watch::Sender<()>) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let has = |part: &str| query.split('&').any(|own| own == part);
    match request.uri().path() {
        "/front/index.m3u8" if !has("cookieCheck=1") => {
            let cookie = "cookieCheck=1; HttpOnly; Secure; SameSite=None; Partitioned";
            let location = format!("/front/index.m3u8?cookieCheck=1&{query}");
            (StatusCode::FOUND, [("set-cookie", cookie), ("location", &location)]).into_response()
        }
        "/front/index.m3u8" => {
            let query = query.replace("cookieCheck=1&", "");
            format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nstream.m3u8?{query}&session=5e55\n")
                .into_response()
        }
        // Without end.
        "/yard/index.m3u8" => {
            (StatusCode::FOUND, [("location", "/yard/index.m3u8?cookieCheck=1")]).into_response()
        }
        _ if has("session=5e55") => hls(request, readers),
        _ => (StatusCode::UNAUTHORIZED, "{\"error\":\"authentication error\"}").into_response(),
    }
}

/// A component as the service sees it.
async fn component(service: &Running, name: &str) -> serde_json::Value {
    let (_, _, body) = http(service.health, "/health/system", &[]).await;
    let status: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let components = status["components"].as_array().unwrap();
    components.iter().find(|component| component["name"] == name).cloned().unwrap_or_default()
}

/// Waits until it is in that state.
async fn component_is(service: &Running, name: &str, state: &str) -> serde_json::Value {
    let begun = Instant::now();
    loop {
        let seen = component(service, name).await;
        if seen["state"] == state {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "{name} is not {state}: {seen}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_sessions_is_followed_and_one_that_redirects_without_end_is_not_well() {
    let (api, hls) = (Api::start(State::default()).await, Hls::of(hls_with_sessions).await);
    let installation = installation(&api, hls.port);
    let service = installation.start();
    let link = link(&service).await;
    component_is(&service, "live_view", "ok").await;

    let (status, head, body) = http(service.clients, &link, &[]).await;
    let playlist = String::from_utf8(body).unwrap();
    assert_eq!(status, 200, "{playlist}");
    assert!(!head.contains("set-cookie") && !head.contains("location:"), "{head}");
    let media = playlist.lines().last().unwrap();
    assert!(media.ends_with("&session=5e55") && !media.contains("cookieCheck"), "{media}");
    let (status, _, body) = http(service.clients, &format!("/live/front/{media}"), &[]).await;
    let text = String::from_utf8(body).unwrap();
    assert!(status == 200 && text.contains("ab_part0.mp4?") && text.contains("session=5e55"), "{text}");
    // A session that has ended is no reason to doubt the server; the player begins anew.
    let ended = media.replace("5e55", "gone");
    assert_eq!(http(service.clients, &format!("/live/front/{ended}"), &[]).await.0, 404);
    assert_eq!(component(&service, "live_view").await["state"], "ok");

    hls.asked();
    let bearer = format!("Bearer {}", token(Role::Viewer));
    let (status, ..) = http(service.clients, "/live/yard/index.m3u8", &[("Authorization", &bearer)]).await;
    assert_eq!((status, hls.asked().len()), (502, 2), "it is asked once more and no more");
    let seen = component_is(&service, "live_view", "failed").await;
    assert!(seen["reason"].as_str().unwrap().contains("302"), "{seen}");
    assert_eq!(component(&service, "media_engine").await["state"], "ok");
    // One that works shows that the server does.
    http(service.clients, &link, &[]).await;
    component_is(&service, "live_view", "ok").await;
    hls.task.abort();
    let seen = component_is(&service, "live_view", "failed").await;
    assert!(seen["reason"].as_str().unwrap().contains("HLS server"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_view_that_cannot_work_is_found_before_somebody_watches() {
    let redirecting = |_: &Request<Body>, _: &watch::Sender<()>| -> Response {
        (StatusCode::FOUND, [("location", "/elsewhere/index.m3u8?x=1")]).into_response()
    };
    let (api, hls) = (Api::start(State::default()).await, Hls::of(redirecting).await);
    let installation = installation(&api, hls.port);
    let service = installation.start();
    api.set_ready("front");
    let seen = component_is(&service, "live_view", "failed").await;
    assert!(seen["reason"].as_str().unwrap().contains("302"), "{seen}");
    assert!(hls.asked().iter().all(|(path, _)| !path.starts_with("/elsewhere")), "it is not followed");
    let (status, ..) = http(service.health, "/health/ready", &[]).await;
    assert_eq!(status, 200, "everything else is served");
}

fn installation(api: &Api, port: u16) -> Installation {
    let api = &api.address;
    let installation = Installation::new(&format!(
        "media: {{ engine: mediamtx, mediamtx: {{ api: \"{api}\", rtsp: \"rtsp://127.0.0.1:1\", \
         hls: \"http://127.0.0.1:{port}\", user: cameras }} }}\n\
         cameras:\n  - {{ name: front, source: \"test:pattern\" }}\n  - {{ name: yard, source: \"test:bars\" }}\n"
    ));
    let environment =
        format!("CAMERA_SERVICE_JWT_SECRET='{SECRET}'\nCAMERA_SERVICE_MEDIAMTX_PASSWORD='s3cret-word'\n");
    installation.write_private(".env", &environment);
    installation
}

/// The camera's signed link, which every call gives that gives any.
async fn link(service: &Running) -> String {
    let mut client = service.client(Role::Viewer).await;
    let url = client.succeed("get_stream_url", json!({ "device": "front" })).await;
    assert!(url["expires_at"].is_string(), "{url}");
    assert_eq!(url["stream_url"], url["streams"]["hls"]);
    let list = client.succeed("get_camera_list", json!({})).await;
    let link = url["stream_url"].as_str().unwrap().to_owned();
    let begin = format!("http://{}", service.clients);
    for shown in [&link, list["cameras"][0]["streams"]["hls"].as_str().unwrap()] {
        assert!(
            shown.starts_with(&format!("{begin}/live/front/index.m3u8?expires="))
                && shown.contains("&signature="),
            "{shown}"
        );
    }
    link[begin.len()..].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_view_is_passed_on_with_its_signature_and_nothing_of_whom_it_is_for() {
    let (api, hls) = (Api::start(State::default()).await, Hls::start().await);
    let installation = installation(&api, hls.port);
    let service = installation.start();
    let link = link(&service).await;
    let client = [("Cookie", "session=mine"), ("X-Whoever", "me")];

    let (status, head, body) = http(service.clients, &link, &client).await;
    let playlist = String::from_utf8(body).unwrap();
    assert_eq!(status, 200, "{playlist}");
    assert!(
        head.contains("content-type: application/vnd.apple.mpegurl")
            && head.contains("cache-control: no-cache")
    );
    for foreign in ["access-control", "server:", "set-cookie"] {
        assert!(!head.contains(foreign), "{head}");
    }
    let media = playlist.lines().last().unwrap().to_owned();
    assert_eq!(media, link.replace("/live/front/index", "stream"));

    // The parameters of low latency are MediaMTX's, others nobody's.
    let waiting = format!("/live/front/{media}&_HLS_msn=7&_HLS_part=0&token=mine");
    let (status, _, body) = http(service.clients, &waiting, &client).await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 200, "{text}");
    let part = text.split("URI=\"").last().unwrap().split('"').next().unwrap();
    assert_eq!(part, link.replace("/live/front/index.m3u8", "ab_part0.mp4"), "{text}");
    let (status, head, body) = http(service.clients, &format!("/live/front/{part}"), &client).await;
    assert_eq!((status, body.as_slice()), (200, b"a part".as_slice()));
    assert!(
        head.contains("content-type: video/mp4") && head.contains("cache-control: max-age=3600"),
        "{head}"
    );

    let basic = base64::engine::general_purpose::STANDARD.encode("cameras:s3cret-word");
    let asked = hls.asked();
    let paths: Vec<&str> = asked.iter().map(|(path, _)| path.as_str()).collect();
    let [first, second, third] = paths[..] else { panic!("{paths:?}") };
    assert_eq!(first, link.strip_prefix("/live").unwrap());
    assert_eq!(second, format!("/front/{media}&_HLS_msn=7&_HLS_part=0"));
    assert_eq!(third, format!("/front/{part}"));
    for (_, headers) in &asked {
        assert!(
            headers.contains(&basic) && !headers.contains("mine") && !headers.contains("whoever"),
            "{headers}"
        );
    }

    // By a token in the header, which stays here.
    let bearer = format!("Bearer {}", token(Role::Viewer));
    let (status, ..) = http(service.clients, "/live/front/index.m3u8", &[("Authorization", &bearer)]).await;
    assert_eq!(status, 200);
    let (path, headers) = hls.asked().pop().unwrap();
    assert!(
        path == "/front/index.m3u8" && headers.contains(&basic) && !headers.contains("Bearer"),
        "{headers}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_known_or_a_file_of_the_stream_is_not_asked_for() {
    let (api, hls) = (Api::start(State::default()).await, Hls::start().await);
    let installation = installation(&api, hls.port);
    let service = installation.start();
    let link = link(&service).await;
    let query = link.split_once('?').unwrap().1;
    let bearer = format!("Bearer {}", token(Role::Viewer));
    for (path, expected) in [
        ("/live/front/index.m3u8".to_owned(), 401),
        (format!("/live/yard/index.m3u8?{query}"), 403),
        (format!("/live/front/..%2Fyard%2Findex.m3u8?{query}"), 403),
        (format!("/live/front/index.html?{query}"), 404),
        (format!("/live/front/a%20b.mp4?{query}"), 404),
    ] {
        let (status, _, body) = http(service.clients, &path, &[]).await;
        assert_eq!(status, expected, "{path}: {}", String::from_utf8_lossy(&body));
    }
    for path in
        ["/live/nobody/index.m3u8", "/live/front/..%2Fv3.mp4", "/live/front/%2e%2e%2fyard%2findex.m3u8"]
    {
        let (status, ..) = http(service.clients, path, &[("Authorization", &bearer)]).await;
        assert_eq!(status, 404, "{path}");
    }
    assert!(hls.asked().is_empty(), "MediaMTX was asked for it");

    // What MediaMTX does not have, or answers otherwise than it should.
    for (file, expected) in [("gone_seg1.mp4", 404), ("closing.m3u8", 500), ("moved.m3u8", 502)] {
        let (status, head, body) = http(service.clients, &format!("/live/front/{file}?{query}"), &[]).await;
        assert_eq!(status, expected, "{file}");
        assert!(!head.contains("location:") && !head.contains("access-control"), "{head}");
        assert!(!String::from_utf8_lossy(&body).contains("MediaMTX's own words"));
    }

    // Asking would open a source that somebody has closed.
    hls.asked();
    let mut operator = service.client(Role::Operator).await;
    operator.succeed("stop_streaming", json!({ "device": "front" })).await;
    assert_eq!(http(service.clients, &link, &[]).await.0, 503);
    assert!(hls.asked().is_empty(), "MediaMTX was asked for it");

    hls.task.abort();
    let (status, _, body) =
        http(service.clients, "/live/yard/index.m3u8", &[("Authorization", &bearer)]).await;
    let text = String::from_utf8(body).unwrap();
    assert!(status == 502 && !text.contains("127.0.0.1"), "{status} {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_piece_comes_as_it_comes_and_is_given_up_with_its_reader() {
    let (api, hls) = (Api::start(State::default()).await, Hls::start().await);
    let installation = installation(&api, hls.port);
    let service = installation.start();
    let link = link(&service).await;
    let path = link.replace("index.m3u8", "slow_part1.mp4");
    let stream = begun(service.clients, &path).await;
    hls.has_readers(1).await;
    drop(stream);
    hls.has_readers(0).await;
    let stream = asked(service.clients, &link.replace("index.m3u8", "blocked.m3u8")).await;
    hls.has_readers(1).await;
    drop(stream);
    hls.has_readers(0).await;

    // A server that says nothing any more is given up, too.
    let mut stream = begun(service.clients, &path).await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok() && !rest.ends_with(b"0\r\n\r\n"), "its end is no good end: {rest:?}");
}

/// A connection on which something was asked for.
async fn asked(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The connection on which a piece has begun to come.
async fn begun(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = asked(address, path).await;
    let mut come = Vec::new();
    let coming = async {
        while !come.ends_with(b"the beginning\r\n") {
            let mut some = [0; 1024];
            let count = stream.read(&mut some).await.unwrap();
            assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&come));
            come.extend_from_slice(&some[..count]);
        }
    };
    tokio::time::timeout(PATIENCE, coming).await.expect("the beginning waits for the end");
    stream
}

/// A moving picture that ffmpeg writes as HLS; ended with the test.
struct Moving(Child);

impl Moving {
    fn start(folder: &Path) -> Self {
        let arguments = "-nostdin -v error -re -f lavfi -i testsrc2=size=320x180:rate=10 -c:v libx264 -preset ultrafast \
            -tune zerolatency -pix_fmt yuv420p -g 10 -f hls -hls_time 1 -hls_list_size 7 -hls_flags delete_segments+temp_file \
            -hls_segment_type fmp4 -hls_fmp4_init_filename ab_init.mp4 -hls_segment_filename ab_seg%d.mp4 stream.m3u8";
        let arguments = arguments.split_whitespace();
        Self(Command::new("ffmpeg").args(arguments).current_dir(folder).spawn().unwrap())
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A file of that picture, as MediaMTX would answer with it: the query stands on every address in a playlist.
fn moving_file(folder: &Path, request: &Request<Body>) -> Option<Response> {
    let (name, query) = (request.uri().path().strip_prefix("/front/")?, request.uri().query()?);
    if name == "index.m3u8" {
        let text =
            format!("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=500000\nstream.m3u8?{query}\n");
        return Some(text.into_response());
    }
    let bytes = std::fs::read(folder.join(name)).ok()?;
    match name {
        "stream.m3u8" => {
            let text = String::from_utf8(bytes).unwrap();
            Some(text.replace(".mp4", &format!(".mp4?{query}")).into_response())
        }
        _ => Some(bytes.into_response()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_shows_a_picture_that_is_passed_on() {
    let Some(browser) = Browser::start(1280).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let _moving = Moving::start(folder.path());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let path = folder.path().to_owned();
    let routes = Router::new().fallback(move |request: Request<Body>| {
        let answer = moving_file(&path, &request).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response());
        async { answer }
    });
    let _task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let api = Api::start(State { tracks: vec!["H264"], ..State::default() }).await;
    let installation = installation(&api, port);
    let service = installation.start();
    api.set_ready("front");
    browser.sign_in(service.clients, &token(Role::Viewer)).await;
    browser.picture_moves("front", 320).await;
}
