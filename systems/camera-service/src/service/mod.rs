//! What the calls do. The one place where cameras, files, access, events and configuration meet; it knows no socket.

mod calls;
mod cameras;
mod changes;
mod clock;
mod coverage;
mod devices;
mod files;
mod recordings;
mod state_file;
mod system;
mod undated;
mod wanted;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use camera_config::Config;
use camera_media::{Engine, Unrecovered};
use camera_storage::Library;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::contract::{Code, RpcError};
use crate::events::Hub;
use crate::lock::Lock;
use crate::metrics::Metrics;
use crate::places::Places;

/// How long a picture, or the first second of a recording, may take: a source that is only being opened shows nothing before its next
/// key frame, and some cameras send one in 25 s.
const FIRST_PICTURE: Duration = Duration::from_secs(30);

pub use cameras::Known;
pub use changes::{ChangeStore, Changes};
pub use clock::Clock;
pub use coverage::{keep_killed, of_stopped};
pub use files::Kind;
pub use system::{Components, component};
pub use wanted::WantedRecordings;

/// The running service.
pub struct Service {
    /// The configuration, with what was changed since the start.
    pub config: RwLock<Arc<Config>>,
    /// The configuration as it was at the start: some of it stays in force until the next one.
    pub at_start: Arc<Config>,
    /// The cameras, by name.
    pub cameras: RwLock<BTreeMap<String, Arc<Known>>>,
    /// Pictures and recordings.
    pub engine: Arc<dyn Engine>,
    /// The program that says what a file holds.
    pub ffprobe: PathBuf,
    /// The folder of recordings.
    pub recordings: Arc<Library>,
    /// The folder of snapshots.
    pub snapshots: Arc<Library>,
    /// What an earlier run left in it and could not be put in order: it stays as it is, and may be deleted.
    pub left_behind: Vec<Unrecovered>,
    /// Held as long as the service: no other installation keeps files in its folders.
    pub folders: Vec<Lock>,
    /// Who may do what.
    pub access: Access,
    /// Who is told what.
    pub hub: Hub,
    /// What is counted.
    pub metrics: Metrics,
    /// How many connections there may be.
    pub places: Arc<Places>,
    /// Cancelled when the service is to stop.
    pub stop: CancellationToken,
    /// Cancelled when everything that stopping ended has been told: connections are closed then.
    pub all_told: CancellationToken,
    /// Each conversation over WebSocket holds a receiver until its end; nothing is ever sent.
    pub conversations: watch::Sender<()>,
    /// Whether every listener is bound and the engine has answered.
    pub started: AtomicBool,
    /// When the service started, by a clock that nobody sets.
    pub since: Instant,
    /// The clock that people read.
    pub clock: Clock,
    /// Held by whoever looks through the network: one at a time.
    pub looking_around: tokio::sync::Mutex<()>,
    /// Held by whoever has a program look at a file or device.
    pub probes: tokio::sync::Semaphore,
    /// What calls changed, kept for the next start.
    pub kept: ChangeStore,
    /// Recordings that are not over, kept for the next start.
    pub wanted: WantedRecordings,
    /// The components as they were when last looked at.
    pub components: Mutex<Components>,
}

impl Service {
    /// A name for a new connection that nobody can guess.
    pub fn new_session_id(&self) -> String {
        // Without random bytes the session cannot be told from others when one is revoked; it still works.
        format!("s_{}", camera_access::random_hex::<12>().unwrap_or_default())
    }
}

/// Runs what touches the disk where waiting is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, RpcError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a piece of work on the disk broke off");
        RpcError::new(Code::Internal, "the service failed; its log says why")
    })
}
