//! Serving HTTP on accepted connections. A client that sends half a request, or reads nothing of its answer, is let go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::tls::{Accepted, SecureListener};
use crate::places::Place;

/// How long a client may take for the head of a request, and for the next one on a connection that it keeps.
const HEAD: Duration = Duration::from_secs(15);
/// How long a client may read nothing of what it is sent.
const READS_NOTHING: Duration = Duration::from_secs(30);

/// The client's address, as handlers see it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The place that a connection takes; whoever keeps the connection keeps this.
#[derive(Clone)]
pub struct Kept(#[expect(dead_code, reason = "it is there to be dropped")] Arc<Place>);

/// Serves until told to stop; answers under way are finished.
pub async fn serve(mut listener: SecureListener, routes: Router, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Some(accepted) => drop(connections.spawn(connection(accepted, routes.clone(), stop.clone()))),
                None => break,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(accepted: Accepted, routes: Router, stop: CancellationToken) {
    let Accepted { io, peer, place } = accepted;
    let place = Kept(Arc::new(place));
    let mut io = TimeoutStream::new(io);
    io.set_write_timeout(Some(READS_NOTHING));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(place.clone());
        routes.clone().oneshot(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(Box::pin(io)), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}
