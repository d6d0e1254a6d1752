//! The console: its page, scripts and player, as they were built in. It knows nothing of the service; the page asks for everything
//! over the WebSocket, as every client does.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// The page may load, run and reach nothing but this listener. A player feeds its video by `blob:`.
const POLICY: &str = "default-src 'self'; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const PAGE: &str = "index.html";

/// A file that was built in.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal $kind:expr;)+) => {
        &[$(Asset { name: $name, kind: $kind, bytes: include_bytes!(concat!("console/", $name)) }),+]
    };
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: &[Asset] = assets! {
    "index.html" "text/html; charset=utf-8";
    "style.css" "text/css; charset=utf-8";
    "icon.svg" "image/svg+xml";
    "app.js" SCRIPT;
    "session.js" SCRIPT;
    "page.js" SCRIPT;
    "cameras.js" SCRIPT;
    "live.js" SCRIPT;
    "files.js" SCRIPT;
    "events.js" SCRIPT;
    "vendor/hls.light.min.mjs" SCRIPT;
    "vendor/hls.js-LICENSE.txt" "text/plain; charset=utf-8";
};

/// `GET /` and `GET /console/...`.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(|headers: HeaderMap| async move { answer(PAGE, &headers) })).route(
        "/console/{*name}",
        get(|Path(name): Path<String>, headers: HeaderMap| async move { answer(&name, &headers) }),
    )
}

fn answer(name: &str, asked: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return (StatusCode::NOT_FOUND, "the console has no such file\n").into_response();
    };
    let tag = asset.tag();
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut response =
        if known.flat_map(|list| list.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, asset.kind)], asset.bytes).into_response()
        };
    let headers = response.headers_mut();
    // Asked for again each time, so that after an upgrade no old script meets a new service; what is unchanged is not sent again.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

impl Asset {
    /// Another one for other bytes; nobody gains by a collision, since the bytes are ours.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.bytes.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    async fn get(path: &str, known: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::get(path).header(header::IF_NONE_MATCH, known).body(Body::empty()).unwrap();
        let (parts, body) = routes::<()>().with_state(()).oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn the_page_comes_with_its_policy_and_is_not_sent_twice() {
        let (status, headers, body) = get("/", "\"another\"").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], POLICY);
        assert!(body.starts_with("<!DOCTYPE html>"));
        let tag = headers[header::ETAG].to_str().unwrap();
        let (status, headers, body) = get("/", &format!("\"x\", W/{tag}")).await;
        assert_eq!(
            (status, body.as_str(), headers[header::ETAG].to_str().unwrap()),
            (StatusCode::NOT_MODIFIED, "", tag)
        );
    }

    #[tokio::test]
    async fn what_is_no_part_of_the_console_is_not_found() {
        for path in [
            "/console/",
            "/console/README.md",
            "/console/vendor/README.md",
            "/console/../Cargo.toml",
            "/console/App.js",
        ] {
            assert_eq!(get(path, "").await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }

    /// Every file that the page or a script names is served, and every script is named; none is written into the page, where the
    /// policy would forbid it.
    #[tokio::test]
    async fn the_page_has_all_that_it_names() {
        let mut named = vec![PAGE.to_owned()];
        for asset in ASSETS.iter().filter(|asset| !asset.name.starts_with("vendor/")) {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            let links = text.split("\"/console/").skip(1).chain(text.split("\"./").skip(1));
            named.extend(links.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
        for name in &named {
            let (status, headers, _) = get(&format!("/console/{name}"), "").await;
            assert_eq!(status, StatusCode::OK, "{name}");
            let ending = name.rsplit('.').next().unwrap();
            let kind = headers[header::CONTENT_TYPE].to_str().unwrap();
            assert_eq!(matches!(ending, "js" | "mjs"), kind == SCRIPT, "{name} is {kind}");
        }
        for asset in ASSETS {
            assert!(named.iter().any(|name| name == asset.name), "nothing names {}", asset.name);
        }
        let (_, _, page) = get("/", "").await;
        assert!(
            !page.contains("<style") && !page.contains(" style=") && !page.contains("<script>"),
            "written into the page"
        );
        let handlers = page
            .split(" on")
            .skip(1)
            .filter(|rest| rest.split('=').next().is_some_and(|name| !name.contains(' ')));
        assert_eq!(handlers.count(), 0, "a handler written into the page");
    }
}
