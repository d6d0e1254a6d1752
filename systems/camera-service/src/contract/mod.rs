//! The contract: which calls there are, who may make them, what they take and give. One table, `METHODS`; the server, its
//! tests, the OpenRPC document and `docs/camera-service/api.md` all come from it. It knows no socket and no camera.

mod audience;
mod bounded;
pub mod document;
mod error;
mod subject;
mod topics;
mod types;

use std::borrow::Cow;

use camera_access::{Event, Role};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::caller::Caller;
use subject::Subject;

pub use audience::{Audience, ForAudience};
pub use bounded::AtMost;
pub use error::{Code, RpcError};
pub use topics::{Notification, Topic};
pub use types::*;

/// One call of the contract.
pub struct Method {
    /// Its name on the wire.
    pub name: &'static str,
    /// The least role that may make it; `None`: whoever is connected.
    pub role: Option<Role>,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// The schema of its parameters, an object.
    pub params: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of its result.
    pub result: fn(&mut SchemaGenerator) -> Schema,
    /// Errors of its own, beside those that every call may answer.
    pub errors: &'static [Code],
    /// For a call that changes something: as what it is written to the audit log, however it ends.
    pub audit: Option<Event>,
}

/// The one call that is the connection's own: it has no identity yet, and is charged otherwise.
pub const AUTHENTICATE: Method = Method {
    name: "authenticate",
    role: None,
    about: "Gives this connection an identity, by a token or an API key. A later call replaces the identity.",
    params: schema::<Credential>,
    result: schema::<Authenticated>,
    errors: &[Code::NotAuthenticated, Code::InvalidState],
    audit: None,
};

/// Declares the calls once: the table, the type that a request is read into, and the trait that whoever answers them has to fulfil,
/// with the declared result. A call that changes something names its event of the audit log, and its parameters say what it is about.
macro_rules! methods {
    ($( $(#[doc = $about:literal])+ $variant:ident $name:ident $role:tt $effect:ident $([$event:ident])? ($params:ty) -> $result:ty, [$($code:ident),*]; )+) => {
        /// Every call, in the order of the documentation.
        pub const METHODS: &[Method] = &[AUTHENTICATE, $( Method {
            name: stringify!($name),
            role: methods!(@role $role),
            about: concat!($($about),+),
            params: schema::<$params>,
            result: schema::<$result>,
            errors: &[$(Code::$code),*],
            audit: methods!(@audit $effect $($event)?),
        } ),+];

        /// A request whose parameters have been read.
        #[derive(Debug)]
        pub enum Call { $( $(#[doc = $about])+ $variant($params) ),+ }

        /// Who answers the calls. An error is one that the contract names for the call.
        pub trait Calls: Sync {
            $( $(#[doc = $about])+
            fn $name(&self, caller: &Caller, params: $params) -> impl Future<Output = Result<$result, RpcError>> + Send; )+
        }

        impl Call {
            /// Reads the parameters of the call named `name`; `None` where there is no such call.
            ///
            /// # Errors
            /// Parameters that are not what the contract says (`INVALID_PARAMS`).
            pub fn read(name: &str, params: Option<&RawValue>) -> Option<Result<Call, RpcError>> {
                $( if name == stringify!($name) {
                    return Some(read_params(params).map(Call::$variant));
                } )+
                None
            }

            /// What a call that changes something is about, for the audit log; never a credential.
            #[must_use]
            pub fn subject(&self) -> String {
                match self { $( Call::$variant(_params) => methods!(@subject $effect _params) ),+ }
            }

            /// Has the call made, and gives its result as JSON, fitted to the caller.
            ///
            /// # Errors
            /// As the contract says of the call.
            pub async fn make(self, calls: &impl Calls, caller: &Caller) -> Result<String, RpcError> {
                match self { $( Call::$variant(params) => {
                    let mut result: $result = calls.$name(caller, params).await?;
                    result.fit(&caller.audience());
                    to_json(&result)
                } )+ }
            }
        }
    };
    (@role none) => { None };
    (@role viewer) => { Some(Role::Viewer) };
    (@role operator) => { Some(Role::Operator) };
    (@role admin) => { Some(Role::Admin) };
    (@audit looks) => { None };
    (@audit changes $event:ident) => { Some(Event::$event) };
    (@subject looks $params:ident) => { String::new() };
    (@subject changes $params:ident) => { $params.subject() };
}

methods! {
    /// Answers `"pong"`.
    Ping ping none looks (Nothing) -> &'static str, [];

    /// The cameras, by name.
    GetCameraList get_camera_list viewer looks (Nothing) -> CameraList, [];
    /// One camera, with what it has sent.
    GetCameraStatus get_camera_status viewer looks (Device) -> CameraStatus, [NotFound];
    /// What a camera can do, as far as it is known.
    GetCameraCapabilities get_camera_capabilities viewer looks (Device) -> Capabilities, [NotFound];
    /// The streams of all cameras.
    GetStreams get_streams viewer looks (Nothing) -> Streams, [];
    /// Where a camera's stream is to be had. Links of `hls` are signed and end after five minutes.
    GetStreamUrl get_stream_url viewer looks (Device) -> StreamUrl, [NotFound];
    /// Whether a stream is ready, who reads it and what feeds it.
    GetStreamStatus get_stream_status viewer looks (Device) -> StreamStatus, [NotFound];
    /// Starts a camera's stream; answers once it is ready. A stream that runs stays as it is.
    StartStreaming start_streaming operator changes[Stream] (Device) -> StreamStarted, [NotFound, DependencyFailed];
    /// Stops a camera's stream. Refused while it is being recorded.
    StopStreaming stop_streaming operator changes[Stream] (Device) -> StreamStopped, [NotFound, InvalidState];

    /// Takes a picture; answers once the file is there.
    TakeSnapshot take_snapshot operator changes[Snapshot] (SnapshotRequest) -> SnapshotTaken, [NotFound, InvalidState, DependencyFailed];
    /// Starts a recording; answers once its file is there and grows.
    StartRecording start_recording operator changes[Recording] (RecordingRequest) -> RecordingStarted, [NotFound, InvalidState, Unsupported, DependencyFailed];
    /// Ends a recording; answers with the file as it then is.
    StopRecording stop_recording operator changes[Recording] (Device) -> RecordingStopped, [NotFound, InvalidState, DependencyFailed];

    /// Recordings, newest first.
    ListRecordings list_recordings viewer looks (Page) -> FileList, [];
    /// Snapshots, newest first.
    ListSnapshots list_snapshots viewer looks (Page) -> FileList, [];
    /// One recording.
    GetRecordingInfo get_recording_info viewer looks (File) -> FileInfo, [NotFound];
    /// One snapshot.
    GetSnapshotInfo get_snapshot_info viewer looks (File) -> FileInfo, [NotFound];
    /// Deletes a recording; answers once it is gone. A recording that is being written is refused.
    DeleteRecording delete_recording operator changes[Deletion] (File) -> Deleted, [NotFound, InvalidState, DependencyFailed];
    /// Deletes a snapshot; answers once it is gone.
    DeleteSnapshot delete_snapshot operator changes[Deletion] (File) -> Deleted, [NotFound, DependencyFailed];

    /// Adds a camera, which outlasts a restart.
    AddCamera add_camera admin changes[ConfigurationChange] (NewCamera) -> Camera, [InvalidState, DependencyFailed];
    /// Removes a camera. A camera of the configuration file comes back with the next start; it is to be removed there.
    DeleteCamera delete_camera admin changes[Deletion] (Device) -> Camera, [NotFound, InvalidState];
    /// The effective configuration, secrets masked.
    GetConfig get_config admin looks (Nothing) -> ConfigView, [];
    /// Changes the changeable keys at once, and for later starts.
    ModifyConfig modify_config admin changes[ConfigurationChange] (ConfigPatch) -> ConfigView, [DependencyFailed];
    /// Sizes and levels of the disk.
    GetStorageInfo get_storage_info admin looks (Nothing) -> StorageInfo, [DependencyFailed];
    /// Sets how long files are kept.
    SetRetentionPolicy set_retention_policy admin changes[ConfigurationChange] (RetentionPolicy) -> RetentionPolicy, [DependencyFailed];
    /// Removes at once what the retention policy no longer keeps; answers what is really gone.
    CleanupOldFiles cleanup_old_files admin changes[Deletion] (Nothing) -> CleanedUp, [DependencyFailed];
    /// Numbers about the service.
    GetMetrics get_metrics admin looks (Nothing) -> MetricsView, [];
    /// The components and their state.
    GetStatus get_status admin looks (Nothing) -> ServiceStatus, [];
    /// Whether the service is starting, partly there or ready.
    GetSystemStatus get_system_status viewer looks (Nothing) -> SystemStatus, [];
    /// Name, version, formats and limits.
    GetServerInfo get_server_info viewer looks (Nothing) -> ServerInfo, [];

    /// Subscribes this connection to topics, added to those it has.
    SubscribeEvents subscribe_events viewer looks (Subscribe) -> Subscribed, [];
    /// Ends subscriptions; without topics, all.
    UnsubscribeEvents unsubscribe_events viewer looks (Unsubscribe) -> Subscribed, [];
    /// What this connection is subscribed to, got and lost.
    GetSubscriptionStats get_subscription_stats viewer looks (Nothing) -> SubscriptionStats, [];
    /// Looks for RTSP cameras in the configured address ranges, and for devices of this machine.
    DiscoverCameras discover_cameras operator looks (Nothing) -> Discovered, [InvalidState, Unsupported];
}

/// The method of that name.
#[must_use]
pub fn method(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Parameters are an object; none at all is the same as an empty one.
///
/// # Errors
/// Something else (`INVALID_PARAMS`).
pub fn read_params<T: DeserializeOwned>(params: Option<&RawValue>) -> Result<T, RpcError> {
    let text = params.map_or("{}", RawValue::get);
    let text: Cow<'_, str> = if matches!(text, "[]" | "null") { "{}".into() } else { text.into() };
    if !text.starts_with('{') {
        return Err(RpcError::invalid_params("parameters are given by name: \"params\": {\"...\": ...}"));
    }
    serde_json::from_str(&text).map_err(|error| {
        // The place is within the parameters and says little to the one who sent them.
        let said = error.to_string();
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        RpcError::invalid_params(said)
    })
}

/// A result as JSON.
///
/// # Errors
/// Never, for the contract's types.
pub fn to_json<T: serde::Serialize>(value: &T) -> Result<String, RpcError> {
    // Most results fit, so that it does not grow again and again.
    let mut bytes = Vec::with_capacity(1024);
    let written = serde_json::to_writer(&mut bytes, value).map_err(|error| error.to_string());
    let text = written.and_then(|()| String::from_utf8(bytes).map_err(|error| error.to_string()));
    text.map_err(|error| RpcError::new(Code::Internal, error))
}
