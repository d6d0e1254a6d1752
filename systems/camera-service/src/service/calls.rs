//! The contract's calls, each with the function that does it.

use super::{Kind, Service};
use crate::caller::Caller;
use crate::contract::{
    Calls, Camera, CameraList, CameraStatus, Capabilities, CleanedUp, ConfigPatch, ConfigView, Deleted,
    Device, Discovered, File, FileInfo, FileList, MetricsView, NewCamera, Nothing, Page, RecordingRequest,
    RecordingStarted, RecordingStopped, RetentionPolicy, RpcError, ServerInfo, ServiceStatus,
    SnapshotRequest, SnapshotTaken, StorageInfo, StreamStarted, StreamStatus, StreamStopped, StreamUrl,
    Streams, Subscribe, Subscribed, SubscriptionStats, SystemStatus, Unsubscribe,
};

impl Calls for Service {
    async fn ping(&self, _: &Caller, _: Nothing) -> Result<&'static str, RpcError> {
        Ok("pong")
    }

    async fn get_camera_list(&self, _: &Caller, _: Nothing) -> Result<CameraList, RpcError> {
        self.camera_list().await
    }

    async fn get_camera_status(&self, _: &Caller, device: Device) -> Result<CameraStatus, RpcError> {
        self.camera_status(&device).await
    }

    async fn get_camera_capabilities(&self, _: &Caller, device: Device) -> Result<Capabilities, RpcError> {
        self.capabilities(&device).await
    }

    async fn get_streams(&self, _: &Caller, _: Nothing) -> Result<Streams, RpcError> {
        self.streams().await
    }

    async fn get_stream_url(&self, _: &Caller, device: Device) -> Result<StreamUrl, RpcError> {
        self.stream_url(&device).await
    }

    async fn get_stream_status(&self, _: &Caller, device: Device) -> Result<StreamStatus, RpcError> {
        self.stream_status(&device).await
    }

    async fn start_streaming(&self, _: &Caller, device: Device) -> Result<StreamStarted, RpcError> {
        self.start_stream(&device).await
    }

    async fn stop_streaming(&self, _: &Caller, device: Device) -> Result<StreamStopped, RpcError> {
        self.stop_stream(&device).await
    }

    async fn take_snapshot(&self, _: &Caller, request: SnapshotRequest) -> Result<SnapshotTaken, RpcError> {
        Service::take_snapshot(self, request).await
    }

    async fn start_recording(
        &self,
        _: &Caller,
        request: RecordingRequest,
    ) -> Result<RecordingStarted, RpcError> {
        Service::start_recording(self, &request).await
    }

    async fn stop_recording(&self, _: &Caller, device: Device) -> Result<RecordingStopped, RpcError> {
        Service::stop_recording(self, &device).await
    }

    async fn list_recordings(&self, _: &Caller, page: Page) -> Result<FileList, RpcError> {
        self.list(Kind::Recordings, page).await
    }

    async fn list_snapshots(&self, _: &Caller, page: Page) -> Result<FileList, RpcError> {
        self.list(Kind::Snapshots, page).await
    }

    async fn get_recording_info(&self, _: &Caller, file: File) -> Result<FileInfo, RpcError> {
        self.file_info(Kind::Recordings, &file).await
    }

    async fn get_snapshot_info(&self, _: &Caller, file: File) -> Result<FileInfo, RpcError> {
        self.file_info(Kind::Snapshots, &file).await
    }

    async fn delete_recording(&self, _: &Caller, file: File) -> Result<Deleted, RpcError> {
        self.delete(Kind::Recordings, file).await
    }

    async fn delete_snapshot(&self, _: &Caller, file: File) -> Result<Deleted, RpcError> {
        self.delete(Kind::Snapshots, file).await
    }

    async fn add_camera(&self, _: &Caller, new: NewCamera) -> Result<Camera, RpcError> {
        self.add(&new).await
    }

    async fn delete_camera(&self, _: &Caller, device: Device) -> Result<Camera, RpcError> {
        self.remove(&device).await
    }

    async fn get_config(&self, _: &Caller, _: Nothing) -> Result<ConfigView, RpcError> {
        Ok(self.config_view())
    }

    async fn modify_config(&self, _: &Caller, patch: ConfigPatch) -> Result<ConfigView, RpcError> {
        self.change_config(&patch).await
    }

    async fn get_storage_info(&self, _: &Caller, _: Nothing) -> Result<StorageInfo, RpcError> {
        self.storage_info().await
    }

    async fn set_retention_policy(
        &self,
        _: &Caller,
        policy: RetentionPolicy,
    ) -> Result<RetentionPolicy, RpcError> {
        self.set_retention(policy).await
    }

    async fn cleanup_old_files(&self, _: &Caller, _: Nothing) -> Result<CleanedUp, RpcError> {
        self.clean_up().await
    }

    async fn get_metrics(&self, _: &Caller, _: Nothing) -> Result<MetricsView, RpcError> {
        Ok(self.metrics_view())
    }

    async fn get_status(&self, _: &Caller, _: Nothing) -> Result<ServiceStatus, RpcError> {
        Ok(self.status())
    }

    async fn get_system_status(&self, _: &Caller, _: Nothing) -> Result<SystemStatus, RpcError> {
        Ok(self.system_status())
    }

    async fn get_server_info(&self, _: &Caller, _: Nothing) -> Result<ServerInfo, RpcError> {
        Ok(self.server_info())
    }

    async fn subscribe_events(&self, caller: &Caller, request: Subscribe) -> Result<Subscribed, RpcError> {
        Self::subscribe(caller, &request)
    }

    async fn unsubscribe_events(
        &self,
        caller: &Caller,
        request: Unsubscribe,
    ) -> Result<Subscribed, RpcError> {
        Ok(Self::unsubscribe(caller, &request))
    }

    async fn get_subscription_stats(
        &self,
        caller: &Caller,
        _: Nothing,
    ) -> Result<SubscriptionStats, RpcError> {
        Ok(self.subscription_stats(caller))
    }

    async fn discover_cameras(&self, _: &Caller, _: Nothing) -> Result<Discovered, RpcError> {
        self.discover().await
    }
}
