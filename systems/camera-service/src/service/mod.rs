//! What the calls do. The one place where cameras, files, access, events and configuration meet; it knows no socket.

mod cameras;
mod changes;
mod clock;
mod coverage;
mod devices;
mod files;
mod recordings;
mod system;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use camera_config::Config;
use camera_media::Engine;
use camera_storage::Library;
use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::contract::{Call, Code, RpcError};
use crate::events::Hub;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::rpc::session::{Session, to_json};

pub use cameras::Known;
pub use changes::Kept;
pub use clock::Clock;
pub use coverage::keep_killed;
pub use files::Kind;
pub use system::{Components, component};

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
    /// Whether every listener is bound and the engine has answered.
    pub started: AtomicBool,
    /// When the service started, by a clock that nobody sets.
    pub since: Instant,
    /// The clock that people read.
    pub clock: Clock,
    /// What calls changed, kept for the next start.
    pub kept: Kept,
    /// The components as they were when last looked at.
    pub components: Mutex<Components>,
}

impl Service {
    /// A name for a new connection that nobody can guess.
    pub fn new_session_id(&self) -> String {
        // Without random bytes the session cannot be told from others when one is revoked; it still works.
        format!("s_{}", camera_access::random_hex::<12>().unwrap_or_default())
    }

    /// Makes a call that is permitted, and gives its result as JSON.
    ///
    /// # Errors
    /// As the contract says of the call.
    pub async fn perform(self: &Arc<Self>, session: &Session, call: Call) -> Result<String, RpcError> {
        match call {
            Call::Ping(_) => to_json(&"pong"),
            Call::Authenticate(_) => Err(RpcError::new(Code::Internal, "authenticate is the session's own")),
            Call::GetCameraList(_) => to_json(&self.camera_list().await?),
            Call::GetCameraStatus(device) => to_json(&self.camera_status(&device).await?),
            Call::GetCameraCapabilities(device) => to_json(&self.capabilities(&device).await?),
            Call::GetStreams(_) => to_json(&self.streams().await?),
            Call::GetStreamUrl(device) => to_json(&self.stream_url(&device).await?),
            Call::GetStreamStatus(device) => to_json(&self.stream_status(&device).await?),
            Call::StartStreaming(device) => to_json(&self.start_streaming(&device).await?),
            Call::StopStreaming(device) => to_json(&self.stop_streaming(&device).await?),
            Call::TakeSnapshot(request) => to_json(&self.take_snapshot(request).await?),
            Call::StartRecording(request) => to_json(&self.start_recording(&request).await?),
            Call::StopRecording(device) => to_json(&self.stop_recording(&device).await?),
            Call::ListRecordings(page) => to_json(&self.list(Kind::Recordings, page).await?),
            Call::ListSnapshots(page) => to_json(&self.list(Kind::Snapshots, page).await?),
            Call::GetRecordingInfo(file) => to_json(&self.file_info(Kind::Recordings, &file).await?),
            Call::GetSnapshotInfo(file) => to_json(&self.file_info(Kind::Snapshots, &file).await?),
            Call::DeleteRecording(file) => to_json(&self.delete(Kind::Recordings, file).await?),
            Call::DeleteSnapshot(file) => to_json(&self.delete(Kind::Snapshots, file).await?),
            Call::AddCamera(new) => to_json(&self.add_camera(&new).await?),
            Call::DeleteCamera(device) => to_json(&self.delete_camera(&device).await?),
            Call::GetConfig(_) => to_json(&self.config_view()),
            Call::ModifyConfig(patch) => to_json(&self.modify_config(&patch).await?),
            Call::GetStorageInfo(_) => to_json(&self.storage_info().await?),
            Call::SetRetentionPolicy(policy) => to_json(&self.set_retention(policy).await?),
            Call::CleanupOldFiles(_) => to_json(&self.clean_up().await?),
            Call::GetMetrics(_) => to_json(&self.metrics_view()),
            Call::GetStatus(_) => to_json(&self.status()),
            Call::GetSystemStatus(_) => to_json(&self.system_status()),
            Call::GetServerInfo(_) => to_json(&self.server_info()),
            Call::SubscribeEvents(request) => to_json(&Self::subscribe(session, &request)?),
            Call::UnsubscribeEvents(request) => to_json(&Self::unsubscribe(session, &request)),
            Call::GetSubscriptionStats(_) => to_json(&self.subscription_stats(session)),
            Call::DiscoverCameras(_) => to_json(&self.discover().await?),
        }
    }
}

/// Runs what touches the disk where waiting is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, RpcError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a piece of work on the disk broke off");
        RpcError::new(Code::Internal, "the service failed; its log says why")
    })
}
