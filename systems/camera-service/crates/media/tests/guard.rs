//! A camera that was configured leads ffmpeg elsewhere: to this machine's own services. With a real ffmpeg.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use camera_media::{CameraSpec, Engine, EngineError, EngineEvent, Source, SourceOptions};
use common::{Behaviour, HttpCamera, LIMIT, add, engine, event, ffmpeg_is_here, is_up};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server on a free port that gives everybody the same answer; how many asked.
async fn answering(answer: impl Fn() -> String + Send + 'static) -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer().as_bytes()).await;
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
    let reason = event(&mut events, |event| match event {
        EngineEvent::SourceDown { reason: Some(reason), .. } => Some(reason.clone()),
        _ => None,
    });
    // A camera that never was up tells nothing: its status does.
    let told = async {
        loop {
            if let Some(reason) = engine.status("front").unwrap().reason {
                return reason;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let why = tokio::select! {
        reason = reason => reason,
        reason = told => reason,
        () = tokio::time::sleep(LIMIT) => panic!("it is not down"),
    };
    engine.shutdown(LIMIT).await;
    why
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_redirect_nor_a_playlist_leads_to_this_machine_s_own_services() {
    if !ffmpeg_is_here() {
        return;
    }
    let (secret, asked) = answering(|| "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret".into()).await;
    for target in
        [format!("127.0.0.1:{secret}"), format!("localhost:{secret}"), format!("[::ffff:127.0.0.1]:{secret}")]
    {
        let location = target.clone();
        let redirect = move || {
            format!("HTTP/1.1 302 Found\r\nLocation: http://{location}/x\r\nContent-Length: 0\r\n\r\n")
        };
        let (camera, seen) = answering(redirect).await;
        why_down(&format!("http://127.0.0.1:{camera}/video")).await;
        assert!(seen.load(Ordering::SeqCst) > 0, "the camera itself is asked: the operator named it");
        let playlist = move || {
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
    let refused = engine.start_stream("hall", std::time::Duration::from_secs(2)).await.unwrap_err();
    assert!(refused.to_string().contains("an address of this machine"), "{refused}");
    engine.shutdown(LIMIT).await;
}
