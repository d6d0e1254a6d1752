//! The console in headless Chromium, clicked through as people do, against the real service with two moving test cameras. Needs
//! Chromium and chromedriver (`scripts/debian-tools`); without them it says that it was skipped, and fails in continuous
//! integration (`CI`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "the tests with MediaMTX use the rest")]
mod browser;
mod support;

use std::time::Duration;

use browser::Browser;
use camera_access::Role;
use serde_json::json;
use support::{Installation, token, token_until};

const CAMERAS: &str = "cameras:\n  - { name: front, source: \"test:pattern\", resolution: 640x360, fps: 10 }\n  \
                       - { name: yard, source: \"test:bars\", resolution: 640x360, fps: 10 }\n";

/// Both cameras' pictures move.
async fn live_pictures(browser: &Browser) {
    browser.until("all('#cameras video').length === 2 && all('#cameras video').every(v => v.currentTime > 0.5 && v.videoWidth === 640)").await;
    let before = browser.look("all('#cameras video').map(v => v.currentTime)").await;
    browser.until(&format!("all('#cameras video').every((v, at) => v.currentTime > {before}[at] + 1)")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_watches_takes_a_snapshot_records_downloads_and_deletes() {
    let Some(browser) = Browser::start(1280).await else { return };
    let installation = Installation::new(CAMERAS);
    let service = installation.start();

    browser.sign_in(service.clients, "not a token").await;
    let refusal = browser.until("all('#refusal')[0].textContent").await;
    assert!(refusal.as_str().unwrap().contains("neither a JSON Web Token"), "{refusal}");
    assert!(!browser.shows("#console").await);
    assert_eq!(browser.look("sessionStorage.length + localStorage.length").await, 0);

    // The wrong token is selected, so that typing replaces it.
    browser.type_keys(&format!("{}\n", token(Role::Operator))).await;
    live_pictures(&browser).await;
    assert_eq!(browser.look("all('#cameras h3').map(e => e.textContent)").await, json!(["front", "yard"]));
    assert_eq!(
        browser.until("all('.resolution').map(e => e.textContent)").await,
        json!(["640 × 360", "640 × 360"])
    );
    assert_eq!(browser.look("all('#token')[0].value").await, "", "the token stays in the page");
    assert_eq!(
        browser.look("[sessionStorage.length, localStorage.length, document.cookie]").await,
        json!([1, 0, ""])
    );
    browser.until("all('#system')[0].textContent === 'System ready'").await;

    browser.click("[data-device=front] .snapshot").await;
    browser.until("all('#viewer[open] img').some(e => e.complete && e.naturalWidth === 640)").await;
    browser.photograph("snapshot").await;
    browser.type_keys("\n").await;
    assert!(!browser.shows("#viewer").await, "the focus was not on Close");

    browser.click("[data-device=yard] .record").await;
    browser.until("all('[data-device=yard] .running')[0].textContent === '0:03'").await;
    assert!(
        browser.shows("[data-device=yard] .recording").await
            && !browser.shows("[data-device=front] .recording").await
    );
    browser.until("all('#events [data-topic=\"recording.start\"]').length").await;
    browser.photograph("recording").await;
    browser.click("[data-device=yard] .record").await;
    let name = browser.until("all('#file-list .name').map(e => e.textContent)[0]").await;
    let name = name.as_str().unwrap();
    assert!(name.starts_with("yard_"), "{name}");
    for topic in ["recording.stop", "snapshot.taken"] {
        browser.until(&format!("all('#events [data-topic=\"{topic}\"]').length")).await;
    }
    assert!(!browser.shows("[data-device=yard] .recording").await);

    browser.click("#file-list .show").await;
    browser.until("all('#viewer video').some(v => v.currentTime > 0 && v.duration > 2)").await;
    browser.click("#viewer button").await;

    browser.click("#file-list .download").await;
    let kept = installation.path().join("recordings").join(name);
    assert!(
        browser.downloaded(name) == std::fs::read(&kept).unwrap(),
        "what was downloaded is not what was recorded"
    );

    browser.click("#file-list .delete").await;
    browser.type_keys("\n").await;
    assert!(!browser.shows("#question").await && kept.exists(), "the first answer to a question is yes");
    browser.click("#file-list .delete").await;
    browser.click("#question .danger").await;
    browser.until("all('#file-list li').length === 0").await;
    assert!(!kept.exists());
    browser.click("[data-kind=snapshots]").await;
    browser.until("all('#file-list .name').some(e => e.textContent.startsWith('front_'))").await;

    browser.photograph("desktop").await;
    browser.click("#sign-out").await;
    assert!(browser.shows("#sign-in").await && !browser.shows("#console").await);
    assert_eq!(
        browser.look("sessionStorage.length + all('.camera, #file-list li, #events li').length").await,
        0
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_watches_and_is_offered_nothing_else() {
    let Some(browser) = Browser::start(1280).await else { return };
    let installation = Installation::new(CAMERAS);
    std::fs::write(installation.path().join("snapshots/front_2026-01-31_23-59-59.jpg"), "a picture").unwrap();
    let service = installation.start();
    browser.sign_in(service.clients, &token(Role::Viewer)).await;
    live_pictures(&browser).await;
    browser.click("[data-kind=snapshots]").await;
    browser.until("all('#file-list li').length === 1").await;
    assert!(browser.shows(".camera .live").await && browser.shows("#file-list .download").await);
    for hidden in [".record", ".snapshot", "#file-list .delete"] {
        assert!(!browser.shows(hidden).await, "a viewer is offered {hidden}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_nothing_scrolls_sideways() {
    let Some(browser) = Browser::start(360).await else { return };
    let long = "a-camera-whose-name-is-as-long-as-a-name-may-be-in-this-service";
    let installation = Installation::new(&CAMERAS.replace("front", long));
    std::fs::write(installation.path().join(format!("recordings/{}.mp4", "unbroken".repeat(30))), "no film")
        .unwrap();
    let service = installation.start();
    let fits = "innerWidth === 360 && document.scrollingElement.scrollWidth <= innerWidth";
    browser.sign_in(service.clients, "wrong").await;
    browser.until("all('#refusal')[0].textContent").await;
    assert_eq!(browser.look(fits).await, true);
    browser.type_keys(&format!("{}\n", token(Role::Operator))).await;
    live_pictures(&browser).await;
    browser.click("[data-device=yard] .record").await;
    browser
        .until("all('#file-list li').length && all('#events [data-topic=\"recording.start\"]').length")
        .await;
    browser.photograph("phone").await;
    assert_eq!(browser.look(fits).await, true);
    // A thumb is about 9 mm wide: 44 CSS pixels, as WCAG 2.5.5 has it.
    let small = "all('button, .button, input').filter(e => e.offsetParent && e.offsetHeight < 44).map(e => e.className)";
    assert_eq!(browser.look(small).await, json!([]));
    browser.click("#file-list .delete").await;
    assert_eq!(browser.look(fits).await, true);
    assert!(browser.shows("#question").await);
    browser.photograph("question").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_service_is_said_and_found_again() {
    let Some(browser) = Browser::start(1280).await else { return };
    let installation = Installation::new(CAMERAS);
    let service = installation.start();
    browser.sign_in(service.clients, &token(Role::Viewer)).await;
    live_pictures(&browser).await;

    // The same port again, as a restart of the service would have it.
    let config = installation.path().join("config/camera-service.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replacen("127.0.0.1:0", &service.clients.to_string(), 1)).unwrap();
    service.stop("KILL");
    let said = browser.until("all('#connection')[0].textContent").await;
    assert!(said.as_str().unwrap().contains("Trying again"), "{said}");
    let _service = installation.start();
    browser.until("all('#connection')[0].textContent === ''").await;
    live_pictures(&browser).await;
}

/// A rate of 0 holds a picture where it is, without an error, as a decoder that is starved does; what begins anew has its own rate again.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_stands_still_begins_anew() {
    let Some(browser) = Browser::start(1280).await else { return };
    let service = Installation::new(CAMERAS);
    let service = service.start();
    browser.sign_in(service.clients, &token(Role::Viewer)).await;
    live_pictures(&browser).await;
    browser.look("all('[data-device=yard] video')[0].playbackRate = 0").await;
    browser.until("all('[data-device=yard] .picture-note')[0].textContent.includes('stood still')").await;
    live_pictures(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_ends_the_session_with_a_word() {
    let Some(browser) = Browser::start(1280).await else { return };
    let installation = Installation::new("cameras: []\n");
    let service = installation.start();
    browser.sign_in(service.clients, &token_until(Role::Viewer, Duration::from_secs(8))).await;
    browser.until("all('#no-cameras').some(e => e.offsetParent)").await;
    let refusal = browser.until("all('#refusal')[0].textContent").await;
    assert!(refusal.as_str().unwrap().contains("expired"), "{refusal}");
    assert!(!browser.shows("#console").await);
    assert_eq!(browser.look("[sessionStorage.length, document.activeElement.id]").await, json!([0, "token"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_tokens_is_told_when_to_try_again() {
    let Some(browser) = Browser::start(1280).await else { return };
    let limits = "limits: { authentications_per_minute: 1, authentication_burst: 2 }\n";
    let service = Installation::new(&format!("cameras: []\n{limits}"));
    let service = service.start();
    browser.sign_in(service.clients, "wrong").await;
    for _ in 0..3 {
        browser.until("all('#refusal')[0].textContent").await;
        browser.type_keys("wrong\n").await;
    }
    let refusal =
        browser.until("all('#refusal')[0].textContent.match(/allowed in [0-9]+ s .at [0-9:]+/)").await;
    assert!(!refusal.is_null());
}

/// With the limits as they are by default: what comes too soon is asked again, and the token is never thrown away.
#[tokio::test(flavor = "multi_thread")]
async fn quick_reloads_keep_the_token_and_show_everything_in_the_end() {
    let Some(browser) = Browser::start(1280).await else { return };
    let installation = Installation::new(&(CAMERAS.to_owned() + "limits: { burst: 20 }\n"));
    let service = installation.start();
    browser.sign_in(service.clients, &token(Role::Viewer)).await;
    browser.until("all('#cameras h3').length === 2").await;
    for _ in 0..6 {
        browser.open(&format!("http://{}/", service.clients)).await;
        browser.until("all('#console')[0].hidden === false").await;
    }
    browser
        .until("all('#cameras h3').length === 2 && all('#system')[0].textContent === 'System ready'")
        .await;
    assert_eq!(browser.look("sessionStorage.length").await, 1);
    assert_eq!(browser.look("all('#connection')[0].textContent").await, "");
}
