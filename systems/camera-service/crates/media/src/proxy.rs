//! The proxy through which ffmpeg asks for a source over HTTP: it makes each connection itself, to an address it has just checked, so that no
//! redirect, no playlist and no name that changes its meaning leads where no source may be.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::gate::Gate;
use crate::guard::{Barred, Guard};

type Body = BoxBody<Bytes, hyper::Error>;

/// Opens a proxy that connects to what this guard allows.
///
/// # Errors
/// Nothing can be listened on.
pub(crate) async fn open(guard: Guard) -> std::io::Result<Gate> {
    let guard = Arc::new(guard);
    Gate::open(|_| move |stream| serve(Arc::clone(&guard), stream)).await
}

async fn serve(guard: Arc<Guard>, stream: TcpStream) {
    let service = service_fn(|request| answer(Arc::clone(&guard), request));
    let serving = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = serving.await {
        tracing::debug!(%error, "ffmpeg's connection for a source ended");
    }
}

async fn answer(guard: Arc<Guard>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let asked = if request.method() == Method::CONNECT {
        tunnel(&guard, request).await
    } else {
        pass_on(&guard, request).await
    };
    Ok(asked.unwrap_or_else(|(status, why)| {
        let body = Full::new(Bytes::from(why)).map_err(|never| match never {}).boxed();
        let mut refusal = Response::new(body);
        *refusal.status_mut() = status;
        refusal
    }))
}

type Refusal = (StatusCode, String);

fn barred(host: &str, barred: &Barred) -> Refusal {
    match barred {
        Barred::Address(_) => {
            tracing::warn!(host, %barred, "a source led where none may be");
            (StatusCode::FORBIDDEN, barred.to_string())
        }
        Barred::Unreachable(_) => (StatusCode::BAD_GATEWAY, barred.to_string()),
    }
}

fn target(uri: &Uri) -> Result<(&str, u16), Refusal> {
    let host = uri.host().ok_or((StatusCode::BAD_REQUEST, "this is a proxy".to_owned()))?;
    Ok((host, uri.port_u16().unwrap_or(80)))
}

/// TLS of ffmpeg's own, passed on as it is.
async fn tunnel(guard: &Guard, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let (host, port) = target(request.uri())?;
    let mut there = guard.connect(host, port).await.map_err(|error| barred(host, &error))?;
    tokio::spawn(async move {
        if let Ok(here) = hyper::upgrade::on(request).await {
            // Either side ends it when it likes.
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(here), &mut there).await;
        }
    });
    Ok(Response::new(Full::default().map_err(|never| match never {}).boxed()))
}

async fn pass_on(guard: &Guard, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let uri = request.uri().clone();
    let (host, port) = target(&uri)?;
    let stream = guard.connect(host, port).await.map_err(|error| barred(host, &error))?;
    let failed = |error: hyper::Error| (StatusCode::BAD_GATEWAY, format!("{host}: {error}"));
    // Cameras are not always exact.
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| (StatusCode::BAD_REQUEST, "no such path".to_owned()))?;
    let headers = request.headers_mut();
    for between_two in [
        CONNECTION,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        HeaderName::from_static("proxy-connection"),
    ] {
        headers.remove(between_two);
    }
    // What was checked is what is asked for.
    if let Some(authority) = uri.authority()
        && let Ok(name) = HeaderValue::from_str(authority.as_str().rsplit('@').next().unwrap_or_default())
    {
        headers.insert(HOST, name);
    }
    let answer = sender.send_request(request).await.map_err(failed)?;
    Ok(answer.map(BodyExt::boxed))
}
