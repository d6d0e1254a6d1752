//! A camera that was configured leads ffmpeg elsewhere: to this machine's own services. With a real ffmpeg.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use camera_media::{CameraSpec, Engine, EngineError, Source, SourceOptions};
use common::{Behaviour, HttpCamera, LIMIT, RtspCamera, add, engine, event, ffmpeg_is_here, is_down, is_up};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server on a free port that answers everybody in this way; how many asked.
async fn answering(answer: impl Fn(&str) -> String + Send + 'static) -> (u16, Arc<AtomicU32>) {
    answering_at(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
}

fn answering_at(
    listener: TcpListener,
    answer: impl Fn(&str) -> String + Send + 'static,
) -> (u16, Arc<AtomicU32>) {
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            // Until it asks no more.
            let mut request = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut request).await {
                let answer = answer(&String::from_utf8_lossy(&request[..length]));
                if stream.write_all(answer.as_bytes()).await.is_err() || !answer.starts_with("RTSP") {
                    break;
                }
            }
        }
    });
    (port, asked)
}

fn source(address: &str) -> Source {
    Source::parse(address, SourceOptions::default()).unwrap()
}

/// Why pictures do not come.
async fn why_down(address: &str) -> String {
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "front", source(address)).await;
    let why = event(&mut events, is_down).await;
    engine.shutdown(LIMIT).await;
    why
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_redirect_nor_a_playlist_leads_to_this_machine_s_own_services() {
    if !ffmpeg_is_here() {
        return;
    }
    let (secret, asked) = answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret".into()).await;
    for target in
        [format!("127.0.0.1:{secret}"), format!("localhost:{secret}"), format!("[::ffff:127.0.0.1]:{secret}")]
    {
        let location = target.clone();
        let redirect = move |_: &str| {
            format!("HTTP/1.1 302 Found\r\nLocation: http://{location}/x\r\nContent-Length: 0\r\n\r\n")
        };
        let (camera, seen) = answering(redirect).await;
        why_down(&format!("http://127.0.0.1:{camera}/video")).await;
        assert!(seen.load(Ordering::SeqCst) > 0, "the camera itself is asked: the operator named it");
        let playlist = move |_: &str| {
            let list = format!(
                "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://{target}/a.ts\n#EXT-X-ENDLIST\n"
            );
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\nConnection: close";
            format!("{head}\r\nContent-Length: {}\r\n\r\n{list}", list.len())
        };
        let (camera, seen) = answering(playlist).await;
        why_down(&format!("http://127.0.0.1:{camera}/live.m3u8")).await;
        assert!(seen.load(Ordering::SeqCst) > 0);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "a camera made the service ask itself");
}

/// Answers the request with this number as every camera does, but for DESCRIBE.
fn redirecting(location: String) -> impl Fn(&str) -> String + Send {
    move |request| {
        let number = request.split("CSeq: ").nth(1).unwrap().lines().next().unwrap();
        let status = if request.starts_with("DESCRIBE") { "302 Moved" } else { "200 OK" };
        format!("RTSP/1.0 {status}\r\nCSeq: {number}\r\nPublic: DESCRIBE\r\nLocation: {location}\r\n\r\n")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rtsp_redirect_does_not_lead_to_this_machine_s_own_services() {
    if !ffmpeg_is_here() {
        return;
    }
    let (secret, asked) = answering(|_| "RTSP/1.0 200 OK\r\n\r\n".into()).await;
    for (target, why) in [
        (format!("rtsp://127.0.0.1:{secret}/x"), "an address of this machine"),
        (format!("rtsps://localhost:{secret}/x"), "an address of this machine"),
        (format!("rtsp://[::ffff:127.0.0.1]:{secret}/x"), "an address of this machine"),
        (format!("http://127.0.0.1:{secret}/x"), "names no RTSP address"),
    ] {
        let (camera, seen) = answering(redirecting(target.clone())).await;
        let reason = why_down(&format!("rtsp://127.0.0.1:{camera}/video")).await;
        assert!(reason.contains(why), "{target}: {reason}");
        assert!(seen.load(Ordering::SeqCst) > 0, "the camera itself is asked: the operator named it");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "a camera made the service ask itself");
    // Nor without end.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (camera, seen) = answering_at(listener, redirecting(format!("rtsp://127.0.0.1:{port}/x")));
    let reason = why_down(&format!("rtsp://127.0.0.1:{camera}/x")).await;
    assert!(reason.contains("redirects without end"), "{reason}");
    assert!(seen.load(Ordering::SeqCst) >= 6, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_redirects_to_itself_is_read_and_so_is_one_over_tls() {
    if !ffmpeg_is_here() {
        return;
    }
    let (plain, tls) = (RtspCamera::start().await, RtspCamera::over_tls().await);
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "moved", plain.source_at("moved", SourceOptions::default())).await;
    event(&mut events, is_up("moved")).await;
    add(&engine, "tls", tls.source()).await;
    event(&mut events, is_up("tls")).await;
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_an_rtsp_camera_is_not_read_is_said_of_its_own_address_without_its_password() {
    if !ffmpeg_is_here() {
        return;
    }
    let (talks, _) = answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for (port, why) in [(talks, "what is no RTSP"), (closed, "refused")] {
        let reason = why_down(&format!("rtsp://ada:s3cret@127.0.0.1:{port}/x")).await;
        let shown = format!("rtsp://ada:***@127.0.0.1:{port}/x");
        assert!(reason.contains(why) && reason.contains(&shown) && !reason.contains("s3cret"), "{reason}");
        assert!(port == talks || !reason.contains("CSeq"), "nothing but why: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_of_the_configuration_may_be_here_and_one_that_a_call_adds_may_not() {
    if !ffmpeg_is_here() {
        return;
    }
    let camera = HttpCamera::start(Behaviour::Plays).await;
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "front", camera.source()).await;
    event(&mut events, is_up("front")).await;
    let told = camera.source().told_by_a_call();
    assert!(matches!(camera_media::check_source(&told).await, Err(EngineError::Invalid(_))));
    // And if a name meant something else by then, it is not read either.
    engine.add(CameraSpec { name: "yard".into(), source: told }).await.unwrap();
    assert!(matches!(
        engine.start_stream("yard", std::time::Duration::from_secs(2)).await,
        Err(EngineError::Dependency(_))
    ));
    let reason = engine.status("yard").unwrap().reason.unwrap();
    assert!(reason.contains("403"), "{reason}");
    let rtsp = source("rtsp://localhost:1/x").told_by_a_call();
    engine.add(CameraSpec { name: "hall".into(), source: rtsp }).await.unwrap();
    let refused = event(&mut events, |event| is_down(event).filter(|_| event.camera() == "hall")).await;
    assert!(refused.contains("an address of this machine"), "{refused}");
    engine.shutdown(LIMIT).await;
}
