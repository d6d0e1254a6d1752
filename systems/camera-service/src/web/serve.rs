//! Serving HTTP on accepted connections. A client that sends half a request, or reads nothing of its answer, is let go.

use std::net::IpAddr;
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

use super::meter::{Meter, Metered};
use super::proxies::Proxies;
use super::tls::{Accepted, SecureListener};
use crate::places::{Place, Places};

/// How long a client may take for the head of a request, and for the next one on a connection that it keeps.
const HEAD: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes: a credential has at most 8 KiB.
const MAX_HEAD: usize = 16 << 10;
/// How long a client may read nothing of what it is sent.
const READS_NOTHING: Duration = Duration::from_secs(30);

/// The one who asks, as handlers see it.
#[derive(Clone)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// The place that its connection takes; whoever keeps the connection keeps this.
    pub place: Arc<Place>,
    /// What counts the bytes that it sends.
    pub meter: Arc<Meter>,
}

/// What connections are served with.
#[derive(Clone)]
pub struct Serving {
    /// What is served.
    pub routes: Router,
    /// Where clients take places for which a proxy asks.
    pub places: Arc<Places>,
    /// Who may ask for others.
    pub proxies: Arc<Proxies>,
}

/// Serves until told to stop; answers under way are finished.
pub async fn serve(mut listener: SecureListener, serving: Serving, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Some(accepted) => drop(connections.spawn(connection(accepted, serving.clone(), stop.clone()))),
                None => break,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(accepted: Accepted, serving: Serving, stop: CancellationToken) {
    let Accepted { io, peer, place } = accepted;
    let place = Arc::new(place);
    let meter = Arc::new(Meter::new(Arc::clone(&place)));
    let mut io = TimeoutStream::new(Metered { io, meter: Arc::clone(&meter) });
    io.set_write_timeout(Some(READS_NOTHING));
    let forwards = serving.proxies.forwards(peer.ip());
    let service = service_fn(|mut request: Request<Incoming>| {
        meter.begin();
        let mut client = Client { address: peer.ip(), place: Arc::clone(&place), meter: Arc::clone(&meter) };
        if forwards {
            client.address = serving.proxies.client(peer.ip(), request.headers());
            client.place = Arc::new(serving.places.enter(client.address));
            meter.count_for(Arc::clone(&client.place));
        }
        request.extensions_mut().insert(client);
        serving.routes.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Box::pin(io)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Another one has got its place.
        () = place.evicted() => return,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}
