//! A listener on loopback through which a source is read, so that each of its connections can be checked. One for each source.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// Connections of one source at the same time.
const MAX_CONNECTIONS: usize = 16;

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Gate {
    /// Opens one; what serves its connections is made when its address is known.
    pub(crate) async fn open<S, F>(server: impl FnOnce(SocketAddr) -> S) -> std::io::Result<Gate>
    where
        S: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(accept(listener, server(address))).abort_handle();
        Ok(Gate { address, serving })
    }
}

async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (Ok((stream, _)), Ok(place)) = (accepted, Arc::clone(&places).try_acquire_owned()) else {
            continue;
        };
        let serving = serve(stream);
        connections.spawn(async move {
            serving.await;
            drop(place);
        });
    }
}
