//! Starting and stopping the service: a configuration's fabrics each put to work, the status page bound, readiness told only then.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fabric_netbox::NetBox;
use service_setup::say;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::commands::{Failure, because, check};
use crate::config::{Config, Problem};
use crate::fabric::Fabric;
use crate::history;
use crate::home::Home;
use crate::metrics::Metrics;
use crate::report::Report;
use crate::standstill::Standstill;
use crate::web::{self, Board};
use crate::worker::Worker;

/// How often systemd's watchdog is fed.
const FEED: Duration = Duration::from_secs(10);
/// How long a write underway and the lease have when the service stops.
const FINISH: Duration = Duration::from_secs(45);

/// Runs the service until it is told to stop.
///
/// # Errors
/// Why it does not start.
pub async fn run(home: &Home) -> Result<(), Failure> {
    let (config, problems) = check::read_general(home)?;
    crate::log::start(&config.log);
    let mut term = signal(SignalKind::terminate()).map_err(because("signals"))?;
    let mut int = signal(SignalKind::interrupt()).map_err(because("signals"))?;
    let stop = CancellationToken::new();
    let service = Service::start(home, &config, &problems, None, stop.clone()).await?;
    say!("status http://{}/", service.address);
    notify(&[sd_notify::NotifyState::Ready]);
    let mut feed = tokio::time::interval(FEED);
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = feed.tick() => notify(&[sd_notify::NotifyState::Watchdog]),
        }
    }
    notify(&[sd_notify::NotifyState::Stopping]);
    stop.cancel();
    service.end().await;
    Ok(())
}

/// A service that runs.
pub struct Service {
    /// Where the status page is.
    pub address: SocketAddr,
    /// How every fabric is.
    pub board: Arc<Board>,
    workers: JoinSet<()>,
    server: tokio::task::JoinHandle<()>,
}

impl Service {
    /// Puts every fabric to work that can be, and binds the status page. A fabric with a problem is shown with it.
    ///
    /// # Errors
    /// What concerns all fabrics.
    pub async fn start(
        home: &Home,
        config: &Config,
        problems: &[Problem],
        note: Option<&'static str>,
        stop: CancellationToken,
    ) -> Result<Self, Failure> {
        let key_file = &config.history.key_file;
        let key = key_file.as_deref().map(history::read_key).transpose();
        key.map_err(|error| Failure::Wrong(error.to_string()))?;
        let netbox = NetBox::new(config.netbox.options()).map_err(because("netbox"))?;
        let metrics = Arc::new(Metrics::new(config.fabrics.iter().map(|fabric| fabric.name.as_str())));
        let board = Arc::new(Board::default());
        let instance = instance();
        let mut ready = Vec::new();
        for (index, fabric) in config.fabrics.iter().enumerate() {
            let mut report = Report::new(&fabric.name, &fabric.site);
            let own: Vec<String> = problems
                .iter()
                .filter(|problem| problem.fabric == Some(index))
                .map(ToString::to_string)
                .collect();
            let parts = match own.as_slice() {
                [] => Fabric::new(fabric, &netbox, home, &instance),
                own => Err(own.join("; ")),
            };
            match parts {
                Ok(parts) => {
                    board.add(report, parts.leader.as_ref().map(|(leader, _)| leader.clone()));
                    ready.push(parts);
                }
                Err(detail) => {
                    tracing::error!(fabric = fabric.name, detail, "this fabric is left alone");
                    report.standstill = Some(Standstill::Misconfigured { detail });
                    board.add(report, None);
                }
            }
        }
        let address = config.server.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(because(format!("{address} cannot be listened on (server.listen)")))?;
        let address = listener.local_addr().map_err(because("server.listen"))?;
        let app = web::app(Arc::clone(&board), Arc::clone(&metrics), note, &config.server.host_names);
        let ending = stop.clone();
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).with_graceful_shutdown(ending.cancelled_owned()).await;
        });
        let mut workers = JoinSet::new();
        for fabric in ready {
            let mut last_words = Report::new(fabric.name(), &fabric.config.site);
            last_words.standstill = Some(Standstill::Failed);
            let worker = Worker::new(fabric, key_file.clone(), Arc::clone(&metrics), Arc::clone(&board));
            let work = tokio::spawn(worker.work(stop.clone()));
            let board = Arc::clone(&board);
            workers.spawn(async move {
                // What it said last must not stand there as if it were so.
                if let Err(error) = work.await {
                    tracing::error!(fabric = last_words.fabric, %error, "this fabric's task failed");
                    board.retire(last_words);
                }
            });
        }
        Ok(Service { address, board, workers, server })
    }

    /// Waits until everything has ended, and not for ever.
    pub async fn end(mut self) {
        let finished = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH, finished).await.is_err() {
            tracing::error!("a fabric did not stop in time");
        }
        self.server.abort();
    }
}

/// This process's name, which no other has: a lease must not be renewed by two.
#[must_use]
pub fn instance() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut random = [0; 4];
    // Without randomness, the process's number tells instances on one machine apart.
    let _ = getrandom::getrandom(&mut random);
    format!("{host}-{}-{:08x}", std::process::id(), u32::from_be_bytes(random))
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
